/** The text forms, which are those of ovs-ofctl. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Action, type FieldValue, formatActions, formatInstructions, formatMatch, NO_INSTRUCTIONS, type OxmName, Port } from '../../../src/openflow/index.js'
import { formatIpv6 } from '../../../src/openflow/text.js'
import { readText, writeText } from '../../../src/openflow/utf8.js'

const f = (field: OxmName, value: bigint, mask: bigint | null = null): FieldValue => ({ field, value, mask })

const matches: readonly (readonly [string, ...FieldValue[]])[] = [
  [''],
  ['in_port=LOCAL', f('in_port', BigInt(Port.LOCAL))],
  ['tcp,in_port=1,nw_src=10.0.0.0/8,tp_dst=80', f('in_port', 1n), f('eth_type', 0x800n), f('ip_proto', 6n), f('ipv4_src', 0x0a000000n, 0xff000000n), f('tcp_dst', 80n)],
  ['ip,nw_dst=10.0.0.5/255.0.0.255', f('eth_type', 0x800n), f('ipv4_dst', 0x0a000005n, 0xff0000ffn)],
  ['ip,nw_proto=99,nw_tos=184,nw_ecn=1', f('eth_type', 0x800n), f('ip_dscp', 46n), f('ip_ecn', 1n), f('ip_proto', 99n)],
  ['udp6,ipv6_src=2001:db8::/32,ipv6_label=0x12345,tp_src=0x50/0xfff0', f('eth_type', 0x86ddn), f('ip_proto', 17n), f('udp_src', 0x50n, 0xfff0n),
    f('ipv6_src', 0x20010db8n << 96n, 0xffffffffn << 96n), f('ipv6_flabel', 0x12345n)],
  ['arp,arp_spa=1.2.3.4,arp_op=1,arp_sha=00:00:00:00:00:05', f('eth_type', 0x806n), f('arp_op', 1n), f('arp_spa', 0x01020304n), f('arp_sha', 5n)],
  ['dl_vlan=100,dl_vlan_pcp=3', f('vlan_vid', 0x1064n), f('vlan_pcp', 3n)],
  ['dl_vlan_pcp=3', f('vlan_vid', 0x1000n, 0x1000n), f('vlan_pcp', 3n)],
  ['vlan_tci=0x1000/0x1000', f('vlan_vid', 0x1000n, 0x1000n)],
  ['vlan_tci=0x0000/0x1fff', f('vlan_vid', 0n)],
  ['dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,dl_type=0x88cc', f('eth_dst', 1n << 40n, 1n << 40n), f('eth_type', 0x88ccn)],
  ['icmp6,icmp_type=135,icmp_code=0,nd_target=::1,nd_sll=00:00:00:00:00:02', f('eth_type', 0x86ddn), f('ip_proto', 58n), f('icmpv6_type', 135n), f('icmpv6_code', 0n),
    f('ipv6_nd_target', 1n), f('ipv6_nd_sll', 2n)],
  ['mpls,mpls_label=16,mpls_tc=1,mpls_bos=1', f('eth_type', 0x8847n), f('mpls_label', 16n), f('mpls_tc', 1n), f('mpls_bos', 1n)],
  ['tun_id=0x5,metadata=0x1/0xff', f('metadata', 1n, 0xffn), f('tunnel_id', 5n)],
]
for (const [text, ...match] of matches) test(`match ${text || '(all)'}`, () => assert.equal(formatMatch(match), text))

const lists: readonly (readonly [string, ...Action[]])[] = [
  ['drop'],
  ['output:2,IN_PORT,CONTROLLER:128,NORMAL', { type: 'output', port: 2, maxLen: 0 }, { type: 'output', port: Port.IN_PORT, maxLen: 0 },
    { type: 'output', port: Port.CONTROLLER, maxLen: 128 }, { type: 'output', port: Port.NORMAL, maxLen: 0 }],
  ['push_vlan:0x8100,set_field:4196->vlan_vid,pop_vlan', { type: 'push_vlan', ethertype: 0x8100 }, { type: 'set_field', field: 'vlan_vid', value: 0x1064n, mask: null }, { type: 'pop_vlan' }],
  ['set_field:0a:00:00:00:00:01->eth_dst,set_field:10.0.0.1->ip_src,set_field:80->tcp_dst', { type: 'set_field', field: 'eth_dst', value: 0x0a0000000001n, mask: null },
    { type: 'set_field', field: 'ipv4_src', value: 0x0a000001n, mask: null }, { type: 'set_field', field: 'tcp_dst', value: 80n, mask: null }],
  ['mod_vlan_vid:5,mod_vlan_pcp:3,enqueue:1:2,set_queue:3,group:4', { type: 'set_vlan_vid', vid: 5 }, { type: 'set_vlan_pcp', pcp: 3 }, { type: 'enqueue', port: 1, queueId: 2 },
    { type: 'set_queue', queueId: 3 }, { type: 'group', groupId: 4 }],
  ['dec_ttl,mod_nw_ttl:5,set_mpls_ttl(6),dec_mpls_ttl,push_mpls:0x8847,pop_mpls:0x0800', { type: 'dec_nw_ttl' }, { type: 'set_nw_ttl', ttl: 5 }, { type: 'set_mpls_ttl', ttl: 6 },
    { type: 'dec_mpls_ttl' }, { type: 'push_mpls', ethertype: 0x8847 }, { type: 'pop_mpls', ethertype: 0x800 }],
]
for (const [text, ...actions] of lists) test(`actions ${text}`, () => assert.equal(formatActions(actions), text))

test('instructions in the order in which they are carried out', () => {
  const output: Action = { type: 'output', port: 1, maxLen: 0 }
  assert.equal(formatInstructions({ meter: 2, apply: [output], clear: true, write: [], writeMetadata: { value: 1n, mask: 255n }, gotoTable: 3, statTrigger: null }),
    'meter:2,output:1,clear_actions,write_actions(drop),write_metadata:0x1/0xff,goto_table:3')
  assert.equal(formatInstructions(NO_INSTRUCTIONS), 'drop')
})

for (const [text, value] of [
  ['::', 0n], ['::1', 1n], ['1::', 1n << 112n], ['2001:db8::1:0:0:1', 0x20010db8000000000001000000000001n],
  ['2001:db8:0:1:1:1:1:1', 0x20010db8000000010001000100010001n], ['1:0:0:2::', 0x00010000000000020000000000000000n],
] as const) test(`address ${text}`, () => assert.equal(formatIpv6(value), text))

for (const text of ['', 'eth0', 'Größe', '交换机', '🐢', 'a'.repeat(31)]) {
  test(`text field of "${text}"`, () => {
    const bytes = new Uint8Array(34).fill(0xff)
    writeText(bytes, 1, 32, text)
    assert.equal(readText(bytes, 1, 32), text)
    assert.deepEqual([...bytes.subarray(1, 1 + Buffer.byteLength(text))], [...Buffer.from(text)])
    assert.equal(bytes[0], 0xff)
    assert.equal(bytes[33], 0xff)
  })
}
test('text is cut between characters', () => {
  const bytes = new Uint8Array(8)
  writeText(bytes, 0, 8, '交换机')
  assert.equal(readText(bytes, 0, 8), '交换')
})
test('what is not UTF-8 is shown as such', () => {
  assert.equal(readText(Uint8Array.of(0x61, 0xff, 0xe4, 0x62, 0), 0, 5), 'a\ufffd\ufffdb')
})
