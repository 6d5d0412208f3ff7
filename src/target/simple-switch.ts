/**
 * What simple_switch does around the program (v1model): the passes of a packet through parser, ingress, replication, egress and
 * deparser. A pass through ingress ends, in this order, with: a clone, a digest, then one of resubmission, multicast
 * (the original is gone), drop, unicast; a pass through egress with: a clone, then drop, or recirculation, or sending.
 *
 *   frame → [ingress pass] → replicas → [egress pass] → frame out
 *               ↑  resubmit     ↑ clones      │ recirculate
 *               └───────────────┴─────────────┘
 *
 * Work is done in portions, so that a packet that recirculates for ever holds up nobody else.
 */
import { PacketAborted } from './program/context.js'
import type { PacketContext } from './program/context.js'
import type { Executable } from './program/compile.js'
import { PacketState } from './packet-state.js'
import type { Snapshot } from './packet-state.js'
import type { ReplicationEngine, Replica } from './replication.js'
import { WorkQueue } from './work-queue.js'

export const instanceTypes = { normal: 0, ingressClone: 1, egressClone: 2, recirculated: 4, replicated: 5, resubmitted: 6 } as const
type InstanceType = (typeof instanceTypes)[keyof typeof instanceTypes]

export interface SwitchHost {
  /** Milliseconds. */
  now(): number
  /** The frame is only valid during the call. */
  transmit(port: number, frame: Uint8Array): void
  digest(list: number, values: readonly bigint[]): void
}

export type PassEvent =
  | { readonly kind: 'ingress'; readonly port: number; readonly type: InstanceType }
  | { readonly kind: 'egress'; readonly port: number; readonly instance: number }
  | { readonly kind: 'drop'; readonly where: 'ingress' | 'egress' | 'queue' | 'failed'; readonly text?: string }
  | { readonly kind: 'clone' | 'multicast'; readonly id: number; readonly replicas: number }
  | { readonly kind: 'resubmit' | 'recirculate' }

export interface SwitchOptions {
  readonly dropPort: number
  /** Packets with a standard_metadata.priority at or above this are dropped, as BMv2 does. */
  readonly priorityQueues: number
}

interface IngressItem {
  readonly bytes: Uint8Array
  readonly from: number
  readonly to: number
  readonly port: number
  readonly ingressLength: number
  readonly type: InstanceType
  /** Values of the preserved field list. */
  readonly list: number
  readonly saved: Int32Array | null
}
interface EgressItem {
  readonly snapshot: Snapshot
  readonly replica: Replica
  readonly bytes: Uint8Array
  readonly payload: number
  readonly end: number
  readonly ingressPort: number
  readonly ingressLength: number
  readonly length: number
}

/** Copies that one ingress pass can lead to. */
const egressCapacity = 8192
/** Passes done in one go before others get a turn. */
const passesPerTurn = 512

export class SimpleSwitch {
  readonly program: Executable
  readonly replication: ReplicationEngine
  /** Set while a packet is traced. */
  onPass: ((event: PassEvent) => void) | null = null
  dropped = 0
  failed = 0
  lastFailure = ''
  private readonly host: SwitchHost
  private readonly options: SwitchOptions
  private readonly context: PacketContext
  private readonly queue = new WorkQueue<IngressItem>()
  private egressQueue: EgressItem[] = []
  private output = new Uint8Array(16384)
  private readonly started: number
  private readonly packet: PacketState

  constructor(program: Executable, replication: ReplicationEngine, host: SwitchHost, options: SwitchOptions) {
    this.program = program
    this.replication = replication
    this.host = host
    this.options = options
    this.context = program.context
    this.started = host.now()
    this.packet = new PacketState(program)
  }

  /** Takes a frame in; it belongs to the switch from now on. */
  receive(port: number, frame: Uint8Array): void {
    const { length } = frame
    const item: IngressItem = { bytes: frame, from: 0, to: length, port, ingressLength: length, type: instanceTypes.normal, list: 0, saved: null }
    if (!this.queue.pushArrived(item)) this.dropped++
  }

  /** Works for one turn; true where packets are left for another. */
  run(passes = passesPerTurn): boolean {
    for (let pass = 0; pass < passes; pass++) {
      const item = this.queue.next()
      if (item === undefined) return false
      this.pass(item)
    }
    return !this.queue.isEmpty
  }

  /** One ingress pass and the egress passes that follow from it. */
  private pass(item: IngressItem): void {
    try {
      this.ingress(item)
    } catch (error) {
      this.abort(error)
    }
    if (this.egressQueue.length === 0) return
    for (let at = 0; at < this.egressQueue.length; at++) {
      const queued = this.egressQueue[at] as EgressItem
      try {
        this.egressReplica(queued)
      } catch (error) {
        this.abort(error)
      }
    }
    this.egressQueue = []
  }

  private abort(error: unknown): void {
    if (!(error instanceof PacketAborted)) throw error
    this.failed++
    this.lastFailure = error.message
    this.onPass?.({ kind: 'drop', where: 'failed', text: error.message })
  }

  private ingress(item: IngressItem): void {
    const { program, context: x, packet } = this
    this.onPass?.({ kind: 'ingress', port: item.port, type: item.type })
    x.now = this.host.now()
    packet.clear()
    if (item.saved !== null) packet.restoreList(item.list, item.saved)
    if (item.type === instanceTypes.normal) {
      packet.set(packet.ingressPort, item.port)
      packet.set(packet.ingressTime, this.micros())
    }
    const length = item.to - item.from
    packet.set(packet.instanceType, item.type)
    packet.set(packet.packetLength, length)
    x.ingressLength = item.ingressLength
    x.length = length
    x.truncate = Infinity
    x.exit = false
    x.clearRegisters()
    this.parse(item.bytes, item.from, item.to)
    packet.set(packet.parserError, x.parserError)
    packet.set(packet.checksumError, x.checksumError)
    program.ingress()
    x.exit = false
    this.endOfIngress(item)
  }

  private parse(bytes: Uint8Array, from: number, to: number): void {
    const { program, context: x } = this
    x.bytes = bytes
    x.end = to
    x.payload = from
    x.parserError = program.program.errors.get('NoError') ?? 0
    x.checksumError = 0
    x.payload = program.parse(bytes, from, to)
    program.verifyChecksums()
  }

  private endOfIngress(item: IngressItem): void {
    const { context: x, packet } = this
    const spec = packet.get(packet.egressSpec)
    const group = packet.get(packet.multicastGroup)
    if (x.cloneSession >= 0) this.cloneIngress(item)
    if (x.digest > 0) this.digest(x.digest)
    if (x.resubmit > 0) {
      const saved = packet.saveList(x.resubmit)
      this.goAgain({ ...item, type: instanceTypes.resubmitted, list: x.resubmit, saved }, 'resubmit')
      return
    }
    if (group !== 0) {
      packet.set(packet.instanceType, instanceTypes.replicated)
      const replicas = this.replication.groups.get(group) ?? []
      this.onPass?.({ kind: 'multicast', id: group, replicas: replicas.length })
      this.replicate(replicas, item.port, x.length)
      return
    }
    if (spec === this.options.dropPort) {
      this.onPass?.({ kind: 'drop', where: 'ingress' })
      return
    }
    packet.set(packet.instanceType, instanceTypes.normal)
    if (this.egressQueue.length === 0) {
      this.egress(spec, item.port)
      return
    }
    // Clones were made first and leave first; this packet waits with what it carries.
    this.egressAfterClones(spec, item.port)
  }

  /** Unicast behind clones: runs them, then this packet in its own state. */
  private egressAfterClones(port: number, ingressPort: number): void {
    const { context: x } = this
    const snapshot = this.packet.snapshot(1)
    const { bytes, payload, end, length, truncate, ingressLength, recirculate } = x
    const waiting = this.egressQueue
    this.egressQueue = []
    for (const item of waiting) {
      try {
        this.egressReplica(item)
      } catch (error) {
        this.abort(error)
      }
    }
    this.packet.restore(snapshot)
    Object.assign(x, { bytes, payload, end, length, truncate, ingressLength, exit: false })
    x.clearRegisters()
    x.recirculate = recirculate
    this.egress(port, ingressPort)
  }

  /** The clone is the packet as it came into this pass, with the metadata of the field list only. */
  private cloneIngress(item: IngressItem): void {
    const { context: x, packet } = this
    const id = x.cloneSession
    const session = this.replication.sessions.get(id)
    const list = x.cloneList
    x.cloneSession = -1
    x.cloneList = 0
    if (session === undefined) return
    this.onPass?.({ kind: 'clone', id, replicas: session.replicas.length })
    const original = packet.snapshot(1)
    const saved = packet.saveList(list)
    const { payload, length, digest, resubmit, recirculate, truncate } = x
    packet.clear()
    // The parser may branch on the port; the rest of the metadata it could see is not there, as on BMv2.
    packet.set(packet.ingressPort, item.port)
    this.parse(item.bytes, item.from, item.to)
    packet.clearMetadata()
    packet.restoreList(list, saved)
    packet.set(packet.instanceType, instanceTypes.ingressClone)
    this.replicate(session.replicas, item.port, item.to - item.from)
    packet.restore(original)
    Object.assign(x, { payload, length, digest, resubmit, recirculate, truncate })
  }

  private replicate(replicas: readonly Replica[], ingressPort: number, length: number): void {
    if (replicas.length === 0) return
    if (this.egressQueue.length + replicas.length > egressCapacity) {
      this.dropped += replicas.length
      this.onPass?.({ kind: 'drop', where: 'queue' })
      return
    }
    const { context: x } = this
    const snapshot = this.packet.snapshot(replicas.length)
    for (const replica of replicas) {
      this.egressQueue.push({ snapshot, replica, bytes: x.bytes, payload: x.payload, end: x.end, ingressPort, ingressLength: x.ingressLength, length })
    }
  }

  private egressReplica(item: EgressItem): void {
    const { context: x } = this
    this.packet.restore(item.snapshot)
    x.bytes = item.bytes
    x.payload = item.payload
    x.end = item.end
    x.ingressLength = item.ingressLength
    x.length = item.length
    x.truncate = Infinity
    x.exit = false
    x.clearRegisters()
    this.packet.set(this.packet.egressInstance, item.replica.instance)
    this.egress(item.replica.port, item.ingressPort)
  }

  private egress(port: number, ingressPort: number): void {
    const { program, context: x, packet } = this
    const { dropPort, priorityQueues } = this.options
    if (packet.get(packet.priority) >= priorityQueues) {
      this.dropped++
      this.onPass?.({ kind: 'drop', where: 'queue' })
      return
    }
    this.onPass?.({ kind: 'egress', port, instance: packet.get(packet.egressInstance) })
    packet.set(packet.enqueueTime, this.micros())
    packet.set(packet.egressTime, this.micros())
    packet.set(packet.egressPort, port)
    // Anything but the drop port; it is one more than that, cut to the width of the field.
    packet.set(packet.egressSpec, dropPort + 1)
    packet.set(packet.packetLength, x.length)
    program.egress()
    if (x.cloneSession >= 0) this.cloneEgress(ingressPort)
    if (packet.get(packet.egressSpec) === dropPort) {
      this.onPass?.({ kind: 'drop', where: 'egress' })
      return
    }
    program.updateChecksums()
    const size = this.deparse()
    if (x.recirculate > 0) {
      const bytes = this.output.slice(0, size)
      const saved = packet.saveList(x.recirculate)
      const again = { bytes, from: 0, to: size, port: ingressPort, ingressLength: size, list: x.recirculate, saved }
      this.goAgain({ ...again, type: instanceTypes.recirculated }, 'recirculate')
      return
    }
    this.host.transmit(port, this.output.subarray(0, Math.min(size, x.truncate)))
  }

  private deparse(): number {
    const { program, context: x } = this
    const payload = x.end - x.payload
    const size = program.headersSize() + payload
    if (this.output.length < size) this.output = new Uint8Array(size * 2)
    const at = program.emitHeaders(this.output)
    if (payload > 0) this.output.set(x.payload === 0 && x.end === x.bytes.length ? x.bytes : x.bytes.subarray(x.payload, x.end), at)
    return size
  }

  /** The clone has the headers as they are now, and goes through egress again. */
  private cloneEgress(ingressPort: number): void {
    const { context: x, packet } = this
    const id = x.cloneSession
    const session = this.replication.sessions.get(id)
    const list = x.cloneList
    x.cloneSession = -1
    x.cloneList = 0
    if (session === undefined) return
    this.onPass?.({ kind: 'clone', id, replicas: session.replicas.length })
    const original = packet.snapshot(1)
    const saved = packet.saveList(list)
    packet.clearMetadata()
    packet.restoreList(list, saved)
    packet.set(packet.instanceType, instanceTypes.egressClone)
    this.replicate(session.replicas, ingressPort, x.length)
    packet.restore(original)
  }

  private goAgain(item: IngressItem, kind: 'resubmit' | 'recirculate'): void {
    if (this.queue.pushAgain(item)) {
      this.onPass?.({ kind })
      return
    }
    this.dropped++
    this.onPass?.({ kind: 'drop', where: 'queue' })
  }

  private digest(id: number): void {
    const list = this.program.program.learnLists.get(id)
    if (list !== undefined) this.host.digest(id, list.elements.map(ref => this.program.layout.load(this.program.state, ref)))
  }

  /** Microseconds since the switch started. */
  private micros(): number { return Math.floor((this.context.now - this.started) * 1000) }
}
