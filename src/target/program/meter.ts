/**
 * Meters and counters. A meter is a two rate three colour marker, colour-blind, as BMv2 runs it: the peak bucket is asked
 * first, and tokens come as floor(time since start · rate), so that rounding never adds up. RFC 2698 §3.
 */
export const green = 0
export const yellow = 1
export const red = 2

/** Rates per second; bursts in packets or bytes. */
export interface MeterConfig { readonly cir: number; readonly cburst: number; readonly pir: number; readonly pburst: number }

class Bucket {
  private readonly perMillisecond: number
  private readonly burst: number
  private tokens: number
  private given = 0

  constructor(rate: number, burst: number) {
    this.perMillisecond = rate / 1000
    this.burst = burst
    this.tokens = burst
  }

  take(amount: number, elapsed: number): boolean {
    const total = Math.floor(elapsed * this.perMillisecond)
    this.tokens = Math.min(this.tokens + (total - this.given), this.burst)
    this.given = total
    if (this.tokens < amount) return false
    this.tokens -= amount
    return true
  }
}

export class Meter {
  readonly config: MeterConfig
  private readonly start: number
  private readonly peak: Bucket
  private readonly committed: Bucket

  constructor(config: MeterConfig, now: number) {
    this.config = config
    this.start = now
    this.peak = new Bucket(config.pir, config.pburst)
    this.committed = new Bucket(config.cir, config.cburst)
  }

  /** `amount` is 1, or the length of the packet as it came in. */
  execute(amount: number, now: number): number {
    const elapsed = now - this.start
    if (!this.peak.take(amount, elapsed)) return red
    return this.committed.take(amount, elapsed) ? green : yellow
  }
}

export class MeterArray {
  readonly size: number
  readonly inBytes: boolean
  private readonly meters: (Meter | null)[] = []
  constructor(size: number, inBytes: boolean) {
    this.size = size
    this.inBytes = inBytes
  }

  /** A meter that was never configured passes everything as green. */
  execute(index: number, length: number, now: number): number {
    const meter = this.meters[index]
    return meter === undefined || meter === null ? green : meter.execute(this.inBytes ? length : 1, now)
  }

  configure(index: number, config: MeterConfig | null, now: number): void {
    while (this.meters.length < index) this.meters.push(null)
    this.meters[index] = config === null ? null : new Meter(config, now)
  }

  config(index: number): MeterConfig | null { return this.meters[index]?.config ?? null }
}

export class CounterArray {
  readonly size: number
  readonly packets: Float64Array
  readonly bytes: Float64Array
  constructor(size: number) {
    this.size = size
    this.packets = new Float64Array(size)
    this.bytes = new Float64Array(size)
  }

  /** An index beyond the array counts nothing. */
  count(index: number, length: number): void {
    if (index >= this.size) return
    this.packets[index] = (this.packets[index] ?? 0) + 1
    this.bytes[index] = (this.bytes[index] ?? 0) + length
  }

  set(index: number, packets: number, bytes: number): void {
    this.packets[index] = packets
    this.bytes[index] = bytes
  }
}
