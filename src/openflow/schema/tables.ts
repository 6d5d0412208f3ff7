/**
 * Tables: modification, description, status, and statistics. OF 1.1 §A.3.3, §A.3.5.3; OF 1.3.5 §7.3.3, §7.3.5.4;
 * OF 1.4.1 §7.3.3, §7.3.5.14, §7.4.5 (eviction and vacancy).
 */
import type { Codec } from '../buffer.js'
import { codecOf } from '../compile.js'
import { Fault } from '../fault.js'
import type { Layout } from '../layout.js'
import { always, choice, f, layout, n64, nested, pad, size, spread, text, u32, u8 } from '../layout.js'
import type { TableDesc, TableMod, TableStats, TableStatus, Vacancy } from '../model.js'
import { number32, propertyList, single } from './properties.js'
import { tableMaps11, tableMaps12 } from './table-maps.js'

const vacancy: Codec<Vacancy> = {
  empty: { down: 0, up: 0, vacancy: 0 },
  decode(r, at, end) {
    if (end - at !== 4) throw new Fault('OFPBPC_BAD_LEN', `a vacancy property of ${end - at + 4} bytes`)
    r.at = end
    return { down: r.view.getUint8(at), up: r.view.getUint8(at + 1), vacancy: r.view.getUint8(at + 2) }
  },
  encode(w, value) {
    const at = w.reserve(4)
    w.view.setUint8(at, value.down)
    w.view.setUint8(at + 1, value.up)
    w.view.setUint8(at + 2, value.vacancy)
  },
}
type TableProperties = Pick<TableDesc, 'eviction' | 'vacancy'>
const tableProperties: Codec<TableProperties> = propertyList<TableProperties>({ eviction: null, vacancy: null }, [
  single(2, 'eviction', number32), single(3, 'vacancy', vacancy),
])

export const tableMod: Layout<TableMod> = layout('OFPT_TABLE_MOD', {
  '1.1-1.3': [f('tableId', u8), pad(3), f('config', u32)],
  '1.4+': [f('tableId', u8), pad(3), f('config', u32), spread(tableProperties)],
}, { constants: { type: 'table_mod' } })

export const tableDesc: Layout<TableDesc> = layout('ofp_table_desc', {
  '1.4+': [size, f('tableId', u8), pad(1), f('config', u32), spread(tableProperties)],
})

/** The numbers begin at 3. */
export const tableStatus: Layout<TableStatus> = layout('OFPT_TABLE_STATUS', {
  '1.4+': [
    f('reason', choice(1, [null, null, null, 'vacancy_down', 'vacancy_up'], 'OFPBRC_BAD_TYPE')), pad(7),
    nested('table', codecOf(tableDesc, { tableId: 0, config: 0, eviction: null, vacancy: null })),
  ],
}, { constants: { type: 'table_status' } })

/** 1.0 also tells which fields a table can leave open: all of them. The names are gone since 1.3 gave tables features. */
export const tableStats: Layout<TableStats> = layout('ofp_table_stats', {
  '1.0': [
    f('tableId', u8), pad(3), f('name', text(32)), always(0x3fffff), f('maxEntries', u32), f('activeCount', u32), f('lookupCount', n64), f('matchedCount', n64),
  ],
  '1.1': [
    f('tableId', u8), pad(7), f('name', text(32)), nested('features', tableMaps11), f('config', u32), f('maxEntries', u32), f('activeCount', u32),
    f('lookupCount', n64), f('matchedCount', n64),
  ],
  '1.2': [
    f('tableId', u8), pad(7), f('name', text(32)), nested('features', tableMaps12), f('config', u32), f('maxEntries', u32), f('activeCount', u32),
    f('lookupCount', n64), f('matchedCount', n64),
  ],
  '1.3+': [f('tableId', u8), pad(3), f('activeCount', u32), f('lookupCount', n64), f('matchedCount', n64)],
}, { drop: ['name', 'maxEntries', 'features', 'config'] })
