/**
 * Turns a declaration (layout.ts) into one straight-line function over a DataView per direction and version, made with
 * `new Function` at first use, from our own declarations only. The generated text is kept in `source`.
 * test/unit/openflow/interpreter.ts reads the same declarations in the obvious way and is the oracle for this file.
 */
import type { Codec, Reader, Writer } from './buffer.js'
import { Fault, Unencodable } from './fault.js'
import type { BitMap, Kind, Layout, Part } from './layout.js'
import { fieldsOf } from './layout.js'
import type { ErrorName } from './model.js'
import { readText, writeText } from './utf8.js'
import { pick, versionName } from './versions.js'

export interface Compiled<T> {
  decode(r: Reader, at: number, end: number): T
  encode(w: Writer, value: T): void
  /** Bytes that the structure has at least. */
  readonly minSize: number
  readonly source: string
}

const cache = new WeakMap<object, Map<number, Compiled<unknown>>>()

export function compile<T>(declared: Layout<T>, version: number): Compiled<T> {
  let versions = cache.get(declared)
  if (versions === undefined) cache.set(declared, versions = new Map())
  let compiled = versions.get(version) as Compiled<T> | undefined
  if (compiled === undefined) versions.set(version, compiled = build(declared, version) as Compiled<T>)
  return compiled
}

/** The layout as a part of other layouts. */
export function codecOf<T>(declared: Layout<T>, empty: T): Codec<T> {
  return {
    empty,
    decode: (r, at, end) => compile(declared, r.version).decode(r, at, end),
    encode: (w, value) => compile(declared, w.version).encode(w, value),
  }
}

/** As many of the layout as there are up to the end. */
export function list<T>(declared: Layout<T>): Codec<readonly T[]> {
  return {
    empty: [],
    decode(r, at, end) {
      const { decode } = compile(declared, r.version)
      const items: T[] = []
      r.at = at
      while (r.at < end) items.push(decode(r, r.at, end))
      return items
    },
    encode(w, items) {
      const { encode } = compile(declared, w.version)
      for (const item of items) encode(w, item)
    },
  }
}

/** All bytes up to the end; a view of the chunk, not a copy. */
export const rest: Codec<Uint8Array> = {
  empty: new Uint8Array(0),
  decode(r, at, end) {
    r.at = end
    return r.bytes.subarray(at, end)
  },
  encode: (w, value) => w.append(value),
}

const helpers = {
  short: (name: string, error: ErrorName, missing: number) => new Fault(error, `${name} is ${missing} bytes too short`),
  badSize: (name: string, error: ErrorName, said: number) => new Fault(error, `${name} says it has ${said} bytes, which does not fit`),
  excess: (name: string, error: ErrorName, count: number) => new Fault(error, `${count} bytes too many in ${name}`),
  unknown: (name: string, field: string, error: ErrorName, value: number) => new Fault(error, `${name}.${field} is ${value}`),
  lacks: (name: string, field: string, version: number) => new Unencodable(name, field, version, 'the version has no such field'),
  range: (name: string, field: string, version: number, value: unknown) => new Unencodable(name, field, version, `value ${String(value)}`),
  readText, writeText,
}

export const sizeIn = (kind: Kind<unknown>, version: number): number => kind.code === 'port' ? (version === 1 ? 2 : 4) : kind.size

const GET = { 1: 'getUint8', 2: 'getUint16', 4: 'getUint32' } as const
const SET = { 1: 'setUint8', 2: 'setUint16', 4: 'setUint32' } as const
const NAME = /^[a-zA-Z]\w*$/

interface Block { readonly parts: { readonly part: Part; readonly offset: number }[]; size: number }

/** A part with a codec of its own. */
type Inner = Extract<Part, { part: 'nested' | 'spread' }>

/** Runs of fixed size, with the inner parts between them. */
function blocksOf(parts: readonly Part[], version: number): (Block | Inner)[] {
  const out: (Block | Inner)[] = []
  let block: Block | null = null
  for (const part of parts) {
    if (part.part === 'nested' || part.part === 'spread') {
      block = null
      out.push(part)
      continue
    }
    if (block === null) out.push(block = { parts: [], size: 0 })
    block.parts.push({ part, offset: block.size })
    block.size += part.part === 'field' ? sizeIn(part.kind, version) : part.part === 'pad' ? part.size : 2
  }
  return out
}

class Source {
  readonly constants: unknown[] = []
  readonly lines: string[] = []
  constant(value: unknown): string {
    const known = this.constants.indexOf(value)
    return `k[${known >= 0 ? known : this.constants.push(value) - 1}]`
  }
}

function build(declared: Layout<unknown>, version: number): Compiled<unknown> {
  const parts = pick(declared.ranges, version)
  if (parts === undefined) throw new Unencodable(declared.name, '*', version, 'the version has no such structure')
  const source = new Source()
  source.lines.push(`// ${declared.name}, OpenFlow ${versionName(version)}`)
  emitDecode(source, declared, parts, version)
  emitEncode(source, declared, parts, version)
  source.lines.push('return { decode, encode }')
  const code = source.lines.join('\n')
  const made = new Function('k', 'h', code)(source.constants, helpers) as Pick<Compiled<unknown>, 'decode' | 'encode'>
  let minSize = 0
  for (const block of blocksOf(parts, version)) if (!('part' in block)) minSize += block.size
  return { ...made, minSize, source: code }
}

function emitDecode(source: Source, declared: Layout<unknown>, parts: readonly Part[], version: number): void {
  const { lines } = source
  const name = JSON.stringify(declared.name)
  const error = JSON.stringify(declared.lengthError)
  const present = new Set<string>()
  const limits = new Set<string>()
  let spreads = 0
  let sized = false
  lines.push('function decode(r, at, end) {', 'const d = r.view', 'let p = at')
  for (const block of blocksOf(parts, version)) {
    if ('part' in block && block.part === 'spread') {
      const value = `s_${spreads++}`
      lines.push(`const ${value} = ${source.constant(block.codec)}.decode(r, p, end)`, 'p = r.at')
      for (const key of Object.keys(block.codec.empty as object)) {
        if (present.has(key)) continue
        lines.push(`const f_${key} = ${value}.${key}`)
        present.add(key)
      }
      continue
    }
    if ('part' in block) {
      const limit = limits.has(block.name) ? `l_${block.name}` : null
      if (limit !== null) lines.push(`if (p + ${limit} > end) throw h.badSize(${name}, ${error}, ${limit})`)
      lines.push(`const f_${block.name} = ${source.constant(block.codec)}.decode(r, p, ${limit === null ? 'end' : `p + ${limit}`})`)
      if (limit !== null) lines.push(`if (r.at !== p + ${limit}) throw h.excess(${name}, ${error}, p + ${limit} - r.at)`)
      lines.push('p = r.at')
      present.add(block.name)
      continue
    }
    lines.push(`if (end - p < ${block.size}) throw h.short(${name}, ${error}, ${block.size} - (end - p))`)
    for (const { part, offset } of block.parts) {
      const at = offset === 0 ? 'p' : `p + ${offset}`
      if (part.part === 'size') {
        sized = true
        lines.push(`const size = d.getUint16(${at})`, `if (size < ${block.size} || size > end - at) throw h.badSize(${name}, ${error}, size)`, 'end = at + size')
      } else if (part.part === 'length') {
        limits.add(part.of)
        lines.push(`const l_${part.of} = d.getUint16(${at})`)
      } else if (part.part === 'field') {
        if (!NAME.test(part.name)) throw new Error(`bad field name ${part.name}`)
        lines.push(`const f_${part.name} = ${readExpression(source, part.kind, at, version)}`)
        if (part.kind.code === 'choice') {
          lines.push(`if (f_${part.name} == null) throw h.unknown(${name}, '${part.name}', ${JSON.stringify(part.kind.error)}, d.${GET[part.kind.size as 1 | 2 | 4]}(${at}))`)
        }
        present.add(part.name)
      }
    }
    lines.push(`p += ${block.size}`)
  }
  if (sized) lines.push(`if (p !== end) throw h.excess(${name}, ${error}, end - p)`)
  const properties = Object.entries(declared.constants).map(([key, value]) => `${key}: ${source.constant(value)}`)
  for (const field of fieldsOf(declared)) {
    properties.push(`${field.name}: ${present.has(field.name) ? `f_${field.name}` : source.constant(field.fallback)}`)
  }
  lines.push('r.at = p', `return { ${properties.join(', ')} }`, '}')
}

function readExpression(source: Source, kind: Kind<unknown>, at: string, version: number): string {
  const plus = (more: number): string => `${at} + ${more}`
  switch (kind.code) {
    case 'u8': case 'u16': case 'u32': {
      const raw = `d.${GET[kind.size as 1 | 2 | 4]}(${at})`
      const map = kind.bits === undefined ? undefined : pick(kind.bits, version)
      return map === undefined ? raw : `(${map.moves.filter((m) => m.sendOnly !== true).map((m) => shifted(`(${raw} & ${wireMask(m.mask, m.shift)})`, -m.shift)).join(' | ')}) >>> 0`
    }
    case 'n32': return `BigInt(d.getUint32(${at}))`
    case 'n48': return `BigInt(d.getUint16(${at}) * 0x100000000 + d.getUint32(${plus(2)}))`
    case 'n64': return `d.getBigUint64(${at})`
    case 'port': return version === 1 ? `(d.getUint16(${at}) >= 0xff00 ? d.getUint16(${at}) + 0xffff0000 : d.getUint16(${at}))` : `d.getUint32(${at})`
    case 'text': return `h.readText(r.bytes, ${at}, ${kind.size})`
    case 'choice': return `${source.constant(kind.names)}[d.${GET[kind.size as 1 | 2 | 4]}(${at})]`
  }
}

const shifted = (expression: string, shift: number): string =>
  shift === 0 ? expression : shift > 0 ? `(${expression} << ${shift})` : `(${expression} >>> ${-shift})`
const wireMask = (mask: number, shift: number): number => (shift >= 0 ? mask << shift : mask >>> -shift) >>> 0

function emitEncode(source: Source, declared: Layout<unknown>, parts: readonly Part[], version: number): void {
  const { lines } = source
  const name = JSON.stringify(declared.name)
  lines.push('function encode(w, v) {', 'const start = w.at', 'let p = start', 'let d = w.view')
  const present = new Set<string>()
  const measured = new Set<string>()
  let sizeAt: number | null = null
  let blockStart = 0
  for (const block of blocksOf(parts, version)) {
    if ('part' in block && block.part === 'spread') {
      for (const key of Object.keys(block.codec.empty as object)) present.add(key)
      lines.push(`${source.constant(block.codec)}.encode(w, v)`)
      continue
    }
    if ('part' in block) {
      present.add(block.name)
      const before = measured.has(block.name) ? `s_${block.name}` : null
      if (before !== null) lines.push(`const ${before} = w.at`)
      lines.push(`${source.constant(block.codec)}.encode(w, v.${block.name})`)
      if (before !== null) lines.push(`w.patchLength(l_${block.name}, w.at - ${before}, ${name})`)
      continue
    }
    lines.push(`p = w.reserve(${block.size})`, 'd = w.view')
    for (const { part, offset } of block.parts) {
      const at = offset === 0 ? 'p' : `p + ${offset}`
      if (part.part === 'size') {
        if (blockStart !== 0) throw new Error(`${declared.name}: the size is not in the first block`)
        sizeAt = offset
      } else if (part.part === 'length') {
        measured.add(part.of)
        lines.push(`const l_${part.of} = ${at}`)
      } else if (part.part === 'pad') {
        if (part.value !== undefined) lines.push(`d.setUint32(${at} + ${part.size - 4}, ${part.value})`)
      } else if (part.part === 'field') {
        present.add(part.name)
        lines.push(...writeStatements(source, part.kind, part.name, at, name, version))
      }
    }
    blockStart += block.size
  }
  if (sizeAt !== null) lines.push(`w.patchLength(start + ${sizeAt}, w.at - start, ${name})`)
  for (const field of fieldsOf(declared)) {
    if (present.has(field.name) || declared.drop.includes(field.name)) continue
    const test = field.part === 'nested' || Array.isArray(field.fallback)
      ? `v.${field.name}.length > 0`
      : `v.${field.name} !== ${source.constant(field.fallback)}`
    lines.push(`if (!w.lossy && ${test}) throw h.lacks(${name}, '${field.name}', ${version})`)
  }
  lines.push('}')
}

function writeStatements(source: Source, kind: Kind<unknown>, field: string, at: string, name: string, version: number): string[] {
  const x = `f_${field}`
  const refuse = `throw h.range(${name}, '${field}', ${version}, ${x})`
  const declare = `const ${x} = v.${field}`
  switch (kind.code) {
    case 'u8': case 'u16': case 'u32': {
      const size = kind.size as 1 | 2 | 4
      const map = kind.bits === undefined ? undefined : pick(kind.bits, version)
      return [declare, `if (!(${x} >= 0 && ${x} < ${2 ** (8 * size)})) ${refuse}`, `d.${SET[size]}(${at}, ${map === undefined ? x : wireBits(x, map)})`]
    }
    case 'n32': return [declare, `if (${x} < 0n || ${x} > 0xffffffffn) ${refuse}`, `d.setUint32(${at}, Number(${x}))`]
    case 'n48': return [declare, `if (${x} < 0n || ${x} > 0xffffffffffffn) ${refuse}`,
      `d.setUint16(${at}, Number(${x} >> 32n))`, `d.setUint32(${at} + 2, Number(${x} & 0xffffffffn))`]
    case 'n64': return [declare, `if (BigInt.asUintN(64, ${x}) !== ${x}) ${refuse}`, `d.setBigUint64(${at}, ${x})`]
    case 'port': return version === 1
      ? [declare, `if (!(${x} >= 0 && ${x} < 0xff00 || ${x} >= 0xffffff00 && ${x} <= 0xffffffff)) ${refuse}`, `d.setUint16(${at}, ${x} & 0xffff)`]
      : [declare, `if (!(${x} >= 0 && ${x} <= 0xffffffff)) ${refuse}`, `d.setUint32(${at}, ${x})`]
    case 'text': return [`h.writeText(w.bytes, ${at}, ${kind.size}, v.${field})`]
    case 'choice': return [declare, `const n_${field} = ${source.constant(numbersOf(kind, version))}.get(${x})`,
      `if (n_${field} === undefined) ${refuse}`, `d.${SET[kind.size as 1 | 2 | 4]}(${at}, n_${field})`]
  }
}

function wireBits(x: string, map: BitMap): string {
  const moved = map.moves.map((m) => shifted(`(${x} & ${m.mask})`, m.shift))
  if (map.set !== undefined) moved.push(String(map.set))
  return `(${moved.join(' | ')}) >>> 0`
}

function numbersOf(kind: Kind<unknown>, version: number): Map<string, number> {
  const numbers = new Map<string, number>()
  kind.names?.forEach((name, number) => { if (name !== null) numbers.set(name, number) })
  const substitutes = kind.substitutes === undefined ? undefined : pick(kind.substitutes, version)
  for (const [name, other] of Object.entries(substitutes ?? {})) {
    const number = numbers.get(other)
    if (number === undefined) throw new Error(`no such choice: ${other}`)
    numbers.set(name, number)
  }
  return numbers
}
