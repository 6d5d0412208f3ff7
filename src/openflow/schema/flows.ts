/**
 * Flow-mod, flow-removed and the flow statistics that share their parts.
 * OF 1.0 §5.3.3, §5.4.2, §5.3.5; OF 1.3.5 §7.3.4.1, §7.4.2, §7.3.5.2.
 */
import { Fault, Unencodable } from '../fault.js'
import type { Reader } from '../buffer.js'
import type { Layout } from '../layout.js'
import { choice, f, layout, n64, nested, otherwise, pad, port, size, u16, u32, u8 } from '../layout.js'
import type { FlowMod, FlowRemoved, FlowStats, FlowStatsFilter } from '../model.js'
import { Group, Table } from '../model.js'
import { oxmMatch } from '../oxm-codec.js'
import { instructions } from './instructions.js'
import { match10 } from './lift-match.js'

const COMMANDS = ['add', 'modify', 'modify_strict', 'delete', 'delete_strict'] as const
const anyGroup = otherwise(u32, Group.ANY)

export const flowMod: Layout<FlowMod> = layout('OFPT_FLOW_MOD', {
  '1.0': [
    nested('match', match10), f('cookie', n64), f('command', choice(2, COMMANDS, 'OFPFMFC_BAD_COMMAND')), f('idleTimeout', u16), f('hardTimeout', u16),
    f('priority', u16), f('bufferId', u32), f('outPort', port), f('flags', u16), nested('instructions', instructions),
  ],
  '1.1-1.3': [
    f('cookie', n64), f('cookieMask', n64), f('tableId', u8), f('command', choice(1, COMMANDS, 'OFPFMFC_BAD_COMMAND')), f('idleTimeout', u16),
    f('hardTimeout', u16), f('priority', u16), f('bufferId', u32), f('outPort', port), f('outGroup', anyGroup), f('flags', u16), pad(2),
    nested('match', oxmMatch), nested('instructions', instructions),
  ],
}, { constants: { type: 'flow_mod' }, drop: ['tableId'] })

const isDelete = (mod: FlowMod): boolean => mod.command === 'delete' || mod.command === 'delete_strict'

const FLAGS10 = { SEND_FLOW_REM: 1, CHECK_OVERLAP: 2, EMERG: 4 } as const
const ALL_FLAGS13 = 0x1f

export function liftFlowMod(mod: FlowMod, r: Reader): FlowMod {
  if (r.version !== 1) {
    if ((mod.flags & ~ALL_FLAGS13) !== 0) throw new Fault('OFPFMFC_BAD_FLAGS', `flags 0x${mod.flags.toString(16)}`)
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
  if (version !== 1) return mod
  if (mod.tableId !== (isDelete(mod) ? Table.ALL : 0)) throw new Unencodable('OFPT_FLOW_MOD', 'tableId', version, `table ${mod.tableId}`)
  if ((mod.flags & ~3) !== 0) throw new Unencodable('OFPT_FLOW_MOD', 'flags', version, `0x${mod.flags.toString(16)}`)
  return mod
}

/** 1.1 … 1.3 have no word for a flow that goes with its meter: it is deleted. OF 1.3.5 §7.4.2, OF 1.4.1 §7.4.2 */
const REASON = choice(1, ['idle_timeout', 'hard_timeout', 'delete', 'group_delete', 'meter_delete'], 'OFPBRC_BAD_TYPE', {
  '1.0': { group_delete: 'delete', meter_delete: 'delete' }, '1.1-1.3': { meter_delete: 'delete' },
})

export const flowRemoved: Layout<FlowRemoved> = layout('OFPT_FLOW_REMOVED', {
  '1.0': [
    nested('match', match10), f('cookie', n64), f('priority', u16), f('reason', REASON), pad(1), f('durationSec', u32), f('durationNsec', u32),
    f('idleTimeout', u16), pad(2), f('packetCount', n64), f('byteCount', n64),
  ],
  '1.1': [
    f('cookie', n64), f('priority', u16), f('reason', REASON), f('tableId', u8), f('durationSec', u32), f('durationNsec', u32),
    f('idleTimeout', u16), pad(2), f('packetCount', n64), f('byteCount', n64), nested('match', oxmMatch),
  ],
  '1.2-1.4': [
    f('cookie', n64), f('priority', u16), f('reason', REASON), f('tableId', u8), f('durationSec', u32), f('durationNsec', u32),
    f('idleTimeout', u16), f('hardTimeout', u16), f('packetCount', n64), f('byteCount', n64), nested('match', oxmMatch),
  ],
}, { constants: { type: 'flow_removed' }, drop: ['tableId', 'hardTimeout'] })

export const flowFilter: Layout<FlowStatsFilter> = layout('ofp_flow_stats_request', {
  '1.0': [nested('match', match10), f('tableId', u8), pad(1), f('outPort', port)],
  '1.1-1.4': [
    f('tableId', u8), pad(3), f('outPort', port), f('outGroup', anyGroup), pad(4), f('cookie', n64), f('cookieMask', n64),
    nested('match', oxmMatch),
  ],
})

export const flowStats: Layout<FlowStats> = layout('ofp_flow_stats', {
  '1.0': [
    size, f('tableId', u8), pad(1), nested('match', match10), f('durationSec', u32), f('durationNsec', u32), f('priority', u16),
    f('idleTimeout', u16), f('hardTimeout', u16), pad(6), f('cookie', n64), f('packetCount', n64), f('byteCount', n64),
    nested('instructions', instructions),
  ],
  '1.3': [
    size, f('tableId', u8), pad(1), f('durationSec', u32), f('durationNsec', u32), f('priority', u16), f('idleTimeout', u16),
    f('hardTimeout', u16), f('flags', u16), pad(4), f('cookie', n64), f('packetCount', n64), f('byteCount', n64),
    nested('match', oxmMatch), nested('instructions', instructions),
  ],
}, { drop: ['flags'] })
