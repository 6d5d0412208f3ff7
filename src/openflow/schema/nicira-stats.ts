/** Statistics of Open vSwitch's extensions: NXST_FLOW and NXST_AGGREGATE, OpenFlow 1.0's flow statistics in NXM. */
import type { Codec } from '../buffer.js'
import { codecOf, compile } from '../compile.js'
import { Fault } from '../fault.js'
import { f, layout, n64, pad, port, u16, u32, u8 } from '../layout.js'
import type { FlowStatsFilter } from '../model.js'
import { Group, NO_INSTRUCTIONS } from '../model.js'
import type { NxFlowStats } from '../model-nicira.js'
import { NICIRA } from './actions.js'
import { instructions } from './instructions.js'
import { NX_ANY, readPadded, writePadded } from './nicira-match.js'
import type { StatsRow } from './stats.js'

const requestHead = layout('nx_flow_stats_request', { '1.0': [f('outPort', port), f('matchLength', u16), f('tableId', u8), pad(3)] })
const filter: Codec<FlowStatsFilter> = {
  empty: { tableId: 0, outPort: 0, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] },
  decode(r, at, end) {
    const { matchLength, ...head } = compile(requestHead, r.version).decode(r, at, end)
    return { ...head, outGroup: Group.ANY, ...readPadded(r, r.at, matchLength, end) }
  },
  encode(w, value) {
    const start = w.at
    compile(requestHead, w.version).encode(w, { ...value, matchLength: 0 })
    w.patchLength(start + 2, writePadded(w, value), 'nx_flow_stats_request')
  },
}

const flowHead = layout('nx_flow_stats', {
  '1.0': [
    f('length', u16), f('tableId', u8), pad(1), f('durationSec', u32), f('durationNsec', u32), f('priority', u16), f('idleTimeout', u16),
    f('hardTimeout', u16), f('matchLength', u16), f('idlePlusOne', u16), f('hardPlusOne', u16), f('cookie', n64), f('packetCount', n64), f('byteCount', n64),
  ],
})
const HEAD_SIZE = 48
const MATCH_LENGTH_AT = 18
const ageOf = (plusOne: number): number | null => plusOne === 0 ? null : plusOne - 1
const plusOne = (age: number | null): number => age === null ? 0 : Math.min(age + 1, 0xffff)

const flow: Codec<NxFlowStats> = {
  empty: {
    tableId: 0, durationSec: 0, durationNsec: 0, priority: 0, idleTimeout: 0, hardTimeout: 0, flags: 0, importance: 0, cookie: 0n, packetCount: 0n, byteCount: 0n,
    match: [], instructions: NO_INSTRUCTIONS, idleAge: null, hardAge: null,
  },
  decode(r, at, end) {
    const { length, matchLength, idlePlusOne, hardPlusOne, ...head } = compile(flowHead, r.version).decode(r, at, end)
    const stop = at + length
    if (length < HEAD_SIZE || stop > end) throw new Fault('OFPBRC_BAD_LEN', `flow statistics of ${length} bytes`)
    const { match } = readPadded(r, r.at, matchLength, stop)
    return { ...flow.empty, ...head, match, instructions: instructions.decode(r, r.at, stop), idleAge: ageOf(idlePlusOne), hardAge: ageOf(hardPlusOne) }
  },
  encode(w, value) {
    const start = w.at
    compile(flowHead, w.version).encode(w, {
      ...value, length: 0, matchLength: 0, idlePlusOne: plusOne(value.idleAge), hardPlusOne: plusOne(value.hardAge),
    })
    w.patchLength(start + MATCH_LENGTH_AT, writePadded(w, { ...NX_ANY, match: value.match }), 'nx_flow_stats')
    instructions.encode(w, value.instructions)
    w.patchLength(start, w.at - start, 'nx_flow_stats')
  },
}

const aggregate = layout('nx_aggregate_stats_reply', { '1.0': [f('packetCount', n64), f('byteCount', n64), f('flowCount', u32), pad(4)] })

const nicira = (expType: number): Pick<StatsRow, 'code' | 'versions' | 'extension'> => ({ code: 0xffff, versions: '1.0', extension: { experimenter: NICIRA, expType } })
export const niciraStats: readonly StatsRow[] = [
  { kind: 'nx_flow', ...nicira(0), request: filter as Codec<unknown>, reply: { key: 'flows', item: flow as Codec<unknown> } },
  { kind: 'nx_aggregate', ...nicira(1), request: filter as Codec<unknown>, reply: codecOf(aggregate, null) as Codec<unknown> },
]
