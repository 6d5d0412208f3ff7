/** The whole switch on the embedded target: what a controller asks for is what frames meet. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BucketId, FlowModFlag, Port, SAME_ASYNC, type Action, type FieldValue, type Message, type OxmName } from '../../../src/openflow/index.js'
import { eventually, flowMod, hex, output, startSwitch, type SwitchRig } from '../../support/switch-rig.js'

const exact = (field: OxmName, value: bigint): FieldValue => ({ field, value, mask: null })
const setField = (field: OxmName, value: bigint): Action => ({ type: 'set_field', field, value, mask: null })
const deleteAll = flowMod(0xff, 0, [], {}, { command: 'delete' })

// UDP 10.0.0.1:1000 → 10.0.0.2:2000, TTL 64, both checksums right
const udp = hex('0200000000020200000000010800 45000020000000004011 66cb 0a0000010a000002 03e807d0000c 33e2 deadbeef')
const udpTtl1 = hex('0200000000020200000000010800 45000020000000000111 a5cb 0a0000010a000002 03e807d0000c 33e2 deadbeef')

describe('the whole switch', () => {
  let rig: SwitchRig
  before(async () => { rig = await startSwitch() })
  after(async () => { await rig.close() })
  const program = async (...mods: Message[]): Promise<void> => { assert.deepEqual(await rig.client.sendAll(deleteAll, ...mods), []) }

  it('sends copies with changes in between, each as it was at its output', async () => {
    await program(flowMod(0, 1, [exact('eth_type', 0x800n)], {
      apply: [output(2), { type: 'push_vlan', ethertype: 0x8100 }, setField('vlan_vid', 0x1064n), output(3), { type: 'pop_vlan' }, setField('eth_dst', 1n), output(4)],
    }))
    const frames = await rig.exchange(1, udp, 3)
    const plain = Buffer.from(udp).toString('hex')
    assert.deepEqual(frames, [`2 ${plain}`, `3 ${plain.slice(0, 24)}81000064${plain.slice(24)}`, `4 000000000001${plain.slice(12)}`])
  })

  it('adjusts IPv4 and UDP checksums', async () => {
    await program(flowMod(0, 1, [exact('eth_type', 0x800n), exact('ip_proto', 17n)], { apply: [setField('ipv4_dst', 0x0a000003n), setField('udp_dst', 2001n), output(2)] }))
    assert.deepEqual(await rig.exchange(1, udp, 1), ['2 020000000002020000000001080045000020000000004011' + '66ca0a0000010a00000303e807d1000c33e0deadbeef'])
  })

  it('goes on to the next table after an output to the controller', async () => {
    await rig.client.request({ type: 'barrier_request' })
    rig.client.send({ type: 'set_config', flags: 0, missSendLen: 0xffff })
    await program(
      flowMod(0, 1, [], { apply: [output(Port.CONTROLLER)], writeMetadata: { value: 7n, mask: 0xffn }, gotoTable: 3 }, { cookie: 0xabcdn }),
      flowMod(3, 1, [exact('metadata', 7n)], { apply: [output(5)] }))
    const before = rig.client.messages('packet_in').length
    assert.equal((await rig.exchange(2, udp, 1))[0]?.slice(0, 2), '5 ')
    const packetIn = await eventually(() => rig.client.messages('packet_in')[before], () => 'no packet-in')
    assert.deepEqual([packetIn.reason, packetIn.cookie, packetIn.tableId, packetIn.totalLen], ['action', 0xabcdn, 0, udp.length])
    assert.deepEqual(packetIn.match.filter(({ field }) => field === 'in_port'), [exact('in_port', 2n)])
    assert.deepEqual(Buffer.from(packetIn.data).toString('hex'), Buffer.from(udp).toString('hex'))
  })

  it('executes the action set in its order, after what later tables write and clear', async () => {
    await program(
      flowMod(0, 1, [], { write: [output(2), setField('eth_src', 1n), { type: 'push_vlan', ethertype: 0x8100 }], gotoTable: 1 }),
      flowMod(1, 1, [exact('in_port', 1n)], { write: [setField('eth_src', 2n)], gotoTable: 2 }),
      flowMod(1, 1, [exact('in_port', 3n)], { clear: true, write: [output(4)] }),
      flowMod(2, 1, [], { apply: [output(5)] }))
    const plain = Buffer.from(udp).toString('hex')
    assert.deepEqual(await rig.exchange(1, udp, 2), [`2 ${plain.slice(0, 12)}00000000000281000000${plain.slice(24)}`, `5 ${plain}`])
    assert.deepEqual(await rig.exchange(3, udp, 1), [`4 ${plain}`])
  })

  it('tells the controller of a TTL that has run out, with the packet as it was by then', async () => {
    await program(flowMod(0, 1, [exact('eth_type', 0x800n)], { apply: [setField('eth_src', 9n), { type: 'dec_nw_ttl' }, setField('eth_dst', 9n), output(2)] }))
    rig.client.send({ type: 'set_async', ...SAME_ASYNC, packetIn: [7, 0], portStatus: [7, 7], flowRemoved: [15, 0] })
    const before = rig.client.messages('packet_in').length
    await rig.exchange(1, udpTtl1, 0)
    const packetIn = await eventually(() => rig.client.messages('packet_in')[before], () => 'no packet-in')
    assert.equal(packetIn.reason, 'invalid_ttl')
    assert.equal(Buffer.from(packetIn.data).toString('hex'), Buffer.from(udpTtl1).toString('hex').replace('020000000001', '000000000009'))
    assert.deepEqual(await rig.exchange(1, udp, 1), ['2 00000000000900000000000908004500002000000000' + '3f1167cb' + '0a0000010a00000203e807d0000c33e2deadbeef'])
  })

  it('never sends back through the ingress port, unless it is asked to', async () => {
    await program(flowMod(0, 2, [exact('in_port', 1n)], { apply: [output(1), output(Port.ALL)] }), flowMod(0, 1, [], { apply: [output(Port.IN_PORT)] }))
    const plain = Buffer.from(udp).toString('hex')
    assert.deepEqual(await rig.exchange(1, udp, 4), [`2 ${plain}`, `3 ${plain}`, `4 ${plain}`, `5 ${plain}`])
    assert.deepEqual(await rig.exchange(3, udp, 1), [`3 ${plain}`])
  })

  it('refuses an output to a port there cannot be', async () => {
    for (const port of [Port.LOCAL, Port.TABLE, 0]) {
      assert.deepEqual(await rig.client.sendAll(flowMod(0, 1, [], { apply: [output(port)] })), ['2/4'], `port ${port}`)
    }
  })

  it('counts flows, groups and buckets, and a group can change under its flows', async () => {
    const bucket = (...actions: Action[]) => ({ bucketId: 0, weight: 0, watchPort: Port.ANY, watchGroup: 0xffffffff, actions })
    await program(
      { type: 'group_mod', command: 'add', groupType: 'all', groupId: 1, buckets: [bucket(output(2)), bucket(setField('eth_dst', 5n), output(3))], commandBucketId: BucketId.ALL },
      flowMod(0, 1, [], { apply: [{ type: 'group', groupId: 1 }] }))
    await rig.exchange(1, udp, 2)
    await rig.exchange(1, udp, 2)
    const { groups } = await rig.client.stats({ kind: 'group', groupId: 1 })
    assert.deepEqual([groups[0]?.packetCount, groups[0]?.buckets.map(({ packetCount }) => packetCount), groups[0]?.refCount], [2n, [2n, 2n], 1])
    assert.deepEqual(await rig.client.sendAll({ type: 'group_mod', command: 'modify', groupType: 'indirect', groupId: 1, buckets: [bucket(output(4))], commandBucketId: BucketId.ALL }), [])
    assert.deepEqual((await rig.exchange(1, udp, 1)).map((frame) => frame[0]), ['4'])
    const { flows } = await rig.client.stats({ kind: 'flow', tableId: 0, outPort: Port.ANY, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] })
    assert.deepEqual(flows.map(({ packetCount, byteCount }) => [packetCount, byteCount]), [[3n, 3n * BigInt(udp.length)]])
    assert.deepEqual(await rig.client.sendAll({ type: 'group_mod', command: 'delete', groupType: 'all', groupId: 0xfffffffc, buckets: [], commandBucketId: BucketId.ALL }), [])
  })

  it('drops a packet that would need more tags than there is room for, rather than lose one', async () => {
    const push: Action = { type: 'push_vlan', ethertype: 0x8100 }
    await program(
      flowMod(0, 1, [exact('in_port', 1n)], { apply: [...Array.from({ length: 6 }, () => push), output(2)] }),
      flowMod(0, 1, [exact('in_port', 3n)], { apply: [...Array.from({ length: 7 }, () => push), output(2)] }))
    assert.equal((await rig.exchange(1, udp, 1))[0]?.length, 2 + 2 * (udp.length + 24))
    assert.deepEqual(await rig.exchange(3, udp, 0), [])
  })

  it('knows a group with the number 0', async () => {
    const bucket = (...actions: Action[]) => ({ bucketId: 0, weight: 0, watchPort: Port.ANY, watchGroup: 0xffffffff, actions })
    const emit: Action = { type: 'group', groupId: 0 }
    await program(
      { type: 'group_mod', command: 'add', groupType: 'all', groupId: 0, buckets: [bucket(output(2))], commandBucketId: BucketId.ALL },
      flowMod(0, 1, [exact('in_port', 1n)], { apply: [emit] }), flowMod(0, 1, [exact('in_port', 3n)], { write: [emit] }))
    const plain = Buffer.from(udp).toString('hex')
    assert.deepEqual(await rig.exchange(1, udp, 1), [`2 ${plain}`])
    assert.deepEqual(await rig.exchange(3, udp, 1), [`2 ${plain}`])
    assert.deepEqual(await rig.client.sendAll({ type: 'group_mod', command: 'delete', groupType: 'all', groupId: 0, buckets: [], commandBucketId: BucketId.ALL }), [])
  })

  it('shares packets among the buckets of a SELECT group by weight, and fails over to the first live port', async () => {
    const bucket = (weight: number, watchPort: number, ...actions: Action[]) => ({ bucketId: 0, weight, watchPort, watchGroup: 0xffffffff, actions })
    await program(
      { type: 'group_mod', command: 'add', groupType: 'select', groupId: 1, buckets: [bucket(1, Port.ANY, output(2)), bucket(3, Port.ANY, output(3))], commandBucketId: BucketId.ALL },
      { type: 'group_mod', command: 'add', groupType: 'ff', groupId: 2, buckets: [bucket(0, 4, output(4)), bucket(0, 5, output(5))], commandBucketId: BucketId.ALL },
      flowMod(0, 2, [exact('in_port', 1n)], { apply: [{ type: 'group', groupId: 1 }] }), flowMod(0, 1, [exact('in_port', 2n)], { apply: [{ type: 'group', groupId: 2 }] }))
    const shares = new Map<string, number>()
    for (let n = 0; n < 200; n += 1) {
      const frame = Uint8Array.from(udp)
      frame[29] = n
      frame[35] = n * 7
      const first = await rig.exchange(1, frame, 1)
      shares.set(first[0]?.[0] ?? '', (shares.get(first[0]?.[0] ?? '') ?? 0) + 1)
      if (n < 3) assert.deepEqual(await rig.exchange(1, frame, 1), first, 'a flow stays with its bucket')
    }
    const share = (shares.get('2') ?? 0) / 200
    assert.ok(share > 0.13 && share < 0.37, `a quarter was wanted, ${share} it was`)
    assert.deepEqual((await rig.exchange(2, udp, 1)).map((frame) => frame[0]), ['4'])
    rig.ports.setLink(4, false)
    await eventually(() => rig.client.messages('port_status').find(({ port }) => port.portNo === 4 && (port.state & 1) === 1), () => 'no port-status')
    assert.deepEqual((await rig.exchange(2, udp, 1)).map((frame) => frame[0]), ['5'])
    rig.ports.setLink(4, true)
    await eventually(() => rig.client.messages('port_status').find(({ port }) => port.portNo === 4 && (port.state & 1) === 0), () => 'no port-status')
    assert.deepEqual(await rig.client.sendAll({ type: 'group_mod', command: 'delete', groupType: 'all', groupId: 0xfffffffc, buckets: [], commandBucketId: BucketId.ALL }), [])
  })

  it('sets types and protocols, and sees the packet anew after it', async () => {
    await program(
      flowMod(0, 2, [exact('eth_type', 0x800n), exact('ip_proto', 17n)], { apply: [setField('ip_proto', 6n)], gotoTable: 1 }),
      flowMod(1, 1, [exact('eth_type', 0x800n), exact('ip_proto', 6n)], { apply: [setField('eth_type', 0x88b5n), output(2)], gotoTable: 2 }),
      flowMod(2, 1, [exact('eth_type', 0x88b5n)], { apply: [output(3)] }),
      flowMod(0, 1, [exact('eth_type', 0x88b5n)], { write: [setField('eth_type', 0x800n), output(4)] }))
    const plain = Buffer.from(udp).toString('hex')
    const changed = plain.replace('08004500', '88b54500').replace('401166cb', '400666d6').replace('33e2', '33ed')
    assert.deepEqual(await rig.exchange(1, udp, 2), [`2 ${changed}`, `3 ${changed}`])
    assert.deepEqual(await rig.exchange(1, hex(changed), 1), [`4 ${changed.replace('88b5', '0800')}`])
  })

  it('expires flows by idle and hard timeout and says so with the right counters', async () => {
    await program(
      flowMod(0, 2, [exact('in_port', 1n)], { apply: [output(2)] }, { idleTimeout: 1, flags: FlowModFlag.SEND_FLOW_REM, cookie: 1n }),
      flowMod(0, 2, [exact('in_port', 2n)], { apply: [output(1)] }, { hardTimeout: 1, flags: FlowModFlag.SEND_FLOW_REM, cookie: 2n }))
    await rig.exchange(1, udp, 1)
    const removed = await eventually(() => {
      const both = rig.client.messages('flow_removed')
      return both.length >= 2 ? both : undefined
    }, () => 'the flows do not expire')
    assert.deepEqual(removed.map(({ cookie, reason, packetCount, byteCount }) => [cookie, reason, packetCount, byteCount]).sort((a, b) => Number((a[0] as bigint) - (b[0] as bigint))),
      [[1n, 'idle_timeout', 1n, BigInt(udp.length)], [2n, 'hard_timeout', 0n, 0n]])
  })

  it('carries out packet-outs: lists, the tables, groups', async () => {
    await program(flowMod(0, 1, [exact('in_port', 3n)], { apply: [output(4)] }))
    const packetOut = async (inPort: number, actions: Action[], count: number): Promise<string[]> => {
      rig.ports.take()
      rig.client.send({ type: 'packet_out', bufferId: 0xffffffff, inPort, match: [], actions, data: udp })
      const sent: string[] = []
      await eventually(() => {
        for (const { port, frame } of rig.ports.take()) sent.push(`${port} ${frame.length}`)
        return sent.length >= count ? true : undefined
      }, () => `only ${sent.length} frames`)
      return sent.sort()
    }
    const { length } = udp
    assert.deepEqual(await packetOut(Port.CONTROLLER, [output(1), { type: 'push_vlan', ethertype: 0x8100 }, output(2)], 2), [`1 ${length}`, `2 ${length + 4}`])
    assert.deepEqual(await packetOut(3, [output(Port.TABLE)], 1), [`4 ${length}`])
    assert.deepEqual(await packetOut(1, [output(Port.FLOOD)], 4), ['2', '3', '4', '5'].map((port) => `${port} ${length}`))
  })

  it('takes up again with all flows when its target starts anew', async () => {
    await program(flowMod(0, 1, [exact('in_port', 1n)], { apply: [output(2)] }))
    rig.agent.restartTarget('a test asks for it')
    assert.equal((await rig.client.request({ type: 'barrier_request' })).type, 'barrier_reply')
    assert.deepEqual((await rig.exchange(1, udp, 1)).map((frame) => frame[0]), ['2'])
  })
})

describe('OpenFlow 1.0', () => {
  let rig: SwitchRig
  before(async () => { rig = await startSwitch({ version: 1 }) })
  after(async () => { await rig.close() })

  it('sends what no flow matches to the controller, and carries out its actions', async () => {
    rig.client.send({ type: 'set_config', flags: 0, missSendLen: 128 })
    await rig.client.request({ type: 'barrier_request' })
    await rig.exchange(1, udp, 0)
    const packetIn = await eventually(() => rig.client.messages('packet_in')[0], () => 'no packet-in')
    assert.equal(packetIn.reason, 'no_match')
    assert.deepEqual(await rig.client.sendAll(flowMod(0, 1, [], { apply: [{ type: 'set_vlan_vid', vid: 5 }, setField('ipv4_src', 1n), output(2)] })), [])
    assert.equal((await rig.exchange(1, udp, 1))[0]?.slice(0, 34), '2 02000000000202000000000181000005')
  })
})

describe('a small pipeline, unchanged agent', () => {
  let rig: SwitchRig
  before(async () => { rig = await startSwitch({ pipeline: 'examples/l2' }) })
  after(async () => { await rig.close() })

  it('forwards with what it has', async () => {
    assert.deepEqual(await rig.client.sendAll(
      flowMod(0, 5, [exact('in_port', 1n)], { apply: [{ type: 'push_vlan', ethertype: 0x8100 }, setField('vlan_vid', 0x1007n)], gotoTable: 2 }),
      flowMod(2, 5, [exact('vlan_vid', 0x1007n)], { apply: [{ type: 'pop_vlan' }, setField('eth_src', 3n), output(4)] }),
      flowMod(2, 6, [exact('vlan_vid', 0x1007n), exact('eth_dst', 0xffffffffffffn)], { apply: [output(Port.FLOOD)] })), [])
    const plain = Buffer.from(udp).toString('hex')
    assert.deepEqual(await rig.exchange(1, udp, 1), [`4 ${plain.slice(0, 12)}000000000003${plain.slice(24)}`])
    assert.equal((await rig.exchange(1, hex(`ffffffffffff${plain.slice(12)}`), 4)).length, 4)
  })

  it('says how little it has', async () => {
    const { tables } = await rig.client.stats({ kind: 'table_features', tables: [] })
    assert.deepEqual(tables.map(({ tableId, maxEntries, nextTables }) => [tableId, maxEntries, nextTables]), [[0, 32, [1, 2]], [1, 32, [2]], [2, 32, []]])
    assert.deepEqual(tables[0]?.match.map(({ field }) => field).sort(), ['eth_dst', 'eth_src', 'eth_type', 'in_port', 'vlan_pcp', 'vlan_vid'])
    assert.deepEqual([...tables[0]?.instructions ?? []].sort(), ['apply_actions', 'goto_table'])
    assert.deepEqual([...tables[0]?.applyActions ?? []].sort(), ['output', 'pop_vlan', 'push_vlan', 'set_field', 'set_queue'])
    const features = await rig.client.stats({ kind: 'group_features' })
    assert.deepEqual(features.types, [])
  })

  it('refuses what it lacks with the error for it', async () => {
    const cases: readonly (readonly [string, Message, string])[] = [
      ['a field it cannot match', flowMod(0, 1, [exact('eth_type', 0x800n), exact('ipv4_dst', 1n)], { apply: [output(1)] }), '4/6'],
      ['a field it cannot set', flowMod(0, 1, [exact('eth_type', 0x800n)], { apply: [setField('ipv4_dst', 1n), output(1)] }), '2/13'],
      ['write-actions', flowMod(0, 1, [], { write: [output(1)] }), '3/1'],
      ['metadata', flowMod(0, 1, [], { writeMetadata: { value: 1n, mask: 1n }, gotoTable: 1 }), '3/1'],
      ['a table it does not have', flowMod(3, 1, [], { apply: [output(1)] }), '5/2'],
      ['a meter', { type: 'meter_mod', command: 'add', flags: 1, meterId: 1, bands: [] }, '12/10'],
      ['a flow with a meter', flowMod(0, 1, [], { meter: 1, apply: [output(1)] }), '3/1'],
      ['a goto backwards', flowMod(1, 1, [], { gotoTable: 0 }), '3/2'],
      ['a group', { type: 'group_mod', command: 'add', groupType: 'all', groupId: 1, buckets: [], commandBucketId: BucketId.ALL }, '6/10'],
      ['going on after an output', flowMod(0, 1, [], { apply: [output(1)], gotoTable: 1 }), '2/11'],
    ]
    for (const [what, message, error] of cases) assert.deepEqual(await rig.client.sendAll(message), [error], what)
  })

  it('is full at exactly its size', async () => {
    assert.deepEqual(await rig.client.sendAll(deleteAll), [])
    const flows = Array.from({ length: 33 }, (_, n) => flowMod(1, 1, [exact('eth_dst', BigInt(n + 1))], { apply: [output(1)] }))
    assert.deepEqual(await rig.client.sendAll(...flows), ['5/1'])
    const { tables } = await rig.client.stats({ kind: 'table' })
    assert.equal(tables[1]?.activeCount, 32)
  })
})
