/**
 * Classic libpcap capture files, format 2.4 with Ethernet link type, as tcpdump and Wireshark read them:
 * a 24-byte header, then for each frame seconds, fraction, captured and original length, and the bytes.
 */
import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'

const MAGIC_MICROSECONDS = 0xa1b2c3d4
const MAGIC_NANOSECONDS = 0xa1b23c4d
const LINKTYPE_ETHERNET = 1
const SNAP_LENGTH = 262144
/** A disk that cannot keep up loses frames of the capture rather than memory of the switch. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024

export interface PcapRecord { readonly timestampMs: number; readonly frame: Uint8Array; readonly originalLength: number }

export class PcapWriter {
  /** Frames that are not in the file. */
  dropped = 0
  readonly #stream: WriteStream
  #failed: Error | null = null

  /** Replaces the file. A failure is told to `onError` once; frames are then dropped. */
  constructor(path: string, onError: (error: Error) => void) {
    this.#stream = createWriteStream(path)
    this.#stream.on('error', (error) => {
      this.#failed = error
      onError(error)
    })
    const header = Buffer.alloc(24)
    header.writeUInt32LE(MAGIC_MICROSECONDS, 0)
    header.writeUInt16LE(2, 4)
    header.writeUInt16LE(4, 6)
    header.writeUInt32LE(SNAP_LENGTH, 16)
    header.writeUInt32LE(LINKTYPE_ETHERNET, 20)
    this.#stream.write(header)
  }

  /** `timestampMs` counts from 1970. The frame may be reused after return. */
  write(timestampMs: number, frame: Uint8Array): void {
    if (this.#failed !== null || this.#stream.writableLength > MAX_PENDING_BYTES) {
      this.dropped++
      return
    }
    const size = Math.min(frame.length, SNAP_LENGTH)
    const record = Buffer.allocUnsafe(16 + size)
    const micros = Math.floor(timestampMs * 1000)
    record.writeUInt32LE(Math.floor(micros / 1e6), 0)
    record.writeUInt32LE(micros % 1e6, 4)
    record.writeUInt32LE(size, 8)
    record.writeUInt32LE(frame.length, 12)
    record.set(size === frame.length ? frame : frame.subarray(0, size), 16)
    this.#stream.write(record)
  }

  /** Resolves when all is on disk (or has failed). */
  async close(): Promise<void> {
    if (this.#failed !== null || this.#stream.closed) return
    this.#stream.end()
    await once(this.#stream, 'close').catch(() => { /* told to onError */ })
  }
}

/** The frames of a capture, either byte order, micro- or nanoseconds; null if it is not an Ethernet capture. A last record that is cut off is left out. */
export function readPcap(file: Uint8Array): PcapRecord[] | null {
  if (file.length < 24) return null
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const little = [MAGIC_MICROSECONDS, MAGIC_NANOSECONDS].includes(view.getUint32(0, true))
  const magic = view.getUint32(0, little)
  if (magic !== MAGIC_MICROSECONDS && magic !== MAGIC_NANOSECONDS) return null
  if ((view.getUint32(20, little) & 0x0fffffff) !== LINKTYPE_ETHERNET) return null
  const records: PcapRecord[] = []
  let at = 24
  while (at + 16 <= file.length) {
    const size = view.getUint32(at + 8, little)
    if (at + 16 + size > file.length) break
    const fraction = view.getUint32(at + 4, little) / (magic === MAGIC_NANOSECONDS ? 1e6 : 1e3)
    records.push({
      timestampMs: view.getUint32(at, little) * 1000 + fraction,
      frame: file.slice(at + 16, at + 16 + size), originalLength: view.getUint32(at + 12, little),
    })
    at += 16 + size
  }
  return records
}
