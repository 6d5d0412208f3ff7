/**
 * From P4Runtime messages to named entries: what a target holds, in the words in which the compiler would write it. The
 * opposite of encode.ts; like that, it goes by the bytes of table entries, of which there may be many, and leaves all others to
 * the generated code. P4RT 1.4 §9.1 (tables), §9.5 (replication), §13 (ReadResponse)
 */
import type { NamedAction, NamedEntity, NamedMatch, NamedMulticastGroup, NamedParam, NamedTableEntry } from '../compiler/ir.js'
import { fromBytes } from '../p4info/index.js'
import type { ActionInfo, MatchFieldInfo, P4InfoIndex, TableInfo } from '../p4info/index.js'
import { Cursor, LENGTH, VARINT } from '../p4proto/cursor.js'
import { p4 } from '../p4proto/generated.js'
import { toBigInt, toNumber } from '../p4proto/int64.js'

/** Is told what is there and takes room, named or not. */
export interface Counted { entry(tableId: number): void; group(): void }

/** Numbers of fields, as in p4runtime.proto; those of which the bytes tell the length. */
const length = (field: number): number => field << 3 | LENGTH
const varint = (field: number): number => field << 3 | VARINT
const ENTITY = length(1)
const ENTITY_TABLE_ENTRY = length(2)
const ENTRY = {
  tableId: varint(1), match: length(2), action: length(3), priority: varint(4), controllerMetadata: varint(5), isDefaultAction: varint(8), idleTimeoutNs: varint(9),
  metadata: length(11), isConst: varint(13),
} as const
const MATCH = { fieldId: varint(1), exact: length(2), ternary: length(3), lpm: length(4), range: length(6), optional: length(7) } as const
const TABLE_ACTION_ACTION = length(1)
const ACTION = { actionId: varint(1), params: length(4) } as const
const PARAM = { paramId: varint(2), value: length(3) } as const

const NO_BYTES: Uint8Array = new Uint8Array(0)

/** Decodes the bytes of one ReadResponse after another. What we do not write is left out: const entries, action profiles, ids that the P4Info lacks. */
export class Decoder {
  readonly #index: P4InfoIndex
  readonly #counted: Counted
  #bytes: Uint8Array = NO_BYTES
  #cursor = new Cursor(NO_BYTES)
  // Of the entry that is being decoded: where its match fields lie, and the parameters of its action.
  readonly #matches: number[] = []
  readonly #params: number[] = []
  readonly #values: bigint[] = []

  constructor(index: P4InfoIndex, counted: Counted) {
    this.#index = index
    this.#counted = counted
  }

  /** Entries keep views of the message. Throws RangeError where it is none. */
  add(message: Uint8Array, into: NamedEntity[]): void {
    this.#bytes = message
    const cursor = this.#cursor = new Cursor(message)
    while (cursor.at < message.length) {
      const tag = cursor.small()
      if (tag !== ENTITY) {
        cursor.skip(tag)
        continue
      }
      const end = cursor.end()
      const begin = cursor.at
      const first = cursor.at < end ? cursor.small() : 0
      let entity: NamedEntity | null
      if (first === ENTITY_TABLE_ENTRY && cursor.end() === end) entity = this.#entry(end)
      else entity = this.#other(p4.v1.Entity.decode(message.subarray(begin, end)))
      cursor.at = end
      if (entity !== null) into.push(entity)
    }
  }

  #other(entity: p4.v1.Entity): NamedEntity | null {
    if (entity.meterEntry) return decodeMeter(entity.meterEntry, this.#index)
    const group = entity.packetReplicationEngineEntry?.multicastGroupEntry
    if (!group) return null
    this.#counted.group()
    return decodeGroup(group)
  }

  #entry(end: number): NamedTableEntry | null {
    const cursor = this.#cursor
    let [tableId, priority, controllerMetadata, idleTimeoutNs, action, matches] = [0, 0, 0, 0, -1, 0]
    let metadata = NO_BYTES
    let [isDefault, isConst] = [false, false]
    while (cursor.at < end) {
      const tag = cursor.small()
      switch (tag) {
        case ENTRY.tableId: tableId = cursor.small(); break
        case ENTRY.priority: priority = cursor.small(); break
        case ENTRY.controllerMetadata:
          cursor.varint()
          controllerMetadata = cursor.number
          break
        case ENTRY.idleTimeoutNs:
          cursor.varint()
          idleTimeoutNs = cursor.number
          break
        case ENTRY.isDefaultAction: isDefault = cursor.small() !== 0; break
        case ENTRY.isConst: isConst = cursor.small() !== 0; break
        case ENTRY.metadata: {
          const stop = cursor.end()
          metadata = this.#bytes.subarray(cursor.at, stop)
          cursor.at = stop
          break
        }
        case ENTRY.match:
          this.#matches[matches++] = cursor.at
          cursor.skip(tag)
          break
        case ENTRY.action:
          action = cursor.at
          cursor.skip(tag)
          break
        default: cursor.skip(tag)
      }
    }
    if (!isDefault) this.#counted.entry(tableId)
    const table = this.#index.tableById.get(tableId)
    if (isDefault || isConst || table === undefined || action < 0) return null
    const named = this.#action(action, table)
    if (named === null) return null
    return {
      kind: 'table', table: table.name, match: this.#match(matches, table), priority, action: named, idleTimeout: Math.round(idleTimeoutNs / 1_000_000),
      controllerMetadata, metadata, resetCounters: false,
    }
  }

  /** In the order of the key, in which nearly everyone tells them; the last one counts of those that are told twice. */
  #match(count: number, table: TableInfo): NamedMatch[] {
    const cursor = this.#cursor
    const { ids, fields } = placesOf(table)
    const match: NamedMatch[] = []
    let before = -1
    let isOrdered = true
    for (let which = 0; which < count; which++) {
      cursor.at = this.#matches[which] as number
      const end = cursor.end()
      let [id, kind, part] = [0, 0, 0]
      while (cursor.at < end) {
        const tag = cursor.small()
        if (tag === MATCH.fieldId) {
          id = cursor.small()
        } else {
          kind = tag
          part = cursor.at
          cursor.skip(tag)
        }
      }
      const place = ids.get(id)
      const field = place === undefined ? undefined : fields[place]
      if (place === undefined || field === undefined) continue
      if (place <= before) isOrdered = false
      before = place
      cursor.at = part
      match.push(this.#part(field, kind))
    }
    return isOrdered ? match : table.matchFields.flatMap(({ name }) => match.findLast(({ field }) => field === name) ?? [])
  }

  #part({ name }: MatchFieldInfo, kind: number): NamedMatch {
    const cursor = this.#cursor
    const end = kind === 0 ? cursor.at : cursor.end()
    let [first, second, prefixLength] = [0n, 0n, 0]
    while (cursor.at < end) {
      const tag = cursor.small()
      if (tag === length(1)) first = this.#value()
      else if (tag === length(2)) second = this.#value()
      else if (tag === varint(2)) prefixLength = cursor.small()
      else cursor.skip(tag)
    }
    switch (kind) {
      case MATCH.exact: return { field: name, kind: 'exact', value: first }
      case MATCH.ternary: return { field: name, kind: 'ternary', value: first, mask: second }
      case MATCH.lpm: return { field: name, kind: 'lpm', value: first, prefixLength }
      case MATCH.range: return { field: name, kind: 'range', low: first, high: second }
      default: return { field: name, kind: 'optional', value: first }
    }
  }

  /** null: no action of the table. `at`: of a TableAction's length. */
  #action(at: number, table: TableInfo): NamedAction | null {
    const cursor = this.#cursor
    cursor.at = at
    const end = cursor.end()
    while (cursor.at < end) {
      const tag = cursor.small()
      if (tag === TABLE_ACTION_ACTION) return this.#call(cursor.end(), table)
      cursor.skip(tag)
    }
    return null
  }
  #call(end: number, table: TableInfo): NamedAction | null {
    const cursor = this.#cursor
    let id = 0
    let count = 0
    while (cursor.at < end) {
      const tag = cursor.small()
      if (tag === ACTION.actionId) {
        id = cursor.small()
      } else if (tag === ACTION.params) {
        const stop = cursor.end()
        let [param, value] = [0, 0n]
        while (cursor.at < stop) {
          const inner = cursor.small()
          if (inner === PARAM.paramId) param = cursor.small()
          else if (inner === PARAM.value) value = this.#value()
          else cursor.skip(inner)
        }
        this.#params[count] = param
        this.#values[count++] = value
      } else {
        cursor.skip(tag)
      }
    }
    const info = placesOf(table).actions.get(id)
    if (info === undefined) return null
    const given = this.#params
    return { name: info.name, params: info.params.map(({ id: param, name }): NamedParam => {
      for (let which = count - 1; which >= 0; which--) if (given[which] === param) return { name, value: this.#values[which] as bigint }
      return { name, value: 0n }
    }) }
  }

  /** Of a byte string that begins here with its length. */
  #value(): bigint {
    const cursor = this.#cursor
    const end = cursor.end()
    const size = end - cursor.at
    const bytes = this.#bytes
    if (size > 6) {
      const value = fromBytes(bytes.subarray(cursor.at, end))
      cursor.at = end
      return value
    }
    let value = 0
    for (; cursor.at < end; cursor.at++) value = value * 256 + (bytes[cursor.at] as number)
    return BigInt(value)
  }
}

/** Of a table, what is asked for with each of its entries. */
interface Places { readonly ids: ReadonlyMap<number, number>; readonly fields: readonly MatchFieldInfo[]; readonly actions: ReadonlyMap<number, ActionInfo> }
const places = new WeakMap<TableInfo, Places>()
function placesOf(table: TableInfo): Places {
  const known = places.get(table)
  if (known !== undefined) return known
  const { matchFields, actions } = table
  const made: Places = { ids: new Map(matchFields.map(({ id }, place) => [id, place])), fields: matchFields, actions: new Map(actions.map(({ action }) => [action.id, action])) }
  places.set(table, made)
  return made
}

/** null also for a cell that measures nothing. */
function decodeMeter({ meterId, index: cell, config }: p4.v1.IMeterEntry, index: P4InfoIndex): NamedEntity | null {
  const name = [...index.meters.values()].find(({ id }) => id === meterId)?.name
  const rate = toBigInt(config?.cir)
  if (name === undefined || !config || rate === 0n && toBigInt(config.cburst) === 0n) return null
  return { kind: 'meter', meter: name, index: toNumber(cell?.index), config: { rate, burst: toBigInt(config.cburst) } }
}

function decodeGroup(group: p4.v1.IMulticastGroupEntry): NamedMulticastGroup {
  const replicas = (group.replicas ?? []).map(({ port, egressPort, instance }) =>
    ({ port: port && port.length > 0 ? Number(fromBytes(port)) : egressPort ?? 0, instance: instance ?? 0 }))
  return { kind: 'multicast', groupId: group.multicastGroupId ?? 0, replicas }
}
