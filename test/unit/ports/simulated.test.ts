import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFrame } from '../../../src/packet/index.js'
import { SimulatedPortDriver, VirtualTimers, createPortDriver } from '../../../src/target/ports/index.js'
import type { SimulatedHostSpec } from '../../../src/target/ports/index.js'

const host = (n: number, more: Partial<SimulatedHostSpec> = {}): SimulatedHostSpec =>
  ({ port: n, name: `h${n}`, mac: `0a:00:00:00:00:0${n}`, ip: `10.0.0.${n}`, ...more })

interface Network { driver: SimulatedPortDriver; timers: VirtualTimers; log: string[]; rewire: (port: number, frame: Uint8Array) => void }

/** A hub: what one host sends, all others get. */
async function network(hosts: readonly SimulatedHostSpec[], more: { pings?: { intervalMs: number }; latencyMs?: number } = {}): Promise<Network> {
  const timers = new VirtualTimers()
  const driver = new SimulatedPortDriver({ kind: 'simulated', hosts, ...more }, { timers })
  const net: Network = {
    driver, timers, log: [],
    rewire: (port, frame) => { for (const other of hosts) if (other.port !== port) driver.send(other.port, frame) },
  }
  await driver.start((port, frame) => {
    net.log.push(`${timers.now()} h${port}: ${formatFrame(frame).replace(/^\S+ > \S+, |, \d+ bytes$/g, '')}`)
    net.rewire(port, frame)
  })
  return net
}

test('a ping: ARP, then echo requests a second apart', async () => {
  const { driver, timers, log } = await network([host(1), host(2), host(3)], { latencyMs: 1 })
  const ping = driver.ping('h1', '10.0.0.2', 2)
  timers.advance(5000)
  assert.deepEqual(await ping, { from: 'h1', to: '10.0.0.2', sent: 2, received: 2, roundTripsMs: [4, 4], unreachable: 0 })
  assert.deepEqual(log, [
    '1 h1: arp who-has 10.0.0.2 tell 10.0.0.1', '3 h2: arp 10.0.0.2 is-at 0a:00:00:00:00:02',
    '5 h1: icmp 10.0.0.1 > 10.0.0.2 echo request id 1 seq 1 ttl 64', '7 h2: icmp 10.0.0.2 > 10.0.0.1 echo reply id 1 seq 1 ttl 64',
    '1001 h1: icmp 10.0.0.1 > 10.0.0.2 echo request id 1 seq 2 ttl 64', '1003 h2: icmp 10.0.0.2 > 10.0.0.1 echo reply id 1 seq 2 ttl 64',
  ])
  assert.deepEqual(driver.hostStatistics('h3'), { framesSent: 0, framesReceived: 6, arpAnswered: 0, echoAnswered: 0, ignored: 5, badChecksums: 0 })
  assert.deepEqual(driver.hostStatistics('h2'), { framesSent: 3, framesReceived: 3, arpAnswered: 1, echoAnswered: 2, ignored: 0, badChecksums: 0 })
  assert.equal(driver.counters(1)?.rxPackets, 3n)
  assert.equal(driver.counters(1)?.txPackets, 3n)
})

test('a ping over IPv6: neighbour discovery, then echo', async () => {
  const { driver, timers, log } = await network([host(1, { ipv6: '2001:db8::1' }), host(2, { ipv6: '2001:db8::2' })])
  const global = driver.ping('h1', '2001:db8::2', 1)
  const local = driver.ping('h1', 'fe80::800:ff:fe00:2', 1)
  timers.advance(2000)
  assert.equal((await global).received, 1)
  assert.equal((await local).received, 1)
  assert.match(log.join('\n'), /fe80::800:ff:fe00:1 > ff02::1:ff00:2 neighbour solicitation fe80::800:ff:fe00:2/)
  assert.match(log.join('\n'), /2001:db8::1 > 2001:db8::2 echo request/)
})

test('nobody answers: three requests, then unreachable', async () => {
  const { driver, timers, log } = await network([host(1), host(2)])
  const ping = driver.ping('h1', '10.0.0.9', 1)
  timers.advance(10_000)
  assert.deepEqual(await ping, { from: 'h1', to: '10.0.0.9', sent: 0, received: 0, roundTripsMs: [null], unreachable: 1 })
  assert.deepEqual(log.map((line) => line.split(' ')[0]), ['0', '1000', '2000'])
})

test('a reply that is lost, and one whose checksum is broken, count as lost', async () => {
  const net = await network([host(1), host(2)])
  let echoes = 0
  net.rewire = (port, frame) => {
    const text = formatFrame(frame)
    if (text.includes('echo reply') && ++echoes === 1) return
    const changed = frame.slice()
    if (echoes === 2) changed[frame.length - 1]! ^= 1
    net.driver.send(port === 1 ? 2 : 1, changed)
  }
  const ping = net.driver.ping('h1', '10.0.0.2', 2, { intervalMs: 10, timeoutMs: 100 })
  net.timers.advance(1000)
  assert.deepEqual((await ping).roundTripsMs, [null, null])
  assert.equal(net.driver.hostStatistics('h1')?.badChecksums, 1)
})

test('hosts with a VLAN hear only their own', async () => {
  const { driver, timers, log } = await network([host(1, { vlan: 7 }), host(2, { vlan: 7 }), host(3)])
  const same = driver.ping('h1', '10.0.0.2', 1)
  const other = driver.ping('h1', '10.0.0.3', 1)
  timers.advance(5000)
  assert.equal((await same).received, 1)
  assert.equal((await other).unreachable, 1)
  assert.match(log[0]!, /vlan 7, arp who-has/)
})

test('another network is reached through the gateway', async () => {
  const { driver, timers, log } = await network([host(1, { prefixLength: 24, gateway: '10.0.0.2' }), host(2)])
  const ping = driver.ping('h1', '192.168.0.1', 1)
  timers.advance(5000)
  assert.equal((await ping).received, 0)
  assert.match(log[0]!, /who-has 10.0.0.2/)
  assert.match(log[2]!, /10.0.0.1 > 192.168.0.1 echo request/)
})

test('periodic pings go round and are counted', async () => {
  const { driver, timers } = await network([host(1), host(2), host(3)], { pings: { intervalMs: 500 } })
  const told: string[] = []
  driver.onPing = (pair) => told.push(`${pair.from}>${pair.to}`)
  for (let i = 0; i < 5; i++) {
    timers.advance(500)
    await Promise.resolve()
    await Promise.resolve()
  }
  timers.advance(499)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(driver.pairs().map(({ from, to, sent, received }) => `${from}>${to} ${received}/${sent}`), ['h1>h2 5/5', 'h2>h3 5/5', 'h3>h1 5/5'])
  assert.deepEqual(told.slice(0, 3), ['h1>h2', 'h2>h3', 'h3>h1'])
  await driver.stop()
  timers.advance(5000)
  assert.equal(driver.pairs()[0]!.sent, 5)
})

test('a pulled cable drops and shows as link down', async () => {
  const { driver, timers } = await network([host(1), host(2)])
  driver.setLink(2, false)
  assert.deepEqual([...driver.links()], [[1, true], [2, false]])
  const ping = driver.ping('h1', '10.0.0.2', 1)
  timers.advance(5000)
  assert.equal((await ping).received, 0)
  assert.equal(driver.counters(2)?.txDropped, 3n)
  assert.equal(driver.counters(9), null)
})

test('stopping ends open pings as lost', async () => {
  const { driver, timers } = await network([host(1), host(2)])
  const ping = driver.ping('h1', '10.0.0.9', 1)
  timers.advance(100)
  await driver.stop()
  assert.equal((await ping).received, 0)
})

test('bad descriptions are refused, with the host named', async () => {
  await assert.rejects(createPortDriver({ kind: 'simulated', hosts: [host(1, { mac: 'nonsense' })] }), /host 'h1': mac is not an address/)
  await assert.rejects(createPortDriver({ kind: 'simulated', hosts: [host(1), host(2, { port: 1 })] }), /'h2' on port 1: name or port is given twice/)
})

test('with real timers', async () => {
  const driver = new SimulatedPortDriver({ kind: 'simulated', hosts: [host(1), host(2)] })
  await driver.start((port, frame) => driver.send(3 - port, frame))
  const result = await driver.ping('h1', '10.0.0.2', 3, { intervalMs: 1 })
  assert.equal(result.received, 3)
  await driver.stop()
})
