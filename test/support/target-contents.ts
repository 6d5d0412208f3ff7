/**
 * Everything that a target holds, read from it, and what it should hold: the same read from a target that keeps entries,
 * behind an agent that was given the same flows, groups and meters and nothing else. Numbers that the compiler chose do
 * not count (target-text.ts), everything else does.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readContract, type Contract } from '../../src/compiler/index.js'
import type { NamedEntity } from '../../src/compiler/ir.js'
import type { Message } from '../../src/openflow/index.js'
import { P4InfoIndex } from '../../src/p4info/index.js'
import { p4 } from '../../src/p4proto/generated.js'
import { toUint64 } from '../../src/p4proto/int64.js'
import type { P4RuntimeService } from '../../src/p4runtime/index.js'
import { readContents } from '../../src/p4runtime/contents.js'
import { FakeP4Runtime } from './fake-p4runtime.js'
import { LoopRig } from './loop-rig.js'
import { targetText } from './target-text.js'

export const pipelineText = (): string => readFileSync(join(process.cwd(), 'p4/ofswitchd.p4info.txtpb'), 'utf8')

export interface TargetDescription {
  readonly entries: readonly string[]
  readonly meters: readonly string[]
  /** Default actions, by table; the bit map of live ports is one. */
  readonly defaults: ReadonlyMap<string, string>
  /** How many entries nothing leads to: those of buckets that are not live, in an order that is all right. */
  readonly unused: readonly string[]
}

/** Reads through a client of its own; whoever is primary is not disturbed. P4RT 1.4 §13 */
export async function describeTarget(service: P4RuntimeService, index: P4InfoIndex = P4InfoIndex.parse(pipelineText())): Promise<TargetDescription> {
  const contract = readContract(index)
  const read = (entities: Parameters<P4RuntimeService['read']>[0]['entities']): ReturnType<P4RuntimeService['read']> => service.read({ deviceId: toUint64(1n), entities: entities ?? [] })
  const { entities } = await readContents(async (wanted) => [p4.v1.ReadResponse.encode({ entities: await read(wanted) }).finish()], index)
  const tables = [...index.tables.values()].filter(({ isConst }) => !isConst)
  const defaults = await read(tables.map(({ id }) => ({ tableEntry: { tableId: id, isDefaultAction: true } })))
  const { lines, unused } = targetText(entities, contract)
  return {
    entries: lines, meters: metersText(entities, contract), unused: unused.filter((line) => !contract.tables.some(({ meter }) => meter !== null && line.startsWith(`${meter.table} `))),
    defaults: new Map(defaults.flatMap(({ tableEntry: entry }) => {
      const action = entry?.action?.action
      const params = (action?.params ?? []).map(({ paramId, value }) => `${paramId}=${Buffer.from(value ?? []).toString('hex').replace(/^(00)+(?=..)/, '')}`).sort()
      return entry && action ? [[index.tableById.get(entry.tableId ?? 0)?.name ?? '', `${action.actionId}(${params.join()})`] as const] : []
    })),
  }
}

/** What the target of a switch with these objects and ports holds. */
export async function describeExpected(messages: readonly Message[], ports?: readonly number[]): Promise<TargetDescription> {
  const fake = new FakeP4Runtime()
  const rig = new LoopRig(fake.connect, { p4info: pipelineText(), ...(ports === undefined ? {} : { ports }) })
  try {
    const xids = messages.map((message) => rig.send(message))
    await rig.barrier()
    const refused = xids.map((xid) => rig.errorOf(xid)).filter((error) => error !== null)
    if (refused.length > 0) throw new Error(`an empty switch refuses what the other one has: ${refused.join()}`)
    return await describeTarget(fake.connect(), rig.index)
  } finally {
    await rig.stop()
  }
}

/** The entries of the meter tables with the cells that they lead to, and all cells, whatever their numbers. */
export function metersText(entities: readonly NamedEntity[], contract: Contract): string[] {
  const tables = new Map(contract.tables.flatMap(({ meter }) => (meter === null ? [] : [[meter.table, meter] as const])))
  const cells = new Map(entities.flatMap((entity) => (entity.kind === 'meter' ? [[`${entity.meter}/${entity.index}`, `${entity.config?.rate}/${entity.config?.burst}`] as const] : [])))
  const rows = entities.flatMap((entity) => {
    const meter = entity.kind === 'table' ? tables.get(entity.table) : undefined
    if (entity.kind !== 'table' || meter === undefined || entity.action === null) return []
    const { name, params } = entity.action
    const [unit, action] = [...meter.actions].find(([, one]) => one.name === name)!
    const value = (role: string): number => Number(params.find((param) => param.name === action.roles.get(role)?.name)?.value ?? 0n)
    const array = contract.meters?.arrays.get(unit)?.name ?? ''
    const used = Array.from({ length: value('bands') }, (_, place) => cells.get(`${array}/${value('cell') + place}`) ?? 'none')
    return [JSON.stringify([entity.table, entity.match, unit, value('on_exceeded'), used], (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner))]
  })
  return [...rows, ...[...cells].map(([cell, config]) => `cell ${cell.slice(0, cell.lastIndexOf('/'))} ${config}`)].sort()
}
