// What the agent configures for each port: the OpenFlow switch that it is of, its number there, and the flags of OFPT_PORT_MOD (OF 1.3.5 §7.2.1).
#ifndef PORTS_P4
#define PORTS_P4
#include "headers.p4"
#include "metadata.p4"

control PortIn(inout metadata_t m, inout standard_metadata_t s) {
  @of_do action receive(@of[role="in_port"] bit<32> in_port, @of[role="no_packet_in"] bit<1> no_packet_in,
                        @of[role="instance"] bit<8> instance, @of[role="misses"] bit<32> misses) {
    m.instance = instance;
    m.misses = misses;
    m.in_port = in_port;
    m.no_packet_in = no_packet_in;
    m.in_port_hw = s.ingress_port;
    m.next_table = 0;
  }
  // A port of no switch, or one with OFPPC_NO_RECV or PORT_DOWN, whose entry keeps the flags for the next agent.
  @of_do action ignore() { m.done = 1; m.next_table = TABLE_CONTINUED; }
  @of_port_in
  table port_in {
    key = { s.ingress_port: exact @of[role="port"]; }
    actions = { receive; ignore; }
    size = 512;
    default_action = ignore();
  }
  apply {
    port_in.apply();
  }
}

control PortOut(inout metadata_t m, inout standard_metadata_t s) {
  @of_do action block() { mark_to_drop(s); }
  @of_port_block
  table port_out {
    key = { s.egress_port: exact @of[role="port"]; }
    actions = { block; @defaultonly NoAction; }
    size = 512;
    default_action = NoAction();
  }
  apply {
    port_out.apply();
  }
}
#endif
