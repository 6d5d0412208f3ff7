/** Functions that generated code calls by name. Division by zero, which BMv2 asserts against, gives 0. */
const bigOf = (...words: number[]): bigint => words.reduceRight((value, word) => value << 32n | BigInt(word >>> 0), 0n)

const pushStack = (state: Int32Array, base: number, stride: number, depth: number, next: number, count: number): void => {
  const moved = Math.min(count, depth)
  state.copyWithin(base + moved * stride, base, base + (depth - moved) * stride)
  for (let at = 0; at < moved; at++) state[base + at * stride] = 0
  state[next] = Math.min(depth, (state[next] ?? 0) + moved)
}

const popStack = (state: Int32Array, base: number, stride: number, depth: number, next: number, count: number): void => {
  const moved = Math.min(count, depth)
  state.copyWithin(base, base + moved * stride, base + depth * stride)
  for (let at = depth - moved; at < depth; at++) state[base + at * stride] = 0
  state[next] = Math.max(0, (state[next] ?? 0) - moved)
}

const sameWords = (state: Int32Array, a: number, b: number, words: number): boolean => {
  for (let at = 0; at < words; at++) if (state[a + at] !== state[b + at]) return false
  return true
}

/** Writes the low `width` bits of a word at a bit offset of zeroed bytes; returns the offset behind them. */
const putBits = (bytes: Uint8Array, offset: number, word: number, width: number): number => {
  for (let left = width, at = offset; left > 0;) {
    const room = 8 - (at & 7)
    const count = Math.min(room, left)
    const part = word >>> (left - count) & (1 << count) - 1
    bytes[at >>> 3] = (bytes[at >>> 3] ?? 0) | part << (room - count)
    left -= count
    at += count
  }
  return offset + width
}

export const helpers = {
  putBits,
  bigOf,
  pushStack,
  popStack,
  wordOf: (value: bigint, index: number): number => Number(BigInt.asIntN(32, value >> BigInt(32 * index))),
  divide: (a: number, b: number): number => b === 0 ? 0 : (a - a % b) / b,
  modulo: (a: number, b: number): number => b === 0 ? 0 : a % b,
  divideBig: (a: bigint, b: bigint): bigint => b === 0n ? 0n : a / b,
  moduloBig: (a: bigint, b: bigint): bigint => b === 0n ? 0n : a % b,
  clampBig: (value: bigint, low: bigint, high: bigint): bigint => value < low ? low : value > high ? high : value,
  shiftRight: (value: number, amount: number): number => amount > 31 ? 0 : value >>> amount,
  byteAt: (bytes: Uint8Array, at: number, end: number): number => at < end ? bytes[at] ?? 0 : 0,
  hashOffset: (hash: bigint, size: bigint, base: bigint): bigint => BigInt.asUintN(64, hash % (size === 0n ? 1n : size) + base),
  randomBig: (random: () => number, count: bigint): bigint => {
    let value = 0n
    for (let bits = 0; bits < count.toString(2).length + 32; bits += 32) value = value << 32n | BigInt(Math.floor(random() * 4294967296))
    return value % count
  },
  sameWords,
  /** Two header blocks are equal when both are valid and agree in every word. */
  sameBlock: (state: Int32Array, a: number, b: number, words: number): boolean => state[a] !== 0 && state[b] !== 0 && sameWords(state, a + 1, b + 1, words - 1),
  fail: (text: string): never => { throw new Error(text) },
} as const
