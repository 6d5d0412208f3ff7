/**
 * Two agents with election ids on one target, under one address: one speaks for the switch, the other is quiet, and takes
 * over with all flows when the first dies.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, it } from 'node:test'
import { startAgent, type Agent } from '../../../src/agent/agent.js'
import { silentLogger } from '../../../src/base/logger.js'
import { checkConfig, noSource, type Config } from '../../../src/config/index.js'
import { FakeP4Runtime } from '../../support/fake-p4runtime.js'
import { freePort } from '../../support/free-port.js'
import { loopPorts, portDesc } from '../../support/loop-rig.js'
import { flowMod, OpenFlowClient, output } from '../../support/switch-rig.js'

const agents: Agent[] = []
const clients: OpenFlowClient[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const agent of agents.splice(0)) await agent.close()
})

async function start(fake: FakeP4Runtime, electionId: number, port: number): Promise<Agent> {
  const file = (suffix: string): string => join(process.cwd(), 'p4', `ofswitchd${suffix}`)
  const config: Config = {
    ...checkConfig(noSource, null, process.cwd()), electionId, ports: loopPorts.map((number) => ({ number, interface: `p${number}`, p4Port: number })),
    listen: [{ transport: 'tcp', passive: true, host: '127.0.0.1', port }], pipeline: { p4info: file('.p4info.txtpb'), json: file('.json') },
  }
  const agent = await startAgent(config, silentLogger, {
    target: {
      connect: fake.connect, failed: new Promise(() => {}), embedded: null, changePorts: null, close: () => Promise.resolve(),
      ports: [{ onChange: null, ports: () => loopPorts.map((number) => portDesc(number)), statistics: () => Promise.resolve(null), stop: () => Promise.resolve() }],
    },
  })
  agents.push(agent)
  return agent
}

async function connected(port: number): Promise<OpenFlowClient> {
  const client = await OpenFlowClient.connectSoon(port, 15_000)
  clients.push(client)
  return client
}
const cookies = async (client: OpenFlowClient): Promise<bigint[]> =>
  (await client.stats({ kind: 'flow', tableId: 0xff, outPort: 0xffffffff, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] })).flows.map(({ cookie }) => cookie).sort()

it('one speaks, the other takes over and gives back', { timeout: 60_000 }, async () => {
  const fake = new FakeP4Runtime()
  const port = await freePort()
  const first = await start(fake, 20, port)
  const client = await connected(port)
  assert.deepEqual(await client.sendAll(flowMod(0, 5, [{ field: 'eth_dst', value: 1n, mask: null }], { apply: [output(2)] }, { cookie: 1n })), [])

  const second = await start(fake, 10, port)
  assert.deepEqual(second.channels.listening(), [], 'the second does not listen')
  assert.deepEqual(await client.sendAll(flowMod(0, 6, [{ field: 'eth_dst', value: 2n, mask: null }], { apply: [output(3)] }, { cookie: 2n })), [])

  agents.splice(agents.indexOf(first), 1)
  await first.close()
  const next = await connected(port)
  assert.deepEqual(await cookies(next), [1n, 2n])
  assert.deepEqual(await next.sendAll(flowMod(0, 7, [{ field: 'eth_dst', value: 3n, mask: null }], { apply: [output(4)] }, { cookie: 3n })), [])

  // The first comes back, and takes over what the second has done meanwhile.
  await start(fake, 20, port)
  const last = await connected(port)
  const deadline = Date.now() + 15_000
  while (second.channels.listening().length > 0 && Date.now() < deadline) await new Promise((resolve) => { setTimeout(resolve, 10) })
  assert.deepEqual(second.channels.listening(), [])
  last.close()
  assert.deepEqual(await cookies(await connected(port)), [1n, 2n, 3n])
})
