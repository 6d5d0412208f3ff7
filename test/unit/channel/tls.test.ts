/** ssl: and pssl: endpoints: who is let in, who is not and why, keys that change, and an authority believed at first sight. */
import { after, afterEach, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import type { SecureVersion, TlsOptions } from 'node:tls'
import type { Endpoint } from '../../../src/base/endpoint.js'
import { silentLogger } from '../../../src/base/logger.js'
import type { Logger } from '../../../src/base/logger.js'
import { SwitchError } from '../../../src/base/errors.js'
import { ChannelSet } from '../../../src/channel/index.js'
import { Authorities, whyNoOpenssl } from '../../support/tls-files.js'
import type { KeyPair } from '../../support/tls-files.js'
import { Peer, Recorder, barrier, echoRequest, hello, listeningSet, until } from './peer.js'

const pssl: Endpoint = { transport: 'ssl', passive: true, host: '127.0.0.1', port: 0 }
const text = (path: string): string => readFileSync(path, 'utf8')

/** A logger that keeps the reasons of its lines. */
function recordingLog(): { log: Logger; reasons: string[] } {
  const reasons: string[] = []
  const note = (fields: unknown): void => { if (typeof fields === 'object' && fields !== null) reasons.push(String((fields as { reason?: unknown }).reason ?? (fields as { reasons?: unknown }).reasons)) }
  const log: Logger = { ...silentLogger, debug: note, info: note, warn: note, error: note, child: () => log }
  return { log, reasons }
}

describe('TLS', { skip: whyNoOpenssl() }, () => {
  let pki: Authorities
  /** Of switches, and of controllers, as ovs-pki has two. */
  let [switchCa, controllerCa, foreignCa, own, controller, second, foreign, expired]: KeyPair[] = []
  before(() => {
    pki = new Authorities()
    switchCa = pki.authority('switchca')
    controllerCa = pki.authority('controllerca')
    foreignCa = pki.authority('foreignca')
    own = pki.issue('sc', switchCa)
    controller = pki.issue('ctl', controllerCa)
    second = pki.issue('ctl2', controllerCa)
    foreign = pki.issue('foreign', foreignCa)
    expired = pki.issue('expired', controllerCa, -1)
  })
  after(() => pki.close())
  const files = (pair = own!, ca = controllerCa!.cert) => ({ privateKey: pair.key, certificate: pair.cert, caCert: ca, bootstrap: false })
  const sockets: Socket[] = []
  afterEach(() => { for (const socket of sockets.splice(0)) socket.destroy() })

  /** A client with a certificate of its own, which trusts our authority. */
  const client = (set: ChannelSet, pair: KeyPair | null, version: SecureVersion = 'TLSv1.3'): Peer => {
    const { port } = set.listening()[0] as { port: number }
    const socket = connectTls({
      host: '127.0.0.1', port, ca: text(switchCa!.cert), checkServerIdentity: () => undefined, minVersion: version, maxVersion: version,
      ...(pair === null ? {} : { key: text(pair.key), cert: text(pair.cert) }),
      ...(version === 'TLSv1.1' ? { ciphers: 'DEFAULT@SECLEVEL=0' } : {}),
    })
    sockets.push(socket)
    return new Peer(socket)
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`a client with a certificate of a trusted authority is served over ${version}`, async (context) => {
      const { set, events } = await listeningSet(context, { listen: [pssl], tls: files() })
      const peer = client(set, controller!, version)
      peer.send(hello(4), echoRequest(5, '0102'), barrier(6))
      await until('the barrier', () => events.messages.length === 1)
      assert.equal((await peer.next(3)).body, '0102')
      assert.match(events.opened[0]?.peer ?? '', /^ssl:127\.0\.0\.1:\d+$/)
      set.send(events.opened[0]?.id ?? 0, { type: 'error', name: 'OFPBRC_BAD_TYPE', data: new Uint8Array(50_000) }, 9)
      assert.equal((await peer.next(1)).xid, 9)
      assert.match(set.status().endpoints[0]?.endpoint ?? '', /^pssl:\d+:127\.0\.0\.1$/)
      peer.socket.end()
      await until('the end', () => events.closed.length === 1)
    })
  }

  for (const [what, make, reason] of [
    ['without a certificate', (set: ChannelSet) => client(set, null), /^the peer showed no certificate$/],
    ['of a foreign authority', (set: ChannelSet) => client(set, foreign!), /^the peer's certificate is not from an authority in .*controllerca-cert\.pem$/],
    ['of the authority of switches', (set: ChannelSet) => client(set, own!), /^the peer's certificate is not from an authority in /],
    ['whose certificate has expired', (set: ChannelSet) => client(set, expired!), /^the peer's certificate has expired$/],
    ['with TLS 1.1', (set: ChannelSet) => client(set, controller!, 'TLSv1.1'), /^the peer does not offer TLS 1\.2 or later$/],
    ['without TLS', (set: ChannelSet) => {
      const socket = connect((set.listening()[0] as { port: number }).port, '127.0.0.1', () => socket.write(hello(4)))
      sockets.push(socket)
      return new Peer(socket)
    }, /^the peer does not speak TLS$/],
    ['that says nothing', (set: ChannelSet) => {
      const socket = connect((set.listening()[0] as { port: number }).port, '127.0.0.1')
      sockets.push(socket)
      return new Peer(socket)
    }, /^the peer did not finish the TLS handshake$/],
  ] as const) {
    test(`a client ${what} is refused, by name and reason, and others are served`, async (context) => {
      const { log, reasons } = recordingLog()
      const { set, events } = await listeningSet(context, { listen: [pssl], tls: files(), greetingMs: what === 'that says nothing' ? 100 : 60_000, log })
      const bad = make(set)
      if (!(what === 'that says nothing' || what === 'without TLS')) bad.send(hello(4))
      const good = client(set, controller!)
      good.send(hello(4), echoRequest(1))
      await good.next(3)
      await until('the end of the refused one', () => bad.closed || bad.socket.readableEnded)
      assert.equal(events.opened.length, 1)
      assert.ok(reasons.some((each) => reason.test(each)), reasons.join('\n'))
      assert.equal(good.closed, false)
    })
  }

  test('handshakes that do not end take places, and give them back', async (context) => {
    const { set } = await listeningSet(context, { listen: [pssl], tls: files(), greetingMs: 200, limits: { connections: 5 } })
    const { port } = set.listening()[0] as { port: number }
    const silent = Array.from({ length: 8 }, () => connect(port, '127.0.0.1'))
    sockets.push(...silent)
    for (const socket of silent) socket.on('error', () => {}).resume()
    await until('three to be turned away', () => set.status().turnedAway === 3)
    await until('all to be gone', () => silent.every((socket) => socket.closed || socket.readableEnded))
    const peer = client(set, controller!)
    peer.send(hello(4))
    await peer.next(0)
  })

  test('the set closes in time with a handshake under way', async (context) => {
    const { set } = await listeningSet(context, { listen: [pssl], tls: files(), greetingMs: 60_000 })
    const socket = connect((set.listening()[0] as { port: number }).port, '127.0.0.1')
    sockets.push(socket)
    await until('the connection', () => socket.readyState === 'open')
    const peer = client(set, controller!)
    peer.send(hello(4))
    await peer.next(0)
    const start = performance.now()
    await set.close()
    assert.ok(performance.now() - start < 2000)
  })

  describe('to controllers', () => {
    /** A controller of one's own choice of key; says hello. */
    async function server(context: { after(run: () => Promise<void>): void }, pair: KeyPair, options: TlsOptions = {}): Promise<{ port: number; peers: Peer[]; names: (string | false)[] }> {
      const peers: Peer[] = []
      const names: (string | false)[] = []
      const it = createTlsServer({ key: text(pair.key), cert: text(pair.cert), ca: text(switchCa!.cert), requestCert: true, rejectUnauthorized: true, ...options }, (socket) => {
        peers.push(new Peer(socket))
        names.push((socket as unknown as { servername: string | false }).servername)
        socket.write(hello(4))
      })
      it.on('tlsClientError', () => {})
      await new Promise<void>((resolve) => it.listen(0, '127.0.0.1', resolve))
      context.after(() => new Promise((resolve) => {
        for (const { socket } of peers) socket.destroy()
        it.close(() => resolve())
      }))
      return { port: (it.address() as AddressInfo).port, peers, names }
    }
    async function connecting(context: { after(run: () => Promise<void>): void }, port: number, tls: ReturnType<typeof files>, host = '127.0.0.1'): Promise<{ set: ChannelSet; events: Recorder; reasons: string[] }> {
      const events = new Recorder()
      const { log, reasons } = recordingLog()
      const set = new ChannelSet({ controllers: [{ endpoint: { transport: 'ssl', passive: false, host, port } }], listen: [], versions: [4], log, maxBackoffMs: 20, greetingMs: 300, tls }, events)
      context.after(() => set.close())
      await set.start()
      return { set, events, reasons }
    }

    test('a trusted one is connected to, whatever the name in its certificate', async (context) => {
      const { port, peers, names } = await server(context, controller!)
      const { events } = await connecting(context, port, files(), 'localhost')
      await until('the connection', () => events.opened.length === 1)
      assert.match(events.opened[0]?.peer ?? '', /^ssl:127\.0\.0\.1:/)
      peers[0]?.send(echoRequest(3))
      await peers[0]?.next(3)
      assert.deepEqual(names, ['localhost'])
    })

    for (const [what, pair, options, reason] of [
      ['of a foreign authority', () => foreign!, {}, /not from an authority in .*controllerca-cert\.pem/],
      ['with an expired certificate', () => expired!, {}, /certificate has expired/],
      ['that only speaks TLS 1.1', () => controller!, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, /does not offer TLS 1\.2/],
      ['that does not trust us, TLS 1.2', () => controller!, { ca: '', maxVersion: 'TLSv1.2' }, /closed by the peer|ECONNRESET|does not trust|connection lost|socket disconnected/],
    ] as const) {
      test(`one ${what} is not talked to, and the status says why`, async (context) => {
        const { port, peers } = await server(context, pair(), { ...options, ...('ca' in options ? { ca: text(foreignCa!.cert) } : {}) })
        const { set, events } = await connecting(context, port, files())
        await until('the reason', () => reason.test(set.status().endpoints[0]?.lastError ?? ''))
        assert.deepEqual([events.opened.length, peers.reduce((sum, { received }) => sum + received.length, 0)], [0, 0])
      })
    }

    test('one that accepts and never shakes hands is given up in time', async (context) => {
      const held: Socket[] = []
      const it = createServer((socket) => { held.push(socket) })
      await new Promise<void>((resolve) => it.listen(0, '127.0.0.1', resolve))
      context.after(() => new Promise<void>((resolve) => {
        for (const socket of held) socket.destroy()
        it.close(() => resolve())
      }))
      const { set } = await connecting(context, (it.address() as AddressInfo).port, files())
      await until('the reason', () => set.status().endpoints[0]?.lastError === 'no answer within 300 ms')
      await until('another attempt', () => held.length > 1)
    })

    test('an authority that is not known yet is learned from the first controller, and only then is it talked to', async (context) => {
      const chain = { cert: text(controller!.cert) + text(controllerCa!.cert) }
      const { port, peers } = await server(context, controller!, chain)
      const caCert = pki.path('learned.pem')
      const { set, events, reasons } = await connecting(context, port, { ...files(own!, caCert), bootstrap: true })
      await until('the connection', () => events.opened.length === 1)
      assert.ok(reasons.includes(`the certificate of the authority was written to ${caCert}`), reasons.join('\n'))
      const der = (pem: string): string => pem.replace(/-----[A-Z ]+-----|\s/g, '')
      assert.equal(der(text(caCert)), der(text(controllerCa!.cert)))
      assert.equal(peers.filter(({ received }) => received.length > 0).length, 1, 'nothing was said before')
      await set.close()
      const impostor = await server(context, foreign!, { cert: text(foreign!.cert) + text(foreignCa!.cert) })
      const again = await connecting(context, impostor.port, { ...files(own!, caCert), bootstrap: true })
      await until('the refusal', () => /not from an authority/.test(again.set.status().endpoints[0]?.lastError ?? ''))
    })

    test('a controller that shows no authority cannot be believed', async (context) => {
      const { port } = await server(context, controller!)
      const caCert = pki.path('never.pem')
      const { set } = await connecting(context, port, { ...files(own!, caCert), bootstrap: true })
      await until('the refusal', () => /not self-signed, so none can be believed/.test(set.status().endpoints[0]?.lastError ?? ''))
      assert.equal(existsSync(caCert), false)
    })
  })

  test('changed files concern new connections and no others; useless ones change nothing', async (context) => {
    const live = pki.issue('live', switchCa!)
    const bundle = pki.write('bundle.pem', text(controllerCa!.cert))
    const { log, reasons } = recordingLog()
    const { set, events } = await listeningSet(context, { listen: [pssl], tls: files(live, bundle), log })
    const opened = async (peer: Peer): Promise<void> => {
      const before = events.opened.length
      peer.send(hello(4))
      await until('the connection', () => events.opened.length > before)
    }
    const first = client(set, controller!)
    await opened(first)
    const refused = client(set, foreign!)
    await until('the refusal', () => refused.closed || refused.socket.readableEnded)

    // A bundle of two: both are trusted. Our own key is another one too.
    pki.write('bundle.pem', `${text(foreignCa!.cert)}\n# and\n${text(controllerCa!.cert)}`)
    pki.replace(live, pki.issue('live-2', switchCa!))
    await opened(client(set, foreign!))
    await opened(client(set, second!))

    // A key without its certificate, and no certificates at all.
    pki.replace({ key: live.key, cert: pki.path('elsewhere.pem') }, own!)
    pki.write('bundle.pem', '')
    set.reloadKeys()
    assert.ok(reasons.some((each) => /live-privkey\.pem does not belong to .*bundle\.pem holds no certificate|does not belong/.test(each)), reasons.join('\n'))
    await opened(client(set, foreign!))

    // The first authority alone again: the foreign ones that are there stay, others do not come.
    pki.replace(live, own!)
    pki.write('bundle.pem', text(controllerCa!.cert))
    const late = client(set, foreign!)
    await until('the refusal', () => late.closed || late.socket.readableEnded)
    await opened(client(set, second!))
    assert.equal(events.closed.length, 0)
    first.send(echoRequest(77))
    assert.equal((await first.next(3)).xid, 77)
  })

  test('files that cannot be used are refused at the start', () => {
    const make = (tls: ReturnType<typeof files>): ChannelSet => new ChannelSet({ controllers: [], listen: [pssl], versions: [4], log: silentLogger, tls }, new Recorder())
    assert.throws(() => make({ ...files(), privateKey: controller!.key }), (error) => error instanceof SwitchError && /does not belong/.test(error.message))
    assert.throws(() => make({ ...files(), privateKey: '/nonexistent', caCert: '/nowhere' }), /nonexistent cannot be read.*; .*nowhere cannot be read/)
  })
})
