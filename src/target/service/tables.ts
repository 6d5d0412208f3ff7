/** Table entries, default entries, and the direct counters and meters that belong to them. P4RT 1.4 §9.1 */
import { p4 } from '../../p4proto/generated.js'
import { toBigInt, toInt64, toUint64 } from '../../p4proto/int64.js'
import type { EntryKey } from '../program/entry-key.js'
import { Meter } from '../program/meter.js'
import type { TableEntry, Target } from '../program/table.js'
import { maxPriority, NO_BYTES } from '../program/table.js'
import type { BoundPipeline, BoundTable } from './bind.js'
import { decodeCounter, decodeMeterConfig, encodeCounter, encodeMeterConfig, onlyModify } from './cells.js'
import { decodeAction, decodeMatch, encodeAction, encodeMatch } from './entries.js'
import { decodeIndirect, encodeIndirect, hold } from './profiles.js'
import { refuse } from './refuse.js'

const { Type } = p4.v1.Update
const nanosPerMilli = 1_000_000n

const tableOf = (pipeline: BoundPipeline, id: number | null | undefined): BoundTable =>
  pipeline.tables.get(id ?? 0) ?? refuse('invalidArgument', `there is no table with id ${id ?? 0}`)

/** Priority and match identify an entry. */
const keyOf = (bound: BoundTable, entry: p4.v1.ITableEntry): { readonly key: EntryKey<TableEntry>; readonly rank: number } => {
  const key = decodeMatch(bound, entry.match ?? [])
  const priority = entry.priority ?? 0
  const { name, needsPriority } = bound.info
  if (needsPriority && (priority < 1 || priority > maxPriority)) refuse('invalidArgument', `entries of table ${name} need a priority of 1 or more`)
  if (!needsPriority && priority !== 0) refuse('invalidArgument', `entries of table ${name} have no priority`)
  return { key, rank: bound.table.rankOf(key, priority) }
}

export const writeTableEntry = (pipeline: BoundPipeline, type: p4.v1.Update.Type, entry: p4.v1.ITableEntry, now: number): void => {
  const bound = tableOf(pipeline, entry.tableId)
  const { table, info } = bound
  if (entry.isConst) refuse('invalidArgument', 'is_const cannot be written')
  if (entry.isDefaultAction) {
    writeDefault(bound, type, entry, pipeline)
    return
  }
  if (info.matchFields.length === 0) refuse('invalidArgument', `table ${info.name} has no key and so no entries`)
  const isConst = table.def.constEntries !== null
  if (isConst && type !== Type.MODIFY) refuse('permissionDenied', `the entries of table ${info.name} are part of the program`)
  const { key, rank } = keyOf(bound, entry)
  const existing = table.entries.find(key, rank)
  if (type === Type.DELETE) {
    if (existing === undefined) return refuse('notFound', `table ${info.name} has no such entry`)
    table.remove(existing)
    hold(existing, -1, bound)
    return
  }
  if (type === Type.INSERT && existing !== undefined) refuse('alreadyExists', `table ${info.name} has this entry already`)
  if (type === Type.MODIFY && existing === undefined) refuse('notFound', `table ${info.name} has no such entry`)
  if (isConst && entry.action) refuse('permissionDenied', `the actions of the entries of table ${info.name} are part of the program`)
  const settings = settingsOf(bound, entry, now)
  const target = targetOf(bound, type, entry, pipeline)
  if (existing === undefined) {
    if (target === null) return refuse('invalidArgument', `an entry of table ${info.name} needs an action`)
    if (table.entries.size >= table.def.size) refuse('resourceExhausted', `table ${info.name} is full: it holds ${table.def.size} entries`)
    const made = table.add(key, rank, target, now)
    hold(made, 1, bound)
    settings(made)
    return
  }
  if (target !== null) {
    hold(existing, -1, bound)
    existing.point(target)
    hold(existing, 1, bound)
  }
  // A MODIFY starts the idle period anew, as BMv2 does.
  existing.notified = now
  settings(existing)
}

/** Null: a MODIFY that leaves the action as it is. */
const targetOf = (bound: BoundTable, type: p4.v1.Update.Type, entry: p4.v1.ITableEntry, pipeline: BoundPipeline): Target | null => {
  const { info } = bound
  const given = entry.action
  if (!given) return type === Type.INSERT ? refuse('invalidArgument', `an entry of table ${info.name} needs an action`) : null
  if (info.actionProfile !== null) {
    if (given.action) return refuse('invalidArgument', `table ${info.name} takes members and groups of ${info.actionProfile.name}, not actions`)
    return decodeIndirect(bound, given, pipeline)
  }
  if (!given.action) return refuse('invalidArgument', `table ${info.name} takes actions, not members or groups`)
  return { kind: 'action', call: decodeAction(bound, given.action, false) }
}

/** Everything but key and action is checked now and stored by the returned function, so that a refused update changes nothing. */
const settingsOf = (bound: BoundTable, entry: p4.v1.ITableEntry, now: number): (target: TableEntry) => void => {
  const { info } = bound
  const timeout = toBigInt(entry.idleTimeoutNs)
  if (timeout < 0n) refuse('invalidArgument', 'an idle timeout cannot be negative')
  if (!info.idleTimeout && timeout !== 0n) refuse('invalidArgument', `table ${info.name} has no idle timeouts`)
  if (entry.timeSinceLastHit) refuse('invalidArgument', 'time_since_last_hit cannot be written')
  if (entry.meterCounterData) refuse('unimplemented', 'meters have no counters')
  if (entry.counterData && info.directCounter === null) refuse('invalidArgument', `table ${info.name} has no direct counter`)
  if (entry.meterConfig && info.directMeter === null) refuse('invalidArgument', `table ${info.name} has no direct meter`)
  const counter = entry.counterData ? decodeCounter(entry.counterData, `direct counter of table ${info.name}`) : null
  const meter = entry.meterConfig ? new Meter(decodeMeterConfig(entry.meterConfig, `direct meter of table ${info.name}`), now) : null
  const controllerMetadata = toBigInt(entry.controllerMetadata)
  return target => {
    target.timeout = Number(timeout / nanosPerMilli) + (timeout % nanosPerMilli === 0n ? 0 : 1)
    target.timeoutNs = timeout
    if (timeout > 0n) bound.table.timed.add(target)
    else bound.table.timed.delete(target)
    target.controllerMetadata = BigInt.asUintN(64, controllerMetadata)
    target.metadata = entry.metadata ?? NO_BYTES
    target.meter = meter
    if (counter !== null) {
      target.packets = counter.packets
      target.bytes = counter.bytes
    }
  }
}

const writeDefault = (bound: BoundTable, type: p4.v1.Update.Type, entry: p4.v1.ITableEntry, pipeline: BoundPipeline): void => {
  const { table, info } = bound
  if (type !== Type.MODIFY) refuse('invalidArgument', `the default entry of table ${info.name} can only be modified`)
  if ((entry.match ?? []).length > 0 || (entry.priority ?? 0) !== 0) refuse('invalidArgument', 'a default entry has no match and no priority')
  if (toBigInt(entry.idleTimeoutNs) !== 0n || entry.timeSinceLastHit) refuse('invalidArgument', 'a default entry has no idle timeout')
  if (entry.counterData || entry.meterConfig || entry.meterCounterData) refuse('unimplemented', 'default entries have no direct counters and meters')
  if (info.actionProfile !== null) refuse('permissionDenied', `the default entry of the indirect table ${info.name} is constant`)
  if (table.def.defaultConst.entry || info.constDefaultAction !== null) {
    refuse('permissionDenied', `the default entry of table ${info.name} is constant`)
  }
  if (!entry.action) {
    table.resetFallback()
    return
  }
  if (!entry.action.action) return refuse('invalidArgument', `table ${info.name} takes actions, not members or groups`)
  const call = decodeAction(bound, entry.action.action, true)
  if (table.def.defaultConst.action && call.action !== table.def.defaultCall?.action) {
    refuse('permissionDenied', `the default action of table ${info.name} is constant`)
  }
  table.fallback = call
}

// ——— reading ———

/** Entries a query means: all of its table, or those with its match; priority, action and metadata narrow it further. */
const entriesFor = (bound: BoundTable, query: p4.v1.ITableEntry): TableEntry[] => {
  const { table, info } = bound
  const priority = query.priority ?? 0
  let entries: TableEntry[]
  if ((query.match ?? []).length > 0) {
    const key = decodeMatch(bound, query.match ?? [])
    if (!info.needsPriority || priority !== 0) {
      const one = table.entries.find(key, table.rankOf(key, priority))
      entries = one === undefined ? [] : [one]
    } else {
      entries = table.entries.withKey(key).sort((a, b) => a.slot - b.slot)
    }
  } else {
    entries = [...table.entries.values()]
    if (priority !== 0) entries = entries.filter(entry => entry.rank === priority)
  }
  const actionId = query.action?.action?.actionId ?? 0
  if (actionId !== 0) entries = entries.filter(entry => bound.infoByAction.get(entry.action)?.id === actionId)
  const cookie = toBigInt(query.controllerMetadata)
  if (cookie !== 0n) entries = entries.filter(entry => entry.controllerMetadata === BigInt.asUintN(64, cookie))
  const { metadata } = query
  if (metadata && metadata.length > 0) entries = entries.filter(entry => Buffer.compare(entry.metadata, metadata) === 0)
  return entries
}

export const readTableEntries = (pipeline: BoundPipeline, query: p4.v1.ITableEntry, now: number): p4.v1.IEntity[] => {
  const all = (query.tableId ?? 0) === 0
  if (all && (query.match ?? []).length > 0) refuse('invalidArgument', 'a match needs a table')
  const tables = all ? [...pipeline.tables.values()] : [tableOf(pipeline, query.tableId)]
  if (query.meterCounterData) refuse('unimplemented', 'meters have no counters')
  return tables.flatMap(bound => {
    if (query.isDefaultAction) return readDefault(bound, pipeline)
    if (query.timeSinceLastHit && !bound.info.idleTimeout && !all) refuse('invalidArgument', `table ${bound.info.name} has no idle timeouts`)
    return entriesFor(bound, query).map(entry => ({ tableEntry: encodeEntry(bound, entry, query, pipeline, now) }))
  })
}

const encodeEntry = (bound: BoundTable, entry: TableEntry, query: p4.v1.ITableEntry, pipeline: BoundPipeline, now: number): p4.v1.ITableEntry => {
  const { info } = bound
  const action: p4.v1.ITableAction = info.actionProfile === null
    ? { action: encodeAction(bound, entry, pipeline) } : encodeIndirect(bound, entry, pipeline)
  const result = { ...encodeKey(bound, entry), action }
  if (bound.table.def.constEntries !== null) result.isConst = true
  if (query.counterData && info.directCounter !== null) result.counterData = encodeCounter(entry.packets, entry.bytes)
  if (query.meterConfig && info.directMeter !== null && entry.meter !== null) result.meterConfig = encodeMeterConfig(entry.meter.config)
  if (query.timeSinceLastHit && info.idleTimeout) {
    result.timeSinceLastHit = { elapsedNs: toInt64(BigInt(Math.max(0, Math.round((now - entry.lastHit) * 1e6)))) }
  }
  return result
}

/** Key and controller's data of an entry, as notifications carry them. */
export const encodeKey = (bound: BoundTable, entry: TableEntry): p4.v1.ITableEntry => {
  const result: p4.v1.ITableEntry = { tableId: bound.info.id, match: encodeMatch(bound, entry.key) }
  if (bound.info.needsPriority) result.priority = entry.rank
  if (entry.controllerMetadata !== 0n) result.controllerMetadata = toUint64(entry.controllerMetadata)
  const { metadata } = entry
  if (metadata.length > 0) result.metadata = metadata
  if (entry.timeoutNs !== 0n) result.idleTimeoutNs = toInt64(entry.timeoutNs)
  return result
}

const readDefault = (bound: BoundTable, pipeline: BoundPipeline): p4.v1.IEntity[] => {
  const { fallback } = bound.table
  if (fallback === null || !bound.infoByAction.has(fallback.action)) return []
  return [{ tableEntry: { tableId: bound.info.id, isDefaultAction: true, action: { action: encodeAction(bound, fallback, pipeline) } } }]
}

// ——— direct resources ———

/** The entry that a direct resource belongs to. */
const ownerOf = (pipeline: BoundPipeline, entry: p4.v1.ITableEntry | null | undefined): { bound: BoundTable; owner: TableEntry } => {
  const bound = tableOf(pipeline, entry?.tableId)
  if (entry?.isDefaultAction) refuse('unimplemented', 'default entries have no direct counters and meters')
  const { key, rank } = keyOf(bound, entry ?? {})
  return { bound, owner: bound.table.entries.find(key, rank) ?? refuse('notFound', `table ${bound.info.name} has no such entry`) }
}

export const writeDirectCounter = (pipeline: BoundPipeline, type: p4.v1.Update.Type, entry: p4.v1.IDirectCounterEntry): void => {
  onlyModify(type, 'a direct counter')
  const { bound, owner } = ownerOf(pipeline, entry.tableEntry)
  if (bound.info.directCounter === null) refuse('invalidArgument', `table ${bound.info.name} has no direct counter`)
  if (!entry.data) return
  const { packets, bytes } = decodeCounter(entry.data, `direct counter of table ${bound.info.name}`)
  owner.packets = packets
  owner.bytes = bytes
}

export const writeDirectMeter = (pipeline: BoundPipeline, type: p4.v1.Update.Type, entry: p4.v1.IDirectMeterEntry, now: number): void => {
  onlyModify(type, 'a direct meter')
  const { bound, owner } = ownerOf(pipeline, entry.tableEntry)
  if (bound.info.directMeter === null) refuse('invalidArgument', `table ${bound.info.name} has no direct meter`)
  if (entry.counterData) refuse('unimplemented', 'meters have no counters')
  owner.meter = entry.config ? new Meter(decodeMeterConfig(entry.config, `direct meter of table ${bound.info.name}`), now) : null
}

/** Tables that a query for direct resources means, and their entries. */
const ownersFor = (
  pipeline: BoundPipeline, query: p4.v1.ITableEntry | null | undefined, has: (bound: BoundTable) => boolean, what: string,
): { bound: BoundTable; entries: TableEntry[] }[] => {
  const id = query?.tableId ?? 0
  if (id === 0) return [...pipeline.tables.values()].filter(has).map(bound => ({ bound, entries: [...bound.table.entries.values()] }))
  const bound = tableOf(pipeline, id)
  if (!has(bound)) refuse('invalidArgument', `table ${bound.info.name} has no direct ${what}`)
  const entries = entriesFor(bound, query ?? {})
  if (entries.length === 0 && (query?.match ?? []).length > 0) refuse('notFound', `table ${bound.info.name} has no such entry`)
  return [{ bound, entries }]
}

export const readDirectCounters = (pipeline: BoundPipeline, query: p4.v1.IDirectCounterEntry): p4.v1.IEntity[] => {
  const owners = ownersFor(pipeline, query.tableEntry, bound => bound.info.directCounter !== null, 'counter')
  return owners.flatMap(({ bound, entries }) => entries.map((entry): p4.v1.IEntity =>
    ({ directCounterEntry: { tableEntry: encodeKey(bound, entry), data: encodeCounter(entry.packets, entry.bytes) } })))
}

export const readDirectMeters = (pipeline: BoundPipeline, query: p4.v1.IDirectMeterEntry): p4.v1.IEntity[] => {
  if (query.counterData) refuse('unimplemented', 'meters have no counters')
  const owners = ownersFor(pipeline, query.tableEntry, bound => bound.info.directMeter !== null, 'meter')
  return owners.flatMap(({ bound, entries }) => entries.map((entry): p4.v1.IEntity => {
    const config = entry.meter === null ? {} : { config: encodeMeterConfig(entry.meter.config) }
    return { directMeterEntry: { tableEntry: encodeKey(bound, entry), ...config } }
  }))
}
