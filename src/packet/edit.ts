/**
 * A frame being rewritten, one OpenFlow action at a time. Every operation on a header that is not there does nothing.
 *
 * Which headers are there: as in the pipeline, everything behind any number of VLAN tags (OF 1.3.5 §7.2.3.7: the EtherType
 * is the one "after VLAN tags"), nothing behind an MPLS label until it is popped. OF 1.3.5 §5.12, §7.2.5.
 *
 * Checksums are updated incrementally and only when a value changes, so that a wrong checksum stays as wrong as it was.
 * A UDP checksum of 0 means "none" and stays 0; one that becomes 0 is sent as 0xffff (RFC 768).
 */
import type { OxmName } from '../openflow/model.js'
import { get16, get32, put16, put32 } from './bytes.js'
import { crc32c, updateChecksum } from './checksum.js'
import { type FieldPlace, locate, ones, readField, tagControl, writeField } from './fields.js'
import { type ParsedFrame, parseFrame } from './parse.js'
import { EtherType, IpProto } from './types.js'

const addressFields: ReadonlySet<OxmName> = new Set<OxmName>(['ipv4_src', 'ipv4_dst', 'ipv6_src', 'ipv6_dst'])
const l4Fields: ReadonlySet<OxmName> = new Set<OxmName>([
  'tcp_src', 'tcp_dst', 'udp_src', 'udp_dst', 'sctp_src', 'sctp_dst', 'icmpv4_type', 'icmpv4_code', 'icmpv6_type', 'icmpv6_code',
  'ipv6_nd_target', 'ipv6_nd_sll', 'ipv6_nd_tll',
])
/** Writing one of these changes which headers there are. */
const shapingFields: ReadonlySet<OxmName> = new Set<OxmName>(['eth_type', 'ip_proto', 'icmpv6_type', 'icmpv6_code', 'mpls_bos'])

/** An IP packet is the payload. RFC 2003, RFC 2473 */
const isTunnel = (p: ParsedFrame): boolean =>
  (p.ipProto === IpProto.IPV4 || p.ipProto === IpProto.IPV6) && p.fragment !== 'later' && !p.chainBroken
const l4ChecksumOffset = { tcp: 16, udp: 6, icmpv4: 2, icmpv6: 2 } as const

/** One field as a match sees it; null where the frame has none. */
export const readFieldOf = (frame: Uint8Array, field: OxmName): bigint | null => new FrameEditor(frame).readField(field)

export class FrameEditor {
  #frame: Uint8Array
  /** Somebody else holds #frame: copy before the next change. */
  #shared = true
  #parsed: ParsedFrame | null = null

  constructor(frame: Uint8Array) {
    this.#frame = frame
  }

  /** The frame as it is now; later edits do not change what was returned. */
  snapshot(): Uint8Array {
    this.#shared = true
    return this.#frame
  }

  /** As a match sees it; null where there is none. */
  readField(field: OxmName): bigint | null {
    const p = this.#headers()
    if (!p.ethernet) return null
    switch (field) {
      case 'eth_type': return BigInt(p.ethType)
      case 'vlan_vid': return p.tags.length === 0 ? 0n : BigInt(tagControl(this.#frame, p) & 0xfff | 0x1000)
      case 'ipv6_exthdr': return p.l3 === 'ipv6' ? BigInt(p.extHdr) : null
      default: {
        const where = locate(this.#frame, p, field)
        return where === null ? null : readField(this.#frame, where)
      }
    }
  }

  setField(field: OxmName, value: bigint, mask: bigint | null): void {
    const p = this.#headers()
    const where = locate(this.#frame, p, field)
    if (where === null) return
    const bits = mask ?? ones(where.width)
    if (field === 'sctp_src' || field === 'sctp_dst') this.#writeSctp(where, value, bits, p)
    else if (field === 'ip_proto') this.#writeProtocol(where, value, bits, p)
    else this.#write(where, value, bits, this.#checksumsOf(field, p))
    if (shapingFields.has(field)) this.#parsed = null
  }

  /** The new tag takes id and priority of the tag it is pushed in front of, or 0. OF 1.3.5 §5.12.1 */
  pushVlan(tpid: number): void {
    const p = this.#headers()
    if (!p.ethernet) return
    const tci = p.tags.length > 0 ? get16(this.#frame, p.tags[0]! + 2) & 0xefff : 0
    this.#pushTag(tpid, tci)
  }

  popVlan(): void {
    if (this.#headers().tags.length === 0) return
    this.#remove(12, 4)
  }

  /** OF 1.0 §5.2.4: changes the tag, or adds one with priority 0. */
  setVlanVid(vid: number): void {
    const p = this.#headers()
    if (p.tags.length > 0) this.setField('vlan_vid', BigInt(vid), null)
    else if (p.ethernet) this.#pushTag(EtherType.VLAN, vid & 0x0fff)
  }

  /** OF 1.0 §5.2.4: changes the tag, or adds one with id 0. */
  setVlanPcp(pcp: number): void {
    const p = this.#headers()
    if (p.tags.length > 0) this.setField('vlan_pcp', BigInt(pcp), null)
    else if (p.ethernet) this.#pushTag(EtherType.VLAN, (pcp & 7) << 13)
  }

  /**
   * Behind the VLAN tags, the outermost valid place for a label. A copy of the outer label, or label 0, class 0 and the
   * TTL of the IP header. OF 1.3.5 §5.12.1 (Open vSwitch differs for IP: class from the DSCP, label 2 for IPv6).
   */
  pushMpls(ethertype: number): void {
    const p = this.#headers()
    if (!p.ethernet) return
    const entry = p.mplsAt >= 0 ? (get32(this.#frame, p.mplsAt) & ~0x100) >>> 0 : 0x100 | (this.#ipTtl(p)?.ttl ?? 0)
    this.#insert(p.payloadAt, 4)
    put16(this.#frame, p.ethTypeAt, ethertype)
    put32(this.#frame, p.payloadAt, entry)
  }

  popMpls(ethertype: number): void {
    const p = this.#headers()
    if (p.mplsAt < 0) return
    this.#remove(p.mplsAt, 4)
    put16(this.#frame, p.ethTypeAt, ethertype)
  }

  /** In front of everything else: the addresses are copied into the customer's place. OF 1.3.5 §5.12 (Push-PBB header) */
  pushPbb(ethertype: number): void {
    const p = this.#headers()
    if (!p.ethernet) return
    const priority = p.tags.length > 0 ? get16(this.#frame, p.tags[0]! + 2) >>> 13 : 0
    const isid = p.pbbAt >= 0 ? get32(this.#frame, p.pbbAt) & 0xffffff : 0
    this.#insert(12, 18)
    put16(this.#frame, 12, ethertype)
    put32(this.#frame, 14, ((priority << 29) | isid) >>> 0)
    this.#frame.copyWithin(18, 0, 12)
  }

  /** Leaves a backbone VLAN tag where it is. OF 1.3.5 §5.12 (Pop-PBB header) */
  popPbb(): void {
    const p = this.#headers()
    if (p.pbbAt < 0 || p.pbbAt + 18 > this.#frame.length) return
    this.#own()
    this.#frame.copyWithin(0, p.pbbAt + 4, p.pbbAt + 16)
    this.#remove(p.ethTypeAt, 18)
  }

  setNwTtl(ttl: number): void {
    const p = this.#headers()
    const ip = this.#ipTtl(p)
    if (ip !== null) this.#write(ip.where, BigInt(ttl), 0xffn, p.l3 === 'ipv4' ? [p.l3At + 10] : [])
  }

  /** False: the TTL has run out, the frame is unchanged. OF 1.3.5 §7.2.5 (OFPAT_DEC_NW_TTL) */
  decNwTtl(): boolean {
    const ip = this.#ipTtl(this.#headers())
    if (ip === null) return true
    if (ip.ttl <= 1) return false
    this.setNwTtl(ip.ttl - 1)
    return true
  }

  setMplsTtl(ttl: number): void {
    const p = this.#headers()
    if (p.mplsAt >= 0) this.#write({ at: p.mplsAt + 3, size: 1, shift: 0, width: 8 }, BigInt(ttl), 0xffn, [])
  }

  /** As decNwTtl. */
  decMplsTtl(): boolean {
    const p = this.#headers()
    if (p.mplsAt < 0) return true
    const ttl = this.#frame[p.mplsAt + 3]!
    if (ttl <= 1) return false
    this.setMplsTtl(ttl - 1)
    return true
  }

  /** From the second outermost header that has a TTL into the outermost. OF 1.3.5 §5.12 (change TTL actions) */
  copyTtlOut(): void {
    const p = this.#headers()
    const inner = this.#innerTtl(p)
    if (inner === null) return
    if (p.mplsAt >= 0) this.setMplsTtl(this.#frame[inner.at]!)
    else this.setNwTtl(this.#frame[inner.at]!)
  }

  copyTtlIn(): void {
    const p = this.#headers()
    const inner = this.#innerTtl(p)
    if (inner === null) return
    const where = { at: inner.at, size: 1, shift: 0, width: 8 }
    const ttl = p.mplsAt >= 0 ? this.#frame[p.mplsAt + 3]! : this.#ipTtl(p)?.ttl ?? 0
    this.#write(where, BigInt(ttl), 0xffn, inner.checksumAt < 0 ? [] : [inner.checksumAt])
  }

  #headers(): ParsedFrame {
    this.#parsed ??= parseFrame(this.#frame)
    return this.#parsed
  }

  #own(): void {
    if (!this.#shared) return
    // Not slice(): of a Buffer, which a packet from afar is in, that is no copy.
    this.#frame = Uint8Array.from(this.#frame)
    this.#shared = false
  }

  #insert(at: number, size: number): void {
    const longer = new Uint8Array(this.#frame.length + size)
    longer.set(this.#frame.subarray(0, at))
    longer.set(this.#frame.subarray(at), at + size)
    this.#frame = longer
    this.#shared = false
    this.#parsed = null
  }

  #remove(at: number, size: number): void {
    const shorter = new Uint8Array(this.#frame.length - size)
    shorter.set(this.#frame.subarray(0, at))
    shorter.set(this.#frame.subarray(at + size), at)
    this.#frame = shorter
    this.#shared = false
    this.#parsed = null
  }

  #pushTag(tpid: number, tci: number): void {
    this.#insert(12, 4)
    put16(this.#frame, 12, tpid)
    put16(this.#frame, 14, tci)
  }

  /** Writes bits and brings the checksums at the given offsets up to date. Every header starts at an even offset, so that words of the frame are words of the sums. */
  #write(where: FieldPlace, value: bigint, mask: bigint, checksums: readonly number[]): void {
    const p = this.#headers()
    const start = where.at & ~1
    const end = (where.at + where.size + 1) & ~1
    const before = this.#frame.slice(start, end)
    this.#own()
    writeField(this.#frame, where, value, mask)
    const after = this.#frame.slice(start, end)
    if (before.every((byte, i) => byte === after[i])) return
    for (const at of checksums) this.#adjust(at, before, after, p)
  }

  #adjust(at: number, before: Uint8Array, after: Uint8Array, p: ParsedFrame): void {
    const old = get16(this.#frame, at)
    const isUdp = p.l4 === 'udp' && at === p.l4At + l4ChecksumOffset.udp
    if (isUdp && old === 0) return
    const updated = updateChecksum(old, before, after)
    put16(this.#frame, at, isUdp && updated === 0 ? 0xffff : updated)
  }

  /** In the pseudo header the number stands alone in a word, in the headers beside something else. ICMP for IPv4 has no pseudo header. */
  #writeProtocol(where: FieldPlace, value: bigint, mask: bigint, p: ParsedFrame): void {
    const before = this.#frame[where.at]!
    this.#write(where, value, mask, p.l3 === 'ipv4' ? [p.l3At + 10] : [])
    const after = this.#frame[where.at]!
    if (before === after || p.l4 === null || p.l4 === 'sctp' || p.l4 === 'icmpv4') return
    this.#adjust(p.l4At + l4ChecksumOffset[p.l4], Uint8Array.of(0, before), Uint8Array.of(0, after), p)
  }

  #writeSctp(where: FieldPlace, value: bigint, mask: bigint, p: ParsedFrame): void {
    this.#own()
    const checksumAt = p.l4At + 8
    const sum = (): number => crc32c(this.#frame, p.l4At, p.l3End, checksumAt)
    const before = sum()
    writeField(this.#frame, where, value, mask)
    // CRC32c is stored with its low byte first. RFC 4960 appendix B
    const view = new DataView(this.#frame.buffer, this.#frame.byteOffset + checksumAt, 4)
    view.setUint32(0, (view.getUint32(0, true) ^ before ^ sum()) >>> 0, true)
  }

  /** The checksums that cover a field. */
  #checksumsOf(field: OxmName, p: ParsedFrame): number[] {
    const checksums: number[] = []
    const isAddress = addressFields.has(field)
    if (p.l3 === 'ipv4' && (isAddress || field === 'ip_dscp' || field === 'ip_ecn')) checksums.push(p.l3At + 10)
    const inPseudoHeader = isAddress && p.l4 !== 'icmpv4' && !(field === 'ipv6_dst' && p.segmentsLeft)
    if ((inPseudoHeader || l4Fields.has(field)) && p.l4 !== null && p.l4 !== 'sctp') checksums.push(p.l4At + l4ChecksumOffset[p.l4])
    return checksums
  }

  #ipTtl(p: ParsedFrame): { ttl: number; where: FieldPlace } | null {
    if (p.l3 !== 'ipv4' && p.l3 !== 'ipv6') return null
    const at = p.l3At + (p.l3 === 'ipv4' ? 8 : 7)
    return { ttl: this.#frame[at]!, where: { at, size: 1, shift: 0, width: 8 } }
  }

  /** The second TTL: of the next label, of the IP header below the bottom of the stack, or of an IP packet in an IP packet. */
  #innerTtl(p: ParsedFrame): { at: number; checksumAt: number } | null {
    if (p.mplsAt < 0) return p.l3 !== null && isTunnel(p) ? this.#ipTtlAt(p.l4At) : null
    if (p.mplsCount > 1) return { at: p.mplsAt + 7, checksumAt: -1 }
    return (this.#frame[p.mplsAt + 2]! & 1) === 0 ? null : this.#ipTtlAt(p.mplsAt + 4)
  }

  #ipTtlAt(at: number): { at: number; checksumAt: number } | null {
    const version = (this.#frame[at] ?? 0) >> 4
    if (version === 4 && at + 20 <= this.#frame.length) return { at: at + 8, checksumAt: at + 10 }
    if (version === 6 && at + 40 <= this.#frame.length) return { at: at + 7, checksumAt: -1 }
    return null
  }
}
