import { test } from 'node:test'
import assert from 'node:assert/strict'
import { RepeatLimiter } from '../../../src/base/repeats.js'
import { limitRepeats, silentLogger } from '../../../src/base/logger.js'
import type { LogFields, Logger } from '../../../src/base/logger.js'

test('lets a burst pass, then one an interval, and tells how many were left out', () => {
  const limiter = new RepeatLimiter({ burst: 2, intervalMs: 1000 })
  assert.deepEqual(limiter.decide('a', 0), { pass: true, suppressed: 0 })
  assert.deepEqual(limiter.decide('a', 1), { pass: true, suppressed: 0 })
  assert.deepEqual(limiter.decide('a', 2), { pass: false, suppressed: 1 })
  assert.deepEqual(limiter.decide('a', 3), { pass: false, suppressed: 2 })
  assert.deepEqual(limiter.decide('b', 3), { pass: true, suppressed: 0 })
  assert.deepEqual(limiter.decide('a', 1100), { pass: true, suppressed: 2 })
  assert.deepEqual(limiter.decide('a', 1101), { pass: false, suppressed: 1 })
})

test('remembers a bounded number of keys', () => {
  const limiter = new RepeatLimiter({ burst: 1, intervalMs: 1000, maxKeys: 2 })
  for (const key of ['a', 'b', 'c']) limiter.decide(key, 0)
  assert.equal(limiter.decide('c', 1).pass, false)
  assert.equal(limiter.decide('a', 1).pass, true, 'the oldest was forgotten')
})

test('a limited log names the number of lines left out', () => {
  const lines: { fields: LogFields; message: string }[] = []
  const collecting: Logger = { ...silentLogger, warn: (first: string | LogFields, message?: string) => {
    lines.push(typeof first === 'string' ? { fields: {}, message: first } : { fields: first, message: message ?? '' })
  } }
  let now = 0
  const limited = limitRepeats(collecting, { burst: 1, intervalMs: 100 }, () => now)
  for (let i = 0; i < 5; i++) limited.log('warn', 'k', { peer: 'x' }, 'refused')
  now = 100
  limited.log('warn', 'k', { peer: 'x' }, 'refused')
  assert.deepEqual(lines, [{ fields: { peer: 'x' }, message: 'refused' }, { fields: { peer: 'x', suppressed: 4 }, message: 'refused' }])
})
