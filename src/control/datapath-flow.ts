/**
 * A packet described as Open vSwitch's datapath describes it (`in_port(1),eth(src=…,dst=…),eth_type(0x0800),ipv4(…)`), as its logs and
 * dpctl show it; in_port is the target's.
 */
import { splitTop } from '../openflow/index.js'
import { parseFlowSpec, type FlowResult } from './flow-spec.js'

/** Members of each group, in the words of the flow syntax. */
const members: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  eth: { src: 'dl_src', dst: 'dl_dst' }, vlan: { vid: 'dl_vlan', pcp: 'dl_vlan_pcp' },
  ipv4: { src: 'nw_src', dst: 'nw_dst', proto: 'nw_proto', tos: 'nw_tos', ttl: 'nw_ttl', frag: 'nw_frag' },
  ipv6: { src: 'ipv6_src', dst: 'ipv6_dst', label: 'ipv6_label', proto: 'nw_proto', tclass: 'nw_tos', hlimit: 'nw_ttl', frag: 'nw_frag' },
  tcp: { src: 'tcp_src', dst: 'tcp_dst' }, udp: { src: 'udp_src', dst: 'udp_dst' }, sctp: { src: 'sctp_src', dst: 'sctp_dst' },
  icmp: { type: 'icmp_type', code: 'icmp_code' }, icmpv6: { type: 'icmpv6_type', code: 'icmpv6_code' },
  arp: { sip: 'arp_spa', tip: 'arp_tpa', op: 'arp_op', sha: 'arp_sha', tha: 'arp_tha' }, nd: { target: 'nd_target', sll: 'nd_sll', tll: 'nd_tll' },
}
/** Single values; of the others only what a packet that comes in has can be given. */
const single: Readonly<Record<string, string>> = { in_port: 'in_port', eth_type: 'dl_type', tcp_flags: 'tcp_flags' }
const zero = new Set(['recirc_id', 'skb_priority', 'skb_mark', 'ct_state', 'ct_zone', 'ct_mark', 'ct_label', 'dp_hash', 'packet_type'])

export const isDatapathFlow = (text: string): boolean => /^\w+\(/.test(text)

/** `portOf`: OpenFlow number of a port of the target. */
export function parseDatapathFlow(text: string, portOf: (port: number) => number | null): FlowResult {
  const fail = (reason: string): FlowResult => ({ ok: false, reason: `${text}: ${reason}` })
  const fields: string[] = []
  for (const part of splitTop(flatten(text))) {
    const [, name = '', inside = ''] = /^(\w+)\((.*)\)$/.exec(part) ?? []
    const group = Object.hasOwn(members, name) ? members[name] : undefined
    if (name === 'in_port') {
      const port = /^\d+$/.test(inside) ? portOf(Number(inside)) : null
      if (port === null) return fail(`${inside} is no port of the datapath`)
      fields.push(`in_port=${port}`)
    } else if (Object.hasOwn(single, name)) {
      if (name === 'eth_type' && inside === '0x8100') continue
      fields.push(`${single[name] ?? ''}=${inside}`)
    } else if (group !== undefined) {
      for (const member of splitTop(inside)) {
        const [key = '', value = ''] = member.split('=')
        const field = group[key]
        if (field === undefined) return fail(`unknown member ${key} of ${name}`)
        // A traffic class is two fields of the flow.
        if (field === 'nw_tos') fields.push(`nw_tos=${value}`, `nw_ecn=${Number(value) & 3}`)
        else fields.push(`${field}=${value}`)
      }
    } else if (!zero.has(name) || !/^(0|0x0|\(.*\)|ns=0,id=0)$/.test(inside)) return fail(`unknown or unsupported field ${part}`)
  }
  // The type has to be known before the fields that need it.
  const rank = (field: string): number => ['in_port', 'dl_type', 'dl_vlan', 'nw_proto', 'icmp'].findIndex((prefix) => field.startsWith(prefix))
  const ordered = [...fields].sort((a, b) => (rank(a) < 0 ? 9 : rank(a)) - (rank(b) < 0 ? 9 : rank(b)))
  return parseFlowSpec(ordered.join(','), (port) => (/^\d+$/.test(port) ? Number(port) : null))
}

/** What a tag encapsulates stands in parentheses of its own. */
const flatten = (text: string): string => text.replace(/encap\((.*)\)/, '$1')
