/**
 * Flow tables with twins: random flows come, change and go, some of them taken back while later changes are on their way. Whatever
 * the target has carried out of it, update by update, a packet meets the flow that it met before or the one that it is to meet;
 * and where flows only change tables, it meets the same one at every moment. An agent that starts anew in the midst of it brings the
 * target in order without a packet noticing, and finds nothing to do where all was well. ADR-0024
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CompiledPlan } from '../../../src/compiler/index.js'
import type { NamedTableEntry, NamedUpdate } from '../../../src/compiler/ir.js'
import type { Change, FlowRecord } from '../../../src/datapath/pipeline.js'
import { MeterFlag, type Match, type OxmName } from '../../../src/openflow/model.js'
import { matchOverlaps } from '../../../src/openflow/index.js'
import { compilerFor, flow, meter, output, setPorts, StrictStore } from '../../support/compiler-rig.js'
import { Random } from '../../support/random.js'

const life = { flags: 0, hardTimeout: 0, importance: 0, createdAt: 1, modifiedAt: 1, packets: 0n, bytes: 0n }
type Packet = Readonly<Partial<Record<OxmName, bigint>>>
const IPV4 = 0x800n
const IPV6 = 0x86ddn

/** Few values, so that flows meet the same packets. */
function randomPacket(random: Random): Packet {
  const value = (): bigint => BigInt(random.below(4))
  const packet = { in_port: 1n + value(), eth_dst: value(), eth_src: value() }
  switch (random.below(3)) {
    case 0: return { ...packet, eth_type: IPV4, ipv4_dst: value(), ip_proto: 6n, tcp_dst: value() }
    case 1: return { ...packet, eth_type: IPV6, ipv6_dst: value(), ip_proto: 17n, udp_dst: value() }
    default: return { ...packet, eth_type: 0x806n, arp_tpa: value(), arp_op: 1n + value() }
  }
}

function randomMatch(random: Random): Match {
  const value = (): bigint => BigInt(random.below(4))
  const exact = (field: OxmName, given = value()): Match[number] => ({ field, value: given, mask: null })
  const half = (field: OxmName): Match[number] => ({ field, value: value() & 2n, mask: 2n })
  switch (random.below(12)) {
    case 0: case 1: case 2: case 3: return [exact('eth_dst')]
    case 4: case 5: return [exact('in_port', 1n + value()), exact('eth_dst'), exact('eth_src')]
    case 6: return [exact('eth_type', IPV4), exact('ipv4_dst')]
    case 7: return [exact('eth_type', IPV6), exact('ipv6_dst')]
    case 8: return [half('eth_dst')]
    case 9: return [exact('eth_type', 0x806n), ...(random.below(2) === 0 ? [exact('arp_op', 1n)] : [exact('arp_tpa')])]
    case 10: return [exact('eth_type', IPV4), exact('ip_proto', 6n), exact('tcp_dst'), ...(random.below(2) === 0 ? [half('ipv4_dst')] : [])]
    default: return []
  }
}

const matches = (match: Match, packet: Packet): boolean => match.every(({ field, value, mask }) => ((packet[field] ?? 0n) & (mask ?? ~0n)) === value)
/** Two flows of one priority that overlap do not occur, so there is at most one. */
function winner(flows: Iterable<FlowRecord>, packet: Packet): number | null {
  let best: FlowRecord | null = null
  for (const one of flows) if (matches(one.match, packet) && one.priority >= (best?.priority ?? 0)) best = one
  return best?.id ?? null
}

for (let seed = 1; seed <= 8; seed += 1) {
  test(`flows change tables unseen, seed ${seed}`, () => {
    const random = new Random(seed)
    const from = 1 + random.below(4)
    const compiler = compilerFor('ofswitchd', from)
    const basics: readonly Change[] = [setPorts(), { op: 'add_meter', meter: { ...meter(1, MeterFlag.PKTPS), createdAt: 1 } }]
    const [table] = compiler.contract.tables
    const twins = table?.twins
    assert.ok(table !== undefined && twins !== undefined && twins !== null)
    let store = new StrictStore()
    const flows = new Map<number, FlowRecord>()
    const packets = Array.from({ length: 40 }, () => randomPacket(random))
    /** What the key fields of the pipeline read. */
    const keys = packets.map((packet) => new Map(Object.entries(packet).flatMap(([oxm, value]) => {
      const target = table.matches.get(oxm as OxmName)
      return target === undefined ? [] : [[target.field, value] as const]
    })))
    const twinKeys = packets.map((packet) => new Map(twins.fields.map(({ name, oxm }) => [name, oxm.map((each) => packet[each] ?? 0n).reduce((a, b) => a | b, 0n)])))
    /** What a packet meets, by its number; of the target as it is now. */
    const lookUps = (): ((at: number) => number | null) => {
      const entriesOf = (name: string): NamedTableEntry[] => [...store.entries.values()].filter((entity): entity is NamedTableEntry => entity.kind === 'table' && entity.table === name)
      const [above, inTwin, rest, [shape]] = [entriesOf(table.table), entriesOf(twins.twin), entriesOf(twins.rest), entriesOf(twins.shape.table)]
      const masks = new Map(twins.fields.map(({ name, mask }) => [name, shape?.action?.params.find((param) => param.name === mask)?.value ?? 0n]))
      const ternary = (entries: readonly NamedTableEntry[], at: number): NamedTableEntry | null => entries.filter(({ match }) =>
        match.every((part) => part.kind === 'exact' || part.kind === 'ternary' && ((keys[at]?.get(part.field) ?? 0n) & part.mask) === part.value)).reduce<NamedTableEntry | null>((best, entry) => (entry.priority > (best?.priority ?? 0) ? entry : best), null)
      const masked = (field: string, at: number): bigint => (twinKeys[at]?.get(field) ?? 0n) & (masks.get(field) ?? 0n)
      const exact = (at: number): NamedTableEntry | undefined => (shape === undefined ? undefined : inTwin.find(({ match }) => match.every((part) => part.kind === 'exact' && part.value === masked(part.field, at))))
      return (at) => (ternary(above, at) ?? exact(at) ?? ternary(rest, at))?.controllerMetadata ?? null
    }
    const carryOut = (updates: readonly NamedUpdate[], before: Iterable<FlowRecord>, after: Iterable<FlowRecord>, isAll = true): void => {
      const [old, next] = [[...before], [...after]]
      const allowed = packets.map((packet) => [winner(old, packet), winner(next, packet)])
      for (const update of updates) {
        store.apply([update])
        const lookUp = lookUps()
        packets.forEach((_, at) => assert.ok(allowed[at]?.includes(lookUp(at)), `packet ${at} meets ${lookUp(at)}, not ${allowed[at]?.join(' or ')}`))
      }
      if (!isAll) return
      const lookUp = lookUps()
      packets.forEach((_, at) => assert.equal(lookUp(at), allowed[at]?.[1]))
    }
    /** On a copy of the target; `isQuiet`: nothing is under way. */
    const startAnew = (isQuiet: boolean): void => {
      const before = store
      store = before.copy()
      const fresh = compilerFor('ofswitchd', from)
      const entities = [...store.entries.values()]
      fresh.reset({ entries: entities.length, entities } as Parameters<typeof fresh.reset>[0])
      const found = new Map(fresh.found().flows.map((record) => [record.id, record]))
      assert.deepEqual([...found.keys()].sort(), [...flows.keys()].sort())
      const whole = fresh.plan([...basics, ...[...found.values()].map((record): Change => ({ op: 'add_flow', flow: record }))])
      assert.ok(!whole.refused)
      const updates = whole.updates.map(({ update }) => update)
      if (isQuiet) assert.deepEqual(updates.filter(({ entity: { kind } }) => kind !== 'default'), [])
      carryOut(updates, flows.values(), flows.values())
      fresh.committed(whole)
      const left = fresh.leftovers()
      // A shape that nothing has is forgotten.
      const others = (left?.updates ?? []).filter(({ update: { entity } }) => entity.kind !== 'table' || entity.table !== twins.shape.table)
      if (isQuiet) assert.deepEqual(others, [])
      if (left !== null) carryOut(left.updates.map(({ update }) => update), flows.values(), flows.values())
      store = before
    }
    /** In flight: the plan, and what takes it out of the flows again. */
    const open: { readonly plan: CompiledPlan; readonly leaving: FlowRecord | null; readonly undo: () => void }[] = []
    let moved = 0
    const rearrange = (): void => {
      for (let plan = compiler.rearrange(); plan !== null; plan = compiler.rearrange()) {
        moved += plan.updates.length
        const updates = plan.updates.map(({ update }) => update)
        const cut = random.below(updates.length + 1)
        carryOut(updates.slice(0, cut), flows.values(), flows.values(), cut === 0)
        if (random.below(3) === 0) startAnew(cut === 0 && open.length === 0)
        carryOut(updates.slice(cut), flows.values(), flows.values())
        open.push({ plan, leaving: null, undo: () => {} })
      }
    }
    const answer = (takeBack: boolean): void => {
      const first = open.shift()
      if (first === undefined) return
      if (takeBack) {
        const before = [...flows.values()]
        const leftover = first.plan.revert()
        first.undo()
        const inverses = first.plan.updates.flatMap(({ inverse, revocable }) => (inverse === null || !revocable() ? [] : [inverse])).reverse()
        carryOut([...inverses, ...leftover], before, flows.values())
        compiler.undo(first.plan)
      } else compiler.committed(first.plan)
      rearrange()
    }
    const submit = (change: Change, apply: () => void, undo: () => void): void => {
      const plan = compiler.plan([change])
      if (plan.refused) {
        assert.ok(plan.behind !== null, plan.reasons.join())
        return
      }
      const before = [...flows.values()]
      apply()
      carryOut(plan.updates.map(({ update }) => update), before, flows.values())
      open.push({ plan, leaving: change.op === 'delete_flow' ? change.flow : null, undo })
      rearrange()
      while (open.length > random.below(4)) answer(random.below(5) === 0)
    }
    const start = compiler.plan(basics)
    assert.ok(!start.refused)
    store.apply(start.updates.map(({ update }) => update))
    compiler.committed(start)
    const empty = store.snapshot()

    for (let id = 1; id <= 250; id += 1) {
      const known = random.pick([...flows.values(), null])
      // Phases in which flows become many and few, so that the twin fills and empties and another class has its turn.
      const isAdd = known === null || random.below(10) < (id % 100 < 60 ? 7 : 2)
      if (isAdd) {
        const match = randomMatch(random)
        const record = flow(id, 0, match, { apply: [output(1 + random.below(3))] }, { life, priority: random.pick([0, 1, 5, 5, 5, 10, 10, 20]), ...(random.below(5) === 0 ? { idleTimeout: 10 } : {}) })
        if ([...flows.values(), ...open.flatMap(({ leaving }) => leaving ?? [])].some((other) => other.priority === record.priority && matchOverlaps(other.match, match))) continue
        submit({ op: 'add_flow', flow: record }, () => { flows.set(id, record) }, () => { flows.delete(id) })
      } else if (random.below(4) === 0) {
        const record = { ...known, instructions: { ...known.instructions, meter: random.pick([1, null]) } }
        submit({ op: 'modify_flow', flow: record, previous: known, resetCounters: false }, () => { flows.set(known.id, record) }, () => { flows.set(known.id, known) })
      } else {
        submit({ op: 'delete_flow', flow: known, wantCounters: true }, () => { flows.delete(known.id) }, () => { flows.set(known.id, known) })
      }
    }
    while (open.length > 0) answer(false)
    assert.ok(moved > 0, 'nothing was moved')
    for (const record of [...flows.values()]) submit({ op: 'delete_flow', flow: record, wantCounters: false }, () => { flows.delete(record.id) }, () => { flows.set(record.id, record) })
    while (open.length > 0) answer(false)
    for (const record of [...flows.values()]) submit({ op: 'delete_flow', flow: record, wantCounters: false }, () => { flows.delete(record.id) }, () => { flows.set(record.id, record) })
    while (open.length > 0) answer(false)
    if (flows.size === 0) assert.deepEqual(store.snapshot().filter((text) => !text.startsWith(`${twins.shape.table} `)), empty)
  })
}
