/**
 * Pings between the simulated hosts of the quick start: a first round that tells how it went, then one ping a pair now
 * and then, of which only changes are told.
 */

export interface Host { readonly name: string; readonly ip: string }
export interface PingOutcome { readonly sent: number; readonly received: number; readonly roundTripsMs: readonly (number | null)[]; readonly unreachable: number }
export interface PingNetwork {
  readonly hosts: readonly Host[]
  ping(from: string, toIp: string, count: number, options: { readonly intervalMs: number; readonly timeoutMs: number }): Promise<PingOutcome>
}
export interface PingTiming { readonly intervalMs: number; readonly timeoutMs: number; readonly watchMs: number }

const COUNT = 3
const defaultTiming: PingTiming = { intervalMs: 200, timeoutMs: 1000, watchMs: 5000 }

export function describePing(from: Host, to: Host, outcome: PingOutcome, count: number): string {
  const times = outcome.roundTripsMs.filter((ms) => ms !== null).sort((a, b) => a - b)
  const middle = times[Math.floor(times.length / 2)]
  const verdict = outcome.received === count ? 'ok' : outcome.received === 0 ? 'no answer' : 'lossy'
  return `ping ${from.name} → ${to.name} (${to.ip})  ${verdict} ${outcome.received}/${count}${middle === undefined ? '' : `, rtt ${middle.toFixed(1)} ms`}`
}

export class PingWatch {
  readonly #network: PingNetwork
  readonly #say: (line: string) => void
  readonly #timing: PingTiming
  readonly #pairs: { readonly from: Host; readonly to: Host; ok: boolean }[]
  #stopped = false
  #wake: () => void = () => {}

  /** Each host pings the next one. */
  constructor(network: PingNetwork, say: (line: string) => void, timing: Partial<PingTiming> = {}) {
    this.#network = network
    this.#say = say
    this.#timing = { ...defaultTiming, ...timing }
    this.#pairs = network.hosts.flatMap((from, i) => {
      const to = network.hosts[(i + 1) % network.hosts.length]
      return to === undefined || to === from ? [] : [{ from, to, ok: false }]
    })
  }

  /** Resolves with whether every ping was answered. */
  async firstRound(): Promise<boolean> {
    for (const pair of this.#pairs) {
      if (this.#stopped) return false
      const outcome = await this.#network.ping(pair.from.name, pair.to.ip, COUNT, this.#timing)
      pair.ok = outcome.received > 0
      if (!this.#stopped) this.#say(describePing(pair.from, pair.to, outcome, COUNT))
    }
    return this.#pairs.every(({ ok }) => ok)
  }

  async watch(): Promise<void> {
    while (!this.#stopped) {
      await this.#pause()
      for (const pair of this.#pairs) {
        if (this.#stopped) return
        const outcome = await this.#network.ping(pair.from.name, pair.to.ip, 1, this.#timing)
        const ok = outcome.received > 0
        if (ok !== pair.ok && !this.#stopped) this.#say(describePing(pair.from, pair.to, outcome, 1))
        pair.ok = ok
      }
    }
  }

  stop(): void {
    this.#stopped = true
    this.#wake()
  }

  #pause(): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#timing.watchMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
