/** Raw TCP connections into a namespace, for tests that have to say what no OpenFlow library would say. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { atExit, until } from './netns-process.js'
import type { Namespace } from './netns.js'

const PIPE = `
const socket = require('net').connect(Number(process.argv[1]), '127.0.0.1')
socket.on('connect', () => process.stderr.write('connected'))
socket.on('error', (error) => { process.stderr.write(String(error)); process.exit(1) })
socket.on('close', () => process.exit(0))
process.stdin.pipe(socket)
socket.pipe(process.stdout)
`

export class TcpConnection {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #forget: () => void
  #received = Buffer.alloc(0) as Buffer
  #notes = ''
  #open = true

  private constructor(namespace: Namespace, port: number) {
    this.#child = spawn('ip', ['netns', 'exec', namespace.name, process.execPath, '-e', PIPE, String(port)])
    this.#forget = atExit(() => { this.#child.kill('SIGKILL') })
    this.#child.stdout.on('data', (chunk: Buffer) => { this.#received = Buffer.concat([this.#received, chunk]) })
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => { this.#notes += text })
    this.#child.stdin.on('error', () => { this.#open = false })
    this.#child.on('close', () => { this.#open = false; this.#forget() })
  }

  static async open(namespace: Namespace, port: number): Promise<TcpConnection> {
    const connection = new TcpConnection(namespace, port)
    await until(() => `a connection to port ${port}: ${connection.#notes}`, () => connection.#notes.includes('connected'), 5000, 5)
    return connection
  }

  /** Whether the other side has neither closed nor reset the connection. */
  get open(): boolean { return this.#open }
  get received(): Buffer { return this.#received }

  send(bytes: Uint8Array): void { if (this.#open) this.#child.stdin.write(bytes) }

  /** Stops reading from the socket, as a peer does that is stuck. */
  pause(): void { this.#child.stdout.pause() }

  async close(): Promise<void> {
    if (!this.#open) return
    const gone = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }
}
