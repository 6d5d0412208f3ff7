/**
 * The part of the version-free model (model.ts) that OpenFlow has as properties since 1.4, and as lists of statistics
 * since 1.5. What versions before 1.4 have as fixed fields (Ethernet features, error counters, rates) stays a field of
 * its structure. OF 1.4.1 §7.2.1, §7.3.5.7; OF 1.5.1 §7.2.1, §7.2.4. No layout, no behaviour.
 */
import type { OxmName } from './model.js'

/** A property of an experimenter's. In a request it is refused; a switch's own statement may have it. */
export interface ExperimenterProperty { readonly type: 'experimenter'; readonly experimenter: number; readonly expType: number; readonly body: Uint8Array }

export interface OxmId { readonly field: OxmName; readonly maskable: boolean }

/** Frequencies in MHz or wavelengths in nm/100, powers in 0.1 dBm. `features`: RX_TUNE 1, TX_TUNE 2, TX_PWR 4, USE_FREQ 8. OF 1.4.1 §7.2.1.2 */
export interface OpticalPort {
  readonly type: 'optical'; readonly features: number
  readonly txMinFreqLmda: number; readonly txMaxFreqLmda: number; readonly txGridFreqLmda: number
  readonly rxMinFreqLmda: number; readonly rxMaxFreqLmda: number; readonly rxGridFreqLmda: number
  readonly txPwrMin: number; readonly txPwrMax: number
}
/** The pipeline fields that come with the port's packets (`input`) or go with them (`output`), since 1.5. */
export interface PipelineFields { readonly type: 'pipeline_input' | 'pipeline_output'; readonly fields: readonly OxmId[] }
/** Packets sent to the port come back on these, since 1.5. */
export interface Recirculate { readonly type: 'recirculate'; readonly ports: readonly number[] }
export type PortDescProperty = OpticalPort | PipelineFields | Recirculate | ExperimenterProperty

/** `configure`: bits as in OpticalPort. OF 1.4.1 §7.3.4.3 */
export interface OpticalPortMod {
  readonly type: 'optical'; readonly configure: number; readonly freqLmda: number; readonly flOffset: number
  readonly gridSpan: number; readonly txPwr: number
}
export type PortModProperty = OpticalPortMod

/** `flags`: RX_TUNE 1, TX_TUNE 2, TX_PWR 4, RX_PWR 16, TX_BIAS 32, TX_TEMP 64 say which values hold. OF 1.4.1 §7.3.5.7 */
export interface OpticalPortStats {
  readonly type: 'optical'; readonly flags: number
  readonly txFreqLmda: number; readonly txOffset: number; readonly txGridSpan: number
  readonly rxFreqLmda: number; readonly rxOffset: number; readonly rxGridSpan: number
  readonly txPwr: number; readonly rxPwr: number; readonly biasCurrent: number; readonly temperature: number
}
export type PortStatsProperty = OpticalPortStats | ExperimenterProperty

export interface Duration { readonly seconds: number; readonly nanoseconds: number }
/** OXS: statistics of a flow that is counted, null where one is not said. OF 1.5.1 §7.2.4 */
export interface FlowCounts {
  readonly duration: Duration | null; readonly idleTime: Duration | null; readonly flowCount: number | null
  readonly packetCount: bigint | null; readonly byteCount: bigint | null
}
export const NO_FLOW_COUNTS: FlowCounts = { duration: null, idleTime: null, flowCount: null, packetCount: null, byteCount: null }

export const StatTriggerFlag = { PERIODIC: 1, ONLY_FIRST: 2 } as const
/** An instruction: tell the controllers when a statistic of the flow passes its threshold. OF 1.5.1 §7.2.5.7 */
export interface StatTrigger { readonly flags: number; readonly thresholds: FlowCounts }
