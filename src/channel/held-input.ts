/** Requests that have arrived and wait for the datapath, in order, with an account of what they take. */
import type { Frame } from '../openflow/index.js'

/** What a waiting request takes apart from its bytes, about. */
const FRAME_OVERHEAD = 128
/** How many taken places are kept before the list is shortened. */
const SLACK = 4096

export class HeldInput {
  #frames: (Frame | undefined)[] = []
  #head = 0
  #bytes = 0

  get isEmpty(): boolean {
    return this.#head === this.#frames.length
  }
  /** A request keeps the whole chunk alive that it arrived in, so that counts, once for all requests in it. */
  get bytes(): number {
    return this.#bytes
  }

  put(frame: Frame): void {
    const before = this.isEmpty ? undefined : this.#frames.at(-1)
    this.#frames.push(frame)
    this.#bytes += FRAME_OVERHEAD + (before?.chunk === frame.chunk ? 0 : frame.chunk.length)
  }

  take(): Frame | undefined {
    const frame = this.#frames[this.#head]
    if (frame === undefined) return undefined
    this.#frames[this.#head++] = undefined
    const next = this.#frames[this.#head]
    this.#bytes -= FRAME_OVERHEAD + (next?.chunk === frame.chunk ? 0 : frame.chunk.length)
    if (this.#head === this.#frames.length || this.#head > SLACK) {
      this.#frames = this.#frames.slice(this.#head)
      this.#head = 0
    }
    return frame
  }

  clear(): void {
    this.#frames = []
    this.#head = 0
    this.#bytes = 0
  }
}
