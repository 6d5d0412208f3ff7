/** Buckets put into a group and taken out of it, by their ids. OF 1.5.1 §6.7, §7.3.4.3; errors as Open vSwitch's. */
import { BucketId } from '../openflow/index.js'
import type { Bucket, ErrorName } from '../openflow/index.js'

export type Changed = { readonly buckets: readonly Bucket[] } | { readonly error: ErrorName; readonly reason: string }

/** At the front, at the end, or behind the bucket `place`. */
export function insertBuckets(present: readonly Bucket[], added: readonly Bucket[], place: number): Changed {
  if (place === BucketId.FIRST) return { buckets: [...added, ...present] }
  if (place === BucketId.LAST) return { buckets: [...present, ...added] }
  if (place > BucketId.MAX) return { error: 'OFPGMFC_BAD_BUCKET', reason: `no place ${place}` }
  const index = present.findIndex(({ bucketId }) => bucketId === place)
  if (index < 0) return { error: 'OFPGMFC_UNKNOWN_BUCKET', reason: `no bucket ${place}` }
  return { buckets: [...present.slice(0, index + 1), ...added, ...present.slice(index + 1)] }
}

export function removeBuckets(present: readonly Bucket[], which: number): Changed {
  if (which === BucketId.ALL) return { buckets: [] }
  if (which === BucketId.FIRST) return { buckets: present.slice(1) }
  if (which === BucketId.LAST) return { buckets: present.slice(0, -1) }
  if (which > BucketId.MAX) return { error: 'OFPGMFC_BAD_BUCKET', reason: `no bucket id ${which}` }
  const rest = present.filter(({ bucketId }) => bucketId !== which)
  return rest.length < present.length ? { buckets: rest } : { error: 'OFPGMFC_UNKNOWN_BUCKET', reason: `no bucket ${which}` }
}

/** An id that two buckets have. */
export function duplicateBucket(buckets: readonly Bucket[]): number | null {
  const seen = new Set<number>()
  for (const { bucketId } of buckets) {
    if (seen.has(bucketId)) return bucketId
    seen.add(bucketId)
  }
  return null
}
