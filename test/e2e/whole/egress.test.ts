/**
 * Egress processing, on both targets: every packet goes through the egress tables before it leaves, once for each port, while a
 * controller has said where that begins. OF 1.5.1 §5.1, §5.12, §7.3.5.18
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { BucketId, Group, Port, SAME_ASYNC, Table, TableFeature, type Action, type Bucket, type FieldValue, type Message, type OxmName, type TableFeatures } from '../../../src/openflow/index.js'
import { eventually, firstClient, flowMod, hex, OpenFlowClient, output, startSwitch, type SwitchRig } from '../../support/switch-rig.js'
import { startOnBmv2, wholeTargets, type WholeSwitch } from '../../support/whole-targets.js'
import { Bmv2, whyNoBmv2 } from '../../unit/target/bmv2.js'

const OF15 = 6
const FIRST = 16
const SECOND = 17
const exact = (field: OxmName, value: bigint): FieldValue => ({ field, value, mask: null })
const to = (port: number): FieldValue => exact('actset_output', BigInt(port))
const setField = (field: OxmName, value: bigint): Action => ({ type: 'set_field', field, value, mask: null })
const bucket = (...actions: readonly Action[]): Bucket => ({ bucketId: 0, weight: 0, watchPort: Port.ANY, watchGroup: Group.ANY, actions })
const group = (groupId: number, groupType: 'all' | 'select', ...buckets: readonly Bucket[]): Message =>
  ({ type: 'group_mod', command: 'add', groupType, groupId, buckets: buckets.map((each, bucketId) => ({ ...each, bucketId })), commandBucketId: BucketId.ALL })
const deleteAll = flowMod(Table.ALL, 0, [], {}, { command: 'delete' })
const deleteGroups: Message = { type: 'group_mod', command: 'delete', groupType: 'all', groupId: Group.ALL, buckets: [], commandBucketId: BucketId.ALL }

// UDP 10.0.0.1:1000 → 10.0.0.2:2000, TTL 64, both checksums right
const udp = hex('0200000000020200000000010800 45000020000000004011 66cb 0a0000010a000002 03e807d0000c 33e2 deadbeef')
const plain = Buffer.from(udp).toString('hex')
const toHost = (address: string): string => address + plain.slice(12)
const NINE = '000000000009'
/** A frame of no use to anybody, by which the end of what another one causes is seen. */
const last = hex(`ffffffffffff0200000000ee88b6${'00'.repeat(46)}`)

for (const target of wholeTargets) {
  describe(`egress processing on ${target.name}`, { skip: target.skip }, () => {
    let sw: WholeSwitch
    let client: OpenFlowClient
    before(async () => {
      sw = await target.start()
      client = await OpenFlowClient.connect(sw.listenPort, OF15)
    })
    after(async () => {
      client?.close()
      await sw.close()
    })
    afterEach(async () => { await begin(null) })

    const features = async (asked: readonly TableFeatures[] = []): Promise<Message> => await client.request({ type: 'stats_request', more: false, body: { kind: 'table_features', tables: asked } })
    const tables = async (): Promise<readonly TableFeatures[]> => {
      const reply = await features()
      assert.ok(reply.type === 'stats_reply' && reply.body.kind === 'table_features')
      return reply.body.tables
    }
    /** As it is described, and nothing else about it. */
    const modify = async (tableId: number, flags: number): Promise<TableFeatures> => {
      const found = (await tables()).find((table) => table.tableId === tableId)
      assert.ok(found !== undefined, `no table ${tableId}`)
      return { ...found, command: 'modify', config: 0, features: flags }
    }
    async function begin(first: number | null): Promise<void> {
      const asked = first === null ? await modify(FIRST, TableFeature.EGRESS_TABLE) : await modify(first, TableFeature.EGRESS_TABLE | TableFeature.FIRST_EGRESS)
      const others = first === null ? [await modify(SECOND, TableFeature.EGRESS_TABLE)] : []
      const reply = await features([asked, ...others])
      assert.equal(reply.type, 'stats_reply')
      assert.deepEqual((await tables()).filter(({ features: flags }) => (flags & TableFeature.FIRST_EGRESS) !== 0).map(({ tableId }) => tableId), first === null ? [] : [first])
    }
    const program = async (...mods: Message[]): Promise<void> => { assert.deepEqual(await client.sendAll(deleteAll, deleteGroups, ...mods), []) }
    /** What comes out, sorted. A frame that is sent behind it leaves through port 5. */
    async function exchange(port: number, frame = udp, count = 1): Promise<string[]> {
      sw.take()
      const sent: string[] = []
      assert.ok(sw.inject(port, frame))
      await eventually(() => {
        for (const out of sw.take()) sent.push(`${out.port} ${Buffer.from(out.frame).toString('hex')}`)
        return sent.length >= count ? true : undefined
      }, () => `only ${sent.length} of ${count} frames came out: ${sent.join(' | ')}`)
      await client.request({ type: 'barrier_request' })
      assert.ok(sw.inject(port, last))
      const ends = `5 ${Buffer.from(last).toString('hex')}`
      await eventually(() => {
        for (const out of sw.take()) sent.push(`${out.port} ${Buffer.from(out.frame).toString('hex')}`)
        return sent.includes(ends) ? true : undefined
      }, () => 'the last frame did not come out')
      return sent.filter((one) => one !== ends).sort()
    }
    /** For the last frame. */
    const lastOut = [flowMod(0, 0xffff, [exact('eth_type', 0x88b6n)], { write: [output(5)] }), flowMod(FIRST, 0xffff, [exact('eth_type', 0x88b6n)], {})]

    it('is off until it is asked for, and does what the tables say for each port when it is on', async () => {
      await program(...lastOut, flowMod(0, 1, [], { apply: [output(2), output(3), output(4)] }),
        flowMod(FIRST, 2, [to(2)], { apply: [setField('eth_dst', 9n)] }), flowMod(FIRST, 2, [to(3)], {}))
      assert.deepEqual(await exchange(1, udp, 3), [`2 ${plain}`, `3 ${plain}`, `4 ${plain}`])
      await begin(FIRST)
      // Port 4 has no flow: what no flow matches is dropped.
      assert.deepEqual(await exchange(1, udp, 2), [`2 ${toHost(NINE)}`, `3 ${plain}`])
      await begin(null)
      assert.deepEqual(await exchange(1, udp, 3), [`2 ${plain}`, `3 ${plain}`, `4 ${plain}`])
    })

    it('drops what is cleared, goes on to the next egress table, and keeps metadata and in_port', async () => {
      await program(...lastOut, flowMod(0, 1, [], { apply: [output(4)], writeMetadata: { value: 7n, mask: 0xffn }, gotoTable: 3 }), flowMod(3, 1, [], { write: [output(Port.FLOOD), setField('eth_src', 5n)] }),
        flowMod(FIRST, 3, [to(3)], { clear: true, gotoTable: SECOND }),
        flowMod(FIRST, 2, [exact('in_port', 1n), exact('metadata', 0n)], { apply: [setField('eth_dst', 3n)] }),
        flowMod(FIRST, 2, [exact('in_port', 1n), exact('metadata', 7n)], { write: [setField('eth_dst', 9n)], writeMetadata: { value: 8n, mask: 0xffn }, gotoTable: SECOND }),
        flowMod(SECOND, 2, [exact('metadata', 8n), to(2)], { apply: [{ type: 'push_vlan', ethertype: 0x8100 }] }),
        flowMod(SECOND, 2, [exact('metadata', 8n), to(4)], {}),
        flowMod(SECOND, 2, [exact('metadata', 8n), to(5)], { clear: true }),
        flowMod(SECOND, 1, [to(Port.UNSET)], { write: [setField('eth_dst', 1n)] }, { cookie: 5n }))
      await begin(FIRST)
      const changed = `${NINE}000000000005${plain.slice(24)}`
      assert.deepEqual(await exchange(1, udp, 3), [`2 ${changed.slice(0, 24)}81000000${changed.slice(24)}`, `4 ${toHost('000000000003')}`, `4 ${changed}`])
      const { flows } = await client.stats({ kind: 'flow', tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, cookie: 5n, cookieMask: 0xffn, match: [] })
      assert.deepEqual(flows.map(({ tableId, packetCount }) => [tableId, packetCount]), [[SECOND, 1n]])
    })

    it('passes each copy of a group, and counts in its tables', async () => {
      await program(...lastOut, group(1, 'all', bucket(output(2)), bucket(setField('eth_dst', 1n), output(3)), bucket(output(3))), group(2, 'select', { ...bucket(output(4)), weight: 1 }),
        flowMod(0, 1, [exact('in_port', 1n)], { apply: [{ type: 'group', groupId: 1 }] }), flowMod(0, 1, [exact('in_port', 2n)], { write: [{ type: 'group', groupId: 2 }] }),
        flowMod(FIRST, 1, [to(3)], { apply: [setField('eth_src', 9n)] }, { cookie: 3n }), flowMod(FIRST, 0, [], {}))
      await begin(FIRST)
      const before = (await client.stats({ kind: 'table' })).tables[FIRST]
      assert.deepEqual(await exchange(1, udp, 3), [`2 ${plain}`, `3 000000000001${NINE}${plain.slice(24)}`, `3 ${plain.slice(0, 12)}${NINE}${plain.slice(24)}`])
      assert.deepEqual(await exchange(2), [`4 ${plain}`])
      const { flows } = await client.stats({ kind: 'flow', tableId: FIRST, outPort: Port.ANY, outGroup: Group.ANY, cookie: 3n, cookieMask: 0xffn, match: [] })
      assert.deepEqual(flows.map(({ packetCount, byteCount, match }) => [packetCount, byteCount, match]), [[2n, 2n * BigInt(udp.length), [to(3)]]])
      const after = (await client.stats({ kind: 'table' })).tables[FIRST]
      // Four, and the last frame of each exchange.
      assert.deepEqual([after?.tableId, (after?.lookupCount ?? 0n) - (before?.lookupCount ?? 0n), (after?.matchedCount ?? 0n) - (before?.matchedCount ?? 0n)], [FIRST, 6n, 6n])
    })

    it('sends to the controller from an egress table, with the port, and not what ingress tables send there', async () => {
      client.send({ type: 'set_async', ...SAME_ASYNC, packetIn: [0x3f, 0], portStatus: [7, 7], flowRemoved: [15, 0] })
      await program(...lastOut, flowMod(0, 1, [], { apply: [output(Port.CONTROLLER), output(2), output(3)] }, { cookie: 1n }),
        flowMod(FIRST, 1, [to(3)], { apply: [setField('eth_dst', 9n), output(Port.CONTROLLER)] }, { cookie: 2n }), flowMod(FIRST, 0, [], { clear: true, apply: [output(Port.CONTROLLER)] }, { cookie: 4n }))
      await begin(FIRST)
      const old = await OpenFlowClient.connect(sw.listenPort, 4)
      try {
        old.send({ type: 'set_config', flags: 0, missSendLen: 0xffff })
        await old.request({ type: 'barrier_request' })
        client.heard.length = 0
        assert.deepEqual(await exchange(1), [`3 ${toHost(NINE)}`])
        const packetIns = await eventually(() => (client.messages('packet_in').length >= 3 ? client.messages('packet_in') : undefined), () => 'too few packet-ins')
        assert.deepEqual(packetIns.map(({ tableId, reason, cookie, match, data }) => [tableId, reason, cookie, match, Buffer.from(data).toString('hex')]).sort((a, b) => Number(a[2]) - Number(b[2])), [
          [0, 'action', 1n, [exact('in_port', 1n)], plain],
          [FIRST, 'action', 2n, [exact('in_port', 1n), to(3)], toHost(NINE)],
          [FIRST, 'no_match', 4n, [exact('in_port', 1n), to(2)], plain],
        ])
        // Versions before 1.5 do not know of the port.
        const told = await eventually(() => old.messages('packet_in').find(({ cookie }) => cookie === 2n), () => 'no packet-in of 1.3')
        assert.deepEqual([told.tableId, told.match], [FIRST, [exact('in_port', 1n)]])
      } finally {
        old.close()
      }
    })

    it('begins anew for what an egress table outputs, but not for ever; the ingress port is left out', async () => {
      await program(...lastOut, flowMod(0, 1, [exact('in_port', 1n)], { apply: [output(2)] }), flowMod(0, 1, [exact('in_port', 4n)], { apply: [output(Port.IN_PORT), output(4)] }),
        flowMod(FIRST, 2, [to(2)], { apply: [output(3), output(1), setField('eth_dst', 9n)] }), flowMod(FIRST, 2, [to(3)], { apply: [setField('eth_src', 7n), output(2)] }),
        flowMod(FIRST, 1, [], {}))
      await begin(FIRST)
      const seven = (frame: string): string => `${frame.slice(0, 12)}000000000007${frame.slice(24)}`
      // For 2, from there for 3, from there for 2 again, which is the third time and the last.
      assert.deepEqual(await exchange(1, udp, 3), [`2 ${toHost(NINE)}`, `2 ${seven(toHost(NINE))}`, `3 ${seven(plain)}`].sort())
      assert.deepEqual(await exchange(4), [`4 ${plain}`])
    })

    it('packet-outs go through it too', async () => {
      await program(...lastOut, flowMod(FIRST, 1, [to(2)], { apply: [setField('eth_dst', 9n)] }), flowMod(FIRST, 1, [to(3)], {}))
      await begin(FIRST)
      sw.take()
      client.send({ type: 'packet_out', bufferId: 0xffffffff, inPort: Port.CONTROLLER, match: [], actions: [output(2), output(3), output(4)], data: udp })
      const sent: string[] = []
      await eventually(() => {
        for (const out of sw.take()) sent.push(`${out.port} ${Buffer.from(out.frame).toString('hex')}`)
        return sent.length >= 2 ? true : undefined
      }, () => `only ${sent.join(' | ')}`)
      assert.deepEqual(sent.sort(), [`2 ${toHost(NINE)}`, `3 ${plain}`])
    })
  })
}

describe('egress tables of a switch', () => {
  let rig: SwitchRig
  let client: OpenFlowClient
  let old: OpenFlowClient
  before(async () => {
    rig = await startSwitch({ version: OF15 })
    client = rig.client
    old = await OpenFlowClient.connect(rig.listenPort)
  })
  after(async () => {
    old?.close()
    await rig?.close()
  })
  const described = async (): Promise<readonly TableFeatures[]> => (await client.stats({ kind: 'table_features', tables: [] })).tables
  const ask = async (asked: readonly Partial<TableFeatures>[]): Promise<string> => {
    const tables = await described()
    const reply = await client.request({ type: 'stats_request', more: false, body: { kind: 'table_features', tables: asked.map((each) => ({ ...tables[each.tableId ?? 0]!, command: 'modify' as const, config: 0, ...each })) } })
    return reply.type === 'peer_error' ? `${reply.errorType}/${reply.code}` : reply.type
  }
  const BOTH = TableFeature.EGRESS_TABLE | TableFeature.FIRST_EGRESS

  it('are refused what they cannot do', async () => {
    const none = { command: 'delete' as const }
    const refused: readonly (readonly [string, Message, string])[] = [
      ['an output in the action set', flowMod(FIRST, 1, [], { write: [output(2)] }), '2/0'],
      ['a group in the action set', flowMod(FIRST, 1, [], { write: [{ type: 'group', groupId: 1 }] }), '2/0'],
      ['to go back', flowMod(SECOND, 1, [], { gotoTable: FIRST }), '3/2'],
      ['to be gone to from an ingress table', flowMod(15, 1, [], { gotoTable: FIRST }), '3/2'],
      ['a match on the port in an ingress table', flowMod(3, 1, [to(2)], {}), '4/6'],
      ['a table behind the last', flowMod(SECOND + 1, 1, [], {}, none), '5/2'],
    ]
    for (const [what, message, error] of refused) assert.deepEqual(await client.sendAll(message), [error], what)
  })

  it('are where they are, and one of them is the first', async () => {
    const flags = (await described()).map(({ features }) => features)
    assert.deepEqual(flags, [...Array.from({ length: FIRST }, () => TableFeature.INGRESS_TABLE), TableFeature.EGRESS_TABLE, TableFeature.EGRESS_TABLE])
    assert.equal(await ask([{ tableId: 3, features: BOTH }]), '13/8')
    assert.equal(await ask([{ tableId: 3, features: TableFeature.INGRESS_TABLE | TableFeature.FIRST_EGRESS }]), '13/8')
    assert.equal(await ask([{ tableId: FIRST, features: TableFeature.FIRST_EGRESS }]), '13/8')
    assert.equal(await ask([{ tableId: FIRST, features: BOTH }, { tableId: SECOND, features: BOTH }]), '13/8')
    assert.deepEqual((await described()).map(({ features }) => features), flags, 'nothing has changed')
    // Without properties a table keeps those that it has.
    const bare = { instructions: [], instructionsMiss: [], nextTables: [], nextTablesMiss: [], writeActions: [], writeActionsMiss: [], applyActions: [], applyActionsMiss: [], match: [], wildcards: [],
      writeSetField: [], writeSetFieldMiss: [], applySetField: [], applySetFieldMiss: [], applyCopyField: [], applyCopyFieldMiss: [] }
    const before = await described()
    assert.equal(await ask([{ tableId: SECOND, features: BOTH, ...bare }]), 'stats_reply')
    assert.deepEqual(await described(), before.map((table) => (table.tableId === SECOND ? { ...table, features: BOTH } : table)))
    // The first is another one.
    assert.equal(await ask([{ tableId: FIRST, features: BOTH }]), 'stats_reply')
    assert.deepEqual((await described()).slice(FIRST).map(({ features }) => features), [BOTH, TableFeature.EGRESS_TABLE])
    assert.equal(await ask([{ tableId: 3, features: TableFeature.INGRESS_TABLE }]), 'stats_reply')
    assert.equal((await described())[FIRST]?.features, BOTH, 'who speaks of other tables does not mean it')
    assert.equal(await ask([{ tableId: FIRST, features: TableFeature.EGRESS_TABLE }]), 'stats_reply')
    assert.deepEqual((await described()).map(({ features }) => features), flags)
  })

  it('are not there for versions before 1.5', async () => {
    assert.deepEqual(await client.sendAll(flowMod(FIRST, 1, [to(2)], {}, { flags: 1 }), flowMod(3, 1, [], {})), [])
    const tables = async (from: OpenFlowClient): Promise<unknown> => {
      const features = await from.request({ type: 'features_request' })
      const flows = await from.stats({ kind: 'flow', tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] })
      return [features.type === 'features_reply' && features.nTables, (await from.stats({ kind: 'table_features', tables: [] })).tables.length, (await from.stats({ kind: 'table' })).tables.length, flows.flows.map(({ tableId }) => tableId)]
    }
    assert.deepEqual(await tables(client), [18, 18, 18, [3, FIRST]])
    assert.deepEqual(await tables(old), [16, 16, 16, [3]])
    assert.deepEqual(await old.sendAll(flowMod(FIRST, 1, [], {}), flowMod(3, 1, [], { gotoTable: FIRST })), ['5/2', '3/2'])
    assert.deepEqual(await old.sendAll(deleteAll), [])
    assert.deepEqual(await tables(client), [18, 18, 18, [FIRST]])
    assert.deepEqual(await client.sendAll(deleteAll), [])
    assert.deepEqual(await tables(client), [18, 18, 18, []])
    assert.deepEqual(old.messages('flow_removed'), [])
  })
})

it('an agent that starts anew goes on with it: BMv2', { skip: whyNoBmv2() }, async () => {
  const bmv2 = await Bmv2.start()
  const links = new Map([1, 2, 3, 4, 5].map((port) => [port, true]))
  const tablesOf = async (client: OpenFlowClient): Promise<readonly TableFeatures[]> => (await client.stats({ kind: 'table_features', tables: [] })).tables
  const forwards = async (id: number): Promise<void> => {
    bmv2.outputs = []
    bmv2.inject({ id, port: 1, frame: udp })
    const [out] = await eventually(() => (bmv2.outputs.length > 0 ? bmv2.outputs : undefined), () => 'nothing came out')
    assert.equal(Buffer.from(out?.frame ?? []).toString('hex'), toHost(NINE))
  }
  try {
    const first = await startOnBmv2(bmv2, links)
    const { client } = await firstClient(first, OF15)
    await bmv2.ready()
    assert.deepEqual(await client.sendAll(flowMod(0, 1, [], { apply: [output(2)] }), flowMod(SECOND, 1, [to(2)], { apply: [setField('eth_dst', 9n)] })), [])
    const egress = (await tablesOf(client))[SECOND]!
    assert.equal((await client.request({ type: 'stats_request', more: false, body: { kind: 'table_features', tables: [{ ...egress, command: 'modify', config: 0, features: TableFeature.EGRESS_TABLE | TableFeature.FIRST_EGRESS }] } })).type, 'stats_reply')
    await forwards(1)
    client.close()
    await first.close()
    await forwards(2)
    const second = await startOnBmv2(bmv2, links)
    try {
      const { client: next } = await firstClient(second, OF15)
      assert.deepEqual((await tablesOf(next)).filter(({ features }) => (features & TableFeature.FIRST_EGRESS) !== 0).map(({ tableId }) => tableId), [SECOND])
      await forwards(3)
      next.close()
    } finally {
      await second.close()
    }
  } finally {
    await bmv2.stop()
  }
})

it('a switch on its own forwards without it', async () => {
  const rig = await startSwitch({ version: OF15, config: { failMode: 'standalone', controllers: [{ endpoint: { transport: 'tcp', passive: true, host: '127.0.0.1', port: 0 }, inactivityProbe: 200 }] } })
  try {
    const listener = rig.agent.channels.listening().find((one) => one.transport === 'tcp' && one.port !== rig.listenPort)
    const client = await OpenFlowClient.connect(listener?.transport === 'tcp' ? listener.port : 0, OF15)
    const table = (await client.stats({ kind: 'table_features', tables: [] })).tables[FIRST]!
    assert.equal((await client.request({ type: 'stats_request', more: false, body: { kind: 'table_features', tables: [{ ...table, command: 'modify', config: 0, features: TableFeature.EGRESS_TABLE | TableFeature.FIRST_EGRESS }] } })).type, 'stats_reply')
    assert.deepEqual(await client.sendAll(flowMod(0, 1, [], { apply: [output(2)] })), [])
    assert.deepEqual(await rig.exchange(1, udp, 0), [], 'nothing matches in the egress table')
    client.close()
    const deadline = Date.now() + 30_000
    while ((await rig.exchange(1, udp, 0)).length < 4) assert.ok(Date.now() < deadline, 'the switch does not forward')
    assert.deepEqual((await rig.client.stats({ kind: 'table_features', tables: [] })).tables[FIRST]?.features, TableFeature.EGRESS_TABLE)
  } finally {
    await rig.close()
  }
})
