/**
 * Whether the peer is still there: after a time without anything received an echo request goes out, and after as long again the
 * connection is given up, as Open vSwitch does it.
 *
 *   in: heard(), the timer;  out: probe(), lost()
 */
import { monotonicNow } from '../base/clock.js'
import type { Millis } from '../base/clock.js'

export interface LivenessEvents {
  /** The silence is ours: we do not read. */
  isOurs(): boolean
  probe(): void
  /** `interval` after the probe. */
  lost(interval: Millis): void
}

export class Liveness {
  readonly #events: LivenessEvents
  #timer: NodeJS.Timeout | null = null
  #interval: Millis
  #last: Millis = monotonicNow()
  #probed = false
  /** When the answer to the probe began to be waited for. */
  #quietFrom: Millis = 0
  /** When the timer was to fire. */
  #due: Millis = 0

  /** `interval` 0: no probes. */
  constructor(interval: Millis, events: LivenessEvents) {
    this.#interval = interval
    this.#events = events
  }

  /** Since something was last received. */
  get silentFor(): Millis {
    return monotonicNow() - this.#last
  }

  heard(): void {
    this.#last = monotonicNow()
    this.#probed = false
  }
  /** As heard(), but a probe that is under way stays so. */
  excuse(): void {
    this.#last = monotonicNow()
  }

  start(): void {
    this.stop()
    this.#arm(this.#interval)
  }
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  /** Begins anew with another interval. */
  restart(interval: Millis): void {
    this.#interval = interval
    this.heard()
    this.start()
  }
  set interval(interval: Millis) {
    this.#interval = interval
  }

  #arm(ms: Millis): void {
    if (this.#interval <= 0) return
    const wait = Math.max(1, ms)
    this.#due = monotonicNow() + wait
    this.#timer = setTimeout(() => this.#onTimer(), wait)
  }

  #onTimer(): void {
    const interval = this.#interval
    if (this.#events.isOurs()) this.#last = monotonicNow()
    const now = monotonicNow()
    const idle = now - this.#last
    if (idle < interval - 1) return this.#arm(interval - idle)
    if (!this.#probed) {
      this.#probed = true
      this.#quietFrom = now
      this.#events.probe()
      return this.#arm(interval)
    }
    // While this process did not run (a machine that sleeps, or has too much to do) it could not hear, and perhaps the peer could not speak.
    if (now - this.#due > interval / 2) this.#quietFrom = now
    const quiet = now - Math.max(this.#quietFrom, this.#last)
    if (quiet < interval - 1) return this.#arm(interval - quiet)
    this.#events.lost(interval)
  }
}
