/** The configuration that the rest of the program sees: complete, checked, every default filled in. */
import { hostname } from 'node:os'
import type { Endpoint } from '../base/endpoint.js'
import type { LogLevel } from '../base/logger.js'
import type { TlsFiles } from '../base/tls-material.js'
import type { PortChoice, ConfigValues, InstanceValues } from './schema.js'
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

/** `number` is the OpenFlow number (LOCAL is 0xfffffffe), `p4Port` that of the target, `pcap` the absolute path of a capture file. */
export type PortConfig = Readonly<PortChoice>

/** Milliseconds and packets, where they differ from those of all controllers. */
export interface ControllerConfig {
  readonly endpoint: Endpoint
  readonly inactivityProbe?: number
  readonly maxBackoff?: number
  readonly packetInRate?: number
  readonly packetInBurst?: number
  readonly auxiliary?: number
}

export interface Config {
  readonly target: TargetConfig
  readonly deviceId: number
  /** Null: the agent chooses one that is higher than that of an earlier run. */
  readonly electionId: number | null
  readonly datapathId: bigint
  readonly ports: readonly PortConfig[]
  readonly controllers: readonly ControllerConfig[]
  readonly listen: readonly Endpoint[]
  /** Absolute paths; null where no endpoint is an ssl one and none were given. */
  readonly tls: TlsFiles | null
  readonly bridge: string
  /** Absolute; null = no sockets by the name of the bridge, no control socket. */
  readonly rundir: string | null
  readonly controlName: string
  /** Wire versions, ascending: 1 = OpenFlow 1.0, 6 = OpenFlow 1.5. */
  readonly protocols: readonly number[]
  readonly failMode: 'secure' | 'standalone'
  /** Milliseconds until NORMAL forgets a host that is silent. */
  readonly macAgeing: number
  /** Milliseconds; 0 = no probes. */
  readonly inactivityProbe: number
  readonly maxBackoff: number
  /** How many packets are kept for controllers; 0 = packet-ins are whole. */
  readonly buffers: number
  /** Packet-ins a second for each connection, or null for no limit. */
  readonly packetInRate: number | null
  /** Null: a quarter of the rate. */
  readonly packetInBurst: number | null
  /** Absolute paths. */
  readonly pipeline: { readonly p4info: string; readonly json: string }
  readonly cpuPort: number
  readonly logLevel: LogLevel
  /** Several switches on one target, each with a configuration of its own; empty where there is one. Then `ports`, `controllers` and `listen` above are those of all. */
  readonly instances: readonly Config[]
  /** In what proportion to the others it has the target, where there are several switches. */
  readonly share: number
  readonly description: { readonly manufacturer: string; readonly hardware: string; readonly software: string; readonly serialNumber: string; readonly datapath: string }
}

/** `resolvePath` makes the path of a key absolute, after the source it came from. */
export function completeConfig(values: ConfigValues, resolvePath: (path: string, key: keyof ConfigValues) => string): Config {
  const { instances = [], ...common } = values
  if (instances.length === 0) return completeOne(common, resolvePath)
  const each = instances.map(({ name, share, ...own }) => ({ ...completeOne({ ...common, ...present(own), bridge: name }, resolvePath), share }))
  const all = completeOne({ ...common, bridge: instances[0]?.name ?? common.bridge }, resolvePath)
  return {
    ...all, instances: each, ports: each.flatMap(({ ports }) => ports), controllers: each.flatMap(({ controllers }) => controllers), listen: each.flatMap(({ listen }) => listen),
  }
}

/** The switches of a configuration, each with its own. */
export const switchesOf = (config: Config): readonly Config[] => (config.instances.length === 0 ? [config] : config.instances)

const present = (own: Omit<InstanceValues, 'name' | 'share'>): Partial<ConfigValues> => Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined))

function completeOne(values: Omit<ConfigValues, 'instances'>, resolvePath: (path: string, key: keyof ConfigValues) => string): Config {
  const { description } = values
  return {
    instances: [],
    share: 1,
    target: values.target,
    deviceId: values.deviceId,
    electionId: values.electionId ?? null,
    datapathId: values.datapathId,
    ports: values.ports.map((port) => (port.pcap === undefined ? port : { ...port, pcap: resolvePath(port.pcap, 'ports') })),
    controllers: values.controllers.map(withoutAbsent),
    listen: values.listen,
    tls: tlsFiles(values, resolvePath),
    bridge: values.bridge,
    rundir: values.rundir === undefined ? null : resolvePath(values.rundir, 'rundir'),
    controlName: values.controlName,
    protocols: values.protocols.map((name) => wireVersions[name]).sort((a, b) => a - b),
    failMode: values.failMode,
    macAgeing: values.macAgeing,
    inactivityProbe: values.inactivityProbe,
    maxBackoff: values.maxBackoff,
    buffers: values.buffers,
    packetInRate: values.packetInRate ?? null,
    packetInBurst: values.packetInBurst ?? null,
    pipeline: values.pipeline === undefined
      ? defaultPipelineFiles()
      : { p4info: resolvePath(values.pipeline.p4info, 'pipeline'), json: resolvePath(values.pipeline.json, 'pipeline') },
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

/** Complete or null: that all are given where they are needed has been checked. */
function tlsFiles(values: Omit<ConfigValues, 'instances'>, resolvePath: (path: string, key: keyof ConfigValues) => string): TlsFiles | null {
  const { privateKey, certificate, caCert, bootstrapCaCert } = values
  const authority = caCert ?? bootstrapCaCert
  if (privateKey === undefined || certificate === undefined || authority === undefined) return null
  return {
    privateKey: resolvePath(privateKey, 'privateKey'), certificate: resolvePath(certificate, 'certificate'),
    caCert: resolvePath(authority, caCert === undefined ? 'bootstrapCaCert' : 'caCert'), bootstrap: caCert === undefined,
  }
}

/** Optional keys of a schema are there with undefined as their value. */
function withoutAbsent(given: ConfigValues['controllers'][number]): ControllerConfig {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as unknown as ControllerConfig
}

const printable = (text: string): string => text.replace(/[^ -~]/g, '?').slice(0, 255)
