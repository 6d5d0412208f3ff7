/**
 * The embedded P4 target: one device that serves P4Runtime and forwards packets with the program it was given. It opens
 * no port and keeps no timer: frames come in through receive(), leave through `transmit`, time is a function, and tick()
 * is to be called at least once a second for idle timeouts and digests.
 *
 *   P4Runtime ──► arbitration ──► updates ──► tables, replication …
 *   frames ─────► simple switch ─────────────► transmit, packet-in to the primary, digests
 */
import { p4 } from '../p4proto/generated.js'
import { toBigInt, toInt64 } from '../p4proto/int64.js'
import { RpcError } from '../p4proto/service.js'
import type { P4RuntimeService, P4RuntimeStream, P4RuntimeStreamListener } from '../p4proto/service.js'
import { CounterReading } from './counter-reading.js'
import { loadConfig } from './pipeline.js'
import type { LoadedConfig } from './pipeline.js'
import { ReplicationEngine } from './replication.js'
import { Arbitration, electionNumber } from './service/arbitration.js'
import { applyAtomically } from './service/atomic.js'
import { ClientStream } from './service/client-stream.js'
import { Digests } from './service/digests.js'
import { tableBytes } from './service/entry-bytes.js'
import { sweepIdle } from './service/idle.js'
import { codes, refuse } from './service/refuse.js'
import type { Code } from './service/refuse.js'
import { ReplicationEntries } from './service/replication-entries.js'
import { applyUpdates, readEntity } from './service/updates.js'
import { SimpleSwitch } from './simple-switch.js'
import type { SwitchOptions } from './simple-switch.js'
import { tracePacket } from './trace.js'
import type { TraceStep } from './trace.js'

export interface EmbeddedTargetOptions {
  readonly deviceId?: number | bigint
  /** Frames to this port become packet-ins, and packet-outs come in on it. */
  readonly cpuPort?: number
  readonly dropPort?: number
  readonly priorityQueues?: number
  /** Milliseconds. */
  readonly now: () => number
  /** The frame is only valid during the call. */
  readonly transmit: (port: number, frame: Uint8Array) => void
  /** Runs the rest of the work in a later turn. */
  readonly defer: (work: () => void) => void
}

export interface TargetStatistics {
  readonly dropped: number
  readonly failed: number
  readonly lastFailure: string
  readonly packetsIn: number
  /** No primary, or one that does not take its messages. */
  readonly packetsInDropped: number
}

const { Action } = p4.v1.SetForwardingPipelineConfigRequest
const { CONTINUE_ON_ERROR, DATAPLANE_ATOMIC } = p4.v1.WriteRequest.Atomicity
/** Of the switch, each many passes: far more than every packet that can wait needs. */
const mostTurns = 10_000
const { ResponseType } = p4.v1.GetForwardingPipelineConfigRequest

export class EmbeddedTarget implements P4RuntimeService {
  private readonly options: EmbeddedTargetOptions
  private readonly deviceId: bigint
  private readonly cpuPort: number
  private readonly switchOptions: SwitchOptions
  private readonly replication = new ReplicationEngine()
  private readonly replicationEntries = new ReplicationEntries(this.replication)
  private readonly arbitration: Arbitration<ClientStream>
  private readonly digests: Digests
  private readonly streams = new Set<ClientStream>()
  private loaded: LoadedConfig | null = null
  private saved: LoadedConfig | null = null
  private forwarding: SimpleSwitch | null = null
  private isWorking = false
  private isDeferred = false
  private packetsIn = 0
  private packetsInDropped = 0

  constructor(options: EmbeddedTargetOptions) {
    this.options = options
    this.deviceId = BigInt(options.deviceId ?? 1)
    this.cpuPort = options.cpuPort ?? 510
    this.switchOptions = { dropPort: options.dropPort ?? 511, priorityQueues: options.priorityQueues ?? 8 }
    this.arbitration = new Arbitration(this.deviceId)
    this.digests = new Digests(digest => this.notify({ digest }))
  }

  // ——— packets ———

  /** A frame has come in on a port; it belongs to the target from now on. Frames before the first config are dropped. */
  receive(port: number, frame: Uint8Array): void {
    if (this.forwarding === null) return
    this.forwarding.receive(port, frame)
    this.work()
  }

  private work(): void {
    if (this.isWorking || this.isDeferred || this.forwarding === null) return
    this.isWorking = true
    try {
      if (!this.forwarding.run()) return
      this.isDeferred = true
    } finally {
      this.isWorking = false
    }
    this.options.defer(() => {
      this.isDeferred = false
      this.work()
    })
  }

  /** Brings packets that are between two passes to their end. */
  private finishPackets(): void {
    for (let turn = 0; this.forwarding?.run() === true; turn++) {
      if (turn === mostTurns) refuse('resourceExhausted', 'packets go round and round')
    }
  }

  private transmit(port: number, frame: Uint8Array): void {
    if (port !== this.cpuPort) {
      this.options.transmit(port, frame)
      return
    }
    const header = this.loaded?.pipeline.packetIn
    const packet = header === null || header === undefined ? { payload: frame.slice(), metadata: [] } : header.unpack(frame)
    if (packet === null || this.arbitration.primary === null) {
      this.packetsInDropped++
      return
    }
    this.packetsIn++
    this.arbitration.primary.push({ packet })
  }

  /** Work that time brings: idle timeouts, digests. */
  tick(): void {
    const now = this.options.now()
    this.digests.tick(now)
    if (this.loaded === null || this.arbitration.primary === null) return
    const tableEntry = sweepIdle(this.loaded.pipeline, now)
    if (tableEntry.length > 0) this.notify({ idleTimeoutNotification: { tableEntry, timestamp: toInt64(BigInt(Math.round(Date.now() * 1e6))) } })
  }

  /** What would happen to a frame, or (with fields of the packet_out header) to a packet-out; nothing does. Without a config: nothing. */
  trace(port: number, frame: Uint8Array, packetOut: Readonly<Record<string, bigint>> | null = null): TraceStep[] {
    if (this.loaded === null) return []
    const { pipeline } = this.loaded
    const packed = packetOut === null ? frame : pipeline.packetOut?.write(packetOut, frame) ?? null
    if (packed === null) return []
    return tracePacket(pipeline, this.replication, { ...this.switchOptions, cpuPort: this.cpuPort }, this.options.now(), packetOut === null ? port : this.cpuPort, packed)
  }

  statistics(): TargetStatistics {
    const { dropped = 0, failed = 0, lastFailure = '' } = this.forwarding ?? {}
    const unread = [...this.streams].reduce((sum, stream) => sum + stream.dropped, 0)
    return { dropped, failed, lastFailure, packetsIn: this.packetsIn, packetsInDropped: this.packetsInDropped + unread }
  }

  /** For reading the counters of a table a part at a time; null: there is no such table. */
  entryCounters(tableId: number): CounterReading | null {
    const bound = this.loaded?.pipeline.tables.get(tableId)
    return bound === undefined ? null : new CounterReading(bound.table)
  }

  private notify(message: p4.v1.IStreamMessageResponse): void { this.arbitration.primary?.push(message) }

  // ——— P4Runtime ———

  async capabilities(): Promise<string> { return '1.4.0' }

  write(request: p4.v1.IWriteRequest): Promise<void> {
    return answering(() => {
      this.checkDevice(request.deviceId, request.role, request.roleId)
      this.checkPrimary(request.electionId)
      const entities = this.entities()
      const { atomicity } = request
      if ((atomicity ?? CONTINUE_ON_ERROR) !== CONTINUE_ON_ERROR && atomicity !== DATAPLANE_ATOMIC) {
        refuse('unimplemented', 'the atomicity is neither CONTINUE_ON_ERROR nor DATAPLANE_ATOMIC')
      }
      if (atomicity === DATAPLANE_ATOMIC) this.finishPackets()
      const apply = atomicity === DATAPLANE_ATOMIC ? applyAtomically : applyUpdates
      const statuses = apply(entities, request.updates ?? [], this.options.now())
      if (statuses === null) return
      const failures = statuses.filter(status => status.code !== codes.ok)
      throw new RpcError(codes.unknown, `${failures.length} of ${statuses.length} updates failed, the first with: ${failures[0]?.message ?? ''}`, statuses)
    })
  }

  read(request: p4.v1.IReadRequest): Promise<p4.v1.IEntity[]> {
    return answering(() => {
      this.checkDevice(request.deviceId, request.role, null)
      const entities = this.entities()
      return (request.entities ?? []).flatMap(query => readEntity(entities, query, this.options.now()))
    })
  }

  readEncoded(request: p4.v1.IReadRequest): Promise<readonly Uint8Array[]> {
    return answering(() => {
      this.checkDevice(request.deviceId, request.role, null)
      const entities = this.entities()
      return (request.entities ?? []).map((query) => (query.tableEntry ? tableBytes(entities.pipeline, query.tableEntry) : null)
        ?? p4.v1.ReadResponse.encode({ entities: readEntity(entities, query, this.options.now()) }).finish())
    })
  }

  setForwardingPipelineConfig(request: p4.v1.ISetForwardingPipelineConfigRequest): Promise<void> {
    return answering(() => {
      this.checkDevice(request.deviceId, request.role, request.roleId)
      this.checkPrimary(request.electionId)
      const { action, config } = request
      if (action === Action.COMMIT) {
        if (config) refuse('invalidArgument', 'COMMIT takes no config')
        this.commit(this.saved ?? refuse('notFound', 'no config was saved'))
        return
      }
      if (action !== Action.VERIFY && action !== Action.VERIFY_AND_SAVE && action !== Action.VERIFY_AND_COMMIT) {
        const code = action === Action.RECONCILE_AND_COMMIT ? 'unimplemented' : 'invalidArgument'
        return refuse(code, 'the action is not VERIFY, VERIFY_AND_SAVE, VERIFY_AND_COMMIT or COMMIT')
      }
      if (!config) return refuse('invalidArgument', 'the config is missing')
      const result = loadConfig(config, this.switchOptions.dropPort)
      if (!result.ok) return refuse('invalidArgument', `the config cannot be realised: ${result.reasons.join('; ')}`)
      if (action === Action.VERIFY_AND_SAVE) this.saved = result.loaded
      else if (action === Action.VERIFY_AND_COMMIT) this.commit(result.loaded)
    })
  }

  /** All forwarding state goes: tables come empty with the program, groups and sessions are cleared here. */
  private commit(loaded: LoadedConfig): void {
    this.saved = null
    this.loaded = loaded
    this.replicationEntries.clear()
    this.digests.clear()
    this.forwarding = new SimpleSwitch(loaded.pipeline.executable, this.replication, {
      now: this.options.now,
      transmit: (port, frame) => this.transmit(port, frame),
      digest: (list, values) => {
        const info = loaded.pipeline.digestOfList.get(list)
        if (info !== undefined) this.digests.onDigest(info.id, values, this.options.now())
      },
    }, this.switchOptions)
  }

  getForwardingPipelineConfig(request: p4.v1.IGetForwardingPipelineConfigRequest): Promise<p4.v1.IGetForwardingPipelineConfigResponse> {
    return answering(() => {
      this.checkDevice(request.deviceId, null, null)
      if (this.loaded === null) return {}
      const { p4info, p4DeviceConfig, cookie } = this.loaded.config
      const known = cookie ? { cookie } : {}
      switch (request.responseType ?? ResponseType.ALL) {
        case ResponseType.COOKIE_ONLY: return { config: known }
        case ResponseType.P4INFO_AND_COOKIE: return { config: { ...known, p4info: p4info ?? null } }
        case ResponseType.DEVICE_CONFIG_AND_COOKIE: return { config: { ...known, p4DeviceConfig } }
        default: return { config: { ...known, p4info: p4info ?? null, p4DeviceConfig } }
      }
    })
  }

  streamChannel(listener: P4RuntimeStreamListener): P4RuntimeStream {
    const stream = new ClientStream(listener)
    this.streams.add(stream)
    const leave = (): void => {
      this.streams.delete(stream)
      this.arbitration.onEnd(stream)
    }
    return {
      send: message => {
        if (stream.isOver) return
        this.onStreamMessage(stream, message)
        if (stream.isOver) leave()
      },
      end: () => {
        leave()
        stream.end(null)
      },
    }
  }

  /** A service of its own on the same device: closing it ends its streams and nothing else. */
  connect(): P4RuntimeService {
    const opened = new Set<P4RuntimeStream>()
    return {
      capabilities: () => this.capabilities(),
      write: request => this.write(request),
      read: request => this.read(request),
      readEncoded: request => this.readEncoded(request),
      setForwardingPipelineConfig: request => this.setForwardingPipelineConfig(request),
      getForwardingPipelineConfig: request => this.getForwardingPipelineConfig(request),
      streamChannel: listener => {
        const stream = this.streamChannel(listener)
        opened.add(stream)
        return stream
      },
      close: () => {
        for (const stream of opened) stream.end()
        return Promise.resolve()
      },
    }
  }

  /** Ends all streams and stops forwarding. */
  close(): Promise<void> {
    for (const stream of [...this.streams]) {
      this.arbitration.onEnd(stream)
      stream.end(null)
    }
    this.streams.clear()
    this.forwarding = null
    return Promise.resolve()
  }

  private onStreamMessage(stream: ClientStream, message: p4.v1.IStreamMessageRequest): void {
    if (message.arbitration) this.arbitration.onUpdate(stream, message.arbitration)
    else if (message.packet) this.packetOut(stream, message.packet)
    else if (message.digestAck) {
      if (!this.digests.onAck(message.digestAck)) {
        const { digestAck } = message
        this.streamError(stream, 'invalidArgument', `digest ${digestAck.digestId ?? 0} is not configured`, { digestListAck: { digestListAck: digestAck } })
      }
    } else this.streamError(stream, 'unimplemented', 'the message is not one of arbitration, packet and digest_ack', { other: {} })
  }

  private packetOut(stream: ClientStream, packet: p4.v1.IPacketOut): void {
    const fail = (code: Code, text: string): void => this.streamError(stream, code, text, { packetOut: { packetOut: packet } })
    if (this.arbitration.primary !== stream) {
      fail('permissionDenied', 'only the primary client sends packets')
      return
    }
    if (this.loaded === null || this.forwarding === null) {
      fail('failedPrecondition', 'there is no forwarding pipeline config')
      return
    }
    const header = this.loaded.pipeline.packetOut
    if (header === null && (packet.metadata ?? []).length > 0) {
      fail('invalidArgument', 'the program has no packet_out header')
      return
    }
    const packed = header === null ? { ok: true as const, frame: packet.payload?.slice() ?? new Uint8Array(0) } : header.pack(packet)
    if (packed.ok) this.receive(this.cpuPort, packed.frame)
    else fail('invalidArgument', packed.reason)
  }

  private streamError(stream: ClientStream, code: Code, message: string, details: Pick<p4.v1.IStreamError, 'packetOut' | 'digestListAck' | 'other'>): void {
    stream.push({ error: { canonicalCode: codes[code], message, ...details } })
  }

  private checkDevice(deviceId: p4.v1.IWriteRequest['deviceId'], role: string | null | undefined, roleId: p4.v1.IWriteRequest['roleId']): void {
    const id = BigInt.asUintN(64, toBigInt(deviceId))
    if (id !== this.deviceId) refuse('notFound', `there is no device ${id} here, this is device ${this.deviceId}`)
    if (role || toBigInt(roleId) !== 0n) refuse('notFound', 'only the default role exists')
  }

  private checkPrimary(electionId: p4.v1.IUint128 | null | undefined): void {
    if (!this.arbitration.isPrimary(electionNumber(electionId))) refuse('permissionDenied', 'the client is not primary')
  }

  private entities(): Parameters<typeof applyUpdates>[0] {
    if (this.saved !== null) refuse('failedPrecondition', 'a saved config waits for COMMIT')
    if (this.loaded === null) return refuse('failedPrecondition', 'there is no forwarding pipeline config')
    return { pipeline: this.loaded.pipeline, replication: this.replicationEntries, digests: this.digests }
  }
}

/** Runs in a later microtask, in order, and turns whatever goes wrong into an RpcError. */
const answering = async <T>(run: () => T): Promise<T> => {
  await Promise.resolve()
  try {
    return run()
  } catch (error) {
    if (error instanceof RpcError) throw error
    throw new RpcError(codes.internal, error instanceof Error ? error.message : String(error))
  }
}
