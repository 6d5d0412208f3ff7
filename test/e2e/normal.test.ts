/**
 * NORMAL beside Open vSwitch: the same frames into the same ports, the same frames out of the same ports with the same bytes; the
 * same hosts known; the same traces. Hosts that move, VLANs, what bridges tell each other, ports that are not flooded.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Wire } from '../support/netns-frames.js'
import { Sandbox } from '../support/netns.js'
import { openVSwitchSubject } from '../support/ovs-subject.js'
import { ownSubjects, skipReason, whyNoOfctl } from '../support/subject-list.js'
import type { RunningSwitch, Subject } from '../support/subject.js'

const PORTS = [1, 2, 3, 4]
const BROADCAST = 'ffffffffffff'
const [A, B, C, D, E, F] = ['020000000001', '020000000002', '020000000003', '020000000004', '020000000005', '020000000006'] as const
const frame = (dst: string, src: string, tag = ''): Buffer => Buffer.from(`${dst}${src}${tag}88b5${'5a'.repeat(60)}`, 'hex')
const tagged = (vlan: number): string => `8100${vlan.toString(16).padStart(4, '0')}`

interface Step { readonly what: string; readonly before?: readonly string[]; readonly from: number; readonly frame: Buffer; readonly to: readonly number[] }
const steps: readonly Step[] = [
  { what: 'an unknown destination is flooded', from: 1, frame: frame(BROADCAST, A), to: [2, 3, 4] },
  { what: 'a known one is not', from: 2, frame: frame(A, B), to: [1] },
  { what: 'and back', from: 1, frame: frame(B, A), to: [2] },
  { what: 'another VLAN is another network', from: 3, frame: frame(A, C, tagged(100)), to: [1, 2, 4] },
  { what: 'with hosts of its own', from: 1, frame: frame(C, A, tagged(100)), to: [3] },
  { what: 'whatever the priority', from: 1, frame: frame(C, A, tagged(0x6064)), to: [3] },
  { what: 'and not those of a third', from: 1, frame: frame(C, A, tagged(101)), to: [2, 3, 4] },
  { what: 'a tag that says nothing is taken out', from: 2, frame: frame(A, B, tagged(0)), to: [1] },
  { what: 'and with a priority', from: 2, frame: frame(A, B, tagged(0x6000)), to: [1] },
  { what: 'the outer tag counts', from: 3, frame: frame(A, C, `${tagged(100)}${tagged(7)}`), to: [1] },
  { what: 'a host moves', from: 3, frame: frame(BROADCAST, A), to: [1, 2, 4] },
  { what: 'and is found', from: 2, frame: frame(A, B), to: [3] },
  { what: 'nothing goes back where it came from', from: 3, frame: frame(A, D), to: [] },
  { what: 'what bridges tell each other goes nowhere', from: 4, frame: frame('0180c2000000', E), to: [] },
  { what: 'up to the last of their addresses', from: 4, frame: frame('0180c200000f', E), to: [] },
  { what: 'but no further', from: 4, frame: frame('0180c2000010', A), to: [1, 2, 3] },
  ...['00e02b000000', '00e02b000004', '00e02b000006', '01000c000000', '01000ccccccc', '01000ccccccd', '01000ccdcdcd', '01000cccccc0', '01000cccccc7']
    .map((dst) => ({ what: `nor what is for ${dst}`, from: 4, frame: frame(dst, E), to: [] })),
  { what: 'their neighbours are ordinary', from: 4, frame: frame('01000cccccc8', A), to: [1, 2, 3] },
  { what: 'it was not learned from', from: 1, frame: frame(E, B), to: [2, 3, 4] },
  { what: 'a group address is no host', from: 1, frame: frame(BROADCAST, '030000000009'), to: [2, 3, 4] },
  { what: 'a port may be left out of floods', before: ['mod-port', 'p3', 'no-flood'], from: 1, frame: frame(BROADCAST, F), to: [2, 4] },
  { what: 'but its hosts are reached', from: 1, frame: frame(D, F), to: [3] },
  { what: 'until it is flooded again', before: ['mod-port', 'p3', 'flood'], from: 1, frame: frame(BROADCAST, F), to: [2, 3, 4] },
]
const traces: readonly string[] = [
  `in_port=p2,dl_src=${mac(B)},dl_dst=${mac(D)}`, `in_port=p2,dl_src=${mac(B)},dl_dst=02:00:00:00:00:77`, `in_port=p3,dl_src=${mac(A)},dl_dst=${mac(D)}`,
  `in_port=p2,dl_src=${mac(B)},dl_dst=01:80:c2:00:00:02`, `in_port=p1,dl_vlan=100,dl_src=${mac(A)},dl_dst=${mac(C)}`,
  `in_port=p4,dl_src=02:00:00:00:00:78,dl_dst=${mac(D)}`, `in_port=p2,tcp,dl_src=${mac(B)},dl_dst=${mac(D)}`, `in_port=p2,udp,dl_src=${mac(B)},dl_dst=${mac(D)}`,
  `in_port=p4,dl_src=02:00:00:00:00:79,dl_dst=${mac(D)} -generate`,
]
const flows = ['priority=0,actions=NORMAL', 'in_port=2,tcp,actions=output:1,NORMAL,group:1', 'in_port=2,udp,actions=write_actions(set_field:00:00:00:00:00:77->eth_src,output:NORMAL)']
function mac(address: string): string { return address.replace(/..(?=.)/g, '$&:') }

interface Bench { readonly sw: RunningSwitch; readonly wire: Wire }
async function bench(sandbox: Sandbox, subject: Subject): Promise<Bench> {
  const namespace = await sandbox.namespace('sw')
  const wire = await Wire.attach(sandbox, namespace, PORTS)
  const sw = await subject.start(sandbox, namespace, { ports: PORTS })
  const commands = [['add-group', 'TARGET', 'group_id=1,type=indirect,bucket=actions=NORMAL'], ...flows.map((flow) => ['add-flow', 'TARGET', flow])]
  for (const command of commands) {
    const { code, stderr } = await sw.ofctl(['-O', 'OpenFlow13', ...command])
    assert.equal(code, 0, `${command.join(' ')}: ${stderr}`)
  }
  return { sw, wire }
}
const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

/** What comes out of one frame, when so much has come as should, or nothing more for a while. */
async function outputs({ wire }: Bench, { from, frame: sent, to }: Step): Promise<string[]> {
  wire.take()
  wire.send(from, sent)
  const out: string[] = []
  for (let quiet = 0; quiet < (out.length < to.length ? 40 : 8); quiet += 1) {
    await sleep(10)
    // Neighbour discovery of the interfaces themselves is not of this test.
    const came = wire.take().filter(({ frame: bytes }) => bytes.includes('88b55a5a', 12, 'hex')).map(({ port, frame: bytes }) => `${port} ${bytes.toString('hex')}`)
    if (came.length > 0) quiet = 0
    out.push(...came)
  }
  return out.sort()
}
/** Learning takes its time in both: the frame is sent until it goes where it should. */
async function carryOut(one: Bench, step: Step): Promise<string[]> {
  const deadline = Date.now() + 15_000
  for (let out = await outputs(one, step);; out = await outputs(one, step)) {
    if (out.map((each) => Number(each.split(' ')[0])).join() === step.to.join()) return out
    assert.ok(Date.now() < deadline, `${one.sw.subject.name}: ${step.what}: ${out.join(' | ')}\n${one.sw.log()}`)
  }
}
async function hosts({ sw }: Bench): Promise<string[]> {
  const [head, ...rows] = (await sw.appctl(['fdb/show', 'br0'])).stdout.trimEnd().split('\n')
  assert.equal(head, ' port  VLAN  MAC                Age')
  // Not the age: Open vSwitch counts from the last packet, we from when the host was learned where it is.
  return rows.map((row) => row.replace(/ +\d+$/, '')).sort()
}
async function sameHosts(both: readonly [Bench, Bench]): Promise<void> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const [theirs, ours] = await Promise.all(both.map(hosts))
    if (Date.now() > deadline) assert.deepEqual(ours, theirs)
    if (JSON.stringify(ours) === JSON.stringify(theirs)) return
    await sleep(50)
  }
}

for (const subject of ownSubjects) {
  describe(`NORMAL: ${subject.name} and Open vSwitch`, { skip: skipReason(openVSwitchSubject, subject, whyNoOfctl()) }, () => {
    const sandboxes = [new Sandbox(), new Sandbox()] as const
    let both: readonly [Bench, Bench]
    before(async () => { both = await Promise.all([bench(sandboxes[0], openVSwitchSubject), bench(sandboxes[1], subject)]) })
    after(async () => { for (const sandbox of sandboxes) await sandbox.close() })

    for (const step of steps) {
      it(step.what, async () => {
        for (const { sw } of both) if (step.before !== undefined) assert.equal((await sw.ofctl(['-O', 'OpenFlow10', step.before[0]!, 'TARGET', ...step.before.slice(1)])).code, 0)
        const [theirs, ours] = await Promise.all(both.map((one) => carryOut(one, step)))
        assert.deepEqual(ours, theirs)
        await sameHosts(both)
      })
    }

    for (const packet of traces) {
      it(`ofproto/trace ${packet}`, async () => {
        const before = await hosts(both[1])
        const [theirs, ours] = await Promise.all(both.map(async ({ sw }) => (await sw.appctl(['ofproto/trace', 'br0', ...packet.split(' ')])).stdout))
        const comparable = (text: string): string => text.replace(/^(?:Megaflow|Datapath actions): .*\n/gm, '')
        assert.equal(comparable(ours ?? ''), comparable(theirs ?? ''))
        assert.match(ours ?? '', /-> (?:learned|forwarding|no learned|packet has)/)
        if (packet.endsWith('-generate')) await sameHosts(both)
        else assert.deepEqual(await hosts(both[1]), before, 'a trace teaches nothing')
      })
    }

    it('learns from packet-outs that name a port', async () => {
      const packet = frame(mac(D).replaceAll(':', ''), '02000000000a').toString('hex')
      for (const { sw } of both) {
        for (const port of ['4', 'CONTROLLER']) {
          const { code, stderr } = await sw.ofctl(['-O', 'OpenFlow13', 'packet-out', 'TARGET', `in_port=${port} packet=${packet.replace('02000000000a', port === '4' ? '02000000000a' : '02000000000b')} actions=NORMAL`])
          assert.equal(code, 0, stderr)
        }
      }
      await sameHosts(both)
      assert.ok((await hosts(both[1])).includes('    4     0  02:00:00:00:00:0a'))
    })

    it('ofproto/trace-packet-out', async () => {
      const args = ['ofproto/trace-packet-out', 'br0', `in_port=p2,dl_src=${mac(B)},dl_dst=${mac(D)}`, 'output:1,NORMAL']
      const [theirs, ours] = await Promise.all(both.map(async ({ sw }) => (await sw.appctl(args)).stdout))
      const comparable = (text: string): string => text.replace(/^Megaflow: .*\n/gm, '')
      assert.match(ours ?? '', /^Datapath actions: 1,3$/m)
      assert.equal(comparable(ours ?? '').replace(/^Datapath actions: .*\n/m, ''), comparable(theirs ?? '').replace(/^Datapath actions: .*\n/m, ''))
    })

    it('forgets everything on request', async () => {
      for (const { sw } of both) assert.equal((await sw.appctl(['fdb/flush', 'br0'])).stdout, 'table successfully flushed\n')
      await sameHosts(both)
      assert.deepEqual(await hosts(both[1]), [])
      await carryOut(both[1], { what: 'is flooded again', from: 2, frame: frame(D, B), to: [1, 3, 4] })
    })
  })
}

for (const subject of ownSubjects) {
  it(`a silent host is forgotten: ${subject.name}`, { skip: skipReason(subject, whyNoOfctl()) }, async () => {
    const sandbox = new Sandbox()
    const folder = mkdtempSync(join(tmpdir(), 'ofs-ageing-'))
    try {
      writeFileSync(join(folder, 'c.yaml'), 'macAgeing: 2s\nfailMode: standalone\n')
      const namespace = await sandbox.namespace('sw')
      const wire = await Wire.attach(sandbox, namespace, PORTS)
      const one = { wire, sw: await subject.start(sandbox, namespace, { ports: PORTS, agentArguments: ['--config', join(folder, 'c.yaml')] }) }
      await carryOut(one, { what: 'flood', from: 1, frame: frame(BROADCAST, A), to: [2, 3, 4] })
      await carryOut(one, { what: 'find', from: 2, frame: frame(A, B), to: [1] })
      const deadline = Date.now() + 20_000
      while ((await hosts(one)).some((row) => row.includes(mac(B)))) {
        assert.ok(Date.now() < deadline, `the host is still known\n${one.sw.log()}`)
        wire.send(1, frame(BROADCAST, A))
        await sleep(100)
      }
      assert.ok((await hosts(one)).some((row) => row.includes(mac(A))), 'one that talks is known')
    } finally {
      await sandbox.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
