/**
 * Things in the target that several flows or groups share: kept once for each distinct content, counted by reference,
 * created at the first use and destroyed after the last. A number is used again as late as possible, so that packets in
 * flight never meet a new meaning of an old one.
 */
import type { ErrorName } from '../openflow/model.js'
import type { NamedUpdate } from './ir.js'
import { CannotPlan, type Planning } from './planning.js'

export interface Handle {
  readonly id: number
  readonly key: string
  refs: number
  readonly pool: Pool
  /** The updates that create it; their opposites destroy it. */
  updates: readonly NamedUpdate[]
  /** What it uses itself. */
  uses: readonly Handle[]
  readonly destroyed: ((planning: Planning) => void) | undefined
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

export class Pool {
  readonly #what: string
  readonly #error: ErrorName
  readonly #first: number
  readonly #last: number
  readonly #byKey = new Map<string, Handle>()
  #free: number[] = []
  #next: number

  /** Numbers first … last; `error` is what a request gets that needs one more. */
  constructor(what: string, first: number, last: number, error: ErrorName) {
    this.#what = what
    this.#error = error
    this.#first = first
    this.#last = last
    this.#next = first
  }

  get size(): number { return this.#byKey.size }
  find(key: string): Handle | undefined { return this.#byKey.get(key) }
  [Symbol.iterator](): Iterator<Handle> { return this.#byKey.values() }

  acquire(planning: Planning, key: string, build: (id: number) => Built): Handle {
    const known = this.#byKey.get(key)
    if (known !== undefined) {
      planning.refer(known, 1)
      return known
    }
    const id = this.#allocate()
    planning.changed(() => this.#free.push(id))
    const { updates, uses, destroyed } = build(id)
    const handle: Handle = { id, key, refs: 0, pool: this, updates, uses, destroyed }
    this.#byKey.set(key, handle)
    planning.changed(() => { if (handle.refs === 0) this.#byKey.delete(key) })
    planning.refer(handle, 1)
    for (const update of updates) planning.create(update, opposite(update), () => planning.isOnlyUserOf(handle))
    return handle
  }

  /** To be called when the references that a plan drops are known: destroys those that nobody uses any more. */
  collect(planning: Planning, handle: Handle, dying: Set<Handle>): void {
    if (handle.refs > 0 || this.#byKey.get(handle.key) !== handle) return
    this.#byKey.delete(handle.key)
    this.#free.push(handle.id)
    planning.changed(() => {
      this.#byKey.set(handle.key, handle)
      this.#free = this.#free.filter((id) => id !== handle.id)
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
    this.#free = []
    this.#next = this.#first
  }

  #allocate(): number {
    if (this.#next <= this.#last) return this.#next++
    const id = this.#free.shift()
    if (id === undefined) throw new CannotPlan(this.#error, `all ${this.#last - this.#first + 1} ${this.#what} are in use`)
    return id
  }
}

/** Drops a reference; what is no longer used is added to `dying` and destroyed at the end of the plan. */
export function release(planning: Planning, handle: Handle, dying: Set<Handle>): void {
  planning.refer(handle, -1)
  if (handle.refs === 0) dying.add(handle)
}

function opposite(update: NamedUpdate): NamedUpdate | null {
  if (update.op === 'modify') return null
  return { op: update.op === 'insert' ? 'delete' : 'insert', entity: update.entity }
}
