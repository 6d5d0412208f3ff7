// The OpenFlow pipeline for v1model targets.
//
//   packet ─▶ parser ─▶ PortIn ────────────▶ t0 ─▶ t1 ─▶ … ─▶ t15 ─▶ Finish ─▶ replication ─▶ egress ─▶ port / controller
//                ▲       in_port, flags      │  OpenFlow tables      action set,   one copy     program of the copy,
//                │                           │  match, program,      group, or     for each     in_port check, checksums
//   packet-out ──┤                           ▼  emission, goto       emission      output
//                └────────── Continuation ◀── a copy on a continuation port comes back here and goes on where its
//                                             action list stopped
//
// OpenFlow concept            here
// flow table n                tn.flow (flow_table.p4)
// apply-actions               a rewrite program (rewrite.p4), then an emission: one port, or a multicast group with one
//                             program for each copy (egress.p4)
// meter                       meters.p4: a cell for each band, shared by all tables
// write-actions, action set   slots in metadata (metadata.p4), written by tn.write, executed by action_set.p4
// NORMAL                      normal.p4: a learning switch
// egress tables               t16, t17: where egress processing is on, a copy that is to leave through a port (egress.p4) first
//                             comes round to them
// group                       groups.p4: group id → multicast group, by hash or by live ports where there is a choice
// list that goes on after an  continuation (continuation.p4)
// output, or needs more room
#include <core.p4>
#include <v1model.p4>
#include "ids.p4"
#include "headers.p4"
#include "metadata.p4"
#include "parser.p4"
#include "ports.p4"
#include "meters.p4"
#include "flow_table.p4"
#define EGRESS_TABLE
#include "flow_table.p4"
#include "action_set.p4"
#include "groups.p4"
#include "normal.p4"
#include "continuation.p4"
#include "egress.p4"
#include "checksum.p4"

// The end of a pass: where the packet goes.
control Finish(inout headers_t h, inout metadata_t m, inout standard_metadata_t s) {
  ActionSet() action_set;
  Groups() groups;
  Normal() normal;
  apply {
    bool forked = false;
    if (m.next_table == TABLE_NONE && m.set.present == 1) {
      if (m.done == 1) {
        forked = true;     // emission and action set both have something to send: one copy for each
        s.mcast_grp = FORK_GROUP;
      } else {
        action_set.apply(h, m);
        if (m.egress != 0) { m.leaves = 1; }
      }
    }
    if (!forked) {
      if (m.emission.group != 0) { groups.apply(h, m); }
      else if (m.emission.normal == 1) { normal.apply(h, m); }
      if (m.emission.multicast != 0) { s.mcast_grp = m.emission.multicast; }
      // A packet-out may come from no port, to which nothing goes back.
      else if (m.emission.to_in_port == 1) { if (m.in_port_hw != 0) { s.egress_spec = m.in_port_hw; m.in_port_allowed = 1; } }
      else if (m.emission.port != 0) { s.egress_spec = m.emission.port; }
    }
    if (m.overflow == 1) { mark_to_drop(s); }
  }
}

control OpenFlowIngress(inout headers_t h, inout metadata_t m, inout standard_metadata_t s) {
  PortIn() port_in;
  Continuation() continuation;
  Finish() finish;
  @of_counter[of="lookups"] counter(INSTANCES * TABLES, CounterType.packets) lookups;
  @of_counter[of="matches"] counter(INSTANCES * TABLES, CounterType.packets) matches;
#define FLOW_TABLE(n) FlowTable(n, lookups, matches) t##n;
  FLOW_TABLE(0)  FLOW_TABLE(1)  FLOW_TABLE(2)  FLOW_TABLE(3)  FLOW_TABLE(4)  FLOW_TABLE(5)  FLOW_TABLE(6)  FLOW_TABLE(7)
  FLOW_TABLE(8)  FLOW_TABLE(9)  FLOW_TABLE(10) FLOW_TABLE(11) FLOW_TABLE(12) FLOW_TABLE(13) FLOW_TABLE(14) FLOW_TABLE(15)
#define EGRESS_TABLE_NUMBER(n) EgressTable(n, lookups, matches) t##n;
  EGRESS_TABLE_NUMBER(16) EGRESS_TABLE_NUMBER(17)

  apply {
    mark_to_drop(s);
    m.stale = 1;
    if (s.instance_type == RECIRCULATED) {
      continuation.apply(h, m);
    } else if (h.packet_out.isValid()) {
      m.instance = h.packet_out.instance;
      m.misses = h.packet_out.misses;
      m.in_port = h.packet_out.in_port;
      m.in_port_hw = (port_t)h.packet_out.in_port_hw;
      m.tunnel_id = h.packet_out.tunnel_id;
      m.reason = REASON_ACTION;
      m.next_table = TABLE_CONTINUED;
      m.done = 1;
      // What goes through tables or groups is counted there, so it first loses its header, which only another pass does.
      m.emission.port = CONTINUATION_FIRST;
      if (h.packet_out.kind == PACKET_OUT_TABLE) { m.next_table = 0; }
      else if (h.packet_out.kind == PACKET_OUT_GROUP) { m.for_group = h.packet_out.value; }
      else if (h.packet_out.kind == PACKET_OUT_NORMAL) { m.emission.normal = 1; m.resume = RESUME_EMISSION; }
      else { m.emission.port = (port_t)h.packet_out.value; }
      h.packet_out.setInvalid();
    } else {
      port_in.apply(m, s);
    }
    t0.apply(h, m);  t1.apply(h, m);  t2.apply(h, m);  t3.apply(h, m);
    t4.apply(h, m);  t5.apply(h, m);  t6.apply(h, m);  t7.apply(h, m);
    t8.apply(h, m);  t9.apply(h, m);  t10.apply(h, m); t11.apply(h, m);
    t12.apply(h, m); t13.apply(h, m); t14.apply(h, m); t15.apply(h, m);
    if (m.next_table >= FIRST_EGRESS_TABLE && m.next_table < TABLES) {
      t16.apply(h, m);
      t17.apply(h, m);
    }
    finish.apply(h, m, s);
  }
}

@of_pipeline[name="ofswitchd", cpu_port=CPU_PORT, continuation_first=CONTINUATION_FIRST, continuation_last=CONTINUATION_LAST,
             null_port=NULL_PORT, learn="host_t", fork_group=FORK_GROUP, fork_emit=FORK_EMIT, fork_action_set=FORK_ACTION_SET,
             table_none=TABLE_NONE, table_continued=TABLE_CONTINUED,
             multicast_groups=4096, multicast_nodes=4096, instances=INSTANCES]
V1Switch(PacketParser(), NoVerification(), OpenFlowIngress(), OpenFlowEgress(), NoRecomputation(), PacketDeparser()) main;
