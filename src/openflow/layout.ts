/**
 * The language in which message parts are declared: fields in wire order per range of versions. A declaration is plain
 * data; compile.ts turns it into code, the value type of the part is inferred from it.
 *
 * Decoding returns every field that any version has, always in the same order, with a default where the version has
 * none: one object shape for all versions. Encoding a non-default value that the version lacks is Unencodable, except
 * for the fields in `drop`, which older versions simply do not tell.
 */
import type { Codec } from './buffer.js'
import type { ErrorName } from './model.js'
import type { Ranges } from './versions.js'

export type KindCode = 'u8' | 'u16' | 'u32' | 'n32' | 'n48' | 'n64' | 'port' | 'text' | 'choice'

/** Moves the bits under `mask` (as in the model) left by `shift` on their way to the wire, and back. */
export interface BitMove { readonly mask: number; readonly shift: number; /** Set on sending, not looked at on receiving. */ readonly sendOnly?: true }
export interface BitMap { readonly moves: readonly BitMove[]; /** Always set on the wire, never seen above. */ readonly set?: number }

export interface Kind<T> {
  readonly code: KindCode
  /** Bytes on the wire; a port has 2 in 1.0. */
  readonly size: number
  readonly fallback: T
  readonly bits?: Ranges<BitMap>
  /** choice: index = wire number. */
  readonly names?: readonly (string | null)[]
  readonly error?: ErrorName
  /** choice: what a version that lacks a name says instead. */
  readonly substitutes?: Ranges<Readonly<Record<string, string>>>
}

export const u8: Kind<number> = { code: 'u8', size: 1, fallback: 0 }
export const u16: Kind<number> = { code: 'u16', size: 2, fallback: 0 }
export const u32: Kind<number> = { code: 'u32', size: 4, fallback: 0 }
/** 32 bits as a bigint, for header field values. */
export const n32: Kind<bigint> = { code: 'n32', size: 4, fallback: 0n }
export const n48: Kind<bigint> = { code: 'n48', size: 6, fallback: 0n }
export const n64: Kind<bigint> = { code: 'n64', size: 8, fallback: 0n }
/** 16 bits in 1.0, whose reserved ports 0xff00 … 0xffff stand for 0xffffff00 … 0xffffffff. OF 1.0 §5.2.1. */
export const port: Kind<number> = { code: 'port', size: 4, fallback: 0 }

export const text = (size: number): Kind<string> => ({ code: 'text', size, fallback: '' })
export const bits = (kind: Kind<number>, maps: Ranges<BitMap>): Kind<number> => ({ ...kind, bits: maps })
/** The same kind with another value where a version has no such field. */
export const otherwise = <T>(kind: Kind<T>, fallback: T): Kind<T> => ({ ...kind, fallback })

/** A number that stands for one of `names`; any other number is refused with `error`. */
export function choice<const N extends readonly (string | null)[]>(
  size: 1 | 2 | 4, names: N, error: ErrorName, substitutes?: Ranges<Readonly<Record<string, string>>>,
): Kind<NonNullable<N[number]>> {
  const first = names.find((name) => name !== null)
  if (first === undefined) throw new Error('a choice without names')
  const kind = { code: 'choice', size, names, error, fallback: first as NonNullable<N[number]> } as const
  return substitutes === undefined ? kind : { ...kind, substitutes }
}

export interface FieldPart<N extends string, T> { readonly part: 'field'; readonly name: N; readonly kind: Kind<T> }
export interface NestedPart<N extends string, T> { readonly part: 'nested'; readonly name: N; readonly codec: Codec<T> }
/** A part whose value's fields are fields of the structure itself: a list of properties, mostly. Those of `codec.empty`. */
export interface SpreadPart<T> { readonly part: 'spread'; readonly codec: Codec<T> }
/** Zero, or `value` in its last 32 bits, on sending; not looked at on receiving. */
export interface PadPart { readonly part: 'pad'; readonly size: number; readonly value?: number }
/** 16 bits: the length of the whole structure, which ends its decoding. */
export interface SizePart { readonly part: 'size' }
/** 16 bits: the length of the nested part `of`, later in the structure. */
export interface LengthPart { readonly part: 'length'; readonly of: string }
export type Part = FieldPart<string, unknown> | NestedPart<string, unknown> | SpreadPart<unknown> | PadPart | SizePart | LengthPart

export const f = <const N extends string, T>(name: N, kind: Kind<T>): FieldPart<N, T> => ({ part: 'field', name, kind })
export const nested = <const N extends string, T>(name: N, codec: Codec<T>): NestedPart<N, T> => ({ part: 'nested', name, codec })
export const spread = <T extends object>(codec: Codec<T>): SpreadPart<T> => ({ part: 'spread', codec })
export const pad = (size: number): PadPart => ({ part: 'pad', size })
export const always = (value: number): PadPart => ({ part: 'pad', size: 4, value })
export const size: SizePart = { part: 'size' }
export const lengthOf = (of: string): LengthPart => ({ part: 'length', of })

type Named<P> = P extends FieldPart<infer N, infer T> | NestedPart<infer N, infer T> ? { readonly [K in N]: T } : P extends SpreadPart<infer S> ? S : never
type Intersect<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void ? I : never
type Flat<T> = { readonly [K in keyof T]: T[K] }
type PartsIn<R> = R extends { readonly [range: string]: infer L } ? L extends readonly (infer P)[] ? P : never : never
type ValueOfRanges<R> = [Named<PartsIn<R>>] extends [never] ? unknown : Intersect<Named<PartsIn<R>>>

export interface Layout<T> {
  readonly name: string
  readonly ranges: Ranges<readonly Part[]>
  /** Put into every decoded value and not on the wire: the discriminators of the model. */
  readonly constants: Readonly<Record<string, unknown>>
  readonly drop: readonly string[]
  /** What a wrong length is answered with. */
  readonly lengthError: ErrorName
  /** Type only. */
  readonly value?: T
}
export type ValueOf<L> = L extends Layout<infer T> ? T : never

export interface LayoutOptions<C> {
  readonly constants?: C
  readonly drop?: readonly string[]
  readonly lengthError?: ErrorName
}

export function layout<const R extends Ranges<readonly Part[]>, const C extends Readonly<Record<string, unknown>> = Record<never, never>>(
  name: string, ranges: R, options: LayoutOptions<C> = {},
): Layout<Flat<ValueOfRanges<R> & C>> {
  const declared = {
    name, ranges, constants: options.constants ?? {}, drop: options.drop ?? [],
    lengthError: options.lengthError ?? 'OFPBRC_BAD_LEN',
  } as const
  all.push(declared)
  return declared
}

const all: Layout<unknown>[] = []
/** Every layout declared so far, for tables of what there is and for tests. */
export const declaredLayouts = (): readonly Layout<unknown>[] => all

/** One field of a layout's value. */
export interface Declared { readonly name: string; readonly part: 'field' | 'nested' | 'spread'; /** In versions without it. */ readonly fallback: unknown; readonly kind: Kind<unknown> | null }

/** Everything a value of the layout has, in the order in which the versions introduce it. */
export function fieldsOf(declared: Layout<unknown>): readonly Declared[] {
  const fields = new Map<string, Declared>()
  const add = (field: Declared): void => { if (!fields.has(field.name)) fields.set(field.name, field) }
  for (const parts of Object.values(declared.ranges)) {
    for (const part of parts as readonly Part[]) {
      if (part.part === 'field') add({ name: part.name, part: 'field', fallback: part.kind.fallback, kind: part.kind })
      if (part.part === 'nested') add({ name: part.name, part: 'nested', fallback: part.codec.empty, kind: null })
      if (part.part === 'spread') for (const [name, fallback] of Object.entries(part.codec.empty as object)) add({ name, part: 'spread', fallback, kind: null })
    }
  }
  return [...fields.values()]
}
