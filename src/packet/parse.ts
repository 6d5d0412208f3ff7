/**
 * Where the headers of an Ethernet frame are. Goes as far as the bytes allow and never throws: what is cut short or
 * inconsistent simply ends the walk, as in Open vSwitch's flow extraction. Values are read by fields.ts.
 *
 *   Ethernet ─ VLAN tags ─┬─ IPv4 / IPv6 (+ extension headers) ─ TCP, UDP, SCTP, ICMP, ICMPv6 (+ neighbour discovery)
 *                         ├─ ARP
 *                         ├─ MPLS label stack      (what follows the stack has no EtherType: not looked at)
 *                         └─ PBB service tag       (the customer frame inside is not looked at)
 *
 * `maxTags` says how many VLAN tags are looked through: all of them (OF 1.3.5 §7.2.3.7), or one, which is what Open
 * vSwitch does unless told otherwise.
 */
import { get16 } from './bytes.js'
import { ExtHdr, EtherType, Icmpv6Type, IpProto, isMplsType, isVlanType } from './types.js'

export type L3Kind = 'ipv4' | 'ipv6' | 'arp'
export type L4Kind = 'tcp' | 'udp' | 'sctp' | 'icmpv4' | 'icmpv6'

/** Offsets are from the start of the frame, −1 where there is no such header. */
export interface ParsedFrame {
  /** False for a frame too short for an Ethernet header; everything else is then absent. */
  ethernet: boolean
  /** Offsets of the TPIDs of the tags looked through. */
  tags: number[]
  /** Of the EtherType that says what `payloadAt` holds; with SNAP the one in the SNAP header. */
  ethTypeAt: number
  ethType: number
  /** First byte after the EtherType. */
  payloadAt: number
  /** Of the PBB service tag (I-TAG TCI). */
  pbbAt: number
  /** Of the outermost label stack entry, and how many whole entries there are down to the bottom of the stack. */
  mplsAt: number
  mplsCount: number
  l3: L3Kind | null
  l3At: number
  /** End of the IP packet: Ethernet padding lies behind it. */
  l3End: number
  /** IPv6: of the next-header byte that names the last header; IPv4: of the protocol byte. */
  protoAt: number
  /** Protocol of what is at `l4At`; 44 in later IPv6 fragments. */
  ipProto: number
  fragment: 'no' | 'first' | 'later'
  /** IPv6: a routing header still has segments to go, so that the destination address is not in the pseudo header. */
  segmentsLeft: boolean
  /** Bits of ExtHdr. */
  extHdr: number
  /** IPv6: the chain of extension headers is cut short; `ipProto` is then the last one named. */
  chainBroken: boolean
  /** Set only when the whole fixed header is there; null in later fragments. */
  l4: L4Kind | null
  /** First byte after the IP header(s), also when `l4` is null. */
  l4At: number
  ndTargetAt: number
  ndSllAt: number
  ndTllAt: number
}

export function parseFrame(frame: Uint8Array, maxTags = Infinity): ParsedFrame {
  const p: ParsedFrame = {
    ethernet: false, tags: [], ethTypeAt: -1, ethType: EtherType.NONE, payloadAt: -1, pbbAt: -1, mplsAt: -1, mplsCount: 0,
    l3: null, l3At: -1, l3End: -1, protoAt: -1, ipProto: 0, fragment: 'no', segmentsLeft: false, extHdr: 0, chainBroken: false,
    l4: null, l4At: -1, ndTargetAt: -1, ndSllAt: -1, ndTllAt: -1,
  }
  if (frame.length < 14) return p
  p.ethernet = true
  let at = 12
  // A tag counts only if its TCI and the next EtherType are there.
  while (p.tags.length < maxTags && isVlanType(get16(frame, at)) && at + 6 <= frame.length) {
    p.tags.push(at)
    at += 4
  }
  parseEtherType(frame, at, p)
  if (isMplsType(p.ethType)) parseMpls(frame, p)
  else if (p.ethType === EtherType.IPV4) parseIpv4(frame, p)
  else if (p.ethType === EtherType.IPV6) parseIpv6(frame, p)
  else if (p.ethType === EtherType.ARP) parseArp(frame, p)
  else if (p.ethType === EtherType.PBB && p.payloadAt + 4 <= frame.length) p.pbbAt = p.payloadAt
  return p
}

/** A length in place of the EtherType: look for an Ethernet SNAP header (LLC aa-aa-03, OUI 0). IEEE 802 §9.5, RFC 1042 */
function parseEtherType(frame: Uint8Array, at: number, p: ParsedFrame): void {
  p.ethTypeAt = at
  p.payloadAt = at + 2
  const type = get16(frame, at)
  if (type >= EtherType.FIRST) {
    p.ethType = type
    return
  }
  if (at + 10 > frame.length || get16(frame, at + 2) !== 0xaaaa || get16(frame, at + 4) !== 0x0300 || get16(frame, at + 6) !== 0) return
  const snapType = get16(frame, at + 8)
  if (snapType < EtherType.FIRST) return
  p.ethType = snapType
  p.ethTypeAt = at + 8
  p.payloadAt = at + 10
}

function parseMpls(frame: Uint8Array, p: ParsedFrame): void {
  for (let at = p.payloadAt; at + 4 <= frame.length; at += 4) {
    p.mplsCount++
    if (frame[at + 2]! & 1) break
  }
  if (p.mplsCount > 0) p.mplsAt = p.payloadAt
}

function parseArp(frame: Uint8Array, p: ParsedFrame): void {
  const at = p.payloadAt
  if (at + 28 > frame.length) return
  if (get16(frame, at) !== 1 || get16(frame, at + 2) !== EtherType.IPV4 || get16(frame, at + 4) !== 0x0604) return
  p.l3 = 'arp'
  p.l3At = at
  p.l3End = at + 28
}

function parseIpv4(frame: Uint8Array, p: ParsedFrame): void {
  const at = p.payloadAt
  const room = frame.length - at
  if (room < 20) return
  const headerSize = (frame[at]! & 0x0f) * 4
  const totalSize = get16(frame, at + 2)
  if (headerSize < 20 || totalSize > room || headerSize > totalSize) return
  p.l3 = 'ipv4'
  p.l3At = at
  p.l3End = at + totalSize
  p.protoAt = at + 9
  p.ipProto = frame[at + 9]!
  const fragment = get16(frame, at + 6)
  if (fragment & 0x1fff) p.fragment = 'later'
  else if (fragment & 0x2000) p.fragment = 'first'
  p.l4At = at + headerSize
  if (p.fragment === 'later') return
  if (p.ipProto === IpProto.ICMP) p.l4 = p.l4At + 8 <= p.l3End ? 'icmpv4' : null
  else parseTransport(frame, p)
}

function parseIpv6(frame: Uint8Array, p: ParsedFrame): void {
  const at = p.payloadAt
  const room = frame.length - at
  if (room < 40) return
  const payloadSize = get16(frame, at + 4)
  if (payloadSize + 40 > room) return
  p.l3 = 'ipv6'
  p.l3At = at
  p.l3End = at + 40 + payloadSize
  p.protoAt = at + 6
  p.ipProto = frame[at + 6]!
  p.l4At = at + 40
  p.chainBroken = !parseExtensionHeaders(frame, p)
  if (p.chainBroken || p.fragment === 'later') return
  if (p.ipProto === IpProto.ICMPV6) {
    if (p.l4At + 8 > p.l3End) return
    p.l4 = 'icmpv6'
    parseNeighbourDiscovery(frame, p)
  } else parseTransport(frame, p)
}

/** Place of each header in the recommended order; destination options may come before routing or last. RFC 8200 §4.1 */
const headerRank: Readonly<Record<number, number>> = {
  [IpProto.HOP_BY_HOP]: 1, [IpProto.ROUTING]: 3, [IpProto.FRAGMENT]: 4, [IpProto.AH]: 5, [IpProto.ESP]: 6,
}
const headerBit: Readonly<Record<number, number>> = {
  [IpProto.HOP_BY_HOP]: ExtHdr.HOP, [IpProto.ROUTING]: ExtHdr.ROUTER, [IpProto.FRAGMENT]: ExtHdr.FRAG, [IpProto.AH]: ExtHdr.AUTH,
  [IpProto.ESP]: ExtHdr.ESP, [IpProto.DEST_OPTIONS]: ExtHdr.DEST, [IpProto.NO_NEXT]: ExtHdr.NONEXT,
}

/** False if the chain is cut short: nothing behind it is then known. */
function parseExtensionHeaders(frame: Uint8Array, p: ParsedFrame): boolean {
  let rank = 0
  let destinationOptions = 0
  let hopByHop = 0
  for (;;) {
    const proto = p.ipProto
    const bit = headerBit[proto] ?? 0
    if (proto === IpProto.DEST_OPTIONS) {
      if (++destinationOptions > 2) p.extHdr |= ExtHdr.UNREP
      const own = rank <= 2 ? 2 : 7
      rank = Math.max(rank, own)
    } else if (bit !== 0 && proto !== IpProto.NO_NEXT) {
      if (proto === IpProto.HOP_BY_HOP ? ++hopByHop > 1 : p.extHdr & bit) p.extHdr |= ExtHdr.UNREP
      const own = headerRank[proto]!
      if (own < rank) p.extHdr |= ExtHdr.UNSEQ
      rank = Math.max(rank, own)
    }
    // Hop-by-hop options count as such where they belong: first. OF 1.3.5 §7.2.3.7
    if (proto !== IpProto.HOP_BY_HOP || p.extHdr === 0) p.extHdr |= bit
    if (bit === 0 || proto === IpProto.NO_NEXT || proto === IpProto.ESP) return true
    const at = p.l4At
    if (at + 8 > p.l3End) return false
    const units = frame[at + 1]!
    const size = proto === IpProto.AH ? (units + 2) * 4 : proto === IpProto.FRAGMENT ? 8 : (units + 1) * 8
    if (proto === IpProto.ROUTING && frame[at + 3]! > 0) p.segmentsLeft = true
    p.protoAt = at
    p.ipProto = frame[at]!
    if (at + size > p.l3End) return false
    p.l4At = at + size
    if (proto === IpProto.FRAGMENT) {
      const offset = get16(frame, at + 2)
      if (offset & 0xfff8) {
        p.fragment = 'later'
        p.ipProto = IpProto.FRAGMENT
        return true
      }
      if (offset !== 0) p.fragment = 'first'
    }
  }
}

function parseTransport(frame: Uint8Array, p: ParsedFrame): void {
  const size = p.l3End - p.l4At
  if (p.ipProto === IpProto.TCP) {
    if (size < 20) return
    const headerSize = (frame[p.l4At + 12]! >> 4) * 4
    if (headerSize >= 20 && headerSize <= size) p.l4 = 'tcp'
  } else if (p.ipProto === IpProto.UDP) p.l4 = size >= 8 ? 'udp' : null
  else if (p.ipProto === IpProto.SCTP) p.l4 = size >= 12 ? 'sctp' : null
}

/** Target and link-layer address options; the same option twice makes all of them absent. RFC 4861 §4.3, §4.4, §4.6.1 */
function parseNeighbourDiscovery(frame: Uint8Array, p: ParsedFrame): void {
  const type = frame[p.l4At]!
  if ((type !== Icmpv6Type.NEIGHBOR_SOLICIT && type !== Icmpv6Type.NEIGHBOR_ADVERT) || frame[p.l4At + 1] !== 0) return
  if (p.l4At + 24 > p.l3End) return
  p.ndTargetAt = p.l4At + 8
  let at = p.l4At + 24
  while (at + 8 <= p.l3End) {
    const size = frame[at + 1]! * 8
    if (size === 0 || at + size > p.l3End) return
    const option = frame[at]!
    if (size === 8 && (option === 1 || option === 2)) {
      const seen = option === 1 ? p.ndSllAt : p.ndTllAt
      // An all-zero address does not count as seen, as in Open vSwitch.
      if (seen >= 0 && frame.subarray(seen, seen + 6).some((byte) => byte !== 0)) {
        p.ndTargetAt = p.ndSllAt = p.ndTllAt = -1
        return
      }
      if (option === 1) p.ndSllAt = at + 2
      else p.ndTllAt = at + 2
    }
    at += size
  }
}
