/** What a frame is, as the exact flow that Open vSwitch prints: every field of every header that it has, in its order. */
import { formatIpv4, formatIpv6, formatMac, parseFrame, type ParsedFrame } from '../packet/index.js'
import { formatPort } from '../openflow/text.js'

/** What belongs to a packet and is not in its frame. */
export interface PacketContext {
  readonly inPort: number
  readonly metadata: bigint
  readonly tunnelId: bigint
  /** The Ethernet type where the frame cannot tell it: a description without one is type 0, a frame without one 0x05ff. */
  readonly noType: number
}

const keywords: Readonly<Record<string, string>> = {
  '2048': 'ip', '2048/1': 'icmp', '2048/6': 'tcp', '2048/17': 'udp', '2048/132': 'sctp', '34525': 'ipv6', '34525/58': 'icmp6', '34525/6': 'tcp6',
  '34525/17': 'udp6', '34525/132': 'sctp6', '2054': 'arp', '32821': 'rarp', '34887': 'mpls', '34888': 'mplsm',
}
const flagNames = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', 'ns'] as const
const hex = (value: bigint | number, digits = 0): string => `0x${value.toString(16).padStart(digits, '0')}`

export function formatExactFlow(frame: Uint8Array, context: PacketContext): string {
  const p = parseFrame(frame)
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const wide = (at: number, size: number): bigint => {
    let value = 0n
    for (let i = 0; i < size; i++) value = value << 8n | BigInt(frame[at + i] ?? 0)
    return value
  }
  const type = p.ethType === 0x05ff ? context.noType : p.ethType
  const isIp = type === 0x0800 || type === 0x86dd
  const proto = isIp && p.l3 !== null ? p.ipProto : 0
  const both = isIp ? keywords[`${type}/${proto}`] : undefined
  const keyword = both ?? keywords[String(type)]
  const parts: string[] = []
  if (keyword !== undefined) parts.push(keyword)
  if (context.tunnelId !== 0n) parts.push(`tun_id=${hex(context.tunnelId)}`)
  if (context.metadata !== 0n) parts.push(`metadata=${hex(context.metadata)}`)
  parts.push(`in_port=${formatPort(context.inPort)}`, ...vlans(view, p), `dl_src=${formatMac(wide(6, 6))}`, `dl_dst=${formatMac(wide(0, 6))}`)
  if (keyword === undefined) parts.push(`dl_type=${hex(type, 4)}`)
  if (isIp) parts.push(...network(), ...transport())
  else if (type === 0x0806 || type === 0x8035) parts.push(...addressResolution())
  else if (p.mplsAt >= 0) parts.push(...labels())
  return parts.join(',')

  function network(): string[] {
    const at = p.l3At
    const there = p.l3 !== null
    const tos = !there ? 0 : p.l3 === 'ipv4' ? frame[at + 1] ?? 0 : view.getUint16(at) >> 4 & 0xff
    const ttl = !there ? 0 : frame[at + (p.l3 === 'ipv4' ? 8 : 7)] ?? 0
    return [
      ...(type === 0x0800
        ? [`nw_src=${formatIpv4(there ? wide(at + 12, 4) : 0n)}`, `nw_dst=${formatIpv4(there ? wide(at + 16, 4) : 0n)}`]
        : [`ipv6_src=${formatIpv6(there ? wide(at + 8, 16) : 0n)}`, `ipv6_dst=${formatIpv6(there ? wide(at + 24, 16) : 0n)}`,
          `ipv6_label=${hex(there ? view.getUint32(at) & 0xfffff : 0, 5)}`]),
      ...(both === undefined ? [`nw_proto=${proto}`] : []),
      `nw_tos=${tos & 0xfc}`, `nw_ecn=${tos & 3}`, `nw_ttl=${ttl}`, `nw_frag=${p.fragment}`,
    ]
  }

  function transport(): string[] {
    if (both === undefined) return []
    const at = p.l4 === null ? -1 : p.l4At
    const port = (offset: number): number => (at < 0 ? 0 : view.getUint16(at + offset))
    if (both.startsWith('icmp')) {
      const kind = at < 0 ? 0 : frame[at] ?? 0
      const code = at < 0 ? 0 : frame[at + 1] ?? 0
      const mac = (where: number): string => formatMac(where < 0 ? 0n : wide(where, 6))
      const isNd = both === 'icmp6' && code === 0 && (kind === 135 || kind === 136)
      return [`icmp_type=${kind}`, `icmp_code=${code}`, ...(isNd
        ? [`nd_target=${formatIpv6(p.ndTargetAt < 0 ? 0n : wide(p.ndTargetAt, 16))}`, `nd_sll=${mac(p.ndSllAt)}`, `nd_tll=${mac(p.ndTllAt)}`] : [])]
    }
    return [`tp_src=${port(0)}`, `tp_dst=${port(2)}`, ...(both.startsWith('tcp') ? [`tcp_flags=${flags(at < 0 ? 0 : port(12) & 0x1ff)}`] : [])]
  }

  function addressResolution(): string[] {
    const at = p.l3 === 'arp' ? p.l3At : -1
    const ip = (offset: number): string => formatIpv4(at < 0 ? 0n : wide(at + offset, 4))
    const mac = (offset: number): string => formatMac(at < 0 ? 0n : wide(at + offset, 6))
    return [`arp_spa=${ip(14)}`, `arp_tpa=${ip(24)}`, `arp_op=${at < 0 ? 0 : view.getUint16(at + 6)}`, `arp_sha=${mac(8)}`, `arp_tha=${mac(18)}`]
  }

  function labels(): string[] {
    const lse = view.getUint32(p.mplsAt)
    const first = [`mpls_label=${lse >>> 12}`, `mpls_tc=${lse >>> 9 & 7}`, `mpls_ttl=${lse & 0xff}`, `mpls_bos=${lse >>> 8 & 1}`]
    const more = Array.from({ length: Math.min(2, p.mplsCount - 1) }, (_, i) => {
      const entry = view.getUint32(p.mplsAt + 4 * (i + 1))
      return entry === 0 ? `mpls_lse${i + 1}=0` : `mpls_lse${i + 1}=${hex(entry)}`
    })
    return [...first, ...more]
  }
}

/** Open vSwitch looks at two tags, the outer one first. */
function vlans(view: DataView, p: ParsedFrame): string[] {
  if (p.tags.length === 0) return ['vlan_tci=0x0000']
  const [outer = 0, inner] = p.tags.slice(0, 2).map((at) => view.getUint16(at + 2))
  const tag = (tci: number, suffix: string): string[] => [`dl_vlan${suffix}=${tci & 0xfff}`, `dl_vlan_pcp${suffix}=${tci >> 13}`]
  return [...tag(outer, ''), ...(inner === undefined ? ['vlan_tci1=0x0000'] : tag(inner, '1'))]
}

const flags = (value: number): string => (value === 0 ? '0' : flagNames.filter((_, bit) => (value >> bit & 1) !== 0).join('|'))
