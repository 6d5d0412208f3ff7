/** Every vector: value, text, bytes again; every prefix and every changed byte gives a value or a refusal. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeMessage, encodeMessage, formatMessage, frameOf, type Message, SUPPORTED_VERSIONS, Unencodable, type DecodeResult } from '../../../src/openflow/index.js'
import { MESSAGES, STATS_REPLY_CODES, STATS_REQUEST_CODES } from '../../../src/openflow/schema/messages.js'
import { STATS } from '../../../src/openflow/schema/stats.js'
import { inRange, pick } from '../../../src/openflow/versions.js'
import { allVectors, type Vector } from './vectors.js'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const vectors = allVectors()
/** Messages that carry another one have no row of their own in schema/messages.ts. */
const CARRIERS = [{ type: 'requestforward', codes: { '1.4+': 32 } }, { type: 'bundle_add', codes: { '1.4+': 34 } }] as const

function decode(bytes: Uint8Array, version: number): Message {
  const result = decodeMessage(frameOf(bytes), version)
  assert.ok(result.ok, result.ok ? '' : `${result.error}: ${result.reason}`)
  return result.message
}

for (const vector of vectors) {
  test(`${vector.file} decodes to its value and its text`, () => {
    const message = decode(vector.bytes, vector.version)
    assert.deepEqual(message, vector.message)
    assert.equal(formatMessage(message), vector.text)
  })
  test(`${vector.file} encodes to its bytes`, () => {
    const encoded = encodeMessage(vector.message, vector.version, frameOf(vector.bytes).xid)
    if (!vector.oneWay) return assert.deepEqual(encoded.map(hex), [hex(vector.bytes)])
    assert.equal(encoded.length, 1)
    assert.deepEqual(decode(encoded[0] as Uint8Array, vector.version), vector.message)
  })
  test(`${vector.file} cut or changed gives a value or a refusal`, () => damage(vector))
}

/** The header's length is set to what is there, so that the fault is in the body. */
function sealed(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer, bytes.byteOffset).setUint16(2, bytes.length)
  return bytes
}

function check(bytes: Uint8Array, version: number): void {
  const result: DecodeResult = decodeMessage(frameOf(bytes), version)
  if (!result.ok) {
    assert.match(result.error, /^OFP[A-Z]+_[A-Z_]+$/)
    assert.ok(result.reason.length > 0)
    return
  }
  formatMessage(result.message)
  try {
    for (const again of encodeMessage(result.message, version, 1)) assert.ok(decodeMessage(frameOf(again), version).ok, hex(bytes))
  } catch (error) {
    // A received value may have more than our encoder says, never something that breaks it.
    if (!(error instanceof Unencodable)) throw error
  }
}

function damage({ bytes, version }: Vector): void {
  const step = Math.max(1, Math.floor(bytes.length / 400))
  for (let length = 8; length < bytes.length; length += step) check(sealed(bytes.slice(0, length)), version)
  for (let at = 8; at < bytes.length; at += step) {
    for (const value of [0x00, 0x01, 0x7f, 0xff, (bytes[at] ?? 0) ^ 0x10]) {
      const changed = bytes.slice()
      changed[at] = value
      check(changed, version)
    }
  }
}

test('there is a vector of every message of every version', () => {
  const missing: string[] = []
  for (const version of SUPPORTED_VERSIONS) {
    const present = new Set(vectors.filter((vector) => vector.version === version).map(({ bytes }) => bytes[1]))
    for (const { type, codes } of [...MESSAGES, ...CARRIERS]) {
      const code = pick(codes, version)
      if (code !== undefined && !present.has(code)) missing.push(`${version} ${type}`)
    }
    for (const [codes, direction] of [[STATS_REQUEST_CODES, 'request'], [STATS_REPLY_CODES, 'reply']] as const) {
      for (const row of STATS) {
        if (!inRange(row.versions, version) || (row.kind === 'experimenter' && direction === 'reply')) continue
        const found = vectors.some((vector) => vector.version === version && vector.bytes[1] === pick(codes, version)
          && ((vector.bytes[8] ?? 0) << 8 | (vector.bytes[9] ?? 0)) === row.code)
        if (!found) missing.push(`${version} stats ${direction} ${row.kind}`)
      }
    }
  }
  assert.deepEqual(missing, [])
})
