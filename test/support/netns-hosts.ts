/**
 * Hosts behind switch ports, as in the tutorial: a namespace with one interface `veth0`, an address, and things hosts do
 * (ping, serve and open TCP connections, listen to what arrives).
 */
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Daemon, onPath, until } from './netns-process.js'
import { hostMac, type Namespace, portMac, type Sandbox } from './netns.js'

export class Host {
  readonly port: number
  readonly namespace: Namespace
  readonly ip: string
  readonly mac: string

  constructor(port: number, namespace: Namespace, ip: string) {
    this.port = port
    this.namespace = namespace
    this.ip = ip
    this.mac = hostMac(port)
  }

  /** Whether `to` answers within `seconds`; one echo request a fifth of a second, the first answer counts. */
  async pings(to: string | Host, seconds = 5): Promise<boolean> {
    const address = typeof to === 'string' ? to : to.ip
    const done = await this.namespace.run('ping', ['-n', '-i', '0.2', '-W', '1', '-c', '1', '-w', String(seconds), address],
      { timeoutMs: (seconds + 5) * 1000 })
    return done.code === 0
  }

  /** Serves one word over TCP to everyone who connects. */
  async serve(port: number): Promise<Daemon> {
    const server = this.namespace.daemon(`tcp server ${this.ip}:${port}`, 'python3', ['-u', '-c', TCP_SERVER, this.ip, String(port)])
    await until(() => `${server.name} to listen: ${server.log}`, () => server.log.includes('listening'))
    return server
  }

  /** Opens a TCP connection and reads what a `serve` on the other side says. */
  async reaches(to: Host, port: number, seconds = 3): Promise<boolean> {
    const done = await this.namespace.run('python3', ['-c', TCP_CLIENT, to.ip, String(port), String(seconds)],
      { timeoutMs: (seconds + 5) * 1000 })
    return done.stdout.includes('hello')
  }

  async setGateway(address: string): Promise<void> {
    await this.namespace.must('ip', ['route', 'add', 'default', 'via', address])
  }

  async forgetNeighbours(): Promise<void> { await this.namespace.must('ip', ['neigh', 'flush', 'all']) }

  /** Captures what arrives at (or leaves) this host until `stop`, which returns tcpdump's lines. */
  async capture(filter: string): Promise<Capture> {
    const file = join(tmpdir(), `${this.namespace.name}.pcap`)
    const args = ['-i', 'veth0', '-n', '-U', '--immediate-mode', '-w', file, ...filter.split(' ')]
    const dump = this.namespace.daemon('tcpdump', 'tcpdump', ['-Z', 'root', ...args])
    await until(() => `tcpdump to listen: ${dump.log}`, () => dump.log.includes('listening'))
    return {
      stop: async () => {
        await dump.stop('SIGINT')
        const text = await this.namespace.must('tcpdump', ['-Z', 'root', '-enr', file])
        rmSync(file, { force: true })
        return text.split('\n').filter((line) => line !== '')
      },
      size: () => readFileSync(file).length,
    }
  }
}

export interface Capture { stop(): Promise<string[]>; size(): number }

/** Hosts h1 … hN on the ports p1 … pN of the switch's namespace. */
export async function attachHosts(sandbox: Sandbox, sw: Namespace, addresses: Readonly<Record<number, string>>): Promise<Map<number, Host>> {
  const hosts = new Map<number, Host>()
  for (const [number, cidr] of Object.entries(addresses)) {
    const port = Number(number)
    const namespace = await sandbox.namespace(`h${port}`)
    await sandbox.cable({ namespace: sw, name: `p${port}`, mac: portMac(port) }, { namespace, name: 'veth0', mac: hostMac(port) })
    await namespace.must('ip', ['addr', 'add', cidr, 'dev', 'veth0'])
    hosts.set(port, new Host(port, namespace, cidr.split('/')[0] ?? cidr))
  }
  return hosts
}

/** Which of a host's commands are missing here, as the reason of a skip. */
export function whyNoHosts(): string | undefined {
  const missing = ['ping', 'tcpdump', 'ethtool'].filter((command) => onPath(command) === undefined)
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`
}

const TCP_SERVER = `
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen(8)
print('listening')
while True:
    c, _ = s.accept()
    try:
        c.sendall(b'hello\\n')
    finally:
        c.close()
`
const TCP_CLIENT = `
import socket, sys
try:
    c = socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))
    print(c.recv(100).decode())
except OSError as e:
    print('failed', e)
`
