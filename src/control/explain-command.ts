/** `ofswitchd/explain BRIDGE FLOW [VERSION]`: whether a flow would be accepted, and if not, by which rule and for which reasons. */
import type { Explanation } from '../datapath/index.js'
import { FlowTextError, readFlowMod, Version } from '../openflow/index.js'
import type { ErrorName, FlowMod } from '../openflow/model.js'
import { formatInstructions, formatMatch } from '../openflow/text.js'
import { called, refuse } from './commands.js'
import type { ControlledSwitch } from './controlled-switch.js'
import { parsePortName } from './port-names.js'
import type { Command } from './unixctl-server.js'

export interface ExplainingSwitch extends ControlledSwitch {
  explain(flowMod: FlowMod, version: number): Promise<Explanation>
}

export const explainCommand = (switches: readonly ExplainingSwitch[]): Command => ({
  name: 'ofswitchd/explain', usage: 'bridge flow [OpenFlow10…OpenFlow15]', min: 2, max: 3, run: (args) => explain(switches, args),
})

/** Where the specification lists the errors of a kind, with what each means. */
const CLAUSES: readonly (readonly [string, string])[] = [
  ['OFPBRC_', 'a request that cannot be: OF 1.3.5 §7.5.4.2'], ['OFPBAC_', 'an action: OF 1.3.5 §7.5.4.3'], ['OFPBIC_', 'an instruction: OF 1.3.5 §7.5.4.4'],
  ['OFPBMC_', 'the match: OF 1.3.5 §7.5.4.5'], ['OFPFMFC_', 'the flow entry: OF 1.3.5 §7.5.4.6'],
]

async function explain(switches: readonly ExplainingSwitch[], [bridge = '', text = '', versionText = 'OpenFlow13']: readonly string[]): Promise<string> {
  const sw = called(switches, bridge, `${bridge}: unknown bridge`)
  const version = Object.entries(Version).find(([name]) => `OpenFlow${name.slice(2)}` === versionText)?.[1] ?? refuse(`${versionText}: unknown version`)
  let flowMod: FlowMod
  try {
    flowMod = readFlowMod('add', text, (name) => parsePortName(name, sw.ports()))
  } catch (error) {
    if (error instanceof FlowTextError) return error.refusal === null ? refuse(`cannot be read: ${error.message}`) : refused(error.refusal, [error.message])
    throw error
  }
  const match = formatMatch(flowMod.match)
  const flow = `table=${flowMod.tableId}, priority=${flowMod.priority}${match === '' ? '' : `,${match}`} actions=${formatInstructions(flowMod.instructions)}`
  const verdict = await sw.explain(flowMod, version)
  switch (verdict.kind) {
    case 'accepted': return `${flow}\naccepted`
    case 'waits': return `${flow}\ncannot be told while a change that it depends on is under way`
    case 'refused': return `${flow}\n${refused(verdict.error, verdict.reasons)}`
  }
}

function refused(error: ErrorName, reasons: readonly string[]): string {
  const clause = CLAUSES.find(([prefix]) => error.startsWith(prefix))?.[1]
  return [`refused with ${error}${clause === undefined ? '' : ` (${clause})`}`, ...reasons.map((reason) => `  ${reason}`)].join('\n')
}
