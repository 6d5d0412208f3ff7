/** Statistics and configuration of meters. OF 1.3.5 §7.3.5.12, §7.3.5.13 */
import { Meter, MeterFlag } from '../openflow/index.js'
import type { MeterStats, StatsReplyBody } from '../openflow/index.js'
import { noteMeterCounters } from './meter-table.js'
import type { Counters } from './pipeline.js'
import { durationOf } from './removal.js'
import { DONE, fail } from './state.js'
import type { Context, MeterEntry, Outcome, Requester } from './state.js'

/** The value of a counter that the pipeline does not have. OF 1.3.5 §5.8 */
const UNKNOWN = 0xffff_ffff_ffff_ffffn

/** Those without a removal under way; null where a particular one does not exist. */
export function selectMeters(ctx: Context, meterId: number): readonly MeterEntry[] | null {
  const live = [...ctx.meters.all()].filter((meter) => !meter.deleting)
  if (meterId === Meter.ALL) return live
  const one = live.filter((meter) => meter.meterId === meterId)
  return one.length === 0 ? null : one
}
/** As Open vSwitch; the text has no word for it. */
export const unknownMeter = (meterId: number): Outcome => fail('OFPMMFC_UNKNOWN_METER', `no meter ${meterId}`)

export function meterStats(ctx: Context, meterId: number, requester: Requester, reply: (body: StatsReplyBody) => Outcome): Outcome {
  const selected = selectMeters(ctx, meterId)
  if (selected === null) return unknownMeter(meterId)
  if (selected.length === 0) return reply({ kind: 'meter', meters: [] })
  const meters = selected.map(({ record }) => record)
  ctx.reads.start(ctx, requester, (token) => ({ kind: 'read_meter_counters', token, meters }), (_, answer) => {
    const alive = selected.filter((meter) => !meter.deleting && ctx.meters.get(meter.meterId) === meter)
    for (const meter of alive) {
      const read = answer?.what === 'meters' ? answer.meters.get(meter.meterId) : undefined
      // What was read of bands that have been replaced since says nothing of the new ones.
      if (read !== undefined && meters.includes(meter.record)) noteMeterCounters(meter, read)
    }
    reply({ kind: 'meter', meters: alive.map((meter) => statsOf(ctx, meter)) })
  })
  return DONE
}

function statsOf(ctx: Context, { meterId, last, createdAt }: MeterEntry): MeterStats {
  let flowCount = 0
  for (const flow of ctx.flows.metered(meterId)) if (!flow.deleting) flowCount++
  const counts = (ctx.pipeline.features.meters.capabilities & MeterFlag.STATS) !== 0
  const shown = ({ packets, bytes }: Counters) => ({ packetCount: counts ? packets : UNKNOWN, byteCount: counts ? bytes : UNKNOWN })
  const { packetCount: packetInCount, byteCount: byteInCount } = shown(last.total)
  return { meterId, flowCount, packetInCount, byteInCount, ...durationOf(createdAt, ctx.now), bands: last.bands.map(shown) }
}
