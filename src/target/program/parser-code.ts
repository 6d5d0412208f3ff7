/**
 * Generates the parser: one function `parse(b, o, end)` that walks the states over the bytes from `o` and returns where
 * the payload starts. An error stops parsing, sets X.parserError, and leaves everything parsed so far in place; the
 * packet is not dropped and the rest of it is payload, as on BMv2.
 */
import { ActionCode } from './action-code.js'
import { readBits } from './bits-code.js'
import type { HeaderType, ParserOp, ParserState, Program, Transition, TransitionKey } from './ir.js'
import type { Layout } from './layout.js'
import type { Ranges } from './range.js'

/** Transitions of one packet; a program that needs more loops without reading anything. */
const maxTransitions = 16384

const coreErrors = { PacketTooShort: 1, StackOutOfBounds: 3, HeaderTooShort: 4, ParserTimeout: 5, ParserInvalidArgument: 6 } as const
type CoreError = keyof typeof coreErrors

export class ParserCode {
  private readonly program: Program
  private readonly layout: Layout
  private readonly actions: ActionCode

  constructor(program: Program, layout: Layout, ranges: Ranges, dropPort: number) {
    this.program = program
    this.layout = layout
    this.actions = new ActionCode(program, layout, ranges, dropPort)
  }

  generate(): string {
    const states = this.program.parserStates.map((state, index) => `case ${index}: {\n${this.state(state)}\n}`)
    return [
      'function parse(b, o, end) {', `let s = ${this.program.parserStart}, steps = 0;`, 'while (s >= 0) {',
      `if (++steps > ${maxTransitions}) { ${this.fail('ParserTimeout')} }`, 'switch (s) {', ...states, '} }', 'return o;', '}',
    ].join('\n')
  }

  private fail(error: CoreError): string {
    return `X.parserError = ${this.program.errors.get(error) ?? coreErrors[error]}; return o;`
  }

  private state(state: ParserState): string {
    return [...state.ops.map(op => this.op(op)), this.actions.block(() => this.transition(state))].join('\n')
  }

  private op(op: ParserOp): string {
    if (op.op === 'primitive') return this.actions.primitive(op.primitive)
    return this.actions.block(() => this.opStatements(op))
  }

  private opStatements(op: Exclude<ParserOp, { op: 'primitive' }>): string[] {
    const { code } = this.actions
    const { layout } = this
    switch (op.op) {
      case 'extract': return this.extract(layout.typeOf(op.header), layout.base(op.header), null)
      case 'extractVarbit': return this.extract(layout.typeOf(op.header), layout.base(op.header), code.temp(code.num(op.bits)))
      case 'extractNext': return this.extractNext(op.stack, null)
      case 'extractNextVarbit': return this.extractNext(op.stack, code.temp(code.num(op.bits)))
      case 'setVarbit': return [this.actions.primitive({ op: 'assignVarbit', to: op.to, from: op.from })]
      case 'setLookahead': {
        const to = layout.field(op.to)
        const words = this.lookahead(op.offset, op.width)
        const stores = Array.from({ length: to.words }, (_, index) => {
          const bits = to.width - index * 32
          const word = words[index] ?? '0'
          return `P[${to.slot + index}] = ${bits < 32 && op.width > to.width ? `(${word}) & ${2 ** bits - 1}` : word};`
        })
        return [`if (end - o < ${(op.width + 7) >>> 3}) { ${this.fail('PacketTooShort')} }`, ...stores]
      }
      case 'verify': return [`if (!${code.bool(op.cond)}) { X.parserError = (${code.word(op.error, 0)}) | 0; return o; }`]
      case 'advance': {
        const bits = code.temp(code.num(op.bits))
        return [
          `if (${bits} % 8 !== 0) { ${this.fail('ParserInvalidArgument')} }`,
          `if (${bits} < 0 || end - o < ${bits} / 8) { ${this.fail('PacketTooShort')} }`, `o += ${bits} / 8;`,
        ]
      }
    }
  }

  private extractNext(stack: number, bits: string | null): string[] {
    const { layout } = this
    const next = layout.stackNext(stack)
    return [
      `if (P[${next}] >= ${layout.stackDepth(stack)}) { ${this.fail('StackOutOfBounds')} }`,
      `const base = ${layout.stackBase(stack)} + P[${next}] * ${layout.stackStride(stack)};`,
      ...this.extract(layout.stackType(stack), 'base', bits), `P[${next}]++;`,
    ]
  }

  /** `bits` is the code of the varbit field's length, where the header has one. */
  private extract(type: HeaderType, base: number | string, bits: string | null): string[] {
    const { layout } = this
    const fixed = layout.fixedBytes(type)
    /** Code of the place `offset` words into the header's block. */
    const place = (offset: number): string => typeof base === 'number' ? String(base + offset) : `${base} + ${offset}`
    const lines: string[] = []
    if (bits === null) {
      lines.push(`if (end - o < ${fixed}) { ${this.fail('PacketTooShort')} }`)
    } else {
      lines.push(
        `if (${bits} % 8 !== 0) { ${this.fail('ParserInvalidArgument')} }`,
        `if (${bits} < 0 || end - o < ${fixed} + ${bits} / 8) { ${this.fail('PacketTooShort')} }`,
      )
      const most = type.maxBytes > 0 ? type.maxBytes : fixed + (type.fields.find(field => field.varbit)?.width ?? 0) / 8
      lines.push(`if (${fixed} + ${bits} / 8 > ${most}) { ${this.fail('HeaderTooShort')} }`)
    }
    let offset = 0
    type.fields.forEach((field, index) => {
      if (field.varbit) {
        // The varbit field starts on a whole byte: read.ts and p4c see to it.
        const at = place(layout.offsetIn(type, index))
        // What is left of a longer value would show in comparisons.
        const from = `o + ${offset >>> 3}`
        lines.push(`P.fill(0, ${at} + 1, ${at} + ${1 + ((field.width + 31) >>> 5)});`, `P[${at}] = ${bits};`)
        lines.push(`PB.set(b.subarray(${from}, ${from} + ${bits} / 8), (${at} + 1) * 4);`, `o += ${bits} / 8;`)
        return
      }
      const words = readBits(offset, field.width, at => at === 0 ? 'b[o]' : `b[o + ${at}]`)
      words.forEach((word, at) => lines.push(`P[${place(layout.offsetIn(type, index) + at)}] = ${word};`))
      offset += field.width
    })
    lines.push(`P[${base}] = 1;`, `o += ${fixed};`)
    return lines
  }

  /** Bytes behind the end of the packet read as 0. */
  private lookahead(offset: number, width: number): string[] {
    return readBits(offset, width, at => `byteAt(b, o + ${at}, end)`)
  }

  private transition(state: ParserState): string[] {
    const cases = state.transitions.filter(transition => transition.match.length > 0)
    const fallback = state.transitions.findLast(transition => transition.match.length === 0)?.next ?? -1
    const other = `s = ${fallback}; break;`
    if (cases.length === 0) return [other]
    const key = state.key.map(item => this.keyWords(item))
    const only = key[0]
    if (key.length === 1 && only !== undefined && only.length === 1 && cases.every(item => isFullMask(item, state.key))) {
      const seen = new Set<string>()
      const arms = cases.flatMap(item => {
        const value = String(BigInt.asIntN(32, item.match[0]?.value ?? 0n))
        if (seen.has(value)) return []
        seen.add(value)
        return [`case ${value}: s = ${item.next}; break;`]
      })
      return [`switch ((${only[0]}) | 0) { ${arms.join(' ')} default: s = ${fallback}; } break;`]
    }
    const tests = cases.map(item => `if (${this.test(item, key)}) { s = ${item.next}; break; }`)
    return [...tests, other]
  }

  private keyWords(key: TransitionKey): string[] {
    const { code } = this.actions
    if (key.kind === 'lookahead') return this.lookahead(key.offset, key.width).map(word => code.temp(word))
    return Array.from({ length: (key.width + 31) >>> 5 }, (_, index) => code.temp(code.word(key.value, index)))
  }

  private test(transition: Transition, key: readonly (readonly string[])[]): string {
    const tests = key.flatMap((words, field) => words.flatMap((word, index) => {
      const { value, mask } = transition.match[field] ?? { value: 0n, mask: 0n }
      const part = (bits: bigint): string => String(BigInt.asIntN(32, bits >> BigInt(32 * index)))
      const maskWord = part(mask)
      return maskWord === '0' ? [] : [`(${word} & ${maskWord}) === ${part(value & mask)}`]
    }))
    return tests.join(' && ') || 'true'
  }
}

const isFullMask = (transition: Transition, key: readonly TransitionKey[]): boolean =>
  transition.match.every(({ mask }, index) => mask === (1n << BigInt(key[index]?.width ?? 0)) - 1n)
