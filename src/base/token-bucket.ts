/** So many a second, of which a burst may come at once. Pure: the caller gives the time. */
import type { Millis } from './clock.js'

export class TokenBucket {
  readonly #rate: number
  readonly #burst: number
  #tokens: number
  #at: Millis

  /** `rate`: a second. `burst`: at least 1. */
  constructor(rate: number, burst: number, now: Millis) {
    this.#rate = rate
    this.#burst = burst
    this.#tokens = burst
    this.#at = now
  }

  take(now: Millis): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#rate / 1000)
    this.#at = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** How long until take() succeeds, after it has failed just now. */
  get wait(): Millis {
    return Math.max(0, (1 - this.#tokens) * 1000 / this.#rate)
  }
}
