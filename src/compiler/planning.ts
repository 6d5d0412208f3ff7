/**
 * One plan in the making: the updates in the order in which they are safe for traffic (make before break), and the way
 * back. Shared things (programs, replicas …) are created before and destroyed after what uses them.
 */
import type { ErrorName } from '../openflow/model.js'
import type { Plan } from '../datapath/pipeline.js'
import type { NamedUpdate } from './ir.js'

/** What an update is for, so that its failure finds the request's object: a flow, a group, or something shared. */
export type Subject = { readonly flow: number } | { readonly group: number } | 'other'

export interface PlannedUpdate {
  readonly update: NamedUpdate
  /** What takes the update back, null where there is nothing to take back. */
  readonly inverse: NamedUpdate | null
  readonly subject: Subject
  /** False once something else uses what this update created: then it must not be taken back. */
  readonly revocable: () => boolean
}

export interface CompiledPlan extends Plan {
  readonly updates: readonly PlannedUpdate[]
  /** Flows deleted by this plan whose final counters are wanted: their entries, to be read before they are deleted. */
  readonly wanted: readonly NamedUpdate['entity'][]
  readonly revert: () => void
}

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
    }
  }
}
