/**
 * Open vSwitch's flow syntax (ovs-ofctl(8), "Flow Syntax") into the model: flows, groups, meters. The opposite of text.ts; what it
 * prints is read. What cannot be read is told in one sentence.
 */
import { canonicalMatch } from './match.js'
import type { Bucket, FieldValue, FlowMod, FlowModCommand, GroupMod, GroupType, Match, MeterBand, MeterMod } from './model.js'
import { BucketId, FlowModFlag, Group, MeterFlag, NO_BUFFER, Port, Table } from './model.js'
import { readActions, readInstructions } from './text-read-actions.js'
import { protocolFields, readField } from './text-read-fields.js'
import { FlowTextError, readNumber, readPort, splitTop, type PortNumbers } from './text-read-values.js'

/** `table` is absent where the text has none. Throws FlowTextError. */
export interface FlowText extends Omit<FlowMod, 'type' | 'command' | 'tableId'> { readonly table: number | null; readonly hasActions: boolean }

const FLAGS: Readonly<Record<string, number>> = {
  send_flow_rem: FlowModFlag.SEND_FLOW_REM, check_overlap: FlowModFlag.CHECK_OVERLAP, reset_counts: FlowModFlag.RESET_COUNTS,
  no_packet_counts: FlowModFlag.NO_PKT_COUNTS, no_byte_counts: FlowModFlag.NO_BYT_COUNTS,
}
/** What a dump says of a flow that is no part of it. */
const STATISTICS = new Set(['duration', 'n_packets', 'n_bytes', 'idle_age', 'hard_age'])
/** OF 1.0 §5.3.3 */
const DEFAULT_PRIORITY = 0x8000

export function readFlow(text: string, ports: PortNumbers): FlowText {
  const at = /(?:^|[\s,])actions?=/.exec(text)
  const head = at === null ? text : text.slice(0, at.index)
  const actions = at === null ? null : text.slice(at.index + at[0].length)
  const fields: FieldValue[] = []
  const numbers: Record<string, number> = {}
  let [cookie, cookieMask, flags] = [0n, 0n, 0]
  let [outPort, outGroup]: number[] = [Port.ANY, Group.ANY]
  for (const part of splitTop(head)) {
    const [key = '', value = ''] = splitOnce(part)
    if (STATISTICS.has(key)) continue
    if (Object.hasOwn(FLAGS, key)) flags |= FLAGS[key] ?? 0
    else if (Object.hasOwn(limits, key)) numbers[key] = Number(readNumber(key, value, BigInt(limits[key] ?? 0)))
    else if (key === 'cookie') [cookie, cookieMask] = readCookie(value)
    else if (key === 'out_port') outPort = readPort(value, ports)
    else if (key === 'out_group') outGroup = Number(readNumber(key, value, BigInt(Group.ANY)))
    else fields.push(...(protocolFields(part) ?? readField(key, value, fields, ports)))
  }
  const match = canonical(fields)
  return {
    table: numbers['table'] ?? null, priority: numbers['priority'] ?? DEFAULT_PRIORITY, match, cookie, cookieMask,
    idleTimeout: numbers['idle_timeout'] ?? 0, hardTimeout: numbers['hard_timeout'] ?? 0, importance: numbers['importance'] ?? 0,
    bufferId: NO_BUFFER, outPort: outPort ?? Port.ANY, outGroup: outGroup ?? Group.ANY, flags,
    instructions: readInstructions(actions ?? '', match, ports), hasActions: actions !== null,
  }
}
const limits: Readonly<Record<string, number>> = { table: 255, priority: 0xffff, idle_timeout: 0xffff, hard_timeout: 0xffff, importance: 0xffff }

/** As a flow-mod. A cookie is what an added flow gets, and otherwise which flows are meant. */
export function readFlowMod(command: FlowModCommand, text: string, ports: PortNumbers): FlowMod {
  const { table, hasActions, ...flow } = readFlow(text, ports)
  const deletes = command === 'delete' || command === 'delete_strict'
  if (!deletes && !hasActions) throw new FlowTextError('must specify an action')
  if (deletes && hasActions) throw new FlowTextError('a deletion has no actions')
  const cookieMask = command === 'add' ? 0n : flow.cookieMask
  return { type: 'flow_mod', command, tableId: table ?? (deletes ? Table.ALL : 0), ...flow, cookieMask }
}

export function readMatch(text: string, ports: PortNumbers): { readonly match: Match; readonly table: number | null; readonly cookie: bigint; readonly cookieMask: bigint } {
  const { match, table, cookie, cookieMask, hasActions } = readFlow(text, ports)
  if (hasActions) throw new FlowTextError('actions have no place here')
  return { match, table, cookie, cookieMask }
}

/** `group_id=1,type=select,bucket=weight:2,actions=output:1,bucket=…` */
export function readGroup(command: 'add' | 'modify' | 'delete', text: string, ports: PortNumbers): GroupMod {
  const [head = '', ...bucketTexts] = text.split(/,?\s*buckets?=/)
  let groupId: number | null = command === 'delete' ? Group.ALL : null
  let groupType: GroupType = 'all'
  for (const part of splitTop(head)) {
    const [key, value = ''] = splitOnce(part)
    if (key === 'group_id') groupId = value === 'all' ? Group.ALL : Number(readNumber(key, value, BigInt(Group.MAX)))
    else if (key === 'type') groupType = groupTypes[value] ?? fail(`${value}: unknown group type`)
    else fail(`unknown keyword ${String(key)}`)
  }
  if (groupId === null) return fail('must specify a group_id')
  const buckets = bucketTexts.map((bucket, index) => readBucket(bucket, index, groupType, ports))
  return { type: 'group_mod', command, groupType, groupId, buckets: command === 'delete' ? [] : buckets, commandBucketId: BucketId.ALL }
}
const groupTypes: Readonly<Record<string, GroupType>> = { all: 'all', select: 'select', indirect: 'indirect', ff: 'ff', fast_failover: 'ff' }

function readBucket(text: string, index: number, groupType: GroupType, ports: PortNumbers): Bucket {
  const at = /(?:^|,)\s*actions=/.exec(text)
  const bucket = { bucketId: index, weight: groupType === 'select' ? 1 : 0, watchPort: Port.ANY as number, watchGroup: Group.ANY as number }
  const loose: string[] = []
  for (const part of splitTop(at === null ? text : text.slice(0, at.index))) {
    const [, key = '', value = ''] = /^(\w+)[:=](.*)$/.exec(part) ?? []
    if (key === 'weight') bucket.weight = Number(readNumber(key, value, 0xffffn))
    else if (key === 'bucket_id') bucket.bucketId = Number(readNumber(key, value, BigInt(BucketId.MAX)))
    else if (key === 'watch_port') bucket.watchPort = readPort(value, ports)
    else if (key === 'watch_group') bucket.watchGroup = Number(readNumber(key, value, BigInt(Group.ANY)))
    else loose.push(part)
  }
  return { ...bucket, actions: readActions(at === null ? loose.join(',') : text.slice(at.index + at[0].length), null, ports) }
}

/** `meter=1 kbps burst stats bands=type=drop rate=1000 burst_size=100` */
export function readMeter(command: 'add' | 'modify' | 'delete', text: string): MeterMod {
  const [head = '', bandsText = ''] = text.split(/,?\s*bands=/)
  let meterId: number | null = command === 'delete' ? 0xffffffff : null
  let flags = 0
  for (const part of splitTop(head)) {
    const [key = '', value = ''] = splitOnce(part)
    if (key === 'meter') meterId = value === 'all' ? 0xffffffff : Number(readNumber(key, value, 0xffffffffn))
    else flags |= meterFlags[key] ?? fail(`unknown keyword ${key}`)
  }
  if (meterId === null) return fail('must specify a meter')
  const bands = bandsText.split(/(?:^|[\s,]+)type=/).slice(1).map((band): MeterBand => {
    const [type = '', ...rest] = splitTop(band)
    const values = Object.fromEntries(rest.map(splitOnce))
    if (type !== 'drop' && type !== 'dscp_remark') return fail(`${type}: unknown band type`)
    return {
      type, rate: Number(readNumber('rate', values['rate'] ?? '', 0xffffffffn)), burstSize: Number(readNumber('burst_size', values['burst_size'] ?? '0', 0xffffffffn)),
      precLevel: type === 'drop' ? 0 : Number(readNumber('prec_level', values['prec_level'] ?? '', 255n)),
    }
  })
  return { type: 'meter_mod', command, flags, meterId, bands }
}
const meterFlags: Readonly<Record<string, number>> = { kbps: MeterFlag.KBPS, pktps: MeterFlag.PKTPS, burst: MeterFlag.BURST, stats: MeterFlag.STATS }

function canonical(fields: readonly FieldValue[]): Match {
  const result = canonicalMatch(fields)
  if ('error' in result) throw new FlowTextError(`${result.reason} (${result.error})`, result.error)
  return result.match
}

function readCookie(text: string): readonly [bigint, bigint] {
  const [value = '', mask] = text.split('/')
  const all = (1n << 64n) - 1n
  return [readNumber('cookie', value, all), mask === undefined ? all : mask === '-1' ? all : readNumber('cookie', mask, all)]
}

const splitOnce = (text: string): [string, string] => {
  const at = text.indexOf('=')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
const fail = (reason: string): never => { throw new FlowTextError(reason) }
