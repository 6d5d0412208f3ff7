/**
 * Other ports for a running switch, where they are Linux interfaces. Ports that stay are not touched. Flows and groups that
 * name a port which comes, goes or gets another P4 number were compiled with what it was, so then the target is written anew.
 */
import type { Config, PortConfig } from '../config/index.js'
import type { Datapath, GroupRecord } from '../datapath/index.js'
import type { Action, Instructions, Match } from '../openflow/index.js'
import type { SwitchLoop } from './switch-loop.js'
import type { Target } from './target.js'

export interface PortReloadParts {
  readonly target: Target
  /** Of whoever needs to know; changed here. */
  readonly targetPorts: Map<number, number>
  readonly loop: SwitchLoop
  readonly rewrite: (reason: string) => void
}

/** Whether the ports of this configuration can be taken over from that one while running. */
export function portsMayChange(running: Config, wanted: Config): boolean {
  const captures = [...running.ports, ...wanted.ports].some(({ pcap }) => pcap !== undefined)
  return running.target.kind !== 'simulated' && wanted.target.kind !== 'simulated' && !captures
}

/** Rejects with SwitchError, and then the ports are those before. */
export async function changePorts(ports: readonly PortConfig[], { target, targetPorts, loop, rewrite }: PortReloadParts): Promise<void> {
  const { changePorts: change } = target
  if (change === null) return
  const { removed, added } = await change(ports)
  const before = new Map(targetPorts)
  targetPorts.clear()
  for (const { number, p4Port } of ports) targetPorts.set(number, p4Port)
  for (const portNo of removed) loop.feed({ kind: 'port_removed', portNo })
  for (const port of added) loop.feed({ kind: 'port_changed', port })
  const other = new Set([...before.keys(), ...targetPorts.keys()].filter((portNo) => before.get(portNo) !== targetPorts.get(portNo)))
  if (other.size > 0 && isReferredTo(loop.datapath, other)) rewrite('flows or groups name ports that have changed')
}

function isReferredTo(datapath: Pick<Datapath, 'flows' | 'groups'>, ports: ReadonlySet<number>): boolean {
  const inMatch = (match: Match): boolean => match.some(({ field, value }) => (field === 'in_port' || field === 'in_phy_port') && ports.has(Number(value)))
  const inActions = (actions: readonly Action[] | null): boolean =>
    actions?.some((action) => ((action.type === 'output' || action.type === 'enqueue') && ports.has(action.port))
      || (action.type === 'set_field' && action.field === 'in_port')) ?? false
  const inInstructions = ({ apply, write }: Instructions): boolean => inActions(apply) || inActions(write)
  const inGroup = ({ buckets }: GroupRecord): boolean => buckets.some(({ actions, watchPort }) => inActions(actions) || ports.has(watchPort))
  for (const { record } of datapath.flows()) if (inMatch(record.match) || inInstructions(record.instructions)) return true
  return datapath.groups().some(inGroup)
}
