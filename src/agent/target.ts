/**
 * The target that the configuration names: how to reach its P4Runtime service, and what is known of its ports.
 */
import { switchesOf, type Config, type PortConfig } from '../config/index.js'
import { SwitchError, messageOf } from '../base/errors.js'
import type { Logger } from '../base/logger.js'
import { parseMac } from '../packet/index.js'
import { GrpcService, type P4RuntimeService } from '../p4runtime/index.js'
import { spawnTarget, type SpawnedTarget } from '../target/index.js'
import type { PortDriver } from '../target/ports/port-driver.js'
import type { PortsSpec } from '../target/ports/spec.js'
import { DriverPortMonitor, type PortChanges, PortMonitor, type PortSource } from './port-monitor.js'

export interface Target {
  /** A new service for each attempt to connect. */
  connect(): P4RuntimeService
  /** For each switch. */
  readonly ports: readonly PortSource[]
  /** Resolves when the target cannot go on (its process or thread ended). */
  readonly failed: Promise<Error>
  readonly embedded: SpawnedTarget | null
  /** Other ports, a list for each switch; null where they cannot change. Rejects with SwitchError, and then has those before. */
  readonly changePorts: ((ports: readonly (readonly PortConfig[])[]) => Promise<readonly PortChanges[]>) | null
  close(): Promise<void>
}

/** Throws SwitchError: an interface that does not exist, no right to open it … */
export async function openTarget(config: Config, log: Logger, own: PortDriver | null): Promise<Target> {
  const { target } = config
  if (target.kind === 'remote') return openRemote(config, `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`, log)
  const spawned = await spawnTarget({ ports: own ?? portsSpec(config), deviceId: config.deviceId, cpuPort: config.cpuPort, log: log.child({ component: 'target' }) })
  try {
    const monitors = target.kind === 'simulated' ? null : await linuxPorts(config, log)
    const ports = monitors ?? [await simulatedPorts(config, spawned)]
    let open = config.ports
    return {
      connect: () => spawned.connect(), ports, failed: spawned.failed, embedded: spawned,
      changePorts: monitors === null || own !== null ? null : async (wanted) => {
        await openInterfaces(spawned, wanted.flat())
        try {
          const changes = await changeAll(monitors, wanted)
          open = wanted.flat()
          return changes
        } catch (error) {
          await openInterfaces(spawned, open)
          throw error
        }
      },
      close: async () => {
        await stopAll(ports)
        await spawned.close()
      },
    }
  } catch (error) {
    await spawned.close()
    throw error
  }
}

async function openRemote(config: Config, address: string, log: Logger): Promise<Target> {
  const ports = await linuxPorts(config, log)
  return {
    connect: () => new GrpcService(address), ports, failed: new Promise(() => {}), embedded: null,
    // The target's own ports are its operator's business.
    changePorts: (wanted) => changeAll(ports, wanted), close: () => stopAll(ports),
  }
}

const watched = (port: PortConfig): { readonly portNo: number; readonly name: string } => ({ portNo: port.number, name: port.interface })
const opened = (port: PortConfig): { readonly port: number; readonly name: string } => ({ port: port.p4Port, name: port.interface })

async function openInterfaces(spawned: SpawnedTarget, ports: readonly PortConfig[]): Promise<void> {
  try {
    await spawned.driver.setInterfaces(ports.map(opened))
  } catch (error) {
    throw new SwitchError('target.portsInterface', messageOf(error), { cause: error })
  }
}

async function linuxPorts(config: Config, log: Logger): Promise<readonly PortMonitor[]> {
  const monitors: PortMonitor[] = []
  try {
    for (const { ports } of switchesOf(config)) monitors.push(await PortMonitor.open(ports.map(watched), { log: log.child({ component: 'ports' }) }))
  } catch (error) {
    await stopAll(monitors)
    throw error
  }
  return monitors
}
const stopAll = async (ports: readonly PortSource[]): Promise<void> => { for (const one of ports) await one.stop() }

/** All of them, or none. */
async function changeAll(monitors: readonly PortMonitor[], wanted: readonly (readonly PortConfig[])[]): Promise<readonly PortChanges[]> {
  const changes: PortChanges[] = []
  const before = monitors.map((monitor) => monitor.watched())
  try {
    for (const [index, monitor] of monitors.entries()) changes.push(await monitor.change((wanted[index] ?? []).map(watched)))
    return changes
  } catch (error) {
    for (const index of changes.keys()) await monitors[index]?.change(before[index] ?? [])
    throw error
  }
}

function portsSpec(config: Config): PortsSpec {
  const { target } = config
  if (target.kind === 'simulated') {
    const hosts = target.hosts.map(({ name, port, mac, ipv4 }) => ({ port: p4PortOf(config, port), name, mac, ip: ipv4 }))
    return { kind: 'simulated', hosts, pings: { intervalMs: 1000 } }
  }
  return {
    kind: 'linux', interfaces: config.ports.map(opened),
    capture: config.ports.flatMap(({ p4Port, pcap }) => (pcap === undefined ? [] : [{ port: p4Port, path: pcap }])),
  }
}

async function simulatedPorts(config: Config, spawned: SpawnedTarget): Promise<PortSource> {
  const hosts = config.target.kind === 'simulated' ? config.target.hosts : []
  const ports = hosts.map(({ name, port, mac }) => {
    const address = parseMac(mac)
    if (address === null) throw new SwitchError('config.value', `host ${name}: '${mac}' is not a MAC address`)
    // The switch's own end of the link: locally administered, so that it differs from the host's address.
    return { portNo: port, p4Port: p4PortOf(config, port), name, hwAddr: address ^ (2n << 40n) }
  })
  return DriverPortMonitor.open(ports, spawned.driver)
}

const p4PortOf = (config: Config, portNo: number): number => config.ports.find((port) => port.number === portNo)?.p4Port ?? portNo
