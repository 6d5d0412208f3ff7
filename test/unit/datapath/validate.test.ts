import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CONTROLLER_MAX_LEN_NO_BUFFER, NO_INSTRUCTIONS, Port, Table } from '../../../src/openflow/index.js'
import type { Action, FlowMod, Message } from '../../../src/openflow/index.js'
import { arpRequestFrame, ethernet, ipv4, udp } from '../../../src/packet/index.js'
import { FakePipeline, fakeFeatures, fakeTable } from '../../support/fake-pipeline.js'
import { Rig, apply, errors, flowMod, match, output, setField, toGroup } from '../../support/datapath-rig.js'
import type { VERSION } from '../../support/datapath-rig.js'

const ip = match({ eth_type: 0x0800 })
const tcp = match({ eth_type: 0x0800, ip_proto: 6 })
const mpls = match({ eth_type: 0x8847 })
const tagged = match({ vlan_vid: 0x1005 })
const anyTag = match({ vlan_vid: [0x1000, 0x1000] })
const acts = (...actions: Action[]): Partial<FlowMod> => ({ instructions: apply(...actions) })
const PUSH_VLAN: Action = { type: 'push_vlan', ethertype: 0x8100 }

describe('flow-mod: what is refused', () => {
  const cases: readonly (readonly [string, Partial<FlowMod>, string | null])[] = [
    ['a table that does not exist', { tableId: 4 }, 'OFPFMFC_BAD_TABLE_ID'],
    ['all tables in an add', { tableId: Table.ALL }, 'OFPFMFC_BAD_TABLE_ID'],
    ['all tables in a modify', { command: 'modify', tableId: Table.ALL }, 'OFPFMFC_BAD_TABLE_ID'],
    ['a table that does not exist in a delete', { command: 'delete', tableId: 9 }, 'OFPFMFC_BAD_TABLE_ID'],
    ['unknown flags', { flags: 0x20 }, 'OFPFMFC_BAD_FLAGS'],
    ['a buffer', { bufferId: 5 }, 'OFPBRC_BUFFER_UNKNOWN'],
    ['a buffer in a delete is not looked at', { command: 'delete', bufferId: 5 }, null],
    ['goto backwards', { tableId: 2, instructions: { ...NO_INSTRUCTIONS, gotoTable: 1 } }, 'OFPBIC_BAD_TABLE_ID'],
    ['goto itself', { tableId: 2, instructions: { ...NO_INSTRUCTIONS, gotoTable: 2 } }, 'OFPBIC_BAD_TABLE_ID'],
    ['goto beyond the last table', { instructions: { ...NO_INSTRUCTIONS, gotoTable: 4 } }, 'OFPBIC_BAD_TABLE_ID'],
    ['goto from the last table', { tableId: 3, instructions: { ...NO_INSTRUCTIONS, gotoTable: 4 } }, 'OFPBIC_BAD_TABLE_ID'],
    ['goto forward', { instructions: { ...NO_INSTRUCTIONS, gotoTable: 3 } }, null],
    ['a meter that is not there', { instructions: { ...NO_INSTRUCTIONS, meter: 1 } }, 'OFPMMFC_INVALID_METER'],
    ['metadata outside the mask', { instructions: { ...NO_INSTRUCTIONS, writeMetadata: { value: 0n, mask: 0x10000n } } }, 'OFPBIC_UNSUP_METADATA_MASK'],
    ['metadata inside the mask', { instructions: { ...NO_INSTRUCTIONS, writeMetadata: { value: 1n, mask: 0xffn } } }, null],
    ['output to ANY', acts(output(Port.ANY)), 'OFPBAC_BAD_OUT_PORT'],
    ['output to port 0', acts(output(0)), 'OFPBAC_BAD_OUT_PORT'],
    ['output to TABLE', acts(output(Port.TABLE)), 'OFPBAC_BAD_OUT_PORT'],
    ['output to an impossible port', acts(output(0xffffff01)), 'OFPBAC_BAD_OUT_PORT'],
    ['output to a port that may be added later', acts(output(200)), null],
    ['output to the controller', acts(output(Port.CONTROLLER, CONTROLLER_MAX_LEN_NO_BUFFER)), null],
    ['a group that does not exist', acts(toGroup(5)), 'OFPBAC_BAD_OUT_GROUP'],
    ['a group that does not exist, in write-actions', { instructions: { ...NO_INSTRUCTIONS, write: [toGroup(5)] } }, 'OFPBAC_BAD_OUT_GROUP'],
    ['an experimenter action', acts({ type: 'experimenter', experimenter: 0x1234, body: new Uint8Array() }), 'OFPBAC_BAD_EXPERIMENTER'],
    ['an action of Open vSwitch that we do not know', acts({ type: 'experimenter', experimenter: 0x2320, body: new Uint8Array() }), 'OFPBAC_BAD_EXP_TYPE'],
    ['an action the table lacks', acts({ type: 'set_queue', queueId: 1 }), 'OFPBAC_BAD_TYPE'],
    ['push_vlan with another ethertype', acts({ type: 'push_vlan', ethertype: 0x0800 }), 'OFPBAC_BAD_ARGUMENT'],
    ['push_mpls with another ethertype', acts({ type: 'push_mpls', ethertype: 0x8100 }), 'OFPBAC_BAD_ARGUMENT'],
    ['push_pbb with another ethertype', acts({ type: 'push_pbb', ethertype: 0x8100 }), 'OFPBAC_BAD_ARGUMENT'],
    ['setting in_port', acts(setField('in_port', 1)), 'OFPBAC_BAD_SET_ARGUMENT'],
    ['setting eth_type', acts(setField('eth_type', 1)), 'OFPBAC_BAD_SET_ARGUMENT'],
    ['setting a field to too large a value', { match: ip, ...acts(setField('ip_dscp', 64)) }, 'OFPBAC_BAD_SET_ARGUMENT'],
    ['setting vlan_vid without PRESENT', { match: tagged, ...acts(setField('vlan_vid', 5)) }, 'OFPBAC_BAD_SET_ARGUMENT'],
    ['setting vlan_vid of a tagged packet', { match: tagged, ...acts(setField('vlan_vid', 0x1006)) }, null],
    ['setting vlan_vid of a packet with any tag', { match: anyTag, ...acts(setField('vlan_vid', 0x1006)) }, null],
    ['setting vlan_vid of a packet that may have no tag', acts(setField('vlan_vid', 0x1006)), 'OFPBAC_MATCH_INCONSISTENT'],
    ['setting vlan_vid after push_vlan', acts(PUSH_VLAN, setField('vlan_vid', 0x1006)), null],
    ['setting vlan_vid after pop_vlan', { match: tagged, ...acts({ type: 'pop_vlan' }, setField('vlan_vid', 0x1006)) }, 'OFPBAC_MATCH_INCONSISTENT'],
    ['popping a tag that may not be there', acts({ type: 'pop_vlan' }), 'OFPBAC_MATCH_INCONSISTENT'],
    ['popping the tag of a tagged packet', { match: tagged, ...acts({ type: 'pop_vlan' }) }, null],
    ['popping the tag of a packet that has none', { match: match({ vlan_vid: 0 }), ...acts({ type: 'pop_vlan' }) }, 'OFPBAC_MATCH_INCONSISTENT'],
    ['setting an IPv4 address without matching IPv4', acts(setField('ipv4_src', 1)), 'OFPBAC_MATCH_INCONSISTENT'],
    ['setting an IPv4 address of IPv4', { match: ip, ...acts(setField('ipv4_src', 1)) }, null],
    ['setting an IPv4 address below a new label', { match: ip, ...acts({ type: 'push_mpls', ethertype: 0x8847 }, setField('ipv4_src', 1)) }, 'OFPBAC_MATCH_INCONSISTENT'],
    ['setting the label after push_mpls', { match: ip, ...acts({ type: 'push_mpls', ethertype: 0x8847 }, setField('mpls_label', 5)) }, null],
    ['setting an IPv4 address after pop_mpls to IPv4', { match: mpls, ...acts({ type: 'pop_mpls', ethertype: 0x0800 }, setField('ipv4_src', 1)) }, null],
    ['popping a label that may not be there', acts({ type: 'pop_mpls', ethertype: 0x0800 }), 'OFPBAC_MATCH_INCONSISTENT'],
    ['setting a TCP port of IPv4', { match: ip, ...acts(setField('tcp_dst', 1)) }, 'OFPBAC_MATCH_INCONSISTENT'],
    ['setting a TCP port of TCP', { match: tcp, ...acts(setField('tcp_dst', 1)) }, null],
    ['setting a UDP port of TCP', { match: tcp, ...acts(setField('udp_dst', 1)) }, 'OFPBAC_MATCH_INCONSISTENT'],
    ['setting an ARP field of RARP, as Open vSwitch', { match: match({ eth_type: 0x8035 }), ...acts(setField('arp_op', 1)) }, null],
    ['dec_nw_ttl without matching IP', acts({ type: 'dec_nw_ttl' }), 'OFPBAC_MATCH_INCONSISTENT'],
    ['dec_nw_ttl of IP', { match: ip, ...acts({ type: 'dec_nw_ttl' }) }, null],
    ['dec_mpls_ttl of IP', { match: ip, ...acts({ type: 'dec_mpls_ttl' }) }, 'OFPBAC_MATCH_INCONSISTENT'],
    ['pop_vlan in write-actions: the set has its own order', { instructions: { ...NO_INSTRUCTIONS, write: [{ type: 'pop_vlan' }] } }, null],
    ['set-field in write-actions without its prerequisites', { instructions: { ...NO_INSTRUCTIONS, write: [setField('ipv4_src', 1)] } }, 'OFPBAC_MATCH_INCONSISTENT'],
    ['set-field in write-actions after apply-actions made it possible', { instructions: { ...NO_INSTRUCTIONS, apply: [PUSH_VLAN], write: [setField('vlan_vid', 0x1001)] } }, null],
  ]
  for (const [text, given, error] of cases) {
    it(`${error ?? 'accepted'}: ${text}`, () => {
      const r = new Rig().connect(1)
      assert.deepEqual(errors(r.send(1, flowMod(given))), error === null ? [] : [error])
    })
  }

  it('1.0 does not check consistency, and has fewer flags', () => {
    const r = new Rig().connect(1, '1.0')
    assert.deepEqual(errors(r.send(1, flowMod(acts({ type: 'pop_vlan' }, setField('ipv4_src', 1), { type: 'set_vlan_vid', vid: 5 })))), [])
    assert.deepEqual(errors(r.send(1, flowMod({ flags: 4 }))), ['OFPFMFC_BAD_FLAGS'])
  })

  it('checks what a table can match and do', () => {
    const base = fakeFeatures(2)
    const poor = {
      ...fakeTable(0, 2), match: [{ field: 'eth_dst', maskable: false }, { field: 'in_port', maskable: false }] as const, wildcards: ['in_port'] as const,
      instructions: ['apply_actions'] as const, nextTables: [], applyActions: ['output', 'set_field'] as const, applySetField: ['eth_src'] as const, metadataWrite: 0n,
    }
    const r = new Rig({ pipeline: new FakePipeline({ ...base, tables: [poor, fakeTable(1, 2)] }) }).connect(1)
    const dst = match({ eth_dst: 1 })
    for (const [given, error] of [
      [{ match: match({ eth_dst: 1, eth_src: 2 }) }, 'OFPBMC_BAD_FIELD'],
      [{ match: match({ eth_dst: [1, 1] }) }, 'OFPBMC_BAD_MASK'],
      [{ match: match({ in_port: 1 }) }, 'OFPBMC_BAD_WILDCARDS'],
      [{ match: dst, ...acts(setField('eth_dst', 1)) }, 'OFPBAC_BAD_SET_TYPE'],
      [{ match: dst, ...acts(PUSH_VLAN) }, 'OFPBAC_BAD_TYPE'],
      [{ match: dst, instructions: { ...NO_INSTRUCTIONS, write: [] } }, 'OFPBIC_UNSUP_INST'],
      [{ match: dst, instructions: { ...NO_INSTRUCTIONS, clear: true } }, 'OFPBIC_UNSUP_INST'],
      [{ match: dst, instructions: { ...NO_INSTRUCTIONS, gotoTable: 1 } }, 'OFPBIC_BAD_TABLE_ID'],
      [{ match: dst, ...acts(setField('eth_src', 1), output(1)) }, null],
    ] as readonly (readonly [Partial<FlowMod>, string | null])[]) {
      assert.deepEqual(errors(r.send(1, flowMod(given))), error === null ? [] : [error])
    }
  })
})

describe('packet-out', () => {
  const arp = arpRequestFrame({ sha: 1n, spa: '10.0.0.1', tpa: '10.0.0.2' })
  const datagram = ethernet({ dst: 2n, src: 1n, type: 0x0800 }, ipv4({ src: '10.0.0.1', dst: '10.0.0.2', proto: 17 }, udp({ src: 1, dst: 2 })))
  const out = (given: Partial<Extract<Message, { type: 'packet_out' }>>): Message =>
    ({ type: 'packet_out', bufferId: 0xffffffff, inPort: Port.CONTROLLER, match: [], actions: [output(1)], data: arp, ...given })
  const cases: readonly (readonly [string, Partial<Extract<Message, { type: 'packet_out' }>>, string | null, keyof typeof VERSION])[] = [
    ['a packet', {}, null, '1.3'],
    ['a packet from a port', { inPort: 2 }, null, '1.3'],
    ['no port', { inPort: Port.ANY }, null, '1.0'],
    ['an impossible port', { inPort: Port.ALL }, 'OFPBRC_BAD_PORT', '1.3'],
    ['a buffer', { bufferId: 1 }, 'OFPBRC_BUFFER_UNKNOWN', '1.3'],
    ['output to TABLE', { actions: [output(Port.TABLE)] }, null, '1.3'],
    ['output to ANY', { actions: [output(Port.ANY)] }, 'OFPBAC_BAD_OUT_PORT', '1.3'],
    ['a group that does not exist', { actions: [toGroup(3)] }, 'OFPBAC_BAD_OUT_GROUP', '1.3'],
    ['popping a tag the packet lacks', { actions: [{ type: 'pop_vlan' }] }, 'OFPBAC_MATCH_INCONSISTENT', '1.3'],
    ['popping a tag the packet lacks, 1.0', { actions: [{ type: 'pop_vlan' }] }, null, '1.0'],
    ['popping the tag', { actions: [{ type: 'pop_vlan' }], data: arpRequestFrame({ sha: 1n, spa: '10.0.0.1', tpa: '10.0.0.2', vlans: [{ vid: 5 }] }) }, null, '1.3'],
    ['setting a UDP port of UDP', { actions: [setField('udp_src', 5)], data: datagram }, null, '1.3'],
    ['setting a TCP port of UDP', { actions: [setField('tcp_src', 5)], data: datagram }, 'OFPBAC_MATCH_INCONSISTENT', '1.3'],
  ]
  for (const [text, given, error, version] of cases) {
    it(`${error ?? 'executed'}: ${text}`, () => {
      const r = new Rig().connect(1, version)
      const message = out(given)
      const effects = r.send(1, message)
      assert.deepEqual(errors(effects), error === null ? [] : [error])
      const executed = effects.filter((effect) => effect.kind === 'packet_out').map((effect) => effect.packetOut)
      assert.deepEqual(executed, error === null ? [message] : [])
    })
  }
})
