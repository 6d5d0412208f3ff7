/** Small builders of named entries, and the choice of the leanest action that can say what is wanted. */
import type { ExecuteAction, Parameter } from './contract.js'
import type { NamedAction, NamedMatch, NamedTableEntry } from './ir.js'

const NO_METADATA = new Uint8Array(0)

/** An entry without priority or timeout, as all tables but the flow tables have. */
export function tableEntry(table: string, match: readonly NamedMatch[], action: NamedAction | null, metadata: Uint8Array = NO_METADATA): NamedTableEntry {
  return { kind: 'table', table, match, priority: 0, action, idleTimeout: 0, controllerMetadata: 0, metadata, resetCounters: false }
}

export const exactly = (field: string, value: number): readonly NamedMatch[] => [{ field, kind: 'exact', value: BigInt(value) }]

/** The number of a group in the pipeline, where 0 means none; OpenFlow's own numbers begin at 0. OF 1.3.5 §7.3.4.2 */
export const targetGroup = (groupId: number): number => groupId + 1

/** What a role gets where nothing else is said. */
export type Defaults = Readonly<Record<string, bigint>>
/** Roles that act by being there at all, so an action with one is chosen only when it is wanted. */
const actsByPresence = new Set(['ttl_program'])

/**
 * The action with the fewest parameters that has every wanted role whose value is not the default. null: there is none;
 * `missing` then tells which roles no action has.
 */
export function chooseAction<A extends ExecuteAction>(actions: readonly A[], wanted: ReadonlyMap<string, bigint>, defaults: Defaults): A | null {
  let best: A | null = null
  for (const action of actions) {
    const able = [...wanted].every(([role, value]) => action.roles.has(role) || dispensable(role, value, defaults))
    const harmless = [...action.roles.keys()].every((role) => !actsByPresence.has(role) || wanted.has(role))
    if (able && harmless && (best === null || action.roles.size < best.roles.size)) best = action
  }
  return best
}
const dispensable = (role: string, value: bigint, defaults: Defaults): boolean => value === (defaults[role] ?? 0n) && !actsByPresence.has(role)

export function missingRoles(actions: readonly ExecuteAction[], wanted: ReadonlyMap<string, bigint>, defaults: Defaults): readonly string[] {
  return [...wanted].filter(([role, value]) => !dispensable(role, value, defaults) && !actions.some((action) => action.roles.has(role))).map(([role]) => role)
}

export function actionCall(action: ExecuteAction, wanted: ReadonlyMap<string, bigint>, defaults: Defaults): NamedAction {
  const params: { name: string; value: bigint }[] = []
  for (const [role, parameter] of action.roles) params.push({ name: parameter.name, value: fit(parameter, wanted.get(role) ?? defaults[role] ?? 0n) })
  return { name: action.name, params }
}
function fit(parameter: Parameter, value: bigint): bigint {
  if (value >> BigInt(parameter.bitwidth) !== 0n) throw new RangeError(`${parameter.name} has ${parameter.bitwidth} bits, ${value} does not fit`)
  return value
}
