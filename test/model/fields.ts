/** The model's match fields: where each one lies in a frame, and what it reads as. OF 1.3.5 §7.2.3.7, §7.2.3.8 */
import type { OxmName } from '../../src/openflow/model.js'
import type { Headers } from './headers.js'

/** First bit, counted from the start of the frame, and number of bits. */
export interface Place { readonly bit: number; readonly bits: number }

/** What the switch keeps beside the frame. */
export interface PipelineFields { readonly inPort: number; readonly metadata: bigint; readonly tunnelId: bigint }

const ifAt = (at: number, offset: number, bits: number, bitOffset = 0): Place | null => (at < 0 ? null : { bit: (at + offset) * 8 + bitOffset, bits })

/** null: the frame has no such header, or the field is no part of a frame. */
export function placeOf(h: Headers, field: OxmName): Place | null {
  const transport = (...kinds: readonly Headers['transport'][]): number => (kinds.includes(h.transport) ? h.transportAt : -1)
  switch (field) {
    case 'eth_dst': return h.typeAt < 0 ? null : { bit: 0, bits: 48 }
    case 'eth_src': return h.typeAt < 0 ? null : { bit: 48, bits: 48 }
    case 'eth_type': return h.ethType < 0x600 ? null : ifAt(h.typeAt, 0, 16)
    case 'vlan_pcp': return ifAt(h.tags[0] ?? -1, 2, 3)
    case 'vlan_vid': return ifAt(h.tags[0] ?? -1, 2, 12, 4)
    case 'mpls_label': return ifAt(h.labels[0] ?? -1, 0, 20)
    case 'mpls_tc': return ifAt(h.labels[0] ?? -1, 0, 3, 20)
    case 'mpls_bos': return ifAt(h.labels[0] ?? -1, 0, 1, 23)
    case 'pbb_isid': return ifAt(h.pbbAt, 1, 24)
    case 'arp_op': return ifAt(h.arpAt, 6, 16)
    case 'arp_sha': return ifAt(h.arpAt, 8, 48)
    case 'arp_spa': return ifAt(h.arpAt, 14, 32)
    case 'arp_tha': return ifAt(h.arpAt, 18, 48)
    case 'arp_tpa': return ifAt(h.arpAt, 24, 32)
    case 'ip_dscp': return ifAt(h.ipv4At, 1, 6) ?? ifAt(h.ipv6At, 0, 6, 4)
    case 'ip_ecn': return ifAt(h.ipv4At, 1, 2, 6) ?? ifAt(h.ipv6At, 0, 2, 10)
    case 'ip_proto': return ifAt(h.protoAt, 0, 8)
    case 'ipv4_src': return ifAt(h.ipv4At, 12, 32)
    case 'ipv4_dst': return ifAt(h.ipv4At, 16, 32)
    case 'ipv6_flabel': return ifAt(h.ipv6At, 0, 20, 12)
    case 'ipv6_src': return ifAt(h.ipv6At, 8, 128)
    case 'ipv6_dst': return ifAt(h.ipv6At, 24, 128)
    case 'tcp_src': return ifAt(transport('tcp'), 0, 16)
    case 'tcp_dst': return ifAt(transport('tcp'), 2, 16)
    case 'udp_src': return ifAt(transport('udp'), 0, 16)
    case 'udp_dst': return ifAt(transport('udp'), 2, 16)
    case 'sctp_src': return ifAt(transport('sctp'), 0, 16)
    case 'sctp_dst': return ifAt(transport('sctp'), 2, 16)
    case 'icmpv4_type': return ifAt(transport('icmpv4'), 0, 8)
    case 'icmpv4_code': return ifAt(transport('icmpv4'), 1, 8)
    case 'icmpv6_type': return ifAt(transport('icmpv6'), 0, 8)
    case 'icmpv6_code': return ifAt(transport('icmpv6'), 1, 8)
    case 'ipv6_nd_target': return ifAt(h.targetAt, 0, 128)
    case 'ipv6_nd_sll': return ifAt(h.sourceLinkAt, 0, 48)
    case 'ipv6_nd_tll': return ifAt(h.targetLinkAt, 0, 48)
    case 'in_port': case 'in_phy_port': case 'metadata': case 'tunnel_id': case 'ipv6_exthdr': return null
    default: throw new Error(`${field} is not of OpenFlow 1.3`)
  }
}

export function readBits(frame: Uint8Array, { bit, bits }: Place): bigint {
  let value = 0n
  for (let i = bit; i < bit + bits; i++) value = (value << 1n) | BigInt(((frame[i >> 3] ?? 0) >> (7 - (i & 7))) & 1)
  return value
}

export function writeBits(frame: Uint8Array, { bit, bits }: Place, value: bigint): void {
  for (let i = 0; i < bits; i++) {
    const at = bit + bits - 1 - i
    const mask = 0x80 >> (at & 7)
    const isOne = ((value >> BigInt(i)) & 1n) === 1n
    frame[at >> 3] = isOne ? (frame[at >> 3] ?? 0) | mask : (frame[at >> 3] ?? 0) & ~mask
  }
}

const transportFields: readonly OxmName[] = [
  'tcp_src', 'tcp_dst', 'udp_src', 'udp_dst', 'sctp_src', 'sctp_dst', 'icmpv4_type', 'icmpv4_code', 'icmpv6_type', 'icmpv6_code',
  'ipv6_nd_target', 'ipv6_nd_sll', 'ipv6_nd_tll',
]

/**
 * What a match compares. A field whose header is cut short, or is in another fragment, reads as 0; of a fragment every
 * transport field does, the first one's too, as in Open vSwitch (OF 1.0 §3.4 said so, later texts are silent).
 */
export function valueOf(frame: Uint8Array, h: Headers, pipeline: PipelineFields, field: OxmName): bigint {
  switch (field) {
    // There is one kind of port. OF 1.3.5 §7.2.3.8
    case 'in_port': case 'in_phy_port': return BigInt(pipeline.inPort)
    case 'metadata': return pipeline.metadata
    case 'tunnel_id': return pipeline.tunnelId
    case 'eth_type': return BigInt(h.ethType)
    case 'ip_proto': return BigInt(h.proto)
    case 'ipv6_exthdr': return BigInt(h.extensions)
  }
  if (h.fragment !== 'no' && transportFields.includes(field)) return 0n
  const place = placeOf(h, field)
  if (place === null) return 0n
  const value = readBits(frame, place)
  return field === 'vlan_vid' ? value | 0x1000n : value
}
