import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, fromHex } from '../../../src/packet/bytes.js'
import {
  EtherType, ExtHdr, IpProto, arp, ethernet, extractFields, icmp, icmpEcho, ipv4, ipv6, mpls, neighborAdvertFrame, neighborSolicitFrame,
  parseFrame, parseIpv4, parseIpv6, parseMac, sctp, tcp, udp,
} from '../../../src/packet/index.js'

const eth = { dst: '0a:00:00:00:00:02', src: '0a:00:00:00:00:01' }
const v4 = { src: '10.0.0.1', dst: '10.0.0.2' }
const v6 = { src: '2001:db8::1', dst: '2001:db8::2' }
const show = (frame: Uint8Array): Record<string, string> =>
  Object.fromEntries([...extractFields(frame)].filter(([name]) => name !== 'eth_dst' && name !== 'eth_src').map(([name, value]) => [name, '0x' + value.toString(16)]))

const ip = { eth_type: '0x800', vlan_vid: '0x0', ip_dscp: '0x0', ip_ecn: '0x0', ipv4_src: '0xa000001', ipv4_dst: '0xa000002' }
const ip6 = {
  eth_type: '0x86dd', vlan_vid: '0x0', ip_dscp: '0x0', ip_ecn: '0x0', ipv6_flabel: '0x0', ipv6_exthdr: '0x0',
  ipv6_src: '0x20010db8000000000000000000000001', ipv6_dst: '0x20010db8000000000000000000000002',
}

const cases: readonly [name: string, frame: Uint8Array, fields: Record<string, string>][] = [
  ['a frame without an Ethernet header has no fields', fromHex('ffffffffffff0a0000000001'.slice(0, 24)), {}],
  ['an unknown EtherType', ethernet({ ...eth, type: 0x1234 }), { eth_type: '0x1234', vlan_vid: '0x0' }],
  ['802.3 with LLC has no EtherType', ethernet({ ...eth, type: 38 }, fromHex('424203' + '00'.repeat(35))), { eth_type: '0x5ff', vlan_vid: '0x0' }],
  ['802.3 with an Ethernet SNAP header has the one inside',
    ethernet({ ...eth, type: 36 }, concat(fromHex('aaaa03 000000 0800'), ipv4({ ...v4, proto: 17 }, udp({ src: 1, dst: 2 })))),
    { ...ip, ip_proto: '0x11', udp_src: '0x1', udp_dst: '0x2' }],
  ['802.3 with a SNAP header of another organisation', ethernet({ ...eth, type: 36 }, fromHex('aaaa03 00000c 0104' + '00'.repeat(28))), { eth_type: '0x5ff', vlan_vid: '0x0' }],
  ['a tag, with the PRESENT bit', ethernet({ ...eth, type: EtherType.ARP, vlans: [{ vid: 5, pcp: 3 }] }, arp({ op: 1, sha: 1n, spa: '10.0.0.1', tha: 0n, tpa: '10.0.0.2' })),
    { eth_type: '0x806', vlan_vid: '0x1005', vlan_pcp: '0x3', arp_op: '0x1', arp_sha: '0x1', arp_spa: '0xa000001', arp_tha: '0x0', arp_tpa: '0xa000002' }],
  ['a priority tag is a tag with id 0', ethernet({ ...eth, type: 0x1234, vlans: [{ vid: 0, pcp: 7, dei: true }] }), { eth_type: '0x1234', vlan_vid: '0x1000', vlan_pcp: '0x7' }],
  ['all tags are looked through, the outermost is the one seen',
    ethernet({ ...eth, type: EtherType.IPV4, vlans: [{ vid: 5, tpid: EtherType.QINQ }, { vid: 6, pcp: 1 }, { vid: 7 }] }, ipv4({ ...v4, proto: 6 }, tcp({ src: 1, dst: 2 }))),
    { ...ip, vlan_vid: '0x1005', vlan_pcp: '0x0', ip_proto: '0x6', tcp_src: '0x1', tcp_dst: '0x2' }],
  ['a tag that is cut off is not a tag', ethernet({ ...eth, type: EtherType.VLAN }, fromHex('0005')), { eth_type: '0x8100', vlan_vid: '0x0' }],
  ['TCP over IPv4 with options', ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.TCP, dscp: 46, ecn: 1, options: fromHex('94040000 01') }, tcp({ src: 1000, dst: 80 }))),
    { ...ip, ip_dscp: '0x2e', ip_ecn: '0x1', ip_proto: '0x6', tcp_src: '0x3e8', tcp_dst: '0x50' }],
  ['a first fragment has ports', ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.UDP, moreFragments: true }, udp({ src: 7, dst: 8 }))),
    { ...ip, ip_proto: '0x11', udp_src: '0x7', udp_dst: '0x8' }],
  ['a later fragment has ports 0', ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.UDP, fragmentOffset: 100 }, udp({ src: 7, dst: 8 }))),
    { ...ip, ip_proto: '0x11', udp_src: '0x0', udp_dst: '0x0' }],
  ['a TCP header that is cut short has ports 0', ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.TCP }, fromHex('00010002'))),
    { ...ip, ip_proto: '0x6', tcp_src: '0x0', tcp_dst: '0x0' }],
  ['Ethernet padding is not part of the segment', ethernet({ ...eth, type: EtherType.IPV4 }, concat(ipv4({ ...v4, proto: IpProto.TCP }, fromHex('00010002')), new Uint8Array(40))),
    { ...ip, ip_proto: '0x6', tcp_src: '0x0', tcp_dst: '0x0' }],
  ['an IPv4 header longer than the frame is none', ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: 17 }, udp({ src: 1, dst: 2 })).subarray(0, 25)),
    { eth_type: '0x800', vlan_vid: '0x0', ip_dscp: '0x0', ip_ecn: '0x0', ip_proto: '0x0', ipv4_src: '0x0', ipv4_dst: '0x0' }],
  ['SCTP', ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.SCTP }, sctp({ src: 3, dst: 4 }))), { ...ip, ip_proto: '0x84', sctp_src: '0x3', sctp_dst: '0x4' }],
  ['ICMP', ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.ICMP }, icmp(3, 4))), { ...ip, ip_proto: '0x1', icmpv4_type: '0x3', icmpv4_code: '0x4' }],
  ['ICMPv6 in IPv4 has no ICMPv6 fields', ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.ICMPV6 }, icmp(3, 4))), { ...ip, ip_proto: '0x3a' }],
  ['IPv6 with traffic class and flow label', ethernet({ ...eth, type: EtherType.IPV6 }, ipv6({ ...v6, proto: IpProto.UDP, dscp: 10, ecn: 2, flowLabel: 0xabcde }, udp({ src: 1, dst: 2 }))),
    { ...ip6, ip_dscp: '0xa', ip_ecn: '0x2', ipv6_flabel: '0xabcde', ip_proto: '0x11', udp_src: '0x1', udp_dst: '0x2' }],
  ['IPv6 extension headers', ethernet({ ...eth, type: EtherType.IPV6 }, ipv6({ ...v6, proto: IpProto.TCP, extensions: [
    { type: IpProto.HOP_BY_HOP, body: new Uint8Array(6) }, { type: IpProto.ROUTING, body: new Uint8Array(14) }, { type: IpProto.AH, body: new Uint8Array(22) },
    { type: IpProto.DEST_OPTIONS, body: new Uint8Array(6) }] }, tcp({ src: 5, dst: 6 }))),
  { ...ip6, ip_proto: '0x6', tcp_src: '0x5', tcp_dst: '0x6', ipv6_exthdr: '0x' + (ExtHdr.HOP | ExtHdr.ROUTER | ExtHdr.AUTH | ExtHdr.DEST).toString(16) }],
  ['IPv6 extension headers out of order and twice', ethernet({ ...eth, type: EtherType.IPV6 }, ipv6({ ...v6, proto: IpProto.NO_NEXT, extensions: [
    { type: IpProto.ROUTING, body: new Uint8Array(6) }, { type: IpProto.HOP_BY_HOP, body: new Uint8Array(6) }, { type: IpProto.ROUTING, body: new Uint8Array(6) }] })),
  { ...ip6, ip_proto: '0x3b', ipv6_exthdr: '0x' + (ExtHdr.ROUTER | ExtHdr.NONEXT | ExtHdr.UNREP | ExtHdr.UNSEQ).toString(16) }],
  ['a first IPv6 fragment', ethernet({ ...eth, type: EtherType.IPV6 }, ipv6({ ...v6, proto: IpProto.UDP, extensions: [{ type: IpProto.FRAGMENT, body: fromHex('0001 00000009') }] }, udp({ src: 1, dst: 2 }))),
    { ...ip6, ip_proto: '0x11', udp_src: '0x1', udp_dst: '0x2', ipv6_exthdr: '0x10' }],
  ['a later IPv6 fragment has protocol 44', ethernet({ ...eth, type: EtherType.IPV6 }, ipv6({ ...v6, proto: IpProto.UDP, extensions: [{ type: IpProto.FRAGMENT, body: fromHex('0008 00000009') }] }, udp({ src: 1, dst: 2 }))),
    { ...ip6, ip_proto: '0x2c', ipv6_exthdr: '0x10' }],
  ['an IPv6 extension header longer than the packet leaves the addresses', ethernet({ ...eth, type: EtherType.IPV6 }, ipv6({ ...v6, dscp: 5, proto: IpProto.DEST_OPTIONS }, fromHex('0608000000000000'))),
    { ...ip6, ip_proto: '0x0', ipv6_exthdr: '0x8' }],
  ['neighbour solicitation', neighborSolicitFrame({ sha: 9n, src: 'fe80::1', target: 'fe80::2' }), {
    ...ip6, ipv6_src: '0xfe800000000000000000000000000001', ipv6_dst: '0xff0200000000000000000001ff000002', ip_proto: '0x3a',
    icmpv6_type: '0x87', icmpv6_code: '0x0', ipv6_nd_target: '0xfe800000000000000000000000000002', ipv6_nd_sll: '0x9' }],
  ['neighbour advertisement', neighborAdvertFrame({ sha: 9n, target: 'fe80::2', dst: 'fe80::1', dstMac: 8n }), {
    ...ip6, ipv6_src: '0xfe800000000000000000000000000002', ipv6_dst: '0xfe800000000000000000000000000001', ip_proto: '0x3a',
    icmpv6_type: '0x88', icmpv6_code: '0x0', ipv6_nd_target: '0xfe800000000000000000000000000002', ipv6_nd_tll: '0x9' }],
  ['the outermost MPLS label', ethernet({ ...eth, type: EtherType.MPLS }, mpls({ label: 100, tc: 5, bos: false }, mpls({ label: 200 }, ipv4({ ...v4, proto: 1 }, icmpEcho({ id: 1, seq: 1 }))))),
    { eth_type: '0x8847', vlan_vid: '0x0', mpls_label: '0x64', mpls_tc: '0x5', mpls_bos: '0x0' }],
  ['a PBB service tag', ethernet({ ...eth, type: EtherType.PBB }, fromHex('68 123456 0a0000000002 0a0000000001 0800')), { eth_type: '0x88e7', vlan_vid: '0x0', pbb_isid: '0x123456', pbb_uca: '0x1' }],
]
for (const [name, frame, fields] of cases) {
  test(`fields: ${name}`, () => {
    assert.deepEqual(show(frame), fields)
  })
}

test('fields: behind the outermost tag only, on request', () => {
  const frame = ethernet({ ...eth, type: EtherType.IPV4, vlans: [{ vid: 5 }, { vid: 6 }] }, ipv4({ ...v4, proto: 6 }, tcp({ src: 1, dst: 2 })))
  const fields = extractFields(frame, 'outermost')
  assert.deepEqual([fields.get('eth_type'), fields.get('vlan_vid'), fields.has('tcp_dst')], [0x8100n, 0x1005n, false])
})

test('a frame cut anywhere is parsed without a throw, within its bytes', () => {
  for (const [, frame] of cases) {
    for (let size = 0; size <= frame.length; size++) {
      const cut = frame.slice(0, size)
      const p = parseFrame(cut)
      assert.ok(p.l3End <= size && p.l4At <= size)
      for (const value of extractFields(cut).values()) assert.equal(typeof value, 'bigint')
    }
  }
})

test('a frame with any byte changed is parsed without a throw', () => {
  for (const [, frame] of cases) {
    for (let at = 0; at < frame.length; at++) {
      for (const flip of [0x01, 0x10, 0x80, 0xff]) {
        const changed = frame.slice()
        changed[at]! ^= flip
        for (const value of extractFields(changed).values()) assert.ok(value >= 0n)
      }
    }
  }
})

test('addresses', () => {
  assert.equal(parseMac('0a:00:00:00:00:FF'), 0x0a00000000ffn)
  assert.equal(parseMac('0a:00:00:00:00'), null)
  assert.equal(parseIpv4('10.0.0.256'), null)
  assert.equal(parseIpv4('10.0.0.01'), null)
  assert.equal(parseIpv6('::ffff:10.0.0.1'), 0xffff0a000001n)
  for (const bad of ['1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', '::10.0.0.1:1', '']) assert.equal(parseIpv6(bad), null, bad)
})
