/**
 * The key of a table entry in 32-bit words: which words of the packet's key count, under which masks, and their values.
 * Entries with the same masks share them (a Tuple, see match-table.ts), so an entry keeps little more than its values.
 *
 * A KeyBuilder puts keys together from the byte strings of P4Runtime without a detour through bigints: begin(), then the
 * fields, then finish(). A field that is not given matches anything.
 */
import type { KeyField, KeyMatch } from './ir.js'
import { wordsFor } from './layout.js'
import type { Tuple } from './match-table.js'

export interface RangeCheck { readonly at: number; readonly words: number; readonly low: readonly number[]; readonly high: readonly number[] }

/** Also the link of a lookup's chains, so that an entry needs no further object. */
export class EntryKey<E = unknown> {
  tuple: Tuple<E>
  readonly hash: number
  /** The words of the key under the tuple's masks. */
  readonly words: readonly number[]
  readonly ranges: readonly RangeCheck[] | null
  entry: E | null = null
  /** Entries of the same hash bucket with another key. */
  next: EntryKey<E> | null = null
  /** Entries with the same key and a lower rank. */
  same: EntryKey<E> | null = null

  constructor(tuple: Tuple<E>, hash: number, words: readonly number[], ranges: readonly RangeCheck[] | null) {
    this.tuple = tuple
    this.hash = hash
    this.words = words
    this.ranges = ranges
  }
}

/** A field of which bits count under a tuple's masks, other than a range. */
export interface KeyPlace {
  readonly field: number
  /** Where in a key's words the field's are, the lowest first; -1: none of its bits count, and it is 0. */
  readonly from: readonly number[]
  readonly mask: bigint
  /** How many bits count. */
  readonly bits: number
}

/** The next step of the hash of a key; the lookup takes the same steps. */
export const hashStep = (hash: number, word: number): number => {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1)
  return mixed ^ (mixed >>> 15)
}

export class KeyBuilder<E> {
  readonly keyWords: number
  private readonly fields: readonly KeyField[]
  private readonly offsets: readonly number[]
  private readonly values: Int32Array
  private readonly masks: Int32Array
  private readonly tupleOf: (masks: Int32Array) => Tuple<E>
  private ranges: RangeCheck[] | null = null
  private readonly places = new WeakMap<Tuple<E>, readonly KeyPlace[]>()
  private readonly prefixField: number

  /** `tupleOf` gets the mask of each word of the key, 0 where nothing counts. */
  constructor(fields: readonly KeyField[], tupleOf: (masks: Int32Array) => Tuple<E>) {
    this.fields = fields
    this.tupleOf = tupleOf
    let at = 0
    this.offsets = fields.map(({ width }) => {
      const offset = at
      at += wordsFor(width)
      return offset
    })
    this.keyWords = at
    this.values = new Int32Array(at)
    this.masks = new Int32Array(at)
    this.prefixField = fields.findIndex(({ match }) => match === 'lpm')
  }

  begin(): void {
    this.values.fill(0)
    this.masks.fill(0)
    this.ranges = null
  }

  /** The big-endian value of a field; false: it does not fit. The bits are compared only where the mask says so. */
  value(field: number, bytes: Uint8Array): boolean { return this.put(this.values, field, bytes) }
  /** As value(). */
  mask(field: number, bytes: Uint8Array): boolean { return this.put(this.masks, field, bytes) }
  /** Every bit counts. */
  whole(field: number): void { this.prefix(field, this.width(field)) }
  /** The `length` highest bits count. */
  prefix(field: number, length: number): void {
    const at = this.offsets[field] as number
    const width = this.width(field)
    for (let word = 0; word * 32 < width; word++) {
      const from = Math.max(0, width - length - word * 32)
      const to = Math.min(32, width - word * 32)
      this.masks[at + word] = from >= to ? 0 : (to === 32 ? -1 : (1 << to) - 1) & (from === 0 ? -1 : -(2 ** from))
    }
  }
  /** No bit of the field counts. */
  isAnything(field: number): boolean { return this.every(field, (_, mask) => mask === 0) }
  /** The value has a bit where the mask has none. */
  hasStrayBits(field: number): boolean { return !this.every(field, (value, mask) => (value & ~mask) === 0) }
  /** Both bounds belong to it. */
  range(field: number, low: bigint, high: bigint): void {
    const { width } = this.fields[field] as KeyField
    if (low === 0n && high === (1n << BigInt(width)) - 1n) return
    this.ranges ??= []
    this.ranges.push({ at: this.offsets[field] as number, words: wordsFor(width), low: split(low, width), high: split(high, width) })
  }

  finish(): EntryKey<E> {
    const tuple = this.tupleOf(this.masks)
    const { active, masks } = tuple
    const words = new Array<number>(active.length)
    let hash = 0
    for (let at = 0; at < active.length; at++) {
      const word = (this.values[active[at] as number] as number) & (masks[at] as number)
      words[at] = word
      hash = hashStep(hash, word)
    }
    return new EntryKey(tuple, hash, words, this.ranges)
  }

  /** The key of entries that the program itself has. */
  of(match: readonly KeyMatch[]): EntryKey<E> {
    this.begin()
    match.forEach((part, field) => {
      if (part.kind === 'range') this.range(field, part.low, part.high)
      else this.words(field, part)
    })
    return this.finish()
  }
  private words(field: number, part: Exclude<KeyMatch, { kind: 'range' }>): void {
    const at = this.offsets[field] as number
    const { width } = this.fields[field] as KeyField
    for (let word = 0; word * 32 < width; word++) this.values[at + word] = wordAt(part.value, word)
    if (part.kind === 'exact') this.whole(field)
    else if (part.kind === 'lpm') this.prefix(field, part.length)
    else for (let word = 0; word * 32 < width; word++) this.masks[at + word] = wordAt(part.mask, word)
  }

  /** The opposite: what each field must be. */
  matchOf(key: EntryKey<E>): KeyMatch[] {
    const { values, masks } = this
    this.begin()
    key.tuple.active.forEach((at, index) => {
      values[at] = key.words[index] as number
      masks[at] = key.tuple.masks[index] as number
    })
    return this.fields.map((field, index): KeyMatch => {
      const at = this.offsets[index] as number
      const { width } = field
      if (field.match === 'range') {
        const range = key.ranges?.find((one) => one.at === at)
        return range === undefined ? { kind: 'range', low: 0n, high: (1n << BigInt(width)) - 1n } : { kind: 'range', low: joined(range.low, 0, width), high: joined(range.high, 0, width) }
      }
      const value = joined(values, at, width)
      if (field.match === 'exact') return { kind: 'exact', value }
      if (field.match === 'lpm') return { kind: 'lpm', value, length: bitsIn(masks, at, width) }
      return { kind: 'ternary', value, mask: joined(masks, at, width) }
    })
  }

  /** The fields that count in keys with these masks, in their order. An exact field always does. */
  placesOf(tuple: Tuple<E>): readonly KeyPlace[] {
    const known = this.places.get(tuple)
    if (known !== undefined) return known
    const made = this.fields.flatMap(({ match, width }, field): KeyPlace[] => {
      const at = this.offsets[field] as number
      const from = Array.from({ length: wordsFor(width) }, (_, word) => tuple.active.indexOf(at + word))
      if (match === 'range' || match !== 'exact' && from.every((index) => index === -1)) return []
      const masks = from.map((index) => (index === -1 ? 0 : tuple.masks[index] as number))
      return [{ field, from, mask: joined(masks, 0, width), bits: masks.reduce((bits, mask) => bits + ones(mask), 0) }]
    })
    this.places.set(tuple, made)
    return made
  }

  /** Bits of the longest-prefix field that count; 0 where the table has none. */
  prefixLength(key: EntryKey<E>): number {
    if (this.prefixField < 0) return 0
    const at = this.offsets[this.prefixField] as number
    const end = at + wordsFor(this.width(this.prefixField))
    return key.tuple.active.reduce((bits, word, index) => bits + (word >= at && word < end ? ones(key.tuple.masks[index] as number) : 0), 0)
  }

  private width(field: number): number { return (this.fields[field] as KeyField).width }
  private put(into: Int32Array, field: number, bytes: Uint8Array): boolean {
    return putBytes(into, this.offsets[field] as number, (this.fields[field] as KeyField).width, bytes)
  }
  private every(field: number, holds: (value: number, mask: number) => boolean): boolean {
    const at = this.offsets[field] as number
    const end = at + wordsFor(this.width(field))
    for (let word = at; word < end; word++) if (!holds(this.values[word] as number, this.masks[word] as number)) return false
    return true
  }
}

/** Big-endian bytes, leading zeros allowed, as words with the lowest first; false: they do not fit `width` bits. */
export const putBytes = (into: { [at: number]: number }, at: number, width: number, bytes: Uint8Array): boolean => {
  let from = bytes.length
  let last = 0
  for (let word = 0; word * 32 < width; word++) {
    last = 0
    for (let shift = 0; shift < 32 && from > 0; shift += 8) last |= (bytes[--from] as number) << shift
    into[at + word] = last
  }
  while (from > 0) if (bytes[--from] !== 0) return false
  const used = width & 31
  return used === 0 || last >>> used === 0
}

const wordAt = (bits: bigint, word: number): number => Number(BigInt.asIntN(32, word === 0 ? bits : bits >> BigInt(32 * word)))
/** Unsigned words, the lowest first. */
const split = (bound: bigint, width: number): number[] => Array.from({ length: wordsFor(width) }, (_, word) => wordAt(bound, word) >>> 0)

const joined = (words: { readonly [at: number]: number }, at: number, width: number): bigint => {
  let value = 0n
  for (let word = wordsFor(width) - 1; word >= 0; word--) value = value << 32n | BigInt((words[at + word] as number) >>> 0)
  return value
}

const ones = (word: number): number => {
  let count = 0
  for (let left = word; left !== 0; left &= left - 1) count++
  return count
}
const bitsIn = (words: Int32Array, at: number, width: number): number => {
  let count = 0
  for (let word = 0; word * 32 < width; word++) count += ones(words[at + word] as number)
  return count
}
