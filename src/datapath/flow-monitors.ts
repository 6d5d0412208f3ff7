/**
 * Flow monitors: a connection that asks is told of every flow that is added, changed or removed, whoever did it.
 * OF 1.4.1 §7.3.5.17; before 1.4 in Open vSwitch's and the ONF's form. What the text leaves open is Open vSwitch's.
 *
 *   a change settles ─▶ report() ─▶ updates wait, in order ─▶ flush(): one message for each connection, before what else
 *                                                            the step says, so a barrier reply never overtakes them
 *
 * A connection's own changes are abbreviated to their xid, once for each request, unless it asks for them in full.
 *
 * One that does not read is told PAUSED, then only of flows it has heard of that go, and when it has read everything, of
 * what has changed meanwhile, each flow once, and RESUMED.
 */
import { FlowMonitorFlag, Group, NO_INSTRUCTIONS, Port, Table } from '../openflow/index.js'
import type { FlowMonitorRequest, FlowRemovedReason, FlowUpdate } from '../openflow/index.js'
import { OF14, sendTo } from './connections.js'
import type { Connection } from './connections.js'
import type { ConnId } from './events.js'
import { tableCount } from './egress.js'
import type { FlowFilter } from './flow-table.js'
import { selects } from './flow-table.js'
import type { FlowRecord } from './pipeline.js'
import { fail } from './state.js'
import type { Context, Flow, Outcome, Requester } from './state.js'

export type FlowMonitor = Omit<FlowMonitorRequest, 'command'>
/** Flows that were added or modified; `isNew`: the peer has not heard of it; `own`: it has done some of that itself. */
export type Unheard = Map<Flow, { readonly event: 'added' | 'modified'; readonly isNew: boolean; readonly own: boolean }>
/** Far more than a controller has a use for. */
const MAX_MONITORS = 256

const { INITIAL, ADD, REMOVED, MODIFY, INSTRUCTIONS, NO_ABBREV, ONLY_OWN } = FlowMonitorFlag
const bitOf = { added: ADD, removed: REMOVED, modified: MODIFY } as const

export class FlowMonitors {
  readonly #waiting = new Map<ConnId, FlowUpdate[]>()

  isWatched(ctx: Context): boolean {
    for (const conn of ctx.conns.all()) if (conn.monitors.size > 0) return true
    return false
  }

  /** A flow as it is now, or was when it was removed; before a modification it may have been selected by what it did then. */
  report(ctx: Context, event: keyof typeof bitOf, flow: Flow, by: Requester | null, reason: FlowRemovedReason | null = null, before: FlowRecord | null = null): void {
    for (const conn of ctx.conns.all()) {
      if (conn.monitors.size === 0) continue
      const own = by !== null && by.conn === conn.id
      if (conn.unheard !== null && !passesWhilePaused(conn.unheard, event, flow, before, own)) continue
      const flags = flagsOf(ctx, conn, event, own, (filter) => selects(filter, flow.record) || before !== null && selects(filter, before))
      if (flags === 0) continue
      const updates = this.#of(conn.id)
      if (!own || (flags & NO_ABBREV) !== 0 || conn.unheard !== null) updates.push(updateOf(event, flow, reason, flags))
      else if (!updates.some((update) => update.event === 'abbrev' && update.xid === by?.xid)) updates.push({ event: 'abbrev', xid: by?.xid ?? 0 })
    }
  }

  flush(ctx: Context): void {
    if (this.#waiting.size === 0) return
    for (const [conn, updates] of this.#waiting) sendTo(ctx, conn, 0, { type: 'stats_reply', body: { kind: 'flow_monitor', updates } })
    this.#waiting.clear()
  }

  /** It has read all that it was told; or there is too much of that. */
  pace(ctx: Context, conn: Connection, hasRead: boolean): void {
    const { unheard } = conn
    if (hasRead === (unheard === null)) return
    this.flush(ctx)
    if (unheard === null) {
      conn.unheard = new Map()
      tellPace(ctx, conn, 'paused')
      return
    }
    conn.unheard = null
    const updates: FlowUpdate[] = []
    for (const [flow, { event, own }] of unheard) {
      if (ctx.flows.byId(flow.id) !== flow) continue
      const flags = flagsOf(ctx, conn, event, own, (filter) => selects(filter, flow.record))
      if (flags !== 0) updates.push(updateOf(event, flow, null, flags))
    }
    if (updates.length > 0) sendTo(ctx, conn.id, 0, { type: 'stats_reply', body: { kind: 'flow_monitor', updates } })
    tellPace(ctx, conn, 'resumed')
  }

  #of(conn: ConnId): FlowUpdate[] {
    let updates = this.#waiting.get(conn)
    if (updates === undefined) this.#waiting.set(conn, updates = [])
    return updates
  }
}

/** Of the monitors that want this to be told. */
function flagsOf(ctx: Context, conn: Connection, event: keyof typeof bitOf, own: boolean, concerns: (filter: FlowFilter) => boolean): number {
  let flags = 0
  for (const monitor of conn.monitors.values()) {
    if ((monitor.flags & bitOf[event]) === 0 || (monitor.flags & ONLY_OWN) !== 0 && !own) continue
    if (concerns(filterOf(ctx, conn, monitor))) flags |= monitor.flags
  }
  return flags
}

/** Only the end of what the peer has heard of; the rest is remembered. */
function passesWhilePaused(unheard: Unheard, event: keyof typeof bitOf, flow: Flow, before: FlowRecord | null, own: boolean): boolean {
  const known = unheard.get(flow)
  if (event === 'removed') {
    unheard.delete(flow)
    return known?.isNew !== true
  }
  unheard.set(flow, { event: known?.event === 'added' ? 'added' : event, isNew: known?.isNew ?? (event === 'added' && before === null), own: own || known?.own === true })
  return false
}

function tellPace(ctx: Context, conn: Connection, event: 'paused' | 'resumed'): void {
  sendTo(ctx, conn.id, 0, conn.version >= OF14 ? { type: 'stats_reply', body: { kind: 'flow_monitor', updates: [{ event }] } } : { type: `nx_flow_monitor_${event}` })
}

const filterOf = (ctx: Context, conn: Connection, { tableId, match, outPort, outGroup }: FlowMonitor): FlowFilter =>
  ({ tableId, tableCount: tableCount(ctx, conn), match, priority: null, cookie: 0n, cookieMask: 0n, outPort, outGroup })

function updateOf(event: 'initial' | keyof typeof bitOf, { record, hardTimeout }: Flow, reason: FlowRemovedReason | null, flags: number): FlowUpdate {
  const { tableId, idleTimeout, priority, cookie, match, instructions } = record
  const told = event !== 'removed' && (flags & INSTRUCTIONS) !== 0
  return { event, tableId, reason, idleTimeout, hardTimeout, priority, cookie, match, instructions: told ? instructions : NO_INSTRUCTIONS }
}

/** All of the request's monitors or none; the answer has the flows that are there already, each once. */
export function requestMonitors(ctx: Context, conn: Connection, asked: readonly FlowMonitorRequest[], requester: Requester): Outcome {
  const monitors = new Map(conn.monitors)
  const initial: FlowMonitor[] = []
  for (const { command, ...monitor } of asked) {
    const problem = checkMonitor(ctx, conn, command, monitor, monitors)
    if (problem !== null) return problem
    if (command === 'delete') monitors.delete(monitor.monitorId)
    else {
      monitors.set(monitor.monitorId, monitor)
      if ((monitor.flags & INITIAL) !== 0) initial.push(monitor)
    }
  }
  ctx.monitors.flush(ctx)
  conn.monitors.clear()
  for (const [id, monitor] of monitors) conn.monitors.set(id, monitor)
  const flags = new Map<Flow, number>()
  for (const monitor of initial) {
    for (const flow of ctx.flows.select(filterOf(ctx, conn, monitor), 'reported')) flags.set(flow, (flags.get(flow) ?? 0) | monitor.flags)
  }
  const updates = [...flags].map(([flow, of]) => updateOf('initial', flow, null, of))
  sendTo(ctx, requester.conn, requester.xid, { type: 'stats_reply', body: { kind: 'flow_monitor', updates } })
  return { kind: 'done' }
}

function checkMonitor(ctx: Context, conn: Connection, command: FlowMonitorRequest['command'], monitor: FlowMonitor, present: ReadonlyMap<number, unknown>): Outcome | null {
  const { monitorId, flags, tableId, outPort, outGroup } = monitor
  const exists = present.has(monitorId)
  if (command === 'delete') return exists ? null : fail('OFPMOFC_UNKNOWN_MONITOR', `no monitor ${monitorId}`)
  if (command === 'modify' && !exists) return fail('OFPMOFC_UNKNOWN_MONITOR', `no monitor ${monitorId}`)
  if (command === 'add' && exists) return fail('OFPMOFC_MONITOR_EXISTS', `there is a monitor ${monitorId}`)
  const known = INITIAL | ADD | REMOVED | MODIFY | INSTRUCTIONS | NO_ABBREV | ONLY_OWN
  if ((flags & ~known) !== 0 || (flags & (ADD | REMOVED | MODIFY)) === 0) return fail('OFPMOFC_BAD_FLAGS', `flow monitor flags 0x${flags.toString(16)}`)
  if (tableId !== Table.ALL && tableId >= tableCount(ctx, conn)) return fail('OFPMOFC_BAD_TABLE_ID', `no table ${tableId}`)
  if (outPort !== Port.ANY && outPort > Port.MAX && outPort < Port.IN_PORT || outGroup !== Group.ANY && outGroup > Group.MAX) return fail('OFPMOFC_BAD_OUT', 'no such port or group')
  return present.size >= MAX_MONITORS && !exists ? fail('OFPMOFC_UNKNOWN', `a connection has ${MAX_MONITORS} monitors at most`) : null
}

/** What is forgotten is no error for whoever cancels: Open vSwitch's NXT_FLOW_MONITOR_CANCEL. */
export const cancelMonitor = (conn: Connection, monitorId: number): Outcome =>
  conn.monitors.delete(monitorId) ? { kind: 'done' } : fail('OFPMOFC_UNKNOWN_MONITOR', `no monitor ${monitorId}`)
