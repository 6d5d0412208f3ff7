/**
 * The Faucet tutorial with a real Faucet: VLAN switch, router between VLANs, access lists; hosts are namespaces.
 * `arp_neighbor_timeout` is 1799 because Faucet wants it below half of `timeout`.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { controllerAddress, Faucet, whyNoFaucet } from '../support/controllers.js'
import { aclConfiguration, routerConfiguration } from '../support/faucet-configurations.js'
import { attachHosts, type Host, whyNoHosts } from '../support/netns-hosts.js'
import { until, type Finished } from '../support/netns-process.js'
import { Sandbox } from '../support/netns.js'
import { controllerSubjects, skipReason } from '../support/subject-list.js'
import type { RunningSwitch, Subject } from '../support/subject.js'

const switchConfig = (timeout: number, arpTimeout: number): string => `
dps:
    switch-1:
        dp_id: 0x1
        hardware: "Open vSwitch"
        timeout: ${timeout}
        arp_neighbor_timeout: ${arpTimeout}
        nd_neighbor_timeout: ${arpTimeout}
        interfaces:
            1: {native_vlan: 100}
            2: {native_vlan: 100}
            3: {native_vlan: 100}
            4: {native_vlan: 200}
            5: {native_vlan: 200}
vlans:
    100:
    200:
`

/** h1 may send 400 kb/s with a burst of as much; what Faucet itself sees is limited too. */
const meterConfig = (rate: number): string => `
meters:
    slow:
        meter_id: 7
        entry:
            flags: "KBPS"
            bands: [{type: "DROP", rate: ${rate}}]
acls:
    slow:
        - rule:
            actions:
                meter: slow
                allow: 1
dps:
    switch-1:
        dp_id: 0x1
        hardware: "Open vSwitch"
        packetin_pps: 100
        slowpath_pps: 100
        interfaces:
            1:
                native_vlan: 100
                acl_in: slow
            2: {native_vlan: 100}
vlans:
    100:
`

interface Network { readonly hosts: Map<number, Host>; readonly sw: RunningSwitch; readonly faucet: Faucet }

async function build(sandbox: Sandbox, subject: Subject, config: string, addresses: Record<number, string>): Promise<Network> {
  const namespace = await sandbox.namespace('sw')
  const hosts = await attachHosts(sandbox, namespace, addresses)
  const faucet = await Faucet.start(sandbox, namespace, config)
  const sw = await subject.start(sandbox, namespace, { ports: [...hosts.keys()], controllers: [controllerAddress] })
  await faucet.connected()
  return { hosts, sw, faucet }
}

for (const subject of controllerSubjects) {
  const skip = skipReason(subject, whyNoFaucet(), whyNoHosts())

  describe(`Faucet, VLAN switch: ${subject.name}`, { skip }, () => {
    const sandbox = new Sandbox()
    let network: Network
    const host = (port: number): Host => network.hosts.get(port)!
    const flowsOf = async (filter: string): Promise<string[]> =>
      (await network.sw.ofctl(['-O', 'OpenFlow13', '--no-stats', 'dump-flows', 'TARGET', filter])).stdout.split('\n').filter((line) => line.includes('table='))

    before(async () => {
      network = await build(sandbox, subject, switchConfig(3600, 1799),
        { 1: '10.0.0.1/24', 2: '10.0.0.2/24', 3: '10.0.0.3/24', 4: '10.0.0.4/24', 5: '10.0.0.5/24' })
    })
    after(() => sandbox.close())

    it('lets hosts of one VLAN reach each other', async () => {
      for (const [from, to] of [[1, 2], [2, 3], [3, 1], [4, 5]] as const)
        assert.ok(await host(from).pings(host(to)), `h${from} reaches h${to}\n${network.sw.log().slice(-3000)}\n${network.faucet.log()}`)
    })

    it('keeps the VLANs apart', async () => {
      for (const [from, to] of [[1, 4], [5, 3]] as const) assert.ok(!await host(from).pings(host(to), 2), `h${from} must not reach h${to}`)
    })

    it('floods a broadcast, but not what is for a learned address', async () => {
      const capture = await host(3).capture('arp or icmp')
      assert.ok(await host(1).pings(host(2)))
      await host(1).forgetNeighbours()
      assert.ok(await host(1).pings(host(2)))
      await until('the ARP broadcast to reach h3', () => capture.size() > 24, 3000).catch(() => { /* the assertion below tells */ })
      const seen = await capture.stop()
      assert.ok(seen.some((line) => line.includes(`${host(1).mac} > ff:ff:ff:ff:ff:ff`)), `h3 sees the broadcast of h1: ${seen.join('\n')}`)
      assert.ok(!seen.some((line) => line.includes('ICMP')), `h3 sees no unicast: ${seen.join('\n')}`)
    })

    it('ages learned addresses out and learns them again', async () => {
      await network.faucet.reload(switchConfig(16, 7))
      assert.ok(await host(1).pings(host(2)), network.faucet.log())
      await until('h2 to be learned', async () => (await flowsOf(`dl_dst=${host(2).mac}`)).length > 0)
      await until('h2 to be forgotten', async () => (await flowsOf(`dl_dst=${host(2).mac}`)).length === 0, 40_000, 500)
      // A host that Faucet still remembers it does not learn again, but only lets pass for longer.
      await until(() => `Faucet to forget h2\n${network.faucet.log()}`, () =>
        network.faucet.log().split('\n').some((line) => line.includes('expired') && line.includes(host(2).mac)), 40_000, 500)
      assert.ok(await host(1).pings(host(2)))
      await until(() => `h2 to be learned again\n${network.faucet.log()}\n${network.sw.log().slice(-3000)}`, async () =>
        (await flowsOf(`dl_dst=${host(2).mac}`)).length > 0)
    })

    it('gave Faucet nothing to complain about', async () => { assert.deepEqual(await network.faucet.complaints(), []) })
  })

  describe(`Faucet, meters: ${subject.name}`, { skip }, () => {
    const sandbox = new Sandbox()
    let network: Network
    const host = (port: number): Host => network.hosts.get(port)!
    const meters = async (command: string): Promise<string> => (await network.sw.ofctl(['-O', 'OpenFlow13', command, 'TARGET'])).stdout
    const dropped = async (): Promise<number> => {
      await network.sw.settle()
      return Number(/meter:7 [\s\S]*?0: packet_count:(\d+)/.exec(await meters('meter-stats'))?.[1] ?? -1)
    }
    const flood = (): Promise<Finished> => host(1).namespace.run('ping', ['-n', '-q', '-f', '-c', '400', '-s', '1000', host(2).ip])

    before(async () => {
      network = await build(sandbox, subject, meterConfig(400), { 1: '10.0.0.1/24', 2: '10.0.0.2/24' })
    })
    after(() => sandbox.close())

    it('are set, those of packet-ins and of the slow path too', async () => {
      const text = await meters('dump-meters')
      for (const [name, band] of [['7 kbps', 'rate=400'], ['controller pktps', 'rate=100'], ['slowpath pktps', 'rate=100']] as const)
        assert.match(text, new RegExp(`meter=${name} bands=\\s+type=drop ${band}`))
    })

    it('let through what is within the rate, and count what is not', async () => {
      await until(() => `h1 to reach h2\n${network.sw.log().slice(-3000)}\n${network.faucet.log()}`, () => host(1).pings(host(2)), 30_000)
      assert.equal(await dropped(), 0)
      await flood()
      const lost = await dropped()
      assert.ok(lost > 100 && lost < 400, `${lost} of 400 frames exceeded the rate`)
    })

    it('change with the configuration', async () => {
      await network.faucet.reload(meterConfig(100_000))
      assert.match(await meters('dump-meters'), /meter=7 kbps bands=\s+type=drop rate=100000/)
      // Faucet deletes the meter and adds it anew; the flows that went with it, also on an Open vSwitch, it does not add again.
    })

    it('gave Faucet nothing to complain about', async () => { assert.deepEqual(await network.faucet.complaints(), []) })
  })

  describe(`Faucet, router and access list: ${subject.name}`, { skip }, () => {
    const sandbox = new Sandbox()
    let network: Network
    const host = (port: number): Host => network.hosts.get(port)!

    before(async () => {
      network = await build(sandbox, subject, routerConfiguration,
        { 1: '10.100.0.1/24', 2: '10.100.0.2/24', 3: '10.100.0.3/24', 4: '10.200.0.1/24', 5: '10.200.0.2/24' })
      for (const port of [1, 2, 3]) await host(port).setGateway('10.100.0.254')
      for (const port of [4, 5]) await host(port).setGateway('10.200.0.254')
    })
    after(() => sandbox.close())

    it('answers for its own addresses', async () => {
      assert.ok(await host(1).pings('10.100.0.254', 10), network.faucet.log())
      assert.ok(await host(4).pings('10.200.0.254', 10), network.faucet.log())
    })

    it('routes between the VLANs', async () => {
      for (const [from, to] of [[1, 4], [4, 2], [5, 1]] as const)
        assert.ok(await host(from).pings(host(to), 10), `h${from} reaches h${to}\n${network.faucet.log()}`)
    })

    it('decrements the TTL of what it routes', async () => {
      const capture = await host(4).capture('icmp')
      assert.ok(await host(1).pings(host(4)))
      await until('the ping to be captured', () => capture.size() > 24, 3000)
      await capture.stop()
      const ping = await host(1).namespace.run('ping', ['-n', '-c', '1', '-W', '3', host(4).ip])
      assert.match(ping.stdout, /ttl=63/)
    })

    it('lets TCP through to both ports without an access list', async () => {
      await host(4).serve(80)
      await host(4).serve(8080)
      assert.ok(await host(1).reaches(host(4), 80), network.faucet.log())
      assert.ok(await host(1).reaches(host(4), 8080), network.faucet.log())
    })

    it('drops TCP port 8080 of h1, and only that, with the access list', async () => {
      await network.faucet.reload(aclConfiguration)
      await until('h1 to reach port 80', async () => host(1).reaches(host(4), 80), 15_000)
      assert.ok(!await host(1).reaches(host(4), 8080, 2), 'h1 must not reach port 8080')
      assert.ok(await host(2).reaches(host(4), 8080), `h2 has no access list\n${network.faucet.log()}`)
      assert.ok(await host(1).reaches(host(4), 80), 'h1 still reaches port 80')
    })

    it('gave Faucet nothing to complain about', async () => { assert.deepEqual(await network.faucet.complaints(), []) })
  })
}
