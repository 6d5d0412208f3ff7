/**
 * Reading counters: which entities to ask for, and whose counter an answer is. Used by the session in the queue's order.
 * P4RT 1.4 §9.1, §9.3, §13
 */
import { CounterColumnsBuilder, MOST_ID, type CounterColumns } from '../base/counter-columns.js'
import type { NamedEntity, NamedTableEntry } from '../compiler/ir.js'
import type { P4InfoIndex, TableInfo } from '../p4info/index.js'
import type { p4 } from '../p4proto/generated.js'
import { toBigInt, toNumber } from '../p4proto/int64.js'
import { RpcError } from '../p4proto/service.js'
import { codes } from '../p4proto/codes.js'
import { encodeKey, keyText } from './encode.js'
import type { TargetLimits } from './encode.js'
import type { DirectCounter } from './southbound.js'

export type ReadEntities = (entities: p4.v1.IEntity[]) => Promise<p4.v1.IEntity[]>

/** The counters of all entries of a table; the entries that carry no controllerMetadata of ours are left out. */
export async function readTable(read: ReadEntities, table: TableInfo): Promise<CounterColumns> {
  const counters = new CounterColumnsBuilder()
  for (const { tableEntry: entry } of await read([wholeTable(table.id)])) {
    const id = entry ? flowIdOf(entry) : 0
    if (id > 0 && id <= MOST_ID) counters.addWide(id, toBigInt(entry?.counterData?.packetCount), toBigInt(entry?.counterData?.byteCount))
  }
  return counters.done()
}
/** controllerMetadata of an entry; 0 where there is none, or one that is not ours because it is no exact number. */
export function flowIdOf(entry: p4.v1.ITableEntry): number {
  const value = Number(toBigInt(entry.controllerMetadata))
  return Number.isSafeInteger(value) ? value : 0
}

export interface EntryReads {
  /** Entries that can be read one by one, by the text of their key. */
  readonly single: readonly { readonly entity: p4.v1.IEntity; readonly key: string; readonly controllerMetadata: number }[]
  /**
   * Entries that match everything. PI takes an empty match for the whole table, whatever the priority, so the entry is
   * picked out of all of them. By table id.
   */
  readonly wildcard: ReadonlyMap<number, ReadonlyMap<string, number>>
  /** What cannot be asked for, as reasons. */
  readonly refused: readonly string[]
}

export function planEntryReads(entries: readonly NamedEntity[], index: P4InfoIndex, limits: TargetLimits): EntryReads {
  const single: EntryReads['single'][number][] = []
  const wildcard = new Map<number, Map<string, number>>()
  const refused: string[] = []
  for (const entry of entries) {
    const key = entry.kind === 'table' ? keyOfCounted(entry, index, limits) : { ok: false as const, reason: `a ${entry.kind} entity has no direct counter` }
    if (!key.ok) {
      refused.push(key.reason)
      continue
    }
    const { controllerMetadata } = entry as NamedTableEntry
    const tableId = key.value.tableId ?? 0
    if ((key.value.match ?? []).length > 0) {
      single.push({ entity: { directCounterEntry: { tableEntry: key.value } }, key: keyText(key.value), controllerMetadata })
    } else {
      const keys = wildcard.get(tableId) ?? new Map<string, number>()
      wildcard.set(tableId, keys.set(keyText(key.value), controllerMetadata))
    }
  }
  return { single, wildcard, refused }
}

function keyOfCounted(entry: NamedTableEntry, index: P4InfoIndex, limits: TargetLimits): ReturnType<typeof encodeKey> {
  if (index.tables.get(entry.table)?.directCounter === null) return { ok: false, reason: `table '${entry.table}' has no direct counter` }
  return encodeKey(entry, index, limits)
}

/** Entries that are not in the target are left out of the result. Rejects with RpcError. */
export async function readEntries(read: ReadEntities, plan: EntryReads): Promise<DirectCounter[]> {
  const results: DirectCounter[] = []
  await readSingle(read, plan.single, results)
  for (const [tableId, keys] of plan.wildcard) {
    for (const { tableEntry: entry } of await read([wholeTable(tableId)])) {
      const controllerMetadata = entry && (entry.match ?? []).length === 0 ? keys.get(keyText(entry)) : undefined
      if (controllerMetadata !== undefined) results.push(counterOf(controllerMetadata, entry?.counterData))
    }
  }
  return results
}

const MAX_ENTITIES = 1000

/** One missing entry fails a whole Read, so a failed one is halved until the missing entries stand alone. */
async function readSingle(read: ReadEntities, wanted: EntryReads['single'], results: DirectCounter[]): Promise<void> {
  if (wanted.length === 0) return
  if (wanted.length <= MAX_ENTITIES) {
    try {
      const byKey = new Map(wanted.map(({ key, controllerMetadata }) => [key, controllerMetadata]))
      for (const { directCounterEntry: counter } of await read(wanted.map(({ entity }) => entity))) {
        const controllerMetadata = counter?.tableEntry ? byKey.get(keyText(counter.tableEntry)) : undefined
        if (controllerMetadata !== undefined) results.push(counterOf(controllerMetadata, counter?.data))
      }
      return
    } catch (error) {
      const missing = error instanceof RpcError && (error.code === codes.notFound || error.code === codes.invalidArgument || error.code === codes.unknown)
      if (!missing) throw error
      if (wanted.length === 1) return
    }
  }
  const half = wanted.length >> 1
  await readSingle(read, wanted.slice(0, half), results)
  await readSingle(read, wanted.slice(half), results)
}

/** One Read for so many; an answer comes as one message. */
const MAX_CELLS = 4096

export async function readCells(read: ReadEntities, cells: readonly p4.v1.IEntity[]): Promise<{ readonly index: number; readonly packets: bigint; readonly bytes: bigint }[]> {
  const found: { index: number; packets: bigint; bytes: bigint }[] = []
  for (let from = 0; from < cells.length; from += MAX_CELLS) {
    for (const { counterEntry: cell } of await read(cells.slice(from, from + MAX_CELLS))) if (cell) found.push({ index: toNumber(cell.index?.index), ...amountOf(cell.data) })
  }
  return found
}

const LOOKS = 8

/**
 * The entry's counter less the cell, which is looked at right before it. A packet in between makes the difference larger, never
 * smaller, so the least of several looks in one Read is what it was before any of them. Entities are read in the order in
 * which they are asked for, which takes microseconds. P4RT 1.4 §13
 */
export async function readLead(read: ReadEntities, key: p4.v1.ITableEntry, cell: p4.v1.IEntity): Promise<Amount[]> {
  const look: p4.v1.IEntity[] = [cell, { directCounterEntry: { tableEntry: key } }]
  const wanted = keyText(key)
  let least: Amount | null = null
  let counted: Amount | null = null
  for (const { counterEntry, directCounterEntry: direct } of await read(Array.from({ length: LOOKS }, () => look).flat())) {
    if (counterEntry) counted = amountOf(counterEntry.data)
    // A match that is empty stands for all entries of the table.
    else if (counted !== null && direct?.tableEntry && keyText(direct.tableEntry) === wanted) {
      const { packets, bytes } = amountOf(direct.data)
      const lead: Amount = { packets: packets - counted.packets, bytes: bytes - counted.bytes }
      least = least === null ? lead : { packets: min(least.packets, lead.packets), bytes: min(least.bytes, lead.bytes) }
    }
  }
  return least === null ? [] : [least]
}

interface Amount { readonly packets: bigint; readonly bytes: bigint }
const min = (a: bigint, b: bigint): bigint => a < b ? a : b
const amountOf = (data: p4.v1.ICounterData | null | undefined): Amount => ({ packets: toBigInt(data?.packetCount), bytes: toBigInt(data?.byteCount) })

/** `counter_data` in the request asks for the counters along with the entries. */
const wholeTable = (tableId: number): p4.v1.IEntity => ({ tableEntry: { tableId, counterData: {} } })

const counterOf = (controllerMetadata: number, data: p4.v1.ICounterData | null | undefined): DirectCounter =>
  ({ controllerMetadata, ...amountOf(data) })
