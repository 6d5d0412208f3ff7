/**
 * What Open vSwitch says in versions whose text has no number for an error: an error of its own, Nicira's id before type and
 * code. In 1.0 and 1.1, which have no experimenter errors, that is OFPT_ERROR with NXET_VENDOR and NXVC_VENDOR_ERROR; since 1.2
 * OFPET_EXPERIMENTER with one number. Its tools and libraries read both.
 */
import type { ErrorName } from '../model.js'
import type { Ranges } from '../versions.js'

/** Type and code in 1.0 and 1.1; the exp_type since 1.2. */
export type NiciraNumbers = readonly [type: number, code: number] | number

type Row = readonly [ErrorName, Ranges<NiciraNumbers>]
const of10 = (type: number, first: number, names: readonly ErrorName[]): Row[] => names.map((name, index) => [name, { '1.0': [type, first + index] }])
const upTo11 = (type: number, first: number, names: readonly ErrorName[]): Row[] => names.map((name, index) => [name, { '1.0-1.1': [type, first + index] }])

const rows: readonly Row[] = [
  ['OFPBRC_BAD_TABLE_ID', { '1.0': [1, 512] }], ...upTo11(1, 513, ['OFPRRFC_BAD_ROLE', 'OFPBRC_BAD_PORT']),
  ['OFPBAC_BAD_OUT_GROUP', { '1.0': [2, 9] }], ['OFPBAC_MATCH_INCONSISTENT', { '1.0': [1, 522] }],
  ...upTo11(1, 523, ['OFPBAC_BAD_SET_TYPE', 'OFPBAC_BAD_SET_LEN', 'OFPBAC_BAD_SET_ARGUMENT']),
  ['OFPBIC_UNSUP_INST', { '1.0': [2, 257] }], ['OFPBIC_DUP_INST', { '1.1': [3, 256] }],
  ['OFPBMC_BAD_WILDCARDS', { '1.0': [1, 262] }], ['OFPBMC_BAD_FIELD', { '1.0': [0, 263] }], ['OFPBMC_BAD_VALUE', { '1.0': [1, 258] }],
  ...upTo11(1, 259, ['OFPBMC_BAD_MASK', 'OFPBMC_BAD_PREREQ', 'OFPBMC_DUP_FIELD']),
  ['OFPFMFC_BAD_FLAGS', { '1.0': [3, 258], '1.1': [5, 258] }],
  ...of10(6, 0, [
    'OFPGMFC_GROUP_EXISTS', 'OFPGMFC_INVALID_GROUP', 'OFPGMFC_WEIGHT_UNSUPPORTED', 'OFPGMFC_OUT_OF_GROUPS', 'OFPGMFC_OUT_OF_BUCKETS',
    'OFPGMFC_CHAINING_UNSUPPORTED', 'OFPGMFC_WATCH_UNSUPPORTED', 'OFPGMFC_LOOP', 'OFPGMFC_UNKNOWN_GROUP', 'OFPGMFC_CHAINED_GROUP',
    'OFPGMFC_BAD_TYPE', 'OFPGMFC_BAD_COMMAND', 'OFPGMFC_BAD_BUCKET', 'OFPGMFC_BAD_WATCH', 'OFPGMFC_EPERM', 'OFPGMFC_UNKNOWN_BUCKET', 'OFPGMFC_BUCKET_EXISTS',
  ]),
  ...(['OFPBPC_BAD_TYPE', 'OFPBPC_BAD_LEN', 'OFPBPC_BAD_VALUE'] as const).map((name, index): Row => [name, { '1.0-1.1': [13, 2 + index], '1.2': 25 + index }]),
  ...(['OFPBPC_TOO_MANY', 'OFPBPC_DUP_TYPE', 'OFPBPC_BAD_EXPERIMENTER', 'OFPBPC_BAD_EXP_TYPE', 'OFPBPC_BAD_EXP_VALUE', 'OFPBPC_EPERM'] as const)
    .map((name, index): Row => [name, { '1.0-1.1': [14, 3 + index], '1.2': 28 + index }]),
  ...(['OFPMOFC_MONITOR_EXISTS', 'OFPMOFC_BAD_FLAGS', 'OFPMOFC_UNKNOWN_MONITOR'] as const).map((name, index): Row => [name, { '1.0-1.1': [1, 517 + index], '1.2-1.3': 6 + index }]),
]

export const NICIRA_ERRORS: ReadonlyMap<ErrorName, Ranges<NiciraNumbers>> = new Map(rows)
