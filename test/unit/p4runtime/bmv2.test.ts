/**
 * The session against BMv2's simple_switch_grpc, where that is installed. It shows that the fake target behaves like the
 * real one where it matters, and the limits that the queue is built around.
 */
import assert from 'node:assert/strict'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { GrpcService } from '../../../src/p4runtime/index.js'
import { Daemon } from '../../support/netns-process.js'
import { acl, ACL, COUNTER, EXACT, eventually, exact, forward, insert, modify, multicast, remove, rig } from './rig.js'
import type { Rig } from './rig.js'

const PROGRAM = 'simple_switch_grpc'
const CPU_PORT = 510n
const isInstalled = (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
  try {
    accessSync(join(folder, PROGRAM), constants.X_OK)
    return true
  } catch {
    return false
  }
})
/** An Ethernet frame of this destination. */
const frame = (mac: number, bytes = 64): Uint8Array => {
  const packet = Buffer.alloc(bytes)
  packet.writeUIntBE(mac, 0, 6)
  packet.writeUInt16BE(0x0800, 12)
  return packet
}
const toCpu = (reason: number): ReturnType<typeof forward> => ({ name: 'TinyIngress.to_cpu', params: [{ name: 'reason', value: BigInt(reason) }] })

describe('BMv2', { skip: isInstalled ? false : `${PROGRAM} is not on the PATH` }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'p4rt-'))
  let daemon: Daemon
  const rigs: Rig[] = []
  const address = `unix:${join(folder, 'p4rt.sock')}`
  const boot = (): void => {
    daemon = new Daemon(PROGRAM, PROGRAM, ['--no-p4', '--device-id', '1', '-Loff', '--', '--grpc-server-addr', address, '--cpu-port', String(CPU_PORT)])
  }
  const ready = async (options: Partial<Parameters<typeof rig>[0]> = {}): Promise<Rig> => {
    const made = rig({ connect: () => new GrpcService(address), ...options })
    rigs.push(made)
    await eventually('ready', () => made.events.some(({ kind }) => kind === 'ready'), 15_000)
    await made.session.restore({ entities: [] })
    return made
  }
  before(boot)
  after(async () => {
    for (const { session } of rigs) await session.close()
    await daemon.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('push, write, count, read and delete', async () => {
    const { session, events } = await ready()
    assert.deepEqual(await session.write([
      insert(acl(0x0200_0000_0001, { action: toCpu(3), controllerMetadata: 41, metadata: Uint8Array.of(1, 2, 3) })),
      insert(acl(null, { priority: 1, action: toCpu(4), controllerMetadata: 42 })), insert(acl(null, { priority: 2, match: [{ field: 'in_port', kind: 'ternary', value: 1n, mask: 511n }] })),
      insert(multicast(5, 1, 256, 511, 2)), modify(multicast(5, 2, 511)), modify({ kind: 'counter_reset', counter: COUNTER, index: 14 }),
    ]), [])
    session.packetOut(frame(0x0200_0000_0001, 100), { out_port: 0n })
    session.packetOut(frame(0x0200_0000_0002, 60), { out_port: 0n })
    await eventually('both packets come in', () => events.filter(({ kind }) => kind === 'packet_in').length === 2)
    const packets = events.flatMap((event) => event.kind === 'packet_in' ? [event.packet] : [])
    assert.deepEqual(packets.map(({ metadata, payload }) => [metadata, payload.length]), [
      [{ in_port: CPU_PORT, reason: 3n }, 100], [{ in_port: CPU_PORT, reason: 4n }, 60],
    ])
    const counted = await session.readTableCounters(ACL)
    assert.deepEqual([...counted].map(({ id, packets: count }) => [id, count]).sort(), [[41, 1n], [42, 1n]])
    assert.deepEqual((await session.readEntryCounters([
      acl(0x0200_0000_0001, { controllerMetadata: 41 }), acl(0x0200_0000_0009, { controllerMetadata: 99 }), acl(null, { priority: 1, controllerMetadata: 42 }),
    ])).map(({ controllerMetadata, packets: count }) => [controllerMetadata, count]), [[41, 1n], [42, 1n]])
    assert.deepEqual(await session.write([modify(acl(0x0200_0000_0001, { action: toCpu(5), controllerMetadata: 41, resetCounters: true }))]), [])
    assert.deepEqual(await session.readEntryCounters([acl(0x0200_0000_0001, { controllerMetadata: 41 })]), [{ controllerMetadata: 41, packets: 0n, bytes: 0n }])
    const cell = Number(CPU_PORT & 15n)
    const [before] = await session.readCounter(COUNTER, [cell])
    assert.deepEqual([before?.index, before?.packets], [cell, 2n])
    assert.deepEqual(await session.write([modify({ kind: 'counter_reset', counter: COUNTER, index: cell })]), [])
    assert.deepEqual(await session.readCounter(COUNTER, [cell]), [{ index: cell, packets: 0n, bytes: 0n }])
  })

  test('failures have the index and the kind that the fake gives them', async () => {
    const { session } = await ready()
    const failures = await session.write([
      insert(exact(1)), insert(exact(1)), modify(exact(2)), remove(exact(3)), insert(multicast(9, 1)), insert(multicast(9, 2)), remove(multicast(10)), remove(exact(1)),
    ])
    assert.deepEqual(failures.map(({ index, kind, code }) => [index, kind, code]), [
      [1, 'target.exists', 6], [2, 'target.missing', 5], [3, 'target.missing', 5], [5, 'target.exists', 6], [6, 'target.missing', 5],
    ])
    const fill = await session.write(Array.from({ length: 130 }, (_, i) => insert(acl(i, { priority: 7 }))))
    assert.deepEqual(fill.map(({ index, kind, code }) => [index, kind, code]), [[128, 'target.full', 2], [129, 'target.full', 2]])
  })

  test('the statuses of 200 failures arrive', async () => {
    const { session } = await ready()
    const all = Array.from({ length: 200 }, (_, i) => insert(exact(i)))
    assert.deepEqual(await session.write(all), [])
    assert.equal((await session.write(all)).length, 200)
  })

  test('an entry without hits is told as idle', async () => {
    const { session, events } = await ready()
    assert.deepEqual(await session.write([insert(acl(77, { idleTimeout: 200, controllerMetadata: 2 ** 32 - 1 }))]), [])
    await eventually('idle', () => events.some((event) => event.kind === 'idle'), 10_000)
    assert.deepEqual(events.find((event) => event.kind === 'idle'), { kind: 'idle', controllerMetadata: [2 ** 32 - 1] })
  })

  test('a second session takes over, finds what the first has written, and the first is told', async () => {
    const first = await ready()
    assert.deepEqual(await first.session.write([
      insert(exact(1)), insert(multicast(77, 1)), insert(acl(null, { priority: 3 })),
      modify({ kind: 'default', table: EXACT, action: forward(9)! }),
    ]), [])
    const second = rig({ connect: () => new GrpcService(address) })
    rigs.push(second)
    await second.event('ready')
    const found = second.events.find((event) => event.kind === 'ready')
    assert.ok(found?.kind === 'ready')
    assert.deepEqual((found.contents ?? []).map((entity) => (entity.kind === 'table' ? entity.table : entity.kind)).sort(), [ACL, EXACT, 'multicast'])
    await first.event('lost')
    await second.session.restore({ entities: [] })
    assert.deepEqual(await second.session.write([insert(exact(1)), insert(multicast(77, 1)), insert(acl(null, { priority: 3 }))]), [])
    assert.deepEqual((await first.session.write([insert(exact(9))])).map(({ kind }) => kind), ['target.lost'])
  })

  test('killed with a Write under way and started again', async () => {
    const { session, event } = await ready()
    const open = session.write(Array.from({ length: 1000 }, (_, i) => insert(exact(i))))
    daemon.kill('SIGKILL')
    const failures = await open
    assert.ok(failures.length > 0 && failures.every(({ kind }) => kind === 'target.lost'))
    await event('lost')
    await daemon.ended
    boot()
    await eventually('ready again', () => session.isReady, 15_000)
    assert.deepEqual(await session.write([insert(exact(1)), insert(acl(1))]), [])
  })
})
