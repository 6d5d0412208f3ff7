/**
 * Open vSwitch's extension messages ("Nicira"): flow-mods in NXM, formats of what the switch tells, roles before they
 * were standard. Numbers and layouts are those of its nicira-ext.h; their meaning is in datapath/nicira.ts.
 */
import type { Codec, Writer } from '../buffer.js'
import { Reader } from '../buffer.js'
import { compile } from '../compile.js'
import { Fault, Unencodable } from '../fault.js'
import type { Layout } from '../layout.js'
import { choice, f, layout, n64, otherwise, pad, port, u16, u32, u8 } from '../layout.js'
import type { FlowMod, FlowRemoved, Message, PacketIn } from '../model.js'
import { Group, NO_BUFFER, Table } from '../model.js'
import type { NxFlowMod } from '../model-nicira.js'
import { pipelineMatch } from '../oxm-codec.js'
import { NICIRA } from './actions.js'
import { setAsync } from './async.js'
import type { ExtensionRow } from './extensions.js'
import { declared } from './extensions.js'
import { flowMod as standardFlowMod, liftFlowMod } from './flows.js'
import { instructions } from './instructions.js'
import { NX_ANY, nxPipelineMatch, readPadded, writePadded } from './nicira-match.js'

const one = <T>(type: string, parts: Parameters<typeof layout>[1]): Codec<Message> =>
  declared(layout(`NXT_${type.slice(3).toUpperCase()}`, parts, { constants: { type } }) as Layout<T> as Layout<Message>)

const ROLES = ['equal', 'master', 'slave'] as const
const role = (type: 'nx_role_request' | 'nx_role_reply'): Codec<Message> => ({
  empty: { type: 'features_request' },
  decode(r, at, end) {
    if (end - at < 4) throw new Fault('OFPBRC_BAD_LEN', `${end - at} bytes of a role`)
    const name = ROLES[r.view.getUint32(at)]
    if (name === undefined) throw new Fault('OFPRRFC_BAD_ROLE', `role ${r.view.getUint32(at)}`)
    r.at = at + 4
    return { type, role: name }
  },
  encode(w, message) {
    if (message.type === type) w.u32(Math.max(0, ROLES.findIndex((name) => name === message.role)))
  },
})

/** Up to the match. */
const flowModHead = layout('NXT_FLOW_MOD', {
  '1.0': [
    f('cookie', n64), f('tableByte', u8), f('command', choice(1, ['add', 'modify', 'modify_strict', 'delete', 'delete_strict'], 'OFPFMFC_BAD_COMMAND')),
    f('idleTimeout', u16), f('hardTimeout', u16), f('priority', u16), f('bufferId', otherwise(u32, NO_BUFFER)), f('outPort', port), f('flags', u16),
    f('matchLength', u16), pad(6),
  ],
})
const ALL_BITS = 0xffff_ffff_ffff_ffffn
const isDelete = ({ command }: Pick<FlowMod, 'command'>): boolean => command === 'delete' || command === 'delete_strict'

const flowMod: Codec<Message> = {
  empty: { type: 'features_request' },
  decode(r, at, end): NxFlowMod {
    const { tableByte, matchLength, ...head } = compile(flowModHead, r.version).decode(r, at, end)
    const { match, cookie, cookieMask } = readPadded(r, r.at, matchLength, end)
    if (cookieMask !== 0n && head.command === 'add') throw new Fault('OFPBMC_BAD_FIELD', 'an addition does not match on a cookie')
    // All ones stand for "as it is"; the model has room for one cookie, to match or to set.
    if (cookieMask !== 0n && !isDelete(head) && head.cookie !== ALL_BITS) throw new Fault('OFPFMFC_UNSUPPORTED', 'a cookie to match and another to set')
    const plain: FlowMod = {
      ...head, ...(cookieMask === 0n ? {} : { cookie, cookieMask }), type: 'flow_mod', tableId: 0, cookieMask, outGroup: Group.ANY, importance: 0, match,
      instructions: instructions.decode(r, r.at, end),
    }
    r.exactMatch = false
    return { type: 'nx_flow_mod', tableByte, flowMod: liftFlowMod(plain, r) }
  },
  encode(w, message) {
    if (message.type !== 'nx_flow_mod') return
    const { flowMod: mod, tableByte } = message
    const { cookie, cookieMask } = mod
    const start = w.at
    compile(flowModHead, w.version).encode(w, { ...mod, cookie: cookieMask === 0n ? cookie : ALL_BITS, tableByte, matchLength: 0 })
    const length = writePadded(w, { match: mod.match, cookie, cookieMask })
    w.patchLength(start + 24, length, 'NXT_FLOW_MOD')
    instructions.encode(w, mod.instructions)
  },
}

/** OFPT_FLOW_MOD of 1.0 with a table in the upper byte of its command; null where there is none. */
export function readTabledFlowMod(r: Reader, at: number, end: number): Message | null {
  const command = at + 48
  if (r.version !== 1 || end - command < 2 || r.view.getUint8(command) === 0) return null
  const bytes = r.bytes.slice(at, end)
  bytes[48] = 0
  const inner = new Reader(new DataView(bytes.buffer), bytes, 1, 0)
  const plain = liftFlowMod(compile(standardFlowMod, 1).decode(inner, 0, bytes.length), inner)
  r.at = at + inner.at
  return { type: 'nx_flow_mod', tableByte: r.view.getUint8(command), flowMod: plain }
}

const REASONS = ['idle_timeout', 'hard_timeout', 'delete', 'group_delete'] as const
const flowRemovedHead = layout('NXT_FLOW_REMOVED', {
  '1.0+': [
    f('cookie', n64), f('priority', u16), f('reason', choice(1, REASONS, 'OFPBRC_BAD_TYPE')), f('tablePlusOne', u8), f('durationSec', u32),
    f('durationNsec', u32), f('idleTimeout', u16), f('matchLength', u16), f('packetCount', n64), f('byteCount', n64),
  ],
})
const asReason = (reason: FlowRemoved['reason']): (typeof REASONS)[number] => REASONS.find((known) => known === reason) ?? 'delete'
const flowRemoved: Codec<Message> = {
  empty: { type: 'features_request' },
  decode(r, at, end) {
    const { matchLength, tablePlusOne, ...head } = compile(flowRemovedHead, r.version).decode(r, at, end)
    return { type: 'nx_flow_removed', ...head, tableId: tablePlusOne === 0 ? Table.ALL : tablePlusOne - 1, hardTimeout: 0, match: readPadded(r, r.at, matchLength, end).match }
  },
  encode(w, message) {
    if (message.type !== 'nx_flow_removed') return
    const start = w.at
    compile(flowRemovedHead, w.version).encode(w, { ...message, reason: asReason(message.reason), tablePlusOne: message.tableId + 1 & 0xff, matchLength: 0 })
    w.patchLength(start + 22, writePadded(w, { ...NX_ANY, match: message.match }), 'NXT_FLOW_REMOVED')
  },
}

const REASON = choice(1, ['no_match', 'action', 'invalid_ttl'], 'OFPBRC_BAD_TYPE')
const packetInHead = layout('NXT_PACKET_IN', {
  '1.0+': [f('bufferId', u32), f('totalLen', u16), f('reason', REASON), f('tableId', u8), f('cookie', n64), f('matchLength', u16), pad(6)],
})
/** Before 1.4 whatever is not a miss or a TTL is an action. */
const told = (reason: PacketIn['reason']): 'no_match' | 'action' | 'invalid_ttl' => reason === 'no_match' || reason === 'invalid_ttl' ? reason : 'action'

const packetIn: Codec<Message> = {
  empty: { type: 'features_request' },
  decode(r, at, end) {
    const { matchLength, ...head } = compile(packetInHead, r.version).decode(r, at, end)
    const { match } = readPadded(r, r.at, matchLength, end)
    if (end - r.at < 2) throw new Fault('OFPBRC_BAD_LEN', 'a packet-in without its padding')
    const data = r.bytes.subarray(r.at + 2, end)
    r.at = end
    return { type: 'nx_packet_in', ...head, match, data }
  },
  encode(w, message) {
    if (message.type !== 'nx_packet_in') return
    const start = w.at
    compile(packetInHead, w.version).encode(w, { ...message, reason: told(message.reason), matchLength: 0 })
    w.patchLength(start + 16, writePadded(w, { ...NX_ANY, match: message.match }), 'NXT_PACKET_IN')
    w.reserve(2)
    w.append(message.data)
  },
}

const PACKET_IN2 = { PACKET: 0, FULL_LEN: 1, BUFFER_ID: 2, TABLE_ID: 3, COOKIE: 4, REASON: 5, METADATA: 6 } as const
const NO_COOKIE = ALL_BITS
const REASON_NAMES: readonly PacketIn['reason'][] = ['no_match', 'action', 'invalid_ttl']

/** Properties: 16 bits of type, 16 bits of length with the header, padded to 8 bytes. */
const packetIn2: Codec<Message> = {
  empty: { type: 'features_request' },
  decode(r, at, end) {
    const found: { -readonly [K in keyof Extract<Message, { type: 'nx_packet_in2' }>]: Extract<Message, { type: 'nx_packet_in2' }>[K] } = {
      type: 'nx_packet_in2', bufferId: NO_BUFFER, totalLen: 0, reason: 'action', tableId: 0, cookie: NO_COOKIE, match: [], data: new Uint8Array(0),
    }
    let fullLength: number | null = null
    while (at < end) {
      const length = end - at < 4 ? 0 : r.view.getUint16(at + 2)
      if (length < 4 || length > end - at) throw new Fault('OFPBPC_BAD_LEN', `packet-in property of ${length} bytes`)
      const [start, stop] = [at + 4, at + length]
      const type = r.view.getUint16(at)
      const size = type === PACKET_IN2.COOKIE ? 12 : 4
      if ((type === PACKET_IN2.FULL_LEN || type === PACKET_IN2.BUFFER_ID) && length < 8 || type === PACKET_IN2.COOKIE && length < 4 + size) {
        throw new Fault('OFPBPC_BAD_LEN', `packet-in property ${type} of ${length} bytes`)
      }
      if ((type === PACKET_IN2.TABLE_ID || type === PACKET_IN2.REASON) && length < 5) throw new Fault('OFPBPC_BAD_LEN', `packet-in property ${type} of ${length} bytes`)
      if (type === PACKET_IN2.PACKET) found.data = r.bytes.subarray(start, stop)
      else if (type === PACKET_IN2.FULL_LEN) fullLength = r.view.getUint32(start)
      else if (type === PACKET_IN2.BUFFER_ID) found.bufferId = r.view.getUint32(start)
      else if (type === PACKET_IN2.TABLE_ID) found.tableId = r.view.getUint8(start)
      else if (type === PACKET_IN2.COOKIE) found.cookie = r.view.getBigUint64(start + 4)
      else if (type === PACKET_IN2.REASON) found.reason = REASON_NAMES[r.view.getUint8(start)] ?? 'action'
      else if (type === PACKET_IN2.METADATA) found.match = nxPipelineMatch.decode(r, start, stop)
      else throw new Fault('OFPBPC_BAD_TYPE', `packet-in property ${type}`)
      at = Math.min(end, at + (length + 7 & ~7))
    }
    found.totalLen = fullLength ?? found.data.length
    r.at = end
    return found
  },
  encode(w, message) {
    if (message.type !== 'nx_packet_in2') return
    const { data, totalLen, tableId, cookie, bufferId, match } = message
    property(w, PACKET_IN2.PACKET, () => w.append(data))
    if (totalLen !== data.length) property(w, PACKET_IN2.FULL_LEN, () => w.u32(totalLen))
    if (bufferId !== NO_BUFFER) property(w, PACKET_IN2.BUFFER_ID, () => w.u32(bufferId))
    property(w, PACKET_IN2.TABLE_ID, () => w.append(Uint8Array.of(tableId)))
    if (cookie !== NO_COOKIE) property(w, PACKET_IN2.COOKIE, () => {
      const at = w.reserve(12)
      w.view.setBigUint64(at + 4, cookie)
    })
    property(w, PACKET_IN2.REASON, () => w.append(Uint8Array.of(REASON_NAMES.indexOf(told(message.reason)))))
    property(w, PACKET_IN2.METADATA, () => writeMetadata(w, match))
  },
}

/** NXM for 1.0 and 1.1, OXM for the others, as Open vSwitch. */
function writeMetadata(w: Writer, match: PacketIn['match']): void {
  if (w.version < 3) return nxPipelineMatch.encode(w, match)
  // Without the header and the padding that an OXM match has.
  const start = w.at
  pipelineMatch.encode(w, match)
  const length = w.view.getUint16(start + 2)
  w.bytes.copyWithin(start, start + 4, start + length)
  w.rewind(start + length - 4)
}

function property(w: Writer, type: number, body: () => void): void {
  const start = w.reserve(4)
  w.view.setUint16(start, type)
  body()
  const length = w.at - start
  if (length > 0xffff) throw new Unencodable('NXT_PACKET_IN2', 'length', w.version, `${length} bytes`)
  w.view.setUint16(start + 2, length)
  w.align(start, 8)
}

/** The body that a later version gave the message. */
const asyncAs = (version: number): Codec<Message> => ({
  empty: { type: 'features_request' },
  decode(r, at, end) {
    const later = new Reader(r.view, r.bytes, version, at)
    const message = compile(setAsync, version).decode(later, at, end)
    r.at = later.at
    return message as Message
  },
  encode(w, message) {
    if (message.type !== 'set_async') return
    const { version: own } = w
    w.version = version
    compile(setAsync, version).encode(w, message)
    w.version = own
  },
})
const tableIdSwitch: Codec<Message> = {
  empty: { type: 'features_request' },
  decode(r, at, end) {
    if (end - at < 8) throw new Fault('OFPBRC_BAD_LEN', `${end - at} bytes of NXT_FLOW_MOD_TABLE_ID`)
    r.at = at + 8
    return { type: 'nx_flow_mod_table_id', set: r.view.getUint8(at) !== 0 }
  },
  encode(w, message) {
    const at = w.reserve(8)
    if (message.type === 'nx_flow_mod_table_id' && message.set) w.view.setUint8(at, 1)
  },
}
const nothing: Codec<Message> = {
  empty: { type: 'nx_flow_age' }, decode: (r, at) => { r.at = at; return { type: 'nx_flow_age' } }, encode: () => undefined,
}

const row = (type: ExtensionRow['type'], expType: number, versions: ExtensionRow['versions'], body: Codec<Message>): ExtensionRow =>
  ({ type, experimenter: NICIRA, expType, versions, body })

export const monitorCancel = one('nx_flow_monitor_cancel', { '1.0-1.3': [f('monitorId', u32)] })
export const monitorPaused = one('nx_flow_monitor_paused', { '1.0-1.3': [] })
export const monitorResumed = one('nx_flow_monitor_resumed', { '1.0-1.3': [] })
export const niciraMessages: readonly ExtensionRow[] = [
  row('nx_role_request', 10, '1.0+', role('nx_role_request')),
  row('nx_role_reply', 11, '1.0+', role('nx_role_reply')),
  row('nx_set_flow_format', 12, '1.0', one('nx_set_flow_format', { '1.0': [f('format', u32)] })),
  row('nx_flow_mod', 13, '1.0', flowMod),
  row('nx_flow_removed', 14, '1.0', flowRemoved),
  row('nx_flow_mod_table_id', 15, '1.0', tableIdSwitch),
  row('nx_set_packet_in_format', 16, '1.0+', one('nx_set_packet_in_format', { '1.0+': [f('format', u32)] })),
  row('nx_packet_in', 17, '1.0+', packetIn),
  row('nx_flow_age', 18, '1.0+', nothing),
  row('set_async', 27, '1.0-1.3', asyncAs(5)),
  row('set_async', 19, '1.0-1.2', asyncAs(4)),
  row('nx_flow_monitor_cancel', 21, '1.0-1.2', monitorCancel), row('nx_flow_monitor_paused', 22, '1.0-1.2', monitorPaused), row('nx_flow_monitor_resumed', 23, '1.0-1.2', monitorResumed),
  row('nx_set_controller_id', 20, '1.0+', one('nx_set_controller_id', { '1.0+': [pad(6), f('controllerId', u16)] })),
  row('nx_packet_in2', 30, '1.0+', packetIn2),
]
