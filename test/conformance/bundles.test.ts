/**
 * Bundles over OpenFlow 1.3, which has them only as an ONF extension (EXT-230): a switch either carries a bundle out, or
 * refuses it as an unknown experimenter message and changes nothing. Never half of it, and never silence.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Sandbox } from '../support/netns.js'
import { skipReason, subjects, whyNoOfctl } from '../support/subject-list.js'
import type { RunningSwitch } from '../support/subject.js'

const OF13 = ['-O', 'OpenFlow13']

for (const subject of subjects)
  describe(`bundles: ${subject.name}`, { skip: skipReason(subject, whyNoOfctl()) }, () => {
    const sandbox = new Sandbox()
    let sw: RunningSwitch

    before(async () => { sw = await subject.start(sandbox, await sandbox.namespace('sw'), { ports: [] }) })
    after(() => sandbox.close())

    const flows = async (): Promise<string[]> =>
      (await sw.ofctl([...OF13, '--no-stats', '--sort', 'dump-flows', 'TARGET'])).stdout.split('\n').map((line) => line.trim()).filter((line) => line !== '')

    const cases = [
      { name: 'added flows', input: 'priority=10,in_port=1,actions=drop\npriority=20,in_port=2,actions=drop\n', whole: ['priority=10,in_port=1 actions=drop', 'priority=20,in_port=2 actions=drop', 'priority=5 actions=drop'] },
      { name: 'a flow that cannot be', input: 'priority=10,in_port=1,actions=drop\npriority=20,in_port=2,actions=group:4711\n', whole: undefined },
    ]
    for (const { name, input, whole } of cases)
      it(`are carried out whole or refused whole: ${name}`, async () => {
        await sw.ofctl([...OF13, 'del-flows', 'TARGET'])
        await sw.ofctl([...OF13, 'add-flow', 'TARGET', 'priority=5,actions=drop'])
        const done = await sw.ofctl([...OF13, '--bundle', 'add-flows', 'TARGET', '-'], { input })
        const after = await flows()
        if (done.code === 0 && whole !== undefined) assert.deepEqual(after.sort(), [...whole].sort())
        else {
          assert.deepEqual(after, ['priority=5 actions=drop'])
          assert.match(done.stderr + done.stdout, whole === undefined ? /OFPBRC_BAD_(EXPERIMENTER|VENDOR)|OFPBAC_BAD_OUT_GROUP|OFPBFC_MSG_FAILED/ : /OFPBRC_BAD_(EXPERIMENTER|VENDOR)/)
        }
      })
  })
