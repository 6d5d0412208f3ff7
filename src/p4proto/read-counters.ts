/**
 * The counters in a ReadResponse, without making anything of the rest: keys and actions of a hundred thousand entries are
 * most of such a message, and whoever wants counters knows them. P4RT 1.4 §13
 */
import type { CounterColumnsBuilder } from '../base/counter-columns.js'

/** Field numbers of p4/v1/p4runtime.proto. */
const ENTITIES = 1
const TABLE_ENTRY = 2
const CONTROLLER_METADATA = 5
const COUNTER_DATA = 7
const BYTE_COUNT = 1
const PACKET_COUNT = 2

const VARINT = 0
const FIXED64 = 1
const LENGTH = 2
const FIXED32 = 5

/** Adds the counters of those entries whose controller_metadata is in 1 … 2^32-1. Throws RangeError where the bytes are no protobuf message. */
export function decodeCounters(message: Uint8Array, into: CounterColumnsBuilder): void {
  const cursor = new Cursor(message)
  while (cursor.at < message.length) {
    const tag = cursor.small()
    if (tag === (ENTITIES << 3 | LENGTH)) readEntity(cursor, cursor.end(), into)
    else cursor.skip(tag)
  }
}

function readEntity(cursor: Cursor, end: number, into: CounterColumnsBuilder): void {
  while (cursor.at < end) {
    const tag = cursor.small()
    if (tag === (TABLE_ENTRY << 3 | LENGTH)) readEntry(cursor, cursor.end(), into)
    else cursor.skip(tag)
  }
}

function readEntry(cursor: Cursor, end: number, into: CounterColumnsBuilder): void {
  let id = 0
  let [packetsHigh, packetsLow, bytesHigh, bytesLow] = [0, 0, 0, 0]
  while (cursor.at < end) {
    const tag = cursor.small()
    if (tag === (CONTROLLER_METADATA << 3 | VARINT)) {
      cursor.varint()
      id = cursor.high === 0 ? cursor.low : 0
    } else if (tag === (COUNTER_DATA << 3 | LENGTH)) {
      const stop = cursor.end()
      while (cursor.at < stop) {
        const inner = cursor.small()
        if (inner === (BYTE_COUNT << 3 | VARINT)) {
          cursor.varint()
          bytesHigh = cursor.high
          bytesLow = cursor.low
        } else if (inner === (PACKET_COUNT << 3 | VARINT)) {
          cursor.varint()
          packetsHigh = cursor.high
          packetsLow = cursor.low
        } else {
          cursor.skip(inner)
        }
      }
    } else {
      cursor.skip(tag)
    }
  }
  if (id !== 0) into.addWords(id, packetsHigh, packetsLow, bytesHigh, bytesLow)
}

class Cursor {
  at = 0
  /** Of the varint read last, as two words. */
  high = 0
  low = 0
  readonly #bytes: Uint8Array
  constructor(bytes: Uint8Array) { this.#bytes = bytes }

  /** A varint that has 32 bits: tags and lengths. Throws RangeError for others. */
  small(): number {
    const first = this.#bytes[this.at]
    if (first !== undefined && first < 0x80) {
      this.at++
      return first
    }
    this.varint()
    if (this.high !== 0) throw new RangeError('a tag or length of more than 32 bits')
    return this.low
  }
  /** Leaves it in `high` and `low`. */
  varint(): void {
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.at]
      if (byte === undefined) throw new RangeError('the message ends early')
      this.at++
      const bits = byte & 0x7f
      if (shift < 32) low |= bits << shift
      // The fifth byte has bits of both words.
      if (shift === 28) high |= bits >>> 4
      else if (shift > 28 && shift < 64) high |= bits << (shift - 32)
      if (byte < 0x80) {
        this.low = low >>> 0
        this.high = high >>> 0
        return
      }
    }
    throw new RangeError('a varint of more than ten bytes')
  }
  /** Where the part ends whose length stands here. */
  end(): number {
    const size = this.small()
    if (size > this.#bytes.length - this.at) throw new RangeError('a part that is longer than its message')
    return this.at + size
  }
  skip(tag: number): void {
    switch (tag & 7) {
      case VARINT: this.varint(); return
      case FIXED64: return this.#forward(8)
      case LENGTH: this.at = this.end(); return
      case FIXED32: return this.#forward(4)
      default: throw new RangeError(`wire type ${tag & 7}`)
    }
  }
  #forward(count: number): void {
    if (count > this.#bytes.length - this.at) throw new RangeError('the message ends early')
    this.at += count
  }
}
