/**
 * Experimenter messages and statistics: an id, a type since 1.1, and bytes that only the experimenter knows.
 * OF 1.0 §5.5.4, OF 1.3.5 §7.5.4. OF 1.0 has no type field; there it is the first word of the body, where Open vSwitch's
 * extensions have theirs.
 */
import type { Codec } from '../buffer.js'
import { Fault } from '../fault.js'

export interface Experimenter { readonly experimenter: number; readonly expType: number; readonly body: Uint8Array }

export const experimenterBody: Codec<Experimenter> = {
  empty: { experimenter: 0, expType: 0, body: new Uint8Array(0) },
  decode(r, at, end) {
    if (end - at < (r.version === 1 ? 4 : 8)) throw new Fault('OFPBRC_BAD_LEN', `${end - at} bytes are too few for an experimenter header`)
    const typed = end - at >= 8
    r.at = end
    return {
      experimenter: r.view.getUint32(at), expType: typed ? r.view.getUint32(at + 4) : 0, body: r.bytes.subarray(typed ? at + 8 : at + 4, end),
    }
  },
  encode(w, value) {
    const at = w.reserve(8)
    w.view.setUint32(at, value.experimenter)
    w.view.setUint32(at + 4, value.expType)
    w.append(value.body)
  },
}
