// Adjusts the checksums for what the rewrites have changed (RFC 1624, equation 3), so that a wrong checksum stays wrong
// and a fragment's stays right, as in Open vSwitch. v1model's own checksum controls recompute and are not used.
#ifndef CHECKSUM_P4
#define CHECKSUM_P4
#include "headers.p4"
#include "metadata.p4"
#include "crc32c.p4"

#define SUM16(o, n) ((bit<32>)(~(o)) + (bit<32>)(n))
#define SUM32(o, n) SUM16(o[31:16], n[31:16]) + SUM16(o[15:0], n[15:0])
#define SUM48(o, n) SUM16(o[47:32], n[47:32]) + SUM32(o, n)
#define SUM128(o, n) SUM32(o[127:96], n[127:96]) + SUM32(o[95:64], n[95:64]) + SUM32(o[63:32], n[63:32]) + SUM32(o, n)
// A field that keeps its value leaves the checksum as it is, to the bit: ones' complement has two zeros.
#define CHANGED(sum, was, is, SUM) if (was != is) { sum = sum + SUM(was, is); }

#define FOLD(sum) sum = (sum & 0xffff) + (sum >> 16);
#define ADJUST(checksum, delta) { bit<32> sum = (bit<32>)(~checksum) + delta; FOLD(sum) FOLD(sum) FOLD(sum) checksum = ~sum[15:0]; }

control Checksums(inout headers_t h, in metadata_t m) {
  SctpChecksum() sctp;
  bit<32> network = 0;   // IPv4 header checksum
  bit<32> pseudo = 0;   // TCP, UDP and ICMPv6: what the pseudo header contributes
  bit<32> own = 0;      // TCP, UDP, ICMP and ICMPv6: their own fields
  apply {
    if (m.saved == 1) {
      if (h.inner_ipv4.isValid()) {
        bit<32> inner = 0;
        bit<16> was_inner = m.was_inner_ttl ++ h.inner_ipv4.proto;
        bit<16> is_inner = h.inner_ipv4.ttl ++ h.inner_ipv4.proto;
        CHANGED(inner, was_inner, is_inner, SUM16)
        if (inner != 0) { ADJUST(h.inner_ipv4.checksum, inner) }
      }
      if (h.was_ipv4.isValid() && h.ipv4.isValid()) {
        CHANGED(pseudo, h.was_ipv4.src, h.ipv4.src, SUM32)
        CHANGED(pseudo, h.was_ipv4.dst, h.ipv4.dst, SUM32)
        network = pseudo;
        bit<16> was_tos = 8w0 ++ h.was_ipv4.dscp ++ h.was_ipv4.ecn;
        bit<16> tos = 8w0 ++ h.ipv4.dscp ++ h.ipv4.ecn;
        CHANGED(network, was_tos, tos, SUM16)
        bit<16> was_ttl = h.was_ipv4.ttl ++ h.was_ipv4.proto;
        bit<16> ttl = h.ipv4.ttl ++ h.ipv4.proto;
        CHANGED(network, was_ttl, ttl, SUM16)
        if (network != 0) { ADJUST(h.ipv4.checksum, network) }
      } else if (h.was_ipv6.isValid() && h.ipv6.isValid()) {
        CHANGED(pseudo, h.was_ipv6.src, h.ipv6.src, SUM128)
        // The pseudo header has the final destination, which a routing header may hold. RFC 8200 §8.1
        if (m.segments_left == 0) { CHANGED(pseudo, h.was_ipv6.dst, h.ipv6.dst, SUM128) }
      }
      // The protocol number is part of the pseudo header, but not of ICMP for IPv4, which has none.
      bit<16> was_protocol = 8w0 ++ m.was_ip_proto;
      bit<16> protocol = 8w0 ++ m.ip_proto;
      CHANGED(pseudo, was_protocol, protocol, SUM16)
      if (h.tcp.isValid()) {
        CHANGED(own, h.was_tcp.src, h.tcp.src, SUM16)
        CHANGED(own, h.was_tcp.dst, h.tcp.dst, SUM16)
        own = own + pseudo;
        if (own != 0) { ADJUST(h.tcp.checksum, own) }
      } else if (h.udp.isValid()) {
        CHANGED(own, h.was_udp.src, h.udp.src, SUM16)
        CHANGED(own, h.was_udp.dst, h.udp.dst, SUM16)
        own = own + pseudo;
        // Zero means that there is no checksum; a sum of zero is sent as all ones. RFC 768
        if (own != 0 && h.udp.checksum != 0) {
          ADJUST(h.udp.checksum, own)
          if (h.udp.checksum == 0) { h.udp.checksum = 0xffff; }
        }
      } else if (h.sctp.isValid()) {
        sctp.apply(h, m);
      } else if (h.icmp.isValid()) {
        bit<16> was_icmp = h.was_icmp.type ++ h.was_icmp.code;
        bit<16> icmp = h.icmp.type ++ h.icmp.code;
        CHANGED(own, was_icmp, icmp, SUM16)
        if (h.ipv6.isValid()) {
          if (h.nd.isValid()) { CHANGED(own, h.was_nd.target, h.nd.target, SUM128) }
          if (h.nd_sll.isValid()) { CHANGED(own, h.was_nd_sll.address, h.nd_sll.address, SUM48) }
          if (h.nd_tll.isValid()) { CHANGED(own, h.was_nd_tll.address, h.nd_tll.address, SUM48) }
          own = own + pseudo;
        }
        if (own != 0) { ADJUST(h.icmp.checksum, own) }
      }
    }
  }
}

control NoVerification(inout headers_t h, inout metadata_t m) { apply { } }
control NoRecomputation(inout headers_t h, inout metadata_t m) { apply { } }
#endif
