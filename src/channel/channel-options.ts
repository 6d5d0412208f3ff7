/** What a ChannelSet is told and tells. */
import type { Millis } from '../base/clock.js'
import type { Endpoint } from '../base/endpoint.js'
import type { Logger } from '../base/logger.js'
import type { TlsFiles } from '../base/tls-material.js'
import type { ErrorName, Message } from '../openflow/index.js'
import type { ConnectionCounters } from './connection-types.js'
import type { ChannelLimits } from './limits.js'

/** 'controller': from the list of controllers, whoever connects to whom; 'service': a client of a management listener. */
export type ConnectionKind = 'controller' | 'service'

/** What is absent is as for all controllers. */
export interface ControllerOptions {
  readonly endpoint: Endpoint
  readonly inactivityProbeMs?: Millis
  readonly maxBackoffMs?: Millis
  readonly packetInRate?: number
  readonly packetInBurst?: number
  /** How many auxiliary connections follow the main one, where it speaks OpenFlow 1.3 or later. OF 1.3.5 §6.3.6 */
  readonly auxiliary?: number
}

export interface ChannelSetOptions {
  readonly controllers: readonly ControllerOptions[]
  /** Passive endpoints. */
  readonly listen: readonly Endpoint[]
  /** Wire versions that may be negotiated. */
  readonly versions: readonly number[]
  readonly log: Logger
  /** Nobody is connected to, and whoever connects waits, until begin(). */
  readonly waits?: boolean
  /** 0 = no probes. Default 5 s. */
  readonly inactivityProbeMs?: Millis
  /** Default 1 s. */
  readonly maxBackoffMs?: Millis
  /** For a connection to be made, and again for the peer's hello. Default 5 s. */
  readonly greetingMs?: Millis
  /** For each connection, see packet-in-scheduler.ts; null (the default) = no limit. */
  readonly packetInRate?: number | null
  readonly packetInBurst?: number | null
  readonly limits?: Partial<ChannelLimits>
  /** What ssl endpoints need. */
  readonly tls?: TlsFiles | null
  /** Where clients watch a controller connection, and which of the open ones it is. */
  readonly snoop?: { readonly path: string; readonly choose: (ids: readonly number[]) => number | null }
}

/** What may change while connections are open. */
export type ReconfigurableOptions = Partial<Pick<ChannelSetOptions,
  'controllers' | 'listen' | 'versions' | 'inactivityProbeMs' | 'maxBackoffMs' | 'packetInRate' | 'packetInBurst' | 'tls'>>

export interface OpenConnection {
  /** Never used again in the life of the set. */
  readonly id: number
  readonly version: number
  readonly peer: string
  readonly kind: ConnectionKind
  /** Null for a main connection, and for everyone who connects to us. */
  readonly auxiliary: { readonly auxiliaryId: number; readonly main: number } | null
}
/** Events may be followed by calls of any method, from inside the handler too. */
export interface ChannelSetEvents {
  onOpen(connection: OpenConnection): void
  /** `raw` is the beginning of the message, at most 64 bytes, and does not change any more. */
  onMessage(id: number, xid: number, message: Message, raw: Uint8Array): void
  /** A message that could not be decoded; the owner answers it, in order with its other replies. */
  onRefused(id: number, xid: number, error: ErrorName, reason: string, raw: Uint8Array): void
  /** More flow updates than may wait for this peer do, or none does any more. */
  onMonitorsBehind?(id: number, isBehind: boolean): void
  /** Exactly once for every onOpen. */
  /** `silentMs`: how long nothing had been received on it. */
  onClose(id: number, reason: string, silentMs: Millis): void
}

export interface EndpointStatus {
  readonly endpoint: string
  readonly kind: ConnectionKind
  readonly state: 'listening' | 'connecting' | 'greeting' | 'open' | 'waiting'
  readonly lastError: string | null
}
export interface ConnectionStatus extends OpenConnection {
  readonly openMs: Millis
  /** Bytes that the peer has not taken yet. */
  readonly waiting: number
  /** Bytes kept for it, `waiting` included. */
  readonly memory: number
  readonly counters: Readonly<ConnectionCounters>
}
export interface ChannelSetStatus {
  readonly endpoints: readonly EndpointStatus[]
  readonly connections: readonly ConnectionStatus[]
  /** Clients that were turned away because there were too many. */
  readonly turnedAway: number
}
