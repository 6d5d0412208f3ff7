/**
 * One case on the model and on the switch: what leaves each port, what is sent to the controller, what was learned and counted
 * must be the same. What the switch refuses is left out of the model, if refusing it is the switch's right (limits.ts).
 *
 * Frames are played together up to the next event, and up to one that changes what is known to those after it.
 */
import { NO_BUFFER, Port, PortConfig, type Action, type GroupFeatures, type Match, type Message, type PacketIn } from '../../src/openflow/index.js'
import type { ModelCase } from './case.js'
import { compareCounters, Counts } from './counts.js'
import { after, flowEventMessage, flowMessage, groupMessage, type FlowEvent, type ModelEvent } from './events.js'
import { KeptPackets } from './kept-packets.js'
import { meterMessage } from './meters.js'
import { beyondFeatures, partsOfFlow, partsOfGroup, partsOfPacketOut, referredGroups, takesMetadataOn } from './limits.js'
import { NO_HABITS } from './habits.js'
import { NO_HOSTS, type Hosts } from './normal.js'
import type { ModelPacket } from './packets.js'
import { ALL_PORTS, emptySwitch, isFromController, MISS_SEND_LEN, type Hint, type ModelRig, type PlayedPacket, type Said } from './rig.js'
import { outcomes, type ModelGroup, type ModelSwitch, type Outcome, type SentPacketIn } from './switch.js'

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

/** Patience with what the switch learns of a packet. */
const LEARNING_MS = 10_000
const TO_TABLES: readonly Action[] = [{ type: 'output', port: Port.TABLE, maxLen: 0 }]

export async function compare(rig: ModelRig, wanted: ModelCase, tally = new Tally()): Promise<Difference | null> {
  const installed = await install(rig, wanted, tally)
  if ('text' in installed) return installed
  tally.cases++
  return await new Comparison(rig, installed.sw, tally).run(wanted.packets)
}

/** A packet with what may become of it, or the error with which it must be refused. */
interface Expected { readonly packet: PlayedPacket; readonly permissible: readonly Outcome[]; readonly refusal: string | null }

class Comparison {
  readonly #rig: ModelRig
  readonly #tally: Tally
  readonly #counts = new Counts()
  readonly #kept: KeptPackets
  #sw: ModelSwitch
  /** Flows or groups, between packets. */
  #isChanged = false
  #batch: Expected[] = []

  constructor(rig: ModelRig, sw: ModelSwitch, tally: Tally) {
    this.#rig = rig
    this.#sw = sw
    this.#tally = tally
    this.#kept = new KeptPackets(rig.buffers)
  }

  async run(packets: readonly ModelPacket[]): Promise<Difference | null> {
    for (const packet of packets) {
      const isBoundary = packet.before !== undefined || packet.buffer !== undefined
      const difference = (isBoundary ? await this.#play() : null) ?? await this.#happen(packet.before ?? [])
      if (difference !== null) return difference
      const expected = this.#expect(packet)
      if (expected === null) continue
      this.#batch.push(expected)
      // The switch may be in this thread, and has echo requests to answer.
      await new Promise((resolve) => { setImmediate(resolve) })
      const changes = packet.buffer !== undefined || expected.permissible.some(({ learned }) => learned.length > 0)
      const found = changes ? await this.#play() : null
      if (found !== null) return found
    }
    const difference = await this.#play()
    if (difference !== null) return difference
    if (this.#isChanged && this.#rig.habits?.has('losesCounts') === true) return null
    // A target that takes its time may still be counting.
    for (let looks = this.#rig.isPatient ? 5 : 1; ; looks--) {
      const counted = await compareCounters(this.#rig, this.#sw, this.#counts)
      if (counted === null || looks <= 1) return counted
      await new Promise((resolve) => { setTimeout(resolve, 200) })
    }
  }

  // ---- events ----

  async #happen(events: readonly ModelEvent[]): Promise<Difference | null> {
    // What Open vSwitch has in its cache is counted for what is there when it is collected.
    if (events.length > 0) await this.#rig.beforeCounters()
    for (const event of events) {
      if (event.kind === 'link') {
        await this.#rig.setLink(event.portNo, event.up)
        await this.#rig.settle()
      } else {
        const difference = await this.#request(event)
        if (difference === 'refused') continue
        if (difference !== null) return difference
      }
      this.#become(event)
    }
    if (events.length > 0) await this.#rig.beforeCounters()
    return null
  }

  #become(event: ModelEvent): void {
    const { sw, recount } = after(this.#sw, event)
    this.#isChanged ||= event.kind === 'flow' || event.kind === 'group'
    this.#sw = sw
    this.#counts.recount(recount)
    this.#tally.compare([event.kind === 'flow' || event.kind === 'group' ? `${event.kind} ${event.command} between packets` : `${event.kind} changed between packets`])
  }

  async #request(event: Exclude<ModelEvent, { kind: 'link' }>): Promise<Difference | 'refused' | null> {
    if (event.kind === 'port') {
      const errors = await this.#rig.send(this.#rig.portMods([{ portNo: event.portNo, config: event.config, linkUp: true }]))
      return errors.size === 0 ? null : { kind: 'event refused', packet: null, text: `port_mod refused: ${[...errors.values()].join()}` }
    }
    // A group that was refused cannot be changed.
    if (event.kind === 'group' && !this.#sw.groups.some(({ groupId }) => groupId === event.group.groupId)) return 'refused'
    const said: Said = event.kind === 'flow' ? { message: flowEventMessage(event), saidIn: event.saidIn } : event.command === 'modify' ? { message: groupMessage(event.group, 'modify'), saidIn: event.group.saidIn }
      : { message: { ...groupMessage(event.group), command: 'delete', buckets: [] } as Message }
    const error = (await this.#rig.send([said])).get(0)
    if (error === undefined) return null
    const verdict = event.kind === 'flow' ? whyFlowRefused(this.#rig, event, this.#sw, error) : whyGroupRefused(this.#rig, event.group, this.#sw.groups, error)
    if (!Array.isArray(verdict)) return verdict as Difference
    for (const part of verdict as string[]) this.#tally.refuse(part, error)
    return 'refused'
  }

  // ---- packets ----

  /** null: not put in at all, so that what came of the others can be told. */
  #expect(packet: ModelPacket): Expected | null {
    // Of two errors either may be told.
    const groups = referredGroups([...packet.actions ?? [], ...packet.flow?.instructions.apply ?? [], ...packet.flow?.instructions.write ?? []])
    if (!groups.every((groupId) => this.#sw.groups.some((group) => group.groupId === groupId))) return null
    const { kept, refusal } = packet.buffer === undefined ? { kept: packet, refusal: null } : this.#kept.named(packet)
    if (kept === null) return null
    if (refusal !== null) return { packet: kept, permissible: [], refusal }
    const { inPort, actions } = kept
    if (!isFromController(kept) && !isReceived(this.#sw, inPort)) return null
    const { sw } = kept.flow === undefined ? { sw: this.#sw } : after(this.#sw, kept.flow)
    const list = kept.flow === undefined ? actions : TO_TABLES
    const permissible = outcomes(sw, inPort, kept.frame, list)
    const { habits } = this.#rig
    if (permissible === null || permissible.some(({ isTooDeep }) => isTooDeep) || habits !== undefined && permissible.some(({ isBeyondOpenVSwitch }) => isBeyondOpenVSwitch)) {
      this.#tally.skippedPackets++
      return null
    }
    if (habits !== undefined && !sameOutcomes(permissible, outcomes({ ...sw, habits: NO_HABITS }, inPort, kept.frame, list) ?? [])) this.#tally.byHabit++
    return { packet: kept, permissible, refusal: null }
  }

  async #play(): Promise<Difference | null> {
    const rig = this.#rig
    const batch = this.#batch
    this.#batch = []
    if (batch.length === 0) return null
    const hints = batch.map(({ permissible }) => hintOf(permissible))
    const played = await rig.play(batch.map(({ packet }) => packet), hints)
    // Packet-ins of different ports may overtake each other, those of one port may not.
    const all = await rig.packetIns(hints.reduce((sum, { least }) => sum + least.packetIns, 0))
    const byPort = new Map([...ALL_PORTS, Port.CONTROLLER, Port.ANY].map((portNo) => [portNo, all.filter(({ match }) => match.some(({ field, value }) => field === 'in_port' && value === BigInt(portNo)))]))
    for (const [index, expected] of batch.entries()) {
      const difference = await this.#judge(expected, played[index] ?? [], byPort.get(expected.packet.inPort) ?? [])
      if (difference !== null) return difference
    }
    const packetIns = [...byPort.values()].flat()
    return packetIns.length === 0 ? null
      : { kind: 'packet-ins', packet: null, text: `packet-ins that no packet led to:\n  ${packetIns.map(shownPacketIn).join('\n  ')}` }
  }

  /** `packetIns` of the port, from those of this packet on; takes its own away. */
  async #judge({ packet, permissible, refusal }: Expected, came: readonly { readonly port: number; readonly frame: Uint8Array }[] | string, packetIns: PacketIn[]): Promise<Difference | null> {
    const rig = this.#rig
    const text = (outcome: Outcome): string[] => packetInsOf(outcome, rig.buffers)
    if (typeof came === 'string' && refusal === null) {
      // What Open vSwitch has no action for it cannot send either.
      if (rig.habits !== undefined) {
        this.#tally.skippedPackets++
        return null
      }
      if (came === '2/11' && takesMetadataOn(packet.actions ?? [])) {
        this.#tally.refuse('packet-out with metadata for tables or groups', came)
        return null
      }
      const verdict = packet.flow === undefined ? null : whyFlowRefused(rig, packet.flow, this.#sw, came)
      if (Array.isArray(verdict)) return null
    }
    const actual = typeof came === 'string' ? [`refused ${came}`] : came.map(({ port, frame }) => `${port} ${hex(frame)}`).sort()
    if (refusal !== null) {
      this.#tally.compare([`buffer refused with ${refusal}`])
      return same(actual, [`refused ${refusal}`]) ? null : { kind: 'buffer', packet, text: `buffer ${packet.bufferId}: refused with ${refusal} by the model, the switch: ${actual.join()}` }
    }
    const fitting = permissible.filter((outcome) => same(actual, framesOf(outcome)) && same(text(outcome), packetIns.slice(0, outcome.packetIns.length).map(shownPacketIn).sort()))
      // Packets that say nothing fit a prefix of any length; the longest is the one.
      .sort((a, b) => b.packetIns.length - a.packetIns.length)
    const [found] = fitting
    if (found === undefined) return { kind: 'packet', packet, text: differenceOf(packet, permissible, actual, packetIns, rig.buffers) }
    if (fitting.some((other) => String(other.buckets) !== String(found.buckets))) this.#counts.areGroupsKnown = false
    if (packet.flow !== undefined) this.#become(packet.flow)
    this.#kept.keep(found.packetIns, packetIns.splice(0, found.packetIns.length))
    this.#counts.add(found)
    this.#report(packet, found)
    return await this.#learn(packet, fitting.filter((other) => other.packetIns.length === found.packetIns.length))
  }

  #report({ actions, inPort, buffer }: ModelPacket, found: Outcome): void {
    const tally = this.#tally
    tally.packets++
    for (const flow of found.flows) tally.compare(partsOfFlow(flow))
    if (actions !== undefined) tally.compare(partsOfPacketOut(actions, inPort))
    if (buffer !== undefined) tally.compare(['packet-out of a buffer'])
    if (found.learned.length > 0) tally.compare(['NORMAL learns'])
    for (const groupId of found.groups) {
      const group = this.#sw.groups.find((each) => each.groupId === groupId)
      if (group !== undefined) tally.compare(partsOfGroup(group))
    }
  }

  /** Two outcomes may have sent the same and learned different things; the switch is asked which. */
  async #learn(packet: ModelPacket, fitting: readonly Outcome[]): Promise<Difference | null> {
    if (fitting.every(({ learned }) => learned.length === 0)) return null
    const possible = fitting.map(({ learned }): Hosts => new Map([...this.#sw.hosts ?? NO_HOSTS, ...learned.map(({ key, portNo }) => [key, portNo] as const)]))
    // Where it is open what was learned, what is known has to be looked at when it was learned.
    const isOpen = possible.some((hosts) => !sameHosts(hosts, possible[0] ?? NO_HOSTS))
    for (let looks = isOpen ? 5 : 0; looks > 0; looks--) {
      await this.#rig.hosts()
      await this.#rig.settle()
      if (this.#rig.isPatient) await new Promise((resolve) => { setTimeout(resolve, 100) })
    }
    const deadline = performance.now() + LEARNING_MS
    for (;;) {
      const known = await this.#rig.hosts()
      const hosts = possible.find((each) => sameHosts(each, known))
      if (hosts !== undefined) {
        this.#sw = { ...this.#sw, hosts }
        await this.#rig.settle()
        return null
      }
      if (performance.now() > deadline) return { kind: 'hosts', packet, text: `hosts by the model: ${shownHosts(possible[0] ?? NO_HOSTS)}\n  known to the switch: ${shownHosts(known)}` }
      await new Promise((resolve) => { setTimeout(resolve, 2) })
    }
  }
}

const shownHosts = (hosts: Hosts): string => [...hosts].map(([key, port]) => `${key}→${port}`).sort().join(' ')
const sameHosts = (a: Hosts, b: Hosts): boolean => a.size === b.size && [...a].every(([key, port]) => b.get(key) === port)

function hintOf(permissible: readonly Outcome[]): Hint {
  if (permissible.length === 0) return { least: { frames: 0, packetIns: 0 }, most: { frames: 0, packetIns: 0 } }
  const frames = permissible.map(({ sent }) => sent.length)
  const packetIns = permissible.map((outcome) => outcome.packetIns.length)
  return { least: { frames: Math.min(...frames), packetIns: Math.min(...packetIns) }, most: { frames: Math.max(...frames), packetIns: Math.max(...packetIns) } }
}

const isReceived = (sw: ModelSwitch, inPort: number): boolean => sw.ports.some(({ portNo, config, linkUp }) => portNo === inPort && linkUp && (config & (PortConfig.DOWN | PortConfig.NO_RECV)) === 0)

/** Replaces everything in the switch by the case; returns what of it the switch has taken. */
async function install(rig: ModelRig, wanted: ModelCase, tally: Tally): Promise<{ sw: ModelSwitch } | Difference> {
  const ports = ALL_PORTS.map((portNo) => wanted.ports.find((port) => port.portNo === portNo) ?? { portNo, config: 0, linkUp: true })
  for (const { portNo, linkUp } of ports) await rig.setLink(portNo, linkUp)
  const meters = wanted.meters ?? []
  const before: Said[] = [...emptySwitch.map((message) => ({ message })), ...rig.portMods(ports), ...meters.map((meter) => ({ message: meterMessage(meter) }))]
  const said = [...before, ...wanted.groups.map((group): Said => ({ message: groupMessage(group), saidIn: group.saidIn })), ...wanted.flows.map((flow): Said => ({ message: flowMessage(flow), saidIn: flow.saidIn }))]
  const errors = await rig.send(said)
  if ((await rig.hosts()).size > 0) await rig.flushHosts()
  for (const [i, { message }] of before.entries()) if (errors.has(i)) return { kind: 'refused', packet: null, text: `${message.type} refused: ${errors.get(i)}` }
  const groups: ModelGroup[] = []
  for (const [i, group] of wanted.groups.entries()) {
    const error = errors.get(before.length + i)
    const verdict = error === undefined ? null : whyGroupRefused(rig, group, groups, error)
    if (verdict === null) groups.push(group)
    else if (!Array.isArray(verdict)) return verdict as Difference
    else for (const part of verdict as string[]) tally.refuse(part, error ?? '')
  }
  const sw: ModelSwitch = { ports, groups, flows: [], meters, hosts: NO_HOSTS, habits: rig.habits ?? NO_HABITS }
  const flows = []
  for (const [i, flow] of wanted.flows.entries()) {
    const error = errors.get(before.length + wanted.groups.length + i)
    const verdict = error === undefined ? null : whyFlowRefused(rig, flow, sw, error)
    if (verdict === null) flows.push(flow)
    else if (!Array.isArray(verdict)) return verdict as Difference
    else for (const part of verdict as string[]) tally.refuse(part, error ?? '')
  }
  return { sw: { ...sw, flows } }
}

/** The parts that it is the switch's right to refuse, or the difference. `groups`: those that are there. */
function whyGroupRefused(rig: ModelRig, group: ModelGroup, groups: readonly ModelGroup[], error: string): string[] | Difference {
  const isMissing = (groupId: number): boolean => !groups.some((each) => each.groupId === groupId)
  // A group that others lead to stays: OFPGMFC_CHAINED_GROUP. OF 1.3.5 §6.5
  if (error === '6/9' && groups.some(({ buckets }) => buckets.some(({ actions, watchGroup }) => watchGroup === group.groupId || referredGroups(actions).includes(group.groupId)))) return ['(a group that others lead to)']
  const beyond = beyondGroupFeatures(group, rig.groupFeatures, rig)
  const dependsOnRefused = group.buckets.some(({ actions, watchGroup }) => referredGroups(actions).some(isMissing) || watchGroup !== 0xffffffff && isMissing(watchGroup))
  if (beyond.length === 0 && !dependsOnRefused && !isLimit(rig, error)) return { kind: `group refused ${error}`, packet: null, text: `group ${group.groupId} is refused with ${error}, and asks for nothing that the features do not have` }
  return beyond.length > 0 ? beyond : dependsOnRefused ? ['(refers to a refused group)'] : [`group ${group.groupType}`]
}

interface AskedFlow { readonly tableId: number; readonly priority: number; readonly match: Match; readonly instructions: FlowEvent['instructions']; readonly cookie: bigint }
function whyFlowRefused(rig: ModelRig, flow: AskedFlow, { groups }: ModelSwitch, error: string): string[] | Difference {
  const table = rig.tables.find(({ tableId }) => tableId === (flow.tableId === 0xff ? 0 : flow.tableId))
  if (table === undefined) return { kind: 'table', packet: null, text: `the switch has no table ${flow.tableId}` }
  const beyond = beyondFeatures(partsOfFlow(flow), table)
  const dependsOnRefused = referredGroups([...flow.instructions.apply ?? [], ...flow.instructions.write ?? []]).some((groupId) => !groups.some((group) => group.groupId === groupId))
  if (beyond.length === 0 && !dependsOnRefused && !isLimit(rig, error)) return { kind: `flow refused ${error}`, packet: null, text: `the flow table=${flow.tableId} priority=${flow.priority} is refused with ${error}, and asks for nothing that the table features do not have` }
  return beyond.length > 0 ? beyond : dependsOnRefused ? ['(refers to a refused group)'] : ['(limit)']
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

// ---- what is compared, as text ----

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const same = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((each, i) => each === b[i])
const framesOf = ({ sent }: Outcome): string[] => sent.map(({ port, frame }) => `${port} ${hex(frame)}`).sort()
const sameOutcomes = (a: readonly Outcome[], b: readonly Outcome[]): boolean =>
  same(a.map((outcome) => String([framesOf(outcome), packetInsOf(outcome, 0)])).sort(), b.map((outcome) => String([framesOf(outcome), packetInsOf(outcome, 0)])).sort())
const packetInsOf = ({ packetIns }: Outcome, buffers: number): string[] => packetIns.map((packetIn) => modelPacketIn(packetIn, buffers)).sort()

const packetInText = (reason: string, tableId: number, cookie: bigint, inPort: bigint | number, metadata: bigint, tunnelId: bigint, length: number, isKept: boolean, data: Uint8Array): string =>
  `${reason} table=${tableId} cookie=${cookie} in_port=${inPort} metadata=0x${metadata.toString(16)} tunnel_id=0x${tunnelId.toString(16)} length=${length}${isKept ? ' kept' : ''} ${hex(data)}`
/** A switch that keeps packets sends what was asked for of them; without, and for OFPCML_NO_BUFFER, they are whole. OF 1.3.5 §6.1.2, §7.2.5 */
function modelPacketIn({ reason, tableId, cookie, inPort, metadata, tunnelId, frame, maxLen }: SentPacketIn, buffers: number): string {
  const most = maxLen ?? MISS_SEND_LEN
  const isKept = buffers > 0 && most !== 0xffff
  return packetInText(reason, tableId, cookie, inPort, metadata, tunnelId, frame.length, isKept, isKept ? frame.subarray(0, most) : frame)
}
function shownPacketIn({ reason, tableId, cookie, match, data, totalLen, bufferId }: PacketIn): string {
  const field = (name: string): bigint => match.find(({ field: each }) => each === name)?.value ?? 0n
  return packetInText(reason, tableId, cookie, field('in_port'), field('metadata'), field('tunnel_id'), totalLen, bufferId !== NO_BUFFER, data)
}

function differenceOf({ inPort, frame }: ModelPacket, permissible: readonly Outcome[], actual: readonly string[], packetIns: readonly PacketIn[], buffers: number): string {
  const expected = permissible.slice(0, 4).map((outcome) => [...framesOf(outcome), ...packetInsOf(outcome, buffers)].join('\n    ') || '(nothing)')
  const most = Math.max(1, ...permissible.map((outcome) => outcome.packetIns.length))
  const flows = permissible[0]?.flows.map(({ tableId, priority }) => `${tableId}/${priority}`).join(' → ')
  return `in_port=${inPort} ${hex(frame)}\n  flows by the model: ${flows}\n  model, ${permissible.length} permissible:\n    ${expected.join('\n   or\n    ')}`
    + `\n  switch:\n    ${[...actual, ...packetIns.slice(0, most).map(shownPacketIn)].join('\n    ') || '(nothing)'}`
}
