/**
 * OFPT_GROUP_MOD. OF 1.3.5 §5.6, §6.5, §7.3.4.2; where the text names no code, Open vSwitch's.
 *
 * A group may output to groups that exist and are not on the way back to itself. A group that another group outputs to
 * is not deleted on its own; the flows that refer to a deleted group go with it (OFPRR_GROUP_DELETE).
 */
import { BucketId, Group, Port } from '../openflow/index.js'
import type { Bucket, GroupMod } from '../openflow/index.js'
import { OF13 } from './connections.js'
import type { Connection } from './connections.js'
import { duplicateBucket, insertBuckets, removeBuckets } from './buckets.js'
import { NO_GROUP_COUNTS, afterChange } from './group-counts.js'
import { groupsInBuckets } from './group-table.js'
import type { Change, GroupRecord } from './pipeline.js'
import { sinceEpoch } from './recovery.js'
import { removal } from './removal.js'
import { forwardRequest } from './request-forward.js'
import { DONE, fail, lastToken, waitFor } from './state.js'
import type { Context, GroupEntry, Outcome, Requester } from './state.js'
import { checkActions } from './validate-actions.js'

/** OFPGFC bits. OF 1.3.5 §7.3.5.11 */
const SELECT_WEIGHT = 1
const SELECT_LIVENESS = 2
const CHAINING = 4

export function handleGroupMod(ctx: Context, conn: Connection, groupMod: GroupMod, requester: Requester): Outcome {
  switch (groupMod.command) {
    case 'add': return add(ctx, groupMod, requester)
    case 'modify': return modify(ctx, groupMod, requester)
    case 'delete': return remove(ctx, conn, groupMod, requester)
    case 'insert_bucket': case 'remove_bucket': return changeBuckets(ctx, groupMod, requester)
  }
}

function add(ctx: Context, groupMod: GroupMod, requester: Requester): Outcome {
  const existing = ctx.groups.get(groupMod.groupId)
  if (existing !== undefined && existing.token !== 0) return waitFor(existing.token)
  const problem = checkGroup(ctx, groupMod)
  if (problem !== null) return problem
  if (existing !== undefined) return fail('OFPGMFC_GROUP_EXISTS', `group ${groupMod.groupId} exists`)
  if (isFull(ctx, groupMod)) return fail('OFPGMFC_OUT_OF_GROUPS', `no room for another ${groupMod.groupType} group`)
  const group: GroupEntry = {
    groupId: groupMod.groupId, record: recordOf(groupMod, sinceEpoch(ctx, ctx.now)), previous: null, deleting: false, createdAt: ctx.now, token: 0, counts: NO_GROUP_COUNTS,
  }
  return ctx.ops.submit(ctx, {
    changes: [{ op: 'add_group', group: group.record }],
    touches: [group],
    family: 'group',
    apply: () => { ctx.groups.insert(group) },
    settled: () => { forwardRequest(ctx, groupMod, requester) },
    undo: () => { ctx.groups.remove(group) },
  }, requester)
}

/** A modification to what the group has and this; its type stays, whatever the request says. OF 1.5.1 §6.7 */
function changeBuckets(ctx: Context, groupMod: GroupMod, requester: Requester): Outcome {
  const group = ctx.groups.get(groupMod.groupId)
  if (group !== undefined && group.token !== 0) return waitFor(group.token)
  if (group === undefined) return fail('OFPGMFC_UNKNOWN_GROUP', `no group ${groupMod.groupId}`)
  const { buckets, groupType } = group.record
  const { commandBucketId } = groupMod
  if (groupMod.command === 'remove_bucket' && groupMod.buckets.length > 0) return fail('OFPGMFC_BAD_BUCKET', 'buckets to remove are named by their id')
  const changed = groupMod.command === 'insert_bucket' ? insertBuckets(buckets, groupMod.buckets, commandBucketId) : removeBuckets(buckets, commandBucketId)
  if ('error' in changed) return fail(changed.error, changed.reason)
  return modify(ctx, { ...groupMod, command: 'modify', groupType, buckets: changed.buckets, commandBucketId: BucketId.ALL }, requester, groupMod)
}

/** `asked`: the request itself, which may be about a bucket of the group only. */
function modify(ctx: Context, groupMod: GroupMod, requester: Requester, asked = groupMod): Outcome {
  const group = ctx.groups.get(groupMod.groupId)
  if (group !== undefined && group.token !== 0) return waitFor(group.token)
  const problem = checkGroup(ctx, groupMod)
  if (problem !== null) return problem
  if (group === undefined) return fail('OFPGMFC_UNKNOWN_GROUP', `no group ${groupMod.groupId}`)
  const previous = group.record
  if (previous.groupType !== groupMod.groupType && isFull(ctx, groupMod)) {
    return fail('OFPGMFC_OUT_OF_GROUPS', `no room for another ${groupMod.groupType} group`)
  }
  const record = recordOf(groupMod, sinceEpoch(ctx, group.createdAt))
  return ctx.ops.submit(ctx, {
    changes: [{ op: 'modify_group', group: record, previous }],
    touches: [group],
    family: 'group',
    apply: () => { Object.assign(group, { record, previous }) },
    settled: (_counters, _earlier, groups) => {
      group.previous = null
      const cells = groups.get(group.groupId)
      if (cells !== undefined) group.counts = afterChange(group.counts, previous.groupType, record.groupType, cells)
      forwardRequest(ctx, asked, requester)
    },
    undo: () => { Object.assign(group, { record: previous, previous: null }) },
  }, requester)
}

/** Deleting a group that does not exist is no error. OF 1.3.5 §6.5 */
function remove(ctx: Context, conn: Connection, groupMod: GroupMod, requester: Requester): Outcome {
  const { groupId, buckets } = groupMod
  if (buckets.length > 0 && conn.version >= OF13) return fail('OFPGMFC_INVALID_GROUP', 'a deletion has no buckets')
  if (groupId > Group.MAX && groupId !== Group.ALL) return fail('OFPGMFC_INVALID_GROUP', `no group ${groupId}`)
  const one = ctx.groups.get(groupId)
  const groups = groupId === Group.ALL ? [...ctx.groups.all()] : one === undefined ? [] : [one]
  const flows = [...new Set(groups.flatMap((group) => [...ctx.flows.referringTo(group.groupId)]))]
  const parents = groupId === Group.ALL ? [] : ctx.groups.referringTo(groupId)
  const locked = lastToken([...groups, ...flows, ...parents])
  if (locked !== 0) return waitFor(locked)
  if (parents.length > 0) {
    return fail('OFPGMFC_CHAINED_GROUP', `group ${parents.map((parent) => parent.groupId).join(', ')} outputs to group ${groupId}`)
  }
  if (groups.length === 0) return DONE
  const ofFlows = removal(ctx, flows.map((flow) => ({ flow, reason: 'group_delete' })), 'group')
  const parentsFirst = ctx.groups.dependenciesFirst(groups.map((group) => group.record)).reverse()
  const setDeleting = (deleting: boolean): void => { for (const group of groups) group.deleting = deleting }
  return ctx.ops.submit(ctx, {
    changes: [...ofFlows.changes, ...parentsFirst.map((group): Change => ({ op: 'delete_group', group }))],
    touches: [...flows, ...groups],
    family: 'group',
    apply: () => {
      ofFlows.apply()
      setDeleting(true)
    },
    settled: (counters, earlier, cells) => {
      ofFlows.settled(counters, earlier, cells)
      for (const group of groups) ctx.groups.remove(group)
      forwardRequest(ctx, groupMod, requester)
    },
    undo: () => {
      setDeleting(false)
      ofFlows.undo()
    },
  }, requester)
}

const recordOf = ({ groupId, groupType, buckets }: GroupMod, createdAt: number): GroupRecord => ({ groupId, groupType, buckets, createdAt })

const isFull = (ctx: Context, { groupType }: GroupMod): boolean =>
  ctx.groups.countOf(groupType) >= ctx.pipeline.features.groups.maxGroups[groupType]

/** What an addition and a modification have in common. */
function checkGroup(ctx: Context, groupMod: GroupMod): Outcome | null {
  if (groupMod.commandBucketId !== BucketId.ALL) return fail('OFPGMFC_BAD_BUCKET', `no bucket id ${groupMod.commandBucketId} with ${groupMod.command}`)
  const { groupId, groupType, buckets } = groupMod
  const { features } = ctx.pipeline
  if (groupId > Group.MAX) return fail('OFPGMFC_INVALID_GROUP', `no group id ${groupId}`)
  if (!features.groups.types.includes(groupType)) return fail('OFPGMFC_BAD_TYPE', `no ${groupType} groups`)
  if (groupType === 'indirect' && buckets.length !== 1) return fail('OFPGMFC_INVALID_GROUP', 'an indirect group has exactly one bucket')
  const twice = duplicateBucket(buckets)
  if (twice !== null) return fail('OFPGMFC_BUCKET_EXISTS', `bucket ${twice} twice`)
  for (const [index, bucket] of buckets.entries()) {
    const problem = checkWeight(groupMod, bucket, features.groups.capabilities) ?? checkWatch(ctx, groupMod, bucket)
    if (problem !== null) return problem
    // A bucket is an action set, and what reaches it is not known: only arguments can be checked.
    const found = checkActions(bucket.actions, {
      rules: ctx.capabilities.bucket(groupType), packetOut: false, strict: false, view: null,
      groupExists: (id) => id === groupId || ctx.groups.get(id) !== undefined,
      hasLocal: ctx.ports.get(Port.LOCAL) !== undefined, hasNormal: ctx.capabilities.features.normal,
    })
    if (found !== null) return fail(found.error, `bucket ${index}: ${found.reason}`)
  }
  return checkChain(ctx, groupId, buckets)
}

/** Weights belong to select groups. OF 1.3.5 §7.3.4.2 */
function checkWeight({ groupType }: GroupMod, { weight }: Bucket, capabilities: number): Outcome | null {
  if (groupType !== 'select') return weight === 0 ? null : fail('OFPGMFC_INVALID_GROUP', 'only buckets of select groups have weights')
  return weight <= 1 || (capabilities & SELECT_WEIGHT) !== 0 ? null : fail('OFPGMFC_WEIGHT_UNSUPPORTED', 'all buckets have the same weight')
}

/** Fast failover groups watch something with every bucket, select groups may. OF 1.3.5 §5.6.1 */
function checkWatch(ctx: Context, { groupId, groupType }: GroupMod, { watchPort, watchGroup }: Bucket): Outcome | null {
  const watches = watchPort !== Port.ANY || watchGroup !== Group.ANY
  const may = groupType === 'ff' || groupType === 'select' && (ctx.pipeline.features.groups.capabilities & SELECT_LIVENESS) !== 0
  if (!watches) return groupType === 'ff' ? fail('OFPGMFC_INVALID_GROUP', 'a fast failover bucket watches a port or a group') : null
  if (!may) return fail('OFPGMFC_WATCH_UNSUPPORTED', `buckets of ${groupType} groups watch nothing`)
  if (watchPort !== Port.ANY && watchPort !== Port.LOCAL && ctx.ports.get(watchPort) === undefined) {
    return fail('OFPGMFC_BAD_WATCH', `no port ${watchPort}`)
  }
  if (watchGroup !== Group.ANY) {
    if (watchGroup === groupId) return fail('OFPGMFC_LOOP', 'a group cannot watch itself')
    if (ctx.groups.get(watchGroup) === undefined) return fail('OFPGMFC_BAD_WATCH', `no group ${watchGroup}`)
  }
  return null
}

function checkChain(ctx: Context, groupId: number, buckets: readonly Bucket[]): Outcome | null {
  const children = groupsInBuckets(buckets)
  const watched = buckets.map((bucket) => bucket.watchGroup).filter((id) => id !== Group.ANY)
  const locked = lastToken([...children, ...watched].map((id) => ctx.groups.get(id)).filter((group) => group !== undefined))
  if (locked !== 0) return waitFor(locked)
  if (children.length === 0) return null
  if ((ctx.pipeline.features.groups.capabilities & CHAINING) === 0) return fail('OFPGMFC_CHAINING_UNSUPPORTED', 'groups do not output to groups')
  return ctx.groups.wouldLoop(groupId, buckets) ? fail('OFPGMFC_LOOP', `group ${groupId} would lead back to itself`) : null
}
