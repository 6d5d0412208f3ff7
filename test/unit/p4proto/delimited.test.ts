import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageWriter, readMessages } from '../../../src/p4proto/delimited.js'
import { p4 } from '../../../src/p4proto/generated.js'

test('messages come out as they went in, the empty ones too', () => {
  const writer = new MessageWriter<p4.v1.IPacketOut>(p4.v1.PacketOut)
  assert.equal(writer.isEmpty, true)
  const sizes = [0, 1, 127, 128, 20_000]
  for (const size of sizes) writer.add(size === 0 ? {} : { payload: new Uint8Array(size).fill(size), metadata: [{ metadataId: size, value: Uint8Array.of(1) }] })
  assert.equal(writer.isEmpty, false)
  const bytes = writer.take()
  const seen: [number, number | undefined][] = []
  assert.equal(readMessages(p4.v1.PacketOut, bytes, ({ payload, metadata }) => seen.push([payload.length, metadata[0]?.metadataId ?? undefined])), sizes.length)
  assert.deepEqual(seen, sizes.map((size) => [size, size === 0 ? undefined : size]))
  assert.deepEqual([writer.isEmpty, writer.take().length, readMessages(p4.v1.PacketOut, new Uint8Array(0), () => assert.fail())], [true, 0, 0])
})

test('what is cut off is an error, not a message', () => {
  const writer = new MessageWriter<p4.v1.IPacketOut>(p4.v1.PacketOut)
  writer.add({ payload: new Uint8Array(9) })
  assert.throws(() => readMessages(p4.v1.PacketOut, writer.take().slice(0, -1), () => undefined), RangeError)
})
