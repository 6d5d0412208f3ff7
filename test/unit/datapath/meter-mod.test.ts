import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BundleFlag, FlowModFlag, Meter, MeterFlag, NO_INSTRUCTIONS } from '../../../src/openflow/index.js'
import type { Message, MeterMod, StatsReplyBody, StatsRequestBody } from '../../../src/openflow/index.js'
import { FakePipeline, fakeFeatures } from '../../support/fake-pipeline.js'
import { Rig, band, changesOf, commits, errors, flowMod, kindsSent, meterMod, output, sent } from '../../support/datapath-rig.js'

const { KBPS, PKTPS, BURST, STATS } = MeterFlag
const metered = (meter: number) => ({ ...NO_INSTRUCTIONS, meter, apply: [output(1)] })
const noMeters = { maxMeter: 0, bandTypes: 0, capabilities: 0, maxBands: 0, maxColor: 0, features: 0 }

function answer<Kind extends StatsReplyBody['kind']>(r: Rig, body: Extract<StatsRequestBody, { kind: Kind }>): Extract<StatsReplyBody, { kind: Kind }> {
  const [reply] = sent(r.stats(1, body))
  assert.ok(reply?.type === 'stats_reply')
  return reply.body as Extract<StatsReplyBody, { kind: Kind }>
}

describe('meter-mod', () => {
  const cases: readonly (readonly [string, readonly (Partial<MeterMod> & { readonly meterId: number })[], string | null])[] = [
    ['a band in kilobits', [{ meterId: 1 }], null],
    ['packets, burst and statistics', [{ meterId: 1, flags: PKTPS | BURST | STATS, bands: [band(10, { burstSize: 3 })] }], null],
    ['no unit means kilobits', [{ meterId: 1, flags: STATS }], null],
    ['both units', [{ meterId: 1, flags: KBPS | PKTPS }], 'OFPMMFC_BAD_FLAGS'],
    ['a flag that does not exist', [{ meterId: 1, flags: KBPS | 16 }], 'OFPMMFC_BAD_FLAGS'],
    ['no bands', [{ meterId: 1, bands: [] }], null],
    ['as many bands as there can be', [{ meterId: 1, bands: [band(1), band(2), band(3, { type: 'dscp_remark', precLevel: 1 })] }], null],
    ['more bands than there can be', [{ meterId: 1, bands: [band(1), band(2), band(3), band(4)] }], 'OFPMMFC_OUT_OF_BANDS'],
    ['an experimenter band', [{ meterId: 1, bands: [band(1, { type: 'experimenter' })] }], 'OFPMMFC_BAD_BAND'],
    ['a meter that exists', [{ meterId: 1 }, { meterId: 1 }], 'OFPMMFC_METER_EXISTS'],
    ['the highest number', [{ meterId: Meter.MAX }], null],
    ['number 0', [{ meterId: 0 }], 'OFPMMFC_INVALID_METER'],
    ['a reserved number', [{ meterId: Meter.MAX + 1 }], 'OFPMMFC_INVALID_METER'],
    ['the meter of the slow datapath', [{ meterId: Meter.SLOWPATH }], null],
    ['the meter of packet-ins', [{ meterId: Meter.CONTROLLER }], null],
    ['another reserved number', [{ meterId: Meter.SLOWPATH - 1 }], 'OFPMMFC_INVALID_METER'],
    ['all meters at once', [{ meterId: Meter.ALL }], 'OFPMMFC_INVALID_METER'],
    ['one more than there can be', [1, 2, 3, 4, 5].map((meterId) => ({ meterId })), 'OFPMMFC_OUT_OF_METERS'],
    ['modification', [{ meterId: 1 }, { meterId: 1, command: 'modify', flags: PKTPS, bands: [band(5), band(6)] }], null],
    ['modification of nothing', [{ meterId: 1, command: 'modify' }], 'OFPMMFC_UNKNOWN_METER'],
    ['modification of all', [{ meterId: Meter.ALL, command: 'modify' }], 'OFPMMFC_INVALID_METER'],
    ['modification to what cannot be', [{ meterId: 1 }, { meterId: 1, command: 'modify', flags: 64 }], 'OFPMMFC_BAD_FLAGS'],
    ['deletion', [{ meterId: 1 }, { meterId: 1, command: 'delete', flags: 0, bands: [] }], null],
    ['deletion of nothing', [{ meterId: 1, command: 'delete', flags: 0, bands: [] }], null],
    ['deletion of all', [{ meterId: 1 }, { meterId: 2 }, { meterId: Meter.ALL, command: 'delete', flags: 0, bands: [] }], null],
  ]
  for (const [text, mods, error] of cases) {
    it(`${error ?? 'accepted'}: ${text}`, () => {
      const r = new Rig().connect(1)
      const last = mods.length - 1
      for (const mod of mods.slice(0, last)) assert.deepEqual(errors(r.send(1, meterMod(mod))), [])
      assert.deepEqual(errors(r.send(1, meterMod(mods[last]!))), error === null ? [] : [error])
      const { meters } = answer(r, { kind: 'meter_config', meterId: Meter.ALL })
      assert.deepEqual(meters, [...r.pipeline.meters.values()], 'what is read back is what the pipeline has')
    })
  }

  it('is refused where there are no meters', () => {
    const r = new Rig({ pipeline: new FakePipeline({ ...fakeFeatures(), meters: noMeters }) }).connect(1)
    assert.deepEqual(errors(r.send(1, meterMod({ meterId: 1 }))), ['OFPMMFC_OUT_OF_METERS'])
    assert.deepEqual(errors(r.send(1, meterMod({ meterId: 1, command: 'modify' }))), ['OFPMMFC_UNKNOWN_METER'])
    assert.deepEqual(errors(r.send(1, meterMod({ meterId: 1, command: 'delete' }))), [])
    assert.deepEqual(errors(r.send(1, flowMod({ instructions: metered(1) }))), ['OFPMMFC_INVALID_METER'])
  })

  it('is refused for packet-ins where the pipeline does not measure them, and for flows', () => {
    const r = new Rig({ pipeline: new FakePipeline({ ...fakeFeatures(), controllerMeter: false }) }).connect(1)
    assert.deepEqual(errors(r.send(1, meterMod({ meterId: Meter.CONTROLLER }))), ['OFPMMFC_INVALID_METER'])
    r.send(1, meterMod({ meterId: Meter.SLOWPATH }))
    assert.deepEqual(errors(r.send(1, flowMod({ instructions: metered(Meter.SLOWPATH) }))), ['OFPMMFC_INVALID_METER'])
  })

  it('takes the flows that use it along, and says so', () => {
    const r = new Rig().connect(1)
    for (const meterId of [1, 2]) r.send(1, meterMod({ meterId }))
    r.send(1, flowMod({ priority: 1, flags: FlowModFlag.SEND_FLOW_REM, instructions: metered(1) }))
    r.send(1, flowMod({ priority: 2, flags: FlowModFlag.SEND_FLOW_REM, instructions: metered(2) }))
    r.send(1, flowMod({ priority: 3, instructions: metered(2) }))
    r.send(1, flowMod({ priority: 3, instructions: metered(1) }))
    const effects = r.send(1, meterMod({ meterId: 1, command: 'delete' }))
    assert.deepEqual(changesOf(effects), ['delete_flow', 'delete_flow', 'delete_meter'])
    assert.deepEqual(sent(effects).map((message) => message.type === 'flow_removed' ? [message.reason, message.priority] : message.type), [['meter_delete', 1]])
    assert.deepEqual([...r.datapath.flows()].map((flow) => flow.priority), [2])
    assert.deepEqual(errors(r.send(1, flowMod({ instructions: metered(1) }))), ['OFPMMFC_INVALID_METER'])
  })

  it('deletes all meters with all their flows', () => {
    const r = new Rig().connect(1)
    for (const meterId of [1, 2]) r.send(1, meterMod({ meterId }))
    for (const meter of [1, 2]) r.send(1, flowMod({ priority: meter, instructions: metered(meter) }))
    r.send(1, flowMod({ priority: 9 }))
    assert.deepEqual(errors(r.send(1, meterMod({ meterId: Meter.ALL, command: 'delete', bands: [] }))), [])
    assert.deepEqual([r.pipeline.meters.size, [...r.datapath.flows()].map(({ priority }) => priority)], [0, [9]])
  })

  it('waits for what is in flight, and undoes what the target refuses', () => {
    const r = new Rig().connect(1)
    r.auto = false
    const [add] = commits(r.send(1, meterMod({ meterId: 1 })))
    assert.deepEqual(commits(r.send(1, flowMod({ instructions: metered(1) }))), [], 'the flow waits for its meter')
    const failure = { subject: { meter: 1 }, kind: 'target.rejected', message: 'no' } as const
    const effects = r.step({ kind: 'rejected', token: add!.token, failures: [failure] })
    assert.deepEqual(kindsSent(effects), ['OFPMMFC_UNKNOWN', 'OFPMMFC_INVALID_METER'])
    assert.equal(r.pipeline.meters.size, 0)
    const [again] = commits(r.send(1, meterMod({ meterId: 1 })))
    r.step({ kind: 'committed', token: again!.token })
    const [change] = commits(r.send(1, meterMod({ meterId: 1, command: 'modify', bands: [band(7), band(8)] })))
    r.step({ kind: 'rejected', token: change!.token, failures: [failure] })
    assert.deepEqual(answer(r, { kind: 'meter_config', meterId: 1 }).meters[0]?.bands, [band(1000)])
  })
})

describe('meter-mods in a bundle', () => {
  const stored = (r: Rig, ...messages: readonly Message[]): void => {
    for (const message of messages) r.send(1, { type: 'bundle_add', bundleId: 1, flags: BundleFlag.ORDERED, message, raw: Uint8Array.of(0xbb) })
  }
  const commit = (r: Rig) => r.send(1, { type: 'bundle_control', bundleId: 1, control: 'commit_request', flags: BundleFlag.ORDERED, time: null })
  const start = (): Rig => {
    const r = new Rig().connect(1)
    for (const meterId of [1, 2]) r.send(1, meterMod({ meterId }))
    for (const meter of [1, 2]) r.send(1, flowMod({ priority: meter, instructions: metered(meter) }))
    stored(r, meterMod({ meterId: 1, command: 'delete', bands: [] }), meterMod({ meterId: 1, bands: [band(5)] }), flowMod({ priority: 7, instructions: metered(1) }),
      meterMod({ meterId: 2, command: 'modify', bands: [band(6)] }))
    return r
  }
  const held = (r: Rig) => [answer(r, { kind: 'meter_config', meterId: Meter.ALL }).meters.map(({ meterId, bands }) => [meterId, bands[0]?.rate]).sort(),
    [...r.datapath.flows()].map(({ priority }) => priority).sort()]

  it('are carried out together', () => {
    const r = start()
    assert.deepEqual(kindsSent(commit(r)), ['bundle_control'])
    assert.deepEqual(held(r), [[[1, 5], [2, 6]], [2, 7]])
    assert.deepEqual([...r.pipeline.meters.values()].map(({ meterId, bands }) => [meterId, bands[0]?.rate]).sort(), [[1, 5], [2, 6]])
  })
  it('are taken back together, whoever refuses', () => {
    const before = [[[1, 1000], [2, 1000]], [1, 2]]
    const refused = start()
    stored(refused, meterMod({ meterId: 2 }))
    assert.deepEqual(kindsSent(commit(refused)), ['OFPMMFC_METER_EXISTS', 'OFPBFC_MSG_FAILED'])
    assert.deepEqual(held(refused), before)
    const rejected = start()
    rejected.auto = false
    const [sealed] = commits(commit(rejected))
    const effects = rejected.step({ kind: 'rejected', token: sealed!.token, failures: [{ subject: { meter: 2 }, kind: 'target.rejected', message: 'no', part: 3 }] })
    assert.deepEqual(kindsSent(effects), ['OFPMMFC_UNKNOWN', 'OFPBFC_MSG_FAILED'])
    assert.deepEqual(held(rejected), before)
    assert.deepEqual([...rejected.datapath.flows()].map(({ token }) => token), [0, 0])
  })
})

describe('statistics of meters', () => {
  const counted = (packets: bigint, ...bands: bigint[]) => ({ total: { packets, bytes: 100n * packets }, bands: bands.map((n) => ({ packets: n, bytes: 100n * n })) })

  it('counts flows, packets, bands and time, and goes on when the target starts anew', () => {
    const r = new Rig().connect(1)
    r.send(1, meterMod({ meterId: 3, bands: [band(1), band(2)] }))
    r.send(1, flowMod({ priority: 1, instructions: metered(3) }))
    r.send(1, flowMod({ priority: 2, instructions: metered(3) }))
    r.now += 1500
    r.meterCounters.set(3, counted(10n, 1n, 2n))
    const [stats] = answer(r, { kind: 'meter', meterId: 3 }).meters
    assert.deepEqual(stats, {
      meterId: 3, flowCount: 2, packetInCount: 10n, byteInCount: 1000n, durationSec: 1, durationNsec: 500_000_000,
      bands: [{ packetCount: 1n, byteCount: 100n }, { packetCount: 2n, byteCount: 200n }],
    })
    r.step({ kind: 'target_lost' })
    assert.deepEqual(answer(r, { kind: 'meter', meterId: 3 }).meters[0]?.packetInCount, 10n)
    r.step({ kind: 'target_ready', fresh: true })
    assert.deepEqual([...r.pipeline.meters.keys()], [3])
    r.meterCounters.set(3, counted(5n, 0n, 1n))
    const [after] = answer(r, { kind: 'meter', meterId: Meter.ALL }).meters
    assert.deepEqual([after?.packetInCount, after?.bands.map(({ packetCount }) => packetCount)], [15n, [1n, 3n]])
  })

  it('goes on counting what comes to a modified meter, with new bands', () => {
    const r = new Rig().connect(1)
    r.send(1, meterMod({ meterId: 3 }))
    r.meterCounters.set(3, counted(10n, 4n))
    answer(r, { kind: 'meter', meterId: 3 })
    r.send(1, meterMod({ meterId: 3, command: 'modify', bands: [band(5), band(6)] }))
    r.step({ kind: 'target_lost' })
    const [stats] = answer(r, { kind: 'meter', meterId: 3 }).meters
    assert.deepEqual([stats?.packetInCount, stats?.bands.map(({ packetCount }) => packetCount)], [10n, [0n, 0n]])
  })

  it('does not take what was read of bands for that of those in their place', () => {
    const r = new Rig().connect(1)
    r.send(1, meterMod({ meterId: 3 }))
    r.auto = false
    const read = r.stats(1, { kind: 'meter', meterId: 3 }).find((effect) => effect.kind === 'read_meter_counters')
    assert.ok(read?.kind === 'read_meter_counters')
    r.send(1, meterMod({ meterId: 3, command: 'modify' }))
    const [reply] = sent(r.step({ kind: 'counters', token: read.token, answer: { what: 'meters', meters: new Map([[3, counted(10n, 4n)]]) } }))
    assert.deepEqual(reply?.type === 'stats_reply' && reply.body.kind === 'meter' && reply.body.meters[0]?.bands, [{ packetCount: 0n, byteCount: 0n }])
  })

  it('says that counters do not exist where the pipeline has none', () => {
    const base = fakeFeatures()
    const r = new Rig({ pipeline: new FakePipeline({ ...base, meters: { ...base.meters, capabilities: KBPS } }) }).connect(1)
    r.send(1, meterMod({ meterId: 3 }))
    assert.equal(answer(r, { kind: 'meter', meterId: 3 }).meters[0]?.packetInCount, 0xffff_ffff_ffff_ffffn)
    assert.deepEqual(errors(r.send(1, meterMod({ meterId: 4, flags: KBPS | STATS }))), ['OFPMMFC_BAD_FLAGS'])
  })
})

describe('a meter action in a list', () => {
  const behind = (meterId: number) => ({ ...NO_INSTRUCTIONS, apply: [{ type: 'set_field', field: 'eth_dst', value: 1n, mask: null } as const, { type: 'meter', meterId } as const, output(1)] })

  it('is a use of its meter like the instruction', () => {
    const r = new Rig().connect(1, '1.5')
    r.send(1, meterMod({ meterId: 1 }))
    r.send(1, meterMod({ meterId: 2 }))
    assert.deepEqual(errors(r.send(1, flowMod({ instructions: behind(3) }))), ['OFPMMFC_INVALID_METER'])
    r.send(1, flowMod({ priority: 1, instructions: behind(1) }))
    r.send(1, flowMod({ priority: 2, instructions: behind(1) }))
    r.send(1, flowMod({ priority: 2, command: 'modify_strict', instructions: behind(2) }))
    assert.deepEqual(changesOf(r.send(1, meterMod({ meterId: 1, command: 'delete' }))), ['delete_flow', 'delete_meter'])
    assert.deepEqual([...r.datapath.flows()].map(({ priority }) => priority), [2])
  })

  it('waits for the change of its meter that is in flight', () => {
    const r = new Rig().connect(1, '1.5')
    r.auto = false
    const [commit] = commits(r.send(1, meterMod({ meterId: 1 })))
    assert.ok(commit)
    assert.deepEqual(commits(r.send(1, flowMod({ instructions: behind(1) }))), [])
    assert.deepEqual(changesOf(r.step({ kind: 'committed', token: commit.token })), ['add_flow'])
  })
})
