/** Open vSwitch's extensions: what they change of a connection, and what is refused. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FlowFormat, FlowModFlag, PacketInFormat, Port, SAME_ASYNC, Table, decodeMessage, frameOf } from '../../../src/openflow/index.js'
import type { Action } from '../../../src/openflow/index.js'
import { Rig, apply, bucket, errors, flowMod, groupMod, kindsSent, output, sent } from '../../support/datapath-rig.js'

const packetIn = { kind: 'packet_in', inPort: 1, reason: 'action', tableId: 0, flowId: 0, metadata: 0n, tunnelId: 0n, maxLen: 0xffff, data: new Uint8Array(60) } as const
const tables = (r: Rig): number[] => [...r.datapath.flows()].map(({ tableId }) => tableId).sort()
const everything = { tableId: Table.ALL, outPort: Port.ANY, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] }

describe('extensions', () => {
  it('change the form of packet-ins and flow-removed of their connection alone', () => {
    const r = new Rig().connect(1, '1.0').connect(2)
    r.send(1, flowMod({ flags: FlowModFlag.SEND_FLOW_REM }))
    assert.deepEqual(kindsSent(r.step(packetIn)), ['packet_in', 'packet_in'])
    assert.deepEqual(r.send(1, { type: 'nx_set_packet_in_format', format: PacketInFormat.NXT }), [])
    assert.deepEqual(r.send(2, { type: 'nx_set_packet_in_format', format: PacketInFormat.NXT2 }), [])
    assert.deepEqual(r.send(1, { type: 'nx_set_flow_format', format: FlowFormat.NXM }), [])
    assert.deepEqual(kindsSent(r.step(packetIn)), ['nx_packet_in', 'nx_packet_in2'])
    assert.deepEqual(kindsSent(r.send(1, flowMod({ command: 'delete', tableId: Table.ALL }))), ['nx_flow_removed', 'flow_removed'])
    r.send(1, { type: 'nx_set_packet_in_format', format: PacketInFormat.STANDARD })
    assert.deepEqual(kindsSent(r.step(packetIn)), ['packet_in', 'nx_packet_in2'])
  })

  it('say which connection a packet is for', () => {
    const r = new Rig().connect(1).connect(2)
    r.send(1, { type: 'nx_set_controller_id', controllerId: 7 })
    assert.deepEqual([kindsSent(r.step(packetIn), 1), kindsSent(r.step(packetIn), 2)], [[], ['packet_in']])
  })

  it('send packets of a flow to the connections that an action names, for its reason', () => {
    const r = new Rig().connect(1).connect(2).connect(3, '1.0')
    for (const conn of [1, 3]) r.send(conn, { type: 'nx_set_controller_id', controllerId: 7 })
    r.send(1, flowMod({ instructions: apply({ type: 'controller', maxLen: 20, controllerId: 7, reason: 'no_match' }, output(2)) }))
    const [flow] = r.datapath.flows()
    assert.ok(flow)
    const effects = r.step({ ...packetIn, flowId: flow.id, maxLen: 20 })
    assert.deepEqual([1, 2, 3].map((conn) => kindsSent(effects, conn)), [['packet_in'], [], ['packet_in']])
    const [told] = sent(effects, 1)
    assert.deepEqual(told?.type === 'packet_in' && told.reason, 'no_match')
    const set = r.step({ ...packetIn, flowId: flow.id, reason: 'action_set' })
    assert.deepEqual([1, 2].map((conn) => kindsSent(set, conn)), [[], ['packet_in']], 'what its action set sends is not this action')
    r.send(2, { type: 'set_async', ...SAME_ASYNC, packetIn: [2, 0] })
    r.send(2, flowMod({ command: 'modify', instructions: apply({ type: 'controller', maxLen: 20, controllerId: 0, reason: 'no_match' }) }))
    assert.deepEqual(kindsSent(r.step({ ...packetIn, flowId: flow.id }), 2), [], 'one that has no use for this reason')
  })

  it('has no such action where it could not be told which it was', () => {
    const r = new Rig().connect(1)
    const action: Action = { type: 'controller', maxLen: 20, controllerId: 7, reason: 'action' }
    assert.deepEqual(errors(r.send(1, flowMod({ instructions: apply(action, output(Port.CONTROLLER)) }))), ['OFPBAC_TOO_MANY'])
    assert.deepEqual(errors(r.send(1, flowMod({ instructions: { ...apply(), write: [action] } }))), ['OFPBAC_BAD_EXP_TYPE'])
    assert.deepEqual(errors(r.send(1, groupMod({ groupId: 1, buckets: [bucket({ actions: [action] })] }))), ['OFPBAC_BAD_EXP_TYPE'])
    assert.deepEqual(errors(r.send(1, { type: 'packet_out', bufferId: 0xffffffff, inPort: 1, match: [], actions: [action], data: new Uint8Array(60) })), ['OFPBAC_BAD_EXP_TYPE'])
  })

  it('put the table into the command, once that has been said', () => {
    const r = new Rig().connect(1, '1.0')
    const inTable = (tableByte: number, given: Parameters<typeof flowMod>[0] = {}) => r.send(1, { type: 'nx_flow_mod', tableByte, flowMod: flowMod(given) })
    assert.deepEqual(errors(inTable(2)), ['OFPFMFC_BAD_COMMAND'])
    assert.deepEqual(errors(inTable(0)), [], 'NXM without a table')
    r.send(1, { type: 'nx_flow_mod_table_id', set: true })
    inTable(2)
    inTable(Table.ALL, { priority: 5 })
    assert.deepEqual(tables(r), [0, 0, 2])
    r.send(1, flowMod({ command: 'delete', tableId: Table.ALL }))
    assert.deepEqual(tables(r), [2], 'a deletion without a table is one of table 0')
    inTable(Table.ALL, { command: 'delete' })
    assert.deepEqual(tables(r), [])
    assert.deepEqual(errors(inTable(9)), ['OFPFMFC_BAD_TABLE_ID'])
  })

  it('filter by cookie in 1.0, and leave it as it is', () => {
    const r = new Rig().connect(1, '1.0')
    for (const priority of [1, 2]) r.send(1, flowMod({ priority, cookie: BigInt(priority) }))
    r.send(1, { type: 'nx_flow_mod', tableByte: 0, flowMod: flowMod({ command: 'delete', tableId: Table.ALL, cookie: 1n, cookieMask: 3n }) })
    assert.deepEqual([...r.datapath.flows()].map(({ priority }) => priority), [2])
    r.send(1, flowMod({ command: 'modify', cookie: 0xffff_ffff_ffff_ffffn }))
    assert.deepEqual([...r.datapath.flows()].map(({ record }) => record.cookie), [2n])
    r.send(1, flowMod({ command: 'modify', cookie: 3n }))
    assert.deepEqual([...r.datapath.flows()].map(({ record }) => record.cookie), [3n])
  })

  it('tell flows with their ages, and roles', () => {
    const r = new Rig().connect(1, '1.0').connect(2, '1.0')
    r.send(1, flowMod())
    r.now += 4000
    const [reply] = sent(r.stats(1, { kind: 'nx_flow', ...everything }))
    assert.deepEqual(reply?.type === 'stats_reply' && reply.body.kind === 'nx_flow' && reply.body.flows.map(({ idleAge, hardAge }) => [idleAge, hardAge]), [[null, 4]])
    const [sum] = sent(r.stats(1, { kind: 'nx_aggregate', ...everything }))
    assert.equal(sum?.type === 'stats_reply' && sum.body.kind === 'nx_aggregate' && sum.body.flowCount, 1)
    assert.deepEqual(sent(r.send(1, { type: 'nx_role_request', role: 'master' })), [{ type: 'nx_role_reply', role: 'master' }])
    assert.deepEqual(sent(r.send(2, { type: 'nx_role_request', role: 'master' })), [{ type: 'nx_role_reply', role: 'master' }])
    assert.deepEqual(errors(r.send(1, { type: 'nx_flow_mod', tableByte: 0, flowMod: flowMod() })), ['OFPBRC_IS_SLAVE'])
  })

  it('leave a part of the asynchronous configuration as it is, before 1.4 too', () => {
    // NXT_SET_ASYNC_CONFIG2 in 1.3: packet-ins for master, and nothing else.
    const bytes = Uint8Array.from(Buffer.from('04040018000012340000232000' + '00001b' + '0001000800000002', 'hex'))
    const decoded = decodeMessage(frameOf(bytes), 4)
    assert.ok(decoded.ok)
    const r = new Rig().connect(1)
    r.send(1, decoded.message)
    const [config] = sent(r.send(1, { type: 'get_async_request' }))
    assert.deepEqual(config?.type === 'get_async_reply' && [config.packetIn, config.portStatus], [[2, 0], [7, 7]])
  })

  const refused = [
    [{ type: 'nx_set_flow_format', format: 1 }, 'OFPBRC_EPERM'], [{ type: 'nx_set_packet_in_format', format: 3 }, 'OFPBRC_EPERM'],
    // NXT_RESUME, NXT_CT_FLUSH, NXT_TLV_TABLE_MOD
    ...[28, 32, 24].map((expType) => [{ type: 'experimenter', experimenter: 0x2320, expType, body: new Uint8Array(8) }, 'OFPBRC_BAD_EXP_TYPE'] as const),
    [{ type: 'nx_role_reply', role: 'master' }, 'OFPBRC_BAD_TYPE'],
  ] as const
  for (const [message, error] of refused)
    it(`are refused with ${error}: ${message.type}${'expType' in message ? ` ${message.expType}` : ''}`, () => {
      assert.deepEqual(errors(new Rig().connect(1, '1.0').send(1, message)), [error])
    })
})
