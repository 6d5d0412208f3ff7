/** Action profiles: members, groups and one-shot sets. Watch ports are refused. P4RT 1.4 §9.2 */
import { p4 } from '../../p4proto/generated.js'
import { Group } from '../program/action-profile.js'
import type { Member, WeightedMember } from '../program/action-profile.js'
import type { Target } from '../program/table.js'
import type { TableEntry } from '../program/table.js'
import type { BoundPipeline, BoundProfile, BoundTable } from './bind.js'
import { decodeAction, encodeAction } from './entries.js'
import { refuse } from './refuse.js'

const { Type } = p4.v1.Update
/** Weights are units on a wheel in memory. */
const maxGroupWeight = 65536

const profileOf = (pipeline: BoundPipeline, id: number | null | undefined): BoundProfile =>
  pipeline.profiles.get(id ?? 0) ?? refuse('invalidArgument', `there is no action profile with id ${id ?? 0}`)

const hasBytes = (bytes: Uint8Array | null | undefined): boolean => bytes !== null && bytes !== undefined && bytes.length > 0
const refuseWatch = (entry: { readonly watch?: number | null; readonly watchPort?: Uint8Array | null }, what: string): void => {
  if ((entry.watch ?? 0) !== 0 || hasBytes(entry.watchPort)) refuse('unimplemented', `${what}: watch ports are not supported`)
}

export const writeMember = (pipeline: BoundPipeline, type: p4.v1.Update.Type, entry: p4.v1.IActionProfileMember): void => {
  const { profile, name, tables } = profileOf(pipeline, entry.actionProfileId)
  const id = entry.memberId ?? 0
  const what = `member ${id} of ${name}`
  if (id === 0) refuse('invalidArgument', `member ids of ${name} start at 1`)
  const existing = profile.members.get(id)
  if (type === Type.DELETE) {
    if (existing === undefined) return refuse('notFound', `there is no ${what}`)
    if (existing.references > 0) refuse('failedPrecondition', `${what} is in use`)
    profile.members.delete(id)
    return
  }
  if (type === Type.INSERT && existing !== undefined) refuse('alreadyExists', `${what} exists already`)
  if (type === Type.MODIFY && existing === undefined) refuse('notFound', `there is no ${what}`)
  refuseOneShots(profile.oneShots, name)
  const table = tables[0]
  if (!entry.action || table === undefined) return refuse('invalidArgument', `${what} has no action`)
  const call = decodeAction(table, entry.action, false)
  if (existing !== undefined) {
    existing.action = call.action
    existing.data = call.data
    return
  }
  if (profile.members.size >= profile.def.size) refuse('resourceExhausted', `${name} is full: it holds ${profile.def.size} members`)
  profile.members.set(id, profile.makeMember(id, call))
}

const refuseOneShots = (oneShots: number, name: string): void => {
  if (oneShots > 0) refuse('invalidArgument', `${name} is programmed with one-shot sets`)
}

export const writeGroup = (pipeline: BoundPipeline, type: p4.v1.Update.Type, entry: p4.v1.IActionProfileGroup): void => {
  const { profile, name, maxGroupSize } = profileOf(pipeline, entry.actionProfileId)
  const id = entry.groupId ?? 0
  const what = `group ${id} of ${name}`
  if (profile.def.selector === null) refuse('invalidArgument', `${name} has no selector and so no groups`)
  if (id === 0) refuse('invalidArgument', `group ids of ${name} start at 1`)
  const existing = profile.groups.get(id)
  if (type === Type.DELETE) {
    if (existing === undefined) return refuse('notFound', `there is no ${what}`)
    if (existing.references > 0) refuse('failedPrecondition', `${what} is in use`)
    existing.setMembers([])
    profile.groups.delete(id)
    return
  }
  if (type === Type.INSERT && existing !== undefined) refuse('alreadyExists', `${what} exists already`)
  if (type === Type.MODIFY && existing === undefined) refuse('notFound', `there is no ${what}`)
  refuseOneShots(profile.oneShots, name)
  const maxSize = entry.maxSize ?? 0
  if (existing !== undefined && existing.maxSize !== maxSize) refuse('invalidArgument', `the maximum size of ${what} cannot change`)
  if (maxSize < 0 || (maxGroupSize > 0 && (maxSize === 0 || maxSize > maxGroupSize))) {
    refuse('invalidArgument', `the maximum size of ${what} is not in 1…${maxGroupSize}`)
  }
  const seen = new Set<number>()
  let total = 0
  const members = (entry.members ?? []).map((part): WeightedMember => {
    const memberId = part.memberId ?? 0
    if (seen.has(memberId)) refuse('invalidArgument', `${what} names member ${memberId} twice`)
    seen.add(memberId)
    const weight = part.weight ?? 0
    if (weight < 1) refuse('invalidArgument', `the weight of member ${memberId} in ${what} is not positive`)
    total += weight
    refuseWatch(part, what)
    return { member: profile.members.get(memberId) ?? refuse('notFound', `there is no member ${memberId} of ${name}`), weight }
  })
  if (maxSize > 0 && total > maxSize) refuse('invalidArgument', `the weights of ${what} add up to more than its maximum size`)
  if (total > maxGroupWeight) refuse('resourceExhausted', `the weights of ${what} add up to more than ${maxGroupWeight}`)
  const group = existing ?? new Group(id, maxSize)
  group.setMembers(members)
  profile.groups.set(id, group)
}

export const readMembers = (pipeline: BoundPipeline, query: p4.v1.IActionProfileMember): p4.v1.IEntity[] =>
  chosenProfiles(pipeline, query.actionProfileId).flatMap(({ id, profile, tables }) => {
    const table = tables[0]
    if (table === undefined) return []
    return [...profile.members.values()].filter(member => (query.memberId ?? 0) === 0 || member.id === query.memberId)
      .map((member): p4.v1.IEntity => ({ actionProfileMember: { actionProfileId: id, memberId: member.id, action: encodeAction(table, member, pipeline) } }))
  })

export const readGroups = (pipeline: BoundPipeline, query: p4.v1.IActionProfileGroup): p4.v1.IEntity[] =>
  chosenProfiles(pipeline, query.actionProfileId).flatMap(({ id, profile }) =>
    [...profile.groups.values()].filter(group => (query.groupId ?? 0) === 0 || group.id === query.groupId).map((group): p4.v1.IEntity => ({
      actionProfileGroup: {
        actionProfileId: id, groupId: group.id, maxSize: group.maxSize,
        members: group.members.map(({ member, weight }) => ({ memberId: member.id, weight })),
      },
    })))

const chosenProfiles = (pipeline: BoundPipeline, id: number | null | undefined): BoundProfile[] =>
  (id ?? 0) === 0 ? [...pipeline.profiles.values()] : [profileOf(pipeline, id)]

/** What the action of an entry of an indirect table means. One-shot sets become a group that belongs to the entry. */
export const decodeIndirect = (bound: BoundTable, action: p4.v1.ITableAction, pipeline: BoundPipeline): Target => {
  const { profile } = bound.table
  const name = bound.info.actionProfile?.name ?? ''
  if (profile === null) return refuse('internal', `table ${bound.info.name} has no action profile`)
  if (action.actionProfileMemberId) {
    const id = action.actionProfileMemberId
    return { kind: 'member', member: profile.members.get(id) ?? refuse('notFound', `there is no member ${id} of ${name}`) }
  }
  if (action.actionProfileGroupId) {
    const id = action.actionProfileGroupId
    const group = profile.groups.get(id) ?? refuse('notFound', `there is no group ${id} of ${name}`)
    return { kind: 'group', group }
  }
  const set = action.actionProfileActionSet
  if (!set) return refuse('invalidArgument', `table ${bound.info.name} needs a member, a group or a set of actions of ${name}`)
  if (profile.def.selector === null) refuse('invalidArgument', `${name} has no selector and so no sets of actions`)
  if (profile.members.size > 0 || profile.groups.size > 0) refuse('invalidArgument', `${name} is programmed with members and groups`)
  if (set.groupAction || (set.actionSelectionMode ?? 0) !== 0 || (set.sizeSemantics ?? 0) !== 0) {
    refuse('unimplemented', `${name}: group actions, selection modes and size semantics are not supported`)
  }
  const parts = set.actionProfileActions ?? []
  if (parts.length === 0) refuse('unimplemented', `${name}: an empty set of actions is not supported`)
  const max = bound.info.actionProfile?.maxGroupSize ?? 0
  let total = 0
  const members = parts.map((part): WeightedMember => {
    const weight = part.weight ?? 0
    if (weight < 1) refuse('invalidArgument', `${name}: the weight of an action is not positive`)
    total += weight
    refuseWatch(part, name)
    if (!part.action) return refuse('invalidArgument', `${name}: a part of the set has no action`)
    return { member: profile.makeMember(0, decodeAction(bound, part.action, false)), weight }
  })
  if (max > 0 && total > max) refuse('invalidArgument', `${name}: the weights add up to more than ${max}`)
  if (total > maxGroupWeight) refuse('resourceExhausted', `${name}: the weights add up to more than ${maxGroupWeight}`)
  const group = new Group(oneShotId, 0)
  group.setMembers(members)
  return { kind: 'group', group }
}
/** Groups of one-shot sets have no id of their own. */
const oneShotId = 0

/** Keeps count of who uses members and groups; call with the entry before and after it changes. */
export const hold = (entry: TableEntry, by: 1 | -1, bound: BoundTable): void => {
  if (entry.member !== null) (entry.member as Member).references += by
  if (entry.group === null) return
  entry.group.references += by
  if (entry.group.id === oneShotId && bound.table.profile !== null) bound.table.profile.oneShots += by
}

export const encodeIndirect = (bound: BoundTable, entry: TableEntry, pipeline: BoundPipeline): p4.v1.ITableAction => {
  if (entry.member !== null) return { actionProfileMemberId: entry.member.id }
  const { group } = entry
  if (group === null) return {}
  if (group.id !== oneShotId) return { actionProfileGroupId: group.id }
  const actionProfileActions = group.members.map(({ member, weight }) => ({ action: encodeAction(bound, member, pipeline), weight }))
  return { actionProfileActionSet: { actionProfileActions } }
}
