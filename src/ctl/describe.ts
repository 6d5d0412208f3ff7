/** What a switch answers, as lines for people and as values for JSON. */
import { formatFlow, formatGroup, formatMessage, formatPortDesc } from '../openflow/index.js'
import type { MeterConfig, MeterStats, PortStats, StatsReplyBody } from '../openflow/model.js'
import { MeterFlag } from '../openflow/model.js'
import { formatPort } from '../openflow/text.js'

const UNKNOWN = 2n ** 64n - 1n
const count = (value: bigint): string => (value === UNKNOWN ? '?' : value.toString())

export function describe(body: StatsReplyBody): readonly string[] {
  switch (body.kind) {
    case 'desc': return [`Manufacturer: ${body.mfrDesc}`, `Hardware: ${body.hwDesc}`, `Software: ${body.swDesc}`, `Serial Num: ${body.serialNum}`, `DP Description: ${body.dpDesc}`]
    case 'flow': return body.flows.map((flow) => ` ${formatFlow(flow)}`)
    case 'aggregate': return [`packet_count=${body.packetCount} byte_count=${body.byteCount} flow_count=${body.flowCount}`]
    case 'group_desc': return body.groups.map((group) => ` ${formatGroup(group)}`)
    case 'group': return body.groups.map((group) => ` group_id=${group.groupId},duration=${group.durationSec}s,ref_count=${group.refCount},packet_count=${group.packetCount},byte_count=${group.byteCount}`
      + group.buckets.map((bucket, index) => `,bucket${index}:packet_count=${bucket.packetCount},byte_count=${bucket.byteCount}`).join(''))
    case 'meter_config': return body.meters.map((meter) => ` ${meterText(meter)}`)
    case 'meter': return body.meters.map((meter) => ` ${meterStatistics(meter)}`)
    case 'port_desc': return body.ports.map((port) => ` ${formatPortDesc(port)}`)
    case 'port': return body.ports.map((port) => ` ${portStatistics(port)}`)
    case 'table': return body.tables.filter(({ activeCount, lookupCount }) => activeCount > 0 || lookupCount > 0n)
      .map((table) => ` table=${table.tableId}, active=${table.activeCount}, lookup=${count(table.lookupCount)}, matched=${count(table.matchedCount)}`)
    default: return [formatMessage({ type: 'stats_reply', body })]
  }
}

const meterText = ({ meterId, flags, bands }: MeterConfig): string => {
  const words = [(flags & MeterFlag.KBPS) !== 0 && 'kbps', (flags & MeterFlag.PKTPS) !== 0 && 'pktps', (flags & MeterFlag.BURST) !== 0 && 'burst', (flags & MeterFlag.STATS) !== 0 && 'stats']
  const list = bands.map(({ type, rate, burstSize, precLevel }) =>
    `type=${type} rate=${rate}${burstSize === 0 ? '' : ` burst_size=${burstSize}`}${type === 'dscp_remark' ? ` prec_level=${precLevel}` : ''}`)
  return [`meter=${meterId}`, ...words.filter((word) => word !== false), `bands=${list.join(' ')}`].join(' ')
}
const meterStatistics = (meter: MeterStats): string =>
  `meter:${meter.meterId} flow_count:${meter.flowCount} packet_in_count:${count(meter.packetInCount)} byte_in_count:${count(meter.byteInCount)} duration:${meter.durationSec}s bands: `
  + meter.bands.map((band, index) => `${index}: packet_count:${count(band.packetCount)} byte_count:${count(band.byteCount)}`).join(' ')
const portStatistics = (port: PortStats): string =>
  `port ${formatPort(port.portNo)}: rx pkts=${count(port.rxPackets)}, bytes=${count(port.rxBytes)}, drop=${count(port.rxDropped)}, errs=${count(port.rxErrors)}; `
  + `tx pkts=${count(port.txPackets)}, bytes=${count(port.txBytes)}, drop=${count(port.txDropped)}, errs=${count(port.txErrors)}`

/** Numbers of 64 bits become text where JSON's numbers would lose digits, bytes become hexadecimal digits. */
export const toJson = (value: unknown): string => JSON.stringify(value, (_key, each: unknown) => {
  if (typeof each === 'bigint') return each <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(each) : `0x${each.toString(16)}`
  return each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each
}, 2)
