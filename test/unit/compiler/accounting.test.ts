/**
 * Random changes, some of them taken back: a target that is as strict as can be accepts every update, and when all flows,
 * groups and meters are gone, so is everything that they used.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change, FlowRecord, GroupRecord, MeterRecord } from '../../../src/datapath/pipeline.js'
import { MeterFlag, Port, type Action } from '../../../src/openflow/model.js'
import { bucket, compilerFor, exact, flow, meter, output, setField, setPorts, StrictStore } from '../../support/compiler-rig.js'
import { Random } from '../../support/random.js'

function randomActions(random: Random, groups: readonly number[]): Action[] {
  return Array.from({ length: random.below(7) }, (): Action => {
    switch (random.below(groups.length > 0 ? 8 : 7)) {
      case 0: return setField('eth_dst', BigInt(random.below(3)))
      case 1: return { type: 'push_vlan', ethertype: 0x8100 }
      case 2: return { type: 'pop_vlan' }
      case 3: return { type: 'dec_nw_ttl' }
      case 4: return output(random.pick([Port.FLOOD, Port.IN_PORT, Port.CONTROLLER, Port.ALL]))
      case 5: return setField('ipv4_src', BigInt(random.below(3)))
      case 7: return { type: 'group', groupId: random.pick(groups) }
      default: return output(1 + random.below(6))
    }
  })
}

for (let seed = 1; seed <= 12; seed += 1) {
  test(`changes with seed ${seed} leave nothing behind`, () => {
    const random = new Random(seed)
    const compiler = compilerFor('ofswitchd')
    const store = new StrictStore()
    const flows = new Map<number, FlowRecord>()
    const groups = new Map<number, GroupRecord>()
    const meters = new Map<number, MeterRecord>()
    const carryOut = (changes: readonly Change[], takeBack: boolean): boolean => {
      const before = store.snapshot()
      const plan = compiler.plan(changes)
      if (plan.refused) return false
      store.apply(plan.updates.map(({ update }) => update))
      if (!takeBack) {
        compiler.committed(plan)
        return true
      }
      const leftover = plan.revert()
      store.apply(plan.updates.flatMap(({ inverse, revocable }) => (inverse === null || !revocable() ? [] : [inverse])).reverse())
      store.apply(leftover)
      compiler.undo(plan)
      assert.deepEqual(store.snapshot(), before)
      return false
    }
    assert.ok(carryOut([setPorts()], false))
    const empty = store.snapshot()

    for (let step = 1; step <= 250; step += 1) {
      const takeBack = random.below(4) === 0
      const kind = random.below(9)
      if (kind === 6) {
        carryOut([{ op: 'set_ports', ports: [1, 2, 3, 4, 5].map((portNo) => ({ portNo, config: 0, linkUp: random.below(3) > 0 })) }], takeBack)
        continue
      }
      if (kind > 6) {
        const meterId = 1 + random.below(3)
        const before = meters.get(meterId)
        const bands = Array.from({ length: random.below(5) }, () => ({ rate: random.below(4), type: random.pick(['drop', 'dscp_remark'] as const), precLevel: random.below(4) }))
        const record = meter(meterId, random.pick([0, MeterFlag.PKTPS]), ...bands)
        const users = [...flows.values()].filter(({ instructions }) => instructions.meter === meterId)
        if (before === undefined) {
          if (carryOut([{ op: 'add_meter', meter: record }], takeBack)) meters.set(meterId, record)
        } else if (kind === 7) {
          if (carryOut([{ op: 'modify_meter', meter: record, previous: before }], takeBack)) meters.set(meterId, record)
        } else if (carryOut([...users.map((user): Change => ({ op: 'delete_flow', flow: user, wantCounters: false })), { op: 'delete_meter', meter: before }], takeBack)) {
          meters.delete(meterId)
          for (const user of users) flows.delete(user.id)
        }
        continue
      }
      const known = random.pick([...flows.values(), null])
      const groupId = 1 + random.below(4)
      const group = groups.get(groupId)
      const next: GroupRecord = {
        groupId, groupType: random.pick(['all', 'all', 'select', 'ff'] as const),
        buckets: Array.from({ length: random.below(4) }, () => ({
          ...bucket(...randomActions(random, [...groups.keys()].filter((other) => other > groupId))),
          weight: random.below(3), watchPort: random.below(2) === 0 ? 0xffffffff : 1 + random.below(5),
          watchGroup: random.below(3) === 0 && groups.has(groupId + 1) ? groupId + 1 : 0xffffffff,
        })),
      }
      if (kind < 3 || known === null) {
        const id = step
        const record = flow(id, random.below(3), [exact('eth_src', BigInt(id))], {
          apply: randomActions(random, [...groups.keys()]), ...(random.below(4) === 0 ? { write: [output(2), setField('eth_src', 1n)] } : {}),
          ...(random.below(3) === 0 ? { gotoTable: 4 } : {}), ...(random.below(3) === 0 && meters.size > 0 ? { meter: random.pick([...meters.keys()]) } : {}),
        })
        if (carryOut([{ op: 'add_flow', flow: record }], takeBack)) flows.set(id, record)
      } else if (kind === 3) {
        const record = { ...known, instructions: { ...known.instructions, apply: randomActions(random, [...groups.keys()]) } }
        if (carryOut([{ op: 'modify_flow', flow: record, previous: known, resetCounters: false }], takeBack)) flows.set(known.id, record)
      } else if (kind === 4) {
        if (carryOut([{ op: 'delete_flow', flow: known, wantCounters: false }], takeBack)) flows.delete(known.id)
      } else if (group === undefined) {
        if (carryOut([{ op: 'add_group', group: next }], takeBack)) groups.set(groupId, next)
      } else if (carryOut([{ op: 'modify_group', group: next, previous: group }], takeBack)) groups.set(groupId, next)
    }
    for (const record of flows.values()) carryOut([{ op: 'delete_flow', flow: record, wantCounters: false }], false)
    for (const record of [...groups.values()].sort((a, b) => a.groupId - b.groupId)) carryOut([{ op: 'delete_group', group: record }], false)
    for (const record of meters.values()) carryOut([{ op: 'delete_meter', meter: record }], false)
    assert.ok(carryOut([setPorts()], false))
    assert.deepEqual(store.snapshot(), empty)
  })
}
