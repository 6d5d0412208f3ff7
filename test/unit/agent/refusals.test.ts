/**
 * A target that fails on purpose, under random requests: it refuses single updates with any status, answers late, says
 * nothing useful about a failed Write, or loses the connection before or after it has carried one out. Whatever happens,
 * a switch that is given only the requests that got no error must have the same flows, groups and meters, and its target the same
 * entries; and nothing may be left in the target that no flow leads to.
 */
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, it } from 'node:test'
import { Meter, Port, type Action, type Bucket, type Message } from '../../../src/openflow/index.js'
import { RpcError } from '../../../src/p4proto/service.js'
import { FakeP4Runtime } from '../../support/fake-p4runtime.js'
import { contents, LoopRig, portDesc, smallP4Info } from '../../support/loop-rig.js'
import { metersText } from '../../support/target-contents.js'
import { apply, band, bucket, flowMod, groupMod, match, meterMod, output, setField, toGroup } from '../../support/datapath-rig.js'

const SEEDS = Number(process.env['OFSWITCHD_SWEEP_SEEDS'] ?? 20)
const FIRST = Number(process.env['OFSWITCHD_SWEEP_FIRST'] ?? 1)

function generator(seed: number): (below: number) => number {
  let state = Math.imul(seed, 0x9e3779b9) >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
const p4info = smallP4Info(4)
type Random = (below: number) => number

function randomActions(random: Random): Action[] {
  return Array.from({ length: random(5) }, (): Action => {
    switch (random(9)) {
      case 0: return setField('eth_dst', random(3))
      case 1: return { type: 'push_vlan', ethertype: 0x8100 }
      case 2: return output([Port.FLOOD, Port.IN_PORT, Port.CONTROLLER, Port.ALL][random(4)]!)
      case 3: return toGroup(1 + random(4))
      case 4: return setField('eth_src', random(2))
      default: return output(1 + random(5))
    }
  })
}
const randomBuckets = (random: Random, groupId: number, type: string): Bucket[] => Array.from({ length: type === 'indirect' ? 1 : random(4) }, () => bucket({
  actions: random(4) === 0 && groupId > 1 ? [toGroup(1 + random(groupId - 1))] : [...(random(3) === 0 ? [setField('eth_dst', random(3))] : []), output(1 + random(5))],
  ...(type === 'select' ? { weight: 1 + random(3) } : {}),
  ...(type === 'ff' ? random(3) === 0 && groupId > 1 ? { watchGroup: 1 + random(groupId - 1) } : { watchPort: 1 + random(5) } : {}),
}))

function randomMessage(random: Random): Message {
  const instructions = {
    ...apply(...randomActions(random)), ...(random(6) === 0 ? { write: [output(2), ...(random(2) === 0 ? [setField('eth_src', 1)] : [])] } : {}),
    ...(random(4) === 0 ? { gotoTable: 3 } : {}), ...(random(4) === 0 ? { meter: 1 + random(3) } : {}),
  }
  const base = { tableId: random(3), priority: random(3), match: match(random(6) === 0 ? {} : { eth_dst: random(8) }), cookie: BigInt(random(4)), instructions }
  const kind = random(24)
  if (kind >= 20) {
    const bands = Array.from({ length: random(4) }, () => band(random(5), random(2) === 0 ? {} : { type: 'dscp_remark', precLevel: random(3) }))
    return meterMod({ meterId: random(20) === 0 ? Meter.ALL : 1 + random(3), command: (['add', 'add', 'modify', 'delete'] as const)[kind - 20]!, flags: 1 + random(2), bands })
  }
  if (kind < 9) return flowMod({ ...base })
  if (kind < 11) return flowMod({ ...base, command: 'modify' })
  if (kind < 12) return flowMod({ ...base, command: 'modify_strict' })
  if (kind < 13) return flowMod({ ...base, command: 'delete', ...(random(3) === 0 ? { tableId: 0xff } : {}) })
  if (kind < 15) return flowMod({ ...base, command: 'delete_strict' })
  if (kind === 15) return { type: 'barrier_request' }
  const groupId = 1 + random(5)
  const groupType = (['all', 'select', 'indirect', 'ff'] as const)[random(4)]!
  const command = kind < 18 ? 'add' : kind < 19 ? 'modify' : 'delete'
  return groupMod({ groupId, groupType, command, buckets: command === 'delete' ? [] : randomBuckets(random, groupId, groupType) })
}

const flowsOf = (rig: LoopRig): string[] => rig.loop.flows()
  .map(({ tableId, priority, record }) => JSON.stringify([tableId, priority, record.match, record.cookie, record.instructions], bigints)).sort()
const bigints = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

const metersOf = (rig: LoopRig, fake: FakeP4Runtime): string[] => metersText(contents(fake, rig.index), rig.compiler.contract)

async function sweep(seed: number): Promise<{ refused: number; losses: number }> {
  const random = generator(seed)
  const fake = new FakeP4Runtime()
  const rig = new LoopRig(fake.connect, { p4info })
  running.push(rig)
  await rig.barrier()
  let refused = 0
  const rate = [12, 4, 30][seed % 3]!
  const lossRate = [15, 0, 60][seed % 3]!
  /** `done`: a Write of one update that has been carried out; a status would say that it has not. */
  const mayLose = (done: boolean): void => {
    if (lossRate === 0 || random(lossRate) !== 0) return
    fake.onUpdate = null
    switch (done ? 2 : random(3)) {
      // A failed Write that does not say which update it was.
      case 0: throw new RpcError(2, 'unknown')
      case 1: throw new RpcError(2, '', [{ code: 13, message: 'one status for many updates' }])
      default: fake.disconnect()
    }
  }
  const refuse = (): typeof fake.onUpdate => () => {
    if (rate === 0 || random(rate) !== 0) return undefined
    refused++
    return { code: [2, 3, 8, 13, 6, 5][random(4)]!, message: 'on purpose' }
  }
  fake.onUpdate = refuse()
  fake.before = async ({ method }) => {
    for (let wait = random(4); wait > 0; wait--) await turn()
    if (method === 'write' && rig.session.isReady) mayLose(false)
  }
  fake.after = ({ size }) => { if (rig.session.isReady) mayLose(size === 1) }

  const asked: { xid: number; message: Message }[] = []
  const barriers: number[] = []
  for (let step = 0; step < 150; step++) {
    const message = randomMessage(random)
    const xid = rig.send(message)
    if (message.type === 'barrier_request') barriers.push(xid)
    else asked.push({ xid, message })
    if (random(4) === 0) await turn()
    if (random(40) === 0) rig.ports.onChange?.(portDesc(5, random(2)))
    // Once everything is written again, refusing begins anew.
    if (random(10) === 0 && rig.loop.targetState === 'ready') fake.onUpdate = refuse()
  }
  rig.ports.onChange?.(portDesc(5))
  fake.onUpdate = null
  fake.before = null
  fake.after = null
  await rig.barrier()
  for (const xid of barriers) assert.equal((await rig.answer(xid)).type, 'barrier_reply')
  assert.equal(rig.heard.filter(({ message }) => message.type === 'barrier_reply').length, barriers.length + 2)
  const deadline = Date.now() + 5000
  while (rig.loop.pendingChanges > 0 && Date.now() < deadline) await new Promise((resolve) => { setTimeout(resolve, 5) })

  const plain = new FakeP4Runtime()
  const reference = new LoopRig(plain.connect, { p4info })
  running.push(reference)
  await reference.barrier()
  for (const { xid, message } of asked) {
    if (rig.errorOf(xid) !== null) continue
    const again = reference.send(message)
    await reference.barrier()
    assert.equal(reference.errorOf(again), null, `seed ${seed}: request ${xid} was accepted only because another was refused`)
  }
  assert.deepEqual(flowsOf(rig), flowsOf(reference), `seed ${seed}: flows`)
  const [got, wanted] = [rig.text(fake), reference.text(plain)]
  assert.deepEqual(got.lines, wanted.lines, `seed ${seed}: entries`)
  assert.deepEqual(metersOf(rig, fake), metersOf(reference, plain), `seed ${seed}: meters`)
  // Buckets that are not live have no row that leads to them; a switch that nothing was refused has the same.
  assert.equal(got.unused.length, wanted.unused.length, `seed ${seed}: entries that nothing leads to: ${got.unused.join(', ')}`)

  for (const one of [rig, reference]) {
    one.send(flowMod({ command: 'delete', tableId: 0xff }))
    one.send(groupMod({ groupId: 0xfffffffc, command: 'delete' }))
    one.send(meterMod({ meterId: Meter.ALL, command: 'delete' }))
    await one.barrier()
  }
  const [left, right] = [rig.text(fake), reference.text(plain)]
  assert.deepEqual([left.lines, left.unused.length], [right.lines, right.unused.length], `seed ${seed}: the empty switch`)
  assert.deepEqual(metersOf(rig, fake), [], `seed ${seed}: meters of the empty switch`)
  const { losses } = rig.session.statistics
  for (const one of running.splice(0)) await one.stop()
  return { refused, losses }
}

const running: LoopRig[] = []
afterEach(async () => { for (const rig of running.splice(0)) await rig.stop() })

it(`agent, target and controller agree after ${SEEDS} sweeps`, { timeout: 120_000 + SEEDS * 60_000 }, async (t) => {
  const sum = { refused: 0, losses: 0 }
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const { refused, losses } = await sweep(seed)
    sum.refused += refused
    sum.losses += losses
  }
  t.diagnostic(`${sum.refused} updates refused, ${sum.losses} connections lost`)
  assert.ok(sum.refused > SEEDS && sum.losses > SEEDS / 4)
})
