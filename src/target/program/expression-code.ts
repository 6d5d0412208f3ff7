/**
 * Generates JavaScript for expressions. A value can be had in three forms, and the generator picks the cheapest that is
 * exact:  num  a double, where the range lies within ±2^53;  word(i)  the i-th 32-bit word of the two's complement, which
 * bit operations, constant shifts and stores need;  big  a bigint, always possible.
 *
 * Parts that are used several times become constants in `lines`, which the caller puts in front of the statement.
 * Expressions have no side effects, so evaluating a part early is harmless.
 */
import type { BoolExpr, DataExpr, HeaderExpr, Place } from './ir.js'
import type { Layout } from './layout.js'
import { wordsFor } from './layout.js'
import { maxShift } from './range.js'
import type { Ranges } from './range.js'

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER)
const word32 = 1n << 32n

/** What a field or register cell looks like to generated code. */
export interface Access { readonly word: (index: number) => string; readonly words: number; readonly width: number; readonly signed: boolean }

export class ExpressionCode {
  readonly layout: Layout
  readonly ranges: Ranges
  /** Statements that must precede the one being built. */
  lines: string[] = []
  private readonly registerWidths: readonly number[]
  private readonly registerSizes: readonly number[]
  private readonly paramOffsets: readonly number[]
  private readonly memo = new Map<string, string>()
  private readonly accesses = new Map<DataExpr, Access>()
  private readonly ids = new Map<object, number>()
  private counter = 0

  constructor(layout: Layout, ranges: Ranges, registers: readonly { readonly width: number; readonly size: number }[], paramWidths: readonly number[]) {
    this.layout = layout
    this.ranges = ranges
    this.registerWidths = registers.map(register => register.width)
    this.registerSizes = registers.map(register => register.size)
    let offset = 0
    this.paramOffsets = paramWidths.map(width => {
      const at = offset
      offset += wordsFor(width)
      return at
    })
  }

  /** Takes the statements gathered so far and forgets the values they hold: state may change now. */
  take(): string[] {
    const lines = this.lines
    this.lines = []
    this.memo.clear()
    this.accesses.clear()
    return lines
  }

  temp(code: string): string {
    const name = `t${++this.counter}`
    this.lines.push(`const ${name} = ${code};`)
    return name
  }

  /** The same code for the same expression is computed once per statement. */
  private once(expr: object, form: string, make: () => string): string {
    let id = this.ids.get(expr)
    if (id === undefined) this.ids.set(expr, id = this.ids.size)
    const key = `${id}${form}`
    const known = this.memo.get(key)
    if (known !== undefined) return known
    const code = make()
    const name = code.length > 28 ? this.temp(code) : code
    this.memo.set(key, name)
    return name
  }

  isSafe(expr: DataExpr): boolean {
    const { low, high } = this.ranges.of(expr)
    return low >= -maxSafe && high <= maxSafe
  }
  private fitsInt32(expr: DataExpr): boolean {
    const { low, high } = this.ranges.of(expr)
    return low >= -(1n << 31n) && high < 1n << 31n
  }
  private fitsUint32(expr: DataExpr): boolean {
    const { low, high } = this.ranges.of(expr)
    return low >= 0n && high < word32
  }

  /** Whether num() needs neither words nor bigints. */
  private isDirect(expr: DataExpr): boolean {
    switch (expr.kind) {
      case 'negate': return this.isSafe(expr.operand)
      case 'choose': return this.isSafe(expr.left) && this.isSafe(expr.right)
      case 'cast': return expr.op === 'two_comp_mod' ? expr.width <= 32 : this.isSafe(expr.operand) && expr.width <= 53
      case 'binary': return expr.op !== '&' && expr.op !== '|' && expr.op !== '^' && this.isSafe(expr.left) && this.isSafe(expr.right)
      default: return true
    }
  }

  // ——— where values live ———

  /** Base of a header's block: a number, or the name of a constant that holds it. */
  base(header: HeaderExpr): string {
    if (header.kind === 'header') return String(this.layout.base(header.header))
    const { stack, index } = header
    const stride = this.layout.stackStride(stack)
    if (index.kind === 'const' && index.value >= 0n && index.value < BigInt(this.layout.stackDepth(stack))) {
      return String(this.layout.stackBase(stack) + Number(index.value) * stride)
    }
    return this.once(header, 'base', () => {
      const at = this.temp(this.index(index))
      return `(${at} < ${this.layout.stackDepth(stack)} ? ${this.layout.stackBase(stack)} + ${at} * ${stride} : ${this.layout.scratch})`
    })
  }

  private lastBase(stack: number): string {
    const next = `P[${this.layout.stackNext(stack)}]`
    return this.temp(`${next} > 0 ? ${this.layout.stackBase(stack)} + (${next} - 1) * ${this.layout.stackStride(stack)} : ${this.layout.scratch}`)
  }

  access(place: Place): Access {
    switch (place.kind) {
      case 'field': {
        const { slot, words, width, signed } = this.layout.field(place.ref)
        return { word: index => `P[${slot + index}]`, words, width, signed }
      }
      case 'lastField': return this.inBlock(this.lastBase(place.stack), this.layout.stackType(place.stack), place.field)
      case 'access': {
        const type = place.header.kind === 'header' ? this.layout.typeOf(place.header.header) : this.layout.stackType(place.header.stack)
        return this.inBlock(this.base(place.header), type, place.field)
      }
      case 'register': {
        const width = this.registerWidths[place.array] ?? 0
        const words = wordsFor(width)
        // Cells beyond the end: one spare cell behind the array takes what is written there.
        const size = this.registerSizes[place.array] ?? 0
        const raw = this.temp(this.index(place.index))
        const at = this.temp(`(${raw} < ${size} ? ${raw} : ${size}) * ${words}`)
        return { word: index => `R[${place.array}][${at} + ${index}]`, words, width, signed: false }
      }
    }
  }

  private inBlock(base: string, type: { readonly fields: readonly { readonly width: number; readonly signed: boolean }[] }, field: number): Access {
    const { width, signed } = type.fields[field] ?? { width: 0, signed: false }
    const offset = this.layout.offsetIn(type as Parameters<Layout['offsetIn']>[0], field)
    const word = /^\d+$/.test(base) ? (index: number) => `P[${Number(base) + offset + index}]` : (index: number) => `P[${base} + ${offset + index}]`
    return { word, words: wordsFor(width), width, signed }
  }

  private source(expr: DataExpr): Access | null {
    switch (expr.kind) {
      case 'field':
      case 'access':
      case 'lastField':
      case 'register': {
        // The address is computed once, however many words of the value are wanted.
        let access = this.accesses.get(expr)
        if (access === undefined) this.accesses.set(expr, access = this.access(expr))
        return access
      }
      case 'param': {
        const offset = this.paramOffsets[expr.index] ?? 0
        return { word: index => `D[${offset + index}]`, words: wordsFor(expr.width), width: expr.width, signed: false }
      }
      default: return null
    }
  }

  // ——— forms of a value ———

  /** An unsigned 32-bit number, for use as an index. */
  index(expr: DataExpr): string {
    return this.fitsInt32(expr) && this.ranges.of(expr).low >= 0n ? this.num(expr) : `((${this.word(expr, 0)}) >>> 0)`
  }

  /** Exact, as a double; only where isSafe(). */
  num(expr: DataExpr): string {
    if (expr.kind === 'const') return expr.value < 0n ? `(${expr.value})` : String(expr.value)
    return this.once(expr, 'n', () => this.makeNum(expr))
  }

  private makeNum(expr: DataExpr): string {
    const source = this.source(expr)
    if (source !== null) return numberOf(source)
    switch (expr.kind) {
      case 'validBit': return this.layout.isMetadata(expr.header) ? '1' : `P[${this.layout.base(expr.header)}]`
      case 'boolToData': return `(${this.bool(expr.operand)} ? 1 : 0)`
      case 'lastIndex': return `(P[${this.layout.stackNext(expr.stack)}] - 1)`
      case 'stackSize': return `P[${this.layout.stackNext(expr.stack)}]`
      case 'choose': {
        if (this.isSafe(expr.left) && this.isSafe(expr.right)) return `(${this.bool(expr.cond)} ? ${this.num(expr.left)} : ${this.num(expr.right)})`
        return this.numFromWords(expr)
      }
      case 'negate': return this.isSafe(expr.operand) ? `(-1 - ${this.num(expr.operand)})` : this.numFromWords(expr)
      case 'cast': {
        if (expr.op === 'two_comp_mod') {
          if (expr.width === 32) return `((${this.word(expr.operand, 0)}) | 0)`
          if (expr.width < 32) return `((${this.word(expr.operand, 0)}) << ${32 - expr.width} >> ${32 - expr.width})`
        } else if (this.isSafe(expr.operand)) {
          const low = expr.op === 'usat_cast' ? 0n : -(1n << BigInt(expr.width - 1))
          const high = expr.op === 'usat_cast' ? (1n << BigInt(expr.width)) - 1n : (1n << BigInt(expr.width - 1)) - 1n
          if (high <= maxSafe) return `Math.min(Math.max(${this.num(expr.operand)}, ${low}), ${high})`
        }
        return `Number(${this.big(expr)})`
      }
      case 'binary': return this.binaryNum(expr)
      default: return `Number(${this.big(expr)})`
    }
  }

  private binaryNum(expr: DataExpr & { kind: 'binary' }): string {
    const { op, left, right } = expr
    const safe = this.isSafe(left) && this.isSafe(right)
    switch (op) {
      case '+':
      case '-':
      case '*': return safe ? `(${this.num(left)} ${op} ${this.num(right)})` : `Number(${this.big(expr)})`
      case '/': return safe ? `divide(${this.num(left)}, ${this.num(right)})` : `Number(${this.big(expr)})`
      case '%': return safe ? `modulo(${this.num(left)}, ${this.num(right)})` : `Number(${this.big(expr)})`
      case '<<': {
        if (isShift(right) && (this.fitsUint32(expr) || !safe)) return this.numFromWords(expr)
        return safe ? `(${this.num(left)} * 2 ** ${this.num(right)})` : `Number(${this.big(expr)})`
      }
      case '>>': {
        if (this.fitsUint32(left)) {
          return right.kind === 'const' ? shiftedRight(this.word(left, 0), right.value) : `shiftRight(${this.num(left)}, ${this.index(right)})`
        }
        if (isShift(right)) return this.numFromWords(expr)
        return safe ? `Math.floor(${this.num(left)} / 2 ** ${this.index(right)})` : `Number(${this.big(expr)})`
      }
      default: return this.numFromWords(expr)
    }
  }

  private numFromWords(expr: DataExpr): string {
    if (this.fitsInt32(expr)) {
      const code = this.word(expr, 0)
      return /^-?\d+$/.test(code) ? `(${code})` : `((${code}) | 0)`
    }
    if (this.fitsUint32(expr)) return `((${this.word(expr, 0)}) >>> 0)`
    return `(((${this.word(expr, 1)}) | 0) * 4294967296 + ((${this.word(expr, 0)}) >>> 0))`
  }

  /** Code of an integer that is congruent to the wanted word modulo 2^32. */
  word(expr: DataExpr, index: number): string {
    if (expr.kind === 'const') return String(BigInt.asIntN(32, expr.value >> BigInt(32 * index)))
    const { low, high } = this.ranges.of(expr)
    if (index > 0 && low >= 0n && high >> BigInt(32 * index) === 0n) return '0'
    return this.once(expr, `w${index}`, () => this.makeWord(expr, index))
  }

  private makeWord(expr: DataExpr, index: number): string {
    const source = this.source(expr)
    if (source !== null) return wordOf(source, index)
    if (expr.kind === 'negate') return `~(${this.word(expr.operand, index)})`
    if (expr.kind === 'choose') return `(${this.bool(expr.cond)} ? ${this.word(expr.left, index)} : ${this.word(expr.right, index)})`
    if (expr.kind === 'binary') {
      const { op, left, right } = expr
      if (op === '&' || op === '|' || op === '^') return bitwise(op, this.word(left, index), this.word(right, index))
      if (index === 0 && (op === '+' || op === '-')) return `((${this.word(left, 0)}) ${op} (${this.word(right, 0)}) | 0)`
      if (index === 0 && op === '*') return `Math.imul(${this.word(left, 0)}, ${this.word(right, 0)})`
      if (isShift(right)) {
        if (op === '<<') return this.shiftedWord(left, index, -Number(right.value))
        if (op === '>>') return this.shiftedWord(left, index, Number(right.value))
      }
    }
    if (this.isSafe(expr) && this.isDirect(expr)) {
      return index === 0 ? this.num(expr) : index === 1 ? `Math.floor(${this.num(expr)} / 4294967296)` : `(${this.num(expr)} < 0 ? -1 : 0)`
    }
    return `wordOf(${this.big(expr)}, ${index})`
  }

  /** Word `index` of an expression shifted right by `shift` bits (left where negative). */
  private shiftedWord(expr: DataExpr, index: number, shift: number): string {
    const at = index * 32 + shift
    const first = Math.floor(at / 32)
    const bits = at - first * 32
    const word = (n: number): string => n < 0 ? '0' : this.word(expr, n)
    if (bits === 0) return word(first)
    const low = word(first)
    const high = word(first + 1)
    if (low === '0') return high === '0' ? '0' : `((${high}) << ${32 - bits})`
    if (high === '0') return `((${low}) >>> ${bits})`
    return `((${low}) >>> ${bits} | (${high}) << ${32 - bits})`
  }

  big(expr: DataExpr): string {
    if (expr.kind === 'const') return expr.value < 0n ? `(${expr.value}n)` : `${expr.value}n`
    return this.once(expr, 'b', () => this.makeBig(expr))
  }

  private makeBig(expr: DataExpr): string {
    if (this.isSafe(expr) && this.isDirect(expr)) return `BigInt(${this.num(expr)})`
    const source = this.source(expr)
    if (source !== null) {
      const words = Array.from({ length: source.words }, (_, index) => source.word(index))
      const value = `bigOf(${words.join(', ')})`
      return source.signed ? `BigInt.asIntN(${source.width}, ${value})` : value
    }
    switch (expr.kind) {
      case 'negate': return `(~${this.big(expr.operand)})`
      case 'choose': return `(${this.bool(expr.cond)} ? ${this.big(expr.left)} : ${this.big(expr.right)})`
      case 'cast': {
        if (expr.op === 'two_comp_mod') return `BigInt.asIntN(${expr.width}, ${this.big(expr.operand)})`
        const low = expr.op === 'usat_cast' ? 0n : -(1n << BigInt(expr.width - 1))
        const high = expr.op === 'usat_cast' ? (1n << BigInt(expr.width)) - 1n : (1n << BigInt(expr.width - 1)) - 1n
        return `clampBig(${this.big(expr.operand)}, ${low}n, ${high}n)`
      }
      case 'binary': {
        const { op, left, right } = expr
        if (op === '/') return `divideBig(${this.big(left)}, ${this.big(right)})`
        if (op === '%') return `moduloBig(${this.big(left)}, ${this.big(right)})`
        if (op === '<<' || op === '>>') return `(${this.big(left)} ${op} BigInt(Math.min(${this.index(right)}, ${maxShift})))`
        return `(${this.big(left)} ${op} ${this.big(right)})`
      }
      default: return `BigInt(${this.num(expr)})`
    }
  }

  // ——— conditions ———

  bool(expr: BoolExpr): string {
    switch (expr.kind) {
      case 'bool': return String(expr.value)
      case 'and': return `(${this.bool(expr.left)} && ${this.bool(expr.right)})`
      case 'or': return `(${this.bool(expr.left)} || ${this.bool(expr.right)})`
      case 'not': return `!${this.bool(expr.operand)}`
      case 'sameBool': return `(${this.bool(expr.left)} ${expr.negated ? '!==' : '==='} ${this.bool(expr.right)})`
      case 'chooseBool': return `(${this.bool(expr.cond)} ? ${this.bool(expr.left)} : ${this.bool(expr.right)})`
      case 'isValid': return this.isValid(expr.header)
      case 'dataToBool': return this.compare('!=', expr.operand, { kind: 'const', value: 0n })
      case 'compare': return this.compare(expr.op, expr.left, expr.right)
      case 'sameVarbit': {
        const left = this.layout.field(expr.left)
        const right = this.layout.field(expr.right)
        return `${expr.negated ? '!' : ''}sameWords(P, ${left.slot}, ${right.slot}, ${1 + Math.max(left.words, right.words)})`
      }
      case 'sameHeader': return this.sameHeader(expr.left, expr.right, expr.negated)
    }
  }

  isValid(header: HeaderExpr): string {
    if (header.kind === 'header' && this.layout.isMetadata(header.header)) return 'true'
    return `(P[${this.base(header)}] !== 0)`
  }

  private compare(op: string, left: DataExpr, right: DataExpr): string {
    if (op === '==' || op === '!=') {
      const both = (test: (expr: DataExpr) => boolean): boolean => test(left) && test(right)
      if (both(expr => this.fitsInt32(expr)) || both(expr => this.fitsUint32(expr))) {
        return `(${asInt(this.word(left, 0))} ${op}= ${asInt(this.word(right, 0))})`
      }
      if (both(expr => this.isSafe(expr))) return `(${this.num(left)} ${op}= ${this.num(right)})`
      const a = this.ranges.of(left)
      const b = this.ranges.of(right)
      const bits = Math.max(...[a.low, a.high, b.low, b.high].map(bound => bound.toString(2).length + 1))
      if (bits <= 256) {
        const tests = Array.from({ length: wordsFor(bits) }, (_, index) => `${asInt(this.word(left, index))} ${op}= ${asInt(this.word(right, index))}`)
        return `(${tests.join(op === '==' ? ' && ' : ' || ')})`
      }
      return `(${this.big(left)} ${op}= ${this.big(right)})`
    }
    if (this.isSafe(left) && this.isSafe(right)) return `(${this.num(left)} ${op} ${this.num(right)})`
    return `(${this.big(left)} ${op} ${this.big(right)})`
  }

  /** Two headers are equal when both are valid and all their fields agree. */
  private sameHeader(left: HeaderExpr, right: HeaderExpr, negated: boolean): string {
    const type = left.kind === 'header' ? this.layout.typeOf(left.header) : this.layout.stackType(left.stack)
    const a = this.base(left)
    const b = this.base(right)
    return `${negated ? '!' : ''}sameBlock(P, ${a}, ${b}, ${this.layout.blockWords(type)})`
  }
}

const asInt = (code: string): string => /^(-?\d+|[PD]\[\d+\])$/.test(code) ? code : `((${code}) | 0)`

const bitwise = (op: '&' | '|' | '^', a: string, b: string): string => {
  if (op === '&' && (a === '0' || b === '0')) return '0'
  if (op === '&' && a === '-1') return b
  if (op === '&' && b === '-1') return a
  if (op !== '&' && a === '0') return b
  if (op !== '&' && b === '0') return a
  return `((${a}) ${op} (${b}))`
}

/** A shift that words can express: by a constant of a sensible size. */
const isShift = (expr: DataExpr): expr is DataExpr & { kind: 'const' } => expr.kind === 'const' && expr.value >= 0n && expr.value <= 4096n

const shiftedRight = (code: string, amount: bigint): string => amount > 31n ? '0' : `((${code}) >>> ${amount})`

const numberOf = (source: Access): string => {
  const { words, width, signed } = source
  if (width === 0) return '0'
  if (words === 1) {
    if (signed) return width === 32 ? source.word(0) : `(${source.word(0)} << ${32 - width} >> ${32 - width})`
    return width === 32 ? `(${source.word(0)} >>> 0)` : source.word(0)
  }
  const low = `(${source.word(0)} >>> 0)`
  const top = signed ? wordOf(source, 1) : `(${source.word(1)} >>> 0)`
  return `((${top}) * 4294967296 + ${low})`
}

/** Words beyond the value repeat its sign. */
const wordOf = (source: Access, index: number): string => {
  const { words, width, signed } = source
  if (words === 0) return '0'
  if (index >= words && !signed) return '0'
  const spare = words * 32 - width
  if (index < words) {
    const code = source.word(index)
    return signed && index === words - 1 && spare > 0 ? `(${code} << ${spare} >> ${spare})` : code
  }
  return `(${source.word(words - 1)} << ${spare} >> 31)`
}
