/**
 * Bundles: requests that a controller stores and then has carried out together. OF 1.4.1 §6.8, §7.3.9; for 1.3 ONF EXT-230.
 *
 *   open ─▶ add … add ─▶ (close) ─▶ commit ─▶ (its time) ─▶ all of them are in the target, or none and OFPBFC_MSG_FAILED
 *     └── a first add opens, too                            └▶ discard, an error of use, or nothing for ten seconds: forgotten
 *
 * A commit is always in order and all or nothing, whatever the flags. With OFPBF_ATOMIC no packet may meet a part of it
 * besides: only a target that can do that gets such a bundle. The request that failed is answered with its own error and
 * xid before the commit is. Where the text leaves open what becomes of a bundle after an error, it is as in Open vSwitch.
 * Commits at a time: bundle-schedule.ts.
 */
import type { Millis } from '../base/clock.js'
import { BundleFlag } from '../openflow/index.js'
import type { BundleAdd, BundleControl, BundleControlType, ErrorName, Message } from '../openflow/index.js'
import { scheduledFor } from './bundle-schedule.js'
import { OF15, sendError, sendTo } from './connections.js'
import type { Connection } from './connections.js'
import { DONE, fail } from './state.js'
import type { Context, Outcome, Requester } from './state.js'
import type { Token } from './events.js'

export interface Bundle {
  readonly id: number
  readonly flags: number
  /** What opened it, to say that it has timed out. */
  readonly opener: Requester
  readonly requests: { readonly message: Message; readonly requester: Requester }[]
  closed: boolean
  usedAt: Millis
  /** Its commit has been asked for, and is to begin then; `token`: what it has to wait for even so. */
  scheduled: { readonly due: Millis; readonly requester: Requester; token: Token } | null
}

/** As Open vSwitch: a bundle that nothing has been said about for so long is given up. */
const IDLE_TIMEOUT: Millis = 10_000
/** Of one connection. */
const MAX_BUNDLES = 64
const MAX_REQUESTS = 65_536

/** Bits of BundleFlag. OF 1.5.1 §7.3.5.19 */
export const bundleCapabilities = (ctx: Context): number => BundleFlag.ORDERED | BundleFlag.TIME | (ctx.ops.atomic ? BundleFlag.ATOMIC : 0)

type CarryOut = (ctx: Context, conn: Connection, message: Message, requester: Requester) => Outcome

const answer = (ctx: Context, requester: Requester, bundleId: number, control: BundleControlType): Outcome => {
  sendTo(ctx, requester.conn, requester.xid, { type: 'bundle_control', bundleId, control, flags: 0, time: null })
  return DONE
}

export function handleBundleControl(ctx: Context, conn: Connection, asked: BundleControl, requester: Requester, carryOut: CarryOut): Outcome {
  const { bundleId, control, flags } = asked
  const bundle = conn.bundles.get(bundleId)
  const reply = (type: BundleControlType): Outcome => answer(ctx, requester, bundleId, type)
  if (asked.time !== null && control !== 'commit_request') return fail('OFPBPC_BAD_TYPE', `a time in a ${control}`)
  if (bundle !== undefined && bundle.scheduled !== null && control !== 'discard_request') return waitsForItsTime()
  switch (control) {
    case 'open_request': {
      if (bundle !== undefined) return giveUp(conn, bundleId, 'OFPBFC_BAD_ID', 'there is such a bundle already')
      const problem = open(ctx, conn, bundleId, flags, requester)
      return problem ?? reply('open_reply')
    }
    case 'close_request':
      if (bundle === undefined) return unknown(bundleId)
      if (bundle.closed) return giveUp(conn, bundleId, 'OFPBFC_BUNDLE_CLOSED', 'the bundle is closed already')
      if (bundle.flags !== flags) return giveUp(conn, bundleId, 'OFPBFC_BAD_FLAGS', 'the flags are not those the bundle was opened with')
      bundle.closed = true
      bundle.usedAt = ctx.now
      return reply('close_reply')
    case 'discard_request':
      if (!conn.bundles.delete(bundleId)) return unknown(bundleId)
      return reply('discard_reply')
    case 'commit_request': {
      if (bundle === undefined) return unknown(bundleId)
      // That it is for a time may be said by the commit alone.
      const opened = conn.version >= OF15 ? bundle.flags | flags & BundleFlag.TIME : bundle.flags
      if (opened !== flags) return giveUp(conn, bundleId, 'OFPBFC_BAD_FLAGS', 'the flags are not those the bundle was opened with')
      const due = scheduledFor(ctx, flags, asked.time)
      if (due !== null && typeof due === 'object') return giveUp(conn, bundleId, due.error, due.reason)
      if (due !== null && due > ctx.now) {
        bundle.scheduled = { due, requester, token: 0 }
        return DONE
      }
      const outcome = commit(ctx, conn, bundle, requester, carryOut)
      if (outcome.kind !== 'wait') conn.bundles.delete(bundleId)
      else bundle.usedAt = ctx.now
      return outcome
    }
    default: return fail('OFPBFC_BAD_TYPE', `a controller does not send ${control}`)
  }
}

export function handleBundleAdd(ctx: Context, conn: Connection, { bundleId, flags, message, raw }: BundleAdd, requester: Requester): Outcome {
  if (!isBundlable(message)) return fail('OFPBFC_MSG_UNSUP', `${message.type} cannot be a part of a bundle`)
  let bundle = conn.bundles.get(bundleId)
  if (bundle === undefined) {
    const problem = open(ctx, conn, bundleId, flags, requester)
    if (problem !== null) return problem
    bundle = conn.bundles.get(bundleId)!
  }
  if (bundle.scheduled !== null) return waitsForItsTime()
  if (bundle.closed) return giveUp(conn, bundleId, 'OFPBFC_BUNDLE_CLOSED', 'the bundle is closed')
  if (bundle.flags !== flags) return giveUp(conn, bundleId, 'OFPBFC_BAD_FLAGS', 'the flags are not those the bundle was opened with')
  if ([...conn.bundles.values()].reduce((sum, { requests }) => sum + requests.length, 0) >= MAX_REQUESTS) {
    return fail('OFPBFC_MSG_TOO_MANY', `the bundles of a connection hold ${MAX_REQUESTS} messages`)
  }
  bundle.requests.push({ message, requester: raw === undefined ? requester : { ...requester, raw } })
  bundle.usedAt = ctx.now
  return DONE
}

/** Messages that change the switch, and packet-outs. OF 1.4.1 §6.8.1 */
function isBundlable({ type }: Message): boolean {
  return type === 'flow_mod' || type === 'group_mod' || type === 'port_mod' || type === 'meter_mod' || type === 'packet_out'
}

const unknown = (bundleId: number): Outcome => fail('OFPBFC_BAD_ID', `no bundle 0x${bundleId.toString(16)}`)

/** What has been promised for a time is not lost by a wrong word about it. */
const waitsForItsTime = (): Outcome => fail('OFPBFC_BUNDLE_CLOSED', 'the bundle waits for its time')

/** After a wrong use of it. OF 1.4.1 §7.3.9.2 */
function giveUp(conn: Connection, bundleId: number, error: ErrorName, reason: string): Outcome {
  conn.bundles.delete(bundleId)
  return fail(error, reason)
}

/** Null: it is open. */
function open(ctx: Context, conn: Connection, id: number, flags: number, opener: Requester): Outcome | null {
  const known = BundleFlag.ATOMIC | BundleFlag.ORDERED | (conn.version >= OF15 ? BundleFlag.TIME : 0)
  if ((flags & ~known) !== 0) return fail('OFPBFC_BAD_FLAGS', `no bundle flags 0x${flags.toString(16)}`)
  if ((flags & BundleFlag.ATOMIC) !== 0 && !ctx.ops.atomic) return fail('OFPBFC_BAD_FLAGS', 'packets of this target can meet a part of a commit')
  if (conn.bundles.size >= MAX_BUNDLES) return fail('OFPBFC_OUT_OF_BUNDLES', `a connection has ${MAX_BUNDLES} bundles at most`)
  conn.bundles.set(id, { id, flags, opener, requests: [], closed: false, usedAt: ctx.now, scheduled: null })
  return null
}

function commit(ctx: Context, conn: Connection, bundle: Bundle, requester: Requester, carryOut: CarryOut): Outcome {
  if (ctx.ops.isFull) return fail('OFPBFC_MSG_FAILED', 'the target is lost and too many changes wait for it')
  let failed: Requester | null = null
  const run = (): Outcome => {
    for (const request of bundle.requests) {
      const outcome = carryOut(ctx, conn, request.message, request.requester)
      if (outcome.kind === 'done') continue
      if (outcome.kind === 'error') failed = request.requester
      return outcome
    }
    return DONE
  }
  const outcome = ctx.ops.together(ctx, requester, (bundle.flags & BundleFlag.ATOMIC) !== 0, run, () => {
    ctx.monitors.flush(ctx)
    answer(ctx, requester, bundle.id, 'commit_reply')
  })
  if (outcome.kind !== 'error' || failed === null) return outcome
  sendError(ctx, failed, outcome.error, outcome.reasons)
  return fail('OFPBFC_MSG_FAILED', ...outcome.reasons)
}

/** Those whose time has come, in the order of their times. */
export function commitScheduled(ctx: Context, carryOut: CarryOut): void {
  let due: { readonly conn: Connection; readonly bundle: Bundle; readonly at: Millis }[] | null = null
  for (const conn of ctx.conns.all()) {
    if (conn.bundles.size === 0) continue
    for (const bundle of conn.bundles.values()) if (isDue(ctx, bundle)) (due ??= []).push({ conn, bundle, at: bundle.scheduled?.due ?? 0 })
  }
  if (due === null) return
  for (const { conn, bundle } of due.sort((a, b) => a.at - b.at)) {
    if (bundle.scheduled === null) continue
    const outcome = commit(ctx, conn, bundle, bundle.scheduled.requester, carryOut)
    if (outcome.kind === 'wait') {
      bundle.scheduled.token = outcome.token
      continue
    }
    conn.bundles.delete(bundle.id)
    if (outcome.kind === 'error') sendError(ctx, bundle.scheduled.requester, outcome.error, outcome.reasons)
  }
}

const isDue = (ctx: Context, { scheduled }: Bundle): boolean =>
  scheduled !== null && scheduled.due <= ctx.now && !ctx.ops.isPending(scheduled.token)

/** Gives up bundles that nobody goes on with. */
export function expireBundles(ctx: Context): void {
  for (const conn of ctx.conns.all()) {
    // What has been sent about it may wait behind something else.
    if (conn.bundles.size === 0 || conn.queue.length > 0) continue
    for (const bundle of [...conn.bundles.values()]) {
      if (bundle.scheduled !== null || ctx.now < bundle.usedAt + IDLE_TIMEOUT) continue
      conn.bundles.delete(bundle.id)
      sendError(ctx, bundle.opener, 'OFPBFC_TIMEOUT', [`bundle 0x${bundle.id.toString(16)}`])
    }
  }
}

/** When a bundle is to be committed, or given up. */
export function nextBundle(ctx: Context): Millis | null {
  let next: Millis | null = null
  for (const conn of ctx.conns.all()) {
    if (conn.bundles.size === 0) continue
    for (const { usedAt, scheduled } of conn.bundles.values()) {
      if (scheduled !== null ? ctx.ops.isPending(scheduled.token) : conn.queue.length > 0) continue
      next = Math.min(next ?? Infinity, scheduled?.due ?? usedAt + IDLE_TIMEOUT)
    }
  }
  return next
}
