/**
 * Compiles an action list into what one pass through the pipeline does, and what is left for the passes after it.
 *
 *   list:   r r r │ output │ r r │ output │ … │ goto            (r = rewrite operation)
 *           └─ program of this pass     └─ program of that copy, in egress
 *                    └───────────────┴─ copies of one multicast group ─┘   └─ one more copy, on a continuation port
 *
 * What does not fit one program, every TTL decrement after an output, and a meter that is not the first, goes on in a continuation.
 */
import type { Contract, Scope } from './contract.js'
import type { Emissions, Leaf } from './emission.js'
import type { Handle } from './interned.js'
import type { MeterTables } from './meters.js'
import type { Step, Target } from './operations.js'
import { CannotPlan, type Planning } from './planning.js'
import { acquireProgram, type Program } from './programs.js'
import { targetGroup } from './entries.js'
import { fitRound, isDecrement, supports, uncovers, type RewriteOp } from './rounds.js'
import type { SharedState } from './shared-state.js'

/** What follows the list: a table, the end of the pipeline (where the action set is executed), or nothing at all. */
export type Tail = { readonly kind: 'goto'; readonly table: number } | { readonly kind: 'end' } | { readonly kind: 'alone' }
/**
 * `inPort`: the ingress port where the match fixes it, so that IN_PORT is a port like any other. `hasActionSet`: whatever flows there
 * are, as in egress processing, where it begins with an output.
 */
export interface ListContext { readonly inPort: number | null; readonly hasActionSet?: boolean }

/** Values by role for an execute action, and what they refer to. */
export interface Execution { readonly roles: ReadonlyMap<string, bigint>; readonly uses: readonly Handle[]; readonly dependsOnWriters: boolean }

export class Executions {
  readonly #contract: Contract
  readonly #state: SharedState
  readonly #emissions: () => Emissions
  readonly #meters: MeterTables

  constructor(contract: Contract, state: SharedState, meters: MeterTables, emissions: () => Emissions) {
    this.#contract = contract
    this.#state = state
    this.#emissions = emissions
    this.#meters = meters
  }

  compile(planning: Planning, list: readonly Step[], scope: Scope, tail: Tail, context: ListContext): Execution {
    const draft = new Draft(this.#contract)
    const { continuation } = this.#contract
    const inContinuation = scope === continuation?.scope
    const meter = inContinuation && list[0]?.kind === 'meter' ? list[0].meterId : null
    if (meter !== null && inContinuation) {
      if (continuation.meter === null) throw new CannotPlan('OFPBAC_UNSUPPORTED_ORDER', 'the pipeline has no meter behind other actions')
      draft.meter(meter, this.#meters.use(planning, continuation.meter, meter))
    }
    const steps = meter === null ? list : list.slice(1)
    const firstStop = steps.findIndex((step) => step.kind !== 'rewrite')
    const head = rewrites(firstStop < 0 ? steps : steps.slice(0, firstStop))
    this.#requireSupport(head, scope)
    const round = fitRound(head, scope, false)
    draft.program(acquireProgram(this.#state, planning, scope, round.entries))
    if (round.decrement !== null) draft.ttl(round.decrement.which, acquireProgram(this.#state, planning, scope, round.decrement.before))

    const rest = steps.slice(round.used)
    // Whether it has to be reckoned with an action set that this flow does not know of.
    const prepared = context.hasActionSet === true || inContinuation
    const last = head[round.used - 1]
    const uncovered = last !== undefined && uncovers(last)
    if (round.used < head.length || rest[0]?.kind === 'meter' || (uncovered && this.#mustParse(planning, rest, tail, prepared))) {
      this.#emit(planning, draft, [this.#continueWith([], rest, tail)], context)
      draft.next(rest.length === 0 && tail.kind === 'goto' ? tail.table : this.#contract.tableContinued)
      return draft.done(false)
    }
    const { leaves, dependsOnWriters } = this.#leaves(planning, rest, tail, prepared)
    this.#emit(planning, draft, leaves, context)
    const handedOn = leaves.some(({ target }) => target.kind === 'continue')
    if (tail.kind === 'goto') draft.next(handedOn && leaves.some(({ target }) => target.kind === 'continue' && target.steps.length > 0) ? this.#contract.tableContinued : tail.table)
    else if (tail.kind === 'alone' || handedOn) draft.next(this.#contract.tableContinued)
    return draft.done(dependsOnWriters || (uncovered && tail.kind === 'end' && !prepared))
  }

  /** Whether what follows has to see the headers that a pop has uncovered, or those before which a push has put others. */
  #mustParse(planning: Planning, rest: readonly Step[], tail: Tail, prepared: boolean): boolean {
    if (tail.kind === 'goto' || rest.some((step) => step.kind !== 'emit' || step.target.kind === 'group' || step.target.kind === 'normal')) return true
    return tail.kind === 'end' && (prepared || this.#state.writersFor(planning) > 0)
  }

  /** The copies that the rest of the list asks for, each with the operations since the head. */
  #leaves(planning: Planning, rest: readonly Step[], tail: Tail, prepared: boolean): { leaves: readonly Leaf[]; dependsOnWriters: boolean } {
    const leaves: Leaf[] = []
    const prefix: RewriteOp[] = []
    for (const [index, step] of rest.entries()) {
      if (step.kind === 'emit') {
        leaves.push({ prefix: [...prefix], target: step.target, counters: [] })
      } else if (step.kind === 'meter' || isDecrement(step.op) || (uncovers(step.op) && this.#mustParse(planning, rest.slice(index + 1), tail, prepared))) {
        leaves.push(this.#continueWith(prefix, rest.slice(index), tail))
        return { leaves, dependsOnWriters: tail.kind === 'end' && !prepared }
      } else {
        prefix.push(step.op)
      }
    }
    if (leaves.length === 0) return { leaves, dependsOnWriters: false }
    if (tail.kind === 'goto') leaves.push(this.#continueWith(prefix, [], tail))
    // The action set, if there is one, works on the packet as the whole list has left it. A flow is compiled again when
    // the first write-actions appear; a continuation is not known to the flow, so it is prepared from the start.
    const changedSince = tail.kind === 'end' && prefix.length > 0
    if (changedSince && (prepared || this.#state.writersFor(planning) > 0)) leaves.push(this.#continueWith(prefix, [], tail))
    return { leaves, dependsOnWriters: changedSince && !prepared }
  }

  #continueWith(prefix: readonly RewriteOp[], steps: readonly Step[], tail: Tail): Leaf {
    if (this.#contract.continuation === null) {
      throw new CannotPlan('OFPBAC_UNSUPPORTED_ORDER', 'the pipeline has no continuation: nothing can follow an output, and a list has to fit one program')
    }
    return { prefix: [...prefix], target: { kind: 'continue', steps: [...steps], tail }, counters: [] }
  }

  #emit(planning: Planning, draft: Draft, leaves: readonly Leaf[], context: ListContext): void {
    const [leaf] = leaves
    if (leaf === undefined) return
    const direct = leaves.length === 1 && leaf.prefix.length === 0 ? this.#direct(leaf.target) : null
    if (direct !== null) {
      for (const [role, value] of direct) draft.set(role, value)
      return
    }
    const { id, handle } = this.#emissions().acquire(planning, leaves, context)
    draft.multicast(id, handle)
  }

  /** One copy without a program of its own needs no multicast group. */
  #direct(target: Leaf['target']): ReadonlyMap<string, bigint> | null {
    const contract = this.#contract
    switch (target.kind) {
      case 'port': {
        const port = this.#emissions().targetPort(target.port)
        return port === null ? new Map() : new Map([['port', BigInt(port)]])
      }
      case 'controller': return new Map([['port', BigInt(contract.cpuPort)], ['max_len', BigInt(target.maxLen)], ['reason', target.reason]])
      case 'in_port': return new Map([['to_in_port', 1n]])
      case 'normal':
        requireNormal(contract)
        return new Map([['normal', 1n]])
      case 'group': return contract.group === null ? null : new Map([['group', BigInt(targetGroup(target.groupId))]])
      default: return null
    }
  }

  #requireSupport(ops: readonly RewriteOp[], scope: Scope): void {
    const { continuation } = this.#contract
    // What only a continuation can do ends the round.
    const unsupported = ops.find((op) => !supports(scope, op) && !(continuation !== null && supports(continuation.scope, op)))
    if (unsupported === undefined) return
    if (unsupported.kind === 'copy') throw new CannotPlan('OFPBAC_BAD_SET_TYPE', `the pipeline cannot copy ${unsupported.src ?? 'a value'} to ${unsupported.dst}`)
    if (unsupported.kind === 'set') throw new CannotPlan('OFPBAC_BAD_SET_TYPE', `the pipeline cannot set ${unsupported.field} in ${scope.name}`)
    throw new CannotPlan('OFPBAC_BAD_TYPE', `the pipeline has no ${unsupported.op} in ${scope.name}`)
  }
}

/** Throws CannotPlan where the pipeline cannot do NORMAL. */
export function requireNormal(contract: Contract): void {
  if (contract.normal === null) throw new CannotPlan('OFPBAC_BAD_OUT_PORT', 'the pipeline has no NORMAL: it does not learn where hosts are')
}

export const rewrites = (steps: readonly Step[]): readonly RewriteOp[] => steps.flatMap((step) => (step.kind === 'rewrite' ? [step.op] : []))
export type LeafTarget = Target | { readonly kind: 'continue'; readonly steps: readonly Step[]; readonly tail: Tail } | { readonly kind: 'nowhere' }

class Draft {
  readonly #roles = new Map<string, bigint>()
  readonly #uses: Handle[] = []

  constructor(contract: Contract) {
    this.#roles.set('next_table', BigInt(contract.tableNone))
  }
  set(role: string, value: bigint): void {
    this.#roles.set(role, value)
  }
  next(table: number): void {
    this.set('next_table', BigInt(table))
  }
  program(program: Program): void {
    this.#use(program, 'program', 'stages')
  }
  ttl(which: 'nw' | 'mpls', program: Program): void {
    this.#roles.set('ttl_check', which === 'nw' ? 1n : 2n)
    this.#roles.set('ttl_program', 0n)
    this.#roles.set('ttl_stages', 0n)
    this.#use(program, 'ttl_program', 'ttl_stages')
  }
  meter(meterId: number, handle: Handle): void {
    this.set('meter', BigInt(meterId))
    this.#uses.push(handle)
  }
  multicast(id: number, handle: Handle): void {
    this.set('multicast', BigInt(id))
    this.#uses.push(handle)
  }
  done(dependsOnWriters: boolean): Execution {
    return { roles: this.#roles, uses: this.#uses, dependsOnWriters }
  }
  #use(program: Program, idRole: string, stagesRole: string): void {
    if (program.handle === null) return
    this.#roles.set(idRole, BigInt(program.id))
    this.#roles.set(stagesRole, BigInt(program.stages))
    this.#uses.push(program.handle)
  }
}
