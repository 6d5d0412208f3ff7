import { test } from 'node:test'
import assert from 'node:assert/strict'
import { PacketInScheduler } from '../../../src/channel/packet-in-scheduler.js'
import type { PacketIn } from '../../../src/channel/packet-in-scheduler.js'

const bounds = { items: 1000, bytes: 1_000_000 }
const packetIn = (port: number, reason: PacketIn['reason'] = 'action', size = 60): PacketIn =>
  ({ type: 'packet_in', bufferId: 0xffffffff, totalLen: size, reason, tableId: 0, cookie: 0n, match: [{ field: 'in_port', value: BigInt(port), mask: null }], data: new Uint8Array(size) })
const drain = (it: PacketInScheduler, now: number): PacketIn[] => {
  const taken: PacketIn[] = []
  for (let next = it.take(now); next !== null; next = it.take(now)) taken.push(next)
  return taken
}
const ports = (messages: readonly PacketIn[]): number[] => messages.map(({ match }) => Number(match[0]?.value))

test('without a rate everything leaves, port by port in turns', () => {
  const it = new PacketInScheduler({ rate: null, burst: null }, bounds, 0)
  for (const port of [1, 1, 1, 2, 3, 3]) it.put(packetIn(port))
  assert.equal(it.wait, 0)
  assert.deepEqual(ports(drain(it, 0)), [1, 2, 3, 1, 3, 1])
  assert.deepEqual([it.isEmpty, it.bytes, it.wait], [true, 0, null])
})

test('with a rate a burst leaves at once, as many wait, and the port with the most loses', () => {
  const it = new PacketInScheduler({ rate: 100, burst: 4 }, bounds, 0)
  // Each is offered to the controller when it comes, as the connection does it.
  const sent: PacketIn[] = []
  let dropped = 0
  for (const port of [1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 1]) {
    dropped += it.put(packetIn(port))
    sent.push(...drain(it, 0))
  }
  assert.deepEqual(ports(sent), [1, 1, 1, 1])
  assert.equal(dropped, 4)
  assert.equal(it.wait, 10)
  assert.deepEqual(ports(drain(it, 9)), [])
  assert.deepEqual(ports(drain(it, 10)), [1])
  assert.deepEqual(ports(drain(it, 40)), [2, 3, 1])
})

test('the default burst is a quarter of the rate, at least one', () => {
  for (const [rate, burst] of [[1000, 250], [3, 1]] as const) {
    const it = new PacketInScheduler({ rate, burst: null }, bounds, 0)
    let sent = 0
    for (let i = 0; i < 400; i++) {
      it.put(packetIn(1))
      sent += drain(it, 0).length
    }
    assert.equal(sent, burst)
  }
})

test('misses and what flows send have a rate each', () => {
  const it = new PacketInScheduler({ rate: 10, burst: 2 }, bounds, 0)
  for (let i = 0; i < 20; i++) it.put(packetIn(1, 'no_match'))
  for (const reason of ['action', 'invalid_ttl'] as const) it.put(packetIn(1, reason))
  assert.deepEqual(drain(it, 0).map(({ reason }) => reason), ['no_match', 'no_match', 'action', 'invalid_ttl'])
})

test('what waits is bounded in bytes too', () => {
  const it = new PacketInScheduler({ rate: 1, burst: 1000 }, { items: 1000, bytes: 100_000 }, 0)
  let dropped = 0
  for (let i = 0; i < 100; i++) dropped += it.put(packetIn(i % 3, 'action', 9000))
  assert.ok(it.bytes <= 100_000)
  assert.equal(dropped, 90)
  it.clear()
  assert.equal(it.bytes, 0)
})
