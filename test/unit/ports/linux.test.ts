import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import {
  EtherType, IpProto, arpRequestFrame, concat, ethernet, formatFrame, icmpEcho, ipv4, parseFrame, tcp, toHex, wrongChecksums,
} from '../../../src/packet/index.js'
import { type PortDriver, createPortDriver } from '../../../src/target/ports/index.js'
import { Opt, Sock, loadLibc } from '../../../src/target/ports/libc.js'
import { Cable, ip, until, whyNot } from './support.js'

const eth = { dst: '0a:00:00:00:00:02', src: '0a:00:00:00:00:01' }
const echo = ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ src: '10.0.0.1', dst: '10.0.0.2', proto: IpProto.ICMP }, icmpEcho({ id: 1, seq: 1 })))
const wires: string[] = []
after(() => { for (const wire of wires) try { ip('link', 'del', wire) } catch { /* gone already */ } })

/** A veth pair with both ends here, and no stack that says anything on it. */
function wire(): [string, string] {
  const name = `ofw${process.pid}x${wires.length}`
  wires.push(`${name}a`)
  ip('link', 'add', `${name}a`, 'type', 'veth', 'peer', 'name', `${name}b`)
  for (const end of [`${name}a`, `${name}b`]) {
    execFileSync('sh', ['-c', `echo 1 > /proc/sys/net/ipv6/conf/${end}/disable_ipv6`])
    ip('link', 'set', end, 'up')
  }
  return [`${name}a`, `${name}b`]
}

async function opened(interfaces: readonly { port: number; name: string }[], onFrame: (port: number, frame: Uint8Array, driver: PortDriver) => void): Promise<PortDriver> {
  const driver = await createPortDriver({ kind: 'linux', interfaces })
  await driver.start((port, frame) => onFrame(port, frame, driver))
  await until('links are up', () => [...driver.links().values()].every(Boolean))
  return driver
}

test('frames arrive as they were sent, with every VLAN tag, once', { skip: whyNot }, async () => {
  const [a, b] = wire()
  const received: string[] = []
  const driver = await opened([{ port: 1, name: a }, { port: 2, name: b }], (port, frame) => received.push(`${port} ${toHex(frame)}`))
  const frames = [
    echo,
    ethernet({ ...eth, type: EtherType.IPV4, vlans: [{ vid: 5, pcp: 3, dei: true }] }, echo.subarray(14)),
    ethernet({ ...eth, type: EtherType.IPV4, vlans: [{ vid: 5, tpid: EtherType.QINQ }, { vid: 6 }] }, echo.subarray(14)),
    ethernet({ ...eth, type: EtherType.IPV4, vlans: [{ vid: 5 }, { vid: 6 }, { vid: 7 }] }, echo.subarray(14)),
    ethernet({ ...eth, type: EtherType.IPV4, vlans: [{ vid: 0, pcp: 7 }] }, echo.subarray(14)),
    ethernet({ ...eth, type: EtherType.IPV4, vlans: [{ vid: 0 }] }, echo.subarray(14)),
    ethernet({ ...eth, type: 0x1234 }),
    ethernet({ ...eth, dst: 0xffffffffffffn, type: 0x88cc }, new Uint8Array(1500)),
    ethernet({ ...eth, type: EtherType.IPV4, vlans: [{ vid: 9 }] }, new Uint8Array(1500)),
  ]
  try {
    for (const frame of frames) driver.send(1, frame)
    await until('all frames', () => received.length >= frames.length)
    driver.send(2, echo)
    await until('one more', () => received.length > frames.length)
    assert.deepEqual(received, [...frames.map((frame) => `2 ${toHex(frame)}`), `1 ${toHex(echo)}`])
    const size = BigInt(frames.reduce((sum, frame) => sum + frame.length, 0))
    assert.deepEqual(driver.counters(1), { rxPackets: 1n, rxBytes: BigInt(echo.length), txPackets: 9n, txBytes: size, rxDropped: 0n, txDropped: 0n })
    assert.equal(driver.counters(2)?.rxBytes, size)
  } finally {
    await driver.stop()
  }
})

test('what cannot be sent is dropped and counted', { skip: whyNot }, async () => {
  const [a, b] = wire()
  const driver = await opened([{ port: 1, name: a }, { port: 2, name: b }], () => assert.fail('nothing may arrive'))
  try {
    driver.send(1, new Uint8Array(13))
    driver.send(1, ethernet({ ...eth, type: 0x1234 }, new Uint8Array(1600)))
    driver.send(3, echo)
    assert.deepEqual([driver.counters(1)?.txPackets, driver.counters(1)?.txDropped], [0n, 2n])
    assert.equal(driver.counters(3), null)
    ip('link', 'set', b, 'down')
    await until('link down', () => driver.links().get(1) === false && driver.links().get(2) === false)
    driver.send(1, echo)
    assert.equal(driver.counters(1)?.txDropped, 3n)
  } finally {
    await driver.stop()
  }
})

test('thousands of frames in a burst arrive in order', { skip: whyNot }, async () => {
  const [a, b] = wire()
  const seen: number[] = []
  const driver = await opened([{ port: 1, name: a }, { port: 2, name: b }], (port, frame) => { if (port === 2) seen.push(new DataView(frame.buffer).getUint32(14)) })
  try {
    const frame = ethernet({ ...eth, type: 0x1234 }, new Uint8Array(50))
    let ticks = 0
    const ticker = setInterval(() => { ticks++ }, 1)
    for (let i = 0; i < 3000; i++) {
      new DataView(frame.buffer).setUint32(14, i)
      driver.send(1, frame)
    }
    await until('all', () => seen.length === 3000)
    clearInterval(ticker)
    assert.ok(seen.every((value, i) => value === i))
    assert.ok(ticks > 0)
  } finally {
    await driver.stop()
  }
})

test('a segment with a VLAN tag and half a checksum is cut, completed and tagged again', { skip: whyNot }, async () => {
  const [a, b] = wire()
  const received: Uint8Array[] = []
  const driver = await opened([{ port: 2, name: b }], (_port, frame) => received.push(frame))
  const libc = await loadLibc()
  const fd = libc.socket(Sock.AF_PACKET, Sock.RAW | Sock.CLOEXEC, 0)
  try {
    const ifindex = Number(readFileSync(`/sys/class/net/${a}/ifindex`, 'latin1'))
    const address = new Uint8Array(20)
    address.set([Sock.AF_PACKET, 0, 0, 0, ifindex & 0xff, ifindex >> 8 & 0xff, ifindex >> 16 & 0xff, ifindex >>> 24])
    assert.equal(libc.bind(fd, address, address.length), 0)
    assert.equal(libc.setsockopt(fd, Opt.SOL_PACKET, Opt.PACKET_VNET_HDR, Uint8Array.of(1, 0, 0, 0), 4), 0)
    const data = Uint8Array.from({ length: 2500 }, (_, i) => i & 0xff)
    const big = ethernet({ ...eth, type: EtherType.IPV4, vlans: [{ vid: 9, pcp: 2 }] },
      ipv4({ src: '10.0.0.1', dst: '10.0.0.2', proto: IpProto.TCP }, tcp({ src: 1, dst: 2 }, data)))
    // flags NEEDS_CSUM, type TCPV4, header length 58, segment size 1000, checksum from 38, at 16
    const message = concat(Uint8Array.of(1, 1, 58, 0, 0xe8, 3, 38, 0, 16, 0), big)
    assert.equal(libc.send(fd, message, message.length, 0), message.length)
    await until('three segments', () => received.length >= 3)
    assert.deepEqual(received.map((frame) => formatFrame(frame).replace(/^\S+ > \S+, /, '')), [1058, 1058, 558].map((size) =>
      `vlan 9 pcp 2, tcp 10.0.0.1:1 > 10.0.0.2:2 ttl 64, ${size} bytes`))
    assert.deepEqual(received.map(wrongChecksums), [[], [], []])
    assert.equal(toHex(concat(...received.map((frame) => frame.subarray(58)))), toHex(data))
  } finally {
    libc.close(fd)
    await driver.stop()
  }
})

/** Two hosts joined by a driver that forwards between them and checks what passes. */
async function joined(use: (a: Cable, b: Cable, facts: { frames: number; wrong: string[]; longest: number; tagged: number }) => Promise<void>): Promise<void> {
  const a = new Cable('10.66.0.1/24')
  const b = new Cable('10.66.0.2/24')
  const facts = { frames: 0, wrong: [] as string[], longest: 0, tagged: 0 }
  try {
    const driver = await opened([{ port: 1, name: a.interface }, { port: 2, name: b.interface }], (port, frame, self) => {
      facts.frames++
      if (wrongChecksums(frame).length > 0) facts.wrong.push(formatFrame(frame))
      const p = parseFrame(frame)
      if (p.tags.length > 0) facts.tagged++
      facts.longest = Math.max(facts.longest, frame.length - 4 * p.tags.length)
      self.send(3 - port, frame)
    })
    try {
      await use(a, b, facts)
    } finally {
      await driver.stop()
    }
  } finally {
    a.remove()
    b.remove()
  }
}

const SIZE = 4_000_000
const server = (address: string): string => `
require('node:net').createServer((socket) => {
  const hash = require('node:crypto').createHash('sha256')
  socket.on('data', (chunk) => hash.update(chunk)).on('end', () => { console.log(hash.digest('hex')); process.exit() })
}).listen(5001, '${address}')`
const client = (address: string): string => `
const data = Buffer.from(Uint32Array.from({ length: ${SIZE / 4} }, (_, i) => Math.imul(i, 2654435761)).buffer)
const attempt = (left) => {
  const socket = require('node:net').connect(5001, '${address}', () => socket.end(data, () => console.log(require('node:crypto').createHash('sha256').update(data).digest('hex'))))
  socket.on('error', (error) => { if (left === 0) throw error; setTimeout(attempt, 50, left - 1) })
}
attempt(100)`

async function transfer(a: Cable, b: Cable, address: string): Promise<void> {
  const [got, sent] = await Promise.all([b.run(process.execPath, '-e', server(address)), a.run(process.execPath, '-e', client(address))])
  assert.equal(got, sent)
}

test('local stacks talk through the driver with their offloads on', { skip: whyNot }, async () => {
  await joined(async (a, b, facts) => {
    assert.match(await a.run('ping', '-c', '3', '-i', '0.05', '10.66.0.2'), /3 received/)
    await transfer(a, b, '10.66.0.2')
    assert.deepEqual(facts.wrong, [])
    assert.ok(facts.frames > SIZE / 1460, `${facts.frames} frames`)
    assert.equal(facts.longest, 1514)
  })
})

test('the same through a VLAN interface', { skip: whyNot || !canMakeVlans() && 'this kernel has no VLAN interfaces' }, async () => {
  await joined(async (a, b, facts) => {
    for (const [cable, address] of [[a, '10.67.0.1/24'], [b, '10.67.0.2/24']] as const) {
      ip('-n', cable.namespace, 'link', 'add', 'link', 'e0', 'name', 'v7', 'type', 'vlan', 'id', '7')
      ip('-n', cable.namespace, 'addr', 'add', address, 'dev', 'v7')
      ip('-n', cable.namespace, 'link', 'set', 'v7', 'up')
    }
    await transfer(a, b, '10.67.0.2')
    assert.deepEqual(facts.wrong, [])
    assert.ok(facts.tagged > SIZE / 1460, `${facts.tagged} tagged frames`)
    assert.equal(facts.longest, 1514)
  })
})

test('an interface that goes away takes the link down and is taken up again', { skip: whyNot }, async () => {
  const cable = new Cable('10.66.0.1/24')
  const heard: number[] = []
  const driver = await opened([{ port: 1, name: cable.interface }], (_port, frame) => heard.push(frame.length))
  try {
    cable.unplug()
    await until('link down', () => driver.links().get(1) === false)
    driver.send(1, echo)
    assert.equal(driver.counters(1)?.txDropped, 1n)
    cable.plug()
    await until('link up', () => driver.links().get(1) === true)
    const before = heard.length
    cable.run('ping', '-c', '1', '-W', '1', '10.66.0.9').catch(() => { /* nobody answers */ })
    await until('hears again', () => heard.length > before)
    driver.send(1, arpRequestFrame({ sha: eth.src, spa: '10.66.0.3', tpa: '10.66.0.1' }))
    const answered = heard.length
    await until('is heard again', () => heard.length > answered)
  } finally {
    await driver.stop()
    cable.remove()
  }
})

test('works in a worker thread, and stopping it there ends the thread', { skip: whyNot }, async () => {
  const [a, b] = wire()
  const worker = new Worker(`
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(async ({ createPortDriver }) => {
      const driver = await createPortDriver({ kind: 'linux', interfaces: [{ port: 1, name: workerData.name }] })
      await driver.start((port, frame) => driver.send(port, frame))
      parentPort.postMessage('ready')
      parentPort.once('message', async () => { await driver.stop() })
    })`, { eval: true, workerData: { module: new URL('../../../src/target/ports/index.js', import.meta.url).href, name: b } })
  await new Promise((resolve, reject) => { worker.once('message', resolve); worker.once('error', reject) })
  const received: string[] = []
  const driver = await opened([{ port: 1, name: a }], (_port, frame) => received.push(toHex(frame)))
  try {
    await until('echoed', () => {
      if (received.length === 0) driver.send(1, echo)
      return received.length > 0
    })
    assert.equal(received[0], toHex(echo))
  } finally {
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    worker.postMessage('stop')
    assert.equal(await ended, 0)
    await driver.stop()
  }
})

test('says which interface does not exist, and leaves nothing open', { skip: whyNot }, async () => {
  const [a] = wire()
  await assert.rejects(createPortDriver({ kind: 'linux', interfaces: [{ port: 1, name: a }, { port: 7, name: 'nowhere0' }] }),
    { code: 'target.portsInterface', message: "port 7: there is no network interface 'nowhere0'" })
})

const attempt = (name: string): string => `
import { createPortDriver } from ${JSON.stringify(new URL('../../../src/target/ports/index.js', import.meta.url).href)}
await createPortDriver({ kind: 'linux', interfaces: [{ port: 1, name: '${name}' }] }).then(() => console.log('opened'), (error) => console.log(error.code, error.message))`

test('says that CAP_NET_RAW is missing', { skip: whyNot }, () => {
  const output = execFileSync('setpriv', ['--bounding-set=-net_raw', process.execPath, '--input-type=module', '-e', attempt('lo')], { encoding: 'utf8' })
  assert.match(output, /^target\.portsPermission interface 'lo': opening a raw socket needs the capability CAP_NET_RAW/)
})

test('says that koffi is missing', () => {
  const hooks = "export async function resolve(s, c, next) { if (s === 'koffi') throw new Error('not installed'); return next(s, c) }"
  const register = `import { register } from 'node:module'; register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}))`
  const output = execFileSync(process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(register)}`, '--input-type=module', '-e', attempt('lo')], { encoding: 'utf8' })
  assert.match(output, /^target\.ports(Koffi .*optional package koffi.*not installed.*npm install koffi|Unsupported)/)
})

test('UDP segmentation offload is undone', { skip: whyNot || !canSegmentUdp() && 'needs python3 and UDP_SEGMENT' }, async () => {
  await joined(async (a, b, facts) => {
    assert.match(await a.run('ping', '-c', '1', '10.66.0.2'), /1 received/)
    const before = facts.frames
    const receiver = b.run('python3', '-c', `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('10.66.0.2', 5002)); s.settimeout(10)
print([len(s.recv(9000)) for _ in range(4)])`)
    // The receiver may not have bound yet: send until it has what it wants.
    const sender = a.run('python3', '-c', `
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(17, 103, 1000)
for _ in range(10):
  try: s.sendto(bytes(3500), ('10.66.0.2', 5002))
  except OSError: pass
  time.sleep(0.05)`)
    assert.equal((await receiver).trim(), '[1000, 1000, 1000, 500]')
    await sender
    assert.deepEqual(facts.wrong, [])
    assert.ok(facts.frames - before >= 4)
  })
})

function canSegmentUdp(): boolean {
  try {
    execFileSync('python3', ['-c', 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).setsockopt(17, 103, 1000)'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

function canMakeVlans(): boolean {
  const name = `ofw${process.pid}v`
  try {
    ip('link', 'add', 'link', 'lo', 'name', name, 'type', 'vlan', 'id', '7')
    ip('link', 'del', name)
    return true
  } catch {
    return false
  }
}
