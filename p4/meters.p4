// Meters: rate limits that flows share, across all tables. OF 1.3.5 §5.7, §6.6
//
// Each band of a meter is a cell of its own in a meter array, one array for rates in bits and one for rates in packets, with
// committed = peak: every band measures everything that comes to the meter, and is exceeded where its cell is not green. The
// bands of a meter lie in a row by rising rate, so the last one that is exceeded is the one that applies. The arrays and their
// counters are shared by all instances; the table is beneath each flow table, with the meters that its flows use, and in
// egress, with the meter of packet-ins.
#ifndef METERS_P4
#define METERS_P4
#include "headers.p4"
#include "metadata.p4"
#include "rewrite.p4"

#define METER_CONTROLLER 0xfffffffe  // what packet-ins go through, OF 1.3.5 §7.3.4.4
#define METERS 4096
#define METER_BANDS 8
#define METER_BANDS_LOG 3
#define METER_CELLS 32768      // METERS * METER_BANDS

#define METER_GREEN 0
#define ON_EXCEEDED_DROP 0     // what the band that applies does: two bits for each band, those of the lowest rate first
#define ON_EXCEEDED_LEAVE 3    // 1 and 2 raise the drop precedence by as much

#define P_METER_BANDS @of[role="cell"] bit<32> cell, @of[role="bands"] bit<4> bands, @of[role="on_exceeded"] bit<16> on_exceeded
#define MEASURE(unit, n) \
  if (bands > n) { unit.execute_meter(cell + n, color); if (color != METER_GREEN) { exceeded = n + 1; } }
#define MEASURE_ALL(unit) \
  first = cell; reactions = on_exceeded; \
  MEASURE(unit, 0) MEASURE(unit, 1) MEASURE(unit, 2) MEASURE(unit, 3) MEASURE(unit, 4) MEASURE(unit, 5) MEASURE(unit, 6) MEASURE(unit, 7) \
  metered.count(cell >> METER_BANDS_LOG);

// Raises the drop precedence of an assured forwarding code point, at most to high; others have none. RFC 2597 §6
#define RAISE_PRECEDENCE(dscp) \
  if (dscp[5:3] >= 1 && dscp[5:3] <= 4 && dscp[2:1] != 0 && dscp[0:0] == 0) { \
    bit<3> raised = 1w0 ++ dscp[2:1]; \
    raised = raised + (1w0 ++ what); \
    if (raised > 3) { raised = 3; } \
    dscp[2:1] = raised[1:0]; \
  }

@of_counter[of="meter"] counter(METERS, CounterType.packets_and_bytes) metered;
@of_counter[of="meter_band"] counter(METER_CELLS, CounterType.packets_and_bytes) exceeding;
@of_meter_cells[unit="kbps"] meter(METER_CELLS, MeterType.bytes) kbps;
@of_meter_cells[unit="pktps"] meter(METER_CELLS, MeterType.packets) pktps;

control Meters(inout headers_t h, inout metadata_t m) {
  Originals() originals;
  bit<32> first = 0;
  bit<16> reactions = 0;
  bit<8> exceeded = 0;     // 1 + the number of the band that applies
  bit<2> color = METER_GREEN;
  bit<2> what = 0;
  @of_do[kind="kbps"] action meter_kbps(P_METER_BANDS) { MEASURE_ALL(kbps) }
  @of_do[kind="pktps"] action meter_pktps(P_METER_BANDS) { MEASURE_ALL(pktps) }
  @of_meter[bands=METER_BANDS]
  table meters {
    key = { m.instance: exact @name("instance") @of[role="instance"]; m.meter: exact @of[role="meter"]; }
    actions = { meter_kbps; meter_pktps; @defaultonly NoAction; }
    size = METERS;
    default_action = NoAction();
  }

  apply {
    meters.apply();
    m.meter = 0;
    if (exceeded != 0) {
      exceeded = exceeded - 1;
      exceeding.count(first + (bit<32>)exceeded);
      what = (bit<2>)(reactions >> (exceeded << 1));
      if (what == ON_EXCEEDED_DROP) {
        // Nothing more happens to the packet: no actions, no action set.
        m.done = 1;
        m.next_table = TABLE_CONTINUED;
        m.stages = 0; m.ttl_check = 0; m.clear = 0; m.write = 0;
        CLEAR_EMISSION
      } else if (what != ON_EXCEEDED_LEAVE && L3_VISIBLE) {
        originals.apply(h, m);
        if (h.ipv4.isValid()) { RAISE_PRECEDENCE(h.ipv4.dscp) }
        else if (h.ipv6.isValid()) { RAISE_PRECEDENCE(h.ipv6.dscp) }
        m.stale = 1;
      }
    }
  }
}
#endif
