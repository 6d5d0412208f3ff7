/** Who takes part: each in a namespace of its own, with the same ports, and a load generator beside it. */
import { readFileSync } from 'node:fs'
import { onPath } from '../support/netns-process.js'
import { Sandbox, hostMac, portMac } from '../support/netns.js'
import type { Namespace } from '../support/netns.js'
import { openVSwitchSubject } from '../support/ovs-subject.js'
import { bmv2Subject, embeddedSubject, listening, remoteEmbeddedSubject, startBmv2, TARGET_PORT } from '../support/subject-ofswitchd.js'
import { LISTEN_PORT } from '../support/subject.js'
import type { Subject } from '../support/subject.js'
import type { TrafficTask } from './traffic.js'
import { WorkerClient } from './worker-client.js'

export type ContenderName = 'embedded' | 'embedded apart' | 'BMv2' | 'Open vSwitch' | 'bare'
export const titles: Readonly<Record<ContenderName, string>> = {
  'embedded': 'ofswitchd, embedded target', 'embedded apart': 'ofswitchd, embedded target in another process', 'BMv2': 'ofswitchd, BMv2',
  'Open vSwitch': 'Open vSwitch', 'bare': 'bare P4Runtime client, BMv2',
}
/** One port sends, ten get what is flooded. */
export const PORTS = Array.from({ length: 11 }, (_, at) => at + 1)

export interface Contender {
  readonly name: ContenderName
  readonly load: WorkerClient
  traffic(task: TrafficTask): Promise<{ pps: number; lost: number }>
  /** Resident memory of each of its processes, bytes: the agent (or ovs-vswitchd) first. */
  memory(): number[]
  /** CPU time of each of its processes so far, milliseconds. */
  cpu(): number[]
  /** Kills a process and starts it again, where the target has one of its own. */
  readonly restart?: { agent(): Promise<void>; target(): Promise<void> }
}

const subjects: Readonly<Record<Exclude<ContenderName, 'bare'>, Subject>> = {
  'embedded': embeddedSubject, 'embedded apart': remoteEmbeddedSubject, 'BMv2': bmv2Subject, 'Open vSwitch': openVSwitchSubject,
}

export function whyNot(name: ContenderName): string | undefined {
  if (name !== 'bare') return subjects[name].whyNot()
  return onPath('simple_switch_grpc') === undefined ? 'simple_switch_grpc is not on the PATH' : undefined
}

export interface ContenderOptions { readonly ports?: readonly number[]; readonly extra?: readonly string[] }

export async function startContender(sandbox: Sandbox, name: ContenderName, options: ContenderOptions = {}): Promise<Contender> {
  const { ports = PORTS, extra = [] } = options
  const id = name.replaceAll(' ', '').toLowerCase()
  const namespace = await sandbox.namespace(id)
  const wire = await sandbox.namespace(`${id}-wire`)
  for (const port of ports) {
    await sandbox.cable({ namespace, name: `p${port}`, mac: portMac(port) }, { namespace: wire, name: `w${port}`, mac: hostMac(port) })
  }
  const { load, pids, restart } = name === 'bare' ? await startBare(sandbox, namespace, ports) : await startSwitch(sandbox, namespace, name, ports, extra)
  let traffic: Promise<WorkerClient> | null = null
  return {
    name, load,
    traffic: async (task) => {
      traffic ??= WorkerClient.start(sandbox, wire, 'traffic', ...ports)
      return await (await traffic).ask('run', task) as { pps: number; lost: number }
    },
    memory: () => pids().map(residentBytes),
    cpu: () => pids().map(cpuMillis),
    ...(restart === undefined ? {} : { restart }),
  }
}

interface Started { readonly load: WorkerClient; pids(): number[]; readonly restart?: Contender['restart'] }

async function startSwitch(sandbox: Sandbox, namespace: Namespace, name: Exclude<ContenderName, 'bare'>, ports: readonly number[], extra: readonly string[]): Promise<Started> {
  const running = await subjects[name].start(sandbox, namespace, { ports, agentArguments: extra })
  const load = await WorkerClient.start(sandbox, namespace, 'openflow', LISTEN_PORT)
  const { restartAgent, restartTarget } = running
  const pids = (): number[] => {
    const all = running.processes.map(({ child }) => child.pid ?? 0)
    return name === 'Open vSwitch' ? all.reverse() : all
  }
  return { load, pids, ...(restartAgent === undefined || restartTarget === undefined ? {} : { restart: { agent: () => restartAgent(), target: () => restartTarget() } }) }
}

async function startBare(sandbox: Sandbox, namespace: Namespace, ports: readonly number[]): Promise<Started> {
  const target = startBmv2(namespace, ports)
  await listening(namespace, target, TARGET_PORT)
  return { load: await WorkerClient.start(sandbox, namespace, 'p4runtime', TARGET_PORT, ...ports), pids: () => [target.child.pid ?? 0] }
}

const residentBytes = (pid: number): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
/** User and system time, in ticks of 10 ms. */
function cpuMillis(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}
