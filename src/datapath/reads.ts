/**
 * Counters being read for statistics replies. An answer that cannot come any more, because the target was lost, is
 * replaced by what is known: the last reading. So statistics go on working while the target is away.
 */
import type { CounterAnswer, Effect, Token } from './events.js'
import type { FlowId } from './pipeline.js'
import type { Context, Requester } from './state.js'

/** `answer` is null when the target cannot be asked. */
export type Finish = (ctx: Context, answer: CounterAnswer | null) => void

export class Reads {
  readonly #open = new Map<Token, { readonly finish: Finish; readonly requester: Requester }>()
  #held = 0
  /** Flows whose counting began anew while something was being read. */
  readonly #restarted = new Set<FlowId>()

  start(ctx: Context, requester: Requester, effect: (token: Token) => Effect, finish: Finish): void {
    if (ctx.ops.target === 'lost') {
      finish(ctx, null)
      return
    }
    const token = ctx.ops.nextToken()
    this.#open.set(token, { finish, requester })
    ctx.conns.count(requester.conn, 1)
    ctx.emit(effect(token))
  }

  answered(ctx: Context, token: Token, answer: CounterAnswer | null): void {
    const read = this.#open.get(token)
    if (read === undefined) return
    this.#open.delete(token)
    ctx.conns.count(read.requester.conn, -1)
    read.finish(ctx, answer)
    this.#forget()
  }

  /** A flow counts from zero again: readings under way may be of before, and are not of use for it. */
  restarted(id: FlowId): void {
    if (this.#open.size + this.#held > 0) this.#restarted.add(id)
  }
  isStale(id: FlowId): boolean { return this.#restarted.has(id) }
  /** Answers are looked at later than they come, until as many release() have followed. */
  hold(): void { this.#held++ }
  release(): void {
    this.#held--
    this.#forget()
  }
  #forget(): void {
    if (this.#open.size + this.#held === 0) this.#restarted.clear()
  }

  /** The target is lost. */
  abandon(ctx: Context): void {
    for (const token of [...this.#open.keys()]) this.answered(ctx, token, null)
  }
}
