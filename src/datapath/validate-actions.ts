/**
 * Checks of action lists: what the pipeline can do, arguments, and consistency with the match and with the earlier
 * actions of the list. OF 1.3.5 §5.12, §6.4, §7.2.5; the consistency rules are Open vSwitch's.
 *
 * Consistency is tracked by a view of the packet: what the match guarantees, changed by pushes and pops. OF 1.0 leaves
 * it to the packet whether an action applies (OF 1.0 §3.3), so only arguments are checked there.
 */
import { OXM, Port } from '../openflow/index.js'
import type { Action, ErrorName, Match, OxmName } from '../openflow/index.js'
import type { ActionRules } from './capabilities.js'

/** 0 = not known. */
export interface PacketView { ethType: number; tagged: boolean; ipProto: number; icmpv6Type: number }

export interface ActionProblem { readonly error: ErrorName; readonly reason: string }
const problem = (error: ErrorName, reason: string): ActionProblem => ({ error, reason })

export interface ActionCheck {
  readonly rules: ActionRules
  /** Packet-outs may output to TABLE. OF 1.3.5 §7.2.1 */
  readonly packetOut: boolean
  /** Checks that the consistency of an action set does not matter for, beyond set-field prerequisites. */
  readonly strict: boolean
  /** null: nothing is known about the packet and nothing is checked against it (buckets, OF 1.0). */
  readonly view: PacketView | null
  /** OF 1.0 leaves it to the packet whether its actions apply; Open vSwitch's own of copies and loads want the headers there. */
  readonly onlyExtensions?: boolean
  groupExists(groupId: number): boolean
  /** LOCAL is optional; a switch without one never gets it. OF 1.3.5 §4.5 */
  readonly hasLocal: boolean
  /** In a flow the pipeline itself says whether it has a NORMAL. */
  readonly hasNormal: boolean
}

const NICIRA = 0x2320
const IPV4 = 0x0800
const IPV6 = 0x86dd
const ARP = 0x0806
const RARP = 0x8035
const MPLS = 0x8847
const MPLS_MULTICAST = 0x8848
const PBB = 0x88e7
const VLAN_PRESENT = 0x1000n
/** Plain port numbers end here on an Open vSwitch; a port that does not exist yet may be added later. */
const LAST_PLAIN_PORT = 0xfeff

/** Fixed by what the packet is: not written on an Open vSwitch, and here only if the pipeline says so. */
const structural = new Set<OxmName>(['eth_type', 'ip_proto', 'mpls_bos'])
const isWritable = (field: OxmName): boolean => OXM[field].writable && !structural.has(field)

export function viewOfMatch(match: Match): PacketView {
  const view: PacketView = { ethType: 0, tagged: false, ipProto: 0, icmpv6Type: 0 }
  for (const { field, value, mask } of match) {
    if (field === 'vlan_vid') view.tagged = (value & VLAN_PRESENT) !== 0n
    else if (mask !== null) continue
    else if (field === 'eth_type') view.ethType = Number(value)
    else if (field === 'ip_proto') view.ipProto = Number(value)
    else if (field === 'icmpv6_type') view.icmpv6Type = Number(value)
  }
  return view
}

/** Whether an output names a port there can be; an ordinary number may become one. */
function isPossibleOutput(port: number, { packetOut, hasLocal, hasNormal }: ActionCheck): boolean {
  switch (port) {
    case Port.TABLE: return packetOut
    case Port.NORMAL: return hasNormal || !packetOut
    case Port.LOCAL: return hasLocal
    case Port.IN_PORT: case Port.FLOOD: case Port.ALL: case Port.CONTROLLER: return true
    default: return port > 0 && port <= LAST_PLAIN_PORT
  }
}

/** The first problem of a list, in list order. Changes the check's view. */
export function checkActions(actions: readonly Action[], check: ActionCheck): ActionProblem | null {
  for (const action of actions) {
    const found = unsupported(action, check) ?? badArgument(action, check) ?? inconsistent(action, check)
    if (found !== null) return found
  }
  return null
}

function unsupported(action: Action, { rules, packetOut, strict, view }: ActionCheck): ActionProblem | null {
  switch (action.type) {
    case 'experimenter':
      // Of Open vSwitch's we know those that say what the model can say.
      return problem(action.experimenter === NICIRA ? 'OFPBAC_BAD_EXP_TYPE' : 'OFPBAC_BAD_EXPERIMENTER', `no such action of experimenter 0x${action.experimenter.toString(16)}`)
    // What is sent up by a packet-out, a bucket or an action set cannot be told apart from what else they send.
    case 'controller':
      return strict && !packetOut && rules.actions.has('output') ? null : problem('OFPBAC_BAD_EXP_TYPE', 'a controller action outside apply-actions')
    // Not in an action set, where Open vSwitch has none either.
    case 'note': return strict || view === null ? null : problem('OFPBAC_BAD_TYPE', 'a note in an action set')
    case 'enqueue':
      return rules.actions.has('output') && rules.actions.has('set_queue') ? null : problem('OFPBAC_BAD_TYPE', 'no queues')
    case 'set_vlan_vid': case 'set_vlan_pcp': {
      const field = action.type === 'set_vlan_vid' ? 'vlan_vid' : 'vlan_pcp'
      return rules.actions.has('push_vlan') && rules.setFields.has(field) ? null : problem('OFPBAC_BAD_TYPE', `no ${action.type}`)
    }
    case 'copy_field': {
      if (!rules.actions.has('copy_field')) return problem('OFPBAC_BAD_TYPE', 'the pipeline has no copy_field here')
      const { src, dst } = action
      if (!rules.copyFields.has(src)) return problem('OFPBAC_BAD_SET_TYPE', `the pipeline does not copy from ${src}`)
      if (dst !== 'metadata' && !isWritable(dst)) return problem('OFPBAC_BAD_SET_ARGUMENT', `${dst} cannot be set`)
      return rules.copyFields.has(dst) && rules.copyTargets.has(dst) ? null : problem('OFPBAC_BAD_SET_TYPE', `the pipeline does not copy to ${dst}`)
    }
    case 'set_field': {
      // Metadata is for write-metadata to set; but Open vSwitch loads it too.
      if (action.field === 'metadata' && action.load === true && rules.actions.has('copy_field') && rules.copyTargets.has('metadata')) return null
      if (!rules.actions.has('set_field')) return problem('OFPBAC_BAD_TYPE', 'no set_field')
      if (rules.setFields.has(action.field)) return null
      return !isWritable(action.field)
        ? problem('OFPBAC_BAD_SET_ARGUMENT', `${action.field} cannot be set`)
        : problem('OFPBAC_BAD_SET_TYPE', `the pipeline does not set ${action.field}`)
    }
    default:
      return rules.actions.has(action.type) ? null : problem('OFPBAC_BAD_TYPE', `the pipeline has no ${action.type} here`)
  }
}

function badArgument(action: Action, check: ActionCheck): ActionProblem | null {
  switch (action.type) {
    case 'output':
      return isPossibleOutput(action.port, check) ? null : problem('OFPBAC_BAD_OUT_PORT', `no port ${action.port}`)
    case 'enqueue':
      // Open vSwitch also takes LOCAL. OF 1.0 §5.2.4
      return action.port === Port.IN_PORT || action.port === Port.LOCAL && check.hasLocal || action.port > 0 && action.port <= LAST_PLAIN_PORT
        ? null : problem('OFPBAC_BAD_OUT_PORT', `no queue on port ${action.port}`)
    case 'group':
      return check.groupExists(action.groupId) ? null : problem('OFPBAC_BAD_OUT_GROUP', `no group ${action.groupId}`)
    case 'set_field': return badFieldValue(action)
    case 'set_vlan_vid': return action.vid <= 0xfff ? null : problem('OFPBAC_BAD_ARGUMENT', `no VLAN ${action.vid}`)
    case 'set_vlan_pcp': return action.pcp <= 7 ? null : problem('OFPBAC_BAD_ARGUMENT', `no VLAN priority ${action.pcp}`)
    case 'push_vlan': return oneOf(action, 0x8100, 0x88a8)
    case 'push_mpls': return oneOf(action, MPLS, MPLS_MULTICAST)
    case 'push_pbb': return oneOf(action, PBB)
    default: return null
  }
}

/** OF 1.3.5 §7.2.5: OFPBAC_BAD_ARGUMENT for an ethertype the push cannot use. */
const oneOf = (action: { readonly type: string; readonly ethertype: number }, ...ethertypes: number[]): ActionProblem | null =>
  ethertypes.includes(action.ethertype) ? null
    : problem('OFPBAC_BAD_ARGUMENT', `${action.type} cannot use ethertype 0x${action.ethertype.toString(16)}`)

function badFieldValue({ field, value, mask }: Extract<Action, { type: 'set_field' }>): ActionProblem | null {
  const { bits, ones: all } = OXM[field]
  if (value < 0n || value > all || (mask !== null && (mask > all || (value & ~mask) !== 0n))) {
    return problem('OFPBAC_BAD_SET_ARGUMENT', `${field} has ${bits} bits`)
  }
  // A tag is pushed and popped, not set: OFPVID_PRESENT must be written as 1. OF 1.3.5 §7.2.3.8
  if (field === 'vlan_vid' && ((value & VLAN_PRESENT) === 0n || (mask !== null && (mask & VLAN_PRESENT) === 0n))) {
    return problem('OFPBAC_BAD_SET_ARGUMENT', 'vlan_vid must be set with OFPVID_PRESENT')
  }
  return null
}

function inconsistent(action: Action, check: ActionCheck): ActionProblem | null {
  const { view, strict, onlyExtensions = false } = check
  if (view === null) return null
  const found = inconsistency(action, view, strict)
  return onlyExtensions && action.type !== 'copy_field' && !(action.type === 'set_field' && action.load === true) ? null : found
}

function inconsistency(action: Action, view: PacketView, strict: boolean): ActionProblem | null {
  const unless = (holds: boolean, needed: string): ActionProblem | null =>
    holds ? null : problem('OFPBAC_MATCH_INCONSISTENT', `${action.type} needs ${needed}, which match and earlier actions do not establish`)
  const ip = (): boolean => view.ethType === IPV4 || view.ethType === IPV6
  const mpls = (): boolean => view.ethType === MPLS || view.ethType === MPLS_MULTICAST
  let found: ActionProblem | null = null
  switch (action.type) {
    case 'copy_field': {
      // A tag's id reads as 0 where there is no tag; it is not written there.
      const isReadable = action.src === 'vlan_vid' || prerequisitesHold(action.src, view)
      return unless(isReadable && prerequisitesHold(action.dst, view), `the prerequisites of ${action.src} and ${action.dst}`)
    }
    case 'set_field': return unless(prerequisitesHold(action.field, view), `the prerequisites of ${action.field}`)
    case 'set_vlan_vid': case 'set_vlan_pcp': case 'push_vlan':
      view.tagged = true
      return null
    case 'pop_vlan':
      found = unless(view.tagged, 'a VLAN tag')
      view.tagged = false
      break
    case 'push_mpls':
      // What is below the label can no longer be relied on.
      view.ethType = action.ethertype
      view.ipProto = 0
      return null
    case 'pop_mpls':
      found = unless(mpls(), 'an MPLS label')
      view.ethType = action.ethertype
      break
    case 'push_pbb':
      view.ethType = PBB
      view.tagged = false
      view.ipProto = 0
      return null
    case 'pop_pbb':
      found = unless(view.ethType === PBB, 'a PBB header')
      view.ethType = 0
      break
    case 'set_nw_ttl': case 'dec_nw_ttl': found = unless(ip(), 'IPv4 or IPv6'); break
    case 'set_mpls_ttl': case 'dec_mpls_ttl': found = unless(mpls(), 'an MPLS label'); break
    case 'copy_ttl_out': case 'copy_ttl_in': found = unless(mpls() || ip(), 'a header with a TTL'); break
    default: return null
  }
  return strict ? found : null
}

/** OF 1.3.5 §7.2.3.6, with what Open vSwitch adds: RARP counts as ARP, and vlan_vid needs a tag to be there. */
function prerequisitesHold(field: OxmName, view: PacketView): boolean {
  const ip = view.ethType === IPV4 || view.ethType === IPV6
  switch (field) {
    case 'vlan_vid': case 'vlan_pcp': return view.tagged
    case 'ip_dscp': case 'ip_ecn': case 'ip_proto': return ip
    case 'ipv4_src': case 'ipv4_dst': return view.ethType === IPV4
    case 'tcp_src': case 'tcp_dst': return ip && view.ipProto === 6
    case 'udp_src': case 'udp_dst': return ip && view.ipProto === 17
    case 'sctp_src': case 'sctp_dst': return ip && view.ipProto === 132
    case 'icmpv4_type': case 'icmpv4_code': return view.ethType === IPV4 && view.ipProto === 1
    case 'arp_op': case 'arp_spa': case 'arp_tpa': case 'arp_sha': case 'arp_tha': return view.ethType === ARP || view.ethType === RARP
    case 'ipv6_src': case 'ipv6_dst': case 'ipv6_flabel': case 'ipv6_exthdr': return view.ethType === IPV6
    case 'icmpv6_type': case 'icmpv6_code': return view.ethType === IPV6 && view.ipProto === 58
    case 'ipv6_nd_target': return view.ethType === IPV6 && view.ipProto === 58 && (view.icmpv6Type === 135 || view.icmpv6Type === 136)
    case 'ipv6_nd_sll': return view.ethType === IPV6 && view.ipProto === 58 && view.icmpv6Type === 135
    case 'ipv6_nd_tll': return view.ethType === IPV6 && view.ipProto === 58 && view.icmpv6Type === 136
    case 'mpls_label': case 'mpls_tc': case 'mpls_bos': return view.ethType === MPLS || view.ethType === MPLS_MULTICAST
    case 'pbb_isid': case 'pbb_uca': return view.ethType === PBB
    default: return true
  }
}
