/**
 * The switch that the model is compared with, started once and emptied between cases: an agent with a client, and a target.
 * The embedded target runs in this thread, so that what follows from a frame has happened when it has been put in; BMv2
 * (bmv2-rig.ts) takes its time, and is told what to wait for. Packet-ins come over the OpenFlow connection soon after.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { startAgent, type Agent } from '../../src/agent/agent.js'
import { DriverPortMonitor } from '../../src/agent/port-monitor.js'
import { monotonicNow } from '../../src/base/clock.js'
import { silentLogger } from '../../src/base/logger.js'
import { checkConfig, noSource, type Config } from '../../src/config/index.js'
import { BucketId, Group, Meter, NO_BUFFER, Port, SAME_ASYNC, type GroupFeatures, type Message, type PacketIn, type TableFeatures } from '../../src/openflow/index.js'
import { createInProcessTarget, type OutputFrame } from '../../src/target/index.js'
import type { P4RuntimeService } from '../../src/p4proto/service.js'
import { eventually, firstClient, flowMod, type OpenFlowClient } from '../support/switch-rig.js'
import type { Habits } from './habits.js'
import type { ModelPacket } from './packets.js'
import type { ModelPort } from './switch.js'

export const PORTS = [1, 2, 3, 4, 5] as const

interface Amount { readonly frames: number; readonly packetIns: number }
/** What a packet leads to; a range where a SELECT group has the choice. */
export interface Hint { readonly least: Amount; readonly most: Amount }

/** The other end of what is played: what a controller hears and says. */
export interface Controller {
  /** Packet-ins so far, and what to do when there is another one. */
  packetIns(): number
  onHeard: () => void
  /** A packet-out with its answer, if it is refused. */
  packetOut(packet: ModelPacket): Promise<string | null>
  /** Out of ports that no flag of theirs closes; returns how many. */
  flood(frame: Uint8Array): number
}

/** What came out because of a packet, or the error with which a packet-out was refused. */
export type Came = readonly OutputFrame[] | string

/** A target, and how frames come to it. */
export interface PlayedTarget {
  connect(): P4RuntimeService
  play(packets: readonly ModelPacket[], hints: readonly Hint[], controller: Controller): Promise<readonly Came[]>
  /** How many packet-ins it has sent; null where it does not tell, and things take their time. */
  packetInCount(): number | null
  close(): Promise<void>
}

export interface ModelRig {
  readonly client: OpenFlowClient
  readonly tables: readonly TableFeatures[]
  readonly groupFeatures: GroupFeatures
  /** Whether what follows from a frame may still be under way when play() returns. */
  readonly isPatient: boolean
  /** What makes the flags of the ports those of the case; nothing where they are already. */
  portMods(ports: readonly ModelPort[]): Message[]
  /** What came out for each of the frames; a switch that takes its time is waited for until so much has come. */
  play(packets: readonly ModelPacket[], hints: readonly Hint[]): Promise<readonly Came[]>
  setLink(port: number, up: boolean): void
  /** Before statistics are asked for. */
  beforeCounters(): Promise<void>
  /** What it does otherwise than the model, whose rules the model is to follow with it. */
  readonly habits?: Habits
  /** Errors that say what it has no room for, beside those that every switch has. */
  readonly limits?: readonly string[]
  /** Everything that was asked for before has happened; returns the packet-ins since the last call. */
  packetIns(): Promise<readonly PacketIn[]>
  /** Errors by index of the message, as `type/code`. */
  send(messages: readonly Message[]): Promise<ReadonlyMap<number, string>>
  close(): Promise<void>
}

export const startModelRig = (twinsFrom?: number): Promise<ModelRig> => startRig(embeddedTarget(), { ...(twinsFrom === undefined ? {} : { twinsFrom }) })

export function embeddedTarget(): PlayedTarget {
  const target = createInProcessTarget()
  return {
    connect: () => target.target.connect(),
    play: async (packets, hints, controller) => {
      const came: Came[] = []
      let packetIns = controller.packetIns()
      for (const [index, packet] of packets.entries()) {
        if (packet.actions === undefined) came.push(target.inject(packet.inPort, packet.frame))
        else {
          // What the agent itself sends because of a packet-out does not wait for its turn among packet-ins.
          const before = packetIns
          await eventually(() => controller.packetIns() >= before || undefined, () => 'packet-ins are missing', 2000).catch(() => { /* the comparison tells */ })
          came.push(await controller.packetOut(packet) ?? target.take())
        }
        packetIns += hints[index]?.least.packetIns ?? 0
      }
      return came
    },
    packetInCount: () => target.target.statistics().packetsIn, close: () => target.target.close(),
  }
}

/** `twinsFrom`: as in AgentOptions; 1 lets flows change tables all the time. */
export async function startRig(target: PlayedTarget, { pipeline = 'p4/ofswitchd', twinsFrom }: { readonly pipeline?: string; readonly twinsFrom?: number } = {}): Promise<ModelRig> {
  const links = new Map<number, boolean>(PORTS.map((port) => [port, true]))
  const ports = PORTS.map((port) => ({ portNo: port, p4Port: port, name: `p${port}`, hwAddr: 0x0200_0000_0100n + BigInt(port) }))
  const config: Config = {
    ...checkConfig(noSource, null, process.cwd()),
    target: { kind: 'simulated', hosts: [] },
    ports: PORTS.map((number) => ({ number, interface: `p${number}`, p4Port: number })),
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
  const { client } = await firstClient(agent)
  const { tables } = await client.stats({ kind: 'table_features', tables: [] })
  return await rigOf(client, {
    tables, isPatient: target.packetInCount() === null, packetInCount: () => target.packetInCount(), play: (packets, hints, controller) => target.play(packets, hints, controller),
    setLink: (port, up) => { links.set(port, up) }, beforeCounters: async () => { /* the target counts at once */ },
    close: async () => {
      client.close()
      await agent.close()
    },
  })
}

/** What is different from switch to switch. */
type Subject = Pick<ModelRig, 'tables' | 'isPatient' | 'setLink' | 'beforeCounters' | 'close'> & Pick<PlayedTarget, 'play' | 'packetInCount'>

export async function rigOf(client: OpenFlowClient, subject: Subject): Promise<ModelRig> {
  client.send({ type: 'set_config', flags: 0, missSendLen: 0xffff })
  client.send({ type: 'set_async', ...SAME_ASYNC, packetIn: [7, 0], portStatus: [7, 0], flowRemoved: [15, 0] })
  const groupFeatures = await client.stats({ kind: 'group_features' })
  const described = await client.stats({ kind: 'port_desc', portNo: Port.ANY })
  /** Packet-ins of the target so far. */
  let known = 0
  const configured = new Map<number, number>()
  const flush = async (): Promise<void> => { assert.equal((await client.request({ type: 'barrier_request' })).type, 'barrier_reply') }
  return {
    client, groupFeatures, tables: subject.tables, isPatient: subject.isPatient, setLink: subject.setLink, beforeCounters: subject.beforeCounters, close: subject.close,
    portMods: (wanted) => wanted.flatMap(({ portNo, config: flags }): Message[] => {
      if ((configured.get(portNo) ?? 0) === flags) return []
      configured.set(portNo, flags)
      const hwAddr = described.ports.find((port) => port.portNo === portNo)?.hwAddr ?? 0n
      return [{ type: 'port_mod', portNo, hwAddr, config: flags, mask: PORT_FLAGS, advertise: 0, properties: [] }]
    }),
    play: async (packets, hints) => {
      const controller: Controller = {
        packetIns: () => client.messages('packet_in').length, onHeard: () => { /* not waited for */ },
        packetOut: async ({ inPort, frame, actions = [] }) => {
          const xid = client.send({ type: 'packet_out', bufferId: NO_BUFFER, inPort, match: [], data: frame, actions })
          await flush()
          const error = client.heard.find((heard) => heard.xid === xid)?.message
          return error?.type === 'peer_error' ? `${error.errorType}/${error.code}` : null
        },
        flood: (data) => {
          const open = PORTS.filter((port) => (configured.get(port) ?? 0) === 0)
          client.send({
            type: 'packet_out', bufferId: NO_BUFFER, inPort: Port.CONTROLLER, match: [], data, actions: open.map((port) => ({ type: 'output', port, maxLen: 0 })),
          })
          return open.length
        },
      }
      client.onHeard = () => controller.onHeard()
      return await subject.play(packets, hints, controller)
    },
    packetIns: async () => {
      await flush()
      // A barrier reply may overtake packet-ins that wait for their port's turn; the target has counted how many there are.
      const count = subject.packetInCount()
      const wanted = (count ?? 0) - known
      known = count ?? 0
      await client.waitFor(() => client.messages('packet_in').length >= wanted, 2000).catch(() => { /* those that came are compared */ })
      const taken = client.messages('packet_in')
      client.heard.length = 0
      return taken
    },
    send: async (messages) => {
      const xids = messages.map((message) => client.send(message))
      await flush()
      return new Map(client.heard.flatMap(({ xid, message }) => (message.type === 'peer_error' && xids.includes(xid)
        ? [[xids.indexOf(xid), `${message.errorType}/${message.code}`] as const] : [])))
    },
  }
}

/** OFPPC_PORT_DOWN, NO_RECV, NO_FWD, NO_PACKET_IN: all that 1.3 has. OF 1.3.5 §7.2.1 */
const PORT_FLAGS = 0x65

export const emptySwitch: readonly Message[] = [
  flowMod(0xff, 0, [], {}, { command: 'delete' }),
  { type: 'group_mod', command: 'delete', groupType: 'all', groupId: Group.ALL, buckets: [], commandBucketId: BucketId.ALL },
  { type: 'meter_mod', command: 'delete', flags: 0, meterId: Meter.ALL, bands: [] },
]
