/**
 * Reading everything that a target holds of our pipeline, when a session comes to it: entries, multicast groups and the
 * configuration of meters, in a few Reads. P4RT 1.4 §13
 */
import type { NamedEntity } from '../compiler/ir.js'
import type { P4InfoIndex } from '../p4info/index.js'
import type { p4 } from '../p4proto/generated.js'
import { decodeEntity } from './decode.js'

export interface Contents {
  readonly entities: readonly NamedEntity[]
  /** The same as they came, for whoever counts them. */
  readonly read: readonly p4.v1.IEntity[]
}

/** Rejects with RpcError. */
export async function readContents(read: (entities: p4.v1.IEntity[]) => Promise<p4.v1.IEntity[]>, index: P4InfoIndex): Promise<Contents> {
  const tables = [...index.tables.values()].filter((table) => !table.isConst)
  const found = await read(tables.map((table) => ({ tableEntry: { tableId: table.id } })))
  found.push(...await read([{ packetReplicationEngineEntry: { multicastGroupEntry: {} } }]))
  for (const { id } of index.meters.values()) found.push(...await read([{ meterEntry: { meterId: id } }]))
  return { entities: found.map((entity) => decodeEntity(entity, index)).filter((entity) => entity !== null), read: found }
}
