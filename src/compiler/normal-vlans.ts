/**
 * The VLANs of the ports, for NORMAL: which of them come in by a port and as what, and one multicast group for each set of ports to
 * which a VLAN is flooded. Both are told by prefixes of the VLAN, as few as possible: where all ports carry all VLANs, none of the
 * first and one group. Ports that a VLAN leaves untagged get copies without the tag.
 */
import { admit, carries, untags, VLANS, type PortVlans } from '../base/port-vlans.js'
import type { PortRecord } from '../datapath/pipeline.js'
import type { AdmissionTable, Contract, NormalTables, Parameter } from './contract.js'
import type { Emissions, Leaf } from './emission.js'
import { tableEntry } from './entries.js'
import { contentKey, release, type Handle } from './interned.js'
import type { NamedAction, NamedMatch, NamedTableEntry } from './ir.js'
import { CannotPlan, type Planning } from './planning.js'
import { coverByPrefixes, type Prefix } from './prefixes.js'
import type { SharedState } from './shared-state.js'

const VLAN_BITS = Math.log2(VLANS)
/** How a port takes a VLAN, where not as it comes. */
const AS_IT_COMES = 'admit'
const DENIED = 'deny'

interface Restricted { readonly portNo: number; readonly vlans: PortVlans }
interface Written { readonly table: string; readonly length: number; readonly entry: NamedTableEntry; readonly handle: Handle | null }

export class NormalVlans {
  readonly #tables: NormalTables
  readonly #state: SharedState
  readonly #emissions: Emissions
  /** By table and key. */
  readonly #written = new Map<string, Written>()
  #ports: readonly Restricted[] = []
  /** What is written is for these; null: nothing is. */
  #for: string | null = null
  readonly #covers = new Map<string, readonly Prefix<string>[]>()

  constructor(tables: NormalTables, state: SharedState, emissions: Emissions) {
    this.#tables = tables
    this.#state = state
    this.#emissions = emissions
  }

  reset(): void {
    this.#written.clear()
    this.#ports = []
    this.#for = null
  }

  /** undefined: all. */
  of(portNo: number): PortVlans | undefined { return this.#ports.find((port) => port.portNo === portNo)?.vlans }

  set(planning: Planning, ports: readonly PortRecord[], dying: Set<Handle>): void {
    const restricted = ports.flatMap(({ portNo, vlans }) => (vlans === undefined ? [] : [{ portNo, vlans }]))
    const content = contentKey(restricted.map((port) => [port, this.#emissions.targetPort(port.portNo)]))
    if (content === this.#for) return
    const { admission } = this.#tables
    if (restricted.length > 0 && admission === null) throw new CannotPlan('OFPPMFC_BAD_CONFIG', 'the pipeline cannot leave VLANs out at a port')
    const before = { ports: this.#ports, content: this.#for }
    this.#ports = restricted
    this.#for = content
    planning.changed(() => {
      this.#ports = before.ports
      this.#for = before.content
    })
    const wanted: Written[] = []
    if (admission !== null) for (const port of restricted) wanted.push(...this.#admissions(port, admission))
    wanted.push(...this.#floods(planning, restricted))
    this.#change(planning, new Map(wanted.map((one) => [`${one.table} ${contentKey(one.entry.match)}`, one])), dying)
  }

  #admissions({ portNo, vlans }: Restricted, { table, keys, admit: plain, admitAs, deny }: AdmissionTable): Written[] {
    const port = this.#emissions.targetPort(portNo)
    if (port === null) return []
    return this.#cover(contentKey(vlans), () => coverAdmission(vlans)).map((prefix) => {
      const { content } = prefix
      const action: NamedAction = content === AS_IT_COMES ? { name: plain, params: [] } : content === DENIED ? { name: deny, params: [] }
        : { name: admitAs.action, params: [{ name: admitAs.vlan, value: BigInt(content) }] }
      return { table, length: prefix.length, entry: tableEntry(table, [{ field: keys.port, kind: 'exact', value: BigInt(port) }, ...prefixMatch(keys.vlan, prefix)], action), handle: null }
    })
  }

  #floods(planning: Planning, restricted: readonly Restricted[]): Written[] {
    const { table, fixed, vlan: field, action, multicast } = this.#tables.flood
    const leaves = new Map<string, readonly Leaf[]>()
    const prefixes = this.#cover(`flood ${contentKey(restricted)}`, () => coverFloods(restricted))
    return prefixes.map((prefix) => {
      const known = leaves.get(prefix.content) ?? leavesOf(JSON.parse(prefix.content) as Members)
      leaves.set(prefix.content, known)
      const { id, handle } = this.#emissions.acquire(planning, known, { inPort: null })
      const entry = tableEntry(table, [...fixed, ...(field === null ? [] : prefixMatch(field, prefix))], { name: action, params: [{ name: multicast, value: BigInt(id) }] })
      return { table, length: prefix.length, entry, handle }
    })
  }

  /** Kept for the next time: ports come and go more often than their VLANs change. */
  #cover(key: string, make: () => readonly Prefix<string>[]): readonly Prefix<string>[] {
    const known = this.#covers.get(key) ?? make()
    if (this.#covers.size >= MAX_COVERS) this.#covers.clear()
    this.#covers.set(key, known)
    return known
  }

  /** What is longer comes first and what is shorter goes first, so that no packet meets less than what it had or has. */
  #change(planning: Planning, wanted: ReadonlyMap<string, Written>, dying: Set<Handle>): void {
    const { admission, flood } = this.#tables
    const sizes = new Map([[flood.table, flood.size], ...(admission === null ? [] : [[admission.table, admission.size] as const])])
    const gone = [...this.#written].filter(([key]) => !wanted.has(key)).sort(([, a], [, b]) => a.length - b.length)
    for (const [key, { table }] of gone) {
      planning.put(this.#written, key, undefined)
      this.#state.capacity.give(planning, table, 1)
    }
    for (const [key, next] of [...wanted].sort(([, a], [, b]) => b.length - a.length)) {
      const old = this.#written.get(key)
      planning.put(this.#written, key, next)
      const { table, entry: entity } = next
      if (old === undefined) {
        this.#state.capacity.take(planning, table, 1, sizes.get(table) ?? 0, 'OFPFMFC_TABLE_FULL')
        planning.main({ op: 'insert', entity }, { op: 'delete', entity }, 'other')
      } else if (contentKey(old.entry.action) !== contentKey(entity.action)) planning.main({ op: 'modify', entity }, { op: 'modify', entity: old.entry }, 'other')
      if (old !== undefined && old.handle !== null) release(planning, old.handle, dying)
    }
    for (const [, { entry: entity, handle }] of gone) {
      planning.main({ op: 'delete', entity }, { op: 'insert', entity }, 'other')
      if (handle !== null) release(planning, handle, dying)
    }
  }
}

const MAX_COVERS = 1024

/** Why a pipeline cannot do this, for people; null: it can. */
export function whyNotVlans({ normal, numbers }: Contract, vlans: ReadonlyMap<number, PortVlans>): string | null {
  if (vlans.size === 0) return null
  if (normal === null || normal.admission === null) return 'the pipeline cannot leave VLANs out at a port'
  const restricted = [...vlans].map(([portNo, one]) => ({ portNo, vlans: one }))
  const admissions = restricted.reduce((sum, port) => sum + coverAdmission(port.vlans).length, 0)
  const floods = coverFloods(restricted)
  const groups = new Set(floods.map(({ content }) => content)).size
  const room = numbers.multicasts.last - numbers.multicasts.first + 1
  if (admissions > normal.admission.size) return `they need ${admissions} entries of ${normal.admission.table}, which has room for ${normal.admission.size}`
  if (floods.length > normal.flood.size) return `they need ${floods.length} entries of ${normal.flood.table}, which has room for ${normal.flood.size}`
  return groups > room ? `they need ${groups} multicast groups, and there are ${room}` : null
}

const coverAdmission = (vlans: PortVlans): readonly Prefix<string>[] => coverByPrefixes(VLAN_BITS, (vid) => {
  const vlan = admit(vlans, vid)
  return vlan === null ? DENIED : vlan === vid ? AS_IT_COMES : String(vlan)
}, AS_IT_COMES)
const coverFloods = (restricted: readonly Restricted[]): readonly Prefix<string>[] => coverByPrefixes(VLAN_BITS, (vlan) => contentKey(membersOf(restricted, vlan)), undefined)

/** Of the ports that do not carry everything as it is: those that a VLAN does not come to, and those that it leaves untagged. */
interface Members { readonly without: readonly number[]; readonly untagged: readonly number[] }
function membersOf(restricted: readonly Restricted[], vlan: number): Members {
  const isUntagged = ({ vlans }: Restricted): boolean => carries(vlans, vlan) && untags(vlans, vlan)
  return {
    without: restricted.filter((port) => !carries(port.vlans, vlan) || isUntagged(port)).map(({ portNo }) => portNo),
    untagged: restricted.filter(isUntagged).map(({ portNo }) => portNo),
  }
}
function leavesOf({ without, untagged }: Members): readonly Leaf[] {
  const plain: Leaf = { prefix: [], target: without.length === 0 ? { kind: 'flood' } : { kind: 'flood', except: without }, counters: [] }
  if (untagged.length === 0) return [plain]
  return [plain, { prefix: [{ kind: 'op', op: 'pop_vlan', value: 0n }], target: { kind: 'flood', only: untagged }, counters: [] }]
}

/** The VLAN stands at the end of a key field that may be wider. */
const prefixMatch = ({ name, bitwidth }: Parameter, { value, length }: Prefix<unknown>): readonly NamedMatch[] =>
  (length === 0 ? [] : [{ field: name, kind: 'lpm', value: BigInt(value), prefixLength: bitwidth - VLAN_BITS + length }])
