/**
 * Scheduled bundles: a commit request with OFPBF_TIME and a time is kept, and carried out when that time has come.
 * OF 1.5.1 §7.3.5.20, §7.3.9
 *
 *   commit(T) ─▶ within the tolerance? ─▶ kept, unanswered ─▶ T ─▶ committed like any other, and answered
 *                   └ OFPBFC_SCHED_FUTURE, _PAST              └ discard, or its connection closed: forgotten
 *
 * Times are read as the switch's clock since 1970 UTC, as in the implementation of those who proposed the extension; bundle
 * features tell what it shows. A commit begins at its time or later, never before it. A barrier does not wait for a commit whose time
 * has not come: behind it there could be no OFPBCT_DISCARD_REQUEST.
 */
import type { Millis } from '../base/clock.js'
import { BundleFlag } from '../openflow/index.js'
import type { BundleTimeFeatures, ErrorName, SwitchTime } from '../openflow/index.js'
import { sinceEpoch } from './recovery.js'
import type { Context } from './state.js'

/** The flags of a request for bundle features. */
const TIME_SET_SCHED = 2
const KNOWN_FLAGS = 3
const BILLION = 1_000_000_000
/** How late a commit may begin: what a loaded machine makes of a timer. */
const ACCURACY: Millis = 100
const DEFAULT_TOLERANCE: Millis = 1000
/** A controller may ask for as much: requests are kept in memory for so long, and Node's timers end at 24 days. */
const MAX_TOLERANCE: Millis = 24 * 3_600_000

/** How far from now, in ms, a commit may be scheduled; one for all controllers. */
export class ScheduleTolerance {
  future: Millis = DEFAULT_TOLERANCE
  past: Millis = DEFAULT_TOLERANCE
}

const toTime = (ms: Millis): SwitchTime => ({ seconds: BigInt(Math.floor(ms / 1000)), nanoseconds: Math.floor(ms % 1000 * 1e6) })
const toMillis = ({ seconds, nanoseconds }: SwitchTime): Millis => Number(seconds) * 1000 + nanoseconds / 1e6

/** Features of a request that says nothing wrong; else why not. */
export function scheduleFeatures(ctx: Context, flags: number, asked: BundleTimeFeatures | null, isSlave: boolean): BundleTimeFeatures | { readonly error: ErrorName; readonly reason: string } {
  if ((flags & ~KNOWN_FLAGS) !== 0) return { error: 'OFPBRC_MULTIPART_BAD_SCHED', reason: `no flags 0x${flags.toString(16)} of bundle features` }
  const { tolerance } = ctx
  if ((flags & TIME_SET_SCHED) !== 0) {
    if (isSlave) return { error: 'OFPBRC_IS_SLAVE', reason: 'the connection has the slave role' }
    const wanted = asked === null ? null : [asked.schedMaxFuture, asked.schedMaxPast]
    if (wanted === null) return { error: 'OFPBRC_MULTIPART_BAD_SCHED', reason: 'no tolerance to be set' }
    if (wanted.some((time) => time.nanoseconds >= BILLION || toMillis(time) > MAX_TOLERANCE)) {
      return { error: 'OFPBRC_MULTIPART_BAD_SCHED', reason: `a tolerance is at most ${MAX_TOLERANCE / 1000} seconds` }
    }
    const [future, past] = wanted.map(toMillis)
    tolerance.future = future ?? 0
    tolerance.past = past ?? 0
  }
  return {
    schedAccuracy: toTime(ACCURACY), schedMaxFuture: toTime(tolerance.future), schedMaxPast: toTime(tolerance.past), timestamp: toTime(sinceEpoch(ctx, ctx.now)),
  }
}

/** When to commit, by the clock of step(); or why not. `opened`: the flags it was opened with. */
export function scheduledFor(ctx: Context, flags: number, time: SwitchTime | null): Millis | { readonly error: ErrorName; readonly reason: string } | null {
  if ((flags & BundleFlag.TIME) === 0) return time === null ? null : { error: 'OFPBFC_BAD_FLAGS', reason: 'a time without OFPBF_TIME' }
  if (time === null) return { error: 'OFPBFC_BAD_FLAGS', reason: 'OFPBF_TIME without a time' }
  if (time.nanoseconds >= BILLION) return { error: 'OFPBPC_BAD_VALUE', reason: `${time.nanoseconds} nanoseconds are more than a second` }
  const due = toMillis(time) - sinceEpoch(ctx, 0)
  const { future, past } = ctx.tolerance
  if (due > ctx.now + future) return { error: 'OFPBFC_SCHED_FUTURE', reason: `the time is more than ${future} ms away` }
  if (due < ctx.now - past) return { error: 'OFPBFC_SCHED_PAST', reason: `the time is more than ${past} ms ago` }
  return due
}
