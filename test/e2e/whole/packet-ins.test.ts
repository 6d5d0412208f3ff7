/** Packet-ins of the whole switch while one port floods: the others lose none, and requests are answered. OF 1.3.5 §6.1.2 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Port } from '../../../src/openflow/index.js'
import { flowMod, OpenFlowClient, output, startSwitch, type SwitchRig } from '../../support/switch-rig.js'

const frame = (port: number): Uint8Array => {
  const bytes = new Uint8Array(200)
  bytes.set([2, 0, 0, 0, 0, 99, 2, 0, 0, 0, 0, port, 0x88, 0xb5])
  return bytes
}
const FLOOD = 15
const EVERY_MS = 2
const DURING_MS = 2000

for (const packetInRate of [null, 200]) {
  describe(`a port that floods, ${packetInRate === null ? 'without a rate' : `at ${packetInRate} packet-ins a second`}`, () => {
    let rig: SwitchRig
    let other: OpenFlowClient
    before(async () => {
      rig = await startSwitch({ config: { packetInRate } })
      other = await OpenFlowClient.connect(rig.listenPort)
      rig.client.send({ type: 'set_config', flags: 0, missSendLen: 128 })
      assert.deepEqual(await rig.client.sendAll(flowMod(0, 1, [], { apply: [output(Port.CONTROLLER)] })), [])
    })
    after(async () => {
      other.close()
      await rig.close()
    })

    it('does not take the packet-ins of another, nor the time of requests', async () => {
      const sent = { flood: 0, quiet: 0 }
      const waits: number[] = []
      const start = performance.now()
      const asking = (async () => {
        while (performance.now() - start < DURING_MS) {
          const asked = performance.now()
          assert.deepEqual(await other.sendAll(flowMod(1, 5, [], {})), [])
          waits.push(performance.now() - asked)
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      })()
      for (let round = 0; performance.now() - start < DURING_MS; round++) {
        for (let i = 0; i < FLOOD; i++) if (rig.ports.inject(1, frame(1))) sent.flood++
        if (round % 10 === 0 && rig.ports.inject(2, frame(2))) sent.quiet++
        await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
      }
      await asking
      const heard = (port: bigint): number => rig.client.messages('packet_in').filter(({ match }) => match[0]?.value === port).length
      await rig.client.waitFor(() => heard(2n) === sent.quiet)
      if (packetInRate !== null) {
        const most = packetInRate * (performance.now() - start) / 1000 + packetInRate / 2
        assert.ok(heard(1n) + heard(2n) <= most, `${heard(1n)} and ${heard(2n)} of at most ${most}`)
      }
      waits.sort((a, b) => a - b)
      const median = waits[waits.length >> 1] ?? Infinity
      assert.ok(median < 1000, `a flow-mod and a barrier took ${median} ms`)
    })
  })
}
