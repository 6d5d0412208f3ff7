import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'ofswitchd-run-'))
after(() => rmSync(folder, { recursive: true }))

interface Child { readonly pid: number; lines(): Record<string, unknown>[]; status: number | null | undefined; kill(signal: NodeJS.Signals): void }

function start(context: { after(run: () => void): void }, ...args: string[]): Child {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  context.after(() => { child.kill('SIGKILL') })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
  const it: Child = {
    pid: child.pid ?? 0, status: undefined, kill: (signal) => child.kill(signal),
    lines: () => out.split('\n').slice(0, -1).map((line) => JSON.parse(line) as Record<string, unknown>),
  }
  child.on('exit', (code) => { it.status = code })
  return it
}
async function until(what: string, condition: () => boolean, ms = 120_000): Promise<void> {
  for (const deadline = Date.now() + ms; !condition(); await new Promise((resolve) => setTimeout(resolve, 10))) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`)
  }
}
const says = (child: Child, message: string): Promise<void> => until(message, () => child.lines().some(({ msg }) => msg === message) || child.status !== undefined)

test('the switch runs, logs JSON, keeps its pidfile to itself, and ends cleanly on SIGTERM', async (context) => {
  const pidfile = join(folder, 'a.pid')
  const socket = join(folder, 'a.mgmt')
  const child = start(context, '--datapath-id', '00000000000000a1', '--listen', `punix:${socket}`, '--pidfile', pidfile)
  await says(child, 'the target has the whole state')
  assert.equal(child.status, undefined)
  assert.equal(child.lines().find(({ msg }) => msg === 'ofswitchd is running')?.['datapathId'], '00000000000000a1')
  assert.equal(readFileSync(pidfile, 'utf8'), `${child.pid}\n`)

  for (const [args, reason] of [
    [['--listen', `punix:${join(folder, 'b.mgmt')}`, '--pidfile', pidfile], new RegExp(`^ofswitchd: --pidfile .*a\\.pid: already running as process ${child.pid}$`, 'm')],
    [['--listen', `punix:${socket}`], /^ofswitchd: cannot listen on punix:.*a\.mgmt: another process serves it$/m],
    [['--port', '1@nonexistent0'], /^ofswitchd: .*nonexistent0/m],
  ] as const) {
    const second = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', timeout: 120_000 })
    assert.equal(second.status, 1, second.stderr)
    assert.match(second.stderr, reason)
  }
  assert.equal(readFileSync(pidfile, 'utf8'), `${child.pid}\n`)

  const begun = performance.now()
  child.kill('SIGTERM')
  await until('the end', () => child.status !== undefined)
  assert.equal(child.status, 0)
  assert.ok(performance.now() - begun < 2000)
  assert.deepEqual([existsSync(pidfile), existsSync(socket)], [false, false])
  assert.equal(child.lines().at(-1)?.['msg'], 'stopped')
})

test('the target alone runs and ends cleanly on SIGINT', async (context) => {
  const child = start(context, 'target', '--listen', '127.0.0.1:0')
  await says(child, 'the embedded target serves P4Runtime')
  child.kill('SIGINT')
  await until('the end', () => child.status !== undefined)
  assert.equal(child.status, 0)
})
