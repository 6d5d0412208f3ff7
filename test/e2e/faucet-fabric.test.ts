/**
 * Faucet beyond its tutorial: floods through groups (`group_table`), warm and cold restarts of its configuration, two stacked
 * switches, and an access list that sends through a tunnel to the other one.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { controllerAddress, Faucet, whyNoFaucet } from '../support/controllers.js'
import { attachHosts, type Host, whyNoHosts } from '../support/netns-hosts.js'
import { until } from '../support/netns-process.js'
import { CONTROLLER_ADDRESS, twoSwitches } from '../support/netns-two-switches.js'
import { Sandbox } from '../support/netns.js'
import { controllerSubjects, skipReason } from '../support/subject-list.js'
import type { RunningSwitch, Subject } from '../support/subject.js'

const groupConfig = (second: { readonly vlan: number; readonly refused: number }): string => `
acls:
    one-port-less:
        - rule: {dl_type: 0x800, nw_proto: 6, tcp_dst: ${second.refused}, actions: {allow: 0}}
        - rule: {actions: {allow: 1}}
dps:
    switch-1:
        dp_id: 0x1
        hardware: "Open vSwitch"
        group_table: true
        interfaces:
            1: {native_vlan: 100}
            2: {native_vlan: ${second.vlan}, acl_in: one-port-less}
            3: {native_vlan: 100}
            4: {native_vlan: 200}
vlans:
    100:
    200:
`

/** With the tunnel from the start: Faucet 1.10.12 falls over one that a reload brings (KeyError in acl.py, while it works out what to send). */
const stackConfig = `
acls:
    to-h4:
        - rule:
            dl_type: 0x800
            ip_proto: 1
            actions:
                allow: 0
                output:
                    tunnel: {type: vlan, tunnel_id: 300, dp: switch-2, port: 4}
        - rule: {actions: {allow: 1}}
dps:
    switch-1:
        dp_id: 0x1
        hardware: "Open vSwitch"
        stack: {priority: 1}
        interfaces:
            1: {native_vlan: 100, acl_in: to-h4}
            2: {native_vlan: 100}
            5: {stack: {dp: switch-2, port: 6}}
    switch-2:
        dp_id: 0x2
        hardware: "Open vSwitch"
        interfaces:
            3: {native_vlan: 100}
            4: {native_vlan: 100}
            6: {stack: {dp: switch-1, port: 5}}
vlans:
    100:
    300: {reserved_internal_vlan: true}
`

for (const subject of controllerSubjects) {
  const skip = skipReason(subject, whyNoFaucet(), whyNoHosts())
  describe(`Faucet, group_table: ${subject.name}`, { skip }, () => { groupTable(subject) })
  describe(`Faucet, two stacked switches: ${subject.name}`, { skip }, () => { stack(subject) })
}

function groupTable(subject: Subject): void {
  const sandbox = new Sandbox()
  let hosts: Map<number, Host>
  let faucet: Faucet
  let sw: RunningSwitch
  const host = (port: number): Host => hosts.get(port)!
  const groups = async (): Promise<string[]> =>
    (await sw.ofctl(['-O', 'OpenFlow13', 'dump-groups', 'TARGET'])).stdout.split('\n').filter((line) => line.includes('group_id='))
  const pings = (from: number, to: number): Promise<unknown> =>
    until(() => `h${from} to reach h${to}\n${sw.log().slice(-3000)}\n${faucet.log()}`, () => host(from).pings(host(to), 2), 30_000)

  const restarts = async (): Promise<number> => await faucet.counter('faucet_config_reload_warm_total') + await faucet.counter('faucet_config_reload_cold_total')

  before(async () => {
    const namespace = await sandbox.namespace('sw')
    hosts = await attachHosts(sandbox, namespace, { 1: '10.0.0.1/24', 2: '10.0.0.2/24', 3: '10.0.0.3/24', 4: '10.0.0.4/24' })
    faucet = await Faucet.start(sandbox, namespace, groupConfig({ vlan: 100, refused: 9999 }))
    sw = await subject.start(sandbox, namespace, { ports: [1, 2, 3, 4], controllers: [controllerAddress] })
    await faucet.connected()
  })
  after(() => sandbox.close())

  it('floods a VLAN through a group of its ports', async () => {
    await pings(1, 2)
    await pings(3, 1)
    assert.ok((await groups()).some((line) => line.includes('type=all') && ['1', '2', '3'].every((port) => line.includes(`output:${port}`))), (await groups()).join('\n'))
    assert.ok(!await host(1).pings(host(4), 2), 'h1 must not reach h4, in another VLAN')
  })

  it('takes a port over to another VLAN', async () => {
    const before = await restarts()
    await faucet.reload(groupConfig({ vlan: 200, refused: 9999 }))
    await pings(2, 4)
    assert.ok(!await host(1).pings(host(2), 2), 'h1 must not reach h2, in another VLAN now')
    assert.ok(await restarts() > before, 'Faucet has counted a restart')
  })

  it('takes another rule of an access list over, warm', async () => {
    const warm = await faucet.counter('faucet_config_reload_warm_total')
    await host(4).serve(80)
    await host(4).serve(8080)
    assert.ok(await host(2).reaches(host(4), 8080), faucet.log())
    await faucet.reload(groupConfig({ vlan: 200, refused: 8080 }))
    await until('h2 to reach port 80', () => host(2).reaches(host(4), 80), 15_000)
    assert.ok(!await host(2).reaches(host(4), 8080, 2), 'h2 must not reach port 8080')
    assert.ok(await faucet.counter('faucet_config_reload_warm_total') > warm, 'a warm restart')
  })

  it('gave Faucet nothing to complain about', async () => { assert.deepEqual(await faucet.complaints(), []) })
}

function stack(subject: Subject): void {
  const sandbox = new Sandbox()
  let hosts: ReadonlyMap<number, Host>
  let faucet: Faucet
  let switches: readonly RunningSwitch[]
  const host = (port: number): Host => hosts.get(port)!
  const logs = (): string => `${switches.map((sw) => sw.log().slice(-3000)).join('\n')}\n${faucet.log()}`

  before(async () => {
    const network = await twoSwitches(sandbox, subject)
    hosts = network.hosts
    faucet = await Faucet.start(sandbox, network.first, stackConfig, CONTROLLER_ADDRESS)
    switches = await network.start()
    await faucet.connected(2)
  })
  after(() => sandbox.close())

  it('carries a VLAN over the link between them', async () => {
    await until(() => `h2 to reach h3\n${logs()}`, () => host(2).pings(host(3), 2), 40_000)
    for (const [from, to] of [[2, 4], [4, 2], [3, 4]] as const) assert.ok(await host(from).pings(host(to), 10), `h${from} reaches h${to}\n${logs()}`)
    await host(1).serve(80)
    assert.ok(await host(3).reaches(host(1), 80), `h3 reaches h1 over TCP\n${logs()}`)
  })

  it('sends what an access list chooses through a tunnel to the other switch', async () => {
    const capture = await host(4).capture('icmp')
    const other = await host(2).capture('icmp')
    assert.ok(!await host(1).pings(host(2), 2), 'h2 has not got the pings')
    const seen = await capture.stop()
    assert.ok(seen.some((line) => line.includes(`${host(1).ip} > ${host(2).ip}`) && !line.includes('vlan')), `h4 sees the pings of h1, untagged\n${seen.join('\n')}\n${logs()}`)
    assert.deepEqual(await other.stop(), [])
  })

  it('gave Faucet nothing to complain about', async () => { assert.deepEqual(await faucet.complaints(), []) })
}
