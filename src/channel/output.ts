/**
 * What waits to be read by a peer. Messages are handed to the socket in portions, so that many small ones cost one
 * system call and so that it is seen whether the peer reads at all.
 */
import type { Socket } from 'node:net'

const PORTION_BYTES = 64 * 1024

export class Output {
  readonly #socket: Socket
  /** Called after each portion that the system has taken. */
  readonly #onProgress: () => void
  #waiting: Uint8Array[] = []
  #head = 0
  #waitingBytes = 0
  #writingBytes = 0
  #scheduled = false

  constructor(socket: Socket, onProgress: () => void) {
    this.#socket = socket
    this.#onProgress = onProgress
  }

  /** Bytes that the system has not taken yet. */
  get size(): number {
    return this.#waitingBytes + this.#writingBytes
  }

  /** Written at the end of this turn of the event loop, together with what is pushed until then. */
  push(bytes: Uint8Array): void {
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#scheduled || this.#writingBytes > 0) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#write()
    })
  }

  /** Hands everything to the socket, for a connection that is about to end. */
  flush(): void {
    if (this.#socket.destroyed || this.#waitingBytes === 0) return
    this.#socket.cork()
    for (const bytes of this.#waiting.slice(this.#head)) this.#socket.write(bytes)
    this.#socket.uncork()
    this.#waiting = []
    this.#head = 0
    this.#waitingBytes = 0
  }

  #write(): void {
    if (this.#writingBytes > 0 || this.#waitingBytes === 0 || this.#socket.destroyed || !this.#socket.writable) return
    this.#socket.cork()
    let portion = 0
    let last: Uint8Array | undefined
    while (portion < PORTION_BYTES && this.#head < this.#waiting.length) {
      if (last !== undefined) this.#socket.write(last)
      last = this.#waiting[this.#head++]
      portion += last?.length ?? 0
    }
    this.#waitingBytes -= portion
    this.#writingBytes = portion
    if (last !== undefined) {
      this.#socket.write(last, (error) => {
        this.#writingBytes = 0
        if (error) return
        this.#write()
        this.#onProgress()
      })
    }
    this.#socket.uncork()
    if (this.#head === this.#waiting.length) {
      this.#waiting = []
      this.#head = 0
    }
  }
}
