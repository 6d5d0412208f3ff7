/**
 * Reads from a P4Info what belongs to a flow table beside it: the twin, whose key is exact under masks, the rest, and the table
 * with the masks. p4/README.md, ADR-0024
 */
import type { ActionInfo, MatchFieldInfo, TableInfo } from '../p4info/model.js'
import type { OxmName } from '../openflow/model.js'
import type { TwinField, Twins } from './contract.js'

/** null: the pipeline has no twin for this table. What does not fit is added to `gaps`. */
export function readTwins(tables: readonly TableInfo[], flow: TableInfo, control: string, gaps: string[]): Twins | null {
  const beneath = (annotation: string): TableInfo | undefined => tables.find(({ name, annotations }) => annotations.has(annotation) && name.startsWith(`${control}.`))
  const [twin, rest, shape] = [beneath('of_twin'), beneath('of_rest'), beneath('of_shape')]
  if (twin === undefined && rest === undefined && shape === undefined) return null
  if (twin === undefined || rest === undefined || shape === undefined) {
    gaps.push(`the control of ${flow.name} has some of @of_twin, @of_rest and @of_shape, but not all`)
    return null
  }
  const masks = shape.actions.map(({ action }) => action).find(({ params }) => params.length > 0)
  if (masks === undefined) gaps.push(`table ${shape.name} needs an action with masks`)
  if (twin.needsPriority) gaps.push(`twin ${twin.name} has fields that are not exact`)
  for (const other of [twin, rest]) {
    if (other.size < flow.size) gaps.push(`table ${other.name} is smaller than ${flow.name}`)
    if (other.idleTimeout !== flow.idleTimeout) gaps.push(`tables ${other.name} and ${flow.name} differ in idle timeouts`)
  }
  const instance = keyText(flow.matchFields.filter(isInstance))
  if (keyText(twin.matchFields.filter(isInstance)) !== instance || keyText(shape.matchFields) !== instance) gaps.push(`tables ${twin.name}, ${shape.name} and ${flow.name} differ in the key field of role instance`)
  if (keyText(rest.matchFields) !== keyText(flow.matchFields)) gaps.push(`tables ${rest.name} and ${flow.name} differ in their keys`)
  return {
    twin: twin.name, rest: rest.name, fields: twin.matchFields.filter((field) => !isInstance(field)).map((field) => readField(field, twin, masks, gaps)),
    twinActions: readActions(flow, twin, gaps), restActions: readActions(flow, rest, gaps),
    shape: { table: shape.name, action: masks?.name ?? '' },
  }
}

function readField({ name, bitwidth, annotations }: MatchFieldInfo, twin: TableInfo, masks: ActionInfo | undefined, gaps: string[]): TwinField {
  const oxm = String(annotations.get('of_match')?.pairs.get('oxm') ?? '').split(',') as OxmName[]
  const mask = masks?.params.find((param) => param.annotations.get('of')?.pairs.get('mask') === name)
  if (mask?.bitwidth !== bitwidth) gaps.push(`no parameter of its shape masks field ${name} of ${twin.name}`)
  return { name, bitwidth, ones: (1n << BigInt(bitwidth)) - 1n, oxm, mask: mask?.name ?? '' }
}

/** The actions of one table by those of the other that do the same: they have the same parameters. */
function readActions(flow: TableInfo, other: TableInfo, gaps: string[]): ReadonlyMap<string, string> {
  const actions = (table: TableInfo): readonly ActionInfo[] => table.actions.flatMap(({ action, scope }) => (scope !== 'default_only' && action.annotations.has('of_execute') ? [action] : []))
  const candidates = new Map(actions(other).map((action) => [paramText(action), action.name]))
  return new Map(actions(flow).map((action) => {
    const same = candidates.get(paramText(action))
    if (same === undefined) gaps.push(`table ${other.name} has no action like ${action.name}`)
    return [action.name, same ?? '']
  }))
}

const paramText = ({ params }: ActionInfo): string =>
  params.map(({ id, name, bitwidth, annotations }) => `${id}:${name}:${bitwidth}:${[...annotations.get('of')?.pairs ?? []].join(';')}`).join()
const isInstance = ({ annotations }: MatchFieldInfo): boolean => annotations.get('of')?.pairs.get('role') === 'instance'
const keyText = (fields: readonly MatchFieldInfo[]): string =>
  fields.map(({ name, bitwidth, kind, annotations }) => `${name}:${bitwidth}:${kind}:${[...annotations.get('of_match')?.pairs ?? []].join(';')}`).join()
