/** ofswitchctl against a running switch, and Open vSwitch's tools where they are there to agree. Needs no root: no ports. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Daemon, onPath, run, until, type Finished } from '../support/netns-process.js'

const program = (name: string): string => fileURLToPath(new URL(`../../src/cli/${name}.js`, import.meta.url))

describe('ofswitchctl', () => {
  const rundir = mkdtempSync(join(tmpdir(), 'ofswitchd-ctl-'))
  const env = { ...process.env, OVS_RUNDIR: rundir }
  const ctl = (...args: string[]): Promise<Finished> => run(process.execPath, [program('ofswitchctl'), ...args], { env })
  const must = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await ctl(...args)
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const file = join(rundir, 'flows')
  let daemon: Daemon

  before(async () => {
    daemon = new Daemon('ofswitchd', process.execPath, [program('main'), '--rundir', rundir], env)
    await until(() => `the switch to be there\n${daemon.log}`, async () => (await ctl('show')).code === 0, 30_000)
  })
  after(async () => {
    await daemon.stop()
    rmSync(rundir, { recursive: true })
  })

  it('shows the switch', async () => { assert.match(await must('show'), /^dpid:0000000000000001 n_tables:16 n_buffers:0$/m) })

  it('adds, shows, changes and deletes flows, as ovs-ofctl sees them', async () => {
    await must('add-flow', 'br0', 'cookie=0x5,priority=7,tcp,nw_src=10.0.0.0/8,tp_dst=80,actions=dec_ttl,goto_table:1')
    await must('add-flow', 'br0', 'table=1,actions=drop')
    assert.match(await must('dump-flows', 'br0', 'tcp'), /cookie=0x5, .*priority=7,tcp,nw_src=10\.0\.0\.0\/8,tp_dst=80 actions=dec_ttl,goto_table:1\n$/)
    if (onPath('ovs-ofctl') !== undefined) {
      const { stdout } = await run('ovs-ofctl', ['-O', 'OpenFlow13', '--no-stats', 'dump-flows', 'br0'], { env })
      assert.match(stdout, /cookie=0x5, priority=7,tcp,nw_src=10\.0\.0\.0\/8,tp_dst=80 actions=dec_ttl,goto_table:1/)
    }
    await must('mod-flows', 'br0', 'tcp,actions=drop')
    assert.match(await must('dump-flows'), /tp_dst=80 actions=drop/)
    await must('--strict', 'del-flows', 'br0', 'priority=7,tcp,nw_src=10.0.0.0/8,tp_dst=80')
    assert.equal((await must('dump-flows')).trim().split('\n').length, 1)
  })

  it('adds groups and meters', async () => {
    await must('add-group', 'br0', 'group_id=1,type=all,bucket=actions=output:1')
    assert.match(await must('dump-groups'), /^ group_id=1,type=all,bucket=actions=output:1$/m)
    await must('add-meter', 'br0', 'meter=3 kbps bands=type=drop rate=100')
    assert.match(await must('dump-meters'), /^ meter=3 kbps bands=type=drop rate=100$/m)
    await must('del-groups')
    await must('del-meters')
    assert.equal(await must('dump-groups'), '')
  })

  it('saves flows, tells what differs and puts them back as one', async () => {
    await must('del-flows')
    await must('add-flow', 'br0', 'priority=1,ip,actions=output:1')
    await must('add-flow', 'br0', 'idle_timeout=900,priority=2,arp,actions=controller:128')
    await must('save-flows', 'br0', file)
    assert.equal(readFileSync(file, 'utf8'), 'table=0,idle_timeout=900,priority=2,arp actions=CONTROLLER:128\ntable=0,priority=1,ip actions=output:1\n')
    await must('mod-flows', 'br0', 'ip,actions=output:2')
    await must('del-flows', 'br0', 'arp')
    await must('add-flow', 'br0', 'table=5,actions=drop')
    const differences = await ctl('diff-flows', 'br0', file)
    assert.deepEqual([differences.code, differences.stdout], [2, [
      '-table=0,priority=1,ip actions=output:1', '+table=0,priority=1,ip actions=output:2', '-table=0,idle_timeout=900,priority=2,arp actions=CONTROLLER:128',
      '+table=5,priority=32768 actions=drop', ''].join('\n')])
    await must('replace-flows', 'br0', file)
    assert.equal((await ctl('diff-flows', 'br0', file)).code, 0)
  })

  it('replaces flows all or none', async () => {
    writeFileSync(file, 'priority=3,udp actions=output:1\npriority=4 actions=group:99\n')
    const { code, stderr } = await ctl('replace-flows', 'br0', file)
    assert.deepEqual([code, stderr], [1, 'ofswitchctl: OFPBAC_BAD_OUT_GROUP\n'])
    assert.doesNotMatch(await must('dump-flows'), /udp/)
  })

  it('answers in JSON', async () => {
    const { flows } = JSON.parse(await must('--json', 'dump-flows', 'br0', 'ip')) as { readonly flows: readonly Record<string, unknown>[] }
    assert.deepEqual(flows.map(({ tableId, priority, match }) => ({ tableId, priority, match })),
      [{ tableId: 0, priority: 1, match: [{ field: 'eth_type', value: 2048, mask: null }] }])
  })

  it('monitors: what a switch tells unasked', async () => {
    await must('add-flow', 'br0', 'priority=9,in_port=1,actions=controller')
    const monitor = new Daemon('monitor', process.execPath, [program('ofswitchctl'), 'monitor', 'br0'], env)
    try {
      await until(() => `a packet-in\n${monitor.log}\n${daemon.log}`, async () => {
        await must('ctl', 'ofproto/trace', 'br0', 'in_port=1,arp,arp_op=1', '-generate')
        return /^PACKET_IN .*in_port=1/m.test(monitor.log)
      }, 20_000, 300)
    } finally {
      await monitor.stop()
      await must('del-flows', 'br0', 'in_port=1')
    }
  })

  it('traces', async () => { assert.match(await must('trace', 'br0', 'in_port=1,udp,nw_ttl=9'), /^Flow: udp,in_port=1/) })

  const explanations: readonly (readonly [string, RegExp])[] = [
    ['ip,actions=output:1', /\naccepted\n$/],
    ['table=3,ip,actions=goto_table:2', /\nrefused with OFPBIC_BAD_TABLE_ID \(an instruction: OF 1\.3\.5 §7\.5\.4\.4\)\n {2}table 2 cannot be reached from table 3\n$/],
    ['nw_src=1.2.3.4,actions=drop', /^refused with OFPBMC_BAD_PREREQ \(the match: OF 1\.3\.5 §7\.5\.4\.5\)\n {2}ipv4_src needs eth_type=0x800/],
    ['actions=group:9', /\nrefused with OFPBAC_BAD_OUT_GROUP \(an action: .*\n {2}no group 9\n$/],
    ['actions=set_field:1.2.3.4->ip_src', /\nrefused with OFPBAC_MATCH_INCONSISTENT /],
  ]
  for (const [flow, expected] of explanations) {
    it(`explains ${flow}`, async () => {
      const before = await must('--json', 'dump-aggregate')
      assert.match(await must('explain', 'br0', flow), expected)
      assert.equal(await must('--json', 'dump-aggregate'), before)
    })
  }

  const mistakes: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['frob'], 2, /^ofswitchctl: 'frob' is not a command/], [['add-flow', 'br0'], 2, /^ofswitchctl: add-flow SWITCH FLOW$/m],
    [['add-flow', 'br0', 'actions=frob'], 2, /^ofswitchctl: unknown action frob$/m], [['dump-flows', 'br9'], 1, /br9\.mgmt: cannot connect/],
    [['--wrong', 'show'], 2, /^ofswitchctl: unknown option --wrong$/m], [['ctl', 'frob'], 1, /^ofswitchctl: "frob" is not a valid command/],
    [['-t', 'nobody', 'ctl', 'version'], 1, /^ofswitchctl: no nobody is running/], [['dump-flows', 'tcp:nowhere:x'], 2, /is not a port number/],
  ]
  for (const [args, status, reason] of mistakes) {
    it(`ofswitchctl ${args.join(' ')}`, async () => {
      const { code, stderr } = await ctl(...args)
      assert.equal(code, status, stderr)
      assert.match(stderr, reason)
    })
  }
})
