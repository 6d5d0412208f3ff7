/**
 * Random packets of the differential test: well-formed frames with valid checksums, from small pools of values so that
 * random flows hit them. Built here byte by byte on purpose: the test must not share the packet code of the product.
 */
import type { Random } from './random.js'

export interface Tag { readonly tpid: number; readonly vid: number; readonly pcp: number }
export interface Label { readonly label: number; readonly tc: number; readonly ttl: number }
export type L4 =
  | { readonly kind: 'tcp' | 'udp' | 'sctp'; readonly src: number; readonly dst: number }
  | { readonly kind: 'icmp'; readonly type: number; readonly code: number }
  | { readonly kind: 'icmp6'; readonly type: number; readonly code: number; readonly nd?: { readonly target: string; readonly lladdr: string } }
  | { readonly kind: 'other'; readonly proto: number }
export type L3 =
  | { readonly kind: 'none'; readonly ethertype: number }
  | { readonly kind: 'arp'; readonly op: number; readonly spa: string; readonly tpa: string; readonly sha: string; readonly tha: string }
  | { readonly kind: 'ip'; readonly src: string; readonly dst: string; readonly tos: number; readonly ttl: number
      readonly fragment: 'no' | 'first' | 'later'; readonly options: boolean; readonly l4: L4 }
  | { readonly kind: 'ipv6'; readonly src: string; readonly dst: string; readonly tos: number; readonly ttl: number
      readonly label: number; readonly extension: boolean; readonly l4: L4 }

export interface Packet {
  readonly inPort: number
  readonly dst: string
  readonly src: string
  readonly tags: readonly Tag[]
  readonly labels: readonly Label[]
  readonly l3: L3
  readonly payload: Buffer
  /** UDP without a checksum is legal over IPv4 (RFC 768). */
  readonly noUdpChecksum: boolean
}

export const pool = {
  unicast: ['02:00:00:00:00:a1', '02:00:00:00:00:a2', '06:11:22:33:44:55', '0e:00:00:00:00:01'],
  eth: ['02:00:00:00:00:a1', '02:00:00:00:00:a2', '06:11:22:33:44:55', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:05', '33:33:00:00:00:01'],
  vid: [0, 1, 10, 20, 100, 4094],
  ipv4: ['10.0.0.1', '10.0.0.2', '10.1.0.1', '192.168.7.9', '224.0.0.5'],
  ipv6: ['2001:db8::1', '2001:db8::2', '2001:db8:1::1', 'fe80::1', 'ff02::1'],
  port: [53, 80, 443, 8080, 1024, 65_535],
  label: [16, 17, 1000, 1_048_575],
  tos: [0, 0x28, 0x2b, 0xb8, 0xff],
  ttl: [16, 17, 64, 128, 255],
} as const

/** What kinds of packets and flows a case is about; a case is small enough to be understood. */
export interface Features {
  readonly vlan: boolean
  readonly qinq: boolean
  readonly mpls: boolean
  readonly groups: boolean
  readonly fastFailover: boolean
  readonly actionSet: boolean
  readonly fragments: boolean
  readonly ttlExpiry: boolean
}

export function randomPacket(random: Random, features: Features, ports: readonly number[]): Packet {
  const tags = randomTags(random, features)
  const labels = features.mpls && random.chance(0.5) ? randomLabels(random, features) : []
  return {
    inPort: random.pick(ports),
    dst: random.pick(pool.eth),
    src: random.pick(pool.unicast),
    tags,
    labels,
    l3: labels.length > 0 ? randomIp(random, features) : randomL3(random, features),
    payload: random.bytes(random.int(0, 40)),
    noUdpChecksum: random.chance(0.1),
  }
}

function randomTags(random: Random, features: Features): Tag[] {
  const tag = (tpid: number): Tag => ({ tpid, vid: random.pick(pool.vid), pcp: random.int(0, 7) })
  if (features.qinq && random.chance(0.4)) return [tag(random.pick([0x88a8, 0x8100])), tag(0x8100)]
  return features.vlan && random.chance(0.6) ? [tag(0x8100)] : []
}

function randomLabels(random: Random, features: Features): Label[] {
  const ttl = (): number => features.ttlExpiry && random.chance(0.2) ? 1 : random.pick(pool.ttl)
  return Array.from({ length: random.int(1, 2) }, () => ({ label: random.pick(pool.label), tc: random.int(0, 7), ttl: ttl() }))
}

function randomL3(random: Random, features: Features): L3 {
  const kind = random.pick(['arp', 'ip', 'ip', 'ip', 'ipv6', 'ipv6', 'none'])
  if (kind === 'arp')
    return { kind, op: random.int(1, 2), spa: random.pick(pool.ipv4), tpa: random.pick(pool.ipv4), sha: random.pick(pool.unicast), tha: random.pick(pool.unicast) }
  if (kind === 'none') return { kind, ethertype: random.pick([0x88cc, 0x9000, 0x86dc]) }
  return kind === 'ip' ? randomIp(random, features) : randomIpv6(random, features)
}

function randomIp(random: Random, features: Features): L3 {
  return {
    kind: 'ip', src: random.pick(pool.ipv4), dst: random.pick(pool.ipv4), tos: random.pick(pool.tos),
    ttl: features.ttlExpiry && random.chance(0.2) ? random.int(0, 1) : random.pick(pool.ttl),
    fragment: features.fragments && random.chance(0.4) ? random.pick(['first', 'later']) : 'no',
    options: random.chance(0.05),
    l4: random.chance(0.25) ? { kind: 'icmp', type: random.pick([0, 3, 8]), code: random.int(0, 2) } : randomTransport(random),
  }
}

function randomIpv6(random: Random, features: Features): L3 {
  const common = {
    kind: 'ipv6' as const, src: random.pick(pool.ipv6), dst: random.pick(pool.ipv6), tos: random.pick(pool.tos),
    ttl: features.ttlExpiry && random.chance(0.2) ? random.int(0, 1) : random.pick(pool.ttl),
    label: random.pick([0, 1, 0xabcde, 0xfffff]), extension: random.chance(0.05),
  }
  if (random.chance(0.3)) {
    const type = random.pick([135, 136] as const)
    // Neighbour discovery is only valid with hop limit 255 (RFC 4861 §7.1).
    return { ...common, ttl: 255, l4: { kind: 'icmp6', type, code: 0, nd: { target: random.pick(pool.ipv6), lladdr: random.pick(pool.unicast) } } }
  }
  return { ...common, l4: random.chance(0.3) ? { kind: 'icmp6', type: random.pick([128, 129]), code: 0 } : randomTransport(random) }
}

function randomTransport(random: Random): L4 {
  if (random.chance(0.1)) return { kind: 'other', proto: random.pick([2, 47, 89]) }
  return { kind: random.pick(['tcp', 'tcp', 'udp', 'udp', 'sctp']), src: random.pick(pool.port), dst: random.pick(pool.port) }
}

// ---- encoding ----

export function encodePacket(packet: Packet): Buffer {
  const [inner, innerType] = encodeL3(packet)
  const labels = packet.labels.map(({ label, tc, ttl }, index) => {
    const bottom = index === packet.labels.length - 1 ? 1 : 0
    return u32(((label << 12) | (tc << 9) | (bottom << 8) | ttl) >>> 0)
  })
  const type = labels.length > 0 ? 0x8847 : innerType
  const tags = packet.tags.map(({ tpid, vid, pcp }) => Buffer.concat([u16(tpid), u16((pcp << 13) | vid)]))
  return Buffer.concat([mac(packet.dst), mac(packet.src), ...tags, u16(type), ...labels, inner])
}

function encodeL3(packet: Packet): [Buffer, number] {
  const { l3 } = packet
  switch (l3.kind) {
    case 'none': return [Buffer.concat([packet.payload, Buffer.alloc(46)]), l3.ethertype]
    case 'arp':
      return [Buffer.concat([u16(1), u16(0x0800), Buffer.from([6, 4]), u16(l3.op),
        mac(l3.sha), ipv4(l3.spa), mac(l3.tha), ipv4(l3.tpa)]), 0x0806]
    case 'ip': {
      const options = l3.options ? Buffer.from([1, 1, 1, 0]) : Buffer.alloc(0)
      const body = l3.fragment === 'later'
        ? Buffer.concat([packet.payload, Buffer.alloc(24)])
        : encodeL4(l3.l4, ipv4(l3.src), ipv4(l3.dst), packet)
      const fragment = l3.fragment === 'no' ? 0 : l3.fragment === 'first' ? 0x2000 : 0x2000 | 185
      const head = Buffer.concat([Buffer.from([0x40 | (5 + options.length / 4), l3.tos]), u16(20 + options.length + body.length),
        u16(0x1234), u16(fragment), Buffer.from([l3.ttl, protocolNumber(l3.l4)]), u16(0), ipv4(l3.src), ipv4(l3.dst), options])
      head.writeUInt16BE(checksum(head), 10)
      return [Buffer.concat([head, body]), 0x0800]
    }
    case 'ipv6': {
      const body = encodeL4(l3.l4, ipv6(l3.src), ipv6(l3.dst), packet)
      const extension = l3.extension ? Buffer.from([protocolNumber(l3.l4), 0, 1, 4, 0, 0, 0, 0]) : Buffer.alloc(0)
      return [Buffer.concat([u32((0x6000_0000 | (l3.tos << 20) | l3.label) >>> 0), u16(extension.length + body.length),
        Buffer.from([l3.extension ? 0 : protocolNumber(l3.l4), l3.ttl]), ipv6(l3.src), ipv6(l3.dst), extension, body]), 0x86dd]
    }
  }
}

export function protocolNumber(l4: L4): number {
  switch (l4.kind) {
    case 'tcp': return 6
    case 'udp': return 17
    case 'sctp': return 132
    case 'icmp': return 1
    case 'icmp6': return 58
    case 'other': return l4.proto
  }
}

function encodeL4(l4: L4, src: Buffer, dst: Buffer, packet: Packet): Buffer {
  const withChecksum = (segment: Buffer, at: number, pseudo: boolean): Buffer => {
    const head = pseudo ? Buffer.concat([src, dst, u32(segment.length), u32(protocolNumber(l4))]) : Buffer.alloc(0)
    segment.writeUInt16BE(checksum(Buffer.concat([head, segment])), at)
    return segment
  }
  switch (l4.kind) {
    case 'tcp':
      return withChecksum(Buffer.concat([u16(l4.src), u16(l4.dst), u32(1), u32(2), Buffer.from([0x50, 0x18]), u16(512), u32(0), packet.payload]), 16, true)
    case 'udp': {
      const segment = Buffer.concat([u16(l4.src), u16(l4.dst), u16(8 + packet.payload.length), u16(0), packet.payload])
      if (packet.noUdpChecksum && src.length === 4) return segment
      const done = withChecksum(segment, 6, true)
      if (done.readUInt16BE(6) === 0) done.writeUInt16BE(0xffff, 6)
      return done
    }
    case 'sctp': {
      const segment = Buffer.concat([u16(l4.src), u16(l4.dst), u32(7), u32(0), Buffer.from([0, 3]), u16(4 + packet.payload.length), packet.payload])
      segment.writeUInt32LE(crc32c(segment), 8)
      return segment
    }
    case 'icmp':
      return withChecksum(Buffer.concat([Buffer.from([l4.type, l4.code]), u16(0), u32(0x0001_0002), packet.payload]), 2, false)
    case 'icmp6': {
      const rest = l4.nd === undefined ? packet.payload
        : Buffer.concat([ipv6(l4.nd.target), Buffer.from([l4.type === 135 ? 1 : 2, 1]), mac(l4.nd.lladdr)])
      return withChecksum(Buffer.concat([Buffer.from([l4.type, l4.code]), u16(0), u32(0), rest]), 2, true)
    }
    case 'other': return packet.payload
  }
}

export const u16 = (value: number): Buffer => { const b = Buffer.alloc(2); b.writeUInt16BE(value); return b }
export const u32 = (value: number): Buffer => { const b = Buffer.alloc(4); b.writeUInt32BE(value); return b }
export const mac = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex')
export const ipv4 = (text: string): Buffer => Buffer.from(text.split('.').map(Number))

export function ipv6(text: string): Buffer {
  const [head = '', tail] = text.split('::')
  const words = (part: string): number[] => part === '' ? [] : part.split(':').map((word) => parseInt(word, 16))
  const front = words(head)
  const back = tail === undefined ? [] : words(tail)
  return Buffer.concat([...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back].map(u16))
}

/** The Internet checksum (RFC 1071). */
export function checksum(data: Buffer): number {
  let sum = 0
  for (let i = 0; i < data.length; i += 2) sum += (data[i]! << 8) | (data[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** CRC-32C as SCTP uses it (RFC 9260 appendix A). */
export function crc32c(data: Buffer): number {
  let crc = 0xffff_ffff
  for (const byte of data) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) !== 0 ? 0x82f6_3b78 : 0)
  }
  return ~crc >>> 0
}
