/**
 * The commands of the operator's notes, as scripts of this folder, on Open vSwitch and on ofswitchd: what they print must be the same.
 * UPDATE_GOLDEN=1 also writes both sessions to docs/seed-session.md.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { controllerAddress, controllerFolder, Faucet, whyNoFaucet } from '../support/controllers.js'
import { Wire } from '../support/netns-frames.js'
import { onPath, run, type Finished } from '../support/netns-process.js'
import { Sandbox } from '../support/netns.js'
import { openVSwitchSubject } from '../support/ovs-subject.js'
import { skipReason, whyNoOfctl } from '../support/subject-list.js'
import { embeddedSubject } from '../support/subject-ofswitchd.js'
import type { RunningSwitch, Subject } from '../support/subject.js'
import { aclConfiguration, routerConfiguration, switchConfiguration } from '../support/faucet-configurations.js'
import { writeSession } from './session.js'
import { comparable, portNumbers, steps, type Step } from './transcript.js'

const PORTS = [1, 2, 3, 4, 5]
const script = (name: string): string => join(process.cwd(), 'test/seed', `${name}.sh`)
const whyNoTcpdump = onPath('tcpdump') === undefined ? 'tcpdump is not installed' : undefined

interface Bench { readonly sw: RunningSwitch; readonly faucet: Faucet | null; readonly work: string; readonly ports: ReadonlyMap<string, string> }

async function build(sandbox: Sandbox, subject: Subject, configuration: string | null): Promise<Bench> {
  const work = mkdtempSync(join(tmpdir(), 'ofs-seed-'))
  sandbox.onClose(async () => rmSync(work, { recursive: true, force: true }))
  const namespace = await sandbox.namespace('sw')
  await Wire.attach(sandbox, namespace, PORTS)
  const faucet = configuration === null ? null : await Faucet.start(sandbox, namespace, configuration)
  const sw = await subject.start(sandbox, namespace, { ports: PORTS, capture: work, ...(faucet === null ? {} : { controllers: [controllerAddress] }) })
  await faucet?.connected()
  return { sw, faucet, work, ports: portNumbers((await sw.appctl(['dpif/show'])).stdout) }
}

async function play({ sw, work, faucet }: Bench, name: string): Promise<readonly Step[]> {
  const done = await sw.namespace.run('bash', [script(name)], { env: { ...process.env, OVS_RUNDIR: sw.rundir, WORK: work }, timeoutMs: 60_000 })
  assert.equal(done.code, 0, `${done.stdout}${done.stderr}\n${faucet?.log() ?? ''}`)
  assert.doesNotMatch(done.stdout, /never succeeded/, `${done.stdout}\n${faucet?.log() ?? ''}\n${sw.log().slice(-3000)}`)
  return steps(done.stdout)
}

describe('the operator\'s notes', { skip: skipReason(openVSwitchSubject, embeddedSubject, whyNoOfctl(), whyNoFaucet(), whyNoTcpdump) }, () => {
  const scenes: { name: string; expected: readonly Step[]; actual: readonly Step[] }[] = []
  const sections = [
    { title: 'switch', configuration: switchConfiguration, scripts: ['switch'] },
    { title: 'router, then access list', configuration: routerConfiguration, scripts: ['router', 'acls'] },
    { title: 'everyday commands', configuration: null, scripts: ['basics'] },
  ]
  for (const { title, configuration, scripts } of sections) {
    describe(title, () => {
      const sandboxes = [new Sandbox(), new Sandbox()] as const
      let benches: readonly [Bench, Bench]
      before(async () => {
        benches = await Promise.all([build(sandboxes[0], openVSwitchSubject, configuration), build(sandboxes[1], embeddedSubject, configuration)])
      })
      after(async () => { for (const sandbox of sandboxes) await sandbox.close() })

      for (const name of scripts) {
        it(`${name}.sh`, async () => {
          if (name === 'acls') for (const { faucet } of benches) await faucet?.reload(aclConfiguration)
          const [expected, actual] = await Promise.all([play(benches[0], name), play(benches[1], name)])
          scenes.push({ name, expected, actual })
          assert.deepEqual(actual.map(({ command }) => command), expected.map(({ command }) => command))
          for (const [at, step] of actual.entries()) {
            const theirs = expected[at]
            if (theirs === undefined || ownAnswers.test(step.command)) continue
            assert.equal(comparable(step, benches[1].ports), comparable(theirs, benches[0].ports), step.command)
          }
        })
      }

      if (configuration !== null) {
        it('gave Faucet nothing to complain about', async () => {
          for (const { faucet } of benches) assert.deepEqual(await faucet?.complaints(), [])
        })
      }
      if (title === 'everyday commands') {
        it('show and dump-tables tell what this switch has', async () => {
          const [show, tables] = ['ovs-ofctl show br0', 'ovs-ofctl dump-tables br0'].map((command) =>
            scenes.find(({ name }) => name === 'basics')?.actual.find((step) => step.command === command)?.output ?? '')
          assert.match(show ?? '', /dpid:0000000000000001\nn_tables:16, n_buffers:0\n/)
          for (const port of PORTS) assert.match(show ?? '', new RegExp(`^ ${port}\\(p${port}\\): addr:0a:00:00:00:01:0${port}$`, 'm'))
          assert.match(tables ?? '', /^ {2}table 0.*:\n {4}active=2, /m)
        })
      }
    })
  }

  it('both sessions', { skip: process.env['UPDATE_GOLDEN'] !== '1' && 'written with UPDATE_GOLDEN=1' }, () => writeSession(scenes))
})

/** Answers that tell about the switch itself: compared by what they must contain, above. */
const ownAnswers = /^ovs-ofctl (show|dump-tables)|^ovs-appctl version/

describe('the configurations of the notes', { skip: whyNoFaucet() ?? false }, () => {
  for (const [name, configuration] of Object.entries({ switchConfiguration, routerConfiguration, aclConfiguration })) {
    it(`check_faucet_config: ${name}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'ofs-faucet-'))
      try {
        writeFileSync(join(folder, 'faucet.yaml'), configuration)
        const { code, stdout, stderr } = await run(join(controllerFolder, 'bin', 'check_faucet_config'), [join(folder, 'faucet.yaml')])
        assert.equal(code, 0, `${stdout}${stderr}`)
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  }
})

describe('hosts in namespaces', { skip: skipReason(openVSwitchSubject, embeddedSubject, whyNoOfctl()) }, () => {
  it('hosts.sh: two hosts on the switch reach each other', async () => {
    const sandbox = new Sandbox()
    const names = ['a', 'b'].map((letter) => `h${letter}${process.pid % 100_000}`)
    try {
      const namespace = await sandbox.namespace('sw')
      const env = { ...process.env, NAMES: names.join(' ') }
      // Namespaces that are made beneath `ip netns exec` end with it: it has its own mounts.
      const hosts = (what: string): Promise<Finished> =>
        run('nsenter', [`--net=/run/netns/${namespace.name}`, 'bash', script('hosts')], { env: { ...env, HOSTS: what } })
      const create = await hosts('create')
      assert.equal(create.code, 0, create.stderr)
      // The notes give the interfaces to the switch by name; the harness calls its ports p1, p2.
      for (const [at, name] of names.entries()) {
        await namespace.must('sh', ['-c', `ip link set veth-${name} down && ip link set veth-${name} name p${at + 1} && ip link set p${at + 1} up`])
      }
      const sw = await embeddedSubject.start(sandbox, namespace, { ports: [1, 2] })
      for (const flow of ['in_port=p1,actions=p2', 'in_port=p2,actions=p1']) assert.equal((await sw.ofctl(['add-flow', 'TARGET', flow])).code, 0)
      const ping = await hosts('ping')
      assert.equal(ping.code, 0, `${ping.stdout}${ping.stderr}`)
      assert.match(ping.stdout, / 0% packet loss/)
    } finally {
      await sandbox.close()
      for (const name of names) await run('ip', ['netns', 'delete', `faucet-${name}`])
    }
  })

  it('namespace.sh: a cable between two namespaces', async () => {
    const sandbox = new Sandbox()
    try {
      const namespace = await sandbox.namespace('ns')
      const done = await namespace.run('bash', [script('namespace')], { env: { ...process.env, NS: `nstest${process.pid}` } })
      assert.equal(done.code, 0, `${done.stdout}${done.stderr}`)
      assert.equal(done.stdout.match(/ 0% packet loss/g)?.length, 2)
    } finally {
      await sandbox.close()
    }
  })
})
