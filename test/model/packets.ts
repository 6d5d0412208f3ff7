/**
 * Random frames over everything that a match or an action can be about, and frames that are not what they say: the pieces
 * are those of the comparison with Open vSwitch, the grammar is wider. A case is about a few features, so that its frames
 * and its flows meet.
 */
import { checksum, crc32c, ipv4, ipv6, mac, pool, u16, u32 } from '../e2e/differential/packets.js'
import type { Action } from '../../src/openflow/model.js'
import type { Random } from '../e2e/differential/random.js'
import type { FlowEvent, ModelEvent } from './events.js'
import type { SaidIn } from './switch.js'

export const featureNames = [
  'vlan', 'mpls', 'pbb', 'snap', 'options', 'fragments', 'extensions', 'ttl expiry', 'broken', 'action set', 'groups', 'select', 'fast failover',
  'metadata', 'tunnel', 'queues', 'copy ttl', 'structural set', 'long lists', 'port flags', 'packet-outs',
  'copies',
  'in 1.0', 'in 1.5', 'normal', 'local', 'buffers', 'ports change', 'flows change', 'groups change',
] as const
export type Feature = (typeof featureNames)[number]
export type Features = ReadonlySet<Feature>

export function randomFeatures(random: Random): Features {
  const often: Readonly<Partial<Record<Feature, number>>> = { vlan: 0.5, mpls: 0.3, groups: 0.4, 'action set': 0.45, metadata: 0.5, broken: 0.15, 'long lists': 0.1, 'structural set': 0.1, 'port flags': 0.1, 'ports change': 0.15, normal: 0.15 }
  return new Set(featureNames.filter((name) => random.chance(often[name] ?? 0.2)))
}

/**
 * A frame that comes in at a port, or, with actions, in a packet-out of the controller; its `inPort` may be CONTROLLER.
 * `buffer`: not this frame, but what the switch keeps of an earlier packet-in, counted among all that it has kept (modulo their
 * number); with `flow` for a flow-mod that names it. What happens `before` it happens whatever becomes of it.
 */
export interface ModelPacket {
  readonly inPort: number; readonly frame: Uint8Array; readonly actions?: readonly Action[]
  readonly before?: readonly ModelEvent[]; readonly buffer?: number; readonly flow?: FlowEvent; readonly saidIn?: SaidIn
}

/** A frame and the EtherType that says what it is. */
interface Payload { readonly type: number; readonly bytes: Buffer }

export function randomFrame(random: Random, features: Features): Uint8Array {
  const payload = randomPayload(random, features)
  const tagged = withTags(random, features.has('vlan') && random.chance(0.6) ? random.int(1, 2) : 0, payload)
  const addresses = (): Buffer => Buffer.concat([mac(random.pick(pool.eth)), mac(random.pick(pool.unicast))])
  const inner = features.has('pbb') && random.chance(0.5)
    ? withTags(random, random.chance(0.3) ? 1 : 0, {
        type: 0x88e7, bytes: Buffer.concat([Buffer.from([random.pick([0, 0x2a, 0x8f, 0xe5])]), u32(random.pick([1, 0x1234, 0xffffff])).subarray(1), addresses(), u16(tagged.type), tagged.bytes]),
      })
    : tagged
  const frame = Buffer.concat([addresses(), u16(inner.type), inner.bytes])
  return new Uint8Array(features.has('broken') && random.chance(0.4) ? damaged(random, frame) : frame)
}

/** Cut short, or with a byte that is not what it should be. */
function damaged(random: Random, frame: Buffer): Buffer {
  if (random.chance(0.5)) return frame.subarray(0, random.int(14, frame.length))
  const changed = Buffer.from(frame)
  changed[random.int(12, Math.min(frame.length - 1, 80))] = random.pick([0, 1, 4, 0x45, 0x4f, 0x60, 0xff, random.int(0, 255)])
  return changed
}

function withTags(random: Random, count: number, payload: Payload): Payload {
  let tagged = payload
  for (let i = 0; i < count; i++) {
    const control = (random.int(0, 7) << 13) | (random.chance(0.1) ? 0x1000 : 0) | random.pick(pool.vid)
    tagged = { type: random.pick([0x8100, 0x8100, 0x88a8]), bytes: Buffer.concat([u16(control), u16(tagged.type), tagged.bytes]) }
  }
  return tagged
}

function randomPayload(random: Random, features: Features): Payload {
  if (features.has('mpls') && random.chance(0.5)) return withLabels(random, features)
  if (features.has('snap') && random.chance(0.3)) return randomSnap(random, features)
  switch (random.pick(['arp', 'ipv4', 'ipv4', 'ipv4', 'ipv6', 'ipv6', 'other'])) {
    case 'arp': return { type: 0x0806, bytes: randomArp(random) }
    case 'ipv4': return { type: 0x0800, bytes: randomIpv4(random, features) }
    case 'ipv6': return { type: 0x86dd, bytes: randomIpv6(random, features) }
    default: return { type: random.pick([0x88cc, 0x9000, 0x8035, 0x86dc]), bytes: opaque(random, random.int(0, 46)) }
  }
}

/** Not to be taken for an IP header below a label, of which only the version tells; where that is looked at is open. */
function opaque(random: Random, count: number): Buffer {
  const bytes = random.bytes(count)
  if (count > 0) bytes[0] = (bytes[0] ?? 0) & 0x0f
  return bytes
}

function withLabels(random: Random, features: Features): Payload {
  const count = random.int(1, 3)
  const labels = Array.from({ length: count }, (_, i) =>
    u32(((random.pick(pool.label) << 12) | (random.int(0, 7) << 9) | (i === count - 1 ? 0x100 : 0) | ttl(random, features)) >>> 0))
  const inner = random.pick([() => randomIpv4(random, features), () => randomIpv6(random, features), () => opaque(random, random.int(0, 40))])()
  return { type: random.pick([0x8847, 0x8847, 0x8848]), bytes: Buffer.concat([...labels, inner]) }
}

/** A length in place of the type, with or without SNAP. RFC 1042 */
function randomSnap(random: Random, features: Features): Payload {
  const ip = randomIpv4(random, features)
  const bytes = random.pick([
    () => Buffer.concat([Buffer.from('aaaa030000000800', 'hex'), ip]),
    () => Buffer.concat([Buffer.from('aaaa0300000c0800', 'hex'), ip]), // not the OUI of Ethernet
    () => Buffer.concat([Buffer.from('f0f003', 'hex'), random.bytes(35)]),
  ])()
  return { type: bytes.length, bytes }
}

function randomArp(random: Random): Buffer {
  const kind = random.chance(0.1) ? Buffer.from('000608000604', 'hex') : Buffer.from('000108000604', 'hex')
  return Buffer.concat([kind, u16(random.int(1, 3)), mac(random.pick(pool.unicast)), ipv4(random.pick(pool.ipv4)), mac(random.pick(pool.unicast)), ipv4(random.pick(pool.ipv4))])
}

const ttl = (random: Random, features: Features): number => (features.has('ttl expiry') && random.chance(0.3) ? random.int(0, 2) : random.pick(pool.ttl))
/** Some bytes behind the IP packet, as short Ethernet frames have. */
const padding = (random: Random): Buffer => (random.chance(0.2) ? Buffer.alloc(random.int(1, 10)) : Buffer.alloc(0))

function randomIpv4(random: Random, features: Features): Buffer {
  const [src, dst] = [ipv4(random.pick(pool.ipv4)), ipv4(random.pick(pool.ipv4))]
  const options = features.has('options') && random.chance(0.5) ? Buffer.alloc(4 * random.int(1, 10), 1) : Buffer.alloc(0)
  const [proto, segment] = randomSegment(random, Buffer.concat([src, dst]), [1, 6, 6, 17, 17, 132, 47])
  const fragment = features.has('fragments') && random.chance(0.5) ? random.pick([0x2000, 0x2000 | 100, 5, 0x4000]) : random.pick([0, 0x4000])
  const head = Buffer.concat([Buffer.from([0x45 + options.length / 4, random.pick(pool.tos)]), u16(20 + options.length + segment.length), u16(0x1234),
    u16(fragment), Buffer.from([ttl(random, features), proto]), u16(0), src, dst, options])
  head.writeUInt16BE(random.chance(0.05) ? 0x1111 : checksum(head), 10)
  return Buffer.concat([head, segment, padding(random)])
}

function randomIpv6(random: Random, features: Features): Buffer {
  const [src, dst] = [ipv6(random.pick(pool.ipv6)), ipv6(random.pick(pool.ipv6))]
  const [proto, segment] = randomSegment(random, Buffer.concat([src, dst]), [58, 58, 6, 17, 17, 132, 89, 59])
  const chain = features.has('extensions') && random.chance(0.7) || features.has('fragments') && random.chance(0.3) ? randomChain(random, features) : []
  const extensions = chain.map((kind, i) => extension(random, kind, chain[i + 1] ?? proto))
  const body = Buffer.concat([...extensions, segment])
  return Buffer.concat([u32((0x6000_0000 | (random.pick(pool.tos) << 20) | random.pick([0, 1, 0xabcde])) >>> 0), u16(body.length),
    Buffer.from([chain[0] ?? proto, ttl(random, features)]), src, dst, body, padding(random)])
}

/** Mostly in the recommended order, sometimes not. RFC 8200 §4.1 */
function randomChain(random: Random, features: Features): number[] {
  if (!features.has('extensions')) return [44]
  const chain = random.some([0, 60, 43, 44, 51, 60], 0.35).filter((kind) => kind !== 44 || features.has('fragments'))
  if (chain.length > 1 && random.chance(0.2)) chain.reverse()
  if (chain.length > 0 && random.chance(0.1)) chain.push(random.pick(chain))
  return chain.slice(0, 4)
}

function extension(random: Random, kind: number, next: number): Buffer {
  switch (kind) {
    case 44: return Buffer.concat([Buffer.from([next, 0]), u16(random.pick([0, 1, 1, 185 << 3, (185 << 3) | 1])), u32(77)])
    case 51: return Buffer.concat([Buffer.from([next, 4]), Buffer.alloc(22, 3)])
    case 43: return Buffer.concat([Buffer.from([next, 2, 0, random.pick([0, 1])]), u32(0), ipv6('2001:db8::77')])
    default: { const units = random.int(0, 2); return Buffer.concat([Buffer.from([next, units, 1, 4 + 8 * units]), Buffer.alloc(4 + 8 * units)]) }
  }
}

/** A transport segment and its protocol, with a right checksum most of the time. */
function randomSegment(random: Random, addresses: Buffer, protocols: readonly number[]): [number, Buffer] {
  const proto = random.pick(protocols)
  const payload = random.bytes(random.int(0, 24))
  const ports = Buffer.concat([u16(random.pick(pool.port)), u16(random.pick(pool.port))])
  const summed = (segment: Buffer, at: number, pseudo: Buffer): Buffer => {
    const sum = checksum(Buffer.concat([pseudo, segment]))
    segment.writeUInt16BE(random.chance(0.05) ? 0x2222 : proto === 17 && sum === 0 ? 0xffff : sum, at)
    return segment
  }
  const pseudo = (length: number): Buffer => Buffer.concat([addresses, u32(length), u32(proto)])
  switch (proto) {
    case 6: {
      const options = random.chance(0.3) ? Buffer.alloc(4, 1) : Buffer.alloc(0)
      const segment = Buffer.concat([ports, u32(1), u32(2), Buffer.from([0x50 + options.length * 4, 0x18]), u16(512), u32(0), options, payload])
      return [proto, summed(segment, 16, pseudo(segment.length))]
    }
    case 17: {
      const segment = Buffer.concat([ports, u16(8 + payload.length), u16(0), payload])
      return [proto, random.chance(0.1) ? segment : summed(segment, 6, pseudo(segment.length))]
    }
    case 132: {
      const segment = Buffer.concat([ports, u32(7), u32(0), Buffer.from([0, 3]), u16(4 + payload.length), payload])
      segment.writeUInt32LE(random.chance(0.05) ? 5 : crc32c(segment), 8)
      return [proto, segment]
    }
    case 1: return [proto, summed(Buffer.concat([Buffer.from([random.pick([0, 3, 8]), random.int(0, 2)]), u16(0), u32(9), payload]), 2, Buffer.alloc(0))]
    case 58: {
      const segment = randomIcmpv6(random, payload)
      return [proto, summed(segment, 2, pseudo(segment.length))]
    }
    default: return [proto, payload]
  }
}

function randomIcmpv6(random: Random, payload: Buffer): Buffer {
  const type = random.pick([128, 129, 135, 135, 136, 136])
  const head = Buffer.concat([Buffer.from([type, random.chance(0.9) ? 0 : 1]), u16(0), u32(0)])
  if (type < 135) return Buffer.concat([head, payload])
  const option = (kind: number): Buffer => Buffer.concat([Buffer.from([kind, 1]), mac(random.pick(pool.unicast))])
  const own = option(type === 135 ? 1 : 2)
  const options = random.pick([[own], [own], [own], [], [option(5), own], [option(14), option(5), own], [option(type === 135 ? 2 : 1)]])
  return Buffer.concat([head, ipv6(random.pick(pool.ipv6)), ...options])
}
