/**
 * os-ken's ofctl_rest: a switch as a program sees it that speaks HTTP only, in each OpenFlow version that os-ken has a REST
 * form for. The switch stays; the controller starts anew in the next version, and the switch reconnects to it.
 * In 1.5 it reads what flows have counted, which Open vSwitch does not answer, and calls a function that os-ken does not have for
 * what they do: that is then read with ovs-ofctl.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { controllerAddress, osKenOfctlRest, restAddress, whyNoOsKen } from '../support/controllers.js'
import { attachHosts, type Host, whyNoHosts } from '../support/netns-hosts.js'
import { NamespaceHttp } from '../support/netns-http.js'
import { type Daemon, until } from '../support/netns-process.js'
import { Sandbox } from '../support/netns.js'
import { openVSwitchSubject } from '../support/ovs-subject.js'
import { skipReason } from '../support/subject-list.js'
import { embeddedSubject } from '../support/subject-ofswitchd.js'
import type { RunningSwitch, Subject } from '../support/subject.js'

type Row = Record<string, unknown>
interface Version { readonly name: string; readonly wire: number; readonly meters?: boolean; readonly groups?: boolean }

const versions: readonly Version[] = [
  { name: '1.0', wire: 1 },
  { name: '1.2', wire: 3, groups: true },
  { name: '1.3', wire: 4, groups: true, meters: true },
  { name: '1.4', wire: 5, groups: true, meters: true },
  { name: '1.5', wire: 6, groups: true },
]

/** What the fields of a flow are called differs between the versions; what the REST form makes of output does not. */
const outputs = (row: Row): string => JSON.stringify(row['actions'] ?? row['instructions'])

for (const subject of [openVSwitchSubject, embeddedSubject]) testWith(subject)

function testWith(subject: Subject): void {
  describe(`os-ken ofctl_rest: ${subject.name}`, { skip: skipReason(subject, whyNoOsKen(), whyNoHosts()) }, () => {
    const sandbox = new Sandbox()
    let hosts: Map<number, Host>
    let sw: RunningSwitch
    let http: NamespaceHttp

    before(async () => {
      const namespace = await sandbox.namespace('sw')
      hosts = await attachHosts(sandbox, namespace, { 1: '10.0.0.1/24', 2: '10.0.0.2/24' })
      sw = await subject.start(sandbox, namespace, { ports: [1, 2], controllers: [controllerAddress] })
      http = new NamespaceHttp(namespace, restAddress)
    })
    after(() => sandbox.close())

    for (const version of versions.filter(({ wire }) => wire < 6 || subject !== openVSwitchSubject)) describe(`OpenFlow ${version.name}`, () => {
      let controller: Daemon
      const get = async (what: string): Promise<Row[]> => {
        const { status, body } = await http.request('GET', `/stats/${what.replace(/^\w+/, '$&/1')}`)
        assert.equal(status, 200, `GET ${what}: ${status}\n${controller.log}`)
        return (body as { '1': Row[] })['1']
      }
      const post = async (what: string, body: Row): Promise<void> => {
        const { status } = await http.request('POST', `/stats/${what}`, { dpid: 1, ...body })
        assert.equal(status, 200, `POST ${what}: ${status}\n${controller.log}`)
      }
      /** From 1.4 on os-ken takes instructions; before, actions to apply. */
      const doing = (action: Row): Row => version.wire < 5 ? { actions: [action] } : { instructions: [{ type: 'APPLY_ACTIONS', actions: [action] }] }
      const flow = (priority: number, from: number, to: number): Row =>
        ({ cookie: 7, priority, match: { in_port: from }, ...doing({ type: 'OUTPUT', port: to }) })
      /** The flows by priority. */
      const flows = async (): Promise<Map<unknown, Row>> => new Map((await get('flow')).map((row) => [row['priority'], row]))

      /** What flows do, by priority. */
      const doings = async (): Promise<Map<unknown, string>> => {
        if (version.wire < 6) return new Map([...await flows()].map(([priority, row]) => [priority, outputs(row)]))
        const { stdout } = await sw.ofctl(['-O', 'OpenFlow15', 'dump-flows', 'TARGET'])
        return new Map([...stdout.matchAll(/priority=(\d+).* actions=(.*)/g)].map(([, priority, actions]) => [Number(priority), actions?.replace('output', 'OUTPUT') ?? '']))
      }

      before(async () => {
        controller = osKenOfctlRest(sw.namespace, version.wire)
        await until(() => `the switch to connect\n${controller.log}\n${sw.log()}`, async () => {
          if (!controller.running) throw new Error(`os-ken ended while starting\n${controller.log}`)
          const { body } = await http.request('GET', '/stats/switches')
          return Array.isArray(body) && body.includes(1)
        }, 60_000)
      })
      after(() => controller.stop())

      it('describes the switch and its ports', async () => {
        const desc = await get('desc') as unknown as Row
        assert.ok(['mfr_desc', 'hw_desc', 'sw_desc', 'serial_num', 'dp_desc'].every((key) => typeof desc[key] === 'string'), JSON.stringify(desc))
        // Up to 1.3 ports are in the features or in a multipart of their own; os-ken asks what the version has.
        const ports = (await get('portdesc')).filter((row) => Number(row['port_no']) < 0xff00)
        assert.deepEqual(ports.map((row) => [row['port_no'], row['name']]).sort(), [[1, 'p1'], [2, 'p2']])
        const statistics = (await get('port')).filter((row) => Number(row['port_no']) < 0xff00)
        assert.deepEqual(statistics.map((row) => row['port_no']).sort(), [1, 2])
      })

      it('adds flows that forward, and counts what they forward', async () => {
        await post('flowentry/add', flow(100, 1, 2))
        await post('flowentry/add', flow(101, 2, 1))
        assert.ok(await hosts.get(1)!.pings(hosts.get(2)!, 10), sw.log())
        await sw.settle()
        const found = await flows()
        assert.deepEqual([...found.keys()].sort(), [100, 101])
        const one = found.get(100)!
        const count = (row: Row): number => Number(row['packet_count'] ?? (row['stats'] as Row)['packet_count'])
        assert.ok(count(one) > 0, JSON.stringify(one))
        const [aggregate] = await get('aggregateflow') as [Row]
        const total = aggregate['flow_count'] ?? (aggregate['stats'] as Row)['flow_count']
        assert.equal(total, 2, JSON.stringify(aggregate))
        const table = (await get('table')).find((row) => Number(row['table_id']) === 0)!
        assert.equal(table['active_count'], 2)
      })

      it('modifies and deletes flows, strictly and not', async () => {
        await post('flowentry/modify_strict', flow(100, 1, 1))
        assert.match((await doings()).get(100)!, /OUTPUT:1|"port":1\b/)
        assert.match((await doings()).get(101)!, /OUTPUT:1|"port":1\b/)
        await post('flowentry/modify', { ...flow(0, 1, 2), match: {} })
        for (const doing of (await doings()).values()) assert.match(doing, /OUTPUT:2|"port":2\b/)
        await post('flowentry/delete_strict', flow(99, 1, 2))
        assert.equal((await flows()).size, 2)
        await post('flowentry/delete_strict', flow(100, 1, 2))
        assert.deepEqual([...(await flows()).keys()], [101])
        await post('flowentry/delete', { match: { in_port: 2 } })
        assert.equal((await flows()).size, 0)
        await post('flowentry/add', flow(100, 1, 2))
        assert.equal((await http.request('DELETE', '/stats/flowentry/clear/1')).status, 200)
        assert.equal((await flows()).size, 0)
      })

      it('adds, modifies and deletes groups', { skip: version.groups !== true && 'this version has no groups' }, async () => {
        // OF 1.5.1 §7.3.4.3: ALL where no bucket is meant, which os-ken does not say by itself.
        const group = (port: number): Row => ({ type: 'ALL', group_id: 5, command_bucket_id: 0xffffffff, buckets: [{ actions: [{ type: 'OUTPUT', port }] }] })
        const described = async (): Promise<string> => JSON.stringify(await get('groupdesc'))
        await post('groupentry/add', group(1))
        assert.match(await described(), /"group_id":5\b/)
        assert.match(await described(), /OUTPUT:1|"port":1\b/)
        await post('groupentry/modify', group(2))
        assert.match(await described(), /OUTPUT:2|"port":2\b/)
        await post('flowentry/add', { ...flow(100, 1, 0), ...doing({ type: 'GROUP', group_id: 5 }) })
        await post('flowentry/add', flow(101, 2, 1))
        assert.ok(await hosts.get(1)!.pings(hosts.get(2)!, 10), sw.log())
        await sw.settle()
        const [statistics] = await get('group') as [Row]
        assert.equal(statistics['group_id'], 5)
        assert.ok(Number(statistics['packet_count']) > 0, JSON.stringify(statistics))
        await post('groupentry/delete', { type: 'ALL', group_id: 5, command_bucket_id: 0xffffffff })
        assert.equal(await described(), '[]')
        // The flow goes with the group: OF 1.2 §5.6.1 and its descendants.
        assert.deepEqual([...(await flows()).keys()], [101])
        await get('groupfeatures')
        assert.equal((await http.request('DELETE', '/stats/flowentry/clear/1')).status, 200)
      })

      it('adds, modifies and deletes meters', { skip: version.meters !== true && (version.wire < 4 ? 'this version has no meters' : 'the application does not listen to the answer') }, async () => {
        const meter = (rate: number): Row => ({ flags: ['KBPS', 'STATS'], meter_id: 3, bands: [{ type: 'DROP', rate }] })
        const described = async (): Promise<string> => JSON.stringify(await get('meterconfig'))
        await post('meterentry/add', meter(1000))
        assert.match(await described(), /"meter_id":3\b/)
        assert.match(await described(), /"rate":1000\b/)
        await post('meterentry/modify', meter(2000))
        assert.match(await described(), /"rate":2000\b/)
        const [statistics] = await get('meter') as [Row]
        assert.equal(statistics['meter_id'], 3)
        await post('meterentry/delete', { meter_id: 3 })
        assert.equal(await described(), '[]')
        await get('meterfeatures')
      })

      it('reads queues, and from 1.3 on table features and the role', async () => {
        await get('queue')
        if (version.wire < 4) return
        // Of Open vSwitch's 254 tables os-ken takes longer to read than it waits.
        if (subject !== openVSwitchSubject) assert.ok((await get('tablefeatures')).length > 0)
        if (version.wire > 3) await get('role')
      })

      it('met no exception', () => { assert.doesNotMatch(controller.log, /Traceback|EventOFPErrorMsg received|OFPErrorMsg|Unknown/) })
    })
  })
}
