/**
 * Network namespaces for black-box tests: a sandbox of namespaces joined by veth cables, gone when the test ends.
 *
 *   switch under test, its controllers, ovs-ofctl        hosts or the wire
 *   ┌ namespace "sw" ──────────────┐                    ┌ namespace "h1" ┐
 *   │  p1  p2  p3 …   lo: 6653 …   │── p1 ══ veth0 ─────│ 10.0.0.1       │ …
 *   └──────────────────────────────┘                    └────────────────┘
 *
 * The switch has a namespace of its own, so every subject's ports can have the same names and addresses, controllers
 * find it on 127.0.0.1 with their default ports, and several test files run side by side. Names carry the process id.
 */
import { spawnSync } from 'node:child_process'
import { atExit, Daemon, type Finished, must, onPath, run, type RunOptions } from './netns-process.js'

/** Why namespaces cannot be used here, or undefined where they can. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  if (onPath('ip') === undefined) return 'the ip command (iproute2) is not installed'
  if (onPath('python3') === undefined) return 'python3 (for raw frames) is not installed'
  probe ??= probeNamespace()
  return probe === '' ? undefined : probe
}

export class Namespace {
  readonly name: string
  readonly #sandbox: Sandbox

  constructor(name: string, sandbox: Sandbox) {
    this.name = name
    this.#sandbox = sandbox
  }

  run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return run('ip', ['netns', 'exec', this.name, command, ...args], options)
  }

  must(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    return must('ip', ['netns', 'exec', this.name, command, ...args], options)
  }

  /** `ip netns exec` replaces itself by the command, so signals reach the command itself. */
  daemon(name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Daemon {
    const daemon = new Daemon(name, 'ip', ['netns', 'exec', this.name, command, ...args], env)
    this.#sandbox.onClose(async () => { await daemon.stop() })
    return daemon
  }
}

let sandboxes = 0
let probe: string | undefined

export class Sandbox {
  readonly prefix = `ofs${process.pid}-${++sandboxes}-`
  readonly #names = new Set<string>()
  readonly #closers: (() => Promise<void>)[] = []
  readonly #forget: () => void

  constructor() {
    this.#forget = atExit(() => { for (const name of this.#names) spawnSync('ip', ['netns', 'del', name]) })
  }

  /** A namespace with loopback up and IPv6 off, so that nothing but the test speaks on its links. */
  async namespace(name: string): Promise<Namespace> {
    const full = this.prefix + name
    await must('ip', ['netns', 'add', full])
    this.#names.add(full)
    const namespace = new Namespace(full, this)
    await namespace.must('sh', ['-c',
      'ip link set lo up; for i in all default; do f=/proc/sys/net/ipv6/conf/$i/disable_ipv6; [ ! -e $f ] || echo 1 > $f; done'])
    return namespace
  }

  /** A veth pair; each end is named, has a fixed MAC address and is up. */
  async cable(a: CableEnd, b: CableEnd): Promise<void> {
    await must('ip', ['link', 'add', 'name', a.name, 'address', a.mac, 'netns', a.namespace.name,
      'type', 'veth', 'peer', 'name', b.name, 'address', b.mac, 'netns', b.namespace.name])
    for (const end of [a, b]) {
      await must('ip', ['-n', end.namespace.name, 'link', 'set', end.name, 'up'])
      // A frame that only passes through software never gets a checksum from hardware, so the sender has to compute it.
      if (onPath('ethtool') !== undefined) await end.namespace.run('ethtool', ['-K', end.name, 'tx', 'off'])
    }
  }

  /** Registers work for the end of the test; it runs last in, first out. */
  onClose(work: () => Promise<void>): void { this.#closers.push(work) }

  async close(): Promise<void> {
    for (const work of this.#closers.splice(0).reverse()) await work()
    for (const name of this.#names) await run('ip', ['netns', 'del', name])
    this.#names.clear()
    this.#forget()
  }
}

export interface CableEnd { readonly namespace: Namespace; readonly name: string; readonly mac: string }

/** MAC addresses of the harness are locally administered and tell which end they belong to. */
export const portMac = (port: number): string => `0a:00:00:00:01:${port.toString(16).padStart(2, '0')}`
export const hostMac = (port: number): string => `0a:00:00:00:02:${port.toString(16).padStart(2, '0')}`

function probeNamespace(): string {
  const name = `ofs${process.pid}-probe`
  const added = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' })
  const link = spawnSync('ip', ['link', 'add', 'name', 'va', 'netns', name, 'type', 'veth', 'peer', 'name', 'vb', 'netns', name], { encoding: 'utf8' })
  spawnSync('ip', ['netns', 'del', name])
  if (added.status !== 0) return `network namespaces do not work here: ${added.stderr.trim()}`
  return link.status === 0 ? '' : `veth links do not work here: ${link.stderr.trim()}`
}
