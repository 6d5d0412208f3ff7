/**
 * A controller that uses auxiliary connections, as bytes: it accepts three connections of one switch, and packets come and go by the
 * auxiliary ones. OF 1.3.5 §6.3.6
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { eventually, startSwitch, type SwitchRig } from '../../support/switch-rig.js'

const [HELLO, ERROR, ECHO_REQUEST, FEATURES_REPLY, PACKET_IN, BARRIER_REPLY] = [0, 1, 2, 6, 10, 21]

/** One connection: what has come, message by message. */
class Accepted {
  readonly messages: Buffer[] = []
  readonly #socket: Socket
  #rest = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#socket = socket
    // hello; set-config with whole packets; features request
    this.send('04 00 0008 00000001', '04 09 000c 00000002 0000 ffff', '04 05 0008 00000003')
    socket.on('error', () => { /* the switch closes it first */ })
    socket.on('data', (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk])
      while (this.#rest.length >= 8 && this.#rest.length >= this.#rest.readUInt16BE(2)) {
        const message = this.#rest.subarray(0, this.#rest.readUInt16BE(2))
        this.#rest = this.#rest.subarray(message.length)
        if (message[1] === ECHO_REQUEST) this.send(`04 03 ${message.toString('hex', 2)}`)
        else this.messages.push(message)
      }
    })
  }

  send(...hex: readonly string[]): void { this.#socket.write(Buffer.from(hex.join('').replaceAll(' ', ''), 'hex')) }
  of(type: number): readonly Buffer[] { return this.messages.filter((message) => message[1] === type) }
  /** The auxiliary id of its features reply. */
  get id(): number | undefined { return this.of(FEATURES_REPLY)[0]?.[21] }
  close(): void { this.#socket.destroy() }
}

describe('auxiliary connections', () => {
  const accepted: Accepted[] = []
  const server = createServer((socket) => { accepted.push(new Accepted(socket)) })
  let rig: SwitchRig
  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    rig = await startSwitch({ config: { controllers: [{ endpoint: { transport: 'tcp', passive: false, host: '127.0.0.1', port }, auxiliary: 2 }] } })
    await eventually(() => (accepted.length === 3 && accepted.every(({ id }) => id !== undefined) ? true : undefined), () => `${accepted.length} connections`)
  })
  after(async () => {
    for (const each of accepted) each.close()
    await rig.close()
    server.close()
  })
  const numbered = (id: number): Accepted => accepted.find((each) => each.id === id) ?? assert.fail(`no connection ${id}`)

  it('are told apart by their ids, under one datapath id', () => {
    assert.deepEqual(accepted.map(({ id }) => id).sort(), [0, 1, 2])
    assert.equal(new Set(accepted.map((each) => each.of(FEATURES_REPLY)[0]?.toString('hex', 8, 16))).size, 1)
    assert.deepEqual(accepted.flatMap((each) => each.of(HELLO)).length, 3)
  })

  it('bring packet-ins, each port\'s always by the same one', async () => {
    // The table miss to the controller, asked for on an auxiliary connection.
    numbered(1).send(
      `04 0e 0050 00000010 ${'00'.repeat(16)} 00 00 0000 0000 0000 ffffffff ffffffff ffffffff 0000 0000 0001 0004 00000000 0004 0018 00000000 0000 0010 fffffffd ffff 000000000000`,
      '04 14 0008 00000011')
    await eventually(() => (numbered(1).of(BARRIER_REPLY).length > 0 ? true : undefined), () => 'no barrier reply')
    const frame = (port: number, nth: number): Buffer => Buffer.from(`0200000000ff02000000000${port}88b5${'00'.repeat(44)}000${nth}`, 'hex')
    for (const nth of [1, 2]) for (const port of [1, 2, 3, 4, 5]) assert.ok(rig.ports.inject(port, frame(port, nth)))
    const all = (): readonly Buffer[] => accepted.flatMap((each) => each.of(PACKET_IN))
    await eventually(() => (all().length >= 10 ? true : undefined), () => `${all().length} of 10 packet-ins`)
    const byPort = new Map<number, Set<number | undefined>>()
    for (const each of accepted) {
      for (const message of each.of(PACKET_IN)) {
        const data = message.subarray(message.length - 60)
        const port = data.readUInt8(11)
        byPort.set(port, (byPort.get(port) ?? new Set()).add(each.id))
        assert.ok([1, 2].some((nth) => frame(port, nth).equals(data)), data.toString('hex'))
      }
    }
    assert.deepEqual([all().length, [...byPort.keys()].sort(), [...byPort.values()].map(({ size }) => size)], [10, [1, 2, 3, 4, 5], [1, 1, 1, 1, 1]])
    assert.ok([1, 2].some((id) => numbered(id).of(PACKET_IN).length > 0), 'none came by an auxiliary connection')
  })

  it('take packet-outs and barriers of their own', async () => {
    for (const id of [1, 2]) {
      rig.ports.take()
      numbered(id).send(`04 0d 0064 0000002${id} ffffffff fffffffd 0010 000000000000 0000 0010 0000000${id + 2} 0000 000000000000 0200000000ff0200000000aa88b5${'00'.repeat(45)}0${id}`)
      const out = await eventually(() => {
        const taken = rig.ports.take()
        return taken.length > 0 ? taken : undefined
      }, () => `no frame for the packet-out of connection ${id}: ${accepted.map((each) => each.of(ERROR).map((message) => message.toString('hex')).join()).join(' ')}`)
      assert.deepEqual(out.map(({ port, frame }) => [port, frame.at(-1)]), [[id + 2, id]])
    }
    assert.deepEqual(accepted.flatMap((each) => each.of(ERROR)), [])
  })
})
