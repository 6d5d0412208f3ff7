/** Every primitive p4c emits, one action at a time. programs/actions.p4 */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { crc16, crc32, csum16 } from '../../../src/target/program/hashes.js'
import { codeOf, rigWith, unhex } from './rig.js'
import type { Rig } from './rig.js'

type Params = Readonly<Record<string, bigint | number>>

/** Name, action, its parameters, frame in, frame out. The header is op, a, b, c, d; behind it op >> 4 tags of one byte. */
const cases: readonly (readonly [name: string, action: string, params: Params, frame: string, out: string])[] = [
  ['nothing', 'none', {}, '00 01 0203 04050607 08090a0b0c0d0e0f ff', '00 01 0203 04050607 08090a0b0c0d0e0f ff'],
  // c wraps; b = c - x saturates at the top, a at the bottom; d = 3 d modulo 2^64
  ['arithmetic wraps and saturates', 'arith', { x: 0x10 }, '00 03 0000 fffffff8 5555555555555556', '00 00 ffff 00000008 0000000000000002'],
  ['saturation does not touch what fits', 'arith', { x: 0xff }, '00 0f 0000 00000001 0000000000000001', '00 0a ff01 00000100 0000000000000003'],
  ['a masked set of 64 bits', 'merge', { value: 0x1122334455667788n, mask: 0xff00ff0000ffff00n }, '00 00 0000 00000000 aaaaaaaaaaaaaaaa', '00 00 0000 00000000 11aa33aaaa6677aa'],
  ['concatenation and slices', 'swap', {}, '00 00 0000 01020304 1122334455667788', '00 00 0000 04030201 5566778811223344'],
  ['signed, negative', 'signs', {}, '00 80 0000 00000000 8000000000000010', '00 80 ffff ffffff80 f800000000000001'],
  ['signed, positive', 'signs', {}, '00 7f 0000 00000000 7000000000000010', '00 7f 0001 0000007f 0700000000000001'],
  ['shifts by a parameter', 'shifts', { n: 4 }, '00 00 0000 f0000001 8000000000000000', '00 00 0000 00000010 0800000000000000'],
  ['shifts by more than the width', 'shifts', { n: 65 }, '00 00 0000 ffffffff ffffffffffffffff', '00 00 0000 00000000 0000000000000000'],
  ['push on an empty stack', 'push1', {}, '00 00 0000 00000000 0000000000000000', '00 00 0000 00000000 0000000000000000 ee'],
  ['push on a full stack loses the last', 'push1', {}, '30 00 0000 00000000 0000000000000000 010203', '30 00 0000 00000000 0000000000000000 ee0102'],
  ['pushed headers are not valid', 'push2_bare', {}, '20 00 0000 00000000 0000000000000000 0102', '20 00 0000 00000000 0000000000000000 01'],
  ['pop', 'pop1', {}, '30 00 0000 00000000 0000000000000000 010203', '30 00 0000 00000000 0000000000000000 0203'],
  ['pop of an empty stack', 'pop1', {}, '00 00 0000 00000000 0000000000000000', '00 00 0000 00000000 0000000000000000'],
  ['pop of more than there is', 'pop5', {}, '30 00 0000 00000000 0000000000000000 010203', '30 00 0000 00000000 0000000000000000'],
  ['a header is taken away', 'drop_header', {}, '10 01 0203 04050607 08090a0b0c0d0e0f 55', '55'],
  ['a header that becomes valid again is zero', 'add_again', {}, '00 01 0203 04050607 08090a0b0c0d0e0f', '00 00 0007 00000000 0000000000000000'],
  ['a copied header is another', 'copy_header', {}, '00 01 0203 04050607 08090a0b0c0d0e0f', '00 01 0203 04050607 08090a0b0c0d0e0f 00 99 0203 04050607 08090a0b0c0d0e0f'],
  ['a copy of an invalid header is invalid', 'copy_invalid', {}, '10 01 0203 04050607 08090a0b0c0d0e0f 55', '55'],
  ['a copied stack', 'copy_stack', {}, '20 00 0000 00000000 0000000000000000 0102', '20 00 0000 00000000 0000000000000000 0102 0102'],
  ['a copied varbit header', 'copy_opt', {}, 'f0 03 0000 00000000 0000000000000000 03 aabbcc ee', 'f0 03 0001 00000000 0000000000000000 03 aabbcc 03 aabbcc ee'],
  ['a stack read by a field', 'pick', {}, '30 00 0001 00000000 0000000000000000 010203', '30 02 0001 00000000 0000000000000000 010203'],
  ['a stack written by a field', 'poke', { v: 0x77 }, '30 00 0002 00000000 0000000000000000 010203', '30 00 0002 00000000 0000000000000000 010277'],
  ['a write outside the stack goes nowhere', 'poke', { v: 0x77 }, '30 00 0003 00000000 0000000000000000 010203', '30 00 0003 00000000 0000000000000000 010203'],
  ['if', 'branches', {}, '00 09 0000 00000000 0000000000000000', '00 09 0001 00000000 0000000000000001'],
  ['else if', 'branches', {}, '00 0a 0000 00000000 0000000000000000', '00 0a 0002 00000000 0000000000000001'],
  ['if in else if', 'branches', {}, '00 0f 0000 00000000 0000000000000000', '00 0f 0002 0000000f 0000000000000001'],
  ['else', 'branches', {}, '00 14 0000 00000000 0000000000000000', '00 14 0003 00000000 0000000000000001'],
  ['exit ends ingress, not egress', 'leave', {}, '0f 00 0000 00000000 0000000000000000', '0f 00 0002 00000010 0000000000000000'],
  ['equal headers', 'none', {}, '20 00 0000 00000000 0000000000000000 0707', '20 00 5a5a 00000000 0000000000000000 0707'],
  ['headers that differ', 'none', {}, '20 00 0000 00000000 0000000000000000 0708', '20 00 0000 00000000 0000000000000000 0708'],
  ['packet_length follows added headers', 'push1', {}, '0f 00 0000 00000000 0000000000000000', '0f 00 0002 00000011 0000000000000000 ee'],
  ['packet_length follows a header taken away and added', 'add_again', {}, '0f 00 0000 00000000 0000000000000000 aa', '00 00 0007 00000000 0000000000000000 aa'],
  ['truncate', 'cut', { n: 5 }, '00 01 0203 04050607 08090a0b0c0d0e0f ff', '00 01 0203 04'],
  ['truncate to more than there is', 'cut', { n: 50 }, '00 01 0203 04050607 08090a0b0c0d0e0f ff', '00 01 0203 04050607 08090a0b0c0d0e0f ff'],
  ['an assertion that holds', 'insist', {}, '00 01 0203 04050607 08090a0b0c0d0e0f', '00 01 0203 04050607 08090a0b0c0d0e0f'],
  // RFC 1071 over 0e 01, 04050607, 08090a0b0c0d0e0f
  ['checksum update', 'none', {}, '0e 01 0000 04050607 08090a0b0c0d0e0f', '0e 01 bbc2 04050607 08090a0b0c0d0e0f'],
  ['checksum update over the payload, of odd length', 'none', {}, '0d 01 0000 00010002 0000000000000000 ff00ff', '0d 01 01fb 00010002 0000000000000000 ff00ff'],
]

describe('actions', () => {
  let rig: Rig
  before(async () => { rig = await rigWith('actions') })

  for (const [name, action, params, frame, out] of cases) {
    test(`${name}: ${action}`, async () => {
      await rig.client.setDefault('choice', [action, params])
      assert.deepEqual(rig.inject(1, frame), [`2 ${out.replaceAll(' ', '')}`])
    })
  }

  const header = (a: string, c: string, b = '0000'): string => `00 ${a} ${b} ${c} 0000000000000000`
  const run = async (action: string, params: Params, frame: string): Promise<string> => {
    await rig.client.setDefault('choice', [action, params])
    const outputs = rig.inject(1, frame)
    assert.equal(outputs.length, 1)
    return (outputs[0] ?? '').slice(2)
  }
  const cOf = (frame: string): number => parseInt(frame.slice(8, 16), 16)
  const dOf = (frame: string): bigint => BigInt(`0x${frame.slice(16, 32)}`)

  test('drop, and an assignment that undoes it', async () => {
    await rig.client.setDefault('choice', ['drop'])
    assert.deepEqual(rig.inject(1, header('01', '00000000')), [])
    await rig.client.setDefault('choice', ['drop_not'])
    assert.equal(rig.inject(1, header('01', '00000000'))[0]?.slice(0, 2), '3 ')
  })

  test('a failed assertion drops the packet and nothing else', async () => {
    for (const action of ['insist', 'suppose']) {
      const before = rig.target.target.statistics().failed
      await rig.client.setDefault('choice', [action])
      assert.deepEqual(rig.inject(1, header('02', '00000000')), [])
      assert.equal(rig.target.target.statistics().failed, before + 1)
      assert.equal(rig.inject(1, header('01', '00000000')).length, 1)
    }
    assert.match(rig.target.target.statistics().lastFailure, /assume failed/)
  })

  test('indirect counters count packets and received bytes; an index outside counts nothing', async () => {
    const counterId = rig.client.counterId('cells')
    for (const index of [2, 2, 4, 0xffffffff]) await run('count_it', { i: index }, `${header('01', '00000000')} 00`)
    const cells = await rig.client.read({ counterEntry: { counterId } })
    assert.deepEqual(cells.map(({ counterEntry }) => [counterEntry?.index?.index, counterEntry?.data?.packetCount, counterEntry?.data?.byteCount]), [[0, 0, 0], [1, 0, 0], [2, 2, 34], [3, 0, 0]])
  })

  test('registers keep their value from packet to packet', async () => {
    assert.equal(cOf(await run('remember', { i: 3 }, header('01', '12345678'))), 0)
    assert.equal(cOf(await run('remember', { i: 3 }, header('01', '12345678'))), 1)
    assert.equal(cOf(await run('remember', { i: 2 }, header('01', '12345678'))), 0)
    assert.equal(dOf(await run('remember_wide', {}, header('01', '00000000'))), 0n)
    assert.equal(dOf(await run('remember_wide', {}, header('01', '00000000'))), 0x7fffffffffffn)
    assert.equal(dOf(await run('remember_wide', {}, header('01', '00000000'))), 0xfffffffffffen)
    assert.equal(dOf(await run('remember_wide', {}, header('01', '00000000'))), 0x7ffffffffffdn)
  })

  test('a register read outside the array leaves the target as it is, and a write goes nowhere', async () => {
    await run('remember', { i: 4 }, header('01', '12345678'))
    await run('remember', { i: 0xffffffff }, header('01', '12345678'))
    assert.equal(cOf(await run('remember', { i: 0 }, header('01', '12345678'))), 0)
  })

  test('hashes of their input', async () => {
    const input = unhex('313233340035')
    assert.equal(cOf(await run('crc16_of', {}, header('01', '31323334', '0035'))), crc16(input, 6) + 100)
    assert.equal(cOf(await run('crc32_of', {}, header('01', '31323334', '0035'))), crc32(input, 6))
    assert.equal(cOf(await run('xor16_of', {}, header('01', '31323334', '0035'))), 0x3132 ^ 0x3334 ^ 0x0035)
    assert.equal(cOf(await run('csum16_of', {}, header('01', '31323334', '0035'))), csum16(input, 6))
    assert.equal(dOf(await run('identity_of', {}, header('01', '31323334', '0035'))), 0x313233340035n)
  })

  test('hash input that is no whole number of bytes', async () => {
    // Port 1 in 9 bits, a tag (0 where there is none: p4c copies it) in 8, 5 in 3, then zeros up to the byte.
    assert.equal(cOf(await run('bits_of', {}, header('01', '00000000'))), crc32(unhex('00 80 50'), 3))
    assert.equal(cOf(await run('bits_of', {}, `10 01 0000 00000000 0000000000000000 ab`)), crc32(unhex('00 d5 d0'), 3))
  })

  test('known values of the checksums and CRCs', () => {
    const check = new TextEncoder().encode('123456789')
    assert.equal(crc16(check, 9), 0xbb3d)
    assert.equal(crc32(check, 9), 0xcbf43926)
    assert.equal(csum16(unhex('4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7'), 20), 0xb861)
  })

  test('random numbers stay within their bounds and reach them', async () => {
    const low = new Set<number>()
    const high = new Set<bigint>()
    await rig.client.setDefault('choice', ['dice'])
    for (let at = 0; at < 300; at++) {
      const frame = (rig.inject(1, header('01', '00000000'))[0] ?? '').slice(2)
      low.add(cOf(frame))
      high.add(dOf(frame))
    }
    assert.deepEqual([...low].sort(), [10, 11, 12, 13])
    assert.deepEqual([...high].sort(), [0x100000000000n, 0x100000000001n, 0x100000000002n, 0x100000000003n])
    assert.equal(cOf(await run('dice_wrong', {}, header('01', '0000abcd'))), 0xabcd, 'bounds in the wrong order change nothing')
  })

  test('messages to the log need no listener', async () => {
    await run('say', {}, header('01', '00000000'))
  })

  const meter = (id: number, index: number, config: Readonly<Record<'cir' | 'cburst' | 'pir' | 'pburst', number>> | null) =>
    rig.client.write([{ type: 2, entity: { meterEntry: { meterId: id, index: { index }, ...(config === null ? {} : { config }) } } }])
  const aOf = (frame: string): number => parseInt(frame.slice(2, 4), 16)

  test('a meter of packets marks by two rates and fills with time', async () => {
    const id = rig.client.meterId('marks')
    await meter(id, 1, { cir: 2, cburst: 2, pir: 4, pburst: 4 })
    const colors = async (count: number): Promise<number[]> => {
      const seen: number[] = []
      for (let at = 0; at < count; at++) seen.push(aOf(await run('mark', { i: 1 }, header('09', '00000000'))))
      return seen
    }
    assert.deepEqual(await colors(6), [0, 0, 1, 1, 2, 2])
    rig.target.advance(500)
    assert.deepEqual(await colors(3), [0, 1, 2], 'half a second brings one committed and two peak tokens')
    rig.target.advance(60_000)
    assert.deepEqual(await colors(5), [0, 0, 1, 1, 2], 'tokens do not exceed the burst')
    assert.equal(aOf(await run('mark', { i: 0 }, header('09', '00000000'))), 0, 'a meter without config is green')
    assert.equal(aOf(await run('mark', { i: 4 }, header('09', '00000000'))), 0, 'an index outside leaves the target of the meter, which starts as 0')
  })

  test('a meter of bytes counts received lengths', async () => {
    const id = rig.client.meterId('volumes')
    await meter(id, 0, { cir: 1000, cburst: 40, pir: 1000, pburst: 40 })
    assert.deepEqual([await run('volume', { i: 0 }, header('09', '00000000')), await run('volume', { i: 0 }, header('09', '00000000')), await run('volume', { i: 0 }, header('09', '00000000'))].map(aOf), [0, 0, 2])
    rig.target.advance(8)
    assert.equal(aOf(await run('volume', { i: 0 }, header('09', '00000000'))), 0, '8 left and 8 new bytes hold 16')
    await meter(id, 0, null)
    assert.equal(aOf(await run('volume', { i: 0 }, header('09', '00000000'))), 0, 'reset to green')
  })

  test('the default action of a table without a key can be read back', async () => {
    await rig.client.setDefault('choice', ['poke', { v: 2 }])
    const [entity] = await rig.client.read({ tableEntry: { tableId: rig.client.table('choice').id, isDefaultAction: true } })
    assert.deepEqual(entity?.tableEntry?.action?.action, rig.client.action('poke', { v: 2 }))
    assert.equal(await codeOf(rig.client.insert({ table: 'choice', action: ['none'] })), 2)
  })
})
