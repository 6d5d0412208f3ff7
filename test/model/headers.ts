/**
 * The model's parser: where the headers of a frame are. Written from the text and on purpose without the packet code of the
 * product; it is read from front to back again after every change of a frame.
 *
 *   Ethernet ─ VLAN tags ─┬─ MPLS labels          what is below a label cannot be seen. OF 1.3.5 §7.2.3.7
 *                         ├─ PBB service tag      nor what is inside. OF 1.3.5 §5.12
 *                         ├─ ARP
 *                         └─ IPv4, IPv6 with its extension headers ─ TCP, UDP, SCTP, ICMP, ICMPv6 with neighbour discovery
 *
 * What does not fit its header is not there (fields read as 0), and nothing behind it is. The text is silent on how sane
 * a header has to be; Open vSwitch's rules hold: IP lengths within the frame, whole transport headers within the IP length.
 */

export interface Headers {
  /** Offsets; −1 where there is no such header. Tags and labels from the outside in. */
  readonly tags: readonly number[]
  /** Of the two bytes that say what the payload is: behind all tags (docs/adr/0010), in the SNAP header where there is one. */
  typeAt: number
  ethType: number
  payloadAt: number
  /** Of the I-TAG TCI. */
  pbbAt: number
  readonly labels: readonly number[]
  arpAt: number
  ipv4At: number
  ipv6At: number
  /** Behind the last byte of the IP packet. */
  ipEnd: number
  /** Of the byte that names the protocol, and the protocol. */
  protoAt: number
  proto: number
  fragment: 'no' | 'first' | 'later'
  /** Bits of OFPIEH_*. OF 1.3.5 §7.2.3.8 */
  extensions: number
  /** A routing header still has segments to visit, so the destination is not the one of the pseudo header. RFC 8200 §8.1 */
  segmentsLeft: boolean
  /** First byte behind the IP headers. */
  behindIp: number
  transport: 'tcp' | 'udp' | 'sctp' | 'icmpv4' | 'icmpv6' | null
  transportAt: number
  targetAt: number
  sourceLinkAt: number
  targetLinkAt: number
}

const u16 = (frame: Uint8Array, at: number): number => ((frame[at] ?? 0) << 8) | (frame[at + 1] ?? 0)

/** Frames without an EtherType. OF 1.0 §3.4 */
const NO_TYPE = 0x05ff

export function parse(frame: Uint8Array): Headers {
  const h: Headers = {
    tags: [], typeAt: -1, ethType: 0, payloadAt: -1, pbbAt: -1, labels: [], arpAt: -1, ipv4At: -1, ipv6At: -1, ipEnd: -1, protoAt: -1,
    proto: 0, fragment: 'no', extensions: 0, segmentsLeft: false, behindIp: -1, transport: null, transportAt: -1, targetAt: -1, sourceLinkAt: -1, targetLinkAt: -1,
  }
  if (frame.length < 14) return h
  let at = 12
  const tags: number[] = []
  while ((u16(frame, at) === 0x8100 || u16(frame, at) === 0x88a8) && frame.length >= at + 6) {
    tags.push(at)
    at += 4
  }
  Object.assign(h, { tags, typeAt: at, ethType: u16(frame, at), payloadAt: at + 2 })
  if (h.ethType < 0x600) lengthInsteadOfType(frame, h)
  switch (h.ethType) {
    case 0x8847: case 0x8848: parseLabels(frame, h); break
    case 0x88e7: if (frame.length >= h.payloadAt + 4) h.pbbAt = h.payloadAt; break
    case 0x0806: parseArp(frame, h); break
    case 0x0800: parseIpv4(frame, h); break
    case 0x86dd: parseIpv6(frame, h); break
  }
  return h
}

/** IEEE 802.3 with LLC; the type is behind a SNAP header with OUI 0. RFC 1042 */
function lengthInsteadOfType(frame: Uint8Array, h: Headers): void {
  const snap = [0xaa, 0xaa, 0x03, 0, 0, 0].every((byte, i) => frame[h.payloadAt + i] === byte)
  const type = u16(frame, h.payloadAt + 6)
  if (snap && frame.length >= h.payloadAt + 8 && type >= 0x600) Object.assign(h, { typeAt: h.payloadAt + 6, ethType: type, payloadAt: h.payloadAt + 8 })
  else h.ethType = NO_TYPE
}

function parseLabels(frame: Uint8Array, h: Headers): void {
  const labels: number[] = []
  for (let at = h.payloadAt; frame.length >= at + 4; at += 4) {
    labels.push(at)
    if (((frame[at + 2] ?? 0) & 1) === 1) break
  }
  Object.assign(h, { labels })
}

/** For Ethernet and IPv4 only: other addresses have other places. RFC 826 */
function parseArp(frame: Uint8Array, h: Headers): void {
  const wanted = [0, 1, 8, 0, 6, 4]
  if (frame.length >= h.payloadAt + 28 && wanted.every((byte, i) => frame[h.payloadAt + i] === byte)) h.arpAt = h.payloadAt
}

function parseIpv4(frame: Uint8Array, h: Headers): void {
  const at = h.payloadAt
  const headerLength = ((frame[at] ?? 0) & 15) * 4
  const totalLength = u16(frame, at + 2)
  if (frame.length < at + 20 || headerLength < 20 || headerLength > totalLength || totalLength > frame.length - at) return
  const flags = u16(frame, at + 6)
  Object.assign(h, {
    ipv4At: at, ipEnd: at + totalLength, protoAt: at + 9, proto: frame[at + 9],
    fragment: (flags & 0x1fff) !== 0 ? 'later' : (flags & 0x2000) !== 0 ? 'first' : 'no',
  })
  if (h.fragment !== 'later') parseTransport(frame, h, at + headerLength)
}

function parseIpv6(frame: Uint8Array, h: Headers): void {
  const at = h.payloadAt
  const payloadLength = u16(frame, at + 4)
  if (frame.length < at + 40 || at + 40 + payloadLength > frame.length) return
  Object.assign(h, { ipv6At: at, ipEnd: at + 40 + payloadLength, protoAt: at + 6, proto: frame[at + 6] })
  const transportAt = parseExtensions(frame, h, at + 40)
  // Only the first fragment says what it holds: there is nothing to set.
  if (h.proto === FRAGMENT) h.protoAt = -1
  if (transportAt >= 0) parseTransport(frame, h, transportAt)
}

const HOP = 0, ROUTING = 43, FRAGMENT = 44, ESP = 50, AUTH = 51, NO_NEXT = 59, DESTINATION = 60
/** Bits of ofp_ipv6exthdr_flags by protocol. OF 1.3.5 §7.2.3.8 */
const bitOf: Readonly<Record<number, number>> = { [NO_NEXT]: 1, [ESP]: 2, [AUTH]: 4, [DESTINATION]: 8, [FRAGMENT]: 16, [ROUTING]: 32, [HOP]: 64 }
const UNEXPECTED_REPEAT = 128, UNEXPECTED_ORDER = 256
/** The recommended order; a destination options header may stand in two places. RFC 8200 §4.1 */
const order = [HOP, DESTINATION, ROUTING, FRAGMENT, AUTH, ESP, DESTINATION]

/** Where the transport header begins; −1 if there is none in this frame. */
function parseExtensions(frame: Uint8Array, h: Headers, start: number): number {
  const chain: number[] = []
  let at = start
  for (;;) {
    if (bitOf[h.proto] === undefined) break
    chain.push(h.proto)
    if (h.proto === NO_NEXT || h.proto === ESP) break // nothing behind them can be read
    const length = h.proto === FRAGMENT ? 8 : h.proto === AUTH ? ((frame[at + 1] ?? 0) + 2) * 4 : ((frame[at + 1] ?? 0) + 1) * 8
    if (at + 8 > h.ipEnd || at + length > h.ipEnd) {
      // The chain is cut short: the protocol is that of the header which is not there.
      h.extensions = extensionBits(chain)
      return -1
    }
    if (h.proto === ROUTING && (frame[at + 3] ?? 0) > 0) h.segmentsLeft = true
    if (h.proto === FRAGMENT) {
      const offset = u16(frame, at + 2)
      h.fragment = (offset & 0xfff8) !== 0 ? 'later' : (offset & 1) !== 0 ? 'first' : h.fragment
      // A later fragment says what the first one holds, which is not here: its protocol is 44, as in Open vSwitch.
      if (h.fragment === 'later') break
    }
    h.protoAt = at
    h.proto = frame[at] ?? 0
    at += length
  }
  h.extensions = extensionBits(chain)
  return h.fragment === 'later' ? -1 : at
}

function extensionBits(chain: readonly number[]): number {
  let bits = 0
  let place = 0
  for (const [index, proto] of chain.entries()) {
    // Hop-by-hop counts as the first header only: "is present as the first extension header in the packet".
    if (proto !== HOP || index === 0) bits |= bitOf[proto] ?? 0
    if (proto === NO_NEXT) continue
    const before = chain.slice(0, index).filter((other) => other === proto).length
    if (before >= (proto === DESTINATION ? 2 : 1)) bits |= UNEXPECTED_REPEAT
    // The first place from here on where it may stand; a repeated header may stand where the one before it did.
    const found = order.findIndex((other, at) => at >= place && other === proto)
    if (found < 0) bits |= UNEXPECTED_ORDER
    else place = found
  }
  return bits
}

function parseTransport(frame: Uint8Array, h: Headers, at: number): void {
  h.behindIp = at
  const room = h.ipEnd - at
  const found = (transport: NonNullable<Headers['transport']>): void => { Object.assign(h, { transport, transportAt: at }) }
  if (h.proto === 6) {
    const length = ((frame[at + 12] ?? 0) >> 4) * 4
    if (room >= 20 && length >= 20 && length <= room) found('tcp')
  } else if (h.proto === 17 && room >= 8) found('udp')
  else if (h.proto === 132 && room >= 12) found('sctp')
  else if (h.proto === 1 && h.ipv4At >= 0 && room >= 8) found('icmpv4')
  else if (h.proto === 58 && h.ipv6At >= 0 && room >= 8) {
    found('icmpv6')
    parseNeighbourDiscovery(frame, h)
  }
}

/** RFC 4861 §4.3, §4.4, §4.6.1. Open vSwitch takes nothing from a message with the same address option twice. */
function parseNeighbourDiscovery(frame: Uint8Array, h: Headers): void {
  const type = frame[h.transportAt]
  if ((type !== 135 && type !== 136) || frame[h.transportAt + 1] !== 0 || h.transportAt + 24 > h.ipEnd) return
  const options: { kind: number; at: number }[] = []
  for (let at = h.transportAt + 24; at + 8 <= h.ipEnd;) {
    const length = (frame[at + 1] ?? 0) * 8
    if (length === 0 || at + length > h.ipEnd) break
    if (length === 8) options.push({ kind: frame[at] ?? 0, at: at + 2 })
    at += length
  }
  const isSet = ({ at }: { at: number }): boolean => frame.subarray(at, at + 6).some((byte) => byte !== 0)
  for (const kind of [1, 2]) {
    const all = options.filter((option) => option.kind === kind)
    if (all.slice(0, -1).some(isSet)) return
  }
  h.targetAt = h.transportAt + 8
  const last = (kind: number): number => options.filter((option) => option.kind === kind).at(-1)?.at ?? -1
  if (type === 135) h.sourceLinkAt = last(1)
  else h.targetLinkAt = last(2)
}
