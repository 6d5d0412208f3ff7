/**
 * Several OpenFlow switches in one pipeline. Each has a compiler of its own, and that compiler a contract of its own: of the
 * tables that all share it has a part of the room, of all numbers (programs, replicas, cells …) a range, and where a table
 * has a key field of the role `instance` its entries carry the number of the switch there. So nothing that one compiler
 * makes can meet what another one makes. Ports belong to one switch or to none.
 */
import type { Contract, KeyedTable, MeterTable, Numbers, Scope, Share } from './contract.js'
import type { NamedEntity, NamedMatch } from './ir.js'

const MAX_PROGRAM = 0xffff
const MAX_MULTICAST = 0x7fff

type Counted = Pick<Contract, 'continuation' | 'replica' | 'fork' | 'bucketCounter' | 'flowCounter' | 'meters' | 'multicastGroups'>

/** The numbers of a pipeline that one switch has to itself. The fork's are nobody's, since it is the same for all. */
export function allNumbers({ continuation, replica, fork, bucketCounter, flowCounter, meters, multicastGroups }: Counted): Numbers {
  return {
    programs: { first: 1, last: MAX_PROGRAM }, writes: { first: 1, last: MAX_PROGRAM },
    continuations: { first: 1, last: Math.min(continuation?.size ?? 0, MAX_PROGRAM) },
    replicas: { first: fork === null ? 1 : Math.max(fork.emit, fork.actionSet) + 1, last: Math.min(replica?.size ?? 0, MAX_PROGRAM) },
    multicasts: { first: fork === null ? 1 : fork.group + 1, last: Math.min(MAX_MULTICAST, multicastGroups) },
    cells: { first: 1, last: (bucketCounter?.size ?? 1) - 1 },
    flowCells: { first: 1, last: (flowCounter?.size ?? 1) - 1 },
    meterSlots: { first: 0, last: (meters?.slots ?? 0) - 1 },
  }
}

/** The contract of one of several switches; `whole` as it was read. */
export function contractOf(whole: Contract, share: Share): Contract {
  const { index, count, weights = Array.from({ length: count }, () => 1) } = share
  if (count === 1) return whole
  const until = (end: number): number => weights.slice(0, end).reduce((sum, weight) => sum + weight, 0)
  const [before, after, total] = [until(index), until(index + 1), until(count)]
  const startOf = (size: number): number => Math.floor((before * size) / total)
  const part = (size: number): number => Math.floor((after * size) / total) - startOf(size)
  const own = (fixed: readonly NamedMatch[]): readonly NamedMatch[] => fixed.map(({ field }) => ({ field, kind: 'exact', value: BigInt(index) }))
  const sized = <T extends { readonly size: number }>(table: T): T => ({ ...table, size: part(table.size) })
  const scope = ({ name, stages }: Scope): Scope => ({ name, stages: stages.map(sized) })
  const meter = (table: MeterTable | null): MeterTable | null => (table === null ? null : { ...table, fixed: own(table.fixed) })
  const both = <T extends { readonly size: number; readonly fixed: readonly NamedMatch[] }>(table: T): T => ({ ...sized(table), fixed: own(table.fixed) })
  const range = ({ first, last }: { readonly first: number; readonly last: number }) => {
    const room = Math.max(0, last - first + 1)
    const start = first + startOf(room)
    return { first: start, last: start + part(room) - 1 }
  }
  const { group, normal, meters, numbers } = whole
  return {
    ...whole, share, multicastGroups: part(whole.multicastGroups), multicastNodes: part(whole.multicastNodes),
    tables: whole.tables.map((table) => ({ ...both(table), scope: scope(table.scope), write: table.write === null ? null : sized(table.write), meter: meter(table.meter) })),
    continuation: whole.continuation === null ? null : { ...sized(whole.continuation), scope: scope(whole.continuation.scope), meter: meter(whole.continuation.meter) },
    replica: whole.replica === null ? null : { ...sized(whole.replica), scope: scope(whole.replica.scope) },
    group: group === null ? null : {
      ...both(group), select: group.select === null ? null : both(group.select), failover: group.failover === null ? null : both(group.failover),
      live: group.live === null ? null : { ...group.live, fixed: own(group.live.fixed) },
    },
    normal: normal === null ? null : {
      source: both(normal.source), destination: both(normal.destination), flood: normal.flood.vlan === null ? { ...normal.flood, fixed: own(normal.flood.fixed) } : both(normal.flood),
      admission: normal.admission === null ? null : sized(normal.admission),
    },
    meters: meters === null ? null : { ...meters, slots: part(meters.slots) },
    controllerMeter: meter(whole.controllerMeter),
    egress: whole.egress === null ? null : { ...whole.egress, first: { ...whole.egress.first, fixed: own(whole.egress.first.fixed) } },
    numbers: {
      programs: range(numbers.programs), writes: range(numbers.writes), continuations: range(numbers.continuations), replicas: range(numbers.replicas),
      multicasts: range(numbers.multicasts), cells: range(numbers.cells), flowCells: range(numbers.flowCells), meterSlots: range(numbers.meterSlots),
    },
  }
}

/** Says of what a target holds whether it is of the switch with this contract and these ports; the first has what is nobody's. */
export function belongsTo(contract: Contract, isOwn: (port: number) => boolean, isOthers: (port: number) => boolean): (entity: NamedEntity) => boolean {
  const { share, numbers, portIn, portBlock, meters, normal } = contract
  if (share.count === 1) return () => true
  const fixed = new Map(fixedTables(contract))
  const ranges = new Map(numberedTables(contract))
  const isPorts = new Set([portIn.table, portBlock?.table, normal?.admission?.table, contract.egress?.port.table])
  const isFirst = share.index === 0
  const within = ({ first, last }: { readonly first: number; readonly last: number }, number: number): boolean => number >= first && number <= last
  const isForks = (table: string, number: number): boolean => isFirst && contract.fork !== null && table === contract.replica?.table && [contract.fork.emit, contract.fork.actionSet].includes(number)
  return (entity) => {
    switch (entity.kind) {
      case 'multicast': return within(numbers.multicasts, entity.groupId) || isFirst && entity.groupId === contract.fork?.group
      case 'meter': return within(numbers.meterSlots, Math.floor(entity.index / (meters?.maxBands ?? 1)))
      case 'table': {
        const keys = fixed.get(entity.table)
        if (keys !== undefined) return keys.every((key) => entity.match.some((part) => part.field === key.field && part.kind === 'exact' && key.kind === 'exact' && part.value === key.value))
        const part = entity.match.find(({ kind }) => kind === 'exact')
        const number = part?.kind === 'exact' ? Number(part.value) : -1
        if (isPorts.has(entity.table)) return isOwn(number) || isFirst && !isOthers(number)
        const range = ranges.get(entity.table)
        return range === undefined ? isFirst : within(range, number) || isForks(entity.table, number)
      }
      default: return isFirst
    }
  }
}

function * fixedTables({ tables, continuation, group, normal, controllerMeter, egress }: Contract): IterableIterator<readonly [string, readonly NamedMatch[]]> {
  const meters = [...tables.map(({ meter }) => meter), continuation?.meter, controllerMeter]
  for (const { fixed, twins } of tables) if (twins !== null && fixed.length > 0) for (const table of [twins.twin, twins.rest, twins.shape.table]) yield [table, fixed]
  for (const table of [...tables, ...meters, group, group?.select, group?.failover, group?.live, normal?.source, normal?.destination, normal?.flood, egress?.first]) {
    if (table != null && table.fixed.length > 0) yield [table.table, table.fixed]
  }
}

function * numberedTables({ tables, continuation, replica, numbers }: Contract): IterableIterator<readonly [string, { readonly first: number; readonly last: number }]> {
  for (const { scope, write } of tables) {
    for (const { table } of scope.stages) yield [table, numbers.programs]
    if (write !== null) yield [write.table, numbers.writes]
  }
  for (const one of [continuation, replica]) for (const { table } of one?.scope.stages ?? []) yield [table, numbers.programs]
  const keyed: readonly (readonly [KeyedTable | Contract['replica'], Numbers[keyof Numbers]])[] = [[continuation, numbers.continuations], [replica, numbers.replicas]]
  for (const [table, range] of keyed) if (table !== null) yield [table.table, range]
}
