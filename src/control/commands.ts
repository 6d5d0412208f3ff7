/**
 * The commands of the control socket that are not about packets: what ovs-appctl(8) and ovs-vswitchd(8) describe, as far as there is
 * something of the kind here. Names, arguments and answers are Open vSwitch's.
 */
import type { HostView } from '../datapath/hosts.js'
import { formatInstructions, formatMatch } from '../openflow/index.js'
import type { FlowStats, StatsReplyBody, StatsRequestBody } from '../openflow/model.js'
import { Group, Port, Table } from '../openflow/model.js'
import { formatPort } from '../openflow/text.js'
import type { ControlledSwitch } from './controlled-switch.js'
import type { Coverage } from './coverage.js'
import { CommandError, type Command } from './unixctl-server.js'
import { listLevels, setLevels } from './vlog.js'

const command = (name: string, usage: string, min: number, max: number, run: Command['run']): Command => ({ name, usage, min, max, run })

/** The one that is called so. Refuses with `otherwise`. */
export const called = <S extends ControlledSwitch>(switches: readonly S[], name: string | undefined, otherwise: string): S =>
  switches.find(({ bridge }) => bridge === name) ?? refuse(otherwise)

/** Of all together. */
export const totalsOf = (switches: readonly ControlledSwitch[]): Readonly<Record<string, number>> =>
  sumOf(switches.map((sw, index) => (index === 0 ? sw.totals() : Object.fromEntries(Object.entries(sw.totals()).filter(([name]) => !name.startsWith('p4runtime_'))))))

function sumOf(parts: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const sums = new Map<string, number>()
  for (const part of parts) for (const [name, value] of Object.entries(part)) sums.set(name, (sums.get(name) ?? 0) + value)
  return Object.fromEntries(sums)
}

/** What is not about one of the switches is asked of the first. */
export function generalCommands(switches: readonly ControlledSwitch[], coverage: Coverage): readonly Command[] {
  const sw = switches[0] ?? refuse('there is no switch')
  return [
    command('version', '', 0, 0, () => sw.version),
    ...(sw.exit === null ? [] : [command('exit', '[--cleanup]', 0, 1, endWith(sw.exit))]),
    command('coverage/show', '', 0, 0, () => coverage.show()),
    command('coverage/read-counter', 'COUNTER', 1, 1, ([name = '']) => String(coverage.total(name) ?? refuse('No such counter'))),
    command('memory/show', '', 0, 0, () => memory(switches)),
    command('ofproto/list', '', 0, 0, () => switches.map(({ bridge }) => bridge).join('\n')),
    command('dpif/dump-dps', '', 0, 0, () => switches.map(({ bridge }) => `p4@${bridge}`).join('\n')),
    command('dpif/show', '', 0, 0, () => [`p4@${sw.target}:`, ...switches.flatMap(showPorts)].join('\n')),
    ...(sw.hosts() === null ? [] : hostCommands(switches)),
    command('bridge/dump-flows', '[--offload-stats] bridge', 1, 2, (args) => dumpFlows(switches, args)),
    ...(sw.log === null ? [] : logCommands(sw.log)),
  ]
}

function hostCommands(switches: readonly ControlledSwitch[]): readonly Command[] {
  const one = (bridge: string | undefined): ControlledSwitch => called(switches, bridge, 'no such bridge')
  return [
    command('fdb/show', 'bridge', 1, 1, ([bridge]) => showHosts(one(bridge).hosts() ?? [])),
    command('fdb/flush', '[bridge]', 0, 1, ([bridge]) => {
      for (const sw of bridge === undefined ? switches : [one(bridge)]) sw.flushHosts()
      return 'table successfully flushed'
    }),
  ]
}

/** Age: seconds since the host was learned where it is. */
function showHosts(hosts: readonly HostView[]): string {
  const rows = [...hosts].sort((a, b) => b.age - a.age).map(({ portNo, vlan, address, age }) => {
    const port = portNo === Port.LOCAL ? 'LOCAL' : String(portNo)
    return `${port.padStart(5)}  ${String(vlan).padStart(4)}  ${formatMac(address)}  ${String(Math.floor(age / 1000)).padStart(3)}`
  })
  return [' port  VLAN  MAC                Age', ...rows].join('\n')
}
const formatMac = (address: bigint): string => (address.toString(16).padStart(12, '0').match(/../g) ?? []).join(':')

const endWith = (exit: () => Promise<void>) => async (): Promise<string> => {
  await exit()
  return ''
}

export const refuse = (text: string): never => { throw new CommandError(text) }

function logCommands(log: NonNullable<ControlledSwitch['log']>): readonly Command[] {
  return [
    command('vlog/list', '', 0, 0, () => listLevels(log)),
    command('vlog/set', '{spec | PATTERN:destination:pattern}', 1, Infinity, (specs) => {
      for (const spec of specs) setLevels(log, spec)
      return ''
    }),
    // The log is standard output: whoever collects it rotates it.
    command('vlog/reopen', '', 0, 0, () => 'Logging to file not configured'),
  ]
}

function memory(switches: readonly ControlledSwitch[]): string {
  const { heapUsed, rss } = process.memoryUsage()
  const sizes = { ...sumOf(switches.map((sw) => sw.sizes())), 'heap-kB': Math.round(heapUsed / 1024), 'rss-kB': Math.round(rss / 1024) }
  return Object.entries(sizes).filter(([, size]) => size > 0).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, size]) => `${name}:${size}`).join(' ')
}

function showPorts(sw: ControlledSwitch): readonly string[] {
  const ports = sw.ports().map(({ portNo, name }) => `    ${name} ${portNo === Port.LOCAL ? 65534 : formatPort(portNo)}/${sw.targetPort(portNo) ?? 'none'}: (${sw.target === 'embedded' ? 'embedded' : 'p4runtime'})`)
  return [`  ${sw.bridge}:`, ...ports]
}

/** Throws CommandError with the name of the error where the switch answers with one. */
export async function statistics(sw: ControlledSwitch, body: StatsRequestBody): Promise<readonly StatsReplyBody[]> {
  const replies = await sw.request({ type: 'stats_request', more: false, body })
  return replies.flatMap((reply) => {
    if (reply.type === 'error') refuse(reply.name)
    return reply.type === 'stats_reply' ? [reply.body] : []
  })
}

const ALL_FLOWS = { kind: 'flow', tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] } as const

async function dumpFlows(switches: readonly ControlledSwitch[], args: readonly string[]): Promise<string> {
  const names = args.filter((arg) => arg !== '--offload-stats')
  const sw = called(switches, names.length === 1 ? names[0] : undefined, 'Unknown bridge')
  const bodies = await statistics(sw, ALL_FLOWS)
  return bodies.flatMap((body) => (body.kind === 'flow' ? body.flows : [])).map(flowLine).join('\n')
}

function flowLine(flow: FlowStats): string {
  const table = flow.tableId === 0 ? '' : `table_id=${flow.tableId}, `
  const rule = [...(flow.priority === DEFAULT_PRIORITY ? [] : [`priority=${flow.priority}`]), formatMatch(flow.match)].filter((part) => part !== '').join(',')
  return `${table}duration=${flow.durationSec}s, n_packets=${flow.packetCount}, n_bytes=${flow.byteCount}, ${rule},actions=${formatInstructions(flow.instructions)}`
}

/** OFP_DEFAULT_PRIORITY: OF 1.0 §5.3.3 */
const DEFAULT_PRIORITY = 0x8000
