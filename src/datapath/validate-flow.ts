/**
 * Checks of a flow-mod that need no look at the flows: flags, table, match fields, instructions. OF 1.3.5 §6.4.
 * Whether the bits are well formed is the codec's business, whether the pipeline has room is the pipeline's.
 */
import { FlowModFlag, Meter, OXM, Port, StatTriggerFlag } from '../openflow/index.js'
import type { FieldValue, FlowMod, Instructions, Match } from '../openflow/index.js'
import type { ActionRules, TableCapabilities } from './capabilities.js'
import { OF10, OF12, OF13 } from './connections.js'
import { meterOf } from './meter-table.js'
import { isTableMiss } from './pipeline.js'
import type { ActionCheck, ActionProblem } from './validate-actions.js'
import { checkActions, viewOfMatch } from './validate-actions.js'
import type { Context } from './state.js'

const bad = (error: ActionProblem['error'], reason: string): ActionProblem => ({ error, reason })

/** Flags are those of the connection's version. OF 1.0 §5.3.3, OF 1.2 §A.3.4.1, OF 1.3.5 §7.3.4.1 */
export function checkFlags(flags: number, version: number): ActionProblem | null {
  let known: number = FlowModFlag.SEND_FLOW_REM | FlowModFlag.CHECK_OVERLAP
  if (version >= OF12) known |= FlowModFlag.RESET_COUNTS
  if (version >= OF13) known |= FlowModFlag.NO_PKT_COUNTS | FlowModFlag.NO_BYT_COUNTS
  return (flags & ~known) === 0 ? null : bad('OFPFMFC_BAD_FLAGS', `unknown flags 0x${(flags & ~known).toString(16)}`)
}

export function checkMatch(match: Match, table: TableCapabilities): ActionProblem | null {
  for (const { field, mask } of match) {
    const maskable = table.match.get(field)
    if (maskable === undefined) return bad('OFPBMC_BAD_FIELD', `the table does not match on ${field}`)
    if (field === 'metadata' && ((mask ?? OXM.metadata.ones) & ~table.metadataMatch) !== 0n) return bad('OFPBMC_BAD_MASK', `metadata is matched within 0x${table.metadataMatch.toString(16)}`)
    if (mask !== null && !maskable) return bad('OFPBMC_BAD_MASK', `the table does not match on a part of ${field}`)
  }
  const missing = table.required.find((field) => !match.some((entry) => entry.field === field))
  return missing === undefined ? null : bad('OFPBMC_BAD_WILDCARDS', `the table does not leave out ${missing}`)
}

/** Every packet here is an Ethernet frame, so a match on packet_type 0 says nothing more. OF 1.5.1 §7.2.3.11 */
export function withoutPacketType<T extends { readonly match: Match }>(given: T): T {
  const isSaid = (field: FieldValue): boolean => field.field === 'packet_type' && field.value === 0n
  return given.match.some(isSaid) ? { ...given, match: given.match.filter((field) => !isSaid(field)) } : given
}

/** A flow-mod that would add or change a flow. `tableId` exists. */
export function checkInstructions(ctx: Context, flowMod: Pick<FlowMod, 'instructions' | 'tableId' | 'priority' | 'match'>, version: number): ActionProblem | null {
  const { instructions, tableId } = flowMod
  const table = isTableMiss(flowMod) ? ctx.capabilities.missOf(tableId) : ctx.capabilities.table(tableId)
  if (table === undefined) return bad('OFPFMFC_BAD_TABLE_ID', `no table ${tableId}`)
  const view = viewOfMatch(flowMod.match)
  const onlyExtensions = version <= OF10
  return unsupportedInstruction(instructions, table)
    ?? badMeter(ctx, instructions)
    ?? checkList(ctx, instructions.apply, table.apply, { view, onlyExtensions, strict: true })
    ?? badController(instructions)
    // The set is executed in its own order, so only prerequisites of set-fields are checked. As Open vSwitch does it.
    ?? checkList(ctx, instructions.write, table.write, { view, onlyExtensions, strict: false })
    ?? badMetadata(instructions, table)
    ?? badGoto(ctx, instructions, tableId, table)
}

function checkList(ctx: Context, actions: Instructions['apply'], rules: ActionRules, how: Pick<ActionCheck, 'view' | 'onlyExtensions' | 'strict'>): ActionProblem | null {
  if (actions === null) return null
  const groupExists = (groupId: number): boolean => ctx.groups.get(groupId) !== undefined
  return checkActions(actions, { rules, packetOut: false, ...how, groupExists, hasLocal: ctx.ports.get(Port.LOCAL) !== undefined, hasNormal: ctx.capabilities.features.normal })
}

function unsupportedInstruction(instructions: Instructions, { instructions: can }: TableCapabilities): ActionProblem | null {
  const lacks = (name: string): ActionProblem => bad('OFPBIC_UNSUP_INST', `the table has no ${name}`)
  if (instructions.meter !== null && !can.has('meter')) return lacks('meter')
  if (instructions.statTrigger !== null) {
    const { flags, thresholds } = instructions.statTrigger
    if (!can.has('stat_trigger')) return lacks('stat_trigger')
    // A flow counts no flows. OF 1.5.1 §7.2.4
    if (thresholds.flowCount !== null || (flags & ~(StatTriggerFlag.PERIODIC | StatTriggerFlag.ONLY_FIRST)) !== 0) return lacks('stat_trigger of that kind')
  }
  if (instructions.apply !== null && !can.has('apply_actions')) return lacks('apply_actions')
  if (instructions.clear && !can.has('clear_actions')) return lacks('clear_actions')
  if (instructions.write !== null && !can.has('write_actions')) return lacks('write_actions')
  if (instructions.writeMetadata !== null && !can.has('write_metadata')) return lacks('write_metadata')
  // The last table lacks the instruction because there is nowhere to go: then the table id is what is wrong.
  if (instructions.gotoTable !== null && !can.has('goto_table') && can.size > 0) {
    return bad('OFPBIC_BAD_TABLE_ID', `table ${instructions.gotoTable} cannot be reached from here`)
  }
  return null
}

/** A packet-in says which flow it is of, not which of its actions. */
function badController({ apply }: Instructions): ActionProblem | null {
  const ways = (apply ?? []).filter((action) => action.type === 'controller' || action.type === 'output' && action.port === Port.CONTROLLER)
  return ways.length < 2 || ways.every(({ type }) => type === 'output') ? null : bad('OFPBAC_TOO_MANY', 'a controller action besides another output to the controller')
}

/** "Invalid meter in meter action" is said of OFPMMFC_INVALID_METER since OF 1.4.1 §7.5.4.13; Open vSwitch does so in all versions. */
function badMeter(ctx: Context, instructions: Instructions): ActionProblem | null {
  const meter = meterOf(instructions)
  return meter === null || meter <= Meter.MAX && ctx.meters.get(meter) !== undefined ? null : bad('OFPMMFC_INVALID_METER', `no meter ${meter}`)
}

function badMetadata({ writeMetadata }: Instructions, { metadataWrite }: TableCapabilities): ActionProblem | null {
  if (writeMetadata === null || (writeMetadata.mask & ~metadataWrite) === 0n) return null
  return metadataWrite === 0n
    ? bad('OFPBIC_UNSUP_METADATA', 'the table does not write metadata')
    : bad('OFPBIC_UNSUP_METADATA_MASK', `metadata is written within 0x${metadataWrite.toString(16)}`)
}

/** Only onward: OF 1.3.5 §5.9. */
function badGoto(ctx: Context, { gotoTable }: Instructions, tableId: number, { nextTables }: TableCapabilities): ActionProblem | null {
  if (gotoTable === null) return null
  if (gotoTable > tableId && gotoTable < ctx.flows.tableCount && nextTables.has(gotoTable)) return null
  return bad('OFPBIC_BAD_TABLE_ID', `table ${gotoTable} cannot be reached from table ${tableId}`)
}
