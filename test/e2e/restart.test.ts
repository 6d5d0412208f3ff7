/**
 * The P4Runtime target dies and comes back empty: the agent puts everything back, and packets flow again. And the agent
 * dies while the target goes on: packets are forwarded all the time, and the new agent knows the flows and groups (ADR-0014).
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Wire } from '../support/netns-frames.js'
import { until } from '../support/netns-process.js'
import { Sandbox } from '../support/netns.js'
import { skipReason, targetSubjects, whyNoOfctl } from '../support/subject-list.js'
import type { RunningSwitch } from '../support/subject.js'
import { arpFrame, tcpFrame } from '../conformance/ofctl/scripts.js'

const OF13 = ['-O', 'OpenFlow13']
const flows = [
  'table=0,priority=10,in_port=1,arp,cookie=0x11,actions=group:7',
  'table=0,priority=20,in_port=1,tcp,tp_dst=80,idle_timeout=600,actions=set_field:02:00:00:00:00:55->eth_src,goto_table:1',
  'table=1,priority=5,actions=write_actions(output:3)',
  'table=0,priority=0,actions=drop',
]

for (const subject of targetSubjects)
  describe(`restart: ${subject.name}`, { skip: skipReason(subject, whyNoOfctl()) }, () => {
    const sandbox = new Sandbox()
    let sw: RunningSwitch
    let wire: Wire

    before(async () => {
      const namespace = await sandbox.namespace('sw')
      wire = await Wire.attach(sandbox, namespace, [1, 2, 3])
      sw = await subject.start(sandbox, namespace, { ports: [1, 2, 3] })
      const group = await sw.ofctl([...OF13, 'add-group', 'TARGET', 'group_id=7,type=all,bucket=actions=output:2,bucket=actions=output:3'])
      assert.equal(group.code, 0, group.stderr)
      const done = await sw.ofctl([...OF13, 'add-flows', 'TARGET', '-'], { input: flows.join('\n') })
      assert.equal(done.code, 0, done.stderr)
      for (const setting of [['0', 'evict'], ['1', 'vacancy:20,80']]) {
        const set = await sw.ofctl(['-O', 'OpenFlow14', 'mod-table', 'TARGET', ...setting])
        assert.equal(set.code, 0, set.stderr)
      }
      assert.match(await settings(), /table 0:\n +eviction=on[^]*table 1:[^]*vacancy=on vacancy_down=20% vacancy_up=80%/)
    })
    after(() => sandbox.close())

    const dump = async (): Promise<string> => {
      const text = async (...args: string[]): Promise<string> => (await sw.ofctl([...OF13, ...args, 'TARGET'])).stdout.replace(/xid=\w+/g, '')
      return await text('--no-stats', '--sort', 'dump-flows') + await text('dump-groups') + await settings()
    }
    /** Of tables 0 to 2. */
    const settings = async (): Promise<string> => (await sw.ofctl(['-O', 'OpenFlow14', 'dump-table-desc', 'TARGET'])).stdout.replace(/xid=\w+|vacancy=\d+%/g, '').split(/^ {2}table 3:/m)[0] ?? ''
    /** ARP floods to 2 and 3 by the group, TCP goes to 3 through two tables. */
    const forwards = (): Promise<true> => until(() => `packets to be forwarded\n${sw.log().slice(-4000)}`, async () => {
      wire.take()
      wire.send(1, Buffer.from(arpFrame, 'hex'))
      wire.send(1, Buffer.from(tcpFrame, 'hex'))
      const seen: string[] = []
      await until('three frames', () => { seen.push(...wire.take().map(({ port, frame }) => `${port} ${frame.toString('hex')}`)); return seen.length >= 3 }, 1000, 10)
        .catch(() => { /* tried again */ })
      return [`2 ${arpFrame}`, `3 ${arpFrame}`, `3 ${tcpFrame.replace('020000000001', '020000000055')}`].every((frame) => seen.includes(frame))
    }, 30_000, 100)

    it('forwards', async () => { await forwards() })

    for (const round of [1, 2])
      it(`puts everything back when the target restarts (${round})`, async () => {
        const before = await dump()
        await sw.restartTarget?.()
        await forwards()
        assert.equal(await dump(), before)
      })

    it('takes flows again afterwards', async () => {
      const done = await sw.ofctl([...OF13, 'add-flow', 'TARGET', 'priority=30,in_port=2,actions=output:1'])
      assert.equal(done.code, 0, done.stderr)
      wire.take()
      wire.send(2, Buffer.from(arpFrame, 'hex'))
      await until('the frame', () => wire.take().some(({ port }) => port === 1))
    })

    it('forwards without the agent, and has lost nothing when it is back', async () => {
      const before = await dump()
      const [age, packets] = await firstFlow()
      assert.ok(packets > 0)
      await sw.killAgent?.()
      await forwards()
      await sw.restartAgent?.()
      await forwards()
      assert.equal(await dump(), before)
      const [laterAge, laterPackets] = await firstFlow()
      assert.ok(laterAge > age && laterPackets > packets, `${laterAge} > ${age} s, ${laterPackets} > ${packets} packets`)
    })

    it('is a switch like any other afterwards', async () => {
      assert.equal((await sw.ofctl([...OF13, 'del-flows', 'TARGET'])).code, 0)
      assert.equal((await sw.ofctl([...OF13, 'del-groups', 'TARGET'])).code, 0)
      assert.doesNotMatch(await dump(), /actions=|bucket/)
      const done = await sw.ofctl([...OF13, 'add-flow', 'TARGET', 'priority=30,in_port=3,actions=output:1'])
      assert.equal(done.code, 0, done.stderr)
      const seen: number[] = []
      wire.take()
      wire.send(1, Buffer.from(arpFrame, 'hex'))
      await until('the frame from port 3', () => {
        wire.send(3, Buffer.from(arpFrame, 'hex'))
        seen.push(...wire.take().map(({ port }) => port))
        return seen.includes(1)
      })
      assert.deepEqual(seen.filter((port) => port !== 1), [], 'nothing is left of the old flows')
    })

    /** Duration in seconds and packets of the flow for ARP. */
    const firstFlow = async (): Promise<readonly [number, number]> => {
      const { stdout } = await sw.ofctl([...OF13, 'dump-flows', 'TARGET'])
      const found = /cookie=0x11, duration=([\d.]+)s, table=0, n_packets=(\d+)/.exec(stdout)
      assert.ok(found !== null, stdout)
      return [Number(found[1]), Number(found[2])]
    }
  })
