/** Bundles: use and misuse, and that a commit is all or nothing whoever refuses it. OF 1.4.1 §6.8, §7.3.9; ONF EXT-230 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BundleFlag, FlowModFlag, PortConfig, Table } from '../../../src/openflow/index.js'
import type { BundleControlType, Message } from '../../../src/openflow/index.js'
import type { Effect } from '../../../src/datapath/index.js'
import { refusal } from '../../../src/datapath/pipeline.js'
import { Rig, apply, bucket, changesOf, commits, flowMod, groupMod, kindsSent, match, output, port, sent, toGroup } from '../../support/datapath-rig.js'
import type { FakePlan } from '../../support/fake-pipeline.js'

const { ATOMIC, ORDERED } = BundleFlag
const ID = 7

class Bundles extends Rig {
  flags = ORDERED as number
  control(control: BundleControlType, bundleId = ID): Effect[] {
    return this.send(1, { type: 'bundle_control', bundleId, control, flags: this.flags, time: null })
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
    const features = (): unknown => {
      const [message] = sent(r.stats(1, { kind: 'bundle_features', flags: 0, time: null }))
      return message?.type === 'stats_reply' && message.body
    }
    assert.deepEqual(features(), { kind: 'bundle_features', capabilities: ORDERED, time: null })
    r.step({ kind: 'target_ready', fresh: true, atomic: true })
    assert.deepEqual(features(), { kind: 'bundle_features', capabilities: ATOMIC | ORDERED, time: null })
    assert.deepEqual(replies(r.stats(1, { kind: 'bundle_features', flags: 2, time: null })), ['OFPBRC_MULTIPART_BAD_SCHED'])
    r.flags = BundleFlag.TIME
    assert.deepEqual(replies(r.control('open_request')), ['OFPBFC_SCHED_NOT_SUPPORTED'])
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

  for (let failing = 0; failing < everything.length; failing++)
    it(`because the pipeline has no room for message ${failing}`, () => {
      const r = prepared()
      const before = [r.state, r.held]
      const xids = everything.map((message) => { r.add(message); return r.lastXid })
      let planned = 0
      r.pipeline.refuse = () => planned++ === failing ? refusal('OFPFMFC_TABLE_FULL', 'no') : null
      const effects = r.control('commit_request')
      r.pipeline.refuse = () => null
      assert.deepEqual(replies(effects), ['OFPFMFC_TABLE_FULL', 'OFPBFC_MSG_FAILED'])
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
