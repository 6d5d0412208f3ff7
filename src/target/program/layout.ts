/**
 * Where everything of a packet's state lives. All header and metadata fields stand in one Int32Array, least significant
 * word first, so that copying a packet for a replica is one memcpy and generated code reads fields at constant indices.
 *
 *   [metadata blocks | header blocks | stack elements, contiguous | next index of each stack | scratch block]
 *   a block is: validity word, then the fields' words (a varbit field: its length in bits, then its bytes in order)
 *
 * The scratch block is what an index outside a stack leads to.
 */
import type { FieldDef, FieldRef, HeaderType, Program } from './ir.js'

export interface FieldSlot { readonly slot: number; readonly words: number; readonly width: number; readonly signed: boolean }

export const wordsFor = (width: number): number => (width + 31) >>> 5
const fieldWords = (field: FieldDef): number => wordsFor(field.width) + (field.varbit ? 1 : 0)

export class Layout {
  readonly size: number
  /** The metadata blocks: [from, to). */
  readonly metadata: readonly [number, number]
  readonly scratch: number
  private readonly program: Program
  private readonly bases: number[] = []
  private readonly stackBases: number[] = []
  private readonly stackNexts: number[] = []
  private readonly offsets = new Map<HeaderType, readonly number[]>()

  constructor(program: Program) {
    this.program = program
    let at = 0
    let largest = 2
    const place = (header: number): void => {
      const words = this.blockWords(this.typeOf(header))
      this.bases[header] = at
      largest = Math.max(largest, words)
      at += words
    }
    const inStack = new Set(program.stacks.flatMap(stack => stack.headers))
    program.headers.forEach((header, index) => header.metadata && place(index))
    this.metadata = [0, at]
    program.headers.forEach((header, index) => !header.metadata && !inStack.has(index) && place(index))
    for (const stack of program.stacks) {
      this.stackBases.push(at)
      stack.headers.forEach(place)
    }
    for (let index = 0; index < program.stacks.length; index++) this.stackNexts.push(at++)
    this.scratch = at
    this.size = at + largest
  }

  /** The validity word of a header; its block starts here. */
  base(header: number): number { return this.bases[header] ?? 0 }
  typeOf(header: number): HeaderType { return this.program.headers[header]?.type ?? { name: '', fields: [], maxBytes: 0 } }
  isMetadata(header: number): boolean { return this.program.headers[header]?.metadata === true }
  fieldOf(ref: FieldRef): FieldDef { return this.typeOf(ref.header).fields[ref.field] ?? { name: '', width: 0, signed: false, varbit: false } }
  field(ref: FieldRef): FieldSlot {
    const field = this.fieldOf(ref)
    const { width, signed } = field
    return { slot: this.base(ref.header) + this.offsetIn(this.typeOf(ref.header), ref.field), words: wordsFor(width), width, signed }
  }

  /** Offset of a field from the start of its block. */
  offsetIn(type: HeaderType, field: number): number {
    let offsets = this.offsets.get(type)
    if (offsets === undefined) {
      let at = 1
      offsets = type.fields.map(item => {
        const offset = at
        at += fieldWords(item)
        return offset
      })
      this.offsets.set(type, offsets)
    }
    return offsets[field] ?? 1
  }

  blockWords(type: HeaderType): number { return 1 + type.fields.reduce((sum, field) => sum + fieldWords(field), 0) }
  stackBase(stack: number): number { return this.stackBases[stack] ?? 0 }
  stackNext(stack: number): number { return this.stackNexts[stack] ?? 0 }
  stackDepth(stack: number): number { return this.program.stacks[stack]?.headers.length ?? 0 }
  stackType(stack: number): HeaderType { return this.program.stacks[stack]?.type ?? { name: '', fields: [], maxBytes: 0 } }
  stackStride(stack: number): number { return this.blockWords(this.stackType(stack)) }
  /** Bytes of a header on the wire, without its varbit field. */
  fixedBytes(type: HeaderType): number { return type.fields.reduce((bits, field) => bits + (field.varbit ? 0 : field.width), 0) >>> 3 }

  /** Copies a value into a packet's state. */
  store(state: Int32Array, ref: FieldRef, value: bigint): void {
    const { slot, words, width } = this.field(ref)
    const bits = BigInt.asUintN(width, value)
    for (let index = 0; index < words; index++) state[slot + index] = Number(BigInt.asIntN(32, bits >> BigInt(32 * index)))
  }

  load(state: Int32Array, ref: FieldRef): bigint {
    const { slot, words, width } = this.field(ref)
    let value = 0n
    for (let index = words - 1; index >= 0; index--) value = value << 32n | BigInt((state[slot + index] ?? 0) >>> 0)
    return BigInt.asUintN(width, value)
  }
}
