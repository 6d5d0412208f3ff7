/**
 * A whole switch on either target, without root: the agent with an OpenFlow client over TCP, the embedded target in its
 * thread or BMv2 in its process, and ports whose far ends are method calls.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startAgent, type Agent } from '../../src/agent/agent.js'
import { DriverPortMonitor } from '../../src/agent/port-monitor.js'
import { silentLogger } from '../../src/base/logger.js'
import { checkConfig, noSource, type Config } from '../../src/config/index.js'
import { GrpcService, type P4RuntimeService } from '../../src/p4runtime/index.js'
import { Bmv2, whyNoBmv2 } from '../unit/target/bmv2.js'
import { firstClient, startSwitch, type OpenFlowClient } from './switch-rig.js'

export interface WholeSwitch {
  readonly agent: Agent
  readonly client: OpenFlowClient
  readonly listenPort: number
  /** Another client of the target's P4Runtime service; whoever asks closes it. */
  connect(): P4RuntimeService
  /** False where the port takes no frame: its link is down. */
  inject(port: number, frame: Uint8Array): boolean
  /** What came out since the last call, in order for each port. */
  take(): readonly { readonly port: number; readonly frame: Uint8Array }[]
  setLink(port: number, up: boolean): void
  /** Resident bytes of the target's process; null where it is this one. */
  targetMemory(): number | null
  close(): Promise<void>
}

export interface WholeTarget {
  readonly name: string
  readonly skip: string | false
  start(config?: Partial<Config>): Promise<WholeSwitch>
}

const PORTS = [1, 2, 3, 4, 5] as const

const embedded: WholeTarget = {
  name: 'the embedded target', skip: false,
  start: async (config = {}) => {
    const { agent, client, listenPort, ports, close } = await startSwitch({ config })
    return {
      agent, client, listenPort, close, connect: () => agent.target.connect(), inject: (port, frame) => ports.inject(port, frame), take: () => ports.take(),
      setLink: (port, up) => ports.setLink(port, up), targetMemory: () => null,
    }
  },
}

/** For an agent on a BMv2 that the test owns; closing the agent leaves BMv2 as it is. */
export async function startOnBmv2(bmv2: Bmv2, links: ReadonlyMap<number, boolean>, config: Partial<Config> = {}): Promise<Agent> {
  const file = (suffix: string): string => join(process.cwd(), `p4/ofswitchd${suffix}`)
  const ports = PORTS.map((port) => ({ portNo: port, p4Port: port, name: `p${port}`, hwAddr: 0x0200_0000_0100n + BigInt(port) }))
  const monitor = await DriverPortMonitor.open(ports, { links: () => links, counters: () => null })
  return await startAgent({
    ...checkConfig(noSource, null, process.cwd()), target: { kind: 'simulated', hosts: [] },
    ports: PORTS.map((number) => ({ number, interface: `p${number}`, p4Port: number })), controllers: [],
    listen: [{ transport: 'tcp', passive: true, host: '127.0.0.1', port: 0 }], pipeline: { p4info: file('.p4info.txtpb'), json: file('.json') }, ...config,
  }, silentLogger, {
    target: { connect: () => new GrpcService(bmv2.address), ports: [monitor], failed: new Promise(() => {}), embedded: null, changePorts: null, close: () => monitor.stop() },
  })
}

const onBmv2: WholeTarget = {
  name: 'BMv2', skip: whyNoBmv2(),
  start: async (config = {}) => {
    const bmv2 = await Bmv2.start()
    const links = new Map<number, boolean>(PORTS.map((port) => [port, true]))
    try {
      const agent = await startOnBmv2(bmv2, links, config)
      const { client, listenPort } = await firstClient(agent)
      await bmv2.ready()
      return {
        agent, client, listenPort, connect: () => new GrpcService(bmv2.address),
        inject: (port, frame) => {
          if (links.get(port) !== true) return false
          bmv2.inject({ id: 0, port, frame })
          return true
        },
        take: () => {
          const { outputs } = bmv2
          bmv2.outputs = []
          // BMv2 does not know of the links, and sends on a port that is down; the wire does not.
          return outputs.filter(({ port }) => links.get(port) === true)
        },
        setLink: (port, up) => { links.set(port, up) },
        targetMemory: () => residentBytes(bmv2.processId),
        close: async () => {
          client.close()
          await agent.close()
          await bmv2.stop()
        },
      }
    } catch (error) {
      await bmv2.stop()
      throw error
    }
  },
}

/** The embedded target first: it is always there. */
export const wholeTargets: readonly WholeTarget[] = [embedded, onBmv2]

function residentBytes(processId: number | undefined): number | null {
  const kilobytes = processId === undefined ? null : /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${processId}/status`, 'utf8'))
  return kilobytes === null ? null : Number(kilobytes[1]) * 1024
}
