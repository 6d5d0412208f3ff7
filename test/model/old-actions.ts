/** Matches and action lists of OpenFlow 1.0 §5.2.3, §5.2.4: a tag is set, not pushed, and a port's queue is part of an output. */
import { pool, mac, ipv4 } from '../e2e/differential/packets.js'
import type { Random } from '../e2e/differential/random.js'
import { Port, type Action, type Match, type OxmName } from '../../src/openflow/index.js'

const fields: readonly OxmName[] = ['in_port', 'eth_src', 'eth_dst', 'eth_type', 'vlan_vid', 'vlan_pcp', 'ip_proto', 'ip_dscp', 'ipv4_src', 'ipv4_dst', 'tcp_src', 'tcp_dst', 'udp_src', 'udp_dst', 'icmpv4_type', 'icmpv4_code']

/** What of a match 1.0 can say: whole fields of IPv4 and below. */
export function matchOf10(match: Match): Match {
  const isIpv4 = match.some(({ field, value }) => field === 'eth_type' && value === 0x0800n)
  return match.filter(({ field, mask, value }) => fields.includes(field) && mask === null && (isIpv4 || !/^(ip|tcp|udp|icmp)/.test(field)) && (field !== 'in_port' || value < 0xff00n))
}

export function oldActions(random: Random, match: Match, length: number, output: () => Action): Action[] {
  const big = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`)
  const set = (field: OxmName, value: bigint | number): Action => ({ type: 'set_field', field, value: BigInt(value), mask: null })
  const proto = match.find(({ field }) => field === 'ip_proto')?.value
  const transport = (end: 'src' | 'dst'): Action[] => {
    const value = random.pick(pool.port)
    return proto === 6n ? [set(`tcp_${end}`, value)] : proto === 17n ? [set(`udp_${end}`, value)] : proto === 132n ? [set(`sctp_${end}`, value)] : [set(`tcp_${end}`, value), set(`udp_${end}`, value)]
  }
  const choices: (() => Action[])[] = [
    () => [output()], () => [output()], () => [output()],
    () => [{ type: 'enqueue', port: random.pick([1, 2, 3, 4, 5, Port.IN_PORT]), queueId: random.pick([0, 1, 7, 0xffff_fffe]) }],
    () => [{ type: 'set_vlan_vid', vid: random.pick(pool.vid) }], () => [{ type: 'set_vlan_pcp', pcp: random.int(0, 7) }], () => [{ type: 'pop_vlan' }],
    () => [set('eth_src', big(mac(random.pick(pool.eth))))], () => [set('eth_dst', big(mac(random.pick(pool.eth))))],
    () => [set('ipv4_src', big(ipv4(random.pick(pool.ipv4))))], () => [set('ipv4_dst', big(ipv4(random.pick(pool.ipv4))))], () => [set('ip_dscp', random.int(0, 63))],
    () => transport('src'), () => transport('dst'),
  ]
  return Array.from({ length }, () => random.pick(choices)()).flat()
}
