/**
 * From named entries to P4Runtime messages: the only place where names become ids. What the target would refuse for its form,
 * or accept and get wrong (BMv2 takes ports above 511 and then loses replicas), is refused here with a reason.
 * P4RT 1.4 §9.1 (tables), §9.3 (counters), §9.4 (meters), §9.5 (replication), §8.4 (values)
 */
import type {
  NamedAction, NamedDefaultEntry, NamedMatch, NamedMeterCell, NamedMulticastGroup, NamedParam, NamedTableEntry, NamedUpdate,
} from '../compiler/ir.js'
import { allOnes, fitsWidth, toCanonicalBytes } from '../p4info/index.js'
import type { ActionInfo, MatchFieldInfo, P4InfoIndex, TableInfo, ValueInfo } from '../p4info/index.js'
import { BackWriter } from '../p4proto/back-writer.js'
import { type EncodedUpdate, type UpdateChunks, UPDATES_FIELD } from '../p4proto/encoded-write.js'
import { p4 } from '../p4proto/generated.js'

export interface TargetLimits {
  /** Highest port a replica may have; 0 is no port. BMv2: 511. */
  readonly maxPort: number
  /** BMv2 keeps 32768 and above for clone sessions. */
  readonly maxGroupId: number
  readonly maxInstance: number
  readonly maxPriority: number
}
export const bmv2Limits: TargetLimits = { maxPort: 511, maxGroupId: 32767, maxInstance: 0xffff, maxPriority: 2 ** 31 - 1 }

export type Encoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string }

/** Why an update cannot be sent. Thrown and caught in this file and by its callers' encode* functions only. */
class Unencodable extends Error {}
function refuse(reason: string): never {
  throw new Unencodable(reason)
}

const attempt = <T>(run: () => T): Encoded<T> => {
  try {
    return { ok: true, value: run() }
  } catch (error) {
    if (error instanceof Unencodable) return { ok: false, reason: error.message }
    throw error
  }
}

const { Type } = p4.v1.Update
const typeOf = { insert: Type.INSERT, modify: Type.MODIFY, delete: Type.DELETE } as const

/** What an update is about, as far as order and occupancy need to know. */
export interface Update extends EncodedUpdate {
  readonly type: p4.v1.Update.Type
  /** 0: not an entry. */
  readonly tableId: number
  readonly isGroup: boolean
  /** A new entry that carries a flow's number. */
  readonly isNewFlow: boolean
  /** Of the entry's metadata. */
  readonly metadataBytes: number
}

const out = new BackWriter()
/** Numbers of fields, as in p4runtime.proto. */
const TABLE_ENTRY = { tableId: 1, match: 2, action: 3, priority: 4, controllerMetadata: 5, counterData: 7, isDefaultAction: 8, idleTimeoutNs: 9, metadata: 11 } as const
const FIELD_MATCH = { fieldId: 1, exact: 2, ternary: 3, lpm: 4, range: 6, optional: 7 } as const
const ACTION = { actionId: 1, params: 4 } as const
const PARAM = { paramId: 2, value: 3 } as const
const ENTITY_TABLE_ENTRY = 2
const UPDATE = { type: 1, entity: 2 } as const

/** Names to ids and bytes, for a Write. The bytes lie in `chunks`. */
export function encodeUpdate(update: NamedUpdate, index: P4InfoIndex, limits: TargetLimits, chunks: UpdateChunks): Encoded<Update> {
  return attempt((): Update => {
    const { op, entity } = update
    const type = typeOf[op]
    out.reset()
    let tableId = 0
    let metadataBytes = 0
    if (entity.kind === 'table') {
      const table = tableOf(entity.table, index)
      tableId = table.id
      metadataBytes = tableEntry(op, entity, table, index, limits)
      out.wrap(ENTITY_TABLE_ENTRY, 0)
    } else if (entity.kind === 'default') {
      if (op !== 'modify') refuse(`the default entry of '${entity.table}' can only be modified`)
      const table = tableOf(entity.table, index)
      tableId = table.id
      defaultEntry(entity, table, index)
      out.wrap(ENTITY_TABLE_ENTRY, 0)
    } else {
      out.raw(p4.v1.Entity.encode(otherEntity(op, entity, index, limits)).finish())
    }
    out.wrap(UPDATE.entity, 0)
    out.number(UPDATE.type, type)
    out.wrap(UPDATES_FIELD, 0)
    const { chunk, start, end } = chunks.add(out.bytes, out.at, out.bytes.length)
    const isNewFlow = op === 'insert' && entity.kind === 'table' && entity.controllerMetadata !== 0
    return { chunk, start, end, type, tableId, isGroup: entity.kind === 'multicast', isNewFlow, metadataBytes }
  })
}

function otherEntity(op: NamedUpdate['op'], entity: Exclude<NamedUpdate['entity'], { readonly kind: 'table' | 'default' }>, index: P4InfoIndex, limits: TargetLimits): p4.v1.IEntity {
  switch (entity.kind) {
    case 'multicast': return { packetReplicationEngineEntry: { multicastGroupEntry: multicastGroup(op, entity, limits) } }
    case 'counter_reset':
      if (op !== 'modify') refuse(`counter '${entity.counter}' can only be modified`)
      return { counterEntry: { ...counterCell(entity.counter, entity.index, index), data: {} } }
    case 'meter':
      if (op !== 'modify') refuse(`meter '${entity.meter}' can only be modified`)
      return { meterEntry: meterCell(entity, index) }
  }
}

/** The key of an entry, for reads. */
export function encodeKey(entry: NamedTableEntry, index: P4InfoIndex, limits: TargetLimits): Encoded<p4.v1.ITableEntry> {
  return attempt(() => {
    const table = tableOf(entry.table, index)
    out.reset()
    checkKey(entry, table, limits)
    if (entry.priority !== 0) out.number(TABLE_ENTRY.priority, entry.priority)
    writeMatch(entry, table)
    out.number(TABLE_ENTRY.tableId, table.id)
    return p4.v1.TableEntry.decode(out.bytes.slice(out.at))
  })
}

/** A text that is the same for the same key, whoever wrote the entry (the order of fields and leading zero bytes aside). */
export function keyText(entry: p4.v1.ITableEntry): string {
  const hex = (bytes: Uint8Array | null | undefined): string => {
    let text = ''
    for (const byte of bytes ?? []) if (text !== '' || byte !== 0) text += String.fromCharCode(0x100 + byte)
    return text
  }
  const fields = (entry.match ?? []).map((match) => {
    const { exact, ternary, lpm, range, optional } = match
    const value = exact ? `e${hex(exact.value)}` : ternary ? `t${hex(ternary.value)}&${hex(ternary.mask)}` : lpm ? `l${hex(lpm.value)}/${lpm.prefixLen}`
      : range ? `r${hex(range.low)}-${hex(range.high)}` : `o${hex(optional?.value)}`
    return `${match.fieldId}${value}`
  })
  return `${entry.tableId}|${entry.priority ?? 0}|${fields.sort().join(',')}`
}

/** Written from its last field to its first. Returns how long its metadata is. */
function tableEntry(op: NamedUpdate['op'], entry: NamedTableEntry, table: TableInfo, index: P4InfoIndex, limits: TargetLimits): number {
  if (table.isConst) refuse(`the entries of '${table.name}' are part of the program`)
  checkKey(entry, table, limits)
  let metadataBytes = 0
  if (op === 'delete') {
    out.number(TABLE_ENTRY.priority, entry.priority)
  } else {
    const { action: named, idleTimeout } = entry
    if (named === null) return refuse(`an entry of '${table.name}' has no action`)
    const ref = table.actionByName.get(named.name) ?? refuse(`table '${table.name}' has no action '${named.name}'`)
    if (ref.scope === 'default_only') refuse(`action '${named.name}' of '${table.name}' is for its default entry only`)
    // Made when it is asked for.
    const { metadata } = entry
    metadataBytes = metadata.length
    if (metadataBytes > 0) {
      out.raw(metadata)
      out.wrap(TABLE_ENTRY.metadata, 0)
    }
    if (idleTimeout > 0) {
      if (!table.idleTimeout) refuse(`table '${table.name}' has no idle timeouts`)
      out.number(TABLE_ENTRY.idleTimeoutNs, idleTimeout * 1_000_000)
    }
    // A MODIFY without counter_data leaves the counter as it is. P4RT 1.4 §9.1
    if (op === 'modify' && entry.resetCounters && table.directCounter !== null) out.wrap(TABLE_ENTRY.counterData, out.size)
    out.number(TABLE_ENTRY.controllerMetadata, entry.controllerMetadata)
    out.number(TABLE_ENTRY.priority, entry.priority)
    const size = out.size
    writeAction(named, index)
    out.wrap(1, size)
    out.wrap(TABLE_ENTRY.action, size)
  }
  writeMatch(entry, table)
  out.number(TABLE_ENTRY.tableId, table.id)
  return metadataBytes
}

function defaultEntry(entry: NamedDefaultEntry, table: TableInfo, index: P4InfoIndex): void {
  if (table.constDefaultAction !== null) refuse(`the default action of '${table.name}' is constant`)
  const ref = table.actionByName.get(entry.action.name) ?? refuse(`table '${table.name}' has no action '${entry.action.name}'`)
  if (ref.scope === 'table_only') refuse(`action '${entry.action.name}' of '${table.name}' cannot be its default action`)
  out.number(TABLE_ENTRY.isDefaultAction, 1)
  const size = out.size
  writeAction(entry.action, index)
  out.wrap(1, size)
  out.wrap(TABLE_ENTRY.action, size)
  out.number(TABLE_ENTRY.tableId, table.id)
}

/** Fields that an entry must have. */
const exactFields = new WeakMap<TableInfo, readonly MatchFieldInfo[]>()
function checkKey({ match: parts, priority }: NamedTableEntry, table: TableInfo, limits: TargetLimits): void {
  for (let at = 0; at < parts.length; at++) {
    const { field: name, kind } = parts[at] as NamedMatch
    const field = table.matchFieldByName.get(name) ?? refuse(`table '${table.name}' has no field '${name}'`)
    for (let before = 0; before < at; before++) if (parts[before]?.field === name) refuse(`field '${name}' of '${table.name}' is given twice`)
    if (field.kind !== kind) refuse(`field '${name}' of '${table.name}' is matched as ${field.kind}, not ${kind}`)
  }
  let needed = exactFields.get(table)
  if (needed === undefined) exactFields.set(table, needed = table.matchFields.filter(({ kind }) => kind === 'exact'))
  for (const field of needed) if (!parts.some((part) => part.field === field.name)) refuse(`exact field '${field.name}' of '${table.name}' is missing`)
  if (table.needsPriority ? !(Number.isInteger(priority) && priority >= 1 && priority <= limits.maxPriority) : priority !== 0) {
    refuse(`priority ${priority} of an entry of '${table.name}' is not ${table.needsPriority ? `1 … ${limits.maxPriority}` : '0'}`)
  }
}

function writeMatch({ match: parts }: NamedTableEntry, table: TableInfo): void {
  for (let at = parts.length - 1; at >= 0; at--) {
    const part = parts[at] as NamedMatch
    const field = table.matchFieldByName.get(part.field)
    const size = out.size
    if (field === undefined || !fieldMatch(part, field, table.name)) continue
    out.number(FIELD_MATCH.fieldId, field.id)
    out.wrap(TABLE_ENTRY.match, size)
  }
}

/** False, and nothing is written: matches everything, and such a field must not be sent. P4RT 1.4 §9.1.1 */
function fieldMatch(part: NamedMatch, field: MatchFieldInfo, table: string): boolean {
  const size = out.size
  switch (part.kind) {
    case 'exact': case 'optional':
      writeValue(1, part.value, field, table)
      out.wrap(FIELD_MATCH[part.kind], size)
      return true
    case 'ternary': {
      const { mask } = part
      if (mask === 0n) return false
      const whole = wholeOf(field)
      if (mask === whole.value) out.raw(whole.field2)
      else writeValue(2, mask, field, table)
      // Bits outside the mask must be 0: the target refuses them.
      if (mask === whole.value) writeValue(1, part.value, field, table)
      else writeValue(1, checked(part.value, field, table) & mask, field, table)
      out.wrap(FIELD_MATCH.ternary, size)
      return true
    }
    case 'lpm': {
      const { prefixLength } = part
      if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > field.bitwidth) {
        refuse(`prefix length ${prefixLength} of field '${field.name}' of '${table}' is not 0 … ${field.bitwidth}`)
      }
      if (prefixLength === 0) return false
      const mask = allOnes(field.bitwidth) ^ allOnes(field.bitwidth - prefixLength)
      out.number(2, prefixLength)
      writeValue(1, checked(part.value, field, table) & mask, field, table)
      out.wrap(FIELD_MATCH.lpm, size)
      return true
    }
    case 'range': {
      const low = checked(part.low, field, table)
      const high = checked(part.high, field, table)
      if (low > high) refuse(`the range of field '${field.name}' of '${table}' is empty`)
      if (low === 0n && high === allOnes(field.bitwidth)) return false
      writeValue(2, high, field, table)
      writeValue(1, low, field, table)
      out.wrap(FIELD_MATCH.range, size)
      return true
    }
  }
}

/** All ones of a field, once for each field: the value, and as the mask of a ternary match. */
const wholes = new WeakMap<MatchFieldInfo, { readonly value: bigint; readonly field2: Uint8Array }>()
function wholeOf(field: MatchFieldInfo): { readonly value: bigint; readonly field2: Uint8Array } {
  const known = wholes.get(field)
  if (known !== undefined) return known
  const value = allOnes(field.bitwidth)
  const writer = new BackWriter()
  writer.value(value)
  writer.wrap(2, 0)
  const made = { value, field2: writer.bytes.slice(writer.at) }
  wholes.set(field, made)
  return made
}

/** The canonical bytes of a value as a field. P4RT 1.4 §8.4 */
function writeValue(number: number, value: bigint, field: MatchFieldInfo, table: string): void {
  const size = out.size
  if (value < 0n || out.value(value) > field.bitwidth) refuseValue(value, field, table)
  out.wrap(number, size)
}
const checked = (value: bigint, field: MatchFieldInfo, table: string): bigint => fitsWidth(value, field.bitwidth) ? value : refuseValue(value, field, table)
const refuseValue = (value: bigint, field: MatchFieldInfo, table: string): never =>
  refuse(`0x${value.toString(16)} does not fit in field '${field.name}' of '${table}' (${field.bitwidth} bits)`)

/** Parameters that many entries have in common, encoded, by the list that says so: each list belongs to one action of one pipeline. */
const sharedParams = new WeakMap<NamedAction['params'], Uint8Array>()

function writeAction(named: NamedAction, index: P4InfoIndex): void {
  const info = index.actions.get(named.name) ?? refuse(`there is no action '${named.name}'`)
  const { own, params } = named
  const known = own === undefined ? undefined : sharedParams.get(params)
  if (known !== undefined) {
    out.raw(known)
  } else {
    checkParams(own === undefined ? params : [own, ...params], info)
    const size = out.size
    for (let at = params.length - 1; at >= 0; at--) writeParam(params[at] as NamedParam, info)
    if (own !== undefined) sharedParams.set(params, out.bytes.slice(out.at, out.bytes.length - size))
  }
  if (own !== undefined) writeParam(own, info)
  out.number(ACTION.actionId, info.id)
}
function checkParams(given: readonly NamedParam[], info: ActionInfo): void {
  const names = new Set<string>()
  for (const { name } of given) {
    if (names.has(name)) refuse(`parameter '${name}' of '${info.name}' is given twice`)
    if (!info.paramByName.has(name)) refuse(`action '${info.name}' has no parameter '${name}'`)
    names.add(name)
  }
  for (const param of info.params) if (!names.has(param.name)) refuse(`parameter '${param.name}' of '${info.name}' is missing`)
}
function writeParam({ name, value }: NamedParam, info: ActionInfo): void {
  const param = info.paramByName.get(name) ?? refuse(`action '${info.name}' has no parameter '${name}'`)
  const size = out.size
  if (value < 0n || out.value(value) > param.bitwidth) refuse(`0x${value.toString(16)} does not fit in parameter '${name}' of '${info.name}' (${param.bitwidth} bits)`)
  out.wrap(PARAM.value, size)
  out.number(PARAM.paramId, param.id)
  out.wrap(ACTION.params, size)
}

function multicastGroup(op: NamedUpdate['op'], group: NamedMulticastGroup, limits: TargetLimits): p4.v1.IMulticastGroupEntry {
  const { groupId } = group
  if (!Number.isInteger(groupId) || groupId < 1 || groupId > limits.maxGroupId) refuse(`multicast group ${groupId} is not 1 … ${limits.maxGroupId}`)
  if (op === 'delete') return { multicastGroupId: groupId }
  const seen = new Set<number>()
  const replicas = group.replicas.map(({ port, instance }) => {
    const here = `of a replica of multicast group ${groupId}`
    if (!Number.isInteger(port) || port < 1 || port > limits.maxPort) refuse(`port ${port} ${here} is not 1 … ${limits.maxPort}`)
    if (!Number.isInteger(instance) || instance < 0 || instance > limits.maxInstance) refuse(`instance ${instance} ${here} is not 0 … ${limits.maxInstance}`)
    const both = port * 0x1_0000_0000 + instance
    if (seen.has(both)) refuse(`port ${port}, instance ${instance} ${here} is given twice`)
    seen.add(both)
    // Always the byte string form of the port: BMv2 loses replicas when a group mixes the two forms.
    return { port: toCanonicalBytes(BigInt(port)), instance }
  })
  return { multicastGroupId: groupId, replicas }
}

/** One cell of an indirect counter; all of them without `cell`. */
export function encodeCounter(counter: string, cell: number | undefined, index: P4InfoIndex): Encoded<p4.v1.ICounterEntry> {
  return attempt(() => counterCell(counter, cell, index))
}

function counterCell(name: string, cell: number | undefined, index: P4InfoIndex): p4.v1.ICounterEntry {
  const counter = index.counters.get(name) ?? refuse(`there is no counter '${name}'`)
  if (cell === undefined) return { counterId: counter.id }
  if (!Number.isInteger(cell) || cell < 0 || cell >= counter.size) refuse(`counter '${name}' has no cell ${cell}, only 0 … ${counter.size - 1}`)
  return { counterId: counter.id, index: { index: cell } }
}

/** Without a config the cell measures nothing. P4RT 1.4 §9.4 */
function meterCell({ meter: name, index: cell, config }: NamedMeterCell, index: P4InfoIndex): p4.v1.IMeterEntry {
  const meter = index.meters.get(name) ?? refuse(`there is no meter '${name}'`)
  if (!Number.isInteger(cell) || cell < 0 || cell >= meter.size) refuse(`meter '${name}' has no cell ${cell}, only 0 … ${meter.size - 1}`)
  const place = { meterId: meter.id, index: { index: cell } }
  if (config === null) return place
  const rate = Number(config.rate)
  const burst = Number(config.burst)
  return { ...place, config: { cir: rate, cburst: burst, pir: rate, pburst: burst } }
}

/** The bytes of a parameter or header field. */
export function encodeValue(value: bigint, info: ValueInfo, here: string): Encoded<Uint8Array> {
  return attempt(() => valueBytes(value, info, () => here))
}

/** Of a canonical byte string. */
const bitsOf = (bytes: Uint8Array): number => bytes.length * 8 - (Math.clz32(bytes[0] ?? 0) - 24)
function valueBytes(value: bigint, info: ValueInfo, here: () => string): Uint8Array {
  const bytes = value < 0n ? null : toCanonicalBytes(value)
  if (bytes === null || bitsOf(bytes) > info.bitwidth) return refuse(`0x${value.toString(16)} does not fit in ${here()} (${info.bitwidth} bits)`)
  return bytes
}

const tableOf = (name: string, index: P4InfoIndex): TableInfo => index.tables.get(name) ?? refuse(`there is no table '${name}'`)
