// What a flow or a continuation can ask for, and how it is carried out.
#ifndef EXECUTE_P4
#define EXECUTE_P4
#include "headers.p4"
#include "metadata.p4"
#include "rewrite.p4"

// Everything a flow can ask for. A missing parameter means that the flow does not.
// `cell`: where the flow is counted besides, 0 = nowhere (flow_table.p4).
#define P_FLOW      @of[role="flow"] bit<32> flow_id, @of[role="cell"] bit<32> cell
#define P_PROGRAM   @of[role="program"] program_t program, @of[role="stages"] stages_t stages
#define P_PORT      @of[role="port"] port_t port, @of[role="max_len"] bit<16> max_len, @of[role="reason"] bit<8> reason
#define P_MULTICAST @of[role="multicast"] bit<16> multicast
#define P_IN_PORT   @of[role="to_in_port"] bit<1> to_in_port
#define P_NORMAL    @of[role="normal"] bit<1> normal
#define P_GROUP     @of[role="group"] bit<32> group
#define P_NEXT      @of[role="next_table"] bit<8> next_table
#define P_METADATA  @of[role="metadata"] bit<64> metadata, @of[role="metadata_mask"] bit<64> metadata_mask
#define P_WRITE     @of[role="clear"] bit<1> clear, @of[role="write"] bit<16> write
#define P_METER     @of[role="meter"] bit<32> meter_id
#define P_TTL       @of[role="ttl_check"] bit<2> ttl_check, @of[role="ttl_program"] program_t ttl_program, @of[role="ttl_stages"] stages_t ttl_stages

#define DO_PROGRAM  m.program = program; m.stages = stages;
#define DO_PORT     m.emission.port = port; m.emission.max_len = max_len; m.reason = reason;
#define DO_METADATA m.metadata = (m.metadata & ~metadata_mask) | metadata;
#define DO_METER    m.meter = meter_id;
#define DO_TTL      m.ttl_check = ttl_check; m.ttl_program = ttl_program; m.ttl_stages = ttl_stages;

// Runs the program of the instructions, or, where the TTL has run out, the part of the list before the decrement and
// then the packet-in.
control Execute(inout headers_t h, inout metadata_t m) {
  Rewrite() rewrite;
  TtlCheck() ttl;
  apply {
    if (m.ttl_check != 0) {
      bool expired;
      ttl.apply(h, m.ttl_check, expired);
      m.ttl_check = 0;
      if (expired) {
        m.program = m.ttl_program;
        m.stages = m.ttl_stages;
        m.clear = 0;
        m.write = 0;
        m.next_table = TABLE_CONTINUED;
        m.reason = REASON_INVALID_TTL;
        CLEAR_EMISSION
        m.emission.port = CPU_PORT;
        m.emission.max_len = 0xffff;
      }
    }
    if (m.stages != 0) { rewrite.apply(h, m); }
    if (m.emission.port != 0 || m.emission.multicast != 0 || m.emission.to_in_port == 1 || m.emission.normal == 1 || m.emission.group != 0) {
      m.done = 1;
    } else if (m.unparsed == 1 && m.done == 0 && m.next_table != TABLE_NONE) {
      m.emission.port = CONTINUATION_FIRST;   // the next table may copy a TTL
      m.done = 1;
    }
  }
}
#endif
