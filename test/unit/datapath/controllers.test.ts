/** What controllers are told of one another. OF 1.4.1 §6.3.5, §7.4.4, §7.4.6; OF 1.5.1 §7.3.5.18, §7.4.8 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SAME_ASYNC } from '../../../src/openflow/index.js'
import type { Message, Role } from '../../../src/openflow/index.js'
import { Rig, bucket, commits, errors, groupMod, kindsSent, meterMod, output, sent } from '../../support/datapath-rig.js'

const role = (name: Role, generation = 1, shortId = 0): Message => ({ type: 'role_request', role: name, generationId: BigInt(generation), shortId })
const forwards = (r: Rig, conn: number): void => { r.send(conn, { type: 'set_async', ...SAME_ASYNC, requestForward: [3, 3] }) }
const group = groupMod({ groupId: 1, buckets: [bucket({ actions: [output(1)] })] })

describe('role status', () => {
  for (const [version, expected] of [['1.2', []], ['1.3', ['role_status']], ['1.4', ['role_status']]] as const)
    it(`tells the previous master that it is a slave now, in ${version}: ${expected.length > 0 ? 'yes' : 'no'}`, () => {
      const r = new Rig().connect(1, version).connect(2, '1.4').connect(3, '1.4')
      r.send(1, role('master'))
      const effects = r.send(2, role('master', 2))
      assert.deepEqual([kindsSent(effects, 1), kindsSent(effects, 2), kindsSent(effects, 3)], [expected, ['role_reply'], []])
      const [status] = sent(effects, 1)
      if (expected.length > 0) assert.deepEqual(status, { type: 'role_status', role: 'slave', reason: 'master_request', generationId: 2n })
    })

  it('is for those who want it', () => {
    const r = new Rig().connect(1, '1.4').connect(2, '1.4')
    r.send(1, role('master'))
    r.send(1, { type: 'set_async', ...SAME_ASYNC, roleStatus: [null, 0] })
    assert.deepEqual(kindsSent(r.send(2, role('master', 2)), 1), [])
  })
})

describe('requestforward', () => {
  it('tells others of groups and meters, if they want it and when the target has them', () => {
    const r = new Rig().connect(1, '1.4').connect(2, '1.4').connect(3, '1.3')
    assert.deepEqual(kindsSent(r.send(1, group), 2), [], 'nobody is told who has not asked')
    for (const conn of [1, 2, 3]) forwards(r, conn)
    r.auto = false
    const change = groupMod({ groupId: 1, command: 'modify', buckets: [] })
    const [commit] = commits(r.send(1, change))
    assert.ok(commit)
    const effects = r.step({ kind: 'committed', token: commit.token })
    assert.deepEqual([sent(effects, 1), sent(effects, 3)], [[], []])
    assert.deepEqual(sent(effects, 2), [{ type: 'requestforward', xid: r.lastXid, request: change }])
    r.auto = true
    assert.deepEqual(kindsSent(r.send(2, meterMod({ meterId: 1 })), 1), ['requestforward'])
  })

  it('tells nothing of what was refused, by us or by the target', () => {
    const r = new Rig().connect(1, '1.4').connect(2, '1.4')
    forwards(r, 2)
    assert.deepEqual(kindsSent(r.send(1, { ...group, command: 'modify' }), 2), [])
    r.auto = false
    const [commit] = commits(r.send(1, group))
    assert.ok(commit)
    assert.deepEqual(kindsSent(r.step({ kind: 'rejected', token: commit.token, failures: [] }), 2), [])
  })

  it('tells of a bundle what was in it', () => {
    const r = new Rig().connect(1, '1.4').connect(2, '1.4')
    forwards(r, 2)
    r.send(1, { type: 'bundle_add', bundleId: 1, flags: 2, message: group })
    r.send(1, { type: 'bundle_add', bundleId: 1, flags: 2, message: meterMod({ meterId: 2 }) })
    assert.deepEqual(kindsSent(r.send(1, { type: 'bundle_control', bundleId: 1, control: 'commit_request', flags: 2, time: null }), 2), ['requestforward', 'requestforward'])
  })
})

describe('controller status', () => {
  it('says who is there', () => {
    const r = new Rig()
    r.step({ kind: 'connected', conn: 1, version: 6, connKind: 'controller', uri: 'tcp:192.0.2.1:6653' })
    r.connect(2, '1.0').connect(3, '1.5', 'service')
    r.send(1, role('master', 1, 77))
    const [reply] = sent(r.stats(1, { kind: 'controller_status' }))
    assert.deepEqual(reply, { type: 'stats_reply', body: { kind: 'controller_status', controllers: [
      { shortId: 77, role: 'master', reason: 'request', channel: 'up', uri: 'tcp:192.0.2.1:6653' },
      { shortId: 0, role: 'equal', reason: 'request', channel: 'up', uri: null },
    ] } })
  })

  it('is told when it changes: channels, roles, ids', () => {
    const r = new Rig().connect(1, '1.5').connect(2, '1.4')
    const news = (effects: Parameters<typeof sent>[0]): string[] => sent(effects, 1).flatMap((message) =>
      message.type === 'controller_status' ? [`${message.controller.reason} ${message.controller.channel} ${message.controller.role} ${message.controller.shortId}`] : [])
    assert.deepEqual(news(r.step({ kind: 'connected', conn: 3, version: 6, connKind: 'controller' })), ['channel_status up equal 0'])
    assert.deepEqual(news(r.send(3, role('master', 1, 5))), ['role up master 0', 'short_id up master 5'])
    assert.deepEqual(news(r.send(2, role('master', 2))), ['role up slave 5', 'role up master 0'])
    assert.deepEqual(news(r.step({ kind: 'disconnected', conn: 3 })), ['channel_status down slave 5'])
    assert.deepEqual(news(r.step({ kind: 'connected', conn: 4, version: 1, connKind: 'service' })), [])
  })

  it('knows an id once', () => {
    const r = new Rig().connect(1, '1.5').connect(2, '1.5')
    r.send(1, role('equal', 1, 5))
    assert.deepEqual(errors(r.send(2, role('equal', 1, 5))), ['OFPRRFC_ID_IN_USE'])
    assert.deepEqual(errors(r.send(1, role('equal', 1, 5))), [])
  })
})
