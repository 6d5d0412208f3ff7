/**
 * A P4Runtime target that only keeps entries: no packets, but arbitration, tables with sizes, groups, counters and the error
 * codes of BMv2. Clients connect in-process with connect(); behind serveP4Runtime it is reached over gRPC. Tests make it
 * fail through the hooks. Everything that it is asked to do is recorded.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { P4InfoIndex } from '../../src/p4info/index.js'
import { codes } from '../../src/p4proto/codes.js'
import { p4 } from '../../src/p4proto/generated.js'
import { toBigInt, toNumber, toUint64 } from '../../src/p4proto/int64.js'
import { RpcError } from '../../src/p4proto/service.js'
import type { P4RuntimeService, P4RuntimeStream, P4RuntimeStreamListener } from '../../src/p4proto/service.js'
import { keyText } from '../../src/p4runtime/encode.js'

const { Type } = p4.v1.Update
const OK = { code: 0, message: '' }
type Status = typeof OK

interface Client {
  electionId: bigint | null
  readonly listener: P4RuntimeStreamListener
  open: boolean
}
export interface Call { readonly method: 'write' | 'read' | 'push' | 'get'; readonly size: number }

export class FakeP4Runtime {
  readonly calls: Call[] = []
  readonly updates: p4.v1.IUpdate[] = []
  readonly packetsOut: p4.v1.IPacketOut[] = []
  readonly entries = new Map<string, p4.v1.ITableEntry>()
  readonly defaults = new Map<number, p4.v1.ITableEntry>()
  readonly groups = new Map<number, p4.v1.IMulticastGroupEntry>()
  readonly counters = new Map<string, { packets: number; bytes: number }>()
  readonly meters = new Map<string, p4.v1.IMeterEntry>()
  cookie: bigint | null = null
  pushes = 0
  /** As BMv2: groups outlive a push, but can no longer be read. */
  forgottenGroups = 0
  maxWritesInFlight = 0
  /** Answers connection attempts with UNAVAILABLE. */
  down = false
  /** A status other than 0 refuses the update; undefined leaves it to the tables. */
  onUpdate: ((update: p4.v1.IUpdate) => Status | undefined) | null = null
  /** Before a call is carried out; may wait, and may throw RpcError. */
  before: ((call: Call) => Promise<void> | void) | null = null
  /** After a Write was carried out; may throw RpcError, so that the client does not learn of it. */
  after: ((call: Call) => Promise<void> | void) | null = null
  #index: P4InfoIndex | null = null
  #clients: Client[] = []
  #inFlight = 0
  #calls: { reject: (error: RpcError) => void }[] = []

  /** A client's connection. All of them see the same target. */
  readonly connect = (): P4RuntimeService => ({
    capabilities: () => this.#call(() => '1.4.0'),
    write: (request) => this.#write(request),
    read: (request) => this.#call(async () => {
      await this.#recorded({ method: 'read', size: request.entities?.length ?? 0 })
      this.#requirePipeline()
      return (request.entities ?? []).flatMap((entity) => this.#read(entity))
    }),
    setForwardingPipelineConfig: (request) => this.#call(async () => {
      await this.#recorded({ method: 'push', size: 1 })
      this.#requirePrimary(request.electionId)
      this.#index = P4InfoIndex.of(p4.config.v1.P4Info.decode(p4.config.v1.P4Info.encode(request.config?.p4info ?? {}).finish()))
      this.cookie = toBigInt(request.config?.cookie?.cookie)
      this.pushes++
      this.forgottenGroups += this.groups.size
      for (const store of [this.entries, this.defaults, this.groups, this.counters, this.meters]) store.clear()
    }),
    getForwardingPipelineConfig: () => this.#call(async () => {
      await this.#recorded({ method: 'get', size: 1 })
      this.#requirePipeline()
      return { config: { cookie: { cookie: toUint64(this.cookie ?? 0n) } } }
    }),
    streamChannel: (listener) => this.#stream(listener),
    close: () => Promise.resolve(),
  })

  get connections(): number {
    return this.#clients.filter(({ electionId }) => electionId !== null).length
  }
  get primaryElectionId(): bigint | null {
    return this.#primary()?.electionId ?? null
  }

  /** Sends a message to the primary. */
  emit(message: p4.v1.IStreamMessageResponse): void {
    this.#primary()?.listener.onMessage(message as p4.v1.StreamMessageResponse)
  }

  /** Ends all streams and fails all calls, as when the process dies; state stays unless told otherwise. */
  disconnect(): void {
    const error = new RpcError(14, 'connection reset')
    const clients = this.#clients
    this.#clients = []
    for (const { reject } of this.#calls.splice(0)) reject(error)
    for (const client of clients) {
      client.open = false
      client.listener.onEnd(error)
    }
  }

  /** Another client of this election id, which does nothing but stand. Returns what makes it leave. */
  rival(electionId: bigint): () => void {
    const stream = this.#stream({ onMessage: () => {}, onEnd: () => {} })
    stream.send({ arbitration: { deviceId: 1, electionId: { high: toUint64(electionId >> 64n), low: toUint64(electionId) } } })
    return () => stream.end()
  }

  #call<T>(run: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const call = { reject }
      this.#calls.push(call)
      const finish = (): void => { this.#calls = this.#calls.filter((other) => other !== call) }
      turn().then(() => {
        if (this.down) throw new RpcError(14, 'connection refused')
        return run()
      }).then((value) => {
        finish()
        resolve(value)
      }, (error: unknown) => {
        finish()
        reject(error instanceof Error ? error : new Error(String(error)))
      })
    })
  }

  async #recorded(call: Call): Promise<void> {
    this.calls.push(call)
    await this.before?.(call)
  }

  #write(request: p4.v1.IWriteRequest): Promise<void> {
    return this.#call(async () => {
      this.#inFlight++
      this.maxWritesInFlight = Math.max(this.maxWritesInFlight, this.#inFlight)
      try {
        const call: Call = { method: 'write', size: request.updates?.length ?? 0 }
        await this.#recorded(call)
        this.#requirePrimary(request.electionId)
        this.#requirePipeline()
        if (request.atomicity === p4.v1.WriteRequest.Atomicity.DATAPLANE_ATOMIC) throw new RpcError(codes.unimplemented, 'not atomic, like BMv2')
        const statuses = (request.updates ?? []).map((update) => {
          this.updates.push(update)
          return this.onUpdate?.(update) ?? this.#update(update)
        })
        await this.after?.(call)
        if (statuses.some(({ code }) => code !== 0)) throw new RpcError(2, '', statuses)
      } finally {
        this.#inFlight--
      }
    })
  }

  #update({ type, entity }: p4.v1.IUpdate): Status {
    const entry = entity?.tableEntry
    const group = entity?.packetReplicationEngineEntry?.multicastGroupEntry
    const counter = entity?.counterEntry
    if (entry?.isDefaultAction) {
      this.defaults.set(entry.tableId ?? 0, entry)
      return OK
    }
    if (entry) {
      const size = this.#index?.tableById.get(entry.tableId ?? 0)?.size
      if (size === undefined) return { code: 3, message: 'no such table' }
      const used = [...this.entries.values()].filter(({ tableId }) => tableId === entry.tableId).length
      return store(this.entries, keyText(entry), entry, type, used >= size)
    }
    if (group) return store(this.groups, group.multicastGroupId ?? 0, group, type, false)
    if (counter) {
      this.counters.set(`${counter.counterId}/${toNumber(counter.index?.index)}`, { packets: toNumber(counter.data?.packetCount), bytes: toNumber(counter.data?.byteCount) })
      return OK
    }
    const meter = entity?.meterEntry
    if (meter) {
      const cell = `${meter.meterId}/${toNumber(meter.index?.index)}`
      if (meter.config) this.meters.set(cell, meter)
      else this.meters.delete(cell)
      return OK
    }
    // There are no packets, so nothing is ever digested.
    if (entity?.digestEntry) return OK
    return { code: 12, message: 'not kept by the fake' }
  }

  #read(entity: p4.v1.IEntity): p4.v1.IEntity[] {
    const wanted = entity.tableEntry
    if (wanted?.isDefaultAction) {
      const entry = this.defaults.get(wanted.tableId ?? 0)
      return entry === undefined ? [] : [{ tableEntry: entry }]
    }
    if (wanted) {
      // As PI: an empty match is the whole table, whatever the priority.
      const found = [...this.entries.values()].filter((entry) => (!wanted.tableId || entry.tableId === wanted.tableId)
        && ((wanted.match ?? []).length === 0 || keyText(entry) === keyText(wanted)))
      return found.map((entry) => ({ tableEntry: wanted.counterData ? { ...entry, counterData: this.#direct(entry) } : entry }))
    }
    const direct = entity.directCounterEntry?.tableEntry
    if (direct) {
      const entry = this.entries.get(keyText(direct))
      if (entry === undefined) throw new RpcError(5, 'Cannot find match entry')
      return [{ directCounterEntry: { tableEntry: direct, data: this.#direct(entry) } }]
    }
    const cell = entity.counterEntry
    if (cell) {
      const size = [...this.#index?.counters.values() ?? []].find(({ id }) => id === cell.counterId)?.size ?? 0
      const cells = cell.index ? [toNumber(cell.index.index)] : Array.from({ length: size }, (_, index) => index)
      return cells.map((index) => {
        const value = this.counters.get(`${cell.counterId}/${index}`) ?? { packets: 0, bytes: 0 }
        return { counterEntry: { counterId: cell.counterId ?? 0, index: { index }, data: { packetCount: value.packets, byteCount: value.bytes } } }
      })
    }
    const meter = entity.meterEntry
    if (meter) return [...this.meters.values()].filter(({ meterId }) => meterId === meter.meterId).map((meterEntry) => ({ meterEntry }))
    if (entity.packetReplicationEngineEntry?.multicastGroupEntry) {
      return [...this.groups.values()].map((multicastGroupEntry) => ({ packetReplicationEngineEntry: { multicastGroupEntry } }))
    }
    return []
  }

  /** Invented, but different for each entry: as many packets as the entry's controllerMetadata, of 100 bytes each. */
  #direct(entry: p4.v1.ITableEntry): p4.v1.ICounterData {
    const packets = toNumber(entry.controllerMetadata)
    return { packetCount: packets, byteCount: packets * 100 }
  }

  #stream(listener: P4RuntimeStreamListener): P4RuntimeStream {
    const client: Client = { electionId: null, listener, open: true }
    const leave = (error: RpcError | null): void => {
      if (!client.open) return
      client.open = false
      const was = this.#primary() === client
      this.#clients = this.#clients.filter((other) => other !== client)
      listener.onEnd(error)
      if (was) for (const other of this.#clients) this.#notify(other)
    }
    this.#clients.push(client)
    if (this.down) setImmediate(() => leave(new RpcError(14, 'connection refused')))
    return {
      send: (message) => {
        if (!client.open || this.down) return
        if (message.arbitration) {
          const electionId = idOf(message.arbitration.electionId)
          if (this.#clients.some((other) => other !== client && other.electionId === electionId)) {
            setImmediate(() => leave(new RpcError(3, 'Election id already exists')))
            return
          }
          client.electionId = electionId
          setImmediate(() => {
            for (const other of this.#primary() === client ? this.#clients : [client]) this.#notify(other)
          })
        } else if (message.packet && this.#primary() === client) {
          this.packetsOut.push(message.packet)
        }
      },
      end: () => leave(null),
    }
  }

  #notify(client: Client): void {
    const primary = this.#primary()
    if (!client.open || client.electionId === null || primary === null) return
    const id = primary.electionId ?? 0n
    client.listener.onMessage(p4.v1.StreamMessageResponse.create({
      arbitration: {
        deviceId: 1, electionId: { high: toUint64(id >> 64n), low: toUint64(id) },
        status: primary === client ? { code: 0, message: 'Is primary' } : { code: 6, message: 'Is backup' },
      },
    }) as p4.v1.StreamMessageResponse)
  }

  #primary(): Client | null {
    let best: Client | null = null
    for (const client of this.#clients) {
      if (client.electionId !== null && (best === null || client.electionId > (best.electionId ?? 0n))) best = client
    }
    return best
  }
  #requirePrimary(electionId: p4.v1.IUint128 | null | undefined): void {
    if (this.#primary()?.electionId !== idOf(electionId)) throw new RpcError(7, 'Not primary')
  }
  #requirePipeline(): void {
    if (this.cookie === null) throw new RpcError(9, 'No forwarding pipeline config set for this device')
  }
}

const idOf = (id: p4.v1.IUint128 | null | undefined): bigint => toBigInt(id?.high) << 64n | toBigInt(id?.low)

function store<K, V>(map: Map<K, V>, key: K, value: V, type: p4.v1.Update.Type | null | undefined, full: boolean): Status {
  if (type === Type.INSERT) {
    if (map.has(key)) return { code: 6, message: 'Match entry exists, use MODIFY if you wish to change action' }
    // BMv2 does not say RESOURCE_EXHAUSTED.
    if (full) return { code: 2, message: 'Error when adding match entry to target' }
  } else if (!map.has(key)) {
    return { code: 5, message: 'Cannot find match entry' }
  }
  if (type === Type.DELETE) map.delete(key)
  else map.set(key, value)
  return OK
}
