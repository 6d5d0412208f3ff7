/** The model's rig with BMv2 as the target; frames go over its gRPC data plane service, which says what came of which frame. */
import { GrpcService } from '../../src/p4runtime/index.js'
import { Bmv2 } from '../unit/target/bmv2.js'
import { startRig, type ModelRig } from './rig.js'

/** Patience with a packet that should lead to something, and with what might come on top. */
const WAIT_MS = 2000
const SETTLE_MS = 30

export async function startBmv2Rig(): Promise<ModelRig> {
  const bmv2 = await Bmv2.start()
  let next = 1
  const rig = await startRig({
    connect: () => new GrpcService(bmv2.address),
    play: async (packets, hints, packetIns) => {
      bmv2.outputs = []
      const first = next
      let wanted = packetIns()
      // One after the other: BMv2 drops what does not fit its queues.
      for (const [index, { inPort, frame }] of packets.entries()) {
        const id = next++
        const { frames, packetIns: more } = hints[index] ?? { frames: 0, packetIns: 0 }
        wanted += more
        bmv2.inject({ id, port: inPort, frame })
        await bmv2.until(() => bmv2.outputs.filter((output) => output.id === id).length >= frames && packetIns() >= wanted, WAIT_MS)
      }
      await new Promise((resolve) => { setTimeout(resolve, SETTLE_MS) })
      return packets.map((_, index) => bmv2.outputs.filter(({ id }) => id === first + index))
    },
    packetInCount: () => null,
    close: () => bmv2.stop(),
  }).catch(async (error: unknown) => {
    await bmv2.stop()
    throw error
  })
  await bmv2.ready()
  return rig
}
