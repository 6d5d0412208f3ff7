/**
 * What the datapath needs of whatever carries out its flows and groups; implemented by ../compiler, faked in tests.
 *
 * Life cycle of a change:  plan() ── synchronous, no I/O: either a Refusal (nothing changed) or a Plan that has reserved
 * all it needs ── the agent commits the plan to the target ── committed(plan) or undo(plan).
 * Plans are committed in the order in which they were made, and several may be open. Any of them can be undone without a
 * trace in the others: a change for which that would not hold is refused until the plan that it is `behind` is answered.
 * Nothing here knows P4: the names in a Refusal's reasons are for people.
 */
import type { PortVlans } from '../base/port-vlans.js'
import type {
  ActionName, Bucket, ErrorName, GroupFeatures, GroupType, Instructions, Match, MeterBand, MeterFeatures, OxmName, TableFeatures,
} from '../openflow/model.js'

/** Unique for the life of the process, 1 … 2^32-1; carried in the target entry so that counters and events find their flow. */
export type FlowId = number

/** A flow as installed. OF 1.3.5 §5.2 */
export interface FlowRecord {
  readonly id: FlowId
  readonly tableId: number
  readonly priority: number
  readonly match: Match
  readonly instructions: Instructions
  readonly cookie: bigint
  /** Seconds, 0 = none; the target tells when it has passed without a hit. */
  readonly idleTimeout: number
  /** Kept with the entry, for an agent that starts anew. */
  readonly life?: FlowLife
}
/** OF 1.3.5 §5.4: wildcards everything and has the lowest priority. */
export const isTableMiss = ({ priority, match }: Pick<FlowRecord, 'priority' | 'match'>): boolean => priority === 0 && match.length === 0

/** Times are in milliseconds since 1970. */
export interface FlowLife {
  readonly flags: number
  readonly hardTimeout: number
  readonly importance: number
  readonly createdAt: number
  readonly modifiedAt: number
  /** Counted in targets before this one. */
  readonly packets: bigint
  readonly bytes: bigint
}
export interface GroupRecord {
  readonly groupId: number
  readonly groupType: GroupType
  readonly buckets: readonly Bucket[]
  /** As in FlowLife. */
  readonly createdAt?: number
}
/** A meter as it was asked for. OF 1.3.5 §5.7 */
export interface MeterRecord {
  readonly meterId: number
  /** Bits of MeterFlag. */
  readonly flags: number
  readonly bands: readonly MeterBand[]
  /** As in FlowLife. */
  readonly createdAt?: number
}
/** Port flags that forwarding must honour; `portNo` is the OpenFlow number. */
export interface PortRecord {
  readonly portNo: number
  /** Bits of PortConfig. */
  readonly config: number
  readonly linkUp: boolean
  /** For NORMAL; absent: all. */
  readonly vlans?: PortVlans
}

/** A host that NORMAL has learned; `vlan` 0 for none. */
export interface HostRecord {
  /** Unique among flows and hosts. */
  readonly id: FlowId
  readonly vlan: number
  readonly address: bigint
  readonly portNo: number
  /** Seconds. */
  readonly idleTimeout: number
}

/** As in OF 1.1 §A.3.3; 'continue' with the next table. */
export type MissChoice = 'controller' | 'continue' | 'drop'

export type Change =
  | { readonly op: 'add_flow'; readonly flow: FlowRecord }
  /** Same table, match and priority and same id; make-before-break, counters kept unless `resetCounters`. */
  | { readonly op: 'modify_flow'; readonly flow: FlowRecord; readonly previous: FlowRecord; readonly resetCounters: boolean; readonly wantCounters?: boolean }
  /** `wantCounters`, here and above: the commit's result must hold the final counters (for OFPT_FLOW_REMOVED). */
  | { readonly op: 'delete_flow'; readonly flow: FlowRecord; readonly wantCounters: boolean }
  | { readonly op: 'add_group'; readonly group: GroupRecord }
  | { readonly op: 'modify_group'; readonly group: GroupRecord; readonly previous: GroupRecord }
  | { readonly op: 'delete_group'; readonly group: GroupRecord }
  | { readonly op: 'add_meter'; readonly meter: MeterRecord }
  /** What has been counted of bands is forgotten, what has come to the meter is not. */
  | { readonly op: 'modify_meter'; readonly meter: MeterRecord; readonly previous: MeterRecord }
  /** No flow uses it any more. */
  | { readonly op: 'delete_meter'; readonly meter: MeterRecord }
  /** `previous`: the same host behind another port. */
  | { readonly op: 'set_host'; readonly host: HostRecord; readonly previous: HostRecord | null }
  | { readonly op: 'delete_host'; readonly host: HostRecord }
  /** The full list of ports, at start and whenever one changes. */
  /** First of changes that are one request: whoever comes to a target that holds a part of them is to know the whole. */
  | { readonly op: 'together' }
  | { readonly op: 'set_ports'; readonly ports: readonly PortRecord[] }
  /**
   * What happens to a packet that no flow matches: drop (1.3) or packet-in NO_MATCH (1.0, while a 1.0 controller is connected).
   * `tables`: where a table-mod of 1.1 or 1.2 has said something else.
   */
  | { readonly op: 'set_miss'; readonly toController: boolean; readonly tables: ReadonlyMap<number, MissChoice> }
  /** Nothing for the pipeline to do but to keep it for an agent that starts anew, where it has room for that. */
  | { readonly op: 'note_tables'; readonly note: TableNote }
  /** Where egress processing begins, OFPTFF_FIRST_EGRESS; null: packets leave without it. OF 1.5.1 §7.3.5.18 */
  | { readonly op: 'set_first_egress'; readonly table: number | null }

/** What controllers have asked of the tables: by table-mods, and for features that are less than the pipeline's. By table. */
export interface TableNote {
  readonly settings: ReadonlyMap<number, TableSetting>
  readonly misses: ReadonlyMap<number, MissChoice>
  readonly described: readonly TableFeatures[]
}
/** Of a table-mod since 1.4; `down` and `up` in percent. */
export interface TableSetting { readonly eviction: boolean; readonly events: boolean; readonly down: number; readonly up: number }

/**
 * Why a change cannot be carried out. `error` goes to the controller; all `reasons` go to the log and to `explain`.
 * `behind`: only for now; to be planned again once this open plan is answered.
 */
export interface Refusal { readonly refused: true; readonly error: ErrorName; readonly reasons: readonly string[]; readonly behind: Plan | null }
export const refusal = (error: ErrorName, ...reasons: string[]): Refusal => ({ refused: true, error, reasons, behind: null })

/** Opaque to the datapath. */
export interface Plan { readonly refused: false }

export interface PipelineFeatures {
  readonly nTables: number
  /** The others, which come last, are of egress processing. OF 1.5.1 §5.1 */
  readonly nIngressTables: number
  /** One per OpenFlow table, truthful: what plan() accepts. Misses are ordinary flows, so the *Miss lists equal the others. */
  readonly tables: readonly TableFeatures[]
  readonly groups: GroupFeatures
  /** All zeros where there are no meters. */
  readonly meters: MeterFeatures
  /** Packet-ins go through the meter OFPM_CONTROLLER. */
  readonly controllerMeter: boolean
  /** OFPP_NORMAL is there. */
  readonly normal: boolean
  /** Where NORMAL can leave VLANs out at a port. */
  readonly portVlans: boolean
  /** Actions that may appear in a packet-out. */
  readonly packetOutActions: readonly ActionName[]
  /** Fields that bits can be copied to; what they can be copied from is in the features of the tables, with these. */
  readonly copyTargets: readonly OxmName[]
}

/** What a target holds, as its southbound has read it; opaque to the datapath. */
export interface Held { readonly entries: number }
/** OpenFlow objects that a target holds. */
export interface Found {
  readonly flows: readonly FlowRecord[]
  readonly groups: readonly GroupRecord[]
  readonly meters: readonly MeterRecord[]
  /** PortConfig of ports whose flags are not all 0. */
  readonly ports: ReadonlyMap<number, number>
  /** Requests that change many objects and of which only a part may be there. */
  readonly halves: readonly Half[]
  /** null: nothing was asked of the tables. */
  readonly tables: TableNote | null
  /** As in set_first_egress. */
  readonly firstEgress: number | null
}
/** What such a request was to leave: these are gone, and these flows have these instructions. */
export interface Half {
  readonly flows: readonly FlowId[]
  readonly groups: readonly number[]
  readonly meters: readonly number[]
  readonly modified: { readonly flows: readonly FlowId[]; readonly instructions: Instructions; readonly modifiedAt: number; /** null: each keeps its own. */ readonly cookie: bigint | null } | null
}

export interface Pipeline {
  readonly features: PipelineFeatures
  /** All of `changes` or none. `after`: the plan it is to be merged behind. */
  plan(changes: readonly Change[], after?: Plan): Plan | Refusal
  /**
   * One plan of several that follow one another and none of which has been committed: all in the target, or none.
   * `atomic`: no packet may meet a part of it; only for a target that says it can.
   */
  merge(plans: readonly Plan[], atomic: boolean): Plan
  /** The target has all of it. */
  committed(plan: Plan): void
  /** Gives back what a plan reserved, once nothing of it is left in the target. */
  undo(plan: Plan): void
  /**
   * Forgets all flows, groups and ports, and every plan made before. The target is empty, or holds `held`: then the plans
   * made from now on write only what is different, until settled() is called.
   */
  reset(held?: Held): void
  /** The objects in what the target holds. */
  found(): Found
  /** Whether the target has an entry for this flow, with its counters. */
  holds(flow: FlowId): boolean
  /** A plan that removes what the target holds and nobody has asked for since reset(); null where there is nothing. */
  leftovers(): Plan | null
  /** The target holds what has been planned, and nothing else. */
  settled(): void
  /**
   * A plan of the pipeline's own, by which flows are found faster; null where there is nothing to do. The flows that it moves count
   * from zero: the commit's result holds what they had counted.
   */
  rearrange(): Plan | null
}

export interface Counters { readonly packets: bigint; readonly bytes: bigint }
