/** OFPP_NORMAL: the switch forwards as one that learns, in flows, among other outputs, in groups, action sets and packet-outs. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { NO_BUFFER, Port, type Action, type FieldValue, type Message, type OxmName } from '../../../src/openflow/index.js'
import { eventually, flowMod, hex, output, startSwitch, type SwitchRig } from '../../support/switch-rig.js'

const exact = (field: OxmName, value: bigint): FieldValue => ({ field, value, mask: null })
const setField = (field: OxmName, value: bigint): Action => ({ type: 'set_field', field, value, mask: null })
const normal = output(Port.NORMAL)
const deleteAll = flowMod(0xff, 0, [], {}, { command: 'delete' })
const BROADCAST = 'ffffffffffff'
/** The address of host n, and a frame between two of them. */
const host = (n: number): string => `0200000000${n.toString(16).padStart(2, '0')}`
const frame = (dst: string, src: string, tag = ''): Uint8Array => hex(`${dst}${src}${tag}88b5${'00'.repeat(46)}`)
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('NORMAL', () => {
  let rig: SwitchRig
  before(async () => { rig = await startSwitch() })
  after(async () => { await rig.close() })
  const program = async (...mods: Message[]): Promise<void> => { assert.deepEqual(await rig.client.sendAll(deleteAll, ...mods), []) }
  const everyOther = (from: number, bytes: Uint8Array): string[] => [1, 2, 3, 4, 5].filter((port) => port !== from).map((port) => `${port} ${text(bytes)}`)
  const hosts = () => rig.agent.hosts().map(({ portNo, vlan, address }) => `${portNo}/${vlan}/${address.toString(16)}`).sort()
  const knows = (...wanted: string[]) => eventually(() => (wanted.every((entry) => hosts().includes(entry)) ? true : undefined), () => `it knows ${hosts().join(' ')}, not ${wanted.join(' ')}`)

  it('floods what it does not know, and then learns', async () => {
    await program(flowMod(0, 0, [], { apply: [normal] }))
    const hello = frame(BROADCAST, host(1))
    assert.deepEqual((await rig.exchange(1, hello, 4)).sort(), everyOther(1, hello))
    await knows('1/0/20000000001')
    const answer = frame(host(1), host(2))
    assert.deepEqual(await rig.exchange(2, answer, 1), [`1 ${text(answer)}`])
    await knows('2/0/20000000002')
    // Not back to where it came from, even if its destination is there.
    assert.deepEqual(await rig.exchange(1, frame(host(1), host(1)), 0), [])
  })

  it('keeps VLANs apart', async () => {
    await program(flowMod(0, 0, [], { apply: [normal] }))
    await rig.exchange(1, frame(BROADCAST, host(3), '81000064'), 4)
    await knows('1/100/20000000003')
    const there = frame(host(3), host(4), '81000064')
    assert.deepEqual(await rig.exchange(2, there, 1), [`1 ${text(there)}`])
    const elsewhere = frame(host(3), host(5), '81000065')
    assert.deepEqual((await rig.exchange(2, elsewhere, 4)).sort(), everyOther(2, elsewhere))
  })

  it('follows a host that moves, and forgets when it is told to', async () => {
    await program(flowMod(0, 0, [], { apply: [normal] }))
    await rig.exchange(1, frame(BROADCAST, host(6)), 4)
    await knows('1/0/20000000006')
    await rig.exchange(3, frame(BROADCAST, host(6)), 4)
    await knows('3/0/20000000006')
    const to = frame(host(6), host(7))
    assert.deepEqual(await rig.exchange(2, to, 1), [`3 ${text(to)}`])
    rig.agent.flushHosts()
    await eventually(() => (hosts().length === 0 ? true : undefined), () => `it still knows ${hosts().join(' ')}`)
    await rig.client.request({ type: 'barrier_request' })
    assert.deepEqual((await rig.exchange(2, to, 4)).sort(), everyOther(2, to))
  })

  it('does not learn group addresses, nor from what bridges tell each other, nor forward that', async () => {
    await program(flowMod(0, 0, [], { apply: [normal] }))
    await rig.exchange(1, frame(BROADCAST, '030000000001'), 4)
    for (const reserved of ['0180c2000000', '0180c200000f', '00e02b000004', '01000ccccccc', '01000cccccc7']) {
      assert.deepEqual(await rig.exchange(1, frame(reserved, host(8)), 0), [])
    }
    const near = frame('0180c2000010', host(14))
    assert.deepEqual((await rig.exchange(1, near, 4)).sort(), everyOther(1, near))
    await knows('1/0/2000000000e')
    assert.deepEqual(hosts().filter((entry) => entry.endsWith('/30000000001') || entry.endsWith('/20000000008')), [])
  })

  it('is one output among others, with the packet as it was then', async () => {
    await program(flowMod(0, 0, [exact('in_port', 2n)], { apply: [normal] }), flowMod(0, 0, [exact('in_port', 1n)], { apply: [output(4), setField('eth_dst', BigInt(`0x${host(9)}`)), normal, setField('eth_src', 1n), output(5)] }))
    await rig.exchange(2, frame(BROADCAST, host(9)), 4)
    await knows('2/0/20000000009')
    const sent = frame(host(10), host(11))
    const plain = text(sent)
    const changed = host(9) + plain.slice(12)
    assert.deepEqual((await rig.exchange(1, sent, 3)).sort(), [`2 ${changed}`, `4 ${plain}`, `5 ${host(9)}000000000001${plain.slice(24)}`])
  })

  it('works in groups, action sets and packet-outs', async () => {
    const bucket = { bucketId: 0, weight: 0, watchPort: Port.ANY, watchGroup: 0xffffffff, actions: [normal] }
    await program(
      { type: 'group_mod', command: 'add', groupType: 'indirect', groupId: 1, buckets: [bucket], commandBucketId: 0xffffffff },
      flowMod(0, 0, [exact('in_port', 1n)], { apply: [{ type: 'group', groupId: 1 }] }), flowMod(0, 0, [exact('in_port', 2n)], { write: [normal] }))
    const hello = frame(BROADCAST, host(12))
    assert.deepEqual((await rig.exchange(1, hello, 4)).sort(), everyOther(1, hello))
    await knows('1/0/2000000000c')
    const answer = frame(host(12), host(13))
    assert.deepEqual(await rig.exchange(2, answer, 1), [`1 ${text(answer)}`])
    rig.ports.take()
    rig.client.send({ type: 'packet_out', bufferId: NO_BUFFER, inPort: Port.CONTROLLER, match: [], actions: [normal], data: answer })
    const out = await eventually(() => rig.ports.take()[0], () => 'the packet-out does not come out')
    assert.deepEqual([out.port, text(out.frame)], [1, text(answer)])
  })
})
