import assert from 'node:assert/strict'
import { test } from 'node:test'
import { p4 } from '../../../src/p4proto/generated.js'
import { toBigInt, toInt64, toNumber, toUint64 } from '../../../src/p4proto/int64.js'

const throughTheWire = (value: ReturnType<typeof toUint64>) =>
  p4.v1.Uint128.decode(p4.v1.Uint128.encode({ high: value }).finish()).high

test('unsigned 64-bit values survive the wire', () => {
  for (const value of [0n, 1n, 0xffff_ffffn, 0x1_0000_0000n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    assert.equal(toBigInt(throughTheWire(toUint64(value))), value)
  }
})

test('signed 64-bit values survive the wire', () => {
  for (const value of [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), -(2n ** 53n) - 1n]) {
    const bytes = p4.v1.Index.encode({ index: toInt64(value) }).finish()
    assert.equal(toBigInt(p4.v1.Index.decode(bytes).index), value)
  }
})

test('plain numbers may be written', () => {
  for (const value of [0, 1, 4294967296, Number.MAX_SAFE_INTEGER]) assert.equal(toBigInt(throughTheWire(value)), BigInt(value))
})

test('toNumber is exact or throws', () => {
  assert.equal(toNumber(throughTheWire(toUint64(2n ** 53n - 1n))), 2 ** 53 - 1)
  assert.equal(toNumber(toInt64(-5n)), -5)
  assert.equal(toNumber(null), 0)
  assert.throws(() => toNumber(toUint64(2n ** 53n)), RangeError)
})
