/**
 * One packet described by its fields, in Open vSwitch's words: what `ofproto/trace` takes and prints. The names and rules are those of
 * ovs-fields(7); a field can only be given when what comes before it says that the packet has its header.
 */
import { parseIpv4, parseIpv6 } from '../packet/index.js'

/** Fields that were given, by slot; those that were not are 0. `tci` has the CFI bit (0x1000) where there is a tag. */
export type Slot =
  | 'inPort' | 'metadata' | 'tunnelId' | 'ethSrc' | 'ethDst' | 'ethType' | 'tci' | 'mplsLse' | 'proto' | 'ipSrc' | 'ipDst' | 'ip6Src' | 'ip6Dst' | 'flowLabel'
  | 'tos' | 'ttl' | 'fragment' | 'tpSrc' | 'tpDst' | 'tcpFlags' | 'arpSha' | 'arpTha' | 'ndTarget' | 'ndSll' | 'ndTll'
export type FlowSpec = ReadonlyMap<Slot, bigint>
export const Fragment = { NO: 0n, FIRST: 1n, LATER: 3n } as const

export type FlowResult = { readonly ok: true; readonly flow: FlowSpec } | { readonly ok: false; readonly reason: string }

type Form = 'integer' | 'port' | 'mac' | 'ipv4' | 'ipv6' | 'fragment' | 'flags' | 'tos'
type Needs = (flow: FlowSpec) => boolean
interface FieldRow {
  /** The first is the one that error texts use. */
  readonly names: readonly string[]
  readonly slot: Slot
  readonly form: Form
  /** Bits of the field as it is written, and where they lie in the slot. */
  readonly bits: number
  readonly shift: number
  /** Set in the slot along with the field. */
  readonly also: bigint
  readonly needs: Needs
}

const PRESENT = 0x1000n
const type = (flow: FlowSpec): bigint => flow.get('ethType') ?? 0n
const always: Needs = () => true
const ipv4: Needs = (flow) => type(flow) === 0x0800n
const ipv6: Needs = (flow) => type(flow) === 0x86ddn
const ip: Needs = (flow) => ipv4(flow) || ipv6(flow)
const arp: Needs = (flow) => type(flow) === 0x0806n || type(flow) === 0x8035n
const mpls: Needs = (flow) => type(flow) === 0x8847n || type(flow) === 0x8848n
const transport = (proto: bigint): Needs => (flow) => ip(flow) && flow.get('proto') === proto && flow.get('fragment') !== Fragment.LATER
const icmpv4: Needs = (flow) => ipv4(flow) && transport(1n)(flow)
const icmpv6: Needs = (flow) => ipv6(flow) && transport(58n)(flow)
const nd = (...types: bigint[]): Needs => (flow) => icmpv6(flow) && types.includes(flow.get('tpSrc') ?? 0n) && (flow.get('tpDst') ?? 0n) === 0n

const row = (names: string, slot: Slot, form: Form, bits: number, needs: Needs = always, more: { shift?: number; also?: bigint } = {}): FieldRow =>
  ({ names: names.split(' '), slot, form, bits, shift: more.shift ?? 0, also: more.also ?? 0n, needs })

const rows: readonly FieldRow[] = [
  row('in_port', 'inPort', 'port', 32), row('metadata', 'metadata', 'integer', 64), row('tun_id tunnel_id', 'tunnelId', 'integer', 64),
  row('eth_src dl_src', 'ethSrc', 'mac', 48), row('eth_dst dl_dst', 'ethDst', 'mac', 48), row('eth_type dl_type', 'ethType', 'integer', 16),
  row('vlan_tci', 'tci', 'integer', 16), row('dl_vlan', 'tci', 'integer', 12, always, { also: PRESENT }), row('vlan_vid', 'tci', 'integer', 13),
  row('dl_vlan_pcp vlan_pcp', 'tci', 'integer', 3, always, { shift: 13, also: PRESENT }),
  row('mpls_label', 'mplsLse', 'integer', 20, mpls, { shift: 12 }), row('mpls_tc', 'mplsLse', 'integer', 3, mpls, { shift: 9 }),
  row('mpls_bos', 'mplsLse', 'integer', 1, mpls, { shift: 8 }), row('mpls_ttl', 'mplsLse', 'integer', 8, mpls),
  row('ip_src nw_src', 'ipSrc', 'ipv4', 32, ipv4), row('ip_dst nw_dst', 'ipDst', 'ipv4', 32, ipv4),
  row('ipv6_src', 'ip6Src', 'ipv6', 128, ipv6), row('ipv6_dst', 'ip6Dst', 'ipv6', 128, ipv6), row('ipv6_label', 'flowLabel', 'integer', 20, ipv6),
  row('nw_proto ip_proto', 'proto', 'integer', 8, ip), row('nw_tos', 'tos', 'tos', 8, ip), row('ip_dscp', 'tos', 'integer', 6, ip, { shift: 2 }),
  row('nw_ecn ip_ecn', 'tos', 'integer', 2, ip), row('nw_ttl', 'ttl', 'integer', 8, ip), row('nw_frag ip_frag', 'fragment', 'fragment', 8, ip),
  row('arp_op', 'proto', 'integer', 16, arp), row('arp_spa', 'ipSrc', 'ipv4', 32, arp), row('arp_tpa', 'ipDst', 'ipv4', 32, arp),
  row('arp_sha', 'arpSha', 'mac', 48, arp), row('arp_tha', 'arpTha', 'mac', 48, arp),
  row('tcp_src tp_src', 'tpSrc', 'integer', 16, transport(6n)), row('tcp_dst tp_dst', 'tpDst', 'integer', 16, transport(6n)),
  row('tcp_flags', 'tcpFlags', 'flags', 12, transport(6n)),
  row('udp_src', 'tpSrc', 'integer', 16, transport(17n)), row('udp_dst', 'tpDst', 'integer', 16, transport(17n)),
  row('sctp_src', 'tpSrc', 'integer', 16, transport(132n)), row('sctp_dst', 'tpDst', 'integer', 16, transport(132n)),
  row('icmp_type icmpv4_type', 'tpSrc', 'integer', 8, icmpv4), row('icmp_code icmpv4_code', 'tpDst', 'integer', 8, icmpv4),
  row('icmpv6_type', 'tpSrc', 'integer', 8, icmpv6), row('icmpv6_code', 'tpDst', 'integer', 8, icmpv6),
  row('nd_target', 'ndTarget', 'ipv6', 128, nd(135n, 136n)), row('nd_sll', 'ndSll', 'mac', 48, nd(135n)), row('nd_tll', 'ndTll', 'mac', 48, nd(136n)),
]
const byName: ReadonlyMap<string, FieldRow> = new Map(rows.flatMap((each) => each.names.map((name) => [name, each])))

/** Words that stand for an Ethernet type, and for a protocol on it. */
export const protocols: Readonly<Record<string, readonly [number, number | null]>> = {
  ip: [0x0800, null], ipv4: [0x0800, null], ipv6: [0x86dd, null], icmp: [0x0800, 1], icmp6: [0x86dd, 58], tcp: [0x0800, 6], tcp6: [0x86dd, 6],
  udp: [0x0800, 17], udp6: [0x86dd, 17], sctp: [0x0800, 132], sctp6: [0x86dd, 132], arp: [0x0806, null], rarp: [0x8035, null],
  mpls: [0x8847, null], mplsm: [0x8848, null],
}

/** `portNumber` knows the names of the ports. */
export function parseFlowSpec(text: string, portNumber: (name: string) => number | null): FlowResult {
  const flow = new Map<Slot, bigint>()
  const fail = (reason: string): FlowResult => ({ ok: false, reason: `${text}: ${reason}` })
  for (const part of text.split(/[,\s]+/).filter((each) => each !== '')) {
    const [key = '', ...rest] = part.split('=')
    const value = rest.join('=')
    const protocol = Object.hasOwn(protocols, key) ? protocols[key] : undefined
    if (protocol !== undefined) {
      if (flow.has('ethType')) return fail('Ethernet type set multiple times')
      flow.set('ethType', BigInt(protocol[0]))
      if (protocol[1] !== null) flow.set('proto', BigInt(protocol[1]))
      continue
    }
    const field = byName.get(key)
    if (field === undefined) return fail(`unknown field ${key}`)
    if (!field.needs(flow)) return fail(`prerequisites not met for setting ${key}`)
    if (isSet(field, flow)) return fail(`field ${key} set multiple times`)
    const read = readValue(field, value, portNumber)
    if (typeof read === 'string') return fail(`bad value for ${key} (${value}: ${read})`)
    const place = ((1n << BigInt(field.bits)) - 1n) << BigInt(field.shift)
    flow.set(field.slot, ((flow.get(field.slot) ?? 0n) & ~place) | read << BigInt(field.shift) & place | field.also)
  }
  return { ok: true, flow }
}

/** Whether any bit of the field is set already. */
function isSet({ bits, shift, slot }: FieldRow, flow: FlowSpec): boolean {
  return ((flow.get(slot) ?? 0n) >> BigInt(shift) & ((1n << BigInt(bits)) - 1n)) !== 0n
}

/** The value, or what is wrong with it. */
function readValue(field: FieldRow, text: string, portNumber: (name: string) => number | null): bigint | string {
  const [value = '', mask] = text.split('/')
  if (mask !== undefined && !isWhole(field, mask)) return 'wildcards not allowed here'
  switch (field.form) {
    case 'integer': return readInteger(field, value)
    case 'port': {
      const port = portNumber(value)
      return port === null ? `invalid or unknown port for ${field.names[0] ?? ''}` : BigInt(port)
    }
    case 'mac': return /^([0-9a-f]{1,2}:){5}[0-9a-f]{1,2}$/i.test(value)
      ? BigInt(`0x${value.split(':').map((part) => part.padStart(2, '0')).join('')}`) : 'invalid Ethernet address'
    case 'ipv4': return parseIpv4(value) ?? 'invalid IP address'
    case 'ipv6': return parseIpv6(value) ?? 'invalid IPv6 address'
    case 'fragment': return readFragment(value)
    case 'tos': {
      // The two bits of ECN are a field of their own.
      const tos = readInteger(field, value)
      return typeof tos === 'bigint' ? tos & 0xfcn : tos
    }
    case 'flags': return /^[+-]/.test(value) ? 'wildcards not allowed here' : readInteger(field, value)
  }
}

const isWhole = ({ form, bits }: FieldRow, mask: string): boolean =>
  (form === 'ipv4' || form === 'ipv6') && mask === String(bits)

function readInteger({ bits, names: [name = ''] }: FieldRow, text: string): bigint | string {
  if (!/^(0x[0-9a-f]+|[0-9]+)$/i.test(text)) return `bad syntax for ${name} value`
  const value = BigInt(text)
  const bytes = Math.ceil(bits / 8)
  // Too many bits within the field's bytes are cut off, as Open vSwitch does.
  return value >> BigInt(bytes * 8) === 0n ? value & ((1n << BigInt(bits)) - 1n) : `value too large for ${bytes}-byte field ${name}`
}

function readFragment(text: string): bigint | string {
  switch (text) {
    case 'no': return Fragment.NO
    case 'first': return Fragment.FIRST
    case 'later': return Fragment.LATER
    case 'yes': case 'not_later': return 'wildcards not allowed here'
    default: return 'unknown fragment type (valid types are "no", "yes", "first", "later", "not_later"'
  }
}
