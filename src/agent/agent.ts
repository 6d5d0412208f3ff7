/**
 * The agent: reads the pipeline, opens the target and the controller connections, and joins them through the datapath.
 *
 *   channel ◀──▶ SwitchLoop (datapath, compiler) ◀──▶ Southbound ◀──▶ target
 */
import { readFile } from 'node:fs/promises'
import { messageOf, SwitchError } from '../base/errors.js'
import type { Logger } from '../base/logger.js'
import { ChannelSet } from '../channel/index.js'
import { Compiler, type Contract, ContractError, readContract } from '../compiler/index.js'
import type { Config } from '../config/index.js'
import { P4InfoError, P4InfoIndex } from '../p4info/index.js'
import { Session } from '../p4runtime/index.js'
import type { PortDriver } from '../target/ports/port-driver.js'
import { SwitchLoop } from './switch-loop.js'
import { openTarget, type Target } from './target.js'

export interface Agent {
  readonly channels: ChannelSet
  readonly target: Target
  /** Gives up what is in the target and writes everything again. */
  restartTarget(reason: string): void
  /** Resolves when the agent cannot go on. */
  readonly failed: Promise<Error>
  /** Ends the connections and the session; what is in the target stays there. */
  close(): Promise<void>
}

export interface AgentOptions {
  /** Ports for the embedded target in place of those that the configuration describes. */
  readonly ports?: PortDriver
}

/** Throws SwitchError with what is wrong: the pipeline's files, an interface, a port in use. */
export async function startAgent(config: Config, log: Logger, options: AgentOptions = {}): Promise<Agent> {
  const { p4info, deviceConfig, compiler } = await loadPipeline(config)
  const target = await openTarget(config, log, options.ports ?? null)
  const session = new Session({
    connect: () => target.connect(), deviceId: config.deviceId, p4info, deviceConfig, logger: log.child({ component: 'p4runtime' }),
    ...(config.electionId === null ? {} : { electionId: { high: 0n, low: BigInt(config.electionId) } }),
  })
  const loop = new SwitchLoop({ config, compiler, southbound: session, ports: target.ports, log })
  let channels: ChannelSet
  try {
    channels = new ChannelSet({
      controllers: config.controllers, listen: config.listen, versions: config.protocols, log: log.child({ component: 'channel' }),
      inactivityProbeMs: config.inactivityProbe, maxBackoffMs: config.maxBackoff, packetInRate: config.packetInRate, tls: config.tls,
    }, loop.channelEvents)
    await channels.start()
  } catch (error) {
    await target.close()
    throw error
  }
  loop.start(channels)
  const { name, tables } = compiler.contract
  log.info({ datapathId: config.datapathId.toString(16).padStart(16, '0'), pipeline: name, tables: tables.length, ports: config.ports.length }, 'ofswitchd is running')
  return {
    channels, target, failed: target.failed, restartTarget: (reason) => session.restart(reason),
    close: async () => {
      loop.stop()
      await channels.close()
      await session.close()
      await target.close()
    },
  }
}

async function loadPipeline(config: Config): Promise<{ p4info: string; deviceConfig: Uint8Array; compiler: Compiler }> {
  const { pipeline } = config
  const [p4info, deviceConfig] = await Promise.all([read(pipeline.p4info), read(pipeline.json)])
  const targetPorts = new Map(config.ports.map((port) => [port.number, port.p4Port]))
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
