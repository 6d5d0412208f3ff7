/**
 * Peers that misbehave, next to one that does not: whatever they do, the good one's echo is answered, its requests are
 * served, and what is kept for each of them stays within its bounds.
 */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { Message } from '../../../src/openflow/index.js'
import type { ChannelSet } from '../../../src/channel/index.js'
import { barrier, echoRequest, hello, listeningSet, message, until } from './peer.js'
import type { Peer, Recorder } from './peer.js'

const KiB = 1024
const limits = { heldBytes: 512 * KiB, outputHighBytes: 128 * KiB, packetInBytes: 64 * KiB, packetInQueueBytes: 256 * KiB, outputMaxBytes: 4096 * KiB }
/** The sum of the limits that can be reached together: a chunk beyond heldBytes, a reply or a chunk of echo beyond output. */
const BOUND = limits.heldBytes + limits.outputHighBytes + 2 * limits.packetInQueueBytes + 4 * 64 * KiB

const packetIn: Message = { type: 'packet_in', bufferId: 0xffffffff, totalLen: 1500, reason: 'action', tableId: 0, cookie: 0n, match: [{ field: 'in_port', value: 1n, mask: null }], data: new Uint8Array(1500) }

interface Stage { readonly set: ChannelSet; readonly events: Recorder; readonly id: number; readonly peer: Peer; readonly until: (what: string, condition: () => boolean) => Promise<void> }
const writeMuch = (peer: Peer, bytes: Uint8Array, times: number): void => { for (let i = 0; i < times; i++) peer.socket.write(bytes) }
const repeated = (bytes: Uint8Array, times: number): Uint8Array => Buffer.concat(Array.from({ length: times }, () => bytes))

const behaviours: Readonly<Record<string, (stage: Stage) => void | Promise<void>>> = {
  'never reads, and asks without end': async ({ peer, set, id, events }) => {
    peer.socket.pause()
    events.then = (from, xid, { type }) => { if (from === id && type === 'features_request') set.send(from, { type: 'error', name: 'OFPBRC_EPERM', data: new Uint8Array(8000) }, xid) }
    writeMuch(peer, repeated(message(4, 5, 1), 2000), 20)
  },
  'never reads, and floods echo requests': ({ peer }) => {
    peer.socket.pause()
    writeMuch(peer, repeated(echoRequest(1, 'ab'.repeat(4000)), 16), 100)
  },
  'reads, and floods small echo requests': ({ peer }) => writeMuch(peer, repeated(echoRequest(1), 8000), 40),
  'never reads its packet-ins': async ({ peer, set, id }) => {
    peer.socket.pause()
    for (let i = 0; i < 5000; i++) {
      set.send(id, packetIn)
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  },
  'sends its requests byte by byte': async ({ peer }) => {
    for (const byte of Buffer.concat([barrier(1), barrier(2), echoRequest(3)])) {
      peer.socket.write(Uint8Array.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
  },
  'begins a message and stops': ({ peer }) => void peer.socket.write(message(4, 13, 1, 'ab'.repeat(60_000)).subarray(0, 50_000)),
  'asks more than the switch can do': ({ peer, set, id }) => {
    set.pause(id)
    writeMuch(peer, repeated(message(4, 14, 1, '00'.repeat(400)), 500), 40)
  },
  'hides single requests in chunks of echo': ({ peer, set, id }) => {
    set.pause(id)
    writeMuch(peer, Buffer.concat([barrier(1), repeated(echoRequest(1, 'ab'.repeat(1000)), 60)]), 200)
  },
}

for (const [what, behave] of Object.entries(behaviours)) {
  test(`a peer that ${what}`, async (context) => {
    const { set, events, open } = await listeningSet(context, { limits, inactivityProbeMs: 0 })
    const bad = await open()
    const id = events.opened[0]?.id ?? assert.fail()
    const good = await open()
    const goodId = events.opened[1]?.id ?? assert.fail()
    let worst = 0
    const watch = setInterval(() => { worst = Math.max(worst, set.status().connections.find((each) => each.id === id)?.memory ?? 0) }, 1)
    const behaving = Promise.resolve(behave({ set, events, id, peer: bad, until }))
    const waits: number[] = []
    for (let i = 0; i < 40; i++) {
      const start = performance.now()
      good.send(echoRequest(i))
      await good.next(3)
      waits.push(performance.now() - start)
      await new Promise((resolve) => setImmediate(resolve))
    }
    good.send(barrier(1000))
    await until('the request of the good one', () => events.messages.some((each) => each.id === goodId))
    await behaving
    clearInterval(watch)
    worst = Math.max(worst, set.status().connections.find((each) => each.id === id)?.memory ?? 0)
    assert.ok(worst <= BOUND, `kept ${worst} of at most ${BOUND} bytes`)
    waits.sort((a, b) => a - b)
    // A few milliseconds, but where dozens of processes wait for a processor; whoever is held up by the flood waits for its end.
    assert.ok((waits[35] ?? Infinity) < 2000, `echo took ${waits[35]} ms`)
    assert.equal(good.closed, false)
  })
}

test('many peers that read nothing are bounded together: the one with the most is closed', async (context) => {
  const { set, events, open } = await listeningSet(context, { limits: { ...limits, outputMaxBytes: 64 * 1024 * KiB, allOutputBytes: 2048 * KiB } })
  for (let i = 0; i < 4; i++) (await open()).socket.pause()
  const [first, ...others] = events.opened.map(({ id }) => id)
  const reply: Message = { type: 'error', name: 'OFPBRC_EPERM', data: new Uint8Array(60_000) }
  // The system's buffers take a lot before anything waits here.
  await until('the first to be closed', () => {
    set.send(first ?? 0, reply, 1)
    for (const id of others) if ((set.status().connections.find((each) => each.id === id)?.waiting ?? 0) < 400 * KiB) set.send(id, reply, 1)
    return events.closed.length > 0
  })
  assert.deepEqual(events.closed.map(({ id }) => id), [first])
  assert.match(events.closed[0]?.reason ?? '', /^the peer does not read: \d+ bytes wait for it, and \d+ for all$/)
  assert.equal(set.status().connections.length, 3)
})

test('a peer that is half open, or silent after its hello, is given up in time and holds nobody up', async (context) => {
  const { set, events, connect, open } = await listeningSet(context, { inactivityProbeMs: 100, greetingMs: 150 })
  const silent = await connect()
  const mute = await open()
  const dripping = await connect()
  dripping.send(hello(4).subarray(0, 3))
  const good = await open()
  good.socket.on('data', () => { for (const { xid } of good.ofType(2).splice(0)) good.send(message(4, 3, xid)) })
  await until('the others to be gone', () => [silent, mute, dripping].every(({ closed, socket }) => closed || socket.readableEnded))
  assert.deepEqual(events.closed.map(({ reason }) => reason), ['no answer to an echo request within 100 ms'])
  assert.deepEqual(set.status().connections.map(({ id }) => id), [events.opened[1]?.id])
})
