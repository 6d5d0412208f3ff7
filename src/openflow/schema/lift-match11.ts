/**
 * OF 1.1's fixed match structure ↔ the OXM list. OF 1.1 §A.2.3.
 * Beyond 1.0 it has masks for addresses (where a bit of 1 means "don't care"), metadata, MPLS and "any VLAN tag"; like
 * 1.0 it ignores fields whose prerequisite is not in the match. It cannot say IPv6. What it cannot say is Unencodable in
 * a request and left out in what a switch says of flows that came from another version.
 */
import type { Codec, Writer } from '../buffer.js'
import { compile } from '../compile.js'
import { Fault, Unencodable } from '../fault.js'
import type { ValueOf } from '../layout.js'
import { f, layout, n48, n64, pad, port, u16, u32, u8 } from '../layout.js'
import { EMPTY_MATCH } from '../match.js'
import type { FieldValue, Match, OxmName } from '../model.js'
import { protocolOf } from '../oxm-codec.js'
import { transportFields } from './lift-match.js'
import { OXM } from './oxm.js'

const STANDARD = 0
const SIZE = 88
const raw11 = layout('ofp_match11', {
  '1.1': [
    f('type', u16), f('length', u16), f('inPort', port), f('wildcards', u32), f('dlSrc', n48), f('dlSrcOpen', n48), f('dlDst', n48), f('dlDstOpen', n48),
    f('dlVlan', u16), f('dlVlanPcp', u8), pad(1), f('dlType', u16), f('nwTos', u8), f('nwProto', u8), f('nwSrc', u32), f('nwSrcOpen', u32),
    f('nwDst', u32), f('nwDstOpen', u32), f('tpSrc', u16), f('tpDst', u16), f('mplsLabel', u32), f('mplsTc', u8), pad(3), f('metadata', n64),
    f('metadataOpen', n64),
  ],
}, { lengthError: 'OFPBMC_BAD_LEN' })
type Raw = { -readonly [K in keyof ValueOf<typeof raw11>]: ValueOf<typeof raw11>[K] }

const W = {
  IN_PORT: 1 << 0, DL_VLAN: 1 << 1, DL_VLAN_PCP: 1 << 2, DL_TYPE: 1 << 3, NW_TOS: 1 << 4, NW_PROTO: 1 << 5, TP_SRC: 1 << 6, TP_DST: 1 << 7,
  MPLS_LABEL: 1 << 8, MPLS_TC: 1 << 9, ALL: (1 << 10) - 1,
} as const
const VLAN_ANY = 0xfffe
const VLAN_NONE = 0xffff
const VLAN_PRESENT = 0x1000n
const ETH = { IPV4: 0x0800, ARP: 0x0806, RARP: 0x8035, MPLS: 0x8847, MPLSM: 0x8848 } as const

export const match11: Codec<Match> = {
  empty: EMPTY_MATCH,
  decode(r, at, end) {
    if (end - at < 4) throw new Fault('OFPBMC_BAD_LEN', `${end - at} bytes are too few for a match`)
    if (r.view.getUint16(at) !== STANDARD) throw new Fault('OFPBMC_BAD_TYPE', `match type ${r.view.getUint16(at)}`)
    if (r.view.getUint16(at + 2) !== SIZE) throw new Fault('OFPBMC_BAD_LEN', `the match says it has ${r.view.getUint16(at + 2)} bytes`)
    const match = lift(compile(raw11, r.version).decode(r, at, end))
    r.matchProto = protocolOf(match)
    return match
  },
  encode(w, match) {
    compile(raw11, w.version).encode(w, lower(match, w))
    w.matchVlan = match.some(({ field, value }) => field === 'vlan_vid' && (value & VLAN_PRESENT) !== 0n)
  },
}

/** Rows in the order of the OXM numbers, so that the result is sorted. */
function lift(raw: Raw): Match {
  const out: FieldValue[] = []
  const given = (bit: number): boolean => (raw.wildcards & bit) === 0
  const put = (field: OxmName, value: number | bigint): void => {
    const wide = BigInt(value)
    if (wide > OXM[field].ones) throw new Fault('OFPBMC_BAD_VALUE', `${field} cannot be ${value}`)
    out.push({ field, value: wide, mask: null })
  }
  const masked = (field: OxmName, value: number | bigint, open: number | bigint): void => {
    const { ones } = OXM[field]
    const mask = ones & ~BigInt(open)
    if (mask !== 0n) out.push({ field, value: BigInt(value) & mask, mask: mask === ones ? null : mask })
  }
  if (given(W.IN_PORT)) put('in_port', raw.inPort)
  masked('metadata', raw.metadata, raw.metadataOpen)
  masked('eth_dst', raw.dlDst, raw.dlDstOpen)
  masked('eth_src', raw.dlSrc, raw.dlSrcOpen)
  const type = given(W.DL_TYPE) ? raw.dlType : -1
  if (type >= 0) put('eth_type', type)
  if (given(W.DL_VLAN)) liftVlan(raw, given(W.DL_VLAN_PCP), out, put)
  if (type === ETH.IPV4 && given(W.NW_TOS)) {
    if ((raw.nwTos & 3) !== 0) throw new Fault('OFPBMC_BAD_VALUE', `nw_tos ${raw.nwTos}`)
    put('ip_dscp', raw.nwTos >> 2)
  }
  if (type === ETH.IPV4) {
    const protocol = given(W.NW_PROTO) ? raw.nwProto : -1
    if (protocol >= 0) put('ip_proto', protocol)
    masked('ipv4_src', raw.nwSrc, raw.nwSrcOpen)
    masked('ipv4_dst', raw.nwDst, raw.nwDstOpen)
    const fields = transportFields(type, protocol)
    if (fields !== undefined && given(W.TP_SRC)) put(fields[0], raw.tpSrc)
    if (fields !== undefined && given(W.TP_DST)) put(fields[1], raw.tpDst)
  }
  // The fields of RARP cannot be matched in later versions; a match that asks for them must not match more instead.
  if (type === ETH.RARP && (given(W.NW_PROTO) || raw.nwSrcOpen !== 0xffffffff || raw.nwDstOpen !== 0xffffffff)) {
    throw new Fault('OFPBMC_BAD_FIELD', 'fields of RARP')
  }
  if (type === ETH.ARP) {
    if (given(W.NW_PROTO)) put('arp_op', raw.nwProto)
    masked('arp_spa', raw.nwSrc, raw.nwSrcOpen)
    masked('arp_tpa', raw.nwDst, raw.nwDstOpen)
  }
  if (type === ETH.MPLS || type === ETH.MPLSM) {
    if (given(W.MPLS_LABEL)) put('mpls_label', raw.mplsLabel)
    if (given(W.MPLS_TC)) put('mpls_tc', raw.mplsTc)
  }
  return out
}

/** A priority counts only together with a tag. OF 1.1 §A.2.3 */
function liftVlan(raw: Raw, withPcp: boolean, out: FieldValue[], put: (field: OxmName, value: number | bigint) => void): void {
  if (raw.dlVlan === VLAN_NONE) return put('vlan_vid', 0)
  if (raw.dlVlan === VLAN_ANY) out.push({ field: 'vlan_vid', value: VLAN_PRESENT, mask: VLAN_PRESENT })
  else if (raw.dlVlan > 0xfff) throw new Fault('OFPBMC_BAD_VALUE', `dl_vlan ${raw.dlVlan}`)
  else put('vlan_vid', BigInt(raw.dlVlan) | VLAN_PRESENT)
  if (withPcp) put('vlan_pcp', raw.dlVlanPcp)
}

function lower(match: Match, w: Writer): Raw {
  const raw: Raw = {
    type: STANDARD, length: SIZE, inPort: 0, wildcards: W.ALL, dlSrc: 0n, dlSrcOpen: OXM.eth_src.ones, dlDst: 0n, dlDstOpen: OXM.eth_dst.ones,
    dlVlan: 0, dlVlanPcp: 0, dlType: 0, nwTos: 0, nwProto: 0, nwSrc: 0, nwSrcOpen: 0xffffffff, nwDst: 0, nwDstOpen: 0xffffffff, tpSrc: 0, tpDst: 0,
    mplsLabel: 0, mplsTc: 0, metadata: 0n, metadataOpen: OXM.metadata.ones,
  }
  const isIpv6 = match.some(({ field, value }) => field === 'eth_type' && value === 0x86ddn)
  for (const field of match) {
    const isSaid = isIpv6 && OXM[field.field].prerequisites.length > 0 && field.field !== 'vlan_pcp' ? false : lowerField(raw, field)
    if (!isSaid && !w.lossy) throw new Unencodable('ofp_match', field.field, w.version, field.mask === null ? 'no such field' : 'not with this mask')
  }
  return raw
}

/** False if 1.1 cannot match the field in this way. */
function lowerField(raw: Raw, { field, value, mask }: FieldValue): boolean {
  const open = OXM[field].ones & ~(mask ?? OXM[field].ones)
  switch (field) {
    case 'metadata': raw.metadata = value; raw.metadataOpen = open; return true
    case 'eth_dst': raw.dlDst = value; raw.dlDstOpen = open; return true
    case 'eth_src': raw.dlSrc = value; raw.dlSrcOpen = open; return true
    case 'ipv4_src': case 'arp_spa': raw.nwSrc = Number(value); raw.nwSrcOpen = Number(open); return true
    case 'ipv4_dst': case 'arp_tpa': raw.nwDst = Number(value); raw.nwDstOpen = Number(open); return true
    case 'vlan_vid':
      if (mask !== null && (mask !== VLAN_PRESENT || value !== VLAN_PRESENT)) return false
      return put('dlVlan', mask !== null ? VLAN_ANY : value === 0n ? VLAN_NONE : Number(value & 0xfffn), W.DL_VLAN)
    default:
  }
  if (mask !== null) return false
  const number = Number(value)
  switch (field) {
    case 'in_port': return put('inPort', number, W.IN_PORT)
    case 'eth_type': return put('dlType', number, W.DL_TYPE)
    case 'vlan_pcp': return put('dlVlanPcp', number, W.DL_VLAN_PCP)
    case 'ip_dscp': return put('nwTos', number << 2, W.NW_TOS)
    case 'ip_proto': return put('nwProto', number, W.NW_PROTO)
    case 'arp_op': return number <= 0xff && put('nwProto', number, W.NW_PROTO)
    case 'tcp_src': case 'udp_src': case 'sctp_src': case 'icmpv4_type': return put('tpSrc', number, W.TP_SRC)
    case 'tcp_dst': case 'udp_dst': case 'sctp_dst': case 'icmpv4_code': return put('tpDst', number, W.TP_DST)
    case 'mpls_label': return put('mplsLabel', number, W.MPLS_LABEL)
    case 'mpls_tc': return put('mplsTc', number, W.MPLS_TC)
    default: return false
  }

  function put(
    at: 'inPort' | 'dlVlan' | 'dlType' | 'dlVlanPcp' | 'nwTos' | 'nwProto' | 'tpSrc' | 'tpDst' | 'mplsLabel' | 'mplsTc', what: number, bit: number,
  ): boolean {
    raw[at] = what
    raw.wildcards &= ~bit
    return true
  }
}
