/**
 * The model's rig with BMv2 as the target; frames go over its gRPC data plane service, which says what came of which frame.
 *
 * What should come is waited for, and looked at when something has come; time is looked at only where it is left open how
 * much comes. Frames that nothing led to are found behind the last one, or, if they take longer, with the next case: no
 * frame is lost. Packet-ins do not say which frame they are of, so that a wave of frames has one from a port at most.
 */
import { NO_BUFFER, Port } from '../../src/openflow/index.js'
import { GrpcService } from '../../src/p4runtime/index.js'
import { Bmv2, type Output } from '../unit/target/bmv2.js'
import { isFromController, portOfTarget, startRig, targetPortOf, type Controller, type Hint, type ModelRig, type PlayedPacket, type RigOptions } from './rig.js'

/** Patience with a packet that should lead to something, and with what might come on top. */
const WAIT_MS = 20_000
const SETTLE_MS = 30
/** Frames that are under way at a time: BMv2 drops what does not fit a queue of 64, and each may go round several times. */
const MOST_UNDER_WAY = 12

const NOTHING: Hint = { least: { frames: 0, packetIns: 0 }, most: { frames: 0, packetIns: 0 } }
interface Played extends PlayedPacket { readonly id: number; readonly hint: Hint }

export async function startBmv2Rig(options: RigOptions): Promise<ModelRig> {
  const bmv2 = await Bmv2.start()
  let next = 1
  const rig = await startRig({
    connect: () => new GrpcService(bmv2.address),
    play: async (packets, hints, controller) => {
      controller.onHeard = () => bmv2.changed()
      const played = packets.map((packet, index): Played => ({ ...packet, id: next++, hint: hints[index] ?? NOTHING }))
      const refused = new Map<number, string>()
      for (const wave of wavesOf(played)) {
        const [packet] = wave
        if (packet === undefined || !isFromController(packet)) await playWave(bmv2, wave, controller)
        else await playPacketOut(bmv2, packet, controller, refused)
      }
      await passBy(bmv2, next++, controller)
      // Their ids are BMv2's own, and may be those of others.
      const outputs = bmv2.outputs.filter((output) => !isSentinel(output))
      bmv2.outputs = []
      const first = played[0]?.id ?? 0
      // What comes late from an earlier case is shown as if the first packet had led to it.
      return played.map(({ id }) => refused.get(id) ?? outputs.filter((output) => output.id === id || (id === first && output.id < first)).map((output) => ({ ...output, port: portOfTarget(output.port) })))
    },
    packetInCount: () => null,
    close: () => bmv2.stop(),
  }, options).catch(async (error: unknown) => {
    await bmv2.stop()
    throw error
  })
  // The stream of frames is refused until there is a program, and then opened again: it is there when a frame has come.
  const deadline = performance.now() + 60_000
  do {
    if (performance.now() > deadline) throw new Error('the data plane of BMv2 does not answer')
    rig.client.send({ type: 'packet_out', bufferId: NO_BUFFER, inPort: Port.CONTROLLER, match: [], data: sentinel(0), actions: [{ type: 'output', port: 1, maxLen: 0 }] })
  } while (!await bmv2.until(() => bmv2.outputs.some(isSentinel), 500))
  bmv2.outputs = []
  return rig
}

function wavesOf(packets: readonly Played[]): Played[][] {
  const waves: Played[][] = []
  let room = 0
  let mayStillSay = new Set<number>()
  for (const packet of packets) {
    const { inPort, hint } = packet
    const frames = 1 + hint.most.frames
    const says = hint.most.packetIns > 0
    if (waves.length === 0 || isFromController(packet) || waves.at(-1)?.some(isFromController) === true || frames > room || (says && mayStillSay.has(inPort))) {
      waves.push([])
      room = MOST_UNDER_WAY
      mayStillSay = new Set()
    }
    waves.at(-1)?.push(packet)
    room -= frames
    if (says) mayStillSay.add(inPort)
  }
  return waves
}

async function playWave(bmv2: Bmv2, wave: readonly Played[], controller: Controller): Promise<void> {
  const before = controller.packetIns()
  const have = (which: 'least' | 'most'): boolean => {
    const packetIns = wave.reduce((sum, { hint }) => sum + hint[which].packetIns, before)
    return controller.packetIns() >= packetIns
      && wave.every(({ id, hint }) => bmv2.outputs.filter((output) => output.id === id).length >= hint[which].frames)
  }
  for (const { id, inPort, frame } of wave) bmv2.inject({ id, port: targetPortOf(inPort), frame })
  await bmv2.until(() => have('least'), WAIT_MS)
  const isOpen = wave.some(({ hint }) => hint.least.frames < hint.most.frames || hint.least.packetIns < hint.most.packetIns)
  if (isOpen && !await bmv2.until(() => have('most'), SETTLE_MS)) for (let i = 0; i < 3; i++) await passBy(bmv2, 0, controller)
}

/** What comes of it has ids of BMv2's own: all that comes until a frame has passed behind it is its. */
async function playPacketOut(bmv2: Bmv2, packet: Played, controller: Controller, refused: Map<number, string>): Promise<void> {
  const { id, hint } = packet
  await passBy(bmv2, id, controller)
  const before = bmv2.outputs.length
  const packetIns = controller.packetIns() + hint.least.packetIns
  const error = await controller.packetOut(packet)
  if (error !== null) refused.set(id, error)
  else await bmv2.until(() => bmv2.outputs.length - before >= hint.least.frames && controller.packetIns() >= packetIns, WAIT_MS)
  await passBy(bmv2, id, controller)
  if (hint.least.frames < hint.most.frames) await new Promise((resolve) => { setTimeout(resolve, SETTLE_MS) })
  bmv2.outputs.push(...bmv2.outputs.splice(before).map((output) => ({ ...output, id })))
}

const SENTINEL = 'ofswitchd passes by'
let sentinels = 0
const isSentinel = ({ frame }: Output): boolean => Buffer.from(frame).includes(SENTINEL)

const sentinel = (id: number): Buffer => Buffer.from(`${'0e'.repeat(12)}88b5${Buffer.from(`${SENTINEL} ${id} ${sentinels++} ${'.'.repeat(40)}`).toString('hex')}`, 'hex')

/** A frame through every port, behind what the program has in its queues. */
async function passBy(bmv2: Bmv2, id: number, controller: Controller): Promise<void> {
  const frame = sentinel(id)
  const ports = controller.flood(new Uint8Array(frame))
  if (ports === 0) await new Promise((resolve) => { setTimeout(resolve, SETTLE_MS) })
  else await bmv2.until(() => bmv2.outputs.filter((output) => frame.equals(output.frame)).length >= ports, WAIT_MS)
}
