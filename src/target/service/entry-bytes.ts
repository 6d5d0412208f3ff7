/**
 * All entries of a table as the bytes of a ReadResponse, without a message between: for a client that asks what there is, and
 * there may be a hundred thousand. The same as tables.ts says and the generated code encodes, which a test compares. P4RT 1.4 §13
 */
import { BackWriter } from '../../p4proto/back-writer.js'
import type { p4 } from '../../p4proto/generated.js'
import { wordsFor } from '../program/layout.js'
import type { KeyPlace } from '../program/entry-key.js'
import type { TableEntry } from '../program/table.js'
import type { BoundPipeline, BoundTable } from './bind.js'

/** Numbers of fields, as in p4runtime.proto. */
const RESPONSE_ENTITIES = 1
const ENTITY_TABLE_ENTRY = 2
const ENTRY = { tableId: 1, match: 2, action: 3, priority: 4, controllerMetadata: 5, counterData: 7, idleTimeoutNs: 9, metadata: 11 } as const
const MATCH = { fieldId: 1, exact: 2, ternary: 3, lpm: 4, optional: 7 } as const
const ACTION = { actionId: 1, params: 4 } as const
const PARAM = { paramId: 2, value: 3 } as const
const COUNTER = { byteCount: 1, packetCount: 2 } as const

const out = new BackWriter()

/** null: the query is not for all entries of one table, with their counters or without, or the table is of a kind of which there are not many. */
export const tableBytes = (pipeline: BoundPipeline, query: p4.v1.ITableEntry): Uint8Array | null => {
  const bound = pipeline.tables.get(query.tableId ?? 0)
  if (bound === undefined || !isForAll(query)) return null
  const { info, table } = bound
  if (info.actionProfile !== null || table.def.constEntries !== null || info.matchFields.some(({ kind }) => kind === 'range')) return null
  const counted = Boolean(query.counterData) && info.directCounter !== null
  out.reset()
  const entries = [...table.entries.values()]
  for (let at = entries.length - 1; at >= 0; at--) {
    const size = out.size
    if (!entry(bound, entries[at] as TableEntry, pipeline, counted)) return null
    out.wrap(ENTITY_TABLE_ENTRY, size)
    out.wrap(RESPONSE_ENTITIES, size)
  }
  return out.bytes.slice(out.at)
}

const isForAll = (query: p4.v1.ITableEntry): boolean =>
  (query.match ?? []).length === 0 && !query.action && !query.priority && !query.isDefaultAction && !query.meterConfig && !query.meterCounterData &&
  !query.timeSinceLastHit && (query.metadata ?? []).length === 0 && isZero(query.controllerMetadata)
const isZero = (value: p4.v1.ITableEntry['controllerMetadata']): boolean => typeof value === 'object' && value !== null ? value.low === 0 && value.high === 0 : !value

/** Written from its last field to its first. False: a number that this does not write. */
const entry = (bound: BoundTable, entry: TableEntry, pipeline: BoundPipeline, counted: boolean): boolean => {
  const { info } = bound
  const { controllerMetadata, timeoutNs, metadata } = entry
  if (controllerMetadata > safe || timeoutNs > safe) return false
  if (metadata.length > 0) {
    const size = out.size
    out.raw(metadata)
    out.wrap(ENTRY.metadata, size)
  }
  if (timeoutNs !== 0n) out.number(ENTRY.idleTimeoutNs, Number(timeoutNs))
  if (counted) {
    const size = out.size
    out.number(COUNTER.packetCount, entry.packets)
    out.number(COUNTER.byteCount, entry.bytes)
    out.wrap(ENTRY.counterData, size)
  }
  if (controllerMetadata !== 0n) out.number(ENTRY.controllerMetadata, Number(controllerMetadata))
  if (info.needsPriority) out.number(ENTRY.priority, entry.rank)
  const size = out.size
  action(bound, entry, pipeline)
  out.wrap(1, size)
  out.wrap(ENTRY.action, size)
  match(bound, entry)
  out.number(ENTRY.tableId, info.id)
  return true
}
const safe = BigInt(Number.MAX_SAFE_INTEGER)

const action = (bound: BoundTable, { action, data }: TableEntry, pipeline: BoundPipeline): void => {
  const info = bound.infoByAction.get(action)
  const widths = pipeline.executable.program.actions[action]?.params ?? []
  let end = widths.reduce((words, { width }) => words + wordsFor(width), 0)
  for (let at = widths.length - 1; at >= 0; at--) {
    const words = wordsFor(widths[at]?.width ?? 0)
    end -= words
    const size = out.size
    value(data, end, words)
    out.wrap(PARAM.value, size)
    out.number(PARAM.paramId, info?.params[at]?.id ?? 0)
    out.wrap(ACTION.params, size)
  }
  out.number(ACTION.actionId, info?.id ?? 0)
}

const match = (bound: BoundTable, { key }: TableEntry): void => {
  const { keys } = bound.table.entries
  const places = keys.placesOf(key.tuple)
  for (let at = places.length - 1; at >= 0; at--) {
    const place = places[at] as KeyPlace
    const field = bound.info.matchFields[place.field]
    if (field === undefined) continue
    const size = out.size
    if (field.kind === 'ternary') {
      out.value(place.mask)
      out.wrap(2, size)
    } else if (field.kind === 'lpm') {
      out.number(2, place.bits)
    }
    const rest = out.size
    for (let word = 0; word < place.from.length; word++) scratch[word] = place.from[word] === -1 ? 0 : key.words[place.from[word] as number] as number
    value(scratch, 0, place.from.length)
    out.wrap(1, rest)
    out.wrap(MATCH[field.kind as keyof typeof MATCH], size)
    out.number(MATCH.fieldId, field.id)
    out.wrap(ENTRY.match, size)
  }
}
const scratch: number[] = []

/** Canonical; the lowest word comes first. */
const value = (words: readonly number[], at: number, count: number): void => {
  const low = (words[at] as number) >>> 0
  const high = count > 1 ? (words[at + 1] as number) >>> 0 : 0
  if (count <= 2 && high < 0x1_0000) {
    out.short(high * 2 ** 32 + low)
    return
  }
  let all = 0n
  for (let word = count - 1; word >= 0; word--) all = all << 32n | BigInt((words[at + word] as number) >>> 0)
  out.value(all)
}
