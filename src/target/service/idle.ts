/** Finds entries that no packet has hit for their idle timeout. After a report the period starts anew. P4RT 1.4 §9.1.8, §16.5 */
import type { p4 } from '../../p4proto/generated.js'
import type { BoundPipeline } from './bind.js'
import { encodeKey } from './tables.js'

export const sweepIdle = (pipeline: BoundPipeline, now: number): p4.v1.ITableEntry[] => {
  const expired: p4.v1.ITableEntry[] = []
  for (const bound of pipeline.tables.values()) {
    for (const entry of bound.table.timed) {
      if (now - Math.max(entry.lastHit, entry.notified) < entry.timeout) continue
      entry.notified = now
      expired.push(encodeKey(bound, entry))
    }
  }
  return expired
}
