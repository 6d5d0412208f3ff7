/**
 * The messages about the switch as a whole: features, configuration, queues. Roles, bundles and what a connection is told
 * unasked are in control.ts and async.ts, tables in tables.ts. OF 1.0 §5.3.1 … §5.3.4, OF 1.3.5 §7.3.1, §7.3.2, §7.3.6.
 */
import type { Codec } from '../buffer.js'
import { list } from '../compile.js'
import { Fault } from '../fault.js'
import type { Layout } from '../layout.js'
import { bits, f, layout, n64, nested, pad, port, size, spread, u16, u32, u8 } from '../layout.js'
import type { Action, FeaturesReply, PacketQueue } from '../model.js'
import { ports } from './ports.js'
import { number16, propertyList, single } from './properties.js'

/** Bit n of 1.0's map is action number n; the seven SET_* of header fields are one set_field above. OF 1.0 §5.3.1. */
const ACTIONS10: readonly Action['type'][] = [
  'output', 'set_vlan_vid', 'set_vlan_pcp', 'pop_vlan', 'set_field', 'set_field', 'set_field', 'set_field', 'set_field', 'set_field', 'set_field', 'enqueue',
]
const actionMap: Codec<readonly Action['type'][]> = {
  empty: [],
  decode(r, at, end) {
    if (end - at < 4) throw new Fault('OFPBRC_BAD_LEN', 'no action map')
    const map = r.view.getUint32(at)
    r.at = at + 4
    return [...new Set(ACTIONS10.filter((_, number) => (map >>> number & 1) === 1))]
  },
  encode(w, names) {
    const map = ACTIONS10.reduce((sum, name, number) => names.includes(name) ? sum | 1 << number : sum, 0)
    w.u32(map)
  },
}

/** Bit 3 was STP in 1.0 and is GROUP_STATS since; 1.0 and 1.1 alone have a bit for matching ARP addresses, which we can. */
const capabilities = bits(u32, {
  '1.0': { moves: [{ mask: 0x67, shift: 0 }], set: 0x80 }, '1.1': { moves: [{ mask: 0x6f, shift: 0 }], set: 0x80 },
  // BUNDLES and FLOW_MONITORING came with 1.4.1.
  '1.2-1.3': { moves: [{ mask: 0x16f, shift: 0 }] },
})

export const featuresReply: Layout<FeaturesReply> = layout('OFPT_FEATURES_REPLY', {
  '1.0': [
    f('datapathId', n64), f('nBuffers', u32), f('nTables', u8), pad(3), f('capabilities', capabilities), nested('actions', actionMap),
    nested('ports', ports),
  ],
  '1.1-1.2': [f('datapathId', n64), f('nBuffers', u32), f('nTables', u8), pad(3), f('capabilities', capabilities), pad(4), nested('ports', ports)],
  '1.3+': [f('datapathId', n64), f('nBuffers', u32), f('nTables', u8), f('auxiliaryId', u8), pad(2), f('capabilities', capabilities), pad(4)],
}, { constants: { type: 'features_reply' }, drop: ['ports', 'actions', 'auxiliaryId'] })

const configParts = [f('flags', u16), f('missSendLen', u16)] as const
export const getConfigReply = layout('OFPT_GET_CONFIG_REPLY', { '1.0+': configParts }, { constants: { type: 'get_config_reply' } })
export const setConfig = layout('OFPT_SET_CONFIG', { '1.0+': configParts }, { constants: { type: 'set_config' } })

export const queueConfigRequest = layout('OFPT_QUEUE_GET_CONFIG_REQUEST', {
  '1.0': [f('portNo', port), pad(2)], '1.1-1.3': [f('portNo', port), pad(4)],
}, { constants: { type: 'queue_get_config_request' } })

const MIN_RATE = 1
const MAX_RATE = 2
type Rates = Pick<PacketQueue, 'minRate' | 'maxRate'>
const queueProperties: Codec<Rates> = {
  empty: { minRate: null, maxRate: null },
  decode(r, at, end) {
    const rates: { minRate: number | null; maxRate: number | null } = { minRate: null, maxRate: null }
    while (at < end) {
      const length = end - at < 8 ? 0 : r.view.getUint16(at + 2)
      if (length < 8 || length > end - at) throw new Fault('OFPBRC_BAD_LEN', `queue property of ${length} bytes`)
      const code = r.view.getUint16(at)
      if (code === MIN_RATE || code === MAX_RATE) {
        if (length !== 16) throw new Fault('OFPBRC_BAD_LEN', `queue rate of ${length} bytes`)
        rates[code === MIN_RATE ? 'minRate' : 'maxRate'] = r.view.getUint16(at + 8)
      }
      at += length
    }
    r.at = end
    return rates
  },
  encode(w, { minRate, maxRate }) {
    for (const [code, rate] of [[MIN_RATE, minRate], [MAX_RATE, maxRate]] as const) {
      if (rate === null) continue
      const at = w.reserve(16)
      w.view.setUint16(at, code)
      w.view.setUint16(at + 2, 16)
      w.view.setUint16(at + 8, rate)
    }
  },
}
const queueWire = layout('ofp_packet_queue', {
  '1.0-1.1': [f('queueId', u32), size, pad(2), nested('rates', queueProperties)],
  '1.2-1.3': [f('queueId', u32), f('portNo', port), size, pad(6), nested('rates', queueProperties)],
}, { drop: ['portNo'] })
const wireQueues = list(queueWire)
const queues: Codec<readonly PacketQueue[]> = {
  empty: [],
  decode: (r, at, end) => wireQueues.decode(r, at, end).map(({ rates, ...rest }) => ({ ...rest, ...rates })),
  encode: (w, value) => wireQueues.encode(w, value.map((queue) => ({ queueId: queue.queueId, portNo: queue.portNo, rates: queue }))),
}
export const queueConfigReply = layout('OFPT_QUEUE_GET_CONFIG_REPLY', {
  '1.0': [f('portNo', port), pad(6), nested('queues', queues)], '1.1-1.3': [f('portNo', port), pad(4), nested('queues', queues)],
}, { constants: { type: 'queue_get_config_reply' } })

/** OFPMP_QUEUE_DESC, since 1.4. OF 1.4.1 §7.3.5.9 */
export const queueDesc: Layout<PacketQueue> = layout('ofp_queue_desc', {
  '1.4+': [
    f('portNo', port), f('queueId', u32), size, pad(6),
    spread(propertyList<Rates>({ minRate: null, maxRate: null }, [single(MIN_RATE, 'minRate', number16), single(MAX_RATE, 'maxRate', number16)])),
  ],
})
