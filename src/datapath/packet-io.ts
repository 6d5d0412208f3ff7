/**
 * OFPT_PACKET_IN to whoever wants it, and OFPT_PACKET_OUT checked before it is executed. OF 1.3.5 §6.1.2, §7.3.7, §7.4.1
 *
 * Without buffers every packet-in carries the whole packet, and neither max_len nor miss_send_len shortens it (OF 1.3.5
 * §6.1.2 demands that, and Open vSwitch does the same). With them the packet is kept and its beginning is sent.
 */
import { CONTROLLER_MAX_LEN_NO_BUFFER, NO_BUFFER, PacketInFormat, Port } from '../openflow/index.js'
import type { Action, ErrorName, FieldValue, Match, PacketOut } from '../openflow/index.js'
import { extractFields } from '../packet/index.js'
import { OF10, OF13, OF15, PacketInBit, receivesMisses, receivesPacketIn, sendTo } from './connections.js'
import type { Connection } from './connections.js'
import type { PacketInInput } from './events.js'
import type { FlowRecord } from './pipeline.js'
import { DONE, fail, waitFor } from './state.js'
import type { Context, Outcome, Requester } from './state.js'
import type { PacketView } from './validate-actions.js'
import { checkActions } from './validate-actions.js'

/** The cookie of a packet-in that no flow sent, as Open vSwitch has it. */
const NO_COOKIE = 0xffff_ffff_ffff_ffffn
/** Open vSwitch's largest plain port number; it need not exist. */
const LAST_PLAIN_PORT = 0xfeff

export function deliverPacketIn(ctx: Context, input: PacketInInput): void {
  const flow = input.flowId === 0 ? undefined : ctx.flows.byId(input.flowId)
  const tableId = flow?.tableId ?? input.tableId
  const cookie = flow?.record.cookie ?? NO_COOKIE
  const match = pipelineFields(input)
  const { actsetOutput } = input
  const matchOfEgress: Match = actsetOutput === undefined ? match : [...match, { field: 'actset_output', value: BigInt(actsetOutput), mask: null }]
  const totalLen = input.totalLen ?? input.data.length
  const implicitMiss = input.reason === 'no_match' && input.flowId === 0
  // Only what the table-miss flow sends "directly". OF 1.3.5 §5.4
  const explicitMiss = input.reason === 'no_match' && input.flowId !== 0
  const said = input.reason === 'action' && flow !== undefined ? controllerActionOf(flow.record) : null
  let kept: number | null = null
  for (const conn of ctx.conns.all()) {
    // Without an action that names another, packets are for connections with the id 0 that all begin with.
    if (conn.nicira.controllerId !== (said?.controllerId ?? 0)) continue
    const bit = implicitMiss || explicitMiss ? PacketInBit.no_match : PacketInBit[said?.reason ?? input.reason]
    if (implicitMiss ? !receivesMisses(conn) : !receivesPacketIn(conn, bit)) continue
    // A table-miss flow is a flow like any other before 1.3.
    const reason = explicitMiss ? (conn.version >= OF13 ? 'no_match' : 'action') : said?.reason ?? input.reason
    const most = implicitMiss || input.reason === 'invalid_ttl' ? conn.missSendLen : input.maxLen
    const whole = ctx.buffers.size === 0 || most === CONTROLLER_MAX_LEN_NO_BUFFER || totalLen > input.data.length
    if (!whole) kept ??= ctx.buffers.keep({ inPort: input.inPort, data: input.data })
    const [bufferId, data] = whole || kept === null ? [NO_BUFFER, input.data] : [kept, input.data.subarray(0, most)]
    const type = packetInType(conn)
    sendTo(ctx, conn.id, 0, { type, bufferId, totalLen, reason, tableId, cookie, match: type === 'packet_in' && conn.version >= OF15 ? matchOfEgress : match, data })
  }
}

/** A flow has at most one, and then nothing else that sends packets up while the list is carried out. */
function controllerActionOf({ instructions: { apply } }: FlowRecord): Extract<Action, { type: 'controller' }> | null {
  const action = apply?.find(({ type }) => type === 'controller')
  return action?.type === 'controller' ? action : null
}

const packetInType = ({ nicira: { packetInFormat } }: Connection): 'packet_in' | 'nx_packet_in' | 'nx_packet_in2' =>
  packetInFormat === PacketInFormat.NXT2 ? 'nx_packet_in2' : packetInFormat === PacketInFormat.NXT ? 'nx_packet_in' : 'packet_in'

/** A packet that came in nowhere, for whoever gets misses; Open vSwitch sends the like to see whether a controller controls. */
export function deliverProbe(ctx: Context, data: Uint8Array): void {
  const match: Match = [{ field: 'in_port', value: BigInt(Port.LOCAL), mask: null }]
  for (const conn of ctx.conns.all()) {
    if (conn.nicira.controllerId !== 0 || !receivesPacketIn(conn, PacketInBit.no_match)) continue
    sendTo(ctx, conn.id, 0, { type: packetInType(conn), bufferId: NO_BUFFER, totalLen: data.length, reason: 'no_match', tableId: 0, cookie: NO_COOKIE, match, data })
  }
}

/** OF 1.3.5 §7.4.1: in_port always; metadata and tunnel_id when not 0; in_phy_port when it is another port. */
function pipelineFields({ inPort, inPhyPort, metadata, tunnelId }: PacketInInput): Match {
  const fields: FieldValue[] = [{ field: 'in_port', value: BigInt(inPort), mask: null }]
  if (inPhyPort !== undefined && inPhyPort !== inPort) fields.push({ field: 'in_phy_port', value: BigInt(inPhyPort), mask: null })
  if (metadata !== 0n) fields.push({ field: 'metadata', value: metadata, mask: null })
  if (tunnelId !== 0n) fields.push({ field: 'tunnel_id', value: tunnelId, mask: null })
  return fields
}

export function handlePacketOut(ctx: Context, conn: Connection, packetOut: PacketOut, requester: Requester): Outcome {
  const { inPort, bufferId, match, actions } = packetOut
  const noPort = inPort === Port.CONTROLLER || inPort === Port.ANY || inPort === Port.LOCAL
  if (!noPort && (inPort === 0 || inPort > LAST_PLAIN_PORT)) return fail('OFPBRC_BAD_PORT', `no packet comes in on port ${inPort}`)
  // What a packet that comes in has anyway may be said of it; nothing else is carried to the tables. OF 1.5.1 §7.3.6
  const unusual = match.find(({ value }) => value !== 0n)
  if (unusual !== undefined) return fail('OFPBMC_BAD_VALUE', `no packet-out with ${unusual.field} 0x${unusual.value.toString(16)}`)
  const kept = bufferId === NO_BUFFER ? packetOut : ctx.buffers.find(bufferId)
  if (typeof kept === 'string') return fail(kept, `no packet in buffer ${bufferId}`)
  const { data } = kept
  for (const action of actions) {
    const locked = action.type === 'group' ? ctx.groups.get(action.groupId)?.token ?? 0 : 0
    if (locked !== 0) return waitFor(locked)
  }
  const found = checkActions(actions, {
    rules: ctx.capabilities.packetOut, packetOut: true, strict: true,
    view: conn.version > OF10 && actions.some(changesPacket) ? viewOfPacket(data) : null,
    groupExists: (groupId) => ctx.groups.get(groupId) !== undefined,
    hasLocal: ctx.ports.get(Port.LOCAL) !== undefined, hasNormal: ctx.capabilities.features.normal,
  })
  if (found !== null) return fail(found.error, found.reason)
  if (losesMetadata(actions)) return fail('OFPBAC_UNSUPPORTED_ORDER', 'metadata does not go on to tables or groups')
  ctx.buffers.use(bufferId)
  ctx.ops.whenSettled(() => { ctx.emit({ kind: 'packet_out', conn: requester.conn, xid: requester.xid, packetOut: { ...packetOut, bufferId: NO_BUFFER, data } }) })
  return DONE
}

/** A flow-mod that names a buffer is one without, followed by a packet-out of the buffer to the tables. OF 1.3.5 §7.3.4.1 */
export function followedByBuffer(ctx: Context, bufferId: number, requester: Requester): Requester | ErrorName {
  const kept = ctx.buffers.find(bufferId)
  if (typeof kept === 'string') return kept
  const { inPort, data } = kept
  const toTables: Action = { type: 'output', port: Port.TABLE, maxLen: 0 }
  return {
    ...requester,
    settled: () => {
      ctx.buffers.use(bufferId)
      ctx.emit({ kind: 'packet_out', conn: requester.conn, xid: requester.xid, packetOut: { type: 'packet_out', bufferId: NO_BUFFER, inPort, match: [], actions: [toTables], data } })
    },
  }
}

/** The pipeline takes a packet of the agent's with a tunnel id, without metadata. */
function losesMetadata(actions: readonly Action[]): boolean {
  const copied = actions.findIndex((action) => action.type === 'copy_field' && action.dst === 'metadata')
  return copied >= 0 && actions.slice(copied).some((action) => action.type === 'group' || action.type === 'output' && action.port === Port.TABLE)
}

/** What only sends a packet does not depend on what it is. */
const changesPacket = ({ type }: Action): boolean => type !== 'output' && type !== 'group' && type !== 'set_queue' && type !== 'enqueue'

/** The packet is at hand, so actions are checked against what it is. */
function viewOfPacket(data: Uint8Array): PacketView {
  const fields = extractFields(data)
  const number = (value: bigint | undefined): number => Number(value ?? 0n)
  return {
    ethType: number(fields.get('eth_type')), ipProto: number(fields.get('ip_proto')), icmpv6Type: number(fields.get('icmpv6_type')),
    tagged: (fields.get('vlan_vid') ?? 0n) !== 0n,
  }
}
