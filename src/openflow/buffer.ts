/**
 * The cursors that compiled declarations and hand-written codecs share. Offsets are absolute in the chunk.
 * `at` is where the last decoder stopped. The context fields carry what a later part of the same structure needs from
 * an earlier one: OF 1.0's actions and priority depend on its match.
 */
import { Unencodable } from './fault.js'

export class Reader {
  view: DataView
  bytes: Uint8Array
  version: number
  at: number
  /** Read a switch's own statements: skip what we do not know instead of refusing it. */
  loose = false
  /** ip_proto of the match read last, -1 without one. */
  matchProto = -1
  /** The OF 1.0 match read last had no wildcard at all. */
  exactMatch = false
  /** Of a bucket that does not say its weight. */
  bucketWeight = 0
  /** The header's. */
  xid = 0

  constructor(view: DataView, bytes: Uint8Array, version: number, at: number) {
    this.view = view
    this.bytes = bytes
    this.version = version
    this.at = at
  }
}

const LIMIT = 0xffff

export class Writer {
  bytes = new Uint8Array(4096)
  view = new DataView(this.bytes.buffer)
  at = 0
  version = 0
  /** Write what the version can say of a flow and leave out the rest; for a switch's statements, as Open vSwitch does. */
  lossy = false
  /** The match written last requires a VLAN tag. */
  matchVlan = false
  /** Of a bucket that need not say its weight; -1: each says it. */
  bucketWeight = 0
  /** The header's. */
  xid = 0

  reset(version: number): void {
    this.rewind(0)
    this.version = version
    this.lossy = false
    this.matchVlan = false
  }

  /** Takes back what has been written from `at` on; behind `at` all bytes are zero at any time. */
  rewind(at: number): void {
    this.bytes.fill(0, at, this.at)
    this.at = at
  }

  /** Makes room for `size` zero bytes and returns where they start; `view` and `bytes` may be new afterwards. */
  reserve(size: number): number {
    const start = this.at
    const end = start + size
    if (end > this.bytes.length) this.#grow(end)
    this.at = end
    return start
  }
  #grow(size: number): void {
    const larger = new Uint8Array(Math.max(size, this.bytes.length * 2))
    larger.set(this.bytes.subarray(0, this.at))
    this.bytes = larger
    this.view = new DataView(larger.buffer)
  }

  /** Room first, then the value: making room may replace `view`. */
  u16(value: number): void {
    const at = this.reserve(2)
    this.view.setUint16(at, value)
  }
  u32(value: number): void {
    const at = this.reserve(4)
    this.view.setUint32(at, value)
  }

  append(bytes: Uint8Array): void {
    const start = this.at
    this.reserve(bytes.length)
    this.bytes.set(bytes, start)
  }

  /** Fills up to a multiple of `unit` bytes from `start`. */
  align(start: number, unit: number): void {
    const rest = (this.at - start) % unit
    if (rest !== 0) this.reserve(unit - rest)
  }

  /** Writes a 16-bit length once what it measures is known. */
  patchLength(offset: number, length: number, structure: string): void {
    if (length > LIMIT) throw new Unencodable(structure, 'length', this.version, `${length} bytes`)
    this.view.setUint16(offset, length)
  }
}

/** A part that no straight-line code can describe. `decode` sets `r.at` to where it stopped. */
export interface Codec<T> {
  /** What a version without the part decodes to. */
  readonly empty: T
  decode(r: Reader, at: number, end: number): T
  encode(w: Writer, value: T): void
}
