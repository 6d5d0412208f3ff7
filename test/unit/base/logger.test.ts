import { test } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'

const logger = new URL('../../../src/base/logger.js', import.meta.url).href
const run = (script: string): string =>
  execFileSync(process.execPath, ['--input-type=module', '-e', `import { createLogger } from ${JSON.stringify(logger)}\n${script}`], { encoding: 'utf8', timeout: 20_000 })

test('writes one JSON object a line to a pipe, with the fields of children, at the level asked for', () => {
  const out = run(`const log = createLogger({ level: 'info' }); const child = log.child({ dpid: '01' })
    log.debug('hidden'); child.info({ port: 3 }, 'port up'); child.warn('plain'); await log.close()`)
  const lines = out.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(lines.map(({ level, dpid, port, msg }) => ({ level, dpid, port, msg })), [
    { level: 30, dpid: '01', port: 3, msg: 'port up' },
    { level: 40, dpid: '01', port: undefined, msg: 'plain' },
  ])
})

test('writes readable lines where asked, as on a terminal', () => {
  const out = run(`const log = createLogger({ level: 'info', format: 'readable' }); log.info({ port: 3 }, 'port up'); await log.close()`)
  assert.match(out, /INFO.*port up/)
  assert.throws(() => JSON.parse(out))
})

test('many lines arrive whole and in order', () => {
  const out = run(`const log = createLogger({ level: 'info' }); for (let i = 0; i < 5000; i++) log.info({ i }, 'line'); await log.close()`)
  assert.deepEqual(out.trim().split('\n').map((line) => (JSON.parse(line) as { i: number }).i), Array.from({ length: 5000 }, (_, i) => i))
})

test('what was logged before a crash is there', () => {
  const out = run(`const log = createLogger({ level: 'info' }); log.info('before'); process.exit(0)`)
  assert.equal((JSON.parse(out) as { msg: string }).msg, 'before')
})

test('a reader that does not read neither stops the process nor keeps it', async (context) => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', `
    import { createLogger } from ${JSON.stringify(logger)}
    const log = createLogger({ level: 'info' })
    for (let i = 0; i < 20000; i++) log.info({ text: 'x'.repeat(500) }, 'line')
    await log.close()`], { stdio: ['ignore', 'pipe', 'inherit'] })
  context.after(() => child.kill('SIGKILL'))
  const status = await new Promise((resolve) => {
    const late = setTimeout(() => resolve('still there'), 10_000)
    child.on('exit', (code) => {
      clearTimeout(late)
      resolve(code)
    })
  })
  assert.equal(status, 0)
})

test('a slow reader loses lines, and is told how many', async () => {
  const output = new URL('../../../src/base/log-output.js', import.meta.url).href
  const child = spawn(process.execPath, ['--input-type=module', '-e', `
    import { openLogOutput } from ${JSON.stringify(output)}
    const out = openLogOutput(1, 10_000)
    for (let i = 0; i < 1000; i++) out.write('x'.repeat(499) + '\\n')
    process.stdin.once('data', async () => { out.write('last\\n'); await out.close(); process.exit(0) })
    process.stderr.write('written')`], { stdio: ['pipe', 'pipe', 'pipe'] })
  await new Promise((resolve) => child.stderr.once('data', resolve))
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
  // Once all that waited has come, there is room again.
  for (let size = -1; size !== out.length || size === 0;) {
    size = out.length
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  child.stdin.end('go')
  await new Promise((resolve) => child.on('close', resolve))
  const lines = out.trim().split('\n')
  assert.equal(lines.pop(), 'last')
  const { dropped } = JSON.parse(lines.pop() ?? '') as { dropped: number }
  assert.equal(lines.length + dropped, 1000)
  assert.ok(dropped > 0 && lines.length > 0)
})

test('a closed descriptor costs nothing', () => {
  execFileSync('sh', ['-c', `${process.execPath} --input-type=module -e 'import { createLogger } from ${JSON.stringify(logger)}; createLogger({ level: "info" }).info("x")' >&-`], { timeout: 20_000 })
})
