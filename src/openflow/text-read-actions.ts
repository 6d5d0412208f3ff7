/** Actions and instructions of the flow syntax, in Open vSwitch's notation. */
import { CONTROLLER_MAX_LEN_NO_BUFFER, Group, NO_INSTRUCTIONS, Port, type Action, type Instructions, type Match, type OxmName } from './model.js'
import { fieldOfNxmName } from './schema/nicira-match.js'
import { OXM } from './schema/oxm.js'
import { fieldNamed, readValue } from './text-read-fields.js'
import { FlowTextError, readIpv4, readMac, readNumber, readPort, reservedPort, splitTop, type PortNumbers } from './text-read-values.js'

/** `match`: of the flow, which tells what a name without protocol means and whether there is a tag; null: not known. */
export function readActions(text: string, match: Match | null, ports: PortNumbers): readonly Action[] {
  const actions: Action[] = []
  for (const part of splitTop(text)) {
    if (part === 'drop') {
      if (splitTop(text).length > 1) throw new FlowTextError('drop must not be accompanied by any other action')
      continue
    }
    actions.push(...readAction(part, match, ports, actions))
  }
  return actions
}

/** Instructions among the actions, each at most once. OF 1.3.5 §5.9 */
export function readInstructions(text: string, match: Match, ports: PortNumbers): Instructions {
  const apply: string[] = []
  let instructions = NO_INSTRUCTIONS
  for (const part of splitTop(text)) {
    const [name = '', argument = ''] = nameAndArgument(part)
    switch (name) {
      case 'meter': instructions = { ...instructions, meter: Number(readNumber(name, argument, 0xffffffffn)) }; break
      case 'clear_actions': instructions = { ...instructions, clear: true }; break
      case 'write_actions': instructions = { ...instructions, write: readActions(argument, match, ports) }; break
      case 'write_metadata': {
        const { value, mask } = readValue(OXM.metadata, argument, ports)
        instructions = { ...instructions, writeMetadata: { value, mask: mask ?? OXM.metadata.ones } }
        break
      }
      case 'goto_table': instructions = { ...instructions, gotoTable: Number(readNumber(name, argument, 254n)) }; break
      default: apply.push(part)
    }
  }
  return apply.length === 0 ? instructions : { ...instructions, apply: readActions(apply.join(','), match, ports) }
}

/** `name:argument` or `name(argument)`. */
function nameAndArgument(part: string): readonly [string, string] {
  const [, name = part, colon, inside] = /^([^:(]+)(?::(.*)|\((.*)\))$/s.exec(part) ?? []
  return [name.toLowerCase(), colon ?? inside ?? '']
}

function readAction(part: string, match: Match | null, ports: PortNumbers, before: readonly Action[]): readonly Action[] {
  const [name, argument] = nameAndArgument(part)
  const set = (field: OxmName, value: bigint): readonly Action[] => [{ type: 'set_field', field, value, mask: null }]
  const number = (most: number): number => Number(readNumber(name, argument, BigInt(most)))
  switch (name) {
    case 'output': return [output(readPort(argument, ports))]
    case 'controller': return [readController(argument)]
    case 'note': return [{ type: 'note', data: readNote(argument) }]
    case 'group': return [{ type: 'group', groupId: number(Group.MAX) }]
    case 'set_queue': return [{ type: 'set_queue', queueId: number(0xffffffff) }]
    case 'enqueue': {
      const [port = '', queue = ''] = argument.split(/[:,]/)
      return [{ type: 'enqueue', port: readPort(port, ports), queueId: Number(readNumber(name, queue, 0xffffffffn)) }]
    }
    case 'set_field': return [readSetField(argument, match, ports)]
    case 'move': return [readMove(argument, match)]
    case 'load': return [readLoad(argument, match)]
    case 'push_vlan': case 'push_mpls': case 'push_pbb': case 'pop_mpls': return [{ type: name, ethertype: number(0xffff) }]
    case 'pop_vlan': case 'strip_vlan': return [{ type: 'pop_vlan' }]
    case 'pop_pbb': case 'copy_ttl_out': case 'copy_ttl_in': case 'dec_mpls_ttl': return [{ type: name }]
    case 'dec_ttl': case 'dec_nw_ttl': return [{ type: 'dec_nw_ttl' }]
    case 'mod_nw_ttl': case 'set_nw_ttl': return [{ type: 'set_nw_ttl', ttl: number(255) }]
    case 'set_mpls_ttl': return [{ type: 'set_mpls_ttl', ttl: number(255) }]
    case 'set_mpls_label': return set('mpls_label', BigInt(number(0xfffff)))
    case 'set_mpls_tc': return set('mpls_tc', BigInt(number(7)))
    case 'set_tunnel': case 'set_tunnel64': return set('tunnel_id', readNumber(name, argument, OXM.tunnel_id.ones))
    case 'mod_dl_src': return set('eth_src', readMac(argument))
    case 'mod_dl_dst': return set('eth_dst', readMac(argument))
    case 'mod_nw_src': return set('ipv4_src', readIpv4(argument))
    case 'mod_nw_dst': return set('ipv4_dst', readIpv4(argument))
    case 'mod_nw_tos': return set('ip_dscp', BigInt(number(255)) >> 2n)
    case 'mod_nw_ecn': return set('ip_ecn', BigInt(number(3)))
    case 'mod_tp_src': return set(fieldNamed('tp_src', match ?? []).name, BigInt(number(0xffff)))
    case 'mod_tp_dst': return set(fieldNamed('tp_dst', match ?? []).name, BigInt(number(0xffff)))
    case 'mod_vlan_vid': return withTag(match, before, set('vlan_vid', BigInt(number(0xfff)) | 0x1000n))
    case 'mod_vlan_pcp': return withTag(match, before, set('vlan_pcp', BigInt(number(7))))
    default: {
      const port = part === name || part.toUpperCase() === name.toUpperCase() ? reservedPort(part) ?? (/^\d+$/.test(part) ? Number(part) : ports(part)) : null
      if (port === null) throw new FlowTextError(`unknown action ${part}`)
      return [output(port)]
    }
  }
}

const output = (port: number): Action => ({ type: 'output', port, maxLen: port === Port.CONTROLLER ? CONTROLLER_MAX_LEN_NO_BUFFER : 0 })

/** controller, controller:N, controller(max_len=N,id=N,reason=R). */
function readController(argument: string): Action {
  const reason = /reason=(\w+)/.exec(argument)?.[1] ?? 'action'
  const id = /\bid=(\w+)/.exec(argument)?.[1]
  const controllerId = id === undefined ? 0 : Number(readNumber('controller', id, 0xffffn))
  if (reason !== 'action' && reason !== 'no_match' && reason !== 'invalid_ttl' && reason !== 'action_set' && reason !== 'group' && reason !== 'packet_out') throw new FlowTextError(`unknown reason ${reason}`)
  if (controllerId === 0 && reason === 'action') return { type: 'output', port: Port.CONTROLLER, maxLen: maxLen(argument) }
  return { type: 'controller', maxLen: maxLen(/=/.test(argument) && !/max_len=/.test(argument) ? '' : argument), controllerId, reason }
}

/** Bytes in hexadecimal, filled up with zeros as ovs-ofctl does. */
function readNote(argument: string): Uint8Array {
  const digits = argument.replaceAll('.', '')
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new FlowTextError(`not bytes in hexadecimal: ${argument}`)
  const bytes = digits.match(/../g)?.map((byte) => parseInt(byte, 16)) ?? []
  const data = new Uint8Array(6 + Math.ceil(Math.max(0, bytes.length - 6) / 8) * 8)
  data.set(bytes)
  return data
}

function maxLen(argument: string): number {
  const text = /max_len=(\w+)/.exec(argument)?.[1] ?? argument
  return text === '' ? CONTROLLER_MAX_LEN_NO_BUFFER : Number(readNumber('controller', text, 0xffffn))
}

/** 1.0's actions on the tag add one where there is none; later versions say so. OF 1.0 §5.2.4 */
function withTag(match: Match | null, before: readonly Action[], actions: readonly Action[]): readonly Action[] {
  const vid = match?.find(({ field }) => field === 'vlan_vid')
  const isTagged = vid !== undefined && (vid.value & 0x1000n) !== 0n
  return isTagged || before.some(({ type }) => type === 'push_vlan') ? actions : [{ type: 'push_vlan', ethertype: 0x8100 }, ...actions]
}

function readSetField(argument: string, match: Match | null, ports: PortNumbers): Action {
  const [, text = '', name = ''] = /^(.*)->(\w+)$/.exec(argument) ?? []
  if (name === '') throw new FlowTextError(`set_field:${argument}: missing "->field"`)
  const row = name === 'nw_tos' ? OXM.ip_dscp : name === 'vlan_vid' ? OXM.vlan_vid : fieldNamed(name, match ?? [])
  return { type: 'set_field', field: row.name, ...readValue(row, text, ports) }
}

interface Part { readonly name: OxmName; readonly from: number; readonly bits: number }

/** `field[first..last]`, `field[bit]` or `field[]` for all of it. */
function readPart(text: string, match: Match | null): Part {
  const [, name = '', first = '', last] = /^(\w+)\[(?:(\d+)(?:\.\.(\d+))?)?\]$/.exec(text) ?? []
  if (name === '') throw new FlowTextError(`${text}: expected field[first..last]`)
  const row = OXM[fieldOfNxmName(name) ?? fieldNamed(name, match ?? []).name]
  const width = row.name === 'vlan_vid' ? 12 : row.bits
  const from = first === '' ? 0 : Number(first)
  const bits = first === '' ? width : Number(last ?? first) - from + 1
  if (bits < 1 || from + bits > row.bits) throw new FlowTextError(`${text}: ${row.name} has ${row.bits} bits`)
  return { name: row.name, from, bits }
}

function readMove(argument: string, match: Match | null): Action {
  const [src, dst] = argument.split('->').map((text) => readPart(text, match))
  if (src === undefined || dst === undefined) throw new FlowTextError(`move:${argument}: missing "->field"`)
  if (src.bits !== dst.bits) throw new FlowTextError(`move:${argument}: ${src.bits} bits do not fit in ${dst.bits}`)
  return { type: 'copy_field', bits: src.bits, srcOffset: src.from, dstOffset: dst.from, src: src.name, dst: dst.name }
}

function readLoad(argument: string, match: Match | null): Action {
  const [text = '', place] = argument.split('->')
  if (place === undefined) throw new FlowTextError(`load:${argument}: missing "->field"`)
  const { name, from, bits } = readPart(place, match)
  const tag = name === 'vlan_vid' ? 0x1000n : 0n
  const value = readNumber('load', text, (1n << BigInt(Math.min(bits, 64))) - 1n)
  const mask = (1n << BigInt(bits)) - 1n << BigInt(from) | tag
  return { type: 'set_field', field: name, value: value << BigInt(from) | tag, mask: mask === OXM[name].ones ? null : mask, ...(bits > 64 ? {} : { load: true as const }) }
}
