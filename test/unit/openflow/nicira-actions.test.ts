/** Open vSwitch's extension actions that say what the model has a word for, in 1.0 and in 1.3. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_BUFFER, Port, decodeMessage, encodeMessage, frameOf } from '../../../src/openflow/index.js'
import type { Action } from '../../../src/openflow/index.js'

/** A packet-out with one action. */
function carried(version: number, action: string): Action | string {
  const bytes = Buffer.from(action.replace(/\s+/g, ''), 'hex')
  const head = version === 1 ? Buffer.alloc(16) : Buffer.alloc(24)
  head.writeUInt8(version, 0)
  head.writeUInt8(13, 1)
  head.writeUInt16BE(head.length + bytes.length, 2)
  head.writeUInt32BE(NO_BUFFER, 8)
  if (version === 1) head.writeUInt16BE(1, 12)
  else head.writeUInt32BE(1, 12)
  head.writeUInt16BE(bytes.length, version === 1 ? 14 : 16)
  const decoded = decodeMessage(frameOf(new Uint8Array(Buffer.concat([head, bytes]))), version)
  if (!decoded.ok) return decoded.error
  return decoded.message.type === 'packet_out' ? decoded.message.actions[0] ?? 'none' : 'another message'
}

const set = (field: 'tunnel_id' | 'eth_dst' | 'ip_dscp' | 'ipv4_src' | 'metadata', value: bigint, mask: bigint | null = null): Action => ({ type: 'set_field', field, value, mask })
type Field = Extract<Action, { type: 'set_field' }>['field']
const load = (field: Field, value: bigint, mask: bigint | null = null): Action => ({ type: 'set_field', field, value, mask, load: true })
const move = (bits: number, src: Field, srcOffset: number, dst: Field, dstOffset: number): Action => ({ type: 'copy_field', bits, srcOffset, dstOffset, src, dst })
const cases: readonly (readonly [string, string, Action | string | null])[] = [
  ['set_tunnel', 'ffff0010 00002320 0002 0000 00000005', set('tunnel_id', 5n)],
  ['set_tunnel64', 'ffff0018 00002320 0009 000000000000 0000000100000005', set('tunnel_id', 0x100000005n)],
  ['load of a whole field', 'ffff0018 00002320 0007 002f 00000206 0000020000000001', load('eth_dst', 0x020000000001n)],
  ['load of a part of a field', 'ffff0018 00002320 0007 0207 00000206 00000000000000ab', load('eth_dst', 0xab00n, 0xff00n)],
  ['load of a DSCP', 'ffff0018 00002320 0007 0085 00000a01 000000000000002e', set('ip_dscp', 46n)],
  ['load of a TTL', 'ffff0018 00002320 0007 0007 00013a01 0000000000000040', { type: 'set_nw_ttl', ttl: 64 }],
  ['load of too much', 'ffff0018 00002320 0007 0007 00000206 0000000000000100', 'OFPBAC_BAD_ARGUMENT'],
  ['load beyond the field', 'ffff0018 00002320 0007 0a2f 00000206 0000000000000001', 'OFPBAC_BAD_SET_LEN'],
  ['load of metadata', 'ffff0018 00002320 0007 003f 80000408 0000000000000007', load('metadata', 7n)],
  ['load of a VLAN id', 'ffff0018 00002320 0007 000b 80000c02 0000000000000007', load('vlan_vid', 0x1007n)],
  ['load of bits of a VLAN id', 'ffff0018 00002320 0007 0083 80000c02 0000000000000003', load('vlan_vid', 0x100cn, 0x103cn)],
  ['move', 'ffff0018 00002320 0006 0010 0008 0010 00000406 00000206', move(16, 'eth_src', 8, 'eth_dst', 16)],
  ['move in words of OXM', 'ffff0018 00002320 0006 0030 0000 0000 80000806 80000606', move(48, 'eth_src', 0, 'eth_dst', 0)],
  ['move to metadata', 'ffff0018 00002320 0006 0020 0000 0020 80000004 80000408', move(32, 'in_port', 0, 'metadata', 32)],
  ['move of more than there is', 'ffff0018 00002320 0006 0030 0001 0000 00000406 00000206', 'OFPBAC_BAD_SET_LEN'],
  ['move of nothing', 'ffff0018 00002320 0006 0000 0000 0000 00000406 00000206', 'OFPBAC_BAD_SET_LEN'],
  ['move to where a packet came in', 'ffff0018 00002320 0006 0010 0000 0000 00000406 80000004', 'OFPBAC_BAD_SET_ARGUMENT'],
  ['move to a register', 'ffff0018 00002320 0006 0020 0000 0000 00000406 00010004', null],
  ['load of a register', 'ffff0018 00002320 0007 001f 00010004 0000000000000001', null],
  ['note', 'ffff0010 00002320 0008 112233445566', { type: 'note', data: Uint8Array.of(0x11, 0x22, 0x33, 0x44, 0x55, 0x66) }],
  ['controller', 'ffff0010 00002320 0014 0080 0000 01 00', { type: 'output', port: Port.CONTROLLER, maxLen: 128 }],
  ['controller with an id', 'ffff0010 00002320 0014 0080 0007 01 00', { type: 'controller', maxLen: 128, controllerId: 7, reason: 'action' }],
  ['controller with a reason', 'ffff0010 00002320 0014 ffff 0000 02 00', { type: 'controller', maxLen: 0xffff, controllerId: 0, reason: 'invalid_ttl' }],
  ['controller with no reason there is', 'ffff0010 00002320 0014 ffff 0000 09 00', 'OFPBAC_BAD_ARGUMENT'],
  ['dec_ttl for one controller', 'ffff0018 00002320 0015 0001 00000000 0000 000000000000', { type: 'dec_nw_ttl' }],
  ['dec_ttl for another', 'ffff0018 00002320 0015 0001 00000000 0007 000000000000', null],
]
for (const [name, hex, expected] of cases)
  for (const version of [1, 4])
    test(`${name} in 1.${version - 1}`, () => {
      const action = carried(version, hex)
      if (expected === null) assert.equal(typeof action === 'object' && action.type, 'experimenter', 'stays opaque')
      else assert.deepEqual(action, expected)
    })

for (const [name, hex, version] of [
  ...cases.flatMap(([name, hex]) => (/^(load of (metadata|a VLAN id|bits)|move( to metadata)?$)/.test(name) ? [[name, hex, 1] as const] : [])),
  ['copy of the ONF', 'ffff0020 4f4e4600 0c80 0000 0010 0008 0010 0000 80000806 80000606 00000000', 4] as const,
])
  test(`${name} is told as it came`, () => {
    const action = carried(version, hex)
    assert.ok(typeof action === 'object')
    const [bytes] = encodeMessage({ type: 'packet_out', bufferId: NO_BUFFER, inPort: 1, match: [], actions: [action], data: new Uint8Array() }, version, 1)
    assert.ok(Buffer.from(bytes ?? []).toString('hex').endsWith(hex.replaceAll(' ', '')), Buffer.from(bytes ?? []).toString('hex'))
  })

test('a field set in part is told in 1.3 in these words, and read back', () => {
  const action = set('eth_dst', 0xab00n, 0xff00n)
  const [bytes] = encodeMessage({ type: 'packet_out', bufferId: NO_BUFFER, inPort: 1, match: [], actions: [action], data: new Uint8Array() }, 4, 1)
  assert.ok(bytes)
  const decoded = decodeMessage(frameOf(bytes), 4)
  assert.deepEqual(decoded.ok && decoded.message.type === 'packet_out' && decoded.message.actions, [action])
  assert.match(Buffer.from(bytes).toString('hex'), /ffff00200000232000218000070c/)
})
