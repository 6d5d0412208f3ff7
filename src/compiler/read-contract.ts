/**
 * Reads the contract from a P4Info index. Tables are found by their annotation; a table belongs to the scope of the control
 * that holds it, and the OpenFlow number of a flow table is the number at the end of its control's instance name.
 */
import type { Annotations } from '../p4info/annotations.js'
import type { ActionRefInfo, P4InfoParts, TableInfo, ValueInfo } from '../p4info/model.js'
import type { OxmName } from '../openflow/model.js'
import { OXM } from '../openflow/index.js'
import { allNumbers } from './instances.js'
import { readNormal } from './read-normal.js'
import { fixedKey, instanceAlone, isInstance, isTtl, parameter, role, rolesOf, usable } from './read-parts.js'
import { readTwins } from './read-twins.js'
import {
  ContractError, type ChoiceTable, type Contract, type EgressTables, type ExecuteAction, type FlowTable, type GroupTable, type KeyedTable, type MatchTarget, type MeterArray,
  type Meters, type MeterTable, type MeterUnit, type Parameter,
  type ReplicaAction, type Scope, type SetParameter, type Stage, type StageAction, type WriteTable,
} from './contract.js'

/** Throws ContractError with every gap. */
export function readContract(info: P4InfoParts): Contract {
  const gaps: string[] = []
  const contract = read(info, gaps)
  if (gaps.length > 0) throw new ContractError(gaps)
  return contract
}

function read(info: P4InfoParts, gaps: string[]): Contract {
  const tables = [...info.tables.values()]
  const pipeline = info.packageInfo.annotations.get('of_pipeline')
  if (pipeline === undefined) {
    gaps.push('the package has no @of_pipeline annotation')
  }
  const number = (key: string): number | null => {
    const value = pipeline?.pairs.get(key)
    return typeof value === 'bigint' ? Number(value) : null
  }
  const required = (key: string, fallback: number): number => {
    const value = number(key)
    if (value === null && pipeline !== undefined) gaps.push(`@of_pipeline lacks ${key}`)
    return value ?? fallback
  }
  const one = (annotation: string): TableInfo | null => {
    const found = tables.filter((table) => table.annotations.has(annotation))
    if (found.length > 1) gaps.push(`more than one table has @${annotation}`)
    return found[0] ?? null
  }
  const scopeOf = (table: TableInfo): Scope => readScope(tables, parent(table.name), gaps)
  const keyed = (table: TableInfo | null, role: string): KeyedTable | null => {
    if (table === null) return null
    return { table: table.name, key: keyWithRole(table, role, gaps), size: table.size, actions: executeActions(table) }
  }

  const flowTables = tables.filter((table) => table.annotations.has('of_table')).map((table) => readFlowTable(tables, table, gaps))
  flowTables.sort((a, b) => a.number - b.number)
  if (flowTables.length === 0) gaps.push('no table has @of_table')
  flowTables.forEach((table, index) => {
    if (table.number !== index) gaps.push(`flow tables are not numbered 0, 1, 2 …: ${table.table} is ${table.number}`)
    if (!table.egress && flowTables[index - 1]?.egress === true) gaps.push(`flow table ${table.table} comes after one of egress processing`)
  })
  const egress = flowTables.some((table) => table.egress) ? readEgress(one('of_egress_first'), keyed(one('of_egress_port'), 'port'), gaps) : null
  if (flowTables[0]?.egress === true) gaps.push('the first flow table is one of egress processing')

  const portIn = keyed(one('of_port_in'), 'port')
  if (portIn === null) gaps.push('no table has @of_port_in')
  const continuationTable = one('of_continuation')
  const continuation = keyed(continuationTable, 'continuation')
  const replicaTable = one('of_replica')
  const groupTable = one('of_group')
  const group = keyed(groupTable, 'group')
  const counter = (of: string) => [...info.counters.values()].find((entry) => entry.annotations.get('of_counter')?.pairs.get('of') === of) ?? null
  const fork = [number('fork_group'), number('fork_emit'), number('fork_action_set')]
  const header = (name: string): ReadonlySet<string> => {
    const found = info.controllerHeaders.get(name)
    if (found === undefined) gaps.push(`there is no controller header ${name}`)
    return new Set(found?.fields.map((field) => field.name))
  }

  if (flowTables.some(({ twins }) => twins !== null) && counter('flow') === null) gaps.push('twins need a counter with of="flow"')
  const counterArray = (of: string): { readonly name: string; readonly size: number } | null => {
    const found = counter(of)
    return found === null ? null : { name: found.name, size: found.size }
  }
  const counted = {
    multicastGroups: number('multicast_groups') ?? 0,
    fork: fork[0] != null && fork[1] != null && fork[2] != null ? { group: fork[0], emit: fork[1], actionSet: fork[2] } : null,
    continuation: continuation === null || continuationTable === null ? null : {
      ...continuation, scope: scopeOf(continuationTable), meter: readMeterTable(tables, parent(continuationTable.name), gaps), firstPort: required('continuation_first', 0), lastPort: required('continuation_last', 0),
    },
    replica: replicaTable === null ? null : {
      table: replicaTable.name, key: keyWithRole(replicaTable, 'instance', gaps), size: replicaTable.size,
      actions: usable(replicaTable).map(replicaAction), scope: scopeOf(replicaTable),
    },
    bucketCounter: counterArray('bucket'),
    flowCounter: counterArray('flow'),
    meters: readMeters(info, gaps),
  }
  const packetIn = header('packet_in')
  const packetOut = header('packet_out')
  const instances = number('instances') ?? 1
  if (instances > 1) {
    const keyed = tables.filter((table) => INSTANCE_TABLES.some((annotation) => table.annotations.has(annotation)))
    for (const table of keyed) if (fixedKey(table).length === 0) gaps.push(`table ${table.name} needs an exact key field with role="instance", since several switches share the pipeline`)
    for (const [name, fields] of [['packet_in', packetIn], ['packet_out', packetOut]] as const) if (!fields.has('instance')) gaps.push(`the controller header ${name} has no field instance`)
    if (portIn?.actions.every(({ roles }) => !roles.has('instance')) === true) gaps.push(`no action of ${portIn.table} has a parameter of role instance`)
  }
  return {
    name: String(pipeline?.pairs.get('name') ?? info.packageInfo.name),
    cpuPort: required('cpu_port', 0),
    nullPort: number('null_port'),
    tableNone: number('table_none') ?? 255,
    tableContinued: number('table_continued') ?? 254,
    multicastNodes: number('multicast_nodes') ?? 0,
    tables: flowTables, egress,
    ...counted, instances, share: { index: 0, count: 1 }, numbers: allNumbers(counted),
    group: group === null || groupTable === null ? null : readGroupTable(group, groupTable, one, gaps),
    normal: readNormal(one, info, gaps),
    controllerMeter: replicaTable === null ? null : readMeterTable(tables, parent(replicaTable.name), gaps),
    portIn: portIn ?? { table: '', key: '', size: 0, actions: [] },
    portBlock: keyed(one('of_port_block'), 'port'),
    lookupCounter: counter('lookups')?.name ?? null,
    matchCounter: counter('matches')?.name ?? null,
    packetIn, packetOut,
  }
}

function readEgress(first: TableInfo | null, port: KeyedTable | null, gaps: string[]): EgressTables | null {
  if (first === null || port === null) {
    gaps.push('flow tables with @of_egress need tables with @of_egress_first and @of_egress_port')
    return null
  }
  const found = usable(first).map(({ action }) => ({ action: action.name, parameter: rolesOf(action.params).get('next_table') })).find(({ parameter }) => parameter !== undefined)
  if (found?.parameter === undefined) gaps.push(`table ${first.name} has no action with a parameter of role next_table`)
  if (port.actions.every(({ roles }) => !roles.has('in_port'))) gaps.push(`table ${port.table} has no action with a parameter of role in_port`)
  instanceAlone(first, gaps)
  return { first: { table: first.name, fixed: fixedKey(first), action: found?.action ?? '', parameter: found?.parameter ?? { name: '', bitwidth: 0 } }, port }
}

function readGroupTable(keyed: KeyedTable, table: TableInfo, one: (annotation: string) => TableInfo | null, gaps: string[]): GroupTable {
  const ofKind = (kind: string) => usable(table).filter(({ action }) => action.annotations.get('of_do')?.pairs.get('kind') === kind)
  const emits = new Set(ofKind('emit').map(({ action }) => action.name))
  const choice = (annotation: string, by: string): ChoiceTable | null => {
    const found = one(annotation)
    if (found === null) return null
    const field = (name: string) => found.matchFields.find((candidate) => role(candidate) === name)
    const fixed = fixedKey(found)
    if (field('group') === undefined || field(by) === undefined || found.matchFields.length - fixed.length !== 2) gaps.push(`table ${found.name} needs two key fields, with the roles group and ${by}`)
    return { table: found.name, fixed, key: field('group')?.name ?? '', by: field(by)?.name ?? '', byWidth: field(by)?.bitwidth ?? 0, size: found.size, actions: executeActions(found) }
  }
  const liveTable = one('of_live_ports')
  const liveAction = liveTable === null ? undefined : liveTable.actions.find(({ action }) => rolesOf(action.params).has('live'))?.action
  const parameter = liveAction === undefined ? undefined : rolesOf(liveAction.params).get('live')
  if (liveTable !== null && parameter === undefined) gaps.push(`table ${liveTable.name} has no action with a parameter of role live`)
  if (liveTable !== null) instanceAlone(liveTable, gaps)
  return {
    ...keyed, fixed: fixedKey(table), actions: keyed.actions.filter(({ name }) => emits.has(name)),
    chooseByHash: ofKind('select')[0]?.action.name ?? null, chooseByLiveness: ofKind('failover')[0]?.action.name ?? null,
    select: choice('of_group_select', 'hash'), failover: choice('of_group_failover', 'live'),
    live: liveTable === null || liveAction === undefined || parameter === undefined ? null : { table: liveTable.name, fixed: fixedKey(liveTable), action: liveAction.name, parameter },
  }
}

function readFlowTable(tables: readonly TableInfo[], table: TableInfo, gaps: string[]): FlowTable {
  const control = parent(table.name)
  const digits = /(\d+)$/.exec(control)
  if (digits === null) gaps.push(`the control of flow table ${table.name} has no number at the end of its name`)
  if (!table.needsPriority) gaps.push(`flow table ${table.name} has no ternary field, so flows cannot have priorities`)
  const matches = new Map<OxmName, MatchTarget>()
  for (const field of table.matchFields.filter((candidate) => !isInstance(candidate))) {
    const names = oxmList(field.annotations, 'of_match', 'oxm', `field ${field.name} of ${table.name}`, gaps)
    if (names.length === 0) gaps.push(`field ${field.name} of flow table ${table.name} has no @of_match`)
    for (const name of names) {
      if (OXM[name].bits > field.bitwidth) gaps.push(`field ${field.name} of ${table.name} is too narrow for ${name}`)
      matches.set(name, { field: field.name, bitwidth: field.bitwidth, kind: field.kind })
    }
  }
  const actions = executeActions(table)
  if (actions.length === 0) gaps.push(`flow table ${table.name} has no action with @of_execute`)
  const write = tables.find((candidate) => candidate.annotations.has('of_write') && parent(candidate.name) === control)
  return {
    number: Number(digits?.[1] ?? -1), egress: table.annotations.has('of_egress'), table: table.name, fixed: fixedKey(table), size: table.size, matches, actions, twins: readTwins(tables, table, control, gaps), scope: readScope(tables, control, gaps),
    write: write === undefined ? null : readWriteTable(write, gaps), meter: readMeterTable(tables, control, gaps), idleTimeout: table.idleTimeout, counts: table.directCounter !== null,
  }
}

function readWriteTable(table: TableInfo, gaps: string[]): WriteTable {
  return { table: table.name, key: keyWithRole(table, 'write', gaps), size: table.size, actions: usable(table).map((ref) => stageAction(ref, gaps)) }
}

const METER_UNITS: readonly MeterUnit[] = ['kbps', 'pktps']
const unitOf = (annotations: Annotations, name: string, key: string): MeterUnit | null => METER_UNITS.find((unit) => annotations.get(name)?.pairs.get(key) === unit) ?? null
const bandsOf = (table: TableInfo): number => Number(table.annotations.get('of_meter')?.pairs.get('bands') ?? 0)
const meterTables = (tables: readonly TableInfo[]): readonly TableInfo[] => tables.filter((table) => table.annotations.has('of_meter'))

function readMeterTable(tables: readonly TableInfo[], control: string, gaps: string[]): MeterTable | null {
  const table = meterTables(tables).find(({ name }) => name.startsWith(`${control}.`))
  if (table === undefined) return null
  const actions = new Map<MeterUnit, ExecuteAction>()
  for (const { action } of usable(table)) {
    const unit = unitOf(action.annotations, 'of_do', 'kind')
    const roles = rolesOf(action.params)
    if (unit === null) continue
    actions.set(unit, { name: action.name, roles })
    if (!roles.has('cell') || !roles.has('bands')) gaps.push(`action ${action.name} of table ${table.name} lacks the role cell or bands`)
  }
  return { table: table.name, fixed: fixedKey(table), key: keyWithRole(table, 'meter', gaps), actions }
}

/** Burst of a cell where the pipeline does not say: BMv2's. */
const MAX_BURST = 0xffff_ffffn

function readMeters(info: P4InfoParts, gaps: string[]): Meters | null {
  const tables = meterTables([...info.tables.values()])
  const [first] = tables
  if (first === undefined) return null
  const maxBands = bandsOf(first)
  if (maxBands < 1 || tables.some((table) => bandsOf(table) !== maxBands)) gaps.push('tables with @of_meter say the same number of bands, 1 or more')
  const arrays = new Map<MeterUnit, MeterArray>()
  const sizes = tables.map(({ size }) => size)
  for (const meter of info.meters.values()) {
    const unit = unitOf(meter.annotations, 'of_meter_cells', 'unit')
    if (unit === null) continue
    if (meter.unit !== (unit === 'kbps' ? 'bytes' : 'packets')) gaps.push(`meter ${meter.name} for ${unit} measures ${meter.unit}`)
    const maxBurst = meter.annotations.get('of_meter_cells')?.pairs.get('max_burst')
    arrays.set(unit, { name: meter.name, maxBurst: typeof maxBurst === 'bigint' ? maxBurst : MAX_BURST })
    sizes.push(Math.floor(meter.size / Math.max(1, maxBands)))
  }
  if (arrays.size === 0) gaps.push('there are tables with @of_meter, but no meter with @of_meter_cells')
  const counter = (of: string, cellsEach: number): string | null => {
    const found = [...info.counters.values()].find(({ annotations }) => annotations.get('of_counter')?.pairs.get('of') === of)
    if (found !== undefined) sizes.push(Math.floor(found.size / Math.max(1, cellsEach)))
    return found?.name ?? null
  }
  const remarks = tables.every((table) => usable(table).every(({ action }) => rolesOf(action.params).has('on_exceeded')))
  return { maxBands, arrays, remarks, totalCounter: counter('meter', 1), bandCounter: counter('meter_band', maxBands), slots: Math.min(...sizes) }
}

function readScope(tables: readonly TableInfo[], control: string, gaps: string[]): Scope {
  const stages: Stage[] = []
  for (const table of tables) {
    const annotation = table.annotations.get('of_stage')
    if (annotation === undefined || !table.name.startsWith(`${control}.`)) continue
    const index = annotation.pairs.get('index')
    if (typeof index !== 'bigint') {
      gaps.push(`stage ${table.name} has no index`)
      continue
    }
    stages.push({
      index: Number(index), table: table.name, key: keyWithRole(table, 'program', gaps), size: table.size,
      actions: usable(table).map((ref) => stageAction(ref, gaps)),
    })
  }
  stages.sort((a, b) => a.index - b.index)
  return { name: control, stages }
}

const parent = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('.')))
function executeActions(table: TableInfo): readonly ExecuteAction[] {
  return usable(table).map((ref) => ({ name: ref.action.name, roles: rolesOf(ref.action.params) }))
}

function replicaAction(ref: ActionRefInfo): ReplicaAction {
  const counters = ref.action.params.filter((param) => role(param) === 'counter').map((param) => param.name)
  return {
    name: ref.action.name, roles: rolesOf(ref.action.params), counters,
    kind: String(ref.action.annotations.get('of_do')?.pairs.get('kind') ?? ''),
  }
}

function stageAction(ref: ActionRefInfo, gaps: string[]): StageAction {
  const ops = ref.action.annotations.get('of_do')?.pairs.get('ops')
  const sets = new Map<OxmName, SetParameter>()
  const where = `action ${ref.action.name}`
  for (const param of ref.action.params) {
    for (const name of setNames(param, 'set', where, gaps)) sets.set(name, { value: parameter(param), mask: sets.get(name)?.mask ?? null })
  }
  for (const param of ref.action.params) {
    for (const name of setNames(param, 'set_mask', where, gaps)) {
      const set = sets.get(name)
      if (set === undefined) gaps.push(`${where} has a mask but no value for ${name}`)
      else sets.set(name, { value: set.value, mask: parameter(param) })
    }
  }
  const named = (key: string): [OxmName, Parameter][] => ref.action.params.flatMap((param) => setNames(param, key, where, gaps).map((name): [OxmName, Parameter] => [name, parameter(param)]))
  const masks = new Map(named('copy_mask'))
  const copiesTo = new Map<OxmName, { shift: Parameter; mask: Parameter }>()
  for (const [name, shift] of named('copy_to')) {
    const mask = masks.get(name)
    if (mask === undefined) gaps.push(`${where} copies to ${name} without a mask`)
    else copiesTo.set(name, { shift, mask })
  }
  return {
    name: ref.action.name, ops: typeof ops === 'string' && ops !== '' ? ops.split(',') : [], sets, copiesFrom: new Map(named('copy_from')), copiesTo,
    roles: rolesOf(ref.action.params), paramCount: ref.action.params.length,
  }
}

/** Fields that `set="…"` of a parameter names; the TTLs are not OXM fields and are kept as roles. */
function setNames(param: ValueInfo, key: string, where: string, gaps: string[]): readonly OxmName[] {
  return oxmList(param.annotations, 'of', key, `parameter ${param.name} of ${where}`, gaps)
}

function oxmList(annotations: Annotations, name: string, key: string, where: string, gaps: string[]): readonly OxmName[] {
  const text = annotations.get(name)?.pairs.get(key)
  if (typeof text !== 'string' || isTtl(text)) return []
  const names = text.split(',')
  for (const unknown of names.filter((entry) => !Object.hasOwn(OXM, entry))) gaps.push(`${where} names the unknown field ${unknown}`)
  return names.filter((entry): entry is OxmName => Object.hasOwn(OXM, entry))
}

/** Tables whose entries are of one of the switches. */
const INSTANCE_TABLES = ['of_table', 'of_twin', 'of_rest', 'of_shape', 'of_meter', 'of_group', 'of_group_select', 'of_group_failover', 'of_live_ports', 'of_normal_source', 'of_normal_destination', 'of_normal_flood', 'of_egress_first']
function keyWithRole(table: TableInfo, name: string, gaps: string[]): string {
  const field = table.matchFields.find((candidate) => role(candidate) === name)
  if (field === undefined || table.matchFields.length - fixedKey(table).length !== 1) gaps.push(`table ${table.name} needs exactly one key field, with role="${name}"`)
  return field?.name ?? ''
}
