import assert from 'node:assert/strict'
import { test } from 'node:test'
import { P4InfoError, P4InfoIndex } from '../../../src/p4info/index.js'

const sample = `
pkg_info {
  name: "sample" version: "2" arch: "v1model"
  structured_annotations { name: "of" kv_pair_list { kv_pairs { key: "tables" value { int64_value: 0 } } kv_pairs { key: "on" value { bool_value: false } } } }
  platform_properties { multicast_group_table_size: 4096 }
}
tables {
  preamble {
    id: 33554433 name: "ingress.flow" alias: "flow"
    annotations: "@hidden" annotations: "@refers_to(a , b)" annotations: "@refers_to(c)"
    structured_annotations { name: "of_table" kv_pair_list { kv_pairs { key: "number" value { int64_value: 3 } } kv_pairs { key: "name" value { string_value: "" } } } }
  }
  match_fields { id: 1 name: "meta.in_port" bitwidth: 9 match_type: EXACT structured_annotations { name: "of_field" expression_list { expressions { string_value: "in_port" } } } }
  match_fields { id: 2 name: "hdr.ipv4.dst" bitwidth: 32 match_type: LPM }
  match_fields { id: 3 name: "hdr.eth.dst" bitwidth: 48 match_type: TERNARY }
  match_fields { id: 4 name: "strange" bitwidth: 4 other_match_type: "fuzzy" }
  action_refs { id: 16777217 structured_annotations { name: "weight" expression_list { expressions { int64_value: -1 } } } }
  action_refs { id: 16777218 scope: DEFAULT_ONLY }
  const_default_action_id: 16777218
  direct_resource_ids: 318767361
  direct_resource_ids: 352321537
  implementation_id: 285212673
  size: 1024
  idle_timeout_behavior: NOTIFY_CONTROL
}
tables { preamble { id: 33554434 name: "egress.program" } match_fields { id: 1 name: "id" bitwidth: 16 match_type: EXACT } size: 64 is_const_table: true }
actions { preamble { id: 16777217 name: "ingress.output" } params { id: 1 name: "port" bitwidth: 9 annotations: "@unit" } params { id: 2 name: "queue" bitwidth: 3 } }
actions { preamble { id: 16777218 name: "NoAction" } }
action_profiles { preamble { id: 285212673 name: "ingress.select" } table_ids: 33554433 with_selector: true size: 128 max_group_size: 16 }
direct_counters { preamble { id: 318767361 name: "ingress.flow_counter" } spec { unit: BOTH } direct_table_id: 33554433 }
direct_meters { preamble { id: 352321537 name: "ingress.flow_meter" } spec { unit: PACKETS } direct_table_id: 33554433 }
counters { preamble { id: 301989889 name: "egress.port_tx" } spec { unit: BYTES } size: 512 }
meters { preamble { id: 335544321 name: "ingress.bytes" } spec { unit: BYTES } size: 100 }
controller_packet_metadata { preamble { id: 67108865 name: "packet_in" } metadata { id: 1 name: "port" bitwidth: 9 } metadata { id: 2 name: "pad" bitwidth: 7 } }
digests { preamble { id: 385875969 name: "learn" } type_spec { struct { name: "learn_t" } } }
type_info { structs { key: "learn_t" value {
  members { name: "mac" type_spec { bitstring { bit { bitwidth: 48 } } } } members { name: "port" type_spec { bitstring { bit { bitwidth: 9 } } } } } } }
`

test('tables are found by name, with everything that an entry needs', () => {
  const index = P4InfoIndex.parse(sample)
  const table = index.tables.get('ingress.flow')
  assert.ok(table)
  assert.equal(index.tableById.get(33554433), table)
  assert.deepEqual([table.id, table.alias, table.size, table.idleTimeout, table.needsPriority, table.isConst], [33554433, 'flow', 1024, true, true, false])
  assert.deepEqual(table.matchFields.map((f) => [f.id, f.name, f.bitwidth, f.kind]), [
    [1, 'meta.in_port', 9, 'exact'], [2, 'hdr.ipv4.dst', 32, 'lpm'], [3, 'hdr.eth.dst', 48, 'ternary'], [4, 'strange', 4, 'other'],
  ])
  assert.equal(table.matchFieldByName.get('hdr.eth.dst')?.id, 3)
  assert.deepEqual(table.actions.map((ref) => [ref.action.name, ref.scope]), [['ingress.output', 'table_and_default'], ['NoAction', 'default_only']])
  assert.equal(table.actionByName.get('ingress.output')?.action, index.actions.get('ingress.output'))
  assert.equal(table.constDefaultAction?.name, 'NoAction')
  assert.deepEqual([table.directCounter?.name, table.directCounter?.unit], ['ingress.flow_counter', 'both'])
  assert.deepEqual([table.directMeter?.name, table.directMeter?.unit], ['ingress.flow_meter', 'packets'])
  assert.equal(table.actionProfile?.name, 'ingress.select')
  const other = index.tables.get('egress.program')
  assert.deepEqual([other?.needsPriority, other?.isConst, other?.idleTimeout, other?.directCounter], [false, true, false, null])
  assert.equal(index.tables.get('toString'), undefined)
})

test('annotations of every kind, on every kind of object', () => {
  const index = P4InfoIndex.parse(sample)
  const table = index.tables.get('ingress.flow')
  assert.deepEqual([...table?.annotations.get('of_table')?.pairs ?? []], [['number', 3n], ['name', '']])
  assert.deepEqual(table?.annotations.get('hidden')?.texts, [''])
  assert.deepEqual(table?.annotations.get('refers_to')?.texts, ['a , b', 'c'])
  assert.deepEqual(table?.matchFields[0]?.annotations.get('of_field')?.values, ['in_port'])
  assert.deepEqual(table?.actions[0]?.annotations.get('weight')?.values, [-1n])
  assert.deepEqual(index.actions.get('ingress.output')?.paramByName.get('port')?.annotations.get('unit')?.texts, [''])
  assert.deepEqual([...index.packageInfo.annotations.get('of')?.pairs ?? []], [['tables', 0n], ['on', false]])
})

test('the other objects', () => {
  const index = P4InfoIndex.parse(sample)
  assert.deepEqual(index.actions.get('ingress.output')?.params.map((p) => [p.id, p.name, p.bitwidth]), [[1, 'port', 9], [2, 'queue', 3]])
  assert.deepEqual([index.counters.get('egress.port_tx')?.size, index.counters.get('egress.port_tx')?.unit], [512, 'bytes'])
  assert.deepEqual([index.meters.get('ingress.bytes')?.size, index.meters.get('ingress.bytes')?.unit], [100, 'bytes'])
  assert.deepEqual(index.actionProfiles.get('ingress.select')?.tables, ['ingress.flow'])
  assert.deepEqual(index.controllerHeaders.get('packet_in')?.fields.map((f) => [f.id, f.name, f.bitwidth]), [[1, 'port', 9], [2, 'pad', 7]])
  assert.deepEqual(index.digests.get('learn')?.fields, [{ name: 'mac', bitwidth: 48 }, { name: 'port', bitwidth: 9 }])
  assert.deepEqual([index.packageInfo.name, index.packageInfo.version, index.packageInfo.multicastGroups], ['sample', '2', 4096])
})

test('all gaps are told at once', () => {
  const text = `
    tables { preamble { id: 1 name: "t" } match_fields { name: "f" } match_fields { id: 2 name: "f" } action_refs { id: 9 } const_default_action_id: 8 }
    tables { preamble { id: 1 name: "u" annotations: "no at sign" } }
    tables { preamble { id: 2 name: "u" structured_annotations { name: "x" } structured_annotations { name: "x" } } }
    actions { preamble { id: 3 } }
    action_profiles { preamble { id: 4 name: "p" } table_ids: 77 }`
  assert.throws(() => P4InfoIndex.parse(text), (error: unknown) => {
    assert.ok(error instanceof P4InfoError)
    assert.equal(error.code, 'config.p4info')
    const expected = [/'f' has no id/, /two match fields of the name 'f'/, /action 9, which there is not/, /default action 8/,
      /have the same id 1/, /'no at sign' is not of the form/, /@x is given more than once/, /an action has no name/, /table 77/, /two tables of the name 'u'/]
    for (const reason of expected) assert.ok(error.reasons.some((text) => reason.test(text)), `${reason} in ${error.reasons.join(' | ')}`)
    assert.equal(error.reasons.length, expected.length, error.reasons.join(' | '))
    return true
  })
})

test('a text that cannot be read is an error with its line', () => {
  assert.throws(() => P4InfoIndex.parse('tables {\n  bogus: 1\n}'), (error: unknown) =>
    error instanceof P4InfoError && /line 2, column 3: p4\.config\.v1\.Table has no field 'bogus'/.test(error.message))
})

test('an empty text is an empty program', () => {
  const index = P4InfoIndex.parse('')
  assert.deepEqual([index.tables.size, index.controllerHeaders.size], [0, 0])
})
