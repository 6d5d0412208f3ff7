/**
 * The bit maps in which 1.1 and 1.2 tell with the table statistics what a table can do; 1.3 made table features of them.
 * OF 1.1 §A.3.5.3, OF 1.2 §A.3.5.3.
 */
import type { Codec, Reader, Writer } from '../buffer.js'
import { Fault } from '../fault.js'
import type { ActionName, InstructionName, OxmName, TableMaps } from '../model.js'
import { inRange } from '../versions.js'
import { actionNumbers } from './actions.js'
import { INSTRUCTIONS } from './instructions.js'
import { legacySets } from './lift-actions.js'
import { OXM, OXM_FIELDS } from './oxm.js'

/** OFPFMF_*: which fields each bit stands for. */
const FIELDS11: readonly (readonly OxmName[])[] = [
  ['in_port'], ['vlan_vid'], ['vlan_pcp'], ['eth_type'], ['ip_dscp'], ['ip_proto', 'arp_op'],
  ['tcp_src', 'udp_src', 'sctp_src', 'icmpv4_type'], ['tcp_dst', 'udp_dst', 'sctp_dst', 'icmpv4_code'], ['mpls_label'], ['mpls_tc'], [],
  ['eth_src'], ['eth_dst'], ['ipv4_src', 'arp_spa'], ['ipv4_dst', 'arp_tpa'], ['metadata'],
]

const has = (map: number | bigint, bit: number): boolean => (BigInt(map) >> BigInt(bit) & 1n) === 1n
const bit = (number: number): number => 2 ** number

const fieldsOf11 = (map: number): OxmName[] => FIELDS11.flatMap((names, index) => has(map, index) ? names : [])
const map11 = (fields: readonly OxmName[]): number =>
  FIELDS11.reduce((sum, names, index) => names.some((name) => fields.includes(name)) ? sum + bit(index) : sum, 0)
const fieldsOf12 = (map: bigint): OxmName[] => OXM_FIELDS.filter((row) => inRange(row.since, OF12) && has(map, row.number)).map((row) => row.name)
const map12 = (fields: readonly OxmName[]): bigint =>
  fields.reduce((sum, name) => inRange(OXM[name].since, OF12) ? sum | 1n << BigInt(OXM[name].number) : sum, 0n)
const OF11 = 2
const OF12 = 3

function instructionsOf(map: number, version: number): InstructionName[] {
  return INSTRUCTIONS.filter((row) => inRange(row.since, version) && has(map, row.code)).map((row) => row.name)
}
const instructionMap = (names: readonly InstructionName[], version: number): number =>
  INSTRUCTIONS.reduce((sum, row) => inRange(row.since, version) && names.includes(row.name) ? sum + bit(row.code) : sum, 0)

function actionsOf(map: number, version: number): ActionName[] {
  const names = [...actionNumbers(version)].filter(([, number]) => has(map, number)).map(([name]) => name)
  return version === OF11 && setFieldsOf(map).length > 0 ? [...names, 'set_field'] : names
}
/** 1.1 has an action for each field that can be set. */
const setFieldsOf = (map: number): OxmName[] => sets11.flatMap(({ code, fields }) => has(map, code) ? fields : [])
const sets11: readonly { readonly code: number; readonly fields: readonly OxmName[] }[] = legacySets.flatMap(({ codes, fields }) => {
  const code = codes['1.1']
  return code === undefined ? [] : [{ code, fields }]
})
function actionMap(names: readonly ActionName[], settable: readonly OxmName[], version: number): number {
  let map = 0
  for (const [name, number] of actionNumbers(version)) if (names.includes(name)) map += bit(number)
  if (version === OF11 && names.includes('set_field')) {
    for (const { code, fields } of sets11) if (fields.some((field) => settable.includes(field))) map += bit(code)
  }
  return map
}

const maskable = (fields: readonly OxmName[]): TableMaps['match'] => fields.map((field) => ({ field, maskable: OXM[field].maskable }))
const room = (at: number, end: number, size: number): void => {
  if (end - at < size) throw new Fault('OFPBRC_BAD_LEN', `${end - at} bytes are too few for a table's bit maps`)
}

/** Nothing is told. */
const isEmpty = (r: Reader, at: number, end: number): boolean => r.bytes.subarray(at, end).every((byte) => byte === 0)

const SIZE11 = 20
export const tableMaps11: Codec<TableMaps | null> = {
  empty: null,
  decode(r: Reader, at: number, end: number) {
    room(at, end, SIZE11)
    const word = (index: number): number => r.view.getUint32(at + 4 * index)
    const match = fieldsOf11(word(1))
    r.at = at + SIZE11
    if (isEmpty(r, at, r.at)) return null
    return {
      match: maskable(match), wildcards: fieldsOf11(word(0)).filter((field) => match.includes(field)), instructions: instructionsOf(word(2), OF11),
      writeActions: actionsOf(word(3), OF11), applyActions: actionsOf(word(4), OF11), writeSetField: setFieldsOf(word(3)), applySetField: setFieldsOf(word(4)),
      metadataMatch: 0n, metadataWrite: 0n,
    }
  },
  encode(w: Writer, maps) {
    if (maps === null) return void w.reserve(SIZE11)
    const match = maps.match.map(({ field }) => field)
    const matched = map11(match)
    // As Open vSwitch, a field that cannot be matched at all counts as one that can be left open.
    w.u32(map11(maps.wildcards) + FIELDS11.reduce((sum, names, index) => names.length > 0 && !has(matched, index) ? sum + bit(index) : sum, 0))
    w.u32(matched)
    w.u32(instructionMap(maps.instructions, OF11))
    w.u32(actionMap(maps.writeActions, maps.writeSetField, OF11))
    w.u32(actionMap(maps.applyActions, maps.applySetField, OF11))
  },
}

const SIZE12 = 60
export const tableMaps12: Codec<TableMaps | null> = {
  empty: null,
  decode(r, at, end) {
    room(at, end, SIZE12)
    const { view } = r
    r.at = at + SIZE12
    if (isEmpty(r, at, r.at)) return null
    return {
      match: maskable(fieldsOf12(view.getBigUint64(at))), wildcards: fieldsOf12(view.getBigUint64(at + 8)),
      writeActions: actionsOf(view.getUint32(at + 16), OF12), applyActions: actionsOf(view.getUint32(at + 20), OF12),
      writeSetField: fieldsOf12(view.getBigUint64(at + 24)), applySetField: fieldsOf12(view.getBigUint64(at + 32)),
      metadataMatch: view.getBigUint64(at + 40), metadataWrite: view.getBigUint64(at + 48), instructions: instructionsOf(view.getUint32(at + 56), OF12),
    }
  },
  encode(w, maps) {
    const at = w.reserve(SIZE12)
    if (maps === null) return
    const { view } = w
    view.setBigUint64(at, map12(maps.match.map(({ field }) => field)))
    view.setBigUint64(at + 8, map12(maps.wildcards))
    view.setUint32(at + 16, actionMap(maps.writeActions, maps.writeSetField, OF12))
    view.setUint32(at + 20, actionMap(maps.applyActions, maps.applySetField, OF12))
    view.setBigUint64(at + 24, map12(maps.writeSetField))
    view.setBigUint64(at + 32, map12(maps.applySetField))
    view.setBigUint64(at + 40, maps.metadataMatch)
    view.setBigUint64(at + 48, maps.metadataWrite)
    view.setUint32(at + 56, instructionMap(maps.instructions, OF12))
  },
}
