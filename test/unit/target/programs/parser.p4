// Parser features. The frame starts with a type byte that picks a path; egress_spec = ingress_port, so that every frame
// comes back with the result header in front.
#include <core.p4>
#include <v1model.p4>

header kind_t { bit<8> kind; }
header result_t { bit<8> code; bit<8> a; bit<16> b; bit<32> c; }
header fixed_t { bit<3> x; bit<13> y; bit<48> z; }
header item_t { bit<7> value; bit<1> last; }
header options_t { bit<8> count; varbit<64> bytes; bit<8> tail; }
header wide_t { bit<128> value; }

struct headers_t { result_t result; kind_t kind; fixed_t fixed; item_t[3] items; options_t options; wide_t wide; }
struct meta_t { bit<8> a; bit<16> b; bit<32> c; bit<8> kind; }
error { TooBig, NotAnError }

parser P(packet_in pkt, out headers_t h, inout meta_t m, inout standard_metadata_t s) {
  state start {
    pkt.extract(h.kind);
    transition select(h.kind.kind) {
      1: fixed;
      2: items;
      3: options;
      4: ahead;
      5: skip;
      6: check;
      0x10 &&& 0xf0: masked;
      0x20..0x2f: masked;
      7: wide;
      8: pair;
      9: forever;
      default: accept;
    }
  }
  state fixed { pkt.extract(h.fixed); m.a = (bit<8>)h.fixed.x; m.b = (bit<16>)h.fixed.y; m.c = (bit<32>)h.fixed.z; transition accept; }
  state items {
    pkt.extract(h.items.next);
    m.a = m.a + 1;
    transition select(h.items.last.last) { 0: items; default: items_done; }
  }
  state items_done { m.b = (bit<16>)h.items.lastIndex; m.c = (bit<32>)h.items[0].value; transition accept; }
  state options {
    pkt.extract(h.options, (bit<32>)(pkt.lookahead<bit<8>>()) * 8);
    m.a = h.options.tail;
    transition accept;
  }
  state ahead {
    m.a = pkt.lookahead<bit<8>>();
    m.c = pkt.lookahead<bit<32>>();
    m.b = (bit<16>)pkt.lookahead<bit<12>>();
    transition select(pkt.lookahead<bit<16>>()) { 0xabcd: fixed; default: accept; }
  }
  state skip { m.a = pkt.lookahead<bit<8>>(); pkt.advance((bit<32>)m.a * 4); transition fixed_again; }
  state fixed_again { pkt.extract(h.fixed); transition accept; }
  state check {
    pkt.extract(h.fixed);
    verify(h.fixed.y < 100, error.TooBig);
    m.a = 0x77;
    transition accept;
  }
  state masked { m.a = 0x55; transition accept; }
  state wide {
    pkt.extract(h.wide);
    transition select(h.wide.value, h.kind.kind) {
      (0x00112233445566778899aabbccddeeff, 7): masked;
      (0xff000000000000000000000000000000 &&& 0xff000000000000000000000000000001, _): skip_none;
      default: accept;
    }
  }
  state skip_none { m.a = 0x66; transition accept; }
  state pair {
    pkt.extract(h.fixed);
    transition select(h.fixed.x, h.fixed.y) { (5, 0x1fff): masked; (_, 7): skip_none; default: accept; }
  }
  state forever { m.a = m.a + 1; transition select(h.kind.kind) { 9: forever; default: accept; } }
}
control V(inout headers_t h, inout meta_t m) { apply {} }
control I(inout headers_t h, inout meta_t m, inout standard_metadata_t s) {
  apply {
    s.egress_spec = s.ingress_port;
    h.result.setValid();
    h.result.a = m.a;
    h.result.b = m.b;
    h.result.c = m.c;
    if (s.parser_error == error.NoError) { h.result.code = 0; }
    else if (s.parser_error == error.PacketTooShort) { h.result.code = 1; }
    else if (s.parser_error == error.StackOutOfBounds) { h.result.code = 3; }
    else if (s.parser_error == error.HeaderTooShort) { h.result.code = 4; }
    else if (s.parser_error == error.ParserTimeout) { h.result.code = 5; }
    else if (s.parser_error == error.ParserInvalidArgument) { h.result.code = 6; }
    else if (s.parser_error == error.TooBig) { h.result.code = 7; }
    else { h.result.code = 0xff; }
  }
}
control E(inout headers_t h, inout meta_t m, inout standard_metadata_t s) { apply {} }
control C(inout headers_t h, inout meta_t m) { apply {} }
control D(packet_out pkt, in headers_t h) { apply { pkt.emit(h); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
