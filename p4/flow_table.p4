// One OpenFlow table: match, then the instructions of the flow that matched, in the order of OF 1.3.5 §5.9.
// The OpenFlow number of a table is the number at the end of its control's instance name.
//
// Included twice: with EGRESS_TABLE for the tables of egress processing (OF 1.5.1 §5.1), which a packet passes once for each port
// that it is to leave by. They match that port besides, cannot write another into the action set, and are looked up in one way.
#ifndef FLOW_TABLE_P4
#define FLOW_TABLE_P4
#include "keys.p4"
#include "execute.p4"
#include "meters.p4"
#include "twin.p4"

#define WRITE_SLOT(width, name, oxm) m.set.name = MERGE(m.set.name, name, name##_mask); m.set.name##_mask = m.set.name##_mask | name##_mask;
#define CLEAR_SLOT(width, name, oxm) m.set.name = 0; m.set.name##_mask = 0;
#define SLOT_PARAM(width, name, oxm) @of[set=oxm] bit<width> name, @of[set_mask=oxm] bit<width> name##_mask,
#define P_SET_OUTPUT @of[role="port"] port_t port, @of[role="multicast"] bit<16> multicast, \
                     @of[role="to_in_port"] bit<1> to_in_port, @of[role="normal"] bit<1> normal, @of[role="max_len"] bit<16> max_len
#define DO_SET_OUTPUT m.set.port = port; m.set.multicast = multicast; m.set.to_in_port = to_in_port; m.set.normal = normal; m.set.max_len = max_len;

#define FLOW_TABLE_SIZE 16384
#define EGRESS_TABLE_SIZE 4096
#define FLOW_CELLS 270337      // 16 * FLOW_TABLE_SIZE + 2 * EGRESS_TABLE_SIZE + 1: one for each flow there can be, and cell 0 for what nobody asks about

// Counts that outlive the entry of their flow: what a flow has counted at its end is read when its entry is gone, and nothing can
// be added any more. Flows whose end is told have a cell, and those that have got another entry.
@of_counter[of="flow"] counter(FLOW_CELLS, CounterType.packets_and_bytes) flow_counts;
#define DO_FLOW(hits) m.flow_id = flow_id; hits.count(); flow_counts.count(cell);

// All that a flow can match.
#define FLOW_KEY \
  m.instance: exact @name("instance") @of[role="instance"]; \
  m.in_port: ternary @name("in_port") @of_match[oxm="in_port"]; \
  m.in_port: ternary @name("in_phy_port") @of_match[oxm="in_phy_port"]; \
  m.metadata: ternary @name("metadata") @of_match[oxm="metadata"]; \
  h.eth.dst: ternary @name("eth_dst") @of_match[oxm="eth_dst"]; \
  h.eth.src: ternary @name("eth_src") @of_match[oxm="eth_src"]; \
  m.eth_type: ternary @name("eth_type") @of_match[oxm="eth_type"]; \
  m.vlan_vid: ternary @name("vlan_vid") @of_match[oxm="vlan_vid"]; \
  m.vlan_pcp: ternary @name("vlan_pcp") @of_match[oxm="vlan_pcp"]; \
  m.ip_dscp: ternary @name("ip_dscp") @of_match[oxm="ip_dscp"]; \
  m.ip_ecn: ternary @name("ip_ecn") @of_match[oxm="ip_ecn"]; \
  m.ip_proto: ternary @name("ip_proto") @of_match[oxm="ip_proto"]; \
  h.ipv4.src: ternary @name("ipv4_src") @of_match[oxm="ipv4_src"]; \
  h.ipv4.dst: ternary @name("ipv4_dst") @of_match[oxm="ipv4_dst"]; \
  h.ipv6.src: ternary @name("ipv6_src") @of_match[oxm="ipv6_src"]; \
  h.ipv6.dst: ternary @name("ipv6_dst") @of_match[oxm="ipv6_dst"]; \
  h.ipv6.flabel: ternary @name("ipv6_flabel") @of_match[oxm="ipv6_flabel"]; \
  m.l4_src: ternary @name("l4_src") @of_match[oxm="tcp_src,udp_src,sctp_src"]; \
  m.l4_dst: ternary @name("l4_dst") @of_match[oxm="tcp_dst,udp_dst,sctp_dst"]; \
  m.icmp_type: ternary @name("icmp_type") @of_match[oxm="icmpv4_type,icmpv6_type"]; \
  m.icmp_code: ternary @name("icmp_code") @of_match[oxm="icmpv4_code,icmpv6_code"]; \
  h.arp.op: ternary @name("arp_op") @of_match[oxm="arp_op"]; \
  h.arp.spa: ternary @name("arp_spa") @of_match[oxm="arp_spa"]; \
  h.arp.tpa: ternary @name("arp_tpa") @of_match[oxm="arp_tpa"]; \
  h.arp.sha: ternary @name("arp_sha") @of_match[oxm="arp_sha"]; \
  h.arp.tha: ternary @name("arp_tha") @of_match[oxm="arp_tha"]; \
  h.nd.target: ternary @name("nd_target") @of_match[oxm="ipv6_nd_target"]; \
  h.nd_sll.address: ternary @name("nd_sll") @of_match[oxm="ipv6_nd_sll"]; \
  h.nd_tll.address: ternary @name("nd_tll") @of_match[oxm="ipv6_nd_tll"]; \
  m.mpls_label: ternary @name("mpls_label") @of_match[oxm="mpls_label"]; \
  m.mpls_tc: ternary @name("mpls_tc") @of_match[oxm="mpls_tc"]; \
  m.mpls_bos: ternary @name("mpls_bos") @of_match[oxm="mpls_bos"]; \
  h.pbb.isid: ternary @name("pbb_isid") @of_match[oxm="pbb_isid"]; \
  h.pbb.uca: ternary @name("pbb_uca") @of_match[oxm="pbb_uca"]; \
  m.tunnel_id: ternary @name("tunnel_id") @of_match[oxm="tunnel_id"]; \
  m.extensions[8:0]: ternary @name("ipv6_exthdr") @of_match[oxm="ipv6_exthdr"];

// What a flow can do, in each of the tables that flows are in: they have the same actions and count for themselves.
#define DO_ALL DO_PROGRAM DO_PORT m.emission.multicast = multicast; m.emission.to_in_port = to_in_port; m.emission.normal = normal; \
  m.emission.group = group; m.next_table = next_table; DO_METADATA m.clear = clear; m.write = write; DO_METER
#define P_ALL P_PROGRAM, P_PORT, P_MULTICAST, P_IN_PORT, P_NORMAL, P_GROUP, P_NEXT, P_METADATA, P_WRITE, P_METER
#define FLOW_ACTIONS(of, hits) \
  @of_execute action of##drop(P_FLOW) { DO_FLOW(hits) } \
  @of_execute action of##go_to(P_FLOW, P_PROGRAM, P_NEXT) { DO_FLOW(hits) DO_PROGRAM m.next_table = next_table; } \
  @of_execute action of##output_one(P_FLOW, P_PROGRAM, P_PORT) { DO_FLOW(hits) DO_PROGRAM DO_PORT } \
  @of_execute action of##output_many(P_FLOW, P_PROGRAM, P_MULTICAST, P_NEXT) { \
    DO_FLOW(hits) DO_PROGRAM m.emission.multicast = multicast; m.next_table = next_table; \
  } \
  @of_execute action of##apply_all(P_FLOW, P_ALL) { DO_FLOW(hits) DO_ALL } \
  @of_execute action of##apply_all_ttl(P_FLOW, P_ALL, P_TTL) { DO_FLOW(hits) DO_ALL DO_TTL }
#define FLOW_ACTION_NAMES(of) of##drop; of##go_to; of##output_one; of##output_many; of##apply_all; of##apply_all_ttl;

#endif

#ifdef EGRESS_TABLE
#define TABLE_CONTROL EgressTable
#define TABLE_SIZE EGRESS_TABLE_SIZE
#define TABLE_KEY FLOW_KEY m.actset_output: ternary @name("actset_output") @of_match[oxm="actset_output"];
#define WRITE_OUTPUT
#else
#define TABLE_CONTROL FlowTable
#define TABLE_SIZE FLOW_TABLE_SIZE
#define TABLE_KEY FLOW_KEY
#define WRITE_OUTPUT , @of[role="write_output"] bit<1> output, P_SET_OUTPUT, @of[role="group"] bit<32> group
#endif

// `lookups` and `matches` have a cell for each table of each instance. OF 1.3.5 §5.8 (counters of a table)
control TABLE_CONTROL(inout headers_t h, inout metadata_t m)(bit<8> number, counter lookups, counter matches) {
  Keys() keys;
  Meters() meters;
  Execute() execute;
  direct_counter(CounterType.packets_and_bytes) hits;
  FLOW_ACTIONS(, hits)
  action miss() { }

  @of_table
#ifdef EGRESS_TABLE
  @of_egress
#endif
  table flow {
    key = { TABLE_KEY }
    actions = { FLOW_ACTION_NAMES() @defaultonly miss; }
    counters = hits;
    support_timeout = true;
    size = TABLE_SIZE;
    default_action = miss();
  }
#ifndef EGRESS_TABLE
  Shape() shape;
  direct_counter(CounterType.packets_and_bytes) twin_hits;
  direct_counter(CounterType.packets_and_bytes) rest_hits;
  FLOW_ACTIONS(twin_, twin_hits)
  FLOW_ACTIONS(rest_, rest_hits)
  @of_twin
  table twin {
    key = {
      m.instance: exact @name("instance") @of[role="instance"];
      m.twin.in_port: exact @name("in_port") @of_match[oxm="in_port"];
      m.twin.metadata: exact @name("metadata") @of_match[oxm="metadata"];
      m.twin.tunnel_id: exact @name("tunnel_id") @of_match[oxm="tunnel_id"];
      m.twin.eth_dst: exact @name("eth_dst") @of_match[oxm="eth_dst"];
      m.twin.eth_src: exact @name("eth_src") @of_match[oxm="eth_src"];
      m.twin.eth_type: exact @name("eth_type") @of_match[oxm="eth_type"];
      m.twin.vlan_vid: exact @name("vlan_vid") @of_match[oxm="vlan_vid"];
      m.twin.ip_proto: exact @name("ip_proto") @of_match[oxm="ip_proto"];
      m.twin.net_src: exact @name("net_src") @of_match[oxm="ipv4_src,ipv6_src,arp_spa"];
      m.twin.net_dst: exact @name("net_dst") @of_match[oxm="ipv4_dst,ipv6_dst,arp_tpa"];
      m.twin.l4_src: exact @name("l4_src") @of_match[oxm="tcp_src,udp_src,sctp_src"];
      m.twin.l4_dst: exact @name("l4_dst") @of_match[oxm="tcp_dst,udp_dst,sctp_dst"];
      m.twin.mpls_label: exact @name("mpls_label") @of_match[oxm="mpls_label"];
    }
    actions = { FLOW_ACTION_NAMES(twin_) @defaultonly miss; }
    counters = twin_hits;
    support_timeout = true;
    size = FLOW_TABLE_SIZE;
    default_action = miss();
  }
  @of_rest
  table rest {
    key = { FLOW_KEY }
    actions = { FLOW_ACTION_NAMES(rest_) @defaultonly miss; }
    counters = rest_hits;
    support_timeout = true;
    size = FLOW_TABLE_SIZE;
    default_action = miss();
  }

  @of_do[ops="output"] action write_output(P_SET_OUTPUT) { m.set.present = 1; DO_SET_OUTPUT }
  @of_do[ops="group"] action write_group(@of[role="group"] bit<32> group) { m.set.present = 1; m.set.group = group; }
  @of_do[ops="copy_ttl_in,pop_vlan,pop_mpls,pop_pbb,push_mpls,push_pbb,push_vlan,copy_ttl_out,dec_nw_ttl,dec_mpls_ttl,output,group"]
#else
  @of_do[ops="copy_ttl_in,pop_vlan,pop_mpls,pop_pbb,push_mpls,push_pbb,push_vlan,copy_ttl_out,dec_nw_ttl,dec_mpls_ttl"]
#endif
  action write_all(FOR_ALL_SLOTS(SLOT_PARAM)
                   @of[role="write_copy_ttl_in"] bit<1> copy_ttl_in, @of[role="write_pop_vlan"] bit<1> pop_vlan,
                   @of[role="write_pop_mpls"] bit<16> pop_mpls, @of[role="write_pop_pbb"] bit<1> pop_pbb,
                   @of[role="write_push_mpls"] bit<16> push_mpls, @of[role="write_push_pbb"] bit<16> push_pbb,
                   @of[role="write_push_vlan"] bit<16> push_vlan, @of[role="write_copy_ttl_out"] bit<1> copy_ttl_out,
                   @of[role="write_dec_nw_ttl"] bit<1> dec_ttl, @of[role="write_dec_mpls_ttl"] bit<1> dec_mpls_ttl WRITE_OUTPUT) {
    m.set.present = 1;
    FOR_ALL_SLOTS(WRITE_SLOT)
    m.set.copy_ttl_in = m.set.copy_ttl_in | copy_ttl_in;
    m.set.pop_vlan = m.set.pop_vlan | pop_vlan;
    if (pop_mpls != 0) { m.set.pop_mpls = pop_mpls; }
    m.set.pop_pbb = m.set.pop_pbb | pop_pbb;
    if (push_mpls != 0) { m.set.push_mpls = push_mpls; }
    if (push_pbb != 0) { m.set.push_pbb = push_pbb; }
    if (push_vlan != 0) { m.set.push_vlan = push_vlan; }
    m.set.copy_ttl_out = m.set.copy_ttl_out | copy_ttl_out;
    m.set.dec_ttl = m.set.dec_ttl | dec_ttl;
    m.set.dec_mpls_ttl = m.set.dec_mpls_ttl | dec_mpls_ttl;
#ifndef EGRESS_TABLE
    if (output == 1) { DO_SET_OUTPUT }
    if (group != 0) { m.set.group = group; }
#endif
  }
  @of_write
  table write {
    key = { m.write: exact @of[role="write"]; }
#ifdef EGRESS_TABLE
    actions = { write_all; @defaultonly NoAction; }
#else
    actions = { write_output; write_group; write_all; @defaultonly NoAction; }
#endif
    size = 2048;
    default_action = NoAction();
  }
  action clear_actions() {
    m.set.present = 0; m.set.copy_ttl_in = 0; m.set.pop_vlan = 0; m.set.pop_mpls = 0; m.set.pop_pbb = 0; m.set.push_mpls = 0;
    m.set.push_pbb = 0; m.set.push_vlan = 0; m.set.copy_ttl_out = 0; m.set.dec_ttl = 0; m.set.dec_mpls_ttl = 0;
    FOR_ALL_SLOTS(CLEAR_SLOT)
    m.set.port = 0; m.set.multicast = 0; m.set.to_in_port = 0; m.set.normal = 0; m.set.max_len = 0; m.set.group = 0;
#ifdef EGRESS_TABLE
    m.actset_output = PORT_UNSET;
#endif
  }

  apply {
    if (m.done == 0 && m.next_table == number) {
      keys.apply(h, m);
      m.next_table = TABLE_NONE;
      m.table_id = number;
      m.packet_in_metadata = m.metadata;
#ifdef EGRESS_TABLE
      m.packet_in_output = m.actset_output;
#endif
      m.stages = 0;
      m.clear = 0;
      m.write = 0;
      m.meter = 0;
      bit<32> place = (bit<32>)m.instance * TABLES + (bit<32>)number;
      lookups.count(place);
      bool hit = flow.apply().hit;
#ifdef EGRESS_TABLE
      if (hit) { matches.count(place); } else { m.set.present = 0; }
#else
      if (!hit) {
        shape.apply(h, m);
        if (m.twin.on == 1) { hit = twin.apply().hit; }
        if (!hit) { hit = rest.apply().hit; }
      }
      if (hit) {
        matches.count(place);
      } else {
        // OF 1.3.5 §5.4: drop, whatever is in the action set; OF 1.0 §3.4: to the controller; OF 1.1 §A.3.3: also onward.
        bit<2> what = (bit<2>)(m.misses >> (2 * number));
        if (what == MISS_CONTINUE) {
          m.next_table = number + 1;
        } else {
          m.set.present = 0;
          if (what == MISS_CONTROLLER) {
            m.flow_id = 0; m.reason = REASON_NO_MATCH; m.emission.port = CPU_PORT; m.emission.max_len = 0;
          }
        }
      }
#endif
      if (m.meter != 0) { meters.apply(h, m); }
      execute.apply(h, m);
      if (m.clear == 1) { clear_actions(); }
      if (m.write != 0) { write.apply(); }
    }
  }
}
#undef TABLE_CONTROL
#undef TABLE_SIZE
#undef TABLE_KEY
#undef WRITE_OUTPUT
