/**
 * OFPT_FLOW_MOD. OF 1.3.5 §6.4, §7.3.4.1; what differs by version follows Open vSwitch's table of flow-mod behaviour.
 *
 *                                   1.0          1.1               1.2 and later
 * modify of nothing                 adds         adds if no cookie does nothing
 *                                                is matched on
 * modify changes the cookie         yes          no                no
 * cookie as a filter                no (NXM: yes) not in add       not in add
 * counters of a replaced flow       cleared      cleared           kept unless RESET_COUNTS
 * counters of a modified flow       kept         kept              kept unless RESET_COUNTS
 * out_port, out_group as a filter   only in deletes, in every version
 *
 * A modification restarts the hard timeout but not the duration; a replacement restarts both (as Open vSwitch).
 */
import { FlowModFlag, Group, NO_BUFFER, Port, Table, matchOverlaps } from '../openflow/index.js'
import type { FlowMod } from '../openflow/index.js'
import { OF10, OF11, OF12 } from './connections.js'
import type { Connection } from './connections.js'
import { tableCount } from './egress.js'
import { FlowEntry } from './flow-entry.js'
import { flowKey, groupsOf } from './flow-table.js'
import { meterOf } from './meter-table.js'
import { lifeOf } from './recovery.js'
import type { FlowFilter } from './flow-table.js'
import type { Intent } from './operations.js'
import type { Change, FlowLife, FlowRecord } from './pipeline.js'
import { keepEarlier, rearm, removal } from './removal.js'
import { followedByBuffer } from './packet-io.js'
import { flowToEvict } from './table-config.js'
import { DONE, NO_COUNTERS, fail, lastToken, waitFor } from './state.js'
import type { Context, Flow, Outcome, Requester } from './state.js'
import type { ActionProblem } from './validate-actions.js'
import { checkFlags, checkInstructions, checkMatch, withoutPacketType } from './validate-flow.js'

export function handleFlowMod(ctx: Context, conn: Connection, asked: FlowMod, requester: Requester): Outcome {
  const flowMod = withoutPacketType(asked)
  const wrong = checkFlags(flowMod.flags, conn.version)
  if (wrong !== null) return failed(wrong)
  switch (flowMod.command) {
    case 'add': return addOrChange(ctx, conn, flowMod, requester, (asking) => add(ctx, conn, flowMod, asking))
    case 'modify': case 'modify_strict': return addOrChange(ctx, conn, flowMod, requester, (asking) => modify(ctx, conn, flowMod, asking))
    case 'delete': case 'delete_strict': return remove(ctx, conn, flowMod, requester)
  }
}

const KEEP_COOKIE = 0xffff_ffff_ffff_ffffn

const failed = ({ error, reason }: ActionProblem): Outcome => fail(error, reason)

function addOrChange(ctx: Context, conn: Connection, flowMod: FlowMod, requester: Requester, carryOut: (asking: Requester) => Outcome): Outcome {
  const table = ctx.capabilities.table(flowMod.tableId)
  if (table === undefined || flowMod.tableId >= tableCount(ctx, conn)) return fail('OFPFMFC_BAD_TABLE_ID', `no table ${flowMod.tableId}`)
  const locked = groupsOf(flowMod.instructions).map((id) => ctx.groups.get(id)?.token ?? 0).find((token) => token !== 0)
  if (locked !== undefined) return waitFor(locked)
  const meter = meterOf(flowMod.instructions)
  const meterLocked = meter === null ? 0 : ctx.meters.get(meter)?.token ?? 0
  if (meterLocked !== 0) return waitFor(meterLocked)
  const wrong = (flowMod.command === 'add' ? checkMatch(flowMod.match, table) : null) ?? checkInstructions(ctx, flowMod, conn.version)
  if (wrong !== null) return failed(wrong)
  const asking = flowMod.bufferId === NO_BUFFER ? requester : followedByBuffer(ctx, flowMod.bufferId, requester)
  return typeof asking === 'string' ? fail(asking, `no packet in buffer ${flowMod.bufferId}`) : carryOut(asking)
}

function add(ctx: Context, conn: Connection, flowMod: FlowMod, requester: Requester): Outcome {
  const { tableId, priority, match } = flowMod
  const key = flowKey(priority, match)
  const existing = ctx.flows.get(tableId, key)
  if (existing !== undefined && existing.token !== 0) return waitFor(existing.token)
  if (existing !== undefined) return replace(ctx, conn, existing, flowMod, requester)
  // Read literally, an identical entry overlaps itself and is refused; Open vSwitch replaces it and looks no further,
  // and controllers that refresh flows with CHECK_OVERLAP rely on that. OF 1.3.5 §6.4
  if ((flowMod.flags & FlowModFlag.CHECK_OVERLAP) !== 0) {
    for (const other of ctx.flows.withPriority(tableId, priority)) {
      if (!matchOverlaps(other.record.match, match)) continue
      return other.token !== 0 ? waitFor(other.token) : fail('OFPFMFC_OVERLAP', `overlaps flow ${other.id}`)
    }
  }
  return insertNew(ctx, flowMod, key, requester)
}

/** A flow of the switch's own, which was not asked for and is not checked. One that is there already is left alone. */
export function addOwnFlow(ctx: Context, flowMod: FlowMod): Outcome {
  const key = flowKey(flowMod.priority, flowMod.match)
  const existing = ctx.flows.get(flowMod.tableId, key)
  if (existing === undefined) return insertNew(ctx, flowMod, key, null)
  return existing.token === 0 ? DONE : waitFor(existing.token)
}

function insertNew(ctx: Context, flowMod: FlowMod, key: string, requester: Requester | null): Outcome {
  const flow = newFlow(ctx, flowMod, key)
  const isFull = ctx.flows.liveCount(flow.tableId) >= (ctx.capabilities.table(flow.tableId)?.maxEntries ?? 0)
  const outcome = isFull ? fail('OFPFMFC_TABLE_FULL', `table ${flow.tableId} is full`) : ctx.ops.submit(ctx, additionOf(ctx, flow, requester), requester)
  if (outcome.kind !== 'error' || outcome.error !== 'OFPFMFC_TABLE_FULL') return outcome
  const victim = flowToEvict(ctx, flow.tableId, flow.importance)
  return victim === null ? outcome : ctx.ops.submit(ctx, inPlaceOf(ctx, victim, additionOf(ctx, flow, requester)), requester)
}

const additionOf = (ctx: Context, flow: Flow, requester: Requester | null): Intent => ({
  changes: [{ op: 'add_flow', flow: flow.record }],
  touches: [flow],
  family: 'flow',
  apply: () => { ctx.flows.insert(flow) },
  settled: () => {
    rearm(ctx, flow)
    ctx.monitors.report(ctx, 'added', flow, requester)
  },
  undo: () => { ctx.flows.remove(flow) },
})

/** An addition for which another flow is evicted. */
function inPlaceOf(ctx: Context, victim: Flow, addition: Intent): Intent {
  const eviction = removal(ctx, [{ flow: victim, reason: 'eviction' }], 'flow')
  return {
    changes: [...eviction.changes, ...addition.changes],
    touches: [...eviction.touches, ...addition.touches],
    family: 'flow',
    apply: () => {
      eviction.apply()
      addition.apply()
    },
    settled: (counters, earlier, groups) => {
      eviction.settled(counters, earlier, groups)
      addition.settled(counters, earlier, groups)
    },
    undo: () => {
      addition.undo()
      eviction.undo()
    },
  }
}

function newFlow(ctx: Context, flowMod: FlowMod, key: string): Flow {
  const { flags, importance, hardTimeout } = flowMod
  const life = lifeOf(ctx, { flags, importance, hardTimeout, createdAt: ctx.now, modifiedAt: ctx.now }, NO_COUNTERS)
  return new FlowEntry(recordOf(ctx, ctx.flows.nextId(), flowMod, life), key, NO_COUNTERS, ctx.config)
}

const recordOf = (ctx: Context, id: number, { tableId, priority, match, instructions, cookie, idleTimeout }: FlowMod, life: FlowLife): FlowRecord =>
  // The decoder's list has room for more fields and its zeros are each an object, a million times over.
  ({ id, tableId, priority, match: match.slice(), instructions: ctx.instructions.share(instructions), cookie: cookie === 0n ? 0n : cookie, idleTimeout, life })

/** OF 1.3.5 §6.4: the old entry and its duration go, its counters stay unless they are to be reset; no flow-removed. */
function replace(ctx: Context, conn: Connection, flow: Flow, flowMod: FlowMod, requester: Requester): Outcome {
  const resetCounters = conn.version < OF12 || (flowMod.flags & FlowModFlag.RESET_COUNTS) !== 0
  const { flags, importance, hardTimeout } = flowMod
  const update = { flags, importance, hardTimeout, createdAt: ctx.now, modifiedAt: ctx.now }
  const record = recordOf(ctx, flow.id, flowMod, lifeOf(ctx, update, resetCounters ? NO_COUNTERS : flow.base))
  return ctx.ops.submit(ctx, changeOf(ctx, [{ flow, record }], resetCounters, 'added', requester), requester)
}

function modify(ctx: Context, conn: Connection, flowMod: FlowMod, requester: Requester): Outcome {
  const flows = ctx.flows.select(filterOf(ctx, conn, flowMod, false), 'changed')
  const locked = lastToken(flows)
  if (locked !== 0) return waitFor(locked)
  if (flows.length === 0) {
    const adds = conn.version === OF10 || (conn.version === OF11 && flowMod.cookieMask === 0n)
    if (!adds) {
      requester.settled?.()
      return DONE
    }
    const table = ctx.capabilities.table(flowMod.tableId)
    const wrong = table === undefined ? null : checkMatch(flowMod.match, table)
    return wrong === null ? add(ctx, conn, flowMod, requester) : failed(wrong)
  }
  const resetCounters = conn.version >= OF12 && (flowMod.flags & FlowModFlag.RESET_COUNTS) !== 0
  // All ones is Open vSwitch's word for a cookie that stays.
  const changesCookie = conn.version === OF10 && flowMod.cookieMask === 0n && flowMod.cookie !== KEEP_COOKIE
  const cookieOf = (flow: Flow): bigint => changesCookie ? flowMod.cookie : flow.record.cookie
  const instructions = ctx.instructions.share(flowMod.instructions)
  const parts = flows.map((flow): Part => {
    const update = { flags: flow.flags, importance: flow.importance, hardTimeout: flow.hardTimeout, createdAt: flow.createdAt, modifiedAt: ctx.now }
    const life = lifeOf(ctx, update, resetCounters ? NO_COUNTERS : flow.base)
    return { flow, record: { ...flow.record, instructions, cookie: cookieOf(flow), life } }
  })
  return ctx.ops.submit(ctx, changeOf(ctx, parts, resetCounters, 'modified', requester), requester)
}

interface Part {
  readonly flow: Flow
  readonly record: FlowRecord
}

/** New contents for flows that exist: in the place of an addition, after which an idle report that crosses it does not count, or of a modification. */
function changeOf(ctx: Context, parts: readonly Part[], resetCounters: boolean, event: 'added' | 'modified', requester: Requester): Intent {
  const before = parts.map(({ flow: { record, base, last } }) => ({ record, kept: { base, last } }))
  return {
    changes: parts.map(({ flow, record }): Change => ({ op: 'modify_flow', flow: record, previous: flow.record, resetCounters })),
    touches: parts.map(({ flow }) => flow),
    family: 'flow',
    apply: () => {
      for (const { flow, record } of parts) {
        ctx.flows.replace(flow, record)
        if (resetCounters) ctx.reads.restarted(flow.id)
        if (resetCounters) flow.base = flow.last = NO_COUNTERS
        ctx.expiry.forget(flow)
      }
    },
    settled: (_counters, earlier) => {
      parts.forEach(({ flow, record }, index) => {
        const old = before[index]!.record
        ctx.flows.settle(flow)
        const counted = earlier.get(flow.id)
        if (counted !== undefined) keepEarlier(ctx, flow, counted)
        if (event === 'added') flow.idle = false
        ctx.triggers.changed(flow, old, [...event === 'added' ? ['duration'] as const : [], ...resetCounters ? ['packetCount', 'byteCount'] as const : []])
        rearm(ctx, flow)
        if (!ctx.monitors.isWatched(ctx)) return
        const isNews = event === 'added' || record.cookie !== old.cookie || !sameInstructions(record.instructions, old.instructions)
        if (isNews) ctx.monitors.report(ctx, event, flow, requester, null, old)
      })
    },
    undo: () => {
      parts.forEach(({ flow }, index) => {
        const { record, kept } = before[index]!
        ctx.flows.restore(flow, record)
        Object.assign(flow, kept)
        rearm(ctx, flow)
      })
    },
  }
}

function remove(ctx: Context, conn: Connection, flowMod: FlowMod, requester: Requester): Outcome {
  if (flowMod.tableId !== Table.ALL && flowMod.tableId >= tableCount(ctx, conn)) {
    return fail('OFPFMFC_BAD_TABLE_ID', `no table ${flowMod.tableId}`)
  }
  const flows = ctx.flows.select(filterOf(ctx, conn, flowMod, true), 'changed')
  const locked = lastToken(flows)
  if (locked !== 0) return waitFor(locked)
  if (flows.length === 0) return DONE
  return ctx.ops.submit(ctx, removal(ctx, flows.map((flow) => ({ flow, reason: 'delete' })), 'flow', requester), requester)
}

/** Flow monitors are not told of a modification to what is there already, as by Open vSwitch. */
const sameInstructions = (a: FlowRecord['instructions'], b: FlowRecord['instructions']): boolean => a === b || contentOf(a) === contentOf(b)
const contentOf = (instructions: FlowRecord['instructions']): string => JSON.stringify(instructions, (_, value: unknown) => typeof value === 'bigint' ? String(value) : value)

function filterOf(ctx: Context, conn: Connection, flowMod: FlowMod, deletes: boolean): FlowFilter {
  const { tableId, match, cookie, cookieMask, outPort, outGroup, command, priority } = flowMod
  const strict = command === 'modify_strict' || command === 'delete_strict'
  return {
    tableId, tableCount: tableCount(ctx, conn), match, priority: strict ? priority : null,
    cookie, cookieMask,
    outPort: deletes ? outPort : Port.ANY, outGroup: deletes ? outGroup : Group.ANY,
  }
}
