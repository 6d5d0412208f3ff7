/**
 * Lookups and matches of the tables, so far: a target that starts anew counts from zero, the switch goes on counting, and
 * while the target is away the last reading stands. OF 1.3.5 §5.8 (counters), §7.3.5.4
 */
import type { TableCounters } from './events.js'

const NONE: TableCounters = { lookups: 0n, matched: 0n }

export class TableTally {
  readonly #tables = new Map<number, { readonly before: TableCounters; readonly reading: TableCounters }>()
  /** Tables that a reading lacked: the target does not count them. */
  readonly #uncounted = new Set<number>()

  note(tableIds: readonly number[], answer: ReadonlyMap<number, TableCounters>): void {
    for (const tableId of tableIds) if (!answer.has(tableId)) this.#uncounted.add(tableId)
    for (const [tableId, reading] of answer) {
      const { before, reading: last } = this.#tables.get(tableId) ?? { before: NONE, reading: NONE }
      const restarted = reading.lookups < last.lookups
      this.#tables.set(tableId, { before: restarted ? sum(before, last) : before, reading })
    }
  }

  /** null: not known. */
  of(tableId: number): TableCounters | null {
    if (this.#uncounted.has(tableId)) return null
    const { before, reading } = this.#tables.get(tableId) ?? { before: NONE, reading: NONE }
    return sum(before, reading)
  }
}

const sum = (a: TableCounters, b: TableCounters): TableCounters => ({ lookups: a.lookups + b.lookups, matched: a.matched + b.matched })
