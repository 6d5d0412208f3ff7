/**
 * Port tables: the switch that each port of the program is of, its OpenFlow number there, and the flags of OFPT_PORT_MOD.
 * OF 1.3.5 §7.2.1
 */
import { PortConfig } from '../openflow/model.js'
import type { MissChoice, PortRecord } from '../datapath/pipeline.js'
import type { Contract, KeyedTable } from './contract.js'
import { actionCall, chooseAction, exactly, tableEntry } from './entries.js'
import { portHome } from './home.js'
import type { NamedTableEntry, NamedUpdate } from './ir.js'
import { CannotPlan, type Planning } from './planning.js'

/** The role `misses`, p4/README.md. */
const MISSES: readonly MissChoice[] = ['drop', 'controller', 'continue']

export class PortTables {
  readonly #contract: Contract
  readonly #targetPorts: ReadonlyMap<number, number>
  /** What is in the target, by table and port. */
  readonly #entries = new Map<string, NamedTableEntry>()
  #ports: readonly PortRecord[] = []
  /** What becomes of a packet that no flow matches: two bits for each table, those of table 0 lowest. */
  #misses = 0n

  constructor(contract: Contract, targetPorts: ReadonlyMap<number, number>) {
    this.#contract = contract
    this.#targetPorts = targetPorts
  }

  reset(): void {
    this.#entries.clear()
    this.#ports = []
    this.#misses = 0n
  }

  get misses(): bigint { return this.#misses }
  missOf(tableId: number): MissChoice { return MISSES[Number((this.#misses >> BigInt(2 * tableId)) & 3n)] ?? 'drop' }

  /** In egress processing a packet that no flow matches is dropped. */
  get #ingress(): Contract['tables'] { return this.#contract.tables.filter(({ egress }) => !egress) }

  /** As a packet comes in, its port says what is to become of it where no flow matches. A pipeline without the role only drops. */
  setMiss(planning: Planning, toController: boolean, choices: ReadonlyMap<number, MissChoice>): void {
    const { portIn } = this.#contract
    const isAble = portIn.actions.some(({ roles }) => roles.has('misses'))
    for (const [table, choice] of choices) {
      if (choice !== 'drop' && !isAble || choice === 'continue' && table >= this.#ingress.length - 1) throw new CannotPlan('OFPTMFC_BAD_CONFIG', `table ${table} has no ${choice} for a miss`)
    }
    const before = this.#misses
    const wanted = this.#ingress.map(({ number }) => choices.get(number) ?? (toController && isAble ? 'controller' : 'drop'))
    this.#misses = wanted.reduce((bits, choice, index) => bits | BigInt(MISSES.indexOf(choice)) << BigInt(2 * index), 0n)
    planning.changed(() => { this.#misses = before })
    this.#write(planning)
  }

  /** A port that receives nothing can have an entry all the same, which keeps its flags for an agent that starts anew. */
  get #ignores(): boolean { return this.#contract.portIn.actions.some(({ roles }) => roles.size === 0) }

  set(planning: Planning, ports: readonly PortRecord[]): void {
    const before = this.#ports
    this.#ports = ports
    planning.changed(() => { this.#ports = before })
    this.#write(planning)
  }

  #write(planning: Planning): void {
    const { portIn, portBlock, share } = this.#contract
    const wanted = new Map<string, NamedTableEntry>()
    for (const { portNo, config } of this.#ports) {
      const target = this.#targetPorts.get(portNo)
      if (target === undefined) continue
      if ((config & (PortConfig.NO_RECV | PortConfig.DOWN)) === 0) {
        const noPacketIn = (config & PortConfig.NO_PACKET_IN) !== 0
        wanted.set(`in ${target}`, entry(portIn, target, new Map([
          ['in_port', BigInt(portNo)], ['no_packet_in', noPacketIn ? 1n : 0n], ['instance', BigInt(share.index)], ['misses', this.#misses],
        ]), config))
      } else if (this.#ignores) {
        wanted.set(`in ${target}`, entry(portIn, target, new Map(), config))
      }
      if ((config & (PortConfig.NO_FWD | PortConfig.DOWN)) === 0) continue
      if (portBlock === null) throw new CannotPlan('OFPPMFC_BAD_CONFIG', 'the pipeline cannot keep packets from leaving a port')
      wanted.set(`out ${target}`, entry(portBlock, target, new Map(), config))
    }
    for (const [key, old] of [...this.#entries]) if (!wanted.has(key)) this.#change(planning, key, old, null)
    for (const [key, next] of wanted) {
      const old = this.#entries.get(key) ?? null
      if (old === null || !sameEntry(old, next)) this.#change(planning, key, old, next)
    }
  }

  #change(planning: Planning, key: string, old: NamedTableEntry | null, next: NamedTableEntry | null): void {
    planning.put(this.#entries, key, next ?? undefined)
    planning.main(changeOf(old, next), changeOf(next, old), 'other')
  }
}

function changeOf(old: NamedTableEntry | null, next: NamedTableEntry | null): NamedUpdate {
  if (next === null) return { op: 'delete', entity: old ?? unreachable() }
  return { op: old === null ? 'insert' : 'modify', entity: next }
}
const unreachable = (): never => { throw new Error('a change from nothing to nothing') }

function entry(table: KeyedTable, port: number, roles: ReadonlyMap<string, bigint>, config: number): NamedTableEntry {
  const action = chooseAction(table.actions, roles, {})
  if (action === null) throw new CannotPlan('OFPPMFC_BAD_CONFIG', `no action of ${table.table} has ${[...roles.keys()].join(', ')}`)
  return tableEntry(table.table, exactly(table.key, port), actionCall(action, roles, {}), config === 0 ? undefined : portHome(config))
}
function sameEntry(a: NamedTableEntry, b: NamedTableEntry): boolean {
  return a.metadata.length === b.metadata.length && a.metadata.every((byte, index) => byte === b.metadata[index]) && a.action?.name === b.action?.name && (a.action?.params ?? []).every(({ value }, index) => value === b.action?.params[index]?.value)
}
