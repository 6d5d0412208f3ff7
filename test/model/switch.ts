/**
 * A slow and obvious OpenFlow switch, for tests to compare with: what becomes of one packet. It takes flows, groups and
 * ports as they are, checks nothing, and goes through the text step by step. OF 1.3.5 §5; actions of 1.0 and 1.5 are theirs
 *
 * A SELECT group leaves it to the switch which bucket a packet takes (OF 1.3.5 §5.6.1), so a packet may have several
 * permissible outcomes: `outcomes` gives them all.
 */
import { Group, Port, PortConfig, type Action, type Bucket, type GroupType, type Instructions, type Match, type PacketInReason } from '../../src/openflow/model.js'
import { placeOf, type PipelineFields, readBits, valueOf } from './fields.js'
import { isFollowed, isForwardedByOpenVSwitch, isSeenByOpenVSwitch, NO_HABITS, type Habits } from './habits.js'
import { parse } from './headers.js'
import { appliedBand, raisedPrecedence, type ModelMeter } from './meters.js'
import { forwardAsNormal, NO_HOSTS, type Hosts, type Learned } from './normal.js'
import * as rewrite from './rewrite.js'

/** Wire numbers of the versions that a request is said in: 1.0, 1.3, which is the one where nothing is said, and 1.5. */
export type SaidIn = 1 | 4 | 6
export interface ModelFlow {
  readonly tableId: number; readonly priority: number; readonly match: Match; readonly cookie: bigint; readonly instructions: Instructions
  readonly saidIn?: SaidIn
}
/** Buckets have no numbers in 1.3. */
export type ModelBucket = Omit<Bucket, 'bucketId'>
export interface ModelGroup { readonly groupId: number; readonly groupType: GroupType; readonly buckets: readonly ModelBucket[]; readonly saidIn?: SaidIn }
/** `config` has the bits of OFPPC_*. */
export interface ModelPort { readonly portNo: number; readonly config: number; readonly linkUp: boolean }
export interface ModelSwitch {
  readonly ports: readonly ModelPort[]; readonly groups: readonly ModelGroup[]; readonly flows: readonly ModelFlow[]; readonly meters?: readonly ModelMeter[]
  /** What NORMAL has learned. */
  readonly hosts?: Hosts
  readonly habits?: Habits
}

export interface SentFrame { readonly port: number; readonly frame: Uint8Array; readonly queueId: number | null }
export interface SentPacketIn {
  readonly reason: PacketInReason; readonly tableId: number; readonly cookie: bigint; readonly inPort: number
  readonly metadata: bigint; readonly tunnelId: bigint; readonly frame: Uint8Array
  /** How much of the packet is asked for; null: as much as the switch's configuration says. OF 1.3.5 §7.3.2 */
  readonly maxLen: number | null
}
export interface Outcome {
  readonly sent: readonly SentFrame[]
  readonly packetIns: readonly SentPacketIn[]
  /** Each time a flow, a group, a bucket (`group/index`), a meter or a band (`meter/index`) was used. */
  readonly flows: readonly ModelFlow[]
  readonly groups: readonly number[]
  readonly buckets: readonly string[]
  readonly meters: readonly number[]
  readonly bands: readonly string[]
  /** By NORMAL. */
  readonly learned: readonly Learned[]
  /** Something was done to a frame that Open vSwitch does not follow (habits.ts). */
  readonly isBeyondOpenVSwitch: boolean
  /** A frame has got more tags than the switch keeps (README); such a packet is not put in. */
  readonly isTooDeep: boolean
}

/** Of a packet-in that no flow sends. */
const NO_COOKIE = 0xffff_ffff_ffff_ffffn

/** Of the pipeline. */
const MOST_TAGS = 6

/** More than these permissible outcomes are not looked at: null. */
const MOST_OUTCOMES = 64

export function outcomes(sw: ModelSwitch, inPort: number, frame: Uint8Array, actions?: readonly Action[]): Outcome[] | null {
  const found: Outcome[] = []
  // Each run follows a list of choices; beyond its end the first bucket is taken, and the others are put on the agenda.
  const agenda: number[][] = [[]]
  for (let choices = agenda.pop(); choices !== undefined; choices = agenda.pop()) {
    if (found.length >= MOST_OUTCOMES) return null
    const run = new Run(sw, choices, inPort)
    if (actions === undefined) run.receive(frame)
    else run.packetOut(frame, actions)
    for (const more of run.open) agenda.push(more)
    found.push(run)
  }
  return found
}

/** Whether packets may be sent to it and it is up. OF 1.3.5 §6.5 (liveness), §7.2.1 */
export const isPortLive = (sw: ModelSwitch, portNo: number): boolean =>
  sw.ports.some((port) => port.portNo === portNo && port.linkUp && (port.config & PortConfig.DOWN) === 0)

/** A bucket that watches nothing is live; the text leaves it open, Open vSwitch has it so. OF 1.3.5 §6.5 */
export function isBucketLive(sw: ModelSwitch, { watchPort, watchGroup }: ModelBucket): boolean {
  if (watchPort === Port.ANY && watchGroup === Group.ANY) return true
  if (watchPort !== Port.ANY && isPortLive(sw, watchPort)) return true
  return watchGroup !== Group.ANY && (sw.groups.find(({ groupId }) => groupId === watchGroup)?.buckets.some((bucket) => isBucketLive(sw, bucket)) ?? false)
}

/** Where a packet-in says it comes from. */
interface Origin { readonly tableId: number; readonly cookie: bigint; readonly isMiss: boolean }
/** A packet on its way, with its pipeline fields. */
interface Packet { frame: Uint8Array; metadata: bigint; tunnelId: bigint; queueId: number | null }

const isTableMiss = ({ priority, match }: ModelFlow): boolean => priority === 0 && match.length === 0

/** The order in which an action set is executed, whatever the order it was written in. OF 1.3.5 §5.10 */
const setOrder: readonly (readonly Action['type'][])[] = [
  ['copy_ttl_in'], ['pop_vlan'], ['pop_mpls'], ['pop_pbb'], ['push_mpls'], ['push_pbb'], ['push_vlan'], ['copy_ttl_out'],
  ['dec_nw_ttl'], ['dec_mpls_ttl'], ['set_nw_ttl', 'set_mpls_ttl', 'set_field', 'copy_field'], ['set_queue'], ['group'], ['output'],
]
const slotOf = (action: Action): string => (action.type === 'set_field' ? `set_field ${action.field}` : action.type === 'copy_field' ? `copy_field ${action.src} ${action.dst}` : action.type)

/**
 * The last action of a kind replaces the one before; of two set-fields of different bits of a field the text does not speak (masks
 * are younger than action sets), and bits that the later one leaves alone stay set, as in Open vSwitch. OF 1.5.1 §5.6
 */
function addTo(set: Map<string, Action>, action: Action): void {
  const slot = slotOf(action)
  const before = set.get(slot)
  const isBoth = action.type === 'set_field' && action.mask !== null && before?.type === 'set_field'
  if (!isBoth) set.set(slot, action)
  else set.set(slot, { ...action, value: (before.value & ~action.mask) | action.value, mask: before.mask === null ? null : before.mask | action.mask })
}

const withTag = (frame: Uint8Array): Uint8Array => (parse(frame).tags.length === 0 ? rewrite.pushVlan(frame, 0x8100) : frame)

class Run implements Outcome {
  readonly sent: SentFrame[] = []
  readonly packetIns: SentPacketIn[] = []
  readonly flows: ModelFlow[] = []
  readonly groups: number[] = []
  readonly buckets: string[] = []
  readonly meters: number[] = []
  readonly bands: string[] = []
  readonly learned: Learned[] = []
  isBeyondOpenVSwitch = false
  isTooDeep = false
  /** Choices that have not been followed. */
  readonly open: number[][] = []
  readonly #sw: ModelSwitch
  readonly #given: readonly number[]
  readonly #made: number[] = []
  readonly #inPort: number
  readonly #habits: Habits
  readonly #set = new Map<string, Action>()
  #hasPushedLabel = false
  #hasPoppedLabel = false
  #isNormal = false
  /** What a packet-out itself sends says that it comes from there. */
  #packetOut: Origin | null = null

  constructor(sw: ModelSwitch, choices: readonly number[], inPort: number) {
    this.#sw = sw
    this.#given = choices
    this.#inPort = inPort
    this.#habits = sw.habits ?? NO_HABITS
  }

  /** OF 1.3.5 §5.1: from the first table on. */
  receive(frame: Uint8Array): void {
    this.#pipeline({ frame, metadata: 0n, tunnelId: 0n, queueId: null })
  }

  /** A list that no flow has; what it sends to OFPP_TABLE is a copy. OF 1.3.5 §7.3.7 */
  packetOut(frame: Uint8Array, actions: readonly Action[]): void {
    this.#packetOut = { tableId: 0, cookie: NO_COOKIE, isMiss: false }
    const from = this.#sw.ports.find(({ portNo }) => portNo === this.#inPort)
    if (from !== undefined && (from.config & PortConfig.NO_RECV) !== 0 && this.#habits.has('deafToPacketOuts')) return
    this.#execute({ frame, metadata: 0n, tunnelId: 0n, queueId: null }, actions, this.#packetOut, false)
  }

  #pipeline(packet: Packet): void {
    const set = this.#set
    set.clear()
    let ofSet: Origin | null = this.#habits.has('setOfFirstTable') ? this.#packetOut : null
    for (let table: number | null = 0; table !== null;) {
      const flow = this.#lookup(table, packet)
      if (flow === undefined) {
        // Dropped, without its action set. OF 1.3.5 §5.4
        if (ofSet !== null && this.#habits.has('setAfterMiss')) this.#execute(packet, inSetOrder([...set.values()]), ofSet, true)
        return
      }
      this.flows.push(flow)
      const { meter, apply, clear, write, writeMetadata, gotoTable } = flow.instructions
      const origin: Origin = { tableId: table, cookie: flow.cookie, isMiss: isTableMiss(flow) && !(this.#packetOut !== null && this.#habits.has('noMissFromController')) }
      if (ofSet === null || !this.#habits.has('setOfFirstTable')) ofSet = { ...origin, isMiss: false }
      // In this order, whatever the order in the message. OF 1.3.5 §5.9
      if (meter !== null && !this.#measure(packet, meter)) return
      // A packet whose TTL has run out is rejected: nothing more becomes of it (docs/adr/0015).
      if (apply !== null && !this.#execute(packet, apply, origin, false)) {
        if (this.#habits.has('setAfterTtl')) this.#execute(packet, inSetOrder([...set.values()]), ofSet, true)
        return
      }
      if (clear) set.clear()
      for (const action of write ?? []) addTo(set, action)
      if (writeMetadata !== null) packet.metadata = (packet.metadata & ~writeMetadata.mask) | (writeMetadata.value & writeMetadata.mask)
      if (gotoTable === null) this.#execute(packet, inSetOrder([...set.values()]), ofSet, true)
      table = gotoTable
    }
  }

  #look({ frame }: Packet): void {
    if (parse(frame).tags.length > MOST_TAGS) this.isTooDeep = true
    if (!isSeenByOpenVSwitch(frame)) this.isBeyondOpenVSwitch = true
  }

  /** False: the packet is dropped. OF 1.3.5 §5.7 */
  #measure(packet: Packet, meterId: number): boolean {
    const meter = this.#sw.meters?.find((each) => each.meterId === meterId)
    if (meter === undefined) throw new Error(`there is no meter ${meterId}`)
    this.meters.push(meterId)
    const index = appliedBand(meter)
    const band = meter.bands[index]
    if (band === undefined) return true
    this.bands.push(`${meterId}/${index}`)
    if (band.type === 'drop') return false
    const dscp = valueOf(packet.frame, parse(packet.frame), { inPort: this.#inPort, metadata: packet.metadata, tunnelId: packet.tunnelId }, 'ip_dscp')
    const raised = raisedPrecedence(dscp, band.precLevel)
    if (raised !== dscp) packet.frame = rewrite.setField(packet.frame, 'ip_dscp', raised, null)
    return true
  }

  #lookup(table: number, packet: Packet): ModelFlow | undefined {
    this.#look(packet)
    const h = parse(packet.frame)
    const pipeline: PipelineFields = { inPort: this.#inPort, metadata: packet.metadata, tunnelId: packet.tunnelId }
    const matches = (flow: ModelFlow): boolean => flow.match.every(({ field, value, mask }) => {
      const actual = valueOf(packet.frame, h, pipeline, field)
      return mask === null ? actual === value : (actual & mask) === value
    })
    return this.#sw.flows.filter((flow) => flow.tableId === table && matches(flow)).sort((a, b) => b.priority - a.priority)[0]
  }

  /** False: a TTL has run out, and the list ended there. OF 1.3.5 §5.11, §5.12 */
  #execute(packet: Packet, actions: readonly Action[], origin: Origin, inSet: boolean): boolean {
    if (inSet && this.#habits.has('setNeedsOutput') && !actions.some(({ type }) => type === 'output' || type === 'group')) return true
    for (const action of actions) {
      this.#look(packet)
      // Open vSwitch parses again, with an assertion that a pending action set can violate, and not after its own push; it then
      // forgets a packet-out. After a push it loses checksums.
      if (action.type === 'pop_mpls' && (this.#hasPushedLabel || inSet || this.#set.size > 0 || this.#packetOut !== null)) this.isBeyondOpenVSwitch = true
      if (action.type === 'set_field' && this.#hasPushedLabel && /^(ip|tcp|udp|sctp|icmp)/.test(action.field)) this.isBeyondOpenVSwitch = true
      if (action.type === 'push_mpls') this.#hasPushedLabel = true
      if (action.type === 'pop_mpls') this.#hasPoppedLabel = true
      if (inSet && this.#hasPoppedLabel) this.isBeyondOpenVSwitch = true
      if (!isFollowed(action, packet.frame)) this.isBeyondOpenVSwitch = true
      switch (action.type) {
        case 'output': this.#output(packet, action.port, action.maxLen, origin); break
        // The queue is that of this output alone. OF 1.0 §5.2.4
        case 'enqueue': this.#output({ ...packet, queueId: action.queueId }, action.port, 0, origin); break
        // "If no VLAN is present, a new header is added". OF 1.0 §5.2.4
        case 'set_vlan_vid': packet.frame = rewrite.setField(withTag(packet.frame), 'vlan_vid', BigInt(action.vid)); break
        case 'set_vlan_pcp': packet.frame = rewrite.setField(withTag(packet.frame), 'vlan_pcp', BigInt(action.pcp)); break
        case 'meter': if (!this.#measure(packet, action.meterId)) return false
          break
        case 'note': break
        case 'group': this.#group(packet, action.groupId, origin); break
        case 'set_queue': packet.queueId = action.queueId; break
        case 'set_field':
          if (action.field === 'tunnel_id') packet.tunnelId = action.mask === null ? action.value : (packet.tunnelId & ~action.mask) | action.value
          else packet.frame = rewrite.setField(packet.frame, action.field, action.value, action.mask, this.#habits)
          break
        case 'copy_field': this.#copy(packet, action); break
        case 'push_vlan': packet.frame = rewrite.pushVlan(packet.frame, action.ethertype, this.#habits); break
        case 'pop_vlan': packet.frame = rewrite.popVlan(packet.frame); break
        case 'push_mpls': packet.frame = rewrite.pushMpls(packet.frame, action.ethertype, this.#habits); break
        case 'pop_mpls': packet.frame = rewrite.popMpls(packet.frame, action.ethertype, this.#habits); break
        case 'push_pbb': packet.frame = rewrite.pushPbb(packet.frame, action.ethertype); break
        case 'pop_pbb': packet.frame = rewrite.popPbb(packet.frame); break
        case 'set_nw_ttl': packet.frame = rewrite.setNwTtl(packet.frame, action.ttl); break
        case 'set_mpls_ttl': packet.frame = rewrite.setMplsTtl(packet.frame, action.ttl); break
        case 'copy_ttl_out': packet.frame = rewrite.copyTtlOut(packet.frame); break
        case 'copy_ttl_in': packet.frame = rewrite.copyTtlIn(packet.frame); break
        case 'dec_nw_ttl': case 'dec_mpls_ttl': {
          if (action.type === 'dec_mpls_ttl' && this.#habits.has('listEndsWithoutLabel') && parse(packet.frame).labels.length === 0) return false
          const decremented = action.type === 'dec_nw_ttl' ? rewrite.decNwTtl(packet.frame) : rewrite.decMplsTtl(packet.frame)
          if (decremented === null) {
            this.#packetIn(packet, 'invalid_ttl', null, origin)
            return false
          }
          packet.frame = decremented
          break
        }
        default: throw new Error(`the model has no ${action.type}${inSet ? ' in action sets' : ''}`)
      }
    }
    this.#look(packet)
    return true
  }

  /** Nothing where one of the fields is not there. OF 1.5.1 §5.8 leaves it open; Open vSwitch does so. */
  #copy(packet: Packet, { bits, src, srcOffset, dst, dstOffset }: Extract<Action, { type: 'copy_field' }>): void {
    const h = parse(packet.frame)
    const pipeline: PipelineFields = { inPort: this.#inPort, metadata: packet.metadata, tunnelId: packet.tunnelId }
    const isBeside = ['in_port', 'in_phy_port', 'metadata', 'tunnel_id'].includes(src) || src === 'ipv6_exthdr' && h.ipv6At >= 0 || (src === 'vlan_vid' || src === 'eth_type') && h.typeAt >= 0
    const place = placeOf(h, src)
    if (!isBeside && place === null) return
    const value = isBeside || place === null ? valueOf(packet.frame, h, pipeline, src) : readBits(packet.frame, place)
    const ones = (1n << BigInt(bits)) - 1n
    const mask = ones << BigInt(dstOffset)
    const moved = (value >> BigInt(srcOffset) & ones) << BigInt(dstOffset)
    if (dst === 'metadata') packet.metadata = (packet.metadata & ~mask) | moved
    else if (dst === 'tunnel_id') packet.tunnelId = (packet.tunnelId & ~mask) | moved
    // A tag is written to, not made.
    else packet.frame = rewrite.setField(packet.frame, dst, moved, mask)
  }

  /** OF 1.3.5 §4.5; never back through the ingress port unless OFPP_IN_PORT says so. */
  #output(packet: Packet, port: number, maxLen: number, origin: Origin): void {
    const others = (excluded: number): number[] => this.#sw.ports
      .filter(({ portNo, config }) => portNo !== this.#inPort && (config & excluded) === 0).map(({ portNo }) => portNo)
    switch (port) {
      case Port.CONTROLLER: return this.#packetIn(packet, origin.isMiss ? 'no_match' : 'action', maxLen, origin)
      case Port.IN_PORT: return this.#send(packet, this.#inPort)
      case Port.TABLE: return this.#pipeline({ ...packet })
      case Port.NORMAL: return this.#normal(packet)
      case Port.ALL: for (const each of others(0)) this.#send(packet, each); return
      case Port.FLOOD: for (const each of others(PortConfig.NO_FLOOD)) this.#send(packet, each); return
      default: if (port !== this.#inPort) this.#send(packet, port)
    }
  }

  /** What is learned of a packet is known to those after it. */
  #normal(packet: Packet): void {
    // Once in the life of a packet; it is not settled there whether it knows what it has just learned.
    if (!isForwardedByOpenVSwitch(packet.frame) || this.#isNormal) this.isBeyondOpenVSwitch = true
    this.#isNormal = true
    const hosts = this.#sw.hosts ?? NO_HOSTS
    const { ports, learned } = forwardAsNormal(this.#sw.ports, hosts, this.#inPort, packet.frame)
    if (learned !== null) this.learned.push(learned)
    const atOnce = forwardAsNormal(this.#sw.ports, new Map([...hosts, ...this.learned.map(({ key, portNo }) => [key, portNo] as const)]), this.#inPort, packet.frame)
    if (String(atOnce.ports) !== String(ports)) this.isBeyondOpenVSwitch = true
    const [tag] = parse(packet.frame).tags
    // A tag without VLAN and priority is not kept, as in Open vSwitch.
    const isEmpty = tag !== undefined && ((packet.frame[tag + 2] ?? 0) & 0xef) === 0 && packet.frame[tag + 3] === 0
    for (const each of ports) this.#send(isEmpty ? { ...packet, frame: rewrite.popVlan(packet.frame) } : packet, each)
  }

  /** OFPPC_NO_FWD, OFPPC_PORT_DOWN and a link that is down: dropped. OF 1.3.5 §7.2.1 */
  #send({ frame, queueId }: Packet, portNo: number): void {
    const port = this.#sw.ports.find((each) => each.portNo === portNo)
    if (port === undefined || !port.linkUp || (port.config & (PortConfig.DOWN | PortConfig.NO_FWD)) !== 0) return
    this.sent.push({ port: portNo, frame, queueId })
  }

  #packetIn({ frame, metadata, tunnelId }: Packet, reason: PacketInReason, maxLen: number | null, { tableId, cookie }: Origin): void {
    const port = this.#sw.ports.find((each) => each.portNo === this.#inPort)
    // "Packets on that port that generate a table miss"; a packet-out says where its packet came from, but it did not come in there.
    if (reason === 'no_match' && this.#packetOut === null && port !== undefined && (port.config & PortConfig.NO_PACKET_IN) !== 0 && !this.#habits.has('saysAnyway')) return
    this.packetIns.push({ reason, tableId, cookie, inPort: this.#inPort, metadata, tunnelId, frame, maxLen })
  }

  /** Each bucket has the packet as it came to the group, and its changes end with it. OF 1.3.5 §5.6.1 */
  #group(packet: Packet, groupId: number, origin: Origin): void {
    const group = this.#sw.groups.find((each) => each.groupId === groupId)
    if (group === undefined) return
    // The hash is another reason for Open vSwitch to parse again; it then forgets that the packet was a table-miss.
    if (group.groupType === 'select' && (origin.isMiss || this.#set.size > 0)) this.isBeyondOpenVSwitch = true
    const taken = this.#bucketsOf(group)
    // A packet that no bucket takes is not counted; the text leaves it open, Open vSwitch has it so but for ALL.
    if (taken.length > 0 || (group.groupType === 'all' && this.#habits.has('emptyGroupCounts'))) this.groups.push(groupId)
    for (const index of taken) {
      const bucket = group.buckets[index]
      if (bucket === undefined) continue
      this.buckets.push(`${groupId}/${index}`)
      this.#execute({ ...packet }, inSetOrder(bucket.actions), { ...origin, isMiss: false }, true)
    }
  }

  #bucketsOf({ groupType, buckets }: ModelGroup): number[] {
    const live = buckets.flatMap((bucket, index) => (isBucketLive(this.#sw, bucket) ? [index] : []))
    switch (groupType) {
      case 'all': case 'indirect': return [...buckets.keys()]
      case 'ff': return live.slice(0, 1)
      case 'select': {
        // A bucket of weight 0 gets nothing. OF 1.3.5 §7.3.4.2
        const possible = live.filter((index) => (buckets[index]?.weight ?? 0) > 0)
        const chosen = this.#choose(possible.length)
        return chosen === null ? [] : possible.slice(chosen, chosen + 1)
      }
    }
  }

  #choose(count: number): number | null {
    if (count === 0) return null
    const given = this.#given[this.#made.length]
    if (given === undefined) for (let other = 1; other < count; other++) this.open.push([...this.#made, other])
    this.#made.push(given ?? 0)
    return given ?? 0
  }
}

/** What is executed of an action set or a bucket: the last of each kind, in the order of the text, no output beside a group. */
export function inSetOrder(actions: readonly Action[]): Action[] {
  const slots = new Map<string, Action>()
  for (const action of actions) addTo(slots, action)
  if (slots.has('group')) slots.delete('output')
  return setOrder.flatMap((types) => [...slots.values()].filter(({ type }) => types.includes(type)))
}
