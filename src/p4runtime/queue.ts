/**
 * The one ordered queue of a target. Updates are coalesced into Writes of up to `maxUpdates`; a Write leaves when it is
 * full or after a turn of the event loop. While it is in flight, the next one gathers.
 *
 * Order: PI carries out the updates of a Write one by one (P4RT 1.4 §12.1 would let a target reorder them), but two Writes in
 * flight are two threads of a gRPC server and may overtake each other, and later entries refer to earlier ones. So a Write
 * waits for the answers of all before it, except where both consist of new entries that carry a flow's number: nothing
 * refers to those, what they refer to was answered for before, and two of them are never the same entry. Of such Writes
 * up to `maxInFlight` are under way, so that the target need not wait for us to look at an answer.
 *
 * Why 100: with several in flight BMv2 takes no more entries a second in larger ones, and what is behind waits less. Why not
 * more than 200 ever: the statuses of a failed Write travel in one HTTP/2 trailer, about 130 bytes each. Node gives up on
 * trailers of more than 64 KB without a word, and the call then hangs until its deadline.
 *
 * Reads wait for the writes before them and hold up the writes after them; neighbouring reads run together. Those that need
 * not hold them up (a whole table, which takes a slow target seconds) run beside all that comes after them.
 */
import { p4 } from '../p4proto/generated.js'
import { RpcError } from '../p4proto/service.js'
import { codeName, codes } from '../p4proto/codes.js'
import type { Update } from './encode.js'
import type { Occupancy } from './occupancy.js'
import type { UpdateFailure } from './southbound.js'

export interface QueueOptions {
  readonly maxUpdates: number
  /** Writes of independent updates at a time. */
  readonly maxInFlight: number
  /** Of entry metadata in one Write, so that a message stays within what a server accepts by default (4 MB). */
  readonly maxBytes: number
  readonly maxReads: number
}
export const defaultQueueOptions: QueueOptions = { maxUpdates: 100, maxInFlight: 4, maxBytes: 1_000_000, maxReads: 8 }

/** Where the queue's work goes. Each rejects with RpcError only. */
export interface QueueTarget {
  writeEncoded(updates: readonly Update[], atomic: boolean): Promise<void>
}
/** An update and its place in the request that it is a part of. */
export interface QueuedUpdate { readonly index: number; readonly update: Update }

type Settled = (failures: readonly UpdateFailure[]) => void
interface WriteRequest {
  /** Made when there is one. */
  failures: UpdateFailure[] | null
  open: number
  readonly settled: Settled
  /** The request is a Write of its own, however large. */
  readonly atomic: boolean
}
interface WriteItem { readonly kind: 'write'; readonly request: WriteRequest; readonly index: number; readonly update: Update }
interface ReadItem { readonly kind: 'read'; /** What comes after it waits for it. */ readonly holdsUp: boolean; readonly run: () => Promise<void>; readonly cancel: () => void }

interface Batch { readonly items: readonly (WriteItem | ReadItem)[]; readonly independent: boolean }

export interface QueueStatistics { writes: number; updates: number; failures: number; reads: number }

export class OperationQueue {
  readonly #target: QueueTarget
  readonly #occupancy: Occupancy
  readonly #options: QueueOptions
  /** Called when the outcome of a Write is not known: what the target holds must be established anew. */
  readonly #onUncertain: (reason: string) => void
  readonly statistics: QueueStatistics = { writes: 0, updates: 0, failures: 0, reads: 0 }
  #items: (WriteItem | ReadItem)[] = []
  #head = 0
  /** Several Writes only where all of them are independent. */
  readonly #inFlight = new Set<Batch>()
  /** Reads under way that hold nothing up, and those whose turn it is but for the number of these. */
  readonly #beside = new Set<ReadItem>()
  #ripe: ReadItem[] = []
  #scheduled: NodeJS.Immediate | null = null
  #closed = false

  constructor(target: QueueTarget, occupancy: Occupancy, onUncertain: (reason: string) => void, options: Partial<QueueOptions> = {}) {
    this.#target = target
    this.#occupancy = occupancy
    this.#onUncertain = onUncertain
    this.#options = { ...defaultQueueOptions, ...options }
  }

  /** Operations that are neither done nor failed. */
  get length(): number {
    return [...this.#inFlight].reduce((sum, { items }) => sum + items.length, this.#items.length - this.#head + this.#beside.size + this.#ripe.length)
  }

  /** Resolves when every update has its answer; `refused` are failures known beforehand. */
  write(updates: readonly QueuedUpdate[], refused: readonly UpdateFailure[] = [], atomic = false): Promise<readonly UpdateFailure[]> {
    return new Promise((resolve) => this.submit(updates, refused, atomic, resolve))
  }

  /** As write(), without a promise: `settled` is called once, from within another call or in a later turn; it must not throw. */
  submit(updates: readonly QueuedUpdate[], refused: readonly UpdateFailure[], atomic: boolean, settled: Settled): void {
    if (this.#closed) return settled([...refused, ...updates.map(({ index }) => lost(index, 'the session has ended'))])
    if (updates.length === 0 || atomic && refused.length > 0) return settled(refused)
    const request: WriteRequest = { failures: refused.length === 0 ? null : [...refused], open: updates.length, settled, atomic }
    for (const { index, update } of updates) this.#items.push({ kind: 'write', request, index, update })
    this.#wake()
  }

  /**
   * Runs `read` in its turn; null when the session ends before that. Rejects as `read` does. Where it does not hold up what
   * is written after it, it may see that or not.
   */
  read<T>(read: () => Promise<T>, holdsUp = true): Promise<T | null> {
    if (this.#closed) return Promise.resolve(null)
    return new Promise((resolve, reject) => {
      const cancel = (): void => resolve(null)
      this.#items.push({ kind: 'read', holdsUp, run: () => read().then(resolve, reject), cancel })
      this.#wake()
    })
  }

  /** Fails everything that has no answer yet. */
  close(reason: string): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#scheduled !== null) clearImmediate(this.#scheduled)
    const open = [...[...this.#inFlight].flatMap(({ items }) => items), ...this.#beside, ...this.#ripe, ...this.#items.slice(this.#head)]
    this.#beside.clear()
    this.#ripe = []
    this.#items = []
    this.#head = 0
    this.#inFlight.clear()
    for (const item of open) {
      if (item.kind === 'read') item.cancel()
      else this.#settle(item, lost(item.index, reason))
    }
  }

  #wake(): void {
    const full = this.#items.length - this.#head >= this.#options.maxUpdates
    if (full) this.#dispatch()
    else if (this.#inFlight.size === 0) this.#scheduled ??= setImmediate(() => this.#dispatch())
  }

  #dispatch(): void {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled)
    this.#scheduled = null
    while (!this.#closed && this.#inFlight.size < this.#options.maxInFlight) {
      const first = this.#items[this.#head]
      const waits = this.#inFlight.size > 0
      if (first === undefined) return
      if (first.kind === 'read') {
        if (waits) return
        if (first.holdsUp) return this.#sendReads()
        this.#head++
        this.#compact()
        this.#ripe.push(first)
        this.#readBeside()
        continue
      }
      if (!waits) {
        this.#sendWrite(isIndependent(first))
        continue
      }
      const full = this.#items.length - this.#head >= this.#options.maxUpdates
      if (!full || !isIndependent(first) || ![...this.#inFlight].every(({ independent }) => independent)) return
      this.#sendWrite(true)
    }
  }

  /** Of `independent` updates alone, or of whatever comes next. */
  #sendWrite(independent: boolean): void {
    const items: WriteItem[] = []
    let bytes = 0
    let alone: WriteRequest | null = null
    while (alone !== null || items.length < this.#options.maxUpdates && bytes < this.#options.maxBytes) {
      const item = this.#items[this.#head]
      if (item?.kind !== 'write' || alone !== null && item.request !== alone || independent && !isIndependent(item)) break
      if (item.request.atomic && alone === null) {
        if (items.length > 0) break
        alone = item.request
      }
      items.push(item)
      bytes += item.update.metadataBytes
      this.#head++
    }
    const batch = { items, independent }
    this.#inFlight.add(batch)
    this.#compact()
    this.statistics.writes++
    this.statistics.updates += items.length
    this.#target.writeEncoded(items.map(({ update }) => update), alone !== null).then(
      () => this.#answer(batch, items, null),
      (error: unknown) => this.#answer(batch, items, error instanceof RpcError ? error : new RpcError(codes.internal, String(error))))
  }

  #sendReads(): void {
    const items: ReadItem[] = []
    while (items.length < this.#options.maxReads) {
      const item = this.#items[this.#head]
      if (item?.kind !== 'read' || !item.holdsUp) break
      items.push(item)
      this.#head++
    }
    const batch = { items, independent: false }
    this.#inFlight.add(batch)
    this.#compact()
    this.statistics.reads += items.length
    void Promise.all(items.map(({ run }) => run())).then(() => {
      if (this.#inFlight.delete(batch)) this.#dispatch()
    })
  }

  #readBeside(): void {
    while (this.#beside.size < this.#options.maxReads) {
      const item = this.#ripe.shift()
      if (item === undefined) return
      this.#beside.add(item)
      this.statistics.reads++
      void item.run().then(() => {
        if (this.#beside.delete(item)) this.#readBeside()
      })
    }
  }

  #answer(batch: Batch, items: readonly WriteItem[], error: RpcError | null): void {
    if (!this.#inFlight.has(batch)) return
    const statuses = error === null ? null : statusesOf(error, items.length, items[0]?.request.atomic === true)
    if (error !== null && statuses === null) {
      // Which of the updates are in the target is not known. close() fails them all, and the session starts over.
      this.#onUncertain(`a Write of ${items.length} updates failed as a whole: ${codeName(error.code)}: ${error.message}`)
      this.close(error.message)
      return
    }
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as WriteItem
      const status = statuses?.[i]
      if (status === undefined || status.code === codes.ok) {
        this.#occupancy.record(item.update)
        this.#settle(item, null)
      } else {
        this.#settle(item, this.#failure(item, status))
      }
    }
    // What has gathered meanwhile leaves at once.
    this.#inFlight.delete(batch)
    this.#dispatch()
  }

  #failure(item: WriteItem, status: { readonly code: number; readonly message: string }): UpdateFailure {
    const { code } = status
    const insert = item.update.type === p4.v1.Update.Type.INSERT
    const kind: UpdateFailure['kind'] = code === codes.alreadyExists ? 'target.exists'
      : code === codes.notFound ? 'target.missing'
      : code === codes.resourceExhausted || (code === codes.unknown && insert && this.#occupancy.isFull(item.update)) ? 'target.full'
      : 'target.rejected'
    return { index: item.index, code, message: status.message || codeName(code), kind }
  }

  #settle({ request }: WriteItem, failure: UpdateFailure | null): void {
    if (failure !== null) {
      (request.failures ??= []).push(failure)
      this.statistics.failures++
    }
    if (--request.open === 0) request.settled(request.failures?.sort((a, b) => a.index - b.index) ?? NOTHING_FAILED)
  }

  /** Drops the part of the list that has been sent, now and then, so that taking an item costs nothing. */
  #compact(): void {
    if (this.#head === this.#items.length) this.#items = []
    else if (this.#head > 10_000) this.#items = this.#items.slice(this.#head)
    else return
    this.#head = 0
  }
}

const NOTHING_FAILED: readonly UpdateFailure[] = []

/** A new entry that carries a flow's number. */
const isIndependent = ({ update, request }: WriteItem): boolean => update.isNewFlow && !request.atomic

const lost = (index: number, reason: string): UpdateFailure => ({ index, code: codes.unavailable, message: reason, kind: 'target.lost' })

/** Codes with which a server refuses a request before it has looked at a single update. */
const refusedBeforehand = new Set<number>([codes.invalidArgument, codes.unimplemented, codes.outOfRange])

/** The status of each update, or null where the answer does not say. */
function statusesOf(error: RpcError, count: number, atomic: boolean): RpcError['updateStatuses'] | null {
  if (error.updateStatuses.length === count) return error.updateStatuses
  if (refusedBeforehand.has(error.code) || ((count === 1 || atomic) && !sessionLost.has(error.code))) {
    return Array.from({ length: count }, () => ({ code: error.code, message: error.message }))
  }
  return null
}

/** Codes that speak of the session as a whole: not primary any more, no pipeline, no connection. */
const sessionLost = new Set<number>([
  codes.permissionDenied, codes.failedPrecondition, codes.unavailable, codes.cancelled, codes.deadlineExceeded, codes.internal,
])
