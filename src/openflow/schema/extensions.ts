/**
 * Experimenter messages whose body we know: on the wire they are OFPT_EXPERIMENTER with the id and type of a row, in the
 * model they are messages like others. OF 1.3.5 §7.5.4
 */
import type { Codec, Reader } from '../buffer.js'
import { compile } from '../compile.js'
import type { Layout } from '../layout.js'
import type { Message, MessageType } from '../model.js'
import type { Range } from '../versions.js'

export interface ExtensionRow {
  readonly type: MessageType
  readonly experimenter: number
  readonly expType: number
  readonly versions: Range
  readonly body: Codec<Message>
}

/** The body that a layout describes. */
export function declared<T extends Message>(form: Layout<T>): Codec<Message> {
  return {
    empty: { type: 'features_request' },
    decode: (r, at, end) => compile(form, r.version).decode(r, at, end),
    encode: (w, message) => compile(form, w.version).encode(w, message as T),
  }
}

const EXPERIMENTER_HEADER = 8

/** The row of the experimenter message whose body is there; undefined where we do not know it. */
export function extensionAt(rows: readonly ExtensionRow[], r: Reader, at: number, end: number): ExtensionRow | undefined {
  if (end - at < EXPERIMENTER_HEADER) return undefined
  const [experimenter, expType] = [r.view.getUint32(at), r.view.getUint32(at + 4)]
  return rows.find((row) => row.experimenter === experimenter && row.expType === expType)
}
