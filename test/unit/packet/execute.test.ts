import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Action, type OxmName, Port } from '../../../src/openflow/model.js'
import { putBig } from '../../../src/packet/bytes.js'
import {
  EtherType, IpProto, ethernet, executeActions, extractFields, formatFrame, fromHex, icmp, icmpv6Echo, ipv4, ipv6, mpls, neighborSolicitFrame, parseFrame,
  sctp, tcp, toHex, udp, wrongChecksums, arp,
} from '../../../src/packet/index.js'

const eth = { dst: '0a:00:00:00:00:02', src: '0a:00:00:00:00:01' }
const v4 = { src: '10.0.0.1', dst: '10.0.0.2' }
const v6 = { src: '2001:db8::1', dst: '2001:db8::2' }
const data = fromHex('00112233445566')
const inIp4 = (proto: number, payload: Uint8Array, ttl = 64): Uint8Array => ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto, ttl }, payload))
const inIp6 = (proto: number, payload: Uint8Array): Uint8Array => ethernet({ ...eth, type: EtherType.IPV6 }, ipv6({ ...v6, proto }, payload))
const tcpFrame = inIp4(IpProto.TCP, tcp({ src: 1, dst: 2 }, data))

const set = (field: OxmName, value: bigint, mask: bigint | null = null): Action => ({ type: 'set_field', field, value, mask })
const out = (port: number): Action => ({ type: 'output', port, maxLen: 0 })
const run = (frame: Uint8Array, ...actions: Action[]): Uint8Array => executeActions(frame, actions, { inPort: Port.CONTROLLER }).frame
const text = (frame: Uint8Array, ...actions: Action[]): string => formatFrame(run(frame, ...actions)).replace(/^\S+ > \S+, |, \d+ bytes$/g, '')

const fieldCases: readonly [Uint8Array, OxmName, bigint][] = [
  [tcpFrame, 'eth_dst', 0x112233445566n], [tcpFrame, 'eth_src', 0x112233445566n],
  [tcpFrame, 'ip_dscp', 46n], [tcpFrame, 'ip_ecn', 3n], [tcpFrame, 'ipv4_src', 0xc0a80001n], [tcpFrame, 'ipv4_dst', 0xc0a80002n],
  [tcpFrame, 'tcp_src', 65535n], [tcpFrame, 'tcp_dst', 8080n],
  [inIp4(IpProto.UDP, udp({ src: 1, dst: 2 }, data)), 'udp_src', 53n], [inIp4(IpProto.UDP, udp({ src: 1, dst: 2 }, data)), 'ipv4_dst', 0n],
  [inIp4(IpProto.SCTP, sctp({ src: 1, dst: 2 }, data)), 'sctp_dst', 99n], [inIp4(IpProto.SCTP, sctp({ src: 1, dst: 2 }, data)), 'ipv4_src', 99n],
  [inIp4(IpProto.ICMP, icmp(8, 0)), 'icmpv4_type', 3n], [inIp4(IpProto.ICMP, icmp(8, 0)), 'icmpv4_code', 1n],
  [inIp6(IpProto.TCP, tcp({ src: 1, dst: 2 }, data)), 'ipv6_src', 0xfe80n << 112n], [inIp6(IpProto.UDP, udp({ src: 1, dst: 2 }, data)), 'ipv6_dst', 1n],
  [inIp6(IpProto.UDP, udp({ src: 1, dst: 2 })), 'ipv6_flabel', 0xfffffn], [inIp6(IpProto.UDP, udp({ src: 1, dst: 2 })), 'ip_dscp', 63n],
  [inIp6(IpProto.UDP, udp({ src: 1, dst: 2 })), 'ip_ecn', 1n],
  [inIp6(IpProto.ICMPV6, icmpv6Echo({ id: 1, seq: 1 })), 'icmpv6_type', 129n], [inIp6(IpProto.ICMPV6, icmpv6Echo({ id: 1, seq: 1 })), 'icmpv6_code', 7n],
  [inIp6(IpProto.ICMPV6, icmpv6Echo({ id: 1, seq: 1 })), 'ipv6_src', 7n],
  [neighborSolicitFrame({ sha: 1n, src: 'fe80::1', target: 'fe80::2' }), 'ipv6_nd_target', 0x1234n],
  [neighborSolicitFrame({ sha: 1n, src: 'fe80::1', target: 'fe80::2' }), 'ipv6_nd_sll', 0xabcdef012345n],
  [ethernet({ ...eth, type: EtherType.ARP }, arp({ op: 1, sha: 1n, spa: '10.0.0.1', tha: 0n, tpa: '10.0.0.2' })), 'arp_op', 2n],
  [ethernet({ ...eth, type: EtherType.ARP }, arp({ op: 1, sha: 1n, spa: '10.0.0.1', tha: 0n, tpa: '10.0.0.2' })), 'arp_tha', 0xffffffffffffn],
  [ethernet({ ...eth, type: 0x1234, vlans: [{ vid: 1, pcp: 1 }] }), 'vlan_vid', 0x1fffn], [ethernet({ ...eth, type: 0x1234, vlans: [{ vid: 1 }] }), 'vlan_pcp', 6n],
  [ethernet({ ...eth, type: EtherType.MPLS }, mpls({ label: 1 })), 'mpls_label', 0xfffffn], [ethernet({ ...eth, type: EtherType.MPLS }, mpls({ label: 1 })), 'mpls_tc', 7n],
  [ethernet({ ...eth, type: EtherType.MPLS }, mpls({ label: 1 })), 'mpls_bos', 0n],
  [ethernet({ ...eth, type: EtherType.PBB }, fromHex('00000001 000000000001 000000000002 0800')), 'pbb_isid', 0xffffffn],
  [ethernet({ ...eth, type: EtherType.PBB }, fromHex('f7000001 000000000001 000000000002 0800')), 'pbb_uca', 1n],
]
for (const [frame, field, value] of fieldCases) {
  test(`set_field ${field} on ${formatFrame(frame)}`, () => {
    const before = extractFields(frame)
    const after = run(frame, set(field, value))
    assert.deepEqual(extractFields(after), before.set(field, value))
    assert.deepEqual(wrongChecksums(after), [])
    assert.equal(after.length, frame.length)
  })
}

test('a masked set_field writes only the bits of the mask', () => {
  const after = run(tcpFrame, set('ipv4_dst', 0x00ff0000n, 0x00ff00ffn), set('tcp_dst', 0x0100n, 0x0f00n), set('eth_src', 0n, 1n))
  assert.equal(formatFrame(after), '0a:00:00:00:00:00 > 0a:00:00:00:00:02, tcp 10.0.0.1:1 > 10.255.0.0:258 ttl 64, 61 bytes')
  assert.deepEqual(wrongChecksums(after), [])
})

const absent: readonly [string, Uint8Array, Action][] = [
  ['VLAN id of an untagged frame', tcpFrame, set('vlan_vid', 0x1005n)],
  ['UDP port of TCP', tcpFrame, set('udp_dst', 5n)],
  ['TCP port of a later fragment', ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: 6, fragmentOffset: 9 }, tcp({ src: 1, dst: 2 }))), set('tcp_dst', 5n)],
  ['IP address behind a label', ethernet({ ...eth, type: EtherType.MPLS }, mpls({ label: 5 }, ipv4({ ...v4, proto: 6 }))), set('ipv4_dst', 5n)],
  ['ND target of an echo request', inIp6(IpProto.ICMPV6, icmpv6Echo({ id: 1, seq: 1, data: new Uint8Array(20) })), set('ipv6_nd_target', 5n)],
  ['tag of an untagged frame', tcpFrame, { type: 'pop_vlan' }],
  ['label of an IP packet', tcpFrame, { type: 'pop_mpls', ethertype: 0x800 }],
  ['service tag of an IP packet', tcpFrame, { type: 'pop_pbb' }],
  ['TTL of an unknown protocol', ethernet({ ...eth, type: 0x1234 }, data), { type: 'dec_nw_ttl' }],
  ['TTL of a label of an IP packet', tcpFrame, { type: 'dec_mpls_ttl' }],
  ['anything of a frame without Ethernet header', fromHex('0102'), { type: 'push_vlan', ethertype: 0x8100 }],
]
for (const [name, frame, action] of absent) {
  test(`nothing happens to a header that is not there: ${name}`, () => {
    assert.equal(toHex(run(frame, action)), toHex(frame))
  })
}

test('a UDP checksum of 0 stays 0, one that becomes 0 is 0xffff', () => {
  const none = inIp4(IpProto.UDP, udp({ src: 1, dst: 2 }, data)).slice()
  none[40] = none[41] = 0
  assert.deepEqual([...run(none, set('udp_dst', 77n), set('ipv4_src', 1n)).subarray(40, 42)], [0, 0])
  const frame = inIp4(IpProto.UDP, udp({ src: 1, dst: 2 }, data))
  const checksum = (frame[40]! << 8) | frame[41]!
  // Adding the checksum to a word of the sum makes the sum 0xffff and the checksum 0.
  const after = run(frame, set('udp_src', BigInt(1 + checksum > 0xffff ? 1 + checksum - 0xffff : 1 + checksum)))
  assert.deepEqual([...after.subarray(40, 42)], [0xff, 0xff])
  assert.deepEqual(wrongChecksums(after), [])
})

test('a wrong checksum is not repaired', () => {
  const frame = tcpFrame.slice()
  putBig(frame, 24, 2, 0x1234n)
  putBig(frame, 50, 2, 0x1234n)
  const same = run(frame, set('ipv4_dst', 0x0a000002n), set('tcp_dst', 2n))
  assert.equal(toHex(same), toHex(frame))
  assert.deepEqual(wrongChecksums(run(frame, set('ipv4_dst', 5n))), ['ipv4', 'tcp'])
})

test('the transport checksum covers the IPv6 destination only when no segments are left', () => {
  const routed = (left: number): Uint8Array => ethernet({ ...eth, type: EtherType.IPV6 },
    ipv6({ ...v6, proto: IpProto.TCP, extensions: [{ type: IpProto.ROUTING, body: Uint8Array.of(0, left, 0, 0, 0, 0) }] }, tcp({ src: 1, dst: 2 })))
  const checksum = (frame: Uint8Array): string => toHex(frame.subarray(parseFrame(frame).l4At + 16, parseFrame(frame).l4At + 18))
  assert.equal(checksum(run(routed(1), set('ipv6_dst', 5n))), checksum(routed(1)))
  assert.notEqual(checksum(run(routed(0), set('ipv6_dst', 5n))), checksum(routed(0)))
})

const tagged = ethernet({ ...eth, type: EtherType.IPV4, vlans: [{ vid: 5, pcp: 3, dei: true }] }, ipv4({ ...v4, proto: IpProto.UDP }, udp({ src: 1, dst: 2 })))
const structure: readonly [string, Uint8Array, Action[], string][] = [
  ['push_vlan on an untagged frame', tcpFrame, [{ type: 'push_vlan', ethertype: 0x8100 }], 'vlan 0, tcp 10.0.0.1:1 > 10.0.0.2:2 ttl 64'],
  ['push_vlan copies id and priority', tagged, [{ type: 'push_vlan', ethertype: 0x88a8 }], 's-vlan 5 pcp 3, vlan 5 pcp 3 dei, udp 10.0.0.1:1 > 10.0.0.2:2 ttl 64'],
  ['headers stay in reach behind pushed tags', tagged, [{ type: 'push_vlan', ethertype: 0x8100 }, set('vlan_vid', 0x1009n), set('ipv4_dst', 1n), { type: 'dec_nw_ttl' }],
    'vlan 9 pcp 3, vlan 5 pcp 3 dei, udp 10.0.0.1:1 > 0.0.0.1:2 ttl 63'],
  ['pop_vlan', tagged, [{ type: 'pop_vlan' }], 'udp 10.0.0.1:1 > 10.0.0.2:2 ttl 64'],
  ['push, push, pop', tagged, [{ type: 'push_vlan', ethertype: 0x8100 }, set('vlan_vid', 0x1001n), { type: 'push_vlan', ethertype: 0x8100 }, { type: 'pop_vlan' }, set('udp_dst', 9n)],
    'vlan 1 pcp 3, vlan 5 pcp 3 dei, udp 10.0.0.1:1 > 10.0.0.2:9 ttl 64'],
  ['headers behind two tags are in reach', ethernet({ ...eth, type: EtherType.IPV4, vlans: [{ vid: 1 }, { vid: 2 }] }, ipv4({ ...v4, proto: IpProto.UDP }, udp({ src: 1, dst: 2 }))),
    [set('udp_dst', 9n), { type: 'pop_vlan' }, set('udp_src', 8n)], 'vlan 2, udp 10.0.0.1:8 > 10.0.0.2:9 ttl 64'],
  ['1.0: set_vlan_vid changes a tag', tagged, [{ type: 'set_vlan_vid', vid: 6 }], 'vlan 6 pcp 3 dei, udp 10.0.0.1:1 > 10.0.0.2:2 ttl 64'],
  ['1.0: set_vlan_vid adds a tag', tcpFrame, [{ type: 'set_vlan_vid', vid: 6 }, { type: 'set_vlan_pcp', pcp: 2 }], 'vlan 6 pcp 2, tcp 10.0.0.1:1 > 10.0.0.2:2 ttl 64'],
  ['1.0: set_vlan_pcp adds a tag', tcpFrame, [{ type: 'set_vlan_pcp', pcp: 2 }], 'vlan 0 pcp 2, tcp 10.0.0.1:1 > 10.0.0.2:2 ttl 64'],
  ['push_mpls behind the tag, TTL of the IP header', tagged, [{ type: 'push_mpls', ethertype: 0x8847 }, set('mpls_label', 77n)], 'vlan 5 pcp 3 dei, mpls 77 ttl 64'],
  ['push_mpls on a label copies it', ethernet({ ...eth, type: EtherType.MPLS }, mpls({ label: 9, tc: 2, ttl: 7 })), [{ type: 'push_mpls', ethertype: 0x8848 }, { type: 'dec_mpls_ttl' }], 'mpls 9 tc 2 ttl 6 …, mpls 9 tc 2 ttl 7'],
  ['push_mpls, set, pop_mpls gives the packet back', tagged, [{ type: 'push_mpls', ethertype: 0x8847 }, set('mpls_label', 77n), { type: 'pop_mpls', ethertype: 0x0800 }, set('udp_src', 3n)],
    'vlan 5 pcp 3 dei, udp 10.0.0.1:3 > 10.0.0.2:2 ttl 64'],
  ['copy_ttl_out from IP', ethernet({ ...eth, type: EtherType.MPLS }, mpls({ label: 9, ttl: 7 }, ipv4({ ...v4, proto: 6, ttl: 33 }))), [{ type: 'copy_ttl_out' }], 'mpls 9 ttl 33'],
  ['copy_ttl_in to IP', ethernet({ ...eth, type: EtherType.MPLS }, mpls({ label: 9, ttl: 7 }, ipv4({ ...v4, proto: IpProto.UDP, ttl: 33 }, udp({ src: 1, dst: 2 })))),
    [{ type: 'copy_ttl_in' }, { type: 'pop_mpls', ethertype: 0x800 }], 'udp 10.0.0.1:1 > 10.0.0.2:2 ttl 7'],
  ['copy_ttl_in to a label', ethernet({ ...eth, type: EtherType.MPLS }, mpls({ label: 9, ttl: 7, bos: false }, mpls({ label: 8, ttl: 3 }))), [{ type: 'copy_ttl_in' }], 'mpls 9 ttl 7 …, mpls 8 ttl 7'],
  ['set_nw_ttl', tcpFrame, [{ type: 'set_nw_ttl', ttl: 9 }], 'tcp 10.0.0.1:1 > 10.0.0.2:2 ttl 9'],
  ['set_mpls_ttl', ethernet({ ...eth, type: EtherType.MPLS }, mpls({ label: 9 })), [{ type: 'set_mpls_ttl', ttl: 200 }], 'mpls 9 ttl 200'],
  ['dec_nw_ttl of IPv6', inIp6(IpProto.UDP, udp({ src: 1, dst: 2 })), [{ type: 'dec_nw_ttl' }], 'udp [2001:db8::1]:1 > [2001:db8::2]:2 ttl 63'],
  ['push_pbb and the service id', tagged, [{ type: 'push_pbb', ethertype: 0x88e7 }, set('pbb_isid', 1234n)], 'pbb isid 1234'],
  ['push_pbb, push_vlan, pops', tagged, [{ type: 'push_pbb', ethertype: 0x88e7 }, set('eth_dst', 5n), { type: 'push_vlan', ethertype: 0x88a8 }, { type: 'pop_vlan' }, { type: 'pop_pbb' }],
    'vlan 5 pcp 3 dei, udp 10.0.0.1:1 > 10.0.0.2:2 ttl 64'],
]
for (const [name, frame, actions, expected] of structure) {
  test(name, () => {
    assert.equal(text(frame, ...actions), expected)
    assert.deepEqual(wrongChecksums(run(frame, ...actions)), [])
  })
}

test('pop_pbb restores the customer addresses', () => {
  assert.equal(toHex(run(tagged, { type: 'push_pbb', ethertype: 0x88e7 }, set('eth_dst', 5n), set('eth_src', 6n), { type: 'pop_pbb' })), toHex(tagged))
})

test('each output has the frame as it was at its place in the list', () => {
  const { steps, ended } = executeActions(tagged, [
    out(1), { type: 'pop_vlan' }, { type: 'set_queue', queueId: 7 }, out(2), set('udp_dst', 9n), { type: 'group', groupId: 4 }, { type: 'enqueue', port: 3, queueId: 8 }, out(Port.IN_PORT),
  ], { inPort: 6 })
  assert.equal(ended, null)
  assert.deepEqual(steps.map((s) => [s.kind === 'output' ? s.port : `group ${s.groupId}`, s.queueId, formatFrame(s.frame).replace(/^\S+ > \S+, | ttl.*$/g, '')]), [
    [1, null, 'vlan 5 pcp 3 dei, udp 10.0.0.1:1 > 10.0.0.2:2'], [2, 7, 'udp 10.0.0.1:1 > 10.0.0.2:2'],
    ['group 4', 7, 'udp 10.0.0.1:1 > 10.0.0.2:9'], [3, 8, 'udp 10.0.0.1:1 > 10.0.0.2:9'], [6, 7, 'udp 10.0.0.1:1 > 10.0.0.2:9'],
  ])
})

test('the ingress port is reached through IN_PORT only; CONTROLLER always', () => {
  const ports = (inPort: number, ...actions: Action[]): number[] =>
    executeActions(tcpFrame, actions, { inPort }).steps.map((s) => s.kind === 'output' ? s.port : -1)
  assert.deepEqual(ports(3, out(3), out(4), out(Port.IN_PORT)), [4, 3])
  assert.deepEqual(ports(Port.CONTROLLER, out(Port.IN_PORT), out(Port.CONTROLLER), out(Port.TABLE)), [Port.CONTROLLER, Port.TABLE])
  assert.deepEqual(ports(Port.LOCAL, out(Port.LOCAL), out(Port.IN_PORT)), [Port.LOCAL])
})

test('a TTL that has run out ends the list', () => {
  for (const ttl of [0, 1]) {
    const { steps, ended, frame } = executeActions(inIp4(IpProto.UDP, udp({ src: 1, dst: 2 }), ttl), [out(1), { type: 'dec_nw_ttl' }, out(2)], { inPort: 5 })
    assert.equal(ended, 'invalid_ttl')
    assert.deepEqual(steps.map((s) => s.kind === 'output' && s.port), [1])
    assert.match(formatFrame(frame), new RegExp(`ttl ${ttl},`))
  }
  const labelled = ethernet({ ...eth, type: EtherType.MPLS }, mpls({ label: 1, ttl: 1 }))
  assert.equal(executeActions(labelled, [{ type: 'dec_mpls_ttl' }, out(2)], { inPort: 5 }).ended, 'invalid_ttl')
})

test('the given frame is never changed', () => {
  const before = toHex(tagged)
  run(tagged, set('eth_dst', 1n), set('udp_dst', 4n), { type: 'dec_nw_ttl' }, { type: 'pop_vlan' })
  assert.equal(toHex(tagged), before)
})

test('set_field of the tunnel id and metadata is seen by later outputs only', () => {
  const { steps } = executeActions(tcpFrame, [out(1), set('tunnel_id', 5n), set('metadata', 0xf0n, 0xf0n), out(2)], { inPort: 9, tunnelId: 1n, metadata: 0xfn })
  assert.deepEqual(steps.map((s) => [s.tunnelId, s.metadata]), [[1n, 0xfn], [5n, 0xffn]])
})

test('a packet in a Buffer, as from a remote target, stays as it was, and is summed up anew', () => {
  const frame = Buffer.from(tcpFrame)
  const list = [out(1), set('ipv4_dst', 0x0a000009n), out(2)]
  const [first, second] = executeActions(frame, list, { inPort: 3 }).steps
  assert.equal(toHex(frame), toHex(tcpFrame))
  assert.deepEqual([first, second].map((step) => toHex(step?.frame ?? data)), [toHex(tcpFrame), toHex(run(tcpFrame, ...list))])
  assert.deepEqual(wrongChecksums(second?.frame ?? data), [])
})
