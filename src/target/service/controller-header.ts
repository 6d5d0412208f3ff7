/**
 * The controller headers packet_in and packet_out: between metadata by P4Info id and the packed header that the program
 * emits and parses. P4RT 1.4 §16.1
 */
import { fitsWidth, fromBytes, toCanonicalBytes } from '../../p4info/index.js'
import type { ControllerHeaderInfo } from '../../p4info/index.js'
import type { p4 } from '../../p4proto/generated.js'

export class ControllerHeader {
  readonly bytes: number
  private readonly info: ControllerHeaderInfo
  private readonly bits: bigint
  /** Where each field ends, in bytes, where all of them are whole bytes; else null. */
  private readonly ends: readonly number[] | null

  constructor(info: ControllerHeaderInfo) {
    this.info = info
    const bits = info.fields.reduce((sum, field) => sum + field.bitwidth, 0)
    this.bits = BigInt(bits)
    this.bytes = bits >>> 3
    let end = 0
    this.ends = info.fields.some(({ bitwidth }) => bitwidth % 8 !== 0) ? null : info.fields.map(({ bitwidth }) => (end += bitwidth >>> 3))
  }

  /** Null where the packet is too short to hold the header. */
  unpack(frame: Uint8Array): p4.v1.IPacketIn | null {
    if (frame.length < this.bytes) return null
    const { ends } = this
    if (ends !== null) {
      const metadata = this.info.fields.map(({ id, bitwidth }, index): p4.v1.IPacketMetadata => {
        const end = ends[index] ?? 0
        let begin = end - (bitwidth >>> 3)
        while (begin < end - 1 && frame[begin] === 0) begin++
        return { metadataId: id, value: frame.slice(begin, end) }
      })
      return { payload: frame.slice(this.bytes), metadata }
    }
    const header = fromBytes(frame.subarray(0, this.bytes))
    let below = this.bits
    const metadata = this.info.fields.map((field): p4.v1.IPacketMetadata => {
      below -= BigInt(field.bitwidth)
      return { metadataId: field.id, value: toCanonicalBytes(BigInt.asUintN(field.bitwidth, header >> below)) }
    })
    return { payload: frame.slice(this.bytes), metadata }
  }

  /** The fields by name, and what follows them; null where the frame is too short. */
  read(frame: Uint8Array): { readonly fields: Readonly<Record<string, bigint>>; readonly frame: Uint8Array } | null {
    const packet = this.unpack(frame)
    if (packet === null) return null
    const values = packet.metadata ?? []
    return { fields: Object.fromEntries(this.info.fields.map(({ name }, at) => [name, fromBytes(values[at]?.value ?? new Uint8Array(0))])), frame: frame.slice(this.bytes) }
  }

  /** As pack(), with fields by name; unknown names are left out. */
  write(fields: Readonly<Record<string, bigint>>, payload: Uint8Array): Uint8Array | null {
    const metadata = this.info.fields.flatMap(({ id, name }) => (fields[name] === undefined ? [] : [{ metadataId: id, value: toCanonicalBytes(fields[name]) }]))
    const packed = this.pack({ metadata, payload })
    return packed.ok ? packed.frame : null
  }

  /** The packet as the parser wants it, or why the metadata is wrong. Fields that are not given are 0. */
  pack(packet: p4.v1.IPacketOut): { readonly ok: true; readonly frame: Uint8Array } | { readonly ok: false; readonly reason: string } {
    const { ends } = this
    if (ends !== null) return this.packBytes(packet, ends)
    const given = new Map<number, bigint>()
    for (const { metadataId, value } of packet.metadata ?? []) {
      const field = this.info.fields.find(candidate => candidate.id === metadataId)
      if (field === undefined) return { ok: false, reason: `packet_out has no metadata field with id ${metadataId ?? 0}` }
      if (given.has(field.id)) return { ok: false, reason: `metadata field ${field.name} is given twice` }
      const number = fromBytes(value ?? new Uint8Array(0))
      if (!fitsWidth(number, field.bitwidth)) return { ok: false, reason: `the value of metadata field ${field.name} does not fit in ${field.bitwidth} bits` }
      given.set(field.id, number)
    }
    let header = 0n
    for (const field of this.info.fields) header = header << BigInt(field.bitwidth) | (given.get(field.id) ?? 0n)
    const payload = packet.payload ?? new Uint8Array(0)
    const frame = new Uint8Array(this.bytes + payload.length)
    for (let at = this.bytes - 1; at >= 0; at--, header >>= 8n) frame[at] = Number(header & 0xffn)
    frame.set(payload, this.bytes)
    return { ok: true, frame }
  }

  /** The same without numbers. */
  private packBytes(packet: p4.v1.IPacketOut, ends: readonly number[]): ReturnType<ControllerHeader['pack']> {
    const { fields } = this.info
    const payload = packet.payload ?? new Uint8Array(0)
    const frame = new Uint8Array(this.bytes + payload.length)
    const list = packet.metadata ?? []
    for (let index = 0; index < list.length; index++) {
      const { metadataId, value } = list[index] as p4.v1.IPacketMetadata
      const at = fields.findIndex(({ id }) => id === metadataId)
      const field = fields[at]
      if (field === undefined) return { ok: false, reason: `packet_out has no metadata field with id ${metadataId ?? 0}` }
      for (let before = 0; before < index; before++) {
        if (list[before]?.metadataId === metadataId) return { ok: false, reason: `metadata field ${field.name} is given twice` }
      }
      let to = ends[at] ?? 0
      const begin = to - (field.bitwidth >>> 3)
      let from = value?.length ?? 0
      while (from > 0 && to > begin) frame[--to] = value?.[--from] ?? 0
      while (from > 0) if (value?.[--from] !== 0) return { ok: false, reason: `the value of metadata field ${field.name} does not fit in ${field.bitwidth} bits` }
    }
    frame.set(payload, this.bytes)
    return { ok: true, frame }
  }
}
