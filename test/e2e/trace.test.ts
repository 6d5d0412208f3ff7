/** ofproto/trace beside Open vSwitch: the same flows, the same packets, the same text. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Wire } from '../support/netns-frames.js'
import { until } from '../support/netns-process.js'
import { Sandbox } from '../support/netns.js'
import { openVSwitchSubject } from '../support/ovs-subject.js'
import { skipReason, whyNoOfctl } from '../support/subject-list.js'
import { bmv2Subject, embeddedSubject } from '../support/subject-ofswitchd.js'
import type { RunningSwitch, Subject } from '../support/subject.js'

const PORTS = [1, 2, 3, 4, 5]
const groups = [
  'group_id=1,type=all,bucket=actions=set_field:00:00:00:00:00:09->eth_dst,output:2,bucket=actions=output:3',
  'group_id=2,type=ff,bucket=watch_port:2,actions=output:2,bucket=watch_port:3,actions=output:3',
  'group_id=3,type=indirect,bucket=actions=output:2',
  'group_id=4,type=select,bucket=actions=output:2,bucket=actions=output:2',
]
const flows = [
  'in_port=1,priority=100,ip,actions=push_vlan:0x8100,set_field:4196->vlan_vid,output:2,goto_table:1',
  'table=1,priority=5,ip,dl_vlan=100,actions=pop_vlan,dec_ttl,output:3,CONTROLLER:128,write_actions(set_field:00:00:00:00:00:77->eth_src,output:4),goto_table:3',
  'table=3,priority=0,actions=write_actions(group:1)',
  'in_port=2,ip,actions=group:1,output:2',
  'in_port=3,ip,actions=group:2',
  'in_port=4,ip,actions=group:3,output:IN_PORT',
  'in_port=4,arp,actions=output:9',
  'in_port=5,cookie=0x5adc15c0,ip,actions=clear_actions,write_metadata:0x5/0xf,goto_table:2',
  'table=2,metadata=0x5,actions=output:1',
  'in_port=2,udp6,actions=dec_ttl,set_field:::9->ipv6_dst,set_field:3->ip_dscp,output:1,set_field:5->udp_dst,output:3',
  'priority=5,in_port=2,dl_vlan=10,actions=set_field:4196->vlan_vid,output:3,pop_vlan,output:1',
  'priority=9,in_port=1,dl_type=0x88b5,actions=NORMAL',
  'priority=9,in_port=2,dl_type=0x88b5,actions=NORMAL',
  'priority=6,in_port=2,arp,actions=output:3,output:4',
]
const packets = [
  'in_port=p1,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64', 'in_port=p1,udp,nw_ttl=1', 'in_port=p1,arp', 'in_port=p2,icmp,nw_ttl=9,icmp_type=8',
  'in_port=p3,ip,nw_ttl=3', 'in_port=p4,tcp,tcp_dst=80', 'in_port=p4,arp,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.2', 'in_port=5,ip',
  'in_port=2,udp6,nw_ttl=9,udp_src=7', 'in_port=2,udp6,nw_ttl=1', 'in_port=p2,dl_type=0x1234,dl_vlan=10,dl_vlan_pcp=3', 'in_port=p2,arp,arp_op=1',
  'in_port=p1,dl_src=00:01:02:03:04:05', 'in_port=77', 'in_port=p1,mpls,mpls_label=3',
]
/** Without what belongs to Open vSwitch alone: bits of its cache, its continuations. */
const comparable = (text: string): string => text.replace(/^Megaflow: .*\n/m, '')
  .replace(/userspace\(pid=\d+,controller\(reason=(\d+),.*?rule_cookie=(\w+),controller_id=0,max_len=(\d+)\)\)/g, 'userspace(controller(reason=$1,rule_cookie=$2,max_len=$3))')
  .replace(/^This flow is handled by the userspace slow path because it:\n(?: {2}- .*\n)+/m, '')

/** Ports of its datapath as OpenFlow numbers; ours have the same number in both. */
async function translator(sw: RunningSwitch): Promise<(text: string) => string> {
  const rows = [...(await sw.appctl(['dpif/show'])).stdout.matchAll(/^ +p\d+ (\d+)\/(\d+):/gm)]
  const numbers = new Map(rows.map(([, portNo = '', number = '']) => [number, portNo]))
  return (text) => text.replace(/^Datapath actions: .*$/m, (line) => line.replace(/(?<=[ ,])\d+(?=,|$)/g, (number) => numbers.get(number) ?? number))
}

async function bench(sandbox: Sandbox, subject: Subject): Promise<{ readonly sw: RunningSwitch; readonly wire: Wire }> {
  const namespace = await sandbox.namespace('sw')
  const wire = await Wire.attach(sandbox, namespace, PORTS)
  const sw = await subject.start(sandbox, namespace, { ports: PORTS })
  for (const [command, texts] of [['add-group', groups], ['add-flow', flows]] as const) {
    for (const text of texts) {
      const { code, stderr } = await sw.ofctl(['-O', 'OpenFlow13', command, 'TARGET', text])
      assert.equal(code, 0, `${text}: ${stderr}`)
    }
  }
  return { sw, wire }
}

for (const subject of [embeddedSubject, bmv2Subject]) {
  describe(`ofproto/trace: ${subject.name} and Open vSwitch`, { skip: skipReason(openVSwitchSubject, subject, whyNoOfctl()) }, () => {
    const sandboxes = [new Sandbox(), new Sandbox()] as const
    let ours: RunningSwitch
    let theirs: RunningSwitch
    let wire: Wire
    let translate: (text: string) => string
    before(async () => {
      [{ sw: theirs }, { sw: ours, wire }] = await Promise.all([bench(sandboxes[0], openVSwitchSubject), bench(sandboxes[1], subject)])
      translate = await translator(theirs)
    })
    after(async () => { for (const sandbox of sandboxes) await sandbox.close() })

    for (const packet of packets) {
      it(packet, async () => {
        const [expected, actual] = await Promise.all([theirs, ours].map((sw) => sw.appctl(['ofproto/trace', 'br0', packet])))
        assert.equal(actual?.code, 0, `${actual?.stderr ?? ''}${ours.log()}`)
        // BMv2 has its own order of copies.
        const text = (given: string): string => (subject === bmv2Subject ? comparable(given).replace(/^Datapath actions: .*,.*$/m, '') : comparable(given))
        assert.equal(text(actual?.stdout ?? ''), text(translate(expected?.stdout ?? '')))
      })
    }

    const packetOuts = [
      ['in_port=p1,ip,nw_ttl=3', 'output:2,group:1,set_field:00:00:00:00:00:07->eth_src,output:3'], ['in_port=p1,udp,nw_ttl=9', 'TABLE'],
      ['in_port=p5,ip,nw_ttl=9', 'output:2,TABLE'], ['in_port=p3,ip,nw_ttl=1', 'dec_ttl,output:1'], ['in_port=p1,arp', 'output:1,CONTROLLER:64,output:4'],
    ] as const
    for (const [packet, actions] of packetOuts) {
      it(`packet-out ${packet} ${actions}`, async () => {
        const [expected, actual] = await Promise.all([theirs, ours].map((sw) => sw.appctl(['ofproto/trace-packet-out', 'br0', packet, actions])))
        assert.equal(actual?.code, 0, `${actual?.stderr ?? ''}${ours.log()}`)
        const text = (given: string): string => (subject === bmv2Subject ? comparable(given).replace(/^Datapath actions: .*,.*$/m, '') : comparable(given))
        assert.equal(text(actual?.stdout ?? ''), text(translate(expected?.stdout ?? '')))
      })
    }

    it('takes a flow of the datapath', async () => {
      const [plain, datapath] = [['br0', 'in_port=p1,tcp,dl_vlan=5,nw_src=1.2.3.4,nw_tos=8,nw_ttl=3,tcp_dst=2'],
        ['in_port(1),eth(src=00:00:00:00:00:00,dst=00:00:00:00:00:00),eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x0800),ipv4(src=1.2.3.4,dst=0.0.0.0,proto=6,tos=0x8,ttl=3,frag=no),tcp(src=0,dst=2))']]
        .map((args) => ours.appctl(['ofproto/trace', ...args]))
      assert.match((await datapath)?.stdout ?? '', /^Flow: tcp,in_port=1,dl_vlan=5,dl_vlan_pcp=0,.*nw_src=1\.2\.3\.4,nw_dst=0\.0\.0\.0,nw_tos=8,nw_ecn=0,nw_ttl=3,nw_frag=no,tp_src=0,tp_dst=2/)
      assert.equal((await datapath)?.stdout, (await plain)?.stdout)
    })

    it('tells the bucket that the pipeline takes', async () => {
      await ours.ofctl(['-O', 'OpenFlow13', 'add-flow', 'TARGET', 'priority=40000,in_port=5,tcp,actions=group:4'])
      const { stdout } = await ours.appctl(['ofproto/trace', 'br0', 'in_port=p5,tcp'])
      assert.match(stdout, /group:4\n {5}-> using bucket ([01])\n {4}bucket \1\n {12}output:2\n/)
      assert.match(stdout, /Datapath actions: 2$/m)
    })

    it('names the P4 tables on request', async () => {
      const { stdout } = await ours.appctl(['ofproto/trace', 'br0', 'in_port=p5,ip', '--p4'])
      assert.match(stdout, /^P4 pipeline:\n {2}ingress, port 5\n/m)
      assert.match(stdout, /^ {4}\S+\.t2\.flow: entry of priority \d+, flow \d+ → \S+/m)
    })

    it('sends nothing and counts nothing, but with -generate', async () => {
      const packets = async (): Promise<string | undefined> =>
        /n_packets=(\d+)/.exec((await ours.ofctl(['-O', 'OpenFlow13', 'dump-flows', 'TARGET', 'in_port=5,ip,cookie=0x5adc15c0/-1'])).stdout)?.[1]
      const counted = await packets()
      await ours.appctl(['ofproto/trace', 'br0', 'in_port=p5,udp,nw_ttl=9,udp_dst=53'])
      assert.equal(await packets(), counted)
      assert.deepEqual(wire.take(), [])
      const { stdout } = await ours.appctl(['ofproto/trace', 'br0', 'in_port=p5,udp,nw_ttl=9,udp_dst=53', '-generate'])
      assert.match(stdout, /Datapath actions: 1$/m)
      const frames: { readonly port: number; readonly frame: Buffer }[] = []
      await until('the packet to leave', () => frames.push(...wire.take()) > 0)
      assert.deepEqual(frames.map(({ port, frame }) => [port, frame.length, frame.readUInt16BE(36)]), [[1, 106, 53]])
      assert.equal(await packets(), String(Number(counted) + 1))
    })

    it('takes a packet in hexadecimal digits', async () => {
      const { stdout } = await ours.appctl(['ofproto/trace', 'br0', 'in_port=p5', '000102030405060708090a0b080045000014000000000099ba5200000000' + '00000000'])
      assert.match(stdout, /^Flow: ip,in_port=5,vlan_tci=0x0000,dl_src=06:07:08:09:0a:0b,dl_dst=00:01:02:03:04:05,.*nw_proto=153,/)
    })

    it('NORMAL: floods, learns, forwards, and drops what is already there', async () => {
      const [h1, h2] = ['00:00:00:00:00:f1', '00:00:00:00:00:f2']
      const trace = async (port: string, src: string, dst: string, ...more: string[]): Promise<void> => {
        const packet = `in_port=${port},dl_src=${src},dl_dst=${dst},dl_type=0x88b5`
        const [expected, actual] = await Promise.all([theirs, ours].map((sw) => sw.appctl(['ofproto/trace', 'br0', packet, ...more])))
        // Open vSwitch floods to its LOCAL port too, and in its own order.
        const text = (given: string): string => comparable(given).replace(/^Datapath actions: .*,.*$/m, '').replace(/^ +-> learned that .*\n/m, '')
        assert.equal(text(actual?.stdout ?? ''), text(translate(expected?.stdout ?? '')))
      }
      const learned = (address: string): Promise<unknown> => until(`${address} to be learned`, async () => {
        const shown = await Promise.all([theirs, ours].map((sw) => sw.appctl(['fdb/show', 'br0'])))
        return shown.every(({ stdout }) => stdout.includes(address))
      })
      await trace('p1', h1, h2)
      await trace('p1', h1, h2, '-generate')
      await learned(h1)
      await trace('p2', h2, h1, '-generate')
      await learned(h2)
      await trace('p1', h1, h2)
      await trace('p1', '00:00:00:00:00:f3', h1)
      const [expected, actual] = await Promise.all([theirs, ours].map(async (sw) => (await sw.appctl(['fdb/show', 'br0'])).stdout.replace(/ +\d+$/gm, ' N').split('\n').sort()))
      assert.deepEqual(actual, expected)
      const refused = await Promise.all([theirs, ours].map((sw) => sw.appctl(['fdb/show', 'br9'])))
      for (const { code, stderr } of refused) assert.deepEqual([code, stderr.split('\n')[0]], [2, 'no such bridge'])
    })

    const refusals = [
      [[], '"ofproto/trace" command requires at least 1 arguments'], [['br0'], 'syntax error at br0 (or the bridge name was omitted)'],
      [['br1', 'in_port=1'], 'br1: unknown bridge'], [['br0', 'foo=1'], 'Bad openflow flow syntax: foo=1: unknown field foo'],
      [['br0', 'in_port=1', '0001020304050607080'], 'Trailing garbage in packet data'], [['br0', 'in_port=1', '-generate', 'foo'], 'Syntax error'],
      [['br0', 'in_port=1', 'foo', 'bar'], 'too many arguments'],
    ] as const
    for (const [args, text] of refusals) {
      it(text, async () => {
        for (const sw of [theirs, ours]) {
          const { code, stderr } = await sw.appctl(['ofproto/trace', ...args])
          assert.deepEqual([code, stderr.split('\n')[0]], [2, text])
        }
      })
    }
  })
}
