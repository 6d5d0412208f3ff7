/**
 * What a P4 program offers, by name: the P4Info without its ids scattered about. Plain data; the compiler sees these types
 * and never the generated ones. P4RT 1.4 §6.4
 */
import type { Annotations } from './annotations.js'

export interface NamedObject {
  readonly id: number
  /** Fully qualified: "ingress.t0.flow". */
  readonly name: string
  /** The shortest suffix that is unique in the program. */
  readonly alias: string
  readonly annotations: Annotations
}

export const matchKinds = ['exact', 'lpm', 'ternary', 'range', 'optional'] as const
/** 'other': a match kind of the architecture that P4Runtime does not define; entries of such a table cannot be written. */
export type MatchKind = (typeof matchKinds)[number] | 'other'

/** A field of a key, a parameter of an action, a field of a controller header. */
export interface ValueInfo {
  readonly id: number
  readonly name: string
  /** 0 where the program translates the type to a string for the controller. */
  readonly bitwidth: number
  readonly annotations: Annotations
}
export interface MatchFieldInfo extends ValueInfo { readonly kind: MatchKind }

export interface ActionInfo extends NamedObject {
  readonly params: readonly ValueInfo[]
  readonly paramByName: ReadonlyMap<string, ValueInfo>
}
export interface ActionRefInfo {
  readonly action: ActionInfo
  readonly scope: 'table_and_default' | 'table_only' | 'default_only' | 'group_action'
  /** Of the reference in the table's list of actions; those of the action itself are in `action`. */
  readonly annotations: Annotations
}

export type CounterUnit = 'bytes' | 'packets' | 'both' | 'unspecified'
export type MeterUnit = 'bytes' | 'packets' | 'unspecified'
export interface DirectCounterInfo extends NamedObject { readonly unit: CounterUnit }
export interface DirectMeterInfo extends NamedObject { readonly unit: MeterUnit }
export interface CounterInfo extends NamedObject { readonly unit: CounterUnit; readonly size: number }
export interface MeterInfo extends NamedObject { readonly unit: MeterUnit; readonly size: number }

export interface ActionProfileInfo extends NamedObject {
  readonly withSelector: boolean
  readonly size: number
  readonly maxGroupSize: number
  /** Names of the tables that use it. */
  readonly tables: readonly string[]
}

export interface TableInfo extends NamedObject {
  readonly size: number
  /** In the order of the key. */
  readonly matchFields: readonly MatchFieldInfo[]
  readonly matchFieldByName: ReadonlyMap<string, MatchFieldInfo>
  /** A key with a ternary, range or optional field: every entry needs a priority above 0. P4RT 1.4 §9.1.1 */
  readonly needsPriority: boolean
  readonly actions: readonly ActionRefInfo[]
  readonly actionByName: ReadonlyMap<string, ActionRefInfo>
  readonly constDefaultAction: ActionInfo | null
  readonly idleTimeout: boolean
  /** Entries are part of the program and cannot be written. */
  readonly isConst: boolean
  readonly directCounter: DirectCounterInfo | null
  readonly directMeter: DirectMeterInfo | null
  readonly actionProfile: ActionProfileInfo | null
}

export interface ControllerHeaderInfo extends NamedObject {
  readonly fields: readonly ValueInfo[]
  readonly fieldByName: ReadonlyMap<string, ValueInfo>
}
export interface DigestInfo extends NamedObject {
  /** The members of the record, or null where it is not a flat struct of bit fields. */
  readonly fields: readonly { readonly name: string; readonly bitwidth: number }[] | null
}
export interface PackageInfo {
  readonly name: string
  readonly version: string
  readonly arch: string
  readonly annotations: Annotations
  /** Groups that the replication engine can hold; 0 = the program does not say. */
  readonly multicastGroups: number
}

/** The parts of an index; by name unless they say otherwise. */
export interface P4InfoParts {
  readonly packageInfo: PackageInfo
  readonly tables: ReadonlyMap<string, TableInfo>
  readonly actions: ReadonlyMap<string, ActionInfo>
  readonly counters: ReadonlyMap<string, CounterInfo>
  readonly meters: ReadonlyMap<string, MeterInfo>
  readonly actionProfiles: ReadonlyMap<string, ActionProfileInfo>
  readonly digests: ReadonlyMap<string, DigestInfo>
  /** "packet_in", "packet_out". */
  readonly controllerHeaders: ReadonlyMap<string, ControllerHeaderInfo>
}
