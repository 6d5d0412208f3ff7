/** From the text form of a P4Info to the generated message, with the defaults of proto3 filled in. */
import { p4 } from '../p4proto/generated.js'
import { parseTextFormat } from '../p4proto/text-format.js'

/** Throws TextFormatError. */
export function parseP4InfoMessage(text: string): p4.config.v1.P4Info {
  const value = parseTextFormat('p4.config.v1.P4Info', text)
  // Once over the wire: decoding makes full class instances at every depth.
  return p4.config.v1.P4Info.decode(p4.config.v1.P4Info.encode(value).finish())
}
