import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FlowModFlag, NO_INSTRUCTIONS, Table } from '../../../src/openflow/index.js'
import type { FlowMod } from '../../../src/openflow/index.js'
import { Rig, apply, changesOf, commits, errors, flowMod, groupMod, kindsSent, match, output, sent, toGroup, bucket } from '../../support/datapath-rig.js'
import type { VERSION } from '../../support/datapath-rig.js'
import type { FakePlan } from '../../support/fake-pipeline.js'

type Version = keyof typeof VERSION
const rig = (version: Version = '1.3'): Rig => new Rig().connect(1, version)
const onlyFlow = (r: Rig) => {
  const [flow, ...more] = [...r.datapath.flows()]
  assert.equal(more.length, 0)
  assert.ok(flow)
  return flow
}
const tcp = match({ eth_type: 0x0800, ip_proto: 6 })

describe('flow-mod: add', () => {
  it('adds a flow and says nothing', () => {
    const r = rig()
    const effects = r.send(1, flowMod({ match: tcp, cookie: 7n, idleTimeout: 3 }))
    assert.deepEqual(changesOf(effects), ['add_flow'])
    assert.deepEqual(sent(effects), [])
    const { record } = onlyFlow(r)
    assert.deepEqual([record.tableId, record.priority, record.cookie, record.idleTimeout], [0, 100, 7n, 3])
  })

  for (const [version, flags, resets] of [
    ['1.0', 0, true], ['1.1', 0, true], ['1.2', 0, false], ['1.3', 0, false], ['1.3', FlowModFlag.RESET_COUNTS, true],
  ] as const) {
    it(`replaces an identical entry; ${version} ${flags === 0 ? 'without' : 'with'} RESET_COUNTS ${resets ? 'clears' : 'keeps'} the counters`, () => {
      const r = rig(version)
      r.send(1, flowMod({ match: tcp, cookie: 1n }))
      const { id } = onlyFlow(r)
      r.now += 5000
      const effects = r.send(1, flowMod({ match: tcp, cookie: 2n, flags, instructions: apply(output(2)) }))
      const [change] = (commits(effects)[0]?.plan as FakePlan).changes
      assert.ok(change?.op === 'modify_flow')
      assert.equal(change.resetCounters, resets)
      const flow = onlyFlow(r)
      assert.deepEqual([flow.id, flow.record.cookie, flow.createdAt], [id, 2n, r.now], 'same id, new cookie, new duration')
      assert.deepEqual(kindsSent(r.effects), [], 'no flow-removed')
    })
  }

  it('keeps entries apart that differ in priority, table or match', () => {
    const r = rig()
    for (const given of [{ priority: 1 }, { priority: 2 }, { tableId: 1 }, { match: tcp }]) r.send(1, flowMod(given))
    assert.equal([...r.datapath.flows()].length, 4)
    assert.equal(r.datapath.flowCount(0), 3)
  })

  const overlap = FlowModFlag.CHECK_OVERLAP
  for (const [text, first, second, refused] of [
    ['an overlapping match of the same priority', { match: tcp }, { match: match({ in_port: 1 }) }, true],
    ['a match that contains the other', { match: tcp }, { match: match({ eth_type: 0x0800 }) }, true],
    ['a disjoint match', { match: tcp }, { match: match({ eth_type: 0x0806 }) }, false],
    ['masks that exclude one another', { match: match({ eth_dst: [0x010000000000, 0x010000000000] }) }, { match: match({ eth_dst: [2, 0x010000000002] }) }, false],
    ['another priority', { match: tcp }, { match: match({ in_port: 1 }), priority: 101 }, false],
    ['another table', { match: tcp }, { match: match({ in_port: 1 }), tableId: 1 }, false],
    ['the identical entry, which is replaced as Open vSwitch does', { match: tcp }, { match: tcp, cookie: 5n }, false],
  ] as const) {
    it(`CHECK_OVERLAP ${refused ? 'refuses' : 'accepts'} ${text}`, () => {
      const r = rig()
      r.send(1, flowMod(first))
      assert.deepEqual(errors(r.send(1, flowMod({ ...second, flags: overlap }))), refused ? ['OFPFMFC_OVERLAP'] : [])
    })
  }

  it('passes on the refusal of the pipeline, and nothing has changed', () => {
    const r = rig()
    r.pipeline.refuseFlows('OFPFMFC_TABLE_FULL', 'table0 is full')
    const effects = r.send(1, flowMod())
    assert.deepEqual(errors(effects), ['OFPFMFC_TABLE_FULL'])
    assert.deepEqual(commits(effects), [])
    assert.equal(r.datapath.flowCount(0), 0)
  })

  it('returns the beginning of the request with an error', () => {
    const r = rig()
    const raw = Uint8Array.from({ length: 200 }, (_, index) => index)
    const effects = r.step({ kind: 'message', conn: 1, xid: 9, message: flowMod({ tableId: 77 }), raw })
    const [error] = effects.filter((effect) => effect.kind === 'send')
    assert.ok(error?.message.type === 'error')
    assert.equal(error.xid, 9)
    assert.deepEqual(error.message.data, raw.slice(0, 64))
  })
})

describe('flow-mod: modify', () => {
  for (const [version, cookieMask, adds] of [
    ['1.0', 0n, true], ['1.1', 0n, true], ['1.1', 1n, false], ['1.2', 0n, false], ['1.3', 0n, false],
  ] as const) {
    for (const command of ['modify', 'modify_strict'] as const) {
      it(`${command} of nothing ${adds ? 'adds' : 'does nothing'} in ${version} with cookie mask ${cookieMask}`, () => {
        const r = rig(version)
        assert.deepEqual(errors(r.send(1, flowMod({ command, cookie: 1n, cookieMask }))), [])
        assert.equal(r.datapath.flowCount(0), adds ? 1 : 0)
      })
    }
  }

  it('loose: changes what the match contains, whatever the priority', () => {
    const r = rig()
    r.send(1, flowMod({ match: tcp, priority: 1 }))
    r.send(1, flowMod({ match: match({ eth_type: 0x0800 }), priority: 2 }))
    r.send(1, flowMod({ match: match({ eth_type: 0x0806 }), priority: 3 }))
    r.send(1, flowMod({ command: 'modify', match: match({ eth_type: 0x0800 }), instructions: apply(output(3)) }))
    const ports = [...r.datapath.flows()].map((flow) => flow.record.instructions.apply?.[0]).map((action) => action?.type === 'output' && action.port)
    assert.deepEqual(ports, [3, 3, 1])
  })

  it('strict: changes only the identical match and priority', () => {
    const r = rig()
    r.send(1, flowMod({ match: tcp, priority: 1 }))
    r.send(1, flowMod({ match: tcp, priority: 2 }))
    const effects = r.send(1, flowMod({ command: 'modify_strict', match: tcp, priority: 2, instructions: apply() }))
    assert.deepEqual(changesOf(effects), ['modify_flow'])
    assert.deepEqual([...r.datapath.flows()].map((flow) => flow.record.instructions.apply?.length), [1, 0])
  })

  for (const [version, cookie, filters] of [['1.0', 9n, false], ['1.3', 1n, true]] as const) {
    it(`${version}: the cookie ${filters ? 'is a filter and stays' : 'is no filter and is changed'}; timeouts, flags and duration stay`, () => {
      const r = rig(version)
      r.send(1, flowMod({ cookie: 1n, idleTimeout: 5, hardTimeout: 50, flags: FlowModFlag.SEND_FLOW_REM }))
      const { createdAt } = onlyFlow(r)
      r.now += 1000
      r.send(1, flowMod({ command: 'modify', cookie: 9n, cookieMask: 0xffn, instructions: apply(output(2)) }))
      const flow = onlyFlow(r)
      assert.equal(flow.record.cookie, cookie)
      const [action] = flow.record.instructions.apply ?? []
      assert.equal(action?.type === 'output' && action.port, filters ? 1 : 2)
      assert.deepEqual([flow.record.idleTimeout, flow.hardTimeout, flow.flags, flow.createdAt], [5, 50, FlowModFlag.SEND_FLOW_REM, createdAt])
    })
  }

  it('does not filter by out_port', () => {
    const r = rig()
    r.send(1, flowMod({ instructions: apply(output(1)) }))
    assert.deepEqual(changesOf(r.send(1, flowMod({ command: 'modify', outPort: 2 }))), ['modify_flow'])
  })

  it('resets counters only with RESET_COUNTS', () => {
    const r = rig()
    r.send(1, flowMod())
    const resets = [0, FlowModFlag.RESET_COUNTS].map((flags) => {
      const [change] = (commits(r.send(1, flowMod({ command: 'modify', flags })))[0]?.plan as FakePlan).changes
      return change?.op === 'modify_flow' && change.resetCounters
    })
    assert.deepEqual(resets, [false, true])
  })
})

describe('flow-mod: delete', () => {
  const fill = (r: Rig): Rig => {
    r.send(1, groupMod({ groupId: 1, buckets: [bucket({ actions: [output(1)] })] }))
    r.send(1, flowMod({ priority: 1, cookie: 0x11n, match: tcp }))
    r.send(1, flowMod({ priority: 2, cookie: 0x12n, match: tcp, instructions: apply(output(2)) }))
    r.send(1, flowMod({ priority: 3, cookie: 0x21n, match: match({ in_port: 1 }), instructions: { ...NO_INSTRUCTIONS, write: [output(2)] } }))
    r.send(1, flowMod({ priority: 4, cookie: 0x22n, tableId: 1, instructions: apply(toGroup(1)) }))
    return r
  }
  const cases: readonly (readonly [string, Partial<FlowMod>, readonly number[]])[] = [
    ['everything', { tableId: Table.ALL }, []],
    ['one table', { tableId: 0 }, [4]],
    ['what a match contains', { match: match({ eth_type: 0x0800 }) }, [3, 4]],
    ['nothing for a match that is too narrow', { match: match({ eth_type: 0x0800, ip_proto: 6, tcp_dst: 80 }) }, [1, 2, 3, 4]],
    ['by cookie', { tableId: Table.ALL, cookie: 0x10n, cookieMask: 0xf0n }, [3, 4]],
    ['by out_port, in apply- and write-actions', { tableId: Table.ALL, outPort: 2 }, [1, 4]],
    ['by out_group', { tableId: Table.ALL, outGroup: 1 }, [1, 2, 3]],
    ['strictly', { command: 'delete_strict', match: tcp, priority: 2 }, [1, 3, 4]],
    ['strictly in every table', { command: 'delete_strict', tableId: Table.ALL, priority: 4 }, [1, 2, 3]],
    ['strictly with a cookie that differs: nothing', { command: 'delete_strict', match: tcp, priority: 2, cookie: 1n, cookieMask: 0xffn }, [1, 2, 3, 4]],
    ['loosely whatever the priority is', { priority: 77, match: tcp }, [3, 4]],
  ]
  for (const [text, given, left] of cases) {
    it(`deletes ${text}`, () => {
      const r = fill(rig())
      assert.deepEqual(errors(r.send(1, flowMod({ command: 'delete', instructions: NO_INSTRUCTIONS, ...given }))), [])
      assert.deepEqual([...r.datapath.flows()].map((flow) => flow.priority), left)
      assert.deepEqual([...r.pipeline.flows.values()].map((flow) => flow.priority), left)
    })
  }

  it('1.0 has no cookie filter', () => {
    const r = rig('1.0')
    r.send(1, flowMod({ cookie: 1n }))
    r.send(1, flowMod({ command: 'delete', tableId: Table.ALL, cookie: 2n, cookieMask: 0xffn }))
    assert.equal(r.datapath.flowCount(0), 0)
  })

  it('reports flows that asked for it, with final counters and the time until the request', () => {
    const r = rig()
    r.connect(2, '1.0')
    r.send(1, flowMod({ match: tcp, cookie: 5n, idleTimeout: 10, hardTimeout: 20, flags: FlowModFlag.SEND_FLOW_REM, priority: 6 }))
    r.send(1, flowMod({ priority: 7 }))
    r.counters.set(onlyWithPriority(r, 6), { packets: 3n, bytes: 300n })
    r.now += 1500
    const effects = r.send(1, flowMod({ command: 'delete', tableId: Table.ALL }))
    const removed = {
      type: 'flow_removed', cookie: 5n, priority: 6, reason: 'delete', tableId: 0, durationSec: 1, durationNsec: 500_000_000,
      idleTimeout: 10, hardTimeout: 20, packetCount: 3n, byteCount: 300n, match: tcp,
    }
    assert.deepEqual(sent(effects, 1), [removed])
    assert.deepEqual(sent(effects, 2), [removed])
  })
})

const onlyWithPriority = (r: Rig, priority: number): number => {
  const flow = [...r.datapath.flows()].find((candidate) => candidate.priority === priority)
  assert.ok(flow)
  return flow.id
}
