/**
 * What Open vSwitch does otherwise than the text, or in its own way where the text is silent: a rule for each, which the
 * model can be asked to follow. A packet whose outcome is the same with and without the rules is one that all ways agree
 * on; the others are compared by the rules. What Open vSwitch has no room for is not put in.
 */
import type { Action } from '../../src/openflow/model.js'
import { parse } from './headers.js'

export const habits = {
  freshTag: 'VID and PCP of a pushed tag are zero, not those of the tag below it (OF 1.3.5 §5.12.1; docs/adr/0010)',
  vidMakesTag: 'a bucket that sets the VID of a frame without a tag gives it one (OF 1.3.5 §5.12: there is none to set)',
  freshLabel: 'the first label is an explicit null of its IP version, with the DSCP as TC, and a TTL of 0 is 64 (OF 1.3.5 §5.12.1: zero, TTL of the IP header)',
  wholeStack: 'pop_mpls to a type that is not MPLS takes all labels away (OF 1.3.5 §5.12: the outermost one)',
  emptyGroupCounts: 'an ALL group without buckets counts packets, other groups that no bucket serves do not (the text is silent)',
  setNeedsOutput: 'an action set or bucket without output and group is not executed, also where a TTL would run out in it (the text is silent)',
  setOfFirstTable: 'a packet-in of the action set names the flow of the first table (OF 1.3.5 §7.4.1: of the table where it was sent)',
  noMissFromController: 'what a packet-out has sent to the tables is no table-miss there, but an action (OF 1.3.5 §5.4)',
  saysAnyway: 'OFPPC_NO_PACKET_IN holds for packets that match no flow, not for what a table-miss flow sends (OF 1.3.5 §7.2.1, §5.4: a table-miss all the same)',
  setAfterMiss: 'a packet that matches no flow has its action set executed (OF 1.3.5 §5.4: dropped)',
  setAfterTtl: 'the action set is executed where a TTL has run out (OF 1.3.5 §5.12: rejected; docs/adr/0015)',
  listEndsWithoutLabel: 'a list ends at dec_mpls_ttl of a frame without a label, as if the TTL had run out, without a packet-in',
  deafToPacketOuts: 'a packet-out that names a port with OFPPC_NO_RECV goes nowhere (OF 1.3.5 §7.2.1: packets received on the port)',
  groupsBeginAnew: 'a group that is changed counts from zero (OF 1.3.5 §5.8: as long as the group is there)',
  losesCounts: 'what its cache has counted when flows are changed is told of the wrong flow, or of none (OF 1.3.5 §5.8)',
} as const
export type Habit = keyof typeof habits
export type Habits = ReadonlySet<Habit>
export const NO_HABITS: Habits = new Set()
export const habitsOfOpenVSwitch: Habits = new Set(Object.keys(habits) as Habit[])

/** Tags and labels that Open vSwitch looks at: FLOW_MAX_VLAN_HEADERS, FLOW_MAX_MPLS_LABELS. */
const MOST_TAGS = 2, MOST_LABELS = 3

/** It has no more tags and labels than Open vSwitch keeps, and no DEI, whose bit says there that a tag is present. */
export function isSeenByOpenVSwitch(frame: Uint8Array): boolean {
  const { tags, labels, arpAt } = parse(frame)
  // Of an ARP operation it reads one byte.
  if (arpAt >= 0 && frame[arpAt + 6] !== 0) return false
  return tags.length <= MOST_TAGS && labels.length <= MOST_LABELS && tags.every((at) => ((frame[at + 2] ?? 0) & 0x10) === 0)
}

/** NORMAL takes tags without VLAN and priority out, there the inner one too. */
export const isForwardedByOpenVSwitch = (frame: Uint8Array): boolean =>
  parse(frame).tags.every((at) => ((frame[at + 2] ?? 0) & 0xef) !== 0 || frame[at + 3] !== 0)

/**
 * Whether Open vSwitch does to this frame what the action says. It writes to IP headers and labels that the type speaks of and
 * that are not there, and to checksums of transport headers that are not there, not to those behind extension headers; it puts
 * the type of MPLS in the place of an 802.3 length, forgets another type of MPLS, and does not look for labels below the last.
 */
export function isFollowed(action: Action, frame: Uint8Array): boolean {
  const { ethType, tags, typeAt, arpAt, ipv4At, ipv6At, labels, proto, transport, fragment, extensions } = parse(frame)
  switch (action.type) {
    case 'output': case 'enqueue': case 'group': case 'set_queue': case 'push_vlan': case 'pop_vlan': case 'set_vlan_vid': case 'set_vlan_pcp': case 'note': return true
    case 'push_mpls': if (labels.length > 0 && action.ethertype !== ethType) return false
      break
    case 'pop_mpls': if ((action.ethertype === 0x8847 || action.ethertype === 0x8848) && (labels.length === 1 || action.ethertype !== ethType)) return false
      break
    // It takes an operation of 0 for none, which it does not write.
    case 'copy_field': return action.dst !== 'arp_op' && [action.src, action.dst].every((field) => isFollowed({ type: 'set_field', field, value: 0n, mask: null }, frame))
    case 'set_field':
      if (action.field.startsWith('arp_') && ethType === 0x0806) return arpAt >= 0
      // On top of as many labels as it keeps it writes those of another packet.
      if (action.field.startsWith('mpls_') && labels.length >= MOST_LABELS) return false
      if (/^(tcp|udp|sctp|icmp|ipv6_nd)/.test(action.field) && fragment === 'later') return false
      if (/^ipv[46]_(src|dst)/.test(action.field) && (fragment === 'later' || extensions !== 0 || (transport === null && [6, 17, 58, 132].includes(proto)))) return false
      if (/^(eth_dst|eth_src|vlan_|tunnel_)/.test(action.field)) return true
  }
  if (/_mpls$/.test(action.type) && (ethType < 0x600 || typeAt !== 12 + 4 * tags.length)) return false
  if (ethType === 0x0800) return ipv4At >= 0
  if (ethType === 0x86dd) return ipv6At >= 0
  return (ethType !== 0x8847 && ethType !== 0x8848) || labels.length > 0
}
