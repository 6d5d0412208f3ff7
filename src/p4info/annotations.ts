/**
 * Annotations of P4Info objects in one form, whatever their syntax. P4RT 1.4 §6.
 *
 *   @of_field[oxm="eth_type", class=0x8000]   pairs: oxm → "eth_type", class → 32768n
 *   @of_stage["vlan", 3]                      values: "vlan", 3n
 *   @refers_to(vrf_table , vrf_id)            texts: "vrf_table , vrf_id"  (the text between the parentheses)
 *   @hidden                                   texts: ""
 */
import type { p4 } from '../p4proto/generated.js'
import { toBigInt } from '../p4proto/int64.js'

export type AnnotationValue = string | bigint | boolean
export interface Annotation {
  readonly name: string
  /** Key-value list of a structured annotation; empty for the other forms. */
  readonly pairs: ReadonlyMap<string, AnnotationValue>
  /** Expression list of a structured annotation; empty for the other forms. */
  readonly values: readonly AnnotationValue[]
  /** Bodies of unstructured ones, in order; an unstructured annotation may be repeated on one object. */
  readonly texts: readonly string[]
}
export type Annotations = ReadonlyMap<string, Annotation>

interface Annotated {
  readonly annotations?: readonly string[] | null
  readonly structuredAnnotations?: readonly p4.config.v1.IStructuredAnnotation[] | null
}
interface Draft { readonly name: string; readonly pairs: Map<string, AnnotationValue>; readonly values: AnnotationValue[]; readonly texts: string[] }

/** `fail` is told what cannot be used, as a reason for people. */
export function readAnnotations(source: Annotated | null | undefined, fail: (reason: string) => void): Annotations {
  const drafts = new Map<string, Draft>()
  for (const text of source?.annotations ?? []) {
    const match = /^@\s*([A-Za-z_][A-Za-z0-9_.]*)\s*(?:\(([\s\S]*)\))?\s*$/.exec(text)
    if (match === null) {
      fail(`annotation '${text}' is not of the form @name or @name(text)`)
      continue
    }
    const name = match[1] ?? ''
    const draft = drafts.get(name) ?? emptyDraft(name)
    draft.texts.push(match[2] ?? '')
    drafts.set(name, draft)
  }
  for (const structured of source?.structuredAnnotations ?? []) {
    const name = structured.name ?? ''
    if (drafts.has(name)) {
      fail(`annotation @${name} is given more than once`)
      continue
    }
    const draft = emptyDraft(name)
    drafts.set(name, draft)
    for (const expression of structured.expressionList?.expressions ?? []) draft.values.push(valueOf(expression))
    for (const { key, value } of structured.kvPairList?.kvPairs ?? []) {
      if (draft.pairs.has(key ?? '')) fail(`annotation @${name} has the key '${key}' twice`)
      draft.pairs.set(key ?? '', valueOf(value))
    }
  }
  return drafts
}

const emptyDraft = (name: string): Draft => ({ name, pairs: new Map(), values: [], texts: [] })

const valueOf = (expression: p4.config.v1.IExpression | null | undefined): AnnotationValue => {
  if (typeof expression?.stringValue === 'string' && has(expression, 'stringValue')) return expression.stringValue
  if (typeof expression?.boolValue === 'boolean' && has(expression, 'boolValue')) return expression.boolValue
  return toBigInt(expression?.int64Value)
}
/** Decoded messages carry defaults on their prototype; of a oneof only the member that was sent is an own property. */
const has = (message: object, property: string): boolean => Object.hasOwn(message, property)
