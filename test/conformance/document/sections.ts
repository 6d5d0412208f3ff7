/** The sections of docs/conformance.md: what is asked, and which test shows how packets fare. */
import { BucketId, BundleFlag, EvictionFlag, Group, Meter, MeterFlag, NO_FLOW_COUNTS, NO_INSTRUCTIONS, OXM_FIELDS, Port, Table, TableFeature } from '../../../src/openflow/index.js'
import type { FlowMod, Instructions, Message } from '../../../src/openflow/index.js'
import { MESSAGES, STATS_REPLY_CODES, STATS_REQUEST_CODES } from '../../../src/openflow/schema/messages.js'
import { STATS } from '../../../src/openflow/schema/stats.js'
import { inRange, pick } from '../../../src/openflow/versions.js'
import { ask, features, OF10, OF11, OF13, OF14, OF15, VERSIONS, versionNames } from './ask.js'
import type { Answer, Version } from './ask.js'
import {
  actions, bundleControl, flowMod, FlowModFlag, group, matching, messages, meterBand, meterMod, output, packetOut, partOf, prerequisitesOf, stats, statistics,
  tablesAsTheyAre, valueOf,
  withApply, withWrite,
} from './requests.js'

export interface Section {
  readonly title: string
  readonly about: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Files beneath the repository root. */
  readonly shownBy: readonly string[]
}

const text = (answer: Answer): string => {
  if (answer.kind === 'none') return '—'
  if (answer.kind === 'refused') return answer.error
  return answer.replies.length === 0 ? 'yes' : 'answered'
}
const every = (...requests: readonly Message[]): string[] => VERSIONS.map((version) => text(ask(version, ...requests)))
const both = (...requests: readonly Message[]): string[] => [OF10, OF13].map((version) => text(ask(version as Version, ...requests)))
const commitAt = (seconds: bigint): Message =>
  ({ type: 'bundle_control', bundleId: 1, control: 'commit_request', flags: BundleFlag.TIME, time: { seconds, nanoseconds: 0 } })
const MINUTE = { seconds: 60n, nanoseconds: 0 }
const TOLERANCE = { schedAccuracy: MINUTE, schedMaxFuture: MINUTE, schedMaxPast: MINUTE, timestamp: MINUTE }
/** A group for actions and buckets to name. */
const groupNine: Message = { ...group('all', {}), groupId: 9 }
const named = (name: string, version: Version, ...requests: readonly Message[]): string => text(name === 'GROUP' ? askWithGroup(version, requests) : ask(version, ...requests))
const askWithGroup = (version: Version, requests: readonly Message[]): Answer => (version === OF10 ? { kind: 'none' } : ask(version, groupNine, ...requests))

const upper = (name: string): string => name.toUpperCase()

function messageSection(): Section {
  return {
    title: 'Messages from the controller', about: 'OF 1.0 §5.3, OF 1.3.5 §7.3. Hello is answered by the channel; every multipart type has a row of its own below.',
    head: ['message', ...versionNames],
    rows: [
      ...messages.map((message) => [upper(message.type), ...every(message)]),
      ['BUNDLE_CONTROL, packet-atomic, of a target that is not', ...every(bundleControl(BundleFlag.ATOMIC))],
    ],
    shownBy: ['test/unit/openflow/vectors.test.ts', 'test/unit/datapath/statistics.test.ts', 'test/unit/datapath/async.test.ts', 'test/unit/datapath/bundles.test.ts', 'test/conformance/bundles.test.ts', 'test/unit/channel/connection.test.ts'],
  }
}

function statisticsSection(): Section {
  return {
    title: 'Statistics (multipart)', about: 'OF 1.0 §5.3.5, OF 1.3.5 §7.3.5. There are no queues, so lists of all of them are empty and a particular one is unknown.',
    head: ['type', ...versionNames],
    rows: [
      ...statistics.map((body) => [upper(body.kind), ...every(stats(body))]),
      ['TABLE_FEATURES, asking for the tables as they are', ...every(stats(tablesAsTheyAre))],
      ['TABLE_FEATURES, leaving tables out', ...every(stats({ kind: 'table_features', tables: features.tables.slice(0, 2) }))],
      ['METER, one that does not exist', ...every(stats({ kind: 'meter', meterId: 1 }))],
      ['QUEUE, one that does not exist', ...every(stats({ kind: 'queue', portNo: 1, queueId: 1 }))],
    ],
    shownBy: ['test/unit/datapath/statistics.test.ts', 'test/conformance/ofctl.test.ts'],
  }
}

function flowModSection(): Section {
  const command = (name: FlowMod['command']): string[] =>
    // 1.0 names no table, 1.1 not all of them.
    [`command ${upper(name)}`, ...VERSIONS.map((version) => text(ask(version, flowMod({ command: name, tableId: name.startsWith('delete') && version !== OF11 ? Table.ALL : 0 }))))]
  const flag = (name: keyof typeof FlowModFlag): string[] => {
    return [`flag ${name}`, ...every(flowMod({ flags: FlowModFlag[name] }))]
  }
  return {
    title: 'Flow-mod', about: 'OF 1.0 §5.3.3, OF 1.3.5 §6.4. The differences between the versions are those of Open vSwitch. A table is full (OFPFMFC_TABLE_FULL) at the number of entries that it tells; where several switches are on a target, that is the share of each.',
    head: ['request', ...versionNames],
    rows: [
      command('add'), command('modify'), command('modify_strict'), command('delete'), command('delete_strict'),
      flag('SEND_FLOW_REM'), flag('CHECK_OVERLAP'), flag('RESET_COUNTS'), flag('NO_PKT_COUNTS'), flag('NO_BYT_COUNTS'),
      ['CHECK_OVERLAP, and another flow overlaps', ...every(flowMod({ match: matching('eth_dst', null) }), flowMod({ flags: FlowModFlag.CHECK_OVERLAP, match: matching('eth_src', null) }))],
      ['CHECK_OVERLAP, and the same flow is there', ...every(flowMod(), flowMod({ flags: FlowModFlag.CHECK_OVERLAP }))],
      ['idle and hard timeout', ...every(flowMod({ idleTimeout: 5, hardTimeout: 10 }))],
      ['delete with out_port, in all tables', ...every(flowMod({ command: 'delete', tableId: Table.ALL, outPort: 1, outGroup: Group.ANY }))],
      ['a buffer', ...every(flowMod({ bufferId: 1 }))],
      ['a table that does not exist', ...every(flowMod({ tableId: 200 }))],
    ],
    shownBy: ['test/unit/datapath/flow-mod.test.ts', 'test/unit/datapath/timeouts.test.ts', 'test/e2e/whole/timeouts.test.ts', 'test/unit/datapath/order.test.ts', 'test/conformance/ofctl.test.ts', 'test/e2e/whole/instances.test.ts', 'test/e2e/whole/final-counts.test.ts'],
  }
}

function matchSection(): Section {
  return {
    title: 'Match fields and set-field',
    about: 'OF 1.3.5 §7.2.3.7, in OpenFlow 1.3, and in 1.5 those that came later; 1.0 and 1.1 have the fields of their fixed structures. `masked` is a match on some bits; set-field in a flow, in write-actions, in a bucket of an ALL group.',
    head: ['OXM field', 'exact', 'masked', 'set', 'set in write-actions', 'set in a bucket'],
    rows: OXM_FIELDS.map(({ name, bits, number, since }) => {
      const version = inRange(since, OF13) ? OF13 : OF15
      const set = { type: 'set_field', field: name, value: valueOf(name), mask: null } as const
      const mask = partOf(name)
      return [
        `${number} ${name}`, text(ask(version, withApply([output(1)], matching(name, null)))),
        bits === 1 ? '—' : text(ask(version, withApply([output(1)], matching(name, mask)))),
        text(ask(version, withApply([set, output(1)], setBase(name)))), text(ask(version, withWrite([set, output(1)], setBase(name)))),
        text(ask(version, group('all', { actions: [set, output(1)] }))),
      ]
    }),
    shownBy: ['test/model/random.test.ts', 'test/e2e/differential.test.ts', 'test/unit/openflow/match.test.ts', 'test/unit/datapath/validate.test.ts', 'test/unit/packet/ovs.test.ts'],
  }
}
/** A tag has to be there for its id to be set. */
const setBase = (name: (typeof OXM_FIELDS)[number]['name']) => (name === 'vlan_vid' ? matching('vlan_vid', null) : prerequisitesOf(name))

function instructionSection(): Section {
  const row = (name: string, given: Partial<Instructions>, version: Version = OF13): string[] => [name, text(ask(version, flowMod({ instructions: { ...NO_INSTRUCTIONS, ...given } })))]
  return {
    title: 'Instructions', about: 'OF 1.3.5 §5.9, §7.2.4. Each table has the same ones, the last no GOTO_TABLE.',
    head: ['instruction', '1.3'],
    rows: [
      row('GOTO_TABLE', { gotoTable: 1 }), row('GOTO_TABLE, not onward', { gotoTable: 0 }), row('GOTO_TABLE, no such table', { gotoTable: 200 }),
      row('WRITE_METADATA', { writeMetadata: { value: 5n, mask: 0xffn } }), row('WRITE_ACTIONS', { write: [output(1)] }),
      row('APPLY_ACTIONS', { apply: [output(1)] }), row('CLEAR_ACTIONS', { clear: true }),
      ['METER', text(ask(OF13, meterMod('add'), flowMod({ instructions: { ...NO_INSTRUCTIONS, meter: 1, apply: [output(1)] } })))],
      row('METER, no such meter', { meter: 1 }), row('none (drop)', {}),
      row('STAT_TRIGGER (1.5)', { statTrigger: { flags: 1, thresholds: { ...NO_FLOW_COUNTS, packetCount: 5n } } }, OF15),
    ],
    shownBy: ['test/model/random.test.ts', 'test/e2e/differential.test.ts', 'test/unit/datapath/validate.test.ts', 'test/unit/compiler/golden.test.ts'],
  }
}

function actionSection(): Section {
  return {
    title: 'Actions', about: 'OF 1.0 §5.2.4, OF 1.3.5 §5.12, §7.2.5. In 1.3: in apply-actions, write-actions, a bucket of an ALL group, a packet-out. In 1.0: in a flow.',
    head: ['action', '1.0', 'apply', 'write', 'bucket', 'packet-out'],
    rows: actions.map(({ name, action, match }) => {
      const in13 = (...requests: readonly Message[]): string => (name.endsWith('(1.0)') ? '—' : named(name, OF13, ...requests))
      const before = name === 'POP_VLAN' ? [{ type: 'push_vlan', ethertype: 0x8100 } as const] : []
      return [
        name, named(name, OF10, withApply([action, output(1)], match)), in13(withApply([action, output(1)], match)), in13(withWrite([action, output(1)], match)),
        in13(group('all', { actions: [action, output(1)] })),
        in13(packetOut([...before, action, output(1)], name === 'POP_PBB' ? 'pbb' : /MPLS|COPY/.test(name) && name !== 'PUSH_MPLS' ? 'mpls' : 'ip')),
      ]
    }),
    shownBy: ['test/model/random.test.ts', 'test/e2e/differential.test.ts', 'test/unit/packet/execute.test.ts', 'test/unit/compiler/golden.test.ts', 'test/unit/datapath/validate.test.ts'],
  }
}

function portSection(): Section {
  const names = ['IN_PORT', 'TABLE', 'NORMAL', 'FLOOD', 'ALL', 'CONTROLLER', 'LOCAL'] as const
  return {
    title: 'Reserved ports as output', about: 'OF 1.3.5 §4.5. There is a LOCAL port where the configuration has one, as here; without it an output to LOCAL is OFPBAC_BAD_OUT_PORT. NORMAL knows access, trunk, native-tagged and native-untagged ports, as Open vSwitch does.',
    head: ['port', '1.0 flow', '1.3 flow', '1.3 bucket', '1.3 packet-out'],
    rows: [...names.map((name) => [
      name, ...both(withApply([output(Port[name])])), text(ask(OF13, group('all', { actions: [output(Port[name])] }))), text(ask(OF13, packetOut([output(Port[name])]))),
    ]), ['a port that is not there', ...both(withApply([output(77)])), text(ask(OF13, group('all', { actions: [output(77)] }))), text(ask(OF13, packetOut([output(77)])))]],
    shownBy: ['test/model/random.test.ts', 'test/e2e/differential.test.ts', 'test/unit/datapath/validate.test.ts', 'test/e2e/normal.test.ts', 'test/e2e/normal-vlans.test.ts'],
  }
}

function groupSection(): Section {
  const row = (name: string, ...requests: readonly Message[]): string[] => [name, text(ask(OF13, ...requests))]
  return {
    title: 'Groups', about: 'OF 1.3.5 §5.6, §6.5.',
    head: ['request', '1.3'],
    rows: [
      row('type ALL', group('all', {}, {})), row('type INDIRECT', group('indirect', {})), row('type SELECT', group('select', { weight: 1 })),
      row('type FAST_FAILOVER', group('ff', { watchPort: 1 })), row('SELECT with different weights', group('select', { weight: 2 }, { weight: 1 })),
      row('SELECT that watches ports', group('select', { weight: 1, watchPort: 1 }, { weight: 1, watchPort: 2 })),
      row('FAST_FAILOVER that watches a group', groupNine, group('ff', { watchGroup: 9 })), row('FAST_FAILOVER that watches nothing', group('ff', {})),
      row('FAST_FAILOVER that watches a port that is not there', group('ff', { watchPort: 77 })),
      row('MODIFY', group('all', {}), { ...group('all', {}, {}), command: 'modify' }),
      row('DELETE', group('all', {}), { ...group('all'), command: 'delete' }), row('DELETE of none', { ...group('all'), command: 'delete' }),
      row('a group of groups', groupNine, group('all', { actions: [{ type: 'group', groupId: 9 }] })),
      row('a chain of four', ...chain(4)), row('a chain of five', ...chain(5)),
      row('a group that leads to itself', group('all', { actions: [{ type: 'group', groupId: 1 }] })),
      row('an unknown group in a bucket', group('all', { actions: [{ type: 'group', groupId: 77 }] })),
      row('DELETE of one that another leads to', groupNine, group('all', { actions: [{ type: 'group', groupId: 9 }] }), { ...group('all'), groupId: 9, command: 'delete' }),
      row('ADD of one that exists', group('all', {}), group('all', {})), row('a bucket with a weight', group('all', { weight: 1 })),
      row('an ALL bucket that watches a port', group('all', { watchPort: 1 })), row('INDIRECT with two buckets', group('indirect', {}, {})),
    ],
    shownBy: ['test/unit/datapath/group-mod.test.ts', 'test/model/random.test.ts', 'test/e2e/whole/groups.test.ts', 'test/e2e/differential.test.ts', 'test/unit/compiler/accounting.test.ts'],
  }
}

/** Groups 1, 2 …, each of which leads to the one before it. */
const chain = (length: number): Message[] => Array.from({ length }, (_, index) =>
  ({ ...group('all', index === 0 ? {} : { actions: [{ type: 'group', groupId: index }] }), groupId: index + 1 }))

function meterSection(): Section {
  const { KBPS, PKTPS, BURST, STATS } = MeterFlag
  const row = (name: string, ...requests: readonly Message[]): string[] => [name, text(ask(OF13, ...requests))]
  return {
    title: 'Meters', about: `OF 1.3.5 §5.7, §6.6, §7.3.4.4. Up to ${features.meters.maxMeter} meters of ${features.meters.maxBands} bands. A kilobit is 1000 bits, of the frame as it came in; a burst that is not given is what comes in one second.`,
    head: ['request', '1.3'],
    rows: [
      row('ADD', meterMod('add')), row('ADD, one that exists', meterMod('add'), meterMod('add')),
      row('MODIFY', meterMod('add'), meterMod('modify')), row('MODIFY, one that does not exist', meterMod('modify')),
      row('DELETE', meterMod('add'), meterMod('delete')), row('DELETE, one that does not exist', meterMod('delete')),
      row('DELETE, all (OFPM_ALL)', meterMod('add'), { ...meterMod('delete'), meterId: Meter.ALL }),
      row('no unit (kb/s)', { ...meterMod('add'), flags: 0 }), row('PKTPS', { ...meterMod('add'), flags: PKTPS }),
      row('KBPS and PKTPS', { ...meterMod('add'), flags: KBPS | PKTPS }),
      row('BURST', { ...meterMod('add'), flags: KBPS | BURST, bands: [meterBand({ burstSize: 100 })] }),
      row('BURST, more than 4 GB', { ...meterMod('add'), flags: KBPS | BURST, bands: [meterBand({ burstSize: 40_000_000 })] }),
      row('STATS', { ...meterMod('add'), flags: KBPS | STATS }), row('another flag', { ...meterMod('add'), flags: KBPS | 16 }),
      row('no bands', { ...meterMod('add'), bands: [] }), row('8 bands', { ...meterMod('add'), bands: Array.from({ length: 8 }, () => meterBand({})) }),
      row('9 bands', { ...meterMod('add'), bands: Array.from({ length: 9 }, () => meterBand({})) }),
      row('DSCP_REMARK', { ...meterMod('add'), bands: [meterBand({ type: 'dscp_remark', precLevel: 1 })] }),
      row('meter 0', { ...meterMod('add'), meterId: 0 }), row('meter OFPM_MAX', { ...meterMod('add'), meterId: Meter.MAX }),
      row('OFPM_CONTROLLER', { ...meterMod('add'), meterId: Meter.CONTROLLER }), row('OFPM_SLOWPATH', { ...meterMod('add'), meterId: Meter.SLOWPATH }),
    ],
    shownBy: ['test/e2e/whole/meters.test.ts', 'test/conformance/meters.test.ts', 'test/unit/datapath/meter-mod.test.ts', 'test/unit/compiler/golden.test.ts', 'test/conformance/ofctl.test.ts'],
  }
}

/** Numbers on the wire, from the codec's own tables. */
function wireSection(): Section {
  const codes = (ranges: Parameters<typeof pick<number>>[0]): string[] => VERSIONS.map((version) => String(pick(ranges, version) ?? '—'))
  const standard = MESSAGES.map(({ type, codes: ranges }) => [type === 'peer_error' ? 'ERROR' : upper(type), ...codes(ranges)])
  const carriers = [['REQUESTFORWARD', ...codes({ '1.4+': 32 })], ['BUNDLE_ADD', ...codes({ '1.4+': 34 })]]
  const multipart = [['STATS_REQUEST', ...codes(STATS_REQUEST_CODES)], ['STATS_REPLY', ...codes(STATS_REPLY_CODES)]]
  const kinds = STATS.map(({ kind, code, versions }) => [`… ${upper(kind)}`, ...VERSIONS.map((version) => inRange(versions, version) ? String(code) : '—')])
  return {
    title: 'Forms on the wire',
    about: 'Every message and every type of statistics with its number in each version: each of them is encoded and decoded in both directions, and has a vector. What one version says in another way (a port described by the features reply, a meter as an action) is the same to the switch. Extensions travel as EXPERIMENTER.',
    head: ['message', ...versionNames], rows: [...standard, ...carriers, ...multipart, ...kinds],
    shownBy: ['test/unit/openflow/vectors.test.ts', 'test/unit/openflow/ofp-print.test.ts', 'test/unit/openflow/tshark.test.ts', 'test/unit/openflow/interpreter.test.ts', 'test/fuzz/openflow-codec.test.ts'],
  }
}

function newerSection(): Section {
  const row = (name: string, ...requests: readonly Message[]): string[] => [name, ...([OF14, OF15] as const).map((version) => text(ask(version, ...requests)))]
  const since15 = (name: string, ...requests: readonly Message[]): string[] => [name, '—', text(ask(OF15, ...requests))]
  const buckets = (command: 'insert_bucket' | 'remove_bucket', commandBucketId: number, bucketId = 5): Message => {
    const mod = group('all', {})
    return { ...mod, command, commandBucketId, buckets: command === 'insert_bucket' ? mod.buckets.map((one) => ({ ...one, bucketId })) : [] }
  }
  const table = { type: 'table_mod', tableId: 0, eviction: null, vacancy: null } as const
  const EGRESS = features.nIngressTables
  const withFeatures = (tableId: number, flags: number): Message => stats({ kind: 'table_features', tables: features.tables.filter((each) => each.tableId === tableId).map((each) => ({ ...each, command: 'modify', features: flags })) })
  return {
    title: 'What came with 1.4 and 1.5', about: 'OF 1.4.1 §7, OF 1.5.1 §7: requests that earlier versions have no words for.',
    head: ['request', '1.4', '1.5'],
    rows: [
      row('flow-mod with an importance', flowMod({ importance: 5 })),
      row('table-mod, EVICTION', { ...table, config: 4, eviction: EvictionFlag.IMPORTANCE }),
      row('table-mod, VACANCY_EVENTS', { ...table, config: 8, vacancy: { down: 10, up: 20, vacancy: 0 } }),
      row('port-mod of an optical port', { type: 'port_mod', portNo: 1, hwAddr: 0x020000000001n, config: 0, mask: 0, advertise: 0, properties: [{ type: 'optical', configure: 1, freqLmda: 1, flOffset: 0, gridSpan: 0, txPwr: 0 }] }),
      row('bundle, scheduled', bundleControl(BundleFlag.TIME)),
      row('bundle, committed at a time that is too far away', bundleControl(BundleFlag.TIME), commitAt(99_999n)),
      row('bundle features, setting the tolerance', { type: 'stats_request', more: false, body: { kind: 'bundle_features', flags: 2, time: TOLERANCE } }),
      row('group-mod INSERT_BUCKET, first', group('all', {}), buckets('insert_bucket', BucketId.FIRST)),
      row('group-mod INSERT_BUCKET, after another', group('all', {}), buckets('insert_bucket', 0)),
      row('group-mod INSERT_BUCKET, one that exists', group('all', {}), buckets('insert_bucket', BucketId.LAST, 0)),
      row('group-mod INSERT_BUCKET, after one that does not exist', group('all', {}), buckets('insert_bucket', 9)),
      row('group-mod REMOVE_BUCKET, last', group('all', {}), buckets('remove_bucket', BucketId.LAST)),
      row('group-mod REMOVE_BUCKET, all', group('all', {}), buckets('remove_bucket', BucketId.ALL)),
      row('group-mod REMOVE_BUCKET, one that does not exist', group('all', {}), buckets('remove_bucket', 9)),
      row('role-request with a short id', { type: 'role_request', role: 'equal', generationId: 0n, shortId: 7 }),
      row('meter action, first of a list', meterMod('add'), flowMod({ instructions: { ...NO_INSTRUCTIONS, meter: 1, apply: [output(1)] } })),
      row('meter action, behind a set-field', meterMod('add'), withApply([{ type: 'set_field', field: 'eth_dst', value: 1n, mask: null }, { type: 'meter', meterId: 1 }, output(1)])),
      row('meter action, behind an output', meterMod('add'), withApply([output(1), { type: 'meter', meterId: 1 }])),
      row('meter action, a second one', meterMod('add'), flowMod({ instructions: { ...NO_INSTRUCTIONS, meter: 1, apply: [{ type: 'meter', meterId: 1 }, output(1)] } })),
      row('meter action, in an action set', meterMod('add'), withWrite([{ type: 'meter', meterId: 1 }])),
      since15('table features: table 8 is to be of egress processing', withFeatures(8, TableFeature.EGRESS_TABLE)),
      since15('table features: egress processing is to begin at an egress table', withFeatures(EGRESS, TableFeature.EGRESS_TABLE | TableFeature.FIRST_EGRESS)),
      row('a match on actset_output', flowMod({ match: [{ field: 'actset_output', value: 1n, mask: null }] })),
      row('a match on actset_output in an egress table', flowMod({ tableId: EGRESS, match: [{ field: 'actset_output', value: 1n, mask: null }] })),
      row('a flow in an egress table', flowMod({ tableId: EGRESS })),
      row('an output in the action set, in an egress table', flowMod({ tableId: EGRESS, instructions: { ...NO_INSTRUCTIONS, write: [output(1)] } })),
      row('goto-table from an ingress table to an egress table', flowMod({ instructions: { ...NO_INSTRUCTIONS, gotoTable: EGRESS } })),
      row('copy-field', withApply([{ type: 'copy_field', bits: 8, srcOffset: 0, dstOffset: 0, src: 'eth_src', dst: 'eth_dst' }])),
      row('copy-field to metadata', withApply([{ type: 'copy_field', bits: 48, srcOffset: 0, dstOffset: 16, src: 'eth_src', dst: 'metadata' }])),
      row('copy-field to eth_type', withApply([{ type: 'copy_field', bits: 8, srcOffset: 0, dstOffset: 0, src: 'eth_src', dst: 'eth_type' }])),
      row('copy-field of a field that may not be there', withApply([{ type: 'copy_field', bits: 8, srcOffset: 0, dstOffset: 0, src: 'ipv4_src', dst: 'eth_dst' }])),
      row('copy-field, in an action set', withWrite([{ type: 'copy_field', bits: 8, srcOffset: 0, dstOffset: 0, src: 'eth_src', dst: 'eth_dst' }])),
      row('set-field of a part of a field', withApply([{ type: 'set_field', field: 'eth_dst', value: 1n, mask: 1n }, output(1)])),
      row('a match on packet_type Ethernet', flowMod({ match: [{ field: 'packet_type', value: 0n, mask: null }] })),
      row('packet-out with metadata', { ...packetOut([output(1)]), match: [{ field: 'metadata', value: 1n, mask: null }] } as Message),
    ],
    shownBy: ['test/unit/datapath/versions.test.ts', 'test/e2e/whole/newer.test.ts', 'test/e2e/whole/egress.test.ts', 'test/unit/openflow/vectors.test.ts'],
  }
}

export const sections = (): readonly Section[] => [
  wireSection(),
  messageSection(), statisticsSection(), flowModSection(), matchSection(), instructionSection(), actionSection(), portSection(), groupSection(), meterSection(), newerSection(),
]
