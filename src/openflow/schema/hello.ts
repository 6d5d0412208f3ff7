/** Hello and error, whose forms are read across versions. OF 1.3.5 §7.5.1 (hello elements), §7.4.4 (errors). */
import type { Codec, Writer } from '../buffer.js'
import { Fault } from '../fault.js'
import type { ErrorMessage, Hello, PeerError } from '../model.js'
import { errorNumbers } from './errors.js'

const VERSION_BITMAP = 1
const ELEMENT_HEADER = 4

/** The header's version counts when no bitmap is given: every version up to it. Unknown elements are skipped. */
export const hello: Codec<Hello> = {
  empty: { type: 'hello', versions: [], hasBitmap: false },
  decode(r, at, end) {
    const upTo = r.version
    r.at = end
    while (end - at >= ELEMENT_HEADER) {
      const type = r.view.getUint16(at)
      const length = r.view.getUint16(at + 2)
      if (length < ELEMENT_HEADER || length > end - at) break
      if (type === VERSION_BITMAP && length >= ELEMENT_HEADER + 4 && length % 4 === 0) {
        const versions: number[] = []
        for (let word = 0; word < (length - ELEMENT_HEADER) / 4; word++) {
          const map = r.view.getUint32(at + ELEMENT_HEADER + 4 * word)
          for (let bit = 0; bit < 32; bit++) if ((map >>> bit & 1) === 1) versions.push(32 * word + bit)
        }
        return { type: 'hello', versions, hasBitmap: true }
      }
      at += (length + 7) & ~7
    }
    return { type: 'hello', versions: Array.from({ length: upTo }, (_, index) => index + 1), hasBitmap: false }
  },
  encode(w, message) {
    if (!message.hasBitmap) return
    const words = Math.floor(Math.max(0, ...message.versions) / 32) + 1
    const start = w.reserve(ELEMENT_HEADER + 4 * words)
    w.view.setUint16(start, VERSION_BITMAP)
    w.view.setUint16(start + 2, ELEMENT_HEADER + 4 * words)
    for (const version of message.versions) {
      const at = start + ELEMENT_HEADER + 4 * (version >>> 5)
      w.view.setUint32(at, (w.view.getUint32(at) | 1 << (version & 31)) >>> 0)
    }
    w.align(start, 8)
  },
}

const MAX_DATA = 0xffff - 8 - 12

export const error: Codec<PeerError> = {
  empty: { type: 'peer_error', errorType: 0, code: 0, data: new Uint8Array(0) },
  decode(r, at, end) {
    if (end - at < 4) throw new Fault('OFPBRC_BAD_LEN', 'an error without type and code')
    r.at = end
    return { type: 'peer_error', errorType: r.view.getUint16(at), code: r.view.getUint16(at + 2), data: r.bytes.subarray(at + 4, end) }
  },
  encode(w, { errorType, code, data }) {
    putNumbers(w, errorType, code)
    w.append(data.subarray(0, MAX_DATA))
  },
}

export function encodeError(w: Writer, message: ErrorMessage): void {
  const { type, code, experimenter, vendor } = errorNumbers(message.name, w.version)
  putNumbers(w, type, code)
  if (experimenter !== undefined) w.u32(experimenter)
  if (vendor !== undefined) putNumbers(w, ...vendor)
  w.append(message.data.subarray(0, MAX_DATA))
}

function putNumbers(w: Writer, type: number, code: number): void {
  const at = w.reserve(4)
  w.view.setUint16(at, type)
  w.view.setUint16(at + 2, code)
}
