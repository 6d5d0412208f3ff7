import { test } from 'node:test'
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { LearningController } from '../../../src/example/learning-controller.js'
import type { LearningControllerOptions } from '../../../src/example/learning-controller.js'
import { Framer, NO_BUFFER, Port, decodeMessage, encodeMessage } from '../../../src/openflow/index.js'
import type { FlowMod, Message } from '../../../src/openflow/index.js'

const H1 = 0x0a0000000001n
const H2 = 0x0a0000000002n
const BROADCAST = 0xffffffffffffn
const DPID = 0x77n

function ethernet(destination: bigint, source: bigint, type = 0x0800): Uint8Array {
  const text = destination.toString(16).padStart(12, '0') + source.toString(16).padStart(12, '0') + type.toString(16).padStart(4, '0')
  return new Uint8Array(Buffer.concat([Buffer.from(text, 'hex'), Buffer.alloc(46)]))
}

/** A switch without a datapath: it records what the controller says. */
class FakeSwitch {
  readonly got: { message: Message; xid: number }[] = []
  closed = false
  readonly #socket: Socket
  readonly #framer = new Framer()

  constructor(port: number, helloVersions: readonly number[] = [1, 4]) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', (chunk: Uint8Array) => {
      this.#framer.push(chunk)
      for (let frame = this.#framer.next(); frame !== null; frame = this.#framer.next()) {
        const decoded = decodeMessage(frame, 4)
        assert.ok(decoded.ok, decoded.ok ? '' : decoded.reason)
        this.got.push({ message: decoded.message, xid: frame.xid })
        if (decoded.message.type === 'barrier_request') this.send({ type: 'barrier_reply' }, frame.xid)
        if (decoded.message.type === 'features_request') {
          this.send({ type: 'features_reply', datapathId: DPID, nBuffers: 0, nTables: 16, auxiliaryId: 0, capabilities: 0, ports: [], actions: [] }, frame.xid)
        }
      }
    })
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => { this.closed = true })
    this.send({ type: 'hello', versions: helloVersions, hasBitmap: true })
  }
  send(message: Message, xid = 1): void {
    for (const bytes of encodeMessage(message, 4, xid)) this.#socket.write(bytes)
  }
  packetIn(port: number, data: Uint8Array): void {
    this.send({ type: 'packet_in', bufferId: NO_BUFFER, totalLen: data.length, reason: 'no_match', tableId: 0, cookie: 0n, match: [{ field: 'in_port', value: BigInt(port), mask: null }], data })
  }
  /** The next message of a type; those before it are dropped. */
  async next<T extends Message['type']>(type: T): Promise<Extract<Message, { type: T }>> {
    for (const deadline = Date.now() + 5000; Date.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 1))) {
      const at = this.got.findIndex(({ message }) => message.type === type)
      if (at >= 0) return this.got.splice(0, at + 1).at(-1)?.message as Extract<Message, { type: T }>
    }
    throw new Error(`no ${type} came`)
  }
  destroy(): void {
    this.#socket.destroy()
  }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((given) => { resolve = given })
  return { promise, resolve }
}

async function start(context: { after(run: () => Promise<void>): void }, options: LearningControllerOptions = {}): Promise<{ controller: LearningController; sw: FakeSwitch }> {
  const ready = withResolvers<bigint>()
  const controller = new LearningController({ ...options, onSwitch: (id) => { options.onSwitch?.(id); ready.resolve(id) } })
  const port = await controller.listen()
  const sw = new FakeSwitch(port)
  context.after(async () => {
    sw.destroy()
    await controller.close()
  })
  assert.equal(await ready.promise, DPID)
  return { controller, sw }
}
const outputs = (message: FlowMod): unknown => message.instructions.apply?.map((action) => (action.type === 'output' ? action.port : action.type))

test('takes a switch over: removes its old flows, sends misses to itself', async (context) => {
  const { controller, sw } = await start(context, { cookie: 0x42n })
  assert.deepEqual(sw.got.map(({ message }) => message.type), ['hello', 'features_request', 'flow_mod', 'set_config', 'flow_mod', 'barrier_request'])
  const removal = await sw.next('flow_mod')
  assert.deepEqual([removal.command, removal.tableId, removal.cookie, removal.cookieMask], ['delete', 255, 0x42n, 0xffffffffffffffffn])
  const miss = await sw.next('flow_mod')
  assert.deepEqual([miss.command, miss.priority, miss.match, miss.idleTimeout, outputs(miss)], ['add', 0, [], 0, [Port.CONTROLLER]])
  assert.deepEqual(controller.switches, [DPID])
})

test('floods what it does not know, then forwards by flows with an idle timeout', async (context) => {
  const learned: unknown[] = []
  const { sw } = await start(context, { idleTimeout: 7, onLearned: (id, mac, port) => learned.push([id, mac, port]) })
  sw.got.length = 0
  const request = ethernet(BROADCAST, H1)
  sw.packetIn(1, request)
  const flood = await sw.next('packet_out')
  assert.deepEqual([flood.inPort, flood.actions.map((a) => (a.type === 'output' ? a.port : null)), Buffer.from(flood.data)], [1, [Port.ALL], Buffer.from(request)])
  sw.packetIn(2, ethernet(H1, H2))
  const flow = await sw.next('flow_mod')
  assert.deepEqual([flow.command, flow.priority, flow.idleTimeout, outputs(flow)], ['add', 100, 7, [1]])
  assert.deepEqual([...flow.match].sort((a, b) => (a.field < b.field ? -1 : 1)), [
    { field: 'eth_dst', value: H1, mask: null }, { field: 'eth_src', value: H2, mask: null }, { field: 'in_port', value: 2n, mask: null },
  ])
  assert.deepEqual((await sw.next('packet_out')).actions.map((a) => (a.type === 'output' ? a.port : null)), [1])
  assert.deepEqual(learned, [[DPID, H1, 1], [DPID, H2, 2]])
})

test('a station that moves is learned again, and the flows to its old place go', async (context) => {
  const { sw } = await start(context)
  sw.packetIn(1, ethernet(BROADCAST, H1))
  await sw.next('packet_out')
  sw.got.length = 0
  sw.packetIn(3, ethernet(BROADCAST, H1))
  const removal = await sw.next('flow_mod')
  assert.deepEqual([removal.command, removal.match], ['delete', [{ field: 'eth_dst', value: H1, mask: null }]])
})

test('a port that goes down is forgotten', async (context) => {
  const { sw } = await start(context)
  sw.packetIn(1, ethernet(BROADCAST, H1))
  await sw.next('packet_out')
  sw.send({ type: 'port_status', reason: 'modify', port: { portNo: 1, hwAddr: 1n, name: 'p1', config: 0, state: 1, curr: 0, advertised: 0, supported: 0, peer: 0, currSpeed: 0, maxSpeed: 0, properties: [] } })
  const removal = await sw.next('flow_mod')
  assert.deepEqual([removal.command, removal.outPort], ['delete', 1])
  sw.packetIn(2, ethernet(H1, H2))
  assert.deepEqual((await sw.next('packet_out')).actions.map((a) => (a.type === 'output' ? a.port : null)), [Port.ALL])
})

test('leaves alone what is not to be forwarded, and answers echo', async (context) => {
  const { sw } = await start(context)
  sw.got.length = 0
  sw.packetIn(1, ethernet(0x0180c2000000n, H1))
  sw.packetIn(1, ethernet(BROADCAST, H1, 0x88cc))
  sw.packetIn(1, ethernet(H1, 0x010000000001n))
  sw.packetIn(1, new Uint8Array(5))
  sw.send({ type: 'echo_request', data: Uint8Array.of(1, 2) }, 9)
  assert.deepEqual((await sw.next('echo_reply')).data, Uint8Array.of(1, 2))
  assert.equal(sw.got.length, 0)
})

test('reports errors and the end of a switch, and goes on listening', async (context) => {
  const errors: string[] = []
  const gone: string[] = []
  const { controller, sw } = await start(context, { onError: (_id, text) => errors.push(text), onSwitchGone: (_id, reason) => gone.push(reason) })
  sw.send({ type: 'error', name: 'OFPFMFC_TABLE_FULL', data: new Uint8Array(0) })
  sw.send({ type: 'echo_request', data: new Uint8Array(0) })
  await sw.next('echo_reply')
  assert.deepEqual(errors, ['type 5 code 1'])
  sw.destroy()
  for (const deadline = Date.now() + 5000; gone.length === 0 && Date.now() < deadline;) await new Promise((resolve) => setTimeout(resolve, 1))
  assert.equal(gone.length, 1)
  assert.deepEqual(controller.switches, [])
})

test('steps back: removes its flows, waits for the barrier, and closes', async (context) => {
  const { controller, sw } = await start(context)
  sw.got.length = 0
  await controller.close({ removeFlows: true })
  assert.deepEqual(sw.got.map(({ message }) => message.type), ['flow_mod', 'barrier_request'])
  assert.deepEqual(controller.switches, [])
  for (const deadline = Date.now() + 5000; !sw.closed && Date.now() < deadline;) await new Promise((resolve) => setTimeout(resolve, 1))
  assert.ok(sw.closed)
})

test('an address in use is refused', async (context) => {
  const first = new LearningController()
  const port = await first.listen()
  context.after(() => first.close())
  await assert.rejects(new LearningController().listen(port), /EADDRINUSE/)
})
