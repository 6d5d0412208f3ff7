/**
 * Cuts a byte stream into OpenFlow messages by the length of the common header. OF 1.3.5 §7.1.
 * Messages that lie within one chunk are not copied: their Frame refers to the chunk, over which there is one DataView.
 * What is kept between calls is at most one incomplete message (64 KiB) and the chunks that were pushed but not drained.
 */
import { WireError } from './fault.js'

export const HEADER_SIZE = 8
const EMPTY = new Uint8Array(0)

export class Frame {
  readonly version: number
  readonly type: number
  readonly xid: number
  /** One view for every frame of a chunk; the message starts at `offset`. */
  readonly view: DataView
  readonly chunk: Uint8Array
  readonly offset: number
  readonly length: number
  #bytes: Uint8Array | null = null

  constructor(view: DataView, chunk: Uint8Array, offset: number, length: number) {
    this.version = view.getUint8(offset)
    this.type = view.getUint8(offset + 1)
    this.xid = view.getUint32(offset + 4)
    this.view = view
    this.chunk = chunk
    this.offset = offset
    this.length = length
  }

  /** The whole message, header included. Made on first use: most messages are decoded without it. */
  get bytes(): Uint8Array {
    this.#bytes ??= this.chunk.subarray(this.offset, this.offset + this.length)
    return this.#bytes
  }
}

/** Whole messages one behind another in one chunk. A frame is made of one when it is taken. */
export class FrameRun {
  readonly view: DataView
  readonly chunk: Uint8Array
  /** How many there are. */
  count: number
  #at: number

  constructor(view: DataView, chunk: Uint8Array, at: number, count: number) {
    this.view = view
    this.chunk = chunk
    this.count = count
    this.#at = at
  }

  static of({ view, chunk, offset }: Frame): FrameRun { return new FrameRun(view, chunk, offset, 1) }

  /** The first of them, which then is none of them any more; null at the end. */
  take(): Frame | null {
    if (this.count === 0) return null
    const length = this.view.getUint16(this.#at + 2)
    const frame = new Frame(this.view, this.chunk, this.#at, length)
    this.#at += length
    this.count--
    return frame
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** The frame of exactly one whole message. */
export function frameOf(bytes: Uint8Array): Frame {
  const view = viewOf(bytes)
  if (bytes.length < HEADER_SIZE || messageLength(view, 0) !== bytes.length) {
    throw new WireError('wire.badLength', `${bytes.length} bytes are not one OpenFlow message`)
  }
  return new Frame(view, bytes, 0, bytes.length)
}

function messageLength(view: DataView, offset: number): number {
  const length = view.getUint16(offset + 2)
  if (length < HEADER_SIZE) throw new WireError('wire.badLength', `header says ${length} bytes, less than the header itself`)
  return length
}

export class Framer {
  #chunk: Uint8Array = EMPTY
  #view: DataView = viewOf(EMPTY)
  #at = 0
  #queue: Uint8Array[] = []
  /** A message that spans chunks: a header-sized buffer first, one of the message's length as soon as that is known. */
  #partial: Uint8Array | null = null
  #filled = 0
  #queuedBytes = 0

  /** The chunk must not be changed afterwards. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    // A plain Uint8Array even over a Buffer, whose slices would otherwise leak into messages.
    const plain = chunk.constructor === Uint8Array ? chunk : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    this.#queue.push(plain)
    this.#queuedBytes += plain.length
  }

  /** Bytes that have arrived and have not been returned in a frame. */
  get buffered(): number {
    return this.#queuedBytes + (this.#chunk.length - this.#at) + this.#filled
  }

  /**
   * What is next in the chunk that is being read, up to the first message of a type below `firstType`, which stays for next();
   * null where there is no such message.
   */
  nextRun(firstType: number): FrameRun | null {
    if (this.#partial !== null || this.#chunk.length === this.#at && !this.#nextChunk()) return null
    const view = this.#view
    const end = this.#chunk.length
    const start = this.#at
    let at = start
    let count = 0
    while (end - at >= HEADER_SIZE && view.getUint8(at + 1) >= firstType) {
      const length = view.getUint16(at + 2)
      if (length < HEADER_SIZE || length > end - at) break
      at += length
      count++
    }
    if (count === 0) return null
    this.#at = at
    return new FrameRun(view, this.#chunk, start, count)
  }

  next(): Frame | null {
    for (;;) {
      const available = this.#chunk.length - this.#at
      if (available === 0) {
        if (!this.#nextChunk()) return null
        continue
      }
      if (this.#partial !== null) {
        const frame = this.#fill(this.#partial, available)
        if (frame !== null) return frame
        continue
      }
      if (available >= HEADER_SIZE) {
        const length = messageLength(this.#view, this.#at)
        if (available >= length) {
          const frame = new Frame(this.#view, this.#chunk, this.#at, length)
          this.#at += length
          return frame
        }
      }
      this.#partial = new Uint8Array(HEADER_SIZE)
      this.#filled = 0
    }
  }

  #nextChunk(): boolean {
    const chunk = this.#queue.shift()
    this.#at = 0
    if (chunk === undefined) {
      this.#chunk = EMPTY
      return false
    }
    this.#queuedBytes -= chunk.length
    this.#chunk = chunk
    this.#view = viewOf(chunk)
    return true
  }

  /** Moves bytes from the chunk into the incomplete message; returns it when that completes it. */
  #fill(partial: Uint8Array, available: number): Frame | null {
    const count = Math.min(partial.length - this.#filled, available)
    partial.set(this.#chunk.subarray(this.#at, this.#at + count), this.#filled)
    this.#at += count
    this.#filled += count
    if (this.#filled < partial.length) return null
    const view = viewOf(partial)
    const length = messageLength(view, 0)
    if (length === partial.length) {
      this.#partial = null
      this.#filled = 0
      return new Frame(view, partial, 0, length)
    }
    const whole = new Uint8Array(length)
    whole.set(partial)
    this.#partial = whole
    return null
  }
}
