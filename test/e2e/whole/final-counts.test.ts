/**
 * What a flow is told to have counted at its end is what it has forwarded, packet for packet, while frames come as fast as they can
 * and flows are deleted, expire, are replaced and changed again and again. OF 1.3.5 §5.5, §6.4, §7.4.2
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BucketId, FlowModFlag, SAME_ASYNC, TableConfig, type Action, type FlowMod, type Message } from '../../../src/openflow/index.js'
import { wholeTargets, type WholeSwitch } from '../../support/whole-targets.js'
import { bucket } from '../../support/datapath-rig.js'
import { eventually, flowMod, OpenFlowClient, output } from '../../support/switch-rig.js'
import { linear } from '../../support/random.js'

const ROUNDS = Number(process.env['OFSWITCHD_COUNTS'] ?? 60)
const SEED = Number(process.env['OFSWITCHD_COUNTS_SEED'] ?? 1)
const DESTINATIONS = 6
const BYTES = 64
/** Frames under way; BMv2 drops what is more than 64 at a port. */
const WINDOW = 32
const COOKIE = 5n
const { SEND_FLOW_REM, RESET_COUNTS } = FlowModFlag
/** Where what no flow of the test takes comes out, and what a flow that counts from zero sends. */
const [CAUGHT, TAKEN, RESTARTED] = [3, 2, 4]

const frameTo = (destination: number): Buffer => {
  const frame = Buffer.alloc(BYTES)
  frame.writeUIntBE(destination, 0, 6)
  frame.writeUIntBE(0x0200_0000_00aa, 6, 6)
  frame.writeUInt16BE(0x88b5, 12)
  return frame
}
const frames = Array.from({ length: DESTINATIONS }, (_, index) => frameTo(1 + index))
const to = (destination: number): FlowMod['match'] => [{ field: 'eth_dst', value: BigInt(destination), mask: null }]
const flow = (destination: number, rest: Partial<FlowMod> = {}, ...apply: Action[]): FlowMod =>
  flowMod(0, 5, to(destination), { apply: apply.length === 0 ? [output(TAKEN)] : apply }, { flags: SEND_FLOW_REM, cookie: COOKIE, ...rest })
const clear = flowMod(0, 5, [], {}, { command: 'delete', cookie: COOKIE, cookieMask: 0xffff_ffff_ffff_ffffn })

/** Frames come in as long as it is open, and what comes out is counted by port. */
class Traffic {
  injected = 0
  readonly out = new Map<number, number>()
  readonly #rig: WholeSwitch
  #stopping = false
  #running: Promise<void> | null = null

  constructor(rig: WholeSwitch) { this.#rig = rig }

  get forwarded(): number { return [...this.out.values()].reduce((sum, count) => sum + count, 0) }
  start(): void {
    this.#stopping = false
    this.#running = this.#run()
  }
  /** When everything has come out. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
    await eventually(() => {
      this.#collect()
      return this.forwarded >= this.injected ? true : undefined
    }, () => `${this.injected - this.forwarded} of ${this.injected} frames did not come out`)
    assert.equal(this.forwarded, this.injected)
  }
  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#collect()
      for (; this.injected - this.forwarded < WINDOW; this.injected++) assert.ok(this.#rig.inject(1, frames[this.injected % DESTINATIONS]!))
      await new Promise((resolve) => { setImmediate(resolve) })
    }
  }
  #collect(): void {
    for (const { port, frame } of this.#rig.take()) {
      assert.equal(frame.length, BYTES)
      this.out.set(port, (this.out.get(port) ?? 0) + 1)
    }
  }
}

for (const target of wholeTargets) {
  describe(`final counts on ${target.name}`, { skip: target.skip, timeout: 120_000 + ROUNDS * 4000 }, () => {
    let rig: WholeSwitch
    before(async () => {
      rig = await target.start()
      rig.client.send({ type: 'set_async', ...SAME_ASYNC, packetIn: [0, 0], portStatus: [0, 0], flowRemoved: [15, 0] })
      assert.deepEqual(await rig.client.sendAll(flowMod(0, 1, [], { apply: [output(CAUGHT)] })), [])
    })
    after(async () => { await rig.close() })

    /** Of the flows that the test makes: packets told at their end, and packets of those that are there. */
    const removed = () => rig.client.messages('flow_removed').filter(({ priority }) => priority === 5)
    const live = async () => {
      const { flows } = await rig.client.stats<'flow'>({ kind: 'flow', tableId: 0, match: [], cookie: 0n, cookieMask: 0n, outPort: 0xffffffff, outGroup: 0xffffffff })
      return flows
    }
    const sum = (counts: readonly { readonly packetCount: bigint; readonly byteCount: bigint }[]): number => {
      for (const { packetCount, byteCount } of counts) assert.equal(byteCount, packetCount * BigInt(BYTES))
      return counts.reduce((total, { packetCount }) => total + Number(packetCount), 0)
    }

    it(`add up to what was forwarded, ${ROUNDS} rounds`, async () => {
      const random = linear(SEED)
      let changes = 0
      const traffic = new Traffic(rig)
      traffic.start()
      const told = new Set<number>()
      const strict = (command: 'modify_strict' | 'delete_strict', destination: number): FlowMod => flow(destination, { command })
      const kinds: readonly ((destination: number) => readonly Message[])[] = [
        (destination) => [flow(destination)],
        (destination) => [flow(destination, { hardTimeout: 1 })],
        // Not told about at first: the addition in its place is, and goes on with what was counted.
        (destination) => told.has(destination) ? [] : [flow(destination, { flags: 0 }), flow(destination)],
        (destination) => [strict('modify_strict', destination)],
        (destination) => [flow(destination, { command: 'modify_strict' }, { type: 'set_field', field: 'eth_src', value: BigInt(++changes), mask: null }, output(TAKEN))],
        (destination) => [strict('delete_strict', destination)],
        (destination) => [strict('delete_strict', destination), flow(destination)],
        () => [clear],
        (destination) => [
          { type: 'bundle_control', bundleId: 1, control: 'open_request', flags: 2, time: null },
          ...[strict('delete_strict', destination), flow(destination), strict('modify_strict', destination)].map((message): Message => ({ type: 'bundle_add', bundleId: 1, flags: 2, message })),
          { type: 'bundle_control', bundleId: 1, control: 'commit_request', flags: 2, time: null },
        ],
        // One that fails takes back what it began with: the deletion, and the counts from zero.
        (destination) => [
          { type: 'bundle_control', bundleId: 2, control: 'open_request', flags: 2, time: null },
          ...[flow(destination, { flags: SEND_FLOW_REM | RESET_COUNTS }), strict('delete_strict', destination), flow(destination, {}, { type: 'group', groupId: 77 })]
            .map((message): Message => ({ type: 'bundle_add', bundleId: 2, flags: 2, message })),
          { type: 'bundle_control', bundleId: 2, control: 'commit_request', flags: 2, time: null },
        ],
      ]
      for (let round = 0; round < ROUNDS; round++) {
        for (let change = 1 + random(4); change > 0; change--) {
          const destination = 1 + random(DESTINATIONS)
          for (const message of kinds[random(kinds.length)]!(destination)) rig.client.send(message)
          told.add(destination)
        }
        if (random(2) === 0) assert.equal((await rig.client.request({ type: 'barrier_request' })).type, 'barrier_reply')
        // Some frames between the rounds.
        const seen = traffic.forwarded
        await eventually(() => traffic.forwarded > seen + 20 ? true : undefined, () => 'no frames come out')
      }
      await traffic.stop()
      assert.equal((await rig.client.request({ type: 'barrier_request' })).type, 'barrier_reply')
      // One that is too old may be on its way out, of which no barrier knows.
      const taken = traffic.out.get(TAKEN) ?? 0
      let flows = await live()
      const counted = (): number => sum(flows.filter(({ priority }) => priority === 5)) + sum(removed())
      for (const deadline = Date.now() + 10_000; counted() < taken && Date.now() < deadline;) flows = await live()
      assert.equal(counted(), taken)
      assert.equal(sum(flows.filter(({ priority }) => priority === 1)), traffic.out.get(CAUGHT) ?? 0)
      assert.ok(removed().some(({ packetCount }) => packetCount > 0n), `${removed().length} flows were removed`)
      const reasons = new Set(removed().map(({ reason }) => reason))
      assert.ok(reasons.has('delete'), [...reasons].join())
    })

    it('begin with the addition that is to count from zero, at the same instant as its actions', async () => {
      const traffic = new Traffic(rig)
      const before = sum(removed())
      assert.deepEqual(await rig.client.sendAll(clear, flow(1)), [])
      const sent = removed().length
      traffic.start()
      for (let round = 0; round < ROUNDS / 4; round++) {
        const seen = traffic.forwarded
        await eventually(() => traffic.forwarded > seen + 20 ? true : undefined, () => 'no frames come out')
        assert.deepEqual(await rig.client.sendAll(flow(1, { flags: SEND_FLOW_REM | RESET_COUNTS }, output(RESTARTED))), [])
        const more = traffic.forwarded
        await eventually(() => traffic.forwarded > more + 20 ? true : undefined, () => 'no frames come out')
        assert.deepEqual(await rig.client.sendAll(flow(1, { command: 'delete_strict' }), flow(1)), [])
      }
      await traffic.stop()
      const counted = removed().slice(sent)
      assert.equal(sum(counted), traffic.out.get(RESTARTED) ?? 0)
      assert.ok(before >= 0 && counted.length === Math.ceil(ROUNDS / 4))
    })

    it('are told of flows that nobody asks for any more: idle, too old, without their group', async () => {
      const { client } = rig
      assert.deepEqual(await client.sendAll(
        clear,
        { type: 'group_mod', command: 'add', groupType: 'indirect', groupId: 9, commandBucketId: BucketId.ALL, buckets: [bucket({ actions: [output(TAKEN)] })] },
        flow(1, { idleTimeout: 1 }), flow(2, { hardTimeout: 1 }), flow(3, {}, { type: 'group', groupId: 9 })), [])
      const sent = removed().length
      const traffic = new Traffic(rig)
      traffic.start()
      // The one with the hard timeout goes while frames come.
      await eventually(() => removed().slice(sent).some(({ reason }) => reason === 'hard_timeout') ? true : undefined, () => 'no flow is too old')
      await traffic.stop()
      await eventually(() => removed().slice(sent).some(({ reason }) => reason === 'idle_timeout') ? true : undefined, () => 'no flow is idle')
      assert.deepEqual(await client.sendAll({ type: 'group_mod', command: 'delete', groupType: 'indirect', groupId: 9, commandBucketId: BucketId.ALL, buckets: [] }), [])
      assert.deepEqual(removed().slice(sent).map(({ reason }) => reason), ['hard_timeout', 'idle_timeout', 'group_delete'])
      assert.equal(sum(removed().slice(sent)), traffic.out.get(TAKEN) ?? 0)
    })

    it('are told of flows whose group is deleted while frames come', async () => {
      const { client } = rig
      assert.deepEqual(await client.sendAll(clear), [])
      const traffic = new Traffic(rig)
      const sent = removed().length
      traffic.start()
      for (let round = 0; round < ROUNDS / 6; round++) {
        const group = (command: 'add' | 'delete'): Message => ({
          type: 'group_mod', command, groupType: round % 2 === 0 ? 'indirect' : 'all', groupId: 9, commandBucketId: BucketId.ALL,
          buckets: command === 'delete' ? [] : [bucket({ actions: [output(TAKEN)] })],
        })
        const through = [1, 2, 3].map((destination) => flow(destination, {}, { type: 'group', groupId: 9 }))
        const seen = traffic.out.get(TAKEN) ?? 0
        assert.deepEqual(await client.sendAll(group('add'), ...through), [])
        await eventually(() => (traffic.out.get(TAKEN) ?? 0) > seen + 20 ? true : undefined, () => 'no frames come out')
        assert.deepEqual(await client.sendAll(group('delete')), [])
      }
      await traffic.stop()
      const told = removed().slice(sent)
      assert.deepEqual([...new Set(told.map(({ reason }) => reason))], ['group_delete'])
      assert.equal(sum(told), traffic.out.get(TAKEN) ?? 0)
      assert.equal(told.length, 3 * Math.ceil(ROUNDS / 6))
    })

    it('are told of flows that are evicted where the table is full', async () => {
      const client = await OpenFlowClient.connect(rig.listenPort, 5)
      try {
        client.send({ type: 'set_async', ...SAME_ASYNC, packetIn: [0, 0], portStatus: [0, 0], flowRemoved: [0x3f, 0] })
        const evicting = (config: number): Message => ({ type: 'table_mod', tableId: 0, config, eviction: null, vacancy: null })
        const catching = flowMod(0, 1, [], { apply: [output(CAUGHT)] }, { importance: 0xffff })
        assert.deepEqual(await client.sendAll(clear, { ...catching, command: 'delete_strict' }, catching, evicting(TableConfig.EVICTION)), [])
        const { tables } = await client.stats<'table_features'>({ kind: 'table_features', tables: [] })
        const ROOM = 3
        await client.stats<'table_features'>({ kind: 'table_features', tables: tables.map((table) => (table.tableId === 0 ? { ...table, maxEntries: ROOM } : table)) })
        const told = () => client.messages('flow_removed')
        const before = told().length
        const traffic = new Traffic(rig)
        traffic.start()
        for (let round = 0; round < ROUNDS / 2; round++) {
          // The flow that goes is the one that came first of those that are there.
          assert.deepEqual(await client.sendAll(flow(1 + round % DESTINATIONS, { importance: 1 + round })), [])
          const seen = traffic.forwarded
          await eventually(() => traffic.forwarded > seen + 20 ? true : undefined, () => 'no frames come out')
        }
        await traffic.stop()
        const flows = (await live()).filter(({ priority }) => priority === 5)
        assert.equal(flows.length, ROOM - 1)
        const evicted = told().slice(before).filter(({ reason }) => reason === 'eviction')
        assert.equal(evicted.length, Math.ceil(ROUNDS / 2) - (ROOM - 1))
        assert.equal(sum(flows) + sum(evicted), traffic.out.get(TAKEN) ?? 0)
        assert.deepEqual(await client.sendAll(clear, evicting(0)), [])
        await client.stats<'table_features'>({ kind: 'table_features', tables })
      } finally {
        client.close()
      }
    })

    it('of a group go on when it is changed, and those of its buckets begin anew', async () => {
      const { client } = rig
      const type = ['indirect', 'select', 'indirect', 'all', 'all', 'select'] as const
      const group = (command: 'add' | 'modify' | 'delete', round: number): Message => ({
        type: 'group_mod', command, groupType: type[round % type.length]!, groupId: 11, commandBucketId: BucketId.ALL,
        buckets: command === 'delete' ? [] : [bucket({ actions: [output(round % 2 === 0 ? TAKEN : RESTARTED)], weight: type[round % type.length] === 'select' ? 1 : 0 })],
      })
      const counts = async () => (await client.stats<'group'>({ kind: 'group', groupId: 11 })).groups[0]!
      assert.deepEqual(await client.sendAll(clear, group('add', 0), ...frames.map((_, index) => flow(1 + index, {}, { type: 'group', groupId: 11 }))), [])
      const traffic = new Traffic(rig)
      for (let round = 1; round <= 2 * type.length; round++) {
        const before = traffic.injected
        traffic.start()
        await eventually(() => traffic.forwarded > before + 20 ? true : undefined, () => 'no frames come out')
        await traffic.stop()
        const { packetCount, byteCount, buckets } = await counts()
        assert.deepEqual([packetCount, byteCount], [BigInt(traffic.injected), BigInt(traffic.injected * BYTES)])
        assert.deepEqual(buckets.map((one) => one.packetCount), [BigInt(traffic.injected - before)])
        assert.deepEqual(await client.sendAll(group('modify', round)), [])
      }
      assert.deepEqual(await client.sendAll(clear, group('delete', 0)), [])
    })
  })
}
