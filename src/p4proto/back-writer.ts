/**
 * Protobuf written from its end to its beginning: what a length-delimited field holds is there before its length is to be
 * told, so nothing is measured twice, moved, or kept in objects. For the messages of which there are very many; all others
 * go through the generated code, with which test/unit/p4runtime/encode.test.ts compares this.
 */

const VARINT = 0
const DELIMITED = 2
/** Of 64 bits; the longest varint has ten bytes. */
const MOST_VARINT = 10

export class BackWriter {
  /** What has been written is from `at` to the end. */
  bytes = new Uint8Array(8192)
  at = this.bytes.length

  reset(): void { this.at = this.bytes.length }

  /** A varint of a safe integer ≥ 0. */
  varint(value: number): void {
    if (this.at < MOST_VARINT) this.#grow(MOST_VARINT)
    if (value < 0x80) {
      this.bytes[--this.at] = value
      return
    }
    let size = 1
    for (let rest = value; rest >= 0x80; size++) rest = Math.floor(rest / 0x80)
    let at = this.at -= size
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.bytes[at++] = 0x80 | rest % 0x80
    this.bytes[at] = rest
  }

  /** An integer field; 0 is not written. */
  number(field: number, value: number): void {
    if (value === 0) return
    this.varint(value)
    this.varint(field << 3 | VARINT)
  }

  /** Bytes as they are: the content of a field, or fields that were encoded before. */
  raw(bytes: Uint8Array): void {
    const { length } = bytes
    if (this.at < length) this.#grow(length)
    this.at -= length
    if (length > 32) {
      this.bytes.set(bytes, this.at)
      return
    }
    const to = this.bytes
    let at = this.at
    for (let from = 0; from < length; from++) to[at++] = bytes[from] as number
  }

  /** The big-endian bytes of an unsigned value, as few as hold it; returns how many bits it has. */
  value(value: bigint): number {
    return value > 0xffff_ffff_ffffn ? this.#long(value) : this.short(Number(value))
  }
  /** The same of a value of at most 48 bits. */
  short(value: number): number {
    if (this.at < 8) this.#grow(8)
    let rest = value
    let bits = 0
    for (; rest >= 0x100; bits += 8) {
      this.bytes[--this.at] = rest % 0x100
      rest = Math.floor(rest / 0x100)
    }
    this.bytes[--this.at] = rest
    return bits + 32 - Math.clz32(rest)
  }
  #long(value: bigint): number {
    let bits = 0
    let rest = value
    for (; rest > 0xffff_ffff_ffffn; rest >>= 48n, bits += 48) {
      let low = Number(rest & 0xffff_ffff_ffffn)
      if (this.at < 6) this.#grow(6)
      for (let byte = 0; byte < 6; byte++) {
        this.bytes[--this.at] = low % 0x100
        low = Math.floor(low / 0x100)
      }
    }
    return bits + this.value(rest)
  }

  /** Bytes so far. Growing does not change it. */
  get size(): number { return this.bytes.length - this.at }
  /** Makes all but the last `size` bytes the content of a field. */
  wrap(field: number, size: number): void {
    this.varint(this.size - size)
    this.varint(field << 3 | DELIMITED)
  }

  #grow(by: number): void {
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.bytes.length + by))
    const at = larger.length - this.size
    larger.set(this.bytes.subarray(this.at), at)
    this.bytes = larger
    this.at = at
  }
}
