import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { Message } from '../../../src/openflow/index.js'
import { barrier, echoRequest, hello, hex, listeningSet, loopback, message, until } from './peer.js'

const packetIn = (size: number, port = 1): Message =>
  ({ type: 'packet_in', bufferId: 0xffffffff, totalLen: size, reason: 'action', tableId: 0, cookie: 0n, match: [{ field: 'in_port', value: BigInt(port), mask: null }], data: new Uint8Array(size) })
/** OXM in_port=2 */
const IN_PORT_2 = '8000000400000002'
const echoOf = (size: number): Message => ({ type: 'echo_request', data: new Uint8Array(size) })

test('splits several messages in one segment', async (context) => {
  const { events, connect } = await listeningSet(context)
  const peer = await connect()
  peer.send(hello(4), barrier(1), barrier(2), message(4, 5, 3), echoRequest(4, 'abcd'), barrier(5))
  await until('the messages', () => events.messages.length === 4)
  assert.deepEqual(events.messages.map(({ xid, message: { type } }) => [xid, type]),
    [[1, 'barrier_request'], [2, 'barrier_request'], [3, 'features_request'], [5, 'barrier_request']])
  assert.deepEqual(await peer.next(3), { version: 4, type: 3, xid: 4, body: 'abcd' })
})

test('joins messages that come byte by byte', async (context) => {
  const { events, connect } = await listeningSet(context)
  const peer = await connect()
  peer.socket.setNoDelay(true)
  for (const byte of Buffer.concat([hello(4, 0x10), barrier(7), echoRequest(8, '0102')])) {
    peer.socket.write(Uint8Array.of(byte))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((await peer.next(3)).body, '0102')
  assert.deepEqual(events.messages.map(({ xid, raw }) => [xid, Buffer.from(raw).toString('hex')]), [[7, '0414000800000007']])
})

test('a request that cannot be decoded is reported whole, and the connection goes on', async (context) => {
  const { events, open } = await listeningSet(context)
  const peer = await open()
  const unknown = message(4, 77, 5, '0102')
  const truncated = message(4, 14, 6, '00')
  peer.send(unknown, truncated, message(1, 5, 7), barrier(8))
  await until('the barrier', () => events.messages.length === 1)
  assert.deepEqual(events.refused.map(({ xid, error }) => [xid, error]), [[5, 'OFPBRC_BAD_TYPE'], [6, 'OFPBRC_BAD_LEN'], [7, 'OFPBRC_BAD_VERSION']])
  assert.deepEqual(Buffer.from(events.refused[0]?.raw ?? []), Buffer.from(unknown))
  assert.ok(events.refused.every(({ reason }) => reason.length > 0))
})

test('a length shorter than the header ends the connection with an error', async (context) => {
  const { events, open } = await listeningSet(context)
  const peer = await open()
  peer.send(hex('0414000700000001'), barrier(2))
  const error = await peer.next(1)
  assert.equal(error.body.slice(0, 8), '00010006', 'BAD_REQUEST, BAD_LEN')
  await peer.end()
  assert.equal(events.messages.length, 0)
  assert.equal(events.closed.length, 1)
})

for (const [what, bytes] of [
  ['HTTP', new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')],
  ['TLS', hex('16030100c8010000c40303')],
  ['version 0', message(0, 0, 1)],
  ['another message than hello', echoRequest(1)],
  ['a hello with a length shorter than the header', hex('0400000400000001')],
] as const) {
  test(`${what} in the place of a hello: HELLO_FAILED, and the end`, async (context) => {
    const { events, connect } = await listeningSet(context)
    const peer = await connect()
    peer.send(bytes)
    const error = await peer.next(1)
    assert.equal(error.body.slice(0, 8), '00000000')
    await peer.end()
    assert.deepEqual([events.opened.length, events.closed.length], [0, 0])
  })
}

test("the peer's own HELLO_FAILED ends the connection without an answer", async (context) => {
  const { connect } = await listeningSet(context)
  const peer = await connect()
  peer.send(message(4, 1, 1, '00000000'))
  await peer.end()
  assert.deepEqual(peer.received.map(({ type }) => type), [0])
})

test('a peer that says nothing, or never finishes its hello, is given up', async (context) => {
  const { connect } = await listeningSet(context, { greetingMs: 60 })
  const mute = await connect()
  const slow = await connect()
  slow.send(hex('0400ffff00000001'))
  await Promise.all([mute.end(), slow.end()])
})

test('echo is answered while the datapath holds requests back, and these keep their order', async (context) => {
  const { set, events, open } = await listeningSet(context)
  const peer = await open()
  const { id } = events.opened[0] ?? assert.fail()
  events.then = (_id, xid) => { if (xid === 1) set.pause(id) }
  peer.send(barrier(1), barrier(2), barrier(3), echoRequest(4, 'cafe'), barrier(5))
  assert.equal((await peer.next(3)).body, 'cafe')
  peer.send(echoRequest(6))
  assert.equal((await peer.next(3)).xid, 6)
  assert.deepEqual(events.messages.map(({ xid }) => xid), [1])
  set.resume(id)
  await until('the held requests', () => events.messages.length === 4)
  assert.deepEqual(events.messages.map(({ xid }) => xid), [1, 2, 3, 5])
})

test('a pause of all holds for connections that open later', async (context) => {
  const { set, events, open } = await listeningSet(context)
  set.pause()
  const peer = await open()
  peer.send(barrier(1), echoRequest(2))
  await peer.next(3)
  assert.equal(events.messages.length, 0)
  set.resume()
  await until('the request', () => events.messages.length === 1)
})

test('what is held back is bounded: the peer cannot send more, until it goes on', async (context) => {
  const { set, events, open } = await listeningSet(context, { limits: { heldBytes: 64 * 1024 } })
  const peer = await open()
  set.pause()
  const count = 4000
  const big = message(4, 77, 1, new Uint8Array(8000))
  for (let i = 0; i < count; i++) peer.socket.write(big)
  peer.send(echoRequest(9))
  // Of these 32 MB the socket buffers of loopback take a part, the rest stays with the peer.
  let left = -1
  await until('the peer to be stopped', () => {
    const stable = peer.socket.writableLength === left
    left = peer.socket.writableLength
    return stable && left < count * 8000
  })
  assert.ok(left > 8_000_000, `${left} bytes are left with the peer`)
  assert.equal(events.refused.length, 0)
  set.resume()
  await until('everything to arrive', () => events.refused.length === count)
  await peer.next(3)
})

test('long work for one connection lets the others in', async (context) => {
  const { events, open } = await listeningSet(context, { limits: { sliceMs: 1 } })
  const busy = await open()
  const quick = await open()
  events.then = (id) => {
    if (id === 1) for (const end = performance.now() + 0.2; performance.now() < end;);
  }
  busy.send(...Array.from({ length: 3000 }, (_, i) => barrier(i)))
  await until('the busy one to begin', () => events.messages.length > 0)
  quick.send(echoRequest(1))
  await quick.next(3)
  assert.ok(events.messages.length < 3000, `${events.messages.length} were handled before`)
})

test('a peer that does not read its replies is not read either, and gets all of them once it does', async (context) => {
  const { set, events, open } = await listeningSet(context, { limits: { outputHighBytes: 256 * 1024 } })
  const peer = await open()
  const reply = echoOf(60_000)
  events.then = (id, xid) => { assert.ok(set.send(id, reply, xid)) }
  peer.socket.pause()
  const requests = 2000
  peer.send(...Array.from({ length: requests }, (_, i) => barrier(i)))
  // Socket buffers of loopback may take several MB; the 120 MB of all replies they do not take.
  let last = -1
  await until('it to stop', () => {
    const stable = events.messages.length === last && last > 0
    last = events.messages.length
    return stable
  })
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.ok(events.messages.length < requests / 2, `${events.messages.length} requests were taken`)
  const waiting = set.status().connections[0]?.waiting ?? 0
  assert.ok(waiting <= 256 * 1024 + 60_008, `${waiting} bytes wait`)
  peer.socket.resume()
  await until('all replies', () => peer.ofType(2).length === requests, 20_000)
  assert.deepEqual(peer.ofType(2).map(({ xid }) => xid), Array.from({ length: requests }, (_, i) => i))
})

test('a peer that does not read loses packet-ins, counted, and no reply', async (context) => {
  const { set, events, open } = await listeningSet(context, { limits: { packetInBytes: 128 * 1024 } })
  const peer = await open()
  const { id } = events.opened[0] ?? assert.fail()
  peer.socket.pause()
  const total = 20_000
  for (let i = 0; i < total; i++) {
    assert.equal(set.send(id, packetIn(1500)), true)
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const dropped = set.status().connections[0]?.counters.droppedPacketIns ?? 0
  assert.ok(dropped > 0)
  assert.ok(set.send(id, { type: 'barrier_reply' }, 77))
  peer.socket.resume()
  assert.equal((await peer.next(21)).xid, 77)
  await until('what waited', () => peer.ofType(10).length === total - dropped)
})

test('a long reply goes on as fast as the peer reads it, and holds up no packet-in', async (context) => {
  const { set, events, open } = await listeningSet(context, { limits: { roomBytes: 64 * 1024, packetInBytes: 512 * 1024 } })
  const peer = await open()
  const { id } = events.opened[0] ?? assert.fail()
  peer.socket.pause()
  let [sent, ended, isLast] = [0, 0, false]
  const part = (): void => {
    if (!set.send(id, echoOf(60_000), sent)) ended++
    else if (sent++, !isLast) set.whenRoom(id, part)
  }
  const waiting = (): number => set.status().connections[0]?.waiting ?? 0
  const full = (): Promise<void> => {
    let last = -1
    return until(`the peer to be full, ${sent} parts sent, ${waiting()} bytes wait`, () => {
      const isFull = sent === last && waiting() > 64 * 1024
      last = sent
      return isFull
    }, 20_000)
  }
  part()
  assert.equal(sent, 1, 'not in the same turn')
  await full()
  assert.ok(waiting() < 256 * 1024)
  assert.equal(set.send(id, packetIn(60)), true)
  isLast = true
  peer.socket.resume()
  await until('the whole reply and the packet-in', () => peer.ofType(2).length === sent && peer.ofType(10).length === 1, 20_000)
  peer.socket.pause()
  isLast = false
  part()
  await full()
  set.closeConnection(id, 'test')
  await until('who waits to be told', () => ended === 1)
  assert.equal(set.whenRoom(id, part), false)
})

test('replies without end close the connection', async (context) => {
  const { set, events, open } = await listeningSet(context, { limits: { outputMaxBytes: 1024 * 1024 } })
  const peer = await open()
  const { id } = events.opened[0] ?? assert.fail()
  peer.socket.pause()
  let accepted = 0
  while (set.send(id, echoOf(65_000)) && accepted < 10_000) accepted++
  assert.ok(accepted < 30, `${accepted} accepted`)
  assert.match(events.closed[0]?.reason ?? '', /does not read/)
  assert.equal(set.send(id, { type: 'barrier_reply' }), false)
})

test('packet-ins keep to their rate: a burst at once, as many wait, and the rest is lost', async (context) => {
  const { set, events, open } = await listeningSet(context, { packetInRate: 40, packetInBurst: 10 })
  const peer = await open()
  const { id } = events.opened[0] ?? assert.fail()
  const start = performance.now()
  for (let i = 0; i < 100; i++) set.send(id, packetIn(60))
  assert.ok(set.send(id, { type: 'barrier_reply' }, 1), 'other messages are not limited')
  await peer.next(21)
  assert.equal(peer.ofType(10).length, 10)
  await until('those that waited', () => peer.ofType(10).length === 20)
  assert.ok(performance.now() - start > 240, 'ten at forty a second')
  assert.equal(set.status().connections[0]?.counters.droppedPacketIns, 80)
})

test("Open vSwitch's forms of packet-ins keep to the rate too", async (context) => {
  for (const type of ['nx_packet_in', 'nx_packet_in2'] as const) {
    const { set, events, open } = await listeningSet(context, { packetInRate: 1, packetInBurst: 3 })
    const peer = await open()
    for (let i = 0; i < 10; i++) set.send(events.opened[0]?.id ?? 0, { ...packetIn(60), type } as Message)
    await until('the burst', () => peer.ofType(4).length === 3)
    assert.equal(set.status().connections[0]?.counters.droppedPacketIns, 4, type)
  }
})

test('a controller with a rate of its own', async (context) => {
  const { set, events, open } = await listeningSet(context, { controllers: [{ endpoint: loopback, packetInRate: 4 }], listen: [], packetInRate: 1000 })
  await open()
  for (let i = 0; i < 100; i++) set.send(events.opened[0]?.id ?? 0, packetIn(60))
  assert.equal(set.status().connections[0]?.counters.droppedPacketIns, 98, 'a burst of one, and one waits')
})

test('a port that floods takes no place from another, whether the rate or the peer is the limit', async (context) => {
  for (const limit of ['rate', 'peer'] as const) {
    const { set, events, open } = await listeningSet(context, limit === 'rate' ? { packetInRate: 100, packetInBurst: 20 } : { limits: { packetInBytes: 4096, packetInQueue: 100 } })
    const peer = await open()
    const { id } = events.opened[0] ?? assert.fail()
    if (limit === 'peer') peer.socket.pause()
    const size = limit === 'peer' ? 60_000 : 60
    for (let i = 0; i < 500; i++) {
      set.send(id, packetIn(size, 1))
      if (i % 50 === 49) set.send(id, packetIn(size, 2))
      if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    peer.socket.resume()
    const dropped = set.status().connections[0]?.counters.droppedPacketIns ?? 0
    await until('what was not dropped', () => peer.ofType(10).length === 510 - dropped)
    assert.equal(peer.ofType(10).filter(({ body }) => body.includes(IN_PORT_2)).length, 10, limit)
    assert.ok(dropped > 100, `${limit}: ${dropped}`)
  }
})

test('an exception in the handler of one connection ends this one only', async (context) => {
  const { events, open } = await listeningSet(context)
  const first = await open()
  const second = await open()
  events.then = (id) => { if (id === 1) throw new Error('broken') }
  first.send(barrier(1), barrier(2))
  await first.end()
  assert.deepEqual(events.closed, [{ id: 1, reason: 'internal error' }])
  assert.equal(events.messages.length, 1)
  second.send(barrier(3), echoRequest(4))
  await second.next(3)
  assert.equal(events.messages.length, 2)
})

test('a handler may close its connection; nothing more is delivered', async (context) => {
  const { set, events, open } = await listeningSet(context)
  const peer = await open()
  events.then = (id) => set.closeConnection(id, 'enough')
  peer.send(barrier(1), barrier(2))
  await peer.end()
  assert.equal(events.messages.length, 1)
  assert.deepEqual(events.closed, [{ id: 1, reason: 'enough' }])
})

test('an idle peer is probed, and given up when it does not answer', async (context) => {
  const { events, open } = await listeningSet(context, { inactivityProbeMs: 50 })
  const silent = await open()
  const alive = await open()
  const answering = setInterval(() => {
    for (const { xid } of alive.ofType(2)) alive.send(message(4, 3, xid))
    alive.received.length = 0
  }, 5)
  context.after(() => clearInterval(answering))
  const probe = await silent.next(2)
  assert.equal(probe.body, '')
  await silent.end()
  assert.equal(events.closed.length, 1)
  assert.match(events.closed[0]?.reason ?? '', /no answer to an echo request within 50 ms/)
  await new Promise((resolve) => setTimeout(resolve, 150))
  assert.equal(events.closed.length, 1, 'the other one is still there')
})

test('a process that has not run for long does not blame the peer', async (context) => {
  const { events, open } = await listeningSet(context, { inactivityProbeMs: 300 })
  const peer = await open()
  const asleep = (): void => { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700) }
  // Before the probe, and while its answer is waited for; the peer takes its time each time, but less than it has.
  asleep()
  for (let round = 0; round < 2; round++) {
    const { xid } = await peer.next(2)
    if (round === 1) asleep()
    await new Promise((resolve) => setTimeout(resolve, 20))
    peer.send(message(4, 3, xid))
  }
  peer.send(barrier(7))
  await until('the barrier', () => events.messages.some(({ xid }) => xid === 7) || events.closed.length > 0)
  assert.deepEqual(events.closed, [])
})

test('without probes an idle peer is left alone', async (context) => {
  const { events, open } = await listeningSet(context, { inactivityProbeMs: 0, greetingMs: 30 })
  const peer = await open()
  await new Promise((resolve) => setTimeout(resolve, 120))
  assert.deepEqual([events.closed.length, peer.received.length], [0, 0])
})

test('a peer that neither reads nor speaks is given up', async (context) => {
  const { set, events, open } = await listeningSet(context, { inactivityProbeMs: 80, limits: { outputHighBytes: 64 * 1024 } })
  const peer = await open()
  peer.socket.pause()
  const { id } = events.opened[0] ?? assert.fail()
  for (let i = 0; i < 200; i++) set.send(id, echoOf(65_000))
  await until('the end', () => events.closed.length === 1)
  assert.match(events.closed[0]?.reason ?? '', /does not read/)
})

test('random bytes do no more than end their own connection', async (context) => {
  const { events, open, connect } = await listeningSet(context, { greetingMs: 500 })
  const good = await open()
  let seed = 12345
  const random = (): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 8
  for (let round = 0; round < 60; round++) {
    const peer = await connect()
    const noise = Uint8Array.from({ length: 1 + random() % 3000 }, () => random() & 0xff)
    peer.send(...(round % 2 === 0 ? [hello(4)] : []), noise)
    peer.socket.end()
  }
  good.send(barrier(1), echoRequest(2))
  await good.next(3)
  assert.ok(events.closed.every(({ id }) => id !== 1))
})
