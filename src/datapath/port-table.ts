/**
 * The ports: what the platform says of them (link, speed, address) and what controllers set (config bits).
 * OF 1.3.5 §4, §7.2.1. A port's LIVE bit is derived here and nowhere else.
 */
import type { PortVlans } from '../base/port-vlans.js'
import { PortConfig, PortState } from '../openflow/index.js'
import type { PortDesc } from '../openflow/index.js'
import type { Millis } from '../base/clock.js'
import { Followed } from './followed.js'
import type { PortRecord } from './pipeline.js'

export interface PortEntry { readonly desc: PortDesc; readonly createdAt: Millis }

export class PortTable extends Followed {
  readonly #ports = new Map<number, PortEntry>()
  #vlans: ReadonlyMap<number, PortVlans>

  /** `vlans`: of ports that are there or may come, for NORMAL; the others carry all. */
  constructor(ports: readonly PortDesc[], vlans: ReadonlyMap<number, PortVlans>, now: Millis) {
    super((ctx) => ({ op: 'set_ports', ports: ctx.ports.records() }))
    this.#vlans = vlans
    for (const port of ports) this.set(port, now)
  }

  get(portNo: number): PortEntry | undefined { return this.#ports.get(portNo) }

  /** By port number. */
  all(): PortEntry[] { return [...this.#ports.values()].sort((a, b) => a.desc.portNo - b.desc.portNo) }
  descriptions(): PortDesc[] { return this.all().map((port) => port.desc) }
  remove(portNo: number): void { this.#ports.delete(portNo) }

  vlansOf(portNo: number): PortVlans | null { return this.#vlans.get(portNo) ?? null }
  /** Returns the ports that now carry others than before. */
  setVlans(vlans: ReadonlyMap<number, PortVlans>): readonly number[] {
    const before = this.#vlans
    this.#vlans = vlans
    return [...this.#ports.keys()].filter((portNo) => JSON.stringify(before.get(portNo)) !== JSON.stringify(vlans.get(portNo)))
  }

  set(desc: PortDesc, now: Millis): PortDesc {
    const live = (desc.config & PortConfig.DOWN) === 0 && (desc.state & PortState.LINK_DOWN) === 0
    const state = live ? desc.state | PortState.LIVE : desc.state & ~PortState.LIVE
    const settled = { ...desc, state }
    this.#ports.set(desc.portNo, { desc: settled, createdAt: this.#ports.get(desc.portNo)?.createdAt ?? now })
    return settled
  }

  /** What forwarding must know. */
  records(): PortRecord[] {
    return this.descriptions().map(({ portNo, config, state }) => {
      const vlans = this.#vlans.get(portNo)
      return { portNo, config, linkUp: (state & PortState.LINK_DOWN) === 0, ...(vlans === undefined ? {} : { vlans }) }
    })
  }
}

/** Whether a controller would see a difference. */
export function samePort(a: PortDesc, b: PortDesc): boolean {
  return a.hwAddr === b.hwAddr && a.name === b.name && a.config === b.config && a.state === b.state && a.curr === b.curr
    && a.advertised === b.advertised && a.supported === b.supported && a.peer === b.peer
    && a.currSpeed === b.currSpeed && a.maxSpeed === b.maxSpeed
}
