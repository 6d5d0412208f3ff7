/**
 * The frame that a description stands for, as Open vSwitch composes it for `ofproto/trace`: headers with right lengths and checksums,
 * 64 bytes of payload behind UDP, ICMP echo and TCP (but not with SYN, FIN or RST), zeros for what was not given.
 */
import { arp, concat, ethernet, icmp, ipv4, ipv6, IpProto, mpls, sctp, tcp, TcpFlag, udp } from '../packet/index.js'
import { Fragment, type FlowSpec, type Slot } from './flow-spec.js'

const PAYLOAD = Uint8Array.from({ length: 64 }, (_, at) => at)
const NOTHING = new Uint8Array(0)
const IPV4 = 0x0800
const IPV6 = 0x86dd
const VLAN_PRESENT = 0x1000

export function composeFrame(flow: FlowSpec): Uint8Array {
  const number = (slot: Slot): number => Number(flow.get(slot) ?? 0n)
  const wide = (slot: Slot): bigint => flow.get(slot) ?? 0n
  const type = number('ethType')
  const tci = number('tci')
  return ethernet({
    dst: wide('ethDst'), src: wide('ethSrc'), type,
    vlans: (tci & VLAN_PRESENT) === 0 ? [] : [{ vid: tci & 0xfff, pcp: tci >> 13 }],
  }, network())

  function network(): Uint8Array {
    const tos = number('tos')
    const common = { proto: number('proto'), dscp: tos >> 2, ecn: tos & 3 }
    switch (type) {
      case IPV4: {
        const fragment = wide('fragment')
        return ipv4({
          ...common, src: wide('ipSrc'), dst: wide('ipDst'), ttl: number('ttl'),
          moreFragments: fragment !== Fragment.NO, fragmentOffset: fragment === Fragment.LATER ? LATER_OFFSET : 0,
        }, transport())
      }
      case IPV6: return ipv6({ ...common, src: wide('ip6Src'), dst: wide('ip6Dst'), hopLimit: number('ttl'), flowLabel: number('flowLabel') }, transport())
      case 0x0806: case 0x8035: {
        const isKnown = common.proto === 1 || common.proto === 2
        const address = (slot: Slot): bigint => (isKnown ? wide(slot) : 0n)
        return arp({ op: common.proto, sha: address('arpSha'), spa: address('ipSrc'), tha: address('arpTha'), tpa: address('ipDst') })
      }
      case 0x8847: case 0x8848: {
        const lse = number('mplsLse')
        const entry = { label: lse >>> 12, tc: lse >>> 9 & 7, bos: (lse & 0x100) !== 0, ttl: lse & 0xff }
        return entry.bos ? mpls(entry) : concat(mpls(entry), new Uint8Array(8))
      }
      default: return NOTHING
    }
  }

  function transport(): Uint8Array {
    const ports = { src: number('tpSrc'), dst: number('tpDst') }
    if (wide('fragment') === Fragment.LATER) return NOTHING
    switch (number('proto')) {
      case IpProto.TCP: {
        const flags = number('tcpFlags')
        const header = { ...ports, flags: flags & 0xff, window: 0 }
        return tcp(header, (flags & (TcpFlag.SYN | TcpFlag.FIN | TcpFlag.RST)) === 0 ? PAYLOAD : NOTHING)
      }
      case IpProto.UDP: return udp(ports, PAYLOAD)
      case IpProto.SCTP: return sctp(ports)
      case IpProto.ICMP: return type === IPV4 ? icmp(ports.src, ports.dst, concat(new Uint8Array(4), ports.src === 0 || ports.src === 8 ? PAYLOAD : NOTHING)) : NOTHING
      case IpProto.ICMPV6: return type === IPV6 ? icmp(ports.src, ports.dst, icmpv6Body(ports.src, ports.dst)) : NOTHING
      default: return NOTHING
    }
  }

  function icmpv6Body(kind: number, code: number): Uint8Array {
    const reserved = new Uint8Array(4)
    if (code !== 0 || (kind !== 135 && kind !== 136)) return kind === 128 || kind === 129 ? concat(reserved, PAYLOAD) : reserved
    const option = (number: number, mac: bigint): Uint8Array => (mac === 0n ? NOTHING : concat(Uint8Array.of(number, 1), bytes(mac, 6)))
    return concat(reserved, bytes(wide('ndTarget'), 16), option(1, wide('ndSll')), option(2, wide('ndTll')))
  }
}

/** Where a later fragment of a composed packet begins, in units of eight bytes. */
const LATER_OFFSET = 100

const bytes = (value: bigint, size: number): Uint8Array => Uint8Array.from({ length: size }, (_, at) => Number(value >> BigInt(8 * (size - 1 - at)) & 0xffn))
