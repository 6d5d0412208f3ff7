/**
 * The agent: reads the pipeline, opens the target and the controller connections, and joins them through the datapath.
 *
 *   channel ◀──▶ SwitchLoop (datapath, compiler) ◀──▶ Southbound ◀──▶ target
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, SwitchError } from '../base/errors.js'
import type { Logger } from '../base/logger.js'
import { ChannelSet } from '../channel/index.js'
import { Compiler, type Contract, ContractError, readContract } from '../compiler/index.js'
import type { Config } from '../config/index.js'
import { openControlPoint, type ControlPoint } from '../control/index.js'
import type { HostView } from '../datapath/index.js'
import { P4InfoError, P4InfoIndex } from '../p4info/index.js'
import { Session } from '../p4runtime/index.js'
import type { PortDriver } from '../target/ports/port-driver.js'
import { controlledSwitch } from './controlled-switch.js'
import { changePorts, portsMayChange } from './port-reload.js'
import { channelOptions, checkFailMode, failModeOf, needRestart } from './reload.js'
import { Standby } from './standby.js'
import { SwitchLoop } from './switch-loop.js'
import { openTarget, type Target } from './target.js'
import { Tracer } from './tracer.js'

export interface Agent {
  readonly channels: ChannelSet
  readonly target: Target
  /** What NORMAL has learned. */
  hosts(): readonly HostView[]
  flushHosts(): void
  /** Gives up what is in the target and writes everything again. */
  restartTarget(reason: string): void
  /**
   * Resolves when the target has had everything for the first time. Before that the switch connects to no controller, and
   * who connects to it waits; see channel/door.ts.
   */
  readonly ready: Promise<void>
  /** Resolves when the agent cannot go on. */
  readonly failed: Promise<Error>
  /**
   * Takes over what may change in a running switch, see reload.ts, without a loss of flows or of connections that it does
   * not concern; resolves with the keys that only a restart takes over. Rejects with SwitchError, and then nothing changes.
   */
  reload(config: Config): Promise<readonly string[]>
  /** Ends the connections and the session; what is in the target stays there. */
  close(): Promise<void>
}

export interface AgentOptions {
  /** Ports for the embedded target in place of those that the configuration describes. */
  readonly ports?: PortDriver
  /** Called when someone on the control socket asks the program to end; without it that is refused. */
  readonly onExit?: () => void
  /** A target of the caller's in place of the one that the configuration names; the agent closes it. */
  readonly target?: Target
}

/** Throws SwitchError with what is wrong: the pipeline's files, an interface, a port in use. */
export async function startAgent(config: Config, log: Logger, options: AgentOptions = {}): Promise<Agent> {
  const targetPorts = new Map(config.ports.map((port) => [port.number, port.p4Port]))
  const { p4info, deviceConfig, compiler } = await loadPipeline(config, targetPorts)
  checkFailMode(config, compiler)
  const target = options.target ?? await openTarget(config, log, options.ports ?? null)
  const session = new Session({
    connect: () => target.connect(), deviceId: config.deviceId, p4info, deviceConfig, logger: log.child({ component: 'p4runtime' }),
    ...(config.electionId === null ? {} : { electionId: { high: 0n, low: BigInt(config.electionId) } }),
  })
  const loop = new SwitchLoop({ config, compiler, southbound: session, ports: target.ports, targetPorts, log })
  const tracer = new Tracer({
    compiler, session, datapath: loop.datapath, embedded: target.embedded, program: { p4info, deviceConfig }, cpuPort: config.cpuPort,
    targetPorts, log: log.child({ component: 'trace' }),
  })
  let opened: ChannelSet | null = null
  let tellReady = (): void => {}
  const ready = new Promise<void>((resolve) => { tellReady = resolve })
  let tellClosed = (): void => {}
  const closed = new Promise<void>((resolve) => { tellClosed = resolve })
  let control: ControlPoint | null = null
  let standby: Standby | null = null
  try {
    // With an election id it is one of several, and must not be heard before it is known to be the one.
    const isAlone = config.electionId === null
    const channels = opened = new ChannelSet({
      ...(isAlone ? channelOptions(config) : Standby.quiet(channelOptions(config))), waits: true, log: log.child({ component: 'channel' }),
      ...(config.rundir === null ? {} : { snoop: { path: join(config.rundir, `${config.bridge}.snoop`), choose: (ids) => mostImportant(loop, ids) } }),
    }, loop.channelEvents)
    await channels.start()
    const { onExit } = options
    const exit = onExit === undefined ? null : (): Promise<void> => {
      onExit()
      return closed
    }
    if (config.rundir !== null) {
      const sw = controlledSwitch({ config, targetPorts, log, loop, channels, session, tracer, exit })
      control = await openControlPoint(config.rundir, config.controlName, sw, log.child({ component: 'control' }))
    }
    const turns = standby = new Standby(channels, channelOptions(config), isAlone, log.child({ component: 'standby' }))
    loop.onTurn = (speaks) => {
      if (!speaks) return turns.beQuiet()
      channels.begin()
      turns.speak()
      tellReady()
    }
    loop.start(channels)
  } catch (error) {
    await opened?.close()
    await target.close()
    throw error
  }
  const channels = opened
  const { name, tables } = compiler.contract
  log.info({ datapathId: config.datapathId.toString(16).padStart(16, '0'), pipeline: name, tables: tables.length, ports: config.ports.length }, 'ofswitchd is running')
  return {
    channels, target, ready, hosts: () => loop.datapath.hosts(), flushHosts: () => loop.feed({ kind: 'flush_hosts' }), failed: target.failed, restartTarget: (reason) => session.restart(reason),
    reload: async (wanted) => {
      checkFailMode(wanted, compiler)
      refuseVirtualPorts(wanted, compiler.contract)
      const takesPorts = target.changePorts !== null && portsMayChange(config, wanted)
      await standby?.reconfigure(channelOptions(wanted), async () => {
        if (takesPorts) await changePorts(wanted.ports, { target, targetPorts, loop, rewrite: (reason) => session.restart(reason) })
      })
      channels.reloadKeys()
      loop.feed({ kind: 'fail_mode', config: failModeOf(wanted) })
      return needRestart(config, wanted).filter((key) => key !== 'ports' || !takesPorts)
    },
    close: async () => {
      loop.stop()
      standby?.close()
      await channels.close()
      await tracer.close()
      await session.close()
      await target.close()
      tellClosed()
      await control?.close()
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

async function loadPipeline(config: Config, targetPorts: ReadonlyMap<number, number>): Promise<{ p4info: string; deviceConfig: Uint8Array; compiler: Compiler }> {
  const { pipeline } = config
  const [p4info, deviceConfig] = await Promise.all([read(pipeline.p4info), read(pipeline.json)])
  try {
    const contract = readContract(P4InfoIndex.parse(p4info.toString('utf8')))
    if (contract.cpuPort !== config.cpuPort) {
      throw new SwitchError('config.pipeline', `${pipeline.p4info}: the pipeline's CPU port is ${contract.cpuPort}, the configuration says ${config.cpuPort}`)
    }
    refuseVirtualPorts(config, contract)
    return { p4info: p4info.toString('utf8'), deviceConfig, compiler: new Compiler({ contract, targetPorts }) }
  } catch (error) {
    if (error instanceof ContractError || error instanceof P4InfoError) throw new SwitchError('config.pipeline', `${pipeline.p4info}: ${error.message}`, { cause: error })
    throw error
  }
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new SwitchError('config.pipeline', `cannot read the pipeline: ${messageOf(error)}`, { cause: error })
  }
}

/** Port numbers that the pipeline uses for itself cannot be ports of the switch. */
function refuseVirtualPorts(config: Config, { cpuPort, nullPort, continuation }: Contract): void {
  const taken = config.ports.filter(({ p4Port }) =>
    p4Port === cpuPort || p4Port === nullPort || (continuation !== null && p4Port >= continuation.firstPort && p4Port <= continuation.lastPort))
  if (taken.length === 0) return
  const names = taken.map(({ p4Port, interface: name }) => `${p4Port}@${name}`).join(', ')
  throw new SwitchError('config.ports', `the pipeline uses these port numbers itself: ${names}; give the ports other P4 port numbers`)
}
