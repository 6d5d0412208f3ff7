/**
 * What would become of a flow-mod: every check that it would meet, and a plan of the pipeline that is taken back at once. Nothing is
 * sent, nothing stays.
 */
import type { ErrorName, FlowMod } from '../openflow/index.js'
import type { Connection } from './connections.js'
import { handleFlowMod } from './flow-mod.js'
import { Operations, type Intent } from './operations.js'
import { DONE, fail, waitFor, type Context, type Outcome } from './state.js'

export type Explanation =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly error: ErrorName; readonly reasons: readonly string[] }
  /** It would wait for a change that the target has not acknowledged yet. */
  | { readonly kind: 'waits' }

class DryRun extends Operations {
  override submit(ctx: Context, intent: Intent): Outcome {
    const plan = ctx.pipeline.plan(intent.changes)
    if (plan.refused) return plan.behind === null ? fail(plan.error, ...plan.reasons) : waitFor(0)
    ctx.pipeline.undo(plan)
    return DONE
  }
}

export function explainFlowMod(ctx: Context, conn: Connection, flowMod: FlowMod): Explanation {
  const dry: Context = { ...ctx, ops: new DryRun(0), emit: () => {} }
  const outcome = handleFlowMod(dry, conn, flowMod, { conn: conn.id, xid: 0, raw: new Uint8Array(0) })
  switch (outcome.kind) {
    case 'done': return { kind: 'accepted' }
    case 'error': return { kind: 'refused', error: outcome.error, reasons: outcome.reasons }
    case 'wait': return { kind: 'waits' }
  }
}
