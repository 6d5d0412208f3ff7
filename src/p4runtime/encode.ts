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

export function encodeUpdate(update: NamedUpdate, index: P4InfoIndex, limits: TargetLimits): Encoded<p4.v1.IUpdate> {
  return attempt((): p4.v1.IUpdate => {
    const { op, entity } = update
    switch (entity.kind) {
      case 'table': return { type: typeOf[op], entity: { tableEntry: tableEntry(op, entity, index, limits) } }
      case 'default':
        if (op !== 'modify') refuse(`the default entry of '${entity.table}' can only be modified`)
        return { type: typeOf[op], entity: { tableEntry: defaultEntry(entity, index) } }
      case 'multicast':
        return { type: typeOf[op], entity: { packetReplicationEngineEntry: { multicastGroupEntry: multicastGroup(op, entity, limits) } } }
      case 'counter_reset':
        if (op !== 'modify') refuse(`counter '${entity.counter}' can only be modified`)
        return { type: typeOf[op], entity: { counterEntry: { ...counterCell(entity.counter, entity.index, index), data: {} } } }
      case 'meter':
        if (op !== 'modify') refuse(`meter '${entity.meter}' can only be modified`)
        return { type: typeOf[op], entity: { meterEntry: meterCell(entity, index) } }
    }
  })
}

/** The key of an entry, for reads. */
export function encodeKey(entry: NamedTableEntry, index: P4InfoIndex, limits: TargetLimits): Encoded<p4.v1.ITableEntry> {
  return attempt(() => key(entry, tableOf(entry.table, index), limits))
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

function tableEntry(op: NamedUpdate['op'], entry: NamedTableEntry, index: P4InfoIndex, limits: TargetLimits): p4.v1.ITableEntry {
  const table = tableOf(entry.table, index)
  if (table.isConst) refuse(`the entries of '${table.name}' are part of the program`)
  const result = key(entry, table, limits)
  if (op === 'delete') return result
  if (entry.action === null) return refuse(`an entry of '${table.name}' has no action`)
  const ref = table.actionByName.get(entry.action.name) ?? refuse(`table '${table.name}' has no action '${entry.action.name}'`)
  if (ref.scope === 'default_only') refuse(`action '${entry.action.name}' of '${table.name}' is for its default entry only`)
  result.action = { action: action(entry.action, index) }
  if (entry.idleTimeout > 0) {
    if (!table.idleTimeout) refuse(`table '${table.name}' has no idle timeouts`)
    result.idleTimeoutNs = entry.idleTimeout * 1_000_000
  }
  if (entry.controllerMetadata !== 0) result.controllerMetadata = entry.controllerMetadata
  // Made when it is asked for.
  const { metadata } = entry
  if (metadata.length > 0) result.metadata = metadata
  // A MODIFY without counter_data leaves the counter as it is. P4RT 1.4 §9.1
  if (op === 'modify' && entry.resetCounters && table.directCounter !== null) result.counterData = {}
  return result
}

function defaultEntry(entry: NamedDefaultEntry, index: P4InfoIndex): p4.v1.ITableEntry {
  const table = tableOf(entry.table, index)
  if (table.constDefaultAction !== null) refuse(`the default action of '${table.name}' is constant`)
  const ref = table.actionByName.get(entry.action.name) ?? refuse(`table '${table.name}' has no action '${entry.action.name}'`)
  if (ref.scope === 'table_only') refuse(`action '${entry.action.name}' of '${table.name}' cannot be its default action`)
  return { tableId: table.id, isDefaultAction: true, action: { action: action(entry.action, index) } }
}

function key(entry: NamedTableEntry, table: TableInfo, limits: TargetLimits): p4.v1.ITableEntry {
  const match: p4.v1.IFieldMatch[] = []
  const parts = entry.match
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at] as NamedMatch
    const field = table.matchFieldByName.get(part.field) ?? refuse(`table '${table.name}' has no field '${part.field}'`)
    for (let before = 0; before < at; before++) if (parts[before]?.field === part.field) refuse(`field '${part.field}' of '${table.name}' is given twice`)
    if (field.kind !== part.kind) refuse(`field '${part.field}' of '${table.name}' is matched as ${field.kind}, not ${part.kind}`)
    const encoded = fieldMatch(part, field, table.name)
    if (encoded !== null) match.push(encoded)
  }
  for (const field of table.matchFields) {
    if (field.kind === 'exact' && !parts.some((part) => part.field === field.name)) refuse(`exact field '${field.name}' of '${table.name}' is missing`)
  }
  const { priority } = entry
  if (table.needsPriority ? !(Number.isInteger(priority) && priority >= 1 && priority <= limits.maxPriority) : priority !== 0) {
    refuse(`priority ${priority} of an entry of '${table.name}' is not ${table.needsPriority ? `1 … ${limits.maxPriority}` : '0'}`)
  }
  return priority === 0 ? { tableId: table.id, match } : { tableId: table.id, match, priority }
}

/** null: matches everything, and such a field must not be sent. P4RT 1.4 §9.1.1 */
function fieldMatch(part: NamedMatch, field: MatchFieldInfo, table: string): p4.v1.IFieldMatch | null {
  const fieldId = field.id
  const check = (value: bigint): bigint => fitsWidth(value, field.bitwidth) ? value : refuseValue(value, field, table)
  switch (part.kind) {
    case 'exact': return { fieldId, exact: { value: fieldBytes(part.value, field, table) } }
    case 'optional': return { fieldId, optional: { value: fieldBytes(part.value, field, table) } }
    case 'ternary': {
      const { mask } = part
      if (mask === 0n) return null
      const whole = wholeOf(field)
      // Bits outside the mask must be 0: the target refuses them.
      if (mask === whole.value) return { fieldId, ternary: { value: fieldBytes(part.value, field, table), mask: whole.bytes } }
      return { fieldId, ternary: { value: toCanonicalBytes(check(part.value) & mask), mask: fieldBytes(mask, field, table) } }
    }
    case 'lpm': {
      const { prefixLength } = part
      if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > field.bitwidth) {
        refuse(`prefix length ${prefixLength} of field '${field.name}' of '${table}' is not 0 … ${field.bitwidth}`)
      }
      if (prefixLength === 0) return null
      const mask = allOnes(field.bitwidth) ^ allOnes(field.bitwidth - prefixLength)
      return { fieldId, lpm: { value: toCanonicalBytes(check(part.value) & mask), prefixLen: prefixLength } }
    }
    case 'range': {
      const low = check(part.low)
      const high = check(part.high)
      if (low > high) refuse(`the range of field '${field.name}' of '${table}' is empty`)
      if (low === 0n && high === allOnes(field.bitwidth)) return null
      return { fieldId, range: { low: toCanonicalBytes(low), high: toCanonicalBytes(high) } }
    }
  }
}

/** All ones of a field, once for each field. */
const wholes = new WeakMap<MatchFieldInfo, { readonly value: bigint; readonly bytes: Uint8Array }>()
function wholeOf(field: MatchFieldInfo): { readonly value: bigint; readonly bytes: Uint8Array } {
  const known = wholes.get(field)
  if (known !== undefined) return known
  const value = allOnes(field.bitwidth)
  const made = { value, bytes: toCanonicalBytes(value) }
  wholes.set(field, made)
  return made
}
function fieldBytes(value: bigint, field: MatchFieldInfo, table: string): Uint8Array {
  if (value < 0n) refuseValue(value, field, table)
  const bytes = toCanonicalBytes(value)
  return bitsOf(bytes) <= field.bitwidth ? bytes : refuseValue(value, field, table)
}
/** Of a canonical byte string. */
const bitsOf = (bytes: Uint8Array): number => bytes.length * 8 - (Math.clz32(bytes[0] ?? 0) - 24)
const refuseValue = (value: bigint, field: MatchFieldInfo, table: string): never =>
  refuse(`0x${value.toString(16)} does not fit in field '${field.name}' of '${table}' (${field.bitwidth} bits)`)

/** Parameters that many entries have in common, by the list that says so: each list belongs to one action of one pipeline. */
const sharedParams = new WeakMap<NamedAction['params'], readonly p4.v1.Action.IParam[]>()

function action(named: NamedAction, index: P4InfoIndex): p4.v1.IAction {
  const info = index.actions.get(named.name) ?? refuse(`there is no action '${named.name}'`)
  const { own } = named
  if (own === undefined) return { actionId: info.id, params: paramsOf(named, named.params, info) }
  let shared = sharedParams.get(named.params)
  if (shared === undefined) {
    shared = paramsOf(named, [own, ...named.params], info).slice(1)
    sharedParams.set(named.params, shared)
  }
  return { actionId: info.id, params: [paramOf(named, own, info), ...shared] }
}
function paramsOf({ name: actionName }: NamedAction, given: readonly NamedParam[], info: ActionInfo): p4.v1.Action.IParam[] {
  const names = new Set<string>()
  const params = given.map((param) => {
    if (names.has(param.name)) refuse(`parameter '${param.name}' of '${actionName}' is given twice`)
    names.add(param.name)
    return paramOf({ name: actionName }, param, info)
  })
  for (const param of info.params) if (!names.has(param.name)) refuse(`parameter '${param.name}' of '${actionName}' is missing`)
  return params
}
function paramOf({ name: actionName }: { readonly name: string }, { name, value }: NamedParam, info: ActionInfo): p4.v1.Action.IParam {
  const param = info.paramByName.get(name) ?? refuse(`action '${actionName}' has no parameter '${name}'`)
  return { paramId: param.id, value: valueBytes(value, param, () => `parameter '${name}' of '${actionName}'`) }
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

function valueBytes(value: bigint, info: ValueInfo, here: () => string): Uint8Array {
  const bytes = value < 0n ? null : toCanonicalBytes(value)
  if (bytes === null || bitsOf(bytes) > info.bitwidth) return refuse(`0x${value.toString(16)} does not fit in ${here()} (${info.bitwidth} bits)`)
  return bytes
}

const tableOf = (name: string, index: P4InfoIndex): TableInfo => index.tables.get(name) ?? refuse(`there is no table '${name}'`)
