/**
 * From OpenFlow actions to what the compiler works on: rewrite operations and emissions, in list order. OF 1.3.5 §5.12
 */
import { Port, type Action, type OxmName } from '../openflow/model.js'
import { OXM } from '../openflow/index.js'
import { fullMask, type RewriteOp } from './rounds.js'

export type Target =
  | { readonly kind: 'port'; readonly port: number }
  | { readonly kind: 'controller'; readonly maxLen: number; readonly reason: bigint }
  | { readonly kind: 'in_port' }
  | { readonly kind: 'all' }
  /** `except`, `only`: ports that it is not for, or for no others. */
  | { readonly kind: 'flood'; readonly except?: readonly number[]; readonly only?: readonly number[] }
  | { readonly kind: 'normal' }
  | { readonly kind: 'group'; readonly groupId: number }
export type Step = { readonly kind: 'rewrite'; readonly op: RewriteOp } | { readonly kind: 'emit'; readonly target: Target }
  /** The rest of the list is for what passes it. */
  | { readonly kind: 'meter'; readonly meterId: number }

/** `unsupported` holds the first action that has no meaning here, with the error that says so. */
export type Steps = { readonly ok: true; readonly steps: readonly Step[] } | { readonly ok: false; readonly error: 'OFPBAC_BAD_TYPE' | 'OFPBAC_BAD_OUT_PORT'; readonly reason: string }

/** Reasons of a packet-in that a list asks for; p4/README.md. */
const ACTION = 1n
const TABLE_MISS = 5n

/** `isMiss`: what the list of a table-miss flow itself sends to the controller says so. OF 1.3.5 §5.4 */
export function stepsOf(actions: readonly Action[], isMiss = false): Steps {
  const reason = isMiss ? TABLE_MISS : ACTION
  const steps: Step[] = []
  let tagged = false  // a tag is certainly there, so that "add one if there is none" does nothing
  for (const action of actions) {
    if (action.type === 'output' || action.type === 'enqueue') {
      const target = targetOf(action.port, action.type === 'output' ? action.maxLen : 0, reason)
      if (target === null) return { ok: false, error: 'OFPBAC_BAD_OUT_PORT', reason: `output to port 0x${action.port.toString(16)} is not supported in flows` }
      steps.push({ kind: 'emit', target })
    } else if (action.type === 'controller') {
      steps.push({ kind: 'emit', target: { kind: 'controller', maxLen: action.maxLen, reason: ACTION } })
    } else if (action.type === 'meter') {
      steps.push({ kind: 'meter', meterId: action.meterId })
    } else if (action.type === 'group') {
      steps.push({ kind: 'emit', target: { kind: 'group', groupId: action.groupId } })
    } else {
      const ops = opsOf(action)
      if (ops === null) return { ok: false, error: 'OFPBAC_BAD_TYPE', reason: `action ${action.type} is not supported` }
      for (const op of ops) {
        if (op.kind === 'op' && op.op === 'ensure_vlan' && tagged) continue
        if (op.kind === 'op' && op.op.endsWith('_vlan')) tagged = op.op !== 'pop_vlan'
        steps.push({ kind: 'rewrite', op })
      }
    }
  }
  return { ok: true, steps }
}

/** Reserved ports that a flow may output to. OF 1.3.5 §4.5; TABLE is for packet-outs only. */
function targetOf(port: number, maxLen: number, reason: bigint): Target | null {
  switch (port) {
    case Port.CONTROLLER: return { kind: 'controller', maxLen, reason }
    case Port.IN_PORT: return { kind: 'in_port' }
    case Port.ALL: return { kind: 'all' }
    case Port.FLOOD: return { kind: 'flood' }
    case Port.NORMAL: return { kind: 'normal' }
    case Port.TABLE: case Port.ANY: return null
    default: return { kind: 'port', port }
  }
}

const set = (field: OxmName, value: bigint): RewriteOp => ({ kind: 'set', field, value, mask: fullMask(field) })
const op = (name: string, value: number | bigint = 0n): RewriteOp => ({ kind: 'op', op: name, value: BigInt(value) })

const ALL_METADATA = OXM.metadata.ones
/** A program has no value for each bit under a mask, but one shift: a load for each run of bits. */
function loadsOfMetadata(value: bigint, mask: bigint): readonly RewriteOp[] {
  const loads: RewriteOp[] = []
  for (let first = 0, bits = 0; mask >> BigInt(first) !== 0n; first += bits + 1, bits = 0) {
    while ((mask >> BigInt(first + bits) & 1n) === 1n) bits += 1
    if (bits === 0) continue
    const ones = (1n << BigInt(bits)) - 1n
    loads.push({ kind: 'copy', src: null, value: value >> BigInt(first) & ones, srcOffset: 0, dst: 'metadata', dstOffset: first, bits, lasting: ALL_METADATA })
  }
  return loads
}

/** Before the list is done write-metadata, which follows it, has been: what it writes stays. OF 1.3.5 §5.9 */
export const keepingMetadata = (steps: readonly Step[], written: bigint): readonly Step[] => written === 0n ? steps : steps.map((step): Step =>
  step.kind === 'rewrite' && step.op.kind === 'copy' && step.op.dst === 'metadata' ? { kind: 'rewrite', op: { ...step.op, lasting: ALL_METADATA & ~written } } : step)

function opsOf(action: Action): readonly RewriteOp[] | null {
  switch (action.type) {
    case 'copy_field': {
      const { src, srcOffset, dst, dstOffset, bits } = action
      return [{ kind: 'copy', src, value: 0n, srcOffset, dst, dstOffset, bits, lasting: ALL_METADATA }]
    }
    case 'set_field': {
      if (action.field === 'metadata') return loadsOfMetadata(action.value, action.mask ?? ALL_METADATA)
      const all = fullMask(action.field)
      return [{ kind: 'set', field: action.field, value: action.value & (action.mask ?? all) & all, mask: (action.mask ?? all) & all }]
    }
    case 'push_vlan': case 'push_mpls': case 'push_pbb': case 'pop_mpls': return [op(action.type, action.ethertype)]
    case 'pop_vlan': case 'pop_pbb': case 'dec_nw_ttl': case 'dec_mpls_ttl': case 'copy_ttl_in': case 'copy_ttl_out': return [op(action.type)]
    case 'set_nw_ttl': case 'set_mpls_ttl': return [op(action.type, action.ttl)]
    case 'set_vlan_vid': return [op('ensure_vlan'), set('vlan_vid', BigInt(action.vid))]
    case 'set_vlan_pcp': return [op('ensure_vlan'), set('vlan_pcp', BigInt(action.pcp))]
    // A port has no queues but its own one, which serves every queue id, as on an Open vSwitch without QoS. OF 1.3.5 §5.12
    case 'set_queue': case 'note': return []
    default: return null
  }
}

/** The order in which an action set is executed. OF 1.3.5 §5.10 */
const setOrder: readonly Action['type'][] = [
  'copy_ttl_in', 'pop_vlan', 'pop_mpls', 'pop_pbb', 'push_mpls', 'push_pbb', 'push_vlan', 'copy_ttl_out', 'dec_nw_ttl', 'dec_mpls_ttl',
  'set_nw_ttl', 'set_mpls_ttl', 'set_vlan_vid', 'set_vlan_pcp', 'set_field', 'set_queue', 'group', 'output', 'enqueue',
]
/** A copy is a way to set a field, and its place is among those. */
const rank = ({ type }: Action): number => setOrder.indexOf(type === 'copy_field' ? 'set_field' : type)

/**
 * A bucket's or action set's actions as a list: the last of each type (of each field for set-field) wins, and with a group
 * there is no output. OF 1.3.5 §5.10. Where there are copies, fields are set in the order of the list, as Open vSwitch does, each as
 * often as it says.
 */
export function actionSetAsList(actions: readonly Action[]): readonly Action[] {
  const slots = new Map<string, Action>()
  const copies = actions.some(({ type }) => type === 'copy_field')
  for (const [at, action] of actions.entries()) {
    const isOf = action.type === 'copy_field' || copies && action.type === 'set_field' ? at : action.type === 'set_field' ? action.field : ''
    slots.set(`${action.type}:${isOf}`, action)
  }
  if (slots.has('group:')) {
    slots.delete('output:')
    slots.delete('enqueue:')
  }
  return [...slots.values()].sort((a, b) => rank(a) - rank(b))
}
