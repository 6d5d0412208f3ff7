/**
 * The flow tables: every flow once, found by identity (table, priority, match), by id, by priority, by the groups and the
 * meter it refers to, and by the loose filters of flow-mods and statistics. OF 1.3.5 §5.1, §6.4.
 *
 * Identity is a hash lookup, so a flood of additions costs the same for the first flow and the hundred-thousandth. Loose
 * filters scan one table; integer tests (fields named, cookie) come before anything that compares values.
 */
import { Group, OXM, Port, Table, matchKey, matchSubsumes } from '../openflow/index.js'
import type { Action, Instructions, Match, OxmName } from '../openflow/index.js'
import { meterOf } from './meter-table.js'
import { ALL_IDS, idAfter, type IdShare } from './flow-ids.js'
import type { FlowId, FlowRecord } from './pipeline.js'
import type { Flow } from './state.js'

/** What a flow-mod or a statistics request selects. OF 1.3.5 §6.4, §7.3.5.2 */
export interface FlowFilter {
  /** Table.ALL = every table up to this number of tables: those that whoever asks knows of. */
  readonly tableId: number
  readonly tableCount: number
  readonly match: Match
  /** A number: strict, identical match and this priority. null: loose. */
  readonly priority: number | null
  readonly cookie: bigint
  readonly cookieMask: bigint
  readonly outPort: number
  readonly outGroup: number
}

/** `byPriority` is made when somebody asks for it, which few do. */
interface OneTable { readonly byKey: Map<string, Flow>; byPriority: Map<number, Set<Flow>> | null; deleting: number }

const fieldBit = new Map<OxmName, number>((Object.keys(OXM) as OxmName[]).map((name, index) => [name, index]))

/** Equal for flows that are the same entry of a table. OF 1.3.5 §6.4 */
export const flowKey = (priority: number, match: Match): string => String.fromCharCode(priority) + matchKey(match)

/** The fields a match names as two 32-bit words. */
export function fieldsOf(match: Match): { readonly low: number; readonly high: number } {
  let low = 0
  let high = 0
  for (const { field } of match) {
    const bit = fieldBit.get(field) ?? 0
    if (bit < 32) low |= 1 << bit
    else high |= 1 << (bit - 32)
  }
  return { low, high }
}

function actionLists(instructions: Instructions): readonly (readonly Action[])[] {
  const { apply, write } = instructions
  if (apply === null) return write === null ? [] : [write]
  return write === null ? [apply] : [apply, write]
}

/** Groups that the actions of a flow refer to, each once. */
export function groupsOf(instructions: Instructions): readonly number[] {
  let found: number[] | null = null
  for (const list of actionLists(instructions)) {
    for (const action of list) {
      if (action.type === 'group' && !found?.includes(action.groupId)) (found ??= []).push(action.groupId)
    }
  }
  return found ?? []
}

/** OF 1.3.5 §6.4: out_port looks at output actions of apply- and write-actions, not at ports that groups lead to. */
function outputsTo(instructions: Instructions, port: number): boolean {
  return actionLists(instructions).some((list) =>
    list.some((action) => (action.type === 'output' || action.type === 'enqueue') && action.port === port))
}

export class FlowTables {
  readonly #tables: readonly OneTable[]
  readonly #byId = new Map<FlowId, Flow>()
  readonly #byGroup = new Map<number, Set<Flow>>()
  readonly #byMeter = new Map<number, Set<Flow>>()
  /** Flows with a stat trigger, counting both sides of a modification in flight. */
  readonly triggering = new Set<Flow>()
  readonly #ids: IdShare
  #lastId = 0
  #removals = 0

  constructor(nTables: number, ids: IdShare = ALL_IDS) {
    this.#ids = ids
    this.#tables = Array.from({ length: nTables }, () => ({ byKey: new Map(), byPriority: null, deleting: 0 }))
  }

  /** How often a flow has been taken out: while this is the same, all flows that were there still are. */
  get removals(): number { return this.#removals }
  get tableCount(): number { return this.#tables.length }

  /** An id that no flow has. Ids are reused only after all others have been given. */
  nextId(): FlowId {
    do {
      this.#lastId = idAfter(this.#ids, this.#lastId)
    } while (this.#byId.has(this.#lastId))
    return this.#lastId
  }

  byId(id: FlowId): Flow | undefined { return this.#byId.get(id) }

  get(tableId: number, key: string): Flow | undefined { return this.#tables[tableId]?.byKey.get(key) }

  /** Flows the switch reports: those whose removal is not under way. */
  liveCount(tableId: number): number {
    const table = this.#tables[tableId]
    return table === undefined ? 0 : table.byKey.size - table.deleting
  }

  inTable(tableId: number): Iterable<Flow> { return this.#tables[tableId]?.byKey.values() ?? [] }

  /** Also those whose removal is under way. */
  count(tableId: number): number { return this.#tables[tableId]?.byKey.size ?? 0 }

  * all(): IterableIterator<Flow> { yield* this.#byId.values() }

  /** Also those whose removal is under way. */
  withPriority(tableId: number, priority: number): Iterable<Flow> {
    const table = this.#tables[tableId]
    if (table === undefined) return []
    if (table.byPriority === null) {
      table.byPriority = new Map()
      for (const flow of table.byKey.values()) addTo(table.byPriority, flow.priority, flow)
    }
    return table.byPriority.get(priority) ?? []
  }

  /** Flows that refer to a group, counting both sides of a modification in flight. */
  referringTo(groupId: number): ReadonlySet<Flow> { return this.#byGroup.get(groupId) ?? new Set() }

  /** Flows that use a meter, counting both sides of a modification in flight. */
  metered(meterId: number): ReadonlySet<Flow> { return this.#byMeter.get(meterId) ?? new Set() }

  clear(): void {
    for (const flow of [...this.#byId.values()]) this.remove(flow)
  }

  insert(flow: Flow): void {
    const table = this.#table(flow.tableId)
    table.byKey.set(flow.key, flow)
    if (flow.deleting) table.deleting++
    if (table.byPriority !== null) addTo(table.byPriority, flow.priority, flow)
    this.#byId.set(flow.id, flow)
    this.#refer(flow, flow.record)
  }

  /** Puts back a flow that is being removed. Another may have its place by now: then it is only found by its id. */
  insertLeaving(flow: Flow): void {
    if (this.get(flow.tableId, flow.key) === undefined) this.insert(flow)
    else this.#byId.set(flow.id, flow)
  }

  remove(flow: Flow): void {
    this.#removals++
    const table = this.#table(flow.tableId)
    if (table.byKey.get(flow.key) === flow) {
      if (flow.deleting) table.deleting--
      table.byKey.delete(flow.key)
    }
    if (table.byPriority !== null) removeFrom(table.byPriority, flow.priority, flow)
    this.#byId.delete(flow.id)
    this.#forget(flow)
  }

  setDeleting(flow: Flow, deleting: boolean): void {
    if (flow.deleting === deleting) return
    flow.deleting = deleting
    if (this.get(flow.tableId, flow.key) === flow) this.#table(flow.tableId).deleting += deleting ? 1 : -1
  }

  /** Begins a modification; settle() or restore() ends it. */
  replace(flow: Flow, record: FlowRecord): void {
    flow.previous = flow.record
    flow.record = record
    this.#refer(flow, record)
  }

  settle(flow: Flow): void {
    if (flow.previous === null) return
    const kept = groupsOf(flow.record.instructions)
    for (const group of groupsOf(flow.previous.instructions)) {
      if (!kept.includes(group)) removeFrom(this.#byGroup, group, flow)
    }
    const meter = meterOf(flow.previous.instructions)
    if (meter !== null && meter !== meterOf(flow.record.instructions)) removeFrom(this.#byMeter, meter, flow)
    if (flow.record.instructions.statTrigger === null) this.triggering.delete(flow)
    flow.previous = null
  }

  /** Ends a modification that shall not have been, whatever came after it. */
  restore(flow: Flow, record: FlowRecord): void {
    this.#forget(flow)
    flow.record = record
    flow.previous = null
    this.#refer(flow, record)
  }

  /** Makes `record` the other side of the change in flight. */
  hold(flow: Flow, record: FlowRecord): void {
    flow.previous = record
    this.#refer(flow, record)
  }

  /**
   * The flows a filter selects. To be 'changed': a flow with a change in flight is selected by its match alone, because
   * its cookie and outputs are not certain yet, and whoever changes it has to wait in any case. To be 'reported': flows
   * as they are now, without those that are being removed. Of a loose filter at least `enough`, where there are so many.
   */
  select(filter: FlowFilter, purpose: 'changed' | 'reported', enough = Infinity): Flow[] {
    const passes = purpose === 'changed' ? mayPass : isReported
    const selected: Flow[] = []
    const tables = filter.tableId === Table.ALL ? this.#tables.slice(0, filter.tableCount) : this.#tables.slice(filter.tableId, filter.tableId + 1)
    if (filter.priority !== null) {
      const key = flowKey(filter.priority, filter.match)
      for (const table of tables) {
        const flow = table.byKey.get(key)
        if (flow !== undefined && passes(flow, filter)) selected.push(flow)
      }
      return selected
    }
    const { low, high } = fieldsOf(filter.match)
    const everything = filter.match.length === 0
    for (const table of tables) {
      for (const flow of table.byKey.values()) {
        if ((low & ~flow.fieldsLow) !== 0 || (high & ~flow.fieldsHigh) !== 0) continue
        if (!passes(flow, filter)) continue
        if (everything || matchSubsumes(filter.match, flow.record.match)) selected.push(flow)
        if (selected.length >= enough) return selected
      }
    }
    return selected
  }

  #refer(flow: Flow, { instructions }: FlowRecord): void {
    for (const group of groupsOf(instructions)) addTo(this.#byGroup, group, flow)
    const meter = meterOf(instructions)
    if (meter !== null) addTo(this.#byMeter, meter, flow)
    if (instructions.statTrigger !== null) this.triggering.add(flow)
  }

  /** Both sides of a modification in flight. */
  #forget(flow: Flow): void {
    this.triggering.delete(flow)
    for (const record of [flow.record, flow.previous]) {
      if (record === null) continue
      for (const group of groupsOf(record.instructions)) removeFrom(this.#byGroup, group, flow)
      const meter = meterOf(record.instructions)
      if (meter !== null) removeFrom(this.#byMeter, meter, flow)
    }
  }

  #table(tableId: number): OneTable {
    const table = this.#tables[tableId]
    if (table === undefined) throw new RangeError(`no table ${tableId}`)
    return table
  }
}

/** Whether a loose filter selects this record. */
export const selects = (filter: FlowFilter, record: FlowRecord): boolean =>
  (filter.tableId === Table.ALL ? record.tableId < filter.tableCount : filter.tableId === record.tableId) && passes({ record }, filter) && matchSubsumes(filter.match, record.match)

function passes({ record: { cookie, instructions } }: Pick<Flow, 'record'>, filter: FlowFilter): boolean {
  if (filter.cookieMask !== 0n && ((cookie ^ filter.cookie) & filter.cookieMask) !== 0n) return false
  if (filter.outPort !== Port.ANY && !outputsTo(instructions, filter.outPort)) return false
  return filter.outGroup === Group.ANY || groupsOf(instructions).includes(filter.outGroup)
}
const mayPass = (flow: Flow, filter: FlowFilter): boolean => flow.token !== 0 || passes(flow, filter)
/** What select() does for one flow that is to be reported. */
export function reporterOf(filter: FlowFilter): (flow: Flow) => boolean {
  const { low, high } = fieldsOf(filter.match)
  const everything = filter.match.length === 0
  return (flow) => (low & ~flow.fieldsLow) === 0 && (high & ~flow.fieldsHigh) === 0 && isReported(flow, filter) && (everything || matchSubsumes(filter.match, flow.record.match))
}
const isReported = (flow: Flow, filter: FlowFilter): boolean => !flow.deleting && passes(flow, filter)

function addTo<K>(index: Map<K, Set<Flow>>, key: K, flow: Flow): void {
  const set = index.get(key)
  if (set === undefined) index.set(key, new Set([flow]))
  else set.add(flow)
}

function removeFrom<K>(index: Map<K, Set<Flow>>, key: K, flow: Flow): void {
  const set = index.get(key)
  if (set === undefined) return
  set.delete(flow)
  if (set.size === 0) index.delete(key)
}
