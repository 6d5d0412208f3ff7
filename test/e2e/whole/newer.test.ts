/** What came with 1.5, on the whole switch: bundles for a time, stat triggers, meter actions, copies. OF 1.5.1 §7.2.5.7, §7.2.6.12, §7.2.6.13, §7.3.9 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BundleFlag, Group, MeterFlag, NO_FLOW_COUNTS, Port, StatTriggerFlag, Table, type BundleTimeFeatures, type OxmName, type SwitchTime } from '../../../src/openflow/index.js'
import { eventually, flowMod, hex, OpenFlowClient, output } from '../../support/switch-rig.js'
import { wholeTargets, type WholeSwitch } from '../../support/whole-targets.js'

const OF15 = 6
const frame = hex(`0200000000020200000000 01 88b5${'00'.repeat(46)}`)
const millis = ({ seconds, nanoseconds }: SwitchTime): number => Number(seconds) * 1000 + nanoseconds / 1e6
const time = (ms: number): SwitchTime => ({ seconds: BigInt(Math.floor(ms / 1000)), nanoseconds: Math.floor(ms % 1000 * 1e6) })

for (const target of wholeTargets) describe(`OpenFlow 1.5 on ${target.name}`, { skip: target.skip }, () => {
  let sw: WholeSwitch
  let client: OpenFlowClient
  before(async () => {
    sw = await target.start()
    client = await OpenFlowClient.connect(sw.listenPort, OF15)
  })
  after(async () => {
    client.close()
    await sw.close()
  })

  /** Puts a frame in and waits until `count` frames have come out. */
  const exchange = async (port: number, given: Uint8Array, count: number): Promise<string[]> => {
    assert.ok(sw.inject(port, given), `port ${port} takes no frame`)
    const sent: string[] = []
    await eventually(() => {
      sent.push(...sw.take().map((out) => `${out.port} ${Buffer.from(out.frame).toString('hex')}`))
      return sent.length >= count ? sent : undefined
    }, () => `only ${sent.length} of ${count} frames came out: ${sent.join(' | ')}`)
    return sent
  }

  it('a bundle for a time is in the target then, and not before', async () => {
    const NONE = time(0)
    const features = async (flags: number, asked: BundleTimeFeatures | null): Promise<BundleTimeFeatures> => {
      const { capabilities, time: told } = await client.stats({ kind: 'bundle_features', flags, time: asked })
      assert.ok((capabilities & BundleFlag.TIME) !== 0 && told !== null)
      return told
    }
    const clock = async (): Promise<number> => millis((await features(1, { schedAccuracy: NONE, schedMaxFuture: NONE, schedMaxPast: NONE, timestamp: NONE })).timestamp)
    const set = await features(2, { schedAccuracy: NONE, schedMaxFuture: time(3_600_000), schedMaxPast: time(0), timestamp: NONE })
    assert.equal(millis(set.schedMaxFuture), 3_600_000)

    const bundle = { type: 'bundle_control', bundleId: 1, flags: BundleFlag.ORDERED | BundleFlag.TIME, time: null } as const
    assert.equal((await client.request({ ...bundle, control: 'open_request' })).type, 'bundle_control')
    client.send({ type: 'bundle_add', bundleId: 1, flags: bundle.flags, message: flowMod(0, 1, [], { apply: [output(2)] }) })
    const due = await clock() + 800
    const commit = client.send({ ...bundle, control: 'commit_request', time: time(due) })
    const all = { tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] }
    for (let looked = 0; ; looked++) {
      const before = await clock()
      const replied = client.heard.some(({ xid }) => xid === commit)
      const { flowCount } = await client.stats({ kind: 'aggregate', ...all })
      const now = await clock()
      if (flowCount === 0) {
        assert.ok(before < due + 30_000, `nothing has happened for ${before - due} ms`)
        assert.equal(replied, false)
        continue
      }
      assert.ok(now >= due, `${due - now} ms early, after ${looked} looks`)
      break
    }
    const { message } = await client.waitFor(({ xid }) => xid === commit)
    assert.ok(message.type === 'bundle_control' && message.control === 'commit_reply')
    assert.deepEqual((await exchange(1, frame, 1)).map((out) => out[0]), ['2'])
  })

  it('a meter action behind a set-field meters what comes, and is told to 1.3 as its instruction', async () => {
    const meter = (rate: number) => ({ type: 'meter_mod', command: rate === 0 ? 'add' : 'modify', flags: MeterFlag.PKTPS, meterId: 5, bands: [{ type: 'drop', rate, burstSize: 0, precLevel: 0 }] }) as const
    const apply = [{ type: 'set_field', field: 'eth_dst', value: 9n, mask: null }, { type: 'meter', meterId: 5 }, output(2)] as const
    assert.deepEqual(await client.sendAll(meter(0), flowMod(0, 7, [{ field: 'in_port', value: 4n, mask: null }], { apply })), [])
    // What is dropped does not come before what was sent behind it.
    assert.deepEqual(await client.sendAll(flowMod(0, 7, [{ field: 'in_port', value: 5n, mask: null }], { apply: [output(3)] })), [])
    assert.ok(sw.inject(4, frame))
    assert.deepEqual((await exchange(5, frame, 1)).map((out) => out[0]), ['3'])
    assert.deepEqual(await client.sendAll(meter(1_000_000)), [])
    assert.deepEqual((await exchange(4, frame, 1)).map((out) => out.slice(0, 14)), ['2 000000000009'])
    const { meters } = await client.stats({ kind: 'meter', meterId: 5 })
    assert.deepEqual([meters[0]?.packetInCount, meters[0]?.flowCount], [2n, 1])
    const of13 = await OpenFlowClient.connect(sw.listenPort, 4)
    const { flows } = await of13.stats({ kind: 'flow', tableId: 0, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [{ field: 'in_port', value: 4n, mask: null }] })
    of13.close()
    assert.equal(flows[0]?.instructions.meter, 5)
  })

  it('a meter action behind an output meters what is done afterwards', async () => {
    const meter = (command: 'add' | 'modify', rate: number) => ({ type: 'meter_mod', command, flags: MeterFlag.PKTPS, meterId: 6, bands: [{ type: 'drop', rate, burstSize: 0, precLevel: 0 }] }) as const
    const apply = [output(2), { type: 'push_vlan', ethertype: 0x8100 }, { type: 'meter', meterId: 6 }, output(3)] as const
    assert.deepEqual(await client.sendAll(meter('add', 0), flowMod(0, 7, [{ field: 'in_port', value: 1n, mask: null }], { apply, gotoTable: 2 }), flowMod(2, 7, [], { apply: [output(4)] })), [])
    assert.deepEqual((await exchange(1, frame, 1)).map((out) => out[0]), ['2'])
    const counted = async (): Promise<readonly bigint[]> => (await client.stats({ kind: 'meter', meterId: 6 })).meters.flatMap(({ packetInCount, byteInCount, bands }) => [packetInCount, byteInCount, bands[0]?.packetCount ?? 0n])
    for (const deadline = Date.now() + 30_000; (await counted())[0] === 0n;) assert.ok(Date.now() < deadline, 'the packet has not come to the meter')
    assert.deepEqual(await counted(), [1n, BigInt(frame.length + 4), 1n])
    assert.deepEqual(await client.sendAll(meter('modify', 1_000_000)), [])
    assert.deepEqual((await exchange(1, frame, 3)).map((out) => `${out[0]} ${out.slice(26, 30)}`).sort(), ['2 88b5', '3 8100', '4 8100'])
    const { flows } = await client.stats({ kind: 'flow', tableId: 0, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [{ field: 'in_port', value: 1n, mask: null }] })
    assert.deepEqual(flows[0]?.instructions.apply?.map(({ type }) => type), ['output', 'push_vlan', 'meter', 'output'])
    assert.deepEqual(await client.sendAll({ ...meter('add', 0), command: 'delete' }), [])
    assert.deepEqual((await client.stats({ kind: 'flow', tableId: 0, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [{ field: 'in_port', value: 1n, mask: null }] })).flows, [])
  })

  it('a stat trigger tells of what the target has counted', async () => {
    client.send({ type: 'set_config', flags: 0, missSendLen: 0xffff }) // asks for asynchronous messages
    const thresholds = { ...NO_FLOW_COUNTS, packetCount: 3n }
    assert.deepEqual(await client.sendAll(flowMod(0, 9, [{ field: 'in_port', value: 3n, mask: null }], { apply: [output(2)], statTrigger: { flags: StatTriggerFlag.PERIODIC, thresholds } })), [])
    const told = () => client.messages('stats_reply').flatMap(({ body }) => body.kind === 'flow_stats' ? body.flows.filter(({ reason }) => reason === 'trigger') : [])
    let sent = 0n
    for (let times = 0; times < 2; times++) {
      // As many as there may be without being told of another multiple, then the one that makes it.
      for (; sent % 3n !== 2n; sent++) await exchange(3, frame, 1)
      assert.equal(told().length, times)
      await exchange(3, frame, 1)
      sent++
      const { message } = await client.waitFor(() => told().length > times)
      assert.equal(message.type, 'stats_reply')
      const last = told().at(-1)
      assert.deepEqual([last?.priority, last?.counts.packetCount, last?.counts.byteCount], [9, sent, sent * BigInt(frame.length)])
    }
    const { flows } = await client.stats({ kind: 'flow', tableId: 0, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [{ field: 'in_port', value: 3n, mask: null }] })
    assert.deepEqual(flows[0]?.instructions.statTrigger, { flags: StatTriggerFlag.PERIODIC, thresholds })
  })

  it('a list copies bits between fields, what is beside the frame and what a later table matches', async () => {
    const copy = (src: OxmName, srcOffset: number, bits: number, dst: OxmName, dstOffset: number) => ({ type: 'copy_field', bits, src, srcOffset, dst, dstOffset }) as const
    assert.deepEqual(await client.sendAll(
      flowMod(0, 8, [{ field: 'in_port', value: 2n, mask: null }], {
        apply: [copy('eth_src', 0, 16, 'metadata', 8), output(1), copy('in_port', 0, 8, 'eth_src', 40), copy('eth_dst', 8, 4, 'eth_src', 0)],
        writeMetadata: { value: 0x7n, mask: 0xfn }, gotoTable: 1,
      }),
      flowMod(1, 8, [{ field: 'metadata', value: 0x0002_07n, mask: null }], { apply: [copy('metadata', 0, 24, 'eth_dst', 0), output(3)] }),
    ), [])
    const given = hex(`aabbccddeeff 020000000002 88b5${'00'.repeat(46)}`)
    assert.deepEqual((await exchange(2, given, 2)).sort(), [`1 ${Buffer.from(given).toString('hex')}`, `3 aabbcc00020702000000000e88b5${'00'.repeat(46)}`])
  })
})
