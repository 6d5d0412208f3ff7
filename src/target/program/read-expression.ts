/**
 * Reads BMv2's "type value objects" and expressions. Every expression is typed here (data, bool, header), so the code
 * generators need not ask again. A Boolean where data is wanted is 0 or 1, and data where a Boolean is wanted is
 * compared to 0, as BMv2's d2b and b2d do explicitly.
 */
import type { BinaryOp, BoolExpr, CompareOp, DataExpr, FieldRef, HeaderExpr, Place } from './ir.js'
import { asArray, asBoolean, asHex, asInt, asObject, asString, ProgramProblem } from './json.js'
import type { Params, Scope } from './scope.js'

type Typed =
  | { readonly type: 'data'; readonly expr: DataExpr }
  | { readonly type: 'bool'; readonly expr: BoolExpr }
  | { readonly type: 'header'; readonly expr: HeaderExpr }
  | { readonly type: 'stack'; readonly stack: number }

const data = (expr: DataExpr): Typed => ({ type: 'data', expr })
const bool = (expr: BoolExpr): Typed => ({ type: 'bool', expr })

const binaryOps: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%', '<<', '>>', '&', '|', '^'])
const compareOps: ReadonlySet<string> = new Set(['<', '<=', '>', '>='])

export const readData = (value: unknown, scope: Scope, params: Params, where: string): DataExpr => {
  const typed = readTyped(value, scope, params, where)
  if (typed.type === 'data') return typed.expr
  if (typed.type === 'bool') return { kind: 'boolToData', operand: typed.expr }
  throw new ProgramProblem(`${where}: a value is wanted, not a header`)
}

export const readBool = (value: unknown, scope: Scope, params: Params, where: string): BoolExpr => {
  const typed = readTyped(value, scope, params, where)
  if (typed.type === 'bool') return typed.expr
  if (typed.type === 'data') return { kind: 'dataToBool', operand: typed.expr }
  throw new ProgramProblem(`${where}: a condition is wanted, not a header`)
}

export const readHeader = (value: unknown, scope: Scope, params: Params, where: string): HeaderExpr => {
  const typed = readTyped(value, scope, params, where)
  if (typed.type === 'header') return typed.expr
  throw new ProgramProblem(`${where}: a header is wanted`)
}

export const readStack = (value: unknown, scope: Scope, where: string): number => {
  const typed = readTyped(value, scope, [], where)
  if (typed.type === 'stack') return typed.stack
  throw new ProgramProblem(`${where}: a header stack is wanted`)
}

/** The target of an assignment. */
export const readPlace = (value: unknown, scope: Scope, params: Params, where: string): Place => {
  const expr = readData(value, scope, params, where)
  if (expr.kind === 'field' || expr.kind === 'lastField' || expr.kind === 'access' || expr.kind === 'register') return expr
  throw new ProgramProblem(`${where}: a field is wanted as the target`)
}

export const headerTypeOf = (header: HeaderExpr, scope: Scope): string =>
  header.kind === 'header' ? scope.header(header.header).type.name : scope.stack(header.stack).type.name

const readTyped = (value: unknown, scope: Scope, params: Params, where: string): Typed => {
  const object = asObject(value, where)
  const type = asString(object['type'], `${where}: type`)
  const inner = object['value']
  switch (type) {
    case 'expression': {
      // p4c wraps an expression in a second object of the same type where it stands as an argument.
      const wrapped = asObject(inner, where)
      return 'op' in wrapped ? readOperation(wrapped, scope, params, where) : readTyped(wrapped, scope, params, where)
    }
    case 'hexstr': return data({ kind: 'const', value: asHex(inner, where) })
    case 'bool': return bool({ kind: 'bool', value: asBoolean(inner, where) })
    case 'field': {
      const found = scope.field(inner, where)
      if (found.kind === 'field' && isVarbit(found.ref, scope)) {
        throw new ProgramProblem(`${where}: a varbit field can only be assigned to and compared with another`)
      }
      return data(found.kind === 'validBit' ? { kind: 'validBit', header: found.header } : { kind: 'field', ref: found.ref })
    }
    case 'runtime_data':
    case 'local': {
      const index = asInt(inner, where)
      const param = params[index]
      if (param === undefined) throw new ProgramProblem(`${where}: the action has no parameter number ${index}`)
      return data({ kind: 'param', index, width: param.width })
    }
    case 'stack_field': {
      const { stack, field } = scope.stackField(inner, where)
      return data({ kind: 'lastField', stack, field })
    }
    case 'register': {
      const pair = asArray(inner, where)
      const array = scope.find('register array', asString(pair[0], where))
      return data({ kind: 'register', array, index: readData(pair[1], scope, params, where) })
    }
    case 'header': return { type: 'header', expr: { kind: 'header', header: scope.find('header', asString(inner, where)) } }
    case 'header_stack': return { type: 'stack', stack: scope.find('header stack', asString(inner, where)) }
    case 'header_union':
    case 'header_union_stack':
    case 'union_stack_field': throw new ProgramProblem(`${where}: header unions are not supported`)
    default: throw new ProgramProblem(`${where}: values of type ${type} are not supported`)
  }
}

const readOperation = (object: Readonly<Record<string, unknown>>, scope: Scope, params: Params, where: string): Typed => {
  const op = asString(object['op'], `${where}: op`)
  const left = object['left']
  const right = object['right']
  const dataOf = (value: unknown): DataExpr => readData(value, scope, params, where)
  const boolOf = (value: unknown): BoolExpr => readBool(value, scope, params, where)
  const widthOf = (value: unknown): number => {
    const expr = dataOf(value)
    if (expr.kind !== 'const' || expr.value < 1n || expr.value > 4096n) {
      throw new ProgramProblem(`${where}: the width of ${op} is not a constant in 1…4096`)
    }
    return Number(expr.value)
  }
  if (op === '==' || op === '!=') return bool(readEquality(op, left, right, scope, params, where))
  if (compareOps.has(op)) return bool({ kind: 'compare', op: op as CompareOp, left: dataOf(left), right: dataOf(right) })
  if (binaryOps.has(op)) {
    // BMv2 writes the unary forms of + and - with no left side.
    const first: DataExpr = left === null || left === undefined ? { kind: 'const', value: 0n } : dataOf(left)
    return data({ kind: 'binary', op: op as BinaryOp, left: first, right: dataOf(right) })
  }
  switch (op) {
    case 'and':
    case 'or': return bool({ kind: op, left: boolOf(left), right: boolOf(right) })
    case 'not': return bool({ kind: 'not', operand: boolOf(right) })
    case '~': return data({ kind: 'negate', operand: dataOf(right) })
    case 'valid': return bool({ kind: 'isValid', header: readHeader(right, scope, params, where) })
    case 'd2b': return bool({ kind: 'dataToBool', operand: dataOf(right) })
    case 'b2d': return data({ kind: 'boolToData', operand: boolOf(right) })
    case 'two_comp_mod':
    case 'usat_cast':
    case 'sat_cast': return data({ kind: 'cast', op, operand: dataOf(left), width: widthOf(right) })
    case '?': {
      const cond = boolOf(object['cond'])
      const a = readTyped(left, scope, params, where)
      const b = readTyped(right, scope, params, where)
      if (a.type === 'bool' && b.type === 'bool') return bool({ kind: 'chooseBool', cond, left: a.expr, right: b.expr })
      return data({ kind: 'choose', cond, left: dataOf(left), right: dataOf(right) })
    }
    case 'dereference_stack':
    case 'dereference_header_stack':
      return { type: 'header', expr: { kind: 'element', stack: readStack(left, scope, where), index: dataOf(right) } }
    case 'last_stack_index': return data({ kind: 'lastIndex', stack: readStack(right ?? left, scope, where) })
    case 'size_stack': return data({ kind: 'stackSize', stack: readStack(right ?? left, scope, where) })
    case 'access_field': {
      const header = readHeader(left, scope, params, where)
      const field = asInt(right, `${where}: field offset`)
      const type = header.kind === 'header' ? scope.header(header.header).type : scope.stack(header.stack).type
      if (type.fields[field] === undefined) throw new ProgramProblem(`${where}: header type ${type.name} has no field number ${field}`)
      return data({ kind: 'access', header, field })
    }
    case 'valid_union':
    case 'access_union_header':
    case 'dereference_union_stack': throw new ProgramProblem(`${where}: header unions are not supported`)
    default: throw new ProgramProblem(`${where}: operator ${op} is not supported`)
  }
}

export const isVarbit = (ref: FieldRef, scope: Scope): boolean => scope.header(ref.header).type.fields[ref.field]?.varbit === true

/** The varbit field that a type value object names, or null if it is something else. */
export const readVarbit = (value: unknown, scope: Scope, where: string): FieldRef | null => {
  const object = asObject(value, where)
  if (object['type'] === 'expression') {
    const inner = object['value']
    return typeof inner === 'object' && inner !== null && !('op' in inner) ? readVarbit(inner, scope, where) : null
  }
  if (object['type'] !== 'field') return null
  const found = scope.field(object['value'], where)
  return found.kind === 'field' && isVarbit(found.ref, scope) ? found.ref : null
}

const readEquality = (op: '==' | '!=', left: unknown, right: unknown, scope: Scope, params: Params, where: string): BoolExpr => {
  const leftVarbit = readVarbit(left, scope, where)
  const rightVarbit = readVarbit(right, scope, where)
  if (leftVarbit !== null && rightVarbit !== null) return { kind: 'sameVarbit', negated: op === '!=', left: leftVarbit, right: rightVarbit }
  const a = readTyped(left, scope, params, where)
  const b = readTyped(right, scope, params, where)
  const negated = op === '!='
  if (a.type === 'header' && b.type === 'header') {
    if (headerTypeOf(a.expr, scope) !== headerTypeOf(b.expr, scope)) throw new ProgramProblem(`${where}: headers of two types are compared`)
    return { kind: 'sameHeader', negated, left: a.expr, right: b.expr }
  }
  if (a.type === 'bool' && b.type === 'bool') return { kind: 'sameBool', negated, left: a.expr, right: b.expr }
  return { kind: 'compare', op, left: readData(left, scope, params, where), right: readData(right, scope, params, where) }
}
