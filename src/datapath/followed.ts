/**
 * A fact the target must be kept in step with, whoever changes it: the list of ports, and what happens to packets that no
 * flow matches. It has at most one change in flight; what happens meanwhile is sent afterwards, and a target that refuses
 * is asked again a little later.
 */
import type { Millis } from '../base/clock.js'
import type { Intent } from './operations.js'
import type { Change } from './pipeline.js'
import type { Context, Lockable } from './state.js'

const RETRY_AFTER: Millis = 1000

/** Something whose current value the target should have. */
export class Followed implements Lockable {
  token = 0
  #stale = true
  #retryAt: Millis = 0
  readonly #change: (ctx: Context) => Change

  constructor(change: (ctx: Context) => Change) { this.#change = change }

  /** The value has changed; it goes out with the next follow(). */
  touch(): void { this.#stale = true }
  /** The whole state is being written, this included. */
  written(): void {
    this.#stale = false
    this.#retryAt = 0
  }

  change(ctx: Context): Change { return this.#change(ctx) }
  nextRetry(): Millis | null { return this.#stale && this.#retryAt > 0 ? this.#retryAt : null }

  follow(ctx: Context): void {
    if (!this.#stale || this.token !== 0 || ctx.ops.target === 'syncing' || ctx.now < this.#retryAt) return
    const retryLater = (): void => {
      this.#stale = true
      this.#retryAt = ctx.now + RETRY_AFTER
    }
    const change = this.#change(ctx)
    const intent: Intent = {
      changes: [change], touches: [this], family: 'own',
      apply: () => { this.written() },
      settled: () => {},
      undo: retryLater,
    }
    const outcome = ctx.ops.submit(ctx, intent, null)
    if (outcome.kind !== 'error') return
    retryLater()
    ctx.emit({ kind: 'log', level: 'error', text: `the pipeline refused ${change.op}: ${outcome.error}`, detail: { reasons: outcome.reasons } })
  }
}
