/**
 * Matches, actions and instructions in Open vSwitch's flow syntax, as `ovs-ofctl dump-flows` prints them; for logs,
 * explanations and tests.
 */
import { fieldOf } from './match.js'
import type { Action, Duration, FieldValue, FlowCounts, Instructions, Match, OxmName } from './model.js'
import { Port } from './model.js'
import { nxmName } from './schema/nicira-match.js'
import { OXM, type TextForm } from './schema/oxm.js'

const RESERVED = new Map<number, string>([
  [Port.IN_PORT, 'IN_PORT'], [Port.TABLE, 'TABLE'], [Port.NORMAL, 'NORMAL'], [Port.FLOOD, 'FLOOD'], [Port.ALL, 'ALL'],
  [Port.CONTROLLER, 'CONTROLLER'], [Port.LOCAL, 'LOCAL'], [Port.ANY, 'ANY'],
])
export const formatPort = (port: number): string => RESERVED.get(port) ?? String(port)

const hex = (value: bigint | number, digits = 0): string => `0x${value.toString(16).padStart(digits, '0')}`

export function formatMac(value: bigint): string {
  return value.toString(16).padStart(12, '0').replace(/(..)(?=.)/g, '$1:')
}
export function formatIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift & 0xffn).toString()).join('.')
}
/** RFC 5952 §4: the longest run of zero groups, the first of equals, is left out. */
export function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => (value >> BigInt(112 - 16 * index) & 0xffffn).toString(16))
  const text = groups.join(':')
  let best = ''
  let at = 0
  for (const { 0: run, index } of text.matchAll(/\b0(?::0)+\b/g)) {
    if (run.length <= best.length) continue
    best = run
    at = index
  }
  if (best === '') return text
  return `${text.slice(0, at).replace(/:$/, '')}::${text.slice(at + best.length).replace(/^:/, '')}`
}

/** Length of a prefix mask, or null if the mask has holes. */
function prefixLength(mask: bigint, bits: number): number | null {
  const open = ((1n << BigInt(bits)) - 1n) ^ mask
  return (open & (open + 1n)) === 0n ? bits - open.toString(2).replace(/^0$/, '').length : null
}

function formatValue(form: TextForm, value: bigint): string {
  switch (form) {
    case 'decimal': return value.toString()
    case 'hex': return hex(value)
    case 'ethertype': return hex(value, 4)
    case 'mac': return formatMac(value)
    case 'ipv4': return formatIpv4(value)
    case 'ipv6': return formatIpv6(value)
    case 'port': return formatPort(Number(value))
  }
}

function formatMasked({ field, value, mask }: Pick<FieldValue, 'field' | 'value' | 'mask'>): string {
  const { form, bits } = OXM[field]
  if (mask === null) return formatValue(form, value)
  const length = form === 'ipv4' || form === 'ipv6' ? prefixLength(mask, bits) : null
  if (length !== null) return `${formatValue(form, value)}/${length}`
  const masked = form === 'decimal' ? 'hex' : form
  return `${formatValue(masked, value)}/${formatValue(masked, mask)}`
}

const KEYWORDS: Readonly<Record<string, string>> = {
  '2048': 'ip', '2048/1': 'icmp', '2048/6': 'tcp', '2048/17': 'udp', '2048/132': 'sctp', '34525': 'ipv6', '34525/58': 'icmp6', '34525/6': 'tcp6',
  '34525/17': 'udp6', '34525/132': 'sctp6', '2054': 'arp', '32821': 'rarp', '34887': 'mpls', '34888': 'mplsm',
}

/** Open vSwitch's order, which differs from that of the field numbers. */
const ORDER: readonly OxmName[] = [
  'tunnel_id', 'metadata', 'in_port', 'in_phy_port', 'vlan_vid', 'vlan_pcp', 'eth_src', 'eth_dst', 'eth_type', 'ipv4_src', 'ipv4_dst', 'ipv6_src',
  'ipv6_dst', 'ipv6_flabel', 'arp_spa', 'arp_tpa', 'ip_proto', 'arp_op', 'arp_sha', 'arp_tha', 'ip_dscp', 'ip_ecn', 'mpls_label', 'mpls_tc', 'mpls_bos',
  'tcp_src', 'tcp_dst', 'udp_src', 'udp_dst', 'sctp_src', 'sctp_dst', 'icmpv4_type', 'icmpv4_code', 'icmpv6_type', 'icmpv6_code', 'ipv6_nd_target',
  'ipv6_nd_sll', 'ipv6_nd_tll', 'pbb_isid', 'ipv6_exthdr', 'pbb_uca', 'tcp_flags', 'actset_output', 'packet_type',
]

export function formatMatch(match: Match): string {
  const type = fieldOf(match, 'eth_type')?.value
  const protocol = fieldOf(match, 'ip_proto')?.value
  const both = KEYWORDS[`${type}/${protocol}`]
  const keyword = both ?? KEYWORDS[`${type}`]
  const parts: string[] = keyword === undefined ? [] : [keyword]
  for (const name of ORDER) {
    const field = fieldOf(match, name)
    if (field === undefined || (name === 'eth_type' && keyword !== undefined) || (name === 'ip_proto' && both !== undefined)) continue
    const part = formatField(field, match)
    if (part !== '') parts.push(part)
  }
  return parts.join(',')
}

function formatField(field: FieldValue, match: Match): string {
  const { field: name, value, mask } = field
  if (name === 'ip_dscp') return `nw_tos=${value << 2n}`
  if (name === 'vlan_vid') {
    if (mask === null && value !== 0n) return `dl_vlan=${value & 0xfffn}`
    if (value === 0x1000n && mask === 0x1000n && fieldOf(match, 'vlan_pcp') !== undefined) return ''
    return `vlan_tci=${hex(value, 4)}/${hex(mask ?? 0x1fffn, 4)}`
  }
  return `${OXM[name].text}=${formatMasked(field)}`
}

/** Names of fields in set_field, where they differ from those in matches. */
const SET_NAMES: Readonly<Partial<Record<OxmName, string>>> = {
  eth_src: 'eth_src', eth_dst: 'eth_dst', eth_type: 'eth_type', vlan_vid: 'vlan_vid', vlan_pcp: 'vlan_pcp', ipv4_src: 'ip_src', ipv4_dst: 'ip_dst',
  tcp_src: 'tcp_src', tcp_dst: 'tcp_dst', udp_src: 'udp_src', udp_dst: 'udp_dst', sctp_src: 'sctp_src', sctp_dst: 'sctp_dst',
  icmpv6_type: 'icmpv6_type', icmpv6_code: 'icmpv6_code',
}

/** One value of a field, without its name. */
export const formatFieldValue = (field: OxmName, value: bigint): string => formatValue(OXM[field].form, value)

/** Some bits of a field, in Open vSwitch's notation. */
export function formatPart(field: OxmName, first: number, bits: number): string {
  const width = field === 'vlan_vid' ? 12 : OXM[field].bits
  return `${nxmName(field)}${first === 0 && bits === width ? '[]' : bits === 1 ? `[${first}]` : `[${first}..${first + bits - 1}]`}`
}

function formatLoad({ field, value, mask }: Extract<Action, { type: 'set_field' }>): string {
  const bits = (mask ?? OXM[field].ones) & (field === 'vlan_vid' ? 0xfffn : OXM[field].ones)
  const text = bits.toString(2)
  const first = text.length - 1 - text.lastIndexOf('1')
  return `load:${hex((value & bits) >> BigInt(first))}->${formatPart(field, first, text.length - first)}`
}

function formatSet(action: Extract<Action, { type: 'set_field' }>): string {
  if (action.load === true) return formatLoad(action)
  const name = SET_NAMES[action.field] ?? OXM[action.field].text
  const value = action.field === 'vlan_vid' && action.mask === null ? action.value.toString() : formatMasked(action)
  return `set_field:${value}->${name}`
}

export function formatAction(action: Action): string {
  switch (action.type) {
    case 'output':
      if (action.port === Port.CONTROLLER) return `CONTROLLER:${action.maxLen}`
      return RESERVED.get(action.port) ?? `output:${action.port}`
    case 'group': return `group:${action.groupId}`
    case 'set_queue': return `set_queue:${action.queueId}`
    case 'enqueue': return `enqueue:${formatPort(action.port)}:${action.queueId}`
    case 'set_field': return formatSet(action)
    case 'push_vlan': case 'push_mpls': case 'push_pbb': case 'pop_mpls': return `${action.type}:${hex(action.ethertype, 4)}`
    case 'set_vlan_vid': return `mod_vlan_vid:${action.vid}`
    case 'set_vlan_pcp': return `mod_vlan_pcp:${action.pcp}`
    case 'set_nw_ttl': return `mod_nw_ttl:${action.ttl}`
    case 'dec_nw_ttl': return 'dec_ttl'
    case 'set_mpls_ttl': return `set_mpls_ttl(${action.ttl})`
    case 'meter': return `meter:${action.meterId}`
    case 'copy_field': {
      const { bits, src, srcOffset, dst, dstOffset } = action
      return `move:${formatPart(src, srcOffset, bits)}->${formatPart(dst, dstOffset, bits)}`
    }
    case 'controller': {
      const { reason, maxLen, controllerId } = action
      const parts = [reason !== 'action' && `reason=${reason}`, maxLen !== 0xffff && `max_len=${maxLen}`, controllerId !== 0 && `id=${controllerId}`]
      return `controller(${parts.filter((part) => part !== false).join(',')})`
    }
    case 'note': return `note:${Array.from(action.data, (byte) => byte.toString(16).padStart(2, '0')).join('.')}`
    case 'experimenter': return `experimenter(${hex(action.experimenter, 8)},${action.body.length} bytes)`
    case 'pop_vlan': case 'pop_pbb': case 'dec_mpls_ttl': case 'copy_ttl_out': case 'copy_ttl_in': return action.type
  }
}

/** `drop` for no action at all. */
export const formatActions = (actions: readonly Action[]): string => actions.length === 0 ? 'drop' : actions.map(formatAction).join(',')

const seconds = ({ seconds: whole, nanoseconds }: Duration): string => `${whole}.${String(nanoseconds).padStart(9, '0').slice(0, 3)}s`
export function formatCounts({ duration, idleTime, flowCount, packetCount, byteCount }: FlowCounts): string {
  return [
    duration !== null && `duration=${seconds(duration)}`, idleTime !== null && `idle=${seconds(idleTime)}`, flowCount !== null && `n_flows=${flowCount}`,
    packetCount !== null && `n_packets=${packetCount}`, byteCount !== null && `n_bytes=${byteCount}`,
  ].filter((part) => part !== false).join(' ')
}

/** In the order in which they are carried out, as the text after `actions=`. */
export function formatInstructions(instructions: Instructions): string {
  const parts: string[] = []
  if (instructions.meter !== null) parts.push(`meter:${instructions.meter}`)
  for (const action of instructions.apply ?? []) parts.push(formatAction(action))
  if (instructions.clear) parts.push('clear_actions')
  if (instructions.write !== null) parts.push(`write_actions(${formatActions(instructions.write)})`)
  if (instructions.writeMetadata !== null) {
    const { value, mask } = instructions.writeMetadata
    parts.push(mask === 0xffffffffffffffffn ? `write_metadata:${hex(value)}` : `write_metadata:${hex(value)}/${hex(mask)}`)
  }
  if (instructions.statTrigger !== null) parts.push(`stat_trigger:${formatCounts(instructions.statTrigger.thresholds)}`)
  if (instructions.gotoTable !== null) parts.push(`goto_table:${instructions.gotoTable}`)
  return parts.length === 0 ? 'drop' : parts.join(',')
}
