/**
 * How far a peer is behind with the flow updates that it has asked to be told of: when too much of them waits for it, the
 * switch is told, and again when it has taken all. As in Open vSwitch.
 */
import type { Message } from '../openflow/index.js'

/** Open vSwitch's. */
const MOST_BYTES = 128 * 1024

/** Updates come with the xid 0; what a request is answered with does not count. */
const isUpdate = (message: Message, xid: number): boolean =>
  message.type === 'nx_flow_monitor_paused' || message.type === 'stats_reply' && xid === 0 && message.body.kind === 'flow_monitor'

export class MonitorBacklog {
  readonly #tell: (isBehind: boolean) => void
  /** Of everything that has been queued for the peer: all of it, and up to the last update. */
  #queued = 0
  #lastUpdate = 0
  /** Of updates, since none waited. */
  #waiting = 0
  #isBehind = false

  constructor(tell: (isBehind: boolean) => void) { this.#tell = tell }

  queued(message: Message, xid: number, bytes: number): void {
    this.#queued += bytes
    if (!isUpdate(message, xid)) return
    this.#lastUpdate = this.#queued
    this.#waiting += bytes
    if (this.#isBehind || this.#waiting <= MOST_BYTES) return
    this.#isBehind = true
    this.#tell(true)
  }

  /** The system has taken all but this much. */
  left(bytes: number): void {
    if (this.#waiting === 0 || this.#queued - bytes < this.#lastUpdate) return
    this.#waiting = 0
    if (!this.#isBehind) return
    this.#isBehind = false
    this.#tell(false)
  }
}
