/**
 * Cells of the counter that outlives entries: a flow whose end is told has one, so that what it has counted in the end can be
 * read when its entry is gone and nothing is added any more. Such a flow is counted by its cell from the beginning; a flow
 * without is counted by the direct counter of its entry. A cell belongs to one flow at a time, and begins at zero: where the
 * target's counter is not known to be zero there, it is set to it before the flow's entry names it. OF 1.3.5 §5.5, §7.4.2
 */
import { FlowModFlag } from '../openflow/model.js'
import type { FlowRecord } from '../datapath/pipeline.js'
import type { Contract, ExecuteAction } from './contract.js'
import type { Holding } from './holding.js'
import { Pool, type Handle, type PoolOwner } from './interned.js'
import type { Planning } from './planning.js'

export class FlowCells {
  readonly pool: Pool
  readonly #owner: PoolOwner
  readonly #counter: string | null
  #serial = 0
  /** Cells above it have never been used. */
  #highest = 0

  constructor({ flowCounter, numbers }: Contract, owner: PoolOwner) {
    this.#owner = owner
    this.#counter = flowCounter?.name ?? null
    this.pool = new Pool('flow counters', numbers.flowCells, 'OFPFMFC_TABLE_FULL', owner, false)
  }

  /** For a new flow. One that the target holds keeps what it has there: the count of its life is nowhere else. */
  forNew(planning: Planning, record: FlowRecord): Handle | null {
    if (this.#counter === null) return null
    const held = this.#owner.holding?.flowCell(record.id)
    if (held === undefined) return isTold(record) ? this.acquire(planning) : null
    return held === 0 ? null : this.pool.adopt(planning, `held ${held}`, held)
  }

  /** For a flow that is changed: another one where it is to count from zero, and never less than it had. */
  forChanged(planning: Planning, record: FlowRecord, old: Handle | null, resetCounters: boolean): Handle | null {
    if (this.#counter === null || old === null && !isTold(record)) return null
    return old === null || resetCounters ? this.acquire(planning) : old
  }

  acquire(planning: Planning): Handle {
    const counter = this.#counter ?? ''
    return this.pool.acquire(planning, `flow ${++this.#serial}`, (id) => {
      const isNew = id > this.#highest
      this.#highest = Math.max(id, this.#highest)
      return { updates: isNew ? [] : [{ op: 'modify', entity: { kind: 'counter_reset', counter, index: id } }], uses: [] }
    })
  }

  /** The pool has been emptied; the target is empty, or holds this. */
  reset(holding: Holding | null): void {
    this.#highest = holding === null ? 0 : Infinity
    this.pool.reserve(holding?.usedFlowCells ?? [])
  }
}

const isTold = ({ life }: FlowRecord): boolean => life !== undefined && (life.flags & FlowModFlag.SEND_FLOW_REM) !== 0

/** The parameter by which an action is told the cell. */
export const cellParameter = (action: ExecuteAction): string | null => action.roles.get('cell')?.name ?? null
