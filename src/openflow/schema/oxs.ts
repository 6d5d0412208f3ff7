/**
 * OXS: a flow's statistics as a list, since 1.5. OF 1.5.1 §7.2.4. What is unknown in a list is skipped in a switch's own
 * statement and refused otherwise.
 */
import type { Codec, Reader, Writer } from '../buffer.js'
import { Fault } from '../fault.js'
import type { Duration, FlowCounts } from '../model.js'
import { NO_FLOW_COUNTS } from '../model.js'
import type { Mutable } from './properties.js'

const BASIC = 0x8002
const HEADER = 4
const FIELDS = { duration: 0, idleTime: 1, flowCount: 3, packetCount: 4, byteCount: 5 } as const
const NAMES = new Map(Object.entries(FIELDS).map(([name, number]) => [number as number, name as keyof FlowCounts]))
const SIZE: Readonly<Record<keyof FlowCounts, number>> = { duration: 8, idleTime: 8, flowCount: 4, packetCount: 8, byteCount: 8 }

const readDuration = (r: Reader, at: number): Duration => ({ seconds: r.view.getUint32(at), nanoseconds: r.view.getUint32(at + 4) })

/** ofp_stats: reserved, length without padding, fields, padding to 8 bytes. */
export const flowCounts: Codec<FlowCounts> = {
  empty: NO_FLOW_COUNTS,
  decode(r, at, end) {
    if (end - at < HEADER) throw new Fault('OFPBRC_BAD_LEN', `${end - at} bytes are too few for statistics`)
    const length = r.view.getUint16(at + 2)
    const padded = (length + 7) & ~7
    if (length < HEADER || padded > end - at) throw new Fault('OFPBRC_BAD_LEN', `statistics say they have ${length} bytes`)
    const counts: Mutable<FlowCounts> = { ...NO_FLOW_COUNTS }
    const stop = at + length
    for (let here = at + HEADER; here < stop;) {
      if (stop - here < HEADER) throw new Fault('OFPBRC_BAD_LEN', 'a statistic is cut off')
      const header = r.view.getUint32(here)
      const size = header & 0xff
      const start = here + HEADER
      const name = header >>> 16 === BASIC ? NAMES.get(header >>> 9 & 0x7f) : undefined
      if (size > stop - start || (name !== undefined && size !== SIZE[name])) throw new Fault('OFPBRC_BAD_LEN', `a statistic of ${size} bytes`)
      if (name !== undefined) read(r, start, name, counts)
      else if (!r.loose) throw new Fault('OFPBRC_BAD_TYPE', `unknown statistic 0x${header.toString(16).padStart(8, '0')}`)
      here = start + size
    }
    r.at = at + padded
    return counts
  },
  encode(w, counts) {
    const start = w.reserve(HEADER)
    for (const [name, number] of Object.entries(FIELDS) as [keyof FlowCounts, number][]) write(w, number, name, counts[name])
    w.patchLength(start + 2, w.at - start, 'ofp_stats')
    w.align(start, 8)
  },
}

function read(r: Reader, at: number, name: keyof FlowCounts, counts: Mutable<FlowCounts>): void {
  switch (name) {
    case 'duration': case 'idleTime': counts[name] = readDuration(r, at); break
    case 'flowCount': counts.flowCount = r.view.getUint32(at); break
    case 'packetCount': case 'byteCount': counts[name] = r.view.getBigUint64(at)
  }
}

function write(w: Writer, number: number, name: keyof FlowCounts, value: Duration | number | bigint | null): void {
  if (value === null) return
  const at = w.reserve(HEADER + SIZE[name])
  w.view.setUint32(at, (BASIC << 16 | number << 9 | SIZE[name]) >>> 0)
  if (typeof value === 'bigint') w.view.setBigUint64(at + HEADER, value)
  else if (typeof value === 'number') w.view.setUint32(at + HEADER, value)
  else {
    w.view.setUint32(at + HEADER, value.seconds)
    w.view.setUint32(at + HEADER + 4, value.nanoseconds)
  }
}

interface Counted { readonly durationSec: number; readonly durationNsec: number; readonly packetCount: bigint; readonly byteCount: bigint }
/** The statistics that earlier versions have as fixed fields of a flow. */
export const counted: Codec<Counted> = {
  empty: { durationSec: 0, durationNsec: 0, packetCount: 0n, byteCount: 0n },
  decode(r, at, end) {
    const { duration, packetCount, byteCount } = flowCounts.decode(r, at, end)
    return { durationSec: duration?.seconds ?? 0, durationNsec: duration?.nanoseconds ?? 0, packetCount: packetCount ?? 0n, byteCount: byteCount ?? 0n }
  },
  encode: (w, { durationSec, durationNsec, packetCount, byteCount }) =>
    flowCounts.encode(w, { ...NO_FLOW_COUNTS, duration: { seconds: durationSec, nanoseconds: durationNsec }, packetCount, byteCount }),
}

interface Sum { readonly packetCount: bigint; readonly byteCount: bigint; readonly flowCount: number }
export const aggregated: Codec<Sum> = {
  empty: { packetCount: 0n, byteCount: 0n, flowCount: 0 },
  decode(r, at, end) {
    const { flowCount, packetCount, byteCount } = flowCounts.decode(r, at, end)
    return { packetCount: packetCount ?? 0n, byteCount: byteCount ?? 0n, flowCount: flowCount ?? 0 }
  },
  encode: (w, { packetCount, byteCount, flowCount }) => flowCounts.encode(w, { ...NO_FLOW_COUNTS, flowCount, packetCount, byteCount }),
}
