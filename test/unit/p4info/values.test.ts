import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allOnes, fitsWidth, fromBytes, toCanonicalBytes } from '../../../src/p4info/index.js'

const cases: readonly (readonly [bigint, string])[] = [
  [0n, '00'], [1n, '01'], [0xffn, 'ff'], [0x100n, '0100'], [0xffffn, 'ffff'], [0x1_0000n, '010000'], [0xff_ffffn, 'ffffff'],
  [0x100_0000n, '01000000'], [0xffff_ffffn, 'ffffffff'], [0x1_0000_0000n, '0100000000'], [0x0102_0304_0506n, '010203040506'],
  [0xfe80_0000_0000_0000_0000_0000_0000_0001n, 'fe800000000000000000000000000001'], [0x1ffn << 200n, '01ff' + '00'.repeat(25)],
]
for (const [value, hex] of cases) {
  test(`0x${value.toString(16)} is ${hex}`, () => {
    assert.equal(Buffer.from(toCanonicalBytes(value)).toString('hex'), hex)
    assert.equal(fromBytes(Buffer.from(hex, 'hex')), value)
    assert.equal(fromBytes(Buffer.from('0000000000' + hex, 'hex')), value, 'leading zero bytes')
  })
}

test('an empty byte string is 0 and a negative value has none', () => {
  assert.equal(fromBytes(new Uint8Array(0)), 0n)
  assert.throws(() => toCanonicalBytes(-1n), RangeError)
})

test('widths', () => {
  assert.equal(fitsWidth(511n, 9), true)
  assert.equal(fitsWidth(512n, 9), false)
  assert.equal(fitsWidth(-1n, 9), false)
  assert.equal(fitsWidth(0n, 0), true)
  assert.equal(allOnes(9), 511n)
})
