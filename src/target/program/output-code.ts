/** Generates the deparser, the checksums, and the functions that gather the input of hashes. */
import { ActionCode } from './action-code.js'
import { writeBits } from './bits-code.js'
import type { BitItem } from './bits-code.js'
import type { Calculation, Checksum, FieldRef, Program } from './ir.js'
import type { Layout } from './layout.js'
import type { Ranges } from './range.js'

/** A run of bits that is written when its header is valid: fields of fixed width, or a varbit field. */
type Segment = { readonly kind: 'fixed'; readonly items: readonly BitItem[] } | { readonly kind: 'varbit'; readonly slot: number }
interface Group { readonly valid: number | null; readonly segments: Segment[] }

export class OutputCode {
  private readonly program: Program
  private readonly layout: Layout
  private readonly ranges: Ranges

  constructor(program: Program, layout: Layout, ranges: Ranges) {
    this.program = program
    this.layout = layout
    this.ranges = ranges
  }

  /** `headersSize()` and `emitHeaders(O)`, which returns how many bytes it wrote. */
  deparser(): string {
    const headers = this.program.deparserOrder.filter(header => !this.layout.isMetadata(header))
    const sizes = headers.map(header => {
      const type = this.layout.typeOf(header)
      const varbit = type.fields.findIndex(field => field.varbit)
      const extra = varbit < 0 ? '' : ` n += P[${this.layout.field({ header, field: varbit }).slot}] >>> 3;`
      return `if (P[${this.layout.base(header)}] !== 0) { n += ${this.layout.fixedBytes(type)};${extra} }`
    })
    const writes = headers.map(header => this.writeGroup({ valid: header, segments: this.headerSegments(header) }, 'O'))
    return ['function headersSize() { let n = 0;', ...sizes, 'return n; }', 'function emitHeaders(O) { let n = 0;', ...writes, 'return n; }'].join('\n')
  }

  /** `verifyChecksums()` and `updateChecksums()`. */
  checksums(): string {
    const actions = new ActionCode(this.program, this.layout, this.ranges, 0)
    const one = (checksum: Checksum, statement: (slot: number, mask: string) => string, needsTarget: boolean): string => actions.block(() => {
      const { slot, width } = this.layout.field(checksum.target)
      const cond = checksum.cond === null ? 'true' : actions.code.bool(checksum.cond)
      const target = needsTarget && !this.layout.isMetadata(checksum.target.header) ? `P[${this.layout.base(checksum.target.header)}] !== 0 && ` : ''
      return [`if (${target}${cond}) ${statement(slot, width < 32 ? ` & ${2 ** width - 1}` : ' | 0')}`]
    })
    const verify = this.program.checksums.filter(checksum => checksum.verify)
      .map(checksum => one(checksum, slot => `if (Number(H[${checksum.calculation}]()) !== (P[${slot}] >>> 0)) X.checksumError = 1;`, true))
    const update = this.program.checksums.filter(checksum => checksum.update)
      .map(checksum => one(checksum, (slot, mask) => `P[${slot}] = Number(H[${checksum.calculation}]())${mask};`, false))
    return ['function verifyChecksums() {', ...verify, '}', 'function updateChecksums() {', ...update, '}'].join('\n')
  }

  /** `H[i]()`: gathers the input and hashes it. */
  calculations(): string {
    const one = (calculation: Calculation, index: number): string => `H[${index}] = function () {\n${this.gather(calculation)}\nreturn hash${index}(X.scratch, n);\n};`
    return this.program.calculations.map(one).join('\n')
  }

  private gather(calculation: Calculation): string {
    const groups = this.groupsOf(calculation)
    const withPayload = calculation.inputs.some(input => input.kind === 'payload')
    const most = groups.reduce((sum, group) => sum + group.segments.reduce((bits, segment) =>
      bits + (segment.kind === 'fixed' ? segment.items.reduce((total, item) => total + item.width, 0) : 65536), 0), 0)
    const room = `X.reserve(${(most >>> 3) + 8}${withPayload ? ' + X.payloadLength()' : ''});`
    const aligned = groups.every((group, index) => group.segments.every((segment, at) =>
      segment.kind === 'varbit' || isWhole(segment.items) || (index === groups.length - 1 && at === group.segments.length - 1 && !withPayload)))
    const lines = [room, 'let n = 0;', aligned ? 'const O = X.scratch;' : 'const O = X.scratch; let bits = 0; O.fill(0, 0, ' + ((most >>> 3) + 8) + ');']
    for (const group of groups) lines.push(aligned ? this.writeGroup(group, 'O') : this.putGroup(group))
    if (!aligned) lines.push('n = (bits + 7) >>> 3;')
    if (withPayload) lines.push('n = X.appendPayload(n);')
    return lines.join('\n')
  }

  /** Inputs joined into groups that share one validity. Constants and metadata are always there. */
  private groupsOf(calculation: Calculation): Group[] {
    const groups: Group[] = []
    const add = (valid: number | null, segments: readonly Segment[]): void => {
      const last = groups.at(-1)
      if (last === undefined || last.valid !== valid) groups.push({ valid, segments: [...segments] })
      else last.segments.push(...segments)
    }
    for (const input of calculation.inputs) {
      if (input.kind === 'payload') continue
      if (input.kind === 'const') {
        add(null, [{ kind: 'fixed', items: [{ width: input.width, word: index => String(BigInt.asIntN(32, input.value >> BigInt(32 * index))) }] }])
      } else if (input.kind === 'header') {
        add(input.header, this.headerSegments(input.header))
      } else {
        add(this.layout.isMetadata(input.ref.header) ? null : input.ref.header, [this.fieldSegment(input.ref)])
      }
    }
    return groups.map(group => ({ valid: group.valid, segments: joinFixed(group.segments) }))
  }

  private headerSegments(header: number): Segment[] {
    return joinFixed(this.layout.typeOf(header).fields.map((_, field) => this.fieldSegment({ header, field })))
  }

  private fieldSegment(ref: FieldRef): Segment {
    const { slot, width } = this.layout.field(ref)
    if (this.layout.fieldOf(ref).varbit) return { kind: 'varbit', slot }
    return { kind: 'fixed', items: [{ width, word: index => `P[${slot + index}]` }] }
  }

  /** Writes whole bytes at O[n …] and moves n. */
  private writeGroup(group: Group, target: string): string {
    const lines = group.segments.map(segment => {
      if (segment.kind === 'varbit') {
        const from = (segment.slot + 1) * 4
        return `{ const size = P[${segment.slot}] >>> 3; ${target}.set(PB.subarray(${from}, ${from} + size), n); n += size; }`
      }
      const bits = segment.items.reduce((sum, item) => sum + item.width, 0)
      return [...writeBits(segment.items, at => at === 0 ? `${target}[n]` : `${target}[n + ${at}]`), `n += ${(bits + 7) >>> 3};`].join(' ')
    })
    return group.valid === null ? lines.join('\n') : `if (P[${this.layout.base(group.valid)}] !== 0) {\n${lines.join('\n')}\n}`
  }

  /** Writes at any bit offset: the slow way, for inputs that are not whole bytes before an optional header. */
  private putGroup(group: Group): string {
    const lines = group.segments.flatMap(segment => segment.kind === 'varbit'
      ? [`for (let at = 0; at < P[${segment.slot}] >>> 3; at++) bits = putBits(O, bits, PB[${(segment.slot + 1) * 4} + at], 8);`]
      : segment.items.flatMap(item => {
        const words = (item.width + 31) >>> 5
        return Array.from({ length: words }, (_, index) => {
          const word = words - 1 - index
          return `bits = putBits(O, bits, ${item.word(word)}, ${word === words - 1 ? item.width - word * 32 : 32});`
        })
      }))
    return group.valid === null ? lines.join('\n') : `if (P[${this.layout.base(group.valid)}] !== 0) {\n${lines.join('\n')}\n}`
  }
}

const isWhole = (items: readonly BitItem[]): boolean => items.reduce((sum, item) => sum + item.width, 0) % 8 === 0

const joinFixed = (segments: readonly Segment[]): Segment[] => {
  const joined: Segment[] = []
  for (const segment of segments) {
    const last = joined.at(-1)
    if (segment.kind === 'fixed' && last?.kind === 'fixed') joined[joined.length - 1] = { kind: 'fixed', items: [...last.items, ...segment.items] }
    else joined.push(segment)
  }
  return joined
}
