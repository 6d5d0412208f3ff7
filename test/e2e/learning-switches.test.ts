/**
 * Learning switches of two makes: os-ken's (Ryu's successor) over OpenFlow 1.0 and 1.2 to 1.5, and Open vSwitch's
 * test controller over 1.0, 1.1, 1.3 and 1.4. Hosts reach each other, flows appear, and what is for a learned address
 * is not flooded.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { controllerAddress, type LearningSwitch, learningSwitches } from '../support/controllers.js'
import { attachHosts, type Host, whyNoHosts } from '../support/netns-hosts.js'
import { type Daemon, until } from '../support/netns-process.js'
import { Sandbox } from '../support/netns.js'
import { controllerSubjects, skipReason } from '../support/subject-list.js'
import { bmv2Subject } from '../support/subject-ofswitchd.js'
import type { RunningSwitch, Subject } from '../support/subject.js'

for (const subject of controllerSubjects)
  for (const kind of learningSwitches)
    if (kind.brief !== true || subject !== bmv2Subject) testWith(subject, kind)

function testWith(subject: Subject, kind: LearningSwitch): void {
  describe(`${kind.name}: ${subject.name}`, { skip: skipReason(subject, kind.whyNot(), whyNoHosts()) }, () => {
    const sandbox = new Sandbox()
    let hosts: Map<number, Host>
    let sw: RunningSwitch
    let controller: Daemon

    before(async () => {
      const namespace = await sandbox.namespace('sw')
      hosts = await attachHosts(sandbox, namespace, { 1: '10.0.0.1/24', 2: '10.0.0.2/24', 3: '10.0.0.3/24' })
      controller = kind.start(namespace)
      sw = await subject.start(sandbox, namespace, { ports: [1, 2, 3], controllers: [controllerAddress] })
      await until(() => `the handshake\n${controller.log}\n${sw.log()}`, () => controller.log.includes(kind.connected), 30_000)
    })
    after(() => sandbox.close())

    it('connects all hosts', async () => {
      await until(() => `h1 to reach h2\n${controller.log}\n${sw.log()}`, () => hosts.get(1)!.pings(hosts.get(2)!, 2), 30_000)
      for (const from of hosts.values())
        for (const to of hosts.values())
          if (from !== to) assert.ok(await from.pings(to), `h${from.port} reaches h${to.port}\n${controller.log}\n${sw.log()}`)
    })

    it('has installed flows for what it learned', async () => {
      const dump = await sw.ofctl(['-O', kind.version, '--no-stats', 'dump-flows', 'TARGET'])
      for (const host of hosts.values()) assert.match(dump.stdout, new RegExp(`dl_dst=${host.mac}`))
    })

    it('sends what is for a learned address to one port only', async () => {
      const capture = await hosts.get(3)!.capture('icmp')
      assert.ok(await hosts.get(1)!.pings(hosts.get(2)!))
      assert.deepEqual((await capture.stop()).filter((line) => line.includes('ICMP')), [])
    })

    it('met no exception', () => { assert.doesNotMatch(controller.log, /Traceback|EventOFPErrorMsg received|OFPT_ERROR/) })
  })
}
