/**
 * A small OpenFlow 1.3 controller: every switch that connects becomes a learning switch (IEEE 802.1D-2004 §7.8, without
 * spanning tree). It stands on the codec only, knows nothing of ofswitchd, and serves the quick start, as an example of
 * how to use the codec, and as a real controller in tests.
 *
 *   switch ──hello──▶ features_request ──▶ delete our flows, table-miss → controller, barrier ──▶ ready
 *   packet_in: learn source; known destination → flow with an idle timeout + packet-out, otherwise flood
 */
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { CONTROLLER_MAX_LEN_NO_BUFFER, Framer, Group, NO_BUFFER, NO_INSTRUCTIONS, Port, Table, decodeMessage, encodeMessage } from '../openflow/index.js'
import type { Action, FlowMod, Frame, Match, Message, PacketIn } from '../openflow/index.js'

const VERSION = 4
const COOKIE_MASK = 0xffffffffffffffffn
const LLDP = 0x88cc
/** Remembered for each switch; the oldest is forgotten first. */
const MAX_STATIONS = 8192

export interface LearningControllerOptions {
  /** Seconds without a packet after which a learned flow goes away. Default 60. */
  readonly idleTimeout?: number
  /** Marks our flows. */
  readonly cookie?: bigint
  /** A switch is ready: its table-miss flow is in place. */
  readonly onSwitch?: (datapathId: bigint) => void
  readonly onSwitchGone?: (datapathId: bigint, reason: string) => void
  readonly onLearned?: (datapathId: bigint, mac: bigint, port: number) => void
  /** OFPT_ERROR from a switch, as "type 1 code 6". */
  readonly onError?: (datapathId: bigint | null, error: string) => void
}

export class LearningController {
  readonly #options: LearningControllerOptions
  readonly #cookie: bigint
  readonly #sessions = new Set<Session>()
  #server: Server | null = null

  constructor(options: LearningControllerOptions = {}) {
    this.#options = options
    this.#cookie = options.cookie ?? 0x1ea2n
  }

  /** Resolves with the port; rejects when the address cannot be had. */
  listen(port = 0, host = '127.0.0.1'): Promise<number> {
    return new Promise((resolve, reject) => {
      const server = createServer((socket) => {
        const session: Session = new Session(socket, this.#cookie, this.#options, () => this.#sessions.delete(session))
        this.#sessions.add(session)
      })
      server.once('error', reject)
      server.listen(port, host, () => {
        server.removeListener('error', reject)
        server.on('error', () => {})
        this.#server = server
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  get switches(): readonly bigint[] {
    return [...this.#sessions].flatMap(({ datapathId }) => (datapathId === null ? [] : [datapathId]))
  }

  /** Ends; with `removeFlows` the switches forget what we taught them first. */
  async close({ removeFlows = false }: { readonly removeFlows?: boolean } = {}): Promise<void> {
    const server = this.#server
    this.#server = null
    const closed = server === null ? null : new Promise<void>((resolve) => server.close(() => resolve()))
    await Promise.all([...this.#sessions].map((session) => session.end(removeFlows)))
    await closed
  }
}

/** One switch. */
class Session {
  datapathId: bigint | null = null
  readonly #socket: Socket
  readonly #cookie: bigint
  readonly #options: LearningControllerOptions
  readonly #framer = new Framer()
  readonly #ports = new Map<bigint, number>()
  #nextXid = 1
  #readyXid: number | null = null
  #gone: () => void
  readonly #ended: Promise<void>
  #removedXid: number | null = null

  constructor(socket: Socket, cookie: bigint, options: LearningControllerOptions, onGone: () => void) {
    this.#socket = socket
    this.#cookie = cookie
    this.#options = options
    this.#gone = () => {}
    this.#ended = new Promise((resolve) => { this.#gone = resolve })
    socket.setNoDelay(true)
    socket.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    socket.on('end', () => this.#stop('closed by the switch'))
    socket.on('error', (error) => this.#stop(error.message))
    socket.on('close', () => {
      onGone()
      this.#stop('connection lost')
      this.#gone()
    })
    this.#send({ type: 'hello', versions: [VERSION], hasBitmap: true })
  }

  end(removeFlows: boolean): Promise<void> {
    if (removeFlows && this.#readyXid === null && this.datapathId !== null) {
      this.#deleteOurFlows()
      // Closed at its reply; a switch that does not answer is not waited for long.
      this.#removedXid = this.#send({ type: 'barrier_request' })
      const late = setTimeout(() => this.#socket.destroy(), 1000)
      this.#socket.once('close', () => clearTimeout(late))
    } else this.#socket.destroy()
    return this.#ended
  }

  #stop(reason: string): void {
    this.#socket.destroy()
    if (this.datapathId === null) return
    const datapathId = this.datapathId
    this.datapathId = null
    this.#options.onSwitchGone?.(datapathId, reason)
  }

  #onData(chunk: Uint8Array): void {
    try {
      this.#framer.push(chunk)
      for (let frame = this.#framer.next(); frame !== null && !this.#socket.destroyed; frame = this.#framer.next()) this.#onFrame(frame)
    } catch (error) {
      this.#stop((error as Error).message)
    }
  }

  #onFrame(frame: Frame): void {
    const decoded = decodeMessage(frame, VERSION)
    if (!decoded.ok) {
      this.#options.onError?.(this.datapathId, `cannot read message of type ${frame.type}: ${decoded.reason}`)
      return
    }
    this.#onMessage(decoded.message, frame.xid)
  }

  #onMessage(message: Message, xid: number): void {
    switch (message.type) {
      case 'hello':
        if (!message.versions.includes(VERSION)) return this.#stop('the switch does not speak OpenFlow 1.3')
        this.#send({ type: 'features_request' })
        return
      case 'echo_request':
        this.#send({ type: 'echo_reply', data: message.data }, xid)
        return
      case 'features_reply':
        this.datapathId = message.datapathId
        this.#deleteOurFlows()
        this.#send({ type: 'set_config', flags: 0, missSendLen: CONTROLLER_MAX_LEN_NO_BUFFER })
        this.#addFlow(0, 0, [], output(Port.CONTROLLER))
        this.#readyXid = this.#send({ type: 'barrier_request' })
        return
      case 'barrier_reply':
        if (xid === this.#removedXid) return this.#stop('controller closed')
        if (xid === this.#readyXid && this.datapathId !== null) {
          this.#readyXid = null
          this.#options.onSwitch?.(this.datapathId)
        }
        return
      case 'packet_in':
        if (this.#removedXid === null) this.#onPacketIn(message)
        return
      case 'peer_error':
        this.#options.onError?.(this.datapathId, `type ${message.errorType} code ${message.code}`)
        return
      case 'port_status':
        // What was learned on a port that went down may be elsewhere now.
        if (message.reason === 'delete' || (message.port.state & 1) !== 0) this.#forget(message.port.portNo)
        return
      default:
    }
  }

  #onPacketIn(packet: PacketIn): void {
    const inPort = Number(packet.match.find(({ field }) => field === 'in_port')?.value ?? 0n)
    const { data } = packet
    if (data.length < 14 || inPort === 0) return
    const destination = address(data, 0)
    const source = address(data, 6)
    const ethertype = (data[12] ?? 0) << 8 | (data[13] ?? 0)
    // Group addresses send nothing; link-local protocols are not forwarded (IEEE 802.1D-2004 §7.12.6).
    if (isGroup(source) || ethertype === LLDP || destination >> 8n === 0x0180c20000n) return
    const before = this.#ports.get(source)
    if (before !== inPort) {
      this.#ports.set(source, inPort)
      const oldest = this.#ports.size > MAX_STATIONS ? this.#ports.keys().next() : null
      if (oldest !== null && !oldest.done) this.#ports.delete(oldest.value)
      if (before !== undefined) this.#deleteFlowsTo(source)
      this.#options.onLearned?.(this.datapathId ?? 0n, source, inPort)
    }
    const outPort = isGroup(destination) ? undefined : this.#ports.get(destination)
    if (outPort === undefined) return this.#packetOut(packet, inPort, Port.ALL)
    if (outPort === inPort) return
    // The source is matched too: the next packet of a station we have not seen must come here.
    this.#addFlow(100, this.#options.idleTimeout ?? 60, [
      { field: 'in_port', value: BigInt(inPort), mask: null },
      { field: 'eth_dst', value: destination, mask: null },
      { field: 'eth_src', value: source, mask: null },
    ], output(outPort))
    this.#packetOut(packet, inPort, outPort)
  }

  #packetOut(packet: PacketIn, inPort: number, port: number): void {
    const buffered = packet.bufferId !== NO_BUFFER
    this.#send({
      type: 'packet_out', bufferId: packet.bufferId, inPort, match: [], actions: output(port),
      data: buffered ? new Uint8Array(0) : packet.data,
    })
  }

  #addFlow(priority: number, idleTimeout: number, match: Match, actions: readonly Action[]): void {
    this.#flowMod({ command: 'add', tableId: 0, priority, match, idleTimeout, instructions: { ...NO_INSTRUCTIONS, apply: actions } })
  }

  #deleteOurFlows(): void {
    this.#flowMod({ command: 'delete', tableId: Table.ALL, cookieMask: COOKIE_MASK })
  }

  #deleteFlowsTo(mac: bigint): void {
    this.#flowMod({ command: 'delete', tableId: 0, cookieMask: COOKIE_MASK, match: [{ field: 'eth_dst', value: mac, mask: null }] })
  }

  #forget(port: number): void {
    for (const [mac, learned] of this.#ports) if (learned === port) this.#ports.delete(mac)
    this.#flowMod({ command: 'delete', tableId: Table.ALL, cookieMask: COOKIE_MASK, outPort: port })
  }

  #flowMod(parts: Pick<FlowMod, 'command' | 'tableId'> & Partial<FlowMod>): void {
    this.#send({
      type: 'flow_mod', priority: 0, match: [], cookie: this.#cookie, cookieMask: 0n, idleTimeout: 0, hardTimeout: 0,
      bufferId: NO_BUFFER, outPort: Port.ANY, outGroup: Group.ANY, flags: 0, importance: 0, instructions: NO_INSTRUCTIONS, ...parts,
    })
  }

  #send(message: Message, xid = this.#nextXid++): number {
    if (!this.#socket.destroyed) for (const bytes of encodeMessage(message, VERSION, xid)) this.#socket.write(bytes)
    return xid
  }
}

const output = (port: number): readonly Action[] => [{ type: 'output', port, maxLen: CONTROLLER_MAX_LEN_NO_BUFFER }]

const isGroup = (mac: bigint): boolean => (mac >> 40n & 1n) === 1n

function address(data: Uint8Array, at: number): bigint {
  let value = 0n
  for (let i = at; i < at + 6; i++) value = value << 8n | BigInt(data[i] ?? 0)
  return value
}
