/**
 * OF 1.0's fixed match structure ↔ the OXM list. OF 1.0 §5.2.3.
 * Fields whose prerequisite is not in the match are ignored, as 1.0 says and Open vSwitch's normalisation does; what is
 * left is canonical by construction. The other way, what 1.0 cannot match is Unencodable in a request, and left out
 * (the match gets wider) in what a switch says of flows that came from another version.
 */
import type { Codec, Writer } from '../buffer.js'
import { compile } from '../compile.js'
import { Fault, Unencodable } from '../fault.js'
import type { ValueOf } from '../layout.js'
import { f, layout, n48, pad, port, u16, u32, u8 } from '../layout.js'
import { EMPTY_MATCH } from '../match.js'
import type { FieldValue, Match, OxmName } from '../model.js'
import { OXM } from './oxm.js'

const raw10 = layout('ofp_match', {
  '1.0': [
    f('wildcards', u32), f('inPort', port), f('dlSrc', n48), f('dlDst', n48), f('dlVlan', u16), f('dlVlanPcp', u8), pad(1),
    f('dlType', u16), f('nwTos', u8), f('nwProto', u8), pad(2), f('nwSrc', u32), f('nwDst', u32), f('tpSrc', u16), f('tpDst', u16),
  ],
})
type Raw = { -readonly [K in keyof ValueOf<typeof raw10>]: ValueOf<typeof raw10>[K] }

const W = {
  IN_PORT: 1 << 0, DL_VLAN: 1 << 1, DL_SRC: 1 << 2, DL_DST: 1 << 3, DL_TYPE: 1 << 4, NW_PROTO: 1 << 5, TP_SRC: 1 << 6, TP_DST: 1 << 7,
  NW_SRC_SHIFT: 8, NW_DST_SHIFT: 14, DL_VLAN_PCP: 1 << 20, NW_TOS: 1 << 21, ALL: (1 << 22) - 1,
} as const
/** Everything a wildcard: the addresses count the bits they leave open. */
const W_NONE = W.ALL & ~(0x3f << W.NW_SRC_SHIFT) & ~(0x3f << W.NW_DST_SHIFT) | 32 << W.NW_SRC_SHIFT | 32 << W.NW_DST_SHIFT
const VLAN_NONE = 0xffff
const VLAN_PRESENT = 0x1000n
const ETH = { IPV4: 0x0800, ARP: 0x0806, IPV6: 0x86dd } as const
const IP = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58, SCTP: 132 } as const

export const match10: Codec<Match> = {
  empty: EMPTY_MATCH,
  decode(r, at, end) {
    const raw = compile(raw10, r.version).decode(r, at, end)
    const match = lift(raw)
    r.exactMatch = (raw.wildcards & W.ALL) === 0
    r.matchProto = -1
    for (const { field, value } of match) if (field === 'ip_proto') r.matchProto = Number(value)
    return match
  },
  encode(w, match) {
    compile(raw10, w.version).encode(w, lower(match, w))
    w.matchVlan = match.some(({ field, value }) => field === 'vlan_vid' && (value & VLAN_PRESENT) !== 0n)
  },
}

/** Rows in the order of the OXM numbers, so that the result is sorted. */
function lift(raw: Raw): Match {
  const { wildcards } = raw
  const out: FieldValue[] = []
  const given = (bit: number): boolean => (wildcards & bit) === 0
  const put = (field: OxmName, value: number | bigint, mask: bigint | null = null): void => {
    out.push({ field, value: BigInt(value), mask })
  }
  if (given(W.IN_PORT)) put('in_port', raw.inPort)
  if (given(W.DL_DST)) put('eth_dst', raw.dlDst)
  if (given(W.DL_SRC)) put('eth_src', raw.dlSrc)
  const type = given(W.DL_TYPE) ? raw.dlType : -1
  if (type >= 0) put('eth_type', type)
  liftVlan(raw, given, put)
  const isIp = type === ETH.IPV4 || type === ETH.IPV6
  if (isIp && given(W.NW_TOS)) put('ip_dscp', raw.nwTos >> 2)
  const protocol = isIp && given(W.NW_PROTO) ? raw.nwProto : -1
  if (protocol >= 0) put('ip_proto', protocol)
  const source = (wildcards >> W.NW_SRC_SHIFT) & 0x3f
  const target = (wildcards >> W.NW_DST_SHIFT) & 0x3f
  if (type === ETH.IPV4) {
    putAddress('ipv4_src', raw.nwSrc, source)
    putAddress('ipv4_dst', raw.nwDst, target)
  }
  if (isIp) liftTransport(raw, type, protocol, given, put)
  if (type === ETH.ARP) {
    if (given(W.NW_PROTO)) put('arp_op', raw.nwProto)
    putAddress('arp_spa', raw.nwSrc, source)
    putAddress('arp_tpa', raw.nwDst, target)
  }
  return out

  function putAddress(field: OxmName, address: number, open: number): void {
    if (open >= 32) return
    const mask = (0xffffffff << open) >>> 0
    put(field, (address & mask) >>> 0, open === 0 ? null : BigInt(mask))
  }
}

type Put = (field: OxmName, value: number | bigint, mask?: bigint | null) => void

function liftVlan(raw: Raw, given: (bit: number) => boolean, put: Put): void {
  if (given(W.DL_VLAN)) {
    if (raw.dlVlan === VLAN_NONE) return put('vlan_vid', 0)
    put('vlan_vid', BigInt(raw.dlVlan & 0xfff) | VLAN_PRESENT)
  } else if (given(W.DL_VLAN_PCP)) put('vlan_vid', VLAN_PRESENT, VLAN_PRESENT)
  if (given(W.DL_VLAN_PCP)) put('vlan_pcp', raw.dlVlanPcp & 7)
}

const PORTS: Readonly<Record<number, readonly [OxmName, OxmName]>> = {
  [IP.TCP]: ['tcp_src', 'tcp_dst'], [IP.UDP]: ['udp_src', 'udp_dst'], [IP.SCTP]: ['sctp_src', 'sctp_dst'],
}

export function transportFields(type: number, protocol: number): readonly [OxmName, OxmName] | undefined {
  if (type === ETH.IPV4 && protocol === IP.ICMP) return ['icmpv4_type', 'icmpv4_code']
  if (type === ETH.IPV6 && protocol === IP.ICMPV6) return ['icmpv6_type', 'icmpv6_code']
  return PORTS[protocol]
}

function liftTransport(raw: Raw, type: number, protocol: number, given: (bit: number) => boolean, put: Put): void {
  const fields = transportFields(type, protocol)
  if (fields === undefined) return
  for (const [field, value, bit] of [[fields[0], raw.tpSrc, W.TP_SRC], [fields[1], raw.tpDst, W.TP_DST]] as const) {
    if (!given(bit)) continue
    if (BigInt(value) > OXM[field].ones) throw new Fault('OFPBMC_BAD_VALUE', `${field} cannot be ${value}`)
    put(field, value)
  }
}

function lower(match: Match, w: Writer): Raw {
  const raw: Raw = {
    wildcards: W_NONE, inPort: 0, dlSrc: 0n, dlDst: 0n, dlVlan: 0, dlVlanPcp: 0, dlType: 0, nwTos: 0, nwProto: 0,
    nwSrc: 0, nwDst: 0, tpSrc: 0, tpDst: 0,
  }
  for (const field of match) {
    if (!lowerField(raw, field) && !w.lossy) {
      throw new Unencodable('ofp_match', field.field, w.version, field.mask === null ? 'no such field' : 'not with this mask')
    }
  }
  // A tag of any id is 1.0's wildcard for dl_vlan, so it can be said only together with a priority.
  if (!w.lossy && (raw.wildcards & W.DL_VLAN_PCP) !== 0 && match.some(({ field, mask }) => field === 'vlan_vid' && mask !== null)) {
    throw new Unencodable('ofp_match', 'vlan_vid', w.version, 'not with this mask')
  }
  return raw
}

/** False if 1.0 cannot match the field in this way. */
function lowerField(raw: Raw, { field, value, mask }: FieldValue): boolean {
  const address = addressPart(field)
  if (address !== null) {
    const open = openBits(mask)
    // Of a mask with holes the leading ones are what 1.0 can say.
    raw[address.at] = Number(BigInt.asUintN(32, value >> BigInt(open) << BigInt(open)))
    raw.wildcards = raw.wildcards & ~(0x3f << address.shift) | open << address.shift
    return mask === null || mask === BigInt.asUintN(32, -1n << BigInt(open))
  }
  if (field === 'vlan_vid') {
    if (mask !== null) return mask === VLAN_PRESENT && value === VLAN_PRESENT
    raw.dlVlan = value === 0n ? VLAN_NONE : Number(value & 0xfffn)
    raw.wildcards &= ~W.DL_VLAN
    return true
  }
  if (mask !== null) return false
  const number = Number(value)
  switch (field) {
    case 'in_port': return put('inPort', number, W.IN_PORT)
    case 'eth_dst': raw.dlDst = value; raw.wildcards &= ~W.DL_DST; return true
    case 'eth_src': raw.dlSrc = value; raw.wildcards &= ~W.DL_SRC; return true
    case 'eth_type': return put('dlType', number, W.DL_TYPE)
    case 'vlan_pcp': return put('dlVlanPcp', number, W.DL_VLAN_PCP)
    case 'ip_dscp': return put('nwTos', number << 2, W.NW_TOS)
    case 'ip_proto': return put('nwProto', number, W.NW_PROTO)
    case 'arp_op': return number <= 0xff && put('nwProto', number, W.NW_PROTO)
    case 'tcp_src': case 'udp_src': case 'sctp_src': case 'icmpv4_type': case 'icmpv6_type': return put('tpSrc', number, W.TP_SRC)
    case 'tcp_dst': case 'udp_dst': case 'sctp_dst': case 'icmpv4_code': case 'icmpv6_code': return put('tpDst', number, W.TP_DST)
    default: return false
  }

  function put(at: 'inPort' | 'dlType' | 'dlVlanPcp' | 'nwTos' | 'nwProto' | 'tpSrc' | 'tpDst', what: number, bit: number): boolean {
    raw[at] = what
    raw.wildcards &= ~bit
    return true
  }
}

function addressPart(field: OxmName): { readonly at: 'nwSrc' | 'nwDst'; readonly shift: number } | null {
  if (field === 'ipv4_src' || field === 'arp_spa') return { at: 'nwSrc', shift: W.NW_SRC_SHIFT }
  if (field === 'ipv4_dst' || field === 'arp_tpa') return { at: 'nwDst', shift: W.NW_DST_SHIFT }
  return null
}

/** How many low bits are left open when the mask is cut to its leading ones. */
function openBits(mask: bigint | null): number {
  if (mask === null) return 0
  let open = 32
  while (open > 0 && (mask >> BigInt(open - 1) & 1n) === 1n) open--
  return open
}
