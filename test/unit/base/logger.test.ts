import { test } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'

const logger = new URL('../../../src/base/logger.js', import.meta.url).href
const run = (script: string): string =>
  execFileSync(process.execPath, ['--input-type=module', '-e', `import { createLogger } from ${JSON.stringify(logger)}\n${script}`], { encoding: 'utf8', timeout: 20_000 })

test('writes one JSON object a line to a pipe, with the fields of children, at the level asked for', () => {
  const out = run(`const log = createLogger({ level: 'info' }); const child = log.child({ dpid: '01' })
    log.debug('hidden'); child.info({ port: 3 }, 'port up'); child.warn('plain'); log.flush()`)
  const lines = out.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(lines.map(({ level, dpid, port, msg }) => ({ level, dpid, port, msg })), [
    { level: 30, dpid: '01', port: 3, msg: 'port up' },
    { level: 40, dpid: '01', port: undefined, msg: 'plain' },
  ])
})

test('writes readable lines where asked, as on a terminal', () => {
  const out = run(`const log = createLogger({ level: 'info', format: 'readable' }); log.info({ port: 3 }, 'port up'); log.flush()`)
  assert.match(out, /INFO.*port up/)
  assert.throws(() => JSON.parse(out))
})
