import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../../../src/base/logger.js'
import { SwitchError } from '../../../src/base/errors.js'
import { runUntilStopped } from '../../../src/cli/lifetime.js'
import { writePidfile } from '../../../src/cli/pidfile.js'

const folder = mkdtempSync(join(tmpdir(), 'ofswitchd-life-'))
after(() => rmSync(folder, { recursive: true }))
const never = new Promise<never>(() => {})

test('a signal closes and gives 0', async () => {
  const stop = new AbortController()
  let closed = false
  const status = runUntilStopped(async () => ({ close: async () => { closed = true }, failed: never }), stop.signal, silentLogger)
  stop.abort('SIGTERM')
  assert.equal(await status, 0)
  assert.ok(closed)
})

test('a failure closes and gives 1', async () => {
  let closed = false
  const running = { close: async () => { closed = true }, failed: Promise.resolve(new Error('target lost')) }
  assert.equal(await runUntilStopped(async () => running, new AbortController().signal, silentLogger), 1)
  assert.ok(closed)
})

test('what cannot be closed is left after less than two seconds, with 1', async () => {
  const stop = new AbortController()
  stop.abort('SIGINT')
  const begun = performance.now()
  assert.equal(await runUntilStopped(async () => ({ close: () => never }), stop.signal, silentLogger), 1)
  assert.ok(performance.now() - begun < 2000)
})

test('a signal while starting is obeyed too', async () => {
  const stop = new AbortController()
  stop.abort('SIGINT')
  assert.equal(await runUntilStopped(() => never, stop.signal, silentLogger), 1)
  let closed = false
  const slow = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    return { close: async () => { closed = true } }
  }
  assert.equal(await runUntilStopped(slow, stop.signal, silentLogger), 0)
  assert.ok(closed)
})

test('what fails to start is thrown on', async () => {
  await assert.rejects(runUntilStopped(() => Promise.reject(new Error('no port')), new AbortController().signal, silentLogger), /no port/)
})

test('a pidfile holds our process id and goes away', () => {
  const path = join(folder, 'a.pid')
  const remove = writePidfile(path)
  assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`)
  remove()
  assert.equal(existsSync(path), false)
})

test('a stale pidfile is replaced, and so is that of another program', () => {
  for (const text of ['999999999\n', '1\n', 'nonsense']) {
    const path = join(folder, 'b.pid')
    writeFileSync(path, text)
    writePidfile(path)()
    assert.equal(existsSync(path), false)
  }
})

test('a pidfile that cannot be written is told by option and reason', () => {
  assert.throws(() => writePidfile('/nonexistent/x.pid'), (error) => error instanceof SwitchError && /^--pidfile \/nonexistent\/x\.pid: cannot be written: ENOENT/.test(error.message))
})
