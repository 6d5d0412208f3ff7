/**
 * Named entries: what the compiler says and the P4Runtime session turns into ids and bytes. All names are those of the
 * P4Info, fully qualified ("ingress.t0.flow"); values are unsigned bigints in host order.
 */

/** `kind` is the match kind of the key field; a wildcarded ternary, lpm, range or optional field is left out altogether. */
export type NamedMatch =
  | { readonly field: string; readonly kind: 'exact' | 'optional'; readonly value: bigint }
  | { readonly field: string; readonly kind: 'ternary'; readonly value: bigint; readonly mask: bigint }
  | { readonly field: string; readonly kind: 'lpm'; readonly value: bigint; readonly prefixLength: number }
  | { readonly field: string; readonly kind: 'range'; readonly low: bigint; readonly high: bigint }

export interface NamedParam { readonly name: string; readonly value: bigint }
export interface NamedAction {
  readonly name: string
  readonly params: readonly NamedParam[]
  /** One more parameter, where the others are the same for many entries: then `params` is one list for all of them. */
  readonly own?: NamedParam
}

export interface NamedTableEntry {
  readonly kind: 'table'
  readonly table: string
  readonly match: readonly NamedMatch[]
  /** 0 for tables of exact and lpm fields only; otherwise 1 … 2^31-1, higher wins. P4RT 1.4 §9.1.1 */
  readonly priority: number
  /** null only in deletes. */
  readonly action: NamedAction | null
  /** Milliseconds, 0 = none. */
  readonly idleTimeout: number
  /** Carried in the entry and returned by reads, idle notifications and counters: the FlowId of a flow, else 0. */
  readonly controllerMetadata: number
  /** Opaque bytes kept with the entry (what the P4 side does not say of the OpenFlow object). Made for who asks, who uses them soon. */
  readonly metadata: Uint8Array
  /** In a modify: the direct counter starts again at 0. */
  readonly resetCounters: boolean
}
/** Table default action; always op 'modify'. */
export interface NamedDefaultEntry { readonly kind: 'default'; readonly table: string; readonly action: NamedAction }
export interface NamedMulticastGroup {
  readonly kind: 'multicast'
  readonly groupId: number
  readonly replicas: readonly { readonly port: number; readonly instance: number }[]
}
/** Sets one cell of an indirect counter to zero; always op 'modify'. */
export interface NamedCounterReset { readonly kind: 'counter_reset'; readonly counter: string; readonly index: number }
/**
 * One cell of a meter array; always op 'modify'. `config` null: it measures nothing. Its committed and its peak rate are the
 * same. `rate` in bytes or packets per second, `burst` in bytes or packets; it starts full.
 */
export interface NamedMeterCell {
  readonly kind: 'meter'
  readonly meter: string
  readonly index: number
  readonly config: { readonly rate: bigint; readonly burst: bigint } | null
}
export type NamedEntity = NamedTableEntry | NamedDefaultEntry | NamedMulticastGroup | NamedCounterReset | NamedMeterCell
export interface NamedUpdate { readonly op: 'insert' | 'modify' | 'delete'; readonly entity: NamedEntity }
