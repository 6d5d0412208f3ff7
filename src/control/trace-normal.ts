/** What NORMAL does with a packet, in Open vSwitch's words: whether it learns from it, and where it leads. */
import { admit, type PortVlans } from '../base/port-vlans.js'
import type { HostView } from '../datapath/hosts.js'
import { Port, type PortDesc } from '../openflow/model.js'
import { formatMac } from '../openflow/text.js'
import { parseFrame } from '../packet/index.js'

export interface NormalSwitch {
  ports(): readonly PortDesc[]
  hosts(): readonly HostView[] | null
  /** Which VLANs NORMAL takes and sends there; null: all. */
  vlansOf(portNo: number): PortVlans | null
}
/** What the packet teaches; `text` says it. */
export interface Lesson extends Omit<HostView, 'age'> { readonly text: string }

interface Steps { readonly lesson: Lesson | null; /** What is wrong with the packet. */ readonly error: string | null; readonly warning: string | null; readonly lines: readonly string[] }
const NOTHING: Steps = { lesson: null, error: null, warning: null, lines: [] }

/** `lessons`: what the same packet has taught before. Those are told once, and do not lead the packet anywhere. */
export function normalSteps(sw: NormalSwitch, inPort: number, frame: Uint8Array, lessons: readonly Lesson[]): Steps {
  const { ethernet, tags } = parseFrame(frame)
  if (!ethernet) return NOTHING
  const [tag] = tags
  const vid = tag === undefined ? 0 : ((frame[tag + 2] ?? 0) << 8 | (frame[tag + 3] ?? 0)) & 0xfff
  const port = sw.ports().find(({ portNo }) => portNo === inPort)
  const name = inPort === Port.LOCAL ? 'LOCAL' : port?.name ?? ''
  const vlans = sw.vlansOf(inPort)
  const vlan = vlans === null ? vid : admit(vlans, vid)
  if (vlan === null) {
    const error = vlans?.mode === 'access' ? `dropping VLAN ${vid} tagged packet received on port ${name} configured as VLAN ${vlans.tag} access port`
      : `dropping VLAN ${vid} packet received on port ${name} not configured for trunking VLAN ${vid}`
    return { ...NOTHING, error, warning: 'disallowed VLAN VID for this input port, dropping' }
  }
  const destination = addressAt(frame, 0)
  if (isReserved(destination)) return { ...NOTHING, lines: ['packet has reserved destination MAC, dropping'] }
  const hosts = sw.hosts() ?? []
  const target = hosts.find((host) => host.vlan === vlan && host.address === destination)
  const where = target === undefined ? 'no learned MAC for destination, flooding'
    : target.portNo === inPort ? 'learned port is input port, dropping' : 'forwarding to learned port'
  const source = addressAt(frame, 6)
  const isKnown = [...hosts, ...lessons].some((host) => host.vlan === vlan && host.address === source && host.portNo === inPort)
  const teaches = port !== undefined && !isKnown && (source >> 40n & 1n) === 0n
  return { ...NOTHING, lesson: teaches ? { portNo: inPort, vlan, address: source, text: `learned that ${formatMac(source)} is on port ${name} in VLAN ${vlan}` } : null, lines: [where] }
}

const addressAt = (frame: Uint8Array, at: number): bigint => BigInt(`0x${Buffer.from(frame.subarray(at, at + 6)).toString('hex')}`)

/** As p4/normal.p4 has it. */
const isReserved = (address: bigint): boolean => address >> 4n === 0x0180c200000n || address >> 3n === 0x01000cccccc0n >> 3n || others.has(address)
const others: ReadonlySet<bigint> = new Set([0x00e02b000000n, 0x00e02b000004n, 0x00e02b000006n, 0x01000c000000n, 0x01000cccccccn, 0x01000ccccccdn, 0x01000ccdcdcdn])
