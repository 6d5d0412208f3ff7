/**
 * Random flow tables of the differential test, written in the syntax of ovs-ofctl so that every switch gets the same
 * text. Matches are taken from the case's packets most of the time; actions follow from what the match has established
 * (prerequisites, OF 1.3.5 §7.2.3.8), so that every flow is valid.
 *
 * Left out because the switches may legitimately differ:
 * - VID and PCP of a fresh tag: the text copies them from the outer tag (OF 1.3.5 §5.12.1), Open vSwitch uses zero.
 *   A push is always followed by setting both.
 * - TC of a fresh MPLS label: the text copies it from an outer label or else has zero (OF 1.3.5 §5.12.1), Open vSwitch takes
 *   it from the DSCP of the IP header. A push is always followed by setting it.
 * - SELECT groups: which bucket is taken is the switch's choice (OF 1.3.5 §5.6.1).
 * - Overlapping flows of equal priority (OF 1.3.5 §5.3): priorities are unique in a table.
 * - A third VLAN tag, or a fourth MPLS label: Open vSwitch keeps track of two and three. Nothing is pushed on double-tagged packets.
 * - Addresses of fragments: Open vSwitch adjusts a transport checksum in the payload of a later fragment, which has none.
 * - A TTL that runs out while there is an action set: Open vSwitch ends the list and carries out the set as it is then;
 *   whether that is meant the text does not say. TTLs run out in cases without action sets only.
 * - A table without a table-miss flow while there is an action set: Open vSwitch executes the set, the text drops the packet
 *   (OF 1.3.5 §5.4).
 * - Masks on fields that OpenFlow 1.3 does not declare maskable (OF 1.3.5 table 12).
 */
import { type Features, type L4, type Packet, pool, protocolNumber } from './packets.js'
import type { Random } from './random.js'

export interface Flow {
  readonly table: number
  readonly priority: number
  readonly match: readonly string[]
  /** Units that stay together, e.g. a push and the fields of the new tag. */
  readonly apply: readonly string[]
  readonly clear: boolean
  readonly write: readonly string[]
  readonly writeMetadata: string | null
  readonly goto: number | null
}

export interface Group { readonly id: number; readonly type: 'all' | 'indirect' | 'ff'; readonly buckets: readonly string[] }

export interface Case {
  readonly seed: number
  readonly features: Features
  readonly flows: readonly Flow[]
  readonly groups: readonly Group[]
  readonly packets: readonly Packet[]
}

export const flowText = (flow: Flow): string => {
  const instructions = [
    ...flow.apply,
    ...flow.clear ? ['clear_actions'] : [],
    ...flow.write.length > 0 ? [`write_actions(${flow.write.join(',')})`] : [],
    ...flow.writeMetadata === null ? [] : [`write_metadata:${flow.writeMetadata}`],
    ...flow.goto === null ? [] : [`goto_table:${flow.goto}`],
  ]
  return `table=${flow.table},priority=${flow.priority}${flow.match.map((each) => `,${each}`).join('')}`
    + `,actions=${instructions.length === 0 ? 'drop' : instructions.join(',')}`
}

export const groupText = (group: Group): string =>
  `group_id=${group.id},type=${group.type}${group.buckets.map((bucket) => `,bucket=${bucket}`).join('')}`

export const TABLES = 4
const METADATA = ['0x1', '0x2/0xff', '0x5a00/0xff00', '0xabcdef0123456789']

/** What a match has established about the packets that reach its actions. */
interface Context {
  vlan: 'none' | 'tagged' | 'unknown'
  l3: 'any' | 'arp' | 'ip' | 'ipv6' | 'mpls'
  l4: L4['kind'] | 'any'
  nd: 'none' | 'solicitation' | 'advertisement'
  bottom: boolean | null
}

export class FlowGenerator {
  readonly #random: Random
  readonly #features: Features
  readonly #packets: readonly Packet[]
  readonly #ports: readonly number[]
  #groups: readonly Group[] = []

  constructor(random: Random, features: Features, packets: readonly Packet[], ports: readonly number[]) {
    this.#random = random
    this.#features = features
    this.#packets = packets
    this.#ports = ports
  }

  groups(): readonly Group[] {
    if (!this.#features.groups) return []
    const random = this.#random
    const groups: Group[] = []
    for (let id = 1; id <= random.int(1, 3); id++) {
      const type = random.pick(['all', 'all', 'indirect', 'ff'] as const)
      const buckets = Array.from({ length: type === 'indirect' ? 1 : random.int(1, 3) }, () => this.#bucket(type, groups))
      groups.push({ id: id * 11, type, buckets })
    }
    return this.#groups = groups
  }

  flows(): Flow[] {
    const random = this.#random
    const flows: Flow[] = []
    for (let table = 0; table < TABLES; table++) {
      const count = table === 0 ? random.int(3, 7) : random.int(1, 4)
      const priorities = new Set<number>()
      while (priorities.size < count) priorities.add(random.int(1, 40_000))
      for (const priority of priorities) flows.push(this.#flow(table, priority))
      if (random.chance(0.8) || this.#features.actionSet) flows.push(this.#tableMiss(table))
    }
    return flows
  }

  #bucket(type: Group['type'], lower: readonly Group[]): string {
    const random = this.#random
    const watch = type === 'ff' ? [`watch_port:${random.pick(this.#ports)}`] : []
    const chained = lower.filter((group) => group.type !== 'ff')
    if (chained.length > 0 && type !== 'ff' && random.chance(0.2)) return `actions=group:${random.pick(chained).id}`
    const rewrites = [
      ...random.chance(0.3) ? [`set_field:${random.pick(pool.unicast)}->eth_src`] : [],
      ...random.chance(0.3) ? [`set_field:${random.pick(pool.unicast)}->eth_dst`] : [],
      ...this.#features.vlan && !this.#features.qinq && random.chance(0.2) ? [this.#push()] : [],
    ]
    return [...watch, ['actions=' + [...rewrites, `output:${random.pick(this.#ports)}`].join(',')]].join(',')
  }

  #tableMiss(table: number): Flow {
    const random = this.#random
    const last = table === TABLES - 1
    return {
      table, priority: 0, match: [], clear: false, write: [], writeMetadata: null,
      apply: random.chance(0.5) ? [this.#output()] : [],
      goto: !last && random.chance(0.6) ? random.int(table + 1, TABLES - 1) : null,
    }
  }

  #flow(table: number, priority: number): Flow {
    const random = this.#random
    const context: Context = { vlan: 'unknown', l3: 'any', l4: 'any', nd: 'none', bottom: null }
    const match = this.#match(context, table)
    const useSet = this.#features.actionSet && random.chance(0.5)
    const write = useSet ? this.#actionSet({ ...context }) : []
    const apply = this.#applyList(context)
    return {
      table, priority, match, apply, write,
      clear: this.#features.actionSet && random.chance(0.1),
      writeMetadata: table < TABLES - 1 && random.chance(0.3) ? random.pick(METADATA) : null,
      goto: table < TABLES - 1 && random.chance(0.6) ? random.int(table + 1, TABLES - 1) : null,
    }
  }

  // ---- matches ----

  #match(context: Context, table: number): string[] {
    const random = this.#random
    const packet = random.pick(this.#packets)
    const match: string[] = []
    if (random.chance(0.15)) match.push(`in_port=${packet.inPort}`)
    if (table > 0 && random.chance(0.15)) match.push(`metadata=${random.pick(METADATA)}`)
    if (random.chance(0.1)) match.push(random.chance(0.7) ? `dl_src=${packet.src}` : 'dl_src=02:00:00:00:00:a0/ff:ff:ff:ff:ff:f0')
    if (random.chance(0.12)) match.push(random.pick([`dl_dst=${packet.dst}`, 'dl_dst=01:00:00:00:00:00/01:00:00:00:00:00', 'dl_dst=33:33:00:00:00:00/ff:ff:00:00:00:00']))
    if (this.#features.vlan || this.#features.qinq || random.chance(0.1)) this.#matchVlan(match, context, packet)
    if (random.chance(0.75)) this.#matchL3(match, context, packet)
    return match
  }

  #matchVlan(match: string[], context: Context, packet: Packet): void {
    const random = this.#random
    const vid = packet.tags[0]?.vid ?? random.pick(pool.vid)
    switch (random.pick(['nothing', 'none', 'any', 'exact', 'exact', 'pcp', 'masked'])) {
      case 'none': match.push('vlan_tci=0x0000/0x1fff'); context.vlan = 'none'; break
      case 'any': match.push('vlan_tci=0x1000/0x1000'); context.vlan = 'tagged'; break
      case 'exact': match.push(`dl_vlan=${vid}`); context.vlan = 'tagged'; break
      case 'pcp': match.push(`dl_vlan=${vid}`, `dl_vlan_pcp=${packet.tags[0]?.pcp ?? 3}`); context.vlan = 'tagged'; break
      case 'masked': match.push(`vlan_tci=0x${(0x1000 | (vid & 0x1c)).toString(16)}/0x101c`); context.vlan = 'tagged'; break
    }
  }

  #matchL3(match: string[], context: Context, packet: Packet): void {
    const random = this.#random
    const maybe = (text: string, probability = 0.15): void => { if (random.chance(probability)) match.push(text) }
    if (packet.labels.length > 0) {
      const [label] = packet.labels
      context.l3 = 'mpls'
      match.push('dl_type=0x8847')
      maybe(`mpls_label=${label?.label}`)
      // Open vSwitch writes a whole label stack entry from its cache; without the TC in the match it is that of an earlier packet.
      match.push(`mpls_tc=${label?.tc}`)
      if (random.chance(0.6)) {
        context.bottom = packet.labels.length === 1
        match.push(`mpls_bos=${context.bottom ? 1 : 0}`)
      }
      return
    }
    const { l3 } = packet
    switch (l3.kind) {
      case 'none': match.push(`dl_type=0x${l3.ethertype.toString(16)}`); break
      case 'arp':
        context.l3 = 'arp'
        match.push('arp')
        maybe(`arp_op=${l3.op}`)
        maybe(random.chance(0.5) ? `arp_spa=${l3.spa}` : 'arp_spa=10.0.0.0/8')
        maybe(random.chance(0.5) ? `arp_tpa=${l3.tpa}` : 'arp_tpa=0.0.0.1/0.0.0.1')
        maybe(`arp_sha=${l3.sha}`)
        maybe(random.chance(0.5) ? `arp_tha=${l3.tha}` : 'arp_tha=02:00:00:00:00:00/ff:00:00:00:00:00')
        break
      case 'ip':
      case 'ipv6':
        context.l3 = l3.kind
        match.push(l3.kind)
        if (l3.kind === 'ip') {
          maybe(random.pick([`nw_src=${l3.src}`, 'nw_src=10.0.0.0/16', 'nw_src=0.0.0.1/0.0.0.255']))
          maybe(random.pick([`nw_dst=${l3.dst}`, 'nw_dst=10.0.0.0/8', 'nw_dst=128.0.0.0/1']))
        } else {
          maybe(random.pick([`ipv6_src=${l3.src}`, 'ipv6_src=2001:db8::/48', 'ipv6_src=::1/::ff']))
          maybe(random.pick([`ipv6_dst=${l3.dst}`, 'ipv6_dst=2001:db8::/32', 'ipv6_dst=ff00::/8']))
          maybe(random.chance(0.5) ? `ipv6_label=0x${l3.label.toString(16)}` : 'ipv6_label=0x1/0xf', 0.2)
        }
        maybe(`ip_dscp=${l3.tos >> 2}`, 0.2)
        maybe(`nw_ecn=${l3.tos & 3}`, 0.1)
        if (random.chance(0.5)) this.#matchL4(match, context, l3.l4)
        break
    }
  }

  #matchL4(match: string[], context: Context, l4: L4): void {
    const maybe = (text: string, probability = 0.35): void => { if (this.#random.chance(probability)) match.push(text) }
    match.push(`nw_proto=${protocolNumber(l4)}`)
    context.l4 = l4.kind
    switch (l4.kind) {
      case 'tcp': case 'udp': case 'sctp':
        maybe(`${l4.kind}_src=${l4.src}`)
        maybe(`${l4.kind}_dst=${l4.dst}`)
        break
      case 'icmp': maybe(`icmp_type=${l4.type}`); maybe(`icmp_code=${l4.code}`, 0.3); break
      case 'icmp6':
        if (l4.nd === undefined) { maybe(`icmp_type=${l4.type}`); break }
        match.push(`icmp_type=${l4.type}`, 'icmp_code=0')
        context.nd = l4.type === 135 ? 'solicitation' : 'advertisement'
        maybe(`nd_target=${l4.nd.target}`)
        maybe(`${l4.type === 135 ? 'nd_sll' : 'nd_tll'}=${l4.nd.lladdr}`)
        break
    }
  }

  // ---- actions ----

  #applyList(context: Context): string[] {
    const random = this.#random
    const units: string[] = []
    for (let left = random.int(1, 6); left > 0; left--)
      units.push(random.chance(0.35) ? this.#output() : this.#rewrite(context) ?? this.#output())
    return units
  }

  #output(): string {
    const random = this.#random
    if (this.#groups.length > 0 && random.chance(0.3)) return `group:${random.pick(this.#groups).id}`
    return random.pick([
      ...this.#ports.map((port) => `output:${port}`), ...this.#ports.map((port) => `output:${port}`), 'IN_PORT', 'ALL', 'CONTROLLER:128',
    ])
  }

  /** VID 0 and PCP are set even where they would be zero anyway: see the head of the file. */
  #push(): string {
    const random = this.#random
    return `push_vlan:${random.pick(['0x8100', '0x8100', '0x88a8'])},set_field:${0x1000 | random.pick(pool.vid)}->vlan_vid,set_field:${random.int(0, 7)}->vlan_pcp`
  }

  #rewrite(context: Context): string | undefined {
    const random = this.#random
    const choices: (() => string)[] = [
      () => `set_field:${random.pick(pool.unicast)}->eth_src`,
      () => `set_field:${random.pick(pool.eth)}->eth_dst`,
    ]
    if (this.#features.vlan || this.#features.qinq) choices.push(...this.#vlanRewrites(context))
    choices.push(...this.#l3Rewrites(context), ...this.#l4Rewrites(context))
    if (this.#features.mpls) choices.push(...this.#mplsRewrites(context))
    return random.pick(choices)()
  }

  #vlanRewrites(context: Context): (() => string)[] {
    const random = this.#random
    const choices: (() => string)[] = []
    if (context.vlan === 'tagged') {
      choices.push(
        () => `set_field:${0x1000 | random.pick(pool.vid)}->vlan_vid`,
        () => `set_field:${random.int(0, 7)}->vlan_pcp`,
        () => { context.vlan = 'unknown'; return 'pop_vlan' },
        () => { context.vlan = 'unknown'; return 'pop_vlan' },
      )
    } else if (!this.#features.qinq && context.vlan === 'none') {
      choices.push(...Array(3).fill(() => { context.vlan = 'tagged'; return this.#push() }) as (() => string)[])
    }
    return choices
  }

  #l3Rewrites(context: Context): (() => string)[] {
    const random = this.#random
    const field = (name: string, from: readonly (string | number)[]) => () => `set_field:${random.pick(from)}->${name}`
    const ttl = [() => 'dec_ttl', () => `mod_nw_ttl:${random.pick([16, 32, 255])}`]
    switch (context.l3) {
      case 'arp':
        return [field('arp_op', [1, 2]), field('arp_spa', pool.ipv4), field('arp_tpa', pool.ipv4), field('arp_sha', pool.unicast), field('arp_tha', pool.unicast)]
      case 'ip':
        return [...this.#features.fragments ? [] : [field('ip_src', pool.ipv4), field('ip_dst', pool.ipv4)], field('ip_dscp', [0, 10, 46, 63]), field('ip_ecn', [0, 1, 3]), ...ttl]
      case 'ipv6':
        return [field('ipv6_src', pool.ipv6), field('ipv6_dst', pool.ipv6), field('ipv6_label', [0, 0x12345]), field('ip_dscp', [0, 10, 46]), field('ip_ecn', [0, 2]), ...ttl]
      default: return []
    }
  }

  #l4Rewrites(context: Context): (() => string)[] {
    const random = this.#random
    // Ports of a fragment are zero to Open vSwitch and absent to others; rewriting them is left to cases without fragments.
    if (this.#features.fragments || context.l3 === 'mpls') return []
    const field = (name: string, from: readonly (string | number)[]) => () => `set_field:${random.pick(from)}->${name}`
    if (context.l4 === 'tcp' || context.l4 === 'udp' || context.l4 === 'sctp')
      return [field(`${context.l4}_src`, pool.port), field(`${context.l4}_dst`, pool.port)]
    if (context.l4 === 'icmp6' && context.nd === 'solicitation') return [field('nd_target', pool.ipv6), field('nd_sll', pool.unicast)]
    if (context.l4 === 'icmp6' && context.nd === 'advertisement') return [field('nd_target', pool.ipv6), field('nd_tll', pool.unicast)]
    return []
  }

  #mplsRewrites(context: Context): (() => string)[] {
    const random = this.#random
    const pushed = (): string => {
      context.bottom = context.l3 === 'mpls' ? false : true
      context.l3 = 'mpls'
      context.l4 = 'any'
      // Open vSwitch takes the traffic class of a first label from the DSCP; by the text it is 0 (OF 1.3.5 §5.12.1).
      return `push_mpls:0x8847,set_field:${random.pick(pool.label)}->mpls_label,set_field:${random.int(0, 7)}->mpls_tc`
    }
    if (context.l3 === 'ip') return [pushed]
    if (context.l3 !== 'mpls') return []
    const choices: (() => string)[] = [
      () => `set_field:${random.pick(pool.label)}->mpls_label`,
      () => `set_field:${random.int(0, 7)}->mpls_tc`,
      () => 'dec_mpls_ttl',
      // No set_mpls_ttl: Open vSwitch writes the whole label stack entry from its cache, with TC and S of an earlier packet.
    ]
    if (context.bottom === true) choices.push(() => { context.l3 = 'ip'; context.l4 = 'any'; context.bottom = null; return 'pop_mpls:0x0800' })
    if (context.bottom === false) choices.push(() => { context.bottom = null; return 'pop_mpls:0x8847' })
    return choices
  }

  /**
   * One action of each kind (OF 1.3.5 §5.10). Only rewrites that hold for whatever later tables do to the packet:
   * addresses and, in cases without VLANs, the fields of the IP header.
   */
  #actionSet(context: Context): string[] {
    const random = this.#random
    const set: string[] = []
    if (random.chance(0.3)) set.push(`set_field:${random.pick(pool.unicast)}->eth_src`)
    if (random.chance(0.3)) set.push(`set_field:${random.pick(pool.eth)}->eth_dst`)
    if (!this.#features.mpls && (context.l3 === 'ip' || context.l3 === 'ipv6') && random.chance(0.3)) set.push('dec_ttl')
    // Open vSwitch changes payload where it takes a later fragment for a TCP header.
    if (!this.#features.mpls && !this.#features.fragments && context.l3 === 'ip' && random.chance(0.3)) set.push(`set_field:${random.pick(pool.ipv4)}->ip_src`)
    if (this.#features.vlan && !this.#features.qinq && context.vlan === 'none' && random.chance(0.3)) set.push(this.#push())
    if (random.chance(0.8)) set.push(this.#output())
    return set.filter((action) => action !== '')
  }
}
