/**
 * What a target holds when an agent comes to it, while the agent brings it up to date: plans are made as for an empty target,
 * and here each update is compared with what is there, so that only what is different is written. A shared thing (a program,
 * a replica …) that is there already keeps its number: its content is looked up before a number is chosen.
 */
import type { Found, FlowRecord, GroupRecord, Half, MeterRecord, TableNote } from '../datapath/pipeline.js'
import type { Contract } from './contract.js'
import { firstEgressIn } from './egress.js'
import { cellParameter } from './flow-cells.js'
import { HeldFlows } from './held-flows.js'
import { readHome, type Home } from './home.js'
import type { Planning, PlannedUpdate } from './planning.js'
import type { NamedAction, NamedEntity, NamedMatch, NamedParam, NamedTableEntry, NamedUpdate } from './ir.js'

export class Holding {
  readonly #byKey = new Map<string, NamedEntity>()
  /** Keys of what has been asked for; the rest is left over. */
  readonly #wanted = new Set<string>()
  /** Numbers of the entries with one exact field, by table and content; those that have been taken are not in it any more. */
  readonly #numbers = new Map<string, number[]>()
  readonly #groupCells = new Map<number, readonly number[]>()
  readonly #meterSlots = new Map<number, number>()
  readonly #highest = new Map<string, number>()
  /** What is not among the other entries yet. */
  readonly #flows = new HeldFlows()
  readonly #found: Found

  constructor(entities: readonly NamedEntity[], contract: Contract, portOf: ReadonlyMap<number, number>) {
    const flowTables = tablesOfFlows(contract)
    const cellParameters = new Map(contract.tables.flatMap(({ actions, twins }) =>
      actions.flatMap((action) => [action.name, twins?.twinActions.get(action.name) ?? '', twins?.restActions.get(action.name) ?? ''].map((name) => [name, cellParameter(action)]))))
    const flows: FlowRecord[] = []
    const groups: GroupRecord[] = []
    const meters = new Map<number, MeterRecord>()
    const ports = new Map<number, number>()
    const halves: Half[] = []
    let tables: TableNote | null = null
    let firstEgress: number | null = null
    for (const entity of entities) {
      const home: Home | null = entity.kind === 'table' && entity.metadata.length > 0 ? readHome(entity.metadata) : null
      if (home?.kind === 'flow' && entity.kind === 'table' && flowTables.has(entity.table)) {
        const cell = cellParameters.get(entity.action?.name ?? '') ?? null
        const { tableId, priority, match, instructions, cookie, idleTimeout, life } = home.flow
        const flow: FlowRecord = { id: entity.controllerMetadata, tableId, priority, match, instructions, cookie, idleTimeout, life }
        if (this.#flows.add(entity, flow, cell === null ? 0 : Number(entity.action?.params.find(({ name }) => name === cell)?.value ?? 0n))) {
          flows.push(flow)
          continue
        }
      }
      this.#byKey.set(keyOf(entity), entity)
      if (entity.kind === 'table') firstEgress ??= firstEgressIn(contract, entity)
      const number = numberOf(entity)
      if (number !== null) this.#remember(contentOf(entity), number)
      else if (entity.kind === 'table' && !flowTables.has(entity.table)) this.#notePriority(entity)
      if (entity.kind !== 'table' || home === null) continue
      if (home.kind === 'group') {
        this.#groupCells.set(home.group.groupId, home.cells)
        groups.push(home.group)
      } else if (home.kind === 'meter') {
        this.#meterSlots.set(home.meter.meterId, home.slot)
        meters.set(home.meter.meterId, home.meter)
      } else if (home.kind === 'half') {
        halves.push(home.half)
      } else if (home.kind === 'tables') {
        tables = home.tables
      } else if (home.kind === 'port') {
        const port = portOf.get(number ?? -1)
        if (port !== undefined) ports.set(port, home.config)
      }
    }
    this.#found = { flows, groups, meters: [...meters.values()], ports, halves, tables, firstEgress }
  }

  get found(): Found { return this.#found }
  holdsFlow(id: number): boolean { return this.#flows.has(id) }
  /** The cell in which a flow is counted, 0 where it has none; undefined: the target does not hold the flow. */
  flowCell(id: number): number | undefined { return this.#flows.cellOf(id) }
  get usedFlowCells(): readonly number[] {
    const cells: number[] = []
    for (const { cell } of this.#flows.all()) if (cell !== 0) cells.push(cell)
    return cells
  }
  /** Tables that a flow is in: one, or two where it was being moved. */
  tablesOf(flowId: number): readonly string[] { return this.#flows.tablesOf(flowId) }
  flowsIn(table: string): readonly FlowRecord[] { return this.#flows.flowsIn(table) }
  cellsOf(groupId: number): readonly number[] { return this.#groupCells.get(groupId) ?? [] }
  get usedCells(): readonly number[] { return [...this.#groupCells.values()].flat() }
  slotOf(meterId: number): number | null { return this.#meterSlots.get(meterId) ?? null }
  get usedSlots(): readonly number[] { return [...this.#meterSlots.values()] }

  /** The number under which the target has all of these entries, which are of one thing that has no number yet. */
  take(planning: Planning, updates: readonly NamedUpdate[]): number | null {
    const [first, ...others] = updates
    if (first === undefined) return null
    const numbers = this.#numbers.get(contentOf(first.entity)) ?? []
    const at = numbers.findIndex((number) => others.every(({ entity }) => {
      const held = this.#byKey.get(keyOf(renumbered(entity, number)))
      return held !== undefined && contentOf(held) === contentOf(entity)
    }))
    const [number] = at < 0 ? [] : numbers.splice(at, 1)
    if (number === undefined) return null
    planning.changed(() => numbers.push(number))
    return number
  }
  /** Whether something in the target has this number already. */
  isTaken(updates: readonly NamedUpdate[], number: number): boolean {
    return updates.some(({ entity }) => this.#byKey.has(keyOf(renumbered(entity, number))))
  }

  /** The highest priority of the entries of a table whose field has this value; 0 where there is none. */
  highestPriority(table: string, field: string, value: number): number {
    return this.#highest.get(`${table} ${field} ${value}`) ?? 0
  }

  /** Notes that the entry is wanted, and that it will be there. null: the target has it as it is to be. */
  adapt(planning: Planning, planned: PlannedUpdate): PlannedUpdate | null {
    const { update } = planned
    const { op, entity } = update
    if (entity.kind === 'default' || entity.kind === 'counter_reset') return planned
    if (entity.kind === 'table' && entity.controllerMetadata !== 0 && !this.#flows.haveGoneOver) {
      const flow = this.#flows.in(entity.table, entity.controllerMetadata)
      const held = flow?.entity ?? null
      if (flow !== null && held !== null && hasSameKey(held, entity)) {
        this.#flows.claim(planning, flow)
        if (op !== 'delete' && isSameEntry(held, entity)) return null
        this.#flows.replace(planning, flow, op === 'delete' ? null : entity)
        return op === 'delete' ? planned : modification(planned, held, entity)
      }
      this.#flows.goOver({ keyOf, entities: this.#byKey, wanted: this.#wanted })
    }
    const key = keyOf(entity)
    const held = this.#byKey.get(key)
    planning.put(this.#byKey, key, op === 'delete' ? undefined : entity)
    if (!this.#wanted.has(key)) {
      this.#wanted.add(key)
      planning.changed(() => this.#wanted.delete(key))
    }
    if (held === undefined || op === 'delete') return planned
    if (isSame(held, entity)) return null
    return modification(planned, held, entity)
  }

  /** Flows first, those of low priority before those that hide them, then what they led to, at last what says that there is something to be completed. */
  leftovers(contract: Contract): readonly NamedEntity[] {
    const flows = tablesOfFlows(contract)
    const rank = (entity: NamedEntity): number => {
      if (entity.kind === 'multicast') return 2
      if (entity.kind !== 'table') return 4
      if (entity.table === contract.portIn.table) return 5
      return flows.has(entity.table) ? 0 : entity.table === contract.replica?.table ? 3 : entity.priority > 0 || entity.table === contract.group?.table ? 1 : 4
    }
    const left: NamedEntity[] = []
    if (!this.#flows.haveGoneOver) for (const { entity, isWanted } of this.#flows.all()) if (entity !== null && !isWanted) left.push(entity)
    for (const [key, entity] of this.#byKey) if (!this.#wanted.has(key) && (entity.kind === 'table' || entity.kind === 'multicast' || entity.kind === 'meter')) left.push(entity)
    return left.sort((a, b) => rank(a) - rank(b) || priorityOf(a) - priorityOf(b))
  }

  #notePriority({ table, match, priority }: NamedTableEntry): void {
    for (const part of match) {
      const key = part.kind === 'exact' ? `${table} ${part.field} ${part.value}` : null
      if (key !== null && priority > (this.#highest.get(key) ?? 0)) this.#highest.set(key, priority)
    }
  }

  #remember(content: string, number: number): void {
    const numbers = this.#numbers.get(content)
    if (numbers === undefined) this.#numbers.set(content, [number])
    else numbers.push(number)
  }
}

const tablesOfFlows = (contract: Contract): ReadonlySet<string> =>
  new Set(contract.tables.flatMap(({ table, twins }) => (twins === null ? [table] : [table, twins.twin, twins.rest])))
const priorityOf = (entity: NamedEntity): number => (entity.kind === 'table' ? entity.priority : 0)

/** In the place of an insert. What was there is another's where the number differs, and so is what it has counted. */
function modification(planned: PlannedUpdate, held: NamedEntity, entity: NamedEntity): PlannedUpdate {
  const isOther = entity.kind === 'table' && held.kind === 'table' && held.controllerMetadata !== entity.controllerMetadata
  return {
    update: { op: 'modify', entity: isOther ? { ...entity, metadata: entity.metadata, resetCounters: true } : entity }, inverse: { op: 'modify', entity: held }, subject: planned.subject,
    revocable: () => planned.revocable(),
  }
}

/** The same thing under another number. */
export function renumbered(entity: NamedEntity, number: number): NamedEntity {
  if (entity.kind === 'multicast') return { ...entity, groupId: number }
  if (entity.kind !== 'table') return entity
  return { ...entity, metadata: entity.metadata, match: entity.match.map((part) => (part.kind === 'exact' ? { ...part, value: BigInt(number) } : part)) }
}

/** The number of what is known by one: an entry with a single exact field, a multicast group. */
function numberOf(entity: NamedEntity): number | null {
  if (entity.kind === 'multicast') return entity.groupId
  if (entity.kind !== 'table' || entity.match.length !== 1 || entity.priority !== 0) return null
  const [part] = entity.match
  return part?.kind === 'exact' ? Number(part.value) : null
}

function keyOf(entity: NamedEntity): string {
  switch (entity.kind) {
    case 'table': return `${entity.table} ${entity.priority} ${matchText(entity.match)}`
    case 'multicast': return `m${entity.groupId}`
    case 'meter': return `c${entity.meter} ${entity.index}`
    case 'default': return `d${entity.table}`
    case 'counter_reset': return `r${entity.counter} ${entity.index}`
  }
}
function matchText(match: readonly NamedMatch[]): string {
  const texts = match.map((part) => {
    switch (part.kind) {
      case 'ternary': return `${part.field}=${(part.value & part.mask).toString(36)}/${part.mask.toString(36)}`
      case 'lpm': return `${part.field}=${part.value.toString(36)}/${part.prefixLength}`
      case 'range': return `${part.field}=${part.low.toString(36)}-${part.high.toString(36)}`
      default: return `${part.field}=${part.value.toString(36)}`
    }
  })
  return texts.length < 2 ? texts[0] ?? '' : texts.sort().join()
}

function contentOf(entity: NamedEntity): string {
  if (entity.kind === 'multicast') return `m ${entity.replicas.map(({ port, instance }) => `${port}:${instance}`).sort().join()}`
  return entity.kind === 'table' ? `${entity.table} ${actionText(entity.action)}` : ''
}
function actionText(action: NamedAction | null): string {
  if (action === null) return ''
  const params = action.own === undefined ? action.params : [...action.params, action.own]
  return `${action.name}(${params.map(({ name, value }) => `${name}=${value.toString(36)}`).sort().join()})`
}

function isSame(a: NamedEntity, b: NamedEntity): boolean {
  if (a.kind === 'table' && b.kind === 'table') return isSameEntry(a, b)
  if (a.kind === 'multicast' && b.kind === 'multicast') return contentOf(a) === contentOf(b)
  return a.kind === 'meter' && b.kind === 'meter' && a.config?.rate === b.config?.rate && a.config?.burst === b.config?.burst
}
const isSameEntry = (a: NamedTableEntry, b: NamedTableEntry): boolean => a.idleTimeout === b.idleTimeout && a.controllerMetadata === b.controllerMetadata
  && isSameAction(a.action, b.action) && sameBytes(a.metadata, b.metadata)
/** Takes values: the metadata of a flow's entry is made anew each time that it is asked for. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

/** No name is twice in a list. */
function isSameAction(a: NamedAction | null, b: NamedAction | null): boolean {
  if (a === null || b === null) return a === b
  const count = ({ params, own }: NamedAction): number => params.length + (own === undefined ? 0 : 1)
  return a.name === b.name && count(a) === count(b) && a.params.every((param) => hasParam(b, param)) && (a.own === undefined || hasParam(b, a.own))
}
function hasParam({ params, own }: NamedAction, { name, value }: NamedParam): boolean {
  if (own?.name === name) return own.value === value
  for (const param of params) if (param.name === name) return param.value === value
  return false
}

function hasSameKey(a: NamedTableEntry, b: NamedTableEntry): boolean {
  if (a.table !== b.table || a.priority !== b.priority || a.match.length !== b.match.length) return false
  for (const part of a.match) {
    const other = b.match.find(({ field }) => field === part.field)
    if (other === undefined || !isSamePart(part, other)) return false
  }
  return true
}
function isSamePart(a: NamedMatch, b: NamedMatch): boolean {
  switch (a.kind) {
    case 'ternary': return b.kind === 'ternary' && a.mask === b.mask && (a.value & a.mask) === (b.value & b.mask)
    case 'lpm': return b.kind === 'lpm' && a.value === b.value && a.prefixLength === b.prefixLength
    case 'range': return b.kind === 'range' && a.low === b.low && a.high === b.high
    default: return (b.kind === 'exact' || b.kind === 'optional') && a.value === b.value
  }
}
