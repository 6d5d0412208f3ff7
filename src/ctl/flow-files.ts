/** Flows as text that can be kept, compared and put back: save-flows, diff-flows, replace-flows. */
import { matchKey, readFlow, type FlowText, type PortNumbers } from '../openflow/index.js'
import { type FlowMod, type FlowStats, Table } from '../openflow/model.js'
import { FlowModFlag } from '../openflow/model.js'
import { formatInstructions, formatMatch } from '../openflow/text.js'

/** A flow without what changes while it works. */
export type SavedFlow = Pick<FlowMod, 'tableId' | 'priority' | 'match' | 'cookie' | 'idleTimeout' | 'hardTimeout' | 'importance' | 'flags' | 'instructions'>

export const savedOf = (flow: FlowStats | SavedFlow): SavedFlow => {
  const { tableId, priority, match, cookie, idleTimeout, hardTimeout, importance, flags, instructions } = flow
  return { tableId, priority, match, cookie, idleTimeout, hardTimeout, importance, flags, instructions }
}

const flagNames: readonly (readonly [number, string])[] = [
  [FlowModFlag.SEND_FLOW_REM, 'send_flow_rem'], [FlowModFlag.RESET_COUNTS, 'reset_counts'], [FlowModFlag.NO_PKT_COUNTS, 'no_packet_counts'],
  [FlowModFlag.NO_BYT_COUNTS, 'no_byte_counts'],
]

/** As readSaved() reads it. */
export function formatSaved(flow: SavedFlow, withCookie = true): string {
  const match = formatMatch(flow.match)
  const head = [
    withCookie && flow.cookie !== 0n && `cookie=0x${flow.cookie.toString(16)}`, `table=${flow.tableId}`, flow.idleTimeout > 0 && `idle_timeout=${flow.idleTimeout}`,
    flow.hardTimeout > 0 && `hard_timeout=${flow.hardTimeout}`, flow.importance > 0 && `importance=${flow.importance}`,
    ...flagNames.map(([bit, name]) => (flow.flags & bit) !== 0 && name), `priority=${flow.priority}`, match !== '' && match,
  ]
  return `${head.filter((part) => part !== false).join(',')} actions=${formatInstructions(flow.instructions)}`
}

/** One flow a line; blank lines and what follows a # are left out. Throws FlowTextError with the number of the line. */
export function readSaved(text: string, ports: PortNumbers): readonly SavedFlow[] {
  return text.split('\n').flatMap((line, at) => {
    const bare = line.replace(/#.*$/, '').trim()
    if (bare === '' || /^(OFPST|NXST)_FLOW reply/.test(bare)) return []
    try {
      const flow: FlowText = readFlow(bare, ports)
      return [savedOf({ ...flow, tableId: flow.table ?? 0 })]
    } catch (error) {
      if (error instanceof Error) error.message = `line ${at + 1}: ${error.message}`
      throw error
    }
  })
}

const keyOf = ({ tableId, priority, match }: SavedFlow): string => `${tableId} ${priority} ${matchKey(match)}`

/** Lines that begin with − are only in `old`, those with + only in `next`; a flow that differs has both. */
export function diffFlows(old: readonly SavedFlow[], next: readonly SavedFlow[]): readonly string[] {
  const before = new Map(old.map((flow) => [keyOf(flow), formatSaved(flow)]))
  const after = new Map(next.map((flow) => [keyOf(flow), formatSaved(flow)]))
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((key) => {
    const [was, is] = [before.get(key), after.get(key)]
    return was === is ? [] : [...(was === undefined ? [] : [`-${was}`]), ...(is === undefined ? [] : [`+${is}`])]
  })
}

/** What makes `old` into `next`, without touching what is the same. */
export function replacement(old: readonly SavedFlow[], next: readonly SavedFlow[], defaults: Omit<FlowMod, keyof SavedFlow | 'type' | 'command'>): readonly FlowMod[] {
  const before = new Map(old.map((flow) => [keyOf(flow), flow]))
  const after = new Map(next.map((flow) => [keyOf(flow), flow]))
  const mod = (command: FlowMod['command'], flow: SavedFlow): FlowMod => ({ type: 'flow_mod', command, ...defaults, ...flow })
  return [
    ...[...after].filter(([key, flow]) => {
      const was = before.get(key)
      return was === undefined || formatSaved(was) !== formatSaved(flow)
    }).map(([, flow]) => mod('add', flow)),
    ...[...before].filter(([key, { tableId }]) => !after.has(key) && tableId <= Table.MAX).map(([, flow]) => ({ ...mod('delete_strict', flow), cookie: 0n })),
  ]
}
