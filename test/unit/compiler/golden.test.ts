/** What flows and groups become in the full pipeline and in the small one, as text to be read: test/golden/compiler.*.expected. */
import { test } from 'node:test'
import type { Compiler } from '../../../src/compiler/index.js'
import type { Change } from '../../../src/datapath/pipeline.js'
import { MeterFlag, Port } from '../../../src/openflow/model.js'
import { bucket, compilerFor, exact, flow, meter, output, planText, setField, setPorts } from '../../support/compiler-rig.js'
import { assertGolden } from '../../support/golden.js'

const ip = exact('eth_type', 0x800n)
const vlan100 = exact('vlan_vid', 0x1064n)
const group = (groupId: number, ...buckets: readonly ReturnType<typeof bucket>[]) => ({ groupId, groupType: 'all' as const, buckets })

const cases: readonly (readonly [string, readonly Change[]])[] = [
  ['ports, and what every target needs', [setPorts()]],
  ['push a tag and go on', [{ op: 'add_flow', flow: flow(1, 0, [exact('in_port', 1n)], { apply: [{ type: 'push_vlan', ethertype: 0x8100 }, setField('vlan_vid', 0x1064n)], gotoTable: 1 }) }]],
  ['tagged copies, then untagged ones', [{ op: 'add_flow', flow: flow(2, 2, [vlan100], { apply: [output(1), output(2), { type: 'pop_vlan' }, output(3), output(4)] }) }]],
  ['to the controller and on to the next table', [{ op: 'add_flow', flow: flow(3, 1, [], { apply: [output(Port.CONTROLLER, 96)], gotoTable: 2 }) }]],
  ['a router: the TTL is checked before anything is changed', [{ op: 'add_flow', flow: flow(4, 0, [ip], { apply: [setField('eth_src', 1n), { type: 'dec_nw_ttl' }, setField('eth_dst', 2n), output(2)] }) }]],
  ['a decrement after an output is a pass of its own', [{ op: 'add_flow', flow: flow(5, 0, [ip, vlan100], { apply: [output(1), { type: 'dec_nw_ttl' }, output(2)] }) }]],
  ['flood', [{ op: 'add_flow', flow: flow(6, 0, [], { apply: [output(Port.FLOOD)] }, { priority: 0 }) }]],
  ['in port, known and not', [
    { op: 'add_flow', flow: flow(7, 0, [exact('in_port', 3n)], { apply: [output(1), output(Port.IN_PORT)] }) },
    { op: 'add_flow', flow: flow(8, 0, [exact('eth_dst', 5n)], { apply: [output(1), output(Port.IN_PORT)] }) },
    { op: 'add_flow', flow: flow(9, 0, [exact('eth_dst', 6n)], { apply: [output(Port.IN_PORT)] }) },
  ]],
  ['a group and a flow that uses it', [
    { op: 'add_group', group: group(7, bucket({ type: 'pop_vlan' }, output(1)), bucket(output(2))) },
    { op: 'add_flow', flow: flow(10, 0, [exact('eth_dst', 7n)], { apply: [{ type: 'group', groupId: 7 }] }) },
  ]],
  ['a group inside a list, which goes on', [{ op: 'add_flow', flow: flow(11, 0, [exact('eth_dst', 8n)], { apply: [{ type: 'group', groupId: 7 }, setField('eth_dst', 9n), output(3)], gotoTable: 3 }) }]],
  ['a changed group changes no flow', [{ op: 'modify_group', group: group(7, bucket(output(4)), bucket()), previous: group(7) }]],
  ['the first write-actions', [{ op: 'add_flow', flow: flow(12, 0, [exact('eth_dst', 10n)], { write: [output(2), setField('eth_dst', 3n), { type: 'push_vlan', ethertype: 0x88a8 }], writeMetadata: { value: 5n, mask: 0xffn }, gotoTable: 2 }) }]],
  ['clear-actions and a write of only an output', [{ op: 'add_flow', flow: flow(13, 1, [exact('eth_dst', 10n)], { clear: true, write: [output(1)] }) }]],
  ['1.0 tagging, stacked tags', [
    { op: 'add_flow', flow: flow(14, 0, [exact('eth_dst', 11n)], { apply: [{ type: 'set_vlan_vid', vid: 5 }, { type: 'set_vlan_pcp', pcp: 3 }, output(1)] }) },
    { op: 'add_flow', flow: flow(15, 0, [exact('eth_dst', 12n)], { apply: [{ type: 'push_vlan', ethertype: 0x8100 }, setField('vlan_vid', 0x1005n), { type: 'push_vlan', ethertype: 0x88a8 }, setField('vlan_vid', 0x1006n), output(1)] }) },
  ]],
  ['a SELECT group cuts the hash by weight', [{ op: 'add_group', group: { groupId: 20, groupType: 'select', buckets: [
    { ...bucket(output(1)), weight: 1 }, { ...bucket(setField('eth_dst', 1n), output(2)), weight: 3, watchPort: 2 }] } }]],
  ['a FAST_FAILOVER group, in a list too', [
    { op: 'add_group', group: { groupId: 21, groupType: 'ff', buckets: [{ ...bucket(output(1)), watchPort: 1 }, { ...bucket(output(2)), watchGroup: 20 }] } },
    { op: 'add_flow', flow: flow(17, 2, [exact('eth_dst', 20n)], { apply: [{ type: 'group', groupId: 21 }] }) },
    { op: 'add_flow', flow: flow(18, 2, [exact('eth_dst', 21n)], { apply: [output(3), { type: 'group', groupId: 21 }], gotoTable: 3 }) },
  ]],
  ['a port goes down: one write for failover, new shares for SELECT', [
    { op: 'set_ports', ports: [1, 2, 3, 4, 5].map((portNo) => ({ portNo, config: 0, linkUp: portNo !== 2 })) }]],
  ['a meter, and flows of two tables that share it', [
    { op: 'add_meter', meter: meter(1000, MeterFlag.BURST, { rate: 1000, burstSize: 100 }, { type: 'dscp_remark', rate: 500, burstSize: 50, precLevel: 1 }) },
    { op: 'add_flow', flow: flow(20, 0, [exact('eth_dst', 30n)], { meter: 1000, apply: [output(2)] }) },
    { op: 'add_flow', flow: flow(21, 1, [exact('eth_dst', 30n)], { meter: 1000, gotoTable: 2 }) },
    { op: 'add_flow', flow: flow(22, 1, [exact('eth_dst', 31n)], { meter: 1000 }) },
  ]],
  ...[output(1), setField('ip_dscp', 1n), { type: 'push_vlan', ethertype: 0x8100 } as const, { type: 'meter', meterId: 1000 } as const].map((before): readonly [string, Change[]] =>
    [`a meter action behind ${before.type}`, [{ op: 'add_flow', flow: flow(61, 0, [exact('eth_dst', 33n)], { apply: [before, { type: 'meter', meterId: 1000 }, output(2)] }) }]]),
  ['a changed meter changes no flow', [{
    op: 'modify_meter', previous: meter(1000, 0), meter: meter(1000, MeterFlag.PKTPS, { rate: 30 }, { rate: 10 }, { rate: 20, type: 'dscp_remark' }) }]],
  ['a meter that is deleted, with its flows', [
    { op: 'delete_flow', flow: flow(20, 0, [], {}), wantCounters: false }, { op: 'delete_flow', flow: flow(21, 1, [], {}), wantCounters: false },
    { op: 'delete_flow', flow: flow(22, 1, [], {}), wantCounters: false }, { op: 'delete_meter', meter: meter(1000, 0) }]],
  ['a meter action behind what it does not see', [
    { op: 'add_meter', meter: meter(7, 0, { rate: 1000 }) },
    { op: 'add_flow', flow: flow(60, 0, [exact('eth_dst', 32n)], { apply: [setField('eth_dst', 9n), { type: 'note', data: new Uint8Array(6) }, { type: 'meter', meterId: 7 }, output(2)] }) },
  ]],
  ['the meter of packet-ins', [{ op: 'add_meter', meter: meter(0xfffffffe, MeterFlag.PKTPS, { rate: 100 }) }]],
  ['limits of meters', [{ op: 'add_meter', meter: meter(1, MeterFlag.BURST, { rate: 1, burstSize: 40_000_000 }) }]],
  ['a flow without its meter', [{ op: 'add_flow', flow: flow(23, 0, [], { meter: 1 }) }]],
  ['misses to the controller', [{ op: 'set_miss', toController: true, tables: new Map() }]],
  ['misses as tables of 1.1 are told', [{ op: 'set_miss', toController: true, tables: new Map([[0, 'continue'], [1, 'drop'], [2, 'controller']]) }]],
  ['a flow is deleted with all that only it used', [{ op: 'delete_flow', flow: flow(11, 0, [], {}), wantCounters: true }]],
  ['what is not supported', [{ op: 'add_flow', flow: flow(16, 0, [], { apply: [output(Port.NORMAL)] }) }]],
]

for (const pipeline of ['ofswitchd', 'examples/l2'] as const) {
  test(`plans for ${pipeline}`, () => {
    const compiler = compilerFor(pipeline)
    const text = cases.map(([title, changes]) => `# ${title}\n${planOrNothing(compiler, changes)}`).join('\n')
    assertGolden(`compiler.${pipeline.replace('examples/', '')}.expected`, text)
  })
}

/** What an earlier case could not install is not changed or deleted. */
function planOrNothing(compiler: Compiler, changes: readonly Change[]): string {
  const absent = changes.some((change) => change.op === 'delete_flow' ? compiler.entryOf(change.flow.id) === null
    : change.op === 'modify_meter' && compiler.meterCells(change.meter.meterId) === null)
  if (absent) return 'not installed\n'
  const plan = compiler.plan(changes)
  if (!plan.refused) compiler.committed(plan)
  return planText(plan)
}
