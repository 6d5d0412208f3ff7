/**
 * A change of the pipeline's own: flows get other entries in the target, and look the same from outside. Before that they are
 * counted elsewhere, from zero: what they had counted stays with them. OF 1.3.5 §5.8
 */
import type { Intent } from './operations.js'
import { keepEarlier } from './removal.js'
import type { Context } from './state.js'

export const rearrangement = (ctx: Context): Intent => ({
  changes: [], touches: [], family: 'own', apply: () => {}, undo: () => {},
  settled: (_counters, earlier) => {
    for (const [id, counted] of earlier) {
      const flow = ctx.flows.byId(id)
      if (flow !== undefined && counted.packets > 0n) keepEarlier(ctx, flow, counted)
    }
  },
})
