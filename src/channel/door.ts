/**
 * A listener whose clients can be kept waiting: the address is ours from the beginning, so that what is wrong with it is told
 * at once, and whoever comes before anybody may be served waits, for as long as a peer waits for a hello.
 *
 *   listen() ──▶ waiting ──serve()──▶ serving ──serve()──▶ serving somebody else's ──close()──▶ closed
 */
import type { Socket } from 'node:net'
import type { Millis } from '../base/clock.js'
import type { Endpoint } from '../base/endpoint.js'
import { listen, type Listener } from './listener.js'

export interface DoorOptions {
  /** How long a client waits before it is sent away, and how many may. */
  readonly patienceMs: Millis
  readonly most: number
  /** A connection could not be accepted. */
  readonly onError: (reason: string) => void
}

export class Door {
  readonly #options: DoorOptions
  /** With the timer that sends each of them away. */
  readonly #waiting = new Map<Socket, NodeJS.Timeout>()
  #serve: ((socket: Socket) => void) | null = null
  #listener: Listener | null = null

  private constructor(options: DoorOptions) { this.#options = options }

  /** Rejects with SwitchError where the address cannot be had. */
  static async listen(endpoint: Endpoint, options: DoorOptions): Promise<Door> {
    const door = new Door(options)
    door.#listener = await listen(endpoint, (socket) => door.#onClient(socket), options.onError)
    return door
  }

  /** With the real port where 0 was asked for. */
  get endpoint(): Endpoint | null { return this.#listener?.endpoint ?? null }

  /** Clients go here from now on, those that have waited first. */
  serve(serve: (socket: Socket) => void): void {
    this.#serve = serve
    for (const [socket, timer] of [...this.#waiting]) {
      this.#forget(socket, timer)
      serve(socket)
    }
  }

  /** Clients wait again. */
  hold(): void { this.#serve = null }

  /** Ends those that wait; those that were served belong to others. Resolves when the address is free and they have gone. */
  async close(): Promise<void> {
    for (const [socket, timer] of [...this.#waiting]) {
      this.#forget(socket, timer)
      socket.on('error', () => {})
      socket.destroy()
    }
    await this.#listener?.close()
  }

  #onClient(socket: Socket): void {
    if (this.#serve !== null) return this.#serve(socket)
    if (this.#waiting.size >= this.#options.most) {
      socket.on('error', () => {})
      return void socket.destroy()
    }
    socket.on('error', ignore)
    socket.once('close', this.#leave)
    this.#waiting.set(socket, setTimeout(() => socket.destroy(), this.#options.patienceMs))
  }

  #leave = (): void => {
    for (const [socket, timer] of [...this.#waiting]) if (socket.destroyed) this.#forget(socket, timer)
  }

  #forget(socket: Socket, timer: NodeJS.Timeout): void {
    clearTimeout(timer)
    socket.off('error', ignore)
    socket.off('close', this.#leave)
    this.#waiting.delete(socket)
  }
}

const ignore = (): void => {}
