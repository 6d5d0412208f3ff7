/**
 * A whole switch without root: the agent, its embedded target in a worker thread with ports in memory, and an OpenFlow client
 * over a real TCP connection. Nothing is faked but the wires.
 */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { startAgent, type Agent } from '../../src/agent/agent.js'
import { silentLogger, type Logger } from '../../src/base/logger.js'
import type { Config } from '../../src/config/index.js'
import { checkConfig, noSource } from '../../src/config/index.js'
import {
  decodeMessage, encodeMessage, Framer, NO_BUFFER, NO_INSTRUCTIONS, Port, type Action, type FlowMod, type Instructions, type Match, type Message,
  type StatsReplyBody, type StatsRequestBody,
} from '../../src/openflow/index.js'
import { MemoryPortDriver } from '../../src/target/ports/index.js'

export interface Received { readonly xid: number; readonly message: Message }

/** A controller of one version that says what it is told to and keeps what it hears. */
export class OpenFlowClient {
  readonly heard: Received[] = []
  /** Resolves when the connection has ended and everything was heard. */
  readonly ended: Promise<void>
  /** Called whenever something has been heard. */
  onHeard: () => void = () => { /* nobody waits */ }
  readonly #socket: Socket
  readonly #version: number
  readonly #waiting = new Set<{ look(received: Received): void; giveUp(why: string): void }>()
  #isOver = false
  #xid = 100

  private constructor(socket: Socket, version: number) {
    this.#socket = socket
    this.#version = version
    this.ended = new Promise<void>((resolve) => {
      socket.once('close', () => {
        this.#isOver = true
        for (const { giveUp } of [...this.#waiting]) giveUp('the connection has ended')
        resolve()
      })
    })
    socket.on('error', () => { /* it has ended; ended tells */ })
    const framer = new Framer()
    socket.on('data', (chunk: Uint8Array) => {
      framer.push(chunk)
      for (let frame = framer.next(); frame !== null; frame = framer.next()) {
        const decoded = decodeMessage(frame, version)
        if (decoded.ok && decoded.message.type === 'echo_request') this.send({ type: 'echo_reply', data: decoded.message.data }, frame.xid)
        else if (decoded.ok) this.#hear({ xid: frame.xid, message: decoded.message })
        else throw new Error(`the switch sent what cannot be decoded: ${decoded.reason}`)
      }
    })
  }

  /** To a port of this machine, or a socket by its path. */
  static async connect(port: number | string, version = 4): Promise<OpenFlowClient> {
    const socket = typeof port === 'string' ? connect({ path: port }) : connect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise<void>((resolve, reject) => { socket.once('connect', resolve).once('error', reject) })
    const client = new OpenFlowClient(socket, version)
    client.send({ type: 'hello', versions: [version], hasBitmap: version >= 4 })
    await Promise.race([client.waitFor(({ message }) => message.type === 'hello'), client.ended.then(() => { throw new Error('the connection has ended before the hello') })])
    return client
  }

  /** The same of a switch that does not listen yet: tries again until it does. */
  static async connectSoon(port: number, timeoutMs: number): Promise<OpenFlowClient> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      try {
        return await OpenFlowClient.connect(port)
      } catch (error) {
        if (Date.now() > deadline) throw error
        await new Promise((resolve) => { setTimeout(resolve, 20) })
      }
    }
  }

  send(message: Message, xid = ++this.#xid): number {
    for (const bytes of encodeMessage(message, this.#version, xid)) this.#socket.write(bytes)
    return xid
  }

  /** The reply, or the error, to this request. */
  async request(message: Message): Promise<Message> {
    const xid = this.send(message)
    return (await this.waitFor((received) => received.xid === xid)).message
  }
  /** Errors of these messages, by name, once a barrier has passed them. */
  async sendAll(...messages: readonly Message[]): Promise<string[]> {
    const xids = messages.map((message) => this.send(message))
    const reply = await this.request({ type: 'barrier_request' })
    assert.equal(reply.type, 'barrier_reply')
    return this.heard.flatMap(({ xid, message }) => (xids.includes(xid) && message.type === 'peer_error' ? [errorText(message.errorType, message.code)] : []))
  }
  async stats<Kind extends StatsReplyBody['kind']>(body: Extract<StatsRequestBody, { kind: Kind }>): Promise<Extract<StatsReplyBody, { kind: Kind }>> {
    const reply = await this.request({ type: 'stats_request', more: false, body })
    assert.ok(reply.type === 'stats_reply' && reply.body.kind === (body as StatsRequestBody).kind, `no statistics: ${JSON.stringify(reply, bigints)}`)
    return reply.body as Extract<StatsReplyBody, { kind: Kind }>
  }

  /** All parts of a reply that may come in several. */
  async allStats<Kind extends StatsReplyBody['kind']>(body: Extract<StatsRequestBody, { kind: Kind }>): Promise<readonly Extract<StatsReplyBody, { kind: Kind }>[]> {
    const asked = this.send({ type: 'stats_request', more: false, body })
    const last = await this.waitFor(({ xid, message }) => xid === asked && !(message.type === 'stats_reply' && message.more))
    assert.equal(last.message.type, 'stats_reply')
    return this.heard.filter(({ xid }) => xid === asked).flatMap(({ message }) => (message.type === 'stats_reply' ? [message.body as Extract<StatsReplyBody, { kind: Kind }>] : []))
  }

  async waitFor(wanted: (received: Received) => boolean, timeoutMs = 60_000): Promise<Received> {
    const heard = this.heard.find(wanted)
    if (heard !== undefined) return heard
    return await new Promise((resolve, reject) => {
      const giveUp = (why: string): void => {
        clearTimeout(timer)
        this.#waiting.delete(waiting)
        reject(new Error(`${why}: heard only ${this.heard.map(({ message }) => message.type).join(', ')}`))
      }
      const timer = setTimeout(() => giveUp(`nothing more for ${timeoutMs} ms`), timeoutMs)
      const look = (received: Received): void => {
        if (!wanted(received)) return
        clearTimeout(timer)
        this.#waiting.delete(waiting)
        resolve(received)
      }
      const waiting = { look, giveUp }
      this.#waiting.add(waiting)
      if (this.#isOver) giveUp('the connection has ended')
    })
  }
  #hear(received: Received): void {
    this.heard.push(received)
    this.onHeard()
    for (const { look } of [...this.#waiting]) look(received)
  }
  messages<Type extends Message['type']>(type: Type): Extract<Message, { type: Type }>[] {
    return this.heard.map(({ message }) => message).filter((message): message is Extract<Message, { type: Type }> => message.type === type)
  }
  close(): void { this.#socket.destroy() }
}

export interface SwitchRig {
  readonly agent: Agent
  readonly ports: MemoryPortDriver
  readonly client: OpenFlowClient
  readonly listenPort: number
  /** Puts a frame in and waits until `count` frames have come out; more that come at once are included. */
  exchange(port: number, frame: Uint8Array, count: number): Promise<string[]>
  close(): Promise<void>
}

export async function startSwitch(options: { readonly pipeline?: 'ofswitchd' | 'examples/l2'; readonly config?: Partial<Config>; readonly version?: number; readonly log?: Logger } = {}): Promise<SwitchRig> {
  const file = (suffix: string): string => join(process.cwd(), 'p4', `${options.pipeline ?? 'ofswitchd'}${suffix}`)
  const numbers = [1, 2, 3, 4, 5]
  const ports = new MemoryPortDriver(numbers)
  const config: Config = {
    ...checkConfig(noSource, null, process.cwd()),
    target: { kind: 'simulated', hosts: numbers.map((port) => ({ name: `p${port}`, port, mac: `00:00:00:00:01:0${port}`, ipv4: `10.9.0.${port}` })) },
    ports: numbers.map((number) => ({ number, interface: `p${number}`, p4Port: number })),
    controllers: [], listen: [{ transport: 'tcp', passive: true, host: '127.0.0.1', port: 0 }],
    pipeline: { p4info: file('.p4info.txtpb'), json: file('.json') },
    ...options.config,
  }
  const agent = await startAgent(config, options.log ?? silentLogger, { ports })
  const { client, listenPort } = await firstClient(agent, options.version)
  return {
    agent, ports, client, listenPort,
    exchange: async (port, frame, count) => {
      ports.take()
      const sent: string[] = []
      assert.ok(ports.inject(port, frame), `port ${port} takes no frame`)
      const collect = (): void => { for (const out of ports.take()) sent.push(`${out.port} ${Buffer.from(out.frame).toString('hex')}`) }
      await eventually(() => {
        collect()
        return sent.length >= count ? sent : undefined
      }, () => `only ${sent.length} of ${count} frames came out: ${sent.join(' | ')}`)
      // What should not come would come now: one more round trip through target and agent.
      await client.request({ type: 'barrier_request' })
      collect()
      return sent.sort()
    },
    close: async () => {
      client.close()
      await agent.close()
    },
  }
}

async function inTime<T>(event: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => { timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms for ${what}`)), timeoutMs) })
  return await Promise.race([event, late]).finally(() => clearTimeout(timer))
}

/** A client of a switch that has just been started. */
export async function firstClient(agent: Agent, version?: number): Promise<Pick<SwitchRig, 'client' | 'listenPort'>> {
  // Compiling the pipeline takes its time on a busy machine.
  await inTime(agent.ready, 60_000, 'the target to be ready')
  // Those of controllers come first.
  const listener = agent.channels.listening().findLast(({ transport }) => transport === 'tcp')
  const listenPort = listener?.transport === 'tcp' ? listener.port : 0
  const client = await OpenFlowClient.connect(listenPort, version)
  return { client, listenPort }
}

export function flowMod(tableId: number, priority: number, match: Match, instructions: Partial<Instructions>, rest: Partial<FlowMod> = {}): FlowMod {
  return {
    type: 'flow_mod', command: 'add', tableId, priority, match, cookie: 0n, cookieMask: 0n, idleTimeout: 0, hardTimeout: 0, bufferId: NO_BUFFER,
    outPort: Port.ANY, outGroup: 0xffffffff, flags: 0, importance: 0, instructions: { ...NO_INSTRUCTIONS, ...instructions }, ...rest,
  }
}
export const output = (port: number, maxLen = 0xffff): Action => ({ type: 'output', port, maxLen })
export const hex = (text: string): Uint8Array => Buffer.from(text.replace(/\s+/g, ''), 'hex')

export async function eventually<T>(look: () => T | undefined, why: () => string, timeoutMs = 30_000): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const found = look()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(why())
    await new Promise((resolve) => { setTimeout(resolve, 5) })
  }
}

const errorText = (type: number, code: number): string => `${type}/${code}`
const bigints = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)
