/**
 * Who speaks for the switch: of several agents on one target the one that controls it, by P4Runtime's election. The others
 * are quiet: they neither connect to controllers nor listen, and take over when the target makes one of them primary.
 * P4RT 1.4 §5
 *
 *   quiet ──ready──▶ speaking ──standby──▶ quiet
 */
import type { Millis } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import { limitRepeats, type LimitedLog, type Logger } from '../base/logger.js'
import type { ChannelSet, ReconfigurableOptions } from '../channel/index.js'

/** How soon a listener whose address the agent before us still has is tried again. */
const RETRY_AFTER: Millis = 250

export class Standby {
  readonly #channels: Pick<ChannelSet, 'reconfigure'>
  readonly #log: LimitedLog
  #options: Required<ReconfigurableOptions>
  #speaks: boolean
  #last: Promise<void> = Promise.resolve()
  #retry: NodeJS.Timeout | null = null
  #closed = false

  /** `speaks`: from the start; false for one of several. */
  constructor(channels: Pick<ChannelSet, 'reconfigure'>, options: Required<ReconfigurableOptions>, speaks: boolean, log: Logger) {
    this.#channels = channels
    this.#options = options
    this.#speaks = speaks
    this.#log = limitRepeats(log)
  }

  /** What a quiet agent gives its channels in the place of the options. */
  static quiet(options: Required<ReconfigurableOptions>): Required<ReconfigurableOptions> {
    return { ...options, controllers: [], listen: [] }
  }

  speak(): void { this.#turn(true) }
  beQuiet(): void { this.#turn(false) }

  /** Takes over other settings, and does `also` with it, wholly or not at all; rejects as ChannelSet.reconfigure() does. */
  async reconfigure(options: Required<ReconfigurableOptions>, also: () => Promise<void>): Promise<void> {
    await this.#queue(async () => {
      await this.#channels.reconfigure(this.#speaks ? options : Standby.quiet(options), also)
      this.#options = options
    })
  }

  close(): void {
    this.#closed = true
    if (this.#retry !== null) clearTimeout(this.#retry)
  }

  #turn(speaks: boolean): void {
    if (this.#speaks === speaks) return
    this.#speaks = speaks
    this.#apply()
  }

  #apply(): void {
    this.#retry = null
    this.#queue(async () => {
      if (!this.#closed) await this.#channels.reconfigure(this.#speaks ? this.#options : Standby.quiet(this.#options))
    }).catch((error: unknown) => {
      this.#log.log('warn', 'listen', { reason: messageOf(error) }, 'cannot speak for the switch yet')
      if (!this.#closed) this.#retry ??= setTimeout(() => this.#apply(), RETRY_AFTER)
    })
  }

  #queue(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return done
  }
}
