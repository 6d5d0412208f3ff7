// A deliberately small OpenFlow pipeline: three tables that match the ingress port, Ethernet and VLAN fields, and can set
// them, push and pop one tag, output to a port, to the controller or to several ports, and go on to a later table. It has no
// groups, no write-actions, no metadata and no continuations, and the switch says so. See ../README.md.
#include <core.p4>
#include <v1model.p4>

#define CPU_PORT 510
#define TABLE_NONE 255

@controller_header("packet_in")
header packet_in_h { bit<32> in_port; bit<8> reason; bit<8> table_id; bit<16> max_len; bit<32> flow_id; }
@controller_header("packet_out")
header packet_out_h { bit<8> kind; bit<32> value; bit<32> in_port; bit<16> in_port_hw; }
header ethernet_h { bit<48> dst; bit<48> src; bit<16> type; }
header vlan_h { bit<3> pcp; bit<1> dei; bit<12> vid; bit<16> type; }

struct headers_t { packet_in_h packet_in; packet_out_h packet_out; ethernet_h eth; vlan_h[3] vlan; }
struct metadata_t {
  bit<32> in_port; bit<9> in_port_hw; bit<8> next_table; bit<8> table_id; bit<32> flow_id; bit<16> max_len; bit<8> reason;
  bit<16> eth_type; bit<13> vlan_vid; bit<3> vlan_pcp;
  bit<16> program; bit<8> stages; bit<9> port; bit<16> multicast; bit<1> done;
}

parser L2Parser(packet_in packet, out headers_t h, inout metadata_t m, inout standard_metadata_t s) {
  state start { transition select(s.ingress_port) { CPU_PORT: from_controller; default: ethernet; } }
  state from_controller { packet.extract(h.packet_out); transition ethernet; }
  state ethernet {
    packet.extract(h.eth);
    m.eth_type = h.eth.type;
    transition select(h.eth.type) { 0x8100: vlan; default: accept; }
  }
  state vlan {
    packet.extract(h.vlan.next);
    m.eth_type = h.vlan.last.type;
    transition select(h.vlan.last.type) { 0x8100: vlan; default: accept; }
  }
}
control L2Deparser(packet_out packet, in headers_t h) {
  apply { packet.emit(h.packet_in); packet.emit(h.eth); packet.emit(h.vlan); }
}
control Nothing(inout headers_t h, inout metadata_t m) { apply { } }

control FlowTable(inout headers_t h, inout metadata_t m)(bit<8> number) {
  direct_counter(CounterType.packets_and_bytes) hits;

  @of_do[ops="push_vlan"] action push_vlan(@of[role="ethertype"] bit<16> tpid) {
    bit<12> vid = 0; bit<3> pcp = 0;
    if (h.vlan[0].isValid()) { vid = h.vlan[0].vid; pcp = h.vlan[0].pcp; }
    h.vlan.push_front(1); h.vlan[0].setValid();
    h.vlan[0].pcp = pcp; h.vlan[0].dei = 0; h.vlan[0].vid = vid; h.vlan[0].type = h.eth.type; h.eth.type = tpid;
  }
  @of_do[ops="pop_vlan"] action pop_vlan() { if (h.vlan[0].isValid()) { h.eth.type = h.vlan[0].type; h.vlan.pop_front(1); } }
  @of_stage[index=0]
  table structure {
    key = { m.program: exact @of[role="program"]; }
    actions = { push_vlan; pop_vlan; @defaultonly NoAction; }
    size = 64;
    default_action = NoAction();
  }
  // Exact sets without masks: a pipeline need not offer more than it wants to.
  @of_do action set_dst(@of[set="eth_dst"] bit<48> dst) { h.eth.dst = dst; }
  @of_do action set_src(@of[set="eth_src"] bit<48> src) { h.eth.src = src; }
  @of_do action set_both(@of[set="eth_dst"] bit<48> dst, @of[set="eth_src"] bit<48> src) { h.eth.dst = dst; h.eth.src = src; }
  @of_stage[index=1]
  table ethernet {
    key = { m.program: exact @of[role="program"]; }
    actions = { set_dst; set_src; set_both; @defaultonly NoAction; }
    size = 64;
    default_action = NoAction();
  }
  @of_do action set_vid(@of[set="vlan_vid"] bit<12> vid) { h.vlan[0].vid = vid; }
  @of_stage[index=2]
  table vlan {
    key = { m.program: exact @of[role="program"]; }
    actions = { set_vid; @defaultonly NoAction; }
    size = 64;
    default_action = NoAction();
  }

  @of_execute action forward(@of[role="flow"] bit<32> flow_id, @of[role="program"] bit<16> program, @of[role="stages"] bit<8> stages,
                             @of[role="port"] bit<9> port, @of[role="max_len"] bit<16> max_len, @of[role="reason"] bit<8> reason,
                             @of[role="multicast"] bit<16> multicast) {
    m.flow_id = flow_id; m.program = program; m.stages = stages; m.port = port; m.max_len = max_len; m.reason = reason;
    m.multicast = multicast; hits.count();
  }
  @of_execute action go_to(@of[role="flow"] bit<32> flow_id, @of[role="program"] bit<16> program, @of[role="stages"] bit<8> stages,
                           @of[role="next_table"] bit<8> next_table) {
    m.flow_id = flow_id; m.program = program; m.stages = stages; m.next_table = next_table; hits.count();
  }
  action miss_drop() { }
  @of_table
  table flow {
    key = {
      m.in_port: ternary @name("in_port") @of_match[oxm="in_port"];
      h.eth.dst: ternary @name("eth_dst") @of_match[oxm="eth_dst"];
      h.eth.src: ternary @name("eth_src") @of_match[oxm="eth_src"];
      m.eth_type: ternary @name("eth_type") @of_match[oxm="eth_type"];
      m.vlan_vid: ternary @name("vlan_vid") @of_match[oxm="vlan_vid"];
      m.vlan_pcp: ternary @name("vlan_pcp") @of_match[oxm="vlan_pcp"];
    }
    actions = { forward; go_to; @defaultonly miss_drop; }
    counters = hits;
    support_timeout = true;
    size = 32;
    default_action = miss_drop();
  }
  apply {
    if (m.done == 0 && m.next_table == number) {
      m.next_table = TABLE_NONE;
      m.table_id = number;
      m.stages = 0;
      if (h.vlan[0].isValid()) { m.vlan_vid = 1w1 ++ h.vlan[0].vid; m.vlan_pcp = h.vlan[0].pcp; } else { m.vlan_vid = 0; m.vlan_pcp = 0; }
      flow.apply();
      if (m.stages[0:0] == 1) { structure.apply(); }
      if (m.stages[1:1] == 1) { ethernet.apply(); }
      if (m.stages[2:2] == 1 && h.vlan[0].isValid()) { vlan.apply(); }
      if (m.port != 0 || m.multicast != 0) { m.done = 1; }
    }
  }
}

control L2Ingress(inout headers_t h, inout metadata_t m, inout standard_metadata_t s) {
  FlowTable(0) t0; FlowTable(1) t1; FlowTable(2) t2;
  @of_do action receive(@of[role="in_port"] bit<32> in_port) { m.in_port = in_port; m.in_port_hw = s.ingress_port; m.next_table = 0; }
  action ignore() { m.done = 1; }
  @of_port_in
  table port_in {
    key = { s.ingress_port: exact @of[role="port"]; }
    actions = { receive; @defaultonly ignore; }
    size = 64;
    default_action = ignore();
  }
  apply {
    mark_to_drop(s);
    if (h.packet_out.isValid()) {
      m.in_port = h.packet_out.in_port;
      m.in_port_hw = (bit<9>)h.packet_out.in_port_hw;
      if (h.packet_out.kind == 1) { m.next_table = 0; } else { m.port = (bit<9>)h.packet_out.value; m.done = 1; }
      h.packet_out.setInvalid();
    } else {
      port_in.apply();
    }
    t0.apply(h, m); t1.apply(h, m); t2.apply(h, m);
    if (m.multicast != 0) { s.mcast_grp = m.multicast; } else if (m.port != 0) { s.egress_spec = m.port; }
  }
}
control L2Egress(inout headers_t h, inout metadata_t m, inout standard_metadata_t s) {
  apply {
    if (s.egress_port == CPU_PORT) {
      h.packet_in.setValid();
      h.packet_in.in_port = m.in_port;
      h.packet_in.reason = m.reason;
      h.packet_in.table_id = m.table_id;
      h.packet_in.max_len = m.max_len;
      h.packet_in.flow_id = m.flow_id;
    } else if (s.egress_port == m.in_port_hw) {
      mark_to_drop(s);
    }
  }
}
@of_pipeline[name="l2", cpu_port=CPU_PORT, table_none=TABLE_NONE, multicast_groups=64, multicast_nodes=256]
V1Switch(L2Parser(), Nothing(), L2Ingress(), L2Egress(), Nothing(), L2Deparser()) main;
