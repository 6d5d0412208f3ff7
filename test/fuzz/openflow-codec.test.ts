/** Bounded: no bytes make the decoder throw, and what it accepts it can say again. `FUZZ_RUNS` raises the number of runs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { allVectors } from '../unit/openflow/vectors.js'
import {
  canonicalMatch, decodeMessage, encodeMessage, type FieldValue, formatMessage, Framer, frameOf, type FlowMod, matchKey, matchSubsumes, type Message, NO_INSTRUCTIONS, OXM_FIELDS, SUPPORTED_VERSIONS, Unencodable,
} from '../../src/openflow/index.js'

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 400)

function sealed(version: number, type: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + body.length)
  bytes.set([version, type, bytes.length >> 8, bytes.length & 0xff, 0, 0, 0, 9])
  bytes.set(body, 8)
  return bytes
}

/** Bytes that are more often lengths, types and small numbers than pure noise would be. */
const byte = fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.integer({ min: 0, max: 40 }) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) })
const body = fc.array(byte, { maxLength: 200 }).map((bytes) => Uint8Array.from(bytes))

function accepts(bytes: Uint8Array, version: number): void {
  const result = decodeMessage(frameOf(bytes), version)
  if (!result.ok) return assert.match(result.error, /^OFP/)
  formatMessage(result.message)
  const again = said(result.message, version)
  if (again === null) return
  const second = decodeMessage(frameOf(again), version)
  assert.ok(second.ok, second.ok ? '' : second.reason)
  assert.deepEqual(said(second.message, version), again, 'encoding is stable')
}

function said(message: Message, version: number): Uint8Array | null {
  try {
    return encodeMessage(message, version, 9)[0] ?? null
  } catch (error) {
    assert.ok(error instanceof Unencodable)
    return null
  }
}

test('any body of any type gives a value or a refusal', () => {
  fc.assert(fc.property(fc.constantFrom(...SUPPORTED_VERSIONS), fc.integer({ min: 0, max: 36 }), body, (version, type, bytes) => accepts(sealed(version, type, bytes), version)), { numRuns: 20 * numRuns })
})

test('any statistics body gives a value or a refusal', () => {
  fc.assert(fc.property(fc.constantFrom(...SUPPORTED_VERSIONS), fc.boolean(), fc.integer({ min: 0, max: 20 }), body, (version, reply, kind, bytes) => {
    const type = (version === 1 ? 16 : 18) + (reply ? 1 : 0)
    accepts(sealed(version, type, Uint8Array.from([0, kind, 0, 0, ...version === 1 ? [] : [0, 0, 0, 0], ...bytes])), version)
  }), { numRuns: 15 * numRuns })
})

const corpus = allVectors()
const change = fc.record({ at: fc.nat(), value: fc.oneof(byte, fc.integer({ min: 0, max: 255 })) })

test('a message that is changed in several places, or read in another version, gives a value or a refusal', () => {
  fc.assert(fc.property(fc.constantFrom(...corpus), fc.option(fc.constantFrom(...SUPPORTED_VERSIONS)), fc.array(change, { maxLength: 6 }), (vector, other, changes) => {
    const bytes = vector.bytes.slice()
    const version = other ?? vector.version
    bytes[0] = version
    for (const { at, value } of changes) bytes[8 + at % Math.max(1, bytes.length - 8)] = value
    const view = new DataView(bytes.buffer)
    if (bytes.length > view.byteLength || bytes.length < 8) return
    view.setUint16(2, bytes.length)
    accepts(bytes, version)
  }), { numRuns: 15 * numRuns })
})

test('what one version says is said in another, or is Unencodable', () => {
  const [refused, unstable]: [string[], string[]] = [[], []]
  for (const { file, message } of corpus) {
    for (const version of SUPPORTED_VERSIONS) {
      const bytes = said(message, version)
      if (bytes === null) continue
      const result = decodeMessage(frameOf(bytes), version)
      // Bits that a version lacks are kept, so that whoever asks for them is refused; foreign bodies mean something in one version only.
      if (!result.ok && (/_BAD_(CONFIG|FLAGS)$/.test(result.error) || file.includes('experimenter'))) continue
      if (!result.ok) refused.push(`${file} in version ${version}: ${result.error} ${result.reason}`)
      else if (Buffer.compare(said(result.message, version) ?? new Uint8Array(0), bytes) !== 0) unstable.push(`${file} in version ${version}`)
    }
  }
  assert.deepEqual(unstable, [])
  assert.deepEqual(refused, [])
})

test('the framer returns the same messages however the stream is cut', () => {
  fc.assert(fc.property(fc.array(body, { minLength: 1, maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 30 }), (bodies, cuts) => {
    const stream = Uint8Array.from(bodies.flatMap((bytes) => [...sealed(4, 2, bytes)]))
    const framer = new Framer()
    const got: number[][] = []
    for (let at = 0, turn = 0; at < stream.length; turn++) {
      const size = cuts[turn % cuts.length] as number
      framer.push(stream.subarray(at, at + size))
      at += size
      for (let frame = framer.next(); frame !== null; frame = framer.next()) got.push([...frame.bytes.subarray(8)])
    }
    assert.deepEqual(got, bodies.map((bytes) => [...bytes]))
  }), { numRuns })
})

const field = fc.constantFrom(...OXM_FIELDS).chain((row): fc.Arbitrary<FieldValue> => fc.tuple(
  fc.oneof(fc.bigInt(0n, row.ones), fc.constantFrom(0n, 1n, 6n, 58n, 0x800n, 0x86ddn, 0x806n, 0x1000n).filter((value) => value <= row.ones)),
  fc.oneof(fc.constant(null), fc.bigInt(0n, row.ones)),
).map(([value, mask]) => ({ field: row.name, value: mask === null ? value : value & mask, mask })))

test('canonical matches are fixed points, survive the wire, and contain themselves', () => {
  fc.assert(fc.property(fc.array(field, { maxLength: 5 }), (fields) => {
    const result = canonicalMatch(fields)
    if ('error' in result) return
    const newest = Math.max(...SUPPORTED_VERSIONS)
    const again = canonicalMatch([...result.match].reverse())
    assert.deepEqual(again, result)
    assert.ok(matchSubsumes(result.match, result.match))
    const mod: FlowMod = {
      type: 'flow_mod', command: 'add', tableId: 0, priority: 0, match: result.match, cookie: 0n, cookieMask: 0n, idleTimeout: 0, hardTimeout: 0,
      bufferId: 0xffffffff, outPort: 0, outGroup: 0, flags: 0, importance: 0,
      instructions: NO_INSTRUCTIONS,
    }
    const decoded = decodeMessage(frameOf(encodeMessage(mod, newest, 1)[0] as Uint8Array), newest)
    assert.ok(decoded.ok, decoded.ok ? '' : decoded.reason)
    assert.deepEqual(decoded.message, mod)
    assert.equal(matchKey((decoded.message as FlowMod).match), matchKey(result.match))
  }), { numRuns: 3 * numRuns })
})
