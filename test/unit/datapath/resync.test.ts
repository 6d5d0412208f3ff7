import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FlowModFlag, Group, Port, Table } from '../../../src/openflow/index.js'
import type { Message } from '../../../src/openflow/index.js'
import { Rig, apply, bucket, changesOf, commits, errors, flowMod, groupMod, kindsSent, output, sent, toGroup } from '../../support/datapath-rig.js'

const BARRIER: Message = { type: 'barrier_request' }
const lose = (r: Rig): void => { r.step({ kind: 'target_lost' }) }

describe('before the target is there', () => {
  it('accepts requests, holds barriers, and writes everything at once when it comes', () => {
    const r = new Rig({ ready: false }).connect(1)
    assert.deepEqual(r.send(1, flowMod()), [])
    assert.deepEqual(r.send(1, BARRIER), [])
    assert.deepEqual(kindsSent(r.send(1, { type: 'echo_request', data: new Uint8Array() })), ['echo_reply'])
    const effects = r.step({ kind: 'target_ready', fresh: true })
    assert.deepEqual(changesOf(effects), ['set_ports', 'set_miss', 'add_flow'])
    assert.deepEqual(kindsSent(effects), ['barrier_reply'])
    assert.deepEqual([r.datapath.targetState, r.datapath.pendingChanges], ['ready', 0])
  })

  it('refuses changes beyond its bound', () => {
    const r = new Rig({ ready: false, config: { maxHeldChanges: 4 } }).connect(1)
    const got = [1, 2, 3, 4, 5].flatMap((priority) => errors(r.send(1, flowMod({ priority }))))
    // Ports and miss behaviour are held as well.
    assert.deepEqual(got, ['OFPFMFC_UNKNOWN', 'OFPFMFC_UNKNOWN', 'OFPFMFC_UNKNOWN'])
  })
})

describe('a target that comes back empty', () => {
  const filled = (): Rig => {
    const r = new Rig().connect(1)
    r.send(1, groupMod({ groupId: 5, buckets: [bucket({ actions: [output(1)] })] }))
    r.send(1, groupMod({ groupId: 1, buckets: [bucket({ actions: [toGroup(5)] })] }))
    r.send(1, flowMod({ priority: 1, instructions: apply(toGroup(1)) }))
    r.send(1, flowMod({ priority: 2 }))
    return r
  }

  it('gets the whole state in one change, groups before what refers to them', () => {
    const r = filled()
    lose(r)
    const effects = r.step({ kind: 'target_ready', fresh: true })
    assert.equal(commits(effects).length, 1)
    assert.deepEqual(changesOf(effects), ['set_ports', 'set_miss', 'add_group', 'add_group', 'add_flow', 'add_flow'])
    assert.deepEqual([...r.pipeline.groups.keys()], [5, 1])
    assert.deepEqual([...r.pipeline.flows.values()].map((flow) => flow.priority), [1, 2])
  })

  it('acknowledges what was in flight and what was asked meanwhile', () => {
    const r = filled()
    r.auto = false
    r.send(1, flowMod({ priority: 3 }))
    r.send(1, flowMod({ command: 'delete_strict', priority: 2 }))
    lose(r)
    r.send(1, flowMod({ priority: 4 }))
    r.send(1, BARRIER)
    r.auto = true
    const effects = r.step({ kind: 'target_ready', fresh: true })
    assert.deepEqual(kindsSent(effects), ['barrier_reply'])
    assert.deepEqual([...r.pipeline.flows.values()].map((flow) => flow.priority), [1, 3, 4])
    assert.equal(r.datapath.pendingChanges, 0)
  })

  it('begins nothing else before it has the whole state', () => {
    const r = filled()
    lose(r)
    r.auto = false
    const [whole] = commits(r.step({ kind: 'target_ready', fresh: true }))
    assert.deepEqual(r.send(1, flowMod({ priority: 9 })), [])
    assert.equal(r.datapath.targetState, 'syncing')
    assert.deepEqual(changesOf(r.step({ kind: 'committed', token: whole!.token })), ['add_flow'])
  })

  it('goes on counting where the old one stopped', () => {
    const r = filled()
    const flow = [...r.datapath.flows()].find((each) => each.priority === 2)!
    const count = (): bigint => {
      const [reply] = sent(r.stats(1, { kind: 'aggregate', tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] }))
      assert.ok(reply?.type === 'stats_reply' && reply.body.kind === 'aggregate')
      return reply.body.packetCount
    }
    r.counters.set(flow.id, { packets: 10n, bytes: 100n })
    assert.equal(count(), 10n)
    lose(r)
    assert.equal(count(), 10n, 'the last reading while the target is away')
    r.counters.set(flow.id, { packets: 1n, bytes: 10n })
    r.step({ kind: 'target_ready', fresh: true })
    assert.equal(count(), 11n)
  })

  it('answers reads that were in flight with what is known', () => {
    const r = filled()
    r.auto = false
    r.stats(1, { kind: 'port', portNo: 1 })
    r.send(1, BARRIER)
    assert.deepEqual(kindsSent(r.step({ kind: 'target_lost' })), ['stats_reply', 'barrier_reply'])
  })

  it('drops what it cannot hold any more, and tells', () => {
    const r = filled()
    r.send(1, flowMod({ priority: 6, cookie: 6n, flags: FlowModFlag.SEND_FLOW_REM }))
    const flow = [...r.datapath.flows()].find((each) => each.priority === 6)!
    lose(r)
    r.auto = false
    const [whole] = commits(r.step({ kind: 'target_ready', fresh: true }))
    r.auto = true
    const effects = r.step({ kind: 'rejected', token: whole!.token, failures: [{ subject: { flow: flow.id }, kind: 'target.full', message: 'full' }] })
    const [removed] = sent(effects)
    assert.ok(removed?.type === 'flow_removed')
    assert.deepEqual([removed.cookie, removed.reason], [6n, 'delete'])
    assert.deepEqual([...r.pipeline.flows.values()].map((each) => each.priority), [1, 2])
    assert.equal(r.datapath.targetState, 'ready')
  })

  it('answers a request that was in flight with its error when its flow does not fit', () => {
    const r = filled()
    r.auto = false
    r.send(1, flowMod({ priority: 7 }))
    r.send(1, BARRIER)
    const flow = [...r.datapath.flows()].find((each) => each.priority === 7)!
    lose(r)
    const [whole] = commits(r.step({ kind: 'target_ready', fresh: true }))
    r.auto = true
    const effects = r.step({ kind: 'rejected', token: whole!.token, failures: [{ subject: { flow: flow.id }, kind: 'target.full', message: 'full' }] })
    assert.deepEqual(kindsSent(effects), ['OFPFMFC_TABLE_FULL', 'barrier_reply'])
    assert.equal(r.datapath.flowCount(0), 2)
  })

  it('takes flows and groups along that need a group it cannot hold', () => {
    const r = filled()
    lose(r)
    r.auto = false
    const [whole] = commits(r.step({ kind: 'target_ready', fresh: true }))
    r.auto = true
    r.step({ kind: 'rejected', token: whole!.token, failures: [{ subject: { group: 5 }, kind: 'target.full', message: 'full' }] })
    assert.deepEqual([r.datapath.groups(), [...r.datapath.flows()].map((flow) => flow.priority)], [[], [2]])
  })

  it('tries again when it is not told what was wrong', () => {
    const r = filled()
    lose(r)
    r.auto = false
    const [whole] = commits(r.step({ kind: 'target_ready', fresh: true }))
    r.step({ kind: 'rejected', token: whole!.token, failures: [{ subject: 'other', kind: 'target.rejected', message: '?' }] })
    assert.deepEqual([r.datapath.targetState, r.datapath.nextWakeup()], ['syncing', r.now + 1000])
    r.auto = true
    assert.equal(commits(r.at(r.now + 1000)).length, 1)
    assert.equal(r.datapath.targetState, 'ready')
    assert.equal(r.pipeline.flows.size, 2)
  })

  it('starts over when it is lost again in the middle', () => {
    const r = filled()
    lose(r)
    r.auto = false
    const [stale] = commits(r.step({ kind: 'target_ready', fresh: true }))
    lose(r)
    r.send(1, flowMod({ priority: 8 }))
    const [whole] = commits(r.step({ kind: 'target_ready', fresh: true }))
    assert.deepEqual(r.step({ kind: 'committed', token: stale!.token }), [], 'an answer from before is not an answer')
    r.step({ kind: 'committed', token: whole!.token })
    assert.equal(r.datapath.targetState, 'ready')
    assert.equal(r.pipeline.flows.size, 3)
  })
})

describe('a target that comes back as it was', () => {
  it('gets the commits in flight again, in order, and new ones after them', () => {
    const r = new Rig().connect(1)
    r.auto = false
    const first = commits(r.send(1, flowMod({ priority: 1 })))[0]!
    lose(r)
    assert.deepEqual(r.step({ kind: 'committed', token: first.token }), [], 'too late')
    assert.deepEqual(commits(r.send(1, flowMod({ priority: 2 }))), [])
    const again = commits(r.step({ kind: 'target_ready', fresh: false }))
    assert.deepEqual(again.map((effect) => [effect.token === first.token, effect.again]), [[true, true], [false, true]])
    assert.deepEqual(errors(r.step({ kind: 'rejected', token: first.token, failures: [{ subject: 'other', kind: 'target.full', message: 'full' }] })), ['OFPFMFC_TABLE_FULL'])
    assert.deepEqual([...r.pipeline.flows.values()].map((flow) => flow.priority), [2])
  })

  it('at the start: the whole state over what is there', () => {
    const r = new Rig({ ready: false })
    const [whole] = commits(r.step({ kind: 'target_ready', fresh: false }))
    assert.equal(whole?.again, true)
  })
})
