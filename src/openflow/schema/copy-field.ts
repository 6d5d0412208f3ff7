/**
 * Copies of bits from field to field: OFPAT_COPY_FIELD of 1.5, Open vSwitch's NXAST_REG_MOVE before it, and EXT-320 of the ONF
 * in 1.3. They differ in where the numbers and the two ids stand. OF 1.5.1 §7.2.6.12
 *
 * The text says no error for bits that a field has not; Open vSwitch answers OFPBAC_BAD_SET_LEN.
 */
import type { Reader, Writer } from '../buffer.js'
import { Fault } from '../fault.js'
import type { Action, ErrorName, OxmName } from '../model.js'
import { fieldOfHeader } from '../oxm-codec.js'
import type { ActionRow } from './actions.js'
import { fieldOfNxm, nxmHeader } from './nicira-match.js'
import { writeOxmId } from './oxm-ids.js'
import { OXM } from './oxm.js'

export type CopyField = Extract<Action, { type: 'copy_field' }>

const ONF = 0x4f4e4600
const ONF_COPY_FIELD = 3200
const OF13 = 4, OF15 = 6
/** Experimenter, type and padding. */
const ONF_HEADER = 8
/** The three numbers, and padding to the ids. */
const NUMBERS = 8
const REG_MOVE = 6
const REG_MOVE_SIZE = 14

/** Bits of a field that can be copied; vlan_vid as a destination has no OFPVID_PRESENT. */
export const copiedBits = (field: OxmName, isDestination: boolean): number => field === 'vlan_vid' && isDestination ? 12 : OXM[field].bits

function checked(copy: CopyField, unwritable: ErrorName): CopyField {
  const { bits, srcOffset, dstOffset, src, dst } = copy
  if (bits === 0 || srcOffset + bits > copiedBits(src, false) || dstOffset + bits > copiedBits(dst, true)) {
    throw new Fault('OFPBAC_BAD_SET_LEN', `${bits} bits from ${src}[${srcOffset}] to ${dst}[${dstOffset}]`)
  }
  // Metadata is no header field, but a copy may be to a pipeline field. OF 1.5.1 §5.8
  if (!OXM[dst].writable && dst !== 'metadata') throw new Fault(unwritable, `${dst} cannot be set`)
  return copy
}

function readStandard(r: Reader, at: number, end: number, more: Pick<CopyField, 'onf'>): CopyField {
  const { view } = r
  const field = (start: number): OxmName => {
    const row = start + 4 <= end ? fieldOfHeader(view.getUint32(start), r.version) : undefined
    if (row === undefined || (view.getUint32(start) & 0x1ff) !== row.bytes) throw new Fault('OFPBAC_BAD_SET_TYPE', 'a field of copy_field')
    return row.name
  }
  if (end - at < NUMBERS) throw new Fault('OFPBAC_BAD_LEN', `${end - at} bytes are too few for a copy_field`)
  const [bits, srcOffset, dstOffset] = [view.getUint16(at), view.getUint16(at + 2), view.getUint16(at + 4)]
  const [src, dst] = [field(at + NUMBERS), field(at + NUMBERS + 4)]
  if (end - (at + NUMBERS + 8) >= 8) throw new Fault('OFPBAC_BAD_LEN', 'more than two fields in a copy_field')
  r.at = end
  return checked({ type: 'copy_field', bits, srcOffset, dstOffset, src, dst, ...more }, 'OFPBAC_BAD_SET_TYPE')
}

function writeStandard(w: Writer, action: CopyField): void {
  const at = w.reserve(NUMBERS)
  w.view.setUint16(at, action.bits)
  w.view.setUint16(at + 2, action.srcOffset)
  w.view.setUint16(at + 4, action.dstOffset)
  writeOxmId(w, action.src)
  writeOxmId(w, action.dst)
}

export const copyField: ActionRow = {
  key: 'copy_field', codes: { '1.0-1.4': { nicira: REG_MOVE }, '1.5+': 28 },
  decode(r, at, end, out) {
    const copy = r.version >= OF15 ? readStandard(r, at, end, {}) : readRegMove(r, at, end)
    r.at = end
    if (copy !== null) out.push(copy)
  },
  encode(w, action) {
    if (action.type !== 'copy_field') return
    if (w.version >= OF15) writeStandard(w, action)
    else writeRegMove(w, action)
  },
}

/** null: of a field that has no name in the model, such as a register; the switch refuses it. */
export function readRegMove(r: Reader, at: number, end: number): CopyField | null {
  const { view } = r
  if (end - at !== REG_MOVE_SIZE) return null
  const [src, dst] = [fieldOfNxm(view.getUint32(at + 6)), fieldOfNxm(view.getUint32(at + 10))]
  if (src === null || dst === null) return null
  return checked({ type: 'copy_field', bits: view.getUint16(at), srcOffset: view.getUint16(at + 2), dstOffset: view.getUint16(at + 4), src, dst }, 'OFPBAC_BAD_SET_ARGUMENT')
}

/** NXM in 1.0, OXM in later versions and where NXM has no word. Open vSwitch reads either in all versions. */
function writeRegMove(w: Writer, action: CopyField): void {
  const at = w.reserve(REG_MOVE_SIZE)
  w.view.setUint16(at, action.bits)
  w.view.setUint16(at + 2, action.srcOffset)
  w.view.setUint16(at + 4, action.dstOffset)
  w.view.setUint32(at + 6, nxmHeader(action.src, w.version))
  w.view.setUint32(at + 10, nxmHeader(action.dst, w.version))
}

export const isOnfCopy = (r: Reader, experimenter: number, at: number, end: number): boolean =>
  experimenter === ONF && r.version === OF13 && end - at >= 4 + ONF_HEADER && r.view.getUint16(at + 8) === ONF_COPY_FIELD

/** `at`: of the experimenter id. */
export const readOnfCopy = (r: Reader, at: number, end: number): CopyField => readStandard(r, at + ONF_HEADER, end, { onf: true })

export function writeOnfCopy(w: Writer, action: CopyField): void {
  const at = w.reserve(ONF_HEADER)
  w.view.setUint32(at, ONF)
  w.view.setUint16(at + 4, ONF_COPY_FIELD)
  writeStandard(w, action)
}
