/**
 * Reading an encoded message where it lies, without an object for each of its parts: for the few messages of which there are
 * a hundred thousand.
 */

/** Wire types: the low three bits of a tag. */
export const VARINT = 0
export const LENGTH = 2
const FIXED64 = 1
const FIXED32 = 5

/** Throws RangeError where the bytes are no protobuf message. */
export class Cursor {
  at = 0
  /** Of the varint read last, as two words. */
  high = 0
  low = 0
  readonly #bytes: Uint8Array
  constructor(bytes: Uint8Array) { this.#bytes = bytes }

  /** The varint read last. Throws RangeError where a number is not exact. */
  get number(): number {
    const value = this.high * 0x1_0000_0000 + this.low
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is beyond exact numbers`)
    return value
  }

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
