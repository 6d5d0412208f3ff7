/** Requests that have arrived and wait for the datapath, in order, with an account of what they take. */
import type { Frame, FrameRun } from '../openflow/index.js'

/** What requests that arrived together take apart from their bytes, about. */
const RUN_OVERHEAD = 128
/** How many taken places are kept before the list is shortened. */
const SLACK = 4096

export class HeldInput {
  #runs: (FrameRun | undefined)[] = []
  #head = 0
  #bytes = 0

  get isEmpty(): boolean {
    return this.#head === this.#runs.length
  }
  /** A request keeps the whole chunk alive that it arrived in, so that counts, once for all requests in it. */
  get bytes(): number {
    return this.#bytes
  }

  /** Not empty. */
  put(run: FrameRun): void {
    const before = this.isEmpty ? undefined : this.#runs.at(-1)
    this.#runs.push(run)
    this.#bytes += RUN_OVERHEAD + (before?.chunk === run.chunk ? 0 : run.chunk.length)
  }

  take(): Frame | undefined {
    const run = this.#runs[this.#head]
    const frame = run?.take() ?? undefined
    if (run !== undefined && run.count === 0) this.#drop(run)
    return frame
  }

  #drop(run: FrameRun): void {
    this.#runs[this.#head++] = undefined
    const next = this.#runs[this.#head]
    this.#bytes -= RUN_OVERHEAD + (next?.chunk === run.chunk ? 0 : run.chunk.length)
    if (this.#head === this.#runs.length || this.#head > SLACK) {
      this.#runs = this.#runs.slice(this.#head)
      this.#head = 0
    }
  }

  clear(): void {
    this.#runs = []
    this.#head = 0
    this.#bytes = 0
  }
}
