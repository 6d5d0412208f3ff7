/**
 * The bare client: the same flows and packets as entries and messages of P4Runtime, made beforehand, with nothing between
 * them and the target. It is what ofswitchd would be if translating cost nothing.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Compiler, readContract } from '../../src/compiler/index.js'
import { Port } from '../../src/openflow/index.js'
import type { FlowMod } from '../../src/openflow/index.js'
import { Connection } from '../../src/p4runtime/connection.js'
import { clearTarget } from '../../src/p4runtime/clear.js'
import { bmv2Limits, encodeUpdate } from '../../src/p4runtime/encode.js'
import { GrpcService } from '../../src/p4runtime/index.js'
import { PacketIo } from '../../src/p4runtime/packet-io.js'
import { pipelineConfig } from '../../src/p4runtime/pipeline-config.js'
import type { PipelineConfig } from '../../src/p4runtime/pipeline-config.js'
import { UpdateChunks } from '../../src/p4proto/encoded-write.js'
import { p4 } from '../../src/p4proto/generated.js'
import { toUint64 } from '../../src/p4proto/int64.js'
import { addFlow, apply, frameTo, MISS_PRIORITY, output, plainFlow, toAddress } from './flows.js'
import type { Load } from './load.js'

const folder = join(process.cwd(), 'p4')

export class P4RuntimeLoad implements Load {
  readonly #connection: Connection
  readonly #config: PipelineConfig
  readonly #ports: readonly number[]
  readonly #packetIo: PacketIo
  #compiler: Compiler
  readonly #chunks = new UpdateChunks()
  #flowId = 1
  #onPacket: () => void = () => undefined

  private constructor(connection: Connection, config: PipelineConfig, ports: readonly number[]) {
    this.#connection = connection
    this.#config = config
    this.#ports = ports
    this.#packetIo = new PacketIo(config.index)
    this.#compiler = this.#newCompiler()
  }

  static async open(port: number, ports: readonly number[]): Promise<P4RuntimeLoad> {
    const config = pipelineConfig(readFileSync(join(folder, 'ofswitchd.p4info.txtpb'), 'utf8'), readFileSync(join(folder, 'ofswitchd.json')))
    let onPacket = (): void => undefined
    const connection = await new Promise<Connection>((resolve, reject) => {
      const opened: Connection = new Connection(new GrpcService(`127.0.0.1:${port}`), { deviceId: 1n, electionId: { high: 1n, low: 0n }, arbitrationTimeoutMs: 10_000 }, {
        onPrimary: () => resolve(opened), onStandby: reject, onEnd: reject,
        onMessage: (message) => { if (message.packet) onPacket() },
      })
      opened.open()
    })
    await connection.push(config.p4info, config.deviceConfig, config.cookie)
    const load = new P4RuntimeLoad(connection, config, ports)
    onPacket = () => load.#onPacket()
    await load.#prepare()
    return load
  }

  async #prepare(): Promise<void> {
    await this.#connection.write(this.#updates(this.#compiler.plan([{ op: 'set_ports', ports: this.#ports.map((portNo) => ({ portNo, config: 0, linkUp: true })) }])))
  }

  async clear(): Promise<void> {
    await clearTarget(this.#connection, this.#config.index, this.#config.p4info)
    this.#compiler = this.#newCompiler()
    await this.#prepare()
  }

  /** In Writes of `batch` updates, `inFlight` of them at a time. */
  async pipelined({ first, count, tables, batch = 200, inFlight = 1 }: { first: number; count: number; tables: number; batch?: number; inFlight?: number }): Promise<number> {
    const updates = Array.from({ length: count }, (_, n) => this.#entries(plainFlow(first + n, tables))).flat()
    const begin = performance.now()
    let at = 0
    const lane = async (): Promise<void> => {
      while (at < updates.length) {
        const part = updates.slice(at, at + batch)
        at += batch
        await this.#connection.write(part)
      }
    }
    await Promise.all(Array.from({ length: inFlight }, lane))
    return performance.now() - begin
  }

  async single({ count }: { count: number }): Promise<number[]> {
    const times: number[] = []
    for (let n = 0; n < count; n++) {
      const updates = this.#entries(plainFlow(n, 1))
      const begin = performance.now()
      await this.#connection.write(updates)
      times.push(performance.now() - begin)
    }
    return times
  }

  async loop({ count, window }: { count: number; window: number }): Promise<number> {
    await this.#connection.write(this.#entries(addFlow(0, [], apply(output(Port.CONTROLLER)), MISS_PRIORITY)))
    const packet = this.#packet(1, 0, frameTo(1))
    return this.#rounds(count, window, () => this.#connection.send(packet), () => undefined)
  }

  async reactive({ count, window }: { count: number; window: number }): Promise<number> {
    await this.#connection.write(this.#entries(addFlow(0, [], apply(output(Port.CONTROLLER)), MISS_PRIORITY)))
    const entries = Array.from({ length: count }, (_, n) => this.#entries(addFlow(0, toAddress(1_000_000 + n), apply(output(2)))))
    let next = 0
    let learnt = 0
    let waiting: p4.v1.IUpdate[] = []
    let writing: Promise<void> | null = null
    const write = (): void => {
      if (writing !== null || waiting.length === 0) return
      const part = waiting
      waiting = []
      writing = this.#connection.write(part).then(() => {
        writing = null
        write()
      })
    }
    const begin = performance.now()
    await this.#rounds(count, window, () => this.#connection.send(this.#packet(1, 0, frameTo(1_000_000 + next++))), () => {
      waiting.push(...entries[learnt] ?? [])
      write()
      this.#connection.send(this.#packet(0, 2, frameTo(1_000_000 + learnt++)))
    })
    while (writing !== null) await (writing as Promise<void>)
    return performance.now() - begin
  }

  close(): void { void this.#connection.end('done') }

  #packet(kind: number, value: number, payload: Uint8Array): p4.v1.IStreamMessageRequest {
    const encoded = this.#packetIo.encode(payload, { kind: BigInt(kind), value: BigInt(value), in_port: 1n, in_port_hw: 1n })
    if (!encoded.ok) throw new Error(encoded.reason)
    return { packet: encoded.value }
  }

  #rounds(count: number, window: number, send: () => void, received: () => void): Promise<number> {
    return new Promise((resolve) => {
      const begin = performance.now()
      let sent = 0
      let done = 0
      this.#onPacket = () => {
        received()
        if (sent < count) {
          sent++
          send()
        }
        if (++done === count) resolve(performance.now() - begin)
      }
      for (; sent < Math.min(window, count); sent++) send()
    })
  }

  #newCompiler(): Compiler {
    return new Compiler({ contract: readContract(this.#config.index), targetPorts: new Map(Array.from({ length: 32 }, (_, at) => [at + 1, at + 1])) })
  }
  #entries({ tableId, priority, match, instructions }: FlowMod): p4.v1.IUpdate[] {
    return this.#updates(this.#compiler.plan([{ op: 'add_flow', flow: { id: this.#flowId++, tableId, priority, match, instructions, cookie: 0n, idleTimeout: 0 } }]))
  }
  #updates(plan: ReturnType<Compiler['plan']>): p4.v1.IUpdate[] {
    if (plan.refused) throw new Error(`${plan.error}: ${plan.reasons.join('; ')}`)
    this.#compiler.committed(plan)
    return plan.updates.flatMap(({ update }) => {
      const encoded = encodeUpdate(update, this.#config.index, bmv2Limits, this.#chunks)
      if (!encoded.ok) throw new Error(encoded.reason)
      const { chunk, start, end } = encoded.value
      const { updates }: p4.v1.WriteRequest = p4.v1.WriteRequest.decode(chunk.slice(start, end))
      return updates
    })
  }
}

/** The number of entries in the flow tables of a target with our pipeline. */
export async function flowsHeldAt(port: number): Promise<number> {
  const { index } = pipelineConfig(readFileSync(join(folder, 'ofswitchd.p4info.txtpb'), 'utf8'), readFileSync(join(folder, 'ofswitchd.json')))
  const names = readContract(index).tables.flatMap(({ table, twins }) => (twins === null ? [table] : [table, twins.twin, twins.rest]))
  const tables = names.map((table) => ({ tableEntry: { tableId: index.tables.get(table)?.id ?? 0 } }))
  const service = new GrpcService(`127.0.0.1:${port}`)
  try {
    return (await service.read({ deviceId: toUint64(1n), entities: tables })).length
  } finally {
    await service.close()
  }
}
