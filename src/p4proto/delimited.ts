/** Several messages of one type in one byte string, each with its length before it. */
import protobuf from 'protobufjs/minimal.js'

interface Encoder<I> { encode(message: I, writer?: protobuf.Writer): protobuf.Writer }
interface Decoder<T> { decode(reader: protobuf.Reader, length?: number): T }

export class MessageWriter<I> {
  readonly #encoder: Encoder<I>
  #writer: protobuf.Writer | null = null
  constructor(encoder: Encoder<I>) { this.#encoder = encoder }

  get isEmpty(): boolean { return this.#writer === null }
  add(message: I): void { this.#writer = this.#encoder.encode(message, (this.#writer ?? protobuf.Writer.create()).fork()).ldelim() }
  /** Everything since the last call. The bytes may lie in a buffer with others. */
  take(): Uint8Array {
    const bytes = this.#writer?.finish() ?? new Uint8Array(0)
    this.#writer = null
    return bytes
  }
}

/** Calls back for each message, in order; returns how many there were. */
export function readMessages<T>(decoder: Decoder<T>, bytes: Uint8Array, each: (message: T) => void): number {
  const reader = protobuf.Reader.create(bytes)
  let count = 0
  for (; reader.pos < reader.len; count++) each(decoder.decode(reader, reader.uint32()))
  return count
}
