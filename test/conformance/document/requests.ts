/** Requests to ask with: one of each kind, as plain as it can be. */
import {
  BundleFlag, EMPTY_MATCH, FlowModFlag, FlowMonitorFlag, Group, NO_BUFFER, NO_INSTRUCTIONS, OXM, Port, SAME_ASYNC, Table,
} from '../../../src/openflow/index.js'
import type {
  Action, Bucket, FieldValue, FlowMod, GroupMod, GroupType, Match, Message, MeterBand, MeterMod, OxmName, StatsRequestBody,
} from '../../../src/openflow/index.js'
import { ethernet, IpProto, ipv4, udp } from '../../../src/packet/index.js'
import { bucket, flowMod, groupMod, output } from '../../support/datapath-rig.js'
import { features } from './ask.js'

export { FlowModFlag, flowMod, groupMod, output, Port }

/** What must be in a match for this field to be matched on or set. */
export function prerequisitesOf(field: OxmName): Match {
  return OXM[field].prerequisites.map(({ field: needed, values }): FieldValue => {
    const value = typeof values === 'object' ? values[0] ?? 0n : values === 'tagged' ? 0x1064n : 1n
    return { field: needed, value, mask: null }
  })
}
/** A value that is not zero and within the field; a VLAN id says that there is a tag. */
export const valueOf = (field: OxmName): bigint => (field === 'vlan_vid' ? 0x1065n : field === 'in_phy_port' ? 1n : OXM[field].ones & 0x5n)
export const matching = (field: OxmName, mask: bigint | null): Match => {
  const value = valueOf(field) & (mask ?? OXM[field].ones)
  return [...prerequisitesOf(field), { field, value, mask }].sort((a, b) => OXM[a.field].number - OXM[b.field].number)
}
/** All bits but the lowest, which no value above uses alone. */
export const partOf = (field: OxmName): bigint => OXM[field].ones & ~1n

export const withApply = (actions: readonly Action[], match: Match = EMPTY_MATCH): FlowMod =>
  flowMod({ match, instructions: { ...NO_INSTRUCTIONS, apply: actions } })
export const withWrite = (actions: readonly Action[], match: Match = EMPTY_MATCH): FlowMod =>
  flowMod({ match, instructions: { ...NO_INSTRUCTIONS, write: actions } })
export const group = (groupType: GroupType, ...buckets: Partial<Bucket>[]): GroupMod =>
  groupMod({ groupId: 1, groupType, buckets: buckets.map((given) => bucket({ actions: [output(1)], ...given })) })
const packet = { src: '10.0.0.1', dst: '10.0.0.2' }
const ip = ipv4({ ...packet, proto: IpProto.UDP }, udp({ src: 1, dst: 2 }, new Uint8Array(20)))
const frames = {
  ip: [0x0800, ip],
  mpls: [0x8847, Uint8Array.of(0x00, 0x01, 0x01, 0x40, ...ip)],
  pbb: [0x88e7, Uint8Array.of(0x00, 0x00, 0x00, 0x01, ...ethernet({ dst: 2n, src: 1n, type: 0x0800 }, ip))],
} as const
/** A packet-out of an IPv4 packet, of one behind an MPLS label, or of one in a backbone frame. */
export const packetOut = (actions: readonly Action[], kind: keyof typeof frames = 'ip'): Message => ({
  type: 'packet_out', bufferId: NO_BUFFER, inPort: Port.CONTROLLER, match: [], actions,
  data: ethernet({ dst: '00:00:00:00:00:02', src: '00:00:00:00:00:01', type: frames[kind][0] }, frames[kind][1]),
})
export const meterMod = (command: MeterMod['command']): MeterMod => ({
  type: 'meter_mod', command, flags: 1, meterId: 1, bands: command === 'delete' ? [] : [meterBand({})],
})
export const meterBand = (given: Partial<MeterBand>): MeterBand => ({ type: 'drop', rate: 1000, burstSize: 0, precLevel: 0, ...given })
export const stats = (body: StatsRequestBody): Message => ({ type: 'stats_request', more: false, body })

const filter = { tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: EMPTY_MATCH }
const nothing = new Uint8Array(0)

export const bundleControl = (flags: number): Message => ({ type: 'bundle_control', bundleId: 1, control: 'open_request', flags, time: null })

/** What a controller sends, by type. */
export const messages: readonly Message[] = [
  { type: 'echo_request', data: nothing }, { type: 'echo_reply', data: nothing },
  { type: 'experimenter', experimenter: 0x2320, expType: 0x7f, body: new Uint8Array(8) },
  { type: 'features_request' }, { type: 'get_config_request' }, { type: 'set_config', flags: 0, missSendLen: 128 },
  packetOut([output(1)]), flowMod(), group('all', {}),
  { type: 'port_mod', portNo: 1, hwAddr: 0x020000000001n, config: 1, mask: 1, advertise: 0, properties: [] },
  { type: 'table_mod', tableId: 0, config: 0, eviction: null, vacancy: null }, { type: 'barrier_request' },
  { type: 'queue_get_config_request', portNo: 1 }, { type: 'role_request', role: 'master', generationId: 1n, shortId: 0 },
  { type: 'get_async_request' }, { type: 'set_async', ...SAME_ASYNC, packetIn: [7, 0], portStatus: [7, 7], flowRemoved: [15, 0] },
  meterMod('add'),
  { type: 'nx_set_flow_format', format: 2 }, { type: 'nx_flow_mod_table_id', set: true }, { type: 'nx_flow_mod', tableByte: 0, flowMod: flowMod() },
  { type: 'nx_set_packet_in_format', format: 2 }, { type: 'nx_set_controller_id', controllerId: 1 }, { type: 'nx_role_request', role: 'master' }, { type: 'nx_flow_age' },
  bundleControl(BundleFlag.ORDERED), { type: 'bundle_add', bundleId: 1, flags: BundleFlag.ORDERED, message: flowMod() },
]
/** What a controller asks to be told, by kind. */
export const statistics: readonly StatsRequestBody[] = [
  { kind: 'desc' }, { kind: 'flow', ...filter }, { kind: 'aggregate', ...filter }, { kind: 'table' }, { kind: 'port', portNo: Port.ANY },
  { kind: 'queue', portNo: Port.ANY, queueId: 0xffffffff }, { kind: 'group', groupId: Group.ALL }, { kind: 'group_desc', groupId: Group.ALL }, { kind: 'group_features' },
  { kind: 'meter', meterId: 0xffffffff }, { kind: 'meter_config', meterId: 0xffffffff }, { kind: 'meter_features' },
  { kind: 'table_features', tables: [] }, { kind: 'port_desc', portNo: Port.ANY },
  { kind: 'table_desc' }, { kind: 'queue_desc', portNo: Port.ANY, queueId: 0xffffffff },
  { kind: 'flow_monitor', monitors: [{ monitorId: 1, command: 'add', flags: FlowMonitorFlag.ADD, tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, match: EMPTY_MATCH }] },
  { kind: 'flow_stats', ...filter }, { kind: 'controller_status' }, { kind: 'bundle_features', flags: 0, time: null },
  { kind: 'nx_flow', ...filter }, { kind: 'nx_aggregate', ...filter },
  { kind: 'experimenter', experimenter: 0x2320, expType: 0x7f, body: new Uint8Array(4) },
]
/** A request for the tables as they are. */
/** Those that every version has. */
export const tablesAsTheyAre: StatsRequestBody = { kind: 'table_features', tables: features.tables.filter(({ tableId }) => tableId < features.nIngressTables).map((table) => ({ ...table, command: 'modify' })) }

/** Every action, with a match that makes it meaningful. */
export const actions: readonly { readonly name: string; readonly action: Action; readonly match: Match }[] = [
  { name: 'OUTPUT', action: output(2), match: EMPTY_MATCH },
  { name: 'GROUP', action: { type: 'group', groupId: 9 }, match: EMPTY_MATCH },
  { name: 'PUSH_VLAN', action: { type: 'push_vlan', ethertype: 0x8100 }, match: EMPTY_MATCH },
  { name: 'POP_VLAN', action: { type: 'pop_vlan' }, match: [{ field: 'vlan_vid', value: 0x1064n, mask: null }] },
  { name: 'SET_NW_TTL', action: { type: 'set_nw_ttl', ttl: 64 }, match: prerequisitesOf('ipv4_src') },
  { name: 'DEC_NW_TTL', action: { type: 'dec_nw_ttl' }, match: prerequisitesOf('ipv4_src') },
  { name: 'SET_VLAN_VID (1.0)', action: { type: 'set_vlan_vid', vid: 5 }, match: EMPTY_MATCH },
  { name: 'SET_VLAN_PCP (1.0)', action: { type: 'set_vlan_pcp', pcp: 5 }, match: EMPTY_MATCH },
  { name: 'SET_QUEUE', action: { type: 'set_queue', queueId: 1 }, match: EMPTY_MATCH },
  { name: 'ENQUEUE (1.0)', action: { type: 'enqueue', port: 1, queueId: 1 }, match: EMPTY_MATCH },
  { name: 'PUSH_MPLS', action: { type: 'push_mpls', ethertype: 0x8847 }, match: EMPTY_MATCH },
  { name: 'POP_MPLS', action: { type: 'pop_mpls', ethertype: 0x800 }, match: prerequisitesOf('mpls_label') },
  { name: 'SET_MPLS_TTL', action: { type: 'set_mpls_ttl', ttl: 64 }, match: prerequisitesOf('mpls_label') },
  { name: 'DEC_MPLS_TTL', action: { type: 'dec_mpls_ttl' }, match: prerequisitesOf('mpls_label') },
  { name: 'COPY_TTL_OUT', action: { type: 'copy_ttl_out' }, match: prerequisitesOf('mpls_label') },
  { name: 'COPY_TTL_IN', action: { type: 'copy_ttl_in' }, match: prerequisitesOf('mpls_label') },
  { name: 'PUSH_PBB', action: { type: 'push_pbb', ethertype: 0x88e7 }, match: EMPTY_MATCH },
  { name: 'POP_PBB', action: { type: 'pop_pbb' }, match: prerequisitesOf('pbb_isid') },
  { name: 'NXAST_CONTROLLER', action: { type: 'controller', maxLen: 128, controllerId: 7, reason: 'no_match' }, match: EMPTY_MATCH },
  { name: 'NXAST_REG_MOVE; COPY_FIELD in 1.5', action: { type: 'copy_field', bits: 16, src: 'eth_src', srcOffset: 0, dst: 'eth_dst', dstOffset: 32 }, match: EMPTY_MATCH },
  { name: 'NXAST_REG_MOVE, a field that may not be there', action: { type: 'copy_field', bits: 16, src: 'tcp_src', srcOffset: 0, dst: 'eth_dst', dstOffset: 32 }, match: EMPTY_MATCH },
  { name: 'NXAST_REG_LOAD of metadata', action: { type: 'set_field', field: 'metadata', value: 7n, mask: 0xffn, load: true }, match: EMPTY_MATCH },
  { name: 'NXAST_NOTE', action: { type: 'note', data: new Uint8Array(6) }, match: EMPTY_MATCH },
  ...([['REG_MOVE of a register', 6], ['REG_LOAD of a register', 7], ['RESUBMIT_TABLE in the middle', 14], ['OUTPUT_REG', 15], ['LEARN', 16], ['FIN_TIMEOUT', 19]] as const).map(([name, subtype]) => {
    const body = new Uint8Array(24)
    body.set([subtype >> 8, subtype])
    // A register of Open vSwitch's, where a field is named.
    if (subtype === 6) body.set([0, 0x10, 0, 0, 0, 0, 0, 0, 0x04, 0x06, 0, 0x01, 0, 0x04], 2)
    if (subtype === 7) body.set([0x00, 0x1f, 0x00, 0x01, 0x00, 0x04], 2)
    return { name: `NXAST_${name}`, action: { type: 'experimenter', experimenter: 0x2320, body } as const, match: EMPTY_MATCH }
  }),
  { name: 'EXPERIMENTER', action: { type: 'experimenter', experimenter: 0x123456, body: new Uint8Array(8) }, match: EMPTY_MATCH },
]
