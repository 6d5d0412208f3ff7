// Numbers that the program and the agent share. The agent learns them from @of_pipeline on the package (main.p4), so
// they are pinned here and nowhere else.
#ifndef IDS_P4
#define IDS_P4

#define CPU_PORT 510            // packet-in and packet-out
#define CONTINUATION_FIRST 496  // virtual ports with nothing attached: a copy sent there goes on in another pass.
#define CONTINUATION_LAST 503   // Several, because BMv2 queues at most 64 packets for one egress port.
#define NULL_PORT 504           // virtual port where a copy is counted and dropped
#define FORK_GROUP 1            // multicast group that splits "emit, and then execute the action set"
#define FORK_EMIT 1             // its two instances
#define FORK_ACTION_SET 2

#define TABLE_NONE 255          // end of the pipeline: execute the action set
#define TABLE_CONTINUED 254     // the action list goes on in a continuation; the action set waits for it

#define REASON_NO_MATCH 0       // ofp_packet_in_reason, OF 1.3.5 §7.4.1
#define REASON_ACTION 1
#define REASON_INVALID_TTL 2
#define REASON_ACTION_SET 3     // newer versions tell them apart; a table-miss is what the flow itself sends, OF 1.3.5 §5.4
#define REASON_GROUP 4
#define REASON_TABLE_MISS 5     // an action of the table-miss flow itself

#define PACKET_OUT_PORT 0       // what a packet_out asks for
#define PACKET_OUT_TABLE 1
#define PACKET_OUT_GROUP 2
#define PACKET_OUT_NORMAL 3

#define INSTANCES 16            // OpenFlow switches that share the program, each with ports, tables, groups and meters of its own
#define TABLES 18                // of each: those of ingress processing, and from FIRST_EGRESS_TABLE on those of egress processing
#define FIRST_EGRESS_TABLE 16
#define MAX_EGRESS 3            // how often a copy of a copy … is sent out by egress tables: what goes on longer is a loop
#define PORT_UNSET 0xfffffff7   // OFPP_UNSET, the value of actset_output where the action set has no output

#define MISS_DROP 0             // what becomes of a packet that no flow matches
#define MISS_CONTROLLER 1
#define MISS_CONTINUE 2

#define TTL_IP 1                // which TTL a program decrements
#define TTL_MPLS 2

typedef bit<9> port_t;
typedef bit<16> program_t;
typedef bit<16> stages_t;
#endif
