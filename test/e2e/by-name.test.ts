/** Open vSwitch's own tools with the switch's name and its run directory, as an operator types them. Needs no root: no ports. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Daemon, onPath, run, until, type Finished } from '../support/netns-process.js'

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const tools = ['ovs-ofctl', 'ovs-appctl', 'ovs-testcontroller']
const missing = tools.filter((name) => onPath(name) === undefined)

describe('ovs-ofctl and ovs-appctl by name', { skip: missing.length > 0 && `${missing.join(', ')} not installed` }, () => {
  const rundir = mkdtempSync(join(tmpdir(), 'ofswitchd-run-'))
  const env = { ...process.env, OVS_RUNDIR: rundir }
  const daemons: Daemon[] = []
  const start = (name: string, command: string, args: readonly string[]): Daemon => {
    const daemon = new Daemon(name, command, args, env)
    daemons.push(daemon)
    return daemon
  }
  const tool = (command: string, ...args: string[]): Promise<Finished> => run(command, args, { env })
  const appctl = (...args: string[]): Promise<Finished> => tool('ovs-appctl', '-t', 'ofswitchd', ...args)
  let daemon: Daemon

  before(async () => {
    start('controller', 'ovs-testcontroller', ['-O', 'OpenFlow13', `punix:${join(rundir, 'controller')}`, `--unixctl=${join(rundir, 'tc.ctl')}`])
    daemon = start('ofswitchd', process.execPath, [main, '--controller', `unix:${join(rundir, 'controller')}`])
    await until(() => `the switch to be there\n${daemon.log}`, async () => (await appctl('version')).code === 0, 30_000)
  })
  after(async () => {
    for (const each of daemons) await each.stop()
    rmSync(rundir, { recursive: true })
  })

  it('manages flows by the name of the bridge, in 1.0 and 1.3', async () => {
    assert.match((await tool('ovs-ofctl', 'show', 'br0')).stdout, /^OFPT_FEATURES_REPLY \(xid=0x[0-9a-f]+\): dpid:0000000000000001/)
    assert.equal((await tool('ovs-ofctl', '-O', 'OpenFlow13', 'add-flow', 'br0', 'table=3,priority=7,ip,actions=drop')).code, 0)
    const { stdout } = await appctl('bridge/dump-flows', 'br0')
    assert.match(stdout, /^table_id=3, duration=\d+s, n_packets=0, n_bytes=0, priority=7,ip,actions=drop$/m)
  })

  const answers: readonly (readonly [string, RegExp | null, RegExp | null])[] = [
    ['version', /^ofswitchd \d/, null],
    ['list-commands', /^The available commands are:\n {2}bridge\/dump-flows {7}\[--offload-stats\] bridge\n/, null],
    ['ofproto/list', /^br0$/m, null],
    ['coverage/show', /^openflow_recv_flow_mod .* total: [1-9]/m, null],
    ['coverage/read-counter p4runtime_connects', /^1$/m, null],
    ['coverage/read-counter x', null, /^No such counter$/m],
    ['memory/show', /^connections:\d+ flows:\d+ heap-kB:\d+ rss-kB:\d+$/m, null],
    ['dpif/show', /^p4@embedded:\n {2}br0:\n$/, null],
    ['vlog/set channel:dbg', /^$/, null],
    ['vlog/list', /^channel +DBG +OFF +OFF$/m, null],
    ['bridge/dump-flows', null, /^"bridge\/dump-flows" command requires at least 1 arguments$/m],
    ['bridge/dump-flows br1', null, /^Unknown bridge$/m],
    ['nothing', null, /^"nothing" is not a valid command \(use "list-commands" to see a list of valid commands\)$/m],
  ]
  for (const [line, result, error] of answers) {
    it(`ovs-appctl ${line}`, async () => {
      const { code, stdout, stderr } = await appctl(...line.split(' '))
      assert.equal(code, error === null ? 0 : 2, stderr)
      if (result !== null) assert.match(stdout, result)
      if (error !== null) assert.match(stderr, error)
    })
  }

  it('takes the socket itself as a target', async () => {
    const socket = readdirSync(rundir).find((name) => name.startsWith('ofswitchd.') && name.endsWith('.ctl'))
    assert.match((await tool('ovs-appctl', '-t', join(rundir, socket ?? ''), 'version')).stdout, /^ofswitchd/)
  })

  it('lets ovs-ofctl snoop on the controller', async () => {
    const snoop = start('snoop', 'ovs-ofctl', ['-O', 'OpenFlow13', 'snoop', 'br0'])
    await until(() => `an echo, or what the controller asks\n${snoop.log}\n${daemon.log}`, async () => {
      // A request of the controller's shows in both directions: it probes an idle switch.
      return /OFPT_ECHO_REQUEST/.test(snoop.log) && /OFPT_ECHO_REPLY/.test(snoop.log)
    }, 30_000)
  })

  it('is refused its name while another one runs', async () => {
    const second = start('second', process.execPath, [main, '--log-level', 'info'])
    await until('the second to end', async () => !second.running, 20_000)
    assert.match(second.log, /br0\.mgmt: another process serves it/)
    assert.equal((await appctl('version')).code, 0)
  })

  it('plain ovs-appctl finds a switch that goes by the name of ovs-vswitchd', async () => {
    const third = start('third', process.execPath, [main, '--bridge', 'br9', '--control-name', 'ovs-vswitchd'])
    await until(() => third.log, async () => (await tool('ovs-appctl', 'ofproto/list')).stdout === 'br9\n', 20_000)
    assert.equal((await tool('ovs-ofctl', 'dump-flows', 'br9')).code, 0)
    await tool('ovs-appctl', 'exit')
  })

  it('ends at exit, and leaves nothing behind', async () => {
    assert.equal((await appctl('exit')).code, 0)
    await until('the switch to end', async () => !daemon.running, 5000)
    assert.deepEqual(readdirSync(rundir).filter((name) => name.startsWith('ofswitchd') || name.startsWith('br')), [])
  })
})
