/**
 * Several switches on one target, each with the same port numbers, matches, groups and meters as the other and with another
 * meaning: nothing of one reaches a packet of the other. On both targets.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BucketId, Group, Meter, MeterFlag, NO_BUFFER, Port, Table, type Action, type Bucket, type FlowMod, type Message } from '../../../src/openflow/index.js'
import { eventually, flowMod, hex, output } from '../../support/switch-rig.js'
import { NAMES, ownedTargets, TwoSwitches, type Name } from '../../support/two-switches.js'

const A = '020000000001'
const B = '020000000002'
const frameTo = (to: string, from: string, type = '88b5'): string => `${to}${from}${type}${'00'.repeat(46)}`
const frame = frameTo(B, A)
const exactIn = (port: number): FlowMod['match'] => [{ field: 'in_port', value: BigInt(port), mask: null }]
const bucket = (watchPort: number, ...actions: readonly Action[]): Bucket => ({ bucketId: 0, weight: 0, watchPort, watchGroup: Group.ANY, actions })
const group = (groupId: number, groupType: 'all' | 'ff' | 'select' | 'indirect', ...buckets: readonly Bucket[]): Message =>
  ({ type: 'group_mod', command: 'add', groupType, groupId, buckets: buckets.map((one) => ({ ...one, weight: groupType === 'select' ? 1 : 0 })), commandBucketId: BucketId.ALL })
const deleteAll: Message = flowMod(Table.ALL, 0, [], {}, { command: 'delete' })
const noGroups: Message = { type: 'group_mod', command: 'delete', groupType: 'all', groupId: Group.ALL, buckets: [], commandBucketId: BucketId.ALL }
const noMeters: Message = { type: 'meter_mod', command: 'delete', flags: 0, meterId: Meter.ALL, bands: [] }
const packetOut = (inPort: number, action: Action): Message =>
  ({ type: 'packet_out', bufferId: NO_BUFFER, inPort, match: [], actions: [action], data: hex(frame) })

for (const kind of ownedTargets)
  describe(`several switches on ${kind.name}`, { skip: kind.skip }, () => {
    let two: TwoSwitches
    before(async () => {
      two = new TwoSwitches(await kind.start())
      await two.start()
    })
    after(async () => { await two.close() })

    const both = async (messages: Readonly<Record<Name, readonly Message[]>>): Promise<void> => {
      for (const name of NAMES) assert.deepEqual(await two.client(name).sendAll(deleteAll, noGroups, noMeters, ...messages[name]), [], name)
    }
    /** Whether the first switch has a packet that comes in on its port 1, and the second one. */
    const passes = async (one: readonly number[], other: readonly number[]): Promise<void> => {
      await two.exchange(1, hex(frame), one.map((port) => `${port} ${frame}`))
      await two.exchange(4, hex(frame), other.map((port) => `${port} ${frame}`))
      // Nothing more has come of either.
      await two.exchange(6, hex(frame), [])
    }

    it('each has its datapath id, its ports and its part of the tables', async () => {
      for (const [index, name] of NAMES.entries()) {
        const features = await two.client(name).request({ type: 'features_request' })
        assert.equal(features.type === 'features_reply' && features.datapathId, BigInt(index + 1))
        const { ports } = await two.client(name).stats({ kind: 'port_desc', portNo: Port.ANY })
        assert.deepEqual(ports.map((port) => port.name), name === 'br1' ? ['br1p1', 'br1p2', 'br1p3'] : ['br2p1', 'br2p2'])
        const { tables } = await two.client(name).stats({ kind: 'table_features', tables: [] })
        assert.deepEqual([...new Set(tables.map(({ maxEntries }) => maxEntries))], [8192])
        const groups = await two.client(name).stats({ kind: 'group_features' })
        assert.equal(groups.maxGroups.all, 2048)
        assert.equal((await two.client(name).stats({ kind: 'meter_features' })).maxMeter, 2048)
      }
    })

    it('the same flow leads elsewhere, and a port of neither leads nowhere', async () => {
      const flow = (to: number): Message => flowMod(0, 5, exactIn(1), { apply: [output(to)] })
      await both({ br1: [flow(3)], br2: [flow(2)] })
      await passes([3], [5])
      await both({ br1: [flow(2)], br2: [] })
      await passes([2], [])
      for (const [name, lookups, matched] of [['br1', 2n, 2n], ['br2', 2n, 1n]] as const) {
        const { tables } = await two.client(name).stats({ kind: 'table' })
        assert.deepEqual([tables[0]?.lookupCount, tables[0]?.matchedCount], [lookups, matched], name)
      }
    })

    it('ALL, FLOOD and NORMAL are of the ports of one, and hosts are learned by each for itself', async () => {
      for (const port of [Port.ALL, Port.FLOOD]) {
        await both({ br1: [flowMod(0, 1, [], { apply: [output(port)] })], br2: [flowMod(0, 1, [], { apply: [output(port)] })] })
        await passes([2, 3], [5])
      }
      await both({ br1: [flowMod(0, 1, [], { apply: [output(Port.NORMAL)] })], br2: [flowMod(0, 1, [], { apply: [output(Port.NORMAL)] })] })
      await passes([2, 3], [5])
      // A is on port 1 of both. Once that is known, what is sent to it goes there alone.
      const back = frameTo(A, B)
      await eventually(() => two.hosts('br1') >= 1 && two.hosts('br2') >= 1 ? true : undefined, () => 'nothing has been learned')
      // What is asked for after that is in the target after that.
      for (const name of NAMES) assert.deepEqual(await two.client(name).sendAll(flowMod(0, 1, [], { apply: [output(Port.NORMAL)] })), [])
      await two.exchange(3, hex(back), [`1 ${back}`])
      await two.exchange(5, hex(back), [`4 ${back}`])
    })

    it('groups of one number are of one switch each, whatever their type', async () => {
      const flow = flowMod(0, 1, exactIn(1), { apply: [{ type: 'group', groupId: 7 }] })
      for (const type of ['all', 'indirect', 'ff', 'select'] as const) {
        const watched = (port: number): number => (type === 'ff' ? port : Port.ANY)
        await both({ br1: [group(7, type, bucket(watched(3), output(3))), flow], br2: [group(7, type, bucket(watched(2), output(2))), flow] })
        await passes([3], [5])
      }
      await both({ br1: [group(7, 'all', bucket(Port.ANY, output(3))), flow], br2: [] })
      assert.deepEqual(await two.client('br2').sendAll(flow), ['2/9'], 'OFPBAC_BAD_OUT_GROUP')
    })

    it('meters of one number are of one switch each', async () => {
      const meter = (rate: number): Message => ({ type: 'meter_mod', command: 'add', flags: MeterFlag.PKTPS, meterId: 3, bands: [{ type: 'drop', rate, burstSize: 0, precLevel: 0, experimenter: 0 }] as never })
      const flow = (to: number): Message => flowMod(0, 1, exactIn(1), { meter: 3, apply: [output(to)] })
      await both({ br1: [meter(0), flow(2)], br2: [meter(1000), flow(2)] })
      await passes([], [5])
      for (const [name, packets] of [['br1', 1n], ['br2', 1n]] as const) {
        const { meters } = await two.client(name).stats({ kind: 'meter', meterId: Meter.ALL })
        assert.deepEqual(meters.map(({ packetInCount }) => packetInCount), [packets], name)
      }
    })

    it('packet-ins go to the switch of the port, with its numbers', async () => {
      const flow = flowMod(0, 1, [], { apply: [output(Port.CONTROLLER)] }, { cookie: 1n })
      await both({ br1: [flow], br2: [{ ...flow, cookie: 2n }] })
      const heard = (name: Name) => two.client(name).messages('packet_in').map(({ cookie, match }) => `${cookie} ${match.find(({ field }) => field === 'in_port')?.value}`)
      for (const name of NAMES) two.client(name).heard.length = 0
      two.target.inject(5, hex(frame))
      await two.client('br2').waitFor(({ message }) => message.type === 'packet_in')
      two.target.inject(1, hex(frame))
      await two.client('br1').waitFor(({ message }) => message.type === 'packet_in')
      assert.deepEqual([heard('br1'), heard('br2')], [['1 1'], ['2 2']])
    })

    it('packet-outs go to the tables, groups and ports of their switch', async () => {
      const flow = (to: number): Message => flowMod(0, 1, exactIn(1), { apply: [output(to)] })
      await both({
        br1: [flow(3), group(7, 'all', bucket(Port.ANY, output(2)))], br2: [flow(2), group(7, 'all', bucket(Port.ANY, output(2)))],
      })
      const leads = async (name: Name, message: Message, expected: readonly number[]): Promise<void> => {
        const seen: number[] = []
        two.target.take()
        assert.deepEqual(await two.client(name).sendAll(message), [])
        two.target.inject(6, hex(frame))
        await eventually(() => {
          seen.push(...two.target.take().map(({ port }) => port))
          return seen.length >= expected.length ? seen : undefined
        }, () => `${name}: only ${seen.join()} of ${expected.join()}`)
        assert.deepEqual(seen.sort(), expected, name)
      }
      await leads('br1', packetOut(1, output(Port.TABLE)), [3])
      await leads('br2', packetOut(1, output(Port.TABLE)), [5])
      await leads('br1', packetOut(1, { type: 'group', groupId: 7 }), [2])
      await leads('br2', packetOut(1, { type: 'group', groupId: 7 }), [5])
      await leads('br1', packetOut(1, output(Port.ALL)), [2, 3])
      await leads('br2', packetOut(Port.CONTROLLER, output(Port.FLOOD)), [4, 5])
    })

    it('what one does with misses, flags and its flows does not change the other', async () => {
      await both({ br1: [flowMod(0, 1, exactIn(1), { apply: [output(2)] })], br2: [flowMod(0, 1, exactIn(1), { apply: [output(2)] })] })
      assert.deepEqual(await two.client('br1').sendAll(deleteAll, noGroups, noMeters), [])
      await passes([], [5])
      // A controller of 1.0 gets what no flow matches; that of the other switch does not.
      const old = await two.connect('br1', 1)
      old.heard.length = 0
      await old.request({ type: 'barrier_request' })
      const other = two.client('br2')
      other.heard.length = 0
      two.target.inject(5, hex(frame))
      two.target.inject(2, hex(frame))
      const { message } = await old.waitFor(({ message: one }) => one.type === 'packet_in')
      assert.equal(message.type === 'packet_in' && message.reason, 'no_match')
      assert.equal(old.messages('packet_in').length, 1)
      await other.request({ type: 'barrier_request' })
      assert.deepEqual(other.messages('packet_in'), [])
      await two.connect('br1')
      // Port 1 of one is closed, port 1 of the other is not.
      const { ports } = await two.client('br1').stats({ kind: 'port_desc', portNo: Port.ANY })
      const close = (config: number): Message => ({ type: 'port_mod', portNo: 1, hwAddr: ports[0]?.hwAddr ?? 0n, config, mask: 1, advertise: 0, properties: [] })
      assert.deepEqual(await two.client('br1').sendAll(flowMod(0, 1, exactIn(1), { apply: [output(2)] }), close(1)), [])
      await passes([], [5])
      assert.deepEqual(await two.client('br1').sendAll(close(0)), [])
      await passes([2], [5])
    })

    it('a new agent finds both as they were', async () => {
      const flow = (to: number, ...more: readonly Action[]): Message => flowMod(0, 1, exactIn(1), { apply: [...more, output(to)] })
      await both({
        br1: [group(7, 'ff', bucket(3, output(3))), flow(7, { type: 'group', groupId: 7 }), flowMod(1, 1, [], { write: [output(2)] })],
        br2: [group(7, 'select', bucket(Port.ANY, output(2))), flowMod(0, 1, exactIn(1), { apply: [{ type: 'group', groupId: 7 }] })],
      })
      assert.deepEqual(await two.client('br1').sendAll(flowMod(0, 1, exactIn(1), { apply: [{ type: 'group', groupId: 7 }] })), [])
      await passes([3], [5])
      const state = async (): Promise<unknown> => Promise.all(NAMES.map(async (name) => {
        const { flows } = await two.client(name).stats({ kind: 'flow', tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] })
        const { groups } = await two.client(name).stats({ kind: 'group_desc', groupId: Group.ALL })
        return { flows: flows.map(({ durationSec: _s, durationNsec: _n, ...rest }) => rest), groups }
      }))
      const before = await state()
      await two.stop()
      // The target forwards without an agent, each packet in its switch.
      await passes([3], [5])
      await two.start()
      await passes([3], [5])
      const counted = (value: unknown): string => JSON.stringify(value, (key, one: unknown) => (key === 'packetCount' || key === 'byteCount' ? 'counted' : typeof one === 'bigint' ? one.toString() : one))
      assert.equal(counted(await state()), counted(before))
      const { flows } = await two.client('br2').stats({ kind: 'flow', tableId: 0, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] })
      assert.deepEqual(flows.map(({ packetCount }) => packetCount), [3n])
      // What one of them asks for now takes nothing of what the other has.
      assert.deepEqual(await two.client('br1').sendAll(deleteAll, noGroups), [])
      await passes([], [5])
    })

    it('a connection that ends in one is nothing to the other', async () => {
      await both({ br1: [flowMod(0, 1, exactIn(1), { apply: [output(2)] })], br2: [flowMod(0, 1, exactIn(1), { apply: [output(2)] })] })
      const client = two.client('br1')
      client.close()
      await client.ended
      await passes([2], [5])
      assert.equal((await two.client('br2').request({ type: 'barrier_request' })).type, 'barrier_reply')
      await two.connect('br1')
    })

    it('a port that has gone to the other is of the other', async () => {
      await both({
        br1: [flowMod(0, 1, exactIn(3), { apply: [output(1)] }), flowMod(0, 1, exactIn(1), { apply: [output(Port.ALL)] })],
        br2: [flowMod(0, 1, exactIn(3), { apply: [output(2)] }), flowMod(0, 1, exactIn(1), { apply: [output(Port.ALL)] })],
      })
      await two.exchange(3, hex(frame), [`1 ${frame}`])
      await two.stop()
      await two.start({ br1: [[1, 1], [2, 2]], br2: [[1, 4], [2, 5], [3, 3]] })
      await two.exchange(3, hex(frame), [`5 ${frame}`])
      await passes([2], [3, 5])
    })
  })

for (const kind of ownedTargets)
  describe(`unlike shares of ${kind.name}`, { skip: kind.skip }, () => {
    let two: TwoSwitches
    before(async () => {
      two = new TwoSwitches(await kind.start())
      await two.start(undefined, { br1: 1, br2: 99 })
    })
    after(async () => { await two.close() })

    it('are told, and full at exactly their last entry, whatever room the other has', async () => {
      const rooms = { br1: 163, br2: 16384 - 163 }
      const flows = (from: number, count: number): Message[] => Array.from({ length: count }, (_, index) => flowMod(0, 5, [{ field: 'eth_dst', value: BigInt(from + index), mask: null }], { apply: [output(2)] }))
      for (const name of NAMES) {
        const { tables } = await two.client(name).stats({ kind: 'table_features', tables: [] })
        assert.deepEqual([...new Set(tables.map(({ maxEntries }) => maxEntries))], [rooms[name]], name)
        assert.deepEqual(await two.client(name).sendAll(...flows(1, rooms.br1)), [], name)
      }
      const active = async (name: Name): Promise<number | undefined> => (await two.client(name).stats({ kind: 'table' })).tables[0]?.activeCount
      assert.deepEqual(await two.client('br1').sendAll(...flows(rooms.br1 + 1, 1)), ['5/1'], 'OFPFMFC_TABLE_FULL')
      assert.deepEqual(await two.client('br2').sendAll(...flows(rooms.br1 + 1, 1)), [])
      assert.deepEqual([await active('br1'), await active('br2')], [rooms.br1, rooms.br1 + 1])
      // All of them forward, the last one too, and room that is given back can be used.
      const last = frameTo(rooms.br1.toString(16).padStart(12, '0'), A)
      await two.exchange(1, hex(last), [`2 ${last}`])
      assert.deepEqual(await two.client('br1').sendAll(flowMod(0, 5, [{ field: 'eth_dst', value: 1n, mask: null }], {}, { command: 'delete_strict' }), ...flows(rooms.br1 + 1, 1), ...flows(1, 1)), ['5/1'])
      const added = frameTo((rooms.br1 + 1).toString(16).padStart(12, '0'), A)
      await two.exchange(1, hex(added), [`2 ${added}`])
    })

    it('are kept by the next agent with the same shares', async () => {
      const reports = async () => (await two.client('br1').stats({ kind: 'flow', tableId: 0, match: [], cookie: 0n, cookieMask: 0n, outPort: Port.ANY, outGroup: Group.ANY })).flows.length
      const before = await reports()
      await two.stop()
      await two.start(undefined, { br1: 1, br2: 99 })
      assert.equal(await reports(), before)
      await two.stop()
      // Others divide the target anew.
      await two.start(undefined, { br1: 2, br2: 99 })
      assert.equal(await reports(), 0)
    })
  })
