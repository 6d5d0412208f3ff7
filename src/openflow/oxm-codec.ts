/**
 * OXM on the wire: single TLVs (in matches and set-field), the match structure around them, and the bare headers of
 * table features. OF 1.3.5 §7.2.3.1 … §7.2.3.3.
 */
import type { Codec, Reader, Writer } from './buffer.js'
import { Fault, Unencodable } from './fault.js'
import { canonicalMatch, EMPTY_MATCH, orderFault } from './match.js'
import type { ErrorName, FieldValue, Match, OxmName } from './model.js'
import { OXM, OXM_BY_NUMBER, type OxmField } from './schema/oxm.js'

export const OXM_CLASS_BASIC = 0x8000
const OFPMT_OXM = 1
const TLV_HEADER = 4

export function readValue(view: DataView, at: number, bytes: number): bigint {
  switch (bytes) {
    case 1: return BigInt(view.getUint8(at))
    case 2: return BigInt(view.getUint16(at))
    case 4: return BigInt(view.getUint32(at))
    case 6: return BigInt(view.getUint16(at) * 0x100000000 + view.getUint32(at + 2))
    case 8: return view.getBigUint64(at)
    case 16: return view.getBigUint64(at) << 64n | view.getBigUint64(at + 8)
    default: {
      let value = 0n
      for (let i = 0; i < bytes; i++) value = (value << 8n) | BigInt(view.getUint8(at + i))
      return value
    }
  }
}

export function writeValue(view: DataView, at: number, bytes: number, value: bigint): void {
  switch (bytes) {
    case 1: return view.setUint8(at, Number(value))
    case 2: return view.setUint16(at, Number(value))
    case 4: return view.setUint32(at, Number(value))
    case 6: {
      const whole = Number(value)
      view.setUint16(at, whole / 0x1_0000_0000)
      view.setUint32(at + 2, whole)
      return
    }
    case 8: return view.setBigUint64(at, value)
    case 16:
      view.setBigUint64(at, value >> 64n)
      view.setBigUint64(at + 8, value)
      return
    default:
      for (let i = bytes - 1, left = value; i >= 0; i--, left >>= 8n) view.setUint8(at + i, Number(left & 0xffn))
  }
}

/** The errors that differ between a match and a set-field action. */
export interface OxmErrors { readonly unknown: ErrorName; readonly length: ErrorName }
const MATCH_ERRORS: OxmErrors = { unknown: 'OFPBMC_BAD_FIELD', length: 'OFPBMC_BAD_LEN' }

/** The TLV at `at`; null for one that is unknown, in loose reading only. Leaves r.at behind it. */
export function readOxm(r: Reader, at: number, end: number, errors: OxmErrors): FieldValue | null {
  if (end - at < TLV_HEADER) throw new Fault(errors.length, `${end - at} bytes are too few for an OXM header`)
  const header = r.view.getUint32(at)
  const payload = header & 0xff
  const masked = (header & 0x100) !== 0
  const start = at + TLV_HEADER
  const row = fieldOfHeader(header, r.version)
  if (payload > end - start) throw new Fault(errors.length, `OXM 0x${header.toString(16)} has ${payload} bytes, ${end - start} are left`)
  r.at = start + payload
  if (row === undefined) {
    if (r.loose) return null
    throw new Fault(errors.unknown, `unknown OXM 0x${header.toString(16).padStart(8, '0')}`)
  }
  if (payload !== (masked ? 2 * row.bytes : row.bytes)) throw new Fault(errors.length, `${row.name} has ${payload} bytes`)
  return {
    field: row.name,
    value: readValue(r.view, start, row.bytes),
    mask: masked ? readValue(r.view, start + row.bytes, row.bytes) : null,
  }
}

export function fieldOfHeader(header: number, version: number): OxmField | undefined {
  if (header >>> 16 !== OXM_CLASS_BASIC) return undefined
  const row = OXM_BY_NUMBER.get((header >>> 9) & 0x7f)
  return row !== undefined && (version === 1 || version >= row.first) ? row : undefined
}

export function writeOxm(w: Writer, { field, value, mask }: FieldValue): void {
  const row = OXM[field]
  if (w.version !== 1 && w.version < row.first) throw new Unencodable('oxm', field, w.version, 'the version has no such field')
  if (value < 0n || value > row.ones) throw new Unencodable('oxm', field, w.version, `value 0x${value.toString(16)}`)
  const payload = mask === null ? row.bytes : 2 * row.bytes
  const at = w.reserve(TLV_HEADER + payload)
  w.view.setUint32(at, (OXM_CLASS_BASIC << 16 | row.number << 9 | (mask === null ? 0 : 0x100) | payload) >>> 0)
  writeValue(w.view, at + TLV_HEADER, row.bytes, value)
  if (mask !== null) writeValue(w.view, at + TLV_HEADER + row.bytes, row.bytes, mask & row.ones)
}

/**
 * ofp_match since 1.2, padded to 8 bytes. `told` and `asked`: a packet's metadata, where prerequisites do not apply; what
 * else a packet-in has is skipped, what else a packet-out has is refused.
 */
function matchCodec(kind: 'flow' | 'told' | 'asked'): Codec<Match> {
  return {
    empty: EMPTY_MATCH,
    decode(r, at, end) {
      if (end - at < TLV_HEADER) throw new Fault('OFPBMC_BAD_LEN', `${end - at} bytes are too few for a match`)
      const type = r.view.getUint16(at)
      const length = r.view.getUint16(at + 2)
      const padded = (length + 7) & ~7
      if (length < TLV_HEADER || padded > end - at) throw new Fault('OFPBMC_BAD_LEN', `the match says it has ${length} bytes`)
      if (type !== OFPMT_OXM) throw new Fault('OFPBMC_BAD_TYPE', `match type ${type}`)
      const fields: FieldValue[] = []
      const stop = at + length
      const wasLoose = r.loose
      r.loose ||= kind === 'told'
      r.at = at + TLV_HEADER
      while (r.at < stop) {
        const field = readOxm(r, r.at, stop, MATCH_ERRORS)
        if (field !== null) fields.push(field)
      }
      r.loose = wasLoose
      r.at = at + padded
      const match = kind === 'flow' ? strictMatch(fields) : pipelineFields(fields, kind === 'asked')
      r.matchProto = protocolOf(match)
      return match
    },
    encode(w, match) {
      const start = w.reserve(TLV_HEADER)
      w.view.setUint16(start, OFPMT_OXM)
      w.matchVlan = false
      for (const field of match) {
        if (field.field === 'vlan_vid') w.matchVlan = (field.value & 0x1000n) !== 0n
        // The match that is told gets wider.
        if (w.lossy && w.version < OXM[field.field].first) continue
        writeOxm(w, field)
      }
      w.patchLength(start + 2, w.at - start, 'ofp_match')
      w.align(start, 8)
    },
  }
}

export const oxmMatch: Codec<Match> = matchCodec('flow')
export const pipelineMatch: Codec<Match> = matchCodec('told')
export const packetOutMatch: Codec<Match> = matchCodec('asked')

function strictMatch(fields: readonly FieldValue[]): Match {
  const result = canonicalMatch(fields)
  if ('error' in result) throw new Fault(result.error, result.reason)
  // The canonical order puts every prerequisite first; only a match in another order can break the rule.
  const fault = result.match === fields || isAscending(fields) ? null : orderFault(fields)
  if (fault !== null) throw new Fault('OFPBMC_BAD_PREREQ', fault)
  return result.match
}

function isAscending(fields: readonly FieldValue[]): boolean {
  let last = -1
  for (const { field } of fields) {
    if (OXM[field].number < last) return false
    last = OXM[field].number
  }
  return true
}

const PIPELINE: readonly OxmName[] = ['in_port', 'in_phy_port', 'metadata', 'tunnel_id', 'actset_output', 'packet_type']

/** The fields that describe where a packet is in the pipeline. OF 1.3.5 §7.4.1, OF 1.5.1 §7.3.6. */
function pipelineFields(fields: readonly FieldValue[], strict: boolean): Match {
  const kept = fields.filter(({ field }) => PIPELINE.includes(field))
  if (strict && kept.length < fields.length) throw new Fault('OFPBRC_PIPELINE_FIELDS_ONLY', 'a header field in the match of a packet-out')
  const result = canonicalMatch(kept)
  if ('error' in result) throw new Fault(result.error, result.reason)
  return result.match
}

export function protocolOf(match: Match): number {
  for (const { field, value } of match) if (field === 'ip_proto') return Number(value)
  return -1
}
