/**
 * The counters of many table entries in one typed array: a hundred thousand of them are one object, which crosses between
 * threads without a copy, and whoever only passes them on makes no bigint of them.
 *
 *   id, packets (high word, low word), bytes (high word, low word); 32 bits each
 */
const WIDTH = 5
/** The highest number that an entry can have here. */
export const MOST_ID = 0xffff_ffff
const WORD = 2 ** 32

export class CounterColumns {
  readonly #words: Uint32Array

  /** Of a whole number of entries. */
  constructor(words: Uint32Array) { this.#words = words }

  static of(entries: Iterable<{ readonly id: number; readonly packets: bigint; readonly bytes: bigint }>): CounterColumns {
    const builder = new CounterColumnsBuilder()
    for (const { id, packets, bytes } of entries) builder.addWide(id, packets, bytes)
    return builder.done()
  }

  /** Of entries of several tables, one after another. */
  static joined(parts: readonly CounterColumns[]): CounterColumns {
    const [first] = parts
    if (parts.length === 1 && first !== undefined) return first
    const words = new Uint32Array(parts.reduce((sum, part) => sum + part.#words.length, 0))
    parts.reduce((at, part) => {
      words.set(part.#words, at)
      return at + part.#words.length
    }, 0)
    return new CounterColumns(words)
  }

  get count(): number { return this.#words.length / WIDTH }
  idAt(index: number): number { return this.#words[index * WIDTH] ?? 0 }
  packetsAt(index: number): bigint { return this.#wide(index * WIDTH + 1) }
  bytesAt(index: number): bigint { return this.#wide(index * WIDTH + 3) }
  /** Nothing has been counted. */
  isZeroAt(index: number): boolean {
    const words = this.#words
    const at = index * WIDTH
    return words[at + 1] === 0 && words[at + 2] === 0 && words[at + 3] === 0 && words[at + 4] === 0
  }

  * [Symbol.iterator](): IterableIterator<{ readonly id: number; readonly packets: bigint; readonly bytes: bigint }> {
    for (let index = 0; index < this.count; index++) yield { id: this.idAt(index), packets: this.packetsAt(index), bytes: this.bytesAt(index) }
  }

  /** A bigint of 32 bits needs no arithmetic; most are. */
  #wide(at: number): bigint {
    const high = this.#words[at] ?? 0
    const low = this.#words[at + 1] ?? 0
    return high === 0 ? BigInt(low) : BigInt(high) << 32n | BigInt(low)
  }
}

export class CounterColumnsBuilder {
  #words: Uint32Array<ArrayBuffer>
  #at = 0

  /** `expected` entries fit without growing. */
  constructor(expected = 16) { this.#words = new Uint32Array(expected * WIDTH) }

  /** Counts that are whole numbers below 2^53; an id below 2^32. */
  add(id: number, packets: number, bytes: number): void {
    this.addWords(id, Math.floor(packets / WORD), packets >>> 0, Math.floor(bytes / WORD), bytes >>> 0)
  }
  addWide(id: number, packets: bigint, bytes: bigint): void {
    this.addWords(id, Number(packets >> 32n), Number(packets & 0xffff_ffffn), Number(bytes >> 32n), Number(bytes & 0xffff_ffffn))
  }
  addWords(id: number, packetsHigh: number, packetsLow: number, bytesHigh: number, bytesLow: number): void {
    if (this.#at === this.#words.length) this.#grow()
    const words = this.#words
    const at = this.#at
    words[at] = id
    words[at + 1] = packetsHigh
    words[at + 2] = packetsLow
    words[at + 3] = bytesHigh
    words[at + 4] = bytesLow
    this.#at = at + WIDTH
  }

  /** For the other side of a thread, which makes CounterColumns of it: a buffer of its own. */
  words(): Uint32Array<ArrayBuffer> {
    return this.#at === this.#words.length ? this.#words : this.#words.slice(0, this.#at)
  }
  done(): CounterColumns { return new CounterColumns(this.words()) }

  #grow(): void {
    const larger = new Uint32Array(Math.max(16 * WIDTH, this.#words.length * 2))
    larger.set(this.#words)
    this.#words = larger
  }
}
