/**
 * `ofproto/trace BRIDGE FLOW [--p4] [-generate | PACKET]`: what the switch would do to a packet, table by table, in Open vSwitch's form.
 * The packet is composed from the flow, or given in hexadecimal digits; the flow then says where it comes from. With -generate it
 * is also received on that port.
 */
import type { FlowRecord } from '../datapath/pipeline.js'
import { Port } from '../openflow/model.js'
import { fromHex } from '../packet/index.js'
import { refuse } from './commands.js'
import type { ControlledSwitch } from './controlled-switch.js'
import { composeFrame } from './compose.js'
import { formatDatapathActions } from './datapath-actions.js'
import { parseFlowSpec, type FlowSpec } from './flow-spec.js'
import { formatExactFlow, type PacketContext } from './flow-text.js'
import { formatMegaflow } from './megaflow.js'
import { parsePortName } from './port-names.js'
import { add, formatTree, type TraceNode } from './trace-tree.js'
import { TraceWalk } from './trace-walk.js'
import type { TracedPacket } from './traced-packet.js'
import type { Command } from './unixctl-server.js'

/** The part of a switch that traces need. */
export interface TracedSwitch extends ControlledSwitch {
  flows(): Iterable<FlowRecord>
  /** Waits until the target has what was asked for; null where it is not there. */
  trace(inPort: number, frame: Uint8Array): Promise<TracedPacket | null>
  /** Gives the packet to the pipeline as received on a port. */
  inject(inPort: number, frame: Uint8Array): void
}

export const traceCommand = (sw: TracedSwitch): Command => ({
  name: 'ofproto/trace', usage: '{[dp_name] odp_flow | bridge br_flow} [OPTIONS...] [-generate|packet]', min: 1, max: Infinity,
  run: (args) => trace(sw, args),
})

async function trace(sw: TracedSwitch, args: readonly string[]): Promise<string> {
  const words = args.filter((arg) => arg !== '--p4')
  const generate = words.at(-1) === '-generate' || words.at(-1) === '--generate'
  if (generate) words.pop()
  const [bridge = '', text, hex, ...rest] = words
  if (text === undefined) return refuse(`syntax error at ${bridge} (or the bridge name was omitted)`)
  if (hex === '-generate') return refuse('Syntax error')
  if (rest.length > 0 || (generate && hex !== undefined)) return refuse('too many arguments')
  if (bridge !== sw.bridge) return refuse(`${bridge}: unknown bridge`)
  const parsed = parseFlowSpec(text, (name) => parsePortName(name, sw.ports()))
  if (!parsed.ok) return refuse(`Bad openflow flow syntax: ${parsed.reason}`)
  const frame = hex === undefined ? composeFrame(parsed.flow) : readPacket(hex)
  const packet = contextOf(parsed.flow, hex === undefined)
  const traced = await sw.trace(packet.inPort, frame) ?? refuse('the target is not connected')
  const answer = describe(sw, packet, frame, traced)
  if (generate) sw.inject(packet.inPort, frame)
  return args.includes('--p4') ? `${answer}\nP4 pipeline:\n${traced.pipeline.map((line) => `  ${line}\n`).join('')}` : answer
}

const contextOf = (flow: FlowSpec, composed: boolean): PacketContext => ({
  inPort: Number(flow.get('inPort') ?? BigInt(Port.ANY)), metadata: flow.get('metadata') ?? 0n, tunnelId: flow.get('tunnelId') ?? 0n,
  noType: composed && !flow.has('ethType') ? 0 : 0x05ff,
})

function readPacket(text: string): Uint8Array {
  const digits = text.replace(/[\s:]/g, '')
  if (!/^([0-9a-f]{2})+$/i.test(digits)) return refuse('Trailing garbage in packet data')
  return fromHex(digits)
}

function describe(sw: TracedSwitch, packet: PacketContext, frame: Uint8Array, traced: TracedPacket): string {
  const nodes: TraceNode[] = []
  // A packet comes in without metadata; a description that has some is of a packet within the pipeline, which cannot be asked for.
  if (packet.metadata !== 0n || packet.tunnelId !== 0n) refuse('metadata and tun_id are 0 when a packet comes in')
  const walk = new TraceWalk(sw, packet.inPort, frame, 0n, traced)
  walk.run(add(nodes, 'bridge', `bridge("${sw.bridge}")`))
  const before = formatExactFlow(frame, packet)
  const after = formatExactFlow(walk.final.frame, { ...packet, metadata: walk.final.metadata })
  const hashed = traced.choices.some(({ groupId }) => sw.groups().some((group) => group.groupId === groupId && group.groupType === 'select'))
  return [
    `Flow: ${before}\n\n`, formatTree(nodes), `\nFinal flow: ${after === before ? 'unchanged' : after}\n`,
    `Megaflow: ${formatMegaflow(frame, packet, traced.visits, [...sw.flows()], { hashed, ttl: walk.ttl })}\n`,
    `Datapath actions: ${formatDatapathActions(frame, traced.outputs)}\n`,
  ].join('')
}
