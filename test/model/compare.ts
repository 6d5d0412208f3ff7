/**
 * One case on the model and on the switch: what leaves each port, what is sent to the controller, and what was counted must
 * be the same. What the switch refuses is left out of the model, if refusing it is the switch's right (limits.ts).
 */
import { Meter, Port, PortConfig, type GroupFeatures, type Message, type PacketIn } from '../../src/openflow/index.js'
import { flowMessage, groupMessage, type ModelCase } from './case.js'
import { meterMessage } from './meters.js'
import { beyondFeatures, partsOfFlow, partsOfGroup, partsOfPacketOut, referredGroups } from './limits.js'
import { NO_HABITS } from './habits.js'
import type { ModelPacket } from './packets.js'
import { emptySwitch, type Hint, type ModelRig } from './rig.js'
import { outcomes, type ModelFlow, type ModelGroup, type ModelSwitch, type Outcome, type SentPacketIn } from './switch.js'

/** How often each part of a flow or group was compared, and how often refused, by error. */
export class Tally {
  cases = 0
  packets = 0
  /** With more permissible outcomes than are looked at, or beyond what Open vSwitch follows. */
  skippedPackets = 0
  /** Of which the text has another outcome than the habits of the switch. */
  byHabit = 0
  readonly compared = new Map<string, number>()
  readonly refused = new Map<string, Map<string, number>>()

  compare(parts: readonly string[]): void { for (const part of parts) this.compared.set(part, (this.compared.get(part) ?? 0) + 1) }
  refuse(part: string, error: string): void {
    const errors = this.refused.get(part) ?? new Map<string, number>()
    this.refused.set(part, errors.set(error, (errors.get(error) ?? 0) + 1))
  }
}

/** `kind` tells differences of one sort, so that a smaller case still shows the same one. */
export interface Difference { readonly kind: string; readonly text: string; readonly packet: ModelPacket | null }

export async function compare(rig: ModelRig, wanted: ModelCase, tally = new Tally()): Promise<Difference | null> {
  const installed = await install(rig, wanted, tally)
  if ('text' in installed) return installed
  tally.cases++
  const { sw } = installed
  const chosen: Outcome[] = []
  /** Two buckets of a SELECT group may do the same, so that it cannot be told which one counts. */
  let areGroupsKnown = true
  const packets: ModelPacket[] = []
  const expected: (readonly Outcome[])[] = []
  const isThere = (groupId: number): boolean => sw.groups.some((group) => group.groupId === groupId)
  for (const packet of wanted.packets.filter(({ inPort, actions }) => inPort === Port.CONTROLLER && actions !== undefined || isReceived(sw, inPort))) {
    if (!referredGroups(packet.actions ?? []).every(isThere)) continue
    const permissible = outcomes(sw, packet.inPort, packet.frame, packet.actions)
    // Not put in at all, so that what came of the others can be told.
    if (permissible === null || rig.habits !== undefined && permissible.some(({ isBeyondOpenVSwitch }) => isBeyondOpenVSwitch)) {
      tally.skippedPackets++
      continue
    }
    if (rig.habits !== undefined && !sameOutcomes(permissible, outcomes({ ...sw, habits: NO_HABITS }, packet.inPort, packet.frame, packet.actions) ?? [])) tally.byHabit++
    packets.push(packet)
    expected.push(permissible)
    // The switch may be in this thread, and has echo requests to answer.
    await new Promise((resolve) => { setImmediate(resolve) })
  }
  const played = await rig.play(packets, expected.map(hintOf))
  const sent = played.map((came) => (typeof came === 'string' ? [`refused ${came}`] : came.map(({ port, frame }) => `${port} ${hex(frame)}`).sort()))
  // Packet-ins of different ports may overtake each other, those of one port may not.
  const all = await rig.packetIns()
  const byPort = new Map([...sw.ports.map(({ portNo }) => portNo), Port.CONTROLLER].map((portNo) => [portNo, all.filter(({ match }) => match.some(({ field, value }) => field === 'in_port' && value === BigInt(portNo)))]))
  for (const [index, packet] of packets.entries()) {
    const permissible = expected[index] ?? []
    // What Open vSwitch has no action for it cannot send either.
    if (rig.habits !== undefined && typeof played[index] === 'string') {
      tally.skippedPackets++
      continue
    }
    const actual = sent[index] ?? []
    const packetIns = byPort.get(packet.inPort) ?? []
    const fitting = permissible.filter((outcome) => same(actual, framesOf(outcome)) && same(packetInsOf(outcome), packetIns.slice(0, outcome.packetIns.length).map(shownPacketIn).sort()))
    // Packets that say nothing fit a prefix of any length; the longest is the one.
    const found = fitting.sort((a, b) => b.packetIns.length - a.packetIns.length)[0]
    if (fitting.some((other) => String(other.buckets) !== String(found?.buckets))) areGroupsKnown = false
    if (found === undefined) return { kind: 'packet', packet, text: differenceOf(packet, permissible, actual, packetIns) }
    packetIns.splice(0, found.packetIns.length)
    chosen.push(found)
    tally.packets++
    for (const flow of found.flows) tally.compare(partsOfFlow(flow))
    if (packet.actions !== undefined) tally.compare(partsOfPacketOut(packet.actions, packet.inPort))
    for (const groupId of found.groups) tally.compare(partsOfGroup(sw.groups.find((group) => group.groupId === groupId) as ModelGroup))
  }
  const packetIns = [...byPort.values()].flat()
  if (packetIns.length > 0) return { kind: 'packet-ins', packet: null, text: `packet-ins that no packet led to:\n  ${packetIns.map(shownPacketIn).join('\n  ')}` }
  // A target that takes its time may still be counting.
  for (let looks = rig.isPatient ? 5 : 1; ; looks--) {
    const difference = await compareCounters(rig, sw, chosen, areGroupsKnown)
    if (difference === null || looks <= 1) return difference
    await new Promise((resolve) => { setTimeout(resolve, 200) })
  }
}

function hintOf(permissible: readonly Outcome[]): Hint {
  const frames = permissible.map(({ sent }) => sent.length)
  const packetIns = permissible.map((outcome) => outcome.packetIns.length)
  return { least: { frames: Math.min(...frames), packetIns: Math.min(...packetIns) }, most: { frames: Math.max(...frames), packetIns: Math.max(...packetIns) } }
}

const isReceived = (sw: ModelSwitch, inPort: number): boolean => sw.ports.some(({ portNo, config }) => portNo === inPort && (config & (PortConfig.DOWN | PortConfig.NO_RECV)) === 0)

/** Replaces everything in the switch by the case; returns what of it the switch has taken. */
async function install(rig: ModelRig, wanted: ModelCase, tally: Tally): Promise<{ sw: ModelSwitch } | Difference> {
  const portMods = rig.portMods(wanted.ports)
  const meters = wanted.meters ?? []
  const messages: Message[] = [...emptySwitch, ...portMods, ...meters.map(meterMessage), ...wanted.groups.map(groupMessage), ...wanted.flows.map(flowMessage)]
  const errors = await rig.send(messages)
  const before = emptySwitch.length + portMods.length + meters.length
  for (let i = 0; i < before; i++) if (errors.has(i)) return { kind: 'refused', packet: null, text: `${messages[i]?.type} refused: ${errors.get(i)}` }
  const groups: ModelGroup[] = []
  const isMissing = (groupId: number): boolean => !groups.some((group) => group.groupId === groupId)
  for (const [i, group] of wanted.groups.entries()) {
    const error = errors.get(before + i)
    if (error === undefined) groups.push(group)
    else {
      const beyond = beyondGroupFeatures(group, rig.groupFeatures, rig)
      const dependsOnRefused = group.buckets.some(({ actions, watchGroup }) => referredGroups(actions).some(isMissing) || watchGroup !== 0xffffffff && isMissing(watchGroup))
      if (beyond.length === 0 && !dependsOnRefused && !isLimit(rig, error)) return { kind: `group refused ${error}`, packet: null, text: `group ${group.groupId} is refused with ${error}, and asks for nothing that the features do not have` }
      for (const part of beyond.length > 0 ? beyond : dependsOnRefused ? ['(refers to a refused group)'] : [`group ${group.groupType}`]) tally.refuse(part, error)
    }
  }
  const flows: ModelFlow[] = []
  for (const [i, flow] of wanted.flows.entries()) {
    const error = errors.get(before + wanted.groups.length + i)
    if (error === undefined) {
      flows.push(flow)
      continue
    }
    const table = rig.tables.find(({ tableId }) => tableId === flow.tableId)
    if (table === undefined) return { kind: 'table', packet: null, text: `the switch has no table ${flow.tableId}` }
    const beyond = beyondFeatures(partsOfFlow(flow), table)
    const dependsOnRefused = referredGroups([...flow.instructions.apply ?? [], ...flow.instructions.write ?? []]).some(isMissing)
    if (beyond.length === 0 && !dependsOnRefused && !isLimit(rig, error)) return { kind: `flow refused ${error}`, packet: null, text: `the flow table=${flow.tableId} priority=${flow.priority} is refused with ${error}, and asks for nothing that the table features do not have` }
    for (const part of beyond.length > 0 ? beyond : dependsOnRefused ? ['(refers to a refused group)'] : ['(limit)']) tally.refuse(part, error)
  }
  return { sw: { ports: wanted.ports, groups, flows, meters, habits: rig.habits ?? NO_HABITS } }
}

/** OFPFMFC_TABLE_FULL, OFPGMFC_OUT_OF_GROUPS, OUT_OF_BUCKETS, CHAINING_UNSUPPORTED: a size, which no feature tells. */
const isLimit = (rig: ModelRig, error: string): boolean => ['5/1', '6/3', '6/4', '6/5', ...rig.limits ?? []].includes(error)

function beyondGroupFeatures(group: ModelGroup, features: GroupFeatures, rig: ModelRig): string[] {
  const settable = rig.tables[0]?.applySetField ?? []
  return partsOfGroup(group).filter((part) => {
    const [kind, name = '', more] = part.split(' ')
    if (kind === 'group') return !features.types.some((type) => type === name)
    if (name === 'set') return !settable.some((field) => field === more)
    return !features.actions[group.groupType].some((action) => action === name)
  })
}

// ---- counters ----

async function compareCounters(rig: ModelRig, sw: ModelSwitch, chosen: readonly Outcome[], areGroupsKnown: boolean): Promise<Difference | null> {
  await rig.beforeCounters()
  const { flows } = await rig.client.stats({ kind: 'flow', tableId: 0xff, outPort: 0xffffffff, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] })
  const count = <T>(of: (outcome: Outcome) => readonly T[], wanted: T): number => chosen.reduce((sum, outcome) => sum + of(outcome).filter((each) => each === wanted).length, 0)
  for (const flow of sw.flows) {
    const counted = flows.find(({ tableId, cookie }) => tableId === flow.tableId && cookie === flow.cookie)?.packetCount
    const expected = count((outcome) => outcome.flows, flow)
    if (counted !== BigInt(expected)) return { kind: 'flow counter', packet: null, text: `flow table=${flow.tableId} priority=${flow.priority}: ${expected} packets, counted ${counted}` }
  }
  const meters = await compareMeters(rig, sw, count)
  if (meters !== null) return meters
  if (sw.groups.length === 0 || !areGroupsKnown) return null
  const { groups } = await rig.client.stats({ kind: 'group', groupId: 0xfffffffc })
  for (const { groupId, buckets } of sw.groups) {
    const counted = groups.find((group) => group.groupId === groupId)
    const expected = count((outcome) => outcome.groups, groupId)
    if (counted?.packetCount !== BigInt(expected)) return { kind: 'group counter', packet: null, text: `group ${groupId}: ${expected} packets, counted ${counted?.packetCount}` }
    for (const index of buckets.keys()) {
      const inBucket = count((outcome) => outcome.buckets, `${groupId}/${index}`)
      if (counted.buckets[index]?.packetCount !== BigInt(inBucket)) return { kind: 'bucket counter', packet: null, text: `bucket ${index} of group ${groupId}: ${inBucket} packets, counted ${counted.buckets[index]?.packetCount}` }
    }
  }
  return null
}

async function compareMeters(rig: ModelRig, sw: ModelSwitch, count: <T>(of: (outcome: Outcome) => readonly T[], wanted: T) => number): Promise<Difference | null> {
  if (sw.meters === undefined || sw.meters.length === 0) return null
  const { meters } = await rig.client.stats({ kind: 'meter', meterId: Meter.ALL })
  for (const { meterId, bands } of sw.meters) {
    const counted = meters.find((meter) => meter.meterId === meterId)
    const expected = [count(({ meters: used }) => used, meterId), ...bands.map((_, index) => count(({ bands: used }) => used, `${meterId}/${index}`))]
    const actual = [counted?.packetInCount, ...counted?.bands.map(({ packetCount }) => packetCount) ?? []]
    if (!same(expected.map(String), actual.map(String))) return { kind: 'meter counter', packet: null, text: `meter ${meterId} and its bands: ${expected.join(', ')} packets, counted ${actual.join(', ')}` }
  }
  return null
}

// ---- what is compared, as text ----

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const same = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((each, i) => each === b[i])
const framesOf = ({ sent }: Outcome): string[] => sent.map(({ port, frame }) => `${port} ${hex(frame)}`).sort()
const sameOutcomes = (a: readonly Outcome[], b: readonly Outcome[]): boolean =>
  same(a.map((outcome) => String([framesOf(outcome), packetInsOf(outcome)])).sort(), b.map((outcome) => String([framesOf(outcome), packetInsOf(outcome)])).sort())
const packetInsOf = ({ packetIns }: Outcome): string[] => packetIns.map(modelPacketIn).sort()

const packetInText = (reason: string, tableId: number, cookie: bigint, inPort: bigint | number, metadata: bigint, tunnelId: bigint, frame: Uint8Array): string =>
  `${reason} table=${tableId} cookie=${cookie} in_port=${inPort} metadata=0x${metadata.toString(16)} tunnel_id=0x${tunnelId.toString(16)} ${hex(frame)}`
const modelPacketIn = ({ reason, tableId, cookie, inPort, metadata, tunnelId, frame }: SentPacketIn): string => packetInText(reason, tableId, cookie, inPort, metadata, tunnelId, frame)
function shownPacketIn({ reason, tableId, cookie, match, data }: PacketIn): string {
  const field = (name: string): bigint => match.find(({ field: each }) => each === name)?.value ?? 0n
  return packetInText(reason, tableId, cookie, field('in_port'), field('metadata'), field('tunnel_id'), data)
}

function differenceOf({ inPort, frame }: ModelPacket, permissible: readonly Outcome[], actual: readonly string[], packetIns: readonly PacketIn[]): string {
  const expected = permissible.slice(0, 4).map((outcome) => [...framesOf(outcome), ...packetInsOf(outcome)].join('\n    ') || '(nothing)')
  const most = Math.max(1, ...permissible.map((outcome) => outcome.packetIns.length))
  const flows = permissible[0]?.flows.map(({ tableId, priority }) => `${tableId}/${priority}`).join(' → ')
  return `in_port=${inPort} ${hex(frame)}\n  flows by the model: ${flows}\n  model, ${permissible.length} permissible:\n    ${expected.join('\n   or\n    ')}`
    + `\n  switch:\n    ${[...actual, ...packetIns.slice(0, most).map(shownPacketIn)].join('\n    ') || '(nothing)'}`
}
