/**
 * What the entry of an OpenFlow object says of it beyond what the pipeline needs, as the entry's `metadata` bytes: so the
 * target knows everything, and an agent that starts anew reads it there. P4RT 1.4 §9.1 (metadata)
 *
 *   form (1) │ kind (1) │ times in ms since 1970, numbers (as below) │ the object as an OpenFlow message
 *
 *   flow   created, modified (8 each), packets and bytes counted in earlier targets (8 each), OFPT_FLOW_MOD
 *   group  created (8), cells of the bucket counter: how many (2), each (4), OFPT_GROUP_MOD
 *   meter  created (8), slot (4), OFPT_METER_MOD
 *   port   its flags, OFPPC_* (4); no message
 *   tables settings by table-mods: how many (1), of each the table, 1 eviction and 2 events, down, up, miss (1 each); how many tables (1)
 *          are described otherwise than the pipeline has them, of each the places (1 each) of the instruction meter in its
 *          two lists, since 1.5 has none, and a reply to OFPMP_TABLE_FEATURES of 1.5
 *   half   of a request that changes many: modified (8), whether the cookie is another (4), flows that are modified, flows, groups and
 *          meters that are gone: how many (4 each), their numbers (4 each), OFPT_FLOW_MOD with cookie and instructions of the modified
 *
 * The message is of the first version that can say it, so that the bytes mean the same to every release of the agent.
 */
import { decodeMessage, encodeMessage, encodeWithin, frameOf, Group, NO_INSTRUCTIONS, SUPPORTED_VERSIONS, Unencodable, Version, WireError } from '../openflow/index.js'
import type { FieldValue, FlowMod, GroupMod, InstructionName, Message, MeterMod, TableFeatures } from '../openflow/model.js'
import type { FlowLife, FlowRecord, GroupRecord, Half, MeterRecord, MissChoice, TableNote, TableSetting } from '../datapath/pipeline.js'

const FORM = 1
const KIND = { flow: 1, group: 2, meter: 3, port: 4, half: 5, tables: 6 } as const
const HEAD = 2
/** Of what stands before the flow-mod. */
const FLOW = 32
const NOTHING = new Uint8Array(0)
const ANY = 0xffffffff
const NO_BUFFER = 0xffffffff
const VLAN_PRESENT = 0x1000n

/** 1.3 says nearly everything, and most compactly. */
const versions: readonly [number, ...number[]] = [Version.OF13, ...SUPPORTED_VERSIONS.filter((version) => version !== Version.OF13).reverse()]

export type Home =
  | { readonly kind: 'flow'; readonly flow: Omit<FlowRecord, 'id'> & { readonly life: FlowLife } }
  | { readonly kind: 'group'; readonly group: GroupRecord; readonly cells: readonly number[] }
  | { readonly kind: 'meter'; readonly meter: MeterRecord; readonly slot: number }
  | { readonly kind: 'port'; readonly config: number }
  | { readonly kind: 'half'; readonly half: Half }
  | { readonly kind: 'tables'; readonly tables: TableNote }

/** Empty for a record without a life, and for what no version can say: such an object does not outlive the agent. To be used soon, see base/slab.ts. */
export function flowHome({ tableId, priority, match, instructions, cookie, idleTimeout, life }: FlowRecord): Uint8Array {
  if (life === undefined) return NOTHING
  const message = {
    type: 'flow_mod', command: 'add', tableId, priority, match, instructions, cookie, cookieMask: 0n, idleTimeout,
    hardTimeout: life.hardTimeout, flags: life.flags, bufferId: NO_BUFFER, outPort: ANY, outGroup: ANY, importance: life.importance,
  } satisfies FlowMod
  const bytes = withShared(message) ?? withMessage(KIND.flow, FLOW, message)
  if (bytes.length === 0) return bytes
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  view.setFloat64(HEAD, life.createdAt)
  view.setFloat64(HEAD + 8, life.modifiedAt)
  view.setBigUint64(HEAD + 16, life.packets)
  view.setBigUint64(HEAD + 24, life.bytes)
  return bytes
}

/**
 * How the flow-mod of a flow ends, by its instructions, which many flows have in common; how actions on a VLAN tag are said
 * depends on whether the match asks for one. null: the first version cannot say them.
 */
const endings = [new WeakMap<FlowMod['instructions'], Uint8Array | null>(), new WeakMap<FlowMod['instructions'], Uint8Array | null>()] as const
const isTagged = ({ field, value }: FieldValue): boolean => field === 'vlan_vid' && (value & VLAN_PRESENT) !== 0n
function endingOf(message: FlowMod): Uint8Array | null {
  const ofKind = endings[message.match.some(isTagged) ? 1 : 0]
  const known = ofKind.get(message.instructions)
  if (known !== undefined) return known
  const [version] = versions
  const plain: FlowMod = { ...message, match: message.match.filter(isTagged), flags: 0, importance: 0 }
  let ending: Uint8Array | null = null
  try {
    const [whole = NOTHING] = encodeMessage(plain, version, 0)
    const [without = NOTHING] = encodeMessage({ ...plain, instructions: NO_INSTRUCTIONS }, version, 0)
    ending = whole.slice(without.length)
  } catch (error) {
    if (!(error instanceof Unencodable)) throw error
  }
  ofKind.set(message.instructions, ending)
  return ending
}
/** null: it has to be done in the longer way. */
function withShared(message: FlowMod): Uint8Array | null {
  const ending = endingOf(message)
  if (ending === null) return null
  try {
    const bytes = encodeWithin(HEAD + FLOW, { ...message, instructions: NO_INSTRUCTIONS }, versions[0], ending)
    bytes[0] = FORM
    bytes[1] = KIND.flow
    return bytes
  } catch (error) {
    if (error instanceof Unencodable) return null
    throw error
  }
}

export function groupHome({ groupId, groupType, buckets, createdAt }: GroupRecord, cells: readonly number[]): Uint8Array {
  if (createdAt === undefined) return NOTHING
  return withMessage(KIND.group, 10 + 4 * cells.length, { ...emptyGroupMod, groupId, groupType, buckets }, (view) => {
    view.setFloat64(HEAD, createdAt)
    view.setUint16(HEAD + 8, cells.length)
    cells.forEach((cell, index) => view.setUint32(HEAD + 10 + 4 * index, cell))
  })
}
const emptyGroupMod = { type: 'group_mod', command: 'add', commandBucketId: Group.ALL } as const

export function meterHome({ meterId, flags, bands, createdAt }: MeterRecord, slot: number): Uint8Array {
  if (createdAt === undefined) return NOTHING
  const message: MeterMod = { type: 'meter_mod', command: 'add', meterId, flags, bands }
  return withMessage(KIND.meter, 12, message, (view) => {
    view.setFloat64(HEAD, createdAt)
    view.setUint32(HEAD + 8, slot)
  })
}

export function portHome(config: number): Uint8Array {
  const bytes = new Uint8Array(HEAD + 4)
  bytes.set([FORM, KIND.port])
  new DataView(bytes.buffer).setUint32(HEAD, config)
  return bytes
}

export function halfHome({ flows, groups, meters, modified }: Half): Uint8Array {
  const lists = [modified?.flows ?? [], flows, groups, meters]
  const numbers = lists.flat()
  const message: FlowMod = {
    type: 'flow_mod', command: 'modify', tableId: 0, priority: 0, match: [], instructions: modified?.instructions ?? NO_INSTRUCTIONS, cookie: modified?.cookie ?? 0n, cookieMask: 0n,
    idleTimeout: 0, hardTimeout: 0, flags: 0, bufferId: NO_BUFFER, outPort: ANY, outGroup: ANY, importance: 0,
  }
  const bytes = withMessage(KIND.half, 12 + 4 * (lists.length + numbers.length), message)
  if (bytes.length === 0) return bytes
  const view = new DataView(bytes.buffer)
  view.setFloat64(HEAD, modified?.modifiedAt ?? 0)
  view.setUint32(HEAD + 8, modified?.cookie == null ? 0 : 1)
  lists.forEach((list, index) => view.setUint32(HEAD + 12 + 4 * index, list.length))
  numbers.forEach((number, index) => view.setUint32(HEAD + 12 + 4 * (lists.length + index), number))
  return bytes
}

function readHalf(bytes: Uint8Array, view: DataView): Home | null {
  let at = HEAD + 12 + 16
  const lists = [0, 1, 2, 3].map((index) => Array.from({ length: view.getUint32(HEAD + 12 + 4 * index) }, () => {
    at += 4
    return view.getUint32(at - 4)
  }))
  const message = messageAt(bytes, at)
  if (message?.type !== 'flow_mod') return null
  const [changed = [], flows = [], groups = [], meters = []] = lists
  const { instructions, cookie } = message
  const modified = changed.length === 0 ? null : { flows: changed, instructions, modifiedAt: view.getFloat64(HEAD), cookie: view.getUint32(HEAD + 8) === 0 ? null : cookie }
  return { kind: 'half', half: { flows, groups, meters, modified } }
}

const MISSES: readonly (MissChoice | null)[] = [null, 'drop', 'controller', 'continue']

export function tablesHome({ settings, misses, described }: TableNote): Uint8Array {
  const tables = [...new Set([...settings.keys(), ...misses.keys()])]
  const messages = described.map((table) => [table.instructions.indexOf('meter') + 1, table.instructionsMiss.indexOf('meter') + 1,
    ...encodeMessage({ type: 'stats_reply', body: { kind: 'table_features', tables: [table] } }, Version.OF15, 0)[0] ?? []])
  const head = [FORM, KIND.tables, tables.length, ...tables.flatMap((id) => {
    const { eviction, events, down, up } = settings.get(id) ?? { eviction: false, events: false, down: 0, up: 0 }
    return [id, (eviction ? 1 : 0) | (events ? 2 : 0), down, up, MISSES.indexOf(misses.get(id) ?? null)]
  }), messages.length]
  const bytes = new Uint8Array(messages.reduce((sum, message) => sum + message.length, head.length))
  bytes.set(head)
  let at = head.length
  for (const message of messages) {
    bytes.set(message, at)
    at += message.length
  }
  return bytes
}

function readTables(bytes: Uint8Array): Home | null {
  const settings = new Map<number, TableSetting>()
  const misses = new Map<number, MissChoice>()
  let at = HEAD + 1
  for (let count = bytes[HEAD] ?? 0; count > 0; count--, at += 5) {
    const [id = 0, flags = 0, down = 0, up = 0, miss = 0] = bytes.subarray(at, at + 5)
    settings.set(id, { eviction: (flags & 1) !== 0, events: (flags & 2) !== 0, down, up })
    const choice = MISSES[miss] ?? null
    if (choice !== null) misses.set(id, choice)
  }
  const described: TableFeatures[] = []
  const count = bytes[at++] ?? 0
  for (let read = 0; read < count; read++) {
    const [place = 0, placeMiss = 0] = bytes.subarray(at, at += 2)
    const message = messageAt(bytes, at)
    if (message?.type !== 'stats_reply' || message.body.kind !== 'table_features') return null
    const withMeter = (list: readonly InstructionName[], where: number): InstructionName[] => (where === 0 ? [...list] : [...list.slice(0, where - 1), 'meter', ...list.slice(where - 1)])
    described.push(...message.body.tables.map((table) => ({
      ...table, instructions: withMeter(table.instructions, place), instructionsMiss: withMeter(table.instructionsMiss, placeMiss),
    })))
    at += (bytes[at + 2] ?? 0) << 8 | (bytes[at + 3] ?? 0)
  }
  return { kind: 'tables', tables: { settings, misses, described } }
}

/** null: not ours, or of a form that this release does not know. */
export function readHome(bytes: Uint8Array): Home | null {
  if (bytes.length < HEAD || bytes[0] !== FORM) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    switch (bytes[1]) {
      case KIND.flow: {
        const message = messageAt(bytes, HEAD + 32)
        if (message?.type !== 'flow_mod') return null
        const { tableId, priority, match, instructions, cookie, idleTimeout, hardTimeout, flags, importance } = message
        const life: FlowLife = {
          flags, hardTimeout, importance, createdAt: view.getFloat64(HEAD), modifiedAt: view.getFloat64(HEAD + 8),
          packets: view.getBigUint64(HEAD + 16), bytes: view.getBigUint64(HEAD + 24),
        }
        return { kind: 'flow', flow: { tableId, priority, match, instructions, cookie, idleTimeout, life } }
      }
      case KIND.group: {
        const count = view.getUint16(HEAD + 8)
        const message = messageAt(bytes, HEAD + 10 + 4 * count)
        if (message?.type !== 'group_mod') return null
        const { groupId, groupType, buckets } = message
        const cells = Array.from({ length: count }, (_, index) => view.getUint32(HEAD + 10 + 4 * index))
        return { kind: 'group', group: { groupId, groupType, buckets, createdAt: view.getFloat64(HEAD) }, cells }
      }
      case KIND.meter: {
        const message = messageAt(bytes, HEAD + 12)
        if (message?.type !== 'meter_mod') return null
        const { meterId, flags, bands } = message
        return { kind: 'meter', meter: { meterId, flags, bands, createdAt: view.getFloat64(HEAD) }, slot: view.getUint32(HEAD + 8) }
      }
      case KIND.half: return readHalf(bytes, view)
      case KIND.tables: return readTables(bytes)
      case KIND.port: return { kind: 'port', config: view.getUint32(HEAD) }
      default: return null
    }
  } catch (error) {
    if (error instanceof RangeError || error instanceof WireError) return null
    throw error
  }
}

function withMessage(kind: number, size: number, message: FlowMod | GroupMod | MeterMod, fill: (view: DataView) => void = () => {}): Uint8Array {
  const [wire] = encodeFirst(message)
  if (wire === undefined) return NOTHING
  const bytes = new Uint8Array(HEAD + size + wire.length)
  bytes.set([FORM, kind])
  fill(new DataView(bytes.buffer))
  bytes.set(wire, HEAD + size)
  return bytes
}

function encodeFirst(message: Message): readonly Uint8Array[] {
  for (const version of versions) {
    try {
      return encodeMessage(message, version, 0)
    } catch (error) {
      if (!(error instanceof Unencodable)) throw error
    }
  }
  return []
}

function messageAt(bytes: Uint8Array, offset: number): Message | null {
  // A copy: what is decoded may refer to the bytes it came from, and the rest of the Read is not to be kept for it.
  const wire = bytes.slice(offset, offset + ((bytes[offset + 2] ?? 0) << 8 | (bytes[offset + 3] ?? 0)))
  const version = wire[0] ?? 0
  const decoded = decodeMessage(frameOf(wire), version)
  return decoded.ok ? decoded.message : null
}
