// Parses as far as a frame goes; what follows is payload. A short or mislabelled frame is not dropped: headers that do
// not fit are simply not valid.
#ifndef PARSER_P4
#define PARSER_P4
#include "headers.p4"
#include "metadata.p4"

parser PacketParser(packet_in packet, out headers_t h, inout metadata_t m, inout standard_metadata_t s) {
  state start {
    transition select(s.ingress_port) {
      CPU_PORT: from_controller;
      default: ethernet;
    }
  }
  // The header of a packet-out is not part of the frame.
  state from_controller { packet.extract(h.packet_out); m.left = 65536 - PACKET_OUT_BYTES; transition ethernet; }
  state ethernet {
    packet.extract(h.eth);
    m.left = m.left + (bit<16>)s.packet_length - 14;
    m.eth_type = h.eth.type;
    transition select(h.eth.type) {
      0x8100: vlan; 0x88a8: vlan; 0x8847: mpls; 0x8848: mpls;
      0x0800: ipv4; 0x86dd: ipv6; 0x0806: arp; 0x88e7: pbb;
      0x0000 &&& 0xfc00: llc; 0x0400 &&& 0xfe00: llc;
      default: accept;
    }
  }
  state vlan {
    packet.extract(h.vlan.next);
    m.left = m.left - 4;
    m.eth_type = h.vlan.last.type;
    transition select(h.vlan.last.type) {
      0x8100: vlan; 0x88a8: vlan; 0x8847: mpls; 0x8848: mpls;
      0x0800: ipv4; 0x86dd: ipv6; 0x0806: arp; 0x88e7: pbb;
      0x0000 &&& 0xfc00: llc; 0x0400 &&& 0xfe00: llc;
      default: accept;
    }
  }
  // 802.3 length below 0x600: with LLC and SNAP the type is in there, otherwise there is none. OF 1.0 §3.4
  state llc {
    m.eth_type = 0x05ff;
    transition select(packet.lookahead<bit<48>>()) { 0xaaaa03000000: snap; default: accept; }
  }
  state snap {
    packet.extract(h.snap);
    transition select(h.snap.type) { 0x0000 &&& 0xfc00: accept; 0x0400 &&& 0xfe00: accept; default: snap_type; }
  }
  state snap_type {
    m.left = m.left - 8;
    m.eth_type = h.snap.type;
    transition select(h.snap.type) { 0x8847: mpls; 0x8848: mpls; 0x0800: ipv4; 0x86dd: ipv6; 0x0806: arp; 0x88e7: pbb; default: accept; }
  }
  // Three labels are enough for what actions look at; deeper ones are payload, which leaves room to push more.
  state mpls { packet.extract(h.mpls.next); transition select(h.mpls.last.bos) { 0: mpls_second; default: inner; } }
  state mpls_second { packet.extract(h.mpls.next); transition select(h.mpls.last.bos) { 0: mpls_third; default: inner; } }
  state mpls_third { packet.extract(h.mpls.next); transition accept; }
  // The label stack does not say what is behind it; for copying a TTL the version tells an IP header well enough.
  state inner {
    transition select(packet.lookahead<bit<4>>()) { 4: inner_ipv4; 6: inner_ipv6; default: accept; }
  }
  state inner_ipv4 { packet.extract(h.inner_ipv4); transition accept; }
  state inner_ipv6 { packet.extract(h.inner_ipv6); transition accept; }
  state pbb { packet.extract(h.pbb); transition pbb_customer; }
  state pbb_customer { packet.extract(h.pbb_customer); transition accept; }
  state arp {
    // htype, ptype, hlen, plen: only Ethernet over IPv4 has the layout below
    transition select(packet.lookahead<bit<48>>()) { 0x000108000604: arp_ipv4; default: accept; }
  }
  state arp_ipv4 { packet.extract(h.arp); transition accept; }
  state ipv4 {
    // As in Open vSwitch: a header, and a packet, that are whole; otherwise nothing of it can be seen.
    bit<32> head = packet.lookahead<bit<32>>();
    bit<16> ihl = 12w0 ++ head[27:24];
    m.fits = (ihl >= 5 && (ihl << 2) <= head[15:0] && head[15:0] <= m.left) ? 1w1 : 1w0;
    transition select(m.fits, ihl) { (0, _): accept; (1, 5): ipv4_plain; default: ipv4_with_options; }
  }
  state ipv4_plain { packet.extract(h.ipv4); transition ipv4_payload; }
  state ipv4_with_options {
    packet.extract(h.ipv4);
    packet.extract(h.ipv4_options, ((bit<32>)h.ipv4.ihl - 5) << 5);
    transition ipv4_payload;
  }
  state ipv4_payload {
    m.ip_proto = h.ipv4.proto;
    m.l4_length = h.ipv4.length - ((bit<16>)h.ipv4.ihl << 2);
    transition select(h.ipv4.flags, h.ipv4.fragment) { (0 &&& 1, 0): ipv4_transport; default: ipv4_fragment; }
  }
  state ipv4_fragment { m.fragment = 1; transition ipv4_transport; }
  state ipv4_transport {
    transition select(h.ipv4.fragment, h.ipv4.proto) {
      (0, 1): icmp; (0, 6): tcp; (0, 17): udp; (0, 132): sctp; (0, 4): inner; (0, 41): inner;
      default: accept;                  // later fragments have no transport header
    }
  }
  state ipv6 {
    bit<48> head = packet.lookahead<bit<48>>();
    m.fits = (m.left >= 40 && head[15:0] <= m.left - 40) ? 1w1 : 1w0;
    transition select(m.fits) { 0: accept; default: ipv6_whole; }
  }
  state ipv6_whole {
    packet.extract(h.ipv6);
    m.ip_proto = h.ipv6.next;
    m.l4_length = h.ipv6.length;
    transition ipv6_next0;
  }
  // A chain of up to five extension headers; a later fragment has no transport header and reads as protocol 44, as in Open vSwitch.
  // Each header notes itself, whether it came before, and whether one that belongs behind it came before. RFC 8200 §4.1
#define SEEN(bits) ((m.extensions & (bits)) != 0)
#define NOTE_EXTENSION(self, repeated, misplaced) \
    m.extensions = m.extensions | (self) | (SEEN(repeated) ? EXTHDR_UNREP : 16w0) | (SEEN(misplaced) ? EXTHDR_UNSEQ : 16w0);
// A header that does not fit leaves nothing for the transport.
#define LESS(bytes) m.l4_length = m.l4_length |-| (bytes);
#define EXTENSION(n, after) \
  state ipv6_next##n { \
    transition select(m.ip_proto) { \
      0: ipv6_hop##n; 43: ipv6_routing##n; 60: ipv6_destination##n; 51: ipv6_ah##n; 44: ipv6_fragment##n; default: ipv6_payload; } \
  } \
  state ipv6_hop##n { \
    NOTE_EXTENSION(EXTENSION_HOP | (m.extensions == 0 ? EXTHDR_HOP : 16w0), EXTENSION_HOP, EXTHDR_DEST | EXTHDR_ROUTER | EXTHDR_FRAG | EXTHDR_AUTH) \
    transition ipv6_options##n; \
  } \
  state ipv6_routing##n { \
    NOTE_EXTENSION(EXTHDR_ROUTER, EXTHDR_ROUTER, EXTHDR_FRAG | EXTHDR_AUTH | EXTENSION_DEST_END) \
    m.segments_left = packet.lookahead<bit<32>>()[7:0] != 0 ? 1w1 : m.segments_left; \
    transition ipv6_options##n; \
  } \
  state ipv6_destination##n { \
    NOTE_EXTENSION(EXTHDR_DEST | (SEEN(EXTHDR_DEST) ? EXTENSION_DEST_TWO : 16w0) \
        | (SEEN(EXTHDR_ROUTER | EXTHDR_FRAG | EXTHDR_AUTH) ? EXTENSION_DEST_END : 16w0), EXTENSION_DEST_TWO, 0) \
    transition ipv6_options##n; \
  } \
  state ipv6_options##n { \
    bit<8> length = packet.lookahead<bit<16>>()[7:0]; \
    packet.extract(h.ipv6_extension##n, ((bit<32>)length << 6) + 48); \
    LESS(((bit<16>)length << 3) + 8) \
    m.ip_proto = h.ipv6_extension##n.next; \
    transition after; \
  } \
  state ipv6_ah##n { \
    NOTE_EXTENSION(EXTHDR_AUTH, EXTHDR_AUTH, EXTENSION_DEST_END) \
    bit<8> length = packet.lookahead<bit<16>>()[7:0]; \
    packet.extract(h.ipv6_extension##n, ((bit<32>)length << 5) + 48); \
    LESS(((bit<16>)length << 2) + 8) \
    m.ip_proto = h.ipv6_extension##n.next; \
    transition after; \
  } \
  state ipv6_fragment##n { \
    NOTE_EXTENSION(EXTHDR_FRAG, EXTHDR_FRAG, EXTHDR_AUTH | EXTENSION_DEST_END) \
    transition select(packet.lookahead<bit<32>>()[15:0]) { \
      0 &&& 0xfff9: ipv6_whole_fragment##n; 1 &&& 0xfff9: ipv6_first_fragment##n; default: ipv6_later_fragment; } \
  } \
  state ipv6_first_fragment##n { m.fragment = 1; transition ipv6_whole_fragment##n; } \
  state ipv6_whole_fragment##n { \
    packet.extract(h.ipv6_extension##n, 48); \
    LESS(8) \
    m.ip_proto = h.ipv6_extension##n.next; \
    transition after; \
  }
  state ipv6_later_fragment { m.fragment = 1; transition accept; }
  EXTENSION(0, ipv6_next1)
  EXTENSION(1, ipv6_next2)
  EXTENSION(2, ipv6_next3)
  EXTENSION(3, ipv6_next4)
  EXTENSION(4, ipv6_payload)
  state ipv6_payload {
    transition select(m.ip_proto) {
      58: icmpv6; 6: tcp; 17: udp; 132: sctp; 4: inner; 41: inner; 50: ipv6_esp; 59: ipv6_no_next; default: accept; }
  }
  state ipv6_esp { NOTE_EXTENSION(EXTHDR_ESP, 0, EXTENSION_DEST_END) transition accept; }
  state ipv6_no_next { m.extensions = m.extensions | EXTHDR_NONEXT; transition accept; }
  // A transport header is there if all of it is.
  state tcp {
    bit<16> words = 12w0 ++ packet.lookahead<bit<104>>()[7:4];
    m.fits = (words >= 5 && (words << 2) <= m.l4_length) ? 1w1 : 1w0;
    transition select(m.fits) { 0: accept; default: tcp_whole; }
  }
  state tcp_whole { packet.extract(h.tcp); transition accept; }
  state udp { m.fits = m.l4_length >= 8 ? 1w1 : 1w0; transition select(m.fits) { 0: accept; default: udp_whole; } }
  state udp_whole { packet.extract(h.udp); transition accept; }
  state sctp { m.fits = m.l4_length >= 12 ? 1w1 : 1w0; transition select(m.fits) { 0: accept; default: sctp_whole; } }
  state sctp_whole { packet.extract(h.sctp); transition accept; }
  state icmp { m.fits = m.l4_length >= 8 ? 1w1 : 1w0; transition select(m.fits) { 0: accept; default: icmp_whole; } }
  state icmp_whole { packet.extract(h.icmp); transition accept; }
  state icmpv6 { m.fits = m.l4_length >= 8 ? 1w1 : 1w0; transition select(m.fits) { 0: accept; default: icmpv6_whole; } }
  state icmpv6_whole {
    packet.extract(h.icmp);
    transition select(h.icmp.type, h.icmp.code) { (135, 0): nd; (136, 0): nd; default: accept; }
  }
  state nd { m.fits = m.l4_length >= 24 ? 1w1 : 1w0; transition select(m.fits) { 0: accept; default: nd_whole; } }
  state nd_whole {
    packet.extract(h.nd);
    transition nd_options0;
  }
#define ND_OPTION(n, after) \
  state nd_options##n { \
    transition select(h.icmp.type, packet.lookahead<bit<16>>()) { \
      (135, 0x0101): nd_sll; (136, 0x0201): nd_tll; (_, 0x0000 &&& 0x00ff): accept; default: nd_other##n; } \
  } \
  state nd_other##n { \
    bit<8> length = packet.lookahead<bit<16>>()[7:0]; \
    packet.extract(h.nd_other##n, ((bit<32>)length << 6) - 16); \
    transition after; \
  }
  ND_OPTION(0, nd_options1)
  ND_OPTION(1, nd_options2)
  state nd_options2 {
    transition select(h.icmp.type, packet.lookahead<bit<16>>()) { (135, 0x0101): nd_sll; (136, 0x0201): nd_tll; default: accept; }
  }
  state nd_sll { packet.extract(h.nd_sll); transition accept; }
  state nd_tll { packet.extract(h.nd_tll); transition accept; }
}

control PacketDeparser(packet_out packet, in headers_t h) {
  apply {
    packet.emit(h.packet_in);
    packet.emit(h.backbone);
    packet.emit(h.eth);
    packet.emit(h.vlan);
    packet.emit(h.snap);
    packet.emit(h.mpls);
    packet.emit(h.pbb);
    packet.emit(h.pbb_customer);
    packet.emit(h.arp);
    packet.emit(h.ipv4);
    packet.emit(h.ipv4_options);
    packet.emit(h.ipv6);
    packet.emit(h.ipv6_extension0);
    packet.emit(h.ipv6_extension1);
    packet.emit(h.ipv6_extension2);
    packet.emit(h.ipv6_extension3);
    packet.emit(h.ipv6_extension4);
    packet.emit(h.inner_ipv4);
    packet.emit(h.inner_ipv6);
    packet.emit(h.tcp);
    packet.emit(h.udp);
    packet.emit(h.sctp);
    packet.emit(h.icmp);
    packet.emit(h.nd);
    packet.emit(h.nd_other0);
    packet.emit(h.nd_other1);
    packet.emit(h.nd_sll);
    packet.emit(h.nd_tll);
  }
}
#endif
