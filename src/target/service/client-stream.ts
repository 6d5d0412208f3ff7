/**
 * The server's end of one StreamChannel. Messages are delivered from a microtask, in order, so that a client is never called
 * from inside its own call or from the middle of a packet.
 */
import type { p4 } from '../../p4proto/generated.js'
import type { RpcError } from '../../p4proto/service.js'
import type { P4RuntimeStreamListener } from '../../p4proto/service.js'
import type { ArbitratedStream } from './arbitration.js'

/** Packets and notifications beyond this are dropped while the client has not taken the earlier ones. */
const maxWaiting = 4096

export class ClientStream implements ArbitratedStream {
  dropped = 0
  private readonly listener: P4RuntimeStreamListener
  private waiting: p4.v1.StreamMessageResponse[] = []
  private scheduled = false
  private ended: { readonly error: RpcError | null } | null = null
  private over = false
  constructor(listener: P4RuntimeStreamListener) { this.listener = listener }

  get isOver(): boolean { return this.over || this.ended !== null }

  push(message: p4.v1.IStreamMessageResponse): void {
    if (this.isOver) return
    if (this.waiting.length >= maxWaiting && !message.arbitration) {
      this.dropped++
      return
    }
    this.waiting.push(message as p4.v1.StreamMessageResponse)
    this.schedule()
  }

  answer(arbitration: p4.v1.IMasterArbitrationUpdate): void { this.push({ arbitration }) }
  fail(error: RpcError): void { this.end(error) }

  /** Ends the stream once what was sent before has been delivered. */
  end(error: RpcError | null): void {
    if (this.isOver) return
    this.ended = { error }
    this.schedule()
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(() => this.flush())
  }

  private flush(): void {
    this.scheduled = false
    const messages = this.waiting
    this.waiting = []
    for (const message of messages) this.listener.onMessage(message)
    if (this.waiting.length > 0) {
      this.schedule()
    } else if (this.ended !== null && !this.over) {
      this.over = true
      this.listener.onEnd(this.ended.error)
    }
  }
}
