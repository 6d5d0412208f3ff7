/**
 * OFPP_NORMAL: the hosts that have been learned, as entries of two tables. A source entry says that the host is known where it is and
 * tells when it falls silent; a destination entry leads to it. The VLANs of the ports are in normal-vlans.ts.
 */
import { untags } from '../base/port-vlans.js'
import type { HostRecord, PortRecord } from '../datapath/pipeline.js'
import type { NormalTables } from './contract.js'
import type { Emissions } from './emission.js'
import { tableEntry } from './entries.js'
import type { Handle } from './interned.js'
import type { NamedMatch, NamedParam, NamedTableEntry } from './ir.js'
import { NormalVlans } from './normal-vlans.js'
import { CannotPlan, type Planning } from './planning.js'
import type { SharedState } from './shared-state.js'

interface HostEntries { readonly source: NamedTableEntry; readonly destination: NamedTableEntry }

export class HostTables {
  readonly #tables: NormalTables | null
  readonly #state: SharedState
  readonly #emissions: Emissions
  readonly #entries = new Map<number, HostEntries>()
  readonly #vlans: NormalVlans | null

  constructor(tables: NormalTables | null, state: SharedState, emissions: Emissions) {
    this.#tables = tables
    this.#state = state
    this.#emissions = emissions
    this.#vlans = tables === null ? null : new NormalVlans(tables, state, emissions)
  }

  reset(): void {
    this.#entries.clear()
    this.#vlans?.reset()
  }

  /** Before the first flow can send a packet here, and whenever ports are others. */
  setPorts(planning: Planning, ports: readonly PortRecord[], dying: Set<Handle>): void {
    this.#vlans?.set(planning, ports, dying)
  }

  /** Hosts are found before their entries go: the new ones are made first. */
  set(planning: Planning, host: HostRecord, previous: HostRecord | null): void {
    const tables = this.#required()
    const old = previous === null ? undefined : this.#existing(previous.id)
    const port = this.#emissions.targetPort(host.portNo)
    if (port === null) throw new CannotPlan('OFPBAC_BAD_OUT_PORT', `no port ${host.portNo}`)
    const { source, destination } = tables
    const vlan = BigInt(host.vlan)
    const key = ({ fixed, keys }: { readonly fixed: readonly NamedMatch[]; readonly keys: { readonly vlan: string; readonly address: string } }) =>
      [...fixed, exact(keys.vlan, vlan), exact(keys.address, host.address)]
    const entries: HostEntries = {
      source: {
        ...tableEntry(source.table, [...key(source), exact(source.keys.inPort, BigInt(host.portNo))], { name: source.action, params: [] }),
        idleTimeout: host.idleTimeout * 1000, controllerMetadata: host.id,
      },
      destination: tableEntry(destination.table, key(destination), { name: destination.forward.action, params: this.#forward(destination.forward, port, host) }),
    }
    if (old === undefined) {
      this.#state.capacity.take(planning, source.table, 1, source.size, 'OFPFMFC_TABLE_FULL')
      this.#state.capacity.take(planning, destination.table, 1, destination.size, 'OFPFMFC_TABLE_FULL')
      planning.main({ op: 'insert', entity: entries.destination }, { op: 'delete', entity: entries.destination }, 'other')
    } else {
      planning.put(this.#entries, old.id, undefined)
      planning.main({ op: 'modify', entity: entries.destination }, { op: 'modify', entity: old.entries.destination }, 'other')
    }
    planning.put(this.#entries, host.id, entries)
    planning.main({ op: 'insert', entity: entries.source }, { op: 'delete', entity: entries.source }, 'other')
    if (old !== undefined) planning.main({ op: 'delete', entity: old.entries.source }, { op: 'insert', entity: old.entries.source }, 'other')
  }

  delete(planning: Planning, host: HostRecord): void {
    const { source, destination } = this.#required()
    const { entries } = this.#existing(host.id)
    planning.put(this.#entries, host.id, undefined)
    this.#state.capacity.give(planning, source.table, 1)
    this.#state.capacity.give(planning, destination.table, 1)
    for (const entity of [entries.source, entries.destination]) planning.main({ op: 'delete', entity }, { op: 'insert', entity }, 'other')
  }

  #forward({ port, untagged }: NormalTables['destination']['forward'], target: number, { portNo, vlan }: HostRecord): NamedParam[] {
    const vlans = this.#vlans?.of(portNo)
    const isUntagged = vlans !== undefined && untags(vlans, vlan)
    return [{ name: port, value: BigInt(target) }, ...(untagged === null ? [] : [{ name: untagged, value: isUntagged ? 1n : 0n }])]
  }

  #required(): NormalTables {
    if (this.#tables === null) throw new Error('the pipeline learns no hosts')
    return this.#tables
  }
  #existing(id: number): { readonly id: number; readonly entries: HostEntries } {
    const entries = this.#entries.get(id)
    if (entries === undefined) throw new Error(`host ${id} is not in the pipeline`)
    return { id, entries }
  }
}

const exact = (field: string, value: bigint) => ({ field, kind: 'exact' as const, value })
