/** Packet buffers. OF 1.3.5 §6.1.2, §7.3.4.1, §7.3.7, §7.4.1 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NO_BUFFER, Port } from '../../../src/openflow/index.js'
import type { PacketOut } from '../../../src/openflow/index.js'
import type { Effect, PacketInInput } from '../../../src/datapath/index.js'
import { Rig, commits, errors, flowMod, output, sent } from '../../support/datapath-rig.js'

const data = Uint8Array.from({ length: 100 }, (_, index) => index)
const arrives = (given: Partial<PacketInInput> = {}): PacketInInput =>
  ({ kind: 'packet_in', inPort: 2, reason: 'action', tableId: 0, flowId: 0, metadata: 0n, tunnelId: 0n, maxLen: 40, data, ...given })
const withBuffers = (buffers: number): Rig => new Rig({ config: { buffers } }).connect(1)
/** Id, bytes and whole length of the packet-ins a connection got. */
const got = (effects: readonly Effect[], conn = 1): (readonly [number, number, number])[] =>
  sent(effects, conn).flatMap((message) => message.type === 'packet_in' ? [[message.bufferId, message.data.length, message.totalLen] as const] : [])
const packetOut = (bufferId: number): PacketOut => ({ type: 'packet_out', bufferId, inPort: 1, match: [], actions: [output(3)], data: new Uint8Array() })
const leaving = (effects: readonly Effect[]): PacketOut[] => effects.flatMap((effect) => effect.kind === 'packet_out' ? [effect.packetOut] : [])

describe('packet buffers', () => {
  it('are none by default: packet-ins are whole', () => {
    const r = new Rig().connect(1)
    assert.deepEqual(got(r.step(arrives())), [[NO_BUFFER, 100, 100]])
    assert.deepEqual(errors(r.send(1, packetOut(1))), ['OFPBRC_BUFFER_UNKNOWN'])
    assert.deepEqual(errors(r.send(1, flowMod({ bufferId: 1 }))), ['OFPBRC_BUFFER_UNKNOWN'])
  })

  it('keep a packet of which max_len bytes are told, or miss_send_len', () => {
    const r = withBuffers(8).connect(2)
    const [features] = sent(r.send(1, { type: 'features_request' }))
    assert.equal(features?.type === 'features_reply' && features.nBuffers, 8)
    r.send(1, { type: 'set_config', flags: 0, missSendLen: 20 })
    const effects = r.step(arrives())
    assert.deepEqual([got(effects, 1), got(effects, 2)], [[[1, 40, 100]], [[1, 40, 100]]], 'under one id for everyone')
    assert.deepEqual(got(r.step(arrives({ maxLen: 0xffff }))), [[NO_BUFFER, 100, 100]])
    assert.deepEqual(got(r.step(arrives({ maxLen: 2000 }))), [[2, 100, 100]])
    r.send(1, { type: 'set_async', packetIn: [4, 0], portStatus: [null, null], flowRemoved: [null, null], roleStatus: [null, null], tableStatus: [null, null], requestForward: [null, null], flowStats: [null, null], controllerStatus: [null, null] })
    assert.deepEqual(got(r.step(arrives({ reason: 'invalid_ttl' }))), [[3, 20, 100]])
  })

  it('give a packet to a packet-out, once', () => {
    const r = withBuffers(2)
    r.step(arrives())
    const [out] = leaving(r.send(1, packetOut(1)))
    assert.deepEqual([out?.bufferId, out?.inPort, [...out?.data ?? []]], [NO_BUFFER, 1, [...data]])
    assert.deepEqual(errors(r.send(1, packetOut(1))), ['OFPBRC_BUFFER_EMPTY'])
    for (let i = 0; i < 2; i++) r.step(arrives())
    assert.deepEqual(errors(r.send(1, packetOut(1))), ['OFPBRC_BUFFER_UNKNOWN'], 'others have its place')
  })

  it('give a packet to the tables after a flow-mod, when the target has the flow', () => {
    const r = withBuffers(2)
    r.step(arrives())
    r.auto = false
    const asked = r.send(1, flowMod({ bufferId: 1 }))
    const [commit] = commits(asked)
    assert.ok(commit)
    assert.deepEqual(leaving(asked), [])
    const [out] = leaving(r.step({ kind: 'committed', token: commit.token }))
    assert.deepEqual([out?.inPort, out?.actions, out?.data.length], [2, [{ type: 'output', port: Port.TABLE, maxLen: 0 }], 100])
    assert.deepEqual(errors(r.send(1, packetOut(1))), ['OFPBRC_BUFFER_EMPTY'])
  })

  it('keep a packet whose flow-mod is refused, and take no notice of a deletion', () => {
    const r = withBuffers(2)
    r.step(arrives())
    assert.deepEqual(errors(r.send(1, flowMod({ bufferId: 1, tableId: 99 }))), ['OFPFMFC_BAD_TABLE_ID'])
    r.auto = false
    const [commit] = commits(r.send(1, flowMod({ bufferId: 1 })))
    assert.ok(commit)
    assert.deepEqual(leaving(r.step({ kind: 'rejected', token: commit.token, failures: [] })), [])
    r.auto = true
    assert.deepEqual(errors(r.send(1, flowMod({ command: 'delete', bufferId: 77 }))), [])
    assert.equal(leaving(r.send(1, flowMod({ command: 'modify', bufferId: 1 }))).length, 1, 'a modification of nothing is a flow-mod, too')
  })
})
