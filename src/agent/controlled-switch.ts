/** The switch as the commands of the control socket see it. */
import type { LogControl, Logger } from '../base/logger.js'
import type { ChannelSet } from '../channel/index.js'
import type { Config } from '../config/index.js'
import type { ExplainingSwitch, TracedSwitch } from '../control/index.js'
import type { Session } from '../p4runtime/index.js'
import type { SwitchLoop } from './switch-loop.js'
import type { Tracer } from './tracer.js'

/** A switch that has just started gets this long to reach its target. */
const SETTLE_MS = 5000

export interface ControlledParts {
  readonly config: Config
  readonly targetPorts: ReadonlyMap<number, number>
  readonly log: Logger | (Logger & { readonly control: LogControl })
  readonly loop: SwitchLoop
  readonly channels: ChannelSet
  readonly session: Session
  readonly tracer: Tracer
  readonly exit: TracedSwitch['exit']
}

export function controlledSwitch({ config, targetPorts, log, loop, channels, session, tracer, exit }: ControlledParts): TracedSwitch & ExplainingSwitch {
  const { target } = config
  return {
    bridge: config.bridge,
    target: target.kind === 'remote' ? `${target.host}:${target.port}` : 'embedded',
    version: config.description.software,
    log: 'control' in log ? log.control : null,
    ports: () => loop.datapath.ports(),
    targetPort: (portNo) => targetPorts.get(portNo) ?? null,
    groups: () => loop.datapath.groups(),
    hosts: () => (loop.datapath.features.normal ? loop.datapath.hosts() : null),
    vlansOf: (portNo) => loop.datapath.vlansOf(portNo),
    flushHosts: () => loop.feed({ kind: 'flush_hosts' }),
    flows: () => [...loop.datapath.flows()].map(({ record }) => record),
    hasEgress: () => loop.datapath.firstEgress !== null,
    trace: async (inPort, frame, start) => (await loop.settled(SETTLE_MS) ? tracer.trace(inPort, frame, start) : null),
    inject: (inPort, frame) => loop.inject(inPort, frame),
    packetOut: (inPort, frame, actions) => loop.packetOut(inPort, frame, actions),
    explain: async (flowMod, version) => {
      await loop.settled(SETTLE_MS)
      return loop.datapath.explain(flowMod, version)
    },
    request: (message) => loop.client.request(message),
    exit,
    totals: () => ({
      ...loop.totals(),
      ...Object.fromEntries(Object.entries(session.statistics).map(([name, total]) => [`p4runtime_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`, total])),
      channel_turned_away: channels.status().turnedAway,
    }),
    sizes: () => ({
      connections: channels.status().connections.length, flows: [...loop.datapath.flows()].length, groups: loop.datapath.groups().length,
      pending_changes: loop.datapath.pendingChanges, ports: loop.datapath.ports().length,
    }),
  }
}
