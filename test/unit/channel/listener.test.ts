import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SwitchError } from '../../../src/base/errors.js'
import { silentLogger } from '../../../src/base/logger.js'
import { ChannelSet } from '../../../src/channel/index.js'
import type { Endpoint } from '../../../src/base/endpoint.js'
import { Recorder, barrier, echoRequest, hello, listeningSet, loopback, until } from './peer.js'

const folder = mkdtempSync(join(tmpdir(), 'ofswitchd-channel-'))
after(() => rmSync(folder, { recursive: true }))
const unix = (name: string): Endpoint & { path: string } => ({ transport: 'unix', passive: true, path: join(folder, name) })
const setOf = (...listen: Endpoint[]): ChannelSet => new ChannelSet({ controllers: [], listen, versions: [1, 4], log: silentLogger }, new Recorder())
const refusal = (pattern: RegExp) => (error: unknown): boolean => error instanceof SwitchError && error.code === 'channel.listen' && pattern.test(error.message)

test('several clients at a time, each with its own number and version', async (context) => {
  const { set, events, connect: client } = await listeningSet(context)
  const peers = await Promise.all([client(), client(), client()])
  peers.forEach((peer, i) => peer.send(hello(i === 1 ? 1 : 4)))
  await until('all', () => events.opened.length === 3)
  assert.equal(new Set(events.opened.map(({ id }) => id)).size, 3)
  assert.deepEqual(events.opened.map(({ version }) => version).sort(), [1, 4, 4])
  for (const { id } of events.opened) set.send(id, { type: 'barrier_reply' }, 100 + id)
  for (const peer of peers) assert.ok([19, 21].includes((await Promise.race([peer.next(19), peer.next(21)])).type))
  peers[0]?.socket.destroy()
  await until('the end of one', () => events.closed.length === 1)
  assert.equal(set.status().connections.length, 2)
})

test('a passive endpoint among the controllers makes controller connections', async (context) => {
  const { events, open } = await listeningSet(context, { controllers: [{ endpoint: loopback }], listen: [] })
  await open()
  assert.equal(events.opened[0]?.kind, 'controller')
})

test('a watcher is told of connections that are open and of those that come', async (context) => {
  const { set, events, open } = await listeningSet(context)
  const first = await open()
  const told: string[] = []
  set.watch({ onOpen: ({ id, kind, version }) => told.push(`open ${id} ${kind} ${version}`), onClose: (id) => told.push(`close ${id}`) })
  await open()
  first.socket.destroy()
  await until('the end', () => events.closed.length === 1)
  assert.deepEqual(told, ['open 1 service 4', 'open 2 service 4', 'close 1'])
})

test('a unix socket: for our user alone, and gone afterwards', async (context) => {
  const endpoint = unix('a.mgmt')
  const { set, events, open } = await listeningSet(context, { listen: [endpoint] })
  assert.equal(statSync(endpoint.path).mode & 0o777, 0o700)
  await open()
  assert.equal(events.opened[0]?.peer, `punix:${endpoint.path}`)
  await set.close()
  assert.equal(existsSync(endpoint.path), false)
})

test('a unix socket that a dead process left behind is replaced', async () => {
  const endpoint = unix('stale.mgmt')
  // Killed while it listens, so that nothing removes the file.
  spawnSync(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(endpoint.path)}, () => process.kill(process.pid, 'SIGKILL'))`])
  assert.equal(existsSync(endpoint.path), true)
  const set = setOf(endpoint)
  await set.start()
  await set.close()
})

test('a unix socket that somebody serves is refused, and so is a file that is no socket', async () => {
  const endpoint = unix('live.mgmt')
  const first = setOf(endpoint)
  await first.start()
  await assert.rejects(setOf(endpoint).start(), refusal(/live\.mgmt: another process serves it$/))
  assert.equal(existsSync(endpoint.path), true)
  await first.close()
  const file = unix('file')
  writeFileSync(file.path, 'precious')
  await assert.rejects(setOf(file).start(), refusal(/is no socket$/))
  await assert.rejects(setOf({ transport: 'unix', passive: true, path: '/nonexistent/x' }).start(), refusal(/cannot listen on punix:\/nonexistent\/x/))
})

test('an address in use is refused by name, and the other listeners are closed again', async () => {
  const first = setOf(loopback)
  await first.start()
  const [taken] = first.listening()
  assert.ok(taken?.transport === 'tcp')
  const endpoint = unix('second.mgmt')
  await assert.rejects(setOf(endpoint, taken).start(), refusal(new RegExp(`ptcp:${taken.port}:127\\.0\\.0\\.1: the address is already in use`)))
  assert.equal(existsSync(endpoint.path), false)
  await first.close()
})

test('thousands of clients: as many as the limit are served, the others turned away', async (context) => {
  const { set, events, open } = await listeningSet(context, { limits: { connections: 20 }, greetingMs: 60_000 })
  const good = await open()
  const port = (set.listening()[0] as { port: number }).port
  const clients: Socket[] = []
  context.after(() => { for (const client of clients) client.destroy() })
  let closed = 0
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 100; i++) {
      const client = connect(port, '127.0.0.1')
      client.on('error', () => {})
      client.on('close', () => closed++)
      client.resume()
      clients.push(client)
    }
    await until('the round', () => clients.length - closed <= 19 && set.status().turnedAway === Math.max(0, clients.length - 19), 20_000)
  }
  assert.equal(closed, 1981)
  good.send(echoRequest(1), barrier(2))
  await good.next(3)
  for (const client of clients) client.destroy()
  await until('room', () => clients.every((client) => client.closed))
  // A place is free as soon as the socket is gone.
  let opened = events.opened.length
  await until('somebody new', () => {
    if (events.opened.length > opened) return true
    const client = connect(port, '127.0.0.1', () => client.write(hello(4)))
    client.on('error', () => {})
    clients.push(client)
    opened = 1
    return false
  })
})
