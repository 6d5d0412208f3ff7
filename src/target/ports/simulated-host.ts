/**
 * A host as small as a host can be: it answers ARP requests, neighbour solicitations and echo requests for its own
 * addresses, and pings others. It checks every checksum it is given, so that a pipeline that breaks one shows as loss.
 * No I/O: frames go out through `transmit`, time comes from `timers`.
 */
import { ipv6MulticastMac, linkLocal, parseIpv4, parseIpv6, parseMac, solicitedNode } from '../../packet/address.js'
import { SwitchError } from '../../base/errors.js'
import type { Millis } from '../../base/clock.js'
import {
  BROADCAST, type VlanSpec, arpReplyFrame, arpRequestFrame, ethernet, icmpEcho, icmpv6Echo, ipv4, ipv6, neighborAdvertFrame, neighborSolicitFrame,
} from '../../packet/build.js'
import { get16, get32, getBig } from '../../packet/bytes.js'
import { type ParsedFrame, parseFrame } from '../../packet/parse.js'
import { EtherType, Icmpv6Type, IpProto } from '../../packet/types.js'
import { wrongChecksums } from '../../packet/verify.js'
import { Neighbours } from './neighbours.js'
import type { SimulatedHostSpec } from './spec.js'
import type { Timers } from './timers.js'

export interface PingOptions {
  /** Between echo requests, default 1000. */
  readonly intervalMs?: Millis
  /** For each reply, default 1000. */
  readonly timeoutMs?: Millis
  /** Bytes of data, default 56. */
  readonly size?: number
}
export interface PingResult {
  readonly from: string; readonly to: string
  readonly sent: number; readonly received: number
  /** One for each request in order; null where no reply came. */
  readonly roundTripsMs: readonly (Millis | null)[]
  /** Requests that were not sent because nobody answered for the address. */
  readonly unreachable: number
}
export interface HostStatistics {
  framesSent: number; framesReceived: number; arpAnswered: number; echoAnswered: number
  /** Frames to somebody else's MAC address (flooding). */
  ignored: number
  badChecksums: number
}

interface Pending { readonly sentAt: Millis; readonly done: (roundTrip: Millis | null) => void; readonly cancel: () => void }

export class SimulatedHost {
  readonly name: string
  readonly mac: bigint
  readonly ip: bigint
  readonly ip6: readonly bigint[]
  readonly statistics: HostStatistics = { framesSent: 0, framesReceived: 0, arpAnswered: 0, echoAnswered: 0, ignored: 0, badChecksums: 0 }
  readonly #vlans: readonly VlanSpec[]
  readonly #prefixMask: bigint
  readonly #gateway: bigint | null
  readonly #timers: Timers
  readonly #transmit: (frame: Uint8Array) => void
  readonly #neighbours: Neighbours
  /** Echo requests under way, by identifier and sequence number. */
  readonly #pending = new Map<number, Pending>()
  #nextId = 1

  constructor(spec: SimulatedHostSpec, timers: Timers, transmit: (frame: Uint8Array) => void) {
    const check = <T>(value: T | null, field: string): T => {
      if (value === null) throw new SwitchError('config.simulatedHost', `simulated host '${spec.name}': ${field} is not an address`)
      return value
    }
    this.name = spec.name
    this.mac = check(parseMac(spec.mac), 'mac')
    this.ip = check(parseIpv4(spec.ip), 'ip')
    const own6 = spec.ipv6 === undefined ? [] : [check(parseIpv6(spec.ipv6), 'ipv6')]
    this.ip6 = [...own6, linkLocal(this.mac)]
    this.#gateway = spec.gateway === undefined ? null : check(parseIpv4(spec.gateway), 'gateway')
    this.#prefixMask = (0xffffffffn << BigInt(32 - (spec.prefixLength ?? 0))) & 0xffffffffn
    this.#vlans = spec.vlan === undefined ? [] : [{ vid: spec.vlan }]
    this.#timers = timers
    this.#transmit = (frame) => {
      this.statistics.framesSent++
      transmit(frame)
    }
    this.#neighbours = new Neighbours(timers, (ip) => this.#askFor(ip))
  }

  /** A frame from the switch. */
  receive(frame: Uint8Array): void {
    this.statistics.framesReceived++
    const p = parseFrame(frame)
    if (!p.ethernet || !this.#isForMe(frame, p)) {
      this.statistics.ignored++
      return
    }
    if (wrongChecksums(frame).length > 0) {
      this.statistics.badChecksums++
      return
    }
    if (p.l3 === 'arp') this.#receiveArp(frame, p.l3At)
    else if (p.fragment !== 'no') return
    else if (p.l4 === 'icmpv4') this.#receiveIcmp(frame, p)
    else if (p.l4 === 'icmpv6') this.#receiveIcmpv6(frame, p)
  }

  /** Sends `count` echo requests to an IPv4 or IPv6 address; resolves when each is answered or given up. */
  ping(to: string, count: number, options: PingOptions = {}): Promise<PingResult> {
    const target4 = parseIpv4(to)
    const target = target4 ?? parseIpv6(to)
    if (target === null) return Promise.reject(new SwitchError('config.pingTarget', `'${to}' is not an IP address`))
    const id = this.#nextId
    this.#nextId = this.#nextId === 0xffff ? 1 : this.#nextId + 1
    const roundTripsMs: (Millis | null)[] = Array.from({ length: count }, () => null)
    let received = 0
    let unreachable = 0
    let open = count
    return new Promise((resolve) => {
      const finish = (): void =>
        resolve({ from: this.name, to, sent: count - unreachable, received, roundTripsMs, unreachable })
      if (count === 0) finish()
      for (let seq = 1; seq <= count; seq++) {
        this.#timers.after((seq - 1) * (options.intervalMs ?? 1000), () => this.#echo(target, target4 === null, id, seq & 0xffff, options, (result) => {
          if (result === 'unreachable') unreachable++
          else if (result !== null) {
            received++
            roundTripsMs[seq - 1] = result
          }
          if (--open === 0) finish()
        }))
      }
    })
  }

  /** Gives up what is under way: every open ping ends as lost. */
  stop(): void {
    this.#neighbours.clear()
    for (const pending of [...this.#pending.values()]) {
      pending.cancel()
      pending.done(null)
    }
    this.#pending.clear()
  }

  #echo(target: bigint, isV6: boolean, id: number, seq: number, options: PingOptions, done: (result: Millis | null | 'unreachable') => void): void {
    this.#neighbours.resolve(this.#nextHop(target, isV6), (mac) => {
      if (mac === null) {
        done('unreachable')
        return
      }
      const key = id * 0x10000 + seq
      const cancel = this.#timers.after(options.timeoutMs ?? 1000, () => {
        this.#pending.delete(key)
        done(null)
      })
      this.#pending.set(key, { sentAt: this.#timers.now(), done, cancel })
      const data = Uint8Array.from({ length: options.size ?? 56 }, (_, i) => i & 0xff)
      this.#transmit(isV6
        ? this.#ipv6Frame(mac, this.#sourceFor(target), target, icmpv6Echo({ id, seq, data }))
        : this.#ipv4Frame(mac, target, icmpEcho({ id, seq, data })))
    })
  }

  #nextHop(target: bigint, isV6: boolean): bigint {
    if (isV6 || this.#gateway === null) return target
    return (target & this.#prefixMask) === (this.ip & this.#prefixMask) ? target : this.#gateway
  }

  #askFor(ip: bigint): void {
    // An IPv4 address is below 2^32; no IPv6 address that can be asked for is.
    if (ip <= 0xffffffffn) this.#transmit(arpRequestFrame({ sha: this.mac, spa: this.ip, tpa: ip, vlans: this.#vlans }))
    else this.#transmit(neighborSolicitFrame({ sha: this.mac, src: this.#sourceFor(ip), target: ip, vlans: this.#vlans }))
  }

  #isForMe(frame: Uint8Array, p: ParsedFrame): boolean {
    const vid = p.tags.length === 0 ? null : get16(frame, p.tags[0]! + 2) & 0x0fff
    if (p.tags.length > 1 || vid !== (this.#vlans[0]?.vid ?? null)) return false
    const dst = getBig(frame, 0, 6)
    return dst === this.mac || dst === BROADCAST || this.ip6.some((ip) => dst === ipv6MulticastMac(solicitedNode(ip)))
  }

  #receiveArp(frame: Uint8Array, at: number): void {
    const op = get16(frame, at + 6)
    const sha = getBig(frame, at + 8, 6)
    const spa = BigInt(get32(frame, at + 14))
    if (BigInt(get32(frame, at + 24)) !== this.ip) return
    this.#neighbours.learn(spa, sha)
    if (op !== 1) return
    this.statistics.arpAnswered++
    this.#transmit(arpReplyFrame({ sha: this.mac, spa: this.ip, tha: sha, tpa: spa, vlans: this.#vlans }))
  }

  #receiveIcmp(frame: Uint8Array, p: ParsedFrame): void {
    if (BigInt(get32(frame, p.l3At + 16)) !== this.ip) return
    const type = frame[p.l4At]!
    if (type === 0) this.#receiveReply(frame, p)
    if (type !== 8) return
    const src = BigInt(get32(frame, p.l3At + 12))
    this.statistics.echoAnswered++
    const mac = this.#neighbours.lookup(this.#nextHop(src, false)) ?? getBig(frame, 6, 6)
    this.#transmit(this.#ipv4Frame(mac, src, icmpEcho({ reply: true, ...this.#echoOf(frame, p) })))
  }

  #receiveIcmpv6(frame: Uint8Array, p: ParsedFrame): void {
    const type = frame[p.l4At]!
    const src = getBig(frame, p.l3At + 8, 16)
    const dst = getBig(frame, p.l3At + 24, 16)
    if (p.ndTargetAt >= 0 && frame[p.l3At + 7] === 255) {
      const target = getBig(frame, p.ndTargetAt, 16)
      if (type === Icmpv6Type.NEIGHBOR_ADVERT && p.ndTllAt >= 0) this.#neighbours.learn(target, getBig(frame, p.ndTllAt, 6))
      if (type !== Icmpv6Type.NEIGHBOR_SOLICIT || !this.ip6.includes(target) || src === 0n) return
      const mac = p.ndSllAt >= 0 ? getBig(frame, p.ndSllAt, 6) : getBig(frame, 6, 6)
      this.#neighbours.learn(src, mac)
      this.statistics.arpAnswered++
      this.#transmit(neighborAdvertFrame({ sha: this.mac, target, dst: src, dstMac: mac, vlans: this.#vlans }))
      return
    }
    if (!this.ip6.includes(dst)) return
    if (type === Icmpv6Type.ECHO_REPLY) this.#receiveReply(frame, p)
    if (type !== Icmpv6Type.ECHO_REQUEST) return
    this.statistics.echoAnswered++
    const mac = this.#neighbours.lookup(src) ?? getBig(frame, 6, 6)
    this.#transmit(this.#ipv6Frame(mac, dst, src, icmpv6Echo({ reply: true, ...this.#echoOf(frame, p) })))
  }

  #receiveReply(frame: Uint8Array, p: ParsedFrame): void {
    const key = get16(frame, p.l4At + 4) * 0x10000 + get16(frame, p.l4At + 6)
    const pending = this.#pending.get(key)
    if (pending === undefined) return
    this.#pending.delete(key)
    pending.cancel()
    pending.done(this.#timers.now() - pending.sentAt)
  }

  #echoOf(frame: Uint8Array, p: ParsedFrame): { id: number; seq: number; data: Uint8Array } {
    return { id: get16(frame, p.l4At + 4), seq: get16(frame, p.l4At + 6), data: frame.subarray(p.l4At + 8, p.l3End) }
  }

  /** A link-local address for a link-local target. */
  #sourceFor(target: bigint): bigint {
    return target >> 118n === 0x3fan ? this.ip6.at(-1)! : this.ip6[0]!
  }

  #ipv4Frame(dstMac: bigint, dst: bigint, payload: Uint8Array): Uint8Array {
    return ethernet({ dst: dstMac, src: this.mac, type: EtherType.IPV4, vlans: this.#vlans }, ipv4({ src: this.ip, dst, proto: IpProto.ICMP }, payload))
  }

  #ipv6Frame(dstMac: bigint, src: bigint, dst: bigint, payload: Uint8Array): Uint8Array {
    return ethernet({ dst: dstMac, src: this.mac, type: EtherType.IPV6, vlans: this.#vlans }, ipv6({ src, dst, proto: IpProto.ICMPV6 }, payload))
  }
}
