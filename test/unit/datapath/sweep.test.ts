/**
 * Random requests over a target that answers late, in any order, refuses some commits and is lost now and then. Whatever
 * happens, the flows must be those of a plain model that carries out the same requests one after the other and skips the
 * refused ones; the pipeline and the target must hold exactly these flows; every barrier is answered once, in its turn.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Group, Meter, Table } from '../../../src/openflow/index.js'
import type { FlowMod, GroupMod, Match, Message, MeterMod } from '../../../src/openflow/index.js'
import type { Change, Effect, Token } from '../../../src/datapath/index.js'
import type { FakePlan } from '../../support/fake-pipeline.js'
import { Rig, apply, band, bucket, flowMod, groupMod, match, meterMod, output, toGroup } from '../../support/datapath-rig.js'
import { mixing } from '../../support/random.js'

/** All packets of a small world: three bits of a destination address and two ports. */
const packets = Array.from({ length: 16 }, (_, index) => ({ eth_dst: BigInt(index & 7), in_port: BigInt(1 + (index >> 3)) }))
const covers = (m: Match): boolean[] => packets.map((packet) =>
  m.every(({ field, value, mask }) => ((packet[field as 'eth_dst' | 'in_port'] ^ value) & (mask ?? ~0n)) === 0n))
const contains = (wide: Match, narrow: Match): boolean => {
  const [a, b] = [covers(wide), covers(narrow)]
  return b.every((hit, index) => !hit || a[index])
}

interface PlainFlow { tableId: number; priority: number; match: Match; cookie: bigint; out: string }
/** What is done to a packet: the meter, then outputs and groups. */
const outOf = ({ instructions: { meter, apply: list } }: Pick<FlowMod, 'instructions'>): string => JSON.stringify(
  [...meter === null ? [] : [`m${meter}`], ...(list ?? []).map((action) => action.type === 'output' ? action.port : action.type === 'group' ? `g${action.groupId}` : '')])
const same = (a: Match, b: Match): boolean => contains(a, b) && contains(b, a)

class Model {
  flows: PlainFlow[] = []
  groups = new Set<number>()
  /** Rate of the one band, by number. */
  meters = new Map<number, number>()

  flowMod(mod: FlowMod): string | null {
    const out = outOf(mod)
    const { meter } = mod.instructions
    if (!mod.command.startsWith('delete') && meter !== null && !this.meters.has(meter)) return 'OFPMMFC_INVALID_METER'
    const group = /g(\d+)/.exec(out)?.[1]
    if (!mod.command.startsWith('delete') && group !== undefined && !this.groups.has(Number(group))) return 'OFPBAC_BAD_OUT_GROUP'
    const strict = mod.command.endsWith('_strict')
    const selected = this.flows.filter((flow) => (mod.tableId === Table.ALL || flow.tableId === mod.tableId)
      && (strict ? flow.priority === mod.priority && same(flow.match, mod.match) : contains(mod.match, flow.match))
      && ((flow.cookie ^ mod.cookie) & mod.cookieMask) === 0n)
    if (mod.command.startsWith('modify')) for (const flow of selected) flow.out = out
    if (mod.command.startsWith('delete')) this.flows = this.flows.filter((flow) => !selected.includes(flow))
    if (mod.command !== 'add') return null
    const peers = this.flows.filter((flow) => flow.tableId === mod.tableId && flow.priority === mod.priority)
    const twin = peers.find((flow) => same(flow.match, mod.match))
    if (twin === undefined && (mod.flags & 2) !== 0 && peers.some((flow) => covers(flow.match).some((hit, index) => hit && covers(mod.match)[index]))) return 'OFPFMFC_OVERLAP'
    if (twin !== undefined) Object.assign(twin, { cookie: mod.cookie, out })
    else this.flows.push({ tableId: mod.tableId, priority: mod.priority, match: mod.match, cookie: mod.cookie, out })
    return null
  }

  groupMod(mod: GroupMod): string | null {
    if (mod.command === 'add') {
      if (this.groups.has(mod.groupId)) return 'OFPGMFC_GROUP_EXISTS'
      this.groups.add(mod.groupId)
    } else if (mod.command === 'modify') return this.groups.has(mod.groupId) ? null : 'OFPGMFC_UNKNOWN_GROUP'
    else {
      const gone = mod.groupId === Group.ALL ? [...this.groups] : [mod.groupId]
      for (const id of gone) this.groups.delete(id)
      this.flows = this.flows.filter((flow) => !gone.some((id) => flow.out.includes(`"g${id}"`)))
    }
    return null
  }

  meterMod({ command, meterId, bands }: MeterMod): string | null {
    if (command === 'add' && this.meters.has(meterId)) return 'OFPMMFC_METER_EXISTS'
    if (command === 'modify' && !this.meters.has(meterId)) return 'OFPMMFC_UNKNOWN_METER'
    if (command !== 'delete') {
      this.meters.set(meterId, bands[0]!.rate)
      return null
    }
    const gone = meterId === Meter.ALL ? [...this.meters.keys()] : [meterId]
    for (const id of gone) this.meters.delete(id)
    this.flows = this.flows.filter((flow) => !gone.some((id) => flow.out.includes(`"m${id}"`)))
    return null
  }

  carryOut(message: Message): string | null {
    switch (message.type) {
      case 'flow_mod': return this.flowMod(message)
      case 'group_mod': return this.groupMod(message)
      case 'meter_mod': return this.meterMod(message)
      default: return null
    }
  }
}

function randomMessage(random: (below: number) => number): Message {
  const fields = [{}, { in_port: 1 + random(2) }, { eth_dst: [random(8) & 6, 6] as const }, { eth_dst: random(8) }, { in_port: 1, eth_dst: [random(8) & 1, 1] as const }] as const
  const instructions = { ...apply(random(3) === 0 ? toGroup(1 + random(3)) : output(1 + random(3))), meter: random(3) === 0 ? 1 + random(3) : null }
  const kind = random(24)
  const base = { tableId: random(2), priority: random(3), match: sortedMatch(fields[random(fields.length)]!), cookie: BigInt(random(4)), instructions }
  const filter = random(2) === 0 ? { cookieMask: 1n } : {}
  if (kind < 9) return flowMod({ ...base, flags: random(5) === 0 ? 2 : 0 })
  if (kind < 11) return flowMod({ ...base, ...filter, command: 'modify' })
  if (kind < 12) return flowMod({ ...base, ...filter, command: 'modify_strict' })
  if (kind < 14) return flowMod({ ...base, ...filter, command: 'delete', tableId: random(3) === 0 ? Table.ALL : base.tableId })
  if (kind < 15) return flowMod({ ...base, command: 'delete_strict' })
  if (kind < 17) return groupMod({ groupId: 1 + random(3), buckets: [bucket({ actions: [output(1)] })] })
  if (kind < 18) return groupMod({ groupId: random(4) === 0 ? Group.ALL : 1 + random(3), command: 'delete' })
  if (kind < 19) return groupMod({ groupId: 1 + random(3), command: 'modify', buckets: [bucket({ actions: [output(2)] })] })
  if (kind < 21) return meterMod({ meterId: 1 + random(3), bands: [band(random(5))] })
  if (kind < 22) return meterMod({ meterId: random(4) === 0 ? Meter.ALL : 1 + random(3), command: 'delete' })
  if (kind < 23) return meterMod({ meterId: 1 + random(3), command: 'modify', bands: [band(random(5))] })
  return { type: 'barrier_request' }
}
const sortedMatch = (fields: Parameters<typeof match>[0]): Match => [...match(fields)].sort((a, b) => a.field === 'in_port' ? -1 : b.field === 'in_port' ? 1 : 0)

/** What a target holds, by the commits it has carried out. */
class Target {
  flows = new Map<number, string>()
  meters = new Map<number, number>()
  commit(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.op === 'add_flow' || change.op === 'modify_flow') this.flows.set(change.flow.id, outOf(change.flow))
      else if (change.op === 'delete_flow') this.flows.delete(change.flow.id)
      else if (change.op === 'add_meter' || change.op === 'modify_meter') this.meters.set(change.meter.meterId, change.meter.bands[0]!.rate)
      else if (change.op === 'delete_meter') this.meters.delete(change.meter.meterId)
    }
  }
}

function run(seed: number): void {
  const random = mixing(seed)
  const r = new Rig().connect(1)
  r.auto = false
  let target = new Target()
  const model = new Model()
  const open = new Map<Token, FakePlan>()
  const asked = new Map<number, Message>()
  const answers = new Map<number, string>()
  const order: number[] = []
  /** Which requests the target refused; they never happened. */
  const take = (effects: readonly Effect[]): void => {
    for (const effect of effects) {
      if (effect.kind === 'commit') open.set(effect.token, effect.plan as FakePlan)
      if (effect.kind !== 'send') continue
      assert.ok(!answers.has(effect.xid), `request ${effect.xid} is answered once`)
      answers.set(effect.xid, effect.message.type === 'error' ? effect.message.name : effect.message.type)
      if (effect.message.type === 'barrier_reply') {
        // Everything before it has been decided, and is in the target if it was not refused.
        order.push(effect.xid)
      }
    }
  }
  const answerOne = (): void => {
    const tokens = [...open.keys()]
    const token = tokens[random(tokens.length)]
    if (token === undefined) return
    const plan = open.get(token)!
    open.delete(token)
    const own = plan.changes.every((change) => change.op === 'set_miss' || change.op === 'set_ports')
    if (!own && random(6) === 0 && r.datapath.targetState === 'ready') {
      take(r.step({ kind: 'rejected', token, failures: [{ subject: 'other', kind: 'target.rejected', message: 'no' }] }))
    } else {
      target.commit(plan.changes)
      take(r.step({ kind: 'committed', token }))
    }
  }
  const lose = (): void => {
    take(r.step({ kind: 'target_lost' }))
    const before = open.size
    const fresh = random(2) === 0
    if (fresh) target = new Target()
    open.clear()
    for (let i = random(3); i > 0; i--) ask()
    assert.equal(open.size, 0, 'nothing is committed while the target is lost')
    take(r.step({ kind: 'target_ready', fresh }))
    assert.ok(before === 0 || open.size > 0)
  }
  const ask = (): void => {
    const message = randomMessage(random)
    const effects = r.send(1, message)
    asked.set(r.lastXid, message)
    take(effects)
  }
  for (let step = 0; step < 120; step++) {
    const dice = random(20)
    if (dice < 10) ask()
    else if (dice < 19) answerOne()
    else if (random(6) === 0) lose()
  }
  while (open.size > 0) answerOne()

  for (const [xid, message] of asked) {
    const answer = answers.get(xid) ?? null
    if (message.type === 'barrier_request') {
      assert.equal(answer, 'barrier_reply')
      continue
    }
    // The code of a refusing target: the request never happened. Anything else must be what the model says.
    if (answer === 'OFPFMFC_UNKNOWN' || answer === 'OFPGMFC_EPERM' || answer === 'OFPMMFC_UNKNOWN') continue
    assert.equal(model.carryOut(message), answer, `seed ${seed}, request ${xid}`)
  }
  assert.deepEqual(order, [...order].sort((a, b) => a - b))
  const text = (flow: { tableId: number; priority: number; match: Match; cookie: bigint }, out: string): string =>
    `${flow.tableId} ${flow.priority} ${flow.match.map(({ field, value, mask }) => `${field}=${value}/${mask}`).join(',')} ${flow.cookie} ${out}`
  const got = [...r.datapath.flows()].map(({ record }) => text(record, outOf(record))).sort()
  assert.deepEqual(got, model.flows.map((flow) => text(flow, flow.out)).sort(), `seed ${seed}`)
  assert.deepEqual([...r.pipeline.flows.values()].map((record) => text(record, outOf(record))).sort(), got, `seed ${seed}: pipeline`)
  assert.deepEqual([...target.flows].sort((a, b) => a[0] - b[0]), [...r.datapath.flows()].map(({ id, record }) => [id, outOf(record)]).sort((a, b) => (a[0] as number) - (b[0] as number)), `seed ${seed}: target`)
  assert.deepEqual(new Set(r.datapath.groups().map((group) => group.groupId)), model.groups)
  const byId = (meters: Iterable<readonly [number, number]>) => [...meters].sort((a, b) => a[0] - b[0])
  assert.deepEqual(byId([...r.pipeline.meters].map(([id, { bands }]) => [id, bands[0]!.rate])), byId(model.meters), `seed ${seed}: meters`)
  assert.deepEqual(byId(target.meters), byId(model.meters), `seed ${seed}: meters of the target`)
  assert.deepEqual([r.datapath.pendingChanges, r.datapath.backlog(1), r.datapath.connections()[0]?.outstanding], [0, 0, 0])
}

it('is the same as one request after the other, without those the target refused', () => {
  for (let seed = 1; seed <= 400; seed++) run(seed)
})
