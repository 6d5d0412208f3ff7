/**
 * Messages ↔ bytes: the common header, the choice of the declaration by type and version, statistics with their
 * splitting, and the turning of decoding faults into returned refusals. OF 1.3.5 §7.1, §7.3.5.
 */
import { shortLived } from '../base/slab.js'
import { Reader, Writer } from './buffer.js'
import { Fault, Unencodable } from './fault.js'
import { type Frame, HEADER_SIZE } from './framer.js'
import type { ErrorName, Message, MessageType, StatsReply, StatsRequest } from './model.js'
import { bundleAdd, requestForward, type WholeMessages } from './schema/bundles.js'
import { type ExtensionRow, extensionAt } from './schema/extensions.js'
import { encodeError } from './schema/hello.js'
import { type MessageRow, MESSAGES, STATS_REPLY_CODES, STATS_REQUEST_CODES } from './schema/messages.js'
import { niciraMessages, readTabledFlowMod } from './schema/nicira.js'
import { earlyMonitors } from './schema/nicira-monitors.js'
import { niciraStats } from './schema/nicira-stats.js'
import { onfMessages } from './schema/onf.js'
import { isItemList, type ItemList, STATS, type StatsRow } from './schema/stats.js'
import { inRange, pick, SUPPORTED_VERSIONS, versionName } from './versions.js'

export interface Decoded { readonly version: number; readonly xid: number; readonly message: Message }
export type DecodeResult =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly error: ErrorName; readonly reason: string }

const MAX_MESSAGE = 0xffff
const MORE = 1
/** What every version has in the same form, so that it is understood before and despite negotiation. OF 1.3.5 §6.3.1. */
const ANY_VERSION = 3
const EXPERIMENTER = 4
const FLOW_MOD = 14
const EXPERIMENTER_STATS = 0xffff

interface VersionTable {
  readonly byCode: readonly (MessageRow | undefined)[]
  readonly byType: ReadonlyMap<MessageType, { readonly row: MessageRow; readonly code: number }>
  readonly extensions: readonly ExtensionRow[]
  readonly extensionOf: ReadonlyMap<MessageType, ExtensionRow>
  readonly statsRequest: number
  readonly statsReply: number
}
const tables = new Map<number, VersionTable>()

function tableFor(version: number): VersionTable {
  let table = tables.get(version)
  if (table !== undefined) return table
  const byCode: (MessageRow | undefined)[] = []
  const byType = new Map<MessageType, { row: MessageRow; code: number }>()
  for (const row of [...MESSAGES, addToBundle, forward]) {
    const code = pick(row.codes, version)
    if (code === undefined) continue
    byCode[code] = row
    byType.set(row.type, { row, code })
  }
  const extensions = EXTENSIONS.filter((row) => inRange(row.versions, version))
  table = { byCode, byType, extensions, extensionOf: new Map(extensions.map((row) => [row.type, row])), statsRequest: pick(STATS_REQUEST_CODES, version) ?? -1, statsReply: pick(STATS_REPLY_CODES, version) ?? -1 }
  tables.set(version, table)
  return table
}

/** Never throws for what a peer can send. The message refers to the frame's bytes (packet data, opaque bodies). */
export function decodeMessage(frame: Frame, negotiated: number): DecodeResult {
  const { version, type, offset } = frame
  const common = type <= ANY_VERSION
  if (version === 0 || !common && (version !== negotiated || !SUPPORTED_VERSIONS.includes(version))) {
    return { ok: false, error: 'OFPBRC_BAD_VERSION', reason: `version ${version}, agreed on ${negotiated}` }
  }
  const reader = new Reader(frame.view, frame.chunk, version, offset)
  const end = offset + frame.length
  reader.xid = frame.xid
  try {
    const message = decodeBody(reader, type, offset + HEADER_SIZE, end, common)
    if (reader.at !== end) return { ok: false, error: 'OFPBRC_BAD_LEN', reason: `${end - reader.at} bytes after a ${message.type}` }
    return { ok: true, message }
  } catch (fault) {
    if (fault instanceof Fault) return { ok: false, error: fault.error, reason: fault.reason }
    throw fault
  }
}

function decodeBody(r: Reader, type: number, at: number, end: number, common: boolean): Message {
  const table = tableFor(common ? 1 : r.version)
  if (!common && type === table.statsRequest) return decodeStats(r, at, end, 'stats_request')
  if (!common && type === table.statsReply) return decodeStats(r, at, end, 'stats_reply')
  const extension = type === EXPERIMENTER && !common ? extensionAt(table.extensions, r, at, end) : undefined
  if (extension !== undefined) return extension.body.decode(r, at + 8, end)
  const tabled = type === FLOW_MOD && !common ? readTabledFlowMod(r, at, end) : null
  if (tabled !== null) return tabled
  const row = table.byCode[type]
  if (row === undefined) throw new Fault('OFPBRC_BAD_TYPE', `message type ${type} in OpenFlow ${versionName(r.version)}`)
  return row.body.decode(r, at, end)
}

const ALL_STATS: readonly StatsRow[] = [...STATS, ...niciraStats, ...earlyMonitors]

/** Id and type; 1.0 pads them to 8 bytes with its own header. */
const extensionHeader = (version: number): number => version === 1 ? 12 : 8

function isExtensionAt({ extension, versions }: StatsRow, r: Reader, at: number, end: number): boolean {
  return extension !== undefined && inRange(versions, r.version) && end - at >= extensionHeader(r.version)
    && r.view.getUint32(at) === extension.experimenter && r.view.getUint32(at + 4) === extension.expType
}

/** 1.0's header is half as long as that of its successors. */
const statsHeader = (version: number): number => version === 1 ? 4 : 8

function decodeStats(r: Reader, at: number, end: number, type: 'stats_request' | 'stats_reply'): Message {
  const header = statsHeader(r.version)
  if (end - at < header) throw new Fault('OFPBRC_BAD_LEN', `${end - at} bytes are too few for a ${type}`)
  const code = r.view.getUint16(at)
  const more = (r.view.getUint16(at + 2) & MORE) !== 0
  const bodyAt = at + header
  const extension = code === EXPERIMENTER_STATS ? ALL_STATS.find((row) => isExtensionAt(row, r, bodyAt, end)) : undefined
  const row = extension ?? ALL_STATS.find((candidate) => candidate.code === code && candidate.extension === undefined && inRange(candidate.versions, r.version))
  if (row === undefined) throw new Fault(r.version < 4 ? 'OFPBRC_BAD_STAT' : 'OFPBRC_BAD_MULTIPART', `statistics type ${code}`)
  const isReply = type === 'stats_reply'
  if (isReply && row.kind === 'experimenter') throw new Fault('OFPBRC_BAD_EXPERIMENTER', 'statistics of an experimenter')
  r.loose = isReply
  r.at = extension === undefined ? bodyAt : bodyAt + extensionHeader(r.version)
  const form = isReply ? row.reply : row.request
  const body = isItemList(form) ? { kind: row.kind, ...decodeItems(r, form, end) } : { kind: row.kind, ...form.decode(r, r.at, end) as object }
  if (isReply) return { type, body, ...more ? { more } : {} } as StatsReply
  return { type, more, body } as StatsRequest
}

function decodeItems(r: Reader, { key, item }: ItemList, end: number): Readonly<Record<string, readonly unknown[]>> {
  const out: unknown[] = []
  while (r.at < end) out.push(item.decode(r, r.at, end))
  return { [key]: out }
}

const writer = new Writer()

/** Several messages only for statistics that do not fit one; throws Unencodable for what the version cannot say. */
export function encodeMessage(message: Message, version: number, xid: number): Uint8Array[] {
  const table = tableFor(version)
  writer.reset(version)
  writer.xid = xid
  if (message.type === 'stats_request' || message.type === 'stats_reply') return encodeStats(table, message, version, xid)
  if (message.type !== 'hello' && message.type !== 'error' && message.type !== 'peer_error') checkVersion(message.type, version)
  writer.reserve(HEADER_SIZE)
  if (message.type === 'error') {
    encodeError(writer, message)
    return [finish(message.type, 1, xid, 0)]
  }
  const code = encodeBody(writer, table, message)
  return [finish(message.type, code, xid, 0)]
}

/**
 * One message in a larger whole: behind room for `before` bytes, and with a part of it, its last bytes, given. What is returned
 * is to be used soon, see base/slab.ts. Throws Unencodable.
 */
export function encodeWithin(before: number, message: Exclude<Message, StatsRequest | StatsReply>, version: number, last: Uint8Array): Uint8Array {
  writer.reset(version)
  writer.xid = 0
  checkVersion(message.type, version)
  writer.reserve(before + HEADER_SIZE)
  const code = encodeBody(writer, tableFor(version), message)
  writer.append(last)
  header(message.type, code, 0, before)
  return shortLived(writer.bytes, 0, writer.at)
}

/** Everything behind the header; gives the type that belongs into it. */
function encodeBody(w: Writer, table: VersionTable, message: Message): number {
  const found = table.byType.get(message.type)
  if (found !== undefined) {
    found.row.body.encode(w, message)
    return found.code
  }
  const extension = table.extensionOf.get(message.type)
  if (extension === undefined) throw new Unencodable(message.type, '*', w.version, 'the version has no such message')
  w.u32(extension.experimenter)
  w.u32(extension.expType)
  extension.body.encode(w, message)
  return EXPERIMENTER
}

/** A message within a message. */
const wholeMessages: WholeMessages = {
  decode(r, at, end) {
    const version = r.view.getUint8(at)
    if (version !== r.version) throw new Fault('OFPBRC_BAD_VERSION', `version ${version} within version ${r.version}`)
    const type = r.view.getUint8(at + 1)
    // A bundle in a bundle, in a bundle …
    if (type === EXPERIMENTER || tableFor(version).byCode[type] === addToBundle) throw new Fault('OFPBFC_MSG_UNSUP', `message type ${type} in a bundle`)
    const inner = new Reader(r.view, r.bytes, version, at)
    const message = decodeBody(inner, type, at + HEADER_SIZE, end, false)
    if (inner.at !== end) throw new Fault('OFPBRC_BAD_LEN', `${end - inner.at} bytes after a ${message.type}`)
    return message
  },
  encode(w, message) {
    const start = w.reserve(HEADER_SIZE)
    const code = encodeBody(w, tableFor(w.version), message)
    w.view.setUint8(start, w.version)
    w.view.setUint8(start + 1, code)
    w.patchLength(start + 2, w.at - start, message.type)
    w.view.setUint32(start + 4, w.xid)
  },
}
const added = bundleAdd(wholeMessages)
const addToBundle: MessageRow = { type: 'bundle_add', codes: { '1.4+': 34 }, body: added }
const forward: MessageRow = { type: 'requestforward', codes: { '1.4+': 32 }, body: requestForward(wholeMessages) }
const EXTENSIONS: readonly ExtensionRow[] = [...onfMessages(added), ...niciraMessages]

function checkVersion(type: MessageType, version: number): void {
  if (type === 'echo_request' || type === 'echo_reply' || SUPPORTED_VERSIONS.includes(version)) return
  throw new Unencodable(type, '*', version, 'the version is not supported')
}

/** Completes the header of the message that starts at `start` and copies it out of the writer. */
function finish(type: MessageType, code: number, xid: number, start: number): Uint8Array {
  header(type, code, xid, start)
  return writer.bytes.slice(start, writer.at)
}
function header(type: MessageType, code: number, xid: number, start: number): void {
  const length = writer.at - start
  if (length > MAX_MESSAGE) throw new Unencodable(type, 'length', writer.version, `${length} bytes`)
  const { view } = writer
  view.setUint8(start, writer.version)
  view.setUint8(start + 1, code)
  view.setUint16(start + 2, length)
  view.setUint32(start + 4, xid)
}

function encodeStats(table: VersionTable, message: StatsRequest | StatsReply, version: number, xid: number): Uint8Array[] {
  checkVersion(message.type, version)
  const isReply = message.type === 'stats_reply'
  const { body } = message
  const row = ALL_STATS.find((candidate) => candidate.kind === body.kind && inRange(candidate.versions, version))
  if (row === undefined) throw new Unencodable(message.type, body.kind, version, 'the version has no such statistics')
  const type = isReply ? table.statsReply : table.statsRequest
  const form = isReply ? row.reply : row.request
  writer.lossy = isReply
  const moreAtEnd = message.more === true
  if (!isItemList(form)) {
    beginStats(row, version)
    form.encode(writer, body)
    return [finishStats(message.type, type, xid, 0, moreAtEnd)]
  }
  return encodeItems(message.type, type, xid, row, form, (body as unknown as Record<string, readonly unknown[]>)[form.key] ?? [], moreAtEnd)
}

function beginStats(row: StatsRow, version: number): void {
  const at = writer.reserve(HEADER_SIZE + statsHeader(version))
  writer.view.setUint16(at + HEADER_SIZE, row.code)
  if (row.extension === undefined) return
  const extensionAt = writer.reserve(extensionHeader(version))
  writer.view.setUint32(extensionAt, row.extension.experimenter)
  writer.view.setUint32(extensionAt + 4, row.extension.expType)
}

function finishStats(type: MessageType, code: number, xid: number, start: number, more: boolean): Uint8Array {
  writer.view.setUint16(start + HEADER_SIZE + 2, more ? MORE : 0)
  return finish(type, code, xid, start)
}

/** Fills messages with whole items; an item that does not fit goes to the next one. */
function encodeItems(
  type: MessageType, code: number, xid: number, row: StatsRow, form: ItemList, items: readonly unknown[], moreAtEnd: boolean,
): Uint8Array[] {
  const { version } = writer
  const messages: Uint8Array[] = []
  beginStats(row, version)
  const empty = writer.at
  for (const item of items) {
    const before = writer.at
    form.item.encode(writer, item)
    if (writer.at <= MAX_MESSAGE || before === empty) continue
    const overflow = writer.bytes.slice(before, writer.at)
    writer.rewind(before)
    messages.push(finishStats(type, code, xid, 0, true))
    writer.rewind(0)
    beginStats(row, version)
    writer.append(overflow)
  }
  messages.push(finishStats(type, code, xid, 0, moreAtEnd))
  return messages
}
