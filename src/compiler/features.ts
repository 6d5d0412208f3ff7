/**
 * What the pipeline lets OpenFlow do, as OpenFlow's own features: derived from the contract, so it is exactly what plan()
 * accepts. OF 1.3.5 §7.3.5.5, §7.3.5.11
 */
import { MeterFlag, type ActionName, type GroupFeatures, type GroupType, type InstructionName, type MeterFeatures, type OxmName, type TableFeatures } from '../openflow/model.js'
import type { PipelineFeatures } from '../datapath/pipeline.js'
import { OXM, TableFeature } from '../openflow/index.js'
import type { Contract, FlowTable, Scope } from './contract.js'
import { supportedTypes } from './groups.js'

const rewriteActions = [
  'copy_ttl_out', 'copy_ttl_in', 'set_mpls_ttl', 'dec_mpls_ttl', 'push_vlan', 'pop_vlan', 'push_mpls', 'pop_mpls', 'set_nw_ttl', 'dec_nw_ttl',
  'push_pbb', 'pop_pbb',
] as const satisfies readonly ActionName[]

export function featuresOf(contract: Contract): PipelineFeatures {
  const tables = contract.tables.map((table) => tableFeatures(contract, table))
  const groups = groupFeatures(contract)
  const settable = [...new Set(tables.flatMap((table) => [...table.applySetField, ...table.writeSetField]))]
  const copies = copiesOf(contract)
  return {
    nTables: contract.tables.length, nIngressTables: contract.tables.filter(({ egress }) => !egress).length, tables, groups, meters: meterFeatures(contract), controllerMeter: contract.controllerMeter !== null, normal: contract.normal !== null, portVlans: contract.normal?.admission != null,
    packetOutActions: packetOutActions(groups, settable, copies.to.length > 0), copyTargets: copies.to,
  }
}

function tableFeatures(contract: Contract, table: FlowTable): TableFeatures {
  const roles = new Set(table.actions.flatMap((action) => [...action.roles.keys()]))
  const next = roles.has('next_table') ? contract.tables.filter(({ number, egress }) => number > table.number && egress === table.egress).map(({ number }) => number) : []
  const instructions: InstructionName[] = ['apply_actions']
  if (next.length > 0) instructions.unshift('goto_table')
  if (roles.has('metadata')) instructions.push('write_metadata')
  if (roles.has('write') && table.write !== null) instructions.push('write_actions')
  if (roles.has('clear')) instructions.push('clear_actions')
  if (roles.has('meter') && table.meter !== null && contract.meters !== null) instructions.push('meter')
  // The agent looks at the counters itself.
  if (table.counts) instructions.push('stat_trigger')
  const applyActions = applyActionsOf(contract, table, roles)
  if (instructions.includes('meter')) applyActions.push('meter')
  const applySetField = settableIn(table.scope)
  if (applySetField.length > 0) applyActions.push('set_field')
  const { from, to } = copiesOf(contract)
  const copied = [...new Set([...from, ...to])]
  if (to.length > 0 && roles.has('multicast')) applyActions.push('copy_field')
  const write = writeFeatures(contract, table)
  const metadata = roles.has('metadata') ? OXM.metadata.ones : 0n
  const fields = [...table.matches].map(([field, { kind }]) => ({ field, maskable: kind === 'ternary' || kind === 'lpm' }))
  const wildcards = [...table.matches].filter(([, { kind }]) => kind !== 'exact').map(([field]) => field)
  return {
    tableId: table.number, name: '', metadataMatch: table.matches.has('metadata') ? OXM.metadata.ones : 0n, metadataWrite: metadata,
    config: 0, maxEntries: table.size, command: 'replace', features: table.egress ? TableFeature.EGRESS_TABLE : TableFeature.INGRESS_TABLE, instructions, instructionsMiss: instructions, nextTables: next, nextTablesMiss: next,
    writeActions: write.actions, writeActionsMiss: write.actions, applyActions, applyActionsMiss: applyActions, match: fields, wildcards,
    writeSetField: write.fields, writeSetFieldMiss: write.fields, applySetField, applySetFieldMiss: applySetField, syncFrom: [],
    writeCopyField: [], writeCopyFieldMiss: [], applyCopyField: copied, applyCopyFieldMiss: copied, packetTypes: [],
  }
}

function applyActionsOf(contract: Contract, table: FlowTable, roles: ReadonlySet<string>): ActionName[] {
  const actions: ActionName[] = []
  if (roles.has('port')) actions.push('output', 'set_queue')
  actions.push(...rewriteActions.filter((name) => scopeDoes(table.scope, name) && (!name.startsWith('dec_') || roles.has('ttl_program'))))
  if (contract.group !== null && roles.has('group')) actions.push('group')
  return actions
}

function writeFeatures(contract: Contract, table: FlowTable): { actions: ActionName[]; fields: OxmName[] } {
  if (table.write === null) return { actions: [], fields: [] }
  const ops = new Set(table.write.actions.flatMap((action) => action.ops))
  const fields = [...new Set(table.write.actions.flatMap((action) => [...action.sets.keys()]))]
  const actions: ActionName[] = []
  if (ops.has('output')) actions.push('output', 'set_queue')
  actions.push(...rewriteActions.filter((name) => ops.has(name)))
  for (const name of ['set_nw_ttl', 'set_mpls_ttl'] as const) {
    if (table.write.actions.some((action) => action.roles.has(`write_${name}`))) actions.push(name)
  }
  if (ops.has('group') && contract.group !== null) actions.push('group')
  if (fields.length > 0) actions.push('set_field')
  return { actions, fields }
}

/** Fields that can be copied from and to: in a continuation, where every copy is made. */
function copiesOf({ continuation, replica }: Contract): { readonly from: readonly OxmName[]; readonly to: readonly OxmName[] } {
  const actions = continuation === null || replica === null ? [] : continuation.scope.stages.flatMap((stage) => stage.actions)
  const names = (of: 'copiesFrom' | 'copiesTo'): OxmName[] => [...new Set(actions.flatMap((action) => [...action[of].keys()]))]
  return { from: names('copiesFrom'), to: names('copiesTo') }
}

const scopeDoes = (scope: Scope, name: string): boolean => scope.stages.some((stage) => stage.actions.some((action) => action.ops.includes(name)))
const settableIn = (scope: Scope): OxmName[] => [...new Set(scope.stages.flatMap((stage) => stage.actions.flatMap((action) => [...action.sets.keys()])))]

/** OFPGFC bits. OF 1.3.5 §7.3.5.11 */
const SELECT_WEIGHT = 1
const SELECT_LIVENESS = 2
const CHAINING = 4 | 8

function groupFeatures(contract: Contract): GroupFeatures {
  const { group, replica, continuation } = contract
  const none: Record<GroupType, number> = { all: 0, select: 0, indirect: 0, ff: 0 }
  if (group === null || replica === null) {
    return { types: [], capabilities: 0, maxGroups: none, actions: { all: [], select: [], indirect: [], ff: [] } }
  }
  const actions: ActionName[] = ['output', 'group', 'set_queue']
  const alone = continuation?.actions.some((action) => action.roles.has('ttl_program')) === true
  actions.push(...rewriteActions.filter((name) => (name.startsWith('dec_') ? alone && scopeDoes(continuation.scope, name) : scopeDoes(replica.scope, name))))
  if (settableIn(replica.scope).length > 0) actions.push('set_field')
  if (copiesOf(contract).to.length > 0) actions.push('copy_field')
  const count = Math.min(group.size, contract.multicastGroups)
  const types = supportedTypes(group)
  const forEach = <T>(value: T, otherwise: T): Record<GroupType, T> => {
    const of = (type: GroupType): T => (types.includes(type) ? value : otherwise)
    return { all: of('all'), select: of('select'), indirect: of('indirect'), ff: of('ff') }
  }
  const capabilities = CHAINING | (types.includes('select') ? SELECT_WEIGHT | SELECT_LIVENESS : 0)
  return { types, capabilities, maxGroups: forEach(count, 0), actions: forEach(actions, []) }
}

/** ofp_meter_band_type as bits. OF 1.3.5 §7.3.5.14 */
const DROP = 1 << 1
const DSCP_REMARK = 1 << 2

function meterFeatures({ meters }: Contract): MeterFeatures {
  if (meters === null) return { maxMeter: 0, bandTypes: 0, capabilities: 0, maxBands: 0, maxColor: 0, features: 0 }
  const { slots, maxBands, arrays, remarks, totalCounter, bandCounter } = meters
  const capabilities = (arrays.has('kbps') ? MeterFlag.KBPS : 0) | (arrays.has('pktps') ? MeterFlag.PKTPS : 0) | MeterFlag.BURST
    | (totalCounter !== null && bandCounter !== null ? MeterFlag.STATS : 0)
  return { maxMeter: slots, bandTypes: DROP | (remarks ? DSCP_REMARK : 0), capabilities, maxBands, maxColor: 0, features: 0 }
}

/** A packet-out's list is carried out by the agent, so it can do all that the model has, groups included where there are any. */
function packetOutActions(groups: GroupFeatures, settable: readonly OxmName[], copies: boolean): readonly ActionName[] {
  const actions: ActionName[] = ['output', 'set_queue', 'push_vlan', 'pop_vlan', 'push_mpls', 'pop_mpls', 'push_pbb', 'pop_pbb', 'set_mpls_ttl', 'dec_mpls_ttl', 'copy_ttl_in', 'copy_ttl_out', 'set_nw_ttl', 'dec_nw_ttl']
  if (groups.types.length > 0) actions.push('group')
  if (settable.length > 0) actions.push('set_field')
  if (copies) actions.push('copy_field')
  return actions
}
