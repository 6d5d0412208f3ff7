/** Hosts in the compiler: random ones that come, move and go, some of them taken back, leave nothing behind; full tables refuse. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Compiler, readContract } from '../../../src/compiler/index.js'
import type { HostRecord } from '../../../src/datapath/pipeline.js'
import { P4InfoIndex } from '../../../src/p4info/index.js'
import { Bench, compilerFor, PORTS, setPorts } from '../../support/compiler-rig.js'
import { smallP4Info } from '../../support/loop-rig.js'
import { linear } from '../../support/random.js'

const host = (id: number, n: number, portNo: number, vlan = 0): HostRecord => ({ id, vlan, address: 0x020000000000n + BigInt(n), portNo, idleTimeout: 300 })

it('hosts come, move and go, and leave nothing behind', () => {
  const below = linear(7)
  const bench = new Bench(compilerFor('ofswitchd'))
  assert.equal(bench.carryOut(setPorts()), null)
  const empty = bench.store.snapshot()
  const hosts = new Map<number, HostRecord>()
  for (let id = 1; id <= 600; id += 1) {
    const n = below(6)
    const known = hosts.get(n)
    const takeBack = below(3) === 0
    if (known !== undefined && below(3) === 0) {
      assert.equal(bench.carryOut({ op: 'delete_host', host: known }, takeBack), null)
      if (!takeBack) hosts.delete(n)
      continue
    }
    const others = PORTS.filter((port) => port !== known?.portNo)
    const record = host(id, n % 3, others[below(others.length)] ?? 1, n < 3 ? 0 : 100)
    assert.equal(bench.carryOut({ op: 'set_host', host: record, previous: known ?? null }, takeBack), null)
    if (!takeBack) hosts.set(n, record)
    assert.equal(bench.store.entries.size - empty.length, 2 * hosts.size, 'two entries each')
  }
  assert.ok(hosts.size > 0)
  for (const record of hosts.values()) assert.equal(bench.carryOut({ op: 'delete_host', host: record }), null)
  assert.deepEqual(bench.store.snapshot(), empty)
})

it('full tables refuse further hosts, and a plan that is taken back gives its room back', () => {
  const info = P4InfoIndex.parse(smallP4Info(2, { 'normal.source': 2, 'normal.destination': 2 }))
  const bench = new Bench(new Compiler({ contract: readContract(info), targetPorts: new Map(PORTS.map((port) => [port, port])) }))
  assert.equal(bench.carryOut(setPorts()), null)
  const set = (id: number, n: number, port: number, previous: HostRecord | null = null, takeBack = false): string | null =>
    bench.carryOut({ op: 'set_host', host: host(id, n, port), previous }, takeBack)
  assert.equal(set(1, 1, 1), null)
  assert.equal(set(2, 2, 1, null, true), null)
  assert.equal(set(3, 2, 1), null)
  assert.equal(set(4, 3, 1), 'OFPFMFC_TABLE_FULL')
  assert.equal(set(5, 2, 3, host(3, 2, 1), true), null)
  assert.equal(bench.carryOut({ op: 'delete_host', host: host(1, 1, 1) }, true), null)
  assert.equal(set(6, 3, 1), 'OFPFMFC_TABLE_FULL', 'a removal that is taken back makes no room')
  assert.equal(bench.carryOut({ op: 'delete_host', host: host(1, 1, 1) }), null)
  assert.equal(set(7, 3, 1), null)
  assert.equal(set(8, 4, 9), 'OFPBAC_BAD_OUT_PORT')
})
