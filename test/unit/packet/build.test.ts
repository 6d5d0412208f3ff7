import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  EtherType, IpProto, arpReplyFrame, arpRequestFrame, crc32c, ethernet, formatFrame, formatIpv6, fromHex, icmpEcho, icmpv6Echo, internetChecksum,
  ipv4, ipv6, linkLocal, mpls, neighborAdvertFrame, neighborSolicitFrame, pad, parseIpv6, sctp, tcp, toHex, udp, updateChecksum16, wrongChecksums,
} from '../../../src/packet/index.js'

const eth = { dst: '0a:00:00:00:00:02', src: '0a:00:00:00:00:01' }

test('the example of RFC 1071 §3', () => {
  assert.equal(internetChecksum(fromHex('0001 f203 f4f5 f6f7')), ~0xddf2 & 0xffff)
})

test('the example of RFC 1624 §4', () => {
  assert.equal(updateChecksum16(0xdd2f, 0x5555, 0x3285), 0x0000)
})

test('CRC32c of RFC 3720 §B.4', () => {
  assert.equal(crc32c(new Uint8Array(32), 0, 32), 0x8a9136aa)
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i), 0, 32), 0x46dd794e)
})

test('an incremental update equals a new sum', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 4, maxLength: 40 }), fc.nat(), fc.integer({ min: 0, max: 0xffff }), (bytes, where, word) => {
    const data = bytes.slice(0, bytes.length & ~1)
    data[0]! |= 1 // not all zero: the sum of nothing but zeros has two representations
    const at = 2 + (where % (data.length / 2 - 1)) * 2
    const before = internetChecksum(data)
    const old = (data[at]! << 8) | data[at + 1]!
    data[at] = word >> 8
    data[at + 1] = word & 0xff
    assert.equal(updateChecksum16(before, old, word), internetChecksum(data))
  }))
})

test('an IPv4 echo request, byte for byte', () => {
  const frame = ethernet({ ...eth, type: EtherType.IPV4 },
    ipv4({ src: '10.0.0.1', dst: '10.0.0.2', proto: IpProto.ICMP, id: 0x1c46, dontFragment: true }, icmpEcho({ id: 0x0102, seq: 1, data: fromHex('6162636465666768') })))
  assert.equal(toHex(frame), [
    '0a0000000002', '0a0000000001', '0800',
    '4500 0024 1c46 4000 40 01 0a91 0a000001 0a000002', // 0x0a91 = ~(4500+0024+1c46+4000+4001+0a00+0001+0a00+0002)
    '08 00 6567 0102 0001', '6162636465666768', // 0x6567 = ~(0800+0102+0001+6162+6364+6566+6768)
  ].join('').replaceAll(' ', ''))
})

const samples: readonly [string, Uint8Array][] = [
  ['0a:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, vlan 7, arp who-has 10.0.0.2 tell 10.0.0.1, 46 bytes',
    arpRequestFrame({ sha: eth.src, spa: '10.0.0.1', tpa: '10.0.0.2', vlans: [{ vid: 7 }] })],
  ['0a:00:00:00:00:02 > 0a:00:00:00:00:01, arp 10.0.0.2 is-at 0a:00:00:00:00:02, 60 bytes',
    pad(arpReplyFrame({ sha: eth.dst, spa: '10.0.0.2', tha: eth.src, tpa: '10.0.0.1' }))],
  ['0a:00:00:00:00:01 > 0a:00:00:00:00:02, tcp 10.0.0.1:1000 > 10.0.0.2:80 ttl 64, 57 bytes',
    ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ src: '10.0.0.1', dst: '10.0.0.2', proto: IpProto.TCP }, tcp({ src: 1000, dst: 80 }, fromHex('010203'))))],
  ['0a:00:00:00:00:01 > 0a:00:00:00:00:02, udp [2001:db8::1]:1 > [2001:db8::2]:2 ttl 3, 63 bytes',
    ethernet({ ...eth, type: EtherType.IPV6 }, ipv6({ src: '2001:db8::1', dst: '2001:db8::2', proto: IpProto.UDP, hopLimit: 3 }, udp({ src: 1, dst: 2 }, fromHex('ff'))))],
  ['0a:00:00:00:00:01 > 0a:00:00:00:00:02, sctp 10.0.0.1:1 > 10.0.0.2:2 ttl 64, 50 bytes',
    ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ src: '10.0.0.1', dst: '10.0.0.2', proto: IpProto.SCTP }, sctp({ src: 1, dst: 2 }, fromHex('01020304'))))],
  ['0a:00:00:00:00:01 > 0a:00:00:00:00:02, icmpv6 fe80::1 > fe80::2 echo request id 9 seq 2 ttl 64, 62 bytes',
    ethernet({ ...eth, type: EtherType.IPV6 }, ipv6({ src: 'fe80::1', dst: 'fe80::2', proto: IpProto.ICMPV6 }, icmpv6Echo({ id: 9, seq: 2 })))],
  ['0a:00:00:00:00:01 > 33:33:ff:00:00:02, icmpv6 fe80::1 > ff02::1:ff00:2 neighbour solicitation fe80::2 ttl 255, 86 bytes',
    neighborSolicitFrame({ sha: eth.src, src: 'fe80::1', target: 'fe80::2' })],
  ['0a:00:00:00:00:02 > 0a:00:00:00:00:01, icmpv6 fe80::2 > fe80::1 neighbour advertisement fe80::2 ttl 255, 86 bytes',
    neighborAdvertFrame({ sha: eth.dst, target: 'fe80::2', dst: 'fe80::1', dstMac: eth.src })],
  ['0a:00:00:00:00:01 > 0a:00:00:00:00:02, s-vlan 2 pcp 3, vlan 1, mpls 100 ttl 64 …, mpls 200 tc 1 ttl 9, 30 bytes',
    ethernet({ ...eth, type: EtherType.MPLS, vlans: [{ vid: 2, pcp: 3, tpid: EtherType.QINQ }, { vid: 1 }] }, mpls({ label: 100, bos: false }, mpls({ label: 200, tc: 1, ttl: 9 })))],
  ['0a:00:00:00:00:01 > 0a:00:00:00:00:02, udp later fragment 10.0.0.1 > 10.0.0.2 ttl 64, 42 bytes',
    ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ src: '10.0.0.1', dst: '10.0.0.2', proto: IpProto.UDP, fragmentOffset: 3 }, fromHex('0001020304050607')))],
  ['0a:00:00:00:00:01 > 0a:00:00:00:00:02, malformed ipv4, 14 bytes', ethernet({ ...eth, type: EtherType.IPV4 })],
  ['short frame, 3 bytes', fromHex('010203')],
]
for (const [text, frame] of samples) {
  test(`built and printed: ${text}`, () => {
    assert.equal(formatFrame(frame), text)
    assert.deepEqual(wrongChecksums(frame), [])
  })
}

test('a wrong checksum is found', () => {
  const frame = samples[2]![1].slice()
  frame[frame.length - 1]! ^= 1
  assert.deepEqual(wrongChecksums(frame), ['tcp'])
})

test('IPv6 text is canonical (RFC 5952 §4)', () => {
  for (const [text, canonical] of [
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], ['0:0:0:0:0:0:0:0', '::'], ['0:0:0:0:0:0:0:1', '::1'], ['1:0:0:0:0:0:0:0', '1::'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ] as const) assert.equal(formatIpv6(parseIpv6(text)!), canonical)
})

test('a link-local address from a MAC address (RFC 4291 appendix A)', () => {
  assert.equal(formatIpv6(linkLocal(0x3456789abcden)), 'fe80::3656:78ff:fe9a:bcde')
})
