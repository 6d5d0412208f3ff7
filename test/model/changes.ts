/** What happens between the packets of a case: each event is made for the switch as those before it have left it. */
import type { Random } from '../e2e/differential/random.js'
import { Group, Port, PortConfig, type Match } from '../../src/openflow/index.js'
import { after, flowKeyOf, type FlowEvent, type ModelEvent } from './events.js'
import type { FlowGenerator } from './flows.js'
import type { Features } from './packets.js'
import type { ModelFlow, ModelSwitch } from './switch.js'

export const portFlags = [0, 0, PortConfig.DOWN, PortConfig.NO_RECV, PortConfig.NO_FWD, PortConfig.NO_PACKET_IN, PortConfig.NO_FLOOD] as const

export class ChangeGenerator {
  readonly #random: Random
  readonly #features: Features
  readonly #generator: FlowGenerator
  #sw: ModelSwitch

  constructor(random: Random, features: Features, generator: FlowGenerator, sw: ModelSwitch) {
    this.#random = random
    this.#features = features
    this.#generator = generator
    this.#sw = sw
  }

  /** None, one or two. */
  next(): readonly ModelEvent[] {
    const random = this.#random
    const kinds = (['ports change', 'flows change', 'groups change'] as const).filter((feature) => this.#features.has(feature))
    if (kinds.length === 0 || random.chance(0.6)) return []
    const events: ModelEvent[] = []
    for (let n = random.int(1, 2); n > 0; n--) {
      const kind = random.pick(kinds)
      const event = kind === 'ports change' ? this.#port() : kind === 'flows change' ? this.flow() : this.#group()
      if (event === null) continue
      events.push(event)
      this.#sw = after(this.#sw, event).sw
    }
    return events
  }

  #port(): ModelEvent {
    const random = this.#random
    const { portNo, linkUp } = random.pick(this.#sw.ports)
    return random.chance(0.4) ? { kind: 'link', portNo, up: !linkUp } : { kind: 'port', portNo, config: random.pick(portFlags) }
  }

  #group(): ModelEvent | null {
    const random = this.#random
    if (this.#sw.groups.length === 0) return null
    const group = random.pick(this.#sw.groups)
    if (random.chance(0.75)) return { kind: 'group', command: 'modify', group: this.#generator.changed(group) }
    // One that others lead to stays. OF 1.3.5 §6.5
    const isLedTo = this.#sw.groups.some(({ buckets }) => buckets.some(({ actions, watchGroup }) => watchGroup === group.groupId || actions.some((action) => action.type === 'group' && action.groupId === group.groupId)))
    return isLedTo ? null : { kind: 'group', command: 'delete', group: { ...group, buckets: [] } }
  }

  /** `adds`: only what puts a flow there. */
  flow(adds = false): FlowEvent | null {
    const random = this.#random
    const flows = this.#sw.flows
    if (flows.length === 0) return null
    const { tableId, priority, match, cookie, saidIn } = random.pick(flows)
    const command = adds ? 'add' : random.pick(['add', 'add', 'modify', 'modify', 'modify_strict', 'modify_strict', 'delete', 'delete_strict', 'delete_strict'] as const)
    const flags = random.chance(0.2) ? { flags: 4 } : {}
    switch (command) {
      case 'add': {
        const flow = random.chance(0.5) ? this.#generator.flow(tableId, random.int(1, 65_535)) : this.#generator.flow(tableId, priority, match)
        // Priorities are unique in a table, but for what is replaced.
        const isFree = !flows.some((other) => other.tableId === tableId && other.priority === flow.priority && flowKeyOf(other) !== flowKeyOf(flow))
        // Counters begin anew where 1.0 puts a flow in the place of another.
        return isFree && flow.saidIn !== 1 ? { kind: 'flow', command, ...flow, ...flags } : null
      }
      case 'modify': {
        const wanted: Match = random.pick([match, match.filter(({ field }) => field === 'eth_type'), match.filter(({ field }) => field === 'in_port'), []])
        return { kind: 'flow', command, tableId, priority: 0, match: wanted, cookie: 0n, ...this.#generator.instructions(tableId, wanted), ...flags }
      }
      case 'modify_strict': return { kind: 'flow', command, tableId, priority, match, cookie: 0n, ...this.#generator.instructions(tableId, match), ...flags }
      case 'delete_strict': return { kind: 'flow', command, tableId, priority, match, cookie: 0n, instructions: NOTHING, ...saidIn === 6 ? { saidIn } : {} }
      case 'delete': {
        const more = random.pick([{ cookieMask: 0xffff_ffff_ffff_ffffn }, { outPort: random.pick(this.#sw.ports).portNo }, { outGroup: this.#sw.groups[0]?.groupId ?? Group.ANY }, { outPort: Port.CONTROLLER }])
        const everywhere = random.chance(0.2)
        return { kind: 'flow', command, tableId: everywhere ? 0xff : tableId, priority: 0, match: random.chance(0.5) ? match : [], cookie: 'cookieMask' in more ? cookie : 0n, ...more, instructions: NOTHING }
      }
    }
  }
}

const NOTHING: ModelFlow['instructions'] = { meter: null, apply: null, clear: false, write: null, writeMetadata: null, gotoTable: null, statTrigger: null }
