/**
 * Requests that change many objects take several Writes. An agent that dies between two of them leaves a half; so the first thing
 * written is a note of the whole, and the last its removal, and the next agent completes what has a note. The note is the metadata of
 * an entry for a port where nothing comes in: a continuation port, where packets only leave. ADR-0032
 */
import type { Change, FlowRecord, Half } from '../datapath/pipeline.js'
import type { Contract } from './contract.js'
import { actionCall, chooseAction, exactly, tableEntry } from './entries.js'
import { halfHome } from './home.js'
import { release, type Handle } from './interned.js'
import type { Planning } from './planning.js'
import type { SharedState } from './shared-state.js'

export class Halves {
  readonly #contract: Contract
  readonly #state: SharedState
  #serial = 0

  constructor(contract: Contract, state: SharedState) {
    this.#contract = contract
    this.#state = state
  }

  /** Notes what these changes are to leave, for as long as their plan is being written. */
  note(planning: Planning, changes: readonly Change[], dying: Set<Handle>): void {
    const { portIn, continuation, share } = this.#contract
    const action = chooseAction(portIn.actions, new Map(), {})
    if (action === null || action.roles.size > 0 || continuation === null || share.count > 1) return
    const half = halfOf(changes)
    const metadata = half === null ? null : halfHome(half)
    if (metadata === null || metadata.length === 0 || metadata.length > MAX_BYTES) return
    const handle = this.#state.halves.acquire(planning, `half ${++this.#serial}`, () => ({ updates: [], uses: [] }))
    const entity = tableEntry(portIn.table, exactly(portIn.key, handle.id), actionCall(action, new Map(), {}), metadata)
    planning.around(entity)
    release(planning, handle, dying)
  }
}

/** What a server accepts in one message. */
const MAX_BYTES = 1_000_000

function halfOf(changes: readonly Change[]): Half | null {
  const [flows, groups, meters]: [number[], number[], number[]] = [[], [], []]
  const modified: { readonly flow: FlowRecord; readonly previous: FlowRecord }[] = []
  for (const change of changes) {
    switch (change.op) {
      case 'delete_flow': flows.push(change.flow.id); break
      case 'delete_group': groups.push(change.group.groupId); break
      case 'delete_meter': meters.push(change.meter.meterId); break
      case 'modify_flow': modified.push(change); break
      default: if (change.op !== 'together') return null
    }
  }
  const [first] = modified
  if (first === undefined) return { flows, groups, meters, modified: null }
  const { instructions, life, cookie } = first.flow
  if (modified.some(({ flow }) => flow.instructions !== instructions)) return null
  const isOther = modified.every((one) => one.flow.cookie === cookie) && modified.some((one) => one.flow.cookie !== one.previous.cookie)
  return { flows, groups, meters, modified: { flows: modified.map(({ flow }) => flow.id), instructions, modifiedAt: life?.modifiedAt ?? 0, cookie: isOther ? cookie : null } }
}
