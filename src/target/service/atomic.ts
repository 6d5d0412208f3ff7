/**
 * A Write of which no packet meets a part, and of which nothing is left if an update is refused: DATAPLANE_ATOMIC.
 * P4RT 1.4 §12.2. Packets and Writes share one thread, so it is enough to carry it out in one go while no packet is
 * between two passes. The way back is made of what there was: every update's opposite, with the counters.
 */
import { p4 } from '../../p4proto/generated.js'
import { RpcError } from '../../p4proto/service.js'
import { codes, refuse } from './refuse.js'
import type { Entities } from './updates.js'
import { applyUpdate, readEntity } from './updates.js'

const { Type } = p4.v1.Update
type Status = { readonly code: number; readonly message: string }

/** The statuses of all updates, none of which is in place then; null where every one is. */
export const applyAtomically = (entities: Entities, updates: readonly p4.v1.IUpdate[], now: number): Status[] | null => {
  const inverses: p4.v1.IUpdate[] = []
  for (const [index, update] of updates.entries()) {
    try {
      const inverse = inverseOf(entities, update, now)
      applyUpdate(entities, update, now)
      inverses.push(inverse)
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      for (const back of inverses.reverse()) applyUpdate(entities, back, now)
      const reason: Status = { code: error.code, message: error.message }
      return updates.map((_, at) => at === index ? reason : { code: codes.ok, message: '' })
    }
  }
  return null
}

const inverseOf = (entities: Entities, { type, entity }: p4.v1.IUpdate, now: number): p4.v1.IUpdate => {
  if (type === Type.INSERT) return { type: Type.DELETE, entity: bare(entity ?? {}) }
  const [before] = readEntity(entities, queryFor(entity ?? {}), now)
  if (before === undefined) return refuse('notFound', 'what is to be changed does not exist')
  return { type: type === Type.DELETE ? Type.INSERT : Type.MODIFY, entity: before }
}

/** As much of an entity as says which one it is. */
const bare = (entity: p4.v1.IEntity): p4.v1.IEntity => {
  const { tableEntry } = entity
  if (!tableEntry) return entity
  const { tableId, match, priority } = tableEntry
  return { tableEntry: { tableId: tableId ?? 0, match: match ?? [], priority: priority ?? 0 } }
}

const queryFor = (entity: p4.v1.IEntity): p4.v1.IEntity => {
  const { tableEntry, packetReplicationEngineEntry, counterEntry, meterEntry, directCounterEntry } = entity
  if (tableEntry?.isDefaultAction) return { tableEntry: { tableId: tableEntry.tableId ?? 0, isDefaultAction: true } }
  if (tableEntry) return { tableEntry: { ...bare(entity).tableEntry, counterData: {}, meterConfig: {} } }
  if (packetReplicationEngineEntry || counterEntry || meterEntry || directCounterEntry) return entity
  return refuse('unimplemented', 'an entity of this kind is not written atomically')
}
