/**
 * Lists of properties: a type, a length without padding, a body, padding to 8 bytes. OF 1.4.1 §7.2.1.2 and everywhere
 * since. What is unknown in a request is refused; in a switch's own statement it is skipped.
 */
import type { Codec, Reader, Writer } from '../buffer.js'
import { compile } from '../compile.js'
import { Fault } from '../fault.js'
import type { Layout } from '../layout.js'
import type { ErrorName } from '../model.js'
import type { ExperimenterProperty } from '../model-properties.js'
import type { Range } from '../versions.js'
import { inRange } from '../versions.js'

const HEADER = 4
const EXPERIMENTER = 0xffff
/** Where there are two, for slaves or table-miss entries and for the others. */
const FIRST_EXPERIMENTER = 0xfffe

export type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What to do with one type of property of a structure whose properties decode to a V. */
export interface PropertyRow<V> {
  readonly code: number
  /** May stand in a list more than once. */
  readonly repeats: boolean
  /** All, if absent. */
  readonly versions?: Range
  /** The body; must leave r.at where it stopped. */
  decode(r: Reader, at: number, end: number, into: Mutable<V>): void
  /** The whole property, or as many as there are, or none. */
  encode(w: Writer, value: V): void
}

export interface PropertyErrors { readonly type: ErrorName; readonly length: ErrorName; readonly duplicate: ErrorName; readonly experimenter: ErrorName }
const ERRORS: PropertyErrors = {
  type: 'OFPBPC_BAD_TYPE', length: 'OFPBPC_BAD_LEN', duplicate: 'OFPBPC_DUP_TYPE', experimenter: 'OFPBPC_BAD_EXPERIMENTER',
}

/** The list up to the end; decodes to `empty` and what the rows put into it. */
export function propertyList<V extends object>(empty: V, rows: readonly PropertyRow<V>[], errors: PropertyErrors = ERRORS): Codec<V> {
  const byCode = new Map(rows.map((row) => [row.code, row]))
  return {
    empty,
    decode(r, at, end) {
      const value: Mutable<V> = { ...empty }
      const seen = new Set<number>()
      while (at < end) {
        if (end - at < HEADER) throw new Fault(errors.length, 'a property is cut off')
        const code = r.view.getUint16(at)
        const length = r.view.getUint16(at + 2)
        const padded = (length + 7) & ~7
        if (length < HEADER || padded > end - at) throw new Fault(errors.length, `property ${code} says it has ${length} bytes, ${end - at} are left`)
        const row = byCode.get(code)
        if (row !== undefined && isIn(row, r.version)) {
          if (seen.has(code) && !row.repeats) throw new Fault(errors.duplicate, `property ${code} twice`)
          seen.add(code)
          row.decode(r, at + HEADER, at + length, value)
          if (r.at !== at + length) throw new Fault(errors.length, `property ${code} has ${length} bytes`)
        } else if (!r.loose) {
          throw new Fault(code >= FIRST_EXPERIMENTER ? errors.experimenter : errors.type, `property type ${code}`)
        }
        at += padded
      }
      r.at = end
      return value
    },
    encode(w, value) { for (const row of rows) if (isIn(row, w.version)) row.encode(w, value) },
  }
}

const isIn = (row: { readonly versions?: Range }, version: number): boolean => row.versions === undefined || inRange(row.versions, version)
export const only = <V>(versions: Range, row: PropertyRow<V>): PropertyRow<V> => ({ ...row, versions })
/** A list that only experimenters could have anything to put into. */
export const noProperties: Codec<object> = propertyList({}, [])

/** Header, body and padding. */
export function writeProperty(w: Writer, code: number, structure: string, body: (w: Writer) => void): void {
  const start = w.reserve(HEADER)
  w.view.setUint16(start, code)
  body(w)
  w.patchLength(start + 2, w.at - start, structure)
  w.align(start, 8)
}

/** A property whose fields are fields of V; written where `wanted`. */
export function flat<V extends object, T extends object>(code: number, declared: Layout<T>, wanted: (value: V) => boolean): PropertyRow<V> {
  return {
    code, repeats: false,
    decode(r, at, end, into) { Object.assign(into, compile(declared, r.version).decode(r, at, end)) },
    encode(w, value) {
      if (wanted(value)) writeProperty(w, code, declared.name, () => compile(declared, w.version).encode(w, value as unknown as T))
    },
  }
}

/** A property that is one field of V, null or the default where it is not said. */
export function single<V extends object, K extends keyof V>(code: number, key: K, codec: Codec<NonNullable<V[K]>>, wanted?: (value: V) => boolean): PropertyRow<V> {
  return {
    code, repeats: false,
    decode(r, at, end, into) { (into as Mutable<V>)[key] = codec.decode(r, at, end) },
    encode(w, value) {
      const one = value[key]
      if (one !== null && one !== undefined && (wanted === undefined || wanted(value))) writeProperty(w, code, String(key), () => codec.encode(w, one))
    },
  }
}

interface Listing<P> { readonly properties: readonly P[] }

/** A property kept as a member of `properties`. */
export function listed<P extends { readonly type: string }, T extends P>(code: number, type: T['type'], codec: Codec<T>, repeats = false): PropertyRow<Listing<P>> {
  return {
    code, repeats,
    decode(r, at, end, into) { into.properties = [...into.properties, codec.decode(r, at, end)] },
    encode(w, { properties }) {
      for (const one of properties) if (one.type === type) writeProperty(w, code, type, () => codec.encode(w, one as T))
    },
  }
}

/** An experimenter's property, kept only in a switch's own statements. */
export function experimenters<P extends { readonly type: string }>(): PropertyRow<Listing<P | ExperimenterProperty>> {
  return {
    code: EXPERIMENTER, repeats: true,
    decode(r, at, end, into) {
      if (end - at < 8) throw new Fault('OFPBPC_BAD_LEN', 'an experimenter property is cut off')
      const property: ExperimenterProperty = {
        type: 'experimenter', experimenter: r.view.getUint32(at), expType: r.view.getUint32(at + 4), body: r.bytes.subarray(at + 8, end),
      }
      into.properties = [...into.properties, property]
      r.at = end
    },
    encode(w, { properties }) {
      for (const one of properties) {
        if (one.type !== 'experimenter') continue
        const { experimenter, expType, body } = one as ExperimenterProperty
        writeProperty(w, EXPERIMENTER, 'experimenter', () => {
          w.u32(experimenter)
          w.u32(expType)
          w.append(body)
        })
      }
    },
  }
}

/** A property that is one number. */
const number = (bytes: 2 | 4): Codec<number> => ({
  empty: 0,
  decode(r, at, end) {
    if (end - at !== 4) throw new Fault('OFPBPC_BAD_LEN', `a property of ${end - at + HEADER} bytes`)
    r.at = end
    return bytes === 2 ? r.view.getUint16(at) : r.view.getUint32(at)
  },
  encode(w, value) {
    const at = w.reserve(4)
    if (bytes === 2) w.view.setUint16(at, value)
    else w.view.setUint32(at, value)
  },
})
/** 16 bits and two bytes of padding. */
export const number16 = number(2)
export const number32 = number(4)
