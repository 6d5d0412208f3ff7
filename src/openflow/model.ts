/**
 * The version-free OpenFlow model: what the codec decodes every version into and what everything above it works on.
 * No wire layout lives here (see schema/), no behaviour (see ../datapath).
 *
 * Conventions
 * - Port numbers, group ids and table ids are those of OpenFlow 1.3 (32, 32 and 8 bits); 1.0's 16-bit reserved ports
 *   are widened and narrowed by the codec (OF 1.0 §5.2.1, OF 1.3.5 §7.2.1).
 * - Field values and masks are bigints, already in host order; a mask bit of 1 means "must match" / "is written".
 * - A field that only some versions have holds its default in the others.
 * - A `Match` is canonical (see match.ts): sorted by field number, no all-zero mask, all-ones mask is null,
 *   value & ~mask == 0.
 *
 * Messages about controllers and bundles are in model-control.ts, properties in model-properties.ts.
 */
import type {
  AsyncChange, AsyncConfig, BundleAdd, BundleControl, BundleTimeFeatures, Controller, ControllerStatus, RequestForward, RoleReply, RoleRequest,
  RoleStatus, TableDesc, TableMod, TableStatus,
} from './model-control.js'
import type { FlowCounts, OxmId, PortDescProperty, PortModProperty, PortStatsProperty, StatTrigger } from './model-properties.js'

export * from './model-control.js'
export * from './model-properties.js'

import type { NiciraMessage, NiciraStatsReply, NiciraStatsRequest } from './model-nicira.js'

export type OxmName =
  | 'in_port' | 'in_phy_port' | 'metadata' | 'eth_dst' | 'eth_src' | 'eth_type' | 'vlan_vid' | 'vlan_pcp'
  | 'ip_dscp' | 'ip_ecn' | 'ip_proto' | 'ipv4_src' | 'ipv4_dst' | 'tcp_src' | 'tcp_dst' | 'udp_src' | 'udp_dst'
  | 'sctp_src' | 'sctp_dst' | 'icmpv4_type' | 'icmpv4_code' | 'arp_op' | 'arp_spa' | 'arp_tpa' | 'arp_sha' | 'arp_tha'
  | 'ipv6_src' | 'ipv6_dst' | 'ipv6_flabel' | 'icmpv6_type' | 'icmpv6_code' | 'ipv6_nd_target' | 'ipv6_nd_sll'
  | 'ipv6_nd_tll' | 'mpls_label' | 'mpls_tc' | 'mpls_bos' | 'pbb_isid' | 'tunnel_id' | 'ipv6_exthdr'
  /** The first since 1.4, the others since 1.5. */
  | 'pbb_uca' | 'tcp_flags' | 'actset_output' | 'packet_type'

/** `mask === null` means every bit of the field is compared (or written). */
export interface FieldValue { readonly field: OxmName; readonly value: bigint; readonly mask: bigint | null }
export type Match = readonly FieldValue[]

/** Reserved port numbers. OF 1.3.5 §7.2.1. */
export const Port = {
  MAX: 0xffffff00, /** Only as the value of actset_output. OF 1.5.1 §7.2.1.2 */ UNSET: 0xfffffff7, IN_PORT: 0xfffffff8, TABLE: 0xfffffff9, NORMAL: 0xfffffffa, FLOOD: 0xfffffffb, ALL: 0xfffffffc,
  CONTROLLER: 0xfffffffd, LOCAL: 0xfffffffe, ANY: 0xffffffff,
} as const
export const Group = { MAX: 0xffffff00, ALL: 0xfffffffc, ANY: 0xffffffff } as const
export const Meter = { MAX: 0xffff0000, SLOWPATH: 0xfffffffd, CONTROLLER: 0xfffffffe, ALL: 0xffffffff } as const
export const MeterFlag = { KBPS: 1, PKTPS: 2, BURST: 4, STATS: 8 } as const
export const Table = { MAX: 0xfe, ALL: 0xff } as const
/** Buckets by place and all of them, for insert_bucket and remove_bucket. OF 1.5.1 §7.3.4.3 */
export const BucketId = { MAX: 0xffffff00, FIRST: 0xfffffffd, LAST: 0xfffffffe, ALL: 0xffffffff } as const
export const Queue = { ALL: 0xffffffff } as const
export const NO_BUFFER = 0xffffffff
/** max_len of an output to CONTROLLER that asks for the whole packet. OF 1.3.5 §7.2.5. */
export const CONTROLLER_MAX_LEN_NO_BUFFER = 0xffff

export type Action =
  | { readonly type: 'output'; readonly port: number; readonly maxLen: number }
  | { readonly type: 'group'; readonly groupId: number }
  | { readonly type: 'set_queue'; readonly queueId: number }
  /** OF 1.0's OFPAT_ENQUEUE: output through one queue of a port, without changing the queue of later outputs. */
  | { readonly type: 'enqueue'; readonly port: number; readonly queueId: number }
  /** `load`: said as Open vSwitch's NXAST_REG_LOAD, and so told again. */
  | { readonly type: 'set_field'; readonly field: OxmName; readonly value: bigint; readonly mask: bigint | null; readonly load?: true }
  | { readonly type: 'push_vlan'; readonly ethertype: number }
  | { readonly type: 'pop_vlan' }
  /** OF 1.0's SET_VLAN_VID / SET_VLAN_PCP: adds an 802.1Q tag where there is none. OF 1.0 §5.2.4. */
  | { readonly type: 'set_vlan_vid'; readonly vid: number }
  | { readonly type: 'set_vlan_pcp'; readonly pcp: number }
  | { readonly type: 'push_mpls'; readonly ethertype: number }
  | { readonly type: 'pop_mpls'; readonly ethertype: number }
  | { readonly type: 'push_pbb'; readonly ethertype: number }
  | { readonly type: 'pop_pbb' }
  | { readonly type: 'set_nw_ttl'; readonly ttl: number }
  | { readonly type: 'dec_nw_ttl' }
  | { readonly type: 'set_mpls_ttl'; readonly ttl: number }
  | { readonly type: 'dec_mpls_ttl' }
  | { readonly type: 'copy_ttl_out' }
  | { readonly type: 'copy_ttl_in' }
  /** Since 1.5; an instruction in 1.3 and 1.4. */
  | { readonly type: 'meter'; readonly meterId: number }
  /**
   * Copies `bits` bits from bit `srcOffset` of one field to bit `dstOffset` of another. OF 1.5.1 §7.2.6.12; before 1.5 Open
   * vSwitch's NXAST_REG_MOVE, or in 1.3 the extension EXT-320 of the ONF (`onf`).
   */
  | { readonly type: 'copy_field'; readonly bits: number; readonly srcOffset: number; readonly dstOffset: number; readonly src: OxmName; readonly dst: OxmName; readonly onf?: true }
  /** Open vSwitch's NXAST_CONTROLLER: an output to the connections with this id, for this reason; with 0 and `action` it is an output. */
  | { readonly type: 'controller'; readonly maxLen: number; readonly controllerId: number; readonly reason: PacketInReason }
  /** Open vSwitch's NXAST_NOTE: kept and shown, and nothing else. */
  | { readonly type: 'note'; readonly data: Uint8Array }
  | { readonly type: 'experimenter'; readonly experimenter: number; readonly body: Uint8Array }

/**
 * At most one instruction of each type (OF 1.3.5 §5.9). `null` means the instruction is absent, which differs from an
 * instruction with an empty list. A 1.0 flow has only `apply` (possibly empty).
 */
export interface Instructions {
  /** In 1.3 and 1.4; an action since 1.5. */
  readonly meter: number | null
  readonly apply: readonly Action[] | null
  readonly clear: boolean
  readonly write: readonly Action[] | null
  readonly writeMetadata: { readonly value: bigint; readonly mask: bigint } | null
  readonly gotoTable: number | null
  /** Since 1.5. */
  readonly statTrigger: StatTrigger | null
}
export const NO_INSTRUCTIONS: Instructions =
  { meter: null, apply: null, clear: false, write: null, writeMetadata: null, gotoTable: null, statTrigger: null }

export const FlowModFlag = { SEND_FLOW_REM: 1, CHECK_OVERLAP: 2, RESET_COUNTS: 4, NO_PKT_COUNTS: 8, NO_BYT_COUNTS: 16 } as const
export type FlowModCommand = 'add' | 'modify' | 'modify_strict' | 'delete' | 'delete_strict'

/** Seconds for timeouts; 0 = permanent. `tableId` may be Table.ALL for deletes; a 1.0 flow-mod always has table 0 (deletes: ALL). */
export interface FlowMod {
  readonly type: 'flow_mod'
  readonly command: FlowModCommand
  readonly tableId: number
  readonly priority: number
  readonly match: Match
  readonly cookie: bigint
  readonly cookieMask: bigint
  readonly idleTimeout: number
  readonly hardTimeout: number
  readonly bufferId: number
  readonly outPort: number
  readonly outGroup: number
  /** Bits of FlowModFlag; 1.0's EMERG (bit 2 of 1.0) is refused by the codec as OFPFMFC_UNSUPPORTED's 1.0 equivalent. */
  readonly flags: number
  /** Since 1.4: which flows are evicted last; 0 = first. */
  readonly importance: number
  readonly instructions: Instructions
}

export type GroupType = 'all' | 'select' | 'indirect' | 'ff'
/** `bucketId` is on the wire since 1.5; of an earlier version it is the bucket's place in the list, from 0. */
export interface Bucket { readonly bucketId: number; readonly weight: number; readonly watchPort: number; readonly watchGroup: number; readonly actions: readonly Action[] }
export interface GroupMod {
  readonly type: 'group_mod'
  /** The last two since 1.5. */
  readonly command: 'add' | 'modify' | 'delete' | 'insert_bucket' | 'remove_bucket'
  readonly groupType: GroupType
  readonly groupId: number
  readonly buckets: readonly Bucket[]
  /** Of insert_bucket the bucket to insert after, of remove_bucket the one to remove, or a BucketId; ALL otherwise. */
  readonly commandBucketId: number
}

/** Bits of PortConfig and PortState are those of OF 1.3 (§7.2.1); the codec maps 1.0's (adds NO_STP/NO_FLOOD as below). */
export const PortConfig = { DOWN: 1 << 0, NO_STP: 1 << 1, NO_RECV: 1 << 2, NO_FLOOD: 1 << 4, NO_FWD: 1 << 5, NO_PACKET_IN: 1 << 6 } as const
export const PortState = { LINK_DOWN: 1 << 0, BLOCKED: 1 << 1, LIVE: 1 << 2 } as const
/** Feature bits as in OF 1.3 §7.2.1 (ofp_port_features); speeds in kbit/s. `hwAddr` is 48 bits. */
export interface PortDesc {
  readonly portNo: number; readonly hwAddr: bigint; readonly name: string; readonly config: number; readonly state: number
  readonly curr: number; readonly advertised: number; readonly supported: number; readonly peer: number
  readonly currSpeed: number; readonly maxSpeed: number
  /** Since 1.4. */
  readonly properties: readonly PortDescProperty[]
}
export interface PortMod {
  readonly type: 'port_mod'; readonly portNo: number; readonly hwAddr: bigint
  readonly config: number; readonly mask: number; readonly advertise: number
  /** Since 1.4. */
  readonly properties: readonly PortModProperty[]
}

export interface MeterBand { readonly type: 'drop' | 'dscp_remark' | 'experimenter'; readonly rate: number; readonly burstSize: number; readonly precLevel: number }
export interface MeterMod {
  readonly type: 'meter_mod'; readonly command: 'add' | 'modify' | 'delete'
  /** Bits of MeterFlag. */
  readonly flags: number; readonly meterId: number; readonly bands: readonly MeterBand[]
}

/** The last three since 1.4; to earlier versions they are `action`. `action` is an output of apply-actions since then. OF 1.4.1 §7.4.1 */
export type PacketInReason = 'no_match' | 'action' | 'invalid_ttl' | 'action_set' | 'group' | 'packet_out'
/** `match` holds the pipeline fields (in_port, in_phy_port, metadata, tunnel_id), never header fields. */
export interface PacketIn {
  readonly type: 'packet_in'; readonly bufferId: number; readonly totalLen: number; readonly reason: PacketInReason
  readonly tableId: number; readonly cookie: bigint; readonly match: Match; readonly data: Uint8Array
}
export interface PacketOut {
  readonly type: 'packet_out'; readonly bufferId: number; readonly inPort: number
  /** Since 1.5: pipeline fields besides in_port that the packet starts with. */
  readonly match: Match
  readonly actions: readonly Action[]; readonly data: Uint8Array
}
/** `meter_delete` and `eviction` are reasons of their own since 1.4; before, the codec says `delete`. */
export type FlowRemovedReason = 'idle_timeout' | 'hard_timeout' | 'delete' | 'group_delete' | 'meter_delete' | 'eviction'
export interface FlowRemoved {
  readonly type: 'flow_removed'; readonly cookie: bigint; readonly priority: number; readonly reason: FlowRemovedReason
  readonly tableId: number; readonly durationSec: number; readonly durationNsec: number
  readonly idleTimeout: number; readonly hardTimeout: number; readonly packetCount: bigint; readonly byteCount: bigint; readonly match: Match
}
export interface PortStatus { readonly type: 'port_status'; readonly reason: 'add' | 'delete' | 'modify'; readonly port: PortDesc }

/** `name` is the specification's code name ('OFPFMFC_OVERLAP'); the codec numbers it for the version of the channel. */
export interface ErrorMessage { readonly type: 'error'; readonly name: ErrorName; readonly data: Uint8Array }
/** A name that may not exist in the channel's version is replaced by the nearest one that does; see schema/errors.ts. */
export type ErrorName = `OFP${string}`
/** An OFPT_ERROR received from a peer, kept as numbers. */
export interface PeerError { readonly type: 'peer_error'; readonly errorType: number; readonly code: number; readonly data: Uint8Array }

// ---- Statistics ("multipart" since 1.3) -------------------------------------------------------------------------

export interface FlowStatsFilter {
  readonly tableId: number; readonly outPort: number; readonly outGroup: number
  readonly cookie: bigint; readonly cookieMask: bigint; readonly match: Match
}
export type StatsRequestBody =
  | { readonly kind: 'desc' }
  | ({ readonly kind: 'flow' } & FlowStatsFilter)
  | ({ readonly kind: 'aggregate' } & FlowStatsFilter)
  | { readonly kind: 'table' }
  | { readonly kind: 'port'; readonly portNo: number }
  | { readonly kind: 'queue'; readonly portNo: number; readonly queueId: number }
  | { readonly kind: 'group'; readonly groupId: number }
  /** Group.ALL before 1.5. */
  | { readonly kind: 'group_desc'; readonly groupId: number }
  | { readonly kind: 'group_features' }
  | { readonly kind: 'meter'; readonly meterId: number }
  | { readonly kind: 'meter_config'; readonly meterId: number }
  | { readonly kind: 'meter_features' }
  /** `tables` is empty for a plain query; otherwise the controller asks for a change. */
  | { readonly kind: 'table_features'; readonly tables: readonly TableFeatures[] }
  /** Port.ANY before 1.5. */
  | { readonly kind: 'port_desc'; readonly portNo: number }
  /** Since 1.4. */
  | { readonly kind: 'table_desc' }
  | { readonly kind: 'queue_desc'; readonly portNo: number; readonly queueId: number }
  | { readonly kind: 'flow_monitor'; readonly monitors: readonly FlowMonitorRequest[] }
  /** Since 1.5. `flow` describes flows there, and gives their statistics too. */
  | ({ readonly kind: 'flow_stats' } & FlowStatsFilter)
  | { readonly kind: 'controller_status' }
  /** `flags`: TIMESTAMP 1, TIME_SET_SCHED 2; `time` if one of them is set. */
  | { readonly kind: 'bundle_features'; readonly flags: number; readonly time: BundleTimeFeatures | null }
  | NiciraStatsRequest
  | { readonly kind: 'experimenter'; readonly experimenter: number; readonly expType: number; readonly body: Uint8Array }
export interface StatsRequest { readonly type: 'stats_request'; readonly more: boolean; readonly body: StatsRequestBody }

export const FlowMonitorFlag = { INITIAL: 1, ADD: 2, REMOVED: 4, MODIFY: 8, INSTRUCTIONS: 16, NO_ABBREV: 32, ONLY_OWN: 64 } as const
/** Since 1.4, and by Nicira's extension. OF 1.4.1 §7.3.5.17 */
export interface FlowMonitorRequest {
  readonly monitorId: number; readonly command: 'add' | 'modify' | 'delete'; readonly flags: number
  readonly tableId: number; readonly outPort: number; readonly outGroup: number; readonly match: Match
}
export type FlowUpdate =
  | {
    readonly event: 'initial' | 'added' | 'removed' | 'modified'; readonly tableId: number
    /** Of a flow that was removed. */
    readonly reason: FlowRemovedReason | null
    readonly idleTimeout: number; readonly hardTimeout: number; readonly priority: number; readonly cookie: bigint
    readonly match: Match; readonly instructions: Instructions
  }
  /** The receiver's own request with this xid did it. */
  | { readonly event: 'abbrev'; readonly xid: number }
  | { readonly event: 'paused' } | { readonly event: 'resumed' }

export interface FlowStats {
  readonly tableId: number; readonly durationSec: number; readonly durationNsec: number; readonly priority: number
  readonly idleTimeout: number; readonly hardTimeout: number; readonly flags: number
  /** As in FlowMod. */
  readonly importance: number
  readonly cookie: bigint
  readonly packetCount: bigint; readonly byteCount: bigint; readonly match: Match; readonly instructions: Instructions
}
/** What 1.5 tells of a flow's counters alone. `reason`: asked for, or a StatTrigger. OF 1.5.1 §7.3.5.3 */
export interface FlowCounters {
  readonly tableId: number; readonly reason: 'request' | 'trigger'; readonly priority: number; readonly match: Match; readonly counts: FlowCounts
}
/** `name` and `maxEntries` are on the wire in 1.0–1.2 only, `features` and `config` in 1.1 and 1.2 only. */
export interface TableStats {
  readonly tableId: number; readonly name: string; readonly maxEntries: number; readonly activeCount: number
  readonly lookupCount: bigint; readonly matchedCount: bigint
  /** What 1.1 and 1.2 tell as bit maps; null: not known. */
  readonly features: TableMaps | null
  readonly config: number
}
/** All-ones (2n**64n - 1n) where a counter is not available. OF 1.3.5 §7.3.5.6. */
export interface PortStats {
  readonly portNo: number; readonly rxPackets: bigint; readonly txPackets: bigint; readonly rxBytes: bigint; readonly txBytes: bigint
  readonly rxDropped: bigint; readonly txDropped: bigint; readonly rxErrors: bigint; readonly txErrors: bigint
  readonly rxFrameErr: bigint; readonly rxOverErr: bigint; readonly rxCrcErr: bigint; readonly collisions: bigint
  readonly durationSec: number; readonly durationNsec: number
  /** Since 1.4. */
  readonly properties: readonly PortStatsProperty[]
}
export interface GroupStats {
  readonly groupId: number; readonly refCount: number; readonly packetCount: bigint; readonly byteCount: bigint
  readonly durationSec: number; readonly durationNsec: number
  readonly buckets: readonly { readonly packetCount: bigint; readonly byteCount: bigint }[]
}
export interface QueueStats {
  readonly portNo: number; readonly queueId: number; readonly txBytes: bigint; readonly txPackets: bigint; readonly txErrors: bigint
  readonly durationSec: number; readonly durationNsec: number
}
export interface MeterStats {
  readonly meterId: number; readonly flowCount: number; readonly packetInCount: bigint; readonly byteInCount: bigint
  readonly durationSec: number; readonly durationNsec: number
  readonly bands: readonly { readonly packetCount: bigint; readonly byteCount: bigint }[]
}
export interface MeterConfig { readonly flags: number; readonly meterId: number; readonly bands: readonly MeterBand[] }
/** `bandTypes`: bit n for bands of type n; `capabilities`: bits of MeterFlag. */
export interface MeterFeatures {
  readonly maxMeter: number; readonly bandTypes: number; readonly capabilities: number; readonly maxBands: number; readonly maxColor: number
  /** What a meter action may be used for, since 1.5: ACTION_SET 1, ANY_POSITION 2, MULTI_LIST 4. */
  readonly features: number
}
/** Rates in 1/10 of a percent; null = not configured. OF 1.3.5 §7.2.2. */
export interface PacketQueue { readonly queueId: number; readonly portNo: number; readonly minRate: number | null; readonly maxRate: number | null }
export interface GroupDesc { readonly groupId: number; readonly groupType: GroupType; readonly buckets: readonly Bucket[] }
/** `actions[t]` lists the action names a bucket of that type may hold, as ActionName. */
export interface GroupFeatures {
  readonly types: readonly GroupType[]
  /** OFPGFC bits: SELECT_WEIGHT 1, SELECT_LIVENESS 2, CHAINING 4, CHAINING_CHECKS 8 */
  readonly capabilities: number
  readonly maxGroups: Readonly<Record<GroupType, number>>
  readonly actions: Readonly<Record<GroupType, readonly ActionName[]>>
}
export type ActionName = Exclude<Action['type'], 'enqueue' | 'set_vlan_vid' | 'set_vlan_pcp' | 'controller' | 'note' | 'experimenter'>
export type InstructionName = 'goto_table' | 'write_metadata' | 'write_actions' | 'apply_actions' | 'clear_actions' | 'meter' | 'stat_trigger'
/** Bits of TableFeatures.features. OF 1.5.1 §7.3.5.18.1 */
export const TableFeature = { INGRESS_TABLE: 1, EGRESS_TABLE: 2, FIRST_EGRESS: 16 } as const
export interface TableFeatures {
  readonly tableId: number; readonly name: string; readonly metadataMatch: bigint; readonly metadataWrite: bigint
  /** TableConfig bits that the table can have; `capabilities` of the text since 1.4. */
  readonly config: number; readonly maxEntries: number
  /** What a request asks for, since 1.5; before, `replace`. */
  readonly command: 'replace' | 'modify' | 'enable' | 'disable'
  /** TableFeature bits, since 1.5. */
  readonly features: number
  readonly instructions: readonly InstructionName[]; readonly instructionsMiss: readonly InstructionName[]
  readonly nextTables: readonly number[]; readonly nextTablesMiss: readonly number[]
  readonly writeActions: readonly ActionName[]; readonly writeActionsMiss: readonly ActionName[]
  readonly applyActions: readonly ActionName[]; readonly applyActionsMiss: readonly ActionName[]
  readonly match: readonly OxmId[]
  /** Fields that may be left out of a match. OF 1.3.5 §7.3.5.5.2 */
  readonly wildcards: readonly OxmName[]
  readonly writeSetField: readonly OxmName[]; readonly writeSetFieldMiss: readonly OxmName[]
  readonly applySetField: readonly OxmName[]; readonly applySetFieldMiss: readonly OxmName[]
  /** Tables that this one takes its flows from, since 1.4. */
  readonly syncFrom: readonly number[]
  /** The rest since 1.5. */
  readonly writeCopyField: readonly OxmName[]; readonly writeCopyFieldMiss: readonly OxmName[]
  readonly applyCopyField: readonly OxmName[]; readonly applyCopyFieldMiss: readonly OxmName[]
  /** Values of packet_type that the table takes; empty: Ethernet alone. */
  readonly packetTypes: readonly number[]
}
export type TableMaps = Pick<
  TableFeatures,
  'match' | 'wildcards' | 'instructions' | 'writeActions' | 'applyActions' | 'writeSetField' | 'applySetField' | 'metadataMatch' | 'metadataWrite'
>
export type StatsReplyBody =
  | { readonly kind: 'desc'; readonly mfrDesc: string; readonly hwDesc: string; readonly swDesc: string; readonly serialNum: string; readonly dpDesc: string }
  | { readonly kind: 'flow'; readonly flows: readonly FlowStats[] }
  | { readonly kind: 'aggregate'; readonly packetCount: bigint; readonly byteCount: bigint; readonly flowCount: number }
  | { readonly kind: 'table'; readonly tables: readonly TableStats[] }
  | { readonly kind: 'port'; readonly ports: readonly PortStats[] }
  | { readonly kind: 'queue'; readonly queues: readonly QueueStats[] }
  | { readonly kind: 'group'; readonly groups: readonly GroupStats[] }
  | { readonly kind: 'group_desc'; readonly groups: readonly GroupDesc[] }
  | ({ readonly kind: 'group_features' } & GroupFeatures)
  | { readonly kind: 'meter'; readonly meters: readonly MeterStats[] }
  | { readonly kind: 'meter_config'; readonly meters: readonly MeterConfig[] }
  | ({ readonly kind: 'meter_features' } & MeterFeatures)
  | { readonly kind: 'table_features'; readonly tables: readonly TableFeatures[] }
  | { readonly kind: 'port_desc'; readonly ports: readonly PortDesc[] }
  | { readonly kind: 'table_desc'; readonly tables: readonly TableDesc[] }
  | { readonly kind: 'queue_desc'; readonly queues: readonly PacketQueue[] }
  | { readonly kind: 'flow_monitor'; readonly updates: readonly FlowUpdate[] }
  | { readonly kind: 'flow_stats'; readonly flows: readonly FlowCounters[] }
  | { readonly kind: 'controller_status'; readonly controllers: readonly Controller[] }
  /** `capabilities`: BundleFlag bits. */
  | { readonly kind: 'bundle_features'; readonly capabilities: number; readonly time: BundleTimeFeatures | null }
  | NiciraStatsReply
/** The codec splits a reply that would exceed 64 KiB into several messages with REPLY_MORE (OF 1.3.5 §7.3.5). */
export interface StatsReply {
  readonly type: 'stats_reply'; readonly body: StatsReplyBody
  /** Further messages of the same reply follow. */
  readonly more?: boolean
}

// ---- Everything else --------------------------------------------------------------------------------------------

/** `versions` lists wire versions: from the bitmap, or (without one) every version up to the header's. */
export interface Hello { readonly type: 'hello'; readonly versions: readonly number[]; readonly hasBitmap: boolean }
export interface FeaturesReply {
  readonly type: 'features_reply'; readonly datapathId: bigint; readonly nBuffers: number; readonly nTables: number; readonly auxiliaryId: number
  /** 1.3 capability bits: FLOW_STATS 1, TABLE_STATS 2, PORT_STATS 4, GROUP_STATS 8, IP_REASM 32, QUEUE_STATS 64, PORT_BLOCKED 256, since 1.4.1 BUNDLES 512, FLOW_MONITORING 1024; the codec maps 1.0 (ARP_MATCH_IP added there). */
  readonly capabilities: number
  /** On the wire in 1.0 only. */
  readonly ports: readonly PortDesc[]
  /** 1.0 only: names of the supported actions. */
  readonly actions: readonly Action['type'][]
}
/** flags: fragment handling, 0 NORMAL, 1 DROP, 2 REASM */
export interface SwitchConfig { readonly flags: number; readonly missSendLen: number }

export type Message =
  | Hello | ErrorMessage | PeerError
  | { readonly type: 'echo_request'; readonly data: Uint8Array } | { readonly type: 'echo_reply'; readonly data: Uint8Array }
  | { readonly type: 'experimenter'; readonly experimenter: number; readonly expType: number; readonly body: Uint8Array }
  | { readonly type: 'features_request' } | FeaturesReply
  | { readonly type: 'get_config_request' } | ({ readonly type: 'get_config_reply' } & SwitchConfig) | ({ readonly type: 'set_config' } & SwitchConfig)
  | PacketIn | PacketOut | FlowMod | FlowRemoved | PortStatus | GroupMod | PortMod | MeterMod
  | TableMod
  | StatsRequest | StatsReply
  | { readonly type: 'barrier_request' } | { readonly type: 'barrier_reply' }
  | { readonly type: 'queue_get_config_request'; readonly portNo: number }
  | { readonly type: 'queue_get_config_reply'; readonly portNo: number; readonly queues: readonly PacketQueue[] }
  | RoleRequest | RoleReply | RoleStatus
  | { readonly type: 'get_async_request' } | ({ readonly type: 'get_async_reply' } & AsyncConfig) | ({ readonly type: 'set_async' } & AsyncChange)
  | TableStatus | RequestForward | BundleControl | BundleAdd | ControllerStatus
  | NiciraMessage
export type MessageType = Message['type']
