/**
 * `ovs-ofctl monitor … watch:` at Open vSwitch and at ofswitchd: the same flows are changed, by another connection, and the
 * transcripts are compared. OpenFlow 1.0 has flow monitors by Open vSwitch's extension, 1.3 by the ONF's, 1.4 by itself.
 */
import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Daemon, until } from '../support/netns-process.js'
import { Sandbox } from '../support/netns.js'
import { oracle, ownSubjects, skipReason } from '../support/subject-list.js'
import type { RunningSwitch } from '../support/subject.js'
import { hideDifferences } from './ofctl/differences.js'

/**
 * Open vSwitch takes the 1.4 bit that asks for one's own changes only (OFPFMF_ONLY_OWN) for the one that asks for them in full,
 * and ovs-ofctl sets it unless it is told not to; here it means what the text says (OF 1.4.1 §7.3.5.17).
 */
const WATCH = { OpenFlow10: 'watch:', OpenFlow13: 'watch:', OpenFlow14: 'watch:!own' } as const

const steps = [
  'add-flow TARGET priority=10,in_port=1,actions=output:2', 'add-flow TARGET priority=11,cookie=0x5,tcp,tp_dst=80,idle_timeout=60,actions=output:3',
  'add-flow TARGET priority=10,in_port=1,actions=output:3', 'mod-flows TARGET in_port=1,actions=output:1', 'mod-flows TARGET in_port=1,actions=output:1',
  '--strict del-flows TARGET priority=10,in_port=1', 'add-flow TARGET priority=12,hard_timeout=1,actions=drop', 'del-flows TARGET',
]

for (const subject of ownSubjects)
  for (const version of ['OpenFlow10', 'OpenFlow13', 'OpenFlow14'] as const)
    describe(`flow monitors, ${version}: ${subject.name} = ${oracle.name}`, { skip: skipReason(oracle, subject, subject.versions.includes(version) ? undefined : `no ${version}`) }, () => {
      const sandboxes: Sandbox[] = []
      const benches: { sw: RunningSwitch, monitor: Daemon }[] = []

      before(async () => {
        for (const each of [oracle, subject]) {
          const sandbox = new Sandbox()
          sandboxes.push(sandbox)
          const namespace = await sandbox.namespace('sw')
          const sw = await each.start(sandbox, namespace, { ports: [] })
          await sw.ofctl(['-O', 'OpenFlow13', 'add-flow', 'TARGET', 'priority=5,actions=drop'])
          const words = [`--unixctl=${join(tmpdir(), namespace.name)}.ctl`, '-O', version, 'monitor', sw.listener, WATCH[version]]
          const monitor = namespace.daemon('ovs-ofctl monitor', 'ovs-ofctl', words)
          await until(() => `the first answer: ${monitor.log}`, () => monitor.log.includes('event='))
          benches.push({ sw, monitor })
        }
      })
      after(async () => { for (const sandbox of sandboxes) await sandbox.close() })

      it('tell the same', async () => {
        const transcripts = await Promise.all(benches.map(async ({ sw, monitor }) => {
          for (const step of steps) {
            const already = events(monitor.log).length
            await sw.ofctl(['-O', 'OpenFlow13', ...step.split(' ')])
            // What is no news has none; what is comes soon.
            if (step !== steps[4]) await until(`news of ${step}`, () => events(monitor.log).length > already)
            if (step.includes('hard_timeout')) await until('the timeout', () => events(monitor.log).length > already + 1)
          }
          return events(hideDifferences('monitor', monitor.log))
        }))
        assert.deepEqual(transcripts[1], transcripts[0])
        assert.ok((transcripts[0] ?? []).length >= 9)
      })
    })

/**
 * Flow updates of different messages, without the messages; those of one deletion come in any order. Of a removed flow the
 * text wants no instructions (OF 1.4.1 §7.3.5.17, ofp_flow_update_full), and Open vSwitch's own nicira-ext.h wants none either; it sends them.
 */
const events = (log: string): string[] => {
  const lines = log.split('\n').filter((line) => line.includes('event=')).map((line) => line.trim().replace(/(event=DELETED .*) actions=.*/, '$1'))
  return [...lines.slice(0, -3), ...lines.slice(-3).sort()]
}
