/**
 * The flows among what a target holds, by number: there may be a hundred thousand, nearly all of them are as the agent would
 * write them, and of those no text is ever made. An entry that is asked for under another number has to be found by its key;
 * with the first of these, all go over to where entries are found like that (holding.ts).
 */
import type { FlowRecord } from '../datapath/pipeline.js'
import type { NamedEntity, NamedTableEntry } from './ir.js'
import type { Planning } from './planning.js'

export interface HeldFlow {
  /** As it will be when open plans are done; null: deleted. */
  entity: NamedTableEntry | null
  isWanted: boolean
  readonly table: string
  /** In which it is counted; 0: its entry counts. */
  readonly cell: number
  /** The same flow in another table: it was being moved. */
  readonly next: HeldFlow | null
}

/** Entries by key, and the keys of those that are wanted. */
export interface ByKey { readonly keyOf: (entity: NamedEntity) => string; readonly entities: Map<string, NamedEntity>; readonly wanted: Set<string> }

export class HeldFlows {
  readonly #byId = new Map<number, HeldFlow>()
  readonly #flowsIn = new Map<string, FlowRecord[]>()
  /** What a plan has asked for, to be taken back with it. */
  #claims: { readonly planning: Planning; readonly flows: HeldFlow[] } | null = null
  /** Where they have gone over to. */
  #byKey: ByKey | null = null

  /** False, and nothing is kept: the table has an entry with this number already. */
  add(entity: NamedTableEntry, record: FlowRecord, cell: number): boolean {
    const { table } = entity
    const { id } = record
    if (this.in(table, id) !== null) return false
    this.#byId.set(id, { entity, isWanted: false, table, cell, next: this.#byId.get(id) ?? null })
    const flows = this.#flowsIn.get(table)
    if (flows === undefined) this.#flowsIn.set(table, [record])
    else flows.push(record)
    return true
  }

  has(id: number): boolean { return this.#byId.has(id) }
  /** The cell in which it is counted, 0 where it has none; undefined: there is no such flow. */
  cellOf(id: number): number | undefined { return this.#byId.get(id)?.cell }
  /** One table, or two where it was being moved. */
  tablesOf(id: number): string[] {
    const tables: string[] = []
    for (let flow = this.#byId.get(id) ?? null; flow !== null; flow = flow.next) tables.push(flow.table)
    return tables
  }
  flowsIn(table: string): readonly FlowRecord[] { return this.#flowsIn.get(table) ?? [] }
  in(table: string, id: number): HeldFlow | null {
    let flow = this.#byId.get(id) ?? null
    while (flow !== null && flow.table !== table) flow = flow.next
    return flow
  }
  * all(): IterableIterator<HeldFlow> {
    for (let flow of this.#byId.values()) {
      yield flow
      while (flow.next !== null) yield flow = flow.next
    }
  }

  /** It is wanted, until the plan is taken back. */
  claim(planning: Planning, flow: HeldFlow): void {
    if (flow.isWanted) return
    flow.isWanted = true
    if (this.#claims?.planning !== planning) {
      const claims = this.#claims = { planning, flows: [] as HeldFlow[] }
      planning.changed(() => { for (const one of claims.flows) this.#unclaim(one) })
    }
    this.#claims.flows.push(flow)
  }
  /** This will be there in its place, until the plan is taken back. */
  replace(planning: Planning, flow: HeldFlow, entity: NamedTableEntry | null): void {
    const before = flow.entity
    flow.entity = entity
    planning.changed(() => {
      flow.entity = before
      const known = before ?? entity
      if (this.#byKey === null || known === null) return
      const { keyOf, entities } = this.#byKey
      if (before === null) entities.delete(keyOf(known))
      else entities.set(keyOf(known), before)
    })
  }

  /** From now on their entries are found there; what is known of them by number stays. */
  goOver(to: ByKey): void {
    if (this.#byKey !== null) return
    this.#byKey = to
    for (const { entity, isWanted } of this.all()) {
      if (entity === null) continue
      const key = to.keyOf(entity)
      to.entities.set(key, entity)
      if (isWanted) to.wanted.add(key)
    }
  }
  get haveGoneOver(): boolean { return this.#byKey !== null }

  #unclaim(flow: HeldFlow): void {
    flow.isWanted = false
    if (this.#byKey !== null && flow.entity !== null) this.#byKey.wanted.delete(this.#byKey.keyOf(flow.entity))
  }
}
