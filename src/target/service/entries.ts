/** Matches and actions between P4Runtime messages and the program: canonical, checked, with the reason of every refusal. P4RT 1.4 §9.1 */
import { allOnes, fitsWidth, fromBytes, toCanonicalBytes } from '../../p4info/index.js'
import type { MatchFieldInfo, TableInfo } from '../../p4info/index.js'
import type { p4 } from '../../p4proto/generated.js'
import { unpackArgs } from '../program/action-code.js'
import type { ActionHolder } from '../program/action-profile.js'
import { putBytes } from '../program/entry-key.js'
import type { EntryKey, KeyBuilder } from '../program/entry-key.js'
import type { TableEntry } from '../program/table.js'
import type { BoundPipeline, BoundTable } from './bind.js'
import { refuse } from './refuse.js'

/** §8.3: any length, but not empty. Refused as part of a match or action: INVALID_ARGUMENT. */
const given = (bytes: Uint8Array | null | undefined, what: () => string): Uint8Array =>
  bytes === null || bytes === undefined || bytes.length === 0 ? refuse('invalidArgument', `${what()} is an empty byte string`) : bytes

/** The key of an entry; fields that are left out match anything. */
export const decodeMatch = (bound: BoundTable, list: readonly p4.v1.IFieldMatch[]): EntryKey<TableEntry> => {
  const { info, fieldById, required } = bound
  const { keys } = bound.table.entries
  keys.begin()
  let missing = required.length
  for (let index = 0; index < list.length; index++) {
    const match = list[index] as p4.v1.IFieldMatch
    const at = fieldById.get(match.fieldId ?? 0)
    const field = at === undefined ? undefined : info.matchFields[at]
    if (at === undefined || field === undefined) return refuse('invalidArgument', `table ${info.name} has no match field with id ${match.fieldId ?? 0}`)
    for (let before = 0; before < index; before++) {
      if (list[before]?.fieldId === match.fieldId) refuse('invalidArgument', `match field ${field.name} of table ${info.name} is given twice`)
    }
    decodeField(keys, at, field, match, info)
    if (field.kind === 'exact') missing--
  }
  if (missing > 0) {
    const name = required.find(field => !list.some(({ fieldId }) => fieldId === field.id))?.name ?? ''
    refuse('invalidArgument', `exact match field ${name} of table ${info.name} is missing`)
  }
  return keys.finish()
}

const decodeField = (keys: KeyBuilder<TableEntry>, at: number, field: MatchFieldInfo, match: p4.v1.IFieldMatch, info: TableInfo): void => {
  const width = field.bitwidth
  const here = (): string => `match field ${field.name} of table ${info.name}`
  const kind = match.exact ? 'exact' : match.lpm ? 'lpm' : match.ternary ? 'ternary' : match.range ? 'range' : match.optional ? 'optional' : 'nothing'
  if (kind !== field.kind) refuse('invalidArgument', `${here()} is matched as ${field.kind}, not as ${kind}`)
  const part = (bytes: Uint8Array | null | undefined, into: 'value' | 'mask'): void => {
    if (!keys[into](at, given(bytes, () => `the ${into} of ${here()}`))) refuse('invalidArgument', `the ${into} of ${here()} does not fit in ${width} bits`)
  }
  switch (field.kind) {
    case 'exact':
      part(match.exact?.value, 'value')
      keys.whole(at)
      return
    case 'optional':
      part(match.optional?.value, 'value')
      keys.whole(at)
      return
    case 'lpm': {
      part(match.lpm?.value, 'value')
      const length = match.lpm?.prefixLen ?? 0
      if (length < 0 || length > width) refuse('invalidArgument', `the prefix length of ${here()} is not in 1…${width}`)
      if (length === 0) refuse('invalidArgument', `${here()} matches anything and must be left out`)
      keys.prefix(at, length)
      if (keys.hasStrayBits(at)) refuse('invalidArgument', `${here()} has bits beyond its prefix`)
      return
    }
    case 'ternary':
      part(match.ternary?.value, 'value')
      part(match.ternary?.mask, 'mask')
      if (keys.isAnything(at)) refuse('invalidArgument', `${here()} matches anything and must be left out`)
      if (keys.hasStrayBits(at)) refuse('invalidArgument', `${here()} has bits outside its mask`)
      return
    case 'range': {
      const bound = (bytes: Uint8Array | null | undefined, which: string): bigint => {
        const value = fromBytes(given(bytes, () => `the ${which} of ${here()}`))
        return fitsWidth(value, width) ? value : refuse('invalidArgument', `the ${which} of ${here()} does not fit in ${width} bits`)
      }
      const low = bound(match.range?.low, 'low bound')
      const high = bound(match.range?.high, 'high bound')
      if (low > high) refuse('invalidArgument', `${here()} is an empty range`)
      if (low === 0n && high === allOnes(width)) refuse('invalidArgument', `${here()} matches anything and must be left out`)
      keys.range(at, low, high)
      return
    }
    default: return refuse('unimplemented', `${here()} has a match kind that P4Runtime does not define`)
  }
}

/** The canonical form: fields that match anything are left out. */
export const encodeMatch = (bound: BoundTable, key: EntryKey<TableEntry>): p4.v1.IFieldMatch[] => bound.table.entries.keys.matchOf(key).flatMap((part, at): p4.v1.IFieldMatch[] => {
  const field = bound.info.matchFields[at]
  if (field === undefined) return []
  const fieldId = field.id
  switch (part.kind) {
    case 'exact': return [{ fieldId, exact: { value: toCanonicalBytes(part.value) } }]
    case 'lpm': return part.length === 0 ? [] : [{ fieldId, lpm: { value: toCanonicalBytes(part.value), prefixLen: part.length } }]
    case 'ternary': {
      if (part.mask === 0n) return []
      if (field.kind === 'optional') return [{ fieldId, optional: { value: toCanonicalBytes(part.value) } }]
      return [{ fieldId, ternary: { value: toCanonicalBytes(part.value), mask: toCanonicalBytes(part.mask) } }]
    }
    case 'range': {
      if (part.low === 0n && part.high === allOnes(field.bitwidth)) return []
      return [{ fieldId, range: { low: toCanonicalBytes(part.low), high: toCanonicalBytes(part.high) } }]
    }
  }
})

/** An action of a table. `forDefault` says which of the scopes of the P4Info applies. */
export const decodeAction = (bound: BoundTable, action: p4.v1.IAction, forDefault: boolean): ActionHolder => {
  const { info } = bound
  const id = action.actionId ?? 0
  const ref = bound.actionRefs.get(id)
  if (ref === undefined) return refuse('invalidArgument', `table ${info.name} has no action with id ${id}`)
  if (ref.scope === (forDefault ? 'table_only' : 'default_only')) {
    refuse('permissionDenied', `action ${ref.info.name} of table ${info.name} is for ${forDefault ? 'entries' : 'the default entry'} only`)
  }
  const params = action.params ?? []
  const data = new Array<number>(ref.words).fill(0)
  for (let index = 0; index < params.length; index++) {
    const param = params[index] as p4.v1.Action.IParam
    const place = ref.params.get(param.paramId ?? 0)
    if (place === undefined) return refuse('invalidArgument', `action ${ref.info.name} has no parameter with id ${param.paramId ?? 0}`)
    const here = (): string => `parameter ${place.info.name} of action ${ref.info.name}`
    for (let before = 0; before < index; before++) if (params[before]?.paramId === param.paramId) refuse('invalidArgument', `${here()} is given twice`)
    if (!putBytes(data, place.at, place.info.bitwidth, given(param.value, here))) refuse('invalidArgument', `${here()} does not fit in ${place.info.bitwidth} bits`)
  }
  if (params.length < ref.params.size) {
    const missing = [...ref.params.values()].find(place => !params.some(({ paramId }) => paramId === place.info.id))
    refuse('invalidArgument', `parameter ${missing?.info.name ?? ''} of action ${ref.info.name} is missing`)
  }
  return { action: ref.number, data }
}

export const encodeAction = (bound: BoundTable, call: ActionHolder, pipeline: BoundPipeline): p4.v1.IAction => {
  const info = bound.infoByAction.get(call.action)
  const params = pipeline.executable.program.actions[call.action]?.params ?? []
  const args = unpackArgs(params, call.data)
  return { actionId: info?.id ?? 0, params: (info?.params ?? []).map((param, at) => ({ paramId: param.id, value: toCanonicalBytes(args[at] ?? 0n) })) }
}
