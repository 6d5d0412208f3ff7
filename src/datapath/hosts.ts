/**
 * Where hosts are, as NORMAL has learned it: by VLAN and address, until they have been silent for long or their port goes.
 * As Open vSwitch's MAC learning table; OF 1.3.5 leaves NORMAL to the switch (§4.5).
 */
import type { Millis } from '../base/clock.js'
import { takes } from '../base/port-vlans.js'
import type { LearnedHost } from './events.js'
import type { Change, HostRecord } from './pipeline.js'
import type { Context, Lockable } from './state.js'

/** Seconds; Open vSwitch's mac-aging-time. */
const DEFAULT_AGEING = 300
/** Open vSwitch's mac-table-size; the pipeline may have room for fewer. */
const MAX_HOSTS = 8192

interface Host extends Lockable { record: HostRecord; deleting: boolean; learnedAt: Millis }
/** `age`: milliseconds since the host was learned where it is. */
export interface HostView { readonly portNo: number; readonly vlan: number; readonly address: bigint; readonly age: Millis }

export class Hosts {
  readonly #byKey = new Map<string, Host>()
  readonly #byId = new Map<number, Host>()
  /** To be forgotten when the change that is in flight has been answered. */
  readonly #doomed = new Set<Host>()

  learn(ctx: Context, learned: readonly LearnedHost[]): void {
    for (const { inPort, vlan, address } of learned) {
      const vlans = ctx.ports.vlansOf(inPort)
      // What was seen before the port's VLANs were others comes late.
      if (ctx.ports.get(inPort) === undefined || vlans !== null && !takes(vlans, vlan)) continue
      const key = `${vlan}/${address}`
      const known = this.#byKey.get(key)
      // What is in flight is answered first; a host that goes on talking is told again.
      if (known !== undefined && (known.token !== 0 || known.record.portNo === inPort)) continue
      if (known === undefined && this.#byKey.size >= MAX_HOSTS) this.#forget(ctx, this.#oldest())
      const record: HostRecord = { id: ctx.flows.nextId(), vlan, address, portNo: inPort, idleTimeout: ctx.config.hostAgeing ?? DEFAULT_AGEING }
      this.#set(ctx, key, record, known)
    }
  }

  /** These have been silent. */
  idle(ctx: Context, ids: readonly number[]): void {
    for (const id of ids) this.#forget(ctx, this.#byId.get(id))
  }

  forgetPort(ctx: Context, portNo: number): void {
    for (const host of this.#byKey.values()) if (host.record.portNo === portNo) this.#doomed.add(host)
    this.run(ctx)
  }

  flush(ctx: Context): void {
    for (const host of this.#byKey.values()) this.#doomed.add(host)
    this.run(ctx)
  }

  /** Part of every step. */
  run(ctx: Context): void {
    if (ctx.ops.target === 'syncing') return
    for (const host of this.#doomed) {
      if (host.token !== 0) continue
      this.#doomed.delete(host)
      if (this.#byId.get(host.record.id) === host) this.#forget(ctx, host)
    }
  }

  /** The target has been emptied: what is still there is learned again. */
  clear(): void {
    this.#byKey.clear()
    this.#byId.clear()
    this.#doomed.clear()
  }

  * all(now: Millis): IterableIterator<HostView> {
    for (const { record: { portNo, vlan, address }, deleting, learnedAt } of this.#byKey.values()) {
      if (!deleting) yield { portNo, vlan, address, age: now - learnedAt }
    }
  }

  #set(ctx: Context, key: string, record: HostRecord, known: Host | undefined): void {
    const previous = known?.record ?? null
    const before = known?.learnedAt ?? 0
    const host: Host = known ?? { token: 0, record, deleting: false, learnedAt: ctx.now }
    this.#submit(ctx, { op: 'set_host', host: record, previous }, host, () => {
      if (previous !== null) this.#byId.delete(previous.id)
      host.record = record
      host.learnedAt = ctx.now
      this.#byKey.set(key, host)
      this.#byId.set(record.id, host)
    }, () => {
      this.#byId.delete(record.id)
      if (previous === null) {
        this.#byKey.delete(key)
        return
      }
      host.record = previous
      host.learnedAt = before
      this.#byId.set(previous.id, host)
      if (ctx.ports.get(previous.portNo) === undefined) this.#doomed.add(host)
    }, () => {})
  }

  #forget(ctx: Context, host: Host | undefined): void {
    if (host === undefined || host.token !== 0) return
    const { record } = host
    this.#submit(ctx, { op: 'delete_host', host: record }, host, () => { host.deleting = true }, () => { host.deleting = false }, () => {
      this.#byKey.delete(`${record.vlan}/${record.address}`)
      this.#byId.delete(record.id)
    })
  }

  /** A change that cannot be planned now is left out: the packets that ask for it come again. */
  #submit(ctx: Context, change: Change, host: Host, apply: () => void, undo: () => void, settled: () => void): void {
    const isCurrent = (): boolean => this.#byId.get(host.record.id) === host
    ctx.ops.submit(ctx, {
      changes: [change], touches: [host], family: 'own', apply,
      undo: () => { if (isCurrent()) undo() },
      settled: () => { if (isCurrent()) settled() },
    }, null)
  }

  /** They are in the order in which they were learned where they are. */
  #oldest(): Host | undefined {
    for (const host of this.#byId.values()) if (host.token === 0) return host
    return undefined
  }
}
