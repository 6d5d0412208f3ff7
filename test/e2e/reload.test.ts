/** SIGHUP, and `ofswitchd reload`: a running switch reads its configuration again. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Daemon, until } from '../support/netns-process.js'
import { type Namespace, Sandbox } from '../support/netns.js'
import { embeddedSubject, ofswitchd } from '../support/subject-ofswitchd.js'
import { skipReason, whyNoOfctl } from '../support/subject-list.js'

describe('reload', { skip: skipReason(embeddedSubject, whyNoOfctl()) }, () => {
  const sandbox = new Sandbox()
  const folder = mkdtempSync(join(tmpdir(), 'ofs-reload-'))
  const file = (name: string): string => join(folder, name)
  let sw: Namespace
  let daemon: Daemon

  const configure = (lines: readonly string[]): void => writeFileSync(file('c.yaml'), `${['logLevel: info', ...lines].join('\n')}\n`)
  const ofctl = (socket: string, ...args: string[]) => sw.run('ovs-ofctl', ['-O', 'OpenFlow13', '--timeout=10', args[0]!, `unix:${file(socket)}`, ...args.slice(1)])
  const lines = (pattern: RegExp): number => daemon.log.match(pattern)?.length ?? 0
  const reload = async (): Promise<void> => {
    const before = lines(/the configuration was (?:not )?reloaded/g)
    const done = await ofswitchd(sw, 'reload', ['reload', '--pidfile', file('pid')]).ended
    assert.equal(done, 0)
    await until(() => `the reload\n${daemon.log}`, () => lines(/the configuration was (?:not )?reloaded/g) > before)
  }

  before(async () => {
    sw = await sandbox.namespace('sw')
    configure([`listen: [ "punix:${file('a')}", "punix:${file('b')}" ]`])
    daemon = ofswitchd(sw, 'ofswitchd', ['--config', file('c.yaml'), '--pidfile', file('pid')])
    await until(() => `the switch to run\n${daemon.log}`, () => daemon.log.includes('the target has the whole state'), 120_000)
    assert.equal((await ofctl('a', 'add-flow', 'priority=7,actions=drop')).code, 0)
  })
  after(async () => {
    await sandbox.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('takes over listeners and keeps flows and the connections it does not concern', async () => {
    const stays = sw.daemon('monitor', 'ovs-ofctl', ['-O', 'OpenFlow13', '-v', `--unixctl=${file('a.ctl')}`, 'monitor', `unix:${file('a')}`, '65534'])
    const goes = sw.daemon('monitor', 'ovs-ofctl', ['-O', 'OpenFlow13', '-v', `--unixctl=${file('b.ctl')}`, 'monitor', `unix:${file('b')}`, '65534'])
    await until('both monitors', () => [stays, goes].every(({ log }) => log.includes('NXT_SET_PACKET_IN_FORMAT')), 10_000)
    configure([`listen: [ "punix:${file('a')}", "punix:${file('c')}" ]`, 'inactivityProbe: 3s'])
    await reload()
    await goes.ended
    assert.equal(stays.running, true, stays.log)
    assert.match((await ofctl('c', 'dump-flows')).stdout, /priority=7/)
    assert.equal(existsSync(file('b')), false)
    await stays.stop()
  })

  it('keeps everything when the file is wrong, and says what is', async () => {
    configure(['controllers: [ "carrier pigeon" ]', 'packetInRate: 0'])
    await reload()
    assert.match(daemon.log, /c\.yaml:2:16: controllers\[0\]: 'carrier pigeon' is not a connection/)
    assert.match(daemon.log, /c\.yaml:3:15: packetInRate: 0 is too small/)
    assert.match((await ofctl('c', 'dump-flows')).stdout, /priority=7/)
  })

  it('names the keys that need a restart, and takes over the rest', async () => {
    configure([`listen: [ "punix:${file('d')}" ]`, 'datapathId: 0000000000000042', 'cpuPort: 300'])
    await reload()
    assert.match(daemon.log, /"keys":\["datapathId","cpuPort"\].*need a restart/)
    assert.match((await ofctl('d', 'show')).stdout, /dpid:0000000000000001/)
    assert.match((await ofctl('d', 'dump-flows')).stdout, /priority=7/)
  })

  it('changes the level of the log', async () => {
    writeFileSync(file('c.yaml'), `listen: [ "punix:${file('d')}" ]\nlogLevel: error\n`)
    daemon.kill('SIGHUP')
    // A request that is refused is a line at the level before.
    await until('the level', async () => {
      const before = daemon.log.length
      await ofctl('d', 'add-flow', 'table=200,actions=drop')
      return daemon.log.length === before
    })
  })

  it('`ofswitchd reload` says when nobody is there', async () => {
    assert.equal(await daemon.stop(), 0)
    const asked = ofswitchd(sw, 'reload', ['reload', '--pidfile', file('pid')])
    assert.equal(await asked.ended, 1)
    assert.match(asked.log, /no ofswitchd is running with it/)
  })
})
