/**
 * The southbound interface: one P4Runtime target as the agent sees it, in names. Implemented over gRPC and over the
 * in-process target by session.ts; in tests also by a recorder and by a double that fails on purpose.
 *
 * States:  connecting → ready (primary, our pipeline in place) → lost → connecting …
 * Operations are carried out in the order in which they are given. A write is acknowledged only when the target has
 * answered the Write call that carried it.
 */
import type { CounterColumns } from '../base/counter-columns.js'
import type { NamedEntity, NamedUpdate } from '../compiler/ir.js'
import type { Learned } from './digests.js'

export interface UpdateFailure {
  /** Index into the updates given to write(). */
  readonly index: number
  /** gRPC canonical code of the update's status. */
  readonly code: number
  readonly message: string
  readonly kind: 'target.full' | 'target.exists' | 'target.missing' | 'target.rejected' | 'target.lost'
}
export interface DirectCounter { readonly controllerMetadata: number; readonly packets: bigint; readonly bytes: bigint }
export interface TargetPacketIn { readonly payload: Uint8Array; readonly metadata: Readonly<Record<string, bigint>> }

export type SouthboundEvent =
  /** `contents`: what the target holds; null: its tables are empty, because we pushed the pipeline. */
  | { readonly kind: 'ready'; readonly contents: readonly NamedEntity[] | null; /** write() can be told to be atomic. */ readonly atomic: boolean }
  | { readonly kind: 'lost'; readonly reason: string }
  /** Another client controls the target; what it holds when that ends is not known. */
  | { readonly kind: 'standby' }
  | { readonly kind: 'packet_in'; readonly packet: TargetPacketIn }
  | { readonly kind: 'learned'; readonly learned: Learned }
  /** Table entries of these controllerMetadata values have seen no hit for their idle timeout. */
  | { readonly kind: 'idle'; readonly controllerMetadata: readonly number[] }

export interface Southbound {
  /** Starts connecting; events go to `listener` from then on, until close(). */
  start(listener: (event: SouthboundEvent) => void): void
  /**
   * Queues updates behind everything given before; resolves with the failures (empty = all are in the target).
   * Never rejects: when the target is lost every unacknowledged update fails with 'target.lost'.
   * `atomic`: no packet meets a part of them, and where there are failures, nothing has been written. P4RT 1.4 §12.2
   */
  write(updates: readonly NamedUpdate[], atomic?: boolean): Promise<readonly UpdateFailure[]>
  /**
   * As write(), without a promise, of which there would be one for every flow-mod: `settled` is called once, from within this
   * call, or another one, or in a later turn; it must not throw.
   */
  submit(updates: readonly NamedUpdate[], atomic: boolean, settled: (failures: readonly UpdateFailure[]) => void): void
  /**
   * Direct counters of a table by controllerMetadata, after all earlier writes; later ones do not wait for it, and may be
   * seen in it. One Read call; none when the target is lost.
   */
  readTableCounters(table: string): Promise<CounterColumns>
  /** Direct counter of single entries (the match and priority of each are given), after all earlier writes. */
  readEntryCounters(entries: readonly NamedUpdate['entity'][]): Promise<readonly DirectCounter[]>
  /**
   * How much more the direct counter of an entry has counted than a cell of an indirect counter, in which everything that hits
   * the entry is counted too; null when it cannot be read. What comes meanwhile does not falsify it.
   */
  readLead(entry: NamedUpdate['entity'], counter: string, index: number): Promise<{ readonly packets: bigint; readonly bytes: bigint } | null>
  /** Cells of an indirect counter, by index; all of them when `indices` is absent. */
  readCounter(counter: string, indices?: readonly number[]): Promise<readonly { readonly index: number; readonly packets: bigint; readonly bytes: bigint }[]>
  /** `metadata` holds the fields of the packet_out controller header by name. Dropped (and counted) while not ready. */
  packetOut(payload: Uint8Array, metadata: Readonly<Record<string, bigint>>): void
  /** Begins again: 'lost', then 'ready'. */
  restart(reason: string): void
  close(): Promise<void>
}
