/**
 * OXM ids: headers without a value, as table features and port properties list fields. OF 1.3.5 §7.3.5.5.2.
 * Read more widely than the text: an id may say length 0.
 */
import type { Reader, Writer } from '../buffer.js'
import { Fault, Unencodable } from '../fault.js'
import type { OxmName } from '../model.js'
import type { OxmId } from '../model-properties.js'
import { fieldOfHeader, OXM_CLASS_BASIC } from '../oxm-codec.js'
import { inRange } from '../versions.js'
import { OXM } from './oxm.js'

const bad = (reason: string): Fault => new Fault('OFPTFFC_BAD_LEN', reason)
const OXM_EXPERIMENTER = 0xffff

export function readOxmIds(r: Reader, at: number, end: number): OxmId[] {
  const out: OxmId[] = []
  while (at < end) {
    if (end - at < 4) throw bad('an OXM id is cut off')
    const header = r.view.getUint32(at)
    const row = fieldOfHeader(header, r.version)
    if (row !== undefined) {
      const length = header & 0xff
      const maskable = (header & 0x100) !== 0
      if (length !== 0 && length !== row.bytes && !(maskable && length === 2 * row.bytes)) throw bad(`OXM id of ${row.name} says ${length} bytes`)
      out.push({ field: row.name, maskable })
    } else if (!r.loose) throw new Fault('OFPBMC_BAD_FIELD', `unknown OXM id 0x${header.toString(16).padStart(8, '0')}`)
    at += header >>> 16 === OXM_EXPERIMENTER ? 8 : 4
  }
  if (at !== end) throw bad('an OXM id is cut off')
  r.at = end
  return out
}

/** Fields that the version has not are left out: a table's features are told in the words there are. */
export function writeOxmIds(w: Writer, ids: readonly OxmId[]): void {
  for (const { field, maskable } of ids) if (inRange(OXM[field].since, w.version)) w.u32(headerOf(field, maskable))
}

/** The id of a field without a mask that an action refers to. */
export function writeOxmId(w: Writer, field: OxmName): void {
  if (!inRange(OXM[field].since, w.version)) throw new Unencodable('oxm_id', field, w.version, 'the version has no such field')
  w.u32(headerOf(field, false))
}

function headerOf(field: OxmName, maskable: boolean): number {
  const { number, bytes } = OXM[field]
  return (OXM_CLASS_BASIC << 16 | number << 9 | (maskable ? 0x100 | 2 * bytes : bytes)) >>> 0
}
