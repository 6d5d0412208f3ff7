/** The TLS side of a passive endpoint: makes secured sockets of accepted ones, or tells why not. */
import { createServer } from 'node:tls'
import type { Server, TLSSocket } from 'node:tls'
import type { Socket } from 'node:net'
import type { Millis } from '../base/clock.js'
import { tlsFailure } from './tls-keys.js'
import type { TlsKeys } from './tls-keys.js'

export interface TlsAcceptorEvents {
  onSecure(socket: TLSSocket): void
  onFailure(socket: TLSSocket, reason: string): void
}

export class TlsAcceptor {
  readonly #keys: TlsKeys
  readonly #server: Server
  #generation: number

  /** `handshakeMs`: for a client to finish its part. */
  constructor(keys: TlsKeys, handshakeMs: Millis, events: TlsAcceptorEvents) {
    this.#keys = keys
    this.#generation = keys.generation
    // Verified here and not by Node, which would close the socket before its peer can be named.
    this.#server = createServer({ ...keys.options, requestCert: true, rejectUnauthorized: false, handshakeTimeout: handshakeMs })
    this.#server.on('secureConnection', (socket) => {
      const refusal = this.#refusal(socket)
      if (refusal === null) return events.onSecure(socket)
      events.onFailure(socket, refusal)
      socket.on('error', () => {})
      socket.destroy()
    })
    this.#server.on('tlsClientError', (error, socket) => {
      events.onFailure(socket, tlsFailure(error, keys.files.caCert))
      socket.destroy()
    })
  }

  /** The server never listens by itself; sockets are handed to it. */
  accept(socket: Socket): void {
    this.#keys.refresh()
    if (this.#generation !== this.#keys.generation) {
      this.#generation = this.#keys.generation
      this.#server.setSecureContext(this.#keys.options)
    }
    this.#server.emit('connection', socket)
  }

  #refusal(socket: TLSSocket): string | null {
    if (this.#keys.isBootstrapping) return `there is no ${this.#keys.files.caCert} yet, so no client can be trusted`
    const { raw } = socket.getPeerCertificate()
    if (raw === undefined) return 'the peer showed no certificate'
    return socket.authorized ? null : tlsFailure({ code: socket.authorizationError, message: String(socket.authorizationError) }, this.#keys.files.caCert)
  }
}
