/**
 * Flows that go away: by timeout, by request, with their group, or because the target cannot hold them. OF 1.3.5 §5.5,
 * §7.4.2. The OFPT_FLOW_REMOVED goes out when the target has acknowledged the removal, with the counters it had at the
 * end; its duration ends when the removal was decided.
 */
import type { Millis } from '../base/clock.js'
import { FlowFormat, FlowModFlag } from '../openflow/index.js'
import type { FlowRemovedReason } from '../openflow/index.js'
import { receivesFlowRemoved, sendTo } from './connections.js'
import { tableCount } from './egress.js'
import { hardDeadline } from './expiry.js'
import type { Intent } from './operations.js'
import type { Change, Counters } from './pipeline.js'
import { addCounters } from './state.js'
import type { Context, Flow, Requester } from './state.js'

/** OF 1.3.5 §5.8: durations are given in seconds and nanoseconds. */
export function durationOf(since: Millis, until: Millis): { readonly durationSec: number; readonly durationNsec: number } {
  const elapsed = Math.max(0, until - since)
  const seconds = Math.floor(elapsed / 1000)
  return { durationSec: seconds, durationNsec: Math.min(999_999_999, Math.floor((elapsed - seconds * 1000) * 1e6)) }
}

export const wantsRemovedMessage = (flow: Flow): boolean => (flow.flags & FlowModFlag.SEND_FLOW_REM) !== 0

export const deletionOf = (flow: Flow): Change =>
  ({ op: 'delete_flow', flow: flow.record, wantCounters: wantsRemovedMessage(flow) })

const RETRY_AFTER: Millis = 1000
/** How soon a change that is behind another one is tried again. */
const BEHIND_AFTER: Millis = 20

/** Removes flows, each for its reason. */
export function removal(ctx: Context, flows: readonly { readonly flow: Flow; readonly reason: FlowRemovedReason }[], family: Intent['family'], requester: Requester | null = null): Intent {
  const decidedAt = ctx.now
  return {
    changes: flows.map(({ flow }) => deletionOf(flow)),
    touches: flows.map(({ flow }) => flow),
    family,
    apply: () => {
      for (const { flow } of flows) {
        ctx.flows.setDeleting(flow, true)
        ctx.expiry.forget(flow)
      }
    },
    settled: (counters) => {
      for (const { flow, reason } of flows) {
        const final = counters.get(flow.id)
        if (final !== undefined) flow.last = addCounters(flow.base, final)
        dropFlow(ctx, flow, reason, decidedAt, requester)
      }
    },
    undo: () => {
      for (const { flow } of flows) {
        ctx.flows.setDeleting(flow, false)
        // An expired flow that the target would not let go is tried again a little later.
        rearm(ctx, flow, ctx.now + RETRY_AFTER)
      }
    },
  }
}

/** To be called when a flow is free for its timeouts to be looked at again. */
export function rearm(ctx: Context, flow: Flow, notBefore: Millis = ctx.now): void {
  if (ctx.flows.byId(flow.id) !== flow) return
  if (flow.idle) ctx.expiry.watch(flow, notBefore)
  else if (flow.hardTimeout > 0) ctx.expiry.watch(flow, Math.max(hardDeadline(flow), notBefore))
  else ctx.expiry.forget(flow)
}

/** The target counts the flow from zero: what it had counted goes to the flow, and to its entry, for an agent that starts anew. */
export function keepEarlier(ctx: Context, flow: Flow, counted: Counters): void {
  flow.base = addCounters(flow.base, counted)
  const { record } = flow
  if (record.life === undefined || flow.deleting || flow.token !== 0 || ctx.flows.byId(flow.id) !== flow) return
  const next = { ...record, life: { ...record.life, ...flow.base } }
  ctx.ops.submit(ctx, {
    changes: [{ op: 'modify_flow', flow: next, previous: record, resetCounters: false }],
    touches: [flow],
    family: 'own',
    apply: () => {
      ctx.flows.replace(flow, next)
      ctx.expiry.forget(flow)
    },
    settled: () => {
      ctx.flows.settle(flow)
      rearm(ctx, flow)
    },
    undo: () => {
      ctx.flows.restore(flow, record)
      rearm(ctx, flow)
    },
  }, null)
}

/** Takes a flow out of the tables and tells who wants to know. */
export function dropFlow(ctx: Context, flow: Flow, reason: FlowRemovedReason, at: Millis = ctx.now, requester: Requester | null = null): void {
  ctx.expiry.forget(flow)
  if (ctx.flows.byId(flow.id) !== flow) return
  ctx.flows.remove(flow)
  ctx.monitors.report(ctx, 'removed', flow, requester, reason)
  if (!wantsRemovedMessage(flow)) return
  const { cookie, priority, tableId, idleTimeout, match } = flow.record
  const counters: Counters = flow.last
  for (const conn of ctx.conns.all()) {
    if (!receivesFlowRemoved(conn, reason) || tableId >= tableCount(ctx, conn)) continue
    sendTo(ctx, conn.id, 0, {
      type: conn.nicira.flowFormat === FlowFormat.NXM ? 'nx_flow_removed' : 'flow_removed', cookie, priority, reason, tableId, ...durationOf(flow.createdAt, at), idleTimeout,
      hardTimeout: flow.hardTimeout, packetCount: counters.packets, byteCount: counters.bytes, match,
    })
  }
}

/** Removes what has expired. A flow with a change in flight is looked at again when that is answered. */
export function expireFlows(ctx: Context): void {
  if (ctx.ops.target === 'syncing') return
  const ripe = ctx.expiry.due(ctx.now)
  if (ripe.length === 0) return
  const due = ripe.filter((flow) => flow.token === 0)
  if (due.length === 0) return
  const expired = due.map((flow) => ({ flow, reason: reasonOf(flow, ctx.now) }))
  const outcome = ctx.ops.submit(ctx, removal(ctx, expired, 'own'), null)
  if (outcome.kind === 'done') return
  if (outcome.kind === 'error') ctx.emit({ kind: 'log', level: 'error', text: `the pipeline would not remove expired flows: ${outcome.error}`, detail: { reasons: outcome.reasons } })
  for (const flow of due) rearm(ctx, flow, ctx.now + (outcome.kind === 'error' ? RETRY_AFTER : BEHIND_AFTER))
}

const reasonOf = (flow: Flow, now: Millis): FlowRemovedReason =>
  flow.hardTimeout > 0 && hardDeadline(flow) <= now ? 'hard_timeout' : 'idle_timeout'

/** Idle flows found by the target; they are removed by the expireFlows() of this step, or when they are free. */
export function noteIdle(ctx: Context, flowIds: readonly number[]): void {
  for (const id of flowIds) {
    const flow = ctx.flows.byId(id)
    if (flow === undefined || flow.deleting || flow.record.idleTimeout === 0) continue
    flow.idle = true
    if (flow.token === 0) rearm(ctx, flow)
  }
}
