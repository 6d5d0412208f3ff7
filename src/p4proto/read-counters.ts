/**
 * The counters in a ReadResponse, without making anything of the rest: keys and actions of a hundred thousand entries are
 * most of such a message, and whoever wants counters knows them. P4RT 1.4 §13
 */
import type { EntryCounter } from './service.js'

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

/** Throws RangeError where the bytes are no protobuf message. */
export function decodeCounters(message: Uint8Array): EntryCounter[] {
  const counters: EntryCounter[] = []
  const cursor = new Cursor(message)
  while (cursor.at < message.length) {
    const tag = cursor.tag()
    if (tag === (ENTITIES << 3 | LENGTH)) readEntity(cursor, cursor.end(), counters)
    else cursor.skip(tag)
  }
  return counters
}

function readEntity(cursor: Cursor, end: number, counters: EntryCounter[]): void {
  while (cursor.at < end) {
    const tag = cursor.tag()
    if (tag === (TABLE_ENTRY << 3 | LENGTH)) readEntry(cursor, cursor.end(), counters)
    else cursor.skip(tag)
  }
}

function readEntry(cursor: Cursor, end: number, counters: EntryCounter[]): void {
  let controllerMetadata = 0n
  let packets = 0n
  let bytes = 0n
  while (cursor.at < end) {
    const tag = cursor.tag()
    if (tag === (CONTROLLER_METADATA << 3 | VARINT)) {
      controllerMetadata = cursor.varint()
    } else if (tag === (COUNTER_DATA << 3 | LENGTH)) {
      const stop = cursor.end()
      while (cursor.at < stop) {
        const inner = cursor.tag()
        if (inner === (BYTE_COUNT << 3 | VARINT)) bytes = cursor.varint()
        else if (inner === (PACKET_COUNT << 3 | VARINT)) packets = cursor.varint()
        else cursor.skip(inner)
      }
    } else {
      cursor.skip(tag)
    }
  }
  const id = Number(controllerMetadata)
  if (id !== 0 && Number.isSafeInteger(id)) counters.push({ controllerMetadata: id, packets, bytes })
}

class Cursor {
  at = 0
  readonly #bytes: Uint8Array
  constructor(bytes: Uint8Array) { this.#bytes = bytes }

  tag(): number {
    const first = this.#bytes[this.at] ?? 0
    if (first < 0x80) {
      this.#forward(1)
      return first
    }
    return Number(this.varint())
  }
  varint(): bigint {
    let value = 0
    // Up to 49 bits fit a number.
    for (let scale = 1; scale <= 2 ** 42; scale *= 128) {
      const byte = this.#byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return BigInt(value)
    }
    let large = BigInt(value)
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte()
      large |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, large)
    }
    throw new RangeError('a varint of more than ten bytes')
  }
  /** Where the part ends whose length stands here. */
  end(): number {
    const size = Number(this.varint())
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
  #byte(): number {
    const byte = this.#bytes[this.at]
    if (byte === undefined) throw new RangeError('the message ends early')
    this.at++
    return byte
  }
  #forward(count: number): void {
    if (count > this.#bytes.length - this.at) throw new RangeError('the message ends early')
    this.at += count
  }
}
