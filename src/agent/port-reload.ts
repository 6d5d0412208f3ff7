/**
 * Other ports for a running switch, where they are Linux interfaces. Ports that stay are not touched. Flows and groups that
 * name a port which comes, goes or gets another P4 number were compiled with what it was, so then the target is written anew.
 */
import type { PortVlans } from '../base/port-vlans.js'
import type { Config, PortConfig } from '../config/index.js'
import type { Datapath, GroupRecord } from '../datapath/index.js'
import type { Action, Instructions, Match } from '../openflow/index.js'
import type { SwitchLoop } from './switch-loop.js'
import type { Target } from './target.js'

export interface PortReloadParts {
  readonly target: Target
  /** `targetPorts`: of whoever needs to know; changed here. */
  readonly switches: readonly { readonly targetPorts: Map<number, number>; readonly loop: SwitchLoop }[]
  /** Of the ports of each switch, as they are to be. */
  readonly vlans: readonly ReadonlyMap<number, PortVlans>[]
  readonly rewrite: (reason: string) => void
}

/** Whether the ports of this configuration can be taken over from that one while running. */
export function portsMayChange(running: Config, wanted: Config): boolean {
  const captures = [...running.ports, ...wanted.ports].some(({ pcap }) => pcap !== undefined)
  return running.target.kind !== 'simulated' && wanted.target.kind !== 'simulated' && !captures
}

/** A list of ports for each switch. Rejects with SwitchError, and then the ports are those before. */
export async function changePorts(ports: readonly (readonly PortConfig[])[], { target, switches, vlans, rewrite }: PortReloadParts): Promise<void> {
  const { changePorts: change } = target
  if (change === null) return
  const changes = await change(ports)
  const before = switches.map(({ targetPorts }) => new Map(targetPorts))
  // A port is at no time without the VLANs that it had or will have.
  switches.forEach(({ loop }, index) => {
    const had = (changes[index]?.removed ?? []).flatMap((portNo) => {
      const before = loop.datapath.vlansOf(portNo)
      return before === null ? [] : [[portNo, before] as const]
    })
    loop.feed({ kind: 'port_vlans', vlans: new Map([...had, ...vlans[index] ?? []]) })
  })
  // All are told first, then those that lose ports, then those that get some: a port may go from one to another.
  switches.forEach(({ targetPorts }, index) => {
    targetPorts.clear()
    for (const { number, p4Port } of ports[index] ?? []) targetPorts.set(number, p4Port)
  })
  switches.forEach(({ loop }, index) => { for (const portNo of changes[index]?.removed ?? []) loop.feed({ kind: 'port_removed', portNo }) })
  switches.forEach(({ loop }, index) => { for (const port of changes[index]?.added ?? []) loop.feed({ kind: 'port_changed', port }) })
  const isStale = switches.some(({ loop, targetPorts }, index) => {
    const had = before[index] ?? new Map<number, number>()
    const other = new Set([...had.keys(), ...targetPorts.keys()].filter((portNo) => had.get(portNo) !== targetPorts.get(portNo)))
    return other.size > 0 && isReferredTo(loop.datapath, other)
  })
  const moved = switches.some(({ targetPorts }, index) => before.some((map, other) => other !== index && [...map.values()].some((port) => [...targetPorts.values()].includes(port))))
  if (isStale || moved) rewrite('flows or groups name ports that have changed')
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
