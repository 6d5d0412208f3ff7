/**
 * What the compiler knows of the target: which numbers are in use, the installed groups, the ports. Everything here can be
 * forgotten (reset) and built again from the flows and groups.
 */
import type { GroupRecord, PortRecord } from '../datapath/pipeline.js'
import { Capacity } from './capacity.js'
import type { Contract, MeterTable, Scope, WriteTable } from './contract.js'
import { Pool } from './interned.js'

export interface InstalledGroup {
  readonly record: GroupRecord
  /** Cell of the bucket counter for each bucket; empty where the pipeline has none. */
  readonly cells: readonly number[]
}

const MAX_PROGRAM = 0xffff
const MAX_MULTICAST = 0x7fff

export class SharedState {
  readonly capacity = new Capacity()
  readonly groups = new Map<number, InstalledGroup>()
  readonly continuations: Pool
  readonly replicas: Pool
  readonly multicasts: Pool
  readonly cells: Pool
  readonly meterSlots: Pool
  ports: readonly PortRecord[] = []
  /** Flows with write-actions: while there are none, nothing has to be done for the action set. */
  writers = 0
  #serial = 0
  readonly #programs = new Map<string, Pool>()
  readonly #writes = new Map<string, Pool>()
  readonly #meters = new Map<string, Pool>()

  constructor(contract: Contract) {
    const { continuation, replica, fork, bucketCounter, meters } = contract
    const firstReplica = fork === null ? 1 : Math.max(fork.emit, fork.actionSet) + 1
    const firstMulticast = fork === null ? 1 : fork.group + 1
    const lastMulticast = Math.min(MAX_MULTICAST, contract.multicastGroups)
    this.continuations = new Pool('continuations', 1, Math.min(continuation?.size ?? 0, MAX_PROGRAM), 'OFPFMFC_TABLE_FULL')
    this.replicas = new Pool('replica programs', firstReplica, Math.min(replica?.size ?? 0, MAX_PROGRAM), 'OFPFMFC_TABLE_FULL')
    this.multicasts = new Pool('multicast groups', firstMulticast, lastMulticast, 'OFPFMFC_TABLE_FULL')
    this.cells = new Pool('bucket counters', 1, (bucketCounter?.size ?? 1) - 1, 'OFPGMFC_OUT_OF_BUCKETS')
    this.meterSlots = new Pool('meters', 0, (meters?.slots ?? 0) - 1, 'OFPMMFC_OUT_OF_METERS')
  }

  /** A number that was not given before. */
  nextSerial(): number { return ++this.#serial }

  programs(scope: Scope): Pool {
    return pool(this.#programs, scope.name, 'rewrite programs')
  }
  writes(table: WriteTable): Pool {
    return pool(this.#writes, table.table, 'write programs')
  }
  /** The meters that the flows of one table use, by meter id. */
  meters(table: MeterTable): Pool {
    return pool(this.#meters, table.table, 'meters')
  }

  reset(): void {
    this.capacity.clear()
    this.groups.clear()
    for (const one of [this.continuations, this.replicas, this.multicasts, this.cells, this.meterSlots, ...this.#programs.values(), ...this.#writes.values(), ...this.#meters.values()]) one.clear()
    this.ports = []
    this.writers = 0
  }
}

function pool(pools: Map<string, Pool>, name: string, what: string): Pool {
  const known = pools.get(name) ?? new Pool(`${what} of ${name}`, 1, MAX_PROGRAM, 'OFPFMFC_TABLE_FULL')
  pools.set(name, known)
  return known
}
