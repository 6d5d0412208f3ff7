/**
 * Reads the counters of a table's entries by their controller_metadata, a part at a time, so that packets are not held up
 * by a table of a million entries. What is added or removed meanwhile may be in it or not.
 */
import { CounterColumnsBuilder, MOST_ID } from '../base/counter-columns.js'
import type { Table, TableEntry } from './program/table.js'

const mostId = BigInt(MOST_ID)

export class CounterReading {
  readonly #entries: Iterator<TableEntry>
  readonly #counters: CounterColumnsBuilder

  constructor({ entries }: Table) {
    this.#entries = entries.values()
    this.#counters = new CounterColumnsBuilder(entries.size)
  }

  /** Reads so many entries more; false: there was nothing left. */
  advance(most: number): boolean {
    for (let count = 0; count < most; count++) {
      const next = this.#entries.next()
      if (next.done === true) return false
      const { controllerMetadata, packets, bytes } = next.value
      if (controllerMetadata !== 0n && controllerMetadata <= mostId) this.#counters.add(Number(controllerMetadata), packets, bytes)
    }
    return true
  }

  /** What CounterColumns are made of. */
  words(): Uint32Array<ArrayBuffer> { return this.#counters.words() }
}
