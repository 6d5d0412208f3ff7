/**
 * Digest lists: buffered, without duplicates, sent when full or old, remembered until they are acknowledged. P4RT 1.4 §9.9.
 * A digest is sent only after its entry was inserted.
 */
import { toCanonicalBytes } from '../../p4info/index.js'
import { p4 } from '../../p4proto/generated.js'
import { toBigInt, toInt64, toUint64 } from '../../p4proto/int64.js'
import type { BoundPipeline } from './bind.js'
import { refuse } from './refuse.js'

const { Type } = p4.v1.Update
/** For a maximum list size of 0, "no limit". */
const defaultListSize = 1024

interface Buffered { readonly key: string; readonly values: readonly bigint[] }
interface DigestState {
  maxTimeoutNs: bigint
  maxListSize: number
  ackTimeoutNs: bigint
  buffer: Buffered[]
  readonly buffered: Set<string>
  firstAt: number
  /** Sent and not acknowledged: list id → keys. */
  readonly sent: Map<bigint, { readonly at: number; readonly keys: readonly string[] }>
  readonly known: Map<string, number>
}

export class Digests {
  private readonly states = new Map<number, DigestState>()
  private readonly send: (list: p4.v1.IDigestList) => void
  private nextList = 1n
  constructor(send: (list: p4.v1.IDigestList) => void) { this.send = send }

  write(pipeline: BoundPipeline, type: p4.v1.Update.Type, entry: p4.v1.IDigestEntry): void {
    const id = entry.digestId ?? 0
    const info = pipeline.digests.get(id) ?? refuse('invalidArgument', `there is no digest with id ${id}`)
    const existing = this.states.get(id)
    if (type === Type.INSERT && existing !== undefined) refuse('alreadyExists', `digest ${info.name} is configured already`)
    if (type !== Type.INSERT && existing === undefined) refuse('notFound', `digest ${info.name} is not configured`)
    if (type === Type.DELETE) {
      this.states.delete(id)
      return
    }
    if (!entry.config) return refuse('invalidArgument', `digest ${info.name} has no config`)
    const { maxTimeoutNs, ackTimeoutNs, maxListSize } = entry.config
    const config = { maxTimeoutNs: toBigInt(maxTimeoutNs), maxListSize: maxListSize ?? 0, ackTimeoutNs: toBigInt(ackTimeoutNs) }
    if (config.maxTimeoutNs < 0n || config.ackTimeoutNs < 0n || config.maxListSize < 0) {
      refuse('invalidArgument', `digest ${info.name}: times and sizes cannot be negative`)
    }
    if (existing === undefined) this.states.set(id, { ...config, buffer: [], buffered: new Set(), firstAt: 0, sent: new Map(), known: new Map() })
    else Object.assign(existing, config)
  }

  read(pipeline: BoundPipeline, query: p4.v1.IDigestEntry): p4.v1.IEntity[] {
    const wanted = query.digestId ?? 0
    if (wanted !== 0 && !pipeline.digests.has(wanted)) refuse('invalidArgument', `there is no digest with id ${wanted}`)
    return [...this.states].filter(([id]) => wanted === 0 || id === wanted).map(([digestId, { maxTimeoutNs, maxListSize, ackTimeoutNs }]) => ({
      digestEntry: { digestId, config: { maxTimeoutNs: toInt64(maxTimeoutNs), maxListSize, ackTimeoutNs: toInt64(ackTimeoutNs) } },
    }))
  }

  onDigest(digestId: number, values: readonly bigint[], now: number): void {
    const state = this.states.get(digestId)
    if (state === undefined) return
    const key = values.join()
    if (state.buffered.has(key) || state.known.has(key)) return
    if (state.buffer.length === 0) state.firstAt = now
    state.buffer.push({ key, values })
    state.buffered.add(key)
    const limit = state.maxListSize === 0 ? defaultListSize : state.maxListSize
    if (state.maxTimeoutNs === 0n || state.buffer.length >= limit) this.flush(digestId, state, now)
  }

  /** False: no such digest. */
  onAck(ack: p4.v1.IDigestListAck): boolean {
    const state = this.states.get(ack.digestId ?? 0)
    if (state === undefined) return false
    this.forget(state, BigInt.asUintN(64, toBigInt(ack.listId)))
    return true
  }

  tick(now: number): void {
    for (const [id, state] of this.states) {
      if (state.buffer.length > 0 && now - state.firstAt >= Number(state.maxTimeoutNs) / 1e6) this.flush(id, state, now)
      for (const [list, { at }] of state.sent) {
        if (now - at >= Number(state.ackTimeoutNs) / 1e6) this.forget(state, list)
      }
    }
  }

  clear(): void { this.states.clear() }

  private flush(digestId: number, state: DigestState, now: number): void {
    const { buffer } = state
    state.buffer = []
    state.buffered.clear()
    const listId = this.nextList++
    if (state.ackTimeoutNs > 0n) {
      state.sent.set(listId, { at: now, keys: buffer.map(item => item.key) })
      for (const { key } of buffer) state.known.set(key, (state.known.get(key) ?? 0) + 1)
    }
    const data = buffer.map(({ values }): p4.v1.IP4Data => {
      const members = values.map((value): p4.v1.IP4Data => ({ bitstring: toCanonicalBytes(value) }))
      return members.length === 1 ? members[0] as p4.v1.IP4Data : { struct: { members } }
    })
    this.send({ digestId, listId: toUint64(listId), data, timestamp: toInt64(BigInt(Math.round(Date.now() * 1e6))) })
  }

  private forget(state: DigestState, list: bigint): void {
    for (const key of state.sent.get(list)?.keys ?? []) {
      const left = (state.known.get(key) ?? 1) - 1
      if (left === 0) state.known.delete(key)
      else state.known.set(key, left)
    }
    state.sent.delete(list)
  }
}
