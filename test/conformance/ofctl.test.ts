/**
 * ovs-ofctl at a switch: the same commands are given to Open vSwitch and to ofswitchd, and what they print is compared,
 * apart from the differences listed (with their reasons) in ofctl/differences.ts. Every version with the embedded target;
 * with BMv2 two, because a version ends in the codec, and the first of what these lack.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Wire } from '../support/netns-frames.js'
import { Sandbox } from '../support/netns.js'
import { oracle, ownSubjects, skipReason } from '../support/subject-list.js'
import { bmv2Subject } from '../support/subject-ofswitchd.js'
import type { RunningSwitch } from '../support/subject.js'
import { hideDifferences } from './ofctl/differences.js'
import { claims, type Entry, runScript } from './ofctl/script.js'
import { scripts } from './ofctl/scripts.js'

const PORTS = [1, 2, 3, 4]

const compared = process.env['OFSWITCHD_OFCTL_SELF'] === undefined ? ownSubjects : [oracle, ...ownSubjects]
for (const subject of compared)
  describe(`ovs-ofctl: ${subject.name} = ${oracle.name}`, { skip: skipReason(oracle, subject) }, () => {
    const sandboxes: Sandbox[] = []
    const benches: { sw: RunningSwitch, wire: Wire }[] = []

    before(async () => {
      for (const each of [oracle, subject]) {
        const sandbox = new Sandbox()
        sandboxes.push(sandbox)
        const namespace = await sandbox.namespace('sw')
        const wire = await Wire.attach(sandbox, namespace, PORTS)
        benches.push({ sw: await each.start(sandbox, namespace, { ports: PORTS }), wire })
      }
    })
    after(async () => { for (const sandbox of sandboxes) await sandbox.close() })

    const versions = subject === bmv2Subject ? ['OpenFlow10', 'OpenFlow13'] : subject.versions
    for (const script of scripts)
      for (const version of script.versions.filter((each) => versions.includes(each) || !script.versions.some((one) => versions.includes(one)) && each === script.versions[0]))
        it(`${script.name} (${version})`, async (test) => {
          if (!await claims(benches[1]!.sw, script.needs)) return test.skip(`the switch has no ${script.needs}`)
          const [expected, actual] = await Promise.all(benches.map(({ sw, wire }) => runScript(script, version, sw, wire)))
          const different = differences(expected ?? [], actual ?? [])
          assert.ok(different.length === 0, different.join('\n'))
        })
  })

/** The steps whose outputs differ, with both, as text. */
const differences = (expected: readonly Entry[], actual: readonly Entry[]): string[] => expected.flatMap(({ step, output }, index) => {
  const [wanted, got] = [output, actual[index]?.output ?? ''].map((text) => hideDifferences(step, text))
  return wanted === got ? [] : [`$ ${step}`, indent('expected', wanted), indent('actual', got)]
})

const indent = (title: string, text = ''): string => `  ${title}:\n${text.replace(/^/gm, '    ')}`
