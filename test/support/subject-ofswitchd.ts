/**
 * ofswitchd as a subject, in three arrangements: with the embedded target in its own process, with the embedded target
 * as a separate P4Runtime server, and with BMv2 as the P4Runtime server.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Daemon, onPath, until } from './netns-process.js'
import type { Namespace, Sandbox } from './netns.js'
import { ofctl } from './ovs-ofctl.js'
import { DATAPATH_ID, LISTEN_PORT, type RunningSwitch, type Subject, type SubjectOptions } from './subject.js'

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
export const TARGET_PORT = 19_559
/** The port of BMv2 that carries packet-ins and packet-outs. */
const CPU_PORT = 510

/** What --protocols offers by default. */
const versions = ['OpenFlow10', 'OpenFlow11', 'OpenFlow12', 'OpenFlow13', 'OpenFlow14', 'OpenFlow15'] as const

const whyNotBuilt = (): string | undefined => existsSync(main) ? undefined : 'ofswitchd is not built (src/cli)'

/** Starts the command line of ofswitchd in a namespace. */
export const ofswitchd = (namespace: Namespace, name: string, args: readonly string[]): Daemon =>
  namespace.daemon(name, process.execPath, [main, ...args])

export const portArguments = (ports: readonly number[]): string[] => ports.flatMap((port) => ['--port', `${port}@p${port}`])

/** What only a file can say; the ports in it are then those of the options, with their capture files. */
function captureArguments(folder: string, { ports, capture }: SubjectOptions): string[] {
  if (capture === undefined) return []
  const file = join(folder, 'switch.yaml')
  writeFileSync(file, `ports:\n${ports.map((port) => `  - { number: ${port}, interface: p${port}, pcap: ${join(capture, `p${port}.pcap`)} }\n`).join('')}`)
  return ['--config', file]
}

export function agentArguments(target: string, options: SubjectOptions): string[] {
  return ['--target', target, '--datapath-id', options.datapathId ?? DATAPATH_ID, ...(options.portsFile !== undefined ? ['--config', options.portsFile] : options.capture === undefined ? portArguments(options.ports) : []),
    ...(options.controllers ?? []).flatMap((controller) => ['--controller', controller]),
    '--listen', `ptcp:${LISTEN_PORT}:127.0.0.1`, ...(options.agentArguments ?? [])]
}

async function startAgent(
  subject: Subject, sandbox: Sandbox, namespace: Namespace, target: string, options: SubjectOptions,
  targetProcess?: { start: () => Promise<Daemon>; running: Daemon },
): Promise<RunningSwitch> {
  const listener = `tcp:127.0.0.1:${LISTEN_PORT}`
  const rundir = mkdtempSync(join(tmpdir(), 'ofs-run-'))
  sandbox.onClose(async () => rmSync(rundir, { recursive: true, force: true }))
  const env = { ...process.env, OVS_RUNDIR: rundir }
  const processes: Daemon[] = []
  const log = (): string => processes.map((each) => `--- ${each.name}\n${each.log}`).join('\n')
  const startProcess = async (): Promise<void> => {
    const agent = ofswitchd(namespace, 'ofswitchd', [...agentArguments(target, options), ...captureArguments(rundir, options), '--rundir', rundir, '--control-name', 'ovs-vswitchd'])
    processes[0] = agent
    await until(() => `${subject.name} to listen\n${log()}`, async () => {
      if (!agent.running) throw new Error(`${subject.name} ended while starting\n${log()}`)
      return (await ofctl(namespace, listener, ['-O', 'OpenFlow13', 'show', 'TARGET'])).code === 0
    }, 60_000, 100)
  }
  await startProcess()
  if (targetProcess !== undefined) processes[1] = targetProcess.running
  return {
    subject,
    namespace,
    listener,
    listenPort: LISTEN_PORT,
    processes,
    rundir,
    appctl: (args) => namespace.run('ovs-appctl', args, { env }),
    ofctl: (args, runOptions) => ofctl(namespace, listener, args, runOptions),
    settle: async () => { /* statistics are read from the target when they are asked for */ },
    log,
    ...(targetProcess === undefined ? {} : {
      restartTarget: async () => {
        await targetProcess.running.stop('SIGKILL')
        targetProcess.running = await targetProcess.start()
        processes[1] = targetProcess.running
      },
      killAgent: async () => { await processes[0]?.stop('SIGKILL') },
      restartAgent: async () => {
        await processes[0]?.stop('SIGKILL')
        await startProcess()
      },
    }),
  }
}

export const embeddedSubject: Subject = {
  name: 'ofswitchd (embedded target)',
  versions,
  whyNot: whyNotBuilt,
  async start(sandbox, namespace, options) {
    return startAgent(embeddedSubject, sandbox, namespace, 'embedded', options)
  },
}

export const remoteEmbeddedSubject: Subject = {
  name: 'ofswitchd (embedded target as a P4Runtime server)',
  versions,
  whyNot: whyNotBuilt,
  async start(sandbox, namespace, options) {
    const start = async (): Promise<Daemon> => {
      const target = ofswitchd(namespace, 'ofswitchd target',
        ['target', '--listen', `127.0.0.1:${TARGET_PORT}`, ...portArguments(options.ports)])
      await listening(namespace, target, TARGET_PORT)
      return target
    }
    return startAgent(remoteEmbeddedSubject, sandbox, namespace, `127.0.0.1:${TARGET_PORT}`, options, { start, running: await start() })
  },
}

export const bmv2Subject: Subject = {
  name: 'ofswitchd (BMv2)',
  versions,
  whyNot: () => whyNotBuilt() ?? (onPath('simple_switch_grpc') === undefined ? 'BMv2 (simple_switch_grpc) is not on the PATH' : undefined),
  async start(sandbox, namespace, options) {
    const start = async (): Promise<Daemon> => {
      const target = startBmv2(namespace, options.ports)
      await listening(namespace, target, TARGET_PORT)
      return target
    }
    return startAgent(bmv2Subject, sandbox, namespace, `127.0.0.1:${TARGET_PORT}`, options, { start, running: await start() })
  },
}

export const startBmv2 = (namespace: Namespace, ports: readonly number[]): Daemon =>
  namespace.daemon('simple_switch_grpc', 'simple_switch_grpc', ['--no-p4', '--device-id', '1',
    ...ports.flatMap((port) => ['-i', `${port}@p${port}`]),
    '--', '--grpc-server-addr', `127.0.0.1:${TARGET_PORT}`, '--cpu-port', String(CPU_PORT)])

/** Waits until something listens on a TCP port of the namespace. */
export async function listening(namespace: Namespace, daemon: Daemon, port: number): Promise<void> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  await until(() => `${daemon.name} to listen on ${port}`, async () => {
    if (!daemon.running) throw new Error(`${daemon.name} ended while starting\n${daemon.log}`)
    const tables = await namespace.must('sh', ['-c', 'cat /proc/net/tcp /proc/net/tcp6 2>/dev/null'])
    return tables.split('\n').some((line) => line.includes(`:${hexPort} `) && line.includes(' 0A '))
  }, 120_000)
}
