/**
 * Runs cases of the differential test on one switch: installs them and sends the packets one by one.
 *
 * All outputs of a packet are known to have arrived when a sentinel frame, which a flow of the highest priority sends to
 * every port, has come back from every port. It is sent twice, because a switch may reorder within one batch.
 */
import type { Wire, WireFrame } from '../../support/netns-frames.js'
import { parseDumpedFlows } from '../../support/ovs-ofctl.js'
import type { RunningSwitch } from '../../support/subject.js'
import { PORTS } from './case.js'
import { type Case, flowText, groupText } from './flows.js'
import { encodePacket, type Packet } from './packets.js'

const SENTINEL_MAC = '0e5e47135e47'
const SENTINEL_TYPE = '88b5'
const SENTINEL_PRIORITY = 65_535
const sentinelFlow = `table=0,priority=${SENTINEL_PRIORITY},dl_dst=${SENTINEL_MAC.replace(/(..)(?!$)/g, '$1:')},dl_type=0x${SENTINEL_TYPE},`
  + `actions=${PORTS.map((port) => `output:${port}`).join(',')},IN_PORT`

export interface Bench { readonly sw: RunningSwitch; readonly wire: Wire }

/** Replaces everything in the switch by the case. Returns what ovs-ofctl complained about, or an empty text. */
export async function install({ sw }: Bench, wanted: Case): Promise<string> {
  const complaints: string[] = []
  const ofctl = async (input: string | undefined, ...args: string[]): Promise<void> => {
    const done = await sw.ofctl(['-O', 'OpenFlow13', ...args], input === undefined ? {} : { input })
    if (done.code !== 0 || done.stderr !== '') complaints.push(`${args.join(' ')}: exit ${done.code} ${done.stderr.trim()}`)
  }
  await ofctl(undefined, 'del-flows', 'TARGET')
  await ofctl(undefined, 'del-groups', 'TARGET')
  if (wanted.groups.length > 0) await ofctl(wanted.groups.map(groupText).join('\n') + '\n', 'add-groups', 'TARGET', '-')
  await ofctl([sentinelFlow, ...wanted.flows.map(flowText)].join('\n') + '\n', 'add-flows', 'TARGET', '-')
  return complaints.join('\n')
}

/** What leaves the switch because of one packet: `port frame` texts, sorted (a multiset). */
export async function outputsOf(bench: Bench, packet: Packet, settleMs: number): Promise<string[]> {
  const { wire } = bench
  wire.take()
  wire.send(packet.inPort, encodePacket(packet))
  await sentinel(bench, packet.inPort)
  if (settleMs > 0) await new Promise((resolve) => setTimeout(resolve, settleMs))
  await sentinel(bench, packet.inPort)
  return wire.take().filter((each) => !isSentinel(each)).map(({ port, frame }) => `${port} ${frame.toString('hex')}`).sort()
}

/** Packets counted by each flow, by table and priority (unique in a case). */
export async function counters({ sw }: Bench): Promise<Map<string, number>> {
  await sw.settle()
  const dump = await sw.ofctl(['-O', 'OpenFlow13', 'dump-flows', 'TARGET'])
  const counts = new Map<string, number>()
  for (const flow of parseDumpedFlows(dump.stdout)) {
    const priority = Number(/priority=(\d+)/.exec(flow.text)?.[1] ?? 32_768)
    if (priority !== SENTINEL_PRIORITY) counts.set(`table=${flow.table},priority=${priority}`, flow.packets)
  }
  return counts
}

let sequence = 0
const SENTINEL_TIMEOUT_MS = 5000

const isSentinel = ({ frame }: WireFrame): boolean => frame.subarray(0, 6).toString('hex') === SENTINEL_MAC
  && frame.subarray(12, 14).toString('hex') === SENTINEL_TYPE

function sentinel({ sw, wire }: Bench, inPort: number): Promise<void> {
  const number = Buffer.alloc(50)
  number.writeUInt32BE(++sequence)
  const frame = Buffer.concat([Buffer.from(`${SENTINEL_MAC}0a000000feed${SENTINEL_TYPE}`, 'hex'), number])
  const waiting = new Set<number>(PORTS)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      wire.listen(undefined)
      reject(new Error(`${sw.subject.name}: sentinel ${sequence} sent into port ${inPort} did not come out of ports ${[...waiting].join(', ')}`
        + `\n${wire.errors}\n${sw.log().slice(-3000)}`))
    }, SENTINEL_TIMEOUT_MS)
    wire.listen((received) => {
      if (!isSentinel(received) || !received.frame.equals(frame)) return
      waiting.delete(received.port)
      if (waiting.size > 0) return
      clearTimeout(timer)
      wire.listen(undefined)
      resolve()
    })
    wire.send(inPort, frame)
  })
}
