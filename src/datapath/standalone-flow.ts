/**
 * The flows by which the switch forwards on its own (fail-mode.ts): a hidden one that is above all flows of controllers
 * and seen by none of them, and an ordinary one of the lowest priority. Also the flush that goes before either.
 */
import { earliest, type Millis } from '../base/clock.js'
import { Group, NO_BUFFER, NO_INSTRUCTIONS, Port } from '../openflow/index.js'
import type { FlowMod, Instructions } from '../openflow/index.js'
import { FailMode } from './fail-mode.js'
import type { FailModeConfig } from './fail-mode.js'
import { addOwnFlow } from './flow-mod.js'
import { deliverProbe } from './packet-io.js'
import type { Change, FlowRecord, Pipeline } from './pipeline.js'
import { removal } from './removal.js'
import { ALL_IDS, standaloneId, type IdShare } from './flow-ids.js'
import type { Context, Flow, Lockable } from './state.js'

/** Never given to a flow of a controller, see flow-ids.ts. */
export const HIDDEN_FLOW_ID = standaloneId(ALL_IDS)
/** Open vSwitch's FAIL_OPEN_PRIORITY; OpenFlow's priorities have 16 bits. */
const HIDDEN_PRIORITY = 0xf0f0f0
const RETRY_AFTER: Millis = 1000
/** Between packets that are to make a controller do something, while it is connected and has not taken over. */
const PROBE_EVERY: Millis = 2000

const normal: Instructions = { ...NO_INSTRUCTIONS, apply: [{ type: 'output', port: Port.NORMAL, maxLen: 0 }] }
const hiddenFlow: FlowRecord = { id: HIDDEN_FLOW_ID, tableId: 0, priority: HIDDEN_PRIORITY, match: [], instructions: normal, cookie: 0n, idleTimeout: 0 }
const ordinaryFlow: FlowMod = {
  type: 'flow_mod', command: 'add', tableId: 0, priority: 0, match: [], cookie: 0n, cookieMask: 0n, idleTimeout: 0, hardTimeout: 0,
  bufferId: NO_BUFFER, outPort: Port.ANY, outGroup: Group.ANY, flags: 0, importance: 0, instructions: normal,
}

/** Why this pipeline cannot forward as an ordinary switch does; null where it can. */
export function whyNotStandalone(pipeline: Pipeline): readonly string[] | null {
  const plan = pipeline.plan([{ op: 'add_flow', flow: hiddenFlow }])
  if (plan.refused) return plan.reasons
  pipeline.undo(plan)
  return null
}

export class Standalone implements Lockable {
  token = 0
  readonly failMode: FailMode
  /** What the target has, or will have once `token` is acknowledged. */
  #isThere = false
  readonly #hiddenFlow: FlowRecord
  #flushing: Set<Flow> | null = null
  #wantsOrdinary: boolean
  #retryAt: Millis = 0
  /** null: no controller is there to be probed. */
  #probeAt: Millis | null = null

  constructor(config: FailModeConfig, now: Millis, ids: IdShare = ALL_IDS) {
    this.#hiddenFlow = { ...hiddenFlow, id: standaloneId(ids) }
    this.failMode = new FailMode(config, now)
    this.#wantsOrdinary = this.failMode.isUnmanaged
  }

  configure(ctx: Context, config: FailModeConfig): void {
    if (this.failMode.configure(config, ctx.now)) this.#flush(ctx)
  }

  /** Part of every step. */
  run(ctx: Context): void {
    switch (this.failMode.run(ctx.now)) {
      case 'opened':
        ctx.emit({ kind: 'log', level: 'warn', text: 'no controller controls the switch; it forwards on its own as an ordinary switch' })
        this.#flush(ctx)
        break
      case 'closed':
        ctx.emit({ kind: 'log', level: 'warn', text: 'a controller controls the switch again' })
        break
      case null:
    }
    this.#probe(ctx)
    if (ctx.ops.target === 'syncing' || ctx.now < this.#retryAt) return
    this.#retryAt = 0
    this.#goOnFlushing(ctx)
    this.#addOrdinary(ctx)
    this.#follow(ctx)
  }

  next(ctx: Context): Millis | null {
    const retryAt = this.#retryAt === 0 || ctx.ops.target === 'syncing' ? null : this.#retryAt
    return earliest(earliest(this.failMode.next(), this.#probeAt), retryAt)
  }

  /** Its part of the whole state, which is about to be written. */
  wholeState(): Change[] {
    this.#isThere = this.failMode.isOnItsOwn
    return this.#isThere ? [{ op: 'add_flow', flow: this.#hiddenFlow }] : []
  }
  /** Whether this is its flow, and still wanted. */
  owns(change: Change): boolean { return change.op === 'add_flow' && change.flow.id === this.#hiddenFlow.id && this.#isThere }

  /** A controller that only answers packet-ins would otherwise never take over, because the switch sends it none. */
  #probe(ctx: Context): void {
    if (!this.failMode.isOnItsOwn || !this.failMode.isConnected) {
      this.#probeAt = null
      return
    }
    this.#probeAt ??= ctx.now + PROBE_EVERY
    if (ctx.now < this.#probeAt) return
    this.#probeAt = ctx.now + PROBE_EVERY
    deliverProbe(ctx, reverseArp(ctx.config.datapathId))
  }

  #flush(ctx: Context): void {
    this.#flushing = new Set(ctx.flows.all())
    ctx.egress.forget(ctx)
    this.#wantsOrdinary = this.failMode.isUnmanaged
  }

  /** Flows with a change in flight follow when that is answered; flows that are added meanwhile stay. */
  #goOnFlushing(ctx: Context): void {
    if (this.#flushing === null) return
    const left = [...this.#flushing].filter((flow) => ctx.flows.byId(flow.id) === flow && !flow.deleting)
    const free = left.filter((flow) => flow.token === 0)
    const outcome = free.length === 0 ? null : ctx.ops.submit(ctx, removal(ctx, free.map((flow) => ({ flow, reason: 'delete' })), 'own'), null)
    if (outcome?.kind === 'error') return this.#retry(ctx, outcome.reasons)
    const busy = left.filter((flow) => !free.includes(flow))
    this.#flushing = busy.length === 0 ? null : new Set(busy)
  }

  #addOrdinary(ctx: Context): void {
    if (!this.#wantsOrdinary || this.#flushing !== null) return
    const outcome = addOwnFlow(ctx, ordinaryFlow)
    if (outcome.kind === 'error') this.#retry(ctx, outcome.reasons)
    this.#wantsOrdinary = outcome.kind !== 'done'
  }

  #follow(ctx: Context): void {
    const wanted = this.failMode.isOnItsOwn
    if (wanted === this.#isThere || this.token !== 0) return
    const outcome = ctx.ops.submit(ctx, {
      changes: [wanted ? { op: 'add_flow', flow: this.#hiddenFlow } : { op: 'delete_flow', flow: this.#hiddenFlow, wantCounters: false }],
      touches: [this], family: 'own',
      apply: () => { this.#isThere = wanted },
      settled: () => {},
      undo: () => {
        this.#isThere = !wanted
        this.#retryAt = ctx.now + RETRY_AFTER
      },
    }, null)
    if (outcome.kind === 'error') this.#retry(ctx, outcome.reasons)
  }

  #retry(ctx: Context, reasons: readonly string[]): void {
    ctx.emit({ kind: 'log', level: 'error', text: 'the flows by which the switch forwards on its own cannot be changed', detail: { reasons } })
    this.#retryAt = ctx.now + RETRY_AFTER
  }
}

/** A request for the address of a host that is none, from Nicira's range: harmless wherever a controller sends it. RFC 903 */
function reverseArp(datapathId: bigint): Uint8Array {
  const frame = new Uint8Array(42)
  const mac = 0x002320800000n | (datapathId & 0x7fffffn)
  const host = Uint8Array.from({ length: 6 }, (_, i) => Number((mac >> BigInt(40 - 8 * i)) & 0xffn))
  frame.fill(0xff, 0, 6)
  frame.set(host, 6)
  frame.set([0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3], 12)
  frame.set(host, 22)
  frame.set(host, 32)
  return frame
}
