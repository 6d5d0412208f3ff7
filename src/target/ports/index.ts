/** Port drivers of the embedded target: Linux interfaces, simulated hosts, memory; each can be captured to pcap files. */
import { type Logger, silentLogger } from '../../base/logger.js'
import { openLinuxPorts } from './linux.js'
import { MemoryPortDriver } from './memory.js'
import type { PortDriver } from './port-driver.js'
import { SimulatedPortDriver } from './simulated.js'
import type { PortsSpec } from './spec.js'
import { TapPortDriver } from './tap.js'
import type { Timers } from './timers.js'

export { MemoryPortDriver } from './memory.js'
export { PcapWriter, readPcap } from './pcap.js'
export type { PortCounters, PortDriver } from './port-driver.js'
export { SimulatedPortDriver, type PairStatistics } from './simulated.js'
export type { HostStatistics, PingOptions, PingResult } from './simulated-host.js'
export type * from './spec.js'
export { TapPortDriver } from './tap.js'
export { realTimers, type Timers, VirtualTimers } from './timers.js'

export interface PortDriverOptions { readonly log?: Logger; readonly timers?: Timers }

/** Opens what `spec` describes; rejects with a SwitchError 'target.ports…' that names what is missing. */
export async function createPortDriver(spec: PortsSpec, options: PortDriverOptions = {}): Promise<PortDriver> {
  const log = options.log ?? silentLogger
  const driver = await open(spec, log, options.timers)
  return spec.capture === undefined || spec.capture.length === 0 ? driver : new TapPortDriver(driver, spec.capture, log)
}

async function open(spec: PortsSpec, log: Logger, timers: Timers | undefined): Promise<PortDriver> {
  switch (spec.kind) {
    case 'linux': return openLinuxPorts(spec, log)
    case 'simulated': return new SimulatedPortDriver(spec, { log, ...(timers === undefined ? {} : { timers }) })
    case 'memory': return new MemoryPortDriver(spec.ports)
  }
}
