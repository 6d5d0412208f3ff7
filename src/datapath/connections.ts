/**
 * Controller connections as the datapath sees them: role, asynchronous configuration, and the requests that wait.
 * OF 1.3.5 §6.3 (several controllers), §7.3.9 (roles), §7.3.10 (asynchronous configuration).
 *
 * Which asynchronous messages a connection gets follows Open vSwitch where the text leaves it open: a service connection
 * gets none until it has set a nonzero miss_send_len, INVALID_TTL packet-ins are off unless asked for, and a flow removed
 * with its group is not reported to versions that lack the reason.
 */
import { FlowFormat, NO_ASYNC, PacketInFormat } from '../openflow/index.js'
import type {
  AsyncConfig, ControllerStatusReason, FlowRemovedReason, Message, PortStatus, TableStatusReason,
} from '../openflow/index.js'
import type { Bundle } from './bundles.js'
import type { FlowMonitor, Unheard } from './flow-monitors.js'
import type { ConnId, ConnKind, Token } from './events.js'
import type { Context } from './state.js'

export const OF10 = 1
export const OF11 = 2
export const OF12 = 3
export const OF13 = 4
export const OF14 = 5
export const OF15 = 6

/** A request, or one that the codec refused. */
export type Pending =
  | { readonly kind: 'message'; readonly xid: number; readonly message: Message; readonly raw: Uint8Array }
  | { readonly kind: 'refused'; readonly xid: number; readonly error: `OFP${string}`; readonly raw: Uint8Array }

/** What the head of a connection's queue waits for: every earlier request of the connection, the end of a report, or one commit. */
export type Blocked = { readonly on: 'barrier' | 'report' } | { readonly on: 'commit'; readonly token: Token }

export interface Connection {
  readonly id: ConnId
  readonly version: number
  readonly connKind: ConnKind
  /**
   * The main connection of an auxiliary one, which has its role and configuration with it, and gets no asynchronous
   * messages of its own. Replies, barriers and bundles are the business of each. OF 1.3.5 §6.3.6
   */
  readonly main: Connection | null
  /** 0 = a main connection. */
  readonly auxiliaryId: number
  role: 'equal' | 'master' | 'slave'
  missSendLen: number
  /** By which the controller wants to be called, 0 = none. OF 1.5.1 §7.3.8 */
  shortId: number
  /** OFPC_INVALID_TTL_TO_CONTROLLER, versions before 1.3. */
  invalidTtl: boolean
  async: AsyncConfig | null
  readonly queue: Queue
  blocked: Blocked | null
  /** Requests whose outcome is not known yet: changes not acknowledged and counters being read. */
  outstanding: number
  /** Parts of multipart requests by xid. */
  readonly parts: Map<number, Extract<Message, { type: 'stats_request' }>[]>
  /** Where it is, if that is known. */
  readonly uri: string | null
  readonly bundles: Map<number, Bundle>
  readonly monitors: Map<number, FlowMonitor>
  /** What has changed since the peer got too far behind to be told of it; null while it is told. */
  unheard: Unheard | null
  /** What Open vSwitch's extensions have changed: how flows and packet-ins are told, where the table of a 1.0 flow-mod is. */
  readonly nicira: { flowFormat: number; packetInFormat: number; flowModTableId: boolean; controllerId: number }
}

/** Of the whole message, which its header tells; a request from inside may have none. OF 1.3.5 §7.1 */
const sizeOf = ({ raw }: Pending): number => Math.max(raw.length, ((raw[2] ?? 0) << 8) | (raw[3] ?? 0))

/** First in, first out, in constant time. */
export class Queue {
  #items: Pending[] = []
  #head = 0
  #bytes = 0
  get length(): number { return this.#items.length - this.#head }
  /** Of the requests as they came. */
  get bytes(): number { return this.#bytes }
  peek(): Pending | undefined { return this.#items[this.#head] }
  push(item: Pending): void {
    this.#items.push(item)
    this.#bytes += sizeOf(item)
  }
  shift(): void {
    const first = this.peek()
    this.#bytes -= first === undefined ? 0 : sizeOf(first)
    this.#head++
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
  }
}

/** Bits of the asynchronous configuration, by reason. OF 1.3.5 §7.3.10 */
export const PacketInBit = { no_match: 1, action: 2, invalid_ttl: 4, action_set: 8, group: 16, packet_out: 32 } as const
const portStatusBit: Record<PortStatus['reason'], number> = { add: 1, delete: 2, modify: 4 }
const flowRemovedBit: Record<FlowRemovedReason, number> = {
  idle_timeout: 1, hard_timeout: 2, delete: 4, group_delete: 8, meter_delete: 16, eviction: 32,
}

/** Open vSwitch's: what a service connection gets when it configures asynchronous messages without a miss_send_len. */
export const DEFAULT_MISS_SEND_LEN = 128

export function asyncConfigOf(conn: Connection): AsyncConfig {
  if (conn.async !== null) return conn.async
  const finer = conn.version >= OF14 ? PacketInBit.action_set | PacketInBit.group | PacketInBit.packet_out : 0
  const packetIn = PacketInBit.no_match | PacketInBit.action | finer | (conn.invalidTtl ? PacketInBit.invalid_ttl : 0)
  // Open vSwitch sends role-status without counting it among these.
  return {
    ...NO_ASYNC, roleStatus: [7, 7], tableStatus: [conn.version >= OF14 ? 0x18 : 0, 0], controllerStatus: [conn.version >= OF15 ? 0x7f : 0, conn.version >= OF15 ? 0x7f : 0],
    packetIn: [packetIn, 0], portStatus: [7, 7], flowRemoved: [conn.version >= OF14 ? 63 : conn.version >= OF13 ? 15 : 7, 0],
    flowStats: [conn.version >= OF15 ? 3 : 0, 0],
  }
}

function receives(conn: Connection, kind: keyof AsyncConfig, bit: number): boolean {
  if (conn.main !== null) return false
  if (conn.connKind === 'service' && conn.missSendLen === 0) return false
  const masks = asyncConfigOf(conn)[kind]
  return (masks[conn.role === 'slave' ? 1 : 0] & bit) !== 0
}

/** Bit of OFPCRR_MASTER_REQUEST. OF 1.4.1 §7.4.4 */
const ROLE_BY_REQUEST = 1
/** What 1.4 made finer reasons of is one to earlier versions. OF 1.4.1 §7.4.1 */
const FINER = PacketInBit.action_set | PacketInBit.group | PacketInBit.packet_out
export const receivesPacketIn = (conn: Connection, bit: number): boolean =>
  receives(conn, 'packetIn', conn.version < OF14 && (bit & FINER) !== 0 ? PacketInBit.action : bit)
export const receivesRoleStatus = (conn: Connection): boolean => receives(conn, 'roleStatus', ROLE_BY_REQUEST)
export const receivesRequest = (conn: Connection, type: 'group_mod' | 'meter_mod'): boolean =>
  conn.version >= OF14 && receives(conn, 'requestForward', type === 'group_mod' ? 1 : 2)
export const receivesPortStatus = (conn: Connection, reason: PortStatus['reason']): boolean =>
  receives(conn, 'portStatus', portStatusBit[reason])
/** Before 1.4 a flow that goes with its meter or is evicted counts, and is reported, as deleted. */
export const receivesFlowRemoved = (conn: Connection, reason: FlowRemovedReason): boolean =>
  receives(conn, 'flowRemoved', flowRemovedBit[(reason === 'meter_delete' || reason === 'eviction') && conn.version < OF14 ? 'delete' : reason])
const tableStatusBit: Record<TableStatusReason, number> = { vacancy_down: 8, vacancy_up: 16 }
export const receivesTableStatus = (conn: Connection, reason: TableStatusReason): boolean => receives(conn, 'tableStatus', tableStatusBit[reason])
/** Bit of OFPFSR_STAT_TRIGGER. OF 1.5.1 §7.3.5.4 */
export const receivesStatTriggers = (conn: Connection): boolean => receives(conn, 'flowStats', 2)
const controllerStatusBit: Record<ControllerStatusReason, number> =
  { request: 1, channel_status: 2, role: 4, controller_added: 8, controller_removed: 16, short_id: 32, experimenter: 64 }
export const receivesControllerStatus = (conn: Connection, reason: ControllerStatusReason): boolean =>
  receives(conn, 'controllerStatus', controllerStatusBit[reason])
/** A packet that no flow matched: before 1.3 that goes to the controller, since 1.3 it is dropped. OF 1.3.5 §5.4 */
export const receivesMisses = (conn: Connection): boolean =>
  conn.version < OF13 && receivesPacketIn(conn, PacketInBit.no_match)

const NO_CONNECTIONS: readonly Connection[] = []

/** How many closed connections may still have requests that wait. */
const MAX_DRAINING = 64

/**
 * A connection that closes while requests of it wait is drained: what it sent is still carried out, as if it had closed a
 * moment later, but nothing is sent to it any more.
 */
export class Connections {
  readonly #conns = new Map<ConnId, Connection>()
  readonly #draining = new Map<ConnId, Connection>()
  /** The greatest generation id seen; null before the first. OF 1.3.5 §7.3.9 */
  generationId: bigint | null = null

  get(id: ConnId): Connection | undefined { return this.#conns.get(id) }
  all(): IterableIterator<Connection> { return this.#conns.values() }
  /** Asked for after every input, and mostly there is none. */
  withRequests(): readonly Connection[] {
    let found: Connection[] | null = null
    for (const conn of this.#conns.values()) if (conn.queue.length > 0) (found ??= []).push(conn)
    for (const conn of this.#draining.values()) if (conn.queue.length > 0) (found ??= []).push(conn)
    return found ?? NO_CONNECTIONS
  }

  /** Keeps count of requests whose outcome is not known yet. */
  count(id: ConnId, by: 1 | -1): void {
    const conn = this.#conns.get(id) ?? this.#draining.get(id)
    if (conn !== undefined) conn.outstanding += by
  }

  open(id: ConnId, version: number, connKind: ConnKind, auxiliary?: { readonly auxiliaryId: number; readonly main: ConnId } | null, uri: string | null = null): Connection {
    const main = auxiliary ? this.#conns.get(auxiliary.main) ?? null : null
    const own: Connection = {
      id, version, connKind, main, auxiliaryId: main === null ? 0 : auxiliary?.auxiliaryId ?? 0, role: 'equal', missSendLen: connKind === 'service' ? 0 : DEFAULT_MISS_SEND_LEN,
      shortId: 0, invalidTtl: false, async: null, queue: new Queue(), blocked: null, outstanding: 0, parts: new Map(), uri, bundles: new Map(), monitors: new Map(), unheard: null,
      nicira: { flowFormat: FlowFormat.OPENFLOW10, packetInFormat: PacketInFormat.STANDARD, flowModTableId: false, controllerId: 0 },
    }
    const conn = main === null ? own : sharing(own, main)
    this.#conns.set(id, conn)
    return conn
  }

  /** Tells of a connection whose waiting requests had to be given up. */
  close(id: ConnId): Connection | null {
    const conn = this.#conns.get(id)
    this.#conns.delete(id)
    if (conn === undefined || conn.queue.length === 0) return null
    this.#draining.set(id, conn)
    const oldest = this.#draining.size > MAX_DRAINING ? this.#draining.values().next().value : undefined
    if (oldest === undefined) return null
    this.#draining.delete(oldest.id)
    return oldest
  }

  /** Closed connections that have nothing left to do are forgotten. */
  forgetDrained(): void {
    if (this.#draining.size === 0) return
    for (const [id, conn] of this.#draining) if (conn.queue.length === 0) this.#draining.delete(id)
  }

  /** A new master makes a slave of the previous one; the role of the others stays. OF 1.3.5 §6.3. Returns who lost it. */
  setRole(conn: Connection, role: 'equal' | 'master' | 'slave'): readonly Connection[] {
    const all = role === 'master' ? [...this.#conns.values(), ...this.#draining.values()] : []
    const former = all.filter((other) => other !== conn && other.main === null && other !== conn.main && other.role === 'master')
    for (const other of former) other.role = 'slave'
    conn.role = role
    return former
  }

  /** Whether a request with this generation id is not older than the newest; remembers it. OF 1.3.5 §7.3.9 */
  acceptGeneration(id: bigint): boolean {
    if (this.generationId !== null && BigInt.asIntN(64, id - this.generationId) < 0n) return false
    this.generationId = id
    return true
  }
}

/** What a controller sets on any of its connections holds for all of them. */
function sharing(conn: Connection, main: Connection): Connection {
  const shared = (key: 'role' | 'missSendLen' | 'invalidTtl' | 'async'): PropertyDescriptor =>
    ({ enumerable: true, get: () => main[key], set: (value: never) => { (main as Record<typeof key, unknown>)[key] = value } })
  return Object.defineProperties(conn, { role: shared('role'), missSendLen: shared('missSendLen'), invalidTtl: shared('invalidTtl'), async: shared('async') })
}

/** Error data is the beginning of the request, as much as Open vSwitch returns. OF 1.3.5 §7.4.4 */
const ERROR_DATA_BYTES = 64

/** Sends to a connection if it still exists. */
export function sendTo(ctx: Context, conn: ConnId, xid: number, message: Message): void {
  if (ctx.conns.get(conn) !== undefined) ctx.emit({ kind: 'send', conn, xid, message })
}

export function sendError(ctx: Context, to: { readonly conn: ConnId; readonly xid: number; readonly raw: Uint8Array }, name: `OFP${string}`, reasons: readonly string[] = []): void {
  ctx.emit({ kind: 'log', level: 'info', text: `request refused: ${name}`, detail: { conn: to.conn, xid: to.xid, reasons } })
  sendTo(ctx, to.conn, to.xid, { type: 'error', name, data: to.raw.slice(0, ERROR_DATA_BYTES) })
}
