/**
 * A multipart table-features request that carries tables: the controller asks for a pipeline. OF 1.3.5 §7.3.5.5,
 * OF 1.5.1 §7.3.5.18
 *
 * Ours is fixed by the P4 program, so a request is granted if it asks for nothing that a table lacks, and what it asks for
 * then holds: flow-mods that want more are refused as if the table had no more. Which code is answered to what: a table
 * that does not exist BAD_TABLE, metadata bits BAD_METADATA, more entries BAD_MAX_ENT, features BAD_FEATURES, other capabilities
 * BAD_ARGUMENT; tables left out (they cannot be taken away), or flows that would be too much for what is asked for, EPERM.
 *
 * Since 1.5 a table without any property keeps those that it has, and OFPTFF_FIRST_EGRESS says where egress processing begins
 * (egress.ts). The answer then waits until it does.
 */
import type { ErrorName, TableFeatures } from '../openflow/index.js'
import { TableConfig, TableFeature } from '../openflow/index.js'
import { OF14, OF15 } from './connections.js'
import type { Connection } from './connections.js'
import { firstEgressAsked, tableCount } from './egress.js'
import type { Change } from './pipeline.js'
import { fail, waitFor } from './state.js'
import type { Context, Outcome, Requester } from './state.js'
import { noteOf, othersThan } from './table-config.js'
import { checkInstructions, checkMatch } from './validate-flow.js'

interface FeaturesProblem { readonly error: ErrorName; readonly reason: string }
const problem = (error: ErrorName, reason: string): FeaturesProblem => ({ error, reason })

const lists = [
  'instructions', 'instructionsMiss', 'nextTables', 'nextTablesMiss', 'writeActions', 'writeActionsMiss', 'applyActions',
  'applyActionsMiss', 'wildcards', 'writeSetField', 'writeSetFieldMiss', 'applySetField', 'applySetFieldMiss', 'syncFrom',
  'writeCopyField', 'writeCopyFieldMiss', 'applyCopyField', 'applyCopyFieldMiss', 'packetTypes',
] as const
const CONFIGURABLE = TableConfig.EVICTION | TableConfig.VACANCY_EVENTS

/** What the tables have now. Since 1.4 also which bits a table-mod can set. */
export function tableFeatures(ctx: Context, conn: Connection): readonly TableFeatures[] {
  const tables = ctx.capabilities.tableFeatures().slice(0, tableCount(ctx, conn))
  if (conn.version < OF14) return tables
  return tables.map((table) => ({ ...table, config: CONFIGURABLE, features: table.features | (table.tableId === ctx.egress.first ? TableFeature.FIRST_EGRESS : 0) }))
}

/** `answer` is called when the tables are as asked for, and an agent that starts anew would find them so. */
export function requestTables(ctx: Context, conn: Connection, request: readonly TableFeatures[], requester: Requester, answer: () => void): Outcome {
  const { egress, tables } = ctx
  if (tables.token !== 0) return waitFor(tables.token)
  if (egress.token !== 0) return waitFor(egress.token)
  const requested = conn.version < OF15 ? request : request.map((table) => withProperties(ctx, table))
  const described = requested.filter(({ command }) => command !== 'enable')
  const asked = described.map((table) => ({ ...table, config: 0, command: 'replace' as const, features: ctx.pipeline.features.tables[table.tableId]?.features ?? 0 }))
  const found = problemWith(ctx, conn, requested, asked)
  if ('error' in found) return fail(found.error, found.reason)
  const before = egress.first
  const first = conn.version < OF15 ? before : firstEgressAsked(described, before)
  const changes: readonly Change[] = first === before ? [noteOf(ctx, found)] : [noteOf(ctx, found), { op: 'set_first_egress', table: first }]
  let takeBack = (): void => {}
  return ctx.ops.submit(ctx, {
    changes, touches: first === before ? [tables] : [tables, egress], family: 'features',
    apply: () => {
      takeBack = ctx.capabilities.describe(asked)
      egress.first = first
    },
    settled: answer,
    undo: () => {
      takeBack()
      egress.first = before
    },
  }, requester)
}

/** OF 1.5.1 §7.3.5.18: what is not said of a table's properties stays. */
function withProperties(ctx: Context, table: TableFeatures): TableFeatures {
  const known = ctx.capabilities.tableFeatures()[table.tableId]
  if (known === undefined || table.match.length > 0 || lists.some((list) => table[list].length > 0)) return table
  const { tableId, name, metadataMatch, metadataWrite, config, maxEntries, command, features } = table
  return { ...known, tableId, name, metadataMatch, metadataWrite, config, maxEntries, command, features }
}

/** Else what tables are then described otherwise than the pipeline has them. */
function problemWith(ctx: Context, conn: Connection, requested: readonly TableFeatures[], asked: readonly TableFeatures[]): FeaturesProblem | { readonly described: readonly TableFeatures[] } {
  const tables = ctx.pipeline.features.tables.slice(0, tableCount(ctx, conn))
  const seen = new Set<number>()
  const replaces = requested.some(({ command }) => command === 'replace')
  for (const table of requested) {
    const ours = tables.find((candidate) => candidate.tableId === table.tableId)
    if (ours === undefined) return problem('OFPTFFC_BAD_TABLE', `no table ${table.tableId}`)
    if (seen.has(table.tableId)) return problem('OFPTFFC_BAD_TABLE', `table ${table.tableId} is asked for twice`)
    seen.add(table.tableId)
    if (table.command === 'disable' || replaces && table.command !== 'replace') return problem('OFPTFFC_EPERM', `table ${table.tableId} cannot be disabled`)
    const found = table.command === 'enable' ? null : exceeds(table, ours, conn.version)
    if (found !== null) return found
  }
  if (replaces && seen.size !== tables.length) return problem('OFPTFFC_EPERM', 'tables cannot be taken away')
  const firsts = requested.filter(({ command, features }) => command !== 'enable' && (features & TableFeature.FIRST_EGRESS) !== 0)
  if (firsts.length > 1) return problem('OFPTFFC_BAD_FEATURES', 'egress processing begins at one table')
  const takeBack = ctx.capabilities.describe(asked)
  const flow = [...seen].map((tableId) => flowBeyond(ctx, tableId)).find((one) => one !== null)
  const described = othersThan(ctx)
  takeBack()
  if (flow === undefined) return { described }
  return problem('OFPTFFC_EPERM', `flow ${flow} is more than what is asked for`)
}

function exceeds(asked: TableFeatures, ours: TableFeatures, version: number): FeaturesProblem | null {
  const where = `table ${asked.tableId}`
  if (((asked.metadataMatch & ~ours.metadataMatch) | (asked.metadataWrite & ~ours.metadataWrite)) !== 0n) {
    return problem('OFPTFFC_BAD_METADATA', `${where} does not have those metadata bits`)
  }
  if (asked.maxEntries > ours.maxEntries) return problem('OFPTFFC_BAD_MAX_ENT', `${where} holds ${ours.maxEntries} entries`)
  if ((asked.config & ~(version < OF14 ? 0 : CONFIGURABLE)) !== 0) return problem('OFPTFFC_BAD_ARGUMENT', `${where} has no such configuration`)
  // A table that is the first egress table is an egress table.
  const able = (asked.features & ours.features & TableFeature.EGRESS_TABLE) === 0 ? ours.features : ours.features | TableFeature.FIRST_EGRESS
  if (version >= OF15 && (asked.features & ~able) !== 0) return problem('OFPTFFC_BAD_FEATURES', `${where} has no such features`)
  for (const list of lists) {
    const have = new Set<string | number>(ours[list])
    const lacking = asked[list].find((item) => !have.has(item))
    if (lacking !== undefined) return problem('OFPTFFC_BAD_ARGUMENT', `${where}: no ${lacking} in ${list}`)
  }
  for (const { field, maskable } of asked.match) {
    const mine = ours.match.find((candidate) => candidate.field === field)
    if (mine === undefined || (maskable && !mine.maskable)) {
      return problem('OFPTFFC_BAD_ARGUMENT', `${where} does not match on ${field}${maskable ? ' with a mask' : ''}`)
    }
  }
  return null
}

/** A flow of the table that it could not have now. */
function flowBeyond(ctx: Context, tableId: number): number | null {
  const table = ctx.capabilities.table(tableId)
  if (table === undefined) return null
  let count = 0
  for (const { id, record, deleting } of ctx.flows.inTable(tableId)) {
    if (deleting) continue
    if (++count > table.maxEntries || checkMatch(record.match, table) !== null || checkInstructions(ctx, record, 1) !== null) return id
  }
  return null
}
