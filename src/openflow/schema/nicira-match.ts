/**
 * Open vSwitch's match of OpenFlow 1.0, NXM, from which OXM came: the same TLVs in classes of their own, one field for the
 * whole VLAN tag and one for the ToS byte. Fields that have no NXM are OXM in it. The cookie can be one of the fields.
 */
import type { Codec, Reader, Writer } from '../buffer.js'
import { Fault, Unencodable } from '../fault.js'
import { canonicalMatch, orderFault } from '../match.js'
import type { FieldValue, Match, OxmName } from '../model.js'
import { fieldOfHeader, protocolOf, readOxm, readValue, writeOxm, writeValue } from '../oxm-codec.js'
import { OXM } from './oxm.js'

/** What a 1.0 peer can select flows by. */
export interface NxMatch { readonly match: Match; readonly cookie: bigint; readonly cookieMask: bigint }
export const NX_ANY: NxMatch = { match: [], cookie: 0n, cookieMask: 0n }

const NXM_OF: readonly (OxmName | null)[] = [
  'in_port', 'eth_dst', 'eth_src', 'eth_type', null /* vlan_tci */, null /* ip_tos */, 'ip_proto', 'ipv4_src', 'ipv4_dst', 'tcp_src', 'tcp_dst',
  'udp_src', 'udp_dst', 'icmpv4_type', 'icmpv4_code', 'arp_op', 'arp_spa', 'arp_tpa',
]
const NXM_NX: Readonly<Record<number, OxmName>> = {
  16: 'tunnel_id', 17: 'arp_sha', 18: 'arp_tha', 19: 'ipv6_src', 20: 'ipv6_dst', 21: 'icmpv6_type', 22: 'icmpv6_code', 23: 'ipv6_nd_target',
  24: 'ipv6_nd_sll', 25: 'ipv6_nd_tll', 27: 'ipv6_flabel', 28: 'ip_ecn',
}
/** Class and field of a header. */
const VLAN_TCI = 4
const IP_TOS = 5
const COOKIE = 1 << 7 | 30
const OXM_CLASS = 0x8000
const PRESENT = 0x1000n
const ALL_BITS = 0xffff_ffff_ffff_ffffn

const named = (id: number): OxmName | undefined => (id >= 128 ? NXM_NX[id - 128] : NXM_OF[id]) ?? undefined
const ids = new Map<OxmName, number>()
NXM_OF.forEach((name, id) => { if (name !== null) ids.set(name, id) })
for (const [field, name] of Object.entries(NXM_NX)) ids.set(name, 128 + Number(field))
/** Ports have 16 bits in 1.0, and so in NXM. */
const bytesOf = (field: OxmName): number => field === 'in_port' ? 2 : OXM[field].bytes

/** The field of an NXM or OXM header, for actions of any version; null: not one that can be said in the model. */
export function fieldOfNxm(header: number): OxmName | null {
  const nxmClass = header >>> 16
  if (nxmClass === OXM_CLASS) {
    const row = fieldOfHeader(header, 1)
    return row !== undefined && (header & 0x1ff) === row.bytes ? row.name : null
  }
  if (nxmClass > 1) return null
  const field = named(nxmClass << 7 | header >>> 9 & 0x7f)
  return field !== undefined && (header & 0xff) === bytesOf(field) ? field : null
}

/** The header by which an extension action names a field: NXM in 1.0 where it has the whole field, otherwise OXM. */
export function nxmHeader(field: OxmName, version: number): number {
  const id = version === 1 && field !== 'in_port' ? ids.get(field) : undefined
  const { number, bytes } = OXM[field]
  return ((id === undefined ? OXM_CLASS << 16 | number << 9 : id >> 7 << 16 | (id & 0x7f) << 9) | bytes) >>> 0
}

/** The name of a field in Open vSwitch's notation of a part of it. */
export function nxmName(field: OxmName): string {
  const id = ids.get(field)
  if (id === undefined || field === 'in_port') return `OXM_OF_${field.toUpperCase()}`
  const name = NXM_WORDS[field] ?? field.toUpperCase()
  return `${id >= 128 ? 'NXM_NX' : 'NXM_OF'}_${name}`
}
const NXM_WORDS: Readonly<Partial<Record<OxmName, string>>> = {
  ipv4_src: 'IP_SRC', ipv4_dst: 'IP_DST', icmpv4_type: 'ICMP_TYPE', icmpv4_code: 'ICMP_CODE', tunnel_id: 'TUN_ID', ipv6_nd_target: 'ND_TARGET',
  ipv6_nd_sll: 'ND_SLL', ipv6_nd_tll: 'ND_TLL', ipv6_flabel: 'IPV6_LABEL',
}
const byName = new Map<string, OxmName>()
for (const { name } of Object.values(OXM)) byName.set(nxmName(name), name).set(`OXM_OF_${name.toUpperCase()}`, name)
export const fieldOfNxmName = (name: string): OxmName | null => byName.get(name) ?? null

/** The TLVs between `at` and `end`, which must be all of them. */
export function readNxMatch(r: Reader, at: number, end: number): NxMatch {
  const fields: FieldValue[] = []
  let [cookie, cookieMask] = [0n, 0n]
  r.at = at
  while (r.at < end) {
    const start = r.at
    if (end - start < 4) throw new Fault('OFPBMC_BAD_LEN', `${end - start} bytes are too few for an NXM header`)
    const header = r.view.getUint32(start)
    const nxmClass = header >>> 16
    if (nxmClass > 1) {
      const field = nxmClass === OXM_CLASS ? readOxm(r, start, end, { unknown: 'OFPBMC_BAD_FIELD', length: 'OFPBMC_BAD_LEN' }) : null
      if (field === null) throw new Fault('OFPBMC_BAD_FIELD', `unknown NXM 0x${header.toString(16)}`)
      fields.push(field)
      continue
    }
    const id = nxmClass << 7 | header >>> 9 & 0x7f
    const masked = (header & 0x100) !== 0
    const field = named(id)
    const bytes = field !== undefined ? bytesOf(field) : id === VLAN_TCI ? 2 : id === IP_TOS ? 1 : id === COOKIE ? 8 : null
    if (bytes === null) throw new Fault('OFPBMC_BAD_FIELD', `unknown NXM 0x${header.toString(16).padStart(8, '0')}`)
    const payload = header & 0xff
    if (payload !== (masked ? 2 * bytes : bytes) || payload > end - start - 4) throw new Fault('OFPBMC_BAD_LEN', `NXM 0x${header.toString(16)} of ${payload} bytes`)
    const value = readValue(r.view, start + 4, bytes)
    const mask = masked ? readValue(r.view, start + 4 + bytes, bytes) : null
    r.at = start + 4 + payload
    if (field === 'in_port') fields.push({ field, value: value >= 0xff00n ? value + 0xffff0000n : value, mask: mask === null || mask === 0xffffn ? null : mask })
    else if (field !== undefined) fields.push({ field, value, mask })
    else if (id === VLAN_TCI) fields.push(...vlanOf(value, mask ?? 0xffffn))
    else if (id === IP_TOS) fields.push(dscpOf(value, mask))
    else [cookie, cookieMask] = [value, mask ?? ALL_BITS]
  }
  const result = canonicalMatch(fields)
  if ('error' in result) throw new Fault(result.error, result.reason)
  const disorder = orderFault(fields)
  if (disorder !== null) throw new Fault('OFPBMC_BAD_PREREQ', disorder)
  r.matchProto = protocolOf(result.match)
  return { match: result.match, cookie, cookieMask }
}

/** CFI in the middle says that there is a tag; a packet without one has 0 for all of it. */
function vlanOf(tci: bigint, mask: bigint): FieldValue[] {
  if ((tci & ~mask) !== 0n) throw new Fault('OFPBMC_BAD_WILDCARDS', 'vlan_tci has bits outside its mask')
  const fields: FieldValue[] = []
  const none = (mask & PRESENT) !== 0n && (tci & PRESENT) === 0n
  if (none && tci !== 0n) throw new Fault('OFPBMC_BAD_VALUE', `vlan_tci 0x${tci.toString(16)} without the bit that says that there is a tag`)
  if (none) return [{ field: 'vlan_vid', value: 0n, mask: null }]
  const vidMask = mask & 0x1fffn
  if (vidMask !== 0n) fields.push({ field: 'vlan_vid', value: tci & vidMask, mask: vidMask === 0x1fffn ? null : vidMask })
  if (mask >> 13n !== 0n) fields.push({ field: 'vlan_pcp', value: tci >> 13n, mask: mask >> 13n === 7n ? null : mask >> 13n })
  return fields
}

function dscpOf(tos: bigint, mask: bigint | null): FieldValue {
  if ((tos & 3n) !== 0n || mask !== null && (mask & 3n) !== 0n) throw new Fault('OFPBMC_BAD_VALUE', 'the ToS byte has the DSCP alone')
  return { field: 'ip_dscp', value: tos >> 2n, mask: mask === null || mask === 0xfcn ? null : mask >> 2n }
}

export function writeNxMatch(w: Writer, { match, cookie, cookieMask }: NxMatch): void {
  w.matchVlan = match.some(({ field, value }) => field === 'vlan_vid' && (value & PRESENT) !== 0n)
  for (const field of match) {
    const id = ids.get(field.field)
    if (field.field === 'vlan_vid') writeVlan(w, match)
    else if (field.field === 'vlan_pcp') continue
    else if (field.field === 'ip_dscp') put(w, IP_TOS, 1, field.value << 2n, field.mask === null ? null : field.mask << 2n)
    else if (field.field === 'in_port') {
      if (field.value >= 0xff00n && field.value < 0xffffff00n) throw new Unencodable('nx_match', 'in_port', w.version, `port ${field.value}`)
      put(w, id ?? 0, 2, field.value & 0xffffn, field.mask)
    } else if (id === undefined) writeOxm(w, field)
    else put(w, id, OXM[field.field].bytes, field.value, field.mask)
  }
  if (cookieMask !== 0n) put(w, COOKIE, 8, cookie, cookieMask === ALL_BITS ? null : cookieMask)
}

function writeVlan(w: Writer, match: Match): void {
  const vid = match.find(({ field }) => field === 'vlan_vid')
  const pcp = match.find(({ field }) => field === 'vlan_pcp')
  const none = vid?.value === 0n && vid.mask === null
  const mask = none ? 0xffffn : (vid?.mask ?? 0x1fffn) | (pcp === undefined ? 0n : 7n << 13n)
  put(w, VLAN_TCI, 2, (vid?.value ?? 0n) | (pcp?.value ?? 0n) << 13n, mask === 0xffffn ? null : mask)
}

function put(w: Writer, id: number, bytes: number, value: bigint, mask: bigint | null): void {
  const payload = mask === null ? bytes : 2 * bytes
  const at = w.reserve(4 + payload)
  w.view.setUint32(at, (id >> 7) << 16 | (id & 0x7f) << 9 | (mask === null ? 0 : 0x100) | payload)
  writeValue(w.view, at + 4, bytes, value)
  if (mask !== null) writeValue(w.view, at + 4 + bytes, bytes, mask)
}

/** `length` bytes of match, then padding to a multiple of 8; leaves r.at behind both. */
export function readPadded(r: Reader, at: number, length: number, end: number): NxMatch {
  const padded = length + 7 & ~7
  if (padded > end - at) throw new Fault('OFPBMC_BAD_LEN', `the match says it has ${length} bytes, ${end - at} are left`)
  const found = readNxMatch(r, at, at + length)
  r.at = at + padded
  return found
}

/** Returns the length without the padding. */
export function writePadded(w: Writer, match: NxMatch): number {
  const start = w.at
  writeNxMatch(w, match)
  const length = w.at - start
  w.align(start, 8)
  return length
}

/** Where a match is by itself. */
export const nxPipelineMatch: Codec<Match> = {
  empty: [],
  decode: (r, at, end) => readNxMatch(r, at, end).match,
  encode: (w, match) => writeNxMatch(w, { match, cookie: 0n, cookieMask: 0n }),
}
