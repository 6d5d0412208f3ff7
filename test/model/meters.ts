/**
 * Meters whose bands time does not matter for: a rate of 0, which every packet exceeds, or one that none does. Of the bands
 * that are exceeded the one with the highest rate applies. OF 1.3.5 §5.7
 */
import { MeterFlag, type MeterBand, type Message } from '../../src/openflow/index.js'
import type { Random } from '../e2e/differential/random.js'
import type { ModelFlow } from './switch.js'

export interface ModelMeter { readonly meterId: number; readonly flags: number; readonly bands: readonly MeterBand[] }

/** Of equal rates the first in the list applies (docs/adr/0017). -1: none. */
export const appliedBand = ({ bands }: ModelMeter): number => bands.findIndex(({ rate }) => rate === 0)

/** Assured forwarding is three bits of class 1 to 4, two of drop precedence 1 to 3, and a zero. RFC 2597 §6 */
export function raisedPrecedence(dscp: bigint, level: number): bigint {
  const [, group = 0, precedence = 0] = /^(\d)(\d)$/.exec(assured[Number(dscp)] ?? '')?.map(Number) ?? []
  if (group === 0) return dscp
  return BigInt(Object.keys(assured).find((each) => assured[Number(each)] === `${group}${Math.min(3, precedence + level)}`) ?? dscp)
}
/** AF11 … AF43 by code point. */
const assured: Readonly<Record<number, string>> = {
  10: '11', 12: '12', 14: '13', 18: '21', 20: '22', 22: '23', 26: '31', 28: '32', 30: '33', 34: '41', 36: '42', 38: '43',
}

export const meterMessage = ({ meterId, flags, bands }: ModelMeter): Message => ({ type: 'meter_mod', command: 'add', flags, meterId, bands })

const NEVER = 0xffff_ffff

/** Every other case has meters; then some flows go through one. */
export function withMeters(random: Random, flows: readonly ModelFlow[]): { readonly meters: readonly ModelMeter[]; readonly flows: readonly ModelFlow[] } {
  if (random.chance(0.5)) return { meters: [], flows }
  const meters = Array.from({ length: random.int(1, 3) }, (_, index): ModelMeter => ({
    meterId: 1 + index * random.int(1, 1000), flags: random.pick([MeterFlag.KBPS, MeterFlag.PKTPS, MeterFlag.PKTPS | MeterFlag.STATS]),
    bands: Array.from({ length: random.int(0, 8) }, (): MeterBand => random.chance(0.3)
      ? { type: 'drop', rate: random.chance(0.3) ? 0 : NEVER, burstSize: 0, precLevel: 0 }
      : { type: 'dscp_remark', rate: random.pick([0, NEVER]), burstSize: 0, precLevel: random.int(0, 3) }),
  })).filter((meter, index, all) => all.findIndex(({ meterId }) => meterId === meter.meterId) === index)
  return { meters, flows: flows.map((flow) => (flow.saidIn !== 1 && random.chance(0.4) ? through(random, flow, random.pick(meters).meterId) : flow)) }
}

/** An instruction in 1.3, an action in 1.5, there behind what neither a band looks at nor changes the packet's size. OF 1.5.1 §7.2.6.13 */
function through(random: Random, flow: ModelFlow, meterId: number): ModelFlow {
  const { instructions } = flow
  if (flow.saidIn !== 6) return { ...flow, instructions: { ...instructions, meter: meterId } }
  const list = instructions.apply ?? []
  const end = list.findIndex((action) => action.type !== 'set_queue' && (action.type !== 'set_field' || action.field === 'eth_type' || action.field === 'ip_dscp'))
  const place = random.int(0, end < 0 ? list.length : end)
  return { ...flow, instructions: { ...instructions, apply: [...list.slice(0, place), { type: 'meter', meterId }, ...list.slice(place)] } }
}
