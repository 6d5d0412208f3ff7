/**
 * Open vSwitch's extension actions that say, in any version, what the model has a word for: a field loaded in whole or in
 * part, the tunnel's id, a TTL counted down. Whatever else there is
 * (registers, resubmit in the middle of a list, learn, …) stays an opaque action, which the switch refuses.
 */
import type { Reader, Writer } from '../buffer.js'
import { Fault } from '../fault.js'
import type { Action, OxmName } from '../model.js'
import { readOxm } from '../oxm-codec.js'
import { copiedBits, readRegMove } from './copy-field.js'
import { fieldOfNxm, nxmHeader } from './nicira-match.js'
import { OXM } from './oxm.js'

const SUBTYPE = { SET_TUNNEL: 2, REG_MOVE: 6, REG_LOAD: 7, SET_TUNNEL64: 9, DEC_TTL_CNT_IDS: 21, REG_LOAD2: 33 } as const
/** NXM_OF_IP_TOS, of which the DSCP is the upper six bits, and NXM_NX_IP_TTL. */
const NXM_IP_TOS = 0x00000a01
const NXM_IP_TTL = 0x00013a01
/** The upper bits of a field are said by the version: what OXM counts as set is a statement about the packet. */
const isSettable = (field: OxmName): boolean => OXM[field].writable && field !== 'vlan_vid' && field !== 'vlan_pcp'

/** The action whose body (behind its subtype) is at `at`; null where it says something else. */
export function readNiciraAction(r: Reader, subtype: number, at: number, end: number): Action | null {
  const { view } = r
  const size = end - at
  switch (subtype) {
    case SUBTYPE.SET_TUNNEL: return size === 6 ? { type: 'set_field', field: 'tunnel_id', value: BigInt(view.getUint32(at + 2)), mask: null } : null
    case SUBTYPE.SET_TUNNEL64: return size === 14 ? { type: 'set_field', field: 'tunnel_id', value: view.getBigUint64(at + 6), mask: null } : null
    // In 1.5 too, beside the standard's own.
    case SUBTYPE.REG_MOVE: return readRegMove(r, at, end)
    case SUBTYPE.REG_LOAD: return size === 14 ? load(r, at) : null
    case SUBTYPE.REG_LOAD2: return r.version === 1 ? null : load2(r, at, end)
    case SUBTYPE.DEC_TTL_CNT_IDS:
      return size >= 14 && view.getUint16(at) === 1 && view.getUint16(at + 6) === 0 ? { type: 'dec_nw_ttl' } : null
    default: return null
  }
}

/** `bits` bits from bit `first` of a field. */
function load(r: Reader, at: number): Action | null {
  const place = r.view.getUint16(at)
  const header = r.view.getUint32(at + 2)
  const value = r.view.getBigUint64(at + 6)
  const [first, bits] = [place >> 6, (place & 0x3f) + 1]
  if (value >> BigInt(bits) !== 0n) throw new Fault('OFPBAC_BAD_ARGUMENT', `0x${value.toString(16)} in ${bits} bits`)
  if (header === NXM_IP_TTL && first === 0 && bits === 8) return { type: 'set_nw_ttl', ttl: Number(value) }
  if (header === NXM_IP_TOS) return first === 2 && bits === 6 ? { type: 'set_field', field: 'ip_dscp', value, mask: null } : null
  const field = fieldOfNxm(header)
  if (field === null || !OXM[field].writable && field !== 'metadata') return null
  if (first + bits > copiedBits(field, true)) throw new Fault('OFPBAC_BAD_SET_LEN', `${field} has ${copiedBits(field, true)} bits`)
  const mask = (1n << BigInt(bits)) - 1n << BigInt(first) | isTag(field)
  return { type: 'set_field', field, value: value << BigInt(first) | isTag(field), mask: mask === OXM[field].ones ? null : mask, load: true }
}
/** OFPVID_PRESENT, which OXM sets along with a VID. */
const isTag = (field: OxmName): bigint => field === 'vlan_vid' ? 0x1000n : 0n

/** The bits under a mask without gaps. */
export function writeLoad(w: Writer, { field, value, mask }: Extract<Action, { type: 'set_field' }>): void {
  const bits = (mask ?? OXM[field].ones) & ~isTag(field)
  const text = bits.toString(2)
  const first = text.length - 1 - text.lastIndexOf('1')
  const count = text.length - first
  const at = w.reserve(14)
  w.view.setUint16(at, first << 6 | count - 1)
  w.view.setUint32(at + 2, nxmHeader(field, 1))
  w.view.setBigUint64(at + 6, (value & bits) >> BigInt(first))
}

function load2(r: Reader, at: number, end: number): Action | null {
  const { loose } = r
  r.loose = true
  const given = readOxm(r, at, end, { unknown: 'OFPBAC_BAD_SET_TYPE', length: 'OFPBAC_BAD_SET_LEN' })
  r.loose = loose
  if (given === null || !isSettable(given.field)) return null
  const { ones } = OXM[given.field]
  const mask = given.mask === null || (given.mask & ones) === ones ? null : given.mask & ones
  if (given.value > ones || mask !== null && (given.value & ~mask) !== 0n) throw new Fault('OFPBAC_BAD_SET_ARGUMENT', `${given.field} cannot be 0x${given.value.toString(16)}`)
  return mask === 0n ? null : { type: 'set_field', field: given.field, value: given.value, mask }
}

export const { REG_LOAD, REG_LOAD2 } = SUBTYPE
