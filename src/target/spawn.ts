/**
 * The embedded target in a thread of its own, seen from the agent's thread: P4RuntimeService over messages, and what is
 * known of the ports. The ports are the thread's, or a driver of the caller's whose frames are relayed.
 */
import { Worker } from 'node:worker_threads'
import { CounterColumns } from '../base/counter-columns.js'
import { SwitchError } from '../base/errors.js'
import type { ErrorCode } from '../base/errors.js'
import type { Logger } from '../base/logger.js'
import { silentLogger } from '../base/logger.js'
import { MessageWriter, readMessages } from '../p4proto/delimited.js'
import { EncodedWrite } from '../p4proto/encoded-write.js'
import { p4 } from '../p4proto/generated.js'
import { RpcError } from '../p4proto/service.js'
import type { P4RuntimeService, P4RuntimeStream, P4RuntimeStreamListener } from '../p4proto/service.js'
import type { TargetStatistics } from './embedded-target.js'
import type { PortCounters, PortDriver } from './ports/port-driver.js'
import type { LinuxPortsSpec, PortsSpec } from './ports/spec.js'
import type { TraceStep } from './trace.js'
import { own } from './worker-messages.js'
import type { Answers, CallMethod, Failure, FromWorker, Question, ToWorker, WorkerSettings } from './worker-messages.js'

export interface SpawnTargetOptions {
  /** What the thread opens itself, or a driver that stays in this thread. It is started here and stopped by close(). */
  readonly ports: PortsSpec | PortDriver
  readonly deviceId?: number | bigint
  readonly cpuPort?: number
  readonly log?: Logger
}

export interface SpawnedTarget extends P4RuntimeService {
  /** A service of its own on the same device: closing it ends its streams and nothing else. */
  connect(): P4RuntimeService
  readonly driver: {
    links(): Promise<ReadonlyMap<number, boolean>>
    counters(port: number): Promise<PortCounters | null>
    /** For ports that are Linux interfaces of the thread. Rejects when one cannot be opened; then all are as before. */
    setInterfaces(interfaces: LinuxPortsSpec['interfaces']): Promise<void>
  }
  /** What would happen to a frame, or (with fields of the packet_out header) to a packet-out; nothing does. */
  trace(port: number, frame: Uint8Array, packetOut?: Readonly<Record<string, bigint>> | null): Promise<TraceStep[]>
  statistics(): Promise<TargetStatistics>
  /** Resolves when the thread has ended although nobody asked it to. */
  readonly failed: Promise<Error>
  /** Ends streams, ports and thread. */
  close(): Promise<void>
}

const unavailable = 14
const notFound = 5
/** A thread that does not stop when asked, because it compiles a program, is ended by force; nothing is lost with it. */
const stopMs = 1000

/** Rejects with SwitchError: an interface that does not exist, no right to open it … */
export const spawnTarget = async (options: SpawnTargetOptions): Promise<SpawnedTarget> => {
  const local = 'start' in options.ports ? options.ports : null
  const ports = 'start' in options.ports ? null : options.ports
  const settings: WorkerSettings = { ports, deviceId: BigInt(options.deviceId ?? 1), cpuPort: options.cpuPort ?? 510 }
  const worker = new Worker(new URL('./worker-main.js', import.meta.url), { workerData: settings, name: 'p4-target' })
  const link = new WorkerLink(worker, settings.deviceId, options.log ?? silentLogger, local)
  await link.ready
  if (local !== null) await local.start((port, frame) => link.frame(port, frame))
  const main = link.connect()
  return {
    ...main,
    connect: () => link.connect(),
    driver: {
      links: () => local === null ? link.ask({ what: 'links' }) : Promise.resolve(local.links()),
      counters: port => local === null ? link.ask({ what: 'counters', port }) : Promise.resolve(local.counters(port)),
      setInterfaces: async interfaces => { await link.ask({ what: 'setInterfaces', interfaces }) },
    },
    trace: (port, frame, packetOut = null) => link.ask({ what: 'trace', port, frame, packetOut }),
    statistics: () => link.ask({ what: 'statistics' }),
    failed: link.failed,
    close: async () => {
      await local?.stop()
      await link.stop()
    },
  }
}

/** Far fewer than may be under way. */
const tellAfter = 256

interface Waiting { resolve(value: unknown): void; reject(error: RpcError): void }

class WorkerLink {
  readonly ready: Promise<void>
  readonly failed: Promise<Error>
  private readonly worker: Worker
  private readonly deviceId: bigint
  private readonly log: Logger
  private readonly local: PortDriver | null
  private readonly waiting = new Map<number, Waiting>()
  private readonly streams = new Map<number, P4RuntimeStreamListener>()
  private readonly unsent = new Map<number, MessageWriter<p4.v1.IStreamMessageRequest>>()
  /** Messages of a stream, or frames (null), that have been dealt with since that was last told. */
  private readonly untold = new Map<number | null, number>()
  private frames: { port: number; frame: Uint8Array<ArrayBuffer> }[] = []
  private nextId = 1
  private isOver = false
  private isStopping = false
  private onReady: { resolve(): void; reject(error: Error): void } = { resolve: () => undefined, reject: () => undefined }
  private onFailed: (error: Error) => void = () => undefined
  private readonly exited: Promise<void>

  constructor(worker: Worker, deviceId: bigint, log: Logger, local: PortDriver | null) {
    this.worker = worker
    this.deviceId = deviceId
    this.log = log
    this.local = local
    this.ready = new Promise((resolve, reject) => { this.onReady = { resolve, reject } })
    this.failed = new Promise(resolve => { this.onFailed = resolve })
    let cause: Error | null = null
    worker.on('message', (message: FromWorker) => this.onMessage(message))
    worker.on('error', error => { cause = error instanceof Error ? error : new Error(String(error)) })
    this.exited = new Promise(resolve => worker.once('exit', () => {
      this.onExit(cause)
      resolve()
    }))
  }

  connect(): P4RuntimeService {
    const opened = new Set<P4RuntimeStream>()
    const read = (request: p4.v1.IReadRequest): Promise<Uint8Array> => this.call('read', own(p4.v1.ReadRequest.encode(request).finish()))
    return {
      // What the server says of itself does not depend on the device; the thread need not be asked.
      capabilities: () => Promise.resolve('1.4.0'),
      write: async request => { await this.call('write', request instanceof EncodedWrite ? request.bytes : own(p4.v1.WriteRequest.encode(request).finish())) },
      read: async request => p4.v1.ReadResponse.decode(await read(request)).entities,
      readEncoded: async request => [await read(request)],
      readCounters: async (deviceId, tableId) => {
        if (deviceId !== this.deviceId) throw new RpcError(notFound, `there is no device ${deviceId} here`)
        const words = await this.ask({ what: 'entryCounters', tableId })
        if (words === null) throw new RpcError(notFound, `there is no table with id ${tableId}`)
        return new CounterColumns(words)
      },
      setForwardingPipelineConfig: async request => {
        await this.call('setForwardingPipelineConfig', own(p4.v1.SetForwardingPipelineConfigRequest.encode(request).finish()))
      },
      getForwardingPipelineConfig: async request => {
        const answer = await this.call('getForwardingPipelineConfig', own(p4.v1.GetForwardingPipelineConfigRequest.encode(request).finish()))
        return p4.v1.GetForwardingPipelineConfigResponse.decode(answer)
      },
      streamChannel: listener => {
        const stream = this.openStream(listener)
        opened.add(stream)
        return stream
      },
      close: () => {
        for (const stream of opened) stream.end()
        return Promise.resolve()
      },
    }
  }

  async ask<Q extends Question>(question: Q): Promise<Answers[Q['what']]> {
    return await this.request(id => ({ kind: 'ask', id, question })) as Answers[Q['what']]
  }

  /** Frames of a driver in this thread go over once per turn. */
  frame(port: number, frame: Uint8Array): void {
    this.frames.push({ port, frame: own(frame) })
    if (this.frames.length > 1) return
    setImmediate(() => {
      const { frames } = this
      this.frames = []
      this.post({ kind: 'frames', frames }, frames.map(item => item.frame.buffer))
    })
  }

  async stop(): Promise<void> {
    if (this.isStopping || this.isOver) return this.exited
    this.isStopping = true
    const timer = setTimeout(() => void this.worker.terminate(), stopMs)
    await this.ask({ what: 'stop' }).catch(() => this.worker.terminate())
    await this.exited
    clearTimeout(timer)
  }

  private openStream(listener: P4RuntimeStreamListener): P4RuntimeStream {
    const stream = this.nextId++
    if (this.isOver) {
      queueMicrotask(() => listener.onEnd(new RpcError(unavailable, 'the target has ended')))
      return { send: () => undefined, end: () => undefined }
    }
    this.streams.set(stream, listener)
    this.post({ kind: 'open', stream })
    return {
      send: message => {
        if (this.isOver) return
        const messages = this.unsent.get(stream) ?? new MessageWriter<p4.v1.IStreamMessageRequest>(p4.v1.StreamMessageRequest)
        if (messages.isEmpty) queueMicrotask(() => this.flush())
        messages.add(message)
        this.unsent.set(stream, messages)
      },
      end: () => this.post({ kind: 'end', stream }),
    }
  }

  /** The bytes go over, buffer and all. */
  private async call(method: CallMethod, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    return await this.request(id => ({ kind: 'call', id, method, bytes }), [bytes.buffer]) as Uint8Array
  }

  private request(make: (id: number) => ToWorker, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    if (this.isOver) return Promise.reject(new RpcError(unavailable, 'the target has ended'))
    const id = this.nextId++
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      this.post(make(id), transfer)
    })
  }

  private post(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.flush()
    if (!this.isOver) this.worker.postMessage(message, transfer)
  }

  /** What was sent on streams in this turn goes over at once, and before anything that was asked later. */
  private flush(): void {
    if (this.unsent.size === 0) return
    const unsent = [...this.unsent]
    this.unsent.clear()
    for (const [stream, messages] of unsent) {
      const bytes = own(messages.take())
      this.post({ kind: 'send', stream, bytes }, [bytes.buffer])
    }
  }

  private onMessage(message: FromWorker): void {
    switch (message.kind) {
      case 'ready': this.onReady.resolve(); break
      case 'notReady': this.onReady.reject(new SwitchError(message.code as ErrorCode, message.message)); break
      case 'answer': this.settle(message.id)?.resolve(message.value); break
      case 'failure': this.settle(message.id)?.reject(toError(message.failure)); break
      case 'messages': {
        const listener = this.streams.get(message.stream)
        const count = readMessages(p4.v1.StreamMessageResponse, message.bytes, each => listener?.onMessage(each))
        this.taken(message.stream, count)
        break
      }
      case 'ended': {
        const listener = this.streams.get(message.stream)
        this.streams.delete(message.stream)
        this.untold.delete(message.stream)
        listener?.onEnd(message.failure === null ? null : toError(message.failure))
        break
      }
      case 'frames':
        for (const { port, frame } of message.frames) this.local?.send(port, frame)
        this.taken(null, message.frames.length)
        break
      case 'log': this.log[message.level](message.fields, message.message)
    }
  }

  /** Told now and then: each message wakes the other thread, which only wants to know that we follow. */
  private taken(stream: number | null, more: number): void {
    const count = (this.untold.get(stream) ?? 0) + more
    this.untold.set(stream, count < tellAfter ? count : 0)
    if (count >= tellAfter) this.post({ kind: 'taken', stream, count })
  }

  private settle(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id)
    this.waiting.delete(id)
    return waiting
  }

  private onExit(cause: Error | null): void {
    this.isOver = true
    const lost = new RpcError(unavailable, 'the target has ended')
    for (const { reject } of this.waiting.values()) reject(lost)
    this.waiting.clear()
    for (const listener of this.streams.values()) listener.onEnd(this.isStopping ? null : lost)
    this.streams.clear()
    const error = new SwitchError('target.lost', `the embedded target has ended${cause === null ? '' : `: ${cause.message}`}`, { cause })
    this.onReady.reject(error)
    if (!this.isStopping) this.onFailed(error)
  }
}

const toError = (failure: Failure): RpcError => new RpcError(failure.code, failure.message, failure.updateStatuses)
