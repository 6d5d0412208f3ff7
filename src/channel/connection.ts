/**
 * One OpenFlow connection, from its first byte to its last: hello and version negotiation, framing, echo, inactivity,
 * and the bounds of limits.ts. It knows nothing of what the messages mean; where they come from and who reconnects is
 * the business of connector.ts and listener.ts. OF 1.3.5 §6.3
 *
 *   greeting ──hello of the peer, common version──▶ open ──end, error, silence, close()──▶ closed
 *      └────────nothing common, no hello, silence──────────────────────────────────────────▶┘
 *
 * Echo requests are answered here, ahead of requests that wait for the datapath: they carry no order (only a barrier
 * does, OF 1.3.5 §6.2), and a controller that measures us by them should not take a busy switch for a dead one.
 */
import type { Socket } from 'node:net'
import { monotonicNow } from '../base/clock.js'
import type { Millis } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { LimitedLog, Logger } from '../base/logger.js'
import { decodeMessage, encodeMessage } from '../openflow/index.js'
import type { ErrorName, Frame, Message } from '../openflow/index.js'
import { ECHO_REPLY, ECHO_REQUEST, ERROR, HELLO, UNSOLICITED_XID } from './connection-types.js'
import type { ConnectionCounters, ConnectionEvents, ConnectionOptions } from './connection-types.js'
import { Input } from './input.js'
import { Liveness } from './liveness.js'
import { MonitorBacklog } from './monitor-backlog.js'
import { negotiate, ourHello, versionName } from './negotiation.js'
import { Output } from './output.js'
import { PacketInScheduler, inPort, isPacketIn } from './packet-in-scheduler.js'
import type { PacketIn } from './packet-in-scheduler.js'
import { tlsFailure } from './tls-keys.js'

/** What a peer that does not read goes without, packet-ins apart. */
const asynchronous: ReadonlySet<Message['type']> = new Set(['flow_removed', 'nx_flow_removed', 'port_status', 'table_status', 'requestforward'])
/**
 * Of a message that is kept until it is answered, as much as an error tells: a copy, which does not keep the whole chunk alive,
 * and is small enough for V8 to have it in its own heap.
 */
const RAW_BYTES = 64
/** For the last bytes to leave after an orderly close. */
const LINGER_MS = 500

export class Connection {
  readonly counters: ConnectionCounters = { received: 0, sent: 0, droppedPacketIns: 0, droppedOthers: 0 }
  /** Open ones of a main connection, over which its packet-ins are spread by port. OF 1.3.5 §6.3.6 */
  readonly auxiliaries: Connection[] = []
  readonly #socket: Socket
  #options: ConnectionOptions
  readonly #events: ConnectionEvents
  readonly #log: Logger
  readonly #limitedLog: LimitedLog
  readonly #input: Input
  readonly #output: Output
  #state: 'greeting' | 'open' | 'closed' = 'greeting'
  #version: number
  /** Bytes received while greeting. */
  #seen = 0

  readonly #monitors: MonitorBacklog
  readonly #liveness: Liveness
  #greetingTimer: NodeJS.Timeout | null
  #paused = false
  #packetIns: PacketInScheduler
  #packetInTimer: NodeJS.Timeout | null = null
  #wantRoom: (() => void)[] = []
  #roomOffered = false

  constructor(socket: Socket, options: ConnectionOptions, events: ConnectionEvents, log: Logger, limitedLog: LimitedLog) {
    this.#socket = socket
    this.#options = options
    this.#events = events
    this.#log = log
    this.#limitedLog = limitedLog
    this.#packetIns = schedulerFor(options)
    this.#input = new Input(options.limits, {
      takesAll: () => this.#state !== 'open' || this.#events.isWatched?.() === true,
      onFrame: (frame) => this.#onFrame(frame),
      onHeld: (count) => { this.counters.received += count },
      onRequest: (frame) => this.#onRequest(frame),
      onLost: (error) => this.#fail(this.#state === 'greeting' ? 'OFPHFC_INCOMPATIBLE' : 'OFPBRC_BAD_LEN', messageOf(error), null),
      mayDeliver: () => this.#state === 'open' && !this.#paused && this.#output.size < this.#options.limits.outputHighBytes,
      onSlice: () => this.#steer(),
    })
    this.#liveness = new Liveness(options.inactivityProbeMs, {
      // While requests wait for our own datapath and the socket is not read, silence is not the peer's.
      isOurs: () => this.#input.bytes >= this.#options.limits.heldBytes,
      probe: () => this.#emit({ type: 'echo_request', data: new Uint8Array(0) }, UNSOLICITED_XID),
      lost: (interval) => this.#finish(this.#socket.isPaused() ? 'the peer does not read' : `no answer to an echo request within ${interval} ms`),
    })
    this.#output = new Output(socket, () => this.#onProgress())
    this.#monitors = new MonitorBacklog((isBehind) => this.#events.onMonitorsBehind?.(isBehind))
    const { version, hello } = ourHello(options.versions)
    this.#version = version

    socket.setNoDelay(true)
    socket.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    // A peer that has ended its side wants no more of us; Faucet restarts this way and waits for us to follow.
    socket.on('end', () => this.#finish('closed by the peer'))
    socket.on('error', (error) => this.#finish(tlsFailure(error)))
    socket.on('close', () => this.#finish('connection lost'))
    this.#greetingTimer = setTimeout(() => this.#finish('the peer sent no OFPT_HELLO'), options.greetingMs)
    this.#emit(hello, UNSOLICITED_XID)
  }

  get state(): 'greeting' | 'open' | 'closed' {
    return this.#state
  }
  /** The negotiated version; before that, our highest. */
  get version(): number {
    return this.#version
  }
  get outputSize(): number {
    return this.#output.size
  }
  /** Since something was last received. */
  get silentFor(): Millis {
    return this.#liveness.silentFor
  }
  /** Bytes kept for this peer in either direction; the system's buffers and one incomplete message (64 KiB) come on top. */
  get memory(): number {
    return this.#output.size + this.#packetIns.bytes + this.#input.bytes
  }

  /**
   * Queues a message; false when it was not: the connection is not open, the version cannot carry it (which is logged),
   * or it is an asynchronous one that a slow peer does not get (which is counted). A packet-in that was queued may be
   * dropped for another one later, which is counted too.
   */
  send(message: Message, xid?: number): boolean {
    if (this.#state !== 'open' || this.#dropped(message)) return false
    if (isPacketIn(message)) return this.#schedule(message)
    if (!this.#emit(message, xid ?? UNSOLICITED_XID)) return false
    if (this.#output.size > this.#options.limits.outputMaxBytes) {
      this.#finish(`the peer does not read: ${this.#output.size} bytes wait for it`)
      return false
    }
    this.#steer()
    return true
  }

  /**
   * Calls `tell` in a later turn, when little waits to be read by the peer or when the connection has ended: for replies
   * that are made as fast as they are read.
   */
  whenRoom(tell: () => void): void {
    this.#wantRoom.push(tell)
    this.#offerRoom()
  }

  /** The datapath has a backlog: hold requests back. Echo is still answered. */
  pause(): void {
    this.#paused = true
  }
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#liveness.excuse()
    this.#input.continueSoon()
  }

  /** Probes and rates of packet-ins; the rest of the options counts when a connection begins. */
  configure(options: ConnectionOptions): void {
    const { inactivityProbeMs, packetIns } = this.#options
    this.#options = { ...this.#options, inactivityProbeMs: options.inactivityProbeMs, packetIns: options.packetIns }
    if (options.packetIns.rate !== packetIns.rate || options.packetIns.burst !== packetIns.burst) {
      const waiting = this.#packetIns
      this.#packetIns = schedulerFor(this.#options)
      for (const message of waiting.drain()) this.counters.droppedPacketIns += this.#packetIns.put(message)
      this.#sendPacketIns()
    }
    if (options.inactivityProbeMs === inactivityProbeMs) return
    if (this.#state === 'open') this.#liveness.restart(options.inactivityProbeMs)
    else this.#liveness.interval = options.inactivityProbeMs
  }

  /** What was sent before still leaves, if the peer takes it within half a second. */
  close(reason: string): void {
    this.#finish(reason)
  }

  // ---- Input --------------------------------------------------------------------------------------------------

  #onData(chunk: Uint8Array): void {
    if (this.#state === 'closed') return
    this.#liveness.heard()
    try {
      if (this.#state === 'greeting' && !this.#looksLikeHello(chunk)) return
      this.#input.receive(chunk)
    } catch (error) {
      this.#broken('input', error)
    }
    this.#steer()
  }

  /** Something else than OpenFlow is known by its first bytes; its "length" may be long in coming. */
  #looksLikeHello(chunk: Uint8Array): boolean {
    const at = this.#seen
    this.#seen += chunk.length
    const version = at === 0 ? chunk[0] : undefined
    const type = at <= 1 ? chunk[1 - at] : undefined
    if (version !== 0 && (type === undefined || type === HELLO || type === ERROR)) return true
    this.#fail('OFPHFC_INCOMPATIBLE', version === 0 ? 'version 0 is no OpenFlow version' : `expected OFPT_HELLO, got a message of type ${type}`, null)
    return false
  }

  /** True: it is for the datapath. */
  #onFrame(frame: Frame): boolean {
    this.counters.received++
    try {
      if (this.#state !== 'greeting') return this.#accept(frame)
      this.#greet(frame)
    } catch (error) {
      this.#broken('input', error)
    }
    return false
  }

  #greet(frame: Frame): void {
    if (frame.type === ERROR) return this.#finish(`the peer refused our OFPT_HELLO${errorText(frame)}`)
    const decoded = decodeMessage(frame, frame.version)
    if (!decoded.ok || decoded.message.type !== 'hello') {
      return this.#fail('OFPHFC_INCOMPATIBLE', decoded.ok ? 'not an OFPT_HELLO' : decoded.reason, frame)
    }
    const result = negotiate(this.#options.versions, decoded.message, frame.version)
    if (!result.ok) return this.#fail('OFPHFC_INCOMPATIBLE', result.text, frame)
    this.#version = result.version
    this.#state = 'open'
    this.#stopGreeting()
    this.#liveness.start()
    try {
      this.#events.onOpen(result.version)
    } catch (error) {
      this.#broken('onOpen', error)
    }
  }

  /** What concerns only the connection is done at once, the rest is held for the datapath. */
  #accept(frame: Frame): boolean {
    if (this.#events.isWatched?.() === true) this.#events.onFrame?.(frame.bytes)
    // In any version: OpenFlow 1.0's and 1.3's echo are the same, and Open vSwitch answers both.
    if (frame.type === ECHO_REQUEST) {
      const decoded = decodeMessage(frame, this.#version)
      if (decoded.ok && decoded.message.type === 'echo_request') this.#emit({ type: 'echo_reply', data: decoded.message.data }, frame.xid)
    }
    return frame.type !== ECHO_REQUEST && frame.type !== ECHO_REPLY && frame.type !== HELLO
  }

  #onRequest(frame: Frame): void {
    try {
      const decoded = decodeMessage(frame, this.#version)
      const raw = frame.chunk.slice(frame.offset, frame.offset + Math.min(frame.length, RAW_BYTES))
      if (decoded.ok) this.#events.onMessage(frame.xid, decoded.message, raw)
      else this.#events.onRefused(frame.xid, decoded.error, decoded.reason, raw)
    } catch (error) {
      this.#broken('a message', error)
    }
  }

  /** Reads from the peer, or stops reading. */
  #steer(): void {
    if (this.#state === 'closed') return
    const stop = this.#input.bytes >= this.#options.limits.heldBytes || this.#output.size >= this.#options.limits.outputHighBytes
    if (stop && !this.#socket.isPaused()) this.#socket.pause()
    else if (!stop && this.#socket.isPaused()) this.#socket.resume()
  }

  // ---- Output -------------------------------------------------------------------------------------------------

  #emit(message: Message, xid: number): boolean {
    let frames: readonly Uint8Array[]
    try {
      frames = encodeMessage(message, this.#version, xid)
    } catch (error) {
      this.#limitedLog.log('error', `encode ${message.type}`, { type: message.type, version: versionName(this.#version), reason: messageOf(error) }, 'message cannot be sent')
      return false
    }
    this.counters.sent += frames.length
    let bytes = 0
    for (const frame of frames) {
      bytes += frame.length
      this.#output.push(frame)
      if (this.#state === 'open' && this.#events.isWatched?.() === true) this.#events.onFrame?.(frame)
    }
    this.#monitors.queued(message, xid, bytes)
    return true
  }

  #dropped(message: Message): boolean {
    const { limits } = this.#options
    if (asynchronous.has(message.type) && this.#output.size > limits.asyncBytes) {
      this.counters.droppedOthers++
      this.#limitedLog.log('warn', 'dropped', { type: message.type, waiting: this.#output.size }, 'the peer does not read; an asynchronous message was dropped')
      return true
    }
    return false
  }

  #schedule(packetIn: PacketIn): boolean {
    this.counters.droppedPacketIns += this.#packetIns.put(packetIn)
    this.#sendPacketIns()
    return true
  }

  /** As many as rate and peer allow; the rest when a timer or #onProgress says so. */
  #sendPacketIns(): void {
    while (this.#output.size <= this.#options.limits.packetInBytes) {
      const message = this.#packetIns.take(monotonicNow())
      if (message === null) break
      this.#viaFor(message).#emit(message, UNSOLICITED_XID)
    }
    const wait = this.#output.size > this.#options.limits.packetInBytes ? null : this.#packetIns.wait
    if (wait === null || this.#packetInTimer !== null) return
    this.#packetInTimer = setTimeout(() => {
      this.#packetInTimer = null
      this.#sendPacketIns()
    }, Math.max(1, Math.ceil(wait)))
  }

  /** The packets of a port keep their order, as long as its connection takes them. */
  #viaFor(packetIn: PacketIn): Connection {
    const { auxiliaries } = this
    const chosen = auxiliaries[inPort(packetIn) % auxiliaries.length]
    return chosen === undefined || chosen.outputSize > this.#options.limits.packetInBytes ? this : chosen
  }

  #offerRoom(): void {
    if (this.#roomOffered || this.#wantRoom.length === 0 || this.#state !== 'closed' && this.#output.size > this.#options.limits.roomBytes) return
    this.#roomOffered = true
    setImmediate(() => {
      this.#roomOffered = false
      for (const tell of this.#wantRoom.splice(0)) tell()
    })
  }

  #onProgress(): void {
    if (this.#state !== 'closed') this.#monitors.left(this.#output.size)
    if (!this.#packetIns.isEmpty) this.#sendPacketIns()
    this.#offerRoom()
    // A peer that reads is alive, even while we do not read from it.
    if (this.#socket.isPaused()) this.#liveness.excuse()
    if (this.#output.size >= this.#options.limits.outputHighBytes / 2) return
    if (!this.#input.isEmpty) this.#input.continueSoon()
    this.#steer()
  }

  // ---- End ----------------------------------------------------------------------------------------------------

  /** Tells the peer why, in its own version where the message has one, and closes. */
  #fail(error: ErrorName, reason: string, offending: Frame | null): void {
    const greeting = this.#state === 'greeting'
    const data = greeting ? new TextEncoder().encode(reason.slice(0, 200)) : new Uint8Array(0)
    try {
      for (const bytes of encodeMessage({ type: 'error', name: error, data }, this.#version, offending?.xid ?? UNSOLICITED_XID)) {
        // OFPET_HELLO_FAILED has one form in all versions; the peer reads it in its own.
        if (greeting && offending !== null && offending.version !== 0) bytes[0] = offending.version
        this.#output.push(bytes)
      }
    } catch (thrown) {
      this.#log.error({ reason: messageOf(thrown) }, 'error message cannot be sent')
    }
    this.#finish(reason)
  }

  /** A mistake of ours that shows on one connection ends this connection only. */
  #broken(what: string, error: unknown): void {
    this.#log.error({ err: described(error) }, `exception while handling ${what}; closing the connection`)
    this.#finish('internal error')
  }

  #stopGreeting(): void {
    if (this.#greetingTimer !== null) clearTimeout(this.#greetingTimer)
    this.#greetingTimer = null
  }

  #finish(reason: string): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#stopGreeting()
    this.#liveness.stop()
    this.#input.stop()
    this.#packetIns.clear()
    if (this.#packetInTimer !== null) clearTimeout(this.#packetInTimer)
    this.#packetInTimer = null
    this.#endSocket()
    try {
      this.#events.onClosed(reason)
    } catch (error) {
      this.#log.error({ err: described(error) }, 'exception while handling the end of a connection')
    }
    this.#offerRoom()
  }

  #endSocket(): void {
    if (this.#socket.destroyed) return
    this.#output.flush()
    const linger = setTimeout(() => this.#socket.destroy(), LINGER_MS)
    this.#socket.once('close', () => clearTimeout(linger))
    this.#socket.end()
    // What the peer still sends is thrown away, so that its end is seen.
    this.#socket.resume()
  }
}

const described = (error: unknown): unknown => error instanceof Error ? { message: error.message, stack: error.stack } : String(error)

const schedulerFor = ({ packetIns, limits }: ConnectionOptions): PacketInScheduler =>
  new PacketInScheduler(packetIns, { items: limits.packetInQueue, bytes: limits.packetInQueueBytes }, monotonicNow())

/** The text of an OFPET_HELLO_FAILED, for the log. OF 1.3.5 §7.5.4.1 */
function errorText(frame: Frame): string {
  const text = new TextDecoder('latin1').decode(frame.bytes.subarray(12, 212)).replace(/[^ -~]/g, '')
  return text === '' ? '' : `: ${text}`
}
