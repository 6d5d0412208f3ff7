// The passes of a packet: what happens at the end of ingress and egress is chosen by bits that tables set.
#include <core.p4>
#include <v1model.p4>

const bit<9> CPU = 510;
@controller_header("packet_in") header packet_in_t { bit<9> port; bit<7> reason; bit<32> length; }
@controller_header("packet_out") header packet_out_t { bit<9> port; bit<7> kind; }
header mark_t { bit<8> kind; bit<8> trail; bit<8> kept; bit<8> lost; }
struct headers_t { packet_in_t pin; packet_out_t pout; mark_t mark; }
struct digest_t { bit<8> kind; bit<9> port; bit<48> wide; }
struct meta_t {
  @field_list(1, 2) bit<8> kept;
  @field_list(1) bit<9> port;
  bit<8> lost;
}

parser P(packet_in pkt, out headers_t h, inout meta_t m, inout standard_metadata_t s) {
  state start { transition select(s.ingress_port) { CPU: from_cpu; default: mark; } }
  state from_cpu { pkt.extract(h.pout); transition mark; }
  state mark { pkt.extract(h.mark); m.lost = 1; transition accept; }
}
control V(inout headers_t h, inout meta_t m) { apply {} }

control I(inout headers_t h, inout meta_t m, inout standard_metadata_t s) {
  action run(bit<1> clone_it, bit<1> digest_it, bit<1> resubmit_it, bit<16> group, bit<9> port, bit<1> drop_it, bit<3> priority) {
    if (clone_it == 1) { clone_preserving_field_list(CloneType.I2E, 5, 1); }
    if (digest_it == 1) { digest<digest_t>(1, { h.mark.kind, s.ingress_port, 0xabcdef012345 }); }
    if (resubmit_it == 1) { resubmit_preserving_field_list(1); }
    s.mcast_grp = group;
    s.egress_spec = port;
    s.priority = priority;
    if (drop_it == 1) { mark_to_drop(s); }
  }
  table ingress_end { key = { h.mark.kind: exact; s.instance_type: exact; } actions = { run; @defaultonly NoAction; } default_action = NoAction(); }
  apply {
    if (h.pout.isValid()) { s.egress_spec = h.pout.port; h.pout.setInvalid(); m.kept = 0x0c; }
    else {
      m.kept = m.kept + 1;
      m.lost = m.lost + 1;
      if (s.instance_type == 0) { m.port = s.ingress_port; }
      h.mark.trail = h.mark.trail + 1;
      mark_to_drop(s);
      ingress_end.apply();
    }
  }
}
control E(inout headers_t h, inout meta_t m, inout standard_metadata_t s) {
  action run(bit<1> clone_it, bit<1> clone_two, bit<1> recirculate_it, bit<1> drop_it, bit<8> add, bit<16> cut) {
    if (clone_it == 1) { clone_preserving_field_list(CloneType.E2E, 6, 2); }
    if (clone_two == 1) { clone(CloneType.E2E, 7); }
    if (recirculate_it == 1) { recirculate_preserving_field_list(1); }
    if (drop_it == 1) { mark_to_drop(s); }
    if (cut != 0) { truncate((bit<32>)cut); }
    h.mark.trail = h.mark.trail + add;
  }
  table egress_end { key = { h.mark.kind: exact; s.instance_type: exact; s.egress_rid: ternary; } actions = { run; @defaultonly NoAction; } default_action = NoAction(); }
  apply {
    egress_end.apply();
    h.mark.kept = m.kept;
    h.mark.lost = m.lost;
    if (s.egress_port == CPU) { h.pin.setValid(); h.pin.port = m.port; h.pin.reason = (bit<7>)s.egress_rid[6:0]; h.pin.length = s.packet_length; }
  }
}
control C(inout headers_t h, inout meta_t m) { apply {} }
control D(packet_out pkt, in headers_t h) { apply { pkt.emit(h.pin); pkt.emit(h.mark); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
