/**
 * A case: ports, groups, flows and frames; how it is made of a seed, told to a switch, written down as JSON (bigints as
 * "0x…", frames as hex) and read again. Kept cases are in test/model/vectors.
 */
import { Random } from '../e2e/differential/random.js'
import { BucketId, NO_INSTRUCTIONS, PortConfig, type Action, type Message } from '../../src/openflow/index.js'
import { flowMod } from '../support/switch-rig.js'
import { FlowGenerator } from './flows.js'
import { withMeters, type ModelMeter } from './meters.js'
import { randomFeatures, randomFrame, type ModelPacket } from './packets.js'
import type { ModelFlow, ModelGroup, ModelPort, ModelSwitch } from './switch.js'

export interface ModelCase extends ModelSwitch {
  readonly about: string
  readonly packets: readonly ModelPacket[]
}

export function generateCase(seed: number, packetCount: number, ports: readonly number[]): ModelCase {
  const random = new Random(seed)
  const features = randomFeatures(random)
  const packets = Array.from({ length: packetCount }, () => ({ inPort: random.pick(ports), frame: randomFrame(random, features) }))
  const generator = new FlowGenerator(random, features, packets, ports)
  const flags = [0, 0, PortConfig.DOWN, PortConfig.NO_RECV, PortConfig.NO_FWD, PortConfig.NO_PACKET_IN]
  const groups = generator.groups()
  const { meters, flows: metered } = withMeters(random, generator.flows())
  const played = features.has('packet-outs') ? packets.map((packet) => (random.chance(0.5) ? generator.packetOut(packet) : packet)) : packets
  return {
    about: [...features].join(', '),
    ports: ports.map((portNo) => ({ portNo, config: features.has('port flags') ? random.pick(flags) : 0, linkUp: true })),
    groups, meters, flows: metered, packets: played,
  }
}

export const groupMessage = ({ groupId, groupType, buckets }: ModelGroup): Message => ({
  type: 'group_mod', command: 'add', groupType, groupId, buckets: buckets.map((bucket, bucketId) => ({ ...bucket, bucketId })), commandBucketId: BucketId.ALL,
})
export const flowMessage = ({ tableId, priority, match, cookie, instructions }: ModelFlow): Message => flowMod(tableId, priority, match, instructions, { cookie })

/** Without the instructions that are not there. */
const shortFlow = (flow: ModelFlow): unknown =>
  ({ ...flow, instructions: Object.fromEntries(Object.entries(flow.instructions).filter(([, value]) => value !== null && value !== false)) })

const wide = /^0x[0-9a-f]+$/
/** One line for each port, group, flow and packet. */
export function caseToText({ about, ports, groups, meters = [], flows, packets }: ModelCase): string {
  const line = (value: unknown): string => JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `0x${each.toString(16)}` : each))
  const list = (values: readonly unknown[]): string => (values.length === 0 ? '[]' : `[\n    ${values.map(line).join(',\n    ')}\n  ]`)
  const shortPackets = packets.map(({ frame, ...packet }) => ({ ...packet, frame: Buffer.from(frame).toString('hex') }))
  return `{\n  "about": ${line(about)},\n  "ports": ${list(ports)},\n  "groups": ${list(groups)},\n${meters.length === 0 ? '' : `  "meters": ${list(meters)},\n`}  "flows": ${list(flows.map(shortFlow))},\n  "packets": ${list(shortPackets)}\n}\n`
}

export function caseFromText(text: string): ModelCase {
  const read = JSON.parse(text, (key, value: unknown) => (typeof value === 'string' && key !== 'frame' && wide.test(value) ? BigInt(value) : value)) as
    { about: string; ports: ModelPort[]; groups: ModelGroup[]; meters?: ModelMeter[]; flows: ModelFlow[]; packets: { inPort: number; frame: string; actions?: readonly Action[] }[] }
  return {
    ...read, flows: read.flows.map((flow) => ({ ...flow, instructions: { ...NO_INSTRUCTIONS, ...flow.instructions } })),
    packets: read.packets.map(({ frame, ...packet }) => ({ ...packet, frame: new Uint8Array(Buffer.from(frame, 'hex')) })),
  }
}
