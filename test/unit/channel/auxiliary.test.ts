/** Auxiliary connections, from a switch to a controller that knows them. OF 1.3.5 §6.3.6 */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { silentLogger } from '../../../src/base/logger.js'
import { ChannelSet } from '../../../src/channel/index.js'
import type { ControllerOptions } from '../../../src/channel/index.js'
import type { Message } from '../../../src/openflow/index.js'
import { Peer, Recorder, hello, until } from './peer.js'

interface Stage { readonly set: ChannelSet; readonly events: Recorder; readonly peers: Peer[] }

/** A switch and a controller that greets in `version`, or as `greet` says. */
async function stage(context: { after(run: () => Promise<void>): void }, options: Partial<ControllerOptions>, greet: (nth: number) => Uint8Array | null = () => hello(4)): Promise<Stage> {
  const peers: Peer[] = []
  const server = createServer((socket) => {
    const greeting = greet(peers.push(new Peer(socket)))
    if (greeting !== null) socket.write(greeting)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const events = new Recorder()
  const set = new ChannelSet({
    controllers: [{ endpoint: { transport: 'tcp', passive: false, host: '127.0.0.1', port: (server.address() as AddressInfo).port }, ...options }],
    listen: [], versions: [1, 4], log: silentLogger, maxBackoffMs: 30, greetingMs: 300,
  }, events)
  context.after(async () => {
    for (const { socket } of peers) socket.destroy()
    await set.close()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
  await set.start()
  return { set, events, peers }
}
const packetIn = (port: number): Message =>
  ({ type: 'packet_in', bufferId: 0xffffffff, totalLen: 60, reason: 'action', tableId: 0, cookie: 0n, match: [{ field: 'in_port', value: BigInt(port), mask: null }], data: new Uint8Array(60) })

test('they follow the main connection, each with its id', async (context) => {
  const { events, peers } = await stage(context, { auxiliary: 2 })
  await until('three connections', () => events.opened.length === 3)
  const [main, ...others] = events.opened
  assert.equal(main?.auxiliary, null)
  assert.deepEqual(others.map(({ auxiliary }) => auxiliary).sort((a, b) => (a?.auxiliaryId ?? 0) - (b?.auxiliaryId ?? 0)),
    [{ auxiliaryId: 1, main: main?.id }, { auxiliaryId: 2, main: main?.id }])
  assert.equal(new Set(peers.map(({ socket }) => socket.remoteAddress)).size, 1)
})

test('none before the main connection is open, none in a version without them, none unless asked for', async (context) => {
  const silent = await stage(context, { auxiliary: 2 }, () => null)
  await until('a second attempt', () => silent.peers.length >= 2)
  assert.ok(silent.peers.slice(0, -1).every(({ closed, socket }) => closed || socket.readableEnded), 'one at a time')
  const old = await stage(context, { auxiliary: 2 }, () => hello(1))
  const plain = await stage(context, {})
  await until('the main connections', () => old.events.opened.length === 1 && plain.events.opened.length === 1)
  for (const { set, peers } of [old, plain]) {
    // Whatever would be opened would be opened before a reply of the controller is answered.
    peers[0]?.send(Uint8Array.from([4, 2, 0, 8, 0, 0, 0, 9]))
    await peers[0]?.next(3)
    assert.deepEqual([set.status().connections.length, peers.length], [1, 1])
  }
})

test('they end with the main connection, and come again with the next', async (context) => {
  const { events, peers } = await stage(context, { auxiliary: 2 })
  await until('three connections', () => events.opened.length === 3)
  const firsts = events.opened.map(({ id }) => id)
  peers[0]?.socket.destroy()
  await until('the end of all', () => firsts.every((id) => events.closed.some((closed) => closed.id === id)))
  assert.equal(events.closed.filter(({ reason }) => reason === 'the main connection has ended').length, 2)
  await until('three others', () => events.opened.length === 6)
  const [main, ...others] = events.opened.slice(3)
  assert.deepEqual(others.map(({ auxiliary }) => auxiliary?.main), [main?.id, main?.id])
})

test('one that ends alone is connected to again, beside the same main connection', async (context) => {
  const { events, peers } = await stage(context, { auxiliary: 1 })
  await until('two connections', () => events.opened.length === 2)
  peers[1]?.socket.destroy()
  await until('another one', () => events.opened.length === 3)
  assert.deepEqual(events.opened[2]?.auxiliary, { auxiliaryId: 1, main: events.opened[0]?.id })
  assert.equal(events.closed.length, 1)
})

test('one in another version than the main connection is refused', async (context) => {
  const { events, peers } = await stage(context, { auxiliary: 1 }, (nth) => hello(nth === 1 ? 4 : 1))
  await until('the refusal', () => peers.slice(1).some((peer) => peer.ofType(1).length > 0))
  assert.equal(events.opened.length, 1)
})

test('packet-ins to the main connection are spread over them by port, in order, and replies are not', async (context) => {
  const { set, events, peers } = await stage(context, { auxiliary: 2 })
  await until('three connections', () => events.opened.length === 3)
  const main = events.opened[0]?.id ?? 0
  for (let i = 0; i < 30; i++) set.send(main, packetIn(i % 3))
  set.send(main, { type: 'barrier_reply' }, 5)
  await peers[0]?.next(21)
  await until('all packet-ins', () => peers.reduce((sum, peer) => sum + peer.ofType(10).length, 0) === 30)
  const portsOf = (peer: Peer | undefined): string[] => [...new Set(peer?.ofType(10).map(({ body }) => /80000004(.{8})/.exec(body)?.[1] ?? ''))]
  assert.equal(peers[0]?.ofType(10).length, 0)
  assert.deepEqual([portsOf(peers[1]).length, portsOf(peers[2]).length].sort(), [1, 2])
  // Without them the main connection carries everything.
  const [, second, third] = events.opened.map(({ id }) => id)
  set.closeConnection(second ?? 0, 'test')
  set.closeConnection(third ?? 0, 'test')
  set.send(main, packetIn(1))
  await peers[0]?.next(10)
})
