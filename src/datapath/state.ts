/**
 * The objects the datapath keeps, and what its parts share. Nothing here decides anything.
 *
 * Everything the target must be told about carries a `token`: 0 when the target has acknowledged it, else the commit in
 * flight. A request that touches (or depends on) an object whose token is not 0 waits until that commit is answered, so
 * undoing a refused commit never has to untangle later requests. See operations.ts.
 */
import type { ErrorName } from '../openflow/index.js'
import type { Millis } from '../base/clock.js'
import type { ScheduleTolerance } from './bundle-schedule.js'
import type { PacketBuffers } from './buffers.js'
import type { Capabilities } from './capabilities.js'
import type { Connections } from './connections.js'
import type { DatapathConfig, Effect, MeterCounters, Token } from './events.js'
import type { EgressProcessing } from './egress.js'
import type { Expiry } from './expiry.js'
import type { FlowMonitors } from './flow-monitors.js'
import type { FlowReports } from './flow-reports.js'
import type { FlowTables } from './flow-table.js'
import type { GroupCounts } from './group-counts.js'
import type { GroupTable } from './group-table.js'
import type { Hosts } from './hosts.js'
import type { MeterTable } from './meter-table.js'
import type { MissBehaviour } from './miss.js'
import type { Operations } from './operations.js'
import type { Counters, FlowId, FlowRecord, GroupRecord, MeterRecord, Pipeline } from './pipeline.js'
import type { PortTable } from './port-table.js'
import type { Reads } from './reads.js'
import type { SharedInstructions } from './shared-instructions.js'
import type { Standalone } from './standalone-flow.js'
import type { StatTriggers } from './stat-triggers.js'
import type { TableConfigs } from './table-config.js'
import type { TableTally } from './table-tally.js'

/** Something that has at most one unacknowledged change. */
export interface Lockable { token: Token }

/** The commit to wait for: the last one that holds any of these; 0 when none is held. */
export function lastToken(objects: readonly Lockable[]): Token {
  let token = 0
  for (const object of objects) if (object.token > token) token = object.token
  return token
}

export const NO_COUNTERS: Counters = { packets: 0n, bytes: 0n }
export const addCounters = (a: Counters, b: Counters): Counters =>
  ({ packets: a.packets + b.packets, bytes: a.bytes + b.bytes })

/** A flow entry. OF 1.3.5 §5.2 */
export interface Flow extends Lockable {
  readonly id: FlowId
  readonly tableId: number
  readonly priority: number
  /** Identity within the table: priority and match. */
  readonly key: string
  /** Which fields the match names, as two words of bits: a cheap first test of subsumption. */
  readonly fieldsLow: number
  readonly fieldsHigh: number
  /** What the target has, or will have once `token` is acknowledged. */
  record: FlowRecord
  /** While a modification is in flight: the record it replaces. */
  previous: FlowRecord | null
  /** While its removal is in flight: no longer reported, but its key is still taken. */
  deleting: boolean
  /** Of the flow-mod that added it, all of them: statistics report what was asked for, as Open vSwitch's do. */
  readonly flags: number
  /** OF 1.4.1 §7.3.4.1: which flows are evicted last; what a modification says of it does not count, as in Open vSwitch. */
  readonly importance: number
  readonly hardTimeout: number
  readonly createdAt: Millis
  /** When the hard timeout began to run: creation or last modification. */
  readonly modifiedAt: Millis
  /** The target has found it idle, and it is still to be removed. */
  idle: boolean
  /** Kept by expiry.ts. */
  deadline: Millis
  heapIndex: number
  /** Counted before the target lost its state; what the target counts is added to it. */
  base: Counters
  /** base + the last reading. */
  last: Counters
}

export interface GroupEntry extends Lockable {
  readonly groupId: number
  record: GroupRecord
  previous: GroupRecord | null
  deleting: boolean
  readonly createdAt: Millis
  counts: GroupCounts
}

export interface MeterEntry extends Lockable {
  readonly meterId: number
  record: MeterRecord
  deleting: boolean
  readonly createdAt: Millis
  /** As of a flow: counted before the target lost its state, and with the last reading. */
  base: MeterCounters
  last: MeterCounters
}

/** Who asked, for replies and errors. */
export interface Requester {
  readonly conn: number; readonly xid: number; readonly raw: Uint8Array
  /** What is to follow when the target has what was asked for. */
  readonly settled?: () => void
}

/** What became of a request. */
export type Outcome =
  /** Answered, or needs no answer, or its answer comes with an acknowledgement. */
  | { readonly kind: 'done' }
  | { readonly kind: 'error'; readonly error: ErrorName; readonly reasons: readonly string[] }
  /** Nothing has been done; to be tried again once this commit is answered. */
  | { readonly kind: 'wait'; readonly token: Token }

/** What is shared runs out for flows, groups and meters alike; each kind of request has its own word for it. OF 1.3.5 §7.4.4 */
export function inFamily(family: string, error: ErrorName): ErrorName {
  if (error !== 'OFPFMFC_TABLE_FULL') return error
  return family === 'group' ? 'OFPGMFC_OUT_OF_BUCKETS' : family === 'meter' ? 'OFPMMFC_OUT_OF_METERS' : error
}

/** What a request waits for when its connection has enough reports under way; never the token of a commit. */
export const REPORT_GATE: Token = -2
export const DONE: Outcome = { kind: 'done' }
export const fail = (error: ErrorName, ...reasons: string[]): Outcome => ({ kind: 'error', error, reasons })
export const waitFor = (token: Token): Outcome => ({ kind: 'wait', token })

export interface Context {
  readonly config: DatapathConfig
  readonly pipeline: Pipeline
  readonly capabilities: Capabilities
  readonly flows: FlowTables
  readonly instructions: SharedInstructions
  readonly groups: GroupTable
  readonly meters: MeterTable
  readonly ports: PortTable
  readonly conns: Connections
  readonly ops: Operations
  readonly reads: Reads
  readonly reports: FlowReports
  readonly tally: TableTally
  readonly expiry: Expiry
  readonly miss: MissBehaviour
  readonly egress: EgressProcessing
  readonly buffers: PacketBuffers
  readonly hosts: Hosts
  readonly tables: TableConfigs
  readonly tolerance: ScheduleTolerance
  readonly triggers: StatTriggers
  readonly monitors: FlowMonitors
  readonly standalone: Standalone
  /** Of the step being carried out. */
  readonly now: Millis
  emit(effect: Effect): void
}
