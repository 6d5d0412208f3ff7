/** Reads from a P4Info how the pipeline does NORMAL: its hosts, its floods, and which VLANs a port takes. p4/README.md, ADR-0023 */
import type { MatchFieldInfo, P4InfoParts, TableInfo } from '../p4info/model.js'
import type { AdmissionTable, NormalTables, Parameter } from './contract.js'
import { fixedKey, instanceAlone, role, rolesOf, usable } from './read-parts.js'

/** null: there is no NORMAL. The digest by which sources are learned has the fields in_port, vlan and address. What does not fit is added to `gaps`. */
export function readNormal(one: (annotation: string) => TableInfo | null, info: P4InfoParts, gaps: string[]): NormalTables | null {
  const [source, destination, unknown] = [one('of_normal_source'), one('of_normal_destination'), one('of_normal_flood')]
  if (source === null || destination === null || unknown === null) return null
  const field = (table: TableInfo, name: string): string => fieldOf(table, name, 'exact', gaps).name
  const action = (table: TableInfo, name: string): { action: string; parameter: string; others: ReadonlyMap<string, { readonly name: string }> } => {
    const found = table.actions.map(({ action: each }) => ({ name: each.name, roles: rolesOf(each.params) })).find(({ roles }) => roles.has(name))
    if (found === undefined) gaps.push(`table ${table.name} has no action with a parameter of role ${name}`)
    return { action: found?.name ?? '', parameter: found?.roles.get(name)?.name ?? '', others: found?.roles ?? new Map() }
  }
  const known = usable(source).find(({ action: { params } }) => params.length === 0)
  if (known === undefined) gaps.push(`table ${source.name} has no action without parameters`)
  if (!source.idleTimeout) gaps.push(`table ${source.name} has no idle timeouts`)
  const learn = info.packageInfo.annotations.get('of_pipeline')?.pairs.get('learn')
  const names = typeof learn === 'string' ? info.digests.get(learn)?.fields?.map(({ name }) => name) ?? [] : []
  for (const name of ['in_port', 'vlan', 'address', ...(fixedKey(source).length > 0 ? ['instance'] : [])]) if (!names.includes(name)) gaps.push(`the digest that @of_pipeline names by learn has no field ${name}`)
  const forward = action(destination, 'port')
  const untagged = forward.others.get('untagged')?.name ?? null
  const flood = action(unknown, 'multicast')
  const vlan = unknown.matchFields.find((candidate) => role(candidate) === 'vlan' && candidate.kind === 'lpm') ?? null
  if (vlan === null) instanceAlone(unknown, gaps)
  else if (unknown.matchFields.length !== 2 || fixedKey(unknown).length !== 1) gaps.push(`table ${unknown.name} needs two key fields: an exact one with role="instance", and one of kind lpm with role="vlan"`)
  const admissionTable = one('of_normal_admission')
  if (admissionTable !== null && untagged === null) gaps.push(`table ${destination.name} has no action with parameters of the roles port and untagged`)
  if (admissionTable !== null && vlan === null) gaps.push(`table ${unknown.name} needs a key field of kind lpm with role="vlan"`)
  return {
    source: { table: source.name, fixed: fixedKey(source), keys: { vlan: field(source, 'vlan'), address: field(source, 'address'), inPort: field(source, 'in_port') }, size: source.size, action: known?.action.name ?? '' },
    destination: {
      table: destination.name, fixed: fixedKey(destination), keys: { vlan: field(destination, 'vlan'), address: field(destination, 'address') },
      size: destination.size, forward: { action: forward.action, port: forward.parameter, untagged },
    },
    flood: { table: unknown.name, fixed: fixedKey(unknown), vlan: vlan === null ? null : keyOf(vlan), size: unknown.size, action: flood.action, multicast: flood.parameter },
    admission: admissionTable === null ? null : readAdmission(admissionTable, gaps),
  }
}

function readAdmission(table: TableInfo, gaps: string[]): AdmissionTable {
  const ofKind = (kind: string) => {
    const found = usable(table).find(({ action }) => action.annotations.get('of_do')?.pairs.get('kind') === kind)?.action
    if (found === undefined) gaps.push(`table ${table.name} has no action of kind ${kind}`)
    return found
  }
  const asVlan = ofKind('admit_as')
  const vlan = rolesOf(asVlan?.params ?? []).get('as_vlan')
  if (asVlan !== undefined && vlan === undefined) gaps.push(`action ${asVlan.name} has no parameter of role as_vlan`)
  if (table.matchFields.length !== 2) gaps.push(`table ${table.name} needs two key fields, with the roles port and vlan`)
  return {
    table: table.name, keys: { port: fieldOf(table, 'port', 'exact', gaps).name, vlan: fieldOf(table, 'vlan', 'lpm', gaps) }, size: table.size,
    admit: ofKind('admit')?.name ?? '', admitAs: { action: asVlan?.name ?? '', vlan: vlan?.name ?? '' }, deny: ofKind('deny')?.name ?? '',
  }
}

function fieldOf(table: TableInfo, name: string, kind: 'exact' | 'lpm', gaps: string[]): Parameter {
  const found = table.matchFields.find((candidate) => role(candidate) === name && candidate.kind === kind)
  if (found === undefined) gaps.push(`table ${table.name} needs ${kind === 'exact' ? 'an exact key field' : 'a key field of kind lpm'} with role="${name}"`)
  return found === undefined ? { name: '', bitwidth: 0 } : keyOf(found)
}
const keyOf = ({ name, bitwidth }: MatchFieldInfo): Parameter => ({ name, bitwidth })
