/** Ports whose far ends are method calls: tests put frames in and take frames out. */
import { PortTally } from './counters.js'
import type { PortCounters, PortDriver } from './port-driver.js'

export interface SentFrame { readonly port: number; readonly frame: Uint8Array }

export class MemoryPortDriver implements PortDriver {
  /** Called for each frame sent, besides its being kept for take(). */
  onSent: ((port: number, frame: Uint8Array) => void) | null = null
  readonly #ports = new Map<number, { up: boolean; tally: PortTally }>()
  #onFrame: ((port: number, frame: Uint8Array) => void) | null = null
  #sent: SentFrame[] = []

  constructor(ports: readonly number[]) {
    for (const port of ports) this.addPort(port)
  }

  addPort(port: number): void { this.#ports.set(port, { up: true, tally: new PortTally() }) }
  removePort(port: number): void { this.#ports.delete(port) }
  setLink(port: number, up: boolean): void {
    const entry = this.#ports.get(port)
    if (entry !== undefined) entry.up = up
  }

  /** A frame arrives. False if the port does not exist, is down, or the driver is not started. */
  inject(port: number, frame: Uint8Array): boolean {
    const entry = this.#ports.get(port)
    if (entry === undefined || !entry.up || this.#onFrame === null) return false
    entry.tally.received(frame.length)
    this.#onFrame(port, frame.slice())
    return true
  }

  /** What was sent since the last call, in order. */
  take(): SentFrame[] {
    const sent = this.#sent
    this.#sent = []
    return sent
  }

  async start(onFrame: (port: number, frame: Uint8Array) => void): Promise<void> { this.#onFrame = onFrame }

  send(port: number, frame: Uint8Array): void {
    const entry = this.#ports.get(port)
    if (entry === undefined) return
    if (!entry.up) {
      entry.tally.txDropped++
      return
    }
    entry.tally.sent(frame.length)
    const kept = frame.slice()
    this.#sent.push({ port, frame: kept })
    this.onSent?.(port, kept)
  }

  counters(port: number): PortCounters | null { return this.#ports.get(port)?.tally.toCounters() ?? null }
  links(): ReadonlyMap<number, boolean> { return new Map([...this.#ports].map(([port, entry]) => [port, entry.up])) }
  async stop(): Promise<void> { this.#onFrame = null }
}
