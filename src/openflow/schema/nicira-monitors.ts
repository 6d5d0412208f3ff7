/**
 * Flow monitors before 1.4: Open vSwitch's NXST_FLOW_MONITOR in 1.0 to 1.2, with NXM and actions, and the ONF's form of the
 * same in 1.3, with OXM and instructions (ONF EXT-187). They become the model's flow monitors of 1.4.
 */
import type { Codec, Reader, Writer } from '../buffer.js'
import { compile } from '../compile.js'
import { Fault } from '../fault.js'
import { f, layout, n64, pad, port, u16, u32, u8 } from '../layout.js'
import type { FlowMonitorRequest, FlowUpdate, Instructions, Match } from '../model.js'
import { Group, NO_INSTRUCTIONS } from '../model.js'
import { oxmMatch } from '../oxm-codec.js'
import { actions, NICIRA } from './actions.js'
import { ONF } from './errors.js'
import { REASONS } from './flows.js'
import { instructions } from './instructions.js'
import { NX_ANY, readPadded, writePadded } from './nicira-match.js'
import type { StatsRow } from './stats.js'

const OF13 = 4
/** INITIAL, ADD, REMOVED, MODIFY and ACTIONS are the bits of 1.4; the next one asks for one's own changes in full, 1.4's NO_ABBREV. */
const FLAGS = 0x3f

const request10 = layout('nx_flow_monitor_request', {
  '1.0-1.2': [f('monitorId', u32), f('flags', u16), f('outPort16', u16), f('matchLength', u16), f('tableId', u8), pad(5)],
  '1.3': [f('monitorId', u32), f('flags', u16), f('matchLength', u16), f('outPort', port), f('tableId', u8), pad(3)],
})
const widened = (outPort: number): number => outPort >= 0xff00 ? outPort + 0xffff0000 : outPort

const request: Codec<FlowMonitorRequest> = {
  empty: { monitorId: 0, command: 'add', flags: 0, tableId: 0, outPort: 0, outGroup: Group.ANY, match: [] },
  decode(r, at, end) {
    const { matchLength, outPort, outPort16, ...head } = compile(request10, r.version).decode(r, at, end)
    if ((head.flags & ~FLAGS) !== 0) throw new Fault('OFPMOFC_BAD_FLAGS', `flow monitor flags 0x${head.flags.toString(16)}`)
    return { ...head, command: 'add', outPort: r.version === OF13 ? outPort : widened(outPort16), outGroup: Group.ANY, match: readMatch(r, matchLength, end) }
  },
  encode(w, value) {
    const start = w.at
    const of13 = w.version === OF13
    compile(request10, w.version).encode(w, { ...value, outPort: of13 ? value.outPort : 0, outPort16: of13 ? 0 : value.outPort & 0xffff, matchLength: 0 })
    w.patchLength(start + (of13 ? 6 : 8), writeMatch(w, value.match), 'flow monitor')
  },
}

function readMatch(r: Reader, length: number, end: number): Match {
  return r.version === OF13 ? oxmMatch.decode(r, r.at, end) : readPadded(r, r.at, length, end).match
}
/** Its length without padding. */
function writeMatch(w: Writer, match: Match): number {
  if (w.version !== OF13) return writePadded(w, { ...NX_ANY, match })
  const start = w.at
  oxmMatch.encode(w, match)
  return w.view.getUint16(start + 2)
}

const EVENTS = ['added', 'removed', 'modified'] as const
const ABBREV = 3
const full = layout('nx_flow_update_full', {
  '1.0-1.3': [
    f('length', u16), f('event', u16), f('reason', u16), f('priority', u16), f('idleTimeout', u16), f('hardTimeout', u16), f('matchLength', u16),
    f('tableId', u8), pad(1), f('cookie', n64),
  ],
})

const update: Codec<FlowUpdate> = {
  empty: { event: 'paused' },
  decode(r, at, end) {
    const length = end - at < 8 ? 0 : r.view.getUint16(at)
    if (length < 8 || length > end - at) throw new Fault('OFPBRC_BAD_LEN', `flow update of ${length} bytes`)
    const stop = at + length
    if (r.view.getUint16(at + 2) === ABBREV) {
      r.at = stop
      return { event: 'abbrev', xid: r.view.getUint32(at + 4) }
    }
    const { length: _, event, reason, matchLength, ...head } = compile(full, r.version).decode(r, at, stop)
    const name = EVENTS[event]
    if (name === undefined) throw new Fault('OFPBRC_BAD_TYPE', `flow update ${event}`)
    const match = readMatch(r, matchLength, stop)
    return { ...head, event: name, reason: name === 'removed' ? REASONS[reason] ?? 'delete' : null, match, instructions: readActions(r, stop) }
  },
  encode(w, value) {
    const start = w.at
    if (value.event === 'abbrev') {
      const at = w.reserve(8)
      w.view.setUint16(at + 2, ABBREV)
      w.view.setUint32(at + 4, value.xid)
    } else if (value.event !== 'paused' && value.event !== 'resumed') {
      const event = value.event === 'initial' ? 0 : EVENTS.indexOf(value.event)
      const reason = value.reason === null ? 0 : Math.max(0, REASONS.indexOf(value.reason))
      compile(full, w.version).encode(w, { ...value, length: 0, event, reason, matchLength: 0 })
      w.patchLength(start + 12, writeMatch(w, value.match), 'flow update')
      writeActions(w, value.instructions)
    }
    w.patchLength(start, w.at - start, 'flow update')
  },
}

const isList = (version: number): boolean => version === 2 || version === 3
const readActions = (r: Reader, end: number): Instructions =>
  isList(r.version) ? { ...NO_INSTRUCTIONS, apply: actions.decode(r, r.at, end) } : instructions.decode(r, r.at, end)
function writeActions(w: Writer, value: Instructions): void {
  if (isList(w.version)) actions.encode(w, value.apply ?? [])
  else instructions.encode(w, value)
}

const forms = { request: { key: 'monitors', item: request as Codec<unknown> }, reply: { key: 'updates', item: update as Codec<unknown> } }
export const earlyMonitors: readonly StatsRow[] = [
  { kind: 'flow_monitor', code: 0xffff, versions: '1.0-1.2', extension: { experimenter: NICIRA, expType: 2 }, ...forms },
  { kind: 'flow_monitor', code: 0xffff, versions: '1.3', extension: { experimenter: ONF, expType: 1870 }, ...forms },
]
