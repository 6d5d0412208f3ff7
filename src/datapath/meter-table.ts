/** The meters by id, with what they have counted. OF 1.3.5 §5.7. Checks of meter-mods are in meter-mod.ts. */
import type { Instructions } from '../openflow/index.js'
import type { MeterCounters } from './events.js'
import { NO_COUNTERS, addCounters } from './state.js'
import type { MeterEntry } from './state.js'

/** The meter that a flow's packets go through: said by the instruction, or by an action of 1.5. */
export const meterOf = ({ meter, apply }: Instructions): number | null => {
  if (meter !== null || apply === null) return meter
  for (const action of apply) if (action.type === 'meter') return action.meterId
  return null
}

export class MeterTable {
  readonly #meters = new Map<number, MeterEntry>()

  /** Those whose removal is under way not included. */
  get count(): number {
    let count = 0
    for (const { deleting } of this.#meters.values()) if (!deleting) count++
    return count
  }
  get(meterId: number): MeterEntry | undefined { return this.#meters.get(meterId) }
  all(): IterableIterator<MeterEntry> { return this.#meters.values() }
  clear(): void { this.#meters.clear() }
  insert(meter: MeterEntry): void { this.#meters.set(meter.meterId, meter) }
  /** Unless another has its place by now. */
  remove(meter: MeterEntry): void { if (this.#meters.get(meter.meterId) === meter) this.#meters.delete(meter.meterId) }
}

/** Nothing counted yet, for so many bands. */
export const noMeterCounters = (bands: number): MeterCounters => ({ total: NO_COUNTERS, bands: Array.from({ length: bands }, () => NO_COUNTERS) })

/** What the target says, counting from when it was empty. */
export function noteMeterCounters(meter: MeterEntry, read: MeterCounters): void {
  meter.last = {
    total: addCounters(meter.base.total, read.total),
    bands: meter.base.bands.map((before, band) => addCounters(before, read.bands[band] ?? NO_COUNTERS)),
  }
}

/** The target counts from zero again. */
export function rebase(meter: MeterEntry): void {
  meter.base = meter.last
}
