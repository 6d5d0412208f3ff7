/**
 * Every message type with its number per version and its form. OF 1.0 §5.1, OF 1.3.5 §7.1, OF 1.5.1 §7.1.
 * Hello, error and the two statistics messages, whose forms are not a function of the type alone, are in codec.ts.
 */
import type { Codec, Reader, Writer } from '../buffer.js'
import { compile, rest } from '../compile.js'
import { Fault } from '../fault.js'
import type { Layout } from '../layout.js'
import { layout, nested } from '../layout.js'
import type { FlowMod, Message, MessageType, PacketOut, PortMod } from '../model.js'
import type { Ranges } from '../versions.js'
import { getAsyncReply, setAsync } from './async.js'
import { controllerStatusMessage, roleReply, roleRequest, roleStatus } from './control.js'
import { experimenterBody } from './experimenter.js'
import { flowMod, flowRemoved, liftFlowMod, lowerFlowMod } from './flows.js'
import { groupMod } from './groups.js'
import { bundleControl } from './bundles.js'
import { error, hello } from './hello.js'
import { meterMod } from './meters.js'
import { liftPacketOut, lowerPacketIn, lowerPacketOut, packetIn, packetOut } from './packets.js'
import { portMod, portStatus } from './ports.js'
import { featuresReply, getConfigReply, queueConfigReply, queueConfigRequest, setConfig } from './switch.js'
import { tableMod, tableStatus } from './tables.js'

export interface MessageRow {
  readonly type: MessageType
  readonly codes: Ranges<number>
  readonly body: Codec<Message>
}

/** `lossy`: a switch's statement about flows, which an earlier version cannot tell in full. */
interface Lift<T> { readonly lift?: (value: T, r: Reader) => T; readonly lower?: (value: T, version: number) => T; readonly lossy?: true }

function row<T extends Message>(codes: Ranges<number>, declared: Layout<T>, more: Lift<T> = {}): MessageRow {
  const type = declared.constants.type as MessageType
  const { lift, lower, lossy } = more
  return {
    type, codes,
    body: {
      empty: { type: 'features_request' },
      decode(r, at, end) {
        const value = compile(declared, r.version).decode(r, at, end)
        return lift === undefined ? value : lift(value, r)
      },
      encode(w, message) {
        w.lossy = lossy === true
        const value = message as T
        compile(declared, w.version).encode(w, lower === undefined ? value : lower(value, w.version))
      },
    },
  }
}

/** A message that is only a header. */
function bare(type: 'features_request' | 'get_config_request' | 'barrier_request' | 'barrier_reply' | 'get_async_request', codes: Ranges<number>): MessageRow {
  const value: Message = { type }
  return { type, codes, body: { empty: value, decode: (r: Reader, at: number) => { r.at = at; return value }, encode: () => undefined } }
}

const echo = (type: 'echo_request' | 'echo_reply'): Layout<Message> =>
  layout(`OFPT_${type.toUpperCase()}`, { '1.0+': [nested('data', rest)] }, { constants: { type } }) as Layout<unknown> as Layout<Message>

const experimenter: MessageRow = {
  type: 'experimenter', codes: { '1.0+': 4 },
  body: {
    empty: { type: 'experimenter', ...experimenterBody.empty },
    decode: (r, at, end) => ({ type: 'experimenter', ...experimenterBody.decode(r, at, end) }),
    encode: (w: Writer, message) => { if (message.type === 'experimenter') experimenterBody.encode(w, message) },
  },
}

/** OFPPC_PORT_DOWN, NO_RECV, NO_FWD, NO_PACKET_IN; 1.0 has three more. */
const PORT_CONFIG = { of10: 0x7f, of11: 0x65 } as const

function liftPortMod(mod: PortMod, r: Reader): PortMod {
  const known = r.version === 1 ? PORT_CONFIG.of10 : PORT_CONFIG.of11
  if ((mod.mask & ~known) !== 0) throw new Fault('OFPPMFC_BAD_CONFIG', `port config mask 0x${mod.mask.toString(16)}`)
  return mod
}

export const MESSAGES: readonly MessageRow[] = [
  { type: 'hello', codes: { '1.0+': 0 }, body: hello as Codec<Message> },
  { type: 'peer_error', codes: { '1.0+': 1 }, body: error as Codec<Message> },
  row({ '1.0+': 2 }, echo('echo_request')),
  row({ '1.0+': 3 }, echo('echo_reply')),
  experimenter,
  bare('features_request', { '1.0+': 5 }),
  row({ '1.0+': 6 }, featuresReply),
  bare('get_config_request', { '1.0+': 7 }),
  row({ '1.0+': 8 }, getConfigReply as Layout<Extract<Message, { type: 'get_config_reply' }>>),
  row({ '1.0+': 9 }, setConfig as Layout<Extract<Message, { type: 'set_config' }>>),
  row({ '1.0+': 10 }, packetIn, { lower: lowerPacketIn }),
  row({ '1.0+': 11 }, flowRemoved, { lossy: true }),
  row({ '1.0+': 12 }, portStatus),
  row({ '1.0+': 13 }, packetOut, {
    lift: (message: PacketOut, r) => liftPacketOut(message, r.version), lower: (message: PacketOut, version) => lowerPacketOut(message, version),
  }),
  row({ '1.0+': 14 }, flowMod, { lift: (message: FlowMod, r) => liftFlowMod(message, r), lower: (message: FlowMod, version) => lowerFlowMod(message, version) }),
  row({ '1.1+': 15 }, groupMod),
  row({ '1.0': 15, '1.1+': 16 }, portMod, { lift: liftPortMod }),
  row({ '1.1+': 17 }, tableMod),
  bare('barrier_request', { '1.0': 18, '1.1+': 20 }),
  bare('barrier_reply', { '1.0': 19, '1.1+': 21 }),
  row({ '1.0': 20, '1.1-1.3': 22 }, queueConfigRequest as Layout<Extract<Message, { type: 'queue_get_config_request' }>>),
  row({ '1.0': 21, '1.1-1.3': 23 }, queueConfigReply as Layout<Extract<Message, { type: 'queue_get_config_reply' }>>),
  row({ '1.2+': 24 }, roleRequest),
  row({ '1.2+': 25 }, roleReply),
  bare('get_async_request', { '1.3+': 26 }),
  row({ '1.3+': 27 }, getAsyncReply),
  row({ '1.3+': 28 }, setAsync),
  row({ '1.3+': 29 }, meterMod),
  row({ '1.4+': 30 }, roleStatus),
  row({ '1.4+': 31 }, tableStatus),
  row({ '1.4+': 33 }, bundleControl),
  row({ '1.5+': 35 }, controllerStatusMessage),
]

export const STATS_REQUEST_CODES: Ranges<number> = { '1.0': 16, '1.1+': 18 }
export const STATS_REPLY_CODES: Ranges<number> = { '1.0': 17, '1.1+': 19 }
