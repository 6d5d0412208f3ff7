/** What simple_switch does at the end of ingress and of egress: clones, replicas, resubmission, recirculation. programs/paths.p4 */
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { createInProcessTarget } from '../../../src/target/index.js'
import { Client, loadProgram, rigWith, shown, unhex } from './rig.js'
import type { Rig } from './rig.js'

const normal = 0
const ingressClone = 1
const egressClone = 2
const recirculated = 4
const replicated = 5
const resubmitted = 6
const none = { clone_it: 0, digest_it: 0, resubmit_it: 0, group: 0, port: 511, drop_it: 0, priority: 0 }
const noEgress = { clone_it: 0, clone_two: 0, recirculate_it: 0, drop_it: 0, add: 0, cut: 0 }

/**
 * A frame is kind, trail, kept, lost. Ingress adds 1 to trail, and to the metadata that egress writes to kept and lost: kept
 * starts with 0 and is in the preserved lists, lost starts with 1 (the parser sets it) and is in none.
 */
describe('passes', () => {
  let rig: Rig
  const ingress = (kind: number, what: Partial<typeof none>, type = normal): Promise<void> =>
    rig.client.insert({ table: 'ingress_end', match: { 'h.mark.kind': kind, 's.instance_type': type }, action: ['I.run', { ...none, ...what }] })
  const egress = (kind: number, what: Partial<typeof noEgress>, type = normal, instance?: number): Promise<void> =>
    rig.client.insert({ table: 'egress_end', match: { 'h.mark.kind': kind, 's.instance_type': type, ...(instance === undefined ? {} : { 's.egress_rid': instance }) }, priority: instance === undefined ? 1 : 2, action: ['E.run', { ...noEgress, ...what }] })
  beforeEach(async () => { rig = await rigWith('paths') })

  test('unicast', async () => {
    await ingress(1, { port: 2 })
    assert.deepEqual(rig.inject(7, '01 00 00 00 aa'), ['2 01010102aa'])
  })

  test('a packet that ingress drops', async () => {
    await ingress(1, { port: 2, drop_it: 1 })
    assert.deepEqual(rig.inject(7, '01 00 00 00'), [])
    assert.deepEqual(rig.inject(7, '77 00 00 00'), [])
  })

  test('an ingress clone is the packet as it came, with the preserved metadata only', async () => {
    await ingress(1, { clone_it: 1, port: 2 })
    await rig.client.session(5, [[7, 11], [8, 12]])
    assert.deepEqual(rig.inject(3, '01 40 00 00 aa'), ['7 01400100aa', '8 01400100aa', '2 01410102aa'])
  })

  test('an ingress clone leaves although the packet is dropped, and its instance shows in egress', async () => {
    await ingress(1, { clone_it: 1, drop_it: 1 })
    await rig.client.session(5, [[7, 11], [8, 12]])
    await egress(1, { add: 0x30 }, ingressClone, 12)
    assert.deepEqual(rig.inject(3, '01 40 00 00'), ['7 01400100', '8 01700100'])
  })

  test('a clone session that is not there makes no clone', async () => {
    await ingress(1, { clone_it: 1, port: 2 })
    assert.deepEqual(rig.inject(3, '01 00 00 00'), ['2 01010102'])
  })

  test('multicast replaces unicast, and replicas keep headers and all metadata', async () => {
    await ingress(1, { group: 9, port: 2 })
    await rig.client.group(9, [[4, 1], [5, 2], [5, 3]])
    await egress(1, { add: 0x10 }, replicated, 2)
    assert.deepEqual(rig.inject(3, '01 00 00 00'), ['4 01010102', '5 01110102', '5 01010102'])
  })

  test('mark_to_drop clears the multicast group', async () => {
    await ingress(1, { group: 9, drop_it: 1 })
    await rig.client.group(9, [[4, 1]])
    assert.deepEqual(rig.inject(3, '01 00 00 00'), [])
  })

  test('a group without entry, or without replicas, drops', async () => {
    await ingress(1, { group: 9 })
    assert.deepEqual(rig.inject(3, '01 00 00 00'), [])
    await rig.client.group(9, [])
    assert.deepEqual(rig.inject(3, '01 00 00 00'), [])
  })

  test('a clone and replicas of one pass', async () => {
    await ingress(1, { clone_it: 1, group: 9 })
    await rig.client.session(5, [[7, 0]])
    await rig.client.group(9, [[4, 1]])
    assert.deepEqual(rig.inject(3, '01 00 00 00'), ['7 01000100', '4 01010102'])
  })

  test('resubmission beats multicast and drop; the bytes are those of the first pass', async () => {
    await ingress(1, { resubmit_it: 1, group: 9, drop_it: 1 })
    await ingress(1, { port: 2 }, resubmitted)
    await rig.client.group(9, [[4, 1]])
    assert.deepEqual(rig.inject(3, '01 40 00 00 aa'), ['2 01410202aa'])
  })

  test('a clone and a resubmission of one pass', async () => {
    await ingress(1, { clone_it: 1, resubmit_it: 1 })
    await ingress(1, { port: 2 }, resubmitted)
    await rig.client.session(5, [[7, 0]])
    assert.deepEqual(rig.inject(3, '01 00 00 00'), ['7 01000100', '2 01010202'])
  })

  test('recirculation parses what egress wrote; only the list survives', async () => {
    await ingress(1, { port: 2 })
    await egress(1, { recirculate_it: 1, add: 0x10 })
    await ingress(1, { port: 6 }, recirculated)
    await egress(1, { add: 0 }, normal, 1)
    // The second pass is sent as a normal packet: egress would recirculate it for ever without another kind.
    await rig.client.remove({ table: 'egress_end', match: { 'h.mark.kind': 1, 's.instance_type': normal }, priority: 1 })
    await egress(1, { recirculate_it: 1, add: 0x10 })
    await rig.client.modify({ table: 'ingress_end', match: { 'h.mark.kind': 1, 's.instance_type': recirculated }, action: ['I.run', { ...none, group: 9 }] })
    await rig.client.group(9, [[6, 1]])
    // pass 1: trail 1 + 0x10, kept 1; pass 2: trail + 1, kept 2, lost 2 again
    assert.deepEqual(rig.inject(3, '01 00 00 00 aa'), ['6 01120202aa'])
  })

  test('a replica recirculates by itself', async () => {
    await ingress(1, { group: 9 })
    await rig.client.group(9, [[4, 1], [500, 2]])
    await egress(1, { recirculate_it: 1, add: 0x20 }, replicated, 2)
    await ingress(1, { port: 6 }, recirculated)
    assert.deepEqual(rig.inject(3, '01 00 00 00'), ['4 01010102', '6 01220202'])
  })

  test('an egress clone has the headers of the end of egress, leaves although its original is dropped, and goes through egress again', async () => {
    await ingress(1, { port: 2 })
    await egress(1, { clone_it: 1, drop_it: 1, add: 0x10 })
    await egress(1, { add: 0x40 }, egressClone)
    await rig.client.session(6, [[8, 0]])
    // kept is in list 2, lost is not
    assert.deepEqual(rig.inject(3, '01 00 00 00 aa'), ['8 01510100aa'])
  })

  test('drop beats recirculation in egress', async () => {
    await ingress(1, { port: 2 })
    await egress(1, { recirculate_it: 1, drop_it: 1 })
    assert.deepEqual(rig.inject(3, '01 00 00 00'), [])
  })

  test('an egress clone and a recirculation of one pass', async () => {
    await ingress(1, { port: 2 })
    await egress(1, { clone_it: 1, recirculate_it: 1 })
    await ingress(1, { group: 9 }, recirculated)
    await rig.client.session(6, [[8, 0]])
    await rig.client.group(9, [[5, 0]])
    // The clone is made before egress writes kept and lost … which it does for the clone too.
    assert.deepEqual(rig.inject(3, '01 00 00 00').sort(), ['5 01020202', '8 01010100'])
  })

  test('the last clone of a pass wins', async () => {
    await ingress(1, { port: 2 })
    await egress(1, { clone_it: 1, clone_two: 1 })
    await rig.client.session(6, [[8, 0]])
    await rig.client.session(7, [[9, 0]])
    // Session 7 was asked for without a list: kept is lost too.
    assert.deepEqual(rig.inject(3, '01 00 00 00').sort(), ['2 01010102', '9 01010000'])
  })

  test('truncation counts the deparsed packet, and ends with recirculation', async () => {
    await ingress(1, { port: 2 })
    await egress(1, { cut: 3 })
    assert.deepEqual(rig.inject(3, '01 00 00 00 aa'), ['2 010101'])
    await ingress(2, { port: 2 })
    await egress(2, { cut: 3, recirculate_it: 1 })
    await ingress(2, { group: 9 }, recirculated)
    await rig.client.group(9, [[5, 0]])
    assert.deepEqual(rig.inject(3, '02 00 00 00 aa'), ['5 02020202aa'])
  })

  test('a packet that recirculates for ever holds nobody up', async () => {
    await ingress(1, { port: 2 })
    await ingress(1, { port: 2 }, recirculated)
    await egress(1, { recirculate_it: 1 })
    await ingress(2, { port: 4 })
    assert.deepEqual(rig.inject(3, '01 00 00 00'), [])
    assert.deepEqual(rig.inject(3, '02 00 00 00'), ['4 02010102'])
  })

  test('a packet that doubles in every pass is bounded', async () => {
    await ingress(1, { group: 9 })
    await ingress(1, { group: 9 }, recirculated)
    await egress(1, { recirculate_it: 1 }, replicated)
    await rig.client.group(9, [[5, 0], [6, 0]])
    rig.inject(3, '01 00 00 00')
    assert.ok(rig.target.target.statistics().dropped > 0)
    await ingress(2, { port: 4 })
    assert.deepEqual(rig.inject(3, '02 00 00 00'), ['4 02010102'])
  })

  test('a replica to the CPU port is a packet-in with its metadata', async () => {
    await ingress(1, { group: 9 })
    await rig.client.group(9, [[510, 21]])
    assert.deepEqual(rig.inject(300, '01 00 00 00 aabb'), [])
    await rig.client.until(() => rig.client.packetsIn().length > 0)
    assert.deepEqual(rig.client.packetsIn(), [{ payload: '01010102aabb', metadata: { port: 300n, reason: 21n, length: 6n } }])
  })

  test('a packet-in can be cut', async () => {
    await ingress(1, { port: 510 })
    await egress(1, { cut: 8 })
    rig.inject(3, '01 00 00 00 aabb')
    await rig.client.until(() => rig.client.packetsIn().length > 0)
    assert.deepEqual(rig.client.packetsIn(), [{ payload: '0101', metadata: { port: 3n, reason: 0n, length: 6n } }])
  })

  test('a packet-out goes through the pipeline with the CPU port as its ingress port', async () => {
    rig.client.packetOut(unhex('01 00 00 00'), { port: 300, kind: 5 })
    assert.deepEqual(shown(rig.target.take()), ['300 01000c01'])
  })

  test('metadata left out of a packet-out is 0', async () => {
    rig.client.packetOut(unhex('01 00 00 00'), { kind: 5 })
    assert.deepEqual(shown(rig.target.take()), ['0 01000c01'])
  })

  test('metadata that the program does not know is reported', async () => {
    rig.client.stream.send({ packet: { payload: unhex('01 00 00 00'), metadata: [{ metadataId: 99, value: Uint8Array.of(1) }] } })
    await rig.client.until(() => rig.client.messages.some(message => message.error))
    const { error } = rig.client.messages.at(-1) ?? {}
    assert.equal(error?.canonicalCode, 3)
    assert.match(error?.message ?? '', /no metadata field with id 99/)
    assert.deepEqual(shown(rig.target.take()), [])
  })

  test('a trace shows tables, entries and outputs, and leaves nothing behind', async () => {
    await ingress(1, { clone_it: 1, group: 9 })
    await rig.client.session(5, [[7, 0]])
    await rig.client.group(9, [[4, 1]])
    await rig.client.modify({ table: 'ingress_end', match: { 'h.mark.kind': 1, 's.instance_type': normal }, action: ['I.run', { ...none, clone_it: 1, group: 9 }], more: { controllerMetadata: 4711 } })
    const steps = rig.target.trace(3, unhex('01 00 00 00'))
    assert.deepEqual(steps.map(step => step.kind === 'table' ? `${step.table} ${step.entry === null ? 'miss' : step.entry.controllerMetadata} ${step.action ?? '-'}`
      : step.kind === 'output' ? `output ${step.port} ${Buffer.from(step.frame).toString('hex')}` : step.kind), [
      'ingress', 'I.ingress_end 4711 I.run', 'clone', 'multicast', 'egress', 'E.egress_end miss NoAction', 'output 7 01000100',
      'egress', 'E.egress_end miss NoAction', 'output 4 01010102'])
    const entry = steps.find(step => step.kind === 'table' && step.table === 'I.ingress_end')
    assert.ok(entry?.kind === 'table')
    assert.deepEqual(entry.params.find(({ name }) => name === 'group'), { name: 'group', value: 9n })
    assert.deepEqual(shown(rig.target.take()), [])
    assert.deepEqual(rig.inject(3, '01 00 00 00'), ['7 01000100', '4 01010102'])
  })
})

describe('queues', () => {
  test('a priority beyond the queues drops, as BMv2 does', async () => {
    for (const [priorityQueues, expected] of [[8, ['2 01010102']], [1, []]] as const) {
      const target = createInProcessTarget({ priorityQueues })
      const client = new Client(target.target.connect(), loadProgram('paths'))
      await client.arbitrate()
      await client.push()
      await client.insert({ table: 'ingress_end', match: { 'h.mark.kind': 1, 's.instance_type': 0 }, action: ['I.run', { ...none, port: 2, priority: 7 }] })
      assert.deepEqual(shown(target.inject(1, unhex('01 00 00 00'))), expected)
    }
  })
})

describe('digests', () => {
  const config = (maxTimeoutNs: number, maxListSize: number, ackTimeoutNs: number) => ({ maxTimeoutNs, maxListSize, ackTimeoutNs })
  const rigWithDigest = async (values: ReturnType<typeof config>): Promise<Rig & { readonly lists: () => { readonly id: number; readonly data: string[] }[] }> => {
    const rig = await rigWith('paths')
    const kinds = Array.from({ length: 8 }, (_, kind) => kind)
    await rig.client.insert(...kinds.map(kind => ({ table: 'ingress_end', match: { 'h.mark.kind': kind, 's.instance_type': 0 }, action: ['I.run', { ...none, digest_it: 1 }] as const })))
    await rig.client.write([{ type: 1, entity: { digestEntry: { digestId: rig.client.digestId('digest_t'), config: values } } }])
    const lists = () => rig.client.messages.flatMap(({ digest }) => !digest ? [] : [{
      id: Number((digest.listId as { readonly low: number }).low),
      data: (digest.data ?? []).map(({ struct }) => (struct?.members ?? []).map(({ bitstring }) => Buffer.from(bitstring ?? []).toString('hex')).join(' ')),
    }])
    return { ...rig, lists }
  }

  test('a list of one is sent at once, without duplicates until it is acknowledged', async () => {
    const rig = await rigWithDigest(config(0, 1, 1_000_000_000))
    rig.inject(3, '01 00 00 00')
    rig.inject(3, '01 00 00 00')
    rig.inject(300, '01 00 00 00')
    await rig.client.until(() => rig.lists().length === 2)
    assert.deepEqual(rig.lists(), [{ id: 1, data: ['01 03 abcdef012345'] }, { id: 2, data: ['01 012c abcdef012345'] }])
    rig.client.stream.send({ digestAck: { digestId: rig.client.digestId('digest_t'), listId: 1 } })
    rig.inject(3, '01 00 00 00')
    rig.inject(300, '01 00 00 00')
    await rig.client.until(() => rig.lists().length === 3)
    assert.deepEqual(rig.lists()[2], { id: 3, data: ['01 03 abcdef012345'] })
    rig.target.advance(1000)
    rig.inject(300, '01 00 00 00')
    await rig.client.until(() => rig.lists().length === 4)
    assert.deepEqual(rig.lists()[3]?.data, ['01 012c abcdef012345'], 'the second list was forgotten after its time')
  })

  test('a list waits until it is full or old', async () => {
    const rig = await rigWithDigest(config(2_000_000_000, 2, 0))
    rig.inject(3, '01 00 00 00')
    rig.inject(3, '01 00 00 00')
    rig.inject(3, '02 00 00 00')
    await rig.client.until(() => rig.lists().length === 1)
    assert.deepEqual(rig.lists()[0]?.data, ['01 03 abcdef012345', '02 03 abcdef012345'])
    rig.inject(3, '03 00 00 00')
    rig.target.advance(1500)
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(rig.lists().length, 1)
    rig.target.advance(500)
    await rig.client.until(() => rig.lists().length === 2)
  })

  test('a digest that is not configured is not sent, and its config can be read', async () => {
    const rig = await rigWithDigest(config(0, 1, 5))
    const digestId = rig.client.digestId('digest_t')
    assert.equal((await rig.client.read({ digestEntry: {} })).length, 1)
    await rig.client.write([{ type: 3, entity: { digestEntry: { digestId } } }])
    assert.equal((await rig.client.read({ digestEntry: {} })).length, 0)
    rig.inject(3, '01 00 00 00')
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(rig.lists().length, 0)
  })
})
