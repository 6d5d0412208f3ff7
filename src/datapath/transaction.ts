/**
 * Several requests carried out as one change: all of them are in the target in the end, or none.
 *
 *   begin ─▶ request ─▶ request ─▶ … ─▶ seal ─▶ one commit of all their plans ─▶ settled, or undone
 *                          └ refused, or has to wait ─▶ everything before it is undone
 *
 * Each request sees the state as the ones before it have left it, so while the transaction is open nothing that it has
 * touched is locked, what it has deleted is gone, and what it has modified has no other side. Sealing makes it look like
 * any other change in flight: the objects are locked, deleted ones hold their place, modified ones remember what they were.
 */
import type { TargetFailure } from './events.js'
import type { Intent, Refused } from './operations.js'
import type { Change, FlowRecord, GroupRecord, Plan } from './pipeline.js'
import { DONE, fail, inFamily, waitFor } from './state.js'
import type { Context, Flow, GroupEntry, Lockable, MeterEntry, Outcome, Requester } from './state.js'

interface Part {
  readonly intent: Intent
  readonly plan: Plan | null
  readonly requester: Requester | null
  /** What the request has deleted. */
  readonly flows: readonly Flow[]
  readonly groups: readonly GroupEntry[]
  readonly meters: readonly MeterEntry[]
}

const isFlow = (object: Lockable): object is Flow => 'tableId' in object
const isGroup = (object: Lockable): object is GroupEntry => 'groupId' in object
const isMeter = (object: Lockable): object is MeterEntry => 'meterId' in object

export class Transaction {
  readonly #parts: Part[] = []
  readonly #flowsBefore = new Map<Flow, FlowRecord>()
  readonly #groupsBefore = new Map<GroupEntry, GroupRecord>()

  get isEmpty(): boolean { return this.#parts.length === 0 }

  /** In place of Operations.submit(). */
  submit(ctx: Context, intent: Intent, requester: Requester | null): Outcome {
    const after = this.#parts.findLast((part) => part.plan !== null)?.plan
    const plan = ctx.pipeline.plan(intent.changes.map(countFinally), after ?? undefined)
    if (plan.refused) return plan.behind === null ? fail(inFamily(intent.family, plan.error), ...plan.reasons) : waitFor(ctx.ops.tokenOf(plan.behind))
    for (const object of intent.touches) {
      if (isFlow(object) && ctx.flows.byId(object.id) === object && !this.#flowsBefore.has(object)) this.#flowsBefore.set(object, object.record)
      if (isGroup(object) && ctx.groups.get(object.groupId) === object && !this.#groupsBefore.has(object)) this.#groupsBefore.set(object, object.record)
    }
    intent.apply()
    const flows = intent.touches.filter(isFlow).filter((flow) => flow.deleting)
    const groups = intent.touches.filter(isGroup).filter((group) => group.deleting)
    const meters = intent.touches.filter(isMeter).filter((meter) => meter.deleting)
    for (const flow of flows) ctx.flows.remove(flow)
    for (const group of groups) ctx.groups.remove(group)
    for (const meter of meters) ctx.meters.remove(meter)
    for (const object of intent.touches) {
      if (isFlow(object)) ctx.flows.settle(object)
      else if (isGroup(object)) object.previous = null
    }
    this.#parts.push({ intent, plan, requester, flows, groups, meters })
    return DONE
  }

  /** Something that is to happen when the target has it all. */
  afterwards(settled: () => void): void {
    const intent: Intent = { changes: [], touches: [], family: 'own', apply: () => {}, settled, undo: () => {} }
    this.#parts.push({ intent, plan: null, requester: null, flows: [], groups: [], meters: [] })
  }

  /** Takes everything back; the target has seen nothing of it. */
  rollback(ctx: Context): void {
    for (const { plan } of [...this.#parts].reverse()) if (plan !== null) ctx.pipeline.undo(plan)
    this.#undo(ctx)
  }

  /** The plans as one, and what becomes of the state; null where the target has nothing to do. */
  seal(ctx: Context, atomic: boolean, settled: () => void): { readonly plan: Plan | null; readonly intent: Intent } {
    const plans = this.#parts.flatMap(({ plan }) => plan === null ? [] : [plan])
    const requesters = this.#parts.flatMap(({ plan, requester }) => plan === null ? [] : [requester])
    const touches = [...new Set(this.#parts.flatMap(({ intent }) => intent.touches))]
    this.#holdPlaces(ctx)
    const intent: Intent = {
      changes: [], touches, family: 'flow', compound: true,
      apply: () => {},
      settled: (counters, earlier, groups) => {
        for (const part of this.#parts) {
          part.intent.settled(counters, earlier, groups)
          part.requester?.settled?.()
        }
        settled()
      },
      undo: () => {
        this.#leavePlaces(ctx)
        this.#undo(ctx)
      },
      refused: (failures) => refusedParts(this.#parts.filter(({ plan }) => plan !== null), requesters, failures),
    }
    return { plan: plans.length === 0 ? null : ctx.pipeline.merge(plans, atomic), intent }
  }

  #undo(ctx: Context): void {
    for (const { intent, flows, groups, meters } of [...this.#parts].reverse()) {
      for (const flow of flows) ctx.flows.insert(flow)
      for (const group of groups) ctx.groups.insert(group)
      for (const meter of meters) ctx.meters.insert(meter)
      intent.undo()
    }
  }

  #holdPlaces(ctx: Context): void {
    for (const { flows, groups, meters } of this.#parts) {
      for (const flow of flows) ctx.flows.insertLeaving(flow)
      for (const meter of meters) if (ctx.meters.get(meter.meterId) === undefined) ctx.meters.insert(meter)
      for (const group of groups) if (ctx.groups.get(group.groupId) === undefined) ctx.groups.insert(group)
    }
    for (const [flow, record] of this.#flowsBefore) if (!flow.deleting) ctx.flows.hold(flow, record)
    for (const [group, record] of this.#groupsBefore) if (!group.deleting) group.previous = record
  }

  #leavePlaces(ctx: Context): void {
    for (const flow of this.#flowsBefore.keys()) if (!flow.deleting) ctx.flows.settle(flow)
    for (const group of this.#groupsBefore.keys()) group.previous = null
    for (const { flows, groups, meters } of this.#parts) {
      for (const flow of flows) ctx.flows.remove(flow)
      for (const meter of meters) ctx.meters.remove(meter)
      for (const group of groups) ctx.groups.remove(group)
    }
  }
}

/** If it is taken back, the target counts from zero: then what was counted before must be known. */
const countFinally = (change: Change): Change => change.op === 'delete_flow' || change.op === 'modify_flow' && change.resetCounters
  ? { ...change, wantCounters: true } : change

/** The requests that the target refused, each with its error. */
function refusedParts(parts: readonly Part[], requesters: readonly (Requester | null)[], failures: readonly TargetFailure[]): readonly Refused[] {
  const byPart = new Map<number, TargetFailure[]>()
  for (const failure of failures) if (failure.part !== undefined) byPart.set(failure.part, [...(byPart.get(failure.part) ?? []), failure])
  return [...byPart].flatMap(([index, own]) => {
    const [part, requester] = [parts[index], requesters[index]]
    return part === undefined || requester === null || requester === undefined ? [] : [{ requester, family: part.intent.family, failures: own }]
  })
}
