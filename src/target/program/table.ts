/**
 * A match-action table at run time: its entries, the default entry, direct counters and meters, and the times of the last
 * hits. What an entry does is an action with arguments, or a member or group of an action profile.
 */
import type { ActionProfile, ActionHolder, Group, Member } from './action-profile.js'
import type { EntryKey } from './entry-key.js'
import type { ActionCall, ActionParam, TableDef } from './ir.js'
import { MatchTable } from './match-table.js'
import type { Meter } from './meter.js'
import { packArgs } from './action-code.js'

export type Target =
  | { readonly kind: 'action'; readonly call: ActionHolder }
  | { readonly kind: 'member'; readonly member: Member }
  | { readonly kind: 'group'; readonly group: Group }

const NOTHING: readonly number[] = []
/** Entries without metadata share this. */
export const NO_BYTES: Uint8Array = new Uint8Array(0)

/** Generated code reads `action`, `data`, `meter` and counts in `packets` and `bytes`. */
export class TableEntry {
  readonly key: EntryKey<TableEntry>
  readonly rank: number
  readonly slot: number
  action = -1
  data: readonly number[] = NOTHING
  member: Member | null = null
  group: Group | null = null
  packets = 0
  bytes = 0
  meter: Meter | null = null
  /** When a packet last hit the entry, in milliseconds; only kept where the table supports timeouts. */
  lastHit: number
  /** Milliseconds, and as it was written; 0: never times out. */
  timeout = 0
  timeoutNs = 0n
  /** When the idle period began anew although no packet came: at a report, or a change. */
  notified = 0
  controllerMetadata = 0n
  private packedMetadata = ''

  constructor(key: EntryKey<TableEntry>, rank: number, slot: number, now: number) {
    this.key = key
    this.rank = rank
    this.slot = slot
    this.lastHit = now
  }

  /** Kept as a string of a character for each byte: there may be a million, and a small array of bytes takes three times as much. */
  get metadata(): Uint8Array { return this.packedMetadata === '' ? NO_BYTES : new Uint8Array(Buffer.from(this.packedMetadata, 'latin1')) }
  set metadata(bytes: Uint8Array) {
    this.packedMetadata = bytes.length === 0 ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  }

  point(target: Target): void {
    this.action = target.kind === 'action' ? target.call.action : -1
    this.data = target.kind === 'action' ? target.call.data : NOTHING
    this.member = target.kind === 'member' ? target.member : null
    this.group = target.kind === 'group' ? target.group : null
  }
}

export class Table {
  readonly def: TableDef
  readonly profile: ActionProfile | null
  readonly entries: MatchTable<TableEntry>
  /** Entries with a timeout. */
  readonly timed = new Set<TableEntry>()
  /** The default action; null where the program gives none. */
  fallback: ActionHolder | null
  private readonly initialFallback: ActionHolder | null
  private readonly slots = new FreeSlots()

  constructor(def: TableDef, paramsOf: (action: number) => readonly ActionParam[], profile: ActionProfile | null, buildKey: (key: Int32Array) => void) {
    this.def = def
    this.profile = profile
    this.entries = new MatchTable(def.key, buildKey)
    const holder = ({ action, args }: ActionCall): ActionHolder => ({ action, data: packArgs(paramsOf(action), args) })
    this.initialFallback = this.fallback = def.defaultCall === null ? null : holder(def.defaultCall)
    for (const entry of def.constEntries ?? []) {
      const key = this.entries.keys.of(entry.match)
      this.add(key, this.rankOf(key, maxPriority - entry.priority), { kind: 'action', call: holder(entry.call) }, 0)
    }
  }

  /** The table lookup of generated code. */
  lookup(): TableEntry | null { return this.entries.lookup() }

  /** What an entry of an indirect table does: the member itself, or the one the group's hash picks. Null: nothing. */
  pick(entry: TableEntry): ActionHolder | null {
    if (entry.member !== null) return entry.member
    if (entry.group !== null && this.profile !== null) return this.profile.select(entry.group)
    return null
  }

  /** Rank of an entry in the lookup: priority, prefix length, or 0 for exact tables. */
  rankOf(key: EntryKey<TableEntry>, priority: number): number {
    return this.def.match === 'ternary' || this.def.match === 'range' ? priority : this.entries.keys.prefixLength(key)
  }

  add(key: EntryKey<TableEntry>, rank: number, target: Target, now: number): TableEntry {
    const entry = new TableEntry(key, rank, this.slots.take(), now)
    entry.point(target)
    this.entries.insert(entry)
    return entry
  }

  remove(entry: TableEntry): void {
    this.entries.remove(entry)
    this.timed.delete(entry)
    this.slots.give(entry.slot)
  }

  resetFallback(): void { this.fallback = this.initialFallback }
}

/** Entries are numbered from 0 up, the lowest free number first, as in BMv2: it decides between equal priorities. */
export const maxPriority = 0x7fffffff

class FreeSlots {
  private next = 0
  private readonly heap: number[] = []

  take(): number {
    const { heap } = this
    const least = heap[0]
    if (least === undefined) return this.next++
    const last = heap.pop() as number
    if (heap.length > 0) {
      let at = 0
      for (;;) {
        let child = at * 2 + 1
        if (child >= heap.length) break
        if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child++
        if ((heap[child] as number) >= last) break
        heap[at] = heap[child] as number
        at = child
      }
      heap[at] = last
    }
    return least
  }

  give(slot: number): void {
    const { heap } = this
    let at = heap.length
    heap.push(slot)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((heap[parent] as number) <= slot) break
      heap[at] = heap[parent] as number
      at = parent
    }
    heap[at] = slot
  }
}
