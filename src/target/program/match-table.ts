/**
 * Lookup by tuple space search: entries with the same mask share one hash table, and the tables are asked in the order of
 * the best rank they hold, until none of the rest can win. So a lookup costs one probe per distinct mask, however many
 * entries there are. Exact matches are one mask, a longest prefix match one mask per length (the rank is the length), and
 * ranges are checked along the chain of entries that agree in everything else.
 *
 * Rank is the priority for ternary and range tables: higher wins, and among equals the lower slot, as on BMv2.
 */
import { hashStep, KeyBuilder } from './entry-key.js'
import type { EntryKey, RangeCheck } from './entry-key.js'
import type { KeyField } from './ir.js'

/** What a lookup finds. Everything but the key belongs to the table's owner. */
export interface Ranked<E> {
  readonly rank: number
  readonly slot: number
  readonly key: EntryKey<E>
}

export class Tuple<E> {
  /** Key words the masks touch, and the mask of each. */
  readonly active: Int32Array
  readonly masks: Int32Array
  readonly hash: number
  best = -1
  count = 0
  buckets: (EntryKey<E> | null)[] = []
  private readonly ranks = new Map<number, number>()
  private staleRemovals = 0

  constructor(hash: number, active: Int32Array, masks: Int32Array) {
    this.hash = hash
    this.active = active
    this.masks = masks
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

export class MatchTable<E extends Ranked<E>> {
  /** Makes the keys of entries and queries, one after another. */
  readonly keys: KeyBuilder<E>
  private readonly key: Int32Array
  private readonly buildKey: (key: Int32Array) => void
  /** Those that hold entries, the best rank first. */
  private tuples: Tuple<E>[] = []
  private readonly byHash = new Map<number, Tuple<E>[]>()
  private readonly entries = new Set<E>()

  /** `buildKey` writes the packet's key, field after field, each in its own words. */
  constructor(fields: readonly KeyField[], buildKey: (key: Int32Array) => void) {
    this.buildKey = buildKey
    this.keys = new KeyBuilder<E>(fields, (masks) => this.tupleOf(masks))
    this.key = new Int32Array(this.keys.keyWords)
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
      for (let at = 0; at < active.length; at++) hash = hashStep(hash, (key[active[at] as number] as number) & (masks[at] as number))
      let node = tuple.buckets[hash & (tuple.buckets.length - 1)] as EntryKey<E> | null
      for (; node !== null; node = node.next) {
        if (node.hash !== hash || !agrees(node.words, active, masks, key)) continue
        for (let found: EntryKey<E> | null = node; found !== null; found = found.same) {
          if (found.ranges !== null && !inRanges(found.ranges, key)) continue
          const entry = found.entry as E
          if (best === null || entry.rank > best.rank || (entry.rank === best.rank && entry.slot < best.slot)) best = entry
          break
        }
        break
      }
    }
    return best
  }

  /** The entry with this key and rank. */
  find(key: EntryKey<E>, rank: number): E | undefined {
    for (let node = headOf(key); node !== null; node = node.same) {
      if (node.entry?.rank === rank && sameRanges(node.ranges, key.ranges)) return node.entry
    }
    return undefined
  }

  /** Those with this key, whatever their rank. */
  withKey(key: EntryKey<E>): E[] {
    const found: E[] = []
    for (let node = headOf(key); node !== null; node = node.same) {
      if (node.entry !== null && sameRanges(node.ranges, key.ranges)) found.push(node.entry)
    }
    return found
  }

  /** The entry must not be in the table yet. */
  insert(entry: E): void {
    const { key } = entry
    key.entry = entry
    this.entries.add(entry)
    const tuple = this.register(key.tuple)
    key.tuple = tuple
    const best = tuple.best
    tuple.rankAdded(entry.rank)
    if (tuple.count > tuple.buckets.length * 2) grow(tuple)
    link(tuple, key, entry)
    if (tuple.best !== best) this.sortTuples()
  }

  remove(entry: E): void {
    const { tuple } = entry.key
    this.entries.delete(entry)
    unlink(tuple, entry)
    const best = tuple.best
    tuple.rankRemoved(entry.rank)
    if (tuple.count === 0) this.unregister(tuple)
    else if (tuple.best !== best) this.sortTuples()
  }

  /** The tuple of these masks: the one that holds entries, or one that does not yet. */
  private tupleOf(masks: Int32Array): Tuple<E> {
    let hash = 0
    let count = 0
    for (let at = 0; at < masks.length; at++) {
      const mask = masks[at] as number
      if (mask === 0) continue
      hash = hashStep(hashStep(hash, at), mask)
      count++
    }
    const known = this.byHash.get(hash)?.find(tuple => tuple.active.length === count && tuple.active.every((at, index) => masks[at] === tuple.masks[index]))
    if (known !== undefined) return known
    const active = Int32Array.from([...masks.keys()].filter(at => masks[at] !== 0))
    return new Tuple<E>(hash, active, active.map(at => masks[at] as number))
  }

  private register(tuple: Tuple<E>): Tuple<E> {
    if (tuple.count > 0) return tuple
    const known = this.byHash.get(tuple.hash)?.find(other => sameWords(other.active, tuple.active) && sameWords(other.masks, tuple.masks))
    if (known !== undefined) return known
    tuple.best = -1
    tuple.buckets = new Array<EntryKey<E> | null>(8).fill(null)
    this.tuples.push(tuple)
    const list = this.byHash.get(tuple.hash)
    if (list === undefined) this.byHash.set(tuple.hash, [tuple])
    else list.push(tuple)
    return tuple
  }

  private unregister(tuple: Tuple<E>): void {
    this.tuples = this.tuples.filter(other => other !== tuple)
    const rest = (this.byHash.get(tuple.hash) ?? []).filter(other => other !== tuple)
    if (rest.length === 0) this.byHash.delete(tuple.hash)
    else this.byHash.set(tuple.hash, rest)
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
}

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

const sameWords = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}
const sameRanges = (a: readonly RangeCheck[] | null, b: readonly RangeCheck[] | null): boolean =>
  a === b || (a !== null && b !== null && a.length === b.length
    && a.every(({ at, low, high }) => b.some(other => other.at === at && sameWords(other.low, low) && sameWords(other.high, high))))

/** The first of the entries that agree with a key in its words. */
const headOf = <E>({ tuple, hash, words }: EntryKey<E>): EntryKey<E> | null => {
  let node = tuple.count === 0 ? null : tuple.buckets[hash & (tuple.buckets.length - 1)] ?? null
  while (node !== null && (node.hash !== hash || !sameWords(node.words, words))) node = node.next
  return node
}

/** Chains of one key are sorted: higher rank first, then lower slot. */
const link = <E extends Ranked<E>>(tuple: Tuple<E>, node: EntryKey<E>, entry: E): void => {
  const at = node.hash & (tuple.buckets.length - 1)
  let previous: EntryKey<E> | null = null
  for (let head = tuple.buckets[at] ?? null; head !== null; previous = head, head = head.next) {
    if (head.hash !== node.hash || !sameWords(head.words, node.words)) continue
    if (isBefore(entry, head.entry as E)) {
      node.same = head
      node.next = head.next
      head.next = null
      if (previous === null) tuple.buckets[at] = node
      else previous.next = node
      return
    }
    let last = head
    while (last.same !== null && !isBefore(entry, last.same.entry as E)) last = last.same
    node.same = last.same
    last.same = node
    return
  }
  node.next = tuple.buckets[at] ?? null
  tuple.buckets[at] = node
}

const isBefore = <E extends Ranked<E>>(a: E, b: E): boolean => a.rank > b.rank || (a.rank === b.rank && a.slot < b.slot)

const unlink = <E extends Ranked<E>>(tuple: Tuple<E>, { key }: E): void => {
  const at = key.hash & (tuple.buckets.length - 1)
  let previous: EntryKey<E> | null = null
  for (let head = tuple.buckets[at] ?? null; head !== null; previous = head, head = head.next) {
    if (head.hash !== key.hash) continue
    if (head === key) {
      const heir = head.same ?? head.next
      if (head.same !== null) head.same.next = head.next
      if (previous === null) tuple.buckets[at] = heir
      else previous.next = heir
      return
    }
    for (let last = head; last.same !== null; last = last.same) {
      if (last.same !== key) continue
      last.same = key.same
      return
    }
  }
}

const grow = <E>(tuple: Tuple<E>): void => {
  const heads = tuple.buckets
  tuple.buckets = new Array<EntryKey<E> | null>(heads.length * 4).fill(null)
  for (let head of heads) {
    while (head !== null) {
      const next: EntryKey<E> | null = head.next
      const at = head.hash & (tuple.buckets.length - 1)
      head.next = tuple.buckets[at] ?? null
      tuple.buckets[at] = head
      head = next
    }
  }
}
