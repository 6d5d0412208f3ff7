/**
 * Statistics of many flows, in parts, so that neither the memory nor the time of anybody else goes with their number: the
 * counters are read table by table, a part is told when the connection has taken the one before, and between two pieces
 * of work everything else has its turn. OF 1.3.5 §7.3.5.2
 *
 *   start ─▶ read table, table … ─answer─▶ select flows ─▶ note counters ─▶ tell a part ─▶ … ─▶ the last part
 *                                               ▲────────── room ───────────────┘
 *
 * Told are the flows that are there when their part is made; those that were there at the request and still are, are told.
 * A barrier behind the request waits for the last part.
 */
import type { CounterColumns } from '../base/counter-columns.js'
import type { ConnId, Token } from './events.js'
import { reporterOf, type FlowFilter } from './flow-table.js'
import { addCounters } from './state.js'
import type { Context, Flow, Requester } from './state.js'

/** Of a connection at a time; further requests wait, and what is behind them. */
const MOST_OPEN = 4
/** Tables whose counters are read before their turn. */
const READ_AHEAD = 4
/** Work in a turn, about a millisecond of it, in visits of a flow; and what the rest costs beside. */
const TURN = 16_384
const NOTE = 2
const TELL = 16

/** To be called with each part. */
export type Tell = (flows: readonly Flow[], isLast: boolean) => void

/** `size`: flows in it at the request; as many are looked at, so that a report ends however many are added meanwhile. */
interface OneTable { readonly tableId: number; size: number; /** undefined: not answered yet; null: it cannot be read. */ answer: CounterColumns | null | undefined }

class FlowReport {
  readonly requester: Requester
  readonly isReported: (flow: Flow) => boolean
  readonly tell: Tell
  readonly tables: OneTable[]
  asked = 0
  /** The room for more has been asked for. */
  isWaiting = false
  visiting: Iterator<Flow> | null = null
  selected: Flow[] = []
  noted = 0
  told = 0
  /** Flows removed so far, of all tables, when the first of these was selected. */
  removals = 0
  part: Flow[] = []

  constructor(requester: Requester, filter: FlowFilter, tables: readonly OneTable[], tell: Tell) {
    this.requester = requester
    this.isReported = reporterOf(filter)
    this.tables = [...tables]
    this.tell = tell
  }

  nextTable(): void {
    this.tables.shift()
    this.asked--
    this.visiting = null
    this.selected = []
    this.noted = 0
    this.told = 0
  }
}

export class FlowReports {
  readonly #open = new Map<Token, FlowReport>()

  isFull(conn: ConnId): boolean {
    let count = 0
    for (const { requester } of this.#open.values()) if (requester.conn === conn) count++
    return count >= MOST_OPEN
  }

  start(ctx: Context, requester: Requester, filter: FlowFilter, tableIds: readonly number[], tell: Tell): void {
    const tables = tableIds.map((tableId) => ({ tableId, size: ctx.flows.count(tableId), answer: undefined })).filter(({ size }) => size > 0)
    const report = new FlowReport(requester, filter, tables, tell)
    const token = ctx.ops.nextToken()
    this.#open.set(token, report)
    ctx.conns.count(requester.conn, 1)
    ctx.reads.hold()
    this.#ask(ctx, token, report)
  }

  /** The connection has room for more, or is gone. */
  room(ctx: Context, token: Token): void {
    const report = this.#open.get(token)
    if (report === undefined) return
    report.isWaiting = false
    if (ctx.conns.get(report.requester.conn) === undefined) this.#close(ctx, token, report)
    else this.#work(ctx, token, report)
  }

  /** The target is lost: what has been read of it is of the past. */
  abandon(): void {
    for (const { tables } of this.#open.values()) for (const table of tables) if (table.answer !== undefined) table.answer = null
  }

  #ask(ctx: Context, token: Token, report: FlowReport): void {
    while (report.asked < READ_AHEAD) {
      const table = report.tables[report.asked]
      if (table === undefined) break
      report.asked++
      ctx.reads.start(ctx, report.requester, (read) => ({ kind: 'read_counters_of_flows', token: read, tableId: table.tableId }), (_, answer) => {
        table.answer = answer?.what === 'flows' ? answer.flows : null
        this.#awaitRoom(ctx, token, report)
      })
    }
    this.#awaitRoom(ctx, token, report)
  }

  #awaitRoom(ctx: Context, token: Token, report: FlowReport): void {
    if (report.isWaiting || report.tables.length > 0 && report.tables[0]?.answer === undefined) return
    report.isWaiting = true
    ctx.emit({ kind: 'await_room', conn: report.requester.conn, token })
  }

  #work(ctx: Context, token: Token, report: FlowReport): void {
    let left = TURN
    for (let table = report.tables[0]; table !== undefined; table = report.tables[0]) {
      if (table.answer === undefined) return
      left = visit(ctx, report, table, left)
      if (left > 0) left = note(ctx, report, table.answer, left)
      if (left > 0) left = gather(ctx, report, left)
      if (left <= 0) break
      report.nextTable()
      this.#ask(ctx, token, report)
    }
    const isLast = report.tables.length === 0
    if (isLast || report.part.length > 0) {
      const { part } = report
      report.part = []
      report.tell(part, isLast)
    }
    if (isLast) this.#close(ctx, token, report)
    else this.#awaitRoom(ctx, token, report)
  }

  #close(ctx: Context, token: Token, report: FlowReport): void {
    this.#open.delete(token)
    ctx.conns.count(report.requester.conn, -1)
    ctx.reads.release()
  }
}

function visit(ctx: Context, report: FlowReport, table: OneTable, work: number): number {
  if (report.visiting === null) {
    report.visiting = ctx.flows.inTable(table.tableId)[Symbol.iterator]()
    report.removals = ctx.flows.removals
  }
  const flows = report.visiting
  const { isReported, selected } = report
  let left = work
  for (; left > 0 && table.size > 0; left--) {
    const next = flows.next()
    if (next.done === true) {
      table.size = 0
      break
    }
    table.size--
    if (isReported(next.value)) selected.push(next.value)
  }
  return left
}

function note(ctx: Context, report: FlowReport, counters: CounterColumns | null, work: number): number {
  const end = counters === null ? 0 : Math.min(counters.count, report.noted + Math.ceil(work / NOTE))
  const begin = report.noted
  // Mostly the target has its entries in the order in which we have the flows.
  for (let at = begin; counters !== null && at < end; at++) noteCounters(ctx, counters, at, report.selected[at])
  report.noted = Math.max(begin, end)
  return work - (report.noted - begin) * NOTE
}

/** Stores a reading with its flow, which may be this. */
export function noteCounters(ctx: Context, counters: CounterColumns, at: number, guess?: Flow): void {
  const id = counters.idAt(at)
  const flow = guess?.id === id ? guess : ctx.flows.byId(id)
  if (flow === undefined || ctx.reads.isStale(flow.id)) return
  const now = counters.isZeroAt(at) ? flow.base : addCounters(flow.base, { packets: counters.packetsAt(at), bytes: counters.bytesAt(at) })
  // While a change is on its way the target may count from zero already, and what it had counted is still to be told.
  if (flow.token === 0 || now.packets >= flow.last.packets) flow.last = now
}

/** Takes flows into the part; one with many actions counts as several. */
function gather(ctx: Context, report: FlowReport, work: number): number {
  const { selected, part } = report
  const allThere = report.removals === ctx.flows.removals
  let left = work
  while (left > 0 && report.told < selected.length) {
    const flow = selected[report.told++]
    if (flow === undefined || flow.deleting || !allThere && ctx.flows.byId(flow.id) !== flow) continue
    part.push(flow)
    const { apply, write } = flow.record.instructions
    left -= TELL * (1 + (apply?.length ?? 0) + (write?.length ?? 0)) / 2
  }
  return left
}
