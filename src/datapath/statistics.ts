/**
 * Statistics ("multipart" since 1.3) requests. OF 1.3.5 §7.3.5
 *
 * What the switch knows itself is answered at once; counters are asked of the target, and the reply is made when they
 * come, of the objects that were selected at the time of the request and still exist.
 */
import { Group, NO_FLOW_COUNTS, Port, Queue, Table } from '../openflow/index.js'
import type { FlowCounters, FlowStats, FlowStatsFilter, PortStats, StatsReplyBody, StatsRequestBody } from '../openflow/index.js'
import { OF10, sendTo } from './connections.js'
import { scheduleFeatures } from './bundle-schedule.js'
import { bundleCapabilities } from './bundles.js'
import type { Connection } from './connections.js'
import { controllerStatus } from './controllers.js'
import { tableCount } from './egress.js'
import { requestMonitors } from './flow-monitors.js'
import { noteCounters, type Tell } from './flow-reports.js'
import type { FlowFilter } from './flow-table.js'
import { told } from './group-counts.js'
import { groupsInBuckets } from './group-table.js'
import { meterStats, selectMeters, unknownMeter } from './meter-statistics.js'
import { refuseExperimenter } from './nicira.js'
import { durationOf } from './removal.js'
import { DONE, NO_COUNTERS, REPORT_GATE, addCounters, fail, waitFor } from './state.js'
import type { Context, Flow, GroupEntry, Outcome, Requester } from './state.js'
import { tableDescs } from './table-config.js'
import { requestTables, tableFeatures } from './table-features.js'
import { withoutPacketType } from './validate-flow.js'

/** The value of a counter that is not available. OF 1.3.5 §5.8 */
const UNKNOWN = 0xffff_ffff_ffff_ffffn
/** 1.0's table of emergency flows: there is none, so it is empty. OF 1.0 §5.3.5 */
const TABLE_EMERGENCY = 0xfe
/** Up to here flows are read one by one, beyond it by table. */
const FEW_FLOWS = 32

export function handleStats(ctx: Context, conn: Connection, body: StatsRequestBody, requester: Requester): Outcome {
  const reply = (reply: StatsReplyBody): Outcome => {
    sendTo(ctx, requester.conn, requester.xid, { type: 'stats_reply', body: reply })
    return DONE
  }
  const part = (body: StatsReplyBody, isLast: boolean): void =>
    sendTo(ctx, requester.conn, requester.xid, isLast ? { type: 'stats_reply', body } : { type: 'stats_reply', body, more: true })
  switch (body.kind) {
    case 'desc': return reply({ kind: 'desc', ...ctx.config.description })
    case 'flow': return selectFlows(ctx, conn, body, requester, (flows, isLast) => {
      part({ kind: 'flow', flows: flows.map((flow) => flowStats(ctx, flow)) }, isLast)
    })
    case 'nx_flow': return selectFlows(ctx, conn, body, requester, (flows, isLast) => {
      const ageOf = (flow: Flow): number => durationOf(flow.modifiedAt, ctx.now).durationSec
      part({ kind: 'nx_flow', flows: flows.map((flow) => ({ ...flowStats(ctx, flow), idleAge: null, hardAge: ageOf(flow) })) }, isLast)
    })
    case 'aggregate': case 'nx_aggregate': {
      let [sum, flowCount] = [NO_COUNTERS, 0]
      return selectFlows(ctx, conn, body, requester, (flows, isLast) => {
        for (const { last } of flows) if (last !== NO_COUNTERS) sum = addCounters(sum, last)
        flowCount += flows.length
        if (isLast) reply({ kind: body.kind, packetCount: sum.packets, byteCount: sum.bytes, flowCount })
      })
    }
    case 'table': return tableStats(ctx, conn, requester, reply)
    case 'port': return portStats(ctx, body.portNo, requester, reply)
    case 'queue': return queueStats(ctx, body.portNo, body.queueId, reply)
    case 'group': return groupStats(ctx, body.groupId, requester, reply)
    case 'group_desc': return reply({ kind: 'group_desc', groups: liveGroups(ctx, body.groupId).map(({ record }) => record) })
    case 'group_features': return reply({ kind: 'group_features', ...ctx.pipeline.features.groups })
    case 'meter': return meterStats(ctx, body.meterId, requester, reply)
    case 'meter_config': {
      const meters = selectMeters(ctx, body.meterId)
      return meters === null ? unknownMeter(body.meterId) : reply({ kind: 'meter_config', meters: meters.map(({ record }) => record) })
    }
    case 'meter_features': return reply({ kind: 'meter_features', ...ctx.pipeline.features.meters })
    case 'table_features': {
      const answer = (): Outcome => reply({ kind: 'table_features', tables: tableFeatures(ctx, conn) })
      return body.tables.length === 0 ? answer() : requestTables(ctx, conn, body.tables, requester, answer)
    }
    case 'port_desc':
      return reply({ kind: 'port_desc', ports: ctx.ports.descriptions().filter(({ portNo }) => body.portNo === Port.ANY || portNo === body.portNo) })
    case 'table_desc': return reply({ kind: 'table_desc', tables: tableDescs(ctx, conn) })
    case 'queue_desc': {
      const problem = noQueue(ctx, body.portNo, body.queueId)
      return problem ?? reply({ kind: 'queue_desc', queues: [] })
    }
    case 'flow_stats': return selectFlows(ctx, conn, body, requester, (flows, isLast) => {
      part({ kind: 'flow_stats', flows: flows.map((flow) => flowCounters(ctx, flow)) }, isLast)
    })
    case 'flow_monitor': return requestMonitors(ctx, conn, body.monitors, requester)
    case 'controller_status': return controllerStatus(ctx, (controllers) => reply({ kind: 'controller_status', controllers }))
    case 'bundle_features': {
      const time = scheduleFeatures(ctx, body.flags, body.time, conn.role === 'slave')
      return 'error' in time ? fail(time.error, time.reason) : reply({ kind: 'bundle_features', capabilities: bundleCapabilities(ctx), time })
    }
    case 'experimenter': return refuseExperimenter(body)
  }
}

/** Few flows are read one by one and told at once, many in parts. */
function selectFlows(ctx: Context, conn: Connection, filter: FlowStatsFilter, requester: Requester, tell: Tell): Outcome {
  const { tableId, match, cookie, cookieMask, outPort, outGroup } = withoutPacketType(filter)
  const emergency = conn.version === OF10 && tableId === TABLE_EMERGENCY
  if (tableId !== Table.ALL && tableId >= tableCount(ctx, conn) && !emergency) return fail('OFPBRC_BAD_TABLE_ID', `no table ${tableId}`)
  const criteria: FlowFilter = { tableId, tableCount: tableCount(ctx, conn), match, priority: null, cookie, cookieMask, outPort, outGroup }
  const selected = emergency ? [] : ctx.flows.select(criteria, 'reported', FEW_FLOWS + 1)
  if (selected.length === 0) {
    tell([], true)
  } else if (selected.length <= FEW_FLOWS) {
    ctx.reads.start(ctx, requester, (token) => ({ kind: 'read_flow_counters', token, flowIds: selected.map((flow) => flow.id) }), (_, answer) => {
      for (let at = 0; answer?.what === 'flows' && at < answer.flows.count; at++) noteCounters(ctx, answer.flows, at)
      tell(selected.filter((flow) => !flow.deleting && ctx.flows.byId(flow.id) === flow), true)
    })
  } else {
    if (ctx.reports.isFull(requester.conn)) return waitFor(REPORT_GATE)
    ctx.reports.start(ctx, requester, criteria, tableId === Table.ALL ? allTables(ctx, conn) : [tableId], tell)
  }
  return DONE
}

const allTables = (ctx: Context, conn: Connection): number[] => Array.from({ length: tableCount(ctx, conn) }, (_, tableId) => tableId)

function flowStats(ctx: Context, flow: Flow): FlowStats {
  const { tableId, priority, idleTimeout, cookie, match, instructions } = flow.record
  const { durationSec, durationNsec } = durationOf(flow.createdAt, ctx.now)
  return {
    tableId, durationSec, durationNsec, priority, idleTimeout, hardTimeout: flow.hardTimeout, flags: flow.flags, importance: flow.importance,
    cookie, packetCount: flow.last.packets, byteCount: flow.last.bytes, match, instructions,
  }
}

/** 1.5's form of the counters. OF 1.5.1 §7.3.5.4 */
function flowCounters(ctx: Context, flow: Flow): FlowCounters {
  const { tableId, priority, match } = flow.record
  const { durationSec, durationNsec } = durationOf(flow.createdAt, ctx.now)
  return {
    tableId, reason: 'request', priority, match,
    counts: { ...NO_FLOW_COUNTS, duration: { seconds: durationSec, nanoseconds: durationNsec }, packetCount: flow.last.packets, byteCount: flow.last.bytes },
  }
}

/** `lookup_count` is hits and misses of the table, where the target counts them. OF 1.3.5 §7.3.5.4 */
function tableStats(ctx: Context, conn: Connection, requester: Requester, reply: (body: StatsReplyBody) => Outcome): Outcome {
  const tableIds = allTables(ctx, conn)
  const features = new Map(tableFeatures(ctx, conn).map((table) => [table.tableId, table]))
  ctx.reads.start(ctx, requester, (token) => ({ kind: 'read_table_counters', token, tableIds }), (_, answer) => {
    if (answer?.what === 'tables') ctx.tally.note(tableIds, answer.tables)
    reply({
      kind: 'table',
      tables: tableIds.map((tableId) => {
        const known = ctx.tally.of(tableId)
        return {
          tableId, name: ctx.capabilities.tableName(tableId), maxEntries: ctx.capabilities.table(tableId)?.maxEntries ?? 0,
          features: features.get(tableId) ?? null, config: ctx.miss.configOf(tableId),
          activeCount: ctx.flows.liveCount(tableId), lookupCount: known?.lookups ?? UNKNOWN, matchedCount: known?.matched ?? UNKNOWN,
        }
      }),
    })
  })
  return DONE
}

const noPortCounters: Omit<PortStats, 'portNo' | 'durationSec' | 'durationNsec'> = {
  rxPackets: UNKNOWN, txPackets: UNKNOWN, rxBytes: UNKNOWN, txBytes: UNKNOWN, rxDropped: UNKNOWN, txDropped: UNKNOWN,
  rxErrors: UNKNOWN, txErrors: UNKNOWN, rxFrameErr: UNKNOWN, rxOverErr: UNKNOWN, rxCrcErr: UNKNOWN, collisions: UNKNOWN,
  properties: [],
}

/** A port that does not exist has no statistics: the reply is empty, as Open vSwitch's. OF 1.3.5 §7.3.5.6 */
function portStats(ctx: Context, portNo: number, requester: Requester, reply: (body: StatsReplyBody) => Outcome): Outcome {
  const portNos = ctx.ports.all().map(({ desc }) => desc.portNo).filter((each) => portNo === Port.ANY || each === portNo)
  if (portNos.length === 0) return reply({ kind: 'port', ports: [] })
  ctx.reads.start(ctx, requester, (token) => ({ kind: 'read_port_counters', token, portNos }), (_, answer) => {
    const known = answer?.what === 'ports' ? answer.ports : null
    const ports: PortStats[] = []
    for (const each of portNos) {
      const port = ctx.ports.get(each)
      if (port === undefined) continue
      ports.push({ portNo: each, ...(known?.get(each) ?? noPortCounters), ...durationOf(port.createdAt, ctx.now) })
    }
    reply({ kind: 'port', ports })
  })
  return DONE
}

/** No port has queues, so a particular queue does not exist. OF 1.3.5 §7.3.5.8 */
function queueStats(ctx: Context, portNo: number, queueId: number, reply: (body: StatsReplyBody) => Outcome): Outcome {
  return noQueue(ctx, portNo, queueId) ?? reply({ kind: 'queue', queues: [] })
}

function noQueue(ctx: Context, portNo: number, queueId: number): Outcome | null {
  if (portNo !== Port.ANY && ctx.ports.get(portNo) === undefined) return fail('OFPQOFC_BAD_PORT', `no port ${portNo}`)
  return queueId === Queue.ALL ? null : fail('OFPQOFC_BAD_QUEUE', `no queue ${queueId}`)
}

const liveGroups = (ctx: Context, groupId: number): GroupEntry[] =>
  [...ctx.groups.all()].filter((group) => !group.deleting && (groupId === Group.ALL || group.groupId === groupId))

/** A group that does not exist has no statistics: the reply is empty, as Open vSwitch's. OF 1.3.5 §7.3.5.9 */
function groupStats(ctx: Context, groupId: number, requester: Requester, reply: (body: StatsReplyBody) => Outcome): Outcome {
  const selected = liveGroups(ctx, groupId)
  if (selected.length === 0) return reply({ kind: 'group', groups: [] })
  const groups = selected.map((group) => group.record)
  ctx.reads.start(ctx, requester, (token) => ({ kind: 'read_group_counters', token, groups }), (_, answer) => {
    const known = answer?.what === 'groups' ? answer.groups : null
    const alive = selected.filter((group) => !group.deleting && ctx.groups.get(group.groupId) === group)
    reply({
      kind: 'group',
      groups: alive.map((group) => {
        const read = known?.get(group.groupId)
        const counted = read === undefined ? undefined : told(group.counts, read)
        if (counted !== undefined) group.counts = { ...group.counts, total: counted.total }
        return {
          groupId: group.groupId, refCount: referencesTo(ctx, group.groupId), ...durationOf(group.createdAt, ctx.now),
          packetCount: counted?.total.packets ?? UNKNOWN, byteCount: counted?.total.bytes ?? UNKNOWN,
          buckets: group.record.buckets.map((_, index) => ({
            packetCount: counted?.buckets[index]?.packets ?? UNKNOWN, byteCount: counted?.buckets[index]?.bytes ?? UNKNOWN,
          })),
        }
      }),
    })
  })
  return DONE
}

/** "Number of flows or groups that directly forward to this group." OF 1.3.5 §7.3.5.9 */
function referencesTo(ctx: Context, groupId: number): number {
  let count = 0
  for (const flow of ctx.flows.referringTo(groupId)) if (!flow.deleting) count++
  for (const group of ctx.groups.all()) if (!group.deleting && groupsInBuckets(group.record.buckets).includes(groupId)) count++
  return count
}
