/**
 * The model's actions on a frame: each takes a frame and returns a new one. An action on a header that is not there does
 * nothing. OF 1.3.5 §5.12, §7.2.5
 */
import type { OxmName } from '../../src/openflow/model.js'
import { withChecksums, withHeaderChecksum } from './checksums.js'
import { placeOf, readBits, valueOf, writeBits, type Place } from './fields.js'
import { NO_HABITS, type Habits } from './habits.js'
import { parse, type Headers } from './headers.js'

type Frame = Uint8Array

const insert = (frame: Frame, at: number, bytes: readonly number[]): Frame => Uint8Array.from([...frame.subarray(0, at), ...bytes, ...frame.subarray(at)])
const remove = (frame: Frame, at: number, count: number): Frame => Uint8Array.from([...frame.subarray(0, at), ...frame.subarray(at + count)])
const bytesOf = (value: number, count: number): number[] => Array.from({ length: count }, (_, i) => (value / 2 ** (8 * (count - 1 - i))) & 0xff)

function withBits(frame: Frame, place: Place | null, value: bigint): Frame {
  if (place === null) return frame
  const changed = Uint8Array.from(frame)
  writeBits(changed, place, value)
  return withChecksums(frame, changed)
}

/** `value` of vlan_vid comes with OFPVID_PRESENT, which is not a bit of the frame. OF 1.3.5 §7.2.3.8 */
export function setField(frame: Frame, field: OxmName, value: bigint, mask: bigint | null = null, habits: Habits = NO_HABITS): Frame {
  const h = parse(frame)
  if (field === 'vlan_vid' && h.tags.length === 0 && habits.has('vidMakesTag')) return setField(pushVlan(frame, 0x8100), field, value, mask)
  const place = placeOf(h, field)
  if (place === null) return frame
  const all = (1n << BigInt(place.bits)) - 1n
  const bits = (mask ?? all) & all
  return withBits(frame, place, (readBits(frame, place) & ~bits) | (value & bits))
}

/** VID and PCP are those of the tag it goes in front of. OF 1.3.5 §5.12.1 (docs/adr/0010) */
export function pushVlan(frame: Frame, ethertype: number, habits: Habits = NO_HABITS): Frame {
  const h = parse(frame)
  if (h.typeAt < 0) return frame
  const outer = habits.has('freshTag') ? undefined : h.tags[0]
  const control = outer === undefined ? 0 : Number(readBits(frame, { bit: (outer + 2) * 8, bits: 16 })) & ~0x1000
  return insert(frame, 12, [...bytesOf(ethertype, 2), ...bytesOf(control, 2)])
}

export function popVlan(frame: Frame): Frame {
  return parse(frame).tags.length === 0 ? frame : remove(frame, 12, 4)
}

const withType = (frame: Frame, h: Headers, ethertype: number): Frame => {
  const changed = Uint8Array.from(frame)
  changed.set(bytesOf(ethertype, 2), h.typeAt)
  return changed
}

/** Behind the tags; label and TC are those of the label it goes in front of, the TTL is of that label or of the IP header. */
export function pushMpls(frame: Frame, ethertype: number, habits: Habits = NO_HABITS): Frame {
  const h = parse(frame)
  if (h.typeAt < 0) return frame
  const outer = h.labels[0]
  const entry = outer === undefined
    ? firstLabel(frame, h, habits)
    : [...frame.subarray(outer, outer + 4)].map((byte, i) => (i === 2 ? byte & 0xfe : byte))
  return insert(withType(frame, h, ethertype), h.payloadAt, entry)
}

function firstLabel(frame: Frame, h: Headers, habits: Habits): number[] {
  const ttl = ttlAt(h) < 0 ? 0 : frame[ttlAt(h)] ?? 0
  if (!habits.has('freshLabel')) return [0, 0, 1, ttl]
  const dscp = Number(valueOf(frame, h, { inPort: 0, metadata: 0n, tunnelId: 0n }, 'ip_dscp'))
  return [0, 0, (h.ethType === 0x86dd ? 0x20 : 0) | ((dscp & 7) << 1) | 1, ttl === 0 ? 64 : ttl]
}

export function popMpls(frame: Frame, ethertype: number, habits: Habits = NO_HABITS): Frame {
  const h = parse(frame)
  const count = habits.has('wholeStack') && ethertype !== 0x8847 && ethertype !== 0x8848 ? h.labels.length : 1
  return h.labels.length === 0 ? frame : remove(withType(frame, h, ethertype), h.payloadAt, 4 * count)
}

/**
 * In front of everything but the addresses, which are copied into the customer's places; I-SID and priority come from what
 * was outermost. OF 1.3.5 §5.12, §5.12.1
 */
export function pushPbb(frame: Frame, ethertype: number): Frame {
  const h = parse(frame)
  if (h.typeAt < 0) return frame
  const priority = h.tags[0] === undefined ? 0 : (frame[h.tags[0] + 2] ?? 0) & 0xe0
  const isid = h.pbbAt < 0 ? [0, 0, 0] : [...frame.subarray(h.pbbAt + 1, h.pbbAt + 4)]
  return insert(frame, 12, [...bytesOf(ethertype, 2), priority, ...isid, ...frame.subarray(0, 12)])
}

/** A backbone tag "should be removed prior to this operation"; one that is there stays. OF 1.3.5 §5.12 */
export function popPbb(frame: Frame): Frame {
  const h = parse(frame)
  if (h.pbbAt < 0 || frame.length < h.pbbAt + 18) return frame
  const changed = Uint8Array.from(frame)
  changed.set(frame.subarray(h.pbbAt + 4, h.pbbAt + 16), 0)
  return remove(changed, h.typeAt, 18)
}

/** −1 where no IP header can be seen. */
const ttlAt = (h: Headers): number => (h.ipv4At >= 0 ? h.ipv4At + 8 : h.ipv6At >= 0 ? h.ipv6At + 7 : -1)
const byteAt = (at: number): Place | null => (at < 0 ? null : { bit: at * 8, bits: 8 })
const labelTtlAt = (h: Headers): number => (h.labels[0] === undefined ? -1 : h.labels[0] + 3)

export const setNwTtl = (frame: Frame, ttl: number): Frame => withBits(frame, byteAt(ttlAt(parse(frame))), BigInt(ttl))
export const setMplsTtl = (frame: Frame, ttl: number): Frame => withBits(frame, byteAt(labelTtlAt(parse(frame))), BigInt(ttl))

/** null: the TTL has run out. OF 1.3.5 §5.12 (Change-TTL) */
const decrement = (frame: Frame, at: number): Frame | null => {
  if (at < 0) return frame
  const ttl = frame[at] ?? 0
  return ttl <= 1 ? null : withBits(frame, byteAt(at), BigInt(ttl - 1))
}
export const decNwTtl = (frame: Frame): Frame | null => decrement(frame, ttlAt(parse(frame)))
export const decMplsTtl = (frame: Frame): Frame | null => decrement(frame, labelTtlAt(parse(frame)))

/** Where the two outermost headers with a TTL have it: labels, and IP below the last label or in IP. null: there are no two. */
function twoTtls(frame: Frame, h: Headers): { readonly outer: number; readonly inner: number; readonly innerIp: number } | null {
  const [label, next] = h.labels
  if (label !== undefined && next !== undefined) return { outer: label + 3, inner: next + 3, innerIp: -1 }
  if (label !== undefined && ((frame[label + 2] ?? 0) & 1) === 0) return null
  const ip = label !== undefined ? label + 4 : ttlAt(h) >= 0 && (h.proto === 4 || h.proto === 41) && h.fragment !== 'later' ? h.behindIp : -1
  if (ip < 0) return null
  // A label does not say what is below it; the version does.
  const version = (frame[ip] ?? 0) >> 4
  const outer = label !== undefined ? label + 3 : ttlAt(h)
  if (version === 4 && frame.length >= ip + 20) return { outer, inner: ip + 8, innerIp: ip }
  return version === 6 && frame.length >= ip + 40 ? { outer, inner: ip + 7, innerIp: -1 } : null
}

/** From the next header with a TTL to the outermost: "IP-to-IP, MPLS-to-MPLS, or IP-to-MPLS". OF 1.3.5 §5.12 */
export function copyTtlOut(frame: Frame): Frame {
  const two = twoTtls(frame, parse(frame))
  return two === null ? frame : withBits(frame, byteAt(two.outer), BigInt(frame[two.inner] ?? 0))
}

export function copyTtlIn(frame: Frame): Frame {
  const two = twoTtls(frame, parse(frame))
  if (two === null) return frame
  const changed = Uint8Array.from(frame)
  changed[two.inner] = frame[two.outer] ?? 0
  return two.innerIp < 0 ? changed : withHeaderChecksum(frame, changed, two.innerIp)
}
