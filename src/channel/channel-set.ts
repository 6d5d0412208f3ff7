/**
 * All OpenFlow connections of a switch, under numbers: the configured controllers, which are connected to again and
 * again, and whoever connects to the listeners. Above it there are only messages.
 */
import type { Socket } from 'node:net'
import type { Millis } from '../base/clock.js'
import { monotonicNow } from '../base/clock.js'
import { formatEndpoint } from '../base/endpoint.js'
import type { Endpoint } from '../base/endpoint.js'
import { SwitchError } from '../base/errors.js'
import { limitRepeats } from '../base/logger.js'
import type { LimitedLog, Logger } from '../base/logger.js'
import type { TlsFiles } from '../base/tls-material.js'
import type { ErrorName, Message } from '../openflow/index.js'
import { Connection } from './connection.js'
import type { ConnectionCounters, ConnectionOptions } from './connection.js'
import { Connector, peerName } from './connector.js'
import type { ActiveEndpoint, ConnectorOptions } from './connector.js'
import { defaultLimits } from './limits.js'
import type { ChannelLimits } from './limits.js'
import { listen } from './listener.js'
import type { Listener } from './listener.js'
import { versionName } from './negotiation.js'
import { TlsAcceptor } from './tls-acceptor.js'
import { TlsKeys } from './tls-keys.js'
import { Snooper } from './snoop.js'

/** 'controller': from the list of controllers, whoever connects to whom; 'service': a client of a management listener. */
export type ConnectionKind = 'controller' | 'service'

/** What is absent is as for all controllers. */
export interface ControllerOptions {
  readonly endpoint: Endpoint
  readonly inactivityProbeMs?: Millis
  readonly maxBackoffMs?: Millis
  readonly packetInRate?: number
  readonly packetInBurst?: number
  /** How many auxiliary connections follow the main one, where it speaks OpenFlow 1.3 or later. OF 1.3.5 §6.3.6 */
  readonly auxiliary?: number
}

export interface ChannelSetOptions {
  readonly controllers: readonly ControllerOptions[]
  /** Passive endpoints. */
  readonly listen: readonly Endpoint[]
  /** Wire versions that may be negotiated. */
  readonly versions: readonly number[]
  readonly log: Logger
  /** 0 = no probes. Default 5 s. */
  readonly inactivityProbeMs?: Millis
  /** Default 1 s. */
  readonly maxBackoffMs?: Millis
  /** For a connection to be made, and again for the peer's hello. Default 5 s. */
  readonly greetingMs?: Millis
  /** For each connection, see packet-in-scheduler.ts; null (the default) = no limit. */
  readonly packetInRate?: number | null
  readonly packetInBurst?: number | null
  readonly limits?: Partial<ChannelLimits>
  /** What ssl endpoints need. */
  readonly tls?: TlsFiles | null
  /** Where clients watch a controller connection, and which of the open ones it is. */
  readonly snoop?: { readonly path: string; readonly choose: (ids: readonly number[]) => number | null }
}

export interface OpenConnection {
  /** Never used again in the life of the set. */
  readonly id: number
  readonly version: number
  readonly peer: string
  readonly kind: ConnectionKind
  /** Null for a main connection, and for everyone who connects to us. */
  readonly auxiliary: { readonly auxiliaryId: number; readonly main: number } | null
}
/** Events may be followed by calls of any method, from inside the handler too. */
export interface ChannelSetEvents {
  onOpen(connection: OpenConnection): void
  /** `raw` is the whole message and does not change any more. */
  onMessage(id: number, xid: number, message: Message, raw: Uint8Array): void
  /** A message that could not be decoded; the owner answers it, in order with its other replies. */
  onRefused(id: number, xid: number, error: ErrorName, reason: string, raw: Uint8Array): void
  /** Exactly once for every onOpen. */
  onClose(id: number, reason: string): void
}

export interface EndpointStatus {
  readonly endpoint: string
  readonly kind: ConnectionKind
  readonly state: 'listening' | 'connecting' | 'greeting' | 'open' | 'waiting'
  readonly lastError: string | null
}
export interface ConnectionStatus extends OpenConnection {
  readonly openMs: Millis
  /** Bytes that the peer has not taken yet. */
  readonly waiting: number
  /** Bytes kept for it, `waiting` included. */
  readonly memory: number
  readonly counters: Readonly<ConnectionCounters>
}
export interface ChannelSetStatus {
  readonly endpoints: readonly EndpointStatus[]
  readonly connections: readonly ConnectionStatus[]
  /** Clients that were turned away because there were too many. */
  readonly turnedAway: number
}

/** Where connections come from, and what they all have. */
interface Origin {
  readonly name: string
  readonly kind: ConnectionKind
  readonly transport: Endpoint['transport']
  readonly options: ConnectionOptions
  readonly auxiliary?: { readonly auxiliaryId: number; readonly main: Entry }
}

const GREETING_MS = 5000
/** Features replies have an auxiliary id since 1.3. */
const FIRST_WITH_AUXILIARIES = 4
/** For the last bytes of secured connections to leave. */
const HANDSHAKE_LINGER_MS = 500

interface Entry {
  readonly id: number
  readonly connection: Connection
  readonly kind: ConnectionKind
  readonly peer: string
  readonly localAddress: string | undefined
  readonly auxiliary: OpenConnection['auxiliary']
  openSince: Millis | null
}
interface OpenListener { readonly listener: Listener; readonly kind: ConnectionKind }

export class ChannelSet {
  readonly #options: ChannelSetOptions
  readonly #limits: ChannelLimits
  readonly #events: ChannelSetEvents
  readonly #limitedLog: LimitedLog
  readonly #watchers: Partial<Pick<ChannelSetEvents, 'onOpen' | 'onClose'>>[] = []
  readonly #entries = new Map<number, Entry>()
  readonly #sockets = new Set<Socket>()
  /** Sockets beneath TLS; one that waits for its handshake has no connection that would close it. */
  readonly #accepted = new Set<Socket>()
  readonly #tls: TlsKeys | null
  readonly #connectors: Connector[] = []
  readonly #listeners: OpenListener[] = []
  readonly #snoopers = new Set<Snooper>()
  #snoopListener: Listener | null = null
  #nextId = 1
  #passive = 0
  #turnedAway = 0
  #paused = false
  #closed = false

  /** Throws SwitchError where the files of TLS cannot be used. */
  constructor(options: ChannelSetOptions, events: ChannelSetEvents) {
    this.#options = options
    this.#events = events
    this.#limitedLog = limitRepeats(options.log, { burst: 1, intervalMs: 30_000 })
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#tls = options.tls === undefined || options.tls === null ? null : new TlsKeys(options.tls, options.log, this.#limitedLog)
    for (const controller of options.controllers) {
      if (!controller.endpoint.passive) this.#connectors.push(this.#connector(controller, controller.endpoint))
    }
  }

  /** Listens, then begins to connect. Rejects with SwitchError when a listener cannot be had; nothing is open then. */
  async start(): Promise<void> {
    const passive = [
      ...this.#options.controllers.filter(({ endpoint }) => endpoint.passive).map((controller) => ({ ...controller, kind: 'controller' as const })),
      ...this.#options.listen.map((endpoint): ControllerOptions & { kind: 'service' } => ({ endpoint, kind: 'service' })),
    ]
    try {
      for (const settings of passive) {
        const { endpoint, kind } = settings
        const name = formatEndpoint(endpoint)
        const origin: Origin = { name, kind, transport: endpoint.transport, options: this.#connectionOptions(settings) }
        const acceptor = endpoint.transport === 'ssl' ? this.#acceptor(origin) : null
        const listener = await listen(endpoint, (socket) => this.#onClient(socket, origin, acceptor), (reason) =>
          this.#limitedLog.log('warn', `accept ${name}`, { listener: name, reason }, 'cannot accept a connection'))
        this.#listeners.push({ listener, kind })
        this.#options.log.info({ listener: formatEndpoint(listener.endpoint) }, 'listening for OpenFlow connections')
      }
      await this.#listenForSnoopers()
    } catch (error) {
      await this.close()
      throw error
    }
    if (this.#closed) return
    for (const connector of this.#connectors) connector.start()
  }

  /** False when the message was not queued, see Connection.send. */
  send(id: number, message: Message, xid?: number): boolean {
    const connection = this.#entries.get(id)?.connection
    if (connection === undefined) return false
    const sent = connection.send(message, xid)
    if (connection.outputSize > this.#limits.outputHighBytes) this.#limitAll()
    return sent
  }

  /** Holds back the requests of one connection, or of all, those that open later included. */
  pause(id?: number): void {
    if (id === undefined) this.#paused = true
    for (const { connection } of this.#select(id)) connection.pause()
  }
  /** The opposite. A resume() of all also resumes those that were paused by number. */
  resume(id?: number): void {
    if (id === undefined) this.#paused = false
    for (const { connection } of this.#select(id)) connection.resume()
  }

  /** Closes one connection; a configured controller is connected to again. */
  closeConnection(id: number, reason: string): void {
    this.#entries.get(id)?.connection.close(reason)
  }

  /** Reads the files of TLS again; what cannot be used leaves the ones before in force, and is logged. */
  reloadKeys(): void {
    this.#tls?.refresh(true)
  }

  /** Also tells someone else of connections, after the owner; those that are open already at once. */
  watch(watcher: Partial<Pick<ChannelSetEvents, 'onOpen' | 'onClose'>>): void {
    this.#watchers.push(watcher)
    for (const { id, version, peer, kind, auxiliary } of this.status().connections) watcher.onOpen?.({ id, version, peer, kind, auxiliary })
  }

  /** Where the listeners really are: port 0 is replaced by the port that was given. */
  listening(): readonly Endpoint[] {
    return this.#listeners.map(({ listener }) => listener.endpoint)
  }

  status(): ChannelSetStatus {
    const now = monotonicNow()
    return {
      endpoints: [
        ...this.#connectors.map((c): EndpointStatus => ({ endpoint: c.name, kind: 'controller', state: c.state, lastError: c.lastError })),
        ...this.#listeners.map(({ listener, kind }): EndpointStatus => ({ endpoint: formatEndpoint(listener.endpoint), kind, state: 'listening', lastError: null })),
      ],
      connections: [...this.#entries.values()].flatMap(({ id, connection, kind, peer, auxiliary, openSince }) => (openSince === null ? [] : [{
        id, kind, peer, auxiliary, version: connection.version, openMs: now - openSince, waiting: connection.outputSize, memory: connection.memory, counters: { ...connection.counters },
      }])),
      turnedAway: this.#turnedAway,
    }
  }

  /** Ends everything; resolves when every socket is gone, after about half a second at the latest. */
  async close(): Promise<void> {
    this.#closed = true
    for (const connector of this.#connectors) connector.stop()
    const listeners = this.#listeners.splice(0).map(({ listener }) => listener.close())
    for (const snooper of this.#snoopers) snooper.close()
    for (const { connection } of [...this.#entries.values()]) connection.close('the switch is shutting down')
    const lingering = setTimeout(() => { for (const socket of this.#accepted) socket.destroy() }, HANDSHAKE_LINGER_MS)
    const sockets = [...this.#sockets].map((socket) => new Promise<void>((resolve) => {
      if (socket.closed) resolve()
      else socket.once('close', () => resolve())
    }))
    await Promise.all([...listeners, ...sockets, this.#snoopListener?.close()])
    clearTimeout(lingering)
  }

  async #listenForSnoopers(): Promise<void> {
    const { snoop, log } = this.#options
    if (snoop === undefined) return
    const listener = await listen({ transport: 'unix', passive: true, path: snoop.path }, (socket) => {
      const controllers = [...this.#entries.values()].filter(({ kind, openSince }) => kind === 'controller' && openSince !== null).map(({ id }) => id)
      const chosen = this.#entries.get(snoop.choose(controllers) ?? -1)
      if (chosen === undefined) {
        log.warn('no controller is connected that could be snooped on')
        socket.on('error', () => {})
        socket.destroy()
        return
      }
      const snooper: Snooper = new Snooper(socket, chosen.id, chosen.connection.version, () => this.#snoopers.delete(snooper))
      this.#snoopers.add(snooper)
    }, (reason) => this.#limitedLog.log('warn', 'accept snoop', { reason }, 'cannot accept a connection'))
    this.#snoopListener = listener
  }

  #select(id: number | undefined): Iterable<Entry> {
    if (id === undefined) return this.#entries.values()
    const entry = this.#entries.get(id)
    return entry === undefined ? [] : [entry]
  }

  #connectionOptions(settings: Omit<ControllerOptions, 'endpoint'>): ConnectionOptions {
    const { versions, greetingMs, inactivityProbeMs, packetInRate, packetInBurst } = this.#options
    return {
      versions: [...versions].sort((a, b) => a - b),
      inactivityProbeMs: settings.inactivityProbeMs ?? inactivityProbeMs ?? 5000,
      greetingMs: greetingMs ?? GREETING_MS,
      packetIns: { rate: settings.packetInRate ?? packetInRate ?? null, burst: settings.packetInBurst ?? packetInBurst ?? null },
      limits: this.#limits,
    }
  }

  #connector(settings: ControllerOptions, endpoint: ActiveEndpoint): Connector {
    const origin: Origin = { name: formatEndpoint(endpoint), kind: 'controller', transport: endpoint.transport, options: this.#connectionOptions(settings) }
    let auxiliaries: Connector[] = []
    const connector: Connector = new Connector(endpoint, this.#timing(settings), (socket, peer, onClosed) => this.#adopt(socket, peer, origin, (main) => {
      connector.noteOpen()
      if (main.connection.version >= FIRST_WITH_AUXILIARIES) auxiliaries = this.#connectAuxiliaries(settings, endpoint, main)
    }, (reason) => {
      // At once, so that the controller does not bind them to the next main connection. OF 1.3.5 §6.3.6
      for (const auxiliary of auxiliaries) {
        auxiliary.stop()
        auxiliary.connection?.close('the main connection has ended')
      }
      auxiliaries = []
      onClosed(reason)
    }), this.#limitedLog)
    return connector
  }

  /** From the address of the main connection, and in its version. */
  #connectAuxiliaries(settings: ControllerOptions, endpoint: ActiveEndpoint, main: Entry): Connector[] {
    const options = { ...this.#connectionOptions(settings), versions: [main.connection.version] }
    return Array.from({ length: settings.auxiliary ?? 0 }, (_, i) => {
      const origin: Origin = { name: formatEndpoint(endpoint), kind: 'controller', transport: endpoint.transport, options, auxiliary: { auxiliaryId: i + 1, main } }
      const connector: Connector = new Connector(endpoint, { ...this.#timing(settings), localAddress: main.localAddress }, (socket, peer, onClosed) =>
        this.#adopt(socket, peer, origin, () => connector.noteOpen(), onClosed), this.#limitedLog)
      connector.start()
      return connector
    })
  }

  #timing({ maxBackoffMs }: ControllerOptions): ConnectorOptions {
    return { maxBackoffMs: maxBackoffMs ?? this.#options.maxBackoffMs ?? 1000, connectMs: this.#options.greetingMs ?? GREETING_MS, tls: this.#tls }
  }

  /** Peers that ask much and read nothing must not fill the memory together either. */
  #limitAll(): void {
    let total = 0
    let most: Connection | null = null
    for (const { connection } of this.#entries.values()) {
      total += connection.outputSize
      if (most === null || connection.outputSize > most.outputSize) most = connection
    }
    if (total > this.#limits.allOutputBytes) most?.close(`the peer does not read: ${most.outputSize} bytes wait for it, and ${total} for all`)
  }

  #onClient(socket: Socket, origin: Origin, acceptor: TlsAcceptor | null): void {
    const { name: listener, transport } = origin
    const peer = peerName(socket, transport, listener)
    if (this.#closed || this.#passive >= this.#limits.connections) {
      this.#turnedAway++
      this.#limitedLog.log('warn', 'turned away', { peer, listener, limit: this.#limits.connections }, 'too many connections; a client was turned away')
      socket.on('error', () => {})
      socket.destroy()
      return
    }
    this.#passive++
    socket.once('close', () => { this.#passive-- })
    if (acceptor === null) return void this.#adopt(socket, peer, origin, () => {}, () => {})
    this.#sockets.add(socket)
    this.#accepted.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#accepted.delete(socket)
    })
    acceptor.accept(socket)
  }

  #acceptor(origin: Origin): TlsAcceptor {
    const { name: listener, options } = origin
    if (this.#tls === null) throw new SwitchError('channel.tls', `${listener} needs a private key, a certificate and a CA certificate`)
    return new TlsAcceptor(this.#tls, options.greetingMs, {
      onSecure: (socket) => {
        if (this.#closed) return void socket.destroy()
        this.#adopt(socket, peerName(socket, 'ssl', listener), origin, () => {}, () => {})
      },
      onFailure: (socket, reason) =>
        this.#limitedLog.log('warn', `tls ${reason}`, { peer: peerName(socket, 'ssl', listener), listener, reason }, 'TLS client refused'),
    })
  }

  #adopt(socket: Socket, peer: string, { kind, options, auxiliary: place }: Origin, onOpen: (entry: Entry) => void, onClosed: (reason: string) => void): Connection {
    const id = this.#nextId++
    const log = this.#options.log.child({ peer, conn: id })
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    const connection = new Connection(socket, options, {
      onOpen: (version) => {
        entry.openSince = monotonicNow()
        place?.main.connection.auxiliaries.push(connection)
        onOpen(entry)
        // Management clients come and go by the second.
        log[kind === 'controller' ? 'info' : 'debug']({ version: versionName(version), kind, ...auxiliary }, 'OpenFlow connection open')
        const open: OpenConnection = { id, version, peer, kind, auxiliary }
        this.#events.onOpen(open)
        for (const watcher of this.#watchers) watcher.onOpen?.(open)
      },
      onMessage: (xid, message, raw) => this.#events.onMessage(id, xid, message, raw),
      onRefused: (xid, error, reason, raw) => this.#events.onRefused(id, xid, error, reason, raw),
      onFrame: (bytes) => {
        for (const snooper of this.#snoopers) if (snooper.watched === id) snooper.copy(bytes)
      },
      onClosed: (reason) => {
        this.#entries.delete(id)
        if (place !== undefined) remove(place.main.connection.auxiliaries, connection)
        for (const snooper of this.#snoopers) if (snooper.watched === id) snooper.close()
        onClosed(reason)
        const level = entry.openSince === null ? 'warn' : kind === 'controller' ? 'info' : 'debug'
        this.#limitedLog.log(level, `closed ${kind} ${reason}`, { peer, conn: id, reason, ...connection.counters }, 'OpenFlow connection closed')
        if (entry.openSince === null) return
        this.#events.onClose(id, reason)
        for (const watcher of this.#watchers) watcher.onClose?.(id, reason)
      },
    }, log, this.#limitedLog)
    const auxiliary = place === undefined ? null : { auxiliaryId: place.auxiliaryId, main: place.main.id }
    const entry: Entry = { id, connection, kind, peer, localAddress: socket.localAddress, auxiliary, openSince: null }
    if (this.#paused) connection.pause()
    this.#entries.set(id, entry)
    return connection
  }
}

function remove<T>(from: T[], item: T): void {
  const at = from.indexOf(item)
  if (at >= 0) from.splice(at, 1)
}
