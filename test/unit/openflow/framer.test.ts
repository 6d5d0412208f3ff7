import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeMessage, Framer, frameOf, WireError } from '../../../src/openflow/index.js'

const echo = (size: number, xid: number): Uint8Array =>
  encodeMessage({ type: 'echo_request', data: new Uint8Array(size).fill(xid) }, 4, xid)[0] as Uint8Array
const join = (...chunks: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(chunks))
const drain = (framer: Framer): number[] => {
  const xids: number[] = []
  for (let frame = framer.next(); frame !== null; frame = framer.next()) {
    assert.equal(frame.bytes.length, frame.length)
    assert.deepEqual([...frame.bytes.subarray(8)], new Array<number>(frame.length - 8).fill(frame.xid))
    xids.push(frame.xid)
  }
  return xids
}

test('splits several messages in one chunk without copying them', () => {
  const framer = new Framer()
  const chunk = join(echo(0, 1), echo(5, 2), echo(100, 3))
  framer.push(chunk)
  const first = framer.next()
  const second = framer.next()
  assert.equal(first?.bytes.buffer, chunk.buffer)
  assert.equal(first?.view, second?.view)
  assert.deepEqual(drain(framer), [3])
  assert.equal(framer.buffered, 0)
})

test('joins messages cut at any place', () => {
  const stream = join(echo(3, 1), echo(0, 2), echo(20, 3))
  for (let cut = 0; cut <= stream.length; cut++) {
    const framer = new Framer()
    framer.push(stream.subarray(0, cut))
    const before = drain(framer)
    framer.push(stream.subarray(cut))
    assert.deepEqual([...before, ...drain(framer)], [1, 2, 3], `cut at ${cut}`)
  }
})

test('joins a message that arrives byte by byte, pushed before it is read', () => {
  const framer = new Framer()
  for (const byte of join(echo(9, 7), echo(1, 8))) framer.push(Uint8Array.of(byte))
  assert.equal(framer.buffered, 26)
  assert.deepEqual(drain(framer), [7, 8])
  assert.equal(framer.buffered, 0)
})

test('the largest message passes, over many chunks too', () => {
  const whole = echo(0xffff - 8, 9)
  const framer = new Framer()
  for (let at = 0; at < whole.length; at += 1000) framer.push(whole.subarray(at, at + 1000))
  assert.deepEqual(drain(framer), [9])
})

test('keeps no more than one incomplete message once drained', () => {
  const framer = new Framer()
  framer.push(join(echo(4, 1), echo(1000, 2).subarray(0, 500)))
  assert.deepEqual(drain(framer), [1])
  assert.equal(framer.buffered, 500)
})

test('messages do not depend on the class of the chunk', () => {
  const framer = new Framer()
  framer.push(Buffer.from(echo(2, 3)))
  assert.equal(framer.next()?.bytes.constructor, Uint8Array)
})

for (const length of [0, 1, 7]) {
  test(`a header that says ${length} bytes loses the framing`, () => {
    const bytes = Uint8Array.of(4, 2, 0, length, 0, 0, 0, 1)
    const isLost = (error: unknown): boolean => error instanceof WireError && error.code === 'wire.badLength'
    const framer = new Framer()
    framer.push(bytes)
    assert.throws(() => framer.next(), isLost)
    const pieces = new Framer()
    pieces.push(bytes.subarray(0, 3))
    assert.equal(pieces.next(), null)
    pieces.push(bytes.subarray(3))
    assert.throws(() => pieces.next(), isLost)
    assert.throws(() => frameOf(bytes), isLost)
  })
}

describe('runs of messages', () => {
  const barrier = (xid: number): Uint8Array => encodeMessage({ type: 'barrier_request' }, 4, xid)[0] as Uint8Array
  const FROM = 4
  /** As a connection reads: a run where there is one, else a message. */
  const read = (framer: Framer): string[] => {
    const found: string[] = []
    for (;;) {
      const run = framer.nextRun(FROM)
      for (let frame = run?.take() ?? null; frame !== null; frame = run?.take() ?? null) found.push(`run ${frame.xid}`)
      if (run !== null) continue
      const frame = framer.next()
      if (frame === null) return found
      found.push(`one ${frame.xid}`)
    }
  }

  test('end before a message of another kind', () => {
    const framer = new Framer()
    framer.push(join(barrier(1), barrier(2), echo(3, 3), barrier(4), echo(0, 5)))
    assert.equal(framer.nextRun(FROM)?.count, 2)
    assert.equal(framer.nextRun(FROM), null)
    assert.equal(framer.next()?.xid, 3)
    assert.equal(framer.nextRun(FROM)?.take()?.xid, 4)
    assert.equal(framer.nextRun(FROM), null)
    assert.equal(framer.next()?.xid, 5)
  })

  test('give every message once and in order, cut at any place', () => {
    const stream = join(barrier(1), echo(7, 2), barrier(3), barrier(4), echo(0, 5), barrier(6))
    for (let cut = 0; cut <= stream.length; cut++) {
      const framer = new Framer()
      framer.push(stream.subarray(0, cut))
      const before = read(framer)
      framer.push(stream.subarray(cut))
      const xids = [...before, ...read(framer)].map((text) => Number(text.slice(4)))
      assert.deepEqual(xids, [1, 2, 3, 4, 5, 6], `cut at ${cut}`)
      assert.equal(framer.buffered, 0)
    }
  })

  test('end before a header that loses the framing', () => {
    const framer = new Framer()
    framer.push(join(barrier(1), Uint8Array.of(4, 20, 0, 7, 0, 0, 0, 2)))
    assert.equal(framer.nextRun(FROM)?.count, 1)
    assert.equal(framer.nextRun(FROM), null)
    assert.throws(() => framer.next(), WireError)
  })
})
