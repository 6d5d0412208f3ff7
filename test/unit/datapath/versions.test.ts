/** What later versions than 1.3 ask of the same state: reasons, bucket ids, forwarded requests. Roles are in controllers.test.ts. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BucketId, Group, Port, SAME_ASYNC } from '../../../src/openflow/index.js'
import type { Message, StatsReplyBody } from '../../../src/openflow/index.js'
import { apply, bucket, flowMod, groupMod, meterMod, output, Rig, sent } from '../../support/datapath-rig.js'

const errors = (messages: readonly Message[]): string[] => messages.map((message) => message.type === 'error' ? message.name : message.type)
const groups = (r: Rig): readonly (readonly number[])[] => {
  const [reply] = sent(r.stats(1, { kind: 'group_desc', groupId: Group.ALL }))
  const body = reply?.type === 'stats_reply' ? reply.body : null
  return body?.kind === 'group_desc' ? body.groups.map(({ buckets }) => buckets.map(({ bucketId }) => bucketId)) : []
}

describe('buckets by their ids', () => {
  const three = [0, 1, 2].map((id) => bucket({ bucketId: id, actions: [output(id + 1)] }))
  const change = (command: 'insert_bucket' | 'remove_bucket', place: number, ...ids: number[]): Message => ({
    ...groupMod({ groupId: 1, command, commandBucketId: place }), buckets: ids.map((bucketId) => bucket({ bucketId, actions: [output(1)] })),
  })
  const cases: readonly (readonly [string, Message, readonly number[] | string])[] = [
    ['in front', change('insert_bucket', BucketId.FIRST, 8, 9), [8, 9, 0, 1, 2]],
    ['at the end', change('insert_bucket', BucketId.LAST, 8, 9), [0, 1, 2, 8, 9]],
    ['after one', change('insert_bucket', 1, 8, 9), [0, 1, 8, 9, 2]],
    ['after one that is not there', change('insert_bucket', 7, 8), 'OFPGMFC_UNKNOWN_BUCKET'],
    ['one that is there already', change('insert_bucket', BucketId.LAST, 2), 'OFPGMFC_BUCKET_EXISTS'],
    ['nowhere', change('insert_bucket', BucketId.ALL, 8), 'OFPGMFC_BAD_BUCKET'],
    ['without the first', change('remove_bucket', BucketId.FIRST), [1, 2]],
    ['without the last', change('remove_bucket', BucketId.LAST), [0, 1]],
    ['without one in the middle', change('remove_bucket', 1), [0, 2]],
    ['without all of them', change('remove_bucket', BucketId.ALL), []],
    ['without one that is not there', change('remove_bucket', 7), 'OFPGMFC_UNKNOWN_BUCKET'],
    ['without one that is described', change('remove_bucket', 1, 1), 'OFPGMFC_BAD_BUCKET'],
  ]
  for (const [what, request, expected] of cases) {
    it(what, () => {
      const r = new Rig().connect(1, '1.5')
      r.send(1, groupMod({ groupId: 1, buckets: three }))
      const answers = errors(sent(r.send(1, request)))
      assert.deepEqual(answers, typeof expected === 'string' ? [expected] : [])
      assert.deepEqual(groups(r), [typeof expected === 'string' ? [0, 1, 2] : expected])
    })
  }
  it('of a group that does not exist', () => {
    assert.deepEqual(errors(sent(new Rig().connect(1, '1.5').send(1, change('insert_bucket', BucketId.FIRST, 1)))), ['OFPGMFC_UNKNOWN_GROUP'])
  })
})

it('importance is kept, replaced by an addition and not by a modification', () => {
  const r = new Rig().connect(1, '1.4')
  const importance = (): number | undefined => {
    const [reply] = sent(r.stats(1, { kind: 'flow', tableId: 0, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] }))
    const body: StatsReplyBody | null = reply?.type === 'stats_reply' ? reply.body : null
    return body?.kind === 'flow' ? body.flows[0]?.importance : undefined
  }
  r.send(1, flowMod({ importance: 5 }))
  assert.equal(importance(), 5)
  r.send(1, flowMod({ command: 'modify', importance: 6, instructions: apply(output(2)) }))
  assert.equal(importance(), 5)
  r.send(1, flowMod({ importance: 7 }))
  assert.equal(importance(), 7)
})

describe('forwarded requests', () => {
  it('go to others that asked, after the target has them', () => {
    const r = new Rig().connect(1, '1.4').connect(2, '1.4').connect(3, '1.4').connect(4, '1.3')
    r.send(2, { type: 'set_async', ...SAME_ASYNC, requestForward: [3, 0] })
    r.send(3, { type: 'set_async', ...SAME_ASYNC, requestForward: [2, 0] })
    for (const [request, to] of [[groupMod({ groupId: 1 }), [2]], [meterMod({ meterId: 1 }), [2, 3]], [meterMod({ meterId: 1, command: 'delete' }), [2, 3]]] as const) {
      const effects = r.send(1, request)
      for (const conn of [1, 2, 3, 4]) assert.deepEqual(sent(effects, conn).map((message) => message.type === 'requestforward' && message.request), (to as readonly number[]).includes(conn) ? [request] : [])
    }
  })
  it('are not sent of what was refused', () => {
    const r = new Rig().connect(1, '1.4').connect(2, '1.4')
    r.send(2, { type: 'set_async', ...SAME_ASYNC, requestForward: [3, 0] })
    assert.deepEqual(sent(r.send(1, groupMod({ groupId: 0xfffffff0 })), 2), [])
  })
})

it('a match on Ethernet packets is a match on all', () => {
  const r = new Rig().connect(1, '1.5')
  r.send(1, flowMod({ match: [{ field: 'packet_type', value: 0n, mask: null }] }))
  const [reply] = sent(r.stats(1, { kind: 'flow', tableId: 0, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] }))
  const body = reply?.type === 'stats_reply' ? reply.body : null
  assert.deepEqual(body?.kind === 'flow' && body.flows.map((flow) => flow.match), [[]])
})

describe('refused in 1.5', () => {
  const cases: readonly (readonly [string, Message, string])[] = [
    ['a packet-out with metadata', { type: 'packet_out', bufferId: 0xffffffff, inPort: Port.CONTROLLER, match: [{ field: 'metadata', value: 1n, mask: null }], actions: [output(1)], data: new Uint8Array(60) }, 'OFPBMC_BAD_VALUE'],
    ['an optical port-mod', { type: 'port_mod', portNo: 1, hwAddr: 0x020000000001n, config: 0, mask: 0, advertise: 0, properties: [{ type: 'optical', configure: 1, freqLmda: 1, flOffset: 0, gridSpan: 0, txPwr: 0 }] }, 'OFPBPC_BAD_TYPE'],
    ['copy_field', flowMod({ instructions: apply({ type: 'copy_field', bits: 8, srcOffset: 0, dstOffset: 0, src: 'eth_src', dst: 'eth_dst' }) }), 'OFPBAC_BAD_TYPE'],
    ['a meter that is not there, in the middle of a list', flowMod({ instructions: apply(output(1), { type: 'meter', meterId: 1 }) }), 'OFPMMFC_INVALID_METER'],
    ['a meter in an action set', flowMod({ instructions: { ...apply(), write: [{ type: 'meter', meterId: 1 }] } }), 'OFPBAC_BAD_TYPE'],
  ]
  for (const [what, request, error] of cases) it(what, () => assert.deepEqual(errors(sent(new Rig().connect(1, '1.5').send(1, request))), [error]))
})
