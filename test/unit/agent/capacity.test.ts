/**
 * A small pipeline filled to the last entry: whatever runs out, the request that needs one more is refused with its error,
 * none before it, and there is room again for as much as is taken away. Nothing that is refused leaves anything behind.
 */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FlowMod, Message } from '../../../src/openflow/index.js'
import { FakeP4Runtime } from '../../support/fake-p4runtime.js'
import { LoopRig, smallP4Info } from '../../support/loop-rig.js'
import { apply, band, bucket, flowMod, groupMod, match, meterMod, output, setField } from '../../support/datapath-rig.js'

const running: LoopRig[] = []
afterEach(async () => { for (const rig of running.splice(0)) await rig.stop() })

const toTwo = (index: number) => apply(setField('eth_src', index), output(1), setField('eth_dst', index), output(2))
const flow = (index: number, instructions = apply(output(1))): Message => flowMod({ match: match({ eth_dst: index }), instructions })
const routed = (index: number): FlowMod => flowMod({ match: match({ eth_dst: index, eth_type: 0x800 }), instructions: apply(output(1), { type: 'dec_nw_ttl' }, setField('eth_dst', index), output(2)) })
const remove = (index: number): Message => flowMod({ match: match({ eth_dst: index }), command: 'delete_strict' })
const select = (groupId: number, buckets: number): Message => groupMod({ groupId, groupType: 'select', buckets: Array.from({ length: buckets }, (_, index) => bucket({ actions: [output(1 + index % 4)], weight: 1 })) })
/** Two copies, one of them with a content of its own. */
const all = (groupId: number): Message => groupMod({ groupId, buckets: [bucket({ actions: [output(1)] }), bucket({ actions: [setField('eth_src', groupId), output(2)] })] })
const removeGroup = (groupId: number): Message => groupMod({ groupId, command: 'delete' })

const cases: readonly { readonly what: string; readonly sizes: Readonly<Record<string, number>>; readonly fits: number; readonly error: string; readonly add: (index: number) => Message; readonly remove: (index: number) => Message }[] = [
  { what: 'a flow table', sizes: { 't0.flow': 20 }, fits: 20, error: 'OFPFMFC_TABLE_FULL', add: (index) => flow(index), remove },
  { what: 'a stage of the rewrite programs', sizes: { 't0.execute.rewrite.l2': 10 }, fits: 10, error: 'OFPFMFC_TABLE_FULL', add: (index) => flow(index, apply(setField('eth_src', index), output(1))), remove },
  { what: 'the replicas', sizes: { 'OpenFlowEgress.replica': 12 }, fits: 10, error: 'OFPFMFC_TABLE_FULL', add: (index) => flow(index, apply(output(1), setField('eth_dst', index), output(2))), remove },
  { what: 'the write table', sizes: { 't0.write': 7 }, fits: 7, error: 'OFPFMFC_TABLE_FULL', add: (index) => flow(index, { ...apply(), apply: null, write: [output(1), setField('eth_src', index)] }), remove },
  { what: 'the continuations', sizes: { 'continuation.continuation': 6 }, fits: 6, error: 'OFPFMFC_TABLE_FULL', add: (index) => routed(index), remove: (index) => ({ ...routed(index), command: 'delete_strict' }) },
  { what: 'several at once, of which one runs out', sizes: { 't0.flow': 30, 'OpenFlowEgress.replica': 18 }, fits: 16, error: 'OFPFMFC_TABLE_FULL', add: (index) => flow(index, toTwo(index)), remove },
  { what: 'the group table', sizes: { 'groups.group': 9 }, fits: 9, error: 'OFPGMFC_OUT_OF_GROUPS', add: (index) => groupMod({ groupId: index, buckets: [bucket({ actions: [output(1)] })] }), remove: removeGroup },
  { what: 'the rows of SELECT groups', sizes: { 'groups.selected': 12 }, fits: 4, error: 'OFPGMFC_OUT_OF_BUCKETS', add: (index) => select(index, 3), remove: removeGroup },
  { what: 'the bucket counters', sizes: { bucket_counter: 9 }, fits: 4, error: 'OFPGMFC_OUT_OF_BUCKETS', add: (index) => select(index, 2), remove: removeGroup },
  { what: 'the meters', sizes: { kbps: 40, pktps: 40 }, fits: 5, error: 'OFPMMFC_OUT_OF_METERS', add: (index) => meterMod({ meterId: 10 * index, flags: 1, bands: [band(100)] }), remove: (index) => meterMod({ meterId: 10 * index, command: 'delete' }) },
  { what: 'the meters, of which one unit has fewer', sizes: { kbps: 80, pktps: 24 }, fits: 3, error: 'OFPMMFC_OUT_OF_METERS', add: (index) => meterMod({ meterId: index, flags: 1, bands: [band(100), band(200)] }), remove: (index) => meterMod({ meterId: index, command: 'delete' }) },
  // The fork and the flood of NORMAL have a multicast group each.
  { what: 'the multicast groups', sizes: { multicast_groups: 6 }, fits: 4, error: 'OFPFMFC_TABLE_FULL', add: (index) => flow(index, apply(output(1), output(2), setField('eth_dst', index), output(3))), remove },
  { what: 'the replication nodes', sizes: { multicast_nodes: 9 }, fits: 4, error: 'OFPFMFC_TABLE_FULL', add: (index) => flow(index, apply(output(1), setField('eth_dst', index), output(2))), remove },
  { what: 'the replication nodes of an ALL group', sizes: { multicast_nodes: 9 }, fits: 4, error: 'OFPGMFC_OUT_OF_BUCKETS', add: (index) => all(index), remove: removeGroup },
  { what: 'the replicas of an ALL group', sizes: { 'OpenFlowEgress.replica': 12 }, fits: 5, error: 'OFPGMFC_OUT_OF_BUCKETS', add: (index) => all(index), remove: removeGroup },
  { what: 'the egress programs of an ALL group', sizes: { 'OpenFlowEgress.rewrite.l2': 5 }, fits: 5, error: 'OFPGMFC_OUT_OF_BUCKETS', add: (index) => all(index), remove: removeGroup },
  { what: 'the multicast groups of groups', sizes: { multicast_groups: 6 }, fits: 4, error: 'OFPGMFC_OUT_OF_BUCKETS', add: (index) => all(index), remove: removeGroup },
]

describe('a pipeline that is full', () => {
  for (const { what, sizes, fits, error, add, remove: takeAway } of cases) {
    it(`says so at the exact entry: ${what}`, async () => {
      const fake = new FakeP4Runtime()
      const rig = new LoopRig(fake.connect, { p4info: smallP4Info(2, sizes) })
      running.push(rig)
      rig.send(flowMod({ command: 'delete', tableId: 1 }))
      await rig.barrier()
      const empty = rig.text(fake)
      const outcome = async (message: Message): Promise<string | null> => {
        const xid = rig.send(message)
        await rig.barrier()
        return rig.errorOf(xid)
      }
      for (let index = 1; index <= fits; index++) assert.equal(await outcome(add(index)), null, `number ${index} of ${fits}`)
      const full = rig.text(fake)
      assert.equal(await outcome(add(fits + 1)), error)
      assert.deepEqual(rig.text(fake), full, 'what is refused leaves nothing behind')
      // One goes and another comes, in one breath: nothing has to be waited for, and no more than one fits.
      const xids = [takeAway(1), add(fits + 1), add(fits + 2)].map((message) => rig.send(message))
      await rig.barrier()
      assert.deepEqual(xids.map((xid) => rig.errorOf(xid)), [null, null, error])
      for (let index = 2; index <= fits + 1; index++) assert.equal(await outcome(takeAway(index)), null)
      assert.deepEqual(rig.text(fake), empty)
    })
  }

  it('needs no more room for what is destroyed a moment later', async () => {
    const fake = new FakeP4Runtime()
    const rig = new LoopRig(fake.connect, { p4info: smallP4Info(2, { 't0.execute.rewrite.l2': 2 }), graceMs: 1000_000 })
    running.push(rig)
    const programs = (): number => [...fake.entries.values()].filter(({ tableId }) => tableId === rig.index.tables.get('OpenFlowIngress.t0.execute.rewrite.l2')?.id).length
    const writes = (): number => fake.calls.filter(({ method }) => method === 'write').length
    const own = (index: number) => flow(index, apply(setField('eth_src', index), output(1)))
    rig.send(own(1))
    rig.send(own(2))
    await rig.barrier()
    assert.equal(programs(), 2)
    // The flow is changed at once; its program stays, for the packets that have met the flow before.
    const before = writes()
    rig.send({ ...flow(1), command: 'modify_strict' } as Message)
    while (writes() === before) await nextTurn()
    for (let turns = 20; turns > 0; turns--) await nextTurn()
    assert.deepEqual([programs(), writes() - before, rig.loop.pendingChanges], [2, 1, 1])
    // Somebody needs the room.
    const third = rig.send(own(3))
    await rig.barrier()
    assert.deepEqual([rig.errorOf(third), programs(), rig.loop.pendingChanges], [null, 2, 0])
    const fourth = rig.send(own(4))
    await rig.barrier()
    assert.equal(rig.errorOf(fourth), 'OFPFMFC_TABLE_FULL')
    // A change that is refused takes back what was made for it, and destroys nothing.
    fake.onUpdate = ({ type, entity }) => (type === 2 && entity?.tableEntry?.metadata ? { code: 13, message: 'no' } : undefined)
    const text = rig.text(fake)
    const refused = rig.send({ ...flow(2), command: 'modify_strict' } as Message)
    await rig.barrier()
    fake.onUpdate = null
    assert.deepEqual([rig.errorOf(refused), rig.text(fake)], ['OFPFMFC_UNKNOWN', text])
  })

  it('believes the target where that has less room than it says', async () => {
    const fake = new FakeP4Runtime()
    const rig = new LoopRig(fake.connect, { p4info: smallP4Info(2) })
    running.push(rig)
    rig.send(flowMod({ command: 'delete', tableId: 1 }))
    await rig.barrier()
    const before = rig.text(fake)
    fake.onUpdate = ({ type, entity }) => (type === 1 && entity?.tableEntry?.metadata ? { code: 8, message: 'no room' } : undefined)
    const xids = [flow(1, toTwo(1)), groupMod({ groupId: 1, buckets: [bucket({ actions: [output(1)] })] })].map((message) => rig.send(message))
    await rig.barrier()
    assert.deepEqual(xids.map((xid) => rig.errorOf(xid)), ['OFPFMFC_TABLE_FULL', 'OFPGMFC_OUT_OF_GROUPS'])
    fake.onUpdate = null
    assert.deepEqual(rig.text(fake), before)
  })
})
