/**
 * A multipart table-features request that carries tables: the controller asks for a pipeline. OF 1.3.5 §7.3.5.5,
 * OF 1.5.1 §7.3.5.18
 *
 * Ours is fixed by the P4 program, so a request is granted if it asks for nothing that a table lacks, and what it asks for
 * then holds: flow-mods that want more are refused as if the table had no more. There are no egress tables. Which code is answered to what: a table
 * that does not exist BAD_TABLE, metadata bits BAD_METADATA, more entries BAD_MAX_ENT, other capabilities BAD_ARGUMENT;
 * tables left out (they cannot be taken away), or flows that would be too much for what is asked for, EPERM.
 */
import type { ErrorName, TableFeatures } from '../openflow/index.js'
import { TableConfig, TableFeature } from '../openflow/index.js'
import { OF14 } from './connections.js'
import type { Connection } from './connections.js'
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
export const tableFeatures = (ctx: Context, conn: Connection): readonly TableFeatures[] =>
  conn.version < OF14 ? ctx.capabilities.tableFeatures() : ctx.capabilities.tableFeatures().map((table) => ({ ...table, config: CONFIGURABLE }))

/** `answer` is called when the tables are as asked for, and an agent that starts anew would find them so. */
export function requestTables(ctx: Context, conn: Connection, requested: readonly TableFeatures[], requester: Requester, answer: () => void): Outcome {
  if (ctx.tables.token !== 0) return waitFor(ctx.tables.token)
  const asked = requested.filter(({ command }) => command !== 'enable').map((table) => ({ ...table, config: 0, command: 'replace' as const, features: TableFeature.INGRESS_TABLE }))
  const found = problemWith(ctx, conn, requested, asked)
  if ('error' in found) return fail(found.error, found.reason)
  let takeBack = (): void => {}
  return ctx.ops.submit(ctx, {
    changes: [noteOf(ctx, found)], touches: [ctx.tables], family: 'features',
    apply: () => { takeBack = ctx.capabilities.describe(asked) },
    settled: answer,
    undo: () => { takeBack() },
  }, requester)
}

/** Else what tables are then described otherwise than the pipeline has them. */
function problemWith(ctx: Context, conn: Connection, requested: readonly TableFeatures[], asked: readonly TableFeatures[]): FeaturesProblem | { readonly described: readonly TableFeatures[] } {
  const seen = new Set<number>()
  const replaces = requested.some(({ command }) => command === 'replace')
  for (const table of requested) {
    const ours = ctx.pipeline.features.tables.find((candidate) => candidate.tableId === table.tableId)
    if (ours === undefined) return problem('OFPTFFC_BAD_TABLE', `no table ${table.tableId}`)
    if (seen.has(table.tableId)) return problem('OFPTFFC_BAD_TABLE', `table ${table.tableId} is asked for twice`)
    seen.add(table.tableId)
    if (table.command === 'disable' || replaces && table.command !== 'replace') return problem('OFPTFFC_EPERM', `table ${table.tableId} cannot be disabled`)
    const found = table.command === 'enable' ? null : exceeds(table, ours, conn.version)
    if (found !== null) return found
  }
  if (replaces && seen.size !== ctx.flows.tableCount) return problem('OFPTFFC_EPERM', 'tables cannot be taken away')
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
  if ((asked.features & ~ours.features) !== 0) return problem('OFPTFFC_BAD_FEATURES', `${where} has no such features`)
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
