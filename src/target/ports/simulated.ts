/**
 * Ports with a simulated host on each: the quick start's network, and a network for tests whose time stands still.
 * Frames take `latencyMs` in either direction and never arrive within the call that sends them, so that the pipeline is
 * not re-entered.
 */
import type { Logger } from '../../base/logger.js'
import { silentLogger } from '../../base/logger.js'
import type { Millis } from '../../base/clock.js'
import { SwitchError } from '../../base/errors.js'
import { formatIpv4 } from '../../packet/address.js'
import { PortTally } from './counters.js'
import type { PortCounters, PortDriver } from './port-driver.js'
import { type HostStatistics, type PingOptions, type PingResult, SimulatedHost } from './simulated-host.js'
import type { SimulatedPortsSpec } from './spec.js'
import { realTimers, type Timers } from './timers.js'

/** The periodic pings from one host to another, so far. */
export interface PairStatistics {
  readonly from: string; readonly to: string
  sent: number; received: number
  /** Of the last one; null if it was lost. */
  lastRoundTripMs: Millis | null
}

interface Port { readonly port: number; readonly host: SimulatedHost; readonly tally: PortTally; up: boolean }

export class SimulatedPortDriver implements PortDriver {
  /** Called after each periodic ping, with its pair's statistics. */
  onPing: ((pair: PairStatistics) => void) | null = null
  readonly #ports = new Map<number, Port>()
  readonly #byName = new Map<string, Port>()
  readonly #pairs: { readonly from: SimulatedHost; readonly to: SimulatedHost; readonly statistics: PairStatistics }[] = []
  readonly #timers: Timers
  readonly #log: Logger
  readonly #latency: Millis
  readonly #pingInterval: Millis | null
  #onFrame: ((port: number, frame: Uint8Array) => void) | null = null
  #cancelPings = (): void => {}

  /** Throws a SwitchError for an address that is none and for names or ports given twice. */
  constructor(spec: SimulatedPortsSpec, options: { readonly log?: Logger; readonly timers?: Timers } = {}) {
    this.#timers = options.timers ?? realTimers
    this.#log = options.log ?? silentLogger
    this.#latency = spec.latencyMs ?? 0
    this.#pingInterval = spec.pings?.intervalMs ?? null
    for (const hostSpec of spec.hosts) {
      const { port, name } = hostSpec
      if (this.#ports.has(port) || this.#byName.has(name)) {
        throw new SwitchError('config.simulatedHost', `simulated host '${name}' on port ${port}: name or port is given twice`)
      }
      const entry: Port = { port, up: true, tally: new PortTally(), host: new SimulatedHost(hostSpec, this.#timers, (frame) => this.#fromHost(entry, frame)) }
      this.#ports.set(port, entry)
      this.#byName.set(name, entry)
    }
    const hosts = [...this.#ports.values()].map((entry) => entry.host)
    if (hosts.length > 1) {
      hosts.forEach((from, i) => {
        const to = hosts[(i + 1) % hosts.length]!
        this.#pairs.push({ from, to, statistics: { from: from.name, to: to.name, sent: 0, received: 0, lastRoundTripMs: null } })
      })
    }
  }

  /** One host, by name, pings an address; see SimulatedHost.ping. */
  ping(from: string, toIp: string, count: number, options: PingOptions = {}): Promise<PingResult> {
    const entry = this.#byName.get(from)
    if (entry === undefined) return Promise.reject(new SwitchError('config.simulatedHost', `there is no simulated host '${from}'`))
    return entry.host.ping(toIp, count, options)
  }

  pairs(): readonly PairStatistics[] { return this.#pairs.map((pair) => pair.statistics) }
  hostStatistics(name: string): HostStatistics | null { return this.#byName.get(name)?.host.statistics ?? null }
  hosts(): readonly { readonly port: number; readonly name: string; readonly mac: bigint; readonly ip: string }[] {
    return [...this.#ports.values()].map(({ port, host }) => ({ port, name: host.name, mac: host.mac, ip: formatIpv4(host.ip) }))
  }

  /** Pulls the cable or plugs it in. */
  setLink(port: number, up: boolean): void {
    const entry = this.#ports.get(port)
    if (entry !== undefined) entry.up = up
  }

  async start(onFrame: (port: number, frame: Uint8Array) => void): Promise<void> {
    this.#onFrame = onFrame
    if (this.#pingInterval !== null) this.#schedulePings(this.#pingInterval)
  }

  send(port: number, frame: Uint8Array): void {
    const entry = this.#ports.get(port)
    if (entry === undefined) return
    if (!entry.up) {
      entry.tally.txDropped++
      return
    }
    entry.tally.sent(frame.length)
    const kept = frame.slice()
    this.#timers.after(this.#latency, () => { if (this.#onFrame !== null && entry.up) entry.host.receive(kept) })
  }

  counters(port: number): PortCounters | null { return this.#ports.get(port)?.tally.toCounters() ?? null }
  links(): ReadonlyMap<number, boolean> { return new Map([...this.#ports.values()].map(({ port, up }) => [port, up])) }

  async stop(): Promise<void> {
    this.#cancelPings()
    this.#onFrame = null
    for (const { host } of this.#ports.values()) host.stop()
  }

  #fromHost(entry: Port, frame: Uint8Array): void {
    this.#timers.after(this.#latency, () => {
      if (this.#onFrame === null || !entry.up) return
      entry.tally.received(frame.length)
      this.#onFrame(entry.port, frame)
    })
  }

  #schedulePings(interval: Millis): void {
    this.#cancelPings = this.#timers.after(interval, () => {
      for (const { from, to, statistics } of this.#pairs) {
        void from.ping(formatIpv4(to.ip), 1, { timeoutMs: interval }).then((result) => {
          statistics.sent++
          statistics.received += result.received
          statistics.lastRoundTripMs = result.roundTripsMs[0] ?? null
          this.#log.debug({ from: from.name, to: to.name, roundTripMs: statistics.lastRoundTripMs }, 'ping')
          this.onPing?.(statistics)
        })
      }
      this.#schedulePings(interval)
    })
  }
}
