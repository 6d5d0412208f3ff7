/** Whether the checksums of a frame are right: a check for tests and captures, never made while forwarding. */
import { get16 } from './bytes.js'
import { crc32c, fold, pseudoHeaderSum, sumWords } from './checksum.js'
import { parseFrame, type ParsedFrame } from './parse.js'

/** Names of the wrong checksums ('ipv4', 'tcp', …); empty if all is well. Fragments' transport checksums cannot be checked. */
export function wrongChecksums(frame: Uint8Array): string[] {
  const p = parseFrame(frame)
  const wrong: string[] = []
  if (p.l3 === 'ipv4' && fold(sumWords(frame, p.l3At, p.l4At)) !== 0xffff) wrong.push('ipv4')
  if (p.l4 !== null && p.fragment === 'no' && !transportIsRight(frame, p)) wrong.push(p.l4)
  return wrong
}

function transportIsRight(frame: Uint8Array, p: ParsedFrame): boolean {
  if (p.l4 === 'sctp') {
    const stored = new DataView(frame.buffer, frame.byteOffset + p.l4At + 8, 4).getUint32(0, true)
    return stored === crc32c(frame, p.l4At, p.l3End, p.l4At + 8)
  }
  if (p.l4 === 'udp' && get16(frame, p.l4At + 6) === 0) return p.l3 === 'ipv4'
  const size = p.l3End - p.l4At
  const pseudo = p.l4 === 'icmpv4' ? 0
    : p.l3 === 'ipv4' ? pseudoHeaderSum(frame, p.l3At + 12, 8, p.ipProto, size)
      : pseudoHeaderSum(frame, p.l3At + 8, 32, p.ipProto, size)
  return fold(sumWords(frame, p.l4At, p.l3End, pseudo)) === 0xffff
}
