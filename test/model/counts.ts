/** What a case has counted, by the model, and whether the switch tells the same. OF 1.3.5 §5.8 */
import { Meter } from '../../src/openflow/index.js'
import type { Difference } from './compare.js'
import { flowKeyOf, type Recount } from './events.js'
import type { ModelRig } from './rig.js'
import type { ModelSwitch, Outcome } from './switch.js'

export class Counts {
  /** Two buckets of a SELECT group may do the same, so that it cannot be told which one counts. */
  areGroupsKnown = true
  readonly #packets = new Map<string, number>()

  of(what: string): number { return this.#packets.get(what) ?? 0 }

  add({ flows, groups, buckets, meters, bands }: Outcome): void {
    const all = [...flows.map((flow) => `flow ${flowKeyOf(flow)}`), ...groups.map((id) => `group ${id}`), ...buckets.map((name) => `bucket ${name}`), ...meters.map((id) => `meter ${id}`), ...bands.map((name) => `band ${name}`)]
    for (const what of all) this.#packets.set(what, this.of(what) + 1)
  }

  recount({ flows, groups, buckets }: Recount): void {
    const gone = new Set([...flows.map((flow) => `flow ${flowKeyOf(flow)}`), ...groups.map((id) => `group ${id}`)])
    for (const what of [...this.#packets.keys()]) if (gone.has(what) || buckets.some((id) => what.startsWith(`bucket ${id}/`))) this.#packets.delete(what)
  }
}

export async function compareCounters(rig: ModelRig, sw: ModelSwitch, counts: Counts): Promise<Difference | null> {
  await rig.beforeCounters()
  const { flows } = await rig.client.stats({ kind: 'flow', tableId: 0xff, outPort: 0xffffffff, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] })
  if (flows.length !== sw.flows.length) return { kind: 'flows', packet: null, text: `${sw.flows.length} flows by the model, the switch has ${flows.length}` }
  for (const flow of sw.flows) {
    const counted = flows.find(({ tableId, cookie, priority }) => tableId === flow.tableId && cookie === flow.cookie && priority === flow.priority)?.packetCount
    const expected = counts.of(`flow ${flowKeyOf(flow)}`)
    if (counted !== BigInt(expected)) return { kind: 'flow counter', packet: null, text: `flow table=${flow.tableId} priority=${flow.priority}: ${expected} packets, counted ${counted}` }
  }
  const meters = await compareMeters(rig, sw, counts)
  if (meters !== null) return meters
  if (sw.groups.length === 0 || !counts.areGroupsKnown) return null
  const { groups } = await rig.client.stats({ kind: 'group', groupId: 0xfffffffc })
  for (const { groupId, buckets } of sw.groups) {
    const counted = groups.find((group) => group.groupId === groupId)
    const expected = counts.of(`group ${groupId}`)
    if (counted?.packetCount !== BigInt(expected)) return { kind: 'group counter', packet: null, text: `group ${groupId}: ${expected} packets, counted ${counted?.packetCount}` }
    for (const index of buckets.keys()) {
      const inBucket = counts.of(`bucket ${groupId}/${index}`)
      if (counted.buckets[index]?.packetCount !== BigInt(inBucket)) return { kind: 'bucket counter', packet: null, text: `bucket ${index} of group ${groupId}: ${inBucket} packets, counted ${counted.buckets[index]?.packetCount}` }
    }
  }
  return null
}

async function compareMeters(rig: ModelRig, sw: ModelSwitch, counts: Counts): Promise<Difference | null> {
  if (sw.meters === undefined || sw.meters.length === 0) return null
  const { meters } = await rig.client.stats({ kind: 'meter', meterId: Meter.ALL })
  for (const { meterId, bands } of sw.meters) {
    const counted = meters.find((meter) => meter.meterId === meterId)
    const expected = [counts.of(`meter ${meterId}`), ...bands.map((_, index) => counts.of(`band ${meterId}/${index}`))].map(String)
    const actual = [counted?.packetInCount, ...counted?.bands.map(({ packetCount }) => packetCount) ?? []].map(String)
    if (expected.join() !== actual.join()) return { kind: 'meter counter', packet: null, text: `meter ${meterId} and its bands: ${expected.join(', ')} packets, counted ${actual.join(', ')}` }
  }
  return null
}
