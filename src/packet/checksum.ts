/**
 * The Internet checksum, whole (RFC 1071) and incremental (RFC 1624), and SCTP's CRC32c (RFC 4960 appendix B).
 * A checksum is kept as the 16-bit number read big-endian from the packet.
 */
import { get16 } from './bytes.js'

/** One's complement sum of a range, not yet folded; an odd last byte counts as the high half of a word. */
export function sumWords(b: Uint8Array, start: number, end: number, initial = 0): number {
  let sum = initial
  let at = start
  for (; at + 1 < end; at += 2) sum += (b[at]! << 8) | b[at + 1]!
  return at < end ? sum + (b[at]! << 8) : sum
}

export function fold(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000)
  return folded
}

export const internetChecksum = (b: Uint8Array, start = 0, end = b.length, initial = 0): number =>
  ~fold(sumWords(b, start, end, initial)) & 0xffff

/** Sum of the pseudo header: both addresses (`addressesAt`, `addressesSize` bytes), protocol and upper-layer length. RFC 9293 §3.1, RFC 8200 §8.1 */
export const pseudoHeaderSum = (b: Uint8Array, addressesAt: number, addressesSize: number, protocol: number, length: number): number =>
  sumWords(b, addressesAt, addressesAt + addressesSize, protocol + (length >>> 16) + (length & 0xffff))

/** RFC 1624 §3, equation 3: HC' = ~(~HC + ~m + m'). */
export const updateChecksum16 = (checksum: number, before: number, after: number): number =>
  ~fold((~checksum & 0xffff) + (~before & 0xffff) + after) & 0xffff

/** The same over several words at once; both arrays have the same even length and lie on word boundaries of the summed data. */
export function updateChecksum(checksum: number, before: Uint8Array, after: Uint8Array): number {
  let sum = ~checksum & 0xffff
  for (let at = 0; at + 1 < before.length; at += 2) sum += (~get16(before, at) & 0xffff) + get16(after, at)
  return ~fold(sum) & 0xffff
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/** CRC32c of a range, in which the four bytes at `skipAt` count as zero (the checksum field itself; -1 for none). */
export function crc32c(b: Uint8Array, start: number, end: number, skipAt = -1): number {
  let crc = 0xffffffff
  for (let at = start; at < end; at++) {
    const byte = skipAt >= 0 && at >= skipAt && at < skipAt + 4 ? 0 : b[at]!
    crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  }
  return ~crc >>> 0
}
