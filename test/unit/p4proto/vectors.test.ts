/** Our wire definitions against bytes made by protoc from the published ones. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { p4, google } from '../../../src/p4proto/generated.js'
import { codecOf, parseTextFormat } from '../../../src/p4proto/text-format.js'

interface Vector { readonly name: string; readonly type: string; readonly text: string; readonly hex: string }
interface FullCodec { decode(bytes: Uint8Array): Record<string, unknown>; encode(message: unknown): { finish(): Uint8Array } }

const vectors: Vector[] = readFileSync(join(process.cwd(), 'test/vectors/p4runtime/messages.vec'), 'utf8')
  .split(/^=== /m).slice(1)
  .map((block) => {
    const [head = '', ...rest] = block.split('\n')
    const [name = '', type = ''] = head.split('|').map((part) => part.trim())
    const [text = '', hex = ''] = rest.join('\n').split(/^---$/m)
    return { name, type, text, hex: hex.replace(/\s/g, '') }
  })
const find = (name: string): Buffer => {
  const vector = vectors.find((v) => v.name === name)
  assert.ok(vector, name)
  return Buffer.from(vector.hex, 'hex')
}

test('there are vectors', () => assert.ok(vectors.length >= 15))

for (const { name, type, text, hex } of vectors) {
  test(`${name}: the text gives the bytes of protoc`, () => {
    const codec = codecOf(type)
    assert.ok(codec)
    assert.equal(Buffer.from(codec.encode(parseTextFormat(type, text)).finish()).toString('hex'), hex)
  })
  test(`${name}: decoding loses nothing`, () => {
    const codec = codecOf(type) as unknown as FullCodec
    const message = codec.decode(Buffer.from(hex, 'hex'))
    assert.equal(Buffer.from(codec.encode(message).finish()).toString('hex'), hex)
  })
}

test('decoded values are where the types say', () => {
  const request = p4.v1.WriteRequest.decode(find('write: insert, modify and delete'))
  const entry = request.updates[0]?.entity?.tableEntry
  assert.equal(request.updates[0]?.type, p4.v1.Update.Type.INSERT)
  assert.equal(entry?.tableId, 33574068)
  assert.deepEqual([...entry?.match?.[1]?.ternary?.mask ?? []], [255, 255])
  assert.equal(entry?.action?.action?.params?.[1]?.paramId, 2)
  const pre = request.updates[2]?.entity?.packetReplicationEngineEntry?.multicastGroupEntry
  assert.equal(pre?.replicas?.[1]?.egressPort, 7)
  const status = google.rpc.Status.decode(find('status of a failed Write'))
  assert.deepEqual(status.details.map((d) => p4.v1.Error.decode(d.value ?? new Uint8Array(0)).canonicalCode), [0, 6])
})

test('fields that we do not know are skipped and cut messages are refused', () => {
  const bytes = find('pipeline question')
  const withUnknown = Buffer.concat([bytes, Buffer.from('d23e03616263', 'hex')])  // field 1002, "abc"
  const decoded = p4.v1.GetForwardingPipelineConfigRequest.decode(withUnknown)
  assert.equal(Buffer.from(p4.v1.GetForwardingPipelineConfigRequest.encode(decoded).finish()).toString('hex'), bytes.toString('hex'))
  const long = find('write: insert, modify and delete')
  assert.throws(() => p4.v1.WriteRequest.decode(long.subarray(0, 40)))
})
