import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorName, errorName, errorNames, errorNumbers } from '../../../src/openflow/index.js'

const cases: readonly (readonly [ErrorName, number, number, number])[] = [
  ['OFPBRC_BAD_VERSION', 1, 1, 0], ['OFPBRC_BAD_VERSION', 4, 1, 0],
  ['OFPFMFC_TABLE_FULL', 1, 3, 0], ['OFPFMFC_TABLE_FULL', 4, 5, 1], ['OFPFMFC_ALL_TABLES_FULL', 4, 5, 1],
  ['OFPFMFC_OVERLAP', 1, 3, 1], ['OFPFMFC_OVERLAP', 4, 5, 3],
  ['OFPPMFC_BAD_PORT', 1, 4, 0], ['OFPPMFC_BAD_PORT', 4, 7, 0],
  ['OFPQOFC_BAD_QUEUE', 1, 5, 1], ['OFPQOFC_BAD_QUEUE', 4, 9, 1],
  ['OFPBRC_BAD_MULTIPART', 1, 1, 2], ['OFPBRC_BAD_STAT', 4, 1, 2], ['OFPBRC_BAD_VENDOR', 4, 1, 3],
  ['OFPBMC_BAD_PREREQ', 4, 4, 9], ['OFPBMC_BAD_PREREQ', 1, 3, 5], ['OFPBMC_BAD_LEN', 1, 1, 6],
  ['OFPBIC_UNKNOWN_INST', 4, 3, 0], ['OFPBIC_BAD_TABLE_ID', 4, 3, 2],
  ['OFPBAC_BAD_SET_TYPE', 4, 2, 13], ['OFPBAC_BAD_SET_TYPE', 1, 2, 0], ['OFPBAC_BAD_SET_ARGUMENT', 1, 2, 5],
  ['OFPBRC_IS_SLAVE', 4, 1, 10], ['OFPBRC_IS_SLAVE', 1, 1, 5],
  ['OFPGMFC_OUT_OF_BUCKETS', 4, 6, 4], ['OFPGMFC_BAD_BUCKET', 4, 6, 12], ['OFPMMFC_OUT_OF_BANDS', 4, 12, 11],
  ['OFPTFFC_BAD_TYPE', 4, 13, 2], ['OFPTFFC_BAD_TYPE', 5, 14, 0], ['OFPRRFC_STALE', 4, 11, 0],
]
for (const [name, version, type, code] of cases) {
  test(`${name} in version ${version} is (${type}, ${code})`, () => assert.deepEqual(errorNumbers(name, version), { type, code }))
}

test('a duplicate instruction is the extension error that Open vSwitch sends in 1.3', () => {
  assert.deepEqual(errorNumbers('OFPBIC_DUP_INST', 4), { type: 0xffff, code: 2600, experimenter: 0x4f4e4600 })
  assert.equal(errorName(0xffff, 2600, 4, 0x4f4e4600), 'OFPBIC_DUP_INST')
})
test('every name has numbers in every version', () => {
  for (const name of errorNames()) for (let version = 1; version <= 6; version++) assert.ok(errorNumbers(name, version).type >= 0)
})
test('numbers give the name of their version', () => {
  assert.equal(errorName(3, 0, 1), 'OFPFMFC_ALL_TABLES_FULL')
  assert.equal(errorName(3, 0, 4), 'OFPBIC_UNKNOWN_INST')
  assert.equal(errorName(1, 2, 4), 'OFPBRC_BAD_MULTIPART')
  assert.match(errorName(77, 1, 4), /type 77 code 1/)
})
test('no two names share numbers in a version, except the known pair', () => {
  // The reverse table refuses to be built otherwise.
  for (let version = 1; version <= 6; version++) assert.equal(errorName(1, 1, version), 'OFPBRC_BAD_TYPE')
  assert.equal(errorName(3, 5, 2), 'OFPBIC_BAD_EXPERIMENTER')
})
test('an unknown name is a mistake of ours', () => {
  assert.throws(() => errorNumbers('OFPXXX_NOTHING', 4), /unknown OpenFlow error/)
})
