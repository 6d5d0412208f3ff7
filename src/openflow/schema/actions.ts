/**
 * Actions on the wire: one row each, with its number per version. OF 1.0 §5.2.4, OF 1.3.5 §7.2.5, OF 1.5.1 §7.2.6.
 * A row with `nicira` is one of Open vSwitch's extension actions of OpenFlow 1.0, where 1.1 lacks it too of that; they are how a 1.0 controller such as
 * ovs-ofctl says, and is told, what 1.0 has no words for. Differences in kind are in lift-actions.ts.
 */
import type { Codec, Reader, Writer } from '../buffer.js'
import { compile } from '../compile.js'
import { Fault, Unencodable } from '../fault.js'
import type { Layout, Part } from '../layout.js'
import { f, layout, pad, port, u16, u32, u8 } from '../layout.js'
import type { Action, ActionName, ErrorName } from '../model.js'
import { Port } from '../model.js'
import { readOxm, writeOxm } from '../oxm-codec.js'
import type { Ranges } from '../versions.js'
import { pick } from '../versions.js'
import { lowerActions, protocolFields, setNwTtlLoad, type LegacySet, legacySets } from './lift-actions.js'
import { copyField, isOnfCopy, readOnfCopy, writeOnfCopy } from './copy-field.js'
import { readNiciraAction, REG_LOAD, REG_LOAD2, writeLoad } from './nicira-actions.js'
import { OXM } from './oxm.js'

export const NICIRA = 0x00002320
const EXPERIMENTER = 0xffff
const HEADER = 4
const NICIRA_HEADER = 10

type Code = number | { readonly nicira: number }
export interface ActionRow {
  /** The action's type, or `set_field:` and the field where each field has an action of its own. */
  readonly key: string
  readonly codes: Ranges<Code>
  decode(r: Reader, at: number, end: number, out: Action[]): void
  encode(w: Writer, action: Action): void
}

const LENGTH: ErrorName = 'OFPBAC_BAD_LEN'

/** A row whose body is the layout's fields; `valid` names what is wrong with an argument. */
function fixed(type: Action['type'], codes: Ranges<Code>, ranges: Ranges<readonly Part[]>, valid?: (action: Action) => boolean): ActionRow {
  const declared = layout(`OFPAT_${type.toUpperCase()}`, ranges, { constants: { type }, lengthError: LENGTH }) as Layout<unknown> as Layout<Action>
  return {
    key: type, codes,
    decode(r, at, end, out) {
      const action = compile(declared, r.version).decode(r, at, end)
      if (valid !== undefined && !valid(action)) throw new Fault('OFPBAC_BAD_ARGUMENT', `argument of ${type}`)
      out.push(action)
    },
    encode: (w, action) => compile(declared, w.version).encode(w, action),
  }
}

/** Body of an extension action in 1.0 and of the standard action later; extension headers leave 6 bytes, standard 4. */
const either = (...parts: readonly Part[]): Ranges<readonly Part[]> => {
  const used = parts.reduce((sum, part) => sum + (part.part === 'field' ? part.kind.size : part.part === 'pad' ? part.size : 0), 0)
  return { '1.0': used < 6 ? [...parts, pad(6 - used)] : parts, '1.1+': used < 4 ? [...parts, pad(4 - used)] : parts }
}
const ethertypeIs = (...values: number[]) => (action: Action): boolean => 'ethertype' in action && values.includes(action.ethertype)

/** OF 1.0's and 1.1's SET_DL_SRC … SET_MPLS_TC: one action for each field they can set. */
function legacy(set: LegacySet): ActionRow[] {
  return set.fields.map((field) => ({
    key: `set_field:${field}`, codes: set.codes,
    decode(r, at, end, out) {
      const value = compile(set.layout, r.version).decode(r, at, end).value
      const lifted = set.lift(BigInt(value))
      if (lifted === null) throw new Fault('OFPBAC_BAD_ARGUMENT', `${set.layout.name} of ${value}`)
      for (const target of protocolFields(set.fields, r.matchProto)) out.push({ type: 'set_field', field: target, value: lifted, mask: null })
    },
    encode(w, action) {
      if (action.type === 'set_field') compile(set.layout, w.version).encode(w, { value: set.lower(action.value) })
    },
  }))
}

const setField: ActionRow = {
  key: 'set_field', codes: { '1.0-1.1': { nicira: 33 }, '1.2+': 25 },
  decode(r, at, end, out) {
    const { loose } = r
    r.loose = false
    const value = readOxm(r, at, end, { unknown: 'OFPBAC_BAD_SET_TYPE', length: 'OFPBAC_BAD_SET_LEN' })
    r.loose = loose
    if (value === null) return
    const row = OXM[value.field]
    if (value.field === 'metadata' && r.version < 3) {
      // Stays an opaque extension action, which instructions.ts knows.
      r.at = end
      return
    }
    // Bits of a field may be set one by one since 1.5, and through Open vSwitch's reg_load2 in 1.0 and 1.1.
    const mask = value.mask === null || (value.mask & row.ones) === row.ones ? null : value.mask & row.ones
    if (value.mask !== null && r.version > 2 && r.version < 6) throw new Fault('OFPBAC_BAD_SET_MASK', `${row.name} with a mask`)
    if (!row.writable) throw new Fault('OFPBAC_BAD_SET_TYPE', `${row.name} cannot be set`)
    if (value.value > row.ones || (mask !== null && (mask === 0n || (value.value & ~mask) !== 0n))) {
      throw new Fault('OFPBAC_BAD_SET_ARGUMENT', `${row.name} cannot be 0x${value.value.toString(16)}`)
    }
    // OF 1.5.1 §7.2.6.7; earlier texts leave open what a tag's id without OFPVID_PRESENT would be.
    if (value.field === 'vlan_vid' && ((value.value & (mask ?? row.ones)) & 0x1000n) === 0n) {
      throw new Fault('OFPBAC_BAD_SET_ARGUMENT', 'vlan_vid without OFPVID_PRESENT')
    }
    if (end - r.at >= 8) throw new Fault('OFPBAC_BAD_SET_LEN', `${end - r.at} bytes after ${row.name}`)
    r.at = end
    out.push({ type: 'set_field', field: value.field, value: value.value, mask })
  },
  encode(w, action) {
    if (action.type !== 'set_field') return
    if (action.mask !== null && w.version > 2 && w.version < 6) {
      throw new Unencodable('OFPAT_SET_FIELD', 'mask', w.version, `${action.field} is set in part`)
    }
    writeOxm(w, action)
  },
}

const REASONS = ['no_match', 'action', 'invalid_ttl', 'action_set', 'group', 'packet_out'] as const

/** max_len, controller id, reason. What is nothing but an output to the controller becomes one. */
const controller: ActionRow = {
  key: 'controller', codes: { '1.0+': { nicira: 20 } },
  decode(r, at, end, out) {
    if (end - at !== 6) throw new Fault(LENGTH, `a controller action with ${end - at} bytes`)
    const [maxLen, controllerId, reason] = [r.view.getUint16(at), r.view.getUint16(at + 2), REASONS[r.view.getUint8(at + 4)]]
    if (reason === undefined) throw new Fault('OFPBAC_BAD_ARGUMENT', `packet-in reason ${r.view.getUint8(at + 4)}`)
    r.at = end
    out.push(controllerId === 0 && reason === 'action' ? { type: 'output', port: Port.CONTROLLER, maxLen } : { type: 'controller', maxLen, controllerId, reason })
  },
  encode(w, action) {
    if (action.type !== 'controller') return
    const at = w.reserve(6)
    w.view.setUint16(at, action.maxLen)
    w.view.setUint16(at + 2, action.controllerId)
    w.view.setUint8(at + 4, REASONS.indexOf(action.reason))
  },
}

/** Everything behind the subtype, padding included. */
const note: ActionRow = {
  key: 'note', codes: { '1.0+': { nicira: 8 } },
  decode(r, at, end, out) {
    r.at = end
    out.push({ type: 'note', data: r.bytes.slice(at, end) })
  },
  encode(w, action) { if (action.type === 'note') w.append(action.data) },
}

const rows: readonly ActionRow[] = [
  fixed('output', { '1.0+': 0 }, {
    '1.0': [f('port', port), f('maxLen', u16)],
    '1.1+': [f('port', port), f('maxLen', u16), pad(6)],
  }),
  fixed('set_vlan_vid', { '1.0': 1 }, { '1.0': [f('vid', u16), pad(2)] }, (action) => action.type === 'set_vlan_vid' && action.vid < 0x1000),
  fixed('set_vlan_pcp', { '1.0': 2 }, { '1.0': [f('pcp', u8), pad(3)] }, (action) => action.type === 'set_vlan_pcp' && action.pcp < 8),
  fixed('pop_vlan', { '1.0': 3, '1.1+': 18 }, { '1.0+': [pad(4)] }),
  fixed('enqueue', { '1.0': 11 }, { '1.0': [f('port', port), pad(6), f('queueId', u32)] }),
  ...legacySets.flatMap(legacy),
  fixed('copy_ttl_out', { '1.1+': 11 }, { '1.1+': [pad(4)] }),
  fixed('copy_ttl_in', { '1.1+': 12 }, { '1.1+': [pad(4)] }),
  fixed('set_mpls_ttl', { '1.0': { nicira: 25 }, '1.1+': 15 }, either(f('ttl', u8))),
  fixed('dec_mpls_ttl', { '1.0': { nicira: 26 }, '1.1+': 16 }, either()),
  fixed('push_vlan', { '1.1+': 17 }, { '1.1+': [f('ethertype', u16), pad(2)] }, ethertypeIs(0x8100, 0x88a8)),
  fixed('push_mpls', { '1.0': { nicira: 23 }, '1.1+': 19 }, either(f('ethertype', u16)), ethertypeIs(0x8847, 0x8848)),
  fixed('pop_mpls', { '1.0': { nicira: 24 }, '1.1+': 20 }, either(f('ethertype', u16))),
  fixed('set_queue', { '1.0': { nicira: 4 }, '1.1+': 21 }, { '1.0': [pad(2), f('queueId', u32)], '1.1+': [f('queueId', u32)] }),
  fixed('group', { '1.0': { nicira: 40 }, '1.1+': 22 }, { '1.0': [pad(2), f('groupId', u32)], '1.1+': [f('groupId', u32)] }),
  fixed('set_nw_ttl', { '1.1+': 23 }, { '1.1+': [f('ttl', u8), pad(3)] }),
  setNwTtlLoad,
  fixed('dec_nw_ttl', { '1.0': { nicira: 18 }, '1.1+': 24 }, either()),
  setField,
  fixed('push_pbb', { '1.3+': 26 }, { '1.3+': [f('ethertype', u16), pad(2)] }, ethertypeIs(0x88e7)),
  fixed('pop_pbb', { '1.3+': 27 }, { '1.3+': [pad(4)] }),
  copyField,
  fixed('meter', { '1.5+': 29 }, { '1.5+': [f('meterId', u32)] }),
  note,
  controller,
]

interface Placed { readonly row: ActionRow; readonly code: Code }
interface ActionTable { readonly byCode: Map<number, ActionRow>; readonly byNicira: Map<number, ActionRow>; readonly byKey: Map<string, Placed> }
const tables = new Map<number, ActionTable>()

function tableFor(version: number): ActionTable {
  let table = tables.get(version)
  if (table === undefined) {
    tables.set(version, table = { byCode: new Map(), byNicira: new Map(), byKey: new Map() })
    for (const row of rows) {
      const code = pick(row.codes, version)
      if (code === undefined) continue
      if (typeof code === 'number') table.byCode.set(code, row)
      else table.byNicira.set(code.nicira, row)
      table.byKey.set(row.key, { row, code })
    }
  }
  return table
}

export const actions: Codec<readonly Action[]> = {
  empty: [],
  decode(r, at, end) {
    const table = tableFor(r.version)
    const out: Action[] = []
    while (at < end) {
      if (end - at < 8) throw new Fault(LENGTH, `${end - at} bytes are too few for an action`)
      const type = r.view.getUint16(at)
      const length = r.view.getUint16(at + 2)
      if (length < 8 || length % 8 !== 0 || length > end - at) throw new Fault(LENGTH, `action ${type} says it has ${length} bytes, ${end - at} are left`)
      const stop = at + length
      if (type === EXPERIMENTER) decodeExperimenter(r, table, at, stop, out)
      else {
        const row = table.byCode.get(type)
        if (row === undefined) throw new Fault('OFPBAC_BAD_TYPE', `action type ${type}`)
        row.decode(r, at + HEADER, stop, out)
        if (r.at !== stop) throw new Fault(LENGTH, `${stop - r.at} bytes too many in action ${type}`)
      }
      at = stop
    }
    r.at = end
    return out
  },
  encode(w, list) {
    const table = tableFor(w.version)
    for (const action of lowerActions(list, w)) encodeAction(w, table, action)
  },
}

function decodeExperimenter(r: Reader, table: ActionTable, at: number, end: number, out: Action[]): void {
  const experimenter = r.view.getUint32(at + HEADER)
  if (isOnfCopy(r, experimenter, at, end)) {
    out.push(readOnfCopy(r, at + HEADER, end))
    return
  }
  if (experimenter === NICIRA && end - at >= 16) {
    const row = table.byNicira.get(r.view.getUint16(at + 8))
    if (row !== undefined) {
      const before = out.length
      row.decode(r, at + NICIRA_HEADER, end, out)
      if (r.at !== end) throw new Fault(LENGTH, `${end - r.at} bytes too many in an extension action`)
      if (out.length > before) return
    }
    const known = readNiciraAction(r, r.view.getUint16(at + 8), at + NICIRA_HEADER, end)
    r.at = end
    if (known !== null) {
      out.push(known)
      return
    }
  }
  r.at = end
  out.push({ type: 'experimenter', experimenter, body: r.bytes.slice(at + 8, end) })
}

const OF13 = 4, OF15 = 6
const loadField: Pick<ActionRow, 'encode'> = { encode: (w, action) => { if (action.type === 'set_field') writeLoad(w, action) } }
const setFieldInPart: Pick<ActionRow, 'encode'> = { encode: (w, action) => { if (action.type === 'set_field') writeOxm(w, action) } }

function encodeAction(w: Writer, table: ActionTable, action: Action): void {
  const start = w.reserve(HEADER)
  if (action.type === 'copy_field' && action.onf === true && w.version === OF13) {
    w.view.setUint16(start, EXPERIMENTER)
    writeOnfCopy(w, action)
  } else if (action.type === 'experimenter') {
    const at = w.reserve(4)
    w.view.setUint16(start, EXPERIMENTER)
    w.view.setUint32(at, action.experimenter)
    w.append(action.body)
  } else {
    // Versions that set fields only whole are told of the others in Open vSwitch's words.
    const inPart = action.type === 'set_field' && action.mask !== null && w.version !== 1 && w.version < 6
    const placed = action.type === 'set_field' && action.load === true && w.version < OF15 ? { row: loadField, code: { nicira: REG_LOAD } }
      : inPart ? { row: setFieldInPart, code: { nicira: REG_LOAD2 } } : (action.type === 'set_field' && action.mask === null ? table.byKey.get(`set_field:${action.field}`) : undefined) ?? table.byKey.get(action.type)
    if (placed === undefined) throw new Unencodable('actions', action.type, w.version, 'the version has no such action')
    if (typeof placed.code === 'number') w.view.setUint16(start, placed.code)
    else {
      const at = w.reserve(6)
      w.view.setUint16(start, EXPERIMENTER)
      w.view.setUint32(at, NICIRA)
      w.view.setUint16(at + 4, placed.code.nicira)
    }
    placed.row.encode(w, action)
  }
  w.align(start, 8)
  w.patchLength(start + 2, w.at - start, action.type)
}

const NAMED: readonly ActionName[] = [
  'output', 'copy_ttl_out', 'copy_ttl_in', 'set_mpls_ttl', 'dec_mpls_ttl', 'push_vlan', 'pop_vlan', 'push_mpls', 'pop_mpls',
  'set_queue', 'group', 'set_nw_ttl', 'dec_nw_ttl', 'set_field', 'push_pbb', 'pop_pbb', 'copy_field', 'meter',
]

/** Wire numbers of the standard actions by name, as table features and group features list them. */
export function actionNumbers(version: number): ReadonlyMap<ActionName, number> {
  const numbers = new Map<ActionName, number>()
  for (const name of NAMED) {
    const code = tableFor(version).byKey.get(name)?.code
    if (typeof code === 'number') numbers.set(name, code)
  }
  return numbers
}
