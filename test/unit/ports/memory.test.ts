import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fromHex, toHex } from '../../../src/packet/index.js'
import { MemoryPortDriver, TapPortDriver, createPortDriver, readPcap } from '../../../src/target/ports/index.js'

const frame = fromHex('0a0000000002 0a0000000001 1234 0102')

test('frames go in and come out', async () => {
  const driver = new MemoryPortDriver([1, 2])
  const received: string[] = []
  assert.equal(driver.inject(1, frame), false, 'not started')
  await driver.start((port, bytes) => {
    received.push(`${port} ${toHex(bytes)}`)
    driver.send(2, bytes)
    bytes.fill(0)
  })
  assert.equal(driver.inject(1, frame), true)
  assert.equal(driver.inject(9, frame), false)
  assert.deepEqual(received, [`1 ${toHex(frame)}`])
  assert.deepEqual(driver.take().map((sent) => [sent.port, toHex(sent.frame)]), [[2, toHex(frame)]])
  assert.deepEqual(driver.take(), [])
  driver.setLink(2, false)
  driver.send(2, frame)
  driver.send(7, frame)
  assert.deepEqual(driver.counters(2), { rxPackets: 0n, rxBytes: 0n, txPackets: 1n, txBytes: 16n, rxDropped: 0n, txDropped: 1n })
  assert.equal(driver.counters(1)?.rxBytes, 16n)
  assert.deepEqual([...driver.links()], [[1, true], [2, false]])
  await driver.stop()
  assert.equal(driver.inject(1, frame), false)
})

test('a tap writes what passes to a capture file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ports-'))
  try {
    const path = join(directory, 'p1.pcap')
    const tap = await createPortDriver({ kind: 'memory', ports: [1, 2], capture: [{ port: 1, path }] })
    assert.ok(tap instanceof TapPortDriver && tap.inner instanceof MemoryPortDriver)
    await tap.start(() => {})
    const before = Date.now()
    tap.inner.inject(1, frame)
    tap.inner.inject(2, frame)
    tap.send(1, frame.subarray(0, 14))
    await tap.stop()
    const file = readFileSync(path)
    assert.equal(toHex(file.subarray(0, 24)), 'd4c3b2a1020004000000000000000000' + '00000400' + '01000000')
    const records = readPcap(file)!
    assert.deepEqual(records.map((record) => [toHex(record.frame), record.originalLength]), [[toHex(frame), 16], [toHex(frame.subarray(0, 14)), 14]])
    assert.ok(Math.abs(records[0]!.timestampMs - before) < 60_000)
    assert.equal(readPcap(file.subarray(0, 23)), null)
    assert.equal(readPcap(file.subarray(0, file.length - 1))?.length, 1)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('a capture file that cannot be written does not stop the port', async () => {
  const driver = await createPortDriver({ kind: 'memory', ports: [1], capture: [{ port: 1, path: '/nonexistent/p.pcap' }] }) as TapPortDriver
  let received = 0
  await driver.start(() => { received++ })
  const inner = driver.inner as MemoryPortDriver
  inner.inject(1, frame)
  await new Promise((resolve) => setImmediate(resolve))
  inner.inject(1, frame)
  assert.equal(received, 2)
  await driver.stop()
})
