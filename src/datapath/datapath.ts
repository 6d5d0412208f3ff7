/**
 * The OpenFlow switch as a pure state machine: inputs in, effects out, time as an argument. No clock, no socket.
 *
 *   step(input, now): the input is applied ─▶ requests that waited go on ─▶ what has expired is removed
 *                     ─▶ ports and miss behaviour follow
 *
 * Inputs and effects are declared in events.ts; the parts are: barrier.ts (order of requests), requests.ts (what each
 * does), operations.ts (changes in flight), resync.ts (a target that was away), removal.ts (timeouts, flow-removed).
 */
import { earliest, type Millis } from '../base/clock.js'
import type { PortVlans } from '../base/port-vlans.js'
import { Table } from '../openflow/index.js'
import type { FlowMod, PortDesc } from '../openflow/index.js'
import { advance, close, receive } from './barrier.js'
import { commitScheduled, expireBundles, nextBundle } from './bundles.js'
import { ScheduleTolerance } from './bundle-schedule.js'
import { PacketBuffers } from './buffers.js'
import { Capabilities } from './capabilities.js'
import { Connections } from './connections.js'
import { closed, opened } from './controllers.js'
import type { ConnId, DatapathConfig, Effect, Input, Token } from './events.js'
import { EgressProcessing } from './egress.js'
import { Expiry } from './expiry.js'
import type { FailModeConfig } from './fail-mode.js'
import { FlowMonitors } from './flow-monitors.js'
import { explainFlowMod, type Explanation } from './explain.js'
import { FlowReports } from './flow-reports.js'
import { FlowTables } from './flow-table.js'
import { GroupTable } from './group-table.js'
import { Hosts, type HostView } from './hosts.js'
import { MeterTable } from './meter-table.js'
import { MissBehaviour } from './miss.js'
import { Operations } from './operations.js'
import { deliverPacketIn } from './packet-io.js'
import type { FlowId, GroupRecord, Pipeline, PipelineFeatures } from './pipeline.js'
import { PortTable } from './port-table.js'
import { portChanged, portRemoved, portVlansChanged } from './port-status.js'
import { Reads } from './reads.js'
import { expireFlows, noteIdle } from './removal.js'
import { handleRequest } from './requests.js'
import { Resync } from './resync.js'
import { SharedInstructions } from './shared-instructions.js'
import { Standalone } from './standalone-flow.js'
import { StatTriggers } from './stat-triggers.js'
import { TableConfigs, tellVacancy } from './table-config.js'
import { TableTally } from './table-tally.js'
import type { Context, Flow } from './state.js'

const DEFAULT_MAX_HELD = 16384
/** The connection of explain(); the agent counts its own from 1 up and from −1 down. */
const EXPLAINER: ConnId = Number.MIN_SAFE_INTEGER

/** A flow as others may see it. */
export type FlowView = Readonly<Pick<Flow, 'id' | 'tableId' | 'priority' | 'record' | 'flags' | 'hardTimeout' | 'createdAt' | 'last' | 'token'>>
export interface ConnectionView {
  readonly id: ConnId; readonly version: number; readonly role: 'equal' | 'master' | 'slave'
  readonly backlog: number; readonly outstanding: number
}

export class Datapath {
  readonly #ctx: Context & { now: Millis }
  readonly #resync = new Resync()
  #effects: Effect[] = []

  constructor(config: DatapathConfig, pipeline: Pipeline, now: Millis) {
    this.#ctx = {
      config, pipeline, now,
      capabilities: new Capabilities(pipeline.features), flows: new FlowTables(pipeline.features.nTables, config.ids), groups: new GroupTable(),
      meters: new MeterTable(),
      ports: new PortTable(config.ports, config.portVlans ?? new Map(), now), conns: new Connections(), ops: new Operations(config.maxHeldChanges ?? DEFAULT_MAX_HELD),
      instructions: new SharedInstructions(), reads: new Reads(), reports: new FlowReports(), tally: new TableTally(), expiry: new Expiry(), miss: new MissBehaviour(), egress: new EgressProcessing(), hosts: new Hosts(),
      monitors: new FlowMonitors(), buffers: new PacketBuffers(config.buffers ?? 0), tables: new TableConfigs(), tolerance: new ScheduleTolerance(), triggers: new StatTriggers(now),
      standalone: new Standalone(config.failMode ?? secure, now, config.ids),
      emit: (effect) => { this.#effects.push(effect) },
    }
    this.#ctx.ops.recovering = config.recovers === true
    // Planned now so that flows are checked against the ports; committed when the target is ready.
    this.#follow()
  }

  /** Never throws for what a controller does; `now` does not go back. */
  step(input: Input, now: Millis): Effect[] {
    const ctx = this.#ctx
    ctx.now = Math.max(now, ctx.now)
    this.#apply(ctx, input)
    expireFlows(ctx)
    expireBundles(ctx)
    commitScheduled(ctx, handleRequest)
    ctx.triggers.run(ctx)
    this.#resync.tick(ctx)
    ctx.monitors.flush(ctx)
    advance(ctx)
    this.#follow()
    ctx.monitors.flush(ctx)
    ctx.ops.rearrange(ctx)
    tellVacancy(ctx)
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  /** When step({ kind: 'tick' }) has something to do; null = only another input can change anything. */
  nextWakeup(): Millis | null {
    const ctx = this.#ctx
    const expiry = ctx.ops.target === 'syncing' ? null : ctx.expiry.next()
    let next = earliest(expiry, ctx.ports.nextRetry())
    next = earliest(next, ctx.miss.nextRetry())
    next = earliest(next, ctx.egress.nextRetry())
    next = earliest(next, ctx.standalone.next(ctx))
    next = earliest(next, this.#resync.nextRetry(ctx))
    next = earliest(next, ctx.triggers.next(ctx))
    return earliest(next, nextBundle(ctx))
  }

  /** Requests of a connection that wait; a channel stops reading when it grows. */
  backlog(conn: ConnId): number { return this.#ctx.conns.get(conn)?.queue.length ?? 0 }
  backlogBytes(conn: ConnId): number { return this.#ctx.conns.get(conn)?.queue.bytes ?? 0 }
  /** Changes the target has not acknowledged. */
  get pendingChanges(): number { return this.#ctx.ops.pendingCount }
  get targetState(): 'lost' | 'syncing' | 'ready' { return this.#ctx.ops.target }
  /** No controller controls the switch, and it forwards as an ordinary one. */
  get isOnItsOwn(): boolean { return this.#ctx.standalone.failMode.isOnItsOwn }
  /** Where egress processing begins; null: it is off. */
  get firstEgress(): number | null { return this.#ctx.egress.first }
  get missToController(): boolean { return this.#ctx.miss.toController }

  /** Flows of one table, or of all; without those whose removal is under way. */
  * flows(tableId: number = Table.ALL): IterableIterator<FlowView> {
    for (const flow of this.#ctx.flows.all()) if (!flow.deleting && (tableId === Table.ALL || flow.tableId === tableId)) yield flow
  }
  flow(id: FlowId): FlowView | null { return this.#ctx.flows.byId(id) ?? null }
  flowCount(tableId: number): number { return this.#ctx.flows.liveCount(tableId) }
  groups(): GroupRecord[] { return [...this.#ctx.groups.all()].filter((group) => !group.deleting).map((group) => group.record) }
  group(groupId: number): GroupRecord | null { return this.#ctx.groups.get(groupId)?.record ?? null }
  get features(): PipelineFeatures { return this.#ctx.capabilities.features }
  /** For NORMAL; null: all. */
  vlansOf(portNo: number): PortVlans | null { return this.#ctx.ports.vlansOf(portNo) }
  hosts(): HostView[] { return [...this.#ctx.hosts.all(this.#ctx.now)] }
  ports(): PortDesc[] { return this.#ctx.ports.descriptions() }
  port(portNo: number): PortDesc | null { return this.#ctx.ports.get(portNo)?.desc ?? null }
  connections(): ConnectionView[] {
    return [...this.#ctx.conns.all()].map(({ id, version, role, queue, outstanding }) => ({ id, version, role, backlog: queue.length, outstanding }))
  }

  /** What would become of a flow-mod on a connection of this version; between two steps. */
  explain(flowMod: FlowMod, version: number): Explanation {
    const ctx = this.#ctx
    ctx.conns.open(EXPLAINER, version, 'service')
    const conn = ctx.conns.get(EXPLAINER)
    try {
      return conn === undefined ? { kind: 'waits' } : explainFlowMod(ctx, conn, flowMod)
    } finally {
      close(ctx, EXPLAINER)
    }
  }

  #apply(ctx: Context, input: Input): void {
    switch (input.kind) {
      case 'connected':
        opened(ctx, input)
        if (input.connKind === 'controller' && !input.auxiliary) ctx.standalone.failMode.connected(input.conn, ctx.now)
        return
      case 'disconnected':
        ctx.standalone.failMode.disconnected(input.conn, input.silentMs ?? 0, ctx.now)
        this.#disconnected(ctx, input.conn)
        return
      case 'message': case 'refused': {
        const conn = ctx.conns.get(input.conn)
        if (conn === undefined) return
        if (input.kind === 'message') ctx.standalone.failMode.heard(conn.main?.id ?? conn.id, input.message)
        receive(ctx, conn, input)
        return
      }
      case 'monitors_behind': case 'monitors_read': {
        const conn = ctx.conns.get(input.conn)
        if (conn !== undefined) ctx.monitors.pace(ctx, conn, input.kind === 'monitors_read')
        return
      }
      case 'committed':
        this.#committed(ctx, input.token, input)
        return
      case 'all_committed':
        for (const token of input.tokens) this.#committed(ctx, token)
        return
      case 'rejected':
        if (ctx.ops.target === 'lost') return
        if (this.#resync.owns(input.token)) this.#resync.rejected(ctx, input.token, input.failures)
        else if (ctx.ops.target === 'ready') ctx.ops.rejected(ctx, input.token, input.failures, input.restarted)
        return
      case 'counters':
        ctx.reads.answered(ctx, input.token, input.answer)
        return
      case 'room':
        ctx.reports.room(ctx, input.token)
        return
      case 'packet_in':
        deliverPacketIn(ctx, input)
        return
      case 'idle':
        noteIdle(ctx, input.flowIds)
        ctx.hosts.idle(ctx, input.flowIds)
        return
      case 'flush_hosts':
        ctx.hosts.flush(ctx)
        return
      case 'learned':
        ctx.hosts.learn(ctx, input.hosts)
        return
      case 'port_changed':
        portChanged(ctx, input.port)
        return
      case 'port_removed':
        portRemoved(ctx, input.portNo)
        return
      case 'port_vlans':
        portVlansChanged(ctx, input.vlans)
        return
      case 'target_lost':
        this.#targetLost(ctx)
        if (input.displaced === true) this.#resync.displaced(ctx)
        return
      case 'target_ready':
        if (ctx.ops.target !== 'lost') this.#targetLost(ctx)
        ctx.ops.atomic = input.atomic === true
        this.#resync.ready(ctx, input.fresh, input.held)
        return
      case 'fail_mode':
        ctx.standalone.configure(ctx, input.config)
        return
      case 'tick':
    }
  }

  #committed(ctx: Context, token: Token, told?: Extract<Input, { kind: 'committed' }>): void {
    if (ctx.ops.target === 'lost') return
    if (this.#resync.owns(token)) this.#resync.committed(ctx, token)
    else if (ctx.ops.target === 'ready') ctx.ops.committed(ctx, token, told?.counters, told?.earlier, told?.groups)
  }

  #disconnected(ctx: Context, id: ConnId): void {
    const conn = ctx.conns.get(id)
    close(ctx, id)
    if (conn !== undefined) closed(ctx, conn)
  }

  #targetLost(ctx: Context): void {
    ctx.ops.target = 'lost'
    ctx.reads.abandon(ctx)
    ctx.reports.abandon()
  }

  #follow(): void {
    this.#ctx.ports.follow(this.#ctx)
    this.#ctx.miss.update(this.#ctx)
    this.#ctx.egress.follow(this.#ctx)
    this.#ctx.standalone.run(this.#ctx)
    this.#ctx.hosts.run(this.#ctx)
  }
}

const secure: FailModeConfig = { mode: 'secure', hasControllers: false, probeMs: 0 }
