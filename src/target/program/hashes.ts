/**
 * The hash and checksum functions of v1model, over bytes. Results are numbers of up to 32 bits; identity gives up to 64
 * bits as a bigint. The custom CRCs are BMv2's with their default parameters.
 */
import type { HashAlgorithm } from './ir.js'

export type Hash = (bytes: Uint8Array, length: number) => number | bigint

/** Internet checksum: one's complement of the one's complement sum of 16-bit words, RFC 1071. */
export const csum16 = (bytes: Uint8Array, length: number): number => {
  let sum = 0
  const even = length & ~1
  for (let at = 0; at < even; at += 2) sum += (bytes[at] ?? 0) << 8 | (bytes[at + 1] ?? 0)
  if (length & 1) sum += (bytes[even] ?? 0) << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65536)
  return ~sum & 0xffff
}

/** Tables for CRCs whose input and output are reflected. */
const reflectedTable = (polynomial: number): Int32Array => Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? value >>> 1 ^ polynomial : value >>> 1
  return value
})
const crc16Table = reflectedTable(0xa001)
const crc32Table = reflectedTable(0xedb88320)
const ccittTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 8
  for (let bit = 0; bit < 8; bit++) value = (value & 0x8000 ? value << 1 ^ 0x1021 : value << 1) & 0xffff
  return value
})

export const crc16 = (bytes: Uint8Array, length: number): number => {
  let value = 0
  for (let at = 0; at < length; at++) value = value >>> 8 ^ (crc16Table[(value ^ (bytes[at] ?? 0)) & 0xff] ?? 0)
  return value & 0xffff
}

export const crc32 = (bytes: Uint8Array, length: number): number => {
  let value = -1
  for (let at = 0; at < length; at++) value = value >>> 8 ^ (crc32Table[(value ^ (bytes[at] ?? 0)) & 0xff] ?? 0)
  return ~value >>> 0
}

/** CRC-CCITT with initial value 0xffff, not reflected. */
export const crcCcitt = (bytes: Uint8Array, length: number): number => {
  let value = 0xffff
  for (let at = 0; at < length; at++) value = (value << 8 ^ (ccittTable[(value >>> 8 ^ (bytes[at] ?? 0)) & 0xff] ?? 0)) & 0xffff
  return value
}

/** Exclusive or of 2- or 4-byte groups; the last group is filled up with zeros. */
const xorOf = (group: number): Hash => (bytes, length) => {
  let value = 0
  for (let at = 0; at < length; at++) value ^= (bytes[at] ?? 0) << 8 * (group - 1 - at % group)
  return group === 4 ? value >>> 0 : value
}

const identity: Hash = (bytes, length) => {
  let value = 0n
  for (let at = 0; at < Math.min(8, length); at++) value = value << 8n | BigInt(bytes[at] ?? 0)
  return value
}

/** For tests of action selectors: counts instead of hashing. */
const roundRobin = (): Hash => {
  let next = 0
  return () => next++
}
/** The same, but equal inputs get equal results. */
const roundRobinConsistent = (): Hash => {
  const known = new Map<string, number>()
  return (bytes, length) => {
    const key = bytes.subarray(0, length).join(',')
    const value = known.get(key) ?? known.size
    known.set(key, value)
    return value
  }
}

export const makeHash = (algorithm: HashAlgorithm): Hash => {
  switch (algorithm) {
    case 'csum16':
    case 'cksum16': return csum16
    case 'crc16':
    case 'crc16_custom': return crc16
    case 'crc32':
    case 'crc32_custom': return crc32
    case 'crcCCITT': return crcCcitt
    case 'xor16': return xorOf(2)
    case 'xor32': return xorOf(4)
    case 'identity': return identity
    case 'round_robin': return roundRobin()
    case 'round_robin_consistent': return roundRobinConsistent()
  }
}
