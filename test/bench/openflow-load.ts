/** What the load generator does to an OpenFlow switch. Times are milliseconds. */
import { setTimeout as delay } from 'node:timers/promises'
import { NO_BUFFER, Port, Table } from '../../src/openflow/index.js'
import type { FlowMod, Frame, Message } from '../../src/openflow/index.js'
import { addFlow, apply, bytesOf, deleteAll, frameTo, MISS_PRIORITY, output, plainFlow, toAddress } from './flows.js'
import { OpenFlowClient, Type } from './openflow-client.js'
import type { Load } from './load.js'
import { flowsHeldAt } from './p4runtime-load.js'
import { TARGET_PORT } from '../support/subject-ofswitchd.js'

export class OpenFlowLoad implements Load {
  #client: OpenFlowClient
  readonly #port: number

  private constructor(client: OpenFlowClient, port: number) {
    this.#client = client
    this.#port = port
  }
  static async open(port: number): Promise<OpenFlowLoad> { return new OpenFlowLoad(await OpenFlowClient.connect(port), port) }

  async clear(): Promise<void> {
    this.#client.send(deleteAll)
    await this.#barrier()
  }

  async install(flows: readonly FlowMod[]): Promise<number> {
    const bytes = Buffer.concat(flows.map((flow) => bytesOf(flow, this.#client.nextXid())))
    const begin = performance.now()
    this.#client.write(bytes)
    await this.#barrier()
    return performance.now() - begin
  }
  pipelined({ first, count, tables }: { first: number; count: number; tables: number }): Promise<number> {
    return this.install(Array.from({ length: count }, (_, n) => plainFlow(first + n, tables)))
  }

  /** The time from each flow-mod to the reply of its barrier. */
  async single({ count }: { count: number }): Promise<number[]> {
    const times: number[] = []
    for (let n = 0; n < count; n++) {
      const xid = this.#client.nextXid()
      const bytes = Buffer.concat([bytesOf(plainFlow(n, 1), this.#client.nextXid()), bytesOf({ type: 'barrier_request' }, xid)])
      const answer = this.#client.answer(xid)
      const begin = performance.now()
      this.#client.write(bytes)
      await answer
      times.push(performance.now() - begin)
    }
    this.#client.check()
    return times
  }

  /** packet-out to the tables → packet-in, `window` of them under way. */
  async loop({ count, window }: { count: number; window: number }): Promise<number> {
    await this.install([addFlow(0, [], apply(output(Port.CONTROLLER)), MISS_PRIORITY)])
    const packet = (): Uint8Array => bytesOf(packetOut(Port.TABLE, 1, frameTo(1)), this.#client.nextXid())
    return this.#rounds(count, window, () => this.#client.write(packet()), () => undefined)
  }

  /** As a learning controller: each packet-in is answered by a flow-mod and a packet-out, and then the next packet comes. */
  async reactive({ count, window }: { count: number; window: number }): Promise<number> {
    await this.install([addFlow(0, [], apply(output(Port.CONTROLLER)), MISS_PRIORITY)])
    let next = 0
    let learnt = 0
    const stimulus = (): void => this.#client.write(bytesOf(packetOut(Port.TABLE, 1, frameTo(1_000_000 + next++)), this.#client.nextXid()))
    const answer = (): void => {
      const frame = frameTo(1_000_000 + learnt)
      const flow = addFlow(0, toAddress(1_000_000 + learnt++), apply(output(2)))
      this.#client.write(Buffer.concat([bytesOf(flow, this.#client.nextXid()), bytesOf(packetOut(2, 1, frame), this.#client.nextXid())]))
    }
    const begin = performance.now()
    await this.#rounds(count, window, stimulus, answer)
    await this.#barrier()
    return performance.now() - begin
  }

  /** Delays of echo requests on this connection and on another one, while flow-mods are carried out. */
  async echo({ count, tables }: { count: number; tables: number }): Promise<{ same: number[]; other: number[]; ms: number }> {
    const other = await OpenFlowClient.connect(this.#port)
    const delays = { same: [] as number[], other: [] as number[] }
    const ask = async (client: OpenFlowClient, into: number[]): Promise<void> => {
      const begin = performance.now()
      await client.request({ type: 'echo_request', data: new Uint8Array(8) })
      into.push(performance.now() - begin)
    }
    const bytes = Buffer.concat(Array.from({ length: count }, (_, n) => bytesOf(plainFlow(n, tables), this.#client.nextXid())))
    const begin = performance.now()
    this.#client.write(bytes)
    const done = this.#barrier()
    const timer = setInterval(() => {
      void ask(this.#client, delays.same)
      void ask(other, delays.other)
    }, 2)
    await done
    clearInterval(timer)
    const ms = performance.now() - begin
    await Promise.all([ask(this.#client, []), ask(other, [])])
    other.close()
    return { ...delays, ms }
  }

  /** Statistics of all flows, to the last part of the reply. */
  async dump({ expected }: { expected: number }): Promise<number> {
    const { ms, flows } = await dumpOf(this.#client)
    if (flows !== expected) throw new Error(`${flows} flows in the statistics, ${expected} expected`)
    return ms
  }

  /** Statistics of all flows again and again on a connection of their own, while flows come and go on this one and a third asks for echoes; delays. */
  async beside({ count }: { count: number }): Promise<{ flowMods: number[]; echoes: number[]; dumps: number[] }> {
    const [dumping, echoing] = [await OpenFlowClient.connect(this.#port), await OpenFlowClient.connect(this.#port)]
    const [flowMods, echoes, dumps]: [number[], number[], number[]] = [[], [], []]
    let isOver = false
    const dumped = (async () => { while (!isOver) dumps.push((await dumpOf(dumping)).ms) })()
    const echoed = (async () => {
      while (!isOver) {
        const begin = performance.now()
        await echoing.request({ type: 'echo_request', data: new Uint8Array(8) })
        echoes.push(performance.now() - begin)
        await delay(2)
      }
    })()
    const passing = plainFlow(-1, 1)
    // Some dumps go by, however fast flows are.
    for (let n = 0; n < count || dumps.length < 3; n++) {
      const begin = performance.now()
      this.#client.send(n % 2 === 0 ? passing : { ...passing, command: 'delete_strict' })
      await this.#barrier()
      flowMods.push(performance.now() - begin)
    }
    isOver = true
    await Promise.all([dumped, echoed])
    this.#client.send({ ...passing, command: 'delete_strict' })
    await this.#barrier()
    dumping.close()
    echoing.close()
    return { flowMods, echoes, dumps }
  }

  /** When a switch that is just starting has told that it has so many flows, in ms since 1970. */
  async counted({ count }: { count: number }): Promise<number> {
    this.#client.close()
    const ask = async (): Promise<Uint8Array> => {
      try {
        this.#client = await OpenFlowClient.connect(this.#port)
        return (await this.#client.request({ type: 'stats_request', more: false, body: { kind: 'aggregate', ...everyFlow } })).bytes
      } catch {
        await delay(5)
        return ask()
      }
    }
    const bytes = await ask()
    const at = Date.now()
    const told = Buffer.from(bytes).readUInt32BE(32)
    if (told !== count) throw new Error(`the switch tells of ${told} flows, and not of ${count}`)
    return at
  }
  /** When a switch whose target is just starting has answered for a flow that comes and goes behind the others, in ms since 1970. */
  async writable(): Promise<number> {
    const passing = plainFlow(-1, 1)
    this.#client.send(passing)
    await this.#barrier()
    const at = Date.now()
    this.#client.send({ ...passing, command: 'delete_strict' })
    await this.#barrier()
    return at
  }
  /** How many flows the target itself has. */
  held(): Promise<number> { return flowsHeldAt(TARGET_PORT) }

  close(): void { this.#client.close() }

  async #barrier(): Promise<void> {
    await this.#client.request({ type: 'barrier_request' })
    this.#client.check()
  }

  #rounds(count: number, window: number, send: () => void, received: () => void): Promise<number> {
    return new Promise((resolve) => {
      const begin = performance.now()
      let sent = 0
      let done = 0
      this.#client.onFrame = (frame) => {
        if (frame.type !== Type.PACKET_IN) return
        received()
        if (sent < count) {
          sent++
          send()
        }
        if (++done < count) return
        this.#client.onFrame = () => undefined
        resolve(performance.now() - begin)
      }
      for (; sent < Math.min(window, count); sent++) send()
    })
  }
}

const everyFlow = { tableId: Table.ALL, outPort: Port.ANY, outGroup: 0xffffffff, cookie: 0n, cookieMask: 0n, match: [] } as const

export const packetOut = (port: number, inPort: number, data: Uint8Array): Message =>
  ({ type: 'packet_out', bufferId: NO_BUFFER, inPort, match: [], actions: [output(port)], data })

async function dumpOf(client: OpenFlowClient): Promise<{ ms: number; flows: number }> {
  const xid = client.nextXid()
  let flows = 0
  const done = new Promise<void>((resolve) => {
    client.onFrame = (frame) => {
      if (frame.type !== Type.STATS_REPLY || frame.xid !== xid) return
      flows += countFlows(frame)
      if ((frame.bytes[11] ?? 0) % 2 === 0) resolve()
    }
  })
  const begin = performance.now()
  client.write(bytesOf({ type: 'stats_request', more: false, body: { kind: 'flow', ...everyFlow } }, xid))
  await done
  const ms = performance.now() - begin
  client.onFrame = () => undefined
  client.check()
  return { ms, flows }
}

/** Without decoding: the load generator is not to be what is measured. OF 1.3.5 §7.3.5.2 */
function countFlows({ bytes }: Frame): number {
  let flows = 0
  for (let at = 16; at + 2 <= bytes.length; flows++) at += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  return flows
}
