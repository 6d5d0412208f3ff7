/**
 * Address resolution of a simulated host: ARP for IPv4, neighbour solicitation for IPv6. It holds what is known and who
 * waits for an answer; sending is the host's. RFC 826; RFC 4861 §7.2.2: three requests, a second apart, then unreachable.
 */
import type { Millis } from '../../base/clock.js'
import type { Timers } from './timers.js'

const MAX_REQUESTS = 3
const REQUEST_INTERVAL: Millis = 1000
/** After that an address is asked for again. */
const LIFETIME: Millis = 60_000

interface Waiting { requests: number; readonly callbacks: ((mac: bigint | null) => void)[]; cancel: () => void }

export class Neighbours {
  readonly #known = new Map<bigint, { mac: bigint; until: Millis }>()
  readonly #waiting = new Map<bigint, Waiting>()
  readonly #timers: Timers
  readonly #request: (ip: bigint) => void

  constructor(timers: Timers, request: (ip: bigint) => void) {
    this.#timers = timers
    this.#request = request
  }

  /** null if it has to be asked for. */
  lookup(ip: bigint): bigint | null {
    const entry = this.#known.get(ip)
    return entry !== undefined && entry.until > this.#timers.now() ? entry.mac : null
  }

  /** Calls back at once or later; with null if nobody answers. */
  resolve(ip: bigint, callback: (mac: bigint | null) => void): void {
    const mac = this.lookup(ip)
    if (mac !== null) {
      callback(mac)
      return
    }
    const waiting = this.#waiting.get(ip)
    if (waiting !== undefined) waiting.callbacks.push(callback)
    else {
      const entry: Waiting = { requests: 0, callbacks: [callback], cancel: () => {} }
      this.#waiting.set(ip, entry)
      this.#ask(ip, entry)
    }
  }

  learn(ip: bigint, mac: bigint): void {
    this.#known.set(ip, { mac, until: this.#timers.now() + LIFETIME })
    this.#finish(ip, mac)
  }

  clear(): void {
    this.#known.clear()
    for (const ip of [...this.#waiting.keys()]) this.#finish(ip, null)
  }

  #ask(ip: bigint, entry: Waiting): void {
    if (entry.requests++ === MAX_REQUESTS) {
      this.#finish(ip, null)
      return
    }
    // Before the request, whose answer may come at once.
    entry.cancel = this.#timers.after(REQUEST_INTERVAL, () => this.#ask(ip, entry))
    this.#request(ip)
  }

  #finish(ip: bigint, mac: bigint | null): void {
    const entry = this.#waiting.get(ip)
    if (entry === undefined) return
    this.#waiting.delete(ip)
    entry.cancel()
    for (const callback of entry.callbacks) callback(mac)
  }
}
