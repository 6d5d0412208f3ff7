/** Reads the parser's states: operations, the transition key, and the transitions with one value and mask per key field. */
import type { HeaderType, ParserOp, ParserState, Transition, TransitionKey } from './ir.js'
import { asArray, asHex, asInt, asObject, asString, ProgramProblem } from './json.js'
import { readPrimitive } from './read-action.js'
import { isVarbit, readBool, readData, readVarbit } from './read-expression.js'
import type { Scope } from './scope.js'

export const readParserState = (value: unknown, scope: Scope): ParserState => {
  const object = asObject(value, 'parser state')
  const name = asString(object['name'], 'parser state name')
  const where = `parser state ${name}`
  const ops = asArray(object['parser_ops'], `${where}: parser_ops`).map(op => readParserOp(op, scope, where))
  const key = asArray(object['transition_key'], `${where}: transition_key`).map(item => readTransitionKey(item, scope, where))
  const transitions = asArray(object['transitions'], `${where}: transitions`).map(item => readTransition(item, key, scope, where))
  return { name, ops, key, transitions }
}

const readParserOp = (value: unknown, scope: Scope, where: string): ParserOp => {
  const object = asObject(value, where)
  const op = asString(object['op'], `${where}: op`)
  const args = asArray(object['parameters'], `${where}: ${op}`)
  const arg = (index: number): Readonly<Record<string, unknown>> => asObject(args[index], `${where}: ${op}`)
  switch (op) {
    case 'extract': {
      const target = readExtractTarget(arg(0), scope, where)
      if (varbitField(target.type) !== null) {
        throw new ProgramProblem(`${where}: header type ${target.type.name} has a varbit field, but its extraction gives no length`)
      }
      return target.stack === null ? { op: 'extract', header: target.header } : { op: 'extractNext', stack: target.stack }
    }
    case 'extract_VL': {
      const target = readExtractTarget(arg(0), scope, where)
      if (varbitField(target.type) === null) throw new ProgramProblem(`${where}: header type ${target.type.name} has no varbit field`)
      const bits = readData(args[1], scope, [], where)
      return target.stack === null ? { op: 'extractVarbit', header: target.header, bits } : { op: 'extractNextVarbit', stack: target.stack, bits }
    }
    case 'set': return readSet(args, scope, where)
    case 'verify': return { op: 'verify', cond: readBool(args[0], scope, [], where), error: readData(args[1], scope, [], where) }
    case 'shift': return { op: 'advance', bits: { kind: 'const', value: BigInt(asInt(args[0], `${where}: shift`)) * 8n } }
    case 'advance': return { op: 'advance', bits: readData(args[0], scope, [], where) }
    case 'primitive': {
      const primitive = readPrimitive(args[0], scope, [], where)
      if (primitive.op === 'jump' || primitive.op === 'jumpIfZero') throw new ProgramProblem(`${where}: a jump in a parser is not supported`)
      return { op: 'primitive', primitive }
    }
    default: throw new ProgramProblem(`${where}: parser operation ${op} is not supported`)
  }
}

const readExtractTarget = (arg: Readonly<Record<string, unknown>>, scope: Scope, where: string): { header: number; stack: number | null; type: HeaderType } => {
  const type = asString(arg['type'], `${where}: extract`)
  if (type === 'regular') {
    const header = scope.find('header', asString(arg['value'], where))
    return { header, stack: null, type: scope.header(header).type }
  }
  if (type === 'stack') {
    const stack = scope.find('header stack', asString(arg['value'], where))
    return { header: -1, stack, type: scope.stack(stack).type }
  }
  throw new ProgramProblem(`${where}: extraction to ${type} is not supported`)
}

export const varbitField = (type: HeaderType): number | null => {
  const index = type.fields.findIndex(field => field.varbit)
  return index < 0 ? null : index
}

const readSet = (args: readonly unknown[], scope: Scope, where: string): ParserOp => {
  const target = asObject(args[0], where)
  if (target['type'] !== 'field') throw new ProgramProblem(`${where}: the target of set is not a field`)
  const to = scope.plainField(target['value'], where)
  const source = asObject(args[1], where)
  if (source['type'] === 'lookahead') {
    const [offset, width] = readLookahead(source['value'], where)
    return { op: 'setLookahead', to, offset, width }
  }
  if (isVarbit(to, scope)) {
    const from = readVarbit(source, scope, where)
    if (from === null) throw new ProgramProblem(`${where}: a varbit field is set from something else`)
    return { op: 'setVarbit', to, from }
  }
  return { op: 'primitive', primitive: { op: 'assign', to: { kind: 'field', ref: to }, value: readData(source, scope, [], where) } }
}

const readLookahead = (value: unknown, where: string): [number, number] => {
  const pair = asArray(value, `${where}: lookahead`)
  return [asInt(pair[0], `${where}: lookahead offset`, 1 << 20), asInt(pair[1], `${where}: lookahead width`, 1 << 16)]
}

const readTransitionKey = (value: unknown, scope: Scope, where: string): TransitionKey => {
  const object = asObject(value, where)
  const type = asString(object['type'], `${where}: transition key`)
  if (type === 'lookahead') {
    const [offset, width] = readLookahead(object['value'], where)
    return { kind: 'lookahead', offset, width }
  }
  if (type === 'field') {
    const found = scope.field(object['value'], where)
    if (found.kind === 'validBit') return { kind: 'data', value: { kind: 'validBit', header: found.header }, width: 1 }
    return { kind: 'data', value: { kind: 'field', ref: found.ref }, width: scope.header(found.ref.header).type.fields[found.ref.field]?.width ?? 0 }
  }
  if (type === 'stack_field') {
    const { stack, field } = scope.stackField(object['value'], where)
    return { kind: 'data', value: { kind: 'lastField', stack, field }, width: scope.stack(stack).type.fields[field]?.width ?? 0 }
  }
  throw new ProgramProblem(`${where}: a transition key of type ${type} is not supported`)
}

const readTransition = (value: unknown, key: readonly TransitionKey[], scope: Scope, where: string): Transition => {
  const object = asObject(value, where)
  const type = asString(object['type'], `${where}: transition`)
  const target = object['next_state']
  const next = target === null || target === undefined ? -1 : scope.find('parser state', asString(target, where))
  if (type === 'default') return { match: [], next }
  if (type === 'parse_vset') throw new ProgramProblem(`${where}: parser value sets are not supported`)
  if (type !== 'hexstr') throw new ProgramProblem(`${where}: a transition of type ${type} is not supported`)
  const values = splitPadded(asHex(object['value'], `${where}: transition value`), key)
  const masks = object['mask'] === null || object['mask'] === undefined ? null : splitPadded(asHex(object['mask'], `${where}: transition mask`), key)
  return { match: key.map((item, index) => ({ value: values[index] ?? 0n, mask: BigInt.asUintN(item.width, masks?.[index] ?? -1n) })), next }
}

/** Transition values are the key's fields one after the other, each padded to whole bytes. */
const splitPadded = (value: bigint, key: readonly TransitionKey[]): bigint[] => {
  const parts: bigint[] = []
  let rest = value
  for (let index = key.length - 1; index >= 0; index--) {
    const bits = ((key[index]?.width ?? 0) + 7) & ~7
    parts[index] = BigInt.asUintN(bits, rest)
    rest >>= BigInt(bits)
  }
  return parts
}
