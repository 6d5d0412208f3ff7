import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FlowTextError, readFlowMod, readGroup, readMeter } from '../../../src/openflow/index.js'
import { formatInstructions, formatMatch } from '../../../src/openflow/text.js'
import { formatGroup } from '../../../src/openflow/text-message.js'
import { onPath, run } from '../../support/netns-process.js'

const ports = (name: string): number | null => (name === 'p1' ? 1 : null)
const flow = (text: string): string => {
  const { tableId, priority, match, instructions } = readFlowMod('add', text, ports)
  return [`table=${tableId}`, `priority=${priority}`, formatMatch(match)].filter((part) => part !== '').join(',') + ` actions=${formatInstructions(instructions)}`
}

/** Flows as they are printed: reading and printing gives them back. */
const printed = [
  'table=0,priority=32768 actions=drop',
  'table=3,priority=7,tcp,in_port=1,nw_src=10.0.0.0/8,tp_dst=80 actions=output:2',
  'table=0,priority=1,in_port=1,vlan_tci=0x0000/0x1fff actions=push_vlan:0x8100,set_field:4196->vlan_vid,goto_table:1',
  'table=0,priority=1,dl_vlan=100,dl_vlan_pcp=3 actions=pop_vlan,output:1',
  'table=0,priority=1,dl_src=00:00:00:00:00:00/01:00:00:00:00:00 actions=set_field:00:00:00:00:00:01->eth_dst,IN_PORT',
  'table=0,priority=1,arp,arp_spa=10.0.0.1,arp_tpa=10.0.0.0/24,arp_op=1 actions=CONTROLLER:128',
  'table=0,priority=1,icmp6,ipv6_src=fe80::/10,icmp_type=135,icmp_code=0,nd_target=fe80::1,nd_sll=00:00:00:00:00:05 actions=NORMAL',
  'table=0,priority=1,udp6,ipv6_dst=::1,ipv6_label=0x5,nw_tos=20,nw_ecn=1,tp_src=53 actions=set_field:54->udp_src,FLOOD',
  'table=0,priority=1,mpls,mpls_label=5,mpls_tc=2,mpls_bos=1 actions=dec_mpls_ttl,set_mpls_ttl(3),pop_mpls:0x0800,output:1',
  'table=0,priority=1,ip actions=meter:7,dec_ttl,set_field:10.0.0.9->ip_dst,mod_nw_ttl:9,group:4,set_queue:3,output:1',
  'table=0,priority=1,ip actions=clear_actions,write_actions(set_field:00:00:00:00:00:01->eth_src,output:4),write_metadata:0x5/0xff,goto_table:9',
  'table=2,priority=1,metadata=0x5/0xf actions=write_metadata:0x9,goto_table:3',
  'table=0,priority=1,dl_type=0x9000 actions=copy_ttl_out,copy_ttl_in,push_pbb:0x88e7,pop_pbb,push_mpls:0x8847,output:1,ALL',
  'table=0,priority=1,sctp,tp_src=0x5/0xff actions=LOCAL',
  'table=0,priority=1,tun_id=0x7 actions=set_field:0x9->tun_id,enqueue:1:2',
]
/** Other ways to write. */
const other: readonly (readonly [string, string])[] = [
  ['actions=2', 'table=0,priority=32768 actions=output:2'],
  ['in_port=p1 actions=output:p1', 'table=0,priority=32768,in_port=1 actions=output:1'],
  ['priority=1 idle_timeout=0,in_port=100,actions=mod_nw_src:9.181.137.1,normal', 'table=0,priority=1,in_port=100 actions=set_field:9.181.137.1->ip_src,NORMAL'],
  ['actions=note:01.02.ff,controller(reason=invalid_ttl,max_len=64,id=5)', 'table=0,priority=32768 actions=note:01.02.ff.00.00.00,controller(reason=invalid_ttl,max_len=64,id=5)'],
  ['dl_type=0x800,nw_proto=17,tp_dst=53,actions=mod_tp_dst:54,controller', 'table=0,priority=32768,udp,tp_dst=53 actions=set_field:54->udp_dst,CONTROLLER:65535'],
  ['actions=mod_vlan_vid:5,output:1', 'table=0,priority=32768 actions=push_vlan:0x8100,set_field:4101->vlan_vid,output:1'],
  ['dl_vlan=3,actions=mod_vlan_vid:5,strip_vlan,flood', 'table=0,priority=32768,dl_vlan=3 actions=set_field:4101->vlan_vid,pop_vlan,FLOOD'],
  ['dl_vlan=0xffff,actions=local', 'table=0,priority=32768,vlan_tci=0x0000/0x1fff actions=LOCAL'],
  ['dl_vlan_pcp=2,actions=drop', 'table=0,priority=32768,dl_vlan_pcp=2 actions=drop'],
  ['cookie=0x5, duration=3s, n_packets=4, table=0, ip,nw_tos=8 actions=drop', 'table=0,priority=32768,ip,nw_tos=8 actions=drop'],
]

describe('flows read from text', () => {
  for (const text of printed) it(text, () => assert.equal(flow(text), text))
  for (const [text, expected] of other) it(text, () => assert.equal(flow(text), expected))

  it('are the flows that ovs-ofctl reads', { skip: onPath('ovs-ofctl') === undefined && 'ovs-ofctl is not installed' }, async () => {
    for (const text of [...printed, ...other.map(([each]) => each)].filter((each) => !/pbb|copy_ttl|p1|enqueue|duration|normal/.test(each))) {
      const { code, stderr } = await run('ovs-ofctl', ['-O', 'OpenFlow13', 'parse-flow', text])
      assert.ok(code === 0 || /MATCH_INCONSISTENT|usable flow formats/.test(stderr), `${text}: ${stderr}`)
    }
  })

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['ip', /^must specify an action$/], ['foo=1,actions=drop', /^unknown keyword foo$/], ['actions=frob', /^unknown action frob$/],
    ['actions=output:p9', /^p9: invalid or unknown port$/], ['tp_dst=5,actions=drop', /^tp_dst needs a protocol before it/],
    ['nw_src=1.2.3.4,actions=drop', /^ipv4_src needs eth_type=0x800 \(OFPBMC_BAD_PREREQ\)$/], ['ip,nw_src=1.2.3,actions=drop', /^1\.2\.3: invalid IP address$/],
    ['priority=65536,actions=drop', /^priority: 65536 is too large; the most is 65535$/], ['actions=drop,output:1', /^drop must not be accompanied/],
    ['actions=write_actions(output:1', /^write_actions\(output:1: parentheses do not match$/], ['dl_src=1:2,actions=drop', /^1:2: invalid Ethernet address$/],
  ]
  for (const [text, reason] of wrong) {
    it(`not ${text}`, () => assert.throws(() => flow(text), (error: Error) => error instanceof FlowTextError && reason.test(error.message)))
  }
})

it('groups read from text', () => {
  const text = 'group_id=7,type=select,bucket=weight:2,watch_port:1,actions=set_field:00:00:00:00:00:01->eth_dst,output:2,bucket=weight:1,actions=output:3'
  assert.equal(formatGroup(readGroup('add', text, ports)), text)
  assert.equal(formatGroup(readGroup('add', 'group_id=1 type=ff bucket=watch_port:p1,output:2', ports)), 'group_id=1,type=ff,bucket=watch_port:1,actions=output:2')
  assert.equal(readGroup('delete', '', ports).groupId, 0xfffffffc)
  assert.throws(() => readGroup('add', 'type=all', ports), /must specify a group_id/)
})

it('meters read from text', () => {
  assert.deepEqual(readMeter('add', 'meter=3 kbps burst stats bands=type=drop rate=100 burst_size=10, type=dscp_remark,rate=50,prec_level=1'), {
    type: 'meter_mod', command: 'add', flags: 13, meterId: 3,
    bands: [{ type: 'drop', rate: 100, burstSize: 10, precLevel: 0 }, { type: 'dscp_remark', rate: 50, burstSize: 0, precLevel: 1 }],
  })
  assert.throws(() => readMeter('add', 'kbps'), /must specify a meter/)
})
