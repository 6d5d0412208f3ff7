/** What the vectors cannot show: splitting, and what a version cannot say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Action, type ErrorName, type FieldValue, type FlowMod, type FlowStats, type Instructions, type Message, type OxmName, type StatsReplyBody,
  BucketId, decodeMessage, encodeMessage, errorNumbers, formatInstructions, formatMatch, frameOf, NO_INSTRUCTIONS, Unencodable,
} from '../../../src/openflow/index.js'

const f = (field: OxmName, value: bigint, mask: bigint | null = null): FieldValue => ({ field, value, mask })
const flow = (more: Partial<FlowStats> = {}): FlowStats => ({
  tableId: 0, durationSec: 0, durationNsec: 0, priority: 1, idleTimeout: 0, hardTimeout: 0, flags: 0, importance: 0, cookie: 0n, packetCount: 0n, byteCount: 0n,
  match: [], instructions: NO_INSTRUCTIONS, ...more,
})
const mod = (more: Partial<FlowMod> = {}): FlowMod => ({
  type: 'flow_mod', command: 'add', tableId: 0, priority: 1, match: [], cookie: 0n, cookieMask: 0n, idleTimeout: 0, hardTimeout: 0, bufferId: 0xffffffff,
  outPort: 0xffffffff, outGroup: 0xffffffff, flags: 0, importance: 0, instructions: NO_INSTRUCTIONS, ...more,
})
const only = (message: Message, version: number): Message => {
  const [bytes, ...others] = encodeMessage(message, version, 1)
  assert.equal(others.length, 0)
  const result = decodeMessage(frameOf(bytes as Uint8Array), version)
  assert.ok(result.ok, result.ok ? '' : result.reason)
  return result.message
}

for (const version of [1, 4]) {
  test(`a long reply is split at whole items, in version ${version}`, () => {
    const flows = Array.from({ length: 3000 }, (_, index) => flow({ cookie: BigInt(index), match: [f('in_port', BigInt(index + 1))], ...version === 1 ? { instructions: { ...NO_INSTRUCTIONS, apply: [] } } : {} }))
    const messages = encodeMessage({ type: 'stats_reply', body: { kind: 'flow', flows } }, version, 77)
    assert.ok(messages.length > 2)
    const got: FlowStats[] = []
    messages.forEach((bytes, index) => {
      assert.ok(bytes.length <= 0xffff)
      const frame = frameOf(bytes)
      assert.equal(frame.xid, 77)
      const result = decodeMessage(frame, version)
      assert.ok(result.ok && result.message.type === 'stats_reply' && result.message.body.kind === 'flow')
      assert.equal(result.message.more === true, index < messages.length - 1)
      got.push(...result.message.body.flows)
    })
    assert.deepEqual(got, flows)
    assert.ok(messages.slice(0, -1).every((bytes) => bytes.length > 0xff00), 'messages are filled')
  })
}

test('an empty list is one message without REPLY_MORE', () => {
  assert.deepEqual(only({ type: 'stats_reply', body: { kind: 'flow', flows: [] } }, 4), { type: 'stats_reply', body: { kind: 'flow', flows: [] } })
})

test('a message longer than 64 KiB is Unencodable', () => {
  assert.throws(() => encodeMessage({ type: 'echo_request', data: new Uint8Array(0xfff8) }, 4, 1), Unencodable)
  assert.equal(encodeMessage({ type: 'echo_request', data: new Uint8Array(0xfff7) }, 4, 1)[0]?.length, 0xffff)
})

test('an error takes as much of the request as fits', () => {
  for (const name of ['OFPBRC_BAD_TYPE', 'OFPBIC_DUP_INST'] as const satisfies readonly ErrorName[]) {
    const bytes = encodeMessage({ type: 'error', name, data: new Uint8Array(0xffff).fill(9) }, 4, 1)[0] as Uint8Array
    assert.ok(bytes.length <= 0xffff && bytes.length > 0xffe0)
    const { type, code } = errorNumbers(name, 4)
    assert.deepEqual([...bytes.subarray(8, 12)], [type >> 8, type & 255, code >> 8, code & 255])
  }
})

const instructions = (more: Partial<Instructions>): Instructions => ({ ...NO_INSTRUCTIONS, ...more })
const list = (...apply: Action[]): Instructions => instructions({ apply })
const unencodable: readonly (readonly [string, number, Message, string])[] = [
  ['a group in 1.0', 1, { type: 'group_mod', command: 'add', groupType: 'all', groupId: 1, buckets: [], commandBucketId: BucketId.ALL }, '*'],
  ['group statistics in 1.0', 1, { type: 'stats_request', more: false, body: { kind: 'group', groupId: 1 } }, 'group'],
  ['a table in a 1.0 flow-mod', 1, mod({ tableId: 3 }), 'tableId'],
  ['a cookie mask in 1.0', 1, mod({ cookieMask: 1n }), 'cookieMask'],
  ['an output group in 1.0', 1, mod({ outGroup: 5 }), 'outGroup'],
  ['flags in 1.0', 1, mod({ flags: 8 }), 'flags'],
  ['a masked MAC in 1.0', 1, mod({ match: [f('eth_dst', 1n, 1n)] }), 'eth_dst'],
  ['a mask with holes in 1.0', 1, mod({ match: [f('eth_type', 0x800n), f('ipv4_dst', 1n, 0xff0000ffn)] }), 'ipv4_dst'],
  ['metadata in 1.0', 1, mod({ match: [f('metadata', 1n)] }), 'metadata'],
  ['any tag in 1.0', 1, mod({ match: [f('vlan_vid', 0x1000n, 0x1000n)] }), 'vlan_vid'],
  ['a meter in 1.0', 1, mod({ instructions: instructions({ meter: 1 }) }), 'meter'],
  ['write-actions in 1.0', 1, mod({ instructions: instructions({ write: [] }) }), 'write_actions'],
  ['push-vlan in 1.0', 1, mod({ instructions: list({ type: 'push_vlan', ethertype: 0x8100 }) }), 'push_vlan'],
  ['a port above 16 bits in 1.0', 1, mod({ instructions: list({ type: 'output', port: 70000, maxLen: 0 }) }), 'port'],
  ['a priority of 17 bits', 4, mod({ priority: 65536 }), 'priority'],
  ['a negative cookie', 4, mod({ cookie: -1n }), 'cookie'],
  ['a cookie of 65 bits', 4, mod({ cookie: 1n << 64n }), 'cookie'],
  ['an experimenter band', 4, { type: 'meter_mod', command: 'add', flags: 1, meterId: 1, bands: [{ type: 'experimenter', rate: 0, burstSize: 0, precLevel: 0 }] }, 'type'],
  ['a version without declarations', 7, mod(), '*'],
]
for (const [what, version, message, field] of unencodable) {
  test(`${what} is Unencodable`, () => {
    assert.throws(() => encodeMessage(message, version, 1), (error: unknown) => error instanceof Unencodable && error.field === field && error.version === version)
  })
}

/** A 1.3 flow as a 1.0 controller is told of it. */
function told(more: Partial<FlowStats>): { match: string; actions: string } {
  const message = only({ type: 'stats_reply', body: { kind: 'flow', flows: [flow(more)] } }, 1)
  assert.ok(message.type === 'stats_reply' && message.body.kind === 'flow')
  const [got] = message.body.flows
  return { match: formatMatch(got?.match ?? []), actions: formatInstructions(got?.instructions ?? NO_INSTRUCTIONS) }
}
const ip = f('eth_type', 0x800n)
const tellings: readonly (readonly [string, Partial<FlowStats>, string, string])[] = [
  ['goto-table and write-metadata', { instructions: instructions({ apply: [{ type: 'output', port: 1, maxLen: 0 }], gotoTable: 4, writeMetadata: { value: 1n, mask: 3n } }) }, '', 'output:1,write_metadata:0x1/0x3,goto_table:4'],
  ['instructions that 1.0 has no word for', { instructions: instructions({ meter: 1, clear: true, write: [{ type: 'group', groupId: 1 }] }) }, '', 'drop'],
  ['push-vlan and its id', { instructions: list({ type: 'push_vlan', ethertype: 0x8100 }, { type: 'set_field', field: 'vlan_vid', value: 0x1064n, mask: null }) }, '', 'mod_vlan_vid:100'],
  ['TTL', { instructions: list({ type: 'dec_nw_ttl' }, { type: 'set_nw_ttl', ttl: 3 }) }, '', 'dec_ttl,mod_nw_ttl:3'],
  ['a field 1.0 cannot set', { instructions: list({ type: 'set_field', field: 'ipv6_dst', value: 1n, mask: null }) }, '', 'set_field:::1->ipv6_dst'],
  ['part of a field', { instructions: list({ type: 'set_field', field: 'eth_dst', value: 1n, mask: 0xffn }) }, '', 'set_field:00:00:00:00:00:01/00:00:00:00:00:ff->eth_dst'],
  ['fields 1.0 cannot match', { match: [f('metadata', 1n), f('eth_dst', 1n, 1n), ip, f('ipv4_dst', 0x0a000001n, 0xff0000ffn)] }, 'ip,nw_dst=10.0.0.0/8', 'drop'],
  ['any tag', { match: [f('vlan_vid', 0x1000n, 0x1000n)] }, '', 'drop'],
  ['no tag', { match: [f('vlan_vid', 0n)] }, 'vlan_tci=0x0000/0x1fff', 'drop'],
]
for (const [what, more, match, actions] of tellings) {
  test(`a 1.0 controller is told of ${what}`, () => assert.deepEqual(told(more), { match, actions }))
}

/** A flow of another version as a 1.3 controller is told of it. */
const upward: readonly (readonly [string, readonly FieldValue[], readonly Action[], string])[] = [
  ['a tag of an untagged packet', [], [{ type: 'set_vlan_vid', vid: 5 }, { type: 'set_vlan_pcp', pcp: 3 }], 'push_vlan:0x8100,set_field:4101->vlan_vid,set_field:3->vlan_pcp'],
  ['a tag of a tagged packet', [f('vlan_vid', 0x1001n)], [{ type: 'set_vlan_vid', vid: 5 }], 'set_field:4101->vlan_vid'],
  ['a tag after the tag is taken away', [f('vlan_vid', 0x1001n)], [{ type: 'pop_vlan' }, { type: 'set_vlan_vid', vid: 5 }], 'pop_vlan,push_vlan:0x8100,set_field:4101->vlan_vid'],
  ['enqueue', [], [{ type: 'enqueue', port: 1, queueId: 2 }], 'set_queue:2,output:1'],
  ['a meter action behind another', [], [{ type: 'set_field', field: 'eth_dst', value: 1n, mask: null }, { type: 'meter', meterId: 3 }, { type: 'output', port: 1, maxLen: 0 }], 'meter:3,set_field:00:00:00:00:00:01->eth_dst,output:1'],
]
for (const [what, match, apply, expected] of upward) {
  test(`a 1.3 controller is told of ${what}`, () => {
    const message = only({ type: 'stats_reply', body: { kind: 'flow', flows: [flow({ match, instructions: list(...apply) })] } }, 4)
    assert.ok(message.type === 'stats_reply' && message.body.kind === 'flow')
    assert.equal(formatInstructions(message.body.flows[0]?.instructions ?? NO_INSTRUCTIONS), expected)
  })
}

test('a transport port set without a protocol in the match is set in whichever header there is', () => {
  const set = (match: readonly FieldValue[], ...fields: OxmName[]): void => {
    const apply = fields.map((field): Action => ({ type: 'set_field', field, value: 80n, mask: null }))
    const message = only(mod({ match, instructions: list(...apply) }), 1)
    assert.deepEqual(message.type === 'flow_mod' && message.instructions.apply, apply)
  }
  set([], 'tcp_src', 'udp_src')
  set([ip, f('ip_proto', 17n)], 'udp_src')
  set([ip, f('ip_proto', 132n)], 'sctp_dst')
  // One action on the wire: 72 bytes of fixed part and 8 of it.
  assert.equal(encodeMessage(mod({ instructions: list({ type: 'set_field', field: 'tcp_src', value: 1n, mask: null }, { type: 'set_field', field: 'udp_src', value: 1n, mask: null }) }), 1, 1)[0]?.length, 80)
})

test('values that versions put elsewhere', () => {
  const ports: StatsReplyBody = { kind: 'port', ports: [] }
  assert.deepEqual(only({ type: 'stats_reply', body: ports }, 1), { type: 'stats_reply', body: ports })
  const features = only({ type: 'features_reply', datapathId: 1n, nBuffers: 0, nTables: 1, auxiliaryId: 0, capabilities: 0x14f, ports: [], actions: ['output', 'set_field'] }, 1)
  assert.ok(features.type === 'features_reply')
  assert.equal(features.capabilities, 0x47, 'group statistics are not spanning tree')
  assert.deepEqual(features.actions, ['output', 'set_field'])
})

for (const [name, wire, model] of [['learning', 0x100, 2], ['forwarding', 0x200, 0], ['blocked', 0x300, 2], ['listening', 0, 0], ['down', 1, 1]] as const) {
  test(`a 1.0 port that is ${name} has state ${model}`, () => {
    const port = { portNo: 1, hwAddr: 1n, name: 'p', config: 0, state: model, curr: 0, advertised: 0, supported: 0, peer: 0, currSpeed: 0, maxSpeed: 0, properties: [] }
    const bytes = encodeMessage({ type: 'port_status', reason: 'add', port }, 1, 1)[0] as Uint8Array
    const at = 8 + 8 + 28
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    assert.equal(view.getUint32(at), model === 2 ? 0x300 : model)
    view.setUint32(at, wire)
    const result = decodeMessage(frameOf(bytes), 1)
    assert.equal(result.ok && result.message.type === 'port_status' && result.message.port.state, model)
  })
}
