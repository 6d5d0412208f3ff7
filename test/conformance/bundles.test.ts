/**
 * Bundles as ovs-ofctl sends them, always packet-atomic and in order: over OpenFlow 1.3, which has them as an ONF extension
 * (EXT-230), and for one case over 1.4 and 1.5. A switch carries a bundle out whole, or refuses it and changes nothing: BMv2 cannot keep packets from
 * meeting a part of a commit, so with it the flag is refused. Never half of it, and never silence.
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

    const cases: readonly { name: string; args: readonly string[]; input: string; whole: readonly string[] | RegExp }[] = [
      { name: 'added flows', args: ['add-flows'], input: 'priority=10,in_port=1,actions=drop\npriority=20,in_port=2,actions=drop\n',
        whole: ['priority=10,in_port=1 actions=drop', 'priority=20,in_port=2 actions=drop', 'priority=5 actions=drop'] },
      { name: 'flows that replace each other', args: ['add-flows'], input: 'delete\npriority=5,actions=output:1\nmodify actions=output:2\npriority=7,udp,actions=drop\n',
        whole: ['priority=5 actions=output:2', 'priority=7,udp actions=drop'] },
      { name: 'groups and flows', args: ['bundle'], input: 'group add group_id=1,type=all,bucket=output:1\nflow add priority=9,actions=group:1\ngroup modify group_id=1,type=all,bucket=output:2\npacket-out in_port=1 packet=ffffffffffff02000000000108060001080006040001020000000001c0a80101000000000000c0a80102 actions=group:1\n',
        whole: ['priority=5 actions=drop', 'priority=9 actions=group:1'] },
      { name: 'the flows of a file', args: ['replace-flows'], input: 'priority=6,in_port=3 actions=drop\n', whole: ['priority=6,in_port=3 actions=drop'] },
      { name: 'a flow that cannot be', args: ['add-flows'], input: 'priority=10,in_port=1,actions=drop\ndelete\npriority=20,in_port=2,actions=group:4711\n',
        whole: /OFPBAC_BAD_OUT_GROUP[^]*OFPBFC_MSG_FAILED/ },
      { name: 'a group that cannot be', args: ['bundle'], input: 'group add group_id=2,type=all,bucket=output:1\nflow add priority=9,actions=group:2\ngroup add group_id=2,type=all,bucket=output:1\n',
        whole: /OFPGMFC_GROUP_EXISTS[^]*OFPBFC_MSG_FAILED/ },
    ]
    for (const { name, args: [command = '', ...more], input, whole } of cases)
      it(`are carried out whole or refused whole: ${name}`, async () => {
        await sw.ofctl([...OF13, 'del-flows', 'TARGET'])
        await sw.ofctl([...OF13, 'del-groups', 'TARGET'])
        await sw.ofctl([...OF13, 'add-flow', 'TARGET', 'priority=5,actions=drop'])
        const done = await sw.ofctl([...OF13, '--bundle', command, 'TARGET', '-', ...more], { input })
        const after = (await flows()).sort()
        const packetAtomic = subject.name !== 'ofswitchd (BMv2)'
        if (packetAtomic && Array.isArray(whole)) {
          assert.equal(done.stderr, '')
          assert.deepEqual(after, [...whole].sort())
          return
        }
        assert.deepEqual(after, ['priority=5 actions=drop'])
        assert.match(done.stderr + done.stdout, packetAtomic && whole instanceof RegExp ? whole : /OFPBFC_BAD_FLAGS/)
        assert.equal((await sw.ofctl([...OF13, 'dump-groups', 'TARGET'])).stdout.includes('group_id'), false)
      })

    for (const version of ['OpenFlow14', 'OpenFlow15'])
      it(`are messages of their own in ${version}`, async () => {
        const now = ['-O', version]
        await sw.ofctl([...OF13, 'del-flows', 'TARGET'])
        await sw.ofctl([...OF13, 'add-flow', 'TARGET', 'priority=5,actions=drop'])
        const done = await sw.ofctl([...now, '--bundle', 'add-flows', 'TARGET', '-'], { input: 'delete\npriority=6,in_port=1,actions=output:2\n' })
        const failed = await sw.ofctl([...now, '--bundle', 'add-flows', 'TARGET', '-'], { input: 'delete\npriority=7,actions=group:4711\n' })
        const packetAtomic = subject.name !== 'ofswitchd (BMv2)'
        assert.deepEqual(await flows(), packetAtomic ? ['priority=6,in_port=1 actions=output:2'] : ['priority=5 actions=drop'])
        assert.match(done.stderr, packetAtomic ? /^$/ : /OFPBFC_BAD_FLAGS/)
        assert.match(failed.stderr, packetAtomic ? /OFPBAC_BAD_OUT_GROUP[^]*OFPBFC_MSG_FAILED/ : /OFPBFC_BAD_FLAGS/)
      })

    it('replace a large table by another', { timeout: 60_000 }, async () => {
      const input = (out: number): string => Array.from({ length: 500 }, (_, index) => `priority=8,ip,nw_dst=10.0.${index >> 8}.${index & 255},actions=output:${out}`).join('\n')
      await sw.ofctl([...OF13, 'add-flows', 'TARGET', '-'], { input: input(1) })
      const done = await sw.ofctl([...OF13, '--bundle', 'replace-flows', 'TARGET', '-'], { input: input(2) })
      const count = (await flows()).filter((flow) => flow.endsWith('output:2')).length
      assert.equal(count, done.code === 0 ? 500 : 0)
      assert.equal(done.code === 0, subject.name !== 'ofswitchd (BMv2)')
    })
  })
