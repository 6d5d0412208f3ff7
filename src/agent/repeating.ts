/** Work done again and again with a pause in between, one run at a time; a run that fails is told and the next one comes. */
import type { Millis } from '../base/clock.js'

export class Repeating {
  readonly #pause: Millis
  readonly #work: () => Promise<void>
  readonly #failed: (error: unknown) => void
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(pause: Millis, work: () => Promise<void>, failed: (error: unknown) => void) {
    this.#pause = pause
    this.#work = work
    this.#failed = failed
  }

  get stopped(): boolean { return this.#stopped }

  start(): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#running = this.#work().catch(this.#failed).then(() => this.start())
    }, this.#pause)
  }

  /** Resolves when a run that is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#running
  }
}
