/** The two controller headers by name: P4Info says which fields they have, packets carry ids. P4RT 1.4 §16.1 */
import { fromBytes } from '../p4info/index.js'
import type { ControllerHeaderInfo, P4InfoIndex, ValueInfo } from '../p4info/index.js'
import type { p4 } from '../p4proto/generated.js'
import { encodeValue } from './encode.js'
import type { Encoded } from './encode.js'
import type { TargetPacketIn } from './southbound.js'

export class PacketIo {
  readonly #in: ReadonlyMap<number, ValueInfo>
  readonly #out: ControllerHeaderInfo | null

  constructor(index: P4InfoIndex) {
    this.#in = new Map((index.controllerHeaders.get('packet_in')?.fields ?? []).map((field) => [field.id, field]))
    this.#out = index.controllerHeaders.get('packet_out') ?? null
  }

  decode(packet: p4.v1.IPacketIn): TargetPacketIn {
    const metadata: Record<string, bigint> = {}
    for (const { metadataId, value } of packet.metadata ?? []) {
      const field = this.#in.get(metadataId ?? 0)
      if (field !== undefined) metadata[field.name] = fromBytes(value ?? new Uint8Array(0))
    }
    return { payload: packet.payload ?? new Uint8Array(0), metadata }
  }

  /** Every field of the header is sent; what `metadata` leaves out is 0. */
  encode(payload: Uint8Array, metadata: Readonly<Record<string, bigint>>): Encoded<p4.v1.IPacketOut> {
    const header = this.#out
    if (header === null) return { ok: false, reason: 'the program has no packet_out header' }
    for (const name of Object.keys(metadata)) {
      if (!header.fieldByName.has(name)) return { ok: false, reason: `the packet_out header has no field '${name}'` }
    }
    const fields: p4.v1.IPacketMetadata[] = []
    for (const field of header.fields) {
      const value = encodeValue(metadata[field.name] ?? 0n, field, `field '${field.name}' of packet_out`)
      if (!value.ok) return value
      fields.push({ metadataId: field.id, value: value.value })
    }
    return { ok: true, value: { payload, metadata: fields } }
  }
}
