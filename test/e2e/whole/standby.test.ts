/**
 * Two agents on one BMv2, by P4Runtime's election, under one address: one speaks for the switch; when it goes, the other has
 * all flows and groups with their cookies and counters, and gives back when the first returns. Frames are forwarded all the
 * time. P4RT 1.4 §5. (test/unit/agent/standby.test.ts has the same on a target that only keeps entries.)
 */
import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import type { Agent } from '../../../src/agent/agent.js'
import { bucket, groupMod, setField, toGroup } from '../../support/datapath-rig.js'
import { freePort } from '../../support/free-port.js'
import { eventually, flowMod, OpenFlowClient, output } from '../../support/switch-rig.js'
import { describeExpected, describeTarget } from '../../support/target-contents.js'
import { GrpcService } from '../../../src/p4runtime/index.js'
import { startOnBmv2 } from '../../support/whole-targets.js'
import { Bmv2, whyNoBmv2 } from '../../unit/target/bmv2.js'

const PATIENCE_MS = 120_000
const TURNS = 4

const closers: (() => Promise<unknown> | void)[] = []
after(async () => { for (const close of closers.reverse()) await close() })

it('one speaks, the other takes over and gives back: BMv2', { skip: whyNoBmv2(), timeout: 600_000 }, async () => {
  const bmv2 = await Bmv2.start()
  closers.push(() => bmv2.stop())
  const links = new Map([1, 2, 3, 4, 5].map((port) => [port, true]))
  const port = await freePort()
  const start = async (electionId: number): Promise<Agent> => {
    const agent = await startOnBmv2(bmv2, links, { electionId, listen: [{ transport: 'tcp', passive: true, host: '127.0.0.1', port }] })
    closers.push(() => agent.close())
    return agent
  }
  const connected = async (): Promise<OpenFlowClient> => {
    const client = await OpenFlowClient.connectSoon(port, PATIENCE_MS)
    closers.push(() => client.close())
    return client
  }
  const to = (destination: number) => [{ field: 'eth_dst' as const, value: BigInt(destination), mask: null }]
  const flow = (index: number) => flowMod(0, 5, to(index), { apply: [setField('eth_src', index), index % 2 === 0 ? toGroup(1) : output(2)] }, { cookie: BigInt(index), idleTimeout: 600 })
  const group = groupMod({ groupId: 1, buckets: [bucket({ actions: [output(2)] }), bucket({ actions: [setField('eth_src', 99), output(3)] })] })
  let sent = 0
  /** A frame of the first flow leaves; nobody has to be there for that. */
  const forwards = async (): Promise<void> => {
    const frame = Buffer.alloc(64)
    frame.writeUIntBE(1, 0, 6)
    frame.writeUInt16BE(0x88b5, 12)
    frame.writeUInt32BE(++sent, 14)
    bmv2.inject({ id: sent, port: 1, frame })
    await eventually(() => (bmv2.outputs.some((out) => out.port === 2 && Buffer.from(out.frame).readUInt32BE(14) === sent) ? true : undefined), () => `frame ${sent} did not come out`, PATIENCE_MS)
    bmv2.outputs = []
  }

  let speaker = await start(20)
  await speaker.ready
  await bmv2.ready()
  let client = await connected()
  assert.deepEqual(await client.sendAll(group, flow(1)), [])
  await forwards()
  let quiet = await start(10)
  for (let turn = 1; turn <= TURNS; turn++) {
    // The one with the higher number dies; then it comes back, and takes its turn from the other.
    const dies = turn % 2 === 1
    assert.deepEqual(quiet.channels.listening(), [], 'one does not listen')
    assert.deepEqual(await client.sendAll(flow(1 + turn)), [])
    await forwards()
    if (dies) {
      const before = speaker
      speaker = quiet
      const closing = before.close()
      await forwards()
      await closing
    } else {
      quiet = speaker
      speaker = await start(20)
      await eventually(() => (quiet.channels.listening().length === 0 ? true : undefined), () => 'the one before still listens', PATIENCE_MS)
      await forwards()
    }
    await eventually(() => (speaker.channels.listening().length === 1 ? true : undefined), () => `turn ${turn}: the other does not take over`, PATIENCE_MS)
    client = await connected()
    await forwards()
    const { flows } = await client.stats({ kind: 'flow', tableId: 0xff, outPort: 0xffffffff, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] })
    assert.deepEqual(flows.map(({ cookie, idleTimeout }) => [Number(cookie), idleTimeout]).sort((a, b) => a[0]! - b[0]!), Array.from({ length: 1 + turn }, (_, index) => [1 + index, 600]), `turn ${turn}`)
    assert.equal(flows.find(({ cookie }) => cookie === 1n)?.packetCount, BigInt(sent), 'every frame is counted once')
    // Only the one that has just died is not there to be quiet.
    if (dies) quiet = await start(5)
  }
  assert.deepEqual(await client.sendAll(flow(2 + TURNS)), [])
  const service = new GrpcService(bmv2.address)
  closers.push(() => service.close())
  const [found, expected] = [await describeTarget(service), await describeExpected([group, ...Array.from({ length: 2 + TURNS }, (_, index) => flow(1 + index))])]
  assert.deepEqual([found.entries, found.unused.length], [expected.entries, expected.unused.length])
})
