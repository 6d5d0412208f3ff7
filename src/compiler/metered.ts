/**
 * A meter action that is not the first of its list, as 1.5 allows it (OF 1.5.1 §7.2.6.13). The pipeline's meters come before a
 * flow's actions, so such a list is carried out with the meter first, where that makes no difference: nothing has been output,
 * the packet's size is the same, and so is what a remarking band looks at. Elsewhere the list goes on in a continuation at its meter.
 */
import type { Action, Instructions, OxmName } from '../openflow/model.js'
import { CannotPlan } from './planning.js'

/** What a remarking band looks at, and what tells it where that is. */
const SEEN_BY_BANDS: ReadonlySet<OxmName> = new Set(['eth_type', 'ip_dscp'])

const passes = (action: Action): boolean => action.type === 'set_queue' || action.type === 'note' || action.type === 'set_nw_ttl'
  || action.type === 'set_field' && !SEEN_BY_BANDS.has(action.field)

/** The meter that the packet meets first, and the actions after it, among which there may be one that it meets later. */
export function meterFirst({ meter, apply }: Instructions): { readonly meter: number | null; readonly apply: readonly Action[] } {
  const list = apply ?? []
  const place = list.findIndex(({ type }) => type === 'meter')
  const action = list[place]
  if (action?.type !== 'meter') return { meter, apply: list }
  const rest = list.filter((_, index) => index !== place)
  if (meter !== null || rest.some(({ type }) => type === 'meter')) throw new CannotPlan('OFPBAC_TOO_MANY', 'a flow has one meter')
  if (!list.slice(0, place).every(passes)) return { meter: null, apply: list }
  return { meter: action.meterId, apply: rest }
}
