/**
 * Generated code of expressions against a bigint interpreter that computes as BMv2 does: unbounded integers, cut to the
 * field's width when stored.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BoolExpr, DataExpr, FieldDef, Program } from '../../../src/target/program/ir.js'
import { compile, field, programOf } from './ir-program.js'
import { Random } from './random.js'

const widths = [1, 3, 7, 8, 9, 16, 20, 31, 32, 33, 40, 48, 53, 54, 63, 64, 65, 96, 128, 200]
const fields: FieldDef[] = [...widths.map(width => field(`u${width}`, width)), ...[2, 8, 31, 32, 33, 48, 64, 100].map(width => field(`s${width}`, width, true))]
/** Where results go. */
const targets: FieldDef[] = [1, 8, 31, 32, 33, 48, 64, 128].map(width => field(`t${width}`, width))
const all = [...fields, ...targets]

const evaluate = (expr: DataExpr, values: readonly bigint[]): bigint => {
  switch (expr.kind) {
    case 'const': return expr.value
    case 'field': return values[expr.ref.field] ?? 0n
    case 'negate': return ~evaluate(expr.operand, values)
    case 'choose': return holds(expr.cond, values) ? evaluate(expr.left, values) : evaluate(expr.right, values)
    case 'boolToData': return holds(expr.operand, values) ? 1n : 0n
    case 'cast': {
      const value = evaluate(expr.operand, values)
      if (expr.op === 'two_comp_mod') return BigInt.asIntN(expr.width, value)
      const low = expr.op === 'usat_cast' ? 0n : -(1n << BigInt(expr.width - 1))
      const high = expr.op === 'usat_cast' ? (1n << BigInt(expr.width)) - 1n : (1n << BigInt(expr.width - 1)) - 1n
      return value < low ? low : value > high ? high : value
    }
    case 'binary': {
      const a = evaluate(expr.left, values)
      const b = evaluate(expr.right, values)
      switch (expr.op) {
        case '+': return a + b
        case '-': return a - b
        case '*': return a * b
        case '/': return b === 0n ? 0n : a / b
        case '%': return b === 0n ? 0n : a % b
        case '<<': return a << b
        case '>>': return a >> b
        case '&': return a & b
        case '|': return a | b
        case '^': return a ^ b
      }
      break
    }
    default: throw new Error(`not in these tests: ${expr.kind}`)
  }
}
const holds = (expr: BoolExpr, values: readonly bigint[]): boolean => {
  switch (expr.kind) {
    case 'bool': return expr.value
    case 'and': return holds(expr.left, values) && holds(expr.right, values)
    case 'or': return holds(expr.left, values) || holds(expr.right, values)
    case 'not': return !holds(expr.operand, values)
    case 'sameBool': return (holds(expr.left, values) === holds(expr.right, values)) !== expr.negated
    case 'chooseBool': return holds(expr.cond, values) ? holds(expr.left, values) : holds(expr.right, values)
    case 'dataToBool': return evaluate(expr.operand, values) !== 0n
    case 'compare': {
      const a = evaluate(expr.left, values)
      const b = evaluate(expr.right, values)
      return { '==': a === b, '!=': a !== b, '<': a < b, '<=': a <= b, '>': a > b, '>=': a >= b }[expr.op]
    }
    default: throw new Error(`not in these tests: ${expr.kind}`)
  }
}

const fieldExpr = (random: Random): DataExpr => ({ kind: 'field', ref: { header: 1, field: random.below(fields.length) } })
const constant = (random: Random): DataExpr => ({ kind: 'const', value: random.bits(random.pick(widths)) })

const dataExpr = (random: Random, depth: number): DataExpr => {
  if (depth === 0) return random.chance(0.7) ? fieldExpr(random) : constant(random)
  const sub = (): DataExpr => dataExpr(random, depth - 1)
  switch (random.below(12)) {
    case 0: return fieldExpr(random)
    case 1: return { kind: 'negate', operand: sub() }
    case 2: return { kind: 'choose', cond: boolExpr(random, depth - 1), left: sub(), right: sub() }
    case 3: return { kind: 'cast', op: random.pick(['two_comp_mod', 'usat_cast', 'sat_cast'] as const), operand: sub(), width: random.pick([2, 8, 31, 32, 33, 53, 64, 90]) }
    case 4: return { kind: 'boolToData', operand: boolExpr(random, depth - 1) }
    case 5: return { kind: 'binary', op: random.pick(['<<', '>>'] as const), left: sub(), right: { kind: 'const', value: BigInt(random.pick([0, 1, 5, 16, 31, 32, 33, 48, 64, 100])) } }
    case 6: return { kind: 'binary', op: random.pick(['<<', '>>'] as const), left: sub(), right: { kind: 'field', ref: { header: 1, field: random.below(4) } } }
    case 7: return { kind: 'binary', op: random.pick(['/', '%'] as const), left: { kind: 'field', ref: { header: 1, field: random.below(widths.length) } }, right: { kind: 'field', ref: { header: 1, field: random.below(widths.length) } } }
    case 8: return { kind: 'binary', op: random.pick(['+', '-', '*'] as const), left: sub(), right: sub() }
    default: return { kind: 'binary', op: random.pick(['&', '|', '^', '&'] as const), left: sub(), right: sub() }
  }
}
const boolExpr = (random: Random, depth: number): BoolExpr => {
  if (depth > 0 && random.chance(0.5)) {
    const sub = (): BoolExpr => boolExpr(random, depth - 1)
    switch (random.below(5)) {
      case 0: return { kind: 'not', operand: sub() }
      case 1: return { kind: random.pick(['and', 'or'] as const), left: sub(), right: sub() }
      case 2: return { kind: 'sameBool', negated: random.chance(0.5), left: sub(), right: sub() }
      case 3: return { kind: 'chooseBool', cond: sub(), left: sub(), right: sub() }
      default: return { kind: 'dataToBool', operand: dataExpr(random, depth - 1) }
    }
  }
  const left = dataExpr(random, Math.max(0, depth - 1))
  return { kind: 'compare', op: random.pick(['==', '!=', '<', '<=', '>', '>='] as const), left, right: random.chance(0.2) ? left : dataExpr(random, Math.max(0, depth - 1)) }
}

const text = (expr: unknown): string => JSON.stringify(expr, (_, value: unknown) => typeof value === 'bigint' ? `${value}` : value)

describe('expressions', () => {
  for (const depth of [1, 2, 3, 4]) {
    test(`trees of depth ${depth} give what bigints give`, () => {
      const random = new Random(1000 + depth)
      for (let round = 0; round < 250; round++) {
        const to = fields.length + random.below(targets.length)
        const value = dataExpr(random, depth)
        const program: Program = programOf([{ name: 'm', metadata: true, type: { name: 'm', fields: all, maxBytes: 0 } }], [{ name: 'a', params: [], primitives: [{ op: 'assign', to: { kind: 'field', ref: { header: 1, field: to } }, value }] }])
        const executable = compile(program)
        for (let sample = 0; sample < 4; sample++) {
          const raw = fields.map(({ width }) => random.bits(width))
          const values = raw.map((bits, at) => fields[at]?.signed === true ? BigInt.asIntN(fields[at]?.width ?? 0, bits) : bits)
          raw.forEach((bits, at) => executable.layout.store(executable.state, { header: 1, field: at }, bits))
          executable.ingress()
          const got = executable.layout.load(executable.state, { header: 1, field: to })
          const wanted = BigInt.asUintN(all[to]?.width ?? 0, evaluate(value, values))
          assert.equal(got, wanted, `depth ${depth}, round ${round}: ${text(value)} into ${all[to]?.name ?? ''} with ${values.join()}`)
        }
      }
    })
  }

  test('a value is read completely before its target changes', () => {
    const random = new Random(5)
    const at = fields.findIndex(({ name }) => name === 'u128')
    const self: DataExpr = { kind: 'field', ref: { header: 1, field: at } }
    for (const shift of [1n, 8n, 31n, 32n, 33n, 64n, 100n]) {
      // x = x << n | x >> (128 - n): a rotation needs every word of the old value.
      const value: DataExpr = { kind: 'binary', op: '|', left: { kind: 'binary', op: '<<', left: self, right: { kind: 'const', value: shift } }, right: { kind: 'binary', op: '>>', left: self, right: { kind: 'const', value: 128n - shift } } }
      const executable = compile(programOf([{ name: 'm', metadata: true, type: { name: 'm', fields: all, maxBytes: 0 } }], [{ name: 'a', params: [], primitives: [{ op: 'assign', to: { kind: 'field', ref: { header: 1, field: at } }, value }] }]))
      const before = random.bits(128)
      executable.layout.store(executable.state, { header: 1, field: at }, before)
      executable.ingress()
      assert.equal(executable.layout.load(executable.state, { header: 1, field: at }), BigInt.asUintN(128, before << shift | before >> (128n - shift)))
    }
  })
})
