/** VLANs of ports in the compiler: random ones, some of them taken back; what the target then holds says the same as the ports, and at the end nothing is left. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { admit, carries, untags, type PortVlans, type VlanMode } from '../../../src/base/port-vlans.js'
import { Compiler, contractOf, readContract } from '../../../src/compiler/index.js'
import type { NamedEntity, NamedTableEntry } from '../../../src/compiler/ir.js'
import type { Change } from '../../../src/datapath/pipeline.js'
import { P4InfoIndex } from '../../../src/p4info/index.js'
import { Bench, compilerFor, flow, output, PORTS, setPorts, type StrictStore } from '../../support/compiler-rig.js'
import { smallP4Info } from '../../support/loop-rig.js'
import { linear } from '../../support/random.js'
import { Port } from '../../../src/openflow/model.js'

const VLANS = 4096
const range = (first: number, last = first) => ({ first, last })
const withVlans = (vlans: ReadonlyMap<number, PortVlans>): Change => ({
  op: 'set_ports', ports: PORTS.map((portNo) => {
    const own = vlans.get(portNo)
    return { portNo, config: 0, linkUp: true, ...(own === undefined ? {} : { vlans: own }) }
  }),
})

const entriesOf = (store: StrictStore, table: string): readonly NamedTableEntry[] =>
  [...store.entries.values()].filter((entity): entity is NamedTableEntry => entity.kind === 'table' && entity.table.endsWith(`.${table}`))
const prefixOf = ({ match }: NamedTableEntry) => match.flatMap((part) => (part.kind === 'lpm' ? [part] : []))[0]
/** The entry that a target takes for a VLAN, in a key field of 16 bits. */
function longest(entries: readonly NamedTableEntry[], vlan: number): NamedTableEntry | undefined {
  const length = (entry: NamedTableEntry): number => prefixOf(entry)?.prefixLength ?? 0
  return entries.filter((entry) => length(entry) === 0 || vlan >> (16 - length(entry)) === Number(prefixOf(entry)?.value) >> (16 - length(entry))).sort((a, b) => length(b) - length(a))[0]
}
const group = (store: StrictStore, id: number): Extract<NamedEntity, { kind: 'multicast' }> => {
  const found = [...store.entries.values()].find((entity) => entity.kind === 'multicast' && entity.groupId === id)
  assert.ok(found?.kind === 'multicast', `no multicast group ${id}`)
  return found
}

function assertSays(store: StrictStore, vlans: ReadonlyMap<number, PortVlans>): void {
  for (let vlan = 0; vlan < VLANS; vlan += vlan < 64 ? 1 : 31) {
    for (const port of PORTS) {
      const own = vlans.get(port)
      const entries = entriesOf(store, 'admission').filter(({ match }) => match.some((part) => part.kind === 'exact' && part.value === BigInt(port)))
      const action = longest(entries, vlan)?.action
      const name = action?.name.split('.').at(-1) ?? 'admit'
      assert.equal(name === 'deny' ? null : name === 'admit_as' ? Number(action?.params[0]?.value) : vlan, own === undefined ? vlan : admit(own, vlan), `port ${port}, VLAN ${vlan}`)
    }
    const { replicas } = group(store, Number(longest(entriesOf(store, 'unknown'), vlan)?.action?.params[0]?.value))
    const members = PORTS.filter((port) => vlans.get(port) === undefined || carries(vlans.get(port)!, vlan))
    const plain = members.filter((port) => vlans.get(port) === undefined || !untags(vlans.get(port)!, vlan))
    assert.deepEqual(replicas.filter(({ instance }) => instance === 0).map(({ port }) => port).filter((port) => port <= 5).sort(), plain, `flood of VLAN ${vlan}`)
    assert.deepEqual(replicas.filter(({ instance }) => instance !== 0).map(({ port }) => port).sort(), members.filter((port) => !plain.includes(port)), `untagged, VLAN ${vlan}`)
  }
}

describe('VLANs of ports', () => {
  it('are what the target says, and leave nothing behind', () => {
    const below = linear(5)
    const bench = new Bench(compilerFor('ofswitchd'))
    assert.equal(bench.carryOut(setPorts()), null)
    // Numbers of groups are used in turns.
    const held = (): string[] => bench.store.snapshot().map((line) => line.replace(/multicast[ =]\d+/g, 'multicast')).sort()
    const empty = held()
    const modes: readonly VlanMode[] = ['access', 'trunk', 'native-tagged', 'native-untagged']
    let now: ReadonlyMap<number, PortVlans> = new Map()
    for (let round = 0; round < 25; round += 1) {
      const next = new Map(now)
      for (const port of PORTS) {
        if (below(2) === 0) continue
        const mode = modes[below(4)]!
        const first = below(60)
        const trunks = mode === 'access' || below(3) === 0 ? null : [range(first, first + below(9)), range(100, 100 + below(900))]
        if (below(4) === 0 || mode === 'trunk' && trunks === null) next.delete(port)
        else next.set(port, { mode, tag: mode === 'trunk' ? 0 : below(40), trunks })
      }
      const takeBack = below(3) === 0
      assert.equal(bench.carryOut(withVlans(next), takeBack), null)
      if (!takeBack) now = next
      if (!takeBack) assertSays(bench.store, now)
    }
    assert.ok(now.size > 0)
    assert.equal(bench.carryOut(withVlans(new Map())), null)
    assert.deepEqual(held(), empty)
  })

  it('cost nothing where no port has any', () => {
    const bench = new Bench(compilerFor('ofswitchd'))
    assert.equal(bench.carryOut(setPorts()), null)
    assert.deepEqual([entriesOf(bench.store, 'admission').length, entriesOf(bench.store, 'unknown').length], [0, 1])
    const before = bench.store.entries.size
    assert.equal(bench.carryOut({ op: 'add_flow', flow: flow(1, 0, [], { apply: [output(Port.FLOOD), output(1)] }) }), null)
    assert.ok(bench.store.entries.size > before)
  })

  it('that are the same at many ports are told by few', () => {
    const bench = new Bench(compilerFor('ofswitchd'))
    const own: PortVlans = { mode: 'access', tag: 7, trunks: null }
    assert.equal(bench.carryOut(withVlans(new Map(PORTS.map((port) => [port, own])))), null)
    // All denied but what has no VLAN; floods of VLAN 7, and of all others, which go nowhere.
    assert.deepEqual([entriesOf(bench.store, 'admission').length, entriesOf(bench.store, 'unknown').length], [2 * PORTS.length, 2])
  })

  it('a known host is reached without the tag where its port has it so', () => {
    const bench = new Bench(compilerFor('ofswitchd'))
    assert.equal(bench.carryOut(withVlans(new Map([[1, { mode: 'access', tag: 10, trunks: null }], [2, { mode: 'native-untagged', tag: 10, trunks: null }]]))), null)
    for (const [portNo, vlan] of [[1, 10], [2, 10], [2, 11], [3, 10]] as const) {
      assert.equal(bench.carryOut({ op: 'set_host', host: { id: 100 * portNo + vlan, vlan, address: BigInt(portNo), portNo, idleTimeout: 300 }, previous: null }), null)
    }
    const untagged = entriesOf(bench.store, 'destination').map(({ action }) => Number(action?.params.find(({ name }) => name === 'untag')?.value))
    assert.deepEqual(untagged, [1, 1, 0, 0])
  })

  it('that need too much room are told before', () => {
    const odd: PortVlans = { mode: 'trunk', tag: 0, trunks: Array.from({ length: 2048 }, (_, index) => range(2 * index + 1)) }
    const small = readContract(P4InfoIndex.parse(smallP4Info(2, { 'normal.admission': 3, 'normal.unknown': 3 })))
    const targetPorts = new Map(PORTS.map((port) => [port, port]))
    const why = (compiler: Compiler, ...vlans: PortVlans[]): string | null => compiler.whyNotVlans(new Map(vlans.map((each, index) => [index + 1, each])))
    const access: PortVlans = { mode: 'access', tag: 7, trunks: null }
    const compiler = new Compiler({ contract: small, targetPorts })
    assert.equal(why(compiler), null)
    assert.equal(why(compiler, access), null)
    assert.match(why(compiler, access, access) ?? '', /^they need 4 entries of \S+\.admission, which has room for 3$/)
    assert.match(why(compiler, { ...access, mode: 'native-untagged' }, { ...access, mode: 'native-untagged', tag: 9 }) ?? '', /^they need 4 entries of \S+\.unknown, which has room for 3$/)
    assert.equal(why(compilerFor('ofswitchd'), odd), null)
    const share = new Compiler({ contract: contractOf(readContract(P4InfoIndex.parse(smallP4Info(16384))), { index: 15, count: 16 }), targetPorts })
    assert.match(why(share, odd) ?? '', /admission, which has room for 1024$/)
    assert.equal(why(compilerFor('examples/l2'), access), 'the pipeline cannot leave VLANs out at a port')
  })
})
