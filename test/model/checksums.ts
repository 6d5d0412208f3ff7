/**
 * The model's checksums: what a change of a frame does to those that cover it. A checksum is adjusted by the difference, so
 * that a wrong one stays as wrong as it was (docs/adr/0011). RFC 1071, RFC 1624 equation 3, RFC 9260 appendix A
 */
import { parse, type Headers } from './headers.js'

type Frame = Uint8Array

const words = (bytes: readonly number[]): number[] =>
  Array.from({ length: Math.ceil(bytes.length / 2) }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0))

const fold = (sum: number): number => {
  let folded = sum
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000)
  return folded
}

function adjusted(checksum: number, before: readonly number[], after: readonly number[]): number {
  let sum = ~checksum & 0xffff
  for (const [i, word] of words(before).entries()) {
    const now = words(after)[i] ?? 0
    if (word !== now) sum = fold(sum + (~word & 0xffff) + now)
  }
  return ~sum & 0xffff
}

const same = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])
const get = (frame: Frame, at: number): number => ((frame[at] ?? 0) << 8) | (frame[at + 1] ?? 0)
function put(frame: Frame, at: number, value: number): Frame {
  const changed = Uint8Array.from(frame)
  changed[at] = value >> 8
  changed[at + 1] = value & 0xff
  return changed
}

/** The bytes from `from` to `to`, with zeros where the checksum of `size` bytes is. */
const without = (frame: Frame, from: number, to: number, checksumAt: number, size = 2): number[] =>
  [...frame.subarray(from, to)].map((byte, i) => (from + i >= checksumAt && from + i < checksumAt + size ? 0 : byte))

/** `changed` with the checksum of the IPv4 header at `at` brought up to date. */
export function withHeaderChecksum(frame: Frame, changed: Frame, at: number): Frame {
  const length = ((frame[at] ?? 0) & 15) * 4
  const [before, after] = [frame, changed].map((each) => without(each, at, at + length, at + 10)) as [number[], number[]]
  return same(before, after) ? changed : put(changed, at + 10, adjusted(get(frame, at + 10), before, after))
}

/** `changed` has the headers of `frame` in the same places; all checksums that cover a difference are brought up to date. */
export function withChecksums(frame: Frame, changed: Frame): Frame {
  const h = parse(frame)
  const result = h.ipv4At >= 0 ? withHeaderChecksum(frame, changed, h.ipv4At) : changed
  if (h.transport === null) return result
  if (h.transport === 'sctp') return withCrc(frame, result, h)
  const at = h.transportAt + { tcp: 16, udp: 6, icmpv4: 2, icmpv6: 2 }[h.transport]
  const before = [...pseudoHeader(frame, h), ...without(frame, h.transportAt, h.ipEnd, at)]
  const after = [...pseudoHeader(result, h), ...without(result, h.transportAt, h.ipEnd, at)]
  const old = get(frame, at)
  // UDP: 0 says that there is none, and a sum of 0 is sent as all ones. RFC 768
  if (same(before, after) || h.transport === 'udp' && old === 0) return result
  const sum = adjusted(old, before, after)
  return put(result, at, h.transport === 'udp' && sum === 0 ? 0xffff : sum)
}

/** Without the length, which nothing changes. RFC 9293 §3.1, RFC 8200 §8.1 */
function pseudoHeader(frame: Frame, h: Headers): number[] {
  if (h.transport === 'icmpv4') return []
  const protocol = [0, frame[h.protoAt] ?? 0]
  if (h.ipv4At >= 0) return [...frame.subarray(h.ipv4At + 12, h.ipv4At + 20), ...protocol]
  return [...frame.subarray(h.ipv6At + 8, h.ipv6At + (h.segmentsLeft ? 24 : 40)), ...protocol]
}

/** A CRC is linear: the difference of two right ones is also what a wrong one changes by. */
function withCrc(frame: Frame, changed: Frame, h: Headers): Frame {
  const at = h.transportAt + 8
  const crc = (each: Frame): number => crc32c(without(each, h.transportAt, h.ipEnd, at, 4))
  const difference = crc(frame) ^ crc(changed)
  const result = Uint8Array.from(changed)
  for (let i = 0; i < 4; i++) result[at + i] = (changed[at + i] ?? 0) ^ ((difference >>> (8 * i)) & 0xff)
  return result
}

export function crc32c(bytes: readonly number[]): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1
  }
  return ~crc >>> 0
}
