// Executes the action set: pops, pushes, TTL, set-field, then group or output. OF 1.3.5 §5.10
// What shows other headers (pop_mpls, pop_pbb, push_pbb) ends the pass; the rest of the set is executed in the next one. So
// does a TTL to be copied to or from what a label has just been put in front of.
#ifndef ACTION_SET_P4
#define ACTION_SET_P4
#include "rewrite.p4"

control ActionSet(inout headers_t h, inout metadata_t m) {
  TtlCheck() ttl;
  TtlCheck() mpls_ttl;
  Originals() originals;
  apply {
    bool parse = false;
    m.stale = 1;
    m.packet_in_metadata = m.metadata;   // as the last table left it
    m.packet_in_output = m.actset_output;
    originals.apply(h, m);
    if (m.set.copy_ttl_in == 1) {
      if (m.unparsed == 1) { parse = true; } else { COPY_TTL_IN m.set.copy_ttl_in = 0; }
    }
    if (!parse && m.set.pop_vlan == 1) { POP_VLAN m.set.pop_vlan = 0; }
    if (!parse && m.set.pop_mpls != 0) {
      if (h.mpls[0].isValid()) { parse = true; POP_MPLS(m.set.pop_mpls) }
      m.set.pop_mpls = 0;
    }
    if (!parse && m.set.pop_pbb == 1) {
      if (h.pbb_customer.isValid()) { parse = true; POP_PBB }
      m.set.pop_pbb = 0;
    }
    if (!parse && m.set.push_mpls != 0) { PUSH_MPLS(m.set.push_mpls) m.set.push_mpls = 0; }
    if (!parse && m.set.push_pbb != 0) { PUSH_PBB(m.set.push_pbb) m.set.push_pbb = 0; parse = true; }
    if (m.set.copy_ttl_out == 1 && m.unparsed == 1) { parse = true; }
    if (parse) {
      m.emission.port = CONTINUATION_FIRST;
    } else {
      m.set.present = 0;
      if (m.set.push_vlan != 0) { PUSH_VLAN(m.set.push_vlan) }
      if (m.set.copy_ttl_out == 1) { COPY_TTL_OUT }
      bool expired = false;
      bool mpls_expired = false;
      if (m.set.dec_ttl == 1) { ttl.apply(h, TTL_IP, expired); }
      if (m.set.dec_mpls_ttl == 1) { mpls_ttl.apply(h, TTL_MPLS, mpls_expired); }
      if (expired || mpls_expired) {
        m.reason = REASON_INVALID_TTL;
        m.emission.port = CPU_PORT;
        m.emission.max_len = 0xffff;
      } else {
        SET_ETH(m.set.eth_dst, m.set.eth_dst_mask, m.set.eth_src, m.set.eth_src_mask)
        SET_VLAN(m.set.vlan_vid, m.set.vlan_vid_mask, m.set.vlan_pcp, m.set.vlan_pcp_mask)
        if (h.mpls[0].isValid()) {
          if (m.set.dec_mpls_ttl == 1) { h.mpls[0].ttl = h.mpls[0].ttl - 1; }
          if (m.set.mpls_ttl_mask != 0) { h.mpls[0].ttl = m.set.mpls_ttl; }
        }
        SET_MPLS(m.set.mpls_label, m.set.mpls_label_mask, m.set.mpls_tc, m.set.mpls_tc_mask, m.set.mpls_bos, m.set.mpls_bos_mask)
        SET_PBB(m.set.pbb_isid, m.set.pbb_isid_mask, m.set.pbb_uca, m.set.pbb_uca_mask)
        SET_TUNNEL(m.set.tunnel_id, m.set.tunnel_id_mask)
        if (L3_VISIBLE) {
          if (m.set.dec_ttl == 1) { DEC_TTL }
          if (m.set.ttl_mask != 0) { SET_TTL(m.set.ttl, m.set.ttl_mask) }
          if (m.set.ip_dscp_mask != 0 || m.set.ip_ecn_mask != 0) {
            SET_TOS(m.set.ip_dscp, m.set.ip_dscp_mask, m.set.ip_ecn, m.set.ip_ecn_mask)
          }
          SET_IPV4(m.set.ipv4_src, m.set.ipv4_src_mask, m.set.ipv4_dst, m.set.ipv4_dst_mask)
          SET_IPV6(m.set.ipv6_src, m.set.ipv6_src_mask, m.set.ipv6_dst, m.set.ipv6_dst_mask, m.set.ipv6_flabel, m.set.ipv6_flabel_mask)
          SET_ARP(m.set.arp_op, m.set.arp_op_mask, m.set.arp_spa, m.set.arp_spa_mask, m.set.arp_tpa, m.set.arp_tpa_mask,
                  m.set.arp_sha, m.set.arp_sha_mask, m.set.arp_tha, m.set.arp_tha_mask)
          SET_TCP(m.set.tcp_src, m.set.tcp_src_mask, m.set.tcp_dst, m.set.tcp_dst_mask)
          SET_UDP(m.set.udp_src, m.set.udp_src_mask, m.set.udp_dst, m.set.udp_dst_mask)
          SET_SCTP(m.set.sctp_src, m.set.sctp_src_mask, m.set.sctp_dst, m.set.sctp_dst_mask)
          SET_ICMPV4(m.set.icmpv4_type, m.set.icmpv4_type_mask, m.set.icmpv4_code, m.set.icmpv4_code_mask)
          SET_ICMPV6(m.set.icmpv6_type, m.set.icmpv6_type_mask, m.set.icmpv6_code, m.set.icmpv6_code_mask)
          if (m.set.ip_proto_mask != 0) { SET_PROTO(m.set.ip_proto, m.set.ip_proto_mask) }
          SET_ND(m.set.nd_target, m.set.nd_target_mask, m.set.nd_sll, m.set.nd_sll_mask, m.set.nd_tll, m.set.nd_tll_mask)
        }
        // Last, because it says what the headers above are.
        if (m.set.eth_type_mask != 0) { SET_TYPE(m.set.eth_type, m.set.eth_type_mask) }
        m.reason = REASON_ACTION_SET;
        if (m.set.group != 0) {
          m.emission.group = m.set.group;
        } else {
          m.emission.port = m.set.port;
          m.emission.multicast = m.set.multicast;
          m.emission.to_in_port = m.set.to_in_port;
          m.emission.normal = m.set.normal;
          m.emission.max_len = m.set.max_len;
        }
      }
    }
  }
}
#endif
