/**
 * Packet-ins on their way to one controller, pure: fair by ingress port, at no more than a rate, and waiting while the
 * controller does not read. Misses have a queue and a rate of their own, so that unknown flows do not displace what a flow
 * sends on purpose; both as in Open vSwitch (controller_rate_limit, controller_burst_limit).
 */
import { earliest, type Millis } from '../base/clock.js'
import { FairQueue } from '../base/fair-queue.js'
import type { FairQueueBounds } from '../base/fair-queue.js'
import { TokenBucket } from '../base/token-bucket.js'
import type { Message } from '../openflow/index.js'

/** Also in Open vSwitch's forms. */
export type PacketIn = Extract<Message, { readonly type: 'packet_in' | 'nx_packet_in' | 'nx_packet_in2' }>

export const isPacketIn = (message: Message): message is PacketIn =>
  message.type === 'packet_in' || message.type === 'nx_packet_in' || message.type === 'nx_packet_in2'

export interface PacketInRate {
  /** Packet-ins a second; null = no limit. */
  readonly rate: number | null
  /** How many may come at once after a pause, and how many may wait for their turn; null = a quarter of the rate. */
  readonly burst: number | null
}

/** What a waiting packet-in takes apart from its packet, about. */
const OVERHEAD = 256

interface Scheduler { readonly queue: FairQueue<PacketIn>; readonly bucket: TokenBucket | null }

export class PacketInScheduler {
  readonly #misses: Scheduler
  readonly #others: Scheduler

  /** `bounds`: of what may wait, where no rate says less; each for misses and for the rest. */
  constructor({ rate, burst }: PacketInRate, bounds: FairQueueBounds, now: Millis) {
    const scheduler = (): Scheduler => {
      if (rate === null) return { queue: new FairQueue(bounds), bucket: null }
      const most = Math.max(1, burst ?? Math.floor(rate / 4))
      return { queue: new FairQueue({ items: Math.min(most, bounds.items), bytes: bounds.bytes }), bucket: new TokenBucket(rate, most, now) }
    }
    this.#misses = scheduler()
    this.#others = scheduler()
  }

  get bytes(): number { return this.#misses.queue.bytes + this.#others.queue.bytes }
  get isEmpty(): boolean { return this.#misses.queue.length + this.#others.queue.length === 0 }

  /** Tells how many were dropped for it. */
  put(message: PacketIn): number {
    const { queue } = message.reason === 'no_match' ? this.#misses : this.#others
    return queue.push(inPort(message), message, message.data.length + OVERHEAD)
  }

  /** The next that may leave now. */
  take(now: Millis): PacketIn | null {
    return takeFrom(this.#misses, now) ?? takeFrom(this.#others, now)
  }

  /** How long until one may leave, after take() has said that none may now; null = none waits. */
  get wait(): Millis | null {
    return earliest(waitOf(this.#misses), waitOf(this.#others))
  }

  /** Takes out all that wait. */
  drain(): PacketIn[] {
    return [this.#misses, this.#others].flatMap(({ queue }) => Array.from({ length: queue.length }, () => queue.shift()).filter((message) => message !== undefined))
  }

  clear(): void {
    this.#misses.queue.clear()
    this.#others.queue.clear()
  }
}

const takeFrom = ({ queue, bucket }: Scheduler, now: Millis): PacketIn | null =>
  queue.length > 0 && (bucket === null || bucket.take(now)) ? queue.shift() ?? null : null
const waitOf = ({ queue, bucket }: Scheduler): Millis | null => queue.length === 0 ? null : bucket?.wait ?? 0

/** 0 where the message does not tell. */
export const inPort = ({ match }: PacketIn): number => Number(match.find(({ field }) => field === 'in_port')?.value ?? 0n)
