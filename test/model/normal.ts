/**
 * The model's OFPP_NORMAL: an ordinary switch that learns where hosts are, by VLAN; every port carries every VLAN. The text leaves
 * it to the switch (OF 1.3.5 §4.5); it is that of Open vSwitch with its default ports (docs/adr/0023).
 */
import { Port, PortConfig } from '../../src/openflow/model.js'
import { readBits } from './fields.js'
import { parse } from './headers.js'

/** A port by VLAN and address. */
export type Hosts = ReadonlyMap<string, number>
export const NO_HOSTS: Hosts = new Map()
export interface Learned { readonly key: string; readonly portNo: number }

/** What bridges tell each other, and some makers' protocols: `eth_addr_is_reserved` of Open vSwitch. First and last address. */
const reserved: readonly (readonly [bigint, bigint])[] = [
  [0x0180c2000000n, 0x0180c200000fn], [0x00e02b000000n, 0x00e02b000000n], [0x00e02b000004n, 0x00e02b000004n], [0x00e02b000006n, 0x00e02b000006n],
  [0x01000c000000n, 0x01000c000000n], [0x01000cccccccn, 0x01000ccccccdn], [0x01000ccdcdcdn, 0x01000ccdcdcdn], [0x01000cccccc0n, 0x01000cccccc7n],
]
const isGroupAddress = (address: bigint): boolean => ((address >> 40n) & 1n) === 1n
export const hostKey = (vlan: number, address: bigint): string => `${vlan}/${address.toString(16)}`

export interface Forwarding {
  readonly ports: readonly number[]
  /** That the source is there, where it is not known yet. */
  readonly learned: Learned | null
}

export function forwardAsNormal(ports: readonly { readonly portNo: number; readonly config: number }[], hosts: Hosts, inPort: number, frame: Uint8Array): Forwarding {
  const h = parse(frame)
  if (h.typeAt < 0) return { ports: [], learned: null }
  const destination = readBits(frame, { bit: 0, bits: 48 })
  const source = readBits(frame, { bit: 48, bits: 48 })
  if (reserved.some(([first, last]) => destination >= first && destination <= last)) return { ports: [], learned: null }
  const tag = h.tags[0]
  const vlan = tag === undefined ? 0 : Number(readBits(frame, { bit: (tag + 2) * 8 + 4, bits: 12 }))
  const isKnown = hosts.get(hostKey(vlan, source)) === inPort
  // Behind what a controller sends there is no host; a group address is none.
  const learned = isKnown || inPort === Port.CONTROLLER || inPort === Port.ANY || isGroupAddress(source) ? null : { key: hostKey(vlan, source), portNo: inPort }
  const known = hosts.get(hostKey(vlan, destination))
  if (known !== undefined) return { ports: known === inPort ? [] : [known], learned }
  return { ports: ports.filter(({ portNo, config }) => portNo !== inPort && (config & PortConfig.NO_FLOOD) === 0).map(({ portNo }) => portNo), learned }
}
