// Match fields that are not simply a header field. Computed anew only after something has changed the packet.
#ifndef KEYS_P4
#define KEYS_P4
#include "headers.p4"
#include "metadata.p4"

control Keys(in headers_t h, inout metadata_t m) {
  apply {
    if (m.stale == 1) {
      m.stale = 0;
      if (h.vlan[0].isValid()) {
        m.vlan_vid = 1w1 ++ h.vlan[0].vid;
        m.vlan_pcp = h.vlan[0].pcp;
      } else {
        m.vlan_vid = 0;
        m.vlan_pcp = 0;
      }
      // A key of a header stack is read whether its header is there or not, and BMv2 then finds the label of an earlier packet.
      if (h.mpls[0].isValid()) {
        m.mpls_label = h.mpls[0].label;
        m.mpls_tc = h.mpls[0].tc;
        m.mpls_bos = h.mpls[0].bos;
      } else {
        m.mpls_label = 0;
        m.mpls_tc = 0;
        m.mpls_bos = 0;
      }
      m.ip_dscp = 0;
      m.ip_ecn = 0;
      m.l4_src = 0;
      m.l4_dst = 0;
      m.icmp_type = 0;
      m.icmp_code = 0;
      if (h.ipv4.isValid()) {
        m.ip_dscp = h.ipv4.dscp;
        m.ip_ecn = h.ipv4.ecn;
      } else if (h.ipv6.isValid()) {
        m.ip_dscp = h.ipv6.dscp;
        m.ip_ecn = h.ipv6.ecn;
      }
      // A fragment's transport fields read as zero, also the first one's. OF 1.0 §3.4; Open vSwitch does so in all versions.
      if (m.fragment == 1) {
      } else if (h.tcp.isValid()) {
        m.l4_src = h.tcp.src;
        m.l4_dst = h.tcp.dst;
      } else if (h.udp.isValid()) {
        m.l4_src = h.udp.src;
        m.l4_dst = h.udp.dst;
      } else if (h.sctp.isValid()) {
        m.l4_src = h.sctp.src;
        m.l4_dst = h.sctp.dst;
      } else if (h.icmp.isValid()) {
        m.icmp_type = h.icmp.type;
        m.icmp_code = h.icmp.code;
      }
    }
  }
}
#endif
