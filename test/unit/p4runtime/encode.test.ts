/** Named updates as bytes: what they decode to, and that the generated code would have written the same. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NamedMatch, NamedTableEntry, NamedUpdate } from '../../../src/compiler/ir.js'
import { P4InfoIndex } from '../../../src/p4info/index.js'
import { BackWriter } from '../../../src/p4proto/back-writer.js'
import { EncodedWrite, UpdateChunks } from '../../../src/p4proto/encoded-write.js'
import { p4 } from '../../../src/p4proto/generated.js'
import { toNumber } from '../../../src/p4proto/int64.js'
import { bmv2Limits, encodeKey, encodeUpdate } from '../../../src/p4runtime/encode.js'
import type { Update } from '../../../src/p4runtime/encode.js'

const index = P4InfoIndex.parse(readFileSync(join(process.cwd(), 'test/unit/target/programs/tables.p4info.txtpb'), 'utf8'))
const chunks = new UpdateChunks()
const entry = (table: string, match: readonly NamedMatch[], given: Partial<NamedTableEntry> = {}): NamedTableEntry => ({
  kind: 'table', table, match, priority: 0, action: { name: 'I.set', params: [{ name: 'x', value: 7n }] }, idleTimeout: 0, controllerMetadata: 0, metadata: new Uint8Array(0),
  resetCounters: false, ...given,
})
const encode = (update: NamedUpdate) => encodeUpdate(update, index, bmv2Limits, chunks)
function encoded(update: NamedUpdate): Update {
  const result = encode(update)
  assert.ok(result.ok, result.ok ? '' : result.reason)
  return result.value
}
const requestOf = (...updates: Update[]): p4.v1.WriteRequest => p4.v1.WriteRequest.decode(new EncodedWrite(new Uint8Array(0), updates, 0).bytes)
const hex = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('hex')

/** The shortest big-endian form, made in another way than the code does. */
const canonical = (value: bigint): string => {
  const text = value.toString(16)
  return text.length % 2 === 0 ? text : `0${text}`
}
const bits = (width: number): fc.Arbitrary<bigint> => fc.oneof(fc.bigInt(0n, (1n << BigInt(width)) - 1n), fc.constantFrom(0n, 1n, (1n << BigInt(width)) - 1n))
const optional = <T>(part: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(part, { nil: null })

const ternary = (field: string, width: number): fc.Arbitrary<NamedMatch> => fc.tuple(bits(width), bits(width)).map(([value, mask]) => ({ field, kind: 'ternary', value, mask }))
const flow = fc.record({
  match: fc.tuple(optional(ternary('h.k.a', 32)), optional(ternary('h.k.b', 16)), optional(ternary('h.k.c', 48))).map((parts) => parts.filter((part) => part !== null)),
  priority: fc.integer({ min: 1, max: 2 ** 31 - 1 }), idleTimeout: fc.constantFrom(0, 1, 1000, 65_535_000), controllerMetadata: fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constantFrom(0, 127, 128, 2 ** 52)),
  metadata: fc.uint8Array({ maxLength: 300 }), resetCounters: fc.boolean(), x: bits(8),
})

test('a table entry decodes to what was said, and the generated code writes the same bytes', () => {
  fc.assert(fc.property(flow, fc.constantFrom('insert' as const, 'modify' as const, 'delete' as const), ({ x, ...given }, op) => {
    const update = encoded({ op, entity: entry('I.ternary_t', given.match, { ...given, action: { name: 'I.counted', params: [{ name: 'x', value: x }] } }) })
    const request = requestOf(update)
    assert.equal(hex(p4.v1.WriteRequest.encode(request).finish()), hex(update.chunk.subarray(update.start, update.end)))
    const [{ type, entity } = {}] = request.updates
    assert.equal(type, p4.v1.Update.Type[op.toUpperCase() as 'INSERT'])
    const found = entity?.tableEntry
    assert.equal(found?.tableId, 42207682)
    assert.equal(found?.priority, given.priority)
    assert.deepEqual((found?.match ?? []).map(({ fieldId, ternary: part }) => [fieldId, hex(part?.value), hex(part?.mask)]),
      given.match.flatMap((part) => part.kind !== 'ternary' || part.mask === 0n ? [] : [[{ 'h.k.a': 1, 'h.k.b': 2, 'h.k.c': 3 }[part.field], canonical(part.value & part.mask), canonical(part.mask)]]))
    assert.equal(update.isNewFlow, op === 'insert' && given.controllerMetadata !== 0)
    if (op === 'delete') {
      assert.deepEqual([found?.action ?? null, found?.metadata?.length ?? 0, update.metadataBytes], [null, 0, 0])
      return
    }
    assert.equal(hex(found?.action?.action?.params?.[0]?.value), canonical(x))
    assert.equal(toNumber(found?.idleTimeoutNs), given.idleTimeout * 1e6)
    assert.equal(toNumber(found?.controllerMetadata), given.controllerMetadata)
    assert.equal(hex(found?.metadata), hex(given.metadata))
    assert.equal(Boolean(found?.counterData), op === 'modify' && given.resetCounters)
  }))
})

test('every kind of match, and a field that matches everything is left out', () => {
  const cases: readonly (readonly [string, number, readonly NamedMatch[], readonly unknown[]])[] = [
    ['I.exact_t', 0, [{ field: 'h.k.a', kind: 'exact', value: 0n }, { field: 'h.k.c', kind: 'exact', value: 0x1234n }], [['exact', '00'], ['exact', '1234']]],
    ['I.lpm_t', 0, [{ field: 'h.k.b', kind: 'exact', value: 1n }, { field: 'h.k.a', kind: 'lpm', value: 0x0a0b0c0dn, prefixLength: 12 }], [['exact', '01'], ['lpm', '0a000000', 12]]],
    ['I.lpm_t', 0, [{ field: 'h.k.b', kind: 'exact', value: 1n }, { field: 'h.k.a', kind: 'lpm', value: 0x0a0b0c0dn, prefixLength: 0 }], [['exact', '01']]],
    ['I.range_t', 3, [{ field: 'h.k.a', kind: 'range', low: 5n, high: 0x1_0000n }], [['range', '05', '010000']]],
    ['I.range_t', 3, [{ field: 'h.k.a', kind: 'range', low: 0n, high: 0xffff_ffffn }], []],
    ['I.optional_t', 3, [{ field: 'h.k.a', kind: 'optional', value: 300n }, { field: 'h.k.d', kind: 'optional', value: 1n }], [['optional', '012c'], ['optional', '01']]],
    ['I.ternary_t', 3, [{ field: 'h.k.a', kind: 'ternary', value: 1n, mask: 0n }], []],
  ]
  for (const [table, priority, match, expected] of cases) {
    const [{ entity } = {}] = requestOf(encoded({ op: 'delete', entity: entry(table, match, { priority, action: null }) })).updates
    assert.deepEqual((entity?.tableEntry?.match ?? []).map(({ exact, lpm, range, optional: one, ternary: part }) =>
      exact ? ['exact', hex(exact.value)] : lpm ? ['lpm', hex(lpm.value), lpm.prefixLen] : range ? ['range', hex(range.low), hex(range.high)]
        : one ? ['optional', hex(one.value)] : ['ternary', hex(part?.value), hex(part?.mask)]), expected, table)
  }
})

test('values of more than 48 bits', () => {
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 128n - 1n), (value) => {
    const writer = new BackWriter()
    const width = writer.value(value)
    assert.equal(hex(writer.bytes.subarray(writer.at)), canonical(value))
    assert.equal(width, value === 0n ? 0 : value.toString(2).length)
  }))
})

test('what a target cannot take is refused with a reason', () => {
  const a = (value: bigint): NamedMatch => ({ field: 'h.k.a', kind: 'ternary', value, mask: 0xffff_ffffn })
  const cases: readonly (readonly [NamedUpdate, RegExp])[] = [
    [{ op: 'insert', entity: entry('I.ternary_t', [a(2n ** 32n)], { priority: 1, action: { name: 'I.counted', params: [{ name: 'x', value: 1n }] } }) }, /0x100000000 does not fit in field 'h.k.a' .*32 bits/],
    [{ op: 'insert', entity: entry('I.ternary_t', [a(-1n)], { priority: 1, action: { name: 'I.counted', params: [{ name: 'x', value: 1n }] } }) }, /-1 does not fit in field 'h.k.a'/],
    [{ op: 'insert', entity: entry('I.ternary_t', [a(1n), a(2n)], { priority: 1 }) }, /given twice/],
    [{ op: 'insert', entity: entry('I.ternary_t', [a(1n)], { priority: 0 }) }, /priority 0/],
    [{ op: 'insert', entity: entry('I.ternary_t', [a(1n)], { priority: 1, action: { name: 'I.counted', params: [{ name: 'x', value: 256n }] } }) }, /0x100 does not fit in parameter 'x' of 'I.counted' \(8 bits\)/],
    [{ op: 'insert', entity: entry('I.ternary_t', [a(1n)], { priority: 1, action: { name: 'I.counted', params: [] } }) }, /parameter 'x' of 'I.counted' is missing/],
    [{ op: 'insert', entity: entry('I.ternary_t', [a(1n)], { priority: 1, action: { name: 'NoAction', params: [] } }) }, /default entry only/],
    [{ op: 'insert', entity: entry('I.exact_t', [{ field: 'h.k.a', kind: 'exact', value: 1n }]) }, /exact field 'h.k.c' .* is missing/],
    [{ op: 'insert', entity: entry('I.exact_t', [{ field: 'h.k.a', kind: 'ternary', value: 1n, mask: 1n }]) }, /matched as exact, not ternary/],
    [{ op: 'insert', entity: entry('I.nowhere', []) }, /no table 'I.nowhere'/],
  ]
  for (const [update, reason] of cases) {
    const result = encode(update)
    assert.ok(!result.ok)
    assert.match(result.reason, reason)
  }
})

test('parameters that entries share are encoded once, whatever the entries have of their own', () => {
  const params = [{ name: 'y', value: 513n }] as const
  const bytes = [1n, 200n].map((value) => {
    const [{ entity } = {}] = requestOf(encoded({ op: 'insert', entity: entry('I.exact_t', [{ field: 'h.k.a', kind: 'exact', value: 1n }, { field: 'h.k.c', kind: 'exact', value: 1n }],
      { action: { name: 'I.set_both', params, own: { name: 'x', value } } }) })).updates
    return entity?.tableEntry?.action?.action?.params?.map(({ paramId, value: each }) => `${paramId}=${hex(each)}`)
  })
  assert.deepEqual(bytes, [['1=01', '2=0201'], ['1=c8', '2=0201']])
})

test('a Write carries updates of several chunks in order, and its atomicity', () => {
  const own = new UpdateChunks()
  const updates = Array.from({ length: 700 }, (_, at) => {
    const result = encodeUpdate({ op: 'insert', entity: entry('I.ternary_t', [], { priority: 1 + at, metadata: new Uint8Array(200), action: { name: 'I.counted', params: [{ name: 'x', value: 1n }] } }) }, index, bmv2Limits, own)
    assert.ok(result.ok)
    return result.value
  })
  assert.ok(new Set(updates.map(({ chunk }) => chunk)).size > 1)
  const head = p4.v1.WriteRequest.encode({ deviceId: 3 }).finish()
  const write = new EncodedWrite(head, updates.filter((_, at) => at % 7 !== 3), p4.v1.WriteRequest.Atomicity.DATAPLANE_ATOMIC)
  assert.equal(toNumber(write.deviceId), 3)
  assert.equal(write.atomicity, p4.v1.WriteRequest.Atomicity.DATAPLANE_ATOMIC)
  assert.deepEqual(write.updates.map(({ entity }) => entity?.tableEntry?.priority), updates.map((_, at) => at + 1).filter((priority) => (priority - 1) % 7 !== 3))
})

test('the key of an entry, for a read', () => {
  const key = encodeKey(entry('I.ternary_t', [{ field: 'h.k.b', kind: 'ternary', value: 0x102n, mask: 0xff0fn }], { priority: 9, metadata: new Uint8Array(9) }), index, bmv2Limits)
  assert.ok(key.ok)
  assert.equal(hex(p4.v1.TableEntry.encode(key.value).finish()), hex(p4.v1.TableEntry.encode({ tableId: 42207682, priority: 9, match: [{ fieldId: 2, ternary: { value: Uint8Array.of(1, 2), mask: Uint8Array.of(0xff, 0x0f) } }] }).finish()))
})
