/**
 * Emissions: the copies of a packet as one multicast group. A copy (leaf) has the operations that are still to be done to
 * it, a target, and the bucket counters that it counts for. Groups and port sets are resolved here, so when a group or a
 * port changes only the multicast groups that contain it are written again, never a flow.
 */
import { Port, PortConfig, type Bucket } from '../openflow/model.js'
import type { Contract, ContinuationTable, ReplicaAction, ReplicaTable } from './contract.js'
import { actionCall, chooseAction, exactly, tableEntry, type Defaults } from './entries.js'
import type { Executions, LeafTarget, ListContext } from './execution.js'
import { requireNormal, rewrites } from './execution.js'
import { contentKey, release, type Handle } from './interned.js'
import type { NamedMulticastGroup, NamedUpdate } from './ir.js'
import { actionSetAsList, stepsOf, type Step, type Target } from './operations.js'
import { Behind, CannotPlan, type Planning } from './planning.js'
import { acquireProgram } from './programs.js'
import { fitRound, isDecrement, supports, type RewriteOp, type StageEntry } from './rounds.js'
import type { SharedState } from './shared-state.js'

export interface Leaf {
  readonly prefix: readonly RewriteOp[]
  readonly target: LeafTarget
  /** Cells of the bucket counter. */
  readonly counters: readonly number[]
}
interface Replica { readonly port: number; readonly instance: number }
interface Emission {
  readonly leaves: readonly Leaf[]
  readonly context: ListContext
  readonly groups: ReadonlySet<number>
  readonly dependsOnPorts: boolean
  readonly replicas: readonly Replica[]
}
interface Resolved { readonly replicas: readonly Replica[]; readonly uses: readonly Handle[]; readonly groups: ReadonlySet<number>; readonly dependsOnPorts: boolean }

const NODES = 'replication nodes'
const MAX_COUNTERS = 4

export class Emissions {
  readonly #contract: Contract
  readonly #state: SharedState
  readonly #executions: Executions
  /** OpenFlow port number → port of the program. */
  readonly #targetPorts: ReadonlyMap<number, number>
  readonly #emissions = new Map<Handle, Emission>()
  /** Those that open plans remove: they come back as they were where the target refuses that. */
  readonly #leaving = new Map<Handle, { readonly emission: Emission; readonly planning: Planning }>()

  constructor(contract: Contract, state: SharedState, executions: Executions, targetPorts: ReadonlyMap<number, number>) {
    this.#contract = contract
    this.#state = state
    this.#executions = executions
    this.#targetPorts = targetPorts
  }

  targetPort(portNo: number): number | null { return this.#targetPorts.get(portNo) ?? null }
  reset(): void {
    this.#emissions.clear()
    this.#leaving.clear()
  }

  acquire(planning: Planning, leaves: readonly Leaf[], context: ListContext): { id: number; handle: Handle } {
    if (this.#contract.multicastGroups === 0) throw new CannotPlan('OFPBAC_UNSUPPORTED_ORDER', 'the pipeline cannot send more than one copy of a packet')
    let made: Emission | null = null
    const handle: Handle = this.#state.multicasts.acquire(planning, keyOf(leaves, context), (id) => {
      const { replicas, uses, groups, dependsOnPorts } = this.#resolve(planning, leaves, context)
      this.#state.capacity.take(planning, NODES, nodes(replicas), this.#contract.multicastNodes, 'OFPFMFC_TABLE_FULL')
      made = { leaves, context, groups, dependsOnPorts, replicas }
      return { updates: [{ op: 'insert', entity: multicast(id, replicas) }], uses, destroyed: (later) => this.#forget(later, handle) }
    })
    if (made !== null) this.#emissions.set(handle, made)
    return { id: handle.id, handle }
  }

  #forget(planning: Planning, handle: Handle): void {
    const emission = this.#emissions.get(handle)
    if (emission === undefined) return
    planning.put(this.#emissions, handle, undefined)
    this.#leaving.set(handle, { emission, planning })
    planning.atEnd(() => this.#leaving.delete(handle))
    this.#state.capacity.give(planning, NODES, nodes(emission.replicas))
  }

  /** Writes the emissions again that depend on a group, or (null) on the set of ports. */
  refresh(planning: Planning, group: number | null, dying: Set<Handle>): void {
    const concerned = ({ dependsOnPorts, groups }: Emission): boolean => (group === null ? dependsOnPorts : groups.has(group))
    for (const { emission, planning: other } of this.#leaving.values()) if (other.owner !== planning.owner && concerned(emission)) throw new Behind(other)
    for (const [handle, emission] of [...this.#emissions]) {
      // Its plan was taken back, and nobody else used it.
      if (!handle.alive) this.#emissions.delete(handle)
      if (!handle.alive || !concerned(emission)) continue
      this.#state.holds.take(planning, handle)
      const before = emission.replicas
      const usedBefore = handle.uses
      const updatesBefore = handle.updates
      const resolved = this.#resolve(planning, emission.leaves, emission.context)
      const grown = nodes(resolved.replicas) - nodes(before)
      if (grown > 0) this.#state.capacity.take(planning, NODES, grown, this.#contract.multicastNodes, 'OFPGMFC_OUT_OF_BUCKETS')
      else this.#state.capacity.give(planning, NODES, -grown)
      planning.put(this.#emissions, handle, { ...emission, ...resolved })
      handle.uses = resolved.uses
      handle.updates = [{ op: 'insert', entity: multicast(handle.id, resolved.replicas) }]
      planning.changed(() => {
        handle.uses = usedBefore
        handle.updates = updatesBefore
      })
      if (!same(before, resolved.replicas)) {
        const update = (replicas: readonly Replica[]): NamedUpdate => ({ op: 'modify', entity: multicast(handle.id, replicas) })
        planning.main(update(resolved.replicas), update(before), 'other')
      }
      for (const used of usedBefore) release(planning, used, dying)
    }
  }

  #resolve(planning: Planning, leaves: readonly Leaf[], context: ListContext): Resolved {
    const replicas = new Replicas()
    const groups = new Set<number>()
    let dependsOnPorts = false
    for (const leaf of leaves.flatMap((one) => this.#flatten(planning, one, groups, []))) {
      if (leaf.target.kind === 'all' || leaf.target.kind === 'flood') dependsOnPorts = true
      this.#replicate(planning, leaf, context, replicas)
    }
    if (replicas.list.length === 0 && this.#contract.nullPort !== null) replicas.add(this.#contract.nullPort, 0)
    return { replicas: replicas.list, uses: replicas.uses, groups, dependsOnPorts }
  }

  /** Replaces a group by its buckets. A copy counts for its bucket and, the first of a group, for the bucket that chains to it. */
  #flatten(planning: Planning, leaf: Leaf, groups: Set<number>, path: readonly number[]): readonly Leaf[] {
    if (leaf.target.kind !== 'group') return [leaf]
    const groupId = leaf.target.groupId
    groups.add(groupId)
    const group = this.#state.groupFor(planning, groupId)
    if (group === undefined || path.includes(groupId)) return [{ ...leaf, target: { kind: 'nowhere' } }]
    // Which bucket it is to be is known only to the packet: the copy gets a pass of its own.
    if (group.record.groupType === 'select' || group.record.groupType === 'ff') return [leaf]
    // Where the TTL runs out the packet does not come to the group, so it must not count there yet.
    if (leaf.prefix.some(isDecrement)) return [leaf]
    const { buckets } = group.record
    if (buckets.length === 0) return [{ ...leaf, target: { kind: 'nowhere' } }]
    return buckets.flatMap((bucket, index) => {
      const cell = group.cells[index]
      const counters = [...(index === 0 ? leaf.counters : []), ...(cell === undefined ? [] : [cell])]
      if (counters.length > MAX_COUNTERS) throw new CannotPlan('OFPGMFC_CHAINING_UNSUPPORTED', `groups can be chained ${MAX_COUNTERS} deep`)
      return bucketLeaves(bucket, leaf.prefix, counters).flatMap((one) => this.#flatten(planning, one, groups, [...path, groupId]))
    })
  }

  #replicate(planning: Planning, leaf: Leaf, context: ListContext, replicas: Replicas): void {
    const { target } = leaf
    if (target.kind === 'continue') return this.#continueOn(planning, leaf, target, context, replicas)
    const wanted = new Map<string, bigint>()
    if (target.kind === 'in_port') {
      const known = context.inPort === null ? null : this.targetPort(context.inPort)
      if (known === null || !this.#fits(leaf)) return this.#goOnAlone(planning, leaf, context, replicas)
      wanted.set('in_port_allowed', 1n)
      return this.#send(planning, leaf, [known], wanted, replicas)
    }
    if (target.kind === 'normal') requireNormal(this.#contract)
    if (target.kind === 'group' || target.kind === 'normal' || !this.#fits(leaf)) return this.#goOnAlone(planning, leaf, context, replicas)
    if (target.kind === 'controller') {
      wanted.set('max_len', BigInt(target.maxLen))
      wanted.set('reason', target.reason)
      return this.#send(planning, leaf, [this.#contract.cpuPort], wanted, replicas)
    }
    const ports = this.#portsOf(planning, target)
    // One packet of a bucket, however many ports it leaves through: only the first copy counts.
    const [first, ...others] = leaf.counters.length > 0 ? ports : []
    if (first !== undefined) {
      this.#send(planning, leaf, [first], wanted, replicas)
      if (others.length > 0) this.#send(planning, { ...leaf, counters: [] }, others, wanted, replicas)
    } else if (ports.length > 0) this.#send(planning, leaf, ports, wanted, replicas)
    else if (leaf.counters.length > 0) this.#send(planning, leaf, [this.#nullPort()], wanted, replicas)
  }

  #send(planning: Planning, leaf: Leaf, ports: readonly number[], wanted: Map<string, bigint>, replicas: Replicas): void {
    const entries = this.#entriesOf(leaf)
    const plain = entries.length === 0 && wanted.size === 0 && leaf.counters.length === 0
    for (let copy = 0; ; copy += 1) {
      // The same port twice with the same program needs two instances: a replica is a (port, instance) pair.
      const instance = plain && copy === 0 ? 0 : replicas.hold(this.#replica(planning, 'send', entries, wanted, leaf.counters, copy))
      if (ports.every((port) => !replicas.has(port, instance))) {
        for (const port of ports) replicas.add(port, instance)
        return
      }
    }
  }

  /** The copy that goes on with the rest of the list, with the flow's next table, or with its action set. */
  #continueOn(planning: Planning, leaf: Leaf, target: Extract<LeafTarget, { kind: 'continue' }>, context: ListContext, replicas: Replicas): void {
    const fits = this.#fits(leaf)
    const steps: readonly Step[] = fits ? target.steps : [...leaf.prefix.map((op): Step => ({ kind: 'rewrite', op })), ...target.steps]
    const needsEntry = steps.length > 0 || target.tail.kind !== 'goto'
    const round = fits ? this.#entriesOf(leaf) : []
    const next = needsEntry ? () => this.#continuation(planning, steps, target.tail, context) : null
    this.#toContinuationPort(planning, 'continue', leaf, round, next, replicas)
  }

  /** A copy whose target needs a pass of its own, after which nothing follows. */
  #goOnAlone(planning: Planning, leaf: Leaf, context: ListContext, replicas: Replicas): void {
    const { target } = leaf
    if (target.kind === 'continue') return
    const emit: readonly Step[] = target.kind === 'nowhere' ? [] : [{ kind: 'emit', target }]
    const steps: readonly Step[] = [...leaf.prefix.map((op): Step => ({ kind: 'rewrite', op })), ...emit]
    this.#toContinuationPort(planning, 'continue_alone', leaf, [], () => this.#continuation(planning, steps, { kind: 'alone' }, context), replicas)
  }
  #toContinuationPort(planning: Planning, kind: string, leaf: Leaf, entries: readonly StageEntry[], next: (() => Handle) | null, replicas: Replicas): void {
    const { firstPort, lastPort } = this.#continuationTable()
    for (let copy = 0; ; copy += 1) {
      const continuation = next === null ? null : next()
      const wanted = new Map(continuation === null ? [] : [['continuation', BigInt(continuation.id)]])
      const instance = replicas.hold(this.#replica(planning, kind, entries, wanted, leaf.counters, copy, continuation))
      const port = firstPort + (instance % (lastPort - firstPort + 1))
      if (replicas.has(port, instance)) continue
      return replicas.add(port, instance)
    }
  }

  #continuation(planning: Planning, steps: readonly Step[], tail: Extract<LeafTarget, { kind: 'continue' }>['tail'], context: ListContext): Handle {
    const table = this.#continuationTable()
    const key = contentKey([steps, tail, usesInPort(steps) ? context.inPort : null])
    return this.#state.continuations.acquire(planning, key, (id) => {
      const { roles, uses } = this.#executions.compile(planning, steps, table.scope, tail, context)
      const defaults: Defaults = { next_table: BigInt(this.#contract.tableNone) }
      const action = chooseAction(table.actions, roles, defaults)
      if (action === null) throw new CannotPlan('OFPBAC_UNSUPPORTED_ORDER', `no continuation action has ${[...roles.keys()].join(', ')}`)
      const entity = tableEntry(table.table, exactly(table.key, id), actionCall(action, roles, defaults))
      return { updates: [{ op: 'insert', entity }], uses }
    })
  }

  #replica(planning: Planning, kind: string, entries: readonly StageEntry[], wanted: ReadonlyMap<string, bigint>,
    counters: readonly number[], copy: number, uses: Handle | null = null): Handle {
    const table = this.#replicaTable()
    const program = acquireProgram(this.#state, planning, table.scope, entries)
    const roles = new Map(wanted)
    if (program.id !== 0) roles.set('program', BigInt(program.id)).set('stages', BigInt(program.stages))
    const candidates = table.actions.filter((action) => action.kind === kind && action.counters.length >= counters.length)
    const action = chooseAction(candidates, roles, {})
    if (action === null) throw new CannotPlan('OFPBAC_UNSUPPORTED_ORDER', `no replica action of kind ${kind} has ${[...roles.keys()].join(', ')}`)
    const key = contentKey([kind, [...roles], counters, copy])
    let fresh = false
    const handle = this.#state.replicas.acquire(planning, key, (id) => {
      fresh = true
      const held = [program.handle, uses].filter((one) => one !== null)
      return { updates: [{ op: 'insert', entity: tableEntry(table.table, exactly(table.key, id), replicaCall(action, roles, counters)) }], uses: held }
    })
    // The replica holds its program and continuation; one that was there already holds them already.
    if (!fresh) for (const held of [program.handle, uses]) if (held !== null) release(planning, held, new Set())
    return handle
  }

  #entriesOf(leaf: Leaf): readonly StageEntry[] {
    return leaf.prefix.length === 0 ? [] : fitRound(leaf.prefix, this.#replicaTable().scope, true).entries
  }
  /** Whether one program in egress does all that is to be done to the copy. */
  #fits(leaf: Leaf): boolean {
    if (leaf.prefix.length === 0) return true
    const replica = this.#replicaTable()
    const { continuation } = this.#contract
    const unsupported = leaf.prefix.find((op) => !isDecrement(op) && !supports(replica.scope, op) && !(continuation !== null && supports(continuation.scope, op)))
    if (unsupported !== undefined) {
      const what = unsupported.kind === 'op' ? unsupported.op : unsupported.kind === 'set' ? `set ${unsupported.field}` : `copy to ${unsupported.dst}`
      throw new CannotPlan(unsupported.kind !== 'op' ? 'OFPBAC_BAD_SET_TYPE' : 'OFPBAC_BAD_TYPE', `the pipeline cannot ${what} on a copy`)
    }
    return fitRound(leaf.prefix, replica.scope, true).used === leaf.prefix.length
  }

  #portsOf(planning: Planning, target: Target | { kind: 'nowhere' }): readonly number[] {
    if (target.kind === 'port') return present(this.targetPort(target.port))
    if (target.kind !== 'all' && target.kind !== 'flood') return []
    const excluded = PortConfig.NO_FWD | PortConfig.DOWN | (target.kind === 'flood' ? PortConfig.NO_FLOOD : 0)
    const { except, only } = target.kind === 'flood' ? target : {}
    const isMeant = (portNo: number): boolean => except?.includes(portNo) !== true && only?.includes(portNo) !== false
    return this.#state.portsFor(planning).filter(({ portNo, config }) => (config & excluded) === 0 && isMeant(portNo)).flatMap(({ portNo }) => present(this.targetPort(portNo)))
  }
  #nullPort(): number {
    const port = this.#contract.nullPort
    if (port === null) throw new CannotPlan('OFPGMFC_BAD_BUCKET', 'the pipeline has no port to drop a copy on')
    return port
  }
  #replicaTable(): ReplicaTable {
    const { replica } = this.#contract
    if (replica === null) throw new CannotPlan('OFPBAC_UNSUPPORTED_ORDER', 'the pipeline cannot treat copies differently')
    return replica
  }
  #continuationTable(): ContinuationTable {
    const { continuation } = this.#contract
    if (continuation === null) throw new CannotPlan('OFPBAC_UNSUPPORTED_ORDER', 'the pipeline has no continuation')
    return continuation
  }
}

class Replicas {
  readonly list: Replica[] = []
  readonly uses: Handle[] = []
  readonly #seen = new Set<string>()
  has(port: number, instance: number): boolean { return this.#seen.has(`${port}/${instance}`) }
  add(port: number, instance: number): void {
    this.#seen.add(`${port}/${instance}`)
    this.list.push({ port, instance })
  }
  /** Keeps a reference that was acquired for this emission, also when another instance is then used for the port. */
  hold(replica: Handle): number {
    this.uses.push(replica)
    return replica.id
  }
}

const present = (port: number | null): readonly number[] => (port === null || port === Port.ANY ? [] : [port])
const nodes = (replicas: readonly Replica[]): number => new Set(replicas.map(({ instance }) => instance)).size
const multicast = (groupId: number, replicas: readonly Replica[]): NamedMulticastGroup => ({ kind: 'multicast', groupId, replicas })
const same = (a: readonly Replica[], b: readonly Replica[]): boolean =>
  a.length === b.length && a.every(({ port, instance }, index) => port === b[index]?.port && instance === b[index]?.instance)
const usesInPort = (steps: readonly Step[]): boolean => steps.some((step) => step.kind === 'emit' && step.target.kind === 'in_port')
const keyOf = (leaves: readonly Leaf[], context: ListContext): string => {
  const inPort = leaves.some(({ target }) => target.kind === 'in_port' || target.kind === 'group' || (target.kind === 'continue' && target.steps.length > 0))
  return contentKey([leaves, inPort ? context.inPort : null])
}

/** A bucket's actions are executed as an action set; a bucket without output drops. OF 1.3.5 §5.6.1, §5.10 */
export function bucketLeaves(bucket: Bucket, prefix: readonly RewriteOp[], counters: readonly number[]): readonly Leaf[] {
  const list = stepsOf(actionSetAsList(bucket.actions))
  if (!list.ok) throw new CannotPlan(list.error, list.reason)
  const emit = list.steps.find((step) => step.kind === 'emit')
  const ops = [...prefix, ...rewrites(list.steps)]
  if (emit?.kind === 'emit') return [{ prefix: ops, target: emit.target, counters }]
  // A packet that is dropped at the end still goes to the controller where its TTL runs out.
  return [{ prefix: ops.slice(0, ops.findLastIndex(isDecrement) + 1), target: { kind: 'nowhere' }, counters }]
}

function replicaCall(action: ReplicaAction, roles: ReadonlyMap<string, bigint>, counters: readonly number[]) {
  const call = actionCall(action, roles, {})
  const cells = action.counters.map((name, index) => ({ name, value: BigInt(counters[index] ?? 0) }))
  return { name: call.name, params: [...call.params, ...cells] }
}
