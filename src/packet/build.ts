/**
 * Frames from parts, with right lengths and checksums: for tests, for simulated hosts and for controllers that answer
 * ARP or ping themselves. Each builder makes one header around a payload; they nest from the inside out:
 *
 *   ethernet({ dst, src, type: EtherType.IPV4 }, ipv4({ src, dst, proto: IpProto.UDP }, udp({ src, dst, ports … }, data)))
 *
 * and the *Frame functions make common whole frames. Addresses are text or unsigned numbers.
 */
import { type IpLike, type MacLike, ipv6MulticastMac, solicitedNode, toIpv4, toIpv6, toMac } from './address.js'
import { concat, put16, put32, putBig } from './bytes.js'
import { crc32c, internetChecksum, pseudoHeaderSum } from './checksum.js'
import { EtherType, Icmpv6Type, IpProto } from './types.js'

export const BROADCAST = 0xffffffffffffn
const NOTHING = new Uint8Array(0)

export interface VlanSpec { readonly vid: number; readonly pcp?: number; readonly dei?: boolean; readonly tpid?: number }
/** `vlans` from the outside in. */
export interface EthernetSpec { readonly dst: MacLike; readonly src: MacLike; readonly type: number; readonly vlans?: readonly VlanSpec[] }

export function ethernet(spec: EthernetSpec, payload: Uint8Array = NOTHING): Uint8Array {
  const vlans = spec.vlans ?? []
  const frame = new Uint8Array(14 + 4 * vlans.length + payload.length)
  putBig(frame, 0, 6, toMac(spec.dst))
  putBig(frame, 6, 6, toMac(spec.src))
  let at = 12
  for (const vlan of vlans) {
    put16(frame, at, vlan.tpid ?? EtherType.VLAN)
    put16(frame, at + 2, ((vlan.pcp ?? 0) << 13) | (vlan.dei ? 0x1000 : 0) | (vlan.vid & 0x0fff))
    at += 4
  }
  put16(frame, at, spec.type)
  frame.set(payload, at + 2)
  return frame
}

/** Pads to the smallest frame Ethernet allows, 60 bytes without FCS. IEEE 802.3 §4.2.3.3 */
export function pad(frame: Uint8Array, size = 60): Uint8Array {
  return frame.length >= size ? frame : concat(frame, new Uint8Array(size - frame.length))
}

/** A label stack entry; `bos` says that nothing but the payload follows. */
export function mpls(spec: { label: number; tc?: number; bos?: boolean; ttl?: number }, payload: Uint8Array = NOTHING): Uint8Array {
  const entry = new Uint8Array(4)
  put32(entry, 0, ((spec.label << 12) | ((spec.tc ?? 0) << 9) | (spec.bos === false ? 0 : 0x100) | (spec.ttl ?? 64)) >>> 0)
  return concat(entry, payload)
}

export interface ArpSpec { readonly op: number; readonly sha: MacLike; readonly spa: IpLike; readonly tha: MacLike; readonly tpa: IpLike }
export function arp(spec: ArpSpec): Uint8Array {
  const packet = new Uint8Array(28)
  packet.set([0, 1, 8, 0, 6, 4])
  put16(packet, 6, spec.op)
  putBig(packet, 8, 6, toMac(spec.sha))
  putBig(packet, 14, 4, toIpv4(spec.spa))
  putBig(packet, 18, 6, toMac(spec.tha))
  putBig(packet, 24, 4, toIpv4(spec.tpa))
  return packet
}

export interface Ipv4Spec {
  readonly src: IpLike; readonly dst: IpLike; readonly proto: number
  readonly ttl?: number; readonly dscp?: number; readonly ecn?: number; readonly id?: number
  /** In units of eight bytes. */
  readonly fragmentOffset?: number
  readonly moreFragments?: boolean; readonly dontFragment?: boolean
  /** Padded to a multiple of four bytes. */
  readonly options?: Uint8Array
}

/** `payload`'s checksum is filled in if the protocol has one and this is not a fragment. */
export function ipv4(spec: Ipv4Spec, payload: Uint8Array = NOTHING): Uint8Array {
  const headerSize = 20 + ((spec.options?.length ?? 0) + 3 & ~3)
  const packet = new Uint8Array(headerSize + payload.length)
  packet[0] = 0x40 | (headerSize / 4)
  packet[1] = ((spec.dscp ?? 0) << 2) | (spec.ecn ?? 0)
  put16(packet, 2, packet.length)
  put16(packet, 4, spec.id ?? 0)
  put16(packet, 6, (spec.dontFragment ? 0x4000 : 0) | (spec.moreFragments ? 0x2000 : 0) | (spec.fragmentOffset ?? 0))
  packet[8] = spec.ttl ?? 64
  packet[9] = spec.proto
  putBig(packet, 12, 4, toIpv4(spec.src))
  putBig(packet, 16, 4, toIpv4(spec.dst))
  if (spec.options !== undefined) packet.set(spec.options, 20)
  put16(packet, 10, internetChecksum(packet, 0, headerSize))
  packet.set(payload, headerSize)
  if (!spec.moreFragments && !spec.fragmentOffset) fillChecksum(packet, headerSize, spec.proto, 12, 8)
  return packet
}

export interface Ipv6Spec {
  readonly src: IpLike; readonly dst: IpLike
  /** Of the payload, behind any extension headers. */
  readonly proto: number
  readonly hopLimit?: number; readonly dscp?: number; readonly ecn?: number; readonly flowLabel?: number
  /** Extension headers in order; the builder links them. `body` is what follows the first two bytes, padded to a multiple of eight in all. */
  readonly extensions?: readonly { readonly type: number; readonly body: Uint8Array }[]
}

export function ipv6(spec: Ipv6Spec, payload: Uint8Array = NOTHING): Uint8Array {
  const extensions = spec.extensions ?? []
  const chain = extensions.map((extension, i) => {
    const header = new Uint8Array(extension.body.length + 2 + 7 & ~7)
    header[0] = extensions[i + 1]?.type ?? spec.proto
    header[1] = extension.type === IpProto.FRAGMENT ? 0 : extension.type === IpProto.AH ? header.length / 4 - 2 : header.length / 8 - 1
    header.set(extension.body, 2)
    return header
  })
  const behind = concat(...chain, payload)
  const packet = new Uint8Array(40 + behind.length)
  put32(packet, 0, ((6 << 28) | ((spec.dscp ?? 0) << 22) | ((spec.ecn ?? 0) << 20) | (spec.flowLabel ?? 0)) >>> 0)
  put16(packet, 4, behind.length)
  packet[6] = extensions[0]?.type ?? spec.proto
  packet[7] = spec.hopLimit ?? 64
  putBig(packet, 8, 16, toIpv6(spec.src))
  putBig(packet, 24, 16, toIpv6(spec.dst))
  packet.set(behind, 40)
  if (!extensions.some((extension) => extension.type === IpProto.FRAGMENT)) {
    fillChecksum(packet, packet.length - payload.length, spec.proto, 8, 32)
  }
  return packet
}

export function udp(spec: { src: number; dst: number }, payload: Uint8Array = NOTHING): Uint8Array {
  const segment = concat(new Uint8Array(8), payload)
  put16(segment, 0, spec.src)
  put16(segment, 2, spec.dst)
  put16(segment, 4, segment.length)
  return segment
}

export const TcpFlag = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32, ECE: 64, CWR: 128 } as const
export interface TcpSpec {
  readonly src: number; readonly dst: number; readonly seq?: number; readonly ack?: number; readonly flags?: number; readonly window?: number
}
export function tcp(spec: TcpSpec, payload: Uint8Array = NOTHING): Uint8Array {
  const segment = concat(new Uint8Array(20), payload)
  put16(segment, 0, spec.src)
  put16(segment, 2, spec.dst)
  put32(segment, 4, spec.seq ?? 0)
  put32(segment, 8, spec.ack ?? 0)
  segment[12] = 5 << 4
  segment[13] = spec.flags ?? TcpFlag.ACK
  put16(segment, 14, spec.window ?? 0xffff)
  return segment
}

export function sctp(spec: { src: number; dst: number; tag?: number }, chunks: Uint8Array = NOTHING): Uint8Array {
  const segment = concat(new Uint8Array(12), chunks)
  put16(segment, 0, spec.src)
  put16(segment, 2, spec.dst)
  put32(segment, 4, spec.tag ?? 0)
  new DataView(segment.buffer).setUint32(8, crc32c(segment, 0, segment.length), true)
  return segment
}

export interface EchoSpec { readonly reply?: boolean; readonly id: number; readonly seq: number; readonly data?: Uint8Array }

export function icmpEcho(spec: EchoSpec): Uint8Array {
  return echo(spec.reply ? 0 : 8, spec)
}
/** The checksum is filled in by ipv6(). */
export function icmpv6Echo(spec: EchoSpec): Uint8Array {
  return echo(spec.reply ? Icmpv6Type.ECHO_REPLY : Icmpv6Type.ECHO_REQUEST, spec)
}

/** Any ICMP or ICMPv6 message: `body` starts behind the checksum. */
export const icmp = (type: number, code: number, body: Uint8Array = new Uint8Array(4)): Uint8Array =>
  concat(Uint8Array.of(type, code, 0, 0), body)

export function arpRequestFrame(spec: { sha: MacLike; spa: IpLike; tpa: IpLike; vlans?: readonly VlanSpec[] }): Uint8Array {
  return ethernet({ dst: BROADCAST, src: spec.sha, type: EtherType.ARP, vlans: spec.vlans ?? [] },
    arp({ op: 1, sha: spec.sha, spa: spec.spa, tha: 0n, tpa: spec.tpa }))
}

export function arpReplyFrame(spec: { sha: MacLike; spa: IpLike; tha: MacLike; tpa: IpLike; vlans?: readonly VlanSpec[] }): Uint8Array {
  return ethernet({ dst: spec.tha, src: spec.sha, type: EtherType.ARP, vlans: spec.vlans ?? [] }, arp({ op: 2, ...spec }))
}

/** Asks for `target`'s link-layer address. RFC 4861 §4.3 */
export function neighborSolicitFrame(spec: { sha: MacLike; src: IpLike; target: IpLike; vlans?: readonly VlanSpec[] }): Uint8Array {
  const group = solicitedNode(toIpv6(spec.target))
  return ethernet({ dst: ipv6MulticastMac(group), src: spec.sha, type: EtherType.IPV6, vlans: spec.vlans ?? [] },
    ipv6({ src: spec.src, dst: group, proto: IpProto.ICMPV6, hopLimit: 255 },
      neighborMessage(Icmpv6Type.NEIGHBOR_SOLICIT, 0, toIpv6(spec.target), 1, toMac(spec.sha))))
}

/** `spec.dst`, `spec.dstMac`: who asked. Flags: solicited and override. RFC 4861 §4.4 */
export function neighborAdvertFrame(spec: {
  sha: MacLike; target: IpLike; dst: IpLike; dstMac: MacLike; vlans?: readonly VlanSpec[]
}): Uint8Array {
  return ethernet({ dst: spec.dstMac, src: spec.sha, type: EtherType.IPV6, vlans: spec.vlans ?? [] },
    ipv6({ src: spec.target, dst: spec.dst, proto: IpProto.ICMPV6, hopLimit: 255 },
      neighborMessage(Icmpv6Type.NEIGHBOR_ADVERT, 0x60000000, toIpv6(spec.target), 2, toMac(spec.sha))))
}

function neighborMessage(type: number, flags: number, target: bigint, option: number, mac: bigint): Uint8Array {
  const body = new Uint8Array(28)
  put32(body, 0, flags)
  putBig(body, 4, 16, target)
  body[20] = option
  body[21] = 1
  putBig(body, 22, 6, mac)
  return icmp(type, 0, body)
}

function echo(type: number, spec: EchoSpec): Uint8Array {
  const body = concat(new Uint8Array(4), spec.data ?? NOTHING)
  put16(body, 0, spec.id)
  put16(body, 2, spec.seq)
  return icmp(type, 0, body)
}

const checksumOffset: Readonly<Record<number, number>> = { [IpProto.TCP]: 16, [IpProto.UDP]: 6, [IpProto.ICMP]: 2, [IpProto.ICMPV6]: 2 }

function fillChecksum(packet: Uint8Array, at: number, proto: number, addressesAt: number, addressesSize: number): void {
  const offset = checksumOffset[proto]
  if (offset === undefined || at + offset + 2 > packet.length) return
  const size = packet.length - at
  const pseudo = proto === IpProto.ICMP ? 0 : pseudoHeaderSum(packet, addressesAt, addressesSize, proto, size)
  put16(packet, at + offset, 0)
  const checksum = internetChecksum(packet, at, packet.length, pseudo)
  put16(packet, at + offset, checksum === 0 && proto === IpProto.UDP ? 0xffff : checksum)
}
