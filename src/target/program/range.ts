/**
 * The values an expression can take. BMv2 computes with unbounded integers and cuts a value to the width of a field only
 * when it is stored; knowing the bounds of every part of an expression tells the generator where JavaScript's 32-bit
 * operators or its exact doubles give the same result, and where bigints are needed.
 */
import type { DataExpr } from './ir.js'
import type { Layout } from './layout.js'

export interface Range { readonly low: bigint; readonly high: bigint }

/** Shifts by more than this many bits give the same stored value as a shift by this many: no field is wider. */
export const maxShift = 65536
const unsigned = (width: number): Range => ({ low: 0n, high: (1n << BigInt(width)) - 1n })
const signed = (width: number): Range => ({ low: -(1n << BigInt(width - 1)), high: (1n << BigInt(width - 1)) - 1n })
/** Stands for "could be anything": wide enough to force bigints. */
const unbounded: Range = { low: -(1n << 4096n), high: 1n << 4096n }

const bitsOf = (value: bigint): number => value.toString(2).length
const min = (...values: bigint[]): bigint => values.reduce((a, b) => a < b ? a : b)
const max = (...values: bigint[]): bigint => values.reduce((a, b) => a > b ? a : b)

export class Ranges {
  private readonly layout: Layout
  private readonly registers: readonly { readonly width: number }[]
  private readonly known = new WeakMap<DataExpr, Range>()
  constructor(layout: Layout, registers: readonly { readonly width: number }[]) {
    this.layout = layout
    this.registers = registers
  }

  of(expr: DataExpr): Range {
    let range = this.known.get(expr)
    if (range === undefined) this.known.set(expr, range = this.compute(expr))
    return range
  }

  private compute(expr: DataExpr): Range {
    switch (expr.kind) {
      case 'const': return { low: expr.value, high: expr.value }
      case 'field': return fieldRange(this.layout.fieldOf(expr.ref))
      case 'validBit':
      case 'boolToData': return unsigned(1)
      case 'param': return unsigned(expr.width)
      case 'lastField': return fieldRange(this.layout.stackType(expr.stack).fields[expr.field])
      case 'access': {
        const type = expr.header.kind === 'header' ? this.layout.typeOf(expr.header.header) : this.layout.stackType(expr.header.stack)
        return fieldRange(type.fields[expr.field])
      }
      case 'register': return unsigned(this.registers[expr.array]?.width ?? 0)
      case 'lastIndex': return { low: -1n, high: BigInt(this.layout.stackDepth(expr.stack)) }
      case 'stackSize': return { low: 0n, high: BigInt(this.layout.stackDepth(expr.stack)) }
      case 'negate': { const { low, high } = this.of(expr.operand); return { low: ~high, high: ~low } }
      case 'choose': {
        const a = this.of(expr.left)
        const b = this.of(expr.right)
        return { low: min(a.low, b.low), high: max(a.high, b.high) }
      }
      case 'cast': return castRange(expr.op, this.of(expr.operand), expr.width)
      case 'binary': return binaryRange(expr.op, this.of(expr.left), this.of(expr.right))
    }
  }
}

const fieldRange = (field: { readonly width: number; readonly signed: boolean } | undefined): Range => {
  const width = field?.width ?? 0
  return field?.signed === true && width > 0 ? signed(width) : unsigned(width)
}

const castRange = (op: string, source: Range, width: number): Range => {
  const target = op === 'usat_cast' ? unsigned(width) : signed(width)
  if (op === 'two_comp_mod') return source.low >= target.low && source.high <= target.high ? source : target
  const clamp = (value: bigint): bigint => min(max(value, target.low), target.high)
  return { low: clamp(source.low), high: clamp(source.high) }
}

const binaryRange = (op: string, a: Range, b: Range): Range => {
  const bothPositive = a.low >= 0n && b.low >= 0n
  switch (op) {
    case '+': return { low: a.low + b.low, high: a.high + b.high }
    case '-': return { low: a.low - b.high, high: a.high - b.low }
    case '*': {
      const products = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high]
      return { low: min(...products), high: max(...products) }
    }
    case '/': return bothPositive ? { low: 0n, high: a.high } : unbounded
    case '%': return bothPositive ? { low: 0n, high: max(0n, min(a.high, b.high - 1n)) } : unbounded
    case '<<': {
      if (b.low < 0n || b.high > 1024n) return a.low >= 0n ? { low: 0n, high: unbounded.high } : unbounded
      const shifts = [a.low << b.low, a.low << b.high, a.high << b.low, a.high << b.high]
      return { low: min(...shifts), high: max(...shifts) }
    }
    case '>>': {
      const least = b.low < 0n ? 0n : min(b.low, BigInt(maxShift))
      return { low: a.low < 0n ? a.low >> least : 0n, high: a.high < 0n ? -1n : a.high >> least }
    }
    case '&': {
      if (bothPositive) return { low: 0n, high: min(a.high, b.high) }
      if (a.low >= 0n) return { low: 0n, high: a.high }
      if (b.low >= 0n) return { low: 0n, high: b.high }
      break
    }
    default: if (bothPositive) return { low: 0n, high: (1n << BigInt(bitsOf(max(a.high, b.high)))) - 1n }
  }
  const bits = BigInt(Math.max(bitsOf(a.low), bitsOf(a.high), bitsOf(b.low), bitsOf(b.high)))
  return { low: -(1n << bits), high: (1n << bits) - 1n }
}
