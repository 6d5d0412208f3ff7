/** Matches and actions between P4Runtime messages and the program: canonical, checked, with the reason of every refusal. P4RT 1.4 §9.1 */
import { allOnes, fitsWidth, fromBytes, toCanonicalBytes } from '../../p4info/index.js'
import type { MatchFieldInfo, TableInfo } from '../../p4info/index.js'
import type { p4 } from '../../p4proto/generated.js'
import { packArgs, unpackArgs } from '../program/action-code.js'
import type { ActionHolder } from '../program/action-profile.js'
import type { KeyMatch } from '../program/ir.js'
import type { BoundPipeline, BoundTable } from './bind.js'
import { refuse } from './refuse.js'

/** §8.3: any length, but not empty, and the value must fit. Refused as part of a match or action: INVALID_ARGUMENT. */
const valueOf = (bytes: Uint8Array | null | undefined, width: number, what: () => string): bigint => {
  if (bytes === null || bytes === undefined || bytes.length === 0) return refuse('invalidArgument', `${what()} is an empty byte string`)
  const value = fromBytes(bytes)
  return fitsWidth(value, width) ? value : refuse('invalidArgument', `${what()} does not fit in ${width} bits`)
}

/** The match of an entry, in the order of the key; fields that are left out match anything. */
export const decodeMatch = (bound: BoundTable, list: readonly p4.v1.IFieldMatch[]): KeyMatch[] => {
  const { info, fieldById, anything } = bound
  const result = anything.slice()
  for (const match of list) {
    const at = fieldById.get(match.fieldId ?? 0)
    const field = at === undefined ? undefined : info.matchFields[at]
    if (at === undefined || field === undefined) return refuse('invalidArgument', `table ${info.name} has no match field with id ${match.fieldId ?? 0}`)
    if (result[at] !== anything[at]) refuse('invalidArgument', `match field ${field.name} of table ${info.name} is given twice`)
    result[at] = decodeField(field, match, info)
  }
  const missing = result.indexOf(null)
  if (missing >= 0) refuse('invalidArgument', `exact match field ${info.matchFields[missing]?.name ?? ''} of table ${info.name} is missing`)
  return result as KeyMatch[]
}

const decodeField = (field: MatchFieldInfo, match: p4.v1.IFieldMatch, info: TableInfo): KeyMatch => {
  const width = field.bitwidth
  const here = `match field ${field.name} of table ${info.name}`
  const number = (bytes: Uint8Array | null | undefined, part: string): bigint => valueOf(bytes, width, () => `the ${part} of ${here}`)
  const given = match.exact ? 'exact' : match.lpm ? 'lpm' : match.ternary ? 'ternary' : match.range ? 'range' : match.optional ? 'optional' : 'nothing'
  if (given !== field.kind) refuse('invalidArgument', `${here} is matched as ${field.kind}, not as ${given}`)
  switch (field.kind) {
    case 'exact': return { kind: 'exact', value: number(match.exact?.value, 'value') }
    case 'optional': return { kind: 'ternary', value: number(match.optional?.value, 'value'), mask: allOnes(width) }
    case 'lpm': {
      const value = number(match.lpm?.value, 'value')
      const length = match.lpm?.prefixLen ?? 0
      if (length < 0 || length > width) refuse('invalidArgument', `the prefix length of ${here} is not in 1…${width}`)
      if (length === 0) refuse('invalidArgument', `${here} matches anything and must be left out`)
      if ((value & allOnes(width - length)) !== 0n) refuse('invalidArgument', `${here} has bits beyond its prefix`)
      return { kind: 'lpm', value, length }
    }
    case 'ternary': {
      const value = number(match.ternary?.value, 'value')
      const mask = number(match.ternary?.mask, 'mask')
      if (mask === 0n) refuse('invalidArgument', `${here} matches anything and must be left out`)
      if ((value & ~mask) !== 0n) refuse('invalidArgument', `${here} has bits outside its mask`)
      return { kind: 'ternary', value, mask }
    }
    case 'range': {
      const low = number(match.range?.low, 'low bound')
      const high = number(match.range?.high, 'high bound')
      if (low > high) refuse('invalidArgument', `${here} is an empty range`)
      if (low === 0n && high === allOnes(width)) refuse('invalidArgument', `${here} matches anything and must be left out`)
      return { kind: 'range', low, high }
    }
    default: return refuse('unimplemented', `${here} has a match kind that P4Runtime does not define`)
  }
}

/** The canonical form: fields that match anything are left out. */
export const encodeMatch = (bound: BoundTable, match: readonly KeyMatch[]): p4.v1.IFieldMatch[] => match.flatMap((part, at): p4.v1.IFieldMatch[] => {
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
export const decodeAction = (bound: BoundTable, action: p4.v1.IAction, pipeline: BoundPipeline, forDefault: boolean): ActionHolder => {
  const { info } = bound
  const id = action.actionId ?? 0
  const ref = info.actions.find(candidate => candidate.action.id === id)
  const number = bound.actionById.get(id)
  if (ref === undefined || number === undefined) return refuse('invalidArgument', `table ${info.name} has no action with id ${id}`)
  if (ref.scope === (forDefault ? 'table_only' : 'default_only')) {
    refuse('permissionDenied', `action ${ref.action.name} of table ${info.name} is for ${forDefault ? 'entries' : 'the default entry'} only`)
  }
  const given = new Map<number, bigint>()
  for (const param of action.params ?? []) {
    const paramInfo = ref.action.params.find(candidate => candidate.id === param.paramId)
    if (paramInfo === undefined) return refuse('invalidArgument', `action ${ref.action.name} has no parameter with id ${param.paramId ?? 0}`)
    if (given.has(paramInfo.id)) refuse('invalidArgument', `parameter ${paramInfo.name} of action ${ref.action.name} is given twice`)
    given.set(paramInfo.id, valueOf(param.value, paramInfo.bitwidth, () => `parameter ${paramInfo.name} of action ${ref.action.name}`))
  }
  const args = ref.action.params.map(({ id: param, name }) =>
    given.get(param) ?? refuse('invalidArgument', `parameter ${name} of action ${ref.action.name} is missing`))
  return { action: number, data: packArgs(pipeline.executable.program.actions[number]?.params ?? [], args) }
}

export const encodeAction = (bound: BoundTable, call: ActionHolder, pipeline: BoundPipeline): p4.v1.IAction => {
  const info = bound.infoByAction.get(call.action)
  const params = pipeline.executable.program.actions[call.action]?.params ?? []
  const args = unpackArgs(params, call.data)
  return { actionId: info?.id ?? 0, params: (info?.params ?? []).map((param, at) => ({ paramId: param.id, value: toCanonicalBytes(args[at] ?? 0n) })) }
}
