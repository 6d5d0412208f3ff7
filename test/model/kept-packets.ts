/**
 * Packets that the switch keeps while a controller has only seen their beginning, by the numbers that it gives them: so many, the
 * oldest gives way, each leaves once. OF 1.3.5 §6.1.2, §7.3.7
 */
import { NO_BUFFER, type PacketIn } from '../../src/openflow/index.js'
import type { ModelPacket } from './packets.js'
import type { PlayedPacket } from './rig.js'
import type { SentPacketIn } from './switch.js'

/** OFPET_BAD_REQUEST with OFPBRC_BUFFER_EMPTY, BUFFER_UNKNOWN. OF 1.3.5 §7.4.4.2 */
const EMPTY = '1/7', UNKNOWN = '1/8'
/** Never given to a packet. */
const NO_SUCH = 0x7fff_fff0

interface Kept { readonly id: number; readonly inPort: number; /** null: it cannot be told which of several it is. */ readonly frame: Uint8Array | null; isUsed: boolean }

export class KeptPackets {
  readonly #size: number
  readonly #all: Kept[] = []

  constructor(size: number) { this.#size = size }

  /** The model's packet-ins and those of the switch, which come in the order of their ids. */
  keep(sent: readonly SentPacketIn[], told: readonly PacketIn[]): void {
    for (const { bufferId, data, totalLen, cookie } of told) {
      if (bufferId === NO_BUFFER) continue
      const possible = sent.filter((one) => one.cookie === cookie && one.frame.length === totalLen && data.every((byte, at) => one.frame[at] === byte))
      const [first] = possible
      const isClear = first !== undefined && possible.every(({ frame }) => Buffer.from(frame).equals(first.frame))
      this.#all.push({ id: bufferId, inPort: first?.inPort ?? 0, frame: isClear ? first.frame : null, isUsed: false })
    }
  }

  /** What a packet-out or flow-mod of a buffer is about, or the error that it meets. Uses the buffer. */
  named(packet: ModelPacket): { readonly kept: PlayedPacket | null; readonly refusal: string | null } {
    // Without buffers there is no number to name.
    if (this.#size === 0) return { kept: null, refusal: null }
    const known = [...this.#all].sort((a, b) => a.id - b.id)
    const chosen = known[(packet.buffer ?? 0) % Math.max(1, known.length)]
    if (chosen === undefined) return { kept: { ...packet, bufferId: NO_SUCH }, refusal: UNKNOWN }
    const { id, frame, inPort } = chosen
    const played = { ...packet, bufferId: id }
    if (known.indexOf(chosen) < known.length - this.#size) return { kept: played, refusal: UNKNOWN }
    if (chosen.isUsed) return { kept: played, refusal: EMPTY }
    if (frame === null) return { kept: null, refusal: null }
    chosen.isUsed = true
    return { kept: { ...played, frame, ...packet.flow === undefined ? {} : { inPort } }, refusal: null }
  }
}
