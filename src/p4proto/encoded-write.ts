/**
 * A WriteRequest in its encoded form. A service that only hands it on takes the bytes; to any other it is the request, which
 * is decoded when one of its fields is asked for. P4RT 1.4 §12
 */
import { p4 } from './generated.js'

/** One update: a field `updates` of a WriteRequest, in a chunk with others. */
export interface EncodedUpdate { readonly chunk: Uint8Array; readonly start: number; readonly end: number }

const ATOMICITY_TAG = 5 << 3
/** Of `updates` in WriteRequest. */
export const UPDATES_FIELD = 4

export class EncodedWrite implements p4.v1.IWriteRequest {
  /** In a buffer of its own; whoever sends them may hand that over, and then nothing is left to be decoded. */
  readonly bytes: Uint8Array<ArrayBuffer>
  #decoded: p4.v1.WriteRequest | null = null

  /** `head`: the encoded fields that all requests of a client have. `atomicity` below 128. */
  constructor(head: Uint8Array, updates: readonly EncodedUpdate[], atomicity: p4.v1.WriteRequest.Atomicity) {
    let size = head.length + (atomicity === 0 ? 0 : 2)
    for (const { start, end } of updates) size += end - start
    const bytes = this.bytes = new Uint8Array(size)
    bytes.set(head)
    let at = head.length
    for (let index = 0; index < updates.length;) {
      // Those that were encoded one after another are copied together.
      const { chunk, start } = updates[index] as EncodedUpdate
      let { end } = updates[index] as EncodedUpdate
      for (index++; index < updates.length; index++) {
        const next = updates[index] as EncodedUpdate
        if (next.chunk !== chunk || next.start !== end) break
        end = next.end
      }
      bytes.set(chunk.subarray(start, end), at)
      at += end - start
    }
    if (atomicity !== 0) bytes.set([ATOMICITY_TAG, atomicity], at)
  }

  /** As it has come from a client, of which nothing has been looked at yet. */
  static received(bytes: Uint8Array): EncodedWrite { return new EncodedWrite(bytes, [], 0) }

  get deviceId(): p4.v1.WriteRequest['deviceId'] { return this.#request.deviceId }
  get roleId(): p4.v1.WriteRequest['roleId'] { return this.#request.roleId }
  get role(): p4.v1.WriteRequest['role'] { return this.#request.role }
  get electionId(): p4.v1.IUint128 | null { return this.#request.electionId ?? null }
  get updates(): p4.v1.IUpdate[] { return this.#request.updates }
  get atomicity(): p4.v1.WriteRequest['atomicity'] { return this.#request.atomicity }

  get #request(): p4.v1.WriteRequest { return this.#decoded ??= p4.v1.WriteRequest.decode(this.bytes) }
}

/** Where encoded updates are kept until they are sent: many in one piece of memory, which goes with the last of them. */
export class UpdateChunks {
  #chunk = new Uint8Array(0)
  #at = 0

  /** A copy. */
  add(bytes: Uint8Array, start: number, end: number): EncodedUpdate {
    const length = end - start
    if (this.#chunk.length - this.#at < length) {
      this.#chunk = new Uint8Array(Math.max(CHUNK_BYTES, length))
      this.#at = 0
    }
    const at = this.#at
    this.#chunk.set(bytes.subarray(start, end), at)
    this.#at = at + length
    return { chunk: this.#chunk, start: at, end: this.#at }
  }
}
const CHUNK_BYTES = 64 * 1024
