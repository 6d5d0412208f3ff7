/**
 * Emptying a target that keeps its pipeline: entries, action profiles, groups and clone sessions are read and deleted,
 * default actions and indirect counters are set back. Afterwards it is as after a push, without one.
 */
import type { P4InfoIndex } from '../p4info/index.js'
import { p4 } from '../p4proto/generated.js'
import { toBigInt } from '../p4proto/int64.js'
import { RpcError } from '../p4proto/service.js'
import { defaultQueueOptions } from './queue.js'

export interface ClearTarget {
  read(entities: p4.v1.IEntity[]): Promise<p4.v1.IEntity[]>
  write(updates: p4.v1.IUpdate[]): Promise<void>
}

const { MODIFY, DELETE } = p4.v1.Update.Type

/**
 * Groups and clone sessions outlive a push in BMv2, which then adds replicas to groups of the same number; so they go before
 * one too. Rejects with RpcError. Returns how many there were.
 */
export async function clearReplication(target: ClearTarget): Promise<number> {
  const found = await target.read([
    { packetReplicationEngineEntry: { multicastGroupEntry: {} } },
    { packetReplicationEngineEntry: { cloneSessionEntry: {} } },
  ])
  const entries = found.flatMap(({ packetReplicationEngineEntry: entry }) => entry ? [entry] : [])
  await writeInBatches(target, entries.map((entry) => ({
    type: DELETE,
    entity: {
      packetReplicationEngineEntry: entry.multicastGroupEntry
        ? { multicastGroupEntry: { multicastGroupId: entry.multicastGroupEntry.multicastGroupId ?? 0 } }
        : { cloneSessionEntry: { sessionId: entry.cloneSessionEntry?.sessionId ?? 0 } },
    },
  })))
  return entries.length
}

/** Returns how many entries and groups were deleted. Rejects with RpcError. */
export async function clearTarget(target: ClearTarget, index: P4InfoIndex, p4info: p4.config.v1.IP4Info): Promise<number> {
  const tables = [...index.tables.values()].filter((table) => !table.isConst)
  const entries = await target.read(tables.map((table) => ({ tableEntry: { tableId: table.id } })))
  const doomed = entries.flatMap(({ tableEntry: entry }) => entry && !entry.isDefaultAction && !entry.isConst ? [entry] : [])
  await writeInBatches(target, doomed.map(({ tableId, match, priority }) =>
    ({ type: DELETE, entity: { tableEntry: { tableId: tableId ?? 0, match: match ?? [], priority: priority ?? 0 } } })))
  await clearActionProfiles(target, index)
  const groups = await clearReplication(target)
  await writeInBatches(target, defaultActions(p4info))
  await clearCounters(target, index)
  return doomed.length + groups
}

async function clearActionProfiles(target: ClearTarget, index: P4InfoIndex): Promise<void> {
  for (const { id } of index.actionProfiles.values()) {
    const groups = await target.read([{ actionProfileGroup: { actionProfileId: id } }])
    await writeInBatches(target, groups.map(({ actionProfileGroup: group }) =>
      ({ type: DELETE, entity: { actionProfileGroup: { actionProfileId: id, groupId: group?.groupId ?? 0 } } })))
    const members = await target.read([{ actionProfileMember: { actionProfileId: id } }])
    await writeInBatches(target, members.map(({ actionProfileMember: member }) =>
      ({ type: DELETE, entity: { actionProfileMember: { actionProfileId: id, memberId: member?.memberId ?? 0 } } })))
  }
}

/** The default actions as the program has them. P4Info names them since P4Runtime 1.4. */
function defaultActions(p4info: p4.config.v1.IP4Info): p4.v1.IUpdate[] {
  return (p4info.tables ?? []).flatMap((table) => {
    const initial = table.initialDefaultAction
    if (!initial || (table.constDefaultActionId ?? 0) !== 0 || table.isConstTable || (table.implementationId ?? 0) !== 0) return []
    const params = (initial.arguments ?? []).map(({ paramId, value }) => ({ paramId: paramId ?? 0, value: value ?? new Uint8Array(0) }))
    const action = { action: { actionId: initial.actionId ?? 0, params } }
    return [{ type: MODIFY, entity: { tableEntry: { tableId: table.preamble?.id ?? 0, isDefaultAction: true, action } } }]
  })
}

async function clearCounters(target: ClearTarget, index: P4InfoIndex): Promise<void> {
  for (const counter of index.counters.values()) {
    const cells = await target.read([{ counterEntry: { counterId: counter.id } }])
    const used = cells.flatMap(({ counterEntry: cell }) =>
      cell && (toBigInt(cell.data?.packetCount) !== 0n || toBigInt(cell.data?.byteCount) !== 0n) ? [cell] : [])
    await writeInBatches(target, used.map(({ index: cell }) =>
      ({ type: MODIFY, entity: { counterEntry: { counterId: counter.id, index: { index: cell?.index ?? 0 }, data: {} } } })))
  }
}

async function writeInBatches(target: ClearTarget, updates: readonly p4.v1.IUpdate[]): Promise<void> {
  for (let i = 0; i < updates.length; i += defaultQueueOptions.maxUpdates) {
    try {
      await target.write(updates.slice(i, i + defaultQueueOptions.maxUpdates))
    } catch (error) {
      const failed = error instanceof RpcError ? error.updateStatuses.find(({ code }) => code !== 0) : undefined
      throw failed === undefined ? error : new RpcError(failed.code, `an old entry cannot be removed: ${failed.message}`)
    }
  }
}
