/**
 * `ofproto/trace` and `ofproto/trace-packet-out`: what the switch would do to a packet, table by table, in Open vSwitch's form. The
 * packet is composed from the flow, or given in hexadecimal digits; the flow then says where it comes from. With -generate it is also
 * received on that port, or sent.
 */
import type { FlowRecord } from '../datapath/pipeline.js'
import { FlowTextError, readActions } from '../openflow/index.js'
import { type Action, Port, PortConfig } from '../openflow/model.js'
import { executeActions, fromHex } from '../packet/index.js'
import { refuse } from './commands.js'
import type { ControlledSwitch } from './controlled-switch.js'
import { composeFrame } from './compose.js'
import { formatDatapathActions } from './datapath-actions.js'
import { isDatapathFlow, parseDatapathFlow } from './datapath-flow.js'
import { parseFlowSpec, type FlowSpec } from './flow-spec.js'
import { formatExactFlow, type PacketContext } from './flow-text.js'
import { formatMegaflow } from './megaflow.js'
import { parsePortName } from './port-names.js'
import { tellEgress } from './trace-egress.js'
import { add, formatTree, type TraceNode } from './trace-tree.js'
import { TraceWalk } from './trace-walk.js'
import type { TracedOutput, TracedPacket, TraceStart } from './traced-packet.js'
import type { Command } from './unixctl-server.js'

/** The part of a switch that traces need. */
export interface TracedSwitch extends ControlledSwitch {
  flows(): Iterable<FlowRecord>
  /** Whether packets go through egress tables. */
  hasEgress(): boolean
  /** Waits until the target has what was asked for; null where it is not there. */
  trace(inPort: number, frame: Uint8Array, start: TraceStart): Promise<TracedPacket | null>
  /** Gives the packet to the pipeline as received on a port. */
  inject(inPort: number, frame: Uint8Array): void
  packetOut(inPort: number, frame: Uint8Array, actions: readonly Action[]): void
}

interface Packet { readonly context: PacketContext; readonly frame: Uint8Array; readonly generate: boolean; readonly showPipeline: boolean }

const FORMS = '{[dp_name] odp_flow | bridge br_flow} [OPTIONS...] [-generate|packet]'
export const traceCommands = (switches: readonly TracedSwitch[]): readonly Command[] => [
  { name: 'ofproto/trace', usage: FORMS, min: 1, max: Infinity, run: (args) => trace(switches, args) },
  { name: 'ofproto/trace-packet-out', usage: `[-consistent] ${FORMS} actions`, min: 2, max: Infinity, run: (args) => tracePacketOut(switches, args) },
]

async function trace(switches: readonly TracedSwitch[], args: readonly string[]): Promise<string> {
  const sw = meant(switches, args)
  const packet = readPacket(sw, args)
  const { inPort } = packet.context
  const traced = await sw.trace(inPort, packet.frame, 'port') ?? refuse('the target is not connected')
  const answer = describe(sw, packet, traced, (walk, list) => walk.run(list))
  if (packet.generate) sw.inject(inPort, packet.frame)
  return answer
}

/** The list is carried out here, as that of a packet-out is; what it hands to the tables or to a group goes through the pipeline. */
async function tracePacketOut(switches: readonly TracedSwitch[], args: readonly string[]): Promise<string> {
  const sw = meant(switches, args)
  const packet = readPacket(sw, args.slice(0, -1).filter((arg) => arg !== '-consistent'))
  const { context: { inPort }, frame, generate } = packet
  const actions = readList(sw, args.at(-1) ?? '')
  const parts: TracedPacket[] = []
  const result = executeActions(frame, actions, { inPort })
  for (const step of result.steps) {
    const start: TraceStart | null = step.kind === 'group' ? { groupId: step.groupId } : step.port === Port.TABLE ? 'tables' : step.port === Port.NORMAL ? 'normal' : null
    const traced = async (from: TraceStart): Promise<TracedPacket> => await sw.trace(inPort, step.frame, from) ?? refuse('the target is not connected')
    if (start !== null) parts.push(await traced(start))
    for (const output of start === null && step.kind === 'output' ? outputsOf(sw, step.port, step.maxLen, inPort, step.frame) : []) {
      parts.push(sw.hasEgress() && output.kind === 'port' ? await traced({ output: output.port }) : { visits: [], egress: [], choices: [], outputs: [output], pipeline: [] })
    }
  }
  if (result.ended === 'invalid_ttl') parts.push({ visits: [], egress: [], choices: [], outputs: [{ kind: 'controller', reason: 2, flow: null, maxLen: 0xffff, frame: result.frame }], pipeline: [] })
  const whole: TracedPacket = {
    visits: parts.flatMap((part) => part.visits), egress: parts.flatMap((part) => part.egress), choices: parts.flatMap((part) => part.choices), outputs: parts.flatMap((part) => part.outputs),
    pipeline: parts.flatMap((part) => part.pipeline),
  }
  const answer = describe(sw, packet, whole, (walk, list) => walk.packetOut(list, actions))
  if (generate) sw.packetOut(inPort, frame, actions)
  return answer
}

/** The switch that is named, or that has the port of a datapath flow; the first where that does not tell, which then refuses. */
function meant(switches: readonly TracedSwitch[], args: readonly string[]): TracedSwitch {
  const port = Number(args.map((arg) => /(?:^|,)in_port\((\d+)\)/.exec(arg)?.[1]).find((found) => found !== undefined) ?? NaN)
  return switches.find(({ bridge }) => args.includes(bridge)) ?? switches.find((sw) => sw.ports().some(({ portNo }) => sw.targetPort(portNo) === port))
    ?? switches[0] ?? refuse('there is no switch')
}

function readList(sw: TracedSwitch, text: string): readonly Action[] {
  try {
    return readActions(text, null, (name) => parsePortName(name, sw.ports()))
  } catch (error) {
    if (error instanceof FlowTextError) return refuse(`Bad openflow actions syntax: ${error.message}`)
    throw error
  }
}

/** Where a packet-out's output leads. OF 1.3.5 §4.5 */
function outputsOf(sw: TracedSwitch, port: number, maxLen: number, inPort: number, frame: Uint8Array): readonly TracedOutput[] {
  if (port === Port.CONTROLLER) return [{ kind: 'controller', reason: 1, flow: null, maxLen, frame }]
  const excluded = PortConfig.NO_FWD | PortConfig.DOWN | (port === Port.FLOOD ? PortConfig.NO_FLOOD : 0)
  const ports = port === Port.ALL || port === Port.FLOOD
    ? sw.ports().filter(({ portNo, config }) => portNo !== inPort && (config & excluded) === 0).map(({ portNo }) => portNo) : [port]
  return ports.flatMap((portNo) => {
    const target = sw.targetPort(portNo)
    return target === null ? [] : [{ kind: 'port' as const, port: target, frame }]
  })
}

/** `[DP] ODP_FLOW` or `BRIDGE FLOW`, then `-generate` or a packet. */
function readPacket(sw: TracedSwitch, args: readonly string[]): Packet {
  const words = args.filter((arg) => arg !== '--p4')
  const generate = words.at(-1) === '-generate' || words.at(-1) === '--generate'
  if (generate) words.pop()
  const at = words.findIndex(isDatapathFlow)
  const [bridge = '', text, hex, ...rest] = at < 0 || at > 1 ? words : [sw.bridge, ...words.slice(at)]
  if (text === undefined) return refuse(`syntax error at ${bridge} (or the bridge name was omitted)`)
  if (hex === '-generate') return refuse('Syntax error')
  if (rest.length > 0 || (generate && hex !== undefined)) return refuse('too many arguments')
  if (bridge !== sw.bridge) return refuse(`${bridge}: unknown bridge`)
  const portOf = (port: number): number | null => sw.ports().find(({ portNo }) => sw.targetPort(portNo) === port)?.portNo ?? null
  const parsed = isDatapathFlow(text) ? parseDatapathFlow(text, portOf) : parseFlowSpec(text, (name) => parsePortName(name, sw.ports()))
  if (!parsed.ok) return refuse(`Bad ${isDatapathFlow(text) ? 'datapath' : 'openflow'} flow syntax: ${parsed.reason}`)
  const frame = hex === undefined ? composeFrame(parsed.flow) : readFrame(hex)
  const context = contextOf(parsed.flow, hex === undefined)
  // A packet comes in without metadata; a description that has some is of a packet within the pipeline, which cannot be asked for.
  if (context.metadata !== 0n || context.tunnelId !== 0n) return refuse('metadata and tun_id are 0 when a packet comes in')
  return { context, frame, generate, showPipeline: args.includes('--p4') }
}

const contextOf = (flow: FlowSpec, composed: boolean): PacketContext => ({
  inPort: Number(flow.get('inPort') ?? BigInt(Port.ANY)), metadata: flow.get('metadata') ?? 0n, tunnelId: flow.get('tunnelId') ?? 0n,
  noType: composed && !flow.has('ethType') ? 0 : 0x05ff,
})

function readFrame(text: string): Uint8Array {
  const digits = text.replace(/[\s:]/g, '')
  if (!/^([0-9a-f]{2})+$/i.test(digits)) return refuse('Trailing garbage in packet data')
  return fromHex(digits)
}

function describe(sw: TracedSwitch, { context, frame, generate, showPipeline }: Packet, traced: TracedPacket, tell: (walk: TraceWalk, list: TraceNode[]) => void): string {
  const nodes: TraceNode[] = []
  const walk = new TraceWalk(sw, context.inPort, frame, 0n, traced, generate)
  const bridge = add(nodes, 'bridge', `bridge("${sw.bridge}")`)
  tell(walk, bridge)
  tellEgress(bridge, traced.egress, sw.ports())
  const before = formatExactFlow(frame, context)
  const after = formatExactFlow(walk.final.frame, { ...context, metadata: walk.final.metadata })
  const hashed = traced.choices.some(({ groupId }) => sw.groups().some((group) => group.groupId === groupId && group.groupType === 'select'))
  return [
    `Flow: ${before}\n\n`, formatTree(nodes), `\nFinal flow: ${after === before ? 'unchanged' : after}\n`,
    `Megaflow: ${formatMegaflow(frame, context, traced.visits, [...sw.flows()], { normal: walk.normal, hashed, ttl: walk.ttl })}\n`,
    `Datapath actions: ${formatDatapathActions(frame, traced.outputs)}\n`,
    ...(showPipeline ? ['\nP4 pipeline:\n', ...traced.pipeline.map((line) => `  ${line}\n`)] : []),
  ].join('')
}
