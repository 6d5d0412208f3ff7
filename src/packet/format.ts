/** One line of text that says what a frame is, for logs, `trace` and failing tests. */
import { formatIpv4, formatIpv6, formatMac } from './address.js'
import { get16, get32, getBig } from './bytes.js'
import { parseFrame, type ParsedFrame } from './parse.js'
import { EtherType, IpProto } from './types.js'

export function formatFrame(frame: Uint8Array): string {
  const p = parseFrame(frame)
  if (!p.ethernet) return `short frame, ${frame.length} bytes`
  const parts = [`${formatMac(getBig(frame, 6, 6))} > ${formatMac(getBig(frame, 0, 6))}`]
  for (const at of p.tags) parts.push(formatTag(frame, at))
  if (p.mplsAt >= 0) for (let i = 0; i < p.mplsCount; i++) parts.push(formatLabel(get32(frame, p.mplsAt + 4 * i)))
  parts.push(formatPayload(frame, p))
  parts.push(`${frame.length} bytes`)
  return parts.filter((part) => part !== '').join(', ')
}

function formatTag(frame: Uint8Array, at: number): string {
  const tci = get16(frame, at + 2)
  const priority = tci >> 13 === 0 ? '' : ` pcp ${tci >> 13}`
  return `${get16(frame, at) === EtherType.QINQ ? 's-vlan' : 'vlan'} ${tci & 0x0fff}${priority}${tci & 0x1000 ? ' dei' : ''}`
}

const formatLabel = (entry: number): string =>
  `mpls ${entry >>> 12}${(entry >>> 9) & 7 ? ` tc ${(entry >>> 9) & 7}` : ''} ttl ${entry & 0xff}${entry & 0x100 ? '' : ' …'}`

function formatPayload(frame: Uint8Array, p: ParsedFrame): string {
  switch (p.l3) {
    case 'arp': return formatArp(frame, p.l3At)
    case 'ipv4': {
      const address = (at: number): string => formatIpv4(BigInt(get32(frame, at)))
      return `${formatFlow(frame, p, address(p.l3At + 12), address(p.l3At + 16))} ttl ${frame[p.l3At + 8]!}`
    }
    case 'ipv6': {
      const address = (at: number): string => formatIpv6(getBig(frame, at, 16))
      return `${formatFlow(frame, p, address(p.l3At + 8), address(p.l3At + 24))} ttl ${frame[p.l3At + 7]!}`
    }
    case null: break
  }
  if (p.mplsAt >= 0) return ''
  if (p.pbbAt >= 0) return `pbb isid ${get32(frame, p.pbbAt) & 0xffffff}`
  if (p.ethType === EtherType.NONE) return '802.3'
  const name = { [EtherType.IPV4]: 'malformed ipv4', [EtherType.IPV6]: 'malformed ipv6', [EtherType.LLDP]: 'lldp' }[p.ethType]
  return name ?? `type 0x${p.ethType.toString(16).padStart(4, '0')}`
}

function formatArp(frame: Uint8Array, at: number): string {
  const ip = (offset: number): string => formatIpv4(BigInt(get32(frame, at + offset)))
  const op = get16(frame, at + 6)
  if (op === 1) return `arp who-has ${ip(24)} tell ${ip(14)}`
  if (op === 2) return `arp ${ip(14)} is-at ${formatMac(getBig(frame, at + 8, 6))}`
  return `arp op ${op} ${ip(14)} > ${ip(24)}`
}

const protocolNames: Readonly<Record<number, string>> = {
  [IpProto.ICMP]: 'icmp', [IpProto.IGMP]: 'igmp', [IpProto.TCP]: 'tcp', [IpProto.UDP]: 'udp', [IpProto.ICMPV6]: 'icmpv6', [IpProto.SCTP]: 'sctp',
  [IpProto.FRAGMENT]: 'ipv6 fragment',
}
const icmpNames: Readonly<Record<string, string>> = {
  'icmpv4/0': 'echo reply', 'icmpv4/3': 'unreachable', 'icmpv4/8': 'echo request', 'icmpv4/11': 'time exceeded',
  'icmpv6/1': 'unreachable', 'icmpv6/3': 'time exceeded', 'icmpv6/128': 'echo request', 'icmpv6/129': 'echo reply',
  'icmpv6/133': 'router solicitation', 'icmpv6/134': 'router advertisement', 'icmpv6/135': 'neighbour solicitation', 'icmpv6/136': 'neighbour advertisement',
}

function formatFlow(frame: Uint8Array, p: ParsedFrame, src: string, dst: string): string {
  const proto = protocolNames[p.ipProto] ?? `ip proto ${p.ipProto}`
  const fragment = p.fragment === 'no' ? '' : p.fragment === 'first' ? ' first fragment' : ' later fragment'
  if (p.l4 === null) return `${proto}${fragment} ${src} > ${dst}`
  if (p.l4 === 'icmpv4' || p.l4 === 'icmpv6') {
    const type = frame[p.l4At]!
    const isEcho = p.l4 === 'icmpv4' ? type === 0 || type === 8 : type === 128 || type === 129
    const name = icmpNames[`${p.l4}/${type}`] ?? `type ${type} code ${frame[p.l4At + 1]!}`
    const target = p.ndTargetAt < 0 ? '' : ` ${formatIpv6(getBig(frame, p.ndTargetAt, 16))}`
    const seq = isEcho ? ` id ${get16(frame, p.l4At + 4)} seq ${get16(frame, p.l4At + 6)}` : ''
    return `${proto}${fragment} ${src} > ${dst} ${name}${target}${seq}`
  }
  const host = (address: string, port: number): string => p.l3 === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`
  return `${proto}${fragment} ${host(src, get16(frame, p.l4At))} > ${host(dst, get16(frame, p.l4At + 2))}`
}
