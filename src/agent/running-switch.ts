/**
 * One OpenFlow switch of the agent: its loop, its connections, its part of the target. An agent has one, or several on one
 * target that know nothing of each other.
 */
import { join } from 'node:path'
import type { Logger } from '../base/logger.js'
import { ChannelSet } from '../channel/index.js'
import type { Compiler } from '../compiler/index.js'
import type { Config } from '../config/index.js'
import type { Southbound } from '../p4runtime/index.js'
import type { PortSource } from './port-monitor.js'
import { channelOptions } from './reload.js'
import { Standby } from './standby.js'
import { SwitchLoop } from './switch-loop.js'
import { Tracer, type TracerOptions } from './tracer.js'

export interface RunningSwitchOptions extends Pick<TracerOptions, 'session' | 'embedded' | 'program'> {
  /** Of this switch alone. */
  readonly config: Config
  readonly compiler: Compiler
  readonly southbound: Southbound
  readonly ports: PortSource
  readonly targetPorts: Map<number, number>
  readonly log: Logger
  /** Called when it speaks to controllers for the first time, and later again. */
  readonly onSpeaking: () => void
}

export interface RunningSwitch {
  readonly config: Config
  readonly compiler: Compiler
  readonly targetPorts: Map<number, number>
  readonly log: Logger
  readonly loop: SwitchLoop
  readonly tracer: Tracer
  readonly channels: ChannelSet
  readonly standby: Standby
  /** Starts the loop: the target is asked for, and what comes from it is dealt with. */
  start(): void
  /** Ends connections and traces; what is in the target stays there. */
  close(): Promise<void>
}

/** As long as a packet waits in the queues of BMv2, which has more threads than one; the embedded target has one. */
const GRACE_MS = 20

/** Rejects with SwitchError where an address to listen on cannot be had, and then nothing of it is open. */
export async function openSwitch(options: RunningSwitchOptions): Promise<RunningSwitch> {
  const { config, compiler, southbound, ports, targetPorts, session, embedded, program, log, onSpeaking } = options
  const loop = new SwitchLoop({ config, compiler, southbound, ports, targetPorts, log, graceMs: embedded === null ? GRACE_MS : 0 })
  const tracer = new Tracer({
    compiler, session, datapath: loop.datapath, embedded, program, cpuPort: config.cpuPort, targetPorts, log: log.child({ component: 'trace' }),
  })
  // With an election id it is one of several, and must not be heard before it is known to be the one.
  const isAlone = config.electionId === null
  const channels = new ChannelSet({
    ...(isAlone ? channelOptions(config) : Standby.quiet(channelOptions(config))), waits: true, log: log.child({ component: 'channel' }),
    ...(config.rundir === null ? {} : { snoop: { path: join(config.rundir, `${config.bridge}.snoop`), choose: (ids) => mostImportant(loop, ids) } }),
  }, loop.channelEvents)
  try {
    await channels.start()
  } catch (error) {
    await channels.close()
    throw error
  }
  const standby = new Standby(channels, channelOptions(config), isAlone, log.child({ component: 'standby' }))
  loop.onTurn = (speaks) => {
    if (!speaks) return standby.beQuiet()
    channels.begin()
    standby.speak()
    onSpeaking()
  }
  return {
    config, compiler, targetPorts, log, loop, tracer, channels, standby,
    start: () => { loop.start(channels) },
    close: async () => {
      loop.stop()
      standby.close()
      await channels.close()
      await tracer.close()
    },
  }
}

/** The connection that is worth watching: the master's, else one with equal rights, else any. */
function mostImportant(loop: SwitchLoop, ids: readonly number[]): number | null {
  const roles = new Map(loop.datapath.connections().map(({ id, role }) => [id, role]))
  for (const role of ['master', 'equal', 'slave'] as const) {
    const found = ids.find((id) => roles.get(id) === role)
    if (found !== undefined) return found
  }
  return null
}
