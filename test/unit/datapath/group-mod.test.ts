import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FlowModFlag, Group } from '../../../src/openflow/index.js'
import type { GroupMod } from '../../../src/openflow/index.js'
import { FakePipeline, fakeFeatures } from '../../support/fake-pipeline.js'
import { Rig, apply, bucket, changesOf, errors, flowMod, groupMod, output, sent, setField, toGroup } from '../../support/datapath-rig.js'

const to1 = bucket({ actions: [output(1)] })
const watching = (watchPort: number) => bucket({ watchPort, actions: [output(watchPort)] })
const chain = (groupId: number) => bucket({ actions: [toGroup(groupId)] })

describe('group-mod', () => {
  const cases: readonly (readonly [string, readonly (Partial<GroupMod> & { readonly groupId: number })[], string | null])[] = [
    ['an ALL group', [{ groupId: 1, buckets: [to1, to1] }], null],
    ['a group without buckets', [{ groupId: 1 }], null],
    ['a group that exists', [{ groupId: 1 }, { groupId: 1 }], 'OFPGMFC_GROUP_EXISTS'],
    ['a reserved id', [{ groupId: Group.ALL }], 'OFPGMFC_INVALID_GROUP'],
    ['INDIRECT with one bucket', [{ groupId: 1, groupType: 'indirect', buckets: [to1] }], null],
    ['INDIRECT with two buckets', [{ groupId: 1, groupType: 'indirect', buckets: [to1, to1] }], 'OFPGMFC_INVALID_GROUP'],
    ['INDIRECT without a bucket', [{ groupId: 1, groupType: 'indirect' }], 'OFPGMFC_INVALID_GROUP'],
    ['a weight in an ALL group', [{ groupId: 1, buckets: [{ ...to1, weight: 1 }] }], 'OFPGMFC_INVALID_GROUP'],
    ['weights in a SELECT group', [{ groupId: 1, groupType: 'select', buckets: [{ ...to1, weight: 7 }] }], null],
    ['a FF bucket that watches nothing', [{ groupId: 1, groupType: 'ff', buckets: [to1] }], 'OFPGMFC_INVALID_GROUP'],
    ['FF buckets that watch ports', [{ groupId: 1, groupType: 'ff', buckets: [watching(1), watching(2)] }], null],
    ['a FF bucket that watches no port of ours', [{ groupId: 1, groupType: 'ff', buckets: [watching(99)] }], 'OFPGMFC_BAD_WATCH'],
    ['a FF bucket that watches a group that is not there', [{ groupId: 1, groupType: 'ff', buckets: [{ ...to1, watchGroup: 9 }] }], 'OFPGMFC_BAD_WATCH'],
    ['an ALL bucket that watches', [{ groupId: 1, buckets: [watching(1)] }], 'OFPGMFC_WATCH_UNSUPPORTED'],
    ['an impossible port', [{ groupId: 1, buckets: [bucket({ actions: [output(0)] })] }], 'OFPBAC_BAD_OUT_PORT'],
    ['an action that is not there', [{ groupId: 1, buckets: [bucket({ actions: [{ type: 'set_queue', queueId: 1 }] })] }], 'OFPBAC_BAD_TYPE'],
    ['a value that is too large', [{ groupId: 1, buckets: [bucket({ actions: [setField('ip_dscp', 64)] })] }], 'OFPBAC_BAD_SET_ARGUMENT'],
    ['output to a group that is not there', [{ groupId: 1, buckets: [chain(2)] }], 'OFPBAC_BAD_OUT_GROUP'],
    ['output to another group', [{ groupId: 2, buckets: [to1] }, { groupId: 1, buckets: [chain(2)] }], null],
    ['output to itself', [{ groupId: 1, buckets: [chain(1)] }], 'OFPGMFC_LOOP'],
    ['a loop through another group', [{ groupId: 2 }, { groupId: 1, buckets: [chain(2)] }, { groupId: 2, command: 'modify', buckets: [chain(1)] }], 'OFPGMFC_LOOP'],
    ['modification of nothing', [{ groupId: 1, command: 'modify' }], 'OFPGMFC_UNKNOWN_GROUP'],
    ['modification to another type', [{ groupId: 1 }, { groupId: 1, command: 'modify', groupType: 'select', buckets: [to1] }], null],
    ['deletion of nothing', [{ groupId: 1, command: 'delete' }], null],
    ['deletion with buckets', [{ groupId: 1, command: 'delete', buckets: [to1] }], 'OFPGMFC_INVALID_GROUP'],
    ['deletion of a group another one outputs to', [{ groupId: 2 }, { groupId: 1, buckets: [chain(2)] }, { groupId: 2, command: 'delete' }], 'OFPGMFC_CHAINED_GROUP'],
    ['more groups than there can be', [0, 1, 2, 3, 4, 5, 6, 7, 8].map((groupId) => ({ groupId })), 'OFPGMFC_OUT_OF_GROUPS'],
  ]
  for (const [text, mods, error] of cases) {
    it(`${error ?? 'accepted'}: ${text}`, () => {
      const r = new Rig().connect(1)
      const last = mods.length - 1
      for (const mod of mods.slice(0, last)) assert.deepEqual(errors(r.send(1, groupMod(mod))), [])
      assert.deepEqual(errors(r.send(1, groupMod(mods[last]!))), error === null ? [] : [error])
      assert.deepEqual(r.datapath.groups(), [...r.pipeline.groups.values()])
    })
  }

  it('is refused where the pipeline lacks types, weights, liveness or chains', () => {
    const base = fakeFeatures()
    const r = new Rig({ pipeline: new FakePipeline({ ...base, groups: { ...base.groups, types: ['all', 'select'], capabilities: 0 } }) }).connect(1)
    r.send(1, groupMod({ groupId: 9, buckets: [to1] }))
    for (const [mod, error] of [
      [{ groupId: 1, groupType: 'ff', buckets: [watching(1)] }, 'OFPGMFC_BAD_TYPE'],
      [{ groupId: 1, groupType: 'select', buckets: [{ ...to1, weight: 2 }] }, 'OFPGMFC_WEIGHT_UNSUPPORTED'],
      [{ groupId: 1, groupType: 'select', buckets: [{ ...watching(1), weight: 1 }] }, 'OFPGMFC_WATCH_UNSUPPORTED'],
      [{ groupId: 1, buckets: [chain(9)] }, 'OFPGMFC_CHAINING_UNSUPPORTED'],
    ] as const) assert.deepEqual(errors(r.send(1, groupMod(mod))), [error])
  })

  it('takes the flows that refer to it along, and says so', () => {
    const r = new Rig().connect(1).connect(2, '1.0')
    r.send(1, groupMod({ groupId: 1, buckets: [to1] }))
    r.send(1, groupMod({ groupId: 2, buckets: [to1] }))
    r.send(1, flowMod({ priority: 1, flags: FlowModFlag.SEND_FLOW_REM, instructions: apply(toGroup(1)) }))
    r.send(1, flowMod({ priority: 2, flags: FlowModFlag.SEND_FLOW_REM, instructions: apply(toGroup(2)) }))
    const effects = r.send(1, groupMod({ groupId: 1, command: 'delete' }))
    assert.deepEqual(changesOf(effects), ['delete_flow', 'delete_group'])
    const [removed, ...more] = sent(effects, 1)
    assert.deepEqual(more, [])
    assert.ok(removed?.type === 'flow_removed')
    assert.deepEqual([removed.reason, removed.priority], ['group_delete', 1])
    assert.deepEqual(sent(effects, 2), [], '1.0 has no such reason')
    assert.deepEqual([...r.datapath.flows()].map((flow) => flow.priority), [2])
  })

  it('deletes all groups, parents first', () => {
    const r = new Rig().connect(1)
    r.send(1, groupMod({ groupId: 1, buckets: [to1] }))
    r.send(1, groupMod({ groupId: 2, buckets: [chain(1)] }))
    r.send(1, flowMod({ instructions: apply(toGroup(2)) }))
    assert.deepEqual(errors(r.send(1, groupMod({ groupId: Group.ALL, command: 'delete' }))), [])
    assert.deepEqual([r.datapath.groups(), r.pipeline.groups.size, r.pipeline.flows.size], [[], 0, 0])
  })
})
