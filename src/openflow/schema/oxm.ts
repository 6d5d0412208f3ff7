/**
 * The match fields of the basic class: 40 of 1.3 and the four that 1.4 and 1.5 added. OF 1.3.5 §7.2.3.7, table 12;
 * OF 1.5.1 §7.2.3.8.
 *
 * `maskable`: the specification's column plus what Open vSwitch takes through OXM beyond it (transport ports and the
 * fields of neighbour discovery); whether a table can do it is for its table features to say.
 * `writable`: set-field is refused for the pipeline fields (OF 1.3.5 §7.2.5) and for ipv6_exthdr, which is a statement
 * about the packet and not a field of it.
 */
import type { OxmName } from '../model.js'
import type { Range } from '../versions.js'

/** The field must be in the match too, with one of the values, or `tagged`: anything that requires a VLAN tag. */
export interface Prerequisite { readonly field: OxmName; readonly values: readonly bigint[] | 'any' | 'tagged' }
export type TextForm = 'decimal' | 'hex' | 'ethertype' | 'mac' | 'ipv4' | 'ipv6' | 'port'

export interface OxmField {
  readonly name: OxmName
  readonly number: number
  /** Width in bits; the value occupies `bytes` on the wire. */
  readonly bits: number
  readonly bytes: number
  /** All ones of the field's width. */
  readonly ones: bigint
  readonly maskable: boolean
  readonly writable: boolean
  readonly prerequisites: readonly Prerequisite[]
  readonly since: Range
  /** The first version of it, as on the wire; all later ones have it too. */
  readonly first: number
  readonly form: TextForm
  /** The name in Open vSwitch's flow syntax. */
  readonly text: string
}

const ETH_IPV4 = 0x0800n
const ETH_IPV6 = 0x86ddn
const ethType = (...values: bigint[]): Prerequisite => ({ field: 'eth_type', values })
const ipProto = (value: bigint): Prerequisite => ({ field: 'ip_proto', values: [value] })
const ip = [ethType(ETH_IPV4, ETH_IPV6)]
const ipv4 = [ethType(ETH_IPV4)]
const ipv6 = [ethType(ETH_IPV6)]
const arp = [ethType(0x0806n)]
const mpls = [ethType(0x8847n, 0x8848n)]
const l4 = (protocol: bigint): readonly Prerequisite[] => [...ip, ipProto(protocol)]
const icmpv6 = [...ipv6, ipProto(58n)]
const nd = (...types: bigint[]): readonly Prerequisite[] => [...icmpv6, { field: 'icmpv6_type', values: types }]

interface More { readonly mask?: true; readonly readOnly?: true; readonly needs?: readonly Prerequisite[]; readonly since?: `1.${number}+`; readonly bytes?: number }
function row(number: number, name: OxmName, bits: number, form: TextForm, text: string, more: More = {}): OxmField {
  const since = more.since ?? '1.2+'
  return {
    name, number, bits, bytes: more.bytes ?? Math.ceil(bits / 8), ones: (1n << BigInt(bits)) - 1n,
    maskable: more.mask ?? false, writable: more.readOnly === undefined, prerequisites: more.needs ?? [],
    since, first: Number(since.slice(2, -1)) + 1, form, text,
  }
}

export const OXM_FIELDS: readonly OxmField[] = [
  row(0, 'in_port', 32, 'port', 'in_port', { readOnly: true }),
  row(1, 'in_phy_port', 32, 'port', 'in_phy_port', { readOnly: true, needs: [{ field: 'in_port', values: 'any' }] }),
  row(2, 'metadata', 64, 'hex', 'metadata', { mask: true, readOnly: true }),
  row(3, 'eth_dst', 48, 'mac', 'dl_dst', { mask: true }),
  row(4, 'eth_src', 48, 'mac', 'dl_src', { mask: true }),
  row(5, 'eth_type', 16, 'ethertype', 'dl_type'),
  row(6, 'vlan_vid', 13, 'hex', 'vlan_vid', { mask: true }),
  row(7, 'vlan_pcp', 3, 'decimal', 'dl_vlan_pcp', { needs: [{ field: 'vlan_vid', values: 'tagged' }] }),
  row(8, 'ip_dscp', 6, 'decimal', 'ip_dscp', { needs: ip }),
  row(9, 'ip_ecn', 2, 'decimal', 'nw_ecn', { needs: ip }),
  row(10, 'ip_proto', 8, 'decimal', 'nw_proto', { needs: ip }),
  row(11, 'ipv4_src', 32, 'ipv4', 'nw_src', { mask: true, needs: ipv4 }),
  row(12, 'ipv4_dst', 32, 'ipv4', 'nw_dst', { mask: true, needs: ipv4 }),
  row(13, 'tcp_src', 16, 'decimal', 'tp_src', { mask: true, needs: l4(6n) }),
  row(14, 'tcp_dst', 16, 'decimal', 'tp_dst', { mask: true, needs: l4(6n) }),
  row(15, 'udp_src', 16, 'decimal', 'tp_src', { mask: true, needs: l4(17n) }),
  row(16, 'udp_dst', 16, 'decimal', 'tp_dst', { mask: true, needs: l4(17n) }),
  row(17, 'sctp_src', 16, 'decimal', 'tp_src', { mask: true, needs: l4(132n) }),
  row(18, 'sctp_dst', 16, 'decimal', 'tp_dst', { mask: true, needs: l4(132n) }),
  row(19, 'icmpv4_type', 8, 'decimal', 'icmp_type', { needs: [...ipv4, ipProto(1n)] }),
  row(20, 'icmpv4_code', 8, 'decimal', 'icmp_code', { needs: [...ipv4, ipProto(1n)] }),
  row(21, 'arp_op', 16, 'decimal', 'arp_op', { needs: arp }),
  row(22, 'arp_spa', 32, 'ipv4', 'arp_spa', { mask: true, needs: arp }),
  row(23, 'arp_tpa', 32, 'ipv4', 'arp_tpa', { mask: true, needs: arp }),
  row(24, 'arp_sha', 48, 'mac', 'arp_sha', { mask: true, needs: arp }),
  row(25, 'arp_tha', 48, 'mac', 'arp_tha', { mask: true, needs: arp }),
  row(26, 'ipv6_src', 128, 'ipv6', 'ipv6_src', { mask: true, needs: ipv6 }),
  row(27, 'ipv6_dst', 128, 'ipv6', 'ipv6_dst', { mask: true, needs: ipv6 }),
  row(28, 'ipv6_flabel', 20, 'hex', 'ipv6_label', { mask: true, needs: ipv6, bytes: 4 }),
  row(29, 'icmpv6_type', 8, 'decimal', 'icmp_type', { needs: icmpv6 }),
  row(30, 'icmpv6_code', 8, 'decimal', 'icmp_code', { needs: icmpv6 }),
  row(31, 'ipv6_nd_target', 128, 'ipv6', 'nd_target', { mask: true, needs: nd(135n, 136n) }),
  row(32, 'ipv6_nd_sll', 48, 'mac', 'nd_sll', { mask: true, needs: nd(135n) }),
  row(33, 'ipv6_nd_tll', 48, 'mac', 'nd_tll', { mask: true, needs: nd(136n) }),
  row(34, 'mpls_label', 20, 'decimal', 'mpls_label', { needs: mpls, bytes: 4 }),
  row(35, 'mpls_tc', 3, 'decimal', 'mpls_tc', { needs: mpls }),
  row(36, 'mpls_bos', 1, 'decimal', 'mpls_bos', { needs: mpls, since: '1.3+' }),
  row(37, 'pbb_isid', 24, 'hex', 'pbb_isid', { mask: true, needs: [ethType(0x88e7n)], since: '1.3+' }),
  row(38, 'tunnel_id', 64, 'hex', 'tun_id', { mask: true, since: '1.3+' }),
  row(39, 'ipv6_exthdr', 9, 'hex', 'ipv6_exthdr', { mask: true, readOnly: true, needs: ipv6, since: '1.3+' }),
  row(41, 'pbb_uca', 1, 'decimal', 'pbb_uca', { needs: [ethType(0x88e7n)], since: '1.4+' }),
  row(42, 'tcp_flags', 12, 'hex', 'tcp_flags', { mask: true, readOnly: true, needs: l4(6n), since: '1.5+' }),
  row(43, 'actset_output', 32, 'port', 'actset_output', { readOnly: true, since: '1.5+' }),
  row(44, 'packet_type', 32, 'hex', 'packet_type', { readOnly: true, since: '1.5+' }),
]

export const OXM = Object.fromEntries(OXM_FIELDS.map((field) => [field.name, field])) as Record<OxmName, OxmField>
export const OXM_BY_NUMBER: ReadonlyMap<number, OxmField> = new Map(OXM_FIELDS.map((field) => [field.number, field]))
