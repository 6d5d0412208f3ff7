/**
 * kill -9 of the agent's process at random moments, with requests under way, while its target goes on in a process of its
 * own. Frames of flows that nobody changes are never lost; the next agent has everything that a barrier had acknowledged,
 * with cookies, timeouts and counters; of the requests without an answer each is there wholly or not at all; and the
 * target holds nothing else. OFSWITCHD_KILLS is how often, on each target.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Group, Meter, Port, type FlowStats, type Match, type Message } from '../../src/openflow/index.js'
import { band, bucket, groupMod, meterMod, setField, toGroup } from '../support/datapath-rig.js'
import { Wire } from '../support/netns-frames.js'
import { type Daemon, until } from '../support/netns-process.js'
import { type Namespace, Sandbox } from '../support/netns.js'
import { listening, ofswitchd, portArguments, startBmv2, TARGET_PORT } from '../support/subject-ofswitchd.js'
import { skipReason, targetSubjects } from '../support/subject-list.js'
import { flowMod, OpenFlowClient, output, type Received } from '../support/switch-rig.js'
import { describeExpected, type TargetDescription } from '../support/target-contents.js'
import { mixing, spread } from '../support/random.js'

const KILLS = Number(process.env['OFSWITCHD_KILLS'] ?? 3)
const SEED = Number(process.env['OFSWITCHD_KILLS_SEED'] ?? 1)
const ONLY = process.env['OFSWITCHD_KILLS_TARGET'] ?? ''
/** Reading the whole target takes longer than the rest; once in so many lives, and after the last. */
const LOOK_EVERY = 8
const PATIENCE_MS = 600_000
const PORTS = [1, 2, 3]
/** Frames under way: what no queue of a target drops, however busy the machine. */
const WINDOW = 16
const DESTINATIONS = 64
const GROUPS = [1, 2, 3, 4]
const METERS = [1, 2, 3]
const ABSENT = 'absent'

const text = (value: unknown): string => JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner))
const to = (destination: number): Match => [{ field: 'eth_dst', value: BigInt(destination), mask: null }]
const everyFlow = { tableId: 0xff, outPort: Port.ANY, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] } as const

/** Flows that nobody changes: where a frame to each leaves, and with which source. */
const PLAIN = '0200000000aa'
const steady = [
  { destination: 1001, leaves: `2 ${PLAIN}`, apply: [output(2)] }, { destination: 1002, leaves: '3 000000000077', apply: [setField('eth_src', 0x77), output(3)] },
  { destination: 1003, leaves: '2 000000000078', apply: [toGroup(100)] },
] as const
const steadyGroup = groupMod({ groupId: 100, groupType: 'indirect', buckets: [bucket({ actions: [setField('eth_src', 0x78), output(2)] })] })
const steadyFlow = ({ destination, apply }: typeof steady[number]): Message => flowMod(0, 9, to(destination), { apply }, { cookie: BigInt(destination), idleTimeout: 3600 })

/** Frames of the steady flows, as fast as they come out again. */
class Traffic {
  readonly #wire: Wire
  readonly #sent: string[] = []
  readonly #arrived = new Set<number>()
  readonly #timer: NodeJS.Timeout
  readonly counts = new Map<number, number>(steady.map(({ destination }) => [destination, 0]))
  problem: string | null = null
  paused = false

  constructor(wire: Wire) {
    this.#wire = wire
    wire.listen(({ port, frame }) => this.#hear(port, frame))
    this.#timer = setInterval(() => this.#fill(), 5)
  }

  get sent(): number { return this.#sent.length }
  get missing(): number { return this.#sent.length - this.#arrived.size }
  stop(): void {
    clearInterval(this.#timer)
    this.#wire.listen(undefined)
  }
  /** Everything that was sent has come out. */
  async drain(): Promise<void> {
    this.paused = true
    await until(() => `${this.missing} of ${this.sent} frames of flows that nobody changes`, () => this.missing === 0, PATIENCE_MS, 5)
    assert.equal(this.problem, null)
    this.#wire.take()
  }

  #fill(): void {
    for (let burst = 4; burst > 0 && !this.paused && this.missing < WINDOW; burst--) {
      const { destination, leaves } = steady[this.#sent.length % steady.length]!
      const frame = Buffer.alloc(64)
      frame.writeUIntBE(destination, 0, 6)
      frame.write(PLAIN, 6, 'hex')
      frame.writeUInt16BE(0x88b5, 12)
      frame.writeUInt32BE(this.#sent.length, 14)
      this.#sent.push(leaves)
      this.counts.set(destination, this.counts.get(destination)! + 1)
      this.#wire.send(1, frame)
    }
  }
  #hear(port: number, frame: Buffer): void {
    const serial = frame.readUInt32BE(14)
    const seen = `${port} ${frame.toString('hex', 6, 12)}`
    if (this.#sent[serial] !== seen) this.problem ??= `frame ${serial} left as ${seen} and not as ${this.#sent[serial]}`
    if (this.#arrived.has(serial)) this.problem ??= `frame ${serial} left twice`
    this.#arrived.add(serial)
  }
}

/** What an object may be: as it was when it was last certain, or as any request since has made it. */
interface History { readonly states: string[] }

/** Requests and what they make of the switch's objects. */
class Script {
  readonly #random: (below: number) => number
  readonly histories = new Map<string, History>()
  #request = 0

  constructor(random: (below: number) => number) { this.#random = random }

  now(object: string): string { return this.histories.get(object)?.states.at(-1) ?? ABSENT }
  /** Where every object stands. */
  mark(): ReadonlyMap<string, number> { return new Map([...this.histories].map(([object, { states }]) => [object, states.length - 1])) }
  /** Everything up to there is certain. */
  certain(mark: ReadonlyMap<string, number>): void {
    for (const [object, { states }] of this.histories) states.splice(0, mark.get(object) ?? 0)
  }
  /** This is how it is. */
  found(states: ReadonlyMap<string, string>): void {
    for (const object of new Set([...this.histories.keys(), ...states.keys()])) this.histories.set(object, { states: [states.get(object) ?? ABSENT] })
  }

  next(): Message {
    const random = this.#random
    const request = ++this.#request
    const kind = random(20)
    if (kind === 0) {
      const groupId = GROUPS[random(GROUPS.length)]!
      const known = this.now(`group ${groupId}`) !== ABSENT
      if (known && random(3) === 0) return this.#make(`group ${groupId}`, ABSENT, groupMod({ groupId, command: 'delete' }))
      const buckets = [bucket({ actions: [setField('eth_src', request), output(2)] }), bucket({ actions: [output(3)] })]
      return this.#make(`group ${groupId}`, groupText('all', buckets), groupMod({ groupId, buckets, command: known ? 'modify' : 'add' }))
    }
    if (kind === 1) {
      const meterId = METERS[random(METERS.length)]!
      const known = this.now(`meter ${meterId}`) !== ABSENT
      if (known && random(3) === 0) return this.#make(`meter ${meterId}`, ABSENT, meterMod({ meterId, command: 'delete' }))
      // Whole bytes a microsecond: BMv2 keeps rates as floating-point numbers, and reads them back cut off.
      const rate = 8000 * (1 + request % 1000)
      return this.#make(`meter ${meterId}`, String(rate), meterMod({ meterId, flags: 1, bands: [band(rate)], command: known ? 'modify' : 'add' }))
    }
    const destination = 1 + random(DESTINATIONS)
    const object = `flow ${destination}`
    if (kind < 6) return this.#make(object, ABSENT, flowMod(0, 5, to(destination), {}, { command: 'delete_strict' }))
    const apply = random(2) === 0 ? [setField('eth_src', request), output(2)] : [setField('eth_src', request), output(2), setField('eth_src', request + 1), output(3)]
    if (kind < 10 && this.now(object) !== ABSENT) {
      const [cookie, , ...rest] = JSON.parse(this.now(object)) as unknown[]
      return this.#make(object, text([cookie, apply, ...rest]), flowMod(0, 5, to(destination), { apply }, { command: 'modify_strict' }))
    }
    const rest = { cookie: BigInt(request), idleTimeout: 3600 + random(100), hardTimeout: random(2) === 0 ? 0 : 7200 }
    return this.#make(object, text([rest.cookie, apply, rest.idleTimeout, rest.hardTimeout]), flowMod(0, 5, to(destination), { apply }, rest))
  }

  #make(object: string, state: string, message: Message): Message {
    const history = this.histories.get(object) ?? { states: [ABSENT] }
    this.histories.set(object, history)
    history.states.push(state)
    return message
  }
}

const groupText = (type: string, buckets: readonly { readonly actions: unknown }[]): string => text([type, buckets.map(({ actions }) => actions)])

for (const subject of targetSubjects)
  describe(`kill -9: ${subject.name}`, { skip: ONLY !== '' && !subject.name.includes(ONLY) ? `only ${ONLY} was asked for` : skipReason(subject) }, () => {
    const sandbox = new Sandbox()
    const folder = mkdtempSync(join(tmpdir(), 'ofs-kills-'))
    const path = join(folder, 'mgmt')
    let sw: Namespace
    let wire: Wire
    let agent: Daemon
    let target: Daemon
    const address = `127.0.0.1:${TARGET_PORT}`

    before(async () => {
      sw = await sandbox.namespace('sw')
      wire = await Wire.attach(sandbox, sw, PORTS)
      target = subject.name.includes('BMv2') ? startBmv2(sw, PORTS) : ofswitchd(sw, 'ofswitchd target', ['target', '--listen', address, ...portArguments(PORTS)])
      await listening(sw, target, TARGET_PORT)
    })
    after(async () => {
      await sandbox.close()
      rmSync(folder, { recursive: true, force: true })
    })

    const startAgent = (): void => { agent = ofswitchd(sw, 'ofswitchd', ['--target', address, ...portArguments(PORTS), '--listen', `punix:${path}`]) }
    const connected = (): Promise<OpenFlowClient> => until(() => `the agent to be ready\n${agent.log}`, async () => {
      assert.ok(agent.running && target.running, `${agent.log}\n${target.log}`)
      return await OpenFlowClient.connect(path).catch(() => undefined)
    }, PATIENCE_MS, 20)

    const statistics = async (client: OpenFlowClient, body: Extract<Message, { type: 'stats_request' }>['body']) => {
      const asked = client.send({ type: 'stats_request', more: false, body })
      const isPart = ({ xid, message }: Received): boolean => xid === asked && message.type === 'stats_reply'
      await client.waitFor((heard) => isPart(heard) && !(heard.message.type === 'stats_reply' && heard.message.more), PATIENCE_MS)
      return client.heard.flatMap((heard) => (isPart(heard) && heard.message.type === 'stats_reply' ? [heard.message.body] : []))
    }
    /** Everything that the switch says that it has, and the flows that are never changed. */
    const look = async (client: OpenFlowClient): Promise<{ states: Map<string, string>; steady: FlowStats[] }> => {
      const states = new Map<string, string>()
      const flows = (await statistics(client, { kind: 'flow', ...everyFlow })).flatMap((body) => (body.kind === 'flow' ? body.flows : []))
      const isSteady = ({ priority }: FlowStats): boolean => priority === 9
      for (const flow of flows.filter((each) => !isSteady(each))) states.set(`flow ${flow.match[0]?.value}`, text([flow.cookie, flow.instructions.apply, flow.idleTimeout, flow.hardTimeout]))
      for (const body of await statistics(client, { kind: 'group_desc', groupId: Group.ALL })) {
        if (body.kind === 'group_desc') for (const { groupId, groupType, buckets } of body.groups) if (groupId !== 100) states.set(`group ${groupId}`, groupText(groupType, buckets))
      }
      for (const body of await statistics(client, { kind: 'meter_config', meterId: Meter.ALL })) {
        if (body.kind === 'meter_config') for (const { meterId, bands } of body.meters) states.set(`meter ${meterId}`, String(bands[0]?.rate))
      }
      return { states, steady: flows.filter(isSteady) }
    }

    /** The objects that there are, as the requests that make them. */
    const messagesOf = (states: ReadonlyMap<string, string>): Message[] => [...states].map(([object, state]) => {
      const [kind, id] = [object.split(' ')[0], Number(object.split(' ')[1])]
      const revived = (value: unknown): unknown => JSON.parse(JSON.stringify(value), (key, inner: unknown) => (key === 'value' ? BigInt(inner as string) : inner))
      if (kind === 'meter') return meterMod({ meterId: id, flags: 1, bands: [band(Number(state))] })
      if (kind === 'group') {
        const [groupType, buckets] = revived(JSON.parse(state)) as ['all', never[][]]
        return groupMod({ groupId: id, groupType, buckets: buckets.map((actions) => bucket({ actions })) })
      }
      const [cookie, apply, idleTimeout, hardTimeout] = revived(JSON.parse(state)) as [string, never[], number, number]
      return flowMod(0, 5, to(id), { apply }, { cookie: BigInt(cookie), idleTimeout, hardTimeout })
    })
    const compareWithTarget = async (states: ReadonlyMap<string, string>): Promise<void> => {
      const printed = await sw.must(process.execPath, [fileURLToPath(new URL('../support/print-target.js', import.meta.url)), address], { timeoutMs: PATIENCE_MS })
      const found = JSON.parse(printed) as Omit<TargetDescription, 'defaults'>
      const expected = await describeExpected([steadyGroup, ...steady.map(steadyFlow), ...messagesOf(states)], PORTS)
      assert.deepEqual(found.entries, expected.entries)
      assert.deepEqual(found.meters, expected.meters)
      assert.equal(found.unused.length, expected.unused.length, `nothing leads to ${found.unused.join(', ')}`)
    }

    it(`loses nothing, killed ${KILLS} times`, { timeout: 120_000 + KILLS * 120_000 }, async (t) => {
      const random = mixing(spread(SEED))
      const script = new Script(random)
      startAgent()
      let client = await connected()
      assert.deepEqual(await client.sendAll(steadyGroup, ...steady.map(steadyFlow)), [])
      const traffic = new Traffic(wire)
      const done = { kills: 0, early: 0, requests: 0, unanswered: 0 }
      try {
        while (done.kills < KILLS) {
          // Requests, some barriers among them, until the process is killed in the midst of it.
          const barriers: { readonly xid: number; readonly mark: ReadonlyMap<string, number>; readonly request: number }[] = []
          const started = done.requests
          const end = Date.now() + random(1200)
          const batches = random(4) === 0 ? 0 : Infinity
          for (let batch = 0; batch === 0 || Date.now() < end && batch < batches; batch++) {
            for (let count = 1 + random(40); count > 0; count--, done.requests++) client.send(script.next())
            barriers.push({ xid: client.send({ type: 'barrier_request' }), mark: script.mark(), request: done.requests })
            // Not too far ahead of the switch, so that there is an answer now and then.
            if (batch % 4 === 3) await client.waitFor(({ xid }) => xid === barriers.at(-3)?.xid, PATIENCE_MS)
            await delay(random(3))
          }
          agent.kill('SIGKILL')
          await agent.ended
          done.kills++
          // What the socket still held has been heard when it has ended.
          await client.ended
          assert.deepEqual(client.messages('peer_error'), [])
          const answered = barriers.findLast(({ xid }) => client.heard.some((heard) => heard.xid === xid))
          if (answered !== undefined) script.certain(answered.mark)
          done.unanswered += done.requests - (answered?.request ?? started)
          client.close()
          startAgent()
          if (random(3) === 0) {
            // And again, while it reads the target or brings it up to date.
            await delay(random(3000))
            agent.kill('SIGKILL')
            await agent.ended
            done.kills++
            done.early++
            startAgent()
          }
          client = await connected()
          const { states, steady: flows } = await look(client)
          for (const [object, { states: possible }] of script.histories)
            assert.ok(possible.includes(states.get(object) ?? ABSENT), `seed ${SEED}, kill ${done.kills}: ${object} is ${states.get(object) ?? ABSENT}, and it may be ${possible.join(' | ')}`)
          for (const object of states.keys()) assert.ok(script.histories.has(object), `seed ${SEED}, kill ${done.kills}: nobody has asked for ${object}`)
          script.found(states)
          assert.equal(flows.length, steady.length)
          assert.deepEqual(flows.map(({ cookie, idleTimeout }) => [Number(cookie), idleTimeout]).sort(), steady.map(({ destination }) => [destination, 3600]))
          assert.equal(traffic.problem, null)
          if (done.kills % LOOK_EVERY < 2 || done.kills >= KILLS) {
            await traffic.drain()
            for (const { cookie, packetCount } of (await look(client)).steady) assert.equal(packetCount, BigInt(traffic.counts.get(Number(cookie)) ?? -1), `flow ${cookie} has counted each frame once`)
            await compareWithTarget(states)
            traffic.paused = false
          }
        }
        await traffic.drain()
        t.diagnostic(`${subject.name}, seed ${SEED}: ${text(done)}, ${traffic.sent} frames and none lost`)
        assert.ok(traffic.sent > KILLS)
      } finally {
        traffic.stop()
        client.close()
      }
    })
  })
