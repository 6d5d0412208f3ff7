/**
 * Hostile bytes on the OpenFlow port: whatever one connection says, the switch keeps running, keeps its flows, and
 * keeps answering a second connection. Well-framed nonsense is answered (at least the barrier behind it) or the
 * connection is closed; it is never met with silence.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { TcpConnection } from '../support/netns-tcp.js'
import { until } from '../support/netns-process.js'
import { Sandbox } from '../support/netns.js'
import { skipReason, subjects, whyNoOfctl } from '../support/subject-list.js'
import type { RunningSwitch } from '../support/subject.js'
import { Random } from './differential/random.js'

const hex = (...parts: string[]): Buffer => Buffer.from(parts.join('').replace(/\s/g, ''), 'hex')

const HELLO_13 = hex('04 00 0008 00000001')
const HELLO_10 = hex('01 00 0008 00000001')
const echo = (version: number, xid: number): Buffer => { const b = hex('00 02 0008 00000000'); b[0] = version; b.writeUInt32BE(xid, 4); return b }
const BARRIER_XID = 0x7e57_b0b0
/** The type of BARRIER_REQUEST differs between the versions; the reply is the next number. */
const barrier = (version: number): Buffer => { const b = echo(version, BARRIER_XID); b[1] = version === 1 ? 18 : 20; return b }

/** A message with a correct length field. */
const message = (version: number, type: number, body: Buffer): Buffer => {
  const head = Buffer.alloc(8)
  head[0] = version
  head[1] = type
  head.writeUInt16BE(8 + body.length, 2)
  head.writeUInt32BE(0x0bad_0000 + type, 4)
  return Buffer.concat([head, body])
}

const flowMod = (...rest: string[]): Buffer => message(4, 14, hex(
  '0000000000000000 0000000000000000', '00 00 0000 0000 8000 ffffffff ffffffff ffffffff 0000 0000', ...rest))

/** Malformed messages of OpenFlow 1.3, each with a correct total length. */
const malformed13: readonly { name: string, bytes: Buffer }[] = [
  { name: 'a flow-mod without a match', bytes: flowMod() },
  { name: 'a match of length 0', bytes: flowMod('0001 0000 00000000') },
  { name: 'a match longer than the message', bytes: flowMod('0001 fff0 00000000') },
  { name: 'an OXM field longer than the match', bytes: flowMod('0001 0008 8000 06ff') },
  { name: 'an OXM field of length 0', bytes: flowMod('0001 0008 8000 0600') },
  { name: 'an instruction of length 0', bytes: flowMod('0001 0004 00000000', '0004 0000 00000000') },
  { name: 'an instruction longer than the message', bytes: flowMod('0001 0004 00000000', '0004 4000 00000000') },
  { name: 'an action of length 0', bytes: flowMod('0001 0004 00000000', '0004 0010 00000000', '0000 0000 00000001') },
  { name: 'an action of odd length', bytes: flowMod('0001 0004 00000000', '0004 0018 00000000', '0000 000f 00000001 ffff 000000000000') },
  { name: 'an unknown action', bytes: flowMod('0001 0004 00000000', '0004 0010 00000000', '7777 0008 00000001') },
  { name: 'an unknown instruction', bytes: flowMod('0001 0004 00000000', '7777 0008 00000000') },
  { name: 'a set-field without a field', bytes: flowMod('0001 0004 00000000', '0004 0010 00000000', '0019 0008 00000000') },
  { name: 'a goto to its own table', bytes: flowMod('0001 0004 00000000', '0001 0008 00 000000') },
  { name: 'a group-mod with a bucket of length 0', bytes: message(4, 15, hex('0000 00 00 00000009', '0000 0000 ffffffff ffffffff 00000000')) },
  { name: 'a group-mod with an unknown type', bytes: message(4, 15, hex('0000 77 00 00000009')) },
  { name: 'a meter-mod with a band of length 0', bytes: message(4, 29, hex('0000 0001 00000001', '0001 0000 00000000 00000000 00000000')) },
  { name: 'a packet-out with actions beyond its end', bytes: message(4, 13, hex('ffffffff fffffffd ffff 000000000000')) },
  { name: 'a packet-out of an unknown buffer', bytes: message(4, 13, hex('00001234 fffffffd 0000 000000000000')) },
  { name: 'an unknown multipart type', bytes: message(4, 18, hex('7777 0000 00000000')) },
  { name: 'a flow statistics request without a body', bytes: message(4, 18, hex('0001 0000 00000000')) },
  { name: 'table features with a property of length 0', bytes: message(4, 18, hex('000c 0000 00000000', '0048 00 0000000000', '00'.repeat(56), '0000 0000')) },
  { name: 'an endless multipart request', bytes: message(4, 18, hex('000c 0001 00000000')) },
  { name: 'a port-mod for a port that is not there', bytes: message(4, 16, hex('00001234 00000000 000000000000 0000 00000000 00000000 00000000 00000000')) },
  { name: 'an unknown experimenter', bytes: message(4, 4, hex('deadbeef 00000001')) },
  { name: 'an unknown message type', bytes: message(4, 99, hex('0000')) },
  { name: 'a reply nobody asked for', bytes: message(4, 19, hex('0001 0000 00000000')) },
]

for (const subject of subjects)
  describe(`hostile bytes: ${subject.name}`, { skip: skipReason(subject, whyNoOfctl()) }, () => {
    const sandbox = new Sandbox()
    let sw: RunningSwitch
    let steady: TcpConnection
    let echoes = 0

    before(async () => {
      sw = await subject.start(sandbox, await sandbox.namespace('sw'), { ports: [] })
      await sw.ofctl(['-O', 'OpenFlow13', 'add-flow', 'TARGET', 'priority=77,in_port=1,actions=drop'])
      steady = await TcpConnection.open(sw.namespace, sw.listenPort)
      sandbox.onClose(() => steady.close())
      steady.send(HELLO_13)
    })
    after(() => sandbox.close())

    /** The second connection still gets its answers, and the switch still has its flow. */
    const stillWell = async (): Promise<void> => {
      const xid = 0x5eed_0000 + ++echoes
      const wanted = echo(4, xid)
      wanted[1] = 3
      steady.send(echo(4, xid))
      await until(() => `the steady connection's echo reply ${echoes}\n${sw.log().slice(-3000)}`, () => steady.open && steady.received.includes(wanted), 5000, 5)
      for (const process of sw.processes) assert.ok(process.running, `${process.name} is running\n${process.log.slice(-3000)}`)
    }
    const hasItsFlow = async (): Promise<void> => {
      const dump = await sw.ofctl(['-O', 'OpenFlow13', '--no-stats', 'dump-flows', 'TARGET'])
      assert.match(dump.stdout, /priority=77,in_port=1 actions=drop/, dump.stderr)
    }
    const attack = async (work: (connection: TcpConnection) => Promise<void> | void): Promise<void> => {
      const connection = await TcpConnection.open(sw.namespace, sw.listenPort)
      await work(connection)
      await stillWell()
      await connection.close()
    }
    /** Silence is wrong: either the barrier behind the message is answered, or the connection is gone. */
    const answered = (connection: TcpConnection, version: number): Promise<true> => {
      const reply = barrier(version)
      reply[1] = version === 1 ? 19 : 21
      connection.send(barrier(version))
      return until(() => `an answer after: ${connection.received.toString('hex')}`, () => !connection.open || connection.received.includes(reply), 5000, 5)
    }

    it('survives what is not OpenFlow', async () => {
      const random = new Random(1)
      for (const bytes of [Buffer.from('GET / HTTP/1.1\r\nHost: switch\r\n\r\n'), random.bytes(4096), Buffer.alloc(70_000), Buffer.alloc(70_000, 0xff)])
        await attack((connection) => connection.send(bytes))
      await hasItsFlow()
    })

    it('survives headers that cannot be', async () => {
      for (const length of [0, 1, 4, 7])
        for (const version of [1, 4, 6, 0xff])
          await attack((connection) => { const b = Buffer.from(HELLO_13); b[0] = version; b.writeUInt16BE(length, 2); connection.send(b) })
      await hasItsFlow()
    })

    it('survives a message that never ends', async () => {
      await attack((connection) => connection.send(Buffer.concat([HELLO_13, hex('04 0e ffff 00000002'), Buffer.alloc(1000)])))
      await attack((connection) => connection.send(HELLO_13.subarray(0, 5)))
      await hasItsFlow()
    })

    for (const { name, bytes } of malformed13)
      it(`answers or closes: ${name}`, async () => {
        await attack(async (connection) => {
          connection.send(Buffer.concat([HELLO_13, bytes]))
          await answered(connection, 4)
        })
        await hasItsFlow()
      })

    for (const [version, hello, types] of [[4, HELLO_13, 30], [1, HELLO_10, 22]] as const)
      it(`answers or closes: random bodies of every message type, version ${version}`, async () => {
        const random = new Random(version)
        // Types that change the switch on purpose are left to the malformed messages above; a body of zeros would be a valid one.
        for (let type = 0; type < types; type++)
          await attack(async (connection) => {
            connection.send(hello)
            for (let i = 0; i < 20; i++) connection.send(message(version, type, Buffer.concat([hex('ff'), random.bytes(random.int(0, 120))])))
            await answered(connection, version)
          })
        await hasItsFlow()
      })

    it('survives a peer that asks and never reads', async () => {
      await attack(async (connection) => {
        connection.pause()
        connection.send(HELLO_13)
        const dumps = Buffer.concat(Array.from({ length: 2000 }, () => message(4, 18, hex('0000 0000 00000000'))))
        for (let i = 0; i < 10; i++) { connection.send(dumps); await stillWell() }
      })
      await hasItsFlow()
    })

    it('survives many connections that come and go', async () => {
      const connections = await Promise.all(Array.from({ length: 20 }, () => TcpConnection.open(sw.namespace, sw.listenPort)))
      for (const [index, connection] of connections.entries()) if (index % 2 === 0) connection.send(HELLO_13)
      await stillWell()
      await Promise.all(connections.map((connection) => connection.close()))
      await stillWell()
      await hasItsFlow()
    })
  })
