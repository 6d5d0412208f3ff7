/** The configuration that the rest of the program sees: complete, checked, every default filled in. */
import { hostname } from 'node:os'
import type { Endpoint } from '../base/endpoint.js'
import type { LogLevel } from '../base/logger.js'
import type { PortChoice, ConfigValues } from './schema.js'
import { wireVersions } from './fields.js'
import { defaultPipelineFiles, productVersion } from './package-files.js'

/** A host that lives in the switch's own process and answers ARP and ping; only the quick start has them. */
export interface SimulatedHost {
  readonly name: string
  /** OpenFlow number of the port it is attached to. */
  readonly port: number
  /** '00:00:00:00:00:01' */
  readonly mac: string
  /** '10.0.0.1' */
  readonly ipv4: string
}
export type TargetConfig =
  | { readonly kind: 'embedded' }
  | { readonly kind: 'remote'; readonly host: string; readonly port: number }
  | { readonly kind: 'simulated'; readonly hosts: readonly SimulatedHost[] }

/** `number` is the OpenFlow number (LOCAL is 0xfffffffe), `p4Port` that of the target. */
export type PortConfig = Readonly<PortChoice>

export interface Config {
  readonly target: TargetConfig
  readonly deviceId: number
  /** Null: the agent chooses one that is higher than that of an earlier run. */
  readonly electionId: number | null
  readonly datapathId: bigint
  readonly ports: readonly PortConfig[]
  readonly controllers: readonly Endpoint[]
  readonly listen: readonly Endpoint[]
  /** Wire versions, ascending: 1 = OpenFlow 1.0, 4 = OpenFlow 1.3. */
  readonly protocols: readonly number[]
  readonly failMode: 'secure'
  /** Milliseconds; 0 = no probes. */
  readonly inactivityProbe: number
  readonly maxBackoff: number
  /** Packet-ins a second for each connection, or null for no limit. */
  readonly packetInRate: number | null
  /** Absolute paths. */
  readonly pipeline: { readonly p4info: string; readonly json: string }
  readonly cpuPort: number
  readonly logLevel: LogLevel
  readonly description: { readonly manufacturer: string; readonly hardware: string; readonly software: string; readonly serialNumber: string; readonly datapath: string }
}

/** `resolvePath` makes the paths of the source they came from absolute. */
export function completeConfig(values: ConfigValues, resolvePath: (path: string) => string): Config {
  const { description } = values
  return {
    target: values.target,
    deviceId: values.deviceId,
    electionId: values.electionId ?? null,
    datapathId: values.datapathId,
    ports: values.ports,
    controllers: values.controllers,
    listen: values.listen,
    protocols: values.protocols.map((name) => wireVersions[name]).sort((a, b) => a - b),
    failMode: values.failMode,
    inactivityProbe: values.inactivityProbe,
    maxBackoff: values.maxBackoff,
    packetInRate: values.packetInRate ?? null,
    pipeline: values.pipeline === undefined
      ? defaultPipelineFiles()
      : { p4info: resolvePath(values.pipeline.p4info), json: resolvePath(values.pipeline.json) },
    cpuPort: values.cpuPort,
    logLevel: values.logLevel,
    description: {
      manufacturer: description.manufacturer ?? 'ofswitchd project',
      hardware: description.hardware ?? (values.target.kind === 'remote' ? 'P4Runtime target' : 'embedded P4 target'),
      software: description.software ?? `ofswitchd ${productVersion()}`,
      serialNumber: description.serialNumber ?? 'None',
      datapath: description.datapath ?? printable(hostname()),
    },
  }
}

const printable = (text: string): string => text.replace(/[^ -~]/g, '?').slice(0, 255)
