/**
 * Keeps one active connection: connects, and when that fails or ends, connects again after a pause (backoff.ts).
 *
 *   connecting ──▶ greeting ──▶ open ──▶ waiting ──▶ connecting …
 */
import { connect, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { monotonicNow } from '../base/clock.js'
import type { Millis } from '../base/clock.js'
import { formatEndpoint } from '../base/endpoint.js'
import type { Endpoint } from '../base/endpoint.js'
import { SwitchError, messageOf } from '../base/errors.js'
import type { LimitedLog } from '../base/logger.js'
import { Backoff } from './backoff.js'
import type { Connection } from './connection.js'
import { tlsFailure } from './tls-keys.js'
import type { TlsKeys } from './tls-keys.js'

export type ActiveEndpoint = Exclude<Endpoint, { readonly passive: true }>

export interface ConnectorOptions {
  readonly maxBackoffMs: Millis
  /** For the system to connect, and for the TLS handshake. */
  readonly connectMs: Millis
  /** Null where there are no ssl endpoints. */
  readonly tls: () => TlsKeys | null
  /** To connect from; not for unix endpoints. */
  readonly localAddress?: string | undefined
}

/** Makes a connection of a connected socket; `onClosed` is to be called once, when it has ended. */
export type Adopt = (socket: Socket, peer: string, onClosed: (reason: string) => void) => Connection

export class Connector {
  readonly name: string
  readonly #endpoint: ActiveEndpoint
  readonly #options: ConnectorOptions
  readonly #adopt: Adopt
  readonly #log: LimitedLog
  #maxBackoffMs: Millis
  #backoff: Backoff
  #timer: NodeJS.Timeout | null = null
  #socket: Socket | null = null
  #connection: Connection | null = null
  /** When hellos had been exchanged; null before. */
  #openSince: Millis | null = null
  #stopped = false
  #lastError: string | null = null

  constructor(endpoint: ActiveEndpoint, options: ConnectorOptions, adopt: Adopt, log: LimitedLog) {
    this.name = formatEndpoint(endpoint)
    this.#endpoint = endpoint
    this.#options = options
    this.#adopt = adopt
    this.#log = log
    this.#maxBackoffMs = options.maxBackoffMs
    this.#backoff = new Backoff(options.maxBackoffMs)
  }

  get state(): 'connecting' | 'greeting' | 'open' | 'waiting' {
    if (this.#connection !== null) return this.#connection.state === 'open' ? 'open' : 'greeting'
    return this.#socket === null ? 'waiting' : 'connecting'
  }
  get connection(): Connection | null {
    return this.#connection
  }
  /** Why there is, or last was, no connection. */
  get lastError(): string | null {
    return this.#lastError
  }

  start(): void {
    this.#again(0)
  }

  /** Ends attempts; an established connection is closed by its owner. */
  stop(): void {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#connection === null) this.#socket?.destroy()
  }

  /** From the next pause on. */
  setMaxBackoff(maxBackoffMs: Millis): void {
    if (maxBackoffMs === this.#maxBackoffMs) return
    this.#maxBackoffMs = maxBackoffMs
    this.#backoff = new Backoff(maxBackoffMs)
  }

  #again(lasted: Millis): void {
    if (this.#stopped) return
    const pause = this.#backoff.next(lasted)
    this.#timer = setTimeout(() => this.#attempt(), pause)
  }

  #attempt(): void {
    const tls = this.#options.tls()
    tls?.refresh()
    // Whoever can tell an authority is not verified, and not talked to either.
    const bootstrapping = this.#endpoint.transport === 'ssl' && tls?.isBootstrapping === true
    const socket = this.#dial(bootstrapping)
    this.#socket = socket
    let over = false
    const failed = (reason: string): void => {
      if (over) return
      over = true
      socket.destroy()
      this.#socket = null
      this.#lastError = reason
      if (this.#stopped) return
      this.#log.log('info', `connect ${this.name}`, { target: this.name, reason }, 'cannot connect to controller')
      this.#again(0)
    }
    const timer = setTimeout(() => failed(`no answer within ${this.#options.connectMs} ms`), this.#options.connectMs)
    socket.once('error', (error) => {
      clearTimeout(timer)
      failed(describeFailure(error, tls))
    })
    socket.once('close', () => {
      clearTimeout(timer)
      failed('connection lost')
    })
    socket.once(this.#endpoint.transport === 'ssl' ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      if (over) return
      if (connectedToItself(socket)) return failed('connection refused')
      if (bootstrapping) return failed(tls.learnAuthority(socket as TLSSocket))
      over = true
      this.#connection = this.#adopt(socket, peerName(socket, this.#endpoint.transport, this.name), (reason) => {
        const lasted = this.#openSince === null ? 0 : monotonicNow() - this.#openSince
        this.#lastError = reason
        this.#connection = null
        this.#socket = null
        this.#openSince = null
        this.#again(lasted)
      })
    })
  }

  #dial(bootstrapping: boolean): Socket {
    const endpoint = this.#endpoint
    if (endpoint.transport === 'unix') return connect({ path: endpoint.path })
    const { host, port } = endpoint
    const { localAddress } = this.#options
    const tls = this.#options.tls()
    const from = localAddress === undefined ? {} : { localAddress }
    if (endpoint.transport === 'tcp') return connect({ host, port, ...from })
    if (tls === null) throw new SwitchError('bug.tls', `${this.name} without TLS keys`)
    return connectTls({
      host, port, ...from, secureContext: tls.context, rejectUnauthorized: !bootstrapping,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // Certificates of switches and controllers are not made for a host, see tls-keys.ts.
      checkServerIdentity: () => undefined,
    })
  }

  /** The owner tells that hellos have been exchanged. */
  noteOpen(): void {
    this.#openSince = monotonicNow()
    this.#lastError = null
  }
}

/** A port in the range from which the system picks ours, with nobody listening: TCP may connect the socket to itself. */
const connectedToItself = (socket: Socket): boolean =>
  socket.localPort !== undefined && socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress

export const peerName = (socket: Socket, transport: Endpoint['transport'], otherwise: string): string =>
  socket.remoteAddress === undefined || socket.remotePort === undefined || transport === 'unix'
    ? otherwise
    : formatEndpoint({ transport, passive: false, host: socket.remoteAddress, port: socket.remotePort })

/** An AggregateError, of a name with several addresses, has no message of its own. */
function describeFailure(error: unknown, tls: TlsKeys | null): string {
  return error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : tlsFailure(error, tls?.files.caCert)
}
