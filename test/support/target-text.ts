/**
 * What a target holds, as text that does not depend on numbers that the compiler chose: every flow, group and port with
 * all that its entry leads to written out. Two targets with the same text treat packets alike. What nothing leads to is
 * returned too: it should not be there.
 */
import type { Contract, ExecuteAction, Scope } from '../../src/compiler/contract.js'
import type { NamedEntity, NamedMatch, NamedMulticastGroup, NamedTableEntry } from '../../src/compiler/ir.js'

const RANKS = 4096

export interface TargetText { readonly lines: readonly string[]; readonly unused: readonly string[] }

export function targetText(entities: readonly NamedEntity[], contract: Contract): TargetText {
  const tables = new Map<string, NamedTableEntry[]>()
  const multicasts = new Map<number, NamedMulticastGroup>()
  for (const entity of entities) {
    if (entity.kind === 'multicast') multicasts.set(entity.groupId, entity)
    else if (entity.kind === 'table') tables.set(entity.table, [...tables.get(entity.table) ?? [], entity])
  }
  const keyed = new Map([...tables].map(([table, entries]) => [table, new Map(entries.map((entry) => [numberOf(entry.match[0]), entry]))]))
  const reached = new Set<NamedEntity>()
  const find = (table: string, id: bigint): NamedTableEntry | null => {
    const entry = keyed.get(table)?.get(Number(id))
    if (entry !== undefined) reached.add(entry)
    return entry ?? null
  }
  const program = (scope: Scope, id: bigint, stages: bigint): string => scope.stages
    .filter(({ index }) => (stages >> BigInt(index) & 1n) === 1n)
    .map(({ index, table }) => `${index}:${actionText(find(table, id), () => null)}`).join(' ')
  const execute = (entry: NamedTableEntry | null, actions: readonly ExecuteAction[], scope: Scope, write: string | null): string => {
    const roles = actions.find(({ name }) => name === entry?.action?.name)?.roles
    const value = (role: string): bigint => entry?.action?.params.find(({ name }) => name === roles?.get(role)?.name)?.value ?? 0n
    const known = new Map([...roles ?? []].map(([role, { name }]) => [name, role]))
    return actionText(entry, (name, given) => {
      switch (known.get(name)) {
        case 'flow': case 'cell': case 'stages': case 'ttl_stages': return ''
        case 'program': return given === 0n ? null : `{${program(scope, given, value('stages'))}}`
        case 'ttl_program': return given === 0n ? null : `{${program(scope, given, value('ttl_stages'))}}`
        case 'multicast': return given === 0n ? null : `{${multicast(Number(given))}}`
        case 'write': return given === 0n || write === null ? null : `{${execute(find(write, given), actionsOf(contract, write), scope, null)}}`
        case 'continuation': {
          const { continuation } = contract
          return given === 0n || continuation === null ? null : `{${execute(find(continuation.table, given), continuation.actions, continuation.scope, null)}}`
        }
        default: return null
      }
    })
  }
  const multicast = (id: number): string => {
    const group = multicasts.get(id)
    if (group === undefined) return 'MISSING'
    reached.add(group)
    const { replica, continuation } = contract
    return group.replicas.map(({ port, instance }) => {
      // Copies that go on are spread over the continuation ports by their number.
      const where = continuation !== null && port >= continuation.firstPort && port <= continuation.lastPort ? 'c' : port
      if (instance === 0 || replica === null) return `${where}`
      const entry = find(replica.table, BigInt(instance))
      const counters = new Set(replica.actions.find(({ name }) => name === entry?.action?.name)?.counters)
      const plain = entry === null || entry.action === null ? entry : { ...entry, action: { ...entry.action, params: entry.action.params.filter(({ name }) => !counters.has(name)) } }
      return `${where}[${execute(plain, replica.actions, replica.scope, null)}]`
    }).sort().join(' ')
  }
  const lines: string[] = []
  const roots = (table: string, actions: readonly ExecuteAction[], scope: Scope, write: string | null, priority: (entry: NamedTableEntry) => number): void => {
    for (const entry of tables.get(table) ?? []) {
      reached.add(entry)
      lines.push(`${table} ${matchText(entry.match)} @${priority(entry)} t${entry.idleTimeout} ${execute(entry, actions, scope, write)}`)
    }
  }
  const nothing: Scope = { name: '', stages: [] }
  for (const table of contract.tables) roots(table.table, table.actions, table.scope, table.write?.table ?? null, ({ priority }) => priority)
  const { group, fork, replica } = contract
  if (group !== null) roots(group.table, group.actions, nothing, null, () => 0)
  for (const choice of [group?.select, group?.failover]) if (choice) roots(choice.table, choice.actions, nothing, null, ({ priority }) => (priority - 1) % RANKS)
  roots(contract.portIn.table, contract.portIn.actions, nothing, null, () => 0)
  if (contract.portBlock !== null) roots(contract.portBlock.table, contract.portBlock.actions, nothing, null, () => 0)
  if (fork !== null && replica !== null) {
    multicast(fork.group)
    find(replica.table, BigInt(fork.emit))
    find(replica.table, BigInt(fork.actionSet))
  }
  const unused = entities.filter((entity) => !reached.has(entity) && (entity.kind === 'multicast' || entity.kind === 'table'))
  return { lines: lines.sort(), unused: unused.map((entity) => entity.kind === 'multicast' ? `multicast ${entity.groupId}` : entity.kind === 'table' ? `${entity.table} ${matchText(entity.match)}` : '') }
}

const actionsOf = (contract: Contract, write: string): readonly ExecuteAction[] =>
  contract.tables.find((table) => table.write?.table === write)?.write?.actions ?? []
const numberOf = (match: NamedMatch | undefined): number => (match?.kind === 'exact' ? Number(match.value) : -1)
const matchText = (match: readonly NamedMatch[]): string => match
  .map((part) => `${part.field}=${part.kind === 'ternary' ? `${part.value}/${part.mask}` : part.kind === 'range' ? `${part.low}-${part.high}` : part.kind === 'lpm' ? `${part.value}/${part.prefixLength}` : part.value}`).join(',')
function actionText(entry: NamedTableEntry | null, special: (name: string, value: bigint) => string | null): string {
  if (entry?.action === null || entry === null) return 'MISSING'
  return `${entry.action.name}(${entry.action.params.map(({ name, value }) => `${name}=${special(name, value) ?? value}`).join(' ')})`
}
