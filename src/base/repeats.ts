/**
 * Rate limiting of messages that repeat: a token bucket for each key, and the number of those left out is told with the
 * next one that passes. Pure: the caller gives the time. Used for logs that a hostile or broken peer could flood.
 */
import type { Millis } from './clock.js'

export interface RepeatLimitOptions {
  /** This many of a key pass at once … */
  readonly burst?: number
  /** … and one more for each interval. */
  readonly intervalMs?: Millis
  /** Keys remembered at a time; the oldest is forgotten beyond that, so that invented keys cost no memory. */
  readonly maxKeys?: number
}
/** `suppressed`: how many of this key were left out since the last that passed. */
export interface RepeatDecision { readonly pass: boolean; readonly suppressed: number }

interface Bucket { tokens: number; last: Millis; suppressed: number }

export class RepeatLimiter {
  readonly #burst: number
  readonly #intervalMs: Millis
  readonly #maxKeys: number
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: RepeatLimitOptions = {}) {
    this.#burst = options.burst ?? 5
    this.#intervalMs = options.intervalMs ?? 10_000
    this.#maxKeys = options.maxKeys ?? 1000
  }

  decide(key: string, now: Millis): RepeatDecision {
    const bucket = this.#buckets.get(key) ?? { tokens: this.#burst, last: now, suppressed: 0 }
    // Re-inserted so that the map's order is the order of use.
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > this.#maxKeys) {
      const oldest = this.#buckets.keys().next()
      if (!oldest.done) this.#buckets.delete(oldest.value)
    }
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (now - bucket.last) / this.#intervalMs)
    bucket.last = now
    if (bucket.tokens < 1) {
      bucket.suppressed++
      return { pass: false, suppressed: bucket.suppressed }
    }
    bucket.tokens -= 1
    const { suppressed } = bucket
    bucket.suppressed = 0
    return { pass: true, suppressed }
  }
}
