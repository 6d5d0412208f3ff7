/**
 * Table features: a fixed part and properties that list what a table can. OF 1.3.5 §7.3.5.5, OF 1.5.1 §7.3.5.18.
 * Read more widely than the text: a missing property for table-miss entries means that they are like the others. What is unknown in a request is refused; in a switch's reply it is skipped.
 */
import type { Codec, Reader, Writer } from '../buffer.js'
import { codecOf } from '../compile.js'
import { Fault } from '../fault.js'
import { choice, f, layout, n64, nested, pad, size, text, u32, u8 } from '../layout.js'
import type { ActionName, InstructionName, OxmName, TableFeatures } from '../model.js'
import { OXM_CLASS_BASIC } from '../oxm-codec.js'
import type { Range } from '../versions.js'
import { inRange } from '../versions.js'
import { actionNumbers } from './actions.js'
import { instructionRow, INSTRUCTIONS } from './instructions.js'
import { readOxmIds, writeOxmIds } from './oxm-ids.js'
import { OXM } from './oxm.js'

type Properties = Omit<TableFeatures, 'tableId' | 'name' | 'metadataMatch' | 'metadataWrite' | 'config' | 'maxEntries' | 'command' | 'features'>
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Cursor over one property's ids. */
type ReadIds<T> = (r: Reader, at: number, end: number) => readonly T[]
type WriteIds<T> = (w: Writer, ids: readonly T[]) => void

const bad = (reason: string): Fault => new Fault('OFPTFFC_BAD_LEN', reason)

const readInstructions: ReadIds<InstructionName> = (r, at, end) => {
  const out: InstructionName[] = []
  eachTypeLength(r, at, end, (code) => {
    const row = instructionRow(code, r.version)
    if (row !== undefined) out.push(row.name)
    else if (!r.loose) throw new Fault('OFPTFFC_BAD_ARGUMENT', `instruction type ${code}`)
  })
  return out
}
const writeInstructions: WriteIds<InstructionName> = (w, names) => {
  for (const name of names) {
    const row = INSTRUCTIONS.find((candidate) => candidate.name === name && inRange(candidate.since, w.version))
    if (row !== undefined) writeTypeLength(w, row.code)
  }
}

const readTables: ReadIds<number> = (r, at, end) => Array.from(r.bytes.subarray(at, end))
const writeTables: WriteIds<number> = (w, tables) => w.append(Uint8Array.from(tables))

const readActions: ReadIds<ActionName> = (r, at, end) => {
  const out: ActionName[] = []
  const names = new Map([...actionNumbers(r.version)].map(([name, number]) => [number, name]))
  eachTypeLength(r, at, end, (code) => {
    const name = names.get(code)
    if (name !== undefined) out.push(name)
    else if (!r.loose) throw new Fault('OFPTFFC_BAD_ARGUMENT', `action type ${code}`)
  })
  return out
}
const writeActions: WriteIds<ActionName> = (w, names) => {
  const numbers = actionNumbers(w.version)
  for (const name of names) {
    const code = numbers.get(name)
    if (code !== undefined) writeTypeLength(w, code)
  }
}

/** Type and length, and whatever the length adds for experimenters. */
function eachTypeLength(r: Reader, at: number, end: number, take: (code: number) => void): void {
  while (at < end) {
    if (end - at < 4) throw bad('an id is cut off')
    const length = r.view.getUint16(at + 2)
    if (length < 4 || length > end - at) throw bad(`an id says it has ${length} bytes`)
    take(r.view.getUint16(at))
    at += length
  }
}
function writeTypeLength(w: Writer, code: number): void {
  const at = w.reserve(4)
  w.view.setUint16(at, code)
  w.view.setUint16(at + 2, 4)
}

const readFields: ReadIds<OxmName> = (r, at, end) => readOxmIds(r, at, end).map(({ field }) => field)
const writeFields: WriteIds<OxmName> = (w, fields) => writeOxmIds(w, fields.map((field) => ({ field, maskable: false })))

/** OXMs with their values, of which only packet_type is meant here. OF 1.5.1 §7.3.5.18.2 */
const PACKET_TYPE = (OXM_CLASS_BASIC << 16 | OXM.packet_type.number << 9 | OXM.packet_type.bytes) >>> 0
const readPacketTypes: ReadIds<number> = (r, at, end) => {
  const out: number[] = []
  for (; at < end; at += 8) {
    if (end - at < 8) throw bad('a packet type is cut off')
    if (r.view.getUint32(at) !== PACKET_TYPE) throw new Fault('OFPBMC_BAD_FIELD', `OXM 0x${r.view.getUint32(at).toString(16)} for a packet type`)
    out.push(r.view.getUint32(at + 4))
  }
  return out
}
const writePacketTypes: WriteIds<number> = (w, types) => {
  for (const type of types) {
    w.u32(PACKET_TYPE)
    w.u32(type)
  }
}

interface PropertyRow {
  readonly code: number
  readonly name: keyof Properties
  /** The property for table-miss entries has the next code. */
  readonly miss: keyof Properties | null
  readonly since: Range
  /** Left out when there is nothing to list. */
  readonly optional: boolean
  read(r: Reader, at: number, end: number): Properties[keyof Properties]
  write(w: Writer, value: Properties[keyof Properties]): void
}
function property<N extends keyof Properties>(
  code: number, name: N, miss: keyof Properties | null, read: ReadIds<Properties[N][number]>, write: WriteIds<Properties[N][number]>,
  since: Range = '1.3+', optional = false,
): PropertyRow {
  return { code, name, miss, since, optional, read: read as PropertyRow['read'], write: write as PropertyRow['write'] }
}

const PROPERTIES: readonly PropertyRow[] = [
  property(0, 'instructions', 'instructionsMiss', readInstructions, writeInstructions),
  property(2, 'nextTables', 'nextTablesMiss', readTables, writeTables),
  property(4, 'writeActions', 'writeActionsMiss', readActions, writeActions),
  property(6, 'applyActions', 'applyActionsMiss', readActions, writeActions),
  property(8, 'match', null, readOxmIds, writeOxmIds),
  property(10, 'wildcards', null, readFields, writeFields),
  property(12, 'writeSetField', 'writeSetFieldMiss', readFields, writeFields),
  property(14, 'applySetField', 'applySetFieldMiss', readFields, writeFields),
  property(16, 'syncFrom', null, readTables, writeTables, '1.4+', true),
  property(18, 'writeCopyField', 'writeCopyFieldMiss', readFields, writeFields, '1.5+'),
  property(20, 'applyCopyField', 'applyCopyFieldMiss', readFields, writeFields, '1.5+'),
  property(22, 'packetTypes', null, readPacketTypes, writePacketTypes, '1.5+', true),
]

const NOTHING: Properties = {
  instructions: [], instructionsMiss: [], nextTables: [], nextTablesMiss: [], writeActions: [], writeActionsMiss: [],
  applyActions: [], applyActionsMiss: [], match: [], wildcards: [], writeSetField: [], writeSetFieldMiss: [],
  applySetField: [], applySetFieldMiss: [], syncFrom: [], writeCopyField: [], writeCopyFieldMiss: [], applyCopyField: [], applyCopyFieldMiss: [],
  packetTypes: [],
}

const OF13 = 4
/** For entries and for table-miss entries. */
const EXPERIMENTERS = 0xfffe

const properties: Codec<Properties> = {
  empty: NOTHING,
  decode(r, at, end) {
    const found: Mutable<Properties> = { ...NOTHING }
    const seen = new Set<number>()
    while (at < end) {
      if (end - at < 4) throw bad('a property is cut off')
      const code = r.view.getUint16(at)
      const length = r.view.getUint16(at + 2)
      const padded = (length + 7) & ~7
      if (length < 4 || padded > end - at) throw bad(`property ${code} says it has ${length} bytes, ${end - at} are left`)
      const row = PROPERTIES.find((candidate) => inRange(candidate.since, r.version) && (candidate.code === code || (candidate.miss !== null && candidate.code + 1 === code)))
      if (row !== undefined && seen.has(code)) throw new Fault(r.version === OF13 ? 'OFPTFFC_BAD_ARGUMENT' : 'OFPBPC_DUP_TYPE', `property ${code} twice`)
      seen.add(code)
      if (row !== undefined) assign(found, row.code === code ? row.name : row.miss, row.read(r, at + 4, at + length))
      else if (!r.loose) throw new Fault(code >= EXPERIMENTERS ? 'OFPBPC_BAD_EXPERIMENTER' : 'OFPTFFC_BAD_TYPE', `property type ${code}`)
      at += padded
    }
    for (const { code, name, miss } of PROPERTIES) if (miss !== null && !seen.has(code + 1)) assign(found, miss, found[name])
    r.at = end
    return found
  },
  encode(w, value) {
    for (const row of PROPERTIES) {
      if (!inRange(row.since, w.version) || (row.optional && value[row.name].length === 0)) continue
      encodeProperty(w, row.code, () => row.write(w, value[row.name]))
      const { miss } = row
      if (miss !== null) encodeProperty(w, row.code + 1, () => row.write(w, value[miss]))
    }
  },
}

function assign(found: Mutable<Properties>, name: keyof Properties | null, value: Properties[keyof Properties]): void {
  if (name !== null) Object.assign(found, { [name]: value })
}

function encodeProperty(w: Writer, code: number, write: () => void): void {
  const start = w.reserve(4)
  w.view.setUint16(start, code)
  write()
  w.patchLength(start + 2, w.at - start, 'ofp_table_feature_prop')
  w.align(start, 8)
}

const COMMAND = choice(1, ['replace', 'modify', 'enable', 'disable'], 'OFPTFFC_BAD_COMMAND')
const wire = layout('ofp_table_features', {
  '1.3-1.4': [
    size, f('tableId', u8), pad(5), f('name', text(32)), f('metadataMatch', n64), f('metadataWrite', n64), f('config', u32), f('maxEntries', u32),
    nested('properties', properties),
  ],
  '1.5+': [
    size, f('tableId', u8), f('command', COMMAND), f('features', u32), f('name', text(32)), f('metadataMatch', n64), f('metadataWrite', n64),
    f('config', u32), f('maxEntries', u32), nested('properties', properties),
  ],
}, { lengthError: 'OFPTFFC_BAD_LEN', drop: ['command', 'features'] })
const FIXED = { tableId: 0, name: '', metadataMatch: 0n, metadataWrite: 0n, config: 0, maxEntries: 0, command: 'replace', features: 0 } as const
const wires = codecOf(wire, { ...FIXED, properties: NOTHING })

/** One table; the model has the properties beside the fixed part. */
export const tableFeatures: Codec<TableFeatures> = {
  empty: { ...FIXED, ...NOTHING },
  decode(r, at, end) {
    const { properties: all, ...fixed } = wires.decode(r, at, end)
    return { ...fixed, ...all }
  },
  encode: (w, value) => wires.encode(w, { ...value, properties: value }),
}
