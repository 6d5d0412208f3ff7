/**
 * What a barrier reply says is true on the wire: frames sent right after it meet exactly the flows that it acknowledges,
 * whatever was added, changed and deleted before. And a change that keeps the output loses no frame. On both targets.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Action, FlowMod } from '../../../src/openflow/index.js'
import { eventually, flowMod, output } from '../../support/switch-rig.js'
import { wholeTargets, type WholeSwitch } from '../../support/whole-targets.js'
import { linear } from '../../support/random.js'

const BARRIERS = Number(process.env['OFSWITCHD_BARRIERS'] ?? 150)
const SEED = Number(process.env['OFSWITCHD_BARRIERS_SEED'] ?? 1)
const CHANGES = Number(process.env['OFSWITCHD_MODIFIES'] ?? 60)
const DESTINATIONS = 8
/** Leaves by every port that another frame can leave by, after it. */
const SENTINEL = 0xff
const OUT_PORTS = [2, 3, 4] as const
/** Frames under way at a time: no queue of a target that takes its time is ever full. */
const WINDOW = 24

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

for (const target of wholeTargets)
  describe(`a barrier: ${target.name}`, { skip: target.skip }, () => {
    let sw: WholeSwitch
    before(async () => {
      sw = await target.start()
      assert.deepEqual(await sw.client.sendAll(flowMod(0, 9, to(SENTINEL), { apply: OUT_PORTS.map((port) => output(port)) })), [])
    })
    after(async () => { await sw.close() })

    it(`is true on the wire, ${BARRIERS} times`, { timeout: 60_000 + BARRIERS * 1000 }, async (t) => {
      const random = linear(SEED)
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
      let [changes, probes] = [0, 0]
      for (let barrier = 0; barrier < BARRIERS; barrier++) {
        for (let change = 1 + random(4); change > 0; change--) {
          const destination = 1 + random(DESTINATIONS)
          const { apply, leaves } = choose()
          const command = (['add', 'modify_strict', 'delete_strict'] as const)[random(3)]!
          sw.client.send(flowMod(0, 5, to(destination), { apply }, { command }))
          if (command === 'delete_strict') flows.delete(destination)
          else if (command === 'add' || flows.has(destination)) flows.set(destination, leaves)
          changes++
        }
        assert.equal((await sw.client.request({ type: 'barrier_request' })).type, 'barrier_reply')
        for (let destination = 1; destination <= DESTINATIONS; destination++, probes++) assert.ok(sw.inject(1, frameTo(destination, barrier)))
        assert.ok(sw.inject(1, frameTo(SENTINEL, barrier)))
        const seen: string[] = []
        let sentinels = 0
        await eventually(() => {
          for (const { port, frame } of sw.take()) {
            const bytes = Buffer.from(frame)
            assert.equal(bytes.readUInt32BE(14), barrier, 'a frame of an earlier barrier')
            if (bytes.readUIntBE(0, 6) === SENTINEL) sentinels++
            else seen.push(`${bytes.readUIntBE(0, 6)}: ${port} ${bytes.toString('hex', 6, 12)}`)
          }
          return sentinels === OUT_PORTS.length ? true : undefined
        }, () => `the last frame has left by ${sentinels} of ${OUT_PORTS.length} ports`, 60_000)
        const wanted = [...flows].flatMap(([destination, leaves]) => leaves.map((line) => `${destination}: ${line}`))
        assert.deepEqual(seen.sort(), wanted.sort(), `seed ${SEED}, barrier ${barrier}`)
        assert.deepEqual(sw.client.messages('peer_error'), [])
        sw.client.heard.length = 0
      }
      t.diagnostic(`${target.name}, seed ${SEED}: ${BARRIERS} barriers, ${changes} changes, ${probes} probes`)
    })

    it(`needs no gap: ${CHANGES} changes under traffic that keep the output lose and mislead no frame`, { timeout: 60_000 + CHANGES * 1000 }, async (t) => {
      const destination = 100
      const forms = [[output(2)], [setSource(1), output(2)], [setSource(2), output(2)], [output(2), setSource(3), output(3)]]
      assert.deepEqual(await sw.client.sendAll(flowMod(0, 5, to(destination), { apply: forms[0]! })), [])
      /** Serial numbers that have left by port 2. */
      const arrived = new Set<number>()
      const sources = new Set<string>()
      const take = (): void => {
        for (const { port, frame } of sw.take()) {
          const bytes = Buffer.from(frame)
          sources.add(`${port} ${bytes.toString('hex', 6, 12)}`)
          if (port !== 2) continue
          const serial = bytes.readUInt32BE(14)
          assert.ok(!arrived.has(serial), `frame ${serial} leaves once`)
          arrived.add(serial)
        }
      }
      take()
      let sent = 0
      for (let change = 1; change <= CHANGES; change++) {
        const done = sw.client.sendAll(flowMod(0, 5, to(destination), { apply: forms[change % forms.length]! }, { command: change % 2 === 0 ? 'add' : 'modify_strict' }))
        const before = sent
        let open = true
        void done.then(() => { open = false }, () => { open = false })
        // A few frames after it, too: what the old form led to goes when the new one is there.
        for (let last = Infinity; sent < last;) {
          if (sent - arrived.size < WINDOW && sw.inject(1, frameTo(destination, sent))) sent++
          if (!open && last === Infinity) last = Math.max(sent, before + 1) + 4
          await new Promise((resolve) => { setImmediate(resolve) })
          take()
          if (sent - arrived.size >= WINDOW) await eventually(() => { take(); return sent - arrived.size < WINDOW ? true : undefined }, () => `only ${arrived.size} of ${sent} frames came out, after change ${change}`, 60_000)
        }
        assert.deepEqual(await done, [])
        sw.client.heard.length = 0
      }
      await eventually(() => { take(); return arrived.size >= sent ? true : undefined }, () => `only ${arrived.size} of ${sent} frames came out`, 60_000)
      for (const source of sources) assert.ok(['2 0200000000aa', '2 000000000001', '2 000000000002', '3 000000000003'].includes(source), source)
      for (const source of ['2 0200000000aa', '2 000000000001', '2 000000000002']) assert.ok(sources.has(source), `no frame met the form that leaves as ${source}`)
      t.diagnostic(`${target.name}: ${CHANGES} changes, ${sent} frames`)
    })
  })
