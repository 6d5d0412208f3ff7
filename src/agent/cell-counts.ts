/**
 * What flows have counted in their cells, once nothing is added any more. Many plans are answered in one turn, and their
 * questions go to the target as one Read. Later writes may come before it: a cell belongs to its flow until the plan is answered.
 */
import type { WantedCount } from '../compiler/index.js'
import type { Counters, FlowId } from '../datapath/index.js'
import type { Southbound } from '../p4runtime/index.js'

type Tell = (counters: Counters | undefined) => void
const nothing: Counters = { packets: 0n, bytes: 0n }

export class CellCounts {
  readonly #southbound: Southbound
  readonly #counter: string | null
  #asked = new Map<number, Tell[]>()

  constructor(southbound: Southbound, counter: string | null) {
    this.#southbound = southbound
    this.#counter = counter
  }

  /** Of a plan that the target has: final counters, and what flows had counted that are counted in a cell from now on. */
  async afterCommit(counts: readonly WantedCount[]): Promise<{ readonly final: ReadonlyMap<FlowId, Counters>; readonly earlier: ReadonlyMap<FlowId, Counters> }> {
    const [final, earlier] = await Promise.all([this.#read(counts.filter(({ kind }) => kind === 'final')), this.#leads(counts)])
    return { final, earlier }
  }

  /** Of a plan that has been taken back: what was counted in cells that nobody looks at any more. */
  async afterTakingBack(counts: readonly WantedCount[]): Promise<ReadonlyMap<FlowId, Counters>> {
    return await this.#read(counts.filter(({ kind }) => kind === 'between'))
  }

  async #read(counts: readonly WantedCount[]): Promise<ReadonlyMap<FlowId, Counters>> {
    const found = new Map<FlowId, Counters>()
    await Promise.all(counts.map(async ({ flow, cell }) => {
      const counted = await this.#cell(cell)
      const { packets, bytes } = found.get(flow) ?? nothing
      if (counted !== undefined) found.set(flow, { packets: packets + counted.packets, bytes: bytes + counted.bytes })
    }))
    return found
  }

  async #leads(counts: readonly WantedCount[]): Promise<ReadonlyMap<FlowId, Counters>> {
    const found = new Map<FlowId, Counters>()
    for (const count of counts) {
      const lead = count.kind !== 'before' || this.#counter === null ? null : await this.#southbound.readLead(count.entry, this.#counter, count.cell)
      if (lead !== null) found.set(count.flow, lead)
    }
    return found
  }

  #cell(cell: number): Promise<Counters | undefined> {
    return new Promise((resolve) => {
      if (this.#asked.size === 0) setImmediate(() => void this.#ask())
      this.#asked.set(cell, [...this.#asked.get(cell) ?? [], resolve])
    })
  }

  async #ask(): Promise<void> {
    const asked = this.#asked
    this.#asked = new Map()
    const cells = this.#counter === null ? [] : await this.#southbound.readCounter(this.#counter, [...asked.keys()])
    const found = new Map(cells.map(({ index, packets, bytes }) => [index, { packets, bytes }]))
    for (const [cell, tell] of asked) for (const each of tell) each(found.get(cell))
  }
}
