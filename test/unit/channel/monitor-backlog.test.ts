/** When the switch is told that a peer is behind with its flow updates, and that it has read them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '../../../src/openflow/index.js'
import { MonitorBacklog } from '../../../src/channel/monitor-backlog.js'
import { listeningSet, until } from './peer.js'

const KiB = 1024
const update: Message = { type: 'stats_reply', body: { kind: 'flow_monitor', updates: [{ event: 'abbrev', xid: 1 }] } }
const other: Message = { type: 'barrier_reply' }

test('only updates that nobody asked for count, until the last of them has been taken', () => {
  const told: boolean[] = []
  const backlog = new MonitorBacklog((isBehind) => { told.push(isBehind) })
  backlog.queued(other, 0, 1000 * KiB)
  backlog.queued(update, 7, 1000 * KiB)
  backlog.queued(update, 0, 100 * KiB)
  backlog.queued(update, 0, 28 * KiB)
  assert.deepEqual(told, [])
  backlog.queued(update, 0, 1)
  backlog.queued(update, 0, 1)
  assert.deepEqual(told, [true])
  backlog.queued(other, 0, 5 * KiB)
  backlog.left(5 * KiB + 1)
  assert.deepEqual(told, [true])
  backlog.left(5 * KiB)
  assert.deepEqual(told, [true, false])
  backlog.queued(update, 0, 127 * KiB)
  backlog.left(0)
  backlog.queued(update, 0, 127 * KiB)
  assert.deepEqual(told, [true, false], 'what has been taken does not count any more')
})

test('a peer that stops reading, and reads again', async (context) => {
  const { set, events, open } = await listeningSet(context, { inactivityProbeMs: 0 })
  const told = events.monitorsBehind
  const peer = await open()
  const [connection] = set.status().connections
  assert.ok(connection)
  peer.socket.pause()
  const updates: Message = { type: 'stats_reply', body: { kind: 'flow_monitor', updates: Array.from({ length: 8000 }, () => ({ event: 'abbrev' as const, xid: 1 })) } }
  await until('the switch is told', () => {
    set.send(connection.id, updates, 0)
    return told.length > 0
  })
  assert.deepEqual(told, [true])
  peer.socket.resume()
  await until('it has read', () => told.length === 2)
  assert.deepEqual(told, [true, false])
})
