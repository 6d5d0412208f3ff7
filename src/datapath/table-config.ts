/**
 * OFPT_TABLE_MOD and what follows from it: eviction of flows where a table is full, and word of how full it is.
 * OF 1.4.1 §6.5, §7.3.3, §7.3.5.14, §7.4.5; where the text leaves a choice, Open vSwitch's.
 *
 *   vacancy ──falls below `down`──▶ table-status VACANCY_DOWN, then only up is told
 *           ──rises above `up`────▶ table-status VACANCY_UP, then only down is told
 */
import { EvictionFlag, Table, TableConfig } from '../openflow/index.js'
import type { TableDesc, TableFeatures, TableMod, TableStatusReason } from '../openflow/index.js'
import { OF13, OF14, receivesTableStatus, sendTo } from './connections.js'
import type { Connection } from './connections.js'
import { tableCount } from './egress.js'
import { hardDeadline } from './expiry.js'
import { chooseMiss } from './miss.js'
import type { Change, TableNote, TableSetting } from './pipeline.js'
import { DONE, fail, waitFor } from './state.js'
import type { Context, Flow, Lockable, Outcome, Requester } from './state.js'

interface TableSettings extends TableSetting { /** What is told next. */ readonly next: TableStatusReason }
const PLAIN: TableSettings = { eviction: false, events: false, down: 0, up: 0, next: 'vacancy_down' }
/** Less important flows first, of these the ones that would go sooner. */
const EVICTION = EvictionFlag.IMPORTANCE | EvictionFlag.LIFETIME

/** Locked while what controllers ask of tables is on its way to where an agent that starts anew finds it. */
export class TableConfigs implements Lockable {
  token = 0
  #tables = new Map<number, TableSettings>()
  /** Whether some table has events. */
  isWatched = false

  get(tableId: number): TableSettings { return this.#tables.get(tableId) ?? PLAIN }
  set(tableId: number, settings: TableSettings): void {
    this.#tables.set(tableId, settings)
    this.isWatched = [...this.#tables.values()].some(({ events }) => events)
  }
  get all(): ReadonlyMap<number, TableSettings> { return this.#tables }
  replace(all: ReadonlyMap<number, TableSettings>): void {
    this.#tables = new Map(all)
    this.isWatched = [...all.values()].some(({ events }) => events)
  }
  /** Those with events. */
  * watched(): IterableIterator<readonly [number, TableSettings]> { for (const entry of this.#tables) if (entry[1].events) yield entry }
}

export function handleTableMod(ctx: Context, conn: Connection, { tableId, config, vacancy }: TableMod, requester: Requester): Outcome {
  if (tableId !== Table.ALL && tableId >= tableCount(ctx, conn)) return fail('OFPTMFC_BAD_TABLE', `no table ${tableId}`)
  const known = conn.version >= OF14 ? TableConfig.EVICTION | TableConfig.VACANCY_EVENTS : conn.version < OF13 ? TableConfig.DEPRECATED : 0
  if ((config & ~known) !== 0) return fail('OFPTMFC_BAD_CONFIG', `no table configuration 0x${(config & ~known).toString(16)}`)
  if (vacancy !== null && (vacancy.down > vacancy.up || vacancy.up > 100)) return fail('OFPBPC_BAD_VALUE', `vacancy from ${vacancy.down} to ${vacancy.up} %`)
  if (conn.version < OF13) return chooseMiss(ctx, tableId, config, requester)
  if (conn.version < OF14) return DONE
  const { tables } = ctx
  if (tables.token !== 0) return waitFor(tables.token)
  const before = tables.all
  const after = new Map(before)
  for (const id of tableId === Table.ALL ? Array.from({ length: tableCount(ctx, conn) }, (_, each) => each) : [tableId]) {
    const { down, up } = vacancy ?? tables.get(id)
    after.set(id, toldNext(ctx, id, { eviction: (config & TableConfig.EVICTION) !== 0, events: (config & TableConfig.VACANCY_EVENTS) !== 0, down, up }))
  }
  return ctx.ops.submit(ctx, {
    changes: [noteOf(ctx, { settings: after })], touches: [tables], family: 'table',
    apply: () => { tables.replace(after) },
    settled: () => {},
    undo: () => { tables.replace(before) },
  }, requester)
}

const toldNext = (ctx: Context, tableId: number, setting: TableSetting): TableSettings =>
  ({ ...setting, next: vacancyOf(ctx, tableId) < setting.up ? 'vacancy_up' : 'vacancy_down' })

/** What an agent that starts anew is to find: as it is now, but for what is given. */
export function noteOf(ctx: Context, { settings = ctx.tables.all, misses = ctx.miss.tables, described = othersThan(ctx) }: Partial<TableNote> = {}): Extract<Change, { op: 'note_tables' }> {
  return { op: 'note_tables', note: { settings, misses, described } }
}
/** Tables that controllers have described otherwise than the pipeline has them. */
export function othersThan(ctx: Context): readonly TableFeatures[] {
  const { tables } = ctx.pipeline.features
  return ctx.capabilities.tableFeatures().filter((table) => !tables.includes(table))
}

/** What has been asked of tables of an earlier agent; the flows are there. */
export function tablesFound(ctx: Context, note: TableNote | null): void {
  const settings = [...note?.settings ?? []].filter(([id]) => id < ctx.flows.tableCount)
  ctx.tables.replace(new Map(settings.map(([id, setting]) => [id, toldNext(ctx, id, setting)])))
  ctx.miss.tables = note?.misses ?? new Map()
  ctx.miss.touch()
  const described = new Map(note?.described.map((table) => [table.tableId, table]))
  ctx.capabilities.describe(ctx.pipeline.features.tables.map((table) => described.get(table.tableId) ?? table))
}

/** Percent of the table that is free. */
function vacancyOf(ctx: Context, tableId: number): number {
  const most = ctx.capabilities.table(tableId)?.maxEntries ?? 0
  return most === 0 ? 0 : Math.floor(Math.max(0, most - ctx.flows.liveCount(tableId)) * 100 / most)
}

export function tableDesc(ctx: Context, tableId: number): TableDesc {
  const { eviction, events, down, up } = ctx.tables.get(tableId)
  return {
    tableId, config: (eviction ? TableConfig.EVICTION : 0) | (events ? TableConfig.VACANCY_EVENTS : 0), eviction: EVICTION,
    vacancy: { down, up, vacancy: vacancyOf(ctx, tableId) },
  }
}
export const tableDescs = (ctx: Context, conn: Connection): TableDesc[] => Array.from({ length: tableCount(ctx, conn) }, (_, tableId) => tableDesc(ctx, tableId))

/** To be called when flows may have come or gone. */
export function tellVacancy(ctx: Context): void {
  if (!ctx.tables.isWatched) return
  for (const [tableId, settings] of ctx.tables.watched()) {
    const { next, down, up } = settings
    const vacancy = vacancyOf(ctx, tableId)
    if (next === 'vacancy_down' ? vacancy >= down : vacancy <= up) continue
    ctx.tables.set(tableId, { ...settings, next: next === 'vacancy_down' ? 'vacancy_up' : 'vacancy_down' })
    for (const conn of ctx.conns.all()) {
      if (conn.version >= OF14 && tableId < tableCount(ctx, conn) && receivesTableStatus(conn, next)) sendTo(ctx, conn.id, 0, { type: 'table_status', reason: next, table: tableDesc(ctx, tableId) })
    }
  }
}

/** The flow that makes room for one of this importance; null: none does. A flow that stays for good goes last, a more important one never. */
export function flowToEvict(ctx: Context, tableId: number, importance: number): Flow | null {
  if (!ctx.tables.get(tableId).eviction) return null
  let chosen: Flow | null = null
  for (const flow of ctx.flows.inTable(tableId)) {
    if (flow.token !== 0 || flow.deleting || flow.importance > importance) continue
    if (chosen === null || flow.importance < chosen.importance || flow.importance === chosen.importance && endOf(flow) < endOf(chosen)) chosen = flow
  }
  return chosen
}

/** When it goes by itself at the latest, as far as that is known: an idle timeout may begin again with every packet. */
const endOf = (flow: Flow): number => Math.min(
  flow.hardTimeout > 0 ? hardDeadline(flow) : Infinity, flow.record.idleTimeout > 0 ? flow.modifiedAt + flow.record.idleTimeout * 1000 : Infinity)
