/** Network namespaces of one test file, with names of their own, gone when the process is. */
import { execFileSync, spawn } from 'node:child_process'

const prefix = `ofp${process.pid}`

/** Why Linux ports cannot be tested here, or false. */
export const whyNot: string | false = (() => {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0) return 'needs root (raw sockets, network namespaces)'
  try {
    execFileSync('ip', ['netns', 'add', `${prefix}probe`], { stdio: 'pipe' })
    execFileSync('ip', ['netns', 'del', `${prefix}probe`], { stdio: 'pipe' })
    return false
  } catch (error) {
    return `network namespaces do not work here: ${(error as Error).message.split('\n')[0] ?? ''}`
  }
})()

let made = 0

/** An interface here whose other end, `e0`, is alone in a namespace with an address. */
export class Cable {
  readonly namespace = `${prefix}n${++made}`
  readonly interface = `${prefix}v${made}`
  readonly #address: string
  readonly #remove = (): void => this.remove()

  constructor(address: string) {
    this.#address = address
    process.once('exit', this.#remove)
    ip('netns', 'add', this.namespace)
    this.plug()
  }

  /** Makes the pair (again). */
  plug(): void {
    ip('link', 'add', this.interface, 'type', 'veth', 'peer', 'name', 'e0', 'netns', this.namespace)
    // Only what the test sends is to be on the cable.
    execFileSync('sh', ['-c', `echo 1 > /proc/sys/net/ipv6/conf/${this.interface}/disable_ipv6`])
    this.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/e0/disable_ipv6')
    ip('-n', this.namespace, 'addr', 'add', this.#address, 'dev', 'e0')
    ip('link', 'set', this.interface, 'up')
    ip('-n', this.namespace, 'link', 'set', 'e0', 'up')
  }

  unplug(): void { ip('link', 'del', this.interface) }

  exec(command: string, ...args: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.namespace, command, ...args], { stdio: 'pipe', timeout: 20_000 }).toString()
  }

  /** The same without blocking this process: resolves with its output, rejects if it fails. */
  run(command: string, ...args: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn('ip', ['netns', 'exec', this.namespace, command, ...args], { timeout: 20_000 })
      let output = ''
      child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
      child.stderr.on('data', (chunk: Buffer) => { output += chunk.toString() })
      child.on('error', reject)
      child.on('close', (code) => { if (code === 0) resolve(output); else reject(new Error(`${command} ended with ${code}: ${output}`)) })
    })
  }

  remove(): void {
    process.off('exit', this.#remove)
    // Deletes its end of the cable, and with it ours.
    execFileSync('ip', ['netns', 'del', this.namespace], { stdio: 'pipe' })
    try {
      execFileSync('ip', ['link', 'del', this.interface], { stdio: 'pipe' })
    } catch {
      // Usually gone with the namespace.
    }
  }
}

export function ip(...args: string[]): void { execFileSync('ip', args, { stdio: 'pipe' }) }

/** Waits until `probe` holds; fails after the deadline. */
export async function until(what: string, probe: () => boolean, deadlineMs = 5000): Promise<void> {
  const end = performance.now() + deadlineMs
  while (!probe()) {
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
