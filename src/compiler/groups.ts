/**
 * Groups: one entry in the group table for each. Its buckets are multicast groups; ALL and INDIRECT name one directly, SELECT
 * and FAST_FAILOVER have rows in a table of their own that choose one (choices.ts). Flows name the group by its number, so
 * changing a group never touches a flow. OF 1.3.5 §5.6
 */
import { Group } from '../openflow/model.js'
import type { GroupRecord } from '../datapath/pipeline.js'
import { rowsOf, type Row } from './choices.js'
import type { ChoiceTable, Contract, GroupTable } from './contract.js'
import { bucketLeaves, type Emissions } from './emission.js'
import { actionCall, chooseAction, exactly, tableEntry, targetGroup } from './entries.js'
import { groupHome } from './home.js'
import { groupKey, isGroup } from './holds.js'
import { contentKey, release, type Handle } from './interned.js'
import type { NamedAction, NamedTableEntry } from './ir.js'
import { isLive } from './liveness.js'
import { CannotPlan, type Planning, type Subject } from './planning.js'
import type { InstalledGroup, SharedState } from './shared-state.js'

interface GroupEntry {
  readonly entry: NamedTableEntry
  /** One for ALL and INDIRECT, one for each bucket otherwise. */
  readonly multicasts: readonly Handle[]
  readonly cells: readonly Handle[]
  readonly rows: readonly NamedTableEntry[]
  /** Rows of a later generation decide over those that they replace, so a change has no gap. */
  readonly generation: number
}
const NOTHING: Pick<GroupEntry, 'multicasts' | 'cells' | 'rows' | 'generation'> = { multicasts: [], cells: [], rows: [], generation: 0 }
/** Ranks of one generation; a group has at most as many buckets. */
const RANKS = 4096
/** Priorities have 31 bits; after this many changes of one group its generations start again. */
const GENERATIONS = 500_000
const after = (generation: number): number => (generation % GENERATIONS) + 1

export class GroupTables {
  readonly #contract: Contract
  readonly #state: SharedState
  readonly #emissions: Emissions
  readonly #entries = new Map<number, GroupEntry>()
  /** Which ports are live; null: not written yet. */
  #live: NamedTableEntry | null = null

  constructor(contract: Contract, state: SharedState, emissions: Emissions) {
    this.#contract = contract
    this.#state = state
    this.#emissions = emissions
  }

  reset(): void {
    this.#entries.clear()
    this.#live = null
  }
  cells(groupId: number): readonly number[] { return this.#state.groups.get(groupId)?.cells ?? [] }

  /** The bucket of a group with a choice that a multicast group stands for; null for any other. */
  bucketOf(multicast: number): { readonly groupId: number; readonly bucket: number } | null {
    for (const [groupId, { multicasts, rows }] of this.#entries) {
      const bucket = rows.length === 0 ? -1 : multicasts.findIndex(({ id }) => id === multicast)
      if (bucket >= 0) return { groupId, bucket }
    }
    return null
  }

  add(planning: Planning, record: GroupRecord, dying: Set<Handle>): void {
    const table = this.#table(record)
    this.#state.capacity.take(planning, table.table, 1, table.size, 'OFPGMFC_OUT_OF_GROUPS')
    this.#install(planning, record, table, undefined, dying)
  }

  modify(planning: Planning, record: GroupRecord, dying: Set<Handle>): void {
    this.#install(planning, record, this.#table(record), this.#existing(record.groupId).entry, dying)
  }

  delete(planning: Planning, { groupId }: GroupRecord, dying: Set<Handle>): void {
    const { entry: old, group } = this.#existing(groupId)
    const table = this.#table(group.record)
    this.#hold(planning, groupId, group.record, null)
    planning.put(this.#entries, groupId, undefined)
    planning.put(this.#state.groups, groupId, undefined)
    this.#state.capacity.give(planning, table.table, 1)
    planning.main({ op: 'delete', entity: old.entry }, { op: 'insert', entity: old.entry }, { group: groupId })
    this.#replaceRows(planning, group.record, old.rows, [], { group: groupId })
    for (const used of [...old.multicasts, ...old.cells]) release(planning, used, dying)
    this.#emissions.refresh(planning, groupId, dying)
    this.#followWatches(planning, groupId)
  }

  /** After a change of the ports: the map of live ports is one write, and SELECT leaves out the buckets that are dead now. */
  portsChanged(planning: Planning): void {
    const live = this.#contract.group?.live ?? null
    if (live === null) return
    // A group that an open plan removes would come back with rows for the ports as they were, if that plan were refused.
    this.#state.holds.touchAll(planning, isGroup)
    const bits = this.#state.ports.filter(isLive).reduce((map, { portNo }) => {
      const port = this.#emissions.targetPort(portNo)
      return port === null ? map : map | (1n << BigInt(port))
    }, 0n)
    const before = this.#live
    if (before === null || before.action?.params[0]?.value !== bits) {
      const entity = this.#live = tableEntry(live.table, live.fixed, { name: live.action, params: [{ name: live.parameter.name, value: bits }] })
      planning.changed(() => { this.#live = before })
      if (before === null) planning.main({ op: 'insert', entity }, { op: 'delete', entity }, 'other')
      else planning.main({ op: 'modify', entity }, { op: 'modify', entity: before }, 'other')
    }
    for (const [groupId, { record }] of this.#state.groups) if (record.groupType === 'select') this.#rewriteRows(planning, groupId)
  }

  #install(planning: Planning, record: GroupRecord, table: GroupTable, old: GroupEntry | undefined, dying: Set<Handle>): void {
    const { groupId } = record
    const before = this.#state.groups.get(groupId)
    this.#hold(planning, groupId, record, before?.record ?? null)
    const kept = old ?? NOTHING
    const cells = this.#acquireCells(planning, record, kept.cells)
    planning.put(this.#state.groups, groupId, { record, cells: cells.map(({ id }) => id) })
    const multicasts = this.#acquireMulticasts(planning, record, cells)
    const entry = tableEntry(table.table, [...table.fixed, ...exactly(table.key, targetGroup(groupId))], this.#action(table, record, multicasts), groupHome(record, cells.map(({ id }) => id)))
    const generation = this.#heldGeneration(record) ?? after(kept.generation)
    const rows = this.#rows(planning, record, multicasts, generation)
    planning.put(this.#entries, groupId, { entry, multicasts, cells, rows, generation })
    if (rows.length > 0 || kept.rows.length > 0) this.#replaceRows(planning, record, [], rows, { group: groupId })
    if (old === undefined) planning.main({ op: 'insert', entity: entry }, { op: 'delete', entity: entry }, { group: groupId })
    else planning.main({ op: 'modify', entity: entry }, { op: 'modify', entity: old.entry }, { group: groupId })
    if (before !== undefined) this.#replaceRows(planning, before.record, kept.rows, [], { group: groupId })
    // What chains to this group, or watches it, follows; it may have come before it.
    this.#emissions.refresh(planning, groupId, dying)
    this.#followWatches(planning, groupId)
    for (const used of kept.multicasts) release(planning, used, dying)
    if (old !== undefined && cells.length > 0) planning.wantGroupCount({ group: groupId, cells: cells.map(({ id }) => id) })
  }

  #acquireMulticasts(planning: Planning, record: GroupRecord, cells: readonly Handle[]): readonly Handle[] {
    const context = { inPort: null }
    if (record.groupType === 'all' || record.groupType === 'indirect') {
      const leaf = { prefix: [], target: { kind: 'group' as const, groupId: record.groupId }, counters: [] }
      return [this.#emissions.acquire(planning, [leaf], context).handle]
    }
    return record.buckets.map((bucket, index) =>
      this.#emissions.acquire(planning, bucketLeaves(bucket, [], cells[index] === undefined ? [] : [cells[index].id]), context).handle)
  }

  #action(table: GroupTable, record: GroupRecord, multicasts: readonly Handle[]): NamedAction {
    if (record.groupType === 'select') return { name: table.chooseByHash ?? '', params: [] }
    if (record.groupType === 'ff') return { name: table.chooseByLiveness ?? '', params: [] }
    return emit(table.actions, multicasts[0])
  }

  /** Groups that watch groups follow every change of a group, so while one of them changes nothing else does. */
  #hold(planning: Planning, groupId: number, ...records: readonly (GroupRecord | null)[]): void {
    const { holds } = this.#state
    holds.take(planning, groupKey(groupId))
    if (records.some((record) => record !== null && watchesGroup(record))) holds.take(planning, 'watchers')
    else holds.touch(planning, 'watchers')
  }

  #rows(planning: Planning, record: GroupRecord, multicasts: readonly Handle[], generation: number): readonly NamedTableEntry[] {
    const table = this.#choice(record)
    if (table === null) return []
    this.#state.portsFor(planning)
    const rows = rowsOf(this.#state, record.groupType, record.buckets, table, (portNo) => this.#emissions.targetPort(portNo))
    return rows.map((row) => rowEntry(table, record.groupId, row, generation, multicasts[row.bucket]))
  }

  #rewriteRows(planning: Planning, groupId: number): void {
    const { entry: old, group } = this.#existing(groupId)
    this.#state.holds.take(planning, groupKey(groupId))
    const same = this.#rows(planning, group.record, old.multicasts, old.generation)
    if (sameRows(same, old.rows)) return
    const generation = after(old.generation)
    const rows = this.#rows(planning, group.record, old.multicasts, generation)
    planning.put(this.#entries, groupId, { ...old, rows, generation })
    this.#replaceRows(planning, group.record, old.rows, rows, 'other')
  }

  /** Groups that watch any group: what they watch may depend on this one through others. */
  #followWatches(planning: Planning, watched: number): void {
    for (const [groupId, { record }] of this.#state.groups) {
      if (groupId !== watched && record.groupType !== 'all' && watchesGroup(record)) this.#rewriteRows(planning, groupId)
    }
  }

  #replaceRows(planning: Planning, record: GroupRecord, old: readonly NamedTableEntry[], next: readonly NamedTableEntry[], subject: Subject): void {
    const table = this.#choice(record)
    if (table === null) return
    if (next.length > 0) this.#state.capacity.take(planning, table.table, next.length, table.size, 'OFPGMFC_OUT_OF_BUCKETS')
    for (const entity of next) planning.main({ op: 'insert', entity }, { op: 'delete', entity }, subject)
    if (old.length > 0) this.#state.capacity.give(planning, table.table, old.length)
    for (const entity of old) planning.main({ op: 'delete', entity }, { op: 'insert', entity }, subject)
  }

  /**
   * A counter cell for each bucket, starting at zero in a new group. A group that is changed goes on with those it has, and keeps
   * them all: what has come to it is what they have counted together, a packet that is on its way now included. OF 1.3.5 §6.5
   */
  #acquireCells(planning: Planning, record: GroupRecord, kept: readonly Handle[]): readonly Handle[] {
    const counter = this.#contract.bucketCounter
    if (counter === null) return []
    const held = this.#state.holding?.cellsOf(record.groupId) ?? []
    const room = Math.max(kept.length, record.buckets.length, held.length)
    return Array.from({ length: room }, (_, index) => {
      const old = kept[index]
      if (old !== undefined) return old
      const key = `${record.groupId}/${index}/${this.#state.nextSerial()}`
      const cell = held[index]
      return (cell === undefined ? null : this.#state.cells.adopt(planning, key, cell)) ?? this.#state.cells.acquire(planning, key, (id) => ({
        updates: [{ op: 'modify', entity: { kind: 'counter_reset', counter: counter.name, index: id } }], uses: [],
      }))
    })
  }

  /** That of the rows which decide in a target that holds some. */
  #heldGeneration(record: GroupRecord): number | null {
    const table = this.#choice(record)
    const highest = table === null ? 0 : this.#state.holding?.highestPriority(table.table, table.key, targetGroup(record.groupId)) ?? 0
    return highest === 0 ? null : Math.floor((highest - 1) / RANKS)
  }

  #existing(groupId: number): { readonly entry: GroupEntry; readonly group: InstalledGroup } {
    const entry = this.#entries.get(groupId)
    const group = this.#state.groups.get(groupId)
    if (entry === undefined || group === undefined) throw new Error(`group ${groupId} is not in the pipeline`)
    return { entry, group }
  }
  #choice(record: GroupRecord): ChoiceTable | null {
    if (record.groupType === 'select') return this.#contract.group?.select ?? null
    return record.groupType === 'ff' ? this.#contract.group?.failover ?? null : null
  }
  #table(record: GroupRecord): GroupTable {
    const { group } = this.#contract
    if (group === null) throw new CannotPlan('OFPGMFC_BAD_TYPE', 'the pipeline has no groups')
    if (!supportedTypes(group).includes(record.groupType)) {
      throw new CannotPlan('OFPGMFC_BAD_TYPE', `the pipeline has no groups of type ${record.groupType}`)
    }
    return group
  }
}

export function supportedTypes(group: GroupTable): readonly GroupRecord['groupType'][] {
  const select = group.select !== null && group.chooseByHash !== null
  const failover = group.failover !== null && group.chooseByLiveness !== null && group.live !== null
  return ['all', ...(select ? ['select' as const] : []), 'indirect', ...(failover ? ['ff' as const] : [])]
}

function emit(actions: GroupTable['actions'], multicast: Handle | undefined): NamedAction {
  const roles = new Map([['multicast', BigInt(multicast?.id ?? 0)]])
  const action = chooseAction(actions, roles, {})
  if (action === null) throw new CannotPlan('OFPGMFC_BAD_TYPE', 'no action of the group table emits a multicast group')
  return actionCall(action, roles, {})
}

function rowEntry(table: ChoiceTable, groupId: number, row: Row, generation: number, multicast: Handle | undefined): NamedTableEntry {
  const { by } = row
  const anything = by.kind === 'ternary' ? by.mask === 0n : by.kind === 'range' && by.low === 0n && by.high === (1n << BigInt(table.byWidth)) - 1n
  const match = [...table.fixed, ...exactly(table.key, targetGroup(groupId)), ...(anything ? [] : [by])]
  return { ...tableEntry(table.table, match, emit(table.actions, multicast)), priority: 1 + generation * RANKS + row.rank }
}
const watchesGroup = ({ buckets }: GroupRecord): boolean => buckets.some(({ watchGroup }) => watchGroup <= Group.MAX)
const sameRows = (a: readonly NamedTableEntry[], b: readonly NamedTableEntry[]): boolean => contentKey(a) === contentKey(b)
