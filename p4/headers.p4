// Wire formats. The two controller headers are the packet I/O contract (p4/README.md).
#ifndef HEADERS_P4
#define HEADERS_P4
#include "ids.p4"

#define VLAN_DEPTH 6
#define MPLS_DEPTH 8

@controller_header("packet_in")
header packet_in_h {
  bit<32> in_port;      // OpenFlow port number
  bit<8>  reason;
  bit<8>  table_id;
  bit<16> max_len;      // of the output action; the agent truncates
  bit<32> flow_id;      // of the flow whose action sent it, 0 for a miss
  bit<64> metadata;
  bit<64> tunnel_id;
  bit<8>  instance;
  bit<32> actset_output; // of egress processing, 0 = of ingress processing
}

@controller_header("packet_out")
header packet_out_h {
  bit<8>  kind;         // PACKET_OUT_*
  bit<32> value;        // target port, or group id
  bit<32> in_port;      // OpenFlow port number
  bit<16> in_port_hw;   // the same as a port of this program; 0 for none
  bit<64> tunnel_id;
  bit<8>  instance;
  bit<32> misses;       // as the parameter of that name of a port
}

#define PACKET_OUT_BYTES 24

header ethernet_h { bit<48> dst; bit<48> src; bit<16> type; }
header vlan_h { bit<3> pcp; bit<1> dei; bit<12> vid; bit<16> type; }
header mpls_h { bit<20> label; bit<3> tc; bit<1> bos; bit<8> ttl; }
// I-TAG of IEEE 802.1ah, and what follows it: the customer's frame
header pbb_h { bit<3> pcp; bit<1> dei; bit<1> uca; bit<3> reserved; bit<24> isid; }
header pbb_customer_h { bit<48> dst; bit<48> src; bit<16> type; }
// what push_pbb puts before a frame
header backbone_h { bit<48> dst; bit<48> src; bit<16> type; bit<3> pcp; bit<1> dei; bit<1> uca; bit<3> reserved; bit<24> isid; }
header snap_h { bit<48> prefix; bit<16> type; }   // LLC AA-AA-03, OUI 00-00-00
header arp_h {
  bit<16> htype; bit<16> ptype; bit<8> hlen; bit<8> plen; bit<16> op;
  bit<48> sha; bit<32> spa; bit<48> tha; bit<32> tpa;
}
header ipv4_h {
  bit<4> version; bit<4> ihl; bit<6> dscp; bit<2> ecn; bit<16> length;
  bit<16> id; bit<3> flags; bit<13> fragment;
  bit<8> ttl; bit<8> proto; bit<16> checksum; bit<32> src; bit<32> dst;
}
header ipv4_options_h { varbit<320> data; }
header ipv6_h {
  bit<4> version; bit<6> dscp; bit<2> ecn; bit<20> flabel; bit<16> length; bit<8> next; bit<8> hop_limit;
  bit<128> src; bit<128> dst;
}
header ipv6_extension_h { bit<8> next; bit<8> length; varbit<16368> data; }
header tcp_h {
  bit<16> src; bit<16> dst; bit<32> seq; bit<32> ack; bit<16> flags; bit<16> window; bit<16> checksum; bit<16> urgent;
}
header udp_h { bit<16> src; bit<16> dst; bit<16> length; bit<16> checksum; }
header sctp_h { bit<16> src; bit<16> dst; bit<32> tag; bit<32> checksum; }
header icmp_h { bit<8> type; bit<8> code; bit<16> checksum; }
header nd_h { bit<32> reserved; bit<128> target; }
header nd_option_h { bit<8> type; bit<8> length; bit<48> address; }
header nd_other_option_h { bit<8> type; bit<8> length; varbit<16368> data; }

struct headers_t {
  packet_in_h packet_in;
  packet_out_h packet_out;
  backbone_h backbone;  // only between push_pbb and the next pass
  ethernet_h eth;
  vlan_h[VLAN_DEPTH] vlan;
  mpls_h[MPLS_DEPTH] mpls;
  pbb_h pbb;
  pbb_customer_h pbb_customer;
  snap_h snap;
  arp_h arp;
  ipv4_h ipv4;
  ipv4_options_h ipv4_options;
  ipv6_h ipv6;
  ipv6_extension_h ipv6_extension0;
  ipv6_extension_h ipv6_extension1;
  ipv6_extension_h ipv6_extension2;
  ipv6_extension_h ipv6_extension3;
  ipv6_extension_h ipv6_extension4;
  ipv4_h inner_ipv4;  // behind the bottom label, or in an IP packet: only its TTL matters (copy_ttl_in, copy_ttl_out)
  ipv6_h inner_ipv6;
  tcp_h tcp;
  udp_h udp;
  sctp_h sctp;
  icmp_h icmp;        // ICMPv4 and ICMPv6 share the first four bytes
  nd_h nd;
  nd_other_option_h nd_other0; // what comes before the option that OpenFlow knows
  nd_other_option_h nd_other1;
  nd_option_h nd_sll; // of a neighbour solicitation, type 1
  nd_option_h nd_tll; // of a neighbour advertisement, type 2
  // as they were before the first rewrite; never emitted (checksum.p4)
  ipv4_h was_ipv4;
  ipv6_h was_ipv6;
  tcp_h was_tcp;
  udp_h was_udp;
  sctp_h was_sctp;
  icmp_h was_icmp;
  nd_h was_nd;
  nd_option_h was_nd_sll;
  nd_option_h was_nd_tll;
}
#endif
