/** Auxiliary connections as the datapath sees them. OF 1.3.5 §6.3.6 */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { Effect, Input } from '../../../src/datapath/index.js'
import type { Message } from '../../../src/openflow/index.js'
import { Rig, VERSION, flowMod, port } from '../../support/datapath-rig.js'

const RAW = new Uint8Array(8)
function stage(): { rig: Rig; say: (conn: number, message: Message) => Message[]; sentTo: (effects: readonly Effect[]) => number[] } {
  const rig = new Rig()
  const connect = (conn: number, auxiliary: Extract<Input, { kind: 'connected' }>['auxiliary']): void => {
    rig.step({ kind: 'connected', conn, version: VERSION['1.3'], connKind: 'controller', auxiliary: auxiliary ?? null })
  }
  connect(1, null)
  connect(2, { auxiliaryId: 1, main: 1 })
  connect(3, { auxiliaryId: 7, main: 1 })
  connect(4, null)
  const sends = (effects: readonly Effect[]): Extract<Effect, { kind: 'send' }>[] => effects.filter((effect) => effect.kind === 'send')
  return {
    rig,
    say: (conn, message) => sends(rig.step({ kind: 'message', conn, xid: 9, message, raw: RAW })).filter((effect) => effect.conn === conn).map((effect) => effect.message),
    sentTo: (effects) => sends(effects).map(({ conn }) => conn).sort(),
  }
}

test('a features reply tells which connection it is', () => {
  const { say } = stage()
  assert.deepEqual([1, 2, 3, 4].map((conn) => say(conn, { type: 'features_request' }).map((reply) => reply.type === 'features_reply' && reply.auxiliaryId)), [[0], [1], [7], [0]])
})

test('asynchronous messages go to a controller once', () => {
  const { rig, sentTo } = stage()
  assert.deepEqual(sentTo(rig.step({ kind: 'port_changed', port: port(2, { state: 1 }) })), [1, 4])
})

test('role and configuration are those of the controller, whichever connection sets them', () => {
  const { say } = stage()
  const role = (conn: number, wanted: 'master' | 'slave' | 'nochange', generationId = 1n): string[] =>
    say(conn, { type: 'role_request', role: wanted, generationId, shortId: 0 }).map((reply) => (reply.type === 'role_reply' ? reply.role : reply.type))
  assert.deepEqual(role(2, 'master'), ['master'])
  assert.deepEqual([1, 2, 3, 4].map((conn) => role(conn, 'nochange')), [['master'], ['master'], ['master'], ['equal']])
  assert.deepEqual(role(1, 'master', 2n), ['master'])
  assert.deepEqual(role(3, 'nochange'), ['master'], 'a master does not demote itself by another connection')
  assert.deepEqual(role(4, 'master', 3n), ['master'])
  assert.deepEqual([1, 2, 3].map((conn) => role(conn, 'nochange')), [['slave'], ['slave'], ['slave']])
  assert.deepEqual(say(2, flowMod()).map((reply) => reply.type === 'error' && reply.name), ['OFPBRC_IS_SLAVE'])
  say(3, { type: 'set_config', flags: 0, missSendLen: 77 })
  assert.deepEqual(say(1, { type: 'get_config_request' }), [{ type: 'get_config_reply', flags: 0, missSendLen: 77 }])
})

test('a barrier is about its own connection', () => {
  const { rig, say } = stage()
  rig.auto = false
  say(1, flowMod())
  assert.deepEqual(say(1, { type: 'barrier_request' }), [], 'the change is not acknowledged yet')
  assert.deepEqual(say(2, { type: 'barrier_request' }), [{ type: 'barrier_reply' }])
})

test('an auxiliary connection that stays a moment longer than the main one does no harm', () => {
  const { rig, say } = stage()
  rig.step({ kind: 'disconnected', conn: 1 })
  assert.deepEqual(say(2, { type: 'barrier_request' }), [{ type: 'barrier_reply' }])
  rig.step({ kind: 'disconnected', conn: 2 })
  rig.step({ kind: 'disconnected', conn: 3 })
  assert.deepEqual(rig.datapath.connections().map(({ id }) => id), [4])
})
