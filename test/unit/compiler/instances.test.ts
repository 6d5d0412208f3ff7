/** The parts that switches on one target have of it: nothing is in two of them, and together they are no more than the whole. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readFileSync } from 'node:fs'
import { contractOf, readContract } from '../../../src/compiler/index.js'
import type { Contract } from '../../../src/compiler/contract.js'
import { belongsTo } from '../../../src/compiler/instances.js'
import { idAfter, ownerOf, standaloneId } from '../../../src/datapath/flow-ids.js'
import { P4InfoIndex } from '../../../src/p4info/index.js'

const whole = readContract(P4InfoIndex.parse(readFileSync('p4/ofswitchd.p4info.txtpb', 'utf8')))
const parts = (count: number): readonly Contract[] => Array.from({ length: count }, (_, index) => contractOf(whole, { index, count }))

/** The numbers of each kind are given out without a gap. */
function areSideBySide(all: readonly Contract[]): void {
  for (const name of Object.keys(whole.numbers) as (keyof Contract['numbers'])[]) {
    let next = whole.numbers[name].first
    for (const { numbers } of all) {
      assert.equal(numbers[name].first, next, name)
      next = numbers[name].last + 1
    }
    assert.equal(next, whole.numbers[name].last + 1, name)
  }
}

describe('parts of a target', () => {
  it('are the whole where there is one switch', () => { assert.equal(contractOf(whole, { index: 0, count: 1 }), whole) })

  for (const count of [2, 3, 7, 16]) {
    it(`of ${count} switches: numbers lie side by side, room adds up`, () => {
      const all = parts(count)
      areSideBySide(all)
      const sum = (size: (contract: Contract) => number): number => all.reduce((total, one) => total + size(one), 0)
      for (const size of [
        (one: Contract) => one.tables[3]?.size ?? 0, (one: Contract) => one.group?.size ?? 0, (one: Contract) => one.group?.failover?.size ?? 0,
        (one: Contract) => one.normal?.source.size ?? 0, (one: Contract) => one.multicastNodes, (one: Contract) => one.meters?.slots ?? 0,
      ]) assert.equal(sum(size), size(whole))
    })
  }

  it('may be unlike: in proportion to the weights, side by side, and no more than the whole', () => {
    const weights = [1, 99, 7, 100]
    const all = weights.map((_, index) => contractOf(whole, { index, count: weights.length, weights }))
    areSideBySide(all)
    assert.deepEqual(all.map((one) => one.tables[0]?.size), [79, 7835, 555, 7915])
    assert.equal(all.reduce((total, one) => total + (one.tables[0]?.size ?? 0), 0), whole.tables[0]?.size)
    const even = { index: 1, count: 3 }
    assert.deepEqual(contractOf(whole, { ...even, weights: [5, 5, 5] }).numbers, contractOf(whole, even).numbers)
  })

  it('the least of them has what a switch needs', () => {
    const weights = Array.from({ length: 16 }, (_, index) => (index === 3 ? 1 : 100))
    const { numbers, tables, group, normal } = contractOf(whole, { index: 3, count: 16, weights })
    for (const [name, { first, last }] of Object.entries(numbers)) assert.ok(last - first >= 1, name)
    for (const size of [tables[0]?.size, group?.size, normal?.source.size, normal?.flood.size]) assert.ok((size ?? 0) > 1)
  })

  it('say of every entry whose it is: of one switch exactly', () => {
    const owners = parts(3).map((contract, index) => belongsTo(contract, (port) => port === index + 1, (port) => port !== index + 1 && port >= 1 && port <= 3))
    const entry = (table: string, field: string, value: number) => ({
      kind: 'table' as const, table, match: [{ field, kind: 'exact' as const, value: BigInt(value) }], priority: 0, action: null, idleTimeout: 0,
      controllerMetadata: 0, metadata: new Uint8Array(0), resetCounters: false,
    })
    const flows = whole.tables[0]?.table ?? ''
    const cases: readonly (readonly [Parameters<typeof owners[0]>[0], number])[] = [
      [entry(flows, 'instance', 0), 0], [entry(flows, 'instance', 2), 2],
      [entry(whole.portIn.table, whole.portIn.key, 2), 1],
      // Of no switch, or of all: the first one looks after it.
      [entry(whole.portIn.table, whole.portIn.key, 9), 0],
      [entry(whole.replica?.table ?? '', whole.replica?.key ?? '', whole.fork?.emit ?? 0), 0], [{ kind: 'multicast', groupId: whole.fork?.group ?? 0, replicas: [] }, 0],
      [{ kind: 'multicast', groupId: 4096, replicas: [] }, 2],
      [{ kind: 'meter', meter: 'kbps', index: 4095 * 8 + 7, config: null }, 2], [{ kind: 'meter', meter: 'kbps', index: 0, config: null }, 0],
    ]
    for (const [entity, owner] of cases) assert.deepEqual(owners.map((isOwn) => isOwn(entity)), [0, 1, 2].map((index) => index === owner), JSON.stringify(entity, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)))
  })

  it('a pipeline without the key has room for one', () => {
    assert.equal(readContract(P4InfoIndex.parse(readFileSync('p4/examples/l2.p4info.txtpb', 'utf8'))).instances, 1)
    assert.equal(whole.instances, 16)
  })
})

describe('numbers of flows', () => {
  it('tell whose they are, and come round before they meet those of the switches themselves', () => {
    for (const count of [1, 2, 5, 16]) {
      for (let index = 0; index < count; index++) {
        const share = { index, count }
        assert.equal(ownerOf(standaloneId(share), count), index)
        let id = 0
        for (let step = 0; step < 40; step++) {
          id = idAfter(share, id)
          assert.ok(id > 0)
          assert.equal(ownerOf(id, count), index)
        }
        const last = 0xffffffef - (0xffffffef - index) % count
        assert.equal(idAfter(share, last), index === 0 ? count : index)
      }
    }
  })
})
