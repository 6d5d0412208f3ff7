/**
 * Clients that watch a controller connection (`ovs-ofctl snoop`): after a hello in the version of that connection each gets a copy
 * of every message of it, in both directions. What such a client sends is not looked at; one that does not read is cut off.
 */
import type { Socket } from 'node:net'
import { decodeMessage, encodeMessage, Framer } from '../openflow/index.js'
import { negotiate, ourHello } from './negotiation.js'

/** With this much waiting for it, a client has stopped reading. */
const MAX_WAITING_BYTES = 1024 * 1024
const GREETING_MS = 5000

export class Snooper {
  /** Of the connection that is watched. */
  readonly watched: number
  readonly #socket: Socket
  readonly #version: number
  readonly #framer = new Framer()
  readonly #timer: NodeJS.Timeout
  #open = false

  constructor(socket: Socket, watched: number, version: number, onClosed: () => void) {
    this.#socket = socket
    this.watched = watched
    this.#version = version
    this.#timer = setTimeout(() => socket.destroy(), GREETING_MS)
    socket.on('error', () => {})
    socket.once('close', () => {
      clearTimeout(this.#timer)
      onClosed()
    })
    socket.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    for (const bytes of encodeMessage(ourHello([version]).hello, version, 0)) socket.write(bytes)
  }

  copy(frame: Uint8Array): void {
    if (!this.#open) return
    if (this.#socket.writableLength > MAX_WAITING_BYTES) this.#socket.destroy()
    else this.#socket.write(frame)
  }
  close(): void {
    this.#socket.destroySoon()
  }

  #onData(chunk: Uint8Array): void {
    if (this.#open) return
    try {
      this.#framer.push(chunk)
      const frame = this.#framer.next()
      if (frame === null) return
      const decoded = decodeMessage(frame, frame.version)
      if (!decoded.ok || decoded.message.type !== 'hello') return void this.#socket.destroy()
      const result = negotiate([this.#version], decoded.message, frame.version)
      if (result.ok) {
        this.#open = true
        clearTimeout(this.#timer)
        return
      }
      const data = new TextEncoder().encode(result.text)
      for (const bytes of encodeMessage({ type: 'error', name: 'OFPHFC_INCOMPATIBLE', data }, this.#version, frame.xid)) this.#socket.write(bytes)
      this.close()
    } catch {
      this.#socket.destroy()
    }
  }
}
