// The shape of a flow table's twin: the bits of a packet that all flows in it look at. ADR-0024
//
// A twin is looked up by hash: its flows are all of one priority and one shape. What is above it comes first (flow), what is
// beneath it last (rest); so the order of priorities is kept, and nothing is compared.
#ifndef TWIN_P4
#define TWIN_P4
#include "headers.p4"
#include "metadata.p4"

#define SHAPE_PARAM(width, name) @of[mask=#name] bit<width> name
control Shape(in headers_t h, inout metadata_t m) {
  action look_at(SHAPE_PARAM(32, in_port), SHAPE_PARAM(64, metadata), SHAPE_PARAM(64, tunnel_id), SHAPE_PARAM(48, eth_dst), SHAPE_PARAM(48, eth_src),
                 SHAPE_PARAM(16, eth_type), SHAPE_PARAM(13, vlan_vid), SHAPE_PARAM(8, ip_proto), SHAPE_PARAM(128, net_src), SHAPE_PARAM(128, net_dst),
                 SHAPE_PARAM(16, l4_src), SHAPE_PARAM(16, l4_dst), SHAPE_PARAM(20, mpls_label)) {
    m.twin.on = 1;
    m.twin.in_port = m.in_port & in_port;
    m.twin.metadata = m.metadata & metadata;
    m.twin.tunnel_id = m.tunnel_id & tunnel_id;
    m.twin.eth_dst = h.eth.dst & eth_dst;
    m.twin.eth_src = h.eth.src & eth_src;
    m.twin.eth_type = m.eth_type & eth_type;
    m.twin.vlan_vid = m.vlan_vid & vlan_vid;
    m.twin.ip_proto = m.ip_proto & ip_proto;
    m.twin.l4_src = m.l4_src & l4_src;
    m.twin.l4_dst = m.l4_dst & l4_dst;
    m.twin.net_src = net_src;
    m.twin.net_dst = net_dst;
    m.twin.mpls_label = m.mpls_label & mpls_label;
  }
  action look_at_nothing() { m.twin.on = 0; }

  @of_shape
  table shape {
    key = { m.instance: exact @name("instance") @of[role="instance"]; }
    actions = { look_at; @defaultonly look_at_nothing; }
    size = INSTANCES;
    default_action = look_at_nothing();
  }
  // Headers that are not there read as 0, as they do in a key.
  apply {
    shape.apply();
    if (m.twin.on == 1) {
      if (m.eth_type == 0x0800 && h.ipv4.isValid()) {
        m.twin.net_src = m.twin.net_src & (bit<128>)h.ipv4.src;
        m.twin.net_dst = m.twin.net_dst & (bit<128>)h.ipv4.dst;
      } else if (m.eth_type == 0x86dd && h.ipv6.isValid()) {
        m.twin.net_src = m.twin.net_src & h.ipv6.src;
        m.twin.net_dst = m.twin.net_dst & h.ipv6.dst;
      } else if (m.eth_type == 0x0806 && h.arp.isValid()) {
        m.twin.net_src = m.twin.net_src & (bit<128>)h.arp.spa;
        m.twin.net_dst = m.twin.net_dst & (bit<128>)h.arp.tpa;
      } else {
        m.twin.net_src = 0;
        m.twin.net_dst = 0;
      }
      if (!h.eth.isValid()) { m.twin.eth_dst = 0; m.twin.eth_src = 0; }
    }
  }
}
#endif
