/**
 * The scripts of ovs-ofctl that are compared between switches.
 *
 * Not here, because Open vSwitch is no authority: groups that refer to groups that do not exist, or to themselves. It says
 * that it checks chains (OFPGFC_CHAINING_CHECKS, OF 1.3.5 §7.3.5.10) and takes both.
 */
import type { Script } from './script.js'

const every = ['OpenFlow10', 'OpenFlow11', 'OpenFlow12', 'OpenFlow13', 'OpenFlow14', 'OpenFlow15'] as const
const since11 = every.slice(1)
const since13 = every.slice(3)
const since15 = ['OpenFlow15']

const dump = 'ofctl --no-stats --sort dump-flows TARGET'
/** 60 bytes: an ARP request, and a TCP segment to port 80 from 10.0.0.1. */
export const arpFrame = 'ffffffffffff02000000000108060001080006040001020000000001' + '0a000001' + '0000000000000a000002' + '00'.repeat(18)
export const tcpFrame = '0200000000020200000000010800' + '4500002800010000400666cd0a0000010a000002' + '3039005000000000000000005002ffff00000000' + '00'.repeat(6)

/** As ovs-ofctl talks when it is not told to keep to OpenFlow 1.0's own words. */
const nxm = (...steps: readonly string[]): readonly string[] => steps.map((step) => step.replace(/^ofctl /, 'ofctl -F NXM+table_id '))
const dumpNxm = 'ofctl --no-stats --sort dump-flows TARGET'

export const scripts: readonly Script[] = [
  {
    name: 'flows in NXM', versions: ['OpenFlow10'],
    files: {
      one: 'table=0,priority=10,in_port=1,actions=output:2\ntable=1,priority=20,ipv6,ipv6_dst=2001:db8::/32,actions=output:1\n',
      two: 'table=0,priority=10,in_port=1,actions=output:3\ntable=2,priority=30,tun_id=5,actions=output:1\n',
    },
    steps: nxm(
      'ofctl del-flows TARGET',
      'ofctl add-flow TARGET table=1,priority=7,cookie=0x11,in_port=1,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=output:2',
      'ofctl add-flow TARGET table=0,cookie=0x12,priority=8,tcp,nw_src=10.0.0.1/255.0.0.255,tp_dst=0x50/0xfff0,actions=resubmit(,1)',
      'ofctl add-flow TARGET table=2,cookie=0x21,icmp6,icmp_type=135,nd_target=::1,actions=drop',
      'ofctl add-flow TARGET table=2,cookie=0x22,dl_vlan=10,dl_vlan_pcp=3,actions=strip_vlan,output:1',
      'ofctl add-flow TARGET table=2,cookie=0x23,vlan_tci=0,actions=output:1', 'ofctl add-flow TARGET table=2,cookie=0x24,vlan_tci=0x1000/0x1000,actions=output:3',
      'ofctl add-flow TARGET table=3,cookie=0x31,ip,ip_dscp=46,nw_ecn=1,metadata=0x1/0xff,actions=output:1',
      'ofctl add-flow TARGET table=3,cookie=0x32,sctp,tp_src=7,actions=output:1', 'ofctl add-flow TARGET table=3,cookie=0x33,arp,arp_op=1,arp_sha=02:00:00:00:00:01,actions=output:1',
      dumpNxm, 'ofctl --no-stats dump-flows TARGET table=2', 'ofctl --no-stats --sort dump-flows TARGET cookie=0x20/0xf0', 'ofctl dump-aggregate TARGET cookie=0x20/0xf0',
      'ofctl mod-flows TARGET table=2,cookie=0x22/-1,actions=output:4', 'ofctl mod-flows TARGET table=3,cookie=0x99,arp,actions=output:4', dumpNxm,
      'ofctl --strict mod-flows TARGET table=1,priority=7,in_port=1,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=output:3', dumpNxm,
      'ofctl del-flows TARGET table=3', 'ofctl del-flows TARGET cookie=0x20/0xf0', dumpNxm,
      'ofctl replace-flows TARGET @one', dumpNxm, 'ofctl diff-flows TARGET @one', 'ofctl diff-flows TARGET @two', 'ofctl replace-flows TARGET @two', dumpNxm,
      'ofctl --strict del-flows TARGET table=2,tun_id=5,priority=30', dumpNxm, 'ofctl del-flows TARGET', dumpNxm,
    ),
  },
  {
    name: 'a new switch', versions: every,
    steps: [
      'ofctl show TARGET', 'ofctl dump-desc TARGET', 'ofctl dump-tables TARGET', 'ofctl dump-flows TARGET', 'ofctl dump-aggregate TARGET',
      'ofctl get-frags TARGET', 'ofctl probe TARGET', 'ofctl ping TARGET 100',
      'ofctl dump-ports-desc TARGET',
    ],
  },
  {
    // Early, because ports count on from script to script.
    name: 'ports count', versions: ['OpenFlow13', 'OpenFlow10'],
    steps: [
      'ofctl add-flow TARGET priority=10,in_port=1,arp,actions=output:2,output:3', `send 1 ${arpFrame}`, `send 1 ${arpFrame}`, `send 1 ${tcpFrame}`, 'expect 4',
      'ofctl dump-ports TARGET', 'ofctl dump-ports TARGET 2',
    ],
  },
  {
    name: 'flows are added, replaced and listed', versions: every,
    steps: [
      'ofctl add-flow TARGET priority=1,idle_timeout=0,in_port=1,actions=output:2',
      'ofctl add-flow TARGET priority=1,in_port=1,actions=output:3',
      'ofctl add-flow TARGET in_port=2,idle_timeout=60,hard_timeout=120,cookie=0x5adc15c0,actions=output:1',
      'ofctl add-flow TARGET dl_vlan=10,dl_vlan_pcp=3,actions=strip_vlan,output:1',
      'ofctl add-flow TARGET dl_src=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp,actions=FLOOD',
      'ofctl add-flow TARGET ip,nw_src=10.0.0.0/8,nw_dst=10.0.0.1,actions=drop',
      'ofctl add-flow TARGET tcp,tp_dst=80,actions=mod_dl_src:02:00:00:00:00:02,mod_nw_dst:10.9.8.7,mod_tp_dst:8080,output:4',
      'ofctl add-flow TARGET udp,tp_src=53,actions=CONTROLLER:128',
      'ofctl add-flow TARGET icmp,icmp_type=8,icmp_code=0,actions=IN_PORT',
      'ofctl add-flow TARGET priority=0,actions=ALL',
      dump, 'ofctl --sort=priority --no-stats dump-flows TARGET', 'ofctl --no-names --no-stats --sort dump-flows TARGET',
      'ofctl --names --no-stats --sort dump-flows TARGET',
      'ofctl --no-stats --sort dump-flows TARGET tcp', 'ofctl --no-stats --sort dump-flows TARGET out_port=1',
      'ofctl dump-aggregate TARGET', 'ofctl dump-aggregate TARGET ip', 'ofctl dump-tables TARGET',
    ],
  },
  {
    name: 'flows are modified, loosely and strictly', versions: every,
    files: { flows: 'priority=10,in_port=1,actions=output:2\npriority=20,in_port=1,dl_vlan=5,actions=output:3\npriority=10,in_port=2,actions=output:2\n' },
    steps: [
      'ofctl add-flows TARGET @flows', dump,
      'ofctl mod-flows TARGET in_port=1,actions=output:4', dump,
      'ofctl --strict mod-flows TARGET priority=10,in_port=1,actions=output:1', dump,
      'ofctl --strict mod-flows TARGET priority=11,in_port=2,actions=output:3', dump,
      'ofctl mod-flows TARGET in_port=3,actions=drop', dump,
    ],
  },
  {
    name: 'flows are deleted, loosely and strictly', versions: every,
    files: {
      flows: ['priority=10,in_port=1,actions=output:2', 'priority=20,in_port=1,dl_vlan=5,actions=output:3', 'priority=10,in_port=2,actions=output:2',
        'priority=10,ip,nw_src=10.0.0.0/24,actions=output:2', 'priority=10,ip,nw_src=10.0.0.0/8,actions=output:3',
        'priority=30,tcp,tp_dst=80,actions=output:1,output:2', 'priority=0,actions=drop'].join('\n') + '\n',
    },
    steps: [
      'ofctl add-flows TARGET @flows', dump,
      'ofctl --strict del-flows TARGET priority=20,in_port=1', dump,
      'ofctl --strict del-flows TARGET priority=10,in_port=1', dump,
      'ofctl del-flows TARGET ip,nw_src=10.0.0.0/16', dump,
      'ofctl del-flows TARGET out_port=3', dump,
      'ofctl del-flows TARGET tcp', dump,
      'ofctl del-flows TARGET', dump,
    ],
  },
  {
    name: 'cookies select flows', versions: since11,
    files: { flows: 'cookie=0x10,in_port=1,actions=output:2\ncookie=0x11,in_port=2,actions=output:2\ncookie=0x21,in_port=3,actions=output:2\n' },
    steps: [
      'ofctl add-flows TARGET @flows',
      'ofctl --no-stats --sort dump-flows TARGET cookie=0x1/0xf',
      'ofctl mod-flows TARGET cookie=0x10/0xf0,actions=output:4', dump,
      'ofctl del-flows TARGET cookie=0x11/-1', dump,
      'ofctl del-flows TARGET cookie=0/0x1', dump,
    ],
  },
  {
    name: 'overlapping flows are refused when asked', versions: every,
    steps: [
      'ofctl add-flow TARGET priority=5,ip,nw_src=10.0.0.0/8,actions=output:1',
      'ofctl add-flow TARGET check_overlap,priority=5,ip,nw_dst=10.0.0.0/8,actions=output:2',
      'ofctl add-flow TARGET check_overlap,priority=6,ip,nw_dst=10.0.0.0/8,actions=output:2',
      'ofctl add-flow TARGET check_overlap,priority=5,arp,actions=output:2',
      dump,
    ],
  },
  {
    name: 'flow files: diff, replace, and back', versions: every,
    files: {
      one: 'priority=10,in_port=1,actions=output:2\npriority=20,in_port=2,actions=output:1\npriority=0,actions=drop\n',
      two: 'priority=10,in_port=1,actions=output:3\npriority=30,in_port=3,actions=output:1\npriority=0,actions=drop\n',
    },
    steps: [
      'ofctl add-flows TARGET @one',
      'ofctl diff-flows TARGET @one', 'ofctl diff-flows TARGET @two', 'ofctl diff-flows @two TARGET',
      'ofctl replace-flows TARGET @two', dump, 'ofctl diff-flows TARGET @two',
      'ofctl replace-flows TARGET @one', dump,
    ],
  },
  {
    name: 'tables and instructions', versions: since11,
    steps: [
      'ofctl add-flow TARGET table=0,priority=10,in_port=1,actions=output:2,goto_table:1',
      'ofctl add-flow TARGET table=0,priority=20,in_port=2,actions=write_metadata:0x12/0xff,goto_table:2',
      'ofctl add-flow TARGET table=1,priority=10,actions=write_actions(output:3)',
      'ofctl add-flow TARGET table=1,priority=20,ip,actions=clear_actions,write_actions(set_field:02:00:00:00:00:09->eth_dst,dec_ttl,output:3),goto_table:3',
      'ofctl add-flow TARGET table=2,metadata=0x12/0xff,actions=drop',
      'ofctl add-flow TARGET table=3,priority=0,actions=CONTROLLER:65535',
      dump, 'ofctl --no-stats --sort dump-flows TARGET table=1', 'ofctl dump-aggregate TARGET table=1',
      'ofctl --no-stats --sort dump-flows TARGET table=1,out_port=3',
      'ofctl del-flows TARGET table=1', dump,
      'ofctl mod-flows TARGET table=3,actions=output:1', dump,
    ],
  },
  {
    name: 'OXM fields come back as they were given', versions: since13,
    steps: [
      'ofctl add-flow TARGET priority=1,vlan_tci=0x1000/0x1000,actions=pop_vlan,output:1',
      'ofctl add-flow TARGET priority=2,vlan_tci=0x0000/0x1fff,actions=push_vlan:0x8100,set_field:4196->vlan_vid,output:1',
      'ofctl add-flow TARGET priority=3,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=output:1',
      'ofctl add-flow TARGET priority=4,ip,nw_src=10.0.0.1/255.0.0.255,ip_dscp=10,nw_ecn=2,actions=set_field:46->ip_dscp,set_field:1->ip_ecn,output:1',
      'ofctl add-flow TARGET priority=5,arp,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.0/24,arp_sha=02:00:00:00:00:01,arp_tha=00:00:00:00:00:00/ff:00:00:00:00:00,actions=set_field:2->arp_op,output:1',
      'ofctl add-flow TARGET priority=6,ipv6,ipv6_src=2001:db8::/32,ipv6_dst=::1,ipv6_label=0x12345,actions=set_field:2001:db8::9->ipv6_src,dec_ttl,output:1',
      'ofctl add-flow TARGET priority=7,icmp6,icmp_type=135,icmp_code=0,nd_target=2001:db8::1,nd_sll=02:00:00:00:00:01,actions=output:1',
      'ofctl add-flow TARGET priority=8,sctp,sctp_src=1,sctp_dst=2,actions=set_field:3->sctp_dst,output:1',
      'ofctl add-flow TARGET priority=9,dl_type=0x8847,mpls_label=16,mpls_tc=3,mpls_bos=1,actions=set_field:17->mpls_label,dec_mpls_ttl,output:1',
      'ofctl add-flow TARGET priority=10,dl_type=0x8847,mpls_bos=1,actions=pop_mpls:0x0800,output:1',
      'ofctl add-flow TARGET priority=11,ip,actions=push_mpls:0x8847,set_field:16->mpls_label,set_mpls_ttl:9,output:1',
      'ofctl add-flow TARGET priority=12,metadata=0x1234,in_port=1,actions=output:1',
      'ofctl add-flow TARGET priority=13,udp6,udp_dst=53,actions=set_field:54->udp_dst,mod_nw_ttl:3,output:1',
      dump,
    ],
  },
  {
    name: 'groups', versions: since11,
    steps: [
      'ofctl dump-groups TARGET', 'ofctl dump-group-stats TARGET',
      'ofctl add-group TARGET group_id=1,type=all,bucket=actions=output:2,bucket=actions=set_field:02:00:00:00:00:07->eth_dst,output:3',
      'ofctl add-group TARGET group_id=2,type=indirect,bucket=actions=output:4',
      'ofctl add-group TARGET group_id=3,type=ff,bucket=watch_port:2,actions=output:2,bucket=watch_port:3,actions=output:3',
      'ofctl add-group TARGET group_id=4,type=select,bucket=weight:10,actions=output:2,bucket=weight:20,actions=output:3',
      'ofctl add-group TARGET group_id=1,type=all,bucket=actions=output:2',
      'ofctl dump-groups TARGET', 'ofctl dump-groups TARGET 2',
      'ofctl add-flow TARGET priority=1,in_port=1,actions=group:1', 'ofctl add-flow TARGET priority=2,in_port=2,actions=output:1,group:2',
      'ofctl add-flow TARGET priority=3,actions=group:99',
      'ofctl mod-group TARGET group_id=1,type=all,bucket=actions=output:4', 'ofctl mod-group TARGET group_id=77,type=all,bucket=actions=output:4',
      'ofctl dump-groups TARGET', dump, 'ofctl --no-stats --sort dump-flows TARGET out_group=1',
      `send 1 ${arpFrame}`, 'expect 1', 'ofctl dump-group-stats TARGET group_id=1',
      'ofctl del-groups TARGET group_id=2', 'ofctl del-groups TARGET group_id=55', dump, 'ofctl dump-groups TARGET',
      'ofctl del-groups TARGET', dump, 'ofctl dump-groups TARGET',
    ],
  },
  {
    name: 'group buckets one by one', versions: ['OpenFlow15'],
    steps: [
      'ofctl add-group TARGET group_id=1,type=all,bucket=bucket_id:1,actions=output:2',
      'ofctl insert-buckets TARGET group_id=1,command_bucket_id=last,bucket=bucket_id:2,actions=output:3',
      'ofctl insert-buckets TARGET group_id=1,command_bucket_id=first,bucket=bucket_id:3,actions=output:4',
      'ofctl dump-groups TARGET',
      'ofctl remove-buckets TARGET group_id=1,command_bucket_id=1', 'ofctl dump-groups TARGET',
      'ofctl remove-buckets TARGET group_id=1,command_bucket_id=all', 'ofctl dump-groups TARGET',
    ],
  },
  {
    // Open vSwitch has the form of 1.3 in 1.5 as well, which lacks the `features` of OF 1.5.1 §7.3.5.14.
    name: 'meter features', versions: ['OpenFlow13', 'OpenFlow14'], needs: 'meters', steps: ['ofctl meter-features TARGET'],
  },
  {
    name: 'meters', versions: since13, needs: 'meters',
    steps: [
      'ofctl dump-meters TARGET',
      'ofctl add-meter TARGET meter=1,kbps,band=type=drop,rate=100', 'ofctl add-meter TARGET meter=2,pktps,burst,stats,band=type=drop,rate=50,burst_size=10',
      'ofctl add-meter TARGET meter=1,kbps,band=type=drop,rate=100', 'ofctl dump-meters TARGET', 'ofctl dump-meters TARGET meter=2',
      'ofctl add-flow TARGET in_port=1,actions=meter:1,output:2', 'ofctl add-flow TARGET in_port=2,actions=meter:9,output:2', dump,
      'ofctl mod-meter TARGET meter=1,kbps,band=type=drop,rate=200', 'ofctl mod-meter TARGET meter=7,kbps,band=type=drop,rate=200', 'ofctl dump-meters TARGET',
      'ofctl del-meter TARGET meter=1', dump, 'ofctl dump-meters TARGET', 'ofctl del-meters TARGET', 'ofctl dump-meters TARGET',
    ],
  },
  {
    name: 'meters count, and the virtual ones', versions: since13, needs: 'meters',
    steps: [
      'ofctl add-meter TARGET meter=4294901760,kbps,burst,bands=type=drop,rate=1000,burst_size=100,type=drop,rate=2000,burst_size=200',
      'ofctl meter-stats TARGET', 'ofctl dump-meters TARGET',
      'ofctl add-flow TARGET priority=1,in_port=1,actions=meter:4294901760,output:2', 'ofctl add-flow TARGET priority=2,arp,actions=meter:4294901760,write_metadata:1,goto_table:1',
      'ofctl add-flow TARGET table=1,actions=output:3', dump,
      `send 1 ${arpFrame}`, `send 2 ${arpFrame}`, `send 1 ${tcpFrame}`, 'expect 3', 'ofctl meter-stats TARGET', 'ofctl meter-stats TARGET meter=4294901760',
      'ofctl meter-stats TARGET meter=5', 'ofctl dump-meters TARGET meter=5',
      'ofctl mod-flows TARGET in_port=1,actions=output:2', 'ofctl del-meter TARGET meter=5', dump,
      'ofctl del-meter TARGET meter=4294901760', dump,
      'ofctl add-meter TARGET meter=controller,pktps,band=type=drop,rate=100', 'ofctl dump-meters TARGET', 'ofctl add-flow TARGET actions=meter:4294967294,output:1',
      'ofctl mod-meter TARGET meter=controller,pktps,band=type=drop,rate=200', 'ofctl dump-meters TARGET meter=controller', 'ofctl del-meter TARGET meter=controller',
      'ofctl add-meter TARGET meter=slowpath,pktps,band=type=drop,rate=100', 'ofctl dump-meters TARGET', 'ofctl del-meters TARGET', 'ofctl dump-meters TARGET',
      'ofctl add-meter TARGET meter=all,pktps,band=type=drop,rate=100', 'ofctl mod-meter TARGET meter=all,pktps,band=type=drop,rate=100',
      'ofctl add-meter TARGET meter=1,kbps,pktps,band=type=drop,rate=100',
      `ofctl add-meter TARGET meter=1,kbps,bands=${'type=drop,rate=9,'.repeat(9)}`, `ofctl add-meter TARGET meter=1,kbps,bands=${'type=drop,rate=9,'.repeat(8)}`,
      'ofctl dump-meters TARGET',
    ],
  },
  {
    name: 'packet-out', versions: every,
    steps: [
      `ofctl packet-out TARGET in_port=1,packet=${arpFrame},actions=output:2,output:3`, 'expect 2',
      `ofctl packet-out TARGET in_port=controller,packet=${arpFrame},actions=mod_dl_src:02:00:00:00:00:99,output:4,mod_dl_dst:02:00:00:00:00:88,output:1`, 'expect 2',
      `ofctl packet-out TARGET in_port=2,packet=${arpFrame},actions=FLOOD`, 'expect 3',
      `ofctl packet-out TARGET in_port=2,packet=${arpFrame},actions=ALL`, 'expect 3',
      `ofctl packet-out TARGET in_port=2,packet=${arpFrame},actions=IN_PORT`, 'expect 1',
      `ofctl packet-out TARGET in_port=2,packet=${arpFrame},actions=output:2`, `ofctl packet-out TARGET in_port=2,packet=${arpFrame},actions=drop`,
      'ofctl add-flow TARGET in_port=3,arp,actions=output:4', `ofctl packet-out TARGET in_port=3,packet=${arpFrame},actions=TABLE`, 'expect 1',
      'ofctl dump-flows TARGET',
    ],
  },
  {
    name: 'counters count', versions: every,
    steps: [
      'ofctl add-flow TARGET priority=10,in_port=1,arp,actions=output:2', 'ofctl add-flow TARGET priority=10,in_port=1,tcp,tp_dst=80,actions=output:3,output:4',
      `send 1 ${arpFrame}`, `send 1 ${arpFrame}`, `send 1 ${tcpFrame}`, `send 2 ${tcpFrame}`, 'expect 4',
      'ofctl --sort dump-flows TARGET', 'ofctl dump-aggregate TARGET',
      'ofctl mod-flows TARGET in_port=1,arp,actions=output:3', 'ofctl --sort dump-flows TARGET',
      'ofctl add-flow TARGET priority=10,in_port=1,arp,actions=output:4', 'ofctl --sort dump-flows TARGET',
    ],
  },
  {
    name: 'ports are taken down and up', versions: every,
    steps: [
      'ofctl add-flow TARGET priority=10,in_port=1,actions=output:2,output:3', 'ofctl add-flow TARGET priority=10,in_port=4,actions=FLOOD',
      'ofctl mod-port TARGET 2 no-forward', `send 1 ${arpFrame}`, 'expect 1', 'ofctl dump-ports-desc TARGET', 'ofctl mod-port TARGET 2 forward',
      'ofctl mod-port TARGET 1 no-receive', `send 1 ${arpFrame}`, 'expect 0', 'ofctl mod-port TARGET 1 receive', `send 1 ${arpFrame}`, 'expect 2',
      'ofctl mod-port TARGET 3 no-packet-in', 'ofctl dump-ports-desc TARGET', 'ofctl mod-port TARGET 3 packet-in', 'ofctl dump-ports-desc TARGET',
      'ofctl mod-port TARGET 9 down',
    ],
  },
  {
    name: 'notes, and packets for a particular controller', versions: every,
    steps: [
      'ofctl add-flow TARGET in_port=1,actions=note:01.02.03,output:2,note:0102030405060708', `send 1 ${arpFrame}`, 'expect 1',
      'ofctl add-flow TARGET in_port=2,actions=controller(id=5,reason=invalid_ttl,max_len=64),output:3', `send 2 ${arpFrame}`, 'expect 1',
      'ofctl add-flow TARGET in_port=3,actions=controller(max_len=64)', 'ofctl add-flow TARGET in_port=4,actions=controller(reason=no_match)',
      'ofctl --sort dump-flows TARGET',
    ],
  },
  {
    name: 'bits copied and loaded', versions: every,
    steps: [
      'ofctl add-flow TARGET in_port=1,arp,actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],load:0x5->NXM_OF_ARP_TPA[0..7],output:2,move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],output:3', `send 1 ${arpFrame}`, 'expect 2',
      'ofctl add-flow TARGET in_port=2,tcp,actions=move:NXM_OF_TCP_SRC[0..7]->NXM_OF_TCP_DST[8..15],move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[],load:0x22->NXM_OF_TCP_SRC[],move:NXM_NX_IP_ECN[0]->OXM_OF_IP_DSCP[5],output:1', `send 2 ${tcpFrame}`, 'expect 1',
      'ofctl add-flow TARGET in_port=3,actions=move:OXM_OF_IN_PORT[0..15]->OXM_OF_METADATA[16..31],move:OXM_OF_METADATA[0..31]->NXM_OF_ETH_DST[0..31],output:4', `send 3 ${arpFrame}`, 'expect 1',
      'ofctl add-flow TARGET in_port=4,actions=move:NXM_OF_TCP_SRC[]->NXM_OF_TCP_DST[],output:1', 'ofctl add-flow TARGET in_port=4,tcp,actions=move:NXM_OF_TCP_SRC[]->NXM_OF_ETH_TYPE[],output:1',
      'ofctl --sort dump-flows TARGET', `ofctl packet-out TARGET in_port=1,packet=${arpFrame},actions=move:NXM_OF_ETH_SRC[0..15]->NXM_OF_ARP_OP[],output:2`, 'expect 1',
    ],
  },
  {
    name: 'metadata loaded', versions: every.filter((version) => version !== 'OpenFlow15'),
    steps: [
      'ofctl add-flow TARGET in_port=3,actions=load:0x7->OXM_OF_METADATA[0..15],move:OXM_OF_METADATA[0..15]->NXM_OF_ETH_DST[0..15],output:4', `send 3 ${arpFrame}`, 'expect 1', 'ofctl dump-flows TARGET',
    ],
  },
  {
    name: 'bits set', versions: since15,
    steps: [
      'ofctl add-flow TARGET in_port=1,arp,actions=set_field:02:00:00:00:00:09/00:00:00:00:ff:ff->eth_dst,set_field:0x3/0xf->arp_op,output:2', `send 1 ${arpFrame}`, 'expect 1', 'ofctl --sort dump-flows TARGET',
    ],
  },
  {
    name: 'packets that no flow matches', versions: ['OpenFlow11', 'OpenFlow12'],
    steps: [
      'ofctl add-flow TARGET table=2,in_port=1,arp,actions=output:2', `send 1 ${arpFrame}`, 'expect 0',
      'ofctl mod-table TARGET 0 continue', `send 1 ${arpFrame}`, 'expect 0',
      'ofctl mod-table TARGET 1 continue', `send 1 ${arpFrame}`, 'expect 1',
      'ofctl add-flow TARGET priority=10,in_port=1,arp,actions=output:3', `send 1 ${arpFrame}`, 'expect 1', 'ofctl del-flows TARGET table=0',
      'ofctl mod-table TARGET 1 drop', `send 1 ${arpFrame}`, 'expect 0', 'ofctl mod-table TARGET 1 controller', `send 1 ${arpFrame}`, 'expect 0',
      'ofctl mod-table TARGET 0 controller', 'ofctl --sort dump-flows TARGET',
    ],
  },
  {
    name: 'requests that cannot be', versions: since13,
    steps: [
      'ofctl add-flow TARGET table=5,actions=goto_table:5',
      'ofctl add-flow TARGET actions=group:4711',
      'ofctl add-flow TARGET actions=output:70000', 'ofctl queue-stats TARGET', 'ofctl dump-ports TARGET 9',
      'ofctl queue-get-config TARGET 9',
      dump,
    ],
  },
]
