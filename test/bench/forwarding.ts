/** Packets a second through the pipeline, for what flows do and how many there are. */
import { NO_INSTRUCTIONS, Port } from '../../src/openflow/index.js'
import type { Action, FlowMod, Instructions, Match } from '../../src/openflow/index.js'
import { addFlow, apply, macOf, output } from './flows.js'
import { inTurns } from './measure.js'
import type { Row } from './measure.js'
import { withContenders } from './parts.js'
import type { Part } from './parts.js'

const goTo = (gotoTable: number, ...actions: readonly Action[]): Instructions => ({ ...NO_INSTRUCTIONS, apply: actions.length === 0 ? null : actions, gotoTable })
const set = (field: 'eth_src' | 'ipv4_src' | 'ipv4_dst' | 'vlan_vid', value: bigint): Action => ({ type: 'set_field', field, value, mask: null })
const to = (n: number): Match => [{ field: 'eth_dst', value: macOf(n), mask: null }]
const ipTo = (n: number): Match => [...to(n), { field: 'eth_type', value: 0x800n, mask: null }]
const many = (count: number, flow: (n: number) => FlowMod): FlowMod[] => Array.from({ length: count }, (_, n) => flow(n))

interface Scenario { readonly name: string; readonly what: string; readonly flows: (count: number) => FlowMod[] }

const scenarios: readonly Scenario[] = [
  { name: 'one-table', what: 'one table, one output', flows: (count) => many(count, (n) => addFlow(0, to(n), apply(output(2)))) },
  {
    name: 'four-tables', what: 'four tables, one output',
    flows: (count) => [0, 1, 2, 3].flatMap((table) => many(count, (n) => addFlow(table, to(n), table === 3 ? apply(output(2)) : goTo(table + 1)))),
  },
  {
    name: 'rewrites', what: 'push VLAN, set two addresses, decrement TTL, one output',
    flows: (count) => many(count, (n) => addFlow(0, ipTo(n), apply(
      { type: 'dec_nw_ttl' }, set('eth_src', 0x0a00_0000_0102n), set('ipv4_src', 0x0a000009n), { type: 'push_vlan', ethertype: 0x8100 }, set('vlan_vid', 0x1064n), output(2)))),
  },
  {
    name: 'continuation', what: 'output, set a field, on to the next table, output',
    flows: (count) => [...many(count, (n) => addFlow(0, to(n), goTo(1, output(3), set('eth_src', 0x0a00_0000_0102n)))), ...many(count, (n) => addFlow(1, to(n), apply(output(2))))],
  },
  { name: 'flood', what: 'flood to ten ports', flows: (count) => many(count, (n) => addFlow(0, to(n), apply(output(Port.FLOOD)))) },
]

export const forwarding: Part = {
  title: 'forwarding: packets a second through the pipeline',
  text: 'Frames of 64 bytes over veth pairs, 48 under way, addresses of all flows in turn, so that no cache of a few packets helps; packets that left at port 2. Flows are exact destination addresses; their number is that of each table.',
  run: (settings) => withContenders(['embedded', 'BMv2', 'Open vSwitch'], settings, async (contenders) => {
    const rows: Row[] = []
    for (const { what, flows } of scenarios) {
      for (const count of settings.short ? [10, 1000] : [10, 1000, 10_000]) {
        for (const { load } of contenders) await load.ask('install', flows(count))
        const values = await inTurns(settings.short ? 3 : 5, contenders, async ({ name, traffic }) => {
          const { pps, lost } = await traffic({ addresses: count, ms: settings.short ? 400 : 1000, window: 48, outPort: 2 })
          if (lost > 0) settings.log(`${name}, ${what}, ${count} flows: ${lost} packets lost`)
          return pps
        })
        for (const { load } of contenders) await load.ask('clear')
        rows.push({ what: `${what}, ${count} flows`, unit: 'pps', values, goals: [{ of: 'embedded', to: 'BMv2', atLeast: 3 }] })
        settings.log(`${what}, ${count} flows: ${[...values].map(([name, pps]) => `${name} ${pps.map(Math.round).join(' ')}`).join(', ')}`)
      }
    }
    return rows
  }),
}
