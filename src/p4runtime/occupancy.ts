/**
 * How many entries each table and the replication engine hold, counted from acknowledged updates. BMv2 answers an insert
 * into a full table with UNKNOWN, so only the count tells "full" from any other failure.
 */
import type { P4InfoIndex } from '../p4info/index.js'
import { p4 } from '../p4proto/generated.js'

const { INSERT, DELETE } = p4.v1.Update.Type

/** tableId 0: not an entry. */
export interface Occupant { readonly type: p4.v1.Update.Type; readonly tableId: number; readonly isGroup: boolean }

export class Occupancy {
  readonly #index: P4InfoIndex
  readonly #tables = new Map<number, number>()
  #groups = 0

  constructor(index: P4InfoIndex) {
    this.#index = index
  }

  /** To be called for each update that the target has carried out. */
  record({ type, tableId, isGroup }: Occupant): void {
    const step = type === INSERT ? 1 : type === DELETE ? -1 : 0
    if (step === 0) return
    if (tableId !== 0) this.#tables.set(tableId, (this.#tables.get(tableId) ?? 0) + step)
    else if (isGroup) this.#groups += step
  }

  /** Whether the table (or the engine) that an insert is meant for is full, as far as the P4Info tells its size. */
  isFull({ tableId }: Pick<Occupant, 'tableId'>): boolean {
    if (tableId !== 0) {
      const size = this.#index.tableById.get(tableId)?.size ?? 0
      return size > 0 && (this.#tables.get(tableId) ?? 0) >= size
    }
    const groups = this.#index.packageInfo.multicastGroups
    return groups > 0 && this.#groups >= groups
  }

  entriesOf(tableId: number): number {
    return this.#tables.get(tableId) ?? 0
  }
}
