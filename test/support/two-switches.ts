/**
 * Two switches on one target that the test owns, embedded or BMv2: br1 with ports 1, 2, 3 (P4 ports 1, 2, 3) and br2 with ports
 * 1, 2 (P4 ports 4, 5). P4 port 6 is of neither.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAgent, type Agent } from '../../src/agent/agent.js'
import { DriverPortMonitor } from '../../src/agent/port-monitor.js'
import { silentLogger } from '../../src/base/logger.js'
import { checkConfig, noSource, type Config } from '../../src/config/index.js'
import { GrpcService, type P4RuntimeService } from '../../src/p4runtime/index.js'
import { createInProcessTarget } from '../../src/target/index.js'
import { Bmv2, whyNoBmv2 } from '../unit/target/bmv2.js'
import { eventually, OpenFlowClient } from './switch-rig.js'

export const NAMES = ['br1', 'br2'] as const
export type Name = typeof NAMES[number]
type Ports = Readonly<Record<Name, readonly (readonly [portNo: number, p4Port: number])[]>>
const PORTS: Ports = { br1: [[1, 1], [2, 2], [3, 3]], br2: [[1, 4], [2, 5]] }

/** A target that outlives its agents. */
export interface OwnedTarget {
  connect(): P4RuntimeService
  /** What has come out since the last call, of what has been put in before. */
  inject(port: number, frame: Uint8Array): void
  take(): readonly { readonly port: number; readonly frame: Uint8Array }[]
  close(): Promise<void>
}
export interface OwnedTargetKind { readonly name: string; readonly skip: string | false; start(): Promise<OwnedTarget> }

export const ownedTargets: readonly OwnedTargetKind[] = [
  {
    name: 'the embedded target', skip: false,
    start: () => {
      const target = createInProcessTarget()
      let outputs: { readonly port: number; readonly frame: Uint8Array }[] = []
      return Promise.resolve({
        connect: () => target.target.connect(), inject: (port, frame) => { outputs.push(...target.inject(port, frame)) },
        take: () => {
          // Its clock stands still otherwise, and digests wait for it.
          target.advance(500)
          const taken = [...outputs, ...target.take()]
          outputs = []
          return taken
        },
        close: () => target.target.close(),
      })
    },
  },
  {
    name: 'BMv2', skip: whyNoBmv2(),
    start: async () => {
      const bmv2 = await Bmv2.start()
      let id = 0
      return {
        connect: () => new GrpcService(bmv2.address), inject: (port, frame) => { bmv2.inject({ id: ++id, port, frame }) },
        take: () => {
          const { outputs } = bmv2
          bmv2.outputs = []
          return outputs
        },
        close: () => bmv2.stop(),
      }
    },
  },
]

export class TwoSwitches {
  readonly target: OwnedTarget
  readonly rundir = mkdtempSync(join(tmpdir(), 'ofs-two-'))
  #agent: Agent | null = null
  #clients = new Map<Name, OpenFlowClient>()

  constructor(target: OwnedTarget) { this.target = target }

  client(name: Name): OpenFlowClient {
    const client = this.#clients.get(name)
    assert.ok(client !== undefined, `there is no client of ${name}`)
    return client
  }

  async start(given: Ports = PORTS, shares: Readonly<Record<Name, number>> = { br1: 1, br2: 1 }): Promise<void> {
    const monitors = await Promise.all(NAMES.map((name) => DriverPortMonitor.open(
      given[name].map(([portNo, p4Port]) => ({ portNo, p4Port, name: `${name}p${portNo}`, hwAddr: 0x0200_0000_0100n + BigInt(p4Port) })),
      { links: () => new Map([1, 2, 3, 4, 5].map((port) => [port, true])), counters: () => null })))
    const agent = this.#agent = await startAgent(configOf(this.rundir, given, shares), silentLogger, {
      target: {
        connect: () => this.target.connect(), failed: new Promise(() => {}), embedded: null, changePorts: null,
        ports: monitors, close: async () => { for (const monitor of monitors) await monitor.stop() },
      },
    })
    await agent.ready
    for (const name of NAMES) await this.connect(name)
  }

  async connect(name: Name, version = 4): Promise<OpenFlowClient> {
    this.#clients.get(name)?.close()
    const client = await OpenFlowClient.connect(join(this.rundir, `${name}.mgmt`), version)
    // Asks for asynchronous messages, as a management connection has to.
    client.send({ type: 'set_config', flags: 0, missSendLen: 0xffff })
    this.#clients.set(name, client)
    return client
  }

  /** How many hosts a switch has learned. */
  hosts(name: Name): number { return this.#agent?.hosts(name).length ?? 0 }

  /** The agent goes; what is in the target stays. */
  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.close()
    this.#clients.clear()
    await this.#agent?.close()
    this.#agent = null
  }

  /** Puts a frame in and waits for as many as are expected; what comes besides is found by the next call at the latest. */
  async exchange(p4Port: number, frame: Uint8Array, expected: readonly string[]): Promise<void> {
    const seen: string[] = []
    const look = (): void => { for (const out of this.target.take()) seen.push(`${out.port} ${Buffer.from(out.frame).toString('hex')}`) }
    look()
    assert.deepEqual(seen, [], 'frames that nobody expected')
    this.target.inject(p4Port, frame)
    await eventually(() => {
      look()
      return seen.length >= expected.length ? seen : undefined
    }, () => `only ${seen.join(' | ')} of ${expected.join(' | ')} came out`)
    assert.deepEqual(seen.sort(), [...expected].sort())
  }

  async close(): Promise<void> {
    await this.stop()
    await this.target.close()
    rmSync(this.rundir, { recursive: true, force: true })
  }
}

function configOf(rundir: string, given: Ports, shares: Readonly<Record<Name, number>>): Config {
  const instances = NAMES.map((name, index) => ({
    name, share: shares[name], datapathId: `000000000000000${index + 1}`, ports: given[name].map(([number, p4Port]) => ({ number, interface: `${name}p${number}`, p4Port })),
  }))
  const file = (suffix: string): string => join(process.cwd(), `p4/ofswitchd${suffix}`)
  const values = { rundir, instances, pipeline: { p4info: file('.p4info.txtpb'), json: file('.json') } }
  return checkConfig({ ...noSource, values }, null, process.cwd())
}
