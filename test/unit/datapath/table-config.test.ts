/** Eviction, vacancy events and what table-desc says of them. OF 1.4.1 §6.5, §7.3.3, §7.3.5.14, §7.4.5 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EvictionFlag, FlowModFlag, Table, TableConfig, TableMiss } from '../../../src/openflow/index.js'
import type { TableMod } from '../../../src/openflow/index.js'
import { refusal } from '../../../src/datapath/pipeline.js'
import { Rig, changesOf, commits, errors, flowMod, kindsSent, sent } from '../../support/datapath-rig.js'

const { EVICTION, VACANCY_EVENTS } = TableConfig
const tableMod = (given: Partial<TableMod> = {}): TableMod => ({ type: 'table_mod', tableId: 0, config: 0, eviction: null, vacancy: null, ...given })
const priorities = (r: Rig): number[] => [...r.datapath.flows()].map(({ priority }) => priority).sort((a, b) => a - b)

/** A switch with room for `size` flows in its pipeline. */
function small(size: number): Rig {
  const r = new Rig().connect(1, '1.4')
  r.pipeline.refuse = (changes) => {
    const more = changes.filter(({ op }) => op === 'add_flow').length - changes.filter(({ op }) => op === 'delete_flow').length
    return more > 0 && r.pipeline.flows.size + more > size ? refusal('OFPFMFC_TABLE_FULL', 'full') : null
  }
  return r
}

describe('eviction', () => {
  it('is off until it is asked for', () => {
    const r = small(2)
    for (const priority of [1, 2]) r.send(1, flowMod({ priority, hardTimeout: 9 }))
    assert.deepEqual(errors(r.send(1, flowMod({ priority: 3, importance: 9 }))), ['OFPFMFC_TABLE_FULL'])
    assert.deepEqual(priorities(r), [1, 2])
  })

  const cases: readonly (readonly [string, readonly Parameters<typeof flowMod>[0][], number, readonly number[] | 'OFPFMFC_TABLE_FULL'])[] = [
    ['the less important flow', [{ priority: 1, importance: 2 }, { priority: 2, importance: 1 }], 5, [1, 9]],
    ['of equally important ones the one that goes sooner', [{ priority: 1, hardTimeout: 50 }, { priority: 2, idleTimeout: 20 }], 0, [1, 9]],
    ['one that stays for good last', [{ priority: 1 }, { priority: 2, hardTimeout: 500 }], 0, [1, 9]],
    ['none that is more important', [{ priority: 1, importance: 3 }, { priority: 2, importance: 4 }], 2, 'OFPFMFC_TABLE_FULL'],
  ]
  for (const [name, flows, importance, expected] of cases)
    it(`takes ${name}`, () => {
      const r = small(2)
      r.send(1, tableMod({ config: EVICTION }))
      for (const given of flows) r.send(1, flowMod({ ...given, flags: FlowModFlag.SEND_FLOW_REM }))
      const effects = r.send(1, flowMod({ priority: 9, importance }))
      if (expected === 'OFPFMFC_TABLE_FULL') assert.deepEqual(errors(effects), [expected])
      else {
        assert.deepEqual(priorities(r), expected)
        const [removed] = sent(effects)
        assert.equal(removed?.type === 'flow_removed' && removed.reason, 'eviction')
        assert.equal(commits(effects).length, 1, 'in one commit with the flow that comes')
      }
    })

  it('is taken back with the flow it was for', () => {
    const r = small(1)
    r.send(1, tableMod({ config: EVICTION }))
    r.send(1, flowMod({ priority: 1 }))
    r.auto = false
    const [commit] = commits(r.send(1, flowMod({ priority: 2 })))
    assert.ok(commit)
    const effects = r.step({ kind: 'rejected', token: commit.token, failures: [{ subject: 'other', kind: 'target.full', message: 'no' }] })
    assert.deepEqual([kindsSent(effects), priorities(r)], [['OFPFMFC_TABLE_FULL'], [1]])
  })
})

describe('vacancy', () => {
  it('is told when it falls below one mark and rises above the other', () => {
    // The tables of the rig hold 1000 flows.
    const r = new Rig().connect(1, '1.4').connect(2, '1.3')
    r.send(1, tableMod({ config: VACANCY_EVENTS, vacancy: { down: 98, up: 99, vacancy: 0 } }))
    const news: string[] = []
    const fill = (priority: number, command: 'add' | 'delete_strict'): void => {
      for (const message of sent(r.send(1, flowMod({ priority, command })))) {
        if (message.type === 'table_status') news.push(`${message.reason} at ${r.datapath.flowCount(0)}, vacancy ${message.table.vacancy?.vacancy}`)
      }
    }
    for (let priority = 1; priority <= 40; priority++) fill(priority, 'add')
    for (let priority = 1; priority <= 40; priority++) fill(priority, 'delete_strict')
    assert.deepEqual(news, ['vacancy_down at 21, vacancy 97', 'vacancy_up at 0, vacancy 100'])
    assert.deepEqual(sent(r.effects, 2).filter(({ type }) => type === 'table_status'), [])
  })
})

describe('table-mod and table-desc', () => {
  it('say back what was asked for', () => {
    const r = new Rig().connect(1, '1.4')
    r.send(1, tableMod({ tableId: Table.ALL, config: EVICTION }))
    r.send(1, tableMod({ tableId: 1, config: VACANCY_EVENTS, vacancy: { down: 10, up: 20, vacancy: 0 } }))
    const [reply] = sent(r.stats(1, { kind: 'table_desc' }))
    assert.ok(reply?.type === 'stats_reply' && reply.body.kind === 'table_desc')
    const eviction = EvictionFlag.IMPORTANCE | EvictionFlag.LIFETIME
    assert.deepEqual(reply.body.tables.slice(0, 2), [
      { tableId: 0, config: EVICTION, eviction, vacancy: { down: 0, up: 0, vacancy: 100 } },
      { tableId: 1, config: VACANCY_EVENTS, eviction, vacancy: { down: 10, up: 20, vacancy: 100 } },
    ])
  })

  const wrong = [
    ['1.4', { tableId: 77 }, 'OFPTMFC_BAD_TABLE'], ['1.4', { config: 16 }, 'OFPTMFC_BAD_CONFIG'], ['1.3', { config: EVICTION }, 'OFPTMFC_BAD_CONFIG'],
    ['1.4', { config: VACANCY_EVENTS, vacancy: { down: 30, up: 20, vacancy: 0 } }, 'OFPBPC_BAD_VALUE'], ['1.4', { vacancy: { down: 30, up: 101, vacancy: 0 } }, 'OFPBPC_BAD_VALUE'],
  ] as const
  for (const [version, given, error] of wrong)
    it(`are refused with ${error}: ${version} ${JSON.stringify(given)}`, () => {
      assert.deepEqual(errors(new Rig().connect(1, version).send(1, tableMod(given))), [error])
    })
})

describe('a miss in 1.1 and 1.2', () => {
  const { CONTROLLER, CONTINUE, DROP } = TableMiss
  const misses = (r: Rig): readonly (readonly [number, string])[] => [...r.pipeline.misses]
  for (const version of ['1.1', '1.2'] as const)
    it(`is as a table-mod of ${version} says, and the table's statistics tell it`, () => {
      const r = new Rig().connect(1, version)
      assert.deepEqual(changesOf(r.send(1, tableMod({ tableId: 1, config: CONTINUE }))), ['set_miss', 'note_tables'])
      r.send(1, tableMod({ tableId: 2, config: DROP }))
      assert.deepEqual(misses(r), [[1, 'continue'], [2, 'drop']])
      assert.equal(r.pipeline.missToController, true)
      const [stats] = sent(r.stats(1, { kind: 'table' }))
      assert.deepEqual(stats?.type === 'stats_reply' && stats.body.kind === 'table' && stats.body.tables.map(({ config }) => config), [0, CONTINUE, DROP, 0])
      r.send(1, tableMod({ tableId: Table.ALL, config: CONTINUE }))
      assert.deepEqual(misses(r).map(([, choice]) => choice), ['continue', 'continue', 'continue', 'controller'], 'there is nothing behind the last one')
      r.send(1, tableMod({ tableId: Table.ALL, config: CONTROLLER }))
      assert.deepEqual(new Set(misses(r).map(([, choice]) => choice)), new Set(['controller']))
      assert.deepEqual(errors(r.send(1, tableMod({ config: 3 }))), ['OFPTMFC_BAD_CONFIG'])
      assert.deepEqual(errors(r.send(1, tableMod({ config: 4 }))), ['OFPTMFC_BAD_CONFIG'])
    })

  it('is in the target when a barrier says so, and stays what it was where the target refuses it', () => {
    const r = new Rig().connect(1, '1.1')
    r.auto = false
    const [first] = commits(r.send(1, tableMod({ config: DROP })))
    assert.ok(first)
    assert.deepEqual(r.send(1, tableMod({ config: CONTINUE })), [], 'one after the other')
    const [second] = commits(r.step({ kind: 'committed', token: first.token }))
    assert.ok(second)
    assert.deepEqual(sent(r.send(1, { type: 'barrier_request' })), [])
    const effects = r.step({ kind: 'rejected', token: second.token, failures: [{ subject: 'other', kind: 'target.rejected', message: 'no' }] })
    assert.deepEqual(errors(effects), ['OFPTMFC_EPERM'])
    for (const { token } of commits(effects)) r.step({ kind: 'committed', token })
    assert.deepEqual(misses(r), [[0, 'drop']])
  })

  it('outlives the connection, and the target', () => {
    const r = new Rig().connect(1, '1.2').connect(2, '1.3')
    r.send(1, tableMod({ config: CONTINUE }))
    r.step({ kind: 'disconnected', conn: 1 })
    assert.deepEqual([misses(r), r.pipeline.missToController], [[[0, 'continue']], false])
    r.send(2, tableMod())
    r.step({ kind: 'target_lost' })
    r.step({ kind: 'target_ready', fresh: true })
    assert.deepEqual(misses(r), [[0, 'continue']], 'later versions say nothing of it')
  })
})
