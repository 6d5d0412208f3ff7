/** Table entries through P4Runtime: every kind of match, what is refused and with which code, and what is read back. programs/tables.p4 */
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { p4 } from '../../../src/p4proto/generated.js'
import { toBigInt } from '../../../src/p4proto/int64.js'
import { Type, codesOf, rigWith } from './rig.js'
import type { EntrySpec, Rig } from './rig.js'

const invalidArgument = 3
const notFound = 5
const alreadyExists = 6
const permissionDenied = 7
const resourceExhausted = 8
const failedPrecondition = 9
const outOfRange = 11
const unimplemented = 12

let rig: Rig
beforeEach(async () => { rig = await rigWith('tables') })

/** A frame for one table; the answer is out1 and out2. */
const look = (table: number, key: { readonly a?: number; readonly b?: number; readonly c?: number; readonly d?: number } = {}): string => {
  const part = (value: number, bytes: number): string => value.toString(16).padStart(bytes * 2, '0')
  const [output = ''] = rig.inject(1, part(table, 1) + part(key.a ?? 0, 4) + part(key.b ?? 0, 2) + part(key.c ?? 0, 6) + part((key.d ?? 0) << 7, 1) + '000000')
  return output.slice(-6)
}
const raw = (table: string, match: p4.v1.IFieldMatch[], more: p4.v1.ITableEntry = {}): p4.v1.IUpdate =>
  ({ type: Type.INSERT, entity: { tableEntry: { tableId: rig.client.table(table).id, match, action: { action: rig.client.action('set', { x: 1 }) }, ...more } } })
const of = (...values: number[]): Uint8Array => Uint8Array.from(values)

describe('lookups', () => {
  test('exact', async () => {
    await rig.client.insert({ table: 'exact_t', match: { 'h.k.a': 1, 'h.k.c': 0x112233445566 }, action: ['set_both', { x: 7, y: 0x1234 }] })
    assert.equal(look(1, { a: 1, c: 0x112233445566 }), '071234')
    assert.equal(look(1, { a: 1, c: 0x112233445567 }), '00aaaa')
  })

  test('the longest prefix wins; hit and miss go their ways', async () => {
    const entry = (value: number, length: number, x: number): EntrySpec => ({ table: 'lpm_t', match: { 'h.k.b': 5, ...(length === 0 ? {} : { 'h.k.a': { value, length } }) }, action: ['set', { x }] })
    await rig.client.insert(entry(0x0a000000, 8, 1), entry(0x0a010000, 16, 2), entry(0x0a010203, 32, 3), entry(0, 0, 4))
    assert.deepEqual([0x0a020000, 0x0a010000, 0x0a010203, 0x0b000000].map(a => look(2, { a, b: 5 })), ['010000', '020000', '030000', '040000'])
    assert.equal(look(2, { a: 0x0a010203, b: 6 }), '006d69')
  })

  test('the higher priority wins; among equals the first', async () => {
    const entry = (mask: number, priority: number, x: number): EntrySpec => ({ table: 'ternary_t', match: mask === 0 ? {} : { 'h.k.a': { value: 1 & mask, mask } }, priority, action: ['counted', { x }] })
    await rig.client.insert(entry(0, 1, 1), entry(3, 10, 2), entry(1, 20, 3), entry(5, 20, 4), entry(0xff, 5, 5))
    assert.equal(look(3, { a: 1 }), '030000')
    assert.equal(look(3, { a: 2 }), '010000')
    await rig.client.remove(entry(1, 20, 3))
    assert.equal(look(3, { a: 1 }), '040000')
    // The freed slot is the lowest: the new entry is before the other of its priority now.
    await rig.client.insert(entry(9, 20, 6))
    assert.equal(look(3, { a: 1 }), '060000')
  })

  test('the same match with another priority is another entry', async () => {
    const entry = (priority: number, x: number): EntrySpec => ({ table: 'ternary_t', match: { 'h.k.b': 9 }, priority, action: ['counted', { x }] })
    await rig.client.insert(entry(5, 1), entry(6, 2))
    assert.equal(look(3, { b: 9 }), '020000')
    await rig.client.remove(entry(6, 2))
    assert.equal(look(3, { b: 9 }), '010000')
  })

  test('ranges', async () => {
    await rig.client.insert({ table: 'range_t', match: { 'h.k.a': { low: 10, high: 20 } }, priority: 1, action: ['set', { x: 1 }] }, { table: 'range_t', match: { 'h.k.a': { low: 15, high: 0xffffffff }, 'h.k.b': 7 }, priority: 2, action: ['set', { x: 2 }] })
    assert.deepEqual([9, 10, 20, 21].map(a => look(4, { a })), ['000000', '010000', '010000', '000000'])
    assert.deepEqual([14, 15, 0x80000000].map(a => look(4, { a, b: 7 })), ['010000', '020000', '020000'])
  })

  test('optional fields', async () => {
    await rig.client.insert({ table: 'optional_t', match: { 'h.k.d': 1 }, priority: 1, action: ['set', { x: 1 }] }, { table: 'optional_t', match: { 'h.k.a': 5, 'h.k.d': 1 }, priority: 2, action: ['set', { x: 2 }] })
    assert.deepEqual([look(5, { a: 5, d: 1 }), look(5, { a: 6, d: 1 }), look(5, { a: 5 })], ['020000', '010000', '000000'])
  })

  test('constant entries, in the order of the program', () => {
    assert.deepEqual([look(7, { a: 0x21, b: 5 }), look(7, { a: 0x22, b: 5 }), look(7, { a: 0x1f, b: 6 }), look(7, { a: 0x2f, b: 6 })], ['110000', '220000', '330000', '000000'])
  })

  test('default actions', async () => {
    assert.equal(look(11), '440000')
    await rig.client.setDefault('keyless_t', ['set', { x: 0x45 }])
    assert.equal(look(11), '450000')
    await rig.client.setDefault('keyless_t')
    assert.equal(look(11), '440000', 'without an action it is what the program says')
    await rig.client.setDefault('exact_t', ['for_default', { y: 0xbbbb }])
    assert.equal(look(1), '00bbbb')
  })

  test('modification', async () => {
    const entry = (x: number): EntrySpec => ({ table: 'exact_t', match: { 'h.k.a': 1, 'h.k.c': 2 }, action: ['set', { x }] })
    await rig.client.insert(entry(1))
    await rig.client.modify(entry(2))
    assert.equal(look(1, { a: 1, c: 2 }), '020000')
    await rig.client.modify({ table: 'exact_t', match: { 'h.k.a': 1, 'h.k.c': 2 } })
    assert.equal(look(1, { a: 1, c: 2 }), '020000', 'without an action the action stays')
  })
})

describe('refusals', () => {
  /** Name, update, code. Each is tried on the fresh target. */
  const cases: readonly (readonly [name: string, update: () => p4.v1.IUpdate, code: number])[] = [
    ['no type', () => ({ ...raw('exact_t', []), type: Type.UNSPECIFIED }), invalidArgument],
    ['no entity', () => ({ type: Type.INSERT }), invalidArgument],
    ['a table that is not there', () => ({ type: Type.INSERT, entity: { tableEntry: { tableId: 4 } } }), invalidArgument],
    ['an exact field left out', () => raw('exact_t', [{ fieldId: 1, exact: { value: of(1) } }]), invalidArgument],
    ['a field given twice', () => raw('exact_t', [{ fieldId: 1, exact: { value: of(1) } }, { fieldId: 1, exact: { value: of(1) } }]), invalidArgument],
    ['a field that is not there', () => raw('exact_t', [{ fieldId: 7, exact: { value: of(1) } }]), invalidArgument],
    ['the wrong kind of match', () => raw('exact_t', [{ fieldId: 1, ternary: { value: of(1), mask: of(1) } }, { fieldId: 2, exact: { value: of(1) } }]), invalidArgument],
    ['a value too wide', () => raw('lpm_t', [{ fieldId: 1, exact: { value: of(1, 0, 0) } }]), invalidArgument],
    ['an empty value', () => raw('lpm_t', [{ fieldId: 1, exact: { value: of() } }]), invalidArgument],
    ['a prefix of length 0', () => raw('lpm_t', [{ fieldId: 1, exact: { value: of(1) } }, { fieldId: 2, lpm: { value: of(0), prefixLen: 0 } }]), invalidArgument],
    ['a prefix too long', () => raw('lpm_t', [{ fieldId: 1, exact: { value: of(1) } }, { fieldId: 2, lpm: { value: of(0), prefixLen: 33 } }]), invalidArgument],
    ['bits beyond the prefix', () => raw('lpm_t', [{ fieldId: 1, exact: { value: of(1) } }, { fieldId: 2, lpm: { value: of(10, 0, 0, 1), prefixLen: 8 } }]), invalidArgument],
    ['a priority where there is none', () => raw('lpm_t', [{ fieldId: 1, exact: { value: of(1) } }], { priority: 1 }), invalidArgument],
    ['no priority where there must be one', () => raw('ternary_t', []), invalidArgument],
    ['a negative priority', () => raw('ternary_t', [], { priority: -1 }), invalidArgument],
    ['an empty mask', () => raw('ternary_t', [{ fieldId: 1, ternary: { value: of(0), mask: of(0) } }], { priority: 1 }), invalidArgument],
    ['bits outside the mask', () => raw('ternary_t', [{ fieldId: 1, ternary: { value: of(3), mask: of(1) } }], { priority: 1 }), invalidArgument],
    ['an empty range', () => raw('range_t', [{ fieldId: 1, range: { low: of(3), high: of(1) } }], { priority: 1 }), invalidArgument],
    ['a range of everything', () => raw('range_t', [{ fieldId: 1, range: { low: of(0), high: of(255, 255, 255, 255) } }], { priority: 1 }), invalidArgument],
    ['no action', () => raw('range_t', [], { priority: 1, action: null }), invalidArgument],
    ['an action of another table', () => raw('range_t', [], { priority: 1, action: { action: rig.client.action('touch', { i: 1 }) } }), invalidArgument],
    ['a parameter left out', () => raw('range_t', [], { priority: 1, action: { action: rig.client.action('set') } }), invalidArgument],
    ['a parameter too many', () => raw('range_t', [], { priority: 1, action: { action: { ...rig.client.action('set', { x: 1 }), params: [{ paramId: 1, value: of(1) }, { paramId: 2, value: of(1) }] } } }), invalidArgument],
    ['a parameter too wide', () => raw('range_t', [], { priority: 1, action: { action: rig.client.action('set', { x: 256 }) } }), invalidArgument],
    ['a default action in an entry', () => raw('exact_t', [{ fieldId: 1, exact: { value: of(1) } }, { fieldId: 2, exact: { value: of(1) } }], { action: { action: rig.client.action('for_default', { y: 1 }) } }), permissionDenied],
    ['an entry of a table without a key', () => raw('keyless_t', []), invalidArgument],
    ['an entry of a constant table', () => raw('const_t', [{ fieldId: 2, exact: { value: of(1) } }], { priority: 1 }), permissionDenied],
    ['the action of a constant entry', () => ({ ...raw('const_t', [{ fieldId: 2, exact: { value: of(5) } }], { priority: 2 }), type: Type.MODIFY }), notFound],
    ['is_const', () => raw('range_t', [], { priority: 1, isConst: true }), invalidArgument],
    ['an idle timeout where there are none', () => raw('range_t', [], { priority: 1, idleTimeoutNs: 1 }), invalidArgument],
    ['a negative idle timeout', () => raw('ternary_t', [], { priority: 1, idleTimeoutNs: -1 }), invalidArgument],
    ['a time since the last hit', () => raw('ternary_t', [], { priority: 1, timeSinceLastHit: {} }), invalidArgument],
    ['a counter where there is none', () => raw('range_t', [], { priority: 1, counterData: {} }), invalidArgument],
    ['a meter where there is none', () => raw('range_t', [], { priority: 1, meterConfig: {} }), invalidArgument],
    ['insertion of a default entry', () => raw('exact_t', [], { isDefaultAction: true }), invalidArgument],
    ['a default entry with a match', () => ({ ...raw('exact_t', [{ fieldId: 1, exact: { value: of(1) } }], { isDefaultAction: true }), type: Type.MODIFY }), invalidArgument],
    ['a constant default entry', () => ({ ...raw('const_t', [], { isDefaultAction: true }), type: Type.MODIFY }), permissionDenied],
    ['an action for entries as the default', () => ({ ...raw('ternary_t', [], { isDefaultAction: true, action: { action: rig.client.action('set', { x: 1 }) } }), type: Type.MODIFY }), permissionDenied],
    ['the default entry of an indirect table', () => ({ ...raw('profile_t', [], { isDefaultAction: true }), type: Type.MODIFY }), permissionDenied],
    ['an action in an indirect table', () => raw('profile_t', [{ fieldId: 1, exact: { value: of(1) } }]), invalidArgument],
    ['a member in a direct table', () => raw('range_t', [], { priority: 1, action: { actionProfileMemberId: 1 } }), invalidArgument],
    ['a member that is not there', () => raw('profile_t', [{ fieldId: 1, exact: { value: of(1) } }], { action: { actionProfileMemberId: 1 } }), notFound],
    ['a register', () => ({ type: Type.MODIFY, entity: { registerEntry: {} } }), unimplemented],
    ['a value set', () => ({ type: Type.MODIFY, entity: { valueSetEntry: {} } }), unimplemented],
    ['an extern', () => ({ type: Type.MODIFY, entity: { externEntry: {} } }), unimplemented],
    ['insertion of a counter cell', () => ({ type: Type.INSERT, entity: { counterEntry: { counterId: rig.client.counterId('cells'), index: { index: 1 } } } }), invalidArgument],
    ['a counter cell beyond the end', () => ({ type: Type.MODIFY, entity: { counterEntry: { counterId: rig.client.counterId('cells'), index: { index: 8 }, data: {} } } }), outOfRange],
    ['a negative counter cell', () => ({ type: Type.MODIFY, entity: { counterEntry: { counterId: rig.client.counterId('cells'), index: { index: -1 }, data: {} } } }), invalidArgument],
    ['a meter whose committed rate is above its peak rate', () => ({ type: Type.MODIFY, entity: { meterEntry: { meterId: rig.client.meterId('rates'), index: { index: 1 }, config: { cir: 2, pir: 1 } } } }), invalidArgument],
    ['a negative rate', () => ({ type: Type.MODIFY, entity: { meterEntry: { meterId: rig.client.meterId('rates'), index: { index: 1 }, config: { cir: -1, pir: 1 } } } }), invalidArgument],
    ['an excess burst', () => ({ type: Type.MODIFY, entity: { meterEntry: { meterId: rig.client.meterId('rates'), index: { index: 1 }, config: { eburst: 1 } } } }), invalidArgument],
    ['multicast group 0', () => ({ type: Type.INSERT, entity: { packetReplicationEngineEntry: { multicastGroupEntry: {} } } }), invalidArgument],
    ['a multicast group id of the clone sessions', () => ({ type: Type.INSERT, entity: { packetReplicationEngineEntry: { multicastGroupEntry: { multicastGroupId: 32768 } } } }), outOfRange],
    ['a replica twice', () => ({ type: Type.INSERT, entity: { packetReplicationEngineEntry: { multicastGroupEntry: { multicastGroupId: 1, replicas: [{ port: of(1), instance: 1 }, { egressPort: 1, instance: 1 }] } } } }), invalidArgument],
    ['a replica to port 0', () => ({ type: Type.INSERT, entity: { packetReplicationEngineEntry: { multicastGroupEntry: { multicastGroupId: 1, replicas: [{ port: of(0), instance: 1 }] } } } }), invalidArgument],
    ['a replica to port 512', () => ({ type: Type.INSERT, entity: { packetReplicationEngineEntry: { multicastGroupEntry: { multicastGroupId: 1, replicas: [{ port: of(2, 0), instance: 1 }] } } } }), invalidArgument],
    ['an instance of more than 16 bits', () => ({ type: Type.INSERT, entity: { packetReplicationEngineEntry: { multicastGroupEntry: { multicastGroupId: 1, replicas: [{ port: of(1), instance: 65536 }] } } } }), invalidArgument],
    ['a backup replica', () => ({ type: Type.INSERT, entity: { packetReplicationEngineEntry: { multicastGroupEntry: { multicastGroupId: 1, replicas: [{ port: of(1), backupReplicas: [{ port: of(2) }] }] } } } }), unimplemented],
    ['a group that is not there', () => ({ type: Type.DELETE, entity: { packetReplicationEngineEntry: { multicastGroupEntry: { multicastGroupId: 1 } } } }), notFound],
    ['clone session 0', () => ({ type: Type.INSERT, entity: { packetReplicationEngineEntry: { cloneSessionEntry: {} } } }), invalidArgument],
    ['a clone session that truncates', () => ({ type: Type.INSERT, entity: { packetReplicationEngineEntry: { cloneSessionEntry: { sessionId: 1, packetLengthBytes: 64 } } } }), unimplemented],
    ['a clone session with a class of service', () => ({ type: Type.INSERT, entity: { packetReplicationEngineEntry: { cloneSessionEntry: { sessionId: 1, classOfService: 1 } } } }), unimplemented],
    ['a direct counter of no entry', () => ({ type: Type.MODIFY, entity: { directCounterEntry: { tableEntry: rig.client.entry({ table: 'ternary_t', priority: 1 }), data: {} } } }), notFound],
    ['a direct counter of a table without', () => ({ type: Type.MODIFY, entity: { directCounterEntry: { tableEntry: rig.client.entry({ table: 'range_t', priority: 1 }), data: {} } } }), notFound],
  ]
  for (const [name, update, code] of cases) {
    test(name, async () => {
      assert.deepEqual(await codesOf(rig.client.write([update()])), [code])
      const entries = await rig.client.read({ tableEntry: {} })
      assert.equal(entries.filter(({ tableEntry }) => !tableEntry?.isConst).length, 0, 'nothing was written')
    })
  }

  test('each update has its own status, and those without fault are in place', async () => {
    const insert = (a: number, update: Partial<p4.v1.IUpdate> = {}): p4.v1.IUpdate => ({ type: Type.INSERT, entity: { tableEntry: rig.client.entry({ table: 'exact_t', match: { 'h.k.a': a, 'h.k.c': 1 }, action: ['set', { x: a }] }) }, ...update })
    assert.deepEqual(await codesOf(rig.client.write([insert(1), insert(1), insert(2), insert(3, { type: Type.DELETE }), insert(3, { type: Type.MODIFY })])), [0, alreadyExists, 0, notFound, notFound])
    assert.equal(look(1, { a: 2, c: 1 }), '020000')
  })

  test('a full table', async () => {
    const entry = (a: number): EntrySpec => ({ table: 'exact_t', match: { 'h.k.a': a, 'h.k.c': 1 }, action: ['set', { x: a }] })
    assert.deepEqual(await codesOf(rig.client.insert(...[1, 2, 3, 4, 5].map(entry))), [0, 0, 0, 0, resourceExhausted])
    await rig.client.remove(entry(1))
    await rig.client.insert(entry(5))
    assert.equal(look(1, { a: 5, c: 1 }), '050000')
  })

  test('a refused modification changes nothing', async () => {
    const entry: EntrySpec = { table: 'ternary_t', priority: 3, action: ['counted', { x: 1 }], more: { controllerMetadata: 5 } }
    await rig.client.insert(entry)
    assert.deepEqual(await codesOf(rig.client.modify({ ...entry, action: ['counted', { x: 999 }], more: { controllerMetadata: 6 } })), [invalidArgument])
    assert.deepEqual(await codesOf(rig.client.modify({ ...entry, action: ['counted', { x: 2 }], more: { controllerMetadata: 6, idleTimeoutNs: -5 } })), [invalidArgument])
    const [read] = await rig.client.read({ tableEntry: { tableId: rig.client.table('ternary_t').id } })
    assert.equal(toBigInt(read?.tableEntry?.controllerMetadata), 5n)
    assert.equal(look(3), '010000')
  })
})

describe('reads', () => {
  const read = async (query: p4.v1.ITableEntry): Promise<p4.v1.ITableEntry[]> => (await rig.client.read({ tableEntry: query })).flatMap(({ tableEntry }) => tableEntry ? [tableEntry] : [])

  test('an entry comes back as it was written, in canonical form', async () => {
    const entry = rig.client.entry({ table: 'ternary_t', match: { 'h.k.a': { value: 0x100, mask: 0xff00 }, 'h.k.c': 7 }, priority: 9, action: ['counted', { x: 3 }] })
    await rig.client.write([{ type: Type.INSERT, entity: { tableEntry: { ...entry, match: (entry.match ?? []).map(match => ({ ...match, ternary: { value: of(0, 0, ...match.ternary?.value ?? []), mask: match.ternary?.mask ?? null } })), controllerMetadata: { low: -1, high: -1, unsigned: true } as never, metadata: of(1, 2, 3), idleTimeoutNs: 2_500_000_001 } } }])
    const [got] = await read({ tableId: entry.tableId ?? 0 })
    assert.deepEqual(got?.match, entry.match)
    assert.deepEqual(got?.action, entry.action)
    assert.equal(got?.priority, 9)
    assert.equal(toBigInt(got?.controllerMetadata), 2n ** 64n - 1n)
    assert.deepEqual(got?.metadata, of(1, 2, 3))
    assert.equal(toBigInt(got?.idleTimeoutNs), 2_500_000_001n)
    assert.equal(got?.counterData, undefined)
  })

  test('filters: table, match, priority, action, metadata', async () => {
    const entry = (a: number, priority: number, cookie: number): EntrySpec => ({ table: 'ternary_t', match: a === 0 ? {} : { 'h.k.a': a }, priority, action: ['counted', { x: a }], more: { controllerMetadata: cookie } })
    await rig.client.insert(entry(1, 5, 100), entry(1, 6, 101), entry(2, 5, 102), entry(0, 5, 103), { table: 'exact_t', match: { 'h.k.a': 1, 'h.k.c': 1 }, action: ['set', { x: 1 }] })
    const tableId = rig.client.table('ternary_t').id
    const cookies = async (query: p4.v1.ITableEntry): Promise<bigint[]> => (await read(query)).map(item => toBigInt(item.controllerMetadata))
    assert.equal((await read({})).filter(({ isConst }) => !isConst).length, 5)
    assert.deepEqual(await cookies({ tableId }), [100n, 101n, 102n, 103n])
    assert.deepEqual(await cookies(rig.client.entry({ table: 'ternary_t', match: { 'h.k.a': 1 } })), [100n, 101n])
    assert.deepEqual(await cookies(rig.client.entry({ table: 'ternary_t', match: { 'h.k.a': 1 }, priority: 6 })), [101n])
    assert.deepEqual(await cookies({ tableId, priority: 5 }), [100n, 102n, 103n])
    assert.deepEqual(await cookies({ tableId, controllerMetadata: 102 }), [102n])
    assert.deepEqual(await cookies({ tableId, action: { action: { actionId: rig.client.action('set').actionId ?? 0 } } }), [])
    assert.deepEqual(await cookies(rig.client.entry({ table: 'exact_t', match: { 'h.k.a': 9, 'h.k.c': 1 } })), [])
  })

  test('constant entries say that they are', async () => {
    const entries = await read({ tableId: rig.client.table('const_t').id })
    assert.deepEqual(entries.map(({ isConst }) => isConst), [true, true, true])
    const priorities = entries.map(({ priority }) => priority ?? 0)
    assert.ok((priorities[0] ?? 0) > (priorities[1] ?? 0))
  })

  test('direct counters: with the entry, alone, written, kept by a modification', async () => {
    const spec: EntrySpec = { table: 'ternary_t', match: { 'h.k.b': 3 }, priority: 1, action: ['counted', { x: 1 }] }
    await rig.client.insert(spec)
    look(3, { b: 3 })
    look(3, { b: 3 })
    look(3, { b: 4 })
    const tableId = rig.client.table('ternary_t').id
    const counter = async (): Promise<unknown> => (await read({ tableId, counterData: {} }))[0]?.counterData
    assert.deepEqual(await counter(), { packetCount: 2, byteCount: 34 })
    await rig.client.modify({ ...spec, action: ['counted', { x: 2 }] })
    assert.deepEqual(await counter(), { packetCount: 2, byteCount: 34 })
    await rig.client.modify({ ...spec, more: { counterData: { packetCount: 7 } } })
    assert.deepEqual(await counter(), { packetCount: 7, byteCount: 0 })
    const direct = await rig.client.read({ directCounterEntry: { tableEntry: { tableId } } })
    assert.deepEqual(direct.map(({ directCounterEntry }) => directCounterEntry?.data), [{ packetCount: 7, byteCount: 0 }])
    await rig.client.write([{ type: Type.MODIFY, entity: { directCounterEntry: { tableEntry: rig.client.entry(spec), data: { packetCount: 1, byteCount: 2 } } } }])
    assert.deepEqual(await counter(), { packetCount: 1, byteCount: 2 })
    assert.equal((await rig.client.read({ directCounterEntry: {} })).length, 1)
  })

  test('direct meters: set with the entry, read, reset by a modification without config', async () => {
    const spec: EntrySpec = { table: 'metered_t', match: { 'h.k.a': 1 }, action: ['metered', { x: 1 }] }
    const config = { cir: 1, cburst: 1, pir: 2, pburst: 2 }
    await rig.client.insert({ ...spec, more: { meterConfig: config } })
    assert.deepEqual([look(6, { a: 1 }), look(6, { a: 1 }), look(6, { a: 1 })], ['010000', '010001', '010002'])
    const tableId = rig.client.table('metered_t').id
    assert.deepEqual((await read({ tableId, meterConfig: {} }))[0]?.meterConfig, config)
    assert.equal((await read({ tableId }))[0]?.meterConfig, undefined)
    await rig.client.modify(spec)
    assert.equal(look(6, { a: 1 }), '010000')
    assert.equal((await read({ tableId, meterConfig: {} }))[0]?.meterConfig, undefined)
    await rig.client.write([{ type: Type.MODIFY, entity: { directMeterEntry: { tableEntry: rig.client.entry(spec), config: { ...config, cburst: 0, pburst: 0 } } } }])
    assert.equal(look(6, { a: 1 }), '010002', 'a burst of 0 passes nothing')
    assert.equal((await rig.client.read({ directMeterEntry: { tableEntry: { tableId } } })).length, 1)
  })

  test('indirect counters and meters by index', async () => {
    await rig.client.insert({ table: 'cells_t', match: { 'h.k.a': 1 }, action: ['touch', { i: 3 }] })
    look(10, { a: 1 })
    const counterId = rig.client.counterId('cells')
    const [cell] = await rig.client.read({ counterEntry: { counterId, index: { index: 3 } } })
    assert.deepEqual(cell?.counterEntry?.data, { packetCount: 1, byteCount: 17 })
    await rig.client.write([{ type: Type.MODIFY, entity: { counterEntry: { counterId, data: {} } } }])
    assert.deepEqual((await rig.client.read({ counterEntry: {} })).map(({ counterEntry }) => counterEntry?.data?.packetCount), [0, 0, 0, 0, 0, 0, 0, 0])
    const meterId = rig.client.meterId('rates')
    const config = { cir: 10, cburst: 0, pir: 20, pburst: 0 }
    await rig.client.write([{ type: Type.MODIFY, entity: { meterEntry: { meterId, index: { index: 3 }, config } } }])
    assert.equal(look(10, { a: 1 }), '000002')
    assert.deepEqual((await rig.client.read({ meterEntry: { meterId } })).map(({ meterEntry }) => meterEntry?.config), [undefined, undefined, undefined, config, undefined, undefined, undefined, undefined])
  })

  test('multicast groups and clone sessions', async () => {
    await rig.client.group(7, [[3, 1], [4, 2]])
    await rig.client.session(9, [[5, 6]])
    assert.deepEqual(await codesOf(rig.client.group(7, [])), [alreadyExists])
    const groups = await rig.client.read({ packetReplicationEngineEntry: { multicastGroupEntry: {} } })
    assert.deepEqual(groups.map(({ packetReplicationEngineEntry: entry }) => entry?.multicastGroupEntry), [{ multicastGroupId: 7, replicas: [{ port: of(3), instance: 1 }, { port: of(4), instance: 2 }] }])
    const sessions = await rig.client.read({ packetReplicationEngineEntry: { cloneSessionEntry: { sessionId: 9 } } })
    assert.deepEqual(sessions.map(({ packetReplicationEngineEntry: entry }) => entry?.cloneSessionEntry), [{ sessionId: 9, replicas: [{ port: of(5), instance: 6 }] }])
    await rig.client.group(7, [[8, 0]], Type.MODIFY)
    await rig.client.group(7, [], Type.DELETE)
    assert.equal((await rig.client.read({ packetReplicationEngineEntry: { multicastGroupEntry: {} } })).length, 0)
  })
})

describe('idle timeouts', () => {
  const spec: EntrySpec = { table: 'ternary_t', match: { 'h.k.b': 3 }, priority: 4, action: ['counted', { x: 1 }] }
  const notified = (): bigint[][] => rig.client.messages.flatMap(({ idleTimeoutNotification }) => !idleTimeoutNotification ? [] : [(idleTimeoutNotification.tableEntry ?? []).map(entry => toBigInt(entry.controllerMetadata))])
  const settle = () => new Promise(resolve => setImmediate(resolve))

  test('an entry without hits is reported, again after another period, until it is hit or gone', async () => {
    await rig.client.insert({ ...spec, more: { idleTimeoutNs: 3_000_000_000, controllerMetadata: 42, metadata: of(9) } })
    rig.target.advance(2500)
    look(3, { b: 3 })
    rig.target.advance(2500)
    await settle()
    assert.deepEqual(notified(), [])
    rig.target.advance(500)
    await settle()
    assert.deepEqual(notified(), [[42n]])
    const entry = rig.client.messages.at(-1)?.idleTimeoutNotification?.tableEntry?.[0]
    assert.deepEqual([entry?.tableId, entry?.priority, entry?.metadata, toBigInt(entry?.idleTimeoutNs)], [rig.client.table('ternary_t').id, 4, of(9), 3_000_000_000n])
    assert.deepEqual(entry?.match, rig.client.entry(spec).match)
    rig.target.advance(3000)
    await settle()
    assert.equal(notified().length, 2)
    await rig.client.remove(spec)
    rig.target.advance(10_000)
    await settle()
    assert.equal(notified().length, 2)
  })

  test('time since the last hit', async () => {
    await rig.client.insert(spec)
    rig.target.advance(1234)
    const query = { tableId: rig.client.table('ternary_t').id, timeSinceLastHit: {} }
    const elapsed = async (): Promise<bigint> => toBigInt((await rig.client.read({ tableEntry: query }))[0]?.tableEntry?.timeSinceLastHit?.elapsedNs)
    assert.equal(await elapsed(), 1_234_000_000n)
    look(3, { b: 3 })
    assert.equal(await elapsed(), 0n)
  })

  test('a modification starts the period anew and can end it', async () => {
    await rig.client.insert({ ...spec, more: { idleTimeoutNs: 1_000_000_000 } })
    rig.target.advance(900)
    await rig.client.modify({ ...spec, more: { idleTimeoutNs: 1_000_000_000 } })
    rig.target.advance(900)
    await settle()
    assert.equal(notified().length, 0)
    await rig.client.modify(spec)
    rig.target.advance(5000)
    await settle()
    assert.equal(notified().length, 0)
  })
})

describe('action profiles', () => {
  const member = (profile: string, id: number, x: number, type: p4.v1.Update.Type = Type.INSERT): p4.v1.IUpdate =>
    ({ type, entity: { actionProfileMember: { actionProfileId: rig.client.profileId(profile), memberId: id, action: rig.client.action('set', { x }) } } })
  const group = (id: number, members: readonly (readonly [id: number, weight: number])[], type: p4.v1.Update.Type = Type.INSERT, more: p4.v1.IActionProfileGroup = {}): p4.v1.IUpdate =>
    ({ type, entity: { actionProfileGroup: { actionProfileId: rig.client.profileId('chosen'), groupId: id, members: members.map(([memberId, weight]) => ({ memberId, weight })), ...more } } })
  const point = (table: string, a: number, action: p4.v1.ITableAction, type: p4.v1.Update.Type = Type.INSERT): p4.v1.IUpdate =>
    ({ type, entity: { tableEntry: { ...rig.client.entry({ table, match: { 'h.k.a': a } }), action } } })

  test('a member is shared by entries, and what runs decides where the pipeline goes', async () => {
    await rig.client.write([member('members', 1, 5), point('profile_t', 1, { actionProfileMemberId: 1 }), point('profile_t', 2, { actionProfileMemberId: 1 })])
    assert.deepEqual([look(8, { a: 1 }), look(8, { a: 2 })], ['050000', '050000'])
    await rig.client.write([member('members', 1, 6, Type.MODIFY)])
    assert.deepEqual([look(8, { a: 1 }), look(8, { a: 2 }), look(8, { a: 3 })], ['060000', '060000', '000000'])
    const both = { actionProfileMember: { actionProfileId: rig.client.profileId('members'), memberId: 1, action: rig.client.action('set_both', { x: 1, y: 2 }) } }
    const e = (): string => rig.inject(1, '08 00000001 0000 000000000000 00 000000')[0]?.slice(-8) ?? ''
    assert.equal(e().slice(0, 2), '01')
    await rig.client.write([{ type: Type.MODIFY, entity: both }])
    assert.equal(e(), '02010002')
  })

  test('what is in use stays', async () => {
    await rig.client.write([member('members', 1, 5), point('profile_t', 1, { actionProfileMemberId: 1 })])
    assert.deepEqual(await codesOf(rig.client.write([member('members', 1, 5, Type.DELETE)])), [failedPrecondition])
    await rig.client.write([point('profile_t', 1, {}, Type.DELETE), member('members', 1, 5, Type.DELETE)])
    await rig.client.write([member('chosen', 1, 5), group(2, [[1, 1]]), point('selector_t', 1, { actionProfileGroupId: 2 })])
    assert.deepEqual(await codesOf(rig.client.write([member('chosen', 1, 5, Type.DELETE), group(2, [], Type.DELETE)])), [failedPrecondition, failedPrecondition])
    await rig.client.write([point('selector_t', 1, {}, Type.DELETE), group(2, [], Type.DELETE), member('chosen', 1, 5, Type.DELETE)])
  })

  test('codes', async () => {
    assert.deepEqual(await codesOf(rig.client.write([
      member('members', 1, 1), member('members', 1, 1), member('members', 2, 1, Type.MODIFY), member('members', 2, 1, Type.DELETE), member('members', 0, 1), member('members', 2, 999),
      member('members', 2, 1), member('members', 3, 1), member('members', 4, 1), member('members', 5, 1),
    ])), [0, alreadyExists, notFound, notFound, invalidArgument, invalidArgument, 0, 0, 0, resourceExhausted])
    assert.deepEqual(await codesOf(rig.client.write([
      member('chosen', 1, 1), group(1, [[2, 1]]), group(1, [[1, 0]]), group(1, [[1, 1], [1, 1]]), group(0, []), group(1, [], Type.MODIFY), group(1, []), group(1, []),
      group(1, [[1, 1]], Type.MODIFY, { maxSize: 4 }), { type: Type.INSERT, entity: { actionProfileGroup: { actionProfileId: rig.client.profileId('members'), groupId: 1 } } },
      group(2, [], Type.INSERT, { members: [{ memberId: 1, weight: 1, watchPort: of(1) }] }),
    ])), [0, notFound, invalidArgument, invalidArgument, invalidArgument, notFound, 0, alreadyExists, invalidArgument, invalidArgument, unimplemented])
  })

  test('a group chooses by the packet, by weight; an empty group does nothing', async () => {
    await rig.client.write([member('chosen', 1, 1), member('chosen', 2, 2), group(5, [[1, 1], [2, 3]]), point('selector_t', 1, { actionProfileGroupId: 5 })])
    const counts = new Map<string, number>()
    for (let b = 0; b < 400; b++) {
      const out = look(9, { a: 1, b })
      assert.equal(look(9, { a: 1, b }), out, 'the same packet goes the same way')
      counts.set(out, (counts.get(out) ?? 0) + 1)
    }
    assert.deepEqual([...counts.keys()].sort(), ['010000', '020000'])
    const share = (counts.get('020000') ?? 0) / 400
    assert.ok(share > 0.65 && share < 0.85, `3 of 4 expected, got ${share}`)
    await rig.client.write([group(5, [], Type.MODIFY)])
    assert.equal(look(9, { a: 1 }), '000000')
  })

  test('one-shot sets', async () => {
    const set = (...xs: number[]): p4.v1.ITableAction => ({ actionProfileActionSet: { actionProfileActions: xs.map(x => ({ action: rig.client.action('set', { x }), weight: 1 })) } })
    await rig.client.write([point('selector_t', 1, set(3, 4))])
    const seen = new Set(Array.from({ length: 64 }, (_, b) => look(9, { a: 1, b })))
    assert.deepEqual([...seen].sort(), ['030000', '040000'])
    const [read] = await rig.client.read({ tableEntry: { tableId: rig.client.table('selector_t').id } })
    assert.deepEqual(read?.tableEntry?.action, set(3, 4))
    assert.deepEqual(await codesOf(rig.client.write([member('chosen', 1, 1), point('selector_t', 2, set())])), [invalidArgument, unimplemented])
    await rig.client.write([point('selector_t', 1, set(9), Type.MODIFY)])
    assert.equal(look(9, { a: 1, b: 1 }), '090000')
    await rig.client.write([point('selector_t', 1, {}, Type.DELETE), member('chosen', 1, 1)])
    assert.deepEqual(await codesOf(rig.client.write([point('selector_t', 1, set(1))])), [invalidArgument])
  })

  test('members and groups are read back', async () => {
    await rig.client.write([member('chosen', 1, 1), member('members', 1, 2), group(5, [[1, 7]])])
    assert.equal((await rig.client.read({ actionProfileMember: {} })).length, 2)
    const [read] = await rig.client.read({ actionProfileMember: { actionProfileId: rig.client.profileId('chosen') } })
    assert.deepEqual(read?.actionProfileMember?.action, rig.client.action('set', { x: 1 }))
    const groups = await rig.client.read({ actionProfileGroup: {} })
    assert.deepEqual(groups.map(({ actionProfileGroup }) => actionProfileGroup?.members), [[{ memberId: 1, weight: 7 }]])
  })
})
