/** Meters. OF 1.3.5 §7.3.4.4 (meter-mod, bands), §7.3.5.12 … §7.3.5.14 (statistics, configuration, features). */
import type { Codec } from '../buffer.js'
import { list } from '../compile.js'
import { Fault, Unencodable } from '../fault.js'
import type { Layout } from '../layout.js'
import { choice, f, layout, n64, nested, pad, size, u16, u32, u8 } from '../layout.js'
import type { MeterBand, MeterConfig, MeterMod, MeterStats } from '../model.js'

const TYPES: Readonly<Record<MeterBand['type'], number>> = { drop: 1, dscp_remark: 2, experimenter: 0xffff }
const NAMES = new Map(Object.entries(TYPES).map(([name, number]) => [number, name as MeterBand['type']]))
const BAND_SIZE = 16

const bands: Codec<readonly MeterBand[]> = {
  empty: [],
  decode(r, at, end) {
    const out: MeterBand[] = []
    while (at < end) {
      if (end - at < BAND_SIZE) throw new Fault('OFPBRC_BAD_LEN', `${end - at} bytes are too few for a meter band`)
      const type = NAMES.get(r.view.getUint16(at))
      const length = r.view.getUint16(at + 2)
      if (type === undefined) throw new Fault('OFPMMFC_BAD_BAND', `meter band type ${r.view.getUint16(at)}`)
      if (length < BAND_SIZE || length % 8 !== 0 || length > end - at || (type !== 'experimenter' && length !== BAND_SIZE)) {
        throw new Fault('OFPBRC_BAD_LEN', `${type} band of ${length} bytes`)
      }
      out.push({
        type, rate: r.view.getUint32(at + 4), burstSize: r.view.getUint32(at + 8),
        precLevel: type === 'dscp_remark' ? r.view.getUint8(at + 12) : 0,
      })
      at += length
    }
    r.at = end
    return out
  },
  encode(w, list) {
    for (const band of list) {
      if (band.type === 'experimenter') throw new Unencodable('ofp_meter_band', 'type', w.version, 'an experimenter band has no known form')
      const at = w.reserve(BAND_SIZE)
      w.view.setUint16(at, TYPES[band.type])
      w.view.setUint16(at + 2, BAND_SIZE)
      w.view.setUint32(at + 4, band.rate)
      w.view.setUint32(at + 8, band.burstSize)
      if (band.type === 'dscp_remark') w.view.setUint8(at + 12, band.precLevel)
    }
  },
}

export const meterMod: Layout<MeterMod> = layout('OFPT_METER_MOD', {
  '1.3+': [
    f('command', choice(2, ['add', 'modify', 'delete'], 'OFPMMFC_BAD_COMMAND')), f('flags', u16), f('meterId', u32), nested('bands', bands),
  ],
}, { constants: { type: 'meter_mod' } })

export const meterConfig: Layout<MeterConfig> = layout('ofp_meter_config', {
  '1.3+': [size, f('flags', u16), f('meterId', u32), nested('bands', bands)],
})

const bandStats = layout('ofp_meter_band_stats', { '1.3+': [f('packetCount', n64), f('byteCount', n64)] })
export const meterStats: Layout<MeterStats> = layout('ofp_meter_stats', {
  '1.3+': [
    f('meterId', u32), size, pad(6), f('flowCount', u32), f('packetInCount', n64), f('byteInCount', n64), f('durationSec', u32),
    f('durationNsec', u32), nested('bands', list(bandStats)),
  ],
})

export const meterFeatures = layout('ofp_meter_features', {
  '1.3-1.4': [f('maxMeter', u32), f('bandTypes', u32), f('capabilities', u32), f('maxBands', u8), f('maxColor', u8), pad(2)],
  '1.5+': [f('maxMeter', u32), f('bandTypes', u32), f('capabilities', u32), f('maxBands', u8), f('maxColor', u8), pad(2), f('features', u32), pad(4)],
}, { drop: ['features'] })
