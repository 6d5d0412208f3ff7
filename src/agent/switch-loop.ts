/**
 * Runs the datapath: turns events of channels, target, ports and time into its inputs, one after another, and carries out
 * its effects in order. All I/O of the switch meets here; all decisions are elsewhere.
 */
import { limitRepeats } from '../base/logger.js'
import type { Logger } from '../base/logger.js'
import { type Millis, monotonicNow } from '../base/clock.js'
import type { ChannelSet, ChannelSetEvents } from '../channel/index.js'
import type { Compiler, TargetContents } from '../compiler/index.js'
import type { Config } from '../config/index.js'
import { Datapath, type Effect, type FlowView, type Input } from '../datapath/index.js'
import type { Southbound, SouthboundEvent } from '../p4runtime/index.js'
import { type Action, type Message, NO_BUFFER } from '../openflow/model.js'
import { CellCounts } from './cell-counts.js'
import { CounterReader } from './counters.js'
import { Committer } from './commit.js'
import { LocalClient } from './local-client.js'
import { PacketInAdmission } from './packet-in-admission.js'
import { PacketIo } from './packet-io.js'
import type { PortSource } from './port-monitor.js'
import { failModeOf, portVlansOf } from './reload.js'

export interface SwitchLoopOptions {
  readonly config: Config
  readonly compiler: Compiler
  readonly southbound: Southbound
  readonly ports: PortSource
  /** P4 ports by OpenFlow number; may change. */
  readonly targetPorts: ReadonlyMap<number, number>
  readonly log: Logger
  /** How long a packet may be under way in the target; 0 (the default) where none is while the target is written. */
  readonly graceMs?: number
}

/** A connection with this many requests or bytes of them waiting is not read until half of them are done. */
const MAX_BACKLOG = 1024
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024
/**
 * Nor is one that sends changes while the target has so many to answer for: it has enough to do, and what is read ahead of it
 * costs less as bytes than as plans, which would live through collections.
 */
const MAX_PENDING = 2048
const changes: ReadonlySet<Message['type']> = new Set(['flow_mod', 'nx_flow_mod', 'group_mod', 'meter_mod'])
/** Node's longest timer. */
const MAX_TIMER_MS = 0x7fffffff

export class SwitchLoop {
  readonly channelEvents: ChannelSetEvents
  /** This agent controls the target, and has written to it what it should hold; or another one controls it. */
  onTurn: ((controls: boolean) => void) | null = null
  /** Requests from inside, answered as those of a management connection are. */
  readonly client: LocalClient
  readonly #options: SwitchLoopOptions
  readonly #datapath: Datapath
  readonly #committer: Committer
  readonly #counters: CounterReader
  readonly #packets: PacketIo
  readonly #packetIns: PacketInAdmission
  readonly #log: Logger
  readonly #inputs: Input[] = []
  readonly #totals = { input: new Map<string, number>(), received: new Map<string, number>(), sent: new Map<string, number>() }
  /** Answered commits that are to be told together. */
  #committed: number[] = []
  readonly #paused = new Set<number>()
  readonly #settling = new Set<() => void>()
  #turn: 'awaited' | 'ours' | 'others' = 'others'
  #running = false
  #stopped = false
  #timer: NodeJS.Timeout | null = null
  #wakeup: Millis | null = null
  #channels: ChannelSet | null = null

  constructor(options: SwitchLoopOptions) {
    const { config, compiler, southbound, ports, targetPorts, log } = options
    this.#options = options
    this.#log = log.child({ component: 'switch' })
    const { description } = config
    this.#datapath = new Datapath({
      datapathId: config.datapathId, ports: ports.ports(), portVlans: portVlansOf(config), buffers: config.buffers, hostAgeing: config.macAgeing / 1000, failMode: failModeOf(config), epoch: Date.now() - monotonicNow(), recovers: true,
      description: {
        mfrDesc: description.manufacturer, hwDesc: description.hardware, swDesc: description.software,
        serialNum: description.serialNumber, dpDesc: description.datapath,
      },
    }, compiler, monotonicNow())
    this.#committer = new Committer(southbound, new CellCounts(southbound, compiler.contract.flowCounter?.name ?? null), compiler.contract.bucketCounter?.name ?? null, this.#log, options.graceMs ?? 0, {
      committed: (token) => this.#collect(token), answered: (input) => this.feed(input), resynchronise: (reason) => this.#resynchronise(reason),
    })
    this.#counters = new CounterReader(compiler, southbound, ports)
    this.#packets = new PacketIo(compiler, southbound, targetPorts, () => this.#datapath.ports(), (input) => this.feed(input))
    this.client = new LocalClient((input) => this.feed(input))
    this.#packetIns = new PacketInAdmission((packet) => this.#packets.packetIn(packet), limitRepeats(this.#log))
    this.channelEvents = {
      onOpen: ({ id, version, peer, kind, auxiliary }) => this.feed({ kind: 'connected', conn: id, version, connKind: kind, auxiliary, uri: peer }),
      onMessage: (conn, xid, message, raw) => {
        this.feed({ kind: 'message', conn, xid, message, raw })
        this.#throttle(conn, message)
      },
      onRefused: (conn, xid, error, reason, raw) => {
        this.#log.warn({ conn, xid, error, reason }, 'request refused: it could not be decoded')
        this.feed({ kind: 'refused', conn, xid, error, raw })
      },
      onMonitorsBehind: (conn, isBehind) => this.feed({ kind: isBehind ? 'monitors_behind' : 'monitors_read', conn }),
      onClose: (conn, _reason, silentMs) => {
        this.#paused.delete(conn)
        this.feed({ kind: 'disconnected', conn, silentMs })
      },
    }
  }

  start(channels: ChannelSet): void {
    this.#channels = channels
    this.#options.ports.onChange = (port) => this.feed({ kind: 'port_changed', port })
    this.#options.southbound.start((event) => this.#onTarget(event))
    this.#run()
  }

  stop(): void {
    this.#stopped = true
    this.#packetIns.stop()
    this.#options.ports.onChange = null
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  /** To be looked at between inputs; only step() changes it. */
  get datapath(): Omit<Datapath, 'step'> { return this.#datapath }
  /** Inputs and effects so far, by kind. */
  totals(): Readonly<Record<string, number>> {
    const named = (prefix: string, counts: ReadonlyMap<string, number>): [string, number][] => [...counts].map(([name, count]) => [prefix + name, count])
    const { input, received, sent } = this.#totals
    return Object.fromEntries([...named('switch_', input), ...named('openflow_recv_', received), ...named('openflow_send_', sent)])
  }

  /** Resolves when the target has everything that was asked for, or after so many milliseconds; false where it is not there then. */
  async settled(withinMs: number): Promise<boolean> {
    if (!this.#isSettled()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs)
        this.#settling.add(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
    return this.#datapath.targetState === 'ready'
  }
  #isSettled(): boolean { return this.#datapath.targetState === 'ready' && this.#datapath.pendingChanges === 0 }

  /** Gives a frame to the pipeline as if it had come in on a port. */
  inject(inPort: number, frame: Uint8Array): void {
    this.#packets.inject(inPort, frame)
  }

  /** Carries out a list of actions on a frame, as a packet-out that has been accepted. */
  packetOut(inPort: number, data: Uint8Array, actions: readonly Action[]): void {
    this.#packets.packetOut({ type: 'packet_out', bufferId: NO_BUFFER, inPort, match: [], actions, data })
  }

  feed(input: Input): void {
    this.#tellCommitted()
    this.#inputs.push(input)
    this.#run()
  }

  /** The answer to one Write of the target settles many commits: they make one input. */
  #collect(token: number): void {
    if (this.#committed.push(token) === 1) {
      queueMicrotask(() => {
        this.#tellCommitted()
        this.#run()
      })
    }
  }
  #tellCommitted(): void {
    if (this.#committed.length === 0) return
    this.#inputs.push({ kind: 'all_committed', tokens: this.#committed })
    this.#committed = []
  }

  /** For whoever compares the switch with its target. */
  flows(): readonly FlowView[] { return [...this.#datapath.flows()] }
  get pendingChanges(): number { return this.#datapath.pendingChanges }
  get targetState(): 'lost' | 'syncing' | 'ready' { return this.#datapath.targetState }

  #run(): void {
    if (this.#running || this.#stopped || this.#channels === null) return
    this.#running = true
    try {
      for (let input = this.#inputs.shift(); input !== undefined; input = this.#inputs.shift()) {
        if (input.kind === 'message') count(this.#totals.received, input.message.type)
        else count(this.#totals.input, input.kind)
        for (const effect of this.#datapath.step(input, monotonicNow())) this.#perform(effect)
      }
    } finally {
      this.#running = false
    }
    this.#unthrottle()
    this.#schedule()
    if (this.#turn === 'awaited' && this.#datapath.targetState === 'ready') {
      this.#turn = 'ours'
      this.onTurn?.(true)
    }
    if (this.#settling.size === 0 || !this.#isSettled()) return
    for (const tell of this.#settling) tell()
    this.#settling.clear()
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'send': {
        if (this.client.receive(effect)) return
        count(this.#totals.sent, effect.message.type)
        const sent = this.#channels?.send(effect.conn, effect.message, effect.xid)
        if (effect.message.type === 'error') this.#log.info({ conn: effect.conn, xid: effect.xid, error: effect.message.name }, 'error sent')
        if (sent !== true) this.#log.debug({ conn: effect.conn, type: effect.message.type }, 'message not sent')
        return
      }
      case 'close': return this.#channels?.closeConnection(effect.conn, effect.reason)
      case 'resynchronise': return this.#resynchronise(effect.reason)
      case 'commit': return this.#committer.commit(effect.token, effect.plan, effect.again)
      case 'packet_out': return this.#packets.packetOut(effect.packetOut)
      case 'await_room': {
        const tell = (): void => this.feed({ kind: 'room', token: effect.token })
        if (this.#channels === null || !this.#channels.whenRoom(effect.conn, tell)) setImmediate(tell)
        return
      }
      case 'log': return this.#log[effect.level](effect.detail ?? {}, effect.text)
      default: {
        void this.#counters.read(effect).then((input) => this.feed(input))
      }
    }
  }

  #onTarget(event: SouthboundEvent): void {
    switch (event.kind) {
      case 'ready': {
        const { contents, atomic } = event
        this.#log.info({ entries: contents?.length ?? 0 }, 'the target is ready')
        this.#turn = 'awaited'
        if (contents === null) return this.feed({ kind: 'target_ready', fresh: true, atomic })
        const held: TargetContents = { entries: contents.length, entities: contents }
        return this.feed({ kind: 'target_ready', fresh: false, atomic, held })
      }
      case 'standby':
        this.#turn = 'others'
        this.onTurn?.(false)
        return this.feed({ kind: 'target_lost', displaced: true })
      case 'lost':
        this.#log.warn({ reason: event.reason }, 'the target is lost; flows are kept and will be written again')
        return this.feed({ kind: 'target_lost' })
      case 'packet_in': return this.#packetIns.offer(event.packet)
      case 'learned': return this.feed({ kind: 'learned', hosts: event.learned.records.map(hostOf) })
      case 'idle': return this.feed({ kind: 'idle', flowIds: event.controllerMetadata })
    }
  }

  /** What the target holds is no longer what we think: everything is written anew. */
  #resynchronise(reason: string): void {
    this.#log.error({ reason }, 'the target and the switch disagree; everything is written again')
    this.#options.southbound.restart(reason)
  }

  #isBehind(conn: number, part: number): boolean {
    return this.#datapath.backlog(conn) >= MAX_BACKLOG * part || this.#datapath.backlogBytes(conn) >= MAX_BACKLOG_BYTES * part
  }

  /** More changes are planned than the target is given at a time; of a target that is away, all that may be held are. */
  #isAhead(part: number): boolean {
    return this.#datapath.pendingChanges >= MAX_PENDING * part && this.#datapath.targetState === 'ready'
  }

  #throttle(conn: number, { type }: Message): void {
    if (this.#paused.has(conn) || !this.#isBehind(conn, 1) && !(changes.has(type) && this.#isAhead(1))) return
    this.#paused.add(conn)
    this.#channels?.pause(conn)
  }
  #unthrottle(): void {
    if (this.#paused.size === 0) return
    for (const conn of [...this.#paused]) {
      if (this.#isBehind(conn, 0.5) || this.#isAhead(0.5)) continue
      this.#paused.delete(conn)
      this.#channels?.resume(conn)
    }
  }

  #schedule(): void {
    const wakeup = this.#stopped ? null : this.#datapath.nextWakeup()
    if (wakeup === this.#wakeup && (wakeup === null || this.#timer !== null)) return
    this.#wakeup = wakeup
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (wakeup === null) return
    // Rounded up: a timer that fires a fraction too early would find nothing to do and be set again.
    const delay = Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(wakeup - monotonicNow())))
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.feed({ kind: 'tick' })
    }, delay)
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

/** The fields of the digest by which NORMAL learns; p4/README.md. */
const hostOf = (record: Readonly<Record<string, bigint>>) =>
  ({ inPort: Number(record['in_port'] ?? 0n), vlan: Number(record['vlan'] ?? 0n), address: record['address'] ?? 0n })
