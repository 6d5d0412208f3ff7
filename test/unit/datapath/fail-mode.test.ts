/** Fail modes: when the switch forwards on its own, and what it does to the flow tables then. */
import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { FailMode } from '../../../src/datapath/fail-mode.js'
import type { FailModeConfig } from '../../../src/datapath/fail-mode.js'
import { HIDDEN_FLOW_ID, whyNotStandalone } from '../../../src/datapath/standalone-flow.js'
import type { Effect } from '../../../src/datapath/index.js'
import { Group, Port, Table } from '../../../src/openflow/index.js'
import type { Message } from '../../../src/openflow/index.js'
import { FakePipeline } from '../../support/fake-pipeline.js'
import { Rig, flowMod } from '../../support/datapath-rig.js'

const standalone: FailModeConfig = { mode: 'standalone', hasControllers: true, probeMs: 5000 }
const request = (message: Partial<Message> & { type: Message['type'] }): Message => message as Message

describe('the state machine', () => {
  test('opens when no controller was ever there for more than three probes', () => {
    const it = new FailMode(standalone, 1000)
    assert.equal(it.next(), 16_001)
    assert.equal(it.run(16_000), null)
    assert.equal(it.run(16_001), 'opened')
    assert.deepEqual([it.isOnItsOwn, it.run(99_999), it.next()], [true, null, null])
  })

  test('counts from what was last heard of a controller that had accepted the switch', () => {
    const it = new FailMode(standalone, 0)
    it.connected(1, 5000)
    it.heard(1, flowMod())
    assert.deepEqual([it.run(100_000), it.next()], [null, null])
    it.disconnected(1, 10_000, 110_000)
    assert.equal(it.next(), 115_001)
    assert.deepEqual([it.run(115_000), it.run(115_001)], [null, 'opened'])
  })

  test('another controller that is there is enough', () => {
    const it = new FailMode(standalone, 0)
    for (const conn of [1, 2]) {
      it.connected(conn, 10)
      it.heard(conn, flowMod())
    }
    it.disconnected(1, 0, 20)
    assert.equal(it.run(50_000), null)
    it.disconnected(2, 0, 60_000)
    assert.deepEqual([it.run(75_000), it.run(75_001)], [null, 'opened'])
  })

  for (const [message, takes] of [
    [request({ type: 'features_request' }), false], [request({ type: 'set_config' }), false], [request({ type: 'get_async_request' }), false],
    [request({ type: 'stats_request', more: false, body: { kind: 'table_features', tables: [] } }), false],
    [request({ type: 'stats_request', more: false, body: { kind: 'group', groupId: 0 } }), false],
    [request({ type: 'stats_request', more: false, body: { kind: 'desc' } }), true],
    [request({ type: 'barrier_request' }), true], [request({ type: 'role_request' }), true], [flowMod(), true],
  ] as const) {
    test(`${message.type}${message.type === 'stats_request' ? ` for ${message.body.kind}` : ''} ${takes ? 'takes' : 'does not take'} control`, () => {
      const it = new FailMode(standalone, 0)
      it.run(20_000)
      it.connected(1, 21_000)
      assert.equal(it.run(21_000), null, 'a connection alone is not enough')
      it.heard(1, message)
      assert.equal(it.run(21_001), takes ? 'closed' : null)
    })
  }

  test('a controller that says little has accepted the switch after half a minute', () => {
    const it = new FailMode(standalone, 0)
    it.run(20_000)
    it.connected(1, 20_000)
    assert.equal(it.next(), 50_000)
    assert.deepEqual([it.run(49_999), it.run(50_000)], [null, 'closed'])
  })

  test('one that looks and leaves again and again does not stop it', () => {
    const it = new FailMode(standalone, 0)
    it.run(20_000)
    for (let now = 20_000; now < 200_000; now += 5000) {
      it.connected(now, now)
      it.heard(now, request({ type: 'features_request' }))
      it.disconnected(now, 0, now + 4000)
      assert.equal(it.run(now + 4000), null)
    }
    assert.equal(it.isOnItsOwn, true)
  })

  test('without probes it opens at once', () => {
    const it = new FailMode({ ...standalone, probeMs: 0 }, 0)
    assert.equal(it.run(0), null)
    it.connected(1, 0)
    it.heard(1, flowMod())
    it.disconnected(1, 0, 500)
    assert.equal(it.run(501), 'opened')
  })

  test('never in secure mode, nor without controllers', () => {
    for (const config of [{ ...standalone, mode: 'secure' }, { ...standalone, hasControllers: false }] as const) {
      const it = new FailMode(config, 0)
      assert.deepEqual([it.run(1_000_000), it.next()], [null, null])
      assert.equal(it.isUnmanaged, config.mode === 'standalone')
    }
  })

  test('another configuration: a flush where the flows of one master go over to another', () => {
    const secure = { ...standalone, mode: 'secure' } as const
    const alone = { ...standalone, hasControllers: false }
    for (const [from, to, flushes] of [
      [standalone, alone, true], [alone, standalone, true], [alone, { ...secure, hasControllers: false }, true],
      [standalone, secure, false], [secure, standalone, false], [secure, { ...secure, hasControllers: false }, false],
    ] as const) assert.equal(new FailMode(from, 0).configure(to, 10), flushes)
    const it = new FailMode(standalone, 0)
    it.run(20_000)
    it.configure(secure, 20_000)
    assert.equal(it.isOnItsOwn, false)
  })
})

describe('the flow tables', () => {
  const stage = (failMode: FailModeConfig, pipeline = new FakePipeline()): { rig: Rig; hidden: () => boolean; ask: (message: Message, conn?: number) => Message[]; connect: (conn: number, connKind?: 'controller' | 'service') => void } => {
    const rig = new Rig({ pipeline, config: { failMode } })
    return {
      rig,
      hidden: () => pipeline.flows.has(HIDDEN_FLOW_ID),
      ask: (message, conn = 9) => rig.step({ kind: 'message', conn, xid: 1, message, raw: new Uint8Array(8) })
        .filter((effect): effect is Extract<Effect, { kind: 'send' }> => effect.kind === 'send' && effect.conn === conn).map((effect) => effect.message),
      connect: (conn, connKind = 'controller') => { rig.step({ kind: 'connected', conn, version: 4, connKind }) },
    }
  }
  const later = (rig: Rig, ms: number): void => {
    rig.now += ms
    rig.step({ kind: 'tick' })
  }
  const deleteAll = flowMod({ command: 'delete', tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY })
  const opened = (): ReturnType<typeof stage> => {
    const it = stage(standalone)
    it.connect(1)
    it.ask(flowMod({ priority: 7 }), 1)
    it.rig.step({ kind: 'disconnected', conn: 1 })
    later(it.rig, 15_001)
    return it
  }

  test('on its own: the flows are flushed, and one that nobody sees forwards', () => {
    const { rig, hidden, ask, connect } = opened()
    assert.equal(hidden(), true)
    assert.deepEqual([...rig.pipeline.flows.values()].map(({ priority, instructions }) => [priority, instructions.apply]), [[0xf0f0f0, [{ type: 'output', port: Port.NORMAL, maxLen: 0 }]]])
    assert.equal(rig.datapath.isOnItsOwn, true)
    connect(9, 'service')
    assert.deepEqual([[...rig.datapath.flows()].length, rig.datapath.flowCount(0)], [0, 0])
    ask(deleteAll)
    assert.equal(hidden(), true, 'nobody deletes it')
  })

  test('a controller that takes over ends it, with the flows that were added meanwhile', () => {
    const { rig, hidden, ask, connect } = opened()
    connect(9, 'service')
    ask(flowMod({ priority: 3 }))
    assert.equal(hidden(), true, 'a management connection is no controller')
    connect(2)
    ask(request({ type: 'features_request' }), 2)
    assert.equal(hidden(), true)
    ask(flowMod({ priority: 4 }), 2)
    assert.equal(hidden(), false)
    assert.deepEqual([...rig.datapath.flows()].map(({ priority }) => priority).sort(), [3, 4])
  })

  test('a controller that has not taken over is sent a harmless packet now and then, so that it does something', () => {
    const { rig, ask, connect } = opened()
    connect(2)
    ask(request({ type: 'features_request' }), 2)
    const probes = (from: number): Message[] => rig.effects.slice(from).flatMap((effect) => (effect.kind === 'send' && effect.message.type === 'packet_in' ? [effect.message] : []))
    assert.equal(rig.datapath.nextWakeup(), rig.now + 2000)
    later(rig, 2000)
    const [probe] = probes(0)
    assert.ok(probe?.type === 'packet_in')
    assert.deepEqual([probe.reason, probe.match[0]?.value], ['no_match', BigInt(Port.LOCAL)])
    assert.equal(Buffer.from(probe.data).toString('hex'), 'ffffffffffff0023208012348035000108000604000300232080123400000000002320801234' + '00000000')
    later(rig, 2000)
    assert.equal(probes(0).length, 2)
    ask(flowMod({ priority: 4 }), 2)
    const taken = rig.effects.length
    later(rig, 10_000)
    assert.equal(probes(taken).length, 0)
    assert.equal(rig.datapath.nextWakeup(), null)
  })

  test('wakes by itself', () => {
    const { rig } = stage(standalone)
    assert.equal(rig.datapath.nextWakeup(), rig.now + 15_001)
    later(rig, 15_001)
    assert.equal(rig.datapath.isOnItsOwn, true)
    assert.equal(rig.datapath.nextWakeup(), null)
  })

  test('flows with a change in flight are flushed when it is answered', () => {
    const { rig, hidden, ask, connect } = stage(standalone)
    connect(1)
    rig.auto = false
    ask(flowMod({ priority: 7 }), 1)
    rig.step({ kind: 'disconnected', conn: 1 })
    later(rig, 15_001)
    assert.equal([...rig.datapath.flows()].length, 1)
    rig.auto = true
    for (const effect of [...rig.effects]) if (effect.kind === 'commit') rig.step({ kind: 'committed', token: effect.token })
    assert.deepEqual([[...rig.datapath.flows()].length, hidden()], [0, true])
  })

  test('a target that comes back empty gets it again', () => {
    const { rig, hidden } = opened()
    rig.step({ kind: 'target_lost' })
    rig.step({ kind: 'target_ready', fresh: true })
    assert.equal(hidden(), true)
  })

  test('what happens while the target is away is there when it is back', () => {
    const { rig, hidden, ask, connect } = opened()
    rig.step({ kind: 'target_lost' })
    connect(2)
    ask(flowMod({ priority: 4 }), 2)
    rig.step({ kind: 'target_ready', fresh: true })
    assert.equal(hidden(), false)
    assert.deepEqual([...rig.pipeline.flows.values()].map(({ priority }) => priority), [4])
  })

  test('a target that refuses it is asked again, without a storm', () => {
    const it = stage(standalone)
    it.rig.auto = false
    later(it.rig, 15_001)
    const refuse = (): number => {
      const commits = it.rig.effects.filter((effect) => effect.kind === 'commit')
      const last = commits.at(-1)
      if (last?.kind === 'commit') it.rig.step({ kind: 'rejected', token: last.token, failures: [{ subject: { flow: HIDDEN_FLOW_ID }, kind: 'target.full', message: 'full' }] })
      return commits.length
    }
    const before = refuse()
    it.rig.step({ kind: 'tick' })
    assert.equal(it.rig.effects.filter((effect) => effect.kind === 'commit').length, before)
    assert.equal(it.rig.datapath.nextWakeup(), it.rig.now + 1000)
    it.rig.auto = true
    later(it.rig, 1000)
    assert.equal(it.hidden(), true)
  })

  test('without controllers an ordinary flow of the lowest priority forwards, which anybody may delete', () => {
    const { rig, ask, connect } = stage({ ...standalone, hasControllers: false })
    assert.deepEqual([...rig.datapath.flows()].map(({ priority, record }) => [priority, record.cookie, record.instructions.apply?.[0]]),
      [[0, 0n, { type: 'output', port: Port.NORMAL, maxLen: 0 }]])
    connect(9, 'service')
    ask(deleteAll)
    assert.equal([...rig.datapath.flows()].length, 0)
    later(rig, 100_000)
    assert.equal([...rig.datapath.flows()].length, 0, 'until the next flush')
  })

  test('another configuration: the flows go over from one master to the other', () => {
    const { rig, hidden, ask, connect } = stage({ ...standalone, hasControllers: false })
    connect(9, 'service')
    ask(flowMod({ priority: 5 }))
    rig.step({ kind: 'fail_mode', config: standalone })
    assert.deepEqual([[...rig.datapath.flows()].length, hidden()], [0, false])
    later(rig, 15_001)
    assert.equal(hidden(), true)
    rig.step({ kind: 'fail_mode', config: { ...standalone, hasControllers: false } })
    assert.deepEqual([[...rig.datapath.flows()].map(({ priority }) => priority), hidden()], [[0], false])
    rig.step({ kind: 'fail_mode', config: { mode: 'secure', hasControllers: false, probeMs: 5000 } })
    assert.equal([...rig.datapath.flows()].length, 0)
  })

  test('whether a pipeline can do it is asked of the pipeline, and leaves no trace', () => {
    const pipeline = new FakePipeline()
    assert.equal(whyNotStandalone(pipeline), null)
    assert.equal(pipeline.flows.size, 0)
    pipeline.refuseFlows('OFPBAC_BAD_OUT_PORT', 'no NORMAL')
    assert.deepEqual(whyNotStandalone(pipeline), ['no NORMAL'])
  })
})
