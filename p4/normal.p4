// OFPP_NORMAL: forwards as an ordinary switch that learns (OF 1.3.5 §4.5; as Open vSwitch). Hosts are learned by VLAN: a source
// that is not known where it came in is told to the agent, which enters it in both tables; a source that is silent for long is
// told by its idle timeout. Unknown destinations are flooded.
//
//   tag ─▶ admission ─▶ VLAN, and a tag that says it ─▶ source ─▶ destination, or flood ─▶ without the tag where the port says so
//
// A port carries every VLAN unless it has entries in `admission`. Copies of a flood lose their tag in egress, as the group says.
#ifndef NORMAL_P4
#define NORMAL_P4
#include "headers.p4"
#include "metadata.p4"
#include "rewrite.p4"

#define HOSTS 8192
#define ADMISSIONS 16384
#define FLOODS 8192

struct host_t { bit<32> in_port; bit<12> vlan; bit<48> address; bit<8> instance; }

control Normal(inout headers_t h, inout metadata_t m) {
  bit<12> vlan = 0;
  bit<1> denied = 0;
  bit<1> untagged = 0;
  @of_do[kind="admit"] action admit() { }
  // Only what has no VLAN of its own comes into another one.
  @of_do[kind="admit_as"] action admit_as(@of[role="as_vlan"] bit<12> as_vlan) {
    vlan = as_vlan;
    if (!h.vlan[0].isValid()) { PUSH_VLAN(0x8100) }
    if (h.vlan[0].isValid()) { h.vlan[0].vid = as_vlan; h.vlan[0].dei = 0; }
  }
  @of_do[kind="deny"] action deny() { denied = 1; }
  // 16 bits: P4Runtime of BMv2 takes prefixes of whole bytes only.
  @of_normal_admission
  table admission {
    key = { m.in_port_hw: exact @name("port") @of[role="port"]; (bit<16>)vlan: lpm @name("vlan") @of[role="vlan"]; }
    actions = { admit; admit_as; deny; }
    size = ADMISSIONS;
    default_action = admit();
  }
  action known() { }
  @of_normal_source
  table source {
    key = {
      m.instance: exact @name("instance") @of[role="instance"];
      vlan: exact @name("vlan") @of[role="vlan"];
      h.eth.src: exact @name("address") @of[role="address"];
      m.in_port: exact @name("in_port") @of[role="in_port"];
    }
    actions = { known; @defaultonly NoAction; }
    support_timeout = true;
    size = HOSTS;
    default_action = NoAction();
  }
  action forward(@of[role="port"] port_t port, @of[role="untagged"] bit<1> untag) { m.emission.port = port; untagged = untag; }
  @of_normal_destination
  table destination {
    key = {
      m.instance: exact @name("instance") @of[role="instance"];
      vlan: exact @name("vlan") @of[role="vlan"];
      h.eth.dst: exact @name("address") @of[role="address"];
    }
    actions = { forward; @defaultonly NoAction; }
    size = HOSTS;
    default_action = NoAction();
  }
  action flood(@of[role="multicast"] bit<16> multicast) { m.emission.multicast = multicast; }
  @of_normal_flood
  table unknown {
    key = { m.instance: exact @name("instance") @of[role="instance"]; (bit<16>)vlan: lpm @name("vlan") @of[role="vlan"]; }
    actions = { flood; @defaultonly NoAction; }
    size = FLOODS;
    default_action = NoAction();
  }
  apply {
    if (h.vlan[0].isValid()) { vlan = h.vlan[0].vid; }
    admission.apply();
    // What bridges tell each other goes no further and teaches nothing: IEEE 802.1D §7.12.6, and as Open vSwitch has it
    // the protocols of Extreme (EDP, EAPS) and Cisco (ISL; CDP and others; PVST+; uplink fast; CFM).
    if (denied == 0 && h.eth.isValid() && h.eth.dst[47:4] != 0x0180c200000
        && h.eth.dst != 0x00e02b000000 && h.eth.dst != 0x00e02b000004 && h.eth.dst != 0x00e02b000006
        && h.eth.dst != 0x01000c000000 && h.eth.dst != 0x01000ccccccc && h.eth.dst != 0x01000ccccccd
        && h.eth.dst != 0x01000ccdcdcd && h.eth.dst[47:3] != 0x002001999998) {
      // Only ports have hosts behind them, and a group address is no host.
      if (m.in_port_hw != 0 && h.eth.src[40:40] == 0) {
        if (!source.apply().hit) { digest<host_t>(1, { m.in_port, vlan, h.eth.src, m.instance }); }
      }
      if (!destination.apply().hit) { unknown.apply(); }
      // A tag that says nothing is taken out, as Open vSwitch does.
      if (untagged == 1 || h.vlan[0].isValid() && h.vlan[0].vid == 0 && h.vlan[0].pcp == 0) { POP_VLAN }
    }
  }
}
#endif
