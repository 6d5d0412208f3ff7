/** Bundles: use and misuse, and that a commit is all or nothing whoever refuses it. OF 1.4.1 §6.8, §7.3.9; ONF EXT-230 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BundleFlag, FlowModFlag, PortConfig, Table } from '../../../src/openflow/index.js'
import type { BundleControl, BundleControlType, BundleTimeFeatures, Message, SwitchTime } from '../../../src/openflow/index.js'
import type { Effect } from '../../../src/datapath/index.js'
import { refusal } from '../../../src/datapath/pipeline.js'
import { Rig, apply, bucket, changesOf, commits, flowMod, groupMod, kindsSent, match, output, port, sent, toGroup } from '../../support/datapath-rig.js'
import type { FakePlan } from '../../support/fake-pipeline.js'

const { ATOMIC, ORDERED, TIME } = BundleFlag
const ID = 7

class Bundles extends Rig {
  flags = ORDERED as number
  control(control: BundleControlType, bundleId = ID, time: SwitchTime | null = null): Effect[] {
    return this.send(1, { type: 'bundle_control', bundleId, control, flags: time === null ? this.flags : this.flags | TIME, time })
  }
  add(message: Message, bundleId = ID): Effect[] {
    const xid = this.lastXid + 1
    return this.send(1, { type: 'bundle_add', bundleId, flags: this.flags, message, raw: Uint8Array.of(0xbb, xid) })
  }
  /** What the switch holds, as text. */
  get state(): string {
    const flows = [...this.datapath.flows()].map(({ tableId, priority, record: { match, cookie, instructions }, flags, hardTimeout, createdAt, last }) =>
      `${tableId} ${priority} ${JSON.stringify([match, cookie, instructions, flags, hardTimeout, createdAt, last], (_, value) => typeof value === 'bigint' ? String(value) : value)}`)
    return JSON.stringify([flows.sort(), this.datapath.groups(), this.datapath.ports().map(({ portNo, config }) => [portNo, config])])
  }
  /** The same of the pipeline. */
  get held(): string {
    const text = (value: unknown): string => JSON.stringify(value, (_, each) => typeof each === 'bigint' ? String(each) : each)
    return text([[...this.pipeline.flows.values()].sort((a, b) => a.id - b.id), [...this.pipeline.groups].sort((a, b) => a[0] - b[0])])
  }
}
const rig = (): Bundles => new Bundles().connect(1) as Bundles
const replies = (effects: readonly Effect[]): string[] => sent(effects).map((message) =>
  message.type === 'bundle_control' ? message.control : message.type === 'error' ? message.name : message.type)

describe('a bundle', () => {
  it('does nothing before its commit, then everything in one', () => {
    const r = rig()
    assert.deepEqual(replies(r.control('open_request')), ['open_reply'])
    assert.deepEqual(r.add(groupMod({ groupId: 1, buckets: [bucket({ actions: [output(1)] })] })), [])
    assert.deepEqual(r.add(flowMod({ instructions: apply(toGroup(1)) })), [])
    assert.equal([...r.datapath.flows()].length, 0)
    assert.deepEqual(replies(r.control('close_request')), ['close_reply'])
    const effects = r.control('commit_request')
    assert.deepEqual(changesOf(effects), ['add_group', 'add_flow'])
    assert.equal(commits(effects).length, 1)
    assert.deepEqual(replies(effects), ['commit_reply'])
    assert.equal([...r.datapath.flows()].length, 1)
    assert.deepEqual(replies(r.control('commit_request')), ['OFPBFC_BAD_ID'], 'it is gone afterwards')
  })

  it('is answered when the target has it, and a barrier waits for that', () => {
    const r = rig()
    r.add(flowMod())
    r.auto = false
    const [commit] = commits(r.control('commit_request'))
    assert.ok(commit)
    const waiting = r.send(1, { type: 'barrier_request' })
    assert.deepEqual(replies(waiting), [])
    assert.deepEqual(replies(r.step({ kind: 'committed', token: commit.token })), ['commit_reply', 'barrier_reply'])
  })

  it('that changes nothing is answered at once', () => {
    const r = rig()
    r.control('open_request')
    r.add(flowMod({ command: 'delete' }))
    assert.deepEqual(replies(r.control('commit_request')), ['commit_reply'])
  })

  const misuse: readonly (readonly [string, (r: Bundles) => Effect[], string])[] = [
    ['opening what is open', (r) => r.control('open_request'), 'OFPBFC_BAD_ID'],
    ['closing what is closed', (r) => [...r.control('close_request').slice(1), ...r.control('close_request')], 'OFPBFC_BUNDLE_CLOSED'],
    ['adding to what is closed', (r) => [...r.control('close_request').slice(1), ...r.add(flowMod())], 'OFPBFC_BUNDLE_CLOSED'],
    ['closing with other flags', (r) => { r.flags = 0; return r.control('close_request') }, 'OFPBFC_BAD_FLAGS'],
    ['committing with other flags', (r) => { r.flags = 0; return r.control('commit_request') }, 'OFPBFC_BAD_FLAGS'],
    ['adding with other flags', (r) => { r.flags = 0; return r.add(flowMod()) }, 'OFPBFC_BAD_FLAGS'],
  ]
  for (const [name, act, error] of misuse)
    it(`is forgotten after ${name}`, () => {
      const r = rig()
      r.control('open_request')
      assert.deepEqual(replies(act(r)).filter((each) => each !== 'close_reply'), [error])
      assert.deepEqual(replies(r.control('commit_request')), ['OFPBFC_BAD_ID'])
    })

  it('stays after what does not concern it', () => {
    const r = rig()
    r.control('open_request')
    assert.deepEqual(replies(r.control('open_reply')), ['OFPBFC_BAD_TYPE'])
    assert.deepEqual(replies(r.add({ type: 'barrier_request' })), ['OFPBFC_MSG_UNSUP'])
    assert.deepEqual(replies(r.control('commit_request', 8)), ['OFPBFC_BAD_ID'])
    assert.deepEqual(replies(r.control('discard_request', 8)), ['OFPBFC_BAD_ID'])
    assert.deepEqual(replies(r.control('discard_request')), ['discard_reply'])
  })

  it('has flags that the switch knows, and is packet-atomic only where the target is', () => {
    const r = rig()
    r.flags = 8
    assert.deepEqual(replies(r.control('open_request')), ['OFPBFC_BAD_FLAGS'])
    r.flags = ATOMIC | ORDERED
    assert.deepEqual(replies(r.control('open_request')), ['OFPBFC_BAD_FLAGS'])
    r.step({ kind: 'target_lost' })
    r.step({ kind: 'target_ready', fresh: true, atomic: true })
    r.add(flowMod())
    r.add(flowMod({ priority: 1 }))
    const effects = r.control('commit_request')
    assert.equal((commits(effects)[0]?.plan as FakePlan).atomic, true)
    assert.deepEqual(replies(effects), ['commit_reply'])
  })

  it('says what it can be', () => {
    const r = new Bundles().connect(1, '1.5') as Bundles
    assert.equal(features(r).capabilities, ORDERED | TIME)
    r.step({ kind: 'target_ready', fresh: true, atomic: true })
    assert.equal(features(r).capabilities, ATOMIC | ORDERED | TIME)
  })

  it('is given up after ten seconds in which nothing is said about it', () => {
    const r = rig()
    r.control('open_request')
    const opened = r.lastXid
    r.now += 6000
    r.add(flowMod())
    assert.equal(r.datapath.nextWakeup(), r.now + 10_000)
    assert.deepEqual(r.at(r.now + 9999), [])
    const effects = r.at(r.now + 1)
    assert.deepEqual(replies(effects), ['OFPBFC_TIMEOUT'])
    assert.equal(effects.find((effect) => effect.kind === 'send')?.xid, opened)
    assert.deepEqual(replies(r.control('commit_request')), ['OFPBFC_BAD_ID'])
    assert.equal(r.datapath.nextWakeup(), null)
  })

  it('is limited in number', () => {
    const r = rig()
    for (let id = 0; id < 64; id++) assert.deepEqual(replies(r.control('open_request', id)), ['open_reply'])
    assert.deepEqual(replies(r.control('open_request', 64)), ['OFPBFC_OUT_OF_BUNDLES'])
  })

  it('is nothing for a slave', () => {
    const r = rig()
    r.send(1, { type: 'role_request', role: 'slave', generationId: 1n, shortId: 0 })
    assert.deepEqual([...replies(r.control('open_request')), ...replies(r.add(flowMod()))], ['OFPBRC_IS_SLAVE', 'OFPBRC_IS_SLAVE'])
  })

  it('sees what it has done itself', () => {
    const r = rig()
    for (const priority of [1, 2, 3]) r.send(1, flowMod({ priority, flags: FlowModFlag.SEND_FLOW_REM, cookie: BigInt(priority) }))
    r.add(flowMod({ command: 'delete', tableId: Table.ALL }))
    r.add(flowMod({ priority: 2, cookie: 22n }))
    r.add(flowMod({ priority: 2, cookie: 23n, flags: FlowModFlag.CHECK_OVERLAP }))
    r.add(groupMod({ groupId: 1, buckets: [bucket({ actions: [output(1)] })] }))
    r.add(groupMod({ groupId: 2, buckets: [bucket({ actions: [toGroup(1)] })] }))
    r.add(groupMod({ groupId: 2, command: 'modify', buckets: [bucket({ actions: [output(2)] })] }))
    r.add(groupMod({ groupId: 1, command: 'delete' }))
    r.add({ type: 'packet_out', bufferId: 0xffffffff, inPort: 1, match: [], actions: [toGroup(2)], data: new Uint8Array(60) })
    const effects = r.control('commit_request')
    assert.deepEqual(kindsSent(effects), ['flow_removed', 'flow_removed', 'flow_removed', 'bundle_control'])
    assert.equal(effects.findIndex(({ kind }) => kind === 'packet_out') > effects.findIndex(({ kind }) => kind === 'commit'), true)
    assert.deepEqual([...r.datapath.flows()].map(({ priority, record }) => [priority, record.cookie]), [[2, 23n]])
    assert.deepEqual(r.datapath.groups().map(({ groupId }) => groupId), [2])
  })
})

const EPOCH = 1_700_000_000_000
/** When the clock of the rig shows this. */
const timeAt = (now: number, nanoseconds = 0): SwitchTime =>
  ({ seconds: BigInt(Math.floor((EPOCH + now) / 1000)), nanoseconds: (EPOCH + now) % 1000 * 1e6 + nanoseconds })
const scheduling = (): Bundles => new Bundles({ config: { epoch: EPOCH } }).connect(1, '1.5') as Bundles
function features(r: Bundles, flags = 0, time: BundleTimeFeatures | null = null): { readonly capabilities: number; readonly time: BundleTimeFeatures | null } {
  const [message] = sent(r.stats(1, { kind: 'bundle_features', flags, time }))
  assert.ok(message?.type === 'stats_reply' && message.body.kind === 'bundle_features')
  return message.body
}
const seconds = (n: number): SwitchTime => ({ seconds: BigInt(n), nanoseconds: 0 })
const tolerance = (future: SwitchTime, past: SwitchTime): BundleTimeFeatures =>
  ({ schedAccuracy: seconds(0), schedMaxFuture: future, schedMaxPast: past, timestamp: seconds(0) })

describe('a bundle for a time', () => {
  for (const opened of [ORDERED, ORDERED | TIME])
    it(`opened with flags ${opened} is committed then, and not before`, () => {
      const r = scheduling()
      r.flags = opened
      r.add(flowMod())
      assert.deepEqual(r.control('commit_request', ID, timeAt(r.now + 500, 300_000)), [])
      const xid = r.lastXid
      assert.deepEqual(replies(r.send(1, { type: 'barrier_request' })), ['barrier_reply'], 'nothing waits for it')
      const due = r.datapath.nextWakeup()
      assert.ok(due !== null && Math.abs(due - (r.now + 500.3)) < 0.001, String(due))
      assert.deepEqual(r.at(r.now + 500), [])
      const effects = r.at(r.now + 1)
      assert.deepEqual([changesOf(effects), replies(effects)], [['add_flow'], ['commit_reply']])
      assert.equal(effects.find((effect) => effect.kind === 'send')?.xid, xid)
      assert.deepEqual(replies(r.control('discard_request')), ['OFPBFC_BAD_ID'], 'it is gone afterwards')
      assert.equal(r.datapath.nextWakeup(), null)
    })

  it('that has passed within the tolerance is committed at once', () => {
    const r = scheduling()
    r.add(flowMod())
    assert.deepEqual(replies(r.control('commit_request', ID, timeAt(r.now - 1000))), ['commit_reply'])
  })

  const refused: readonly (readonly [string, (r: Bundles) => SwitchTime, string])[] = [
    ['too far away', (r) => timeAt(r.now + 1001), 'OFPBFC_SCHED_FUTURE'],
    ['too long ago', (r) => timeAt(r.now - 1001), 'OFPBFC_SCHED_PAST'],
    ['too many nanoseconds', () => ({ seconds: 0n, nanoseconds: 1_000_000_000 }), 'OFPBPC_BAD_VALUE'],
  ]
  for (const [name, time, error] of refused)
    it(`that is ${name} is refused, and the bundle forgotten`, () => {
      const r = scheduling()
      r.add(flowMod())
      assert.deepEqual(replies(r.control('commit_request', ID, time(r))), [error])
      assert.deepEqual(replies(r.control('commit_request')), ['OFPBFC_BAD_ID'])
      assert.equal([...r.datapath.flows()].length, 0)
    })

  it('can be discarded until then', () => {
    const r = scheduling()
    r.add(flowMod())
    r.control('commit_request', ID, timeAt(r.now + 500))
    assert.deepEqual(replies(r.add(flowMod({ priority: 7 }))), ['OFPBFC_BUNDLE_CLOSED'])
    for (const wrong of ['open_request', 'close_request', 'commit_request'] as const) assert.deepEqual(replies(r.control(wrong)), ['OFPBFC_BUNDLE_CLOSED'])
    assert.deepEqual(replies(r.control('discard_request')), ['discard_reply'])
    assert.deepEqual(r.at(r.now + 500), [])
  })

  it('goes with its connection, and is nothing for one that has become a slave', () => {
    const r = scheduling()
    r.add(flowMod())
    r.control('commit_request', ID, timeAt(r.now + 500))
    r.send(1, { type: 'role_request', role: 'slave', generationId: 1n, shortId: 0 })
    assert.deepEqual(replies(r.at(r.now + 500)), ['OFPBRC_IS_SLAVE', 'OFPBFC_MSG_FAILED'])
    r.send(1, { type: 'role_request', role: 'equal', generationId: 2n, shortId: 0 })
    r.add(flowMod())
    r.control('commit_request', ID, timeAt(r.now + 500))
    r.step({ kind: 'disconnected', conn: 1 })
    assert.deepEqual(r.at(r.now + 500), [])
    assert.equal(r.datapath.nextWakeup(), null)
  })

  it('is not given up for being silent', () => {
    const r = scheduling()
    features(r, 2, tolerance(seconds(3600), seconds(0)))
    r.add(flowMod())
    r.control('commit_request', ID, timeAt(r.now + 60_000))
    assert.deepEqual(r.at(r.now + 30_000), [])
    assert.deepEqual(replies(r.at(r.now + 30_000)), ['commit_reply'])
  })

  it('waits for what is in flight', () => {
    const r = scheduling()
    r.connect(2, '1.5')
    r.add(flowMod())
    r.control('commit_request', ID, timeAt(r.now + 500))
    r.auto = false
    const [other] = commits(r.send(2, flowMod()))
    assert.ok(other)
    assert.deepEqual(r.at(r.now + 500), [])
    assert.equal(r.datapath.nextWakeup(), null, 'the answer wakes it')
    const [own] = commits(r.step({ kind: 'committed', token: other.token }))
    assert.ok(own)
    assert.deepEqual(replies(r.step({ kind: 'committed', token: own.token })), ['commit_reply'])
  })

  it('comes in the order of the times', () => {
    const r = scheduling()
    for (const [id, delay] of [[1, 900], [2, 300], [3, 600]] as const) {
      r.add(flowMod({ priority: id }), id)
      r.control('commit_request', id, timeAt(r.now + delay))
    }
    const effects = r.at(r.now + 1000)
    const priorities = commits(effects).flatMap(({ plan }) => (plan as FakePlan).changes.map((change) => change.op === 'add_flow' ? change.flow.priority : -1))
    assert.deepEqual(priorities, [2, 3, 1])
  })

  it('has a tolerance that a controller sets and all see', () => {
    const r = scheduling()
    const about = (time: BundleTimeFeatures | null): unknown => time === null ? null : [time.schedMaxFuture.seconds, time.schedMaxPast.seconds]
    assert.deepEqual(about(features(r).time), [1n, 1n])
    assert.deepEqual(features(r, 1, tolerance(seconds(0), seconds(0))).time?.timestamp, timeAt(r.now))
    assert.deepEqual(about(features(r, 2, tolerance(seconds(60), seconds(0))).time), [60n, 0n])
    assert.deepEqual(about(features(r).time), [60n, 0n])
    for (const [flags, time] of [[2, null], [4, null], [2, tolerance(seconds(86_401), seconds(0))], [2, tolerance(seconds(0), { seconds: 0n, nanoseconds: 1_000_000_000 })]] as const)
      assert.deepEqual(replies(r.stats(1, { kind: 'bundle_features', flags, time })), ['OFPBRC_MULTIPART_BAD_SCHED'])
    r.send(1, { type: 'role_request', role: 'slave', generationId: 1n, shortId: 0 })
    assert.deepEqual(replies(r.stats(1, { kind: 'bundle_features', flags: 2, time: tolerance(seconds(0), seconds(0)) })), ['OFPBRC_IS_SLAVE'])
    assert.deepEqual(about(features(r).time), [60n, 0n])
  })

  it('is said only by a commit, with its flag, in 1.5', () => {
    const r = scheduling()
    const control = (given: Partial<BundleControl>): string[] =>
      replies(r.send(1, { type: 'bundle_control', bundleId: ID, control: 'commit_request', flags: ORDERED | TIME, time: null, ...given }))
    assert.deepEqual(control({ control: 'open_request', time: timeAt(r.now) }), ['OFPBPC_BAD_TYPE'])
    for (const wrong of [{ flags: ORDERED, time: timeAt(r.now) }, { time: null }]) {
      r.add(flowMod())
      assert.deepEqual(control(wrong), ['OFPBFC_BAD_FLAGS'])
    }
    const older = new Bundles().connect(1, '1.4') as Bundles
    older.flags = TIME
    assert.deepEqual(replies(older.control('open_request')), ['OFPBFC_BAD_FLAGS'])
  })
})

/** Everything that can be in a bundle, twice over the same objects. */
const everything: readonly Message[] = [
  groupMod({ groupId: 3, buckets: [bucket({ actions: [output(1)] })] }),
  flowMod({ priority: 1, instructions: apply(toGroup(3)), flags: FlowModFlag.RESET_COUNTS, cookie: 0x99n }),
  flowMod({ command: 'modify', match: match({ in_port: 1 }), instructions: apply(output(3)) }),
  flowMod({ command: 'modify', match: match({ in_port: 1 }), instructions: apply(toGroup(1)) }),
  flowMod({ command: 'delete', match: match({ in_port: 1 }) }),
  flowMod({ priority: 2, match: match({ in_port: 1 }), hardTimeout: 9, instructions: apply(output(2)) }),
  flowMod({ command: 'delete', match: match({ in_port: 1 }) }),
  flowMod({ priority: 2, match: match({ in_port: 1 }), cookie: 5n }),
  groupMod({ groupId: 1, command: 'modify', groupType: 'select', buckets: [bucket({ actions: [output(3)], weight: 1 })] }),
  groupMod({ groupId: 2, command: 'delete' }),
  groupMod({ groupId: 2, buckets: [] }),
  { type: 'port_mod', portNo: 2, hwAddr: port(2).hwAddr, config: PortConfig.NO_FWD, mask: PortConfig.NO_FWD, advertise: 0, properties: [] },
  { type: 'port_mod', portNo: 2, hwAddr: port(2).hwAddr, config: 0, mask: PortConfig.NO_FWD, advertise: 0, properties: [] },
  { type: 'port_mod', portNo: 1, hwAddr: port(1).hwAddr, config: PortConfig.NO_FWD, mask: PortConfig.NO_FWD, advertise: 0, properties: [] },
]
const prepared = (): Bundles => {
  const r = rig()
  r.send(1, groupMod({ groupId: 1, buckets: [bucket({ actions: [output(1)] })] }))
  r.send(1, groupMod({ groupId: 2, buckets: [bucket({ actions: [output(2)] })] }))
  r.send(1, flowMod({ priority: 1, cookie: 1n, instructions: apply(toGroup(2)) }))
  r.send(1, flowMod({ priority: 2, match: match({ in_port: 1 }), hardTimeout: 30, flags: FlowModFlag.SEND_FLOW_REM }))
  r.send(1, flowMod({ priority: 3, tableId: 1, instructions: apply(toGroup(1)) }))
  r.now += 1000
  return r
}

describe('a bundle that fails leaves everything as it was', () => {
  it('because the last of its messages is refused', () => {
    const r = prepared()
    const before = [r.state, r.held]
    for (const message of everything) r.add(message)
    r.add(flowMod({ instructions: apply(toGroup(4711)) }))
    const wrong = r.lastXid
    const effects = r.control('commit_request')
    assert.deepEqual(replies(effects), ['OFPBAC_BAD_OUT_GROUP', 'OFPBFC_MSG_FAILED'])
    const [own, whole] = effects.filter((effect) => effect.kind === 'send')
    assert.deepEqual([own?.xid, whole?.xid], [wrong, r.lastXid])
    assert.deepEqual(own?.message.type === 'error' && [...own.message.data], [0xbb, wrong], 'the error has the bytes of the added message')
    assert.deepEqual([r.state, r.held], before)
    assert.equal(r.datapath.pendingChanges, 0)
  })

  const NO_ROOM = { group_mod: 'OFPGMFC_OUT_OF_BUCKETS', meter_mod: 'OFPMMFC_OUT_OF_METERS' } as const
  for (let failing = 0; failing < everything.length; failing++)
    it(`because the pipeline has no room for message ${failing}`, () => {
      const r = prepared()
      const before = [r.state, r.held]
      const xids = everything.map((message) => { r.add(message); return r.lastXid })
      let planned = 0
      r.pipeline.refuse = () => planned++ === failing ? refusal('OFPFMFC_TABLE_FULL', 'no') : null
      const effects = r.control('commit_request')
      r.pipeline.refuse = () => null
      assert.deepEqual(replies(effects), [NO_ROOM[everything[failing]!.type as keyof typeof NO_ROOM] ?? 'OFPFMFC_TABLE_FULL', 'OFPBFC_MSG_FAILED'])
      assert.equal(effects.find((effect) => effect.kind === 'send')?.xid, xids[failing])
      assert.deepEqual([r.state, r.held], before)
    })

  for (let failing = 0; failing < everything.length; failing++)
    it(`because the target refuses message ${failing}`, () => {
      const r = prepared()
      const before = [r.state, r.held]
      const xids = everything.map((message) => { r.add(message); return r.lastXid })
      r.auto = false
      const [commit] = commits(r.control('commit_request'))
      assert.ok(commit)
      const effects = r.step({ kind: 'rejected', token: commit.token, failures: [{ subject: 'other', kind: 'target.full', message: 'no', part: failing }] })
      assert.equal(replies(effects).at(-1), 'OFPBFC_MSG_FAILED')
      assert.deepEqual(effects.filter((effect) => effect.kind === 'send').map(({ xid }) => xid), [xids[failing], r.lastXid])
      assert.deepEqual([r.state, r.held], before)
      r.auto = true
      for (const { token } of commits(effects)) r.step({ kind: 'committed', token })
      for (const message of everything) r.add(message)
      assert.equal(replies(r.control('commit_request')).includes('commit_reply'), true, 'and it can be tried again')
    })

  it('and goes on counting where the target had to begin anew', () => {
    const r = prepared()
    const [flow] = [...r.datapath.flows()].filter(({ priority }) => priority === 2)
    assert.ok(flow)
    r.counters.set(flow.id, { packets: 5n, bytes: 500n })
    r.stats(1, { kind: 'aggregate', tableId: Table.ALL, outPort: 0xffffffff, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] })
    r.add(flowMod({ command: 'delete', match: match({ in_port: 1 }) }))
    r.auto = false
    const [commit] = commits(r.control('commit_request'))
    assert.ok(commit)
    const [change] = (commit.plan as FakePlan).changes
    assert.equal(change?.op === 'delete_flow' && change.wantCounters, true)
    r.step({ kind: 'rejected', token: commit.token, failures: [{ subject: 'other', kind: 'target.rejected', message: 'no', part: 0 }], restarted: new Map([[flow.id, { packets: 6n, bytes: 600n }]]) })
    r.auto = true
    r.counters.set(flow.id, { packets: 1n, bytes: 100n })
    const [stats] = sent(r.stats(1, { kind: 'flow', tableId: 0, outPort: 0xffffffff, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: match({ in_port: 1 }) }))
    assert.equal(stats?.type === 'stats_reply' && stats.body.kind === 'flow' && stats.body.flows[0]?.packetCount, 7n)
  })
})

describe('a bundle and other changes', () => {
  it('waits for what is in flight, and begins anew then', () => {
    const r = rig()
    r.connect(2)
    r.add(flowMod({ priority: 1 }))
    r.add(flowMod({ priority: 2, cookie: 2n }))
    r.auto = false
    const [other] = commits(r.send(2, flowMod({ priority: 2, cookie: 1n })))
    assert.ok(other)
    assert.deepEqual(commits(r.control('commit_request')), [])
    assert.equal([...r.datapath.flows()].length, 1)
    const effects = r.step({ kind: 'committed', token: other.token })
    assert.deepEqual(changesOf(effects), ['add_flow', 'modify_flow'])
  })

  it('keeps others away from all it has touched until the target has answered', () => {
    const r = prepared()
    r.connect(2)
    for (const message of everything) r.add(message)
    r.auto = false
    const [commit] = commits(r.control('commit_request'))
    assert.ok(commit)
    for (const message of [
      flowMod({ priority: 2, match: match({ in_port: 1 }) }), groupMod({ groupId: 2, command: 'delete' }), groupMod({ groupId: 1, command: 'delete' }),
    ]) {
      assert.deepEqual(r.send(2, message), [])
      assert.equal(r.datapath.backlog(2) > 0, true)
    }
    assert.equal(r.datapath.backlog(2), 3)
  })

  it('that a target which was away cannot hold is taken back, and the target is emptied', () => {
    const r = prepared()
    const before = r.state
    r.step({ kind: 'target_lost' })
    for (const message of everything) r.add(message)
    assert.deepEqual(replies(r.control('commit_request')), [])
    r.auto = false
    const [whole] = commits(r.step({ kind: 'target_ready', fresh: true }))
    assert.ok(whole)
    const added = (whole.plan as FakePlan).changes.find((change) => change.op === 'add_flow' && change.flow.cookie === 5n)
    assert.ok(added?.op === 'add_flow')
    const effects = r.step({ kind: 'rejected', token: whole.token, failures: [{ subject: { flow: added.flow.id }, kind: 'target.full', message: 'no' }] })
    assert.deepEqual(replies(effects), ['OFPBFC_MSG_FAILED'])
    assert.equal(effects.some(({ kind }) => kind === 'resynchronise'), true)
    assert.deepEqual(commits(effects), [])
    assert.equal(r.state, before)
    r.step({ kind: 'target_lost' })
    r.auto = true
    r.step({ kind: 'target_ready', fresh: true })
    assert.equal(r.pipeline.flows.size, 3)
    assert.equal(r.datapath.targetState, 'ready')
  })
})
