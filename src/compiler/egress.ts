/**
 * Egress processing: one entry says that packets which are to leave go through the egress tables first, and where they begin
 * there; one for each port tells them the port's OpenFlow number. OF 1.5.1 §5.1, §7.3.5.18
 *
 * Copies are on their way between the two: numbers are there before the first comes, and stay when no more are sent there.
 */
import type { PortRecord } from '../datapath/pipeline.js'
import type { Contract, EgressTables } from './contract.js'
import { actionCall, chooseAction, exactly, tableEntry } from './entries.js'
import type { NamedTableEntry, NamedUpdate } from './ir.js'
import { CannotPlan, type Planning } from './planning.js'

const always = (): boolean => true

export class EgressProcessing {
  readonly #tables: EgressTables | null
  readonly #isEgress: (table: number) => boolean
  readonly #targetPorts: ReadonlyMap<number, number>
  /** Port of the program → what is in the target. */
  readonly #numbers = new Map<number, NamedTableEntry>()
  #first: number | null = null

  constructor({ egress, tables }: Contract, targetPorts: ReadonlyMap<number, number>) {
    this.#tables = egress
    this.#isEgress = (table) => tables[table]?.egress === true
    this.#targetPorts = targetPorts
  }

  reset(): void {
    this.#numbers.clear()
    this.#first = null
  }

  /** null: packets leave as they are. */
  setFirst(planning: Planning, first: number | null, ports: readonly PortRecord[]): void {
    const before = this.#first
    if (first === before) return
    const tables = this.#tables
    if (tables === null || first !== null && !this.#isEgress(first)) throw new CannotPlan('OFPTFFC_BAD_FEATURES', `table ${first} is none of egress processing`)
    this.#first = first
    planning.changed(() => { this.#first = before })
    this.#follow(planning, ports)
    planning.main(change(tables, before, first), change(tables, first, before), 'other')
  }

  /** The numbers are those of the ports there are. */
  setPorts(planning: Planning, ports: readonly PortRecord[]): void {
    if (this.#tables !== null) this.#follow(planning, ports)
  }

  #follow(planning: Planning, ports: readonly PortRecord[]): void {
    const wanted = new Map<number, NamedTableEntry>()
    for (const { portNo } of this.#first === null && this.#numbers.size === 0 ? [] : ports) {
      const target = this.#targetPorts.get(portNo)
      if (target !== undefined) wanted.set(target, this.#number(target, portNo))
    }
    for (const [port, entity] of wanted) {
      const old = this.#numbers.get(port)
      if (old !== undefined && old.action?.params[0]?.value === entity.action?.params[0]?.value) continue
      planning.put(this.#numbers, port, entity)
      if (old === undefined) planning.create({ op: 'insert', entity }, { op: 'delete', entity }, always)
      else planning.main({ op: 'modify', entity }, { op: 'modify', entity: old }, 'other')
    }
    for (const [port, entity] of [...this.#numbers]) {
      if (wanted.has(port)) continue
      planning.put(this.#numbers, port, undefined)
      planning.main({ op: 'delete', entity }, { op: 'insert', entity }, 'other')
    }
  }

  #number(port: number, portNo: number): NamedTableEntry {
    const { table, key, actions } = this.#required().port
    const roles = new Map([['in_port', BigInt(portNo)]])
    const action = chooseAction(actions, roles, {})
    if (action === null) throw new Error(`no action of ${table} has the role in_port`)
    return tableEntry(table, exactly(key, port), actionCall(action, roles, {}))
  }

  #required(): EgressTables {
    if (this.#tables === null) throw new Error('the pipeline has no egress processing')
    return this.#tables
  }
}

function change(tables: EgressTables, from: number | null, to: number | null): NamedUpdate {
  const entry = (first: number): NamedTableEntry => tableEntry(tables.first.table, tables.first.fixed, { name: tables.first.action, params: [{ name: tables.first.parameter.name, value: BigInt(first) }] })
  if (to !== null) return { op: from === null ? 'insert' : 'modify', entity: entry(to) }
  if (from === null) throw new Error('a change from nothing to nothing')
  return { op: 'delete', entity: entry(from) }
}

/** The table where it begins that a target's entries say. */
export function firstEgressIn({ egress }: Contract, entry: NamedTableEntry): number | null {
  if (egress === null || entry.table !== egress.first.table) return null
  const value = entry.action?.params.find(({ name }) => name === egress.first.parameter.name)?.value
  return value === undefined ? null : Number(value)
}
