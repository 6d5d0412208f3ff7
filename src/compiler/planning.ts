/**
 * One plan in the making: the updates in the order in which they are safe for traffic (make before break), and the way
 * back. Shared things (programs, replicas …) are created before and destroyed after what uses them.
 */
import type { ErrorName } from '../openflow/model.js'
import type { Plan } from '../datapath/pipeline.js'
import type { Holding } from './holding.js'
import type { Handle } from './interned.js'
import type { NamedUpdate } from './ir.js'

/** What an update is for, so that its failure finds the request's object: a flow, a group, a meter, or something shared. */
export type Subject = { readonly flow: number } | { readonly group: number } | { readonly meter: number } | 'other'

export interface PlannedUpdate {
  readonly update: NamedUpdate
  /** What takes the update back, null where there is nothing to take back. */
  readonly inverse: NamedUpdate | null
  readonly subject: Subject
  /** To be asked after revert(): false when something else uses what this update created, so that it must stay. */
  revocable(): boolean
  /** Which of the merged plans it is of. */
  readonly part?: number
}

export interface CompiledPlan extends Plan {
  readonly updates: readonly PlannedUpdate[]
  /** Flows deleted by this plan whose final counters are wanted, and which their entries count: to be read before they are deleted. */
  readonly wanted: readonly NamedUpdate['entity'][]
  /** What is to be read of cells when the plan is answered. */
  readonly counts: readonly WantedCount[]
  /** Groups that are changed, with the cells that they go on with: what these have counted by then. */
  readonly groupCounts: readonly WantedGroupCount[]
  /**
   * Takes the plan out of the compiler's account, before its updates are taken back. Returns what destroys the things that
   * it was the last to use although others had created them.
   */
  revert(): readonly NamedUpdate[]
  /** It is answered: gives free what only this plan was to touch. */
  end(): void
  /** No packet may meet a part of it. */
  readonly atomic: boolean
  /**
   * How many of the updates are what changes; those that follow destroy what packets under way may still be led to by what was
   * there before. All of them where no packet is.
   */
  readonly changing: number
  /** It needs room that other plans give up which have no answer yet. */
  readonly needsRoom: boolean
  readonly planning: Planning
}

/**
 * What a flow's cell, or with it the entry, has to say once the plan is answered.
 *
 *   final    the flow is gone: this is what it has counted
 *   before   the entry has counted the flow until now, the cell does from now on: what it had counted before
 *   between  the flow counts in this cell from now on, and if the plan is taken back in its old one again: what it counted in between
 */
export type WantedCount =
  | { readonly kind: 'final' | 'between'; readonly flow: number; readonly cell: number }
  | { readonly kind: 'before'; readonly flow: number; readonly cell: number; readonly entry: NamedUpdate['entity'] }

export interface WantedGroupCount { readonly group: number; readonly cells: readonly number[] }

/** Thrown inside the compiler only; plan() turns it into a Refusal after reverting. */
export class CannotPlan extends Error {
  override readonly name = 'CannotPlan'
  readonly error: ErrorName
  readonly reasons: readonly string[]
  constructor(error: ErrorName, ...reasons: string[]) {
    super(reasons.join('; '))
    this.error = error
    this.reasons = reasons
  }
}

/** Thrown inside the compiler only: the change builds on what another open plan has changed. */
export class Behind extends Error {
  override readonly name = 'Behind'
  readonly holder: Planning
  constructor(holder: Planning) {
    super('behind another plan')
    this.holder = holder
  }
}

const always = (): boolean => true
function set<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}

export class Planning {
  // Made when they are needed: there is a plan for every flow-mod, and most have one update.
  /** What is written before everything else, and after it. */
  #around: { readonly first: PlannedUpdate; readonly last: PlannedUpdate } | null = null
  #creates: PlannedUpdate[] | null = null
  #mains: PlannedUpdate[] | null = null
  #deletes: PlannedUpdate[] | null = null
  #wanted: NamedUpdate['entity'][] | null = null
  #counts: WantedCount[] | null = null
  #groupCounts: WantedGroupCount[] | null = null
  #journal: (() => void)[] = []
  #endings: (() => void)[] | null = null
  #orphans: Set<Handle> | null = null
  #holders: Map<unknown, Planning> | null = null
  #held: unknown[] | null = null
  /** The first of the plans that are to be merged: what one of them holds is free for the others. */
  readonly owner: Planning
  needsRoom = false
  changing = Infinity
  /** What this became; null while it is being made. */
  plan: CompiledPlan | null = null

  constructor(after?: CompiledPlan) { this.owner = after?.planning.owner ?? this }

  create(update: NamedUpdate, inverse: NamedUpdate | null, revocable: () => boolean): void {
    (this.#creates ??= []).push({ update, inverse, subject: 'other', revocable })
  }
  main(update: NamedUpdate, inverse: NamedUpdate | null, subject: Subject): void {
    this.mainly({ update, inverse, subject, revocable: always })
  }
  mainly(planned: PlannedUpdate): void {
    (this.#mains ??= []).push(planned)
  }
  /** An entry that is there while the rest is being written, or taken back. */
  around(entity: NamedUpdate['entity']): void {
    const [insert, remove] = [{ op: 'insert', entity }, { op: 'delete', entity }] as const
    this.#around = {
      first: { update: insert, inverse: remove, subject: 'other', revocable: always }, last: { update: remove, inverse: insert, subject: 'other', revocable: always },
    }
  }
  destroy(update: NamedUpdate, inverse: NamedUpdate | null): void {
    (this.#deletes ??= []).push({ update, inverse, subject: 'other', revocable: always })
  }
  want(entity: NamedUpdate['entity']): void {
    (this.#wanted ??= []).push(entity)
  }
  wantCount(count: WantedCount): void {
    (this.#counts ??= []).push(count)
  }
  wantGroupCount(count: WantedGroupCount): void {
    (this.#groupCounts ??= []).push(count)
  }
  /** `undo` restores what the caller has just changed in the compiler's state. */
  changed(undo: () => void): void {
    this.#journal.push(undo)
  }
  /** Runs `change` with a journal of its own, and returns what takes back that part alone. */
  part(change: () => void): () => void {
    const outer = this.#journal
    const inner: (() => void)[] = []
    this.#journal = inner
    try {
      change()
    } catch (error) {
      outer.push(...inner)
      throw error
    } finally {
      this.#journal = outer
    }
    return () => { for (const undo of inner.splice(0).reverse()) undo() }
  }
  /** To be done when the plan is answered, whatever the answer. */
  atEnd(ending: () => void): void {
    (this.#endings ??= []).push(ending)
  }
  /** Among the holders until the plan is answered. */
  hold(holders: Map<unknown, Planning>, thing: unknown): void {
    holders.set(thing, this)
    this.#holders = holders;
    (this.#held ??= []).push(thing)
  }
  /** Sets or (undefined) removes an entry of the compiler's state; reverting puts back what was there. */
  put<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
    const before = map.get(key)
    set(map, key, value)
    this.changed(() => set(map, key, before))
  }
  /** Taking back has left this without a use, for now. */
  orphaned(handle: Handle): void {
    (this.#orphans ??= new Set()).add(handle)
  }
  revert(): readonly NamedUpdate[] {
    for (const undo of this.#journal.splice(0).reverse()) undo()
    const orphans = this.#orphans
    if (orphans === null) return []
    const cleaning = new Planning()
    for (const handle of orphans) handle.pool.collect(cleaning, handle, orphans)
    orphans.clear()
    this.atEnd(() => cleaning.end())
    return (cleaning.#deletes ?? []).map(({ update }) => update)
  }
  end(): void {
    const endings = this.#endings
    this.#endings = null
    for (const ending of endings ?? NONE) ending()
    const held = this.#held
    this.#held = null
    for (const thing of held ?? NONE) if (this.#holders?.get(thing) === this) this.#holders.delete(thing)
  }
  /** `holding`: of a target that is not empty. */
  done(holding: Holding | null): CompiledPlan {
    const updates = this.#creates === null && this.#deletes === null ? this.#mains ?? NONE : [...this.#creates ?? NONE, ...this.#mains ?? NONE, ...this.#deletes ?? NONE]
    const { first, last } = this.#around ?? {}
    // The note is about flows, groups and meters; what they no longer need is found by itself, and may be destroyed later.
    const all = first === undefined || last === undefined ? updates : [first, ...this.#creates ?? NONE, ...this.#mains ?? NONE, last, ...this.#deletes ?? NONE]
    const adapted = holding === null ? all : all.map((update) => holding.adapt(this, update)).filter((update) => update !== null)
    // Whoever deletes a flow wants its packets no more; whoever changes it does.
    if (holding === null && this.#deletes !== null && this.#mains?.some(({ update }) => update.op === 'modify') === true) this.changing = all.length - this.#deletes.length
    return this.plan = new SinglePlan(this, adapted, this.#wanted ?? NONE, this.#counts ?? NONE, this.#groupCounts ?? NONE)
  }
}

const NONE: readonly never[] = []

/** What one call of plan() gives. */
class SinglePlan implements CompiledPlan {
  readonly refused = false
  readonly atomic = false
  readonly planning: Planning
  readonly updates: readonly PlannedUpdate[]
  readonly wanted: readonly NamedUpdate['entity'][]
  readonly counts: readonly WantedCount[]
  readonly groupCounts: readonly WantedGroupCount[]
  constructor(planning: Planning, updates: readonly PlannedUpdate[], wanted: readonly NamedUpdate['entity'][], counts: readonly WantedCount[], groupCounts: readonly WantedGroupCount[]) {
    this.planning = planning
    this.updates = updates
    this.wanted = wanted
    this.counts = counts
    this.groupCounts = groupCounts
  }
  get changing(): number { return this.planning.changing }
  get needsRoom(): boolean { return this.planning.needsRoom }
  revert(): readonly NamedUpdate[] { return this.planning.revert() }
  end(): void { this.planning.end() }
}

/** The updates one plan after the other: each relies on what those before it have left. */
export function mergePlans(plans: readonly CompiledPlan[], atomic: boolean): CompiledPlan {
  const [first] = plans
  if (first === undefined) throw new Error('nothing to merge')
  const merged: CompiledPlan = {
    refused: false, atomic, changing: Infinity, needsRoom: plans.some(({ needsRoom }) => needsRoom),
    updates: plans.flatMap(({ updates }, part) => updates.map((planned) => ({ update: planned.update, inverse: planned.inverse, subject: planned.subject, revocable: () => planned.revocable(), part }))),
    wanted: plans.flatMap(({ wanted }) => wanted),
    counts: plans.flatMap(({ counts }) => counts),
    groupCounts: plans.flatMap(({ groupCounts }) => groupCounts),
    revert: () => [...plans].reverse().flatMap((plan) => plan.revert()),
    end: () => { for (const plan of plans) plan.end() },
    planning: first.planning.owner,
  }
  for (const { planning } of plans) planning.plan = merged
  return merged
}
