/**
 * Between the target's packet-ins and the datapath: takes them as fast as they come, so that the target never waits for
 * us, and hands them on in slices of time, in turns by ingress port. A port that floods loses its own packets, and delays
 * neither those of the other ports nor requests, echo and timers.
 */
import { monotonicNow } from '../base/clock.js'
import type { Millis } from '../base/clock.js'
import { FairQueue } from '../base/fair-queue.js'
import type { FairQueueBounds } from '../base/fair-queue.js'
import type { LimitedLog } from '../base/logger.js'
import type { TargetPacketIn } from '../p4runtime/index.js'

export interface AdmissionLimits extends FairQueueBounds {
  /** Milliseconds without a yield. */
  readonly sliceMs: Millis
}
const defaultLimits: AdmissionLimits = { items: 4096, bytes: 8 * 1024 * 1024, sliceMs: 5 }
/** What a waiting packet takes apart from its bytes, about. */
const OVERHEAD = 512

export class PacketInAdmission {
  readonly #deliver: (packet: TargetPacketIn) => void
  readonly #log: LimitedLog
  readonly #limits: AdmissionLimits
  readonly #queue: FairQueue<TargetPacketIn>
  #next: NodeJS.Immediate | null = null
  #dropped = 0

  constructor(deliver: (packet: TargetPacketIn) => void, log: LimitedLog, limits: AdmissionLimits = defaultLimits) {
    this.#deliver = deliver
    this.#log = log
    this.#limits = limits
    this.#queue = new FairQueue(limits)
  }

  get dropped(): number { return this.#dropped }

  offer(packet: TargetPacketIn): void {
    const port = Number(packet.metadata['in_port'] ?? 0n)
    const dropped = this.#queue.push(port, packet, packet.payload.length + OVERHEAD)
    if (dropped > 0) {
      this.#dropped += dropped
      this.#log.log('warn', 'packet-ins', { waiting: this.#queue.length, dropped: this.#dropped }, 'more packet-ins than can be handled; the port with the most of them loses')
    }
    this.#next ??= setImmediate(() => this.#run())
  }

  stop(): void {
    if (this.#next !== null) clearImmediate(this.#next)
    this.#next = null
    this.#queue.clear()
  }

  #run(): void {
    this.#next = null
    const until = monotonicNow() + this.#limits.sliceMs
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) {
      this.#deliver(packet)
      if (monotonicNow() > until) break
    }
    if (this.#queue.length > 0) this.#next ??= setImmediate(() => this.#run())
  }
}
