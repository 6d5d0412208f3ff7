/**
 * The kinds of values that configuration files and options hold, as strict zod types: each turns the text that people
 * write into what the program uses, or says what it expected.
 */
import { z } from 'zod'
import { parseEndpoint, parseHostPort } from '../base/endpoint.js'
import { joinedRanges, type PortVlans, type VlanMode, vlanModes, type VlanRange, VLANS } from '../base/port-vlans.js'

/** A refusal from inside a transform. */
const fail = (context: z.RefinementCtx, message: string): never => {
  context.addIssue({ code: 'custom', message })
  return z.NEVER
}

/** 16 hexadecimal digits as Open vSwitch prints them; also 0x… and decimal. */
export const datapathId = z.string().transform((text, context): bigint => {
  let id: bigint | null = null
  if (/^[0-9a-fA-F]{16}$/.test(text)) id = BigInt(`0x${text}`)
  else if (/^0[xX][0-9a-fA-F]{1,16}$/.test(text) || /^(?:0|[1-9][0-9]{0,19})$/.test(text)) id = BigInt(text)
  if (id === null || id >= 1n << 64n) {
    return fail(context, `'${text}' is not a datapath id; expected 16 hexadecimal digits (0000000000000001), 0x and at most 16 of them, or a decimal number`)
  }
  if (id === 0n) return fail(context, 'a datapath id of 0 is not valid')
  return id
})

/** In milliseconds. The unit is required, because peers disagree on the default one. */
export const duration = (least: number, most: number) => z.string().transform((text, context): number => {
  const match = /^([0-9]+(?:\.[0-9]+)?)(ms|s)$/.exec(text)
  if (text === '0' && least === 0) return 0
  if (match === null) return fail(context, `'${text}' is not a duration; expected a number and its unit, such as 5s or 500ms${least === 0 ? ', or 0 for never' : ''}`)
  const ms = Math.round(Number(match[1]) * (match[2] === 's' ? 1000 : 1))
  return ms >= least && ms <= most ? ms : fail(context, `${text} is out of range (${least} ms to ${most} ms)`)
})

/** `allow` is 'passive' for listeners. */
export const endpoint = (allow: 'any' | 'passive') => z.string().transform((text, context) => {
  const result = parseEndpoint(text)
  if (!result.ok) return fail(context, result.reason)
  if (allow === 'passive' && !result.endpoint.passive) return fail(context, `'${text}' does not listen; expected ptcp:[PORT][:HOST], pssl:[PORT][:HOST] or punix:PATH`)
  return result.endpoint
})

/** A rate or a burst of packet-ins. */
export const packets = z.int().min(1).max(1_000_000)

const controllerSettings = z.strictObject({
  connection: endpoint('any').describe('tcp:HOST[:PORT], ssl:HOST[:PORT], unix:PATH, ptcp:[PORT][:HOST], pssl:[PORT][:HOST] or punix:PATH'),
  inactivityProbe: duration(0, 3_600_000).optional().describe('in place of that for all controllers'),
  maxBackoff: duration(10, 3_600_000).optional().describe('in place of that for all controllers'),
  packetInRate: packets.optional().describe('in place of that for all controllers'),
  packetInBurst: packets.optional().describe('in place of that for all controllers'),
  auxiliary: z.int().min(0).max(16).optional().describe('auxiliary connections beside the main one, in OpenFlow 1.3 and later (0)'),
})
export const controllerKeys = Object.keys(controllerSettings.shape)

/** A controller: its connection alone, or with settings of its own. */
export const controller = z.union([
  endpoint('any').transform((given) => ({ endpoint: given })),
  controllerSettings.transform(({ connection, ...settings }) => ({ endpoint: connection, ...settings })),
])

const vlan = z.int().min(0).max(VLANS - 1)
/** VLANs of a port, numbers and ranges such as 10-20; joined, in ascending order. */
export const vlanList = z.array(z.union([
  vlan.transform((one) => ({ first: one, last: one })),
  z.string().transform((text, context): VlanRange => {
    const [first, last] = /^([0-9]{1,4})-([0-9]{1,4})$/.exec(text)?.slice(1).map(Number) ?? []
    if (first === undefined || last === undefined || first > last || last >= VLANS) return fail(context, `'${text}' is not a range of VLANs; expected such as 10-20, from 0 to ${VLANS - 1}`)
    return { first, last }
  }),
])).min(1).transform(joinedRanges)

export const portVlanKeys = {
  tag: vlan.optional().describe('VLAN of an access port, or the native VLAN; for NORMAL, which takes packets without a tag as of it'),
  trunks: vlanList.optional().describe('VLANs that the port carries for NORMAL, numbers and ranges (10-20); all where it is absent'),
  vlanMode: z.enum(vlanModes).optional().describe(`${vlanModes.join(', ')}; access where there is a tag, else trunk`),
}
/** As Open vSwitch understands its tag, trunks and vlan_mode, but what it would ignore is refused: [key, why]. null: nothing is said of VLANs. */
export function portVlans({ tag, trunks, vlanMode }: { readonly tag?: number | undefined; readonly trunks?: readonly VlanRange[] | undefined; readonly vlanMode?: VlanMode | undefined }): PortVlans | readonly [key: string, reason: string] | null {
  const mode = vlanMode ?? (tag === undefined ? 'trunk' : 'access')
  if (mode === 'trunk') {
    if (tag !== undefined) return ['tag', 'a trunk port has no VLAN of its own; native-tagged and native-untagged ports have']
    return trunks === undefined ? null : { mode, tag: 0, trunks }
  }
  if (tag === undefined) return ['vlanMode', `a port that is ${mode} needs a tag, its VLAN`]
  if (mode === 'access' && trunks !== undefined) return ['trunks', 'an access port carries the VLAN of its tag alone; give vlanMode, or leave one of them out']
  return { mode, tag, trunks: trunks ?? null }
}

export type TargetChoice = { readonly kind: 'embedded' } | { readonly kind: 'remote'; readonly host: string; readonly port: number }
export const target = z.string().transform((text, context): TargetChoice => {
  if (text === 'embedded') return { kind: 'embedded' }
  const remote = parseHostPort(text)
  return remote === null
    ? fail(context, `'${text}' is not a target; expected 'embedded' or HOST:PORT of a P4Runtime server`)
    : { kind: 'remote', ...remote }
})

/** Names OpenFlow can carry (OF 1.3.5 §7.2.1: 16 bytes with the closing zero) and Linux accepts. */
export const interfaceName = z.string().regex(/^[!-.0-~]{1,15}$/, 'not an interface name (1 to 15 printable characters, no blank, no slash)')

/** What becomes part of a file name in the run directory. */
export const bridgeName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, 'not a name (letters, digits, _ - and ., 64 at most)')

export const wireVersions = { OpenFlow10: 1, OpenFlow11: 2, OpenFlow12: 3, OpenFlow13: 4, OpenFlow14: 5, OpenFlow15: 6 } as const
export type ProtocolName = keyof typeof wireVersions
export const protocol = z.string().transform((text, context): ProtocolName =>
  Object.hasOwn(wireVersions, text)
    ? (text as ProtocolName)
    : fail(context, /^OpenFlow1[0-9]$/.test(text)
      ? `${text} is not supported; supported are ${Object.keys(wireVersions).join(', ')}`
      : `'${text}' is not a protocol; supported are ${Object.keys(wireVersions).join(', ')}`))

export const failMode = z.string().transform((text, context): 'secure' | 'standalone' =>
  text === 'secure' || text === 'standalone' ? text : fail(context, `'${text}' is not a fail mode; expected 'secure' or 'standalone'`))

/** A description string of `size` bytes on the wire, the closing zero included. OF 1.3.5 §7.3.5.1 */
export const wireText = (size: number) => z.string()
  .regex(/^[ -~]*$/, 'expected printable ASCII characters')
  .max(size - 1, `longer than ${size - 1} characters`)
