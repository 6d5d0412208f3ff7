/**
 * Lookup by tuple space search: entries with the same mask share one hash table, and the tables are asked in the order of
 * the best rank they hold, until none of the rest can win. So a lookup costs one probe per distinct mask, however many
 * entries there are. Exact matches are one mask, a longest prefix match one mask per length (the rank is the length), and
 * ranges are checked along the chain of entries that agree in everything else.
 *
 * Rank is the priority for ternary and range tables: higher wins, and among equals the lower slot, as on BMv2.
 */
import type { KeyField, KeyMatch } from './ir.js'
import { wordsFor } from './layout.js'

/** What a lookup finds. Everything but the match belongs to the table's owner. */
export interface Ranked {
  readonly rank: number
  readonly slot: number
  readonly match: readonly KeyMatch[]
}

interface Node<E extends Ranked> {
  readonly entry: E
  readonly hash: number
  /** The words of the key under the tuple's mask. */
  readonly words: readonly number[]
  readonly ranges: readonly RangeCheck[] | null
  /** Entries of the same hash bucket with another key. */
  next: Node<E> | null
  /** Entries with the same key and a lower rank. */
  same: Node<E> | null
}
/** The key of an entry: the words that count, their masks and values, and ranges. Equal ids mean equal words and masks. */
interface EntryKey {
  readonly id: string
  readonly active: readonly number[]
  readonly masks: readonly number[]
  readonly words: readonly number[]
  readonly ranges: readonly RangeCheck[] | null
}
interface RangeCheck { readonly at: number; readonly words: number; readonly low: readonly number[]; readonly high: readonly number[] }

class Tuple<E extends Ranked> {
  /** Key words the mask touches, and the mask there. */
  readonly active: Int32Array
  readonly masks: Int32Array
  readonly id: string
  best = -1
  count = 0
  buckets: (Node<E> | null)[] = new Array<Node<E> | null>(8).fill(null)
  private readonly ranks = new Map<number, number>()
  private staleRemovals = 0

  constructor({ id, active, masks }: EntryKey) {
    this.id = id
    this.active = Int32Array.from(active)
    this.masks = Int32Array.from(masks)
  }

  rankAdded(rank: number): void {
    this.count++
    this.ranks.set(rank, (this.ranks.get(rank) ?? 0) + 1)
    if (rank > this.best) this.best = rank
  }

  /** `best` may stay too high for a while, which only costs a probe; it is computed anew once that pays. */
  rankRemoved(rank: number): void {
    this.count--
    const left = (this.ranks.get(rank) ?? 1) - 1
    if (left > 0) {
      this.ranks.set(rank, left)
      return
    }
    this.ranks.delete(rank)
    if (rank !== this.best && this.staleRemovals === 0) return
    if (++this.staleRemovals * 16 < this.ranks.size) return
    this.staleRemovals = 0
    this.best = -1
    for (const candidate of this.ranks.keys()) if (candidate > this.best) this.best = candidate
  }
}

export class MatchTable<E extends Ranked> {
  readonly keyWords: number
  private readonly key: Int32Array
  private readonly buildKey: (key: Int32Array) => void
  private readonly fields: readonly KeyField[]
  private readonly offsets: readonly number[]
  private tuples: Tuple<E>[] = []
  private readonly byId = new Map<string, Tuple<E>>()
  private readonly entries = new Map<string, E>()

  /** `buildKey` writes the packet's key, field after field, each in its own words. */
  constructor(fields: readonly KeyField[], buildKey: (key: Int32Array) => void) {
    this.fields = fields
    this.buildKey = buildKey
    let at = 0
    this.offsets = fields.map(field => {
      const offset = at
      at += wordsFor(field.width)
      return offset
    })
    this.keyWords = at
    this.key = new Int32Array(at)
  }

  get size(): number { return this.entries.size }
  values(): IterableIterator<E> { return this.entries.values() }

  lookup(): E | null {
    const { tuples, key } = this
    if (tuples.length === 0) return null
    this.buildKey(key)
    let best: E | null = null
    for (let t = 0; t < tuples.length; t++) {
      const tuple = tuples[t] as Tuple<E>
      if (best !== null && tuple.best < best.rank) break
      const { active, masks } = tuple
      let hash = 0
      for (let at = 0; at < active.length; at++) {
        hash = Math.imul(hash ^ ((key[active[at] as number] as number) & (masks[at] as number)), 0x9e3779b1)
        hash ^= hash >>> 15
      }
      let node = tuple.buckets[hash & (tuple.buckets.length - 1)] as Node<E> | null
      for (; node !== null; node = node.next) {
        if (node.hash !== hash || !agrees(node.words, active, masks, key)) continue
        for (let found: Node<E> | null = node; found !== null; found = found.same) {
          if (found.ranges !== null && !inRanges(found.ranges, key)) continue
          const { entry } = found
          if (best === null || entry.rank > best.rank || (entry.rank === best.rank && entry.slot < best.slot)) best = entry
          break
        }
        break
      }
    }
    return best
  }

  /** The identity of an entry: its match, and for ternary and range tables its rank too. Fields that match anything are left out. */
  identity(match: readonly KeyMatch[], rank: number): string {
    let text = String(rank)
    for (let at = 0; at < match.length; at++) {
      const field = match[at] as KeyMatch
      switch (field.kind) {
        case 'exact': text += `,${at}=${field.value.toString(36)}`; break
        case 'lpm': if (field.length > 0) text += `,${at}=${field.value.toString(36)}/${field.length}`; break
        case 'ternary': if (field.mask !== 0n) text += `,${at}=${field.value.toString(36)}&${field.mask.toString(36)}`; break
        case 'range': text += `,${at}=${field.low.toString(36)}-${field.high.toString(36)}`
      }
    }
    return text
  }

  find(match: readonly KeyMatch[], rank: number): E | undefined { return this.entries.get(this.identity(match, rank)) }

  /** The entry must not be in the table yet. */
  insert(entry: E): void {
    this.entries.set(this.identity(entry.match, entry.rank), entry)
    const key = this.keyOf(entry.match)
    let tuple = this.byId.get(key.id)
    if (tuple === undefined) {
      tuple = new Tuple<E>(key)
      this.byId.set(key.id, tuple)
      this.tuples.push(tuple)
    }
    const { words, ranges } = key
    const node: Node<E> = { entry, words, hash: hashOf(words), ranges, next: null, same: null }
    const best = tuple.best
    tuple.rankAdded(entry.rank)
    if (tuple.count > tuple.buckets.length * 2) grow(tuple)
    link(tuple, node)
    if (tuple.best !== best) this.sortTuples()
  }

  remove(entry: E): void {
    this.entries.delete(this.identity(entry.match, entry.rank))
    const key = this.keyOf(entry.match)
    const tuple = this.byId.get(key.id)
    if (tuple === undefined) return
    unlink(tuple, entry, hashOf(key.words))
    const best = tuple.best
    tuple.rankRemoved(entry.rank)
    if (tuple.count === 0) {
      this.byId.delete(tuple.id)
      this.tuples = this.tuples.filter(other => other !== tuple)
    } else if (tuple.best !== best) {
      this.sortTuples()
    }
  }

  clear(): void {
    this.tuples = []
    this.byId.clear()
    this.entries.clear()
  }

  /** The list is sorted but for one tuple, so this is one pass of insertion sort. */
  private sortTuples(): void {
    const { tuples } = this
    for (let at = 1; at < tuples.length; at++) {
      const tuple = tuples[at] as Tuple<E>
      let to = at
      for (; to > 0 && (tuples[to - 1] as Tuple<E>).best < tuple.best; to--) tuples[to] = tuples[to - 1] as Tuple<E>
      tuples[to] = tuple
    }
  }

  private keyOf(match: readonly KeyMatch[]): EntryKey {
    const active: number[] = []
    const masks: number[] = []
    const words: number[] = []
    let ranges: RangeCheck[] | null = null
    let id = ''
    for (let index = 0; index < match.length; index++) {
      const field = match[index] as KeyMatch
      const { width } = this.fields[index] as KeyField
      const full = (1n << BigInt(width)) - 1n
      const at = this.offsets[index] as number
      if (field.kind === 'range') {
        if (field.low === 0n && field.high === full) continue
        ranges ??= []
        ranges.push({ at, words: wordsFor(width), low: split(field.low, width), high: split(field.high, width) })
        continue
      }
      const mask = field.kind === 'exact' ? full : field.kind === 'ternary' ? field.mask : full >> BigInt(width - field.length) << BigInt(width - field.length)
      if (mask === 0n) continue
      const value = field.value & mask
      for (let word = 0; word * 32 < width; word++) {
        const significant = wordAt(mask, word)
        if (significant === 0) continue
        active.push(at + word)
        masks.push(significant)
        words.push(wordAt(value, word))
        id += `${at + word}:${significant},`
      }
    }
    return { id, active, masks, words, ranges }
  }
}

const wordAt = (bits: bigint, word: number): number => Number(BigInt.asIntN(32, word === 0 ? bits : bits >> BigInt(32 * word)))
/** Unsigned words, the lowest first. */
const split = (bound: bigint, width: number): number[] => Array.from({ length: wordsFor(width) }, (_, word) => wordAt(bound, word) >>> 0)

const agrees = (words: readonly number[], active: Int32Array, masks: Int32Array, key: Int32Array): boolean => {
  for (let at = 0; at < words.length; at++) {
    if (words[at] !== ((key[active[at] as number] as number) & (masks[at] as number))) return false
  }
  return true
}

const inRanges = (ranges: readonly RangeCheck[], key: Int32Array): boolean =>
  ranges.every(({ at, words, low, high }) => {
    let aboveLow = 0
    let belowHigh = 0
    for (let word = words - 1; word >= 0; word--) {
      const value = (key[at + word] as number) >>> 0
      if (aboveLow === 0) aboveLow = Math.sign(value - (low[word] as number))
      if (belowHigh === 0) belowHigh = Math.sign((high[word] as number) - value)
    }
    return aboveLow >= 0 && belowHigh >= 0
  })

const hashOf = (words: readonly number[]): number => {
  let hash = 0
  for (let at = 0; at < words.length; at++) {
    hash = Math.imul(hash ^ (words[at] as number), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  return hash
}

const sameWords = (a: readonly number[], b: readonly number[]): boolean => a.every((word, index) => word === b[index])

/** Chains of one key are sorted: higher rank first, then lower slot. */
const link = <E extends Ranked>(tuple: Tuple<E>, node: Node<E>): void => {
  const at = node.hash & (tuple.buckets.length - 1)
  let previous: Node<E> | null = null
  for (let head = tuple.buckets[at] ?? null; head !== null; previous = head, head = head.next) {
    if (head.hash !== node.hash || !sameWords(head.words, node.words)) continue
    if (isBefore(node.entry, head.entry)) {
      node.same = head
      node.next = head.next
      head.next = null
      if (previous === null) tuple.buckets[at] = node
      else previous.next = node
      return
    }
    let last = head
    while (last.same !== null && !isBefore(node.entry, last.same.entry)) last = last.same
    node.same = last.same
    last.same = node
    return
  }
  node.next = tuple.buckets[at] ?? null
  tuple.buckets[at] = node
}

const isBefore = (a: Ranked, b: Ranked): boolean => a.rank > b.rank || (a.rank === b.rank && a.slot < b.slot)

const unlink = <E extends Ranked>(tuple: Tuple<E>, entry: E, hash: number): void => {
  const at = hash & (tuple.buckets.length - 1)
  let previous: Node<E> | null = null
  for (let head = tuple.buckets[at] ?? null; head !== null; previous = head, head = head.next) {
    if (head.hash !== hash) continue
    if (head.entry === entry) {
      const heir = head.same ?? head.next
      if (head.same !== null) head.same.next = head.next
      if (previous === null) tuple.buckets[at] = heir
      else previous.next = heir
      return
    }
    for (let last = head; last.same !== null; last = last.same) {
      if (last.same.entry !== entry) continue
      last.same = last.same.same
      return
    }
  }
}

const grow = <E extends Ranked>(tuple: Tuple<E>): void => {
  const heads = tuple.buckets
  tuple.buckets = new Array<Node<E> | null>(heads.length * 4).fill(null)
  for (let head of heads) {
    while (head !== null) {
      const next: Node<E> | null = head.next
      const at = head.hash & (tuple.buckets.length - 1)
      head.next = tuple.buckets[at] ?? null
      tuple.buckets[at] = head
      head = next
    }
  }
}
