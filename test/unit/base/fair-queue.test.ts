import { test } from 'node:test'
import assert from 'node:assert/strict'
import { FairQueue } from '../../../src/base/fair-queue.js'
import { TokenBucket } from '../../../src/base/token-bucket.js'

const queue = (items = 100, bytes = 1_000_000): FairQueue<string> => new FairQueue<string>({ items, bytes })
const all = (from: FairQueue<string>): string[] => Array.from({ length: from.length }, () => from.shift() ?? '')

test('keys take turns, each in its own order', () => {
  const it = queue()
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) assert.equal(it.push(item.charCodeAt(0), item, 1), 0)
  assert.deepEqual(all(it), ['a1', 'b1', 'c1', 'a2', 'c2', 'a3'])
  assert.deepEqual([it.length, it.bytes, it.shift()], [0, 0, undefined])
})

test('a key that comes again waits for its next turn', () => {
  const it = queue()
  for (const item of ['a1', 'b1']) it.push(item.charCodeAt(0), item, 1)
  assert.equal(it.shift(), 'a1')
  it.push(97, 'a2', 1)
  assert.deepEqual(all(it), ['b1', 'a2'])
})

test('where there is no room the longest line loses its oldest', () => {
  const it = queue(4)
  for (const item of ['a1', 'a2', 'a3', 'b1']) it.push(item.charCodeAt(0), item, 1)
  assert.equal(it.push(99, 'c1', 1), 1)
  assert.equal(it.push(97, 'a4', 1), 1)
  assert.deepEqual(all(it), ['a3', 'b1', 'c1', 'a4'])
})

test('bytes are bounded by the line with the most of them', () => {
  const it = queue(100, 1000)
  it.push(1, 'large', 600)
  it.push(2, 'small', 100)
  it.push(2, 'small too', 100)
  assert.equal(it.push(3, 'another', 500), 1)
  assert.deepEqual([it.bytes, it.length], [700, 3])
  assert.equal(it.push(3, 'too large for anything', 1001), 1)
  assert.deepEqual(all(it).sort(), ['another', 'small', 'small too'])
})

test('the account is right after much coming and going', () => {
  const it = queue(500, 40_000)
  let [pushed, dropped, shifted] = [0, 0, 0]
  for (let i = 0; i < 50_000; i++) {
    dropped += it.push((i * 7919) % 13, 'x', i % 200)
    pushed++
    if (i % 3 !== 0 && it.shift() !== undefined) shifted++
    assert.ok(it.bytes <= 40_000 && it.length <= 500)
  }
  assert.equal(it.length, pushed - dropped - shifted)
  all(it)
  assert.deepEqual([it.length, it.bytes], [0, 0])
  it.push(1, 'y', 1)
  it.clear()
  assert.deepEqual([it.length, it.bytes, it.shift()], [0, 0, undefined])
})

test('a bucket gives a burst at once, then its rate, and says how long to wait', () => {
  const bucket = new TokenBucket(10, 3, 1000)
  assert.deepEqual([1, 2, 3, 4].map(() => bucket.take(1000)), [true, true, true, false])
  assert.equal(bucket.wait, 100)
  assert.equal(bucket.take(1050), false)
  assert.equal(bucket.wait, 50)
  assert.equal(bucket.take(1100), true)
  assert.deepEqual([1, 2, 3, 4].map(() => bucket.take(60_000)), [true, true, true, false], 'a pause is worth no more than a burst')
})
