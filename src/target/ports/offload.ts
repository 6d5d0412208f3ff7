/**
 * Finishes frames that a network stack left for hardware to finish. A sender on a veth pair, a tap device or behind GRO
 * hands over frames with half a checksum, and TCP or UDP segments of up to 64 KiB to be cut later. AF_PACKET tells with a
 * virtio_net_hdr (PACKET_VNET_HDR; virtio 1.2 §5.1.6.2); here the checksum is completed and the segments are cut, so that
 * the pipeline sees only what could be on a wire, and no offload of any interface has to be switched off.
 * Pure: bytes in, frames out.
 */
import { get16, get32, put16, put32 } from '../../packet/bytes.js'
import { crc32c, fold, internetChecksum, pseudoHeaderSum, sumWords } from '../../packet/checksum.js'
import { parseFrame, type ParsedFrame } from '../../packet/parse.js'
import { IpProto } from '../../packet/types.js'

export const VNET_HEADER_SIZE = 10
const NEEDS_CHECKSUM = 1
const GSO = { NONE: 0, TCPV4: 1, TCPV6: 4, UDP_L4: 5 } as const
/** Congestion was signalled: CWR belongs to the first segment only. */
const GSO_ECN = 0x80
const SCTP_CHECKSUM_OFFSET = 8

/** Offsets count from the start of the frame. */
export interface Offload {
  readonly flags: number; readonly gsoType: number; readonly gsoSize: number; readonly checksumStart: number; readonly checksumOffset: number
}

/** Reads the header in front of a frame; fields are in the machine's byte order (little-endian: see libc.ts). */
export function readOffload(b: Uint8Array, at: number): Offload {
  const get = (offset: number): number => b[at + offset]! | (b[at + offset + 1]! << 8)
  return { flags: b[at]!, gsoType: b[at + 1]! & ~GSO_ECN, gsoSize: get(4), checksumStart: get(6), checksumOffset: get(8) }
}

/** Completes a checksum whose field holds the sum of the pseudo header. False: the offsets make no sense. */
export function completeChecksum(frame: Uint8Array, offload: Offload): boolean {
  if ((offload.flags & NEEDS_CHECKSUM) === 0) return true
  const { checksumStart: start, checksumOffset: offset } = offload
  const field = start + offset
  if (start < 14 || field + 2 > frame.length) return false
  if (offset === SCTP_CHECKSUM_OFFSET && field + 4 <= frame.length && isSctp(frame, start)) {
    new DataView(frame.buffer, frame.byteOffset + field, 4).setUint32(0, crc32c(frame, start, frame.length, field), true)
    return true
  }
  const checksum = ~fold(sumWords(frame, start, frame.length)) & 0xffff
  // 0 would mean "none" to UDP, and is as good as 0xffff for the others.
  put16(frame, field, checksum === 0 ? 0xffff : checksum)
  return true
}

export const isSegmented = (offload: Offload): boolean => offload.gsoType !== GSO.NONE

/** Cuts an oversized frame as its sender's hardware would have. null: a kind that cannot be cut here (tunnels, IP fragmentation). */
export function segment(frame: Uint8Array, offload: Offload): Uint8Array[] | null {
  const p = parseFrame(frame)
  const size = offload.gsoSize
  if (size === 0 || (offload.checksumStart !== 0 && offload.checksumStart !== p.l4At)) return null
  const isTcp = (offload.gsoType === GSO.TCPV4 && p.l3 === 'ipv4') || (offload.gsoType === GSO.TCPV6 && p.l3 === 'ipv6')
  if (isTcp && p.l4 === 'tcp') return cut(frame, p, p.l4At + (frame[p.l4At + 12]! >> 4) * 4, size)
  if (offload.gsoType === GSO.UDP_L4 && p.l4 === 'udp') return cut(frame, p, p.l4At + 8, size)
  return null
}

function cut(frame: Uint8Array, p: ParsedFrame, payloadAt: number, size: number): Uint8Array[] {
  const segments: Uint8Array[] = []
  let index = 0
  for (let at = payloadAt; at < p.l3End || index === 0; at += size, index++) {
    const end = Math.min(at + size, p.l3End)
    const piece = new Uint8Array(payloadAt + end - at)
    piece.set(frame.subarray(0, payloadAt))
    piece.set(frame.subarray(at, end), payloadAt)
    if (p.l3 === 'ipv4') {
      put16(piece, p.l3At + 2, piece.length - p.l3At)
      put16(piece, p.l3At + 4, get16(frame, p.l3At + 4) + index)
      put16(piece, p.l3At + 10, 0)
      put16(piece, p.l3At + 10, internetChecksum(piece, p.l3At, p.l4At))
    } else put16(piece, p.l3At + 4, piece.length - p.l3At - 40)
    if (p.l4 === 'tcp') {
      put32(piece, p.l4At + 4, (get32(frame, p.l4At + 4) + at - payloadAt) >>> 0)
      // FIN and PSH end the data, CWR begins it.
      if (end < p.l3End) piece[p.l4At + 13]! &= ~0x09
      if (index > 0) piece[p.l4At + 13]! &= ~0x80
    } else put16(piece, p.l4At + 4, piece.length - p.l4At)
    fillChecksum(piece, p)
    segments.push(piece)
  }
  return segments
}

function fillChecksum(piece: Uint8Array, p: ParsedFrame): void {
  const at = p.l4At + (p.l4 === 'tcp' ? 16 : 6)
  const [addressesAt, addressesSize] = p.l3 === 'ipv4' ? [p.l3At + 12, 8] : [p.l3At + 8, 32]
  put16(piece, at, 0)
  const pseudo = pseudoHeaderSum(piece, addressesAt, addressesSize, p.ipProto, piece.length - p.l4At)
  const checksum = internetChecksum(piece, p.l4At, piece.length, pseudo)
  put16(piece, at, checksum === 0 ? 0xffff : checksum)
}

function isSctp(frame: Uint8Array, start: number): boolean {
  const p = parseFrame(frame)
  return p.l4At === start && p.ipProto === IpProto.SCTP
}
