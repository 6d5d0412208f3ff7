/**
 * Mixed load for OFSWITCHD_SOAK_SECONDS: flows come and go, frames go out and up, statistics are asked for, controllers
 * come and leave, the target is attached to anew. No reply is lost, memory stays flat, and at the end the switch has what a
 * plain list says and forwards accordingly.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Port } from '../../src/openflow/index.js'
import { flowMod, OpenFlowClient, output, startSwitch } from '../support/switch-rig.js'

const SECONDS = Number(process.env['OFSWITCHD_SOAK_SECONDS'] ?? 15)
const SEED = Number(process.env['OFSWITCHD_SOAK_SEED'] ?? 1)
const MAX_LIVE_GROWTH = 16 * 1024 * 1024
/** Resident memory, the target's thread included. When garbage is collected is V8's affair: in seconds this says nothing, in minutes it does. */
const MAX_RESIDENT_GROWTH = 128 * 1024 * 1024
const RESIDENT_SETTLES_SECONDS = 300

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes that are in use after a collection, and resident ones; the least of a few moments, since work under way holds memory, too. */
async function memory(): Promise<{ readonly live: number; readonly resident: number }> {
  let least = Infinity
  for (let look = 0; look < 4; look++) {
    await nextTurn()
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    least = Math.min(least, heapUsed + external)
  }
  return { live: least, resident: process.memoryUsage().rss }
}

const frameTo = (destination: number): Buffer => {
  const frame = Buffer.alloc(64)
  frame.writeUIntBE(destination, 0, 6)
  frame.writeUInt16BE(0x88b5, 12)
  return frame
}

/** Destination and cookie of all flows. */
async function dump(client: OpenFlowClient): Promise<(readonly [number, bigint])[]> {
  const filter = { outPort: Port.ANY, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] }
  const asked = client.send({ type: 'stats_request', more: false, body: { kind: 'flow', tableId: 0, ...filter } })
  await client.waitFor(({ xid, message }) => xid === asked && message.type === 'stats_reply' && message.more !== true, 30_000)
  return client.heard.flatMap(({ xid, message }) => (xid === asked && message.type === 'stats_reply' && message.body.kind === 'flow' ? message.body.flows : []))
    .map(({ match, cookie }) => [Number(match[0]?.value), cookie] as const).sort(([a], [b]) => a - b)
}

it(`bears mixed load for ${SECONDS} s`, { timeout: SECONDS * 1000 + 120_000 }, async (t) => {
  let state = SEED
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
  const rig = await startSwitch()
  try {
    rig.client.send({ type: 'set_config', flags: 0, missSendLen: 128 })
    const flows = new Map<number, bigint>()
    const done = { changes: 0, statistics: 0, frames: 0, clients: 0, attachments: 0 }
    const end = Date.now() + SECONDS * 1000
    let settled: Awaited<ReturnType<typeof memory>> | null = null
    for (let round = 0; Date.now() < end; round++) {
      const xids: number[] = []
      for (let count = 20; count > 0; count--) {
        const destination = 1 + random(2000)
        const match = [{ field: 'eth_dst' as const, value: BigInt(destination), mask: null }]
        const remove = random(3) === 0
        const cookie = BigInt(random(1 << 30))
        const apply = [output(random(8) === 0 ? Port.CONTROLLER : 2 + random(4)), ...(random(4) === 0 ? [{ type: 'set_field' as const, field: 'eth_src' as const, value: BigInt(random(50)), mask: null }, output(3)] : [])]
        xids.push(rig.client.send(flowMod(0, 5, match, { apply }, { cookie, ...(remove ? { command: 'delete_strict' as const } : {}) })))
        if (remove) flows.delete(destination)
        else flows.set(destination, cookie)
        done.changes++
      }
      for (let count = 10; count > 0; count--) if (rig.ports.inject(1, frameTo(1 + random(2000)))) done.frames++
      if (random(20) === 0) {
        assert.ok((await dump(rig.client)).length > 0)
        done.statistics++
      }
      if (random(30) === 0) {
        const other = await OpenFlowClient.connect(rig.listenPort)
        assert.equal((await other.request({ type: 'features_request' })).type, 'features_reply')
        other.close()
        done.clients++
      }
      if (random(80) === 0) {
        rig.agent.restartTarget('a test asks for it')
        done.attachments++
      }
      assert.equal((await rig.client.request({ type: 'barrier_request' })).type, 'barrier_reply')
      assert.deepEqual(rig.client.messages('peer_error'), [])
      rig.ports.take()
      rig.client.heard.length = 0
      // What is loaded and compiled at first does not count as growth.
      if (settled === null && Date.now() > end - SECONDS * 500) settled = await memory()
    }
    const found = await dump(rig.client)
    assert.deepEqual(found, [...flows].sort(([a], [b]) => a - b))
    assert.ok(settled !== null, 'not one round in the second half')
    const now = await memory()
    const grown = { live: now.live - settled.live, resident: now.resident - settled.resident }
    t.diagnostic(`${JSON.stringify(done)}, more than at half time: ${Math.round(grown.live / 1024)} KB live, ${Math.round(grown.resident / 1024)} KB resident`)
    assert.ok(grown.live < MAX_LIVE_GROWTH, `${grown.live} bytes in use more than at half time`)
    if (SECONDS >= RESIDENT_SETTLES_SECONDS) assert.ok(grown.resident < MAX_RESIDENT_GROWTH, `${grown.resident} bytes resident more than at half time`)
  } finally {
    await rig.close()
  }
})
