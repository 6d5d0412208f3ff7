/** The two controller headers by name: P4Info says which fields they have, packets carry ids. P4RT 1.4 §16.1 */
import { fromBytes } from '../p4info/index.js'
import type { ControllerHeaderInfo, P4InfoIndex, ValueInfo } from '../p4info/index.js'
import type { p4 } from '../p4proto/generated.js'
import { encodeValue } from './encode.js'
import type { Encoded } from './encode.js'
import type { TargetPacketIn } from './southbound.js'

const MOST_KNOWN = 1024
const NO_BYTES = new Uint8Array(0)

export class PacketIo {
  readonly #in: ReadonlyMap<number, ValueInfo>
  readonly #out: ControllerHeaderInfo | null
  /** Fields as they are sent, by value: ports and directives are few. */
  readonly #encoded = new Map<ValueInfo, Map<bigint, p4.v1.IPacketMetadata>>()

  constructor(index: P4InfoIndex) {
    this.#in = new Map((index.controllerHeaders.get('packet_in')?.fields ?? []).map((field) => [field.id, field]))
    this.#out = index.controllerHeaders.get('packet_out') ?? null
  }

  decode(packet: p4.v1.IPacketIn): TargetPacketIn {
    const metadata: Record<string, bigint> = {}
    for (const { metadataId, value } of packet.metadata ?? []) {
      const field = this.#in.get(metadataId ?? 0)
      if (field !== undefined) metadata[field.name] = fromBytes(value ?? NO_BYTES)
    }
    return { payload: packet.payload ?? new Uint8Array(0), metadata }
  }

  /** Every field of the header is sent; what `metadata` leaves out is 0. */
  encode(payload: Uint8Array, metadata: Readonly<Record<string, bigint>>): Encoded<p4.v1.IPacketOut> {
    const header = this.#out
    if (header === null) return { ok: false, reason: 'the program has no packet_out header' }
    for (const name in metadata) {
      if (!header.fieldByName.has(name)) return { ok: false, reason: `the packet_out header has no field '${name}'` }
    }
    const fields: p4.v1.IPacketMetadata[] = []
    for (const field of header.fields) {
      const given = metadata[field.name] ?? 0n
      let known = this.#encoded.get(field)
      if (known === undefined) this.#encoded.set(field, known = new Map())
      let encoded = known.get(given)
      if (encoded === undefined) {
        const value = encodeValue(given, field, `field '${field.name}' of packet_out`)
        if (!value.ok) return value
        encoded = { metadataId: field.id, value: value.value }
        if (known.size < MOST_KNOWN) known.set(given, encoded)
      }
      fields.push(encoded)
    }
    return { ok: true, value: { payload, metadata: fields } }
  }
}
