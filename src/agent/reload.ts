/** What of a configuration a running switch takes over, and what only a restart does. */
import { join } from 'node:path'
import type { Endpoint } from '../base/endpoint.js'
import { SwitchError } from '../base/errors.js'
import type { PortVlans } from '../base/port-vlans.js'
import type { ControllerOptions, ReconfigurableOptions } from '../channel/index.js'
import type { Compiler } from '../compiler/index.js'
import type { Config, ControllerConfig } from '../config/index.js'
import { whyNotStandalone } from '../datapath/index.js'
import type { FailModeConfig, Pipeline } from '../datapath/index.js'

type Key = keyof Config

/** The rest is taken over: by the channels (channelOptions), by the datapath (failModeOf, portVlansOf), and logLevel by whoever owns the log. */
const restartKeys: readonly Key[] = [
  'target', 'deviceId', 'electionId', 'datapathId', 'ports', 'pipeline', 'cpuPort', 'description', 'rundir', 'bridge', 'controlName',
  'macAgeing', 'share',
]

export const failModeOf = ({ failMode, controllers, inactivityProbe }: Config): FailModeConfig => ({
  mode: failMode, hasControllers: controllers.length > 0,
  probeMs: Math.max(0, ...controllers.map((controller) => controller.inactivityProbe ?? inactivityProbe)),
})

/** By OpenFlow number; ports that carry every VLAN are not in it. */
export const portVlansOf = ({ ports }: Config): ReadonlyMap<number, PortVlans> => new Map(ports.flatMap(({ number, vlans }) => (vlans === undefined ? [] : [[number, vlans] as const])))

/** Throws SwitchError where the pipeline cannot keep VLANs from ports, or not so many different ones. */
export function checkPortVlans(config: Config, compiler: Pick<Compiler, 'whyNotVlans'>): void {
  const reason = compiler.whyNotVlans(portVlansOf(config))
  if (reason !== null) throw new SwitchError('config.ports', `tag, trunks and vlanMode of ports: ${reason}`)
}

/** Throws SwitchError where the pipeline cannot do what the fail mode needs. */
export function checkFailMode({ failMode }: Config, pipeline: Pipeline): void {
  const reasons = failMode === 'standalone' ? whyNotStandalone(pipeline) : null
  if (reasons !== null) throw new SwitchError('config.failMode', `fail mode 'standalone' needs a pipeline that can do NORMAL: ${reasons.join('; ')}; use 'secure'`)
}

/** Keys that differ and are not taken over; those of one of several switches behind its name. */
export function needRestart(running: Config, wanted: Config): readonly string[] {
  const differing = (a: Config, b: Config): readonly Key[] => restartKeys.filter((key) => text(withoutVlans(a)[key]) !== text(withoutVlans(b)[key]))
  if (running.instances.length === 0) return differing(running, wanted)
  return [
    ...differing(running, wanted).filter((key) => key !== 'ports'),
    ...running.instances.flatMap((one, index) => differing(one, wanted.instances[index] ?? one).filter((key) => ownKeys.has(key)).map((key) => `${one.bridge}.${key}`)),
  ]
}
const withoutVlans = (config: Config): Config => ({ ...config, ports: config.ports.map(({ vlans: _, ...port }) => port) })
const ownKeys: ReadonlySet<Key> = new Set(['datapathId', 'ports', 'macAgeing', 'share'])

/** Only a restart makes other switches of a target, or as many as before with other names. The key to be told; null: they are the same. */
export function whySwitchesDiffer(running: Config, wanted: Config): string | null {
  const names = ({ instances }: Config): string => instances.map(({ bridge }) => bridge).join()
  return names(running) === names(wanted) ? null : 'instances'
}

const text = (value: unknown): string => JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner))

export const channelOptions = (config: Config): Required<ReconfigurableOptions> => ({
  controllers: config.controllers.map(controllerOptions), listen: [...config.listen, ...byName(config)], versions: config.protocols,
  inactivityProbeMs: config.inactivityProbe, maxBackoffMs: config.maxBackoff, packetInRate: config.packetInRate,
  packetInBurst: config.packetInBurst, tls: config.tls,
})

/** Where `ovs-ofctl … <bridge>` looks for a switch. */
const byName = ({ rundir, bridge }: Config): readonly Endpoint[] =>
  rundir === null ? [] : [{ transport: 'unix', passive: true, path: join(rundir, `${bridge}.mgmt`) }]

const controllerOptions = ({ endpoint, inactivityProbe, maxBackoff, packetInRate, packetInBurst, auxiliary }: ControllerConfig): ControllerOptions => ({
  endpoint,
  ...(inactivityProbe === undefined ? {} : { inactivityProbeMs: inactivityProbe }),
  ...(maxBackoff === undefined ? {} : { maxBackoffMs: maxBackoff }),
  ...(packetInRate === undefined ? {} : { packetInRate }),
  ...(packetInBurst === undefined ? {} : { packetInBurst }),
  ...(auxiliary === undefined ? {} : { auxiliary }),
})
