/** Fail mode standalone: the switch forwards on its own while no controller controls it, and hands over when one does. */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Config } from '../../../src/config/index.js'
import { Port } from '../../../src/openflow/index.js'
import { eventually, flowMod, hex, OpenFlowClient, output, startSwitch, type SwitchRig } from '../../support/switch-rig.js'

const BROADCAST = 'ffffffffffff'
const frame = (dst: string, src: string): Uint8Array => hex(`${dst}${src}88b5${'00'.repeat(46)}`)
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const host = (n: number): string => `0200000000${n.toString(16).padStart(2, '0')}`
const hello = frame(BROADCAST, host(1))
const everyOther = (from: number, bytes: Uint8Array): string[] => [1, 2, 3, 4, 5].filter((port) => port !== from).map((port) => `${port} ${text(bytes)}`)
/** A controller that connects to the switch; given up after 0.6 s of silence. */
const controllers: Config['controllers'] = [{ endpoint: { transport: 'tcp', passive: true, host: '127.0.0.1', port: 0 }, inactivityProbe: 200 }]

describe('fail mode standalone', () => {
  const rigs: SwitchRig[] = []
  const clients: OpenFlowClient[] = []
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    for (const rig of rigs.splice(0)) await rig.close()
  })
  const start = async (config: Partial<Config>): Promise<SwitchRig> => {
    const rig = await startSwitch({ config: { failMode: 'standalone', ...config } })
    rigs.push(rig)
    return rig
  }
  const controller = async (rig: SwitchRig): Promise<OpenFlowClient> => {
    const listener = rig.agent.channels.listening().find((one) => one.transport === 'tcp' && one.port !== rig.listenPort)
    const client = await OpenFlowClient.connect(listener?.transport === 'tcp' ? listener.port : 0)
    clients.push(client)
    return client
  }
  /** Puts the frame in until exactly this comes out of it, some times one after another: a frame may be late. */
  const becomes = async (rig: SwitchRig, port: number, bytes: Uint8Array, wanted: readonly string[]): Promise<void> => {
    const deadline = Date.now() + 30_000
    for (let right = 0; right < 3;) {
      const out = await rig.exchange(port, bytes, 0)
      right = out.join() === wanted.join() ? right + 1 : 0
      assert.ok(Date.now() < deadline, `port ${port}: ${out.join(' | ')}`)
    }
  }
  const hosts = (rig: SwitchRig): string[] => rig.agent.hosts().map(({ portNo, address }) => `${portNo}/${address.toString(16)}`).sort()
  const knows = (rig: SwitchRig, wanted: string) => eventually(() => (hosts(rig).includes(wanted) ? true : undefined), () => `it knows ${hosts(rig).join(' ')}`)
  const flowsOf = async (rig: SwitchRig) => (await rig.client.stats({ kind: 'flow', tableId: 0xff, outPort: Port.ANY, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] } as never) as unknown as
    { readonly flows: readonly { readonly priority: number; readonly instructions: { readonly apply: unknown } }[] }).flows

  it('without controllers forwards and learns by a flow that everybody sees', async () => {
    const rig = await start({})
    assert.deepEqual((await flowsOf(rig)).map(({ priority, instructions }) => [priority, instructions.apply]), [[0, [output(Port.NORMAL, 0)]]])
    assert.deepEqual(await rig.exchange(1, hello, 4), everyOther(1, hello))
    await knows(rig, '1/20000000001')
    const answer = frame(host(1), host(2))
    assert.deepEqual(await rig.exchange(2, answer, 1), [`1 ${text(answer)}`])
    assert.deepEqual(await rig.client.sendAll(flowMod(0xff, 0, [], {}, { command: 'delete' })), [])
    assert.deepEqual(await rig.exchange(1, hello, 0), [])
  })

  it('takes over when the controller has gone, and hands over when one controls the switch', async () => {
    const rig = await start({ controllers })
    const first = await controller(rig)
    assert.deepEqual(await first.sendAll(flowMod(0, 5, [], { apply: [output(3)] })), [])
    await becomes(rig, 1, hello, [`3 ${text(hello)}`])
    first.close()
    await becomes(rig, 1, hello, everyOther(1, hello))
    assert.deepEqual(await flowsOf(rig), [], 'the flows are flushed, and the one that forwards is not seen')
    await knows(rig, '1/20000000001')
    const answer = frame(host(1), host(2))
    await becomes(rig, 2, answer, [`1 ${text(answer)}`])
    const second = await controller(rig)
    assert.equal((await second.request({ type: 'features_request' })).type, 'features_reply')
    await becomes(rig, 3, frame(host(1), host(3)), [`1 ${text(frame(host(1), host(3)))}`])
    assert.deepEqual(await second.sendAll(flowMod(0, 5, [], { apply: [output(4)] })), [])
    await becomes(rig, 1, hello, [`4 ${text(hello)}`])
    assert.equal((await flowsOf(rig)).length, 1)
    // Where the controller's flows end, nothing forwards.
    assert.deepEqual(await second.sendAll(flowMod(0, 5, [], {}, { command: 'delete_strict' })), [])
    await becomes(rig, 1, hello, [])
  })

  it('goes on alone when its target has been written anew', async () => {
    const rig = await start({ controllers })
    await becomes(rig, 1, hello, everyOther(1, hello))
    await knows(rig, '1/20000000001')
    rig.agent.restartTarget('the test wants it')
    // What was learned is learned again, from the next packet.
    await becomes(rig, 1, hello, everyOther(1, hello))
    await knows(rig, '1/20000000001')
    const answer = frame(host(1), host(2))
    await becomes(rig, 2, answer, [`1 ${text(answer)}`])
  })

  it('forgets hosts that are silent for the time of the configuration, and no others', async () => {
    const rig = await start({ macAgeing: 1500 })
    await rig.exchange(1, hello, 4)
    await rig.exchange(2, frame(BROADCAST, host(2)), 4)
    await knows(rig, '1/20000000001')
    await knows(rig, '2/20000000002')
    await eventually(() => {
      rig.ports.inject(1, hello)
      return hosts(rig).includes('2/20000000002') ? undefined : true
    }, () => 'a silent host is not forgotten')
    assert.deepEqual(hosts(rig), ['1/20000000001'])
    await rig.client.request({ type: 'barrier_request' })
    rig.ports.take()
    const to = frame(host(2), host(1))
    await becomes(rig, 1, to, everyOther(1, to))
  })
})
