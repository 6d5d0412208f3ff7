/**
 * The agent: reads the pipeline, opens the target and the controller connections, and joins them through the datapath.
 *
 *   channel ◀──▶ SwitchLoop (datapath, compiler) ◀──▶ Southbound ◀──▶ target
 *
 * With several switches on the target everything but the target and its session is there for each of them (running-switch.ts).
 */
import { readFile } from 'node:fs/promises'
import { messageOf, SwitchError } from '../base/errors.js'
import type { Logger } from '../base/logger.js'
import type { ChannelSet } from '../channel/index.js'
import { Compiler, type Contract, ContractError, contractOf, readContract } from '../compiler/index.js'
import { switchesOf, type Config } from '../config/index.js'
import { openControlPoint, type ControlPoint } from '../control/index.js'
import type { HostView } from '../datapath/index.js'
import { P4InfoError, type ParsedP4Info, parseP4Info } from '../p4info/index.js'
import { Session } from '../p4runtime/index.js'
import type { PortDriver } from '../target/ports/port-driver.js'
import { controlledSwitch } from './controlled-switch.js'
import { changePorts, portsMayChange } from './port-reload.js'
import { channelOptions, checkFailMode, checkPortVlans, failModeOf, needRestart, portVlansOf, whySwitchesDiffer } from './reload.js'
import { openSwitch, type RunningSwitch } from './running-switch.js'
import { shareTarget } from './shared-target.js'
import { openTarget, type Target } from './target.js'

export interface Agent {
  /** Of the first switch. */
  readonly channels: ChannelSet
  readonly target: Target
  /** What NORMAL has learned, in this switch or the first one. */
  hosts(bridge?: string): readonly HostView[]
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
  /** From how many flows of a kind on twins are used, whatever the target. */
  readonly twinsFrom?: number
}

/** A twin costs BMv2 about as much as it takes to try so many ternary entries. */
const TWINS_FROM = 64

/** Throws SwitchError with what is wrong: the pipeline's files, an interface, a port in use. */
export async function startAgent(config: Config, log: Logger, options: AgentOptions = {}): Promise<Agent> {
  const wanted = switchesOf(config)
  const maps = wanted.map(({ ports }) => new Map(ports.map((port) => [port.number, port.p4Port])))
  const { p4info, deviceConfig, contract } = await loadPipeline(config, wanted.length)
  const compilers = maps.map((targetPorts, index) => new Compiler({
    contract: contractOf(contract, { index, count: wanted.length, weights: wanted.map(({ share }) => share) }), targetPorts, twinsFrom: options.twinsFrom ?? (config.target.kind === 'remote' ? TWINS_FROM : null),
    isOthers: (port) => maps.some((map, other) => other !== index && [...map.values()].includes(port)),
  }))
  /** Throws where the pipeline cannot do what one of the switches is to do. */
  const check = (configs: readonly Config[]): void => configs.forEach((one, index) => {
    checkFailMode(one, compilers[index]!)
    checkPortVlans(one, compilers[index]!)
  })
  check(wanted)
  const target = options.target ?? await openTarget(config, log, options.ports ?? null)
  const session = new Session({
    connect: () => target.connect(), deviceId: config.deviceId, p4info, deviceConfig, logger: log.child({ component: 'p4runtime' }),
    // Numbers and room in the target are shared out by it: a target that other switches have divided is begun anew.
    ...(wanted.length === 1 ? {} : { layout: JSON.stringify(wanted.map(({ bridge, share }) => (share === 1 ? bridge : [bridge, share]))) }),
    ...(config.electionId === null ? {} : { electionId: { high: 0n, low: BigInt(config.electionId) } }),
  })
  const southbounds = shareTarget(session, wanted.length)
  const speaking = new Set<number>()
  let tellReady = (): void => {}
  const ready = new Promise<void>((resolve) => { tellReady = resolve })
  let tellClosed = (): void => {}
  const closed = new Promise<void>((resolve) => { tellClosed = resolve })
  const switches: RunningSwitch[] = []
  let control: ControlPoint | null = null
  try {
    for (const [index, one] of wanted.entries()) {
      switches.push(await openSwitch({
        config: one, compiler: compilers[index]!, southbound: southbounds[index]!, ports: target.ports[index]!, targetPorts: maps[index]!,
        session, embedded: target.embedded, program: { p4info: p4info.text, deviceConfig }, log: wanted.length === 1 ? log : log.child({ bridge: one.bridge }),
        onSpeaking: () => { if (speaking.add(index).size === wanted.length) tellReady() },
      }))
    }
    const { onExit } = options
    const exit = onExit === undefined ? null : (): Promise<void> => {
      onExit()
      return closed
    }
    if (config.rundir !== null) {
      const controlled = switches.map((one) => controlledSwitch({ ...one, log, session, exit }))
      control = await openControlPoint(config.rundir, config.controlName, controlled, log.child({ component: 'control' }))
    }
    for (const one of switches) one.start()
  } catch (error) {
    for (const one of switches) await one.close()
    await target.close()
    throw error
  }
  const [first] = switches as [RunningSwitch]
  for (const { config: { datapathId, ports }, log: own } of switches) {
    own.info({ datapathId: datapathId.toString(16).padStart(16, '0'), pipeline: contract.name, tables: contract.tables.length, ports: ports.length }, 'ofswitchd is running')
  }
  return {
    channels: first.channels, target, ready, hosts: (bridge) => (switches.find((one) => one.config.bridge === bridge) ?? first).loop.datapath.hosts(), flushHosts: () => { for (const { loop } of switches) loop.feed({ kind: 'flush_hosts' }) }, failed: target.failed, restartTarget: (reason) => session.restart(reason),
    reload: async (next) => {
      const left = whySwitchesDiffer(config, next)
      if (left !== null) return [left]
      const others = switchesOf(next)
      check(others)
      refuseVirtualPorts(next, contract)
      const takesPorts = target.changePorts !== null && portsMayChange(config, next)
      for (const [index, one] of switches.entries()) {
        await one.standby.reconfigure(channelOptions(others[index]!), async () => {
          if (takesPorts && index === 0) await changePorts(others.map(({ ports }) => ports), { target, switches, vlans: others.map(portVlansOf), rewrite: (reason) => session.restart(reason) })
        })
        one.channels.reloadKeys()
        one.loop.feed({ kind: 'port_vlans', vlans: portVlansOf(others[index]!) })
        one.loop.feed({ kind: 'fail_mode', config: failModeOf(others[index]!) })
      }
      return needRestart(config, next).filter((key) => !key.endsWith('ports') || !takesPorts)
    },
    close: async () => {
      for (const one of switches) await one.close()
      await session.close()
      await target.close()
      tellClosed()
      await control?.close()
    },
  }
}

async function loadPipeline(config: Config, switches: number): Promise<{ p4info: ParsedP4Info; deviceConfig: Uint8Array; contract: Contract }> {
  const { pipeline } = config
  const [text, deviceConfig] = await Promise.all([read(pipeline.p4info), read(pipeline.json)])
  try {
    const p4info = parseP4Info(text.toString('utf8'))
    const contract = readContract(p4info.index)
    if (contract.cpuPort !== config.cpuPort) {
      throw new SwitchError('config.pipeline', `${pipeline.p4info}: the pipeline's CPU port is ${contract.cpuPort}, the configuration says ${config.cpuPort}`)
    }
    refuseVirtualPorts(config, contract)
    if (switches > contract.instances) throw new SwitchError('config.instances', `${pipeline.p4info}: the pipeline has room for ${contract.instances} switch${contract.instances === 1 ? '' : 'es'}, the configuration asks for ${switches}`)
    return { p4info, deviceConfig, contract }
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
