/**
 * Instructions on the wire since 1.1 (OF 1.3.5 §7.2.4), and OF 1.0's plain action list, which is read as the one
 * apply-actions instruction that a 1.0 flow has. Of the other instructions a 1.0 controller is told, and can say, two in
 * the form of Open vSwitch's extension actions at the end of that list: write-metadata, then goto-table. They are sent
 * as reg_load2 of the metadata and resubmit to a table, the pair that ovs-ofctl reads in this order.
 *
 * Since 1.5 a meter is an action. One that comes first of all is what the instruction was, and is read as it.
 */
import type { Codec, Reader, Writer } from '../buffer.js'
import { Fault, Unencodable } from '../fault.js'
import type { Action, InstructionName, Instructions } from '../model.js'
import { NO_INSTRUCTIONS } from '../model.js'
import type { Range } from '../versions.js'
import { inRange } from '../versions.js'
import { actions, NICIRA } from './actions.js'
import { flowCounts } from './oxs.js'

interface InstructionRow { readonly name: InstructionName; readonly code: number; readonly since: Range; /** Whole length; null = as its content. */ readonly length: number | null }
export const INSTRUCTIONS: readonly InstructionRow[] = [
  { name: 'goto_table', code: 1, since: '1.1+', length: 8 },
  { name: 'write_metadata', code: 2, since: '1.1+', length: 24 },
  { name: 'write_actions', code: 3, since: '1.1+', length: null },
  { name: 'apply_actions', code: 4, since: '1.1+', length: null },
  { name: 'clear_actions', code: 5, since: '1.1+', length: 8 },
  /** An action since 1.5. */
  { name: 'meter', code: 6, since: '1.3-1.4', length: 8 },
  { name: 'stat_trigger', code: 7, since: '1.5+', length: null },
]
const EXPERIMENTER = 0xffff
const BODY = 8
/** Version in which the meter became an action. */
const METER_ACTION = 6

export const instructions: Codec<Instructions> = {
  empty: NO_INSTRUCTIONS,
  decode: (r, at, end) => r.version === 1 ? decode10(r, at, end) : decode11(r, at, end),
  encode: (w, value) => w.version === 1 ? encode10(w, value) : w.lossy ? encodeOnce(w, value) : encode11(w, value),
}

export const instructionRow = (code: number, version: number): InstructionRow | undefined =>
  INSTRUCTIONS.find((row) => row.code === code && inRange(row.since, version))

function decode11(r: Reader, at: number, end: number): Instructions {
  const value: { -readonly [K in keyof Instructions]: Instructions[K] } = { ...NO_INSTRUCTIONS }
  let seen = 0
  while (at < end) {
    if (end - at < BODY) throw new Fault('OFPBIC_BAD_LEN', `${end - at} bytes are too few for an instruction`)
    const code = r.view.getUint16(at)
    const length = r.view.getUint16(at + 2)
    const stop = at + length
    if (length < BODY || length % 8 !== 0 || stop > end) throw new Fault('OFPBIC_BAD_LEN', `instruction ${code} says it has ${length} bytes, ${end - at} are left`)
    if (code === EXPERIMENTER) throw new Fault('OFPBIC_BAD_EXPERIMENTER', `experimenter instruction 0x${r.view.getUint32(at + 4).toString(16)}`)
    const row = instructionRow(code, r.version)
    if (row === undefined) throw new Fault('OFPBIC_UNKNOWN_INST', `instruction type ${code}`)
    if (row.length !== null && row.length !== length) throw new Fault('OFPBIC_BAD_LEN', `${row.name} of ${length} bytes`)
    // "At most one of each type" has no error of its own before 1.4; see schema/errors.ts. OF 1.3.5 §5.9.
    if ((seen & (1 << code)) !== 0) throw new Fault('OFPBIC_DUP_INST', `two ${row.name} instructions`)
    seen |= 1 << code
    switch (row.name) {
      case 'goto_table': value.gotoTable = r.view.getUint8(at + 4); break
      case 'write_metadata': value.writeMetadata = { value: r.view.getBigUint64(at + 8), mask: r.view.getBigUint64(at + 16) }; break
      case 'write_actions': value.write = actions.decode(r, at + BODY, stop); break
      case 'apply_actions': {
        const apply = actions.decode(r, at + BODY, stop)
        const first = apply[0]
        if (first?.type === 'meter') value.meter = first.meterId
        value.apply = first?.type === 'meter' ? apply.slice(1) : apply
        break
      }
      case 'stat_trigger':
        value.statTrigger = { flags: r.view.getUint32(at + 4), thresholds: flowCounts.decode(r, at + BODY, stop) }
        if (r.at !== stop) throw new Fault('OFPBIC_BAD_LEN', `${stop - r.at} bytes too many in a stat_trigger`)
        break
      case 'clear_actions': value.clear = true; break
      case 'meter': value.meter = r.view.getUint32(at + 4); break
    }
    at = stop
  }
  r.at = end
  return value
}

/** The bytes of instructions that a switch has told lately: its flows have few different ones. Of each version, and behind a match with a VLAN tag. */
const encoded = new Map<number, Map<Instructions, Uint8Array>>()
const MOST_ENCODED = 4096
const LARGEST_ENCODED = 256

function encodeOnce(w: Writer, value: Instructions): void {
  const form = w.version * 2 + (w.matchVlan ? 1 : 0)
  let known = encoded.get(form)
  if (known === undefined) encoded.set(form, known = new Map())
  const bytes = known.get(value)
  if (bytes !== undefined) return w.append(bytes)
  const start = w.at
  encode11(w, value)
  if (w.at - start > LARGEST_ENCODED) return
  if (known.size >= MOST_ENCODED) known.clear()
  known.set(value, w.bytes.slice(start, w.at))
}

/** In the order in which they are carried out. OF 1.3.5 §5.9. */
function encode11(w: Writer, value: Instructions): void {
  let { apply } = value
  const meter = value.meter ?? meterWithin(w, apply)
  if (meter !== null && w.version >= METER_ACTION) apply = [{ type: 'meter', meterId: meter }, ...apply ?? []]
  else if (meter !== null && canSay(w, 'meter')) w.view.setUint32(begin(w, 'meter', 4) + 4, meter)
  if (apply !== null) encodeList(w, 'apply_actions', apply)
  if (value.clear) begin(w, 'clear_actions', 4)
  if (value.write !== null) encodeList(w, 'write_actions', value.write)
  if (value.writeMetadata !== null) {
    const at = begin(w, 'write_metadata', 20)
    w.view.setBigUint64(at + 8, value.writeMetadata.value)
    w.view.setBigUint64(at + 16, value.writeMetadata.mask)
  }
  if (value.gotoTable !== null) w.view.setUint8(begin(w, 'goto_table', 4) + 4, value.gotoTable)
  if (value.statTrigger !== null && canSay(w, 'stat_trigger')) {
    const at = begin(w, 'stat_trigger', 4)
    w.view.setUint32(at + 4, value.statTrigger.flags)
    flowCounts.encode(w, value.statTrigger.thresholds)
    w.patchLength(at + 2, w.at - at, 'stat_trigger')
  }
}

/** A meter behind what only sets fields comes to the same as one before it, and earlier versions are told so; of another they have no word. */
function meterWithin(w: Writer, apply: readonly Action[] | null): number | null {
  if (!w.lossy || w.version >= METER_ACTION) return null
  for (const action of apply ?? []) {
    if (action.type === 'meter') return action.meterId
    if (action.type !== 'set_field' && action.type !== 'set_nw_ttl' && action.type !== 'set_queue' && action.type !== 'note') return null
  }
  return null
}

/** What the version has no instruction for is left out of a statement. */
const canSay = (w: Writer, name: InstructionName): boolean =>
  !w.lossy || INSTRUCTIONS.some((row) => row.name === name && inRange(row.since, w.version))

function begin(w: Writer, name: InstructionName, body: number): number {
  const row = INSTRUCTIONS.find((candidate) => candidate.name === name && inRange(candidate.since, w.version))
  if (row === undefined) throw new Unencodable('instructions', name, w.version, 'the version has no such instruction')
  const at = w.reserve(4 + body)
  w.view.setUint16(at, row.code)
  w.view.setUint16(at + 2, 4 + body)
  return at
}

function encodeList(w: Writer, name: InstructionName, list: readonly Action[]): void {
  const at = begin(w, name, 4)
  actions.encode(w, list)
  w.patchLength(at + 2, w.at - at, name)
}

const RESUBMIT_TABLE = 14
const WRITE_METADATA = 22
const REG_LOAD2 = 33
const OXM_METADATA = 0x80000408
const OXM_METADATA_MASKED = 0x80000510
const ALL_BITS = 0xffffffffffffffffn
const IN_PORT10 = 0xfff8

function decode10(r: Reader, at: number, end: number): Instructions {
  const apply = [...actions.decode(r, at, end)]
  const gotoTable = trailing(apply, readResubmit)
  const writeMetadata = trailing(apply, readWriteMetadata)
  return { ...NO_INSTRUCTIONS, apply, gotoTable, writeMetadata }
}

/** Takes the last action off the list if it says what `read` looks for. */
function trailing<T>(list: Action[], read: (body: Uint8Array) => T | null): T | null {
  const last = list.at(-1)
  if (last?.type !== 'experimenter' || last.experimenter !== NICIRA) return null
  const found = read(last.body)
  if (found !== null) list.pop()
  return found
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function readResubmit(body: Uint8Array): number | null {
  const view = viewOf(body)
  const is = body.length === 8 && view.getUint16(0) === RESUBMIT_TABLE && view.getUint16(2) === IN_PORT10 && (view.getUint32(4) & 0xffffff) === 0
  return is ? view.getUint8(4) : null
}

function readWriteMetadata(body: Uint8Array): Instructions['writeMetadata'] {
  const view = viewOf(body)
  if (body.length === 24 && view.getUint16(0) === WRITE_METADATA && view.getUint16(2) === 0 && view.getUint32(4) === 0) {
    return { value: view.getBigUint64(8), mask: view.getBigUint64(16) }
  }
  if (body.length === 16 && view.getUint16(0) === REG_LOAD2 && view.getUint32(2) === OXM_METADATA) return { value: view.getBigUint64(6), mask: ALL_BITS }
  if (body.length !== 24 || view.getUint16(0) !== REG_LOAD2 || view.getUint32(2) !== OXM_METADATA_MASKED) return null
  return { value: view.getBigUint64(6), mask: view.getBigUint64(14) }
}

function encode10(w: Writer, value: Instructions): void {
  if (!w.lossy) {
    const extra = value.meter !== null ? 'meter' : value.clear ? 'clear_actions' : value.write !== null ? 'write_actions'
      : value.statTrigger !== null ? 'stat_trigger' : null
    if (extra !== null) throw new Unencodable('instructions', extra, w.version, 'the version has only actions')
  }
  const list: Action[] = [...value.apply ?? []]
  if (value.writeMetadata !== null) {
    const body = new Uint8Array(24)
    const view = viewOf(body)
    view.setUint16(0, REG_LOAD2)
    view.setUint32(2, OXM_METADATA_MASKED)
    view.setBigUint64(6, value.writeMetadata.value & value.writeMetadata.mask)
    view.setBigUint64(14, value.writeMetadata.mask)
    list.push({ type: 'experimenter', experimenter: NICIRA, body })
  }
  if (value.gotoTable !== null) {
    const body = new Uint8Array(8)
    viewOf(body).setUint16(0, RESUBMIT_TABLE)
    viewOf(body).setUint16(2, IN_PORT10)
    viewOf(body).setUint8(4, value.gotoTable)
    list.push({ type: 'experimenter', experimenter: NICIRA, body })
  }
  actions.encode(w, list)
}
