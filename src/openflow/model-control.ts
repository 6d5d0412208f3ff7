/**
 * The part of the version-free model (model.ts) that is about controllers and groups of requests: roles, what a
 * connection is told unasked, bundles, forwarded requests, and the status of controllers and tables.
 * OF 1.3.5 §7.3.9, §7.3.10; OF 1.4.1 §7.3.9, §7.4; OF 1.5.1 §7.3.9, §7.4. No layout, no behaviour.
 */
import type { GroupMod, Message, MeterMod } from './model.js'

// ---- Roles --------------------------------------------------------------------------------------------------------

export type Role = 'nochange' | 'equal' | 'master' | 'slave'
/** `shortId`: the number by which the controller wants to be called, 0 = none; on the wire since 1.5. */
export interface RoleRequest { readonly type: 'role_request'; readonly role: Role; readonly generationId: bigint; readonly shortId: number }
export interface RoleReply { readonly type: 'role_reply'; readonly role: Role; readonly generationId: bigint; readonly shortId: number }
/** Since 1.4, and in 1.3 as a message of the ONF's. */
export type RoleStatusReason = 'master_request' | 'config' | 'experimenter'
export interface RoleStatus { readonly type: 'role_status'; readonly role: Role; readonly reason: RoleStatusReason; readonly generationId: bigint }

// ---- What a connection is told unasked ----------------------------------------------------------------------------

/** A bit for each reason. */
export type AsyncMasks = readonly [/** For master and equal. */ master: number, /** For slave. */ slave: number]
export interface AsyncConfig {
  readonly packetIn: AsyncMasks
  readonly portStatus: AsyncMasks
  readonly flowRemoved: AsyncMasks
  /** The next three since 1.4, the last two since 1.5; 0 before. */
  readonly roleStatus: AsyncMasks
  readonly tableStatus: AsyncMasks
  readonly requestForward: AsyncMasks
  readonly flowStats: AsyncMasks
  readonly controllerStatus: AsyncMasks
}
export type AsyncKind = keyof AsyncConfig
/** null: not said, so it stays as it is. 1.3 always says the first three. OF 1.4.1 §7.3.10 */
export type AsyncChange = { readonly [K in AsyncKind]: readonly [master: number | null, slave: number | null] }
const everyKind = <T>(value: T): { readonly [K in AsyncKind]: T } => ({
  packetIn: value, portStatus: value, flowRemoved: value, roleStatus: value, tableStatus: value, requestForward: value, flowStats: value,
  controllerStatus: value,
})
/** Nothing at all. */
export const NO_ASYNC: AsyncConfig = everyKind([0, 0] as const)
/** Everything stays as it is. */
export const SAME_ASYNC: AsyncChange = everyKind([null, null] as const)

// ---- Bundles ------------------------------------------------------------------------------------------------------

/** TIME since 1.5. */
export const BundleFlag = { ATOMIC: 1, ORDERED: 2, TIME: 4 } as const
export type BundleControlType =
  | 'open_request' | 'open_reply' | 'close_request' | 'close_reply' | 'commit_request' | 'commit_reply' | 'discard_request' | 'discard_reply'
/** In the form of IEEE 1588-2008. OF 1.5.1 §7.3.9.7 */
export interface SwitchTime { readonly seconds: bigint; readonly nanoseconds: number }
/** `time`: when to commit; only since 1.5 and with BundleFlag.TIME. */
export interface BundleControl {
  readonly type: 'bundle_control'; readonly bundleId: number; readonly control: BundleControlType; readonly flags: number
  readonly time: SwitchTime | null
}
/** The same model for 1.4 and later and for the ONF's extension of 1.3. The inner message has the xid of the outer one. */
export interface BundleAdd {
  readonly type: 'bundle_add'; readonly bundleId: number; readonly flags: number; readonly message: Message
  /** Set by the decoder: the inner message's bytes, header included, for an error that quotes it. Ignored by the encoder. */
  readonly raw?: Uint8Array
}
/** OFPMP_BUNDLE_FEATURES: bit 0 TIMESTAMP, bit 1 TIME_SET_SCHED of a request's flags; capabilities are BundleFlag. OF 1.5.1 §7.3.5.20 */
export interface BundleTimeFeatures {
  readonly schedAccuracy: SwitchTime; readonly schedMaxFuture: SwitchTime; readonly schedMaxPast: SwitchTime; readonly timestamp: SwitchTime
}

// ---- Forwarded requests -------------------------------------------------------------------------------------------

/** Another controller's request that was carried out; with its xid. OF 1.4.1 §7.4.6 */
export interface RequestForward { readonly type: 'requestforward'; readonly xid: number; readonly request: GroupMod | MeterMod }

// ---- Tables -------------------------------------------------------------------------------------------------------

/** Bits of a table's configuration: DEPRECATED is 1.1's and 1.2's behaviour at a miss, EVICTION and VACANCY_EVENTS since 1.4. */
export const TableConfig = { DEPRECATED: 3, EVICTION: 4, VACANCY_EVENTS: 8 } as const
/** What a miss in 1.1 and 1.2 leads to: the value of TableConfig.DEPRECATED. OF 1.1 §A.3.3 */
export const TableMiss = { CONTROLLER: 0, CONTINUE: 1, DROP: 2 } as const
export const EvictionFlag = { OTHER: 1, IMPORTANCE: 2, LIFETIME: 4 } as const
/** Percent of the table that is free. `vacancy` is the present value: told in table-desc and table-status, ignored in requests. */
export interface Vacancy { readonly down: number; readonly up: number; readonly vacancy: number }
export interface TableDesc {
  readonly tableId: number; readonly config: number
  /** EvictionFlag bits; null: not said. Both since 1.4. */
  readonly eviction: number | null
  readonly vacancy: Vacancy | null
}
export interface TableMod extends TableDesc { readonly type: 'table_mod' }
export type TableStatusReason = 'vacancy_down' | 'vacancy_up'
export interface TableStatus { readonly type: 'table_status'; readonly reason: TableStatusReason; readonly table: TableDesc }

// ---- Controllers --------------------------------------------------------------------------------------------------

export type ControllerStatusReason =
  | 'request' | 'channel_status' | 'role' | 'controller_added' | 'controller_removed' | 'short_id' | 'experimenter'
/** OF 1.5.1 §7.3.5.18, §7.4.8 */
export interface Controller {
  readonly shortId: number; readonly role: Role; readonly reason: ControllerStatusReason; readonly channel: 'up' | 'down'
  /** The connection's address, such as tcp:192.0.2.1:6653; null: not said. */
  readonly uri: string | null
}
export interface ControllerStatus { readonly type: 'controller_status'; readonly controller: Controller }
