/**
 * Makes a failing case small: leaves out packets, flows, groups, buckets, matches, actions and instructions, and cuts lists
 * in half, for as long as model and switch still differ.
 */
import { canonicalMatch, type Action } from '../../src/openflow/index.js'
import type { ModelCase } from './case.js'
import { compare, type Difference } from './compare.js'
import type { ModelPacket } from './packets.js'
import type { ModelRig } from './rig.js'
import type { ModelFlow } from './switch.js'

export async function shrink(rig: ModelRig, failing: ModelCase, { kind, packet }: Difference, budgetMs: number): Promise<ModelCase> {
  const deadline = performance.now() + budgetMs
  const stillFails = async (candidate: ModelCase): Promise<boolean> => isValid(candidate) && (await compare(rig, candidate))?.kind === kind
  // Mostly it is the one packet, by itself.
  const alone = packet === null ? null : { ...failing, packets: failing.packets.filter(({ frame }) => frame === packet.frame).slice(0, 1).map(({ before: _, ...rest }) => rest) }
  let best = alone !== null && await stillFails(alone) ? alone : failing
  for (let improved = true; improved && performance.now() < deadline;) {
    improved = false
    for (const candidate of smaller(best)) {
      if (performance.now() > deadline) break
      if (!await stillFails(candidate)) continue
      best = candidate
      improved = true
      break
    }
  }
  return best
}

/** A match that lacks a prerequisite would be refused. */
const isValid = ({ flows }: ModelCase): boolean => flows.every(({ match }) => !('error' in canonicalMatch(match)))

const parts = <T>(list: readonly T[]): readonly (readonly T[])[] => {
  const half = Math.ceil(list.length / 2)
  return list.length < 2 ? [] : [list.slice(0, half), list.slice(half)]
}
const without = <T>(list: readonly T[]): readonly (readonly T[])[] => list.map((_, at) => list.filter((__, each) => each !== at))
const shorter = <T>(list: readonly T[]): readonly (readonly T[])[] => [...parts(list), ...without(list)]

/** Every case one step smaller, the biggest steps first. */
function* smaller(failing: ModelCase): Generator<ModelCase> {
  for (const packets of shorter(failing.packets)) yield { ...failing, packets }
  for (const flows of shorter(failing.flows)) yield { ...failing, flows }
  for (const [at, { before, ...rest }] of failing.packets.entries()) {
    const withPacket = (packet: ModelPacket): ModelCase => ({ ...failing, packets: failing.packets.map((each, other) => (other === at ? packet : each)) })
    if (before !== undefined) yield withPacket(rest)
    if (before !== undefined && before.length > 1) for (const events of without(before)) yield withPacket({ ...rest, before: events })
    for (const actions of without(rest.actions ?? [])) yield withPacket({ ...rest, actions, ...before === undefined ? {} : { before } })
  }
  for (const groups of without(failing.groups)) yield { ...failing, groups }
  for (const [at, group] of failing.groups.entries()) {
    const withBuckets = (buckets: typeof group.buckets): ModelCase => ({ ...failing, groups: failing.groups.map((each, other) => (other === at ? { ...group, buckets } : each)) })
    for (const buckets of without(group.buckets)) yield withBuckets(buckets)
    for (const [index, bucket] of group.buckets.entries())
      for (const actions of without(bucket.actions)) yield withBuckets(group.buckets.map((each, other) => (other === index ? { ...bucket, actions } : each)))
  }
  for (const [at, meter] of (failing.meters ?? []).entries())
    for (const bands of without(meter.bands)) yield { ...failing, meters: (failing.meters ?? []).map((each, other) => (other === at ? { ...meter, bands } : each)) }
  for (const [at, flow] of failing.flows.entries())
    for (const candidate of smallerFlows(flow)) yield { ...failing, flows: failing.flows.map((each, other) => (other === at ? candidate : each)) }
  if (failing.ports.some(({ config }) => config !== 0)) yield { ...failing, ports: failing.ports.map((port) => ({ ...port, config: 0 })) }
}

function* smallerFlows(flow: ModelFlow): Generator<ModelFlow> {
  const { instructions } = flow
  const lists: readonly ('apply' | 'write')[] = ['apply', 'write']
  for (const name of lists)
    for (const list of [null, ...shorter<Action>(instructions[name] ?? [])])
      if (instructions[name] !== null) yield { ...flow, instructions: { ...instructions, [name]: list } }
  if (instructions.meter !== null) yield { ...flow, instructions: { ...instructions, meter: null } }
  if (instructions.clear) yield { ...flow, instructions: { ...instructions, clear: false } }
  if (instructions.writeMetadata !== null) yield { ...flow, instructions: { ...instructions, writeMetadata: null } }
  if (instructions.gotoTable !== null) yield { ...flow, instructions: { ...instructions, gotoTable: null } }
  if (flow.match.length > 0) yield { ...flow, match: [] }
  for (const match of without(flow.match)) yield { ...flow, match }
}
