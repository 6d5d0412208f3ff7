/** A port driver around another that writes what passes to pcap files, one a port. */
import type { Logger } from '../../base/logger.js'
import { PcapWriter } from './pcap.js'
import type { PortCounters, PortDriver } from './port-driver.js'

export class TapPortDriver implements PortDriver {
  readonly inner: PortDriver
  readonly #files = new Map<number, PcapWriter>()
  readonly #log: Logger

  constructor(inner: PortDriver, files: readonly { readonly port: number; readonly path: string }[], log: Logger) {
    this.inner = inner
    this.#log = log
    for (const { port, path } of files) {
      this.#files.set(port, new PcapWriter(path, (error) => log.error({ port, path, reason: error.message }, 'capture file failed')))
    }
  }

  async start(onFrame: (port: number, frame: Uint8Array) => void): Promise<void> {
    await this.inner.start((port, frame) => {
      this.#files.get(port)?.write(now(), frame)
      onFrame(port, frame)
    })
  }

  send(port: number, frame: Uint8Array): void {
    this.#files.get(port)?.write(now(), frame)
    this.inner.send(port, frame)
  }

  counters(port: number): PortCounters | null { return this.inner.counters(port) }
  links(): ReadonlyMap<number, boolean> { return this.inner.links() }

  async stop(): Promise<void> {
    await this.inner.stop()
    for (const [port, file] of this.#files) {
      await file.close()
      if (file.dropped > 0) this.#log.warn({ port, frames: file.dropped }, 'frames are missing in the capture file')
    }
  }
}

/** Monotonic within a run, in milliseconds since 1970. */
const now = (): number => performance.timeOrigin + performance.now()
