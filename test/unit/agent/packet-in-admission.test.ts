import { test } from 'node:test'
import assert from 'node:assert/strict'
import { PacketInAdmission } from '../../../src/agent/packet-in-admission.js'
import { limitRepeats, silentLogger } from '../../../src/base/logger.js'
import type { TargetPacketIn } from '../../../src/p4runtime/index.js'

const packet = (port: number, size = 60): TargetPacketIn => ({ payload: new Uint8Array(size), metadata: { in_port: BigInt(port) } })
const portOf = ({ metadata }: TargetPacketIn): number => Number(metadata['in_port'])
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a port that floods delays the others by no more than a slice, loses its own, and does not stop the loop', async () => {
  const delivered: number[] = []
  const busy = (): void => { for (const until = performance.now() + 0.5; performance.now() < until;) { /* the datapath at work */ } }
  const admission = new PacketInAdmission((each) => {
    delivered.push(portOf(each))
    busy()
  }, limitRepeats(silentLogger), { items: 100, bytes: 1_000_000, sliceMs: 2 })
  for (let i = 0; i < 5000; i++) admission.offer(packet(1))
  admission.offer(packet(2))
  assert.equal(delivered.length, 0, 'taking them costs the target nothing')
  let turns = 0
  while (!delivered.includes(2)) {
    await turn()
    turns++
  }
  assert.ok(delivered.indexOf(2) <= 1, `place ${delivered.indexOf(2)}`)
  while (delivered.length < 100) {
    await turn()
    turns++
  }
  assert.equal(admission.dropped, 4901)
  assert.ok(turns >= 10, `others had ${turns} turns`)
})

test('stopping ends it at once', async () => {
  let delivered = 0
  const admission = new PacketInAdmission(() => { delivered++ }, limitRepeats(silentLogger))
  admission.offer(packet(1))
  admission.stop()
  await turn()
  assert.equal(delivered, 0)
})
