/** Packets to and from the controller. OF 1.0 §5.3.6, §5.4.1; OF 1.3.5 §7.3.7, §7.4.1; OF 1.5.1 §7.3.6. */
import type { Codec } from '../buffer.js'
import { rest } from '../compile.js'
import { Fault, Unencodable } from '../fault.js'
import type { Layout } from '../layout.js'
import { choice, f, layout, lengthOf, n64, nested, otherwise, pad, port, spread, u16, u32, u8 } from '../layout.js'
import { EMPTY_MATCH, fieldOf } from '../match.js'
import type { FieldValue, Match, PacketIn, PacketInReason, PacketOut } from '../model.js'
import { Port } from '../model.js'
import { packetOutMatch, pipelineMatch } from '../oxm-codec.js'
import { actions } from './actions.js'

/** 1.0's in_port field as the pipeline fields that it is all of. */
const inPort10: Codec<Match> = {
  empty: EMPTY_MATCH,
  decode(r, at, end) {
    if (end - at < 2) throw new Fault('OFPBRC_BAD_LEN', 'no in_port')
    r.at = at + 2
    const number = r.view.getUint16(at)
    return [{ field: 'in_port', value: BigInt(number >= 0xff00 ? number + 0xffff0000 : number), mask: null }]
  },
  encode(w, match) {
    const number = Number(fieldOf(match, 'in_port')?.value ?? BigInt(Port.ANY))
    if (number >= 0xff00 && number < 0xffffff00) throw new Unencodable('OFPT_PACKET_IN', 'in_port', w.version, `port ${number}`)
    w.u16(number & 0xffff)
  },
}

/** 1.1's two ports as the pipeline fields that they are. OF 1.1 §A.4.1 */
const ports11: Codec<Match> = {
  empty: EMPTY_MATCH,
  decode(r, at, end) {
    if (end - at < 8) throw new Fault('OFPBRC_BAD_LEN', 'no in_port')
    r.at = at + 8
    const inPort: FieldValue = { field: 'in_port', value: BigInt(r.view.getUint32(at)), mask: null }
    const phyPort = r.view.getUint32(at + 4)
    return BigInt(phyPort) === inPort.value ? [inPort] : [inPort, { field: 'in_phy_port', value: BigInt(phyPort), mask: null }]
  },
  encode(w, match) {
    const inPort = Number(fieldOf(match, 'in_port')?.value ?? BigInt(Port.ANY))
    w.u32(inPort)
    w.u32(Number(fieldOf(match, 'in_phy_port')?.value ?? BigInt(inPort)))
  },
}

const REASON = choice(1, ['no_match', 'action', 'invalid_ttl'], 'OFPBRC_BAD_TYPE')
/** Before 1.4 every output to the controller was one reason. */
const REASON14 = choice(1, ['no_match', 'action', 'invalid_ttl', 'action_set', 'group', 'packet_out'], 'OFPBRC_BAD_TYPE')
const asAction = (reason: PacketInReason): PacketInReason => reason === 'action_set' || reason === 'group' || reason === 'packet_out' ? 'action' : reason
export const lowerPacketIn = (message: PacketIn, version: number): PacketIn =>
  version < REASONS_SINCE ? { ...message, reason: asAction(message.reason) } : message
const REASONS_SINCE = 5

export const packetIn: Layout<PacketIn> = layout('OFPT_PACKET_IN', {
  '1.0': [f('bufferId', u32), f('totalLen', u16), nested('match', inPort10), f('reason', REASON), pad(1), nested('data', rest)],
  '1.1': [f('bufferId', u32), nested('match', ports11), f('totalLen', u16), f('reason', REASON), f('tableId', u8), nested('data', rest)],
  '1.2': [f('bufferId', u32), f('totalLen', u16), f('reason', REASON), f('tableId', u8), nested('match', pipelineMatch), pad(2), nested('data', rest)],
  '1.3': [
    f('bufferId', u32), f('totalLen', u16), f('reason', REASON), f('tableId', u8), f('cookie', n64), nested('match', pipelineMatch),
    pad(2), nested('data', rest),
  ],
  '1.4+': [
    f('bufferId', u32), f('totalLen', u16), f('reason', REASON14), f('tableId', u8), f('cookie', n64), nested('match', pipelineMatch),
    pad(2), nested('data', rest),
  ],
}, { constants: { type: 'packet_in' }, drop: ['tableId', 'cookie'] })

/** Since 1.5 a packet-out says in a match where its packet comes from; in_port must be in it. OF 1.5.1 §7.3.6 */
const origin: Codec<Pick<PacketOut, 'inPort' | 'match'>> = {
  empty: { inPort: Port.CONTROLLER, match: EMPTY_MATCH },
  decode(r, at, end) {
    const fields = packetOutMatch.decode(r, at, end)
    const inPort = fieldOf(fields, 'in_port')
    if (inPort === undefined) throw new Fault('OFPBRC_BAD_PORT', 'a packet-out without in_port')
    return { inPort: Number(inPort.value), match: fields.filter(({ field }) => field !== 'in_port') }
  },
  encode: (w, { inPort, match }) => packetOutMatch.encode(w, [{ field: 'in_port', value: BigInt(inPort), mask: null }, ...match]),
}

export const packetOut: Layout<PacketOut> = layout('OFPT_PACKET_OUT', {
  '1.0': [f('bufferId', u32), f('inPort', port), lengthOf('actions'), nested('actions', actions), nested('data', rest)],
  '1.1-1.4': [
    f('bufferId', u32), f('inPort', otherwise(port, Port.CONTROLLER)), lengthOf('actions'), pad(6), nested('actions', actions), nested('data', rest),
  ],
  '1.5+': [f('bufferId', u32), lengthOf('actions'), pad(2), spread(origin), nested('actions', actions), nested('data', rest)],
}, { constants: { type: 'packet_out' } })

/** A packet that came from no port has OFPP_NONE in 1.0 and OFPP_CONTROLLER later. OF 1.0 §5.3.6. */
export const liftPacketOut = (message: PacketOut, version: number): PacketOut =>
  version === 1 && message.inPort === Port.ANY ? { ...message, inPort: Port.CONTROLLER } : message
export const lowerPacketOut = (message: PacketOut, version: number): PacketOut =>
  version === 1 && message.inPort === Port.CONTROLLER ? { ...message, inPort: Port.ANY } : message
