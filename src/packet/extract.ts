/**
 * The OpenFlow match fields of a frame, as Open vSwitch's flow extraction sees them, but for the number of VLAN tags:
 * - all of them are looked through (OF 1.3.5 §7.2.3.7: `eth_type` is the type "after VLAN tags"), as in the pipeline;
 *   `tags: 'outermost'` stops behind the first, as Open vSwitch does with vlan-limit=1;
 * - `vlan_vid` is always there: 0 without a tag, else the id with the PRESENT bit;
 * - a field whose header ought to be there but is cut short, malformed or in an earlier fragment is 0;
 * - a field whose prerequisites (OF 1.3.5 §7.2.3.6) the frame does not meet is absent.
 * Another difference on purpose: `arp_op` has its 16 bits, where Open vSwitch keeps eight.
 */
import type { OxmName } from '../openflow/model.js'
import { getBig } from './bytes.js'
import { locate, readField, tagControl } from './fields.js'
import { parseFrame, type ParsedFrame } from './parse.js'
import { EtherType, Icmpv6Type, IpProto, VID_PRESENT, isMplsType } from './types.js'

export const extractFields = (frame: Uint8Array, tags: 'all' | 'outermost' = 'all'): Map<OxmName, bigint> =>
  extractParsed(frame, parseFrame(frame, tags === 'all' ? Infinity : 1))

/** For a frame that was parsed already. */
export function extractParsed(frame: Uint8Array, p: ParsedFrame): Map<OxmName, bigint> {
  const fields = new Map<OxmName, bigint>()
  if (!p.ethernet) return fields
  const read = (...names: readonly OxmName[]): void => {
    for (const name of names) {
      const where = locate(frame, p, name)
      fields.set(name, where === null ? 0n : readField(frame, where))
    }
  }
  fields.set('eth_dst', getBig(frame, 0, 6))
  fields.set('eth_src', getBig(frame, 6, 6))
  fields.set('eth_type', BigInt(p.ethType))
  if (p.tags.length > 0) {
    const tci = tagControl(frame, p)
    fields.set('vlan_vid', BigInt((tci & 0x0fff) | VID_PRESENT))
    fields.set('vlan_pcp', BigInt(tci >> 13))
  } else fields.set('vlan_vid', 0n)

  if (isMplsType(p.ethType)) read('mpls_label', 'mpls_tc', 'mpls_bos')
  else if (p.ethType === EtherType.PBB) read('pbb_isid', 'pbb_uca')
  else if (p.ethType === EtherType.ARP) read('arp_op', 'arp_spa', 'arp_tpa', 'arp_sha', 'arp_tha')
  else if (p.ethType === EtherType.IPV4 || p.ethType === EtherType.IPV6) {
    read('ip_dscp', 'ip_ecn')
    fields.set('ip_proto', BigInt(p.ipProto))
    if (p.ethType === EtherType.IPV4) read('ipv4_src', 'ipv4_dst')
    else {
      read('ipv6_src', 'ipv6_dst', 'ipv6_flabel')
      fields.set('ipv6_exthdr', BigInt(p.extHdr))
    }
    // Of such a packet Open vSwitch sees the addresses only.
    if (p.chainBroken) for (const name of ['ip_dscp', 'ip_ecn', 'ip_proto', 'ipv6_flabel'] as const) fields.set(name, 0n)
    else readTransport(frame, p, read)
  }
  return fields
}

function readTransport(frame: Uint8Array, p: ParsedFrame, read: (...names: OxmName[]) => void): void {
  // Without an IP header there is no protocol; 0 would be read as "hop by hop".
  if (p.l3 === null) return
  if (p.ipProto === IpProto.TCP) read('tcp_src', 'tcp_dst')
  else if (p.ipProto === IpProto.UDP) read('udp_src', 'udp_dst')
  else if (p.ipProto === IpProto.SCTP) read('sctp_src', 'sctp_dst')
  else if (p.ipProto === IpProto.ICMP && p.l3 === 'ipv4') read('icmpv4_type', 'icmpv4_code')
  else if (p.ipProto === IpProto.ICMPV6 && p.l3 === 'ipv6') {
    read('icmpv6_type', 'icmpv6_code')
    if (p.l4 === null || frame[p.l4At + 1] !== 0) return
    if (frame[p.l4At] === Icmpv6Type.NEIGHBOR_SOLICIT) read('ipv6_nd_target', 'ipv6_nd_sll')
    if (frame[p.l4At] === Icmpv6Type.NEIGHBOR_ADVERT) read('ipv6_nd_target', 'ipv6_nd_tll')
  }
}
