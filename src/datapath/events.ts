/**
 * What goes into the datapath and what comes out of it. The datapath is `(state, input, now) → effects`: it reads no
 * clock and opens no socket; the agent turns sockets, the target and timers into inputs and carries out the effects.
 *
 *   channel ──connected, message, refused, disconnected──▶ ┌──────────┐ ──send, close──────────────▶ channel
 *   target  ──committed, rejected, counters, packet_in ──▶ │ Datapath │ ──commit, read_…, packet_out ▶ target
 *             idle, port_changed, target_lost/_ready       └──────────┘
 *   timer   ──tick──▶                                        nextWakeup()
 *
 * Rules for the agent
 * - Effects are carried out in the order given; a `read_…` sees every `commit` before it.
 * - Every `commit` is answered by exactly one `committed` or `rejected`, every `read_…` by one `counters`, in any order,
 *   unless the target is lost first (see target_lost).
 * - `rejected` means that nothing of the plan is left in the target: what had already been written was taken back.
 * - `raw` is the beginning of the message, 64 bytes where it has so many. They must not change afterwards (no buffer reuse): they are
 *   kept until the request is acknowledged.
 */
import type { Millis } from '../base/clock.js'
import type { CounterColumns } from '../base/counter-columns.js'
import type { PortVlans } from '../base/port-vlans.js'
import type {
  ErrorName, Message, PacketInReason, PacketOut, PortDesc, PortStats,
} from '../openflow/model.js'
import type { FailModeConfig } from './fail-mode.js'
import type { IdShare } from './flow-ids.js'
import type { Counters, FlowId, GroupRecord, Held, MeterRecord, Plan } from './pipeline.js'

/** Chosen by the agent, unique for the life of the process. */
export type ConnId = number
/** Chosen by the datapath: pairs an effect with the input that answers it. */
export type Token = number

/**
 * 'controller': a connection the switch was configured to make, or a passive one that is to be treated like it.
 * 'service': someone connected to a passive management listener, as ovs-ofctl does; gets no asynchronous messages until
 * it asks by a SET_CONFIG with a nonzero miss_send_len.
 */
export type ConnKind = 'controller' | 'service'

export interface Description {
  readonly mfrDesc: string; readonly hwDesc: string; readonly swDesc: string; readonly serialNum: string; readonly dpDesc: string
}
export interface DatapathConfig {
  readonly datapathId: bigint
  readonly description: Description
  readonly ports: readonly PortDesc[]
  /** Which VLANs ports carry for NORMAL, as in the input port_vlans. */
  readonly portVlans?: ReadonlyMap<number, PortVlans>
  /** Seconds until a silent host is forgotten; default 300, as in Open vSwitch. */
  readonly hostAgeing?: number
  /** Secure where it is absent. */
  readonly failMode?: FailModeConfig
  /** Time since 1970, in ms, at which the clock of step() was 0; default 0. */
  readonly epoch?: number
  /** The target may hold the state of an agent before this one: nothing is begun before it has been read. */
  readonly recovers?: boolean
  /** How many packets are kept for controllers that have seen their beginning only. Default 0: packet-ins are whole. */
  readonly buffers?: number
  /** Where several switches share a target: the numbers that this one gives to flows and hosts. All of them where it is absent. */
  readonly ids?: IdShare
  /** How many changes may wait for a target that is lost before further ones are refused. Default 16384. */
  readonly maxHeldChanges?: number
}

export interface TargetFailure {
  /** What could not be written; 'other' for ports, miss behaviour and what the agent cannot attribute. */
  readonly subject: { readonly flow: FlowId } | { readonly group: number } | { readonly meter: number } | 'other'
  readonly kind: 'target.full' | 'target.exists' | 'target.missing' | 'target.rejected'
  readonly message: string
  /** Which of the merged plans was refused. */
  readonly part?: number
}

/** `total`: what has come to the group since it was written; `buckets`: by cell, of which a changed group may have more than buckets. */
export interface GroupCounters { readonly total: Counters; readonly buckets: readonly Counters[] }
/** By group. */
export type GroupCells = ReadonlyMap<number, readonly Counters[]>
/** `total`: what came to the meter; `bands`: what each of them was applied to. */
export interface MeterCounters { readonly total: Counters; readonly bands: readonly Counters[] }
export type PortCounterValues = Omit<PortStats, 'portNo' | 'durationSec' | 'durationNsec'>
export interface TableCounters { readonly lookups: bigint; readonly matched: bigint }

/** `what` repeats the kind of the read effect. A missing key means "not known": reported as all ones, for a flow as its last reading. */
export type CounterAnswer =
  | { readonly what: 'flows'; readonly flows: CounterColumns }
  | { readonly what: 'groups'; readonly groups: ReadonlyMap<number, GroupCounters> }
  | { readonly what: 'meters'; readonly meters: ReadonlyMap<number, MeterCounters> }
  | { readonly what: 'ports'; readonly ports: ReadonlyMap<number, PortCounterValues> }
  | { readonly what: 'tables'; readonly tables: ReadonlyMap<number, TableCounters> }

export interface PacketInInput {
  readonly kind: 'packet_in'
  readonly inPort: number
  /** Absent or equal to inPort: not reported. OF 1.3.5 §7.4.1 */
  readonly inPhyPort?: number
  /**
   * What the target says: 'action' for every output to CONTROLLER, 'no_match' for a packet that no flow of the table
   * matched. That an action of a table-miss flow entry is reported as NO_MATCH is decided here.
   */
  readonly reason: PacketInReason
  readonly tableId: number
  /** The flow whose action sent it; 0 = none (a miss). Gives the cookie. */
  readonly flowId: FlowId | 0
  readonly metadata: bigint
  readonly tunnelId: bigint
  /** In egress processing, the port that it is for; absent in ingress processing. */
  readonly actsetOutput?: number
  /** Of the output action; 0xffff = the whole packet. */
  readonly maxLen: number
  readonly data: Uint8Array
  /** Length before the target truncated; absent = data.length. */
  readonly totalLen?: number
}

/** `vlan` 0 for none. */
export interface LearnedHost { readonly inPort: number; readonly vlan: number; readonly address: bigint }

export type Input =
  | {
    readonly kind: 'connected'; readonly conn: ConnId; /** Wire version: 1 = 1.0, 4 = 1.3. */ readonly version: number; readonly connKind: ConnKind
    /** Absent or null for a main connection; `main` is connected. OF 1.3.5 §6.3.6 */
    readonly auxiliary?: { readonly auxiliaryId: number; readonly main: ConnId } | null
    /** Where the peer is, such as tcp:192.0.2.1:6653, if that is known. */
    readonly uri?: string
  }
  /** `silentMs`: how long nothing had been received on it; 0 where it is absent. */
  | { readonly kind: 'disconnected'; readonly conn: ConnId; readonly silentMs?: Millis }
  | { readonly kind: 'message'; readonly conn: ConnId; readonly xid: number; readonly message: Message; readonly raw: Uint8Array }
  /** The codec could not or would not decode a request: the error is answered in its turn. */
  | { readonly kind: 'refused'; readonly conn: ConnId; readonly xid: number; readonly error: ErrorName; readonly raw: Uint8Array }
  /** Too much of what flow monitors tell waits for this connection to read it; it has read all. */
  | { readonly kind: 'monitors_behind' | 'monitors_read'; readonly conn: ConnId }
  /**
   * `counters`: final counters of the flows that the plan deleted with `wantCounters`. `earlier`: flows that are counted from zero
   * since the plan although nobody asked for it, and what they had counted.
   * `groups`: what the cells of groups that the plan changed had counted.
   */
  | { readonly kind: 'committed'; readonly token: Token; readonly counters?: ReadonlyMap<FlowId, Counters>; readonly earlier?: ReadonlyMap<FlowId, Counters>; readonly groups?: GroupCells }
  /** Several at once that have no counters to tell, in the order in which they were answered. */
  | { readonly kind: 'all_committed'; readonly tokens: readonly Token[] }
  /** `restarted`: flows whose count lacks this, because of the plan and its being taken back. */
  | { readonly kind: 'rejected'; readonly token: Token; readonly failures: readonly TargetFailure[]; readonly restarted?: ReadonlyMap<FlowId, Counters> }
  | { readonly kind: 'counters'; readonly token: Token; readonly answer: CounterAnswer }
  /** The answer to `await_room`. */
  | { readonly kind: 'room'; readonly token: Token }
  | PacketInInput
  /** These flows, or hosts, have seen no packet for their idle timeout. */
  | { readonly kind: 'idle'; readonly flowIds: readonly FlowId[] }
  /** Hosts are to be learned anew. */
  | { readonly kind: 'flush_hosts' }
  /** Hosts that NORMAL has seen where it did not know them. */
  | { readonly kind: 'learned'; readonly hosts: readonly LearnedHost[] }
  /** A port appeared or its link, speed or address changed. `port.config` counts only for a port that is new. */
  | { readonly kind: 'port_changed'; readonly port: PortDesc }
  | { readonly kind: 'port_removed'; readonly portNo: number }
  /** Which VLANs ports carry for NORMAL, those that may come included; the others carry all. */
  | { readonly kind: 'port_vlans'; readonly vlans: ReadonlyMap<number, PortVlans> }
  /**
   * From here on nothing is acknowledged: answers to commits and reads still in flight must not be given (they are
   * ignored if they are). No commit is issued until target_ready. The datapath starts in this state.
   */
  | { readonly kind: 'target_lost'; /** Somebody else has taken it over: what it holds then counts, not what we knew. */ readonly displaced?: boolean }
  /**
   * `fresh`: the target is empty; one commit with the whole state follows and stands for all that was in flight.
   * `held`: it holds this; what is different from our state is written, and at first our state is read from it.
   * Neither: the target is as we left it; commits that were in flight are issued again, in order, with `again: true`.
   * `atomic`: it can carry out a whole plan between two packets.
   */
  | { readonly kind: 'target_ready'; readonly fresh: boolean; readonly atomic?: boolean; readonly held?: Held }
  /** Controllers or the fail mode have changed. */
  | { readonly kind: 'fail_mode'; readonly config: FailModeConfig }
  /** At nextWakeup(), or whenever. */
  | { readonly kind: 'tick' }

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export type Effect =
  | { readonly kind: 'send'; readonly conn: ConnId; readonly xid: number; readonly message: Message }
  | { readonly kind: 'close'; readonly conn: ConnId; readonly reason: string }
  /** What the target holds is not what the state says: it is to be emptied, which begins with target_lost. */
  | { readonly kind: 'resynchronise'; readonly reason: string }
  /**
   * Carry out the plan in the target. `again`: it may have been carried out wholly or in part before the target was
   * lost, so entries that exist already are overwritten and entries that are gone already are not missed.
   */
  | { readonly kind: 'commit'; readonly token: Token; readonly plan: Plan; readonly again: boolean }
  | { readonly kind: 'read_flow_counters'; readonly token: Token; readonly flowIds: readonly FlowId[] }
  /** Of all flows of a table. A `commit` after it need not wait for it. */
  | { readonly kind: 'read_counters_of_flows'; readonly token: Token; readonly tableId: number }
  | { readonly kind: 'read_group_counters'; readonly token: Token; readonly groups: readonly GroupRecord[] }
  | { readonly kind: 'read_meter_counters'; readonly token: Token; readonly meters: readonly MeterRecord[] }
  | { readonly kind: 'read_port_counters'; readonly token: Token; readonly portNos: readonly number[] }
  | { readonly kind: 'read_table_counters'; readonly token: Token; readonly tableIds: readonly number[] }
  /** To be answered by `room` in a later turn, when little waits to be read by the connection or when it is gone. */
  | { readonly kind: 'await_room'; readonly conn: ConnId; readonly token: Token }
  /** Validated; the buffer id is NO_BUFFER. */
  | { readonly kind: 'packet_out'; readonly conn: ConnId; readonly xid: number; readonly packetOut: PacketOut }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string; readonly detail?: Readonly<Record<string, unknown>> }
