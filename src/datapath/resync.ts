/**
 * Bringing the target up to date after it was away.
 *
 *   lost ──ready, kept its state──▶ ready      commits in flight are issued again
 *     └───ready, empty, or holding something ──▶ syncing    at first the state is what it holds; then one plan with the whole
 *                                     │          state, of which only what is different is written, and one that removes
 *                                     │          what is left over; nothing else is begun until they are answered
 *                                     ├ committed ─▶ ready: every change that was in flight is now in the target
 *                                     └ rejected  ─▶ what does not fit is taken out of the state, the rest is written
 *
 * The pipeline still holds what it reserved for entries that are gone, so it is reset first.
 */
import type { Millis } from '../base/clock.js'
import type { TargetFailure, Token } from './events.js'
import { dropFlow } from './removal.js'
import type { Change, Held, Plan } from './pipeline.js'
import type { Operation } from './operations.js'
import { afterLoss } from './group-counts.js'
import { rebase } from './meter-table.js'
import { takeOver } from './recovery.js'
import type { Context, Flow, GroupEntry, MeterEntry } from './state.js'
import { noteOf, othersThan } from './table-config.js'

interface SyncPart { readonly token: Token; readonly plan: Plan; readonly changes: readonly Change[] }
const RETRY_AFTER: Millis = 1000

export class Resync {
  readonly #parts = new Map<Token, SyncPart>()
  #everSynced = false
  #again = false
  /** What has been written is of no use: the target is to be emptied first. */
  #isUndone = false
  /** What the target would not take for no reason that can be dealt with; tried again a little later. */
  #unwritten: Change[] = []
  #retryAt: Millis | null = null

  nextRetry(ctx: Context): Millis | null { return ctx.ops.target === 'syncing' ? this.#retryAt : null }
  owns(token: Token): boolean { return this.#parts.has(token) }

  /** The target has had another master: what it holds counts. Those who still wait for an answer are told that there is none. */
  displaced(ctx: Context): void {
    this.#everSynced = false
    ctx.ops.recovering = true
    this.#parts.clear()
    this.#unwritten = []
    this.#retryAt = null
    for (const operation of [...ctx.ops.pending()].reverse()) ctx.ops.withdraw(ctx, operation, [{ subject: 'other', kind: 'target.rejected', message: 'another agent controls the target' }])
  }

  ready(ctx: Context, fresh: boolean, held?: Held): void {
    if (fresh || held !== undefined || this.#isUndone || !this.#everSynced && this.#parts.size === 0 && this.#unwritten.length === 0) {
      ctx.ops.target = 'syncing'
      this.#again = !fresh && held === undefined
      this.#isUndone = false
      this.#parts.clear()
      this.#unwritten = []
      this.#retryAt = null
      ctx.pipeline.reset(held)
      ctx.hosts.clear()
      if (ctx.ops.recovering && held !== undefined) takeOver(ctx, ctx.pipeline.found())
      else {
        for (const flow of ctx.flows.all()) if (!ctx.pipeline.holds(flow.id)) rebaseFlow(flow)
        if (held === undefined) {
          for (const meter of ctx.meters.all()) rebase(meter)
          for (const group of ctx.groups.all()) group.counts = afterLoss(group.counts)
        }
      }
      this.#write(ctx, wholeState(ctx))
      return
    }
    this.#again = true
    if (this.#parts.size === 0 && this.#unwritten.length === 0) {
      ctx.ops.target = 'ready'
      ctx.ops.commitAgain(ctx)
      return
    }
    ctx.ops.target = 'syncing'
    for (const { token, plan } of this.#parts.values()) ctx.emit({ kind: 'commit', token, plan, again: true })
    this.#retry(ctx)
  }

  committed(ctx: Context, token: Token): void {
    const part = this.#parts.get(token)
    if (part === undefined) return
    this.#parts.delete(token)
    ctx.pipeline.committed(part.plan)
    if (this.#parts.size > 0) return
    if (this.#retryAt === null && this.#unwritten.length > 0) this.#retry(ctx)
    else this.#finish(ctx)
  }

  rejected(ctx: Context, token: Token, failures: readonly TargetFailure[]): void {
    const part = this.#parts.get(token)
    if (part === undefined) return
    this.#parts.delete(token)
    ctx.pipeline.undo(part.plan)
    for (const { subject, kind, message } of failures) {
      ctx.emit({ kind: 'log', level: 'error', text: `the target does not take back what it had: ${kind}: ${message}`, detail: { subject } })
    }
    if (part.changes.length === 0) {
      this.#finish(ctx, true)
      return
    }
    const dropped = failures.filter((failure) => this.#drop(ctx, failure)).length
    if (this.#isUndone) return
    if (dropped > 0) this.#write(ctx, part.changes)
    else {
      this.#unwritten.push(...part.changes)
      this.#retryAt = ctx.now + RETRY_AFTER
    }
  }

  tick(ctx: Context): void {
    if (this.#retryAt !== null && ctx.now >= this.#retryAt && ctx.ops.target === 'syncing') this.#retry(ctx)
  }

  #retry(ctx: Context): void {
    const changes = this.#unwritten
    this.#unwritten = []
    this.#retryAt = null
    if (changes.length > 0) this.#write(ctx, changes)
  }

  /** Plans what is still true of these changes, in one plan if possible, else one by one. */
  #write(ctx: Context, changes: readonly Change[]): void {
    const valid = changes.map((change) => currentForm(ctx, change)).filter((change) => change !== null)
    const whole = ctx.pipeline.plan(valid)
    if (!whole.refused) {
      this.#commit(ctx, whole, valid)
      return
    }
    for (const change of valid) {
      const current = currentForm(ctx, change)
      if (current === null) continue
      const plan = ctx.pipeline.plan([current])
      if (!plan.refused) {
        this.#commit(ctx, plan, [current])
        continue
      }
      if (plan.behind !== null) {
        this.#unwritten.push(current)
        continue
      }
      const failure: TargetFailure = { subject: subjectOf(current), kind: 'target.rejected', message: plan.reasons.join('; ') }
      ctx.emit({ kind: 'log', level: 'error', text: `the pipeline does not take back ${current.op}: ${plan.error}`, detail: { reasons: plan.reasons } })
      this.#drop(ctx, failure)
      if (this.#isUndone) return
    }
    if (this.#parts.size === 0) this.#finish(ctx)
  }

  /** Takes what the target cannot hold out of the state; a request that is still open gets its error. */
  #drop(ctx: Context, failure: TargetFailure): boolean {
    const { subject } = failure
    if (subject === 'other') return false
    if ('flow' in subject) {
      const flow = ctx.flows.byId(subject.flow)
      return flow !== undefined && this.#dropLocked(ctx, flow, failure, () => { dropFlow(ctx, flow, 'delete') })
    }
    if ('meter' in subject) {
      const meter = ctx.meters.get(subject.meter)
      return meter !== undefined && this.#dropLocked(ctx, meter, failure, () => { dropMeter(ctx, meter) })
    }
    const group = ctx.groups.get(subject.group)
    return group !== undefined && this.#dropLocked(ctx, group, failure, () => { dropGroup(ctx, group) })
  }

  #dropLocked(ctx: Context, object: Flow | GroupEntry | MeterEntry, failure: TargetFailure, dropIt: () => void): boolean {
    const operation: Operation | undefined = [...ctx.ops.pending()].find((candidate) => candidate.token === object.token)
    if (operation === undefined) dropIt()
    else {
      ctx.ops.withdraw(ctx, operation, [failure])
      if (operation.intent.compound === true) this.#startOver(ctx)
    }
    return true
  }

  /** Much that has been taken back with one request may be in the target, and what it had replaced may not be. */
  #startOver(ctx: Context): void {
    this.#parts.clear()
    this.#unwritten = []
    this.#retryAt = null
    this.#isUndone = true
    ctx.emit({ kind: 'resynchronise', reason: 'requests that belong together could not be written' })
  }

  #commit(ctx: Context, plan: Plan, changes: readonly Change[]): void {
    const token = ctx.ops.nextToken()
    this.#parts.set(token, { token, plan, changes })
    ctx.emit({ kind: 'commit', token, plan, again: this.#again })
  }

  /** `asItIs`: what is left over cannot be removed; it is in nobody's way but for the room that it takes. */
  #finish(ctx: Context, asItIs = false): void {
    if (this.#unwritten.length > 0) return
    const leftovers = asItIs ? null : ctx.pipeline.leftovers()
    if (leftovers !== null) {
      this.#commit(ctx, leftovers, [])
      return
    }
    ctx.pipeline.settled()
    this.#everSynced = true
    ctx.ops.recovering = false
    ctx.ops.target = 'ready'
    ctx.emit({ kind: 'log', level: 'info', text: 'the target has the whole state' })
    for (const operation of [...ctx.ops.pending()]) ctx.ops.committed(ctx, operation.token)
  }
}

/** What has been counted so far is kept with the entry, since the target counts from zero. */
function rebaseFlow(flow: Flow): void {
  flow.base = flow.last
  const { record } = flow
  if (record.life !== undefined && flow.base.packets > 0n) flow.record = { ...record, life: { ...record.life, ...flow.base } }
}

const liveGroups = (ctx: Context): GroupEntry['record'][] =>
  [...ctx.groups.all()].filter((group) => !group.deleting).map((group) => group.record)

/** Something has been asked of the tables. */
const isNoted = (ctx: Context): boolean => ctx.tables.all.size > 0 || ctx.miss.tables.size > 0 || othersThan(ctx).length > 0

function wholeState(ctx: Context): Change[] {
  const groups = ctx.groups.dependenciesFirst(liveGroups(ctx))
  // Those with write-actions first: they change how others are written.
  const writes = (flow: Flow): number => ((flow.record.instructions.write?.length ?? 0) > 0 ? 0 : 1)
  const flows = [...ctx.flows.all()].filter((flow) => !flow.deleting).sort((a, b) => writes(a) - writes(b))
  const changes: Change[] = [
    ctx.ports.change(ctx),
    ctx.miss.change(ctx),
    ...isNoted(ctx) ? [noteOf(ctx)] : [],
    ...(ctx.egress.first === null ? [] : [ctx.egress.change(ctx)]),
    ...[...ctx.meters.all()].filter((meter) => !meter.deleting).map(({ record }): Change => ({ op: 'add_meter', meter: record })),
    ...groups.map((group): Change => ({ op: 'add_group', group })),
    ...flows.map((flow): Change => ({ op: 'add_flow', flow: flow.record })),
    ...ctx.standalone.wholeState(),
  ]
  ctx.ports.written()
  ctx.miss.written()
  ctx.egress.written()
  return changes
}

/** The change as the state now has it; null when its object is gone. */
function currentForm(ctx: Context, change: Change): Change | null {
  if (ctx.standalone.owns(change)) return change
  if (change.op === 'note_tables') return noteOf(ctx)
  if (change.op === 'add_flow') {
    const flow = ctx.flows.byId(change.flow.id)
    return flow === undefined || flow.deleting ? null : { op: 'add_flow', flow: flow.record }
  }
  if (change.op === 'add_group') {
    const group = ctx.groups.get(change.group.groupId)
    return group === undefined || group.deleting ? null : { op: 'add_group', group: group.record }
  }
  if (change.op === 'add_meter') {
    const meter = ctx.meters.get(change.meter.meterId)
    return meter === undefined || meter.deleting ? null : { op: 'add_meter', meter: meter.record }
  }
  return change
}

function subjectOf(change: Change): TargetFailure['subject'] {
  if (change.op === 'add_flow') return { flow: change.flow.id }
  if (change.op === 'add_meter') return { meter: change.meter.meterId }
  return change.op === 'add_group' ? { group: change.group.groupId } : 'other'
}

/** With the flows that use it. */
function dropMeter(ctx: Context, meter: MeterEntry): void {
  ctx.meters.remove(meter)
  for (const flow of [...ctx.flows.metered(meter.meterId)]) dropFlow(ctx, flow, 'meter_delete')
}

/** With the flows and groups that refer to it: none of them can be written without it. */
function dropGroup(ctx: Context, group: GroupEntry): void {
  ctx.groups.remove(group)
  for (const flow of [...ctx.flows.referringTo(group.groupId)]) dropFlow(ctx, flow, 'group_delete')
  for (const parent of ctx.groups.referringTo(group.groupId)) dropGroup(ctx, parent)
}
