/** Digests of the pipeline: what the target is asked for, and what its lists say. P4RT 1.4 §9.9 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { P4InfoIndex } from '../../../src/p4info/index.js'
import { p4 } from '../../../src/p4proto/generated.js'
import { Digests } from '../../../src/p4runtime/digests.js'

const read = (name: string): P4InfoIndex => P4InfoIndex.parse(readFileSync(join(process.cwd(), name), 'utf8'))
const index = read('p4/ofswitchd.p4info.txtpb')
const digests = new Digests(index)
const id = index.digests.get('host_t')?.id ?? 0
const record = (...values: readonly (readonly number[])[]): p4.v1.IP4Data => ({ struct: { members: values.map((bytes) => ({ bitstring: Uint8Array.from(bytes) })) } })

describe('digests', () => {
  it('are asked for at first by an insert, then by a modify', () => {
    const [entry, ...others] = digests.configuration(false)
    assert.deepEqual(others, [])
    assert.equal(entry?.type, p4.v1.Update.Type.INSERT)
    assert.equal(entry.entity?.digestEntry?.digestId, id)
    assert.ok(Number(entry.entity.digestEntry.config?.ackTimeoutNs) > Number(entry.entity.digestEntry.config?.maxTimeoutNs))
    assert.deepEqual(digests.configuration(true).map(({ type }) => type), [p4.v1.Update.Type.MODIFY])
  })

  it('are read by name', () => {
    const list = { digestId: id, listId: 1, data: [record([3], [0x64], [2, 0, 0, 0, 0, 1], [0]), record([0xff, 0xff, 0xff, 0xfe], [0], [0], [0])] }
    assert.deepEqual(digests.decode(list), {
      digest: 'host_t', records: [{ in_port: 3n, vlan: 100n, address: 0x020000000001n, instance: 0n }, { in_port: 0xfffffffen, vlan: 0n, address: 0n, instance: 0n }],
    })
  })

  it('with members that are missing are zero, and empty lists are empty', () => {
    assert.deepEqual(digests.decode({ digestId: id, data: [record([1]), {}] })?.records, [{ in_port: 1n, vlan: 0n, address: 0n, instance: 0n }, { in_port: 0n, vlan: 0n, address: 0n, instance: 0n }])
    assert.deepEqual(digests.decode({ digestId: id })?.records, [])
  })

  it('of another program are none of ours', () => {
    assert.equal(digests.decode({ digestId: id + 1, data: [record([1])] }), null)
    assert.equal(digests.decode({}), null)
  })

  it('are not asked for where the program has none', () => {
    assert.deepEqual(new Digests(read('p4/examples/l2.p4info.txtpb')).configuration(false), [])
  })
})
