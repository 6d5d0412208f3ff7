/** What a connection is told when it begins, and what it tells; see connection.ts. */
import type { Millis } from '../base/clock.js'
import type { ErrorName, Message } from '../openflow/index.js'
import type { ChannelLimits } from './limits.js'
import type { PacketInRate } from './packet-in-scheduler.js'

export interface ConnectionOptions {
  /** Wire versions that may be negotiated, ascending. */
  readonly versions: readonly number[]
  /** Idle time before a probe, and before an unanswered probe ends the connection; 0 = no probes. */
  readonly inactivityProbeMs: Millis
  /** For the peer's hello to arrive. */
  readonly greetingMs: Millis
  readonly packetIns: PacketInRate
  readonly limits: ChannelLimits
}
export interface ConnectionEvents {
  onOpen(version: number): void
  /** `raw`: the first 64 bytes of it, at most. */
  onMessage(xid: number, message: Message, raw: Uint8Array): void
  onRefused(xid: number, error: ErrorName, reason: string, raw: Uint8Array): void
  /** Too many flow updates wait for the peer; or none any more. */
  onMonitorsBehind?(isBehind: boolean): void
  /** Whether onFrame() is of use to anybody just now. */
  isWatched?(): boolean
  /** Every message of the open connection while it is watched, in both directions, as it is on the wire. */
  onFrame?(bytes: Uint8Array): void
  /** Exactly once, also when the connection was never open. */
  onClosed(reason: string): void
}
export interface ConnectionCounters {
  received: number
  sent: number
  /** Asynchronous messages that a slow peer did not get, or that were above its rate. */
  droppedPacketIns: number
  droppedOthers: number
}

/** Of what answers no request. Clients that wait for a reply go by its xid, so it must not be one that they use. */
export const UNSOLICITED_XID = 0

/** Message types that are the same in every version. OF 1.3.5 §7.1 */
export const HELLO = 0
export const ERROR = 1
export const ECHO_REQUEST = 2
export const ECHO_REPLY = 3
/** From this one on a message is of the datapath alone. */
export const FIRST_OF_VERSION = 4
