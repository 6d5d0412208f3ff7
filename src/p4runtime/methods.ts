/** The methods of the service p4.v1.P4Runtime with their codecs, for the gRPC client and the gRPC server. P4RT 1.4 §12 … §17 */
import { EncodedWrite } from '../p4proto/encoded-write.js'
import { p4 } from '../p4proto/generated.js'

interface Codec<T, I> {
  encode(message: I): { finish(): Uint8Array }
  decode(bytes: Uint8Array): T
}
export interface Method<ReqI, Req, ResI, Res> {
  readonly path: string
  readonly encodeRequest: (message: ReqI) => Buffer
  readonly decodeRequest: (bytes: Uint8Array) => Req
  readonly encodeResponse: (message: ResI) => Buffer
  readonly decodeResponse: (bytes: Uint8Array) => Res
}

export const SERVICE = 'p4.v1.P4Runtime'

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const method = <ReqI, Req, ResI, Res>(name: string, request: Codec<Req, ReqI>, response: Codec<Res, ResI>): Method<ReqI, Req, ResI, Res> => ({
  path: `/${SERVICE}/${name}`,
  encodeRequest: (message) => bufferOf(request.encode(message).finish()),
  decodeRequest: (bytes) => request.decode(bytes),
  encodeResponse: (message) => bufferOf(response.encode(message).finish()),
  decodeResponse: (bytes) => response.decode(bytes),
})

/** Which mostly has been done before. */
const encodeWrite = (request: p4.v1.IWriteRequest): { finish(): Uint8Array } =>
  request instanceof EncodedWrite ? { finish: () => request.bytes } : p4.v1.WriteRequest.encode(request)

/** A server may have the bytes of an answer. */
const encodeRead = (response: p4.v1.IReadResponse | Uint8Array): { finish(): Uint8Array } =>
  response instanceof Uint8Array ? { finish: () => response } : p4.v1.ReadResponse.encode(response)

export const methods = {
  capabilities: method('Capabilities', p4.v1.CapabilitiesRequest, p4.v1.CapabilitiesResponse),
  write: method('Write', { encode: encodeWrite, decode: (bytes): p4.v1.IWriteRequest => EncodedWrite.received(bytes) }, p4.v1.WriteResponse),
  read: method('Read', p4.v1.ReadRequest, { encode: encodeRead, decode: (bytes) => p4.v1.ReadResponse.decode(bytes) }),
  setForwardingPipelineConfig: method(
    'SetForwardingPipelineConfig', p4.v1.SetForwardingPipelineConfigRequest, p4.v1.SetForwardingPipelineConfigResponse),
  getForwardingPipelineConfig: method(
    'GetForwardingPipelineConfig', p4.v1.GetForwardingPipelineConfigRequest, p4.v1.GetForwardingPipelineConfigResponse),
  streamChannel: method('StreamChannel', p4.v1.StreamMessageRequest, p4.v1.StreamMessageResponse),
} as const
