/**
 * The three ways in which the codec says no.
 * - WireError: the byte stream has lost its framing; the connection cannot go on.
 * - Unencodable: a message of ours has a value that the version of the channel cannot carry.
 * - Fault: inside the decoders only; decodeMessage turns it into a returned refusal. It is not an Error, because the
 *   stack of a peer's mistake tells nothing and costs more than the decoding.
 */
import type { ErrorName } from './model.js'
import { versionName } from './versions.js'

export type WireErrorCode = 'wire.badLength' | 'wire.unencodable'

export class WireError extends Error {
  readonly code: WireErrorCode
  constructor(code: WireErrorCode, message: string) {
    super(message)
    this.name = 'WireError'
    this.code = code
  }
}

export class Unencodable extends WireError {
  readonly structure: string
  readonly field: string
  readonly version: number
  constructor(structure: string, field: string, version: number, why: string) {
    super('wire.unencodable', `${structure}.${field} cannot be said in OpenFlow ${versionName(version)}: ${why}`)
    this.name = 'Unencodable'
    this.structure = structure
    this.field = field
    this.version = version
  }
}

export class Fault {
  readonly error: ErrorName
  readonly reason: string
  constructor(error: ErrorName, reason: string) {
    this.error = error
    this.reason = reason
  }
}
