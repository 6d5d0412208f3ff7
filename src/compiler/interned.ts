/**
 * Things in the target that several flows or groups share: kept once for each distinct content, counted by reference,
 * created at the first use and destroyed after the last. A number is used again as late as possible, so that packets in
 * flight never meet a new meaning of an old one.
 */
import type { ErrorName } from '../openflow/model.js'
import type { Range } from './contract.js'
import type { NamedUpdate } from './ir.js'
import { type Holding, renumbered } from './holding.js'
import type { Holds } from './holds.js'
import { Behind, CannotPlan, type Planning } from './planning.js'

/** What the pools of one compiler have in common. */
export interface PoolOwner { readonly holds: Holds; /** While a target that is not empty is brought up to date. */ holding: Holding | null }

export interface Handle {
  id: number
  readonly key: string
  refs: number
  /** Whether it is in the target, or on its way there. */
  alive: boolean
  readonly pool: Pool
  /** The updates that create it; their opposites destroy it. */
  updates: readonly NamedUpdate[]
  /** What it uses itself. */
  uses: readonly Handle[]
  destroyed: ((planning: Planning) => void) | undefined
}
export interface Built {
  readonly updates: readonly NamedUpdate[]
  readonly uses: readonly Handle[]
  /** Called in the plan that destroys it, to give back what else it took. */
  readonly destroyed?: (planning: Planning) => void
}

/** The key of something by its content: plain data, bigints included. */
export const contentKey = (content: unknown): string =>
  JSON.stringify(content, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString(36) : value))

const UNNUMBERED = -1

export class Pool {
  readonly #what: string
  readonly #error: ErrorName
  readonly #owner: PoolOwner
  /** Whether the number is the key of its entries. */
  readonly #isKey: boolean
  readonly #first: number
  readonly #last: number
  readonly #byKey = new Map<string, Handle>()
  #free: number[] = []
  readonly #reserved = new Set<number>()
  /** Numbers that open plans are giving up. */
  readonly #leaving = new Map<number, Planning>()
  #next: number

  /** Numbers first … last; `error` is what a request gets that needs one more. */
  constructor(what: string, { first, last }: Range, error: ErrorName, owner: PoolOwner, isKey = true) {
    this.#what = what
    this.#error = error
    this.#first = first
    this.#last = last
    this.#owner = owner
    this.#isKey = isKey
    this.#next = first
  }

  get size(): number { return this.#byKey.size }
  find(key: string): Handle | undefined { return this.#byKey.get(key) }
  [Symbol.iterator](): Iterator<Handle> { return this.#byKey.values() }

  /** What an open plan has created may be used by others at once: it outlives that plan when they do. */
  acquire(planning: Planning, key: string, build: (id: number) => Built): Handle {
    const known = this.#byKey.get(key)
    if (known !== undefined) {
      known.refs += 1
      planning.changed(() => {
        known.refs -= 1
        if (known.refs === 0) planning.orphaned(known)
      })
      return known
    }
    const holding = this.#isKey ? this.#owner.holding : null
    const handle: Handle = { id: holding === null ? this.#allocate(planning) : UNNUMBERED, key, refs: 1, alive: true, pool: this, updates: [], uses: [], destroyed: undefined }
    let undoBuilding = (): void => {}
    planning.changed(() => {
      handle.refs -= 1
      if (handle.refs > 0) return
      undoBuilding()
      this.#forget(planning, handle)
    })
    this.#owner.holds.take(planning, handle)
    undoBuilding = planning.part(() => { Object.assign(handle, build(handle.id)) })
    if (holding !== null) this.#number(planning, handle, holding)
    this.#byKey.set(key, handle)
    for (const update of handle.updates) planning.create(update, opposite(update), () => !handle.alive)
    return handle
  }

  /** With this number, where it is one of those reserved(), and nothing to be written. */
  adopt(planning: Planning, key: string, id: number): Handle | null {
    if (!this.#reserved.delete(id)) return null
    const handle: Handle = { id, key, refs: 1, alive: true, pool: this, updates: [], uses: [], destroyed: undefined }
    this.#byKey.set(key, handle)
    planning.changed(() => {
      handle.refs -= 1
      if (handle.refs === 0) this.#forget(planning, handle)
    })
    return handle
  }
  /** These numbers are in use in the target. */
  reserve(ids: readonly number[]): void {
    for (const id of ids) this.#reserved.add(id)
  }
  /** From now on the target holds what is in the pool and nothing else. */
  settle(): void {
    this.#reserved.clear()
    const used = new Set([...this.#byKey.values()].map(({ id }) => id))
    this.#next = Math.max(this.#first, ...[...used].map((id) => id + 1))
    this.#free = []
    for (let id = this.#first; id < this.#next; id++) if (!used.has(id)) this.#free.push(id)
  }

  /** To be called when the references that a plan drops are known: destroys those that nobody uses any more. */
  collect(planning: Planning, handle: Handle, dying: Set<Handle>): void {
    if (handle.refs > 0 || !handle.alive) return
    this.#owner.holds.touch(planning, handle)
    this.#forget(planning, handle)
    planning.changed(() => {
      handle.alive = true
      // Others may have made the same again meanwhile; then there are two of it until one is not used any more.
      if (!this.#byKey.has(handle.key)) this.#byKey.set(handle.key, handle)
    })
    for (const update of [...handle.updates].reverse()) {
      const undo = opposite(update)
      if (undo !== null) planning.destroy(undo, update)
    }
    handle.destroyed?.(planning)
    for (const used of handle.uses) release(planning, used, dying)
  }

  clear(): void {
    this.#byKey.clear()
    this.#leaving.clear()
    this.#reserved.clear()
    this.#free = []
    this.#next = this.#first
  }

  /** The number is free for others when the target has answered, not before. */
  #forget(planning: Planning, handle: Handle): void {
    handle.alive = false
    if (handle.id === UNNUMBERED) return
    if (this.#byKey.get(handle.key) === handle) this.#byKey.delete(handle.key)
    this.#leaving.set(handle.id, planning)
    planning.atEnd(() => {
      if (this.#leaving.get(handle.id) === planning) this.#leaving.delete(handle.id)
      if (!handle.alive) this.#free.push(handle.id)
    })
  }

  /** That under which the target has it already, or one under which the target has nothing. */
  #number(planning: Planning, handle: Handle, holding: Holding): void {
    let id = holding.take(planning, handle.updates)
    if (id === null) do { id = this.#allocate(planning) } while (holding.isTaken(handle.updates, id))
    const number = id
    handle.id = number
    handle.updates = handle.updates.map(({ op, entity }) => ({ op, entity: renumbered(entity, number) }))
  }

  #allocate(planning: Planning): number {
    while (this.#reserved.has(this.#next)) this.#next++
    if (this.#next <= this.#last) return this.#next++
    const id = this.#free.shift()
    if (id !== undefined) return id
    for (const leaving of this.#leaving.values()) if (leaving.plan !== null && leaving.owner !== planning.owner) throw new Behind(leaving)
    throw new CannotPlan(this.#error, `all ${this.#last - this.#first + 1} ${this.#what} are in use`)
  }
}

/** Drops a reference; what is no longer used is added to `dying` and destroyed at the end of the plan. */
export function release(planning: Planning, handle: Handle, dying: Set<Handle>): void {
  handle.refs -= 1
  planning.changed(() => { handle.refs += 1 })
  if (handle.refs === 0) dying.add(handle)
}

function opposite(update: NamedUpdate): NamedUpdate | null {
  if (update.op === 'modify') return null
  return { op: update.op === 'insert' ? 'delete' : 'insert', entity: update.entity }
}
