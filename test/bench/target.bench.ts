/**
 * How many packets per second the embedded target forwards through the OpenFlow pipeline, by the number of flow tables a
 * packet goes through and the number of flows in each. Run: node dist/test/bench/target.bench.js
 */
import { Client, loadProgram, unhex } from '../unit/target/rig.js'
import type { EntrySpec } from '../unit/target/rig.js'
import { createInProcessTarget } from '../../src/target/index.js'

const frame = unhex(`
  00 00 00 00 00 02 00 00 00 00 00 01 08 00
  45 00 00 2e 00 01 00 00 40 11 66 bb 0a 00 00 01 0a 00 00 02
  10 00 20 00 00 1a 00 00 ${'00'.repeat(18)}`)

const run = async (tables: number, flows: number): Promise<void> => {
  const target = createInProcessTarget()
  const client = new Client(target.target.connect(), loadProgram('ofswitchd', 'p4'))
  await client.arbitrate()
  await client.push()
  await client.insert({ table: 'port_in.port_in', match: { [client.table('port_in.port_in').matchFields[0]?.name ?? '']: 1 }, action: ['port_in.receive', { in_port: 1, no_packet_in: 0 }] })
  for (let table = 0; table < tables; table++) {
    const name = `t${table}.flow`
    const isLast = table === tables - 1
    const next = isLast ? ['output_one', { flow_id: 1, program: 0, stages: 0, port: 2 }] as const : ['go_to', { flow_id: 1, program: 0, stages: 0, next_table: table + 1 }] as const
    // Whatever else the action asks for is 0.
    const actionName = `t${table}.${next[0]}`
    const params = client.table(name).actions.find(({ action }) => action.name.endsWith(actionName))?.action.params ?? []
    const given: Readonly<Record<string, number>> = next[1]
    const action: EntrySpec['action'] = [actionName, Object.fromEntries(params.map(param => [param.name, given[param.name] ?? 0]))]
    const specs: EntrySpec[] = []
    // Three kinds of flows that do not match, and the one that does at the lowest priority of all.
    for (let flow = 0; flow < flows; flow++) {
      const match: EntrySpec['match'] = flow % 3 === 0 ? { eth_dst: 0x020000000000 + flow } : flow % 3 === 1 ? { eth_type: 0x800, ipv4_dst: { value: 0x0b000000 + flow * 256, mask: 0xffffff00 } } : { eth_type: 0x800, ip_proto: 6, l4_dst: flow }
      specs.push({ table: name, match, priority: 100 + flow % 7, action })
    }
    specs.push({ table: name, match: { eth_type: 0x800, ipv4_dst: 0x0a000002 }, priority: 10, action })
    await client.insert(...specs)
  }
  if (target.inject(1, frame)[0]?.port !== 2) throw new Error('the packet does not get through')
  const inject = (count: number): number => {
    const from = performance.now()
    for (let at = 0; at < count; at++) target.target.receive(1, frame)
    const elapsed = performance.now() - from
    target.take()
    return count / elapsed * 1000
  }
  inject(20_000)
  inject(20_000)
  const rates = Array.from({ length: 5 }, () => inject(20_000)).sort((a, b) => a - b)
  process.stdout.write(`${String(tables).padStart(2)} tables of ${String(flows + 1).padStart(5)} flows: ${Math.round(rates[2] ?? 0).toLocaleString('en').padStart(9)} packets/s\n`)
}

for (const tables of [1, 4, 16]) for (const flows of [30, 3000]) await run(tables, flows)
