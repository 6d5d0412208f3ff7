/**
 * Joins the two halves of a pipeline config: the P4Info, in whose ids controllers speak, and the compiled program. What the
 * P4Info promises and the program does not have is told as a list of reasons.
 */
import type { ActionInfo, CounterInfo, DigestInfo, MatchFieldInfo, MeterInfo, P4InfoIndex, TableInfo } from '../../p4info/index.js'
import type { ActionProfile } from '../program/action-profile.js'
import type { Executable } from '../program/compile.js'
import { wordsFor } from '../program/layout.js'
import type { CounterArray, MeterArray } from '../program/meter.js'
import type { Table } from '../program/table.js'
import { ControllerHeader } from './controller-header.js'

export interface BoundTable {
  readonly info: TableInfo
  readonly table: Table
  /** P4Info id of an action → number of the action in the program, and back. */
  readonly actionById: ReadonlyMap<number, number>
  readonly infoByAction: ReadonlyMap<number, ActionInfo>
  /** P4Info id of a match field → its place in the key. */
  readonly fieldById: ReadonlyMap<number, number>
  /** Fields that an entry must not leave out. */
  readonly required: readonly MatchFieldInfo[]
  /** By P4Info id: what an entry's action may be, and where its arguments lie. */
  readonly actionRefs: ReadonlyMap<number, BoundAction>
}
export interface BoundAction {
  readonly info: ActionInfo
  /** In the program. */
  readonly number: number
  readonly scope: TableInfo['actions'][number]['scope']
  readonly words: number
  readonly params: ReadonlyMap<number, { readonly info: ActionInfo['params'][number]; readonly at: number }>
}
export interface BoundProfile {
  readonly id: number
  readonly name: string
  readonly profile: ActionProfile
  readonly maxGroupSize: number
  readonly tables: readonly BoundTable[]
}

export interface BoundPipeline {
  readonly executable: Executable
  readonly tables: ReadonlyMap<number, BoundTable>
  readonly byTable: ReadonlyMap<Table, BoundTable>
  readonly counters: ReadonlyMap<number, { readonly info: CounterInfo; readonly array: CounterArray }>
  readonly meters: ReadonlyMap<number, { readonly info: MeterInfo; readonly array: MeterArray }>
  readonly profiles: ReadonlyMap<number, BoundProfile>
  /** By P4Info id, and by the program's learn list. */
  readonly digests: ReadonlyMap<number, DigestInfo>
  readonly digestOfList: ReadonlyMap<number, DigestInfo>
  readonly packetIn: ControllerHeader | null
  readonly packetOut: ControllerHeader | null
}

export const bindPipeline = (executable: Executable, index: P4InfoIndex): { readonly pipeline: BoundPipeline; readonly reasons: readonly string[] } => {
  const reasons: string[] = []
  const { program } = executable
  const tables = new Map<number, BoundTable>()
  const byTable = new Map<Table, BoundTable>()
  const tableByName = new Map(executable.tables.map(table => [table.def.name, table]))
  for (const info of index.tables.values()) {
    const table = tableByName.get(info.name)
    if (table === undefined) {
      reasons.push(`the program has no table ${info.name}`)
      continue
    }
    const bound = bindTable(info, table, executable, reason => reasons.push(`table ${info.name}: ${reason}`))
    tables.set(info.id, bound)
    byTable.set(table, bound)
  }

  const counters = new Map<number, { info: CounterInfo; array: CounterArray }>()
  for (const info of index.counters.values()) {
    const array = executable.counters[program.counters.findIndex(counter => counter.name === info.name && !counter.direct)]
    if (array === undefined || array.size < info.size) reasons.push(`the program has no counter ${info.name} of ${info.size} cells`)
    else counters.set(info.id, { info, array })
  }
  const meters = new Map<number, { info: MeterInfo; array: MeterArray }>()
  for (const info of index.meters.values()) {
    const array = executable.meters[program.meters.findIndex(meter => meter.name === info.name && !meter.direct)]
    if (array === undefined || array.size < info.size) reasons.push(`the program has no meter ${info.name} of ${info.size} cells`)
    else meters.set(info.id, { info, array })
  }
  const profiles = new Map<number, BoundProfile>()
  for (const info of index.actionProfiles.values()) {
    const profile = executable.actionProfiles.find(candidate => candidate.def.name === info.name)
    if (profile === undefined) reasons.push(`the program has no action profile ${info.name}`)
    else {
      const { id, name, maxGroupSize } = info
      profiles.set(id, { id, name, profile, maxGroupSize, tables: [...tables.values()].filter(({ table }) => table.profile === profile) })
    }
  }
  const digests = new Map<number, DigestInfo>()
  const digestOfList = new Map<number, DigestInfo>()
  for (const info of index.digests.values()) {
    const list = [...program.learnLists].find(([, candidate]) => candidate.name === info.name)
    if (list === undefined || info.fields === null || info.fields.length !== list[1].elements.length) {
      reasons.push(`digest ${info.name} is not a flat record that the program sends`)
      continue
    }
    digests.set(info.id, info)
    digestOfList.set(list[0], info)
  }
  const header = (name: string): ControllerHeader | null => {
    const info = index.controllerHeaders.get(name)
    if (info === undefined) return null
    if (info.fields.reduce((bits, field) => bits + field.bitwidth, 0) % 8 !== 0) {
      reasons.push(`controller header ${name} is not a whole number of bytes`)
    }
    return new ControllerHeader(info)
  }
  const headers = { packetIn: header('packet_in'), packetOut: header('packet_out') }
  return { pipeline: { executable, tables, byTable, counters, meters, profiles, digests, digestOfList, ...headers }, reasons }
}

const bindTable = (info: TableInfo, table: Table, executable: Executable, fail: (reason: string) => void): BoundTable => {
  const { def } = table
  const { program } = executable
  if (info.matchFields.length !== def.key.length) fail(`${info.matchFields.length} match fields in the P4Info, ${def.key.length} in the program`)
  info.matchFields.forEach((field, at) => {
    const key = def.key[at]
    if (key === undefined) return
    const kind = field.kind === 'optional' ? 'ternary' : field.kind
    if (key.match !== kind || key.width !== field.bitwidth) {
      fail(`field ${field.name} is ${field.kind} of ${field.bitwidth} bits in the P4Info, ${key.match} of ${key.width} bits in the program`)
    }
  })
  if (info.needsPriority !== (def.match === 'ternary' || def.match === 'range')) {
    fail(`match kind ${def.match} does not go with the key in the P4Info`)
  }
  if (info.idleTimeout && !def.withTimeouts) fail('the program does not keep times of hits')
  if (info.directCounter !== null && !def.withCounters) fail('the program has no direct counter')
  if (info.directMeter !== null && def.directMeter === null) fail('the program has no direct meter')
  if ((info.actionProfile !== null) !== (def.actionProfile !== null)) fail('direct and indirect do not agree')
  const actionById = new Map<number, number>()
  const infoByAction = new Map<number, ActionInfo>()
  const candidates = new Set([...def.actions, ...(def.defaultCall === null ? [] : [def.defaultCall.action])])
  for (const { action } of info.actions) {
    const number = [...candidates].find(candidate => program.actions[candidate]?.name === action.name)
    const params = number === undefined ? undefined : program.actions[number]?.params
    if (number === undefined || params === undefined) {
      fail(`the program has no action ${action.name} here`)
      continue
    }
    if (params.length !== action.params.length || params.some((param, at) => param.width !== action.params[at]?.bitwidth)) {
      fail(`the parameters of action ${action.name} differ`)
    }
    actionById.set(action.id, number)
    infoByAction.set(number, action)
  }
  const fieldById = new Map(info.matchFields.map(({ id }, at) => [id, at]))
  const actionRefs = new Map(info.actions.flatMap(({ action, scope }) => {
    const number = actionById.get(action.id)
    return number === undefined ? [] : [[action.id, boundAction(action, number, scope)] as const]
  }))
  return { info, table, actionById, infoByAction, fieldById, actionRefs, required: info.matchFields.filter(({ kind }) => kind === 'exact') }
}

/** Arguments lie one after another, each in whole words, as packArgs() puts them. */
const boundAction = (info: ActionInfo, number: number, scope: BoundAction['scope']): BoundAction => {
  let words = 0
  const params = new Map(info.params.map(param => {
    const at = words
    words += wordsFor(param.bitwidth)
    return [param.id, { info: param, at }] as const
  }))
  return { info, number, scope, words, params }
}
