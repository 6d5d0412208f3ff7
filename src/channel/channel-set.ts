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
import type { LimitedLog } from '../base/logger.js'
import type { Message } from '../openflow/index.js'
import type {
  ChannelSetEvents, ChannelSetOptions, ChannelSetStatus, ConnectionKind, ControllerOptions, EndpointStatus, OpenConnection, ReconfigurableOptions,
} from './channel-options.js'
import { Connection } from './connection.js'
import type { ConnectionOptions } from './connection-types.js'
import { Connector, peerName } from './connector.js'
import type { ActiveEndpoint, ConnectorOptions } from './connector.js'
import { defaultLimits } from './limits.js'
import type { ChannelLimits } from './limits.js'
import { Door } from './door.js'
import { listen } from './listener.js'
import type { Listener } from './listener.js'
import { versionName } from './negotiation.js'
import { TlsAcceptor } from './tls-acceptor.js'
import { TlsKeys } from './tls-keys.js'
import { Snooper } from './snoop.js'

/** An endpoint of the configuration, and what serves it. */
interface Place {
  readonly name: string
  readonly kind: ConnectionKind
  readonly endpoint: Endpoint
  /** As the configuration has them now. */
  settings: Omit<ControllerOptions, 'endpoint'>
  connector: Connector | null
  door: Door | null
}
/** Which of the connections of a place it is. */
interface Origin {
  readonly place: Place
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
  readonly place: Place
  readonly kind: ConnectionKind
  readonly peer: string
  readonly localAddress: string | undefined
  readonly auxiliary: OpenConnection['auxiliary']
  openSince: Millis | null
}
export class ChannelSet {
  #options: ChannelSetOptions
  readonly #limits: ChannelLimits
  readonly #events: ChannelSetEvents
  readonly #limitedLog: LimitedLog
  readonly #watchers: Partial<Pick<ChannelSetEvents, 'onOpen' | 'onClose'>>[] = []
  readonly #entries = new Map<number, Entry>()
  readonly #sockets = new Set<Socket>()
  /** Sockets beneath TLS; one that waits for its handshake has no connection that would close it. */
  readonly #accepted = new Set<Socket>()
  #tls: TlsKeys | null
  /** By kind and name. */
  readonly #places = new Map<string, Place>()
  readonly #snoopers = new Set<Snooper>()
  #snoopListener: Listener | null = null
  #nextId = 1
  #passive = 0
  #turnedAway = 0
  #paused = false
  /** Whether anybody is spoken to. */
  #begun = false
  #closed = false

  /** Throws SwitchError where the files of TLS cannot be used. */
  constructor(options: ChannelSetOptions, events: ChannelSetEvents) {
    this.#options = options
    this.#events = events
    this.#limitedLog = limitRepeats(options.log, { burst: 1, intervalMs: 30_000 })
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#tls = options.tls === undefined || options.tls === null ? null : new TlsKeys(options.tls, options.log, this.#limitedLog)
  }

  /** Listens, then begins, unless it is to wait. Rejects with SwitchError when a listener cannot be had; nothing is open then. */
  async start(): Promise<void> {
    try {
      for (const place of placesOf(this.#options)) {
        await this.#prepare(place, this.#tls)
        this.#places.set(keyOf(place), place)
      }
      await this.#listenForSnoopers()
    } catch (error) {
      await this.close()
      throw error
    }
    if (this.#options.waits !== true) this.begin()
  }

  /** Connects to controllers, and serves who comes or has waited. */
  begin(): void {
    if (this.#begun || this.#closed) return
    this.#begun = true
    for (const place of this.#places.values()) this.#serve(place)
  }

  /**
   * Takes over other endpoints and settings. Connections of endpoints that stay are not touched, with two exceptions: the
   * versions and the number of auxiliary connections concern the next connection, so for another number a controller is
   * connected to anew. Rejects with SwitchError when TLS files are of no use or a listener cannot be had, and with what
   * `also` rejects with; then nothing has changed, and nobody was spoken to at a new address. `also` is what has to succeed
   * with it, and runs when nothing else can fail any more.
   */
  async reconfigure(change: ReconfigurableOptions, also: () => Promise<void> = async () => {}): Promise<void> {
    const options = { ...this.#options, ...change }
    const takeKeys = this.#prepareKeys(options)
    const wanted = new Map(placesOf(options).map((place) => [keyOf(place), place]))
    const leaving = [...this.#places.values()].filter((place) => !wanted.has(keyOf(place)))
    const coming = [...wanted.values()].filter((place) => !this.#places.has(keyOf(place)))
    // An endpoint that only changes sides keeps its listener.
    const sides = new Map(coming.flatMap((place) => {
      const from = leaving.find(({ name, endpoint }) => name === place.name && endpoint.passive)
      return from === undefined ? [] : [[place, from] as const]
    }))
    try {
      for (const place of coming) if (!sides.has(place)) await this.#prepare(place, takeKeys.keys)
      await also()
    } catch (error) {
      await Promise.all(coming.map(({ door }) => door?.close()))
      throw error
    }
    takeKeys.commit()
    this.#options = options
    for (const [place, from] of sides) {
      place.door = from.door
      from.door = null
      place.door?.hold()
    }
    await Promise.all(leaving.map((place) => this.#closePlace(place)))
    for (const place of coming) this.#places.set(keyOf(place), place)
    for (const place of this.#places.values()) this.#applySettings(place, wanted.get(keyOf(place))?.settings ?? {})
    if (this.#closed) await Promise.all(coming.map((place) => this.#closePlace(place)))
    else if (this.#begun) for (const place of coming) this.#serve(place)
  }

  /** False when the message was not queued, see Connection.send. */
  send(id: number, message: Message, xid?: number): boolean {
    const connection = this.#entries.get(id)?.connection
    if (connection === undefined) return false
    const sent = connection.send(message, xid)
    if (connection.outputSize > this.#limits.outputHighBytes) this.#limitAll()
    return sent
  }

  /** Calls `tell` as Connection.whenRoom() does; false, and not, where there is no such connection. */
  whenRoom(id: number, tell: () => void): boolean {
    const connection = this.#entries.get(id)?.connection
    connection?.whenRoom(tell)
    return connection !== undefined
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
    return [...this.#places.values()].flatMap(({ door }) => door?.endpoint ?? [])
  }

  status(): ChannelSetStatus {
    const now = monotonicNow()
    return {
      endpoints: [...this.#places.values()].flatMap(({ connector, door, kind }): EndpointStatus[] => [
        ...(connector === null ? [] : [{ endpoint: connector.name, kind, state: connector.state, lastError: connector.lastError }]),
        ...(door?.endpoint ? [{ endpoint: formatEndpoint(door.endpoint), kind, state: 'listening' as const, lastError: null }] : []),
      ]),
      connections: [...this.#entries.values()].flatMap(({ id, connection, kind, peer, auxiliary, openSince }) => (openSince === null ? [] : [{
        id, kind, peer, auxiliary, version: connection.version, openMs: now - openSince, waiting: connection.outputSize, memory: connection.memory, counters: { ...connection.counters },
      }])),
      turnedAway: this.#turnedAway,
    }
  }

  /** Ends everything; resolves when every socket is gone, after about half a second at the latest. */
  async close(): Promise<void> {
    this.#closed = true
    const listeners = [...this.#places.values()].map(({ connector, door }) => {
      connector?.stop()
      return door?.close()
    })
    this.#places.clear()
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

  #connectionOptions({ settings }: Place): ConnectionOptions {
    const { versions, greetingMs, inactivityProbeMs, packetInRate, packetInBurst } = this.#options
    return {
      versions: [...versions].sort((a, b) => a - b),
      inactivityProbeMs: settings.inactivityProbeMs ?? inactivityProbeMs ?? 5000,
      greetingMs: greetingMs ?? GREETING_MS,
      packetIns: { rate: settings.packetInRate ?? packetInRate ?? null, burst: settings.packetInBurst ?? packetInBurst ?? null },
      limits: this.#limits,
    }
  }

  /** Listens on it, with everybody waiting, or makes its connector, which is to be started. Rejects with SwitchError. */
  async #prepare(place: Place, keys: TlsKeys | null): Promise<void> {
    const { endpoint, name } = place
    if (!endpoint.passive) {
      place.connector = this.#connector(place, endpoint)
      return
    }
    if (endpoint.transport === 'ssl' && keys === null) throw new SwitchError('channel.tls', `${name} needs a private key, a certificate and a CA certificate`)
    place.door = await Door.listen(endpoint, {
      patienceMs: this.#options.greetingMs ?? GREETING_MS, most: this.#limits.connections,
      onError: (reason) => this.#limitedLog.log('warn', `accept ${name}`, { listener: name, reason }, 'cannot accept a connection'),
    })
  }

  #serve(place: Place): void {
    const { connector, door, endpoint } = place
    connector?.start()
    if (door === null) return
    const acceptor = endpoint.transport === 'ssl' ? this.#acceptor(place) : null
    this.#options.log.info({ listener: formatEndpoint(door.endpoint ?? endpoint) }, 'listening for OpenFlow connections')
    door.serve((socket) => this.#onClient(socket, place, acceptor))
  }

  /** The keys that there will be, and how they come into force. Throws SwitchError. */
  #prepareKeys({ tls, log }: ChannelSetOptions): { readonly keys: TlsKeys | null; readonly commit: () => void } {
    const keys = this.#tls
    if (tls === undefined || tls === null) return { keys, commit: () => {} }
    if (keys !== null) return { keys, commit: keys.prepare(tls) }
    const made = new TlsKeys(tls, log, this.#limitedLog)
    return { keys: made, commit: () => { this.#tls = made } }
  }

  async #closePlace(place: Place): Promise<void> {
    this.#places.delete(keyOf(place))
    place.connector?.stop()
    const closing = place.door?.close()
    for (const entry of [...this.#entries.values()]) if (entry.place === place) entry.connection.close('its endpoint is no longer in the configuration')
    await closing
  }

  #applySettings(place: Place, settings: Place['settings']): void {
    const reconnect = (place.settings.auxiliary ?? 0) !== (settings.auxiliary ?? 0)
    place.settings = settings
    place.connector?.setMaxBackoff(this.#maxBackoff(place))
    for (const entry of [...this.#entries.values()]) {
      if (entry.place !== place) continue
      if (reconnect && entry.auxiliary === null) entry.connection.close('the number of auxiliary connections has changed')
      else entry.connection.configure(this.#connectionOptions(place))
    }
  }

  #connector(place: Place, endpoint: ActiveEndpoint): Connector {
    let auxiliaries: Connector[] = []
    const connector: Connector = new Connector(endpoint, this.#timing(place), (socket, peer, onClosed) => this.#adopt(socket, peer, { place }, (main) => {
      connector.noteOpen()
      if (main.connection.version >= FIRST_WITH_AUXILIARIES) auxiliaries = this.#connectAuxiliaries(place, endpoint, main)
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
  #connectAuxiliaries(place: Place, endpoint: ActiveEndpoint, main: Entry): Connector[] {
    return Array.from({ length: place.settings.auxiliary ?? 0 }, (_, i) => {
      const connector: Connector = new Connector(endpoint, { ...this.#timing(place), localAddress: main.localAddress }, (socket, peer, onClosed) =>
        this.#adopt(socket, peer, { place, auxiliary: { auxiliaryId: i + 1, main } }, () => connector.noteOpen(), onClosed), this.#limitedLog)
      connector.start()
      return connector
    })
  }

  #maxBackoff = ({ settings }: Place): Millis => settings.maxBackoffMs ?? this.#options.maxBackoffMs ?? 1000
  #timing(place: Place): ConnectorOptions {
    return { maxBackoffMs: this.#maxBackoff(place), connectMs: this.#options.greetingMs ?? GREETING_MS, tls: () => this.#tls }
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

  #onClient(socket: Socket, place: Place, acceptor: TlsAcceptor | null): void {
    const { name: listener, endpoint } = place
    const peer = peerName(socket, endpoint.transport, listener)
    if (this.#closed || this.#passive >= this.#limits.connections) {
      this.#turnedAway++
      this.#limitedLog.log('warn', 'turned away', { peer, listener, limit: this.#limits.connections }, 'too many connections; a client was turned away')
      socket.on('error', () => {})
      socket.destroy()
      return
    }
    this.#passive++
    socket.once('close', () => { this.#passive-- })
    if (acceptor === null) return void this.#adopt(socket, peer, { place }, () => {}, () => {})
    this.#sockets.add(socket)
    this.#accepted.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#accepted.delete(socket)
    })
    acceptor.accept(socket)
  }

  #acceptor(place: Place): TlsAcceptor {
    const { name: listener } = place
    if (this.#tls === null) throw new SwitchError('channel.tls', `${listener} needs a private key, a certificate and a CA certificate`)
    return new TlsAcceptor(this.#tls, this.#options.greetingMs ?? GREETING_MS, {
      onSecure: (socket) => {
        if (this.#closed) return void socket.destroy()
        this.#adopt(socket, peerName(socket, 'ssl', listener), { place }, () => {}, () => {})
      },
      onFailure: (socket, reason) =>
        this.#limitedLog.log('warn', `tls ${reason}`, { peer: peerName(socket, 'ssl', listener), listener, reason }, 'TLS client refused'),
    })
  }

  #adopt(socket: Socket, peer: string, { place, auxiliary: part }: Origin, onOpen: (entry: Entry) => void, onClosed: (reason: string) => void): Connection {
    const { kind } = place
    const options = this.#connectionOptions(place)
    const id = this.#nextId++
    const log = this.#options.log.child({ peer, conn: id })
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    const connection = new Connection(socket, part === undefined ? options : { ...options, versions: [part.main.connection.version] }, {
      onOpen: (version) => {
        entry.openSince = monotonicNow()
        part?.main.connection.auxiliaries.push(connection)
        onOpen(entry)
        // Management clients come and go by the second.
        log[kind === 'controller' ? 'info' : 'debug']({ version: versionName(version), kind, ...auxiliary }, 'OpenFlow connection open')
        const open: OpenConnection = { id, version, peer, kind, auxiliary }
        this.#events.onOpen(open)
        for (const watcher of this.#watchers) watcher.onOpen?.(open)
      },
      onMessage: (xid, message, raw) => this.#events.onMessage(id, xid, message, raw),
      onRefused: (xid, error, reason, raw) => this.#events.onRefused(id, xid, error, reason, raw),
      onMonitorsBehind: (isBehind) => this.#events.onMonitorsBehind?.(id, isBehind),
      isWatched: () => this.#snoopers.size > 0,
      onFrame: (bytes) => {
        for (const snooper of this.#snoopers) if (snooper.watched === id) snooper.copy(bytes)
      },
      onClosed: (reason) => {
        this.#entries.delete(id)
        if (part !== undefined) remove(part.main.connection.auxiliaries, connection)
        for (const snooper of this.#snoopers) if (snooper.watched === id) snooper.close()
        onClosed(reason)
        const level = entry.openSince === null ? 'warn' : kind === 'controller' ? 'info' : 'debug'
        this.#limitedLog.log(level, `closed ${kind} ${reason}`, { peer, conn: id, reason, ...connection.counters }, 'OpenFlow connection closed')
        if (entry.openSince === null) return
        this.#events.onClose(id, reason, connection.silentFor)
        for (const watcher of this.#watchers) watcher.onClose?.(id, reason, connection.silentFor)
      },
    }, log, this.#limitedLog)
    const auxiliary = part === undefined ? null : { auxiliaryId: part.auxiliaryId, main: part.main.id }
    const entry: Entry = { id, connection, place, kind, peer, localAddress: socket.localAddress, auxiliary, openSince: null }
    if (this.#paused) connection.pause()
    this.#entries.set(id, entry)
    return connection
  }
}

const keyOf = ({ kind, name }: Place): string => `${kind} ${name}`

function placesOf({ controllers, listen: passive }: ChannelSetOptions): Place[] {
  const place = (endpoint: Endpoint, kind: ConnectionKind, settings: Place['settings']): Place =>
    ({ name: formatEndpoint(endpoint), kind, endpoint, settings, connector: null, door: null })
  return [
    ...controllers.map(({ endpoint, ...settings }) => place(endpoint, 'controller', settings)),
    ...passive.map((endpoint) => place(endpoint, 'service', {})),
  ]
}

function remove<T>(from: T[], item: T): void {
  const at = from.indexOf(item)
  if (at >= 0) from.splice(at, 1)
}
