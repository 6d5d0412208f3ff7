/**
 * The counters in a ReadResponse, without making anything of the rest: keys and actions of a hundred thousand entries are
 * most of such a message, and whoever wants counters knows them. P4RT 1.4 §13
 */
import type { CounterColumnsBuilder } from '../base/counter-columns.js'
import { Cursor, LENGTH, VARINT } from './cursor.js'

/** Field numbers of p4/v1/p4runtime.proto. */
const ENTITIES = 1
const TABLE_ENTRY = 2
const CONTROLLER_METADATA = 5
const COUNTER_DATA = 7
const BYTE_COUNT = 1
const PACKET_COUNT = 2

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
