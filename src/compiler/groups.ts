/**
 * Groups: one entry in the group table for each, which refers to a multicast group made of its buckets. Flows name the
 * group by its number, so changing a group never touches a flow. OF 1.3.5 §5.6
 */
import type { GroupRecord } from '../datapath/pipeline.js'
import type { Contract, GroupTable } from './contract.js'
import { actionCall, chooseAction, exactly, tableEntry } from './entries.js'
import type { Emissions } from './emission.js'
import { release, type Handle } from './interned.js'
import type { NamedTableEntry } from './ir.js'
import { CannotPlan, type Planning } from './planning.js'
import type { InstalledGroup, SharedState } from './shared-state.js'

interface GroupEntry { readonly entry: NamedTableEntry; readonly multicast: Handle; readonly cells: readonly Handle[] }

export class GroupTables {
  readonly #contract: Contract
  readonly #state: SharedState
  readonly #emissions: Emissions
  readonly #entries = new Map<number, GroupEntry>()

  constructor(contract: Contract, state: SharedState, emissions: Emissions) {
    this.#contract = contract
    this.#state = state
    this.#emissions = emissions
  }

  reset(): void { this.#entries.clear() }
  cells(groupId: number): readonly number[] { return this.#state.groups.get(groupId)?.cells ?? [] }

  add(planning: Planning, record: GroupRecord, dying: Set<Handle>): void {
    const table = this.#table(record)
    this.#state.capacity.take(planning, table.table, 1, table.size, 'OFPGMFC_OUT_OF_GROUPS')
    const cells = this.#acquireCells(planning, record)
    this.#install(planning, { record, cells: cells.map(({ id }) => id) }, null)
    const { id, handle } = this.#emissions.acquire(planning, [{ prefix: [], target: { kind: 'group', groupId: record.groupId }, counters: [] }], { inPort: null })
    const roles = new Map([['multicast', BigInt(id)]])
    const action = chooseAction(table.actions, roles, {})
    if (action === null) throw new CannotPlan('OFPGMFC_BAD_TYPE', 'no action of the group table emits a multicast group')
    const entry = tableEntry(table.table, exactly(table.key, record.groupId), actionCall(action, roles, {}))
    this.#remember(planning, record.groupId, { entry, multicast: handle, cells }, undefined)
    planning.main({ op: 'insert', entity: entry }, { op: 'delete', entity: entry }, { group: record.groupId })
    this.#emissions.refresh(planning, record.groupId, dying) // what chains to this group may have come first
  }

  modify(planning: Planning, record: GroupRecord, dying: Set<Handle>): void {
    this.#table(record)
    const old = this.#entries.get(record.groupId)
    const installed = this.#state.groups.get(record.groupId)
    if (old === undefined || installed === undefined) throw new Error(`group ${record.groupId} is not in the pipeline`)
    const cells = this.#acquireCells(planning, record)
    this.#install(planning, { record, cells: cells.map(({ id }) => id) }, installed)
    this.#remember(planning, record.groupId, { ...old, cells }, old)
    this.#emissions.refresh(planning, record.groupId, dying)
    for (const cell of old.cells) release(planning, cell, dying)
  }

  delete(planning: Planning, record: GroupRecord, dying: Set<Handle>): void {
    const old = this.#entries.get(record.groupId)
    const installed = this.#state.groups.get(record.groupId)
    if (old === undefined || installed === undefined) throw new Error(`group ${record.groupId} is not in the pipeline`)
    const table = this.#table(record)
    this.#entries.delete(record.groupId)
    this.#state.groups.delete(record.groupId)
    planning.changed(() => {
      this.#entries.set(record.groupId, old)
      this.#state.groups.set(record.groupId, installed)
    })
    this.#state.capacity.give(planning, table.table, 1)
    planning.main({ op: 'delete', entity: old.entry }, { op: 'insert', entity: old.entry }, { group: record.groupId })
    for (const used of [old.multicast, ...old.cells]) release(planning, used, dying)
    this.#emissions.refresh(planning, record.groupId, dying)
  }

  /** A counter cell for each bucket, starting at zero. */
  #acquireCells(planning: Planning, record: GroupRecord): readonly Handle[] {
    const counter = this.#contract.bucketCounter
    if (counter === null) return []
    return record.buckets.map((_bucket, index) =>
      this.#state.cells.acquire(planning, `${record.groupId}/${index}/${this.#state.nextSerial()}`, (id) => ({
        updates: [{ op: 'modify', entity: { kind: 'counter_reset', counter: counter.name, index: id } }], uses: [],
      })))
  }

  #install(planning: Planning, group: InstalledGroup, before: InstalledGroup | null): void {
    const { groupId } = group.record
    this.#state.groups.set(groupId, group)
    planning.changed(() => {
      if (before === null) this.#state.groups.delete(groupId)
      else this.#state.groups.set(groupId, before)
    })
  }
  #remember(planning: Planning, groupId: number, entry: GroupEntry, before: GroupEntry | undefined): void {
    this.#entries.set(groupId, entry)
    planning.changed(() => {
      if (before === undefined) this.#entries.delete(groupId)
      else this.#entries.set(groupId, before)
    })
  }

  #table(record: GroupRecord): GroupTable {
    const { group } = this.#contract
    if (group === null) throw new CannotPlan('OFPGMFC_BAD_TYPE', 'the pipeline has no groups')
    if (record.groupType !== 'all' && record.groupType !== 'indirect') {
      throw new CannotPlan('OFPGMFC_BAD_TYPE', `groups of type ${record.groupType} are not supported`)
    }
    return group
  }
}
