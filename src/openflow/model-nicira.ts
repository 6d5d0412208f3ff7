/** Messages of Open vSwitch's extensions ("Nicira") that have no counterpart in their version. No layout, no behaviour. */
import type { FlowMod, FlowRemoved, FlowStats, FlowStatsFilter, PacketIn, Role } from './model.js'

/** How a 1.0 peer wants flows described: in 1.0's own words, or in NXM. */
export const FlowFormat = { OPENFLOW10: 0, NXM: 2 } as const
export const PacketInFormat = { STANDARD: 0, NXT: 1, NXT2: 2 } as const

/**
 * A flow-mod of 1.0 whose match is NXM, or whose command holds a table in its upper byte, which is 0 otherwise. Table and
 * priority of `flowMod` are those of a plain one; with a cookie mask its cookie is the one to be matched.
 */
export interface NxFlowMod { readonly type: 'nx_flow_mod'; readonly tableByte: number; readonly flowMod: FlowMod }

export type NiciraMessage =
  | { readonly type: 'nx_set_flow_format'; readonly format: number }
  | { readonly type: 'nx_flow_mod_table_id'; readonly set: boolean }
  | { readonly type: 'nx_set_packet_in_format'; readonly format: number }
  | { readonly type: 'nx_set_controller_id'; readonly controllerId: number }
  | { readonly type: 'nx_flow_age' }
  | { readonly type: 'nx_flow_monitor_cancel'; readonly monitorId: number }
  /** Before 1.4; later these are flow updates. */
  | { readonly type: 'nx_flow_monitor_paused' } | { readonly type: 'nx_flow_monitor_resumed' }
  | { readonly type: 'nx_role_request'; readonly role: Role } | { readonly type: 'nx_role_reply'; readonly role: Role }
  | NxFlowMod
  | (Omit<FlowRemoved, 'type'> & { readonly type: 'nx_flow_removed' })
  | (Omit<PacketIn, 'type'> & { readonly type: 'nx_packet_in' })
  /** Says more the standard packet-in has no room for; here it says the same. */
  | (Omit<PacketIn, 'type'> & { readonly type: 'nx_packet_in2' })

export type NiciraStatsRequest = ({ readonly kind: 'nx_flow' } & FlowStatsFilter) | ({ readonly kind: 'nx_aggregate' } & FlowStatsFilter)
/** Seconds since the last packet and the last modification; null: not known. */
export interface NxFlowStats extends FlowStats { readonly idleAge: number | null; readonly hardAge: number | null }
export type NiciraStatsReply =
  | { readonly kind: 'nx_flow'; readonly flows: readonly NxFlowStats[] }
  | { readonly kind: 'nx_aggregate'; readonly packetCount: bigint; readonly byteCount: bigint; readonly flowCount: number }
