/**
 * A management client of an OpenFlow switch: connects, says hello in one version, and asks one thing after the other. Each request is
 * followed by a barrier, so that what came back before its answer is all there is.
 */
import { connect, type Socket } from 'node:net'
import type { Endpoint } from '../base/endpoint.js'
import { formatEndpoint } from '../base/endpoint.js'
import { SwitchError, messageOf } from '../base/errors.js'
import { decodeMessage, encodeMessage, errorName, Framer, receivedNumbers, type Message, versionName } from '../openflow/index.js'

const ANSWER_MS = 30_000

export interface Answer { readonly xid: number; readonly message: Message }

export class OpenFlowClient {
  readonly version: number
  readonly #socket: Socket
  readonly #framer = new Framer()
  #nextXid = 1
  #received: Answer[] = []
  #onMessage: (answer: Answer) => void = () => {}
  #onEnd: (error: Error) => void = () => {}

  private constructor(socket: Socket, version: number) {
    this.#socket = socket
    this.version = version
    socket.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    socket.on('error', (error) => this.#end(messageOf(error)))
    socket.on('close', () => this.#end('the switch has closed the connection'))
  }

  /** Rejects with SwitchError: nobody there, or no common version. */
  static async open(endpoint: Endpoint, version: number): Promise<OpenFlowClient> {
    const name = formatEndpoint(endpoint)
    if (endpoint.passive || endpoint.transport === 'ssl') throw new SwitchError('channel.connect', `${name}: expected tcp:HOST:PORT or unix:PATH`)
    const socket = endpoint.transport === 'unix' ? connect(endpoint.path) : connect(endpoint.port, endpoint.host)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', (error) => reject(new SwitchError('channel.connect', `${name}: cannot connect: ${messageOf(error)}`)))
    })
    const client = new OpenFlowClient(socket, version)
    client.#write({ type: 'hello', versions: [version], hasBitmap: version >= 4 }, client.#nextXid++)
    await client.#until(({ message }) => message.type === 'hello')
    return client
  }

  /** What was answered; errors among it. */
  async request(message: Message): Promise<readonly Message[]> { return this.requests([message]) }

  /** Several at once, behind one barrier. */
  async requests(messages: readonly Message[]): Promise<readonly Message[]> {
    const first = this.#nextXid
    for (const message of messages) this.#write(message, this.#nextXid++)
    const barrier = this.#nextXid++
    this.#write({ type: 'barrier_request' }, barrier)
    const received = await this.#until(({ xid, message }) => xid === barrier && message.type === 'barrier_reply')
    return received.filter(({ xid }) => xid >= first && xid < barrier).map(({ message }) => message)
  }

  /** Everything that comes from now on, until the connection ends. */
  async watch(onMessage: (message: Message) => void): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onMessage = ({ message }) => onMessage(message)
      this.#onEnd = () => resolve()
    })
  }

  close(): void { this.#socket.destroySoon() }

  #write(message: Message, xid: number): void {
    for (const bytes of encodeMessage(message, this.version, xid)) this.#socket.write(bytes)
  }

  #until(isLast: (answer: Answer) => boolean): Promise<readonly Answer[]> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new SwitchError('channel.timeout', 'the switch did not answer in time')), ANSWER_MS)
      this.#onEnd = (error) => {
        clearTimeout(timer)
        reject(error)
      }
      this.#onMessage = (answer) => {
        this.#received.push(answer)
        if (!isLast(answer)) return
        clearTimeout(timer)
        const received = this.#received
        this.#received = []
        resolve(received)
      }
    })
  }

  #onData(chunk: Uint8Array): void {
    this.#framer.push(chunk)
    for (let frame = this.#framer.next(); frame !== null; frame = this.#framer.next()) {
      const decoded = decodeMessage(frame, frame.version)
      if (!decoded.ok) continue
      const { message } = decoded
      if (message.type === 'hello' && frame.version < this.version) return this.#end(`the switch does not speak ${versionName(this.version)}`)
      if (message.type === 'peer_error' && message.errorType === 0) return this.#end(`the switch does not speak ${versionName(this.version)}`)
      if (message.type === 'echo_request') this.#write({ type: 'echo_reply', data: message.data }, frame.xid)
      else this.#onMessage({ xid: frame.xid, message })
    }
  }

  #end(reason: string): void {
    this.#socket.destroy()
    this.#onEnd(new SwitchError('channel.lost', reason))
  }
}

/** The name of an error that a switch has sent. */
export const nameOfError = (error: Extract<Message, { readonly type: 'peer_error' }>, version: number): string =>
  errorName(receivedNumbers(error), version)
