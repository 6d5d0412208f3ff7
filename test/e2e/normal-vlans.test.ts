/**
 * VLANs of ports for NORMAL, beside Open vSwitch with the same `tag`, `trunks` and `vlan_mode`: random frames into ports of all modes,
 * the same frames out with the same tags, the same hosts in the same VLANs, the same traces; and other VLANs while running.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Wire } from '../support/netns-frames.js'
import { until } from '../support/netns-process.js'
import { Sandbox } from '../support/netns.js'
import { openVSwitchSubject } from '../support/ovs-subject.js'
import { linear } from '../support/random.js'
import { ownSubjects, skipReason, whyNoOfctl } from '../support/subject-list.js'
import { embeddedSubject } from '../support/subject-ofswitchd.js'
import type { RunningSwitch, Subject } from '../support/subject.js'

interface Vlans { readonly tag?: number; readonly trunks?: readonly number[]; readonly mode?: string }
const PORTS = [1, 2, 3, 4, 5, 6, 7, 8]
const first: Readonly<Record<number, Vlans>> = {
  1: { tag: 10 }, 2: { tag: 20 }, 4: { trunks: [10, 30] }, 5: { tag: 10, mode: 'native-untagged' }, 6: { tag: 20, mode: 'native-tagged', trunks: [10, 30] },
  7: { tag: 0 }, 8: { trunks: [0, 20, 21, 22, 23] },
}
/** Ports that change their mode, lose it, get one, and stay. */
const second: Readonly<Record<number, Vlans>> = {
  1: { tag: 20 }, 2: { tag: 20 }, 3: { trunks: [20, 30] }, 5: { tag: 0, mode: 'native-untagged', trunks: [10] }, 6: { tag: 30, mode: 'native-untagged', trunks: [0, 30] }, 7: { tag: 10, mode: 'native-tagged' },
}
const yaml = (vlans: typeof first): string => `ports:\n${PORTS.map((port) => {
  const { tag, trunks, mode } = vlans[port] ?? {}
  const more = [...(tag === undefined ? [] : [`tag: ${tag}`]), ...(trunks === undefined ? [] : [`trunks: [${trunks.join(', ')}]`]), ...(mode === undefined ? [] : [`vlanMode: ${mode}`])]
  return `  - { ${[`number: ${port}`, `interface: p${port}`, ...more].join(', ')} }\n`
}).join('')}`

interface Bench { readonly sw: RunningSwitch; readonly wire: Wire; /** By the number that every frame carries: where it came out, and as what. */ readonly out: Map<number, string[]> }
async function bench(sandbox: Sandbox, subject: Subject, file: string | null): Promise<Bench> {
  const namespace = await sandbox.namespace('sw')
  const wire = await Wire.attach(sandbox, namespace, PORTS)
  const sw = await subject.start(sandbox, namespace, { ports: PORTS, ...(file === null ? {} : { portsFile: file }) })
  assert.equal((await sw.ofctl(['-O', 'OpenFlow13', 'add-flow', 'TARGET', 'actions=NORMAL'])).code, 0)
  const out = new Map<number, string[]>()
  wire.listen(({ port, frame }) => {
    const at = frame.indexOf(MARK)
    if (at < 0) return
    const number = frame.readUInt32BE(at + MARK.length)
    out.set(number, [...out.get(number) ?? [], `${port} ${frame.subarray(12, at).toString('hex')}`].sort())
  })
  return { sw, wire, out }
}
async function configureOvs({ sw }: Bench, vlans: typeof first): Promise<void> {
  const env = { ...process.env, OVS_RUNDIR: sw.rundir }
  const commands = PORTS.flatMap((port) => {
    const { tag, trunks, mode } = vlans[port] ?? {}
    return ['--', 'set', 'port', `p${port}`, `tag=${tag ?? '[]'}`, `trunks=[${trunks?.join() ?? ''}]`, `vlan_mode=${mode ?? '[]'}`]
  })
  // One tag counts, which is what Open vSwitch does unless told otherwise.
  await sw.namespace.must('ovs-vsctl', [`--db=unix:${join(sw.rundir, 'db.sock')}`, 'set', 'open_vswitch', '.', 'other_config:vlan-limit=1', ...commands], { env })
}

const MARK = Buffer.from('88b5c0ffee', 'hex')
const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })
const BROADCAST = 'ffffffffffff'
const address = (n: number): string => `0200000000${n.toString(16).padStart(2, '0')}`
/** Without DEI: what becomes of it in Open vSwitch depends on which copy it happens to send first. */
const tag = (vid: number, pcp = 0, tpid = '8100'): string => `${tpid}${(pcp << 13 | vid).toString(16).padStart(4, '0')}`
let sent = 0
const frameOf = (dst: string, src: string, tags: string, number: number): Buffer =>
  Buffer.concat([Buffer.from(`${dst}${src}${tags}`, 'hex'), MARK, Buffer.from([number >>> 24, number >>> 16 & 255, number >>> 8 & 255, number & 255]), Buffer.alloc(50)])

interface Case { readonly from: number; readonly dst: string; readonly src: string; readonly tags: string }
function cases(seed: number, count: number): readonly Case[] {
  const below = linear(seed)
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T
  return Array.from({ length: count }, () => {
    const vid = one([0, 10, 10, 20, 20, 30, 21, 40])
    const tags = below(3) === 0 ? '' : tag(vid, one([0, 0, 3]), below(8) === 0 ? '88a8' : '8100') + (below(8) === 0 ? tag(one([10, 7])) : '')
    const from = one(PORTS)
    // Most hosts stay where they are.
    const src = below(10) === 0 ? below(8) : from - 1
    return { from, dst: below(3) === 0 ? BROADCAST : address(below(8)), src: address(src), tags }
  })
}

/** Both forward alike, once both have learned: what the one has learned and the other is about to makes them differ for a moment. */
async function alike(both: readonly [Bench, Bench], { from, dst, src, tags }: Case): Promise<readonly string[]> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const number = sent += 1
    const frame = frameOf(dst, src, tags, number)
    for (const { wire } of both) wire.send(from, frame)
    const outputs = both.map(({ out }) => out.get(number)?.join(' | ') ?? '')
    for (let quiet = 0; quiet < 4;) {
      await sleep(8)
      const now = both.map(({ out }) => out.get(number)?.join(' | ') ?? '')
      quiet = now.join() === outputs.join() && (now[0] === now[1] || quiet > 0) ? quiet + 1 : now.join() === outputs.join() ? 1 : 0
      outputs.splice(0, 2, ...now)
    }
    if (outputs[0] === outputs[1]) return both[0].out.get(number) ?? []
    if (Date.now() > deadline) assert.equal(outputs[1], outputs[0], `port ${from}, to ${dst} from ${src}, tags ${tags}\n${both[1].sw.log()}`)
  }
}
async function reload({ processes: [agent] }: RunningSwitch): Promise<void> {
  assert.ok(agent !== undefined)
  const from = agent.log.length
  agent.kill('SIGHUP')
  await until(() => `the reload\n${agent.log}`, () => /the configuration was reloaded"/.test(agent.log.slice(from)), 30_000)
}
async function hosts({ sw }: Bench): Promise<string[]> {
  return (await sw.appctl(['fdb/show', 'br0'])).stdout.trimEnd().split('\n').slice(1).map((row) => row.replace(/ +\d+$/, '')).sort()
}
async function sameHosts(both: readonly [Bench, Bench]): Promise<readonly string[]> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const [theirs = [], ours = []] = await Promise.all(both.map(hosts))
    if (JSON.stringify(ours) === JSON.stringify(theirs)) return ours
    if (Date.now() > deadline) assert.deepEqual(ours, theirs)
    await sleep(50)
  }
}

const traces: readonly string[] = [
  'in_port=p1,dl_vlan=10', 'in_port=p1', 'in_port=p1,dl_vlan=0,dl_vlan_pcp=3', 'in_port=p4', 'in_port=p4,dl_vlan=20', 'in_port=p4,dl_vlan=30', 'in_port=p5', 'in_port=p6,dl_vlan=20',
  'in_port=p6,dl_vlan=40', 'in_port=p7,dl_vlan=1', 'in_port=p8', 'in_port=p1,dl_vlan=10,dl_dst=01:80:c2:00:00:00', 'in_port=p3,dl_vlan=10,dl_vlan_pcp=5', 'in_port=p1,dl_src=02:00:00:00:00:77',
]
for (const subject of ownSubjects) {
  describe(`VLANs of ports: ${subject.name} and Open vSwitch`, { skip: skipReason(openVSwitchSubject, subject, whyNoOfctl()) }, () => {
    const sandboxes = [new Sandbox(), new Sandbox()] as const
    const folder = mkdtempSync(join(tmpdir(), 'ofs-vlans-'))
    const file = join(folder, 'c.yaml')
    let both: readonly [Bench, Bench]
    before(async () => {
      writeFileSync(file, yaml(first))
      both = await Promise.all([bench(sandboxes[0], openVSwitchSubject, null), bench(sandboxes[1], subject, file)])
      await configureOvs(both[0], first)
    })
    after(async () => {
      for (const sandbox of sandboxes) await sandbox.close()
      rmSync(folder, { recursive: true, force: true })
    })

    it('random frames leave by the same ports with the same tags', async () => {
      let copies = 0
      for (const one of cases(41, 70)) copies += (await alike(both, one)).length
      assert.ok(copies > 75, `${copies} copies`)
      assert.ok((await sameHosts(both)).length > 10)
      for (const [number, theirs] of both[0].out) assert.ok(theirs.length > 0 && number <= sent)
    })

    // Each costs BMv2 a program of its own.
    for (const packet of subject === embeddedSubject ? traces : traces.slice(0, 2)) {
      it(`ofproto/trace ${packet}`, async () => {
        const [theirs = '', ours = ''] = await Promise.all(both.map(async ({ sw }) => (await sw.appctl(['ofproto/trace', 'br0', packet])).stdout))
        const comparable = (text: string): string => text.replace(/^(?:Megaflow|Datapath actions): .*\n/gm, '')
        assert.equal(comparable(ours), comparable(theirs))
        assert.equal(/^Datapath actions: drop$/m.test(ours), /^Datapath actions: drop$/m.test(theirs), `${ours}\n${theirs}`)
      })
    }

    it('flows that output to ports do not ask for VLANs', async () => {
      for (const { sw } of both) assert.equal((await sw.ofctl(['-O', 'OpenFlow13', 'add-flow', 'TARGET', 'priority=40000,in_port=1,dl_vlan=30,actions=output:2,output:4'])).code, 0)
      assert.deepEqual(await alike(both, { from: 1, dst: BROADCAST, src: address(1), tags: tag(30) }), ['2 8100001e', '4 8100001e'])
    })

    it('takes other VLANs over while it runs, and forgets what was learned at the ports that change', async () => {
      await alike(both, { from: 2, dst: BROADCAST, src: address(0x22), tags: '' })
      await alike(both, { from: 3, dst: BROADCAST, src: address(0x33), tags: tag(10) })
      await sameHosts(both)
      writeFileSync(file, yaml(second))
      const { sw } = both[1]
      await reload(sw)
      await configureOvs(both[0], second)
      const known = await sameHosts(both)
      assert.ok(known.some((row) => row.includes('02:00:00:00:00:22')), 'a port that stays as it is keeps its hosts')
      assert.ok(!known.some((row) => row.includes('02:00:00:00:00:33')), 'one that is another does not')
      for (const one of cases(43, 30)) await alike(both, one)
      await sameHosts(both)
    })

    it('an agent that starts anew finds them in the target', { skip: subject === embeddedSubject ? 'its target goes with it' : false }, async () => {
      const [, { sw }] = both
      await sw.restartAgent?.()
      for (const one of both) assert.equal((await one.sw.appctl(['fdb/flush', 'br0'])).code, 0)
      for (const from of PORTS) for (const tags of ['', tag(20), tag(30)]) await alike(both, { from, dst: BROADCAST, src: address(0x40 + from), tags })
      await sameHosts(both)
      assert.doesNotMatch(sw.processes[0]?.log ?? '', /"level":[45]0/)
    })

    it('and none at all', async () => {
      writeFileSync(file, yaml({}))
      const { sw } = both[1]
      await reload(sw)
      await configureOvs(both[0], {})
      await sameHosts(both)
      assert.equal((await alike(both, { from: 1, dst: BROADCAST, src: address(1), tags: tag(77) })).length, PORTS.length - 1)
    })
  })
}
