import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { RpcError } from '../../../src/p4proto/service.js'
import { Session } from '../../../src/p4runtime/index.js'
import { FakeP4Runtime } from '../../support/fake-p4runtime.js'
import { acl, ACL, COUNTER, EXACT, eventually, exact, insert, multicast, remove, rig, tinyJson, tinyP4Info } from './rig.js'
import type { NamedEntity } from '../../../src/compiler/ir.js'
import type { Rig } from './rig.js'

const open: Rig[] = []
after(async () => { for (const { session } of open) await session.close() })
const start = (target: FakeP4Runtime, options: Partial<Parameters<typeof rig>[0]> = {}): Rig => {
  const made = rig({ connect: target.connect, ...options })
  open.push(made)
  return made
}
const ready = async (target: FakeP4Runtime, options: Partial<Parameters<typeof rig>[0]> = {}): Promise<Rig> => {
  const made = start(target, options)
  await made.event('ready')
  return made
}

test('a target without a pipeline gets it', async () => {
  const target = new FakeP4Runtime()
  const { events, session } = await ready(target)
  assert.deepEqual(events, [{ kind: 'ready', contents: null, atomic: false }])
  assert.equal(target.pushes, 1)
  assert.ok((target.primaryElectionId ?? 0n) > 2n ** 64n)
  assert.ok(session.isReady)
})

test('a target that has our pipeline is read, neither emptied nor pushed to', async () => {
  const target = new FakeP4Runtime()
  const first = await ready(target)
  const updates = [
    ...Array.from({ length: 450 }, (_, i) => insert(exact(i))), insert(acl(1, { controllerMetadata: 5, metadata: Uint8Array.of(1, 2), idleTimeout: 1500 })),
    insert(acl(1, { priority: 11 })), insert(acl(null)), insert(multicast(7, 1, 2)),
  ]
  assert.deepEqual(await first.session.write(updates), [])
  await first.session.close()
  const writesBefore = target.calls.length
  const second = await ready(target)
  assert.equal(target.pushes, 1)
  assert.deepEqual(target.calls.slice(writesBefore).filter(({ method, size }) => method === 'write' && size > 0), [])
  const [event] = second.events
  assert.ok(event?.kind === 'ready')
  const text = (entities: readonly NamedEntity[]): string[] => entities.map((entity) => JSON.stringify({ ...entity, ...entity.kind === 'table' ? { metadata: Buffer.from(entity.metadata).toString('hex') } : {} }, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))).sort()
  assert.deepEqual(text(event.contents ?? []), text(updates.map(({ entity }) => entity)))
  // What is full is known from what was read.
  const size = second.session.p4info.tables.get(ACL)?.size ?? 0
  const failures = await second.session.write(Array.from({ length: size }, (_, i) => insert(acl(i + 100))))
  assert.deepEqual(failures.map(({ kind }) => kind), ['target.full', 'target.full', 'target.full'])
})

test('groups of another pipeline are removed before ours is pushed, because they outlive it', async () => {
  const target = new FakeP4Runtime()
  const first = await ready(target)
  assert.deepEqual(await first.session.write([insert(multicast(1, 1)), insert(multicast(2, 1, 2))]), [])
  await first.session.close()
  target.cookie = 4711n
  await ready(target)
  assert.deepEqual([target.pushes, target.forgottenGroups], [2, 0])
})

test('a target that cannot be read gets the pipeline again', async () => {
  const target = new FakeP4Runtime()
  const first = await ready(target)
  await first.session.write([insert(exact(1))])
  await first.session.close()
  target.before = ({ method }) => { if (method === 'read' && target.pushes === 1) throw new RpcError(13, 'stuck') }
  await ready(target)
  assert.deepEqual([target.pushes, target.entries.size], [2, 0])
})

test('a target that is slow to be read keeps what it has', async () => {
  const target = new FakeP4Runtime()
  const first = await ready(target)
  await first.session.write([insert(exact(1))])
  await first.session.close()
  let late = 2
  target.before = ({ method }) => { if (method === 'read' && late-- > 0) throw new RpcError(4, 'late') }
  await ready(target)
  assert.deepEqual([target.pushes, target.entries.size, late < 0], [1, 1, true])
})

test('another client is primary: standby until it leaves, then ready; demoted: lost', async () => {
  const target = new FakeP4Runtime()
  const leave = target.rival(2n ** 127n)
  const { session, events, event } = start(target)
  await event('standby')
  assert.deepEqual(await session.write([insert(exact(1))]).then((failures) => failures.map(({ kind }) => kind)), ['target.lost'])
  assert.deepEqual(events, [{ kind: 'standby' }])
  leave()
  await event('ready')
  const leaveAgain = target.rival(2n ** 127n)
  await event('lost')
  assert.equal(session.isReady, false)
  leaveAgain()
  await event('ready', 2)
  assert.deepEqual(events.map(({ kind }) => kind), ['standby', 'ready', 'lost', 'standby', 'ready'])
  assert.equal(target.connections, 1)
})

test('a lower client that comes and goes disturbs nobody', async () => {
  const target = new FakeP4Runtime()
  const { events, session } = await ready(target)
  target.rival(1n)()
  target.emit({ arbitration: { deviceId: 1, electionId: { low: 1 }, status: { code: 0 } } })
  assert.deepEqual(await session.write([insert(exact(1))]), [])
  assert.equal(events.length, 1)
  assert.equal(target.pushes, 1)
})

test('two sessions with the same fixed election id: the second waits until the first has gone', async () => {
  const target = new FakeP4Runtime()
  const electionId = { high: 0n, low: 5n }
  const first = await ready(target, { electionId })
  const second = start(target, { electionId })
  await eventually('the second has been refused', () => second.session.statistics.connects > 2)
  await first.session.close()
  await second.event('ready')
})

test('the target is not there: tried again until it is', async () => {
  const target = new FakeP4Runtime()
  target.down = true
  const { session, events, event } = start(target)
  await eventually('several attempts', () => session.statistics.connects >= 4)
  assert.deepEqual(events, [])
  target.down = false
  await event('ready')
})

test('a connection that is lost fails all that has no answer, then everything starts over', async () => {
  const target = new FakeP4Runtime()
  const { session, events, event } = await ready(target)
  let release = (): void => {}
  target.before = ({ method }) => method === 'write' ? new Promise<void>((resolve) => { release = resolve }) : undefined
  const inFlight = session.write([insert(exact(1)), insert(exact(2))])
  await eventually('the Write is under way', () => target.calls.at(-1)?.method === 'write')
  const queued = session.write([insert(exact(3))])
  const counters = session.readTableCounters(EXACT)
  target.disconnect()
  target.before = null
  release()
  for (const [promise, count] of [[inFlight, 2], [queued, 1]] as const) {
    const failures = await promise
    assert.deepEqual(failures.map(({ index, kind }) => [index, kind]), Array.from({ length: count }, (_, i) => [i, 'target.lost']))
  }
  assert.equal((await counters).count, 0)
  await event('ready', 2)
  assert.deepEqual(events.map(({ kind }) => kind), ['ready', 'lost', 'ready'])
  const again = events.at(-1)
  assert.ok(again?.kind === 'ready')
  assert.equal(again.contents?.length, target.entries.size, 'what a lost Write has left behind is told')
  assert.deepEqual(await session.write([insert(exact(4))]), [])
})

test('a Write whose outcome is not known makes the session start over', async () => {
  const target = new FakeP4Runtime()
  const { session, event, events } = await ready(target)
  target.after = ({ method }) => {
    if (method !== 'write') return
    target.after = null
    throw new RpcError(4, 'deadline exceeded')
  }
  const failures = await session.write([insert(exact(1)), insert(exact(2))])
  assert.deepEqual(failures.map(({ index, kind }) => [index, kind]), [[0, 'target.lost'], [1, 'target.lost']])
  await event('lost')
  await event('ready', 2)
  const again = events.at(-1)
  assert.ok(again?.kind === 'ready')
  assert.equal(again.contents?.length, 2)
})

test('a pipeline that somebody else has pushed is noticed', async () => {
  const target = new FakeP4Runtime()
  const { events, event } = await ready(target, { heartbeatMs: 5 })
  target.cookie = 1n
  await event('lost')
  assert.match(events.find((e) => e.kind === 'lost')?.reason ?? '', /somebody else has changed the pipeline/)
  await event('ready', 2)
  assert.equal(target.pushes, 2)
})

test('a target that no longer answers is noticed', async () => {
  const target = new FakeP4Runtime()
  const { event, events } = await ready(target, { heartbeatMs: 10 })
  // Silent until the loss is told: the next attempt, which may begin at once, is answered.
  target.before = () => (events.some(({ kind }) => kind === 'lost') ? undefined : new Promise<void>(() => {}))
  await event('lost')
  await event('ready', 2)
})

test('a process that has not run for long does not blame the target', async () => {
  const target = new FakeP4Runtime()
  const { events, session } = await ready(target, { heartbeatMs: 40 })
  let asked = 0
  // The answer to the first is there when the process goes on, but timers come first.
  const done = new Promise<void>((resolve) => {
    target.before = ({ method }) => {
      if (method !== 'get') return undefined
      if (++asked === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
      if (asked === 3) resolve()
      return new Promise<void>((answer) => { setImmediate(answer) })
    }
  })
  await done
  assert.deepEqual(events.filter(({ kind }) => kind === 'lost'), [])
  assert.equal(session.statistics.connects, 1)
})

test('a push that fails is tried again', async () => {
  const target = new FakeP4Runtime()
  let failures = 2
  target.before = ({ method }) => {
    if (method === 'push' && failures-- > 0) throw new RpcError(3, 'cannot load')
  }
  const { session } = await ready(target)
  assert.equal(session.statistics.connects, 3)
})

test('packets in and out by name', async () => {
  const target = new FakeP4Runtime()
  const { session, events, event } = start(target)
  session.packetOut(Uint8Array.of(1), { out_port: 1n })
  assert.equal(session.statistics.packetsOutDropped, 1, 'not ready yet')
  await event('ready')
  session.packetOut(Uint8Array.of(1, 2, 3), { out_port: 300n })
  session.packetOut(Uint8Array.of(4), { out_port: 512n })
  session.packetOut(Uint8Array.of(5), { no_such_field: 1n })
  assert.deepEqual(target.packetsOut.map(({ payload, metadata }) => [[...payload ?? []], (metadata ?? []).map((m) => [m.metadataId, [...m.value ?? []]])]), [
    [[1, 2, 3], [[1, [1, 44]], [2, [0]]]],
  ])
  assert.equal(session.statistics.packetsOutDropped, 3)
  target.emit({ packet: { payload: Uint8Array.of(9), metadata: [{ metadataId: 1, value: Uint8Array.of(1, 44) }, { metadataId: 2, value: Uint8Array.of(5) }, { metadataId: 77, value: Uint8Array.of(1) }] } })
  const packet = events.find((e) => e.kind === 'packet_in')?.packet
  assert.deepEqual(packet?.metadata, { in_port: 300n, reason: 5n })
  assert.deepEqual([...packet?.payload ?? []], [9])
})

test('idle entries are told by their controllerMetadata', async () => {
  const target = new FakeP4Runtime()
  const { events } = await ready(target)
  target.emit({ idleTimeoutNotification: { tableEntry: [{ tableId: 1, controllerMetadata: 5 }, { tableId: 1 }, { tableId: 1, controllerMetadata: 4294967295 }] } })
  target.emit({ idleTimeoutNotification: { tableEntry: [{ tableId: 1 }] } })
  target.emit({ error: { canonicalCode: 3, message: 'bad packet-out' } })
  assert.deepEqual(events.slice(1), [{ kind: 'idle', controllerMetadata: [5, 4294967295] }])
})

test('closing answers what is open and starts nothing any more', async () => {
  const target = new FakeP4Runtime()
  const { session, events } = await ready(target)
  target.before = () => new Promise<void>(() => {})
  const write = session.write([insert(exact(1)), remove(exact(2))])
  await session.close()
  assert.deepEqual((await write).map(({ kind }) => kind), ['target.lost', 'target.lost'])
  assert.deepEqual((await session.write([insert(exact(1))])).map(({ kind }) => kind), ['target.lost'])
  assert.deepEqual(await session.readCounter(COUNTER), [])
  assert.deepEqual(events.map(({ kind }) => kind), ['ready'])
  assert.equal(target.connections, 0)
})

test('a P4Info that cannot be used is refused when the session is made', () => {
  const connect = new FakeP4Runtime().connect
  assert.throws(() => new Session({ connect, deviceId: 1, p4info: 'tables { bogus: 1 }', deviceConfig: tinyJson }), /line 1, column 10/)
})

test('the device id and the cookie are those of the session', async () => {
  const target = new FakeP4Runtime()
  await ready(target, { deviceId: 1n })
  const cookie = target.cookie
  const other = new FakeP4Runtime()
  await ready(other, { deviceConfig: Buffer.concat([tinyJson, Buffer.from(' ')]) })
  const again = new FakeP4Runtime()
  await ready(again, { p4info: tinyP4Info })
  assert.notEqual(cookie, other.cookie)
  assert.equal(cookie, again.cookie)
})
