/**
 * The state of a switch whose agent is new, from the objects that its target holds. OF 1.3.5 has no word for it: to its
 * controllers the switch has been there all the time.
 */
import type { FlowMod } from '../openflow/index.js'
import type { Millis } from '../base/clock.js'
import { FlowEntry } from './flow-entry.js'
import { flowKey, groupsOf } from './flow-table.js'
import { NO_GROUP_COUNTS } from './group-counts.js'
import { meterOf, noMeterCounters } from './meter-table.js'
import type { Counters, FlowLife, FlowRecord, Found } from './pipeline.js'
import { portFlagsFound } from './port-status.js'
import { rearm } from './removal.js'
import { NO_COUNTERS } from './state.js'
import type { Context, Flow } from './state.js'
import { tablesFound } from './table-config.js'

/** A time of the datapath's clock, in ms since 1970, and back. */
export const sinceEpoch = ({ config }: Context, time: Millis): number => time + (config.epoch ?? 0)
const fromEpoch = ({ config, now }: Context, time: number): Millis => Math.min(now, time - (config.epoch ?? 0))

export function lifeOf(ctx: Context, given: Pick<FlowMod, 'flags' | 'hardTimeout' | 'importance'> & { readonly createdAt: Millis; readonly modifiedAt: Millis }, base: Counters): FlowLife {
  const { flags, hardTimeout, importance, createdAt, modifiedAt } = given
  return { flags, hardTimeout, importance, createdAt: sinceEpoch(ctx, createdAt), modifiedAt: sinceEpoch(ctx, modifiedAt), ...base }
}

/** Replaces the state by what has been found. What refers to something that is not there is left out: nothing acknowledged does. */
export function takeOver(ctx: Context, found: Found): void {
  for (const flow of ctx.flows.all()) ctx.expiry.forget(flow)
  ctx.flows.clear()
  ctx.groups.clear()
  ctx.meters.clear()
  const { gone, asModified } = completed(found)
  for (const record of found.meters) {
    if (gone.meters.has(record.meterId)) continue
    const counters = noMeterCounters(record.bands.length)
    ctx.meters.insert({ meterId: record.meterId, record, deleting: false, createdAt: fromEpoch(ctx, record.createdAt ?? 0), token: 0, base: counters, last: counters })
  }
  for (const record of found.groups) {
    if (gone.groups.has(record.groupId)) continue
    ctx.groups.insert({ groupId: record.groupId, record, previous: null, deleting: false, createdAt: fromEpoch(ctx, record.createdAt ?? 0), token: 0, counts: NO_GROUP_COUNTS })
  }
  for (const each of found.flows) {
    if (gone.flows.has(each.id)) continue
    const record = asModified(each)
    const { tableId, priority, match, instructions } = record
    const key = flowKey(priority, match)
    const meter = meterOf(instructions)
    const complete = groupsOf(instructions).every((id) => ctx.groups.get(id) !== undefined) && (meter === null || ctx.meters.get(meter) !== undefined)
    if (tableId >= ctx.flows.tableCount || ctx.flows.get(tableId, key) !== undefined || !complete) continue
    const flow = flowOf(ctx, { ...record, instructions: ctx.instructions.share(instructions) }, key)
    ctx.flows.insert(flow)
    rearm(ctx, flow)
  }
  tablesFound(ctx, found.tables)
  ctx.egress.first = found.firstEgress
  for (const [portNo, config] of found.ports) portFlagsFound(ctx, portNo, config)
  ctx.emit({ kind: 'log', level: 'info', text: 'took over what the target holds', detail: { flows: found.flows.length, groups: found.groups.length, meters: found.meters.length } })
}

/** A request of which a part may be there is completed: it was accepted, and nobody was told that it is done. */
function completed({ halves }: Found): { readonly gone: { readonly flows: ReadonlySet<number>; readonly groups: ReadonlySet<number>; readonly meters: ReadonlySet<number> }; asModified(flow: FlowRecord): FlowRecord } {
  const modified = new Map(halves.flatMap((half) => half.modified?.flows.map((id) => [id, half.modified] as const) ?? []))
  return {
    gone: { flows: new Set(halves.flatMap(({ flows }) => flows)), groups: new Set(halves.flatMap(({ groups }) => groups)), meters: new Set(halves.flatMap(({ meters }) => meters)) },
    asModified: (flow) => {
      const change = modified.get(flow.id)
      if (change == null) return flow
      const { instructions, cookie, modifiedAt } = change
      return { ...flow, instructions, cookie: cookie ?? flow.cookie, ...(flow.life === undefined ? {} : { life: { ...flow.life, modifiedAt } }) }
    },
  }
}

function flowOf(ctx: Context, record: FlowRecord, key: string): Flow {
  const { life } = record
  const base: Counters = life === undefined || life.packets === 0n && life.bytes === 0n ? NO_COUNTERS : { packets: life.packets, bytes: life.bytes }
  return new FlowEntry(life === undefined ? record : { ...record, life: untilNow(ctx, life) }, key, base, ctx.config)
}

/** By a clock that has been set back, it is of the future. */
function untilNow(ctx: Context, life: FlowLife): FlowLife {
  const now = sinceEpoch(ctx, ctx.now)
  return life.createdAt <= now && life.modifiedAt <= now ? life : { ...life, createdAt: Math.min(now, life.createdAt), modifiedAt: Math.min(now, life.modifiedAt) }
}
