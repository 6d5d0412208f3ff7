/**
 * Hard timeouts: a heap of deadlines, exact to the millisecond. OF 1.3.5 §5.5
 * Idle timeouts are not here: the target finds them.
 *
 * Each flow knows its place in the heap, so that a flow that is removed leaves nothing behind: the heap is never larger
 * than the number of flows with a deadline, however often flows come and go.
 */
import type { Millis } from '../base/clock.js'
import type { Flow } from './state.js'

/** A flow expires at this time, not before. */
export const hardDeadline = (flow: Flow): Millis => flow.modifiedAt + flow.hardTimeout * 1000

const NONE: readonly Flow[] = []

export class Expiry {
  readonly #heap: Flow[] = []

  get size(): number { return this.#heap.length }
  next(): Millis | null { return this.#heap[0]?.deadline ?? null }

  /** Sets or moves the deadline of a flow. */
  watch(flow: Flow, at: Millis = hardDeadline(flow)): void {
    this.forget(flow)
    flow.deadline = at
    flow.heapIndex = this.#heap.push(flow) - 1
    this.#up(flow.heapIndex)
  }

  forget(flow: Flow): void {
    const index = flow.heapIndex
    if (index < 0) return
    flow.heapIndex = -1
    const last = this.#heap.pop()
    if (last === undefined || last === flow) return
    this.#place(last, index)
    this.#up(index)
    this.#down(last.heapIndex)
  }

  /** Takes out the flows whose deadline has come. */
  due(now: Millis): readonly Flow[] {
    if (!((this.#heap[0]?.deadline ?? Infinity) <= now)) return NONE
    const flows: Flow[] = []
    for (let top = this.#heap[0]; top !== undefined && top.deadline <= now; top = this.#heap[0]) {
      this.forget(top)
      flows.push(top)
    }
    return flows
  }

  #up(index: number): void {
    const flow = this.#heap[index]!
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = this.#heap[parent]!
      if (above.deadline <= flow.deadline) break
      this.#place(above, index)
      index = parent
    }
    this.#place(flow, index)
  }

  #down(index: number): void {
    const heap = this.#heap
    const flow = heap[index]!
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.deadline < heap[child]!.deadline) child++
      if (heap[child]!.deadline >= flow.deadline) break
      this.#place(heap[child]!, index)
      index = child
    }
    this.#place(flow, index)
  }

  #place(flow: Flow, index: number): void {
    this.#heap[index] = flow
    flow.heapIndex = index
  }
}
