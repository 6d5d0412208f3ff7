/**
 * What a switch says it can do, and hence which refusals are its right: a flow or group that asks for nothing beyond its
 * table features must be taken (OF 1.3.5 §7.3.5.5). Also names what a flow is about, for counting.
 */
import { Port, type Action, type Match, type TableFeatures } from '../../src/openflow/index.js'
import type { ModelFlow, ModelGroup } from './switch.js'

const nameOf = (action: Action): string => (action.type === 'set_field' ? `set ${action.field}` : action.type)

/** Each thing that a flow asks for: `match ipv6_exthdr`, `apply push_pbb`, `write set ipv4_src` … */
export function partsOfFlow({ match, instructions }: ModelFlow): string[] {
  const { apply, write, writeMetadata, clear, gotoTable, meter } = instructions
  return [...new Set([
    ...partsOfMatch(match),
    ...(apply ?? []).map((action) => `apply ${nameOf(action)}`), ...(write ?? []).map((action) => `write ${nameOf(action)}`),
    ...meter === null ? [] : ['meter'], ...clear ? ['clear_actions'] : [], ...writeMetadata === null ? [] : ['write_metadata'], ...gotoTable === null ? [] : ['goto_table'],
  ])]
}
const partsOfMatch = (match: Match): string[] => match.map(({ field, mask }) => `match ${field}${mask === null ? '' : ' masked'}`)

export const partsOfGroup = ({ groupType, buckets }: ModelGroup): string[] =>
  [...new Set([`group ${groupType}`, ...buckets.flatMap(({ actions }) => actions.map((action) => `bucket ${nameOf(action)}`))])]

export const partsOfPacketOut = (actions: readonly Action[], inPort: number): string[] => [...new Set([
  inPort === Port.CONTROLLER ? 'packet-out from the controller' : 'packet-out from a port',
  ...actions.map((action) => `packet-out ${action.type === 'output' && action.port === Port.TABLE ? 'output to the tables' : nameOf(action)}`),
])]

/** The parts that the features of the table leave out. */
export function beyondFeatures(parts: readonly string[], table: TableFeatures): string[] {
  const settable = (list: 'apply' | 'write'): readonly string[] => (list === 'apply' ? table.applySetField : table.writeSetField)
  return parts.filter((part) => {
    const [kind = '', name = '', more] = part.split(' ')
    switch (kind) {
      case 'match': return !table.match.some(({ field, maskable }) => field === name && (more === undefined || maskable))
      case 'apply': case 'write': {
        if (name === 'set') return !settable(kind).includes(more ?? '')
        return !(kind === 'apply' ? table.applyActions : table.writeActions).some((known) => known === name)
      }
      case 'meter': return !table.instructions.includes('meter')
      default: return false
    }
  })
}

/** A packet-out takes no metadata along to tables and groups (OFPBAC_UNSUPPORTED_ORDER). */
export function takesMetadataOn(actions: readonly Action[]): boolean {
  const copied = actions.findIndex((action) => action.type === 'copy_field' && action.dst === 'metadata')
  return copied >= 0 && actions.slice(copied).some((action) => action.type === 'group' || action.type === 'output' && action.port === Port.TABLE)
}

export const referredGroups = (actions: readonly Action[]): number[] => actions.flatMap((action) => (action.type === 'group' ? [action.groupId] : []))
