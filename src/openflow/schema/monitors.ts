/** Flow monitors: requests and the updates that follow. OF 1.4.1 §7.3.5.17. */
import type { Codec, Reader } from '../buffer.js'
import { compile } from '../compile.js'
import { Fault } from '../fault.js'
import type { Layout, ValueOf } from '../layout.js'
import { choice, f, layout, n64, nested, otherwise, pad, port, size, u16, u32, u8 } from '../layout.js'
import type { FlowMonitorRequest, FlowUpdate } from '../model.js'
import { Group } from '../model.js'
import { oxmMatch } from '../oxm-codec.js'
import { REASONS } from './flows.js'
import { instructions } from './instructions.js'

export const flowMonitorRequest: Layout<FlowMonitorRequest> = layout('ofp_flow_monitor_request', {
  '1.4+': [
    f('monitorId', u32), f('outPort', port), f('outGroup', otherwise(u32, Group.ANY)), f('flags', u16), f('tableId', u8),
    f('command', choice(1, ['add', 'modify', 'delete'], 'OFPMOFC_BAD_COMMAND')), nested('match', oxmMatch),
  ],
})

const EVENTS = ['initial', 'added', 'removed', 'modified', 'abbrev', 'paused', 'resumed'] as const satisfies readonly FlowUpdate['event'][]
const FULL = ['initial', 'added', 'removed', 'modified'] as const
const full = layout('ofp_flow_update_full', {
  '1.4+': [
    size, f('event', choice(2, FULL, 'OFPBRC_BAD_TYPE')), f('tableId', u8), f('reason', u8), f('idleTimeout', u16), f('hardTimeout', u16),
    f('priority', u16), pad(4), f('cookie', n64), nested('match', oxmMatch), nested('instructions', instructions),
  ],
})
const short = layout('ofp_flow_update_abbrev', { '1.4+': [size, f('event', u16), f('xid', u32)] })

type Full = Extract<FlowUpdate, { event: (typeof FULL)[number] }>
const isFull = (update: FlowUpdate): update is Full => update.event !== 'abbrev' && update.event !== 'paused' && update.event !== 'resumed'

/** Each has its length and event first; what follows depends on the event. */
export const flowUpdate: Codec<FlowUpdate> = {
  empty: { event: 'paused' },
  decode(r: Reader, at: number, end: number): FlowUpdate {
    if (end - at < 8) throw new Fault('OFPBRC_BAD_LEN', `${end - at} bytes are too few for a flow update`)
    const event = EVENTS[r.view.getUint16(at + 2)]
    if (event === undefined) throw new Fault('OFPBRC_BAD_TYPE', `flow update ${r.view.getUint16(at + 2)}`)
    if (event === 'abbrev' || event === 'paused' || event === 'resumed') {
      const { xid } = compile(short, r.version).decode(r, at, end)
      return event === 'abbrev' ? { event, xid } : { event }
    }
    const { reason, ...rest }: ValueOf<typeof full> = compile(full, r.version).decode(r, at, end)
    return { ...rest, reason: event === 'removed' ? reasonOf(reason) : null }
  },
  encode(w, update) {
    if (isFull(update)) {
      const reason = update.reason === null ? 0 : REASONS.indexOf(update.reason)
      return compile(full, w.version).encode(w, { ...update, reason })
    }
    compile(short, w.version).encode(w, { event: EVENTS.indexOf(update.event), xid: update.event === 'abbrev' ? update.xid : 0 })
  },
}

function reasonOf(number: number): (typeof REASONS)[number] {
  const reason = REASONS[number]
  if (reason === undefined) throw new Fault('OFPBRC_BAD_TYPE', `a flow removed for reason ${number}`)
  return reason
}
