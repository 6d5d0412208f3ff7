/** From the P4Info message to P4InfoParts, telling everything that does not fit together. */
import { p4 } from '../p4proto/generated.js'
import { toNumber } from '../p4proto/int64.js'
import { readAnnotations } from './annotations.js'
import type {
  ActionInfo, ActionProfileInfo, ActionRefInfo, ControllerHeaderInfo, CounterInfo, CounterUnit, DigestInfo, DirectCounterInfo,
  DirectMeterInfo, MatchFieldInfo, MatchKind, MeterInfo, MeterUnit, NamedObject, P4InfoParts, TableInfo, ValueInfo,
} from './model.js'

type Fail = (reason: string) => void
type Info = p4.config.v1.IP4Info

const MatchType = p4.config.v1.MatchField.MatchType
const kindOf: Readonly<Record<number, MatchKind>> = {
  [MatchType.EXACT]: 'exact', [MatchType.LPM]: 'lpm', [MatchType.TERNARY]: 'ternary', [MatchType.RANGE]: 'range',
  [MatchType.OPTIONAL]: 'optional',
}
const CounterUnits: readonly CounterUnit[] = ['unspecified', 'bytes', 'packets', 'both']
const MeterUnits: readonly MeterUnit[] = ['unspecified', 'bytes', 'packets']
const scopes: readonly ActionRefInfo['scope'][] = ['table_and_default', 'table_only', 'default_only', 'group_action']

export function buildIndex(info: Info, fail: Fail): P4InfoParts {
  const ids = new Map<number, string>()
  /** The preamble of an object; its id is checked to be the only one of that number. */
  const named = (kind: string, preamble: p4.config.v1.IPreamble | null | undefined): NamedObject => {
    const id = preamble?.id ?? 0
    const name = preamble?.name ?? ''
    const here = `${kind} '${name}'`
    if (name === '') fail(`${article(kind)} ${kind} has no name`)
    if (id === 0) fail(`${here} has no id`)
    const other = ids.get(id)
    if (other !== undefined) fail(`${here} and ${other} have the same id ${id}`)
    ids.set(id, here)
    return { id, name, alias: preamble?.alias ?? '', annotations: readAnnotations(preamble, (reason) => fail(`${here}: ${reason}`)) }
  }
  const byName = <T extends NamedObject>(kind: string, objects: readonly T[]): Map<string, T> => {
    const map = new Map<string, T>()
    for (const object of objects) {
      if (map.has(object.name)) fail(`there are two ${kind}s of the name '${object.name}'`)
      map.set(object.name, object)
    }
    return map
  }

  const actionList = (info.actions ?? []).map((action): ActionInfo => {
    const base = named('action', action.preamble)
    const params = values(`action '${base.name}'`, 'parameter', action.params, fail)
    return { ...base, params, paramByName: valuesByName(params) }
  })
  const directCounters = (info.directCounters ?? []).map((counter): DirectCounterInfo =>
    ({ ...named('direct counter', counter.preamble), unit: CounterUnits[counter.spec?.unit ?? 0] ?? 'unspecified' }))
  const directMeters = (info.directMeters ?? []).map((meter): DirectMeterInfo =>
    ({ ...named('direct meter', meter.preamble), unit: MeterUnits[meter.spec?.unit ?? 0] ?? 'unspecified' }))
  const counters = (info.counters ?? []).map((counter): CounterInfo =>
    ({ ...named('counter', counter.preamble), unit: CounterUnits[counter.spec?.unit ?? 0] ?? 'unspecified', size: toNumber(counter.size) }))
  const meters = (info.meters ?? []).map((meter): MeterInfo =>
    ({ ...named('meter', meter.preamble), unit: MeterUnits[meter.spec?.unit ?? 0] ?? 'unspecified', size: toNumber(meter.size) }))
  const tableNames = new Map((info.tables ?? []).map((table) => [table.preamble?.id ?? 0, table.preamble?.name ?? '']))
  const profiles = (info.actionProfiles ?? []).map((profile): ActionProfileInfo => {
    const base = named('action profile', profile.preamble)
    const tables = (profile.tableIds ?? []).map((id) => {
      const name = tableNames.get(id)
      if (name === undefined) fail(`action profile '${base.name}' refers to table ${id}, which there is not`)
      return name ?? ''
    })
    return { ...base, withSelector: profile.withSelector ?? false, size: toNumber(profile.size), maxGroupSize: profile.maxGroupSize ?? 0, tables }
  })
  const actionById = new Map(actionList.map((action) => [action.id, action]))
  const tables = (info.tables ?? []).map((table): TableInfo => {
    const base = named('table', table.preamble)
    return { ...base, ...tableBody(`table '${base.name}'`, table, { actionById, directCounters, directMeters, profiles }, fail) }
  })
  const headers = (info.controllerPacketMetadata ?? []).map((header): ControllerHeaderInfo => {
    const base = named('controller header', header.preamble)
    const fields = values(`controller header '${base.name}'`, 'field', header.metadata, fail)
    return { ...base, fields, fieldByName: valuesByName(fields) }
  })
  const digests = (info.digests ?? []).map((digest): DigestInfo =>
    ({ ...named('digest', digest.preamble), fields: flatFields(digest.typeSpec, info.typeInfo) }))

  return {
    packageInfo: {
      name: info.pkgInfo?.name ?? '', version: info.pkgInfo?.version ?? '', arch: info.pkgInfo?.arch ?? '',
      annotations: readAnnotations(info.pkgInfo, (reason) => fail(`package: ${reason}`)),
      multicastGroups: info.pkgInfo?.platformProperties?.multicastGroupTableSize ?? 0,
    },
    tables: byName('table', tables),
    actions: byName('action', actionList),
    counters: byName('counter', counters),
    meters: byName('meter', meters),
    actionProfiles: byName('action profile', profiles),
    digests: byName('digest', digests),
    controllerHeaders: byName('controller header', headers),
  }
}

interface Resources {
  readonly actionById: ReadonlyMap<number, ActionInfo>
  readonly directCounters: readonly DirectCounterInfo[]
  readonly directMeters: readonly DirectMeterInfo[]
  readonly profiles: readonly ActionProfileInfo[]
}

function tableBody(here: string, table: p4.config.v1.ITable, resources: Resources, fail: Fail): Omit<TableInfo, keyof NamedObject> {
  const fields = values(here, 'match field', table.matchFields, fail)
  const matchFields = fields.map((field, index): MatchFieldInfo =>
    ({ ...field, kind: kindOf[table.matchFields?.[index]?.matchType ?? 0] ?? 'other' }))
  const actions = (table.actionRefs ?? []).flatMap((ref): ActionRefInfo[] => {
    const action = resources.actionById.get(ref.id ?? 0)
    if (action === undefined) {
      fail(`${here} refers to action ${ref.id}, which there is not`)
      return []
    }
    const annotations = readAnnotations(ref, (reason) => fail(`${here}, action '${action.name}': ${reason}`))
    return [{ action, scope: scopes[ref.scope ?? 0] ?? 'table_and_default', annotations }]
  })
  const constDefault = table.constDefaultActionId ?? 0
  const constDefaultAction = resources.actionById.get(constDefault) ?? null
  if (constDefault !== 0 && constDefaultAction === null) fail(`${here} has the default action ${constDefault}, which there is not`)
  const direct = table.directResourceIds ?? []
  const implementation = table.implementationId ?? 0
  return {
    size: toNumber(table.size),
    matchFields,
    matchFieldByName: valuesByName(matchFields),
    needsPriority: matchFields.some(({ kind }) => kind === 'ternary' || kind === 'range' || kind === 'optional'),
    actions,
    actionByName: new Map(actions.map((ref) => [ref.action.name, ref])),
    constDefaultAction,
    idleTimeout: table.idleTimeoutBehavior === p4.config.v1.Table.IdleTimeoutBehavior.NOTIFY_CONTROL,
    isConst: table.isConstTable ?? false,
    directCounter: resources.directCounters.find(({ id }) => direct.includes(id)) ?? null,
    directMeter: resources.directMeters.find(({ id }) => direct.includes(id)) ?? null,
    actionProfile: implementation === 0 ? null : resources.profiles.find(({ id }) => id === implementation) ?? null,
  }
}

type AnyValue = p4.config.v1.IMatchField | p4.config.v1.Action.IParam | p4.config.v1.ControllerPacketMetadata.IMetadata

function values(here: string, kind: string, list: readonly AnyValue[] | null | undefined, fail: Fail): ValueInfo[] {
  const ids = new Set<number>()
  const names = new Set<string>()
  return (list ?? []).map((value) => {
    const id = value.id ?? 0
    const name = value.name ?? ''
    if (id === 0) fail(`${here}: ${kind} '${name}' has no id`)
    if (ids.has(id)) fail(`${here} has two ${kind}s with the id ${id}`)
    if (names.has(name)) fail(`${here} has two ${kind}s of the name '${name}'`)
    ids.add(id)
    names.add(name)
    const annotations = readAnnotations(value, (reason) => fail(`${here}, ${kind} '${name}': ${reason}`))
    return { id, name, bitwidth: value.bitwidth ?? 0, annotations }
  })
}

const valuesByName = <T extends ValueInfo>(list: readonly T[]): Map<string, T> => new Map(list.map((value) => [value.name, value]))

/** The members of a digest's record. A tuple has no names: they are "0", "1", … */
function flatFields(
  spec: p4.config.v1.IP4DataTypeSpec | null | undefined, types: p4.config.v1.IP4TypeInfo | null | undefined,
): DigestInfo['fields'] {
  const members: { name: string; type: p4.config.v1.IP4DataTypeSpec | null | undefined }[] = []
  if (spec?.bitstring) members.push({ name: '0', type: spec })
  else if (spec?.tuple) for (const [index, type] of (spec.tuple.members ?? []).entries()) members.push({ name: String(index), type })
  else {
    const struct = types?.structs?.[spec?.struct?.name ?? '']
    if (struct === undefined) return null
    for (const member of struct.members ?? []) members.push({ name: member.name ?? '', type: member.typeSpec })
  }
  const fields = members.map(({ name, type }) => ({ name, bitwidth: type?.bitstring?.bit?.bitwidth ?? 0 }))
  return fields.length === 0 || fields.some(({ bitwidth }) => bitwidth === 0) ? null : fields
}

const article = (noun: string): string => /^[aeiou]/.test(noun) ? 'an' : 'a'
