/** A capture file with each message alone in a TCP segment to port 6653, so that a dissector sees every one. */

const LINKTYPE_RAW = 101
export const PORT = 6653

export function capture(messages: readonly Uint8Array[]): Uint8Array {
  const file = Buffer.alloc(24)
  file.writeUInt32LE(0xa1b2c3d4, 0)
  file.writeUInt16LE(2, 4)
  file.writeUInt16LE(4, 6)
  file.writeUInt32LE(0x40000, 16)
  file.writeUInt32LE(LINKTYPE_RAW, 20)
  return new Uint8Array(Buffer.concat([file, ...messages.map((message, index) => segment(message, 10_000 + index))]))
}

/** Record header, IPv4 and TCP headers without checksums; a source port of its own makes each a stream of its own. */
function segment(message: Uint8Array, sourcePort: number): Buffer {
  const headers = Buffer.alloc(56)
  const length = 40 + message.length
  headers.writeUInt32LE(length, 8)
  headers.writeUInt32LE(length, 12)
  headers[16] = 0x45
  headers.writeUInt16BE(length, 18)
  headers[24] = 64
  headers[25] = 6
  headers.writeUInt32BE(0x0a000001, 28)
  headers.writeUInt32BE(0x0a000002, 32)
  headers.writeUInt16BE(sourcePort, 36)
  headers.writeUInt16BE(PORT, 38)
  headers.writeUInt32BE(1, 40)
  headers.writeUInt32BE(1, 44)
  headers[48] = 0x50
  headers[49] = 0x18
  headers.writeUInt16BE(0xffff, 50)
  return Buffer.concat([headers, message])
}
