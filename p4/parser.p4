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
  state from_controller { packet.extract(h.packet_out); transition ethernet; }
  state ethernet {
    packet.extract(h.eth);
    m.eth_type = h.eth.type;
    transition select(h.eth.type) {
      0x8100: vlan; 0x88a8: vlan; 0x8847: mpls; 0x8848: mpls;
      0x0800: ipv4; 0x86dd: ipv6; 0x0806: arp;
      default: accept;
    }
  }
  state vlan {
    packet.extract(h.vlan.next);
    m.eth_type = h.vlan.last.type;
    transition select(h.vlan.last.type) {
      0x8100: vlan; 0x88a8: vlan; 0x8847: mpls; 0x8848: mpls;
      0x0800: ipv4; 0x86dd: ipv6; 0x0806: arp;
      default: accept;
    }
  }
  state mpls {
    packet.extract(h.mpls.next);
    transition select(h.mpls.last.bos) { 0: mpls; default: accept; }
  }
  state arp {
    // htype, ptype, hlen, plen: only Ethernet over IPv4 has the layout below
    transition select(packet.lookahead<bit<48>>()) { 0x000108000604: arp_ipv4; default: accept; }
  }
  state arp_ipv4 { packet.extract(h.arp); transition accept; }
  state ipv4 {
    transition select(packet.lookahead<bit<8>>()[3:0]) {
      0 &&& 0xc: accept; 4: accept;     // ihl below 5 is no IPv4 header
      5: ipv4_plain;
      default: ipv4_with_options;
    }
  }
  state ipv4_plain { packet.extract(h.ipv4); transition ipv4_payload; }
  state ipv4_with_options {
    packet.extract(h.ipv4);
    packet.extract(h.ipv4_options, ((bit<32>)h.ipv4.ihl - 5) << 5);
    transition ipv4_payload;
  }
  state ipv4_payload {
    transition select(h.ipv4.fragment, h.ipv4.proto) {
      (0, 1): icmp; (0, 6): tcp; (0, 17): udp; (0, 132): sctp;
      default: accept;                  // later fragments have no transport header
    }
  }
  state ipv6 {
    packet.extract(h.ipv6);
    transition select(h.ipv6.next) { 58: icmpv6; 6: tcp; 17: udp; 132: sctp; default: accept; }
  }
  state tcp { packet.extract(h.tcp); transition accept; }
  state udp { packet.extract(h.udp); transition accept; }
  state sctp { packet.extract(h.sctp); transition accept; }
  state icmp { packet.extract(h.icmp); transition accept; }
  state icmpv6 {
    packet.extract(h.icmp);
    transition select(h.icmp.type, h.icmp.code) { (135, 0): nd; (136, 0): nd; default: accept; }
  }
  state nd {
    packet.extract(h.nd);
    transition select(h.icmp.type, packet.lookahead<bit<16>>()) {
      (135, 0x0101): nd_sll; (136, 0x0201): nd_tll;
      default: accept;
    }
  }
  state nd_sll { packet.extract(h.nd_sll); transition accept; }
  state nd_tll { packet.extract(h.nd_tll); transition accept; }
}

control PacketDeparser(packet_out packet, in headers_t h) {
  apply {
    packet.emit(h.packet_in);
    packet.emit(h.eth);
    packet.emit(h.vlan);
    packet.emit(h.mpls);
    packet.emit(h.arp);
    packet.emit(h.ipv4);
    packet.emit(h.ipv4_options);
    packet.emit(h.ipv6);
    packet.emit(h.tcp);
    packet.emit(h.udp);
    packet.emit(h.sctp);
    packet.emit(h.icmp);
    packet.emit(h.nd);
    packet.emit(h.nd_sll);
    packet.emit(h.nd_tll);
  }
}
#endif
