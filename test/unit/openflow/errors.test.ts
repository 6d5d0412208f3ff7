import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeMessage, encodeMessage, type ErrorName, errorName, errorNames, errorNumbers, frameOf, receivedNumbers } from '../../../src/openflow/index.js'

const cases: readonly (readonly [ErrorName, number, number, number])[] = [
  ['OFPBRC_BAD_VERSION', 1, 1, 0], ['OFPBRC_BAD_VERSION', 4, 1, 0],
  ['OFPFMFC_TABLE_FULL', 1, 3, 0], ['OFPFMFC_TABLE_FULL', 4, 5, 1], ['OFPFMFC_ALL_TABLES_FULL', 4, 5, 1],
  ['OFPFMFC_OVERLAP', 1, 3, 1], ['OFPFMFC_OVERLAP', 4, 5, 3],
  ['OFPPMFC_BAD_PORT', 1, 4, 0], ['OFPPMFC_BAD_PORT', 4, 7, 0],
  ['OFPQOFC_BAD_QUEUE', 1, 5, 1], ['OFPQOFC_BAD_QUEUE', 4, 9, 1],
  ['OFPBRC_BAD_MULTIPART', 1, 1, 2], ['OFPBRC_BAD_STAT', 4, 1, 2], ['OFPBRC_BAD_VENDOR', 4, 1, 3],
  ['OFPBMC_BAD_PREREQ', 4, 4, 9], ['OFPBMC_BAD_LEN', 1, 1, 6],
  ['OFPBIC_UNKNOWN_INST', 4, 3, 0], ['OFPBIC_BAD_TABLE_ID', 4, 3, 2],
  ['OFPBAC_BAD_SET_TYPE', 4, 2, 13], 
  ['OFPBRC_IS_SLAVE', 4, 1, 10], ['OFPBRC_IS_SLAVE', 1, 1, 5],
  ['OFPGMFC_OUT_OF_BUCKETS', 4, 6, 4], ['OFPGMFC_BAD_BUCKET', 4, 6, 12], ['OFPMMFC_OUT_OF_BANDS', 4, 12, 11],
  ['OFPTFFC_BAD_TYPE', 4, 13, 2], ['OFPTFFC_BAD_TYPE', 5, 14, 0], ['OFPRRFC_STALE', 4, 11, 0],
]
for (const [name, version, type, code] of cases) {
  test(`${name} in version ${version} is (${type}, ${code})`, () => assert.deepEqual(errorNumbers(name, version), { type, code }))
}

test('a duplicate instruction is the extension error that Open vSwitch sends in 1.3', () => {
  assert.deepEqual(errorNumbers('OFPBIC_DUP_INST', 4), { type: 0xffff, code: 2600, experimenter: 0x4f4e4600 })
  assert.equal(errorName({ type: 0xffff, code: 2600, experimenter: 0x4f4e4600 }, 4), 'OFPBIC_DUP_INST')
})
const vendor: readonly (readonly [ErrorName, number, number, number])[] = [
  ['OFPBMC_BAD_PREREQ', 1, 1, 260], ['OFPBMC_BAD_PREREQ', 2, 1, 260], ['OFPBMC_BAD_FIELD', 1, 0, 263], ['OFPBAC_BAD_SET_TYPE', 1, 1, 523], ['OFPBAC_BAD_SET_ARGUMENT', 2, 1, 525],
  ['OFPBRC_BAD_TABLE_ID', 1, 1, 512], ['OFPFMFC_BAD_FLAGS', 1, 3, 258], ['OFPFMFC_BAD_FLAGS', 2, 5, 258], ['OFPGMFC_UNKNOWN_GROUP', 1, 6, 8], ['OFPBIC_DUP_INST', 2, 3, 256],
]
for (const [name, version, type, code] of vendor) {
  test(`${name} in version ${version} is Open vSwitch's (${type}, ${code})`, () => {
    const numbers = errorNumbers(name, version)
    assert.deepEqual(numbers, { type: 0xb0c2, code: 0, experimenter: 0x2320, vendor: [type, code] })
    assert.equal(errorName(numbers, version), name)
    const [bytes] = encodeMessage({ type: 'error', name, data: Uint8Array.of(1, 2, 3) }, version, 0)
    assert.ok(bytes)
    const decoded = decodeMessage(frameOf(bytes), version)
    assert.ok(decoded.ok && decoded.message.type === 'peer_error')
    assert.deepEqual(receivedNumbers(decoded.message), numbers)
  })
}
test('since 1.2 they have one number', () => {
  assert.deepEqual(errorNumbers('OFPMOFC_UNKNOWN_MONITOR', 4), { type: 0xffff, code: 8, experimenter: 0x2320 })
})
test('every name has numbers in every version', () => {
  for (const name of errorNames()) for (let version = 1; version <= 6; version++) assert.ok(errorNumbers(name, version).type >= 0)
})
test('numbers give the name of their version', () => {
  assert.equal(errorName({ type: 3, code: 0 }, 1), 'OFPFMFC_ALL_TABLES_FULL')
  assert.equal(errorName({ type: 3, code: 0 }, 4), 'OFPBIC_UNKNOWN_INST')
  assert.equal(errorName({ type: 1, code: 2 }, 4), 'OFPBRC_BAD_MULTIPART')
  assert.match(errorName({ type: 77, code: 1 }, 4), /type 77 code 1/)
})
test('no two names share numbers in a version, except the known pair', () => {
  // The reverse table refuses to be built otherwise.
  for (let version = 1; version <= 6; version++) assert.equal(errorName({ type: 1, code: 1 }, version), 'OFPBRC_BAD_TYPE')
  assert.equal(errorName({ type: 3, code: 5 }, 2), 'OFPBIC_BAD_EXPERIMENTER')
})
test('an unknown name is a mistake of ours', () => {
  assert.throws(() => errorNumbers('OFPXXX_NOTHING', 4), /unknown OpenFlow error/)
})
