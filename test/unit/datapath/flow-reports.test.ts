import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Effect, Input } from '../../../src/datapath/index.js'
import { FlowModFlag, Group, Port, Table } from '../../../src/openflow/index.js'
import type { FlowStats, StatsRequestBody } from '../../../src/openflow/index.js'
import { FakePipeline, fakeFeatures } from '../../support/fake-pipeline.js'
import { Rig, columnsOf, flowMod, kindsSent, match, sent } from '../../support/datapath-rig.js'

const filter = { tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] }
const ALL: StatsRequestBody = { kind: 'flow', ...filter }
const MANY = 5000

/** Flows of two tables, alternating, with a rig that answers nothing by itself but commits. */
function loaded(count = MANY): Rig {
  const features = fakeFeatures()
  const r = new Rig({ pipeline: new FakePipeline({ ...features, tables: features.tables.map((table) => ({ ...table, maxEntries: 100_000 })) }) }).connect(1)
  for (let n = 0; n < count; n++) r.send(1, flowMod({ tableId: n % 2, match: match({ eth_dst: n }) }))
  r.auto = false
  return r
}

/** Answers everything that is asked, until nothing is; gives all effects. */
function drain(r: Rig, effects: readonly Effect[], between: () => void = () => {}): Effect[] {
  const all = [...effects]
  for (let at = 0; at < all.length; at++) {
    const effect = all[at]!
    const answer: Input | null = effect.kind === 'read_counters_of_flows' ? { kind: 'counters', token: effect.token, answer: { what: 'flows', flows: columnsOf(r.counters) } }
      : effect.kind === 'await_room' ? { kind: 'room', token: effect.token }
      : effect.kind === 'commit' ? { kind: 'committed', token: effect.token } : null
    if (answer === null) continue
    if (answer.kind === 'room') between()
    all.push(...r.step(answer))
  }
  return all
}

const partsOf = (effects: readonly Effect[]): { flows: readonly FlowStats[]; more: boolean }[] =>
  sent(effects).flatMap((message) => (message.type === 'stats_reply' && message.body.kind === 'flow' ? [{ flows: message.body.flows, more: message.more === true }] : []))
const destinations = (effects: readonly Effect[]): number[] => partsOf(effects).flatMap(({ flows }) => flows.map((flow) => Number(flow.match[0]?.value)))

describe('statistics of many flows', () => {
  it('read each table once, and come in parts of which only the last says that it is the last', () => {
    const r = loaded()
    for (const flow of r.datapath.flows()) r.counters.set(flow.id, { packets: BigInt(flow.id), bytes: 2n ** 40n })
    const all = drain(r, r.stats(1, ALL))
    assert.deepEqual(all.flatMap((effect) => (effect.kind === 'read_counters_of_flows' ? [effect.tableId] : [])), [0, 1])
    const parts = partsOf(all)
    assert.ok(parts.length > 3)
    assert.deepEqual(parts.map(({ more }) => more), parts.map((_, at) => at < parts.length - 1))
    assert.ok(parts.every(({ flows }) => flows.length <= 1100), 'no part takes much longer than another')
    assert.deepEqual(destinations(all).sort((a, b) => a - b), Array.from({ length: MANY }, (_, n) => n))
    const byFlow = new Map([...r.datapath.flows()].map(({ id, record }) => [record.match[0]?.value, BigInt(id)]))
    for (const { packetCount, byteCount, match: [field] } of parts.flatMap(({ flows }) => flows)) assert.deepEqual([packetCount, byteCount], [byFlow.get(field?.value), 2n ** 40n])
  })

  it('are added up in the same way for an aggregate', () => {
    const r = loaded()
    for (const { id } of r.datapath.flows()) r.counters.set(id, { packets: 3n, bytes: 300n })
    const replies = sent(drain(r, r.stats(1, { kind: 'aggregate', ...filter })))
    assert.deepEqual(replies, [{ type: 'stats_reply', body: { kind: 'aggregate', packetCount: 3n * BigInt(MANY), byteCount: 300n * BigInt(MANY), flowCount: MANY } }])
  })

  it('select by the filter, and know whatever order the target has its entries in', () => {
    const r = loaded()
    for (const { id } of [...r.datapath.flows()].reverse()) r.counters.set(id, { packets: BigInt(id), bytes: 0n })
    const parts = partsOf(drain(r, r.stats(1, { ...ALL, tableId: 1 })))
    const flows = parts.flatMap((part) => part.flows)
    assert.equal(flows.length, MANY / 2)
    const byFlow = new Map([...r.datapath.flows(1)].map(({ id, record }) => [record.match[0]?.value, BigInt(id)]))
    for (const flow of flows) assert.equal(flow.packetCount, byFlow.get(flow.match[0]?.value))
  })

  it('go on only when there is room', () => {
    const r = loaded()
    const effects = r.stats(1, ALL)
    for (const effect of [...effects]) {
      if (effect.kind === 'read_counters_of_flows') effects.push(...r.step({ kind: 'counters', token: effect.token, answer: { what: 'flows', flows: columnsOf(new Map()) } }))
    }
    const rooms = effects.flatMap((effect) => (effect.kind === 'await_room' ? [effect.token] : []))
    assert.equal(rooms.length, 1)
    assert.equal(partsOf(effects).length, 0)
    const next = r.step({ kind: 'room', token: rooms[0]! })
    assert.equal(partsOf(next).length, 1)
    assert.equal(next.filter(({ kind }) => kind === 'await_room').length, 1)
    assert.equal(r.step({ kind: 'room', token: 999_999 }).length, 0)
  })

  it('hold up a barrier behind them, and no flow-mod of anybody', () => {
    const r = loaded().connect(2)
    const effects = [...r.stats(1, ALL), ...r.send(1, flowMod({ match: match({ eth_dst: 1_000_000 }) })), ...r.send(1, { type: 'barrier_request' })]
    assert.equal(r.send(2, flowMod({ match: match({ eth_dst: 1_000_001 }) })).filter(({ kind }) => kind === 'commit').length, 1)
    assert.equal(effects.filter(({ kind }) => kind === 'commit').length, 1)
    const kinds = kindsSent(drain(r, effects))
    assert.equal(kinds.at(-1), 'barrier_reply')
    assert.ok(kinds.slice(0, -1).every((kind) => kind === 'stats_reply'))
  })

  it('tell what was there at the request and still is, however many are added meanwhile', () => {
    const r = loaded().connect(2)
    let added = 0
    let removed = false
    const all = drain(r, r.stats(1, ALL), () => {
      r.auto = true
      for (let n = 0; n < 3000; n++) r.send(2, flowMod({ match: match({ eth_dst: 1_000_000 + added++ }) }))
      if (!removed) r.send(2, flowMod({ command: 'delete', tableId: 0, match: match({ eth_dst: MANY - 2 }) }))
      removed = true
      r.auto = false
    })
    const told = destinations(all)
    assert.equal(new Set(told).size, told.length)
    const old = told.filter((n) => n < MANY).sort((a, b) => a - b)
    assert.deepEqual(old, Array.from({ length: MANY }, (_, n) => n).filter((n) => n !== MANY - 2))
    assert.ok(added > 0)
  })

  it('end with their connection', () => {
    const r = loaded()
    const effects = r.stats(1, ALL)
    effects.push(...r.step({ kind: 'disconnected', conn: 1 }))
    const all = drain(r, effects)
    assert.equal(partsOf(all).length, 0)
    assert.equal(all.filter(({ kind }) => kind === 'await_room').length, 1)
  })

  it('are told as last known when the target is lost in the middle, and not counted twice', () => {
    const r = loaded()
    for (const { id } of r.datapath.flows()) r.counters.set(id, { packets: 7n, bytes: 0n })
    drain(r, r.stats(1, ALL))
    for (const { id } of r.datapath.flows()) r.counters.set(id, { packets: 8n, bytes: 0n })
    let rooms = 0
    const all = drain(r, r.stats(1, ALL), () => { if (rooms++ === 0) r.step({ kind: 'target_lost' }) })
    const counts = partsOf(all).flatMap(({ flows }) => flows.map(({ packetCount }) => packetCount))
    assert.equal(counts.length, MANY)
    assert.ok(counts.every((count) => count === 7n))
  })

  it('do not tell of before what counts from zero again', () => {
    const r = loaded().connect(2)
    for (const { id } of r.datapath.flows()) r.counters.set(id, { packets: 7n, bytes: 0n })
    drain(r, r.stats(1, ALL))
    let rooms = 0
    const all = drain(r, r.stats(1, ALL), () => {
      if (rooms++ !== 0) return
      r.auto = true
      r.send(2, flowMod({ command: 'modify', tableId: 0, match: match({ eth_dst: 2 }), flags: FlowModFlag.RESET_COUNTS }))
      r.auto = false
    })
    const counts = new Map(partsOf(all).flatMap(({ flows }) => flows.map(({ match: [field], packetCount }) => [Number(field?.value), packetCount])))
    assert.deepEqual([counts.get(0), counts.get(2), counts.get(4)], [7n, 0n, 7n])
  })

  it('are a few at a time on a connection: further ones wait, and what is behind them', () => {
    const r = loaded()
    const effects = Array.from({ length: 6 }, () => r.stats(1, ALL)).flat()
    assert.equal(effects.filter(({ kind }) => kind === 'read_counters_of_flows').length, 4 * 2)
    const behind = r.send(1, flowMod({ match: match({ eth_dst: 2_000_000 }) }))
    assert.deepEqual(behind, [])
    const all = drain(r, effects)
    assert.equal(partsOf(all).filter(({ more }) => !more).length, 6)
    assert.equal(all.filter(({ kind }) => kind === 'commit').length, 1)
  })
})
