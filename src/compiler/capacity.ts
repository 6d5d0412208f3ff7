/**
 * How full the target's tables are, so that a request which does not fit is refused before anything is written.
 */
import type { ErrorName } from '../openflow/model.js'
import { CannotPlan, type Planning } from './planning.js'

export class Capacity {
  readonly #used = new Map<string, number>()
  /** What plans without an answer give up. */
  #leaving = new Map<string, number>()

  used(what: string): number { return this.#used.get(what) ?? 0 }

  take(planning: Planning, what: string, count: number, limit: number, error: ErrorName): void {
    const used = this.used(what)
    if (used + count > limit) throw new CannotPlan(error, `${what} is full: ${used} of ${limit} in use, ${count} more needed`)
    if (used + (this.#leaving.get(what) ?? 0) + count > limit) planning.needsRoom = true
    this.#change(planning, what, count)
  }
  give(planning: Planning, what: string, count: number): void {
    this.#change(planning, what, -count)
    const leaving = this.#leaving
    leaving.set(what, (leaving.get(what) ?? 0) + count)
    planning.atEnd(() => leaving.set(what, (leaving.get(what) ?? 0) - count))
  }
  clear(): void {
    this.#used.clear()
    this.#leaving = new Map()
  }
  #change(planning: Planning, what: string, by: number): void {
    this.#used.set(what, this.used(what) + by)
    planning.changed(() => this.#used.set(what, this.used(what) - by))
  }
}
