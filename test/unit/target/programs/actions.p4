// Primitives. A table without a key runs the action a test chose on the frame's one header and a stack behind it.
#include <core.p4>
#include <v1model.p4>

header data_t { bit<8> op; bit<8> a; bit<16> b; bit<32> c; bit<64> d; }
header tag_t { bit<8> value; }
header opt_t { bit<8> len; varbit<32> bytes; }
header sum_t { bit<16> csum; }
struct headers_t { data_t data; data_t copy; tag_t[3] tags; tag_t[3] other; opt_t opt; opt_t opt2; sum_t sum; }
struct meta_t { bit<8> n; bit<32> h; bit<2> color; bit<1> flag; bit<48> t; }

parser P(packet_in pkt, out headers_t h, inout meta_t m, inout standard_metadata_t s) {
  state start { pkt.extract(h.data); m.n = h.data.op >> 4; transition tags; }
  state tags { transition select(m.n) { 0: accept; 15: opt; default: tag; } }
  state tag { pkt.extract(h.tags.next); m.n = m.n - 1; transition tags; }
  state opt { pkt.extract(h.opt, (bit<32>)h.data.a * 8); transition accept; }
}
control V(inout headers_t h, inout meta_t m) { apply { verify_checksum(h.sum.isValid(), { h.data.b }, h.sum.csum, HashAlgorithm.csum16); } }

control I(inout headers_t h, inout meta_t m, inout standard_metadata_t s) {
  counter(4, CounterType.packets_and_bytes) cells;
  meter(4, MeterType.packets) marks;
  meter(2, MeterType.bytes) volumes;
  register<bit<32>>(4) memory;
  register<bit<48>>(2) wide_memory;

  action none() { }
  action arith(bit<32> x) { h.data.c = h.data.c + x; h.data.b = (bit<16>)(h.data.c - x) |+| 0xff00; h.data.a = h.data.a |-| 5; h.data.d = h.data.d * 3; }
  action merge(bit<64> value, bit<64> mask) { h.data.d = (h.data.d & ~mask) | (value & mask); }
  action swap() { h.data.d = h.data.d[31:0] ++ h.data.d[63:32]; h.data.c = h.data.c[7:0] ++ h.data.c[15:8] ++ h.data.c[23:16] ++ h.data.c[31:24]; }
  action signs() { h.data.c = (bit<32>)(int<32>)(int<8>)h.data.a; h.data.d = (bit<64>)((int<64>)h.data.d >> 4); if ((int<8>)h.data.a < 0) { h.data.b = 0xffff; } else { h.data.b = 1; } }
  action shifts(bit<8> n) { h.data.c = h.data.c << n; h.data.d = h.data.d >> n; }
  action push1() { h.tags.push_front(1); h.tags[0].setValid(); h.tags[0].value = 0xee; }
  action push2_bare() { h.tags.push_front(2); }
  action pop1() { h.tags.pop_front(1); }
  action pop5() { h.tags.pop_front(5); }
  action drop_header() { h.data.setInvalid(); }
  action add_again() { h.data.setInvalid(); h.data.setValid(); h.data.b = 7; }
  action copy_header() { h.copy = h.data; h.copy.a = 0x99; }
  action copy_invalid() { h.data = h.copy; }
  action copy_stack() { h.other = h.tags; }
  action copy_opt() { h.opt2 = h.opt; if (h.opt2.bytes == h.opt.bytes) { h.data.b = 1; } }
  action pick() { bit<8> i = h.data.b[7:0]; h.data.a = h.tags[i].value; }
  action poke(bit<8> v) { bit<8> i = h.data.b[7:0]; h.tags[i].value = v; }
  action branches() {
    if (h.data.a < 10) { h.data.b = 1; } else if (h.data.a < 20) { h.data.b = 2; if (h.data.a == 15) { h.data.c = 15; } } else { h.data.b = 3; }
    h.data.d = 1;
  }
  action leave() { h.data.b = 5; exit; }
  action count_it(bit<32> i) { cells.count(i); }
  action mark(bit<32> i) { marks.execute_meter(i, m.color); h.data.a = (bit<8>)m.color; }
  action volume(bit<32> i) { volumes.execute_meter(i, m.color); h.data.a = (bit<8>)m.color; }
  action remember(bit<32> i) { bit<32> old; memory.read(old, i); memory.write(i, old + 1); h.data.c = old; }
  action remember_wide() { bit<48> old; wide_memory.read(old, 1); wide_memory.write(1, old + 0x7fffffffffff); h.data.d = (bit<64>)old; }
  action crc16_of() { hash(m.h, HashAlgorithm.crc16, (bit<16>)100, { h.data.c, h.data.b }, (bit<32>)0x10000); h.data.c = m.h; }
  action crc32_of() { hash(m.h, HashAlgorithm.crc32, (bit<16>)0, { h.data.c, h.data.b }, (bit<48>)0x100000000); h.data.c = m.h; }
  action xor16_of() { hash(m.h, HashAlgorithm.xor16, (bit<16>)0, { h.data.c, h.data.b }, (bit<32>)0x10000); h.data.c = m.h; }
  action csum16_of() { hash(m.h, HashAlgorithm.csum16, (bit<16>)0, { h.data.c, h.data.b }, (bit<32>)0x10000); h.data.c = m.h; }
  action identity_of() { hash(h.data.d, HashAlgorithm.identity, (bit<16>)0, { h.data.c, h.data.b }, (bit<64>)0x1000000000000000); }
  // 9 + 3 bits of metadata in front of a header that may be missing: no whole bytes.
  action bits_of() { hash(m.h, HashAlgorithm.crc32, (bit<16>)0, { s.ingress_port, h.tags[0].value, 3w5 }, (bit<48>)0x100000000); h.data.c = m.h; }
  action dice() { random(h.data.c, 32w10, 32w13); random(h.data.d, 64w0x100000000000, 64w0x100000000003); }
  action dice_wrong() { random(h.data.c, 32w20, 32w13); }
  action cut(bit<32> n) { truncate(n); }
  action say() { log_msg("a={} d={}", { h.data.a, h.data.d }); }
  action insist() { assert(h.data.a == 1); }
  action suppose() { assume(h.data.a == 1); }
  action drop() { mark_to_drop(s); }
  action drop_not() { mark_to_drop(s); s.egress_spec = 3; }
  table choice {
    actions = { none; arith; merge; swap; signs; shifts; push1; push2_bare; pop1; pop5; drop_header; add_again; copy_header; copy_invalid; copy_stack;
      copy_opt; pick; poke; branches; leave; count_it; mark; volume; remember; remember_wide; crc16_of; crc32_of; xor16_of; csum16_of; identity_of;
      bits_of; dice; dice_wrong; cut; say; insist; suppose; drop; drop_not; }
    default_action = none();
  }
  action after_choice() { m.flag = 1; }
  table after { actions = { after_choice; } default_action = after_choice(); }
  apply {
    s.egress_spec = 2;
    choice.apply();
    after.apply();
    if (m.flag == 0) { h.data.d = 0xdead; }
    if (h.tags[0].isValid() && h.tags[1].isValid() && h.tags[0] == h.tags[1]) { h.data.b = 0x5a5a; }
  }
}
control E(inout headers_t h, inout meta_t m, inout standard_metadata_t s) { apply { if (h.data.isValid() && h.data.op[3:0] == 15) { h.data.c = s.packet_length; h.data.b = (bit<16>)s.egress_port; } } }
control C(inout headers_t h, inout meta_t m) {
  apply {
    update_checksum(h.data.isValid() && h.data.op[3:0] == 14, { h.data.op, h.data.a, h.data.c, h.data.d }, h.data.b, HashAlgorithm.csum16);
    update_checksum_with_payload(h.data.isValid() && h.data.op[3:0] == 13, { h.data.c }, h.data.b, HashAlgorithm.csum16);
  }
}
control D(packet_out pkt, in headers_t h) { apply { pkt.emit(h.data); pkt.emit(h.copy); pkt.emit(h.tags); pkt.emit(h.other); pkt.emit(h.opt); pkt.emit(h.opt2); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
