/**
 * Statistics, called multipart messages since 1.3: the rows of bodies by kind, for requests and replies.
 * OF 1.0 §5.3.5, OF 1.3.5 §7.3.5, OF 1.4.1 §7.3.5, OF 1.5.1 §7.3.5. A reply's list is split over several messages when it does not fit one.
 */
import type { Codec } from '../buffer.js'
import { codecOf } from '../compile.js'
import type { Layout } from '../layout.js'
import { f, layout, n64, otherwise, pad, port, size, spread, text, u32 } from '../layout.js'
import type { PortStats, QueueStats, StatsRequestBody } from '../model.js'
import { Group, Port } from '../model.js'
import type { Range } from '../versions.js'
import { bundleFeatures, bundleFeaturesRequest, controllerStatus } from './control.js'
import { flowCounters, flowFilter, flowStats } from './flows.js'
import { groupDesc, groupFeatures, groupStats } from './groups.js'
import { meterConfig, meterFeatures, meterStats } from './meters.js'
import { experimenterBody } from './experimenter.js'
import { flowMonitorRequest, flowUpdate } from './monitors.js'
import { aggregated } from './oxs.js'
import { onePort, portStatsProperties } from './port-properties.js'
import { portDesc } from './ports.js'
import { noProperties } from './properties.js'
import { queueDesc } from './switch.js'
import { tableFeatures } from './table-features.js'
import { tableDesc, tableStats } from './tables.js'

const OF10 = 1
export type StatsKind = StatsRequestBody['kind']

const desc = layout('ofp_desc', {
  '1.0+': [f('mfrDesc', text(256)), f('hwDesc', text(256)), f('swDesc', text(256)), f('serialNum', text(32)), f('dpDesc', text(256))],
})
const aggregate = layout('ofp_aggregate_stats_reply', {
  '1.0-1.4': [f('packetCount', n64), f('byteCount', n64), f('flowCount', u32), pad(4)], '1.5+': [spread(aggregated)],
})

const portRequest = layout('ofp_port_stats_request', { '1.0': [f('portNo', port), pad(6)], '1.1+': onePort })
const portDescRequest = layout('ofp_port_desc_request', { '1.0-1.4': [], '1.5+': [f('portNo', otherwise(port, Port.ANY)), pad(4)] })
const sums = [
  f('rxPackets', n64), f('txPackets', n64), f('rxBytes', n64), f('txBytes', n64), f('rxDropped', n64), f('txDropped', n64), f('rxErrors', n64),
  f('txErrors', n64),
] as const
const counters = [
  ...sums, f('rxFrameErr', n64), f('rxOverErr', n64), f('rxCrcErr', n64), f('collisions', n64),
] as const
const portStats: Layout<PortStats> = layout('ofp_port_stats', {
  '1.0': [f('portNo', port), pad(6), ...counters],
  '1.1-1.2': [f('portNo', port), pad(4), ...counters],
  '1.3': [f('portNo', port), pad(4), ...counters, f('durationSec', u32), f('durationNsec', u32)],
  '1.4+': [size, pad(2), f('portNo', port), f('durationSec', u32), f('durationNsec', u32), ...sums, spread(portStatsProperties)],
}, { drop: ['durationSec', 'durationNsec', 'properties'] })

const queueRequest = layout('ofp_queue_stats_request', { '1.0': [f('portNo', port), pad(2), f('queueId', u32)], '1.1+': [f('portNo', port), f('queueId', u32)] })
const queueStats: Layout<QueueStats> = layout('ofp_queue_stats', {
  '1.0': [f('portNo', port), pad(2), f('queueId', u32), f('txBytes', n64), f('txPackets', n64), f('txErrors', n64)],
  '1.1-1.2': [f('portNo', port), f('queueId', u32), f('txBytes', n64), f('txPackets', n64), f('txErrors', n64)],
  '1.3': [f('portNo', port), f('queueId', u32), f('txBytes', n64), f('txPackets', n64), f('txErrors', n64), f('durationSec', u32), f('durationNsec', u32)],
  '1.4+': [
    size, pad(6), f('portNo', port), f('queueId', u32), f('txBytes', n64), f('txPackets', n64), f('txErrors', n64), f('durationSec', u32),
    f('durationNsec', u32), spread(noProperties),
  ],
}, { drop: ['durationSec', 'durationNsec'] })

const groupRequest = layout('ofp_group_stats_request', { '1.1+': [f('groupId', otherwise(u32, Group.ALL)), pad(4)] })
const groupDescRequest = layout('ofp_group_desc_request', { '1.1-1.4': [], '1.5+': [f('groupId', otherwise(u32, Group.ALL)), pad(4)] })
const meterRequest = layout('ofp_meter_multipart_request', { '1.3+': [f('meterId', u32), pad(4)] })

/** Body without anything in it; a byte too many is BAD_LEN like everywhere. */
const nothing: Codec<unknown> = { empty: {}, decode: (r, at) => { r.at = at; return {} }, encode: () => undefined }
const single = <T>(declared: Layout<T>): Codec<unknown> => codecOf(declared as Layout<unknown>, null)

/** All ports are OFPP_ALL in 1.0 (OF 1.0 §5.3.5), and OFPP_ANY since 1.1 (OF 1.3.5 §7.3.5.8), which is how the core knows them. */
const queuesOf: Codec<unknown> = ((plain: Codec<QueueSelection>): Codec<QueueSelection> => ({
  empty: plain.empty,
  decode: (r, at, end) => {
    const value = plain.decode(r, at, end)
    return r.version === OF10 && value.portNo === Port.ALL ? { ...value, portNo: Port.ANY } : value
  },
  encode: (w, value) => plain.encode(w, w.version === OF10 && value.portNo === Port.ANY ? { ...value, portNo: Port.ALL } : value),
}))(single(queueRequest) as Codec<QueueSelection>) as Codec<unknown>
interface QueueSelection { readonly portNo: number; readonly queueId: number }

/** A list of self-delimiting items, each of which must be within one message. */
export interface ItemList { readonly key: string; readonly item: Codec<unknown> }
const items = <T>(key: string, declared: Layout<T>): ItemList => ({ key, item: single(declared) })

export interface StatsRow {
  readonly kind: StatsKind
  readonly code: number
  readonly versions: Range
  /** Of a row with code 0xffff: whose statistics. */
  readonly extension?: { readonly experimenter: number; readonly expType: number }
  readonly request: Codec<unknown> | ItemList
  readonly reply: Codec<unknown> | ItemList
}

export const STATS: readonly StatsRow[] = [
  { kind: 'desc', code: 0, versions: '1.0+', request: nothing, reply: single(desc) },
  { kind: 'flow', code: 1, versions: '1.0+', request: single(flowFilter), reply: items('flows', flowStats) },
  { kind: 'aggregate', code: 2, versions: '1.0+', request: single(flowFilter), reply: single(aggregate) },
  { kind: 'table', code: 3, versions: '1.0+', request: nothing, reply: items('tables', tableStats) },
  { kind: 'port', code: 4, versions: '1.0+', request: single(portRequest), reply: items('ports', portStats) },
  { kind: 'queue', code: 5, versions: '1.0+', request: queuesOf, reply: items('queues', queueStats) },
  { kind: 'group', code: 6, versions: '1.1+', request: single(groupRequest), reply: items('groups', groupStats) },
  { kind: 'group_desc', code: 7, versions: '1.1+', request: single(groupDescRequest), reply: items('groups', groupDesc) },
  { kind: 'group_features', code: 8, versions: '1.2+', request: nothing, reply: groupFeatures },
  { kind: 'meter', code: 9, versions: '1.3+', request: single(meterRequest), reply: items('meters', meterStats) },
  { kind: 'meter_config', code: 10, versions: '1.3+', request: single(meterRequest), reply: items('meters', meterConfig) },
  { kind: 'meter_features', code: 11, versions: '1.3+', request: nothing, reply: single(meterFeatures) },
  { kind: 'table_features', code: 12, versions: '1.3+', request: { key: 'tables', item: tableFeatures }, reply: { key: 'tables', item: tableFeatures } },
  // Standard since 1.3; Open vSwitch answers it in every version, and ovs-ofctl asks for it in 1.0.
  { kind: 'port_desc', code: 13, versions: '1.0+', request: single(portDescRequest), reply: items('ports', portDesc) },
  { kind: 'table_desc', code: 14, versions: '1.4+', request: nothing, reply: items('tables', tableDesc) },
  { kind: 'queue_desc', code: 15, versions: '1.4+', request: single(queueRequest), reply: items('queues', queueDesc) },
  { kind: 'flow_monitor', code: 16, versions: '1.4+', request: items('monitors', flowMonitorRequest), reply: { key: 'updates', item: flowUpdate as Codec<unknown> } },
  { kind: 'flow_stats', code: 17, versions: '1.5+', request: single(flowFilter), reply: items('flows', flowCounters) },
  { kind: 'controller_status', code: 18, versions: '1.5+', request: nothing, reply: items('controllers', controllerStatus) },
  { kind: 'bundle_features', code: 19, versions: '1.5+', request: single(bundleFeaturesRequest), reply: single(bundleFeatures) },
  { kind: 'experimenter', code: 0xffff, versions: '1.0+', request: experimenterBody, reply: experimenterBody },
]

export const isItemList = (form: Codec<unknown> | ItemList): form is ItemList => 'key' in form
