import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NO_ASYNC, Port, PortConfig, PortState, SAME_ASYNC } from '../../../src/openflow/index.js'
import type { Message, PacketInReason } from '../../../src/openflow/index.js'
import type { Input } from '../../../src/datapath/index.js'
import { Rig, changesOf, commits, errors, flowMod, groupMod, kindsSent, match, port, sent } from '../../support/datapath-rig.js'
import type { VERSION } from '../../support/datapath-rig.js'

const packetIn = (given: Partial<Extract<Input, { kind: 'packet_in' }>> = {}): Input => ({
  kind: 'packet_in', inPort: 2, reason: 'action', tableId: 0, flowId: 0, metadata: 0n, tunnelId: 0n, maxLen: 128, data: new Uint8Array(300), ...given,
})
const setConfig = (missSendLen: number, flags = 0): Message => ({ type: 'set_config', flags, missSendLen })
const role = (name: 'master' | 'slave' | 'equal' | 'nochange', generationId = 0n): Message => ({ type: 'role_request', role: name, generationId, shortId: 0 })

describe('packet-in', () => {
  it('carries the whole packet whatever max_len is, the fields of the pipeline and the cookie of the flow', () => {
    const r = new Rig().connect(1)
    r.send(1, flowMod({ cookie: 0xabn, tableId: 2, match: match({ in_port: 2 }) }))
    const [flow] = [...r.datapath.flows()]
    const effects = r.step(packetIn({ flowId: flow!.id, metadata: 5n, tunnelId: 6n, inPhyPort: 3, totalLen: 400 }))
    assert.deepEqual(sent(effects), [{
      type: 'packet_in', bufferId: 0xffffffff, totalLen: 400, reason: 'action', tableId: 2, cookie: 0xabn, data: new Uint8Array(300),
      match: match({ in_port: 2, in_phy_port: 3, metadata: 5, tunnel_id: 6 }),
    }])
  })

  it('of an unknown flow has the cookie of none', () => {
    const [message] = sent(new Rig().connect(1).step(packetIn({ flowId: 99 })))
    assert.ok(message?.type === 'packet_in')
    assert.equal(message.cookie, 0xffffffffffffffffn)
  })

  const reasons: readonly (readonly [string, keyof typeof VERSION, PacketInReason, 'none' | 'miss flow' | 'flow', PacketInReason | null])[] = [
    ['a miss', '1.0', 'no_match', 'none', 'no_match'],
    ['a miss', '1.2', 'no_match', 'none', 'no_match'],
    ['a miss', '1.3', 'no_match', 'none', null],
    ['an action of the table-miss flow', '1.3', 'no_match', 'miss flow', 'no_match'],
    ['an action of the table-miss flow', '1.0', 'no_match', 'miss flow', 'action'],
    ['an action', '1.3', 'action', 'flow', 'action'],
    ['an invalid TTL', '1.3', 'invalid_ttl', 'flow', null],
    ['an invalid TTL', '1.0', 'invalid_ttl', 'flow', null],
  ]
  for (const [text, version, reason, from, reported] of reasons) {
    it(`${text} is ${reported === null ? 'not reported' : `reported as ${reported}`} to ${version}`, () => {
      const r = new Rig().connect(9).connect(1, version)
      if (from !== 'none') r.send(9, flowMod({ priority: from === 'flow' ? 1 : 0 }))
      const flowId = [...r.datapath.flows()][0]?.id ?? 0
      const got = sent(r.step(packetIn({ reason, flowId })), 1).map((message) => message.type === 'packet_in' && message.reason)
      assert.deepEqual(got, reported === null ? [] : [reported])
    })
  }

  it('of an invalid TTL is sent to 1.0 connections that ask for it by their configuration', () => {
    const r = new Rig().connect(1, '1.0')
    r.send(1, setConfig(128, 4))
    assert.deepEqual(kindsSent(r.step(packetIn({ reason: 'invalid_ttl' }))), ['packet_in'])
    assert.deepEqual(sent(r.send(1, { type: 'get_config_request' })), [{ type: 'get_config_reply', flags: 4, missSendLen: 128 }])
  })

  it('goes to a service connection only after it has set a miss_send_len, or its asynchronous configuration', () => {
    const ask: readonly Message[] = [setConfig(1), { type: 'set_async', ...SAME_ASYNC, packetIn: [7, 0], portStatus: [7, 7], flowRemoved: [15, 0] }]
    for (const message of ask) {
      const r = new Rig().connect(1, '1.3', 'service')
      assert.deepEqual(kindsSent(r.step(packetIn())), [])
      r.send(1, message)
      assert.deepEqual(kindsSent(r.step(packetIn())), ['packet_in'])
    }
  })
})

describe('misses', () => {
  it('go to the controller while a connection before 1.3 would get them', () => {
    const r = new Rig().connect(1, '1.3')
    assert.equal(r.pipeline.missToController, false)
    assert.deepEqual(changesOf(r.step({ kind: 'connected', conn: 2, version: 1, connKind: 'controller' })), ['set_miss'])
    assert.equal(r.pipeline.missToController, true)
    r.connect(3, '1.0')
    assert.deepEqual(changesOf(r.step({ kind: 'disconnected', conn: 2 })), [])
    assert.deepEqual(changesOf(r.step({ kind: 'disconnected', conn: 3 })), ['set_miss'])
    assert.equal(r.pipeline.missToController, false)
  })

  it('are not turned on by ovs-ofctl looking in', () => {
    const r = new Rig()
    assert.deepEqual(r.connect(1, '1.0', 'service').effects.filter((effect) => effect.kind === 'commit').length, 1)
    assert.deepEqual(changesOf(r.send(1, setConfig(65535))), ['set_miss'])
  })

  it('settle on the last wish when it changes while a commit is in flight', () => {
    const r = new Rig()
    r.auto = false
    const [commit] = commits(r.step({ kind: 'connected', conn: 1, version: 1, connKind: 'controller' }))
    assert.deepEqual(r.step({ kind: 'disconnected', conn: 1 }), [])
    assert.deepEqual(changesOf(r.step({ kind: 'committed', token: commit!.token })), ['set_miss'])
    assert.equal(r.pipeline.missToController, false)
  })
})

describe('roles', () => {
  const control: readonly Message[] = [
    flowMod(), groupMod({ groupId: 1 }),
    { type: 'packet_out', bufferId: 0xffffffff, inPort: 1, match: [], actions: [], data: new Uint8Array(60) },
    { type: 'port_mod', portNo: 1, hwAddr: 0x020000000001n, config: 0, mask: 0, advertise: 0, properties: [] },
    { type: 'table_mod', tableId: 0, config: 0, eviction: null, vacancy: null },
    { type: 'meter_mod', command: 'delete', flags: 0, meterId: 1, bands: [] },
  ]
  it('a slave changes nothing, and reads everything', () => {
    const r = new Rig().connect(1)
    r.send(1, role('slave'))
    for (const message of control) assert.deepEqual(errors(r.send(1, message)), ['OFPBRC_IS_SLAVE'])
    assert.deepEqual(kindsSent(r.send(1, { type: 'barrier_request' })), ['barrier_reply'])
    assert.deepEqual(kindsSent(r.stats(1, { kind: 'port_desc', portNo: Port.ANY })), ['stats_reply'])
    assert.deepEqual(kindsSent(r.stats(1, { kind: 'table_features', tables: [] })), ['stats_reply'])
    assert.deepEqual(errors(r.stats(1, { kind: 'table_features', tables: r.pipeline.features.tables })), ['OFPBRC_IS_SLAVE'])
  })

  it('a slave hears of ports only', () => {
    const r = new Rig().connect(1)
    r.send(1, flowMod({ flags: 1 }))
    r.send(1, role('slave'))
    r.connect(2)
    assert.deepEqual(kindsSent(r.step(packetIn()), 1), [])
    assert.deepEqual(kindsSent(r.send(2, flowMod({ command: 'delete' })), 1), [])
    assert.deepEqual(kindsSent(r.step({ kind: 'port_changed', port: port(1, { state: PortState.LINK_DOWN }) }), 1), ['port_status'])
  })

  it('a new master makes a slave of the old one', () => {
    const r = new Rig().connect(1).connect(2).connect(3)
    assert.deepEqual(sent(r.send(1, role('master', 5n))), [{ type: 'role_reply', role: 'master', generationId: 5n, shortId: 0 }])
    r.send(2, role('master', 6n))
    assert.deepEqual(r.datapath.connections().map((conn) => conn.role), ['slave', 'master', 'equal'])
  })

  it('compares generation ids as OpenFlow says', () => {
    const r = new Rig().connect(1)
    assert.deepEqual(sent(r.send(1, role('nochange', 77n))), [{ type: 'role_reply', role: 'equal', generationId: 0xffffffffffffffffn, shortId: 0 }])
    for (const [name, generation, error] of [
      ['master', 0xfffffffffffffff0n, null],
      ['slave', 0xffffffffffffffefn, 'OFPRRFC_STALE'],
      ['slave', 0xfffffffffffffff0n, null],
      ['master', 3n, null],
      ['master', 0xfffffffffffffff0n, 'OFPRRFC_STALE'],
      ['equal', 0n, null],
      ['nochange', 0n, null],
    ] as const) assert.deepEqual(errors(r.send(1, role(name, generation))), error === null ? [] : [error], `${name} ${generation}`)
    assert.deepEqual(sent(r.send(1, role('nochange'))), [{ type: 'role_reply', role: 'equal', generationId: 3n, shortId: 0 }])
  })
})

describe('asynchronous configuration', () => {
  it('starts as Open vSwitch has it, and says what else is told', () => {
    const r = new Rig().connect(1)
    assert.deepEqual(sent(r.send(1, { type: 'get_async_request' })), [{ type: 'get_async_reply', ...NO_ASYNC, roleStatus: [7, 7], packetIn: [3, 0], portStatus: [7, 7], flowRemoved: [15, 0] }])
  })

  it('filters by reason and role', () => {
    const r = new Rig().connect(1)
    r.send(1, { type: 'set_async', ...SAME_ASYNC, packetIn: [4, 0xffff], portStatus: [2, 0], flowRemoved: [2, 0] })
    assert.deepEqual(sent(r.send(1, { type: 'get_async_request' })), [{ type: 'get_async_reply', ...NO_ASYNC, roleStatus: [7, 7], packetIn: [4, 7], portStatus: [2, 0], flowRemoved: [2, 0] }])
    assert.deepEqual(kindsSent(r.step(packetIn())), [])
    assert.deepEqual(kindsSent(r.step(packetIn({ reason: 'invalid_ttl' }))), ['packet_in'])
    assert.deepEqual(kindsSent(r.step({ kind: 'port_changed', port: port(1, { state: PortState.LINK_DOWN }) })), [])
    assert.deepEqual(kindsSent(r.step({ kind: 'port_removed', portNo: 1 })), ['port_status'])
    r.send(1, flowMod({ flags: 1, hardTimeout: 1 }))
    assert.deepEqual(kindsSent(r.send(1, flowMod({ command: 'delete' }))), [])
    r.send(1, flowMod({ flags: 1, hardTimeout: 1 }))
    assert.deepEqual(kindsSent(r.at(r.now + 1000)), ['flow_removed'])
    r.send(1, role('slave'))
    assert.deepEqual(kindsSent(r.step(packetIn())), ['packet_in'])
  })
})

describe('ports', () => {
  const mod = (given: Partial<Extract<Message, { type: 'port_mod' }>> = {}): Message =>
    ({ type: 'port_mod', portNo: 1, hwAddr: 0x020000000001n, config: PortConfig.NO_FWD, mask: PortConfig.NO_FWD, advertise: 0, properties: [], ...given })

  it('a port-mod changes the port and is reported to the others', () => {
    const r = new Rig().connect(1).connect(2)
    const effects = r.send(1, mod())
    assert.deepEqual(changesOf(effects), ['set_ports'])
    assert.deepEqual([kindsSent(effects, 1), kindsSent(effects, 2)], [[], ['port_status']])
    assert.equal(r.datapath.port(1)?.config, PortConfig.NO_FWD)
    assert.equal(r.pipeline.ports[0]?.config, PortConfig.NO_FWD)
  })

  it('a port that is configured down is not live', () => {
    const r = new Rig().connect(1)
    assert.equal(r.datapath.port(1)?.state, PortState.LIVE)
    r.send(1, mod({ config: PortConfig.DOWN, mask: PortConfig.DOWN }))
    assert.equal(r.datapath.port(1)?.state, 0)
  })

  it('a port-mod that changes nothing is no change', () => {
    assert.deepEqual(new Rig().connect(1).send(1, mod({ config: 0 })), [])
  })

  for (const [text, version, given, error] of [
    ['a port that does not exist', '1.3', { portNo: 9 }, 'OFPPMFC_BAD_PORT'],
    ['another hardware address', '1.3', { hwAddr: 1n }, 'OFPPMFC_BAD_HW_ADDR'],
    ['a bit 1.3 does not have', '1.3', { mask: PortConfig.NO_FLOOD }, 'OFPPMFC_BAD_CONFIG'],
    ['a bit only 1.0 has', '1.0', { mask: PortConfig.NO_FLOOD }, null],
    ['other features to advertise', '1.3', { advertise: 1, properties: [] }, 'OFPPMFC_BAD_ADVERTISE'],
  ] as const) {
    it(`port-mod, ${error ?? 'accepted'}: ${text}`, () => {
      assert.deepEqual(errors(new Rig().connect(1, version).send(1, mod(given))), error === null ? [] : [error])
    })
  }

  it('a rejected port-mod is undone; a link that went down meanwhile stays down', () => {
    const r = new Rig().connect(1)
    r.auto = false
    const [commit] = commits(r.send(1, mod()))
    assert.deepEqual(kindsSent(r.step({ kind: 'port_changed', port: port(1, { state: PortState.LINK_DOWN }) })), ['port_status'])
    const effects = r.step({ kind: 'rejected', token: commit!.token, failures: [] })
    assert.deepEqual(errors(effects), ['OFPPMFC_EPERM'])
    assert.deepEqual(changesOf(effects), ['set_ports'])
    assert.deepEqual(r.pipeline.ports[0], { portNo: 1, config: 0, linkUp: false })
  })

  it('a second port-mod waits for the first', () => {
    const r = new Rig().connect(1)
    r.auto = false
    r.send(1, mod())
    r.send(1, mod({ config: 0 }))
    assert.equal(r.datapath.backlog(1), 1)
  })

  it('reports what the platform says once, keeping what controllers set', () => {
    const r = new Rig().connect(1)
    r.send(1, mod())
    const down = port(1, { state: PortState.LINK_DOWN })
    const [status] = sent(r.step({ kind: 'port_changed', port: down }))
    assert.deepEqual(status, { type: 'port_status', reason: 'modify', port: { ...down, config: PortConfig.NO_FWD } })
    assert.deepEqual(r.step({ kind: 'port_changed', port: down }), [])
    assert.deepEqual(sent(r.step({ kind: 'port_changed', port: port(8) })).map((message) => message.type === 'port_status' && message.reason), ['add'])
    assert.deepEqual(sent(r.step({ kind: 'port_removed', portNo: 8 })).map((message) => message.type === 'port_status' && message.reason), ['delete'])
    assert.deepEqual(r.pipeline.ports.map((each) => [each.portNo, each.linkUp]), [[1, false], [2, true], [3, true]])
  })
})
