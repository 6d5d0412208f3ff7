/**
 * One plan in the making: the updates in the order in which they are safe for traffic (make before break), and the way
 * back. Shared things (programs, replicas …) are created before and destroyed after what uses them.
 */
import type { ErrorName } from '../openflow/model.js'
import type { Plan } from '../datapath/pipeline.js'
import type { NamedUpdate } from './ir.js'

/** What an update is for, so that its failure finds the request's object: a flow, a group, a meter, or something shared. */
export type Subject = { readonly flow: number } | { readonly group: number } | { readonly meter: number } | 'other'

export interface PlannedUpdate {
  readonly update: NamedUpdate
  /** What takes the update back, null where there is nothing to take back. */
  readonly inverse: NamedUpdate | null
  readonly subject: Subject
  /** False once something else uses what this update created: then it must not be taken back. */
  readonly revocable: () => boolean
  /** Which of the merged plans it is of. */
  readonly part?: number
}

export interface CompiledPlan extends Plan {
  readonly updates: readonly PlannedUpdate[]
  /** Flows deleted by this plan whose final counters are wanted: their entries, to be read before they are deleted. */
  readonly wanted: readonly NamedUpdate['entity'][]
  readonly revert: () => void
  /** No packet may meet a part of it. */
  readonly atomic: boolean
  readonly references: References
}

interface Counted { refs: number }
/** How often a plan, with those it is to be merged with, refers to shared things. */
type References = Map<Counted, number>

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

const always = (): boolean => true
function set<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}

export class Planning {
  readonly #creates: PlannedUpdate[] = []
  readonly #mains: PlannedUpdate[] = []
  readonly #deletes: PlannedUpdate[] = []
  readonly #wanted: NamedUpdate['entity'][] = []
  readonly #journal: (() => void)[] = []
  readonly #references: References

  constructor(after?: CompiledPlan) { this.#references = after?.references ?? new Map() }

  /** Adds a reference to a shared thing, or drops one. */
  refer(shared: Counted, by: 1 | -1): void {
    const count = (change: number): void => {
      shared.refs += change
      this.#references.set(shared, (this.#references.get(shared) ?? 0) + change)
    }
    count(by)
    this.changed(() => count(-by))
  }
  /** Whether no later plan has come to use what this one created. */
  isOnlyUserOf(shared: Counted): boolean { return shared.refs <= (this.#references.get(shared) ?? 0) }

  create(update: NamedUpdate, inverse: NamedUpdate | null, revocable: () => boolean): void {
    this.#creates.push({ update, inverse, subject: 'other', revocable })
  }
  main(update: NamedUpdate, inverse: NamedUpdate | null, subject: Subject): void {
    this.#mains.push({ update, inverse, subject, revocable: always })
  }
  destroy(update: NamedUpdate, inverse: NamedUpdate | null): void {
    this.#deletes.push({ update, inverse, subject: 'other', revocable: always })
  }
  want(entity: NamedUpdate['entity']): void {
    this.#wanted.push(entity)
  }
  /** `undo` restores what the caller has just changed in the compiler's state. */
  changed(undo: () => void): void {
    this.#journal.push(undo)
  }
  /** Sets or (undefined) removes an entry of the compiler's state; reverting puts back what was there. */
  put<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
    const before = map.get(key)
    set(map, key, value)
    this.changed(() => set(map, key, before))
  }
  revert(): void {
    for (const undo of this.#journal.splice(0).reverse()) undo()
  }
  done(): CompiledPlan {
    return {
      refused: false, updates: [...this.#creates, ...this.#mains, ...this.#deletes], wanted: this.#wanted, revert: () => this.revert(),
      atomic: false, references: this.#references,
    }
  }
}

/** The updates one plan after the other: each relies on what those before it have left. */
export function mergePlans(plans: readonly CompiledPlan[], atomic: boolean): CompiledPlan {
  return {
    refused: false, atomic,
    updates: plans.flatMap(({ updates }, part) => updates.map((update) => ({ ...update, part }))),
    wanted: plans.flatMap(({ wanted }) => wanted),
    revert: () => { for (const plan of [...plans].reverse()) plan.revert() },
    references: plans[0]?.references ?? new Map(),
  }
}
