/** Match fields of the flow syntax: the names of ovs-fields(7), with masks. */
import type { FieldValue, OxmName } from './model.js'
import { OXM, OXM_FIELDS, type OxmField } from './schema/oxm.js'
import { FlowTextError, readIpv4, readIpv6, readMac, readNumber, readPort, type PortNumbers } from './text-read-values.js'

const PROTOCOLS: Readonly<Record<string, readonly [number, number | null]>> = {
  ip: [0x0800, null], ipv4: [0x0800, null], ipv6: [0x86dd, null], icmp: [0x0800, 1], icmp6: [0x86dd, 58], tcp: [0x0800, 6], tcp6: [0x86dd, 6],
  udp: [0x0800, 17], udp6: [0x86dd, 17], sctp: [0x0800, 132], sctp6: [0x86dd, 132], arp: [0x0806, null], rarp: [0x8035, null],
  mpls: [0x8847, null], mplsm: [0x8848, null],
}
/** Null where the word is none. */
export function protocolFields(word: string): readonly FieldValue[] | null {
  const protocol = Object.hasOwn(PROTOCOLS, word) ? PROTOCOLS[word] : undefined
  if (protocol === undefined) return null
  const exact = (field: OxmName, value: number): FieldValue => ({ field, value: BigInt(value), mask: null })
  return [exact('eth_type', protocol[0]), ...(protocol[1] === null ? [] : [exact('ip_proto', protocol[1])])]
}

/** Further names of fields. */
const ALIASES: Readonly<Record<string, OxmName>> = {
  eth_src: 'eth_src', eth_dst: 'eth_dst', eth_type: 'eth_type', vlan_pcp: 'vlan_pcp', ip_src: 'ipv4_src', ip_dst: 'ipv4_dst', ip_proto: 'ip_proto', ip_ecn: 'ip_ecn',
  tcp_src: 'tcp_src', tcp_dst: 'tcp_dst', udp_src: 'udp_src', udp_dst: 'udp_dst', sctp_src: 'sctp_src', sctp_dst: 'sctp_dst', icmpv4_type: 'icmpv4_type',
  icmpv4_code: 'icmpv4_code', icmpv6_type: 'icmpv6_type', icmpv6_code: 'icmpv6_code', tunnel_id: 'tunnel_id', ipv6_flabel: 'ipv6_flabel',
  ipv6_nd_target: 'ipv6_nd_target', ipv6_nd_sll: 'ipv6_nd_sll', ipv6_nd_tll: 'ipv6_nd_tll',
}
/** Of names that several fields share, the one that the Ethernet type and the protocol choose. */
const SHARED: Readonly<Record<string, Readonly<Record<string, OxmName>>>> = {
  tp_src: { 6: 'tcp_src', 17: 'udp_src', 132: 'sctp_src' }, tp_dst: { 6: 'tcp_dst', 17: 'udp_dst', 132: 'sctp_dst' },
  icmp_type: { 1: 'icmpv4_type', 58: 'icmpv6_type' }, icmp_code: { 1: 'icmpv4_code', 58: 'icmpv6_code' },
}

/** The field that a name stands for in a match (or behind a match) that has these fields. */
export function fieldNamed(name: string, fields: readonly FieldValue[]): OxmField {
  const shared = Object.hasOwn(SHARED, name) ? SHARED[name] : undefined
  if (shared !== undefined) {
    const protocol = fields.find(({ field }) => field === 'ip_proto')?.value
    const field = shared[String(protocol)]
    if (field === undefined) throw new FlowTextError(`${name} needs a protocol before it (tcp, udp, sctp, icmp, icmp6)`)
    return OXM[field]
  }
  if (Object.hasOwn(ALIASES, name)) return OXM[ALIASES[name] as OxmName]
  const found = OXM_FIELDS.find((field) => field.text === name)
  if (found === undefined) throw new FlowTextError(`unknown keyword ${name}`)
  return found
}

/** `known` are the fields before it. */
export function readField(name: string, text: string, known: readonly FieldValue[], ports: PortNumbers): readonly FieldValue[] {
  switch (name) {
    case 'dl_vlan': {
      const vid = readNumber(name, text, 0xffffn)
      return [{ field: 'vlan_vid', value: vid === 0xffffn ? 0n : vid | 0x1000n, mask: null }]
    }
    case 'vlan_tci': return readTci(text)
    case 'nw_tos': return [{ field: 'ip_dscp', value: readNumber(name, text, 255n) >> 2n, mask: null }]
    case 'dl_vlan_pcp': case 'vlan_pcp': {
      const pcp: FieldValue = { field: 'vlan_pcp', value: readNumber(name, text, 7n), mask: null }
      return known.some(({ field }) => field === 'vlan_vid') ? [pcp] : [{ field: 'vlan_vid', value: 0x1000n, mask: 0x1000n }, pcp]
    }
    default: {
      const row = fieldNamed(name, known)
      return [{ field: row.name, ...readValue(row, text, ports) }]
    }
  }
}

/** A value, and the mask behind a slash. */
export function readValue(row: OxmField, text: string, ports: PortNumbers): { readonly value: bigint; readonly mask: bigint | null } {
  const [valueText = '', maskText] = text.split('/')
  const one = (part: string): bigint => {
    switch (row.form) {
      case 'mac': return readMac(part)
      case 'ipv4': return readIpv4(part)
      case 'ipv6': return readIpv6(part)
      case 'port': return BigInt(readPort(part, ports))
      default: return readNumber(row.text, part, row.ones)
    }
  }
  const value = one(valueText)
  if (maskText === undefined) return { value, mask: null }
  const isPrefix = (row.form === 'ipv4' || row.form === 'ipv6') && /^\d+$/.test(maskText)
  const mask = isPrefix ? row.ones ^ (row.ones >> readNumber(row.text, maskText, BigInt(row.bits))) : one(maskText)
  return { value: value & mask, mask: mask === row.ones ? null : mask }
}

/** The tag as one number: the id with the bit that says there is a tag (0x1000), and the priority. */
function readTci(text: string): readonly FieldValue[] {
  const [valueText = '', maskText = '0xffff'] = text.split('/')
  const [tci, mask] = [readNumber('vlan_tci', valueText, 0xffffn), readNumber('vlan_tci', maskText, 0xffffn)]
  const [vid, vidMask, pcpMask] = [tci & mask & 0x1fffn, mask & 0x1fffn, mask >> 13n]
  const fields: FieldValue[] = []
  if (vidMask !== 0n) fields.push({ field: 'vlan_vid', value: vid, mask: vidMask === 0x1fffn ? null : vidMask })
  // Without a tag there is no priority to compare.
  if (pcpMask !== 0n && (vid & 0x1000n) !== 0n) fields.push({ field: 'vlan_pcp', value: tci >> 13n & pcpMask, mask: pcpMask === 7n ? null : pcpMask })
  return fields
}
