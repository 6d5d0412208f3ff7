/**
 * What groups have counted. A change of a group keeps the count of the group and begins those of its buckets anew; the target goes
 * on counting in the same cells, so what they had counted then is taken off. OF 1.3.5 §5.8, §6.5
 */
import type { GroupType } from '../openflow/index.js'
import type { GroupCounters } from './events.js'
import type { Counters } from './pipeline.js'
import { NO_COUNTERS, addCounters } from './state.js'

export interface GroupCounts {
  /** To be added to what the cells say of the whole. */
  readonly base: Counters
  /** What the cells had counted when the buckets were new. */
  readonly zero: readonly Counters[]
  /** As last told. */
  readonly total: Counters
}

export const NO_GROUP_COUNTS: GroupCounts = { base: NO_COUNTERS, zero: [], total: NO_COUNTERS }

const minus = (a: Counters, b: Counters): Counters => ({ packets: a.packets - b.packets, bytes: a.bytes - b.bytes })
const notNegative = ({ packets, bytes }: Counters): Counters => ({ packets: packets < 0n ? 0n : packets, bytes: bytes < 0n ? 0n : bytes })

/** Every packet of an ALL group counts for its first bucket; of other groups it counts for exactly one. */
export const totalOf = (type: GroupType, cells: readonly Counters[]): Counters =>
  type === 'all' ? cells[0] ?? NO_COUNTERS : cells.reduce(addCounters, NO_COUNTERS)

/** After a change that found the cells at `cells`. */
export const afterChange = ({ base, total }: GroupCounts, before: GroupType, after: GroupType, cells: readonly Counters[]): GroupCounts =>
  ({ base: addCounters(base, minus(totalOf(before, cells), totalOf(after, cells))), zero: cells, total })

/** The target counts from zero. */
export const afterLoss = ({ total }: GroupCounts): GroupCounts => ({ base: total, zero: [], total })

export function told({ base, zero }: GroupCounts, read: GroupCounters): { readonly total: Counters; readonly buckets: readonly Counters[] } {
  return { total: notNegative(addCounters(base, read.total)), buckets: read.buckets.map((cell, index) => notNegative(minus(cell, zero[index] ?? NO_COUNTERS))) }
}
