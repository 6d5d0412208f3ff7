/** The load generator's OpenFlow side: raw requests out, frames in, and nothing that costs more than that. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Framer } from '../../src/openflow/index.js'
import type { Frame, Message } from '../../src/openflow/index.js'
import { bytesOf, VERSION } from './flows.js'

export const Type = { ERROR: 1, ECHO_REQUEST: 2, ECHO_REPLY: 3, PACKET_IN: 10, STATS_REPLY: 19, BARRIER_REPLY: 21 } as const

export class OpenFlowClient {
  /** Every frame that answers no request() under way, echo requests and errors excepted. */
  onFrame: (frame: Frame) => void = () => undefined
  readonly #socket: Socket
  readonly #framer = new Framer()
  readonly #waiting = new Map<number, { resolve(frame: Frame): void; reject(error: Error): void }>()
  #xid = 1
  #error: string | null = null

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', ({ message }) => { this.#error ??= message })
    // The switch's process may be killed on purpose.
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the switch has closed the connection'))
      this.#waiting.clear()
    })
    socket.on('data', (chunk: Uint8Array) => {
      this.#framer.push(chunk)
      for (let frame = this.#framer.next(); frame !== null; frame = this.#framer.next()) this.#onFrame(frame)
    })
  }

  static async connect(port: number): Promise<OpenFlowClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise<void>((resolve, reject) => socket.once('connect', () => resolve()).once('error', reject))
    const client = new OpenFlowClient(socket)
    client.write(bytesOf({ type: 'hello', versions: [VERSION], hasBitmap: true }, 0))
    // A management connection gets packet-ins once it says how much of them it wants.
    client.send({ type: 'set_config', flags: 0, missSendLen: 0xffff })
    await client.request({ type: 'barrier_request' })
    return client
  }

  write(bytes: Uint8Array): void { this.#socket.write(bytes) }
  send(message: Message): void { this.write(bytesOf(message, this.nextXid())) }
  nextXid(): number { return this.#xid++ }

  /** The first frame with the request's xid. */
  request(message: Message): Promise<Frame> {
    const xid = this.nextXid()
    const answer = this.answer(xid)
    this.write(bytesOf(message, xid))
    return answer
  }
  answer(xid: number): Promise<Frame> { return new Promise((resolve, reject) => { this.#waiting.set(xid, { resolve, reject }) }) }

  /** Throws when the switch has refused anything since the last call. */
  check(): void {
    const error = this.#error
    this.#error = null
    if (error !== null) throw new Error(error)
  }
  close(): void {
    this.#waiting.clear()
    this.#socket.destroy()
  }

  #onFrame(frame: Frame): void {
    if (frame.type === Type.ECHO_REQUEST) {
      this.write(bytesOf({ type: 'echo_reply', data: new Uint8Array(0) }, frame.xid))
      return
    }
    if (frame.type === Type.ERROR) this.#error ??= `the switch refused a request: ${Buffer.from(frame.bytes.subarray(8, 40)).toString('hex')}`
    const waiting = this.#waiting.get(frame.xid)
    if (waiting !== undefined && frame.xid !== 0) {
      this.#waiting.delete(frame.xid)
      waiting.resolve(frame)
    } else {
      this.onFrame(frame)
    }
  }
}
