/**
 * A multipart table-features request that carries tables: the controller asks for a pipeline. OF 1.3.5 §7.3.5.5
 *
 * Ours is fixed by the P4 program, so a request is granted if it asks for every table and for nothing a table lacks ("the
 * switch may have more than was requested"); the one thing that changes is the names. Which code is answered to what:
 * a table that does not exist BAD_TABLE, metadata bits BAD_METADATA, other capabilities BAD_ARGUMENT, leaving a table out
 * or changing max_entries (read only) EPERM.
 */
import type { ErrorName, TableFeatures } from '../openflow/index.js'
import type { Context } from './state.js'

export interface FeaturesProblem { readonly error: ErrorName; readonly reason: string }

const lists = [
  'instructions', 'instructionsMiss', 'nextTables', 'nextTablesMiss', 'writeActions', 'writeActionsMiss', 'applyActions',
  'applyActionsMiss', 'wildcards', 'writeSetField', 'writeSetFieldMiss', 'applySetField', 'applySetFieldMiss',
] as const

export function requestTables(ctx: Context, requested: readonly TableFeatures[]): FeaturesProblem | null {
  const seen = new Set<number>()
  for (const table of requested) {
    const ours = ctx.pipeline.features.tables.find((candidate) => candidate.tableId === table.tableId)
    if (ours === undefined) return { error: 'OFPTFFC_BAD_TABLE', reason: `no table ${table.tableId}` }
    if (seen.has(table.tableId)) return { error: 'OFPTFFC_BAD_TABLE', reason: `table ${table.tableId} is asked for twice` }
    seen.add(table.tableId)
    const problem = exceeds(table, ours)
    if (problem !== null) return problem
  }
  if (seen.size !== ctx.flows.tableCount) return { error: 'OFPTFFC_EPERM', reason: 'tables cannot be taken away' }
  for (const table of requested) ctx.capabilities.renameTable(table.tableId, table.name)
  return null
}

function exceeds(asked: TableFeatures, ours: TableFeatures): FeaturesProblem | null {
  const where = `table ${asked.tableId}`
  if (((asked.metadataMatch & ~ours.metadataMatch) | (asked.metadataWrite & ~ours.metadataWrite)) !== 0n) {
    return { error: 'OFPTFFC_BAD_METADATA', reason: `${where} does not have those metadata bits` }
  }
  if (asked.maxEntries !== ours.maxEntries) return { error: 'OFPTFFC_EPERM', reason: `${where} holds ${ours.maxEntries} entries` }
  if (asked.config !== ours.config) return { error: 'OFPTFFC_BAD_ARGUMENT', reason: `${where} has no such configuration` }
  for (const list of lists) {
    const have = new Set<string | number>(ours[list])
    const lacking = asked[list].find((item) => !have.has(item))
    if (lacking !== undefined) return { error: 'OFPTFFC_BAD_ARGUMENT', reason: `${where}: no ${lacking} in ${list}` }
  }
  for (const { field, maskable } of asked.match) {
    const mine = ours.match.find((candidate) => candidate.field === field)
    if (mine === undefined || (maskable && !mine.maskable)) {
      return { error: 'OFPTFFC_BAD_ARGUMENT', reason: `${where} does not match on ${field}${maskable ? ' with a mask' : ''}` }
    }
  }
  return null
}
