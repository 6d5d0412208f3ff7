/** The target in its thread: the same service over messages, ports of the thread and of the caller, and its end. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RpcError } from '../../../src/p4proto/service.js'
import { runTargetServer, spawnTarget } from '../../../src/target/index.js'
import { MemoryPortDriver } from '../../../src/target/ports/index.js'
import { Client, codeOf, codesOf, hex, loadProgram, unhex } from './rig.js'

const none = { clone_it: 0, digest_it: 0, resubmit_it: 0, group: 0, port: 511, drop_it: 0, priority: 0 }
const to = (kind: number, port: number) => ({ table: 'ingress_end', match: { 'h.mark.kind': kind, 's.instance_type': 0 }, action: ['I.run', { ...none, port }] as const })

describe('target in a thread', () => {
  test('writes, reads, packets and packet-ins cross; refusals keep their statuses', async () => {
    const driver = new MemoryPortDriver([1, 2])
    const target = await spawnTarget({ ports: driver, deviceId: 1 })
    try {
      const client = new Client(target.connect(), loadProgram('paths'))
      assert.equal((await client.arbitrate())?.status?.code, 0)
      await client.push()
      await client.insert(to(1, 2), to(2, 510))
      assert.deepEqual(await codesOf(client.insert(to(1, 2), to(3, 2))), [6, 0])
      assert.equal((await client.read({ tableEntry: {} })).length, 3)
      driver.inject(1, unhex('01 00 00 00 aa'))
      const sent: string[] = []
      await client.until(() => {
        sent.push(...driver.take().map(({ port, frame }) => `${port} ${hex(frame)}`))
        return sent.length > 0
      })
      assert.deepEqual(sent, ['2 01010102aa'])
      driver.inject(1, unhex('02 00 00 00'))
      await client.until(() => client.packetsIn().length > 0)
      assert.deepEqual(client.packetsIn()[0]?.metadata, { port: 1n, reason: 0n, length: 4n })
      client.packetOut(unhex('05 00 00 00'), { port: 2 })
      await client.until(() => driver.take().length > 0)
      const steps = await target.trace(1, unhex('01 00 00 00'))
      assert.deepEqual(steps.filter(step => step.kind === 'output').map(step => step.port), [2])
      assert.equal((await target.statistics()).packetsIn, 1)
      assert.deepEqual([...await target.driver.links()], [[1, true], [2, true]])
      assert.equal((await target.driver.counters(1))?.rxPackets, 2n)
      assert.equal(await target.driver.counters(9), null)
    } finally {
      await target.close()
    }
  })

  test('the counters of a table are those that a read tells', async () => {
    const driver = new MemoryPortDriver([1, 2])
    const target = await spawnTarget({ ports: driver, deviceId: 1 })
    try {
      const service = target.connect()
      const client = new Client(service, loadProgram('paths'))
      await client.arbitrate()
      await client.push()
      await client.insert({ ...to(1, 2), more: { controllerMetadata: 7 } }, { ...to(2, 2), more: { controllerMetadata: 9 } }, to(3, 2))
      for (let at = 0; at < 3; at++) driver.inject(1, unhex('01 00 00 00 aa'))
      await client.until(() => driver.take().length > 0)
      const { id: tableId } = client.table('ingress_end')
      const read = (await client.read({ tableEntry: { tableId, counterData: {} } })).flatMap(({ tableEntry: entry }) => Number(entry?.controllerMetadata ?? 0) !== 0
        ? [{ id: Number(entry?.controllerMetadata), packets: BigInt(String(entry?.counterData?.packetCount ?? 0)), bytes: BigInt(String(entry?.counterData?.byteCount ?? 0)) }] : [])
      assert.equal(read.length, 2)
      assert.deepEqual([...await service.readCounters?.(1n, tableId) ?? []], read)
      assert.equal(await codeOf(service.readCounters?.(2n, tableId) ?? Promise.resolve()), 5)
      assert.equal(await codeOf(service.readCounters?.(1n, 1) ?? Promise.resolve()), 5)
    } finally {
      await target.close()
    }
  })

  test('a flood of packet-ins does not pile up in front of a busy client', async () => {
    const driver = new MemoryPortDriver([1])
    const target = await spawnTarget({ ports: driver })
    try {
      const client = new Client(target.connect(), loadProgram('paths'))
      await client.arbitrate()
      await client.push()
      await client.insert(to(2, 510))
      const frame = unhex('02 00 00 00')
      const count = 6000
      for (let at = 0; at < count; at++) driver.inject(1, frame)
      // This thread is busy: the other one works on all frames meanwhile.
      await new Promise(resolve => setImmediate(resolve))
      for (const until = performance.now() + 300; performance.now() < until;);
      await client.until(() => client.packetsIn().length > 0)
      await client.write([])
      const { packetsIn, packetsInDropped } = await target.statistics()
      assert.equal(packetsIn, count)
      await client.until(() => client.packetsIn().length + packetsInDropped >= count)
      assert.ok(packetsInDropped > 0, 'some were dropped')
      driver.inject(1, frame)
      const before = client.packetsIn().length
      await client.until(() => client.packetsIn().length > before)
    } finally {
      await target.close()
    }
  })

  test('ports that the thread opens itself', async () => {
    const target = await spawnTarget({ ports: { kind: 'memory', ports: [3] } })
    assert.deepEqual([...await target.driver.links()], [[3, true]])
    assert.equal((await target.driver.counters(3))?.rxPackets, 0n)
    await target.close()
  })

  test('ports that cannot be opened', async () => {
    await assert.rejects(spawnTarget({ ports: { kind: 'linux', interfaces: [{ port: 1, name: 'no-such-if' }] } }), /no-such-if/)
  })

  test('closing ends streams in order, and later calls fail', async () => {
    const target = await spawnTarget({ ports: { kind: 'memory', ports: [] } })
    const client = new Client(target.connect(), loadProgram('paths'))
    await client.arbitrate()
    await target.close()
    assert.equal(client.ended, null)
    assert.equal(await codeOf(client.read({ tableEntry: {} })), 14)
    const late = new Client(target.connect(), loadProgram('paths'))
    await late.until(() => late.ended !== undefined)
    assert.ok(late.ended instanceof RpcError)
    await target.close()
  })

  test('a connection of its own ends alone', async () => {
    const target = await spawnTarget({ ports: { kind: 'memory', ports: [] } })
    const [a, b] = [new Client(target.connect(), loadProgram('paths'), 1), new Client(target.connect(), loadProgram('paths'), 2)]
    await a.arbitrate()
    await b.arbitrate()
    await b.service.close()
    await b.until(() => b.ended !== undefined)
    await a.until(() => a.messages.at(-1)?.arbitration?.status?.code === 5)
    await target.close()
  })

  test('the server is given a service, and both end together', async () => {
    let served = ''
    const server = await runTargetServer({
      ports: { kind: 'memory', ports: [] }, address: 'here',
      serve: async (service, address) => {
        served = `${address} ${await service.capabilities()}`
        return { port: 9559, close: () => { served += ' closed'; return Promise.resolve() } }
      },
    })
    assert.equal(server.port, 9559)
    await server.close()
    assert.equal(served, 'here 1.4.0 closed')
  })

  test('an address that cannot be bound leaves no thread behind', async () => {
    await assert.rejects(runTargetServer({ ports: { kind: 'memory', ports: [] }, address: 'x', serve: () => Promise.reject(new Error('in use')) }), /in use/)
  })
})
