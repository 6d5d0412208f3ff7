import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { composeFrame } from '../../../src/control/compose.js'
import { formatDatapathActions } from '../../../src/control/datapath-actions.js'
import { parseFlowSpec } from '../../../src/control/flow-spec.js'
import { formatExactFlow } from '../../../src/control/flow-text.js'
import { add, formatTree, type TraceNode } from '../../../src/control/trace-tree.js'
import { executeActions, toHex } from '../../../src/packet/index.js'
import type { Action } from '../../../src/openflow/model.js'

const ports = (name: string): number | null => (name === 'p1' ? 1 : /^\d+$/.test(name) ? Number(name) : null)
const compose = (text: string): Uint8Array => {
  const parsed = parseFlowSpec(text, ports)
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.reason)
  return composeFrame(parsed.flow)
}

describe('a flow that cannot be read', () => {
  // As Open vSwitch 3.1 answers.
  const cases: readonly (readonly [string, string])[] = [
    ['in_port=p9', 'bad value for in_port (p9: invalid or unknown port for in_port)'],
    ['foo=1', 'unknown field foo'],
    ['in_port=p1,tcp_dst=80', 'prerequisites not met for setting tcp_dst'],
    ['udp,tp_dst=53', 'prerequisites not met for setting tp_dst'],
    ['icmp6,icmp_type=135', 'prerequisites not met for setting icmp_type'],
    ['ip,nw_src=10.0.0.0/8', 'bad value for nw_src (10.0.0.0/8: wildcards not allowed here)'],
    ['dl_src=zz', 'bad value for dl_src (zz: invalid Ethernet address)'],
    ['ip,nw_src=1.2.3', 'bad value for nw_src (1.2.3: invalid IP address)'],
    ['ip,nw_proto=300', 'bad value for nw_proto (300: value too large for 1-byte field nw_proto)'],
    ['dl_type=arp', 'bad value for dl_type (arp: bad syntax for eth_type value)'],
    ['tcp,udp', 'Ethernet type set multiple times'],
    ['dl_type=0x800,tcp', 'Ethernet type set multiple times'],
    ['in_port=1,in_port=2', 'field in_port set multiple times'],
    ['dl_vlan=10,vlan_tci=0x1003', 'field vlan_tci set multiple times'],
    ['ip,ip_frag=yes', 'bad value for ip_frag (yes: wildcards not allowed here)'],
    ['tcp,tcp_flags=+syn', 'bad value for tcp_flags (+syn: wildcards not allowed here)'],
  ]
  for (const [text, reason] of cases) it(text, () => assert.deepEqual(parseFlowSpec(text, ports), { ok: false, reason: `${text}: ${reason}` }))
})

describe('a frame composed as Open vSwitch composes it', () => {
  const payload = toHex(Uint8Array.from({ length: 64 }, (_, at) => at))
  // As packet-ins of Open vSwitch 3.1 showed them, with the flow that it printed.
  const cases: readonly (readonly [string, string, string])[] = [
    ['in_port=1,dl_type=0x1234', '0000000000000000000000001234', 'in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,dl_type=0x1234'],
    ['in_port=1,dl_src=00:00:00:00:00:01', '0000000000000000000000010000', 'in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:00,dl_type=0x0000'],
    ['in_port=1,arp,arp_op=1,arp_spa=1.2.3.4', '0000000000000000000000000806000108000604000100000000000001020304000000000000' + '00000000',
      'arp,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,arp_spa=1.2.3.4,arp_tpa=0.0.0.0,arp_op=1,arp_sha=00:00:00:00:00:00,arp_tha=00:00:00:00:00:00'],
    ['in_port=1,udp,nw_ttl=3,udp_dst=53', `00000000000000000000000008004500005c000000000311b792000000000000000000000035004` + `81b26${payload}`,
      'udp,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,nw_src=0.0.0.0,nw_dst=0.0.0.0,nw_tos=0,nw_ecn=0,nw_ttl=3,nw_frag=no,tp_src=0,tp_dst=53'],
    ['in_port=1,tcp,tcp_dst=80', `0000000000000000000000000800450000680000000000` + `06ba910000000000000000000000500000000000000000` + `50000000cb510000${payload}`,
      'tcp,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,nw_src=0.0.0.0,nw_dst=0.0.0.0,nw_tos=0,nw_ecn=0,nw_ttl=0,nw_frag=no,tp_src=0,tp_dst=80,tcp_flags=0'],
    ['in_port=1,tcp,tcp_flags=2', '00000000000000000000000008004500002800000000' + '0006bad1000000000000000000000000000000000000000050020000afe30000',
      'tcp,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,nw_src=0.0.0.0,nw_dst=0.0.0.0,nw_tos=0,nw_ecn=0,nw_ttl=0,nw_frag=no,tp_src=0,tp_dst=0,tcp_flags=syn'],
    ['in_port=1,icmp,icmp_type=8,icmp_code=0', `00000000000000000000000008004500005c000000000001baa20000000000000000080013fc00000000${payload}`,
      'icmp,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,nw_src=0.0.0.0,nw_dst=0.0.0.0,nw_tos=0,nw_ecn=0,nw_ttl=0,nw_frag=no,icmp_type=8,icmp_code=0'],
    ['in_port=1,icmp6,icmpv6_type=135,icmpv6_code=0,nd_target=fe80::1,nd_sll=00:00:00:00:00:05',
      `00000000000000000000000086dd60000000002` + `03a00${'0'.repeat(64)}8700791d00000000fe8000000000000000000000000000010101000000000005`,
      'icmp6,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,ipv6_src=::,ipv6_dst=::,ipv6_label=0x00000,nw_tos=0,nw_ecn=0,nw_ttl=0,nw_frag=no,icmp_type=135,icmp_code=0,nd_target=fe80::1,nd_sll=00:00:00:00:00:05,nd_tll=00:00:00:00:00:00'],
    ['in_port=1,ip,nw_proto=99', '00000000000000000000000008004500001400000000' + '0063ba880000000000000000',
      'ip,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,nw_src=0.0.0.0,nw_dst=0.0.0.0,nw_proto=99,nw_tos=0,nw_ecn=0,nw_ttl=0,nw_frag=no'],
    ['in_port=1,udp,nw_frag=later', '00000000000000000000000008004500001400002064' + '00119a760000000000000000',
      'udp,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,nw_src=0.0.0.0,nw_dst=0.0.0.0,nw_tos=0,nw_ecn=0,nw_ttl=0,nw_frag=later,tp_src=0,tp_dst=0'],
    ['in_port=1,mpls,mpls_label=5,mpls_ttl=3,mpls_bos=1', '000000000000000000000000884700005103',
      'mpls,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,mpls_label=5,mpls_tc=0,mpls_ttl=3,mpls_bos=1'],
    ['in_port=1,dl_vlan=10,ip,nw_tos=11', '0000000000000000000000008100000a08004508001400000000' + '0000bae30000000000000000',
      'ip,in_port=1,dl_vlan=10,dl_vlan_pcp=0,vlan_tci1=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,nw_src=0.0.0.0,nw_dst=0.0.0.0,nw_proto=0,nw_tos=8,nw_ecn=0,nw_ttl=0,nw_frag=no'],
  ]
  for (const [text, hex, flow] of cases) {
    it(text, () => {
      const frame = compose(text)
      assert.equal(toHex(frame), hex)
      assert.equal(formatExactFlow(frame, { inPort: 1, metadata: 0n, tunnelId: 0n, noType: 0 }), flow)
    })
  }
})

describe('datapath actions from frames', () => {
  const set = (field: 'eth_dst' | 'ip_dscp' | 'udp_dst' | 'vlan_vid', value: bigint): Action => ({ type: 'set_field', field, value, mask: null })
  const cases: readonly (readonly [string, string, readonly Action[], string])[] = [
    ['nothing', 'udp', [], '7'],
    ['an address', 'udp', [set('eth_dst', 9n)], 'set(eth(dst=00:00:00:00:00:09)),7'],
    ['a TTL and a class', 'udp,nw_ttl=4', [{ type: 'dec_nw_ttl' }, set('ip_dscp', 2n)], 'set(ipv4(tos=0x8/0xfc,ttl=3)),7'],
    ['a port', 'udp', [set('udp_dst', 5n)], 'set(udp(dst=5)),7'],
    ['a new tag', 'ip', [{ type: 'push_vlan', ethertype: 0x8100 }, set('vlan_vid', 0x1064n)], 'push_vlan(vid=100,pcp=0),7'],
    ['another tag', 'dl_vlan=5,dl_type=0x1234', [set('vlan_vid', 0x1064n)], 'pop_vlan,push_vlan(vid=100,pcp=0),7'],
    ['a label', 'ip,nw_ttl=3', [{ type: 'push_mpls', ethertype: 0x8847 }], 'push_mpls(label=0,tc=0,ttl=3,bos=1,eth_type=0x8847),7'],
    ['no label', 'mpls,mpls_bos=1', [{ type: 'pop_mpls', ethertype: 0x0800 }], 'pop_mpls(eth_type=0x0800),7'],
  ]
  for (const [name, text, actions, expected] of cases) {
    it(name, () => {
      const before = compose(text)
      const { frame } = executeActions(before, actions, { inPort: 1 })
      assert.equal(formatDatapathActions(before, [{ kind: 'port', port: 7, frame }]), expected)
    })
  }
  it('says drop where nothing left', () => assert.equal(formatDatapathActions(compose('ip'), []), 'drop'))
  it('goes on from the last copy', () => {
    const before = compose('udp')
    const { frame } = executeActions(before, [set('eth_dst', 9n)], { inPort: 1 })
    assert.equal(formatDatapathActions(before, [{ kind: 'port', port: 1, frame }, { kind: 'port', port: 2, frame: before }]),
      'set(eth(dst=00:00:00:00:00:09)),1,set(eth(dst=00:00:00:00:00:00)),2')
  })
})

it('a tree is indented as Open vSwitch does', () => {
  const nodes: TraceNode[] = []
  const table = add(add(nodes, 'bridge', 'bridge("br0")'), 'table', ' 0. priority 1')
  add(table, 'action', 'goto_table:1')
  const next = add(table, 'table', ' 1. priority 2')
  add(next, 'action', 'group:1')
  add(next, 'detail', 'using bucket 0')
  add(add(next, 'bucket', 'bucket 0'), 'action', 'output:1')
  add(add(table, 'table', '--. Executing action set:'), 'action', 'output:2')
  assert.equal(formatTree(nodes), `bridge("br0")
-------------
 0. priority 1
    goto_table:1
     1. priority 2
            group:1
             -> using bucket 0
            bucket 0
                    output:1
--. Executing action set:
    output:2
`)
})
