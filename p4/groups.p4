// Groups. Every bucket is a multicast group, however small; what a group decides is which one. OF 1.3.5 §5.6.1
//   ALL, INDIRECT    the same for every packet
//   SELECT           by a hash over what makes a flow; the agent cuts the range of the hash by the buckets' weights
//   FAST_FAILOVER    by the ports that are live: the first bucket whose port is. One entry holds the map of live
//                    ports, so a port that goes down is one Write, however many groups fail over
#ifndef GROUPS_P4
#define GROUPS_P4
#include "headers.p4"
#include "metadata.p4"

control Groups(inout headers_t h, inout metadata_t m) {
  direct_counter(CounterType.packets_and_bytes) group_hits;
  bit<16> hash_value = 0;
  bit<512> live_ports = 0;
  bit<2> kind = 0;

  @of_do[kind="emit"] action emit(@of[role="multicast"] bit<16> multicast) { m.emission.multicast = multicast; group_hits.count(); }
  @of_do[kind="select"] action choose_by_hash() { kind = 1; group_hits.count(); }
  @of_do[kind="failover"] action choose_by_liveness() { kind = 2; group_hits.count(); }
  action no_group() { }
  @of_group
  table group {
    key = { m.instance: exact @name("instance") @of[role="instance"]; m.emission.group: exact @of[role="group"]; }
    actions = { emit; choose_by_hash; choose_by_liveness; @defaultonly no_group; }
    counters = group_hits;
    size = 4096;
    default_action = no_group();
  }

  @of_do[kind="emit"] action emit_bucket(@of[role="multicast"] bit<16> multicast) { m.emission.multicast = multicast; }
  @of_group_select
  table selected {
    key = { m.instance: exact @name("instance") @of[role="instance"]; m.emission.group: exact @of[role="group"]; hash_value: range @name("hash") @of[role="hash"]; }
    actions = { emit_bucket; @defaultonly NoAction; }
    size = 16384;
    default_action = NoAction();
  }
  @of_group_failover
  table failover {
    key = { m.instance: exact @name("instance") @of[role="instance"]; m.emission.group: exact @of[role="group"]; live_ports: ternary @name("live_ports") @of[role="live"]; }
    actions = { emit_bucket; @defaultonly NoAction; }
    size = 16384;
    default_action = NoAction();
  }
  // Bit n is set while port n of this program is live, of the ports of the instance.
  @of_do[kind="live"] action set_live(@of[role="live"] bit<512> ports) { live_ports = ports; }
  @of_live_ports
  table liveness {
    key = { m.instance: exact @name("instance") @of[role="instance"]; }
    actions = { set_live; @defaultonly NoAction; }
    size = INSTANCES;
    default_action = NoAction();
  }

  apply {
    if (group.apply().hit) {
      if (kind == 1) {
        hash(hash_value, HashAlgorithm.crc32, 16w0, {
          h.eth.dst, h.eth.src, m.eth_type, m.vlan_vid, h.ipv4.src, h.ipv4.dst, h.ipv6.src, h.ipv6.dst, m.ip_proto, m.l4_src, m.l4_dst
        }, 32w65536);
        selected.apply();
      } else if (kind == 2) {
        liveness.apply();
        failover.apply();
      }
    }
  }
}
#endif
