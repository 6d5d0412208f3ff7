import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Effect, Token } from '../../../src/datapath/index.js'
import type { Message } from '../../../src/openflow/index.js'
import { Rig, apply, bucket, changesOf, commits, errors, flowMod, groupMod, kindsSent, match, output, sent, toGroup } from '../../support/datapath-rig.js'

const BARRIER: Message = { type: 'barrier_request' }
const DESC: Message = { type: 'stats_request', more: false, body: { kind: 'desc' } }
const manual = (version: '1.0' | '1.3' = '1.3'): Rig => {
  const r = new Rig().connect(1, version)
  r.auto = false
  return r
}
const tokenOf = (effects: readonly Effect[]): Token => {
  const [commit] = commits(effects)
  assert.ok(commit, 'a commit goes out')
  return commit.token
}
const full = (token: Token) => ({ kind: 'rejected', token, failures: [{ subject: 'other', kind: 'target.full', message: 'no room' }] }) as const

describe('barriers', () => {
  it('answers at once when nothing is outstanding', () => {
    assert.deepEqual(kindsSent(manual().send(1, BARRIER)), ['barrier_reply'])
  })

  it('answers after the last acknowledgement, in whatever order they come', () => {
    const r = manual()
    const first = tokenOf(r.send(1, flowMod({ priority: 1 })))
    const second = tokenOf(r.send(1, flowMod({ priority: 2 })))
    assert.deepEqual(r.send(1, BARRIER), [])
    assert.deepEqual(kindsSent(r.step({ kind: 'committed', token: second })), [])
    assert.deepEqual(kindsSent(r.step({ kind: 'committed', token: first })), ['barrier_reply'])
  })

  it('comes after the error of an earlier request', () => {
    const r = manual()
    const token = tokenOf(r.send(1, flowMod()))
    r.send(1, BARRIER)
    assert.deepEqual(kindsSent(r.step(full(token))), ['OFPFMFC_TABLE_FULL', 'barrier_reply'])
  })

  it('comes after earlier replies that need counters', () => {
    const r = manual()
    const [read] = r.stats(1, { kind: 'port', portNo: 1 }).filter((effect) => effect.kind === 'read_port_counters')
    assert.ok(read)
    r.send(1, BARRIER)
    const effects = r.step({ kind: 'counters', token: read.token, answer: { what: 'ports', ports: new Map() } })
    assert.deepEqual(kindsSent(effects), ['stats_reply', 'barrier_reply'])
  })

  it('comes after the flow-removed that an earlier deletion causes', () => {
    const r = manual()
    r.step({ kind: 'committed', token: tokenOf(r.send(1, flowMod({ flags: 1 }))) })
    const token = tokenOf(r.send(1, flowMod({ command: 'delete' })))
    r.send(1, BARRIER)
    assert.deepEqual(kindsSent(r.step({ kind: 'committed', token })), ['flow_removed', 'barrier_reply'])
  })

  it('holds what follows, and tells how much', () => {
    const r = manual()
    const token = tokenOf(r.send(1, flowMod()))
    r.send(1, BARRIER)
    assert.deepEqual(r.send(1, flowMod({ priority: 5 })), [])
    assert.deepEqual(r.send(1, DESC), [])
    assert.equal(r.datapath.backlog(1), 3)
    const effects = r.step({ kind: 'committed', token })
    assert.deepEqual(kindsSent(effects), ['barrier_reply', 'stats_reply'])
    assert.deepEqual(changesOf(effects), ['add_flow'])
    assert.equal(r.datapath.backlog(1), 0)
  })

  it('does not wait for other connections, nor do they wait for it', () => {
    const r = manual()
    r.connect(2)
    r.send(1, flowMod())
    r.send(1, BARRIER)
    assert.deepEqual(kindsSent(r.send(2, BARRIER)), ['barrier_reply'])
    assert.deepEqual(kindsSent(r.send(2, DESC)), ['stats_reply'])
  })

  it('does not delay echo replies', () => {
    const r = manual()
    r.send(1, flowMod())
    r.send(1, BARRIER)
    assert.deepEqual(kindsSent(r.send(1, { type: 'echo_request', data: Uint8Array.of(1) })), ['echo_reply'])
  })

  it('answers a message the codec refused in its turn', () => {
    const r = manual()
    const token = tokenOf(r.send(1, flowMod()))
    r.send(1, BARRIER)
    assert.deepEqual(r.step({ kind: 'refused', conn: 1, xid: 99, error: 'OFPBRC_BAD_LEN', raw: new Uint8Array(8) }), [])
    assert.deepEqual(kindsSent(r.step({ kind: 'committed', token })), ['barrier_reply', 'OFPBRC_BAD_LEN'])
  })

  it('closes a connection that sends without end and without being throttled', () => {
    const r = manual()
    r.send(1, flowMod())
    r.send(1, BARRIER)
    for (let count = 1; count < 65536; count++) assert.deepEqual(r.send(1, DESC), [])
    assert.deepEqual(r.send(1, DESC).map((effect) => effect.kind), ['close'])
    assert.deepEqual(r.send(1, DESC), [])
    assert.deepEqual(r.datapath.connections(), [])
  })

  it('is forgotten with its connection, while the change goes on', () => {
    const r = manual()
    const token = tokenOf(r.send(1, flowMod()))
    r.send(1, BARRIER)
    r.step({ kind: 'disconnected', conn: 1 })
    assert.deepEqual(sent(r.step({ kind: 'committed', token })), [])
    assert.equal(r.datapath.flowCount(0), 1)
  })
})

describe('a connection that closes while requests of it wait', () => {
  it('has them carried out all the same, in order, without answers', () => {
    const r = manual()
    const token = tokenOf(r.send(1, flowMod({ priority: 1 })))
    r.send(1, BARRIER)
    r.send(1, flowMod({ priority: 2 }))
    r.send(1, BARRIER)
    r.send(1, flowMod({ priority: 3 }))
    r.send(1, DESC)
    r.step({ kind: 'disconnected', conn: 1 })
    const effects = r.step({ kind: 'committed', token })
    assert.deepEqual(changesOf(effects), ['add_flow'])
    const last = r.step({ kind: 'committed', token: tokenOf(effects) })
    assert.deepEqual(changesOf(last), ['add_flow'])
    r.step({ kind: 'committed', token: tokenOf(last) })
    assert.deepEqual([...r.datapath.flows()].map((flow) => flow.priority), [1, 2, 3])
    assert.deepEqual(sent([...effects, ...last]), [])
  })

  it('is a slave like any other when another one becomes master', () => {
    const r = manual()
    r.connect(2)
    r.send(1, { type: 'role_request', role: 'master', generationId: 1n, shortId: 0 })
    const token = tokenOf(r.send(1, flowMod({ priority: 1 })))
    r.send(1, BARRIER)
    r.send(1, flowMod({ priority: 2 }))
    r.step({ kind: 'disconnected', conn: 1 })
    r.send(2, { type: 'role_request', role: 'master', generationId: 2n, shortId: 0 })
    assert.deepEqual(changesOf(r.step({ kind: 'committed', token })), [])
    assert.equal(r.datapath.flowCount(0), 1)
  })
})

describe('changes in flight', () => {
  it('undoes a rejected addition and nothing else', () => {
    const r = manual()
    const first = tokenOf(r.send(1, flowMod({ priority: 1 })))
    const second = tokenOf(r.send(1, flowMod({ priority: 2 })))
    const xid = r.lastXid
    const effects = r.step(full(second))
    assert.deepEqual(errors(effects), ['OFPFMFC_TABLE_FULL'])
    assert.deepEqual(effects.filter((effect) => effect.kind === 'send').map((effect) => effect.xid), [xid])
    assert.deepEqual([...r.datapath.flows()].map((flow) => flow.priority), [1])
    r.step({ kind: 'committed', token: first })
    assert.deepEqual([...r.pipeline.flows.values()].map((flow) => flow.priority), [1])
  })

  it('undoes a rejected replacement: contents, flags, timeouts and duration are as before', () => {
    const r = manual()
    r.step({ kind: 'committed', token: tokenOf(r.send(1, flowMod({ cookie: 1n, hardTimeout: 9, flags: 1 }))) })
    const [before] = [...r.datapath.flows()].map((flow) => ({ ...flow }))
    r.now += 100
    const token = tokenOf(r.send(1, flowMod({ cookie: 2n, hardTimeout: 7, instructions: apply() })))
    assert.equal([...r.datapath.flows()][0]?.record.cookie, 2n)
    r.step(full(token))
    const [after] = [...r.datapath.flows()].map((flow) => ({ ...flow }))
    assert.deepEqual([after?.record, after?.flags, after?.hardTimeout, after?.createdAt], [before?.record, before?.flags, before?.hardTimeout, before?.createdAt])
  })

  it('undoes a rejected deletion', () => {
    const r = manual()
    r.step({ kind: 'committed', token: tokenOf(r.send(1, flowMod({ flags: 1 }))) })
    const token = tokenOf(r.send(1, flowMod({ command: 'delete' })))
    assert.equal(r.datapath.flowCount(0), 0)
    const effects = r.step({ kind: 'rejected', token, failures: [{ subject: 'other', kind: 'target.rejected', message: 'no' }] })
    assert.deepEqual(kindsSent(effects), ['OFPFMFC_UNKNOWN'])
    assert.equal(r.datapath.flowCount(0), 1)
  })

  const conflicts: readonly (readonly [string, Message, Message])[] = [
    ['a replacement of the same flow', flowMod(), flowMod({ cookie: 2n })],
    ['a deletion of it', flowMod(), flowMod({ command: 'delete' })],
    ['a modification of it', flowMod(), flowMod({ command: 'modify' })],
    ['an overlap check against it', flowMod(), flowMod({ match: match({ in_port: 1 }), flags: 2 })],
    ['the deletion of a group it refers to', flowMod({ instructions: apply(toGroup(7)) }), groupMod({ groupId: 7, command: 'delete' })],
    ['a flow that refers to a new group', groupMod({ groupId: 8, buckets: [bucket({ actions: [output(1)] })] }), flowMod({ instructions: apply(toGroup(8)) })],
    ['a group that outputs to a new group', groupMod({ groupId: 8 }), groupMod({ groupId: 9, buckets: [bucket({ actions: [toGroup(8)] })] })],
    ['a packet-out to a new group', groupMod({ groupId: 8 }), { type: 'packet_out', bufferId: 0xffffffff, inPort: 1, match: [], actions: [toGroup(8)], data: new Uint8Array(60) }],
  ]
  for (const [text, first, second] of conflicts) {
    it(`holds ${text} until the change before it is answered`, () => {
      const r = new Rig().connect(1)
      r.send(1, groupMod({ groupId: 7, buckets: [bucket({ actions: [output(1)] })] }))
      r.auto = false
      const token = tokenOf(r.send(1, first))
      assert.deepEqual(r.send(1, second), [])
      assert.equal(r.datapath.backlog(1), 1)
      r.step({ kind: 'committed', token })
      assert.equal(r.datapath.backlog(1), 0)
    })
  }

  it('finds an add refused after the flow it waited for was not taken', () => {
    const r = manual()
    const token = tokenOf(r.send(1, groupMod({ groupId: 8 })))
    r.send(1, flowMod({ instructions: apply(toGroup(8)) }))
    assert.deepEqual(errors(r.step(full(token))), ['OFPGMFC_OUT_OF_GROUPS', 'OFPBAC_BAD_OUT_GROUP'])
  })

  it('lets unrelated flow-mods pass side by side', () => {
    const r = manual()
    for (let priority = 0; priority < 50; priority++) assert.equal(commits(r.send(1, flowMod({ priority }))).length, 1)
    assert.equal(r.datapath.pendingChanges, 50)
  })

  it('does not report flows whose deletion is under way', () => {
    const r = new Rig().connect(1)
    r.send(1, flowMod())
    r.auto = false
    r.send(1, flowMod({ command: 'delete' }))
    const [reply] = sent(r.stats(1, { kind: 'flow', tableId: 255, outPort: 0xffffffff, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] }))
    assert.deepEqual(reply, { type: 'stats_reply', body: { kind: 'flow', flows: [] } })
  })
})
