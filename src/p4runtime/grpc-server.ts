/**
 * A gRPC server that offers any P4RuntimeService: the embedded target on a port, and the fakes of the tests behind a real
 * channel. P4RT 1.4 §12 … §17. It adds nothing of its own: arbitration, checks and errors are the service's.
 */
import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js'
import type {
  handleBidiStreamingCall, handleServerStreamingCall, handleUnaryCall, ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { SwitchError } from '../base/errors.js'
import type { p4 } from '../p4proto/generated.js'
import { RpcError } from '../p4proto/service.js'
import type { P4RuntimeService } from '../p4proto/service.js'
import { codes } from '../p4proto/codes.js'
import { methods } from './methods.js'
import type { Method } from './methods.js'
import { encodeStatusDetails, STATUS_DETAILS_KEY } from './status-details.js'

const MAX_WAITING_MESSAGES = 4096

export interface GrpcServerHandle {
  /** The port that was bound; 0 for a Unix socket. */
  readonly port: number
  /** Ends all calls and the server; the service is not closed. */
  close(): Promise<void>
}

/** `address`: host:port (port 0 = any free one) or unix:path. Rejects with SwitchError when it cannot be bound. */
export async function serveP4Runtime(service: P4RuntimeService, address: string, credentials = ServerCredentials.createInsecure()): Promise<GrpcServerHandle> {
  const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 })
  server.addService(definition, implementation(service))
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) resolve(bound)
      else reject(new SwitchError('target.listen', `cannot serve P4Runtime on ${address}: ${error.message}`, { cause: error }))
    })
  })
  return {
    port: address.startsWith('unix:') ? 0 : port,
    close: () => {
      server.forceShutdown()
      return Promise.resolve()
    },
  }
}

const entry = <ReqI, Req, ResI, Res>(method: Method<ReqI, Req, ResI, Res>, requestStream: boolean, responseStream: boolean): ServiceDefinition[string] => ({
  path: method.path,
  requestStream,
  responseStream,
  requestSerialize: (value: ReqI) => method.encodeRequest(value),
  requestDeserialize: (bytes: Buffer) => method.decodeRequest(bytes),
  responseSerialize: (value: ResI) => method.encodeResponse(value),
  responseDeserialize: (bytes: Buffer) => method.decodeResponse(bytes),
})

const definition: ServiceDefinition = {
  capabilities: entry(methods.capabilities, false, false),
  write: entry(methods.write, false, false),
  read: entry(methods.read, false, true),
  setForwardingPipelineConfig: entry(methods.setForwardingPipelineConfig, false, false),
  getForwardingPipelineConfig: entry(methods.getForwardingPipelineConfig, false, false),
  streamChannel: entry(methods.streamChannel, true, true),
}

function implementation(service: P4RuntimeService): UntypedServiceImplementation {
  const unary = <Req, Res>(run: (request: Req) => Promise<Res>): handleUnaryCall<Req, Res> => (call, answer) => {
    run(call.request).then((response) => answer(null, response), (error: unknown) => answer(toStatus(error)))
  }
  const answers = async (request: p4.v1.IReadRequest): Promise<readonly (p4.v1.IReadResponse | Uint8Array)[]> =>
    await service.readEncoded?.(request) ?? [{ entities: await service.read(request) }]
  const read: handleServerStreamingCall<p4.v1.IReadRequest, p4.v1.IReadResponse | Uint8Array> = (call) => {
    answers(call.request).then(
      (responses) => {
        for (const response of responses) call.write(response)
        call.end()
      },
      (error: unknown) => call.emit('error', toStatus(error)))
  }
  const stream: handleBidiStreamingCall<p4.v1.IStreamMessageRequest, p4.v1.IStreamMessageResponse> = (call) => serveStream(service, call)
  return {
    capabilities: unary(async () => ({ p4runtimeApiVersion: await service.capabilities() })),
    write: unary(async (request: p4.v1.IWriteRequest) => {
      await service.write(request)
      return {}
    }),
    read,
    setForwardingPipelineConfig: unary(async (request: p4.v1.ISetForwardingPipelineConfigRequest) => {
      await service.setForwardingPipelineConfig(request)
      return {}
    }),
    getForwardingPipelineConfig: unary((request: p4.v1.IGetForwardingPipelineConfigRequest) => service.getForwardingPipelineConfig(request)),
    streamChannel: stream,
  }
}

function serveStream(service: P4RuntimeService, call: ServerDuplexStream<p4.v1.IStreamMessageRequest, p4.v1.IStreamMessageResponse>): void {
  let over = false
  const stream = service.streamChannel({
    onMessage: (message) => {
      // A client that does not read loses packets, as at a full queue, and nothing else.
      if (!over && !(message.packet && call.writableLength > MAX_WAITING_MESSAGES)) call.write(message)
    },
    onEnd: (error) => {
      if (over) return
      over = true
      if (error === null) call.end()
      else call.emit('error', toStatus(error))
    },
  })
  const leave = (): void => {
    if (over) return
    over = true
    stream.end()
    call.end()
  }
  call.on('data', (message: p4.v1.IStreamMessageRequest) => stream.send(message))
  call.on('end', leave)
  call.on('cancelled', leave)
  call.on('error', leave)
}

/** They travel in one trailer, and Node gives up on trailers of more than 64 KB. */
const MAX_STATUSES = 400

function toStatus(error: unknown): { code: number; details: string; metadata: Metadata } {
  const rpc = error instanceof RpcError ? error : new RpcError(codes.internal, error instanceof Error ? error.message : String(error))
  const metadata = new Metadata()
  if (rpc.updateStatuses.length > 0 && rpc.updateStatuses.length <= MAX_STATUSES) {
    metadata.set(STATUS_DETAILS_KEY, Buffer.from(encodeStatusDetails(rpc.code, rpc.message, rpc.updateStatuses)))
  }
  return { code: rpc.code, details: rpc.message, metadata }
}
