/**
 * Random flow tables and groups over the whole of OpenFlow 1.3, in terms of the model. Matches are taken from what the
 * case's frames hold, with the prerequisites that the text demands; actions follow from what the match and the actions
 * before have established, so that every flow is valid (OF 1.3.5 §5.12, §7.2.3.6) and a refusal is the switch's own.
 *
 * Left out because the text leaves the outcome open:
 * - overlapping flows of one priority (§5.3): priorities are unique in a table;
 * - eth_type, ip_proto and mpls_bos set in an action set: the order among set-fields is not told (§5.10).
 */
import { pool, mac, ipv4, ipv6 } from '../e2e/differential/packets.js'
import type { Random } from '../e2e/differential/random.js'
import { Group, NO_INSTRUCTIONS, OXM, OXM_FIELDS, Port, canonicalMatch, type Action, type FieldValue, type GroupType, type Instructions, type Match, type OxmName } from '../../src/openflow/index.js'
import { valueOf } from './fields.js'
import { matchOf10, oldActions } from './old-actions.js'
import { parse } from './headers.js'
import type { Features, ModelPacket } from './packets.js'
import type { ModelBucket, ModelFlow, ModelGroup } from './switch.js'

/** What match and earlier actions have established; 0 is not known. */
interface View { ethType: number; tagged: boolean; ipProto: number; icmpv6Type: number }

const big = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`)
const addresses = { mac: pool.eth.map((text) => big(mac(text))), ipv4: pool.ipv4.map((text) => big(ipv4(text))), ipv6: pool.ipv6.map((text) => big(ipv6(text))) }
/** IPV6_EXTHDR. OF 1.3.5 table 12 */
const LAST_OF_1_3 = 39
const METADATA = [1n, 2n, 0x5a00n, 0xabcdef0123456789n]
const TABLES = [0, 1, 2, 3, 15] as const

export class FlowGenerator {
  readonly #random: Random
  readonly #features: Features
  readonly #packets: readonly ModelPacket[]
  readonly #ports: readonly number[]
  /** Pushes are left to one table, so that no frame gets more tags or labels than a switch has to keep track of. */
  readonly #pushTable: number
  /** Set-fields are of some bits only, which 1.5 can say. */
  #inParts = false
  #groups: readonly ModelGroup[] = []

  constructor(random: Random, features: Features, packets: readonly ModelPacket[], ports: readonly number[]) {
    this.#random = random
    this.#features = features
    this.#packets = packets
    this.#ports = ports
    this.#pushTable = random.pick([0, 0, 1, 2])
  }

  groups(): readonly ModelGroup[] {
    const random = this.#random
    if (!this.#features.has('groups')) return []
    const types: GroupType[] = ['all', 'all', 'indirect', ...this.#features.has('select') ? ['select', 'select'] as const : [], ...this.#features.has('fast failover') ? ['ff', 'ff'] as const : []]
    const groups: ModelGroup[] = []
    const depths = new Map<number, number>()
    for (let n = random.int(1, 4); n > 0; n--) {
      const groupType = random.pick(types)
      const lower = groups.filter(({ groupId }) => (depths.get(groupId) ?? 0) < 4)
      const count = groupType === 'indirect' ? 1 : random.int(random.chance(0.05) ? 0 : 1, 4)
      const groupId = random.int(1, 1000) * 5 + n
      const buckets = Array.from({ length: count }, () => this.#bucket(groupType, lower))
      depths.set(groupId, 1 + Math.max(0, ...buckets.flatMap(({ actions }) => actions.map((action) => (action.type === 'group' ? depths.get(action.groupId) ?? 0 : 0)))))
      groups.push({ groupId, groupType, buckets, ...buckets.some(({ actions }) => actions.some(isNew)) ? { saidIn: 6 as const } : {} })
    }
    return this.#groups = groups
  }

  /** What a group may be changed to: groups that came after it may lead to it. */
  changed({ groupId, groupType }: ModelGroup): ModelGroup {
    const random = this.#random
    const lower = this.#groups.slice(0, this.#groups.findIndex((group) => group.groupId === groupId))
    const type: GroupType = random.chance(0.7) ? groupType : 'all'
    const buckets = Array.from({ length: type === 'indirect' ? 1 : random.int(0, 4) }, () => this.#bucket(type, lower))
    return { groupId, groupType: type, buckets, ...buckets.some(({ actions }) => actions.some(isNew)) ? { saidIn: 6 as const } : {} }
  }

  #bucket(groupType: GroupType, lower: readonly ModelGroup[]): ModelBucket {
    const random = this.#random
    const watches = groupType === 'ff' || groupType === 'select' && random.chance(0.3)
    const watchGroup = watches && lower.length > 0 && random.chance(0.25) ? random.pick(lower).groupId : Group.ANY
    const watchPort = watches && (watchGroup === Group.ANY || random.chance(0.3)) ? random.pick(this.#ports) : Port.ANY
    // Nothing is known of what comes to a bucket, and nothing is checked.
    const view: View = { ethType: random.pick([0, 0x0800, 0x86dd, 0x0806, 0x8847, 0x88e7]), tagged: random.chance(0.5), ipProto: random.pick([0, 6, 17, 58]), icmpv6Type: 0 }
    this.#inParts = this.#features.has('in 1.5') && random.chance(0.3)
    const rewrites = random.chance(0.6) ? this.#distinct(view, random.int(1, 3), 1) : []
    this.#inParts = false
    const end: Action[] = lower.length > 0 && random.chance(0.3) ? [{ type: 'group', groupId: random.pick(lower).groupId }] : random.chance(0.95) ? [this.#output(false)] : []
    return { weight: groupType === 'select' ? random.pick([0, 1, 1, 2, 5]) : 0, watchPort, watchGroup, actions: [...rewrites, ...end] }
  }

  flows(): ModelFlow[] {
    const random = this.#random
    const flows: ModelFlow[] = []
    for (const tableId of TABLES) {
      const priorities = new Set<number>()
      const count = tableId === 0 ? random.int(3, 7) : random.int(1, 4)
      while (priorities.size < count) priorities.add(random.pick([random.int(1, 65_535), 65_535, 1]))
      for (const priority of priorities) flows.push(this.flow(tableId, priority))
      if (random.chance(0.8)) flows.push(this.flow(tableId, 0, []))
    }
    return flows
  }

  flow(tableId: number, priority: number, match = this.match(tableId)): ModelFlow {
    const cookie = BigInt(tableId * 100_000 + priority)
    if (tableId === 0 && this.#features.has('in 1.0') && this.#random.chance(0.5)) {
      const said = matchOf10(match)
      return { tableId, priority, match: said, cookie, instructions: { ...NO_INSTRUCTIONS, apply: this.oldActions(said, this.#random.int(0, 8)) }, saidIn: 1 }
    }
    return { tableId, priority, match, cookie, ...this.instructions(tableId, match) }
  }

  /** A list of 1.0, which leaves it to the packet whether an action applies. */
  oldActions(match: Match, length: number): Action[] {
    return oldActions(this.#random, match, length, () => this.#output(false))
  }

  /** With the version that can say them. */
  instructions(tableId: number, match: Match): Pick<ModelFlow, 'instructions' | 'saidIn'> {
    const known = (field: OxmName): number => Number(match.find((each) => each.field === field && each.mask === null)?.value ?? 0n)
    const tagged = match.some(({ field, value }) => field === 'vlan_vid' && (value & 0x1000n) !== 0n)
    this.#inParts = this.#features.has('in 1.5') && this.#random.chance(0.4)
    const instructions = this.#instructions(tableId, { ethType: known('eth_type'), tagged, ipProto: known('ip_proto'), icmpv6Type: known('icmpv6_type') })
    this.#inParts = false
    return { instructions, ...[...instructions.apply ?? [], ...instructions.write ?? []].some(isNew) ? { saidIn: 6 as const } : {} }
  }

  #instructions(tableId: number, view: View): Instructions {
    const random = this.#random
    const later = TABLES.filter((table) => table > tableId)
    const useSet = this.#features.has('action set') && random.chance(0.5)
    const length = this.#features.has('long lists') && random.chance(0.3) ? random.int(20, 80) : random.int(0, 6)
    const pushes = tableId === this.#pushTable ? 2 : 0
    const apply = random.chance(0.85) ? this.#actions(view, length, pushes, true) : null
    return {
      ...NO_INSTRUCTIONS,
      apply,
      // Checked against what match and apply-actions have established, as Open vSwitch does.
      write: useSet ? this.#actionSet(view, pushes) : null,
      clear: this.#features.has('action set') && random.chance(0.1),
      writeMetadata: this.#features.has('metadata') && random.chance(0.4) ? this.#metadata() : null,
      gotoTable: later.length > 0 && random.chance(0.6) ? random.pick(later) : null,
    }
  }

  #metadata(): { value: bigint; mask: bigint } {
    const value = this.#random.pick(METADATA)
    const mask = this.#random.pick([0xffffffffffffffffn, 0xffn, 0xff00n])
    return { value: value & mask, mask }
  }

  /** The frame as the controller's, with a list that is checked against what the frame is. OF 1.3.5 §7.3.7 */
  packetOut({ inPort, frame }: ModelPacket): ModelPacket {
    const random = this.#random
    const from = random.chance(0.3) ? Port.CONTROLLER : inPort
    if (this.#features.has('in 1.0') && random.chance(0.4)) return { inPort: from, frame, actions: this.#withTables(this.oldActions([], random.int(0, 5)), random.chance(0.5)), saidIn: 1 }
    const h = parse(frame)
    const icmpv6Type = h.transport === 'icmpv6' ? frame[h.transportAt] ?? 0 : 0
    const view: View = { ethType: h.ethType, tagged: h.tags.length > 0, ipProto: h.proto, icmpv6Type: h.fragment === 'no' ? icmpv6Type : 0 }
    // What goes on through tables has pushes of theirs to come.
    const toTables = random.chance(0.5)
    this.#inParts = this.#features.has('in 1.5') && random.chance(0.4)
    const list = this.#actions(view, random.int(0, 5), toTables ? 0 : 1, true)
    this.#inParts = false
    return { inPort: from, frame, actions: this.#withTables(list, toTables), ...list.some(isNew) ? { saidIn: 6 as const } : {} }
  }

  /** What was kept of an earlier packet, of which nothing is known here. */
  bufferOut(buffer: number): ModelPacket {
    const random = this.#random
    const any: View = { ethType: 0, tagged: false, ipProto: 0, icmpv6Type: 0 }
    const list = this.#actions(any, random.int(0, 4), 0, true).filter((action) => action.type !== 'copy_field' && (action.type !== 'set_field' || /^(eth_(src|dst)|tunnel_id)$/.test(action.field)))
    return { inPort: random.pick([...this.#ports, Port.CONTROLLER]), frame: new Uint8Array(0), actions: this.#withTables(list, random.chance(0.4)), buffer }
  }

  #withTables(list: readonly Action[], toTables: boolean): readonly Action[] {
    const at = this.#random.chance(0.7) ? list.length : this.#random.int(0, list.length)
    return toTables ? [...list.slice(0, at), { type: 'output', port: Port.TABLE, maxLen: 0 }, ...list.slice(at)] : list
  }

  // ---- matches ----

  match(tableId: number): Match {
    const random = this.#random
    const packet = random.pick(this.#packets)
    const h = parse(packet.frame)
    const metadata = tableId > 0 && this.#features.has('metadata') ? random.pick(METADATA) : 0n
    const actual = (field: OxmName): bigint => valueOf(packet.frame, h, { inPort: packet.inPort, metadata, tunnelId: 0n }, field)
    const chosen = new Map<OxmName, FieldValue>()
    const usable = OXM_FIELDS.filter(({ number }) => number <= LAST_OF_1_3).map(({ name }) => name).filter((name) => this.#isWanted(name, tableId) && prerequisitesOf(name, actual) !== null)
    for (let n = random.pick([0, 1, 1, 2, 2, 3, 4]); n > 0 && usable.length > 0; n--) {
      const name = random.pick(usable)
      for (const needed of prerequisitesOf(name, actual) ?? []) chosen.set(needed.field, needed)
      const wanted = this.#fieldValue(name, actual(name))
      if (!chosen.has(name) && wanted !== null) chosen.set(name, wanted)
    }
    const canonical = canonicalMatch([...chosen.values()])
    if ('error' in canonical) throw new Error(`the generator made a match that is not valid: ${canonical.reason}`)
    return canonical.match
  }

  #isWanted(name: OxmName, tableId: number): boolean {
    switch (name) {
      case 'metadata': return this.#features.has('metadata') && tableId > 0
      case 'tunnel_id': return this.#features.has('tunnel')
      case 'ipv6_exthdr': return this.#features.has('extensions')
      case 'in_phy_port': return this.#random.chance(0.1)
      default: return true
    }
  }

  /** What the frame has, in whole or in part, or now and then something else; null for a mask of nothing. */
  #fieldValue(field: OxmName, actual: bigint): FieldValue | null {
    const random = this.#random
    const { ones, maskable, bits } = OXM[field]
    const value = random.chance(0.1) ? actual ^ (1n << BigInt(random.int(0, field === 'vlan_vid' ? 11 : bits - 1))) : actual
    if (field === 'vlan_vid' && value === 0n) return { field, value, mask: random.chance(0.5) ? null : 0x1000n }
    if (field === 'vlan_vid' && (value & 0x1000n) === 0n) return { field, value: 0n, mask: null }
    if (!maskable || random.chance(0.5)) return { field, value, mask: null }
    const mask = (random.pick([ones << BigInt(random.int(0, bits)), big(Buffer.from(random.bytes(16)))]) & ones) | (field === 'vlan_vid' ? 0x1000n : 0n)
    return mask === 0n ? null : { field, value: value & mask, mask: mask === ones ? null : mask }
  }

  // ---- actions ----

  /** `pushes` is how many tags, and how many labels, may be pushed. */
  #actions(view: View, length: number, pushes: number, outputs: boolean): Action[] {
    const actions: Action[] = []
    const budget = { vlan: pushes, mpls: pushes, pbb: Math.min(1, pushes) }
    for (let left = length; left > 0; left--) {
      if (outputs && this.#random.chance(0.35)) actions.push(this.#output(true))
      else actions.push(...this.#rewrite(view, budget))
    }
    return actions
  }

  #output(groups: boolean): Action {
    const random = this.#random
    if (groups && this.#groups.length > 0 && random.chance(0.3)) return { type: 'group', groupId: random.pick(this.#groups).groupId }
    const ordinary = this.#features.has('normal') ? [Port.NORMAL, Port.NORMAL, Port.NORMAL, Port.NORMAL, Port.NORMAL] : []
    const watched = this.#features.has('buffers') ? [Port.CONTROLLER, Port.CONTROLLER, Port.CONTROLLER, Port.CONTROLLER] : []
    const port = random.pick([...this.#ports, ...this.#ports, ...this.#ports, Port.IN_PORT, Port.ALL, Port.FLOOD, Port.CONTROLLER, Port.CONTROLLER, 77, ...ordinary, ...watched])
    return { type: 'output', port, maxLen: port === Port.CONTROLLER ? random.pick(this.#features.has('buffers') ? [0, 14, 20, 64, 128, 0xffff] : [0, 64, 0xffff, 0xffff]) : 0 }
  }

  #rewrite(view: View, budget: { vlan: number; mpls: number; pbb: number }): Action[] {
    const random = this.#random
    const features = this.#features
    const set = (field: OxmName, ...values: readonly (bigint | number)[]) => (): Action[] => [this.#set(field, BigInt(random.pick(values)))]
    const simple = (type: 'dec_nw_ttl' | 'dec_mpls_ttl' | 'copy_ttl_in' | 'copy_ttl_out') => (): Action[] => [{ type }]
    const choices: (() => Action[])[] = [set('eth_src', ...addresses.mac), set('eth_dst', ...addresses.mac)]
    const ip = view.ethType === 0x0800 || view.ethType === 0x86dd
    const mpls = view.ethType === 0x8847 || view.ethType === 0x8848
    const vids = pool.vid.map((vid) => 0x1000 | vid)
    if (features.has('tunnel')) choices.push(set('tunnel_id', 0, 5, 0x1_0000_0001))
    if (features.has('queues')) choices.push(() => [{ type: 'set_queue', queueId: random.pick([0, 1, 2, 3, 1000, 0xffff_fffe]) }])
    if (features.has('vlan') && budget.vlan > 0) choices.push(() => {
      budget.vlan--
      view.tagged = true
      return [{ type: 'push_vlan', ethertype: random.pick([0x8100, 0x88a8]) }, ...random.chance(0.5) ? set('vlan_vid', ...vids)() : [], ...random.chance(0.3) ? set('vlan_pcp', 1, 6)() : []]
    })
    if (view.tagged) choices.push(set('vlan_vid', ...vids), set('vlan_pcp', 0, 3, 7), () => { view.tagged = false; return [{ type: 'pop_vlan' }] })
    if (features.has('mpls') && budget.mpls > 0) choices.push(() => {
      budget.mpls--
      const ethertype = random.pick([0x8847, 0x8847, 0x8848])
      Object.assign(view, { ethType: ethertype, ipProto: 0 })
      return [{ type: 'push_mpls', ethertype }]
    })
    if (mpls) {
      choices.push(set('mpls_label', ...pool.label), set('mpls_tc', 0, 5), simple('dec_mpls_ttl'), () => [{ type: 'set_mpls_ttl', ttl: random.pick([0, 1, 7, 255]) }],
        () => { const ethertype = random.pick([0x0800, 0x86dd, 0x8847, 0x8847, 0x9000]); view.ethType = ethertype; return [{ type: 'pop_mpls', ethertype }] })
      if (features.has('copy ttl')) choices.push(simple('copy_ttl_in'), simple('copy_ttl_out'))
      // A label without the bit shows more labels, which a switch need not have looked for when it copies a TTL.
      if (features.has('structural set') && !features.has('copy ttl')) choices.push(set('mpls_bos', 0, 1))
    }
    if (features.has('pbb') && budget.pbb > 0) choices.push(() => {
      budget.pbb--
      Object.assign(view, { ethType: 0x88e7, tagged: false, ipProto: 0 })
      return [{ type: 'push_pbb', ethertype: 0x88e7 }]
    })
    if (view.ethType === 0x88e7) choices.push(set('pbb_isid', 0, 77, 0xffffff), () => { view.ethType = 0; return [{ type: 'pop_pbb' }] })
    if (ip) {
      choices.push(set('ip_dscp', 0, 10, 63), set('ip_ecn', 0, 1, 3), simple('dec_nw_ttl'), () => [{ type: 'set_nw_ttl', ttl: random.pick([0, 1, 32, 255]) }])
      choices.push(...this.#transport(view, set))
      if (features.has('structural set')) choices.push(set('ip_proto', 6, 17, 47))
    }
    if (view.ethType === 0x0800) choices.push(set('ipv4_src', ...addresses.ipv4), set('ipv4_dst', ...addresses.ipv4))
    if (view.ethType === 0x86dd) choices.push(set('ipv6_src', ...addresses.ipv6), set('ipv6_dst', ...addresses.ipv6), set('ipv6_flabel', 0, 0x12345))
    if (view.ethType === 0x0806) choices.push(set('arp_op', 1, 2), set('arp_spa', ...addresses.ipv4), set('arp_tpa', ...addresses.ipv4), set('arp_sha', ...addresses.mac), set('arp_tha', ...addresses.mac))
    if (features.has('copies')) choices.push(() => [this.#copy(view)], () => [this.#copy(view)])
    if (features.has('structural set')) choices.push(set('eth_type', 0x0800, 0x86dd, 0x9000))
    return random.pick(choices)()
  }

  /** Any bits of what the view has, or of what is beside the frame. */
  #copy(view: View): Action {
    const random = this.#random
    const fields = [...this.#headerFields(view), ...this.#features.has('tunnel') ? ['tunnel_id'] as const : [], ...this.#features.has('metadata') ? ['metadata'] as const : []]
    const src = random.pick([...fields, 'in_port', 'eth_type', 'vlan_vid'] as const)
    const dst = random.pick(fields)
    const width = (field: OxmName): number => (field === 'vlan_vid' ? 12 : OXM[field].bits)
    const most = Math.min(width(src), width(dst))
    const bits = random.chance(0.5) ? most : random.int(1, most)
    return { type: 'copy_field', bits, src, srcOffset: random.int(0, width(src) - bits), dst, dstOffset: random.int(0, width(dst) - bits) }
  }

  #headerFields(view: View): OxmName[] {
    const fields: OxmName[] = ['eth_dst', 'eth_src', ...view.tagged ? ['vlan_vid', 'vlan_pcp'] as const : []]
    const set = (field: OxmName) => (): Action[] => {
      fields.push(field)
      return []
    }
    for (const add of this.#transport(view, set)) add()
    if (view.ethType === 0x0800) fields.push('ipv4_src', 'ipv4_dst', 'ip_dscp', 'ip_ecn')
    if (view.ethType === 0x86dd) fields.push('ipv6_src', 'ipv6_dst', 'ipv6_flabel', 'ip_dscp', 'ip_ecn')
    if (view.ethType === 0x0806) fields.push('arp_op', 'arp_spa', 'arp_tpa', 'arp_sha', 'arp_tha')
    if (view.ethType === 0x8847 || view.ethType === 0x8848) fields.push('mpls_label', 'mpls_tc')
    if (view.ethType === 0x88e7) fields.push('pbb_isid')
    return fields
  }

  #set(field: OxmName, value: bigint): Action {
    const random = this.#random
    const { ones, bits } = OXM[field]
    if (!this.#inParts || structural.includes(field) || random.chance(0.4)) return { type: 'set_field', field, value, mask: null }
    const some = random.pick([ones << BigInt(random.int(0, bits - 1)), ones >> BigInt(random.int(0, bits - 1)), big(Buffer.from(random.bytes(16)))]) & ones
    const mask = (some === 0n ? 1n : some) | (field === 'vlan_vid' ? 0x1000n : 0n)
    return { type: 'set_field', field, value: value & mask, mask: mask === ones ? null : mask }
  }

  #transport(view: View, set: (field: OxmName, ...values: readonly (bigint | number)[]) => () => Action[]): (() => Action[])[] {
    switch (view.ipProto) {
      case 6: return [set('tcp_src', ...pool.port), set('tcp_dst', ...pool.port)]
      case 17: return [set('udp_src', ...pool.port), set('udp_dst', ...pool.port)]
      case 132: return [set('sctp_src', ...pool.port), set('sctp_dst', ...pool.port)]
      case 1: return view.ethType === 0x0800 ? [set('icmpv4_type', 0, 8), set('icmpv4_code', 0, 3)] : []
      case 58: {
        if (view.ethType !== 0x86dd) return []
        if (view.icmpv6Type === 135) return [set('ipv6_nd_target', ...addresses.ipv6), set('ipv6_nd_sll', ...addresses.mac)]
        if (view.icmpv6Type === 136) return [set('ipv6_nd_target', ...addresses.ipv6), set('ipv6_nd_tll', ...addresses.mac)]
        return [set('icmpv6_code', 0, 1)]
      }
      default: return []
    }
  }

  /** At most one action of each kind, and of each field. OF 1.3.5 §5.10 */
  #actionSet(view: View, pushes: number): Action[] {
    // No copy: the switch has none in a set.
    const rewrites = this.#distinct(view, this.#random.int(0, 4), Math.min(1, pushes)).filter(({ type }) => type !== 'copy_field')
    return [...rewrites, ...this.#random.chance(0.8) ? [this.#output(true)] : []]
  }

  #distinct(view: View, length: number, pushes: number): Action[] {
    const kinds = new Map<string, Action>()
    for (let left = length; left > 0; left--) {
      const afterwards = { ...view }
      const more = this.#actions(afterwards, 1, pushes, false).map((action) => [action.type === 'set_field' ? action.field : action.type, action] as const)
      if (more.some(([kind]) => kinds.has(kind) || structural.includes(kind))) continue
      for (const [kind, action] of more) kinds.set(kind, action)
      Object.assign(view, afterwards)
    }
    return [...kinds.values()]
  }
}

const structural: readonly string[] = ['eth_type', 'ip_proto', 'mpls_bos']
/** What 1.3 cannot say. */
const isNew = (action: Action): boolean => action.type === 'set_field' && action.mask !== null

/** What else has to be in a match with this field, for a frame that has it; null if the frame does not. OF 1.3.5 §7.2.3.6 */
function prerequisitesOf(field: OxmName, actual: (field: OxmName) => bigint): FieldValue[] | null {
  const all: FieldValue[] = []
  for (const { field: needed, values } of OXM[field].prerequisites) {
    const value = actual(needed)
    if (values === 'tagged' ? (value & 0x1000n) === 0n : values !== 'any' && !values.includes(value)) return null
    const deeper = prerequisitesOf(needed, actual)
    if (deeper === null) return null
    all.push(...deeper, { field: needed, value, mask: null })
  }
  return all
}
