/**
 * OFPT_METER_MOD. OF 1.3.5 §5.7, §6.6, §7.3.4.4; where the text names no code, Open vSwitch's.
 *
 * A modification goes on with the meter's duration and with what has come to it; its bands are new and count from zero. The
 * flows that use a deleted meter go with it. Of the virtual meters CONTROLLER measures packet-ins, where the pipeline can do that,
 * and to SLOWPATH comes nothing, because no packet takes a slow path.
 */
import { Meter, MeterFlag } from '../openflow/index.js'
import type { MeterMod } from '../openflow/index.js'
import { noMeterCounters } from './meter-table.js'
import type { Change, MeterRecord } from './pipeline.js'
import { sinceEpoch } from './recovery.js'
import { removal } from './removal.js'
import { forwardRequest } from './request-forward.js'
import { DONE, fail, lastToken, waitFor } from './state.js'
import type { Context, MeterEntry, Outcome, Requester } from './state.js'

/** ofp_meter_band_type as bits of ofp_meter_features.band_types. OF 1.3.5 §7.3.5.14 */
const bandTypeBit = { drop: 1 << 1, dscp_remark: 1 << 2, experimenter: 0 } as const

export function handleMeterMod(ctx: Context, meterMod: MeterMod, requester: Requester): Outcome {
  switch (meterMod.command) {
    case 'add': return add(ctx, meterMod, requester)
    case 'modify': return modify(ctx, meterMod, requester)
    case 'delete': return remove(ctx, meterMod, requester)
  }
}

function add(ctx: Context, meterMod: MeterMod, requester: Requester): Outcome {
  const { meterId } = meterMod
  const existing = ctx.meters.get(meterId)
  if (existing !== undefined && existing.token !== 0) return waitFor(existing.token)
  const problem = checkMeter(ctx, meterMod)
  if (problem !== null) return problem
  if (existing !== undefined) return fail('OFPMMFC_METER_EXISTS', `meter ${meterId} exists`)
  if (ctx.meters.count >= ctx.pipeline.features.meters.maxMeter) return fail('OFPMMFC_OUT_OF_METERS', `there are ${ctx.meters.count} meters already`)
  const counters = noMeterCounters(meterMod.bands.length)
  const meter: MeterEntry = { meterId, record: recordOf(meterMod, sinceEpoch(ctx, ctx.now)), deleting: false, createdAt: ctx.now, token: 0, base: counters, last: counters }
  return ctx.ops.submit(ctx, {
    changes: [{ op: 'add_meter', meter: meter.record }],
    touches: [meter],
    family: 'meter',
    apply: () => { ctx.meters.insert(meter) },
    settled: () => { forwardRequest(ctx, meterMod, requester) },
    undo: () => { ctx.meters.remove(meter) },
  }, requester)
}

function modify(ctx: Context, meterMod: MeterMod, requester: Requester): Outcome {
  const meter = ctx.meters.get(meterMod.meterId)
  if (meter !== undefined && meter.token !== 0) return waitFor(meter.token)
  const problem = checkMeter(ctx, meterMod)
  if (problem !== null) return problem
  if (meter === undefined) return fail('OFPMMFC_UNKNOWN_METER', `no meter ${meterMod.meterId}`)
  const { record: previous, base, last } = meter
  const record = recordOf(meterMod, sinceEpoch(ctx, meter.createdAt))
  const { bands } = noMeterCounters(record.bands.length)
  return ctx.ops.submit(ctx, {
    changes: [{ op: 'modify_meter', meter: record, previous }],
    touches: [meter],
    family: 'meter',
    apply: () => { Object.assign(meter, { record, base: { total: base.total, bands }, last: { total: last.total, bands } }) },
    settled: () => { forwardRequest(ctx, meterMod, requester) },
    undo: () => { Object.assign(meter, { record: previous, base, last }) },
  }, requester)
}

/** Deleting a meter that does not exist is no error. OF 1.3.5 §6.6 */
function remove(ctx: Context, meterMod: MeterMod, requester: Requester): Outcome {
  const { meterId } = meterMod
  const one = ctx.meters.get(meterId)
  const meters = meterId === Meter.ALL ? [...ctx.meters.all()] : one === undefined ? [] : [one]
  const flows = meters.flatMap((meter) => [...ctx.flows.metered(meter.meterId)])
  const locked = lastToken([...meters, ...flows])
  if (locked !== 0) return waitFor(locked)
  if (meters.length === 0) return DONE
  const ofFlows = removal(ctx, flows.map((flow) => ({ flow, reason: 'meter_delete' })), 'meter')
  const setDeleting = (deleting: boolean): void => { for (const meter of meters) meter.deleting = deleting }
  return ctx.ops.submit(ctx, {
    changes: [...ofFlows.changes, ...meters.map(({ record }): Change => ({ op: 'delete_meter', meter: record }))],
    touches: [...flows, ...meters],
    family: 'meter',
    apply: () => {
      ofFlows.apply()
      setDeleting(true)
    },
    settled: (counters, earlier, groups) => {
      ofFlows.settled(counters, earlier, groups)
      for (const meter of meters) ctx.meters.remove(meter)
      forwardRequest(ctx, meterMod, requester)
    },
    undo: () => {
      setDeleting(false)
      ofFlows.undo()
    },
  }, requester)
}

const recordOf = ({ meterId, flags, bands }: MeterMod, createdAt: number): MeterRecord => ({ meterId, flags, bands, createdAt })

/** What an addition and a modification have in common. The unit is kb/s unless PKTPS is set, OF 1.3.5 §7.3.4.4; both at once say nothing. */
function checkMeter(ctx: Context, { meterId, flags, bands }: MeterMod): Outcome | null {
  const { maxMeter, maxBands, bandTypes, capabilities } = ctx.pipeline.features.meters
  const { controllerMeter } = ctx.pipeline.features
  const exists = meterId > 0 && meterId <= Meter.MAX || meterId === Meter.SLOWPATH || meterId === Meter.CONTROLLER && controllerMeter
  if (!exists) return fail('OFPMMFC_INVALID_METER', `no meter id ${meterId}`)
  if (maxMeter === 0) return null
  const both = MeterFlag.KBPS | MeterFlag.PKTPS
  if ((flags & both) === both) return fail('OFPMMFC_BAD_FLAGS', 'a rate is in kilobits or in packets')
  const needed = (flags & both) === 0 ? flags | MeterFlag.KBPS : flags
  if ((needed & ~capabilities) !== 0) return fail('OFPMMFC_BAD_FLAGS', `no meter flags 0x${(needed & ~capabilities).toString(16)}`)
  if (bands.length > maxBands) return fail('OFPMMFC_OUT_OF_BANDS', `a meter has at most ${maxBands} bands`)
  const unsupported = bands.find(({ type }) => (bandTypes & bandTypeBit[type]) === 0)
  return unsupported === undefined ? null : fail('OFPMMFC_BAD_BAND', `no bands of type ${unsupported.type}`)
}
