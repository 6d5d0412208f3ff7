// What happens to one copy: its program, then the port, the controller, or another pass.
#ifndef EGRESS_P4
#define EGRESS_P4
#include "headers.p4"
#include "metadata.p4"
#include "rewrite.p4"
#include "checksum.p4"
#include "ports.p4"
#include "meters.p4"

// A copy counts for at most four buckets: that of its group and those of the groups that chain to it. Cell 0 is unused.
#define P_COUNTERS @of[role="counter"] bit<32> counter0, @of[role="counter"] bit<32> counter1, \
                   @of[role="counter"] bit<32> counter2, @of[role="counter"] bit<32> counter3

control OpenFlowEgress(inout headers_t h, inout metadata_t m, inout standard_metadata_t s) {
  Rewrite() rewrite;
  Checksums() checksums;
  PortOut() port_out;
  Meters() meters;
  @of_counter[of="bucket"] counter(16384, CounterType.packets_and_bytes) bucket_counter;
  bit<32> c0 = 0; bit<32> c1 = 0; bit<32> c2 = 0; bit<32> c3 = 0;
  bool again = false;

  @of_do[kind="send"]
  action send(@of[role="program"] program_t program, @of[role="stages"] stages_t stages) {
    m.program = program; m.stages = stages; m.reason = REASON_ACTION;
  }
  @of_do[kind="send"]
  action send_all(@of[role="program"] program_t program, @of[role="stages"] stages_t stages, @of[role="in_port_allowed"] bit<1> in_port_allowed,
              @of[role="max_len"] bit<16> max_len, @of[role="reason"] bit<8> reason, P_COUNTERS) {
    m.program = program; m.stages = stages; m.in_port_allowed = in_port_allowed; m.emission.max_len = max_len; m.reason = reason;
    c0 = counter0; c1 = counter1; c2 = counter2; c3 = counter3;
  }
  @of_do[kind="continue"]
  action go_on(@of[role="program"] program_t program, @of[role="stages"] stages_t stages, @of[role="continuation"] bit<16> continuation, P_COUNTERS) {
    m.program = program; m.stages = stages; m.continuation = continuation; again = true;
    CLEAR_EMISSION
    c0 = counter0; c1 = counter1; c2 = counter2; c3 = counter3;
  }
  // The copy that goes on for a bucket must not go on with the flow's next table or action set.
  @of_do[kind="continue_alone"]
  action go_on_alone(@of[role="program"] program_t program, @of[role="stages"] stages_t stages, @of[role="continuation"] bit<16> continuation, P_COUNTERS) {
    m.program = program; m.stages = stages; m.continuation = continuation; again = true; m.next_table = TABLE_CONTINUED;
    CLEAR_EMISSION
    c0 = counter0; c1 = counter1; c2 = counter2; c3 = counter3;
  }
  @of_do[kind="fork_emit"]
  action fork_emit() { m.resume = RESUME_EMISSION; m.set.present = 0; m.next_table = TABLE_CONTINUED; again = true; }
  @of_do[kind="fork_action_set"]
  action fork_action_set() {
    again = true; CLEAR_EMISSION
  }
  @of_replica
  table replica {
    key = { s.egress_rid: exact @of[role="instance"]; }
    actions = { send; send_all; go_on; go_on_alone; fork_emit; fork_action_set; @defaultonly NoAction; }
    size = 16384;
    default_action = NoAction();
  }

  // Egress processing is on for a switch that has an entry. OF 1.5.1 §7.3.5.18 (OFPTFF_FIRST_EGRESS)
  action begin(@of[role="next_table"] bit<8> next_table) { m.next_table = next_table; again = true; }
  @of_egress_first
  table egress_first {
    key = { m.instance: exact @name("instance") @of[role="instance"]; }
    actions = { begin; @defaultonly NoAction; }
    size = INSTANCES;
    default_action = NoAction();
  }

  apply {
    if (s.egress_rid != 0) {
      m.stages = 0;
      if (replica.apply().hit) {
        if (m.stages != 0) { rewrite.apply(h, m); }
        if (c0 != 0) { bucket_counter.count(c0); m.in_group = 1; }
        if (c1 != 0) { bucket_counter.count(c1); }
        if (c2 != 0) { bucket_counter.count(c2); }
        if (c3 != 0) { bucket_counter.count(c3); }
      } else {
        mark_to_drop(s);
      }
    } else if (s.egress_port >= CONTINUATION_FIRST && s.egress_port <= CONTINUATION_LAST) {
      again = true;     // a packet-out on its way to the tables or to a group
      m.emission.port = 0;
    }
    bool to_controller = s.egress_port == CPU_PORT && !again;
    if (to_controller && m.in_group == 1 && m.reason != REASON_INVALID_TTL) { m.reason = REASON_GROUP; }
    // OFPPC_NO_PACKET_IN is about packets that no flow matches, or only the table-miss flow. OF 1.3.5 §7.2.1
    if (m.no_packet_in == 1 && (m.reason == REASON_NO_MATCH || m.reason == REASON_TABLE_MISS)) { to_controller = false; }
    if (to_controller) {
      m.done = 0;
      m.meter = METER_CONTROLLER;
      meters.apply(h, m);
      to_controller = m.done == 0;
    }
    checksums.apply(h, m);
    if (m.overflow == 1) {
      mark_to_drop(s);
    } else if (again) {
      recirculate_preserving_field_list(1);
    } else if (s.egress_port == CPU_PORT) {
      if (!to_controller) {
        mark_to_drop(s);
      } else {
        h.packet_in.setValid();
        h.packet_in.in_port = m.in_port;
        h.packet_in.reason = m.reason;
        h.packet_in.table_id = m.table_id;
        h.packet_in.max_len = m.emission.max_len;
        h.packet_in.flow_id = m.flow_id;
        h.packet_in.metadata = m.packet_in_metadata;
        h.packet_in.tunnel_id = m.tunnel_id;
        h.packet_in.instance = m.instance;
        h.packet_in.actset_output = m.packet_in_output;
      }
    } else if (s.egress_port == NULL_PORT) {
      mark_to_drop(s);
    } else if (m.leaves == 1) {
      port_out.apply(m, s);
    } else if (s.egress_port == m.in_port_hw && m.in_port_allowed == 0) {
      mark_to_drop(s);   // never back through the ingress port unless OFPP_IN_PORT says so, OF 1.3.5 §4.5
    } else {
      egress_first.apply();
      if (!again) {
        port_out.apply(m, s);
      } else if (m.egress == MAX_EGRESS) {
        mark_to_drop(s);
      } else {
        m.egress = m.egress + 1;
        m.metadata = m.packet_in_metadata;   // as it was at the output
        m.resume = RESUME_EGRESS;
        m.egress_port = s.egress_port;
        recirculate_preserving_field_list(2);
      }
    }
  }
}
#endif
