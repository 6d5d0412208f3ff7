/**
 * From P4Runtime messages to named entries: what a target holds, in the words in which the compiler would write it. The
 * opposite of encode.ts. P4RT 1.4 §9.1 (tables), §9.5 (replication)
 */
import type { NamedAction, NamedEntity, NamedMatch, NamedMulticastGroup, NamedTableEntry } from '../compiler/ir.js'
import { fromBytes } from '../p4info/index.js'
import type { MatchFieldInfo, P4InfoIndex, TableInfo } from '../p4info/index.js'
import type { p4 } from '../p4proto/generated.js'
import { toBigInt, toNumber } from '../p4proto/int64.js'

/** null: nothing that we write (const entries, default actions, action profiles, ids that the P4Info does not know). */
export function decodeEntity({ tableEntry, packetReplicationEngineEntry, meterEntry }: p4.v1.IEntity, index: P4InfoIndex): NamedEntity | null {
  if (tableEntry) return tableEntry.isDefaultAction || tableEntry.isConst ? null : decodeEntry(tableEntry, index)
  if (meterEntry) return decodeMeter(meterEntry, index)
  const group = packetReplicationEngineEntry?.multicastGroupEntry
  return group ? decodeGroup(group) : null
}

function decodeEntry(entry: p4.v1.ITableEntry, index: P4InfoIndex): NamedTableEntry | null {
  const table = index.tableById.get(entry.tableId ?? 0)
  const action = table === undefined ? null : decodeAction(table, entry)
  if (table === undefined || action === null) return null
  const match: NamedMatch[] = []
  for (const field of table.matchFields) {
    const given = entry.match?.find(({ fieldId }) => fieldId === field.id)
    if (given !== undefined) match.push(decodeMatch(field, given))
  }
  return {
    kind: 'table', table: table.name, match, priority: entry.priority ?? 0, action, idleTimeout: Math.round(toNumber(entry.idleTimeoutNs) / 1_000_000),
    controllerMetadata: toNumber(entry.controllerMetadata), metadata: entry.metadata ?? new Uint8Array(0), resetCounters: false,
  }
}

function decodeMatch({ name }: MatchFieldInfo, { exact, ternary, lpm, range, optional }: p4.v1.IFieldMatch): NamedMatch {
  const value = (bytes: Uint8Array | null | undefined): bigint => fromBytes(bytes ?? new Uint8Array(0))
  if (exact) return { field: name, kind: 'exact', value: value(exact.value) }
  if (ternary) return { field: name, kind: 'ternary', value: value(ternary.value), mask: value(ternary.mask) }
  if (lpm) return { field: name, kind: 'lpm', value: value(lpm.value), prefixLength: lpm.prefixLen ?? 0 }
  if (range) return { field: name, kind: 'range', low: value(range.low), high: value(range.high) }
  return { field: name, kind: 'optional', value: value(optional?.value) }
}

const actionsById = new WeakMap<TableInfo, ReadonlyMap<number, TableInfo['actions'][number]['action']>>()

function decodeAction(table: TableInfo, entry: p4.v1.ITableEntry): NamedAction | null {
  let known = actionsById.get(table)
  if (known === undefined) actionsById.set(table, known = new Map(table.actions.map(({ action }) => [action.id, action])))
  const given = entry.action?.action
  const info = known.get(given?.actionId ?? 0)
  if (!given || info === undefined) return null
  const values = new Map((given.params ?? []).map(({ paramId, value }) => [paramId, value]))
  return { name: info.name, params: info.params.map(({ id, name }) => ({ name, value: fromBytes(values.get(id) ?? new Uint8Array(0)) })) }
}

/** null also for a cell that measures nothing. */
function decodeMeter({ meterId, index: cell, config }: p4.v1.IMeterEntry, index: P4InfoIndex): NamedEntity | null {
  const name = [...index.meters.values()].find(({ id }) => id === meterId)?.name
  const rate = toBigInt(config?.cir)
  if (name === undefined || !config || rate === 0n && toBigInt(config.cburst) === 0n) return null
  return { kind: 'meter', meter: name, index: toNumber(cell?.index), config: { rate, burst: toBigInt(config.cburst) } }
}

function decodeGroup(group: p4.v1.IMulticastGroupEntry): NamedMulticastGroup {
  const replicas = (group.replicas ?? []).map(({ port, egressPort, instance }) =>
    ({ port: port && port.length > 0 ? Number(fromBytes(port)) : egressPort ?? 0, instance: instance ?? 0 }))
  return { kind: 'multicast', groupId: group.multicastGroupId ?? 0, replicas }
}
