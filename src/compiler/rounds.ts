/**
 * Fits a list of rewrite operations into rounds. One round is one run through the stages of a scope: each stage once, in
 * the order of the pipeline. An operation joins the round when that leaves the outcome of the list as it was; the first
 * that does not ends the round, and the rest needs another one.
 */
import type { OxmName } from '../openflow/model.js'
import { OXM } from '../openflow/index.js'
import type { Scope, Stage, StageAction } from './contract.js'

/** Structural and TTL operations by name (they are those of `ops` in the contract), or the setting of bits of a field. */
export type RewriteOp =
  | { readonly kind: 'op'; readonly op: string; readonly value: bigint }
  | { readonly kind: 'set'; readonly field: OxmName; readonly value: bigint; readonly mask: bigint }
  | CopyOp
/** `src` null: the bits of `value`. `lasting`: of metadata, what an instruction behind the list does not write. */
export interface CopyOp {
  readonly kind: 'copy'; readonly src: OxmName | null; readonly value: bigint; readonly srcOffset: number
  readonly dst: OxmName; readonly dstOffset: number; readonly bits: number; readonly lasting: bigint
}

export interface StageEntry {
  readonly stage: Stage
  readonly action: StageAction
  readonly params: readonly { readonly name: string; readonly value: bigint }[]
}
/** Where the round decrements a TTL: which one, and what to do in its place when it has run out. */
export interface Decrement { readonly which: 'nw' | 'mpls'; readonly before: readonly StageEntry[] }
export interface Round {
  readonly entries: readonly StageEntry[]
  /** How many operations of the list this round carries out. */
  readonly used: number
  readonly decrement: Decrement | null
}

interface StageState {
  readonly ops: readonly { readonly op: string; readonly value: bigint }[]
  readonly sets: ReadonlyMap<OxmName, { readonly value: bigint; readonly mask: bigint }>
  /** A copy takes two stages. */
  readonly copy: { readonly op: CopyOp; readonly part: 'source' | 'destination' } | null
}
const EMPTY: StageState = { ops: [], sets: new Map(), copy: null }

export const fullMask = (field: OxmName): bigint => (1n << BigInt(setWidth(field))) - 1n
/** Bits that set-field can write: of vlan_vid all but OFPVID_PRESENT. OF 1.3.5 §7.2.3.7 */
export const setWidth = (field: OxmName): number => (field === 'vlan_vid' ? 12 : OXM[field].bits)

/** True when some stage of the scope can carry out the operation at all. */
export function supports(scope: Scope, op: RewriteOp): boolean {
  if (op.kind === 'copy') return copyStages(scope, op) !== null
  return scope.stages.some((stage) => stage.actions.some((action) => handles(action, op)))
}
const handles = (action: StageAction, op: Exclude<RewriteOp, CopyOp>): boolean => (op.kind === 'set' ? action.sets.has(op.field) : action.ops.includes(op.op))

const takes = (action: StageAction, { src }: CopyOp): boolean => (src === null ? action.roles.has('value') : action.copiesFrom.has(src))
const gives = (action: StageAction, { dst }: CopyOp): boolean => action.copiesTo.has(dst)
/** The stage that takes the source, and the one that gives to the destination. */
function copyStages(scope: Scope, op: CopyOp): readonly [Stage, Stage] | null {
  const from = scope.stages.find(({ actions }) => actions.some((action) => takes(action, op)))
  const to = scope.stages.find(({ index, actions }) => from !== undefined && index > from.index && actions.some((action) => gives(action, op)))
  return from === undefined || to === undefined ? null : [from, to]
}

/**
 * The longest prefix of `ops` that one round carries out. `isCopy` in egress: nothing looks at the TTL before the round, so a
 * decrement has to wait for a round elsewhere; nor is it known whether ingress has pushed a label in front of something that
 * only the parser tells to be IP, so neither is a TTL copied.
 */
export function fitRound(ops: readonly RewriteOp[], scope: Scope, isCopy: boolean): Round {
  const states = new Map<Stage, StageState>()
  let decrement: Decrement | null = null
  let used = 0
  for (const op of ops) {
    // The TTL is looked at before the round, so what puts another one in its place ends the round.
    if (isCopy && (isDecrement(op) || copiesTtl(op))) break
    if (isDecrement(op) && (decrement !== null || ops.slice(0, used).some(changesTtl))) break
    if (op.kind === 'copy') {
      const stages = copyStages(scope, op)
      if (stages === null || stages.some((stage) => states.has(stage)) || scope.stages.some((later) => later.index > stages[0].index && conflicts(states.get(later), op))) break
      const [from, to] = stages
      states.set(from, { ...EMPTY, copy: { op, part: 'source' } }).set(to, { ...EMPTY, copy: { op, part: 'destination' } })
      used += 1
      continue
    }
    const placed = place(states, scope, op)
    if (placed === null) break
    if (isDecrement(op)) decrement = { which: op.kind === 'op' && op.op === 'dec_mpls_ttl' ? 'mpls' : 'nw', before: entriesOf(states, scope) }
    states.set(placed.stage, placed.state)
    used += 1
    if (uncovers(op)) break
  }
  return { entries: entriesOf(states, scope), used, decrement }
}

export const isDecrement = (op: RewriteOp): boolean => op.kind === 'op' && (op.op === 'dec_nw_ttl' || op.op === 'dec_mpls_ttl')
/** Afterwards other headers can be seen, which only another pass through the parser finds. */
export const uncovers = (op: RewriteOp): boolean => {
  if (op.kind === 'op') return uncovering.has(op.op)
  const field = op.kind === 'copy' ? op.dst : op.field
  return field === 'eth_type' || field === 'ip_proto'
}
const uncovering: ReadonlySet<string> = new Set(['pop_mpls', 'pop_pbb', 'push_pbb'])
const copiesTtl = (op: RewriteOp): boolean => op.kind === 'op' && op.op.startsWith('copy_ttl_')
const changesTtl = (op: RewriteOp): boolean => op.kind === 'op' && (copiesTtl(op) || /_mpls$|_pbb$/.test(op.op))

function place(states: ReadonlyMap<Stage, StageState>, scope: Scope, op: Exclude<RewriteOp, CopyOp>): { stage: Stage; state: StageState } | null {
  for (const stage of scope.stages) {
    if (!stage.actions.some((action) => handles(action, op))) continue
    if (scope.stages.some((later) => later.index > stage.index && conflicts(states.get(later), op))) return null
    const state = extend(states.get(stage) ?? EMPTY, op)
    return choose(stage, state) === null ? null : { stage, state }
  }
  return null
}

function extend(state: StageState, op: Exclude<RewriteOp, CopyOp>): StageState {
  if (op.kind === 'op') return { ...state, ops: [...state.ops, op] }
  const old = state.sets.get(op.field)
  const sets = new Map(state.sets)
  sets.set(op.field, { value: ((old?.value ?? 0n) & ~op.mask) | op.value, mask: (old?.mask ?? 0n) | op.mask })
  return { ...state, sets }
}

/** Whether what a later stage already does would be done to something else if `op` came before it. */
function conflicts(state: StageState | undefined, op: RewriteOp): boolean {
  if (state === undefined) return false
  const touched = touches(op)
  if (state.copy !== null && overlap(touched, touches(state.copy.op))) return true
  return [...state.sets].some(([field, set]) => overlap(touched, touches({ kind: 'set', field, ...set }))) || state.ops.some((other) => overlap(touched, touches({ kind: 'op', ...other })))
}
const vlanFields: ReadonlySet<string> = new Set(['vlan_vid', 'vlan_pcp'])
const networkFields: ReadonlySet<string> = new Set(
  ['mpls_ttl', 'nw_ttl', ...Object.keys(OXM).filter((name) => !/^(in_|metadata|tunnel|eth_dst|eth_src|vlan_)/.test(name))])
const frameFields: ReadonlySet<string> = new Set([...networkFields, ...vlanFields, 'eth_dst', 'eth_src'])
const ttlFields: ReadonlySet<string> = new Set(['mpls_ttl', 'nw_ttl'])
const overlap = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => [...a].some((entry) => b.has(entry))
function touches(op: RewriteOp): ReadonlySet<string> {
  if (op.kind === 'copy') return new Set(op.src === null ? [op.dst] : [op.src, op.dst])
  if (op.kind === 'set') return uncovers(op) ? networkFields : new Set([op.field])
  if (op.op.endsWith('_vlan')) return vlanFields
  if (op.op.endsWith('_pbb')) return frameFields
  if (copiesTtl(op)) return ttlFields
  // MPLS hides and uncovers the network layer, so nothing there may change places with it.
  if (op.op === 'push_mpls' || op.op === 'pop_mpls') return networkFields
  return new Set([op.op.includes('mpls') ? 'mpls_ttl' : 'nw_ttl'])
}

function choose(stage: Stage, state: StageState): StageAction | null {
  const { copy } = state
  if (copy !== null) return stage.actions.find((action) => (copy.part === 'source' ? takes : gives)(action, copy.op)) ?? null
  let best: StageAction | null = null
  for (const action of stage.actions) {
    if (action.copiesFrom.size > 0 || action.copiesTo.size > 0 || action.roles.has('value')) continue
    if (action.ops.length !== state.ops.length || action.ops.some((op, index) => op !== state.ops[index]?.op)) continue
    if ([...state.sets].some(([field, set]) => !canSet(action, field, set.mask))) continue
    // What has no mask is written whole, so it has to be wanted.
    if ([...action.sets].some(([field, set]) => set.mask === null && !state.sets.has(field) && !sharesParameter(action, field, state))) continue
    if (best === null || action.paramCount < best.paramCount) best = action
  }
  return best
}
/** Fields of different protocols may share one parameter (tcp_src, udp_src). */
const sharesParameter = (action: StageAction, field: OxmName, state: StageState): boolean => {
  const name = action.sets.get(field)?.value.name
  return [...state.sets.keys()].some((other) => action.sets.get(other)?.value.name === name)
}
const canSet = (action: StageAction, field: OxmName, mask: bigint): boolean => {
  const set = action.sets.get(field)
  return set !== undefined && (set.mask !== null || mask === fullMask(field))
}

function entriesOf(states: ReadonlyMap<Stage, StageState>, scope: Scope): readonly StageEntry[] {
  const entries: StageEntry[] = []
  for (const stage of scope.stages) {
    const state = states.get(stage)
    const action = state === undefined ? null : choose(stage, state)
    if (state === undefined || action === null) continue
    entries.push({ stage, action, params: stageParams(action, state) })
  }
  return entries
}

function stageParams(action: StageAction, state: StageState): StageEntry['params'] {
  if (state.copy !== null) return copyParams(action, state.copy.op, state.copy.part)
  const params = new Map<string, bigint>()
  for (const set of action.sets.values()) {
    params.set(set.value.name, 0n)
    if (set.mask !== null) params.set(set.mask.name, 0n)
  }
  for (const [field, { value, mask }] of state.sets) {
    const set = action.sets.get(field)
    if (set === undefined) continue
    params.set(set.value.name, value)
    if (set.mask !== null) params.set(set.mask.name, mask)
  }
  for (const [name, parameter] of action.roles) params.set(parameter.name, state.ops.find(({ op }) => operandRole(op) === name)?.value ?? 0n)
  return [...params].map(([name, value]) => ({ name, value }))
}
function copyParams(action: StageAction, op: CopyOp, part: 'source' | 'destination'): StageEntry['params'] {
  const params: { name: string; value: bigint }[] = []
  const add = (parameter: { readonly name: string } | undefined, value: bigint): void => { if (parameter !== undefined) params.push({ name: parameter.name, value }) }
  if (part === 'source') {
    if (op.src === null) add(action.roles.get('value'), op.value)
    else add(action.copiesFrom.get(op.src), BigInt(op.srcOffset))
    return params
  }
  const to = action.copiesTo.get(op.dst)
  const mask = (1n << BigInt(op.bits)) - 1n << BigInt(op.dstOffset)
  add(to?.shift, BigInt(op.dstOffset))
  add(to?.mask, mask)
  add(action.roles.get('lasting'), mask & op.lasting)
  return params
}
export const hasOperand = (op: string): boolean => operandRole(op) !== null
/** The role of the parameter that holds an operation's operand. */
const operandRole = (op: string): string | null => {
  if (op.startsWith('push_') || op === 'pop_mpls') return 'ethertype'
  return op === 'set_nw_ttl' || op === 'set_mpls_ttl' ? 'ttl' : null
}
