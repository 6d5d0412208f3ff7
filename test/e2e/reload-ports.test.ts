/** SIGHUP with other ports: they come and go in a running switch, with their packets, and flows stay. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { attachHosts, type Host, whyNoHosts } from '../support/netns-hosts.js'
import { type Daemon, until } from '../support/netns-process.js'
import { type Namespace, Sandbox } from '../support/netns.js'
import { embeddedSubject, ofswitchd } from '../support/subject-ofswitchd.js'
import { skipReason, whyNoOfctl } from '../support/subject-list.js'

describe('reload of ports', { skip: skipReason(embeddedSubject, whyNoOfctl(), whyNoHosts()) }, () => {
  const sandbox = new Sandbox()
  const folder = mkdtempSync(join(tmpdir(), 'ofs-ports-'))
  const file = (name: string): string => join(folder, name)
  let sw: Namespace
  let daemon: Daemon
  let monitor: Daemon
  let hosts: Map<number, Host>

  const configure = (ports: readonly string[]): void =>
    writeFileSync(file('c.yaml'), `listen: [ "punix:${file('a')}" ]\nports:\n${ports.map((port) => `  - ${port}\n`).join('')}`)
  const port = (number: number, more = ''): string => `{ number: ${number}, interface: p${number}${more} }`
  const ofctl = (...args: string[]) => sw.run('ovs-ofctl', ['-O', 'OpenFlow13', '--timeout=10', args[0]!, `unix:${file('a')}`, ...args.slice(1)])
  const reload = async (): Promise<string> => {
    const before = daemon.log.length
    daemon.kill('SIGHUP')
    await until(() => `the reload\n${daemon.log}`, () => /the configuration was (?:not )?reloaded/.test(daemon.log.slice(before)))
    return daemon.log.slice(before)
  }
  const pings = (from: number, to: number): Promise<boolean> => hosts.get(from)!.pings(hosts.get(to)!)
  const reaches = (from: number, to: number): Promise<true> =>
    until(() => `h${from} to reach h${to}\n${daemon.log}`, () => pings(from, to), 20_000)

  before(async () => {
    sw = await sandbox.namespace('sw')
    hosts = await attachHosts(sandbox, sw, { 1: '10.0.0.1/24', 2: '10.0.0.2/24', 3: '10.0.0.3/24' })
    configure([port(1), port(2)])
    daemon = ofswitchd(sw, 'ofswitchd', ['--config', file('c.yaml')])
    await until(() => `the switch to run\n${daemon.log}`, () => daemon.log.includes('the target has the whole state'), 120_000)
    for (const flow of ['in_port=1,actions=output:2,output:3', 'in_port=2,actions=output:1', 'in_port=3,actions=ALL']) assert.equal((await ofctl('add-flow', flow)).code, 0)
    monitor = sw.daemon('monitor', 'ovs-ofctl', ['-O', 'OpenFlow13', '-v', `--unixctl=${file('ctl')}`, 'monitor', `unix:${file('a')}`, '65534'])
    await until('the monitor', () => monitor.log.includes('NXT_SET_PACKET_IN_FORMAT'))
  })
  after(async () => {
    await sandbox.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('a port that comes carries the packets of flows that named it already', async () => {
    await reaches(1, 2)
    assert.equal(await pings(1, 3), false)
    configure([port(1), port(2), port(3)])
    await reload()
    assert.match((await ofctl('show')).stdout, /3\(p3\)/)
    await until('its port-status', () => /OFPT_PORT_STATUS.*ADD: 3\(p3\)/s.test(monitor.log))
    await reaches(1, 3)
    assert.equal(await pings(1, 2), true)
  })

  it('a port that goes takes its packets with it, and nothing else', async () => {
    configure([port(1), port(3)])
    await reload()
    assert.doesNotMatch((await ofctl('show')).stdout, /\(p2\)/)
    await until('its port-status', () => /OFPT_PORT_STATUS.*DEL: 2\(p2\)/s.test(monitor.log))
    await reaches(1, 3)
    assert.equal(await pings(1, 2), false)
    assert.equal((await ofctl('dump-flows')).stdout.match(/in_port/g)?.length, 3)
  })

  it('a port may have another number in the target', async () => {
    configure([port(1), port(2), port(3, ', p4Port: 77')])
    await reload()
    await reaches(1, 3)
    await reaches(1, 2)
  })

  it('flooding follows the ports without anything being written anew', async () => {
    assert.equal((await ofctl('del-flows')).code, 0)
    assert.equal((await ofctl('add-flow', 'actions=ALL')).code, 0)
    const before = daemon.log.length
    configure([port(1), port(3, ', p4Port: 77')])
    await reload()
    await reaches(1, 3)
    assert.equal(await pings(1, 2), false)
    configure([port(1), port(2), port(3, ', p4Port: 77')])
    await reload()
    await reaches(1, 2)
    assert.doesNotMatch(daemon.log.slice(before), /the target is lost/)
  })

  it('a listener that cannot be had changes nothing, the ports neither', async () => {
    const before = (await ofctl('show')).stdout.replace(/xid=\w+/g, '')
    const mark = daemon.log.length
    const missing = file('no/such/folder')
    writeFileSync(file('c.yaml'), `listen: [ "punix:${file('b')}", "punix:${missing}" ]\nports:\n  - ${port(1)}\n`)
    assert.match(await reload(), /cannot listen on punix:.*no\/such\/folder.*not reloaded/s)
    assert.equal((await ofctl('show')).stdout.replace(/xid=\w+/g, ''), before)
    assert.equal(existsSync(file('b')), false)
    assert.equal(await pings(1, 3), true)
    assert.equal(await pings(1, 2), true)
    assert.doesNotMatch(daemon.log.slice(mark), /the target is lost/)
    assert.doesNotMatch(monitor.log.slice(monitor.log.lastIndexOf('ADD:')), /DEL:/, 'no controller was told that a port has gone')
  })

  it('a port that cannot be had changes nothing, the listeners neither', async () => {
    writeFileSync(file('c.yaml'), `listen: [ "punix:${file('b')}" ]\nports:\n  - ${port(1)}\n  - { number: 9, interface: nosuch0 }\n`)
    assert.match(await reload(), /there is no network interface 'nosuch0'.*not reloaded/)
    assert.equal(existsSync(file('b')), false)
    assert.equal((await ofctl('show')).code, 0)
    assert.equal(monitor.running, true)
    assert.equal(await pings(1, 2), true)
  })

  it('a port that cannot be had changes nothing', async () => {
    configure([port(1), '{ number: 9, interface: nosuch0 }'])
    assert.match(await reload(), /there is no network interface 'nosuch0'.*not reloaded/)
    assert.equal(await pings(1, 3), true)
    assert.equal(await pings(1, 2), true)
    configure([port(1), port(2, ', p4Port: 500')])
    assert.match(await reload(), /the pipeline uses these port numbers itself: 500@p2.*not reloaded/)
    assert.equal(await pings(1, 3), true)
  })
})
