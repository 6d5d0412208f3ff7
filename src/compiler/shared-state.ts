/**
 * What the compiler knows of the target: which numbers are in use, the installed groups, the ports. Everything here can be
 * forgotten (reset) and built again from the flows and groups.
 */
import type { GroupRecord, PortRecord } from '../datapath/pipeline.js'
import { Capacity } from './capacity.js'
import { FlowCells } from './flow-cells.js'
import type { Contract, MeterTable, Range, Scope, WriteTable } from './contract.js'
import { groupKey, Holds } from './holds.js'
import type { Holding } from './holding.js'
import { Pool, type PoolOwner } from './interned.js'
import type { Planning } from './planning.js'

export interface InstalledGroup {
  readonly record: GroupRecord
  /** Cell of the bucket counter for each bucket; empty where the pipeline has none. */
  readonly cells: readonly number[]
}

export class SharedState implements PoolOwner {
  readonly capacity = new Capacity()
  readonly holds = new Holds()
  holding: Holding | null = null
  readonly groups = new Map<number, InstalledGroup>()
  readonly continuations: Pool
  readonly replicas: Pool
  readonly multicasts: Pool
  readonly cells: Pool
  readonly flowCells: FlowCells
  readonly meterSlots: Pool
  readonly halves: Pool
  readonly #contract: Contract
  #ports: readonly PortRecord[] = []
  #writers = 0
  #serial = 0
  readonly #programs = new Map<string, Pool>()
  readonly #writes = new Map<string, Pool>()
  readonly #meters = new Map<string, Pool>()

  constructor(contract: Contract) {
    const { numbers } = this.#contract = contract
    this.continuations = new Pool('continuations', numbers.continuations, 'OFPFMFC_TABLE_FULL', this)
    this.replicas = new Pool('replica programs', numbers.replicas, 'OFPFMFC_TABLE_FULL', this)
    this.multicasts = new Pool('multicast groups', numbers.multicasts, 'OFPFMFC_TABLE_FULL', this)
    this.cells = new Pool('bucket counters', numbers.cells, 'OFPGMFC_OUT_OF_BUCKETS', this, false)
    this.flowCells = new FlowCells(contract, this)
    this.halves = new Pool('requests that change many', { first: contract.continuation?.firstPort ?? 1, last: contract.continuation?.lastPort ?? 0 }, 'OFPFMFC_UNKNOWN', this, false)
    this.meterSlots = new Pool('meters', numbers.meterSlots, 'OFPMMFC_OUT_OF_METERS', this, false)
  }

  /** For those who have called portsFor() in the same plan. */
  get ports(): readonly PortRecord[] { return this.#ports }
  portsFor(planning: Planning): readonly PortRecord[] {
    this.holds.touch(planning, 'ports')
    return this.#ports
  }
  setPorts(planning: Planning, ports: readonly PortRecord[]): void {
    this.holds.take(planning, 'ports')
    const before = this.#ports
    this.#ports = ports
    planning.changed(() => { this.#ports = before })
  }

  /** Flows with write-actions: while there are none, nothing has to be done for the action set. */
  writersFor(planning: Planning): number {
    this.holds.touch(planning, 'writers')
    return this.#writers
  }
  changeWriters(planning: Planning, by: number): void {
    this.holds.touch(planning, 'writers')
    this.#writers += by
    planning.changed(() => { this.#writers -= by })
    if (this.#writers === 0 || this.#writers === by) this.holds.take(planning, 'writers')
  }

  /** A group as the flows and groups that lead to it have to know it. */
  groupFor(planning: Planning, groupId: number): InstalledGroup | undefined {
    this.holds.touch(planning, groupKey(groupId))
    return this.groups.get(groupId)
  }

  /** A number that was not given before. */
  nextSerial(): number { return ++this.#serial }

  programs(scope: Scope): Pool {
    return pool(this.#programs, scope.name, 'rewrite programs', this.#contract.numbers.programs, this)
  }
  writes(table: WriteTable): Pool {
    return pool(this.#writes, table.table, 'write programs', this.#contract.numbers.writes, this)
  }
  /** The meters that the flows of one table use, by meter id. */
  meters(table: MeterTable): Pool {
    return pool(this.#meters, table.table, 'meters', this.#contract.numbers.writes, this, false)
  }

  #pools(): readonly Pool[] {
    return [this.continuations, this.replicas, this.multicasts, this.cells, this.flowCells.pool, this.meterSlots, this.halves, ...this.#programs.values(), ...this.#writes.values(), ...this.#meters.values()]
  }
  settle(): void {
    this.holding = null
    for (const one of this.#pools()) one.settle()
  }

  /** The target is empty, or holds this. */
  reset(holding: Holding | null): void {
    this.capacity.clear()
    this.holds.clear()
    this.groups.clear()
    for (const one of this.#pools()) one.clear()
    this.holding = holding
    this.cells.reserve(holding?.usedCells ?? [])
    this.flowCells.reset(holding)
    this.meterSlots.reserve(holding?.usedSlots ?? [])
    this.#ports = []
    this.#writers = 0
  }
}

function pool(pools: Map<string, Pool>, name: string, what: string, numbers: Range, owner: PoolOwner, isKey = true): Pool {
  const known = pools.get(name) ?? new Pool(`${what} of ${name}`, numbers, 'OFPFMFC_TABLE_FULL', owner, isKey)
  pools.set(name, known)
  return known
}
