/** A small seeded random generator (mulberry32), so that a failing case is its seed. */
export class Random {
  #state: number

  constructor(seed: number) { this.#state = (seed * 2_654_435_761 + 0x9e37_79b9) >>> 0 }

  /** A number in [0, 1). */
  unit(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  /** An integer in [low, high]. */
  int(low: number, high: number): number { return low + Math.floor(this.unit() * (high - low + 1)) }

  chance(probability: number): boolean { return this.unit() < probability }

  pick<T>(from: readonly T[]): T {
    const item = from[this.int(0, from.length - 1)]
    if (item === undefined) throw new Error('pick from an empty list')
    return item
  }

  /** A random sub-list, in the order of the list. */
  some<T>(from: readonly T[], probability: number): T[] { return from.filter(() => this.chance(probability)) }

  bytes(count: number): Buffer { return Buffer.from(Array.from({ length: count }, () => this.int(0, 255))) }
}
