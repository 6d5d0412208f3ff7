/**
 * Who is primary: the live client whose election id is the highest the device has ever received. P4RT 1.4 §5.3, §5.4.
 * Only the default role exists here.
 *
 *   in:  arbitration messages of streams, ends of streams
 *   out: answers to streams; a stream that breaks the rules is ended with an error
 */
import type { p4 } from '../../p4proto/generated.js'
import { toBigInt, toUint64 } from '../../p4proto/int64.js'
import { RpcError } from '../../p4proto/service.js'
import { codes } from './refuse.js'

export interface ArbitratedStream {
  answer(update: p4.v1.IMasterArbitrationUpdate): void
  fail(error: RpcError): void
}

/** As one number: high · 2^64 + low. */
export const electionNumber = (id: p4.v1.IUint128 | null | undefined): bigint | null =>
  id === null || id === undefined ? null : BigInt.asUintN(64, toBigInt(id.high)) << 64n | BigInt.asUintN(64, toBigInt(id.low))

const maxStreams = 64

export class Arbitration<S extends ArbitratedStream> {
  primary: S | null = null
  private readonly deviceId: bigint
  private readonly live = new Map<S, bigint | null>()
  private highest: bigint | null = null
  constructor(deviceId: bigint) { this.deviceId = deviceId }

  onUpdate(stream: S, update: p4.v1.IMasterArbitrationUpdate): void {
    const isNew = !this.live.has(stream)
    const fail = (code: keyof typeof codes, message: string): void => {
      this.onEnd(stream)
      stream.fail(new RpcError(codes[code], message))
    }
    const device = BigInt.asUintN(64, toBigInt(update.deviceId))
    if (device !== this.deviceId) {
      fail(isNew ? 'notFound' : 'failedPrecondition', `there is no device ${device} here, this is device ${this.deviceId}`)
      return
    }
    const { role } = update
    if (role && (role.name || toBigInt(role.id) !== 0n || role.config)) {
      fail('unimplemented', 'only the default role is supported')
      return
    }
    const id = electionNumber(update.electionId)
    if (id !== null && [...this.live].some(([other, otherId]) => other !== stream && otherId === id)) {
      fail('invalidArgument', 'another live client uses this election id')
      return
    }
    if (isNew && this.live.size >= maxStreams) {
      fail('resourceExhausted', `there are ${maxStreams} clients already`)
      return
    }
    this.live.set(stream, id)
    const wasPrimary = this.primary === stream
    if (id !== null && id > 0n && (this.highest === null || id >= this.highest)) {
      this.highest = id
      this.primary = stream
      this.notifyAll()
    } else {
      if (wasPrimary) this.primary = null
      if (wasPrimary) this.notifyAll()
      else this.notify(stream)
    }
  }

  onEnd(stream: S): void {
    if (!this.live.delete(stream) || this.primary !== stream) return
    this.primary = null
    this.notifyAll()
  }

  isPrimary(id: bigint | null): boolean { return id !== null && this.primary !== null && this.live.get(this.primary) === id }

  /** Everyone but the new primary hears of it first. */
  private notifyAll(): void {
    for (const stream of this.live.keys()) if (stream !== this.primary) this.notify(stream)
    if (this.primary !== null) this.notify(this.primary)
  }

  private notify(stream: S): void {
    const status = this.primary === stream ? { code: codes.ok, message: 'this client is primary' }
      : this.primary !== null ? { code: codes.alreadyExists, message: 'another client is primary' }
        : { code: codes.notFound, message: 'no client is primary' }
    stream.answer({
      deviceId: toUint64(this.deviceId), status,
      ...(this.highest === null ? {} : { electionId: { high: toUint64(this.highest >> 64n), low: toUint64(BigInt.asUintN(64, this.highest)) } }),
    })
  }
}
