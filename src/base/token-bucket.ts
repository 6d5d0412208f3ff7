/** So many a second, of which a second's worth may come at once. Pure: the caller gives the time. */
import type { Millis } from './clock.js'

export class TokenBucket {
  readonly #rate: number
  #tokens: number
  #at: Millis

  constructor(rate: number, now: Millis) {
    this.#rate = rate
    this.#tokens = rate
    this.#at = now
  }

  take(now: Millis): boolean {
    this.#tokens = Math.min(this.#rate, this.#tokens + (now - this.#at) * this.#rate / 1000)
    this.#at = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
