/**
 * Mixed load for OFSWITCHD_SOAK_SECONDS, on either target: flows, groups and meters come and go, frames go out and up,
 * links flap, statistics are asked for, controllers come and leave, the target is attached to anew. No reply and no
 * packet-in is lost, memory stays flat, and at the end the switch has what a plain list says, its target holds exactly what
 * a switch with this list would have written, and flows that were never touched have counted every frame.
 */
import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Group, Port, SAME_ASYNC, type Action, type GroupMod, type Message, type MeterMod, type StatsReplyBody, type StatsRequestBody } from '../../src/openflow/index.js'
import type { P4RuntimeService } from '../../src/p4runtime/index.js'
import { band, bucket, groupMod, meterMod, setField, toGroup } from '../support/datapath-rig.js'
import { flowMod, OpenFlowClient, output, type Received } from '../support/switch-rig.js'
import { describeExpected, describeTarget } from '../support/target-contents.js'
import { wholeTargets, type WholeTarget } from '../support/whole-targets.js'
import { linear } from '../support/random.js'

const SECONDS = Number(process.env['OFSWITCHD_SOAK_SECONDS'] ?? 8)
const SEED = Number(process.env['OFSWITCHD_SOAK_SEED'] ?? 1)
const ONLY = process.env['OFSWITCHD_SOAK_TARGET'] ?? ''
/** In seconds the flows are still becoming more, and code is still being compiled. */
const SETTLES_SECONDS = 300
const MAX_LIVE_GROWTH = (SECONDS >= SETTLES_SECONDS ? 16 : 24) * 1024 * 1024
/** Resident memory, the target's thread included. When garbage is collected is V8's affair: in seconds this says nothing, in minutes it does. */
const MAX_RESIDENT_GROWTH = 128 * 1024 * 1024
/** For one answer, on a machine that does much else. */
const PATIENCE_MS = 600_000

const CHURNED = 2000
/** Destinations of flows that are never touched; what they count must be what was sent to them. */
const STEADY = [3001, 3002, 3003, 3004] as const
const FLAPPING = [4, 5] as const
const GROUPS = [1, 2, 3, 4, 5, 6] as const
const METERS = [1, 2, 3] as const

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes that are in use after a collection, and resident ones; the least of a few moments, since work under way holds memory, too. */
async function memory(target: number | null): Promise<{ readonly live: number; readonly resident: number; readonly target: number }> {
  let least = Infinity
  for (let look = 0; look < 4; look++) {
    await nextTurn()
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    least = Math.min(least, heapUsed + external)
  }
  return { live: least, resident: process.memoryUsage().rss, target: target ?? 0 }
}

const frameTo = (destination: number, serial = 0): Buffer => {
  const frame = Buffer.alloc(64)
  frame.writeUIntBE(destination, 0, 6)
  frame.writeUInt16BE(0x88b5, 12)
  frame.writeUInt32BE(serial, 14)
  return frame
}

/** All parts of a statistics reply. */
async function statistics<Kind extends StatsReplyBody['kind']>(client: OpenFlowClient, body: Extract<StatsRequestBody, { kind: Kind }>): Promise<Extract<StatsReplyBody, { kind: Kind }>[]> {
  const asked = client.send({ type: 'stats_request', more: false, body })
  const isPart = ({ xid, message }: Received): boolean => xid === asked && (message.type === 'stats_reply' || message.type === 'peer_error')
  await client.waitFor((heard) => isPart(heard) && !(heard.message.type === 'stats_reply' && heard.message.more), PATIENCE_MS)
  return client.heard.filter(isPart).map(({ message }) => {
    assert.ok(message.type === 'stats_reply' && message.body.kind === (body as StatsRequestBody).kind, `asked for ${(body as StatsRequestBody).kind}, got ${message.type}`)
    return message.body as Extract<StatsReplyBody, { kind: Kind }>
  })
}
const everyFlow = { tableId: 0xff, outPort: Port.ANY, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] } as const
const flowsOf = async (client: OpenFlowClient) => (await statistics(client, { kind: 'flow', ...everyFlow })).flatMap(({ flows }) => flows)

interface WantedFlow { readonly cookie: bigint; readonly apply: readonly Action[]; readonly meter: number | null }
const groupsIn = (apply: readonly Action[]): number[] => apply.flatMap((action) => (action.type === 'group' ? [action.groupId] : []))
const flowTo = (destination: number, { cookie, apply, meter }: WantedFlow): Message =>
  flowMod(0, 5, [{ field: 'eth_dst', value: BigInt(destination), mask: null }], { apply, meter }, { cookie })

/** What a switch that carries out one request after the other has. */
class Wanted {
  readonly flows = new Map<number, WantedFlow>()
  readonly groups = new Map<number, GroupMod>()
  readonly meters = new Map<number, MeterMod>()
  dropGroup(groupId: number): void {
    this.groups.delete(groupId)
    for (const [destination, { apply }] of this.flows) if (groupsIn(apply).includes(groupId)) this.flows.delete(destination)
  }
  dropMeter(meterId: number): void {
    this.meters.delete(meterId)
    for (const [destination, { meter }] of this.flows) if (meter === meterId) this.flows.delete(destination)
  }
  messages(): Message[] {
    return [...this.groups.values(), ...this.meters.values(), ...[...this.flows].map(([destination, flow]) => flowTo(destination, flow))]
  }
}

/** One request that changes something, carried out on the list too. */
function change(random: (below: number) => number, wanted: Wanted): Message {
  const kind = random(40)
  if (kind === 0) {
    const groupId = GROUPS[random(GROUPS.length)]!
    const known = wanted.groups.get(groupId)
    if (known !== undefined && random(3) === 0) {
      wanted.dropGroup(groupId)
      return groupMod({ groupId, command: 'delete' })
    }
    const groupType = (['all', 'select', 'ff', 'indirect'] as const)[random(4)]!
    const buckets = Array.from({ length: groupType === 'indirect' ? 1 : 1 + random(3) }, (_, index) => {
      const port = 2 + (index + random(2)) % 4
      return bucket({ actions: [...(random(2) === 0 ? [setField('eth_src', random(9))] : []), output(port)], ...(groupType === 'select' ? { weight: 1 + random(3) } : {}), ...(groupType === 'ff' ? { watchPort: port } : {}) })
    })
    const mod = groupMod({ groupId, groupType, buckets, command: known === undefined ? 'add' : 'modify' })
    wanted.groups.set(groupId, { ...mod, command: 'add' })
    return mod
  }
  if (kind === 1) {
    const meterId = METERS[random(METERS.length)]!
    const known = wanted.meters.get(meterId)
    if (known !== undefined && random(3) === 0) {
      wanted.dropMeter(meterId)
      return meterMod({ meterId, command: 'delete' })
    }
    // Packets a second, and more of them than there will be.
    const mod = meterMod({ meterId, flags: 2, bands: [band(100_000 + random(100), { burstSize: 100 })], command: known === undefined ? 'add' : 'modify' })
    wanted.meters.set(meterId, { ...mod, command: 'add' })
    return mod
  }
  const destination = 1 + random(CHURNED)
  if (random(3) === 0) {
    wanted.flows.delete(destination)
    return { ...flowTo(destination, { cookie: 0n, apply: [], meter: null }), command: 'delete_strict' } as Message
  }
  const groups = [...wanted.groups.keys()]
  const meters = [...wanted.meters.keys()]
  const up = random(8) === 0
  const apply = [
    up ? output(Port.CONTROLLER) : output(2 + random(4)), ...(random(4) === 0 ? [setField('eth_src', random(50)), output(3)] : []),
    ...(groups.length > 0 && random(6) === 0 ? [toGroup(groups[random(groups.length)]!)] : []),
  ]
  const flow = { cookie: BigInt(random(1 << 30)), apply, meter: meters.length > 0 && random(10) === 0 ? meters[random(meters.length)]! : null }
  wanted.flows.set(destination, flow)
  return flowTo(destination, flow)
}

async function soak(t: TestContext, target: WholeTarget): Promise<void> {
  const random = linear(SEED)
  const sw = await target.start()
  let client = sw.client
  const hear = async (): Promise<void> => {
    client.send({ type: 'set_config', flags: 0, missSendLen: 128 })
    client.send({ type: 'set_async', ...SAME_ASYNC, packetIn: [7, 0], portStatus: [7, 0], flowRemoved: [0, 0] })
    assert.equal((await client.request({ type: 'barrier_request' })).type, 'barrier_reply')
  }
  try {
    await hear()
    const wanted = new Wanted()
    const done = { rounds: 0, changes: 0, statistics: 0, frames: 0, packetIns: 0, flaps: 0, clients: 0, reconnects: 0, attachments: 0 }
    const steady = new Map<number, number>(STEADY.map((destination) => [destination, 0]))
    for (const destination of STEADY) wanted.flows.set(destination, { cookie: BigInt(destination), apply: [output(2)], meter: null })
    assert.deepEqual(await client.sendAll(...wanted.messages()), [])
    const links = new Map<number, boolean>(FLAPPING.map((port) => [port, true]))
    const out = { steady: 0 }
    const take = (): void => { for (const { port, frame } of sw.take()) if (port === 2 && STEADY.includes(Buffer.from(frame).readUIntBE(0, 6) as never)) out.steady++ }
    const takenAll = async (count: number): Promise<void> => {
      const deadline = Date.now() + PATIENCE_MS
      for (take(); out.steady < count; take()) {
        assert.ok(Date.now() < deadline, `only ${out.steady} of ${count} frames of flows that nobody touches came out`)
        await new Promise((resolve) => { setTimeout(resolve, 1) })
      }
    }
    const end = Date.now() + SECONDS * 1000
    let settled: Awaited<ReturnType<typeof memory>> | null = null
    while (Date.now() < end) {
      done.rounds++
      for (let count = 20; count > 0; count--) {
        client.send(change(random, wanted))
        done.changes++
      }
      for (let count = 10; count > 0; count--) if (sw.inject(1, frameTo(1 + random(CHURNED)))) done.frames++
      const destination = STEADY[random(STEADY.length)]!
      assert.ok(sw.inject(1, frameTo(destination)))
      steady.set(destination, steady.get(destination)! + 1)
      if (random(15) === 0) {
        const port = FLAPPING[random(FLAPPING.length)]!
        const up = !links.get(port)!
        links.set(port, up)
        sw.setLink(port, up)
        await client.waitFor(({ message }) => message.type === 'port_status' && message.port.portNo === port && (message.port.state & 1) === (up ? 0 : 1), PATIENCE_MS)
        done.flaps++
      }
      if (random(20) === 0) {
        const flows = await flowsOf(client)
        assert.deepEqual(flows.map(({ cookie }) => cookie).sort(), [...wanted.flows.values()].map(({ cookie }) => cookie).sort())
        const [aggregate] = await statistics(client, { kind: 'aggregate', ...everyFlow })
        assert.equal(aggregate?.flowCount, wanted.flows.size)
        const groups = await statistics(client, { kind: 'group', groupId: Group.ALL })
        assert.deepEqual(groups.flatMap((part) => part.groups.map(({ groupId }) => groupId)).sort(), [...wanted.groups.keys()].sort())
        await statistics(client, { kind: 'port', portNo: Port.ANY })
        await statistics(client, { kind: 'table' })
        done.statistics++
      }
      if (random(30) === 0) {
        const other = await OpenFlowClient.connect(sw.listenPort)
        assert.equal((await other.request({ type: 'features_request' })).type, 'features_reply')
        other.close()
        done.clients++
      }
      if (random(60) === 0) {
        const next = await OpenFlowClient.connect(sw.listenPort)
        // What was asked for on the old connection is carried out before it goes.
        assert.equal((await client.request({ type: 'barrier_request' })).type, 'barrier_reply')
        assert.deepEqual(client.messages('peer_error'), [])
        client.close()
        client = next
        await hear()
        done.reconnects++
      }
      const attachesAnew = random(80) === 0
      if (attachesAnew) {
        sw.agent.restartTarget('a test asks for it')
        done.attachments++
      }
      const barrier = client.send({ type: 'barrier_request' })
      assert.equal((await client.waitFor(({ xid }) => xid === barrier, PATIENCE_MS)).message.type, 'barrier_reply')
      assert.deepEqual(client.messages('peer_error'), [])
      // Everything is in the target now: a frame of a flow to the controller comes there, where the session is not just being made.
      const up = [...wanted.flows].find(([, { apply, meter }]) => meter === null && apply.some((action) => action.type === 'output' && action.port === Port.CONTROLLER))
      if (up !== undefined && !attachesAnew && random(2) === 0) {
        const serial = 1 + done.packetIns
        assert.ok(sw.inject(1, frameTo(up[0], serial)))
        const heard = await client.waitFor(({ message }) => message.type === 'packet_in' && Buffer.from(message.data).readUInt32BE(14) === serial, PATIENCE_MS)
          .catch((error: unknown) => { throw new Error(`no packet-in of ${JSON.stringify(up, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))} after ${JSON.stringify(done)}`, { cause: error }) })
        assert.ok(heard.message.type === 'packet_in' && heard.message.cookie === up[1].cookie)
        done.packetIns++
      }
      await takenAll([...steady.values()].reduce((sum, count) => sum + count))
      client.heard.length = 0
      // What is loaded and compiled at first does not count as growth.
      if (settled === null && Date.now() > end - SECONDS * 500) settled = await memory(sw.targetMemory())
    }

    for (const [port, up] of links) {
      if (up) continue
      sw.setLink(port, true)
      await client.waitFor(({ message }) => message.type === 'port_status' && message.port.portNo === port && (message.port.state & 1) === 0, PATIENCE_MS)
    }
    const flows = await flowsOf(client)
    const text = (destination: number, cookie: bigint): string => `${destination} ${cookie}`
    assert.deepEqual(flows.map(({ match, cookie }) => text(Number(match[0]?.value), cookie)).sort(), [...wanted.flows].map(([destination, { cookie }]) => text(destination, cookie)).sort())
    for (const { match, packetCount } of flows) {
      const sent = steady.get(Number(match[0]?.value))
      if (sent !== undefined) assert.equal(packetCount, BigInt(sent), `the flow to ${match[0]?.value} has counted each frame once`)
    }
    assert.equal((await client.request({ type: 'barrier_request' })).type, 'barrier_reply')
    client.heard.length = 0
    assert.ok(settled !== null, 'not one round in the second half')
    const now = await memory(sw.targetMemory())
    const grown = { live: now.live - settled.live, resident: now.resident - settled.resident, target: now.target - settled.target }
    const kilobytes = Object.entries(grown).map(([of, bytes]) => `${Math.round(bytes / 1024)} KB ${of}`).join(', ')
    t.diagnostic(`${target.name}, seed ${SEED}: ${JSON.stringify(done)}; more than at half time: ${kilobytes}`)
    await compareWithTarget(sw.connect, wanted)
    assert.ok(grown.live < MAX_LIVE_GROWTH, `${grown.live} bytes in use more than at half time`)
    if (SECONDS >= SETTLES_SECONDS) {
      assert.ok(grown.resident < MAX_RESIDENT_GROWTH && grown.target < MAX_RESIDENT_GROWTH, `resident more than at half time: ${grown.resident} bytes, and ${grown.target} of the target`)
    }
  } finally {
    client.close()
    await sw.close()
  }
}

/** Reads the whole target, and compares it with what a switch that was given only the list has written. */
async function compareWithTarget(connect: () => P4RuntimeService, wanted: Wanted): Promise<void> {
  const service = connect()
  try {
    const found = await describeTarget(service)
    const expected = await describeExpected(wanted.messages())
    assert.ok(found.entries.length > 0)
    assert.deepEqual(found.entries, expected.entries)
    assert.deepEqual(found.meters, expected.meters)
    assert.equal(found.unused.length, expected.unused.length, `nothing leads to ${found.unused.join(', ')}`)
    for (const [table, action] of expected.defaults) assert.equal(found.defaults.get(table), action, `default of ${table}`)
  } finally {
    await service.close()
  }
}

for (const target of wholeTargets) {
  const skip = target.skip !== false ? target.skip : ONLY !== '' && !target.name.includes(ONLY) ? `only ${ONLY} was asked for` : false
  it(`bears mixed load for ${SECONDS} s: ${target.name}`, { skip, timeout: SECONDS * 1000 + 300_000 }, (t) => soak(t, target))
}
