/**
 * Reading everything that a target holds of our pipeline, when a session comes to it: entries, multicast groups and the
 * configuration of meters. A table at a time, and the next ones while one is decoded: the target is never busy with a Read of
 * everything, and both sides work. P4RT 1.4 §13
 */
import type { NamedEntity } from '../compiler/ir.js'
import type { P4InfoIndex } from '../p4info/index.js'
import { p4 } from '../p4proto/generated.js'
import { Decoder } from './decode.js'
import { Occupancy } from './occupancy.js'

export interface Contents {
  readonly entities: readonly NamedEntity[]
  /** What of it takes room, whether it can be named or not. */
  readonly occupancy: Occupancy
}

/** Reads under way. */
const AHEAD = 3
const { INSERT } = p4.v1.Update.Type

/** `read` resolves with the bytes of ReadResponses. Rejects with RpcError. */
export async function readContents(read: (entities: p4.v1.IEntity[]) => Promise<readonly Uint8Array[]>, index: P4InfoIndex): Promise<Contents> {
  const queries: p4.v1.IEntity[] = [
    ...[...index.tables.values()].filter((table) => !table.isConst).map(({ id }) => ({ tableEntry: { tableId: id } })),
    { packetReplicationEngineEntry: { multicastGroupEntry: {} } }, ...[...index.meters.values()].map(({ id }) => ({ meterEntry: { meterId: id } })),
  ]
  const entities: NamedEntity[] = []
  const occupancy = new Occupancy(index)
  const decoder = new Decoder(index, {
    entry: (tableId) => occupancy.record({ type: INSERT, tableId, isGroup: false }), group: () => occupancy.record({ type: INSERT, tableId: 0, isGroup: true }),
  })
  const underWay: Promise<readonly Uint8Array[]>[] = []
  for (let next = 0; next < queries.length || underWay.length > 0;) {
    for (; next < queries.length && underWay.length < AHEAD; next++) {
      const answer = read([queries[next] as p4.v1.IEntity])
      // One that fails before it is waited for is told when it is, unless another has failed before.
      answer.catch(() => {})
      underWay.push(answer)
    }
    for (const message of await underWay.shift() ?? []) decoder.add(message, entities)
  }
  return { entities, occupancy }
}
