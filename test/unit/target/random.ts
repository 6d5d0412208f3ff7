/** Reproducible randomness for property tests: mulberry32. A failing seed is named in the message of its test. */
export class Random {
  private state: number
  constructor(seed: number) { this.state = seed | 0 }
  next = (): number => {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ this.state >>> 15, 1 | this.state)
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
    return ((t ^ t >>> 14) >>> 0) / 4294967296
  }
  /** 0 … below - 1 */
  below(limit: number): number { return Math.floor(this.next() * limit) }
  pick<T>(list: readonly T[]): T { return list[this.below(list.length)] as T }
  chance(probability: number): boolean { return this.next() < probability }
  bits(width: number): bigint {
    // Edges are where mistakes are: zeros, ones, and single bits as often as anything.
    const kind = this.below(6)
    if (kind === 0) return 0n
    if (kind === 1) return (1n << BigInt(width)) - 1n
    if (kind === 2) return 1n << BigInt(this.below(width))
    let value = 0n
    for (let at = 0; at < width; at += 16) value = value << 16n | BigInt(this.below(65536))
    return BigInt.asUintN(width, value)
  }
  bytes(length: number): Uint8Array { return Uint8Array.from({ length }, () => this.below(256)) }
}
