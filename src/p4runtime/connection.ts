/**
 * One connection to a target from the first arbitration message to its end: the stream, the question who is primary, calls
 * that carry device and election id, and the heartbeat. It decides nothing about the pipeline. P4RT 1.4 §5 (arbitration)
 *
 *   in:  messages and end of the stream, answers of heartbeats
 *   out: onPrimary, onStandby, onMessage (all but arbitration), onEnd (once; nothing follows it)
 */
import { monotonicNow } from '../base/clock.js'
import type { CounterColumns } from '../base/counter-columns.js'
import { type EncodedUpdate, EncodedWrite } from '../p4proto/encoded-write.js'
import { p4 } from '../p4proto/generated.js'
import { toBigInt, toUint64 } from '../p4proto/int64.js'
import { RpcError } from '../p4proto/service.js'
import type { P4RuntimeService, P4RuntimeStream } from '../p4proto/service.js'
import { codeName, codes } from '../p4proto/codes.js'

export interface ElectionId { readonly high: bigint; readonly low: bigint }
export interface ConnectionOptions {
  readonly deviceId: bigint
  readonly electionId: ElectionId
  /** How long the answer to the first arbitration message may take. */
  readonly arbitrationTimeoutMs: number
}
export interface ConnectionListener {
  onPrimary(): void
  onStandby(reason: string): void
  onMessage(message: p4.v1.StreamMessageResponse): void
  onEnd(reason: string): void
}

const { CONTINUE_ON_ERROR, DATAPLANE_ATOMIC } = p4.v1.WriteRequest.Atomicity

export class Connection {
  readonly #service: P4RuntimeService
  readonly #options: ConnectionOptions
  readonly #listener: ConnectionListener
  readonly #deviceId
  readonly #electionId: p4.v1.IUint128
  /** What all our Writes begin with. */
  #head: Uint8Array | null = null
  #stream: P4RuntimeStream | null = null
  #timer: NodeJS.Timeout | null = null
  /** Of heartbeats: an answer to one that has been stopped is not looked at. */
  #series = 0
  #over = false
  #closed: Promise<void> = Promise.resolve()

  constructor(service: P4RuntimeService, options: ConnectionOptions, listener: ConnectionListener) {
    this.#service = service
    this.#options = options
    this.#listener = listener
    this.#deviceId = toUint64(options.deviceId)
    this.#electionId = { high: toUint64(options.electionId.high), low: toUint64(options.electionId.low) }
  }

  open(): void {
    this.#timer = setTimeout(
      () => void this.end(`no answer to the arbitration message for ${this.#options.arbitrationTimeoutMs} ms`), this.#options.arbitrationTimeoutMs)
    try {
      this.#stream = this.#service.streamChannel({
        onMessage: (message) => {
          if (this.#over) return
          if (message.arbitration) this.#arbitration(message.arbitration)
          else this.#listener.onMessage(message)
        },
        onEnd: (error) => void this.end(error === null ? 'the target has ended the stream' : `${codeName(error.code)}: ${error.message}`),
      })
    } catch (error) {
      void this.end(`cannot open the stream: ${error instanceof Error ? error.message : String(error)}`)
      return
    }
    // A service may end the stream before it has returned it.
    if (this.#over) this.#stream.end()
    else this.#stream.send({ arbitration: { deviceId: this.#deviceId, electionId: this.#electionId } })
  }

  get isOver(): boolean {
    return this.#over
  }

  /** Bytes of packets that have not left yet. */
  get pendingBytes(): number {
    return this.#stream?.pendingBytes ?? 0
  }

  /** Calls onEnd, unless it has been called. Resolves when the service is closed. */
  end(reason: string): Promise<void> {
    if (this.#over) return this.#closed
    this.#over = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#stream?.end()
    // A channel that does not close tidily is of no interest any more.
    this.#closed = this.#service.close().catch(() => {})
    this.#listener.onEnd(reason)
    return this.#closed
  }

  send(message: p4.v1.IStreamMessageRequest): void {
    if (!this.#over) this.#stream?.send(message)
  }

  write(updates: p4.v1.IUpdate[], atomic = false): Promise<void> {
    return this.#service.write({ deviceId: this.#deviceId, electionId: this.#electionId, updates, atomicity: atomic ? DATAPLANE_ATOMIC : CONTINUE_ON_ERROR })
  }

  writeEncoded(updates: readonly EncodedUpdate[], atomic: boolean): Promise<void> {
    this.#head ??= p4.v1.WriteRequest.encode({ deviceId: this.#deviceId, electionId: this.#electionId }).finish()
    return this.#service.write(new EncodedWrite(this.#head, updates, atomic ? DATAPLANE_ATOMIC : CONTINUE_ON_ERROR))
  }

  read(entities: p4.v1.IEntity[]): Promise<p4.v1.IEntity[]> {
    return this.#service.read({ deviceId: this.#deviceId, entities })
  }

  /** What read() resolves with, as the bytes of ReadResponses. */
  async readEncoded(entities: p4.v1.IEntity[]): Promise<readonly Uint8Array[]> {
    const request = { deviceId: this.#deviceId, entities }
    return await this.#service.readEncoded?.(request) ?? [p4.v1.ReadResponse.encode({ entities: await this.#service.read(request) }).finish()]
  }

  /** Null where the service has no shorter way than a read. */
  readCounters(tableId: number): Promise<CounterColumns> | null {
    return this.#service.readCounters?.(this.#options.deviceId, tableId) ?? null
  }

  push(p4info: p4.config.v1.IP4Info, p4DeviceConfig: Uint8Array, cookie: bigint): Promise<void> {
    return this.#service.setForwardingPipelineConfig({
      deviceId: this.#deviceId,
      electionId: this.#electionId,
      // Not RECONCILE_AND_COMMIT: with counters or meters in the program it leaves BMv2 unable to take another pipeline.
      action: p4.v1.SetForwardingPipelineConfigRequest.Action.VERIFY_AND_COMMIT,
      config: { p4info, p4DeviceConfig, cookie: { cookie: toUint64(cookie) } },
    })
  }

  /** The cookie of the pipeline in the target; null where there is no pipeline, or one without a cookie. Rejects with RpcError. */
  async cookie(): Promise<bigint | null> {
    try {
      const { config } = await this.#service.getForwardingPipelineConfig({
        deviceId: this.#deviceId, responseType: p4.v1.GetForwardingPipelineConfigRequest.ResponseType.COOKIE_ONLY,
      })
      return config?.cookie ? toBigInt(config.cookie.cookie) : null
    } catch (error) {
      if (error instanceof RpcError && (error.code === codes.failedPrecondition || error.code === codes.notFound)) return null
      throw error
    }
  }

  /** Asks for the cookie every `intervalMs`; another one, or no answer in that time, ends the connection. */
  startHeartbeat(intervalMs: number, cookie: bigint): void {
    const patience = intervalMs * 2
    const wait = (): void => {
      const due = monotonicNow() + patience
      this.#timer = setTimeout(() => {
        // Timers come before what has arrived: where this process has not run for long, an answer may be there already.
        if (monotonicNow() - due > intervalMs) wait()
        else void this.end(`no answer to the heartbeat for ${patience} ms`)
      }, patience)
    }
    const beat = (): void => {
      wait()
      const series = this.#series
      this.cookie().then(
        (found) => {
          if (this.#over || this.#series !== series) return
          if (found !== cookie) return void this.end('somebody else has changed the pipeline of the target')
          if (this.#timer !== null) clearTimeout(this.#timer)
          this.#timer = setTimeout(beat, intervalMs)
        },
        (error: unknown) => {
          if (this.#series === series) void this.end(`heartbeat failed: ${error instanceof Error ? error.message : String(error)}`)
        })
    }
    this.stopHeartbeat()
    if (!this.#over) this.#timer = setTimeout(beat, intervalMs)
  }

  stopHeartbeat(): void {
    this.#series++
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #arbitration({ status, electionId, deviceId }: p4.v1.IMasterArbitrationUpdate): void {
    if (toBigInt(deviceId) !== this.#options.deviceId) return
    // The timer is that of the first answer, or of a heartbeat, which a standby does not need.
    this.stopHeartbeat()
    const code = status?.code ?? codes.ok
    if (code === codes.ok) this.#listener.onPrimary()
    else this.#listener.onStandby(`${status?.message || codeName(code)} (primary is ${toBigInt(electionId?.high)}:${toBigInt(electionId?.low)})`)
  }
}
