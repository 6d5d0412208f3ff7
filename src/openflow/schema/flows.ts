/**
 * Flow-mod, flow-removed and the flow statistics that share their parts.
 * OF 1.0 §5.3.3, §5.4.2, §5.3.5; OF 1.3.5 §7.3.4.1, §7.4.2, §7.3.5.2; OF 1.4.1 the same; OF 1.5.1 §7.3.4.2, §7.4.2, §7.3.5.2 … §7.3.5.4.
 */
import { Fault, Unencodable } from '../fault.js'
import type { Reader } from '../buffer.js'
import type { Layout } from '../layout.js'
import { choice, f, layout, n64, nested, otherwise, pad, port, size, spread, u16, u32, u8 } from '../layout.js'
import type { FlowCounters, FlowMod, FlowRemoved, FlowRemovedReason, FlowStats, FlowStatsFilter } from '../model.js'
import { Group, Table } from '../model.js'
import { oxmMatch } from '../oxm-codec.js'
import type { Ranges } from '../versions.js'
import { pick } from '../versions.js'
import { instructions } from './instructions.js'
import { match10 } from './lift-match.js'
import { match11 } from './lift-match11.js'
import { counted, flowCounts } from './oxs.js'

const COMMANDS = ['add', 'modify', 'modify_strict', 'delete', 'delete_strict'] as const
const anyGroup = otherwise(u32, Group.ANY)

const fixed11 = [
  f('cookie', n64), f('cookieMask', n64), f('tableId', u8), f('command', choice(1, COMMANDS, 'OFPFMFC_BAD_COMMAND')), f('idleTimeout', u16),
  f('hardTimeout', u16), f('priority', u16), f('bufferId', u32), f('outPort', port), f('outGroup', anyGroup), f('flags', u16),
] as const

export const flowMod: Layout<FlowMod> = layout('OFPT_FLOW_MOD', {
  '1.0': [
    nested('match', match10), f('cookie', n64), f('command', choice(2, COMMANDS, 'OFPFMFC_BAD_COMMAND')), f('idleTimeout', u16), f('hardTimeout', u16),
    f('priority', u16), f('bufferId', u32), f('outPort', port), f('flags', u16), nested('instructions', instructions),
  ],
  '1.1': [...fixed11, pad(2), nested('match', match11), nested('instructions', instructions)],
  '1.2-1.3': [...fixed11, pad(2), nested('match', oxmMatch), nested('instructions', instructions)],
  '1.4+': [...fixed11, f('importance', u16), nested('match', oxmMatch), nested('instructions', instructions)],
}, { constants: { type: 'flow_mod' }, drop: ['tableId'] })

const OF11 = 2
const isDelete = (mod: FlowMod): boolean => mod.command === 'delete' || mod.command === 'delete_strict'

const FLAGS10 = { SEND_FLOW_REM: 1, CHECK_OVERLAP: 2, EMERG: 4 } as const
/** SEND_FLOW_REM and CHECK_OVERLAP, RESET_COUNTS since 1.2, the two of counters since 1.3. */
const FLAGS: Ranges<number> = { '1.1': 3, '1.2': 7, '1.3+': 0x1f }

export function liftFlowMod(mod: FlowMod, r: Reader): FlowMod {
  if (r.version !== 1) {
    // All tables at once came with 1.2. OF 1.1 §A.3.4.1
    if (r.version === OF11 && mod.tableId === Table.ALL) throw new Fault('OFPFMFC_BAD_TABLE_ID', 'no table 255')
    if ((mod.flags & ~(pick(FLAGS, r.version) ?? 0)) !== 0) throw new Fault('OFPFMFC_BAD_FLAGS', `flags 0x${mod.flags.toString(16)}`)
    return mod
  }
  if ((mod.flags & ~7) !== 0) throw new Fault('OFPFMFC_BAD_FLAGS', `flags 0x${mod.flags.toString(16)}`)
  if ((mod.flags & FLAGS10.EMERG) !== 0) {
    // There is no emergency cache. OF 1.0 §5.3.3 has a word for the case with timeouts only.
    throw new Fault(mod.idleTimeout !== 0 || mod.hardTimeout !== 0 ? 'OFPFMFC_BAD_EMERG_TIMEOUT' : 'OFPFMFC_UNSUPPORTED', 'emergency flow')
  }
  return {
    ...mod,
    tableId: isDelete(mod) ? Table.ALL : 0,
    // "An entry that specifies an exact match (no wildcards) is always the highest priority." OF 1.0 §3.4.
    priority: r.exactMatch ? 0xffff : mod.priority,
  }
}

export function lowerFlowMod(mod: FlowMod, version: number): FlowMod {
  if (version !== 1) {
    if (version === OF11 && mod.tableId === Table.ALL) throw new Unencodable('OFPT_FLOW_MOD', 'tableId', version, 'no table 255')
    if ((mod.flags & ~(pick(FLAGS, version) ?? 0)) !== 0) throw new Unencodable('OFPT_FLOW_MOD', 'flags', version, `0x${mod.flags.toString(16)}`)
    return mod
  }
  if (mod.tableId !== (isDelete(mod) ? Table.ALL : 0)) throw new Unencodable('OFPT_FLOW_MOD', 'tableId', version, `table ${mod.tableId}`)
  if ((mod.flags & ~3) !== 0) throw new Unencodable('OFPT_FLOW_MOD', 'flags', version, `0x${mod.flags.toString(16)}`)
  return mod
}

/** What a version has no word for is a deletion to it. OF 1.0 §5.4.2; meters and eviction since 1.4. */
export const REASONS = ['idle_timeout', 'hard_timeout', 'delete', 'group_delete', 'meter_delete', 'eviction'] as const satisfies readonly FlowRemovedReason[]
const AS_DELETE = { meter_delete: 'delete', eviction: 'delete' } as const
const REASON = choice(1, REASONS, 'OFPBRC_BAD_TYPE', { '1.0': { ...AS_DELETE, group_delete: 'delete' }, '1.1-1.3': AS_DELETE })
const counters = [f('packetCount', n64), f('byteCount', n64)] as const
const duration = [f('durationSec', u32), f('durationNsec', u32)] as const

export const flowRemoved: Layout<FlowRemoved> = layout('OFPT_FLOW_REMOVED', {
  '1.0': [
    nested('match', match10), f('cookie', n64), f('priority', u16), f('reason', REASON), pad(1), ...duration, f('idleTimeout', u16), pad(2), ...counters,
  ],
  '1.1': [
    f('cookie', n64), f('priority', u16), f('reason', REASON), f('tableId', u8), ...duration, f('idleTimeout', u16), pad(2), ...counters,
    nested('match', match11),
  ],
  '1.2-1.4': [
    f('cookie', n64), f('priority', u16), f('reason', REASON), f('tableId', u8), ...duration, f('idleTimeout', u16), f('hardTimeout', u16), ...counters,
    nested('match', oxmMatch),
  ],
  '1.5+': [
    f('tableId', u8), f('reason', REASON), f('priority', u16), f('idleTimeout', u16), f('hardTimeout', u16), f('cookie', n64),
    nested('match', oxmMatch), spread(counted),
  ],
}, { constants: { type: 'flow_removed' }, drop: ['tableId', 'hardTimeout'] })

const filter11 = [f('tableId', u8), pad(3), f('outPort', port), f('outGroup', anyGroup), pad(4), f('cookie', n64), f('cookieMask', n64)] as const
export const flowFilter: Layout<FlowStatsFilter> = layout('ofp_flow_stats_request', {
  '1.0': [nested('match', match10), f('tableId', u8), pad(1), f('outPort', port)],
  '1.1': [...filter11, nested('match', match11)],
  '1.2+': [...filter11, nested('match', oxmMatch)],
})

const start11 = [size, f('tableId', u8), pad(1), ...duration, f('priority', u16), f('idleTimeout', u16), f('hardTimeout', u16)] as const
export const flowStats: Layout<FlowStats> = layout('ofp_flow_stats', {
  '1.0': [
    size, f('tableId', u8), pad(1), nested('match', match10), ...duration, f('priority', u16), f('idleTimeout', u16), f('hardTimeout', u16), pad(6),
    f('cookie', n64), ...counters, nested('instructions', instructions),
  ],
  '1.1': [...start11, pad(6), f('cookie', n64), ...counters, nested('match', match11), nested('instructions', instructions)],
  '1.2': [...start11, pad(6), f('cookie', n64), ...counters, nested('match', oxmMatch), nested('instructions', instructions)],
  '1.3': [...start11, f('flags', u16), pad(4), f('cookie', n64), ...counters, nested('match', oxmMatch), nested('instructions', instructions)],
  '1.4': [
    ...start11, f('flags', u16), f('importance', u16), pad(2), f('cookie', n64), ...counters, nested('match', oxmMatch),
    nested('instructions', instructions),
  ],
  '1.5+': [
    size, pad(2), f('tableId', u8), pad(1), f('priority', u16), f('idleTimeout', u16), f('hardTimeout', u16), f('flags', u16), f('importance', u16),
    f('cookie', n64), nested('match', oxmMatch), spread(counted), nested('instructions', instructions),
  ],
}, { drop: ['flags', 'importance'] })

/** OFPMP_FLOW_STATS of 1.5: counters alone. OF 1.5.1 §7.3.5.4 */
export const flowCounters: Layout<FlowCounters> = layout('ofp_flow_stats15', {
  '1.5+': [
    size, pad(2), f('tableId', u8), f('reason', choice(1, ['request', 'trigger'], 'OFPBRC_BAD_TYPE')), f('priority', u16),
    nested('match', oxmMatch), nested('counts', flowCounts),
  ],
})
