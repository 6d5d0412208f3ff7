import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LearningController } from '../../../src/example/learning-controller.js'

const main = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'ofswitchd-quick-'))
after(() => rmSync(folder, { recursive: true }))

async function until(what: string, condition: () => boolean, ms = 120_000): Promise<void> {
  for (const deadline = Date.now() + ms; !condition(); await new Promise((resolve) => setTimeout(resolve, 10))) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`)
  }
}

test('the quick start: pings succeed, another controller takes over and gives back, SIGTERM ends it', async (context) => {
  const mine = new LearningController({ cookie: 0x77n })
  const port = await mine.listen()
  await mine.close()
  const socket = join(folder, 'quick.mgmt')
  const child = spawn(process.execPath, [main, 'quick-start', '--controller', `tcp:127.0.0.1:${port}`, '--listen', `punix:${socket}`])
  context.after(() => child.kill('SIGKILL'))
  let out = ''
  let status: number | null | undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { out += text })
  child.on('exit', (code) => { status = code })
  const waitFor = (what: string): Promise<void> => until(`${what} in:\n${out}`, () => out.includes(what) || status !== undefined)

  await waitFor('only changes are told')
  for (const pair of ['h1 → h2 (10.0.0.2)', 'h2 → h3 (10.0.0.3)', 'h3 → h4 (10.0.0.4)', 'h4 → h1 (10.0.0.1)']) {
    assert.match(out, new RegExp(`ping ${pair.replace(/[().]/g, '\\$&')}  ok 3/3, rtt \\d+\\.\\d ms`), out)
  }
  assert.match(out, new RegExp(`controller  example learning switch on tcp:127\\.0\\.0\\.1:\\d+\n +yours is welcome on tcp:127\\.0\\.0\\.1:${port}`))

  const hello = await new Promise<Buffer>((resolve, reject) => connect(socket).once('data', resolve).once('error', reject))
  assert.equal(hello[0], 6, 'somebody listens for ovs-ofctl')

  let taken = false
  const user = new LearningController({ cookie: 0x77n, onSwitch: () => { taken = true } })
  context.after(() => user.close())
  await user.listen(port)
  await waitFor(`controller tcp:127.0.0.1:${port} is there: the example controller steps back`)
  await until('the user’s controller to have the switch', () => taken)
  await user.close()
  await waitFor(`controller tcp:127.0.0.1:${port} is gone`)
  assert.match(out, /the example controller takes over again/)

  const begun = performance.now()
  child.kill('SIGTERM')
  await until('the end', () => status !== undefined)
  assert.equal(status, 0, out)
  assert.ok(performance.now() - begun < 2000, 'within two seconds')
  assert.equal(existsSync(socket), false)
})
