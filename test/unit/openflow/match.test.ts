import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  canonicalMatch, type ErrorName, type FieldValue, formatMatch, type Match, matchKey, matchOverlaps, matchSubsumes, OXM_FIELDS, type OxmName,
} from '../../../src/openflow/index.js'

const f = (field: OxmName, value: bigint, mask: bigint | null = null): FieldValue => ({ field, value, mask })
const ip = f('eth_type', 0x0800n)
const ip6 = f('eth_type', 0x86ddn)
const tcp = [ip, f('ip_proto', 6n)]

function canonical(...fields: FieldValue[]): Match {
  const result = canonicalMatch(fields)
  assert.ok('match' in result, 'error' in result ? result.reason : '')
  return result.match
}

test('the canonical form is sorted, without empty masks, with full masks as null', () => {
  const match = canonical(f('ipv4_dst', 0x0a000000n, 0xffffffffn), f('eth_src', 0n, 0n), ip, f('in_port', 3n), f('eth_dst', 1n, (1n << 48n) - 1n))
  assert.deepEqual(match, [f('in_port', 3n), f('eth_dst', 1n), ip, f('ipv4_dst', 0x0a000000n)])
})

const refused: readonly (readonly [string, readonly FieldValue[], ErrorName])[] = [
  ['a field twice', [f('in_port', 1n), f('in_port', 2n)], 'OFPBMC_DUP_FIELD'],
  ['a field twice, the same', [ip, ip], 'OFPBMC_DUP_FIELD'],
  ['a value outside its mask', [f('eth_dst', 3n, 1n)], 'OFPBMC_BAD_WILDCARDS'],
  ['a value under an empty mask', [f('metadata', 1n, 0n)], 'OFPBMC_BAD_WILDCARDS'],
  ['a value wider than its field', [f('vlan_vid', 0x2000n)], 'OFPBMC_BAD_VALUE'],
  ['a VLAN id without the present bit', [f('vlan_vid', 5n)], 'OFPBMC_BAD_VALUE'],
  ['a mask on in_port', [f('in_port', 1n, 1n)], 'OFPBMC_BAD_MASK'],
  ['a mask on ip_dscp', [ip, f('ip_dscp', 0n, 1n)], 'OFPBMC_BAD_MASK'],
  ['an IPv4 address without its ethertype', [f('ipv4_src', 1n)], 'OFPBMC_BAD_PREREQ'],
  ['an IPv4 address in IPv6', [ip6, f('ipv4_src', 1n)], 'OFPBMC_BAD_PREREQ'],
  ['a port without its protocol', [ip, f('tcp_dst', 80n)], 'OFPBMC_BAD_PREREQ'],
  ['a port of another protocol', [ip, f('ip_proto', 17n), f('tcp_dst', 80n)], 'OFPBMC_BAD_PREREQ'],
  ['ICMPv4 in IPv6', [ip6, f('ip_proto', 1n), f('icmpv4_type', 8n)], 'OFPBMC_BAD_PREREQ'],
  ['a priority without a tag', [f('vlan_pcp', 1n)], 'OFPBMC_BAD_PREREQ'],
  ['a priority of an untagged packet', [f('vlan_vid', 0n), f('vlan_pcp', 1n)], 'OFPBMC_BAD_PREREQ'],
  ['a neighbour target without the message', [ip6, f('ip_proto', 58n), f('ipv6_nd_target', 1n)], 'OFPBMC_BAD_PREREQ'],
  ['a source link address in an advertisement', [ip6, f('ip_proto', 58n), f('icmpv6_type', 136n), f('ipv6_nd_sll', 1n)], 'OFPBMC_BAD_PREREQ'],
  ['a physical port without a port', [f('in_phy_port', 1n)], 'OFPBMC_BAD_PREREQ'],
]
for (const [what, fields, error] of refused) {
  test(`refuses ${what}`, () => {
    const result = canonicalMatch(fields)
    assert.equal('error' in result ? result.error : 'accepted', error)
  })
}

test('accepts a priority of any tag', () => {
  assert.equal(canonical(f('vlan_pcp', 3n), f('vlan_vid', 0x1000n, 0x1000n)).length, 2)
})
test('a full mask on an unmaskable field is no mask', () => {
  assert.deepEqual(canonical(f('in_port', 1n, 0xffffffffn)), [f('in_port', 1n)])
})
test('masked transport ports are taken, as by Open vSwitch', () => {
  assert.equal(canonical(...tcp, f('tcp_dst', 0x50n, 0xfff0n)).length, 3)
})

test('keys tell matches apart and do not depend on the order given', () => {
  const a = canonical(...tcp, f('tcp_dst', 80n))
  assert.equal(matchKey(a), matchKey(canonical(f('tcp_dst', 80n), ...tcp)))
  const keys = [a, canonical(...tcp, f('tcp_src', 80n)), canonical(...tcp, f('tcp_dst', 80n, 0xfff0n)), canonical(...tcp), canonical()].map(matchKey)
  assert.equal(new Set(keys).size, keys.length)
})

const net = (value: bigint, bits: number): Match => canonical(ip, f('ipv4_dst', value, (0xffffffffn << BigInt(32 - bits)) & 0xffffffffn))
const relations: readonly (readonly [string, Match, Match, boolean, boolean])[] = [
  ['everything and something', canonical(), net(0x0a000000n, 8), true, true],
  ['something and everything', net(0x0a000000n, 8), canonical(), false, true],
  ['a net and a net in it', net(0x0a000000n, 8), net(0x0a010000n, 16), true, true],
  ['a net and the net around it', net(0x0a010000n, 16), net(0x0a000000n, 8), false, true],
  ['two nets apart', net(0x0a010000n, 16), net(0x0a020000n, 16), false, false],
  ['the same', net(0x0a010000n, 16), net(0x0a010000n, 16), true, true],
  ['different fields', canonical(f('in_port', 1n)), canonical(f('eth_src', 1n)), false, true],
  ['one field more', canonical(f('in_port', 1n)), canonical(f('in_port', 1n), f('eth_src', 1n)), true, true],
  ['different protocols', canonical(ip), canonical(ip6), false, false],
  ['masks that cross', canonical(f('eth_dst', 1n, 3n)), canonical(f('eth_dst', 1n, 5n)), false, true],
  ['masks that cross, apart', canonical(f('eth_dst', 1n, 3n)), canonical(f('eth_dst', 0n, 5n)), false, false],
  ['later field decides', canonical(f('in_port', 1n), ip), canonical(f('eth_src', 9n), ip6), false, false],
]
for (const [what, a, b, subsumes, overlaps] of relations) {
  test(`${what}: ${subsumes ? 'subsumed' : 'not subsumed'}, ${overlaps ? 'overlap' : 'apart'}`, () => {
    assert.equal(matchSubsumes(a, b), subsumes)
    assert.equal(matchOverlaps(a, b), overlaps)
    assert.equal(matchOverlaps(b, a), overlaps)
  })
}

test('relations agree with a count over all packets of two small fields', () => {
  const all = Array.from({ length: 64 }, (_, packet) => [BigInt(packet >> 3), BigInt(packet & 7)] as const)
  const matches: Match[] = []
  for (const mask of [0n, 1n, 6n, 7n]) {
    for (const value of [0n, 1n, 6n]) if ((value & ~mask) === 0n) for (const other of [null, 0n, 5n]) matches.push(canonical(f('metadata', value, mask), ...other === null ? [] : [f('tunnel_id', other, 7n)]))
  }
  const hit = (match: Match, [metadata, tunnel]: readonly [bigint, bigint]): boolean =>
    match.every(({ field, value, mask }) => ((field === 'metadata' ? metadata : tunnel) & (mask ?? 7n)) === value)
  for (const a of matches) {
    for (const b of matches) {
      assert.equal(matchSubsumes(a, b), all.every((packet) => !hit(b, packet) || hit(a, packet)), `${formatMatch(a)} ⊇ ${formatMatch(b)}`)
      assert.equal(matchOverlaps(a, b), all.some((packet) => hit(a, packet) && hit(b, packet)), `${formatMatch(a)} ∩ ${formatMatch(b)}`)
    }
  }
})

test('the field table is complete and in order', () => {
  assert.deepEqual(OXM_FIELDS.map(({ number }) => number), [...Array.from({ length: 40 }, (_, index) => index), 41, 42, 43, 44])
})
