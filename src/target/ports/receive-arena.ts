/**
 * Memory for one recvmmsg(2) call: message headers, their vectors, names and control buffers, and room for frames, in one
 * ArrayBuffer whose address the kernel is given. All sockets of a driver share it, because receiving is synchronous.
 * The layouts are those of 64-bit Linux (recvmmsg(2), packet(7), cmsg(3)).
 */
import { type Libc, Msg, Opt } from './libc.js'
import { VNET_HEADER_SIZE } from './offload.js'

const MMSGHDR = 64 // msghdr of 56 bytes, msg_len, padding
const IOVEC = 16
const NAME = 24 // sockaddr_ll of 20 bytes
const CONTROL = 64
const AUXDATA_AT = 16 // behind the cmsghdr
const AUXDATA_SIZE = 20
const PACKET_OUTGOING = 4
const STATUS_VLAN_VALID = 1 << 4
const STATUS_VLAN_TPID_VALID = 1 << 6

export const BATCH = 32
/** The largest segment a sender hands over (64 KiB of IP) with its Ethernet header and tags. */
const FRAME_SIZE = 65536 + 64

export interface ReceivedFrame {
  /** Of the virtio_net_hdr, in `bytes`; the frame is behind it. */
  headerAt: number
  frameAt: number
  frameSize: number
  truncated: boolean
  outgoing: boolean
  /** The tag that the kernel has taken off, or −1. */
  tci: number
  tpid: number
}

export class ReceiveArena {
  readonly bytes: Uint8Array
  readonly #view: DataView
  readonly #address: bigint
  readonly #libc: Libc
  readonly #slot = VNET_HEADER_SIZE + FRAME_SIZE
  readonly #names = BATCH * (MMSGHDR + IOVEC)
  readonly #controls = this.#names + BATCH * NAME
  readonly #data = this.#controls + BATCH * CONTROL
  /** Filled anew by each read(); one object, so that reading makes no garbage. */
  readonly #current: ReceivedFrame = { headerAt: 0, frameAt: 0, frameSize: 0, truncated: false, outgoing: false, tci: -1, tpid: 0 }

  constructor(libc: Libc) {
    this.#libc = libc
    const buffer = new ArrayBuffer(this.#data + BATCH * this.#slot)
    this.bytes = new Uint8Array(buffer)
    this.#view = new DataView(buffer)
    this.#address = libc.addressOf(this.bytes)
    for (let i = 0; i < BATCH; i++) {
      const header = i * MMSGHDR
      const vector = BATCH * MMSGHDR + i * IOVEC
      this.#pointer(header, this.#names + i * NAME)
      this.#pointer(header + 16, vector)
      this.#view.setUint32(header + 24, 1, true)
      this.#pointer(header + 32, this.#controls + i * CONTROL)
      this.#pointer(vector, this.#data + i * this.#slot)
      this.#view.setUint32(vector + 8, this.#slot, true)
      this.#reset(i)
    }
  }

  /** Up to BATCH frames from a non-blocking socket: their number, or −1 (errno). */
  receive(fd: number): number {
    return this.#libc.recvmmsg(fd, this.#address, BATCH, Msg.DONTWAIT | Msg.TRUNC, null)
  }

  /** Frame `i` of the last receive; good until the next read(). To be called once for each frame, which readies its slot again. */
  read(i: number): ReceivedFrame {
    const view = this.#view
    const header = i * MMSGHDR
    const name = this.#names + i * NAME
    const current = this.#current
    const size = view.getUint32(header + 56, true)
    current.headerAt = this.#data + i * this.#slot
    current.frameAt = current.headerAt + VNET_HEADER_SIZE
    current.frameSize = size - VNET_HEADER_SIZE
    current.truncated = (view.getUint32(header + 48, true) & Msg.TRUNC) !== 0 || size > this.#slot
    current.outgoing = view.getUint8(name + 10) === PACKET_OUTGOING
    this.#readTag(i, view.getUint32(header + 40, true), current)
    this.#reset(i)
    return current
  }

  #readTag(i: number, controlSize: number, current: ReceivedFrame): void {
    const view = this.#view
    const at = this.#controls + i * CONTROL
    current.tci = -1
    if (controlSize < AUXDATA_AT + AUXDATA_SIZE) return
    if (view.getInt32(at + 8, true) !== Opt.SOL_PACKET || view.getInt32(at + 12, true) !== Opt.PACKET_AUXDATA) return
    const status = view.getUint32(at + AUXDATA_AT, true)
    const tci = view.getUint16(at + AUXDATA_AT + 16, true)
    if ((status & STATUS_VLAN_VALID) === 0 && tci === 0) return
    current.tci = tci
    current.tpid = status & STATUS_VLAN_TPID_VALID ? view.getUint16(at + AUXDATA_AT + 18, true) : 0x8100
  }

  /** The kernel overwrites the sizes that say how much room there is. */
  #reset(i: number): void {
    this.#view.setUint32(i * MMSGHDR + 8, NAME, true)
    this.#view.setUint32(i * MMSGHDR + 40, CONTROL, true)
    this.#view.setUint32(i * MMSGHDR + 48, 0, true)
  }

  #pointer(at: number, target: number): void {
    this.#view.setBigUint64(at, this.#address + BigInt(target), true)
  }
}
