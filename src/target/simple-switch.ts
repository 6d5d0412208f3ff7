/**
 * What simple_switch does around the program (v1model): the passes of a packet through parser, ingress, replication, egress and
 * deparser. A pass through ingress ends, in this order, with: a clone, a digest, then one of resubmission, multicast
 * (the original is gone), drop, unicast; a pass through egress with: a clone, then drop, or recirculation, or sending.
 *
 *   frame → [ingress pass] → replicas → [egress pass] → frame out
 *               ↑  resubmit     ↑ clones      │ recirculate
 *               └───────────────┴─────────────┘
 *
 * Queues are first in, first out; resubmitted and recirculated packets go first, but only so many in a row, and work is
 * done in portions: a packet that recirculates for ever holds up nobody else.
 */
import { PacketAborted } from './program/context.js'
import type { PacketContext } from './program/context.js'
import type { Executable } from './program/compile.js'
import type { FieldRef } from './program/ir.js'
import type { ReplicationEngine, Replica } from './replication.js'

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
interface Snapshot { readonly state: Int32Array; references: number }
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
interface Slot { readonly slot: number; readonly mask: number; readonly words: number; readonly topMask: number }

/** BMv2's queue for resubmitted and recirculated packets; more are dropped. */
const againCapacity = 1024
const arrivedCapacity = 8192
/** Copies that one ingress pass can lead to. */
const egressCapacity = 8192
/** Recirculated packets go first, but not for ever. */
const againInARowLimit = 64
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
  private arrived: IngressItem[] = []
  private arrivedAt = 0
  private again: IngressItem[] = []
  private againAt = 0
  private againInARow = 0
  private egressQueue: EgressItem[] = []
  private readonly spare: Int32Array[] = []
  private output = new Uint8Array(16384)
  private readonly started: number
  private readonly lists = new Map<number, readonly { slot: number; words: number }[]>()
  private readonly fields: Readonly<Record<'ingress_port' | 'egress_port' | 'egress_spec' | 'instance_type' | 'packet_length', Slot>>
  private readonly optional: { readonly [name: string]: Slot | null }

  constructor(program: Executable, replication: ReplicationEngine, host: SwitchHost, options: SwitchOptions) {
    this.program = program
    this.replication = replication
    this.host = host
    this.options = options
    this.context = program.context
    this.started = host.now()
    const slotOf = (ref: FieldRef): Slot => {
      const { slot, width, words } = program.layout.field(ref)
      return { slot, words, mask: width >= 32 ? -1 : 2 ** width - 1, topMask: width % 32 === 0 ? -1 : 2 ** (width % 32) - 1 }
    }
    const standard = (name: string): Slot => {
      const ref = program.program.standard.get(name)
      if (ref === undefined) throw new Error(`standard metadata ${name} is missing`)
      return slotOf(ref)
    }
    const maybe = (name: string): Slot | null => {
      const ref = program.program.standard.get(name)
      return ref === undefined ? null : slotOf(ref)
    }
    this.fields = {
      ingress_port: standard('ingress_port'), egress_port: standard('egress_port'), egress_spec: standard('egress_spec'),
      instance_type: standard('instance_type'), packet_length: standard('packet_length'),
    }
    const names = ['mcast_grp', 'egress_rid', 'parser_error', 'checksum_error', 'priority', 'ingress_global_timestamp', 'egress_global_timestamp', 'enq_timestamp', 'qid']
    this.optional = Object.fromEntries(names.map(name => [name, maybe(name)]))
    for (const [id, refs] of program.program.fieldLists) {
      this.lists.set(id, refs.map(ref => {
        const { slot, words } = program.layout.field(ref)
        return { slot, words }
      }))
    }
  }

  /** Takes a frame in; it belongs to the switch from now on. */
  receive(port: number, frame: Uint8Array): void {
    if (this.arrived.length - this.arrivedAt >= arrivedCapacity) {
      this.dropped++
      return
    }
    this.arrived.push({ bytes: frame, from: 0, to: frame.length, port, ingressLength: frame.length, type: instanceTypes.normal, list: 0, saved: null })
  }

  /** Works for one turn; true where packets are left for another. */
  run(passes = passesPerTurn): boolean {
    for (let pass = 0; pass < passes; pass++) {
      const item = this.again[this.againAt]
      const isTurnOfArrived = this.againInARow >= againInARowLimit && this.arrivedAt < this.arrived.length
      if (item !== undefined && !isTurnOfArrived) {
        this.againInARow++
        if (++this.againAt === this.again.length) {
          this.again = []
          this.againAt = 0
        }
        this.pass(item)
        continue
      }
      this.againInARow = 0
      const next = this.arrived[this.arrivedAt]
      if (next === undefined) return false
      this.arrived[this.arrivedAt] = emptyItem
      if (++this.arrivedAt === this.arrived.length) {
        this.arrived.length = 0
        this.arrivedAt = 0
      }
      this.pass(next)
    }
    return this.again.length > this.againAt || this.arrived.length > this.arrivedAt
  }

  /** Forgets packets that are under way; for a change of program. */
  reset(): void {
    this.again = []
    this.againAt = 0
    this.arrived = []
    this.arrivedAt = 0
    this.egressQueue = []
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
    const { program, context: x, fields, optional } = this
    const { state } = program
    this.onPass?.({ kind: 'ingress', port: item.port, type: item.type })
    x.now = this.host.now()
    state.fill(0)
    if (item.saved !== null) this.restore(item.list, item.saved)
    if (item.type === instanceTypes.normal) {
      this.set(fields.ingress_port, item.port)
      this.setTime(optional['ingress_global_timestamp'])
    }
    const length = item.to - item.from
    this.set(fields.instance_type, item.type)
    this.set(fields.packet_length, length)
    x.ingressLength = item.ingressLength
    x.length = length
    x.truncate = Infinity
    x.exit = false
    x.clearRegisters()
    this.parse(item.bytes, item.from, item.to)
    this.setOptional(optional['parser_error'], x.parserError)
    this.setOptional(optional['checksum_error'], x.checksumError)
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
    const { context: x, fields, optional } = this
    const spec = this.get(fields.egress_spec)
    const group = optional['mcast_grp'] === null ? 0 : this.get(optional['mcast_grp'] as Slot)
    if (x.cloneSession >= 0) this.cloneIngress(item)
    if (x.digest > 0) this.digest(x.digest)
    if (x.resubmit > 0) {
      const saved = this.save(x.resubmit)
      this.goAgain({ ...item, type: instanceTypes.resubmitted, list: x.resubmit, saved }, 'resubmit')
      return
    }
    if (group !== 0) {
      this.set(fields.instance_type, instanceTypes.replicated)
      const replicas = this.replication.groups.get(group) ?? []
      this.onPass?.({ kind: 'multicast', id: group, replicas: replicas.length })
      this.replicate(replicas, item.port, x.length)
      return
    }
    if (spec === this.options.dropPort) {
      this.onPass?.({ kind: 'drop', where: 'ingress' })
      return
    }
    this.set(fields.instance_type, instanceTypes.normal)
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
    const snapshot = this.snapshot(1)
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
    this.program.state.set(snapshot.state)
    this.release(snapshot)
    Object.assign(x, { bytes, payload, end, length, truncate, ingressLength, exit: false })
    x.clearRegisters()
    x.recirculate = recirculate
    this.egress(port, ingressPort)
  }

  /** The clone is the packet as it came into this pass, with the metadata of the field list only. */
  private cloneIngress(item: IngressItem): void {
    const { context: x, program } = this
    const id = x.cloneSession
    const session = this.replication.sessions.get(id)
    const list = x.cloneList
    x.cloneSession = -1
    x.cloneList = 0
    if (session === undefined) return
    this.onPass?.({ kind: 'clone', id, replicas: session.replicas.length })
    const original = this.snapshot(1)
    const saved = this.save(list)
    const { payload, length, digest, resubmit, recirculate, truncate } = x
    const { state, layout } = program
    state.fill(0)
    // The parser may branch on the port; the rest of the metadata it could see is not there, as on BMv2.
    this.set(this.fields.ingress_port, item.port)
    this.parse(item.bytes, item.from, item.to)
    state.fill(0, layout.metadata[0], layout.metadata[1])
    this.restore(list, saved)
    this.set(this.fields.instance_type, instanceTypes.ingressClone)
    this.replicate(session.replicas, item.port, item.to - item.from)
    state.set(original.state)
    this.release(original)
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
    const snapshot = this.snapshot(replicas.length)
    for (const replica of replicas) {
      this.egressQueue.push({ snapshot, replica, bytes: x.bytes, payload: x.payload, end: x.end, ingressPort, ingressLength: x.ingressLength, length })
    }
  }

  private egressReplica(item: EgressItem): void {
    const { context: x } = this
    this.program.state.set(item.snapshot.state)
    this.release(item.snapshot)
    x.bytes = item.bytes
    x.payload = item.payload
    x.end = item.end
    x.ingressLength = item.ingressLength
    x.length = item.length
    x.truncate = Infinity
    x.exit = false
    x.clearRegisters()
    this.setOptional(this.optional['egress_rid'], item.replica.instance)
    this.egress(item.replica.port, item.ingressPort)
  }

  private egress(port: number, ingressPort: number): void {
    const { program, context: x, fields, optional } = this
    const { dropPort, priorityQueues } = this.options
    if (optional['priority'] !== null && this.get(optional['priority'] as Slot) >= priorityQueues) {
      this.dropped++
      this.onPass?.({ kind: 'drop', where: 'queue' })
      return
    }
    if (this.onPass !== null) this.onPass({ kind: 'egress', port, instance: optional['egress_rid'] === null ? 0 : this.get(optional['egress_rid'] as Slot) })
    this.setTime(optional['enq_timestamp'])
    this.setTime(optional['egress_global_timestamp'])
    this.set(fields.egress_port, port)
    // Anything but the drop port; it is one more than that, cut to the width of the field.
    this.set(fields.egress_spec, dropPort + 1)
    this.set(fields.packet_length, x.length)
    program.egress()
    if (x.cloneSession >= 0) this.cloneEgress(ingressPort)
    if (this.get(fields.egress_spec) === dropPort) {
      this.onPass?.({ kind: 'drop', where: 'egress' })
      return
    }
    program.updateChecksums()
    const size = this.deparse()
    if (x.recirculate > 0) {
      const bytes = this.output.slice(0, size)
      this.goAgain({ bytes, from: 0, to: size, port: ingressPort, ingressLength: size, type: instanceTypes.recirculated, list: x.recirculate, saved: this.save(x.recirculate) }, 'recirculate')
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
    const { context: x, program } = this
    const id = x.cloneSession
    const session = this.replication.sessions.get(id)
    const list = x.cloneList
    x.cloneSession = -1
    x.cloneList = 0
    if (session === undefined) return
    this.onPass?.({ kind: 'clone', id, replicas: session.replicas.length })
    const { state, layout } = program
    const original = this.snapshot(1)
    const saved = this.save(list)
    state.fill(0, layout.metadata[0], layout.metadata[1])
    this.restore(list, saved)
    this.set(this.fields.instance_type, instanceTypes.egressClone)
    this.replicate(session.replicas, ingressPort, x.length)
    state.set(original.state)
    this.release(original)
  }

  private goAgain(item: IngressItem, kind: 'resubmit' | 'recirculate'): void {
    if (this.again.length - this.againAt >= againCapacity) {
      this.dropped++
      this.onPass?.({ kind: 'drop', where: 'queue' })
      return
    }
    this.onPass?.({ kind })
    this.again.push(item)
  }

  private digest(id: number): void {
    const list = this.program.program.learnLists.get(id)
    if (list !== undefined) this.host.digest(id, list.elements.map(ref => this.program.layout.load(this.program.state, ref)))
  }

  // ——— state ———

  private snapshot(references: number): Snapshot {
    const state = this.spare.pop() ?? new Int32Array(this.program.layout.size)
    state.set(this.program.state)
    return { state, references }
  }
  private release(snapshot: Snapshot): void {
    if (--snapshot.references === 0 && this.spare.length < 256) this.spare.push(snapshot.state)
  }

  private save(list: number): Int32Array {
    const parts = this.lists.get(list) ?? []
    const saved = new Int32Array(parts.reduce((sum, part) => sum + part.words, 0))
    let at = 0
    for (const { slot, words } of parts) for (let word = 0; word < words; word++) saved[at++] = this.program.state[slot + word] ?? 0
    return saved
  }
  private restore(list: number, saved: Int32Array): void {
    let at = 0
    for (const { slot, words } of this.lists.get(list) ?? []) for (let word = 0; word < words; word++) this.program.state[slot + word] = saved[at++] ?? 0
  }

  private get(field: Slot): number { return (this.program.state[field.slot] ?? 0) & field.mask }
  private set(field: Slot, value: number): void { this.program.state[field.slot] = value & field.mask }
  private setOptional(field: Slot | null | undefined, value: number): void {
    if (field !== null && field !== undefined) this.set(field, value)
  }
  /** Microseconds since the switch started. */
  private setTime(field: Slot | null | undefined): void {
    if (field === null || field === undefined) return
    const micros = Math.floor((this.context.now - this.started) * 1000)
    const { state } = this.program
    state[field.slot] = micros | 0
    if (field.words > 1) state[field.slot + 1] = Math.floor(micros / 4294967296) & field.topMask
  }
}

const emptyItem: IngressItem = { bytes: new Uint8Array(0), from: 0, to: 0, port: 0, ingressLength: 0, type: instanceTypes.normal, list: 0, saved: null }
