/** The session over a real gRPC channel, to the fake target behind our server. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { RpcError } from '../../../src/p4proto/service.js'
import { GrpcService, serveP4Runtime } from '../../../src/p4runtime/index.js'
import type { GrpcServerHandle } from '../../../src/p4runtime/index.js'
import { FakeP4Runtime } from '../../support/fake-p4runtime.js'
import { acl, ACL, COUNTER, eventually, exact, insert, modify, multicast, remove, rig } from './rig.js'
import type { Rig } from './rig.js'

const cleanups: (() => Promise<unknown>)[] = []
after(async () => { for (const cleanup of cleanups.reverse()) await cleanup() })

async function served(target = new FakeP4Runtime(), port = 0): Promise<{ target: FakeP4Runtime; server: GrpcServerHandle; address: string }> {
  const server = await serveP4Runtime(target.connect(), `127.0.0.1:${port}`)
  cleanups.push(() => server.close())
  return { target, server, address: `127.0.0.1:${server.port}` }
}
async function ready(address: string, options: Partial<Parameters<typeof rig>[0]> = {}): Promise<Rig> {
  const made = rig({ connect: () => new GrpcService(address, { timeoutMs: 5000 }), ...options })
  cleanups.push(() => made.session.close())
  await made.event('ready')
  return made
}

test('push, write, read, packets and notifications through the wire', async () => {
  const { target, address } = await served()
  const { session, events, event } = await ready(address)
  assert.equal(target.pushes, 1)
  assert.deepEqual(await session.write([
    ...Array.from({ length: 250 }, (_, i) => insert(exact(i))), insert(acl(3, { controllerMetadata: 2 ** 32 - 1, idleTimeout: 1000 })),
    insert(acl(null, { controllerMetadata: 5 })), insert(multicast(3, 1, 256, 511)), modify({ kind: 'counter_reset', counter: COUNTER, index: 1 }),
  ]), [])
  assert.deepEqual([target.entries.size, target.groups.size], [252, 1])
  assert.deepEqual([...await session.readTableCounters(ACL)].map(({ id, packets }) => [id, packets]).sort(),
    [[2 ** 32 - 1, 2n ** 32n - 1n], [5, 5n]])
  assert.deepEqual(await session.readEntryCounters([acl(3, { controllerMetadata: 7 }), acl(4, { controllerMetadata: 8 }), acl(null, { controllerMetadata: 9 })]),
    [{ controllerMetadata: 7, packets: 2n ** 32n - 1n, bytes: (2n ** 32n - 1n) * 100n }, { controllerMetadata: 9, packets: 5n, bytes: 500n }])
  assert.deepEqual(await session.readCounter(COUNTER, [0]), [{ index: 0, packets: 0n, bytes: 0n }])
  session.packetOut(Uint8Array.of(1, 2), { out_port: 2n })
  await eventually('the packet-out arrives', () => target.packetsOut.length === 1)
  target.emit({ packet: { payload: Uint8Array.of(3, 4), metadata: [{ metadataId: 1, value: Uint8Array.of(7) }] } })
  target.emit({ idleTimeoutNotification: { tableEntry: [{ controllerMetadata: 77 }] } })
  await event('idle')
  const packet = events.find((e) => e.kind === 'packet_in')?.packet
  assert.deepEqual([[...packet?.payload ?? []], packet?.metadata], [[3, 4], { in_port: 7n }])
})

test('the statuses of 200 failures fit in the trailer', async () => {
  const { address } = await served()
  const { session } = await ready(address)
  const all = Array.from({ length: 200 }, (_, i) => insert(exact(i)))
  assert.deepEqual(await session.write(all), [])
  const failures = await session.write([...all.slice(0, 199), insert(exact(1000))])
  assert.deepEqual(failures.map(({ index, kind }) => [index, kind]), Array.from({ length: 199 }, (_, i) => [i, 'target.exists']))
  assert.deepEqual((await session.write([remove(exact(5000))])).map(({ kind, code }) => [kind, code]), [['target.missing', 5]])
})

test('a server that goes away and comes back', async () => {
  const { target, server, address } = await served()
  const { session, events, event } = await ready(address)
  await session.write([insert(exact(1))])
  let arrived = false
  target.before = ({ method }) => {
    if (method !== 'write') return
    arrived = true
    return new Promise<void>(() => {})
  }
  const open = session.write([insert(exact(2))])
  await eventually('the Write has arrived', () => arrived)
  await server.close()
  assert.deepEqual((await open).map(({ kind }) => kind), ['target.lost'])
  await event('lost')
  target.before = null
  await served(target, server.port)
  await event('ready', 2)
  assert.deepEqual(events.map(({ kind }) => kind), ['ready', 'lost', 'ready'])
  assert.deepEqual([target.entries.size, target.pushes], [1, 1])
  assert.deepEqual(await session.write([insert(exact(2))]), [])
})

test('standby over the wire', async () => {
  const { target, address } = await served()
  const leave = target.rival(2n ** 127n)
  const made = rig({ connect: () => new GrpcService(address) })
  cleanups.push(() => made.session.close())
  await made.event('standby')
  assert.deepEqual(made.events, [{ kind: 'standby' }])
  leave()
  await made.event('ready')
})

test('errors keep their code and their message', async () => {
  const { target, address } = await served()
  const service = new GrpcService(address)
  cleanups.push(() => service.close())
  assert.equal(await service.capabilities(), '1.4.0')
  const is = (code: number, message: RegExp) => (error: unknown): boolean => error instanceof RpcError && error.code === code && message.test(error.message)
  await assert.rejects(service.getForwardingPipelineConfig({ deviceId: 1 }), is(9, /No forwarding pipeline/))
  await assert.rejects(service.write({ deviceId: 1, updates: [] }), is(7, /Not primary/))
  await assert.rejects(service.read({ deviceId: 1, entities: [{}] }), is(9, /No forwarding pipeline/))
  target.before = () => { throw new Error('a mistake') }
  await assert.rejects(service.read({ deviceId: 1, entities: [{}] }), is(13, /a mistake/))
})

test('a call that is not answered fails at its deadline', async () => {
  const { target, address } = await served()
  const service = new GrpcService(address, { timeoutMs: 50 })
  cleanups.push(() => service.close())
  target.before = () => new Promise<void>(() => {})
  await assert.rejects(service.read({ deviceId: 1, entities: [{}] }), (error: unknown) => error instanceof RpcError && error.code === 4)
})

test('nobody listens: tried again, and an address in use is an error', async () => {
  const { server, address } = await served()
  await assert.rejects(serveP4Runtime(new FakeP4Runtime().connect(), address), /cannot serve P4Runtime on 127\.0\.0\.1/)
  await server.close()
  const made = rig({ connect: () => new GrpcService(address) })
  cleanups.push(() => made.session.close())
  await eventually('three attempts', () => made.session.statistics.connects >= 3)
  assert.equal(made.events.length, 0)
})
