import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { DriverPortMonitor, PortMonitor } from '../../../src/agent/port-monitor.js'
import { PortConfig, type PortDesc, PortState } from '../../../src/openflow/model.js'
import { MemoryPortDriver } from '../../../src/target/ports/index.js'
import { Cable, ip, until, whyNot } from './support.js'

let sys = ''
const give = (name: string, files: Readonly<Record<string, string>>): void => {
  mkdirSync(join(sys, name, 'statistics'), { recursive: true })
  for (const [file, text] of Object.entries(files)) writeFileSync(join(sys, name, file), `${text}\n`)
}
beforeEach(() => { sys = mkdtempSync(join(tmpdir(), 'sys-')) })
afterEach(() => rmSync(sys, { recursive: true }))

const copper = { flags: '0x1003', carrier: '1', address: '0a:00:00:00:00:01', speed: '1000', duplex: 'full' }

test('describes a port', async () => {
  give('p1', copper)
  give('p2', { ...copper, duplex: 'half', speed: '100' })
  give('p3', { flags: '0x1002', address: '0a:00:00:00:00:03' })
  give('p4', { ...copper, speed: '-1', duplex: 'unknown' })
  give('p5', { ...copper, speed: '25000' })
  const monitor = await PortMonitor.open([1, 2, 3, 4, 5].map((n) => ({ portNo: n, name: `p${n}` })), { sysClassNet: sys })
  await monitor.stop()
  const common = { advertised: 0, supported: 0, peer: 0, maxSpeed: 0, properties: [] }
  assert.deepEqual(monitor.ports()[0], { ...common, portNo: 1, name: 'p1', hwAddr: 0x0a0000000001n, config: 0, state: PortState.LIVE, curr: 1 << 5, currSpeed: 1_000_000 })
  assert.deepEqual(monitor.ports().slice(1).map(({ config, state, curr, currSpeed }) => [config, state, curr, currSpeed]), [
    [0, PortState.LIVE, 1 << 2, 100_000], [PortConfig.DOWN, PortState.LINK_DOWN, 0, 0], [0, PortState.LIVE, 0, 0], [0, PortState.LIVE, 1 << 10, 25_000_000]])
})

test('names every interface that does not exist', async () => {
  give('p1', copper)
  await assert.rejects(PortMonitor.open([{ portNo: 1, name: 'p1' }, { portNo: 2, name: 'px' }, { portNo: 3, name: 'py' }], { sysClassNet: sys }),
    { code: 'target.portsInterface', message: "port 2: there is no network interface 'px'; port 3: there is no network interface 'py'" })
})

test('takes other ports: those that stay go on, a mistake changes nothing', async () => {
  give('p1', copper)
  give('p2', copper)
  const monitor = await PortMonitor.open([{ portNo: 1, name: 'p1' }, { portNo: 2, name: 'p2' }], { sysClassNet: sys, intervalMs: 5 })
  const told: number[] = []
  monitor.onChange = ({ portNo }) => { told.push(portNo) }
  try {
    give('p3', copper)
    const { removed, added } = await monitor.change([{ portNo: 1, name: 'p1' }, { portNo: 2, name: 'p3' }, { portNo: 5, name: 'p2' }])
    assert.deepEqual([removed, added.map(({ portNo, name }) => `${portNo} ${name}`)], [[2], ['2 p3', '5 p2']])
    await assert.rejects(monitor.change([{ portNo: 1, name: 'p1' }, { portNo: 7, name: 'px' }]), { code: 'target.portsInterface', message: "port 7: there is no network interface 'px'" })
    assert.deepEqual(monitor.ports().map(({ portNo }) => portNo), [1, 2, 5])
    assert.equal(await monitor.statistics(7), null)
    give('p3', { carrier: '0' })
    await until('the new port to be watched', () => told.length === 1)
    assert.deepEqual(told, [2])
  } finally {
    await monitor.stop()
  }
})

test('tells of changes, of going away and of coming back', async () => {
  give('p1', copper)
  const monitor = await PortMonitor.open([{ portNo: 1, name: 'p1' }], { sysClassNet: sys, intervalMs: 5 })
  const told: PortDesc[] = []
  monitor.onChange = (desc) => {
    told.push(desc)
    assert.deepEqual(monitor.ports(), [desc])
  }
  try {
    give('p1', { carrier: '0' })
    await until('carrier lost', () => told.length === 1)
    give('p1', { carrier: '1', flags: '0x1002' })
    await until('taken down', () => told.length === 2)
    give('p1', { flags: '0x1003' })
    await until('taken up', () => told.length === 3)
    rmSync(join(sys, 'p1'), { recursive: true })
    await until('gone', () => told.length === 4)
    give('p1', { ...copper, address: '0a:00:00:00:00:99' })
    await until('back', () => told.at(-1)?.hwAddr === 0x0a0000000099n && told.at(-1)?.state === PortState.LIVE)
    assert.deepEqual(told.slice(0, 4).map(({ config, state, hwAddr }) => [config, state, hwAddr]), [
      [0, PortState.LINK_DOWN, 0x0a0000000001n], [PortConfig.DOWN, PortState.LINK_DOWN, 0x0a0000000001n],
      [0, PortState.LIVE, 0x0a0000000001n], [0, PortState.LINK_DOWN, 0x0a0000000001n]])
    // A change of speed alone is seen at the slower pace.
    give('p1', { speed: '100' })
    await until('speed', () => told.at(-1)?.currSpeed === 100_000)
  } finally {
    await monitor.stop()
  }
})

test('statistics, with all ones for what is not there', async () => {
  give('p1', copper)
  for (const [counter, value] of Object.entries({ rx_packets: 1, tx_packets: 2, rx_bytes: 3, tx_bytes: 4, rx_dropped: 5, tx_dropped: 6, rx_errors: 7, tx_errors: 8, rx_frame_errors: 9, rx_over_errors: 10, rx_crc_errors: 11 })) {
    give('p1', { [`statistics/${counter}`]: String(value) })
  }
  let now = 1000
  const monitor = await PortMonitor.open([{ portNo: 1, name: 'p1' }], { sysClassNet: sys, now: () => now })
  now += 2500.25
  const statistics = await monitor.statistics(1)
  await monitor.stop()
  assert.deepEqual(statistics, {
    portNo: 1, rxPackets: 1n, txPackets: 2n, rxBytes: 3n, txBytes: 4n, rxDropped: 5n, txDropped: 6n, rxErrors: 7n, txErrors: 8n,
    rxFrameErr: 9n, rxOverErr: 10n, rxCrcErr: 11n, collisions: 2n ** 64n - 1n, durationSec: 2, durationNsec: 500_250_000, properties: [] })
  assert.equal(await monitor.statistics(2), null)
})

test('ports of a driver', async () => {
  const driver = new MemoryPortDriver([11, 12])
  const monitor = await DriverPortMonitor.open([
    { portNo: 1, p4Port: 11, name: 'a', hwAddr: 1n }, { portNo: 2, p4Port: 12, name: 'b', hwAddr: 2n }, { portNo: 3, p4Port: 13, name: 'c', hwAddr: 3n }],
  driver, { intervalMs: 5 })
  const told: string[] = []
  monitor.onChange = (desc) => told.push(`${desc.name} ${desc.state}`)
  try {
    assert.deepEqual(monitor.ports().map((desc) => desc.state), [PortState.LIVE, PortState.LIVE, PortState.LINK_DOWN])
    driver.setLink(12, false)
    await until('link down', () => told.length === 1)
    assert.deepEqual(told, [`b ${PortState.LINK_DOWN}`])
    driver.send(11, new Uint8Array(60))
    const statistics = await monitor.statistics(1)
    assert.deepEqual([statistics?.txPackets, statistics?.txBytes, statistics?.rxErrors], [1n, 60n, 0n])
    assert.equal((await monitor.statistics(3))?.rxPackets, 2n ** 64n - 1n)
    assert.equal(await monitor.statistics(4), null)
  } finally {
    await monitor.stop()
  }
})

test('a real interface: down, up, gone, back', { skip: whyNot }, async () => {
  const cable = new Cable('10.77.0.1/24')
  const monitor = await PortMonitor.open([{ portNo: 1, name: cable.interface }])
  try {
    const state = (): string => `${monitor.ports()[0]!.config} ${monitor.ports()[0]!.state}`
    await until('up', () => state() === `0 ${PortState.LIVE}`)
    assert.equal(monitor.ports()[0]!.curr, 1 << 6, 'veth says 10 Gbit/s')
    ip('-n', cable.namespace, 'link', 'set', 'e0', 'down')
    await until('no carrier', () => state() === `0 ${PortState.LINK_DOWN}`, 1000)
    ip('-n', cable.namespace, 'link', 'set', 'e0', 'up')
    await until('carrier', () => state() === `0 ${PortState.LIVE}`, 1000)
    ip('link', 'set', cable.interface, 'down')
    await until('administratively down', () => state() === `${PortConfig.DOWN} ${PortState.LINK_DOWN}`, 1000)
    cable.unplug()
    await until('gone', () => state().endsWith(` ${PortState.LINK_DOWN}`), 1000)
    cable.plug()
    await until('back', () => state() === `0 ${PortState.LIVE}`, 2000)
    assert.ok((await monitor.statistics(1))!.rxPackets < 1000n)
  } finally {
    await monitor.stop()
    cable.remove()
  }
})
