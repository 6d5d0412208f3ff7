/**
 * The instruction OFPIT_STAT_TRIGGER: controllers are told when a statistic of a flow has passed a threshold, by an
 * OFPMP_FLOW_STATS that nobody asked for. OF 1.5.1 §5.7, §7.2.5.7, §7.3.5.4
 *
 *   once a second ─▶ counters of the flows with triggers are read ─▶ thresholds passed since the last time? ─▶ one message
 *
 * The target has no triggers; so what is told is up to a second late (more where reading takes long), has the statistics
 * as they were read, at or beyond the threshold, and tells once of several multiples that were passed between two looks. When the
 * last packet came is known from the counters alone: a flow is called idle when it has been for the threshold at least.
 */
import type { Millis } from '../base/clock.js'
import { NO_FLOW_COUNTS, StatTriggerFlag } from '../openflow/index.js'
import type { Duration, FlowCounters, StatTrigger } from '../openflow/index.js'
import { OF15, receivesStatTriggers, sendTo } from './connections.js'
import type { Effect, Token } from './events.js'
import type { FlowRecord } from './pipeline.js'
import { durationOf } from './removal.js'
import { noteCounters } from './flow-reports.js'
import type { Context, Flow, Requester } from './state.js'

const INTERVAL: Millis = 1000
/** Reading takes up a fifth of the target's time at most. */
const SHARE = 4
/** Up to here flows are read one by one, beyond it by table. */
const FEW_FLOWS = 32
const NOBODY: Requester = { conn: Number.MIN_SAFE_INTEGER + 1, xid: 0, raw: new Uint8Array(0) }

const KINDS = ['duration', 'idleTime', 'packetCount', 'byteCount'] as const
type Kind = (typeof KINDS)[number]
type Values = Record<Kind, bigint>

interface Watch {
  trigger: StatTrigger
  /** At the last look; null: there was none, what has been passed is not news. */
  values: Values | null
  /** Of OFPSTF_ONLY_FIRST: the threshold that was passed first, the only one that counts from then on. */
  first: Kind | null
  /** A packet came after this, or never. */
  quietSince: Millis
}

const nanos = (ms: Millis): bigint => BigInt(Math.max(0, Math.round(ms * 1e6)))
const nanosOf = ({ seconds, nanoseconds }: Duration): bigint => BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
const thresholdOf = ({ thresholds }: StatTrigger, kind: Kind): bigint | null => {
  const value = thresholds[kind]
  return typeof value === 'object' && value !== null ? nanosOf(value) : value
}

export class StatTriggers {
  readonly #watched = new WeakMap<Flow, Watch>()
  /** Flows older than this are those of an agent before this one. */
  readonly #since: Millis
  #lookedAt: Millis
  #pause: Millis = INTERVAL
  #reading = false

  constructor(now: Millis) {
    this.#since = now
    this.#lookedAt = now
  }

  next(ctx: Context): Millis | null {
    return this.#reading || ctx.flows.triggering.size === 0 ? null : this.#lookedAt + this.#pause
  }

  /** Looks, if it is time. */
  run(ctx: Context): void {
    const due = this.next(ctx)
    if (due === null || ctx.now < due) return
    const started = ctx.now
    const flows = [...ctx.flows.triggering]
    const reads = flows.length <= FEW_FLOWS
      ? [(token: Token): Effect => ({ kind: 'read_flow_counters', token, flowIds: flows.map(({ id }) => id) })]
      : [...new Set(flows.map(({ tableId }) => tableId))].map((tableId) => (token: Token): Effect => ({ kind: 'read_counters_of_flows', token, tableId }))
    this.#reading = true
    let open = reads.length
    let complete = true
    for (const read of reads) {
      ctx.reads.start(ctx, NOBODY, read, (_, answer) => {
        if (answer?.what !== 'flows') complete = false
        else for (let at = 0; at < answer.flows.count; at++) noteCounters(ctx, answer.flows, at)
        if (--open > 0) return
        this.#reading = false
        this.#lookedAt = ctx.now
        this.#pause = Math.max(INTERVAL, SHARE * (ctx.now - started))
        if (complete) this.#look(ctx, flows)
      })
    }
  }

  #look(ctx: Context, flows: readonly Flow[]): void {
    const told: FlowCounters[] = []
    for (const flow of flows) {
      if (flow.deleting || flow.token !== 0 || ctx.flows.byId(flow.id) !== flow) continue
      const idle = this.#passes(ctx, flow)
      if (idle !== null) told.push(countersOf(ctx, flow, idle))
    }
    if (told.length === 0) return
    for (const conn of ctx.conns.all()) {
      if (conn.version >= OF15 && receivesStatTriggers(conn)) sendTo(ctx, conn.id, 0, { type: 'stats_reply', body: { kind: 'flow_stats', flows: told } })
    }
  }

  /** A flow has new contents; what counts from zero again can reach its thresholds again. */
  changed(flow: Flow, before: FlowRecord, restarted: readonly Kind[]): void {
    const trigger = flow.record.instructions.statTrigger
    const watch = this.#watched.get(flow)
    if (trigger === null) this.#watched.delete(flow)
    else if (before.instructions.statTrigger === null) this.#watched.set(flow, { trigger, values: null, first: null, quietSince: flow.modifiedAt })
    else if (watch !== undefined) {
      for (const kind of restarted) if (watch.values !== null) watch.values[kind] = 0n
    }
  }

  /** Whether something is news, and how long at least no packet has come. */
  #passes(ctx: Context, flow: Flow): Millis | null {
    const trigger = flow.record.instructions.statTrigger
    if (trigger === null) return null
    let watch = this.#watched.get(flow)
    if (watch === undefined) {
      this.#watched.set(flow, watch = {
        trigger, values: flow.createdAt >= this.#since ? { duration: 0n, idleTime: 0n, packetCount: 0n, byteCount: 0n } : null, first: null, quietSince: flow.createdAt,
      })
    }
    if (flow.last.packets !== (watch.values?.packetCount ?? 0n)) watch.quietSince = ctx.now
    const idle = ctx.now - watch.quietSince
    const values: Values = { duration: nanos(ctx.now - flow.createdAt), idleTime: nanos(idle), packetCount: flow.last.packets, byteCount: flow.last.bytes }
    if (watch.trigger !== trigger && textOf(watch.trigger) !== textOf(trigger)) watch.first = null
    watch.trigger = trigger
    const before = watch.values
    watch.values = values
    return before !== null && isNews(watch, before, values) ? idle : null
  }
}

/** How many times a value has passed its threshold, each multiple of it counting where the trigger is periodic. */
function timesPassed(trigger: StatTrigger, kind: Kind, value: bigint): bigint {
  const threshold = thresholdOf(trigger, kind)
  if (threshold === null || value < threshold) return 0n
  return (trigger.flags & StatTriggerFlag.PERIODIC) !== 0 && threshold > 0n ? value / threshold : 1n
}

function isNews(watch: Watch, before: Values, now: Values): boolean {
  const passed = KINDS.filter((kind) => timesPassed(watch.trigger, kind, now[kind]) > timesPassed(watch.trigger, kind, before[kind]))
  if ((watch.trigger.flags & StatTriggerFlag.ONLY_FIRST) === 0) return passed.length > 0
  // "Only the first threshold that is crossed is considered, other thresholds are ignored."
  if (watch.first !== null) return (watch.trigger.flags & StatTriggerFlag.PERIODIC) !== 0 && passed.includes(watch.first)
  watch.first = passed[0] ?? null
  return watch.first !== null
}

function countersOf(ctx: Context, flow: Flow, idle: Millis): FlowCounters {
  const { tableId, priority, match, instructions } = flow.record
  const { durationSec, durationNsec } = durationOf(flow.createdAt, ctx.now)
  const asksIdle = instructions.statTrigger?.thresholds.idleTime !== null
  return {
    tableId, reason: 'trigger', priority, match,
    counts: {
      ...NO_FLOW_COUNTS, duration: { seconds: durationSec, nanoseconds: durationNsec }, packetCount: flow.last.packets, byteCount: flow.last.bytes,
      idleTime: asksIdle ? { seconds: Math.floor(idle / 1000), nanoseconds: Math.floor(idle % 1000 * 1e6) } : null,
    },
  }
}

const textOf = (trigger: StatTrigger): string => JSON.stringify(trigger, (_, value: unknown) => typeof value === 'bigint' ? String(value) : value)
