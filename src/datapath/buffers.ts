/**
 * Packets that are kept while a controller has only seen their beginning, for a packet-out or a flow-mod that names them.
 * OF 1.3.5 §6.1.2, §7.3.4.1, §7.3.7, §7.4.1. A configured number of them is kept, the oldest gives way; 0, the default, is none.
 */
import type { ErrorName } from '../openflow/index.js'

export interface Buffered { readonly inPort: number; readonly data: Uint8Array }

/** Below OFP_NO_BUFFER. */
const LAST_ID = 0x7fff_ffff

export class PacketBuffers {
  readonly size: number
  /** In the order in which they came; null once used. */
  readonly #packets = new Map<number, Buffered | null>()
  #lastId = 0

  constructor(size: number) { this.size = size }

  /** The id under which the packet is kept. */
  keep(packet: Buffered): number {
    this.#lastId = this.#lastId >= LAST_ID ? 1 : this.#lastId + 1
    this.#packets.set(this.#lastId, packet)
    const [oldest] = this.#packets.keys()
    if (this.#packets.size > this.size && oldest !== undefined) this.#packets.delete(oldest)
    return this.#lastId
  }

  /** The packet, or what is wrong with asking for it. */
  find(id: number): Buffered | ErrorName {
    const packet = this.#packets.get(id)
    return packet === undefined ? 'OFPBRC_BUFFER_UNKNOWN' : packet ?? 'OFPBRC_BUFFER_EMPTY'
  }

  /** A packet leaves its buffer once. */
  use(id: number): void { if (this.#packets.has(id)) this.#packets.set(id, null) }
}
