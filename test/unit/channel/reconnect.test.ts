import { test } from 'node:test'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatEndpoint } from '../../../src/base/endpoint.js'
import type { Endpoint } from '../../../src/base/endpoint.js'
import { silentLogger } from '../../../src/base/logger.js'
import { ChannelSet } from '../../../src/channel/index.js'
import type { ChannelSetOptions } from '../../../src/channel/index.js'
import { Peer, Recorder, hello, until } from './peer.js'
import { freePort } from '../../support/free-port.js'

interface Context { after(run: () => Promise<void>): void }

class Controller {
  readonly peers: Peer[] = []
  readonly times: number[] = []
  /** Sent to each that connects. */
  greeting: Uint8Array | null = hello(4)
  readonly #server: Server

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
      this.times.push(performance.now())
      this.peers.push(new Peer(socket))
      if (this.greeting !== null) socket.write(this.greeting)
    })
  }
  listen(port = 0): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port))
    })
  }
  async close(): Promise<void> {
    for (const { socket } of this.peers) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}

async function connecting(context: Context, port: number, options: Partial<ChannelSetOptions> = {}): Promise<{ set: ChannelSet; events: Recorder }> {
  const events = new Recorder()
  const set = new ChannelSet({
    controllers: [{ endpoint: { transport: 'tcp', passive: false, host: '127.0.0.1', port } }], listen: [], versions: [1, 4], log: silentLogger, maxBackoffMs: 40, ...options,
  }, events)
  context.after(() => set.close())
  await set.start()
  return { set, events }
}
async function controller(context: Context, port = 0): Promise<{ it: Controller; port: number }> {
  const it = new Controller()
  const real = await it.listen(port)
  context.after(() => it.close())
  return { it, port: real }
}

test('connects, says hello and is open', async (context) => {
  const { it, port } = await controller(context)
  const { set, events } = await connecting(context, port)
  await until('the connection', () => events.opened.length === 1)
  assert.deepEqual(events.opened[0], { id: 1, version: 4, peer: `tcp:127.0.0.1:${port}`, kind: 'controller', auxiliary: null })
  assert.equal((await it.peers[0]?.next(0))?.body, '0001000800000012')
  assert.deepEqual(set.status().endpoints, [{ endpoint: `tcp:127.0.0.1:${port}`, kind: 'controller', state: 'open', lastError: null }])
})

for (const [how, end] of [
  ['closes', (socket: Socket) => socket.destroy()],
  ['resets', (socket: Socket) => socket.resetAndDestroy()],
  // Faucet restarts so: its side ends, and it waits for ours.
  ['half-closes', (socket: Socket) => socket.end()],
] as const) {
  test(`a controller that ${how} the connection is connected to again`, async (context) => {
    const { it, port } = await controller(context)
    const { events } = await connecting(context, port)
    for (let round = 1; round <= 3; round++) {
      await until(`connection ${round}`, () => events.opened.length === round)
      const socket = it.peers[round - 1]?.socket ?? assert.fail()
      end(socket)
      await until('its end on our side', () => events.closed.length === round)
      if (how === 'half-closes') await until('our side to be closed', () => socket.readableEnded)
    }
    await until('the last connection', () => events.opened.length === 4)
    assert.deepEqual(events.opened.map(({ id }) => id), [1, 2, 3, 4])
  })
}

test('a controller that is not there yet is found when it comes', async (context) => {
  const port = await freePort()
  const { set, events } = await connecting(context, port)
  await until('a failure', () => set.status().endpoints[0]?.lastError !== null)
  assert.match(set.status().endpoints[0]?.lastError ?? '', /ECONNREFUSED/)
  assert.ok(['waiting', 'connecting'].includes(set.status().endpoints[0]?.state ?? ''))
  await controller(context, port)
  await until('the connection', () => events.opened.length === 1, 2000)
  assert.equal(set.status().endpoints[0]?.lastError, null)
})

test('attempts are spaced by the back-off, also for a controller that accepts and refuses us', async (context) => {
  const { it, port } = await controller(context)
  it.greeting = hello(2)
  const { events } = await connecting(context, port, { maxBackoffMs: 60 })
  await until('attempts', () => it.times.length === 6)
  const gaps = it.times.slice(1).map((time, i) => time - (it.times[i] ?? 0))
  assert.ok(gaps.slice(1).every((gap) => gap > 50), gaps.join(' '))
  assert.equal(events.opened.length, 0)
})

test('a controller that accepts and is silent is given up and tried again', async (context) => {
  const { it, port } = await controller(context)
  it.greeting = null
  await connecting(context, port, { greetingMs: 40 })
  await until('attempts', () => it.times.length === 3)
})

test('an address that does not answer is given up in time', async (context) => {
  // A full backlog: the system accepts no more, and the attempt neither succeeds nor fails.
  const events = new Recorder()
  const set = new ChannelSet({ controllers: [{ endpoint: { transport: 'tcp', passive: false, host: '192.0.2.1', port: 6653 } }], listen: [], versions: [4], log: silentLogger, greetingMs: 30, maxBackoffMs: 20 }, events)
  context.after(() => set.close())
  await set.start()
  await until('a failure', () => set.status().endpoints[0]?.lastError !== null)
})

for (const transport of ['IPv6', 'unix'] as const) {
  test(`over ${transport}: one set listens, another connects`, async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'ofs-'))
    const listener: Endpoint = transport === 'unix' ? { transport: 'unix', passive: true, path: join(folder, 'c.sock') } : { transport: 'tcp', passive: true, host: '::1', port: 0 }
    const [there, here] = [new Recorder(), new Recorder()]
    const passive = new ChannelSet({ controllers: [{ endpoint: listener }], listen: [], versions: [4], log: silentLogger }, there)
    await passive.start()
    const [real] = passive.listening()
    const endpoint: Endpoint = real?.transport === 'tcp' ? { transport: 'tcp', passive: false, host: '::1', port: real.port } : { transport: 'unix', passive: false, path: join(folder, 'c.sock') }
    const active = new ChannelSet({ controllers: [{ endpoint }], listen: [], versions: [4], log: silentLogger }, here)
    context.after(async () => {
      await Promise.all([active.close(), passive.close()])
      rmSync(folder, { recursive: true })
    })
    await active.start()
    await until('both to be open', () => there.opened.length === 1 && here.opened.length === 1)
    assert.equal(here.opened[0]?.peer, formatEndpoint(endpoint))
    assert.match(there.opened[0]?.peer ?? '', transport === 'unix' ? /^punix:/ : /^tcp:\[::1\]:\d+$/)
  })
}

test('two controllers are independent', async (context) => {
  const first = await controller(context)
  const second = await controller(context)
  const { set, events } = await connecting(context, 0, {
    controllers: [first, second].map(({ port }) => ({ endpoint: { transport: 'tcp', passive: false, host: '127.0.0.1', port } })),
  })
  await until('both', () => events.opened.length === 2)
  await first.it.close()
  await until('the end of one', () => events.closed.length === 1)
  const left = set.status().connections
  assert.equal(left.length, 1)
  assert.equal(left[0]?.peer, `tcp:127.0.0.1:${second.port}`)
})

test('closing ends everything in time, even while a controller does not read', async (context) => {
  const { it, port } = await controller(context)
  const { set, events } = await connecting(context, port)
  await until('the connection', () => events.opened.length === 1)
  it.peers[0]?.socket.pause()
  for (let i = 0; i < 300; i++) set.send(1, { type: 'echo_request', data: new Uint8Array(60_000) })
  const begun = performance.now()
  await set.close()
  assert.ok(performance.now() - begun < 1900)
  assert.equal(events.closed.length, 1)
  assert.equal(set.send(1, { type: 'barrier_reply' }), false)
  const attempts = it.times.length
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(it.times.length, attempts, 'no further attempt')
})
