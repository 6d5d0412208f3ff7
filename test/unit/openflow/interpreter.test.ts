/** Compiled declarations against the interpreter: random bytes and random values, every layout, every version it has. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reader, Writer } from '../../../src/openflow/buffer.js'
import { compile } from '../../../src/openflow/compile.js'
import { Fault, Unencodable } from '../../../src/openflow/fault.js'
import '../../../src/openflow/index.js'
import { declaredLayouts, fieldsOf, type Kind, type Layout } from '../../../src/openflow/layout.js'
import { pick } from '../../../src/openflow/versions.js'
import { compose, interpret } from './interpreter.js'

function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0
    return (Math.imul(state ^ state >>> 12, 0x297a2d39) >>> 0) % below
  }
}

type Outcome = { readonly value: unknown; readonly at: number } | { readonly error: string }
function outcome(read: (r: Reader) => unknown, bytes: Uint8Array, version: number): Outcome {
  const r = new Reader(new DataView(bytes.buffer), bytes, version, 0)
  try {
    const value = read(r)
    return { value, at: r.at }
  } catch (fault) {
    if (fault instanceof Fault) return { error: fault.error }
    throw fault
  }
}

const ROUNDS = 150
const cases = declaredLayouts().flatMap((layout) => [1, 2, 3, 4, 5, 6].filter((version) => pick(layout.ranges, version) !== undefined).map((version) => ({ layout, version })))

test('there are layouts to compare', () => {
  assert.ok(cases.length > 60, `${cases.length}`)
})

for (const { layout, version } of cases) {
  test(`${layout.name} in version ${version} decodes as interpreted`, () => {
    const next = random(version * 7919 + layout.name.length)
    const { decode, minSize } = compile(layout, version)
    let refused = 0
    for (let round = 0; round < ROUNDS; round++) {
      const length = next(3) === 0 ? minSize : Math.max(0, minSize + 8 * next(6) - next(4))
      const bytes = Uint8Array.from({ length }, () => next(3) === 0 ? next(256) : next(3))
      const start = next(2) * 4
      // A length that fits now and then, wherever the structure has it.
      if (bytes.length >= 8) {
        const at = next(8)
        bytes[at] = bytes.length - start
        if (at > 0) bytes[at - 1] = 0
      }
      const end = bytes.length
      const compiled = outcome((r) => decode(r, Math.min(start, end), end), bytes, version)
      const interpreted = outcome((r) => interpret(layout, r, Math.min(start, end), end), bytes, version)
      // Of several faults the compiled code may meet another one first: it checks lengths once for many fields.
      if ('error' in compiled && 'error' in interpreted) refused++
      else assert.deepEqual(compiled, interpreted)
    }
    assert.ok(refused < ROUNDS || (pick(layout.ranges, version) ?? []).some(({ part }) => part === 'nested' || part === 'spread') || layout.name.startsWith('OFPT_ROLE'), 'nothing was compared')
  })

  test(`${layout.name} in version ${version} encodes as composed`, () => {
    const next = random(version * 104729 + layout.name.length)
    for (let round = 0; round < 20; round++) {
      const value = randomValue(layout, version, next)
      const w = new Writer()
      w.reset(version)
      try {
        compile(layout, version).encode(w, value)
      } catch (error) {
        // The defaults of a later version's part need not be sayable.
        assert.ok(error instanceof Unencodable)
        assert.throws(() => compose(layout, version, value), Unencodable)
        continue
      }
      assert.deepEqual([...w.bytes.subarray(0, w.at)], [...compose(layout, version, value)])
    }
  })
}

function randomValue(layout: Layout<unknown>, version: number, next: (below: number) => number): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  const here = new Set((pick(layout.ranges, version) ?? []).map((part) => 'name' in part ? part.name : ''))
  for (const field of fieldsOf(layout)) {
    value[field.name] = field.kind !== null && here.has(field.name) ? randomOf(field.kind, version, next) : field.fallback
  }
  return value
}

function randomOf(kind: Kind<unknown>, version: number, next: (below: number) => number): unknown {
  const big = (bytes: number): bigint => Array.from({ length: bytes }, () => BigInt(next(256))).reduce((sum, byte) => sum << 8n | byte, 0n)
  switch (kind.code) {
    case 'text': return 'abcdefghi'.slice(next(9))
    case 'choice': return kind.names?.filter((name) => name !== null)[next(kind.names.length)] ?? kind.fallback
    case 'port': return version === 1 ? [next(0xff00), 0xffffff00 + next(0x100)][next(2)] : Number(big(4))
    case 'n32': case 'n48': case 'n64': return big(kind.size)
    default: return Number(big(kind.size))
  }
}
