/**
 * The rows by which a group with a choice picks its bucket: ranges of a hash for SELECT, live ports for FAST_FAILOVER. Pure: a
 * list of what the rows must be.
 */
import type { Bucket, GroupType } from '../openflow/model.js'
import type { ChoiceTable } from './contract.js'
import type { NamedMatch } from './ir.js'
import { conditionOf, isBucketLive } from './liveness.js'
import type { SharedState } from './shared-state.js'

/** `rank`: of rows that match, the one with the higher rank decides. */
export interface Row { readonly bucket: number; readonly by: NamedMatch; readonly rank: number }

export function rowsOf(state: SharedState, type: GroupType, buckets: readonly Bucket[], table: ChoiceTable, targetPort: (portNo: number) => number | null): readonly Row[] {
  return type === 'select' ? ranges(state, buckets, table) : failover(state, buckets, table, targetPort)
}

/** Each live bucket gets a share of the hash in proportion to its weight; without a live bucket the packet is dropped. */
function ranges(state: SharedState, buckets: readonly Bucket[], table: ChoiceTable): readonly Row[] {
  const live = buckets.flatMap((bucket, index) => (bucket.weight > 0 && isBucketLive(state, bucket) ? [{ index, weight: bucket.weight }] : []))
  const total = live.reduce((sum, { weight }) => sum + weight, 0)
  const span = 2 ** table.byWidth
  const rows: Row[] = []
  let before = 0
  for (const { index, weight } of live) {
    const low = Math.round(before / total * span)
    before += weight
    const high = Math.round(before / total * span) - 1
    if (high >= low) rows.push({ bucket: index, by: { field: table.by, kind: 'range', low: BigInt(low), high: BigInt(high) }, rank: 0 })
  }
  return rows
}

/** The first live bucket decides; a bucket that watches a group is live through any port of that group. */
function failover(state: SharedState, buckets: readonly Bucket[], table: ChoiceTable, targetPort: (portNo: number) => number | null): readonly Row[] {
  return buckets.flatMap((bucket, index): Row[] => {
    const condition = conditionOf(state, bucket)
    const rank = buckets.length - index
    if (condition === 'always') return [{ bucket: index, by: { field: table.by, kind: 'ternary', value: 0n, mask: 0n }, rank }]
    return [...condition].flatMap((portNo) => {
      const port = targetPort(portNo)
      if (port === null) return []
      const bit = 1n << BigInt(port)
      return [{ bucket: index, by: { field: table.by, kind: 'ternary' as const, value: bit, mask: bit }, rank }]
    })
  })
}
