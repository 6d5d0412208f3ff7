/** Reproducible randomness. A sequence is the same for a seed for ever: seeds that have found something are written down. */

/** 0 … limit - 1 */
export type Below = (limit: number) => number

/** A linear congruential generator, of which the high bits count. */
export function linear(seed: number): Below {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor(state / 2 ** 32 * limit)
  }
}

/** One whose low bits are good too. Small seeds begin alike: see spread(). */
export function mixing(seed: number): Below {
  let state = seed >>> 0
  return (limit) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0
    const mixed = Math.imul(state ^ (state >>> 13), 0x297a2d39) >>> 0
    return (mixed >>> 8) % limit
  }
}
/** Of neighbouring numbers, seeds that are far apart. */
export const spread = (seed: number): number => Math.imul(seed, 0x9e3779b9) >>> 0

export class Random {
  readonly below: Below
  constructor(seed: number) { this.below = linear(seed) }
  pick<T>(list: readonly T[]): T { return list[this.below(list.length)]! }
}
