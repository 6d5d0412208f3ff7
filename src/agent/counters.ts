/** Answers the datapath's read effects from the target's counters and the ports' statistics. */
import { CounterColumns, CounterColumnsBuilder } from '../base/counter-columns.js'
import type { Compiler } from '../compiler/index.js'
import { totalOf } from '../datapath/index.js'
import type { CounterAnswer, Counters, Effect, Input, MeterCounters } from '../datapath/index.js'
import type { Southbound } from '../p4runtime/index.js'
import type { PortSource } from './port-monitor.js'

type ReadEffect = Extract<Effect, { readonly kind: `read_${string}` }>
type Answer<What extends CounterAnswer['what']> = Extract<CounterAnswer, { readonly what: What }>

export class CounterReader {
  readonly #compiler: Compiler
  readonly #southbound: Southbound
  readonly #ports: PortSource

  constructor(compiler: Compiler, southbound: Southbound, ports: PortSource) {
    this.#compiler = compiler
    this.#southbound = southbound
    this.#ports = ports
  }

  async read(effect: ReadEffect): Promise<Input> {
    return { kind: 'counters', token: effect.token, answer: await this.#answer(effect) }
  }

  #answer(effect: ReadEffect): Promise<CounterAnswer> {
    switch (effect.kind) {
      case 'read_flow_counters': return this.#flows(effect)
      case 'read_counters_of_flows': return this.#flowsOf(effect)
      case 'read_group_counters': return this.#groups(effect)
      case 'read_meter_counters': return this.#meters(effect)
      case 'read_port_counters': return this.#portCounters(effect)
      case 'read_table_counters': return this.#tables(effect)
    }
  }

  async #flows({ flowIds }: Extract<ReadEffect, { kind: 'read_flow_counters' }>): Promise<Answer<'flows'>> {
    const cellOf = new Map(flowIds.flatMap((flowId): [number, number][] => {
      const cell = this.#compiler.cellOf(flowId)
      return cell === null ? [] : [[flowId, cell]]
    }))
    const entries = flowIds.flatMap((flowId) => cellOf.has(flowId) ? [] : this.#compiler.entryOf(flowId) ?? [])
    const [direct, cells] = await Promise.all([entries.length === 0 ? [] : this.#southbound.readEntryCounters(entries), this.#flowCells(cellOf)])
    return { what: 'flows', flows: withCells(CounterColumns.of(direct.map(({ controllerMetadata: id, packets, bytes }) => ({ id, packets, bytes }))), cellOf, cells) }
  }

  async #flowsOf({ tableId }: Extract<ReadEffect, { kind: 'read_counters_of_flows' }>): Promise<Answer<'flows'>> {
    const cellOf = new Map([...this.#compiler.cellsOf([tableId])].map(({ flow, cell }) => [flow, cell]))
    const [cells, ...direct] = await Promise.all([this.#flowCells(cellOf), ...this.#compiler.tablesOf(tableId).map((table) => this.#southbound.readTableCounters(table))])
    return { what: 'flows', flows: withCells(CounterColumns.joined(direct), cellOf, cells) }
  }

  #flowCells(cellOf: ReadonlyMap<number, number>): Promise<ReadonlyMap<number, Counters>> {
    return this.#cells(this.#compiler.contract.flowCounter?.name ?? null, [...cellOf.values()])
  }

  async #groups({ groups }: Extract<ReadEffect, { kind: 'read_group_counters' }>): Promise<Answer<'groups'>> {
    const counter = this.#compiler.contract.bucketCounter
    const cellsOf = new Map(groups.map(({ groupId }) => [groupId, this.#compiler.bucketCells(groupId)]))
    const indices = [...cellsOf.values()].flat()
    if (counter === null) return { what: 'groups', groups: new Map() }
    // A group without buckets has nothing to read, and has counted nothing.
    const read = await this.#cells(counter.name, indices)
    const nothing: Counters = { packets: 0n, bytes: 0n }
    return {
      what: 'groups',
      groups: new Map(groups.map(({ groupId, groupType }) => {
        const buckets = (cellsOf.get(groupId) ?? []).map((cell) => read.get(cell) ?? nothing)
        return [groupId, { total: totalOf(groupType, buckets), buckets }]
      })),
    }
  }

  async #meters({ meters }: Extract<ReadEffect, { kind: 'read_meter_counters' }>): Promise<Answer<'meters'>> {
    const { totalCounter = null, bandCounter = null } = this.#compiler.contract.meters ?? {}
    const cellsOf = new Map(meters.flatMap(({ meterId }) => {
      const cells = this.#compiler.meterCells(meterId)
      return cells === null ? [] : [[meterId, cells] as const]
    }))
    const [totals, bands] = await Promise.all([
      this.#cells(totalCounter, [...cellsOf.values()].map(({ total }) => total)),
      this.#cells(bandCounter, [...cellsOf.values()].flatMap((cells) => cells.bands)),
    ])
    // A target that could not be read says nothing, which differs from zero.
    const complete = [...cellsOf].flatMap(([meterId, cells]): [number, MeterCounters][] => {
      const total = totals.get(cells.total)
      const ofBands = cells.bands.flatMap((cell) => bands.get(cell) ?? [])
      return total === undefined || ofBands.length < cells.bands.length ? [] : [[meterId, { total, bands: ofBands }]]
    })
    return { what: 'meters', meters: new Map(complete) }
  }

  async #cells(counter: string | null, indices: readonly number[]): Promise<ReadonlyMap<number, Counters>> {
    if (counter === null || indices.length === 0) return new Map()
    return new Map((await this.#southbound.readCounter(counter, indices)).map(({ index, packets, bytes }) => [index, { packets, bytes }]))
  }

  async #portCounters({ portNos }: Extract<ReadEffect, { kind: 'read_port_counters' }>): Promise<Answer<'ports'>> {
    const all = await Promise.all(portNos.map(async (portNo) => [portNo, await this.#ports.statistics(portNo)] as const))
    return { what: 'ports', ports: new Map(all.flatMap(([portNo, values]) => (values === null ? [] : [[portNo, values]]))) }
  }

  async #tables({ tableIds }: Extract<ReadEffect, { kind: 'read_table_counters' }>): Promise<Answer<'tables'>> {
    const { lookupCounter, matchCounter, share, tables } = this.#compiler.contract
    if (lookupCounter === null || matchCounter === null) return { what: 'tables', tables: new Map() }
    const [lookups, matches] = await Promise.all([this.#southbound.readCounter(lookupCounter), this.#southbound.readCounter(matchCounter)])
    const matched = new Map(matches.map(({ index, packets }) => [index, packets]))
    const first = share.index * tables.length
    const cells = lookups.filter(({ index }) => tableIds.includes(index - first))
    return { what: 'tables', tables: new Map(cells.map(({ index, packets }) => [index - first, { lookups: packets, matched: matched.get(index) ?? 0n }])) }
  }
}

/** What the entries of flows with cells have counted does not count. */
function withCells(direct: CounterColumns, cellOf: ReadonlyMap<number, number>, cells: ReadonlyMap<number, Counters>): CounterColumns {
  if (cellOf.size === 0) return direct
  const counters = new CounterColumnsBuilder(direct.count + cellOf.size)
  for (const { id, packets, bytes } of direct) if (!cellOf.has(id)) counters.addWide(id, packets, bytes)
  for (const [id, cell] of cellOf) {
    const counted = cells.get(cell)
    if (counted !== undefined) counters.addWide(id, counted.packets, counted.bytes)
  }
  return counters.done()
}
