import { test } from 'node:test'
import assert from 'node:assert/strict'
import { negotiate, ourHello } from '../../../src/channel/negotiation.js'
import { Backoff } from '../../../src/channel/backoff.js'
import { hello, listeningSet, until } from './peer.js'

const plain = (header: number) => ({ header, versions: Array.from({ length: header }, (_, i) => i + 1), bitmap: false })
const bitmap = (header: number, ...versions: number[]) => ({ header, versions, bitmap: true })

for (const [allowed, peer, expected] of [
  // Without elements: the smaller version field, if we speak it. OF 1.3.5 §6.3.1
  [[1, 4], plain(4), 4],
  [[1, 4], plain(1), 1],
  [[1, 4], plain(6), 4],
  [[1, 4], plain(0x63), 4],
  [[1, 4], plain(2), null],
  [[1, 4], plain(3), null],
  [[4], plain(1), null],
  [[4], plain(5), 4],
  [[1], plain(4), 1],
  [[1], plain(1), 1],
  // With bitmaps: the highest common version.
  [[1, 4], bitmap(4, 1, 4), 4],
  [[1, 4], bitmap(6, 1, 2, 3, 4, 5, 6), 4],
  [[1, 4], bitmap(6, 1, 6), 1],
  [[1, 4], bitmap(5, 5), null],
  [[1, 4], bitmap(3, 2, 3), null],
  [[1, 4], bitmap(4), null],
  // The header says less than the bitmap.
  [[1, 4], bitmap(1, 1, 4), 4],
  // Ours has no bitmap.
  [[1], bitmap(4, 1, 4), 1],
  [[1], bitmap(4, 4), null],
] as const) {
  test(`we speak [${allowed}], the peer ${peer.bitmap ? `[${peer.versions}] with header ${peer.header}` : `${peer.header} plain`}: ${expected ?? 'refused'}`, () => {
    const result = negotiate(allowed, { type: 'hello', versions: peer.versions, hasBitmap: peer.bitmap }, peer.header)
    if (expected === null) {
      assert.ok(!result.ok)
      assert.match(result.text, /^we support .*OpenFlow 1\.\d.*, you support .+: no common version$/)
    } else assert.deepEqual(result, { ok: true, version: expected })
  })
}

test('our hello has the highest version, and a bitmap since 1.3', () => {
  assert.deepEqual(ourHello([1, 4]), { version: 4, hello: { type: 'hello', versions: [1, 4], hasBitmap: true } })
  assert.deepEqual(ourHello([1]), { version: 1, hello: { type: 'hello', versions: [1], hasBitmap: false } })
})

test('pauses double up to the longest, and start again after a connection that lasted', () => {
  const backoff = new Backoff(1000)
  assert.deepEqual([0, 0, 0, 0, 0, 0, 0].map((lasted) => backoff.next(lasted)), [0, 100, 200, 400, 800, 1000, 1000])
  assert.equal(backoff.next(999), 1000)
  assert.equal(backoff.next(1000), 0)
  assert.equal(backoff.next(5), 100)
  const short = new Backoff(20)
  assert.deepEqual([0, 0, 0].map((lasted) => short.next(lasted)), [0, 20, 20])
})

for (const [what, versions, sent, ours, negotiated] of [
  ['1.3 plain', [1, 4], hello(4), '000100080000' + '0012', 4],
  ['1.0 plain', [1, 4], hello(1), '0001000800000012', 1],
  ['a bitmap of 1.0 and 1.3', [1, 4], hello(6, 0x12), '0001000800000012', 4],
  ['1.3 plain to a switch of 1.0', [1], hello(4), '', 1],
] as const) {
  test(`on the wire: ${what}`, async (context) => {
    const { events, connect } = await listeningSet(context, { versions })
    const peer = await connect()
    const first = await peer.next(0)
    assert.equal(first.version, Math.max(...versions))
    assert.equal(first.body, ours)
    peer.send(sent)
    await until('open', () => events.opened.length === 1)
    const { version, kind, peer: name } = events.opened[0] ?? assert.fail()
    assert.equal(version, negotiated)
    assert.equal(kind, 'service')
    assert.match(name, /^tcp:127\.0\.0\.1:\d+$/)
  })
}

for (const [what, sent, version, text] of [
  ['1.1 plain', hello(2), 2, /^we support OpenFlow 1\.0, OpenFlow 1\.3, you support OpenFlow 1\.1 and earlier: no common version$/],
  ['a bitmap of 1.4', hello(5, 0x20), 5, /you support OpenFlow 1\.4: no common/],
] as const) {
  test(`on the wire: ${what} is refused with HELLO_FAILED, INCOMPATIBLE and the reason, in the peer's version`, async (context) => {
    const { events, connect } = await listeningSet(context)
    const peer = await connect()
    peer.send(sent)
    const error = await peer.next(1)
    assert.equal(error.version, version)
    assert.equal(error.xid, 0x99)
    assert.equal(error.body.slice(0, 8), '00000000')
    assert.match(Buffer.from(error.body.slice(8), 'hex').toString('latin1'), text)
    await peer.end()
    assert.deepEqual(events.opened, [])
    assert.deepEqual(events.closed, [])
  })
}
