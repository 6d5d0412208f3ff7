/** Reads a pipeline: tables with their keys, default and constant entries, conditionals, and the graph that joins them. */
import type { Action, ActionCall, ConstEntry, KeyField, KeyMatch, MatchKind, NextNodes, Node, Pipeline, TableDef } from './ir.js'
import { asArray, asBoolean, asHex, asInt, asObject, asOptionalArray, asString, ProgramProblem } from './json.js'
import type { JsonObject, Problems } from './json.js'
import { readActionArgs } from './read-action.js'
import { readBool } from './read-expression.js'
import type { Scope } from './scope.js'

/** The largest table BMv2 accepts. */
const maxTableSize = 0xffffff

export interface PipelineContext {
  readonly scope: Scope
  readonly problems: Problems
  readonly actions: readonly Action[]
  readonly tables: TableDef[]
  readonly nodes: Node[]
}

export const readPipeline = (value: unknown, context: PipelineContext): Pipeline => {
  const object = asObject(value, 'pipeline')
  const name = asString(object['name'], 'pipeline name')
  const { problems, nodes, tables } = context
  const byName = new Map<string, number>()
  const declare = (item: unknown, kind: string): { source: JsonObject; index: number } => {
    const source = asObject(item, `${name}: ${kind}`)
    const nodeName = asString(source['name'], `${name}: ${kind} name`)
    if (byName.has(nodeName)) throw new ProgramProblem(`${name}: two nodes are named ${nodeName}`)
    const index = nodes.length
    byName.set(nodeName, index)
    nodes.push({ kind: 'cond', cond: { kind: 'bool', value: true }, whenTrue: -1, whenFalse: -1 })
    return { source, index }
  }
  const sources = {
    tables: asArray(object['tables'], `${name}: tables`).map(item => declare(item, 'table')),
    conditionals: asArray(object['conditionals'], `${name}: conditionals`).map(item => declare(item, 'conditional')),
    calls: asOptionalArray(object['action_calls'], `${name}: action_calls`).map(item => declare(item, 'action call')),
  }
  const nodeOf = (target: unknown, where: string): number => {
    if (target === null || target === undefined) return -1
    const index = byName.get(asString(target, where))
    if (index === undefined) throw new ProgramProblem(`${where}: no node is named ${String(target)}`)
    return index
  }
  for (const { source, index } of sources.tables) {
    problems.attempt(undefined, () => {
      const table = readTable(source, context, nodeOf)
      nodes[index] = { kind: 'table', table: tables.length }
      tables.push(table)
    })
  }
  for (const { source, index } of sources.conditionals) {
    problems.attempt(undefined, () => {
      const where = `conditional ${String(source['name'])}`
      nodes[index] = {
        kind: 'cond', cond: readBool(source['expression'], context.scope, [], where),
        whenTrue: nodeOf(source['true_next'], where), whenFalse: nodeOf(source['false_next'], where),
      }
    })
  }
  for (const { source, index } of sources.calls) {
    problems.attempt(undefined, () => {
      const where = `action call ${String(source['name'])}`
      const action = context.scope.find('action id', String(asInt(source['action_id'], where)))
      if (context.actions[action]?.params.length !== 0) throw new ProgramProblem(`${where}: the action takes arguments`)
      nodes[index] = { kind: 'call', action, next: nodeOf(source['next_node'], where) }
    })
  }
  const first = nodeOf(object['init_table'], `${name}: init_table`)
  problems.attempt(undefined, () => refuseCycles(nodes, tables, name))
  return { name, first }
}

const readTable = (source: JsonObject, context: PipelineContext, nodeOf: NodeOf): TableDef => {
  const { scope, actions } = context
  const name = asString(source['name'], 'table name')
  const where = `table ${name}`
  const match = readMatchKind(source['match_type'], where)
  const key = asArray(source['key'], `${where}: key`).map(item => readKeyField(item, scope, where))
  checkKeyKinds(match, key, where)
  const type = asString(source['type'], `${where}: type`)
  if (type !== 'simple' && type !== 'indirect' && type !== 'indirect_ws') throw new ProgramProblem(`${where}: type ${type} is not supported`)
  const actionProfile = type === 'simple' ? null : scope.find('action profile', asString(source['action_profile'], `${where}: action_profile`))
  const actionIds = asArray(source['action_ids'], `${where}: action_ids`).map(id => scope.find('action id', String(asInt(id, `${where}: action id`))))
  const meterName = source['direct_meters']
  const directMeter = meterName === null || meterName === undefined ? null : scope.find('meter array', asString(meterName, where))
  const readCall = (id: unknown, args: unknown): ActionCall => {
    const action = scope.find('action id', String(asInt(id, `${where}: action id`)))
    const definition = actions[action]
    if (definition === undefined) throw new ProgramProblem(`${where}: an action could not be read`)
    return { action, args: readActionArgs(args, definition, where) }
  }
  let defaultCall: ActionCall | null = null
  let defaultConst = { action: false, entry: false }
  if (source['default_entry'] !== undefined && source['default_entry'] !== null) {
    const entry = asObject(source['default_entry'], `${where}: default_entry`)
    defaultCall = readCall(entry['action_id'], entry['action_data'])
    const flag = (field: string): boolean => entry[field] === undefined ? false : asBoolean(entry[field], `${where}: ${field}`)
    defaultConst = { action: flag('action_const'), entry: flag('action_entry_const') }
  }
  const constEntries = source['entries'] === undefined || source['entries'] === null ? null
    : asArray(source['entries'], `${where}: entries`).map((item): ConstEntry => {
      const entry = asObject(item, `${where}: entry`)
      const call = asObject(entry['action_entry'], `${where}: entry`)
      return {
        match: readMatchKey(entry['match_key'], key, where), call: readCall(call['action_id'], call['action_data']),
        priority: entry['priority'] === undefined ? 0 : asInt(entry['priority'], `${where}: entry priority`),
      }
    })
  if (constEntries !== null && actionProfile !== null) throw new ProgramProblem(`${where}: an indirect table cannot have constant entries`)
  const flag = (field: string): boolean => source[field] === undefined ? false : asBoolean(source[field], `${where}: ${field}`)
  return {
    name, match, key, size: asInt(source['max_size'], `${where}: max_size`, maxTableSize), actions: actionIds,
    next: readNext(source, actionIds, actions, nodeOf, where), withCounters: flag('with_counters'), withTimeouts: flag('support_timeout'),
    directMeter, actionProfile, defaultCall, defaultConst, constEntries,
  }
}

type NodeOf = (target: unknown, where: string) => number

const readNext = (source: JsonObject, actionIds: readonly number[], actions: readonly Action[], nodeOf: NodeOf, where: string): NextNodes => {
  const next = asObject(source['next_tables'], `${where}: next_tables`)
  if ('__HIT__' in next || '__MISS__' in next) return { kind: 'hitMiss', hit: nodeOf(next['__HIT__'], where), miss: nodeOf(next['__MISS__'], where) }
  const nodes = new Map<number, number>()
  for (const id of actionIds) {
    const name = actions[id]?.name ?? ''
    if (!(name in next)) throw new ProgramProblem(`${where}: next_tables does not name action ${name}`)
    nodes.set(id, nodeOf(next[name], where))
  }
  return { kind: 'byAction', nodes, missDefault: nodeOf(source['base_default_next'], where) }
}

const readMatchKind = (value: unknown, where: string): MatchKind => {
  const kind = asString(value, `${where}: match_type`)
  // P4 optional matches are written as ternary; tables of the match kind "selector" do not exist in the JSON.
  if (kind === 'optional') return 'ternary'
  if (kind === 'exact' || kind === 'lpm' || kind === 'ternary' || kind === 'range') return kind
  throw new ProgramProblem(`${where}: match kind ${kind} is not supported`)
}

const readKeyField = (value: unknown, scope: Scope, where: string): KeyField => {
  const object = asObject(value, `${where}: key field`)
  const declared = asString(object['match_type'], `${where}: key field`)
  const mask = object['mask'] === null || object['mask'] === undefined ? null : asHex(object['mask'], `${where}: key mask`)
  const source = declared === 'valid'
    ? { kind: 'validBit' as const, header: scope.find('header', asString(object['target'], `${where}: key field`)) }
    : scope.field(object['target'], `${where}: key field`)
  const field = source.kind === 'field' ? scope.header(source.ref.header).type.fields[source.ref.field] : undefined
  if (field?.varbit === true) throw new ProgramProblem(`${where}: a varbit field cannot be a key`)
  const name = typeof object['name'] === 'string' ? object['name'] : String(object['target'])
  return { name, match: declared === 'valid' ? 'exact' : readMatchKind(declared, where), source, width: field?.width ?? 1, mask }
}

/** A table is as general as its most general field; only one field may be lpm. */
const checkKeyKinds = (match: MatchKind, key: readonly KeyField[], where: string): void => {
  if (key.filter(field => field.match === 'lpm').length > 1) throw new ProgramProblem(`${where}: two fields are lpm`)
  const rank = { exact: 0, lpm: 1, ternary: 2, range: 3 }
  for (const field of key) {
    if (rank[field.match] > rank[match]) throw new ProgramProblem(`${where}: a ${field.match} field stands in a table of kind ${match}`)
  }
}

const readMatchKey = (value: unknown, key: readonly KeyField[], where: string): KeyMatch[] => {
  const list = asArray(value, `${where}: match_key`)
  if (list.length !== key.length) throw new ProgramProblem(`${where}: an entry has ${list.length} match fields, not ${key.length}`)
  return list.map((item, index): KeyMatch => {
    const object = asObject(item, `${where}: match field`)
    const kind = asString(object['match_type'], `${where}: match field`)
    const width = key[index]?.width ?? 0
    const full = (1n << BigInt(width)) - 1n
    const hex = (field: string): bigint => BigInt.asUintN(width, asHex(object[field], `${where}: ${field}`))
    switch (kind) {
      case 'valid': return { kind: 'exact', value: asBoolean(object['key'], `${where}: key`) ? 1n : 0n }
      case 'exact': return { kind: 'exact', value: hex('key') }
      case 'lpm': {
        const length = asInt(object['prefix_length'], `${where}: prefix_length`, width)
        return { kind: 'lpm', value: hex('key') & (full >> BigInt(width - length) << BigInt(width - length)), length }
      }
      case 'ternary':
      case 'optional': return { kind: 'ternary', value: hex('key') & hex('mask'), mask: hex('mask') }
      case 'range': return { kind: 'range', low: hex('start'), high: hex('end') }
      default: throw new ProgramProblem(`${where}: match kind ${kind} is not supported`)
    }
  })
}

export const successorsOf = (node: Node, tables: readonly TableDef[]): number[] => {
  if (node.kind === 'cond') return [node.whenTrue, node.whenFalse]
  if (node.kind === 'call') return [node.next]
  const next = tables[node.table]?.next
  if (next === undefined) return []
  return next.kind === 'hitMiss' ? [next.hit, next.miss] : [...next.nodes.values(), next.missDefault]
}

/** A pipeline that could turn in circles would hold the packet for ever. */
const refuseCycles = (nodes: readonly Node[], tables: readonly TableDef[], name: string): void => {
  const state = new Uint8Array(nodes.length)
  const stack: { node: number; next: number[] }[] = []
  for (let start = 0; start < nodes.length; start++) {
    if (state[start] !== 0) continue
    const enter = (index: number): void => {
      const node = nodes[index]
      state[index] = 1
      stack.push({ node: index, next: node === undefined ? [] : successorsOf(node, tables).filter(target => target >= 0) })
    }
    enter(start)
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const target = top.next.pop()
      if (target === undefined) {
        state[top.node] = 2
        stack.pop()
      } else if (state[target] === 1) {
        throw new ProgramProblem(`pipeline ${name} has a cycle`)
      } else if (state[target] === 0) {
        enter(target)
      }
    }
  }
}
