/**
 * Pauses between attempts to connect, pure: none before the first, then doubling from `firstMs` up to `maxMs`. A
 * connection that lasted as long as the longest pause starts the series again, so that a controller that restarts is
 * found at once, and one that refuses us each time is not stormed.
 */
import type { Millis } from '../base/clock.js'

const FIRST_MS = 100

export class Backoff {
  readonly #firstMs: Millis
  readonly #maxMs: Millis
  #next: Millis = 0

  constructor(maxMs: Millis) {
    this.#maxMs = maxMs
    this.#firstMs = Math.min(FIRST_MS, maxMs)
  }

  /** The pause before the next attempt. `lasted`: how long the connection that ended was open, 0 for a failed attempt. */
  next(lasted: Millis): Millis {
    if (lasted >= this.#maxMs) this.#next = 0
    const pause = this.#next
    this.#next = Math.min(this.#maxMs, Math.max(this.#firstMs, pause * 2))
    return pause
  }
}
