/** An OpenFlow match as the key of a flow table's entry. A field that the pipeline lacks, or cannot mask, is refused. */
import type { Match, OxmName } from '../openflow/model.js'
import { OXM } from '../openflow/index.js'
import type { FlowTable } from './contract.js'
import type { NamedMatch } from './ir.js'
import { CannotPlan } from './planning.js'

/**
 * P4Runtime priorities start at 1 and higher wins, as OpenFlow's do; one level is kept below priority 0.
 * ADR-0007; P4RT 1.4 §9.1.1
 */
export const targetPriority = (priority: number): number => priority + 2

/** Throws CannotPlan where compileMatch() would, and makes nothing. */
export function checkMatch(match: Match, table: FlowTable): void {
  for (const { field } of match) if (!table.matches.has(field)) throw noField(field, table)
  if (!shapeOf(table).ternary) compileMatch(match, table)
}

/** Whether all fields are ternary, which can be matched in every way and left out; and those that cannot be left out. */
interface Shape { readonly ternary: boolean; readonly needed: readonly { readonly oxm: OxmName; readonly field: string }[] }
const shapes = new WeakMap<FlowTable, Shape>()
function shapeOf(table: FlowTable): Shape {
  const known = shapes.get(table)
  if (known !== undefined) return known
  const targets = [...table.matches]
  const shape = {
    ternary: targets.every(([, { kind }]) => kind === 'ternary'),
    needed: targets.flatMap(([oxm, { kind, field }]) => (kind === 'exact' ? [{ oxm, field }] : [])),
  }
  shapes.set(table, shape)
  return shape
}
const noField = (field: OxmName, table: FlowTable): CannotPlan => new CannotPlan('OFPBMC_BAD_FIELD', `table ${table.number} cannot match ${field}`)

export function compileMatch(match: Match, table: FlowTable): readonly NamedMatch[] {
  const named: NamedMatch[] = []
  for (const { field, value, mask } of match) {
    const target = table.matches.get(field)
    if (target === undefined) throw noField(field, table)
    const all = OXM[field].ones
    const bits = mask ?? all
    switch (target.kind) {
      case 'ternary':
        // Bits of the key that the field does not have are 0 in every packet, so an exact match may compare them all or not.
        named.push({ field: target.field, kind: 'ternary', value: mask === null ? value : value & mask, mask: bits })
        break
      case 'exact': case 'optional':
        if (bits !== all) throw new CannotPlan('OFPBMC_BAD_MASK', `table ${table.number} cannot mask ${field}`)
        named.push({ field: target.field, kind: target.kind, value })
        break
      case 'lpm': {
        const length = prefixLength(bits, OXM[field].bits)
        if (length === null) throw new CannotPlan('OFPBMC_BAD_MASK', `table ${table.number} matches ${field} by prefix only`)
        named.push({ field: target.field, kind: 'lpm', value: value & bits, prefixLength: length })
        break
      }
      default: throw new CannotPlan('OFPBMC_BAD_FIELD', `table ${table.number} matches ${field} in a way that OpenFlow cannot express`)
    }
  }
  for (const { oxm, field } of shapeOf(table).needed) {
    if (!named.some((entry) => entry.field === field)) throw new CannotPlan('OFPBMC_BAD_WILDCARDS', `table ${table.number} needs ${oxm}`)
  }
  return named
}

function prefixLength(mask: bigint, width: number): number | null {
  const ones = mask.toString(2).padStart(width, '0')
  const length = ones.indexOf('0') < 0 ? width : ones.indexOf('0')
  return ones.slice(length).includes('1') ? null : length
}
