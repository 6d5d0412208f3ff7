/**
 * A case: ports, groups, flows and frames, and what happens between them; how it is made of a seed, told to a switch, written
 * down as JSON (bigints as "0x…", frames as hex) and read again. Kept cases are in test/model/vectors.
 */
import { Random } from '../e2e/differential/random.js'
import { NO_INSTRUCTIONS, Port } from '../../src/openflow/index.js'
import { ChangeGenerator, portFlags } from './changes.js'
import { FlowGenerator } from './flows.js'
import { withMeters } from './meters.js'
import { randomFeatures, randomFrame, type ModelPacket } from './packets.js'
import type { ModelSwitch } from './switch.js'

export interface ModelCase extends Omit<ModelSwitch, 'hosts' | 'habits'> {
  readonly about: string
  readonly packets: readonly ModelPacket[]
}

export function generateCase(seed: number, packetCount: number, plainPorts: readonly number[]): ModelCase {
  const random = new Random(seed)
  const features = randomFeatures(random)
  const ports = features.has('local') ? [...plainPorts, Port.LOCAL] : plainPorts
  const packets = Array.from({ length: packetCount }, () => ({ inPort: random.pick(ports), frame: randomFrame(random, features) }))
  const generator = new FlowGenerator(random, features, packets, ports)
  const groups = generator.groups()
  const { meters, flows } = withMeters(random, generator.flows())
  const sw: ModelSwitch = {
    ports: [...plainPorts, Port.LOCAL].map((portNo) => ({ portNo, config: features.has('port flags') ? random.pick(portFlags) : 0, linkUp: true })),
    groups, meters, flows,
  }
  const changes = new ChangeGenerator(random, features, generator, sw)
  const played = packets.map((packet, index): ModelPacket => {
    const before = changes.next()
    const happens = before.length === 0 ? {} : { before }
    if (features.has('buffers') && index > 0 && random.chance(0.3)) {
      const out = generator.bufferOut(random.int(0, 99))
      const flow = random.chance(0.3) ? changes.flow(true) : null
      return flow === null ? { ...out, ...happens } : { inPort: out.inPort, frame: out.frame, buffer: out.buffer ?? 0, flow, ...happens }
    }
    return { ...features.has('packet-outs') && random.chance(0.5) ? generator.packetOut(packet) : packet, ...happens }
  })
  const { ports: given } = sw
  return { about: [...features].join(', '), ports: given, groups, meters, flows, packets: played }
}

const wide = /^0x[0-9a-f]+$/
/** One line for each port, group, flow and packet; instructions without those that are not there. */
export function caseToText({ about, ports, groups, meters = [], flows, packets }: ModelCase): string {
  const line = (value: unknown): string => JSON.stringify(value, (key, each: unknown) => {
    if (typeof each === 'bigint') return `0x${each.toString(16)}`
    if (each instanceof Uint8Array) return Buffer.from(each).toString('hex')
    if (key !== 'instructions' || typeof each !== 'object' || each === null) return each
    return Object.fromEntries(Object.entries(each).filter(([, part]) => part !== null && part !== false))
  })
  const list = (values: readonly unknown[]): string => (values.length === 0 ? '[]' : `[\n    ${values.map(line).join(',\n    ')}\n  ]`)
  const last = ({ frame, ...packet }: ModelPacket): unknown => ({ ...packet, frame: Buffer.from(frame).toString('hex') })
  return `{\n  "about": ${line(about)},\n  "ports": ${list(ports)},\n  "groups": ${list(groups)},\n${meters.length === 0 ? '' : `  "meters": ${list(meters)},\n`}  "flows": ${list(flows)},\n  "packets": ${list(packets.map(last))}\n}\n`
}

export function caseFromText(text: string): ModelCase {
  return JSON.parse(text, (key, value: unknown) => {
    if (key === 'frame' && typeof value === 'string') return new Uint8Array(Buffer.from(value, 'hex'))
    if (key === 'instructions') return { ...NO_INSTRUCTIONS, ...value as object }
    return typeof value === 'string' && wide.test(value) ? BigInt(value) : value
  }) as ModelCase
}
