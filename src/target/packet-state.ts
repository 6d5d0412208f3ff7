/**
 * The fields of the packet in work as simple_switch sees them: standard metadata by name, copies of the whole state for
 * replicas and clones, and the fields of a list that are carried into another pass.
 */
import type { Executable } from './program/compile.js'
import type { FieldRef } from './program/ir.js'

/** Where a field of standard metadata stands; null where the program has none of that name. */
export type Slot = { readonly at: number; readonly words: number; readonly topMask: number } | null

/** A copy of the state; it is given back when nobody needs it any more. */
export interface Snapshot { readonly state: Int32Array; references: number }

const maxSpare = 256

export class PacketState {
  readonly ingressPort: Slot
  readonly egressPort: Slot
  readonly egressSpec: Slot
  readonly instanceType: Slot
  readonly packetLength: Slot
  readonly multicastGroup: Slot
  readonly egressInstance: Slot
  readonly parserError: Slot
  readonly checksumError: Slot
  readonly priority: Slot
  readonly ingressTime: Slot
  readonly egressTime: Slot
  readonly enqueueTime: Slot
  private readonly state: Int32Array
  private readonly metadata: readonly [number, number]
  private readonly lists = new Map<number, readonly { readonly at: number; readonly words: number }[]>()
  private readonly spare: Int32Array[] = []

  constructor({ state, layout, program }: Executable) {
    this.state = state
    this.metadata = layout.metadata
    const place = (ref: FieldRef): NonNullable<Slot> => {
      const { slot, width, words } = layout.field(ref)
      return { at: slot, words, topMask: width % 32 === 0 ? -1 : 2 ** (width % 32) - 1 }
    }
    const named = (name: string): Slot => {
      const ref = program.standard.get(name)
      return ref === undefined ? null : place(ref)
    }
    this.ingressPort = named('ingress_port')
    this.egressPort = named('egress_port')
    this.egressSpec = named('egress_spec')
    this.instanceType = named('instance_type')
    this.packetLength = named('packet_length')
    this.multicastGroup = named('mcast_grp')
    this.egressInstance = named('egress_rid')
    this.parserError = named('parser_error')
    this.checksumError = named('checksum_error')
    this.priority = named('priority')
    this.ingressTime = named('ingress_global_timestamp')
    this.egressTime = named('egress_global_timestamp')
    this.enqueueTime = named('enq_timestamp')
    for (const [id, refs] of program.fieldLists) this.lists.set(id, refs.map(place))
  }

  /** The low word; a field that is not there is 0. */
  get(slot: Slot): number { return slot === null ? 0 : (this.state[slot.at] ?? 0) >>> 0 }

  /** Cuts the value to the width of the field. */
  set(slot: Slot, value: number): void {
    if (slot === null) return
    const { at, words, topMask } = slot
    this.state[at] = words === 1 ? value & topMask : value
    if (words > 1) this.state[at + 1] = Math.floor(value / 4294967296) & topMask
  }

  clear(): void { this.state.fill(0) }
  clearMetadata(): void { this.state.fill(0, this.metadata[0], this.metadata[1]) }

  snapshot(references: number): Snapshot {
    const state = this.spare.pop() ?? new Int32Array(this.state.length)
    state.set(this.state)
    return { state, references }
  }

  /** Makes the copy the state again and gives up one reference to it. */
  restore(snapshot: Snapshot): void {
    this.state.set(snapshot.state)
    if (--snapshot.references === 0 && this.spare.length < maxSpare) this.spare.push(snapshot.state)
  }

  saveList(list: number): Int32Array {
    const parts = this.lists.get(list) ?? []
    const saved = new Int32Array(parts.reduce((sum, part) => sum + part.words, 0))
    let to = 0
    for (const { at, words } of parts) for (let word = 0; word < words; word++) saved[to++] = this.state[at + word] ?? 0
    return saved
  }

  restoreList(list: number, saved: Int32Array): void {
    let from = 0
    for (const { at, words } of this.lists.get(list) ?? []) for (let word = 0; word < words; word++) this.state[at + word] = saved[from++] ?? 0
  }
}
