import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { p4 } from '../../../src/p4proto/generated.js'
import { toUint64 } from '../../../src/p4proto/int64.js'
import { CounterColumnsBuilder } from '../../../src/base/counter-columns.js'
import { decodeCounters } from '../../../src/p4proto/read-counters.js'

const entity = (controllerMetadata: bigint, packets: bigint | null, bytes: bigint, more: p4.v1.ITableEntry = {}): p4.v1.IEntity => ({
  tableEntry: {
    tableId: 33_554_433, match: [{ fieldId: 1, ternary: { value: Uint8Array.of(1, 2), mask: Uint8Array.of(255, 255) } }],
    action: { action: { actionId: 7, params: [{ paramId: 1, value: Uint8Array.of(9) }] } }, priority: 102, controllerMetadata: toUint64(controllerMetadata),
    ...(packets === null ? {} : { counterData: { packetCount: toUint64(packets), byteCount: toUint64(bytes) } }), ...more,
  },
})
const decoded = (bytes: Uint8Array) => {
  const counters = new CounterColumnsBuilder()
  decodeCounters(bytes, counters)
  return [...counters.done()]
}
const encoded = (...entities: readonly p4.v1.IEntity[]): Uint8Array => new Uint8Array(p4.v1.ReadResponse.encode({ entities: [...entities] }).finish())

describe('counters of a ReadResponse', () => {
  test('are found among all that an entry can have', () => {
    const more: p4.v1.ITableEntry = { metadata: new Uint8Array(300), idleTimeoutNs: toUint64(10n ** 12n), timeSinceLastHit: { elapsedNs: 5 }, meterConfig: { cir: 1, cburst: 2, pir: 3, pburst: 4 }, isConst: true }
    assert.deepEqual(decoded(encoded(entity(1n, 2n, 300n), entity(2n ** 32n - 1n, 0n, 0n, more), entity(5n, null, 0n))), [
      { id: 1, packets: 2n, bytes: 300n }, { id: 2 ** 32 - 1, packets: 0n, bytes: 0n }, { id: 5, packets: 0n, bytes: 0n },
    ])
  })

  test('are exact in all their 63 bits', () => {
    const values = [0n, 127n, 128n, 2n ** 28n, 2n ** 32n, 2n ** 48n - 1n, 2n ** 49n - 1n, 2n ** 49n, 2n ** 53n + 1n, 2n ** 63n - 1n]
    assert.deepEqual(decoded(encoded(...values.map((value) => entity(1n, value, value)))).map(({ packets, bytes }) => [packets, bytes]), values.map((value) => [value, value]))
  })

  test('of entries that are no flows, and of other entities, are left out', () => {
    assert.deepEqual(decoded(encoded(entity(0n, 1n, 1n), entity(2n ** 32n, 1n, 1n), entity(2n ** 60n, 1n, 1n), { counterEntry: { counterId: 1, data: { packetCount: 3 } } }, {}, entity(4n, 1n, 1n))),
      [{ id: 4, packets: 1n, bytes: 1n }])
    assert.deepEqual(decoded(new Uint8Array(0)), [])
  })

  test('no prefix and no changed byte does harm', () => {
    const bytes = encoded(entity(1n, 2n ** 50n, 300n), entity(2n, 3n, 4n))
    const tried = (message: Uint8Array): void => {
      try {
        decoded(message)
      } catch (error) {
        assert.ok(error instanceof RangeError)
      }
    }
    for (let at = 0; at < bytes.length; at++) {
      tried(bytes.subarray(0, at))
      for (const value of [0, 0x7f, 0x80, 0xff]) tried(bytes.with(at, value))
    }
  })
})
