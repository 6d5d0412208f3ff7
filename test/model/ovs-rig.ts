/**
 * The model's rig with Open vSwitch: a private ovs-vswitchd with its dummy datapath, which needs no rights and no interfaces.
 * Frames are put in by the control socket and come out on a socket for each port, each with its length before it.
 *
 * Open vSwitch goes round one loop: what a command has put in has been carried out when two more commands have been answered.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Port, PortConfig, type Action, type TableFeatures } from '../../src/openflow/index.js'
import type { OutputFrame } from '../../src/target/index.js'
import { Daemon, must, onPath, run, until } from '../support/netns-process.js'
import { OpenFlowClient } from '../support/switch-rig.js'
import type { ModelCase } from './case.js'
import { habitsOfOpenVSwitch } from './habits.js'
import { referredGroups } from './limits.js'
import type { ModelEvent } from './events.js'
import { hostKey, type Hosts } from './normal.js'
import { ALL_PORTS, isFromController, PORTS, rigOf, type Controller, type Hint, type ModelRig, type PlayedPacket } from './rig.js'
import type { ModelFlow } from './switch.js'

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'
export const whyNoOpenVSwitch = (): string | false => {
  const missing = ['ovs-vswitchd', 'ovsdb-server', 'ovsdb-tool', 'ovs-vsctl'].filter((name) => onPath(name) === undefined)
  return missing.length === 0 ? false : `Open vSwitch is not installed (${missing.join(', ')})`
}

/**
 * What Open vSwitch is asked for of a case. Its userspace meters know no dscp_remark, and are a matter of time; its ports have
 * 16 bits and its ARP operations 8, so that a match for a higher number is refused, as is one for neighbour discovery with a
 * code; its dummy ports send when they are down, and have no links. Output to the tables is no copy there: what they did to the
 * packet stays done. It keeps no packets. SET_TP_* of 1.0 writes to any protocol there. It ends itself (3.1) where a group goes
 * that flows lead to. What comes from nowhere in 1.0 comes from OFPP_NONE there, which later versions call ANY;
 * and no tag in a match of 1.0 is no priority either, so that a strict change in another version is about another flow.
 */
export const forOpenVSwitch = (wanted: ModelCase): ModelCase => ({
  ...wanted, meters: [], ports: wanted.ports.map((port) => ({ ...port, config: port.config & ~PortConfig.DOWN })),
  flows: wanted.flows.filter((flow) => !isRefused(flow)).map(withoutMeter),
  packets: wanted.packets.filter(({ actions = [], buffer, saidIn }) => buffer === undefined && !(saidIn === 1 && setsEitherPort(actions))
    && actions.slice(0, -1).every((action) => action.type !== 'output' || action.port !== Port.TABLE))
    .map((packet) => (packet.saidIn === 1 && packet.inPort === Port.CONTROLLER ? { ...packet, inPort: Port.ANY } : packet))
    .map(({ before, ...packet }) => (before === undefined ? packet : { ...packet, before: before.flatMap((event) => eventForOpenVSwitch(wanted, event)) })),
})

function eventForOpenVSwitch({ flows, packets }: ModelCase, event: ModelEvent): ModelEvent[] {
  switch (event.kind) {
    case 'link': return []
    case 'port': return [{ ...event, config: event.config & ~PortConfig.DOWN }]
    case 'flow': return isRefused(event) ? [] : [event]
    case 'group': {
      const all = [...flows, ...packets.flatMap(({ before = [] }) => before.flatMap((each) => (each.kind === 'flow' ? [each] : [])))]
      const isLedTo = all.some(({ instructions: { apply, write } }) => referredGroups([...apply ?? [], ...write ?? []]).includes(event.group.groupId))
      return event.command === 'delete' && isLedTo ? [] : [event]
    }
  }
}

function withoutMeter(flow: ModelFlow): ModelFlow {
  const { instructions } = flow
  return { ...flow, instructions: { ...instructions, meter: null, apply: instructions.apply?.filter(({ type }) => type !== 'meter') ?? null } }
}

const setsEitherPort = (actions: readonly Action[]): boolean => actions.some((action, at) => {
  const next = actions[at + 1]
  return action.type === 'set_field' && next?.type === 'set_field' && action.field.startsWith('tcp_') && next.field.startsWith('udp_') && action.value === next.value
})

function isRefused({ match, instructions: { apply, write }, saidIn }: Pick<ModelFlow, 'match' | 'instructions' | 'saidIn'>): boolean {
  const isNeighbour = (name: string): boolean => name.startsWith('ipv6_nd_')
  const setsNeighbour = [...apply ?? [], ...write ?? []].some((action) => action.type === 'set_field' && isNeighbour(action.field))
  const hasCode = match.some(({ field, value }) => field === 'icmpv6_code' && value !== 0n)
  return match.some(({ field, value }) => (field === 'in_port' && value >= 0xff00n && value !== BigInt(Port.LOCAL)) || (field === 'arp_op' && value >= 0x100n))
    || (hasCode && (setsNeighbour || match.some(({ field }) => isNeighbour(field)))) 
    || (saidIn === 1 && (setsEitherPort(apply ?? []) || match.some(({ field, value }) => field === 'vlan_vid' && value === 0n)))
}

/** Patience with frames and packet-ins that should come. */
const WAIT_MS = 8000

export async function startOvsRig(): Promise<ModelRig> {
  const folder = mkdtempSync(join(tmpdir(), 'ofs-ovs-'))
  const env = { ...process.env, OVS_RUNDIR: folder, OVS_LOGDIR: folder, OVS_DBDIR: folder }
  const at = (name: string): string => join(folder, name)
  await must('ovsdb-tool', ['create', at('conf.db'), SCHEMA], { env })
  const daemons = [new Daemon('ovsdb-server', 'ovsdb-server', [at('conf.db'), `--remote=punix:${at('db.sock')}`, `--unixctl=${at('db.ctl')}`], env)]
  const closers: (() => void)[] = []
  const close = async (): Promise<void> => {
    for (const closer of closers) closer()
    for (const daemon of daemons.reverse()) await daemon.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const vsctl = (...args: string[]): Promise<string> => must('ovs-vsctl', [`--db=unix:${at('db.sock')}`, ...args], { env })
    await until(() => `ovsdb-server: ${daemons[0]?.log}`, async () => (await run('ovs-vsctl', [`--db=unix:${at('db.sock')}`, '--no-wait', 'init'], { env })).code === 0)
    const daemon = new Daemon('ovs-vswitchd', 'ovs-vswitchd', ['--enable-dummy', `unix:${at('db.sock')}`, `--unixctl=${at('ctl')}`, '-vconsole:warn'], env)
    daemons.push(daemon)
    await vsctl('--no-wait', 'set', 'open_vswitch', '.', 'other_config:vlan-limit=2')
    await vsctl('add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=dummy', 'fail-mode=secure', 'protocols=OpenFlow10,OpenFlow13,OpenFlow15', '--', 'set', 'interface', 'br0', `options:pstream=punix:${at('br0')}`, ...PORTS.flatMap((port) =>
      ['--', 'add-port', 'br0', `p${port}`, '--', 'set', 'interface', `p${port}`, 'type=dummy', `ofport_request=${port}`, `options:pstream=punix:${at(`p${port}`)}`]))
    const control = await ControlSocket.open(at('ctl'))
    const wires = await Wires.open((port) => at(nameOf(port)))
    const client = await OpenFlowClient.connect(at('br0.mgmt'))
    const others = new Map([[1 as const, await OpenFlowClient.connect(at('br0.mgmt'), 1)], [6 as const, await OpenFlowClient.connect(at('br0.mgmt'), 6)]])
    closers.push(() => control.close(), () => wires.close(), () => client.close(), ...[...others.values()].map((other) => () => other.close()))
    const settled = async (): Promise<void> => { for (let i = 0; i < 2; i++) await control.ask('version') }
    let isCareful = false
    const rig = await rigOf(client, others, {
      tables: (await client.allStats({ kind: 'table_features', tables: [] })).flatMap(({ tables }): readonly TableFeatures[] => tables),
      isPatient: true, buffers: 0, packetInCount: () => null, setLink: () => { throw new Error('not needed') },
      hosts: async () => hostsOf(await control.ask('fdb/show', 'br0')), flushHosts: async () => { await control.ask('fdb/flush', 'br0') },
      // Counts are in the cache of the datapath until they are collected.
      beforeCounters: async () => { await control.ask('revalidator/purge') },
      play: async (packets, hints, controller) => {
        const played: (OutputFrame[] | string)[] = []
        controller.onHeard = () => wires.changed()
        // Flags of ports take effect on the next round, behind the barrier, and what was in the cache before is of no use.
        await settled()
        await control.ask('revalidator/purge')
        for (const [index, packet] of packets.entries()) {
          if (!daemon.running) throw new Error(`ovs-vswitchd has ended: ${daemon.log}`)
          const hint = hints[index]
          if (isCareful) await control.ask('revalidator/purge')
          if (hint !== undefined) played.push(await playOne(packet, hint, controller, control, wires, settled))
        }
        // What nothing led to is shown with the last packet, or, if it takes longer, with the next one.
        await passBy(controller, wires)
        const last = played.at(-1)
        if (typeof last === 'object') last.push(...wires.frames.splice(0))
        return played
      },
      close,
    })
    // OFPBAC_BAD_TAG: a third tag.
    return { ...rig, careful: (careful) => { isCareful = careful }, habits: habitsOfOpenVSwitch, limits: ['2/12'] }
  } catch (error) {
    await close()
    throw error
  }
}

const nameOf = (port: number): string => (port === Port.LOCAL ? 'br0' : `p${port}`)

/** ` port  VLAN  MAC                Age`, the first line says so. */
function hostsOf(shown: string): Hosts {
  return new Map(shown.split('\n').slice(1).flatMap((line) => {
    const [port = '', vlan = '', address = ''] = line.trim().split(/\s+/)
    return address === '' ? [] : [[hostKey(Number(vlan), BigInt(`0x${address.replaceAll(':', '')}`)), port === 'LOCAL' ? Port.LOCAL : Number(port)] as const]
  }))
}

async function playOne(packet: PlayedPacket, { least, most }: Hint, controller: Controller, control: ControlSocket, wires: Wires, settled: () => Promise<void>): Promise<OutputFrame[] | string> {
  const before = controller.packetIns()
  if (isFromController(packet)) {
    const error = await controller.packetOut(packet)
    if (error !== null) return error
  } else await control.ask('netdev-dummy/receive', nameOf(packet.inPort), Buffer.from(packet.frame).toString('hex'))
  await settled()
  await wires.until(() => wires.frames.length >= least.frames && controller.packetIns() >= before + least.packetIns, WAIT_MS)
  if (least.frames < most.frames || least.packetIns < most.packetIns) await passBy(controller, wires)
  return wires.frames.splice(0)
}

const SENTINEL = Buffer.from(`${'0e'.repeat(12)}88b5${'5e'.repeat(46)}`, 'hex')

/** A frame through every port: what came before it has come. */
async function passBy(controller: Controller, wires: Wires): Promise<void> {
  const isSentinel = ({ frame }: OutputFrame): boolean => SENTINEL.equals(frame)
  const ports = controller.flood(new Uint8Array(SENTINEL))
  await wires.until(() => wires.frames.filter(isSentinel).length >= ports, WAIT_MS)
  wires.frames.splice(0, wires.frames.length, ...wires.frames.filter((each) => !isSentinel(each)))
}

const GONE = 'ovs-vswitchd has closed its control socket'

/** ovs-appctl's protocol: JSON-RPC, answers in order. */
class ControlSocket {
  readonly #socket: Socket
  readonly #waiting: { resolve(answer: string): void; reject(error: Error): void }[] = []
  #unread = ''
  #id = 0
  #isOver = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.#unread += text
      // An answer is one object; they come one by one, as questions are asked.
      let answer: { result: string | null; error: string | null }
      try {
        answer = JSON.parse(this.#unread) as typeof answer
      } catch {
        return
      }
      this.#unread = ''
      const asked = this.#waiting.shift()
      if (answer.error === null) asked?.resolve(answer.result ?? '')
      else asked?.reject(new Error(answer.error))
    })
    const over = (): void => {
      this.#isOver = true
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(GONE))
    }
    socket.on('error', over).on('close', over)
  }
  static async open(path: string): Promise<ControlSocket> {
    return new ControlSocket(await opened(path))
  }
  ask(method: string, ...params: string[]): Promise<string> {
    if (this.#isOver) return Promise.reject(new Error(GONE))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#socket.write(JSON.stringify({ id: this.#id++, method, params }))
    })
  }
  close(): void { this.#socket.destroy() }
}

/** The other ends of the ports. */
class Wires {
  readonly frames: OutputFrame[] = []
  readonly #sockets: Socket[] = []
  #look: () => void = () => { /* nobody waits */ }

  static async open(path: (port: number) => string): Promise<Wires> {
    const wires = new Wires()
    for (const port of ALL_PORTS) {
      const socket = await opened(path(port))
      let unread = Buffer.alloc(0)
      socket.on('data', (chunk: Buffer) => {
        unread = Buffer.concat([unread, chunk])
        while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE(0)) {
          const end = 2 + unread.readUInt16BE(0)
          wires.frames.push({ port, frame: new Uint8Array(unread.subarray(2, end)) })
          unread = unread.subarray(end)
        }
        wires.changed()
      }).on('error', () => { /* the process is watched */ })
      wires.#sockets.push(socket)
    }
    return wires
  }
  changed(): void { this.#look() }
  async until(condition: () => boolean, millis: number): Promise<void> {
    if (condition()) return
    await new Promise<void>((resolve) => {
      const stop = (): void => {
        clearTimeout(timer)
        this.#look = () => { /* nobody waits */ }
        resolve()
      }
      const timer = setTimeout(stop, millis)
      this.#look = () => { if (condition()) stop() }
    })
  }
  close(): void { for (const socket of this.#sockets) socket.destroy() }
}

async function opened(path: string): Promise<Socket> {
  let socket: Socket | undefined
  await until(() => `a socket at ${path}`, () => new Promise<boolean>((resolve) => {
    socket = connect(path).once('connect', () => resolve(true)).once('error', () => resolve(false))
  }))
  if (socket === undefined) throw new Error(path)
  return socket
}
