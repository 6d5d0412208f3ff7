/**
 * The one place that knows how 64-bit protobuf fields are held. In messages that we build they may be plain numbers
 * (exact up to 2^53) or what toInt64 and toUint64 make; in decoded messages they are objects of two 32-bit halves. No one
 * outside this file looks inside: read with toBigInt or toNumber, write with a number, toInt64 or toUint64.
 */
import type { p4 } from './generated.js'

/** The type that the generated code gives to a 64-bit field. */
export type Int64 = Exclude<p4.v1.IUint128['high'], null | undefined>

// The writer of protobufjs asks for the two halves only.
const build = (value: bigint, unsigned: boolean): Int64 =>
  ({ low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned }) as unknown as Int64

/** For int64 fields, modulo 2^64. */
export const toInt64 = (value: bigint): Int64 => build(value, false)
/** For uint64 fields, modulo 2^64. */
export const toUint64 = (value: bigint): Int64 => build(value, true)

/** The value of a 64-bit field; an absent one is 0, as everywhere in proto3. */
export const toBigInt = (value: Int64 | null | undefined): bigint => {
  if (value === null || value === undefined) return 0n
  if (typeof value === 'number') return BigInt(value)
  const bits = BigInt(value.high >>> 0) << 32n | BigInt(value.low >>> 0)
  return value.unsigned ? bits : BigInt.asIntN(64, bits)
}

/** The value as a number, for fields that hold a size, an index or a flow number. Throws where a number is not exact. */
export const toNumber = (value: Int64 | null | undefined): number => {
  if (value === null || value === undefined) return 0
  if (typeof value === 'number') return value
  const result = (value.unsigned ? value.high >>> 0 : value.high) * 0x1_0000_0000 + (value.low >>> 0)
  if (!Number.isSafeInteger(result)) throw new RangeError(`64-bit value ${toBigInt(value)} is beyond exact numbers`)
  return result
}
