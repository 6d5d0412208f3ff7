import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { figure, inTurns, quantile, summarize, table, verdicts } from './measure.js'

describe('numbers of a run', () => {
  test('median and quantiles lie between the values where there is none', () => {
    assert.deepEqual(summarize([4, 1, 3, 2]), { median: 2.5, low: 1, high: 4 })
    assert.equal(quantile([0, 10], 0.99), 9.9)
  })

  test('every contender has its turn in each round, the order reversed in every second one', async () => {
    const order: string[] = []
    const values = await inTurns(2, [{ name: 'embedded' }, { name: 'bare' }] as const, async ({ name }, round) => {
      order.push(name)
      return round
    })
    assert.deepEqual(order, ['embedded', 'bare', 'bare', 'embedded'])
    assert.deepEqual([...values], [['embedded', [0, 1]], ['bare', [0, 1]]])
  })

  const values = new Map([['embedded', [10, 30]], ['Open vSwitch', [20, 20]]] as const)
  test('a ratio is taken in each round, and a goal that is not met says so', () => {
    assert.deepEqual(verdicts({ what: '', unit: '', values, goals: [{ of: 'embedded', to: 'Open vSwitch', atLeast: 1 }] }),
      ['embedded : Open vSwitch = **1.00** (0.50 … 1.50), goal ≥ 1: met'])
    assert.deepEqual(verdicts({ what: '', unit: '', values, limits: [{ of: 'embedded', atMost: 19, what: 'delay' }] }), ['embedded delay, goal ≤ 19: **not met**'])
    assert.deepEqual(verdicts({ what: '', unit: '', values, goals: [{ of: 'BMv2', to: 'bare', atLeast: 1 }] }), [], 'who did not take part has no ratio')
  })

  test('a table has a column for each who took part', () => {
    assert.deepEqual(table([{ what: 'flows', unit: '1/s', values }]).split('\n')[0], '|  | ofswitchd, embedded target | Open vSwitch | ratios |')
  })

  test('figures are short', () => assert.deepEqual([0.123, 12.34, 123.4, 1234.5, 1234567].map(figure), ['0.12', '12.3', '123', '1 235', '1 234 567']))
})
