/** The other side of a connection, byte by byte: it knows the common header and nothing else of OpenFlow. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { silentLogger } from '../../../src/base/logger.js'
import { ChannelSet } from '../../../src/channel/index.js'
import type { ChannelSetEvents, ChannelSetOptions, OpenConnection } from '../../../src/channel/index.js'
import type { Endpoint } from '../../../src/base/endpoint.js'
import type { Message } from '../../../src/openflow/index.js'

export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s|#.*/g, ''), 'hex'))
/** A message of the common header and a body. */
export function message(version: number, type: number, xid: number, body: Uint8Array | string = ''): Uint8Array {
  const bytes = typeof body === 'string' ? hex(body) : body
  const whole = Buffer.alloc(8 + bytes.length)
  whole.writeUInt8(version, 0)
  whole.writeUInt8(type, 1)
  whole.writeUInt16BE(whole.length, 2)
  whole.writeUInt32BE(xid, 4)
  whole.set(bytes, 8)
  return whole
}
export const hello = (version: number, bitmap?: number): Uint8Array =>
  message(version, 0, 0x99, bitmap === undefined ? '' : `0001 0008 ${bitmap.toString(16).padStart(8, '0')}`)
export const echoRequest = (xid: number, body = ''): Uint8Array => message(4, 2, xid, body)
export const barrier = (xid: number): Uint8Array => message(4, 20, xid)

export async function until(what: string, condition: () => boolean, ms = 10_000): Promise<void> {
  const deadline = Date.now() + ms
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

export interface Received { readonly version: number; readonly type: number; readonly xid: number; readonly body: string }

export class Peer {
  readonly socket: Socket
  readonly received: Received[] = []
  bytes = 0
  closed = false
  #buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length
      this.#buffer = Buffer.concat([this.#buffer, chunk])
      while (this.#buffer.length >= 8 && this.#buffer.length >= this.#buffer.readUInt16BE(2)) {
        const frame = this.#buffer.subarray(0, this.#buffer.readUInt16BE(2))
        this.#buffer = this.#buffer.subarray(frame.length)
        this.received.push({ version: frame.readUInt8(0), type: frame.readUInt8(1), xid: frame.readUInt32BE(4), body: frame.toString('hex', 8) })
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => { this.closed = true })
  }

  static connect(endpoint: Endpoint | undefined): Promise<Peer> {
    if (endpoint === undefined) throw new Error('no listener')
    const options = endpoint.transport === 'unix' ? { path: endpoint.path } : { port: endpoint.port, host: endpoint.host ?? '127.0.0.1' }
    return new Promise((resolve, reject) => {
      const socket = connect({ ...options, allowHalfOpen: true })
      socket.once('error', reject)
      socket.once('connect', () => resolve(new Peer(socket)))
    })
  }

  send(...messages: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(messages))
  }
  ofType(type: number): Received[] {
    return this.received.filter((each) => each.type === type)
  }
  async next(type: number): Promise<Received> {
    await until(`a message of type ${type}`, () => this.ofType(type).length > 0 || this.closed)
    const found = this.ofType(type)[0]
    if (found === undefined) throw new Error(`closed without a message of type ${type}`)
    this.received.splice(this.received.indexOf(found), 1)
    return found
  }
  async end(): Promise<void> {
    await until('the end of the connection', () => this.closed || this.socket.readableEnded)
  }
}

/** Everything a ChannelSet reports. */
export class Recorder implements ChannelSetEvents {
  readonly opened: OpenConnection[] = []
  readonly messages: { id: number; xid: number; message: Message; raw: Uint8Array }[] = []
  readonly refused: { id: number; xid: number; error: string; reason: string; raw: Uint8Array }[] = []
  readonly closed: { id: number; reason: string }[] = []
  readonly monitorsBehind: boolean[] = []
  then: (id: number, xid: number, message: Message) => void = () => {}

  onOpen(connection: OpenConnection): void {
    this.opened.push(connection)
  }
  onMessage(id: number, xid: number, received: Message, raw: Uint8Array): void {
    this.messages.push({ id, xid, message: received, raw })
    this.then(id, xid, received)
  }
  onRefused(id: number, xid: number, error: string, reason: string, raw: Uint8Array): void {
    this.refused.push({ id, xid, error, reason, raw })
  }
  onMonitorsBehind(_id: number, isBehind: boolean): void {
    this.monitorsBehind.push(isBehind)
  }
  onClose(id: number, reason: string): void {
    this.closed.push({ id, reason })
  }
}

export const loopback: Endpoint = { transport: 'tcp', passive: true, host: '127.0.0.1', port: 0 }

/** A ChannelSet with one listener on a free port; closed at the end of the test. */
export async function listeningSet(context: { after(run: () => Promise<void>): void }, options: Partial<ChannelSetOptions> = {}): Promise<{ set: ChannelSet; events: Recorder; connect: () => Promise<Peer>; open: () => Promise<Peer> }> {
  const events = new Recorder()
  const set = new ChannelSet({ controllers: [], listen: [loopback], versions: [1, 4], log: silentLogger, ...options }, events)
  const peers: Peer[] = []
  await set.start()
  context.after(async () => {
    for (const peer of peers) peer.socket.destroy()
    await set.close()
  })
  const connectPeer = async (): Promise<Peer> => {
    const peer = await Peer.connect(set.listening()[0])
    peers.push(peer)
    return peer
  }
  return {
    set, events, connect: connectPeer,
    open: async () => {
      const before = events.opened.length
      const peer = await connectPeer()
      peer.send(hello(4))
      await until('the connection to open', () => events.opened.length > before)
      await peer.next(0)
      return peer
    },
  }
}
