/**
 * What becomes of the switch while no controller controls it; pure, and as Open vSwitch does it.
 *
 *   secure:      flows stay as they are.
 *   standalone:  controlled ──no controller for three probe intervals──▶ on its own ──one takes over──▶ controlled
 *                             flows are flushed, a hidden flow above                  the hidden flow goes
 *                             all others forwards as an ordinary switch does
 *
 * Three intervals: one of silence until a controller is probed, one for its answer, and one to connect again. A controller
 * has taken over when it has sent something that it does not send to look the switch over, or has stayed for half a minute.
 * Without any controller in the configuration nobody is waited for, and the flow that forwards is an ordinary one of the
 * lowest priority. OF 1.3.5 §6.3.4 leaves standalone to the switch.
 */
import type { Millis } from '../base/clock.js'
import type { Message } from '../openflow/index.js'
import type { ConnId } from './events.js'

export interface FailModeConfig {
  readonly mode: 'secure' | 'standalone'
  /** Whether any controller is configured. */
  readonly hasControllers: boolean
  /** The longest inactivity probe of a controller; 0 = none probes. */
  readonly probeMs: Millis
}

/** Connected for this long, a controller is taken to have accepted the switch, whatever it says. */
const ADMITTED_AFTER: Millis = 30_000

interface Controller { readonly since: Millis; admitted: boolean }

export class FailMode {
  #config: FailModeConfig
  readonly #controllers = new Map<ConnId, Controller>()
  /** When a controller that had accepted the switch was last heard of; at first, when there could have been one. */
  #lastAdmitted: Millis
  #isOnItsOwn = false

  constructor(config: FailModeConfig, now: Millis) {
    this.#config = config
    this.#lastAdmitted = now
  }

  /** No controller has been there for long enough: the hidden flow is wanted. */
  get isOnItsOwn(): boolean { return this.#isOnItsOwn }
  get isConnected(): boolean { return this.#controllers.size > 0 }
  /** Nobody is waited for: a flow of the lowest priority is wanted after each flush. */
  get isUnmanaged(): boolean { return this.#config.mode === 'standalone' && !this.#config.hasControllers }

  /** True where the flows are to be flushed. In secure mode they stay, though Open vSwitch flushes with the last controller. */
  configure(config: FailModeConfig, now: Millis): boolean {
    const before = this.#config
    this.#config = config
    if (!this.#waits) this.#isOnItsOwn = false
    if (config.hasControllers && !before.hasControllers) this.#lastAdmitted = now
    const changes = config.hasControllers !== before.hasControllers || (config.mode !== before.mode && !config.hasControllers)
    return changes && (config.mode === 'standalone' || before.mode === 'standalone')
  }

  connected(conn: ConnId, now: Millis): void {
    this.#controllers.set(conn, { since: now, admitted: false })
  }

  /** `silentMs`: since something was last received on it. */
  disconnected(conn: ConnId, silentMs: Millis, now: Millis): void {
    const controller = this.#controllers.get(conn)
    if (controller?.admitted === true) this.#lastAdmitted = Math.max(this.#lastAdmitted, now - silentMs)
    this.#controllers.delete(conn)
  }

  /** Anything but echo. */
  heard(conn: ConnId, message: Message): void {
    const controller = this.#controllers.get(conn)
    if (controller !== undefined && takesControl(message)) controller.admitted = true
  }

  /** What has changed, if anything: to be called after every input, and at next(). */
  run(now: Millis): 'opened' | 'closed' | null {
    let admitted = false
    for (const controller of this.#controllers.values()) {
      if (now - controller.since >= ADMITTED_AFTER) controller.admitted = true
      if (controller.admitted) admitted = true
    }
    if (admitted && this.#isOnItsOwn) {
      this.#isOnItsOwn = false
      return 'closed'
    }
    if (admitted || !this.#waits || this.#isOnItsOwn || now <= this.#lastAdmitted + this.#patience) return null
    this.#isOnItsOwn = true
    return 'opened'
  }

  next(): Millis | null {
    if (!this.#waits) return null
    const controllers = [...this.#controllers.values()]
    if (controllers.some(({ admitted }) => admitted)) return null
    const times = controllers.map(({ since }) => since + ADMITTED_AFTER)
    // Longer than the time, not as long: with probes switched off the time is 0.
    if (!this.#isOnItsOwn) times.push(this.#lastAdmitted + this.#patience + 1)
    return times.length === 0 ? null : Math.min(...times)
  }

  get #waits(): boolean { return this.#config.mode === 'standalone' && this.#config.hasControllers }
  get #patience(): Millis { return 3 * this.#config.probeMs }
}

/** False for what a controller sends before it decides whether it wants the switch. */
function takesControl(message: Message): boolean {
  switch (message.type) {
    case 'hello': case 'error': case 'peer_error': case 'echo_request': case 'echo_reply': case 'experimenter':
    case 'features_request': case 'get_config_request': case 'set_config': case 'queue_get_config_request': case 'get_async_request':
      return false
    case 'stats_request':
      return !['group', 'group_desc', 'group_features', 'table_features', 'table_desc'].includes(message.body.kind)
    default: return true
  }
}
