/**
 * The input of one connection: bytes are cut into messages; what concerns the connection is given to it at once, the rest is
 * held and handed over in slices, between which other connections and timers have their turn. Of what is held only the
 * headers are looked at, so that a flood of requests is read, and echo requests in it are found, as fast as it arrives.
 *
 *   chunk ─▶ framer ─┬─ hello, echo, error ─▶ onFrame
 *                    └─ requests ─▶ held ─ a slice, while mayDeliver() ─▶ onRequest
 */
import { monotonicNow } from '../base/clock.js'
import type { Millis } from '../base/clock.js'
import { type Frame, FrameRun, Framer } from '../openflow/index.js'
import { FIRST_OF_VERSION } from './connection-types.js'
import { HeldInput } from './held-input.js'
import type { ChannelLimits } from './limits.js'

/** None of these throws. */
export interface InputOwner {
  /** Whether each message is to go through onFrame(), and not only those that concern the connection. */
  takesAll(): boolean
  /** True: it is to be held. */
  onFrame(frame: Frame): boolean
  /** So many messages were held without onFrame(). */
  onHeld(count: number): void
  onRequest(frame: Frame): void
  /** Nothing is read after it. */
  onLost(error: unknown): void
  mayDeliver(): boolean
  /** After a slice that was delivered in a turn of its own. */
  onSlice(): void
}

/** Of the system's read buffer half: more is likely to follow at once. */
const LARGE_CHUNK = 32 * 1024

export class Input {
  readonly #limits: ChannelLimits
  readonly #owner: InputOwner
  readonly #framer = new Framer()
  readonly #held = new HeldInput()
  #delivering = false
  #continuation: NodeJS.Immediate | null = null
  /** Much has come since the last look, and when requests were last handed over. */
  #arriving = false
  #lastSlice: Millis = 0
  #stopped = false

  constructor(limits: ChannelLimits, owner: InputOwner) {
    this.#limits = limits
    this.#owner = owner
  }

  get isEmpty(): boolean {
    return this.#held.isEmpty
  }
  /** That wait to be delivered. */
  get bytes(): number {
    return this.#held.bytes
  }

  receive(chunk: Uint8Array): void {
    const isBehind = !this.#held.isEmpty
    this.#arriving ||= chunk.length >= LARGE_CHUNK
    this.#framer.push(chunk)
    while (!this.#stopped && this.#cut());
    // What comes in large parts goes on: all of it is looked through for echo requests before the rest is carried out.
    if (isBehind || this.#arriving) this.continueSoon()
    else this.#deliver()
  }

  /** Other connections, timers and this one's echo requests have their turn first. */
  continueSoon(): void {
    if (this.#continuation !== null || this.#stopped) return
    this.#continuation = setImmediate(() => {
      this.#continuation = null
      const isArriving = this.#arriving
      this.#arriving = false
      if (isArriving && monotonicNow() - this.#lastSlice < this.#limits.readAheadMs) return this.continueSoon()
      this.#deliver()
      this.#owner.onSlice()
    })
  }

  /** What is held is forgotten. */
  stop(): void {
    this.#stopped = true
    if (this.#continuation !== null) clearImmediate(this.#continuation)
    this.#continuation = null
    this.#held.clear()
  }

  /** False at the end of what has arrived. */
  #cut(): boolean {
    const run = this.#owner.takesAll() ? null : this.#framer.nextRun(FIRST_OF_VERSION)
    if (run !== null) {
      this.#owner.onHeld(run.count)
      this.#held.put(run)
      return true
    }
    let frame: Frame | null
    try {
      frame = this.#framer.next()
    } catch (error) {
      // A length that is no length: there is no way to find the next message. OF 1.3.5 §7.5.4.2
      this.#owner.onLost(error)
      return false
    }
    if (frame === null) return false
    if (this.#owner.onFrame(frame) && !this.#stopped) this.#held.put(FrameRun.of(frame))
    return true
  }

  #deliver(): void {
    if (this.#delivering || this.#continuation !== null) return
    this.#delivering = true
    const until = monotonicNow() + this.#limits.sliceMs
    let count = 0
    while (this.#mayDeliver()) {
      const frame = this.#held.take()
      if (frame !== undefined) this.#owner.onRequest(frame)
      if (++count % 32 === 0 && monotonicNow() > until) break
    }
    this.#delivering = false
    this.#lastSlice = monotonicNow()
    if (this.#mayDeliver()) this.continueSoon()
  }

  #mayDeliver(): boolean {
    return !this.#stopped && !this.#held.isEmpty && this.#owner.mayDeliver()
  }
}
