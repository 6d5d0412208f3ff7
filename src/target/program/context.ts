/** What belongs to one packet but not to the program's fields: lengths, verdicts of primitives, scratch space. */
import type { ActionHolder } from './action-profile.js'
import type { Table, TableEntry } from './table.js'

export interface TraceSink {
  /** `call` is null where the lookup led to no action. */
  onTable(table: Table, entry: TableEntry | null, call: ActionHolder | null): void
}

/** simple_switch's "packet registers" and the rest of the packet's state. Generated code knows these names. */
export class PacketContext {
  /** Milliseconds. */
  now = 0
  /** Length at the start of this pass: what counters and byte meters count. */
  ingressLength = 0
  /** standard_metadata.packet_length of egress: follows header additions and removals. */
  length = 0
  truncate = Infinity
  exit = false
  /** -1: no clone was asked for. The last call wins, for this and the next three. */
  cloneSession = -1
  cloneList = 0
  resubmit = 0
  recirculate = 0
  digest = 0
  parserError = 0
  checksumError = 0
  /** The bytes of the packet; the payload is what the parser left: [payload, end). */
  bytes: Uint8Array = new Uint8Array(0)
  payload = 0
  end = 0
  /** Input of hashes. */
  scratch = new Uint8Array(4096)
  trace: TraceSink | null = null
  onLog: ((format: string, args: readonly bigint[]) => void) | null = null
  random: () => number = Math.random

  clearRegisters(): void {
    this.cloneSession = -1
    this.cloneList = this.resubmit = this.recirculate = this.digest = 0
  }

  payloadLength(): number { return Math.max(0, Math.min(this.end - this.payload, this.truncate)) }

  reserve(size: number): void {
    if (this.scratch.length < size) this.scratch = new Uint8Array(size * 2)
  }

  /** Adds the payload to the input of a hash; returns the new length. */
  appendPayload(at: number): number {
    const size = this.payloadLength()
    this.scratch.set(this.bytes.subarray(this.payload, this.payload + size), at)
    return at + size
  }
}

/** Ends the processing of one packet; the packet is dropped. */
export class PacketAborted extends Error {}
