/**
 * Groups under traffic, measured: weights and stickiness of SELECT, dead buckets, the time from a link going down to the
 * first packet on the next port, and changes that lose nothing. OF 1.3.5 §5.6, §6.5
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BucketId, Group, Port, type Action, type Bucket, type GroupType, type Message } from '../../../src/openflow/index.js'
import type { P4RuntimeService } from '../../../src/p4proto/service.js'
import { embeddedTarget, emptySwitch, startRig, type ModelRig } from '../../model/rig.js'
import { flowMod, output } from '../../support/switch-rig.js'

const bucket = (weight: number, watchPort: number, ...actions: readonly Action[]): Bucket => ({ bucketId: 0, weight, watchPort, watchGroup: Group.ANY, actions })
const groupMod = (command: 'add' | 'modify', groupId: number, groupType: GroupType, ...buckets: readonly Bucket[]): Message =>
  ({ type: 'group_mod', command, groupType, groupId, buckets, commandBucketId: BucketId.ALL })
const toGroup = (groupId: number): Message => flowMod(0, 1, [], { apply: [{ type: 'group', groupId }] })

/** UDP from 10.x.y.z: each number another flow. */
function flowFrame(n: number): Uint8Array {
  const frame = Buffer.from('0200000000020200000000010800450000200000000040110000' + '0a0000000a000002' + '03e807d0000c0000deadbeef', 'hex')
  frame.writeUIntBE(n, 27, 3)
  frame.writeUInt16BE(1024 + (n * 7919) % 60_000, 34)
  return frame
}

describe('groups under traffic', () => {
  let rig: ModelRig
  /** Updates of each Write since it was last emptied. */
  const writes: number[] = []
  before(async () => {
    const target = embeddedTarget()
    const counting = (service: P4RuntimeService): P4RuntimeService => ({
      ...service,
      write: (request) => {
        writes.push(request.updates?.length ?? 0)
        return service.write(request)
      },
    })
    rig = await startRig({ ...target, connect: () => counting(target.connect()) })
  })
  after(async () => { await rig.close() })
  const program = async (...messages: Message[]): Promise<void> => { assert.deepEqual([...await rig.send([...emptySwitch, ...messages].map((message) => ({ message })))], []) }
  /** The port that a frame left through. */
  const portOf = async (frame: Uint8Array, inPort = 1): Promise<number | undefined> => {
    const [out] = await rig.play([{ inPort, frame }], [])
    return typeof out === 'object' ? out[0]?.port : undefined
  }
  const linkIs = async (portNo: number, up: boolean): Promise<void> => {
    rig.client.heard.length = 0
    await rig.setLink(portNo, up)
    await rig.client.waitFor(({ message }) => message.type === 'port_status' && message.port.portNo === portNo && ((message.port.state & 1) === 0) === up)
  }
  const bucketCounts = async (groupId: number): Promise<{ total: number; buckets: number[] }> => {
    const { groups } = await rig.client.stats({ kind: 'group', groupId })
    return { total: Number(groups[0]?.packetCount), buckets: (groups[0]?.buckets ?? []).map(({ packetCount }) => Number(packetCount)) }
  }

  it('SELECT shares flows by weight, within statistical error, and each flow stays with its bucket', async () => {
    const weights = [1, 2, 5, 0]
    await program(groupMod('add', 1, 'select', ...weights.map((weight, i) => bucket(weight, Port.ANY, output(2 + i)))), toGroup(1))
    const flows = 8000
    const counts = new Map<number, number>()
    for (let n = 0; n < flows; n++) {
      const port = await portOf(flowFrame(n)) ?? 0
      counts.set(port, (counts.get(port) ?? 0) + 1)
      if (n % 100 === 0) for (let again = 0; again < 3; again++) assert.equal(await portOf(flowFrame(n)), port, `flow ${n} stays`)
    }
    for (const [i, weight] of weights.entries()) {
      const share = weight / 8
      const got = counts.get(2 + i) ?? 0
      // Four standard deviations of a binomial distribution.
      const allowed = 4 * Math.sqrt(flows * share * (1 - share))
      assert.ok(Math.abs(got - flows * share) <= allowed, `weight ${weight}: ${got} of ${flows} flows, wanted ${flows * share} ± ${allowed.toFixed(0)}`)
    }
    const { total, buckets } = await bucketCounts(1)
    assert.equal(total, flows + 3 * (flows / 100))
    assert.equal(buckets.reduce((sum, each) => sum + each), total)
  })

  it('SELECT leaves out a bucket whose port is dead, and takes it back', async () => {
    await program(groupMod('add', 1, 'select', bucket(1, 2, output(2)), bucket(1, 3, output(3)), bucket(1, 4, output(4))), toGroup(1))
    const ports = async (): Promise<Set<number | undefined>> => new Set(await Promise.all(Array.from({ length: 300 }, (_, n) => portOf(flowFrame(n)))))
    assert.deepEqual([...await ports()].sort(), [2, 3, 4])
    await linkIs(3, false)
    await rig.client.request({ type: 'barrier_request' })
    assert.deepEqual([...await ports()].sort(), [2, 4])
    await linkIs(3, true)
    await rig.client.request({ type: 'barrier_request' })
    assert.deepEqual([...await ports()].sort(), [2, 3, 4])
  })

  it('FAST_FAILOVER needs one update, however many groups, and soon sends through the next port', async (t) => {
    const groups = 200
    await program(...Array.from({ length: groups }, (_, i) => groupMod('add', 1 + i, 'ff', bucket(0, 2, output(2)), bucket(0, 3, output(3)))),
      ...Array.from({ length: groups }, (_, i) => flowMod(0, 1, [{ field: 'eth_src', value: BigInt(i), mask: null }], { apply: [{ type: 'group', groupId: 1 + i }] })))
    const frame = Buffer.from('0200000000020000000000c788b50000', 'hex')
    assert.equal(await portOf(frame), 2)
    writes.length = 0
    const from = performance.now()
    const seen = rig.setLink(2, false)
    while (await portOf(frame) !== 3) {
      assert.ok(performance.now() - from < 5000, 'nothing fails over')
      await new Promise((resolve) => { setImmediate(resolve) })
    }
    const millis = performance.now() - from
    await seen
    t.diagnostic(`link down to first packet on the new port: ${millis.toFixed(1)} ms, with the port looked at every 20 ms and ${groups} groups`)
    assert.ok(millis < 1000, `${millis} ms`)
    await rig.client.request({ type: 'barrier_request' })
    assert.deepEqual(writes, [1], 'one Write of one update')
    await linkIs(2, true)
    await rig.client.request({ type: 'barrier_request' })
    assert.equal(await portOf(frame), 2)
  })

  it('a group that is modified again and again loses no packet and sends none twice', async () => {
    const shapes: readonly [GroupType, ...Bucket[]][] = [
      ['indirect', bucket(0, Port.ANY, output(2))],
      ['select', bucket(1, Port.ANY, output(3)), bucket(2, Port.ANY, output(4))],
      ['ff', bucket(0, 2, { type: 'set_field', field: 'eth_dst', value: 5n, mask: null }, output(2)), bucket(0, 3, output(3))],
      ['all', bucket(0, Port.ANY, { type: 'push_vlan', ethertype: 0x8100 }, output(5))],
    ]
    const [type, ...buckets] = shapes[0] as [GroupType, ...Bucket[]]
    await program(groupMod('add', 1, type, ...buckets), toGroup(1))
    let isDone = false
    const changes = (async () => {
      for (let round = 0; round < 100; round++) {
        const [next, ...after] = shapes[round % shapes.length] as [GroupType, ...Bucket[]]
        assert.equal((await rig.send([{ message: groupMod('modify', 1, next, ...after) }])).size, 0)
      }
      isDone = true
    })()
    let sent = 0
    while (!isDone) {
      const [out] = await rig.play([{ inPort: 1, frame: flowFrame(sent) }], [])
      assert.equal(out?.length, 1, `packet ${sent} leaves once`)
      sent++
      await new Promise((resolve) => { setImmediate(resolve) })
    }
    await changes
    assert.ok(sent > 200, `${sent} packets`)
  })

  it('counts packets and buckets across a modification of the flow, never backward', async () => {
    await program(groupMod('add', 1, 'all', bucket(0, Port.ANY, output(2)), bucket(0, Port.ANY, output(3), { type: 'dec_nw_ttl' })), toGroup(1))
    for (let n = 0; n < 5; n++) await portOf(flowFrame(n))
    assert.deepEqual([...await rig.send([{ message: flowMod(0, 1, [], { apply: [output(4), { type: 'group', groupId: 1 }] }, { command: 'modify_strict' }) }])], [])
    for (let n = 0; n < 5; n++) await portOf(flowFrame(n))
    assert.deepEqual(await bucketCounts(1), { total: 10, buckets: [10, 10] })
    const { flows } = await rig.client.stats({ kind: 'flow', tableId: 0, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] })
    assert.equal(flows[0]?.packetCount, 10n)
  })
})
