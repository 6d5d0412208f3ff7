/**
 * What a pipeline offers to OpenFlow, read from the annotations of its P4Info (p4/README.md is the contract in words). This is
 * all that the compiler knows of a P4 program: no table, field or action is known by its name.
 *
 * A *scope* is a set of rewrite stages that belong together: the stage tables beneath the control of a flow table, beneath
 * that of the continuation table, or in egress beneath that of the replica table. A rewrite program belongs to a scope.
 */
import type { OxmName } from '../openflow/model.js'
import type { MatchKind } from '../p4info/model.js'
import type { NamedMatch } from './ir.js'

export interface Parameter { readonly name: string; readonly bitwidth: number }
export interface SetParameter { readonly value: Parameter; readonly mask: Parameter | null }

/** One action of a stage: the structural operations that it carries out, in order, and the fields that it can set. */
export interface StageAction {
  readonly name: string
  readonly ops: readonly string[]
  readonly sets: ReadonlyMap<OxmName, SetParameter>
  /** Fields that it takes for a copy, with the parameter by which it shifts their bits down to bit 0. */
  readonly copiesFrom: ReadonlyMap<OxmName, Parameter>
  /** Fields that it gives a copy to: shifted up, and under a mask. */
  readonly copiesTo: ReadonlyMap<OxmName, { readonly shift: Parameter; readonly mask: Parameter }>
  readonly roles: ReadonlyMap<string, Parameter>
  readonly paramCount: number
}
export interface Stage {
  readonly index: number
  readonly table: string
  readonly key: string
  readonly size: number
  readonly actions: readonly StageAction[]
}
export interface Scope {
  readonly name: string
  /** In the order in which the pipeline applies them. */
  readonly stages: readonly Stage[]
}

/** An action that carries out the instructions of a flow or of a continuation; `roles` are the things it can do. */
export interface ExecuteAction { readonly name: string; readonly roles: ReadonlyMap<string, Parameter> }

export interface MatchTarget { readonly field: string; readonly bitwidth: number; readonly kind: MatchKind }

export interface WriteTable {
  readonly table: string
  readonly key: string
  readonly size: number
  readonly actions: readonly StageAction[]
}
/**
 * Meters that the flows of one flow table use. `fixed`, here and below: the part of the key that says of which of several
 * switches an entry is. Without the role `on_exceeded` in an action, its bands all drop.
 */
export interface MeterTable { readonly table: string; readonly fixed: readonly NamedMatch[]; readonly key: string; readonly actions: ReadonlyMap<MeterUnit, ExecuteAction> }
export type MeterUnit = 'kbps' | 'pktps'
/** `maxBurst` in bytes or packets. */
export interface MeterArray { readonly name: string; readonly maxBurst: bigint }
/** A meter has a slot; band b of slot s is cell s · maxBands + b of the arrays and of the band counter, and s is its cell in the total counter. */
export interface Meters {
  readonly slots: number
  readonly maxBands: number
  readonly arrays: ReadonlyMap<MeterUnit, MeterArray>
  /** Whether bands can raise the drop precedence. */
  readonly remarks: boolean
  readonly totalCounter: string | null
  readonly bandCounter: string | null
}
/** A field of a twin's key. `mask`: the parameter of the shape that says which of its bits count. */
export interface TwinField { readonly name: string; readonly bitwidth: number; readonly ones: bigint; readonly oxm: readonly OxmName[]; readonly mask: string }
/**
 * Two more tables for the flows of a flow table (ADR-0024): what misses it is looked up in `twin`, which holds flows of one
 * priority and one shape, then in `rest`. Their actions are those of the flow table, under other names.
 */
export interface Twins {
  readonly twin: string
  readonly rest: string
  readonly fields: readonly TwinField[]
  /** By the name of the flow table's action. */
  readonly twinActions: ReadonlyMap<string, string>
  readonly restActions: ReadonlyMap<string, string>
  /** Without an entry in it the twin is not looked at. */
  readonly shape: { readonly table: string; readonly action: string }
}
export interface FlowTable {
  readonly number: number
  /** Of egress processing. */
  readonly egress: boolean
  readonly table: string
  readonly fixed: readonly NamedMatch[]
  readonly size: number
  readonly matches: ReadonlyMap<OxmName, MatchTarget>
  readonly actions: readonly ExecuteAction[]
  readonly twins: Twins | null
  readonly scope: Scope
  readonly write: WriteTable | null
  readonly meter: MeterTable | null
  readonly idleTimeout: boolean
  /** Its entries count packets and bytes. */
  readonly counts: boolean
}
export interface KeyedTable { readonly table: string; readonly key: string; readonly size: number; readonly actions: readonly ExecuteAction[] }
/** `meter`: of a list that meets its meter only after something else. */
export interface ContinuationTable extends KeyedTable { readonly scope: Scope; readonly meter: MeterTable | null; readonly firstPort: number; readonly lastPort: number }
/** `kind` of a replica action: send, continue, continue_alone, fork_emit, fork_action_set. */
export interface ReplicaAction extends ExecuteAction { readonly kind: string; readonly counters: readonly string[] }
export interface ReplicaTable { readonly table: string; readonly key: string; readonly size: number; readonly actions: readonly ReplicaAction[]; readonly scope: Scope }
/** Buckets of groups with a choice: `by` is the key field beside the group id, a range of the hash or a ternary of live ports. */
export interface ChoiceTable { readonly table: string; readonly fixed: readonly NamedMatch[]; readonly key: string; readonly by: string; readonly byWidth: number; readonly size: number; readonly actions: readonly ExecuteAction[] }
export interface GroupTable extends KeyedTable {
  readonly fixed: readonly NamedMatch[]
  /** Names of the actions that leave the choice to the other tables; null where the pipeline has no such groups. */
  readonly chooseByHash: string | null
  readonly chooseByLiveness: string | null
  readonly select: ChoiceTable | null
  readonly failover: ChoiceTable | null
  readonly live: { readonly table: string; readonly fixed: readonly NamedMatch[]; readonly action: string; readonly parameter: Parameter } | null
}

/** OFPP_NORMAL: hosts by VLAN and address. `source`: those known where they are, with idle timeouts; `destination`: the port of each. */
export interface NormalTables {
  readonly source: { readonly table: string; readonly fixed: readonly NamedMatch[]; readonly keys: { readonly vlan: string; readonly address: string; readonly inPort: string }; readonly size: number; readonly action: string }
  readonly destination: {
    readonly table: string; readonly fixed: readonly NamedMatch[]; readonly keys: { readonly vlan: string; readonly address: string }; readonly size: number
    /** `untagged`: parameter that says that the packet leaves without its tag. */
    readonly forward: { readonly action: string; readonly port: string; readonly untagged: string | null }
  }
  /** Where unknown destinations go: one entry, or one for each set of VLANs with a prefix of their own. */
  readonly flood: { readonly table: string; readonly fixed: readonly NamedMatch[]; readonly vlan: Parameter | null; readonly size: number; readonly action: string; readonly multicast: string }
  /** null: every port carries every VLAN. Where it is there, so are `untagged` and the `vlan` of floods. */
  readonly admission: AdmissionTable | null
}
/** Which VLANs come in by a port of the program, as prefixes, and which VLAN packets without one come into. */
export interface AdmissionTable {
  readonly table: string
  readonly keys: { readonly port: string; readonly vlan: Parameter }
  readonly size: number
  readonly admit: string
  readonly admitAs: { readonly action: string; readonly vlan: string }
  readonly deny: string
}

/**
 * Egress processing (OF 1.5.1 §5.1), which every packet goes through before it leaves while `first` has an entry: where it begins.
 * `port`: the OpenFlow number of the port that it is for.
 */
export interface EgressTables {
  readonly first: { readonly table: string; readonly fixed: readonly NamedMatch[]; readonly action: string; readonly parameter: Parameter }
  readonly port: KeyedTable
}

/** Which of how many switches; the first is 0. `weights`: of all of them, in what proportion they have the target; absent: alike. */
export interface Share { readonly index: number; readonly count: number; readonly weights?: readonly number[] }
/** Both included; empty where last < first. */
export interface Range { readonly first: number; readonly last: number }
/** By what shared things are known in the target. */
export interface Numbers {
  readonly programs: Range; readonly writes: Range; readonly continuations: Range; readonly replicas: Range
  readonly multicasts: Range; readonly cells: Range; readonly flowCells: Range; readonly meterSlots: Range
}

export interface Contract {
  readonly name: string
  /** How many switches can share the pipeline, and which one this is; see instances.ts. */
  readonly instances: number
  readonly share: Share
  readonly numbers: Numbers
  readonly cpuPort: number
  readonly nullPort: number | null
  readonly tableNone: number
  readonly tableContinued: number
  readonly multicastGroups: number
  readonly multicastNodes: number
  /** The multicast group and the two instances that split "emit, then execute the action set". */
  readonly fork: { readonly group: number; readonly emit: number; readonly actionSet: number } | null
  /** Index = OpenFlow table number. Those of egress processing come last. */
  readonly tables: readonly FlowTable[]
  /** null: there is no egress processing. */
  readonly egress: EgressTables | null
  readonly continuation: ContinuationTable | null
  readonly replica: ReplicaTable | null
  readonly group: GroupTable | null
  /** null: the pipeline cannot do NORMAL. */
  readonly normal: NormalTables | null
  /** null: no flow table has meters. */
  readonly meters: Meters | null
  /** What packet-ins go through. */
  readonly controllerMeter: MeterTable | null
  readonly portIn: KeyedTable
  readonly portBlock: KeyedTable | null
  readonly bucketCounter: { readonly name: string; readonly size: number } | null
  /** Its cell 0 is of no flow. null: flows have their direct counters alone. */
  readonly flowCounter: { readonly name: string; readonly size: number } | null
  /** With a cell for each table of each switch, those of a switch in a row: packets that were looked up, and those that matched. */
  readonly lookupCounter: string | null
  readonly matchCounter: string | null
  readonly packetIn: ReadonlySet<string>
  readonly packetOut: ReadonlySet<string>
}

/** The P4Info lacks what OpenFlow needs; all gaps at once. */
export class ContractError extends Error {
  override readonly name = 'ContractError'
  readonly gaps: readonly string[]
  constructor(gaps: readonly string[]) {
    super(`the pipeline cannot carry OpenFlow: ${gaps.join('; ')}`)
    this.gaps = gaps
  }
}
