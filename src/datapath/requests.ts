/**
 * What each request does: the dispatcher, and the requests that need no file of their own.
 * OF 1.3.5 §6.1.1, §7.3.1 to §7.3.3, §7.3.6, §7.3.8 to §7.3.10.
 */
import { Port } from '../openflow/index.js'
import type { Action, AsyncChange, AsyncKind, AsyncMasks, Message, SwitchConfig } from '../openflow/index.js'
import { handleBundleAdd, handleBundleControl } from './bundles.js'
import type { Connection } from './connections.js'
import { DEFAULT_MISS_SEND_LEN, OF13, OF14, asyncConfigOf, sendTo } from './connections.js'
import { becomes, handleRole } from './controllers.js'
import { tableCount } from './egress.js'
import { handleFlowMod } from './flow-mod.js'
import { handleGroupMod } from './group-mod.js'
import { handleMeterMod } from './meter-mod.js'
import { assemble } from './multipart.js'
import { configureExtensions, refuseExperimenter, plainFlowMod, tableOfExtended } from './nicira.js'
import { handlePacketOut } from './packet-io.js'
import { handlePortMod } from './port-status.js'
import { SYNC_GATE } from './operations.js'
import { DONE, fail, waitFor } from './state.js'
import type { Context, Outcome, Requester } from './state.js'
import { handleStats } from './statistics.js'
import { handleTableMod } from './table-config.js'

/** Flow, table and port statistics, and group statistics. Packets are not reassembled, there are no queues. */
const CAPABILITIES = 1 | 2 | 4 | 8
/** Bundles and flow monitoring. OF 1.4.1 §7.3.1 */
const CAPABILITIES14 = 512 | 1024
const FRAGMENT_MASK = 3
/** Versions before 1.3. OF 1.1 §A.3.2 */
const INVALID_TTL_TO_CONTROLLER = 4

/** What a slave may not do. OF 1.3.5 §6.3: requests that change the switch, and packet-outs. */
function isControl(message: Message): boolean {
  switch (message.type) {
    case 'packet_out': case 'flow_mod': case 'nx_flow_mod': case 'group_mod': case 'port_mod': case 'table_mod': case 'meter_mod':
    case 'bundle_control': case 'bundle_add': return true
    case 'stats_request': return message.body.kind === 'table_features' && (message.more || message.body.tables.length > 0)
    default: return false
  }
}

/** What cannot be answered before the target has told what it holds. */
function needsState(message: Message): boolean {
  if (message.type === 'stats_request') return message.body.kind !== 'desc' && message.body.kind !== 'port_desc'
  return message.type === 'bundle_control' || isControl(message)
}

export function handleRequest(ctx: Context, conn: Connection, message: Message, requester: Requester): Outcome {
  if (conn.role === 'slave' && isControl(message)) return fail('OFPBRC_IS_SLAVE', 'the connection has the slave role')
  if (ctx.ops.recovering && needsState(message)) return waitFor(SYNC_GATE)
  const reply = (answer: Message): Outcome => {
    sendTo(ctx, requester.conn, requester.xid, answer)
    return DONE
  }
  switch (message.type) {
    case 'flow_mod': return handleFlowMod(ctx, conn, plainFlowMod(conn, message), requester)
    case 'nx_flow_mod': {
      const flowMod = tableOfExtended(conn, message)
      return flowMod === null ? fail('OFPFMFC_BAD_COMMAND', 'a table in the command, without NXT_FLOW_MOD_TABLE_ID') : handleFlowMod(ctx, conn, flowMod, requester)
    }
    case 'nx_set_flow_format': case 'nx_flow_mod_table_id': case 'nx_set_packet_in_format': case 'nx_set_controller_id': case 'nx_flow_age': case 'nx_flow_monitor_cancel':
      return configureExtensions(conn, message)
    case 'nx_role_request':
      becomes(ctx, conn, message.role === 'nochange' ? conn.role : message.role)
      return reply({ type: 'nx_role_reply', role: conn.role })
    case 'group_mod': return handleGroupMod(ctx, conn, message, requester)
    case 'port_mod': return handlePortMod(ctx, conn, message, requester)
    case 'packet_out': return handlePacketOut(ctx, conn, message, requester)
    case 'meter_mod': return handleMeterMod(ctx, message, requester)
    case 'table_mod': return handleTableMod(ctx, conn, message, requester)
    case 'stats_request': {
      const whole = assemble(conn, message, requester.xid)
      return 'kind' in whole ? whole : handleStats(ctx, conn, whole.body, requester)
    }
    case 'features_request': return reply(features(ctx, conn))
    case 'get_config_request': return reply({ type: 'get_config_reply', ...configOf(conn) })
    case 'set_config': return setConfig(conn, message)
    case 'queue_get_config_request':
      return ctx.ports.get(message.portNo) === undefined && message.portNo !== Port.ANY
        ? fail('OFPQOFC_BAD_PORT', `no port ${message.portNo}`)
        : reply({ type: 'queue_get_config_reply', portNo: message.portNo, queues: [] })
    case 'role_request': return handleRole(ctx, conn, message, reply)
    case 'get_async_request': return reply({ type: 'get_async_reply', ...asyncConfigOf(conn) })
    case 'set_async': return setAsync(conn, message)
    case 'bundle_control': return handleBundleControl(ctx, conn, message, requester, handleRequest)
    case 'bundle_add': return handleBundleAdd(ctx, conn, message, requester)
    case 'experimenter': return refuseExperimenter(message)
    case 'echo_request': return reply({ type: 'echo_reply', data: message.data })
    case 'hello': case 'echo_reply': return DONE
    case 'error': case 'peer_error':
      ctx.emit({ kind: 'log', level: 'warn', text: 'the controller reports an error', detail: { conn: conn.id, ...peerError(message) } })
      return DONE
    case 'barrier_request': return reply({ type: 'barrier_reply' })
    case 'barrier_reply': case 'features_reply': case 'get_config_reply': case 'packet_in': case 'flow_removed':
    case 'nx_flow_monitor_paused': case 'nx_flow_monitor_resumed':
    case 'nx_role_reply': case 'nx_flow_removed': case 'nx_packet_in': case 'nx_packet_in2':
    case 'port_status': case 'stats_reply': case 'queue_get_config_reply': case 'role_reply': case 'get_async_reply':
    case 'role_status': case 'table_status': case 'requestforward': case 'controller_status':
      return fail('OFPBRC_BAD_TYPE', `a controller does not send ${message.type}`)
  }
}

function peerError(message: Extract<Message, { type: 'error' | 'peer_error' }>): Record<string, unknown> {
  return message.type === 'error' ? { name: message.name } : { errorType: message.errorType, code: message.code }
}

function features(ctx: Context, { auxiliaryId, version }: Connection): Message {
  const actions = new Set<Action['type']>()
  for (const table of ctx.pipeline.features.tables) for (const action of table.applyActions) actions.add(action)
  if (actions.has('push_vlan')) actions.add('set_vlan_vid').add('set_vlan_pcp')
  if (actions.has('set_queue')) actions.add('enqueue')
  return {
    type: 'features_reply', datapathId: ctx.config.datapathId, nBuffers: ctx.buffers.size, nTables: tableCount(ctx, { version }), auxiliaryId,
    capabilities: version >= OF14 ? CAPABILITIES | CAPABILITIES14 : CAPABILITIES, ports: ctx.ports.descriptions(), actions: [...actions],
  }
}

const configOf = (conn: Connection): SwitchConfig =>
  ({ flags: conn.invalidTtl && conn.version < OF13 ? INVALID_TTL_TO_CONTROLLER : 0, missSendLen: conn.missSendLen })

/** Fragments are neither dropped nor reassembled. OF 1.3.5 §7.3.2 */
function setConfig(conn: Connection, { flags, missSendLen }: SwitchConfig): Outcome {
  const known = conn.version < OF13 ? FRAGMENT_MASK | INVALID_TTL_TO_CONTROLLER : FRAGMENT_MASK
  if ((flags & ~known) !== 0 || (flags & FRAGMENT_MASK) !== 0) return fail('OFPSCFC_BAD_FLAGS', `no configuration flags 0x${flags.toString(16)}`)
  if (conn.version < OF13) conn.invalidTtl = (flags & INVALID_TTL_TO_CONTROLLER) !== 0
  conn.missSendLen = missSendLen
  return DONE
}

/** A bit for each reason. Vacancy events are the bits 3 and 4. OF 1.3.5 §7.3.10, OF 1.4.1 §7.3.10, OF 1.5.1 §7.3.10 */
const REASONS13 = { packetIn: 7, portStatus: 7, flowRemoved: 15, roleStatus: 7, tableStatus: 0, requestForward: 0, flowStats: 0, controllerStatus: 0 } as const
const REASONS14 = { packetIn: 63, portStatus: 7, flowRemoved: 63, roleStatus: 7, tableStatus: 0x18, requestForward: 3, flowStats: 3, controllerStatus: 0x7f } as const

/** Bits of reasons that do not exist are not kept. As Open vSwitch, a service connection thereby asks for messages. */
function setAsync(conn: Connection, change: AsyncChange): Outcome {
  const now = asyncConfigOf(conn)
  const known: Readonly<Record<AsyncKind, number>> = conn.version >= OF14 ? REASONS14 : REASONS13
  const merged = (kind: AsyncKind): AsyncMasks => {
    const [master, slave] = change[kind]
    return [(master ?? now[kind][0]) & known[kind], (slave ?? now[kind][1]) & known[kind]]
  }
  conn.async = {
    packetIn: merged('packetIn'), portStatus: merged('portStatus'), flowRemoved: merged('flowRemoved'), roleStatus: merged('roleStatus'),
    tableStatus: merged('tableStatus'), requestForward: merged('requestForward'), flowStats: merged('flowStats'), controllerStatus: merged('controllerStatus'),
  }
  if (conn.connKind === 'service' && conn.missSendLen === 0) conn.missSendLen = DEFAULT_MISS_SEND_LEN
  return DONE
}
