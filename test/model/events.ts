/**
 * What happens to a switch between two packets: port-mods, links, flow-mods and group-mods; what becomes of the model by them,
 * and how a switch is told. The model has no counters: what an event does to them is told beside it (`Recount`).
 */
import { BucketId, Group, Port, type Action, type FlowModCommand, type Instructions, type Match, type Message } from '../../src/openflow/index.js'
import { flowMod } from '../support/switch-rig.js'
import type { ModelFlow, ModelGroup, ModelSwitch, SaidIn } from './switch.js'

/** Of a deletion the instructions say nothing. `tableId` 255 in deletions: all. OF 1.3.5 §7.3.4.1 */
export interface FlowEvent extends Omit<ModelFlow, 'cookie'> {
  readonly kind: 'flow'; readonly command: FlowModCommand; readonly cookie: bigint
  readonly cookieMask?: bigint; readonly outPort?: number; readonly outGroup?: number; readonly flags?: number
}
export type ModelEvent =
  | { readonly kind: 'port'; readonly portNo: number; readonly config: number }
  | { readonly kind: 'link'; readonly portNo: number; readonly up: boolean }
  | FlowEvent
  | { readonly kind: 'group'; readonly command: 'modify' | 'delete'; readonly group: ModelGroup }

/** Counters of flows and groups that go, or begin anew. */
export interface Recount { readonly flows: readonly ModelFlow[]; readonly groups: readonly number[]; readonly buckets: readonly number[] }
const NOTHING: Recount = { flows: [], groups: [], buckets: [] }

/** A flow is its place in a table: what is put there goes on with the counters of what was there. OF 1.3.5 §6.4 */
export const flowKeyOf = ({ tableId, priority, match }: Pick<ModelFlow, 'tableId' | 'priority' | 'match'>): string =>
  `${tableId}/${priority}/${match.map(({ field, value, mask }) => `${field}=${value}/${mask}`).join()}`

const RESET_COUNTS = 4

export function after(sw: ModelSwitch, event: ModelEvent): { readonly sw: ModelSwitch; readonly recount: Recount } {
  switch (event.kind) {
    case 'port': return { sw: { ...sw, ports: sw.ports.map((port) => (port.portNo === event.portNo ? { ...port, config: event.config } : port)) }, recount: NOTHING }
    case 'link': return { sw: { ...sw, ports: sw.ports.map((port) => (port.portNo === event.portNo ? { ...port, linkUp: event.up } : port)) }, recount: NOTHING }
    case 'flow': return afterFlowMod(sw, event)
    case 'group': {
      const { groupId } = event.group
      // A change keeps the count of the group and begins those of its buckets anew; flows go with a deleted one. OF 1.3.5 §6.5
      if (event.command === 'modify') return { sw: { ...sw, groups: sw.groups.map((group) => (group.groupId === groupId ? event.group : group)) }, recount: { ...NOTHING, buckets: [groupId], groups: sw.habits?.has('groupsBeginAnew') === true ? [groupId] : [] } }
      const gone = sw.flows.filter((flow) => refersTo(flow, groupId))
      return {
        sw: { ...sw, groups: sw.groups.filter((group) => group.groupId !== groupId), flows: sw.flows.filter((flow) => !gone.includes(flow)) },
        recount: { flows: gone, groups: [groupId], buckets: [groupId] },
      }
    }
  }
}

const actionsOf = ({ instructions: { apply, write } }: ModelFlow) => [...apply ?? [], ...write ?? []]
const refersTo = (flow: ModelFlow, groupId: number): boolean => actionsOf(flow).some((action) => action.type === 'group' && action.groupId === groupId)

function afterFlowMod(sw: ModelSwitch, event: FlowEvent): { readonly sw: ModelSwitch; readonly recount: Recount } {
  const { command, tableId, priority, match, cookie, instructions } = event
  const resets = ((event.flags ?? 0) & RESET_COUNTS) !== 0
  if (command === 'add') {
    const key = flowKeyOf(event)
    const flow: ModelFlow = { tableId, priority, match, cookie, instructions, ...event.saidIn === undefined ? {} : { saidIn: event.saidIn } }
    const replaced = sw.flows.filter((each) => flowKeyOf(each) === key)
    return { sw: { ...sw, flows: [...sw.flows.filter((each) => !replaced.includes(each)), flow] }, recount: { ...NOTHING, flows: resets ? replaced : [] } }
  }
  const chosen = sw.flows.filter((flow) => isChosen(flow, event))
  if (command === 'delete' || command === 'delete_strict') return { sw: { ...sw, flows: sw.flows.filter((flow) => !chosen.includes(flow)) }, recount: { ...NOTHING, flows: chosen } }
  // Cookie and priority stay as they are. OF 1.3.5 §6.4
  return { sw: { ...sw, flows: sw.flows.map((flow) => (chosen.includes(flow) ? { ...flow, instructions } : flow)) }, recount: { ...NOTHING, flows: resets ? chosen : [] } }
}

/** OF 1.3.5 §6.4: strict or not, and what a deletion may ask for beside. */
function isChosen(flow: ModelFlow, { command, tableId, priority, match, cookie, cookieMask = 0n, outPort = Port.ANY, outGroup = Group.ANY }: FlowEvent): boolean {
  if (tableId !== 0xff && flow.tableId !== tableId) return false
  if ((flow.cookie & cookieMask) !== (cookie & cookieMask)) return false
  if (command === 'modify_strict' || command === 'delete_strict') {
    if (flow.priority !== priority || flowKeyOf({ ...flow, tableId: 0 }) !== flowKeyOf({ tableId: 0, priority, match })) return false
  } else if (!match.every((wanted) => isWithin(flow.match, wanted))) return false
  if (command === 'modify' || command === 'modify_strict') return true
  if (outPort !== Port.ANY && !actionsOf(flow).some((action) => action.type === 'output' && action.port === outPort)) return false
  return outGroup === Group.ANY || refersTo(flow, outGroup)
}

/** Whether every packet of the flow has what is wanted: its bits are looked at, and are the same. */
function isWithin(match: Match, { field, value, mask }: Match[number]): boolean {
  const own = match.find((each) => each.field === field)
  if (own === undefined) return false
  const ones = (1n << 128n) - 1n
  const wanted = mask ?? ones
  return ((own.mask ?? ones) & wanted) === wanted && (own.value & wanted) === (value & wanted)
}

export const groupMessage = ({ groupId, groupType, buckets }: ModelGroup, command: 'add' | 'modify' = 'add'): Message => ({
  type: 'group_mod', command, groupType, groupId, buckets: buckets.map((bucket, bucketId) => ({ ...bucket, bucketId })), commandBucketId: BucketId.ALL,
})

export const flowEventMessage = (event: FlowEvent, bufferId?: number): Message => {
  const { command, tableId, priority, match, cookie, instructions, cookieMask, outPort, outGroup, flags } = event
  const rest = { cookieMask, outPort, outGroup, flags, bufferId }
  return flowMod(tableId, priority, match, wordsOf(event, instructions), { command, cookie, ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) })
}

export const flowMessage = (flow: ModelFlow): Message => flowMod(flow.tableId, flow.priority, flow.match, wordsOf(flow, flow.instructions), { cookie: flow.cookie })

/** One SET_TP_* of 1.0 is about TCP and UDP where the match does not say which; the model has one set-field for each. */
export function wordsFor(saidIn: SaidIn | undefined, list: readonly Action[]): readonly Action[] {
  const isSecond = (at: number): boolean => {
    const [before, action] = [list[at - 1], list[at]]
    return before?.type === 'set_field' && action?.type === 'set_field' && before.value === action.value
      && (before.field === 'tcp_src' && action.field === 'udp_src' || before.field === 'tcp_dst' && action.field === 'udp_dst')
  }
  return saidIn === 1 ? list.filter((_, at) => !isSecond(at)) : list
}
const wordsOf = ({ saidIn }: Pick<ModelFlow, 'saidIn'>, instructions: Instructions): Instructions =>
  (instructions.apply === null ? instructions : { ...instructions, apply: wordsFor(saidIn, instructions.apply) })
