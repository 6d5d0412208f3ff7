// Where a copy that came back from a continuation port goes on.
#ifndef CONTINUATION_P4
#define CONTINUATION_P4
#include "execute.p4"
#include "copy.p4"
#include "meters.p4"

#define RECIRCULATED 4    // instance_type of v1model on simple_switch
#define MAX_PASSES 4096   // a list needs one pass for each fork, each copy, or each header that a change uncovers; more is a fault and ends here

control Continuation(inout headers_t h, inout metadata_t m) {
  Execute() execute;
  Copy() copy;
  Meters() meters;
  @of_execute action output_one(P_PROGRAM, P_PORT) { DO_PROGRAM DO_PORT }
  @of_execute action output_many(P_PROGRAM, P_MULTICAST, P_NEXT) {
    DO_PROGRAM m.emission.multicast = multicast; m.next_table = next_table;
  }
  @of_execute action apply_all(P_PROGRAM, P_PORT, P_MULTICAST, P_IN_PORT, P_NORMAL, P_GROUP, P_NEXT, P_METER) {
    DO_PROGRAM DO_PORT m.emission.multicast = multicast; m.emission.to_in_port = to_in_port; m.emission.normal = normal; m.emission.group = group;
    m.next_table = next_table; DO_METER
  }
  @of_execute action apply_all_ttl(P_PROGRAM, P_PORT, P_MULTICAST, P_IN_PORT, P_NORMAL, P_GROUP, P_NEXT, P_METER, P_TTL) {
    DO_PROGRAM DO_PORT m.emission.multicast = multicast; m.emission.to_in_port = to_in_port; m.emission.normal = normal; m.emission.group = group;
    m.next_table = next_table; DO_METER DO_TTL
  }
  action unknown() { m.done = 1; m.next_table = TABLE_CONTINUED; }
  @of_continuation
  table continuation {
    key = { m.continuation: exact @of[role="continuation"]; }
    actions = { output_one; output_many; apply_all; apply_all_ttl; @defaultonly unknown; }
    size = 8192;
    default_action = unknown();
  }
  // The action set begins as the output that led here, and actset_output is the OpenFlow number of that port. OF 1.5.1 §5.12
  action number(@of[role="in_port"] bit<32> port_no) { m.actset_output = port_no; }
  @of_egress_port
  table egress_port {
    key = { m.egress_port: exact @of[role="port"]; }
    actions = { number; @defaultonly NoAction; }
    size = 512;
    default_action = NoAction();
  }
  apply {
    m.passes = m.passes + 1;
    if (m.passes > MAX_PASSES) {
      m.done = 1;
      m.next_table = TABLE_CONTINUED;
    } else if (m.resume == RESUME_EGRESS) {
      m.set.present = 1;
      m.set.port = m.egress_port;
      egress_port.apply();
    } else if (m.resume == RESUME_EMISSION) {
      m.done = 1;
    } else if (m.for_group != 0) {
      m.emission.group = m.for_group;
      m.for_group = 0;
      m.done = 1;
    } else if (m.continuation != 0) {
      m.next_table = TABLE_NONE;
      continuation.apply();
      if (m.meter != 0) { meters.apply(h, m); }
      execute.apply(h, m);
      if (m.stages[7:7] == 1) { copy.apply(h, m); }
    }
    m.resume = RESUME_TABLES;
    m.continuation = 0;
  }
}
#endif
