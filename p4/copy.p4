// Bits of one field to another, where a continuation asks for it (OF 1.5.1 §5.8, Copy-Field): one table brings the source down to
// bit 0, the next puts it in its place. A copy from or to a header that is not there does nothing, as in Open vSwitch.
#ifndef COPY_P4
#define COPY_P4
#include "rewrite.p4"

// The source: name, OXM field, where it is, its value.
#define FROM(name, oxm, present, value) \
  action from_##name(@of[copy_from=oxm] bit<8> shift) { if (present) { there = 1; bits = (bit<128>)(value) >> shift; } }

// The destination: `PUT` writes under the mask.
#define TO(width, name, oxm) action to_##name(@of[copy_to=oxm] bit<8> shift, @of[copy_mask=oxm] bit<width> mask) { \
  bit<width> value = (bit<width>)(bits << shift) & mask;
#define PUT(field) field = MERGE(field, value, mask);

#define IN_IPV4 (L3_VISIBLE && h.ipv4.isValid())
#define IN_IPV6 (L3_VISIBLE && h.ipv6.isValid())
#define IN_ARP (L3_VISIBLE && h.arp.isValid())
#define IN_PBB (L3_VISIBLE && h.pbb.isValid())
#define IN_L4(header) (L3_VISIBLE && header.isValid())
#define IN_ICMP(network) (L3_VISIBLE && h.icmp.isValid() && network.isValid())

// Of the list, metadata is what packet_in_metadata has: write-metadata comes after the list, and is written before it.
control Copy(inout headers_t h, inout metadata_t m) {
  Originals() originals;
  bit<128> bits = 0;
  bit<1> there = 0;

  action from_value(@of[role="value"] bit<128> value) { there = 1; bits = value; }
  FROM(in_port, "in_port,in_phy_port", true, m.in_port)
  FROM(metadata, "metadata", true, m.packet_in_metadata)
  FROM(tunnel_id, "tunnel_id", true, m.tunnel_id)
  FROM(eth_dst, "eth_dst", h.eth.isValid(), h.eth.dst)
  FROM(eth_src, "eth_src", h.eth.isValid(), h.eth.src)
  FROM(eth_type, "eth_type", h.eth.isValid(), m.eth_type)
  action from_vlan_vid(@of[copy_from="vlan_vid"] bit<8> shift) {   // 0 without a tag
    there = 1;
    bits = 0;
    if (h.vlan[0].isValid()) { bits = (bit<128>)(1w1 ++ h.vlan[0].vid) >> shift; }
  }
  FROM(vlan_pcp, "vlan_pcp", h.vlan[0].isValid(), h.vlan[0].pcp)
  FROM(pbb_isid, "pbb_isid", IN_PBB, h.pbb.isid)
  FROM(pbb_uca, "pbb_uca", IN_PBB, h.pbb.uca)
  FROM(mpls_label, "mpls_label", h.mpls[0].isValid(), h.mpls[0].label)
  FROM(mpls_tc, "mpls_tc", h.mpls[0].isValid(), h.mpls[0].tc)
  FROM(mpls_bos, "mpls_bos", h.mpls[0].isValid(), h.mpls[0].bos)
  action from_ip_dscp(@of[copy_from="ip_dscp"] bit<8> shift) {
    if (IN_IPV4) { there = 1; bits = (bit<128>)h.ipv4.dscp >> shift; } else if (IN_IPV6) { there = 1; bits = (bit<128>)h.ipv6.dscp >> shift; }
  }
  action from_ip_ecn(@of[copy_from="ip_ecn"] bit<8> shift) {
    if (IN_IPV4) { there = 1; bits = (bit<128>)h.ipv4.ecn >> shift; } else if (IN_IPV6) { there = 1; bits = (bit<128>)h.ipv6.ecn >> shift; }
  }
  FROM(ip_proto, "ip_proto", IN_IPV4 || (IN_IPV6 && m.ip_proto != 44), m.ip_proto)
  FROM(ipv4_src, "ipv4_src", IN_IPV4, h.ipv4.src)
  FROM(ipv4_dst, "ipv4_dst", IN_IPV4, h.ipv4.dst)
  FROM(ipv6_src, "ipv6_src", IN_IPV6, h.ipv6.src)
  FROM(ipv6_dst, "ipv6_dst", IN_IPV6, h.ipv6.dst)
  FROM(ipv6_flabel, "ipv6_flabel", IN_IPV6, h.ipv6.flabel)
  FROM(ipv6_exthdr, "ipv6_exthdr", IN_IPV6, m.extensions[8:0])
  FROM(arp_op, "arp_op", IN_ARP, h.arp.op)
  FROM(arp_spa, "arp_spa", IN_ARP, h.arp.spa)
  FROM(arp_tpa, "arp_tpa", IN_ARP, h.arp.tpa)
  FROM(arp_sha, "arp_sha", IN_ARP, h.arp.sha)
  FROM(arp_tha, "arp_tha", IN_ARP, h.arp.tha)
  FROM(tcp_src, "tcp_src", IN_L4(h.tcp), h.tcp.src)
  FROM(tcp_dst, "tcp_dst", IN_L4(h.tcp), h.tcp.dst)
  FROM(udp_src, "udp_src", IN_L4(h.udp), h.udp.src)
  FROM(udp_dst, "udp_dst", IN_L4(h.udp), h.udp.dst)
  FROM(sctp_src, "sctp_src", IN_L4(h.sctp), h.sctp.src)
  FROM(sctp_dst, "sctp_dst", IN_L4(h.sctp), h.sctp.dst)
  FROM(icmpv4_type, "icmpv4_type", IN_ICMP(h.ipv4), h.icmp.type)
  FROM(icmpv4_code, "icmpv4_code", IN_ICMP(h.ipv4), h.icmp.code)
  FROM(icmpv6_type, "icmpv6_type", IN_ICMP(h.ipv6), h.icmp.type)
  FROM(icmpv6_code, "icmpv6_code", IN_ICMP(h.ipv6), h.icmp.code)
  FROM(nd_target, "ipv6_nd_target", IN_L4(h.nd), h.nd.target)
  FROM(nd_sll, "ipv6_nd_sll", IN_L4(h.nd_sll), h.nd_sll.address)
  FROM(nd_tll, "ipv6_nd_tll", IN_L4(h.nd_tll), h.nd_tll.address)

  // What write-metadata has written already, and is to have the last word on, is not in `lasting`.
  action to_metadata(@of[copy_to="metadata"] bit<8> shift, @of[copy_mask="metadata"] bit<64> mask, @of[role="lasting"] bit<64> lasting) {
    bit<64> value = (bit<64>)(bits << shift) & mask;
    PUT(m.packet_in_metadata)
    m.metadata = MERGE(m.metadata, value & lasting, lasting);
  }
  TO(64, tunnel_id, "tunnel_id") PUT(m.tunnel_id) }
  TO(48, eth_dst, "eth_dst") if (h.eth.isValid()) { PUT(h.eth.dst) } }
  TO(48, eth_src, "eth_src") if (h.eth.isValid()) { PUT(h.eth.src) } }
  TO(12, vlan_vid, "vlan_vid") if (h.vlan[0].isValid()) { PUT(h.vlan[0].vid) } }
  TO(3, vlan_pcp, "vlan_pcp") if (h.vlan[0].isValid()) { PUT(h.vlan[0].pcp) } }
  TO(24, pbb_isid, "pbb_isid") if (IN_PBB) { PUT(h.pbb.isid) } }
  TO(1, pbb_uca, "pbb_uca") if (IN_PBB) { PUT(h.pbb.uca) } }
  TO(20, mpls_label, "mpls_label") if (h.mpls[0].isValid()) { PUT(h.mpls[0].label) } }
  TO(3, mpls_tc, "mpls_tc") if (h.mpls[0].isValid()) { PUT(h.mpls[0].tc) } }
  TO(6, ip_dscp, "ip_dscp") if (IN_IPV4) { PUT(h.ipv4.dscp) } else if (IN_IPV6) { PUT(h.ipv6.dscp) } }
  TO(2, ip_ecn, "ip_ecn") if (IN_IPV4) { PUT(h.ipv4.ecn) } else if (IN_IPV6) { PUT(h.ipv6.ecn) } }
  TO(32, ipv4_src, "ipv4_src") if (IN_IPV4) { PUT(h.ipv4.src) } }
  TO(32, ipv4_dst, "ipv4_dst") if (IN_IPV4) { PUT(h.ipv4.dst) } }
  TO(128, ipv6_src, "ipv6_src") if (IN_IPV6) { PUT(h.ipv6.src) } }
  TO(128, ipv6_dst, "ipv6_dst") if (IN_IPV6) { PUT(h.ipv6.dst) } }
  TO(20, ipv6_flabel, "ipv6_flabel") if (IN_IPV6) { PUT(h.ipv6.flabel) } }
  TO(16, arp_op, "arp_op") if (IN_ARP) { PUT(h.arp.op) } }
  TO(32, arp_spa, "arp_spa") if (IN_ARP) { PUT(h.arp.spa) } }
  TO(32, arp_tpa, "arp_tpa") if (IN_ARP) { PUT(h.arp.tpa) } }
  TO(48, arp_sha, "arp_sha") if (IN_ARP) { PUT(h.arp.sha) } }
  TO(48, arp_tha, "arp_tha") if (IN_ARP) { PUT(h.arp.tha) } }
  TO(16, tcp_src, "tcp_src") if (IN_L4(h.tcp)) { PUT(h.tcp.src) } }
  TO(16, tcp_dst, "tcp_dst") if (IN_L4(h.tcp)) { PUT(h.tcp.dst) } }
  TO(16, udp_src, "udp_src") if (IN_L4(h.udp)) { PUT(h.udp.src) } }
  TO(16, udp_dst, "udp_dst") if (IN_L4(h.udp)) { PUT(h.udp.dst) } }
  TO(16, sctp_src, "sctp_src") if (IN_L4(h.sctp)) { PUT(h.sctp.src) } }
  TO(16, sctp_dst, "sctp_dst") if (IN_L4(h.sctp)) { PUT(h.sctp.dst) } }
  TO(8, icmpv4_type, "icmpv4_type") if (IN_ICMP(h.ipv4)) { PUT(h.icmp.type) } }
  TO(8, icmpv4_code, "icmpv4_code") if (IN_ICMP(h.ipv4)) { PUT(h.icmp.code) } }
  TO(8, icmpv6_type, "icmpv6_type") if (IN_ICMP(h.ipv6)) { PUT(h.icmp.type) } }
  TO(8, icmpv6_code, "icmpv6_code") if (IN_ICMP(h.ipv6)) { PUT(h.icmp.code) } }
  TO(128, nd_target, "ipv6_nd_target") if (IN_L4(h.nd)) { PUT(h.nd.target) } }
  TO(48, nd_sll, "ipv6_nd_sll") if (IN_L4(h.nd_sll)) { PUT(h.nd_sll.address) } }
  TO(48, nd_tll, "ipv6_nd_tll") if (IN_L4(h.nd_tll)) { PUT(h.nd_tll.address) } }

  @of_stage[index=7]
  table source {
    key = { m.program: exact @of[role="program"]; }
    actions = {
      from_value; from_in_port; from_metadata; from_tunnel_id; from_eth_dst; from_eth_src; from_eth_type; from_vlan_vid; from_vlan_pcp; from_pbb_isid;
      from_pbb_uca; from_mpls_label; from_mpls_tc; from_mpls_bos; from_ip_dscp; from_ip_ecn; from_ip_proto; from_ipv4_src; from_ipv4_dst; from_ipv6_src;
      from_ipv6_dst; from_ipv6_flabel; from_ipv6_exthdr; from_arp_op; from_arp_spa; from_arp_tpa; from_arp_sha; from_arp_tha; from_tcp_src; from_tcp_dst;
      from_udp_src; from_udp_dst; from_sctp_src; from_sctp_dst; from_icmpv4_type; from_icmpv4_code; from_icmpv6_type; from_icmpv6_code; from_nd_target;
      from_nd_sll; from_nd_tll; @defaultonly NoAction;
    }
    size = STAGE_SIZE;
    default_action = NoAction();
  }
  @of_stage[index=8]
  table destination {
    key = { m.program: exact @of[role="program"]; }
    actions = {
      to_metadata; to_tunnel_id; to_eth_dst; to_eth_src; to_vlan_vid; to_vlan_pcp; to_pbb_isid; to_pbb_uca; to_mpls_label; to_mpls_tc; to_ip_dscp; to_ip_ecn;
      to_ipv4_src; to_ipv4_dst; to_ipv6_src; to_ipv6_dst; to_ipv6_flabel; to_arp_op; to_arp_spa; to_arp_tpa; to_arp_sha; to_arp_tha; to_tcp_src; to_tcp_dst;
      to_udp_src; to_udp_dst; to_sctp_src; to_sctp_dst; to_icmpv4_type; to_icmpv4_code; to_icmpv6_type; to_icmpv6_code; to_nd_target; to_nd_sll; to_nd_tll;
      @defaultonly NoAction;
    }
    size = STAGE_SIZE;
    default_action = NoAction();
  }

  apply {
    originals.apply(h, m);
    source.apply();
    if (there == 1) { destination.apply(); }
  }
}
#endif
