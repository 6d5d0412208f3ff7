/**
 * What open plans have changed of the things that others read or change too: a flow, a group, the ports … While a plan is
 * open it holds them, and a plan that would build on them is behind it; so taking a plan back never meets what was made of
 * it. What may be shared by several open plans without harm (programs, replicas …) is not held: see interned.ts.
 */
import { Behind, type Planning } from './planning.js'

export class Holds {
  readonly #holders = new Map<unknown, Planning>()

  /** To be called before something is read that an open plan may have changed. */
  touch(planning: Planning, thing: unknown): void {
    const holder = this.#holders.get(thing)
    if (holder !== undefined && holder.owner !== planning.owner) throw new Behind(holder)
  }

  /** To be called before something is changed. */
  take(planning: Planning, thing: unknown): void {
    const holder = this.#holders.get(thing)
    if (holder?.owner === planning.owner) return
    if (holder !== undefined) throw new Behind(holder)
    planning.hold(this.#holders, thing)
  }

  /** For what depends on all things of a kind, those included that an open plan has removed. */
  touchAll(planning: Planning, kind: (thing: unknown) => boolean): void {
    let last: Planning | null = null
    for (const [thing, holder] of this.#holders) if (holder.owner !== planning.owner && kind(thing)) last = holder
    if (last !== null) throw new Behind(last)
  }

  isHeld(thing: unknown): boolean { return this.#holders.has(thing) }

  clear(): void { this.#holders.clear() }
}

/** The number itself: flows are the one kind of which there are many. */
export const flowKey = (id: number): number => id
export const groupKey = (id: number): string => `group ${id}`
export const meterKey = (id: number): string => `meter ${id}`
export const isFlow = (thing: unknown): boolean => typeof thing === 'number'
export const isGroup = (thing: unknown): boolean => typeof thing === 'string' && thing.startsWith('group ')
