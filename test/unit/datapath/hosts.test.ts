/** Where NORMAL's hosts are, while hosts move, ports go, and the target is slow, refuses or is away. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Effect } from '../../../src/datapath/index.js'
import { refusal } from '../../../src/datapath/pipeline.js'
import { changesOf, commits, Rig } from '../../support/datapath-rig.js'

const A = 0x020000000001n
const B = 0x020000000002n
const learn = (r: Rig, inPort: number, address = A, vlan = 0): Effect[] => r.step({ kind: 'learned', hosts: [{ inPort, vlan, address }] })
const known = (r: Rig): string[] => r.datapath.hosts().map(({ portNo, vlan, address }) => `${portNo}/${vlan}/${address & 0xffn}`).sort()
const inTarget = (r: Rig): string[] => [...r.pipeline.hosts.values()].map(({ portNo, vlan, address }) => `${portNo}/${vlan}/${address & 0xffn}`).sort()
const vlansOf = (r: Rig, port: number) => r.pipeline.ports.find(({ portNo }) => portNo === port)?.vlans
const idOf = (r: Rig): number => [...r.pipeline.hosts.keys()][0] ?? 0
/** The commits of these effects, still to be answered. */
const slow = (r: Rig, act: () => Effect[]): { readonly ops: string[]; commit(): Effect[]; reject(): Effect[] } => {
  r.auto = false
  const effects = act()
  r.auto = true
  const tokens = commits(effects).map(({ token }) => token)
  return {
    ops: changesOf(effects),
    commit: () => tokens.flatMap((token) => r.step({ kind: 'committed', token })),
    reject: () => tokens.flatMap((token) => r.step({ kind: 'rejected', token, failures: [{ subject: 'other', kind: 'target.full', message: 'full' }] })),
  }
}

describe('hosts', () => {
  it('are learned by VLAN and address, once', () => {
    const r = new Rig()
    assert.deepEqual(changesOf(learn(r, 1)), ['set_host'])
    assert.deepEqual(changesOf(learn(r, 1)), [])
    learn(r, 2, A, 100)
    assert.deepEqual([known(r), inTarget(r)], [['1/0/1', '2/100/1'], ['1/0/1', '2/100/1']])
    assert.deepEqual([...r.pipeline.hosts.values()].map(({ idleTimeout }) => idleTimeout), [300, 300])
  })

  it('are not learned on ports that are none', () => {
    const r = new Rig()
    assert.deepEqual(changesOf(learn(r, 9)), [])
    assert.deepEqual(known(r), [])
  })

  it('are those of the VLANs that a port takes, and forgotten where it takes others', () => {
    const r = new Rig()
    const access = (tag: number) => ({ mode: 'access', tag, trunks: null } as const)
    assert.deepEqual(changesOf(r.step({ kind: 'port_vlans', vlans: new Map([[1, access(10)], [9, access(10)]]) })), ['set_ports'])
    assert.deepEqual([vlansOf(r, 1), vlansOf(r, 2)], [access(10), undefined])
    learn(r, 1, A, 20)
    learn(r, 1, B, 10)
    learn(r, 2, A, 20)
    assert.deepEqual(known(r), ['1/10/2', '2/20/1'])
    assert.deepEqual(changesOf(r.step({ kind: 'port_vlans', vlans: new Map([[1, access(10)]]) })), [], 'nothing new for ports that are there')
    r.step({ kind: 'port_vlans', vlans: new Map([[1, access(20)]]) })
    assert.deepEqual([known(r), inTarget(r)], [['2/20/1'], ['2/20/1']])
    r.step({ kind: 'port_vlans', vlans: new Map() })
    assert.equal(vlansOf(r, 1), undefined)
  })

  it('age as they are told to, and tell how long they have been where they are', () => {
    const r = new Rig({ config: { hostAgeing: 1.5 } })
    learn(r, 1)
    assert.equal([...r.pipeline.hosts.values()][0]?.idleTimeout, 1.5)
    r.at(r.now + 4000)
    assert.deepEqual(r.datapath.hosts().map(({ age }) => age), [4000])
    learn(r, 2)
    assert.deepEqual(r.datapath.hosts().map(({ age }) => age), [0])
  })

  it('move', () => {
    const r = new Rig()
    learn(r, 1)
    assert.deepEqual(changesOf(learn(r, 2)), ['set_host'])
    assert.deepEqual([known(r), inTarget(r)], [['2/0/1'], ['2/0/1']])
  })

  it('that move while a change is in flight are told again', () => {
    const r = new Rig()
    const first = slow(r, () => learn(r, 1))
    assert.deepEqual(changesOf(learn(r, 2)), [])
    first.commit()
    assert.deepEqual(known(r), ['1/0/1'])
    learn(r, 2)
    assert.deepEqual([known(r), inTarget(r)], [['2/0/1'], ['2/0/1']])
  })

  it('are forgotten when they have been silent', () => {
    const r = new Rig()
    learn(r, 1)
    learn(r, 1, B)
    assert.deepEqual(changesOf(r.step({ kind: 'idle', flowIds: [idOf(r)] })), ['delete_host'])
    assert.deepEqual([known(r), inTarget(r)], [['1/0/2'], ['1/0/2']])
  })

  it('are not forgotten for the silence of where they were', () => {
    const r = new Rig()
    learn(r, 1)
    const before = idOf(r)
    learn(r, 2)
    assert.deepEqual(changesOf(r.step({ kind: 'idle', flowIds: [before] })), [])
    assert.deepEqual(known(r), ['2/0/1'])
  })

  it('go with their port', () => {
    const r = new Rig()
    learn(r, 1)
    learn(r, 2, B)
    r.step({ kind: 'port_removed', portNo: 1 })
    assert.deepEqual([known(r), inTarget(r)], [['2/0/2'], ['2/0/2']])
  })

  for (const [what, end] of [['a port goes', (r: Rig) => r.step({ kind: 'port_removed', portNo: 1 })], ['all are forgotten', (r: Rig) => r.step({ kind: 'flush_hosts' })]] as const) {
    it(`in flight when ${what}, they are forgotten afterwards`, () => {
      const r = new Rig()
      const change = slow(r, () => learn(r, 1))
      end(r)
      assert.deepEqual(inTarget(r), ['1/0/1'], 'one change at a time')
      change.commit()
      assert.deepEqual([known(r), inTarget(r)], [[], []])
      assert.equal(r.datapath.pendingChanges, 0)
    })
  }

  it('come back from a refused move, but not to a port that has gone', () => {
    for (const [gone, left] of [[false, ['1/0/1']], [true, []]] as const) {
      const r = new Rig()
      learn(r, 1)
      const move = slow(r, () => learn(r, 2))
      if (gone) r.step({ kind: 'port_removed', portNo: 1 })
      move.reject()
      assert.deepEqual([known(r), inTarget(r)], [left, left])
    }
  })

  it('that the target refuses are not known, and may be learned later', () => {
    const r = new Rig()
    slow(r, () => learn(r, 1)).reject()
    assert.deepEqual([known(r), inTarget(r)], [[], []])
    learn(r, 1)
    assert.deepEqual(known(r), ['1/0/1'])
  })

  it('whose removal is refused are still there', () => {
    const r = new Rig()
    learn(r, 1)
    const removal = slow(r, () => r.step({ kind: 'idle', flowIds: [idOf(r)] }))
    assert.deepEqual(known(r), [])
    removal.reject()
    assert.deepEqual([known(r), inTarget(r)], [['1/0/1'], ['1/0/1']])
  })

  it('that the pipeline has no room for are left out', () => {
    const r = new Rig()
    r.pipeline.refuse = (changes) => (changes.some(({ op }) => op === 'set_host') ? refusal('OFPFMFC_TABLE_FULL', 'full') : null)
    assert.deepEqual(learn(r, 1), [])
    assert.deepEqual(known(r), [])
  })

  it('make room for others, the oldest first', () => {
    const r = new Rig()
    r.step({ kind: 'learned', hosts: Array.from({ length: 8192 }, (_, n) => ({ inPort: 1, vlan: 0, address: 0x020000000000n + BigInt(n) })) })
    // The first one has moved meanwhile.
    learn(r, 2, 0x020000000000n)
    assert.deepEqual(changesOf(learn(r, 3, 0x02ffffffffffn)), ['delete_host', 'set_host'])
    const hosts = r.datapath.hosts()
    assert.equal(hosts.length, 8192)
    assert.deepEqual([0n, 1n, 2n].map((n) => hosts.some(({ address }) => address === 0x020000000000n + n)), [true, false, true])
  })

  it('are learned anew where the target has lost them', () => {
    const r = new Rig()
    learn(r, 1)
    const pending = slow(r, () => learn(r, 1, B))
    r.step({ kind: 'target_lost' })
    r.step({ kind: 'target_ready', fresh: true })
    pending.commit()
    assert.deepEqual([known(r), inTarget(r), r.datapath.pendingChanges], [[], [], 0])
    learn(r, 1)
    learn(r, 1, B)
    assert.deepEqual(known(r), ['1/0/1', '1/0/2'])
  })

  it('stay where the target keeps them, with what happened meanwhile', () => {
    const r = new Rig()
    learn(r, 1)
    learn(r, 2, B)
    r.step({ kind: 'target_lost' })
    r.step({ kind: 'port_removed', portNo: 1 })
    assert.deepEqual(known(r), ['2/0/2'])
    r.step({ kind: 'target_ready', fresh: false })
    assert.deepEqual([known(r), inTarget(r), r.datapath.pendingChanges], [['2/0/2'], ['2/0/2'], 0])
  })
})
