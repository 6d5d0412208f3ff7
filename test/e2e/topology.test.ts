/** os-ken's discovery of switches, links and hosts: LLDP out of every port as packet-outs, back as packet-ins, told over HTTP by rest_topology. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { osKenTopology, restAddress, whyNoOsKen } from '../support/controllers.js'
import { whyNoHosts } from '../support/netns-hosts.js'
import { NamespaceHttp } from '../support/netns-http.js'
import { type Daemon, until } from '../support/netns-process.js'
import { CONTROLLER_ADDRESS, twoSwitches } from '../support/netns-two-switches.js'
import { portMac, Sandbox } from '../support/netns.js'
import { controllerSubjects, skipReason } from '../support/subject-list.js'
import type { RunningSwitch } from '../support/subject.js'

interface Port { readonly dpid: string; readonly port_no: string; readonly hw_addr: string; readonly name: string }
interface Link { readonly src: Port; readonly dst: Port }
const dpid = (number: number): string => number.toString(16).padStart(16, '0')

for (const subject of controllerSubjects)
  describe(`os-ken rest_topology: ${subject.name}`, { skip: skipReason(subject, whyNoOsKen(), whyNoHosts()) }, () => {
    const sandbox = new Sandbox()
    let controller: Daemon
    let switches: readonly RunningSwitch[]
    let http: NamespaceHttp
    const links = async (): Promise<readonly Link[]> => (await http.request('GET', '/v1.0/topology/links')).body as Link[] | undefined ?? []
    const logs = (): string => `${controller.log.slice(-3000)}\n${switches.map((sw) => sw.log().slice(-2000)).join('\n')}`

    before(async () => {
      const network = await twoSwitches(sandbox, subject)
      controller = osKenTopology(network.first, 4, CONTROLLER_ADDRESS)
      switches = await network.start()
      http = new NamespaceHttp(network.first, restAddress)
    })
    after(() => sandbox.close())

    it('finds both switches with their ports', async () => {
      const find = async (): Promise<readonly { dpid: string; ports: Port[] }[]> => (await http.request('GET', '/v1.0/topology/switches')).body as { dpid: string; ports: Port[] }[] | undefined ?? []
      await until(() => `two switches\n${logs()}`, async () => (await find()).length === 2, 30_000, 200)
      const ports = (await find()).flatMap((sw) => sw.ports.filter(({ name }) => name.startsWith('p')).map(({ name, hw_addr }) => `${sw.dpid} ${name} ${hw_addr}`)).sort()
      assert.deepEqual(ports, [[1, 1], [1, 2], [1, 5], [2, 3], [2, 4], [2, 6]].map(([of, port]) => `${dpid(of!)} p${port} ${portMac(port!)}`))
    })

    it('finds the link between them, both ways, and notices when it goes', async () => {
      await until(() => `two links\n${logs()}`, async () => (await links()).length === 2, 40_000, 200)
      assert.deepEqual((await links()).map(({ src, dst }) => `${src.dpid} ${src.name} → ${dst.dpid} ${dst.name}`).sort(),
        [`${dpid(1)} p5 → ${dpid(2)} p6`, `${dpid(2)} p6 → ${dpid(1)} p5`])
      await switches[0]!.namespace.must('ip', ['link', 'set', 'p5', 'down'])
      await until(() => `no links\n${logs()}`, async () => (await links()).length === 0, 40_000, 200)
      assert.doesNotMatch(controller.log, /Traceback|EventOFPErrorMsg received/)
    })
  })
