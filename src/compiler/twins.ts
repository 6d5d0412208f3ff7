/**
 * Which of its tables a flow is in, where a flow table has a twin that is looked up by hash (ADR-0024):
 *
 *   flow   everything above the level; looked up first
 *   twin   flows of the level's priority that have the twin's shape: the same bits of the same fields, whatever their values
 *   rest   everything beneath the level, and what else is on it; looked up last
 *
 * On the level itself a flow may be anywhere: what overlaps at one priority is not defined (OF 1.3.5 §5.3). A table begins with
 * level 0 and no shape. Where many flows of one class (priority and shape) come together outside of the twin, the level moves to
 * their priority, and those on the wrong side of it change tables; one after the other in an order in which no packet ever meets
 * another flow than before.
 */
import type { FlowRecord } from '../datapath/pipeline.js'
import type { Match } from '../openflow/model.js'
import type { FlowTable, Twins } from './contract.js'
import { flowKey, type Holds } from './holds.js'
import type { Holding } from './holding.js'
import type { NamedAction, NamedMatch } from './ir.js'
import type { Planning } from './planning.js'

export const Tier = { FLOW: 'flow', TWIN: 'twin', REST: 'rest' } as const
export type Tier = (typeof Tier)[keyof typeof Tier]

export interface Move { readonly id: number; readonly priority: number; readonly from: Tier; readonly to: Tier }
/** `shape`: what the entry of the shape table does then and now; null where it stays. */
export interface Rearrangement {
  readonly moves: readonly Move[]
  readonly shape: { readonly after: NamedAction | null; readonly before: NamedAction | null } | null
  /** Flows that are to be moved next, and have to be counted in cells before. */
  readonly uncounted: readonly number[]
}

/** More than these are not moved at once for another shape. */
const MAX_MOVES = 1024
/** How many are taken into the twin at a time, and how many are looked at for that. */
const BATCH = 128

/** Flows of one priority and shape that are not in the twin. `shape` null: the twin lacks a field that they need. */
interface FlowClass {
  readonly priority: number
  readonly shape: string | null
  readonly flows: Map<number, { readonly tier: Tier; readonly isIdle: boolean }>
  /** It has been tried to do something for it in vain: not again before it is so large. */
  notBefore: number
}

export class TwinTable {
  readonly table: FlowTable
  readonly twins: Twins
  readonly #holds: Holds
  /** How many flows of a class are worth it. */
  readonly #from: number
  readonly #classes = new Map<string, FlowClass>()
  readonly #inside = new Set<number>()
  #level = 0
  #shape: string | null = null
  /** Flows that open plans delete: they would come back to the table that they were in. */
  #leaving = 0
  #candidate: FlowClass | null = null
  /** What it waits for to be let go; undefined: nothing. */
  #waitsFor: unknown = undefined
  /** The target refused to rearrange it. */
  #isLeftAlone = false

  constructor(table: FlowTable, twins: Twins, holds: Holds, from: number) {
    this.table = table
    this.twins = twins
    this.#holds = holds
    this.#from = from
  }

  /** The target is empty, or holds flows. */
  reset(holding: Holding | null): void {
    this.#classes.clear()
    this.#inside.clear()
    this.#leaving = 0
    this.#candidate = null
    this.#waitsFor = undefined
    this.#isLeftAlone = false
    const [inTwin] = holding?.flowsIn(this.twins.twin) ?? []
    this.#shape = inTwin === undefined ? null : shapeOf(inTwin.match, this.twins)
    this.#level = inTwin?.priority ?? (holding?.flowsIn(this.twins.rest) ?? []).reduce((most, { priority }) => Math.max(most, priority), 0)
  }

  /** Before the first change of a plan for a table that is empty: the class that most of its flows will have. */
  prepare(planning: Planning, flows: readonly FlowRecord[]): NamedAction | null {
    if (this.#classes.size > 0 || this.#inside.size > 0 || this.#leaving > 0 || flows.length < this.#from || this.#holds.isHeld(this)) return null
    const counts = new Map<string, { readonly priority: number; readonly shape: string; count: number }>()
    for (const { priority, match } of flows) {
      const shape = shapeOf(match, this.twins)
      if (shape === null) continue
      const key = classKey(priority, shape)
      const found = counts.get(key)
      if (found === undefined) counts.set(key, { priority, shape, count: 1 })
      else found.count += 1
    }
    let best: { readonly priority: number; readonly shape: string; count: number } | null = null
    for (const one of counts.values()) if (one.count > (best?.count ?? 0)) best = one
    if (best === null || best.count < this.#from) return null
    this.#settle(planning, best.priority, best.shape)
    return this.shapeAction
  }

  /** The action of the shape table's entry; null: there is none. */
  get shapeAction(): NamedAction | null {
    const { fields, shape: { action } } = this.twins
    if (this.#shape === null) return null
    const masks = new Map(this.#shape.split(',').filter((part) => part !== '').map((part) => {
      const [index = '', mask = ''] = part.split('/')
      return [Number(index), BigInt(mask)]
    }))
    return { name: action, params: fields.map(({ mask }, index) => ({ name: mask, value: masks.get(index) ?? 0n })) }
  }

  /** The table for a new flow; `held`: those of the target that have it already. */
  place(planning: Planning, { id, priority, match }: FlowRecord, holding: Holding | null): Tier {
    this.#holds.touch(planning, this)
    if (priority > this.#level) return Tier.FLOW
    if (priority < this.#level) return Tier.REST
    const isInside = this.#shape !== null && shapeOf(match, this.twins) === this.#shape
    const held = holding?.tablesOf(id) ?? []
    if (isInside) return held.length === 0 || held.includes(this.twins.twin) ? Tier.TWIN : held.includes(this.table.table) ? Tier.FLOW : Tier.REST
    return held.includes(this.table.table) ? Tier.FLOW : Tier.REST
  }

  enter(planning: Planning, record: FlowRecord, tier: Tier): void {
    this.#add(record, tier)
    planning.changed(() => this.#remove(record, tier))
  }
  leave(planning: Planning, record: FlowRecord, tier: Tier): void {
    this.#remove(record, tier)
    planning.changed(() => this.#add(record, tier))
    this.#leaving += 1
    planning.atEnd(() => { this.#leaving -= 1 })
  }
  moved(planning: Planning, record: FlowRecord, from: Tier, to: Tier): void {
    this.#remove(record, from)
    this.#add(record, to)
    planning.changed(() => {
      this.#remove(record, to)
      this.#add(record, from)
    })
  }

  /** What to move next; null where all is well, or where it has to wait for open plans. Nothing is changed but what it remembers of having tried. */
  next(planning: Planning, isCounted: (id: number) => boolean): Rearrangement | null {
    if (this.#holds.isHeld(this.#waitsFor)) return null
    this.#waitsFor = undefined
    const candidate = this.#candidate
    if (candidate === null || this.#isLeftAlone || this.#holds.isHeld(this)) return null
    const { size } = candidate.flows
    const isInside = candidate.shape === this.#shape && candidate.priority === this.#level
    if (size < Math.max(this.#from, candidate.notBefore) || !isInside && this.#inside.size * 4 > size) {
      this.#candidate = null
      return null
    }
    const moves = isInside ? this.#promotion(candidate) : this.#turn(candidate)
    const uncounted = (moves ?? []).flatMap(({ id }) => (isCounted(id) ? [] : [id]))
    const found = moves === null ? null : uncounted.length > 0 ? { moves: [], shape: null, uncounted } : { moves, shape: isInside ? null : this.#reshape(planning, candidate), uncounted }
    if (found === null && this.#waitsFor === undefined) {
      candidate.notBefore = 2 * size
      this.#candidate = null
    }
    return found
  }
  /** Whether next() is worth being asked. */
  get isRestless(): boolean { return this.#candidate !== null }
  /** The target would not have it. */
  leaveAlone(): void { this.#isLeftAlone = true }

  /** Flows of the twin's class that are in another table. Moving one begins its idle time anew, so those with one stay where they are. */
  #promotion({ flows, priority }: FlowClass): readonly Move[] | null {
    const moves: Move[] = []
    let seen = 0
    for (const [id, { tier, isIdle }] of flows) {
      if (++seen > 2 * BATCH || moves.length === BATCH) break
      if (!isIdle && !this.#holds.isHeld(flowKey(id))) moves.push({ id, priority, from: tier, to: Tier.TWIN })
    }
    return moves.length === 0 ? null : moves
  }

  /** The level is to become this class's. */
  #turn({ priority: level }: FlowClass): readonly Move[] | null {
    if (this.#leaving > 0) return this.#waitFor(null)
    const moves: Move[] = [...this.#inside].map((id) => ({ id, priority: this.#level, from: Tier.TWIN, to: this.#level > level ? Tier.FLOW : Tier.REST }))
    for (const { priority, flows } of this.#classes.values()) {
      for (const [id, { tier }] of flows) {
        if (priority < level && tier === Tier.FLOW) moves.push({ id, priority, from: tier, to: Tier.REST })
        if (priority > level && tier === Tier.REST) moves.push({ id, priority, from: tier, to: Tier.FLOW })
      }
      if (moves.length > MAX_MOVES) return null
    }
    const held = moves.find(({ id }) => this.#holds.isHeld(flowKey(id)))
    return held === undefined ? moves : this.#waitFor(flowKey(held.id))
  }
  #reshape(planning: Planning, { priority, shape }: FlowClass): Rearrangement['shape'] {
    const before = this.shapeAction
    this.#settle(planning, priority, shape)
    return { before, after: this.shapeAction }
  }
  /** null: for something that is not held, and soon over. */
  #waitFor(thing: unknown): null {
    this.#waitsFor = thing
    return null
  }

  /** Until the plan is answered no flow is placed, since the level is not sure. */
  #settle(planning: Planning, level: number, shape: string | null): void {
    const before = { level: this.#level, shape: this.#shape }
    this.#holds.take(planning, this)
    this.#level = level
    this.#shape = shape
    planning.changed(() => {
      this.#level = before.level
      this.#shape = before.shape
    })
  }

  #add({ id, priority, match, idleTimeout }: FlowRecord, tier: Tier): void {
    if (tier === Tier.TWIN) {
      this.#inside.add(id)
      return
    }
    const shape = shapeOf(match, this.twins)
    const key = classKey(priority, shape)
    const found = this.#classes.get(key) ?? { priority, shape, flows: new Map(), notBefore: 0 }
    this.#classes.set(key, found)
    found.flows.set(id, { tier, isIdle: idleTimeout > 0 })
    if (shape !== null && found.flows.size >= Math.max(this.#from, found.notBefore) && found.flows.size > (this.#candidate?.flows.size ?? 0)) this.#candidate = found
  }
  #remove({ id, priority, match }: FlowRecord, tier: Tier): void {
    if (tier !== Tier.TWIN) {
      const key = classKey(priority, shapeOf(match, this.twins))
      const found = this.#classes.get(key)
      found?.flows.delete(id)
      if (found?.flows.size === 0) this.#classes.delete(key)
      return
    }
    this.#inside.delete(id)
    if (this.#inside.size > 0) return
    // Others may want it now.
    for (const other of this.#classes.values()) {
      if (other.shape === null || other.flows.size <= (this.#candidate?.flows.size ?? this.#from - 1)) continue
      other.notBefore = 0
      this.#candidate = other
    }
  }
}

const classKey = (priority: number, shape: string | null): string => `${priority} ${shape}`

/** Which bits of which fields of a twin a match looks at: `index/mask` of each, in their order; null where it has no such field. */
export function shapeOf(match: Match, twins: Twins): string | null {
  const index = indexOf(twins)
  const parts: string[] = []
  for (const { field, mask } of match) {
    const at = index.get(field)
    if (at === undefined) return null
    parts.push(`${at}/${mask ?? twins.fields[at]!.ones}`)
  }
  return parts.length < 2 ? parts[0] ?? '' : parts.sort().join()
}

/** The key of a flow in the twin: bits that it does not look at are 0. */
export function twinMatch(match: Match, twins: Twins): readonly NamedMatch[] {
  const index = indexOf(twins)
  const values = new Map(match.map(({ field, value, mask }) => [index.get(field), mask === null ? value : value & mask]))
  return twins.fields.map(({ name }, at) => ({ field: name, kind: 'exact', value: values.get(at) ?? 0n }))
}

const indices = new WeakMap<Twins, ReadonlyMap<string, number>>()
function indexOf(twins: Twins): ReadonlyMap<string, number> {
  const known = indices.get(twins) ?? new Map(twins.fields.flatMap(({ oxm }, index) => oxm.map((name): [string, number] => [name, index])))
  indices.set(twins, known)
  return known
}
