// Rewrite programs. A program is one entry in each stage table that it uses; `stages` says which those are. The control is
// instantiated once for each flow table, once for continuations and once in egress, so a program belongs to its instance.
// Setting a field of a header that is not there, or that OpenFlow cannot see (below MPLS), does nothing.
#include "headers.p4"
#include "metadata.p4"
#ifndef REWRITE_P4
#define REWRITE_P4

#define MERGE(old, v, mask) ((old & ~mask) | v)

#define L3_VISIBLE (!h.mpls[0].isValid())

#define SET_ETH(dst_, dst_mask, src_, src_mask) \
  h.eth.dst = MERGE(h.eth.dst, dst_, dst_mask); h.eth.src = MERGE(h.eth.src, src_, src_mask);

#define SET_VLAN(vid_, vid_mask, pcp_, pcp_mask) \
  if (h.vlan[0].isValid()) { \
    h.vlan[0].vid = MERGE(h.vlan[0].vid, vid_, vid_mask); h.vlan[0].pcp = MERGE(h.vlan[0].pcp, pcp_, pcp_mask); }

#define SET_PBB(isid_, isid_mask, uca_, uca_mask) \
  if (h.pbb.isValid() && L3_VISIBLE) { h.pbb.isid = MERGE(h.pbb.isid, isid_, isid_mask); h.pbb.uca = MERGE(h.pbb.uca, uca_, uca_mask); }

#define SET_TUNNEL(id, id_mask) m.tunnel_id = MERGE(m.tunnel_id, id, id_mask);

#define SET_MPLS(label_, label_mask, tc_, tc_mask, bos_, bos_mask) \
  if (h.mpls[0].isValid()) { \
    h.mpls[0].label = MERGE(h.mpls[0].label, label_, label_mask); h.mpls[0].tc = MERGE(h.mpls[0].tc, tc_, tc_mask); \
    h.mpls[0].bos = MERGE(h.mpls[0].bos, bos_, bos_mask); }

// Fields that a checksum covers are simply written; checksum.p4 compares with what ORIGINALS saved.
#define SET_TOS(dscp_, dscp_mask, ecn_, ecn_mask) \
  if (h.ipv4.isValid()) { h.ipv4.dscp = MERGE(h.ipv4.dscp, dscp_, dscp_mask); h.ipv4.ecn = MERGE(h.ipv4.ecn, ecn_, ecn_mask); } \
  else if (h.ipv6.isValid()) { h.ipv6.dscp = MERGE(h.ipv6.dscp, dscp_, dscp_mask); h.ipv6.ecn = MERGE(h.ipv6.ecn, ecn_, ecn_mask); }

#define SET_IPV4(src_, src_mask, dst_, dst_mask) \
  if (h.ipv4.isValid()) { h.ipv4.src = MERGE(h.ipv4.src, src_, src_mask); h.ipv4.dst = MERGE(h.ipv4.dst, dst_, dst_mask); }

#define SET_IPV6(src_, src_mask, dst_, dst_mask, flabel_, flabel_mask) \
  if (h.ipv6.isValid()) { \
    h.ipv6.src = MERGE(h.ipv6.src, src_, src_mask); h.ipv6.dst = MERGE(h.ipv6.dst, dst_, dst_mask); \
    h.ipv6.flabel = MERGE(h.ipv6.flabel, flabel_, flabel_mask); }

#define SET_ARP(op_, op_mask, spa_, spa_mask, tpa_, tpa_mask, sha_, sha_mask, tha_, tha_mask) \
  if (h.arp.isValid()) { \
    h.arp.op = MERGE(h.arp.op, op_, op_mask); h.arp.spa = MERGE(h.arp.spa, spa_, spa_mask); \
    h.arp.tpa = MERGE(h.arp.tpa, tpa_, tpa_mask); h.arp.sha = MERGE(h.arp.sha, sha_, sha_mask); \
    h.arp.tha = MERGE(h.arp.tha, tha_, tha_mask); }

// Each only where its own protocol is: what comes to an action set or a bucket is not known when it is written.
#define SET_PORTS(header, src_, src_mask, dst_, dst_mask) \
  if (header.isValid()) { header.src = MERGE(header.src, src_, src_mask); header.dst = MERGE(header.dst, dst_, dst_mask); }
#define SET_TCP(src_, src_mask, dst_, dst_mask) SET_PORTS(h.tcp, src_, src_mask, dst_, dst_mask)
#define SET_UDP(src_, src_mask, dst_, dst_mask) SET_PORTS(h.udp, src_, src_mask, dst_, dst_mask)
#define SET_SCTP(src_, src_mask, dst_, dst_mask) SET_PORTS(h.sctp, src_, src_mask, dst_, dst_mask)

#define SET_ICMP(network, type_, type_mask, code_, code_mask) \
  if (h.icmp.isValid() && network.isValid()) { h.icmp.type = MERGE(h.icmp.type, type_, type_mask); h.icmp.code = MERGE(h.icmp.code, code_, code_mask); }
#define SET_ICMPV4(type_, type_mask, code_, code_mask) SET_ICMP(h.ipv4, type_, type_mask, code_, code_mask)
#define SET_ICMPV6(type_, type_mask, code_, code_mask) SET_ICMP(h.ipv6, type_, type_mask, code_, code_mask)

#define SET_ND(target_, target_mask, sll_, sll_mask, tll_, tll_mask) \
  if (h.nd.isValid()) { h.nd.target = MERGE(h.nd.target, target_, target_mask); } \
  if (h.nd_sll.isValid()) { h.nd_sll.address = MERGE(h.nd_sll.address, sll_, sll_mask); } \
  if (h.nd_tll.isValid()) { h.nd_tll.address = MERGE(h.nd_tll.address, tll_, tll_mask); }

#define SET_TTL(v, mask) \
  if (!L3_VISIBLE) { } \
  else if (h.ipv4.isValid()) { h.ipv4.ttl = MERGE(h.ipv4.ttl, v, mask); } \
  else if (h.ipv6.isValid()) { h.ipv6.hop_limit = MERGE(h.ipv6.hop_limit, v, mask); }

#define DEC_TTL \
  if (!L3_VISIBLE) { } \
  else if (h.ipv4.isValid()) { h.ipv4.ttl = h.ipv4.ttl - 1; } \
  else if (h.ipv6.isValid()) { h.ipv6.hop_limit = h.ipv6.hop_limit - 1; }

#define POP_VLAN if (h.vlan[0].isValid()) { h.eth.type = h.vlan[0].type; h.vlan.pop_front(1); }

// A frame too short for an Ethernet header takes no tag and no label.
// The new tag takes VID and PCP of the tag below it, zero without one. OF 1.3.5 §5.12.1
#define PUSH_VLAN(tpid) if (h.vlan[VLAN_DEPTH - 1].isValid()) { m.overflow = 1; } else if (h.eth.isValid()) { \
  bit<12> vid_below = 0; bit<3> pcp_below = 0; \
  if (h.vlan[0].isValid()) { vid_below = h.vlan[0].vid; pcp_below = h.vlan[0].pcp; } \
  h.vlan.push_front(1); h.vlan[0].setValid(); \
  h.vlan[0].pcp = pcp_below; h.vlan[0].dei = 0; h.vlan[0].vid = vid_below; h.vlan[0].type = h.eth.type; h.eth.type = tpid; }

// The type field behind the VLAN tags, where MPLS begins and ends; with SNAP it stands in that header.
#define SET_INNER_TYPE(value) \
  if (h.snap.isValid()) { h.snap.type = value; } else if (h.vlan[5].isValid()) { h.vlan[5].type = value; } else if (h.vlan[4].isValid()) { h.vlan[4].type = value; } \
  else if (h.vlan[3].isValid()) { h.vlan[3].type = value; } else if (h.vlan[2].isValid()) { h.vlan[2].type = value; } \
  else if (h.vlan[1].isValid()) { h.vlan[1].type = value; } else if (h.vlan[0].isValid()) { h.vlan[0].type = value; } \
  else { h.eth.type = value; } \
  m.eth_type = value;

// A frame with an 802.3 length has no Ethernet type to set.
#define SET_TYPE(type_, type_mask) \
  if (h.snap.isValid()) { h.snap.type = MERGE(h.snap.type, type_, type_mask); m.eth_type = h.snap.type; } \
  else if (m.eth_type != 0x05ff) { bit<16> type_new = MERGE(m.eth_type, type_, type_mask); SET_INNER_TYPE(type_new) }

// The protocol number stands in the last header of the network layer; what a later fragment holds, its fragment header does not say.
#define SET_PROTO(proto_, proto_mask) \
  bit<8> proto_new = MERGE(m.ip_proto, proto_, proto_mask); \
  if (h.ipv4.isValid()) { h.ipv4.proto = proto_new; m.ip_proto = proto_new; } \
  else if (h.ipv6.isValid() && m.ip_proto != 44) { \
    if (h.ipv6_extension4.isValid()) { h.ipv6_extension4.next = proto_new; } \
    else if (h.ipv6_extension3.isValid()) { h.ipv6_extension3.next = proto_new; } \
    else if (h.ipv6_extension2.isValid()) { h.ipv6_extension2.next = proto_new; } \
    else if (h.ipv6_extension1.isValid()) { h.ipv6_extension1.next = proto_new; } \
    else if (h.ipv6_extension0.isValid()) { h.ipv6_extension0.next = proto_new; } \
    else { h.ipv6.next = proto_new; } \
    m.ip_proto = proto_new; }

// The new entry takes label, TC and TTL of the one below it; the first takes the TTL of the IP header. OF 1.3.5 §5.12.1
// Below a label the version alone tells an IP header (parser.p4), so that other frames need a pass through the parser before
// a TTL is copied.
#define PUSH_MPLS(ethertype) if (h.mpls[MPLS_DEPTH - 1].isValid()) { m.overflow = 1; } else if (h.eth.isValid()) { \
  bit<20> label_below = 0; bit<3> tc_below = 0; bit<8> ttl_below = 0; bit<1> bottom = 1; \
  if (h.mpls[0].isValid()) { label_below = h.mpls[0].label; tc_below = h.mpls[0].tc; ttl_below = h.mpls[0].ttl; bottom = 0; } \
  else if (h.ipv4.isValid()) { ttl_below = h.ipv4.ttl; if (h.ipv4.version != 4) { m.unparsed = 1; } } \
  else if (h.ipv6.isValid()) { ttl_below = h.ipv6.hop_limit; if (h.ipv6.version != 6) { m.unparsed = 1; } } \
  else { m.unparsed = 1; } \
  h.mpls.push_front(1); h.mpls[0].setValid(); \
  h.mpls[0].label = label_below; h.mpls[0].tc = tc_below; h.mpls[0].bos = bottom; h.mpls[0].ttl = ttl_below; \
  SET_INNER_TYPE(ethertype) }
#define POP_MPLS(ethertype) if (h.mpls[0].isValid()) { h.mpls.pop_front(1); SET_INNER_TYPE(ethertype) }


// A copy of the addresses, the priority of the VLAN tag and the I-SID of a service tag that was there. The customer's frame is
// everything from its addresses on, so what comes after this needs a pass through the parser. OF 1.3.5 §5.12.1
#define PUSH_PBB(ethertype) if (h.eth.isValid()) { \
  bit<3> priority = 0; bit<24> isid_below = 0; \
  if (h.vlan[0].isValid()) { priority = h.vlan[0].pcp; } \
  if (h.pbb.isValid() && L3_VISIBLE) { isid_below = h.pbb.isid; } \
  h.backbone.setValid(); h.backbone.dst = h.eth.dst; h.backbone.src = h.eth.src; h.backbone.type = ethertype; \
  h.backbone.pcp = priority; h.backbone.dei = 0; h.backbone.uca = 0; h.backbone.reserved = 0; h.backbone.isid = isid_below; }
#define POP_PBB \
  if (h.pbb_customer.isValid() && L3_VISIBLE) { \
    h.eth.dst = h.pbb_customer.dst; h.eth.src = h.pbb_customer.src; SET_INNER_TYPE(h.pbb_customer.type) \
    h.pbb.setInvalid(); h.pbb_customer.setInvalid(); }

// The TTL in the second outermost header that has one; OF 1.3.5 §5.12 (change TTL actions). Nothing where there is only one.
#define COPY_TTL_OUT \
  if (h.mpls[0].isValid()) { \
    if (h.mpls[1].isValid()) { h.mpls[0].ttl = h.mpls[1].ttl; } \
    else if (h.mpls[0].bos == 0) { } \
    else if (h.ipv4.isValid()) { h.mpls[0].ttl = h.ipv4.ttl; } else if (h.ipv6.isValid()) { h.mpls[0].ttl = h.ipv6.hop_limit; } \
    else if (h.inner_ipv4.isValid()) { h.mpls[0].ttl = h.inner_ipv4.ttl; } \
    else if (h.inner_ipv6.isValid()) { h.mpls[0].ttl = h.inner_ipv6.hop_limit; } \
  } else if (h.ipv4.isValid()) { \
    if (h.inner_ipv4.isValid()) { h.ipv4.ttl = h.inner_ipv4.ttl; } else if (h.inner_ipv6.isValid()) { h.ipv4.ttl = h.inner_ipv6.hop_limit; } \
  } else if (h.ipv6.isValid()) { \
    if (h.inner_ipv4.isValid()) { h.ipv6.hop_limit = h.inner_ipv4.ttl; } \
    else if (h.inner_ipv6.isValid()) { h.ipv6.hop_limit = h.inner_ipv6.hop_limit; } \
  }
#define INNER_TTL(value) \
  if (h.inner_ipv4.isValid()) { h.inner_ipv4.ttl = value; } else if (h.inner_ipv6.isValid()) { h.inner_ipv6.hop_limit = value; }
#define COPY_TTL_IN \
  if (h.mpls[0].isValid()) { \
    if (h.mpls[1].isValid()) { h.mpls[1].ttl = h.mpls[0].ttl; } \
    else if (h.mpls[0].bos == 0) { } \
    else if (h.ipv4.isValid()) { h.ipv4.ttl = h.mpls[0].ttl; } else if (h.ipv6.isValid()) { h.ipv6.hop_limit = h.mpls[0].ttl; } \
    else { INNER_TTL(h.mpls[0].ttl) } \
  } else if (h.ipv4.isValid() || h.ipv6.isValid()) { \
    bit<8> outer_ttl = h.ipv6.hop_limit; \
    if (h.ipv4.isValid()) { outer_ttl = h.ipv4.ttl; } \
    INNER_TTL(outer_ttl) \
  }

#define STAGE_SIZE 4096
#define PARAM(width, name, oxm) @of[set=oxm] bit<width> name, @of[set_mask=oxm] bit<width> name##_mask

// Keeps the headers that checksums cover as they were before the first rewrite of this pass.
control Originals(inout headers_t h, inout metadata_t m) {
  apply {
    if (m.saved == 0) {
      m.saved = 1;
      h.was_ipv4 = h.ipv4;
      h.was_ipv6 = h.ipv6;
      h.was_tcp = h.tcp;
      h.was_udp = h.udp;
      h.was_sctp = h.sctp;
      h.was_icmp = h.icmp;
      h.was_nd = h.nd;
      h.was_nd_sll = h.nd_sll;
      h.was_nd_tll = h.nd_tll;
      m.was_inner_ttl = h.inner_ipv4.ttl;
      m.was_ip_proto = m.ip_proto;
    }
  }
}

control Rewrite(inout headers_t h, inout metadata_t m) {
  Originals() originals;
  @of_do[ops="pop_vlan"] action pop_vlan() { POP_VLAN }
  @of_do[ops="pop_vlan,pop_vlan"] action pop_vlan_twice() { POP_VLAN POP_VLAN }
  @of_do[ops="push_vlan"] action push_vlan(@of[role="ethertype"] bit<16> tpid) { PUSH_VLAN(tpid) }
  @of_do[ops="pop_vlan,push_vlan"] action replace_vlan(@of[role="ethertype"] bit<16> tpid) { POP_VLAN PUSH_VLAN(tpid) }
  @of_do[ops="push_pbb"] action push_pbb(@of[role="ethertype"] bit<16> ethertype) { PUSH_PBB(ethertype) }
  @of_do[ops="pop_pbb"] action pop_pbb() { POP_PBB }
  @of_do[ops="ensure_vlan"] action ensure_vlan() { if (!h.vlan[0].isValid()) { PUSH_VLAN(0x8100) } }
  @of_stage[index=0]
  table structure {
    key = { m.program: exact @of[role="program"]; }
    actions = { pop_vlan; pop_vlan_twice; push_vlan; replace_vlan; ensure_vlan; push_pbb; pop_pbb; @defaultonly NoAction; }
    size = 256;
    default_action = NoAction();
  }

  @of_do[ops="push_mpls"] action push_mpls(@of[role="ethertype"] bit<16> ethertype) { PUSH_MPLS(ethertype) }
  @of_do[ops="pop_mpls"] action pop_mpls(@of[role="ethertype"] bit<16> ethertype) { POP_MPLS(ethertype) }
  @of_do[ops="copy_ttl_in"] action copy_ttl_in() { COPY_TTL_IN }
  @of_do[ops="copy_ttl_out"] action copy_ttl_out() { COPY_TTL_OUT }
  @of_do[ops="copy_ttl_in,pop_mpls"] action copy_ttl_in_pop_mpls(@of[role="ethertype"] bit<16> ethertype) { COPY_TTL_IN POP_MPLS(ethertype) }
  @of_do action set_type(PARAM(16, type, "eth_type")) { SET_TYPE(type, type_mask) }
  @of_stage[index=1]
  table mpls {
    key = { m.program: exact @of[role="program"]; }
    actions = { push_mpls; pop_mpls; copy_ttl_in; copy_ttl_out; copy_ttl_in_pop_mpls; set_type; @defaultonly NoAction; }
    size = 256;
    default_action = NoAction();
  }

  @of_do action set_eth(PARAM(48, dst, "eth_dst"), PARAM(48, src, "eth_src")) { SET_ETH(dst, dst_mask, src, src_mask) }
  @of_do action set_vlan(PARAM(12, vid, "vlan_vid"), PARAM(3, pcp, "vlan_pcp")) { SET_VLAN(vid, vid_mask, pcp, pcp_mask) }
  @of_do action set_eth_vlan(PARAM(48, dst, "eth_dst"), PARAM(48, src, "eth_src"), PARAM(12, vid, "vlan_vid"), PARAM(3, pcp, "vlan_pcp")) {
    SET_ETH(dst, dst_mask, src, src_mask)
    SET_VLAN(vid, vid_mask, pcp, pcp_mask)
  }
  @of_do action set_l2(PARAM(48, dst, "eth_dst"), PARAM(48, src, "eth_src"), PARAM(12, vid, "vlan_vid"), PARAM(3, pcp, "vlan_pcp"),
                PARAM(20, label, "mpls_label"), PARAM(3, tc, "mpls_tc"), PARAM(1, bos, "mpls_bos"), PARAM(24, isid, "pbb_isid"),
                PARAM(1, uca, "pbb_uca")) {
    SET_ETH(dst, dst_mask, src, src_mask)
    SET_VLAN(vid, vid_mask, pcp, pcp_mask)
    SET_MPLS(label, label_mask, tc, tc_mask, bos, bos_mask)
    SET_PBB(isid, isid_mask, uca, uca_mask)
  }
  @of_stage[index=2]
  table l2 {
    key = { m.program: exact @of[role="program"]; }
    actions = { set_eth; set_vlan; set_eth_vlan; set_l2; @defaultonly NoAction; }
    size = STAGE_SIZE;
    default_action = NoAction();
  }

  @of_do action set_ipv4(PARAM(32, src, "ipv4_src"), PARAM(32, dst, "ipv4_dst"), PARAM(6, dscp, "ip_dscp"), PARAM(2, ecn, "ip_ecn")) {
    SET_IPV4(src, src_mask, dst, dst_mask)
    SET_TOS(dscp, dscp_mask, ecn, ecn_mask)
  }
  @of_do action set_ipv6(PARAM(128, src, "ipv6_src"), PARAM(128, dst, "ipv6_dst"), PARAM(20, flabel, "ipv6_flabel"),
                         PARAM(6, dscp, "ip_dscp"), PARAM(2, ecn, "ip_ecn")) {
    SET_IPV6(src, src_mask, dst, dst_mask, flabel, flabel_mask)
    SET_TOS(dscp, dscp_mask, ecn, ecn_mask)
  }
  @of_do action set_arp(PARAM(16, op, "arp_op"), PARAM(32, spa, "arp_spa"), PARAM(32, tpa, "arp_tpa"),
                        PARAM(48, sha, "arp_sha"), PARAM(48, tha, "arp_tha")) {
    SET_ARP(op, op_mask, spa, spa_mask, tpa, tpa_mask, sha, sha_mask, tha, tha_mask)
  }
  @of_do action set_proto(PARAM(8, proto, "ip_proto")) { SET_PROTO(proto, proto_mask) }
  @of_do action set_l3(PARAM(32, src, "ipv4_src"), PARAM(32, dst, "ipv4_dst"), PARAM(6, dscp, "ip_dscp"), PARAM(2, ecn, "ip_ecn"),
                PARAM(128, src6, "ipv6_src"), PARAM(128, dst6, "ipv6_dst"), PARAM(20, flabel, "ipv6_flabel"),
                PARAM(16, op, "arp_op"), PARAM(32, spa, "arp_spa"), PARAM(32, tpa, "arp_tpa"),
                PARAM(48, sha, "arp_sha"), PARAM(48, tha, "arp_tha"), PARAM(8, proto, "ip_proto")) {
    SET_PROTO(proto, proto_mask)
    SET_IPV4(src, src_mask, dst, dst_mask)
    SET_IPV6(src6, src6_mask, dst6, dst6_mask, flabel, flabel_mask)
    SET_TOS(dscp, dscp_mask, ecn, ecn_mask)
    SET_ARP(op, op_mask, spa, spa_mask, tpa, tpa_mask, sha, sha_mask, tha, tha_mask)
  }
  @of_stage[index=3]
  table l3 {
    key = { m.program: exact @of[role="program"]; }
    actions = { set_ipv4; set_ipv6; set_arp; set_proto; set_l3; @defaultonly NoAction; }
    size = STAGE_SIZE;
    default_action = NoAction();
  }

  @of_do action set_tcp(PARAM(16, src, "tcp_src"), PARAM(16, dst, "tcp_dst")) { SET_TCP(src, src_mask, dst, dst_mask) }
  @of_do action set_udp(PARAM(16, src, "udp_src"), PARAM(16, dst, "udp_dst")) { SET_UDP(src, src_mask, dst, dst_mask) }
  @of_do action set_sctp(PARAM(16, src, "sctp_src"), PARAM(16, dst, "sctp_dst")) { SET_SCTP(src, src_mask, dst, dst_mask) }
  @of_do action set_icmp(PARAM(8, type, "icmpv4_type"), PARAM(8, code, "icmpv4_code")) { SET_ICMPV4(type, type_mask, code, code_mask) }
  @of_do action set_icmp6(PARAM(8, type, "icmpv6_type"), PARAM(8, code, "icmpv6_code"),
                  PARAM(128, target, "ipv6_nd_target"), PARAM(48, sll, "ipv6_nd_sll"), PARAM(48, tll, "ipv6_nd_tll")) {
    SET_ICMPV6(type, type_mask, code, code_mask)
    SET_ND(target, target_mask, sll, sll_mask, tll, tll_mask)
  }
  @of_do action set_l4(PARAM(16, tcp_src, "tcp_src"), PARAM(16, tcp_dst, "tcp_dst"), PARAM(16, udp_src, "udp_src"), PARAM(16, udp_dst, "udp_dst"),
                PARAM(16, sctp_src, "sctp_src"), PARAM(16, sctp_dst, "sctp_dst"), PARAM(8, type, "icmpv4_type"), PARAM(8, code, "icmpv4_code"),
                PARAM(8, type6, "icmpv6_type"), PARAM(8, code6, "icmpv6_code"),
                PARAM(128, target, "ipv6_nd_target"), PARAM(48, sll, "ipv6_nd_sll"), PARAM(48, tll, "ipv6_nd_tll")) {
    SET_TCP(tcp_src, tcp_src_mask, tcp_dst, tcp_dst_mask)
    SET_UDP(udp_src, udp_src_mask, udp_dst, udp_dst_mask)
    SET_SCTP(sctp_src, sctp_src_mask, sctp_dst, sctp_dst_mask)
    SET_ICMPV4(type, type_mask, code, code_mask)
    SET_ICMPV6(type6, type6_mask, code6, code6_mask)
    SET_ND(target, target_mask, sll, sll_mask, tll, tll_mask)
  }
  @of_stage[index=4]
  table l4 {
    key = { m.program: exact @of[role="program"]; }
    actions = { set_tcp; set_udp; set_sctp; set_icmp; set_icmp6; set_l4; @defaultonly NoAction; }
    size = STAGE_SIZE;
    default_action = NoAction();
  }

  @of_do[ops="set_nw_ttl"] action set_ttl(@of[role="ttl"] bit<8> ttl) { SET_TTL(ttl, 8w0xff) }
  @of_do[ops="dec_nw_ttl"] action dec_ttl() { DEC_TTL }
  @of_do[ops="set_mpls_ttl"] action set_mpls_ttl(@of[role="ttl"] bit<8> ttl) { if (h.mpls[0].isValid()) { h.mpls[0].ttl = ttl; } }
  @of_do[ops="dec_mpls_ttl"] action dec_mpls_ttl() { if (h.mpls[0].isValid()) { h.mpls[0].ttl = h.mpls[0].ttl - 1; } }
  @of_stage[index=5]
  table ttl {
    key = { m.program: exact @of[role="program"]; }
    actions = { set_ttl; dec_ttl; set_mpls_ttl; dec_mpls_ttl; @defaultonly NoAction; }
    size = STAGE_SIZE;
    default_action = NoAction();
  }

  @of_do action set_tunnel(PARAM(64, id, "tunnel_id")) { SET_TUNNEL(id, id_mask) }
  @of_stage[index=6]
  table pipeline {
    key = { m.program: exact @of[role="program"]; }
    actions = { set_tunnel; @defaultonly NoAction; }
    size = STAGE_SIZE;
    default_action = NoAction();
  }

  apply {
    if (m.stages[1:1] == 1 || m.stages[5:3] != 0) { originals.apply(h, m); }
    if (m.stages[0:0] == 1) { structure.apply(); }
    if (m.stages[1:1] == 1) { mpls.apply(); }
    if (m.stages[2:2] == 1) { l2.apply(); }
    if (m.stages[5:3] != 0) {
      if (L3_VISIBLE) {
        if (m.stages[3:3] == 1) { l3.apply(); }
        if (m.stages[4:4] == 1) { l4.apply(); }
      }
      if (m.stages[5:5] == 1) { ttl.apply(); }
    }
    if (m.stages[6:6] == 1) { pipeline.apply(); }
    m.stale = 1;
  }
}

// A TTL of 0 or 1 cannot be decremented. OF 1.3.5 §5.12 (change TTL actions)
control TtlCheck(in headers_t h, in bit<2> which, out bool expired) {
  apply {
    expired = false;
    if (which == TTL_MPLS) {
      if (h.mpls[0].isValid()) { expired = h.mpls[0].ttl <= 1; }
    } else if (L3_VISIBLE) {
      if (h.ipv4.isValid()) { expired = h.ipv4.ttl <= 1; }
      else if (h.ipv6.isValid()) { expired = h.ipv6.hop_limit <= 1; }
    }
  }
}
#endif
