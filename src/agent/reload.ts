/** What of a configuration a running switch takes over, and what only a restart does. */
import { join } from 'node:path'
import type { Endpoint } from '../base/endpoint.js'
import type { ControllerOptions, ReconfigurableOptions } from '../channel/index.js'
import type { Config, ControllerConfig } from '../config/index.js'

type Key = keyof Config

/** The rest is taken over: by the channels (channelOptions), and logLevel by whoever owns the log. */
const restartKeys: readonly Key[] = [
  'target', 'deviceId', 'electionId', 'datapathId', 'ports', 'failMode', 'pipeline', 'cpuPort', 'description', 'rundir', 'bridge', 'controlName',
]

/** Keys that differ and are not taken over. */
export const needRestart = (running: Config, wanted: Config): readonly Key[] => restartKeys.filter((key) => text(running[key]) !== text(wanted[key]))

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
