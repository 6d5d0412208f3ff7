/**
 * Counters being read for statistics replies. An answer that cannot come any more, because the target was lost, is
 * replaced by what is known: the last reading. So statistics go on working while the target is away.
 */
import type { CounterAnswer, Effect, Token } from './events.js'
import type { Context, Requester } from './state.js'

/** `answer` is null when the target cannot be asked. */
export type Finish = (ctx: Context, answer: CounterAnswer | null) => void

export class Reads {
  readonly #open = new Map<Token, { readonly finish: Finish; readonly requester: Requester }>()

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
  }

  /** The target is lost. */
  abandon(ctx: Context): void {
    for (const token of [...this.#open.keys()]) this.answered(ctx, token, null)
  }
}
