/**
 * Bundles: OFPT_BUNDLE_CONTROL and OFPT_BUNDLE_ADD_MESSAGE of OpenFlow 1.4 (OF 1.4.1 §7.3.9, OF 1.5.1 §7.3.9), which
 * the ONF published for 1.3 as experimenter messages with the same bodies (ONF EXT-230). And the other message that
 * carries one: OFPT_REQUESTFORWARD (OF 1.4.1 §7.4.6).
 */
import type { Codec, Reader, Writer } from '../buffer.js'
import { Fault, Unencodable } from '../fault.js'
import type { Layout } from '../layout.js'
import { choice, f, layout, nested, u16, u32 } from '../layout.js'
import type { BundleAdd, BundleControl, Message, RequestForward } from '../model.js'

const CONTROL = [
  'open_request', 'open_reply', 'close_request', 'close_reply', 'commit_request', 'commit_reply', 'discard_request', 'discard_reply',
] as const

const TIME = 1
const EXPERIMENTER = 0xffff
const TIME_SIZE = 24

/** When a scheduled bundle is to be committed, or null. Properties came with 1.4, the time with 1.5. */
const time: Codec<BundleControl['time']> = {
  empty: null,
  decode(r, at, end) {
    let found: BundleControl['time'] = null
    while (at < end) {
      const length = end - at < 4 ? 0 : r.view.getUint16(at + 2)
      if (length < 4 || (length + 7 & ~7) > end - at) throw new Fault('OFPBPC_BAD_LEN', `bundle property of ${length} bytes`)
      const type = r.view.getUint16(at)
      if (type === EXPERIMENTER) throw new Fault('OFPBPC_BAD_EXPERIMENTER', 'bundle property of an experimenter')
      if (type !== TIME || r.version < 6) throw new Fault('OFPBPC_BAD_TYPE', `bundle property ${type}`)
      if (length !== TIME_SIZE) throw new Fault('OFPBPC_BAD_LEN', `bundle time of ${length} bytes`)
      if (found !== null) throw new Fault('OFPBPC_DUP_TYPE', 'two bundle times')
      found = { seconds: r.view.getBigUint64(at + 8), nanoseconds: r.view.getUint32(at + 16) }
      at += TIME_SIZE
    }
    r.at = end
    return found
  },
  encode(w, value) {
    if (value === null) return
    if (w.version < 6) throw new Unencodable('OFPT_BUNDLE_CONTROL', 'time', w.version, 'bundles are not scheduled')
    const at = w.reserve(TIME_SIZE)
    w.view.setUint16(at, TIME)
    w.view.setUint16(at + 2, TIME_SIZE)
    w.view.setBigUint64(at + 8, value.seconds)
    w.view.setUint32(at + 16, value.nanoseconds)
  },
}

export const bundleControl: Layout<BundleControl> = layout('OFPT_BUNDLE_CONTROL', {
  '1.3+': [f('bundleId', u32), f('control', choice(2, CONTROL, 'OFPBFC_BAD_TYPE')), f('flags', u16), nested('time', time)],
}, { constants: { type: 'bundle_control' } })

/** Whole messages, header included; codec.ts has them. */
export interface WholeMessages {
  decode(r: Reader, at: number, end: number): Message
  encode(w: Writer, message: Message): void
}

const HEADER = 8

/** The added message has a header of its own, with the same version and xid as the one it is in. */
export const bundleAdd = (whole: WholeMessages): Codec<Message> => ({
  empty: { type: 'features_request' },
  decode(r, at, end) {
    const start = at + 8
    if (end - start < HEADER) throw new Fault('OFPBFC_MSG_BAD_LEN', 'no message is added')
    const length = r.view.getUint16(start + 2)
    if (length < HEADER || length > end - start) throw new Fault('OFPBFC_MSG_BAD_LEN', `the added message says it has ${length} bytes`)
    const stop = start + length
    if (r.view.getUint32(start + 4) !== r.xid) throw new Fault('OFPBFC_MSG_BAD_XID', 'the added message has another xid')
    const message = whole.decode(r, start, stop)
    const properties = Math.min(end, start + (length + 7 & ~7))
    if (properties < end) throw new Fault(r.view.getUint16(properties) === EXPERIMENTER ? 'OFPBPC_BAD_EXPERIMENTER' : 'OFPBPC_BAD_TYPE', 'a property of an added message')
    r.at = end
    const added: BundleAdd = {
      type: 'bundle_add', bundleId: r.view.getUint32(at), flags: r.view.getUint16(at + 6), message, raw: r.bytes.subarray(start, stop),
    }
    return added
  },
  encode(w, message) {
    if (message.type !== 'bundle_add') return
    const at = w.reserve(8)
    w.view.setUint32(at, message.bundleId)
    w.view.setUint16(at + 6, message.flags)
    whole.encode(w, message.message)
  },
})

/** Another controller's request that was carried out, with its own xid. */
export const requestForward = (whole: WholeMessages): Codec<Message> => ({
  empty: { type: 'features_request' },
  decode(r, at, end) {
    const length = end - at < HEADER ? 0 : r.view.getUint16(at + 2)
    if (length < HEADER || length > end - at) throw new Fault('OFPBRC_BAD_LEN', `the forwarded request says it has ${length} bytes`)
    const request = whole.decode(r, at, at + length)
    if (request.type !== 'group_mod' && request.type !== 'meter_mod') throw new Fault('OFPBRC_BAD_TYPE', `a forwarded ${request.type}`)
    r.at = at + length
    const forwarded: RequestForward = { type: 'requestforward', xid: r.view.getUint32(at + 4), request }
    return forwarded
  },
  encode(w, message) {
    if (message.type !== 'requestforward') return
    const { xid } = w
    w.xid = message.xid
    whole.encode(w, message.request)
    w.xid = xid
  },
})
