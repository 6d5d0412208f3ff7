/**
 * Counters of what the program has done since it started, with their rates over three spans, as `coverage/show` prints them.
 * The totals are read from where they are kept; this only remembers what they were.
 */

export type Totals = Readonly<Record<string, number>>

/** A reading every five seconds: 12 of them are a minute, 720 an hour. */
export const SAMPLE_MS = 5000
const MINUTE = 12
const HOUR = 720

export class Coverage {
  readonly #read: () => Totals
  /** The latest reading first. */
  readonly #samples: Totals[] = []

  constructor(read: () => Totals) { this.#read = read }

  /** To be called every SAMPLE_MS. */
  sample(): void {
    this.#samples.unshift(this.#read())
    if (this.#samples.length > HOUR + 1) this.#samples.pop()
  }

  total(name: string): number | null { return this.#read()[name] ?? null }

  /** Counters that were hit, then how many were not. Rates are those of the spans that ended with the last reading. */
  show(): string {
    const totals = Object.entries(this.#read())
    const hit = totals.filter(([, total]) => total > 0)
    const rate = (name: string, samples: number): number => {
      const [latest] = this.#samples
      const before = this.#samples[Math.min(samples, this.#samples.length - 1)]
      return ((latest?.[name] ?? 0) - (samples < this.#samples.length ? before?.[name] ?? 0 : 0)) / (samples * SAMPLE_MS / 1000)
    }
    const column = (value: number, digits: number, width: number): string => `${value.toFixed(digits)}/sec`.padStart(width)
    const lines = hit.map(([name, total]) =>
      `${name.padEnd(24)} ${column(rate(name, 1), 1, 9)} ${column(rate(name, MINUTE), 3, 13)} ${column(rate(name, HOUR), 4, 17)}   total: ${total}`)
    return [
      'Event coverage, avg rate over last: 5 seconds, last minute, last hour:', ...lines, `${totals.length - hit.length} events never hit`,
    ].join('\n')
  }
}
