// Per-packet state. What is marked @field_list(1) survives a continuation (recirculate_preserving_field_list); what is marked
// @field_list(2), and no more, goes with a copy that begins egress processing.
#ifndef METADATA_P4
#define METADATA_P4
#include "ids.p4"

// Slots of the action set for fields: width, name, OXM field(s) it stands for. One list declares, clears, writes and
// executes them. A slot is the bits to write and the mask of those that are set. OF 1.3.5 §5.10
#define FOR_ALL_SLOTS(X) \
  X(8, ttl, "nw_ttl") X(8, mpls_ttl, "mpls_ttl") \
  X(48, eth_dst, "eth_dst") X(48, eth_src, "eth_src") \
  X(12, vlan_vid, "vlan_vid") X(3, vlan_pcp, "vlan_pcp") \
  X(24, pbb_isid, "pbb_isid") X(1, pbb_uca, "pbb_uca") X(64, tunnel_id, "tunnel_id") \
  X(20, mpls_label, "mpls_label") X(3, mpls_tc, "mpls_tc") X(1, mpls_bos, "mpls_bos") \
  X(6, ip_dscp, "ip_dscp") X(2, ip_ecn, "ip_ecn") \
  X(32, ipv4_src, "ipv4_src") X(32, ipv4_dst, "ipv4_dst") \
  X(128, ipv6_src, "ipv6_src") X(128, ipv6_dst, "ipv6_dst") X(20, ipv6_flabel, "ipv6_flabel") \
  X(16, tcp_src, "tcp_src") X(16, tcp_dst, "tcp_dst") X(16, udp_src, "udp_src") X(16, udp_dst, "udp_dst") \
  X(16, sctp_src, "sctp_src") X(16, sctp_dst, "sctp_dst") \
  X(8, icmpv4_type, "icmpv4_type") X(8, icmpv4_code, "icmpv4_code") X(8, icmpv6_type, "icmpv6_type") X(8, icmpv6_code, "icmpv6_code") \
  X(16, arp_op, "arp_op") X(32, arp_spa, "arp_spa") X(32, arp_tpa, "arp_tpa") \
  X(48, arp_sha, "arp_sha") X(48, arp_tha, "arp_tha") \
  X(128, nd_target, "ipv6_nd_target") X(48, nd_sll, "ipv6_nd_sll") X(48, nd_tll, "ipv6_nd_tll") \
  X(8, ip_proto, "ip_proto") X(16, eth_type, "eth_type")

#define DECLARE_SLOT(width, name, oxm) @field_list(1) bit<width> name; @field_list(1) bit<width> name##_mask;

struct action_set_t {
  @field_list(1) bit<1>  present;
  @field_list(1) bit<1>  pop_vlan;
  @field_list(1) bit<16> pop_mpls;      // ethertype, 0 = none; so are those of the pushes
  @field_list(1) bit<1>  pop_pbb;
  @field_list(1) bit<16> push_mpls;
  @field_list(1) bit<16> push_pbb;
  @field_list(1) bit<16> push_vlan;
  @field_list(1) bit<1>  copy_ttl_in;
  @field_list(1) bit<1>  copy_ttl_out;
  @field_list(1) bit<1>  dec_ttl;
  @field_list(1) bit<1>  dec_mpls_ttl;
  FOR_ALL_SLOTS(DECLARE_SLOT)
  @field_list(1) port_t  port;          // output, in one of four forms (see emission_t)
  @field_list(1) bit<16> multicast;
  @field_list(1) bit<1>  to_in_port;
  @field_list(1) bit<1>  normal;
  @field_list(1) bit<16> max_len;
  @field_list(1) bit<32> group;         // wins over output, OF 1.3.5 §5.10
}

// Where the packet leaves this pass: at most one of port, multicast, to_in_port, normal and group.
struct emission_t {
  @field_list(1) port_t  port;
  @field_list(1) bit<16> multicast;
  @field_list(1) bit<1>  to_in_port;
  @field_list(1) bit<1>  normal;        // as a learning switch does, normal.p4
  @field_list(1) bit<32> group;
  @field_list(1) bit<16> max_len;       // when port is the CPU port
}

// The bits that the twin of a flow table looks at, the others 0 (twin.p4).
struct twin_t {
  bit<1>   on;
  bit<32>  in_port;
  bit<64>  metadata;
  bit<64>  tunnel_id;
  bit<48>  eth_dst;
  bit<48>  eth_src;
  bit<16>  eth_type;
  bit<13>  vlan_vid;
  bit<8>   ip_proto;
  bit<128> net_src;                     // of IPv6, IPv4 or ARP
  bit<128> net_dst;
  bit<16>  l4_src;
  bit<16>  l4_dst;
  bit<20>  mpls_label;
}

struct metadata_t {
  @field_list(1, 2) bit<8>  instance;      // which OpenFlow switch the packet is in; it never leaves it
  // OpenFlow pipeline fields
  @field_list(1, 2) bit<32> in_port;       // OpenFlow number
  @field_list(1, 2) bit<64> metadata;
  @field_list(1, 2) bit<64> tunnel_id;
  @field_list(1, 2) port_t  in_port_hw;    // the same as a port of this program
  @field_list(1, 2) bit<1>  no_packet_in;  // OFPPC_NO_PACKET_IN of the ingress port
  @field_list(1) bit<32> misses;        // what becomes of a packet that no flow matches: MISS_*, two bits for each table
  @field_list(1) bit<32> actset_output; // egress processing: the OpenFlow number of the port, PORT_UNSET when the action set was cleared
  @field_list(1, 2) bit<2> egress;      // how often the packet has begun egress processing
  @field_list(2) port_t  egress_port;   // the port of this program that the pass to come is for
  // where the pass starts and how it goes on
  @field_list(1, 2) bit<8>  next_table;
  @field_list(1) bit<16> continuation;  // key of the continuation table, 0 = none
  @field_list(1, 2) bit<2>  resume;        // RESUME_*
  @field_list(1, 2) bit<16> passes;
  @field_list(1) bit<32> for_group;     // the next pass gives the packet to this group
  // what a packet-in says
  @field_list(1) bit<8>  table_id;
  @field_list(1) bit<32> flow_id;
  @field_list(1) bit<8>  reason;
  @field_list(1) bit<1>  in_group;      // a bucket sends it
  @field_list(1) bit<64> packet_in_metadata; // before this table's write-metadata
  @field_list(1) bit<32> packet_in_output;   // actset_output before this table's clear-actions
  // action set and emission
  @field_list(1) action_set_t set;
  @field_list(1) emission_t emission;

  bit<1>    done;                       // nothing more happens in this pass
  program_t program;
  stages_t  stages;
  bit<1>    clear;                      // clear-actions
  bit<16>   write;                      // key of the write table of this flow table, 0 = no write-actions
  bit<32>   meter;                      // meter of the flow, 0 = none (meters.p4)
  bit<2>    ttl_check;                  // TTL_*: the program decrements this one
  program_t ttl_program;                // runs in its place when the TTL has run out
  stages_t  ttl_stages;
  bit<1>    in_port_allowed;            // egress: this copy may leave where it came in
  bit<1>    leaves;                     // egress processing is over, and this is what it sends
  // match fields that several headers share; recomputed when `stale`
  bit<1>    stale;
  bit<16>   eth_type;                   // after all VLAN tags, OF 1.3.5 §7.2.3.7; set by the parser
  bit<13>   vlan_vid;                   // OFPVID_PRESENT | VID, 0 = no tag
  bit<3>    vlan_pcp;
  bit<20>   mpls_label;
  bit<3>    mpls_tc;
  bit<1>    mpls_bos;
  bit<6>    ip_dscp;
  bit<2>    ip_ecn;
  bit<8>    ip_proto;                   // behind the extension headers of IPv6; set by the parser
  bit<16>   l4_src;
  bit<16>   l4_dst;
  bit<8>    icmp_type;
  bit<8>    icmp_code;
  bit<16>   extensions;                 // of IPv6: OFPIEH_* and EXTENSION_* bits; set by the parser
  bit<1>    fragment;                   // any fragment, the first included; set by the parser
  bit<16>   l4_length;                  // bytes of the transport segment; set by the parser
  bit<16>   left;                       // bytes of the frame from the network layer on; set by the parser
  bit<1>    fits;                       // parser: the lengths of the header to come agree with what there is
  bit<1>    segments_left;              // a routing header has still to change the destination; set by the parser
  bit<1>    unparsed;                   // a label was pushed in front of what the parser did not take for the IP header that it looks like below one
  bit<1>    overflow;                   // a push found no room: the packet is dropped, not sent without its innermost header
  bit<1>    saved;                      // the was_* headers hold what arrived
  bit<8>    was_inner_ttl;
  bit<8>    was_ip_proto;
  twin_t    twin;
}

// Bits of `extensions`: the low nine are OXM_OF_IPV6_EXTHDR (OF 1.3.5 §7.2.3.7), the others help to find repetition and order.
#define EXTHDR_NONEXT 16w0x001
#define EXTHDR_ESP    16w0x002
#define EXTHDR_AUTH   16w0x004
#define EXTHDR_DEST   16w0x008
#define EXTHDR_FRAG   16w0x010
#define EXTHDR_ROUTER 16w0x020
#define EXTHDR_HOP    16w0x040
#define EXTHDR_UNREP  16w0x080
#define EXTHDR_UNSEQ  16w0x100
#define EXTENSION_HOP      16w0x200   // hop-by-hop options, wherever they stood
#define EXTENSION_DEST_TWO 16w0x400   // a second header of destination options
#define EXTENSION_DEST_END 16w0x800   // destination options behind routing, fragment or authentication: nothing may follow

#define CLEAR_EMISSION \
  m.emission.port = 0; m.emission.multicast = 0; m.emission.to_in_port = 0; m.emission.normal = 0; m.emission.group = 0;

#define RESUME_TABLES 0
#define RESUME_EMISSION 1
#define RESUME_EGRESS 2
#endif
