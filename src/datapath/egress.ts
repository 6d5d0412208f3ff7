/**
 * Egress processing: where a 1.5 controller has said that it begins, every packet goes through the egress tables before it leaves,
 * once for each port. OF 1.5.1 §5.1, §7.3.5.18 (OFPTFF_FIRST_EGRESS); ADR-0038.
 *
 * Versions before 1.5 have no word for tables that a packet cannot be sent to: there these tables do not exist.
 */
import { TableFeature } from '../openflow/index.js'
import type { TableFeatures } from '../openflow/index.js'
import { OF15 } from './connections.js'
import type { Connection } from './connections.js'
import { Followed } from './followed.js'
import type { Context } from './state.js'

export class EgressProcessing extends Followed {
  /** The first egress table; null: packets leave without. */
  first: number | null = null

  constructor() {
    super(() => ({ op: 'set_first_egress', table: this.first }))
    this.written()
  }

  /** The switch is to be on its own, or has no controllers any more, and loses all flows: so nothing would leave. */
  forget(ctx: Context): void {
    if (this.first === null) return
    this.first = null
    this.touch()
    this.follow(ctx)
  }
}

/** How many tables the switch has for a connection of this version. */
export const tableCount = ({ pipeline: { features } }: Pick<Context, 'pipeline'>, { version }: Pick<Connection, 'version'>): number =>
  (version >= OF15 ? features.nTables : features.nIngressTables)

/** Where egress processing is to begin after a request for these tables; `first`: where it does. */
export function firstEgressAsked(asked: readonly TableFeatures[], first: number | null): number | null {
  const said = asked.find(({ features }) => (features & TableFeature.FIRST_EGRESS) !== 0)
  if (said !== undefined) return said.tableId
  return asked.some(({ tableId }) => tableId === first) ? null : first
}
