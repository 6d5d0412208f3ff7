/**
 * What the switch says of its ports: descriptions, link state, statistics.
 *
 *   /sys/class/net/<interface> ── every 100 ms ──▶ PortMonitor ──▶ onChange(PortDesc)     (BMv2, Linux ports)
 *   PortDriver.links(), counters() ──────────────▶ DriverPortMonitor ──▶ the same         (simulated hosts)
 *
 * Only the flags and the carrier are read each time, asynchronously: `carrier` waits for the kernel's network lock, which
 * may be held for milliseconds. `operstate` needs no lock but can lag behind by a second. Needs no privileges.
 * Descriptions: OF 1.3.5 §7.2.1; statistics: §7.3.5.6. What cannot be known is 0 in a description and all ones in a counter.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Millis, monotonicNow } from '../base/clock.js'
import { SwitchError, messageOf } from '../base/errors.js'
import { type Logger, silentLogger } from '../base/logger.js'
import { PortConfig, type PortDesc, type PortStats, PortState } from '../openflow/model.js'
import { parseMac } from '../packet/index.js'
import type { PortCounters } from '../target/ports/port-driver.js'
import { Repeating } from './repeating.js'

export interface PortSource {
  /** Called after ports() has changed, with the new description; never from within a call of ours. */
  onChange: ((port: PortDesc) => void) | null
  ports(): readonly PortDesc[]
  /** null: no such port. */
  statistics(portNo: number): Promise<PortStats | null>
  stop(): Promise<void>
}

/** A port that has another interface is both. */
export interface PortChanges { readonly removed: readonly number[]; readonly added: readonly PortDesc[] }

export interface PortMonitorOptions {
  readonly log?: Logger
  readonly intervalMs?: Millis
  /** Where the interfaces are; a test gives its own. */
  readonly sysClassNet?: string
  readonly now?: () => Millis
}

const INTERVAL_MS = 100
/** Rounds between looks at what changes seldom without the link going down: address, speed. */
const SLOW_ROUNDS = 20
const UNAVAILABLE = 2n ** 64n - 1n

interface Watched { readonly portNo: number; readonly name: string; readonly since: Millis; desc: PortDesc; fast: string; present: boolean }

/** Ports that are Linux interfaces. */
export class PortMonitor implements PortSource {
  onChange: ((port: PortDesc) => void) | null = null
  readonly #root: string
  readonly #log: Logger
  readonly #now: () => Millis
  readonly #scans: Repeating
  #watched: Watched[] = []
  #round = 0

  private constructor(options: PortMonitorOptions) {
    this.#root = options.sysClassNet ?? '/sys/class/net'
    this.#log = options.log ?? silentLogger
    this.#now = options.now ?? monotonicNow
    this.#scans = repeatedly(options, () => this.#scan(), this.#log)
  }

  /** Reads every interface once and then watches. Rejects with SwitchError 'target.portsInterface' if one does not exist. */
  static async open(ports: readonly { readonly portNo: number; readonly name: string }[], options: PortMonitorOptions = {}): Promise<PortMonitor> {
    const monitor = new PortMonitor(options)
    const missing: string[] = []
    for (const { portNo, name } of ports) {
      const fast = await monitor.#readFast(name)
      if (fast === null) missing.push(`port ${portNo}: there is no network interface '${name}'`)
      else monitor.#watched.push({ portNo, name, since: monitor.#now(), desc: await monitor.#describe(portNo, name, fast), fast, present: true })
    }
    if (missing.length > 0) throw new SwitchError('target.portsInterface', missing.join('; '))
    monitor.#scans.start()
    return monitor
  }

  /** Other ports; those that stay are not touched. Rejects as open() does, and then has those before. */
  async change(ports: readonly { readonly portNo: number; readonly name: string }[]): Promise<PortChanges> {
    const before = this.#watched
    const missing: string[] = []
    const watched = await Promise.all(ports.map(async ({ portNo, name }) => {
      const known = before.find((port) => port.portNo === portNo && port.name === name)
      if (known !== undefined) return known
      const fast = await this.#readFast(name)
      if (fast === null) missing.push(`port ${portNo}: there is no network interface '${name}'`)
      return { portNo, name, since: this.#now(), desc: await this.#describe(portNo, name, fast ?? ''), fast: fast ?? '', present: true }
    }))
    if (missing.length > 0) throw new SwitchError('target.portsInterface', missing.join('; '))
    this.#watched = watched
    return {
      removed: before.filter((port) => !watched.includes(port)).map(({ portNo }) => portNo),
      added: watched.filter((port) => !before.includes(port)).map(({ desc }) => desc),
    }
  }

  /** What change() would have to be given to change nothing. */
  watched(): readonly { readonly portNo: number; readonly name: string }[] { return this.#watched.map(({ portNo, name }) => ({ portNo, name })) }
  ports(): readonly PortDesc[] { return this.#watched.map((port) => port.desc) }

  async statistics(portNo: number): Promise<PortStats | null> {
    const port = this.#watched.find((candidate) => candidate.portNo === portNo)
    if (port === undefined) return null
    const read = async (counter: string): Promise<bigint> => {
      const text = await this.#read(port.name, join('statistics', counter))
      return text !== null && /^\d+$/.test(text) ? BigInt(text) : UNAVAILABLE
    }
    const [rxPackets, txPackets, rxBytes, txBytes, rxDropped, txDropped, rxErrors, txErrors, rxFrameErr, rxOverErr, rxCrcErr, collisions] =
      await Promise.all(['rx_packets', 'tx_packets', 'rx_bytes', 'tx_bytes', 'rx_dropped', 'tx_dropped', 'rx_errors', 'tx_errors',
        'rx_frame_errors', 'rx_over_errors', 'rx_crc_errors', 'collisions'].map(read)) as Twelve
    return {
      portNo, rxPackets, txPackets, rxBytes, txBytes, rxDropped, txDropped, rxErrors, txErrors, rxFrameErr, rxOverErr, rxCrcErr, collisions,
      ...duration(this.#now() - port.since), properties: NO_PROPERTIES,
    }
  }

  stop(): Promise<void> { return this.#scans.stop() }

  async #scan(): Promise<void> {
    const slow = ++this.#round % SLOW_ROUNDS === 0
    await Promise.all(this.#watched.map(async (port) => {
      const fast = await this.#readFast(port.name)
      if (fast === port.fast && !slow) return
      if (fast === null && !port.present) return
      port.fast = fast ?? ''
      this.#tellPresence(port, fast !== null)
      const desc = fast === null
        ? { ...port.desc, state: PortState.LINK_DOWN, curr: 0, currSpeed: 0 }
        : await this.#describe(port.portNo, port.name, fast)
      if (sameDesc(desc, port.desc)) return
      port.desc = desc
      if (!this.#scans.stopped && this.#watched.includes(port)) this.onChange?.(desc)
    }))
  }

  #tellPresence(port: Watched, present: boolean): void {
    if (port.present === present) return
    port.present = present
    if (present) this.#log.info({ port: port.portNo, interface: port.name }, 'network interface has come back')
    else this.#log.warn({ port: port.portNo, interface: port.name }, 'network interface has gone; its link counts as down')
  }

  /** Flags and carrier as text to compare; null if the interface does not exist. `carrier` cannot be read while it is down. */
  async #readFast(name: string): Promise<string | null> {
    const flags = await this.#read(name, 'flags')
    return flags === null ? null : `${flags} ${await this.#read(name, 'carrier') ?? '0'}`
  }

  async #describe(portNo: number, name: string, fast: string): Promise<PortDesc> {
    const [flags = '0', carrier] = fast.split(' ')
    const [address, speedText, duplex] = await Promise.all(['address', 'speed', 'duplex'].map((file) => this.#read(name, file)))
    const isUp = (Number(flags) & IFF_UP) !== 0
    const linkUp = isUp && carrier === '1'
    const speed = Number(speedText ?? -1)
    const known = linkUp && speed > 0 && speed < 0xffffffff / 1000
    return {
      portNo, name, hwAddr: parseMac(address ?? '') ?? 0n,
      config: isUp ? 0 : PortConfig.DOWN, state: linkUp ? PortState.LIVE : PortState.LINK_DOWN,
      curr: known ? featureOf(speed, duplex !== 'half') : 0, advertised: 0, supported: 0, peer: 0,
      currSpeed: known ? speed * 1000 : 0, maxSpeed: 0, properties: NO_PROPERTIES,
    }
  }

  async #read(name: string, file: string): Promise<string | null> {
    try {
      return (await readFile(join(this.#root, name, file), 'latin1')).trim()
    } catch {
      return null
    }
  }
}

export interface DriverPort {
  readonly portNo: number
  /** The driver's number for it. */
  readonly p4Port: number
  readonly name: string
  readonly hwAddr: bigint
}
/** A PortDriver, or one behind a worker thread. */
export interface DriverView {
  links(): ReadonlyMap<number, boolean> | Promise<ReadonlyMap<number, boolean>>
  counters(port: number): PortCounters | null | Promise<PortCounters | null>
}

/** Ports whose only knowledge is the port driver's: simulated hosts, memory. */
export class DriverPortMonitor implements PortSource {
  onChange: ((port: PortDesc) => void) | null = null
  readonly #driver: DriverView
  readonly #ports: readonly DriverPort[]
  readonly #now: () => Millis
  readonly #since: Millis
  readonly #scans: Repeating
  readonly #log: Logger
  #descs: PortDesc[] = []

  private constructor(ports: readonly DriverPort[], driver: DriverView, options: PortMonitorOptions) {
    this.#ports = ports
    this.#driver = driver
    this.#now = options.now ?? monotonicNow
    this.#since = this.#now()
    this.#log = options.log ?? silentLogger
    this.#scans = repeatedly(options, () => this.#scan(), this.#log)
  }

  static async open(ports: readonly DriverPort[], driver: DriverView, options: PortMonitorOptions = {}): Promise<DriverPortMonitor> {
    const monitor = new DriverPortMonitor(ports, driver, options)
    monitor.#descs = monitor.#describe(await driver.links())
    monitor.#scans.start()
    return monitor
  }

  ports(): readonly PortDesc[] { return this.#descs }

  async statistics(portNo: number): Promise<PortStats | null> {
    const port = this.#ports.find((candidate) => candidate.portNo === portNo)
    if (port === undefined) return null
    const counters = await this.#driver.counters(port.p4Port)
    const of = (counter: keyof PortCounters): bigint => counters?.[counter] ?? UNAVAILABLE
    return {
      portNo, rxPackets: of('rxPackets'), txPackets: of('txPackets'), rxBytes: of('rxBytes'), txBytes: of('txBytes'),
      rxDropped: of('rxDropped'), txDropped: of('txDropped'), rxErrors: 0n, txErrors: 0n, rxFrameErr: 0n, rxOverErr: 0n, rxCrcErr: 0n,
      collisions: 0n, ...duration(this.#now() - this.#since), properties: NO_PROPERTIES,
    }
  }

  stop(): Promise<void> { return this.#scans.stop() }

  async #scan(): Promise<void> {
    const before = this.#descs
    this.#descs = this.#describe(await this.#driver.links())
    this.#descs.forEach((desc, i) => {
      if (!this.#scans.stopped && !sameDesc(desc, before[i]!)) this.onChange?.(desc)
    })
  }

  #describe(links: ReadonlyMap<number, boolean>): PortDesc[] {
    return this.#ports.map(({ portNo, p4Port, name, hwAddr }) => ({
      portNo, name, hwAddr, config: 0, state: links.get(p4Port) ? PortState.LIVE : PortState.LINK_DOWN,
      curr: 0, advertised: 0, supported: 0, peer: 0, currSpeed: 0, maxSpeed: 0, properties: NO_PROPERTIES,
    }))
  }
}

const repeatedly = (options: PortMonitorOptions, scan: () => Promise<void>, log: Logger): Repeating =>
  new Repeating(options.intervalMs ?? INTERVAL_MS, scan, (error) => log.error({ reason: messageOf(error) }, 'cannot look at the ports'))

type Twelve = [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]

/** Neither optical nor recirculated. */
const NO_PROPERTIES: readonly never[] = []

/** netdevice(7) */
const IFF_UP = 1

const OTHER_SPEED = 1 << 10
/** ofp_port_features, by megabits a second: half duplex, full duplex. OF 1.3.5 §7.2.1 */
const speedFeatures: Readonly<Record<number, readonly [half: number, full: number]>> = {
  10: [1 << 0, 1 << 1], 100: [1 << 2, 1 << 3], 1000: [1 << 4, 1 << 5], 10_000: [OTHER_SPEED, 1 << 6], 40_000: [OTHER_SPEED, 1 << 7],
  100_000: [OTHER_SPEED, 1 << 8], 1_000_000: [OTHER_SPEED, 1 << 9],
}

const featureOf = (megabits: number, full: boolean): number => speedFeatures[megabits]?.[full ? 1 : 0] ?? OTHER_SPEED

const duration = (elapsed: Millis): { durationSec: number; durationNsec: number } =>
  ({ durationSec: Math.floor(elapsed / 1000), durationNsec: Math.floor((elapsed % 1000) * 1e6) })

const sameDesc = (a: PortDesc, b: PortDesc): boolean =>
  a.hwAddr === b.hwAddr && a.config === b.config && a.state === b.state && a.curr === b.curr && a.currSpeed === b.currSpeed
