/**
 * Items that wait, in a queue for each key, bounded as a whole. They leave in turns, one of each key, and where there is no
 * room the longest queue loses its oldest item: a key that brings much can neither delay nor displace one that brings
 * little. Open vSwitch's scheduling of packet-ins, where the key is the port.
 */

export interface FairQueueBounds {
  readonly items: number
  readonly bytes: number
}
interface Waiting<T> { readonly item: T; readonly size: number }
interface Line<T> { waiting: Waiting<T>[]; head: number; bytes: number }

export class FairQueue<T> {
  readonly #bounds: FairQueueBounds
  /** In the order of their turns; none is empty. */
  readonly #lines = new Map<number, Line<T>>()
  #length = 0
  #bytes = 0

  constructor(bounds: FairQueueBounds) {
    this.#bounds = bounds
  }

  get length(): number { return this.#length }
  get bytes(): number { return this.#bytes }

  /** Tells how many items were dropped for it; the item itself is dropped only where it is larger than all the room. */
  push(key: number, item: T, size: number): number {
    const { items, bytes } = this.#bounds
    if (size > bytes || items < 1) return 1
    let dropped = 0
    while (this.#length >= items) dropped += this.#drop(lengthOf)
    while (this.#bytes + size > bytes) dropped += this.#drop(bytesOf)
    let line = this.#lines.get(key)
    if (line === undefined) this.#lines.set(key, line = { waiting: [], head: 0, bytes: 0 })
    line.waiting.push({ item, size })
    line.bytes += size
    this.#length++
    this.#bytes += size
    return dropped
  }

  shift(): T | undefined {
    const next = this.#lines.entries().next().value
    if (next === undefined) return undefined
    const [key, line] = next
    // Deleted and set again, its key is the last one of the map.
    this.#lines.delete(key)
    const item = this.#first(line)
    if (line.head < line.waiting.length) this.#lines.set(key, line)
    return item
  }

  clear(): void {
    this.#lines.clear()
    this.#length = 0
    this.#bytes = 0
  }

  #drop(measure: (line: Line<T>) => number): 1 {
    let longest: [number, Line<T>] | undefined
    for (const entry of this.#lines) if (longest === undefined || measure(entry[1]) > measure(longest[1])) longest = entry
    if (longest === undefined) throw new Error('bug: nothing waits, and there is no room')
    const [key, line] = longest
    this.#first(line)
    if (line.head === line.waiting.length) this.#lines.delete(key)
    return 1
  }

  #first(line: Line<T>): T {
    const { item, size } = line.waiting[line.head]!
    line.head++
    line.bytes -= size
    this.#length--
    this.#bytes -= size
    if (line.head > 64 && line.head * 2 > line.waiting.length) {
      line.waiting = line.waiting.slice(line.head)
      line.head = 0
    }
    return item
  }
}

const lengthOf = (line: Line<unknown>): number => line.waiting.length - line.head
const bytesOf = (line: Line<unknown>): number => line.bytes
