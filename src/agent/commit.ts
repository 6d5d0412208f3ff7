/**
 * Carries out plans: writes their updates, and takes back what was written of a plan that the target refuses in part, so
 * that a request is in the target wholly or not at all. What a change has left without a use is destroyed a moment later
 * than the change, because packets under way in the target have looked up what was there before (ADR-0031).
 */
import type { Millis } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { Logger } from '../base/logger.js'
import type { CompiledPlan, PlannedUpdate } from '../compiler/index.js'
import type { NamedUpdate } from '../compiler/ir.js'
import type { Counters, FlowId, Input, Plan, TargetFailure } from '../datapath/index.js'
import type { CellCounts } from './cell-counts.js'
import type { DirectCounter, Southbound, UpdateFailure } from '../p4runtime/index.js'

/** What becomes of commits; may be told from within commit(). */
export interface CommitEvents {
  /** All of it is in the target, and there is nothing to be told of counters. Nearly always. */
  committed(token: number): void
  answered(input: Input): void
  /** Taking back is not possible. */
  resynchronise(reason: string): void
}

const NOTHING_FAILED: readonly UpdateFailure[] = []

export class Committer {
  readonly #southbound: Southbound
  readonly #cells: CellCounts
  readonly #bucketCounter: string | null
  readonly #log: Logger
  readonly #events: CommitEvents
  readonly #graceMs: Millis
  /** What destroys, and waits: writes it now. */
  readonly #waiting = new Set<() => void>()

  /** A packet is in the target for `graceMs` at the most. */
  constructor(southbound: Southbound, cells: CellCounts, bucketCounter: string | null, log: Logger, graceMs: Millis, events: CommitEvents) {
    this.#southbound = southbound
    this.#cells = cells
    this.#bucketCounter = bucketCounter
    this.#log = log
    this.#events = events
    this.#graceMs = graceMs
  }

  /** One of the events follows; none when the target was lost on the way. */
  commit(token: number, plan: Plan, again: boolean): void {
    const { updates, wanted, counts, groupCounts, needsRoom } = plan as CompiledPlan
    if (needsRoom) for (const write of [...this.#waiting]) write()
    if (again) {
      // Our sessions start from empty tables, so a commit is never repeated on top of itself.
      this.#events.resynchronise('a commit would have to be repeated')
      return
    }
    const failed = (error: unknown): void => this.#events.resynchronise(`bug: ${messageOf(error)}`)
    try {
      // Both are queued in this turn: the counters are read after all earlier writes and before these. Those in cells outlive them.
      const reading = wanted.length === 0 ? null : this.#southbound.readEntryCounters(wanted)
      const settled = (failures: readonly UpdateFailure[]): void => {
        if (reading === null && counts.length === 0 && groupCounts.length === 0 && failures.length === 0) this.#events.committed(token)
        else this.#conclude(token, plan as CompiledPlan, failures, reading).then((input) => { if (input !== null) this.#events.answered(input) }, failed)
      }
      if (updates.length === 0) settled(NOTHING_FAILED)
      else this.#write(plan as CompiledPlan, settled, failed)
    } catch (error) {
      failed(error)
    }
  }

  async #conclude(token: number, plan: CompiledPlan, failures: readonly UpdateFailure[], reading: Promise<readonly DirectCounter[]> | null): Promise<Input | null> {
    const counters = reading === null ? null : flowCounters(await reading)
    if (failures.length === 0) {
      const { counts, groupCounts } = plan
      if (counts.length === 0 && groupCounts.length === 0) return { kind: 'committed', token, ...(counters === null ? {} : { counters }) }
      const [{ final, earlier }, groups] = await Promise.all([this.#cells.afterCommit(counts), this.#groups(groupCounts)])
      return { kind: 'committed', token, counters: new Map([...counters ?? [], ...final]), earlier, groups }
    }
    if (failures.some(({ kind }) => kind === 'target.lost')) return null
    return await this.#takeBack(token, plan, failures, counters)
  }

  /** By cell; a group whose cells cannot all be read is left out. */
  async #groups(wanted: CompiledPlan['groupCounts']): Promise<ReadonlyMap<number, readonly Counters[]>> {
    if (wanted.length === 0 || this.#bucketCounter === null) return new Map()
    const read = await this.#southbound.readCounter(this.#bucketCounter, [...new Set(wanted.flatMap(({ cells }) => cells))])
    const byCell = new Map(read.map(({ index, packets, bytes }) => [index, { packets, bytes }]))
    return new Map(wanted.flatMap(({ group, cells }): [number, Counters[]][] => {
      const counted = cells.flatMap((cell) => byCell.get(cell) ?? [])
      return counted.length < cells.length ? [] : [[group, counted]]
    }))
  }

  /** Tells the failures; what was not written because something before it failed is not among them. */
  #write({ updates, atomic, changing }: CompiledPlan, settled: (failures: readonly UpdateFailure[]) => void, failed: (error: unknown) => void): void {
    const all = updates.length === 1 ? [updates[0]!.update] : updates.map(({ update }) => update)
    if (this.#graceMs === 0 || changing >= all.length) this.#southbound.submit(all, atomic, settled)
    else this.#writeInTwo(all, changing).then(settled, failed)
  }

  async #writeInTwo(all: readonly NamedUpdate[], changing: number): Promise<readonly UpdateFailure[]> {
    const failures = await this.#southbound.write(all.slice(0, changing))
    if (failures.length > 0) return failures
    const late = await new Promise<readonly UpdateFailure[]>((resolve) => {
      const write = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(write)
        resolve(this.#southbound.write(all.slice(changing)))
      }
      const timer = setTimeout(write, this.#graceMs)
      this.#waiting.add(write)
    })
    return late.map((failure) => ({ ...failure, index: failure.index + changing }))
  }

  /**
   * The compiler's account goes first, in the same turn in which the opposite updates are queued: whatever is planned from
   * now on is written after them, and finds the account as it will be then.
   */
  async #takeBack(token: number, plan: CompiledPlan, failures: readonly UpdateFailure[], counters: ReadonlyMap<FlowId, Counters> | null): Promise<Input | null> {
    const { updates, atomic, changing, counts } = plan
    for (const failure of failures) this.#log.warn({ ...failure, update: describe(updates[failure.index]?.update) }, 'the target refused an update')
    const failed = new Set(failures.map(({ index }) => index))
    // What is written atomically is not written at all when a part of it is refused.
    if (atomic) for (const index of updates.keys()) failed.add(index)
    // And neither is what would have followed a change that was refused.
    if (this.#graceMs > 0 && failures.every(({ index }) => index < changing)) for (let index = changing; index < updates.length; index++) failed.add(index)
    const leftover = plan.revert()
    if (updates.some((update, index) => failed.has(index) && !update.revocable())) {
      this.#events.resynchronise('the target refused something that several requests use')
      return null
    }
    const inverses = updates.flatMap((planned, index) => (failed.has(index) || planned.inverse === null || !planned.revocable() ? [] : [planned.inverse])).reverse()
    inverses.push(...leftover)
    const stuck = inverses.length === 0 ? [] : await this.#southbound.write(inverses)
    if (stuck.some(({ kind }) => kind === 'target.lost')) return null
    if (stuck.length > 0) {
      this.#events.resynchronise(`${stuck.length} updates could not be taken back: ${stuck[0]?.message ?? ''}`)
      return null
    }
    // Where a large atomic Write fails, the target may not say by which update.
    const untold = atomic && failures.length > 1 && failures.length === updates.length
    const told = failures.map((failure) => targetFailure(failure, untold ? undefined : updates[failure.index]))
    const restarted = new Map([...counters ?? []].filter(([id]) => updates.some((update, index) => !failed.has(index) && restartsCounters(update, id))))
    const unset = new Set(updates.flatMap(({ update: { entity } }, index) => entity.kind === 'counter_reset' && failed.has(index) ? [entity.index] : []))
    for (const [id, counted] of await this.#cells.afterTakingBack(counts.filter(({ cell }) => !unset.has(cell)))) restarted.set(id, counted)
    return { kind: 'rejected', token, failures: untold ? told.slice(0, 1) : told, ...(restarted.size === 0 ? {} : { restarted }) }
  }
}

/** A flow that was deleted, or whose counters were reset, and that has been written again counts from zero. */
const restartsCounters = ({ update: { op, entity }, subject }: PlannedUpdate, id: FlowId): boolean =>
  entity.kind === 'table' && (op === 'delete' || op === 'modify' && entity.resetCounters) && subject !== 'other' && 'flow' in subject && subject.flow === id

function targetFailure(failure: UpdateFailure, update: PlannedUpdate | undefined): TargetFailure {
  return { subject: update?.subject ?? 'other', kind: failure.kind === 'target.lost' ? 'target.rejected' : failure.kind, message: failure.message, ...(update?.part === undefined ? {} : { part: update.part }) }
}

function flowCounters(cells: readonly { readonly controllerMetadata: number; readonly packets: bigint; readonly bytes: bigint }[]): ReadonlyMap<FlowId, Counters> {
  return new Map(cells.map(({ controllerMetadata, packets, bytes }) => [controllerMetadata, { packets, bytes }]))
}

function describe(update: NamedUpdate | undefined): string {
  if (update === undefined) return 'unknown'
  const { op, entity } = update
  switch (entity.kind) {
    case 'table': return `${op} ${entity.table} ${entity.match.map((field) => field.field).join(',')} → ${entity.action?.name ?? 'none'}`
    case 'default': return `${op} default of ${entity.table}`
    case 'multicast': return `${op} multicast group ${entity.groupId}`
    case 'counter_reset': return `reset ${entity.counter}[${entity.index}]`
    case 'meter': return `configure ${entity.meter}[${entity.index}]`
  }
}
