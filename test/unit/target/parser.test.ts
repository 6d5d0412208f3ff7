/** The parser: extraction, stacks, varbit fields, lookahead, select, and every error. programs/parser.p4 */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { rigWith } from './rig.js'
import type { Rig } from './rig.js'

/** Name, frame in, frame out: the result header (error code, a, b, c), then what was parsed, then the rest as payload. */
const cases: readonly (readonly [name: string, frame: string, out: string])[] = [
  ['accepts without a match in select', '00 aabb', '00 00 0000 00000000 00 aabb'],
  ['an empty frame is too short, not dropped', '', '01 00 0000 00000000'],
  ['fields that cross bytes', '01 a7ff 010203040506 ee', '00 05 07ff 03040506 01 a7ff 010203040506 ee'],
  ['a header one byte too short stays unparsed', '01 a7ff 0102030405', '01 00 0000 00000000 01 a7ff 0102030405'],
  ['a stack grows with each extraction', '02 02 05 ff', '00 02 0001 00000001 02 02 05 ff'],
  ['a stack of one', '02 03', '00 01 0000 00000001 02 03'],
  ['a full stack overflows', '02 02 04 06 08 ff', '03 03 0000 00000000 02 02 04 06 08 ff'],
  ['a varbit field of two bytes', '03 02 aabb cc ee', '00 cc 0000 00000000 03 02 aabb cc ee'],
  ['a varbit field of no bytes', '03 00 cc ee', '00 cc 0000 00000000 03 00 cc ee'],
  ['a varbit field of all its bytes', '03 08 0102030405060708 cc', '00 cc 0000 00000000 03 08 0102030405060708 cc'],
  ['a varbit field longer than its type', '03 09 010203040506070809 cc', '04 00 0000 00000000 03 09 010203040506070809 cc'],
  ['a varbit field longer than the packet', '03 05 0102', '01 00 0000 00000000 03 05 0102'],
  ['a lookahead consumes nothing', '04 1122 3344 5566', '00 11 0112 11223344 04 1122 3344 5566'],
  ['a lookahead selects the next state', '04 abcd 010203040506 77', '00 05 0bcd 03040506 04 abcd 010203040506 77'],
  ['a lookahead past the end', '04 ab', '01 ab 0000 00000000 04 ab'],
  ['advance takes bytes out of the packet', '05 04 ff a7ff 010203040506 ee', '00 04 0000 00000000 05 a7ff 010203040506 ee'],
  ['advance by half a byte', '05 01 ff', '06 01 0000 00000000 05 01 ff'],
  ['advance past the end', '05 fe ff', '01 fe 0000 00000000 05 fe ff'],
  ['verify that holds', '06 a063 010203040506', '00 77 0000 00000000 06 a063 010203040506'],
  ['verify that fails stops the parser with its error', '06 a064 010203040506', '07 00 0000 00000000 06 a064 010203040506'],
  ['select with a mask', '1a', '00 55 0000 00000000 1a'],
  ['select with a range, first', '20', '00 55 0000 00000000 20'],
  ['select with a range, last', '2f', '00 55 0000 00000000 2f'],
  ['select beyond the range', '30', '00 00 0000 00000000 30'],
  ['select on 128 bits', '07 00112233445566778899aabbccddeeff', '00 55 0000 00000000 07 00112233445566778899aabbccddeeff'],
  ['select on 128 bits with a mask', '07 ff112233445566778899aabbccddeefe', '00 66 0000 00000000 07 ff112233445566778899aabbccddeefe'],
  ['select on 128 bits without a match', '07 ff112233445566778899aabbccddeeff', '00 00 0000 00000000 07 ff112233445566778899aabbccddeeff'],
  ['select on two fields', '08 bfff 010203040506', '00 55 0000 00000000 08 bfff 010203040506'],
  ['select on the second of two fields', '08 2007 010203040506', '00 66 0000 00000000 08 2007 010203040506'],
  ['a loop that reads nothing ends with a timeout', '09', '05 ff 0000 00000000 09'],
]

describe('parser', () => {
  let rig: Rig
  before(async () => { rig = await rigWith('parser') })
  for (const [name, frame, out] of cases) {
    test(name, () => assert.deepEqual(rig.inject(3, frame), [`3 ${out.replaceAll(' ', '')}`]))
  }

  test('nothing of one packet is seen by the next', () => {
    rig.inject(1, '01 ffff ffffffffffff')
    assert.deepEqual(rig.inject(1, '00'), ['1 000000000000000000'])
  })
})
