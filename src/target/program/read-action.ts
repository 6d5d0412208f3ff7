/** Reads actions and their primitives: the core ones of BMv2 and those of simple_switch. */
import type { Action, ActionParam, DataExpr, FieldRef, Primitive } from './ir.js'
import { asArray, asHex, asInt, asObject, asOptionalArray, asString, ProgramProblem } from './json.js'
import type { JsonObject } from './json.js'
import { headerTypeOf, readData, readHeader, readPlace, readStack, readVarbit } from './read-expression.js'
import type { Params, Scope } from './scope.js'

export const maxFieldBits = 65536

export const readAction = (value: unknown, scope: Scope): Action => {
  const object = asObject(value, 'action')
  const name = asString(object['name'], 'action name')
  const where = `action ${name}`
  const params: ActionParam[] = asArray(object['runtime_data'], `${where}: runtime_data`).map(item => {
    const param = asObject(item, `${where}: parameter`)
    return { name: asString(param['name'], `${where}: parameter name`), width: asInt(param['bitwidth'], `${where}: parameter width`, maxFieldBits) }
  })
  const list = asArray(object['primitives'], `${where}: primitives`)
  const primitives = list.map(item => readPrimitive(item, scope, params, where))
  for (const primitive of primitives) {
    if ((primitive.op === 'jump' || primitive.op === 'jumpIfZero') && primitive.target > primitives.length) {
      throw new ProgramProblem(`${where}: a jump leaves the action`)
    }
  }
  return { name, params, primitives }
}

/** The primitive and the number of its arguments. */
const arity: Readonly<Record<string, number>> = {
  assign: 2, modify_field: 2, assign_VL: 2, assign_header: 2, copy_header: 2, assign_header_stack: 2, add_header: 1, remove_header: 1,
  push: 2, pop: 2, mark_to_drop: 1, drop: 0, _jump: 1, _jump_if_zero: 2, exit: 0, no_op: 0, assert: 1, assume: 1, log_msg: 2,
  clone_ingress_pkt_to_egress: 2, clone_egress_pkt_to_egress: 2, resubmit: 1, recirculate: 1, generate_digest: 2, truncate: 1,
  count: 2, execute_meter: 3, register_read: 3, register_write: 3, modify_field_with_hash_based_offset: 4, modify_field_rng_uniform: 3,
}

export const readPrimitive = (value: unknown, scope: Scope, params: Params, owner: string): Primitive => {
  const object = asObject(value, `${owner}: primitive`)
  const name = asString(object['op'], `${owner}: primitive name`)
  const where = `${owner}: ${name}`
  const args = asOptionalArray(object['parameters'], where)
  const wanted = Object.hasOwn(arity, name) ? arity[name] : undefined
  if (wanted === undefined) throw new ProgramProblem(`${owner}: primitive ${name} is not supported`)
  if (args.length !== wanted) throw new ProgramProblem(`${where}: ${wanted} arguments are wanted, ${args.length} are given`)
  const data = (index: number): DataExpr => readData(args[index], scope, params, where)
  const constant = (index: number): number => {
    const expr = data(index)
    if (expr.kind !== 'const' || expr.value < 0n || expr.value > 0x7fffffffn) {
      throw new ProgramProblem(`${where}: argument ${index + 1} is not a constant`)
    }
    return Number(expr.value)
  }
  const place = (index: number): ReturnType<typeof readPlace> => readPlace(args[index], scope, params, where)
  const named = (index: number, type: string): string => {
    const argument = asObject(args[index], where)
    if (argument['type'] !== type) throw new ProgramProblem(`${where}: argument ${index + 1} is not a ${type}`)
    return asString(argument['value'], where)
  }
  const listId = (index: number, known: ReadonlySet<number>, what: string): number => {
    const id = constant(index)
    if (!known.has(id)) throw new ProgramProblem(`${where}: ${what} number ${id} does not exist`)
    return id
  }

  switch (name) {
    case 'assign':
    case 'modify_field': return readAssign(args, scope, params, where)
    case 'assign_VL': return { op: 'assignVarbit', ...varbitPair(args, scope, where) }
    case 'assign_header':
    case 'copy_header': {
      const to = readHeader(args[0], scope, params, where)
      const from = readHeader(args[1], scope, params, where)
      if (headerTypeOf(to, scope) !== headerTypeOf(from, scope)) throw new ProgramProblem(`${where}: the headers have different types`)
      return { op: 'assignHeader', to, from }
    }
    case 'assign_header_stack': {
      const to = readStack(args[0], scope, where)
      const from = readStack(args[1], scope, where)
      if (scope.stack(to).headers.length !== scope.stack(from).headers.length || scope.stack(to).type !== scope.stack(from).type) {
        throw new ProgramProblem(`${where}: the stacks differ in type or size`)
      }
      return { op: 'assignStack', to, from }
    }
    case 'add_header': return { op: 'setValid', header: readHeader(args[0], scope, params, where) }
    case 'remove_header': return { op: 'setInvalid', header: readHeader(args[0], scope, params, where) }
    case 'push':
    case 'pop': return { op: name, stack: readStack(args[0], scope, where), count: data(1) }
    case 'mark_to_drop':
    case 'drop': return { op: 'markToDrop' }
    case '_jump': return { op: 'jump', target: constant(0) }
    case '_jump_if_zero': return { op: 'jumpIfZero', cond: data(0), target: constant(1) }
    case 'exit': return { op: 'exit' }
    case 'no_op': return { op: 'noop' }
    case 'assert':
    case 'assume': return { op: 'check', what: name, cond: data(0), text: sourceFragment(object) }
    case 'log_msg': {
      const vector = asObject(args[1], where)
      return { op: 'log', format: named(0, 'string'), args: asArray(vector['value'], where).map(item => readData(item, scope, params, where)) }
    }
    case 'clone_ingress_pkt_to_egress':
    case 'clone_egress_pkt_to_egress': return { op: 'clone', session: data(0), fieldList: listId(1, scope.fieldListIds, 'field list') }
    case 'resubmit':
    case 'recirculate': return { op: name, list: listId(0, scope.fieldListIds, 'field list') }
    case 'generate_digest': return { op: 'digest', list: listId(1, scope.learnListIds, 'learn list') }
    case 'truncate': return { op: 'truncate', length: data(0) }
    case 'count': return { op: 'count', counter: scope.find('counter array', named(0, 'counter_array')), index: data(1) }
    case 'execute_meter': return { op: 'executeMeter', meter: scope.find('meter array', named(0, 'meter_array')), index: data(1), to: place(2) }
    case 'register_read': return { op: 'registerRead', to: place(0), array: scope.find('register array', named(1, 'register_array')), index: data(2) }
    case 'register_write': return { op: 'registerWrite', array: scope.find('register array', named(0, 'register_array')), index: data(1), value: data(2) }
    case 'modify_field_with_hash_based_offset':
      return { op: 'hash', to: place(0), base: data(1), calculation: scope.find('calculation', named(2, 'calculation')), size: data(3) }
    case 'modify_field_rng_uniform': return { op: 'random', to: place(0), low: data(1), high: data(2) }
    default: throw new ProgramProblem(`${owner}: primitive ${name} is not supported`)
  }
}

const readAssign = (args: readonly unknown[], scope: Scope, params: Params, where: string): Primitive => {
  if (readVarbit(args[0], scope, where) !== null) return { op: 'assignVarbit', ...varbitPair(args, scope, where) }
  const to = readPlace(args[0], scope, params, where)
  return { op: 'assign', to, value: readData(args[1], scope, params, where) }
}

const varbitPair = (args: readonly unknown[], scope: Scope, where: string): { to: FieldRef; from: FieldRef } => {
  const to = readVarbit(args[0], scope, where)
  const from = readVarbit(args[1], scope, where)
  if (to === null || from === null) throw new ProgramProblem(`${where}: a varbit field is wanted`)
  return { to, from }
}

const sourceFragment = (object: JsonObject): string => {
  const info = object['source_info']
  const fragment = typeof info === 'object' && info !== null ? (info as JsonObject)['source_fragment'] : undefined
  return typeof fragment === 'string' ? fragment : ''
}

/** Arguments of a default or constant entry: hexadecimal strings, one for each parameter. */
export const readActionArgs = (value: unknown, action: Action, where: string): bigint[] => {
  const list = asArray(value, `${where}: action_data`).map(item => asHex(item, `${where}: action_data`))
  if (list.length !== action.params.length) {
    throw new ProgramProblem(`${where}: action ${action.name} takes ${action.params.length} arguments, not ${list.length}`)
  }
  return list.map((arg, index) => BigInt.asUintN(action.params[index]?.width ?? 0, arg))
}
