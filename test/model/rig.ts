/**
 * The switch that the model is compared with, started once and emptied between cases: an agent with clients of 1.0, 1.3 and 1.5,
 * and a target. The embedded target runs in this thread, so that what follows from a frame has happened when it has been put in;
 * BMv2 (bmv2-rig.ts) takes its time, and is told what to wait for. Packet-ins come over the OpenFlow connection soon after.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { startAgent, type Agent } from '../../src/agent/agent.js'
import { DriverPortMonitor } from '../../src/agent/port-monitor.js'
import { monotonicNow } from '../../src/base/clock.js'
import { silentLogger } from '../../src/base/logger.js'
import { checkConfig, noSource, type Config } from '../../src/config/index.js'
import {
  BucketId, Group, Meter, NO_BUFFER, Port, PortConfig, PortState, SAME_ASYNC, type GroupFeatures, type Message, type PacketIn, type TableFeatures,
} from '../../src/openflow/index.js'
import { createInProcessTarget, type OutputFrame } from '../../src/target/index.js'
import type { P4RuntimeService } from '../../src/p4proto/service.js'
import { eventually, firstClient, flowMod, OpenFlowClient } from '../support/switch-rig.js'
import { flowEventMessage, wordsFor } from './events.js'
import type { Habits } from './habits.js'
import { hostKey, type Hosts } from './normal.js'
import type { ModelPacket } from './packets.js'
import type { ModelPort, SaidIn } from './switch.js'

export const PORTS = [1, 2, 3, 4, 5] as const
/** LOCAL is one of them. OF 1.3.5 §4.5 */
export const ALL_PORTS: readonly number[] = [...PORTS, Port.LOCAL]
/** A port of the program. */
export const targetPortOf = (port: number): number => (port === Port.LOCAL ? PORTS.length + 1 : port)
export const portOfTarget = (port: number): number => (port === PORTS.length + 1 ? Port.LOCAL : port)

interface Amount { readonly frames: number; readonly packetIns: number }
/** What a packet leads to; a range where a SELECT group has the choice. */
export interface Hint { readonly least: Amount; readonly most: Amount }

/** With the buffer that it names. */
export interface PlayedPacket extends ModelPacket { readonly bufferId?: number }
export const isFromController = ({ actions, flow }: ModelPacket): boolean => actions !== undefined || flow !== undefined

/** The other end of what is played: what a controller hears and says. */
export interface Controller {
  /** Packet-ins so far, and what to do when there is another one. */
  packetIns(): number
  onHeard: () => void
  /** A packet-out, or a flow-mod that names a buffer, with its answer, if it is refused. */
  packetOut(packet: PlayedPacket): Promise<string | null>
  /** Out of ports that no flag of theirs closes; returns how many. */
  flood(frame: Uint8Array): number
}

/** What came out because of a packet, or the error with which a packet-out was refused. */
export type Came = readonly OutputFrame[] | string

/** A target, and how frames come to it; its ports are those of OpenFlow. */
export interface PlayedTarget {
  connect(): P4RuntimeService
  play(packets: readonly PlayedPacket[], hints: readonly Hint[], controller: Controller): Promise<readonly Came[]>
  /** How many packet-ins it has sent; null where it does not tell, and things take their time. */
  packetInCount(): number | null
  /** Lets time pass in which it gathers what it tells of hosts, if it has a time of its own. */
  elapse?(): void
  close(): Promise<void>
}

/** 1.3 where nothing is said. */
export interface Said { readonly message: Message; readonly saidIn?: SaidIn | undefined }

export interface ModelRig {
  readonly client: OpenFlowClient
  readonly tables: readonly TableFeatures[]
  readonly groupFeatures: GroupFeatures
  /** Whether what follows from a frame may still be under way when play() returns. */
  readonly isPatient: boolean
  /** How many packets it keeps for packet-outs; 0: packet-ins are whole. */
  readonly buffers: number
  /** What makes the flags of the ports those of the case; nothing where they are already. */
  portMods(ports: readonly ModelPort[]): Said[]
  /** What came out for each of the frames; a switch that takes its time is waited for until so much has come. */
  play(packets: readonly PlayedPacket[], hints: readonly Hint[]): Promise<readonly Came[]>
  /** Returns when the switch has seen it, and has done what follows. */
  setLink(port: number, up: boolean): Promise<void>
  hosts(): Promise<Hosts>
  flushHosts(): Promise<void>
  /** Before statistics are asked for. */
  beforeCounters(): Promise<void>
  /** Nothing is to be taken from a cache, if it has one. */
  readonly careful?: (careful: boolean) => void
  /** What it does otherwise than the model, whose rules the model is to follow with it. */
  readonly habits?: Habits
  /** Errors that say what it has no room for, beside those that every switch has. */
  readonly limits?: readonly string[]
  /** Everything that was asked for before has happened; returns the packet-ins since the last call, of which there should be so many. */
  packetIns(least: number): Promise<readonly PacketIn[]>
  /** Errors by index of the message, as `type/code`. */
  send(messages: readonly Said[]): Promise<ReadonlyMap<number, string>>
  /** What the switch writes to its target by itself is there. */
  settle(): Promise<void>
  close(): Promise<void>
}

/** miss_send_len: how much of a packet whose TTL has run out is sent, where packets are kept. OF 1.3.5 §7.3.2 */
export const MISS_SEND_LEN = 50

export interface RigOptions {
  readonly pipeline?: string
  /** As in AgentOptions; 1 lets flows change tables all the time. */
  readonly twinsFrom?: number
  readonly buffers?: number
}

export const startModelRig = (options: RigOptions = {}): Promise<ModelRig> => startRig(embeddedTarget(), options)

export function embeddedTarget(): PlayedTarget {
  const target = createInProcessTarget()
  const outputs = (came: readonly OutputFrame[]): readonly OutputFrame[] => came.map(({ port, frame }) => ({ port: portOfTarget(port), frame }))
  return {
    connect: () => target.target.connect(),
    play: async (packets, hints, controller) => {
      const came: Came[] = []
      let packetIns = controller.packetIns()
      for (const [index, packet] of packets.entries()) {
        if (!isFromController(packet)) came.push(outputs(target.inject(targetPortOf(packet.inPort), packet.frame)))
        else {
          // What the agent itself sends because of a packet-out does not wait for its turn among packet-ins.
          const before = packetIns
          await eventually(() => controller.packetIns() >= before || undefined, () => 'packet-ins are missing', 2000).catch(() => { /* the comparison tells */ })
          came.push(await controller.packetOut(packet) ?? outputs(target.take()))
        }
        packetIns += hints[index]?.least.packetIns ?? 0
      }
      return came
    },
    packetInCount: () => target.target.statistics().packetsIn, elapse: () => target.advance(20), close: () => target.target.close(),
  }
}

export async function startRig(target: PlayedTarget, { pipeline = 'p4/ofswitchd', twinsFrom, buffers = 0 }: RigOptions = {}): Promise<ModelRig> {
  const links = new Map<number, boolean>(ALL_PORTS.map((port) => [targetPortOf(port), true]))
  const nameOf = (port: number): string => (port === Port.LOCAL ? 'br0' : `p${port}`)
  const ports = ALL_PORTS.map((port) => ({ portNo: port, p4Port: targetPortOf(port), name: nameOf(port), hwAddr: 0x0200_0000_0100n + BigInt(targetPortOf(port)) }))
  const config: Config = {
    ...checkConfig(noSource, null, process.cwd()),
    target: { kind: 'simulated', hosts: [] }, buffers,
    ports: ALL_PORTS.map((number) => ({ number, interface: nameOf(number), p4Port: targetPortOf(number) })),
    controllers: [], listen: [{ transport: 'tcp', passive: true, host: '127.0.0.1', port: 0 }],
    pipeline: { p4info: join(process.cwd(), `${pipeline}.p4info.txtpb`), json: join(process.cwd(), `${pipeline}.json`) },
  }
  const monitor = await DriverPortMonitor.open(ports, { links: () => links, counters: () => null }, { intervalMs: 20, now: monotonicNow })
  const agent: Agent = await startAgent(config, silentLogger, {
    ...(twinsFrom === undefined ? {} : { twinsFrom }),
    target: {
      connect: () => target.connect(), ports: [monitor], failed: new Promise(() => {}), embedded: null, changePorts: null,
      close: async () => {
        await monitor.stop()
        await target.close()
      },
    },
  })
  const { client, listenPort } = await firstClient(agent)
  const { tables } = await client.stats({ kind: 'table_features', tables: [] })
  const others = new Map([[1 as const, await OpenFlowClient.connect(listenPort, 1)], [6 as const, await OpenFlowClient.connect(listenPort, 6)]])
  return await rigOf(client, others, {
    tables, buffers, isPatient: target.packetInCount() === null, packetInCount: () => target.packetInCount(), play: (packets, hints, controller) => target.play(packets, hints, controller),
    beforeCounters: async () => { /* the target counts at once */ },
    setLink: async (port, up) => {
      links.set(targetPortOf(port), up)
      const deadline = performance.now() + 30_000
      for (;;) {
        const { ports: now } = await client.stats({ kind: 'port_desc', portNo: Port.ANY })
        if (((now.find(({ portNo }) => portNo === port)?.state ?? 0) & PortState.LINK_DOWN) === (up ? 0 : PortState.LINK_DOWN)) return
        if (performance.now() > deadline) throw new Error(`the switch does not see the link of port ${port}`)
        await new Promise((resolve) => { setTimeout(resolve, 5) })
      }
    },
    hosts: async () => {
      target.elapse?.()
      return new Map(agent.hosts().map(({ vlan, address, portNo }) => [hostKey(vlan, address), portNo]))
    },
    flushHosts: async () => {
      agent.flushHosts()
      await eventually(() => agent.hosts().length === 0 || undefined, () => 'hosts are not forgotten')
    },
    close: async () => {
      client.close()
      for (const other of others.values()) other.close()
      await agent.close()
    },
  })
}

/** What is different from switch to switch. */
type Subject = Pick<ModelRig, 'tables' | 'isPatient' | 'buffers' | 'setLink' | 'hosts' | 'flushHosts' | 'beforeCounters' | 'close'> & Pick<PlayedTarget, 'play' | 'packetInCount'>

/** `others`: clients of other versions, which hear nothing by themselves. */
export async function rigOf(client: OpenFlowClient, others: ReadonlyMap<SaidIn, OpenFlowClient>, subject: Subject): Promise<ModelRig> {
  client.send({ type: 'set_config', flags: 0, missSendLen: subject.buffers > 0 ? MISS_SEND_LEN : 0xffff })
  client.send({ type: 'set_async', ...SAME_ASYNC, packetIn: [7, 0], portStatus: [7, 0], flowRemoved: [15, 0] })
  const groupFeatures = await client.stats({ kind: 'group_features' })
  const described = await client.stats({ kind: 'port_desc', portNo: Port.ANY })
  /** Packet-ins of the target so far. */
  let known = 0
  const configured = new Map<number, number>()
  const down = new Set<number>()
  const clientOf = (saidIn: SaidIn = 4): OpenFlowClient => others.get(saidIn) ?? client
  const flush = async (of = client): Promise<void> => { assert.equal((await of.request({ type: 'barrier_request' })).type, 'barrier_reply') }
  const errorOf = (of: OpenFlowClient, xid: number): string | null => {
    const error = of.heard.find((heard) => heard.xid === xid)?.message
    return error?.type === 'peer_error' ? `${error.errorType}/${error.code}` : null
  }
  const portMod = (portNo: number, flags: number, mask: number): Message =>
    ({ type: 'port_mod', portNo, hwAddr: described.ports.find((port) => port.portNo === portNo)?.hwAddr ?? 0n, config: flags & mask, mask, advertise: 0, properties: [] })
  const send = async (messages: readonly Said[]): Promise<ReadonlyMap<number, string>> => {
    const errors = new Map<number, string>()
    for (let at = 0; at < messages.length;) {
      const saidIn = messages[at]?.saidIn ?? 4
      const of = clientOf(saidIn)
      const first = at
      const xids: number[] = []
      for (let next = messages[at]; next !== undefined && (next.saidIn ?? 4) === saidIn; next = messages[++at]) xids.push(of.send(next.message))
      await flush(of)
      for (const [index, xid] of xids.entries()) {
        const error = errorOf(of, xid)
        if (error !== null) errors.set(first + index, error)
      }
      if (of !== client) of.heard.length = 0
    }
    return errors
  }
  return {
    client, groupFeatures, tables: subject.tables, isPatient: subject.isPatient, buffers: subject.buffers, hosts: subject.hosts, flushHosts: subject.flushHosts,
    beforeCounters: subject.beforeCounters, close: subject.close, send,
    settle: async () => {
      // What is written now is written behind it.
      await send([{ message: flowMod(14, 7, [], {}) }, { message: flowMod(14, 7, [], {}, { command: 'delete_strict' }) }])
    },
    setLink: async (port, up) => {
      if (down.has(port) !== up) return
      if (up) down.delete(port)
      else down.add(port)
      await subject.setLink(port, up)
    },
    portMods: (wanted) => wanted.flatMap(({ portNo, config: flags }): Said[] => {
      const before = configured.get(portNo) ?? 0
      configured.set(portNo, flags)
      return [
        ...((before ^ flags) & PORT_FLAGS) === 0 ? [] : [{ message: portMod(portNo, flags, PORT_FLAGS) }],
        ...((before ^ flags) & PortConfig.NO_FLOOD) === 0 ? [] : [{ message: portMod(portNo, flags, PortConfig.NO_FLOOD), saidIn: 1 as const }],
      ]
    }),
    play: async (packets, hints) => {
      const controller: Controller = {
        packetIns: () => client.messages('packet_in').length, onHeard: () => { /* not waited for */ },
        packetOut: async ({ inPort, frame, actions = [], bufferId = NO_BUFFER, flow, saidIn }) => {
          const of = clientOf(flow === undefined ? saidIn : flow.saidIn)
          const xid = of.send(flow !== undefined ? flowEventMessage(flow, bufferId) : { type: 'packet_out', bufferId, inPort, match: [], data: bufferId === NO_BUFFER ? frame : new Uint8Array(0), actions: wordsFor(saidIn, actions) })
          await flush(of)
          return errorOf(of, xid)
        },
        flood: (data) => {
          const open = PORTS.filter((port) => ((configured.get(port) ?? 0) & ~PortConfig.NO_FLOOD) === 0 && !down.has(port))
          client.send({
            type: 'packet_out', bufferId: NO_BUFFER, inPort: Port.CONTROLLER, match: [], data, actions: open.map((port) => ({ type: 'output', port, maxLen: 0 })),
          })
          return open.length
        },
      }
      client.onHeard = () => controller.onHeard()
      const came = await subject.play(packets, hints, controller)
      // Nobody is at the other end of a link that is down.
      return down.size === 0 ? came : came.map((one) => (typeof one === 'string' ? one : one.filter(({ port }) => !down.has(port))))
    },
    packetIns: async (least) => {
      await flush()
      // A barrier reply may overtake packet-ins that wait for their port's turn; the target has counted how many there are.
      const count = subject.packetInCount()
      const wanted = Math.max(least, (count ?? 0) - known)
      known = count ?? 0
      await client.waitFor(() => client.messages('packet_in').length >= wanted, 2000).catch(() => { /* those that came are compared */ })
      const taken = client.messages('packet_in')
      client.heard.length = 0
      return taken
    },
  }
}

/** OFPPC_PORT_DOWN, NO_RECV, NO_FWD, NO_PACKET_IN: all that 1.3 has; 1.0 has NO_FLOOD too. OF 1.3.5 §7.2.1, OF 1.0 §5.2.1 */
const PORT_FLAGS = 0x65

export const emptySwitch: readonly Message[] = [
  flowMod(0xff, 0, [], {}, { command: 'delete' }),
  { type: 'group_mod', command: 'delete', groupType: 'all', groupId: Group.ALL, buckets: [], commandBucketId: BucketId.ALL },
  { type: 'meter_mod', command: 'delete', flags: 0, meterId: Meter.ALL, bands: [] },
]
