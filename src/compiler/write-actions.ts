/**
 * Write-actions: what a flow merges into the action set, as one entry of its table's write table. OF 1.3.5 §5.9, §5.10
 */
import type { Action } from '../openflow/model.js'
import type { Contract, StageAction, WriteTable } from './contract.js'
import type { Emissions } from './emission.js'
import { exactly, tableEntry, targetGroup } from './entries.js'
import { requireNormal } from './execution.js'
import { contentKey, type Handle } from './interned.js'
import { actionSetAsList, stepsOf, type Step, type Target } from './operations.js'
import { CannotPlan, type Planning } from './planning.js'
import { hasOperand, type RewriteOp } from './rounds.js'
import type { SharedState } from './shared-state.js'

export function acquireWrite(contract: Contract, state: SharedState, emissions: Emissions, planning: Planning, table: WriteTable, actions: readonly Action[]): Handle {
  const list = stepsOf(actionSetAsList(actions))
  if (!list.ok) throw new CannotPlan(list.error, list.reason)
  return state.writes(table).acquire(planning, contentKey(list.steps), (id) => {
    state.capacity.take(planning, table.table, 1, table.size, 'OFPFMFC_TABLE_FULL')
    const uses: Handle[] = []
    const roles = new Map<string, bigint>()
    for (const step of list.steps) {
      if (step.kind === 'emit') outputRoles(contract, emissions, planning, step.target, roles, uses)
    }
    const ops = list.steps.flatMap((step) => (step.kind === 'rewrite' ? [step.op] : []))
    const action = choose(table, list.steps, ops)
    const entity = tableEntry(table.table, exactly(table.key, id), { name: action.name, params: paramsOf(action, roles, ops) })
    return { updates: [{ op: 'insert', entity }], uses, destroyed: (later) => state.capacity.give(later, table.table, 1) }
  })
}

function outputRoles(contract: Contract, emissions: Emissions, planning: Planning, target: Target, roles: Map<string, bigint>, uses: Handle[]): void {
  if (target.kind === 'group') {
    roles.set('group', BigInt(targetGroup(target.groupId)))
    return
  }
  roles.set('write_output', 1n)
  if (target.kind === 'port') roles.set('port', BigInt(emissions.targetPort(target.port) ?? 0))
  else if (target.kind === 'in_port') roles.set('to_in_port', 1n)
  else if (target.kind === 'normal') {
    requireNormal(contract)
    roles.set('normal', 1n)
  }
  else if (target.kind === 'controller') roles.set('port', BigInt(contract.cpuPort)).set('max_len', BigInt(target.maxLen))
  else {
    const { id, handle } = emissions.acquire(planning, [{ prefix: [], target, counters: [] }], { inPort: null })
    roles.set('multicast', BigInt(id))
    uses.push(handle)
  }
}

/** The action with the fewest parameters that has a slot for everything. */
function choose(table: WriteTable, steps: readonly Step[], ops: readonly RewriteOp[]): StageAction {
  const needed = steps.flatMap((step) => (step.kind === 'emit' ? [step.target.kind === 'group' ? 'group' : 'output'] : []))
  const lacking = new Set<string>()
  let best: StageAction | null = null
  for (const action of table.actions) {
    const missing = [...needed.filter((name) => !action.ops.includes(name)), ...ops.filter((op) => !canWrite(action, op)).map(nameOf)]
    if (missing.length === 0 && (best === null || action.paramCount < best.paramCount)) best = action
    for (const name of missing) lacking.add(name)
  }
  if (best !== null) return best
  const impossible = ops.find((op) => !table.actions.some((action) => canWrite(action, op)))
  throw new CannotPlan(impossible?.kind === 'set' ? 'OFPBAC_BAD_SET_TYPE' : 'OFPBAC_BAD_TYPE', `the action set has no place for ${[...lacking].join(', ')}`)
}
const nameOf = (op: RewriteOp): string => (op.kind === 'set' ? op.field : op.kind === 'copy' ? `a copy to ${op.dst}` : op.op)
const canWrite = (action: StageAction, op: RewriteOp): boolean => {
  if (op.kind === 'set') return action.sets.has(op.field)
  if (op.kind === 'copy') return false
  return op.op.startsWith('set_') ? action.roles.has(`write_${op.op}`) : action.ops.includes(op.op)
}

function paramsOf(action: StageAction, roles: Map<string, bigint>, ops: readonly RewriteOp[]): { name: string; value: bigint }[] {
  const params = new Map<string, bigint>()
  for (const { value, mask } of action.sets.values()) {
    params.set(value.name, 0n)
    if (mask !== null) params.set(mask.name, 0n)
  }
  for (const op of ops) {
    if (op.kind === 'set') {
      const set = action.sets.get(op.field)
      if (set === undefined) continue
      params.set(set.value.name, op.value)
      if (set.mask !== null) params.set(set.mask.name, op.mask)
    } else if (op.kind === 'copy') continue
    else if (op.op.startsWith('set_')) roles.set(`write_${op.op}`, op.value).set(`write_${op.op}_mask`, 0xffn)
    else roles.set(`write_${op.op}`, hasOperand(op.op) ? op.value : 1n)
  }
  for (const [role, parameter] of action.roles) params.set(parameter.name, roles.get(role) ?? 0n)
  return [...params].map(([name, value]) => ({ name, value }))
}
