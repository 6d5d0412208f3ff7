/** What crosses between the agent's thread and the target's: encoded P4Runtime messages, frames, and questions about ports. */
import type { PortCounters } from './ports/port-driver.js'
import type { LinuxPortsSpec, PortsSpec } from './ports/spec.js'
import type { TargetStatistics } from './embedded-target.js'
import type { TraceStep } from './trace.js'

export interface WorkerSettings {
  /** Null: the ports are the other thread's. */
  readonly ports: PortsSpec | null
  readonly deviceId: bigint
  readonly cpuPort: number
}

export type Frames = readonly { readonly port: number; readonly frame: Uint8Array }[]
export const callMethods = ['write', 'read', 'setForwardingPipelineConfig', 'getForwardingPipelineConfig'] as const
export type CallMethod = (typeof callMethods)[number]

export type Question =
  | { readonly what: 'links' | 'statistics' | 'stop' }
  | { readonly what: 'counters'; readonly port: number }
  | { readonly what: 'setInterfaces'; readonly interfaces: LinuxPortsSpec['interfaces'] }
  | { readonly what: 'entryCounters'; readonly tableId: number }
  | { readonly what: 'trace'; readonly port: number; readonly frame: Uint8Array; readonly packetOut: Readonly<Record<string, bigint>> | null }
export interface Answers {
  links: ReadonlyMap<number, boolean>
  statistics: TargetStatistics
  stop: null
  counters: PortCounters | null
  setInterfaces: null
  /** What CounterColumns are made of; null: there is no such table. */
  entryCounters: Uint32Array | null
  trace: TraceStep[]
}

export type ToWorker =
  | { readonly kind: 'call'; readonly id: number; readonly method: CallMethod; readonly bytes: Uint8Array }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  | { readonly kind: 'open'; readonly stream: number }
  /** Messages one after another, each with its length before it. */
  | { readonly kind: 'send'; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly stream: number }
  | { readonly kind: 'frames'; readonly frames: Frames }
  /** So many messages of a stream, or frames where it is null, have been dealt with. */
  | { readonly kind: 'taken'; readonly stream: number | null; readonly count: number }

interface Status { readonly code: number; readonly message: string }
export interface Failure extends Status { readonly updateStatuses: readonly Status[] }
type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'notReady'; readonly code: string; readonly message: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly failure: Failure }
  /** As 'send'. */
  | { readonly kind: 'messages'; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly kind: 'ended'; readonly stream: number; readonly failure: Failure | null }
  | { readonly kind: 'frames'; readonly frames: Frames }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly fields: Readonly<Record<string, unknown>>; readonly message: string }

/**
 * A copy with a buffer of its own, which can be handed over: what protobufjs returns may share one with other messages, and
 * handing that over would take them away too.
 */
export const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)
