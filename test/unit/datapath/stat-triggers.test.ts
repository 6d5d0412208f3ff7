/** The instruction OFPIT_STAT_TRIGGER, and the messages it leads to. OF 1.5.1 §5.7, §7.2.5.7, §7.3.5.4 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FlowModFlag, NO_FLOW_COUNTS, SAME_ASYNC, StatTriggerFlag } from '../../../src/openflow/index.js'
import type { FlowCounts, Instructions } from '../../../src/openflow/index.js'
import type { Effect } from '../../../src/datapath/index.js'
import { columnsOf, Rig, apply, commits, errors, flowMod, output, sent } from '../../support/datapath-rig.js'

const { PERIODIC, ONLY_FIRST } = StatTriggerFlag
const triggering = (flags: number, thresholds: Partial<FlowCounts>): Instructions =>
  ({ ...apply(output(1)), statTrigger: { flags, thresholds: { ...NO_FLOW_COUNTS, ...thresholds } } })
const seconds = (n: number, nanoseconds = 0) => ({ seconds: n, nanoseconds })

class Triggers extends Rig {
  add(flags: number, thresholds: Partial<FlowCounts>, given: Parameters<typeof flowMod>[0] = {}): Effect[] {
    return this.send(1, flowMod({ ...given, instructions: triggering(flags, thresholds) }))
  }
  /** The only flow has counted this. */
  counted(packets: number, bytes = packets * 100): void {
    const [flow] = this.datapath.flows()
    assert.ok(flow)
    this.counters.set(flow.id, { packets: BigInt(packets), bytes: BigInt(bytes) })
  }
  /** What is told at the next look: packets, or "idle", by connection 1. */
  look(): string[] {
    const due = this.datapath.nextWakeup()
    assert.ok(due !== null)
    return told(this.at(Math.max(due, this.now)))
  }
}
const told = (effects: readonly Effect[], conn = 1): string[] => sent(effects, conn).flatMap((message) =>
  message.type === 'stats_reply' && message.body.kind === 'flow_stats' ? message.body.flows.map(({ reason, counts }) => `${reason} ${counts.packetCount}`) : [])
const rig = (): Triggers => new Triggers().connect(1, '1.5') as Triggers

describe('a stat trigger', () => {
  it('tells once that packets have reached a threshold', () => {
    const r = rig()
    r.add(0, { packetCount: 10n })
    const results = [9, 10, 11, 25].map((packets) => { r.counted(packets); return r.look() })
    assert.deepEqual(results, [[], ['trigger 10'], [], []])
  })

  it('looks once a second, at what has triggers, and not where nothing has', () => {
    const r = rig()
    r.send(1, flowMod({ priority: 1 }))
    assert.equal(r.datapath.nextWakeup(), null)
    const reads = (effects: readonly Effect[]): Effect[] => effects.filter(({ kind }) => kind === 'read_flow_counters')
    r.add(0, { packetCount: 10n })
    r.look()
    assert.equal(r.datapath.nextWakeup(), r.now + 1000)
    assert.deepEqual(reads(r.at(r.now + 999)), [])
    const [flow] = [...r.datapath.flows()].filter(({ record }) => record.instructions.statTrigger !== null)
    const [read] = reads(r.at(r.now + 1))
    assert.deepEqual(read?.kind === 'read_flow_counters' && read.flowIds, [flow?.id])
    r.send(1, flowMod({ command: 'delete_strict' }))
    assert.equal(r.datapath.nextWakeup(), null)
  })

  it('gives the target time when reading takes long', () => {
    const r = rig()
    r.add(0, { packetCount: 10n })
    r.auto = false
    const [read] = r.at(r.now + 1000).filter((effect) => effect.kind === 'read_flow_counters')
    assert.ok(read?.kind === 'read_flow_counters')
    assert.equal(r.datapath.nextWakeup(), null)
    r.now += 700
    r.step({ kind: 'counters', token: read.token, answer: { what: 'flows', flows: columnsOf(new Map()) } })
    assert.equal(r.datapath.nextWakeup(), r.now + 2800)
  })

  it('tells of multiples where it is periodic, once for all that were passed', () => {
    const r = rig()
    r.add(PERIODIC, { packetCount: 10n })
    const results = [9, 10, 19, 45, 49, 50].map((packets) => { r.counted(packets); return r.look() })
    assert.deepEqual(results, [[], ['trigger 10'], [], ['trigger 45'], [], ['trigger 50']])
  })

  it('has several thresholds, or the one of them that was first', () => {
    const results = [0, ONLY_FIRST, ONLY_FIRST | PERIODIC].map((flags) => {
      const r = rig()
      r.add(flags, { packetCount: 10n, byteCount: 300n })
      return ([[2, 200], [3, 300], [10, 350], [11, 599], [12, 600]] as const).map(([packets, bytes]) => { r.counted(packets, bytes); return r.look().length })
    })
    assert.deepEqual(results, [[0, 1, 1, 0, 0], [0, 1, 0, 0, 0], [0, 1, 0, 0, 1]])
  })

  it('tells of a duration and of silence', () => {
    const r = rig()
    r.add(0, { duration: seconds(2, 500_000_000) })
    r.counted(0)
    const begun = r.now
    while (r.look().length === 0) assert.ok(r.now < begun + 4000)
    assert.ok(r.now >= begun + 2500 && r.now < begun + 3600, String(r.now - begun))
    const quiet = rig()
    quiet.add(0, { idleTime: seconds(3) })
    for (let packets = 1; packets < 6; packets++) {
      quiet.counted(packets)
      assert.deepEqual(quiet.look(), [])
    }
    const last = quiet.now
    while (quiet.look().length === 0) assert.ok(quiet.now < last + 5000)
    assert.ok(quiet.now >= last + 3000)
    assert.deepEqual(quiet.look(), [])
    quiet.counted(6)
    quiet.look()
    const again = quiet.now
    while (quiet.look().length === 0) assert.ok(quiet.now < again + 5000)
  })

  it('is heard by controllers of 1.5 that want to, and tells what was asked for besides', () => {
    const r = rig()
    r.connect(2, '1.5').connect(3, '1.4').connect(4, '1.5', 'service').connect(5, '1.5')
    r.send(2, { type: 'set_async', ...SAME_ASYNC, flowStats: [1, 1] })
    r.send(5, { type: 'role_request', role: 'slave', generationId: 1n, shortId: 0 })
    r.add(0, { packetCount: 1n, idleTime: seconds(60) }, { priority: 7, tableId: 2 })
    r.counted(1)
    r.now += 1500
    const effects = r.at(r.now)
    assert.deepEqual([1, 2, 3, 4, 5].map((conn) => told(effects, conn).length), [1, 0, 0, 0, 0])
    const [message] = sent(effects, 1)
    assert.ok(message?.type === 'stats_reply' && message.body.kind === 'flow_stats')
    assert.deepEqual(message.body.flows, [{
      tableId: 2, reason: 'trigger', priority: 7, match: [],
      counts: { ...NO_FLOW_COUNTS, duration: seconds(1, 500_000_000), idleTime: seconds(0), packetCount: 1n, byteCount: 100n },
    }])
    assert.equal(effects.find((effect) => effect.kind === 'send')?.xid, 0)
  })

  it('can be reached again after the counters have been reset, and goes on with those that were kept', () => {
    const r = rig()
    r.add(0, { packetCount: 10n })
    r.counted(10)
    assert.deepEqual(r.look(), ['trigger 10'])
    r.add(0, { packetCount: 10n }, { command: 'modify' })
    r.counted(11)
    assert.deepEqual(r.look(), [])
    r.add(0, { packetCount: 15n }, { command: 'modify' })
    r.counted(16)
    assert.deepEqual(r.look(), ['trigger 16'])
    r.add(0, { packetCount: 15n }, { command: 'modify', flags: FlowModFlag.RESET_COUNTS })
    r.counted(20)
    assert.deepEqual(r.look(), ['trigger 20'])
  })

  it('of a flow that had none begins with what has been counted', () => {
    const r = rig()
    r.send(1, flowMod())
    r.counted(100)
    r.add(PERIODIC, { packetCount: 50n }, { command: 'modify' })
    const results = [120, 149, 150].map((packets) => { r.counted(packets); return r.look() })
    assert.deepEqual(results, [[], [], ['trigger 150']])
  })

  it('waits for the change of a flow that is in flight, and for a target that is away', () => {
    const r = rig()
    r.add(0, { packetCount: 1n })
    r.counted(5)
    r.auto = false
    const [commit] = commits(r.send(1, flowMod({ command: 'modify', cookie: 1n, instructions: triggering(0, { packetCount: 2n }) })))
    assert.ok(commit)
    r.auto = true
    assert.deepEqual(r.look(), [])
    r.step({ kind: 'committed', token: commit.token })
    assert.deepEqual(r.look(), ['trigger 5'])
    const away = rig()
    away.add(0, { packetCount: 1n })
    away.counted(5)
    away.step({ kind: 'target_lost' })
    assert.deepEqual(away.look(), [])
    away.step({ kind: 'target_ready', fresh: false })
    assert.deepEqual(away.look(), ['trigger 5'])
  })

  it('is refused for what a flow does not count', () => {
    const r = rig()
    assert.deepEqual(errors(r.add(0, { flowCount: 1 })), ['OFPBIC_UNSUP_INST'])
    assert.deepEqual(errors(r.add(4, { packetCount: 1n })), ['OFPBIC_UNSUP_INST'])
  })
})
