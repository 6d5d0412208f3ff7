/**
 * The P4Runtime service as a TypeScript interface over the generated message types: the seam between the P4Runtime
 * client and a target. The embedded target implements it directly (in-process), the gRPC client implements it over a
 * channel, and the gRPC server serves any implementation of it. P4RT 1.4 §5 (arbitration), §12 … §17 (the calls).
 */
import type { CounterColumns } from '../base/counter-columns.js'
import type { p4 } from './generated.js'

/** A failed RPC: canonical gRPC code and, for Write, one status per update (code 0 = that update is in place). */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: number
  readonly updateStatuses: readonly { readonly code: number; readonly message: string }[]
  constructor(code: number, message: string, updateStatuses: RpcError['updateStatuses'] = []) {
    super(message)
    this.code = code
    this.updateStatuses = updateStatuses
  }
}

export interface P4RuntimeStream {
  send(message: p4.v1.IStreamMessageRequest): void
  /** Bytes given to send() that have not left yet; whoever can wait or drop looks here. Absent = always 0. */
  readonly pendingBytes?: number
  /** Ends the client side; onEnd is called once the stream is over. */
  end(): void
}
export interface P4RuntimeStreamListener {
  onMessage(message: p4.v1.StreamMessageResponse): void
  /** `error` is null for an orderly end. */
  onEnd(error: RpcError | null): void
}

/** Every method rejects with RpcError only. */
export interface P4RuntimeService {
  capabilities(): Promise<string>
  write(request: p4.v1.IWriteRequest): Promise<void>
  read(request: p4.v1.IReadRequest): Promise<p4.v1.IEntity[]>
  /** What read() answers, as the bytes of ReadResponses, of services that have them at less cost. */
  readEncoded?(request: p4.v1.IReadRequest): Promise<readonly Uint8Array[]>
  /**
   * What read() of a whole table with counter_data says of its counters, by controller_metadata, for services that can tell
   * it at less cost than all of its entries. Entries without a controller_metadata, or with one above 2^32-1, are left out.
   */
  readCounters?(deviceId: bigint, tableId: number): Promise<CounterColumns>
  setForwardingPipelineConfig(request: p4.v1.ISetForwardingPipelineConfigRequest): Promise<void>
  getForwardingPipelineConfig(request: p4.v1.IGetForwardingPipelineConfigRequest): Promise<p4.v1.IGetForwardingPipelineConfigResponse>
  streamChannel(listener: P4RuntimeStreamListener): P4RuntimeStream
  close(): Promise<void>
}
