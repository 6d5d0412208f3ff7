/**
 * What happens to a packet that no flow matches: before 1.3 it goes to the controller, since 1.3 it is dropped.
 * OF 1.0 §3.4, OF 1.3.5 §5.4. The pipeline has one behaviour for all, so misses are sent up while some connection of a
 * version before 1.3 would get them; packet-in.ts keeps them from the others.
 */
import { receivesMisses } from './connections.js'
import { Followed } from './followed.js'
import type { Context } from './state.js'

export class MissBehaviour extends Followed {
  toController = false

  constructor() { super(() => ({ op: 'set_miss', toController: this.toController })) }

  update(ctx: Context): void {
    const wanted = [...ctx.conns.all()].some(receivesMisses)
    if (wanted !== this.toController) {
      this.toController = wanted
      this.touch()
    }
    this.follow(ctx)
  }
}
