/**
 * A datapath on a fake pipeline, and short ways to say things to it. `auto` answers commits and reads at once with
 * success; otherwise the test does, by the tokens in `commits` and `reads`.
 */
import { BucketId, Group, MeterFlag, NO_BUFFER, NO_INSTRUCTIONS, Port } from '../../src/openflow/index.js'
import type { Action, Bucket, FlowMod, GroupMod, Instructions, Match, Message, MeterBand, MeterMod, OxmName, PortDesc, StatsRequestBody } from '../../src/openflow/index.js'
import { CounterColumns } from '../../src/base/counter-columns.js'
import { Datapath } from '../../src/datapath/index.js'
import type { Counters, DatapathConfig, Effect, FlowId, Input, MeterCounters } from '../../src/datapath/index.js'
import { FakePipeline } from './fake-pipeline.js'
import type { FakePlan } from './fake-pipeline.js'

export const VERSION = { '1.0': 1, '1.1': 2, '1.2': 3, '1.3': 4, '1.4': 5, '1.5': 6 } as const

export const match = (fields: Partial<Record<OxmName, number | bigint | readonly [number | bigint, number | bigint]>>): Match =>
  Object.entries(fields).map(([field, given]) => {
    const [value, mask] = Array.isArray(given) ? given : [given as number, null]
    return { field: field as OxmName, value: BigInt(value), mask: mask === null ? null : BigInt(mask) }
  })

export const output = (port: number, maxLen = 0xffff): Action => ({ type: 'output', port, maxLen })
export const toGroup = (groupId: number): Action => ({ type: 'group', groupId })
export const setField = (field: OxmName, value: number | bigint): Action => ({ type: 'set_field', field, value: BigInt(value), mask: null })
export const apply = (...actions: Action[]): Instructions => ({ ...NO_INSTRUCTIONS, apply: actions })

export const flowMod = (given: Partial<FlowMod> = {}): FlowMod => ({
  type: 'flow_mod', command: 'add', tableId: 0, priority: 100, match: [], cookie: 0n, cookieMask: 0n, idleTimeout: 0, hardTimeout: 0,
  bufferId: NO_BUFFER, outPort: Port.ANY, outGroup: Group.ANY, flags: 0, importance: 0, instructions: apply(output(1)), ...given,
})
export const bucket = (given: Partial<Bucket> & { readonly actions: readonly Action[] }): Bucket =>
  ({ bucketId: 0, weight: 0, watchPort: Port.ANY, watchGroup: Group.ANY, ...given })
/** Buckets get their places as ids, as the codec does before 1.5. */
export const groupMod = ({ buckets = [], ...given }: Partial<GroupMod> & { readonly groupId: number }): GroupMod =>
  ({ type: 'group_mod', command: 'add', groupType: 'all', buckets: buckets.map((one, bucketId) => ({ ...one, bucketId })), commandBucketId: BucketId.ALL, ...given })

export const meterMod = (given: Partial<MeterMod> & { readonly meterId: number }): MeterMod =>
  ({ type: 'meter_mod', command: 'add', flags: MeterFlag.KBPS, bands: [band(1000)], ...given })
export const band = (rate: number, given: Partial<MeterBand> = {}): MeterBand => ({ type: 'drop', rate, burstSize: 0, precLevel: 0, ...given })

export const port = (portNo: number, given: Partial<PortDesc> = {}): PortDesc => ({
  portNo, hwAddr: 0x020000000000n + BigInt(portNo), name: `p${portNo}`, config: 0, state: 0, curr: 0, advertised: 0, supported: 0, peer: 0,
  currSpeed: 1_000_000, maxSpeed: 1_000_000, properties: [], ...given,
})

export const columnsOf = (counters: ReadonlyMap<FlowId, Counters>): CounterColumns => CounterColumns.of([...counters].map(([id, counted]) => ({ id, ...counted })))

export class Rig {
  readonly pipeline: FakePipeline
  readonly datapath: Datapath
  now = 1_000_000
  auto = true
  /** Final counters the target reports for deleted flows. */
  counters = new Map<FlowId, Counters>()
  /** What the target says of meters. */
  meterCounters = new Map<number, MeterCounters>()
  /** Every effect so far. */
  readonly effects: Effect[] = []
  #xid = 0

  constructor(options: { readonly pipeline?: FakePipeline; readonly config?: Partial<DatapathConfig>; readonly ready?: boolean } = {}) {
    this.pipeline = options.pipeline ?? new FakePipeline()
    this.datapath = new Datapath({
      datapathId: 0x1234n, ports: [port(1), port(2), port(3)],
      description: { mfrDesc: 'm', hwDesc: 'h', swDesc: 's', serialNum: 'n', dpDesc: 'd' }, ...options.config,
    }, this.pipeline, this.now)
    if (options.ready !== false) this.step({ kind: 'target_ready', fresh: true })
  }

  /** The effects of this input and of the answers it got. */
  step(input: Input): Effect[] {
    const produced = this.datapath.step(input, this.now)
    this.effects.push(...produced)
    if (!this.auto) return produced
    const all = [...produced]
    for (const effect of produced) {
      const answer = this.#answer(effect)
      if (answer !== null) all.push(...this.step(answer))
    }
    return all
  }

  #answer(effect: Effect): Input | null {
    switch (effect.kind) {
      case 'commit': return { kind: 'committed', token: effect.token, counters: this.counters }
      case 'read_flow_counters': case 'read_counters_of_flows': return { kind: 'counters', token: effect.token, answer: { what: 'flows', flows: columnsOf(this.counters) } }
      case 'await_room': return { kind: 'room', token: effect.token }
      case 'read_group_counters': return { kind: 'counters', token: effect.token, answer: { what: 'groups', groups: new Map() } }
      case 'read_meter_counters': return { kind: 'counters', token: effect.token, answer: { what: 'meters', meters: this.meterCounters } }
      case 'read_port_counters': return { kind: 'counters', token: effect.token, answer: { what: 'ports', ports: new Map() } }
      case 'read_table_counters': return { kind: 'counters', token: effect.token, answer: { what: 'tables', tables: new Map() } }
      default: return null
    }
  }

  connect(conn: number, version: keyof typeof VERSION = '1.3', connKind: 'controller' | 'service' = 'controller'): this {
    this.step({ kind: 'connected', conn, version: VERSION[version], connKind })
    return this
  }

  /** Sends a message with a fresh xid and a raw form that names it; gives the effects. */
  send(conn: number, message: Message): Effect[] {
    const xid = ++this.#xid
    return this.step({ kind: 'message', conn, xid, message, raw: Uint8Array.of(0xaa, xid & 0xff) })
  }
  get lastXid(): number { return this.#xid }
  stats(conn: number, body: StatsRequestBody): Effect[] { return this.send(conn, { type: 'stats_request', more: false, body }) }

  at(now: number): Effect[] {
    this.now = now
    return this.step({ kind: 'tick' })
  }
}

export type Sent = Extract<Effect, { kind: 'send' }>
export const sent = (effects: readonly Effect[], conn?: number): Message[] =>
  effects.filter((effect): effect is Sent => effect.kind === 'send' && (conn === undefined || effect.conn === conn)).map(({ message }) => message)
/** Names of the errors sent. */
export const errors = (effects: readonly Effect[]): string[] =>
  sent(effects).map((message) => message.type === 'error' ? message.name : '').filter((name) => name !== '')
export const commits = (effects: readonly Effect[]): Extract<Effect, { kind: 'commit' }>[] =>
  effects.filter((effect) => effect.kind === 'commit')
export const changesOf = (effects: readonly Effect[]): string[] =>
  commits(effects).flatMap(({ plan }) => (plan as FakePlan).changes.map((change) => change.op))
export const kindsSent = (effects: readonly Effect[], conn?: number): string[] =>
  sent(effects, conn).map((message) => message.type === 'error' ? message.name : message.type)
