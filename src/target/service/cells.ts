/** Cells of counters and meters: the indirect arrays, and the conversions that direct resources need too. P4RT 1.4 §9.3, §9.4 */
import type { p4 } from '../../p4proto/generated.js'
import { toBigInt } from '../../p4proto/int64.js'
import { p4 as messages } from '../../p4proto/generated.js'
import type { MeterConfig } from '../program/meter.js'
import type { BoundPipeline } from './bind.js'
import { refuse } from './refuse.js'

const { Type } = messages.v1.Update
/** BMv2 holds a burst in 32 bits. */
const maxBurst = 0xffff_ffffn

export const decodeMeterConfig = (config: p4.v1.IMeterConfig, what: string): MeterConfig => {
  const cir = toBigInt(config.cir)
  const cburst = toBigInt(config.cburst)
  const pir = toBigInt(config.pir)
  const pburst = toBigInt(config.pburst)
  const eburst = toBigInt(config.eburst)
  if (cir < 0n || cburst < 0n || pir < 0n || pburst < 0n) refuse('invalidArgument', `${what}: rates and bursts cannot be negative`)
  if (eburst !== 0n) refuse('invalidArgument', `${what}: an excess burst does not go with a two rate meter`)
  if (cir > pir) refuse('invalidArgument', `${what}: the committed rate is above the peak rate`)
  if (cburst > maxBurst || pburst > maxBurst) refuse('unimplemented', `${what}: bursts are limited to ${maxBurst}`)
  return { cir: Number(cir), cburst: Number(cburst), pir: Number(pir), pburst: Number(pburst) }
}
export const encodeMeterConfig = (config: MeterConfig): p4.v1.IMeterConfig => ({ ...config })

export const decodeCounter = (data: p4.v1.ICounterData, what: string): { packets: number; bytes: number } => {
  const packets = toBigInt(data.packetCount)
  const bytes = toBigInt(data.byteCount)
  if (packets < 0n || bytes < 0n || packets > BigInt(Number.MAX_SAFE_INTEGER) || bytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    refuse('invalidArgument', `${what}: a count is not in 0…2^53-1`)
  }
  return { packets: Number(packets), bytes: Number(bytes) }
}
export const encodeCounter = (packets: number, bytes: number): p4.v1.ICounterData => ({ packetCount: packets, byteCount: bytes })

export const onlyModify = (type: p4.v1.Update.Type, what: string): void => {
  if (type !== Type.MODIFY) refuse('invalidArgument', `${what} can only be modified`)
}

interface Sized { readonly size: number; readonly name: string }
/** The cells an index means: one, or all of them where it is not set. */
const cellsOf = (index: p4.v1.IIndex | null | undefined, { size, name }: Sized): { readonly from: number; readonly to: number } => {
  if (index === null || index === undefined) return { from: 0, to: size }
  const at = toBigInt(index.index)
  if (at < 0n) refuse('invalidArgument', `index ${at} of ${name} is negative`)
  if (at >= BigInt(size)) refuse('outOfRange', `${name} has ${size} cells, index ${at} is not one of them`)
  return { from: Number(at), to: Number(at) + 1 }
}

export const writeCounter = (pipeline: BoundPipeline, type: p4.v1.Update.Type, entry: p4.v1.ICounterEntry): void => {
  const counter = pipeline.counters.get(entry.counterId ?? 0) ?? refuse('invalidArgument', `there is no counter with id ${entry.counterId ?? 0}`)
  onlyModify(type, `counter ${counter.info.name}`)
  const { from, to } = cellsOf(entry.index, counter.info)
  if (entry.data === null || entry.data === undefined) return
  const { packets, bytes } = decodeCounter(entry.data, `counter ${counter.info.name}`)
  for (let at = from; at < to; at++) counter.array.set(at, packets, bytes)
}

export const readCounters = (pipeline: BoundPipeline, query: p4.v1.ICounterEntry): p4.v1.IEntity[] => {
  const id = query.counterId ?? 0
  const chosen = id === 0 ? [...pipeline.counters.values()] : [pipeline.counters.get(id) ?? refuse('invalidArgument', `there is no counter with id ${id}`)]
  return chosen.flatMap(({ info, array }) => {
    const { from, to } = cellsOf(id === 0 ? null : query.index, info)
    return Array.from({ length: to - from }, (_, offset): p4.v1.IEntity => {
      const at = from + offset
      return { counterEntry: { counterId: info.id, index: { index: at }, data: encodeCounter(array.packets[at] ?? 0, array.bytes[at] ?? 0) } }
    })
  })
}

export const writeMeter = (pipeline: BoundPipeline, type: p4.v1.Update.Type, entry: p4.v1.IMeterEntry, now: number): void => {
  const meter = pipeline.meters.get(entry.meterId ?? 0) ?? refuse('invalidArgument', `there is no meter with id ${entry.meterId ?? 0}`)
  onlyModify(type, `meter ${meter.info.name}`)
  if (entry.counterData) refuse('unimplemented', `meter ${meter.info.name} has no counters`)
  const { from, to } = cellsOf(entry.index, meter.info)
  const config = entry.config ? decodeMeterConfig(entry.config, `meter ${meter.info.name}`) : null
  for (let at = from; at < to; at++) meter.array.configure(at, config, now)
}

export const readMeters = (pipeline: BoundPipeline, query: p4.v1.IMeterEntry): p4.v1.IEntity[] => {
  const id = query.meterId ?? 0
  if (query.counterData) refuse('unimplemented', 'meters have no counters')
  const chosen = id === 0 ? [...pipeline.meters.values()] : [pipeline.meters.get(id) ?? refuse('invalidArgument', `there is no meter with id ${id}`)]
  return chosen.flatMap(({ info, array }) => {
    const { from, to } = cellsOf(id === 0 ? null : query.index, info)
    return Array.from({ length: to - from }, (_, offset): p4.v1.IEntity => {
      const config = array.config(from + offset)
      return { meterEntry: { meterId: info.id, index: { index: from + offset }, ...(config === null ? {} : { config: encodeMeterConfig(config) }) } }
    })
  })
}
