// The smallest program that has one of everything the P4Runtime session deals with. For tests only.
// Compile: p4c-bm2-ss --p4v 16 --p4runtime-files tiny.p4info.txtpb -o tiny.json tiny.p4
#include <core.p4>
#include <v1model.p4>

const bit<9> CPU_PORT = 510;

header ethernet_t { bit<48> dst; bit<48> src; bit<16> type; }
@controller_header("packet_in") header packet_in_t { bit<9> in_port; bit<7> reason; }
@controller_header("packet_out") header packet_out_t { bit<9> out_port; bit<7> pad; }
struct headers_t { packet_in_t packet_in; packet_out_t packet_out; ethernet_t ethernet; }
struct metadata_t { }

parser Parse(packet_in pkt, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
  state start { transition select(std.ingress_port) { CPU_PORT: from_cpu; default: ethernet; } }
  state from_cpu { pkt.extract(hdr.packet_out); transition ethernet; }
  state ethernet { pkt.extract(hdr.ethernet); transition accept; }
}
control Verify(inout headers_t hdr, inout metadata_t meta) { apply { } }
control Compute(inout headers_t hdr, inout metadata_t meta) { apply { } }

control TinyIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
  direct_counter(CounterType.packets_and_bytes) acl_counter;
  counter(16, CounterType.packets_and_bytes) port_counter;

  action drop() { mark_to_drop(std); }
  action forward(bit<9> port) { std.egress_spec = port; }
  action flood(bit<16> group) { std.mcast_grp = group; }
  action to_cpu(bit<7> reason) {
    std.egress_spec = CPU_PORT;
    hdr.packet_in.setValid();
    hdr.packet_in.in_port = std.ingress_port;
    hdr.packet_in.reason = reason;
  }
  @of_table[number=0]
  table acl {
    key = { std.ingress_port: ternary @name("in_port"); hdr.ethernet.dst: ternary @name("eth_dst"); hdr.ethernet.type: ternary @name("eth_type"); }
    actions = { forward; flood; to_cpu; drop; }
    default_action = drop();
    counters = acl_counter;
    support_timeout = true;
    size = 128;
  }
  table exact_mac {
    key = { hdr.ethernet.dst: exact @name("eth_dst"); }
    actions = { forward; NoAction; }
    default_action = NoAction();
    size = 1024;
  }
  table route {
    key = { hdr.ethernet.dst: lpm @name("eth_dst"); hdr.ethernet.type: exact @name("eth_type"); }
    actions = { forward; NoAction; }
    default_action = NoAction();
    size = 64;
  }
  apply {
    bit<9> out_port = 0;
    if (hdr.packet_out.isValid()) {
      out_port = hdr.packet_out.out_port;
      hdr.packet_out.setInvalid();
    }
    if (out_port != 0) {
      std.egress_spec = out_port;
    } else {
      // A packet-out to port 0 goes through the tables, so that a test needs no interfaces.
      port_counter.count((bit<32>)(bit<4>)std.ingress_port);
      if (!exact_mac.apply().hit) {
        if (!route.apply().hit) acl.apply();
      }
    }
  }
}
control TinyEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) { apply { } }
control Deparse(packet_out pkt, in headers_t hdr) { apply { pkt.emit(hdr); } }

V1Switch(Parse(), Verify(), TinyIngress(), TinyEgress(), Compute(), Deparse()) main;
