import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Expiry } from '../../../src/datapath/expiry.js'
import type { Flow } from '../../../src/datapath/state.js'
import { Rig, apply, changesOf, commits, flowMod, groupMod, output, sent } from '../../support/datapath-rig.js'

const SEND_FLOW_REM = 1
const idOf = (r: Rig): number => [...r.datapath.flows()][0]!.id

describe('timeouts', () => {
  it('removes a flow when its hard timeout has passed, to the millisecond', () => {
    const r = new Rig().connect(1)
    const start = r.now
    r.send(1, flowMod({ hardTimeout: 5, flags: SEND_FLOW_REM }))
    assert.equal(r.datapath.nextWakeup(), start + 5000)
    assert.deepEqual(r.at(start + 4999), [])
    const effects = r.at(start + 5000)
    assert.deepEqual(changesOf(effects), ['delete_flow'])
    const [removed] = sent(effects)
    assert.ok(removed?.type === 'flow_removed')
    assert.deepEqual([removed.reason, removed.durationSec, removed.durationNsec], ['hard_timeout', 5, 0])
    assert.equal(r.datapath.nextWakeup(), null)
  })

  it('a modification restarts the hard timeout, not the duration', () => {
    const r = new Rig().connect(1)
    const start = r.now
    r.send(1, flowMod({ hardTimeout: 5, flags: SEND_FLOW_REM }))
    r.now = start + 4000
    r.send(1, flowMod({ command: 'modify', instructions: apply(output(2)) }))
    assert.deepEqual(r.at(start + 5000), [])
    const [removed] = sent(r.at(start + 9000))
    assert.ok(removed?.type === 'flow_removed')
    assert.equal(removed.durationSec, 9)
  })

  it('a replacement restarts both, with the new timeout', () => {
    const r = new Rig().connect(1)
    const start = r.now
    r.send(1, flowMod({ hardTimeout: 100 }))
    r.now = start + 1000
    r.send(1, flowMod({ hardTimeout: 1, flags: SEND_FLOW_REM }))
    const [removed] = sent(r.at(start + 2000))
    assert.ok(removed?.type === 'flow_removed')
    assert.equal(removed.durationSec, 1)
  })

  it('removes idle flows the target reports, with what they counted', () => {
    const r = new Rig().connect(1)
    r.send(1, flowMod({ idleTimeout: 3, flags: SEND_FLOW_REM }))
    r.counters.set(idOf(r), { packets: 2n, bytes: 120n })
    r.now += 4000
    const [removed] = sent(r.step({ kind: 'idle', flowIds: [idOf(r), 4711] }))
    assert.ok(removed?.type === 'flow_removed')
    assert.deepEqual([removed.reason, removed.packetCount, removed.byteCount], ['idle_timeout', 2n, 120n])
  })

  it('ignores an idle report for a flow without an idle timeout', () => {
    const r = new Rig().connect(1)
    r.send(1, flowMod())
    assert.deepEqual(r.step({ kind: 'idle', flowIds: [idOf(r)] }), [])
  })

  it('an idle report that crosses a modification still counts, one that crosses a replacement does not', () => {
    for (const [command, removed] of [['modify', true], ['add', false]] as const) {
      const r = new Rig().connect(1)
      r.send(1, flowMod({ idleTimeout: 3 }))
      r.auto = false
      const [commit] = commits(r.send(1, flowMod({ command, idleTimeout: 3, instructions: apply(output(2)) })))
      assert.deepEqual(r.step({ kind: 'idle', flowIds: [idOf(r)] }), [])
      assert.deepEqual(changesOf(r.step({ kind: 'committed', token: commit!.token })), removed ? ['delete_flow'] : [])
    }
  })

  it('a flow whose addition is in flight expires once it is acknowledged', () => {
    const r = new Rig().connect(1)
    const start = r.now
    r.auto = false
    const [commit] = commits(r.send(1, flowMod({ hardTimeout: 1 })))
    assert.equal(r.datapath.nextWakeup(), null)
    assert.deepEqual(r.at(start + 3000), [])
    assert.deepEqual(changesOf(r.step({ kind: 'committed', token: commit!.token })), ['delete_flow'])
  })

  it('asks again a second later when the target will not remove an expired flow', () => {
    const r = new Rig().connect(1)
    const start = r.now
    r.send(1, flowMod({ hardTimeout: 1 }))
    r.auto = false
    const [commit] = commits(r.at(start + 1000))
    r.step({ kind: 'rejected', token: commit!.token, failures: [{ subject: 'other', kind: 'target.rejected', message: 'no' }] })
    assert.equal(r.datapath.nextWakeup(), start + 2000)
    assert.deepEqual(changesOf(r.at(start + 2000)), ['delete_flow'])
  })

  it('expires flows in one change when their time comes together', () => {
    const r = new Rig().connect(1)
    for (let priority = 0; priority < 20; priority++) r.send(1, flowMod({ priority, hardTimeout: 2 }))
    assert.equal(commits(r.at(r.now + 2000)).length, 1)
    assert.equal(r.datapath.flowCount(0), 0)
  })

  it('has nothing to wake up for after flows are gone for other reasons', () => {
    const r = new Rig().connect(1)
    r.send(1, groupMod({ groupId: 1 }))
    r.send(1, flowMod({ hardTimeout: 2, instructions: apply({ type: 'group', groupId: 1 }) }))
    r.send(1, groupMod({ groupId: 1, command: 'delete' }))
    assert.equal(r.datapath.nextWakeup(), null)
  })
})

it('the heap of deadlines gives them in order and forgets what it is told to', () => {
  const expiry = new Expiry()
  let seed = 7
  const random = (): number => (seed = (seed * 1103515245 + 12345) % 2147483648)
  const flows = Array.from({ length: 500 }, () => ({ heapIndex: -1, deadline: 0, hardTimeout: 1, modifiedAt: 0 }) as unknown as Flow)
  const expected = new Map<Flow, number>()
  for (let step = 0; step < 3000; step++) {
    const flow = flows[random() % flows.length]!
    if (random() % 3 === 0) {
      expiry.forget(flow)
      expected.delete(flow)
    } else {
      const at = random() % 1000
      expiry.watch(flow, at)
      expected.set(flow, at)
    }
    assert.equal(expiry.size, expected.size)
    assert.equal(expiry.next(), expected.size === 0 ? null : Math.min(...expected.values()))
  }
  const due = expiry.due(500)
  assert.deepEqual(due.map((flow) => flow.deadline), [...due].map((flow) => flow.deadline).sort((a, b) => a - b))
  assert.deepEqual(new Set(due), new Set([...expected].filter(([, at]) => at <= 500).map(([flow]) => flow)))
})
