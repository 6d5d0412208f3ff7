/** One line per message for logs, close to what `ovs-ofctl ofp-print` and `dump-flows` say. */
import type {
  AsyncChange, AsyncKind, Bucket, BundleTimeFeatures, Controller, FlowCounters, FlowMod, FlowMonitorRequest, FlowStats, FlowStatsFilter, FlowUpdate, GroupDesc, Match, Message,
  MeterBand, PacketQueue, PortDesc, StatsReplyBody, StatsRequestBody, SwitchTime, TableDesc,
} from './model.js'
import { BucketId, FlowModFlag, Group, NO_BUFFER, Port, Table } from './model.js'
import { formatActions, formatCounts, formatInstructions, formatMac, formatMatch, formatPort } from './text.js'

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
const importance = (value: number): string | false => value > 0 && `importance=${value}`
const timeouts = (idle: number, hard: number): string => join(idle > 0 && `idle_timeout=${idle}`, hard > 0 && `hard_timeout=${hard}`)

function flowMod(mod: FlowMod): string {
  const isDelete = mod.command === 'delete' || mod.command === 'delete_strict'
  return join(
    `FLOW_MOD ${mod.command.toUpperCase()} table=${table(mod.tableId)} ${rule(mod.priority, mod.match)}`,
    mod.cookie !== 0n || mod.cookieMask !== 0n ? `cookie=${hex(mod.cookie)}${mod.cookieMask === 0n ? '' : `/${hex(mod.cookieMask)}`}` : null,
    timeouts(mod.idleTimeout, mod.hardTimeout), importance(mod.importance), mod.bufferId !== NO_BUFFER && `buffer=${hex(mod.bufferId)}`,
    isDelete && mod.outPort !== Port.ANY && `out_port=${formatPort(mod.outPort)}`, isDelete && mod.outGroup !== Group.ANY && `out_group=${group(mod.outGroup)}`,
    flags(mod.flags), !isDelete && `actions=${formatInstructions(mod.instructions)}`,
  )
}

export function formatFlow(flow: FlowStats): string {
  return join(
    `cookie=${hex(flow.cookie)}, duration=${flow.durationSec}.${String(flow.durationNsec).padStart(9, '0').slice(0, 3)}s, table=${flow.tableId},`,
    `n_packets=${flow.packetCount}, n_bytes=${flow.byteCount},`, timeouts(flow.idleTimeout, flow.hardTimeout), flags(flow.flags),
    importance(flow.importance), rule(flow.priority, flow.match), `actions=${formatInstructions(flow.instructions)}`,
  )
}

const filter = (body: FlowStatsFilter): string => join(
  `table=${table(body.tableId)}`, formatMatch(body.match), body.outPort !== Port.ANY && `out_port=${formatPort(body.outPort)}`,
  body.outGroup !== Group.ANY && `out_group=${group(body.outGroup)}`, body.cookieMask !== 0n && `cookie=${hex(body.cookie)}/${hex(body.cookieMask)}`,
)
const bucket = (one: Bucket, index: number): string => 'bucket=' + [
  one.bucketId !== index && `bucket_id:${one.bucketId}`,
  one.weight > 0 && `weight:${one.weight}`, one.watchPort !== Port.ANY && `watch_port:${formatPort(one.watchPort)}`,
  one.watchGroup !== Group.ANY && `watch_group:${group(one.watchGroup)}`, `actions=${formatActions(one.actions)}`,
].filter((part) => part !== false).join(',')
export const formatGroup = (body: GroupDesc): string => [`group_id=${group(body.groupId)},type=${body.groupType}`, ...body.buckets.map(bucket)].join(',')
const BUCKETS = new Map<number, string>([[BucketId.FIRST, 'first'], [BucketId.LAST, 'last'], [BucketId.ALL, 'all']])
const tableText = (one: TableDesc): string => join(
  `table=${table(one.tableId)} config=${hex(one.config)}`, one.eviction !== null && `eviction=${hex(one.eviction)}`,
  one.vacancy !== null && `vacancy=${one.vacancy.down}%..${one.vacancy.up}% now=${one.vacancy.vacancy}%`,
)
const monitorText = (one: FlowMonitorRequest): string => join(
  `${one.command} id=${one.monitorId} flags=${hex(one.flags)} table=${table(one.tableId)}`, formatMatch(one.match),
  one.outPort !== Port.ANY && `out_port=${formatPort(one.outPort)}`, one.outGroup !== Group.ANY && `out_group=${group(one.outGroup)}`,
)
function updateText(one: FlowUpdate): string {
  if (one.event === 'abbrev') return `event=ABBREV xid=${hex(one.xid)}`
  if (one.event === 'paused' || one.event === 'resumed') return `event=${one.event.toUpperCase()}`
  return join(`event=${one.event.toUpperCase()}`, one.reason !== null && `reason=${one.reason}`, `table=${one.tableId}`, timeouts(one.idleTimeout, one.hardTimeout),
    `cookie=${hex(one.cookie)}`, rule(one.priority, one.match), one.event !== 'removed' && `actions=${formatInstructions(one.instructions)}`)
}
const queueText = (one: PacketQueue): string =>
  join(`port=${formatPort(one.portNo)} queue=${one.queueId}`, one.minRate !== null && `min_rate=${one.minRate}`, one.maxRate !== null && `max_rate=${one.maxRate}`)
const countersText = (one: FlowCounters): string =>
  join(`table=${one.tableId}`, one.reason === 'trigger' && 'trigger', formatCounts(one.counts), rule(one.priority, one.match))
const controllerText = (one: Controller): string =>
  join(`id=${one.shortId} role=${one.role} reason=${one.reason} channel=${one.channel}`, one.uri !== null && `uri=${one.uri}`)
const timeText = ({ seconds, nanoseconds }: SwitchTime): string => `${seconds}.${String(nanoseconds).padStart(9, '0')}`
const timesText = (times: BundleTimeFeatures | null): string | null => times === null ? null
  : `accuracy=${timeText(times.schedAccuracy)} max_future=${timeText(times.schedMaxFuture)} max_past=${timeText(times.schedMaxPast)} timestamp=${timeText(times.timestamp)}`
const ASYNC_NAMES: Readonly<Record<AsyncKind, string>> = {
  packetIn: 'packet_in', portStatus: 'port_status', flowRemoved: 'flow_removed', roleStatus: 'role_status', tableStatus: 'table_status',
  requestForward: 'requestforward', flowStats: 'flow_stats', controllerStatus: 'controller_status',
}
/** Three kinds in every version, the others where they are asked for. */
const asyncText = (config: AsyncChange): string => (Object.keys(ASYNC_NAMES) as AsyncKind[]).flatMap((kind, index) => {
  const masks = config[kind]
  const isSaid = index < 3 ? masks.some((mask) => mask !== null) : masks.some((mask) => mask !== null && mask !== 0)
  return isSaid ? [`${ASYNC_NAMES[kind]}=${masks.map((mask) => mask === null ? '-' : hex(mask)).join('/')}`] : []
}).join(' ')
const bands = (list: readonly MeterBand[]): string =>
  list.map((band) => `band=${band.type},rate=${band.rate}${band.burstSize > 0 ? `,burst=${band.burstSize}` : ''}`).join(' ')
export const formatPortDesc = (port: PortDesc): string =>
  `${formatPort(port.portNo)}(${port.name}) addr=${formatMac(port.hwAddr)} config=${hex(port.config)} state=${hex(port.state)}`

function requestBody(body: StatsRequestBody): string {
  switch (body.kind) {
    case 'flow': case 'aggregate': case 'flow_stats': case 'nx_flow': case 'nx_aggregate': return filter(body)
    case 'port': return `port=${formatPort(body.portNo)}`
    case 'queue': return `port=${formatPort(body.portNo)} queue=${body.queueId}`
    case 'group': return `group=${group(body.groupId)}`
    case 'meter': case 'meter_config': return `meter=${hex(body.meterId)}`
    case 'table_features': return body.tables.length === 0 ? '' : `set ${body.tables.length} tables`
    case 'port_desc': return body.portNo === Port.ANY ? '' : `port=${formatPort(body.portNo)}`
    case 'group_desc': return body.groupId === Group.ALL ? '' : `group=${group(body.groupId)}`
    case 'queue_desc': return `port=${formatPort(body.portNo)} queue=${body.queueId}`
    case 'flow_monitor': return body.monitors.map(monitorText).join('; ')
    case 'bundle_features': return join(`flags=${hex(body.flags)}`, timesText(body.time))
    case 'experimenter': return `experimenter=${hex(body.experimenter)} type=${body.expType}`
    default: return ''
  }
}

function replyBody(body: StatsReplyBody): string {
  switch (body.kind) {
    case 'desc': return `${body.mfrDesc} / ${body.hwDesc} / ${body.swDesc} / ${body.dpDesc}`
    case 'flow': case 'nx_flow': return body.flows.map(formatFlow).join('; ')
    case 'aggregate': case 'nx_aggregate': return `packet_count=${body.packetCount} byte_count=${body.byteCount} flow_count=${body.flowCount}`
    case 'group_desc': return body.groups.map(formatGroup).join('; ')
    case 'port_desc': return body.ports.map(formatPortDesc).join('; ')
    case 'table': case 'table_features': return `${body.tables.length} tables`
    case 'port': return `${body.ports.length} ports`
    case 'queue': return `${body.queues.length} queues`
    case 'group': return `${body.groups.length} groups`
    case 'meter': case 'meter_config': return `${body.meters.length} meters`
    case 'group_features': return `types=${body.types.join()}`
    case 'meter_features': return `max_meter=${body.maxMeter}`
    case 'table_desc': return body.tables.map(tableText).join('; ')
    case 'queue_desc': return body.queues.map(queueText).join('; ')
    case 'flow_monitor': return body.updates.map(updateText).join('; ')
    case 'flow_stats': return body.flows.map(countersText).join('; ')
    case 'controller_status': return body.controllers.map(controllerText).join('; ')
    case 'bundle_features': return join(`capabilities=${hex(body.capabilities)}`, timesText(body.time))
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
    case 'packet_in': case 'nx_packet_in': case 'nx_packet_in2':
      return join(`reason=${message.reason} table=${message.tableId} cookie=${hex(message.cookie)}`, formatMatch(message.match),
        `total_len=${message.totalLen} data=${message.data.length}`, message.bufferId !== NO_BUFFER && `buffer=${hex(message.bufferId)}`)
    case 'packet_out':
      return join(`in_port=${formatPort(message.inPort)}`, formatMatch(message.match), `actions=${formatActions(message.actions)}`,
        message.bufferId === NO_BUFFER ? `data=${message.data.length}` : `buffer=${hex(message.bufferId)}`)
    case 'flow_removed': case 'nx_flow_removed':
      return join(`reason=${message.reason} table=${message.tableId} ${rule(message.priority, message.match)} cookie=${hex(message.cookie)}`,
        `duration=${message.durationSec}s`, timeouts(message.idleTimeout, message.hardTimeout), `n_packets=${message.packetCount} n_bytes=${message.byteCount}`)
    case 'port_status': return `${message.reason} ${formatPortDesc(message.port)}`
    case 'group_mod':
      return join(message.command.toUpperCase(), (message.command === 'insert_bucket' || message.command === 'remove_bucket')
        && `command_bucket_id=${BUCKETS.get(message.commandBucketId) ?? message.commandBucketId}`, formatGroup(message))
    case 'port_mod': return `port=${formatPort(message.portNo)} config=${hex(message.config)}/${hex(message.mask)} advertise=${hex(message.advertise)}`
    case 'meter_mod': return join(`${message.command.toUpperCase()} meter=${hex(message.meterId)} flags=${hex(message.flags)}`, bands(message.bands))
    case 'table_mod': return tableText(message)
    case 'table_status': return join(message.reason, tableText(message.table))
    case 'stats_request': return join(message.body.kind, requestBody(message.body), message.more && 'more')
    case 'stats_reply': return join(message.body.kind, replyBody(message.body), message.more === true && 'more')
    case 'queue_get_config_request': return `port=${formatPort(message.portNo)}`
    case 'queue_get_config_reply': return `port=${formatPort(message.portNo)} ${message.queues.length} queues`
    case 'role_request': case 'role_reply':
      return join(`role=${message.role} generation_id=${message.generationId}`, message.shortId !== 0 && `id=${message.shortId}`)
    case 'role_status': return `role=${message.role} reason=${message.reason} generation_id=${message.generationId}`
    case 'controller_status': return controllerText(message.controller)
    case 'requestforward': return formatMessage(message.request)
    case 'nx_set_flow_format': case 'nx_set_packet_in_format': return `format=${message.format}`
    case 'nx_flow_mod_table_id': return message.set ? 'on' : 'off'
    case 'nx_flow_monitor_paused': case 'nx_flow_monitor_resumed': return ''
    case 'nx_flow_monitor_cancel': return `monitor=${message.monitorId}`
    case 'nx_set_controller_id': return `id=${message.controllerId}`
    case 'nx_role_request': case 'nx_role_reply': return `role=${message.role}`
    case 'nx_flow_mod': return `table_byte=${message.tableByte} ${flowMod(message.flowMod)}`
    case 'bundle_control':
      return join(`${message.control.toUpperCase()} bundle=${hex(message.bundleId)} flags=${hex(message.flags)}`,
        message.time !== null && `at=${message.time.seconds}.${String(message.time.nanoseconds).padStart(9, '0')}`)
    case 'bundle_add': return `bundle=${hex(message.bundleId)} flags=${hex(message.flags)} ${formatMessage(message.message)}`
    case 'get_async_reply': case 'set_async': return asyncText(message)
    default: return ''
  }
}

export const formatMessage = (message: Message): string => message.type === 'flow_mod' ? flowMod(message) : join(message.type.toUpperCase(), details(message))
