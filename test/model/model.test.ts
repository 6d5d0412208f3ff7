/** The model itself, against cases worked out by hand from the text. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Group, NO_INSTRUCTIONS, Port, type Action, type FieldValue, type Instructions, type MeterBand, type OxmName } from '../../src/openflow/index.js'
import { hex } from '../support/switch-rig.js'
import { raisedPrecedence } from './meters.js'
import { valueOf } from './fields.js'
import { parse } from './headers.js'
import * as rewrite from './rewrite.js'
import { after as afterEvent, type FlowEvent } from './events.js'
import { hostKey } from './normal.js'
import { inSetOrder, outcomes, type ModelBucket, type ModelFlow, type ModelGroup, type ModelSwitch, type Outcome } from './switch.js'

const text = (frame: Uint8Array): string => Buffer.from(frame).toString('hex')
const pipeline = { inPort: 1, metadata: 0n, tunnelId: 0n }
const read = (frame: Uint8Array, field: OxmName): bigint => valueOf(frame, parse(frame), pipeline, field)
const addresses = '020000000002020000000001'
// UDP 10.0.0.1:1000 → 10.0.0.2:2000, TTL 64, both checksums right
const ip = '45000020000000004011 66cb 0a0000010a000002 03e807d0000c 33e2 deadbeef'.replaceAll(' ', '')
const udp = hex(`${addresses}0800${ip}`)

describe('the model reads', () => {
  const cases: readonly { name: string; frame: string; fields: Partial<Record<OxmName, bigint>> }[] = [
    { name: 'the type behind all tags, and the outermost tag', frame: `${addresses}88a8a0058100c0070800${ip}`, fields: { eth_type: 0x800n, vlan_vid: 0x1005n, vlan_pcp: 5n, udp_dst: 2000n } },
    { name: 'nothing below a label', frame: `${addresses}884700010b40${ip}`, fields: { eth_type: 0x8847n, mpls_label: 16n, mpls_tc: 5n, mpls_bos: 1n, ip_proto: 0n, ipv4_src: 0n } },
    { name: 'nothing inside a service tag', frame: `${addresses}88e7a0001234${addresses}0800${ip}`, fields: { eth_type: 0x88e7n, pbb_isid: 0x1234n, ip_proto: 0n } },
    { name: 'no ports of a fragment', frame: `${addresses}0800${ip.replace('0020000000004011', '0020000020004011')}`, fields: { ip_proto: 17n, udp_src: 0n } },
    { name: 'no IP header that is longer than the frame', frame: `${addresses}0800${ip.slice(0, -8)}`, fields: { eth_type: 0x800n, ip_proto: 0n, ipv4_dst: 0n } },
    { name: 'a SNAP header', frame: `${addresses}0028aaaa030000000800${ip}`, fields: { eth_type: 0x800n, udp_src: 1000n } },
    { name: 'a length without a type', frame: `${addresses}0003424203`, fields: { eth_type: 0x5ffn } },
  ]
  for (const { name, frame, fields } of cases)
    it(name, () => { for (const [field, value] of Object.entries(fields)) assert.equal(read(hex(frame), field as OxmName), value, field) })

  const chain = (...kinds: readonly number[]): Uint8Array => {
    const headers = kinds.map((kind, i) => {
      const next = (kinds[i + 1] ?? 59).toString(16).padStart(2, '0')
      return kind === 51 ? `${next}04${'00'.repeat(22)}` : `${next}00${'00'.repeat(6)}`
    }).join('')
    const length = (headers.length / 2).toString(16).padStart(4, '0')
    return hex(`${addresses}86dd60000000${length}${(kinds[0] ?? 59).toString(16).padStart(2, '0')}40${'20010db8'.repeat(8)}${headers}`)
  }
  // OF 1.3.5 §7.2.3.8: NONEXT 1, ESP 2, AUTH 4, DEST 8, FRAG 16, ROUTER 32, HOP 64, UNREP 128, UNSEQ 256
  const chains: readonly { name: string; kinds: readonly number[]; bits: bigint }[] = [
    { name: 'no header', kinds: [], bits: 1n },
    { name: 'all in order', kinds: [0, 60, 43, 44, 51, 60], bits: 1n | 64n | 8n | 32n | 16n | 4n },
    { name: 'a header twice', kinds: [43, 43], bits: 1n | 32n | 128n },
    { name: 'destination options three times', kinds: [60, 43, 60, 60], bits: 1n | 8n | 32n | 128n },
    { name: 'routing behind fragment', kinds: [44, 43], bits: 1n | 16n | 32n | 256n },
    { name: 'hop-by-hop that is not first', kinds: [43, 0], bits: 1n | 32n | 256n },
  ]
  for (const { name, kinds, bits } of chains)
    it(`extension headers: ${name}`, () => { assert.equal(read(chain(...kinds), 'ipv6_exthdr'), bits) })
})

describe('the model rewrites', () => {
  const cases: readonly { name: string; change: (frame: Uint8Array) => Uint8Array; from?: string; to: string }[] = [
    { name: 'an address with both checksums', change: (frame) => rewrite.setField(frame, 'ipv4_dst', 0x0a000003n), to: `${addresses}080045000020000000004011${'66ca'}0a0000010a00000303e807d0000c33e1deadbeef` },
    { name: 'a tag in front of a tag', change: (frame) => rewrite.pushVlan(frame, 0x88a8), from: `${addresses}8100f0650800${ip}`, to: `${addresses}88a8e0658100f0650800${ip}` },
    { name: 'the first label, with the TTL of IP', change: (frame) => rewrite.pushMpls(frame, 0x8847), to: `${addresses}884700000140${ip}` },
    { name: 'a label in front of a label', change: (frame) => rewrite.pushMpls(frame, 0x8848), from: `${addresses}884700010b40${ip}`, to: `${addresses}884800010a4000010b40${ip}` },
    { name: 'a service tag', change: (frame) => rewrite.pushPbb(frame, 0x88e7), from: `${addresses}8100a0050800${ip}`, to: `${addresses}88e7a0000000${addresses}8100a0050800${ip}` },
    { name: 'a service tag away', change: rewrite.popPbb, from: `ffffffffffff0e000000000188e7a0001234${addresses}0800${ip}`, to: `${addresses}0800${ip}` },
    { name: 'a TTL out of IP into the label', change: rewrite.copyTtlOut, from: `${addresses}884700010b07${ip}`, to: `${addresses}884700010b40${ip}` },
    { name: 'a TTL into IP, with its checksum', change: rewrite.copyTtlIn, from: `${addresses}884700010b3f${ip}`, to: `${addresses}884700010b3f${ip.replace('401166cb', '3f1167cb')}` },
    { name: 'nothing where the header is missing', change: (frame) => rewrite.popMpls(rewrite.setField(frame, 'tcp_dst', 1n), 0x800), to: text(udp) },
  ]
  for (const { name, change, from, to } of cases) it(name, () => { assert.equal(text(change(from === undefined ? udp : hex(from))), to) })
})

const ports = [1, 2, 3, 4].map((portNo) => ({ portNo, config: 0, linkUp: true }))
const flow = (tableId: number, priority: number, match: readonly FieldValue[], instructions: Partial<Instructions>): ModelFlow =>
  ({ tableId, priority, match, cookie: BigInt(priority), instructions: { ...NO_INSTRUCTIONS, ...instructions } })
const output = (port: number): Action => ({ type: 'output', port, maxLen: 0 })
const setSource = (value: bigint): Action => ({ type: 'set_field', field: 'eth_src', value, mask: null })
const bucket = (weight: number, watchPort: number, ...actions: readonly Action[]): ModelBucket => ({ weight, watchPort, watchGroup: Group.ANY, actions })
const run = (sw: Partial<ModelSwitch>): Outcome[] => outcomes({ ports, groups: [], flows: [], ...sw }, 1, udp) ?? []
const portsOf = (outcome: Outcome | undefined): number[] => (outcome?.sent ?? []).map(({ port }) => port)

describe('the model switches', () => {
  it('by the highest priority, and drops without a flow, whatever is in the action set', () => {
    assert.deepEqual(portsOf(run({ flows: [flow(0, 1, [], { apply: [output(2)] }), flow(0, 9, [], { apply: [output(3)] })] })[0]), [3])
    assert.deepEqual(portsOf(run({ flows: [flow(0, 1, [], { write: [output(2)], gotoTable: 1 })] })[0]), [])
  })

  it('an action set in the order of the text, whatever the order in which it was written', () => {
    const set: Action[] = [output(2), { type: 'set_queue', queueId: 1 }, setSource(5n), { type: 'dec_nw_ttl' }, { type: 'push_vlan', ethertype: 0x8100 }, { type: 'pop_vlan' }, { type: 'copy_ttl_in' }, setSource(6n)]
    assert.deepEqual(inSetOrder(set).map(({ type }) => type), ['copy_ttl_in', 'pop_vlan', 'push_vlan', 'dec_nw_ttl', 'set_field', 'set_queue', 'output'])
    assert.deepEqual(inSetOrder([output(2), { type: 'group', groupId: 1 }]).map(({ type }) => type), ['group'])
    assert.equal(text(run({ flows: [flow(0, 1, [], { write: [setSource(5n), output(2)], gotoTable: 1 }), flow(1, 1, [], { write: [setSource(6n)] })] })[0]?.sent[0]?.frame ?? udp).slice(12, 24), '000000000006')
  })

  it('never back through the ingress port, unless told so', () => {
    assert.deepEqual(portsOf(run({ flows: [flow(0, 1, [], { apply: [output(1), output(Port.ALL), output(Port.IN_PORT)] })] })[0]), [2, 3, 4, 1])
  })

  it('groups with a copy for each bucket, as it came to the group', () => {
    const groups: ModelGroup[] = [{ groupId: 1, groupType: 'all', buckets: [bucket(0, Port.ANY, setSource(5n), output(2)), bucket(0, Port.ANY, output(3))] }]
    const [outcome] = run({ groups, flows: [flow(0, 1, [], { apply: [{ type: 'group', groupId: 1 }, output(4)] })] })
    assert.deepEqual(outcome?.sent.map(({ port, frame }) => `${port} ${text(frame).slice(12, 24)}`), ['2 000000000005', '3 020000000001', '4 020000000001'])
  })

  it('SELECT groups to any live bucket with a weight, FAST_FAILOVER groups to the first live one', () => {
    const buckets = [bucket(1, 2, output(2)), bucket(0, Port.ANY, output(1)), bucket(2, 3, output(3)), bucket(1, Port.ANY, output(4))]
    const flows = [flow(0, 1, [], { apply: [{ type: 'group', groupId: 1 }] })]
    const down = ports.map((port) => ({ ...port, linkUp: port.portNo !== 2 }))
    assert.deepEqual(run({ groups: [{ groupId: 1, groupType: 'select', buckets }], flows }).map((each) => portsOf(each)[0]).sort(), [2, 3, 4])
    assert.deepEqual(run({ groups: [{ groupId: 1, groupType: 'select', buckets }], flows, ports: down }).map((each) => portsOf(each)[0]).sort(), [3, 4])
    assert.deepEqual(portsOf(run({ groups: [{ groupId: 1, groupType: 'ff', buckets: [bucket(0, 2, output(2)), bucket(0, 3, output(3))] }], flows, ports: down })[0]), [3])
  })

  it('to the controller where a TTL has run out, and nothing after it', () => {
    const [outcome] = run({ flows: [flow(0, 7, [], { apply: [{ type: 'set_nw_ttl', ttl: 1 }, output(2), { type: 'dec_nw_ttl' }, output(3)], write: [output(4)] })] })
    assert.deepEqual([portsOf(outcome), outcome?.packetIns.map(({ reason, cookie }) => [reason, cookie])], [[2], [['invalid_ttl', 7n]]])
  })

  it('through a meter first: of the bands that are exceeded the first of the highest rate drops or remarks', () => {
    const band = (type: 'drop' | 'dscp_remark', rate: number, precLevel = 0): MeterBand => ({ type, rate, precLevel, burstSize: 0 })
    const through = (...bands: readonly MeterBand[]): Outcome | undefined => run({
      meters: [{ meterId: 5, flags: 2, bands }], flows: [flow(0, 1, [], { meter: 5, write: [output(2)], gotoTable: 1 }), flow(1, 1, [], {})] })[0]
    assert.deepEqual([portsOf(through()), portsOf(through(band('drop', 9))), portsOf(through(band('drop', 0)))], [[2], [2], []])
    const outcome = through(band('drop', 9), band('dscp_remark', 0, 1), band('drop', 0))
    assert.deepEqual([portsOf(outcome), outcome?.meters, outcome?.bands], [[2], [5], ['5/1']])
    assert.deepEqual([[10n, 1], [10n, 2], [14n, 1], [36n, 3], [0n, 1], [46n, 1], [8n, 1], [11n, 1]].map(([dscp, level]) => raisedPrecedence(BigInt(dscp!), Number(level))),
      [12n, 14n, 14n, 38n, 0n, 46n, 8n, 11n])
  })

  it('a packet-in of a table-miss flow says so, if the flow sends it itself', () => {
    const reasons = (instructions: Partial<Instructions>): string[] => (run({ flows: [flow(0, 0, [], instructions)] })[0]?.packetIns ?? []).map(({ reason }) => reason)
    assert.deepEqual([reasons({ apply: [output(Port.CONTROLLER)] }), reasons({ write: [output(Port.CONTROLLER)] })], [['no_match'], ['action']])
  })

  it('as an ordinary switch where it is told so, and learns where hosts are', () => {
    const hosts = (address: bigint, portNo: number): ModelSwitch['hosts'] => new Map([[hostKey(0, address), portNo]])
    const normal = (known?: ModelSwitch['hosts'], frame = udp): Outcome | undefined => outcomes({ ports, groups: [], flows: [flow(0, 1, [], { apply: [output(Port.NORMAL)] })], hosts: known ?? new Map() }, 1, frame)?.[0]
    assert.deepEqual([portsOf(normal()), normal()?.learned], [[2, 3, 4], [{ key: hostKey(0, 0x020000000001n), portNo: 1 }]])
    assert.deepEqual([portsOf(normal(hosts(0x020000000002n, 3))), portsOf(normal(hosts(0x020000000002n, 1)))], [[3], []])
    assert.deepEqual(normal(hosts(0x020000000001n, 1))?.learned, [])
    assert.deepEqual([portsOf(normal(undefined, hex(`0180c2000003020000000001${'0800'}`)))], [[]])
  })

  it('actions of 1.0 and 1.5: a tag is set where there is none, a queue is of one output, a field is set in part', () => {
    const apply: Action[] = [{ type: 'set_vlan_vid', vid: 5 }, { type: 'set_vlan_pcp', pcp: 1 }, { type: 'enqueue', port: 2, queueId: 7 }, { type: 'set_field', field: 'eth_src', value: 0x0fn, mask: 0xffn }, output(3)]
    const [outcome] = run({ flows: [flow(0, 1, [], { apply })] })
    assert.deepEqual(outcome?.sent.map(({ port, queueId, frame }) => [port, queueId, text(frame).slice(12, 32)]), [[2, 7, '02000000000181002005'], [3, null, '02000000000f81002005']])
  })

  it('what flow-mods and group-mods have left: a change keeps what was counted, a deletion takes flows of the group along', () => {
    const ipv4: FieldValue[] = [{ field: 'eth_type', value: 0x800n, mask: null }]
    const start: ModelSwitch = { ports, groups: [{ groupId: 1, groupType: 'all', buckets: [] }], flows: [flow(0, 1, ipv4, { apply: [output(2)] }), flow(0, 2, [], { apply: [{ type: 'group', groupId: 1 }] })] }
    const change = (command: FlowEvent['command'], match: FieldValue[], more: Partial<FlowEvent> = {}): ReturnType<typeof afterEvent> =>
      afterEvent(start, { kind: 'flow', command, tableId: 0, priority: 1, match, cookie: 0n, instructions: { ...NO_INSTRUCTIONS }, ...more })
    const left = ({ sw }: ReturnType<typeof afterEvent>): (number | null)[] => sw.flows.map(({ priority, instructions }) => (instructions.apply === null ? null : priority))
    assert.deepEqual([left(change('modify', ipv4)), left(change('modify', [])), left(change('modify_strict', [], { priority: 2 }))], [[null, 2], [null, null], [1, null]])
    assert.deepEqual([left(change('delete', ipv4)), left(change('delete', [], { outPort: 2 })), left(change('delete', [], { outGroup: 1 })), left(change('delete', [], { cookie: 2n, cookieMask: 2n }))], [[2], [2], [1], [1]])
    assert.deepEqual([change('modify', []).recount.flows.length, change('modify', [], { flags: 4 }).recount.flows.length, change('add', ipv4).recount.flows.length], [0, 2, 0])
    const deleted = afterEvent(start, { kind: 'group', command: 'delete', group: { groupId: 1, groupType: 'all', buckets: [] } })
    assert.deepEqual([deleted.sw.flows.map(({ priority }) => priority), deleted.recount.groups], [[1], [1]])
  })
})
