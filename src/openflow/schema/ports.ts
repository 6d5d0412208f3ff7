/** Ports: description, status, modification. OF 1.0 §5.2.1, §5.3.4, §5.4.3; OF 1.3.5 §7.2.1, §7.3.4.3, §7.4.3; OF 1.4.1 the same. */
import { codecOf, list } from '../compile.js'
import { bits, choice, f, layout, n48, nested, pad, port, size, spread, text, u32 } from '../layout.js'
import type { Layout } from '../layout.js'
import type { PortDesc, PortMod, PortStatus } from '../model.js'
import { portModProperties, portProperties } from './port-properties.js'

/** NO_STP and NO_FLOOD exist in 1.0 only. */
const config = bits(u32, { '1.1+': { moves: [{ mask: 0x65, shift: 0 }] } })
/** 1.0 has the spanning tree's state in bits 8 and 9: 1 learning, 2 forwarding, 3 blocked. It has no LIVE. */
const state = bits(u32, { '1.0': { moves: [{ mask: 1, shift: 0 }, { mask: 2, shift: 7 }, { mask: 2, shift: 8, sendOnly: true }] } })
/** 1.1 put three speeds in front of the media. */
const features = bits(u32, { '1.0': { moves: [{ mask: 0x7f, shift: 0 }, { mask: 0xf800, shift: -4 }] } })

export const portDesc: Layout<PortDesc> = layout('ofp_port', {
  '1.0': [
    f('portNo', port), f('hwAddr', n48), f('name', text(16)), f('config', config), f('state', state),
    f('curr', features), f('advertised', features), f('supported', features), f('peer', features),
  ],
  '1.1-1.3': [
    f('portNo', port), pad(4), f('hwAddr', n48), pad(2), f('name', text(16)), f('config', config), f('state', state),
    f('curr', features), f('advertised', features), f('supported', features), f('peer', features),
    f('currSpeed', u32), f('maxSpeed', u32),
  ],
  '1.4+': [
    f('portNo', port), size, pad(2), f('hwAddr', n48), pad(2), f('name', text(16)), f('config', config), f('state', state), spread(portProperties),
  ],
}, { drop: ['currSpeed', 'maxSpeed', 'properties'] })

const NO_PORT: PortDesc = {
  portNo: 0, hwAddr: 0n, name: '', config: 0, state: 0, curr: 0, advertised: 0, supported: 0, peer: 0, currSpeed: 0, maxSpeed: 0,
  properties: [],
}
export const ports = list(portDesc)

export const portStatus: Layout<PortStatus> = layout('OFPT_PORT_STATUS', {
  '1.0+': [f('reason', choice(1, ['add', 'delete', 'modify'], 'OFPBRC_BAD_TYPE')), pad(7), nested('port', codecOf(portDesc, NO_PORT))],
}, { constants: { type: 'port_status' } })

/** Bits that a version does not have stay as they are: whoever asks for them must be refused, not cut short. */
export const portMod: Layout<PortMod> = layout('OFPT_PORT_MOD', {
  '1.0': [f('portNo', port), f('hwAddr', n48), f('config', u32), f('mask', u32), f('advertise', features), pad(4)],
  '1.1-1.3': [
    f('portNo', port), pad(4), f('hwAddr', n48), pad(2), f('config', u32), f('mask', u32), f('advertise', features), pad(4),
  ],
  '1.4+': [f('portNo', port), pad(4), f('hwAddr', n48), pad(2), f('config', u32), f('mask', u32), spread(portModProperties)],
}, { constants: { type: 'port_mod' } })
