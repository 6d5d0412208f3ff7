/** Other endpoints and settings while connections are open. */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Endpoint } from '../../../src/base/endpoint.js'
import { SwitchError } from '../../../src/base/errors.js'
import type { Message } from '../../../src/openflow/index.js'
import { Peer, echoRequest, hello, listeningSet, loopback, until } from './peer.js'

/** A controller that greets whoever connects. */
async function controller(context: { after(run: () => Promise<void>): void }): Promise<{ endpoint: Endpoint; peers: Peer[] }> {
  const peers: Peer[] = []
  const server = createServer((socket) => {
    peers.push(new Peer(socket))
    socket.write(hello(4))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(async () => {
    for (const { socket } of peers) socket.destroy()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
  return { endpoint: { transport: 'tcp', passive: false, host: '127.0.0.1', port: (server.address() as AddressInfo).port }, peers }
}
const packetIn: Message = { type: 'packet_in', bufferId: 0xffffffff, totalLen: 60, reason: 'action', tableId: 0, cookie: 0n, match: [{ field: 'in_port', value: 1n, mask: null }], data: new Uint8Array(60) }

test('controllers come and go; one that stays keeps its connection', async (context) => {
  const [first, second, third] = [await controller(context), await controller(context), await controller(context)]
  const { set, events } = await listeningSet(context, { controllers: [first, second].map(({ endpoint }) => ({ endpoint })), maxBackoffMs: 30 })
  await until('both', () => events.opened.length === 2)
  const stays = events.opened.find(({ peer }) => peer.endsWith(`:${(first.endpoint as { port: number }).port}`))?.id
  await set.reconfigure({ controllers: [{ endpoint: third.endpoint }, { endpoint: first.endpoint, packetInRate: 4, inactivityProbeMs: 50 }] })
  await until('the third', () => events.opened.length === 3)
  assert.deepEqual(events.closed.map(({ reason }) => reason), ['its endpoint is no longer in the configuration'])
  assert.notEqual(events.closed[0]?.id, stays)
  assert.equal(set.status().endpoints.filter(({ kind }) => kind === 'controller').length, 2)
  // Its new settings are in force on the old connection.
  assert.ok((await first.peers[0]?.next(2)) !== undefined, 'a probe')
  for (let i = 0; i < 10; i++) set.send(stays ?? 0, packetIn)
  assert.equal(set.status().connections.find(({ id }) => id === stays)?.counters.droppedPacketIns, 8)
  assert.equal(second.peers.length, 1, 'nobody connects to what was removed')
})

test('packet-ins that wait survive a change of the rate', async (context) => {
  const { set, events, open } = await listeningSet(context, { controllers: [{ endpoint: loopback, packetInRate: 1, packetInBurst: 5 }], listen: [] })
  const peer = await open()
  for (let i = 0; i < 10; i++) set.send(events.opened[0]?.id ?? 0, packetIn)
  await until('the burst', () => peer.ofType(10).length === 5)
  await set.reconfigure({ controllers: [{ endpoint: loopback }] })
  await until('the rest', () => peer.ofType(10).length === 10)
})

test('listeners come and go, with their clients; one that stays keeps its clients', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'ofs-'))
  context.after(async () => rmSync(folder, { recursive: true }))
  const unix = (name: string): Endpoint => ({ transport: 'unix', passive: true, path: join(folder, name) })
  const { set, events, open } = await listeningSet(context, { listen: [loopback, unix('a')] })
  const stays = await open()
  const goes = await Peer.connect(unix('a'))
  goes.send(hello(4))
  await until('both', () => events.opened.length === 2)
  const before = set.listening()[0]
  await set.reconfigure({ listen: [unix('b'), loopback] })
  await goes.end()
  assert.deepEqual(set.listening().map((endpoint) => (endpoint.transport === 'unix' ? endpoint.path : endpoint)), [before, join(folder, 'b')])
  stays.send(echoRequest(3))
  await stays.next(3)
  const comes = await Peer.connect(unix('b'))
  comes.send(hello(4))
  await comes.next(0)
  await assert.rejects(Peer.connect(unix('a')))
  comes.socket.destroy()
})

test('an endpoint that changes sides is served again at once', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'ofs-'))
  context.after(async () => rmSync(folder, { recursive: true }))
  const endpoint: Endpoint = { transport: 'unix', passive: true, path: join(folder, 'a') }
  const { set, events } = await listeningSet(context, { listen: [endpoint] })
  await set.reconfigure({ listen: [], controllers: [{ endpoint }] })
  const peer = await Peer.connect(endpoint)
  peer.send(hello(4))
  await until('the connection', () => events.opened.length === 1)
  assert.equal(events.opened[0]?.kind, 'controller')
  peer.socket.destroy()
})

test('what cannot be had changes nothing', async (context) => {
  const { set, events, open } = await listeningSet(context)
  await open()
  const taken = await controller(context)
  const inUse: Endpoint = { transport: 'tcp', passive: true, host: '127.0.0.1', port: (taken.endpoint as { port: number }).port }
  const folder = mkdtempSync(join(tmpdir(), 'ofs-'))
  context.after(async () => rmSync(folder, { recursive: true }))
  const other: Endpoint = { transport: 'unix', passive: true, path: join(folder, 'a') }
  const refused = (error: unknown): boolean => error instanceof SwitchError
  await assert.rejects(set.reconfigure({ listen: [other, inUse], packetInRate: 1 }), refused)
  await assert.rejects(set.reconfigure({ listen: [], tls: { privateKey: '/nowhere', certificate: '/nowhere', caCert: '/nowhere', bootstrap: false } }), refused)
  assert.equal(set.listening().length, 1)
  await assert.rejects(Peer.connect(other))
  for (let i = 0; i < 10; i++) set.send(events.opened[0]?.id ?? 0, packetIn)
  assert.deepEqual([events.closed.length, set.status().connections[0]?.counters.droppedPacketIns], [0, 0])
})

test('what has to succeed with it and does not changes nothing either', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'ofs-'))
  context.after(async () => rmSync(folder, { recursive: true }))
  const unix = (name: string): Endpoint => ({ transport: 'unix', passive: true, path: join(folder, name) })
  const there = await controller(context)
  const { set, events } = await listeningSet(context, { listen: [unix('a'), unix('sides')] })
  const clients = await Promise.all([unix('a'), unix('sides')].map((endpoint) => Peer.connect(endpoint)))
  for (const client of clients) client.send(hello(4))
  await until('both', () => events.opened.length === 2)
  const change = { listen: [unix('b')], controllers: [{ endpoint: unix('sides') }, { endpoint: there.endpoint }], packetInRate: 1 }
  let early: Peer | null = null
  await assert.rejects(set.reconfigure(change, async () => {
    early = await Peer.connect(unix('b'))
    early.send(hello(4))
    throw new Error('a port that is not there')
  }), /a port that is not there/)
  await early!.end()
  assert.equal(early!.ofType(0).length, 0, 'nobody was greeted at the new address')
  await assert.rejects(Peer.connect(unix('b')))
  assert.deepEqual([events.opened.length, events.closed.length, there.peers.length], [2, 0, 0])
  const again = await Peer.connect(unix('sides'))
  again.send(hello(4))
  await until('one more', () => events.opened.length === 3)
  assert.equal(events.opened[2]?.kind, 'service')
  // The same, and this time it succeeds; who came in between is served by the new side.
  await set.reconfigure(change, async () => {
    early = await Peer.connect(unix('b'))
    early.send(hello(4))
  })
  await early!.next(0)
  await until('the old ones to end, the new ones to come', () => events.closed.length === 3 && events.opened.length === 5 && there.peers.length === 1)
  for (const client of [...clients, again, early!]) client.socket.destroy()
})

test('a set that waits holds its addresses, and serves whoever has come when it begins', async (context) => {
  const there = await controller(context)
  const { set, events } = await listeningSet(context, { controllers: [{ endpoint: there.endpoint }], waits: true, greetingMs: 20_000 })
  const [endpoint] = set.listening()
  assert.ok(endpoint?.transport === 'tcp')
  const [peer, goes] = [await Peer.connect(endpoint), await Peer.connect(endpoint)]
  peer.send(hello(4))
  goes.socket.destroy()
  assert.deepEqual([events.opened.length, peer.ofType(0).length, there.peers.length], [0, 0, 0])
  set.begin()
  await peer.next(0)
  await until('the client and the controller', () => events.opened.length === 2 && there.peers.length === 1)
  peer.send(echoRequest(3))
  await peer.next(3)
  peer.socket.destroy()
})

test('a client does not wait for ever', async (context) => {
  const { set, events } = await listeningSet(context, { waits: true, greetingMs: 30, limits: { connections: 2 } })
  const [endpoint] = set.listening()
  assert.ok(endpoint?.transport === 'tcp')
  const peers = [await Peer.connect(endpoint), await Peer.connect(endpoint), await Peer.connect(endpoint)]
  for (const peer of peers) await peer.end()
  set.begin()
  const peer = await Peer.connect(endpoint)
  peer.send(hello(4))
  await peer.next(0)
  await until('only the last', () => events.opened.length === 1)
  peer.socket.destroy()
})

test('versions concern the next connection; another number of auxiliary connections makes a controller be connected to anew', async (context) => {
  const { endpoint, peers } = await controller(context)
  const { set, events } = await listeningSet(context, { controllers: [{ endpoint }], maxBackoffMs: 30 })
  await until('the connection', () => events.opened.length === 1)
  await set.reconfigure({ versions: [4] })
  assert.equal(events.closed.length, 0)
  await set.reconfigure({ controllers: [{ endpoint, auxiliary: 1 }] })
  await until('two connections', () => events.opened.length === 3)
  assert.deepEqual(events.opened.map(({ auxiliary }) => auxiliary?.auxiliaryId ?? 0), [0, 0, 1])
  assert.equal((await peers[1]?.next(0))?.body, '0001000800000010')
})
