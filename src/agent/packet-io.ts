/**
 * Packet-ins and packet-outs. A packet-out's actions are carried out here, frame by frame; the pipeline gets each result
 * with a directive: send it on a port, start it at table 0, or give it to a group. OF 1.3.5 §7.3.7, §7.4.1
 */
import { Port, PortConfig, type PacketInReason, type PacketOut, type PortDesc } from '../openflow/model.js'
import { targetGroup, type Compiler, type Contract } from '../compiler/index.js'
import type { Input } from '../datapath/index.js'
import { executeActions, type Execution } from '../packet/index.js'
import type { Southbound, TargetPacketIn } from '../p4runtime/index.js'

const reasons: readonly PacketInReason[] = ['no_match', 'action', 'invalid_ttl', 'action_set', 'group', 'no_match']
/** What a packet_out header's `kind` asks for; p4/README.md. */
export const Directive = { PORT: 0n, TABLE: 1n, GROUP: 2n, NORMAL: 3n } as const
const WHOLE_PACKET = 0xffff
/** A packet as its list has left it. */
type Packet = Pick<Execution, 'frame' | 'tunnelId'>

/** What a port says of the packets that come in there, of one that comes from the agent. */
export const instanceFields = ({ contract, misses }: Pick<Compiler, 'contract' | 'misses'>): Readonly<Record<string, bigint>> =>
  ({ instance: BigInt(contract.share.index), misses })
/** Without those that the pipeline's packet_out header does not have. */
export function knownFields({ packetOut }: Contract, fields: Readonly<Record<string, bigint>>): Readonly<Record<string, bigint>> {
  for (const name in fields) if (!packetOut.has(name)) return Object.fromEntries(Object.entries(fields).filter(([each]) => packetOut.has(each)))
  return fields
}

export class PacketIo {
  readonly #compiler: Pick<Compiler, 'contract' | 'misses'>
  readonly #southbound: Southbound
  readonly #targetPorts: ReadonlyMap<number, number>
  readonly #ports: () => readonly PortDesc[]
  readonly #feed: (input: Input) => void

  constructor(compiler: Pick<Compiler, 'contract' | 'misses'>, southbound: Southbound, targetPorts: ReadonlyMap<number, number>, ports: () => readonly PortDesc[], feed: (input: Input) => void) {
    this.#compiler = compiler
    this.#southbound = southbound
    this.#targetPorts = targetPorts
    this.#ports = ports
    this.#feed = feed
  }

  packetIn({ payload, metadata }: TargetPacketIn): void {
    const field = (name: string): number => Number(metadata[name] ?? 0n)
    this.#feed({
      kind: 'packet_in', inPort: field('in_port'), reason: reasons[field('reason')] ?? 'action', tableId: field('table_id'),
      flowId: field('flow_id'), metadata: metadata['metadata'] ?? 0n, tunnelId: metadata['tunnel_id'] ?? 0n, maxLen: field('max_len'), data: payload,
      ...(field('actset_output') === 0 ? {} : { actsetOutput: field('actset_output') }),
    })
  }

  packetOut({ data, actions, inPort }: PacketOut): void {
    const result = executeActions(data, actions, { inPort })
    for (const step of result.steps) this.#carryOut(step, inPort)
    if (result.ended === 'invalid_ttl') this.#toController(inPort, 'invalid_ttl', WHOLE_PACKET, result)
  }

  /** Starts a frame at table 0, as received on the port. */
  inject(inPort: number, frame: Uint8Array): void {
    this.#send(Directive.TABLE, 0, inPort, { frame, tunnelId: 0n })
  }

  #carryOut(step: Execution, inPort: number): void {
    if (step.kind === 'group') return this.#send(Directive.GROUP, targetGroup(step.groupId), inPort, step)
    switch (step.port) {
      case Port.CONTROLLER: return this.#toController(inPort, 'packet_out', step.maxLen, step)
      case Port.NORMAL: return this.#send(Directive.NORMAL, 0, inPort, step)
      case Port.TABLE: return this.#send(Directive.TABLE, 0, inPort, step)
      case Port.ALL: return this.#toPorts(PortConfig.NO_FWD | PortConfig.DOWN, inPort, step)
      case Port.FLOOD: return this.#toPorts(PortConfig.NO_FWD | PortConfig.DOWN | PortConfig.NO_FLOOD, inPort, step)
      default: return this.#toPort(step.port, inPort, step)
    }
  }

  /** Every port but the ingress port and those with one of the flags. OF 1.3.5 §4.5 */
  #toPorts(excluded: number, inPort: number, packet: Packet): void {
    for (const { portNo, config } of this.#ports()) {
      if (portNo !== inPort && (config & excluded) === 0) this.#toPort(portNo, inPort, packet)
    }
  }
  #toPort(portNo: number, inPort: number, packet: Packet): void {
    const target = this.#targetPorts.get(portNo)
    if (target !== undefined) this.#send(Directive.PORT, target, inPort, packet)
  }

  #send(kind: bigint, value: number, inPort: number, packet: Packet): void {
    // The list has dealt with output to the ingress port; only what goes through tables or groups must still know it.
    const ingress = kind === Directive.PORT ? 0 : this.#targetPorts.get(inPort) ?? 0
    const fields = { kind, value: BigInt(value), in_port: BigInt(inPort), in_port_hw: BigInt(ingress), tunnel_id: packet.tunnelId, ...instanceFields(this.#compiler) }
    this.#southbound.packetOut(packet.frame, knownFields(this.#compiler.contract, fields))
  }

  #toController(inPort: number, reason: PacketInReason, maxLen: number, { frame, tunnelId, metadata }: Packet & Pick<Execution, 'metadata'>): void {
    this.#feed({ kind: 'packet_in', inPort, reason, tableId: 0, flowId: 0, metadata, tunnelId, maxLen, data: frame })
  }
}
