/**
 * What controllers have asked of the tables, which the pipeline has no use for, kept in the target for an agent that starts anew: the
 * metadata of an entry of the continuation table, under a number that no packet carries. ADR-0037
 */
import type { TableNote } from '../datapath/pipeline.js'
import type { Contract } from './contract.js'
import { actionCall, chooseAction, exactly, tableEntry } from './entries.js'
import { tablesHome } from './home.js'
import { release, type Handle } from './interned.js'
import type { NamedTableEntry, NamedUpdate } from './ir.js'
import type { Planning } from './planning.js'
import type { SharedState } from './shared-state.js'

const KEY = 'tables'

export class TableNotes {
  readonly #contract: Contract
  readonly #state: SharedState

  constructor(contract: Contract, state: SharedState) {
    this.#contract = contract
    this.#state = state
  }

  /** A pipeline without continuations has no room for it. */
  set(planning: Planning, note: TableNote, dying: Set<Handle>): void {
    const known = this.#state.continuations.find(KEY)
    const isEmpty = note.settings.size === 0 && note.misses.size === 0 && note.described.length === 0
    if (known === undefined) {
      if (!isEmpty) this.#state.continuations.acquire(planning, KEY, (id) => ({ updates: this.#updates(id, note), uses: [] }))
      return
    }
    if (isEmpty) return release(planning, known, dying)
    this.#state.holds.take(planning, known)
    const before = known.updates
    const after = this.#updates(known.id, note)
    known.updates = after
    planning.changed(() => { known.updates = before })
    planning.main(modification(after), modification(before), 'other')
  }

  #updates(id: number, note: TableNote): readonly NamedUpdate[] {
    const { continuation, tableContinued } = this.#contract
    const roles = new Map([['next_table', BigInt(tableContinued)]])
    const action = continuation === null ? null : chooseAction(continuation.actions, roles, {})
    if (continuation === null || action === null) return []
    const entity: NamedTableEntry = tableEntry(continuation.table, exactly(continuation.key, id), actionCall(action, roles, {}), tablesHome(note))
    return [{ op: 'insert', entity }]
  }
}

const modification = ([update]: readonly NamedUpdate[]): NamedUpdate => {
  if (update === undefined) throw new Error('a note without an entry')
  return { op: 'modify', entity: update.entity }
}
