/**
 * What ports have as properties since 1.4. OF 1.4.1 §7.2.1.2, §7.3.4.3, §7.3.5.7; OF 1.5.1 §7.2.1.2.
 * The Ethernet property is what earlier versions have as fixed fields, and fields of the model.
 */
import type { Codec } from '../buffer.js'
import { codecOf } from '../compile.js'
import { Fault } from '../fault.js'
import type { Layout } from '../layout.js'
import { f, layout, n64, pad, port, u16, u32 } from '../layout.js'
import type {
  OpticalPort, OpticalPortMod, OpticalPortStats, PipelineFields, PortDesc, PortDescProperty, PortMod, PortStats, PortStatsProperty, Recirculate,
} from '../model.js'
import { readOxmIds, writeOxmIds } from './oxm-ids.js'
import { experimenters, flat, listed, only, propertyList } from './properties.js'

const LENGTH = { lengthError: 'OFPBPC_BAD_LEN' } as const

const ethernet = layout('ofp_port_desc_prop_ethernet', {
  '1.4+': [
    pad(4), f('curr', u32), f('advertised', u32), f('supported', u32), f('peer', u32), f('currSpeed', u32), f('maxSpeed', u32),
  ],
}, LENGTH)
const optical: Layout<OpticalPort> = layout('ofp_port_desc_prop_optical', {
  '1.4+': [
    pad(4), f('features', u32), f('txMinFreqLmda', u32), f('txMaxFreqLmda', u32), f('txGridFreqLmda', u32), f('rxMinFreqLmda', u32),
    f('rxMaxFreqLmda', u32), f('rxGridFreqLmda', u32), f('txPwrMin', u16), f('txPwrMax', u16),
  ],
}, { ...LENGTH, constants: { type: 'optical' } })
const pipeline = (type: PipelineFields['type']): Codec<PipelineFields> => ({
  empty: { type, fields: [] },
  decode: (r, at, end) => ({ type, fields: readOxmIds(r, at, end) }),
  encode: (w, { fields }) => writeOxmIds(w, fields),
})
const recirculate: Codec<Recirculate> = {
  empty: { type: 'recirculate', ports: [] },
  decode(r, at, end) {
    if ((end - at) % 4 !== 0) throw new Fault('OFPBPC_BAD_LEN', 'a port number is cut off')
    const ports: number[] = []
    for (; at < end; at += 4) ports.push(r.view.getUint32(at))
    r.at = end
    return { type: 'recirculate', ports }
  },
  encode(w, { ports }) { for (const one of ports) w.u32(one) },
}

export type PortProperties = Pick<PortDesc, 'curr' | 'advertised' | 'supported' | 'peer' | 'currSpeed' | 'maxSpeed' | 'properties'>
const NO_OPTICAL: OpticalPort = {
  type: 'optical', features: 0, txMinFreqLmda: 0, txMaxFreqLmda: 0, txGridFreqLmda: 0, rxMinFreqLmda: 0, rxMaxFreqLmda: 0, rxGridFreqLmda: 0,
  txPwrMin: 0, txPwrMax: 0,
}
export const portProperties: Codec<PortProperties> = propertyList<PortProperties>(
  { curr: 0, advertised: 0, supported: 0, peer: 0, currSpeed: 0, maxSpeed: 0, properties: [] },
  [
    flat(0, ethernet, () => true),
    listed<PortDescProperty, OpticalPort>(1, 'optical', codecOf(optical, NO_OPTICAL)),
    only('1.5+', listed<PortDescProperty, PipelineFields>(2, 'pipeline_input', pipeline('pipeline_input'))),
    only('1.5+', listed<PortDescProperty, PipelineFields>(3, 'pipeline_output', pipeline('pipeline_output'))),
    only('1.5+', listed<PortDescProperty, Recirculate>(4, 'recirculate', recirculate)),
    experimenters<PortDescProperty>(),
  ],
)

const advertise = layout('ofp_port_mod_prop_ethernet', { '1.4+': [f('advertise', u32)] }, LENGTH)
const configure: Layout<OpticalPortMod> = layout('ofp_port_mod_prop_optical', {
  '1.4+': [f('configure', u32), f('freqLmda', u32), f('flOffset', u32), f('gridSpan', u32), f('txPwr', u32)],
}, { ...LENGTH, constants: { type: 'optical' } })

export type PortModProperties = Pick<PortMod, 'advertise' | 'properties'>
/** All zeros asks for nothing, so it need not be said. */
export const portModProperties: Codec<PortModProperties> = propertyList<PortModProperties>({ advertise: 0, properties: [] }, [
  flat(0, advertise, (mod) => mod.advertise !== 0),
  listed<OpticalPortMod, OpticalPortMod>(1, 'optical', codecOf(configure, { type: 'optical', configure: 0, freqLmda: 0, flOffset: 0, gridSpan: 0, txPwr: 0 })),
])

const errors = layout('ofp_port_stats_prop_ethernet', {
  '1.4+': [pad(4), f('rxFrameErr', n64), f('rxOverErr', n64), f('rxCrcErr', n64), f('collisions', n64)],
}, LENGTH)
const opticalStats: Layout<OpticalPortStats> = layout('ofp_port_stats_prop_optical', {
  '1.4+': [
    pad(4), f('flags', u32), f('txFreqLmda', u32), f('txOffset', u32), f('txGridSpan', u32), f('rxFreqLmda', u32), f('rxOffset', u32),
    f('rxGridSpan', u32), f('txPwr', u16), f('rxPwr', u16), f('biasCurrent', u16), f('temperature', u16),
  ],
}, { ...LENGTH, constants: { type: 'optical' } })
const NO_OPTICAL_STATS: OpticalPortStats = {
  type: 'optical', flags: 0, txFreqLmda: 0, txOffset: 0, txGridSpan: 0, rxFreqLmda: 0, rxOffset: 0, rxGridSpan: 0, txPwr: 0, rxPwr: 0,
  biasCurrent: 0, temperature: 0,
}

export type PortStatsProperties = Pick<PortStats, 'rxFrameErr' | 'rxOverErr' | 'rxCrcErr' | 'collisions' | 'properties'>
export const portStatsProperties: Codec<PortStatsProperties> = propertyList<PortStatsProperties>(
  { rxFrameErr: 0n, rxOverErr: 0n, rxCrcErr: 0n, collisions: 0n, properties: [] },
  [flat(0, errors, () => true), listed<PortStatsProperty, OpticalPortStats>(1, 'optical', codecOf(opticalStats, NO_OPTICAL_STATS)), experimenters<PortStatsProperty>()],
)

/** OFPMP_PORT_DESC of 1.5 and OFPMP_PORT_STATS ask for one port, or for all with OFPP_ANY. */
export const onePort = [f('portNo', port), pad(4)] as const
