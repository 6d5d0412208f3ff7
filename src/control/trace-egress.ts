/**
 * Egress processing in a trace: for each port that a copy was to leave by, which flows it met there. What they did to it shows in what
 * leaves. OF 1.5.1 §5.1
 */
import { formatAction, formatActions, formatMatch } from '../openflow/text.js'
import type { PortDesc } from '../openflow/model.js'
import { add, type TraceNode } from './trace-tree.js'
import type { EgressVisit } from './traced-packet.js'

export function tellEgress(list: TraceNode[], visits: readonly EgressVisit[], ports: readonly PortDesc[]): void {
  for (const { port, tables } of visits) {
    const below = add(list, 'table', `--. Egress processing for port ${ports.find(({ portNo }) => portNo === port)?.name ?? port}:`)
    for (const { tableId, flow } of tables) {
      if (flow === null) {
        add(add(below, 'table', `${tableId}. No match.`), 'action', 'drop')
        continue
      }
      const match = formatMatch(flow.match)
      const rule = [...(match === '' ? [] : [match]), `priority ${flow.priority}`, ...(flow.cookie === 0n ? [] : [`cookie 0x${flow.cookie.toString(16)}`])].join(', ')
      const actions = add(below, 'table', `${tableId}. ${rule}`)
      const { meter, apply, clear, write, gotoTable } = flow.instructions
      if (meter !== null) add(actions, 'action', `meter:${meter}`)
      for (const action of apply ?? []) add(actions, 'action', formatAction(action))
      if (clear) add(actions, 'action', 'clear_actions')
      if (write !== null && write.length > 0) add(actions, 'action', `write_actions(${formatActions(write)})`)
      if (gotoTable !== null) add(actions, 'action', `goto_table:${gotoTable}`)
      else if (!clear) add(actions, 'action', `output:${port}`)
    }
  }
}
