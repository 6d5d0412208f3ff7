/**
 * Changes on their way to the target: planned, committed, acknowledged or taken back.
 *
 *   submit() ── plan ──refused──▶ OFPT_ERROR, nothing changed
 *                 └─ accepted ──▶ state changes at once, objects locked, `commit` out
 *                                   ├ committed ─▶ unlocked; what depends on it is sent (flow-removed, port-status)
 *                                   └ rejected  ─▶ pipeline and state undone, unlocked; OFPT_ERROR to exactly that request
 *
 * Isolation: an object (flow, group, the ports) has at most one change in flight. A request that touches or depends on a
 * locked object is not carried out yet: it waits, and with it the later requests of its connection, so nothing is
 * reordered. Hence undoing a change never meets a later change of the same object. Requests that share no object are
 * not held up by one another.
 *
 * While the target is lost, changes are planned and become state as always, but their commits are held; barriers wait.
 * When the target is back, resync.ts brings it up to date.
 */
import type { ErrorName } from '../openflow/index.js'
import { sendError } from './connections.js'
import type { GroupCells, TargetFailure, Token } from './events.js'
import type { Change, Counters, FlowId, Plan } from './pipeline.js'
import { rearrangement } from './rearrangement.js'
import { DONE, addCounters, fail, inFamily, waitFor } from './state.js'
import type { Context, Lockable, Outcome, Requester } from './state.js'
import { Transaction } from './transaction.js'

export interface Intent {
  readonly changes: readonly Change[]
  /** Locked until the target has answered; none of them may be locked already. */
  readonly touches: readonly Lockable[]
  /** Which error codes a target that refuses is reported with; 'own' = nobody asked for it. */
  readonly family: 'flow' | 'group' | 'meter' | 'port' | 'table' | 'features' | 'own'
  /** Makes the change in the datapath's state. */
  apply(): void
  /** The target has it. `counters`: final counters of deleted flows, where wanted and known; `earlier`: see events.ts. */
  settled(counters: ReadonlyMap<FlowId, Counters>, earlier: ReadonlyMap<FlowId, Counters>, groups: GroupCells): void
  /** Takes apply() back. */
  undo(): void
  /** It stands for several requests: those among them that the target refused. Whoever asked for all of them is told besides. */
  refused?(failures: readonly TargetFailure[]): readonly Refused[]
  /** It can only be in the target as a whole. */
  readonly compound?: boolean
}

export interface Refused { readonly requester: Requester; readonly family: Intent['family']; readonly failures: readonly TargetFailure[] }

export interface Operation {
  readonly token: Token
  readonly plan: Plan
  readonly intent: Intent
  readonly requester: Requester | null
  /** It follows from what this connection has asked for, whose barriers wait for it; 0 = of none. */
  readonly behalf: number
}

export type TargetState = 'lost' | 'syncing' | 'ready'

/** What requests wait for while the whole state is being written; never the token of a commit. */
export const SYNC_GATE: Token = -1
const NONE: ReadonlyMap<FlowId, Counters> = new Map()
const NO_GROUPS: GroupCells = new Map()

export class Operations {
  readonly #maxHeld: number
  readonly #pending = new Map<Token, Operation>()
  #lastToken = 0
  #transaction: Transaction | null = null
  target: TargetState = 'lost'
  /** What the target holds is not known yet, and it is what counts. */
  recovering = false
  /** The target can carry out a plan between two packets. */
  atomic = false

  constructor(maxHeld: number) { this.#maxHeld = maxHeld }

  nextToken(): Token { return ++this.#lastToken }
  get pendingCount(): number { return this.#pending.size }
  /** In the order in which they were made. */
  pending(): IterableIterator<Operation> { return this.#pending.values() }
  isPending(token: Token): boolean {
    return token === SYNC_GATE ? this.target === 'syncing' || this.recovering : this.#pending.has(token)
  }

  submit(ctx: Context, intent: Intent, requester: Requester | null): Outcome {
    if (this.#transaction !== null) return this.#transaction.submit(ctx, intent, requester)
    if (this.target === 'syncing') return waitFor(SYNC_GATE)
    if (requester !== null && this.isFull) return fail(refusalOf(intent.family, []), 'the target is lost and too many changes wait for it')
    const plan = ctx.pipeline.plan(isMany(intent.changes) ? [{ op: 'together' }, ...intent.changes] : intent.changes)
    if (plan.refused) return plan.behind === null ? fail(inFamily(intent.family, plan.error), ...plan.reasons) : waitFor(this.tokenOf(plan.behind))
    intent.apply()
    this.#begin(ctx, plan, intent, requester)
    return DONE
  }

  /** The target is lost, and what waits for it is as much as may. */
  get isFull(): boolean { return this.target === 'lost' && this.#pending.size >= this.#maxHeld }

  /**
   * Carries out requests as one change. `run` says what becomes of the whole: done, or why everything is taken back.
   * `settled` is called when the target has it, at once if it has nothing to do.
   */
  together(ctx: Context, requester: Requester, atomic: boolean, run: () => Outcome, settled: () => void): Outcome {
    if (this.target === 'syncing') return waitFor(SYNC_GATE)
    const transaction = new Transaction()
    this.#transaction = transaction
    let outcome: Outcome
    try {
      outcome = run()
    } finally {
      this.#transaction = null
    }
    if (outcome.kind !== 'done') {
      transaction.rollback(ctx)
      return outcome
    }
    const { plan, intent } = transaction.seal(ctx, atomic, settled)
    if (plan === null) intent.settled(NONE, NONE, NO_GROUPS)
    else this.#begin(ctx, plan, intent, requester)
    return DONE
  }

  /** Now, or where requests are carried out together, when the target has them. */
  whenSettled(act: () => void): void {
    if (this.#transaction === null) act()
    else this.#transaction.afterwards(act)
  }

  #begin(ctx: Context, plan: Plan, intent: Intent, requester: Requester | null, behalf = requester?.conn ?? 0): void {
    const token = this.nextToken()
    for (const object of intent.touches) object.token = token
    this.#pending.set(token, { token, plan, intent, requester, behalf })
    if (behalf !== 0) ctx.conns.count(behalf, 1)
    if (this.target === 'ready') ctx.emit({ kind: 'commit', token, plan, again: false })
  }

  /** What the pipeline wants to change of how it holds the flows, after something that this connection has asked for. */
  rearrange(ctx: Context, conn = 0): void {
    if (this.target !== 'ready') return
    for (let plan = ctx.pipeline.rearrange(); plan !== null; plan = ctx.pipeline.rearrange()) this.#begin(ctx, plan, rearrangement(ctx), null, conn)
  }

  committed(ctx: Context, token: Token, counters: ReadonlyMap<FlowId, Counters> = NONE, earlier: ReadonlyMap<FlowId, Counters> = NONE, groups: GroupCells = NO_GROUPS): void {
    const operation = this.#pending.get(token)
    if (operation === undefined) return
    ctx.pipeline.committed(operation.plan)
    this.#close(ctx, operation)
    operation.intent.settled(counters, earlier, groups)
    operation.requester?.settled?.()
    this.rearrange(ctx, operation.behalf)
  }

  /** `restarted`: flows whose count lacks something now. */
  rejected(ctx: Context, token: Token, failures: readonly TargetFailure[], restarted: ReadonlyMap<FlowId, Counters> = NONE): void {
    const operation = this.#pending.get(token)
    if (operation === undefined) return
    ctx.pipeline.undo(operation.plan)
    this.withdraw(ctx, operation, failures)
    for (const [id, counters] of restarted) {
      const flow = ctx.flows.byId(id)
      if (flow !== undefined) flow.base = addCounters(flow.base, counters)
      ctx.reads.restarted(id)
    }
  }

  /** Takes back a change whose plan the pipeline no longer holds. */
  withdraw(ctx: Context, operation: Operation, failures: readonly TargetFailure[]): void {
    const { intent, requester } = operation
    this.#close(ctx, operation)
    intent.undo()
    const reasons = failures.map(describe)
    const refused = intent.refused?.(failures)
    for (const each of refused ?? []) sendError(ctx, each.requester, refusalOf(each.family, each.failures), each.failures.map(describe))
    if (refused !== undefined && requester !== null) sendError(ctx, requester, 'OFPBFC_MSG_FAILED', reasons)
    else if (requester !== null) sendError(ctx, requester, refusalOf(intent.family, failures), reasons)
    else ctx.emit({ kind: 'log', level: 'error', text: 'the target refused a change of the switch\'s own', detail: { reasons } })
  }

  /** Issues what was in flight once more, to a target that has kept its state. */
  commitAgain(ctx: Context): void {
    for (const { token, plan } of this.#pending.values()) ctx.emit({ kind: 'commit', token, plan, again: true })
  }

  /** Of an open plan: that of a request, or of the whole state, whose writing the loss of the target has cut short. */
  tokenOf(plan: Plan): Token {
    for (const operation of this.#pending.values()) if (operation.plan === plan) return operation.token
    return SYNC_GATE
  }

  #close(ctx: Context, operation: Operation): void {
    this.#pending.delete(operation.token)
    for (const object of operation.intent.touches) object.token = 0
    if (operation.behalf !== 0) ctx.conns.count(operation.behalf, -1)
  }
}

/** Several objects are removed, or several flows changed; what is added goes with one object. */
const isMany = (changes: readonly Change[]): boolean =>
  changes.length > 1 && (changes.every(({ op }) => op === 'modify_flow') || changes.every(({ op }) => op === 'delete_flow' || op === 'delete_group' || op === 'delete_meter'))

const describe = ({ subject, kind, message }: TargetFailure): string => {
  const what = subject === 'other' ? '' : 'flow' in subject ? `flow ${subject.flow}: ` : 'group' in subject ? `group ${subject.group}: ` : `meter ${subject.meter}: `
  return `${what}${kind}: ${message}`
}

function refusalOf(family: Intent['family'], failures: readonly TargetFailure[]): ErrorName {
  const full = failures.some((failure) => failure.kind === 'target.full')
  switch (family) {
    case 'group': return full ? 'OFPGMFC_OUT_OF_GROUPS' : 'OFPGMFC_EPERM'
    case 'meter': return full ? 'OFPMMFC_OUT_OF_METERS' : 'OFPMMFC_UNKNOWN'
    case 'port': return 'OFPPMFC_EPERM'
    case 'table': return 'OFPTMFC_EPERM'
    case 'features': return 'OFPTFFC_EPERM'
    default: return full ? 'OFPFMFC_TABLE_FULL' : 'OFPFMFC_UNKNOWN'
  }
}
