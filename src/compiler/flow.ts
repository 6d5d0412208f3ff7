/**
 * Compiles one flow: its home entry in a flow table and everything shared that the entry refers to. OF 1.3.5 §5.9
 */
import type { Action, Instructions } from '../openflow/model.js'
import { isTableMiss, type FlowRecord } from '../datapath/pipeline.js'
import type { Contract, FlowTable } from './contract.js'
import { actionCall, chooseAction, missingRoles, type Defaults } from './entries.js'
import type { Emissions } from './emission.js'
import type { Executions, ListContext, Tail } from './execution.js'
import { cellParameter } from './flow-cells.js'
import { flowHome } from './home.js'
import type { Handle } from './interned.js'
import type { NamedAction, NamedMatch, NamedParam, NamedTableEntry, NamedUpdate } from './ir.js'
import { checkMatch, compileMatch, targetPriority } from './match.js'
import { meterFirst } from './metered.js'
import type { MeterTables } from './meters.js'
import { keepingMetadata, stepsOf } from './operations.js'
import { CannotPlan, type PlannedUpdate, type Planning, type Subject } from './planning.js'
import type { SharedState } from './shared-state.js'
import { Tier, twinMatch } from './twins.js'
import { acquireWrite } from './write-actions.js'

/** What an entry does, without the parameter that tells its flow's number: mostly the same for all flows of a table with these instructions. */
interface Doing {
  readonly table: FlowTable
  readonly action: NamedAction
  readonly flowParam: string | null
  readonly cellParam: string | null
  readonly uses: readonly Handle[]
  /** Must be compiled again when the first flow with write-actions appears. */
  readonly dependsOnWriters: boolean
}

const NO_USES: readonly Handle[] = []

/** The entry of a flow in the target. A class, because an accessor in an object literal is defined anew for each object, slowly. */
class HomeEntry implements NamedTableEntry {
  readonly kind = 'table'
  readonly table: string
  readonly match: readonly NamedMatch[]
  readonly priority: number
  readonly action: NamedAction
  readonly idleTimeout: number
  readonly controllerMetadata: number
  readonly resetCounters: boolean
  readonly #record: FlowRecord

  constructor(table: string, match: readonly NamedMatch[], priority: number, action: NamedAction, record: FlowRecord, resetCounters: boolean) {
    this.table = table
    this.match = match
    this.priority = priority
    this.action = action
    this.idleTimeout = record.idleTimeout * 1000
    this.controllerMetadata = record.id
    this.resetCounters = resetCounters
    this.#record = record
  }

  /** Made when it is asked for; a copy of the entry has to ask. */
  get metadata(): Uint8Array { return flowHome(this.#record) }
}

/** There may be a million of these: what can be made again when it is needed is not kept. */
export class CompiledFlow {
  readonly record: FlowRecord
  /** In which it is counted; null: by its entry. */
  readonly cell: Handle | null
  readonly tier: Tier
  readonly #doing: Doing

  constructor(record: FlowRecord, tier: Tier, doing: Doing, cell: Handle | null) {
    this.record = record
    this.tier = tier
    this.cell = cell
    this.#doing = doing
  }

  get uses(): readonly Handle[] { return this.#doing.uses }
  get dependsOnWriters(): boolean { return this.#doing.dependsOnWriters }

  /** Its home entry; made anew at each call. `resetCounters`: for a modification after which it counts from zero. */
  get entry(): NamedTableEntry { return this.entryThat(false) }
  entryThat(resetCounters: boolean): NamedTableEntry {
    const { match, priority } = this.record
    const { table, action: { name } } = this.#doing
    const { twins, fixed } = table
    const own = (key: readonly NamedMatch[]): readonly NamedMatch[] => fixed.length === 0 ? key : [...fixed, ...key]
    if (twins === null || this.tier === Tier.FLOW) return new HomeEntry(table.table, own(compileMatch(match, table)), targetPriority(priority), this.#action(name), this.record, resetCounters)
    if (this.tier === Tier.TWIN) return new HomeEntry(twins.twin, own(twinMatch(match, twins)), 0, this.#action(twins.twinActions.get(name) ?? name), this.record, resetCounters)
    return new HomeEntry(twins.rest, own(compileMatch(match, table)), targetPriority(priority), this.#action(twins.restActions.get(name) ?? name), this.record, resetCounters)
  }

  #action(name: string): NamedAction {
    const { action: { params: shared }, flowParam, cellParam } = this.#doing
    const params = this.cell === null || cellParam === null ? shared : withParam(shared, cellParam, BigInt(this.cell.id))
    return flowParam === null ? { name, params } : actionOf(name, params, { name: flowParam, value: BigInt(this.record.id) }, params === shared)
  }

  /** The same flow in another of its tables, or counted in a cell. */
  with({ tier = this.tier, cell = this.cell }: { readonly tier?: Tier; readonly cell?: Handle | null }): CompiledFlow {
    return new CompiledFlow(this.record, tier, this.#doing, cell)
  }
}

/** A list that other entries have too is told apart from what this one has of its own. */
const actionOf = (name: string, params: readonly NamedParam[], own: NamedParam, isShared: boolean): NamedAction =>
  isShared ? { name, params, own } : { name, params: [own, ...params] }

/** An update of a flow's home entry. While it is under way it is no more than the flow: the entry is made when it is asked for. */
export class FlowUpdate implements PlannedUpdate {
  readonly #op: NamedUpdate['op']
  readonly #flow: CompiledFlow
  /** In a modification: what was there before. */
  readonly #before: CompiledFlow | null
  readonly #resetCounters: boolean

  constructor(op: NamedUpdate['op'], flow: CompiledFlow, before: CompiledFlow | null, resetCounters: boolean) {
    this.#op = op
    this.#flow = flow
    this.#before = before
    this.#resetCounters = resetCounters
  }

  get update(): NamedUpdate { return { op: this.#op, entity: this.#flow.entryThat(this.#resetCounters) } }
  get inverse(): NamedUpdate {
    if (this.#before !== null) return { op: 'modify', entity: this.#before.entry }
    return { op: this.#op === 'insert' ? 'delete' : 'insert', entity: this.#flow.entry }
  }
  get subject(): Subject { return { flow: this.#flow.record.id } }
  revocable(): boolean { return true }
}

/** The error for an instruction or action that no action of the table can carry out. */
const refusals: Readonly<Record<string, 'OFPBIC_UNSUP_INST' | 'OFPBAC_BAD_OUT_PORT' | 'OFPBAC_BAD_TYPE' | 'OFPBAC_UNSUPPORTED_ORDER' | 'OFPBIC_UNSUP_METADATA'>> = {
  next_table: 'OFPBIC_UNSUP_INST', metadata: 'OFPBIC_UNSUP_INST', metadata_mask: 'OFPBIC_UNSUP_INST', write: 'OFPBIC_UNSUP_INST', clear: 'OFPBIC_UNSUP_INST', meter: 'OFPBIC_UNSUP_INST',
  port: 'OFPBAC_BAD_OUT_PORT', to_in_port: 'OFPBAC_BAD_OUT_PORT', normal: 'OFPBAC_BAD_OUT_PORT', group: 'OFPBAC_BAD_TYPE', ttl_program: 'OFPBAC_BAD_TYPE', multicast: 'OFPBAC_UNSUPPORTED_ORDER',
}

export class FlowCompiler {
  readonly #contract: Contract
  readonly #state: SharedState
  readonly #executions: Executions
  readonly #emissions: Emissions
  readonly #meters: MeterTables
  readonly #defaults: Defaults
  /** By instructions and number of the table, where nothing but the two decides and nothing shared is used. */
  readonly #plain = new WeakMap<Instructions, Map<number, Doing>>()

  constructor(contract: Contract, state: SharedState, executions: Executions, emissions: Emissions, meters: MeterTables) {
    this.#contract = contract
    this.#state = state
    this.#executions = executions
    this.#emissions = emissions
    this.#meters = meters
    this.#defaults = { next_table: BigInt(contract.tableNone) }
  }

  /** `tier`: the table that it goes to; `cell`: taken for this flow. */
  compile(planning: Planning, record: FlowRecord, tier: Tier, cell: Handle | null): CompiledFlow {
    const table = this.#table(record.tableId)
    if (record.idleTimeout > 0 && !table.idleTimeout) throw new CannotPlan('OFPFMFC_BAD_TIMEOUT', `table ${table.number} has no idle timeouts`)
    checkMatch(record.match, table)
    // Its packet-ins say that it is the table-miss flow, so it does not do the same as another flow with its instructions.
    const isMiss = isTableMiss(record)
    const known = isMiss ? undefined : this.#plain.get(record.instructions)?.get(table.number)
    if (known !== undefined) return new CompiledFlow(record, tier, known, cell)
    const uses: Handle[] = []
    const { roles, dependsOnWriters } = this.#roles(planning, record, table, uses)
    const action = chooseAction(table.actions, roles, this.#defaults)
    if (action === null) throw this.#noAction(table, roles)
    const flowParam = action.roles.get('flow')?.name ?? null
    const doing: Doing = { table, action: without(flowParam, actionCall(action, roles, this.#defaults)), flowParam, cellParam: cellParameter(action), uses: uses.length === 0 ? NO_USES : uses, dependsOnWriters }
    const flow = new CompiledFlow(record, tier, doing, cell)
    if (isMiss || uses.length > 0 || dependsOnWriters) return flow
    const byTable = this.#plain.get(record.instructions) ?? new Map<number, Doing>()
    this.#plain.set(record.instructions, byTable.set(table.number, doing))
    return flow
  }

  #roles(planning: Planning, record: FlowRecord, table: FlowTable, uses: Handle[]): { roles: Map<string, bigint>; dependsOnWriters: boolean } {
    const { instructions } = record
    const context: ListContext = { inPort: inPortOf(record), hasActionSet: table.egress }
    const { meter, apply } = meterFirst(instructions)
    const list = stepsOf(apply, isTableMiss(record))
    if (!list.ok) throw new CannotPlan(list.error, list.reason)
    const steps = keepingMetadata(list.steps, instructions.writeMetadata?.mask ?? 0n)
    const execution = this.#executions.compile(planning, steps, table.scope, this.#tail(instructions, table), context)
    uses.push(...execution.uses)
    const roles = new Map(execution.roles)
    roles.set('flow', BigInt(record.id))
    if (meter !== null) {
      roles.set('meter', BigInt(meter))
      if (table.meter === null) throw new CannotPlan('OFPBIC_UNSUP_INST', `table ${table.number} has no meters`)
      uses.push(this.#meters.use(planning, table.meter, meter))
    }
    if (instructions.writeMetadata !== null) {
      const { value, mask } = instructions.writeMetadata
      roles.set('metadata', value & mask)
      roles.set('metadata_mask', mask)
    }
    if (instructions.clear) roles.set('clear', 1n)
    if (instructions.write !== null && instructions.write.length > 0) roles.set('write', this.#write(planning, instructions.write, table, uses))
    return { roles, dependsOnWriters: execution.dependsOnWriters }
  }

  #write(planning: Planning, actions: readonly Action[], table: FlowTable, uses: Handle[]): bigint {
    if (table.write === null) throw new CannotPlan('OFPBIC_UNSUP_INST', `table ${table.number} has no write-actions`)
    // A set-queue alone writes nothing here; an entry for it would put an empty output or group in the place of an earlier one.
    const list = stepsOf(actions)
    if (list.ok && list.steps.length === 0) return 0n
    const handle = acquireWrite(this.#contract, this.#state, this.#emissions, planning, table.write, actions)
    uses.push(handle)
    return BigInt(handle.id)
  }

  #tail(instructions: Instructions, table: FlowTable): Tail {
    if (instructions.gotoTable === null) return { kind: 'end' }
    if (instructions.gotoTable <= table.number || this.#contract.tables[instructions.gotoTable]?.egress !== table.egress) {
      throw new CannotPlan('OFPBIC_BAD_TABLE_ID', `there is no way from table ${table.number} to table ${instructions.gotoTable}`)
    }
    return { kind: 'goto', table: instructions.gotoTable }
  }

  #table(number: number): FlowTable {
    const table = this.#contract.tables[number]
    if (table === undefined) throw new CannotPlan('OFPFMFC_BAD_TABLE_ID', `there is no table ${number}`)
    return table
  }

  #noAction(table: FlowTable, roles: ReadonlyMap<string, bigint>): CannotPlan {
    const missing = missingRoles(table.actions, roles, this.#defaults)
    const [first] = missing
    if (first === undefined) return new CannotPlan('OFPBAC_UNSUPPORTED_ORDER', `no action of table ${table.number} does all of ${[...roles.keys()].join(', ')}`)
    return new CannotPlan(refusals[first] ?? 'OFPBAC_UNSUPPORTED_ORDER', `table ${table.number} lacks ${missing.join(', ')}`)
  }
}

const without = (omitted: string | null, { name, params }: NamedAction): NamedAction =>
  ({ name, params: omitted === null ? params : params.filter((param) => param.name !== omitted) })
const withParam = (params: NamedAction['params'], name: string, value: bigint): NamedAction['params'] =>
  params.map((param) => param.name === name ? { name, value } : param)

const inPortOf = ({ match }: FlowRecord): number | null => {
  const field = match.find((entry) => entry.field === 'in_port')
  return field === undefined || field.mask !== null ? null : Number(field.value)
}
