/**
 * P4RuntimeService over a gRPC channel. One object is one channel: it is not used again after a failure, the session makes
 * a new one. The stream is always read as fast as messages come, because a client that pauses stalls the whole BMv2 (its
 * packet-ins are written by the one thread that also transmits packets).
 *
 * There are no HTTP/2 keepalive pings: servers built on gRPC's C++ library close a connection that pings more often than
 * every five minutes while it is quiet. The session's heartbeat, an ordinary call with a deadline, does that work.
 */
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import type { ChannelCredentials, ClientDuplexStream, ServiceError } from '@grpc/grpc-js'
import { CounterColumnsBuilder, type CounterColumns } from '../base/counter-columns.js'
import type { p4 } from '../p4proto/generated.js'
import { toUint64 } from '../p4proto/int64.js'
import { decodeCounters } from '../p4proto/read-counters.js'
import { RpcError } from '../p4proto/service.js'
import type { P4RuntimeService, P4RuntimeStream, P4RuntimeStreamListener } from '../p4proto/service.js'
import { codeName, codes } from '../p4proto/codes.js'
import { methods } from './methods.js'
import type { Method } from './methods.js'
import { decodeStatusDetails, STATUS_DETAILS_KEY } from './status-details.js'

export interface GrpcServiceOptions {
  readonly credentials?: ChannelCredentials
  /** For one call, connecting included. */
  readonly timeoutMs?: number
  /** For a pipeline push, which may have to program a chip. */
  readonly pushTimeoutMs?: number
}

export class GrpcService implements P4RuntimeService {
  readonly #client: Client
  readonly #timeoutMs: number
  readonly #pushTimeoutMs: number

  /** `address`: host:port, or unix:path. */
  constructor(address: string, options: GrpcServiceOptions = {}) {
    this.#timeoutMs = options.timeoutMs ?? 30_000
    this.#pushTimeoutMs = options.pushTimeoutMs ?? 120_000
    this.#client = new Client(address, options.credentials ?? credentials.createInsecure(), {
      // BMv2 answers a Read in a single message, however many entries there are.
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      // A channel of its own, so that the back-off of an earlier attempt does not delay this one.
      'grpc.use_local_subchannel_pool': 1,
      // The session tries again itself, and a Write must never be sent twice behind its back.
      'grpc.enable_retries': 0,
    })
  }

  async capabilities(): Promise<string> {
    return (await this.#unary(methods.capabilities, {}, this.#timeoutMs)).p4runtimeApiVersion
  }

  async write(request: p4.v1.IWriteRequest): Promise<void> {
    await this.#unary(methods.write, request, this.#timeoutMs)
  }

  read(request: p4.v1.IReadRequest): Promise<p4.v1.IEntity[]> {
    return this.#read<p4.v1.IEntity>(request, (bytes) => {
      const { entities }: p4.v1.ReadResponse = methods.read.decodeResponse(bytes)
      return entities
    })
  }

  readEncoded(request: p4.v1.IReadRequest): Promise<readonly Uint8Array[]> {
    return this.#read<Uint8Array>(request, (bytes) => [bytes])
  }

  async readCounters(deviceId: bigint, tableId: number): Promise<CounterColumns> {
    const counters = new CounterColumnsBuilder()
    await this.#read<never>({ deviceId: toUint64(deviceId), entities: [{ tableEntry: { tableId, counterData: {} } }] }, (bytes) => {
      decodeCounters(bytes, counters)
      return NOTHING
    })
    return counters.done()
  }

  #read<T>(request: p4.v1.IReadRequest, decode: (bytes: Uint8Array) => readonly T[]): Promise<T[]> {
    const { path, encodeRequest } = methods.read
    return new Promise((resolve, reject) => {
      const found: T[] = []
      const call = this.#client.makeServerStreamRequest(path, encodeRequest, decode, request, new Metadata(), this.#deadline(this.#timeoutMs))
      call.on('data', (part: readonly T[]) => {
        for (const one of part) found.push(one)
      })
      call.on('error', (error: ServiceError) => reject(toRpcError(error)))
      call.on('end', () => resolve(found))
    })
  }

  async setForwardingPipelineConfig(request: p4.v1.ISetForwardingPipelineConfigRequest): Promise<void> {
    await this.#unary(methods.setForwardingPipelineConfig, request, this.#pushTimeoutMs)
  }

  getForwardingPipelineConfig(request: p4.v1.IGetForwardingPipelineConfigRequest): Promise<p4.v1.IGetForwardingPipelineConfigResponse> {
    return this.#unary(methods.getForwardingPipelineConfig, request, this.#timeoutMs)
  }

  streamChannel(listener: P4RuntimeStreamListener): P4RuntimeStream {
    const { path, encodeRequest, decodeResponse } = methods.streamChannel
    return new GrpcStream(this.#client.makeBidiStreamRequest(path, (bytes: Buffer) => bytes, decodeResponse), encodeRequest, listener)
  }

  close(): Promise<void> {
    this.#client.close()
    return Promise.resolve()
  }

  #unary<ReqI, Req, ResI, Res>(method: Method<ReqI, Req, ResI, Res>, request: ReqI, timeoutMs: number): Promise<Res> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(method.path, method.encodeRequest, method.decodeResponse, request, new Metadata(), this.#deadline(timeoutMs),
        (error, response) => {
          if (error !== null) reject(toRpcError(error))
          else if (response === undefined) reject(new RpcError(codes.internal, 'an answer without a message'))
          else resolve(response)
        })
    })
  }

  #deadline(timeoutMs: number): { deadline: number } {
    return { deadline: Date.now() + timeoutMs }
  }
}

/** A message that holds nothing of what is asked for. */
const NOTHING: readonly never[] = []

class GrpcStream implements P4RuntimeStream {
  readonly #call: ClientDuplexStream<Buffer, p4.v1.StreamMessageResponse>
  readonly #encode: (message: p4.v1.IStreamMessageRequest) => Buffer
  #pendingBytes = 0
  #over = false

  constructor(
    call: ClientDuplexStream<Buffer, p4.v1.StreamMessageResponse>, encode: (message: p4.v1.IStreamMessageRequest) => Buffer,
    listener: P4RuntimeStreamListener,
  ) {
    this.#call = call
    this.#encode = encode
    const end = (error: RpcError | null): void => {
      if (this.#over) return
      this.#over = true
      listener.onEnd(error)
    }
    call.on('data', (message: p4.v1.StreamMessageResponse) => listener.onMessage(message))
    call.on('error', (error: ServiceError) => end(toRpcError(error)))
    call.on('status', (status) => end(status.code === codes.ok ? null : new RpcError(status.code, status.details)))
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  send(message: p4.v1.IStreamMessageRequest): void {
    if (this.#over) return
    const bytes = this.#encode(message)
    this.#pendingBytes += bytes.length
    this.#call.write(bytes, () => { this.#pendingBytes -= bytes.length })
  }

  end(): void {
    if (this.#over) return
    this.#call.end()
    // The server may be one that never ends its side.
    this.#call.cancel()
  }
}

function toRpcError(error: ServiceError): RpcError {
  const details = error.metadata?.get(STATUS_DETAILS_KEY)[0]
  return new RpcError(error.code ?? codes.unknown, error.details || codeName(error.code ?? codes.unknown), details instanceof Uint8Array ? decodeStatusDetails(details) : [])
}
