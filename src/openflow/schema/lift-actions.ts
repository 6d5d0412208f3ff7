/**
 * Where action lists of versions differ in kind, not only in numbers:
 * - OF 1.0 and 1.1 have a set action per field, whose transport ports do not say which protocol they are of;
 * - OF 1.0 pushes a VLAN tag as a side effect of setting its id, later versions with an action of its own;
 * - OF 1.0 names port and queue in one action;
 * - what a version cannot say at all is left out of a switch's statements about flows, as Open vSwitch does, and is
 *   Unencodable in a request.
 */
import type { Reader, Writer } from '../buffer.js'
import { Unencodable } from '../fault.js'
import type { Layout } from '../layout.js'
import { f, layout, n32, n48, pad, u16, u32, u8 } from '../layout.js'
import type { Action, OxmName } from '../model.js'
import type { Ranges } from '../versions.js'
import { inRange } from '../versions.js'
import { OXM } from './oxm.js'

const VLAN_PRESENT = 0x1000n

type Value = bigint | number
export interface LegacySet {
  readonly codes: Ranges<number>
  readonly fields: readonly OxmName[]
  readonly layout: Layout<{ readonly value: Value }>
  /** To the field's value; null for one that it cannot have. */
  lift(value: bigint): bigint | null
  lower(value: bigint): Value
}

const same = (value: bigint): bigint => value
const ERR = { lengthError: 'OFPBAC_BAD_LEN' } as const
const BOTH = '1.0-1.1'
const codes = (of10: number | null, of11: number): Ranges<number> => of10 === null ? { '1.1': of11 } : { '1.0': of10, '1.1': of11 }
const mac = (of10: number, of11: number, name: string, field: OxmName): LegacySet =>
  ({ codes: codes(of10, of11), fields: [field], layout: layout(name, { [BOTH]: [f('value', n48), pad(6)] }, ERR), lift: same, lower: same })
const address = (of10: number, of11: number, name: string, field: OxmName): LegacySet =>
  ({ codes: codes(of10, of11), fields: [field], layout: layout(name, { [BOTH]: [f('value', n32)] }, ERR), lift: same, lower: same })
const transport = (of10: number, of11: number, name: string, fields: readonly OxmName[]): LegacySet =>
  ({ codes: codes(of10, of11), fields, layout: layout(name, { [BOTH]: [f('value', u16), pad(2)] }, ERR), lift: same, lower: Number })
/** A field narrower than the byte, half word or word that 1.1 has for it. */
const narrow = (of11: number, field: OxmName, layout11: Layout<{ readonly value: Value }>): LegacySet => ({
  codes: codes(null, of11), fields: [field], layout: layout11, lift: (value) => value <= OXM[field].ones ? value : null, lower: (value) => Number(value),
})

/** OF 1.0 §5.2.4, OF 1.1 §A.2.5. 1.0's VLAN actions add a tag, which those of 1.1 do not: they are set_vlan_vid and -pcp. */
export const legacySets: readonly LegacySet[] = [
  mac(4, 3, 'OFPAT_SET_DL_SRC', 'eth_src'),
  mac(5, 4, 'OFPAT_SET_DL_DST', 'eth_dst'),
  address(6, 5, 'OFPAT_SET_NW_SRC', 'ipv4_src'),
  address(7, 6, 'OFPAT_SET_NW_DST', 'ipv4_dst'),
  {
    codes: codes(8, 7), fields: ['ip_dscp'], layout: layout('OFPAT_SET_NW_TOS', { [BOTH]: [f('value', u8), pad(3)] }, ERR),
    // The upper six bits of the ToS byte; OF 1.0 gives the other two no meaning.
    lift: (value) => (value & 3n) === 0n ? value >> 2n : null,
    lower: (value) => Number(value << 2n),
  },
  transport(9, 9, 'OFPAT_SET_TP_SRC', ['tcp_src', 'udp_src', 'sctp_src']),
  transport(10, 10, 'OFPAT_SET_TP_DST', ['tcp_dst', 'udp_dst', 'sctp_dst']),
  {
    codes: codes(null, 1), fields: ['vlan_vid'], layout: layout('OFPAT_SET_VLAN_VID11', { '1.1': [f('value', u16), pad(2)] }, ERR),
    lift: (value) => value <= 0xfffn ? value | VLAN_PRESENT : null,
    lower: (value) => Number(value & 0xfffn),
  },
  narrow(2, 'vlan_pcp', layout('OFPAT_SET_VLAN_PCP11', { '1.1': [f('value', u8), pad(3)] }, ERR)),
  narrow(8, 'ip_ecn', layout('OFPAT_SET_NW_ECN', { '1.1': [f('value', u8), pad(3)] }, ERR)),
  narrow(13, 'mpls_label', layout('OFPAT_SET_MPLS_LABEL', { '1.1': [f('value', u32)] }, ERR)),
  narrow(14, 'mpls_tc', layout('OFPAT_SET_MPLS_TC', { '1.1': [f('value', u8), pad(3)] }, ERR)),
]

const PROTOCOLS: Readonly<Record<number, number>> = { 6: 0, 17: 1, 132: 2 }

/**
 * What SET_TP_* sets: the port of the protocol that the match requires; without one the port of whichever header the
 * packet has, so a set of each (the two that OF 1.0 §5.2.4 speaks of).
 */
export function protocolFields(fields: readonly OxmName[], protocol: number): readonly OxmName[] {
  if (fields.length === 1) return fields
  const index = PROTOCOLS[protocol]
  return index === undefined ? fields.slice(0, 2) : fields.slice(index, index + 1)
}

/** NXM_NX_IP_TTL, 8 bits from bit 0, in Open vSwitch's reg_load: how 1.0 says set_nw_ttl. */
const NXM_IP_TTL = 0x00013a01
const WHOLE_BYTE = 7
export const setNwTtlLoad = {
  key: 'set_nw_ttl', codes: { '1.0': { nicira: 7 } } as const,
  /** Leaves any other reg_load to be an opaque extension action. */
  decode(r: Reader, at: number, end: number, out: Action[]): void {
    r.at = end
    if (end - at !== 14 || r.view.getUint16(at) !== WHOLE_BYTE || r.view.getUint32(at + 2) !== NXM_IP_TTL) return
    const value = r.view.getBigUint64(at + 6)
    if (value <= 0xffn) out.push({ type: 'set_nw_ttl', ttl: Number(value) })
  },
  encode(w: Writer, action: Action): void {
    const at = w.reserve(14)
    w.view.setUint16(at, WHOLE_BYTE)
    w.view.setUint32(at + 2, NXM_IP_TTL)
    if (action.type === 'set_nw_ttl') w.view.setBigUint64(at + 6, BigInt(action.ttl))
  },
}

export function lowerActions(list: readonly Action[], w: Writer): readonly Action[] {
  return w.version === 1 ? lowerTo10(list, w) : lowerTo11(list, w)
}

function lowerTo10(list: readonly Action[], w: Writer): readonly Action[] {
  const out: Action[] = []
  for (const action of list) {
    const last = out.at(-1)
    switch (action.type) {
      case 'meter': case 'push_vlan': case 'push_pbb': case 'pop_pbb': case 'copy_ttl_out': case 'copy_ttl_in':
        if (!w.lossy) throw new Unencodable('actions', action.type, w.version, 'the version has no such action')
        break
      case 'set_field':
        if (action.load === true) out.push(action)
        else if (action.mask === null && action.field === 'vlan_vid') out.push({ type: 'set_vlan_vid', vid: Number(action.value & 0xfffn) })
        else if (action.mask === null && action.field === 'vlan_pcp') out.push({ type: 'set_vlan_pcp', pcp: Number(action.value) })
        else if (!(last?.type === 'set_field' && last.value === action.value && isOtherProtocol(last.field, action.field))) out.push(action)
        break
      default: out.push(action)
    }
  }
  return out
}

/** The second half of what protocolFields() made of one SET_TP_*. */
const isOtherProtocol = (first: OxmName, second: OxmName): boolean =>
  (first === 'tcp_src' && second === 'udp_src') || (first === 'tcp_dst' && second === 'udp_dst')

function lowerTo11(all: readonly Action[], w: Writer): readonly Action[] {
  const list = w.lossy || w.version === OF11 ? sayable(all, w) : all
  if (!list.some(({ type }) => type === 'enqueue' || type === 'set_vlan_vid' || type === 'set_vlan_pcp')) return list
  const out: Action[] = []
  let tagged = w.matchVlan
  const push = (): void => {
    if (!tagged) out.push({ type: 'push_vlan', ethertype: 0x8100 })
    tagged = true
  }
  for (const action of list) {
    switch (action.type) {
      case 'enqueue':
        out.push({ type: 'set_queue', queueId: action.queueId }, { type: 'output', port: action.port, maxLen: 0xffff })
        break
      case 'set_vlan_vid':
        push()
        out.push({ type: 'set_field', field: 'vlan_vid', value: BigInt(action.vid) | VLAN_PRESENT, mask: null })
        break
      case 'set_vlan_pcp':
        push()
        out.push({ type: 'set_field', field: 'vlan_pcp', value: BigInt(action.pcp), mask: null })
        break
      default:
        if (action.type === 'push_vlan') tagged = true
        if (action.type === 'pop_vlan') tagged = false
        out.push(action)
    }
  }
  return out
}

const OF11 = 2
/** Since which version there is such an action at all; the other actions are in every version since 1.1. */
const SINCE: Readonly<Partial<Record<Action['type'], '1.3+' | '1.5+'>>> = { push_pbb: '1.3+', pop_pbb: '1.3+', meter: '1.5+' }

function sayable(list: readonly Action[], w: Writer): readonly Action[] {
  const out: Action[] = []
  for (const action of list) {
    const last = out.at(-1)
    const since = SINCE[action.type]
    if (w.lossy && since !== undefined && !inRange(since, w.version)) continue
    // One SET_TP_* of 1.1 is two in the model; see protocolFields().
    if (w.version === OF11 && action.type === 'set_field' && last?.type === 'set_field' && last.value === action.value && isOtherProtocol(last.field, action.field)) continue
    if (w.lossy && action.type === 'set_field' && w.version > OF11 && !inRange(OXM[action.field].since, w.version)) continue
    out.push(action)
  }
  return out
}
