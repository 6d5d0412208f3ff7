/** One line per message for logs, close to what `ovs-ofctl ofp-print` and `dump-flows` say. */
import type {
  Bucket, FlowMod, FlowStats, FlowStatsFilter, GroupDesc, Match, Message, MeterBand, PortDesc, StatsReplyBody, StatsRequestBody,
} from './model.js'
import { FlowModFlag, Group, NO_BUFFER, Port, Table } from './model.js'
import { formatActions, formatInstructions, formatMac, formatMatch, formatPort } from './text.js'

const hex = (value: bigint | number): string => `0x${value.toString(16)}`
const join = (...parts: readonly (string | null | false)[]): string => parts.filter((part) => part !== null && part !== false && part !== '').join(' ')
const group = (id: number): string => id === Group.ANY ? 'ANY' : id === Group.ALL ? 'ALL' : String(id)
const table = (id: number): string => id === Table.ALL ? 'ALL' : String(id)

const FLAGS: readonly (readonly [number, string])[] = [
  [FlowModFlag.SEND_FLOW_REM, 'send_flow_rem'], [FlowModFlag.CHECK_OVERLAP, 'check_overlap'], [FlowModFlag.RESET_COUNTS, 'reset_counts'],
  [FlowModFlag.NO_PKT_COUNTS, 'no_packet_counts'], [FlowModFlag.NO_BYT_COUNTS, 'no_byte_counts'],
]
const flags = (value: number): string => FLAGS.filter(([bit]) => (value & bit) !== 0).map(([, name]) => name).join(' ')
const rule = (priority: number, match: Match): string => [`priority=${priority}`, ...match.length > 0 ? [formatMatch(match)] : []].join(',')
const timeouts = (idle: number, hard: number): string => join(idle > 0 && `idle_timeout=${idle}`, hard > 0 && `hard_timeout=${hard}`)

function flowMod(mod: FlowMod): string {
  const isDelete = mod.command === 'delete' || mod.command === 'delete_strict'
  return join(
    `FLOW_MOD ${mod.command.toUpperCase()} table=${table(mod.tableId)} ${rule(mod.priority, mod.match)}`,
    mod.cookie !== 0n || mod.cookieMask !== 0n ? `cookie=${hex(mod.cookie)}${mod.cookieMask === 0n ? '' : `/${hex(mod.cookieMask)}`}` : null,
    timeouts(mod.idleTimeout, mod.hardTimeout), mod.bufferId !== NO_BUFFER && `buffer=${hex(mod.bufferId)}`,
    isDelete && mod.outPort !== Port.ANY && `out_port=${formatPort(mod.outPort)}`, isDelete && mod.outGroup !== Group.ANY && `out_group=${group(mod.outGroup)}`,
    flags(mod.flags), !isDelete && `actions=${formatInstructions(mod.instructions)}`,
  )
}

export function formatFlow(flow: FlowStats): string {
  return join(
    `cookie=${hex(flow.cookie)}, duration=${flow.durationSec}.${String(flow.durationNsec).padStart(9, '0').slice(0, 3)}s, table=${flow.tableId},`,
    `n_packets=${flow.packetCount}, n_bytes=${flow.byteCount},`, timeouts(flow.idleTimeout, flow.hardTimeout), flags(flow.flags),
    rule(flow.priority, flow.match), `actions=${formatInstructions(flow.instructions)}`,
  )
}

const filter = (body: FlowStatsFilter): string => join(
  `table=${table(body.tableId)}`, formatMatch(body.match), body.outPort !== Port.ANY && `out_port=${formatPort(body.outPort)}`,
  body.outGroup !== Group.ANY && `out_group=${group(body.outGroup)}`, body.cookieMask !== 0n && `cookie=${hex(body.cookie)}/${hex(body.cookieMask)}`,
)
const bucket = (one: Bucket): string => 'bucket=' + [
  one.weight > 0 && `weight:${one.weight}`, one.watchPort !== Port.ANY && `watch_port:${formatPort(one.watchPort)}`,
  one.watchGroup !== Group.ANY && `watch_group:${group(one.watchGroup)}`, `actions=${formatActions(one.actions)}`,
].filter((part) => part !== false).join(',')
const groupText = (body: GroupDesc): string => [`group_id=${group(body.groupId)},type=${body.groupType}`, ...body.buckets.map(bucket)].join(',')
const bands = (list: readonly MeterBand[]): string =>
  list.map((band) => `band=${band.type},rate=${band.rate}${band.burstSize > 0 ? `,burst=${band.burstSize}` : ''}`).join(' ')
const portText = (port: PortDesc): string =>
  `${formatPort(port.portNo)}(${port.name}) addr=${formatMac(port.hwAddr)} config=${hex(port.config)} state=${hex(port.state)}`

function requestBody(body: StatsRequestBody): string {
  switch (body.kind) {
    case 'flow': case 'aggregate': return filter(body)
    case 'port': return `port=${formatPort(body.portNo)}`
    case 'queue': return `port=${formatPort(body.portNo)} queue=${body.queueId}`
    case 'group': return `group=${group(body.groupId)}`
    case 'meter': case 'meter_config': return `meter=${hex(body.meterId)}`
    case 'table_features': return body.tables.length === 0 ? '' : `set ${body.tables.length} tables`
    case 'experimenter': return `experimenter=${hex(body.experimenter)} type=${body.expType}`
    default: return ''
  }
}

function replyBody(body: StatsReplyBody): string {
  switch (body.kind) {
    case 'desc': return `${body.mfrDesc} / ${body.hwDesc} / ${body.swDesc} / ${body.dpDesc}`
    case 'flow': return body.flows.map(formatFlow).join('; ')
    case 'aggregate': return `packet_count=${body.packetCount} byte_count=${body.byteCount} flow_count=${body.flowCount}`
    case 'group_desc': return body.groups.map(groupText).join('; ')
    case 'port_desc': return body.ports.map(portText).join('; ')
    case 'table': case 'table_features': return `${body.tables.length} tables`
    case 'port': return `${body.ports.length} ports`
    case 'queue': return `${body.queues.length} queues`
    case 'group': return `${body.groups.length} groups`
    case 'meter': case 'meter_config': return `${body.meters.length} meters`
    case 'group_features': return `types=${body.types.join()}`
    case 'meter_features': return `max_meter=${body.maxMeter}`
  }
}

/** The text after the message's name. */
function details(message: Message): string {
  switch (message.type) {
    case 'hello': return `versions=${message.versions.map(hex).join()}${message.hasBitmap ? ' (bitmap)' : ''}`
    case 'error': return `${message.name} (${message.data.length} bytes)`
    case 'peer_error': return `type=${message.errorType} code=${message.code} (${message.data.length} bytes)`
    case 'echo_request': case 'echo_reply': return `${message.data.length} bytes`
    case 'experimenter': return `experimenter=${hex(message.experimenter)} type=${message.expType} (${message.body.length} bytes)`
    case 'features_reply': return `dpid=${message.datapathId.toString(16).padStart(16, '0')} n_tables=${message.nTables} n_buffers=${message.nBuffers} capabilities=${hex(message.capabilities)}`
    case 'get_config_reply': case 'set_config': return `flags=${message.flags} miss_send_len=${message.missSendLen}`
    case 'packet_in':
      return join(`reason=${message.reason} table=${message.tableId} cookie=${hex(message.cookie)}`, formatMatch(message.match),
        `total_len=${message.totalLen} data=${message.data.length}`, message.bufferId !== NO_BUFFER && `buffer=${hex(message.bufferId)}`)
    case 'packet_out':
      return join(`in_port=${formatPort(message.inPort)} actions=${formatActions(message.actions)}`,
        message.bufferId === NO_BUFFER ? `data=${message.data.length}` : `buffer=${hex(message.bufferId)}`)
    case 'flow_removed':
      return join(`reason=${message.reason} table=${message.tableId} ${rule(message.priority, message.match)} cookie=${hex(message.cookie)}`,
        `duration=${message.durationSec}s`, timeouts(message.idleTimeout, message.hardTimeout), `n_packets=${message.packetCount} n_bytes=${message.byteCount}`)
    case 'port_status': return `${message.reason} ${portText(message.port)}`
    case 'group_mod': return `${message.command.toUpperCase()} ${groupText(message)}`
    case 'port_mod': return `port=${formatPort(message.portNo)} config=${hex(message.config)}/${hex(message.mask)} advertise=${hex(message.advertise)}`
    case 'meter_mod': return join(`${message.command.toUpperCase()} meter=${hex(message.meterId)} flags=${hex(message.flags)}`, bands(message.bands))
    case 'table_mod': return `table=${table(message.tableId)} config=${hex(message.config)}`
    case 'stats_request': return join(message.body.kind, requestBody(message.body), message.more && 'more')
    case 'stats_reply': return join(message.body.kind, replyBody(message.body), message.more === true && 'more')
    case 'queue_get_config_request': return `port=${formatPort(message.portNo)}`
    case 'queue_get_config_reply': return `port=${formatPort(message.portNo)} ${message.queues.length} queues`
    case 'role_request': case 'role_reply': return `role=${message.role} generation_id=${message.generationId}`
    case 'get_async_reply': case 'set_async':
      return `packet_in=${message.packetIn.map(hex).join('/')} port_status=${message.portStatus.map(hex).join('/')} flow_removed=${message.flowRemoved.map(hex).join('/')}`
    case 'bundle_control':
      return join(`${message.control.toUpperCase()} bundle=${hex(message.bundleId)} flags=${hex(message.flags)}`,
        message.time !== null && `at=${message.time.seconds}.${String(message.time.nanoseconds).padStart(9, '0')}`)
    case 'bundle_add': return `bundle=${hex(message.bundleId)} flags=${hex(message.flags)} ${formatMessage(message.message)}`
    default: return ''
  }
}

export const formatMessage = (message: Message): string => message.type === 'flow_mod' ? flowMod(message) : join(message.type.toUpperCase(), details(message))
