/**
 * What happens to a packet that no flow matches: before 1.3 it goes to the controller, since 1.3 it is dropped.
 * OF 1.0 §3.4, OF 1.3.5 §5.4. The pipeline has one behaviour for all, so misses are sent up while some connection of a
 * version before 1.3 would get them; packet-io.ts keeps them from the others.
 *
 * A table-mod of 1.1 or 1.2 chooses for its table (OF 1.1 §A.3.3): what it says holds until the next one. Later versions have
 * flows for that and no word for it. The last table has none to continue with: there a packet goes to the controller.
 */
import { Table, TableConfig, TableMiss } from '../openflow/index.js'
import { receivesMisses } from './connections.js'
import { Followed } from './followed.js'
import type { MissChoice } from './pipeline.js'
import { fail, lastToken, waitFor } from './state.js'
import type { Context, Outcome, Requester } from './state.js'
import { noteOf } from './table-config.js'

const CHOICES = new Map<number, MissChoice>([[TableMiss.CONTROLLER, 'controller'], [TableMiss.CONTINUE, 'continue'], [TableMiss.DROP, 'drop']])

export class MissBehaviour extends Followed {
  toController = false
  tables: ReadonlyMap<number, MissChoice> = new Map()

  constructor() { super(() => ({ op: 'set_miss', toController: this.toController, tables: this.tables })) }

  update(ctx: Context): void {
    let wanted = false
    for (const conn of ctx.conns.all()) wanted ||= receivesMisses(conn)
    if (wanted !== this.toController) {
      this.toController = wanted
      this.touch()
    }
    this.follow(ctx)
  }

  /** The bits of a table's configuration in 1.1 and 1.2. */
  configOf(tableId: number): number {
    for (const [config, choice] of CHOICES) if (choice === this.tables.get(tableId)) return config
    return TableMiss.CONTROLLER
  }
}

/** A table-mod of 1.1 or 1.2 for a table that exists. */
export function chooseMiss(ctx: Context, tableId: number, config: number, requester: Requester): Outcome {
  const { miss } = ctx
  const choice = CHOICES.get(config & TableConfig.DEPRECATED)
  if (choice === undefined) return fail('OFPTMFC_BAD_CONFIG', `no table configuration 0x${config.toString(16)}`)
  const locked = lastToken([miss, ctx.tables])
  if (locked !== 0) return waitFor(locked)
  const before = miss.tables
  const tables = new Map(before)
  const { nIngressTables } = ctx.pipeline.features
  const last = nIngressTables - 1
  for (const id of tableId === Table.ALL ? Array.from({ length: nIngressTables }, (_, each) => each) : [tableId]) {
    tables.set(id, choice === 'continue' && id === last ? 'controller' : choice)
  }
  return ctx.ops.submit(ctx, {
    changes: [{ op: 'set_miss', toController: miss.toController, tables }, noteOf(ctx, { misses: tables })], touches: [miss, ctx.tables], family: 'table',
    apply: () => {
      miss.tables = tables
      miss.written()
    },
    settled: () => {},
    undo: () => {
      miss.tables = before
      miss.touch()
    },
  }, requester)
}
