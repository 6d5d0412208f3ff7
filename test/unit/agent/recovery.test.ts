/**
 * An agent dies at any moment, its target lives on: the next agent finds flows, groups and meters with all that belongs to
 * them, writes nothing that is there already, removes what a half-written request has left, and keeps what was acknowledged.
 */
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, it } from 'node:test'
import { NO_INSTRUCTIONS, Port, PortConfig, type FlowMod, type Message, type TableFeatures } from '../../../src/openflow/index.js'
import { keyText } from '../../../src/p4runtime/encode.js'
import { FakeP4Runtime } from '../../support/fake-p4runtime.js'
import type { TargetText } from '../../support/target-text.js'
import { LoopRig, portDesc, smallP4Info } from '../../support/loop-rig.js'
import { apply, bucket, flowMod, groupMod, match, output, setField, toGroup } from '../../support/datapath-rig.js'
import { mixing, spread } from '../../support/random.js'

const SETTABLE = PortConfig.DOWN | PortConfig.NO_RECV | PortConfig.NO_FWD | PortConfig.NO_PACKET_IN
const KILLS = Number(process.env['OFSWITCHD_KILLS'] ?? 24)
const FIRST = Number(process.env['OFSWITCHD_KILLS_FIRST'] ?? 1)
const p4info = smallP4Info(4)
const running: LoopRig[] = []
afterEach(async () => { for (const rig of running.splice(0)) await rig.stop() })
const start = (fake: FakeP4Runtime): LoopRig => {
  const rig = new LoopRig(fake.connect, { p4info })
  running.push(rig)
  return rig
}
const kill = async (rig: LoopRig, fake: FakeP4Runtime): Promise<void> => {
  rig.loop.stop()
  fake.disconnect()
  await rig.stop()
}
const bigints = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)
const flowsOf = (rig: LoopRig): string[] => rig.loop.flows().map(({ id, record, flags, hardTimeout }) => JSON.stringify([id, record, flags, hardTimeout], bigints)).sort()

const meter: Message = { type: 'meter_mod', command: 'add', meterId: 7, flags: 1 | 4, bands: [{ type: 'drop', rate: 1000, burstSize: 100, precLevel: 0, experimenter: 0 }] as never }
const everything: readonly Message[] = [
  groupMod({ groupId: 1, buckets: [bucket({ actions: [setField('eth_dst', 9), output(2)] }), bucket({ actions: [output(3)] })] }),
  groupMod({ groupId: 2, groupType: 'select', buckets: [bucket({ actions: [output(2)], weight: 1 }), bucket({ actions: [output(4)], weight: 2 })] }),
  groupMod({ groupId: 4, groupType: 'select', buckets: [bucket({ actions: [output(5)], weight: 1 })] }),
  groupMod({ groupId: 3, groupType: 'ff', buckets: [bucket({ actions: [output(2)], watchPort: 2 }), bucket({ actions: [toGroup(1)], watchGroup: 1 })] }),
  meter,
  flowMod({ cookie: 0xabcn, flags: 1, idleTimeout: 60, hardTimeout: 600, priority: 5, match: match({ in_port: 1 }), instructions: apply(setField('eth_src', 5), output(2), setField('eth_src', 6), output(3)) }),
  flowMod({ cookie: 1n, priority: 6, match: match({ eth_dst: 3 }), instructions: { ...apply(output(Port.FLOOD), toGroup(1)), gotoTable: 2 } }),
  flowMod({ cookie: 2n, tableId: 2, match: match({}), instructions: { ...NO_INSTRUCTIONS, write: [toGroup(2)], writeMetadata: { value: 3n, mask: 7n } } }),
  flowMod({ cookie: 3n, tableId: 1, match: match({ eth_dst: [4, 6] }), instructions: { ...apply(output(1), { type: 'push_vlan', ethertype: 0x8100 }, output(2), { type: 'pop_vlan' }, setField('eth_dst', 1)), gotoTable: 3 } }),
  flowMod({ cookie: 4n, priority: 9, match: match({ eth_dst: 8 }), instructions: { ...apply(toGroup(3)), meter: 7 } }),
]

const outputs = (rig: LoopRig): Set<string> => new Set(rig.loop.flows().map(({ record }) => JSON.stringify(record.instructions, bigints)))
/** Requests that take several Writes, and what they leave of 230 flows with a group and a meter. */
const many: readonly (readonly [string, Message, (rig: LoopRig) => void])[] = [
  ['flows deleted', flowMod({ command: 'delete', tableId: 0xff }), (rig) => assert.deepEqual(rig.loop.flows(), [])],
  ['flows modified', flowMod({ command: 'modify', tableId: 0, instructions: apply(setField('eth_src', 77), output(4)) }), (rig) => {
    assert.deepEqual([...outputs(rig)].sort(), [JSON.stringify({ ...apply(output(2)), meter: 7 }, bigints), JSON.stringify(apply(setField('eth_src', 77), output(4)), bigints)].sort())
    assert.equal(rig.loop.flows().length, 230)
    assert.equal(new Set(rig.loop.flows().map(({ record }) => record.cookie)).size, 230)
  }],
  ['a meter deleted with its flows', { ...meter, command: 'delete' } as Message, (rig) => {
    assert.deepEqual(rig.loop.flows(), [])
    assert.equal(rig.loop.datapath.groups().length, 1)
  }],
]

describe('an agent that starts anew', () => {
  it('knows everything and writes nothing', async () => {
    const fake = new FakeP4Runtime()
    const first = start(fake)
    const xids = everything.map((message) => first.send(message))
    await first.barrier()
    assert.deepEqual(xids.map((xid) => first.errorOf(xid)), xids.map(() => null))
    const [flows, text] = [flowsOf(first), first.text(fake)]
    await kill(first, fake)
    fake.updates.length = 0
    const second = start(fake)
    await second.barrier()
    await second.answer(second.send({ type: 'stats_request', more: false, body: { kind: 'group_desc', groupId: 0xfffffffc } }))
    assert.deepEqual(flowsOf(second), flows)
    assert.deepEqual(second.text(fake), text)
    const written = fake.updates.filter(({ entity }) => !entity?.tableEntry?.isDefaultAction && !entity?.digestEntry)
    assert.deepEqual(written, [], 'only default actions and digests, which are not read, are written')
    // All of it can be removed, and nothing is left.
    second.send(flowMod({ command: 'delete', tableId: 0xff }))
    second.send(groupMod({ groupId: 0xfffffffc, command: 'delete' }))
    second.send({ ...meter, command: 'delete' } as Message)
    await second.barrier()
    assert.deepEqual(second.loop.flows(), [])
    const empty = new FakeP4Runtime()
    const third = start(empty)
    await third.answer(third.send({ type: 'stats_request', more: false, body: { kind: 'group_desc', groupId: 0xfffffffc } }))
    assert.deepEqual(second.text(fake), third.text(empty))
  })

  it('goes on with durations and timeouts', async () => {
    const fake = new FakeP4Runtime()
    const first = start(fake)
    first.send(flowMod({ cookie: 1n, match: match({ eth_dst: 1 }), hardTimeout: 1, flags: 1, instructions: apply(output(1)) }))
    first.send(flowMod({ cookie: 2n, match: match({ eth_dst: 2 }), hardTimeout: 3600, instructions: apply(output(1)) }))
    await first.barrier()
    const created = first.loop.flows().map(({ createdAt }) => createdAt)
    await kill(first, fake)
    const second = start(fake)
    // Asks for flow-removed messages, as a controller.
    second.send({ type: 'set_config', flags: 0, missSendLen: 128 })
    const reply = await second.answer(second.send({ type: 'stats_request', more: false, body: { kind: 'aggregate', tableId: 0xff, outPort: Port.ANY, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] } as never }))
    assert.equal(reply.type, 'stats_reply')
    for (const [index, flow] of second.loop.flows().entries()) assert.ok(Math.abs(flow.createdAt - created[index]!) < 50)
    const deadline = Date.now() + 5000
    while (!second.heard.some(({ message }) => message.type === 'flow_removed') && Date.now() < deadline) await new Promise((resolve) => { setTimeout(resolve, 10) })
    const removed = second.heard.map(({ message }) => message).find((message) => message.type === 'flow_removed')
    assert.ok(removed?.type === 'flow_removed' && removed.reason === 'hard_timeout' && removed.cookie === 1n)
    assert.ok(removed.durationSec >= 1)
    assert.deepEqual(second.loop.flows().map(({ record }) => record.cookie), [2n])
  })

  it('keeps what was asked of tables, and forgets it with the one who takes it back', async () => {
    const fake = new FakeP4Runtime()
    const asked = async (rig: LoopRig, tables: readonly TableFeatures[]): Promise<readonly TableFeatures[]> => {
      const answer = await rig.answer(rig.send({ type: 'stats_request', more: false, body: { kind: 'table_features', tables } }))
      assert.ok(answer.type === 'stats_reply' && answer.body.kind === 'table_features', JSON.stringify(answer, bigints))
      return answer.body.tables
    }
    const withoutGroups = (table: TableFeatures): TableFeatures => (table.tableId === 1 ? { ...table, maxEntries: 7, applyActions: table.applyActions.filter((name) => name !== 'group') } : table)
    const first = start(fake)
    const whole = await asked(first, [])
    const less = await asked(first, whole.map(withoutGroups))
    assert.equal(less[1]?.maxEntries, 7)
    await kill(first, fake)
    const second = start(fake)
    await second.barrier()
    assert.deepEqual(await asked(second, []), less)
    second.send(groupMod({ groupId: 1, buckets: [] }))
    const refused = second.send(flowMod({ tableId: 1, match: match({}), instructions: apply(toGroup(1)) }))
    await second.barrier()
    assert.equal(second.errorOf(refused), 'OFPBAC_BAD_TYPE')
    await asked(second, whole)
    await kill(second, fake)
    const third = start(fake)
    await third.barrier()
    assert.deepEqual(await asked(third, []), whole)
  })

  it('keeps the flags of ports, also of one that receives nothing', async () => {
    const fake = new FakeP4Runtime()
    const first = start(fake)
    const flags = new Map<number, number>([[1, PortConfig.NO_RECV], [2, PortConfig.DOWN], [3, PortConfig.NO_FWD | PortConfig.NO_PACKET_IN], [4, PortConfig.NO_RECV | PortConfig.NO_FWD]])
    const mod = (portNo: number, config: number): Message => ({ type: 'port_mod', portNo, hwAddr: portDesc(portNo).hwAddr, config, mask: SETTABLE, advertise: 0, properties: [] })
    const xids = [...flags].map(([portNo, config]) => first.send(mod(portNo, config)))
    await first.barrier()
    assert.deepEqual(xids.map((xid) => first.errorOf(xid)), xids.map(() => null))
    const text = first.text(fake)
    await kill(first, fake)
    fake.updates.length = 0
    const second = start(fake)
    await second.answer(second.send({ type: 'stats_request', more: false, body: { kind: 'group_desc', groupId: 0xfffffffc } }))
    assert.deepEqual(new Map(second.loop.datapath.ports().filter(({ config }) => config !== 0).map(({ portNo, config }) => [portNo, config])), flags)
    assert.deepEqual(second.text(fake), text)
    assert.deepEqual(fake.updates.filter(({ entity }) => !entity?.tableEntry?.isDefaultAction && !entity?.digestEntry), [])
    // And it receives again when it is told to.
    second.send(mod(1, 0))
    await second.barrier()
    const receiving = ({ lines }: TargetText): number => lines.filter((line) => line.includes('receive')).length
    assert.equal(receiving(second.text(fake)), receiving(text) + 1)
  })

  for (const [what, request, left] of many) {
    it(`completes a request that changes many, wherever its agent has died: ${what}`, async () => {
      const setUp = async (rig: LoopRig): Promise<void> => {
        rig.send(groupMod({ groupId: 1, buckets: [bucket({ actions: [output(3)] })] }))
        rig.send(meter)
        for (let n = 1; n <= 230; n++) rig.send(flowMod({ cookie: BigInt(n), tableId: n % 2, match: match({ eth_dst: n }), instructions: { ...apply(n % 2 === 0 ? toGroup(1) : output(2)), meter: 7 } }))
        await rig.barrier()
      }
      const reference = new FakeP4Runtime()
      const undisturbed = start(reference)
      await setUp(undisturbed)
      undisturbed.send(request)
      await undisturbed.barrier()
      const whole = undisturbed.text(reference)
      let writes = 1
      for (let allowed = 0; allowed < writes; allowed++) {
        const fake = new FakeP4Runtime()
        const first = start(fake)
        await setUp(first)
        assert.equal(first.loop.flows().length, 230)
        const before = first.text(fake)
        // Some Writes are carried out; of the next one the target has heard nothing when the agent dies.
        let seen = 0
        fake.before = (call) => call.method === 'write' && ++seen > allowed ? new Promise(() => {}) : undefined
        first.send(request)
        const deadline = Date.now() + 10_000
        while (seen <= allowed && first.loop.pendingChanges > 0) {
          assert.ok(Date.now() < deadline, `${seen} Writes`)
          await turn()
        }
        if (seen > allowed) writes = allowed + 2
        await kill(first, fake)
        fake.before = null
        const second = start(fake)
        await second.answer(second.send({ type: 'stats_request', more: false, body: { kind: 'group_desc', groupId: 0xfffffffc } }))
        await second.barrier()
        if (allowed === 0) assert.deepEqual(second.text(fake), before, 'nothing of it')
        else {
          left(second)
          assert.deepEqual(second.text(fake), whole)
          assert.equal([...fake.entries.values()].filter(({ match: fields, metadata }) => fields?.length === 1 && metadata?.[1] === 5).length, 0, 'no note is left')
        }
        await second.stop()
      }
      assert.ok(writes > 2, `${writes} Writes`)
    })
  }

  it('takes out what no agent of ours has written', async () => {
    const fake = new FakeP4Runtime()
    const first = start(fake)
    first.send(flowMod({ match: match({ eth_dst: 1 }), instructions: apply(output(1)) }))
    await first.barrier()
    const text = first.text(fake)
    await kill(first, fake)
    const [entry] = [...fake.entries.values()].filter(({ controllerMetadata }) => Number(controllerMetadata ?? 0) !== 0)
    const strange = { ...entry, priority: 77, metadata: new Uint8Array(0), controllerMetadata: 5 }
    fake.entries.set(keyText(strange), strange)
    const second = start(fake)
    second.send(flowMod({ command: 'delete', tableId: 3 }))
    await second.barrier()
    assert.equal(second.loop.flows().length, 1)
    assert.deepEqual(second.text(fake).lines.filter((line) => line.includes('@77')), text.lines.filter((line) => line.includes('@77')))
  })
})

describe('hosts that NORMAL has learned', () => {
  const learned = [1, 2, 3].map((n) => ({ inPort: n, vlan: n === 3 ? 100 : 0, address: 0x020000000000n + BigInt(n) }))
  const knows = async (rig: LoopRig, count: number): Promise<void> => {
    const deadline = Date.now() + 10_000
    while (rig.loop.pendingChanges > 0 || rig.loop.datapath.hosts().length !== count) {
      assert.ok(Date.now() < deadline, `it knows ${rig.loop.datapath.hosts().length} hosts`)
      await turn()
    }
  }

  it('are taken out by the next agent, which disturbs nothing else and learns them again', async () => {
    const fake = new FakeP4Runtime()
    const first = start(fake)
    for (const message of everything) first.send(message)
    first.send(flowMod({ cookie: 9n, priority: 1, match: match({ eth_dst: 7 }), instructions: apply(output(Port.NORMAL), output(2)) }))
    first.send(flowMod({ cookie: 10n, priority: 1, match: match({ eth_dst: 8 }), instructions: apply(output(Port.NORMAL)) }))
    await first.barrier()
    const [flows, text, size] = [flowsOf(first), first.text(fake), fake.entries.size]
    first.loop.feed({ kind: 'learned', hosts: learned })
    await knows(first, 3)
    assert.equal(fake.entries.size, size + 6)
    await kill(first, fake)
    fake.updates.length = 0
    const second = start(fake)
    await second.barrier()
    await knows(second, 0)
    assert.deepEqual(flowsOf(second), flows)
    assert.deepEqual([second.text(fake), fake.entries.size], [text, size])
    const written = fake.updates.filter(({ entity }) => !entity?.tableEntry?.isDefaultAction && !entity?.digestEntry)
    assert.deepEqual(written.map(({ type }) => type), Array.from({ length: 6 }, () => 3), 'six entries are deleted')
    second.loop.feed({ kind: 'learned', hosts: learned })
    await knows(second, 3)
    assert.equal(fake.entries.size, size + 6)
    second.loop.feed({ kind: 'flush_hosts' })
    await knows(second, 0)
    assert.deepEqual([second.text(fake), fake.entries.size], [text, size])
  })

  it('of which one half was written are no obstacle', async () => {
    const fake = new FakeP4Runtime()
    const first = start(fake)
    assert.ok(await first.loop.settled(10_000))
    const empty = [first.text(fake), fake.entries.size]
    first.loop.feed({ kind: 'learned', hosts: learned })
    await knows(first, 3)
    await kill(first, fake)
    // One entry of the six is not there, as if the agent had died between two writes.
    const [key] = [...fake.entries].find(([, { controllerMetadata }]) => Number(controllerMetadata ?? 0) !== 0)!
    fake.entries.delete(key)
    const second = start(fake)
    assert.ok(await second.loop.settled(10_000))
    assert.deepEqual([second.text(fake), fake.entries.size], empty)
    second.loop.feed({ kind: 'learned', hosts: learned })
    await knows(second, 3)
  })
})

function randomFlowMod(random: (below: number) => number): FlowMod {
  const actions = Array.from({ length: random(4) }, () => [setField('eth_dst', random(3)), setField('eth_src', random(2)), output(1 + random(5)), output(Port.FLOOD), toGroup(1)][random(5)]!)
  const instructions = { ...apply(...actions), ...(random(5) === 0 ? { write: [output(2), setField('eth_src', 1)] } : {}), ...(random(4) === 0 ? { gotoTable: 3 } : {}) }
  const command = (['add', 'add', 'add', 'modify_strict', 'delete_strict'] as const)[random(5)]!
  return flowMod({ command, tableId: random(3), priority: random(2), match: match({ eth_dst: random(8) }), cookie: BigInt(random(100)), instructions })
}
const keyOf = (mod: Pick<FlowMod, 'tableId' | 'priority' | 'match'>): string => JSON.stringify([mod.tableId, mod.priority, mod.match], bigints)
const ABSENT = 'absent'

it(`keeps what was acknowledged and nothing by halves, killed ${KILLS} times`, { timeout: 60_000 + KILLS * 5000 }, async () => {
  for (let seed = FIRST; seed < FIRST + KILLS / 4; seed++) {
    const random = mixing(spread(seed))
    const fake = new FakeP4Runtime()
    let rig = start(fake)
    rig.send(groupMod({ groupId: 1, buckets: [bucket({ actions: [setField('eth_dst', 9), output(2)] }), bucket({ actions: [output(3)] })] }))
    await rig.barrier()
    /** What each flow may be: as at the last barrier, or as any request since has made it. */
    let possible = new Map<string, string[]>()
    let now = new Map<string, string>()
    for (let life = 0; life < 4; life++) {
      fake.before = async () => { for (let wait = random(6); wait > 0; wait--) await turn() }
      const barriers: { xid: number; places: Map<string, number> }[] = []
      for (let step = random(60); step > 0; step--) {
        const mod = randomFlowMod(random)
        const key = keyOf(mod)
        const before = now.get(key) ?? ABSENT
        const content = JSON.stringify([mod.command === 'modify_strict' ? before.slice(1, before.indexOf(',')) : mod.cookie.toString(), mod.instructions], bigints)
        const after = mod.command === 'delete_strict' ? ABSENT : mod.command === 'modify_strict' && before === ABSENT ? ABSENT
          : mod.command === 'modify_strict' ? JSON.stringify([JSON.parse(before)[0], mod.instructions], bigints) : content
        now.set(key, after)
        possible.set(key, [...possible.get(key) ?? [before], after])
        rig.send(mod)
        if (random(12) === 0) barriers.push({ xid: rig.send({ type: 'barrier_request' }), places: new Map([...possible].map(([each, states]) => [each, states.length - 1])) })
        if (random(3) === 0) await turn()
      }
      const answered = barriers.filter(({ xid }) => rig.heard.some((one) => one.xid === xid)).at(-1)
      if (answered !== undefined) {
        // What came before an answered barrier is certain, unless it was changed again afterwards.
        possible = new Map([...possible].map(([key, states]) => [key, states.slice(answered.places.get(key) ?? 0)]))
      }
      await kill(rig, fake)
      fake.before = null
      rig = start(fake)
      rig.send(flowMod({ command: 'delete', tableId: 3 }))
      await rig.barrier()
      const found = new Map(rig.loop.flows().map(({ tableId, priority, record }) => [keyOf({ tableId, priority, match: record.match }), JSON.stringify([record.cookie.toString(), record.instructions], bigints)]))
      for (const [key, states] of possible) assert.ok(states.includes(found.get(key) ?? ABSENT), `seed ${seed}, life ${life}: ${key} is ${found.get(key)}, which it has not been since it was acknowledged: ${states.join(' | ')}`)
      for (const key of found.keys()) assert.ok(possible.has(key) || now.has(key), `seed ${seed}: ${key} was never asked for`)
      const plain = new FakeP4Runtime()
      const reference = start(plain)
      reference.send(groupMod({ groupId: 1, buckets: [bucket({ actions: [setField('eth_dst', 9), output(2)] }), bucket({ actions: [output(3)] })] }))
      for (const { tableId, priority, record } of rig.loop.flows()) reference.send(flowMod({ tableId, priority, match: record.match, cookie: record.cookie, instructions: record.instructions }))
      await reference.barrier()
      assert.deepEqual(rig.text(fake), reference.text(plain), `seed ${seed}, life ${life}`)
      now = new Map([...new Set([...now.keys(), ...found.keys()])].map((key) => [key, found.get(key) ?? ABSENT]))
      possible = new Map([...now].map(([key, state]) => [key, [state]]))
      await reference.stop()
    }
    for (const one of running.splice(0)) await one.stop()
  }
})
