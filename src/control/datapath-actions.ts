/**
 * What a datapath did to a packet, as Open vSwitch writes datapath actions: worked out from the frames that left, one after the
 * other. Ports are the target's.
 */
import { extractParsed, formatIpv4, formatIpv6, formatMac, parseFrame, type ParsedFrame } from '../packet/index.js'
import type { OxmName } from '../openflow/model.js'
import type { TracedOutput } from './traced-packet.js'

const hex = (value: number): string => `0x${value.toString(16)}`

export function formatDatapathActions(frame: Uint8Array, outputs: readonly TracedOutput[]): string {
  const parts: string[] = []
  let before = frame
  for (const output of outputs) {
    parts.push(...changes(before, output.frame), output.kind === 'port' ? String(output.port) : toController(output))
    before = output.frame
  }
  return parts.length === 0 ? 'drop' : parts.join(',')
}

function toController({ reason, flow, maxLen }: Extract<TracedOutput, { readonly kind: 'controller' }>): string {
  // Of no flow: all ones. OF 1.3.5 §7.4.1
  const cookie = flow?.cookie ?? 0xffff_ffff_ffff_ffffn
  return `userspace(controller(reason=${reason},rule_cookie=${cookie === 0n ? '0' : `0x${cookie.toString(16)}`},max_len=${maxLen}))`
}

type Fields = ReadonlyMap<OxmName, bigint>

function changes(before: Uint8Array, after: Uint8Array): readonly string[] {
  const [p, q] = [parseFrame(before), parseFrame(after)]
  const [a, b] = [extractParsed(before, p), extractParsed(after, q)]
  return [
    ...set('eth', a, b, [['src', 'eth_src', formatMac], ['dst', 'eth_dst', formatMac]]),
    ...(q.mplsAt >= 0 || p.mplsAt >= 0 ? labels(before, p, after, q) : network(before, p, a, after, q, b)),
    ...tags(before, p, after, q),
  ]
}

type Row = readonly [string, OxmName, (value: bigint) => string]

function set(name: string, a: Fields, b: Fields, rows: readonly Row[], more: readonly string[] = []): string[] {
  const changed = rows.flatMap(([key, field, format]) => {
    const value = b.get(field)
    return value === undefined || a.get(field) === value ? [] : [`${key}=${format(value)}`]
  })
  return changed.length + more.length === 0 ? [] : [`set(${name}(${[...changed, ...more].join(',')}))`]
}

const decimal = (value: bigint): string => value.toString()
const addresses = {
  ipv4: [['src', 'ipv4_src', formatIpv4], ['dst', 'ipv4_dst', formatIpv4]],
  ipv6: [['src', 'ipv6_src', formatIpv6], ['dst', 'ipv6_dst', formatIpv6], ['label', 'ipv6_flabel', (value) => hex(Number(value))]],
} as const satisfies Readonly<Record<string, readonly Row[]>>

function network(before: Uint8Array, p: ParsedFrame, a: Fields, after: Uint8Array, q: ParsedFrame, b: Fields): string[] {
  if (q.l3 === 'arp') {
    return set('arp', a, b, [['sip', 'arp_spa', formatIpv4], ['tip', 'arp_tpa', formatIpv4], ['op', 'arp_op', decimal], ['sha', 'arp_sha', formatMac], ['tha', 'arp_tha', formatMac]])
  }
  if (q.l3 === null || p.l3 !== q.l3) return []
  const classes = trafficClass(a, b, q.l3 === 'ipv4' ? 'tos' : 'tclass')
  const [ttlBefore, ttlAfter] = [before[p.l3At + (p.l3 === 'ipv4' ? 8 : 7)], after[q.l3At + (q.l3 === 'ipv4' ? 8 : 7)]]
  const ttl = ttlBefore === ttlAfter ? [] : [`${q.l3 === 'ipv4' ? 'ttl' : 'hlimit'}=${ttlAfter ?? 0}`]
  const ports = (['tcp', 'udp', 'sctp'] as const).flatMap((name) => set(name, a, b, [['src', `${name}_src`, decimal], ['dst', `${name}_dst`, decimal]]))
  return [
    ...set(q.l3, a, b, addresses[q.l3], [...classes, ...ttl]), ...ports,
    ...set('icmp', a, b, [['type', 'icmpv4_type', decimal], ['code', 'icmpv4_code', decimal]]),
    ...set('icmpv6', a, b, [['type', 'icmpv6_type', decimal], ['code', 'icmpv6_code', decimal]]),
    ...set('nd', a, b, [['target', 'ipv6_nd_target', formatIpv6], ['sll', 'ipv6_nd_sll', formatMac], ['tll', 'ipv6_nd_tll', formatMac]]),
  ]
}

function trafficClass(a: Fields, b: Fields, name: string): string[] {
  const bits = ['ip_dscp', 'ip_ecn'] as const
  const changed = bits.map((field) => a.get(field) !== b.get(field))
  if (!changed.includes(true)) return []
  const mask = (changed[0] === true ? 0xfc : 0) | (changed[1] === true ? 3 : 0)
  const value = (Number(b.get('ip_dscp') ?? 0n) << 2 | Number(b.get('ip_ecn') ?? 0n)) & mask
  return [`${name}=${hex(value)}${mask === 0xff ? '' : `/${hex(mask)}`}`]
}

function labels(before: Uint8Array, p: ParsedFrame, after: Uint8Array, q: ParsedFrame): string[] {
  const stack = (frame: Uint8Array, { mplsAt, mplsCount }: ParsedFrame): number[] => {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
    return mplsAt < 0 ? [] : Array.from({ length: mplsCount }, (_, i) => view.getUint32(mplsAt + 4 * i)).reverse()
  }
  const [old, now] = [stack(before, p), stack(after, q)]
  // From the bottom: entries that are the same are kept, the top one of equal stacks is set.
  const describe = (lse: number): string => `label=${lse >>> 12},tc=${lse >>> 9 & 7},ttl=${lse & 0xff},bos=${lse >>> 8 & 1}`
  if (old.length === now.length && old.length > 0) {
    const top = now.length - 1
    return old[top] === now[top] ? [] : [`set(mpls(${describe(now[top] ?? 0)}))`]
  }
  let kept = 0
  while (kept < Math.min(old.length, now.length) && old[kept] === now[kept]) kept++
  const type = `eth_type=0x${q.ethType.toString(16).padStart(4, '0')}`
  return [
    ...old.slice(kept).map(() => (now.length === 0 ? `pop_mpls(${type})` : 'pop_mpls(eth_type=0x8847)')),
    ...now.slice(kept).map((lse) => `push_mpls(${describe(lse)},${type})`),
  ]
}

/** Tags that differ are taken off and put on, as there is no datapath action that sets one. */
function tags(before: Uint8Array, p: ParsedFrame, after: Uint8Array, q: ParsedFrame): string[] {
  const list = (frame: Uint8Array, { tags: found }: ParsedFrame): number[] => {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
    return found.map((at) => view.getUint32(at)).reverse()
  }
  const [old, now] = [list(before, p), list(after, q)]
  let kept = 0
  while (kept < Math.min(old.length, now.length) && old[kept] === now[kept]) kept++
  return [
    ...old.slice(kept).map(() => 'pop_vlan'),
    ...now.slice(kept).map((tag) => {
      const type = tag >>> 16
      return `push_vlan(${type === 0x8100 ? '' : `tpid=${hex(type)},`}vid=${tag & 0xfff},pcp=${tag >>> 13 & 7})`
    }),
  ]
}
