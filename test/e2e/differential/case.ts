/** A case of the differential test: features, packets, groups and flows, all from one seed; and smaller versions of a failing case. */
import { type Case, type Flow, FlowGenerator, flowText, groupText } from './flows.js'
import { encodePacket, type Features, randomPacket } from './packets.js'
import { Random } from './random.js'

export const PORTS = [1, 2, 3, 4, 5] as const

/** Fast-failover groups are optional (OF 1.3.5 §5.6.1); a switch that does not claim them gets cases without. */
export function generateCase(seed: number, packetCount: number, fastFailover: boolean): Case {
  const random = new Random(seed)
  const features = { ...randomFeatures(random), fastFailover }
  const packets = Array.from({ length: packetCount }, () => randomPacket(random, features, PORTS))
  const generator = new FlowGenerator(random, features, packets, PORTS)
  const groups = generator.groups()
  return { seed, features, groups, flows: generator.flows(), packets }
}

function randomFeatures(random: Random): Features {
  const ttlExpiry = random.chance(0.2)
  // Open vSwitch 3.1 stops on an assertion when it has to parse a packet again in the middle of an action set's group.
  const mpls = random.chance(0.2)
  return {
    vlan: random.chance(0.6), qinq: random.chance(0.15), mpls, groups: random.chance(0.4), fastFailover: false,
    actionSet: random.chance(0.5) && !ttlExpiry && !mpls, fragments: random.chance(0.2), ttlExpiry,
  }
}

/** What the case of a seed is about, for its name. */
export const describeSeed = (seed: number): string =>
  Object.entries(randomFeatures(new Random(seed))).filter(([, on]) => on).map(([name]) => name).join(' ') || 'plain'

/** The case as commands that can be pasted. */
export function describeCase(failing: Case): string {
  return [
    ...failing.groups.length > 0 ? ['groups:', ...failing.groups.map((group) => `  ${groupText(group)}`)] : [],
    'flows:', ...failing.flows.map((flow) => `  ${flowText(flow)}`),
    'packets:', ...failing.packets.map((packet) => `  in_port=${packet.inPort} ${encodePacket(packet).toString('hex')}`),
  ].join('\n')
}

/** Every case that is one step smaller: a flow, a group, a match, an action or an instruction less. */
export function* smaller(failing: Case): Generator<Case> {
  const withFlow = (index: number, flow: Flow | undefined): Case =>
    ({ ...failing, flows: failing.flows.flatMap((each, at) => at !== index ? [each] : flow === undefined ? [] : [flow]) })
  for (const index of failing.flows.keys()) yield withFlow(index, undefined)
  for (const index of failing.groups.keys()) yield { ...failing, groups: failing.groups.filter((_, at) => at !== index) }
  for (const [index, group] of failing.groups.entries())
    for (const at of group.buckets.keys()) {
      const smallerGroup = { ...group, buckets: group.buckets.filter((_, each) => each !== at) }
      yield { ...failing, groups: failing.groups.map((each, other) => other === index ? smallerGroup : each) }
    }
  for (const [index, flow] of failing.flows.entries()) {
    for (const at of flow.apply.keys()) yield withFlow(index, { ...flow, apply: flow.apply.filter((_, each) => each !== at) })
    for (const at of flow.write.keys()) yield withFlow(index, { ...flow, write: flow.write.filter((_, each) => each !== at) })
    for (const at of flow.match.keys()) yield withFlow(index, { ...flow, match: flow.match.filter((_, each) => each !== at) })
    if (flow.clear) yield withFlow(index, { ...flow, clear: false })
    if (flow.writeMetadata !== null) yield withFlow(index, { ...flow, writeMetadata: null })
    if (flow.goto !== null) yield withFlow(index, { ...flow, goto: null })
  }
}
