/**
 * What a barrier reply says is true on the wire: frames sent right after it meet exactly the flows that it acknowledges,
 * whatever was added, changed and deleted before. And a change that keeps the output loses no frame.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Action, FlowMod } from '../../../src/openflow/index.js'
import { eventually, flowMod, output, startSwitch, type SwitchRig } from '../../support/switch-rig.js'

const BARRIERS = Number(process.env['OFSWITCHD_BARRIERS'] ?? 150)
const SEED = Number(process.env['OFSWITCHD_BARRIERS_SEED'] ?? 1)
const DESTINATIONS = 8
const SENTINEL = 0xff

const frameTo = (destination: number, serial: number): Buffer => {
  const frame = Buffer.alloc(64)
  frame.writeUIntBE(destination, 0, 6)
  frame.writeUIntBE(0x0200_0000_00aa, 6, 6)
  frame.writeUInt16BE(0x88b5, 12)
  frame.writeUInt32BE(serial, 14)
  return frame
}
const to = (destination: number): FlowMod['match'] => [{ field: 'eth_dst', value: BigInt(destination), mask: null }]
const setSource = (value: number): Action => ({ type: 'set_field', field: 'eth_src', value: BigInt(value), mask: null })

describe('a barrier', () => {
  let rig: SwitchRig
  before(async () => {
    rig = await startSwitch()
    assert.deepEqual(await rig.client.sendAll(flowMod(0, 9, to(SENTINEL), { apply: [output(5)] })), [])
  })
  after(async () => { await rig.close() })

  it(`is true on the wire, ${BARRIERS} times`, { timeout: 60_000 + BARRIERS * 1000 }, async () => {
    let state = SEED
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor(state / 2 ** 32 * below)
    }
    /** By destination: what leaves, as port and source. */
    const flows = new Map<number, readonly string[]>()
    const choose = (): { apply: Action[]; leaves: string[] } => {
      const first = 2 + random(2)
      const source = random(3)
      const plain = '0200000000aa'
      const changed = source === 0 ? plain : source.toString(16).padStart(12, '0')
      const apply = [output(first), ...(source === 0 ? [] : [setSource(source)]), ...(random(2) === 0 ? [output(4)] : [])]
      return { apply, leaves: [`${first} ${plain}`, ...(apply.at(-1)?.type === 'output' && apply.length > 1 ? [`4 ${changed}`] : [])] }
    }
    for (let barrier = 0; barrier < BARRIERS; barrier++) {
      for (let change = 1 + random(4); change > 0; change--) {
        const destination = 1 + random(DESTINATIONS)
        const { apply, leaves } = choose()
        const command = (['add', 'modify_strict', 'delete_strict'] as const)[random(3)]!
        rig.client.send(flowMod(0, 5, to(destination), { apply }, { command }))
        if (command === 'delete_strict') flows.delete(destination)
        else if (command === 'add' || flows.has(destination)) flows.set(destination, leaves)
      }
      rig.ports.take()
      assert.equal((await rig.client.request({ type: 'barrier_request' })).type, 'barrier_reply')
      for (let destination = 1; destination <= DESTINATIONS; destination++) assert.ok(rig.ports.inject(1, frameTo(destination, barrier)))
      assert.ok(rig.ports.inject(1, frameTo(SENTINEL, barrier)))
      const seen: string[] = []
      await eventually(() => {
        for (const { port, frame } of rig.ports.take()) seen.push(`${Buffer.from(frame).readUIntBE(0, 6)}: ${port} ${Buffer.from(frame).toString('hex', 6, 12)}`)
        return seen.some((line) => line.startsWith(`${SENTINEL}:`)) ? true : undefined
      }, () => 'the last frame has not come out')
      const wanted = [...flows].flatMap(([destination, leaves]) => leaves.map((line) => `${destination}: ${line}`))
      assert.deepEqual(seen.filter((line) => !line.startsWith(`${SENTINEL}:`)).sort(), wanted.sort(), `seed ${SEED}, barrier ${barrier}`)
    }
    assert.deepEqual(rig.client.messages('peer_error'), [])
  })

  it('needs no gap: changes under traffic that keep the output lose and mislead no frame', async () => {
    const destination = 100
    const forms = [[output(2)], [setSource(1), output(2)], [setSource(2), output(2)], [output(2), setSource(3), output(3)]]
    assert.deepEqual(await rig.client.sendAll(flowMod(0, 5, to(destination), { apply: forms[0]! })), [])
    rig.ports.take()
    const seen: { port: number; frame: Buffer }[] = []
    let sent = 0
    for (let change = 1; change <= 60; change++) {
      const done = rig.client.sendAll(flowMod(0, 5, to(destination), { apply: forms[change % forms.length]! }, { command: change % 2 === 0 ? 'add' : 'modify_strict' }))
      for (let open = true; open;) {
        if (rig.ports.inject(1, frameTo(destination, sent))) sent++
        open = await Promise.race([done.then(() => false), new Promise<boolean>((resolve) => { setImmediate(() => { resolve(true) }) })])
      }
      assert.deepEqual(await done, [])
      for (const { port, frame } of rig.ports.take()) seen.push({ port, frame: Buffer.from(frame) })
    }
    const serials = (): Set<number> => new Set(seen.filter(({ port }) => port === 2).map(({ frame }) => frame.readUInt32BE(14)))
    await eventually(() => {
      for (const { port, frame } of rig.ports.take()) seen.push({ port, frame: Buffer.from(frame) })
      return serials().size >= sent ? true : undefined
    }, () => `only ${serials().size} of ${sent} frames came out`)
    assert.equal(seen.filter(({ port }) => port === 2).length, sent, 'each frame leaves once')
    const sources = new Set(seen.map(({ port, frame }) => `${port} ${frame.toString('hex', 6, 12)}`))
    for (const source of sources) assert.ok(['2 0200000000aa', '2 000000000001', '2 000000000002', '3 000000000003'].includes(source), source)
  })
})
