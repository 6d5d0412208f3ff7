/**
 * Where each OpenFlow match field lies in a parsed frame: the one table that extraction and set-field share.
 * OF 1.3.5 §7.2.3.7 and §7.2.3.8.
 */
import type { OxmName } from '../openflow/model.js'
import { get16, getBig, putBig } from './bytes.js'
import type { ParsedFrame } from './parse.js'
import { Icmpv6Type } from './types.js'

/** `width` bits, `shift` above the lowest bit of the `size` bytes at `at`. */
export interface FieldPlace { readonly at: number; readonly size: number; readonly shift: number; readonly width: number }

const place = (at: number, size: number, shift = 0, width = size * 8 - shift): FieldPlace => ({ at, size, shift, width })

/** null: the frame has no such header (or the field is not part of a frame at all). */
export function locate(frame: Uint8Array, p: ParsedFrame, field: OxmName): FieldPlace | null {
  if (!p.ethernet) return null
  const locator = locators[field]
  return locator === undefined ? null : locator(p, frame)
}

export const readField = (frame: Uint8Array, where: FieldPlace): bigint =>
  (getBig(frame, where.at, where.size) >> BigInt(where.shift)) & ones(where.width)

/** Writes `value`'s bits under `mask`, both as wide as the field. */
export function writeField(frame: Uint8Array, where: FieldPlace, value: bigint, mask: bigint): void {
  const shift = BigInt(where.shift)
  const bits = (mask & ones(where.width)) << shift
  const old = getBig(frame, where.at, where.size)
  putBig(frame, where.at, where.size, (old & ~bits) | ((value << shift) & bits))
}

export const ones = (width: number): bigint => (1n << BigInt(width)) - 1n

type Locator = (p: ParsedFrame, frame: Uint8Array) => FieldPlace | null

const ifV4 = (offset: number, size: number, shift = 0, width?: number): Locator =>
  (p) => p.l3 === 'ipv4' ? place(p.l3At + offset, size, shift, width) : null
const ifV6 = (offset: number, size: number, shift = 0, width?: number): Locator =>
  (p) => p.l3 === 'ipv6' ? place(p.l3At + offset, size, shift, width) : null
const ifArp = (offset: number, size: number): Locator => (p) => p.l3 === 'arp' ? place(p.l3At + offset, size) : null
const ifL4 = (kind: ParsedFrame['l4'], offset: number, size: number): Locator =>
  (p) => p.l4 === kind ? place(p.l4At + offset, size) : null
const ifMpls = (shift: number, width: number): Locator => (p) => p.mplsAt >= 0 ? place(p.mplsAt, 4, shift, width) : null
const ifTag = (shift: number, width: number): Locator => (p) => p.tags.length > 0 ? place(p.tags[0]! + 2, 2, shift, width) : null
const either = (a: Locator, b: Locator): Locator => (p, frame) => a(p, frame) ?? b(p, frame)

const locators: Readonly<Partial<Record<OxmName, Locator>>> = {
  eth_dst: () => place(0, 6),
  eth_src: () => place(6, 6),
  eth_type: (p) => p.ethTypeAt >= 0 && p.ethType >= 0x0600 ? place(p.ethTypeAt, 2) : null,
  vlan_vid: ifTag(0, 12),
  vlan_pcp: ifTag(13, 3),
  pbb_isid: (p) => p.pbbAt >= 0 ? place(p.pbbAt + 1, 3) : null,
  pbb_uca: (p) => p.pbbAt >= 0 ? place(p.pbbAt, 1, 3, 1) : null,
  mpls_label: ifMpls(12, 20),
  mpls_tc: ifMpls(9, 3),
  mpls_bos: ifMpls(8, 1),
  ip_dscp: either(ifV4(1, 1, 2, 6), ifV6(0, 2, 6, 6)),
  ip_ecn: either(ifV4(1, 1, 0, 2), ifV6(0, 2, 4, 2)),
  // In a later IPv6 fragment the byte before the payload names what only the first fragment holds: not a field.
  ip_proto: (p) => p.protoAt < 0 || (p.l3 === 'ipv6' && p.fragment === 'later') ? null : place(p.protoAt, 1),
  ipv4_src: ifV4(12, 4),
  ipv4_dst: ifV4(16, 4),
  ipv6_src: ifV6(8, 16),
  ipv6_dst: ifV6(24, 16),
  ipv6_flabel: ifV6(0, 4, 0, 20),
  tcp_src: ifL4('tcp', 0, 2),
  tcp_dst: ifL4('tcp', 2, 2),
  udp_src: ifL4('udp', 0, 2),
  udp_dst: ifL4('udp', 2, 2),
  sctp_src: ifL4('sctp', 0, 2),
  sctp_dst: ifL4('sctp', 2, 2),
  icmpv4_type: ifL4('icmpv4', 0, 1),
  icmpv4_code: ifL4('icmpv4', 1, 1),
  icmpv6_type: ifL4('icmpv6', 0, 1),
  icmpv6_code: ifL4('icmpv6', 1, 1),
  ipv6_nd_target: (p) => p.ndTargetAt >= 0 ? place(p.ndTargetAt, 16) : null,
  // Source address in solicitations, target address in advertisements: the fields' prerequisites. OF 1.3.5 §7.2.3.8
  ipv6_nd_sll: (p, frame) => p.ndSllAt >= 0 && frame[p.l4At] === Icmpv6Type.NEIGHBOR_SOLICIT ? place(p.ndSllAt, 6) : null,
  ipv6_nd_tll: (p, frame) => p.ndTllAt >= 0 && frame[p.l4At] === Icmpv6Type.NEIGHBOR_ADVERT ? place(p.ndTllAt, 6) : null,
  arp_op: ifArp(6, 2),
  arp_sha: ifArp(8, 6),
  arp_spa: ifArp(14, 4),
  arp_tha: ifArp(18, 6),
  arp_tpa: ifArp(24, 4),
}

export const tagControl = (frame: Uint8Array, p: ParsedFrame): number => get16(frame, p.tags[0]! + 2)
