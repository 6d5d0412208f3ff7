/** Numbers of the protocols this folder knows. IEEE 802.1Q, RFC 3032, RFC 791, RFC 8200, RFC 826, RFC 4443, RFC 4861. */

export const EtherType = {
  IPV4: 0x0800, ARP: 0x0806, VLAN: 0x8100, IPV6: 0x86dd, MPLS: 0x8847, MPLS_MULTICAST: 0x8848, QINQ: 0x88a8, PBB: 0x88e7,
  LLDP: 0x88cc,
  /** Smallest EtherType; below it the field is an IEEE 802.3 length. */
  FIRST: 0x0600,
  /** What OpenFlow says of a frame without an EtherType (802.3 without an Ethernet SNAP header). OF 1.0 §3.4 */
  NONE: 0x05ff,
} as const

export const IpProto = {
  HOP_BY_HOP: 0, ICMP: 1, IGMP: 2, IPV4: 4, TCP: 6, UDP: 17, IPV6: 41, ROUTING: 43, FRAGMENT: 44, ESP: 50, AH: 51, ICMPV6: 58, NO_NEXT: 59,
  DEST_OPTIONS: 60, SCTP: 132,
} as const

export const Icmpv6Type = {
  ECHO_REQUEST: 128, ECHO_REPLY: 129, ROUTER_SOLICIT: 133, ROUTER_ADVERT: 134, NEIGHBOR_SOLICIT: 135, NEIGHBOR_ADVERT: 136,
} as const

/** Bits of OXM_OF_IPV6_EXTHDR. OF 1.3.5 §7.2.3.8 */
export const ExtHdr = {
  NONEXT: 1, ESP: 2, AUTH: 4, DEST: 8, FRAG: 16, ROUTER: 32, HOP: 64, UNREP: 128, UNSEQ: 256,
} as const

/** The bit of an OXM VLAN_VID value that says "there is a tag". OF 1.3.5 §7.2.3.8 */
export const VID_PRESENT = 0x1000

export const isVlanType = (type: number): boolean => type === EtherType.VLAN || type === EtherType.QINQ
export const isMplsType = (type: number): boolean => type === EtherType.MPLS || type === EtherType.MPLS_MULTICAST
