/**
 * The agent's side of one P4Runtime target, see southbound.ts. P4RT 1.4 §5, §12 … §16
 *
 *            connect ──► arbitration ──► primary ──► cookie? ── ours ─────► read what it holds ──► ready
 *               ▲             │ ▲                       └── other, none ──► push the pipeline ──► ready
 *               │             ▼ │ (promoted)
 *               │           standby ◄── demoted
 *               └── back-off, at most 1 s ◄── connection over, Write of unknown outcome, failed step
 *
 * A session that has been ready says 'lost' when it stops being so, and fails everything that has no answer; nothing is kept
 * for the next time, because the agent learns with 'ready' what the target holds then.
 */
import type { NamedEntity, NamedUpdate } from '../compiler/ir.js'
import { CounterColumns } from '../base/counter-columns.js'
import { SwitchError } from '../base/errors.js'
import { limitRepeats, silentLogger } from '../base/logger.js'
import type { LimitedLog, Logger } from '../base/logger.js'
import type { P4InfoIndex, ParsedP4Info } from '../p4info/index.js'
import { UpdateChunks } from '../p4proto/encoded-write.js'
import { p4 } from '../p4proto/generated.js'
import { RpcError } from '../p4proto/service.js'
import type { P4RuntimeService } from '../p4proto/service.js'
import { clearReplication, clearTarget } from './clear.js'
import { codeName, codes } from '../p4proto/codes.js'
import { Connection } from './connection.js'
import { readContents, type Contents } from './contents.js'
import type { ElectionId } from './connection.js'
import { flowIdOf, planEntryReads, readCells, readEntries, readLead, readTable } from './counters.js'
import { Digests } from './digests.js'
import { bmv2Limits, encodeCounter, encodeKey, encodeUpdate } from './encode.js'
import type { TargetLimits } from './encode.js'
import { Occupancy } from './occupancy.js'
import { PacketIo } from './packet-io.js'
import { pipelineConfig } from './pipeline-config.js'
import type { PipelineConfig } from './pipeline-config.js'
import { OperationQueue } from './queue.js'
import type { QueuedUpdate } from './queue.js'
import type { DirectCounter, Southbound, SouthboundEvent, UpdateFailure } from './southbound.js'

export interface SessionOptions {
  /** A new service for each attempt to connect; the session closes each of them. */
  readonly connect: () => P4RuntimeService
  readonly deviceId: number | bigint
  /** The text that p4c writes. The constructor throws P4InfoError if it cannot be used. */
  readonly p4info: string | ParsedP4Info
  /** What the target loads: for BMv2 and the embedded target the JSON that p4c writes. */
  readonly deviceConfig: Uint8Array
  /** How the agent divides the target; what is in one that was divided in another way is of no use. */
  readonly layout?: string
  /** Fixed for all attempts. By default made of the time, and higher with each attempt, so that the newest session wins. */
  readonly electionId?: ElectionId
  readonly logger?: Logger
  readonly limits?: TargetLimits
  readonly backoffMs?: { readonly first: number; readonly most: number }
  readonly heartbeatMs?: number
  readonly arbitrationTimeoutMs?: number
}

export interface SessionStatistics {
  writes: number
  updates: number
  updateFailures: number
  reads: number
  packetsIn: number
  packetsOut: number
  packetsOutDropped: number
  streamErrors: number
  connects: number
  losses: number
}

/** What is in a target, for another one; opaque to everybody else. */
export interface TargetSnapshot { readonly entities: readonly p4.v1.IEntity[] }

/** A target that takes packets more slowly than they come loses packets, not the agent's memory. */
const MAX_PENDING_PACKET_BYTES = 4 * 1024 * 1024

const NO_COUNTERS = CounterColumns.of([])
const NOTHING: UpdateFailure[] = []

interface Prepared { readonly contents: Contents | null; readonly atomic: boolean }
interface Ready { readonly connection: Connection; readonly queue: OperationQueue }

export class Session implements Southbound {
  readonly #options: SessionOptions
  readonly #pipeline: PipelineConfig
  readonly #limits: TargetLimits
  readonly #chunks = new UpdateChunks()
  readonly #packetIo: PacketIo
  readonly #digests: Digests
  readonly #logger: Logger
  readonly #limited: LimitedLog
  readonly #electionBase: ElectionId
  readonly #statistics: SessionStatistics = {
    writes: 0, updates: 0, updateFailures: 0, reads: 0, packetsIn: 0, packetsOut: 0, packetsOutDropped: 0, streamErrors: 0, connects: 0, losses: 0,
  }
  #deviceId: bigint
  #listener: ((event: SouthboundEvent) => void) | null = null
  #connection: Connection | null = null
  /** The connection on which we are primary. */
  #primary: Connection | null = null
  #preparation: { readonly done: Promise<void> } | null = null
  #ready: Ready | null = null
  /** Counts promotions and demotions; a step of an earlier one stops when it sees another number. */
  #term = 0
  #isStandby = false
  #attempts = 0
  #failuresInARow = 0
  #retry: NodeJS.Timeout | null = null
  #closed = false

  /** Throws P4InfoError. */
  constructor(options: SessionOptions) {
    this.#options = options
    this.#deviceId = BigInt(options.deviceId)
    this.#pipeline = pipelineConfig(options.p4info, options.deviceConfig, options.layout ?? '')
    this.#limits = options.limits ?? bmv2Limits
    this.#packetIo = new PacketIo(this.#pipeline.index)
    this.#digests = new Digests(this.#pipeline.index)
    this.#logger = options.logger ?? silentLogger
    this.#limited = limitRepeats(this.#logger)
    this.#electionBase = options.electionId ?? { high: BigInt(Date.now()), low: BigInt(Math.floor(Math.random() * 2 ** 32)) << 20n }
  }

  /** What the target's program offers. */
  get p4info(): P4InfoIndex {
    return this.#pipeline.index
  }
  get isReady(): boolean {
    return this.#ready !== null
  }
  get statistics(): Readonly<SessionStatistics> {
    const queue = this.#ready?.queue.statistics
    const { writes, updates, updateFailures, reads } = this.#statistics
    return {
      ...this.#statistics, writes: writes + (queue?.writes ?? 0), updates: updates + (queue?.updates ?? 0),
      updateFailures: updateFailures + (queue?.failures ?? 0), reads: reads + (queue?.reads ?? 0),
    }
  }

  start(listener: (event: SouthboundEvent) => void): void {
    if (this.#listener !== null || this.#closed) throw new SwitchError('bug.session', 'a session is started once')
    this.#listener = listener
    this.#connect()
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#listener = null
    await this.#connection?.end('the session is closed')
  }

  restart(reason: string): void {
    void this.#connection?.end(reason)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // ---------------------------------------------------------------- operations

  write(updates: readonly NamedUpdate[], atomic = false): Promise<readonly UpdateFailure[]> {
    return new Promise((resolve) => this.submit(updates, atomic, resolve))
  }

  submit(updates: readonly NamedUpdate[], atomic: boolean, settled: (failures: readonly UpdateFailure[]) => void): void {
    const ready = this.#ready
    if (ready === null) {
      return settled(updates.map((_, index) => ({ index, code: codes.unavailable, message: 'the target is not ready', kind: 'target.lost' as const })))
    }
    const queued: QueuedUpdate[] = []
    let refused: UpdateFailure[] = NOTHING
    for (let index = 0; index < updates.length; index++) {
      const update = updates[index] as NamedUpdate
      const encoded = encodeUpdate(update, this.#pipeline.index, this.#limits, this.#chunks)
      if (encoded.ok) queued.push({ index, update: encoded.value })
      else refused = [...refused, { index, code: codes.invalidArgument, message: encoded.reason, kind: 'target.rejected' }]
    }
    if (refused.length > 0) {
      this.#limited.log('error', 'encode', { reasons: refused.map(({ message }) => message).slice(0, 5), count: refused.length }, 'entries that no target can take')
    }
    ready.queue.submit(queued, refused, atomic, settled)
  }

  readTableCounters(table: string): Promise<CounterColumns> {
    const info = this.#pipeline.index.tables.get(table)
    if (info === undefined) throw new SwitchError('bug.name', `there is no table '${table}'`)
    return this.#readOr(NO_COUNTERS, `counters of table '${table}'`, async (connection) =>
      await connection.readCounters(info.id) ?? readTable((entities) => connection.read(entities), info), false)
  }

  readEntryCounters(entries: readonly NamedEntity[]): Promise<readonly DirectCounter[]> {
    const plan = planEntryReads(entries, this.#pipeline.index, this.#limits)
    if (plan.refused.length > 0) this.#limited.log('error', 'read', { reasons: plan.refused.slice(0, 5), count: plan.refused.length }, 'counters that cannot be read')
    return this.#read('counters of entries', (connection) => readEntries((entities) => connection.read(entities), plan))
  }

  readCounter(counter: string, indices?: readonly number[]): Promise<readonly { readonly index: number; readonly packets: bigint; readonly bytes: bigint }[]> {
    const entities = (indices ?? [undefined]).map((cell) => this.#cell(counter, cell))
    if (entities.length === 0) return Promise.resolve([])
    return this.#read(`counter '${counter}'`, (connection) => readCells((some) => connection.read(some), entities))
  }

  async readLead(entry: NamedEntity, counter: string, index: number): Promise<{ readonly packets: bigint; readonly bytes: bigint } | null> {
    const cell = this.#cell(counter, index)
    const key = entry.kind === 'table' ? encodeKey(entry, this.#pipeline.index, this.#limits) : { ok: false as const, reason: `a ${entry.kind} entity has no counter` }
    if (!key.ok) throw new SwitchError('bug.name', key.reason)
    const [lead] = await this.#read('how far a counter is ahead', async (connection) => await readLead((some) => connection.read(some), key.value, cell))
    return lead ?? null
  }

  #cell(counter: string, index: number | undefined): p4.v1.IEntity {
    const encoded = encodeCounter(counter, index, this.#pipeline.index)
    if (!encoded.ok) throw new SwitchError('bug.name', encoded.reason)
    return { counterEntry: encoded.value }
  }

  packetOut(payload: Uint8Array, metadata: Readonly<Record<string, bigint>>): void {
    const connection = this.#ready?.connection
    if (connection === undefined || connection.pendingBytes > MAX_PENDING_PACKET_BYTES) {
      this.#statistics.packetsOutDropped++
      return
    }
    const packet = this.#packetIo.encode(payload, metadata)
    if (!packet.ok) {
      this.#statistics.packetsOutDropped++
      this.#limited.log('error', 'packet-out', { reason: packet.reason }, 'packet-out cannot be sent')
      return
    }
    this.#statistics.packetsOut++
    connection.send({ packet: packet.value })
  }

  /** Table entries, default actions and multicast groups, after all earlier writes; empty when the target is lost. */
  async snapshot(): Promise<TargetSnapshot> {
    const tables = [...this.#pipeline.index.tables.values()].filter((table) => !table.isConst)
    const queries = [
      ...tables.map(({ id }) => ({ tableEntry: { tableId: id } })), ...tables.map(({ id }) => ({ tableEntry: { tableId: id, isDefaultAction: true } })),
      { packetReplicationEngineEntry: { multicastGroupEntry: {} } },
    ]
    return { entities: await this.#read('the whole target', (connection) => connection.read(queries)) }
  }

  /** Puts what another target with the same program holds in the place of what is in this one. */
  async restore({ entities }: TargetSnapshot): Promise<void> {
    const { index, p4info } = this.#pipeline
    await this.#read('the whole target', async (connection) => {
      await clearTarget(connection, index, p4info)
      const { INSERT, MODIFY } = p4.v1.Update.Type
      const updates = entities.map((entity) => ({ type: entity.tableEntry?.isDefaultAction ? MODIFY : INSERT, entity }))
      if (updates.length > 0) await connection.write(updates)
      return []
    })
  }

  /** In the order of the queue; [] when the target is lost or refuses the Read. */
  #read<T>(what: string, run: (connection: Connection) => Promise<readonly T[]>): Promise<readonly T[]> {
    return this.#readOr<readonly T[]>([], what, run)
  }
  async #readOr<T>(nothing: T, what: string, run: (connection: Connection) => Promise<T>, holdsUp = true): Promise<T> {
    const ready = this.#ready
    if (ready === null) return nothing
    try {
      return await ready.queue.read(() => run(ready.connection), holdsUp) ?? nothing
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      if (!ready.connection.isOver) this.#limited.log('warn', 'read', { code: codeName(error.code), reason: error.message }, `cannot read ${what}`)
      return nothing
    }
  }

  // ---------------------------------------------------------------- life

  #connect(): void {
    this.#retry = null
    this.#statistics.connects++
    const step = this.#options.electionId === undefined ? BigInt(this.#attempts++) : 0n
    const { high, low } = this.#electionBase
    let service: P4RuntimeService
    try {
      service = this.#options.connect()
    } catch (error) {
      this.#over(`cannot connect: ${error instanceof Error ? error.message : String(error)}`)
      return
    }
    const connection: Connection = new Connection(service, {
      deviceId: this.#deviceId, electionId: { high, low: low + step }, arbitrationTimeoutMs: this.#options.arbitrationTimeoutMs ?? 10_000,
    }, {
      onPrimary: () => this.#onPrimary(connection),
      onStandby: (reason) => this.#onStandby(reason),
      onMessage: (message) => this.#onMessage(message),
      onEnd: (reason) => this.#over(reason),
    })
    this.#connection = connection
    this.#preparation = null
    connection.open()
  }

  /** The connection has ended, whoever ended it. */
  #over(reason: string): void {
    this.#connection = null
    this.#primary = null
    this.#term++
    this.#leaveReady(reason)
    if (this.#closed) return
    const { first, most } = this.#options.backoffMs ?? { first: 50, most: 1000 }
    const delay = Math.min(most, first * 2 ** Math.min(this.#failuresInARow++, 20))
    this.#limited.log('warn', 'connect', { reason, retryMs: delay }, 'no session with the P4Runtime target')
    this.#retry = setTimeout(() => this.#connect(), delay)
  }

  #leaveReady(reason: string): void {
    const ready = this.#ready
    if (ready === null) return
    this.#ready = null
    this.#statistics.losses++
    ready.queue.close(reason)
    const { writes, updates, failures, reads } = ready.queue.statistics
    this.#statistics.writes += writes
    this.#statistics.updates += updates
    this.#statistics.updateFailures += failures
    this.#statistics.reads += reads
    this.#listener?.({ kind: 'lost', reason })
  }

  #onStandby(reason: string): void {
    this.#primary = null
    this.#term++
    this.#failuresInARow = 0
    this.#logger.warn({ reason }, 'standby: another client controls the P4Runtime target')
    this.#leaveReady('another client has become primary')
    if (this.#isStandby) return
    this.#isStandby = true
    this.#listener?.({ kind: 'standby' })
  }

  #onPrimary(connection: Connection): void {
    // Targets repeat the message when other clients come and go.
    if (this.#primary === connection) {
      if (this.#ready !== null) this.#heartbeat(connection)
      return
    }
    this.#isStandby = false
    this.#primary = connection
    const term = ++this.#term
    const previous = this.#preparation
    const preparation = (async (): Promise<Prepared> => {
      // The calls of an earlier term on this connection must not fall among those of this one.
      await previous?.done
      const contents = term === this.#term ? await this.#prepare(connection, term) : null
      if (term === this.#term) await this.#askForDigests(connection)
      return { contents, atomic: term === this.#term && await writesAtomically(connection) }
    })()
    this.#preparation = { done: preparation.then(() => {}, () => {}) }
    preparation.then(
      (prepared) => {
        if (term === this.#term) this.#enterReady(connection, prepared)
      },
      (error: unknown) => {
        if (term === this.#term) void connection.end(error instanceof RpcError ? `${codeName(error.code)}: ${error.message}` : `cannot prepare the target: ${String(error)}`)
      })
  }

  /** Afterwards our pipeline is in the target. Resolves with what it holds, or null when its tables are empty. */
  async #prepare(connection: Connection, term: number): Promise<Contents | null> {
    const { cookie, index, p4info, deviceConfig } = this.#pipeline
    const found = await connection.cookie()
    if (found === cookie && term === this.#term) {
      try {
        const contents = await readContents((entities) => connection.readEncoded(entities), index)
        this.#logger.info({ entries: contents.entities.length }, 'attached to a P4Runtime target that has our pipeline')
        return contents
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        // What it holds forwards packets, and is not given up because an answer was late.
        if (isOfTheWay(error) && this.#failuresInARow < READ_ATTEMPTS) throw error
        this.#logger.warn({ reason: error.message }, 'the target cannot be read, pushing the pipeline again')
      }
    }
    if (found !== null && term === this.#term) {
      try {
        await clearReplication(connection)
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        this.#logger.warn({ reason: error.message }, 'multicast groups of the previous pipeline cannot be removed')
      }
    }
    if (term !== this.#term) return null
    try {
      await connection.push(p4info, deviceConfig, cookie)
    } catch (error) {
      if (error instanceof RpcError && isOtherDevice(error) && this.#deviceId === USUAL_DEVICE) {
        this.#logger.warn({ deviceId: 1 }, 'the target has no device 1; trying 0, which is what BMv2 has without --device-id')
        this.#deviceId = BMV2_DEVICE
      }
      throw error
    }
    this.#logger.info({ cookie: cookie.toString(16) }, 'pushed the pipeline to the P4Runtime target')
    return null
  }

  /** A target that has kept its pipeline has kept this too. */
  async #askForDigests(connection: Connection): Promise<void> {
    if (this.#digests.configuration(false).length === 0) return
    try {
      await connection.write(this.#digests.configuration(false))
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      await connection.write(this.#digests.configuration(true))
    }
  }

  #enterReady(connection: Connection, { contents, atomic }: Prepared): void {
    const queue = new OperationQueue(connection, contents?.occupancy ?? new Occupancy(this.#pipeline.index), (reason) => void connection.end(reason))
    this.#ready = { connection, queue }
    this.#failuresInARow = 0
    this.#heartbeat(connection)
    this.#listener?.({ kind: 'ready', contents: contents?.entities ?? null, atomic })
  }

  #heartbeat(connection: Connection): void {
    connection.startHeartbeat(this.#options.heartbeatMs ?? 5000, this.#pipeline.cookie)
  }

  #onMessage(message: p4.v1.StreamMessageResponse): void {
    if (message.packet) {
      this.#statistics.packetsIn++
      if (this.#ready !== null) this.#listener?.({ kind: 'packet_in', packet: this.#packetIo.decode(message.packet) })
    } else if (message.idleTimeoutNotification) {
      const controllerMetadata = (message.idleTimeoutNotification.tableEntry ?? [])
        .map(flowIdOf).filter((value) => value !== 0)
      if (this.#ready !== null && controllerMetadata.length > 0) this.#listener?.({ kind: 'idle', controllerMetadata })
    } else if (message.digest) {
      const { digestId, listId } = message.digest
      this.#connection?.send({ digestAck: { digestId: digestId ?? null, listId: listId ?? null } })
      const learned = this.#digests.decode(message.digest)
      if (this.#ready !== null && learned !== null) this.#listener?.({ kind: 'learned', learned })
    } else if (message.error) {
      this.#statistics.streamErrors++
      this.#limited.log('warn', 'stream', { code: codeName(message.error.canonicalCode ?? 0), reason: message.error.message }, 'the target refused a stream message')
    } else {
      this.#limited.log('debug', 'stream', { fields: Object.keys(message) }, 'stream message of a kind that is not used')
    }
  }
}

/** An empty Write tells: a target that does not know the atomicity refuses the request as a whole. P4RT 1.4 §12.2 */
async function writesAtomically(connection: Connection): Promise<boolean> {
  try {
    await connection.write([], true)
    return true
  } catch (error) {
    if (error instanceof RpcError && (error.code === codes.unimplemented || error.code === codes.invalidArgument)) return false
    throw error
  }
}

/** The call did not come through, or not in time; the target has not said no. */
const isOfTheWay = ({ code }: RpcError): boolean => code === codes.unavailable || code === codes.deadlineExceeded || code === codes.cancelled
/** How many connections may end with a Read that did not come through. */
const READ_ATTEMPTS = 3

/** PI takes any device id until a pipeline is pushed; then BMv2 refuses one that is not its own, in these words. */
const isOtherDevice = ({ message }: RpcError): boolean => message.includes('assign device')
const USUAL_DEVICE = 1n
const BMV2_DEVICE = 0n
