/** What the readers of a P4Info have in common: roles of key fields and parameters, the key field of role `instance`. */
import type { ActionRefInfo, MatchFieldInfo, TableInfo, ValueInfo } from '../p4info/model.js'
import type { Parameter } from './contract.js'
import type { NamedMatch } from './ir.js'

export const usable = (table: TableInfo): readonly ActionRefInfo[] =>
  table.actions.filter((ref) => ref.scope !== 'default_only')
export const parameter = (param: ValueInfo): Parameter => ({ name: param.name, bitwidth: param.bitwidth })
export const isTtl = (name: unknown): name is 'nw_ttl' | 'mpls_ttl' => name === 'nw_ttl' || name === 'mpls_ttl'
/** A parameter's role: `role="…"`, or for a TTL slot of a write action its set or set_mask name. */
export const role = (param: ValueInfo): string | null => {
  const pairs = param.annotations.get('of')?.pairs
  const set = pairs?.get('set')
  if (isTtl(set)) return `write_set_${set}`
  const mask = pairs?.get('set_mask')
  if (isTtl(mask)) return `write_set_${mask}_mask`
  const value = pairs?.get('role')
  return typeof value === 'string' ? value : null
}
export function rolesOf(params: readonly ValueInfo[]): ReadonlyMap<string, Parameter> {
  const roles = new Map<string, Parameter>()
  for (const param of params) {
    const name = role(param)
    if (name !== null && name !== 'counter') roles.set(name, parameter(param))
  }
  return roles
}
export const isInstance = (field: MatchFieldInfo): boolean => role(field) === 'instance' && field.kind === 'exact'
/** The part of the key that says of which switch an entry is: the first, until it is said. Replicas have instances of another kind. */
export function fixedKey(table: TableInfo): readonly NamedMatch[] {
  if (table.annotations.has('of_replica')) return []
  return table.matchFields.filter(isInstance).map(({ name }) => ({ field: name, kind: 'exact', value: 0n }))
}
/** Its one entry is that of the switch. */
export function instanceAlone(table: TableInfo, gaps: string[]): void {
  if (table.matchFields.length !== 1 || fixedKey(table).length !== 1) gaps.push(`table ${table.name} needs exactly one key field, exact and with role="instance"`)
}
