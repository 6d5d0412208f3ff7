/**
 * Matches as sets of packets: the canonical form, identity, and how two of them lie to each other.
 * Checks: OF 1.3.5 §7.2.3.5 (masks), §7.2.3.6 (duplicates), §7.2.3.7 and §7.2.3.8 (fields, prerequisites).
 * Open vSwitch's order of checks decides which error a match with several faults gets.
 */
import type { ErrorName, FieldValue, Match, OxmName } from './model.js'
import { OXM, type OxmField, type Prerequisite } from './schema/oxm.js'

export type CanonicalResult = { readonly match: Match } | { readonly error: ErrorName; readonly reason: string }

const VLAN_PRESENT = 0x1000n
export const EMPTY_MATCH: Match = []

/** Any order in; sorted by field number, minimal masks, all checks done. */
export function canonicalMatch(fields: readonly FieldValue[]): CanonicalResult {
  if (fields.length === 0) return { match: EMPTY_MATCH }
  const kept: FieldValue[] = []
  let sorted = true
  let last = -1
  for (const given of fields) {
    const row = OXM[given.field]
    const checked = checkValue(row, given)
    if ('error' in checked) return checked
    if (checked.value === null) continue
    if (row.number <= last) sorted = false
    last = row.number
    kept.push(checked.value)
  }
  if (!sorted) {
    kept.sort((a, b) => OXM[a.field].number - OXM[b.field].number)
    for (let i = 1; i < kept.length; i++) {
      const field = kept[i]?.field
      if (field !== undefined && field === kept[i - 1]?.field) return { error: 'OFPBMC_DUP_FIELD', reason: `${field} is given twice` }
    }
  }
  for (let i = 0; i < kept.length; i++) {
    const missing = missingPrerequisite(kept, i, kept.length)
    if (missing !== null) return { error: 'OFPBMC_BAD_PREREQ', reason: missing }
  }
  return { match: kept }
}

type Checked = { readonly value: FieldValue | null } | { readonly error: ErrorName; readonly reason: string }

function checkValue(row: OxmField, given: FieldValue): Checked {
  const { field, value } = given
  let mask = given.mask
  if (mask !== null) {
    // Bits above the field's width cannot be set in the value, so what the mask says of them means nothing.
    mask &= row.ones
    if ((value & ~mask & row.ones) !== 0n) {
      return { error: 'OFPBMC_BAD_WILDCARDS', reason: `${field} has bits 0x${(value & ~mask).toString(16)} outside its mask` }
    }
  }
  if (value < 0n || value > row.ones) return { error: 'OFPBMC_BAD_VALUE', reason: `${field} has ${row.bits} bits, not 0x${value.toString(16)}` }
  if (mask === 0n) return { value: null }
  if (mask === row.ones) mask = null
  if (mask !== null) {
    if (!row.maskable) return { error: 'OFPBMC_BAD_MASK', reason: `${field} cannot be masked` }
    return { value: { field, value, mask } }
  }
  if (field === 'vlan_vid' && value !== 0n && (value & VLAN_PRESENT) === 0n) {
    // No packet has a VLAN id without a tag. OF 1.3.5 table 13.
    return { error: 'OFPBMC_BAD_VALUE', reason: `vlan_vid ${value} lacks the OFPVID_PRESENT bit` }
  }
  return { value: given.mask === null ? given : { field, value, mask } }
}

/** What fields[index] requires of the `count` first fields and does not find there, or null. */
function missingPrerequisite(fields: readonly FieldValue[], index: number, count: number): string | null {
  const { field } = fields[index] as FieldValue
  for (const needed of OXM[field].prerequisites) {
    let met = false
    for (let i = 0; i < count && !met; i++) {
      const other = fields[i] as FieldValue
      if (other.field === needed.field) met = meets(other, needed)
    }
    if (!met) return `${field} needs ${describe(needed)}`
  }
  return null
}

function meets(value: FieldValue, needed: Prerequisite): boolean {
  if (needed.values === 'any') return true
  if (needed.values === 'tagged') return (value.value & VLAN_PRESENT) !== 0n
  const { ones } = OXM[value.field]
  return (value.mask === null || (value.mask & ones) === ones) && needed.values.includes(value.value)
}

const describe = ({ field, values }: Prerequisite): string =>
  typeof values === 'string' ? `${field} (${values})` : `${field}=${values.map((value) => `0x${value.toString(16)}`).join(' or ')}`

/** Fields as they stood on the wire: a prerequisite must come before what needs it. OF 1.3.5 §7.2.3.6. */
export function orderFault(fields: readonly FieldValue[]): string | null {
  for (let i = 0; i < fields.length; i++) {
    const missing = missingPrerequisite(fields, i, i)
    if (missing !== null) return `${missing} before it`
  }
  return null
}

export function fieldOf(match: Match, field: OxmName): FieldValue | undefined {
  for (const value of match) if (value.field === field) return value
  return undefined
}

/**
 * Equal for equal matches and only for them; canonical matches only. Not for people: 16 bits a character, each field as long
 * as it is on the wire, because a switch keeps one for every flow.
 */
export function matchKey(match: Match): string {
  let key = ''
  for (const { field, value, mask } of match) {
    const { number, bytes } = OXM[field]
    key += mask === null ? String.fromCharCode(number) + keyPart(value, bytes) : String.fromCharCode(0x8000 | number) + keyPart(value, bytes) + keyPart(mask, bytes)
  }
  return key
}
function keyPart(value: bigint, bytes: number): string {
  if (bytes <= 2) return String.fromCharCode(Number(value))
  if (bytes > 6) return keyPart(value >> 48n, bytes - 6) + keyPart(value & 0xffff_ffff_ffffn, 6)
  const all = Number(value)
  const low = all % 0x1_0000_0000
  return bytes <= 4 ? String.fromCharCode(low >>> 16, low & 0xffff) : String.fromCharCode((all - low) / 0x1_0000_0000, low >>> 16, low & 0xffff)
}

/** Every packet that `specific` matches is matched by `general`. */
export function matchSubsumes(general: Match, specific: Match): boolean {
  let at = 0
  for (const wide of general) {
    while (at < specific.length && OXM[(specific[at] as FieldValue).field].number < OXM[wide.field].number) at++
    const narrow = specific[at]
    if (narrow === undefined || narrow.field !== wide.field) return false
    const wideMask = wide.mask ?? OXM[wide.field].ones
    const narrowMask = narrow.mask ?? OXM[wide.field].ones
    if ((wideMask & ~narrowMask) !== 0n || ((wide.value ^ narrow.value) & wideMask) !== 0n) return false
  }
  return true
}

/** Some packet may be matched by both. OF 1.3.5 §6.4. */
export function matchOverlaps(a: Match, b: Match): boolean {
  let at = 0
  for (const one of a) {
    const number = OXM[one.field].number
    while (at < b.length && OXM[(b[at] as FieldValue).field].number < number) at++
    const other = b[at]
    if (other === undefined) return true
    if (other.field !== one.field) continue
    const common = (one.mask ?? OXM[one.field].ones) & (other.mask ?? OXM[one.field].ones)
    if (((one.value ^ other.value) & common) !== 0n) return false
  }
  return true
}
