/**
 * Every error name with its numbers per version, and for versions that lack it the nearest name that they have.
 * OF 1.0 §5.4.4, OF 1.3.5 §7.4.4. Names are those of the specification's code; where versions renamed an error, each
 * name has its own row and points at the other.
 *
 * Errors that the ONF published as extensions of 1.3 are sent as such, like Open vSwitch does (OFPET_EXPERIMENTER with the
 * ONF's id); what Open vSwitch has a number of its own for is told with that (nicira-errors.ts) before another name is taken.
 */
import type { ErrorName, PeerError } from '../model.js'
import type { Ranges } from '../versions.js'
import { pick, versionName } from '../versions.js'
import { NICIRA_ERRORS } from './nicira-errors.js'

export interface ErrorNumbers {
  readonly type: number
  /** The exp_type of an experimenter error. */
  readonly code: number
  /** Present if and only if type is OFPET_EXPERIMENTER or NXET_VENDOR; goes on the wire between code and data. */
  readonly experimenter?: number
  /** Behind it, of NXET_VENDOR: type and code. */
  readonly vendor?: readonly [type: number, code: number]
}

const OFPET_EXPERIMENTER = 0xffff
/** Open vSwitch's, in 1.0 and 1.1; its code is 0. */
const NXET_VENDOR = 0xb0c2
const NICIRA = 0x00002320
export const ONF = 0x4f4e4600

type Numbers = readonly [type: number, code: number] | readonly [type: number, code: number, experimenter: number]
interface Row { readonly ranges: Ranges<Numbers>; readonly nearest: ErrorName | null }
const rows = new Map<string, Row>()

function e(name: ErrorName, ranges: Ranges<Numbers>, nearest: ErrorName | null = null): void {
  if (rows.has(name)) throw new Error(`${name} is declared twice`)
  rows.set(name, { ranges, nearest })
}
/** Consecutive codes of one type and range. */
function series(type: number, range: '1.0+' | '1.1+' | '1.2+' | '1.3+' | '1.4+' | '1.5+', first: number, names: readonly ErrorName[], nearest: ErrorName | null = null): void {
  names.forEach((name, index) => e(name, { [range]: [type, first + index] } as Ranges<Numbers>, nearest))
}

// OFPET_HELLO_FAILED
series(0, '1.0+', 0, ['OFPHFC_INCOMPATIBLE', 'OFPHFC_EPERM'])

// OFPET_BAD_REQUEST
series(1, '1.0+', 0, ['OFPBRC_BAD_VERSION', 'OFPBRC_BAD_TYPE'])
e('OFPBRC_BAD_STAT', { '1.0-1.2': [1, 2] }, 'OFPBRC_BAD_MULTIPART')
e('OFPBRC_BAD_MULTIPART', { '1.3+': [1, 2] }, 'OFPBRC_BAD_STAT')
e('OFPBRC_BAD_VENDOR', { '1.0': [1, 3] }, 'OFPBRC_BAD_EXPERIMENTER')
e('OFPBRC_BAD_EXPERIMENTER', { '1.1+': [1, 3] }, 'OFPBRC_BAD_VENDOR')
e('OFPBRC_BAD_SUBTYPE', { '1.0-1.1': [1, 4] }, 'OFPBRC_BAD_EXP_TYPE')
e('OFPBRC_BAD_EXP_TYPE', { '1.2+': [1, 4] }, 'OFPBRC_BAD_SUBTYPE')
series(1, '1.0+', 5, ['OFPBRC_EPERM', 'OFPBRC_BAD_LEN', 'OFPBRC_BUFFER_EMPTY', 'OFPBRC_BUFFER_UNKNOWN'])
e('OFPBRC_BAD_TABLE_ID', { '1.1+': [1, 9] }, 'OFPBRC_EPERM')
e('OFPBRC_IS_SLAVE', { '1.2+': [1, 10] }, 'OFPBRC_EPERM')
e('OFPBRC_BAD_PORT', { '1.2+': [1, 11] }, 'OFPBAC_BAD_OUT_PORT')
e('OFPBRC_BAD_PACKET', { '1.2+': [1, 12] }, 'OFPBRC_BAD_LEN')
e('OFPBRC_MULTIPART_BUFFER_OVERFLOW', { '1.3+': [1, 13] }, 'OFPBRC_BAD_LEN')
e('OFPBRC_MULTIPART_REQUEST_TIMEOUT', { '1.3': [OFPET_EXPERIMENTER, 2640, ONF], '1.4+': [1, 14] }, 'OFPBRC_BAD_LEN')
e('OFPBRC_MULTIPART_REPLY_TIMEOUT', { '1.3': [OFPET_EXPERIMENTER, 2641, ONF], '1.4+': [1, 15] }, 'OFPBRC_BAD_LEN')
series(1, '1.5+', 16, ['OFPBRC_MULTIPART_BAD_SCHED', 'OFPBRC_PIPELINE_FIELDS_ONLY', 'OFPBRC_UNKNOWN'], 'OFPBRC_EPERM')

// OFPET_BAD_ACTION
series(2, '1.0+', 0, ['OFPBAC_BAD_TYPE', 'OFPBAC_BAD_LEN'])
e('OFPBAC_BAD_VENDOR', { '1.0': [2, 2] }, 'OFPBAC_BAD_EXPERIMENTER')
e('OFPBAC_BAD_EXPERIMENTER', { '1.1+': [2, 2] }, 'OFPBAC_BAD_VENDOR')
e('OFPBAC_BAD_VENDOR_TYPE', { '1.0': [2, 3] }, 'OFPBAC_BAD_EXP_TYPE')
e('OFPBAC_BAD_EXP_TYPE', { '1.1+': [2, 3] }, 'OFPBAC_BAD_VENDOR_TYPE')
series(2, '1.0+', 4, ['OFPBAC_BAD_OUT_PORT', 'OFPBAC_BAD_ARGUMENT', 'OFPBAC_EPERM', 'OFPBAC_TOO_MANY', 'OFPBAC_BAD_QUEUE'])
e('OFPBAC_BAD_OUT_GROUP', { '1.1+': [2, 9] }, 'OFPBAC_BAD_ARGUMENT')
e('OFPBAC_MATCH_INCONSISTENT', { '1.1+': [2, 10] }, 'OFPBAC_BAD_ARGUMENT')
e('OFPBAC_UNSUPPORTED_ORDER', { '1.1+': [2, 11] }, 'OFPFMFC_UNSUPPORTED')
e('OFPBAC_BAD_TAG', { '1.1+': [2, 12] }, 'OFPBAC_BAD_ARGUMENT')
e('OFPBAC_BAD_SET_TYPE', { '1.2+': [2, 13] }, 'OFPBAC_BAD_TYPE')
e('OFPBAC_BAD_SET_LEN', { '1.2+': [2, 14] }, 'OFPBAC_BAD_LEN')
e('OFPBAC_BAD_SET_ARGUMENT', { '1.2+': [2, 15] }, 'OFPBAC_BAD_ARGUMENT')
e('OFPBAC_BAD_SET_MASK', { '1.3-1.4': [OFPET_EXPERIMENTER, 4250, ONF], '1.5+': [2, 16] }, 'OFPBAC_BAD_SET_ARGUMENT')
e('OFPBAC_BAD_METER', { '1.5+': [2, 17] }, 'OFPMMFC_INVALID_METER')

// OFPET_BAD_INSTRUCTION
series(3, '1.1+', 0, ['OFPBIC_UNKNOWN_INST', 'OFPBIC_UNSUP_INST'], 'OFPBAC_BAD_TYPE')
e('OFPBIC_BAD_TABLE_ID', { '1.1+': [3, 2] }, 'OFPBAC_BAD_ARGUMENT')
series(3, '1.1+', 3, ['OFPBIC_UNSUP_METADATA', 'OFPBIC_UNSUP_METADATA_MASK'], 'OFPBAC_BAD_ARGUMENT')
e('OFPBIC_BAD_EXPERIMENTER', { '1.1+': [3, 5] }, 'OFPBAC_BAD_VENDOR')
/** 1.1 has one code for both; it reads as BAD_EXPERIMENTER. */
e('OFPBIC_BAD_EXP_TYPE', { '1.1': [3, 5], '1.2+': [3, 6] }, 'OFPBAC_BAD_VENDOR_TYPE')
e('OFPBIC_BAD_LEN', { '1.2+': [3, 7] }, 'OFPBAC_BAD_LEN')
e('OFPBIC_EPERM', { '1.2+': [3, 8] }, 'OFPBAC_EPERM')
e('OFPBIC_DUP_INST', { '1.2-1.3': [OFPET_EXPERIMENTER, 2600, ONF], '1.4+': [3, 9] }, 'OFPBIC_UNSUP_INST')

// OFPET_BAD_MATCH. 1.0 cannot say that a match is wrong; what it has nearest is that it cannot process the entry.
series(4, '1.1+', 0, ['OFPBMC_BAD_TYPE', 'OFPBMC_BAD_LEN'], 'OFPBRC_BAD_LEN')
series(4, '1.1+', 2, [
  'OFPBMC_BAD_TAG', 'OFPBMC_BAD_DL_ADDR_MASK', 'OFPBMC_BAD_NW_ADDR_MASK', 'OFPBMC_BAD_WILDCARDS', 'OFPBMC_BAD_FIELD', 'OFPBMC_BAD_VALUE',
], 'OFPFMFC_UNSUPPORTED')
e('OFPBMC_BAD_MASK', { '1.2+': [4, 8] }, 'OFPBMC_BAD_WILDCARDS')
series(4, '1.2+', 9, ['OFPBMC_BAD_PREREQ', 'OFPBMC_DUP_FIELD'], 'OFPBMC_BAD_FIELD')
e('OFPBMC_EPERM', { '1.2+': [4, 11] }, 'OFPFMFC_EPERM')

// OFPET_FLOW_MOD_FAILED, type 3 in 1.0
e('OFPFMFC_UNKNOWN', { '1.1+': [5, 0] }, 'OFPFMFC_UNSUPPORTED')
e('OFPFMFC_ALL_TABLES_FULL', { '1.0': [3, 0] }, 'OFPFMFC_TABLE_FULL')
e('OFPFMFC_TABLE_FULL', { '1.1+': [5, 1] }, 'OFPFMFC_ALL_TABLES_FULL')
e('OFPFMFC_BAD_TABLE_ID', { '1.1+': [5, 2] }, 'OFPFMFC_EPERM')
e('OFPFMFC_OVERLAP', { '1.0': [3, 1], '1.1+': [5, 3] })
e('OFPFMFC_EPERM', { '1.0': [3, 2], '1.1+': [5, 4] })
e('OFPFMFC_BAD_TIMEOUT', { '1.1+': [5, 5] }, 'OFPFMFC_UNSUPPORTED')
e('OFPFMFC_BAD_EMERG_TIMEOUT', { '1.0': [3, 3] }, 'OFPFMFC_BAD_TIMEOUT')
e('OFPFMFC_BAD_COMMAND', { '1.0': [3, 4], '1.1+': [5, 6] })
e('OFPFMFC_BAD_FLAGS', { '1.2+': [5, 7] }, 'OFPFMFC_UNKNOWN')
e('OFPFMFC_CANT_SYNC', { '1.4+': [5, 8] }, 'OFPFMFC_UNKNOWN')
e('OFPFMFC_BAD_PRIORITY', { '1.3': [OFPET_EXPERIMENTER, 2360, ONF], '1.4+': [5, 9] }, 'OFPFMFC_UNKNOWN')
e('OFPFMFC_IS_SYNC', { '1.4+': [5, 10] }, 'OFPFMFC_EPERM')
e('OFPFMFC_UNSUPPORTED', { '1.0': [3, 5] }, 'OFPFMFC_UNKNOWN')

// OFPET_GROUP_MOD_FAILED
series(6, '1.1+', 0, [
  'OFPGMFC_GROUP_EXISTS', 'OFPGMFC_INVALID_GROUP', 'OFPGMFC_WEIGHT_UNSUPPORTED', 'OFPGMFC_OUT_OF_GROUPS', 'OFPGMFC_OUT_OF_BUCKETS',
  'OFPGMFC_CHAINING_UNSUPPORTED', 'OFPGMFC_WATCH_UNSUPPORTED', 'OFPGMFC_LOOP', 'OFPGMFC_UNKNOWN_GROUP',
], 'OFPBAC_BAD_ARGUMENT')
series(6, '1.2+', 9, [
  'OFPGMFC_CHAINED_GROUP', 'OFPGMFC_BAD_TYPE', 'OFPGMFC_BAD_COMMAND', 'OFPGMFC_BAD_BUCKET', 'OFPGMFC_BAD_WATCH', 'OFPGMFC_EPERM',
], 'OFPGMFC_INVALID_GROUP')
series(6, '1.5+', 15, ['OFPGMFC_UNKNOWN_BUCKET', 'OFPGMFC_BUCKET_EXISTS'], 'OFPGMFC_BAD_BUCKET')

// OFPET_PORT_MOD_FAILED, type 4 in 1.0
e('OFPPMFC_BAD_PORT', { '1.0': [4, 0], '1.1+': [7, 0] })
e('OFPPMFC_BAD_HW_ADDR', { '1.0': [4, 1], '1.1+': [7, 1] })
e('OFPPMFC_BAD_CONFIG', { '1.1+': [7, 2] }, 'OFPBRC_EPERM')
e('OFPPMFC_BAD_ADVERTISE', { '1.1+': [7, 3] }, 'OFPBRC_EPERM')
e('OFPPMFC_EPERM', { '1.2+': [7, 4] }, 'OFPBRC_EPERM')

// OFPET_TABLE_MOD_FAILED
series(8, '1.1+', 0, ['OFPTMFC_BAD_TABLE', 'OFPTMFC_BAD_CONFIG'], 'OFPBRC_EPERM')
e('OFPTMFC_EPERM', { '1.2+': [8, 2] }, 'OFPBRC_EPERM')

// OFPET_QUEUE_OP_FAILED, type 5 in 1.0
e('OFPQOFC_BAD_PORT', { '1.0': [5, 0], '1.1+': [9, 0] })
e('OFPQOFC_BAD_QUEUE', { '1.0': [5, 1], '1.1+': [9, 1] })
e('OFPQOFC_EPERM', { '1.0': [5, 2], '1.1+': [9, 2] })

// OFPET_SWITCH_CONFIG_FAILED
series(10, '1.1+', 0, ['OFPSCFC_BAD_FLAGS', 'OFPSCFC_BAD_LEN'], 'OFPBRC_EPERM')
e('OFPSCFC_EPERM', { '1.2+': [10, 2] }, 'OFPBRC_EPERM')

// OFPET_ROLE_REQUEST_FAILED
series(11, '1.2+', 0, ['OFPRRFC_STALE', 'OFPRRFC_UNSUP', 'OFPRRFC_BAD_ROLE'], 'OFPBRC_EPERM')
series(11, '1.5+', 3, ['OFPRRFC_ID_UNSUP', 'OFPRRFC_ID_IN_USE'], 'OFPRRFC_UNSUP')

// OFPET_METER_MOD_FAILED
series(12, '1.3+', 0, [
  'OFPMMFC_UNKNOWN', 'OFPMMFC_METER_EXISTS', 'OFPMMFC_INVALID_METER', 'OFPMMFC_UNKNOWN_METER', 'OFPMMFC_BAD_COMMAND', 'OFPMMFC_BAD_FLAGS',
  'OFPMMFC_BAD_RATE', 'OFPMMFC_BAD_BURST', 'OFPMMFC_BAD_BAND', 'OFPMMFC_BAD_BAND_VALUE', 'OFPMMFC_OUT_OF_METERS', 'OFPMMFC_OUT_OF_BANDS',
], 'OFPBRC_BAD_TYPE')

// OFPET_TABLE_FEATURES_FAILED; its property errors moved to a type of their own in 1.4
series(13, '1.3+', 0, ['OFPTFFC_BAD_TABLE', 'OFPTFFC_BAD_METADATA'], 'OFPBRC_EPERM')
e('OFPTFFC_BAD_TYPE', { '1.3': [13, 2] }, 'OFPBPC_BAD_TYPE')
e('OFPTFFC_BAD_LEN', { '1.3': [13, 3] }, 'OFPBPC_BAD_LEN')
e('OFPTFFC_BAD_ARGUMENT', { '1.3': [13, 4] }, 'OFPBPC_BAD_VALUE')
e('OFPTFFC_EPERM', { '1.3+': [13, 5] }, 'OFPBRC_EPERM')
series(13, '1.5+', 6, [
  'OFPTFFC_BAD_CAPA', 'OFPTFFC_BAD_MAX_ENT', 'OFPTFFC_BAD_FEATURES', 'OFPTFFC_BAD_COMMAND', 'OFPTFFC_TOO_MANY',
], 'OFPTFFC_BAD_ARGUMENT')

// OFPET_BAD_PROPERTY
e('OFPBPC_BAD_TYPE', { '1.4+': [14, 0] }, 'OFPTFFC_BAD_TYPE')
e('OFPBPC_BAD_LEN', { '1.4+': [14, 1] }, 'OFPTFFC_BAD_LEN')
e('OFPBPC_BAD_VALUE', { '1.4+': [14, 2] }, 'OFPTFFC_BAD_ARGUMENT')
const PROPERTY_ERRORS = [
  'OFPBPC_TOO_MANY', 'OFPBPC_DUP_TYPE', 'OFPBPC_BAD_EXPERIMENTER', 'OFPBPC_BAD_EXP_TYPE', 'OFPBPC_BAD_EXP_VALUE', 'OFPBPC_EPERM',
] as const
PROPERTY_ERRORS.forEach((name, index) => e(name, { '1.3': [OFPET_EXPERIMENTER, 4443 + index, ONF], '1.4+': [14, 3 + index] }, 'OFPTFFC_BAD_ARGUMENT'))

// OFPET_ASYNC_CONFIG_FAILED
e('OFPACFC_INVALID', { '1.3': [OFPET_EXPERIMENTER, 2370, ONF], '1.4+': [15, 0] }, 'OFPBRC_EPERM')
e('OFPACFC_UNSUPPORTED', { '1.3': [OFPET_EXPERIMENTER, 2371, ONF], '1.4+': [15, 1] }, 'OFPBRC_EPERM')
e('OFPACFC_EPERM', { '1.3': [OFPET_EXPERIMENTER, 2372, ONF], '1.4+': [15, 2] }, 'OFPBRC_EPERM')

// OFPET_BUNDLE_FAILED
const bundleErrors: readonly ErrorName[] = [
  'OFPBFC_UNKNOWN', 'OFPBFC_EPERM', 'OFPBFC_BAD_ID', 'OFPBFC_BUNDLE_EXIST', 'OFPBFC_BUNDLE_CLOSED', 'OFPBFC_OUT_OF_BUNDLES', 'OFPBFC_BAD_TYPE',
  'OFPBFC_BAD_FLAGS', 'OFPBFC_MSG_BAD_LEN', 'OFPBFC_MSG_BAD_XID', 'OFPBFC_MSG_UNSUP', 'OFPBFC_MSG_CONFLICT', 'OFPBFC_MSG_TOO_MANY',
  'OFPBFC_MSG_FAILED', 'OFPBFC_TIMEOUT', 'OFPBFC_BUNDLE_IN_PROGRESS',
]
bundleErrors.forEach((name, code) => e(name, { '1.3': [OFPET_EXPERIMENTER, 2300 + code, ONF], '1.4+': [17, code] }))
series(17, '1.5+', 16, ['OFPBFC_SCHED_NOT_SUPPORTED', 'OFPBFC_SCHED_FUTURE', 'OFPBFC_SCHED_PAST'], 'OFPBFC_BAD_FLAGS')

// OFPET_FLOW_MONITOR_FAILED
series(16, '1.4+', 0, [
  'OFPMOFC_UNKNOWN', 'OFPMOFC_MONITOR_EXISTS', 'OFPMOFC_INVALID_MONITOR', 'OFPMOFC_UNKNOWN_MONITOR', 'OFPMOFC_BAD_COMMAND', 'OFPMOFC_BAD_FLAGS',
  'OFPMOFC_BAD_TABLE_ID', 'OFPMOFC_BAD_OUT',
], 'OFPBRC_EPERM')


/** Where every chain of nearest names ends: the request is refused, without a better word for why. */
const LAST_RESORT: ErrorName = 'OFPBRC_EPERM'

export function errorNumbers(name: ErrorName, version: number): ErrorNumbers {
  const seen = new Set<string>()
  for (let candidate: ErrorName = name; ;) {
    const row = rows.get(candidate)
    if (row === undefined) throw new Error(`unknown OpenFlow error ${candidate}`)
    const numbers = numbersOf(candidate, row, version)
    if (numbers !== null) return numbers
    seen.add(candidate)
    candidate = row.nearest !== null && !seen.has(row.nearest) ? row.nearest : LAST_RESORT
  }
}

function numbersOf(name: ErrorName, row: Row, version: number): ErrorNumbers | null {
  const numbers = pick(row.ranges, version)
  if (numbers !== undefined) {
    const [type, code, experimenter] = numbers
    return experimenter === undefined ? { type, code } : { type, code, experimenter }
  }
  const own = pick(NICIRA_ERRORS.get(name) ?? {}, version)
  if (own === undefined) return null
  return typeof own === 'number' ? { type: OFPET_EXPERIMENTER, code: own, experimenter: NICIRA } : { type: NXET_VENDOR, code: 0, experimenter: NICIRA, vendor: own }
}

/** Of an error as it was received; what is behind type and code is read where they say that it counts. */
export function receivedNumbers({ errorType: type, code, data }: PeerError): ErrorNumbers {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  if (type === NXET_VENDOR && code === 0 && data.length >= 8) return { type, code, experimenter: view.getUint32(0), vendor: [view.getUint16(4), view.getUint16(6)] }
  return type === OFPET_EXPERIMENTER && data.length >= 4 ? { type, code, experimenter: view.getUint32(0) } : { type, code }
}

const keyOf = ({ type, code, experimenter, vendor }: ErrorNumbers): string => [type, code, experimenter ?? '', ...vendor ?? []].join()

const names = new Map<number, Map<string, string>>()
const SHARED: readonly string[] = ['1.1 OFPBIC_BAD_EXPERIMENTER OFPBIC_BAD_EXP_TYPE']

/** The specification's name for numbers received, or the numbers themselves. */
export function errorName(numbers: ErrorNumbers, version: number): string {
  let known = names.get(version)
  if (known === undefined) {
    names.set(version, known = new Map())
    for (const [name, row] of rows) {
      const its = numbersOf(name as ErrorName, row, version)
      if (its === null) continue
      const key = keyOf(its)
      const other = known.get(key)
      if (other === undefined) known.set(key, name)
      // Two meanings of one number; the row declared first is how we read it.
      else if (!SHARED.includes(`${versionName(version)} ${other} ${name}`)) throw new Error(`${name} has the numbers of ${other}`)
    }
  }
  return known.get(keyOf(numbers)) ?? `error type ${numbers.type} code ${numbers.code} in OpenFlow ${versionName(version)}`
}

export const errorNames = (): readonly ErrorName[] => [...rows.keys()] as ErrorName[]
