/**
 * The compiler: OpenFlow flows, groups, meters and ports → named entries for one pipeline. It keeps what is in the target (which
 * programs, replicas and multicast groups there are, and who uses them) and never talks to it.
 */
import type { PortVlans } from '../base/port-vlans.js'
import type { Change, Found, FlowRecord, Held, MissChoice, Pipeline, PipelineFeatures, Plan, Refusal } from '../datapath/pipeline.js'
import { refusal } from '../datapath/pipeline.js'
import type { Contract } from './contract.js'
import { exactly, tableEntry } from './entries.js'
import { EgressProcessing } from './egress.js'
import { Emissions } from './emission.js'
import { Executions } from './execution.js'
import { featuresOf } from './features.js'
import { type CompiledFlow, FlowCompiler, FlowUpdate } from './flow.js'
import type { FlowCells } from './flow-cells.js'
import { GroupTables } from './groups.js'
import { Halves } from './halves.js'
import { release, type Handle } from './interned.js'
import type { NamedAction, NamedEntity, NamedTableEntry, NamedUpdate } from './ir.js'
import { Holding } from './holding.js'
import { flowKey, isFlow } from './holds.js'
import { MeterTables, type MeterCells } from './meters.js'
import { belongsTo } from './instances.js'
import { HostTables } from './normal.js'
import { whyNotVlans } from './normal-vlans.js'
import { Behind, CannotPlan, Planning, mergePlans, type CompiledPlan } from './planning.js'
import { PortTables } from './ports.js'
import { SharedState } from './shared-state.js'
import { TableNotes } from './table-notes.js'
import { Tier, TwinTable, type Rearrangement } from './twins.js'

/** What a target holds, in the words in which it would be written. */
export interface TargetContents extends Held { readonly entities: readonly NamedEntity[] }

export interface CompilerOptions {
  readonly contract: Contract
  /** OpenFlow port number → port of the program. */
  readonly targetPorts: ReadonlyMap<number, number>
  /** Whether a port of the program is one of another switch in the same target. */
  readonly isOthers?: (port: number) => boolean
  /** From how many flows of one kind on a table's twin is used; null: never, because the target looks ternary keys up by hash too. */
  readonly twinsFrom?: number | null
}

export class Compiler implements Pipeline {
  readonly features: PipelineFeatures
  readonly contract: Contract
  readonly #state: SharedState
  readonly #targetPorts: ReadonlyMap<number, number>
  readonly #isOthers: (port: number) => boolean
  readonly #emissions: Emissions
  readonly #flowCompiler: FlowCompiler
  readonly #groups: GroupTables
  readonly #halves: Halves
  readonly #tableNotes: TableNotes
  readonly #meters: MeterTables
  readonly #ports: PortTables
  readonly #egress: EgressProcessing
  readonly #hosts: HostTables
  /** By number of the flow table. */
  readonly #twins: ReadonlyMap<number, TwinTable>
  readonly #rearranging = new Map<TwinTable, Plan>()
  readonly #flows = new Map<number, CompiledFlow>()
  /** Those that are counted in cells, by table. */
  readonly #counted = new Map<number, Map<number, CompiledFlow>>()
  /** Plans without an answer. Those made before a reset are no longer among them. */
  readonly #open = new Set<Plan>()
  /** Of the plan that is being made. */
  readonly #dying = new Set<Handle>()
  /** Whether the entries that every target needs have been planned. */
  #prepared = false

  constructor({ contract, targetPorts, isOthers = () => false, twinsFrom = null }: CompilerOptions) {
    this.#isOthers = isOthers
    this.contract = contract
    this.#targetPorts = targetPorts
    this.features = featuresOf(contract)
    this.#state = new SharedState(contract)
    this.#meters = new MeterTables(contract, this.#state)
    const executions: Executions = new Executions(contract, this.#state, this.#meters, () => this.#emissions)
    this.#emissions = new Emissions(contract, this.#state, executions, targetPorts)
    this.#flowCompiler = new FlowCompiler(contract, this.#state, executions, this.#emissions, this.#meters)
    this.#halves = new Halves(contract, this.#state)
    this.#tableNotes = new TableNotes(contract, this.#state)
    this.#groups = new GroupTables(contract, this.#state, this.#emissions)
    this.#ports = new PortTables(contract, targetPorts)
    this.#egress = new EgressProcessing(contract, targetPorts)
    this.#hosts = new HostTables(contract.normal, this.#state, this.#emissions)
    this.#twins = new Map(contract.tables.flatMap((table) =>
      (table.twins === null || twinsFrom === null ? [] : [[table.number, new TwinTable(table, table.twins, this.#state.holds, twinsFrom)]])))
  }

  plan(changes: readonly Change[], after?: Plan): CompiledPlan | Refusal {
    const planning = new Planning(after as CompiledPlan | undefined)
    const dying = this.#dying
    dying.clear()
    try {
      this.#prepare(planning)
      // Before anything else of the request is written.
      if (changes[0]?.op === 'together') this.#halves.note(planning, changes, dying)
      if (changes.length > 1) this.#prepareTwins(planning, changes)
      // What ports say of misses is known before the ports are written, so that they are written once.
      for (const change of [...changes].sort((a, b) => Number(b.op === 'set_miss') - Number(a.op === 'set_miss'))) this.#change(planning, change, dying)
      for (const handle of dying) handle.pool.collect(planning, handle, dying)
      const plan = planning.done(this.#state.holding)
      this.#open.add(plan)
      return plan
    } catch (error) {
      planning.revert()
      planning.end()
      if (error instanceof Behind) return { ...refusal('OFPFMFC_UNKNOWN', error.message), behind: error.holder.plan }
      if (error instanceof CannotPlan) return refusal(error.error, ...error.reasons)
      throw error
    }
  }

  merge(plans: readonly Plan[], atomic: boolean): CompiledPlan {
    for (const plan of plans) this.#open.delete(plan)
    const merged = mergePlans(plans as readonly CompiledPlan[], atomic)
    this.#open.add(merged)
    return merged
  }

  /** Flows change tables so that they are found faster; one plan for a table at a time. null: nothing is to be done now. */
  rearrange(): CompiledPlan | null {
    for (const twin of this.#twins.values()) {
      const last = this.#rearranging.get(twin)
      if (!twin.isRestless || last !== undefined && this.#open.has(last)) continue
      const planning = new Planning()
      try {
        const next = twin.next(planning, (id) => this.cellOf(id) !== null)
        if (next === null) continue
        for (const id of next.uncounted) this.#countInCell(planning, id)
        this.#move(planning, twin, next)
        const plan = planning.done(this.#state.holding)
        planning.changed(() => twin.leaveAlone())
        this.#open.add(plan)
        this.#rearranging.set(twin, plan)
        return plan
      } catch (error) {
        planning.revert()
        planning.end()
        if (!(error instanceof CannotPlan) && !(error instanceof Behind)) throw error
        twin.leaveAlone()
      }
    }
    return null
  }

  committed(plan: Plan): void {
    if (this.#open.delete(plan)) (plan as CompiledPlan).end()
  }

  undo(plan: Plan): void {
    if (!this.#open.delete(plan)) return
    const compiled = plan as CompiledPlan
    compiled.revert()
    compiled.end()
  }

  reset(held?: Held): void {
    const portOf = new Map([...this.#targetPorts].map(([portNo, port]) => [port, portNo]))
    const isOurs = belongsTo(this.contract, (port) => portOf.has(port), this.#isOthers)
    const holding = held === undefined ? null : new Holding((held as TargetContents).entities.filter(isOurs), this.contract, portOf)
    this.#state.reset(holding)
    this.#emissions.reset()
    this.#groups.reset()
    this.#meters.reset()
    this.#ports.reset()
    this.#egress.reset()
    this.#hosts.reset()
    for (const twin of this.#twins.values()) twin.reset(holding)
    this.#rearranging.clear()
    this.#flows.clear()
    this.#counted.clear()
    this.#open.clear()
    this.#prepared = false
  }

  found(): Found { return this.#state.holding?.found ?? { flows: [], groups: [], meters: [], ports: new Map(), halves: [], tables: null, firstEgress: null } }
  holds(flow: number): boolean { return this.#state.holding?.holdsFlow(flow) === true }

  leftovers(): CompiledPlan | null {
    const left = this.#state.holding?.leftovers(this.contract) ?? []
    if (left.length === 0) return null
    const planning = new Planning()
    for (const entity of left) {
      const update: NamedUpdate = entity.kind === 'meter' ? { op: 'modify', entity: { ...entity, config: null } } : { op: 'delete', entity }
      planning.destroy(update, null)
    }
    const plan = planning.done(this.#state.holding)
    this.#open.add(plan)
    return plan
  }

  settled(): void { this.#state.settle() }

  /** Why ports cannot have these VLANs, in words; null: they can. */
  whyNotVlans(vlans: ReadonlyMap<number, PortVlans>): string | null { return whyNotVlans(this.contract, vlans) }

  /** The tables of the pipeline that hold the flows of a flow table. */
  tablesOf(tableId: number): readonly string[] {
    const table = this.contract.tables[tableId]
    if (table === undefined) return []
    return table.twins === null || !this.#twins.has(tableId) ? [table.table] : [table.table, table.twins.twin, table.twins.rest]
  }
  /** The home entry of a flow, for reading its counters; null when it is not installed. */
  entryOf(flowId: number): NamedTableEntry | null { return this.#flows.get(flowId)?.entry ?? null }
  /** The cell in which a flow is counted; null: its entry counts. */
  cellOf(flowId: number): number | null { return this.#flows.get(flowId)?.cell?.id ?? null }
  /** Flows of these tables that are counted in cells, with their cells. */
  * cellsOf(tableIds: readonly number[]): IterableIterator<{ readonly flow: number; readonly cell: number }> {
    for (const tableId of tableIds) {
      for (const [flow, { cell }] of this.#counted.get(tableId) ?? []) if (cell !== null) yield { flow, cell: cell.id }
    }
  }
  /** What becomes of a packet that no flow of a table matches. */
  missOf(tableId: number): MissChoice { return this.#ports.missOf(tableId) }
  /** The same of all tables, as ports and packet-outs tell it. */
  get misses(): bigint { return this.#ports.misses }
  /** The bucket that a multicast group stands for, where a group chooses one; null for any other. */
  bucketOf(multicast: number): { readonly groupId: number; readonly bucket: number } | null { return this.#groups.bucketOf(multicast) }
  /** Cells of the bucket counter, one for each bucket. */
  bucketCells(groupId: number): readonly number[] { return this.#groups.cells(groupId) }
  /** Where a meter is counted; null when it is not installed. */
  meterCells(meterId: number): MeterCells | null { return this.#meters.cells(meterId) }

  get #cells(): FlowCells { return this.#state.flowCells }

  #change(planning: Planning, change: Change, dying: Set<Handle>): void {
    switch (change.op) {
      case 'together': return
      case 'add_flow': return this.#addFlow(planning, change.flow, dying)
      case 'modify_flow': {
        const old = change.wantCounters === true ? this.#flows.get(change.flow.id) : undefined
        if (old?.cell === null) planning.want(old.entry)
        return this.#modifyFlow(planning, change.flow, change.resetCounters, dying)
      }
      case 'delete_flow': return this.#deleteFlow(planning, change.flow, change.wantCounters, dying)
      case 'add_group': return this.#groups.add(planning, change.group, dying)
      case 'modify_group': return this.#groups.modify(planning, change.group, dying)
      case 'delete_group': return this.#groups.delete(planning, change.group, dying)
      case 'add_meter': return this.#meters.add(planning, change.meter)
      case 'modify_meter': return this.#meters.modify(planning, change.meter)
      case 'delete_meter': return this.#meters.delete(planning, change.meter, dying)
      case 'set_host': return this.#hosts.set(planning, change.host, change.previous)
      case 'delete_host': return this.#hosts.delete(planning, change.host)
      case 'set_miss':
        this.#state.holds.take(planning, 'ports')
        return this.#ports.setMiss(planning, change.toController, change.tables)
      case 'note_tables': return this.contract.continuation === null ? undefined : this.#tableNotes.set(planning, change.note, dying)
      case 'set_first_egress': 
        this.#state.holds.take(planning, 'ports')
        return this.#egress.setFirst(planning, change.table, this.#state.ports)
      case 'set_ports': {
        this.#state.setPorts(planning, change.ports)
        this.#egress.setPorts(planning, change.ports)
        this.#ports.set(planning, change.ports)
        this.#groups.portsChanged(planning)
        this.#hosts.setPorts(planning, change.ports, dying)
        return this.#emissions.refresh(planning, null, dying)
      }
    }
  }

  #put(planning: Planning, { id, tableId }: FlowRecord, flow: CompiledFlow | undefined): void {
    const counted = this.#counted.get(tableId) ?? new Map<number, CompiledFlow>()
    planning.put(this.#flows, id, flow)
    const hasCell = flow !== undefined && flow.cell !== null
    if (!hasCell && !counted.has(id)) return
    this.#counted.set(tableId, counted)
    planning.put(counted, id, hasCell ? flow : undefined)
  }

  #addFlow(planning: Planning, record: FlowRecord, dying: Set<Handle>): void {
    const table = this.contract.tables[record.tableId]
    if (table === undefined) throw new CannotPlan('OFPFMFC_BAD_TABLE_ID', `there is no table ${record.tableId}`)
    this.#state.capacity.take(planning, table.table, 1, table.size, 'OFPFMFC_TABLE_FULL')
    this.#state.holds.take(planning, flowKey(record.id))
    this.#countWriter(planning, writesOf(record), record.id, dying)
    const twin = this.#twins.get(record.tableId)
    const tier = twin?.place(planning, record, this.#state.holding) ?? Tier.FLOW
    const flow = this.#flowCompiler.compile(planning, record, tier, this.#cells.forNew(planning, record))
    this.#put(planning, record, flow)
    twin?.enter(planning, record, tier)
    planning.mainly(new FlowUpdate('insert', flow, null, false))
  }

  #modifyFlow(planning: Planning, record: FlowRecord, resetCounters: boolean, dying: Set<Handle>): void {
    const old = this.#flows.get(record.id)
    if (old === undefined) throw new Error(`flow ${record.id} is not in the pipeline`)
    this.#state.holds.take(planning, flowKey(record.id))
    this.#countWriter(planning, writesOf(record) - writesOf(old.record), record.id, dying)
    const cell = this.#cells.forChanged(planning, record, old.cell, resetCounters)
    const flow = this.#flowCompiler.compile(planning, record, old.tier, cell)
    this.#put(planning, record, flow)
    // A new cell counts from zero: the entry's own counter, which cannot be reset at the same instant, is not looked at any more.
    planning.mainly(new FlowUpdate('modify', flow, old, resetCounters && cell === null))
    for (const used of old.uses) release(planning, used, dying)
    if (cell === null || cell === old.cell) return
    if (old.cell !== null) {
      planning.wantCount({ kind: 'between', flow: record.id, cell: cell.id })
      release(planning, old.cell, dying)
    } else if (!resetCounters) planning.wantCount({ kind: 'before', flow: record.id, cell: cell.id, entry: flow.entry })
  }

  #deleteFlow(planning: Planning, record: FlowRecord, wantCounters: boolean, dying: Set<Handle>): void {
    const old = this.#flows.get(record.id)
    if (old === undefined) throw new Error(`flow ${record.id} is not in the pipeline`)
    this.#state.holds.take(planning, flowKey(record.id))
    const table = this.contract.tables[record.tableId]
    if (table !== undefined) this.#state.capacity.give(planning, table.table, 1)
    this.#put(planning, record, undefined)
    this.#twins.get(record.tableId)?.leave(planning, old.record, old.tier)
    const { cell } = old
    if (wantCounters && cell === null) planning.want(old.entry)
    else if (wantCounters && cell !== null) planning.wantCount({ kind: 'final', flow: record.id, cell: cell.id })
    planning.mainly(new FlowUpdate('delete', old, null, false))
    for (const used of old.uses) release(planning, used, dying)
    if (cell !== null) release(planning, cell, dying)
    this.#countWriter(planning, -writesOf(old.record), record.id, dying)
  }

  /** The shapes of tables that are empty yet. A target that is not says itself where its flows are. */
  #prepareTwins(planning: Planning, changes: readonly Change[]): void {
    if (this.#twins.size === 0) return
    const added = this.#state.holding === null ? additionsByTable(changes) : null
    for (const [number, twin] of this.#twins) {
      const action = added === null ? twin.shapeAction : twin.prepare(planning, added.get(number) ?? NO_FLOWS)
      if (action !== null) setShape(planning, twin, null, action)
    }
  }

  /** A flow that is to have another entry: its cell counts on. */
  #countInCell(planning: Planning, id: number): void {
    this.#state.holds.take(planning, flowKey(id))
    const old = this.#flows.get(id)
    if (old === undefined) throw new Error(`flow ${id} is not in the pipeline`)
    const cell = this.#cells.acquire(planning)
    const flow = old.with({ cell })
    const { entry } = flow
    this.#put(planning, flow.record, flow)
    planning.main({ op: 'modify', entity: entry }, { op: 'modify', entity: old.entry }, { flow: id })
    planning.wantCount({ kind: 'before', flow: id, cell: cell.id, entry })
  }

  /**
   * Each flow is in its new table before it leaves the old one. In the first table what is higher comes first and leaves last, so
   * that what is lower is never met in its place; from the other tables they leave before.
   */
  #move(planning: Planning, twin: TwinTable, { moves, shape }: Rearrangement): void {
    const moved = moves.map((move) => {
      this.#state.holds.take(planning, flowKey(move.id))
      const old = this.#flows.get(move.id)
      if (old === undefined) throw new Error(`flow ${move.id} is not in the pipeline`)
      const flow = old.with({ tier: move.to })
      this.#put(planning, flow.record, flow)
      twin.moved(planning, flow.record, move.from, move.to)
      return { move, before: old.entry, after: flow.entry }
    })
    const rank = { twin: 0, rest: 1, flow: 2 } as const
    for (const { move, after } of [...moved].sort((a, b) => b.move.priority - a.move.priority)) planning.main({ op: 'insert', entity: after }, { op: 'delete', entity: after }, { flow: move.id })
    for (const { move, before } of [...moved].sort((a, b) => rank[a.move.from] - rank[b.move.from] || a.move.priority - b.move.priority)) {
      planning.main({ op: 'delete', entity: before }, { op: 'insert', entity: before }, { flow: move.id })
    }
    if (shape === null) return
    setShape(planning, twin, shape.before, shape.after)
  }

  /** With the first write-actions, lists that end after an output have to hand the packet on to the action set. */
  #countWriter(planning: Planning, by: number, except: number, dying: Set<Handle>): void {
    if (by === 0) return
    const first = this.#state.writersFor(planning) === 0
    this.#state.changeWriters(planning, by)
    if (!first) return
    // A flow that an open plan removes would come back as it was, if that plan were refused.
    this.#state.holds.touchAll(planning, isFlow)
    for (const flow of [...this.#flows.values()]) {
      if (flow.dependsOnWriters && flow.record.id !== except) this.#modifyFlow(planning, flow.record, false, dying)
    }
  }

  /** The fork of "emit, then execute the action set" is the same for all flows, and the first switch makes it for all. */
  #prepare(planning: Planning): void {
    const { fork, replica, continuation, share } = this.contract
    if (this.#prepared || share.index > 0 || fork === null || replica === null || continuation === null) return
    this.#prepared = true
    // Once written it stays, whatever becomes of the plan that happened to be the first.
    planning.changed(() => { if (planning.plan === null) this.#prepared = false })
    const insert = (entity: NamedUpdate['entity']) => planning.create({ op: 'insert', entity }, { op: 'delete', entity }, () => false)
    for (const [kind, instance] of [['fork_emit', fork.emit], ['fork_action_set', fork.actionSet]] as const) {
      const action = replica.actions.find((candidate) => candidate.kind === kind)
      if (action === undefined) throw new Error(`the pipeline has a fork group but no replica action of kind ${kind}`)
      insert(tableEntry(replica.table, exactly(replica.key, instance), { name: action.name, params: [] }))
    }
    const { firstPort, lastPort } = continuation
    insert({
      kind: 'multicast', groupId: fork.group,
      replicas: [{ port: firstPort, instance: fork.emit }, { port: lastPort, instance: fork.actionSet }],
    })
  }
}

const NO_FLOWS: readonly FlowRecord[] = []
function additionsByTable(changes: readonly Change[]): ReadonlyMap<number, readonly FlowRecord[]> {
  const added = new Map<number, FlowRecord[]>()
  for (const change of changes) {
    if (change.op !== 'add_flow') continue
    const flows = added.get(change.flow.tableId)
    if (flows === undefined) added.set(change.flow.tableId, [change.flow])
    else flows.push(change.flow)
  }
  return added
}

function setShape(planning: Planning, { twins, table: { fixed } }: TwinTable, before: NamedAction | null, after: NamedAction | null): void {
  if (after === null) return
  const update = (op: NamedUpdate['op'], action: NamedAction): NamedUpdate => ({ op, entity: tableEntry(twins.shape.table, fixed, action) })
  planning.main(update(before === null ? 'insert' : 'modify', after), before === null ? update('delete', after) : update('modify', before), 'other')
}

/** 1 for a flow with write-actions. */
const writesOf = (record: FlowRecord): 0 | 1 => ((record.instructions.write?.length ?? 0) > 0 ? 1 : 0)
