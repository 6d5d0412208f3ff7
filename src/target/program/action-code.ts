/**
 * Generates the code of actions and their primitives. State: P the fields, D the arguments of the entry, X the packet's
 * context, R registers, C counters, M meters, H hash functions. Jumps inside an action go forward as p4c writes them and
 * become breaks out of labelled blocks; a backward jump turns the body into a loop over a switch.
 */
import type { Action, DataExpr, HeaderExpr, HeaderType, Primitive, Program } from './ir.js'
import type { Access } from './expression-code.js'
import { ExpressionCode } from './expression-code.js'
import type { Layout } from './layout.js'
import { wordsFor } from './layout.js'
import type { Ranges } from './range.js'

/** More turns of a loop inside one action than this are taken for an endless loop. */
const maxTurns = 100_000

export class ActionCode {
  readonly code: ExpressionCode
  private readonly layout: Layout
  private readonly program: Program
  private readonly dropPort: number

  constructor(program: Program, layout: Layout, ranges: Ranges, dropPort: number, paramWidths: readonly number[] = []) {
    this.program = program
    this.layout = layout
    this.dropPort = dropPort
    this.code = new ExpressionCode(layout, ranges, program.registers, paramWidths)
  }

  body(action: Action): string {
    const { primitives } = action
    const targets = new Set<number>()
    let backward = false
    primitives.forEach((primitive, index) => {
      if (primitive.op !== 'jump' && primitive.op !== 'jumpIfZero') return
      targets.add(primitive.target)
      if (primitive.target <= index) backward = true
    })
    return backward ? this.loopBody(primitives, targets) : this.blockBody(primitives, targets)
  }

  private blockBody(primitives: readonly Primitive[], targets: ReadonlySet<number>): string {
    const ordered = [...targets].sort((a, b) => b - a)
    const lines = ordered.map(target => `L${target}: {`)
    primitives.forEach((primitive, index) => {
      if (targets.has(index)) lines.push('}')
      if (primitive.op === 'jump') lines.push(`break L${primitive.target};`)
      else if (primitive.op === 'jumpIfZero') lines.push(this.block(() => [`if (${this.isZero(primitive.cond)}) break L${primitive.target};`]))
      else lines.push(this.primitive(primitive))
    })
    if (targets.has(primitives.length)) lines.push('}')
    return lines.join('\n')
  }

  private loopBody(primitives: readonly Primitive[], targets: ReadonlySet<number>): string {
    const lines = ['let pc = 0, turns = 0;', `for (;;) { if (++turns > ${maxTurns}) fail('endless loop in an action'); switch (pc) { case 0:`]
    primitives.forEach((primitive, index) => {
      if (index > 0 && targets.has(index)) lines.push(`case ${index}:`)
      if (primitive.op === 'jump') lines.push(`pc = ${primitive.target}; continue;`)
      else if (primitive.op === 'jumpIfZero') {
        lines.push(this.block(() => [`if (${this.isZero(primitive.cond)}) { pc = ${primitive.target}; continue; }`]))
      }
      else lines.push(this.primitive(primitive))
    })
    return `${lines.join('\n')}\ndefault: return; } }`
  }

  private isZero(cond: DataExpr): string {
    return this.code.bool({ kind: 'compare', op: '==', left: cond, right: { kind: 'const', value: 0n } })
  }

  /** A statement with the constants it needs, in a scope of its own. */
  block(make: () => readonly string[]): string {
    const statements = make()
    const lines = [...this.code.take(), ...statements]
    return lines.length === 1 && !(lines[0] ?? '').startsWith('const ') ? lines[0] ?? '' : `{ ${lines.join('\n')} }`
  }

  primitive(primitive: Primitive): string { return this.block(() => this.statements(primitive)) }

  private statements(primitive: Primitive): string[] {
    const { code, layout } = this
    switch (primitive.op) {
      case 'assign': return this.store(code.access(primitive.to), primitive.value)
      case 'assignVarbit': {
        const to = layout.field(primitive.to)
        const from = layout.field(primitive.from)
        const words = 1 + Math.min(to.words, from.words)
        const rest = to.words + 1 - words
        const copy = `P.copyWithin(${to.slot}, ${from.slot}, ${from.slot + words});`
        return rest > 0 ? [copy, `P.fill(0, ${to.slot + words}, ${to.slot + words + rest});`] : [copy]
      }
      case 'assignHeader': return this.copyHeader(primitive.to, primitive.from)
      case 'assignStack': {
        const words = layout.stackStride(primitive.to) * layout.stackDepth(primitive.to)
        const from = layout.stackBase(primitive.from)
        return [
          `P.copyWithin(${layout.stackBase(primitive.to)}, ${from}, ${from + words});`,
          `P[${layout.stackNext(primitive.to)}] = P[${layout.stackNext(primitive.from)}];`,
        ]
      }
      case 'setValid': {
        const base = code.base(primitive.header)
        const type = this.typeOf(primitive.header)
        return [`if (P[${base}] === 0) { ${clearFields(base, layout.blockWords(type))} P[${base}] = 1; X.length += ${layout.fixedBytes(type)}; }`]
      }
      case 'setInvalid': {
        const base = code.base(primitive.header)
        return [`if (P[${base}] !== 0) { P[${base}] = 0; X.length -= ${this.headerBytes(primitive.header, base)}; }`]
      }
      case 'push':
      case 'pop': {
        const { op, stack, count } = primitive
        const place = [layout.stackBase(stack), layout.stackStride(stack), layout.stackDepth(stack), layout.stackNext(stack)].join(', ')
        return [`${op}Stack(P, ${place}, ${code.index(count)});`]
      }
      case 'markToDrop': {
        const group = this.program.standard.get('mcast_grp')
        return [...this.standardStore('egress_spec', BigInt(this.dropPort)), ...(group === undefined ? [] : this.standardStore('mcast_grp', 0n))]
      }
      case 'jump':
      case 'jumpIfZero': throw new Error('jumps are generated by body()')
      case 'exit': return ['X.exit = true;']
      case 'noop': return []
      case 'check': return [`if (${this.isZero(primitive.cond)}) fail(${JSON.stringify(`${primitive.what} failed: ${primitive.text}`)});`]
      case 'log': return [`if (X.onLog !== null) X.onLog(${JSON.stringify(primitive.format)}, [${primitive.args.map(arg => code.big(arg)).join(', ')}]);`]
      case 'clone': return [`X.cloneSession = ${code.word(primitive.session, 0)} & 0x7fff;`, `X.cloneList = ${primitive.fieldList};`]
      case 'resubmit': return [`X.resubmit = ${primitive.list};`]
      case 'recirculate': return [`X.recirculate = ${primitive.list};`]
      case 'digest': return [`X.digest = ${primitive.list};`]
      case 'truncate': return [`X.truncate = Math.min(X.truncate, ${code.index(primitive.length)});`]
      case 'count': return [`if (X.trace === null) C[${primitive.counter}].count(${code.index(primitive.index)}, X.ingressLength);`]
      case 'executeMeter': {
        const index = code.temp(code.index(primitive.index))
        const to = code.access(primitive.to)
        const size = this.program.meters[primitive.meter]?.size ?? 0
        const color = `(X.trace === null ? M[${primitive.meter}].execute(${index}, X.ingressLength, X.now) : 0)`
        return [`if (${index} < ${size}) { ${this.storeNumber(to, color).join(' ')} }`]
      }
      case 'registerRead': {
        const { to, array, index } = primitive
        const size = this.program.registers[array]?.size ?? 0
        return [`if (${code.index(index)} < ${size}) {`, ...this.store(code.access(to), { kind: 'register', array, index }), '}']
      }
      case 'registerWrite': return this.store(code.access({ kind: 'register', array: primitive.array, index: primitive.index }), primitive.value)
      case 'hash': return this.hash(primitive)
      case 'random': return this.random(primitive)
    }
  }

  private typeOf(header: HeaderExpr): HeaderType {
    return header.kind === 'header' ? this.layout.typeOf(header.header) : this.layout.stackType(header.stack)
  }

  /** Bytes of a header on the wire as it stands. */
  private headerBytes(header: HeaderExpr, base: string): string {
    const type = this.typeOf(header)
    const varbit = type.fields.findIndex(field => field.varbit)
    const fixed = String(this.layout.fixedBytes(type))
    return varbit < 0 ? fixed : `(${fixed} + (P[${base} + ${this.layout.offsetIn(type, varbit)}] >>> 3))`
  }

  private copyHeader(to: HeaderExpr, from: HeaderExpr): string[] {
    const a = this.code.base(to)
    const b = this.code.base(from)
    const words = this.layout.blockWords(this.typeOf(to))
    return [`if (P[${b}] === 0) P[${a}] = 0; else P.copyWithin(${a}, ${b}, ${b} + ${words});`]
  }

  /** Stores a value, cut to the width of the field. All words are computed before the first is stored. */
  store(to: Access, value: DataExpr): string[] {
    const { words, width } = to
    const { low, high } = this.code.ranges.of(value)
    const fits = low >= 0n && high < 1n << BigInt(width)
    const values = Array.from({ length: words }, (_, index) => {
      const bits = width - index * 32
      const word = this.code.word(value, index)
      return bits >= 32 || fits ? word : `(${word}) & ${2 ** bits - 1}`
    })
    if (words === 1) return [`${to.word(0)} = ${values[0]};`]
    const names = values.map(word => /^-?\d+$/.test(word) ? word : this.code.temp(word))
    return names.map((name, index) => `${to.word(index)} = ${name};`)
  }

  /** Stores the value of some code that gives a non-negative number below 2^53. */
  private storeNumber(to: Access, value: string): string[] {
    const { words, width } = to
    const mask = (index: number): string => width - index * 32 < 32 ? ` & ${2 ** (width - index * 32) - 1}` : ''
    if (words === 1) return [`${to.word(0)} = (${value})${mask(0)};`]
    return [`{ const v = ${value};`, ...Array.from({ length: words }, (_, index) =>
      index === 0 ? `${to.word(0)} = v;` : index === 1 ? `${to.word(1)} = Math.floor(v / 4294967296)${mask(1)};` : `${to.word(index)} = 0;`), '}']
  }

  private storeBig(to: Access, value: string): string[] {
    const stores = Array.from({ length: to.words }, (_, index) => `${to.word(index)} = wordOf(v, ${index});`)
    return [`{ const v = BigInt.asUintN(${to.width}, ${value});`, ...stores, '}']
  }

  private standardStore(name: string, value: bigint): string[] {
    const ref = this.program.standard.get(name)
    if (ref === undefined) return []
    return this.store(this.code.access({ kind: 'field', ref }), { kind: 'const', value: BigInt.asUintN(this.layout.fieldOf(ref).width, value) })
  }

  /** base + hash mod size, in 64-bit arithmetic; a size of 0 counts as 1. */
  private hash(primitive: Primitive & { op: 'hash' }): string[] {
    const { code } = this
    const to = code.access(primitive.to)
    const wide = this.program.calculations[primitive.calculation]?.algorithm === 'identity'
    if (!wide && code.isSafe(primitive.base) && code.isSafe(primitive.size) && code.ranges.of(primitive.base).high < 1n << 52n) {
      return this.storeNumber(to, `H[${primitive.calculation}]() % Math.max(${code.num(primitive.size)}, 1) + ${code.num(primitive.base)}`)
    }
    return this.storeBig(to, `hashOffset(BigInt(H[${primitive.calculation}]()), ${code.big(primitive.size)}, ${code.big(primitive.base)})`)
  }

  private random(primitive: Primitive & { op: 'random' }): string[] {
    const { code } = this
    const to = code.access(primitive.to)
    if (code.isSafe(primitive.low) && code.isSafe(primitive.high)) {
      const low = code.temp(code.num(primitive.low))
      const high = code.temp(code.num(primitive.high))
      return [`if (${low} <= ${high}) {`, ...this.storeNumber(to, `${low} + Math.floor(X.random() * (${high} - ${low} + 1))`), '}']
    }
    const low = code.temp(code.big(primitive.low))
    const high = code.temp(code.big(primitive.high))
    return [`if (${low} <= ${high}) {`, ...this.storeBig(to, `${low} + randomBig(X.random, ${high} - ${low} + 1n)`), '}']
  }
}

/** A header that becomes valid starts with zeros. Few words are cheaper to store one by one than to fill. */
const clearFields = (base: string, words: number): string => {
  if (!/^\d+$/.test(base) || words > 16) return `P.fill(0, ${base} + 1, ${base} + ${words});`
  return Array.from({ length: words - 1 }, (_, index) => `P[${Number(base) + 1 + index}] = 0;`).join(' ')
}

/** The words in which the arguments of an action are stored in an entry. */
export const packArgs = (params: readonly { readonly width: number }[], args: readonly bigint[]): number[] => {
  const words: number[] = []
  params.forEach((param, index) => {
    const value = BigInt.asUintN(param.width, args[index] ?? 0n)
    for (let word = 0; word < wordsFor(param.width); word++) words.push(Number(BigInt.asIntN(32, value >> BigInt(32 * word))))
  })
  return words
}

export const unpackArgs = (params: readonly { readonly width: number }[], words: readonly number[]): bigint[] => {
  let at = 0
  return params.map(param => {
    let value = 0n
    for (let word = wordsFor(param.width) - 1; word >= 0; word--) value = value << 32n | BigInt((words[at + word] ?? 0) >>> 0)
    at += wordsFor(param.width)
    return value
  })
}

