/** Extraction and deparsing of headers of any layout, against slices of one big number. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compile, field, programOf } from './ir-program.js'
import { Random } from './random.js'

describe('headers on the wire', () => {
  test('fields of any width at any bit offset are read and written back', () => {
    for (let seed = 0; seed < 150; seed++) {
      const random = new Random(seed)
      const widths: number[] = []
      for (let left = 8 * (1 + random.below(40)); left > 0;) {
        const width = Math.min(left, random.pick([1, 2, 3, 4, 6, 7, 8, 9, 12, 13, 16, 20, 24, 31, 32, 33, 40, 48, 61, 64, 128]))
        widths.push(width)
        left -= width
      }
      const total = widths.reduce((sum, width) => sum + width, 0)
      const executable = compile(programOf([{ name: 'h', metadata: false, type: { name: 'h', maxBytes: 0, fields: widths.map((width, at) => field(`f${at}`, width)) } }]))
      const frame = random.bytes(total / 8 + 5)
      executable.state.fill(-1)
      const payload = executable.parse(frame, 0, frame.length)
      assert.equal(payload, total / 8, `seed ${seed}`)
      const bits = BigInt(`0x${Buffer.from(frame.subarray(0, total / 8)).toString('hex')}`)
      let below = total
      widths.forEach((width, at) => {
        below -= width
        assert.equal(executable.layout.load(executable.state, { header: 1, field: at }), BigInt.asUintN(width, bits >> BigInt(below)), `seed ${seed}, field ${at} of ${widths.join()}`)
      })
      const written = new Uint8Array(total / 8 + 1)
      assert.equal(executable.headersSize(), total / 8)
      assert.equal(executable.emitHeaders(written), total / 8)
      assert.deepEqual(written.subarray(0, total / 8), frame.subarray(0, total / 8), `seed ${seed}: ${widths.join()}`)
      assert.equal(written[total / 8], 0, 'nothing is written behind the header')
    }
  })

  test('the input of a hash leaves out headers that are not valid, at any bit offset', () => {
    const port = { kind: 'field', ref: { header: 0, field: 0 } } as const
    for (const width of [5, 8]) {
      const executable = compile(programOf([
        { name: 'm', metadata: true, type: { name: 'm', maxBytes: 0, fields: [field('x', width)] } },
        { name: 'h', metadata: false, type: { name: 'h', maxBytes: 0, fields: [field('a', 12), field('b', 4)] } },
      ], [{ name: 'a', params: [], primitives: [{ op: 'hash', to: port, base: { kind: 'const', value: 0n }, calculation: 0, size: { kind: 'const', value: 1n << 63n } }] }], {
        calculations: [{ name: 'c', algorithm: 'identity', inputs: [
          { kind: 'field', ref: { header: 1, field: 0 } }, { kind: 'field', ref: { header: 2, field: 0 } }, { kind: 'const', value: 5n, width: 3 },
          { kind: 'field', ref: { header: 2, field: 1 } }, { kind: 'payload' }] }],
      }))
      const run = (frame: Uint8Array): number => {
        executable.state.fill(0)
        executable.layout.store(executable.state, { header: 1, field: 0 }, 0b10101n)
        Object.assign(executable.context, { bytes: frame, end: frame.length })
        executable.context.payload = executable.parse(frame, 0, frame.length)
        executable.ingress()
        return (executable.state[executable.layout.field(port.ref).slot] ?? 0) >>> 0
      }
      const packed = (bits: string, ...payload: number[]): number => {
        const whole = bits.padEnd(Math.ceil(bits.length / 8) * 8, '0') + payload.map(byte => byte.toString(2).padStart(8, '0')).join('')
        return parseInt(whole, 2) >>> 0
      }
      const x = 0b10101.toString(2).padStart(width, '0')
      assert.equal(run(Uint8Array.of(0x99)), packed(`${x}101`, 0x99), `${width} bits, no header`)
      assert.equal(run(Uint8Array.of(0xab, 0xcd)), packed(`${x}${0xabc.toString(2)}101${0xd.toString(2)}`), `${width} bits, with the header`)
    }
  })

  test('a packet one byte too short leaves the header invalid and says why', () => {
    const executable = compile(programOf([{ name: 'h', metadata: false, type: { name: 'h', maxBytes: 0, fields: [field('a', 32)] } }]))
    executable.state.fill(0)
    assert.equal(executable.parse(new Uint8Array(3), 0, 3), 0)
    assert.equal(executable.context.parserError, 1)
    assert.equal(executable.headersSize(), 0)
  })
})
