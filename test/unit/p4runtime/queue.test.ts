import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { toBigInt, toNumber } from '../../../src/p4proto/int64.js'
import { RpcError } from '../../../src/p4proto/service.js'
import { FakeP4Runtime } from '../../support/fake-p4runtime.js'
import { acl, ACL, COUNTER, eventually, exact, EXACT, forward, insert, modify, multicast, remove, rig } from './rig.js'
import type { Rig } from './rig.js'

const open: Rig[] = []
after(async () => { for (const { session } of open) await session.close() })
async function ready(): Promise<{ target: FakeP4Runtime; session: Rig['session'] }> {
  const target = new FakeP4Runtime()
  const made = rig({ connect: target.connect })
  open.push(made)
  await made.event('ready')
  target.calls.length = 0
  target.updates.length = 0
  return { target, session: made.session }
}
const valueOf = (update: FakeP4Runtime['updates'][number]): number => Buffer.from(update.entity?.tableEntry?.match?.[0]?.exact?.value ?? []).readUIntBE(0, update.entity?.tableEntry?.match?.[0]?.exact?.value?.length ?? 0)

test('what is given in one turn leaves in Writes of 100, in order, one at a time', async () => {
  const { target, session } = await ready()
  const answers = await Promise.all([
    session.write(Array.from({ length: 150 }, (_, i) => insert(exact(i)))),
    session.write(Array.from({ length: 290 }, (_, i) => insert(exact(150 + i)))),
    session.write([insert(exact(440))]),
  ])
  assert.deepEqual(answers, [[], [], []])
  assert.deepEqual(target.calls.map(({ size }) => size), [100, 100, 100, 100, 41])
  assert.deepEqual(target.updates.map(valueOf), Array.from({ length: 441 }, (_, i) => i))
  assert.equal(target.maxWritesInFlight, 1)
})

test('what comes while a Write is under way leaves with the next one', async () => {
  const { target, session } = await ready()
  const answers: Promise<unknown>[] = []
  target.before = () => {
    if (answers.length < 50) for (let i = 0; i < 10; i++) answers.push(session.write([insert(exact(1000 + answers.length))]))
  }
  await session.write([insert(exact(1))])
  for (let i = 0; i < answers.length; i++) await answers[i]
  assert.deepEqual(target.calls.map(({ size }) => size), [1, 10, 10, 10, 10, 10])
})

test('new flows leave in several Writes at a time; whatever else waits for them, and they for it', async () => {
  const { target, session } = await ready()
  const flows = (first: number, count: number) => session.write(Array.from({ length: count }, (_, i) => insert(exact(first + i, { controllerMetadata: 1 + first + i }))))
  const log: string[] = []
  const told = async (what: string, write: Promise<readonly unknown[]>): Promise<void> => {
    assert.deepEqual(await write, [])
    log.push(what)
  }
  target.before = async () => {
    log.push('Write')
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all([
    told('450 flows', flows(0, 450)), told('modify', session.write([modify(exact(3, { controllerMetadata: 4 }))])),
    told('shared', session.write([insert(exact(1000))])), told('250 flows', flows(2000, 250)),
  ])
  assert.deepEqual(target.calls.map(({ size }) => size), [100, 100, 100, 100, 50, 100, 100, 52])
  assert.equal(target.maxWritesInFlight, 4)
  assert.deepEqual(log.slice(0, 4), ['Write', 'Write', 'Write', 'Write'])
  const at = (what: string): number => log.indexOf(what)
  assert.ok(at('450 flows') > 0 && at('450 flows') < at('modify') && at('modify') <= at('shared'), log.join())
})

test('a write of nothing is answered at once', async () => {
  const { target, session } = await ready()
  assert.deepEqual(await session.write([]), [])
  assert.equal(target.calls.length, 0)
})

test('each failure in a batch goes to its request and its index', async () => {
  const { target, session } = await ready()
  target.onUpdate = (update) => valueOf(update) === 13 ? { code: 3, message: 'unlucky' } : undefined
  const [a, b, c, d] = await Promise.all([
    session.write([insert(exact(1)), insert(exact(1)), insert(exact(2))]),
    session.write([modify(exact(7)), insert(exact(3)), remove(exact(8)), insert(exact(13))]),
    session.write([insert(exact(4))]),
    session.write([insert(exact(4))]),
  ])
  assert.equal(target.calls.length, 1)
  assert.deepEqual(a?.map(({ index, kind, code }) => [index, kind, code]), [[1, 'target.exists', 6]])
  assert.deepEqual(b?.map(({ index, kind, code }) => [index, kind, code]), [[0, 'target.missing', 5], [2, 'target.missing', 5], [3, 'target.rejected', 3]])
  assert.equal(b?.[2]?.message, 'unlucky')
  assert.deepEqual(c, [])
  assert.deepEqual(d?.map(({ index, kind }) => [index, kind]), [[0, 'target.exists']])
  assert.deepEqual([...target.entries.values()].length, 4)
})

test('a full table is told from other failures by counting', async () => {
  const { target, session } = await ready()
  const fill = await session.write(Array.from({ length: 130 }, (_, i) => insert(acl(i))))
  assert.deepEqual(fill.map(({ index, kind, code }) => [index, kind, code]), [[128, 'target.full', 2], [129, 'target.full', 2]])
  const swap = await session.write([remove(acl(0)), insert(acl(500)), insert(acl(501)), modify(acl(500)), remove(acl(0))])
  assert.deepEqual(swap.map(({ index, kind }) => [index, kind]), [[2, 'target.full'], [4, 'target.missing']])
  await session.write([remove(acl(500))])
  target.onUpdate = () => ({ code: 2, message: 'Error when adding match entry to target' })
  assert.deepEqual((await session.write([insert(acl(502))])).map(({ kind }) => kind), ['target.rejected'], 'not full, so something else')
  target.onUpdate = () => ({ code: 8, message: 'no more' })
  assert.deepEqual((await session.write([insert(acl(502))])).map(({ kind }) => kind), ['target.full'])
})

test('entries that cannot be sent are refused in their place, the others are sent', async () => {
  const { target, session } = await ready()
  const cases = [
    insert(exact(1)),
    insert(multicast(40000, 1)),
    insert(multicast(1, 600)),
    insert(multicast(1, 0)),
    insert({ kind: 'multicast', groupId: 1, replicas: [{ port: 1, instance: 2 }, { port: 1, instance: 2 }] }),
    insert(exact(1n << 48n)),
    insert(exact(2, { table: 'nowhere' })),
    insert(exact(2, { priority: 1 })),
    insert(acl(2, { priority: 0 })),
    insert(exact(2, { idleTimeout: 1000 })),
    insert(exact(2, { action: null })),
    insert(exact(2, { action: forward(512) })),
    insert(exact(2, { action: { name: 'TinyIngress.drop', params: [] } })),
    insert(exact(2, { match: [] })),
    insert(exact(2, { match: [{ field: 'eth_dst', kind: 'ternary', value: 1n, mask: 1n }] })),
    modify({ kind: 'counter_reset', counter: COUNTER, index: 16 }),
    insert({ kind: 'default', table: EXACT, action: { name: 'NoAction', params: [] } }),
    insert(exact(3)),
  ]
  const failures = await session.write(cases)
  assert.deepEqual(failures.map(({ index, kind }) => [index, kind]), cases.slice(1, -1).map((_, i) => [i + 1, 'target.rejected']))
  const reasons = [/group 40000/, /port 600/, /port 0/, /given twice/, /does not fit/, /no table 'nowhere'/, /priority 1/, /priority 0/, /no idle timeouts/,
    /has no action$/, /0x200 does not fit/, /has no action 'TinyIngress.drop'/, /is missing/, /matched as exact, not ternary/, /no cell 16/, /only be modified/]
  for (const [i, reason] of reasons.entries()) assert.match(failures[i]?.message ?? '', reason)
  assert.deepEqual(target.updates.map(valueOf), [1, 3])
})

test('entries arrive as they were named', async () => {
  const { target, session } = await ready()
  await session.write([
    insert(acl(0x0a00_0000_0001n, {
      priority: 2 ** 31 - 1, idleTimeout: 1500, controllerMetadata: 4294967295, metadata: Uint8Array.of(1, 2), action: forward(256),
      match: [
        { field: 'eth_dst', kind: 'ternary', value: 0xffff_ffff_ffffn, mask: 0xff00n }, { field: 'in_port', kind: 'ternary', value: 1n, mask: 0n },
        { field: 'eth_type', kind: 'ternary', value: 0x0800n, mask: 0xffffn },
      ],
    })),
    insert({ ...exact(0), table: 'TinyIngress.route', match: [{ field: 'eth_dst', kind: 'lpm', value: 0x0102_0304_0506n, prefixLength: 16 }, { field: 'eth_type', kind: 'exact', value: 0n }] }),
    modify(acl(null, { resetCounters: true })),
    remove(acl(null, { action: null, controllerMetadata: 9 })),
    insert(multicast(32767, 511, 1)),
    modify({ kind: 'counter_reset', counter: COUNTER, index: 15 }),
  ])
  const hex = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('hex')
  const [first, route, reset, wildcard, group, counter] = target.updates.map(({ entity }) => entity)
  const entry = first?.tableEntry
  assert.deepEqual(entry?.match?.map((m) => [m.fieldId, hex(m.ternary?.value), hex(m.ternary?.mask)]), [[2, 'ff00', 'ff00'], [3, '0800', 'ffff']])
  assert.deepEqual([entry?.priority, toNumber(entry?.controllerMetadata), toBigInt(entry?.idleTimeoutNs), hex(entry?.metadata)], [2147483647, 4294967295, 1_500_000_000n, '0102'])
  assert.deepEqual(entry?.action?.action?.params?.map((p) => [p.paramId, hex(p.value)]), [[1, '0100']])
  assert.deepEqual(route?.tableEntry?.match?.map((m) => [m.fieldId, hex(m.lpm?.value), m.lpm?.prefixLen, hex(m.exact?.value)]), [[1, '010200000000', 16, ''], [2, '', undefined, '00']])
  assert.deepEqual({ ...reset?.tableEntry?.counterData ?? { none: true } }, {})
  assert.deepEqual(Object.keys(wildcard?.tableEntry ?? {}).sort(), ['match', 'priority', 'tableId'])
  assert.deepEqual(group?.packetReplicationEngineEntry?.multicastGroupEntry?.replicas?.map((r) => [hex(r.port), r.instance]), [['01ff', 1], ['01', 2]])
  assert.deepEqual([toNumber(counter?.counterEntry?.index?.index), { ...counter?.counterEntry?.data ?? { none: true } }], [15, {}])
})

test('reads see the writes before them and not those after them', async () => {
  const { target, session } = await ready()
  const [one, two] = [acl(1, { controllerMetadata: 12 }), acl(2, { controllerMetadata: 13 })]
  const all = await Promise.all([
    session.write([insert(exact(1, { controllerMetadata: 11 })), insert(one)]),
    session.readEntryCounters([one]),
    session.write([remove(acl(1))]),
    session.readEntryCounters([one]),
    session.write([insert(two)]),
    session.readEntryCounters([two]),
  ])
  assert.deepEqual(all, [[], [{ controllerMetadata: 12, packets: 12n, bytes: 1200n }], [], [], [], [{ controllerMetadata: 13, packets: 13n, bytes: 1300n }]])
  assert.deepEqual(target.calls.map(({ method }) => method), ['write', 'read', 'write', 'read', 'write', 'read'])
})

test('a read of a whole table sees the writes before it, and the writes after it do not wait for it', async () => {
  const { target, session } = await ready()
  const releases: (() => void)[] = []
  target.before = ({ method }) => method === 'read' ? new Promise<void>((resolve) => { releases.push(resolve) }) : undefined
  const first = session.write([insert(exact(1, { controllerMetadata: 11 })), insert(acl(1, { controllerMetadata: 12 }))])
  const reads = Array.from({ length: 12 }, () => session.readTableCounters(ACL))
  assert.deepEqual(await session.write([insert(acl(2, { controllerMetadata: 13 }))]), [])
  assert.deepEqual(await first, [])
  // As many as run at a time; the others wait for these.
  await eventually('the reads are under way', () => releases.length === 8)
  target.before = null
  for (const release of releases) release()
  for (const read of reads) assert.ok([...await read].some(({ id, packets }) => id === 12 && packets === 12n))
})

test('counters of single entries: those that are missing are left out, wildcards are picked out', async () => {
  const { target, session } = await ready()
  await session.write([
    ...[1, 2, 3, 5, 6].map((i) => insert(acl(i, { controllerMetadata: i }))),
    insert(acl(null, { controllerMetadata: 100, priority: 1 })), insert(acl(null, { controllerMetadata: 101, priority: 2 })),
  ])
  target.calls.length = 0
  const found = await session.readEntryCounters([
    ...[6, 4, 2].map((i) => acl(i, { controllerMetadata: i })), acl(null, { controllerMetadata: 101, priority: 2 }), acl(null, { controllerMetadata: 102, priority: 3 }),
    exact(1),
  ])
  assert.deepEqual(found.map(({ controllerMetadata, packets }) => [controllerMetadata, packets]).sort(), [[101, 101n], [2, 2n], [6, 6n]])
  target.calls.length = 0
  assert.deepEqual((await session.readEntryCounters([acl(1, { controllerMetadata: 1 }), acl(2, { controllerMetadata: 2 })])).length, 2)
  assert.equal(target.calls.length, 1, 'one Read for all of them')
})

test('cells of an indirect counter', async () => {
  const { target, session } = await ready()
  const id = session.p4info.counters.get(COUNTER)?.id
  target.counters.set(`${id}/3`, { packets: 5, bytes: 640 })
  assert.deepEqual(await session.readCounter(COUNTER, [3, 4]), [{ index: 3, packets: 5n, bytes: 640n }, { index: 4, packets: 0n, bytes: 0n }])
  assert.equal((await session.readCounter(COUNTER)).length, 16)
  assert.deepEqual(await session.readCounter(COUNTER, []), [])
  await session.write([modify({ kind: 'counter_reset', counter: COUNTER, index: 3 })])
  assert.deepEqual(await session.readCounter(COUNTER, [3]), [{ index: 3, packets: 0n, bytes: 0n }])
  assert.throws(() => session.readCounter('nowhere'), /no counter 'nowhere'/)
  assert.throws(() => session.readTableCounters('nowhere'), /no table 'nowhere'/)
})

test('a Write that is refused as a whole, before any update, fails each update and nothing else', async () => {
  const { target, session } = await ready()
  target.before = () => { throw new RpcError(12, 'no such atomicity') }
  assert.deepEqual((await session.write([insert(exact(1)), insert(exact(2))])).map(({ kind, code }) => [kind, code]), [['target.rejected', 12], ['target.rejected', 12]])
  target.before = null
  assert.deepEqual(await session.write([insert(exact(1))]), [])
  assert.ok(session.isReady)
})

test('large metadata makes smaller Writes', async () => {
  const { target, session } = await ready()
  const metadata = new Uint8Array(300_000)
  assert.deepEqual(await session.write(Array.from({ length: 10 }, (_, i) => insert(exact(i, { metadata })))), [])
  assert.deepEqual(target.calls.map(({ size }) => size), [4, 4, 2])
})

test('twenty thousand updates keep their order', async () => {
  const { target, session } = await ready()
  target.onUpdate = () => ({ code: 0, message: '' })
  assert.deepEqual(await session.write(Array.from({ length: 20_000 }, (_, i) => insert(exact(i)))), [])
  assert.ok(target.updates.every((update, i) => valueOf(update) === i))
  assert.deepEqual([session.statistics.writes, session.statistics.updates], [200, 20_000])
})
