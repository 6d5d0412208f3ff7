/**
 * The group table: groups by id and which groups refer to which. OF 1.3.5 §5.6, §6.5.
 * Checks of group-mods are in group-mod.ts.
 */
import type { Bucket, GroupType } from '../openflow/index.js'
import type { GroupRecord } from './pipeline.js'
import type { GroupEntry } from './state.js'

/** Groups that the buckets of a group output to, each once. Watching a group is not referring to it. */
export function groupsInBuckets(buckets: readonly Bucket[]): readonly number[] {
  const found = new Set<number>()
  for (const bucket of buckets) {
    for (const action of bucket.actions) if (action.type === 'group') found.add(action.groupId)
  }
  return [...found]
}

export class GroupTable {
  readonly #groups = new Map<number, GroupEntry>()

  get(groupId: number): GroupEntry | undefined { return this.#groups.get(groupId) }
  all(): IterableIterator<GroupEntry> { return this.#groups.values() }
  clear(): void { this.#groups.clear() }
  insert(group: GroupEntry): void { this.#groups.set(group.groupId, group) }
  /** Unless another has its place by now. */
  remove(group: GroupEntry): void { if (this.#groups.get(group.groupId) === group) this.#groups.delete(group.groupId) }

  countOf(type: GroupType): number {
    let count = 0
    for (const group of this.#groups.values()) if (group.record.groupType === type && !group.deleting) count++
    return count
  }

  /** Groups that output to this one, counting both sides of a modification in flight. */
  referringTo(groupId: number): GroupEntry[] {
    const found: GroupEntry[] = []
    for (const group of this.#groups.values()) {
      const records = group.previous === null ? [group.record] : [group.record, group.previous]
      if (records.some((record) => groupsInBuckets(record.buckets).includes(groupId))) found.push(group)
    }
    return found
  }

  /** Whether a group with these buckets under this id would lead back to itself. */
  wouldLoop(groupId: number, buckets: readonly Bucket[]): boolean {
    const seen = new Set<number>()
    const pending = [...groupsInBuckets(buckets)]
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      if (id === groupId) return true
      if (seen.has(id)) continue
      seen.add(id)
      const group = this.#groups.get(id)
      if (group !== undefined) pending.push(...groupsInBuckets(group.record.buckets))
    }
    return false
  }

  /** The given groups so that each comes after all the groups it outputs to. */
  dependenciesFirst(records: readonly GroupRecord[]): GroupRecord[] {
    const wanted = new Map(records.map((record) => [record.groupId, record]))
    const ordered: GroupRecord[] = []
    const visit = (record: GroupRecord): void => {
      if (!wanted.delete(record.groupId)) return
      for (const id of groupsInBuckets(record.buckets)) {
        const next = wanted.get(id)
        if (next !== undefined) visit(next)
      }
      ordered.push(record)
    }
    for (const record of records) visit(record)
    return ordered
  }
}
