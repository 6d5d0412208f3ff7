/**
 * Rewrite programs in the target: one entry in each stage table that a round uses, under one number.
 */
import type { Scope, Stage } from './contract.js'
import type { Handle } from './interned.js'
import type { NamedUpdate } from './ir.js'
import type { Planning } from './planning.js'
import type { StageEntry } from './rounds.js'
import { tableEntry } from './entries.js'
import type { SharedState } from './shared-state.js'

/** `id` 0 is the empty program: nothing to create. */
export interface Program { readonly id: number; readonly stages: number; readonly handle: Handle | null }
const NO_PROGRAM: Program = { id: 0, stages: 0, handle: null }

export function acquireProgram(state: SharedState, planning: Planning, scope: Scope, entries: readonly StageEntry[]): Program {
  if (entries.length === 0) return NO_PROGRAM
  const stages = entries.reduce((bits, { stage }) => bits | (1 << stage.index), 0)
  const key = entries.map(({ stage, action, params }) => `${stage.index}:${action.name}(${params.map(({ value }) => value.toString(36)).join()})`).join(' ')
  const handle = state.programs(scope).acquire(planning, key, (id) => {
    for (const { stage } of entries) state.capacity.take(planning, stage.table, 1, stage.size, 'OFPFMFC_TABLE_FULL')
    return {
      updates: entries.map((entry) => insertion(entry, id)), uses: [],
      destroyed: (later) => { for (const { stage } of entries) state.capacity.give(later, stage.table, 1) },
    }
  })
  return { id: handle.id, stages, handle }
}

function insertion({ stage, action, params }: StageEntry, id: number): NamedUpdate {
  return { op: 'insert', entity: tableEntry(stage.table, stageKey(stage, id), { name: action.name, params }) }
}
const stageKey = (stage: Stage, id: number) => [{ field: stage.key, kind: 'exact' as const, value: BigInt(id) }]
