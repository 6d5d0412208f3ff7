// One table of each kind, direct and indirect, with everything P4Runtime can say about an entry.
#include <core.p4>
#include <v1model.p4>

header key_t { bit<8> table_id; bit<32> a; bit<16> b; bit<48> c; bit<1> d; bit<7> e; bit<8> out1; bit<16> out2; }
struct headers_t { key_t k; }
struct meta_t { bit<2> color; }

parser P(packet_in pkt, out headers_t h, inout meta_t m, inout standard_metadata_t s) { state start { pkt.extract(h.k); transition accept; } }
control V(inout headers_t h, inout meta_t m) { apply {} }
control I(inout headers_t h, inout meta_t m, inout standard_metadata_t s) {
  direct_counter(CounterType.packets_and_bytes) hits;
  direct_meter<bit<2>>(MeterType.packets) direct;
  counter(8, CounterType.packets_and_bytes) cells;
  meter(8, MeterType.bytes) rates;
  action_profile(4) members;
  action_selector(HashAlgorithm.crc32, 16, 32) chosen;

  action set(bit<8> x) { h.k.out1 = x; }
  action set_both(bit<8> x, bit<16> y) { h.k.out1 = x; h.k.out2 = y; }
  action for_default(bit<16> y) { h.k.out2 = y; }
  action counted(bit<8> x) { h.k.out1 = x; hits.count(); }
  action metered(bit<8> x) { direct.read(m.color); h.k.out1 = x; h.k.out2 = (bit<16>)m.color; }
  action touch(bit<32> i) { cells.count(i); rates.execute_meter(i, m.color); h.k.out2 = (bit<16>)m.color; }

  table exact_t { key = { h.k.a: exact; h.k.c: exact; } actions = { set; set_both; @defaultonly for_default; } size = 4; default_action = for_default(0xaaaa); }
  table lpm_t { key = { h.k.b: exact; h.k.a: lpm; } actions = { set; @defaultonly NoAction; } size = 64; default_action = NoAction(); }
  table ternary_t {
    key = { h.k.a: ternary; h.k.b: ternary; h.k.c: ternary; }
    actions = { counted; @defaultonly NoAction; @tableonly set; }
    counters = hits; support_timeout = true; size = 64; default_action = NoAction();
  }
  table range_t { key = { h.k.a: range; h.k.b: ternary; } actions = { set; @defaultonly NoAction; } size = 64; default_action = NoAction(); }
  table optional_t { key = { h.k.a: optional; h.k.d: optional; } actions = { set; @defaultonly NoAction; } size = 64; default_action = NoAction(); }
  table metered_t { key = { h.k.a: exact; } actions = { metered; @defaultonly NoAction; } meters = direct; size = 64; default_action = NoAction(); }
  table const_t {
    key = { h.k.a: ternary; h.k.b: exact; }
    actions = { set; NoAction; }
    const entries = { (1 &&& 0xf, 5): set(0x11); (_, 5): set(0x22); (0x10 &&& 0xf0, 6): set(0x33); }
    const default_action = NoAction();
  }
  table profile_t { key = { h.k.a: exact; } actions = { set; set_both; } implementation = members; size = 64; }
  table selector_t { key = { h.k.a: exact; h.k.b: selector; h.k.c: selector; } actions = { set; set_both; } implementation = chosen; size = 64; }
  table cells_t { key = { h.k.a: exact; } actions = { touch; @defaultonly NoAction; } size = 64; default_action = NoAction(); }
  table keyless_t { actions = { set; } default_action = set(0x44); }
  apply {
    s.egress_spec = 2;
    if (h.k.table_id == 1) { exact_t.apply(); }
    else if (h.k.table_id == 2) { if (!lpm_t.apply().hit) { h.k.out2 = 0x6d69; } }
    else if (h.k.table_id == 3) { ternary_t.apply(); }
    else if (h.k.table_id == 4) { range_t.apply(); }
    else if (h.k.table_id == 5) { optional_t.apply(); }
    else if (h.k.table_id == 6) { metered_t.apply(); }
    else if (h.k.table_id == 7) { const_t.apply(); }
    else if (h.k.table_id == 8) { switch (profile_t.apply().action_run) { set: { h.k.e = 1; } set_both: { h.k.e = 2; } } }
    else if (h.k.table_id == 9) { selector_t.apply(); }
    else if (h.k.table_id == 10) { cells_t.apply(); }
    else if (h.k.table_id == 11) { keyless_t.apply(); }
  }
}
control E(inout headers_t h, inout meta_t m, inout standard_metadata_t s) { apply {} }
control C(inout headers_t h, inout meta_t m) { apply {} }
control D(packet_out pkt, in headers_t h) { apply { pkt.emit(h.k); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
