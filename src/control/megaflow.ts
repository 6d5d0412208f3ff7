/**
 * Which bits of a packet its way depended on: the packets that agree with it there meet the same flows. Taken from the flows of the
 * tables that it met, down to the one that it matched, so it may name more bits than Open vSwitch does, never fewer.
 */
import type { FlowRecord } from '../datapath/pipeline.js'
import { formatMatch } from '../openflow/text.js'
import type { FieldValue, OxmName } from '../openflow/model.js'
import { OXM } from '../openflow/index.js'
import { extractFields } from '../packet/index.js'
import type { PacketContext } from './flow-text.js'
import type { TableVisit } from './traced-packet.js'

/** Of the headers that a hash of SELECT groups takes in. */
const HASHED: readonly OxmName[] = ['eth_src', 'eth_dst', 'ip_proto', 'ipv4_src', 'ipv4_dst', 'ipv6_src', 'ipv6_dst', 'tcp_src', 'tcp_dst', 'udp_src', 'udp_dst', 'sctp_src', 'sctp_dst']

export function formatMegaflow(
  frame: Uint8Array, context: PacketContext, visits: readonly TableVisit[], flows: readonly FlowRecord[],
  /** Whether NORMAL has looked for hosts, and a SELECT group has chosen by the headers; the TTL that a decrement has looked at, where the packet came in with it. */
  also: { readonly normal: boolean; readonly hashed: boolean; readonly ttl: number | null },
): string {
  const values = extractFields(frame)
  if (values.get('eth_type') === 0x05ffn) values.set('eth_type', BigInt(context.noType))
  values.set('in_port', BigInt(context.inPort))
  if (context.metadata !== 0n) values.set('metadata', context.metadata)
  const masks = new Map<OxmName, bigint>([['in_port', OXM.in_port.ones], ['eth_type', OXM.eth_type.ones]])
  const look = (field: OxmName, mask: bigint): void => { masks.set(field, (masks.get(field) ?? 0n) | mask) }
  for (const { tableId, flow } of visits) {
    for (const { match } of flows.filter((other) => other.tableId === tableId && other.priority >= (flow?.priority ?? 0))) {
      for (const { field, mask } of match) look(field, mask ?? OXM[field].ones)
    }
  }
  if (also.normal) for (const field of ['vlan_vid', 'eth_src', 'eth_dst'] as const) look(field, OXM[field].ones)
  if (also.hashed) for (const field of HASHED) look(field, OXM[field].ones)
  const match = [...masks].flatMap(([field, mask]): FieldValue[] => {
    const value = values.get(field)
    return value === undefined ? [] : [{ field, value: value & mask, mask: mask === OXM[field].ones ? null : mask }]
  })
  return `eth,${formatMatch(match)}${also.ttl === null ? '' : `,nw_ttl=${also.ttl}`}`
}
