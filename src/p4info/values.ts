/**
 * Values of match fields and parameters as P4Runtime writes them: unsigned, big-endian, in the fewest bytes that hold them;
 * zero is one zero byte. P4RT 1.4 §8.4
 */

/** The canonical byte string of an unsigned value. */
export function toCanonicalBytes(value: bigint): Uint8Array {
  if (value < 0n) throw new RangeError(`${value} is negative`)
  // Nearly all values are ports, flags, ids and addresses of 32 or 48 bits.
  if (value <= 0xffff_ffffn) {
    const low = Number(value)
    if (low < 0x100) return Uint8Array.of(low)
    if (low < 0x1_0000) return Uint8Array.of(low >>> 8, low)
    if (low < 0x100_0000) return Uint8Array.of(low >>> 16, low >>> 8, low)
    return Uint8Array.of(low >>> 24, low >>> 16, low >>> 8, low)
  }
  if (value <= 0xffff_ffff_ffffn) {
    const all = Number(value)
    const high = Math.floor(all / 2 ** 32)
    const low = all % 2 ** 32
    return high < 0x100 ? Uint8Array.of(high, low >>> 24, low >>> 16, low >>> 8, low) : Uint8Array.of(high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low)
  }
  const hex = value.toString(16)
  const bytes = new Uint8Array((hex.length + 1) >> 1)
  for (let end = hex.length, at = bytes.length - 1; at >= 0; at--, end -= 2) {
    bytes[at] = parseInt(hex.slice(Math.max(0, end - 2), end), 16)
  }
  return bytes
}

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** The value of a byte string, canonical or with leading zero bytes; an empty one is 0. */
export function fromBytes(bytes: Uint8Array): bigint {
  if (bytes.length <= 6) {
    let value = 0
    for (const byte of bytes) value = value * 256 + byte
    return BigInt(value)
  }
  let hex = '0x'
  for (const byte of bytes) hex += hexOfByte[byte]
  return BigInt(hex)
}

/** Whether an unsigned value can be held in `width` bits. */
export const fitsWidth = (value: bigint, width: number): boolean => value >= 0n && value >> BigInt(width) === 0n

/** A value with its `width` low bits set. */
export const allOnes = (width: number): bigint => (1n << BigInt(width)) - 1n
