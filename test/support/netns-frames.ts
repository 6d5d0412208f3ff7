/**
 * The wire side of switch ports: sends raw frames into ports and records what leaves them, through one helper process
 * (netns-frames.py, AF_PACKET) in a namespace that holds the far ends of all cables.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { join } from 'node:path'
import { atExit, until } from './netns-process.js'
import { hostMac, type Namespace, portMac, type Sandbox } from './netns.js'

export interface WireFrame { readonly port: number; readonly frame: Buffer }

export class Wire {
  readonly ports: readonly number[]
  #frames: WireFrame[] = []
  #listener: ((frame: WireFrame) => void) | undefined
  #ready = false
  #errors = ''
  #buffer: Buffer = Buffer.alloc(0)
  readonly #child: ChildProcessWithoutNullStreams
  readonly #forget: () => void

  private constructor(namespace: Namespace, ports: readonly number[]) {
    this.ports = ports
    this.#child = spawn('ip', ['netns', 'exec', namespace.name, 'python3', '-u',
      join(process.cwd(), 'test/support/netns-frames.py'), ...ports.map((port) => `${port}=w${port}`)])
    this.#forget = atExit(() => { this.#child.kill('SIGKILL') })
    this.#child.stdout.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => { this.#errors += text })
    this.#child.stdin.on('error', () => { /* the helper has gone; errors tells */ })
  }

  /** Cables from the ports of the switch's namespace to a namespace where only the helper listens. */
  static async attach(sandbox: Sandbox, sw: Namespace, ports: readonly number[]): Promise<Wire> {
    const namespace = await sandbox.namespace('wire')
    for (const port of ports)
      await sandbox.cable({ namespace: sw, name: `p${port}`, mac: portMac(port) }, { namespace, name: `w${port}`, mac: hostMac(port) })
    const wire = new Wire(namespace, ports)
    sandbox.onClose(() => wire.close())
    await until(() => `the frame helper to start: ${wire.#errors}`, () => wire.#ready)
    return wire
  }

  send(port: number, frame: Uint8Array): void {
    const head = Buffer.alloc(6)
    head.writeUInt16BE(port, 0)
    head.writeUInt32BE(frame.length, 2)
    this.#child.stdin.write(Buffer.concat([head, frame]))
  }

  /** What arrived since the last call. */
  take(): WireFrame[] {
    const frames = this.#frames
    this.#frames = []
    return frames
  }

  /** Calls back for every frame from now on (also kept for `take`); undefined stops. */
  listen(listener: ((frame: WireFrame) => void) | undefined): void { this.#listener = listener }

  get errors(): string { return this.#errors }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = new Promise((resolve) => this.#child.once('close', resolve))
      this.#child.stdin.end()
      const insist = setTimeout(() => this.#child.kill('SIGKILL'), 2000)
      await gone
      clearTimeout(insist)
    }
    this.#forget()
  }

  #take(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
    let at = 0
    while (this.#buffer.length - at >= 6) {
      const port = this.#buffer.readUInt16BE(at)
      const size = this.#buffer.readUInt32BE(at + 2)
      if (this.#buffer.length - at < 6 + size) break
      if (port === 0xffff) this.#ready = true
      else {
        const frame = { port, frame: Buffer.from(this.#buffer.subarray(at + 6, at + 6 + size)) }
        this.#frames.push(frame)
        this.#listener?.(frame)
      }
      at += 6 + size
    }
    this.#buffer = Buffer.from(this.#buffer.subarray(at))
  }
}
