/** Prefixes by which numbers have their values: always right, and never more than by any other choice, for all small cases. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { coverByPrefixes, type Prefix } from '../../../src/compiler/prefixes.js'

const BITS = 3
const lookup = (prefixes: readonly Prefix<string>[], bits: number, number: number): string | undefined =>
  [...prefixes].sort((a, b) => b.length - a.length).find(({ value, length }) => number >> (bits - length) === value >> (bits - length))?.content

/** The least number of prefixes beneath a node whose default from above is `above`. */
function least(values: readonly string[], above: string | undefined): number {
  const options = ['a', 'b', undefined].map((own) => {
    const now = own ?? above
    if (values.length === 1) return now === values[0] ? Number(own !== undefined) : Infinity
    const half = values.length / 2
    return Number(own !== undefined) + least(values.slice(0, half), now) + least(values.slice(half), now)
  })
  return Math.min(...options)
}

it('every assignment of two values to eight numbers', () => {
  for (let bits = 0; bits < 256; bits += 1) {
    const values = Array.from({ length: 8 }, (_, index) => (bits >> index & 1 ? 'a' : 'b'))
    for (const inherited of ['a', undefined]) {
      const prefixes = coverByPrefixes(BITS, (number) => values[number]!, inherited)
      assert.deepEqual(values.map((_, number) => lookup(prefixes, BITS, number) ?? inherited), values)
      assert.equal(prefixes.length, least(values, inherited), `${values.join('')} from ${inherited}: ${JSON.stringify(prefixes)}`)
    }
  }
})

it('few are told by few', () => {
  assert.deepEqual(coverByPrefixes(12, () => 'a', 'a'), [])
  assert.deepEqual(coverByPrefixes(12, () => 'a', undefined), [{ value: 0, length: 0, content: 'a' }])
  assert.deepEqual(coverByPrefixes(12, (vlan) => (vlan === 0 ? 'as 10' : 'denied'), 'as it comes'),
    [{ value: 0, length: 0, content: 'denied' }, { value: 0, length: 12, content: 'as 10' }])
  assert.equal(coverByPrefixes(12, (vlan) => (vlan % 2 === 0 ? 'a' : 'b'), 'a').length, 2048)
})
