/**
 * Reads and writes declarations in the obvious way, one part after the other: the oracle for the compiled code.
 * `trace` gets every part with its place, which is how the vectors got their comments.
 */
import { Reader, Writer } from '../../../src/openflow/buffer.js'
import { Fault } from '../../../src/openflow/fault.js'
import { fieldsOf, type Kind, type Layout, type Part } from '../../../src/openflow/layout.js'
import { readText, writeText } from '../../../src/openflow/utf8.js'
import { pick } from '../../../src/openflow/versions.js'

export type Trace = (name: string, at: number, end: number) => void
type Value = Record<string, unknown>

const sizeOf = (kind: Kind<unknown>, version: number): number => kind.code === 'port' && version === 1 ? 2 : kind.size
const number = (r: Reader, at: number, size: number): bigint => r.bytes.subarray(at, at + size).reduce((sum, byte) => sum << 8n | BigInt(byte), 0n)

function readKind(r: Reader, kind: Kind<unknown>, at: number): unknown {
  const raw = kind.code === 'text' ? 0n : number(r, at, sizeOf(kind, r.version))
  const map = kind.bits === undefined ? undefined : pick(kind.bits, r.version)
  switch (kind.code) {
    case 'text': return readText(r.bytes, at, kind.size)
    case 'n32': case 'n48': case 'n64': return raw
    case 'port': return r.version === 1 && raw >= 0xff00n ? Number(raw) + 0xffff0000 : Number(raw)
    case 'choice': {
      const name = kind.names?.[Number(raw)] ?? null
      if (name === null) throw new Fault(kind.error ?? 'OFPBRC_BAD_LEN', `${kind.code} ${raw}`)
      return name
    }
    default: {
      if (map === undefined) return Number(raw)
      let value = 0
      for (const { mask, shift, sendOnly } of map.moves) {
        for (let bit = 0; bit < 32; bit++) if (sendOnly !== true && (mask >>> bit & 1) === 1 && (raw >> BigInt(bit + shift) & 1n) === 1n) value += 2 ** bit
      }
      return value
    }
  }
}

export function interpret(declared: Layout<unknown>, r: Reader, at: number, end: number, trace?: Trace): Value {
  const parts = pick(declared.ranges, r.version) as readonly Part[]
  const fault = (): Fault => new Fault(declared.lengthError, declared.name)
  const value: Value = { ...declared.constants }
  for (const field of fieldsOf(declared)) value[field.name] = field.fallback
  const lengths = new Map<string, number>()
  const start = at
  let sized = false
  for (const part of parts) {
    const inner = part.part === 'nested' || part.part === 'spread'
    const size = part.part === 'field' ? sizeOf(part.kind, r.version) : part.part === 'pad' ? part.size : inner ? 0 : 2
    if (end - at < size) throw fault()
    if (part.part === 'field') value[part.name] = readKind(r, part.kind, at)
    if (part.part === 'length') lengths.set(part.of, Number(number(r, at, 2)))
    if (part.part === 'size') {
      const length = Number(number(r, at, 2))
      if (length > end - start || start + length < at + 2) throw fault()
      end = start + length
      sized = true
    }
    if (part.part === 'nested') {
      const length = lengths.get(part.name)
      if (length !== undefined && at + length > end) throw fault()
      value[part.name] = part.codec.decode(r, at, length === undefined ? end : at + length)
      if (length !== undefined && r.at !== at + length) throw fault()
    }
    if (part.part === 'spread') Object.assign(value, part.codec.decode(r, at, end))
    trace?.('name' in part ? part.name : part.part, at, inner ? r.at : at + size)
    at = inner ? r.at : at + size
  }
  if (sized && at !== end) throw fault()
  r.at = at
  return value
}

export function compose(declared: Layout<unknown>, version: number, value: Value): Uint8Array {
  const parts = pick(declared.ranges, version) as readonly Part[]
  const out: number[] = []
  const patches: { readonly at: number; readonly of: string | null }[] = []
  const put = (raw: bigint, size: number): void => { for (let i = size - 1; i >= 0; i--) out.push(Number(raw >> BigInt(8 * i) & 0xffn)) }
  for (const part of parts) {
    if (part.part === 'pad') put(BigInt(part.value ?? 0), part.size)
    else if (part.part === 'size' || part.part === 'length') {
      patches.push({ at: out.length, of: part.part === 'size' ? null : part.of })
      put(0n, 2)
    } else if (part.part === 'nested' || part.part === 'spread') {
      const w = new Writer()
      w.reset(version)
      part.codec.encode(w, part.part === 'nested' ? value[part.name] : value)
      const patch = patches.find(({ of }) => 'name' in part && of === part.name)
      if (patch !== undefined) [out[patch.at], out[patch.at + 1]] = [w.at >> 8, w.at & 0xff]
      out.push(...w.bytes.subarray(0, w.at))
    } else writeKind(part.kind, value[part.name], version, put, out)
  }
  for (const { at, of } of patches) if (of === null) [out[at], out[at + 1]] = [out.length >> 8, out.length & 0xff]
  return Uint8Array.from(out)
}

function writeKind(kind: Kind<unknown>, value: unknown, version: number, put: (raw: bigint, size: number) => void, out: number[]): void {
  const size = sizeOf(kind, version)
  const map = kind.bits === undefined ? undefined : pick(kind.bits, version)
  if (kind.code === 'text') {
    const bytes = new Uint8Array(size)
    writeText(bytes, 0, size, value as string)
    out.push(...bytes)
  } else if (kind.code === 'choice') {
    const said = (kind.substitutes === undefined ? undefined : pick(kind.substitutes, version))?.[value as string] ?? value as string
    put(BigInt(kind.names?.indexOf(said) ?? 0), size)
  } else if (map !== undefined) {
    let raw = BigInt(map.set ?? 0)
    for (const { mask, shift } of map.moves) {
      for (let bit = 0; bit < 32; bit++) if ((mask >>> bit & 1) === 1 && ((value as number) >>> bit & 1) === 1) raw |= 1n << BigInt(bit + shift)
    }
    put(raw, size)
  } else put(BigInt(value as number | bigint) & ((1n << BigInt(8 * size)) - 1n), size)
}
