/**
 * A traced packet told as OpenFlow: which flow, which actions, what they do to it. Which flows and buckets were taken is what the
 * pipeline has done; the actions' effects are followed here so that the trace can say them.
 */
import { formatAction, formatActions, formatFieldValue, formatMatch, formatPart } from '../openflow/text.js'
import { type Action, Port, PortConfig, type PortDesc } from '../openflow/model.js'
import type { PortVlans } from '../base/port-vlans.js'
import type { HostView } from '../datapath/hosts.js'
import type { GroupRecord } from '../datapath/pipeline.js'
import { executeActions, parseFrame, readFieldOf } from '../packet/index.js'
import { type Lesson, normalSteps } from './trace-normal.js'
import { add, type TraceNode } from './trace-tree.js'
import type { BucketChoice, TableVisit, TracedPacket } from './traced-packet.js'

/** Groups within groups, at most; what the switch accepts is less. */
const MAX_DEPTH = 16

export interface WalkSwitch {
  ports(): readonly PortDesc[]
  groups(): readonly GroupRecord[]
  hosts(): readonly HostView[] | null
  vlansOf(portNo: number): PortVlans | null
}
interface State { frame: Uint8Array; metadata: bigint; tunnelId: bigint }

export class TraceWalk {
  readonly #switch: WalkSwitch
  readonly #inPort: number
  readonly #visits: TableVisit[]
  readonly #choices: BucketChoice[]
  readonly #state: State
  #actionSet: readonly Action[] = []
  /** A TTL ran out: the packet is with the controller and goes no further. */
  #ended = false
  #ttl: number | null = null
  #normal = false
  readonly #learns: boolean
  readonly #lessons: Lesson[] = []

  /** `learns`: the packet is also sent, and NORMAL will learn from it. */
  constructor(sw: WalkSwitch, inPort: number, frame: Uint8Array, metadata: bigint, traced: TracedPacket, learns = false) {
    this.#switch = sw
    this.#inPort = inPort
    this.#learns = learns
    this.#visits = [...traced.visits]
    this.#choices = [...traced.choices]
    this.#state = { frame, metadata, tunnelId: 0n }
  }

  /** The packet as the last action has left it. */
  get final(): Readonly<State> { return this.#state }

  /** The IP TTL of the packet when it was first decremented; null when it was not. */
  get ttl(): number | null { return this.#ttl }

  /** Whether NORMAL was among the actions. */
  get normal(): boolean { return this.#normal }

  /** A packet-out's list, which may hand the packet to the tables. */
  packetOut(list: TraceNode[], actions: readonly Action[]): void {
    for (const [at, action] of actions.entries()) {
      this.#list(list, [action], this.#state, 0)
      if (this.#ended) return
      if (action.type !== 'output' || action.port !== Port.TABLE) continue
      // What the tables do to it is done to a copy, which nothing shows but the end of the list.
      const before = { ...this.#state }
      this.run(list, list)
      if (at < actions.length - 1) Object.assign(this.#state, before)
      this.#ended = false
      this.#actionSet = []
    }
  }

  /** From table 0 on; the action set is told where the first table's actions are, or in a list of its own. */
  run(list: TraceNode[], sets: TraceNode[] | null = null): void {
    const first = this.#visits.shift()
    if (first === undefined) {
      add(list, 'warn', 'the port is not one of the switch, or takes no packets')
      return
    }
    const below = this.#table(list, first)
    if (this.#ended || this.#actionSet.length === 0) return
    const actions = add(sets ?? below, 'table', '--. Executing action set:')
    this.#list(actions, this.#actionSet, this.#state, 0)
  }

  #table(list: TraceNode[], { tableId, flow, miss }: TableVisit): TraceNode[] {
    const number = String(tableId).padStart(2)
    if (flow === null) {
      const below = add(list, 'table', `${number}. No match.`)
      // Open vSwitch has no line for a table that lets it go on.
      if (miss === 'continue') return below
      add(below, 'action', miss === 'controller' ? 'CONTROLLER:65535' : 'drop')
      // OF 1.3.5 §5.4: a miss without a table-miss flow drops the packet, action set and all.
      this.#ended = true
      return below
    }
    const match = formatMatch(flow.match)
    const rule = [...(match === '' ? [] : [match]), `priority ${flow.priority}`, ...(flow.cookie === 0n ? [] : [`cookie 0x${flow.cookie.toString(16)}`])].join(', ')
    const below = add(list, 'table', `${number}. ${rule}`)
    this.#instructions(below, flow.instructions)
    return below
  }

  #instructions(below: TraceNode[], { meter, apply, clear, write, writeMetadata, gotoTable }: NonNullable<TableVisit['flow']>['instructions']): void {
    const isEmpty = meter === null && (apply?.length ?? 0) === 0 && !clear && (write?.length ?? 0) === 0 && writeMetadata === null && gotoTable === null
    if (isEmpty) add(below, 'action', 'drop')
    if (meter !== null) add(below, 'action', `meter:${meter}`)
    this.#list(below, apply ?? [], this.#state, 0)
    if (this.#ended) return
    if (clear) {
      add(below, 'action', 'clear_actions')
      add(below, 'detail', `action set was${this.#actionSet.length === 0 ? ' empty' : `: ${formatActions(this.#actionSet)}`}`)
      this.#actionSet = []
    }
    if (write !== null && write.length > 0) {
      add(below, 'action', `write_actions(${formatActions(write)})`)
      this.#actionSet = mergeActionSet(this.#actionSet, write)
      add(below, 'detail', `action set is: ${formatActions(this.#actionSet)}`)
    }
    if (writeMetadata !== null) {
      const { value, mask } = writeMetadata
      add(below, 'action', `write_metadata:0x${value.toString(16)}${mask === 0xffffffffffffffffn ? '' : `/0x${mask.toString(16)}`}`)
      this.#state.metadata = (this.#state.metadata & ~mask) | (value & mask)
    }
    if (gotoTable === null) return
    add(below, 'action', `goto_table:${gotoTable}`)
    const next = this.#visits.shift()
    // Nothing behind a goto was visited: a meter dropped the packet, or it ran out of passes.
    if (next === undefined) {
      this.#ended = true
      add(below, 'warn', 'the packet went no further')
    } else this.#table(below, next)
  }

  #list(below: TraceNode[], actions: readonly Action[], state: State, depth: number): void {
    for (const action of actions) {
      if (this.#ended) return
      add(below, 'action', formatAction(action))
      if (action.type === 'group') this.#group(below, action.groupId, state, depth)
      else if (action.type === 'output') this.#output(below, action.port, state)
      else this.#edit(below, action, state)
    }
  }

  #edit(below: TraceNode[], action: Action, state: State): void {
    const before = parseFrame(state.frame)
    if (action.type === 'dec_nw_ttl' && before.l3At >= 0) this.#ttl ??= state.frame[before.l3At + (before.l3 === 'ipv6' ? 7 : 8)] ?? null
    const { frame, ended, metadata, tunnelId } = executeActions(state.frame, [action], { inPort: this.#inPort, metadata: state.metadata, tunnelId: state.tunnelId })
    Object.assign(state, { frame, metadata, tunnelId } satisfies State)
    if (action.type === 'copy_field') add(below, 'detail', `-> ${copied(action, state)}`)
    if (ended === null) return
    const what = action.type === 'dec_mpls_ttl' ? 'MPLS' : before.l3 === 'ipv6' ? 'IPv6' : 'IPv4'
    add(below, 'warn', `${what} decrement TTL exception`)
    this.#ended = true
  }

  #output(below: TraceNode[], port: number, state: State): void {
    if (port === Port.NORMAL) {
      this.#normal = true
      const { lesson, error, warning, lines } = normalSteps(this.#switch, this.#inPort, state.frame, this.#lessons)
      if (this.#learns && lesson !== null) {
        this.#lessons.push(lesson)
        add(below, 'detail', lesson.text)
      }
      if (error !== null) add(below, 'error', error)
      if (warning !== null) add(below, 'warn', warning)
      for (const line of lines) add(below, 'detail', line)
      return
    }
    if (port > Port.MAX && port !== Port.LOCAL) return
    const desc = this.#switch.ports().find(({ portNo }) => portNo === port)
    if (port === this.#inPort) add(below, 'warn', 'skipping output to input port')
    else if (desc === undefined) add(below, 'warn', 'Nonexistent output port')
    else if ((desc.config & PortConfig.NO_FWD) !== 0) add(below, 'warn', 'OFPPC_NO_FWD set, skipping output')
  }

  #group(below: TraceNode[], groupId: number, state: State, depth: number): void {
    const group = this.#switch.groups().find((candidate) => candidate.groupId === groupId)
    if (group === undefined || depth > MAX_DEPTH) return
    const { groupType, buckets } = group
    let taken = buckets.map((bucket, index) => ({ bucket, index }))
    if (groupType === 'select' || groupType === 'ff') {
      const at = this.#choices.findIndex((choice) => choice.groupId === groupId)
      const [choice] = at < 0 ? [] : this.#choices.splice(at, 1)
      taken = taken.filter(({ index }) => index === choice?.bucket)
      add(below, 'detail', taken.length === 0 ? 'no live bucket' : `using bucket ${choice?.bucket ?? 0}`)
    }
    for (const { bucket, index } of taken) {
      // Each bucket has a copy of its own; what it does to it does not come back. OF 1.3.5 §5.6.1
      this.#list(add(below, 'bucket', `bucket ${index}`), bucket.actions, { ...state }, depth + 1)
      // A TTL that runs out ends the copy, not the packet.
      this.#ended = false
    }
  }
}

/** What the destination reads as afterwards. */
function copied({ dst, dstOffset, bits }: Extract<Action, { type: 'copy_field' }>, { frame, metadata, tunnelId }: State): string {
  const all = dst === 'metadata' ? metadata : dst === 'tunnel_id' ? tunnelId : readFieldOf(frame, dst) ?? 0n
  const part = formatPart(dst, dstOffset, bits)
  const value = all >> BigInt(dstOffset) & (1n << BigInt(bits)) - 1n
  return `${part} is now ${part.endsWith('[]') ? formatFieldValue(dst, value) : `0x${value.toString(16)}`}`
}

/** One action of each kind, set-field by field; a group comes before an output, in the order of execution. OF 1.3.5 §5.10 */
function mergeActionSet(old: readonly Action[], added: readonly Action[]): readonly Action[] {
  const set = new Map<string, Action>()
  for (const action of [...old, ...added]) {
    const key = action.type === 'set_field' ? `set_field ${action.field}` : action.type
    set.delete(key)
    set.set(key, action)
  }
  if (set.has('group')) set.delete('output')
  const rank = ({ type }: Action): number => ORDER.findIndex((types) => types.includes(type))
  return [...set.values()].sort((a, b) => rank(a) - rank(b))
}

const ORDER: readonly (readonly Action['type'][])[] = [
  ['copy_ttl_in'], ['pop_vlan', 'pop_mpls', 'pop_pbb'], ['push_mpls'], ['push_pbb'], ['push_vlan'], ['copy_ttl_out'], ['dec_nw_ttl', 'dec_mpls_ttl'],
  ['set_field', 'set_nw_ttl', 'set_mpls_ttl', 'set_vlan_vid', 'set_vlan_pcp'], ['set_queue'], ['group'], ['output', 'enqueue'], ['experimenter'],
]
