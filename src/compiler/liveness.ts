/**
 * Which buckets are live, and on which ports that depends. OF 1.3.5 §5.6.1, §7.3.4.2 (watch_port, watch_group)
 */
import { Group, Port, PortConfig, type Bucket } from '../openflow/model.js'
import type { PortRecord } from '../datapath/pipeline.js'
import type { SharedState } from './shared-state.js'

/** A port is live when its link is up and it is not administratively down. */
export const isLive = ({ config, linkUp }: PortRecord): boolean => linkUp && (config & PortConfig.DOWN) === 0

/** The OpenFlow ports one of which must be live; 'always' for a bucket that watches nothing. */
export type Condition = 'always' | ReadonlySet<number>

export function conditionOf(state: SharedState, bucket: Bucket, path: readonly number[] = []): Condition {
  if (bucket.watchPort === Port.ANY && bucket.watchGroup === Group.ANY) return 'always'
  const ports = new Set<number>()
  if (bucket.watchPort !== Port.ANY) ports.add(bucket.watchPort)
  const watched = bucket.watchGroup === Group.ANY || path.includes(bucket.watchGroup) ? undefined : state.groups.get(bucket.watchGroup)
  for (const inner of watched?.record.buckets ?? []) {
    const condition = conditionOf(state, inner, [...path, bucket.watchGroup])
    if (condition === 'always') return 'always'
    for (const port of condition) ports.add(port)
  }
  return ports
}

export function isBucketLive(state: SharedState, bucket: Bucket): boolean {
  const condition = conditionOf(state, bucket)
  return condition === 'always' || state.ports.some((port) => condition.has(port.portNo) && isLive(port))
}
