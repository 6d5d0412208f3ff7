/** Tuple space search against a linear scan, through random insertions and removals. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { EntryKey } from '../../../src/target/program/entry-key.js'
import type { KeyField, KeyMatch, MatchKind } from '../../../src/target/program/ir.js'
import { MatchTable } from '../../../src/target/program/match-table.js'
import { Random } from './random.js'

interface Entry { readonly rank: number; readonly slot: number; readonly match: readonly KeyMatch[]; readonly key: EntryKey<Entry> }

const keyField = (match: MatchKind, width: number): KeyField => ({ name: '', match, width, mask: null, source: { kind: 'validBit', header: 0 } })

const matches = (entry: Entry, key: readonly bigint[], fields: readonly KeyField[]): boolean => entry.match.every((part, at) => {
  const value = key[at] ?? 0n
  const width = fields[at]?.width ?? 0
  switch (part.kind) {
    case 'exact': return value === part.value
    case 'lpm': return value >> BigInt(width - part.length) === part.value >> BigInt(width - part.length)
    case 'ternary': return (value & part.mask) === part.value
    case 'range': return part.low <= value && value <= part.high
  }
})

/** Few values, so that keys meet entries. */
const small = (random: Random, width: number): bigint => random.chance(0.8) ? BigInt.asUintN(width, BigInt(random.below(4))) : random.bits(width)

const randomMatch = (random: Random, { match, width }: KeyField): KeyMatch => {
  const value = small(random, width)
  const full = (1n << BigInt(width)) - 1n
  switch (match) {
    case 'exact': return { kind: 'exact', value }
    case 'lpm': {
      const length = random.pick([0, width, Math.max(0, width - 1), Math.max(0, width - 2), random.below(width + 1)])
      const mask = full >> BigInt(width - length) << BigInt(width - length)
      return { kind: 'lpm', value: value & mask, length }
    }
    case 'ternary': {
      const mask = random.pick([0n, full, 1n, full ^ 1n, random.bits(width)])
      return { kind: 'ternary', value: value & mask, mask }
    }
    case 'range': {
      const other = small(random, width)
      return random.chance(0.2) ? { kind: 'range', low: 0n, high: full } : { kind: 'range', low: value < other ? value : other, high: value < other ? other : value }
    }
  }
}

const shapes: readonly { readonly name: string; readonly kind: MatchKind; readonly fields: readonly KeyField[] }[] = [
  { name: 'exact', kind: 'exact', fields: [keyField('exact', 9), keyField('exact', 48)] },
  { name: 'longest prefix', kind: 'lpm', fields: [keyField('exact', 3), keyField('lpm', 32)] },
  { name: 'longest prefix of 128 bits', kind: 'lpm', fields: [keyField('lpm', 128)] },
  { name: 'ternary', kind: 'ternary', fields: [keyField('ternary', 16), keyField('exact', 2), keyField('ternary', 64), keyField('lpm', 8)] },
  { name: 'range', kind: 'range', fields: [keyField('range', 16), keyField('ternary', 8), keyField('range', 40)] },
]

describe('match tables', () => {
  for (const { name, kind, fields } of shapes) {
    test(`${name}: finds what a scan finds`, () => {
      for (let seed = 0; seed < 12; seed++) {
        const random = new Random(seed)
        let packet: readonly bigint[] = []
        const table = new MatchTable<Entry>(fields, key => {
          let at = 0
          fields.forEach(({ width }, index) => {
            for (let word = 0; word * 32 < width; word++) key[at++] = Number(BigInt.asIntN(32, (packet[index] ?? 0n) >> BigInt(word * 32)))
          })
        })
        const entries: Entry[] = []
        for (let step = 0; step < 400; step++) {
          if (entries.length > 0 && random.chance(entries.length > 60 ? 0.7 : 0.25)) {
            const [gone] = entries.splice(random.below(entries.length), 1)
            if (gone !== undefined) table.remove(gone)
          } else {
            const match = fields.map(item => randomMatch(random, item))
            const prefix = match.find(part => part.kind === 'lpm')
            const rank = kind === 'exact' ? 0 : kind === 'lpm' && prefix?.kind === 'lpm' ? prefix.length : random.below(5)
            const key = table.keys.of(match)
            assert.deepEqual(table.keys.matchOf(key), match)
            const entry = { rank, slot: step, match, key }
            const known = table.find(key, rank)
            assert.equal(known, entries.find(other => other.rank === rank && isDeepStrictEqual(other.match, match)))
            const same = entries.filter(other => isDeepStrictEqual(other.match, match))
            assert.deepEqual(new Set(table.withKey(key)), new Set(same))
            if (known === undefined) {
              table.insert(entry)
              entries.push(entry)
            }
          }
          packet = fields.map(({ width }) => small(random, width))
          let best: Entry | null = null
          for (const entry of entries) {
            if (matches(entry, packet, fields) && (best === null || entry.rank > best.rank || (entry.rank === best.rank && entry.slot < best.slot))) best = entry
          }
          assert.equal(table.lookup(), best, `seed ${seed}, step ${step}, key ${packet.join()}`)
          assert.equal(table.size, entries.length)
        }
      }
    })
  }

  test('an empty table misses without looking at the packet', () => {
    const table = new MatchTable<Entry>([keyField('exact', 8)], () => assert.fail('no key is needed'))
    assert.equal(table.lookup(), null)
  })
})
