/**
 * One P4Runtime session for several switches. What a switch asks of the target goes through as it is, in the order in which it is
 * asked; what comes from the target goes to the switch that it concerns:
 *
 *   packet-in, learned host ── the field `instance` ─▶ that switch
 *   counters, idle timeouts ── the number of the flow ─▶ the switch that has given it (flow-ids.ts)
 *   ready, lost, standby ─────────────────────────────▶ all, the first one first: it writes what all need
 */
import { CounterColumnsBuilder } from '../base/counter-columns.js'
import { ownerOf } from '../datapath/index.js'
import type { Southbound, SouthboundEvent } from '../p4runtime/index.js'

type Listener = (event: SouthboundEvent) => void

/** A southbound for each of `count` switches. The session starts when all of them have. */
export function shareTarget(session: Southbound, count: number): readonly Southbound[] {
  if (count === 1) return [session]
  const listeners = new Map<number, Listener>()
  const toAll = (event: SouthboundEvent): void => { for (let index = 0; index < count; index++) listeners.get(index)?.(event) }
  const dispatch = (event: SouthboundEvent): void => {
    switch (event.kind) {
      case 'packet_in': return listeners.get(Number(event.packet.metadata['instance'] ?? 0n))?.(event)
      case 'idle': return split(event.controllerMetadata, (id) => ownerOf(id, count), (index, controllerMetadata) => listeners.get(index)?.({ ...event, controllerMetadata }))
      case 'learned': {
        const { learned } = event
        return split(learned.records, (record) => Number(record['instance'] ?? 0n), (index, records) => listeners.get(index)?.({ ...event, learned: { ...learned, records } }))
      }
      default: return toAll(event)
    }
  }
  return Array.from({ length: count }, (_, index): Southbound => ({
    start: (listener) => {
      listeners.set(index, listener)
      if (listeners.size === count) session.start(dispatch)
    },
    write: (updates, atomic) => session.write(updates, atomic),
    submit: (updates, atomic, settled) => { session.submit(updates, atomic, settled) },
    readTableCounters: async (table) => {
      const all = await session.readTableCounters(table)
      const own = new CounterColumnsBuilder()
      for (const { id, packets, bytes } of all) if (ownerOf(id, count) === index) own.addWide(id, packets, bytes)
      return own.done()
    },
    readEntryCounters: (entries) => session.readEntryCounters(entries),
    readLead: (entry, counter, cell) => session.readLead(entry, counter, cell),
    readCounter: (counter, indices) => session.readCounter(counter, indices),
    packetOut: (payload, metadata) => { session.packetOut(payload, metadata) },
    restart: (reason) => { session.restart(reason) },
    close: () => session.close(),
  }))
}

function split<T>(things: readonly T[], whose: (thing: T) => number, give: (index: number, things: readonly T[]) => void): void {
  const parts = new Map<number, T[]>()
  for (const thing of things) {
    const part = parts.get(whose(thing))
    if (part === undefined) parts.set(whose(thing), [thing])
    else part.push(thing)
  }
  for (const [index, part] of parts) give(index, part)
}
