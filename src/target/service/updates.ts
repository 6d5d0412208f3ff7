/** Carries out single updates and queries of Write and Read, whatever their kind. P4RT 1.4 §12, §13 */
import { p4 } from '../../p4proto/generated.js'
import { RpcError } from '../../p4proto/service.js'
import type { BoundPipeline } from './bind.js'
import { readCounters, readMeters, writeCounter, writeMeter } from './cells.js'
import type { Digests } from './digests.js'
import { readGroups, readMembers, writeGroup, writeMember } from './profiles.js'
import { codes, refuse } from './refuse.js'
import type { ReplicationEntries } from './replication-entries.js'
import { readDirectCounters, readDirectMeters, readTableEntries, writeDirectCounter, writeDirectMeter, writeTableEntry } from './tables.js'

const { Type } = p4.v1.Update

export interface Entities {
  readonly pipeline: BoundPipeline
  readonly replication: ReplicationEntries
  readonly digests: Digests
}

/** The statuses of all updates, or null where every one is in place. */
export const applyUpdates = (entities: Entities, updates: readonly p4.v1.IUpdate[], now: number): { code: number; message: string }[] | null => {
  let failed = false
  const statuses = updates.map(update => {
    try {
      applyUpdate(entities, update, now)
      return { code: codes.ok as number, message: '' }
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      failed = true
      return { code: error.code, message: error.message }
    }
  })
  return failed ? statuses : null
}

export const applyUpdate = ({ pipeline, replication, digests }: Entities, update: p4.v1.IUpdate, now: number): void => {
  const type = update.type ?? Type.UNSPECIFIED
  if (type !== Type.INSERT && type !== Type.MODIFY && type !== Type.DELETE) refuse('invalidArgument', 'an update is an INSERT, a MODIFY or a DELETE')
  const entity = update.entity ?? {}
  if (entity.tableEntry) writeTableEntry(pipeline, type, entity.tableEntry, now)
  else if (entity.packetReplicationEngineEntry) replication.write(type, entity.packetReplicationEngineEntry)
  else if (entity.counterEntry) writeCounter(pipeline, type, entity.counterEntry)
  else if (entity.directCounterEntry) writeDirectCounter(pipeline, type, entity.directCounterEntry)
  else if (entity.meterEntry) writeMeter(pipeline, type, entity.meterEntry, now)
  else if (entity.directMeterEntry) writeDirectMeter(pipeline, type, entity.directMeterEntry, now)
  else if (entity.actionProfileMember) writeMember(pipeline, type, entity.actionProfileMember)
  else if (entity.actionProfileGroup) writeGroup(pipeline, type, entity.actionProfileGroup)
  else if (entity.digestEntry) digests.write(pipeline, type, entity.digestEntry)
  else refuseKind(entity)
}

export const readEntity = ({ pipeline, replication, digests }: Entities, query: p4.v1.IEntity, now: number): p4.v1.IEntity[] => {
  if (query.tableEntry) return readTableEntries(pipeline, query.tableEntry, now)
  if (query.packetReplicationEngineEntry) return replication.read(query.packetReplicationEngineEntry)
  if (query.counterEntry) return readCounters(pipeline, query.counterEntry)
  if (query.directCounterEntry) return readDirectCounters(pipeline, query.directCounterEntry)
  if (query.meterEntry) return readMeters(pipeline, query.meterEntry)
  if (query.directMeterEntry) return readDirectMeters(pipeline, query.directMeterEntry)
  if (query.actionProfileMember) return readMembers(pipeline, query.actionProfileMember)
  if (query.actionProfileGroup) return readGroups(pipeline, query.actionProfileGroup)
  if (query.digestEntry) return digests.read(pipeline, query.digestEntry)
  return refuseKind(query)
}

const refuseKind = (entity: p4.v1.IEntity): never => {
  if (entity.registerEntry) return refuse('unimplemented', 'registers cannot be reached through P4Runtime here')
  if (entity.valueSetEntry) return refuse('unimplemented', 'parser value sets are not supported')
  if (entity.externEntry) return refuse('unimplemented', 'externs beyond v1model are not supported')
  return refuse('invalidArgument', 'the entity is not set')
}
