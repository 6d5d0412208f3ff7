/** Time for the simulated hosts: the real one, or one that a test moves. */
import { type Millis, monotonicNow } from '../../base/clock.js'

export interface Timers {
  now(): Millis
  /** Calls `task` once; the result cancels it. Never calls it before it returns. */
  after(delay: Millis, task: () => void): () => void
}

export const realTimers: Timers = {
  now: monotonicNow,
  after(delay, task) {
    if (delay <= 0) {
      const immediate = setImmediate(task)
      return () => clearImmediate(immediate)
    }
    const timer = setTimeout(task, delay)
    return () => clearTimeout(timer)
  },
}

/** Runs tasks in order of time, and of their making where times are equal. */
export class VirtualTimers implements Timers {
  #now = 0
  #made = 0
  #tasks: { at: Millis; order: number; task: () => void }[] = []

  now(): Millis { return this.#now }

  after(delay: Millis, task: () => void): () => void {
    const entry = { at: this.#now + Math.max(0, delay), order: this.#made++, task }
    this.#tasks.push(entry)
    return () => { this.#tasks = this.#tasks.filter((other) => other !== entry) }
  }

  /** Moves time on, running everything that falls due, also what is added meanwhile. */
  advance(by: Millis): void {
    const end = this.#now + by
    for (;;) {
      const due = this.#tasks.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at || a.order - b.order)[0]
      if (due === undefined) break
      this.#tasks = this.#tasks.filter((entry) => entry !== due)
      this.#now = due.at
      due.task()
    }
    this.#now = end
  }
}
