/**
 * The one ordered queue of a target. Updates are coalesced into Writes of up to `maxUpdates`; a Write leaves when it is
 * full or after a turn of the event loop, and one Write is in flight at a time. While it is, the next one gathers.
 *
 * Why one: PI carries out the updates of a Write one by one in their order (P4RT 1.4 §12.1 would let a target reorder them),
 * but two Writes in flight are two threads of a gRPC server and may overtake each other, and later entries refer to earlier
 * ones. Measured on BMv2 with 200 updates a Write: 150 k updates/s with one in flight, 177 k/s with two.
 *
 * Why 200: the statuses of a failed Write travel in one HTTP/2 trailer, about 130 bytes each. Node gives up on trailers of
 * more than 64 KB without a word, and the call then hangs until its deadline.
 *
 * Reads wait for the writes before them and hold up the writes after them; neighbouring reads run together.
 */
import { p4 } from '../p4proto/generated.js'
import { RpcError } from '../p4proto/service.js'
import { codeName, codes } from '../p4proto/codes.js'
import type { Occupancy } from './occupancy.js'
import type { UpdateFailure } from './southbound.js'

export interface QueueOptions {
  readonly maxUpdates: number
  /** Of entry metadata in one Write, so that a message stays within what a server accepts by default (4 MB). */
  readonly maxBytes: number
  readonly maxReads: number
}
export const defaultQueueOptions: QueueOptions = { maxUpdates: 200, maxBytes: 1_000_000, maxReads: 8 }

/** Where the queue's work goes. Each rejects with RpcError only. */
export interface QueueTarget {
  write(updates: p4.v1.IUpdate[], atomic: boolean): Promise<void>
}
/** An update and its place in the request that it is a part of. */
export interface QueuedUpdate { readonly index: number; readonly update: p4.v1.IUpdate }

interface WriteRequest {
  readonly failures: UpdateFailure[]
  open: number
  readonly resolve: (failures: readonly UpdateFailure[]) => void
  /** The request is a Write of its own, however large. */
  readonly atomic: boolean
}
interface WriteItem { readonly kind: 'write'; readonly request: WriteRequest; readonly index: number; readonly update: p4.v1.IUpdate }
interface ReadItem { readonly kind: 'read'; readonly run: () => Promise<void>; readonly cancel: () => void }

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
  #inFlight: readonly (WriteItem | ReadItem)[] = []
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
    return this.#items.length - this.#head + this.#inFlight.length
  }

  /** Resolves when every update has its answer; `refused` are failures known beforehand. */
  write(updates: readonly QueuedUpdate[], refused: readonly UpdateFailure[] = [], atomic = false): Promise<readonly UpdateFailure[]> {
    if (this.#closed) return Promise.resolve([...refused, ...updates.map(({ index }) => lost(index, 'the session has ended'))])
    if (updates.length === 0 || atomic && refused.length > 0) return Promise.resolve(refused)
    return new Promise((resolve) => {
      const request: WriteRequest = { failures: [...refused], open: updates.length, resolve, atomic }
      for (const { index, update } of updates) this.#items.push({ kind: 'write', request, index, update })
      this.#wake()
    })
  }

  /** Runs `read` in its turn; null when the session ends before that. Rejects as `read` does. */
  read<T>(read: () => Promise<T>): Promise<T | null> {
    if (this.#closed) return Promise.resolve(null)
    return new Promise((resolve, reject) => {
      const cancel = (): void => resolve(null)
      this.#items.push({ kind: 'read', run: () => read().then(resolve, reject), cancel })
      this.#wake()
    })
  }

  /** Fails everything that has no answer yet. */
  close(reason: string): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#scheduled !== null) clearImmediate(this.#scheduled)
    const open = [...this.#inFlight, ...this.#items.slice(this.#head)]
    this.#items = []
    this.#head = 0
    this.#inFlight = []
    for (const item of open) {
      if (item.kind === 'read') item.cancel()
      else this.#settle(item, lost(item.index, reason))
    }
  }

  #wake(): void {
    if (this.#inFlight.length > 0) return
    if (this.#items.length - this.#head >= this.#options.maxUpdates) this.#dispatch()
    else this.#scheduled ??= setImmediate(() => this.#dispatch())
  }

  #dispatch(): void {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled)
    this.#scheduled = null
    if (this.#closed || this.#inFlight.length > 0) return
    const first = this.#items[this.#head]
    if (first === undefined) return
    if (first.kind === 'write') this.#sendWrite()
    else this.#sendReads()
  }

  #sendWrite(): void {
    const batch: WriteItem[] = []
    let bytes = 0
    let alone: WriteRequest | null = null
    while (alone !== null || batch.length < this.#options.maxUpdates && bytes < this.#options.maxBytes) {
      const item = this.#items[this.#head]
      if (item?.kind !== 'write' || alone !== null && item.request !== alone) break
      if (item.request.atomic && alone === null) {
        if (batch.length > 0) break
        alone = item.request
      }
      batch.push(item)
      bytes += item.update.entity?.tableEntry?.metadata?.length ?? 0
      this.#head++
    }
    this.#inFlight = batch
    this.#compact()
    this.statistics.writes++
    this.statistics.updates += batch.length
    this.#target.write(batch.map(({ update }) => update), alone !== null).then(
      () => this.#answer(batch, null),
      (error: unknown) => this.#answer(batch, error instanceof RpcError ? error : new RpcError(codes.internal, String(error))))
  }

  #sendReads(): void {
    const batch: ReadItem[] = []
    while (batch.length < this.#options.maxReads) {
      const item = this.#items[this.#head]
      if (item?.kind !== 'read') break
      batch.push(item)
      this.#head++
    }
    this.#inFlight = batch
    this.#compact()
    this.statistics.reads += batch.length
    void Promise.all(batch.map(({ run }) => run())).then(() => {
      if (this.#inFlight === batch) this.#next()
    })
  }

  #answer(batch: readonly WriteItem[], error: RpcError | null): void {
    if (this.#inFlight !== batch) return
    const statuses = error === null ? null : statusesOf(error, batch.length, batch[0]?.request.atomic === true)
    if (error !== null && statuses === null) {
      // Which of the updates are in the target is not known. close() fails them all, and the session starts over.
      this.#onUncertain(`a Write of ${batch.length} updates failed as a whole: ${codeName(error.code)}: ${error.message}`)
      this.close(error.message)
      return
    }
    for (const [i, item] of batch.entries()) {
      const status = statuses?.[i]
      if (status === undefined || status.code === codes.ok) {
        this.#occupancy.record(item.update)
        this.#settle(item, null)
      } else {
        this.#settle(item, this.#failure(item, status))
      }
    }
    this.#next()
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
      request.failures.push(failure)
      this.statistics.failures++
    }
    if (--request.open === 0) request.resolve(request.failures.sort((a, b) => a.index - b.index))
  }

  #next(): void {
    this.#inFlight = []
    // What has gathered meanwhile leaves at once.
    this.#dispatch()
  }

  /** Drops the part of the list that has been sent, now and then, so that taking an item costs nothing. */
  #compact(): void {
    if (this.#head === this.#items.length) this.#items = []
    else if (this.#head > 10_000) this.#items = this.#items.slice(this.#head)
    else return
    this.#head = 0
  }
}

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
