/** What a target's pipeline did to a packet, in OpenFlow's terms, with what lies beneath as text. */
import type { FlowRecord, MissChoice } from '../datapath/pipeline.js'

export interface TableVisit {
  readonly tableId: number
  /** Null: no flow matched. */
  readonly flow: FlowRecord | null
  /** Without a flow: the packet went to the controllers (as OpenFlow 1.0 wants it), nowhere, or on. */
  readonly miss: MissChoice
}
/** What a copy met in egress processing; `port`: its OpenFlow port. */
export interface EgressVisit { readonly port: number; readonly tables: readonly TableVisit[] }
/** The bucket that a group with a choice has taken, in the order in which they were taken. */
export interface BucketChoice { readonly groupId: number; readonly bucket: number }
export type TracedOutput =
  | { readonly kind: 'port'; /** Of the target. */ readonly port: number; readonly frame: Uint8Array }
  | { readonly kind: 'controller'; readonly reason: number; readonly flow: FlowRecord | null; readonly maxLen: number; readonly frame: Uint8Array }

/** Where a packet begins: as received on its port, or as a packet-out hands it to the tables, to NORMAL or to a group. */
export type TraceStart = 'port' | 'tables' | 'normal' | { readonly groupId: number } | { /** Sent there. */ readonly output: number }

export interface TracedPacket {
  readonly visits: readonly TableVisit[]
  readonly egress: readonly EgressVisit[]
  readonly choices: readonly BucketChoice[]
  readonly outputs: readonly TracedOutput[]
  /** Passes, tables, entries and actions of the P4 program, a line each. */
  readonly pipeline: readonly string[]
}
