import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Group, NO_INSTRUCTIONS, Port, Table } from '../../../src/openflow/index.js'
import type { Message, StatsReplyBody, StatsRequestBody, TableFeatures } from '../../../src/openflow/index.js'
import { Rig, apply, bucket, columnsOf, errors, flowMod, groupMod, kindsSent, match, output, port, sent, toGroup } from '../../support/datapath-rig.js'

const filter = (given: Partial<Extract<StatsRequestBody, { kind: 'flow' }>> = {}) => ({
  tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [], ...given,
})
const UNKNOWN = 0xffffffffffffffffn
function bodyOf(r: Rig, body: StatsRequestBody): StatsReplyBody {
  const [reply, ...more] = sent(r.stats(1, body))
  assert.equal(more.length, 0)
  assert.ok(reply?.type === 'stats_reply', JSON.stringify(reply?.type))
  return reply.body
}

describe('flow statistics', () => {
  it('tell what a flow is and what it counted', () => {
    const r = new Rig().connect(1)
    const dst = match({ eth_dst: 5 })
    r.send(1, flowMod({ tableId: 1, priority: 9, cookie: 3n, idleTimeout: 4, hardTimeout: 60, flags: 1 | 8, match: dst }))
    r.counters.set([...r.datapath.flows()][0]!.id, { packets: 10n, bytes: 1000n })
    r.now += 2250
    assert.deepEqual(bodyOf(r, { kind: 'flow', ...filter() }), { kind: 'flow', flows: [{
      tableId: 1, durationSec: 2, durationNsec: 250_000_000, priority: 9, idleTimeout: 4, hardTimeout: 60, flags: 9, importance: 0, cookie: 3n,
      packetCount: 10n, byteCount: 1000n, match: dst, instructions: apply(output(1)),
    }] })
  })

  const cases: readonly (readonly [string, Parameters<typeof filter>[0], readonly number[]])[] = [
    ['all tables', {}, [1, 2, 3]],
    ['one table', { tableId: 1 }, [3]],
    ['a match', { match: match({ eth_dst: 5 }) }, [2]],
    ['a cookie', { cookie: 2n, cookieMask: 0xfn }, [2]],
    ['an output port', { outPort: 2 }, [2, 3]],
    ['a group', { outGroup: 1 }, []],
  ]
  for (const [text, given, priorities] of cases) {
    it(`select by ${text}, and so does aggregate`, () => {
      const r = new Rig().connect(1)
      r.send(1, flowMod({ priority: 1, cookie: 1n }))
      r.send(1, flowMod({ priority: 2, cookie: 2n, match: match({ eth_dst: 5 }), instructions: apply(output(2)) }))
      r.send(1, flowMod({ priority: 3, cookie: 3n, tableId: 1, instructions: apply(output(2)) }))
      for (const flow of r.datapath.flows()) r.counters.set(flow.id, { packets: BigInt(flow.priority), bytes: 100n })
      const body = bodyOf(r, { kind: 'flow', ...filter(given) })
      assert.deepEqual(body.kind === 'flow' && body.flows.map((flow) => flow.priority), priorities)
      assert.deepEqual(bodyOf(r, { kind: 'aggregate', ...filter(given) }), {
        kind: 'aggregate', flowCount: priorities.length, byteCount: BigInt(priorities.length) * 100n,
        packetCount: BigInt(priorities.reduce((sum, each) => sum + each, 0)),
      })
    })
  }

  it('leave out flows that are gone when the counters come', () => {
    const r = new Rig().connect(1).connect(2)
    r.send(1, flowMod({ priority: 1 }))
    r.send(1, flowMod({ priority: 2 }))
    r.auto = false
    const [read] = r.stats(1, { kind: 'flow', ...filter() })
    assert.ok(read?.kind === 'read_flow_counters')
    assert.deepEqual(read.flowIds, [1, 2])
    r.auto = true
    r.send(2, flowMod({ command: 'delete_strict', priority: 1 }))
    const [reply] = sent(r.step({ kind: 'counters', token: read.token, answer: { what: 'flows', flows: columnsOf(new Map()) } }))
    assert.ok(reply?.type === 'stats_reply' && reply.body.kind === 'flow')
    assert.deepEqual(reply.body.flows.map((flow) => flow.priority), [2])
  })


  it('refuse a table that does not exist, except 1.0\'s table of emergency flows, which is empty', () => {
    const r = new Rig().connect(1)
    assert.deepEqual(errors(r.stats(1, { kind: 'flow', ...filter({ tableId: 4 }) })), ['OFPBRC_BAD_TABLE_ID'])
    assert.deepEqual(errors(r.stats(1, { kind: 'aggregate', ...filter({ tableId: 0xfe }) })), ['OFPBRC_BAD_TABLE_ID'])
    const old = new Rig().connect(1, '1.0')
    assert.deepEqual(bodyOf(old, { kind: 'flow', ...filter({ tableId: 0xfe }) }), { kind: 'flow', flows: [] })
  })
})

describe('other statistics', () => {
  const fixed: readonly (readonly [StatsRequestBody, StatsReplyBody | string])[] = [
    [{ kind: 'desc' }, { kind: 'desc', mfrDesc: 'm', hwDesc: 'h', swDesc: 's', serialNum: 'n', dpDesc: 'd' }],
    [{ kind: 'queue', portNo: Port.ANY, queueId: 0xffffffff }, { kind: 'queue', queues: [] }],
    [{ kind: 'queue', portNo: 9, queueId: 0xffffffff }, 'OFPQOFC_BAD_PORT'],
    [{ kind: 'queue', portNo: 1, queueId: 3 }, 'OFPQOFC_BAD_QUEUE'],
    [{ kind: 'meter', meterId: 0xffffffff }, { kind: 'meter', meters: [] }],
    [{ kind: 'meter_config', meterId: 0xffffffff }, { kind: 'meter_config', meters: [] }],
    [{ kind: 'meter', meterId: 1 }, 'OFPMMFC_UNKNOWN_METER'],
    [{ kind: 'meter_config', meterId: 1 }, 'OFPMMFC_UNKNOWN_METER'],
    [{ kind: 'meter_features' }, { kind: 'meter_features', maxMeter: 4, bandTypes: 6, capabilities: 15, maxBands: 3, maxColor: 0, features: 0 }],
    [{ kind: 'experimenter', experimenter: 0x2320, expType: 0, body: new Uint8Array() }, 'OFPBRC_BAD_EXP_TYPE'],
    [{ kind: 'group', groupId: Group.ALL }, { kind: 'group', groups: [] }],
    [{ kind: 'group', groupId: 5 }, { kind: 'group', groups: [] }],
    [{ kind: 'group_desc', groupId: Group.ALL }, { kind: 'group_desc', groups: [] }],
    [{ kind: 'port', portNo: 9 }, { kind: 'port', ports: [] }],
  ]
  for (const [request, expected] of fixed) {
    it(`${JSON.stringify(request, (_, value: unknown) => typeof value === 'bigint' ? String(value) : value)}`, () => {
      const r = new Rig().connect(1)
      if (typeof expected === 'string') assert.deepEqual(errors(r.stats(1, request)), [expected])
      else assert.deepEqual(bodyOf(r, request), expected)
    })
  }

  it('ports: values of the target, all ones where it has none, and how long the port has been there', () => {
    const r = new Rig().connect(1)
    r.now += 3000
    r.auto = false
    const [read] = r.stats(1, { kind: 'port', portNo: Port.ANY })
    assert.ok(read?.kind === 'read_port_counters')
    assert.deepEqual(read.portNos, [1, 2, 3])
    const values = { rxPackets: 1n, txPackets: 2n, rxBytes: 3n, txBytes: 4n, rxDropped: 5n, txDropped: 6n, rxErrors: 7n, txErrors: 8n, rxFrameErr: 9n, rxOverErr: 10n, rxCrcErr: 11n, collisions: 12n, properties: [] }
    const [reply] = sent(r.step({ kind: 'counters', token: read.token, answer: { what: 'ports', ports: new Map([[2, values]]) } }))
    assert.ok(reply?.type === 'stats_reply' && reply.body.kind === 'port')
    assert.deepEqual(reply.body.ports[1], { portNo: 2, ...values, durationSec: 3, durationNsec: 0 })
    assert.equal(reply.body.ports[0]?.rxPackets, UNKNOWN)
  })

  it('tables: active flows, and lookups where the target counts them', () => {
    const r = new Rig().connect(1)
    r.send(1, flowMod({ tableId: 2 }))
    r.auto = false
    const [read] = r.stats(1, { kind: 'table' })
    assert.ok(read?.kind === 'read_table_counters')
    const [reply] = sent(r.step({ kind: 'counters', token: read.token, answer: { what: 'tables', tables: new Map([[2, { lookups: 9n, matched: 4n }]]) } }))
    assert.ok(reply?.type === 'stats_reply' && reply.body.kind === 'table')
    assert.ok(reply.body.tables.every(({ features }) => features !== null))
    assert.deepEqual(reply.body.tables.slice(1, 3).map((table) => ({ ...table, features: null })), [
      { tableId: 1, name: 'table1', maxEntries: 1000, features: null, config: 0, activeCount: 0, lookupCount: UNKNOWN, matchedCount: UNKNOWN },
      { tableId: 2, name: 'table2', maxEntries: 1000, features: null, config: 0, activeCount: 1, lookupCount: 9n, matchedCount: 4n },
    ])
  })

  it('groups: references of flows and groups, and counters', () => {
    const r = new Rig().connect(1)
    r.send(1, groupMod({ groupId: 1, buckets: [bucket({ actions: [output(1)] })] }))
    r.send(1, groupMod({ groupId: 2, buckets: [bucket({ actions: [toGroup(1)] })] }))
    r.send(1, flowMod({ instructions: apply(toGroup(1)) }))
    r.now += 1000
    r.auto = false
    const [read] = r.stats(1, { kind: 'group', groupId: 1 })
    assert.ok(read?.kind === 'read_group_counters')
    const one = { packets: 1n, bytes: 60n }
    const [reply] = sent(r.step({ kind: 'counters', token: read.token, answer: { what: 'groups', groups: new Map([[1, { total: one, buckets: [one] }]]) } }))
    assert.deepEqual(reply, { type: 'stats_reply', body: { kind: 'group', groups: [{
      groupId: 1, refCount: 2, packetCount: 1n, byteCount: 60n, durationSec: 1, durationNsec: 0, buckets: [{ packetCount: 1n, byteCount: 60n }],
    }] } })
  })

  it('ports and features as they are now', () => {
    const r = new Rig().connect(1)
    r.step({ kind: 'port_changed', port: port(4) })
    const body = bodyOf(r, { kind: 'port_desc', portNo: Port.ANY })
    assert.deepEqual(body.kind === 'port_desc' && body.ports.map((each) => each.portNo), [1, 2, 3, 4])
    const [features] = sent(r.send(1, { type: 'features_request' }))
    assert.ok(features?.type === 'features_reply')
    assert.deepEqual([features.datapathId, features.nBuffers, features.nTables, features.capabilities, features.ports.length], [0x1234n, 0, 4, 15, 4])
  })
})

describe('table features', () => {
  const change = (r: Rig, edit: (tables: TableFeatures[]) => TableFeatures[]) =>
    r.stats(1, { kind: 'table_features', tables: edit([...r.pipeline.features.tables]) })
  const edited = (index: number, given: Partial<TableFeatures>) => (tables: TableFeatures[]): TableFeatures[] =>
    tables.map((table, at) => at === index ? { ...table, ...given } : table)
  for (const [text, edit, error] of [
    ['what there is', (tables: TableFeatures[]) => tables, null],
    ['less than there is', edited(1, { match: [], applyActions: ['output'], metadataWrite: 1n }), null],
    ['another name', edited(1, { name: 'acl' }), null],
    ['a table less', (tables: TableFeatures[]) => tables.slice(1), 'OFPTFFC_EPERM'],
    ['a table more', (tables: TableFeatures[]) => [...tables, { ...tables[0]!, tableId: 4 }], 'OFPTFFC_BAD_TABLE'],
    ['a table twice', (tables: TableFeatures[]) => [...tables, tables[0]!], 'OFPTFFC_BAD_TABLE'],
    ['more metadata', edited(0, { metadataMatch: 0x1ffffn }), 'OFPTFFC_BAD_METADATA'],
    ['more entries', edited(0, { maxEntries: 2000 }), 'OFPTFFC_BAD_MAX_ENT'],
    ['fewer entries', edited(0, { maxEntries: 10 }), null],
    ['one table off', edited(0, { command: 'disable' }), 'OFPTFFC_EPERM'],
    ['one table alone', (tables: TableFeatures[]) => [{ ...tables[1]!, command: 'modify' as const, match: [] }], null],
    ['an action more', edited(0, { applyActions: ['set_queue'] }), 'OFPTFFC_BAD_ARGUMENT'],
    ['an instruction more', edited(3, { instructions: ['goto_table'] }), 'OFPTFFC_BAD_ARGUMENT'],
    ['a mask more', edited(0, { match: [{ field: 'in_port', maskable: true }] }), 'OFPTFFC_BAD_ARGUMENT'],
  ] as const) {
    it(`${error ?? 'granted'}: ${text}`, () => {
      const r = new Rig().connect(1)
      const effects = change(r, edit)
      assert.deepEqual(kindsSent(effects), [error ?? 'stats_reply'])
    })
  }

  const held: readonly (readonly [string, Partial<TableFeatures>, Parameters<typeof flowMod>[0], string])[] = [
    ['a field', { match: [{ field: 'in_port', maskable: false }] }, { match: match({ eth_type: 0x0800 }) }, 'OFPBMC_BAD_FIELD'],
    ['a mask', { match: [{ field: 'eth_dst', maskable: false }] }, { match: match({ eth_dst: [2, 3] }) }, 'OFPBMC_BAD_MASK'],
    ['metadata to match', { metadataMatch: 1n }, { match: match({ metadata: [2, 2] }) }, 'OFPBMC_BAD_MASK'],
    ['metadata to write', { metadataWrite: 1n }, { instructions: { ...apply(), writeMetadata: { value: 2n, mask: 2n } } }, 'OFPBIC_UNSUP_METADATA_MASK'],
    ['an action', { applyActions: ['group'] }, {}, 'OFPBAC_BAD_TYPE'],
    ['an instruction', { instructions: ['goto_table'] }, {}, 'OFPBIC_UNSUP_INST'],
    ['a next table', { nextTables: [2] }, { instructions: { ...apply(), gotoTable: 1 } }, 'OFPBIC_BAD_TABLE_ID'],
    ['an action at a miss', { applyActionsMiss: [] }, { priority: 0, match: [] }, 'OFPBAC_BAD_TYPE'],
    ['entries', { maxEntries: 1 }, { priority: 7 }, 'OFPFMFC_TABLE_FULL'],
  ]
  for (const [text, given, mod, error] of held)
    it(`without ${text} holds: ${error}`, () => {
      const r = new Rig().connect(1)
      r.send(1, flowMod({ priority: 1, tableId: 0, instructions: { ...NO_INSTRUCTIONS, gotoTable: 2 } }))
      assert.deepEqual(kindsSent(change(r, edited(0, given))), ['stats_reply'])
      assert.deepEqual(errors(r.send(1, flowMod(mod))), [error])
      assert.deepEqual(errors(r.send(1, flowMod({ ...mod, tableId: 1, instructions: mod?.instructions === undefined ? apply(output(1)) : { ...mod.instructions, gotoTable: null, writeMetadata: null } }))), [], 'other tables are as they were')
      const body = bodyOf(r, { kind: 'table_features', tables: [] })
      assert.deepEqual(body.kind === 'table_features' && body.tables[0], { ...r.pipeline.features.tables[0], ...given })
      assert.deepEqual(kindsSent(change(r, (tables) => tables)), ['stats_reply'], 'and can be given back')
      assert.deepEqual(errors(r.send(1, flowMod(mod))), [])
    })

  it('are not taken from flows that use them', () => {
    const r = new Rig().connect(1)
    r.send(1, flowMod({ match: match({ eth_type: 0x0800 }) }))
    assert.deepEqual(errors(change(r, edited(0, { match: [] }))), ['OFPTFFC_EPERM'])
    assert.deepEqual(errors(r.send(1, flowMod({ priority: 5, match: match({ eth_type: 0x0806 }) }))), [])
  })

  it('remembers names', () => {
    const r = new Rig().connect(1)
    change(r, edited(1, { name: 'acl' }))
    const body = bodyOf(r, { kind: 'table_features', tables: [] })
    assert.deepEqual(body.kind === 'table_features' && body.tables.map((table) => table.name), ['table0', 'acl', 'table2', 'table3'])
  })

  it('come in several messages of one xid', () => {
    const r = new Rig().connect(1)
    const part = (xid: number, more: boolean, body: StatsRequestBody) =>
      r.step({ kind: 'message', conn: 1, xid, message: { type: 'stats_request', more, body } as Message, raw: new Uint8Array(8) })
    const [first, ...others] = r.pipeline.features.tables
    assert.deepEqual(part(7, true, { kind: 'table_features', tables: [first!] }), [])
    assert.deepEqual(errors(part(8, false, { kind: 'table_features', tables: [first!] })), ['OFPTFFC_EPERM'], 'another xid is another request')
    assert.deepEqual(kindsSent(part(7, false, { kind: 'table_features', tables: others })), ['stats_reply'])
    assert.deepEqual(errors(part(9, true, { kind: 'desc' })), ['OFPBRC_BAD_LEN'])
    for (let xid = 20; xid < 28; xid++) assert.deepEqual(errors(part(xid, true, { kind: 'table_features', tables: [] })), [])
    assert.deepEqual(errors(part(28, true, { kind: 'table_features', tables: [] })), ['OFPBRC_MULTIPART_BUFFER_OVERFLOW'])
  })
})

describe('requests without a file of their own', () => {
  const cases: readonly (readonly [keyof typeof import('../../support/datapath-rig.js').VERSION, Message, readonly string[]])[] = [
    ['1.3', { type: 'table_mod', tableId: 0xff, config: 0, eviction: null, vacancy: null }, []],
    ['1.3', { type: 'table_mod', tableId: 9, config: 0, eviction: null, vacancy: null }, ['OFPTMFC_BAD_TABLE']],
    ['1.3', { type: 'table_mod', tableId: 0, config: 1, eviction: null, vacancy: null }, ['OFPTMFC_BAD_CONFIG']],
    ['1.3', { type: 'experimenter', experimenter: 0x2320, expType: 5, body: new Uint8Array() }, ['OFPBRC_BAD_EXP_TYPE']],
    ['1.3', { type: 'experimenter', experimenter: 0x1234, expType: 5, body: new Uint8Array() }, ['OFPBRC_BAD_EXPERIMENTER']],
    ['1.3', { type: 'queue_get_config_request', portNo: 1 }, ['queue_get_config_reply']],
    ['1.3', { type: 'queue_get_config_request', portNo: 9 }, ['OFPQOFC_BAD_PORT']],
    ['1.3', { type: 'set_config', flags: 1, missSendLen: 128 }, ['OFPSCFC_BAD_FLAGS']],
    ['1.3', { type: 'set_config', flags: 4, missSendLen: 128 }, ['OFPSCFC_BAD_FLAGS']],
    ['1.3', { type: 'set_config', flags: 0, missSendLen: 9 }, []],
    ['1.3', { type: 'barrier_reply' }, ['OFPBRC_BAD_TYPE']],
    ['1.3', { type: 'echo_reply', data: new Uint8Array() }, []],
    ['1.3', { type: 'peer_error', errorType: 1, code: 2, data: new Uint8Array() }, []],
    ['1.0', { type: 'get_config_request' }, ['get_config_reply']],
  ]
  for (const [version, message, expected] of cases) {
    it(`${version} ${message.type}: ${expected.join(', ') || 'no answer'}`, () => {
      assert.deepEqual(kindsSent(new Rig().connect(1, version).send(1, message)), expected)
    })
  }
})
