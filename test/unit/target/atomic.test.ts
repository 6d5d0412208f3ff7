/** DATAPLANE_ATOMIC: all of a Write or nothing, counters included, and no packet in between. P4RT 1.4 §12.2 */
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { p4 } from '../../../src/p4proto/generated.js'
import { Type, codesOf, rigWith } from './rig.js'
import type { EntrySpec, Rig } from './rig.js'

const atomicity = p4.v1.WriteRequest.Atomicity.DATAPLANE_ATOMIC
let rig: Rig
beforeEach(async () => { rig = await rigWith('tables') })

const update = (type: p4.v1.Update.Type, spec: EntrySpec): p4.v1.IUpdate => ({ type, entity: { tableEntry: rig.client.entry(spec) } })
const write = (...updates: p4.v1.IUpdate[]): Promise<void> =>
  rig.client.service.write({ deviceId: 1, electionId: rig.client.electionId, atomicity, updates })
const flow = (a: number, x: number, priority = 10): EntrySpec =>
  ({ table: 'ternary_t', match: { 'h.k.a': a }, priority, action: ['counted', { x }] })
const group = (type: p4.v1.Update.Type, id: number, ...ports: number[]): p4.v1.IUpdate => ({
  type, entity: { packetReplicationEngineEntry: { multicastGroupEntry: { multicastGroupId: id, replicas: ports.map((port) => ({ port: Uint8Array.of(port), instance: 1 })) } } },
})
/** All entries with their counters, the default entries and the multicast groups. */
const all = async (): Promise<string> => (await rig.client.read(
  { tableEntry: { counterData: {} } }, { tableEntry: { isDefaultAction: true } }, { packetReplicationEngineEntry: { multicastGroupEntry: {} } },
)).map((entity) => JSON.stringify(entity)).sort().join('\n')

test('all updates are in place, in their order', async () => {
  await write(update(Type.INSERT, flow(1, 1)), update(Type.INSERT, flow(2, 2)), update(Type.DELETE, flow(1, 1)), update(Type.INSERT, flow(1, 3)), group(Type.INSERT, 5, 1, 2))
  assert.match(await all(), /multicastGroupId":5/)
  assert.equal((await rig.client.read({ tableEntry: { tableId: rig.client.table('ternary_t').id } })).length, 2)
})

test('after one that is refused nothing has changed', async () => {
  await rig.client.insert(flow(1, 1), flow(2, 2))
  await rig.client.group(5, [[1, 1]])
  await rig.client.setDefault('exact_t', ['set', { x: 3 }])
  rig.inject(1, `03${'00000001'}${'0000'}${'000000000000'}00000000`)
  const before = await all()
  assert.match(before, /"packetCount":1/)
  const codes = await codesOf(write(
    update(Type.DELETE, flow(1, 1)), update(Type.INSERT, flow(1, 9)), update(Type.MODIFY, { ...flow(2, 7), more: { counterData: { packetCount: 0, byteCount: 0 } } }),
    update(Type.INSERT, flow(3, 3)), group(Type.MODIFY, 5, 1, 2), group(Type.INSERT, 6, 3),
    { type: Type.MODIFY, entity: { tableEntry: { ...rig.client.entry({ table: 'exact_t', action: ['set', { x: 4 }] }), isDefaultAction: true } } },
    group(Type.DELETE, 5), update(Type.INSERT, flow(3, 3)), update(Type.INSERT, flow(4, 4)),
  ))
  assert.deepEqual(codes, [0, 0, 0, 0, 0, 0, 0, 0, 6, 0])
  assert.equal(await all(), before)
})
